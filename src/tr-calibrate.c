/* tr-calibrate: a model stream in, a certified policy out; or the check of a policy. */
#include "cli.h"
#include "ground/num.h"
#include "policy/calibrate.h"
#include "policy/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char synopsis[] = "--alpha A [OPTION]... [FILE]";
static const char purpose[] =
    "Certifies, on calibration rows that nothing was chosen by, the threshold above which a "
    "surrogate agrees with the teacher on at least a share A of what it answers; writes the "
    "policy.";
static const char tail[] =
    "Exit status: 0 certified, 1 refused (the policy then defers everything) or --verify found a\n"
    "difference, 2 wrong usage, 3 bad data or other traces, 4 the system failed.\n"
    "Example: tr-split traces.jsonl | tr-train | tr-gate | tr-calibrate --alpha 0.92 -o "
    "policy.trp\n";

typedef struct {
    tr_calibrate_options o;
    int guarantee, family;
    const char *verify, *previous;
    int64_t look;
    bool replace;
} options;

static void say_certified(const tr_cli *cli, const tr_policy *p, uint64_t bytes)
{
    const tr_certificate *c = &p->certificate;
    double coverage = tr_certificate_coverage(c);
    char size[TR_NUM_TEXT], saved[TR_NUM_TEXT];
    tr_num_print_bytes(size, bytes);
    tr_num_print_grouped(saved, (uint64_t)(coverage * 10000 + 0.5));
    tr_cli_say(cli, "certified: %s of %s, %s; %llu rows tested, %llu agreed, %llu needed",
               tr_family_names[c->family], c->member, c->gated ? "acceptor" : "margin",
               (unsigned long long)c->tested, (unsigned long long)c->agreed,
               (unsigned long long)c->needed);
    tr_cli_say(cli, "answers %.1f%% of the traffic: %s of 10,000 calls saved; policy of %s",
               100 * coverage, saved, size);
    tr_cli_say(
        cli,
        "with %g%% confidence, at least %g%% of %s will get the label that the teacher would "
        "have given",
        100 * (1 - p->history.spent), 100 * c->alpha,
        c->guarantee == TR_GUARANTEE_OVERALL ? "all traffic, deferred included,"
                                             : "the traffic that this policy answers");
    if (p->origin.grouped)
        tr_cli_say(cli, "(rows are grouped: this speaks of a random row of a random group)");
}

/* What a look at rows that were looked at before is worth. */
static void say_history(const tr_cli *cli, const tr_history *h)
{
    if (h->look <= 1 && !h->counted)
        return;
    tr_cli_say(cli, "look %u at these rows: %s%.4g of the risk is spent by now%s", h->look,
               h->look > 1 ? "not independent of earlier looks; " : "", h->spent,
               h->counted ? "" : " (the first look took all of delta)");
}

/* A refusal never takes the place of a policy that is there. */
static bool keeps_old(const tr_cli *cli, bool replace)
{
    struct stat st;
    return cli->output && strcmp(cli->output, "-") && !replace && stat(cli->output, &st) == 0 &&
           S_ISREG(st.st_mode) && st.st_size > 0;
}

static tr_code write_policy(const tr_cli *cli, const tr_policy *p, uint64_t *bytes, tr_err *err)
{
    tr_writer *out = tr_cli_output(cli, true, err);
    if (!out)
        return err->code;
    tr_code code = tr_policy_write(p, out, err);
    *bytes = tr_writer_written(out);
    if (code == TR_OK)
        return tr_writer_close(out, err);
    tr_writer_abandon(out);
    return code;
}

static tr_code calibrate(const tr_cli *cli, options *x, tr_err *err)
{
    tr_stream s = {0};
    tr_policy p = {0}, previous = {0};
    uint64_t bytes = 0;
    tr_code code = x->previous ? tr_policy_read(&previous, x->previous, err) : TR_OK;
    if (code == TR_OK && x->previous)
        x->o.previous = &previous;
    if (code == TR_OK)
        code = tr_stream_read(&s, cli->n_operands ? cli->operands[0] : NULL, err);
    if (code == TR_OK) {
        code = tr_calibrate_run(&s, &x->o, &p, err);
        if (code == TR_OK || code == TR_NO)
            say_history(cli, &p.history);
        bool refused = code == TR_NO;
        if (refused && keeps_old(cli, x->replace)) {
            tr_err_set(err, TR_NO, "refused: %s; %s stays as it was (--replace to replace it)",
                       p.certificate.refusal, cli->output);
        } else if (code == TR_OK || refused) {
            tr_code written = write_policy(cli, &p, &bytes, err);
            if (written != TR_OK)
                code = written;
            else if (refused)
                tr_err_set(err, TR_NO, "refused: %s; the policy defers everything",
                           p.certificate.refusal);
            else
                say_certified(cli, &p, bytes);
        }
    }
    tr_policy_free(&p);
    tr_policy_free(&previous);
    tr_stream_free(&s);
    return code;
}

