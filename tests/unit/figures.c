#include "audit/figures.h"

#include "check.h"
#include "decisions.h"
#include "maths/stat.h"

#include <math.h>
#include <stdio.h>

static const tr_promise NINETY = {.there = true, .alpha = 0.9, .delta = 0.05};

static tr_test test_of(tr_promise promise, int agreed, int wrong)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &promise, NULL);
    count(&a, (some_rows){.n = agreed, .label = "x", .teacher = "x"});
    count(&a, (some_rows){.n = wrong, .label = "x", .teacher = "y"});
    count(&a, (some_rows){.n = 7, .teacher = "y"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    tr_test t = f.test;
    tr_figures_free(&f);
    tr_audit_free(&a);
    return t;
}

static void verdicts(void)
{
    tr_promise refused = NINETY, nothing = NINETY;
    int64_t needed = tr_stat_kmin(100, 0.9, 0.05), least = 0;

    while (tr_stat_binomial_lower(least + 1, 100, 0.9) <= 0.05)
        least++;
    CHECK(test_of(NINETY, (int)least, (int)(100 - least)).verdict == TR_VERDICT_CONTRADICTED);
    CHECK(test_of(NINETY, (int)least + 1, (int)(99 - least)).verdict == TR_VERDICT_OPEN);
    CHECK(test_of(NINETY, 89, 11).verdict == TR_VERDICT_OPEN);
    CHECK(test_of(NINETY, 90, 10).verdict == TR_VERDICT_KEPT);
    CHECK(test_of(NINETY, (int)needed - 1, (int)(101 - needed)).verdict == TR_VERDICT_KEPT);
    CHECK(test_of(NINETY, (int)needed, (int)(100 - needed)).verdict == TR_VERDICT_PROVEN);
    CHECK(test_of(NINETY, 0, 0).verdict == TR_VERDICT_UNTESTED);
    refused.policy = true;
    CHECK(test_of(refused, 10, 90).verdict == TR_VERDICT_NONE);
    refused.deployed = true;
    CHECK(test_of(refused, 10, 90).verdict == TR_VERDICT_CONTRADICTED);
    nothing.there = false;
    CHECK(test_of(nothing, 10, 90).verdict == TR_VERDICT_NONE);

    /* 28 rows cannot prove .9 at .05, were they all to agree: .9^28 = .0523 */
    CHECK(test_of(NINETY, 28, 0).few && test_of(NINETY, 28, 0).verdict == TR_VERDICT_KEPT);
    CHECK(!test_of(NINETY, 29, 0).few && test_of(NINETY, 29, 0).verdict == TR_VERDICT_PROVEN);
    tr_test t = test_of(NINETY, 89, 11);
    CHECK(t.rows == 100 && t.agreed == 89 && !t.thinned && t.propensity == 1);
    CHECK_NEAR(t.chance, tr_stat_binomial_lower(89, 100, 0.9), 1e-15);
    CHECK(strcmp(tr_verdict_names[t.verdict], "open") == 0);
    CHECK(strcmp(tr_verdict_names[TR_VERDICT_PROVEN], "proven") == 0);
}

/* Deferred rows count whether or not somebody has kept the teacher's answer, and as many as there
 * are to a handled one. */
static void a_promise_over_all_traffic(void)
{
    tr_promise promise = NINETY;
    promise.overall = true;

    for (int known = 0; known < 2; known++)
        for (int half = 0; half < 2; half++) {
            tr_audit a;
            tr_figures f;
            begin(&a, &promise, NULL);
            count(&a, (some_rows){
                          .n = half ? 30 : 60, .label = "x", .teacher = "x", .p = half ? .5 : 1});
            count(&a, (some_rows){
                          .n = half ? 10 : 20, .label = "x", .teacher = "y", .p = half ? .5 : 1});
            count(&a, (some_rows){.n = half ? 40 : 0, .label = "x", .p = .5});
            count(&a, (some_rows){.n = 120, .teacher = known ? "x" : NULL});
            CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
            CHECK(f.test.rows == (half ? 100 : 200) && f.test.agreed == (half ? 90 : 180));
            CHECK(f.test.verdict == TR_VERDICT_KEPT && !f.test.thinned);
            CHECK(f.test.propensity == (half ? .5 : 1));
            CHECK_NEAR(f.overall.value, 0.9, 1e-12);
            CHECK_NEAR(f.overall.low, 1 - .4 * (1 - f.agreement.low), 1e-12);
            CHECK_NEAR(f.overall.high, 1 - .4 * (1 - f.agreement.high), 1e-12);
            CHECK(f.overall.method == TR_METHOD_EXACT);
            tr_figures_free(&f);
            tr_audit_free(&a);
        }
}

/* The labels that were answered wrongly, not those that the teacher would have given; a label that
 * the teacher hardly ever gives is one too. */
static void labels_to_withhold(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 50, .label = "x", .teacher = "x"});
    count(&a, (some_rows){.n = 12, .label = "x", .teacher = "z"});
    count(&a, (some_rows){.n = 11, .label = "w", .teacher = "z"});
    count(&a, (some_rows){.n = 3, .label = "v", .teacher = "z", .p = .25});
    count(&a, (some_rows){.n = 40, .label = "sure", .teacher = "sure"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.n_withhold == 2 && tr_str_equal(f.withhold[0], tr_str_c("v")));
    CHECK(tr_str_equal(f.withhold[1], tr_str_c("x")));
    CHECK(tr_str_equal(f.label[0].group.name, tr_str_c("z")));
    tr_figures_free(&f);
    tr_audit_free(&a);

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 50, .label = "x", .teacher = "x"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.n_withhold == 0);
    tr_figures_free(&f);
    tr_audit_free(&a);
}

