#include "zoo/zoo.h"

#include "check.h"
#include "ground/rng.h"
#include "maths/dot.h"
#include "zoo/xgboost.h"

#include <math.h>
#include <stdlib.h>

static int member(const char *name)
{
    for (int m = 0; m < TR_ZOO_SIZE; m++)
        if (!strcmp(tr_roster[m].name, name))
            return m;
    printf("# no member %s\n", name);
    return exit(4), 0;
}

/* Marks the members of a list of names as chosen, or not. */
static void mark(const char *names, tr_chosen chosen[TR_ZOO_SIZE], tr_chosen as)
{
    char list[200];
    snprintf(list, sizeof list, "%s", names);
    for (char *at = strtok(list, ","); at; at = strtok(NULL, ","))
        chosen[member(at)] = as;
}

static void names_are_chosen(void)
{
    static const struct {
        const char *text, *from, *with, *without;
    } right[] = {
        {"lean", "lean", "", ""},
        {"all", "all", "", ""},
        {"svm", "", "svm", ""},
        {"svm,logreg_c1", "", "svm,logreg_c1", ""},
        {"knn,dt,rf,et,lda", "", "knn,dt,rf,et,lda", ""},
        {"lean,-blend", "lean", "", "blend"},
        {"-blend", "lean", "", "blend"},
        {"-svm,-blend", "lean", "", "svm,blend"},
        {"lean,mlp_2h,-nb", "lean", "mlp_2h", "nb"},
        {"all,-sgd_log,-gbt", "all", "", "sgd_log,gbt"},
        {"sgd_log,lean", "lean", "sgd_log", ""},
        {"-blend,sgd_log", "lean", "sgd_log", "blend"},
        {"svm,-svm,sgd_log", "", "sgd_log", ""},
        {"nb,svm,blend", "", "nb,svm,blend", ""},
    };
    char reason[256];
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        tr_chosen chosen[TR_ZOO_SIZE], expected[TR_ZOO_SIZE] = {TR_CHOSEN_NOT};
        for (int m = 0; m < TR_ZOO_SIZE; m++) {
            const tr_roster_entry *e = &tr_roster[m];
            if (!strcmp(right[i].from, "lean") && e->lean)
                expected[m] = e->dense ? TR_CHOSEN_WITH_EMBEDDINGS : TR_CHOSEN;
            if (!strcmp(right[i].from, "all"))
                expected[m] = strcmp(e->name, "xgb") || tr_xgboost_built() ? TR_CHOSEN
                                                                           : TR_CHOSEN_NOT;
        }
        mark(right[i].with, expected, TR_CHOSEN);
        mark(right[i].without, expected, TR_CHOSEN_NOT);
        const char *wrong = tr_roster_choose(right[i].text, chosen, reason);
        CHECK(!wrong);
        for (int m = 0; m < TR_ZOO_SIZE; m++) {
            if (chosen[m] != expected[m])
                printf("# %s: %s\n", right[i].text, tr_roster[m].name);
            CHECK(chosen[m] == expected[m]);
        }
    }
}

/* Lean's members of the dense view wait for embeddings, unless they are named as well. */
static void lean_does_not_ask_for_a_view(void)
{
    tr_chosen chosen[TR_ZOO_SIZE];
    char reason[256];
    int dense = member("knn");
    CHECK(tr_roster[dense].lean && tr_roster[dense].dense);
    CHECK(!tr_roster_choose("lean", chosen, reason) && !tr_roster_needs_view(chosen));
    CHECK(chosen[dense] == TR_CHOSEN_WITH_EMBEDDINGS);
    CHECK(!tr_roster_choose("lean,knn", chosen, reason) && tr_roster_needs_view(chosen));
    CHECK(chosen[dense] == TR_CHOSEN);
    CHECK(!tr_roster_choose("knn,lean", chosen, reason) && chosen[dense] == TR_CHOSEN);
    CHECK(!tr_roster_choose("lean,all", chosen, reason) && chosen[dense] == TR_CHOSEN);
    CHECK(!tr_roster_choose("all,lean", chosen, reason) && chosen[dense] == TR_CHOSEN);
    CHECK(!tr_roster_choose("svm,nb", chosen, reason) && !tr_roster_needs_view(chosen));
    CHECK(!tr_roster_choose("dt", chosen, reason) && tr_roster_needs_view(chosen));
}

