/* history: which rows earlier certificates have looked at, and what a further look may risk.
 *
 * A row serves one certificate. Whoever looks again at rows that an earlier one has counted gives
 * the i-th look delta_i = 6·delta / (pi² i²), which sum to delta over all looks when the first one
 * was counted so too. What earlier looks decided has shaped the training rows, so this is a prudent
 * budget, not a theorem.
 *
 * Rows are known by their identities (trace.h); those of the 4,096 least hashes among all that any
 * certificate of the chain has counted are kept, so up to that many rows every repetition is
 * noticed, and beyond it a share of r repeated rows goes unnoticed with a chance of (1 - r)^4096.
 *
 * Upstream: hash, le. Downstream: policy. */
#ifndef TR_HISTORY_H
#define TR_HISTORY_H

#include "ground/err.h"
#include "ground/le.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_HISTORY_ROWS = 4096, TR_HISTORY_LOOKS = 1000000 };

typedef struct {
    uint32_t look;    /* at rows of which some were counted before; 1: none was. 0: no history */
    bool counted;     /* the looks are counted from the first on (--look); else it took all delta */
    uint32_t follows; /* certificates before this one, refused ones too */
    double reused;    /* share of the calibration rows that were counted before, 0..1; exact where
                       * `exact` */
    bool exact;
    double spent;         /* sum of the risks of the looks at these rows, this one included */
    uint32_t deepest;     /* the greatest `look` of the chain, and the `spent` that went with it: */
    double deepest_spent; /* which rows of the chain come back is not told apart */
    char previous[33];    /* digest of the calibration rows of the one before; "": none */
    uint64_t *used;       /* hashes in rising order; owned */
    uint32_t n_used;
} tr_history;

/* 6·delta / (pi² look²). */
double tr_history_delta(double delta, uint32_t look);

/* What a certificate on `rows` (n identities) has behind it. before: the history of the policy that
 * it follows, NULL: none; its calibration digest in previous_digest ("" without). look 0: found out
 * from the rows; else as said. `delta`: the risk
 * of a first look; *left: what this one may take of it. TR_OK or TR_SYSTEM; free with
 * tr_history_free. */
TR_MUST tr_code tr_history_follow(tr_history *h, const tr_history *before,
                                  const char *previous_digest, const uint64_t *rows, size_t n,
                                  uint32_t look, double delta, double *left, tr_err *err);
void tr_history_free(tr_history *h);

void tr_history_write(const tr_history *h, tr_buf *out);
TR_MUST tr_code tr_history_read(tr_history *h, tr_le_reader *r, tr_err *err);

#endif
