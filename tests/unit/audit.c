#include "audit/audit.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"

static tr_err err;

static tr_audit make(const char *by)
{
    tr_audit a;
    CHECK(tr_audit_init(&a, NULL, by, &err) == TR_OK);
    return a;
}

/* A row: answered with `said` or (said NULL) deferred. Texts may be NULL. */
static tr_outcome row(const char *said, const char *teacher, double propensity, const char *input)
{
    static uint64_t key;
    tr_outcome o = {.handled = said, .score = 700000, .stage = said ? 1 : 0};
    o.label = o.would = (tr_str){said, said ? strlen(said) : 0};
    o.teacher = (tr_str){teacher, teacher ? strlen(teacher) : 0};
    o.input = (tr_str){input, input ? strlen(input) : 0};
    o.why = said ? TR_WHY_UNSAID : TR_WHY_LOW;
    o.propensity = propensity;
    o.key = ++key * 0x9e3779b97f4a7c15u;
    return o;
}

static void add(tr_audit *a, tr_outcome o)
{
    CHECK(tr_audit_add(a, &o, &err) == TR_OK);
}

static const tr_audit_label *label(const tr_audit *a, const char *name)
{
    static const tr_audit_label none;
    const tr_audit_label *l = tr_roll_look(&a->labels, tr_str_c(name));
    CHECK(l);
    return l ? l : &none;
}

static const tr_audit_pair *pair(tr_audit *a, const char *said, const char *meant)
{
    tr_buf_clear(&a->name);
    tr_audit_pair_name(tr_str_c(said), tr_str_c(meant), &a->name);
    return tr_roll_look(&a->pairs, tr_buf_str(&a->name));
}

static bool is(tr_sum s, uint64_t n, double weight)
{
    return s.n == n && fabs((double)s.w / 1e6 - weight) < 1e-5;
}

static void lengths_have_bins(void)
{
    uint32_t last = 0;
    for (uint64_t n = 0; n < 200000; n++) {
        uint32_t bin = tr_audit_length_bin(n);
        CHECK(bin < TR_AUDIT_LENGTHS && (bin == last || bin == last + 1));
        CHECK(tr_audit_length_least(bin) <= n);
        CHECK((tr_audit_length_least(bin) == n) == (n == 0 || bin != last));
        last = bin;
    }
    CHECK(last == TR_AUDIT_LENGTHS - 1);
    CHECK(tr_audit_length_bin(UINT64_MAX) == TR_AUDIT_LENGTHS - 1);
    CHECK(tr_audit_length_bin(15) == 15 && tr_audit_length_bin(19) == 16);
    CHECK(tr_audit_length_least(20) == 32 && tr_audit_length_least(21) == 40);
    CHECK(tr_audit_length_least(63) == 57344);
}

static void chances_have_bins(void)
{
    CHECK(tr_audit_thin_chance(0) == 0 && tr_audit_thin_bin(0) == 0);
    CHECK(tr_audit_thin_bin(1e-7) == 0 && tr_audit_thin_bin(0.999999) == TR_AUDIT_THIN - 1);
    CHECK(tr_audit_thin_bin(-1) == 0 && tr_audit_thin_bin(0x1p-20) == 0);
    CHECK(tr_audit_thin_bin(1) == TR_AUDIT_THIN - 1);
    CHECK(tr_audit_thin_chance(TR_AUDIT_THIN - 16) == .5);
    CHECK(tr_audit_thin_chance(TR_AUDIT_THIN - 15) == .53125);
    CHECK(tr_audit_thin_chance(TR_AUDIT_THIN) == 1);
    for (uint32_t b = 1; b < TR_AUDIT_THIN; b++) {
        double q = tr_audit_thin_chance(b);
        CHECK(tr_audit_thin_bin(q) == b && tr_audit_thin_bin(nextafter(q, 0)) == b - 1);
        CHECK(tr_audit_thin_bin(nextafter(q, 1)) == b && tr_audit_thin_bin(q * 1.03) == b);
    }
}

static void pairs_have_names(void)
{
    static const char *const part[] = {"", "a", "ab", "b", "a\nb"};
    tr_buf b;
    tr_buf_init(&b);
    for (int i = 0; i < 25; i++) {
        tr_str said, meant, s = tr_str_c(part[i / 5]), m = tr_str_c(part[i % 5]);
        tr_buf_clear(&b);
        tr_audit_pair_name(s, m, &b);
        CHECK(tr_audit_pair_parts(tr_buf_str(&b), &said, &meant));
        CHECK(tr_str_equal(said, s) && tr_str_equal(meant, m));
    }
    tr_str said, meant;
    CHECK(!tr_audit_pair_parts(tr_str_of("\4\0\0\0abc", 7), &said, &meant));
    CHECK(!tr_audit_pair_parts(tr_str_of("\0\0\0", 3), &said, &meant));
    tr_buf_free(&b);
}

