#include "policy/workers.h"

#include "check.h"
#include "policies.h"

#include <pthread.h>
#include <stdatomic.h>

/* Two policies of one stream, as files, and what each decides about some rows. */
enum { ROWS = 40, THREADS = 4, EXCHANGES = 60 };
static tr_buf files[2];
static tr_buf rows;
static tr_buf decided[2];

static tr_policy policy_of(int which)
{
    tr_policy p;
    tr_err err = {0};
    tr_buf bytes = small_copy(tr_buf_str(&files[which]));
    if (tr_policy_take(&p, &bytes, "policy", &err) != TR_OK)
        exit(4);
    return p;
}

static int which_is(const tr_policy *p)
{
    return p->certificate.alpha > 0.85;
}

static tr_buf decide_all(tr_route_worker *w)
{
    tr_buf out;
    tr_routed row;
    tr_err err;
    uint64_t number = 0;
    tr_buf_init(&out);
    for (const char *at = rows.data, *end; at < rows.data + rows.size; at = end + 1) {
        end = memchr(at, '\n', (size_t)(rows.data + rows.size - at));
        tr_str line = tr_str_of(at, (size_t)(end - at));
        if (tr_route_line(w, line, ++number, false, &out, &row, &err) != TR_OK)
            exit(4);
    }
    return out;
}

static tr_workers *workers_of(int which, bool explain)
{
    tr_err err = {0};
    tr_policy p = policy_of(which);
    tr_workers *w = tr_workers_open(&p, (tr_workers_settings){.explain = explain}, &err);
    if (!w)
        exit(4);
    CHECK(!p.labels.n && !p.bytes.data); /* taken over */
    return w;
}

static tr_lease take(tr_workers *w)
{
    tr_lease lease = {0};
    tr_err err = {0};
    if (tr_workers_take(w, &lease, &err) != TR_OK)
        exit(4);
    return lease;
}

static void exchange(tr_workers *w, int which)
{
    tr_err err = {0};
    tr_policy p = policy_of(which);
    CHECK(tr_workers_exchange(w, &p, &err) == TR_OK);
    CHECK(!p.labels.n && !p.bytes.data);
}

static void the_two_differ(void)
{
    CHECK(!tr_str_equal(tr_buf_str(&decided[0]), tr_buf_str(&decided[1])));
}

static void workers_are_kept(void)
{
    tr_workers *w = workers_of(0, false);
    tr_lease a = take(w), b = take(w);
    tr_route_worker *first = a.worker, *second = b.worker;
    CHECK(first != second && a.policy == b.policy && which_is(a.policy) == 0);
    tr_workers_give(w, &a);
    CHECK(!a.worker && !a.policy);
    a = take(w);
    CHECK(a.worker == first);
    tr_workers_give(w, &b);
    tr_workers_give(w, &a);
    a = take(w);
    b = take(w);
    CHECK((a.worker == first && b.worker == second) || (a.worker == second && b.worker == first));
    tr_workers_give(w, &a);
    tr_workers_drop(w, &b); /* one is left */
    CHECK(!b.worker && !b.policy);
    first = (a = take(w)).worker;
    b = take(w);
    CHECK(b.worker != first);
    tr_workers_drop(w, &a);
    exchange(w, 1);
    tr_workers_drop(w, &b); /* the last of the old policy */
    tr_workers_close(w);
    tr_workers_close(NULL);
}

/* Who has a worker keeps its policy through any number of exchanges. */
static void a_lease_outlives_exchanges(void)
{
    tr_workers *w = workers_of(0, false);
    tr_lease old = take(w), other = take(w);
    exchange(w, 1);
    tr_lease new = take(w);
    CHECK(which_is(old.policy) == 0 && which_is(new.policy) == 1);
    exchange(w, 0);
    exchange(w, 1);
    tr_workers_give(w, &other);
    const tr_lease *leases[] = {&old, &new};
    for (int k = 0; k < 2; k++) {
        tr_buf out = decide_all(leases[k]->worker);
        CHECK(tr_str_equal(tr_buf_str(&out), tr_buf_str(&decided[k])));
        tr_buf_free(&out);
    }
    tr_workers_give(w, &old);
    tr_workers_give(w, &new);
    tr_workers_close(w);
}

static void settings_are_set(void)
{
    tr_workers *w = workers_of(0, true);
    for (int k = 0; k < 2; k++) {
        tr_lease lease = take(w);
        tr_buf out = decide_all(lease.worker);
        CHECK(memmem(out.data, out.size, "\"explain\":", 10));
        tr_buf_free(&out);
        tr_workers_give(w, &lease);
        exchange(w, 1);
    }
    tr_workers_close(w);
}

static tr_workers *shared;
static atomic_int right, seen[2];
static atomic_bool over;

static void *decide_on_and_on(void *unused)
{
    (void)unused;
    bool last;
    do {
        last = atomic_load(&over); /* once more after the last exchange */
        tr_lease lease = take(shared);
        int which = which_is(lease.policy);
        tr_buf out = decide_all(lease.worker);
        if (tr_str_equal(tr_buf_str(&out), tr_buf_str(&decided[which])))
            atomic_fetch_add(&right, 1);
        tr_buf_free(&out);
        tr_workers_give(shared, &lease);
        atomic_fetch_add(&seen[which], 1);
    } while (!last);
    return NULL;
}

/* The two policies in turn, every other one after it was seen at work. */
static void threads_decide_through_exchanges(void)
{
    pthread_t thread[THREADS];
    shared = workers_of(0, false);
    for (int k = 0; k < THREADS; k++)
        if (pthread_create(&thread[k], NULL, decide_on_and_on, NULL))
            exit(4);
    for (int k = 1; k <= EXCHANGES; k++) {
        int before = atomic_load(&seen[k % 2]);
        exchange(shared, k % 2);
        while (k % 4 < 2 && atomic_load(&seen[k % 2]) == before)
            sched_yield();
    }
    atomic_store(&over, true);
    for (int k = 0; k < THREADS; k++)
        pthread_join(thread[k], NULL);
    CHECK(atomic_load(&seen[0]) >= EXCHANGES / 4 && atomic_load(&seen[1]) >= EXCHANGES / 4);
    CHECK(atomic_load(&right) == atomic_load(&seen[0]) + atomic_load(&seen[1]));
    tr_workers_close(shared);
}

int main(void)
{
    tr_stream stream;
    tr_err err = {0};
    tr_buf bytes = small_gated(500, 0.15, "svm", NULL);
    if (tr_stream_take(&stream, &bytes, "small", &err) != TR_OK)
        return 4;
    rows = small_log(ROWS, 0.5, 9);
    for (int k = 0; k < 2; k++) {
        files[k] = policies_file(&stream, k ? 0.9 : 0.8, TR_FAMILY_L2D);
        tr_workers *w = workers_of(k, false);
        tr_lease lease = take(w);
        decided[k] = decide_all(lease.worker);
        tr_workers_give(w, &lease);
        tr_workers_close(w);
    }
    tr_stream_free(&stream);
    CASE(the_two_differ);
    CASE(workers_are_kept);
    CASE(a_lease_outlives_exchanges);
    CASE(settings_are_set);
    CASE(threads_decide_through_exchanges);
    for (int k = 0; k < 2; k++) {
        tr_buf_free(&files[k]);
        tr_buf_free(&decided[k]);
    }
    tr_buf_free(&rows);
    return CHECK_END;
}
