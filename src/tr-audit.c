/* tr-audit: decisions, and what the teacher said, as a report; or reports, as one. */
#include "audit/intake.h"
#include "audit/ledger.h"
#include "cli.h"
#include "report/graphs.h"
#include "report/page.h"
#include "report/terminal.h"

#include <unistd.h>

static const char synopsis[] = "[--policy POLICY | --alpha A] [OPTION]... [FILE]...";
static const char purpose[] =
    "Says of a log of decisions what is handled, what is not and why, how often the teacher "
    "agrees, and whether that contradicts what was promised.";
static const char tail[] =
    "Exit status: 0 nothing contradicts the promise, 1 the data do, or the monitor alarms, 2 "
    "wrong\n"
    "usage, 3 bad data, 4 the system failed.\n"
    "Example: tr-audit --policy policy.trp decisions.jsonl\n"
    "         tr-audit --policy policy.trp --html -o report.html decisions.jsonl\n";

static const char *const pictures[] = {"flow", "curve", NULL};

typedef struct {
    const char *policy, *by, *input_key, *baseline, *monitor, *fail_closed;
    double alpha, delta; /* 0: not given */
    tr_prices prices;
    bool json, html, merge, verdict;
    int svg; /* index into pictures; -1: none */
} options;

/* All that is counted or made; large. */
typedef struct {
    tr_promise promise;
    char input_key[TR_INTAKE_KEY]; /* of the policy; "": the aliases */
    tr_audit audit, before;
    tr_figures figures, before_figures;
    tr_comparison comparison;
    tr_monitor monitor;
} work;

static tr_code read_promise(const options *x, work *w, tr_err *err)
{
    if (x->policy)
        return tr_intake_policy(x->policy, &w->promise, w->input_key, err);
    w->promise.there = x->alpha > 0;
    w->promise.alpha = x->alpha;
    w->promise.delta = x->alpha > 0 && x->delta <= 0 ? 0.05 : x->delta;
    return TR_OK;
}

static tr_code read_logs(const tr_cli *cli, const options *x, work *w, tr_err *err)
{
    tr_code code = read_promise(x, w, err);
    if (code == TR_OK && x->monitor)
        code = tr_intake_monitor(x->monitor, &w->promise, &w->monitor, err);
    if (code == TR_OK)
        code = tr_audit_init(&w->audit, &w->promise, x->by, err);
    if (code != TR_OK)
        return code;
    const char *key = x->input_key ? x->input_key : *w->input_key ? w->input_key : NULL;
    tr_reader *in = tr_reader_open(cli->operands, cli->n_operands, err);
    tr_outcome_parser *parser = in ? tr_outcome_open(key, x->by, err) : NULL;
    tr_progress progress;
    tr_progress_begin(&progress, STDERR_FILENO, "decisions", 0, cli->quiet);
    code = parser ? tr_intake_lines(&w->audit, x->monitor ? &w->monitor : NULL, in, parser,
                                    &progress, err)
                  : err->code;
    tr_progress_end(&progress);
    tr_outcome_close(parser);
    tr_reader_close(in);
    return code;
}

/* Writes the text, and frees it. */
static tr_code print(const tr_cli *cli, tr_buf *text, tr_err *err)
{
    tr_writer *out = text->failed ? NULL : tr_cli_output(cli, false, err);
    tr_code code = text->failed ? tr_err_memory(err)
                   : out        ? tr_writer_add(out, text->data, text->size, err)
                                : err->code;
    tr_buf_free(text);
    if (code == TR_OK)
        return tr_writer_close(out, err);
    tr_writer_abandon(out);
    return code;
}

