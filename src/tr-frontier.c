/* tr-frontier: coverage against agreement over several targets that are certified at once; as
 * points, as a picture, or the policy of one of them. */
#include "cli.h"
#include "ground/num.h"
#include "policy/frontier.h"
#include "report/plot.h"

#include <stdio.h>
#include <string.h>

static const char synopsis[] = "[OPTION]... [FILE]";
static const char purpose[] =
    "Certifies several agreements at once, all promises together at the risk --delta, and prints "
    "what each would cover: points as JSON lines, or a picture, or the policy of one of them.";
static const char tail[] =
    "Exit status: 0 something is certified (with --select: that target), 1 it is not, 2 wrong\n"
    "usage, 3 bad data, 4 the system failed.\n"
    "Example: tr-split traces.jsonl | tr-train | tr-gate > models.trm\n"
    "         tr-frontier models.trm; tr-frontier models.trm --select 0.95 -o policy.trp\n";

static const double USUAL[] = {0.80, 0.85, 0.90, 0.92, 0.95, 0.98, 0.99};

typedef struct {
    double alpha[TR_FRONTIER_MOST];
    size_t n;
} targets;

typedef struct {
    targets targets;
    tr_calibrate_options o;
    tr_frontier_costs costs;
    int guarantee, family;
    double select; /* 0: none */
    bool svg;
} options;

/* A number, also as ".95". */
static bool parse_target(const char *value, size_t size, double *alpha)
{
    char text[64] = "0";
    bool bare = size > 0 && value[0] == '.';

    if (size + bare >= sizeof text)
        return false;
    memcpy(text + bare, value, size);
    return tr_num_parse_double(tr_str_of(text, size + bare), alpha) && *alpha > 0 && *alpha < 1;
}

/* "0.9,0.95" */
static const char *parse_targets(void *context, const char *value)
{
    targets *t = context;
    t->n = 0;
    for (;;) {
        size_t size = strcspn(value, ",");
        if (t->n == TR_FRONTIER_MOST)
            return "takes at most 32 targets";
        if (!parse_target(value, size, &t->alpha[t->n]))
            return "takes numbers between 0 and 1, separated by commas";
        t->n++;
        if (!value[size])
            return NULL;
        value += size + 1;
    }
}

static const char *show_targets(const void *context)
{
    (void)context;
    return "0.8,0.85,0.9,0.92,0.95,0.98,0.99";
}

static tr_code print_points(const tr_frontier *f, const tr_frontier_costs *costs, tr_buf *out,
                            tr_err *err)
{
    for (size_t i = 0; i < f->n; i++) {
        tr_json_writer w;
        tr_json_begin(&w, out, false);
        tr_frontier_print(f, &f->point[i], costs, &w);
        tr_buf_add_char(out, '\n');
    }
    return out->failed ? tr_err_memory(err) : TR_OK;
}

static void say(const tr_cli *cli, const tr_frontier *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const tr_certificate *c = &f->point[i].policy.certificate;
        if (c->deployed)
            tr_cli_say(cli, "agreement %g: answers %.1f%% of the traffic (%s, %s)", c->alpha,
                       100 * tr_certificate_coverage(c), tr_family_names[c->family], c->member);
        else
            tr_cli_say(cli, "agreement %g: not certified: %s", c->alpha, c->refusal);
    }
    if (f->certified)
        tr_cli_say(cli, "with %g%% confidence %s", 100 * (1 - f->options.delta),
                   f->certified > 1 ? "all of these hold at once" : "it holds");
}

/* What was asked for, to standard output or the file of -o. */
static tr_code write_out(const tr_cli *cli, const options *x, const tr_frontier *f, tr_err *err)
{
    const tr_frontier_point *chosen = x->select > 0 ? tr_frontier_find(f, x->select) : NULL;
    bool policy = chosen && !x->svg;
    tr_buf text;
    tr_code code = TR_OK;

    if (policy && !chosen->policy.certificate.deployed)
        return tr_err_set(err, TR_NO, "not certified at %g: %s", x->select,
                          chosen->policy.certificate.refusal);
    tr_buf_init(&text);
    if (x->svg)
        code = tr_plot_frontier(f, chosen, &text, err);
    else if (!policy)
        code = print_points(f, &x->costs, &text, err);
    tr_writer *out = code == TR_OK ? tr_cli_output(cli, policy, err) : NULL;
    if (!out) {
        tr_buf_free(&text);
        return code == TR_OK ? err->code : code;
    }
    code = policy ? tr_policy_write(&chosen->policy, out, err)
                  : tr_writer_add(out, text.data, text.size, err);
    tr_buf_free(&text);
    if (code != TR_OK) {
        tr_writer_abandon(out);
        return code;
    }
    code = tr_writer_close(out, err);
    if (code == TR_OK && chosen && !chosen->policy.certificate.deployed)
        code = tr_err_set(err, TR_NO, "not certified at %g: %s", x->select,
                          chosen->policy.certificate.refusal);
    return code;
}

