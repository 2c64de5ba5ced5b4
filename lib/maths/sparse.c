#include "maths/sparse.h"

#include "ground/mem.h"

#include <stdlib.h>
#include <string.h>

bool tr_sparse_add(tr_sparse *m, tr_sparse_row row)
{
    size_t at = m->rows ? (size_t)m->start[m->rows] : 0;
    if (!tr_mem_reserve((void **)&m->start, &m->start_capacity, m->rows + 2, sizeof *m->start) ||
        !tr_mem_reserve((void **)&m->index, &m->index_capacity, at + row.n + 1, sizeof *m->index) ||
        !tr_mem_reserve((void **)&m->value, &m->value_capacity, at + row.n + 1, sizeof *m->value))
        return false;
    m->start[0] = 0;
    if (row.n) {
        memcpy(m->index + at, row.index, row.n * sizeof *row.index);
        memcpy(m->value + at, row.value, row.n * sizeof *row.value);
    }
    m->rows++;
    m->start[m->rows] = at + row.n;
    return true;
}

void tr_sparse_free(tr_sparse *m)
{
    free(m->start);
    free(m->index);
    free(m->value);
    *m = (tr_sparse){0};
}