static void other_names_are_refused(void)
{
    static const char *const wrong[] = {"",
                                        "nosuch",
                                        "svm,",
                                        "-",
                                        "SVM",
                                        "mlp_3h",
                                        "-svm,-logreg_c10,-nb,-knn",
                                        "blend",
                                        "svm,blend",
                                        "svm,-svm",
                                        "svm, logreg_c1",
                                        "-lean",
                                        "-all"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tr_chosen chosen[TR_ZOO_SIZE];
        char reason[256] = "";
        const char *why = tr_roster_choose(wrong[i], chosen, reason);
        if (!why)
            printf("# \"%s\" was taken\n", wrong[i]);
        CHECK(why == reason && *reason && strlen(reason) < 256);
    }
    char reason[256], longer[2000];
    tr_chosen chosen[TR_ZOO_SIZE];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    CHECK(tr_roster_choose(longer, chosen, reason) == reason && strlen(reason) < 256);
    CHECK(tr_roster_choose("nosuch", chosen, reason) && strstr(reason, "\"nosuch\""));
    CHECK(strstr(reason, "logreg_c1") && strstr(reason, "svm"));
}

/* ---- fitting ---- */

enum { ROWS = 360, HELD = 300, COLUMNS = 30, MOST_LABELS = 4, DIMS = 5, FOLDS = 3 };

/* What the two parts of a row say of its label. */
typedef enum { NOTHING, SOME } tells;

/* The first HELD rows are fitted on and held out, the rest is another side. */
typedef struct {
    tr_sparse x, scored;
    float square[ROWS], dense[ROWS * DIMS];
    uint32_t label[ROWS], seen[ROWS], from[ROWS];
    uint8_t fold[ROWS], scored_fold[ROWS];
    tr_training t;
} problem;

static void make_from(uint64_t seed, problem *p, uint32_t labels, tells text, tells view,
                      uint32_t beside)
{
    tr_rng r;
    tr_rng_init(&r, seed);
    *p = (problem){0};
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t label = (uint32_t)tr_rng_below(&r, labels), index[3];
        float value[3] = {0.6f, 0.6f, 0.6f}, *dense = p->dense + (size_t)i * DIMS;
        uint8_t fold = (uint8_t)(tr_rng_below(&r, FOLDS));
        for (uint32_t k = 0; k < 3; k++)
            index[k] = k * 10 + (uint32_t)(text == SOME && tr_rng_unit(&r) < 0.5
                                               ? label
                                               : tr_rng_below(&r, 10));
        for (uint32_t k = 0; k < DIMS; k++)
            dense[k] = (float)tr_rng_normal(&r) * 0.5f + (view == SOME && k == label ? 1 : 0);
        p->square[i] = 3 * 0.36f;
        for (uint32_t k = 0; k < beside; k++)
            p->square[i] += dense[k] * dense[k];
        p->label[i] = label;
        p->seen[i] = i < HELD ? label : UINT32_MAX;
        p->from[i] = i < HELD ? i : UINT32_MAX;
        p->fold[i] = fold;
        p->scored_fold[i] = i < HELD ? fold : TR_FOLD_NONE;
        CHECK(tr_sparse_add(&p->scored, (tr_sparse_row){index, value, 3}));
        if (i < HELD)
            CHECK(tr_sparse_add(&p->x, (tr_sparse_row){index, value, 3}));
    }
    p->t = (tr_training){.shape = {labels, COLUMNS, DIMS, beside},
                         .x = &p->x,
                         .dense = p->dense,
                         .square = p->square,
                         .label = p->label,
                         .fold = p->fold,
                         .folds = FOLDS,
                         .seed = 5,
                         .scored = &p->scored,
                         .scored_dense = p->dense,
                         .scored_fold = p->scored_fold,
                         .scored_from = p->from};
}

