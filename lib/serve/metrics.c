#include "serve/metrics.h"

#include "ground/hash.h"
#include "ground/num.h"
#include "maths/stat.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 512, BUCKETS = 14, CACHE_LINE = 64 };

typedef _Atomic uint64_t counter;

/* Upper ends of the histogram. */
static const struct {
    uint64_t nanoseconds;
    const char *le;
} buckets[BUCKETS] = {
    {5000, "0.000005"},  {10000, "0.00001"},  {25000, "0.000025"}, {50000, "0.00005"},
    {100000, "0.0001"},  {250000, "0.00025"}, {500000, "0.0005"},  {1000000, "0.001"},
    {2500000, "0.0025"}, {5000000, "0.005"},  {10000000, "0.01"},  {25000000, "0.025"},
    {100000000, "0.1"},  {1000000000, "1"},
};

static const char *const kinds[TR_METRICS_ERRORS] = {
    "bad_row",   "bad_request", "unauthorized", "not_found", "method",
    "too_large", "timeout",     "overloaded",   "system",
};

typedef struct {
    _Alignas(CACHE_LINE) counter handled[TR_METRICS_LABELS + 1]; /* the last: of other labels */
    counter deferred, shadowed, answered;
    counter bucket[BUCKETS + 1], nanoseconds;
    counter error[TR_METRICS_ERRORS];
} shard_counters;

typedef struct {
    tr_str text;
    uint32_t number;
} label;

struct tr_metrics {
    shard_counters shard[TR_METRICS_SHARDS];
    _Atomic(const label *) slot[SLOTS]; /* open addressing by the hash of the text; never removed */
    label labels[TR_METRICS_LABELS];
    _Atomic uint32_t n; /* of them */
    tr_arena texts;
    counter connections, accepted, reloads[2];
};

_Static_assert(SLOTS > 2 * TR_METRICS_LABELS, "a search of the slots must end");

static void more(counter *c, uint64_t by)
{
    atomic_fetch_add_explicit(c, by, memory_order_relaxed);
}

static uint64_t value(const counter *c)
{
    return atomic_load_explicit((counter *)c, memory_order_relaxed);
}

tr_metrics *tr_metrics_open(tr_err *err)
{
    tr_metrics *m = aligned_alloc(CACHE_LINE, sizeof *m);
    if (!m) {
        tr_err_memory(err);
        return NULL;
    }
    memset(m, 0, sizeof *m);
    tr_arena_init(&m->texts);
    return m;
}

void tr_metrics_close(tr_metrics *m)
{
    if (!m)
        return;
    tr_arena_free(&m->texts);
    free(m);
}

/* ---- labels ---- */

/* The slot of a text, or the empty one where it would be. */
static size_t find_slot(const tr_metrics *m, tr_str text, const label **found)
{
    size_t k = tr_hash_keyed((tr_hash_key){0, 0}, text.data, text.size) % SLOTS;
    while ((*found = atomic_load_explicit(&((tr_metrics *)m)->slot[k], memory_order_acquire)) &&
           !tr_str_equal((*found)->text, text))
        k = (k + 1) % SLOTS;
    return k;
}

tr_code tr_metrics_know(tr_metrics *m, const tr_labels *labels, tr_err *err)
{
    uint32_t n = atomic_load_explicit(&m->n, memory_order_relaxed);
    for (uint32_t l = 0; l < labels->n && n < TR_METRICS_LABELS; l++) {
        const label *known;
        bool ok;
        size_t at = find_slot(m, labels->text[l], &known);
        if (known)
            continue;
        label *own = &m->labels[n];
        *own = (label){.text = tr_arena_copy(&m->texts, labels->text[l], &ok), .number = n};
        if (!ok)
            return tr_err_memory(err);
        atomic_store_explicit(&m->n, ++n, memory_order_release);
        atomic_store_explicit(&m->slot[at], own, memory_order_release);
    }
    return TR_OK;
}

/* ---- counting ---- */

void tr_metrics_row(tr_metrics *m, unsigned shard, const tr_policy *p, const tr_decision *d,
                    uint64_t nanoseconds)
{
    shard_counters *s = &m->shard[shard % TR_METRICS_SHARDS];
    if (d->why == TR_ROUTE_HANDLED) {
        const label *l;
        find_slot(m, p->labels.text[d->label], &l);
        more(&s->handled[l ? l->number : TR_METRICS_LABELS], 1);
    } else {
        more(&s->deferred, 1);
    }
    size_t k = 0;
    while (k < BUCKETS && nanoseconds > buckets[k].nanoseconds)
        k++;
    more(&s->bucket[k], 1);
    more(&s->nanoseconds, nanoseconds);
}

