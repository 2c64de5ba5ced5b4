/* teacher: requests out to a command that asks the teacher, its answers back into the decisions.
 *
 * The command reads request lines and writes answer lines, objects with the id of a request and a
 * label under "teacher" or one of its aliases, in any order. Decisions come out complete and in the
 * order in which they came in. A row is asked until one of these, and comes out with "error" in all
 * cases but the first:
 * - an answer, with a label;
 * - an answer whose label is null: the teacher has none;
 * - none within the time-out, counted from when the request was handed over (while the command
 * takes nothing at all: from when it last did);
 * - the command ended `retries` + 1 times without an answer to this row, which had waited longest
 *   when it was started;
 * - the command ended 2 · (`retries` + 1) times in a row before it answered anything.
 *
 * A command that ends while rows wait is started again, and gets all of them that were not
 * answered: after 0.1 s, doubling up to 10 s until there is a good answer.
 *
 * Upstream: child, pending, scan. Downstream: router. */
#ifndef TR_TEACHER_H
#define TR_TEACHER_H

#include "doors/io.h"
#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *command; /* for sh -c */
    size_t window;       /* 1..TR_PENDING_MOST: rows asked and not yet written out */
    double timeout;      /* seconds */
    int retries;
    /* Told in one line what is noticed, each kind of it once; may be NULL. */
    void (*say)(void *context, const char *text);
    void *context;
} tr_teacher_options;

typedef struct {
    uint64_t asked, answered, failed; /* rows; asked = answered + failed at the end */
    uint64_t late;                    /* answers after the time-out, dropped */
    uint64_t restarts;
    uint64_t ignored; /* lines that were no answer, of no id that was asked, or a second answer */
} tr_teacher_counts;

typedef struct tr_teacher tr_teacher;

/* Borrows *o and `out`. The command is started when there is something to ask. NULL: TR_SYSTEM. */
tr_teacher *tr_teacher_open(const tr_teacher_options *o, tr_writer *out, tr_err *err);
/* Ends the command, if it still runs, without waiting for answers; NULL is allowed. */
void tr_teacher_close(tr_teacher *t);

/* A decision line. Where `asks`: `members` bytes of it are the request's own members with the comma
 * behind them, `id` the hash of its id (tr_trace_identity). Waits for room where there is none.
 * These four return TR_OK or TR_SYSTEM (memory, or `out`). */
TR_MUST tr_code tr_teacher_take(tr_teacher *t, tr_str decision, bool asks, size_t members,
                                uint64_t id, tr_err *err);
/* Does what can be done without waiting. */
TR_MUST tr_code tr_teacher_turn(tr_teacher *t, tr_err *err);
/* Flushes `out` and waits, until fd can be read; with fd -1 until no row waits any more. */
TR_MUST tr_code tr_teacher_wait(tr_teacher *t, int fd, tr_err *err);
/* The end of the input: waits until no row waits, and ends the command: it has 5 s to do so by
 * itself. */
TR_MUST tr_code tr_teacher_finish(tr_teacher *t, tr_err *err);

tr_teacher_counts tr_teacher_counted(const tr_teacher *t);

#endif