/* Ground truth of deferred rows alone says nothing of all. */
static void accuracy_on_all_needs_both_sides(void)
{
    for (int known = 0; known < 2; known++) {
        tr_audit a;
        tr_figures f;
        begin(&a, &NINETY, NULL);
        count(&a, (some_rows){.n = 20, .label = "x", .teacher = known ? "x" : NULL, .truth = "x"});
        count(&a, (some_rows){.n = 20, .teacher = "y", .truth = "z"});
        CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
        CHECK(f.accuracy[TR_ANSWERER_TEACHER].accuracy.n == (known ? 40 : 0));
        CHECK(isnan(f.accuracy[TR_ANSWERER_MIX].macro_f1) == !known);
        tr_figures_free(&f);
        tr_audit_free(&a);
    }
}

static void nothing_is_handled(void)
{
    tr_promise promise = NINETY;
    tr_audit a;
    tr_figures f;

    promise.overall = true;
    begin(&a, &promise, NULL);
    count(&a, (some_rows){.n = 50, .teacher = "x", .input = "hello"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.coverage.value == 0 && f.coverage.n == 50);
    CHECK(isnan(f.agreement.value) && f.agreement.method == TR_METHOD_NONE);
    CHECK(f.overall.value == 1 && f.test.rows == 50 && f.test.agreed == 50);
    CHECK(f.n_curve == 0 && f.operating == 0 && f.n_reliability == 0 && f.n_stages == 1);
    CHECK(f.n_labels == 1 && f.label[0].group.coverage.value == 0 && f.label[0].group.wrong == 0);
    CHECK(isnan(f.label[0].group.agreement.value) && isnan(f.expected_coverage.value));
    CHECK(f.n_slices == 1 && f.slice[0].wrong == 0 && isnan(f.slice[0].agreement.value));
    tr_figures_free(&f);
    tr_audit_free(&a);
}

static void no_rows_at_all(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NINETY, NULL);
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.rows == 0 && isnan(f.coverage.value) && isnan(f.overall.value));
    CHECK(f.test.verdict == TR_VERDICT_UNTESTED && isnan(f.test.chance));
    CHECK(f.n_labels == 0 && f.n_slices == 0 && f.n_pairs == 0 && !f.has_truth);
    CHECK(isnan(f.accuracy[TR_ANSWERER_MIX].macro_f1) && isnan(f.stage[0].share.value));
    tr_figures_free(&f);
    tr_audit_free(&a);
}

/* Thinning by the text would leave out all of one text, or none: there is no test then. */
static void rows_without_an_id_are_not_thinned(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 4000, .label = "x", .teacher = "y", .p = .05});
    count(&a, (some_rows){.n = 1, .label = "x", .teacher = "y", .p = .2, .nameless = true});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.test.verdict == TR_VERDICT_UNTESTED && f.test.nameless && f.test.rows == 0);
    tr_figures_free(&f);
    tr_audit_free(&a);
    /* where all have one propensity none has to be left out */
    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 4000, .label = "x", .teacher = "y", .p = .05, .nameless = true});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.test.verdict == TR_VERDICT_CONTRADICTED && !f.test.nameless);
    tr_figures_free(&f);
    tr_audit_free(&a);
}

