/* certify on cascades: every count of selection and walk against the definition, row by row. */
#include "gate/certify.h"

#include "check.h"
#include "ground/rng.h"

enum { MOST = 1200 };

typedef struct {
    double score[MOST], score2[MOST], weight[MOST];
    uint8_t agree[MOST], agree2[MOST], inside[MOST], inside2[MOST];
    tr_certify_rows rows;
} table;

/* Scores in few levels, so that ties abound within a stage and between the two; now and then
 * -INFINITY, the least of all scores. */
static double draw_score(tr_rng *r, int levels)
{
    uint64_t x = tr_rng_below(r, (uint64_t)levels + 1);
    return x == 0 ? -INFINITY : (double)x / levels;
}

static void draw(table *t, size_t n, int levels, double quality, bool flags, bool weights,
                 tr_rng *r)
{
    for (size_t i = 0; i < n; i++) {
        t->score[i] = draw_score(r, levels);
        t->score2[i] = draw_score(r, levels);
        t->agree[i] = tr_rng_unit(r) < quality;
        t->agree2[i] = tr_rng_unit(r) < quality;
        t->inside[i] = tr_rng_unit(r) < 0.8;
        t->inside2[i] = tr_rng_unit(r) < 0.8;
        t->weight[i] = 1 + (double)tr_rng_below(r, 3);
    }
    t->rows = (tr_certify_rows){.n = n,
                                .score = t->score,
                                .agree = t->agree,
                                .inside = flags ? t->inside : NULL,
                                .weight = weights ? t->weight : NULL,
                                .score2 = t->score2,
                                .agree2 = t->agree2,
                                .inside2 = flags ? t->inside2 : NULL};
}

/* ---- The definition ---- */

/* Who answers row i at threshold t: 1 or 2; 0: the teacher. */
static int answers(const tr_certify_rows *rows, size_t i, double t)
{
    if ((!rows->inside || rows->inside[i]) && rows->score[i] >= t)
        return 1;
    return rows->score2 && (!rows->inside2 || rows->inside2[i]) && rows->score2[i] >= t ? 2 : 0;
}

static bool agrees(const tr_certify_rows *rows, size_t i, int who)
{
    return who == 1 ? rows->agree[i] : rows->agree2[i];
}

typedef struct {
    double accepted, agreeing, all; /* weights */
} sums;

static sums sum_at(const tr_certify_rows *rows, double t)
{
    sums s = {0, 0, 0};

    for (size_t i = 0; i < rows->n; i++) {
        double w = rows->weight ? rows->weight[i] : 1;
        int who = answers(rows, i, t);
        s.all += w;
        s.accepted += who ? w : 0;
        s.agreeing += who && agrees(rows, i, who) ? w : 0;
    }
    return s;
}

/* The largest of the rows' scores at which at least j/K of what accept-all accepts is accepted. */
static double threshold_by_rank(const tr_certify_rows *rows, int j, int grid)
{
    double all = sum_at(rows, -INFINITY).accepted, best = -INFINITY;

    for (size_t i = 0; i < 2 * rows->n; i++) {
        double t = i < rows->n ? rows->score[i] : rows->score2[i - rows->n];
        if (t > best && sum_at(rows, t).accepted * grid >= j * all)
            best = t;
    }
    return best;
}

static double power(const tr_certify_target *target, sums s, double inside, int64_t n_inside,
                    int64_t n_all)
{
    bool overall = target->guarantee == TR_GUARANTEE_OVERALL;
    double seen = overall ? s.all : s.accepted;
    int64_t n = overall ? n_all : (int64_t)floor(s.accepted * (double)n_inside / inside);
    int64_t m = tr_stat_sweet(n, target->alpha, target->delta);

    if (m == 0)
        return 0;
    double mean = (s.agreeing + (overall ? s.all - s.accepted : 0) + 0.5) / (seen + 1);
    double bar = ((double)tr_stat_kmin(m, target->alpha, target->delta) - 0.5) / (double)m;
    return tr_stat_normal_cdf((mean - bar) /
                              sqrt(mean * (1 - mean) * (1 / (double)m + 1 / (seen + 2))));
}

static void check_selection(const tr_certify_target *target, const tr_certify_rows *train,
                            int64_t n_inside, int64_t n_all, const tr_certify_path *path)
{
    double inside = sum_at(train, -INFINITY).accepted, rank = 0;
    int n = 0;

    for (int j = 1; j < target->grid; j++) {
        double t = threshold_by_rank(train, j, target->grid);
        if (t > -INFINITY && (n == 0 || t < path->nodes[n - 1].threshold)) {
            CHECK(n < path->n_nodes && path->nodes[n].threshold == t);
            n++;
        }
    }
    CHECK(path->n_nodes == n + 1 && path->nodes[n].threshold == -INFINITY);
    for (int j = 0; j < path->n_nodes; j++) {
        const tr_certify_node *node = &path->nodes[j];
        sums s = sum_at(train, node->threshold);
        CHECK_NEAR(node->coverage, s.accepted / s.all, 1e-12);
        CHECK_NEAR(node->agreement, s.accepted > 0 ? s.agreeing / s.accepted : 0, 1e-12);
        CHECK_NEAR(node->power, power(target, s, inside, n_inside, n_all), 1e-9);
        rank = fmax(rank, node->coverage * node->power);
    }
    CHECK(path->rank == rank);
}

