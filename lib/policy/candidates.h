/* candidates: what may be deployed from a model stream, as the rows that certify takes.
 *
 * Each member, gated by its acceptor and by its bare margin, and each cascade; with the novelty
 * guard that is part of their rule. Nothing here looks at a calibration label.
 *
 * Upstream: stream, novelty, certify. Downstream: calibrate, frontier. */
#ifndef TR_CANDIDATES_H
#define TR_CANDIDATES_H

#include "gate/certify.h"
#include "gate/novelty.h"
#include "gate/stream.h"
#include "ground/err.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_CANDIDATES_MOST = 2 * TR_STREAM_MEMBERS + TR_STREAM_CASCADES };

typedef struct {
    size_t member;     /* of the first stage */
    ptrdiff_t cascade; /* of the stream, or -1: one stage */
    bool gated;        /* by its acceptor; else by its margin */
    tr_certify_rows train, calibration, test;
} tr_contender;

typedef struct {
    const tr_stream *s;
    uint8_t *label_deferred;              /* one a label, 1: never answered; owned */
    uint32_t *train, *calibration, *test; /* held-out rows of each side, calibration in its order */
    size_t n_train, n_calibration, n_test;
    bool weighted;                         /* TRAIN rows differ in weight */
    tr_novelty novelty[TR_STREAM_MEMBERS]; /* of the guard of each member */
    float limit[TR_STREAM_MEMBERS];        /* novelty that is still inside */
    tr_contender list[TR_CANDIDATES_MOST];
    size_t n;
    tr_arena arena; /* the rows */
} tr_candidates;

typedef struct {
    tr_family family;        /* which ones to list; auto: all */
    double novelty;          /* share of ordinary traffic to defer as unlike the log; 0: no guard */
    const char *defer_label; /* labels never answered, separated by commas; NULL: none */
    uint64_t seed;           /* of the calibration order */
} tr_candidates_options;

/* Borrows s. TR_USAGE (a label of defer_label that the stream does not have; a family that the
 * stream has no candidate of), TR_DATA (no held-out row), TR_SYSTEM. Free with tr_candidates_close,
 * also after a failure. */
TR_MUST tr_code tr_candidates_open(tr_candidates *c, const tr_stream *s,
                                   const tr_candidates_options *o, tr_err *err);
void tr_candidates_close(tr_candidates *c);

/* "blend", or for a cascade "svm > blend". */
void tr_candidates_name(const tr_candidates *c, size_t which, char name[TR_POLICY_NAME]);

#endif