static void rows_are_thinned_to_one_propensity(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 4000, .label = "x", .teacher = "x", .p = .05});
    count(&a, (some_rows){.n = 4000, .label = "x", .teacher = "y", .p = .2});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    const double q = f.test.propensity;
    CHECK(f.test.thinned && q <= .05 && q > .05 * 16 / 17);
    /* Of either kind a share q/p, give or take four standard deviations. */
    CHECK_NEAR((double)f.test.agreed, 4000 * q / .05, 100);
    CHECK_NEAR((double)(f.test.rows - f.test.agreed), 4000 * q / .2, 110);
    CHECK(f.test.verdict == TR_VERDICT_CONTRADICTED);
    CHECK(f.agreement.method == TR_METHOD_WILSON);
    CHECK_NEAR(f.agreement.value, 0.8, 1e-12);
    tr_figures_free(&f);
    tr_audit_free(&a);
}

/* 80 of 100 handled, 20 of those with a teacher: each stands for 4. */
static void labels_are_put_together_by_side(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 12, .label = "a", .teacher = "a", .p = .25});
    count(&a, (some_rows){.n = 3, .label = "b", .teacher = "a", .p = .25});
    count(&a, (some_rows){.n = 5, .label = "b", .teacher = "b", .p = .25});
    count(&a, (some_rows){.n = 60, .label = "a", .p = .25});
    count(&a, (some_rows){.n = 5, .teacher = "a"});
    count(&a, (some_rows){.n = 15, .teacher = "b"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.n_labels == 2);
    const tr_label_figures *l = &f.label[0];
    CHECK(tr_str_equal(l->group.name, tr_str_c("a")) && l->group.rows == 20 && !l->group.pooled);
    CHECK_NEAR(l->group.share.value, .8 * .75 + .2 * .25, 1e-12);
    CHECK_NEAR(l->group.share.effective, 1 / (20 * .04 * .04 + 20 * .01 * .01), 1e-9);
    CHECK(l->group.share.n == 40 && l->group.share.method == TR_METHOD_WILSON);
    CHECK_NEAR(l->group.coverage.value, .6 / .65, 1e-12);
    CHECK_NEAR(l->group.coverage.effective, .65 * .65 / (15 * .0016 + 5 * .0001), 1e-9);
    CHECK(l->group.coverage.low < .6 / .65 && l->group.coverage.high > .6 / .65);
    CHECK_NEAR(l->group.agreement.value, .8, 1e-12);
    CHECK(l->group.agreement.method == TR_METHOD_EXACT);
    CHECK_NEAR(l->group.wrong, .6 * .2, 1e-12);
    CHECK(l->answered == 72 && l->confirmed.value == 1 && l->confirmed.n == 12);
    CHECK_NEAR(f.label[1].confirmed.value, 5. / 8, 1e-12);
    tr_figures_free(&f);

    /* Of what was deferred nothing is known: it may be of any label. */
    tr_audit_free(&a);
    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 20, .label = "a", .teacher = "a"});
    count(&a, (some_rows){.n = 5});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.n_labels == 1 && isnan(f.label[0].group.share.value));
    CHECK(isnan(f.label[0].group.coverage.value));
    CHECK(f.label[0].group.coverage.method == TR_METHOD_NONE);
    CHECK(f.label[0].group.agreement.value == 1 && f.label[0].group.wrong == 0);
    tr_figures_free(&f);
    tr_audit_free(&a);
}

static bool named(const tr_label_figures *l, const char *name)
{
    return tr_str_equal(l->group.name, tr_str_c(name));
}

static void labels_in_order_and_pooled(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 20, .label = "good", .teacher = "good"});
    count(&a, (some_rows){.n = 20, .label = "fine", .teacher = "fine"});
    count(&a, (some_rows){.n = 20, .teacher = "hard"});
    count(&a, (some_rows){.n = 2, .label = "good", .teacher = "bad"});
    count(&a, (some_rows){.n = 8, .teacher = "bad"});
    count(&a, (some_rows){.n = 9, .label = "rare", .teacher = "rare"});
    count(&a, (some_rows){.n = 1, .label = "good", .teacher = "odd"});
    count(&a, (some_rows){.n = 4, .label = "made up", .teacher = "good", .truth = "never said"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.n_labels == 5);
    CHECK(named(&f.label[0], "good") && named(&f.label[1], "bad") && named(&f.label[2], "hard"));
    CHECK(named(&f.label[3], "fine"));
    CHECK(f.label[1].group.share.method == TR_METHOD_EXACT &&
          f.label[1].group.coverage.value == .2);
    CHECK_NEAR(f.label[0].group.wrong, 4. / 84, 1e-12);
    const tr_label_figures *rest = &f.label[4];
    CHECK(rest->group.pooled == 3 && rest->group.name.size == 0 && rest->counts == NULL);
    CHECK(rest->group.rows == 10 && rest->group.coverage.value == 1 && rest->answered == 13);
    CHECK_NEAR(rest->group.agreement.value, .9, 1e-12);
    CHECK_NEAR(rest->confirmed.value, 9. / 13, 1e-12);
    tr_figures_free(&f);
    tr_audit_free(&a);
}

