#include "audit/scores.h"

#include "check.h"
#include "decisions.h"

#include <math.h>

static const tr_promise NOTHING = {0};

static void reliability_by_hand(void)
{
    tr_audit a;
    tr_reliability r[TR_SCORES_RELIABILITY];

    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 30, .label = "x", .teacher = "x", .score = .9502});
    count(&a, (some_rows){.n = 10, .label = "x", .teacher = "y", .score = .9506, .p = .5});
    count(&a, (some_rows){.n = 40, .would = "x", .teacher = "y", .score = .3, .why = TR_WHY_LOW});
    count(&a, (some_rows){.n = 90, .label = "x", .score = .5});
    CHECK(tr_scores_reliability(&a, .95, r) == 2);
    CHECK_NEAR(r[0].low, .3, 1e-12);
    CHECK_NEAR(r[0].high, .301, 1e-12);
    CHECK_NEAR(r[0].predicted, .3, 1e-12);
    CHECK(r[0].observed.value == 0 && r[0].observed.n == 40);
    CHECK_NEAR(r[1].low, .95, 1e-12);
    CHECK_NEAR(r[1].high, .951, 1e-12);
    CHECK_NEAR(r[1].predicted, .9503, 1e-9);
    CHECK_NEAR(r[1].observed.value, .6, 1e-12);
    CHECK(r[1].observed.method == TR_METHOD_WILSON);
    tr_audit_free(&a);
}

static void groups_are_about_equal(void)
{
    tr_audit a;
    tr_reliability r[TR_SCORES_RELIABILITY];

    begin(&a, &NOTHING, NULL);
    for (int i = 0; i < 1000; i++)
        count(&a,
              (some_rows){
                  .n = 1, .label = "x", .teacher = i % 2 ? "x" : "y", .score = (i + .5) / 1000});
    CHECK(tr_scores_reliability(&a, .95, r) == 10);
    for (int i = 0; i < 10; i++) {
        CHECK(r[i].observed.n == 100 && r[i].observed.value == .5);
        CHECK_NEAR(r[i].low, i / 10., 1e-12);
        CHECK_NEAR(r[i].high, (i + 1) / 10., 1e-12);
        CHECK_NEAR(r[i].predicted, i / 10. + .05, 1e-9);
    }
    tr_audit_free(&a);
}

static void a_curve_by_hand(void)
{
    tr_promise policy = {.there = true, .policy = true, .deployed = true, .threshold = 700300};
    tr_audit a;
    tr_curve_point p[TR_SCORES_CURVE];
    size_t at;

    begin(&a, &policy, NULL);
    count(&a, (some_rows){.n = 20, .label = "x", .teacher = "x", .score = .9});
    count(&a, (some_rows){.n = 20, .label = "x", .teacher = "y", .score = .7005});
    count(&a,
          (some_rows){.n = 10, .would = "x", .teacher = "x", .score = .7001, .why = TR_WHY_LOW});
    count(&a, (some_rows){.n = 30, .would = "x", .teacher = "y", .score = .2, .why = TR_WHY_LOW});
    count(&a, (some_rows){.n = 20, .teacher = "y", .why = TR_WHY_NOVEL, .score = .99});
    CHECK(tr_scores_curve(&a, .95, p, &at) == 4);
    CHECK(at == 1);
    CHECK(p[0].threshold == .9 && p[0].coverage == .2 && p[0].agreement.value == 1);
    CHECK(p[1].threshold == .7003 && p[1].coverage == .4 && p[1].agreement.value == .5);
    CHECK(p[2].threshold == .7 && p[2].coverage == .5 && p[2].agreement.value == .6);
    CHECK(p[3].threshold == .2 && p[3].coverage == .8 && p[3].agreement.value == .375);
    tr_audit_free(&a);
}

static void a_curve_without_the_point_where_the_policy_stands(void)
{
    tr_audit a;
    tr_curve_point p[TR_SCORES_CURVE];
    size_t at;

    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 20, .label = "x", .teacher = "x", .score = .9});
    count(&a, (some_rows){.n = 1, .label = "x", .teacher = "x"}); /* no score */
    CHECK(tr_scores_curve(&a, .95, p, &at) == 1 && at == 1);
    tr_audit_free(&a);

    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 5, .would = "x", .teacher = "x", .score = .9, .why = TR_WHY_LOW});
    CHECK(tr_scores_curve(&a, .95, p, &at) == 1 && at == 1);
    CHECK(p[0].coverage == 1 && p[0].agreement.value == 1);
    tr_audit_free(&a);
}

static void a_curve_of_many_points_keeps_some(void)
{
    tr_audit a;
    tr_curve_point p[TR_SCORES_CURVE];
    size_t at;

    begin(&a, &NOTHING, NULL);
    for (int i = 0; i < 1000; i++)
        count(&a, (some_rows){.n = 1,
                              .label = i >= 333 ? "x" : NULL,
                              .would = "x",
                              .teacher = "x",
                              .score = (i + .5) / 1000,
                              .why = i < 333 ? TR_WHY_LOW : TR_WHY_UNSAID});
    size_t n = tr_scores_curve(&a, .95, p, &at);
    CHECK(n > 190 && n <= TR_SCORES_CURVE && at < n);
    CHECK(p[at].coverage == .667 && p[at].threshold == .333);
    CHECK(p[0].coverage == .001 && p[n - 1].coverage == 1);
    for (size_t i = 1; i < n; i++) {
        CHECK(p[i].coverage > p[i - 1].coverage && p[i].threshold < p[i - 1].threshold);
        CHECK(p[i].coverage - p[i - 1].coverage < .0075);
    }
    tr_audit_free(&a);
}

int main(void)
{
    CASE(reliability_by_hand);
    CASE(groups_are_about_equal);
    CASE(a_curve_by_hand);
    CASE(a_curve_without_the_point_where_the_policy_stands);
    CASE(a_curve_of_many_points_keeps_some);
    return CHECK_END;
}
