#include "zoo/boost.h"

#include "blobs.h"
#include "zoo/xgboost.h"

#include <math.h>
#ifdef TR_HAVE_XGBOOST
#include <xgboost/c_api.h>
#endif

enum { OURS, XGBOOST };

static tr_fitted fit(const blobs *b, int who, int threads)
{
    tr_job j;
    tr_fitted out;
    tr_err err = {0};
    tr_code code = who == OURS ? tr_boost_open(&j, &b->t, &out, &err)
                               : tr_xgboost_open(&j, &b->t, &out, &err);
    if (code != TR_OK)
        printf("# %s\n", err.message);
    return blobs_run(code, &j, &out, threads);
}

static int whose(void)
{
    return tr_xgboost_built() ? XGBOOST : OURS;
}

static void threads_change_nothing(void)
{
    for (int who = OURS; who <= whose(); who++) {
        blobs *b = blobs_make(200, 3, 3, 1);
        tr_fitted one = fit(b, who, 1), three = fit(b, who, 3);
        CHECK(one.model.trees.kind == TR_TREES_SUMS && one.model.trees.nodes > 100);
        CHECK(blobs_same_model(&one, &three));
        CHECK(blobs_same_values(b, -1, one.decision, three.decision));
        tr_fitted_free(&one);
        tr_fitted_free(&three);
        blobs_free(b);
    }
}

static void columns_may_be_transformed_as_long_as_they_grow(void)
{
    blobs *b = blobs_make(200, 9, 0, 1), *other = blobs_make(200, 9, 0, 1);
    blobs_transform(other);
    tr_fitted f = fit(b, OURS, 1), g = fit(other, OURS, 1);
    CHECK(!blobs_same_model(&f, &g));
    for (size_t i = 0; i < b->x.rows; i++) {
        float z[16], y[16];
        tr_trees_decide(&f.model.trees, b->dense + i * BLOBS_DIMS, NULL, z);
        tr_trees_decide(&g.model.trees, other->dense + i * BLOBS_DIMS, NULL, y);
        CHECK(!memcmp(z, y, sizeof z));
    }
    tr_fitted_free(&f);
    tr_fitted_free(&g);
    blobs_free(b);
    blobs_free(other);
}

static void no_fit_scores_a_fold_that_it_saw(void)
{
    for (int who = OURS; who <= whose(); who++) {
        blobs *b = blobs_make(200, 3, 3, 1);
        for (size_t i = 0; i < 20; i++)
            b->fold[i] = TR_FOLD_NONE;
        tr_fitted f = fit(b, who, 2);
        for (size_t i = 0; i < b->x.rows; i++)
            if (b->fold[i] == 1)
                b->label[i] = (uint32_t)(i * 7 % 3);
        tr_fitted g = fit(b, who, 2);
        CHECK(blobs_same_values(b, 1, f.decision, g.decision));
        CHECK(!blobs_same_values(b, 0, f.decision, g.decision));
        CHECK(!blobs_same_model(&f, &g));
        tr_fitted_free(&f);
        tr_fitted_free(&g);
        blobs_free(b);
    }
}

/* Two labels, a few, and more than there are directions to look in. */
static void any_number_of_labels_is_learned(void)
{
    static const uint32_t labels[] = {2, 4, 8};
    static const double least[] = {0.87, 0.85, 0.75};
    for (int who = OURS; who <= whose(); who++)
        for (size_t k = 0; k < sizeof labels / sizeof *labels; k++) {
            blobs *b = blobs_make(900, labels[k], 2, 2.5);
            for (size_t i = 0; i < 30; i++)
                b->label[i] = UINT32_MAX;
            tr_fitted f = fit(b, who, 2);
            double held_out = blobs_accuracy(b, &f, true), seen = blobs_accuracy(b, &f, false);
            if (held_out < least[k] || seen < 0.95)
                printf("# %u labels: %g held out, %g seen\n", labels[k], held_out, seen);
            CHECK(held_out >= least[k] && seen >= 0.95 && seen <= 0.97); /* 30 of 900 have none */
            tr_fitted_free(&f);
            blobs_free(b);
        }
}

static void noise_is_not_learned(void)
{
    for (int who = OURS; who <= whose(); who++) {
        blobs *b = blobs_make(900, 4, 3, 0);
        tr_fitted f = fit(b, who, 2);
        CHECK_NEAR(blobs_accuracy(b, &f, true), 0.25, 0.06);
        CHECK(blobs_accuracy(b, &f, false) > 0.7);
        tr_fitted_free(&f);
        blobs_free(b);
    }
}

