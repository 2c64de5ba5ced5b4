/* err: what every fallible function returns and fills.
 *
 * The library never prints and never exits: it returns a code and leaves one clear line here.
 * The codes are the exit statuses of the tools, the same in all of them. */
#ifndef TR_ERR_H
#define TR_ERR_H

#include <stdarg.h>
#include <stdint.h>

typedef enum {
    TR_OK = 0,    /* yes */
    TR_NO = 1,    /* the honest no: nothing could be certified, a check came out negative */
    TR_USAGE = 2, /* the command line is wrong */
    TR_DATA = 3,  /* the input is wrong; the message names file, line and reason */
    TR_SYSTEM = 4 /* read, write or memory failed */
} tr_code;

typedef struct {
    tr_code code;
    uint64_t line;      /* 1-based line of the input, 0 where no line is meant */
    char message[1024]; /* NUL-terminated, one line, no trailing newline */
} tr_err;

/* A result that must not be dropped. */
#define TR_MUST __attribute__((warn_unused_result))
#define TR_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* Fills *err (which may be NULL) and returns `code`, so that `return tr_err_set(...)` reads well.
 * Control characters in the outcome are replaced by '?', so that hostile input stays on one line.
 * The arguments may point into err->message itself. */
tr_code tr_err_set(tr_err *err, tr_code code, const char *format, ...) TR_PRINTF(3, 4);

/* The same for bad input: the message becomes "FILE:LINE: reason" (":LINE" is left out at 0) and
 * the code is TR_DATA. `file` is the name to show ("stdin" for standard input). */
tr_code tr_err_at(tr_err *err, const char *file, uint64_t line, const char *format, ...)
    TR_PRINTF(4, 5);

/* TR_SYSTEM with "what: strerror(errno)". */
tr_code tr_err_errno(tr_err *err, const char *what);

/* TR_SYSTEM, "out of memory". */
tr_code tr_err_memory(tr_err *err);

#endif
