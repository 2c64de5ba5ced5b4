#include "gate/learn.h"

#include "check.h"
#include "ground/rng.h"
#include "small.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 6000, LABELS = 6, FOLDS = 3 };
enum {
    TOP1 = 1u << 0,
    ENTROPY = 1u << 3,
    GAP = 1u << 7,
    UNSEEN = 1u << 9,
    LABEL = 1u << TR_ACCEPTOR_LABEL,
    EVERY = SMALL_FEATURES | TR_ACCEPTOR_BEFORE
};

static tr_heldout_row rows[ROWS];
static tr_softmax_summary summary[ROWS];
static tr_acceptor_row seen[ROWS];
static float weight[ROWS];
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
        seen[i] = (tr_acceptor_row){.said = &summary[i], .unseen = (float)unseen};
        weight[i] = 1;
        all[i] = i;
    }
    return (tr_heldout){rows, ROWS};
}

static const double NO_OFFSET[LABELS] = {0};

static tr_acceptor learn(uint32_t mask, const tr_heldout *h, size_t n, int skip_fold)
{
    tr_acceptor a;
    tr_err err = {0};
    CHECK(tr_learn_acceptor(&a, mask, h, seen, agree, weight, all, n, skip_fold, LABELS, &err) ==
          TR_OK);
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
        double s = (double)tr_acceptor_score(&a, &seen[i]) / TR_ACCEPTOR_ONE;
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
        weight[i] = i % 2 ? 3 : 0.5f;
    tr_acceptor a = learn(EVERY, &h, ROWS, -1);
    double mean = 0, share = 0;
    for (size_t i = 0; i < ROWS; i++) {
        double w = (double)weight[i];
        mean += w * (double)tr_acceptor_score(&a, &seen[i]) / TR_ACCEPTOR_ONE;
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
            a = learn(EVERY, &h, n, -1);
            for (int k = 0; k < TR_ACCEPTOR_FEATURES; k++)
                CHECK(isfinite(a.weight[k]));
            CHECK(isfinite(a.intercept));
            uint32_t s = tr_acceptor_score(&a, &seen[0]);
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
    CHECK(tr_learn_acceptor(&part, GAP, &h, seen, agree, weight, all, ROWS, 0, LABELS, &err) ==
          TR_DATA);
    CHECK(*err.message && !part.owned);
}

/* A stage that looks at the one before: what it says counts as any other feature does. */
static void the_stage_before_is_looked_at(void)
{
    static tr_softmax_summary before[ROWS];
    tr_heldout h = make(NO_OFFSET);
    tr_rng r;
    tr_rng_init(&r, 2);
    for (uint32_t i = 0; i < ROWS; i++) {
        before[i] = summary[i];
        before[i].label = (summary[i].label + (tr_rng_unit(&r) < 0.5)) % LABELS;
        seen[i].before = &before[i];
        seen[i].before_score = (uint32_t)(100000 + tr_rng_unit(&r) * 800000);
        double s = (double)seen[i].before_score / TR_ACCEPTOR_ONE;
        double v = 2 * (before[i].label == summary[i].label) - 0.8 * log(s / (1 - s));
        agree[i] = tr_rng_unit(&r) < 1 / (1 + exp(-v));
    }
    tr_acceptor a = learn(TR_ACCEPTOR_BEFORE, &h, ROWS, -1);
    CHECK_NEAR(a.weight[12], -0.8, 0.15); /* the logit of its score */
    CHECK_NEAR(a.weight[13], 2, 0.25);    /* whether it says the same */
    CHECK_NEAR(a.intercept, 0, 0.3);
    tr_acceptor_free(&a);
    h = make(NO_OFFSET); /* a first stage: nothing varies, nothing weighs */
    a = learn(TR_ACCEPTOR_BEFORE, &h, ROWS, -1);
    for (int k = 0; k < TR_ACCEPTOR_FEATURES; k++)
        CHECK(a.weight[k] == 0);
    tr_acceptor_free(&a);
}

/* ---- the gate of a stream ---- */

static tr_stream read_stream(tr_str bytes)
{
    tr_stream s;
    tr_err err = {0};
    tr_buf b = small_copy(bytes);
    if (tr_stream_take(&s, &b, "small", &err) != TR_OK) {
        printf("# %s\n", err.message);
        exit(4);
    }
    return s;
}

/* Mean agreement of what is accepted, over all coverages, out of fold. */
static double area(const tr_stream *s, size_t m)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < s->heldout.n; i++) {
        if (s->heldout.rows[i].side != TR_SIDE_TRAIN)
            continue;
        double above = 0, right = 0;
        for (size_t j = 0; j < s->heldout.n; j++) {
            uint32_t x = s->member[m].score[j], own = s->member[m].score[i];
            if (s->heldout.rows[j].side != TR_SIDE_TRAIN || x < own || (x == own && j > i))
                continue;
            above++;
            right += s->member[m].summary[j].label == s->heldout.rows[j].label;
        }
        sum += right / above;
        n++;
    }
    return sum / n;
}

