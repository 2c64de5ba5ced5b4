/* audit: decisions counted: all that a report is made from, in bounded memory.
 *
 * Whole numbers, least hashes and hashed counts only, so that the order of the rows does not matter
 * and the sums of shards are the sums of the whole, to the byte. What they mean is for figures.
 *
 * Upstream: outcome, tally, sample, roll, lexicon. Downstream: ledger, figures. */
#ifndef TR_AUDIT_H
#define TR_AUDIT_H

#include "ground/err.h"
#include "ground/hash.h"
#include "audit/lexicon.h"
#include "audit/roll.h"
#include "audit/sample.h"
#include "audit/tally.h"
#include "traces/outcome.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TR_AUDIT_LABELS = 8192, /* kept at most */
    TR_AUDIT_SLICES = 1024,
    TR_AUDIT_PAIRS = 16384,
    TR_AUDIT_EXAMPLES = 16, /* a label and side */
    TR_AUDIT_PAIR_EXAMPLES = 3,
    TR_AUDIT_BINS = 1000,  /* of the accept score; the last one has 1 in it too */
    TR_AUDIT_LENGTHS = 64, /* of the input's length, in characters: see tr_audit_length_bin */
    TR_AUDIT_THIN = 320,   /* of the chance at which a row is thinned out: see tr_audit_thin_bin */
    TR_AUDIT_KEY = 256,
    TR_AUDIT_NAME = 512 /* bytes of a label or of a value of `by` that count, cut between
                           characters: what is equal so far is one name */
};

/* What the policy promised; what a report is held against. */
typedef struct {
    bool there;
    double alpha, delta;
    bool overall; /* over all traffic, deferred included; else over what is handled */
    /* of a policy; else 0 and "" */
    bool policy, deployed;
    double coverage, novelty; /* certified coverage; share of ordinary traffic beyond the guard */
    uint32_t threshold;       /* millionths */
    uint64_t tested, agreed;  /* calibration rows */
    char member[72], family[16], digest[33];
} tr_promise;

/* Counts of a label, as its teacher's and as the surrogate's. */
typedef struct {
    tr_tally teacher;            /* rows to which the teacher gave this label */
    uint64_t answered;           /* rows that were answered with it, teacher known or not */
    tr_sum tested, confirmed;    /* of those: teacher known, and the teacher said the same */
    tr_sample handled, deferred; /* texts to which the teacher gave this label */
    /* rows with ground truth and a teacher, weights as in tr_sum.w. Answerers: the surrogate and
     * the teacher on what is handled, the teacher and the routed mix on everything */
    uint64_t truth[2];        /* this label is the truth: handled, all */
    uint64_t said[4], hit[4]; /* an answerer said it; and it is the truth */
} tr_audit_label;

enum {
    TR_ANSWERER_SURROGATE, /* on handled rows */
    TR_ANSWERER_TEACHER_HANDLED,
    TR_ANSWERER_TEACHER,
    TR_ANSWERER_MIX, /* the surrogate where handled, else the teacher */
    TR_ANSWERERS
};

typedef struct {
    uint64_t handled, deferred; /* all rows */
    tr_tally tally;             /* those with a teacher label */
} tr_audit_slice;

/* Surrogate said A, teacher said B. */
typedef struct {
    tr_sum handled;    /* answered with A */
    uint64_t deferred; /* would have been ("explain") */
    tr_sample examples;
} tr_audit_pair;

/* Rows by accept score. */
typedef struct {
    uint64_t handled;              /* all rows */
    tr_sum tested, agreed;         /* handled, teacher known */
    uint64_t low;                  /* deferred for a low score alone ("explain") */
    tr_sum low_tested, low_agreed; /* of those: teacher and the surrogate's label known */
    uint64_t score; /* sum of the scores of `tested` and `low_tested` rows, millionths */
} tr_audit_bin;

typedef struct {
    tr_promise promise;
    char by[TR_AUDIT_KEY];             /* the key of the slices; "": the input's length */
    uint64_t handled, deferred;        /* all rows */
    uint64_t stage[TR_OUTCOME_STAGES]; /* handled by each */
    tr_sum stage_tested[TR_OUTCOME_STAGES], stage_agreed[TR_OUTCOME_STAGES];
    uint64_t why[TR_WHY_COUNT]; /* of the deferred */
    uint64_t shadowed;          /* handled with "shadow": true */
    uint64_t unknown; /* handled, teacher not known, though it might have been (propensity > 0) */
    uint64_t unknowable;  /* handled, teacher not known, propensity 0 */
    uint64_t unweighable; /* teacher known though propensity is 0: left out of all shares */
    uint64_t nameless; /* handled, teacher known, no id: nothing that thinning could be drawn by */
    uint64_t inputs;   /* rows with a text */
    uint64_t below;    /* handled with a score below the policy's threshold: by another one */
    tr_tally tally;
    tr_sum truth_all, truth_handled; /* rows with ground truth and a teacher */
    tr_sum right[TR_ANSWERERS];
    uint64_t thin_handled[TR_AUDIT_THIN], thin_agreed[TR_AUDIT_THIN]; /* handled rows */
    double least_propensity; /* of handled rows with a teacher label; 1 where there are none */
    tr_audit_bin *bin;       /* TR_AUDIT_BINS */
    tr_audit_slice *length;  /* TR_AUDIT_LENGTHS; rows with a text */
    tr_roll labels;          /* tr_audit_label */
    tr_roll
        slices;    /* tr_audit_slice, by the value of `by`; rows without it: the total less these */
    tr_roll pairs; /* tr_audit_pair; names by tr_audit_pair_name */
    tr_lexicon words; /* of rows with teacher label and text, by the teacher's label, and of all */
    /* private */
    tr_hash_key thin;
    tr_words split;
    tr_buf name;
} tr_audit;

/* Nothing counted yet. `by` NULL or "": length. TR_OK, TR_USAGE (key too long), TR_SYSTEM. */
TR_MUST tr_code tr_audit_init(tr_audit *a, const tr_promise *promise, const char *by, tr_err *err);
void tr_audit_free(tr_audit *a);

TR_MUST tr_code tr_audit_add(tr_audit *a, const tr_outcome *o, tr_err *err); /* TR_OK, TR_SYSTEM */

/* Adds another audit's counts. TR_DATA where the promise or the key of the slices is another (the
 * message says in what `other`, "it", differs); TR_SYSTEM. `a` is not to be used after a failure.
 */
TR_MUST tr_code tr_audit_merge(tr_audit *a, const tr_audit *other, tr_err *err);

/* Bin of a length in characters, and the least length of a bin: 0..15 one by one, then 4 bins to
 * each doubling. */
uint32_t tr_audit_length_bin(uint64_t characters);
uint64_t tr_audit_length_least(uint32_t bin);

/* Thinning: a row of propensity p has the chance v = p · u, u uniform by its keyed hash; rows with
 * v < q, for a q no greater than every p, are as if each had been known with chance q. Bin b holds
 * q(b) <= v < q(b + 1), where q(b) = 2^(b / 16 - 20) · (1 + b % 16 / 16), whole division, and
 * q(0) = 0. */
uint32_t tr_audit_thin_bin(double v);
double tr_audit_thin_chance(uint32_t bin); /* q(bin) */

/* The name of a pair: u32 size of `said`, said, meant. tr_audit_pair_parts is its inverse. */
void tr_audit_pair_name(tr_str said, tr_str meant, tr_buf *out);
bool tr_audit_pair_parts(tr_str name, tr_str *said, tr_str *meant);

#endif