static tr_code run(const tr_cli *cli, const options *x, tr_err *err)
{
    static tr_stream s; /* large */
    static tr_frontier f;
    tr_err none = {0};
    tr_code code = tr_stream_read(&s, cli->n_operands ? cli->operands[0] : NULL, err);
    if (code == TR_OK) {
        code = tr_frontier_open(&f, &s, &x->o, x->targets.alpha, x->targets.n, err);
        if (code == TR_OK || code == TR_NO) {
            say(cli, &f);
            tr_code written = write_out(cli, x, &f, code == TR_OK ? err : &none);
            if (written != TR_OK && code == TR_NO && written != TR_NO)
                *err = none; /* worse than what is said already */
            code = written != TR_OK ? written : code;
        }
    }
    tr_frontier_close(&f);
    tr_stream_free(&s);
    return code;
}

static const char *wrong(const tr_cli *cli, const options *x)
{
    bool listed = false;
    for (size_t i = 0; i < x->targets.n; i++) {
        double apart = x->targets.alpha[i] - x->select;
        listed |= apart < 1e-9 && apart > -1e-9;
    }
    if (x->select > 0 && !listed)
        return "--select takes one of --alphas: what was not certified with them cannot be chosen";
    if (x->costs.price_a_call > 0 && !(x->costs.calls_a_day > 0))
        return "--price-per-call needs --calls-per-day";
    if (x->costs.calls_a_day > 0 && (x->svg || x->select > 0))
        return "--calls-per-day and --price-per-call are for the points, not with --svg or "
               "--select";
    if (cli->n_operands > 1)
        return "one model stream at a time";
    return NULL;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    options x = {.o = {.delta = 0.05, .novelty = 0.01, .min_coverage = 0.05}};
    tr_err err = {0};

    memcpy(x.targets.alpha, USUAL, sizeof USUAL);
    x.targets.n = sizeof USUAL / sizeof *USUAL;
    tr_opt_call alphas = {parse_targets, show_targets, &x.targets};
    tr_cli_init(&cli, "tr-frontier");
    const tr_opt own[] = {
        {'a', "alphas", "A,A...", TR_OPT_CALL, &alphas,
         .help = "agreements to certify, all at once"},
        {'d', "delta", "D", TR_OPT_REAL, &x.o.delta, 0, 1, TR_OPT_OPEN,
         .help = "risk that any of the promises fails"},
        {0, "guarantee", "WHAT", TR_OPT_CHOICE, &x.guarantee, .choices = tr_guarantee_names,
         .help = "handled: of what is answered; overall: of all traffic, deferred included"},
        {0, "family", "NAME", TR_OPT_CHOICE, &x.family, .choices = tr_family_names,
         .help = "candidates: global, l2d (one gated stage), rsb (cascades); auto: all"},
        {0, "novelty", "N", TR_OPT_REAL, &x.o.novelty, 0, 0.5,
         .help = "share of ordinary traffic to defer as least like the log; 0: no guard"},
        {0, "defer-label", "L,L...", TR_OPT_TEXT, &x.o.defer_label,
         .help = "labels never to answer"},
        {0, "min-coverage", "C", TR_OPT_REAL, &x.o.min_coverage, 0, 1,
         .help = "least certified coverage that is worth deploying"},
        {0, "svg", NULL, TR_OPT_FLAG, &x.svg,
         .help = "draw a picture; with --select that point is marked in it"},
        {0, "select", "A", TR_OPT_REAL, &x.select, 0, 1, TR_OPT_OPEN,
         .help = "write the policy of this agreement, one of --alphas"},
        {0, "calls-per-day", "N", TR_OPT_REAL, &x.costs.calls_a_day, 0, 1e15, TR_OPT_OPEN,
         .help = "say how many calls each point saves"},
        {0, "price-per-call", "P", TR_OPT_REAL, &x.costs.price_a_call, 0, 1e15, TR_OPT_OPEN,
         .help = "and how much money"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT | TR_CLI_SEED);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    x.o.seed = (uint64_t)cli.seed;
    x.o.guarantee = (tr_guarantee)x.guarantee;
    x.o.family = (tr_family)x.family;
    const char *complaint = wrong(&cli, &x);
    if (complaint)
        return tr_cli_wrong(&cli, "%s", complaint);
    tr_cli_waits_for(&cli, "the output of tr-gate or tr-train");
    tr_code code = run(&cli, &x, &err);
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
