/* heldout: what the members of a zoo said of rows that they were not fitted on.
 *
 * Rows of TRAIN are held out by folds, those of CALIBRATION and TEST altogether. No text, no
 * features: only what the gate and the certificate need. Upstream: zoo. Downstream: acceptor,
 * stream, calibrate. */
#ifndef TR_HELDOUT_H
#define TR_HELDOUT_H

#include "ground/err.h"
#include "ground/le.h"
#include "models/softmax.h"
#include "traces/labels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t row, group; /* identities (trace.h) */
    uint32_t label;      /* TR_LABEL_NONE: of no label that can be answered */
    float weight;        /* in selection */
    float unseen;        /* share of word grams that no (other) training row has */
    float near;          /* how near its dense view is to the log's (novelty.h); 0: none */
    uint8_t side;        /* tr_side */
    uint8_t fold;        /* of held-out TRAIN rows, for fitting the gate across */
} tr_heldout_row;

/* The log's held-out rows; the members' summaries stand in the same order. */
typedef struct {
    tr_heldout_row *rows;
    size_t n;
} tr_heldout;

/* The rows of one side, as indices: TRAIN in the order given; CALIBRATION in calibration order (by
 * the keyed hash of the row, `seed`), one row a group (the one with the least order hash).
 * *out is malloced. Returns their number; SIZE_MAX when memory is out. */
size_t tr_heldout_side(const tr_heldout *h, int side, uint64_t seed, uint32_t **out);

void tr_heldout_write(const tr_heldout *h, tr_buf *out);
TR_MUST tr_code tr_heldout_read(tr_heldout *h, tr_le_reader *r, uint32_t labels, tr_err *err);
void tr_heldout_free(tr_heldout *h);

/* Summaries, n of them: 9 × 4 bytes each. */
void tr_heldout_write_summaries(const tr_softmax_summary *s, size_t n, tr_buf *out);
TR_MUST tr_code tr_heldout_read_summaries(tr_softmax_summary *s, size_t n, uint32_t labels,
                                          tr_le_reader *r, tr_err *err);

#endif
