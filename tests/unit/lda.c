#include "zoo/lda.h"

#include "clouds.h"

static tr_fitted fitted(clouds *b, int threads)
{
    tr_job j;
    tr_fitted out;
    tr_err err = {0};
    if (tr_lda_open(&j, &b->t, &out, &err) != TR_OK || clouds_run(&j, threads, &err) != TR_OK)
        exit(4);
    return out;
}

static void learns_what_is_to_be_learned(void)
{
    clouds b;
    clouds_make(&b, 600, 20, 6, 0.7, 1);
    tr_fitted f = fitted(&b, 1);
    CHECK(clouds_accuracy(&b, f.decision) > 0.97);
    CHECK(f.model.kind == TR_SURROGATE_NETWORK && f.model.network.layers == 1);
    tr_fitted_free(&f);
    clouds_free(&b);
}

/* Two labels in one dimension, by hand: means 3 and -1, variance within 1. */
static void known_line(void)
{
    clouds b;
    clouds_make(&b, 8, 1, 2, 1, 2);
    static const float x[] = {4, 2, 4, 2, 0, -2, 0, -2};
    for (size_t i = 0; i < 8; i++) {
        b.x[i] = x[i];
        b.label[i] = i >= 4;
    }
    tr_fitted f = fitted(&b, 1);
    double share = 1.0 / (1 + 6), variance = 1 - share + share + 1e-6;
    for (float at = -2; at < 3; at++) {
        float z[8];
        clouds_decide(&b, &f, &at, z);
        CHECK_NEAR((double)z[0], (3 * (double)at - 4.5) / variance + log(0.5), 1e-4);
        CHECK_NEAR((double)z[1], (-1 * (double)at - 0.5) / variance + log(0.5), 1e-4);
    }
    tr_fitted_free(&f);
    clouds_free(&b);
}

/* What a fold is scored by is the fit of the other rows, as if there were no others. */
static void folds_are_fits_of_the_rest(void)
{
    enum { N = 120, DIMS = 9, LABELS = 4 };
    clouds b;
    clouds_make(&b, N, DIMS, LABELS, 1, 3);
    tr_fitted f = fitted(&b, 1);
    for (unsigned fold = 0; fold < 5; fold++) {
        uint32_t label[N];
        memcpy(label, b.label, sizeof label);
        for (size_t i = 0; i < N; i++)
            if (b.fold[i] == fold)
                b.label[i] = UINT32_MAX;
        tr_fitted g = fitted(&b, 1);
        for (size_t i = 0; i < N; i++)
            if (b.fold[i] == fold) {
                float z[8];
                clouds_decide(&b, &g, b.x + i * DIMS, z);
                for (size_t l = 0; l < LABELS; l++)
                    CHECK_NEAR((double)z[l], (double)f.decision[i * LABELS + l], 1e-4);
            }
        tr_fitted_free(&g);
        memcpy(b.label, label, sizeof label);
    }
    tr_fitted_free(&f);
    clouds_free(&b);
}

/* Turning and mirroring all rows changes no value. */
static void turning_does_not_matter(void)
{
    enum { N = 200, DIMS = 7, LABELS = 3 };
    clouds b;
    clouds_make(&b, N, DIMS, LABELS, 1, 4);
    tr_fitted f = fitted(&b, 1);
    double v[DIMS], square = 0;
    for (size_t d = 0; d < DIMS; d++) {
        v[d] = 1 + (double)d;
        square += v[d] * v[d];
    }
    for (size_t i = 0; i < N; i++) { /* x - 2 v (v·x) / (v·v) */
        double dot = 0;
        for (size_t d = 0; d < DIMS; d++)
            dot += v[d] * (double)b.x[i * DIMS + d];
        for (size_t d = 0; d < DIMS; d++)
            b.x[i * DIMS + d] -= (float)(2 * v[d] * dot / square);
    }
    tr_fitted g = fitted(&b, 1);
    for (size_t i = 0; i < N * LABELS; i++)
        CHECK_NEAR((double)f.decision[i], (double)g.decision[i], 1e-3);
    tr_fitted_free(&f);
    tr_fitted_free(&g);
    clouds_free(&b);
}

static void few_rows_and_missing_labels(void)
{
    clouds b;
    clouds_make(&b, 10, 40, 5, 0.2, 5); /* two rows a label, more dimensions than rows */
    tr_fitted f = fitted(&b, 1);
    CHECK(clouds_accuracy(&b, f.decision) > 0.7);
    for (size_t i = 0; i < 10; i++)
        b.label[i] = b.label[i] == 3 ? UINT32_MAX : b.label[i];
    tr_fitted g = fitted(&b, 1);
    for (size_t i = 0; i < 10 * 5; i++)
        CHECK(isfinite(g.decision[i]));
    for (size_t i = 0; i < 10; i++) { /* a label that was never seen is never the best */
        float z[8];
        clouds_decide(&b, &g, b.x + i * 40, z);
        CHECK(clouds_best(z, 5) != 3);
    }
    for (size_t i = 0; i < 10 * 40; i++)
        b.x[i] = 1; /* nothing differs */
    tr_fitted h = fitted(&b, 1);
    for (size_t i = 0; i < 10 * 5; i++)
        CHECK(isfinite(h.decision[i]));
    tr_fitted_free(&f);
    tr_fitted_free(&g);
    tr_fitted_free(&h);
    clouds_free(&b);
}

static void the_same_every_time(void)
{
    clouds b;
    clouds_make(&b, 300, 16, 3, 1, 6);
    for (size_t i = 0; i < 300; i += 4)
        b.fold[i] = TR_FOLD_NONE;
    tr_fitted one = fitted(&b, 1), two = fitted(&b, 3);
    CHECK(clouds_same(&b, &one, &two));
    CHECK(one.decision[0] == 0 && one.decision[3] != 0);
    tr_fitted_free(&one);
    tr_fitted_free(&two);
    clouds_free(&b);
}

int main(void)
{
    CASE(learns_what_is_to_be_learned);
    CASE(known_line);
    CASE(folds_are_fits_of_the_rest);
    CASE(turning_does_not_matter);
    CASE(few_rows_and_missing_labels);
    CASE(the_same_every_time);
    return CHECK_END;
}
