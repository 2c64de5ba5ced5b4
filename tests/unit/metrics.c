/* metrics: labels beyond the cap, shards that are summed, counters while labels become known. */
#include "serve/metrics.h"

#include "ground/num.h"

#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static tr_err err;

/* A policy with N labels L0, L1, ... and nothing else. */
static void make_policy(tr_policy *p, uint32_t n)
{
    *p = (tr_policy){0};
    tr_labels_init(&p->labels);
    for (uint32_t k = 0; k < n; k++) {
        char text[16];
        snprintf(text, sizeof text, "L%u", k);
        CHECK(tr_labels_add(&p->labels, tr_str_c(text), 1) == k);
    }
}

/* The value behind `name` at the start of a line; UINT64_MAX where there is no such line. */
static uint64_t value(const tr_metrics *m, const tr_policy *p, const char *name)
{
    tr_buf out;
    uint64_t x = UINT64_MAX;
    char line[512];
    tr_buf_init(&out);
    tr_metrics_put(m, p, &out);
    tr_buf_add_char(&out, '\0');
    CHECK(!out.failed);
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(out.data, line);
    if (at) {
        at += strlen(line);
        if (!tr_num_parse_u64(tr_str_of(at, strcspn(at, "\n")), &x))
            x = UINT64_MAX;
    }
    tr_buf_free(&out);
    return x;
}

static void labels_are_capped(void)
{
    tr_policy p;
    tr_metrics *m = tr_metrics_open(&err);
    make_policy(&p, TR_METRICS_LABELS + 5);
    CHECK(tr_metrics_know(m, &p.labels, &err) == TR_OK);
    for (uint32_t k = 0; k < p.labels.n; k++)
        for (unsigned shard = 0; shard < 40; shard++)
            tr_metrics_row(m, shard, &p, &(tr_decision){.label = k, .stage = 1}, 100);
    CHECK(value(m, &p, "tr_requests_total{decision=\"handled\",label=\"L0\"}") == 40);
    CHECK(value(m, &p, "tr_requests_total{decision=\"handled\",label=\"L199\"}") == 40);
    CHECK(value(m, &p, "tr_requests_total{decision=\"handled\",label=\"L200\"}") == UINT64_MAX);
    CHECK(value(m, &p, "tr_requests_total{decision=\"handled\",label=\"_other\"}") == 200);
    CHECK(value(m, &p, "tr_route_seconds_count") == 205 * 40);
    tr_metrics_close(m);
    tr_labels_free(&p.labels);
}

static void buckets_and_errors(void)
{
    tr_policy p;
    tr_metrics *m = tr_metrics_open(&err);
    make_policy(&p, 2);
    CHECK(tr_metrics_know(m, &p.labels, &err) == TR_OK);
    const tr_decision deferred = {.why = TR_ROUTE_LOW};
    tr_metrics_row(m, 0, &p, &deferred, 5000);
    tr_metrics_row(m, 1, &p, &deferred, 5001);
    tr_metrics_row(m, 2, &p, &deferred, 2000000000);
    tr_metrics_bad_row(m, 3);
    CHECK(value(m, &p, "tr_requests_total{decision=\"deferred\",label=\"\"}") == 4);
    CHECK(value(m, &p, "tr_route_seconds_bucket{le=\"0.000005\"}") == 1);
    CHECK(value(m, &p, "tr_route_seconds_bucket{le=\"0.00001\"}") == 2);
    CHECK(value(m, &p, "tr_route_seconds_bucket{le=\"1\"}") == 2);
    CHECK(value(m, &p, "tr_route_seconds_bucket{le=\"+Inf\"}") == 3);
    CHECK(value(m, &p, "tr_errors_total{kind=\"bad_row\"}") == 1);
    CHECK(value(m, &p, "tr_errors_total{kind=\"system\"}") == 0);
    CHECK(tr_metrics_connection(m, 1) == 1 && tr_metrics_connection(m, 1) == 2);
    CHECK(tr_metrics_connection(m, -1) == 1);
    CHECK(value(m, &p, "tr_connections") == 1);
    CHECK(value(m, &p, "tr_connections_total") == 2);
    CHECK(value(m, &p, "tr_policy_accepts") == 0);
    CHECK(value(m, &p, "tr_threshold") == UINT64_MAX); /* none where nothing is answered */
    tr_metrics_close(m);
    tr_labels_free(&p.labels);
}

/* ---- counting while labels become known ---- */

enum { COUNTERS = 4, ROUNDS = 20000 };

typedef struct {
    tr_metrics *m;
    const tr_policy *p;
    unsigned shard;
} counting;

static void *count(void *context)
{
    const counting *c = context;
    for (uint32_t k = 0; k < ROUNDS; k++)
        tr_metrics_row(c->m, c->shard, c->p,
                       &(tr_decision){.label = k % c->p->labels.n, .stage = 1}, 1);
    return NULL;
}

static void nothing_is_lost(void)
{
    tr_policy small, large;
    pthread_t threads[COUNTERS];
    counting contexts[COUNTERS];
    tr_metrics *m = tr_metrics_open(&err);
    make_policy(&small, 3);
    make_policy(&large, 100);
    CHECK(tr_metrics_know(m, &small.labels, &err) == TR_OK);
    for (unsigned k = 0; k < COUNTERS; k++) {
        contexts[k] = (counting){m, k % 2 ? &large : &small, k / 2}; /* two share a shard */
        CHECK(pthread_create(&threads[k], NULL, count, &contexts[k]) == 0);
    }
    CHECK(tr_metrics_know(m, &large.labels, &err) == TR_OK);
    for (unsigned k = 0; k < COUNTERS; k++)
        pthread_join(threads[k], NULL);
    CHECK(value(m, &large, "tr_route_seconds_count") == COUNTERS * ROUNDS);
    CHECK(value(m, &large, "tr_requests_total{decision=\"handled\",label=\"L1\"}") >=
          2 * (ROUNDS / 3));
    /* a label is known once, also where a second policy has it */
    CHECK(tr_metrics_know(m, &small.labels, &err) == TR_OK);
    tr_metrics_close(m);
    tr_labels_free(&small.labels);
    tr_labels_free(&large.labels);
}

int main(void)
{
    CASE(labels_are_capped);
    CASE(buckets_and_errors);
    CASE(nothing_is_lost);
    return CHECK_END;
}
