/* child: a command that runs beside us, written to and read from without ever waiting for it.
 *
 * It runs under "sh -c" in a process group of its own, so that ending it ends all that it started;
 * its standard error is ours. No wait status is left behind, and a pipe that it closed is no
 * SIGPIPE to us.
 *
 * Upstream: the system. Downstream: policy/teacher. */
#ifndef TR_CHILD_H
#define TR_CHILD_H

#include "ground/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* {.pid = 0, .to = -1, .from = -1} is one that does not run; see TR_CHILD_NONE. */
typedef struct {
    pid_t pid;
    int to, from; /* our ends of the pipes; -1: closed */
} tr_child;

#define TR_CHILD_NONE ((tr_child){.pid = 0, .to = -1, .from = -1})

/* Starts the command; TR_SYSTEM where that cannot be done (one that is not found is started all the
 * same, and ends with status 127). Not while other threads of ours fork. */
TR_MUST tr_code tr_child_start(tr_child *c, const char *command, tr_err *err);

/* Hands over what the pipe takes at once. Returns the bytes taken, 0 where it is full, -1 where it
 * cannot be written to any more. */
ssize_t tr_child_write(tr_child *c, const void *data, size_t size);
/* What is there. Returns the bytes, 0 where there are none yet, -1 at the end. */
ssize_t tr_child_read(tr_child *c, void *to, size_t size);
/* Closes its standard input; again does nothing. */
void tr_child_close_input(tr_child *c);

/* Closes its standard input, gives it `grace_ms` to end by itself, then ends its whole group, and
 * reaps it. What it still writes is read, and given to `said` (which may be NULL). Returns what
 * waitpid says of it, -1 where that is not known; nothing is done, and 0 returned, where none runs.
 */
int tr_child_stop(tr_child *c, int grace_ms,
                  void (*said)(void *context, const char *data, size_t size), void *context);

/* "ended with status 3", "was ended by signal 9 (Killed)": of what tr_child_stop returned. */
const char *tr_child_status(int status, char text[64]);

#endif
