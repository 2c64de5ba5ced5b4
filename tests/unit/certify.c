#include "gate/certify.h"

#include "check.h"
#include "ground/rng.h"

#include <stdlib.h>

enum { MOST = 4000 };

/* ---- The checked cases of the guarantee: a reader of exactly their form --------------------- */

typedef struct {
    const char *line;
    char kind[32];
    double alpha, delta;
    int grid;
} vector;

/* What follows "name": in the line; NULL where it has none. */
static const char *field(const char *line, const char *name)
{
    char key[64];

    snprintf(key, sizeof key, "\"%s\": ", name);
    const char *at = strstr(line, key);
    while (at != NULL && strncmp(name, "kmin", 5) == 0 && at[strlen(key)] != '[')
        at = strstr(at + 1, key); /* "kmin" is a kind, too */
    return at == NULL ? NULL : at + strlen(key);
}

static double number(const char *line, const char *name)
{
    const char *at = field(line, name);
    return at == NULL ? NAN : strtod(at, NULL);
}

/* An array of numbers and nulls (null: -INFINITY); its length, -1 where it is absent or bad. */
static int numbers(const char *line, const char *name, double *out)
{
    const char *at = field(line, name);
    int n = 0;

    if (at == NULL || *at++ != '[')
        return -1;
    while (*at != ']') {
        char *end;
        if (n == MOST)
            return -1;
        if (strncmp(at, "null", 4) == 0) {
            out[n++] = -INFINITY;
            at += 4;
        } else {
            out[n++] = strtod(at, &end);
            if (end == at)
                return -1;
            at = end;
        }
        at += strspn(at, ", ");
    }
    return n;
}

static int flags(const char *line, const char *name, uint8_t *out)
{
    static double x[MOST];
    int n = numbers(line, name, x);

    for (int i = 0; i < n; i++)
        out[i] = x[i] != 0;
    return n;
}

static int check_kmin(const vector *v)
{
    static double m[MOST], kmin[MOST], sweet[MOST];
    int n = numbers(v->line, "m", m), wrong = 0;
    tr_stat_table table = {0};

    bool has_sweet = field(v->line, "sweet") != NULL;
    if (n < 1 || numbers(v->line, "kmin", kmin) != n ||
        (has_sweet && numbers(v->line, "sweet", sweet) != n))
        return 1;
    if (tr_stat_table_build(&table, (int64_t)m[n - 1], v->alpha, v->delta, NULL) != TR_OK)
        return 1;
    for (int i = 0; i < n; i++) {
        int64_t rows = (int64_t)m[i];
        wrong += tr_stat_kmin(rows, v->alpha, v->delta) != (int64_t)kmin[i];
        wrong += table.kmin[rows] != kmin[i];
        if (has_sweet)
            wrong += tr_stat_sweet(rows, v->alpha, v->delta) != (int64_t)sweet[i] ||
                     table.sweet[rows] != sweet[i];
    }
    tr_stat_table_free(&table);
    return wrong;
}

static int check_nodes(const vector *v, const tr_certify_path *path)
{
    static double x[MOST];
    int wrong = numbers(v->line, "thresholds", x) != path->n_nodes;

    for (int j = 0; !wrong && j < path->n_nodes; j++)
        wrong += path->nodes[j].threshold != x[j];
    wrong += numbers(v->line, "power", x) != path->n_nodes;
    for (int j = 0; !wrong && j < path->n_nodes; j++)
        wrong += !(fabs(path->nodes[j].power - x[j]) <= 1e-9);
    int n = numbers(v->line, "path", x);
    for (int j = 0, i = 0; !wrong && j < path->n_nodes; j++) {
        bool on_path = i < n && x[i] == j;
        wrong += path->nodes[j].on_path != on_path;
        i += on_path;
    }
    return wrong;
}