static void each_row_counts_where_it_belongs(void)
{
    tr_audit a = make(NULL);
    add(&a, row("x", "x", 1, "one"));
    add(&a, row("x", "y", 0.25, "two"));
    tr_outcome o = row("y", "y", 0.5, NULL);
    o.stage = 2;
    o.shadow = true;
    add(&a, o);
    add(&a, row("x", NULL, 0.1, "three")); /* unknown */
    add(&a, row("x", NULL, 0, "four"));    /* unknowable */
    add(&a, row("x", "y", 0, "five"));     /* unweighable, both */
    add(&a, row(NULL, "z", 0, "six"));
    add(&a, row(NULL, "x", 1, "seven"));
    o = row(NULL, NULL, 1, "eight");
    o.why = TR_WHY_NOVEL;
    add(&a, o);
    add(&a, row("w", "w", 1e-9, "nine")); /* as one in a million */

    CHECK(a.handled == 7 && a.deferred == 3 && a.inputs == 9);
    CHECK(a.stage[0] == 6 && a.stage[1] == 1 && a.shadowed == 1);
    CHECK(a.unknown == 1 && a.unknowable == 1 && a.unweighable == 2);
    CHECK(a.why[TR_WHY_LOW] == 2 && a.why[TR_WHY_NOVEL] == 1 && a.why[TR_WHY_UNSAID] == 0);
    CHECK(is(a.tally.handled, 4, 1 + 4 + 2 + 1e6) && is(a.tally.agreed, 3, 1 + 2 + 1e6));
    CHECK(is(a.tally.deferred, 1, 1));
    CHECK(is(a.stage_tested[0], 3, 1 + 4 + 1e6) && is(a.stage_agreed[0], 2, 1 + 1e6));
    CHECK(is(a.stage_tested[1], 1, 2) && is(a.stage_agreed[1], 1, 2));
    CHECK(a.least_propensity == TR_TALLY_LEAST);
    CHECK(a.truth_all.n == 0);

    const tr_audit_label *x = label(&a, "x"), *y = label(&a, "y");
    CHECK(is(x->teacher.handled, 1, 1) && is(x->teacher.agreed, 1, 1));
    CHECK(is(x->teacher.deferred, 1, 1));
    CHECK(x->answered == 5 && is(x->tested, 2, 5) && is(x->confirmed, 1, 1));
    CHECK(x->handled.n == 1 && !strcmp(x->handled.at[0].text, "one"));
    CHECK(x->deferred.n == 1 && !strcmp(x->deferred.at[0].text, "seven"));
    CHECK(is(y->teacher.handled, 2, 6) && is(y->teacher.agreed, 1, 2) && y->answered == 1);
    CHECK(y->handled.n == 1); /* the other one has no text */
    CHECK(a.labels.n == 3);   /* z was not counted */
    tr_audit_free(&a);
}

static void least_propensity_is_of_handled_rows(void)
{
    tr_audit a = make("");
    CHECK(a.least_propensity == 1);
    add(&a, row(NULL, "x", 0.01, NULL));
    add(&a, row("x", NULL, 0.02, NULL));
    CHECK(a.least_propensity == 1);
    add(&a, row("x", "x", 0.2, NULL));
    add(&a, row("x", "x", 0.5, NULL));
    CHECK(a.least_propensity == 0.2);
    tr_audit_free(&a);
}

static tr_outcome judged(const char *said, const char *teacher, const char *truth)
{
    tr_outcome o = row(said, teacher, 0.5, NULL);
    o.truth = tr_str_c(truth);
    return o;
}

