/* novelty: how unlike the log an input is.
 *
 * Up to three things are looked at: the evidence (ln of the sum of exp of the scaled decision
 * values), the share of word grams that the log lacks, and, with embeddings, how near the row is to
 * the log. Each becomes a tail share: how rare so little of it is among the training rows, each
 * taken as if it were new. Novelty is minus the logarithm of their product; larger is stranger.
 * Ranks, so that it means the same with 2 labels or 1,000.
 *
 * Upstream: heldout, network. Downstream: calibrate, policy, route. */
#ifndef TR_NOVELTY_H
#define TR_NOVELTY_H

#include "gate/heldout.h"
#include "ground/err.h"
#include "ground/le.h"
#include "models/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_NOVELTY_KNOTS = 72 };

/* ln of the share of training rows at or below a value, at a few values; linear between them. */
typedef struct {
    uint32_t n;
    float value[TR_NOVELTY_KNOTS], log_share[TR_NOVELTY_KNOTS]; /* both rise */
} tr_novelty_tail;

typedef struct {
    tr_novelty_tail evidence, seen; /* seen: minus the unseen share; no knots: no text */
    tr_novelty_tail near;           /* no knots: rows have no nearness */
} tr_novelty;

/* How near a row of the dense view is to the log; 0 where there is no network to tell. room: see
 * tr_novelty_room. The same bits on every machine. */
float tr_novelty_near(const tr_network *near, const float *dense, float *room);
size_t tr_novelty_room(const tr_network *near); /* floats */

/* From the held-out rows[0..n) of TRAIN, n >= 1; summary: of the member whose evidence counts.
 * text, near: whether rows have an unseen share, and a nearness. */
TR_MUST tr_code tr_novelty_fit(tr_novelty *v, const tr_heldout *h,
                               const tr_softmax_summary *summary, bool text, bool near,
                               const uint32_t *rows, size_t n, tr_err *err);
/* >= 0. The same bits on every machine. */
float tr_novelty_of(const tr_novelty *v, float evidence, float unseen, float near);

void tr_novelty_write(const tr_novelty *v, tr_buf *out);
TR_MUST tr_code tr_novelty_read(tr_novelty *v, tr_le_reader *r, tr_err *err);

#endif
