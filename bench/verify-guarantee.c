/* verify-guarantee: does the promise hold? A simulation that runs the shipped selection, walk and
 * shares of delta on calibrations drawn from traffic whose truth is known.
 *
 * The traffic of a cell. Each row has, for each member of the zoo, a place v, uniform in (0, 1),
 * and the member agrees with the teacher with probability r(v) * g(x): r is the shape, g falls for
 * novel rows (x, uniform in (0, 1), beyond .98). The accept score is a rising function of v. So the
 * truth of a rule {x <= q, score >= t} is an integral of r over a grid, no estimate. The procedure
 * looks at scores by rank alone, so no generality is lost by v being uniform.
 *
 * A promise is broken where a rule is deployed whose true agreement (over what it handles, or over
 * everything for `overall`) is below alpha. Its share of the calibrations must not exceed delta by
 * more than three standard errors, in any cell. Deterministic: every cell has its own seed. */
#include "gate/certify.h"
#include "ground/mem.h"
#include "ground/num.h"
#include "ground/rng.h"

#include <getopt.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GRID = 1024, MEMBERS = 4 }; /* GRID: 10 bits, see sample_draw */

static const double ALPHA = 0.90;
static const double NOVEL = 0.02;       /* share of traffic that is novel */
static const double NOVEL_FACTOR = 0.5; /* of its agreement */
static const double BEYOND = 0.01;      /* share that the guard defers */

/* ---- Traffic --------------------------------------------------------------------------------- */

typedef enum { SMOOTH, LEVELS, ATOM } scale; /* score: v; ten levels of v; v, or 1 from .3 up */

typedef struct {
    const char *name;
    double (*logit)(double v); /* r(v) = logistic(a + logit(v)), a such that the mean is the base */
    scale scale;
} shape;

static double informative(double v)
{
    return 5 * v;
}
static double strong(double v)
{
    return 12 * v;
}
static double weak(double v)
{
    return 1.2 * v;
}
static double no_information(double v)
{
    (void)v;
    return 0;
}
static double overconfident(double v)
{
    return v < 0.9 ? 5 * v : -0.5;
}
static double non_monotone(double v)
{
    return 2.5 * sin(6.283185307179586 * 3 * v);
}
static double backwards(double v)
{
    return -2 * v;
}
static double two_clusters(double v)
{
    return v < 0.3 ? 0 : 4;
}
static double cliff(double v)
{
    return v > 0.6 && v < 0.62 ? 9 : 0;
} /* one good sliver */

static const shape SHAPES[] = {
    {"informative", informative, SMOOTH},
    {"strong", strong, SMOOTH},
    {"weak", weak, SMOOTH},
    {"no information", no_information, SMOOTH},
    {"overconfident", overconfident, SMOOTH},
    {"non-monotone", non_monotone, SMOOTH},
    {"backwards", backwards, SMOOTH},
    {"two clusters", two_clusters, SMOOTH},
    {"cliff", cliff, SMOOTH},
    {"ten levels", informative, LEVELS},
    {"saturated", weak, ATOM},
};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES };

typedef struct {
    scale scale;
    double agree[GRID];     /* r in each cell of v */
    double above[GRID + 1]; /* integral of r from the cell's lower end to 1 */
} member;

static double member_mean(const shape *s, double strength, double a, double *agree)
{
    double sum = 0;

    for (int i = 0; i < GRID; i++) {
        double p = 1 / (1 + exp(-(a + strength * s->logit((i + 0.5) / GRID))));
        if (agree != NULL)
            agree[i] = p;
        sum += p;
    }
    return sum / GRID;
}

static void member_init(member *m, const shape *s, double strength, double base)
{
    double low = -60, high = 60;

    for (int i = 0; i < 100; i++) {
        double a = (low + high) / 2;
        if (member_mean(s, strength, a, NULL) < base)
            low = a;
        else
            high = a;
    }
    member_mean(s, strength, low, m->agree);
    m->scale = s->scale;
    m->above[GRID] = 0;
    for (int i = GRID - 1; i >= 0; i--)
        m->above[i] = m->above[i + 1] + m->agree[i] / GRID;
}

static double member_score(const member *m, double v)
{
    if (m->scale == LEVELS)
        return floor(v * 10) / 10;
    if (m->scale == ATOM && v >= 0.3)
        return 1;
    return v;
}