static void make(problem *p, uint32_t labels, tells text, tells view, uint32_t beside)
{
    make_from(3, p, labels, text, view, beside);
}

/* The same rows without their texts. */
static void without_text(problem *p)
{
    tr_sparse_free(&p->x);
    tr_sparse_free(&p->scored);
    for (size_t i = 0; i < ROWS; i++) {
        CHECK(tr_sparse_add(&p->scored, (tr_sparse_row){NULL, NULL, 0}));
        if (i < HELD)
            CHECK(tr_sparse_add(&p->x, (tr_sparse_row){NULL, NULL, 0}));
        p->square[i] -= 3 * 0.36f;
    }
    p->t.shape.columns = 0;
}

static void problem_free(problem *p)
{
    tr_sparse_free(&p->x);
    tr_sparse_free(&p->scored);
}

static size_t most_told, all_tasks;
static void told(void *context, size_t finished, size_t tasks)
{
    CHECK(context == &most_told && finished <= tasks);
    most_told = finished > most_told ? finished : most_told;
    all_tasks = tasks;
}

static tr_code try_fit(tr_zoo *zoo, const problem *p, const char *names, int threads)
{
    tr_chosen chosen[TR_ZOO_SIZE];
    char reason[256];
    tr_err err = {0};
    CHECK(!tr_roster_choose(names, chosen, reason));
    most_told = all_tasks = 0;
    tr_code code = tr_zoo_fit(zoo, &p->t, p->seen, chosen, threads, told, &most_told, &err);
    CHECK(code == TR_OK ? most_told == all_tasks && all_tasks > 0 : *err.message != 0);
    return code;
}

static void fit(tr_zoo *zoo, const problem *p, const char *names, int threads)
{
    if (try_fit(zoo, p, names, threads) != TR_OK) {
        printf("# %s: not fitted\n", names);
        exit(4);
    }
}

/* What a member says of a row as it is shipped; its values too where z is given. */
static tr_softmax_summary shipped(const tr_zoo *zoo, const tr_zoo_member *m, const problem *p,
                                  size_t i, float *z)
{
    uint32_t labels = p->t.shape.labels;
    float *room = malloc(tr_mixture_room(&m->mixture, zoo->model, labels) * sizeof *room);
    tr_softmax_summary s;
    tr_mixture_decide(&m->mixture, zoo->model, labels, tr_training_scored(&p->t, i), room, &s);
    if (z)
        memcpy(z, room, labels * sizeof *z);
    free(room);
    return s;
}

static const tr_zoo_member *named(const tr_zoo *zoo, const char *name)
{
    for (size_t m = 0; m < zoo->n; m++)
        if (!strcmp(zoo->member[m].name, name))
            return &zoo->member[m];
    return NULL;
}

/* Of two labels, the mean log-loss of the held-out rows with all values `by` times as large. */
static double log_loss(const problem *p, const tr_zoo_member *m, double by)
{
    double total = 0;
    for (size_t i = 0; i < HELD; i++) {
        double gap = by * (double)m->said[i].gap;
        total += log1p(exp(m->said[i].label == p->label[i] ? -gap : gap));
    }
    return total / HELD;
}

static double accuracy(const problem *p, const tr_zoo_member *m)
{
    double right = 0;
    for (size_t i = 0; i < HELD; i++)
        right += m->said[i].label == p->label[i];
    return right / HELD;
}

static const char *const EVERY = "all,-mlp_2h,-xgb";

