/* verify-guarantee: does the promise hold? A simulation that runs the shipped selection, walk and
 * shares of delta on calibrations drawn from traffic whose truth is known (traffic.h): one stage
 * and cascades, one candidate and whole plans, one target and a frontier of several.
 *
 * A promise is broken where a rule is deployed whose true agreement (over what it handles, or over
 * everything for `overall`) is below alpha; a frontier, where that is so at any of its targets. Its
 * share of the calibrations must not exceed delta by more than three standard errors, in any cell.
 * Deterministic: every cell has its own seed. */
#include "ground/num.h"
#include "traffic.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST_TARGETS = 3 };

static const double ALPHA = 0.90;
static const double ALPHAS[MOST_TARGETS] = {0.85, 0.90, 0.95}; /* of a frontier */

/* ---- Cells ----------------------------------------------------------------------------------- */

/* Who competes for the delta of a cell. Of one-stage traffic: a member; four members. Of two-stage
 * traffic: the cascade alone, accept-all of the cascade alone (global), each stage and the cascade
 * of either order together (a whole plan), and such a plan for every target of a frontier. */
typedef enum { ONE, FOUR, CASCADE, GLOBAL, PLAN, FRONTIER } contest;
static const char *const CONTESTS[] = {"1", "4", "rsb", "global", "plan", "plan x3"};

typedef struct {
    const shape *shape; /* one-stage traffic; or NULL and */
    const pair_shape *pair;
    double base; /* agreement of ordinary rows, all accepted */
    int rows;    /* of CALIBRATION */
    contest contest;
    bool guard;
    tr_guarantee guarantee;
    double delta;
} cell;

typedef struct {
    int deployed, broken;
    double coverage; /* true, mean over the calibrations (0 where refused) and targets */
    double best;     /* the largest coverage that keeps the promise, all known; mean over targets */
    bool failed, done;
} outcome;

static int targets_of(const cell *c)
{
    return c->contest == FRONTIER ? MOST_TARGETS : 1;
}

static double alpha_of(const cell *c, int target)
{
    return c->contest == FRONTIER ? ALPHAS[target] : ALPHA;
}

static void traffic_init(traffic *t, const cell *c)
{
    t->guard = c->guard;
    t->staged = c->pair != NULL;
    if (t->staged) {
        static const candidate plan[] = {{0, 1}, {0, -1}, {1, -1}, {1, 0}};
        pair_init(&t->pair, c->pair, c->base);
        t->n_members = 2;
        t->n_candidates = c->contest >= PLAN ? 4 : 1;
        memcpy(t->candidate, plan, sizeof plan);
        return;
    }
    /* The shape; the same, blurred; the same, agreeing less; and one of another kind. */
    member_init(&t->member[0], c->shape, 1, c->base);
    member_init(&t->member[1], c->shape, 0.4, c->base);
    member_init(&t->member[2], c->shape, 1, c->base - 0.02);
    member_init(&t->member[3], &SHAPES[2], 1, c->base - 0.01);
    t->n_members = t->n_candidates = c->contest == FOUR ? MEMBERS : 1;
    for (int k = 0; k < MEMBERS; k++)
        t->candidate[k] = (candidate){k, -1};
}

/* What must not be done, to show that the simulation can fail: every threshold of every candidate
 * tested at the full delta, and the one that accepts most is kept. */
static void decide_wrongly(const tr_certify_target *target, size_t n, const tr_certify_rows *all,
                           tr_certify_path *paths, int *best)
{
    *best = -1;
    for (size_t k = 0; k < n; k++) {
        const tr_certify_rows *rows = &all[k];
        tr_certify_path *path = &paths[k];
        path->deployed = -1;
        path->accepted = 0;
        for (int j = path->n_nodes - 1; j >= 0 && path->deployed < 0; j--) {
            double t = path->nodes[j].threshold;
            int64_t accepted = 0, agreed = 0;
            for (size_t i = 0; i < rows->n; i++) {
                bool first = (!rows->inside || rows->inside[i]) && rows->score[i] >= t;
                bool second = !first && rows->score2 != NULL &&
                              (!rows->inside2 || rows->inside2[i]) && rows->score2[i] >= t;
                accepted += first || second;
                agreed += first ? rows->agree[i] : second && rows->agree2[i];
            }
            bool overall = target->guarantee == TR_GUARANTEE_OVERALL;
            int64_t m = overall ? (int64_t)rows->n : accepted;
            int64_t good = overall ? agreed + m - accepted : agreed;
            if (m > 0 && tr_stat_binomial_upper(good, m, target->alpha) <= target->delta) {
                path->deployed = j;
                path->accepted = accepted;
            }
        }
        if (path->deployed >= 0 && (*best < 0 || path->accepted > paths[*best].accepted))
            *best = (int)k;
    }
}

