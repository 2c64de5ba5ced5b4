#include "policy/candidates.h"

#include "check.h"
#include "small.h"

#include <math.h>

enum { ROWS = 700 };

/* One stream for all cases: texts and embeddings, with rows of all three sides. */
static tr_stream stream;

static tr_code open(tr_candidates *c, tr_family family, double novelty, const char *defer)
{
    tr_err err = {0};
    tr_candidates_options o = {
        .family = family, .novelty = novelty, .defer_label = defer, .seed = 3};
    tr_code code = tr_candidates_open(c, &stream, &o, &err);
    CHECK(code == TR_OK || *err.message);
    return code;
}

static void families_are_listed(void)
{
    tr_candidates c;
    char name[TR_POLICY_NAME];
    size_t members = stream.n, cascades = stream.n_cascades;
    CHECK(members == 3 && cascades == 6);
    CHECK(open(&c, TR_FAMILY_AUTO, 0.01, NULL) == TR_OK && c.n == 2 * members + cascades);
    for (size_t k = 0; k < c.n; k++) {
        const tr_contender *x = &c.list[k];
        bool cascade = k >= 2 * members;
        CHECK((x->cascade >= 0) == cascade && x->gated == (cascade || k % 2 == 0));
        CHECK((x->train.score2 != NULL) == cascade && (x->train.agree2 != NULL) == cascade);
        tr_candidates_name(&c, k, name);
        if (cascade) {
            char own[TR_POLICY_NAME];
            const tr_stream_cascade *y = &stream.cascade[x->cascade];
            CHECK(x->member == y->first);
            snprintf(own, sizeof own, "%s > %s", stream.member[y->first].name,
                     stream.member[y->second].name);
            CHECK(!strcmp(name, own));
        } else {
            CHECK(!strcmp(name, stream.member[k / 2].name) && x->member == k / 2);
        }
    }
    tr_candidates_close(&c);
    CHECK(open(&c, TR_FAMILY_L2D, 0.01, NULL) == TR_OK && c.n == 2 * members);
    tr_candidates_close(&c);
    CHECK(open(&c, TR_FAMILY_RSB, 0.01, NULL) == TR_OK && c.n == cascades);
    CHECK(c.list[0].cascade == 0 && c.list[0].gated);
    tr_candidates_close(&c);
    CHECK(open(&c, TR_FAMILY_GLOBAL, 0.01, NULL) == TR_OK && c.n == members);
    for (size_t k = 0; k < c.n; k++)
        CHECK(c.list[k].cascade < 0 && !c.list[k].gated);
    tr_candidates_close(&c);
    /* an ungated stream has margins alone, and no cascade to ask for */
    size_t kept = stream.n_cascades;
    stream.n_cascades = 0;
    for (size_t m = 0; m < members; m++)
        stream.member[m].gated = false;
    CHECK(open(&c, TR_FAMILY_AUTO, 0.01, NULL) == TR_OK && c.n == members && !c.list[0].gated);
    tr_candidates_close(&c);
    CHECK(open(&c, TR_FAMILY_RSB, 0.01, NULL) == TR_USAGE);
    tr_candidates_close(&c);
    stream.n_cascades = kept;
    for (size_t m = 0; m < members; m++)
        stream.member[m].gated = true;
}