static int check_steps(const vector *v, const tr_certify_path *path)
{
    const char *at = field(v->line, "steps"), *deployed = field(v->line, "deployed");
    int wrong = 0;

    if (at == NULL || deployed == NULL)
        return 1;
    for (int i = 0; i < path->n_steps; i++) {
        const tr_certify_step *s = &path->steps[i];
        at = strchr(at, '{');
        if (at == NULL)
            return 1;
        const char *passed = field(at, "passed"), *needed = field(at, "needed");
        wrong += number(at, "node") != s->node || number(at, "accepted") != (double)s->accepted ||
                 number(at, "tested") != (double)s->tested ||
                 number(at, "agreed") != (double)s->agreed || passed == NULL ||
                 (*passed == 't') != s->passed || needed == NULL ||
                 /* null where nothing can be tested */
                 (*needed == 'n' ? 0 : strtod(needed, NULL)) != (double)s->needed;
        at++;
    }
    wrong += strchr(at, '{') != NULL; /* a step too few */
    int node = *deployed == 'n' ? -1 : atoi(deployed);
    return wrong + (path->deployed != node);
}

static int check_certify(const vector *v)
{
    static double train_score[MOST], cal_score[MOST], ones[MOST];
    static uint8_t train_agree[MOST], cal_agree[MOST], train_inside[MOST], cal_inside[MOST];
    tr_certify_target target = {v->alpha, v->delta, TR_GUARANTEE_HANDLED, v->grid, false};
    tr_certify_path path = {0}, weighted = {0};
    int n = numbers(v->line, "oof_scores", train_score);
    int n_cal = numbers(v->line, "cal_scores", cal_score);

    if (n < 1 || n_cal < 1 || flags(v->line, "oof_agree", train_agree) != n ||
        flags(v->line, "cal_agree", cal_agree) != n_cal)
        return 1;
    if (strcmp(v->kind, "certify_overall") == 0)
        target.guarantee = TR_GUARANTEE_OVERALL;
    bool guard = field(v->line, "oof_inside") != NULL;
    int64_t inside = n_cal;
    if (guard) {
        if (flags(v->line, "oof_inside", train_inside) != n ||
            flags(v->line, "cal_inside", cal_inside) != n_cal)
            return 1;
        inside = 0;
        for (int i = 0; i < n_cal; i++)
            inside += cal_inside[i];
    }

    tr_certify_rows train = {.n = (size_t)n,
                             .score = train_score,
                             .agree = train_agree,
                             .inside = guard ? train_inside : NULL};
    tr_certify_rows cal = {.n = (size_t)n_cal,
                           .score = cal_score,
                           .agree = cal_agree,
                           .inside = guard ? cal_inside : NULL};
    tr_err err = {0};
    if (tr_certify_select(&target, &train, inside, n_cal, &path, &err) != TR_OK ||
        tr_certify_walk(&target, &cal, &path, &err) != TR_OK) {
        printf("# %s\n", err.message);
        tr_certify_free(&path);
        return 1;
    }
    int wrong = check_nodes(v, &path) + check_steps(v, &path);
    wrong += path.rows != n_cal;
    int64_t accepted = 0;
    for (int i = 0; i < path.n_steps; i++)
        accepted = path.steps[i].passed ? path.steps[i].accepted : accepted;
    wrong += path.accepted != accepted;

    /* Weights of one are no weights. */
    for (int i = 0; i < n; i++)
        ones[i] = 1;
    train.weight = ones;
    if (tr_certify_select(&target, &train, inside, n_cal, &weighted, &err) != TR_OK)
        wrong++;
    wrong += check_nodes(v, &weighted) + (weighted.rank != path.rank);
    tr_certify_free(&path);
    tr_certify_free(&weighted);
    return wrong;
}

static void vectors(FILE *f)
{
    static char line[1 << 20];
    int cases = 0, kinds = 0;

    while (fgets(line, sizeof line, f) != NULL) {
        vector v = {line, "", number(line, "alpha"), number(line, "delta"), 0};
        const char *kind = strstr(line, "\"kind\": \"");
        if (kind == NULL || sscanf(kind, "\"kind\": \"%31[a-z_]", v.kind) != 1) {
            printf("# a case without a kind: %.60s\n", line);
            check_case_failed = 1;
            continue;
        }
        int wrong;
        if (strcmp(v.kind, "kmin") == 0) {
            wrong = check_kmin(&v);
            kinds |= 1;
        } else {
            v.grid = (int)number(line, "K");
            wrong = check_certify(&v);
            kinds |= strcmp(v.kind, "certify") == 0           ? 2
                     : strcmp(v.kind, "certify_guard") == 0   ? 4
                     : strcmp(v.kind, "certify_overall") == 0 ? 8
                                                              : 16;
        }
        cases++;
        if (wrong)
            printf("# case %d (%s): %d differences\n", cases, v.kind, wrong);
        CHECK(wrong == 0);
    }
    printf("# %d cases\n", cases);
    CHECK(cases > 0 && kinds == 15);
}