void tr_metrics_bad_row(tr_metrics *m, unsigned shard)
{
    more(&m->shard[shard % TR_METRICS_SHARDS].deferred, 1);
    tr_metrics_error(m, shard, TR_METRICS_BAD_ROW);
}

void tr_metrics_shadowed(tr_metrics *m, unsigned shard)
{
    more(&m->shard[shard % TR_METRICS_SHARDS].shadowed, 1);
}

void tr_metrics_error(tr_metrics *m, unsigned shard, tr_metrics_kind kind)
{
    more(&m->shard[shard % TR_METRICS_SHARDS].error[kind], 1);
}

void tr_metrics_answered(tr_metrics *m, unsigned shard)
{
    more(&m->shard[shard % TR_METRICS_SHARDS].answered, 1);
}

void tr_metrics_reloaded(tr_metrics *m, bool taken)
{
    more(&m->reloads[taken], 1);
}

uint64_t tr_metrics_connection(tr_metrics *m, int change)
{
    if (change > 0)
        more(&m->accepted, 1);
    return atomic_fetch_add_explicit(&m->connections, (uint64_t)(int64_t)change,
                                     memory_order_relaxed) +
           (uint64_t)(int64_t)change;
}

/* ---- the text ---- */

/* The sum over the shards of the counter that stands here in the first of them. */
static uint64_t sum(const tr_metrics *m, const counter *first)
{
    uint64_t total = 0;
    size_t offset = (size_t)((const char *)first - (const char *)&m->shard[0]);
    for (size_t k = 0; k < TR_METRICS_SHARDS; k++)
        total += value((const counter *)((const char *)&m->shard[k] + offset));
    return total;
}

static void put_head(tr_buf *out, const char *name, const char *type, const char *help)
{
    tr_buf_add_c(out, "# HELP ");
    tr_buf_add_c(out, name);
    tr_buf_add_char(out, ' ');
    tr_buf_add_c(out, help);
    tr_buf_add_c(out, "\n# TYPE ");
    tr_buf_add_c(out, name);
    tr_buf_add_char(out, ' ');
    tr_buf_add_c(out, type);
    tr_buf_add_char(out, '\n');
}

/* The value of a label, its quotes included. */
static void put_quoted(tr_buf *out, tr_str text)
{
    tr_buf_add_char(out, '"');
    for (size_t k = 0; k < text.size; k++) {
        char c = text.data[k];
        if (c == '\\' || c == '"')
            tr_buf_add_char(out, '\\');
        if (c == '\n')
            tr_buf_add_c(out, "\\n");
        else
            tr_buf_add_char(out, c);
    }
    tr_buf_add_char(out, '"');
}

static void put_real(tr_buf *out, double x)
{
    char text[TR_NUM_TEXT];
    tr_num_print_double(text, x);
    tr_buf_add_char(out, ' ');
    tr_buf_add_c(out, text);
    tr_buf_add_char(out, '\n');
}

static void put_count(tr_buf *out, uint64_t x)
{
    char text[TR_NUM_TEXT];
    tr_num_print_u64(text, x);
    tr_buf_add_char(out, ' ');
    tr_buf_add_c(out, text);
    tr_buf_add_char(out, '\n');
}

static void put_plain(tr_buf *out, const char *name, const char *type, const char *help, uint64_t x)
{
    put_head(out, name, type, help);
    tr_buf_add_c(out, name);
    put_count(out, x);
}

static void put_requests(const tr_metrics *m, tr_buf *out)
{
    const shard_counters *s = &m->shard[0];
    put_head(out, "tr_requests_total", "counter", "Rows decided, by decision and label.");
    tr_buf_add_c(out, "tr_requests_total{decision=\"deferred\",label=\"\"}");
    put_count(out, sum(m, &s->deferred));
    uint32_t n = atomic_load_explicit(&((tr_metrics *)m)->n, memory_order_acquire);
    for (uint32_t l = 0; l < n; l++) {
        tr_buf_add_c(out, "tr_requests_total{decision=\"handled\",label=");
        put_quoted(out, m->labels[l].text);
        tr_buf_add_char(out, '}');
        put_count(out, sum(m, &s->handled[l]));
    }
    uint64_t other = sum(m, &s->handled[TR_METRICS_LABELS]);
    if (other) {
        tr_buf_add_c(out, "tr_requests_total{decision=\"handled\",label=\"_other\"}");
        put_count(out, other);
    }
}

