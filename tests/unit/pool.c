#include "maths/pool.h"

#include "check.h"
#include "ground/rng.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { TASKS = 200 };

typedef struct {
    tr_pool_task tasks[TASKS];
    uint64_t value[TASKS]; /* what each task makes of its predecessor's */
    int before[TASKS];     /* whether its predecessor was done when it began */
    atomic_int finished[TASKS], runs[TASKS];
    atomic_int begun;
    int fails[TASKS];
    size_t last_told;
    int told_in_order;
} work;

static tr_code run(void *context, size_t task, tr_err *err)
{
    work *w = context;
    ptrdiff_t after = w->tasks[task].after;
    w->begun++;
    w->runs[task]++;
    w->before[task] = after < 0 || w->finished[after];
    if (task % 10 == 0)
        usleep(200); /* long enough for another thread to begin too early */
    uint64_t x = after < 0 ? task : w->value[after];
    for (int i = 0; i < 500; i++)
        x = x * 6364136223846793005u + task;
    w->value[task] = x;
    w->finished[task] = 1;
    return w->fails[task] ? tr_err_set(err, TR_DATA, "task %zu", task) : TR_OK;
}

static void told(void *context, size_t finished)
{
    work *w = context;
    w->told_in_order &= finished == w->last_told + 1;
    w->last_told = finished;
}

static void make(work *w)
{
    memset(w, 0, sizeof *w);
    tr_rng r;
    tr_rng_init(&r, 1);
    for (size_t i = 0; i < TASKS; i++) {
        ptrdiff_t after = i % 3 ? (ptrdiff_t)tr_rng_below(&r, i) : -1;
        w->tasks[i] = (tr_pool_task){.run = run, .context = w, .task = i, .after = after};
    }
    w->tasks[0].after = 7; /* one that waits for a later one */
    w->tasks[7].after = -1;
    w->told_in_order = 1;
}

static void any_number_of_threads_gives_the_same(void)
{
    static work one, many;
    tr_err err;
    make(&one);
    CHECK(tr_pool_run(one.tasks, TASKS, 1, told, &one, &err) == TR_OK);
    for (int threads = 0; threads <= 8; threads++) {
        make(&many);
        CHECK(tr_pool_run(many.tasks, TASKS, threads, told, &many, &err) == TR_OK);
        CHECK(!memcmp(many.value, one.value, sizeof one.value));
        CHECK(many.last_told == TASKS && many.told_in_order);
        for (size_t i = 0; i < TASKS; i++)
            CHECK(many.before[i] && many.runs[i] == 1);
    }
}

/* Tasks 60 and 90 fail; whichever comes to its end first, the message is that of 60 where both
 * were begun, and nothing new is begun once one has failed. */
static void the_first_error_of_the_list_is_reported(void)
{
    static work w;
    for (int threads = 1; threads <= 8; threads++) {
        make(&w);
        w.fails[60] = w.fails[90] = 1;
        tr_err err = {0};
        CHECK(tr_pool_run(w.tasks, TASKS, threads, NULL, NULL, &err) == TR_DATA);
        char expected[32];
        snprintf(expected, sizeof expected, "task %d", w.runs[60] ? 60 : 90);
        CHECK(err.code == TR_DATA && !strcmp(err.message, expected));
        CHECK(w.begun < TASKS);
        if (threads == 1)
            CHECK(w.runs[60] && !w.runs[90]);
        for (size_t i = 0; i < TASKS; i++) {
            CHECK(w.runs[i] <= 1);
            CHECK(!w.runs[i] || w.before[i]);
        }
        make(&w);
        w.fails[60] = 1;
        CHECK(tr_pool_run(w.tasks, TASKS, threads, NULL, NULL, NULL) == TR_DATA);
    }
}

static void nothing_to_do_is_done(void)
{
    CHECK(tr_pool_run(NULL, 0, 4, NULL, NULL, NULL) == TR_OK);
}

int main(void)
{
    CASE(any_number_of_threads_gives_the_same);
    CASE(the_first_error_of_the_list_is_reported);
    CASE(nothing_to_do_is_done);
    return CHECK_END;
}
