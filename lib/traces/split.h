/* split: which side a trace falls on (the guarantee's rules for splitting and eligibility), and the
 * stream that says so.
 *
 * Upstream: trace, labels. Downstream: tr-split; dataset reads the trailer. */
#ifndef TR_SPLIT_H
#define TR_SPLIT_H

#include "doors/io.h"
#include "ground/err.h"
#include "ground/hash.h"
#include "traces/instant.h"
#include "traces/labels.h"
#include "traces/trace.h"

#include <stdbool.h>
#include <stdint.h>

enum { TR_SPLIT_BUFFER = 13334 }; /* from so many eligible rows on the share is constant */

/* clamp(2000 / n, 0.15, 0.40), n = eligible rows that are not test rows. */
double tr_split_auto_share(uint64_t n);

typedef struct {
    uint64_t seed;
    double share;        /* of eligible rows, fraction 0..1 */
    double test_share;   /* fraction 0..1 */
    int64_t fresh_after; /* rows up to then are stale (instant.h); INT64_MIN: none is */
    tr_hash_key split, test, thin;
} tr_split;

void tr_split_init(tr_split *s, uint64_t seed, double share, double test_share);
/* Test comes first, by a key of its own; it depends on the group's hash alone. */
bool tr_split_is_test(const tr_split *s, const tr_trace *t);
/* Stale rows have had their turn: an earlier certificate may have been made from them. */
bool tr_split_is_stale(const tr_split *s, const tr_trace *t);
/* Whether the row may be drawn for calibration: never where it is stale, else with probability
 * shadow_share / propensity by the thinning hash of the row; a trace that was never routed always.
 */
bool tr_split_is_eligible(const tr_split *s, const tr_trace *t);
/* TRAIN or CALIBRATION by the split hash of the group; rows that are not eligible: TRAIN. */
tr_side tr_split_side(const tr_split *s, const tr_trace *t, bool eligible);

/* The trailer of a split stream. */
typedef struct {
    uint64_t rows, seed;
    double share, test_share;
    char group_key[256], input_key[256], label_key[256]; /* "" where none was named */
    char fresh_after[64];                                /* as it was said; "": not at all */
    char last[TR_INSTANT_TEXT]; /* the latest time of a row; "": no time was asked for */
    uint64_t eligible;          /* rows that could have calibrated; only beside `last` */
    tr_digest digest;
    bool grouped;
} tr_split_trailer;

/* {"tr-split":{...}} without a newline, appended. */
void tr_split_trailer_write(const tr_split_trailer *t, tr_buf *out);
TR_MUST tr_code tr_split_trailer_read(tr_split_trailer *t, tr_str object, tr_err *err);

/* ---- a log in, a split stream out: what tr-split does ---- */

typedef struct {
    uint64_t seed;
    bool automatic; /* the share by tr_split_auto_share; `share` is not read then */
    double share, test_share;
    /* Borrowed names of at most 255 bytes; time_key is needed for the three times below. */
    tr_trace_keys keys;
    /* Borrowed texts of at most 63 bytes, NULL: none. Rows before `since`, and from `until` on, are
     * left out; rows up to `fresh_after` train. */
    const char *since, *until, *fresh_after;
    const tr_labels *listed; /* NULL: any label will do (borrowed) */
    bool strict;             /* a label that is not listed is TR_DATA */
} tr_split_options;

typedef struct {
    uint64_t rows; /* written */
    uint64_t train, calibration, test;
    uint64_t eligible;  /* for CALIBRATION, not test: what the share refers to */
    uint64_t thinned;   /* not eligible, not test, though fresh: TRAIN */
    uint64_t stale;     /* not test: TRAIN */
    uint64_t outside;   /* before `since` or from `until` on: left out */
    uint64_t sampled;   /* rows with a propensity below 1 or a shadow share below 1 */
    uint64_t unsampled; /* decisions with a teacher, but without a propensity */
    uint64_t grouped;   /* rows with a group */
    uint64_t unlisted;
    uint64_t skipped_decisions; /* decisions without a teacher */
    uint64_t skipped_trailers;  /* of an earlier split */
    double share;               /* in force; fixed at the end for a small log */
    uint64_t dimensions;        /* of the embeddings; 0: there are none */
} tr_split_counts;

typedef struct tr_split_stream tr_split_stream;

/* Writes to `out` (borrowed). NULL with *err filled. */
tr_split_stream *tr_split_open(const tr_split_options *options, tr_writer *out, tr_err *err);

/* The next line; `file` and `line_number` are its place, `number` its number in the whole input.
 * While the automatic share is unknown at most TR_SPLIT_BUFFER lines wait in memory; should rows
 * whose side is known fill that up, they overtake those that wait. Of text and embedding each trace
 * has what the first one has, the embedding of the same dimension. TR_DATA (with the place),
 * TR_SYSTEM. */
TR_MUST tr_code tr_split_add(tr_split_stream *s, tr_str line, const char *file,
                             uint64_t line_number, uint64_t number, tr_err *err);
/* Writes the lines that wait and the trailer. TR_DATA (naming `file`) where there was no trace. */
TR_MUST tr_code tr_split_end(tr_split_stream *s, const char *file, tr_err *err);

const tr_split_counts *tr_split_counted(const tr_split_stream *s);
const tr_labels *tr_split_labels(const tr_split_stream *s); /* with the rows of each */
void tr_split_close(tr_split_stream *s);                    /* NULL is allowed */

#endif