static void put_seconds(const tr_metrics *m, tr_buf *out)
{
    const shard_counters *s = &m->shard[0];
    uint64_t total = 0;
    put_head(out, "tr_route_seconds", "histogram", "Time to read and decide a row.");
    for (size_t k = 0; k <= BUCKETS; k++) {
        total += sum(m, &s->bucket[k]);
        tr_buf_add_c(out, "tr_route_seconds_bucket{le=\"");
        tr_buf_add_c(out, k < BUCKETS ? buckets[k].le : "+Inf");
        tr_buf_add_c(out, "\"}");
        put_count(out, total);
    }
    tr_buf_add_c(out, "tr_route_seconds_sum");
    put_real(out, (double)sum(m, &s->nanoseconds) / 1e9);
    tr_buf_add_c(out, "tr_route_seconds_count");
    put_count(out, total);
}

static void put_policy(const tr_policy *p, tr_buf *out)
{
    const tr_certificate *c = &p->certificate;
    char alpha[TR_NUM_TEXT];
    double low = 0, high;
    put_plain(out, "tr_policy_accepts", "gauge", "1: the policy answers; 0: it defers everything.",
              p->rule.accepts);
    if (p->rule.accepts) {
        put_head(out, "tr_threshold", "gauge", "Least accept score of what is handled.");
        tr_buf_add_c(out, "tr_threshold");
        put_real(out, (double)p->rule.threshold / TR_ACCEPTOR_ONE);
        if (c->delta_used < .5) /* one-sided, of a two-sided interval */
            tr_stat_interval((int64_t)c->agreed, (int64_t)c->tested, 1 - 2 * c->delta_used, &low,
                             &high);
        put_head(out, "tr_certified_agreement_lower", "gauge",
                 "Lower confidence bound of the agreement on the calibration rows.");
        tr_buf_add_c(out, "tr_certified_agreement_lower");
        put_real(out, low);
    }
    put_head(out, "tr_certified_coverage", "gauge", "Share of the calibration rows answered.");
    tr_buf_add_c(out, "tr_certified_coverage");
    put_real(out, p->rule.accepts ? tr_certificate_coverage(c) : 0);
    tr_num_print_double(alpha, c->alpha);
    put_head(out, "tr_model_info", "gauge", "The policy in use.");
    tr_buf_add_c(out, "tr_model_info{digest=");
    put_quoted(out, tr_str_c(p->origin.digest));
    tr_buf_add_c(out, ",family=");
    put_quoted(out, tr_str_c(p->rule.accepts ? tr_family_names[c->family] : ""));
    tr_buf_add_c(out, ",member=");
    put_quoted(out, tr_str_c(c->member));
    tr_buf_add_c(out, ",alpha=");
    put_quoted(out, tr_str_c(alpha));
    tr_buf_add_c(out, "} 1\n");
}

void tr_metrics_put(const tr_metrics *m, const tr_policy *p, tr_buf *out)
{
    const shard_counters *s = &m->shard[0];
    put_requests(m, out);
    put_seconds(m, out);
    put_plain(out, "tr_shadowed_total", "counter",
              "Handled rows that the teacher is to be asked about.", sum(m, &s->shadowed));
    put_head(out, "tr_errors_total", "counter", "What went wrong, by kind.");
    for (size_t k = 0; k < TR_METRICS_ERRORS; k++) {
        tr_buf_add_c(out, "tr_errors_total{kind=");
        put_quoted(out, tr_str_c(kinds[k]));
        tr_buf_add_char(out, '}');
        put_count(out, sum(m, &s->error[k]));
    }
    put_plain(out, "tr_http_requests_total", "counter", "HTTP requests answered.",
              sum(m, &s->answered));
    put_plain(out, "tr_connections", "gauge", "Connections that are open.", value(&m->connections));
    put_plain(out, "tr_connections_total", "counter", "Connections that were accepted.",
              value(&m->accepted));
    put_head(out, "tr_reloads_total", "counter", "Times the policy file was read anew, by result.");
    tr_buf_add_c(out, "tr_reloads_total{result=\"taken\"}");
    put_count(out, value(&m->reloads[true]));
    tr_buf_add_c(out, "tr_reloads_total{result=\"refused\"}");
    put_count(out, value(&m->reloads[false]));
    put_policy(p, out);
    put_head(out, "tr_build_info", "gauge", "The version that serves.");
    tr_buf_add_c(out, "tr_build_info{version=\"" TR_VERSION "\"} 1\n");
}