/* Scores, agreement and place of every row are the stream's. */
static void rows_are_the_streams(void)
{
    tr_candidates c;
    CHECK(open(&c, TR_FAMILY_AUTO, 0.03, "returns") == TR_OK);
    CHECK(c.n_train > 0 && c.n_calibration > 0 && c.n_test > 0);
    CHECK(c.n_train + c.n_calibration + c.n_test == ROWS);
    uint32_t withheld = tr_labels_find(&stream.labels, tr_str_c("returns"));
    for (size_t k = 0; k < c.n; k++) {
        const tr_contender *x = &c.list[k];
        const tr_stream_member *m = &stream.member[x->member];
        const tr_stream_member *guard = &stream.member[tr_stream_guard(&stream, x->member)];
        const struct {
            const tr_certify_rows *rows;
            const uint32_t *at;
            size_t n;
            int side;
        } sides[] = {{&x->train, c.train, c.n_train, TR_SIDE_TRAIN},
                     {&x->calibration, c.calibration, c.n_calibration, TR_SIDE_CALIBRATION},
                     {&x->test, c.test, c.n_test, TR_SIDE_TEST}};
        for (int side = 0; side < 3; side++) {
            const tr_certify_rows *rows = sides[side].rows;
            CHECK(rows->n == sides[side].n && !rows->weight);
            for (size_t i = 0; i < rows->n; i++) {
                uint32_t at = sides[side].at[i];
                const tr_heldout_row *r = &stream.heldout.rows[at];
                const tr_softmax_summary *said = &m->summary[at];
                bool known = tr_novelty_of(&c.novelty[x->member], guard->summary[at].evidence,
                                           r->unseen, r->near) <= c.limit[x->member];
                double margin = ((double)said->p[0] - (double)said->p[1]) * 1e6;
                CHECK(r->side == sides[side].side);
                CHECK_NEAR(rows->score[i], x->gated ? (double)m->score[at] : margin, 0.51);
                CHECK(rows->agree[i] == (said->label == r->label));
                CHECK(rows->inside[i] == (known && said->label != withheld));
                if (x->cascade < 0)
                    continue;
                const tr_stream_cascade *two = &stream.cascade[x->cascade];
                uint32_t second = stream.member[two->second].summary[at].label;
                CHECK(rows->score2[i] == (double)two->score[at]);
                CHECK(rows->agree2[i] == (second == r->label));
                CHECK(rows->inside2[i] == (known && second != withheld));
            }
        }
    }
    tr_candidates_close(&c);
}

/* At most the share of TRAIN lies beyond the guard, and no row less than that. */
static void the_guard_takes_its_share_of_train(void)
{
    static const double shares[] = {0, 0.01, 0.1, 0.5};
    for (size_t k = 0; k < 4; k++) {
        tr_candidates c;
        CHECK(open(&c, TR_FAMILY_L2D, shares[k], NULL) == TR_OK);
        for (size_t m = 0; m < stream.n; m++) {
            size_t beyond = 0, at_limit = 0;
            for (size_t i = 0; i < c.n_train; i++) {
                const tr_heldout_row *r = &stream.heldout.rows[c.train[i]];
                const tr_stream_member *guard = &stream.member[tr_stream_guard(&stream, m)];
                float novelty = tr_novelty_of(&c.novelty[m], guard->summary[c.train[i]].evidence,
                                              r->unseen, r->near);
                beyond += novelty > c.limit[m];
                at_limit += novelty == c.limit[m];
            }
            CHECK((double)beyond <= shares[k] * (double)c.n_train);
            CHECK(isinf(c.limit[m]) == (k == 0));
            CHECK(!k || (double)(beyond + at_limit) > shares[k] * (double)c.n_train);
        }
        tr_candidates_close(&c);
    }
}

