#include "policy/router.h"

#include "ground/mem.h"
#include "maths/pool.h"
#include "policy/route.h"

#include <stdlib.h>

enum { MOST_THREADS = 64, BATCH_BYTES = 4 << 20 };

typedef struct {
    size_t begin, end; /* in the text of the batch */
    uint64_t number;
} batch_line;

/* One share of a batch: worked on by one thread. */
typedef struct {
    tr_route_worker *worker;
    size_t first, last;
    tr_buf out;
    uint64_t bad;
} share;

typedef struct {
    const tr_router_options *o;
    tr_policy policy;
    share *shares;
    tr_buf text; /* the batch's lines, since the reader's are borrowed */
    batch_line *lines;
    size_t n, capacity;
    uint64_t bad;
} router;

/* ---- the policy ---- */

static void close_workers(router *r)
{
    for (int k = 0; k < r->o->threads; k++) {
        tr_route_close(r->shares[k].worker);
        r->shares[k].worker = NULL;
    }
}

static tr_code adopt(router *r, const tr_policy *p, tr_err *err)
{
    close_workers(r);
    tr_policy_free(&r->policy);
    r->policy = *p;
    for (int k = 0; k < r->o->threads; k++) {
        r->shares[k].worker = tr_route_open(&r->policy, err);
        if (!r->shares[k].worker)
            return TR_SYSTEM;
        tr_route_explain(r->shares[k].worker, r->o->explain);
    }
    return TR_OK;
}

static tr_code load(router *r, tr_err *err)
{
    tr_policy p;
    tr_code code = tr_policy_read(&p, r->o->policy, err);
    if (code == TR_OK)
        return adopt(r, &p, err);
    tr_policy_free(&p);
    return code;
}

static tr_code reload(router *r, tr_err *err)
{
    tr_policy p;
    *r->o->reload = 0;
    bool refused = tr_policy_read(&p, r->o->policy, err) != TR_OK;
    if (refused)
        tr_policy_free(&p);
    if (r->o->reloaded)
        r->o->reloaded(r->o->context, refused ? err : NULL);
    return refused ? TR_OK : adopt(r, &p, err);
}

/* ---- lines ---- */

static tr_code run_share(void *context, size_t task, tr_err *err)
{
    router *r = context;
    share *s = &r->shares[task];
    tr_buf_clear(&s->out);
    s->bad = 0;
    for (size_t k = s->first; k < s->last; k++) {
        const batch_line *l = &r->lines[k];
        tr_str line = tr_str_of(r->text.data + l->begin, l->end - l->begin);
        bool bad;
        tr_code code =
            tr_route_line(s->worker, line, l->number, r->o->keep_embedding, &s->out, &bad, err);
        if (code != TR_OK)
            return code;
        s->bad += bad;
    }
    return TR_OK;
}

static tr_code run_batch(router *r, tr_writer *out, tr_err *err)
{
    tr_pool_task tasks[MOST_THREADS] = {0};
    size_t threads = (size_t)r->o->threads;
    for (size_t k = 0; k < threads; k++) {
        r->shares[k].first = r->n * k / threads;
        r->shares[k].last = r->n * (k + 1) / threads;
        tasks[k] = (tr_pool_task){.run = run_share, .context = r, .task = k, .after = -1};
    }
    tr_code code = tr_pool_run(tasks, threads, r->o->threads, NULL, NULL, err);
    for (size_t k = 0; k < threads && code == TR_OK; k++) {
        r->bad += r->shares[k].bad;
        code = tr_writer_add(out, r->shares[k].out.data, r->shares[k].out.size, err);
    }
    r->n = 0;
    tr_buf_clear(&r->text);
    return code;
}

/* One line by itself: nothing is copied, nothing waits. */
static tr_code run_line(router *r, tr_str line, uint64_t number, tr_writer *out, tr_err *err)
{
    share *s = &r->shares[0];
    bool bad;
    tr_buf_clear(&s->out);
    tr_code code = tr_route_line(s->worker, line, number, r->o->keep_embedding, &s->out, &bad, err);
    if (code == TR_OK)
        code = tr_writer_add(out, s->out.data, s->out.size, err);
    r->bad += bad;
    return code == TR_OK && r->o->line_buffered ? tr_writer_flush(out, err) : code;
}

static tr_code keep_line(router *r, tr_str line, uint64_t number, tr_err *err)
{
    if (!tr_mem_reserve((void **)&r->lines, &r->capacity, r->n + 1, sizeof *r->lines))
        return tr_err_memory(err);
    size_t begin = r->text.size;
    tr_buf_add_str(&r->text, line);
    r->lines[r->n++] = (batch_line){begin, r->text.size, number};
    return r->text.failed ? tr_err_memory(err) : TR_OK;
}

static bool batch_is_full(const router *r)
{
    return r->n >= r->o->batch_lines || r->text.size >= BATCH_BYTES;
}

static tr_code route(router *r, tr_reader *in, tr_writer *out, tr_err *err)
{
    bool one_by_one = r->o->threads == 1 || r->o->batch_lines == 1 || r->o->line_buffered;
    tr_code code = TR_OK;
    for (;;) {
        tr_str line;
        bool end = false, waits = tr_reader_would_block(in);
        if (r->n && (waits || batch_is_full(r)))
            code = run_batch(r, out, err);
        if (code == TR_OK && waits)
            code = tr_writer_flush(out, err);
        if (code == TR_OK)
            code = tr_reader_line(in, &line, &end, err);
        if (code == TR_OK && r->o->reload && *r->o->reload) {
            code = r->n ? run_batch(r, out, err) : TR_OK;
            if (code == TR_OK)
                code = reload(r, err);
        }
        if (code == TR_OK && end)
            return r->n ? run_batch(r, out, err) : TR_OK;
        if (code == TR_OK)
            code = one_by_one ? run_line(r, line, tr_reader_total(in), out, err)
                              : keep_line(r, line, tr_reader_total(in), err);
        if (code != TR_OK)
            return code;
    }
}

tr_code tr_router_run(const tr_router_options *o, tr_reader *in, tr_writer *out, uint64_t *bad,
                      tr_err *err)
{
    router r = {.o = o};
    r.shares = tr_mem_zero((size_t)o->threads, sizeof *r.shares);
    if (!r.shares)
        return tr_err_memory(err);
    tr_code code = load(&r, err);
    if (code == TR_OK)
        code = route(&r, in, out, err);
    *bad = r.bad;
    close_workers(&r);
    for (int k = 0; k < o->threads; k++)
        tr_buf_free(&r.shares[k].out);
    free(r.shares);
    free(r.lines);
    tr_buf_free(&r.text);
    tr_policy_free(&r.policy);
    return code;
}
