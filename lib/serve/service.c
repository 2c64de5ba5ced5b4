#include "serve/service.h"

#include "ground/num.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    KEPT = 64 << 10,     /* bytes that an exchange keeps from one request to the next */
    LARGE = 1 << 20,     /* a worker that has read as much at once is not kept */
    BODIES = 64,         /* bodies of the largest size that all exchanges may hold together */
    DECISIONS = 16,      /* times the largest body that the decisions of one body may take */
    LEAST_BODY = 1 << 20 /* that these are reckoned with */
};

struct tr_service {
    tr_service_options options;
    tr_workers *workers;
    tr_metrics *metrics;
    _Atomic uint64_t held;    /* bytes, of exchanges that hold more than KEPT */
    _Atomic uint64_t numbers; /* of lines: each gives an id */
};

typedef enum { PREDICT, BATCH, ROUTE, HEALTH, METRICS } path_kind;

struct tr_service_path {
    const char *path, *allow, *allow_cors, *type;
    path_kind kind;
    bool posts; /* else it is asked by GET and HEAD */
    bool open;  /* to whoever has no token */
};

static const struct tr_service_path paths[] = {
    {"/predict", "POST", "POST, OPTIONS", "application/json", PREDICT, true, false},
    {"/predict_batch", "POST", "POST, OPTIONS", "application/json", BATCH, true, false},
    {"/route", "POST", "POST, OPTIONS", "application/x-ndjson", ROUTE, true, false},
    {"/health", "GET, HEAD", "GET, HEAD, OPTIONS", "application/json", HEALTH, false, true},
    {"/metrics", "GET, HEAD", "GET, HEAD, OPTIONS", "text/plain; version=0.0.4; charset=utf-8",
     METRICS, false, false},
};

/* ---- opening, the policy ---- */

static tr_code read_policy(tr_service *s, tr_policy *p, tr_err *err)
{
    tr_code code = tr_policy_read(p, s->options.policy, err);
    if (code == TR_OK)
        code = tr_metrics_know(s->metrics, &p->labels, err);
    if (code != TR_OK)
        tr_policy_free(p);
    return code;
}

tr_service *tr_service_open(const tr_service_options *o, tr_err *err)
{
    tr_policy p;
    tr_service *s = tr_mem_zero(1, sizeof *s);
    if (!s) {
        tr_err_memory(err);
        return NULL;
    }
    s->options = *o;
    s->metrics = tr_metrics_open(err);
    if (s->metrics && read_policy(s, &p, err) == TR_OK)
        s->workers = tr_workers_open(
            &p, (tr_workers_settings){.explain = o->explain, .shadow = o->shadow}, err);
    if (s->workers)
        return s;
    tr_service_close(s);
    return NULL;
}

void tr_service_close(tr_service *s)
{
    if (!s)
        return;
    tr_workers_close(s->workers);
    tr_metrics_close(s->metrics);
    free(s);
}

tr_code tr_service_reload(tr_service *s, tr_err *err)
{
    tr_policy p;
    tr_code code = read_policy(s, &p, err);
    if (code == TR_OK)
        code = tr_workers_exchange(s->workers, &p, err);
    tr_metrics_reloaded(s->metrics, code == TR_OK);
    return code;
}

tr_metrics *tr_service_metrics(tr_service *s)
{
    return s->metrics;
}

/* ---- memory ---- */

static uint64_t largest_body(const tr_service *s)
{
    return s->options.max_body > LEAST_BODY ? s->options.max_body : LEAST_BODY;
}

/* Whether there is room for what the exchange holds; what is small is not reckoned. */
static bool charge(tr_service *s, tr_exchange *x)
{
    uint64_t holds = (uint64_t)x->body.capacity + x->out.capacity + x->lines.cut.capacity;
    if (holds <= KEPT || holds <= x->charged)
        return true;
    uint64_t more = holds - x->charged;
    x->charged = holds;
    return atomic_fetch_add_explicit(&s->held, more, memory_order_relaxed) + more <=
           BODIES * largest_body(s);
}

static void free_large(tr_buf *b)
{
    tr_buf_clear(b);
    if (b->capacity > KEPT)
        tr_buf_free(b);
}

void tr_service_finish(tr_service *s, tr_exchange *x)
{
    atomic_fetch_sub_explicit(&s->held, x->charged, memory_order_relaxed);
    x->charged = x->received = 0;
    free_large(&x->body);
    free_large(&x->out);
    tr_answer_lines_free(&x->lines);
    x->status = 0;
    x->n_headers = 0;
    x->path = NULL;
}

