/* drift: does the drift monitor keep its promise, and how soon does it see a fall? Simulated labels
 * through the shipped monitor (lib/audit/monitor.c).
 *
 * False alarms: streams whose agreement is exactly alpha, the worst that keeps the promise; the
 * share of them with an alarm at any time must not exceed delta. Delays: after 1,000 labels at .95
 * the agreement falls; labels from the fall to the alarm, over the runs without an alarm before it;
 * the mean must be within 20 % of what is expected. A run smaller than the usual one has room for
 * three standard errors more. Every stream has its own seed, whatever the threads. */
#include "ground/mem.h"
#include "ground/num.h"
#include "ground/rng.h"
#include "maths/pool.h"
#include "audit/monitor.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const double ALPHA = 0.93, DELTA = 0.05, GOOD = 0.95, TOLERANCE = 0.20;
enum { BEFORE = 1000, LONGEST = 1000000, TASKS = 250, FALLS = 3 };
enum { STREAMS = 10000, LABELS = 100000, RUNS = 2000 }; /* of a usual run */

static const struct {
    double to, expected; /* labels to the alarm, by an independent simulation */
} FALL[FALLS] = {{0.90, 1521}, {0.85, 286}, {0.70, 54}};

typedef struct {
    double before, after; /* agreement of the first `change` labels, and of the rest */
    uint64_t change, labels, seed;
    size_t streams;
    uint64_t *alarms; /* the label of each stream's alarm, 0: none */
} simulation;

/* An agreement as a bound on 53 random bits. */
static uint64_t bits_of(double p)
{
    return (uint64_t)(p * 0x1p53 + 0.5);
}

static tr_code run_stream(const simulation *s, size_t stream, tr_err *err)
{
    tr_monitor m;
    tr_rng r;
    tr_code code = tr_monitor_init(&m, ALPHA, DELTA, tr_str_c(""), err);
    if (code != TR_OK)
        return code;
    tr_rng_init(&r, s->seed + stream);
    uint64_t bar = bits_of(s->before);
    while (m.alarm == 0 && m.labels < s->labels) {
        if (m.labels == s->change)
            bar = bits_of(s->after);
        tr_monitor_add(&m, tr_rng_next(&r) >> 11 < bar);
    }
    s->alarms[stream] = m.alarm;
    return TR_OK;
}

static tr_code run_task(void *context, size_t task, tr_err *err)
{
    const simulation *s = context;
    tr_code code = TR_OK;
    for (size_t i = task; i < s->streams && code == TR_OK; i += TASKS)
        code = run_stream(s, i, err);
    return code;
}

static tr_code simulate(simulation *s, int threads, tr_err *err)
{
    tr_pool_task tasks[TASKS];
    s->alarms = tr_mem_zero(s->streams, sizeof *s->alarms);
    if (!s->alarms)
        return tr_err_memory(err);
    for (size_t i = 0; i < TASKS; i++)
        tasks[i] = (tr_pool_task){run_task, s, i, -1};
    return tr_pool_run(tasks, TASKS, threads, NULL, NULL, err);
}

typedef struct {
    uint64_t streams, labels, runs;
    double agreement; /* of the streams that shall give no alarm; for trying out what happens */
    int threads;
} options;

