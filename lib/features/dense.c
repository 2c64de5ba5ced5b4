#include "features/dense.h"

#include "ground/mem.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64 };

/* ---- the view of a row ---- */

void tr_dense_of_embedding(const tr_dense *v, const float *embedding, float *out)
{
    double part[4] = {0};
    uint32_t d = 0;
    for (; d + 4 <= v->dims; d += 4) /* four sums in turn: an order that is the same anywhere */
        for (int i = 0; i < 4; i++)
            part[i] += (double)embedding[d + i] * (double)embedding[d + i];
    for (; d < v->dims; d++)
        part[d & 3] += (double)embedding[d] * (double)embedding[d];
    double length = sqrt((part[0] + part[1]) + (part[2] + part[3]));
    memset(out, 0, tr_dot_width(v->dims) * sizeof *out);
    double inverse = length > 0 ? 1 / length : 0;
    for (d = 0; length > 0 && d < v->dims; d++)
        out[d] = ((float)((double)embedding[d] * inverse) - v->mean[d]) * v->scale;
}

void tr_dense_of_text(const tr_dense *v, tr_sparse_row row, float *out)
{
    memset(out, 0, tr_dot_width(v->dims) * sizeof *out);
    tr_dot_gather_bytes(v->axis, v->axis_scale, tr_dot_width(v->dims), row, out);
    for (uint32_t d = 0; d < v->dims; d++)
        out[d] = (out[d] - v->mean[d]) * v->scale;
}

void tr_dense_free(tr_dense *v)
{
    free(v->owned);
    *v = (tr_dense){0};
}

tr_code tr_dense_make(tr_dense *v, uint32_t dims, uint32_t columns, tr_err *err)
{
    size_t axis, size, width = tr_dot_width(dims);
    *v = (tr_dense){.dims = dims, .columns = columns, .scale = 1};
    if (!tr_mem_multiply(columns, width + sizeof(float), &axis) ||
        (size = axis + dims * sizeof(float)) < axis || !(v->owned = tr_mem_zero(size, 1)))
        return tr_err_memory(err);
    v->mean = v->owned;
    if (columns) {
        v->axis_scale = v->mean + dims;
        v->axis = (const int8_t *)(v->axis_scale + columns);
    }
    return TR_OK;
}

/* What a view is fitted on: embeddings, or sparse rows. */
typedef struct {
    const tr_dense *v;
    const float *const *embedding;
    const tr_sparse *x;
} source;

static void view_of(const source *s, size_t i, size_t n, float *out)
{
    if (s->embedding)
        tr_dense_of_embedding(s->v, s->embedding[i], out);
    else
        tr_dense_of_text(s->v, tr_sparse_at(s->x, i * s->x->rows / n), out);
}

/* Fills the mean and the scale, from n rows of the source. */
static tr_code centre(tr_dense *v, const source *s, size_t n, float length, tr_err *err)
{
    float *row = tr_mem_array(tr_dot_width(v->dims), sizeof *row), *mean = v->owned;
    double *sum = tr_mem_zero(v->dims, sizeof *sum), square = 0;
    if (!row || !sum) {
        free(row);
        free(sum);
        return tr_err_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        view_of(s, i, n, row);
        for (uint32_t d = 0; d < v->dims; d++)
            sum[d] += (double)row[d];
    }
    for (uint32_t d = 0; d < v->dims; d++)
        mean[d] = (float)(sum[d] / (double)n);
    for (size_t i = 0; i < n; i++) {
        view_of(s, i, n, row);
        for (uint32_t d = 0; d < v->dims; d++)
            square += (double)row[d] * (double)row[d];
    }
    square /= (double)n;
    /* rows that are all the same but for rounding stay where they are */
    v->scale = square > 1e-10 ? (float)((double)length / sqrt(square)) : 1;
    free(row);
    free(sum);
    return TR_OK;
}

tr_code tr_dense_centre_text(tr_dense *v, const tr_sparse *x, size_t n, float length, tr_err *err)
{
    source s = {.v = v, .x = x};
    return centre(v, &s, n, length, err);
}

tr_code tr_dense_fit_embeddings(tr_dense *v, const float *const *embedding, size_t n, uint32_t dims,
                                float length, tr_err *err)
{
    tr_code code = tr_dense_make(v, dims, 0, err);
    source s = {.v = v, .embedding = embedding};
    if (code == TR_OK)
        code = centre(v, &s, n, length, err);
    if (code != TR_OK)
        tr_dense_free(v);
    return code;
}

/* ---- binary form ---- */

void tr_dense_write(const tr_dense *v, tr_buf *out)
{
    tr_le_put_u32(out, v->dims);
    tr_le_put_u32(out, v->columns);
    tr_le_put_f32(out, v->scale);
    tr_le_put_f32s(out, v->mean, v->dims);
    if (v->columns) {
        tr_le_put_f32s(out, v->axis_scale, v->columns);
        tr_le_align(out, LINE);
        tr_buf_add(out, v->axis, v->columns * tr_dot_width(v->dims));
    }
    tr_le_align(out, 8);
}

static bool finite_all(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

tr_code tr_dense_read(tr_dense *v, tr_le_reader *r, uint32_t columns, tr_err *err)
{
    size_t size = 0;
    *v = (tr_dense){.dims = tr_le_u32(r), .columns = tr_le_u32(r)};
    v->scale = tr_le_f32(r);
    if (r->failed || v->dims > TR_DENSE_MOST || (v->columns && v->columns != columns))
        return tr_err_set(err, TR_DATA, "the dense view does not fit its vocabulary");
    v->mean = tr_le_f32s(r, v->dims);
    if (v->columns) {
        v->axis_scale = tr_le_f32s(r, columns);
        tr_le_skip_align(r, LINE);
        if (tr_mem_multiply(columns, tr_dot_width(v->dims), &size))
            v->axis = (const int8_t *)tr_le_bytes(r, size);
    }
    tr_le_skip_align(r, 8);
    if (r->failed || !v->mean || (v->columns && (!v->axis_scale || !v->axis)))
        return tr_err_set(err, TR_DATA, "the dense view is cut off");
    if (!isfinite(v->scale) || !finite_all(v->mean, v->dims) ||
        (v->columns && !finite_all(v->axis_scale, v->columns)))
        return tr_err_set(err, TR_DATA, "the dense view has a number that is none");
    return TR_OK;
}
