/* workers: one policy that many threads use at once, exchanged while they do.
 *
 * A thread takes a worker, decides with it, and gives it back; workers are made as they are needed
 * and kept. After an exchange new takers get the new policy; the old one is freed when its last
 * worker has come back. All functions but close may be called from several threads.
 *
 * Upstream: route. Downstream: serve/service, library/trroute. */
#ifndef TR_WORKERS_H
#define TR_WORKERS_H

#include "ground/err.h"
#include "policy/policy.h"
#include "policy/route.h"

#include <stdbool.h>

typedef struct tr_workers tr_workers;

/* What each worker is set to (route.h). */
typedef struct {
    bool explain;
    tr_route_shadow shadow;
} tr_workers_settings;

/* Takes over *p (emptied), also where it fails: NULL with *err filled, TR_SYSTEM. */
tr_workers *tr_workers_open(tr_policy *p, tr_workers_settings settings, tr_err *err);
/* Takes over *p likewise, for those who take a worker from now on. TR_SYSTEM: the old one stays. */
TR_MUST tr_code tr_workers_exchange(tr_workers *w, tr_policy *p, tr_err *err);
/* All that were taken must have been given back. NULL is allowed. */
void tr_workers_close(tr_workers *w);

typedef struct {
    tr_route_worker *worker;
    const tr_policy *policy; /* the worker's; stands until the lease is given back */
    void *edition;           /* private */
} tr_lease;

TR_MUST tr_code tr_workers_take(tr_workers *w, tr_lease *out, tr_err *err); /* TR_SYSTEM */
void tr_workers_give(tr_workers *w, tr_lease *lease);
/* The same, but the worker is not kept: one whose buffers a long text has grown. */
void tr_workers_drop(tr_workers *w, tr_lease *lease);

#endif
