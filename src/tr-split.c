/* tr-split: says for each trace of a log whether it trains, calibrates or tests. */
#include "cli.h"

#include "doors/io.h"
#include "ground/num.h"
#include "maths/stat.h"
#include "traces/labels.h"
#include "traces/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char synopsis[] = "[OPTION]... [FILE]...";
static const char purpose[] =
    "Says for each trace of a log whether it trains, calibrates or tests.";
static const char tail[] =
    "Reads traces, one JSON object a line, from the FILEs or standard input; writes them with\n"
    "\"split\" added, and a line that tells how the log was split.\n"
    "\n"
    "Exit status: 0 done, 2 wrong usage, 3 bad input, 4 reading or writing failed.\n"
    "\n"
    "Example: tr-split log.jsonl | tr-train | tr-gate | tr-calibrate --alpha .92 -o policy.trp\n";

/* --calibration auto|SHARE */
static const char *parse_share(void *context, const char *value)
{
    tr_split_options *o = context;
    char text[64]; /* ".2" is a number at a shell, though not in JSON */
    int n = snprintf(text, sizeof text, "%s%s", *value == '.' ? "0" : "", value);
    o->automatic = strcmp(value, "auto") == 0;
    if (o->automatic)
        return NULL;
    bool ok = n < (int)sizeof text && tr_num_parse_double(tr_str_c(text), &o->share);
    return ok && o->share > 0 && o->share < 1 ? NULL : "neither auto nor between 0 and 1";
}

static const char *show_share(const void *context)
{
    return context ? "auto" : NULL;
}

/* ---- the summary ---- */

enum { RAREST = 5 };

static void say_labels(const tr_cli *cli, const tr_labels *l)
{
    uint32_t rarest[RAREST];
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t at = n < RAREST ? n++ : RAREST;
        for (; at > 0 && l->count[rarest[at - 1]] > l->count[i]; at--)
            if (at < RAREST)
                rarest[at] = rarest[at - 1];
        if (at < RAREST)
            rarest[at] = i;
    }
    tr_buf text;
    tr_buf_init(&text);
    for (uint32_t i = 0; i < n; i++) {
        char count[TR_NUM_TEXT];
        tr_str label = l->text[rarest[i]];
        size_t size = label.size < 40 ? label.size : 40;
        while (size < label.size && (label.data[size] & 0xc0) == 0x80)
            size--; /* no half characters */
        tr_num_print_grouped(count, l->count[rarest[i]]);
        tr_buf_add_c(&text, i ? ", " : "");
        tr_buf_add(&text, label.data, size);
        tr_buf_add_c(&text, size < label.size ? "... (" : " (");
        tr_buf_add_c(&text, count);
        tr_buf_add_c(&text, ")");
    }
    if (!text.failed)
        tr_cli_say(cli, "  rarest labels  %.*s", (int)text.size, text.data);
    tr_buf_free(&text);
}

static void say_side(const tr_cli *cli, const char *name, uint64_t n, uint64_t rows,
                     const char *note)
{
    char text[TR_NUM_TEXT];
    tr_num_print_grouped(text, n);
    tr_cli_say(cli, "  %-13s  %9s  %5.1f %%%s%s", name, text, 100 * (double)n / (double)rows,
               *note ? "  " : "", note);
}

static void say_count(const tr_cli *cli, const char *name, uint64_t n, const char *what)
{
    char text[TR_NUM_TEXT];
    tr_num_print_grouped(text, n);
    if (n)
        tr_cli_say(cli, "  %-13s  %9s  %s", name, text, what);
}

/* What the calibration rows can certify at all. */
static void say_needed(const tr_cli *cli, uint64_t calibration)
{
    static const double alphas[] = {.80, .85, .90, .92, .95, .98};
    char alpha[128] = "", rows[128] = "", enough[128] = "";
    for (size_t i = 0; i < sizeof alphas / sizeof *alphas; i++) {
        size_t at = 6 * i;
        int64_t need = tr_stat_least_rows(alphas[i], .05);
        snprintf(alpha + at, 7, "%6.2f", alphas[i]);
        snprintf(rows + at, 7, "%6d", (int)need);
        snprintf(enough + at, 7, "%6s", calibration >= (uint64_t)need ? "yes" : "no");
    }
    tr_cli_say(cli, "  To certify an agreement at delta .05, at least so many calibration rows, if "
                    "none disagrees:");
    tr_cli_say(cli, "    agreement    %s", alpha);
    tr_cli_say(cli, "    rows needed  %s", rows);
    tr_cli_say(cli, "    enough here  %s", enough);
}

