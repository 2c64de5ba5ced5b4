/* tr-embed: puts embeddings beside the traces, or takes them away. */
#include "cli.h"

#include "doors/io.h"
#include "doors/progress.h"
#include "embed/local.h"
#include "embed/remote.h"
#include "embed/rows.h"

#include <string.h>
#include <unistd.h>

static const char synopsis[] =
    "--npy FILE | --url URL | --vec FILE | --words | --strip [OPTION]... [FILE]...";
static const char purpose[] = "Puts embeddings beside the traces, or takes them away.";
static const char tail[] =
    "Reads traces or requests, one JSON object a line, from the FILEs or standard input; writes\n"
    "them with the member \"embedding\" at their end, base64 of little-endian float32.\n"
    "\n"
    "Exit status: 0 done, 2 wrong usage, 3 bad input, 4 reading or writing failed.\n"
    "\n"
    "Example: tr-embed --npy log.npy log.jsonl | tr-split | tr-train | tr-gate |\n"
    "         tr-calibrate --alpha .92 -o policy.trp\n";

typedef struct {
    const char *npy_file, *vec_file; /* where the embeddings are from, or */
    tr_remote_options ask;           /* its url; or */
    bool words, strip;               /* what is done without any */
    tr_local *local;                 /* NULL with a url */
    tr_rows rows;
    char summary[TR_REMOTE_SUMMARY];
} work;

static void say(void *context, const char *text)
{
    const tr_cli *cli = context;
    tr_cli_say(cli, "%s: %s", cli->tool, text);
}

/* All lines, with what the server says. */
static tr_code ask(work *w, tr_cli *cli, uint64_t traces, tr_reader *in, tr_writer *out,
                   tr_err *err)
{
    tr_progress bar;
    tr_remote *r = tr_remote_open(&w->ask, out, err);
    if (!r)
        return err->code;
    tr_progress_begin(&bar, STDERR_FILENO, "embedding", traces, cli->quiet);
    tr_code code = tr_remote_copy(r, &w->rows, in, &bar, err);
    tr_progress_end(&bar);
    tr_remote_summary(r, w->summary);
    tr_remote_close(r);
    return code;
}

/* All lines, with what is here. */
static tr_code copy(work *w, tr_reader *in, tr_writer *out, tr_err *err)
{
    tr_code code = tr_local_copy(w->local, &w->rows, in, out, err);
    tr_local_summary(w->local, &w->rows, w->summary, sizeof w->summary);
    return code;
}

/* What can be read twice is looked through before anything is written. */
static tr_code all(work *w, tr_cli *cli, tr_writer *out, tr_err *err)
{
    bool counted = false;
    uint64_t traces = 0;
    tr_code code = TR_OK;
    if (w->npy_file || w->ask.url)
        code = tr_rows_count(&w->rows, cli->operands, cli->n_operands, &counted, &traces, err);
    if (code == TR_OK && counted && w->local)
        code = tr_local_check(w->local, traces, err);
    if (code != TR_OK)
        return code;
    tr_reader *in = tr_reader_open(cli->operands, cli->n_operands, err);
    if (!in)
        return err->code;
    code = w->local ? copy(w, in, out, err) : ask(w, cli, traces, in, out, err);
    tr_reader_close(in);
    return code;
}

/* What was written before an error stays written on a pipe; a file of -o stays as it was. */
static tr_code finish(const tr_cli *cli, tr_writer *out, tr_code code, tr_err *err)
{
    tr_err first = *err;
    if (code != TR_OK && cli->output && strcmp(cli->output, "-") != 0) {
        tr_writer_abandon(out);
        return code;
    }
    if (tr_writer_close(out, err) != TR_OK)
        return TR_SYSTEM;
    *err = first;
    return code;
}

