/* tr-gate: a model stream in, the same with an acceptor for each member out. */
#include "cli.h"
#include "gate/learn.h"

#include <string.h>

static const char synopsis[] = "[OPTION]... [FILE]";
static const char purpose[] =
    "Fits, for each member of a model stream, the acceptor that predicts whether the member agrees "
    "with the teacher. Without it tr-calibrate goes by the member's own margin.";
static const char tail[] = "Exit status: 0 done, 2 wrong usage, 3 bad data, 4 the system failed.\n"
                           "Example: tr-split traces.jsonl | tr-train | tr-gate | tr-calibrate "
                           "--alpha 0.92 -o policy.trp\n";

typedef struct {
    uint32_t mask;
    char reason[256];
    const char *text;
} feature_choice;

static const char *parse_features(void *context, const char *value)
{
    feature_choice *f = context;
    f->text = value;
    return tr_acceptor_choose(value, &f->mask, f->reason);
}

static const char *show_features(const void *context)
{
    return ((const feature_choice *)context)->text;
}

static tr_code gate(const tr_cli *cli, uint32_t mask, tr_err *err)
{
    tr_stream s;
    tr_code code = tr_stream_read(&s, cli->n_operands ? cli->operands[0] : NULL, err);
    tr_writer *out = code == TR_OK ? tr_cli_output(cli, true, err) : NULL;
    if (code == TR_OK && !out)
        code = err->code;
    if (code == TR_OK) {
        code = tr_learn_gate(&s, mask, out, err);
        if (code == TR_OK)
            code = tr_writer_close(out, err);
        else
            tr_writer_abandon(out);
    }
    tr_stream_free(&s);
    return code;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    feature_choice features = {.text = "all"};
    tr_opt_call choose = {parse_features, show_features, &features};
    tr_err err = {0};

    const char *names[TR_ACCEPTOR_FEATURES + 2] = {NULL};
    for (size_t k = 0, n = 0; k <= TR_ACCEPTOR_FEATURES; k++)
        if (!tr_acceptor_choose(tr_acceptor_names[k], &features.mask, features.reason))
            names[n++] = tr_acceptor_names[k];
    tr_acceptor_choose("all", &features.mask, features.reason);
    tr_cli_init(&cli, "tr-gate");
    const tr_opt own[] = {
        {0, "features", "tracer|all|LIST", TR_OPT_CALL, &choose, .choices = names,
         .help = "what the acceptor sees: top1, top2, margin, entropy (these four: tracer), logit, "
                 "third, top, gap, evidence, unseen, agreement, near, label"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    if (cli.n_operands > 1)
        return tr_cli_wrong(&cli, "one model stream at a time");
    tr_cli_waits_for(&cli, "the output of tr-train");
    tr_code code = gate(&cli, features.mask, &err);
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