void tr_exchange_free(tr_exchange *x)
{
    tr_buf_free(&x->body);
    tr_buf_free(&x->out);
    tr_answer_lines_free(&x->lines);
}

/* ---- answers ---- */

static void add_header(tr_exchange *x, const char *name, const char *value)
{
    if (x->n_headers < TR_SERVICE_HEADERS)
        x->headers[x->n_headers++] = (tr_service_header){name, value};
}

static void answer(tr_service *s, tr_exchange *x, int status, const char *type)
{
    x->status = status;
    if (type)
        add_header(x, "Content-Type", type);
    if (s->options.cors) {
        add_header(x, "Access-Control-Allow-Origin", s->options.cors);
        add_header(x, "Vary", "Origin");
    }
    tr_metrics_answered(s->metrics, x->shard);
}

void tr_service_refuse(tr_service *s, tr_exchange *x, int status, tr_metrics_kind kind,
                       const char *message)
{
    x->n_headers = 0;
    tr_buf_clear(&x->out);
    tr_answer_error(message, &x->out);
    if (status == 503)
        add_header(x, "Retry-After", "1");
    answer(s, x, status, "application/json");
    tr_metrics_error(s->metrics, x->shard, kind);
}

static bool refuse_size(tr_service *s, tr_exchange *x)
{
    char text[96], number[TR_NUM_TEXT];
    tr_num_print_u64(number, s->options.max_body);
    snprintf(text, sizeof text, "the body is larger than the %s bytes of --max-body", number);
    tr_service_refuse(s, x, 413, TR_METRICS_TOO_LARGE, text);
    return false;
}

static bool refuse_system(tr_service *s, tr_exchange *x, const tr_err *err)
{
    tr_service_refuse(s, x, 500, TR_METRICS_SYSTEM, err->message);
    return false;
}

static bool refuse_memory(tr_service *s, tr_exchange *x)
{
    tr_service_refuse(s, x, 503, TR_METRICS_OVERLOADED,
                      "too much is in hand at the moment; try again");
    return false;
}

/* ---- the head ---- */

/* Whether the header bears the token; takes as long whichever byte is wrong. */
static bool bears_token(const tr_service *s, const char *authorization)
{
    tr_str token = s->options.token;
    if (!authorization || strncasecmp(authorization, "Bearer ", 7))
        return false;
    authorization += 7;
    authorization += strspn(authorization, " ");
    size_t size = strlen(authorization);
    volatile unsigned char differs = size != token.size;
    for (size_t k = 0; k < size; k++)
        differs |= (unsigned char)(authorization[k] ^ token.data[k % token.size]);
    return !differs;
}

static const struct tr_service_path *find_path(const char *path)
{
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++)
        if (!strcmp(path, paths[k].path))
            return &paths[k];
    return NULL;
}