static const char *letters(int n)
{
    static const char many[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    return many + sizeof many - 1 - n;
}

static void slices_by_length(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NINETY, NULL);
    for (int n = 1; n <= 12; n++) {
        count(&a,
              (some_rows){.n = 2, .label = "x", .teacher = n > 8 ? "y" : "x", .input = letters(n)});
        count(&a, (some_rows){.n = 1, .input = letters(n)});
    }
    count(&a, (some_rows){.n = 4});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.slices_by_length && f.n_slices == 4);
    CHECK(tr_str_equal(f.slice[0].name, tr_str_c("up to 4 characters")));
    CHECK(tr_str_equal(f.slice[1].name, tr_str_c("5 to 8 characters")));
    CHECK(tr_str_equal(f.slice[2].name, tr_str_c("more than 8 characters")));
    CHECK(tr_str_equal(f.slice[3].name, tr_str_c("(none)")) && f.slice[3].rows == 4);
    for (int i = 0; i < 3; i++) {
        CHECK(f.slice[i].rows == 12 && f.slice[i].share.value == .3);
        CHECK_NEAR(f.slice[i].coverage.value, 2. / 3, 1e-12);
        CHECK(f.slice[i].agreement.value == (i < 2) && f.slice[i].agreement.n == 8);
        CHECK_NEAR(f.slice[i].wrong, i < 2 ? 0 : .2, 1e-12);
    }
    tr_figures_free(&f);
    tr_audit_free(&a);

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 90, .label = "x", .input = "ten letter"});
    count(&a, (some_rows){.n = 10, .label = "x", .input = "more letters"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.n_slices == 2 && f.slice[0].rows == 90 && f.slice[1].rows == 10);
    CHECK(tr_str_equal(f.slice[0].name, tr_str_c("up to 10 characters")));
    CHECK(tr_str_equal(f.slice[1].name, tr_str_c("more than 10 characters")));
    tr_figures_free(&f);
    tr_audit_free(&a);
}

static void slices_by_key(void)
{
    tr_audit a;
    tr_figures f;
    char value[] = "a";

    begin(&a, &NINETY, "channel");
    for (int i = 0; i < 25; i++) {
        value[0] = (char)('a' + i);
        count(&a, (some_rows){.n = 25 - i, .label = "x", .teacher = "x", .by = value});
    }
    count(&a, (some_rows){.n = 3, .label = "x", .teacher = "y"});
    count(&a, (some_rows){.n = 2});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(!f.slices_by_length && f.n_slices == 22);
    CHECK(f.slice[0].rows == 25 && tr_str_equal(f.slice[0].name, tr_str_c("a")));
    CHECK(f.slice[19].rows == 6 && f.slice[20].rows == 15 && f.slice[20].pooled == 5);
    CHECK(tr_str_equal(f.slice[21].name, tr_str_c("(none)")) && f.slice[21].rows == 5);
    CHECK(f.slice[21].coverage.value == .6 && f.slice[21].agreement.value == 0);
    CHECK_NEAR(f.slice[21].wrong, 3. / 330, 1e-12);
    tr_figures_free(&f);
    tr_audit_free(&a);
}