static void answerers_are_held_against_the_truth(void)
{
    enum { S = TR_ANSWERER_SURROGATE, H, T, M };
    tr_audit a = make(NULL);
    add(&a, judged("x", "x", "x"));
    add(&a, judged("x", "y", "y"));
    add(&a, judged("x", "y", "x"));
    add(&a, judged(NULL, "x", "x"));
    add(&a, judged(NULL, "y", "z")); /* a label of the truth alone */
    tr_outcome o = judged("x", NULL, "x");
    o.teacher = (tr_str){0}; /* no teacher: not judged */
    add(&a, o);
    o = judged("x", "x", "x");
    o.propensity = 0;
    add(&a, o);
    CHECK(is(a.truth_all, 5, 10) && is(a.truth_handled, 3, 6));
    CHECK(is(a.right[S], 2, 4) && is(a.right[H], 2, 4));
    CHECK(is(a.right[T], 3, 6) && is(a.right[M], 3, 6));

    const uint64_t two = 2000000; /* the weight of a row */
    const tr_audit_label *x = label(&a, "x"), *y = label(&a, "y"), *z = label(&a, "z");
    CHECK(x->truth[0] == 2 * two && x->truth[1] == 3 * two);
    CHECK(y->truth[0] == two && y->truth[1] == two && z->truth[0] == 0 && z->truth[1] == two);
    CHECK(x->said[S] == 3 * two && x->hit[S] == 2 * two && y->said[S] == 0);
    CHECK(x->said[H] == two && x->hit[H] == two && y->said[H] == 2 * two && y->hit[H] == two);
    CHECK(x->said[T] == 2 * two && x->hit[T] == 2 * two);
    CHECK(y->said[T] == 3 * two && y->hit[T] == two);
    CHECK(x->said[M] == 4 * two && x->hit[M] == 3 * two);
    CHECK(y->said[M] == two && y->hit[M] == 0 && z->said[M] == 0 && z->hit[M] == 0);
    CHECK(z->teacher.deferred.n == 0 && z->answered == 0);
    tr_audit_free(&a);
}

static void pairs_are_of_both_sides(void)
{
    tr_audit a = make(NULL);
    add(&a, row("x", "y", 0.5, "first"));
    add(&a, row("x", "y", 1, NULL));
    add(&a, row("x", "x", 1, "same"));
    add(&a, row("x", NULL, 1, "unknown"));
    add(&a, row("x", "y", 0, "no weight"));
    add(&a, row(NULL, "y", 1, "not said"));
    tr_outcome o = row(NULL, "y", 1, "would be");
    o.would = tr_str_c("x");
    add(&a, o);
    o.would = tr_str_c("y");
    add(&a, o);
    CHECK(a.pairs.n == 1);
    const tr_audit_pair *p = pair(&a, "x", "y");
    CHECK(p && is(p->handled, 2, 3) && p->deferred == 1 && p->examples.n == 2);
    CHECK(!pair(&a, "y", "x"));
    tr_audit_free(&a);
}

static void scores_have_bins(void)
{
    static const uint32_t score[] = {0, 999, 1000, 999999, 1000000};
    static const uint32_t bin[] = {0, 0, 1, 999, 999};
    tr_audit a = make(NULL);
    for (int i = 0; i < 5; i++) {
        tr_outcome o = row("x", i % 2 ? "y" : "x", 0.5, NULL);
        o.score = score[i];
        add(&a, o);
        CHECK(a.bin[bin[i]].handled == (i == 1 || i == 4 ? 2 : 1));
    }
    CHECK(is(a.bin[0].tested, 2, 4) && is(a.bin[0].agreed, 1, 2) && a.bin[0].score == 999);
    CHECK(a.bin[999].score == 1999999 && a.bin[999].low == 0);
    tr_outcome o = row("x", "x", 1, NULL);
    o.score = TR_OUTCOME_NO_SCORE;
    add(&a, o);
    o = row("x", NULL, 1, NULL);
    add(&a, o);
    CHECK(a.bin[700].handled == 1 && a.bin[700].tested.n == 0 && a.bin[700].score == 0);

    o = row(NULL, "x", 1, NULL); /* low, but what it would have said is not known */
    add(&a, o);
    CHECK(a.bin[700].low == 1 && a.bin[700].low_tested.n == 0);
    o.would = tr_str_c("x");
    add(&a, o);
    o.would = tr_str_c("y");
    add(&a, o);
    o.why = TR_WHY_NOVEL;
    add(&a, o);
    o.why = TR_WHY_LOW;
    o.teacher = (tr_str){0};
    add(&a, o);
    CHECK(a.bin[700].low == 4 && is(a.bin[700].low_tested, 2, 2));
    CHECK(is(a.bin[700].low_agreed, 1, 1) && a.bin[700].score == 1400000);
    CHECK(a.bin[700].handled == 1);
    tr_audit_free(&a);
}