static tr_code verify(const tr_cli *cli, const char *file, tr_err *err)
{
    tr_policy p;
    tr_dataset d = {0};
    tr_code code = tr_policy_read(&p, file, err);
    tr_reader *in = code == TR_OK ? tr_reader_open(cli->operands, cli->n_operands, err) : NULL;
    if (code == TR_OK)
        code = in ? tr_dataset_read(&d, in, tr_verify_reads(&p), err) : err->code;
    tr_reader_close(in);
    if (code == TR_OK)
        code = tr_verify_policy(&p, &d, err);
    if (code == TR_OK && p.rule.accepts)
        tr_cli_say(
            cli, "the same: %llu rows accepted, %llu tested, %llu agreed, %llu needed",
            (unsigned long long)p.certificate.accepted, (unsigned long long)p.certificate.tested,
            (unsigned long long)p.certificate.agreed, (unsigned long long)p.certificate.needed);
    else if (code == TR_OK)
        tr_cli_say(cli, "the policy defers everything: nothing is promised");
    tr_dataset_free(&d);
    tr_policy_free(&p);
    return code;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    options x = {.o = {.delta = 0.05, .targets = 1, .novelty = 0.01, .min_coverage = 0.05}};
    tr_err err = {0};

    tr_cli_init(&cli, "tr-calibrate");
    const tr_opt own[] = {
        {'a', "alpha", "A", TR_OPT_REAL, &x.o.alpha, 0, 1, TR_OPT_OPEN,
         .help = "agreement to promise, between 0 and 1; required"},
        {'d', "delta", "D", TR_OPT_REAL, &x.o.delta, 0, 1, TR_OPT_OPEN,
         .help = "risk that the promise fails"},
        {0, "guarantee", "WHAT", TR_OPT_CHOICE, &x.guarantee, .choices = tr_guarantee_names,
         .help = "handled: of what is answered; overall: of all traffic, deferred included"},
        {0, "family", "NAME", TR_OPT_CHOICE, &x.family, .choices = tr_family_names,
         .help = "global: accept all or nothing; l2d: one gated stage; rsb: a second stage gated "
                 "on what the "
                 "first defers; auto: whatever covers most"},
        {0, "novelty", "N", TR_OPT_REAL, &x.o.novelty, 0, 0.5,
         .help = "share of ordinary traffic to defer as least like the log; 0: no guard"},
        {0, "defer-label", "L,L...", TR_OPT_TEXT, &x.o.defer_label,
         .help = "labels never to answer"},
        {0, "min-coverage", "C", TR_OPT_REAL, &x.o.min_coverage, 0, 1,
         .help = "least certified coverage that is worth deploying"},
        {0, "previous", "POLICY", TR_OPT_TEXT, &x.previous,
         .help = "the policy that this one follows: rows that it has looked at cost risk"},
        {0, "look", "I", TR_OPT_INT, &x.look, 1, TR_HISTORY_LOOKS,
         .help = "this is the I-th look at these rows, counted from the first"},
        {0, "replace", NULL, TR_OPT_FLAG, &x.replace,
         .help = "let a refusal replace the policy in the -o file"},
        {0, "verify", "POLICY", TR_OPT_TEXT, &x.verify,
         .help = "check POLICY against the split traces that it was calibrated on"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT | TR_CLI_SEED);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    x.o.seed = (uint64_t)cli.seed;
    x.o.guarantee = (tr_guarantee)x.guarantee;
    x.o.family = (tr_family)x.family;
    x.o.look = (uint32_t)x.look;
    if (x.verify ? x.o.alpha > 0 : x.o.alpha <= 0)
        return tr_cli_wrong(&cli, x.verify ? "--verify takes its alpha from the policy"
                                           : "--alpha is required: the agreement to promise");
    if (!x.verify && cli.n_operands > 1)
        return tr_cli_wrong(&cli, "one model stream at a time");
    tr_cli_waits_for(&cli,
                     x.verify ? "the output of tr-split" : "the output of tr-train or tr-gate");
    tr_code code = x.verify ? verify(&cli, x.verify, &err) : calibrate(&cli, &x, &err);
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
