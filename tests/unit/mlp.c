#include "zoo/mlp.h"

#include "clouds.h"

static void random_weights(tr_network *m, const uint32_t *size, uint32_t layers, uint64_t seed)
{
    tr_err err;
    tr_rng r;
    if (tr_network_make(m, size, layers, &err) != TR_OK)
        exit(4);
    tr_rng_init(&r, seed);
    for (uint32_t k = 0; k < layers; k++) {
        float *w = (float *)m->owned + (m->weight[k] - (const float *)m->owned);
        for (uint32_t i = 0; i <= size[k]; i++)
            for (uint32_t l = 0; l < size[k + 1]; l++)
                w[i * tr_dot_width(size[k + 1]) + l] = (float)(0.7 * tr_rng_normal(&r));
    }
}

/* Every weight's slope against the difference of the losses beside it. */
static void check_gradient(const uint32_t *size, uint32_t layers, uint64_t seed)
{
    enum { ROWS = 7 };
    tr_network m, g;
    tr_err err;
    tr_rng r;
    float x[ROWS * 8];
    uint32_t label[ROWS];
    double loss, above, below;
    random_weights(&m, size, layers, seed);
    random_weights(&g, size, layers, seed + 1); /* what it held before must not matter */
    tr_rng_init(&r, seed + 2);
    for (size_t i = 0; i < ROWS * size[0]; i++)
        x[i] = (float)tr_rng_normal(&r);
    for (size_t i = 0; i < ROWS; i++)
        label[i] = (uint32_t)tr_rng_below(&r, size[layers]);
    CHECK(tr_mlp_gradient(&m, x, label, ROWS, &loss, &g, &err) == TR_OK);
    tr_network other;
    random_weights(&other, size, layers, seed);
    size_t off = 0, n = 0;
    for (uint32_t k = 0; k < layers; k++) {
        float *w = (float *)m.owned + (m.weight[k] - (const float *)m.owned);
        for (uint32_t i = 0; i <= size[k]; i++)
            for (uint32_t l = 0; l < size[k + 1]; l++) {
                const float step = 4e-3f;
                float *at = &w[i * tr_dot_width(size[k + 1]) + l], was = *at;
                double slope = (double)g.weight[k][at - w];
                *at = was + step;
                CHECK(tr_mlp_gradient(&m, x, label, ROWS, &above, &other, &err) == TR_OK);
                *at = was - step;
                CHECK(tr_mlp_gradient(&m, x, label, ROWS, &below, &other, &err) == TR_OK);
                *at = was;
                n++;
                off += fabs((above - below) / (2 * (double)step) - slope) > 2e-3;
            }
    }
    CHECK(n > 20 && off <= n / 50); /* a unit's bend may lie within the step */
    tr_network_free(&m);
    tr_network_free(&g);
    tr_network_free(&other);
}

static void gradient_is_the_slope(void)
{
    check_gradient((const uint32_t[]){5, 4}, 1, 1);
    check_gradient((const uint32_t[]){5, 9, 3}, 2, 2);
    check_gradient((const uint32_t[]){6, 8, 7, 10}, 3, 3);
}

static void loss_of_equal_values(void)
{
    tr_network m, g;
    tr_err err;
    double loss;
    const uint32_t size[] = {2, 5}, label[] = {0, 4, 2};
    const float x[6] = {1, 2, 3, 4, 5, 6};
    CHECK(tr_network_make(&m, size, 1, &err) == TR_OK);
    CHECK(tr_network_make(&g, size, 1, &err) == TR_OK);
    CHECK(tr_mlp_gradient(&m, x, label, 3, &loss, &g, &err) == TR_OK);
    CHECK_NEAR(loss, log(5), 1e-6);
    CHECK_NEAR((double)g.weight[0][0], (0.2 * 9 - 1) / 3, 1e-6);
    CHECK_NEAR((double)g.weight[0][16 + 1], 0.2, 1e-6); /* the intercept of a label without rows */
    tr_network_free(&m);
    tr_network_free(&g);
}