/* tr-split's share of rows for calibration, turned round: TRAIN rows beside so many. */
static size_t train_rows(int calibration)
{
    return calibration < 2000 ? (size_t)calibration * 3 / 2 : (size_t)calibration * 2;
}

/* One target of a cell: what is asked for, and what was planned on TRAIN. */
typedef struct {
    tr_certify_target target;
    tr_certify_path paths[MEMBERS];
    size_t order[MEMBERS];
} attempt;

static bool plan(const cell *c, const traffic *t, const sample *train, attempt *a)
{
    int64_t expected[MEMBERS];

    for (int k = 0; k < t->n_candidates; k++)
        expected[k] = tr_certify_inside(&train->rows[k]) * c->rows / (int64_t)train->n;
    return tr_certify_plan(&a->target, (size_t)t->n_candidates, train->rows, expected, c->rows,
                           a->paths, a->order, NULL) == TR_OK;
}

/* One calibration, decided on for every target of the cell. */
static bool decide(const cell *c, traffic *t, const sample *calibration, double q, bool wrongly,
                   attempt *attempts, int runs, outcome *out)
{
    bool deployed = false, broken = false;

    for (int i = 0; i < targets_of(c); i++) {
        attempt *a = &attempts[i];
        size_t n = (size_t)t->n_candidates;
        int best = -1;
        if (wrongly)
            decide_wrongly(&a->target, n, calibration->rows, a->paths, &best);
        else if (tr_certify_decide(&a->target, n, calibration->rows, a->order, a->paths, &best,
                                   NULL) != TR_OK)
            return false;
        if (best < 0)
            continue;
        double coverage, threshold = a->paths[best].nodes[a->paths[best].deployed].threshold;
        double truth = rule_truth(t, &t->candidate[best], c->guarantee, q, threshold, &coverage);
        deployed = true;
        broken |= truth < a->target.alpha - 1e-12;
        out->coverage += coverage / runs / targets_of(c);
    }
    out->deployed += deployed;
    out->broken += broken;
    return true;
}

static bool run_cell(const cell *c, uint64_t seed, int runs, bool wrongly, outcome *out)
{
    traffic *t = tr_mem_zero(1, sizeof *t);
    sample train, calibration;
    attempt attempts[MOST_TARGETS];
    tr_rng r;
    bool ok;
    /* The theorem holds for each TRAIN; so many of them are tried. */
    int each = runs >= 10000 ? 100 : runs >= 1000 ? runs / 100 : 10;

    if (t == NULL)
        return false;
    traffic_init(t, c);
    memset(attempts, 0, sizeof attempts);
    for (int i = 0; i < targets_of(c); i++) {
        double alpha = alpha_of(c, i);
        attempts[i].target = (tr_certify_target){alpha, c->delta / targets_of(c), c->guarantee, 100,
                                                 c->contest == GLOBAL};
        out->best += best_coverage(t, c->guarantee, alpha) / targets_of(c);
    }
    tr_rng_init(&r, seed);
    ok = sample_init(&train, train_rows(c->rows), t);
    ok = sample_init(&calibration, (size_t)c->rows, t) && ok;
    double q = 1;
    for (int run = 0; ok && run < runs; run++) {
        if (run % each == 0) {
            sample_draw(&train, t, &r);
            if (c->guard) {
                ok = guard_quantile(&train, &q);
                sample_guard(&train, t, q);
            }
            for (int i = 0; ok && i < targets_of(c); i++)
                ok = plan(c, t, &train, &attempts[i]);
        }
        sample_draw(&calibration, t, &r);
        if (c->guard)
            sample_guard(&calibration, t, q);
        ok = ok && decide(c, t, &calibration, q, wrongly, attempts, runs, out);
    }
    for (int i = 0; i < MOST_TARGETS; i++)
        for (int k = 0; k < MEMBERS; k++)
            tr_certify_free(&attempts[i].paths[k]);
    sample_free(&train);
    sample_free(&calibration);
    free(t);
    return ok;
}

