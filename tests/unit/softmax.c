#include "models/softmax.h"

#include "check.h"
#include "ground/rng.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MOST_LABELS = 200, ROWS = 4000 };

static void matches_a_plain_computation(void)
{
    tr_rng r;
    tr_rng_init(&r, 1);
    for (uint32_t labels = 2; labels <= MOST_LABELS; labels += labels < 20 ? 1 : 13)
        for (int turn = 0; turn < 30; turn++) {
            float *z = malloc(labels * sizeof *z), *scratch = malloc(labels * sizeof *scratch);
            CHECK(z && scratch);
            if (!z || !scratch)
                return;
            double scale = turn % 3 == 0 ? 0.1 : turn % 3 == 1 ? 3 : 20;
            for (uint32_t l = 0; l < labels; l++)
                z[l] = (float)(tr_rng_normal(&r) * scale);
            double sum = 0, entropy = 0, p[3] = {0}, best[3] = {-INFINITY, -INFINITY, -INFINITY};
            uint32_t label = 0;
            for (uint32_t l = 0; l < labels; l++) {
                sum += exp((double)z[l]);
                if (z[l] > z[label])
                    label = l;
            }
            for (uint32_t l = 0; l < labels; l++) {
                double q = exp((double)z[l]) / sum, v = (double)z[l];
                entropy -= q > 0 ? q * log(q) : 0;
                for (int k = 0; k < 3; k++)
                    if (v > best[k]) {
                        double other = best[k];
                        best[k] = v;
                        v = other;
                    }
            }
            for (int k = 0; k < 3; k++)
                p[k] = exp(best[k]) / sum;
            tr_softmax_summary s;
            tr_softmax_summarize(z, labels, scratch, &s);
            CHECK(s.label == label);
            for (int k = 0; k < 3; k++)
                CHECK_NEAR((double)s.p[k], p[k], 2e-6);
            CHECK_NEAR((double)s.entropy, entropy, 1e-5);
            CHECK_NEAR((double)s.evidence, log(sum), 1e-5 * (1 + fabs(log(sum))));
            CHECK(s.evidence == tr_softmax_evidence(z, labels, scratch));
            CHECK(s.top == z[label] && s.agreement == 1);
            CHECK_NEAR((double)s.gap, best[0] - best[1], 1e-5);
            free(z);
            free(scratch);
        }
}

static void ties_go_to_the_lower_label(void)
{
    float scratch[20], z[20];
    tr_softmax_summary s;
    for (uint32_t a = 0; a < 20; a++)
        for (uint32_t b = a + 1; b < 20; b++) {
            for (int l = 0; l < 20; l++)
                z[l] = -1;
            z[a] = z[b] = 2;
            tr_softmax_summarize(z, 20, scratch, &s);
            CHECK(s.label == a && s.gap == 0 && s.p[0] == s.p[1] && s.p[2] < s.p[1]);
        }
    for (int l = 0; l < 20; l++)
        z[l] = 0;
    tr_softmax_summarize(z, 20, scratch, &s);
    CHECK(s.label == 0 && s.gap == 0);
    CHECK_NEAR((double)s.p[2], 0.05, 1e-7);
    CHECK_NEAR((double)s.entropy, log(20), 1e-6);
}

static void two_labels(void)
{
    float scratch[2], z[2] = {-1, 0.5f};
    tr_softmax_summary s;
    tr_softmax_summarize(z, 2, scratch, &s);
    CHECK(s.label == 1 && s.p[2] == 0 && s.gap == 1.5f);
    CHECK_NEAR((double)s.p[0], 1 / (1 + exp(-1.5)), 1e-6);
    CHECK_NEAR((double)s.p[0] + (double)s.p[1], 1, 1e-6);
}

/* Values far apart or huge: probabilities stay numbers. */
static void extreme_values(void)
{
    float scratch[3], z[3] = {1e30f, -1e30f, 0};
    tr_softmax_summary s;
    tr_softmax_summarize(z, 3, scratch, &s);
    CHECK(s.label == 0 && s.p[0] == 1 && s.p[1] < 1e-30f && s.p[2] < 1e-30f);
    CHECK(isfinite(s.evidence) && isfinite(s.top));
    z[0] = z[1] = z[2] = -500;
    tr_softmax_summarize(z, 3, scratch, &s);
    CHECK(s.label == 0);
    CHECK_NEAR((double)s.p[0], 1. / 3, 1e-6);
}

/* ---- scales ---- */

typedef struct {
    float *z, *other; /* rows × labels */
    uint32_t *label;
} sample;

static void sample_free(sample *s)
{
    free(s->z);
    free(s->other);
    free(s->label);
}

/* Labels drawn from softmax(scale · z); `other` is noise that says nothing. */
static sample draw(uint32_t labels, double scale, uint64_t seed)
{
    sample s = {malloc(ROWS * labels * sizeof(float)), malloc(ROWS * labels * sizeof(float)),
                malloc(ROWS * sizeof(uint32_t))};
    tr_rng r;
    tr_rng_init(&r, seed);
    for (size_t i = 0; i < ROWS; i++) {
        float *z = s.z + i * labels;
        double sum = 0, u;
        for (uint32_t l = 0; l < labels; l++) {
            z[l] = (float)tr_rng_normal(&r);
            s.other[i * labels + l] = (float)tr_rng_normal(&r);
            sum += exp(scale * (double)z[l]);
        }
        u = tr_rng_unit(&r) * sum;
        for (s.label[i] = 0; s.label[i] + 1 < labels; s.label[i]++)
            if ((u -= exp(scale * (double)z[s.label[i]])) < 0)
                break;
    }
    return s;
}

