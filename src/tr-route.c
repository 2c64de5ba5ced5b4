/* tr-route: requests in, decisions out, one line for each line. */
#include "cli.h"
#include "maths/pool.h"
#include "policy/route.h"

#include "ground/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char synopsis[] = "POLICY [OPTION]... [FILE]...";
static const char purpose[] =
    "Answers what the policy is certified to answer and defers the rest: one decision line for "
    "each request line, in the same order.";
static const char tail[] =
    "SIGHUP takes the policy file in anew between two lines; a bad file leaves the old one in place.\n"
    "Exit status: 0 done, 2 wrong usage, 3 bad policy, or lines that could not be read (each is\n"
    "deferred, with \"error\"), 4 the system failed.\n"
    "Example: tail -F requests.jsonl | tr-route policy.trp >> decisions.jsonl\n";

/* The one thing that a signal may touch. */
static volatile sig_atomic_t reload_wanted;

static void on_hangup(int signal)
{
    (void)signal;
    reload_wanted = 1;
}

typedef struct {
    size_t begin, end;  /* in the text of the batch */
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
    const tr_cli *cli;
    const char *file;
    bool keep_embedding, line_buffered;
    int64_t batch_lines;
    tr_policy policy;
    share *shares;
    int threads;
    tr_buf text;       /* the batch's lines, since the reader's are borrowed */
    batch_line *lines;
    size_t n, capacity;
    uint64_t bad;
} router;

/* ---- the policy ---- */

static void close_workers(router *r)
{
    for (int k = 0; r->shares && k < r->threads; k++) {
        tr_route_close(r->shares[k].worker);
        r->shares[k].worker = NULL;
    }
}

static tr_code load(router *r, tr_policy *p, tr_err *err)
{
    tr_code code = tr_policy_read(p, r->file, err);
    if (code != TR_OK)
        tr_policy_free(p);
    return code;
}

static tr_code adopt(router *r, const tr_policy *p, tr_err *err)
{
    close_workers(r);
    tr_policy_free(&r->policy);
    r->policy = *p;
    for (int k = 0; k < r->threads; k++) {
        r->shares[k].worker = tr_route_open(&r->policy, err);
        if (!r->shares[k].worker)
            return TR_SYSTEM;
    }
    return TR_OK;
}

static tr_code reload(router *r, tr_err *err)
{
    tr_policy p;
    reload_wanted = 0;
    if (load(r, &p, err) != TR_OK) {
        tr_cli_fail(r->cli, err);
        tr_cli_say(r->cli, "the policy in use stays in use");
        return TR_OK;
    }
    tr_cli_say(r->cli, "policy taken in anew");
    return adopt(r, &p, err);
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
        bool bad;
        tr_code code = tr_route_line(s->worker,
                                     tr_str_of(r->text.data + l->begin, l->end - l->begin),
                                     l->number, r->keep_embedding, &s->out, &bad, err);
        if (code != TR_OK)
            return code;
        s->bad += bad;
    }
    return TR_OK;
}