static void pairs(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 3, .label = "a", .teacher = "b", .p = .5, .input = "text"});
    count(&a, (some_rows){.n = 3, .label = "b", .teacher = "a"});
    count(&a, (some_rows){.n = 2, .would = "b", .teacher = "a", .why = TR_WHY_LOW});
    count(&a, (some_rows){.n = 4, .would = "c", .teacher = "a", .why = TR_WHY_LOW});
    count(&a, (some_rows){.n = 9, .label = "a", .teacher = "a"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.n_pairs == 3 && f.pairs_in_all == 3);
    CHECK(tr_str_equal(f.pair[0].said, tr_str_c("b")) &&
          tr_str_equal(f.pair[0].meant, tr_str_c("a")));
    CHECK(f.pair[0].rows == 3 && f.pair[0].deferred == 2);
    CHECK_NEAR(f.pair[0].share, 3. / 9, 1e-12);
    CHECK_NEAR(f.pair[1].share, 6. / 9, 1e-12);
    CHECK(f.pair[1].examples->n > 0 && strcmp(f.pair[1].examples->at[0].text, "text") == 0);
    CHECK(f.pair[2].rows == 0 && f.pair[2].deferred == 4 && f.pair[2].share == 0);
    tr_figures_free(&f);
    tr_audit_free(&a);
}

static void truth(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 6, .label = "a", .teacher = "a", .truth = "a"});
    count(&a, (some_rows){.n = 2, .label = "a", .teacher = "b", .truth = "b"});
    count(&a, (some_rows){.n = 1, .label = "b", .teacher = "a", .truth = "b"});
    count(&a, (some_rows){.n = 1, .label = "a", .teacher = "a"});
    count(&a, (some_rows){.n = 3, .teacher = "b", .truth = "c"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.has_truth);
    CHECK_NEAR(f.accuracy[TR_ANSWERER_SURROGATE].accuracy.value, 7. / 9, 1e-12);
    CHECK_NEAR(f.accuracy[TR_ANSWERER_TEACHER_HANDLED].accuracy.value, 8. / 9, 1e-12);
    CHECK_NEAR(f.accuracy[TR_ANSWERER_TEACHER].accuracy.value, 8. / 12, 1e-12);
    CHECK_NEAR(f.accuracy[TR_ANSWERER_MIX].accuracy.value, 7. / 12, 1e-12);
    /* a: said 8, true 6, hit 6; b: said 1, true 3, hit 1 */
    CHECK_NEAR(f.accuracy[TR_ANSWERER_SURROGATE].macro_f1, (12. / 14 + 2. / 4) / 2, 1e-12);
    /* a: 7, 6, 6; b: 2 + 3, 3, 2; c: 0, 3, 0 */
    CHECK_NEAR(f.accuracy[TR_ANSWERER_TEACHER].macro_f1, (12. / 13 + 4. / 8) / 3, 1e-12);
    tr_figures_free(&f);
    tr_audit_free(&a);
}

static void stages(void)
{
    tr_promise policy = NINETY;
    tr_audit a;
    tr_figures f;

    policy.policy = policy.deployed = true;
    policy.coverage = .75;
    begin(&a, &policy, NULL);
    count(&a, (some_rows){.n = 6, .label = "a", .teacher = "a", .stage = 1});
    count(&a, (some_rows){.n = 1, .label = "a", .teacher = "a", .stage = 2});
    count(&a, (some_rows){.n = 1, .label = "a", .teacher = "b", .stage = 2});
    count(&a, (some_rows){.n = 2, .teacher = "b"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    CHECK(f.n_stages == 2 && f.stage[0].rows == 6 && f.stage[1].coverage.value == .2);
    CHECK(f.stage[1].agreement.value == .5 && tr_str_equal(f.stage[1].name, tr_str_c("stage 2")));
    CHECK_NEAR(f.stage[1].wrong, .1, 1e-12);
    CHECK(f.expected_coverage.value == .75 && isnan(f.expected_coverage.low));
    tr_figures_free(&f);
    tr_audit_free(&a);
}

static void sums_that_are_full(void)
{
    tr_audit a;
    tr_figures f;
    tr_err err;

    begin(&a, &NINETY, NULL);
    count(&a, (some_rows){.n = 1, .label = "a", .teacher = "a"});
    a.tally.handled.s = UINT64_MAX;
    CHECK(tr_figures_make(&f, &a, &err) == TR_DATA);
    tr_audit_free(&a);
}

int main(void)
{
    CASE(verdicts);
    CASE(a_promise_over_all_traffic);
    CASE(labels_to_withhold);
    CASE(accuracy_on_all_needs_both_sides);
    CASE(nothing_is_handled);
    CASE(no_rows_at_all);
    CASE(rows_are_thinned_to_one_propensity);
    CASE(rows_without_an_id_are_not_thinned);
    CASE(labels_are_put_together_by_side);
    CASE(labels_in_order_and_pooled);
    CASE(slices_by_length);
    CASE(slices_by_key);
    CASE(pairs);
    CASE(truth);
    CASE(stages);
    CASE(sums_that_are_full);
    return CHECK_END;
}
