/* progress: a bar on a terminal while work is long, nothing anywhere else.
 *
 * The clock that it reads is for the screen and never reaches an output. What it writes may get
 * lost; nothing depends on it. Not for several threads at once. */
#ifndef TR_PROGRESS_H
#define TR_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int fd;           /* -1: silent */
    const char *what; /* borrowed */
    uint64_t total, done;
    int shown; /* last drawn permille; -1 at first */
    bool drawn;
    int64_t began, redrawn; /* milliseconds of a clock that only goes forward */
    size_t width;           /* columns of what is drawn */
} tr_progress;

/* Draws on `fd` only where it is a terminal and `quiet` is false, and once the work has taken
 * a moment; total 0: counts without a bar. */
void tr_progress_begin(tr_progress *p, int fd, const char *what, uint64_t total, bool quiet);
void tr_progress_step(tr_progress *p,
                      uint64_t done); /* `done` so far; cheap when nothing changes */
void tr_progress_end(tr_progress *p); /* wipes the bar */

#endif