static void slices_are_by_key_and_length(void)
{
    tr_audit a = make("channel");
    tr_outcome o = row("x", "x", 1,
                       "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"
                       "seven bytes more, and on"); /* 3 + 24 characters */
    o.by = tr_str_c("web");
    add(&a, o);
    o.teacher = tr_str_c("y");
    add(&a, o);
    o.handled = false;
    o.input = (tr_str){0};
    add(&a, o);
    add(&a, row("x", "x", 1, "")); /* a text, of no length; no value */
    CHECK(a.slices.n == 1);
    const tr_audit_slice *s = tr_roll_look(&a.slices, tr_str_c("web"));
    CHECK(s && s->handled == 2 && s->deferred == 1);
    CHECK(s && s->tally.handled.n == 2 && s->tally.agreed.n == 1 && s->tally.deferred.n == 1);
    const tr_audit_slice *l = &a.length[tr_audit_length_bin(27)];
    CHECK(tr_audit_length_bin(27) != tr_audit_length_bin(33));
    CHECK(l->handled == 2 && l->deferred == 0 && l->tally.agreed.n == 1);
    CHECK(a.length[0].handled == 1 && a.inputs == 3);
    tr_audit_free(&a);
}

static void words_are_of_the_teachers_label_and_of_all(void)
{
    tr_audit a = make(NULL);
    tr_words split = {0};
    uint64_t hash[TR_LEXICON_WORDS];
    uint32_t handled, deferred;
    add(&a, row("x", "y", 1, "Card card lost"));
    add(&a, row(NULL, "y", 1, "card"));
    add(&a, row("x", NULL, 1, "card"));
    add(&a, row("x", "y", 0, "card"));
    CHECK(tr_lexicon_words(&split, tr_str_c("card lost"), hash) == 2);
    tr_lexicon_look(&a.words, tr_lexicon_label(tr_str_c("y")), hash[0], &handled, &deferred);
    CHECK(handled == 1 && deferred == 1);
    tr_lexicon_look(&a.words, tr_lexicon_label(tr_str_c("x")), hash[0], &handled, &deferred);
    CHECK(handled == 0 && deferred == 0);
    tr_lexicon_look(&a.words, 0, hash[0], &handled, &deferred);
    CHECK(handled == 3 && deferred == 1);
    tr_lexicon_look(&a.words, 0, hash[1], &handled, &deferred);
    CHECK(handled == 1 && deferred == 0);
    tr_words_free(&split);
    tr_audit_free(&a);
}

/* Rows below q are as if each had been known with chance q. */
static void thinning_evens_out(void)
{
    enum { ROWS = 20000 };
    tr_audit a = make(NULL);
    for (int i = 0; i < ROWS; i++)
        add(&a, row(i % 3 ? "x" : NULL, i % 3 == 1 ? "x" : "y", i % 2 ? 0.2 : 1, NULL));
    uint32_t bin = tr_audit_thin_bin(0.1);
    double handled = 0, agreed = 0, all = 0;
    for (uint32_t b = 0; b < TR_AUDIT_THIN; b++) {
        all += (double)a.thin_handled[b];
        handled += b < bin ? (double)a.thin_handled[b] : 0;
        agreed += b < bin ? (double)a.thin_agreed[b] : 0;
    }
    double q = tr_audit_thin_chance(bin); /* of v = p u below q: half the rows q, half 5 q */
    CHECK(all == (double)a.tally.handled.n && a.nameless == a.tally.handled.n);
    CHECK_NEAR(handled / (3 * q * ROWS), 2.0 / 3, 0.04);
    CHECK_NEAR(agreed / handled, 0.5, 0.03);
    tr_audit_free(&a);
}

static void long_names_are_cut(void)
{
    enum { SIZE = TR_AUDIT_NAME + 9 };
    char one[SIZE + 1] = "", two[SIZE + 1] = "";
    memset(one, 'n', SIZE);
    memcpy(one + TR_AUDIT_NAME - 1, "\xC3\xA9", 2); /* across the end */
    memcpy(two, one, SIZE);
    two[SIZE - 1] = 'o';
    tr_audit a = make("k");
    tr_outcome o = row(one, two, 1, "text");
    o.by = tr_str_c(one);
    add(&a, o);
    one[TR_AUDIT_NAME - 1] = '\0';
    CHECK(a.labels.n == 1 && label(&a, one)->answered == 1 && label(&a, one)->teacher.handled.n);
    CHECK(tr_roll_look(&a.slices, tr_str_c(one)));
    /* but they are not the same */
    CHECK(a.tally.agreed.n == 0 && label(&a, one)->confirmed.n == 0 && pair(&a, one, one));
    tr_audit_free(&a);
}