static void say_summary(const tr_cli *cli, const tr_split_options *o, const tr_split_stream *s)
{
    const tr_split_counts *c = tr_split_counted(s);
    const tr_labels *labels = tr_split_labels(s);
    char rows[TR_NUM_TEXT], n_labels[TR_NUM_TEXT], eligible[TR_NUM_TEXT], rule[160];

    tr_num_print_grouped(rows, c->rows);
    tr_num_print_grouped(n_labels, labels->n);
    tr_num_print_grouped(eligible, c->eligible);
    snprintf(rule, sizeof rule, "(share %.4g%s of %s rows%s)", c->share,
             o->automatic ? ", automatic," : "", eligible, c->thinned ? " that may calibrate" : "");
    tr_cli_say(cli, "%s: %s traces, %s labels, seed %lld", cli->tool, rows, n_labels,
               (long long)o->seed);
    say_labels(cli, labels);
    say_side(cli, "train", c->train, c->rows, "");
    say_side(cli, "calibration", c->calibration, c->rows, rule);
    say_side(cli, "test", c->test, c->rows, "");
    say_count(cli, "embeddings", c->dimensions, "numbers in each");
    if (o->keys.group_key)
        say_count(cli, "not grouped", c->rows - c->grouped,
                  "rows without that key; each is a group of its own");
    say_count(cli, "unlisted", c->unlisted, "rows whose label is not listed: not for training");
    say_count(cli, "sampled", c->sampled, "rows that carry the router's propensity");
    say_count(cli, "thinned", c->thinned,
              "of these may not calibrate, so that the rest is like the traffic");
    say_count(cli, "no propensity", c->unsampled,
              "decisions without one; taken as if they had never been routed");
    say_count(cli, "skipped", c->skipped_decisions, "decisions without a teacher label");
    say_count(cli, "skipped", c->skipped_trailers, "last lines of an earlier split");
    say_needed(cli, c->calibration);
}

/* ---- the work ---- */

static tr_code copy(tr_reader *in, tr_writer *out, tr_split_stream *s, tr_err *err)
{
    for (;;) {
        tr_str line;
        bool end = false;
        tr_code code = tr_reader_would_block(in) ? tr_writer_flush(out, err) : TR_OK;
        if (code == TR_OK)
            code = tr_reader_line(in, &line, &end, err);
        if (code != TR_OK)
            return code;
        if (end)
            return tr_split_end(s, tr_reader_file(in), err);
        code = tr_split_add(s, line, tr_reader_file(in), tr_reader_number(in), tr_reader_total(in),
                            err);
        if (code != TR_OK)
            return code;
    }
}

/* What was split before an error stays written on a pipe (without the last line, so that its reader
 * notices); a file of -o stays as it was. */
static tr_code finish(const tr_cli *cli, tr_writer *out, tr_code code, tr_err *err)
{
    bool to_file = cli->output && strcmp(cli->output, "-") != 0;
    tr_err data = *err;
    if (code == TR_SYSTEM || (code == TR_DATA && to_file)) {
        tr_writer_abandon(out);
        return code;
    }
    if (tr_writer_close(out, err) != TR_OK)
        return TR_SYSTEM;
    *err = data;
    return code;
}

static tr_code run(const tr_cli *cli, const tr_split_options *o, tr_err *err)
{
    tr_code code;
    tr_reader *in = tr_reader_open(cli->operands, cli->n_operands, err);
    tr_writer *out = in ? tr_cli_output(cli, false, err) : NULL;
    tr_split_stream *s = out ? tr_split_open(o, out, err) : NULL;

    if (s) {
        tr_cli_waits_for(cli, "traces, one JSON object a line,");
        code = finish(cli, out, copy(in, out, s, err), err);
        if (code == TR_OK)
            say_summary(cli, o, s);
    } else {
        code = err->code;
        tr_writer_abandon(out);
    }
    tr_split_close(s);
    tr_reader_close(in);
    return code;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    tr_split_options o = {.automatic = true};
    const char *labels_file = NULL;
    tr_opt_call share = {parse_share, show_share, &o};
    tr_labels listed;
    tr_err err = {0};

    tr_cli_init(&cli, "tr-split");
    const tr_opt own[] = {
        {0, "calibration", "auto|SHARE", TR_OPT_CALL, &share,
         .help = "share of rows that calibrate; auto: 2000 rows, but .15 to .40 of the log"},
        {0, "test", "SHARE", TR_OPT_REAL, &o.test_share, 0, 0.99,
         .help = "share of rows that neither train nor calibrate, drawn first"},
        {0, "group", "KEY", TR_OPT_TEXT, &o.keys.group_key,
         .help = "keep rows with the same value of KEY on one side"},
        {0, "labels", "FILE", TR_OPT_TEXT, &labels_file,
         .help = "the labels that count, one a line; others are marked unlisted"},
        {0, "strict", NULL, TR_OPT_FLAG, &o.strict,
         .help = "with --labels: a label that is not listed is an error"},
        {0, "input-key", "KEY", TR_OPT_TEXT, &o.keys.input_key,
         .help = "key of the input, instead of input, query, text, prompt or question"},
        {0, "label-key", "KEY", TR_OPT_TEXT, &o.keys.label_key,
         .help = "key of the label, instead of teacher, teacher_output, label, intent, ..."},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT | TR_CLI_SEED);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    o.seed = (uint64_t)cli.seed;
    if (o.strict && !labels_file)
        return tr_cli_wrong(&cli, "--strict needs --labels");
    if (o.keys.input_key && o.keys.label_key && !strcmp(o.keys.input_key, o.keys.label_key))
        return tr_cli_wrong(&cli, "--input-key and --label-key name the same key");

    tr_labels_init(&listed);
    tr_code code = labels_file ? tr_labels_read_file(&listed, labels_file, &err) : TR_OK;
    if (labels_file)
        o.listed = &listed;
    if (code == TR_OK)
        code = run(&cli, &o, &err);
    tr_labels_free(&listed);
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
