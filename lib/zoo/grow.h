/* grow: columns of the dense view in bins, and trees grown on them by counting labels.
 *
 * A bin is one value of a column, or a run of neighbours where there are more values than bins. All
 * choices are made on ranks and exact counts, so a column may be transformed monotonically, and
 * rows may come in any order, without a tree's partition changing.
 *
 * Upstream: trees, training. Downstream: forest, boost, xgboost. */
#ifndef TR_GROW_H
#define TR_GROW_H

#include "ground/rng.h"
#include "models/trees.h"
#include "zoo/training.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TR_GROW_MOST_ROWS = 100000,
    TR_GROW_MOST_BINS = 65536,
    TR_GROW_MOST_LABELS = 65536,
    TR_GROW_DEPTH = 64
};

typedef struct {
    uint32_t dims;
    size_t rows;
    uint32_t *row;  /* of each: the training row that it is, ascending; all have a label */
    uint16_t *bin;  /* dims × rows column-major: the bin of each row */
    uint32_t *bins; /* of each column: how many */
    size_t *first;  /* of each column: its first bin in `low` and `high` */
    float *low, *high; /* of each bin: the least and the largest value in it */
} tr_grow_columns;

/* Columns of the training rows that have a label; of more than TR_GROW_MOST_ROWS a sample, and that
 * of rows outside fold `spared` alone (-1: none) if there are enough of them. TR_USAGE
 * where there is no dense view, or there are too many labels. Free with tr_grow_free. */
TR_MUST tr_code tr_grow_open(tr_grow_columns *c, const tr_training *t, uint32_t most_bins,
                             int spared, tr_err *err);
void tr_grow_free(tr_grow_columns *c);

/* A value between two bins of a column, `left` < `right`, none in between holding a row that
 * matters: rows of the one go left of it, rows of the other right. */
float tr_grow_threshold(const tr_grow_columns *c, uint32_t column, uint32_t left, uint32_t right);

typedef struct {
    unsigned depth;    /* at most TR_GROW_DEPTH */
    uint32_t features; /* looked at for a split, drawn anew each time; >= dims: all, in order */
    bool random;       /* one threshold a feature is drawn, among the bins, not searched for */
    float shrink;      /* a leaf's shares are counts / (rows + shrink) */
} tr_grow_options;

/* Room for growing trees of up to so many rows. Free with tr_grow_room_free. */
typedef struct tr_grow_room tr_grow_room;
tr_grow_room *tr_grow_room_open(const tr_grow_columns *c, uint32_t labels, size_t rows);
void tr_grow_room_free(tr_grow_room *room);

/* Adds to d one tree, whose splits make the labels' entropy least. at: the n rows (indices of rows
 * of c, as often as they count), in any order; they are reordered. label: of each row of c. */
void tr_grow_tree(const tr_grow_columns *c, const uint32_t *label, uint32_t *at, size_t n,
                  const tr_grow_options *o, tr_rng *rng, tr_grow_room *room, tr_trees_draft *d);

/* Fills the values of the scored rows of `fold`, by the trees with use[tree] alone (NULL: by all).
 * decision: scored rows × labels. */
TR_MUST tr_code tr_grow_score(const tr_training *t, unsigned fold, const tr_trees *m,
                              const bool *use, float *decision, tr_err *err);

#endif