/* Handled rows that the policy would have deferred; without a policy there is nothing below. */
static void answers_below_the_threshold(void)
{
    tr_promise p = {
        .there = true, .alpha = 0.9, .delta = 0.05, .policy = true, .threshold = 600000};
    for (int policy = 0; policy < 2; policy++) {
        tr_audit a;
        p.policy = policy;
        CHECK(tr_audit_init(&a, &p, NULL, &err) == TR_OK);
        static const uint32_t score[] = {599999, 600000, 1000000, 0, TR_OUTCOME_NO_SCORE};
        for (int i = 0; i < 5; i++)
            for (int handled = 0; handled < 2; handled++) {
                tr_outcome o = {.handled = handled, .score = score[i], .propensity = 1};
                if (handled)
                    o.label = o.would = tr_str_c("x");
                CHECK(tr_audit_add(&a, &o, &err) == TR_OK);
            }
        CHECK(a.below == (policy ? 2 : 0));
        CHECK(tr_audit_merge(&a, &a, &err) == TR_OK && a.below == (policy ? 4 : 0));
        tr_audit_free(&a);
    }
}

static tr_code merged(const tr_promise *p, const tr_promise *q, const char *by, const char *other)
{
    tr_audit a, b;
    CHECK(tr_audit_init(&a, p, by, &err) == TR_OK && tr_audit_init(&b, q, other, &err) == TR_OK);
    add(&a, row("x", "y", 0.5, "text"));
    add(&b, row("x", "x", 0.2, "texts"));
    err = (tr_err){0};
    tr_code code = tr_audit_merge(&a, &b, &err);
    CHECK(code == TR_OK ? is(a.tally.handled, 2, 7) && a.least_propensity == 0.2 : *err.message);
    tr_audit_free(&a);
    tr_audit_free(&b);
    return code;
}

static void only_what_is_alike_is_merged(void)
{
    const tr_promise p = {.there = true, .alpha = 0.9, .delta = 0.05, .digest = "00"};
    tr_promise q = p;
    CHECK(merged(&p, &q, NULL, "") == TR_OK && merged(&p, &q, "k", "k") == TR_OK);
    CHECK(merged(&p, NULL, NULL, NULL) == TR_DATA && strstr(err.message, "against no promise"));
    CHECK(merged(&p, &q, "k", "l") == TR_DATA && strstr(err.message, "by l, those"));
    CHECK(merged(&p, &q, "k", NULL) == TR_DATA);
    q.alpha = 0.91;
    CHECK(merged(&p, &q, NULL, NULL) == TR_DATA &&
          strstr(err.message, "alpha 0.91, the reports before it against 0.9"));
    q = p;
    q.digest[0] = '1';
    CHECK(merged(&p, &q, NULL, NULL) == TR_DATA && strstr(err.message, "on other traces"));
    q = p;
    q.threshold = 1;
    CHECK(merged(&p, &q, NULL, NULL) == TR_DATA && strstr(err.message, "another fit"));
    q = p;
    q.overall = true;
    CHECK(merged(&p, &q, NULL, NULL) == TR_DATA && strstr(err.message, "about all traffic, that"));
    q = p;
    q.policy = true;
    CHECK(merged(&q, &p, NULL, NULL) == TR_DATA && strstr(err.message, "was given by --alpha"));
    char key[TR_AUDIT_KEY + 1] = "";
    tr_audit a;
    memset(key, 'k', TR_AUDIT_KEY);
    CHECK(tr_audit_init(&a, NULL, key, &err) == TR_USAGE);
}

int main(void)
{
    CASE(lengths_have_bins);
    CASE(chances_have_bins);
    CASE(pairs_have_names);
    CASE(each_row_counts_where_it_belongs);
    CASE(least_propensity_is_of_handled_rows);
    CASE(answerers_are_held_against_the_truth);
    CASE(pairs_are_of_both_sides);
    CASE(scores_have_bins);
    CASE(slices_are_by_key_and_length);
    CASE(words_are_of_the_teachers_label_and_of_all);
    CASE(thinning_evens_out);
    CASE(long_names_are_cut);
    CASE(answers_below_the_threshold);
    CASE(only_what_is_alike_is_merged);
    return CHECK_END;
}
