#include "embed/batch.h"

#include <stdlib.h>

void tr_batch_clear(tr_batch *b)
{
    b->state = TR_BATCH_OPEN;
    tr_buf_clear(&b->lines);
    tr_buf_clear(&b->texts);
    b->n = b->n_texts = b->done = b->width = b->limit = b->count = b->dimensions = 0;
    b->tries = 0;
}

void tr_batch_free(tr_batch *b)
{
    tr_buf_free(&b->lines);
    tr_buf_free(&b->texts);
    tr_buf_free(&b->body);
    free(b->entries);
    free(b->vectors);
}

bool tr_batch_add(tr_batch *b, tr_str line, const tr_row *row)
{
    if (!tr_mem_reserve((void **)&b->entries, &b->capacity, b->n + 1, sizeof *b->entries))
        return false;
    tr_batch_line *e = &b->entries[b->n++];
    *e = (tr_batch_line){
        .row = *row, .line = b->lines.size, .size = line.size, .text = b->texts.size};
    e->row.text = tr_str_of(NULL, 0); /* it was borrowed */
    e->wants = row->is_row && !row->is_embedded;
    tr_buf_add_str(&b->lines, line);
    if (e->wants) {
        e->text_size = row->text.size;
        tr_buf_add_str(&b->texts, row->text);
        b->n_texts++;
    }
    return !b->lines.failed && !b->texts.failed;
}

void tr_batch_seal(tr_batch *b)
{
    b->width = b->limit = b->n_texts;
    b->state = b->n_texts ? TR_BATCH_READY : TR_BATCH_DONE;
}

const tr_batch_line *tr_batch_first_left(const tr_batch *b)
{
    size_t texts = 0;
    const tr_batch_line *e = b->entries;
    while (texts + e->wants <= b->done)
        texts += (e++)->wants;
    return e;
}

void tr_batch_texts(const tr_batch *b, tr_str *texts)
{
    const char *all = tr_buf_str(&b->texts).data;
    size_t n = 0;
    for (const tr_batch_line *e = tr_batch_first_left(b); n < b->width; e++)
        if (e->wants)
            texts[n++] = tr_str_of(all + e->text, e->text_size);
}

tr_code tr_batch_accept(tr_batch *b, const tr_protocol *p, tr_str answer, tr_err *err)
{
    size_t d = 0, before = b->count;
    tr_code code = tr_protocol_read(p, answer, b->width, &b->vectors, &b->count, &b->room, &d, err);
    if (code == TR_OK && b->done > 0 && d != b->dimensions) {
        b->count = before;
        code = tr_err_set(err, TR_DATA, "it sent vectors of %zu numbers, now of %zu", b->dimensions,
                          d);
    }
    if (code != TR_OK)
        return code;
    b->dimensions = d;
    b->done += b->width;
    b->tries = 0;
    size_t left = b->n_texts - b->done;
    b->width = b->limit < left ? b->limit : left;
    b->state = left ? TR_BATCH_READY : TR_BATCH_DONE;
    return TR_OK;
}

bool tr_batch_halve(tr_batch *b)
{
    if (b->width < 2)
        return false;
    b->width = b->limit = (b->width + 1) / 2;
    b->tries = 0;
    b->state = TR_BATCH_READY;
    return true;
}
