#include "gate/acceptor.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>

enum { LABELS = 3 };

enum { ALL = (1 << TR_ACCEPTOR_OWN) - 1 + (1 << TR_ACCEPTOR_LABEL) };

static const tr_softmax_summary sample = {.label = 1,
                                          .p = {0.7f, 0.2f, 0.1f},
                                          .entropy = 0.8f,
                                          .top = 3,
                                          .gap = 1.25f,
                                          .evidence = 3.4f,
                                          .agreement = 0.75f};
static const tr_softmax_summary before = {
    .label = 1, .p = {0.6f, 0.3f, 0.1f}, .entropy = 0.9f, .gap = 0.5f};

/* The score where this much is known of a row. */
static uint32_t score_of(const tr_acceptor *a, const tr_softmax_summary *s, float unseen)
{
    tr_acceptor_row row = {.said = s, .unseen = unseen, .near = 0.3f};
    return tr_acceptor_score(a, &row);
}

static void names_are_chosen(void)
{
    uint32_t mask;
    char reason[256] = "";
    CHECK(!tr_acceptor_choose("tracer", &mask, reason) && mask == 0xf);
    CHECK(!tr_acceptor_choose("all", &mask, reason) && mask == ALL);
    CHECK(!tr_acceptor_choose("top1", &mask, reason) && mask == 1);
    CHECK(!tr_acceptor_choose("label", &mask, reason) && mask == 1u << TR_ACCEPTOR_LABEL);
    CHECK(!tr_acceptor_choose("gap,top1,gap", &mask, reason) && mask == (1u | 1u << 7));
    CHECK(!tr_acceptor_choose("tracer,unseen", &mask, reason) && mask == (0xfu | 1u << 9));
    CHECK(!tr_acceptor_choose("agreement,near", &mask, reason) && mask == 3u << 10);
    for (int k = 0; k < TR_ACCEPTOR_FEATURES; k++) { /* each by its name, unless it looks back */
        const char *why = tr_acceptor_choose(tr_acceptor_names[k], &mask, reason);
        CHECK(k < TR_ACCEPTOR_OWN ? !why && mask == 1u << k : why == reason);
    }
    static const char *const wrong[] = {"",       "top1,", ",top1", "Top1",
                                        "nosuch", "top1 ", ",",     "before_score"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(tr_acceptor_choose(wrong[i], &mask, reason) == reason && *reason);
    char longer[1000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    CHECK(tr_acceptor_choose(longer, &mask, reason) == reason && strlen(reason) < 256);
}

static void without_features_it_is_the_margin(void)
{
    tr_acceptor a = {.mask = 0};
    CHECK(score_of(&a, &sample, 0.4f) == 500000);
    tr_softmax_summary s = {.p = {1, 0, 0}};
    CHECK(score_of(&a, &s, 0) == TR_ACCEPTOR_ONE);
    s.p[0] = s.p[1] = 0.5f;
    CHECK(score_of(&a, &s, 0) == 0);
    s.p[0] = NAN;
    CHECK(score_of(&a, &s, 0) == 0);
}

/* Each feature by itself: the score is the logistic function of weight times feature. */
static void every_feature_counts(void)
{
    const double x[TR_ACCEPTOR_FEATURES] = {0.7, 0.2, 0.5,  0.8,  log(0.7 / 0.3),   0.1, 3,   1.25,
                                            3.4, 0.4, 0.75, -0.3, log(0.25 / 0.75), 1,   0.6, 0.9,
                                            0.5};
    const tr_acceptor_row row = {
        .said = &sample, .unseen = 0.4f, .near = -0.3f, .before = &before, .before_score = 250000};
    double got[TR_ACCEPTOR_FEATURES];
    tr_acceptor_features(&row, got);
    for (int k = 0; k < TR_ACCEPTOR_FEATURES; k++) {
        CHECK_NEAR(got[k], x[k], 1e-6);
        tr_acceptor a = {.mask = 1u << k, .intercept = -0.3, .labels = LABELS};
        a.weight[k] = 1.7;
        double right = 1e6 / (1 + exp(0.3 - 1.7 * x[k]));
        CHECK_NEAR((double)tr_acceptor_score(&a, &row), right, 1.5);
    }
    /* another label than the stage before; and a first stage, which sees nothing before it */
    tr_softmax_summary other = before;
    other.label = 2;
    tr_acceptor_row later = row;
    later.before = &other;
    tr_acceptor_features(&later, got);
    CHECK(got[13] == 0);
    later.before = NULL;
    tr_acceptor_features(&later, got);
    for (int k = TR_ACCEPTOR_OWN; k < TR_ACCEPTOR_FEATURES; k++)
        CHECK(got[k] == 0);
    float offset[LABELS] = {5, 1.5f, -5};
    tr_acceptor a = {.mask = 1u << TR_ACCEPTOR_LABEL, .labels = LABELS, .offset = offset};
    CHECK_NEAR((double)score_of(&a, &sample, 0), 1e6 / (1 + exp(-1.5)), 1.5);
}

static void scores_stay_in_range(void)
{
    tr_acceptor a = {.mask = 1, .intercept = 1e6, .labels = LABELS};
    CHECK(score_of(&a, &sample, 0) == TR_ACCEPTOR_ONE);
    a.intercept = -1e6;
    CHECK(score_of(&a, &sample, 0) == 0);
    a.intercept = 0;
    CHECK(score_of(&a, &sample, 0) == 500000);
    tr_softmax_summary s = {.p = {1, 0, 0}}; /* logit of 1: clamped */
    a = (tr_acceptor){.mask = 1u << 4, .labels = LABELS};
    a.weight[4] = 1;
    CHECK(score_of(&a, &s, 0) > 999990);
    s.p[0] = 0;
    CHECK(score_of(&a, &s, 0) < 10);
    s.p[0] = NAN;
    CHECK(score_of(&a, &s, 0) <= TR_ACCEPTOR_ONE);
    a.mask |= 2;
    a.weight[1] = 1;
    s.p[1] = NAN; /* not a number: never accepted */
    CHECK(score_of(&a, &s, 0) == 0);
}

/* ---- binary form ---- */

static tr_acceptor make(float offset[LABELS])
{
    tr_acceptor a = {
        .mask = ALL | TR_ACCEPTOR_BEFORE, .intercept = -1.25, .offset = offset, .labels = LABELS};
    for (int k = 0; k < TR_ACCEPTOR_FEATURES; k++)
        a.weight[k] = 0.1 * (k + 1);
    for (int l = 0; l < LABELS; l++)
        offset[l] = (float)l - 1;
    return a;
}

static tr_code read_back(const tr_acceptor *a, uint32_t labels, tr_acceptor *back, tr_buf *b)
{
    tr_le_reader r;
    tr_err err = {0};
    tr_buf_clear(b);
    tr_acceptor_write(a, b);
    CHECK(!b->failed && b->size % 8 == 0);
    tr_le_open(&r, b->data, b->size);
    tr_code code = tr_acceptor_read(back, &r, labels, &err);
    CHECK(code != TR_OK || tr_le_left(&r) == 0);
    CHECK(code == TR_OK || *err.message);
    return code;
}

static void what_is_written_is_read(void)
{
    float offset[LABELS];
    tr_acceptor a = make(offset), back;
    tr_buf b;
    tr_buf_init(&b);
    CHECK(read_back(&a, LABELS, &back, &b) == TR_OK);
    CHECK(back.mask == a.mask && back.intercept == a.intercept && back.labels == LABELS);
    CHECK(!memcmp(back.weight, a.weight, sizeof a.weight));
    CHECK(!memcmp(back.offset, offset, sizeof offset) && !back.owned);
    CHECK(score_of(&a, &sample, 0.4f) == score_of(&back, &sample, 0.4f));
    for (size_t size = 0; size < b.size; size++) {
        tr_le_reader r;
        tr_err err = {0};
        tr_le_open(&r, b.data, size);
        CHECK(tr_acceptor_read(&back, &r, LABELS, &err) == TR_DATA);
    }
    a = (tr_acceptor){.labels = LABELS}; /* the margin */
    CHECK(read_back(&a, LABELS, &back, &b) == TR_OK && back.mask == 0 && !back.offset);
    tr_buf_free(&b);
}

static void malformed_acceptors_are_refused(void)
{
    float offset[LABELS];
    const tr_acceptor sound = make(offset);
    tr_acceptor a = sound, back;
    tr_buf b;
    tr_buf_init(&b);
    CHECK(read_back(&a, LABELS + 1, &back, &b) == TR_DATA); /* offsets of other labels */
    a.mask = 1u << (TR_ACCEPTOR_LABEL + 1) | 1u << TR_ACCEPTOR_LABEL;
    CHECK(read_back(&a, LABELS, &back, &b) == TR_DATA);
    a = sound;
    a.mask &= ~(1u << TR_ACCEPTOR_LABEL); /* offsets, but no "label" */
    CHECK(read_back(&a, LABELS, &back, &b) == TR_DATA);
    a = sound;
    a.offset = NULL; /* "label", but no offsets */
    CHECK(read_back(&a, LABELS, &back, &b) == TR_DATA);
    a = sound;
    a.weight[3] = NAN;
    CHECK(read_back(&a, LABELS, &back, &b) == TR_DATA);
    a = sound;
    a.intercept = INFINITY;
    CHECK(read_back(&a, LABELS, &back, &b) == TR_DATA);
    offset[2] = NAN;
    a = sound;
    CHECK(read_back(&a, LABELS, &back, &b) == TR_DATA);
    tr_buf_free(&b);
}

int main(void)
{
    CASE(names_are_chosen);
    CASE(without_features_it_is_the_margin);
    CASE(every_feature_counts);
    CASE(scores_stay_in_range);
    CASE(what_is_written_is_read);
    CASE(malformed_acceptors_are_refused);
    return CHECK_END;
}