static void a_fold_that_leaves_no_rows_is_borne(void)
{
    for (int who = OURS; who <= whose(); who++) {
        blobs *b = blobs_make(60, 3, 1, 1);
        tr_fitted f = fit(b, who, 1);
        for (size_t i = 0; i < 60 * 3; i++)
            CHECK_NEAR((double)f.decision[i], (double)f.decision[0], 1e-6);
        CHECK(blobs_accuracy(b, &f, false) > 0.8);
        tr_fitted_free(&f);
        blobs_free(b);
    }
}

static void without_a_dense_view_there_are_no_trees(void)
{
    for (int who = OURS; who <= XGBOOST; who++) { /* not built: the same answer */
        blobs *b = blobs_make(20, 2, 2, 1);
        tr_job j;
        tr_fitted out;
        tr_err err = {0};
        b->t.dense = NULL;
        tr_code code = who == OURS ? tr_boost_open(&j, &b->t, &out, &err)
                                   : tr_xgboost_open(&j, &b->t, &out, &err);
        CHECK(code == TR_USAGE && err.message[0]);
        tr_job_close(&j);
        tr_fitted_free(&out);
        blobs_free(b);
    }
}

#ifdef TR_HAVE_XGBOOST
/* Rows on a coarse grid, so that many of them lie on thresholds. */
static void our_walk_gives_what_xgboost_gives(void)
{
    enum { ROWS = 500, LABELS = 5, ROUNDS = 12 };
    blobs *b = blobs_make(ROWS, LABELS, 0, 1);
    static float label[ROWS];
    DMatrixHandle matrix;
    BoosterHandle booster;
    tr_trees m;
    tr_err err = {0};
    for (size_t i = 0; i < ROWS * BLOBS_DIMS; i++)
        b->dense[i] = rintf(b->dense[i] * 4) / 4;
    for (size_t i = 0; i < ROWS; i++)
        label[i] = (float)b->label[i];
    CHECK(!XGDMatrixCreateFromMat(b->dense, ROWS, BLOBS_DIMS, NAN, &matrix));
    CHECK(!XGDMatrixSetFloatInfo(matrix, "label", label, ROWS));
    CHECK(!XGBoosterCreate(&matrix, 1, &booster));
    CHECK(!XGBoosterSetParam(booster, "objective", "multi:softprob"));
    CHECK(!XGBoosterSetParam(booster, "num_class", "5"));
    CHECK(!XGBoosterSetParam(booster, "base_score", "0"));
    CHECK(!XGBoosterSetParam(booster, "nthread", "1"));
    CHECK(!XGBoosterSetParam(booster, "tree_method", "exact")); /* thresholds of all kinds */
    for (int k = 0; k < ROUNDS; k++)
        CHECK(!XGBoosterUpdateOneIter(booster, k, matrix));
    bst_ulong n;
    const float *want;
    CHECK(!XGBoosterPredict(booster, matrix, 1, 0, 0, &n, &want) && n == ROWS * LABELS);
    CHECK(tr_xgboost_convert(booster, LABELS, BLOBS_DIMS, &m, &err) == TR_OK);
    CHECK(m.trees == ROUNDS * LABELS);
    double worst = 0, size = 0;
    for (size_t i = 0; i < ROWS; i++) {
        float z[8];
        tr_trees_decide(&m, b->dense + i * BLOBS_DIMS, NULL, z);
        for (size_t l = 0; l < LABELS; l++) {
            worst = fmax(worst, fabs((double)z[l] - (double)want[i * LABELS + l]));
            size = fmax(size, fabs((double)z[l]));
        }
    }
    if (worst > 1e-5)
        printf("# %g apart\n", worst);
    CHECK(worst <= 1e-5 && size > 1);
    tr_trees_free(&m);
    XGBoosterFree(booster);
    XGDMatrixFree(matrix);
    blobs_free(b);
}
#endif

int main(void)
{
    CASE(threads_change_nothing);
    CASE(columns_may_be_transformed_as_long_as_they_grow);
    CASE(no_fit_scores_a_fold_that_it_saw);
    CASE(any_number_of_labels_is_learned);
    CASE(noise_is_not_learned);
    CASE(a_fold_that_leaves_no_rows_is_borne);
    CASE(without_a_dense_view_there_are_no_trees);
#ifdef TR_HAVE_XGBOOST
    CASE(our_walk_gives_what_xgboost_gives);
#else
    printf("# built without the XGBoost library: its own case is left out\n");
#endif
    return CHECK_END;
}
