#include "models/zoo.h"

#include "check.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>

static void names_are_chosen(void)
{
    static const struct {
        const char *text, *members; /* as digits: index in the list */
    } right[] = {
        {"lean", "1345"},           {"all", "012345"},         {"svm", "3"},
        {"svm,logreg_c1", "03"},    {"lean,-blend", "134"},    {"-blend", "134"},
        {"-svm,-blend", "14"},      {"all,-sgd_log", "01345"}, {"sgd_log,lean", "12345"},
        {"-blend,sgd_log", "1234"}, {"svm,-svm,sgd_log", "2"}, {"nb,svm,blend", "345"},
    };
    char reason[256];
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        bool chosen[TR_ZOO_SIZE];
        const char *wrong = tr_zoo_choose(right[i].text, chosen, reason);
        if (wrong)
            printf("# %s: %s\n", right[i].text, wrong);
        CHECK(!wrong);
        for (int m = 0; m < TR_ZOO_SIZE; m++) {
            if (chosen[m] != (strchr(right[i].members, '0' + m) != NULL))
                printf("# %s: member %d\n", right[i].text, m);
            CHECK(chosen[m] == (strchr(right[i].members, '0' + m) != NULL));
        }
    }
}

static void other_names_are_refused(void)
{
    static const char *const wrong[] = {"",
                                        "nosuch",
                                        "svm,",
                                        "-",
                                        "SVM",
                                        "mlp_1h",
                                        "-svm,-logreg_c10,-nb",
                                        "blend",
                                        "svm,blend",
                                        "-svm,-nb",
                                        "svm,-svm",
                                        "svm, logreg_c1",
                                        "-lean",
                                        "-all"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bool chosen[TR_ZOO_SIZE];
        char reason[256] = "";
        const char *why = tr_zoo_choose(wrong[i], chosen, reason);
        if (!why)
            printf("# \"%s\" was taken\n", wrong[i]);
        CHECK(why == reason && *reason && strlen(reason) < 256);
    }
    char reason[256], longer[2000];
    bool chosen[TR_ZOO_SIZE];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    CHECK(tr_zoo_choose(longer, chosen, reason) == reason && strlen(reason) < 256);
    CHECK(tr_zoo_choose("nosuch", chosen, reason) && strstr(reason, "\"nosuch\""));
    for (int m = 0; m < TR_ZOO_SIZE; m++)
        CHECK(strstr(reason, tr_zoo_list[m].name) != NULL);
}

/* ---- fitting ---- */

enum { ROWS = 300, COLUMNS = 30, LABELS = 3, FOLDS = 3 };

typedef struct {
    tr_sparse x;
    float square[ROWS];
    uint32_t label[ROWS], seen[ROWS];
    uint8_t fold[ROWS];
    tr_training t;
} problem;

static void make(problem *p)
{
    tr_rng r;
    tr_rng_init(&r, 3);
    *p = (problem){0};
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t label = (uint32_t)tr_rng_below(&r, LABELS);
        uint32_t index[3];
        float value[3] = {0.6f, 0.6f, 0.6f};
        for (uint32_t k = 0; k < 3; k++)
            index[k] = k * 10 + (uint32_t)(tr_rng_unit(&r) < 0.5 ? label : tr_rng_below(&r, 10));
        CHECK(tr_sparse_add(&p->x, (tr_sparse_row){index, value, 3}));
        p->square[i] = 3 * 0.36f;
        p->label[i] = p->seen[i] = label;
        p->fold[i] = (uint8_t)(i % FOLDS);
    }
    p->t = (tr_training){.x = &p->x,
                         .square = p->square,
                         .label = p->label,
                         .fold = p->fold,
                         .folds = FOLDS,
                         .scored = &p->x,
                         .scored_fold = p->fold,
                         .labels = LABELS,
                         .columns = COLUMNS};
}

static double log_loss(const problem *p, const float *decision)
{
    double total = 0;
    for (size_t i = 0; i < ROWS; i++) {
        double sum = 0;
        for (uint32_t l = 0; l < LABELS; l++)
            sum += exp((double)decision[i * LABELS + l]);
        total += log(sum) - (double)decision[i * LABELS + p->label[i]];
    }
    return total / ROWS;
}

static size_t most_told, all_tasks;
static void told(void *context, size_t finished, size_t tasks)
{
    CHECK(context == &most_told && finished <= tasks);
    most_told = finished > most_told ? finished : most_told;
    all_tasks = tasks;
}

static void members_are_scaled_and_blended(void)
{
    problem p;
    tr_zoo zoo;
    tr_err err;
    bool all[TR_ZOO_SIZE];
    char reason[256];
    make(&p);
    CHECK(!tr_zoo_choose("all", all, reason));
    CHECK(tr_zoo_fit(&zoo, &p.t, p.seen, all, 2, told, &most_told, &err) == TR_OK);
    CHECK(zoo.n == TR_ZOO_SIZE && most_told == all_tasks && all_tasks >= 2);
    double least = INFINITY;
    for (size_t m = 0; m < zoo.n; m++) {
        const tr_zoo_member *x = &zoo.member[m];
        CHECK(!strcmp(x->name, tr_zoo_list[m].name) && x->scale > 0);
        double loss = log_loss(&p, x->decision);
        CHECK(loss < log(LABELS));
        /* scaled: neither stretching nor shrinking makes it better */
        for (int k = 0; k < 2 && m + 1 < zoo.n; k++) {
            float *other = malloc(ROWS * LABELS * sizeof *other);
            for (size_t i = 0; i < ROWS * LABELS; i++)
                other[i] = x->decision[i] * (k ? 1.05f : 0.95f);
            CHECK(log_loss(&p, other) > loss);
            free(other);
        }
        if (m + 1 < zoo.n)
            least = fmin(least, loss);
        else
            CHECK(loss <= least + 1e-6); /* the blend is no worse than the best */
    }
    const tr_zoo_member *blend = &zoo.member[TR_ZOO_SIZE - 1];
    CHECK(blend->scale == 1 && blend->shipped.weight && blend->shipped.labels == LABELS);
    tr_zoo_free(&zoo);
    CHECK(zoo.n == 0);
    tr_sparse_free(&p.x);
}

/* Rows scored by the full fit: what is certified is what the shipped model says, to the bit. */
static void the_shipped_models_made_their_decisions(void)
{
    problem p;
    tr_zoo zoo;
    tr_err err;
    bool lean[TR_ZOO_SIZE];
    uint8_t none[ROWS];
    char reason[256];
    make(&p);
    memset(none, TR_FOLD_NONE, sizeof none);
    p.t.fold = p.t.scored_fold = none;
    p.t.folds = 0;
    CHECK(!tr_zoo_choose("lean", lean, reason));
    CHECK(tr_zoo_fit(&zoo, &p.t, p.seen, lean, 1, NULL, NULL, &err) == TR_OK);
    CHECK(zoo.n == 4);
    for (size_t m = 0; m < zoo.n; m++)
        for (size_t i = 0; i < ROWS; i++) {
            float z[8];
            tr_compact_decide(&zoo.member[m].shipped, tr_sparse_at(&p.x, i), z);
            CHECK(!memcmp(z, zoo.member[m].decision + i * LABELS, LABELS * sizeof *z));
        }
    tr_zoo_free(&zoo);
    tr_sparse_free(&p.x);
}

int main(void)
{
    CASE(names_are_chosen);
    CASE(other_names_are_refused);
    CASE(members_are_scaled_and_blended);
    CASE(the_shipped_models_made_their_decisions);
    return CHECK_END;
}