/* The least v whose score reaches the threshold. */
static double member_place(const member *m, double threshold)
{
    if (threshold <= 0)
        return 0;
    if (m->scale == LEVELS)
        return round(threshold * 10) / 10;
    if (m->scale == ATOM && threshold >= 0.3)
        return 0.3;
    return threshold;
}

/* Integral of r over the places from v to 1. */
static double agreeing_above(const member *m, double v)
{
    int cell = (int)(v * GRID);

    if (cell >= GRID)
        return 0;
    return m->above[cell + 1] + m->agree[cell] * ((double)(cell + 1) / GRID - v);
}

/* Integral of the novelty factor over x from 0 to q. */
static double factor_below(double q)
{
    return q <= 1 - NOVEL ? q : 1 - NOVEL + NOVEL_FACTOR * (q - (1 - NOVEL));
}

/* The truth of the rule {x <= q, place >= v}: traffic handled, and what the guarantee speaks of. */
static double rule_truth(const member *m, tr_guarantee guarantee, double q, double v,
                         double *coverage)
{
    double handled = q * (1 - v), agreeing = factor_below(q) * agreeing_above(m, v);

    *coverage = handled;
    if (guarantee == TR_GUARANTEE_OVERALL)
        return 1 - handled + agreeing;
    return handled > 0 ? agreeing / handled : 1;
}

/* ---- Cells ----------------------------------------------------------------------------------- */

typedef struct {
    const shape *shape;
    double base; /* agreement of ordinary rows, all accepted */
    int rows;    /* of CALIBRATION */
    int members;
    bool guard;
    tr_guarantee guarantee;
    double delta;
} cell;

typedef struct {
    int deployed, broken;
    double coverage; /* true, mean over the calibrations (0 where refused) */
    double best;     /* the largest coverage that keeps the promise, all known */
    bool failed, done;
} outcome;

/* Rows drawn once: every member's view of them. */
typedef struct {
    size_t n;
    double *novelty;
    uint8_t *inside;
    double *score[MEMBERS];
    uint8_t *agree[MEMBERS];
    tr_certify_rows rows[MEMBERS];
} sample;

static void sample_free(sample *s)
{
    free(s->novelty);
    free(s->inside);
    for (int k = 0; k < MEMBERS; k++) {
        free(s->score[k]);
        free(s->agree[k]);
    }
}

static bool sample_init(sample *s, size_t n, const cell *c)
{
    bool ok;

    memset(s, 0, sizeof *s);
    s->n = n;
    s->novelty = tr_mem_array(n, sizeof *s->novelty);
    s->inside = tr_mem_zero(n, 1);
    ok = s->novelty != NULL && s->inside != NULL;
    for (int k = 0; k < c->members; k++) {
        s->score[k] = tr_mem_array(n, sizeof *s->score[k]);
        s->agree[k] = tr_mem_array(n, 1);
        ok = ok && s->score[k] != NULL && s->agree[k] != NULL;
        s->rows[k] =
            (tr_certify_rows){n, s->score[k], s->agree[k], c->guard ? s->inside : NULL, NULL};
    }
    return ok;
}

/* The members see the same rows: each takes the row's common place, and its common luck, half of
 * the time, so that their scores and their mistakes go together. One draw gives a place and a luck
 * of 31 bits and the two coins. */
static void sample_draw(sample *s, const member *members, int n_members, tr_rng *r)
{
    const uint64_t low = 0x7fffffff;

    for (size_t i = 0; i < s->n; i++) {
        uint64_t common = tr_rng_next(r);
        s->novelty[i] = tr_rng_unit(r);
        double factor = s->novelty[i] < 1 - NOVEL ? 1 : NOVEL_FACTOR;
        for (int k = 0; k < n_members; k++) {
            uint64_t x = common;
            if (n_members > 1) { /* masks, since a branch on a coin is slow */
                uint64_t own = tr_rng_next(r);
                uint64_t place = -(own & 1) << 33, luck = -(own >> 1 & 1) & low << 2;
                x = (own & (place | luck)) | (common & ~(place | luck));
            }
            double v = (double)(x >> 33) * 0x1p-31, u = (double)(x >> 2 & low) * 0x1p-31;
            s->score[k][i] = member_score(&members[k], v);
            s->agree[k][i] = u < members[k].agree[x >> 33 >> 21] * factor;
        }
    }
}

