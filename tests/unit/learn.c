#include "gate/learn.h"

#include "check.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 6000, LABELS = 6, FOLDS = 3 };
enum {
    TOP1 = 1u << 0,
    ENTROPY = 1u << 3,
    GAP = 1u << 7,
    UNSEEN = 1u << 9,
    LABEL = 1u << TR_ACCEPTOR_LABEL
};

static tr_heldout_row rows[ROWS];
static tr_softmax_summary summary[ROWS];
static uint8_t agree[ROWS];
static uint32_t all[ROWS];

/* Rows whose agreement follows intercept + 1.5 · gap − 2 · unseen + offset of the label. */
static tr_heldout make(const double offset[LABELS])
{
    tr_rng r;
    tr_rng_init(&r, 1);
    for (uint32_t i = 0; i < ROWS; i++) {
        double gap = fabs(tr_rng_normal(&r)) * 2, unseen = tr_rng_unit(&r);
        uint32_t label = (uint32_t)tr_rng_below(&r, LABELS);
        summary[i] = (tr_softmax_summary){
            .label = label, .p = {0.5f, 0.3f, 0.2f}, .entropy = 1, .gap = (float)gap};
        rows[i] = (tr_heldout_row){.label = label,
                                   .weight = 1,
                                   .unseen = (float)unseen,
                                   .side = 1,
                                   .fold = (uint8_t)(i % FOLDS)};
        double v = -0.5 + 1.5 * gap - 2 * unseen + offset[label];
        agree[i] = tr_rng_unit(&r) < 1 / (1 + exp(-v));
        all[i] = i;
    }
    return (tr_heldout){rows, ROWS};
}

static const double NO_OFFSET[LABELS] = {0};

static tr_acceptor learn(uint32_t mask, const tr_heldout *h, size_t n, int skip_fold)
{
    tr_acceptor a;
    tr_err err = {0};
    CHECK(tr_learn_acceptor(&a, mask, h, summary, agree, all, n, skip_fold, LABELS, &err) == TR_OK);
    CHECK(a.mask == mask && a.labels == LABELS && (a.offset != NULL) == (mask & LABEL ? 1 : 0));
    return a;
}

static void a_known_model_is_found(void)
{
    tr_heldout h = make(NO_OFFSET);
    tr_acceptor a = learn(GAP | UNSEEN, &h, ROWS, -1);
    CHECK_NEAR(a.weight[7], 1.5, 0.15);
    CHECK_NEAR(a.weight[9], -2, 0.3);
    CHECK_NEAR(a.intercept, -0.5, 0.2);
    for (int k = 0; k < TR_ACCEPTOR_FEATURES; k++)
        CHECK(k == 7 || k == 9 || a.weight[k] == 0);
    /* and its scores are shares: of rows scored about s, a share s agrees */
    double n[5] = {0}, agreed[5] = {0}, sum[5] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        double s = (double)tr_acceptor_score(&a, &summary[i], rows[i].unseen) / TR_ACCEPTOR_ONE;
        int bin = (int)fmin(s * 5, 4);
        n[bin]++;
        sum[bin] += s;
        agreed[bin] += agree[i];
    }
    for (int b = 0; b < 5; b++)
        CHECK_NEAR(agreed[b] / n[b], sum[b] / n[b], 0.05);
    tr_acceptor_free(&a);
}

/* The gradient of the weighted log-loss with its ridges is zero where the fit ends: without ridges
 * on the intercept, the scores' mean is the share that agrees. */
static void the_mean_score_is_the_share_that_agrees(void)
{
    tr_heldout h = make(NO_OFFSET);
    for (size_t i = 0; i < ROWS; i++)
        rows[i].weight = i % 2 ? 3 : 0.5f;
    tr_acceptor a = learn(0x7ff, &h, ROWS, -1);
    double mean = 0, share = 0;
    for (size_t i = 0; i < ROWS; i++) {
        double w = (double)rows[i].weight;
        mean += w * (double)tr_acceptor_score(&a, &summary[i], rows[i].unseen) / TR_ACCEPTOR_ONE;
        share += w * agree[i];
    }
    CHECK_NEAR(mean / share, 1, 1e-5);
    tr_acceptor_free(&a);
}

static void labels_have_their_own_record(void)
{
    const double offset[LABELS] = {1, -1, 0, 0, 0, 0};
    tr_heldout h = make(offset);
    tr_acceptor a = learn(GAP | UNSEEN | LABEL, &h, ROWS, -1);
    double rest = (double)(a.offset[2] + a.offset[3] + a.offset[4] + a.offset[5]) / 4;
    CHECK_NEAR((double)a.offset[0] - rest, 1, 0.3);
    CHECK_NEAR((double)a.offset[1] - rest, -1, 0.3);
    tr_acceptor_free(&a);
    /* few rows say little: the same rates, a hundredth of the rows, smaller offsets */
    tr_acceptor few = learn(GAP | UNSEEN | LABEL, &h, ROWS / 100, -1);
    for (int l = 0; l < LABELS; l++)
        CHECK(fabs((double)few.offset[l]) < 1);
    tr_acceptor_free(&few);
    /* a label that no row has: no record */
    for (size_t i = 0; i < ROWS; i++)
        summary[i].label = summary[i].label == 5 ? 4 : summary[i].label;
    a = learn(LABEL, &h, ROWS, -1);
    CHECK(a.offset[5] == 0);
    tr_acceptor_free(&a);
}

/* Features that never vary, and rows that all agree or never do: finite, and in the right place. */
static void degenerate_rows(void)
{
    tr_heldout h = make(NO_OFFSET);
    tr_acceptor a = learn(TOP1 | ENTROPY, &h, ROWS, -1);
    CHECK(a.weight[0] == 0 && a.weight[3] == 0 && isfinite(a.intercept));
    tr_acceptor_free(&a);
    for (int right = 0; right < 2; right++) {
        memset(agree, right, sizeof agree);
        for (size_t n = 1; n <= ROWS; n *= 20) {
            a = learn(0x7ff, &h, n, -1);
            for (int k = 0; k < TR_ACCEPTOR_FEATURES; k++)
                CHECK(isfinite(a.weight[k]));
            CHECK(isfinite(a.intercept));
            uint32_t s = tr_acceptor_score(&a, &summary[0], rows[0].unseen);
            CHECK(right ? s > TR_ACCEPTOR_ONE / 2 : s < TR_ACCEPTOR_ONE / 2);
            tr_acceptor_free(&a);
        }
    }
}

static void a_fold_is_left_out(void)
{
    tr_heldout h = make(NO_OFFSET);
    tr_acceptor part = learn(GAP | UNSEEN, &h, ROWS, 1);
    size_t n = 0;
    for (uint32_t i = 0; i < ROWS; i++)
        if (i % FOLDS != 1)
            all[n++] = i;
    tr_acceptor same = learn(GAP | UNSEEN, &h, n, -1);
    CHECK(!memcmp(part.weight, same.weight, sizeof part.weight));
    CHECK(part.intercept == same.intercept);
    tr_acceptor_free(&part);
    tr_acceptor_free(&same);
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i].fold = 0;
        all[i] = i;
    }
    tr_err err = {0};
    CHECK(tr_learn_acceptor(&part, GAP, &h, summary, agree, all, ROWS, 0, LABELS, &err) == TR_DATA);
    CHECK(*err.message && !part.owned);
}

int main(void)
{
    CASE(a_known_model_is_found);
    CASE(the_mean_score_is_the_share_that_agrees);
    CASE(labels_have_their_own_record);
    CASE(degenerate_rows);
    CASE(a_fold_is_left_out);
    return CHECK_END;
}
