#include "policy/router.h"

#include "ground/mem.h"
#include "maths/pool.h"

#include <stdlib.h>

enum { MOST_THREADS = 64, BATCH_BYTES = 4 << 20 };

typedef struct {
    size_t begin, end; /* in the text of the batch */
    uint64_t number;
    tr_routed row;
    size_t stop; /* of its decision, in what its share puts out */
} batch_line;

/* One share of a batch: worked on by one thread. */
typedef struct {
    tr_route_worker *worker;
    size_t first, last;
    tr_buf out;
} share;

typedef struct {
    const tr_router_options *o;
    tr_policy policy;
    share *shares;
    tr_buf text; /* the batch's lines, since the reader's are borrowed */
    batch_line *lines;
    size_t n, capacity;
    tr_writer *out;
    tr_teacher *teacher; /* NULL: nobody is asked */
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
        tr_route_set_shadow(r->shares[k].worker, &r->o->shadow);
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
    for (size_t k = s->first; k < s->last; k++) {
        batch_line *l = &r->lines[k];
        tr_str line = tr_str_of(r->text.data + l->begin, l->end - l->begin);
        tr_code code =
            tr_route_line(s->worker, line, l->number, r->o->keep_embedding, &s->out, &l->row, err);
        if (code != TR_OK)
            return code;
        l->stop = s->out.size;
    }
    return TR_OK;
}

static tr_code put_out(router *r, tr_str decision, const tr_routed *row, tr_err *err)
{
    return r->teacher ? tr_teacher_take(r->teacher, decision, row->asks, row->members, row->id, err)
                      : tr_writer_add(r->out, decision.data, decision.size, err);
}

static tr_code put_share(router *r, const share *s, tr_err *err)
{
    tr_code code = TR_OK;
    size_t begin = 0;
    for (size_t k = s->first; k < s->last && code == TR_OK; k++) {
        const batch_line *l = &r->lines[k];
        r->bad += l->row.bad;
        code = put_out(r, tr_str_of(s->out.data + begin, l->stop - begin), &l->row, err);
        begin = l->stop;
    }
    return code;
}

static tr_code run_batch(router *r, tr_err *err)
{
    tr_pool_task tasks[MOST_THREADS] = {0};
    size_t threads = (size_t)r->o->threads;
    for (size_t k = 0; k < threads; k++) {
        r->shares[k].first = r->n * k / threads;
        r->shares[k].last = r->n * (k + 1) / threads;
        tasks[k] = (tr_pool_task){.run = run_share, .context = r, .task = k, .after = -1};
    }
    tr_code code = tr_pool_run(tasks, threads, r->o->threads, NULL, NULL, err);
    for (size_t k = 0; k < threads && code == TR_OK; k++)
        code = put_share(r, &r->shares[k], err);
    r->n = 0;
    tr_buf_clear(&r->text);
    return code;
}

/* One line by itself: nothing is copied, nothing waits. */
static tr_code run_line(router *r, tr_str line, uint64_t number, tr_err *err)
{
    share *s = &r->shares[0];
    tr_routed row;
    tr_buf_clear(&s->out);
    tr_code code = tr_route_line(s->worker, line, number, r->o->keep_embedding, &s->out, &row, err);
    if (code == TR_OK)
        code = put_out(r, tr_buf_str(&s->out), &row, err);
    r->bad += row.bad;
    if (code == TR_OK && r->o->line_buffered && r->teacher)
        code = tr_teacher_turn(r->teacher, err);
    return code == TR_OK && r->o->line_buffered ? tr_writer_flush(r->out, err) : code;
}

static tr_code keep_line(router *r, tr_str line, uint64_t number, tr_err *err)
{
    if (!tr_mem_reserve((void **)&r->lines, &r->capacity, r->n + 1, sizeof *r->lines))
        return tr_err_memory(err);
    size_t begin = r->text.size;
    tr_buf_add_str(&r->text, line);
    r->lines[r->n++] = (batch_line){.begin = begin, .end = r->text.size, .number = number};
    return r->text.failed ? tr_err_memory(err) : TR_OK;
}

static bool batch_is_full(const router *r)
{
    return r->n >= r->o->batch_lines || r->text.size >= BATCH_BYTES;
}

/* Until there is something to read: meanwhile what the teacher answers goes out. */
static tr_code await_input(router *r, tr_reader *in, tr_err *err)
{
    tr_code code = tr_writer_flush(r->out, err);
    if (code != TR_OK || !r->teacher)
        return code;
    do
        code = tr_teacher_wait(r->teacher, tr_reader_fd(in), err);
    while (code == TR_OK && tr_reader_fd(in) >= 0 && tr_reader_would_block(in));
    return code;
}

/* What came before a failure of the input is decided all the same. */
static tr_code finish_batch(router *r, tr_code code)
{
    tr_err second;
    return !r->n || run_batch(r, &second) == TR_OK ? code : TR_SYSTEM;
}

static tr_code route(router *r, tr_reader *in, tr_err *err)
{
    bool one_by_one = r->o->threads == 1 || r->o->batch_lines == 1 || r->o->line_buffered;
    tr_code code = TR_OK;
    for (;;) {
        tr_str line;
        bool end = false, waits = tr_reader_would_block(in);
        if (r->n && (waits || batch_is_full(r)))
            code = run_batch(r, err);
        if (code == TR_OK && waits)
            code = await_input(r, in, err);
        if (code == TR_OK && (code = tr_reader_line(in, &line, &end, err)) != TR_OK)
            return finish_batch(r, code);
        if (code == TR_OK && r->o->reload && *r->o->reload) {
            code = r->n ? run_batch(r, err) : TR_OK;
            if (code == TR_OK)
                code = reload(r, err);
        }
        if (code == TR_OK && end)
            return r->n ? run_batch(r, err) : TR_OK;
        if (code == TR_OK)
            code = one_by_one ? run_line(r, line, tr_reader_total(in), err)
                              : keep_line(r, line, tr_reader_total(in), err);
        if (code != TR_OK)
            return code;
    }
}

tr_code tr_router_run(const tr_router_options *o, tr_reader *in, tr_writer *out,
                      tr_router_counts *counts, tr_err *err)
{
    router r = {.o = o, .out = out};
    *counts = (tr_router_counts){0};
    r.shares = tr_mem_zero((size_t)o->threads, sizeof *r.shares);
    if (!r.shares)
        return tr_err_memory(err);
    tr_code code = load(&r, err);
    if (code == TR_OK && o->teacher.command &&
        !(r.teacher = tr_teacher_open(&o->teacher, out, err)))
        code = TR_SYSTEM;
    if (code == TR_OK)
        code = route(&r, in, err);
    if (r.teacher) {
        tr_err second; /* of a failure before */
        tr_code finished = tr_teacher_finish(r.teacher, code == TR_OK ? err : &second);
        code = code == TR_OK ? finished : code;
        counts->teacher = tr_teacher_counted(r.teacher);
    }
    counts->bad = r.bad;
    tr_teacher_close(r.teacher);
    close_workers(&r);
    for (int k = 0; k < o->threads; k++)
        tr_buf_free(&r.shares[k].out);
    free(r.shares);
    free(r.lines);
    tr_buf_free(&r.text);
    tr_policy_free(&r.policy);
    return code;
}
