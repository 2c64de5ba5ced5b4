/* router: a stream of requests to a stream of decisions, on several threads, with the policy
 * exchanged between two lines where that is asked for.
 *
 * Upstream: route, teacher, pool, io. Downstream: tr-route. */
#ifndef TR_ROUTER_H
#define TR_ROUTER_H

#include "doors/io.h"
#include "ground/err.h"
#include "policy/route.h"
#include "policy/teacher.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *policy;  /* its file */
    int threads;         /* 1..64 */
    size_t batch_lines;  /* that the threads share at most */
    bool keep_embedding; /* of a request, in its decision */
    bool explain;        /* each decision has "explain" */
    bool line_buffered;  /* hand on each line at once */
    tr_route_shadow shadow;
    /* Who asks the teacher: what asks is given to it, and comes out with its answer. Command NULL:
     * nobody. */
    tr_teacher_options teacher;
    /* Set (by a signal handler) to have the policy file read anew before the next line; NULL:
     * never. */
    volatile sig_atomic_t *reload;
    /* Told after each reload: NULL, or why the file was refused and the old policy stays in use. */
    void (*reloaded)(void *context, const tr_err *refused);
    void *context;
} tr_router_options;

typedef struct {
    uint64_t bad; /* lines that could not be read: each became a deferred decision with "error" */
    tr_teacher_counts teacher; /* each row that failed has "error" */
} tr_router_counts;

/* Reads the policy, then `in` to its end: one line out for each line in, in the same order; flushes
 * `out` whenever input or the teacher would have to be waited for. Returns TR_OK; TR_DATA (the
 * policy); TR_SYSTEM. Does not close `out`. */
TR_MUST tr_code tr_router_run(const tr_router_options *o, tr_reader *in, tr_writer *out,
                              tr_router_counts *counts, tr_err *err);

#endif