static const double BASES[] = {0.89, 0.92};
static const int ROWS[] = {300, 1000, 2000};

/* Delta alternates, so that guard and guarantee each meet both of its values. */
static cell cell_of(contest who, double base, int rows, bool guard, bool overall)
{
    return (cell){.base = base,
                  .rows = rows,
                  .contest = who,
                  .guard = guard,
                  .guarantee = overall ? TR_GUARANTEE_OVERALL : TR_GUARANTEE_HANDLED,
                  .delta = guard == overall ? 0.05 : 0.10};
}

/* Every combination of shape, base, rows and contest. Where the base is below alpha, promises are
 * hardest to keep: there all four pairings of guard and guarantee; where it is above, two. */
static size_t list_one_stage(cell *cells)
{
    size_t n = 0;

    for (int s = 0; s < N_SHAPES; s++)
        for (int b = 0; b < 2; b++)
            for (int i = 0; i < 3; i++)
                for (int k = 0; k < 2; k++)
                    for (int w = 0; w < 4; w += 1 + b) {
                        bool guard = b == 0 ? w & 1 : (i + k) & 1;
                        cells[n] = cell_of(k ? FOUR : ONE, BASES[b], ROWS[i], guard, w & 2);
                        cells[n++].shape = &SHAPES[s];
                    }
    return n;
}

/* Cascades alone meet all pairings, the other contests half of them; accept-all has a base that
 * novel rows take just below alpha; a base that is well above is tried at one number of rows. */
static size_t list_two_stage(cell *cells)
{
    size_t n = 0;

    for (int s = 0; s < N_PAIRS; s++)
        for (contest k = CASCADE; k <= FRONTIER; k++)
            for (int i = 0; i < 3; i++)
                for (int w = 0; w < 4; w++) {
                    bool guard = w & 1, overall = w & 2, high = k <= PLAN && k != GLOBAL && i == 1;
                    double low = k == GLOBAL ? (guard ? 0.9035 : 0.908) : BASES[0];
                    if (k != CASCADE && guard != (overall ^ (i == 1)))
                        continue;
                    if ((k == GLOBAL && i != 1) || (k == FRONTIER && i == 2))
                        continue;
                    cells[n] = cell_of(k, low, ROWS[i], guard, overall);
                    cells[n++].pair = &PAIRS[s];
                    if (high && guard != overall) {
                        cells[n] = cell_of(k, BASES[1], ROWS[i], guard, overall);
                        cells[n++].pair = &PAIRS[s];
                    }
                }
    return n;
}

enum { MOST_CELLS = N_SHAPES * 36 + N_PAIRS * 36 };

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
    snprintf(text, size, "%-14s %.3f %5d %-7s %-5s %-7s %.2f",
             c->shape != NULL ? c->shape->name : c->pair->name, c->base, c->rows,
             CONTESTS[c->contest], c->guard ? "yes" : "no",
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

    printf("alpha %.2f (plan x3: .85, .90 and .95 at once), %d calibrations a cell%s\n", ALPHA,
           w->runs, w->wrongly ? ", by a procedure that is NOT valid" : "");
    printf("%-14s %-5s %5s %-7s %s %-7s %-5s  %s  %s %s  %s %s\n", "shape", "base", "rows",
           "contest", "guard", "speaks", "delta", "deployed", "broken", "+-", "coverage",
           "of best");
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
    size_t all = list_one_stage(cells);
    all += list_two_stage(cells + all);
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