static void members_are_scaled_and_blended(void)
{
    static problem p;
    tr_zoo zoo;
    make(&p, 2, SOME, SOME, DIMS);
    fit(&zoo, &p, EVERY, 2);
    CHECK(zoo.n == TR_ZOO_SIZE - 2);
    double least = INFINITY;
    for (size_t m = 0; m + 1 < zoo.n; m++) {
        const tr_zoo_member *x = &zoo.member[m];
        double loss = log_loss(&p, x, 1);
        CHECK(x->mixture.n == 1 && x->mixture.model[0] == m && x->mixture.weight[0] > 0);
        CHECK(x->ingredient == !strcmp(x->name, "nb"));
        /* scaled: neither stretching nor shrinking makes it better */
        bool better = log_loss(&p, x, 0.95) < loss || log_loss(&p, x, 1.05) < loss;
        if (better || loss >= log(2))
            printf("# %s: log-loss %g\n", x->name, loss);
        CHECK(loss < log(2) && !better);
        least = fmin(least, loss);
    }
    const tr_zoo_member *blend = &zoo.member[zoo.n - 1];
    CHECK(!strcmp(blend->name, "blend") && !blend->ingredient);
    CHECK(log_loss(&p, blend, 1) <= least + 1e-4); /* no worse than the best */
    tr_zoo_free(&zoo);
    CHECK(zoo.n == 0 && zoo.models == 0);
    problem_free(&p);
}

/* Rows of the other sides: what is certified is what the shipped models say, to the bit. */
static void the_shipped_models_scored_the_other_sides(void)
{
    static problem p;
    tr_zoo zoo;
    make(&p, 3, SOME, SOME, DIMS);
    fit(&zoo, &p, EVERY, 1);
    for (size_t m = 0; m < zoo.n; m++) {
        const tr_zoo_member *x = &zoo.member[m];
        size_t other = 0;
        for (size_t i = 0; i < ROWS; i++) {
            tr_softmax_summary s = shipped(&zoo, x, &p, i, NULL);
            if (i >= HELD)
                CHECK(!memcmp(&s, &x->said[i], sizeof s));
            else
                other += memcmp(&s, &x->said[i], sizeof s) != 0;
        }
        if (other < HELD / 2)
            printf("# %s: %zu held-out rows as they are shipped\n", x->name, HELD - other);
        CHECK(other >= HELD / 2); /* held-out rows were scored by others */
    }
    tr_zoo_free(&zoo);
    problem_free(&p);
}

static void threads_do_not_change_a_bit(void)
{
    static problem p;
    tr_zoo one, two;
    make(&p, 3, SOME, SOME, DIMS);
    fit(&one, &p, EVERY, 1);
    fit(&two, &p, EVERY, 2);
    CHECK(one.n == two.n && one.models == two.models);
    for (size_t m = 0; m < one.n; m++)
        CHECK(!memcmp(one.member[m].said, two.member[m].said, ROWS * sizeof *one.member[m].said));
    for (size_t k = 0; k < one.models; k++) {
        tr_buf a, b;
        tr_buf_init(&a);
        tr_buf_init(&b);
        tr_surrogate_write(&one.model[k], &a);
        tr_surrogate_write(&two.model[k], &b);
        CHECK(a.size == b.size && !memcmp(a.data, b.data, a.size));
        tr_buf_free(&a);
        tr_buf_free(&b);
    }
    tr_zoo_free(&one);
    tr_zoo_free(&two);
    problem_free(&p);
}

/* ---- honesty ---- */

/* Where rows say nothing of their label, nothing is found out of fold. */
static void labels_at_random_are_not_learned(void)
{
    static problem p;
    tr_zoo zoo;
    make(&p, 3, NOTHING, NOTHING, DIMS);
    fit(&zoo, &p, EVERY, 2);
    for (size_t m = 0; m < zoo.n; m++) {
        double right = accuracy(&p, &zoo.member[m]);
        if (fabs(right - 1. / 3) > 0.1)
            printf("# %s: %g\n", zoo.member[m].name, right);
        CHECK_NEAR(right, 1. / 3, 0.1);
    }
    tr_zoo_free(&zoo);
    problem_free(&p);
}