static tr_code write_report(const tr_cli *cli, const options *x, work *w, tr_err *err)
{
    tr_code code = tr_figures_make(&w->figures, &w->audit, err);
    if (code == TR_OK && x->baseline)
        code = tr_ledger_read_report(&w->before, x->baseline, err);
    if (code == TR_OK && x->baseline)
        code = tr_figures_make(&w->before_figures, &w->before, err);
    if (code == TR_OK && x->baseline)
        code = tr_compare(&w->comparison, &w->before_figures, &w->figures, err);
    if (code != TR_OK)
        return code;
    const tr_money money = tr_compare_money(&w->figures, x->prices);
    const tr_report r = {&w->figures, x->baseline ? &w->comparison : NULL, &money};
    tr_buf text;
    tr_buf_init(&text);
    code = x->json       ? tr_sheet_write(&r, &text, err)
           : x->html     ? tr_page_write(&r, &text, err)
           : x->svg == 0 ? tr_graphs_flow(&r, "", &text, err)
           : x->svg == 1 ? tr_graphs_curve(&r, "", &text, err)
                         : tr_terminal_write(&r, &text, err);
    if (code == TR_OK)
        return print(cli, &text, err);
    tr_buf_free(&text);
    return code;
}

/* What the exit status says of a report that is written. */
static tr_code judge(const tr_cli *cli, const options *x, const work *w, tr_err *err)
{
    const tr_test *t = &w->figures.test;
    const tr_monitor *m = &w->monitor;
    if (x->monitor && tr_monitor_write(m, x->monitor, err) != TR_OK)
        return err->code;
    if (x->monitor)
        tr_cli_say(cli, "monitor: %llu labels, evidence %.3g of %.3g",
                   (unsigned long long)m->labels, tr_monitor_evidence(m), tr_monitor_bar(m));
    if (t->verdict == TR_VERDICT_CONTRADICTED)
        return tr_err_set(
            err, TR_NO, "the data contradict the promise: %llu of %llu agree, %.7g%% was promised",
            (unsigned long long)t->agreed, (unsigned long long)t->rows,
            100 * w->audit.promise.alpha);
    if (x->monitor && m->alarm)
        return tr_err_set(err, TR_NO, "the monitor alarms, since label %llu: the traffic drifted",
                          (unsigned long long)m->alarm);
    return TR_OK;
}

/* --verdict: what the states of shards say together, as one line. */
static tr_code judge_states(const tr_cli *cli, const options *x, tr_err *err)
{
    tr_monitor_verdict v;
    tr_buf text;
    tr_buf_init(&text);
    tr_code code = tr_intake_states(cli->operands, cli->n_operands, &v, err);
    if (code != TR_OK)
        return code;
    tr_sheet_verdict(&v, x->json, &text);
    code = print(cli, &text, err);
    if (code == TR_OK && v.alarm)
        code = tr_err_set(err, TR_NO, "the monitor alarms: the traffic drifted");
    return code;
}

static const char *wrong(const options *x, size_t files)
{
    bool promise = x->policy || x->alpha > 0;
    if (x->verdict && (promise || x->by || x->input_key || x->monitor || x->merge || x->html ||
                       x->svg >= 0 || x->baseline || x->prices.calls_per_day > 0))
        return "--verdict reads states of --monitor, and goes with --json and --fail-closed alone";
    if (x->verdict && !files)
        return "--verdict needs the states of --monitor";
    if (x->fail_closed && !x->monitor && !x->verdict)
        return "--fail-closed acts at the alarm of --monitor or --verdict";
    if (x->policy && x->alpha > 0)
        return "--alpha is in the policy: one of --policy and --alpha";
    if (x->delta > 0 && !(x->alpha > 0))
        return "--delta goes with --alpha";
    if (x->merge && (promise || x->by || x->input_key || x->monitor))
        return "--merge reads reports, which have their promise and their slices: no --policy, "
               "--alpha, --by, --input-key or --monitor";
    if (x->json + x->html + (x->svg >= 0) > 1)
        return "one of --json, --html and --svg";
    if (x->monitor && !promise)
        return "--monitor needs --policy or --alpha";
    if ((x->prices.price_per_call > 0 || x->prices.price_per_error > 0) &&
        !(x->prices.calls_per_day > 0))
        return "--price-per-call and --price-per-error need --calls-per-day";
    return NULL;
}