static tr_fitted fitted(clouds *b, int hidden, int threads)
{
    tr_job j;
    tr_fitted out;
    tr_err err = {0};
    if (tr_mlp_open(&j, &b->t, hidden, &out, &err) != TR_OK ||
        clouds_run(&j, threads, &err) != TR_OK)
        exit(4);
    return out;
}

static void learns_what_is_to_be_learned(void)
{
    for (int hidden = 1; hidden <= 2; hidden++) {
        clouds b;
        clouds_make(&b, 500, 12, 6, 0.5, 1);
        tr_fitted f = fitted(&b, hidden, 1);
        CHECK(clouds_accuracy(&b, f.decision) > 0.97);
        size_t right = 0;
        for (size_t i = 0; i < 500; i++) {
            float z[8];
            clouds_decide(&b, &f, b.x + i * 12, z);
            right += clouds_best(z, 6) == b.label[i];
        }
        CHECK(right > 490);
        tr_fitted_free(&f);
        clouds_free(&b);
    }
}

static void scale_of_the_rows_does_not_matter(void)
{
    clouds b;
    clouds_make(&b, 300, 8, 4, 0.8, 2);
    tr_fitted f = fitted(&b, 1, 1);
    for (size_t i = 0; i < 300 * 8; i++)
        b.x[i] *= 1024; /* a power of two: nothing is rounded */
    tr_fitted g = fitted(&b, 1, 1);
    for (size_t i = 0; i < 300 * 4; i++)
        CHECK_NEAR((double)f.decision[i], (double)g.decision[i], 1e-3);
    tr_fitted_free(&f);
    tr_fitted_free(&g);
    clouds_free(&b);
}

static void threads_and_seed(void)
{
    clouds b;
    clouds_make(&b, 300, 16, 3, 1, 3);
    tr_fitted one = fitted(&b, 2, 1), two = fitted(&b, 2, 3);
    CHECK(clouds_same(&b, &one, &two));
    b.t.seed = 1;
    tr_fitted other = fitted(&b, 2, 1);
    CHECK(!clouds_same(&b, &one, &other));
    tr_fitted_free(&one);
    tr_fitted_free(&two);
    tr_fitted_free(&other);
    clouds_free(&b);
}

static void held_out_rows_are_not_learned(void)
{ /* rows without any rule: what was learned by heart must not show in the held-out values */
    clouds b;
    clouds_make(&b, 400, 64, 2, 1, 4);
    tr_rng r;
    tr_rng_init(&r, 5);
    for (size_t i = 0; i < 400 * 64; i++)
        b.x[i] = (float)tr_rng_normal(&r);
    tr_fitted f = fitted(&b, 1, 2);
    CHECK(clouds_accuracy(&b, f.decision) < 0.6);
    tr_fitted_free(&f);
    clouds_free(&b);
}

static void rows_of_no_label_are_left_out(void)
{
    clouds b;
    clouds_make(&b, 200, 8, 3, 0.5, 6);
    for (size_t i = 0; i < 200; i += 2)
        b.label[i] = UINT32_MAX;
    tr_fitted f = fitted(&b, 1, 1);
    for (size_t i = 0; i < 200 * 3; i++)
        CHECK(isfinite(f.decision[i]));
    for (size_t i = 0; i < 200; i++)
        b.label[i] = UINT32_MAX;
    tr_fitted none = fitted(&b, 1, 1);
    CHECK(none.decision[0] == 0);
    tr_fitted_free(&f);
    tr_fitted_free(&none);
    clouds_free(&b);
}

int main(void)
{
    CASE(gradient_is_the_slope);
    CASE(loss_of_equal_values);
    CASE(learns_what_is_to_be_learned);
    CASE(scale_of_the_rows_does_not_matter);
    CASE(threads_and_seed);
    CASE(held_out_rows_are_not_learned);
    CASE(rows_of_no_label_are_left_out);
    return CHECK_END;
}