/* The labels of a fold's rows, handed round among them: what is said of these rows stays, since no
 * fit that scores them has seen them. (A convex fit may start anywhere, so its last digits differ;
 * a blend's few weights are chosen on all held-out rows.) */
static void labels_of_a_fold_say_nothing_of_it(void)
{
    static problem p, q;
    tr_zoo one, two;
    make(&p, 3, SOME, SOME, DIMS);
    make(&q, 3, SOME, SOME, DIMS);
    uint32_t first = UINT32_MAX, last = 0;
    for (uint32_t i = 0; i < HELD; i++) {
        if (q.fold[i] != 1)
            continue;
        if (first == UINT32_MAX)
            first = i;
        else
            q.label[last] = q.seen[last] = p.label[i];
        last = i;
    }
    q.label[last] = q.seen[last] = p.label[first];
    fit(&one, &p, EVERY, 2);
    fit(&two, &q, EVERY, 2);
    for (size_t m = 0; m + 1 < one.n; m++) {
        size_t own = 0, other = 0;
        for (size_t i = 0; i < HELD; i++)
            *(p.fold[i] == 1 ? &own : &other) += one.member[m].said[i].label !=
                                                 two.member[m].said[i].label;
        if (own > 3 || other <= own)
            printf("# %s: %zu of its rows, %zu others\n", one.member[m].name, own, other);
        CHECK(own <= 3 && other > own);
    }
    tr_zoo_free(&one);
    tr_zoo_free(&two);
    problem_free(&p);
    problem_free(&q);
}

/* ---- the blend ---- */

/* A network of one layer on the view that linear models see, too, becomes a part of the one linear
 * model: two weights explain what it says of all rows. */
static void a_network_of_one_layer_is_folded_in(void)
{
    static problem p;
    tr_zoo zoo;
    make(&p, 3, SOME, SOME, DIMS);
    fit(&zoo, &p, "svm,lda,blend", 1);
    CHECK(zoo.n == 3 && zoo.models == 3);
    CHECK(zoo.model[1].kind == TR_SURROGATE_NETWORK && zoo.model[1].network.layers == 1);
    const tr_zoo_member *blend = &zoo.member[2];
    CHECK(blend->mixture.n == 1 && blend->mixture.model[0] == 2 && blend->mixture.weight[0] == 1);
    CHECK(zoo.model[2].kind == TR_SURROGATE_LINEAR && zoo.model[2].linear.dims == DIMS);
    double aa = 0, ab = 0, bb = 0, at = 0, bt = 0, rest = 0, all = 0;
    for (int pass = 0; pass < 2; pass++) {
        double det = aa * bb - ab * ab;
        double wa = pass ? (at * bb - bt * ab) / det : 0, wb = pass ? (bt * aa - at * ab) / det : 0;
        for (size_t i = 0; i < ROWS; i++) {
            float a[MOST_LABELS], b[MOST_LABELS], z[MOST_LABELS];
            shipped(&zoo, &zoo.member[0], &p, i, a);
            shipped(&zoo, &zoo.member[1], &p, i, b);
            CHECK(shipped(&zoo, blend, &p, i, z).agreement == 1);
            for (int l = 0; l < 3; l++) {
                double x = (double)a[l], y = (double)b[l], s = (double)z[l];
                double off = s - wa * x - wb * y;
                rest += pass ? off * off : 0;
                all += pass ? s * s : 0;
                aa += pass ? 0 : x * x;
                ab += pass ? 0 : x * y;
                bb += pass ? 0 : y * y;
                at += pass ? 0 : x * s;
                bt += pass ? 0 : y * s;
            }
        }
        CHECK(!pass || (wa > 0.05 && wb > 0.05));
    }
    /* but for the rounding to bytes */
    if (sqrt(rest / all) > 0.02)
        printf("# %g of the blend is unexplained\n", sqrt(rest / all));
    CHECK(sqrt(rest / all) <= 0.02);
    tr_zoo_free(&zoo);
    problem_free(&p);
    /* on a view that linear models do not see it is a part of its own, with all that it weighs */
    make(&p, 3, SOME, SOME, 0);
    fit(&zoo, &p, "svm,lda,blend", 1);
    blend = &zoo.member[2];
    CHECK(blend->mixture.n == 2 && blend->mixture.model[0] == 1 && blend->mixture.model[1] == 2);
    for (size_t i = 0; i < ROWS; i++) {
        float a[MOST_LABELS], b[MOST_LABELS], z[MOST_LABELS];
        shipped(&zoo, &zoo.member[0], &p, i, a);
        shipped(&zoo, &zoo.member[1], &p, i, b);
        tr_softmax_summary s = shipped(&zoo, blend, &p, i, z);
        /* differences of two labels' values: svm's weight is the same everywhere */
        double factor = (double)(blend->mixture.weight[0] / zoo.member[1].mixture.weight[0]);
        double left = (double)(z[0] - z[1]) - factor * (double)(b[0] - b[1]);
        CHECK(left * (double)(a[0] - a[1]) > -1e-3);
        CHECK(s.agreement == 0 || s.agreement == 0.5f || s.agreement == 1);
    }
    tr_zoo_free(&zoo);
    problem_free(&p);
}