static int64_t sample_guard(sample *s, double q)
{
    int64_t inside = 0;

    for (size_t i = 0; i < s->n; i++) {
        s->inside[i] = s->novelty[i] <= q;
        inside += s->inside[i];
    }
    return inside;
}

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The novelty that all but a share BEYOND of TRAIN stay below. */
static bool guard_quantile(const sample *train, double *q)
{
    double *sorted = tr_mem_array(train->n, sizeof *sorted);

    if (sorted == NULL)
        return false;
    memcpy(sorted, train->novelty, train->n * sizeof *sorted);
    qsort(sorted, train->n, sizeof *sorted, falling);
    *q = sorted[(size_t)(BEYOND * (double)train->n)];
    free(sorted);
    return true;
}

/* What must not be done, to show that the simulation can fail: every threshold of every member
 * tested at the full delta, and the one that accepts most is kept. */
static void decide_wrongly(const tr_certify_target *target, const cell *c, const sample *s,
                           tr_certify_path *paths, int *best)
{
    *best = -1;
    for (int k = 0; k < c->members; k++) {
        tr_certify_path *path = &paths[k];
        path->deployed = -1;
        path->accepted = 0;
        for (int j = path->n_nodes - 1; j >= 0 && path->deployed < 0; j--) {
            int64_t accepted = 0, agreed = 0;
            for (size_t i = 0; i < s->n; i++) {
                bool in = (!c->guard || s->inside[i]) && s->score[k][i] >= path->nodes[j].threshold;
                accepted += in;
                agreed += in && s->agree[k][i];
            }
            bool overall = target->guarantee == TR_GUARANTEE_OVERALL;
            int64_t m = overall ? (int64_t)s->n : accepted;
            int64_t good = overall ? agreed + m - accepted : agreed;
            if (m > 0 && tr_stat_binomial_upper(good, m, target->alpha) <= target->delta) {
                path->deployed = j;
                path->accepted = accepted;
            }
        }
        if (path->deployed >= 0 && (*best < 0 || path->accepted > paths[*best].accepted))
            *best = k;
    }
}

static double best_coverage(const cell *c, const member *members)
{
    double q = c->guard ? 1 - BEYOND : 1, best = 0;

    for (int k = 0; k < c->members; k++)
        for (int i = 0; i < 10 * GRID; i++) {
            double coverage, v = (double)i / (10 * GRID);
            if (rule_truth(&members[k], c->guarantee, q,
                           member_place(&members[k], member_score(&members[k], v)),
                           &coverage) >= ALPHA &&
                coverage > best)
                best = coverage;
        }
    return best;
}

/* GUARANTEE's share of rows for calibration, turned round: TRAIN rows beside so many. */
static size_t train_rows(int calibration)
{
    return calibration < 2000 ? (size_t)calibration * 3 / 2 : (size_t)calibration * 2;
}