/* ---- Cases of our own ------------------------------------------------------------------------ */

static const tr_certify_target HANDLED = {0.90, 0.10, TR_GUARANTEE_HANDLED, 10, false};

/* 100 rows, score .99 .98 ... 0; the lowest `bad` of them disagree. */
static double score[MOST];
static uint8_t agree[MOST], inside[MOST];

static tr_certify_rows ladder(int n, int bad)
{
    for (int i = 0; i < n; i++) {
        score[i] = (double)(n - 1 - i) / n;
        agree[i] = i < n - bad;
        inside[i] = 1;
    }
    return (tr_certify_rows){.n = (size_t)n, .score = score, .agree = agree};
}

static void thresholds_by_rank(void)
{
    tr_certify_rows train = ladder(100, 0);
    tr_certify_path path = {0};

    CHECK(tr_certify_select(&HANDLED, &train, 100, 100, &path, NULL) == TR_OK);
    CHECK(path.n_nodes == 10);
    for (int j = 0; j < 9; j++) {
        CHECK(path.nodes[j].threshold == score[(j + 1) * 10 - 1]);
        CHECK_NEAR(path.nodes[j].coverage, 0.1 * (j + 1), 1e-12);
    }
    CHECK(path.nodes[9].threshold == -INFINITY && path.nodes[9].coverage == 1);
    CHECK(path.nodes[9].on_path);
    CHECK(path.nodes[0].power == 0); /* ten rows certify nothing at .90 */
    tr_certify_free(&path);
}

static void ties_enter_together(void)
{
    tr_certify_rows train = ladder(100, 5);
    tr_certify_path path = {0};

    for (int i = 0; i < 100; i++)
        score[i] = i < 75 ? 1 : 0.5;
    CHECK(tr_certify_select(&HANDLED, &train, 100, 100, &path, NULL) == TR_OK);
    CHECK(path.n_nodes == 3);
    CHECK(path.nodes[0].threshold == 1 && path.nodes[1].threshold == 0.5);
    CHECK_NEAR(path.nodes[0].coverage, 0.75, 1e-12);
    CHECK(path.nodes[1].coverage == 1 && path.nodes[2].coverage == 1);
    CHECK(path.nodes[0].agreement == 1 && path.nodes[2].agreement == 0.95);

    CHECK(tr_certify_walk(&HANDLED, &train, &path, NULL) == TR_OK);
    CHECK(path.n_steps > 0 && path.deployed == 2 && path.accepted == 100);
    tr_certify_free(&path);
}

/* The formula of the guarantee, written out for one node of each kind; and what the path is. */
static void power_by_hand(void)
{
    tr_certify_rows train = ladder(200, 20);
    tr_certify_target overall = HANDLED;
    tr_certify_path path = {0};

    inside[199] = 0; /* one row outside, and 50 of 300 in CALIBRATION */
    train.inside = inside;
    CHECK(tr_certify_select(&HANDLED, &train, 250, 300, &path, NULL) == TR_OK);
    const tr_certify_node *all = &path.nodes[path.n_nodes - 1];
    double m = (double)tr_stat_sweet(250, 0.90, 0.10), mean = 180.5 / 200;
    double bar = ((double)tr_stat_kmin((int64_t)m, 0.90, 0.10) - 0.5) / m;
    double spread = sqrt(mean * (1 - mean) * (1 / m + 1.0 / 201));
    CHECK_NEAR(all->power, erfc(-(mean - bar) / spread / sqrt(2)) / 2, 1e-12);
    double looser = -1;
    for (int j = path.n_nodes - 1; j >= 0; j--) {
        CHECK(path.nodes[j].on_path == (path.nodes[j].power > looser));
        looser = path.nodes[j].power > looser ? path.nodes[j].power : looser;
    }

    overall.guarantee = TR_GUARANTEE_OVERALL;
    CHECK(tr_certify_select(&overall, &train, 250, 300, &path, NULL) == TR_OK);
    all = &path.nodes[path.n_nodes - 1];
    m = (double)tr_stat_sweet(300, 0.90, 0.10);
    mean = (180 + 200 - 199 + 0.5) / 201;
    bar = ((double)tr_stat_kmin((int64_t)m, 0.90, 0.10) - 0.5) / m;
    spread = sqrt(mean * (1 - mean) * (1 / m + 1.0 / 202));
    CHECK_NEAR(all->power, erfc(-(mean - bar) / spread / sqrt(2)) / 2, 1e-12);
    tr_certify_free(&path);
}

