/* tr-split: says for each trace of a log whether it trains, calibrates or tests. */
#include "cli.h"

#include "doors/io.h"
#include "ground/num.h"
#include "traces/labels.h"
#include "traces/split.h"
#include "traces/summary.h"

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

/* ---- the work ---- */

static void say_summary(const tr_cli *cli, const tr_split_options *o, const tr_split_stream *s)
{
    tr_buf text;
    tr_buf_init(&text);
    tr_summary_write(o, tr_split_counted(s), tr_split_labels(s), &text);
    const char *at = text.data, *end = at + (text.failed ? 0 : text.size);
    for (const char *next; at < end; at = next + 1) {
        next = memchr(at, '\n', (size_t)(end - at));
        tr_cli_say(cli, "%.*s", (int)(next - at), at);
    }
    tr_buf_free(&text);
}

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
    const char *labels_file = NULL, *time_key = "timestamp";
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
        {0, "fresh-after", "TIME", TR_OPT_TEXT, &o.fresh_after,
         .help = "rows up to TIME train; later ones calibrate too (for a refit)"},
        {0, "since", "TIME", TR_OPT_TEXT, &o.since, .help = "leave out the rows before TIME"},
        {0, "until", "TIME", TR_OPT_TEXT, &o.until, .help = "leave out the rows from TIME on"},
        {0, "time-key", "KEY", TR_OPT_TEXT, &time_key,
         .help = "key of the time, RFC 3339 or seconds since 1970, for these three"},
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
    if (o.fresh_after || o.since || o.until)
        o.keys.time_key = time_key;

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