static bool run_cell(const cell *c, uint64_t seed, int runs, bool wrongly, outcome *out)
{
    member members[MEMBERS];
    sample train, calibration;
    tr_certify_path paths[MEMBERS];
    size_t order[MEMBERS];
    tr_certify_target target = {ALPHA, c->delta, c->guarantee, 100, false};
    tr_rng r;
    bool ok;
    /* The theorem holds for each TRAIN; so many of them are tried. */
    int each = runs >= 10000 ? 100 : runs >= 1000 ? runs / 100 : 10;

    /* The shape; the same, blurred; the same, agreeing less; and one of another kind. */
    member_init(&members[0], c->shape, 1, c->base);
    member_init(&members[1], c->shape, 0.4, c->base);
    member_init(&members[2], c->shape, 1, c->base - 0.02);
    member_init(&members[3], &SHAPES[2], 1, c->base - 0.01);
    out->best = best_coverage(c, members);

    memset(paths, 0, sizeof paths);
    tr_rng_init(&r, seed);
    ok = sample_init(&train, train_rows(c->rows), c);
    ok = sample_init(&calibration, (size_t)c->rows, c) && ok;
    double q = 1;
    for (int run = 0; ok && run < runs; run++) {
        if (run % each == 0) {
            sample_draw(&train, members, c->members, &r);
            int64_t expected[MEMBERS], inside = c->rows;
            if (c->guard) {
                ok = guard_quantile(&train, &q);
                inside = sample_guard(&train, q) * c->rows / (int64_t)train.n;
            }
            for (int k = 0; k < MEMBERS; k++)
                expected[k] = inside;
            ok = ok && tr_certify_plan(&target, (size_t)c->members, train.rows, expected, c->rows,
                                       paths, order, NULL) == TR_OK;
            if (!ok)
                break;
        }
        sample_draw(&calibration, members, c->members, &r);
        if (c->guard)
            sample_guard(&calibration, q);
        int best = -1;
        if (wrongly)
            decide_wrongly(&target, c, &calibration, paths, &best);
        else
            ok = tr_certify_decide(&target, (size_t)c->members, calibration.rows, order, paths,
                                   &best, NULL) == TR_OK;
        if (!ok || best < 0)
            continue;
        double coverage,
            v = member_place(&members[best], paths[best].nodes[paths[best].deployed].threshold);
        double truth = rule_truth(&members[best], c->guarantee, q, v, &coverage);
        out->deployed++;
        out->broken += truth < ALPHA - 1e-12;
        out->coverage += coverage / runs;
    }
    for (int k = 0; k < MEMBERS; k++)
        tr_certify_free(&paths[k]);
    sample_free(&train);
    sample_free(&calibration);
    return ok;
}

/* Every combination of shape, base, rows and members. Where the base is below alpha, promises are
 * hardest to keep: there all four pairings of guard and guarantee; where it is above, two of them.
 * Delta alternates, so that guard and guarantee each meet both of its values. */
static size_t list_cells(cell *cells)
{
    static const double bases[] = {0.89, 0.92};
    static const int rows[] = {300, 1000, 2000}, members[] = {1, MEMBERS};
    size_t n = 0;

    for (int s = 0; s < N_SHAPES; s++)
        for (int b = 0; b < 2; b++)
            for (int i = 0; i < 3; i++)
                for (int k = 0; k < 2; k++)
                    for (int w = 0; w < 4; w += 1 + b) {
                        bool guard = b == 0 ? w & 1 : (i + k) & 1, overall = w & 2;
                        cells[n++] = (cell){&SHAPES[s],
                                            bases[b],
                                            rows[i],
                                            members[k],
                                            guard,
                                            overall ? TR_GUARANTEE_OVERALL : TR_GUARANTEE_HANDLED,
                                            guard == overall ? 0.05 : 0.10};
                    }
    return n;
}
enum { MOST_CELLS = N_SHAPES * (4 + 2) * 3 * 2 };

/* ---- The run --------------------------------------------------------------------------------- */

typedef struct {
    const cell *cells;
    outcome *outcomes;
    size_t n, next;
    int runs, every;
    bool wrongly;
    pthread_mutex_t lock;
    pthread_cond_t finished;
} work;