/* The walk stops at the first failure although a looser node would pass. */
static void never_beyond_a_failure(void)
{
    tr_certify_node nodes[] = {{.threshold = 0.8, .on_path = true},
                               {.threshold = 0.6, .on_path = true},
                               {.threshold = 0.5, .on_path = false},
                               {.threshold = -INFINITY, .on_path = true}};
    tr_certify_path path = {0};
    tr_certify_rows cal = ladder(200, 0);

    path.nodes = malloc(sizeof nodes);
    if (path.nodes == NULL)
        return;
    memcpy(path.nodes, nodes, sizeof nodes);
    path.n_nodes = 4;
    for (int i = 45; i < 60; i++)
        agree[i] = 0; /* 80 rows at .6: 15 disagree, far too many */
    CHECK(tr_certify_walk(&HANDLED, &cal, &path, NULL) == TR_OK);
    CHECK(path.n_steps == 2 && path.deployed == 0 && path.accepted == 40);
    CHECK(path.steps[0].passed && path.steps[0].node == 0);
    CHECK(path.steps[0].tested == tr_stat_sweet(40, 0.90, 0.10) && path.steps[0].tested == 38);
    CHECK(path.steps[0].needed == 37 && path.steps[0].agreed == 38);
    CHECK(!path.steps[1].passed && path.steps[1].node == 1 && path.steps[1].accepted == 80);

    for (int i = 45; i < 60; i++)
        agree[i] = 1; /* walked again: nothing is left of the first walk */
    CHECK(tr_certify_walk(&HANDLED, &cal, &path, NULL) == TR_OK);
    CHECK(path.n_steps == 3 && path.deployed == 3 && path.accepted == 200);

    path.nodes[1].threshold = 0.9; /* not strict to loose */
    tr_err err;
    CHECK(tr_certify_walk(&HANDLED, &cal, &path, &err) == TR_DATA);
    tr_certify_free(&path);
}

/* Exactly as many agreements as needed pass; one less does not. */
static void the_bar_itself(void)
{
    tr_certify_node node = {.threshold = -INFINITY, .on_path = true};
    tr_certify_path path = {.nodes = &node, .n_nodes = 1};
    int m = (int)tr_stat_sweet(300, 0.90, 0.10), needed = (int)tr_stat_kmin(m, 0.90, 0.10);

    for (int missing = 0; missing < 2; missing++) {
        tr_certify_rows cal = ladder(m, m - needed + missing);
        CHECK(tr_certify_walk(&HANDLED, &cal, &path, NULL) == TR_OK);
        CHECK(path.steps[0].needed == needed && path.steps[0].agreed == needed - missing);
        CHECK(path.steps[0].passed == !missing && path.deployed == (missing ? -1 : 0));
    }
    path.nodes = NULL; /* not the path's to free */
    tr_certify_free(&path);
}

