/* tr-train: a split log in, a model stream out. */
#include "cli.h"
#include "doors/progress.h"
#include "gate/train.h"
#include "ground/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char synopsis[] = "[OPTION]... [FILE]...";
static const char purpose[] =
    "Trains surrogates on the split traces of FILEs (or standard input), holds out every training "
    "row once, and writes a model stream for tr-gate or tr-calibrate.";
static const char tail[] =
    "Exit status: 0 done, 2 wrong usage, 3 bad data or too little of it, 4 the system failed.\n"
    "Example: tr-split traces.jsonl | tr-train | tr-gate | tr-calibrate --alpha 0.92 -o "
    "policy.trp\n";

typedef struct {
    tr_chosen chosen[TR_ZOO_SIZE];
    char reason[256];
    const char *text;
} zoo_choice;

static const char *parse_zoo(void *context, const char *value)
{
    zoo_choice *z = context;
    z->text = value;
    return tr_roster_choose(value, z->chosen, z->reason);
}

static const char *show_zoo(const void *context)
{
    return ((const zoo_choice *)context)->text;
}

typedef struct {
    tr_progress bar;
    bool begun, quiet;
} watched;

static void step(void *context, size_t finished, size_t tasks)
{
    watched *w = context;
    if (!w->begun)
        tr_progress_begin(&w->bar, STDERR_FILENO, "training", tasks, w->quiet);
    w->begun = true;
    tr_progress_step(&w->bar, finished);
}

static void say_report(const tr_cli *cli, const tr_dataset *d, const tr_train_report *r)
{
    char rows[TR_NUM_TEXT], held[TR_NUM_TEXT];
    tr_num_print_grouped(rows, d->train);
    tr_num_print_grouped(held, r->held_out);
    char text[64] = "", view[64] = "";
    if (d->has_text)
        snprintf(text, sizeof text, "%u features of text", r->columns);
    if (r->dims)
        snprintf(view, sizeof view, "%s%u of %s", d->has_text ? " and " : "features: ", r->dims,
                 r->of_text ? "their SVD" : "the embedding");
    tr_cli_say(cli, "%s training rows, %u labels, %s%s; %s rows held out in %u %s", rows,
               d->labels.n, text, view, held, r->folds, r->folds == 1 ? "part" : "folds");
    if (d->left_out_labels)
        tr_cli_say(cli, "%u label%s with fewer than %d training rows%s: never answered (%llu rows)",
                   d->left_out_labels, d->left_out_labels == 1 ? "" : "s", TR_DATASET_LABEL_ROWS,
                   d->labels.n == TR_DATASET_MOST_LABELS ? ", or beyond the most" : "",
                   (unsigned long long)d->left_out_rows);
    tr_cli_say(cli, "%-12s %12s %12s %10s", "member", "agreement", "macro-F1", "seconds");
    for (size_t m = 0; m < r->n; m++)
        tr_cli_say(cli, "%-12s %12.4f %12.4f %10.2f", r->member[m].name, r->member[m].agreement,
                   r->member[m].macro_f1, r->member[m].seconds);
}

static tr_code train(const tr_cli *cli, const tr_dataset *d, tr_train_options *o, tr_err *err)
{
    watched w = {.quiet = cli->quiet};
    o->done = step;
    o->context = &w;
    tr_writer *out = tr_cli_output(cli, true, err);
    if (!out)
        return err->code;
    tr_train_report report;
    tr_code code = tr_train_run(d, o, out, &report, err);
    if (w.begun)
        tr_progress_end(&w.bar);
    if (code != TR_OK) {
        tr_writer_abandon(out);
        return code;
    }
    code = tr_writer_close(out, err);
    if (code == TR_OK)
        say_report(cli, d, &report);
    return code;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    tr_train_options o = {.folds = 5};
    zoo_choice zoo = {.text = "lean"};
    int64_t folds = 5;
    bool no_trailer = false, no_text = false, no_embedding = false;
    tr_opt_call choose = {parse_zoo, show_zoo, &zoo};
    tr_err err = {0};

    tr_roster_choose("lean", zoo.chosen, zoo.reason);
    char members[512];
    const char *names[TR_ZOO_SIZE + 1] = {NULL};
    int used = snprintf(members, sizeof members, "surrogates to train:");
    for (int m = 0; m < TR_ZOO_SIZE; m++) {
        names[m] = tr_roster[m].name;
        used += snprintf(members + used, sizeof members - (size_t)used, "%s %s", m ? "," : "",
                         names[m]);
    }
    snprintf(members + used, sizeof members - (size_t)used, "; -NAME leaves one out");
    tr_cli_init(&cli, "tr-train");
    const tr_opt own[] = {
        {0, "zoo", "lean|all|LIST", TR_OPT_CALL, &choose, .choices = names, .help = members},
        {0, "no-text", NULL, TR_OPT_FLAG, &no_text, .help = "train on the embeddings alone"},
        {0, "no-embedding", NULL, TR_OPT_FLAG, &no_embedding, .help = "train on the texts alone"},
        {0, "folds", "K", TR_OPT_INT, &folds, 2, 20,
         .help = "parts of the training rows that are held out in turn"},
        {0, "no-trailer", NULL, TR_OPT_FLAG, &no_trailer,
         .help = "take a stream that tr-split did not end: it may have been cut"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT | TR_CLI_THREADS | TR_CLI_SEED);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    o.folds = (unsigned)folds;
    o.threads = (int)cli.threads;
    o.seed = (uint64_t)cli.seed;
    memcpy(o.chosen, zoo.chosen, sizeof o.chosen);
    if (no_text && no_embedding)
        return tr_cli_wrong(&cli, "--no-text and --no-embedding leave nothing to train on");
    tr_cli_waits_for(&cli, "the output of tr-split");

    tr_dataset d;
    tr_reader *in = tr_reader_open(cli.operands, cli.n_operands, &err);
    tr_dataset_options reads = {
        .need_trailer = !no_trailer, .no_text = no_text, .no_embedding = no_embedding};
    tr_code code = in ? tr_dataset_read(&d, in, reads, &err) : err.code;
    tr_reader_close(in);
    if (code == TR_OK) {
        code = train(&cli, &d, &o, &err);
        tr_dataset_free(&d);
    }
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