/* Prints the share of streams with an alarm by so many labels; 1 where it is above delta. */
static tr_code false_alarms(const options *o, bool *kept, tr_err *err)
{
    simulation s = {.before = o->agreement,
                    .after = o->agreement,
                    .labels = o->labels,
                    .seed = 1000000,
                    .streams = (size_t)o->streams};
    char streams[TR_NUM_TEXT], labels[TR_NUM_TEXT];
    double n = (double)o->streams, room = 3 * sqrt(DELTA * (1 - DELTA) / n);
    uint64_t alarms = 0;
    tr_code code = simulate(&s, o->threads, err);

    tr_num_print_grouped(streams, o->streams);
    printf("false alarms: %s streams at agreement %.4g, at most %.4g allowed\n", streams,
           o->agreement, DELTA);
    printf("%10s  %7s  %s\n", "labels", "alarms", "share");
    for (uint64_t t = 100; code == TR_OK; t = t * 10 < o->labels ? t * 10 : o->labels) {
        t = t < o->labels ? t : o->labels;
        alarms = 0;
        for (size_t i = 0; i < s.streams; i++)
            alarms += s.alarms[i] > 0 && s.alarms[i] <= t;
        tr_num_print_grouped(labels, t);
        printf("%10s  %7llu  %.4f\n", labels, (unsigned long long)alarms, (double)alarms / n);
        if (t == o->labels)
            break;
    }
    double share = (double)alarms / n;
    printf("standard error of the last: %.4f\n", sqrt(share * (1 - share) / n));
    *kept = share <= DELTA + (o->streams < STREAMS ? room : 0);
    free(s.alarms);
    return code;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* One line of the table; whether the mean is as expected. */
static bool report_fall(simulation *s, double to, double expected)
{
    uint64_t *delay = s->alarms; /* in place */
    size_t n = 0, early = 0, never = 0;
    double sum = 0, squares = 0;

    for (size_t i = 0; i < s->streams; i++) {
        uint64_t alarm = s->alarms[i];
        never += alarm == 0;
        early += alarm > 0 && alarm <= BEFORE;
        if (alarm > BEFORE)
            delay[n++] = alarm - BEFORE;
    }
    if (n == 0)
        return false;
    qsort(delay, n, sizeof *delay, by_size);
    for (size_t i = 0; i < n; i++)
        sum += (double)delay[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += ((double)delay[i] - mean) * ((double)delay[i] - mean);
    double error = sqrt(squares / (double)n / (double)n);
    double room = s->streams < RUNS ? 3 * error : 0;
    bool right = never == 0 && fabs(mean - expected) <= TOLERANCE * expected + room;
    printf("%7.2f  %7.1f  %5.1f  %6llu  %6llu  %9.0f  %8.3f  %5zu%s\n", to, mean, error,
           (unsigned long long)delay[n / 2], (unsigned long long)delay[n * 9 / 10], expected,
           mean / expected, early, right ? "" : "  OFF");
    return right;
}

static tr_code delays(const options *o, bool *right, tr_err *err)
{
    tr_code code = TR_OK;
    char runs[TR_NUM_TEXT];

    tr_num_print_grouped(runs, o->runs);
    printf("delays: labels from the fall to the alarm, after 1,000 at .95; %s runs\n", runs);
    printf("fall to     mean     +-  median  9 of 10   expected  mean/its  early\n");
    *right = true;
    for (size_t f = 0; f < FALLS && code == TR_OK; f++) {
        simulation s = {.before = GOOD,
                        .after = FALL[f].to,
                        .change = BEFORE,
                        .labels = LONGEST,
                        .seed = 2000000 * (f + 2),
                        .streams = (size_t)o->runs};
        code = simulate(&s, o->threads, err);
        if (code == TR_OK && !report_fall(&s, FALL[f].to, FALL[f].expected))
            *right = false;
        free(s.alarms);
    }
    return code;
}

static const char USAGE[] =
    "usage: drift [--streams N] [--labels N] [--runs N] [--agreement P] [-j THREADS]\n"
    "  --streams N    streams for the share of false alarms (10000)\n"
    "  --labels N     labels of each (100000)\n"
    "  --runs N       runs for each delay (2000)\n"
    "  --agreement P  of those streams (0.93, which is alpha): below it, the promise is broken\n"
    "  -j N           threads (all processors); the tables do not depend on it\n"
    "exit status: 0 as promised, 1 not so, 2 usage, 4 system\n";

static bool parse(int argc, char **argv, options *o)
{
    static const struct option known[] = {{"streams", required_argument, NULL, 's'},
                                          {"labels", required_argument, NULL, 'l'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"agreement", required_argument, NULL, 'a'},
                                          {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "j:", known, NULL)) != -1) {
        uint64_t x = 0;
        if (c == '?')
            return false;
        if (c == 'a') {
            if (!tr_num_parse_double(tr_str_c(optarg), &o->agreement) || o->agreement < 0 ||
                o->agreement > 1)
                return false;
            continue;
        }
        if (!tr_num_parse_u64(tr_str_c(optarg), &x) || x < 1 || x > 1000000)
            return false;
        if (c == 'j')
            o->threads = x < 256 ? (int)x : 256;
        else
            *(c == 's' ? &o->streams : c == 'l' ? &o->labels : &o->runs) = x;
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    options o = {.streams = STREAMS,
                 .labels = LABELS,
                 .runs = RUNS,
                 .agreement = ALPHA,
                 .threads = processors < 1     ? 1
                            : processors > 256 ? 256
                                               : (int)processors};
    bool kept = false, right = false;
    tr_err err;

    if (!parse(argc, argv, &o)) {
        fputs(USAGE, stderr);
        return 2;
    }
    printf("drift monitor, alpha %.2f, delta %.2f\n\n", ALPHA, DELTA);
    tr_code code = false_alarms(&o, &kept, &err);
    printf("\n");
    if (code == TR_OK)
        code = delays(&o, &right, &err);
    if (code != TR_OK) {
        fprintf(stderr, "drift: %s\n", err.message);
        return 4;
    }
    printf("\nfalse alarms %s; delays %s\n", kept ? "within delta" : "MORE OFTEN THAN DELTA",
           right ? "as expected" : "OFF BY MORE THAN 20 %");
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("drift: cannot write\n", stderr);
        return 4;
    }
    return kept && right ? 0 : 1;
}
