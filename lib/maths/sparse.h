/* sparse: rows of few numbers among many columns. */
#ifndef TR_SPARSE_H
#define TR_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row: n pairs (index, value), indices distinct, in any but a fixed order. Borrowed. */
typedef struct {
    const uint32_t *index;
    const float *value;
    size_t n;
} tr_sparse_row;

/* A row as models see it: its sparse part, and its dense view where there is one (NULL: none).
 * Borrowed; how many numbers the view has is known to whoever reads it. */
typedef struct {
    tr_sparse_row sparse;
    const float *dense;
} tr_row;

/* Compressed rows, appended one by one. Zero-initialise; free with tr_sparse_free. */
typedef struct {
    uint64_t *start; /* rows + 1 offsets; NULL while there are no rows */
    uint32_t *index;
    float *value;
    size_t rows;
    /* private */
    size_t start_capacity, index_capacity, value_capacity;
} tr_sparse;

bool tr_sparse_add(tr_sparse *m, tr_sparse_row row); /* copies; false when memory is out */
void tr_sparse_free(tr_sparse *m);

static inline tr_sparse_row tr_sparse_at(const tr_sparse *m, size_t i)
{
    return (tr_sparse_row){m->index + m->start[i], m->value + m->start[i],
                           (size_t)(m->start[i + 1] - m->start[i])};
}

#endif
