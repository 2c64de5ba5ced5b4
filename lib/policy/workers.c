#include "policy/workers.h"

#include "ground/mem.h"

#include <pthread.h>
#include <stdlib.h>

/* A policy and those of its workers that nobody has. */
typedef struct slot slot;
typedef struct {
    tr_policy policy;
    slot *idle;
    size_t taken;
} edition;

struct slot {
    tr_route_worker *worker;
    edition *of;
    slot *next;
};

struct tr_workers {
    tr_workers_settings settings;
    pthread_mutex_t lock; /* of all below, and of every edition's idle and taken */
    edition *current;
};

static void close_slot(slot *s)
{
    if (!s)
        return;
    tr_route_close(s->worker);
    free(s);
}

static void close_edition(edition *e)
{
    if (!e)
        return;
    for (slot *s = e->idle, *next; s; s = next) {
        next = s->next;
        close_slot(s);
    }
    tr_policy_free(&e->policy);
    free(e);
}

/* Takes over *p, also where it fails: NULL. */
static edition *open_edition(tr_policy *p, tr_err *err)
{
    edition *e = tr_mem_zero(1, sizeof *e);
    if (e) {
        e->policy = *p;
    } else {
        tr_err_memory(err);
        tr_policy_free(p);
    }
    *p = (tr_policy){0};
    return e;
}

static slot *open_slot(edition *e, const tr_workers_settings *settings, tr_err *err)
{
    slot *s = tr_mem_zero(1, sizeof *s);
    if (!s) {
        tr_err_memory(err);
        return NULL;
    }
    s->of = e;
    s->worker = tr_route_open(&e->policy, err);
    if (!s->worker) {
        close_slot(s);
        return NULL;
    }
    tr_route_explain(s->worker, settings->explain);
    tr_route_set_shadow(s->worker, &settings->shadow);
    return s;
}

tr_workers *tr_workers_open(tr_policy *p, tr_workers_settings settings, tr_err *err)
{
    edition *e = open_edition(p, err);
    tr_workers *w = e ? tr_mem_zero(1, sizeof *w) : NULL;
    if (!w || pthread_mutex_init(&w->lock, NULL)) {
        tr_err_memory(err);
        close_edition(e);
        free(w);
        return NULL;
    }
    w->settings = settings;
    w->current = e;
    return w;
}

void tr_workers_close(tr_workers *w)
{
    if (!w)
        return;
    close_edition(w->current);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

tr_code tr_workers_exchange(tr_workers *w, tr_policy *p, tr_err *err)
{
    edition *e = open_edition(p, err);
    if (!e)
        return TR_SYSTEM;
    pthread_mutex_lock(&w->lock);
    edition *old = w->current;
    w->current = e;
    bool done = old->taken == 0; /* else whoever gives back the last one frees it */
    pthread_mutex_unlock(&w->lock);
    if (done)
        close_edition(old);
    return TR_OK;
}

/* One of the edition's workers is back: kept, or without the slot (NULL) gone. */
static void put_back(tr_workers *w, edition *e, slot *s)
{
    pthread_mutex_lock(&w->lock);
    e->taken--;
    if (s) {
        s->next = e->idle;
        e->idle = s;
    }
    bool done = e != w->current && e->taken == 0;
    pthread_mutex_unlock(&w->lock);
    if (done)
        close_edition(e);
}

tr_code tr_workers_take(tr_workers *w, tr_lease *out, tr_err *err)
{
    pthread_mutex_lock(&w->lock);
    edition *e = w->current;
    slot *s = e->idle;
    if (s)
        e->idle = s->next;
    e->taken++;
    pthread_mutex_unlock(&w->lock);
    if (!s && !(s = open_slot(e, &w->settings, err))) { /* the edition stays: one of it is taken */
        put_back(w, e, NULL);
        return TR_SYSTEM;
    }
    *out = (tr_lease){.worker = s->worker, .policy = &e->policy, .edition = s};
    return TR_OK;
}

void tr_workers_give(tr_workers *w, tr_lease *lease)
{
    slot *s = lease->edition;
    *lease = (tr_lease){0};
    put_back(w, s->of, s);
}

void tr_workers_drop(tr_workers *w, tr_lease *lease)
{
    slot *s = lease->edition;
    edition *e = s->of;
    *lease = (tr_lease){0};
    close_slot(s); /* before the policy that it borrows */
    put_back(w, e, NULL);
}
