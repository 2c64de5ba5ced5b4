/* metrics: what the server counts, in the text format that Prometheus reads (version 0.0.4).
 *
 * Counting takes no lock: each connection counts in one of several shards, which are summed when
 * they are asked for. Counters outlive an exchange of the policy.
 *
 * Upstream: policy. Downstream: answer, service, listener. */
#ifndef TR_METRICS_H
#define TR_METRICS_H

#include "ground/err.h"
#include "ground/mem.h"
#include "policy/policy.h"
#include "policy/route.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TR_METRICS_SHARDS = 16,
    TR_METRICS_LABELS = 200 /* counted by name; the others together as "_other" */
};

typedef enum {
    TR_METRICS_BAD_ROW, /* a row that could not be read, whatever the path */
    TR_METRICS_BAD_REQUEST,
    TR_METRICS_UNAUTHORIZED,
    TR_METRICS_NOT_FOUND,
    TR_METRICS_METHOD,
    TR_METRICS_TOO_LARGE,
    TR_METRICS_TIMEOUT,
    TR_METRICS_OVERLOADED,
    TR_METRICS_SYSTEM,
    TR_METRICS_ERRORS
} tr_metrics_kind;

typedef struct tr_metrics tr_metrics;

tr_metrics *tr_metrics_open(tr_err *err); /* NULL: TR_SYSTEM */
void tr_metrics_close(tr_metrics *m);     /* NULL is allowed */

/* Makes the labels of a policy known, as far as there is room. One caller at a time, while others
 * count. TR_SYSTEM. */
TR_MUST tr_code tr_metrics_know(tr_metrics *m, const tr_labels *labels, tr_err *err);

/* A row that was decided (not a bad one) in so many nanoseconds; p: by which policy. Any shard
 * number will do. */
void tr_metrics_row(tr_metrics *m, unsigned shard, const tr_policy *p, const tr_decision *d,
                    uint64_t nanoseconds);
void tr_metrics_bad_row(tr_metrics *m, unsigned shard);
void tr_metrics_shadowed(tr_metrics *m, unsigned shard);
void tr_metrics_error(tr_metrics *m, unsigned shard, tr_metrics_kind kind);
void tr_metrics_answered(tr_metrics *m, unsigned shard); /* an HTTP request, whatever the status */
void tr_metrics_reloaded(tr_metrics *m, bool taken);
/* Returns how many are open after this change of +1 or -1. */
uint64_t tr_metrics_connection(tr_metrics *m, int change);

/* Appends all of it; p: the policy in use. */
void tr_metrics_put(const tr_metrics *m, const tr_policy *p, tr_buf *out);

#endif