static double log_loss(const sample *s, uint32_t labels, double a, double b)
{
    double total = 0;
    size_t n = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (s->label[i] == UINT32_MAX)
            continue;
        double sum = 0, own = 0;
        for (uint32_t l = 0; l < labels; l++) {
            double v = a * (double)s->z[i * labels + l] + b * (double)s->other[i * labels + l];
            sum += exp(v);
            own = l == s->label[i] ? v : own;
        }
        total += log(sum) - own;
        n++;
    }
    return total / (double)n;
}

static void a_known_scale_is_found(void)
{
    static const double scales[] = {0.3, 1, 4};
    for (size_t k = 0; k < 3; k++)
        for (uint32_t labels = 2; labels <= 9; labels += 7) {
            sample s = draw(labels, scales[k], 5 + k);
            const float *z[1] = {s.z};
            double w;
            tr_err err;
            CHECK(tr_softmax_fit(z, 1, ROWS, labels, s.label, &w, &err) == TR_OK);
            CHECK_NEAR(w / scales[k], 1, 0.15);
            double here = log_loss(&s, labels, w, 0); /* and it is the least of the log-loss */
            CHECK(here <= log_loss(&s, labels, w * 1.01, 0));
            CHECK(here <= log_loss(&s, labels, w * 0.99, 0));
            sample_free(&s);
        }
}

static void a_blend_weighs_what_says_something(void)
{
    enum { LABELS = 5 };
    sample s = draw(LABELS, 2, 9);
    const float *z[2] = {s.z, s.other};
    double w[2];
    tr_err err;
    CHECK(tr_softmax_fit(z, 2, ROWS, LABELS, s.label, w, &err) == TR_OK);
    CHECK(w[0] >= 0 && w[1] >= 0);
    CHECK_NEAR(w[0], 2, 0.25);
    CHECK(w[1] < 0.1);
    double here = log_loss(&s, LABELS, w[0], w[1]);
    CHECK(here <= log_loss(&s, LABELS, w[0] * 1.01, w[1]) + 1e-9);
    CHECK(here <= log_loss(&s, LABELS, w[0], w[1] + 0.01) + 1e-9);
    /* the opposite of what is right: no weight, never a negative one */
    for (size_t i = 0; i < ROWS * LABELS; i++)
        s.other[i] = -s.z[i];
    const float *against[1] = {s.other};
    CHECK(tr_softmax_fit(against, 1, ROWS, LABELS, s.label, w, &err) == TR_OK);
    CHECK(w[0] >= 0 && w[0] < 1e-6);
    /* one member twice: the Hessian is singular, the sum of weights is what counts */
    const float *twice[2] = {s.z, s.z};
    CHECK(tr_softmax_fit(twice, 2, ROWS, LABELS, s.label, w, &err) == TR_OK);
    CHECK(w[0] >= 0 && w[1] >= 0);
    CHECK_NEAR(w[0] + w[1], 2, 0.25);
    sample_free(&s);
}

static void rows_without_a_label_are_left_out(void)
{
    enum { LABELS = 4 };
    sample s = draw(LABELS, 1.5, 11);
    double all, half;
    const float *z[1] = {s.z};
    tr_err err;
    CHECK(tr_softmax_fit(z, 1, ROWS / 2, LABELS, s.label, &half, &err) == TR_OK);
    for (size_t i = ROWS / 2; i < ROWS; i++)
        s.label[i] = UINT32_MAX;
    CHECK(tr_softmax_fit(z, 1, ROWS, LABELS, s.label, &all, &err) == TR_OK);
    CHECK(all == half);
    for (size_t i = 0; i < ROWS; i++)
        s.label[i] = UINT32_MAX;
    CHECK(tr_softmax_fit(z, 1, ROWS, LABELS, s.label, &all, &err) == TR_OK);
    CHECK(isfinite(all) && all >= 0);
    sample_free(&s);
}

static void no_members_or_too_many_are_refused(void)
{
    const float x[2] = {0};
    const float *z[17];
    uint32_t label = 0;
    double w[17];
    tr_err err = {0};
    for (int k = 0; k < 17; k++)
        z[k] = x;
    CHECK(tr_softmax_fit(z, 0, 1, 2, &label, w, &err) == TR_USAGE);
    CHECK(tr_softmax_fit(z, 17, 1, 2, &label, w, &err) == TR_USAGE && *err.message);
    CHECK(tr_softmax_fit(z, 16, 1, 2, &label, w, &err) == TR_OK); /* a zoo's members */
    for (int k = 0; k < 16; k++)
        CHECK(isfinite(w[k]) && w[k] >= 0);
}

int main(void)
{
    CASE(matches_a_plain_computation);
    CASE(ties_go_to_the_lower_label);
    CASE(two_labels);
    CASE(extreme_values);
    CASE(a_known_scale_is_found);
    CASE(a_blend_weighs_what_says_something);
    CASE(rows_without_a_label_are_left_out);
    CASE(no_members_or_too_many_are_refused);
    return CHECK_END;
}