/* What the calibration rows' labels are changes nothing but whether they agree. */
static void calibration_labels_are_not_looked_at(void)
{
    tr_candidates a, b;
    CHECK(open(&a, TR_FAMILY_AUTO, 0.05, NULL) == TR_OK);
    for (size_t i = 0; i < stream.heldout.n; i++)
        if (stream.heldout.rows[i].side == TR_SIDE_CALIBRATION)
            stream.heldout.rows[i].label = (stream.heldout.rows[i].label + 1) % 4;
    CHECK(open(&b, TR_FAMILY_AUTO, 0.05, NULL) == TR_OK);
    for (size_t i = 0; i < stream.heldout.n; i++)
        if (stream.heldout.rows[i].side == TR_SIDE_CALIBRATION)
            stream.heldout.rows[i].label = (stream.heldout.rows[i].label + 3) % 4;
    CHECK(a.n == b.n && a.n_calibration == b.n_calibration);
    CHECK(!memcmp(a.calibration, b.calibration, a.n_calibration * sizeof *a.calibration));
    CHECK(!memcmp(a.limit, b.limit, stream.n * sizeof *a.limit));
    for (size_t k = 0; k < a.n && k < b.n; k++) {
        const tr_certify_rows *x = &a.list[k].calibration, *y = &b.list[k].calibration;
        CHECK(!memcmp(x->score, y->score, x->n * sizeof *x->score));
        CHECK(!memcmp(x->inside, y->inside, x->n) && memcmp(x->agree, y->agree, x->n) != 0);
        CHECK(!x->score2 || !memcmp(x->score2, y->score2, x->n * sizeof *x->score2));
        x = &a.list[k].train;
        y = &b.list[k].train;
        CHECK(!memcmp(x->score, y->score, x->n * sizeof *x->score));
        CHECK(!memcmp(x->agree, y->agree, x->n));
    }
    tr_candidates_close(&a);
    tr_candidates_close(&b);
}

static void labels_are_withheld_by_name(void)
{
    tr_candidates c;
    static const char *const right[] = {"billing", "billing,other", "other,billing,other",
                                        "billing,other,"};
    for (size_t k = 0; k < 4; k++) {
        CHECK(open(&c, TR_FAMILY_L2D, 0, right[k]) == TR_OK);
        int marked = 0;
        for (uint32_t l = 0; l < stream.labels.n; l++)
            marked += c.label_deferred[l];
        CHECK(marked == (k ? 2 : 1));
        CHECK(c.label_deferred[tr_labels_find(&stream.labels, tr_str_c("billing"))]);
        tr_candidates_close(&c);
    }
    static const char *const wrong[] = {"nosuch", "billing,nosuch", " billing", "billing,,other"};
    for (size_t k = 0; k < 4; k++) {
        CHECK(open(&c, TR_FAMILY_L2D, 0, wrong[k]) == TR_USAGE);
        tr_candidates_close(&c);
    }
}

/* Weights of TRAIN rows come along where any differs from 1. */
static void weights_come_along(void)
{
    tr_candidates c;
    size_t first = 0;
    while (stream.heldout.rows[first].side != TR_SIDE_TRAIN)
        first++;
    stream.heldout.rows[first].weight = 2.5f;
    CHECK(open(&c, TR_FAMILY_RSB, 0.01, NULL) == TR_OK && c.weighted);
    for (size_t i = 0; i < c.n_train; i++)
        CHECK(c.list[0].train.weight[i] == (c.train[i] == first ? 2.5 : 1));
    tr_candidates_close(&c);
    stream.heldout.rows[first].weight = 1;
}

int main(void)
{
    tr_dataset d;
    tr_train_report report;
    tr_err err = {0};
    tr_buf log = small_log_of(SMALL_BOTH, ROWS, 0.3, 1), out;
    tr_buf split = small_split(tr_buf_str(&log), 0.2);
    if (small_dataset(&d, tr_buf_str(&split), true, &err) != TR_OK ||
        small_train(&d, "svm,lda,knn", 1, &out, &report, &err) != TR_OK)
        return 4;
    tr_buf gated = small_gate(&out);
    if (tr_stream_take(&stream, &gated, "small", &err) != TR_OK)
        return 4;
    CASE(families_are_listed);
    CASE(rows_are_the_streams);
    CASE(the_guard_takes_its_share_of_train);
    CASE(calibration_labels_are_not_looked_at);
    CASE(labels_are_withheld_by_name);
    CASE(weights_come_along);
    tr_stream_free(&stream);
    tr_dataset_free(&d);
    tr_buf_free(&log);
    tr_buf_free(&split);
    return CHECK_END;
}
