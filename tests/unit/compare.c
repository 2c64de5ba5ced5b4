#include "audit/compare.h"

#include "check.h"
#include "decisions.h"
#include "maths/stat.h"

#include <math.h>

static const tr_promise NOTHING = {0};

/* Before and after. */
typedef struct {
    tr_audit audit[2];
    tr_figures figures[2];
    tr_comparison found;
} two;

static void two_begin(two *t)
{
    for (int i = 0; i < 2; i++)
        begin(&t->audit[i], &NOTHING, NULL);
}

static void two_compare(two *t)
{
    for (int i = 0; i < 2; i++)
        CHECK(tr_figures_make(&t->figures[i], &t->audit[i], NULL) == TR_OK);
    CHECK(tr_compare(&t->found, &t->figures[0], &t->figures[1], NULL) == TR_OK);
}

static void two_free(two *t)
{
    tr_comparison_free(&t->found);
    for (int i = 0; i < 2; i++) {
        tr_figures_free(&t->figures[i]);
        tr_audit_free(&t->audit[i]);
    }
}

static const tr_move *find(const two *t, tr_moved_what what, const char *label)
{
    for (size_t i = 0; i < t->found.n; i++) {
        const tr_move *m = &t->found.move[i];
        if (m->what == what &&
            (label == NULL ? m->label.data == NULL
                           : m->label.data != NULL && tr_str_equal(m->label, tr_str_c(label))))
            return m;
    }
    return NULL;
}

static void what_moved(void)
{
    two t;

    two_begin(&t);
    for (int i = 0; i < 2; i++) {
        tr_audit *a = &t.audit[i];
        count(a, (some_rows){.n = 180, .label = "same", .teacher = "same"});
        count(a, (some_rows){.n = 20, .teacher = "same"});
        count(a, (some_rows){.n = i ? 60 : 95, .label = "worse", .teacher = "worse"});
        count(a, (some_rows){.n = i ? 40 : 5, .label = "same", .teacher = "worse"});
        count(a, (some_rows){.n = i ? 9 : 10, .teacher = "small"});
        count(a, (some_rows){.n = 30, .teacher = i ? "new" : "old"});
        count(a, (some_rows){.n = 9, .label = "same", .teacher = "shy"});
        count(a, (some_rows){.n = 1, .teacher = "shy"});
    }
    two_compare(&t);
    /* all: 2; same: 3; worse: 3; shy: no agreement, too few rows; small, old, new: the share */
    CHECK(t.found.n == 13 && t.found.moved == 4);
    CHECK(find(&t, TR_MOVED_COVERAGE, "small") == NULL &&
          find(&t, TR_MOVED_COVERAGE, "new") == NULL);
    const tr_move *small = find(&t, TR_MOVED_SHARE, "small");
    CHECK(small && !small->moved && small->before.value == 10. / 350);
    CHECK(small && small->after.value == 9. / 349);
    const tr_move *came = find(&t, TR_MOVED_SHARE, "new"), *went = find(&t, TR_MOVED_SHARE, "old");
    CHECK(came && came->moved && came->before.value == 0 && came->after.value == 30. / 349);
    CHECK(went && went->moved && went->before.value == 30. / 350 && went->after.value == 0);
    CHECK(came && went && came->chance < 1e-8 && went->chance < 1e-8);
    CHECK(find(&t, TR_MOVED_AGREEMENT, "shy") == NULL);
    CHECK(find(&t, TR_MOVED_SHARE, "shy") != NULL);
    const tr_move *first = &t.found.move[0];
    const tr_move *second = find(&t, TR_MOVED_AGREEMENT, "worse");
    CHECK(first->moved && first->label.data == NULL && first->what == TR_MOVED_AGREEMENT);
    CHECK_NEAR(first->chance / tr_stat_fisher(275, 289, 240, 289), 1, 1e-12);
    CHECK(second->moved && tr_str_equal(second->label, tr_str_c("worse")));
    CHECK(second->what == TR_MOVED_AGREEMENT && second->before.value == .95);
    CHECK(second->after.value == .6);
    CHECK_NEAR(second->chance / tr_stat_fisher(95, 100, 60, 100), 1, 1e-12);
    CHECK(second->chance < first->chance); /* all traffic stands first all the same */
    CHECK(t.found.move[4].label.data == NULL && !t.found.move[4].moved);
    for (size_t i = 6; i < t.found.n; i++)
        CHECK(t.found.move[i - 1].chance <= t.found.move[i].chance);
    two_free(&t);
}