/* Every step of a walk over 1,280 random rows, counted once more by the plainest of loops. */
static void steps_counted_plainly(void)
{
    enum { N = 1280 };
    tr_certify_rows rows = ladder(N, 0);
    tr_rng r;

    tr_rng_init(&r, 11);
    rows.inside = inside;
    for (int i = 0; i < N; i++) {
        score[i] = (double)tr_rng_below(&r, 500) / 500;
        inside[i] = tr_rng_unit(&r) < 0.95;
        agree[i] = tr_rng_unit(&r) < 0.89 + 0.1 * score[i];
    }
    for (int kind = 0; kind < 2; kind++) {
        tr_certify_target target = {0.90, 0.10, kind ? TR_GUARANTEE_OVERALL : TR_GUARANTEE_HANDLED,
                                    100, false};
        tr_certify_path path = {0};
        CHECK(tr_certify_select(&target, &rows, N * 95 / 100, N, &path, NULL) == TR_OK);
        CHECK(tr_certify_walk(&target, &rows, &path, NULL) == TR_OK);
        CHECK(path.n_steps > 5);
        for (int s = 0; s < path.n_steps; s++) {
            double t = path.nodes[path.steps[s].node].threshold;
            int64_t accepted = 0, seen = 0, good = 0;
            for (int i = 0; i < N; i++)
                accepted += inside[i] && score[i] >= t;
            int64_t m = tr_stat_sweet(kind ? N : accepted, 0.90, 0.10);
            for (int i = 0; i < N && seen < m; i++) {
                bool in = inside[i] && score[i] >= t;
                seen += kind || in;
                good += in ? agree[i] : kind;
            }
            CHECK(path.steps[s].accepted == accepted && path.steps[s].tested == m);
            CHECK(path.steps[s].agreed == good);
            CHECK(path.steps[s].needed == tr_stat_kmin(m, 0.90, 0.10));
            CHECK(path.steps[s].passed == (good >= path.steps[s].needed));
        }
        tr_certify_free(&path);
    }
}

static void the_guard_is_no_part_of_the_count(void)
{
    tr_certify_rows rows = ladder(200, 0);
    tr_certify_path path = {0};
    tr_certify_target overall = HANDLED;

    rows.inside = inside;
    for (int i = 0; i < 40; i++)
        inside[i] = agree[i] = 0; /* outside, with the best scores, and wrong */
    CHECK(tr_certify_select(&HANDLED, &rows, 160, 200, &path, NULL) == TR_OK);
    CHECK(path.nodes[0].threshold == score[40 + 15]);
    CHECK_NEAR(path.nodes[0].coverage, 16 / 200.0, 1e-12);
    CHECK_NEAR(path.nodes[path.n_nodes - 1].coverage, 0.8, 1e-12);
    CHECK(tr_certify_walk(&HANDLED, &rows, &path, NULL) == TR_OK);
    CHECK(path.deployed == path.n_nodes - 1 && path.accepted == 160 && path.rows == 200);

    overall.guarantee = TR_GUARANTEE_OVERALL;
    CHECK(tr_certify_select(&overall, &rows, 160, 200, &path, NULL) == TR_OK);
    CHECK(tr_certify_walk(&overall, &rows, &path, NULL) == TR_OK);
    CHECK(path.deployed == path.n_nodes - 1 && path.accepted == 160);
    CHECK(path.steps[path.n_steps - 1].tested == tr_stat_sweet(200, 0.90, 0.10));
    CHECK(path.steps[path.n_steps - 1].agreed == path.steps[path.n_steps - 1].tested);
    tr_certify_free(&path);
}

/* A row of weight two is a row that is there twice. */
static void weights_count_as_rows(void)
{
    static double once[MOST], weight[MOST], twice[MOST];
    static uint8_t once_agree[MOST], twice_agree[MOST];
    tr_certify_path a = {0}, b = {0};
    tr_rng r;
    size_t n = 0;

    tr_rng_init(&r, 7);
    for (size_t i = 0; i < 500; i++) {
        once[i] = (double)tr_rng_below(&r, 300) / 300;
        once_agree[i] = tr_rng_unit(&r) < 0.85 + 0.15 * once[i];
        weight[i] = 1 + (double)tr_rng_below(&r, 3);
        for (int j = 0; j < weight[i]; j++, n++) {
            twice[n] = once[i];
            twice_agree[n] = once_agree[i];
        }
    }
    tr_certify_rows rows = {.n = 500, .score = once, .agree = once_agree, .weight = weight};
    tr_certify_rows copies = {.n = n, .score = twice, .agree = twice_agree};
    tr_certify_target target = {0.90, 0.05, TR_GUARANTEE_HANDLED, 100, false};
    CHECK(tr_certify_select(&target, &rows, 300, 300, &a, NULL) == TR_OK);
    CHECK(tr_certify_select(&target, &copies, 300, 300, &b, NULL) == TR_OK);
    CHECK(a.n_nodes == b.n_nodes && a.rank == b.rank);
    for (int j = 0; j < a.n_nodes && j < b.n_nodes; j++) {
        CHECK(a.nodes[j].threshold == b.nodes[j].threshold);
        CHECK(a.nodes[j].power == b.nodes[j].power);
        CHECK(a.nodes[j].on_path == b.nodes[j].on_path);
    }
    tr_certify_free(&a);
    tr_certify_free(&b);
}