static bool method_fits(const struct tr_service_path *p, const char *method)
{
    return p->posts ? !strcmp(method, "POST") : !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

/* A browser asks whether a page of that origin may ask. */
static void answer_preflight(tr_service *s, tr_exchange *x)
{
    add_header(x, "Access-Control-Allow-Methods", x->path->posts ? "POST" : "GET, HEAD");
    add_header(x, "Access-Control-Allow-Headers", "Content-Type, Authorization");
    add_header(x, "Access-Control-Max-Age", "86400");
    answer(s, x, 204, NULL);
}

bool tr_service_begin(tr_service *s, tr_exchange *x, const char *method, const char *path,
                      const char *authorization, int64_t length)
{
    bool asks_origin = s->options.cors && !strcmp(method, "OPTIONS");
    x->path = find_path(path);
    bool open = asks_origin || (x->path && x->path->open);
    if (s->options.token.data && !open && !bears_token(s, authorization)) {
        tr_service_refuse(s, x, 401, TR_METRICS_UNAUTHORIZED,
                          authorization ? "not the token" : "a token is needed");
        add_header(x, "WWW-Authenticate", "Bearer");
        return false;
    }
    if (!x->path) {
        tr_service_refuse(s, x, 404, TR_METRICS_NOT_FOUND,
                          "no such path; there are POST /predict, /predict_batch, /route and GET "
                          "/health, /metrics");
        return false;
    }
    if (asks_origin) {
        answer_preflight(s, x);
        return false;
    }
    if (!method_fits(x->path, method)) {
        tr_service_refuse(s, x, 405, TR_METRICS_METHOD,
                          x->path->posts ? "this path is for POST" : "this path is for GET");
        add_header(x, "Allow", s->options.cors ? x->path->allow_cors : x->path->allow);
        return false;
    }
    return length < 0 || (uint64_t)length <= s->options.max_body || refuse_size(s, x);
}

/* ---- body and end ---- */

static tr_answerer answerer(tr_service *s, const tr_exchange *x, const tr_lease *lease)
{
    return (tr_answerer){.worker = lease->worker,
                         .policy = lease->policy,
                         .metrics = s->metrics,
                         .shard = x->shard,
                         .keep_embedding = s->options.keep_embedding,
                         .numbers = s->options.shadow.id_prefix ? &s->numbers : NULL};
}

static void answer_body(tr_service *s, tr_exchange *x, const tr_answerer *a, tr_str body)
{
    tr_err err = {0};
    bool bad = false;
    tr_code code = x->path->kind == PREDICT ? tr_answer_predict(a, body, &x->out, &bad, &err)
                                            : tr_answer_batch(a, body, &x->out, &err);
    if (code == TR_SYSTEM) {
        refuse_system(s, x, &err);
    } else if (code != TR_OK) {
        tr_service_refuse(s, x, 400, TR_METRICS_BAD_REQUEST, err.message);
    } else {
        answer(s, x, bad ? 400 : 200, x->path->type);
        if (bad)
            tr_metrics_error(s->metrics, x->shard, TR_METRICS_BAD_REQUEST);
    }
}

static bool take_lines(tr_service *s, tr_exchange *x, const tr_answerer *a, tr_str bytes, bool last)
{
    tr_err err = {0};
    if (tr_answer_more(a, &x->lines, bytes, last, &x->out, &err) != TR_OK)
        return refuse_system(s, x, &err);
    if (x->out.size > DECISIONS * largest_body(s)) {
        tr_service_refuse(s, x, 413, TR_METRICS_TOO_LARGE,
                          "the decisions of so many lines are too large; send fewer at a time");
        return false;
    }
    if (last)
        answer(s, x, 200, x->path->type);
    return true;
}

/* The bytes given to whoever answers; false as tr_service_body. */
static bool take(tr_service *s, tr_exchange *x, tr_str bytes, bool last)
{
    tr_lease lease;
    tr_err err = {0};
    bool ok = true, large = bytes.size > LARGE || x->lines.cut.size > LARGE;
    if (tr_workers_take(s->workers, &lease, &err) != TR_OK)
        return refuse_system(s, x, &err);
    const tr_answerer a = answerer(s, x, &lease);
    switch (x->path->kind) {
    case PREDICT:
    case BATCH: answer_body(s, x, &a, bytes); break;
    case ROUTE: ok = take_lines(s, x, &a, bytes, last); break;
    case HEALTH:
        tr_answer_health(lease.policy, &x->out);
        answer(s, x, 200, x->path->type);
        break;
    case METRICS:
        answer(s, x, 200, x->path->type);
        tr_metrics_put(s->metrics, lease.policy, &x->out);
        break;
    }
    if (large)
        tr_workers_drop(s->workers, &lease);
    else
        tr_workers_give(s->workers, &lease);
    if (x->out.failed) {
        tr_err_memory(&err);
        return refuse_system(s, x, &err);
    }
    return ok;
}

bool tr_service_body(tr_service *s, tr_exchange *x, tr_str bytes, bool whole)
{
    if (x->status) /* refused, or answered: what is left is swallowed */
        return true;
    x->received += bytes.size;
    if (x->received > s->options.max_body)
        return refuse_size(s, x);
    if (!x->path->posts)
        return true;
    if (x->path->kind == ROUTE || whole) {
        if (!take(s, x, bytes, false))
            return x->path->kind != ROUTE; /* of a whole body nothing is left to refuse */
    } else {
        tr_buf_add_str(&x->body, bytes);
        if (x->body.failed)
            return refuse_memory(s, x);
    }
    return charge(s, x) || refuse_memory(s, x);
}

void tr_service_end(tr_service *s, tr_exchange *x)
{
    if (x->status)
        return;
    tr_str rest = x->path->kind == ROUTE || !x->body.data ? tr_str_c("") : tr_buf_str(&x->body);
    if (take(s, x, rest, true) && !charge(s, x))
        refuse_memory(s, x);
}