static void cascades_are_made_of_the_best(void)
{
    tr_buf log = small_log_of(SMALL_BOTH, 400, 0.3, 4);
    tr_buf bytes = small_gated_from(&log, "svm,nb,lda,knn,dt", NULL);
    tr_stream s = read_stream(tr_buf_str(&bytes));
    CHECK(s.n == 5 && s.n_cascades == 6);
    bool best[5] = {false}, pair[5][5] = {{false}};
    for (size_t k = 0; k < s.n_cascades; k++) {
        const tr_stream_cascade *c = &s.cascade[k];
        CHECK(c->first != c->second && !pair[c->first][c->second]);
        pair[c->first][c->second] = true;
        best[c->first] = best[c->second] = true;
        CHECK(c->acceptor.mask == EVERY);
    }
    CHECK(best[0] + best[1] + best[2] + best[3] + best[4] == 3);
    for (size_t a = 0; a < 5; a++)
        for (size_t b = 0; b < 5; b++)
            CHECK(!best[a] || best[b] || area(&s, a) >= area(&s, b));
    for (size_t k = 0; k < s.n_cascades; k++) /* the shipped acceptor scores what it never saw */
        for (size_t i = 0; i < s.heldout.n; i++) {
            const tr_stream_cascade *c = &s.cascade[k];
            tr_acceptor_row row = tr_stream_row(&s, c->second, i);
            row.before = &s.member[c->first].summary[i];
            row.before_score = s.member[c->first].score[i];
            uint32_t score = tr_acceptor_score(&c->acceptor, &row);
            if (s.heldout.rows[i].side != TR_SIDE_TRAIN)
                CHECK(score == c->score[i]);
        }
    tr_stream_free(&s);
    tr_buf_free(&bytes);
    /* two members have two cascades, one has none */
    bytes = small_gated(100, 0.3, "svm,nb", NULL);
    s = read_stream(tr_buf_str(&bytes));
    CHECK(s.n_cascades == 2 && s.cascade[0].first == s.cascade[1].second);
    tr_stream_free(&s);
    tr_buf_free(&bytes);
    bytes = small_gated(100, 0.3, "svm", NULL);
    s = read_stream(tr_buf_str(&bytes));
    CHECK(s.n_cascades == 0 && s.member[0].gated);
    tr_stream_free(&s);
    tr_buf_free(&bytes);
}

/* Other labels in a fold: no accept score of its rows moves, and those of other folds do. (In a
 * cascade the doubt of the first stage, by which its rows weigh, is out of fold by itself.) */
static void scores_of_a_fold_do_not_know_its_labels(void)
{
    tr_buf log = small_log(400, 0.3, 4), gated = small_gated_from(&log, "svm,nb", NULL), again;
    tr_stream a = read_stream(tr_buf_str(&gated)), b = read_stream(tr_buf_str(&gated));
    for (size_t i = 0; i < b.heldout.n; i++)
        if (b.heldout.rows[i].side == TR_SIDE_TRAIN && b.heldout.rows[i].fold == 2)
            b.heldout.rows[i].label = (b.heldout.rows[i].label + 1) % 4;
    tr_err err = {0};
    int fd = memfd_create("gated", 0);
    tr_writer *w = tr_writer_open_fd(fd, "gated", &err);
    CHECK(w && tr_learn_gate(&b, SMALL_FEATURES, w, &err) == TR_OK);
    CHECK(tr_writer_close(w, &err) == TR_OK);
    again = small_take(fd);
    CHECK(b.n_cascades == a.n_cascades);
    size_t moved = 0, of_cascades = 0, n = 0;
    for (size_t i = 0; i < a.heldout.n; i++) {
        if (a.heldout.rows[i].side != TR_SIDE_TRAIN)
            continue;
        bool own = a.heldout.rows[i].fold == 2;
        n += own;
        for (size_t m = 0; m < a.n; m++) {
            CHECK(!own || a.member[m].score[i] == b.member[m].score[i]);
            moved += a.member[m].score[i] != b.member[m].score[i];
        }
        for (size_t k = 0; k < a.n_cascades; k++)
            of_cascades += !own && a.cascade[k].score[i] != b.cascade[k].score[i];
    }
    CHECK(n > 20 && moved > n && of_cascades > n);
    tr_stream_free(&a);
    tr_stream_free(&b);
    tr_buf_free(&again);
    tr_buf_free(&gated);
}

int main(void)
{
    CASE(a_known_model_is_found);
    CASE(the_mean_score_is_the_share_that_agrees);
    CASE(labels_have_their_own_record);
    CASE(degenerate_rows);
    CASE(a_fold_is_left_out);
    CASE(the_stage_before_is_looked_at);
    CASE(cascades_are_made_of_the_best);
    CASE(scores_of_a_fold_do_not_know_its_labels);
    return CHECK_END;
}