static void *worker(void *argument)
{
    work *w = argument;

    pthread_mutex_lock(&w->lock);
    while (w->next < w->n) {
        size_t i = w->next++;
        outcome o = {0};
        pthread_mutex_unlock(&w->lock);
        o.failed =
            !run_cell(&w->cells[i], 0x7472 + i * (uint64_t)w->every, w->runs, w->wrongly, &o);
        pthread_mutex_lock(&w->lock);
        o.done = true;
        w->outcomes[i] = o;
        pthread_cond_signal(&w->finished);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static double standard_error(double p, int runs)
{
    return sqrt(p * (1 - p) / runs);
}

static void cell_name(const cell *c, char *text, size_t size)
{
    snprintf(text, size, "%-14s %.2f %5d %d  %-3s %-7s %.2f", c->shape->name, c->base, c->rows,
             c->members, c->guard ? "yes" : "no",
             c->guarantee == TR_GUARANTEE_OVERALL ? "overall" : "handled", c->delta);
}

static void print_outcome(const cell *c, const outcome *o, int runs)
{
    char name[128], ratio[32] = "    -";
    double broken = (double)o->broken / runs;

    cell_name(c, name, sizeof name);
    if (o->best > 0)
        snprintf(ratio, sizeof ratio, "%5.2f", o->coverage / o->best);
    printf("%s  %8.4f  %6.4f %6.4f  %8.4f %s%s\n", name, (double)o->deployed / runs, broken,
           standard_error(broken, runs), o->coverage, ratio,
           broken > c->delta + 3 * standard_error(c->delta, runs) ? "  BROKEN" : "");
    fflush(stdout);
}

/* Prints outcomes in order as they come, then the verdict. */
static int report(work *w)
{
    double worst = -INFINITY;
    size_t broken = 0, worst_cell = 0;
    char name[128];

    printf("alpha %.2f, %d calibrations a cell%s\n", ALPHA, w->runs,
           w->wrongly ? ", by a procedure that is NOT valid" : "");
    printf("%-14s %-4s %5s %s %s %-7s %-5s  %s  %s %s  %s %s\n", "shape", "base", "rows", "m",
           "guard", "speaks", "delta", "deployed", "broken", "+-", "coverage", "of best");
    for (size_t i = 0; i < w->n; i++) {
        pthread_mutex_lock(&w->lock);
        while (!w->outcomes[i].done)
            pthread_cond_wait(&w->finished, &w->lock);
        outcome o = w->outcomes[i];
        pthread_mutex_unlock(&w->lock);
        if (o.failed)
            return 4;
        print_outcome(&w->cells[i], &o, w->runs);
        double delta = w->cells[i].delta;
        double over = ((double)o.broken / w->runs - delta) / standard_error(delta, w->runs);
        broken += over > 3;
        if (over > worst) {
            worst = over;
            worst_cell = i;
        }
    }
    cell_name(&w->cells[worst_cell], name, sizeof name);
    printf("worst cell: %s, broken %.4f; %zu cells, ", name,
           (double)w->outcomes[worst_cell].broken / w->runs, w->n);
    if (broken > 0)
        printf("%zu above delta + 3 standard errors\n", broken);
    else
        printf("none above delta + 3 standard errors\n");
    return broken > 0 ? 1 : 0;
}

static const char USAGE[] =
    "usage: verify-guarantee [--runs N] [--every N] [-j THREADS] [--break]\n"
    "  --runs N   calibrations a cell (10000)\n"
    "  --every N  only every Nth cell (1)\n"
    "  -j N       threads (all processors); the table does not depend on it\n"
    "  --break    an invalid procedure instead: shows that the simulation notices\n"
    "exit status: 0 every promise kept, 1 broken too often, 2 usage, 4 system\n";

static bool parse(int argc, char **argv, work *w, int *threads)
{
    static const struct option options[] = {{"runs", required_argument, NULL, 'r'},
                                            {"every", required_argument, NULL, 'e'},
                                            {"break", no_argument, NULL, 'b'},
                                            {NULL, 0, NULL, 0}};
    int o;

    while ((o = getopt_long(argc, argv, "j:", options, NULL)) != -1) {
        uint64_t x = 0;
        if (o == '?')
            return false;
        if (o == 'b') {
            w->wrongly = true;
            continue;
        }
        if (!tr_num_parse_u64(tr_str_c(optarg), &x) || x < 1 || x > 10000000)
            return false;
        *(o == 'r' ? &w->runs : o == 'e' ? &w->every : threads) = (int)x;
    }
    return optind == argc && *threads <= 256;
}

int main(int argc, char **argv)
{
    static cell cells[MOST_CELLS];
    static outcome outcomes[MOST_CELLS];
    static pthread_t ids[256];
    work w = {.cells = cells, .outcomes = outcomes, .runs = 10000, .every = 1};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = processors < 1 ? 1 : processors > 256 ? 256 : (int)processors;

    if (!parse(argc, argv, &w, &threads)) {
        fputs(USAGE, stderr);
        return 2;
    }
    size_t all = list_cells(cells);
    for (size_t i = 0; i < all; i += (size_t)w.every)
        cells[w.n++] = cells[i];
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.finished, NULL);

    int started = 0;
    while (started < threads && pthread_create(&ids[started], NULL, worker, &w) == 0)
        started++;
    if (started == 0) {
        fputs("verify-guarantee: no thread could be started\n", stderr);
        return 4;
    }
    int status = report(&w);
    if (status == 4) {
        fputs("verify-guarantee: out of memory\n", stderr);
        return 4; /* the other threads end with the process */
    }
    for (int i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("verify-guarantee: cannot write\n", stderr);
        return 4;
    }
    return status;
}
