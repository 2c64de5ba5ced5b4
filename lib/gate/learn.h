/* learn: fits acceptors, and gates a model stream by them.
 *
 * Upstream: la, acceptor, stream. Downstream: tr-gate. */
#ifndef TR_LEARN_H
#define TR_LEARN_H

#include "doors/io.h"
#include "gate/acceptor.h"
#include "gate/heldout.h"
#include "gate/stream.h"
#include "ground/err.h"

#include <stddef.h>
#include <stdint.h>

/* Fits on rows[0..n) of h (TRAIN only); seen[i], agree[i] and weight[i] belong to h's row i.
 * skip_fold >= 0: without that fold's rows. Newton's method with a ridge. Free *a with
 * tr_acceptor_free. */
TR_MUST tr_code tr_learn_acceptor(tr_acceptor *a, uint32_t mask, const tr_heldout *h,
                                  const tr_acceptor_row *seen, const uint8_t *agree,
                                  const float *weight, const uint32_t *rows, size_t n,
                                  int skip_fold, uint32_t labels, tr_err *err);

/* Fits on TRAIN the acceptors of all members (features by `mask`) and of the cascades of the three
 * best of them, scores every held-out row (TRAIN rows by an acceptor fitted without their fold),
 * and writes the stream with its GATE and CASC sections new. */
TR_MUST tr_code tr_learn_gate(tr_stream *s, uint32_t mask, tr_writer *out, tr_err *err);

#endif