/* After the alarm: the status stays 1 where that worked. */
static int fail_closed(const tr_cli *cli, const char *policy)
{
    tr_err err = {0};
    if (tr_intake_fail_closed(policy, "closed: the drift monitor gave an alarm", &err) != TR_OK)
        return tr_cli_fail(cli, &err);
    tr_cli_say(cli, "%s defers everything from now on; send SIGHUP to the routers that use it",
               policy);
    return TR_NO;
}

int main(int argc, char **argv)
{
    static work w;
    tr_cli cli;
    options x = {.svg = -1};
    tr_err err = {0};

    tr_cli_init(&cli, "tr-audit");
    const tr_opt own[] = {
        {0, "policy", "POLICY", TR_OPT_TEXT, &x.policy, .help = "the policy that decided"},
        {'a', "alpha", "A", TR_OPT_REAL, &x.alpha, 0, 1, TR_OPT_OPEN,
         .help = "the agreement promised, without a policy"},
        {'d', "delta", "D", TR_OPT_REAL, &x.delta, 0, 1, TR_OPT_OPEN,
         .help = "the risk at which --alpha is tested; .05 where it is not given"},
        {0, "json", NULL, TR_OPT_FLAG, &x.json, .help = "every figure, and the counts"},
        {0, "html", NULL, TR_OPT_FLAG, &x.html, .help = "a page for a browser"},
        {0, "svg", "flow|curve", TR_OPT_CHOICE, &x.svg, .choices = pictures, .help = "one picture"},
        {0, "by", "KEY", TR_OPT_TEXT, &x.by,
         .help = "slices by this key of the lines; without it by the length of the input"},
        {0, "input-key", "K", TR_OPT_TEXT, &x.input_key, .help = "the key of the text"},
        {0, "baseline", "REPORT", TR_OPT_TEXT, &x.baseline,
         .help = "a report of --json: what has moved since, beyond chance"},
        {0, "merge", NULL, TR_OPT_FLAG, &x.merge, .help = "the FILEs are reports of --json"},
        {0, "calls-per-day", "N", TR_OPT_REAL, &x.prices.calls_per_day, 0, 1e15, TR_OPT_OPEN,
         .help = "say how many calls are saved"},
        {0, "price-per-call", "P", TR_OPT_REAL, &x.prices.price_per_call, 0, 1e15, TR_OPT_OPEN,
         .help = "and how much money"},
        {0, "price-per-error", "P", TR_OPT_REAL, &x.prices.price_per_error, 0, 1e15, TR_OPT_OPEN,
         .help = "less what answers cost that the teacher would not give"},
        {0, "monitor", "STATE", TR_OPT_TEXT, &x.monitor,
         .help = "carry the drift monitor on, in this file"},
        {0, "verdict", NULL, TR_OPT_FLAG, &x.verdict,
         .help = "the FILEs are states of --monitor, one a shard: what they say together"},
        {0, "fail-closed", "POLICY", TR_OPT_TEXT, &x.fail_closed,
         .help = "at the monitor's alarm have POLICY defer everything"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    const char *complaint = wrong(&x, cli.n_operands);
    if (complaint)
        return tr_cli_wrong(&cli, "%s", complaint);
    if (!x.verdict)
        tr_cli_waits_for(&cli, x.merge ? "a report of tr-audit --json" : "decisions of tr-route");
    tr_code code = x.verdict ? judge_states(&cli, &x, &err)
                   : x.merge ? tr_intake_reports(&w.audit, cli.operands, cli.n_operands, &err)
                             : read_logs(&cli, &x, &w, &err);
    if (code == TR_OK && !x.verdict)
        code = write_report(&cli, &x, &w, &err);
    if (code == TR_OK && !x.verdict)
        code = judge(&cli, &x, &w, &err);
    bool alarm = code == TR_NO && (x.verdict || (x.monitor && w.monitor.alarm));
    int status = code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
    if (alarm && x.fail_closed)
        status = fail_closed(&cli, x.fail_closed);
    tr_cli_free(&cli);
    return status;
}
