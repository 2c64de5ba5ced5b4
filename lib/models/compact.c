#include "models/compact.h"

#include "ground/mem.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 127, LINE = 64 };

tr_code tr_compact_make(tr_compact *c, const tr_linear *m, tr_err *err)
{
    size_t rows = tr_linear_rows(m), bytes;
    *c = (tr_compact){
        .labels = m->labels, .columns = m->columns, .dims = m->dims, .width = m->width};
    if (!tr_mem_multiply(rows, m->width + sizeof(float), &bytes) ||
        !(c->owned = tr_mem_zero(bytes, 1)))
        return tr_err_memory(err);
    float *scale = c->owned;
    int8_t *weight = (int8_t *)(scale + rows);
    for (size_t f = 0; f < rows; f++) {
        const float *w = m->weight + f * m->width;
        float most = 0;
        for (size_t l = 0; l < m->width; l++)
            most = fabsf(w[l]) > most ? fabsf(w[l]) : most;
        scale[f] = most / MOST;
        for (size_t l = 0; most > 0 && l < m->width; l++)
            weight[f * m->width + l] = (int8_t)lrintf(w[l] / most * MOST);
    }
    c->scale = scale;
    c->weight = weight;
    return TR_OK;
}

void tr_compact_free(tr_compact *c)
{
    free(c->owned);
    *c = (tr_compact){0};
}

void tr_compact_decide(const tr_compact *c, tr_row row, float *z)
{
    uint32_t intercept = c->columns + c->dims;
    float one = 1;
    memset(z, 0, c->width * sizeof *z);
    tr_dot_gather_bytes(c->weight, c->scale, c->width, (tr_sparse_row){&intercept, &one, 1}, z);
    tr_dot_gather_bytes(c->weight, c->scale, c->width, row.sparse, z);
    if (c->dims)
        tr_dot_gather_dense_bytes(c->weight + c->columns * c->width, c->scale + c->columns,
                                  c->width, row.dense, c->dims, z);
}

void tr_compact_write(const tr_compact *c, tr_buf *out)
{
    size_t rows = (size_t)c->columns + c->dims + 1;
    tr_le_put_u32(out, c->labels);
    tr_le_put_u32(out, c->columns);
    tr_le_put_u32(out, (uint32_t)c->width);
    tr_le_put_u32(out, c->dims);
    tr_le_put_f32s(out, c->scale, rows);
    tr_le_align(out, LINE);
    tr_buf_add(out, c->weight, rows * c->width);
    tr_le_align(out, 8);
}

tr_code tr_compact_read(tr_compact *c, tr_le_reader *r, uint32_t labels, uint32_t columns,
                        uint32_t dims, tr_err *err)
{
    *c = (tr_compact){.labels = tr_le_u32(r), .columns = tr_le_u32(r)};
    c->width = tr_le_u32(r);
    c->dims = tr_le_u32(r);
    if (r->failed || c->labels != labels || c->columns != columns || c->dims != dims ||
        c->width != tr_dot_width(labels))
        return tr_err_set(err, TR_DATA, "a model does not fit its labels or its features");
    size_t size, rows = (size_t)columns + dims + 1;
    c->scale = tr_le_f32s(r, rows);
    tr_le_skip_align(r, LINE);
    if (tr_mem_multiply(rows, c->width, &size))
        c->weight = (const int8_t *)tr_le_bytes(r, size);
    tr_le_skip_align(r, 8);
    if (r->failed || !c->scale || !c->weight)
        return tr_err_set(err, TR_DATA, "a model is cut off");
    for (size_t f = 0; f < rows; f++)
        if (!isfinite(c->scale[f]))
            return tr_err_set(err, TR_DATA, "a model has a scale that is no number");
    return TR_OK;
}
