/* neighbours: the training rows themselves, and the search for the nearest ones.
 *
 * A short list is searched whole. A longer one lies in cells, groups of rows that are near one
 * another (an inverted file: Sivic, Zisserman 2003): a search looks into the cells whose middle is
 * the nearest until it has seen TR_NEIGHBOURS_SEEN rows, so that a request costs the same whatever
 * the length of the log. What it finds is what votes, in training as in routing.
 *
 * Rows of the dense view as bytes with a scale each; products of whole numbers, so that the order
 * of adding does not matter and the bits are the same on every machine. Similarity is the cosine.
 *
 * Upstream: dot, real. Downstream: surrogate, knn. */
#ifndef TR_NEIGHBOURS_H
#define TR_NEIGHBOURS_H

#include "ground/err.h"
#include "ground/le.h"

#include <stddef.h>
#include <stdint.h>

enum {
    TR_NEIGHBOURS_SEEN = 256,  /* rows that a search looks at, and the rest of the last cell */
    TR_NEIGHBOURS_MOST = 256,  /* k at most */
    TR_NEIGHBOURS_AT_ONCE = 64 /* rows that are searched for in one go at most */
};

typedef struct {
    uint32_t labels, dims, rows, k; /* k: neighbours that vote, at most `rows` */
    float sharpness;                /* a vote weighs exp(sharpness · (cosine − the nearest's)) */
    size_t stride;                  /* bytes from one row to the next */
    const int8_t *row;              /* rows × stride, zeros beyond dims; cell after cell */
    uint32_t cells;                 /* 1: every search looks at all rows */
    const uint32_t *start;          /* cells + 1: the first row of each cell, and their number */
    const int8_t *middle;           /* cells × stride, as rows */
    const float *middle_scale;
    const float *scale;    /* of each row: 1 / its length in bytes' units; 0 for a row of zeros */
    const float *prior;    /* of each label: its smoothed share of the rows */
    const uint32_t *label; /* of each row */
    void *owned;
} tr_neighbours;

/* Rows in cells: middle is cells × dims; the rows of cell c are start[c] .. start[c + 1] - 1. */
typedef struct {
    uint32_t cells;
    const uint32_t *start;
    const float *middle;
} tr_neighbours_cells;

/* x: rows (>= 1) × dims row-major; label[i] < labels; 1 <= k <= TR_NEIGHBOURS_MOST; cells NULL:
 * one. Copies. Free with tr_neighbours_free. */
TR_MUST tr_code tr_neighbours_make(tr_neighbours *m, const float *x, const uint32_t *label,
                                   uint32_t rows, uint32_t dims, uint32_t labels, uint32_t k,
                                   float sharpness, const tr_neighbours_cells *cells, tr_err *err);
void tr_neighbours_free(tr_neighbours *m);

typedef struct {
    uint32_t row; /* of the stored ones */
    float cosine;
} tr_neighbour;

/* The k nearest stored rows of each of n rows (n <= TR_NEIGHBOURS_AT_ONCE; x[i]: dims numbers),
 * nearest first, ties by the order in which they are looked at. With `fold` (of each stored row;
 * else NULL) the row i sees no stored row of the fold own[i]. found: n × k; count[i]: how many
 * there are, fewer than k only where it sees fewer, and none for a row of zeros. The same bits on
 * every machine. */
void tr_neighbours_search(const tr_neighbours *m, const float *const *x, size_t n,
                          const uint8_t *fold, const uint8_t *own, float *scratch,
                          tr_neighbour *found, uint32_t *count);
size_t tr_neighbours_search_room(const tr_neighbours *m, size_t n); /* floats of its scratch */

/* z: tr_dot_width(labels) floats, filled: ln of the labels' shares of the votes, smoothed by their
 * shares of all rows. */
void tr_neighbours_vote(const tr_neighbours *m, const tr_neighbour *found, uint32_t count,
                        float *z);

size_t tr_neighbours_room(const tr_neighbours *m); /* floats of scratch that one decision takes */
/* Searches, and has what is found vote. */
void tr_neighbours_decide(const tr_neighbours *m, const float *x, float *scratch, float *z);

/* Binary form. The payload must begin the cursor at a multiple of 64. `read` borrows. */
void tr_neighbours_write(const tr_neighbours *m, tr_buf *out);
TR_MUST tr_code tr_neighbours_read(tr_neighbours *m, tr_le_reader *r, uint32_t labels,
                                   uint32_t dims, tr_err *err);

#endif