static void check_walk(const tr_certify_target *target, const tr_certify_rows *cal,
                       const tr_certify_path *path)
{
    bool overall = target->guarantee == TR_GUARANTEE_OVERALL, stopped = false;
    int step = 0, deployed = -1;
    int64_t accepted_there = 0;

    for (int j = 0; j < path->n_nodes && !stopped; j++) {
        if (!path->nodes[j].on_path)
            continue;
        double t = path->nodes[j].threshold;
        int64_t accepted = 0, seen = 0, good = 0;
        for (size_t i = 0; i < cal->n; i++)
            accepted += answers(cal, i, t) != 0;
        int64_t m =
            tr_stat_sweet(overall ? (int64_t)cal->n : accepted, target->alpha, target->delta);
        for (size_t i = 0; i < cal->n && seen < m; i++) {
            int who = answers(cal, i, t);
            seen += overall || who;
            good += who ? agrees(cal, i, who) : overall;
        }
        CHECK(step < path->n_steps);
        if (step >= path->n_steps)
            return;
        const tr_certify_step *s = &path->steps[step++];
        CHECK(s->node == j && s->accepted == accepted && s->tested == m && s->agreed == good);
        bool passed = m > 0 && good >= tr_stat_kmin(m, target->alpha, target->delta);
        CHECK(s->passed == passed);
        stopped = !passed;
        if (passed) {
            deployed = j;
            accepted_there = accepted;
        }
    }
    CHECK(step == path->n_steps);
    for (int j = 0; j < path->n_nodes; j++) {
        tr_certify_rows plain = *cal; /* unweighted */
        plain.weight = NULL;
        sums s = sum_at(&plain, path->nodes[j].threshold);
        tr_certify_tally t = tr_certify_count(cal, path->nodes[j].threshold);
        CHECK((double)t.accepted == s.accepted && (double)t.agreed == s.agreeing);
    }
    CHECK(path->deployed == deployed && path->accepted == accepted_there);
}

/* ---- Cases ---- */

static table train, cal;

/* Small logs of all kinds: both guarantees, flags, weights, ties, good stages and bad ones. */
static void as_defined(void)
{
    int certified = 0, refused = 0, several = 0;
    tr_certify_path path = {0};
    tr_rng r;

    tr_rng_init(&r, 11);
    for (int run = 0; run < 96; run++) {
        static const double qualities[] = {0.97, 0.85, 0.6};
        tr_certify_target target = {run & 32 ? 0.9 : 0.8, 0.1,
                                    run & 1 ? TR_GUARANTEE_OVERALL : TR_GUARANTEE_HANDLED,
                                    run & 2 ? 10 : 25, false};
        double quality = qualities[run % 3];
        int levels = run & 4 ? 6 : 400;
        draw(&train, 40 + tr_rng_below(&r, 110), levels, quality, run & 8, run & 16, &r);
        draw(&cal, 30 + tr_rng_below(&r, 250), levels, quality, run & 8, false, &r);
        int64_t n_inside = tr_certify_inside(&cal.rows), n_all = (int64_t)cal.rows.n;
        CHECK((double)tr_certify_inside(&train.rows) <= sum_at(&train.rows, -INFINITY).accepted);
        CHECK((double)n_inside == sum_at(&cal.rows, -INFINITY).accepted);
        CHECK(tr_certify_select(&target, &train.rows, n_inside, n_all, &path, NULL) == TR_OK);
        check_selection(&target, &train.rows, n_inside, n_all, &path);
        CHECK(tr_certify_walk(&target, &cal.rows, &path, NULL) == TR_OK);
        check_walk(&target, &cal.rows, &path);
        certified += path.deployed >= 0;
        refused += path.deployed < 0;
        several += path.n_steps > 2;
    }
    CHECK(certified > 20 && refused > 10 && several > 5); /* all ways were gone */
    tr_certify_free(&path);
}