/* What the other side has is not known where names were left out or nothing is labelled. */
static void what_is_not_known_is_not_compared(void)
{
    for (int crowded = 0; crowded < 2; crowded++) {
        two t;
        two_begin(&t);
        for (int i = 0; i < 2; i++)
            count(&t.audit[i], (some_rows){.n = 100, .label = "a", .teacher = "a"});
        count(&t.audit[1], (some_rows){.n = 50, .teacher = "b"});
        t.audit[0].labels.crowded = crowded;
        two_compare(&t);
        CHECK((find(&t, TR_MOVED_SHARE, "b") != NULL) == !crowded);
        two_free(&t);
    }
    two t;
    two_begin(&t);
    count(&t.audit[0], (some_rows){.n = 100, .label = "a"});
    count(&t.audit[0], (some_rows){.n = 50, .teacher = "a"});
    count(&t.audit[1], (some_rows){.n = 50, .teacher = "b"});
    two_compare(&t);
    CHECK(find(&t, TR_MOVED_SHARE, "b") == NULL && find(&t, TR_MOVED_SHARE, "a") == NULL);
    two_free(&t);
}

static void promises_beside_each_other(void)
{
    const tr_promise p = {.there = true, .alpha = .9, .policy = true, .digest = "1"};
    const tr_promise other = {.there = true, .alpha = .8, .policy = true, .digest = "2"};
    const struct {
        const tr_promise *was, *is;
        bool promise, policy;
    } of[] = {{&p, &p, false, false},
              {&p, &other, true, true},
              {&p, &NOTHING, true, false},
              {&NOTHING, &NOTHING, false, false}};

    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        two t;
        begin(&t.audit[0], of[i].was, NULL);
        begin(&t.audit[1], of[i].is, NULL);
        two_compare(&t);
        CHECK(t.found.other_promise == of[i].promise && t.found.other_policy == of[i].policy);
        CHECK(isnan(t.found.promised[1]) == !of[i].is->there);
        two_free(&t);
    }
}

/* .0092 is news as the best of five, but not of eight. */
static void many_comparisons_need_more(void)
{
    for (int labels = 0; labels < 3; labels += 2) {
        two t;
        two_begin(&t);
        for (int i = 0; i < 2; i++) {
            count(&t.audit[i], (some_rows){.n = i ? 81 : 94, .label = "a", .teacher = "a"});
            count(&t.audit[i], (some_rows){.n = i ? 19 : 6, .teacher = "a"});
            if (labels)
                count(&t.audit[i], (some_rows){.n = 100, .label = "b", .teacher = "b"});
        }
        two_compare(&t);
        const tr_move *m = find(&t, TR_MOVED_COVERAGE, "a");
        CHECK(m != NULL && m->moved == (labels == 0));
        if (m != NULL)
            CHECK_NEAR(m->chance, 0.009175034285012028, 1e-12);
        two_free(&t);
    }
}

static void effective_rows_count(void)
{
    two t;

    two_begin(&t);
    for (int i = 0; i < 2; i++) {
        count(&t.audit[i], (some_rows){.n = 50, .label = "a", .teacher = "a", .p = .05});
        count(&t.audit[i], (some_rows){.n = 50, .label = "a", .teacher = "a"});
        count(&t.audit[i], (some_rows){.n = i ? 20 : 2, .label = "a", .teacher = "b", .p = .05});
    }
    two_compare(&t);
    const tr_move *m = find(&t, TR_MOVED_AGREEMENT, NULL);
    CHECK(m != NULL);
    if (m != NULL) {
        int64_t n1 = llround(m->before.effective), n2 = llround(m->after.effective);
        CHECK(n1 < 102 && n2 < 120 && m->before.method == TR_METHOD_WILSON);
        CHECK_NEAR(m->chance,
                   tr_compare_fisher(llround(m->before.value * (double)n1), n1,
                                     llround(m->after.value * (double)n2), n2),
                   1e-15);
        CHECK(m->chance > tr_compare_fisher(100, 102, 100, 120) / 1e6 && m->chance < 1);
    }
    two_free(&t);
}