/* A part that is not linear must carry some weight. With these rows the tree has .024 at first: it
 * is left out, and the blend is what it would have been without it. */
static void a_part_with_little_weight_is_left_out(void)
{
    static problem p;
    tr_zoo with, without;
    make_from(15, &p, 3, SOME, SOME, 0);
    fit(&with, &p, "svm,logreg_c1,knn,dt,blend", 1);
    fit(&without, &p, "svm,logreg_c1,knn,blend", 1);
    const tr_zoo_member *a = named(&with, "blend"), *b = named(&without, "blend");
    CHECK(a->mixture.n == b->mixture.n && named(&with, "dt"));
    for (uint32_t k = 0; k < a->mixture.n; k++)
        CHECK(strcmp(with.member[a->mixture.model[k]].name, "dt") != 0);
    CHECK(!memcmp(a->said, b->said, ROWS * sizeof *a->said));
    tr_zoo_free(&with);
    tr_zoo_free(&without);
    problem_free(&p);
    make(&p, 3, NOTHING, SOME, 0); /* and where it alone has something to say it stays */
    fit(&with, &p, "svm,knn,blend", 1);
    a = named(&with, "blend");
    CHECK(a->mixture.n >= 1 && a->mixture.model[0] == 1);
    CHECK(accuracy(&p, a) > accuracy(&p, named(&with, "svm")) + 0.2);
    tr_zoo_free(&with);
    problem_free(&p);
}

/* Rows that are all alike, labels at random: no member is better than chance, and the blend is a
 * model all the same. */
static void a_blend_of_nothing_is_a_model(void)
{
    static problem p;
    tr_zoo zoo;
    make(&p, 3, NOTHING, NOTHING, 0);
    without_text(&p);
    tr_sparse_free(&p.x);
    tr_sparse_free(&p.scored);
    for (size_t i = 0; i < ROWS; i++) {
        const tr_sparse_row row = {(const uint32_t[]){0}, (const float[]){1}, 1};
        CHECK(tr_sparse_add(&p.scored, row) && (i >= HELD || tr_sparse_add(&p.x, row)));
        p.square[i] = 1;
    }
    p.t.shape.columns = COLUMNS;
    fit(&zoo, &p, "svm,logreg_c1,nb,blend", 1);
    const tr_zoo_member *blend = named(&zoo, "blend");
    CHECK(blend->mixture.n == 1);
    for (size_t i = 0; i < ROWS; i++)
        CHECK(isfinite(blend->said[i].p[0]) && blend->said[i].agreement == 1);
    tr_zoo_free(&zoo);
    problem_free(&p);
}

