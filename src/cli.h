/* cli: what all tools share: the common options, the notes on stderr, the output, the only exit().
 *
 * A main() reads like this:
 *
 *     tr_cli cli;
 *     tr_cli_init(&cli, "tr-x");
 *     const tr_opt own[] = {{'k', "key", "KEY", TR_OPT_TEXT, &key, .help = "..."}};
 *     tr_cli_add(&cli, own, sizeof own / sizeof *own);
 *     tr_cli_add_shared(&cli, TR_CLI_OUTPUT | TR_CLI_SEED);
 *     tr_cli_start(&cli, argc, argv, "[OPTION]... [FILE]...", "what it does", tail);
 *     ... work with cli.operands; return tr_cli_fail(&cli, &err) where it fails ...
 *     tr_cli_free(&cli);
 */
#ifndef TR_CLI_H
#define TR_CLI_H

#include "doors/io.h"
#include "doors/opt.h"
#include "ground/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -q, -v, -h and -V are in every tool; these are for those that use them. */
enum {
    TR_CLI_OUTPUT = 1,  /* -o, --output FILE */
    TR_CLI_THREADS = 2, /* -j, --threads N */
    TR_CLI_SEED = 4     /* --seed N */
};

enum { TR_CLI_ROWS = 48 }; /* options of one tool, the shared ones and headings included */

typedef struct {
    const char *tool;
    /* the shared options */
    bool quiet;
    int verbose;
    const char *output; /* NULL or "-": standard output */
    int64_t threads;    /* 1..64 */
    int64_t seed;       /* 0..2^53: a number that JSON carries unharmed */
    /* the operands, after tr_cli_start */
    const char **operands;
    size_t n_operands;
    /* private */
    bool help, version, completion;
    tr_opt rows[TR_CLI_ROWS];
    size_t n;
} tr_cli;

/* Defaults; sees to it that descriptors 0, 1 and 2 are open, so that no file that is opened later
 * is taken for one of them. */
void tr_cli_init(tr_cli *c, const char *tool);
void tr_cli_add(tr_cli *c, const tr_opt *rows, size_t n);
void tr_cli_add_shared(tr_cli *c, unsigned which);

/* Parses. -h and -V print on stdout and exit 0 (as does --completion, which is not in the help: the
 * rows of scripts/completion); a wrong command line exits 2. `synopsis`,
 * `purpose`, `tail`: see tr_opt_table. */
void tr_cli_start(tr_cli *c, int argc, char **argv, const char *synopsis, const char *purpose,
                  const char *tail);
void tr_cli_free(tr_cli *c);

/* Prints "TOOL: message" on stderr, -q or not; returns the exit status. */
int tr_cli_fail(const tr_cli *c, const tr_err *err);
/* The same for a wrong command line that the option table cannot see; adds "; try TOOL -h".
 * Frees *c, so that main can return at once. Returns 2. */
int tr_cli_wrong(tr_cli *c, const char *format, ...) TR_PRINTF(2, 3);

/* A line on stderr that -q silences. Control characters come out as '?'. */
void tr_cli_say(const tr_cli *c, const char *format, ...) TR_PRINTF(2, 3);

/* Where standard input is a terminal and would be read (no operand, or the first is "-"): says what
 * the tool waits for ("traces, one JSON object a line"). */
void tr_cli_waits_for(const tr_cli *c, const char *what);

/* Standard output, or the file of -o. A binary stream is refused to a terminal (TR_USAGE).
 * NULL with *err filled. */
tr_writer *tr_cli_output(const tr_cli *c, bool binary, tr_err *err);

#endif
