/* tr-route: requests in, decisions out, one line for each line. */
#include "cli.h"
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
    "deferred, with \"error\"), 4 the system failed.\n"
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

static tr_code run(const tr_cli *cli, const tr_router_options *o, uint64_t *bad, tr_err *err)
{
    tr_reader *in = tr_reader_open(cli->operands + 1, cli->n_operands - 1, err);
    tr_writer *out = in ? tr_cli_output(cli, false, err) : NULL;
    tr_code code = out ? tr_router_run(o, in, out, bad, err) : err->code;
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

int main(int argc, char **argv)
{
    tr_cli cli;
    tr_router_options o = {.reload = &reload_wanted, .reloaded = say_reloaded, .context = &cli};
    int64_t batch = 4096;
    uint64_t bad = 0;
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
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT | TR_CLI_THREADS);
    cli.threads = 1;
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    if (!cli.n_operands)
        return tr_cli_wrong(&cli, "which policy? the first operand is its file");
    o.policy = cli.operands[0];
    o.threads = (int)cli.threads;
    o.batch_lines = (size_t)batch;
    sigaction(SIGHUP, &(struct sigaction){.sa_handler = on_hangup, .sa_flags = SA_RESTART}, NULL);
    if (cli.n_operands == 1)
        tr_cli_waits_for(&cli, "requests, one JSON object a line,");
    tr_code code = run(&cli, &o, &bad, &err);
    if (code == TR_OK && bad)
        code = tr_err_set(&err, TR_DATA,
                          "%llu line%s could not be read and %s deferred (see "
                          "\"error\")",
                          (unsigned long long)bad, bad == 1 ? "" : "s", bad == 1 ? "was" : "were");
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
