#include "maths/pool.h"

#include "ground/mem.h"

#include <pthread.h>
#include <stdlib.h>

enum { MOST_THREADS = 64 };
typedef enum { WAITING, RUNNING, DONE } state;

typedef struct {
    const tr_pool_task *tasks;
    size_t n, finished;
    state *states;
    tr_err *errors; /* one a task */
    bool failed;
    void (*done)(void *, size_t);
    void *done_context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
} pool;

/* The first task that is ready; n: none is; *all: none ever will be. Called with the lock held. */
static size_t next_task(const pool *p, bool *all)
{
    *all = true;
    for (size_t i = 0; i < p->n; i++) {
        if (p->states[i] != WAITING)
            continue;
        *all = false;
        ptrdiff_t after = p->tasks[i].after;
        if (after < 0 || p->states[after] == DONE)
            return i;
    }
    return p->n;
}

static void *work(void *argument)
{
    pool *p = argument;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        bool all;
        size_t i = next_task(p, &all);
        if (all || p->failed)
            break;
        if (i == p->n) {
            pthread_cond_wait(&p->changed, &p->lock);
            continue;
        }
        p->states[i] = RUNNING;
        pthread_mutex_unlock(&p->lock);
        const tr_pool_task *t = &p->tasks[i];
        tr_code code = t->run(t->context, t->task, &p->errors[i]);
        pthread_mutex_lock(&p->lock);
        p->states[i] = DONE;
        p->errors[i].code = code;
        p->failed |= code != TR_OK;
        p->finished++;
        if (p->done)
            p->done(p->done_context, p->finished);
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

tr_code tr_pool_run(const tr_pool_task *tasks, size_t n, int threads,
                    void (*done)(void *context, size_t finished), void *done_context, tr_err *err)
{
    pool p = {.tasks = tasks,
              .n = n,
              .done = done,
              .done_context = done_context,
              .lock = PTHREAD_MUTEX_INITIALIZER,
              .changed = PTHREAD_COND_INITIALIZER};
    p.states = tr_mem_zero(n, sizeof *p.states);
    p.errors = tr_mem_zero(n, sizeof *p.errors);
    tr_code code = p.states && p.errors ? TR_OK : tr_err_memory(err);
    if (code == TR_OK) {
        pthread_t thread[MOST_THREADS];
        int started = 0;
        while (started < threads - 1 && started < MOST_THREADS && (size_t)started + 1 < n &&
               pthread_create(&thread[started], NULL, work, &p) == 0)
            started++;
        work(&p); /* this thread works too, so that it goes on even where none could be started */
        for (int i = 0; i < started; i++)
            pthread_join(thread[i], NULL);
        for (size_t i = 0; i < n && code == TR_OK; i++)
            if (p.errors[i].code != TR_OK) {
                code = p.errors[i].code;
                if (err)
                    *err = p.errors[i];
            }
    }
    free(p.states);
    free(p.errors);
    return code;
}
