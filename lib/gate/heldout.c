#include "gate/heldout.h"

#include "ground/hash.h"
#include "ground/mem.h"
#include "traces/trace.h"

#include <math.h>
#include <stdlib.h>

enum { ROW_BYTES = 40, SUMMARY_BYTES = 36 };

/* ---- sides ---- */

typedef struct {
    uint64_t order, group;
    uint32_t index;
} ordered;

static int by_order(const void *a, const void *b)
{
    const ordered *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_group(const void *a, const void *b)
{
    const ordered *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return by_order(a, b);
}

size_t tr_heldout_side(const tr_heldout *h, int side, uint64_t seed, uint32_t **out)
{
    ordered *o = tr_mem_array(h->n, sizeof *o);
    *out = tr_mem_array(h->n, sizeof **out);
    if (!o || !*out) {
        free(o);
        free(*out);
        *out = NULL;
        return SIZE_MAX;
    }
    tr_hash_key key = tr_hash_derive(seed, "order");
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        if (h->rows[i].side == side)
            o[n++] =
                (ordered){side == TR_SIDE_CALIBRATION ? tr_hash_keyed_u64(key, h->rows[i].row) : 0,
                          h->rows[i].group, (uint32_t)i};
    if (side == TR_SIDE_CALIBRATION) {
        qsort(o, n, sizeof *o, by_group);
        size_t kept = 0;
        for (size_t k = 0; k < n; k++)
            if (!k || o[k].group != o[k - 1].group)
                o[kept++] = o[k];
        n = kept;
        qsort(o, n, sizeof *o, by_order);
    }
    for (size_t k = 0; k < n; k++)
        (*out)[k] = o[k].index;
    free(o);
    return n;
}

/* ---- binary form ---- */

void tr_heldout_write(const tr_heldout *h, tr_buf *out)
{
    tr_le_put_u64(out, h->n);
    for (size_t i = 0; i < h->n; i++) {
        const tr_heldout_row *r = &h->rows[i];
        tr_le_put_u64(out, r->row);
        tr_le_put_u64(out, r->group);
        tr_le_put_u32(out, r->label);
        tr_le_put_f32(out, r->weight);
        tr_le_put_f32(out, r->unseen);
        tr_le_put_f32(out, r->near);
        tr_le_put_u8(out, r->side);
        tr_le_put_u8(out, r->fold);
        tr_le_put_u16(out, 0);
        tr_le_put_u32(out, 0);
    }
}

tr_code tr_heldout_read(tr_heldout *h, tr_le_reader *r, uint32_t labels, tr_err *err)
{
    *h = (tr_heldout){0};
    uint64_t n = tr_le_u64(r);
    if (r->failed || n > tr_le_left(r) / ROW_BYTES || n >= UINT32_MAX)
        return tr_err_set(err, TR_DATA, "the held-out rows are cut off");
    h->rows = tr_mem_array((size_t)n, sizeof *h->rows);
    if (!h->rows)
        return tr_err_memory(err);
    h->n = (size_t)n;
    for (size_t i = 0; i < h->n; i++) {
        tr_heldout_row *row = &h->rows[i];
        row->row = tr_le_u64(r);
        row->group = tr_le_u64(r);
        row->label = tr_le_u32(r);
        row->weight = tr_le_f32(r);
        row->unseen = tr_le_f32(r);
        row->near = tr_le_f32(r);
        row->side = tr_le_u8(r);
        row->fold = tr_le_u8(r);
        tr_le_u16(r);
        tr_le_u32(r);
        if ((row->label >= labels && row->label != TR_LABEL_NONE) || row->side < TR_SIDE_TRAIN ||
            row->side > TR_SIDE_TEST || !(row->weight > 0) || !isfinite(row->weight) ||
            !isfinite(row->unseen) || !isfinite(row->near)) {
            tr_heldout_free(h);
            return tr_err_set(err, TR_DATA, "a held-out row is malformed");
        }
    }
    return TR_OK;
}

void tr_heldout_free(tr_heldout *h)
{
    free(h->rows);
    *h = (tr_heldout){0};
}

void tr_heldout_write_summaries(const tr_softmax_summary *s, size_t n, tr_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        tr_le_put_u32(out, s[i].label);
        tr_le_put_f32s(out, s[i].p, 3);
        tr_le_put_f32(out, s[i].entropy);
        tr_le_put_f32(out, s[i].top);
        tr_le_put_f32(out, s[i].gap);
        tr_le_put_f32(out, s[i].evidence);
        tr_le_put_f32(out, s[i].agreement);
    }
}

tr_code tr_heldout_read_summaries(tr_softmax_summary *s, size_t n, uint32_t labels, tr_le_reader *r,
                                  tr_err *err)
{
    if (n > tr_le_left(r) / SUMMARY_BYTES)
        return tr_err_set(err, TR_DATA, "the held-out results are cut off");
    for (size_t i = 0; i < n; i++) {
        s[i].label = tr_le_u32(r);
        for (int k = 0; k < 3; k++)
            s[i].p[k] = tr_le_f32(r);
        s[i].entropy = tr_le_f32(r);
        s[i].top = tr_le_f32(r);
        s[i].gap = tr_le_f32(r);
        s[i].evidence = tr_le_f32(r);
        s[i].agreement = tr_le_f32(r);
        if (s[i].label >= labels || !isfinite(s[i].p[0]) || !isfinite(s[i].p[1]) ||
            !isfinite(s[i].p[2]) || !isfinite(s[i].entropy) || !isfinite(s[i].top) ||
            !isfinite(s[i].gap) || !isfinite(s[i].evidence) || !isfinite(s[i].agreement))
            return tr_err_set(err, TR_DATA, "a held-out result is malformed");
    }
    return r->failed ? tr_err_set(err, TR_DATA, "the held-out results are cut off") : TR_OK;
}
