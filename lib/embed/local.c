#include "embed/local.h"

#include "doors/npy.h"
#include "embed/vectors.h"
#include "ground/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tr_local {
    tr_local_kind kind;
    const char *name; /* of the file */
    tr_io_view view;
    tr_npy npy;
    tr_vectors *vectors;
    uint32_t dimensions;
    float *row;       /* one embedding */
    uint64_t next;    /* row of the .npy */
    uint64_t unknown; /* texts without a known word */
    tr_words words;
};

/* ---- the file ---- */

static tr_code open_file(tr_local *l, const char *file, tr_err *err)
{
    if (l->kind != TR_LOCAL_NPY && l->kind != TR_LOCAL_VEC)
        return TR_OK;
    tr_code code = tr_io_map(file, &l->view, err);
    if (code != TR_OK)
        return code;
    l->name = strcmp(file, "-") == 0 ? "stdin" : file;
    tr_str bytes = tr_str_of(l->view.data, l->view.size);
    if (l->kind == TR_LOCAL_NPY) {
        if ((code = tr_npy_open(&l->npy, bytes, l->name, err)) != TR_OK)
            return code;
        l->dimensions = l->npy.columns;
    } else {
        if (!(l->vectors = tr_vectors_open(bytes, l->name, err)))
            return err->code;
        l->dimensions = tr_vectors_tell(l->vectors).dimensions;
    }
    l->row = tr_mem_array(l->dimensions, sizeof *l->row);
    return l->row ? TR_OK : tr_err_memory(err);
}

tr_local *tr_local_open(tr_local_kind kind, const char *file, tr_err *err)
{
    tr_local *l = tr_mem_zero(1, sizeof *l);
    if (!l) {
        tr_err_memory(err);
        return NULL;
    }
    l->kind = kind;
    if (open_file(l, file, err) == TR_OK)
        return l;
    tr_local_close(l);
    return NULL;
}

void tr_local_close(tr_local *l)
{
    if (!l)
        return;
    tr_vectors_close(l->vectors);
    tr_words_free(&l->words);
    free(l->row);
    if (l->view.data)
        tr_io_unmap(&l->view);
    free(l);
}

tr_code tr_local_check(const tr_local *l, uint64_t traces, tr_err *err)
{
    if (l->kind != TR_LOCAL_NPY || traces == l->npy.rows)
        return TR_OK;
    return tr_err_at(err, l->name, 0, "has %llu rows, but there are %llu traces",
                     (unsigned long long)l->npy.rows, (unsigned long long)traces);
}

/* ---- a row ---- */

static tr_code put_npy(void *context, const tr_row *row, tr_str line, tr_buf *out, tr_err *err)
{
    tr_local *l = context;
    if (l->next == l->npy.rows)
        return tr_err_at(err, row->file, row->number, "a trace too many: %s has %llu rows", l->name,
                         (unsigned long long)l->npy.rows);
    tr_npy_row(&l->npy, l->next++, l->row);
    tr_row_render(row, line, l->row, l->dimensions, out);
    return TR_OK;
}

static tr_code put_vec(void *context, const tr_row *row, tr_str line, tr_buf *out, tr_err *err)
{
    tr_local *l = context;
    size_t known;
    tr_code code = tr_vectors_embed(l->vectors, row->text, l->row, &known, err);
    if (code != TR_OK)
        return code;
    l->unknown += known == 0;
    tr_row_render(row, line, l->row, l->dimensions, out);
    return TR_OK;
}

static tr_code put_words(void *context, const tr_row *row, tr_str line, tr_buf *out, tr_err *err)
{
    tr_local *l = context;
    (void)line;
    return tr_vectors_spell(&l->words, row->text, out) ? TR_OK : tr_err_memory(err);
}

static tr_code put_none(void *context, const tr_row *row, tr_str line, tr_buf *out, tr_err *err)
{
    (void)context, (void)err;
    tr_row_render(row, line, NULL, 0, out);
    return TR_OK;
}

tr_code tr_local_copy(tr_local *l, tr_rows *rows, tr_reader *in, tr_writer *out, tr_err *err)
{
    static const tr_rows_each each[] = {[TR_LOCAL_NPY] = put_npy,
                                        [TR_LOCAL_VEC] = put_vec,
                                        [TR_LOCAL_WORDS] = put_words,
                                        [TR_LOCAL_STRIP] = put_none};
    tr_code code = tr_rows_copy(rows, in, out, l->kind == TR_LOCAL_WORDS, each[l->kind], l, err);
    return code == TR_OK ? tr_local_check(l, rows->count, err) : code;
}

void tr_local_summary(const tr_local *l, const tr_rows *rows, char *text, size_t size)
{
    char traces[TR_NUM_TEXT], old[TR_NUM_TEXT], unknown[TR_NUM_TEXT];
    tr_num_print_grouped(traces, rows->count);
    tr_num_print_grouped(old, rows->embedded);
    tr_num_print_grouped(unknown, l->unknown);
    switch (l->kind) {
    case TR_LOCAL_NPY:
        snprintf(text, size, "%s traces, %u numbers in each; %s embeddings replaced", traces,
                 l->dimensions, old);
        break;
    case TR_LOCAL_VEC:
        snprintf(text, size,
                 "%s traces, %u numbers in each; %s of them all zeros, without a known word; %s "
                 "embeddings replaced",
                 traces, l->dimensions, unknown, old);
        break;
    case TR_LOCAL_WORDS: snprintf(text, size, "the words of %s traces", traces); break;
    case TR_LOCAL_STRIP:
        snprintf(text, size, "%s traces, %s embeddings taken away", traces, old);
        break;
    }
}
