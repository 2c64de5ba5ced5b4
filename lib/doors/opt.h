/* opt: one table a tool gives its parsing, its help with live defaults, and its complaints.
 *
 * Options may stand before or after operands; "--" ends them; "--name=value" and "--name value",
 * "-xVALUE" and "-x VALUE", and clusters of flags "-qv" are understood. Unique prefixes are not. */
#ifndef TR_OPT_H
#define TR_OPT_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    TR_OPT_FLAG,   /* bool *: set to true */
    TR_OPT_COUNT,  /* int *: one more each time (-v -v) */
    TR_OPT_INT,    /* int64_t *: whole number in min..max (both 0: any) */
    TR_OPT_REAL,   /* double *: number in min..max (both 0: any); open ends by TR_OPT_OPEN */
    TR_OPT_TEXT,   /* const char **: borrowed from argv */
    TR_OPT_CHOICE, /* int *: index into `choices` (NULL-ended list of names) */
    TR_OPT_CALL,   /* the target is a tr_opt_call: parses the text itself */
    TR_OPT_HEADING /* no option: `help` is a heading in the usage */
} tr_opt_kind;

enum { TR_OPT_OPEN = 1 /* min and max themselves are excluded */ };

/* Returns NULL, or why the value is refused (a static string or one that `context` owns). */
typedef struct {
    const char *(*parse)(void *context, const char *value);
    const char *(*show)(const void *context); /* the default for the help; may be NULL */
    void *context;
} tr_opt_call;

typedef struct {
    char letter;       /* 0: none */
    const char *name;  /* without dashes; NULL: none */
    const char *value; /* the value's name in the help ("FILE"); NULL for flags */
    tr_opt_kind kind;
    void *target; /* holds the default when the table is used; one that the option itself
                   * would refuse (NaN, choice -1, NULL) means "none" and is not shown */
    double min, max;
    int flags;
    const char *const *choices; /* NULL-ended; for kinds other than TR_OPT_CHOICE these are words
                                 * that the value may hold: a help to completion, no check */
    const char *help;           /* NULL: not in the help */
} tr_opt;

typedef struct {
    const char *tool;     /* "tr-split" */
    const char *synopsis; /* "[OPTION]... [FILE]..." */
    const char *purpose;  /* one line */
    const tr_opt *rows;
    size_t n;
    const char *tail; /* printed as it is after the options (exit statuses, ...); or NULL */
} tr_opt_table;

/* Parses argv[1..]; operands are collected, in order, into *operands (borrowed strings; the array
 * is malloced, the caller frees it). -h/--help and -V/--version are rows of the caller's table.
 * Parse errors: TR_USAGE with one line ("tr-split: --seed takes a whole number, not \"x\"; try
 * tr-split -h"). A repeated option: the last wins. A value may begin with a dash ("--zoo -svm"). */
TR_MUST tr_code tr_opt_parse(const tr_opt_table *t, int argc, char **argv, const char ***operands,
                             size_t *n_operands, tr_err *err);
/* The help text; targets must still hold their defaults. */
void tr_opt_usage(const tr_opt_table *t, tr_buf *out);
/* The options of the help for what makes shell completions of them: a line for each, five fields
 * that TABs part: "-o", "--output", "FILE", "word,word" (the choices), "the help, in one line"; "-"
 * stands for a field that an option has not. */
void tr_opt_rows(const tr_opt_table *t, tr_buf *out);

#endif