static void one_node_of_global(void)
{
    tr_certify_target global = HANDLED;
    tr_certify_rows rows = ladder(100, 3);
    tr_certify_path path = {0};

    global.only_all = true;
    CHECK(tr_certify_select(&global, &rows, 100, 100, &path, NULL) == TR_OK);
    CHECK(path.n_nodes == 1 && path.nodes[0].threshold == -INFINITY && path.nodes[0].on_path);
    CHECK(tr_certify_walk(&global, &rows, &path, NULL) == TR_OK);
    CHECK(path.deployed == 0 && path.n_steps == 1);
    tr_certify_free(&path);
}

static void nothing_to_certify(void)
{
    tr_certify_rows rows = ladder(100, 100), none = {.score = score, .agree = agree};
    tr_certify_path path = {0};

    CHECK(tr_certify_select(&HANDLED, &rows, 100, 100, &path, NULL) == TR_OK);
    CHECK(tr_certify_walk(&HANDLED, &rows, &path, NULL) == TR_OK);
    CHECK(path.deployed == -1 && path.accepted == 0 && path.n_steps == 1);

    CHECK(tr_certify_walk(&HANDLED, &none, &path, NULL) == TR_OK);
    CHECK(path.deployed == -1 && path.rows == 0 && path.steps[0].tested == 0);
    CHECK(tr_certify_select(&HANDLED, &none, 0, 0, &path, NULL) == TR_OK);
    CHECK(path.n_nodes == 1 && path.rank == 0);
    tr_certify_free(&path);
}

static void what_is_refused(void)
{
    tr_certify_rows rows = ladder(100, 0);
    tr_certify_path path = {0};
    tr_certify_target bad = HANDLED;
    static double weight[MOST];
    tr_err err;

    bad.alpha = 1;
    CHECK(tr_certify_select(&bad, &rows, 100, 100, &path, &err) == TR_USAGE);
    bad = HANDLED;
    bad.delta = 0;
    CHECK(tr_certify_select(&bad, &rows, 100, 100, &path, &err) == TR_USAGE);
    bad = HANDLED;
    bad.grid = 0;
    CHECK(tr_certify_select(&bad, &rows, 100, 100, &path, &err) == TR_USAGE);
    CHECK(tr_certify_select(&HANDLED, &rows, 101, 100, &path, &err) == TR_USAGE);
    CHECK(tr_certify_walk(&HANDLED, &rows, &path, &err) == TR_DATA); /* no nodes yet */

    for (int i = 0; i < 100; i++)
        weight[i] = 1;
    rows.weight = weight;
    weight[3] = 0;
    CHECK(tr_certify_select(&HANDLED, &rows, 100, 100, &path, &err) == TR_DATA);
    weight[3] = INFINITY;
    CHECK(tr_certify_select(&HANDLED, &rows, 100, 100, &path, &err) == TR_DATA);
    weight[3] = 1;
    CHECK(tr_certify_select(&HANDLED, &rows, 100, 100, &path, &err) == TR_OK);
    score[99] = NAN;
    CHECK(tr_certify_select(&HANDLED, &rows, 100, 100, &path, &err) == TR_DATA);
    CHECK(tr_certify_walk(&HANDLED, &rows, &path, &err) == TR_DATA);
    CHECK(strstr(err.message, "row 100") != NULL);
    tr_certify_free(&path);
}

static void shares(void)
{
    double sum = 0;

    CHECK(tr_certify_share(0.05, 0, 1) == 0.05);
    CHECK_NEAR(tr_certify_share(0.05, 0, 2), 0.04, 1e-15);
    CHECK_NEAR(tr_certify_share(0.05, 1, 2), 0.01, 1e-15);
    for (size_t r = 0; r < 7; r++)
        sum += tr_certify_share(0.1, r, 7);
    CHECK_NEAR(sum, 0.1, 1e-15);
}