static void nothing_to_compare(void)
{
    two t;

    two_begin(&t);
    count(&t.audit[1], (some_rows){.n = 50, .label = "a", .teacher = "a"});
    two_compare(&t);
    CHECK(t.found.n == 0 && t.found.moved == 0);
    two_free(&t);
    CHECK(tr_compare_fisher(0, 0, 5, 9) == 1);
    CHECK_NEAR(tr_compare_fisher(3, 4, 1, 4), 17. / 35, 1e-14);
}

static tr_money money_of(tr_prices prices, size_t *n_curve)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 10, .label = "x", .teacher = "x", .score = .95}); /* too few */
    count(&a, (some_rows){.n = 40, .label = "x", .teacher = "x", .score = .9});
    count(&a, (some_rows){.n = 15, .label = "x", .teacher = "x", .score = .7});
    count(&a, (some_rows){.n = 15, .label = "x", .teacher = "y", .score = .7});
    count(&a, (some_rows){.n = 20, .teacher = "y"});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    *n_curve = f.n_curve;
    tr_money m = tr_compare_money(&f, prices);
    tr_figures_free(&f);
    tr_audit_free(&a);
    return m;
}

static void money(void)
{
    size_t n;
    tr_money m = money_of((tr_prices){1000, .01, .05}, &n);

    CHECK(n == 3 && m.there && m.priced && m.errors_priced && m.has_best);
    CHECK_NEAR(m.calls_saved, 800, 1e-9);
    CHECK_NEAR(m.saved, 8, 1e-9);
    CHECK_NEAR(m.errors, 150, 1e-9);
    CHECK_NEAR(m.errors_cost, 7.5, 1e-9);
    CHECK_NEAR(m.net, .5, 1e-9);
    CHECK(m.best == 1);
    CHECK_NEAR(m.best_net, 5, 1e-9);
    CHECK(m.best_alpha == .99 && m.elsewhere && m.stricter); /* .5 is far behind 5 */

    m = money_of((tr_prices){1000, .01, .001},
                 &n); /* errors are cheap: answer all that is answered */
    CHECK(m.best == 2);
    CHECK_NEAR(m.best_net, 7.85, 1e-9);
    CHECK(!m.elsewhere && m.best_alpha == .81);      /* 65 of 80 agree */
    m = money_of((tr_prices){1000, .01, .0205}, &n); /* 5 against 4.925: no matter */
    CHECK(m.best == 1 && !m.elsewhere && !m.stricter);

    m = money_of((tr_prices){1000, .01, 0}, &n);
    CHECK(m.there && !m.errors_priced && !m.has_best && m.errors_cost == 0);
    CHECK(isnan(m.best_alpha) && !m.elsewhere);
    CHECK_NEAR(m.net, 8, 1e-9);
    m = money_of((tr_prices){1000, 0, 0}, &n);
    CHECK(m.there && !m.priced && m.saved == 0);
    m = money_of((tr_prices){0}, &n);
    CHECK(!m.there);
}

static void answering_nothing_may_be_cheapest(void)
{
    tr_audit a;
    tr_figures f;

    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 20, .label = "x", .teacher = "x", .score = .9});
    count(&a, (some_rows){.n = 20, .label = "x", .teacher = "y", .score = .9});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    tr_money m = tr_compare_money(&f, (tr_prices){1000, .01, .05});
    CHECK(m.has_best && m.best == f.n_curve && m.best_net == 0 && m.net < 0);
    CHECK(m.elsewhere && m.stricter && isnan(m.best_alpha));
    tr_figures_free(&f);
    tr_audit_free(&a);

    /* Nobody knows what the errors are. */
    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 40, .label = "x", .score = .9});
    CHECK(tr_figures_make(&f, &a, NULL) == TR_OK);
    m = tr_compare_money(&f, (tr_prices){1000, .01, .05});
    CHECK(isnan(m.errors) && isnan(m.net) && m.saved == 10 && !m.has_best);
    tr_figures_free(&f);
    tr_audit_free(&a);
}

int main(void)
{
    CASE(what_moved);
    CASE(what_is_not_known_is_not_compared);
    CASE(promises_beside_each_other);
    CASE(many_comparisons_need_more);
    CASE(effective_rows_count);
    CASE(nothing_to_compare);
    CASE(money);
    CASE(answering_nothing_may_be_cheapest);
    return CHECK_END;
}