static tr_code run(work *w, tr_cli *cli, tr_err *err)
{
    const char *file = w->npy_file ? w->npy_file : w->vec_file;
    tr_local_kind kind = w->npy_file   ? TR_LOCAL_NPY
                         : w->vec_file ? TR_LOCAL_VEC
                         : w->words    ? TR_LOCAL_WORDS
                                       : TR_LOCAL_STRIP;
    tr_code code = TR_OK;
    if (!w->ask.url && !(w->local = tr_local_open(kind, file, err)))
        code = err->code;
    tr_writer *out = code == TR_OK ? tr_cli_output(cli, false, err) : NULL;
    if (code == TR_OK)
        code = out ? finish(cli, out, all(w, cli, out, err), err) : err->code;
    if (code == TR_OK)
        say(cli, w->summary);
    tr_local_close(w->local);
    tr_rows_free(&w->rows);
    return code;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    work w = {.ask = {.batch = 32, .parallel = 4, .retries = 8, .timeout = 120, .say = say}};
    tr_remote_options *ask = &w.ask;
    tr_protocol *api = &ask->protocol;
    const char *input_key = NULL;
    tr_err err = {0};

    tr_cli_init(&cli, "tr-embed");
    const tr_opt own[] = {
        {0, "npy", "FILE", TR_OPT_TEXT, &w.npy_file,
         .help = "the embeddings: a .npy file with a row for each trace"},
        {0, "url", "URL", TR_OPT_TEXT, &ask->url,
         .help = "ask an embedding server; without a path, where the API usually is"},
        {0, "vec", "FILE", TR_OPT_TEXT, &w.vec_file,
         .help = "word vectors: the mean of those of a text's words"},
        {0, "words", NULL, TR_OPT_FLAG, &w.words,
         .help = "write the words of each text, to train vectors on"},
        {0, "strip", NULL, TR_OPT_FLAG, &w.strip, .help = "take the embeddings away"},
        {0, "input-key", "KEY", TR_OPT_TEXT, &input_key,
         .help = "key of the input, instead of input, query, text, prompt or question"},
        {.kind = TR_OPT_HEADING, .help = "With --url:"},
        {0, "api", "openai|tei|ollama|llamacpp", TR_OPT_CHOICE, &api->api,
         .choices = tr_protocol_apis, .help = "what the server speaks"},
        {0, "model", "NAME", TR_OPT_TEXT, &api->model, .help = "the model to ask for"},
        {0, "dimensions", "N", TR_OPT_INT, &api->dimensions, 0, TR_FLOATS_MOST,
         .help = "ask for N numbers in each (openai, ollama), take no other; 0: any"},
        {0, "header", "@FILE", TR_OPT_TEXT, &ask->header,
         .help = "headers, such as one with a key, one \"Name: value\" a line"},
        {0, "batch", "ROWS", TR_OPT_INT, &ask->batch, 1, TR_REMOTE_BATCH,
         .help = "texts in a request"},
        {0, "parallel", "N", TR_OPT_INT, &ask->parallel, 1, TR_HTTP_PARALLEL,
         .help = "requests under way at once"},
        {0, "retries", "N", TR_OPT_INT, &ask->retries, 0, 100,
         .help = "times that a request is sent again"},
        {0, "timeout", "SECONDS", TR_OPT_REAL, &ask->timeout, .1, 86400,
         .help = "that a request may take"},
        {0, "request-key", "PATH", TR_OPT_TEXT, &api->request_key,
         .help = "where a request has the texts, of another API"},
        {0, "response-key", "PATH", TR_OPT_TEXT, &api->response_key,
         .help = "where an answer has the embeddings"},
        {0, "options", "JSON", TR_OPT_TEXT, &api->options,
         .help = "an object of further members of a request"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    const char *file = w.npy_file ? w.npy_file : w.vec_file;
    if (!!w.npy_file + !!w.vec_file + !!ask->url + w.words + w.strip != 1)
        return tr_cli_wrong(&cli, "give one of --npy, --url, --vec, --words and --strip");
    if (!ask->url &&
        (ask->header || api->model || api->request_key || api->response_key || api->options))
        return tr_cli_wrong(&cli, "what is asked of a server needs its --url");
    ask->context = &cli;
    ask->says_all = cli.verbose > 0;
    tr_rows_init(&w.rows, input_key, ask->url || w.vec_file || w.words);
    bool reads_stdin = cli.n_operands == 0;
    for (size_t i = 0; i < cli.n_operands; i++)
        reads_stdin = reads_stdin || strcmp(cli.operands[i], "-") == 0;
    if (file && strcmp(file, "-") == 0 && reads_stdin)
        return tr_cli_wrong(&cli, "standard input is either the embeddings or the traces");
    tr_cli_waits_for(&cli, "traces, one JSON object a line,");
    tr_code code = run(&w, &cli, &err);
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