static tr_code run_batch(router *r, tr_writer *out, tr_err *err)
{
    tr_pool_task tasks[64] = {0};
    size_t threads = (size_t)r->threads;
    for (size_t k = 0; k < threads; k++) {
        r->shares[k].first = r->n * k / threads;
        r->shares[k].last = r->n * (k + 1) / threads;
        tasks[k] = (tr_pool_task){.run = run_share, .context = r, .task = k, .after = -1};
    }
    tr_code code = tr_pool_run(tasks, threads, r->threads, NULL, NULL, err);
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
    tr_code code = tr_route_line(s->worker, line, number, r->keep_embedding, &s->out, &bad, err);
    if (code == TR_OK)
        code = tr_writer_add(out, s->out.data, s->out.size, err);
    r->bad += bad;
    return code == TR_OK && r->line_buffered ? tr_writer_flush(out, err) : code;
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

static tr_code route(router *r, tr_reader *in, tr_writer *out, tr_err *err)
{
    enum { BATCH_BYTES = 4 << 20 };
    bool one_by_one = r->threads == 1 || r->batch_lines == 1 || r->line_buffered;
    tr_code code = TR_OK;
    for (bool end = false; code == TR_OK && !end;) {
        tr_str line;
        bool waits = tr_reader_would_block(in);
        if (r->n && (waits || r->n >= (size_t)r->batch_lines || r->text.size >= BATCH_BYTES))
            code = run_batch(r, out, err);
        if (code == TR_OK && waits)
            code = tr_writer_flush(out, err);
        if (code == TR_OK)
            code = tr_reader_line(in, &line, &end, err);
        if (code == TR_OK && reload_wanted) {
            code = r->n ? run_batch(r, out, err) : TR_OK;
            if (code == TR_OK)
                code = reload(r, err);
        }
        if (code != TR_OK || end)
            break;
        code = one_by_one ? run_line(r, line, tr_reader_total(in), out, err)
                          : keep_line(r, line, tr_reader_total(in), err);
    }
    return code == TR_OK && r->n ? run_batch(r, out, err) : code;
}

static tr_code run(router *r, tr_err *err)
{
    tr_policy p;
    tr_code code = load(r, &p, err);
    if (code != TR_OK)
        return code;
    r->shares = tr_mem_zero((size_t)r->threads, sizeof *r->shares);
    code = r->shares ? adopt(r, &p, err) : tr_err_memory(err);
    tr_reader *in = code == TR_OK ? tr_reader_open(r->cli->operands + 1, r->cli->n_operands - 1, err)
                                  : NULL;
    tr_writer *out = in ? tr_cli_output(r->cli, false, err) : NULL;
    if (code == TR_OK && !out)
        code = err->code;
    if (code == TR_OK) {
        code = route(r, in, out, err);
        tr_err first = *err;
        /* what was decided before a failure is handed on all the same */
        tr_code closed = tr_writer_close(out, err);
        if (code != TR_OK)
            *err = first;
        else
            code = closed;
    }
    tr_reader_close(in);
    close_workers(r);
    for (int k = 0; r->shares && k < r->threads; k++)
        tr_buf_free(&r->shares[k].out);
    free(r->shares);
    free(r->lines);
    tr_buf_free(&r->text);
    tr_policy_free(&r->policy);
    return code;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    router r = {.cli = &cli, .batch_lines = 4096};
    tr_err err = {0};

    tr_cli_init(&cli, "tr-route");
    const tr_opt own[] = {
        {0, "line-buffered", NULL, TR_OPT_FLAG, &r.line_buffered,
         .help = "hand on each line at once (without it: whenever input would have to be waited "
                 "for)"},
        {0, "keep-embedding", NULL, TR_OPT_FLAG, &r.keep_embedding,
         .help = "leave a request's \"embedding\" in its decision"},
        {0, "batch", "LINES", TR_OPT_INT, &r.batch_lines, 1, 1 << 20,
         .help = "lines that the threads share at most"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT | TR_CLI_THREADS);
    cli.threads = 1;
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    if (!cli.n_operands)
        return tr_cli_wrong(&cli, "which policy? the first operand is its file");
    r.file = cli.operands[0];
    r.threads = (int)cli.threads;
    sigaction(SIGHUP, &(struct sigaction){.sa_handler = on_hangup, .sa_flags = SA_RESTART}, NULL);
    if (cli.n_operands == 1)
        tr_cli_waits_for(&cli, "requests, one JSON object a line,");
    tr_code code = run(&r, &err);
    if (code == TR_OK && r.bad) {
        tr_err_set(&err, TR_DATA, "%llu line%s could not be read and %s deferred (see \"error\")",
                   (unsigned long long)r.bad, r.bad == 1 ? "" : "s", r.bad == 1 ? "was" : "were");
        code = TR_DATA;
    }
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
