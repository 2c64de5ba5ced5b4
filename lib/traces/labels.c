#include "traces/labels.h"

#include "doors/io.h"
#include "doors/scan.h"
#include "ground/hash.h"

#include <stdlib.h>
#include <string.h>

static const tr_hash_key slot_key = {'l', 0};

void tr_labels_init(tr_labels *l)
{
    *l = (tr_labels){0};
    tr_arena_init(&l->arena);
}

void tr_labels_free(tr_labels *l)
{
    free(l->text);
    free(l->count);
    free(l->slots);
    tr_arena_free(&l->arena);
    *l = (tr_labels){0};
}

/* The slot that holds `text`, or the free one where it belongs. A slot is 0 or a number plus 1. */
static size_t slot_of(const tr_labels *l, tr_str text)
{
    size_t mask = l->n_slots - 1;
    size_t at = (size_t)tr_hash_keyed(slot_key, text.data, text.size) & mask;
    while (l->slots[at] && !tr_str_equal(l->text[l->slots[at] - 1], text))
        at = (at + 1) & mask;
    return at;
}

/* At most half of the slots are taken. */
static bool grow_slots(tr_labels *l)
{
    if (l->n_slots && (size_t)l->n + 1 <= l->n_slots / 2)
        return true;
    size_t n_slots = l->n_slots ? l->n_slots * 2 : 64;
    uint32_t *slots = tr_mem_zero(n_slots, sizeof *slots);
    if (!slots)
        return false;
    free(l->slots);
    l->slots = slots;
    l->n_slots = n_slots;
    for (uint32_t i = 0; i < l->n; i++)
        l->slots[slot_of(l, l->text[i])] = i + 1;
    return true;
}

uint32_t tr_labels_find(const tr_labels *l, tr_str text)
{
    if (!l->n_slots)
        return TR_LABEL_NONE;
    uint32_t taken = l->slots[slot_of(l, text)];
    return taken ? taken - 1 : TR_LABEL_NONE;
}

uint32_t tr_labels_add(tr_labels *l, tr_str text, uint64_t rows)
{
    uint32_t found = tr_labels_find(l, text);
    if (found != TR_LABEL_NONE) {
        l->count[found] += rows;
        return found;
    }
    bool ok = true;
    if (l->n >= UINT32_MAX - 2 || !grow_slots(l) ||
        !tr_mem_reserve((void **)&l->text, &l->capacity, (size_t)l->n + 1, sizeof *l->text) ||
        !tr_mem_reserve((void **)&l->count, &l->count_capacity, (size_t)l->n + 1, sizeof *l->count))
        return TR_LABEL_NONE;
    tr_str copy = tr_arena_copy(&l->arena, text, &ok);
    if (!ok)
        return TR_LABEL_NONE;
    l->slots[slot_of(l, copy)] = l->n + 1;
    l->text[l->n] = copy;
    l->count[l->n] = rows;
    return l->n++;
}

typedef struct {
    tr_str text;
    uint64_t count;
    uint32_t old;
} entry;

static int by_text(const void *a, const void *b)
{
    return tr_str_compare(((const entry *)a)->text, ((const entry *)b)->text);
}

tr_code tr_labels_sort(tr_labels *l, uint32_t *renumber, tr_err *err)
{
    if (l->n == 0)
        return TR_OK;
    entry *entries = tr_mem_array(l->n, sizeof *entries);
    if (!entries)
        return tr_err_memory(err);
    for (uint32_t i = 0; i < l->n; i++)
        entries[i] = (entry){l->text[i], l->count[i], i};
    qsort(entries, l->n, sizeof *entries, by_text);
    memset(l->slots, 0, l->n_slots * sizeof *l->slots);
    for (uint32_t i = 0; i < l->n; i++) {
        l->text[i] = entries[i].text;
        l->count[i] = entries[i].count;
        if (renumber)
            renumber[entries[i].old] = i;
    }
    for (uint32_t i = 0; i < l->n; i++)
        l->slots[slot_of(l, l->text[i])] = i + 1;
    free(entries);
    return TR_OK;
}

static tr_code add_line(tr_labels *l, tr_str line, const char *file, uint64_t number, tr_err *err)
{
    if (line.size == 0)
        return TR_OK;
    if (!tr_scan_utf8_valid(line))
        return tr_err_at(err, file, number, "not valid UTF-8");
    if (tr_labels_find(l, line) != TR_LABEL_NONE)
        return tr_err_at(err, file, number, "the label \"%.*s\" is listed twice",
                         (int)(line.size < 200 ? line.size : 200), line.data);
    if (tr_labels_add(l, line, 0) == TR_LABEL_NONE)
        return tr_err_memory(err);
    return TR_OK;
}

tr_code tr_labels_read_file(tr_labels *l, const char *file, tr_err *err)
{
    tr_reader *r = tr_reader_open(&file, 1, err);
    if (!r)
        return TR_SYSTEM;
    tr_code code = TR_OK;
    for (;;) {
        tr_str line;
        bool end = false;
        if ((code = tr_reader_line(r, &line, &end, err)) || end)
            break;
        if ((code = add_line(l, line, tr_reader_file(r), tr_reader_number(r), err)))
            break;
    }
    if (code == TR_OK && l->n == 0)
        code = tr_err_at(err, file, 0, "no labels: the file is empty");
    tr_reader_close(r);
    return code;
}

void tr_labels_write(const tr_labels *l, tr_buf *out)
{
    tr_le_put_u32(out, l->n);
    for (uint32_t i = 0; i < l->n; i++)
        tr_le_put_str(out, l->text[i]);
    tr_le_align(out, 8);
    tr_le_put_u64s(out, l->count, l->n);
}

tr_code tr_labels_read(tr_labels *l, tr_le_reader *r, tr_err *err)
{
    uint32_t n = tr_le_u32(r);
    /* Each label takes 4 bytes of length and 8 of count: more than fit are not believed. */
    if (r->failed || n > tr_le_left(r) / 12)
        return tr_err_set(err, TR_DATA, "the list of labels is cut off");
    for (uint32_t i = 0; i < n; i++) {
        tr_str text = tr_le_str(r);
        if (r->failed)
            return tr_err_set(err, TR_DATA, "the list of labels is cut off");
        if (tr_labels_find(l, text) != TR_LABEL_NONE)
            return tr_err_set(err, TR_DATA, "a label is listed twice");
        if (tr_labels_add(l, text, 0) == TR_LABEL_NONE)
            return tr_err_memory(err);
    }
    tr_le_skip_align(r, 8);
    for (uint32_t i = 0; i < n; i++)
        l->count[i] = tr_le_u64(r);
    if (r->failed)
        return tr_err_set(err, TR_DATA, "the list of labels is cut off");
    return TR_OK;
}