/* More rows than are counted at once, and a path of many steps. */
static void many_rows(void)
{
    tr_certify_path path = {0};
    int steps = 0;
    tr_rng r;

    tr_rng_init(&r, 12);
    for (int run = 0; run < 4; run++) {
        tr_certify_target target = {0.9, 0.1, run & 1 ? TR_GUARANTEE_OVERALL : TR_GUARANTEE_HANDLED,
                                    100, false};
        for (int side = 0; side < 2; side++) {
            table *t = side ? &cal : &train;
            draw(t, MOST, 500, 0, run & 2, false, &r);
            for (size_t i = 0; i < MOST; i++) {
                t->agree[i] = tr_rng_unit(&r) < 0.86 + 0.13 * t->score[i];
                t->agree2[i] = tr_rng_unit(&r) < 0.86 + 0.13 * t->score2[i];
            }
        }
        CHECK(tr_certify_select(&target, &train.rows, tr_certify_inside(&cal.rows), MOST, &path,
                                NULL) == TR_OK);
        CHECK(tr_certify_walk(&target, &cal.rows, &path, NULL) == TR_OK);
        check_walk(&target, &cal.rows, &path);
        steps += path.n_steps;
    }
    CHECK(steps > 20);
    tr_certify_free(&path);
}

static bool same_path(const tr_certify_path *a, const tr_certify_path *b)
{
    bool same = a->n_nodes == b->n_nodes && a->rank == b->rank && a->n_steps == b->n_steps &&
                a->deployed == b->deployed && a->accepted == b->accepted;

    for (int j = 0; same && j < a->n_nodes; j++)
        same = a->nodes[j].threshold == b->nodes[j].threshold &&
               a->nodes[j].power == b->nodes[j].power && a->nodes[j].on_path == b->nodes[j].on_path;
    for (int s = 0; same && s < a->n_steps; s++)
        same = a->steps[s].tested == b->steps[s].tested && a->steps[s].agreed == b->steps[s].agreed;
    return same;
}

/* A second stage that may never answer is none; a first one that may not leaves the second. */
static void a_stage_that_is_silent(void)
{
    tr_certify_target target = {0.9, 0.1, TR_GUARANTEE_HANDLED, 50, false};
    tr_certify_path both = {0}, alone = {0};
    static const uint8_t never[MOST];
    tr_rng r;

    tr_rng_init(&r, 13);
    draw(&train, 400, 100, 0.95, true, false, &r);
    for (int which = 0; which < 2; which++) {
        tr_certify_rows cascade = train.rows, one;
        if (which == 0) {
            cascade.inside2 = never;
            one = (tr_certify_rows){
                .n = 400, .score = train.score, .agree = train.agree, .inside = train.inside};
        } else {
            cascade.inside = never;
            one = (tr_certify_rows){
                .n = 400, .score = train.score2, .agree = train.agree2, .inside = train.inside2};
        }
        CHECK(tr_certify_inside(&cascade) == tr_certify_inside(&one));
        int64_t n = tr_certify_inside(&one);
        CHECK(tr_certify_select(&target, &cascade, n, 400, &both, NULL) == TR_OK);
        CHECK(tr_certify_select(&target, &one, n, 400, &alone, NULL) == TR_OK);
        CHECK(tr_certify_walk(&target, &cascade, &both, NULL) == TR_OK);
        CHECK(tr_certify_walk(&target, &one, &alone, NULL) == TR_OK);
        CHECK(alone.n_steps > 0 && same_path(&both, &alone));
    }
    tr_certify_free(&both);
    tr_certify_free(&alone);
}

/* Sure of the half that the first is unsure of, and the reverse: together they cover all of it. */
static void two_halves(void)
{
    tr_certify_target target = {0.9, 0.1, TR_GUARANTEE_HANDLED, 100, false};
    tr_certify_path path = {0};

    for (size_t i = 0; i < 400; i++) {
        bool first = i % 2;
        train.score[i] = first ? 0.9 : 0.2;
        train.score2[i] = first ? 0.1 : 0.8;
        train.agree[i] = first;
        train.agree2[i] = !first;
    }
    tr_certify_rows rows = {.n = 400,
                            .score = train.score,
                            .agree = train.agree,
                            .score2 = train.score2,
                            .agree2 = train.agree2};
    CHECK(tr_certify_select(&target, &rows, 400, 400, &path, NULL) == TR_OK);
    CHECK(path.n_nodes == 3 && path.nodes[0].threshold == 0.9 && path.nodes[1].threshold == 0.8);
    CHECK(path.nodes[1].agreement == 1 && path.nodes[2].agreement == 0.5);
    CHECK(tr_certify_walk(&target, &rows, &path, NULL) == TR_OK);
    CHECK(path.deployed == 1 && path.accepted == 400 && path.n_steps >= 2);

    train.score2[399] = NAN;
    CHECK(tr_certify_select(&target, &rows, 400, 400, &path, NULL) == TR_DATA);
    CHECK(tr_certify_walk(&target, &rows, &path, NULL) == TR_DATA);
    tr_certify_free(&path);
}

int main(void)
{
    CASE(as_defined);
    CASE(many_rows);
    CASE(a_stage_that_is_silent);
    CASE(two_halves);
    return CHECK_END;
}
