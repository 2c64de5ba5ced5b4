/* pool: tasks on threads, with dependencies, and results that do not depend on how many threads.
 *
 * A task may write only what no other task writes; order is only by `after`. */
#ifndef TR_POOL_H
#define TR_POOL_H

#include "ground/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    tr_code (*run)(void *context, size_t task, tr_err *err);
    void *context;
    size_t task;
    ptrdiff_t after; /* index of a task in the list that must be done before, or -1 */
} tr_pool_task;

/* Runs all tasks, each once, taking the first in the list that is ready. `done` (may be NULL) is
 * called on the calling thread's behalf, one call at a time, with the number of tasks finished.
 * Returns TR_OK, or the error of the failed task that comes first in the list; the tasks that
 * were not begun by then are left out. */
TR_MUST tr_code tr_pool_run(const tr_pool_task *tasks, size_t n, int threads,
                            void (*done)(void *context, size_t finished), void *done_context,
                            tr_err *err);

#endif
