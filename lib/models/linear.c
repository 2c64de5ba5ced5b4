#include "models/linear.h"

#include "ground/mem.h"
#include "maths/dot.h"

#include <stdlib.h>
#include <string.h>

void tr_linear_decide(const tr_linear *m, tr_sparse_row row, float *z)
{
    memcpy(z, m->weight + (size_t)m->columns * m->width, m->width * sizeof *z);
    tr_dot_gather(m->weight, m->width, row, z);
}

void tr_linear_free(tr_linear *m)
{
    free(m->owned);
    *m = (tr_linear){0};
}

void tr_linear_write(const tr_linear *m, tr_buf *out)
{
    tr_le_put_u32(out, m->labels);
    tr_le_put_u32(out, m->columns);
    tr_le_put_u32(out, (uint32_t)m->width);
    tr_le_put_u32(out, 0);
    tr_le_put_f32s(out, m->weight, ((size_t)m->columns + 1) * m->width);
    tr_le_align(out, 8);
}

tr_code tr_linear_read(tr_linear *m, tr_le_reader *r, uint32_t labels, uint32_t columns,
                       tr_err *err)
{
    *m = (tr_linear){.labels = tr_le_u32(r), .columns = tr_le_u32(r)};
    m->width = tr_le_u32(r);
    tr_le_u32(r);
    if (r->failed || m->labels != labels || m->columns != columns ||
        m->width != tr_dot_width(labels))
        return tr_err_set(err, TR_DATA, "a model does not fit its labels or its vocabulary");
    size_t size;
    if (tr_mem_multiply((size_t)columns + 1, m->width, &size))
        m->weight = tr_le_f32s(r, size);
    tr_le_skip_align(r, 8);
    if (r->failed || !m->weight)
        return tr_err_set(err, TR_DATA, "a model is cut off");
    return TR_OK;
}