/* Three candidates on the same rows: one agrees least, one always, one in between. */
static void several_share_one_delta(void)
{
    enum { N = 400 };
    static double s[N];
    static uint8_t yes[3][N];
    tr_certify_rows rows[3];
    tr_certify_path paths[3] = {{0}, {0}, {0}};
    const int64_t n_inside[3] = {N, N, N};
    size_t order[3];
    int best = 0;

    for (int i = 0; i < N; i++) {
        s[i] = (double)i / N;
        yes[0][i] = i % 2 == 0;
        yes[1][i] = 1;
        yes[2][i] = i % 10 != 0 || i > N / 2;
    }
    for (int c = 0; c < 3; c++)
        rows[c] = (tr_certify_rows){.n = N, .score = s, .agree = yes[c]};
    CHECK(tr_certify_plan(&HANDLED, 3, rows, n_inside, N, paths, order, NULL) == TR_OK);
    CHECK(order[0] == 1 && order[1] == 2 && order[2] == 0);
    CHECK_NEAR(paths[1].tests.delta, 0.08, 1e-15);
    CHECK_NEAR(paths[2].tests.delta, 0.01, 1e-15);
    CHECK_NEAR(paths[0].tests.delta, 0.01, 1e-15);

    CHECK(tr_certify_decide(&HANDLED, 3, rows, order, paths, &best, NULL) == TR_OK);
    CHECK(best == 1 && paths[1].accepted == N && paths[0].deployed == -1);
    CHECK(paths[2].deployed >= 0 && paths[2].tests.delta < 0.011);
    CHECK(paths[2].steps[0].needed ==
          tr_stat_kmin(paths[2].steps[0].tested, 0.90, tr_certify_share(0.10, 1, 3)));

    for (int i = 0; i < N; i++)
        inside[i] = i % 4 != 0; /* the best ranked must now leave some out; the second need not */
    rows[1].inside = inside;
    memset(yes[2], 1, sizeof yes[2]);
    CHECK(tr_certify_decide(&HANDLED, 3, rows, order, paths, &best, NULL) == TR_OK);
    CHECK(paths[1].accepted == N * 3 / 4 && paths[2].accepted == N && best == 2);

    memset(yes[1], 0, sizeof yes[1]); /* CALIBRATION says otherwise */
    memset(yes[2], 0, sizeof yes[2]);
    CHECK(tr_certify_decide(&HANDLED, 3, rows, order, paths, &best, NULL) == TR_OK);
    CHECK(best == -1);
    for (int c = 0; c < 3; c++)
        tr_certify_free(&paths[c]);

    CHECK(tr_certify_plan(&HANDLED, 1, rows, n_inside, N, paths, order, NULL) == TR_OK);
    CHECK(order[0] == 0 && paths[0].tests.delta == 0.10);
    tr_certify_free(&paths[0]);
}

int main(void)
{
    const char *shared = getenv("TR_SHARED");
    char name[4096];

    CASE(thresholds_by_rank);
    CASE(ties_enter_together);
    CASE(power_by_hand);
    CASE(never_beyond_a_failure);
    CASE(the_bar_itself);
    CASE(steps_counted_plainly);
    CASE(the_guard_is_no_part_of_the_count);
    CASE(weights_count_as_rows);
    CASE(one_node_of_global);
    CASE(nothing_to_certify);
    CASE(what_is_refused);
    CASE(shares);
    CASE(several_share_one_delta);

    snprintf(name, sizeof name, "%s/guarantee/vectors.jsonl", shared ? shared : "../shared");
    FILE *f = fopen(name, "r");
    check_count++;
    check_case_failed = 0;
    if (f == NULL) {
        printf("ok %d - vectors # SKIP no %s\n", check_count, name);
    } else {
        vectors(f);
        fclose(f);
        check_failed += check_case_failed;
        printf("%s %d - vectors\n", check_case_failed ? "not ok" : "ok", check_count);
    }
    return CHECK_END;
}
