/* monitor: has the traffic drifted? A test of the promise that may be looked at after every label.
 *
 * It is fed the labels of handled rows that were shadowed, in the order in which they come: did the
 * surrogate agree with the teacher? Five bets are placed against "the agreement is at least alpha",
 * each on another rate of disagreement; the evidence M is their mean fortune (with a reserve R_t, a
 * function of t, from which new stakes are paid, so that a late fall is found as well as an early
 * one). M begins at 1 and cannot be expected to grow while the promise holds. Hence
 *
 *     while every label agrees with probability >= alpha, whatever came before it,
 *     P(there is ever an alarm) <= delta,
 *
 * however long it runs and however often it is looked at. An alarm comes at the first label with
 * M >= 1/delta and stays. bench/drift measures both. A test
 * by betting of the e-detector kind (arXiv 2203.03532, 2010.09686).
 *
 * The caller's duties: only labels of shadowed handled rows (a deferred row says nothing about what
 * is handled); each label once; a stream a shard, since a stream's labels have one order; no two
 * writers of a state file at once; a new state for a new policy.
 *
 * The numbers depend on no C library and are stored exactly: stopping and going on gives the bits
 * that one run gives. Upstream: maths/real, doors/json and io. Downstream: tr-audit. */
#ifndef TR_MONITOR_H
#define TR_MONITOR_H

#include "doors/json.h"
#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_MONITOR_BETS = 5, TR_MONITOR_DIGEST = 32 };

/* One stream. A plain value: it may be copied, and nothing has to be freed. */
typedef struct {
    double alpha, delta;                /* fractions in (0, 1) */
    char digest[TR_MONITOR_DIGEST + 1]; /* of the policy that is watched; "" where not known */
    uint64_t labels, agreed;            /* labels is t; both below 2^53 */
    double bets[TR_MONITOR_BETS];       /* the fortunes S_k, >= 0 and finite */
    double reserve;                     /* R_t */
    uint64_t alarm;                     /* the number of the label that gave it, from 1; 0: none */
} tr_monitor;

/* Begins a stream: no labels, evidence 1. TR_OK; TR_USAGE (alpha outside (0, 1), delta outside
 * (1e-100, 1), a digest of more than 32 bytes or not of printable ASCII without blanks). */
TR_MUST tr_code tr_monitor_init(tr_monitor *m, double alpha, double delta, tr_str digest,
                                tr_err *err);

/* The next label. A fortune is held at 1e300 at most, and beyond 2^53 - 1 labels nothing is taken
 * in; both can only make the evidence smaller. */
void tr_monitor_add(tr_monitor *m, bool agreed);

double tr_monitor_evidence(const tr_monitor *m); /* M >= 0; 1 before the first label */
double tr_monitor_bar(const tr_monitor *m);      /* 1/delta: the evidence that gives an alarm */

/* TR_OK where both hold the same promise (alpha, delta) about the same policy; TR_DATA with what
 * differs: "alpha 0.9, not 0.93". `other` is what is expected. */
TR_MUST tr_code tr_monitor_match(const tr_monitor *m, const tr_monitor *other, tr_err *err);

/* ---- the verdict over shards: independent streams of one policy ---- */

typedef struct {
    double evidence;         /* the mean of the shards' M; a shard without labels counts with 1 */
    double bar;              /* 1/delta */
    bool alarm;              /* see below */
    size_t shards, alarmed;  /* of these, that have given an alarm of their own */
    uint64_t labels, agreed; /* of all shards together */
} tr_monitor_verdict;

/* Of one shard: its own alarm, which stays. Of several: whether the mean evidence is at the bar
 * now; a shard's own alarm is counted but does not decide, since so many tests at delta each would
 * alarm falsely more often than delta. (P(ever an alarm) <= delta holds for the mean as well.)
 * n >= 1. TR_OK; TR_USAGE (n is 0); TR_DATA (shard I does not match the first; the message says
 * "state I: what differs", from 1). */
TR_MUST tr_code tr_monitor_judge(const tr_monitor *shards, size_t n, tr_monitor_verdict *out,
                                 tr_err *err);

/* ---- the state file: {"tr-monitor":{...}}, small, for people and jq as well ---- */

/* The object of a stream: version, alpha, delta, digest, labels, agreed, bets, evidence, alarm
 * (true or false), alarm_at (the label's number, 0 where there was no alarm). */
void tr_monitor_print(const tr_monitor *m, tr_json_writer *w);

/* Reads such a document; everything is checked, and what is not known is refused. `name` is for
 * messages. TR_OK, TR_DATA or TR_SYSTEM; *m is set where it is TR_OK. */
TR_MUST tr_code tr_monitor_parse(tr_str text, const char *name, tr_monitor *m, tr_err *err);

/* Reads a state file. Where there is no such file yet, *absent is set and *m is not: the caller
 * begins anew. TR_OK; TR_DATA (no regular file, too large, no state); TR_SYSTEM. */
TR_MUST tr_code tr_monitor_read(const char *file, tr_monitor *m, bool *absent, tr_err *err);

/* Writes it whole or not at all. TR_OK or TR_SYSTEM. */
TR_MUST tr_code tr_monitor_write(const tr_monitor *m, const char *file, tr_err *err);

#endif