/* ---- what the log lacks ---- */

static size_t members(const problem *p, const char *names)
{
    tr_zoo zoo;
    if (try_fit(&zoo, p, names, 1) != TR_OK)
        return 0;
    size_t n = zoo.n;
    tr_zoo_free(&zoo);
    return n;
}

static void what_is_impossible_is_left_out(void)
{
    static problem p;
    tr_zoo zoo;
    make(&p, 3, SOME, SOME, DIMS);
    without_text(&p);
    fit(&zoo, &p, "svm,nb,lda", 1);
    CHECK(zoo.n == 2 && !named(&zoo, "nb") && named(&zoo, "svm") && named(&zoo, "lda"));
    CHECK(accuracy(&p, named(&zoo, "svm")) > 0.6); /* from the embedding alone */
    tr_zoo_free(&zoo);
    tr_chosen nb[TR_ZOO_SIZE];
    char reason[256];
    tr_err err = {0};
    CHECK(!tr_roster_choose("nb", nb, reason));
    CHECK(tr_zoo_fit(&zoo, &p.t, p.seen, nb, 1, NULL, NULL, &err) == TR_USAGE && *err.message);
    CHECK(members(&p, "nb,svm,blend") == 1); /* no blend of one */
    problem_free(&p);
    /* a view of the text: there for who asks for it by name, not for lean */
    make(&p, 3, SOME, SOME, 0);
    fit(&zoo, &p, "lean", 1);
    CHECK(!named(&zoo, "knn") && named(&zoo, "svm") && named(&zoo, "blend"));
    CHECK(named(&zoo, "nb")->ingredient);
    tr_zoo_free(&zoo);
    CHECK(members(&p, "knn") == 1);
    p.t.dense = p.t.scored_dense = NULL; /* no view at all */
    p.t.shape.dims = 0;
    CHECK(members(&p, "svm,knn,lda") == 1 && members(&p, "knn") == 0 && members(&p, "dt,rf") == 0);
    fit(&zoo, &p, "nb,svm", 1);
    CHECK(!named(&zoo, "nb")->ingredient); /* without a blend it is a member like any other */
    tr_zoo_free(&zoo);
    problem_free(&p);
}

/* No row is held out: nothing to scale by, and all the same it is fitted. */
static void no_fold_at_all(void)
{
    static problem p;
    tr_zoo zoo;
    make(&p, 3, SOME, SOME, DIMS);
    memset(p.fold, TR_FOLD_NONE, sizeof p.fold);
    memset(p.scored_fold, TR_FOLD_NONE, sizeof p.scored_fold);
    memset(p.seen, 0xff, sizeof p.seen);
    p.t.folds = 0;
    fit(&zoo, &p, "lean", 1);
    for (size_t m = 0; m < zoo.n; m++)
        for (size_t i = 0; i < ROWS; i++) {
            tr_softmax_summary s = shipped(&zoo, &zoo.member[m], &p, i, NULL);
            CHECK(!memcmp(&s, &zoo.member[m].said[i], sizeof s) && isfinite(s.p[0]));
        }
    tr_zoo_free(&zoo);
    problem_free(&p);
}

int main(void)
{
    CASE(names_are_chosen);
    CASE(lean_does_not_ask_for_a_view);
    CASE(other_names_are_refused);
    CASE(members_are_scaled_and_blended);
    CASE(the_shipped_models_scored_the_other_sides);
    CASE(threads_do_not_change_a_bit);
    CASE(labels_at_random_are_not_learned);
    CASE(labels_of_a_fold_say_nothing_of_it);
    CASE(a_network_of_one_layer_is_folded_in);
    CASE(a_part_with_little_weight_is_left_out);
    CASE(a_blend_of_nothing_is_a_model);
    CASE(what_is_impossible_is_left_out);
    CASE(no_fold_at_all);
    return CHECK_END;
}
