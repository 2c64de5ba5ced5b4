#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double max_seed = 9007199254740992; /* 2^53 */
static const int max_threads = 64;

/* A closed stdin or stdout is opened the wrong way round on purpose: reading or writing it still
 * fails, as it should, but no file opened later gets its number. */
static void open_standard(void)
{
    static const int mode[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)!open("/dev/null", mode[fd]); /* takes the lowest free number: this one */
}

static int64_t cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > max_threads ? max_threads : n;
}

void tr_cli_init(tr_cli *c, const char *tool)
{
    open_standard();
    *c = (tr_cli){.tool = tool, .threads = cores(), .seed = 1};
}

void tr_cli_add(tr_cli *c, const tr_opt *rows, size_t n)
{
    for (size_t i = 0; i < n && c->n < TR_CLI_ROWS; i++)
        c->rows[c->n++] = rows[i];
}

void tr_cli_add_shared(tr_cli *c, unsigned which)
{
    const tr_opt output = {
        'o',        "output",
        "FILE",     TR_OPT_TEXT,
        &c->output, .help = "write FILE, whole or not at all, instead of standard output"};
    const tr_opt threads = {'j',         "threads",
                            "N",         TR_OPT_INT,
                            &c->threads, 1,
                            max_threads, .help = "threads; the result is the same for any number"};
    const tr_opt seed = {0,        "seed", "N",      TR_OPT_INT,
                         &c->seed, 0,      max_seed, .help = "seed of all that is drawn at random"};
    const tr_opt always[] = {
        {'q', "quiet", NULL, TR_OPT_FLAG, &c->quiet, .help = "say nothing but errors"},
        {'v', "verbose", NULL, TR_OPT_COUNT, &c->verbose, .help = "say more"},
        {'h', "help", NULL, TR_OPT_FLAG, &c->help, .help = "print this and exit"},
        {'V', "version", NULL, TR_OPT_FLAG, &c->version, .help = "print the version and exit"},
        {0, "completion", NULL, TR_OPT_FLAG, &c->completion, .help = NULL},
    };
    if (which & TR_CLI_OUTPUT)
        tr_cli_add(c, &output, 1);
    if (which & TR_CLI_THREADS)
        tr_cli_add(c, &threads, 1);
    if (which & TR_CLI_SEED)
        tr_cli_add(c, &seed, 1);
    tr_cli_add(c, always, sizeof always / sizeof *always);
}

/* Prints on stdout and ends the program. */
static void print_and_exit(const tr_cli *c, const tr_buf *text)
{
    tr_err err = {0};
    tr_code code = TR_OK;
    tr_writer *w = NULL;
    if (text->failed)
        code = tr_err_memory(&err);
    else if (!(w = tr_writer_open_fd(STDOUT_FILENO, "standard output", &err)))
        code = err.code;
    if (code == TR_OK)
        code = tr_writer_add(w, text->data, text->size, &err);
    if (code == TR_OK)
        code = tr_writer_close(w, &err);
    else
        tr_writer_abandon(w);
    exit(code == TR_OK ? TR_OK : tr_cli_fail(c, &err));
}

void tr_cli_start(tr_cli *c, int argc, char **argv, const char *synopsis, const char *purpose,
                  const char *tail)
{
    const tr_opt_table table = {c->tool, synopsis, purpose, c->rows, c->n, tail};
    tr_err err = {0};
    tr_buf text;

    tr_buf_init(&text);
    tr_opt_usage(&table, &text); /* now: the targets still hold the defaults */
    tr_code code = tr_opt_parse(&table, argc, argv, &c->operands, &c->n_operands, &err);
    if (code == TR_OK && c->help)
        print_and_exit(c, &text);
    if (code == TR_OK && c->version) {
        tr_buf_clear(&text);
        tr_buf_add_c(&text, c->tool);
        tr_buf_add_c(&text, " (tr-tools) " TR_VERSION "\n");
        print_and_exit(c, &text);
    }
    if (code == TR_OK && c->completion) {
        tr_buf_clear(&text);
        tr_opt_rows(&table, &text);
        print_and_exit(c, &text);
    }
    tr_buf_free(&text);
    if (code == TR_OK)
        return;
    fprintf(stderr, "%s\n", err.message); /* the tool's name is in it */
    exit(code);
}

void tr_cli_free(tr_cli *c)
{
    free(c->operands);
    c->operands = NULL;
}

int tr_cli_fail(const tr_cli *c, const tr_err *err)
{
    fprintf(stderr, "%s: %s\n", c->tool, err->message);
    return err->code;
}

int tr_cli_wrong(tr_cli *c, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s: ", c->tool);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; try %s -h\n", c->tool);
    tr_cli_free(c);
    return TR_USAGE;
}

void tr_cli_say(const tr_cli *c, const char *format, ...)
{
    char text[4096];
    va_list args;
    if (c->quiet)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    fprintf(stderr, "%s\n", text);
}

void tr_cli_waits_for(const tr_cli *c, const char *what)
{
    bool reads_stdin = c->n_operands == 0 || strcmp(c->operands[0], "-") == 0;
    if (reads_stdin && isatty(STDIN_FILENO))
        tr_cli_say(c, "%s: waiting for %s on the terminal; end with Ctrl-D (-h for help)", c->tool,
                   what);
}

tr_writer *tr_cli_output(const tr_cli *c, bool binary, tr_err *err)
{
    if (c->output && strcmp(c->output, "-") != 0)
        return tr_writer_open_file(c->output, err);
    if (binary && isatty(STDOUT_FILENO)) {
        tr_err_set(err, TR_USAGE,
                   "a binary stream is not for a terminal; redirect it or name a file by -o");
        return NULL;
    }
    return tr_writer_open_fd(STDOUT_FILENO, "standard output", err);
}
