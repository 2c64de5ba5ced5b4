/* tr-route: requests in, decisions out, one line for each line. */
#include "cli.h"
#include "doors/scan.h"
#include "ground/num.h"
#include "policy/pending.h"
#include "policy/router.h"

#include <signal.h>
#include <string.h>

static const char synopsis[] = "POLICY [OPTION]... [FILE]...";
static const char purpose[] =
    "Answers what the policy is certified to answer and defers the rest: one decision line for\n"
    "each request line, in the same order.";
static const char tail[] =
    "SIGHUP takes the policy file in anew between two lines; a bad file leaves the old one in "
    "use.\n"
    "Exit status: 0 done, 2 wrong usage, 3 bad policy, or lines that could not be read (each is\n"
    "deferred, with \"error\"), 4 the system failed, or the teacher left requests without an\n"
    "answer (each has \"error\").\n"
    "Example: tail -F requests.jsonl | tr-route policy.trp >> decisions.jsonl\n";

/* The one thing that a signal may touch. */
static volatile sig_atomic_t reload_wanted;

static void on_hangup(int signal)
{
    (void)signal;
    reload_wanted = 1;
}

static void say_reloaded(void *context, const tr_err *refused)
{
    const tr_cli *cli = context;
    if (refused)
        tr_cli_fail(cli, refused);
    tr_cli_say(cli, refused ? "the policy in use stays in use" : "policy taken in anew");
}

static void say_teacher(void *context, const char *text)
{
    tr_cli_say(context, "tr-route: teacher: %s", text);
}

static void say_counts(const tr_cli *cli, const tr_teacher_counts *c)
{
    const uint64_t number[] = {c->asked, c->answered, c->failed, c->late, c->restarts, c->ignored};
    char text[6][TR_NUM_TEXT];
    for (size_t k = 0; k < 6; k++)
        tr_num_print_grouped(text[k], number[k]);
    tr_cli_say(cli,
               "tr-route: teacher: %s asked, %s answered, %s failed, %s late, %s restart%s%s%s%s",
               text[0], text[1], text[2], text[3], text[4], c->restarts == 1 ? "" : "s",
               c->ignored ? ", " : "", c->ignored ? text[5] : "",
               !c->ignored       ? ""
               : c->ignored == 1 ? " line ignored"
                                 : " lines ignored");
}

static tr_code run(const tr_cli *cli, const tr_router_options *o, tr_router_counts *counts,
                   tr_err *err)
{
    tr_reader *in = tr_reader_open(cli->operands + 1, cli->n_operands - 1, err);
    tr_writer *out = in ? tr_cli_output(cli, false, err) : NULL;
    tr_code code = out ? tr_router_run(o, in, out, counts, err) : err->code;
    if (out && code != TR_OK && cli->output && strcmp(cli->output, "-")) {
        tr_writer_abandon(out); /* whole or not at all */
    } else if (out) {
        tr_err first = *err;
        /* what was decided before a failure is handed on all the same */
        tr_code closed = tr_writer_close(out, err);
        if (code != TR_OK)
            *err = first;
        else
            code = closed;
    }
    tr_reader_close(in);
    return code;
}

/* Says what is amiss with decisions that are all there. Returns the exit status. */
static int complain(const tr_cli *cli, const tr_router_counts *c)
{
    char number[TR_NUM_TEXT];
    tr_err err;
    int status = 0;
    if (c->bad) {
        tr_num_print_grouped(number, c->bad);
        tr_err_set(&err, TR_DATA, "%s line%s could not be read and %s deferred (see \"error\")",
                   number, c->bad == 1 ? "" : "s", c->bad == 1 ? "was" : "were");
        status = tr_cli_fail(cli, &err);
    }
    if (c->teacher.failed) {
        tr_num_print_grouped(number, c->teacher.failed);
        tr_err_set(&err, TR_SYSTEM,
                   "%s request%s had no answer from the teacher; each says so in \"error\"", number,
                   c->teacher.failed == 1 ? "" : "s");
        status = tr_cli_fail(cli, &err);
    }
    return status;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    tr_router_options o = {.reload = &reload_wanted, .reloaded = say_reloaded, .context = &cli};
    o.teacher = (tr_teacher_options){.timeout = 60, .say = say_teacher, .context = &cli};
    int64_t batch = 4096, window = 1024, retries = 3;
    const char *prefix = "";
    tr_router_counts counts = {0};
    tr_err err = {0};

    tr_cli_init(&cli, "tr-route");
    const tr_opt own[] = {
        {0, "line-buffered", NULL, TR_OPT_FLAG, &o.line_buffered,
         .help = "hand on each line at once (without it: whenever input would have to be waited "
                 "for)"},
        {0, "keep-embedding", NULL, TR_OPT_FLAG, &o.keep_embedding,
         .help = "leave a request's \"embedding\" in its decision"},
        {0, "explain", NULL, TR_OPT_FLAG, &o.explain,
         .help = "say with each decision why: best labels, threshold, novelty, words"},
        {0, "batch", "LINES", TR_OPT_INT, &batch, 1, 1 << 20,
         .help = "lines that the threads share at most"},
        {0, NULL, NULL, TR_OPT_HEADING, NULL, .help = "The teacher:"},
        {0, "shadow", "SHARE", TR_OPT_REAL, &o.shadow.share, 0, 1,
         .help = "share of the handled requests that the teacher is to answer too, drawn by id"},
        {0, "fallback", "COMMAND", TR_OPT_TEXT, &o.teacher.command,
         .help = "asks the teacher: gets deferred and shadowed requests, answers with id and "
                 "label"},
        {0, "id-prefix", "TEXT", TR_OPT_TEXT, &prefix,
         .help = "of the ids that --shadow and --fallback give to requests without one"},
        {0, "window", "ROWS", TR_OPT_INT, &window, 1, TR_PENDING_MOST,
         .help = "requests that wait for the teacher at a time, at most"},
        {0, "timeout", "SECONDS", TR_OPT_REAL, &o.teacher.timeout, 0.001, 1e6,
         .help = "that a request waits for the teacher's answer"},
        {0, "retries", "N", TR_OPT_INT, &retries, 0, 1000,
         .help = "how often a request is asked again because COMMAND ended over it"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT | TR_CLI_THREADS | TR_CLI_SEED);
    cli.threads = 1;
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    if (!cli.n_operands)
        return tr_cli_wrong(&cli, "which policy? the first operand is its file");
    if (!tr_scan_utf8_valid(tr_str_c(prefix)))
        return tr_cli_wrong(&cli, "--id-prefix is not UTF-8");
    o.policy = cli.operands[0];
    o.threads = (int)cli.threads;
    o.batch_lines = (size_t)batch;
    o.teacher.window = (size_t)window;
    o.teacher.retries = (int)retries;
    o.shadow.key = tr_hash_derive((uint64_t)cli.seed, "shadow");
    o.shadow.id_prefix = o.shadow.share > 0 || o.teacher.command ? prefix : NULL;
    sigaction(SIGHUP, &(struct sigaction){.sa_handler = on_hangup, .sa_flags = SA_RESTART}, NULL);
    if (cli.n_operands == 1)
        tr_cli_waits_for(&cli, "requests, one JSON object a line,");
    tr_code code = run(&cli, &o, &counts, &err);
    if (o.teacher.command)
        say_counts(&cli, &counts.teacher);
    int status = code == TR_OK ? complain(&cli, &counts) : tr_cli_fail(&cli, &err);
    tr_cli_free(&cli);
    return status;
}
