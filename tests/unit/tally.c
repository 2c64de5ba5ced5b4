#include "audit/tally.h"

#include "maths/stat.h"

#include <math.h>

#include "check.h"

static tr_sum of(int rows, double p)
{
    tr_sum s = {0};
    for (int i = 0; i < rows; i++)
        tr_sum_add(&s, p);
    return s;
}

static tr_sum both(tr_sum a, tr_sum b)
{
    tr_sum_merge(&a, &b);
    return a;
}

static bool same(tr_sum a, tr_sum b)
{
    return a.n == b.n && a.w == b.w && a.s == b.s;
}

static void sums(void)
{
    CHECK(same(of(3, 1), (tr_sum){3, 3000000, 3000000}));
    CHECK(same(of(1, .05), (tr_sum){1, 20000000, 400000000}));
    CHECK(same(of(2, 1e-6), (tr_sum){2, 2000000000000, 2000000000000000000}));
    CHECK(same(of(1, 0), of(1, TR_TALLY_LEAST)) && same(of(1, NAN), of(1, TR_TALLY_LEAST)));
    tr_sum a = of(5, .3), b = of(7, .2);
    CHECK(same(both(a, b), both(b, a)) && same(tr_sum_less(both(a, b), b), a));
    CHECK(same(tr_sum_less(a, both(a, b)), (tr_sum){0, 0, 0}));
}

static void full_sums(void)
{
    tr_sum s = of(18, 1e-6);
    CHECK(!tr_sum_full(&s));
    tr_sum_add(&s, 1e-6);
    CHECK(tr_sum_full(&s) && s.s == UINT64_MAX && s.n == 19 && s.w == 19000000000000);
    tr_sum more = both(s, s), rest = tr_sum_less(s, of(1, 1e-6));
    CHECK(more.s == UINT64_MAX && more.n == 38 && tr_sum_full(&rest));
    tr_sum n = {UINT64_MAX, 1, 1}, w = {1, UINT64_MAX, 1};
    CHECK(tr_sum_full(&n) && tr_sum_full(&w));
}

static void tallies(void)
{
    tr_tally t = {of(3, 1), of(2, 1), of(4, .5)}, u = {of(1, .5), of(1, .5), of(6, 1)};
    tr_tally_merge(&t, &u);
    CHECK(same(t.handled, both(of(3, 1), of(1, .5))) && same(t.agreed, both(of(2, 1), of(1, .5))));
    CHECK(same(t.deferred, both(of(4, .5), of(6, 1))));
}

static void exact_shares(void)
{
    double low, high;
    tr_stat_interval(93, 100, .95, &low, &high);
    tr_estimate e = tr_tally_count(93, 100, .95);
    CHECK(e.method == TR_METHOD_EXACT && e.n == 100 && e.effective == 100);
    CHECK(e.value == .93 && e.low == low && e.high == high);
    /* equal weights, whatever is rounded in them */
    for (double p = 1; p >= TR_TALLY_LEAST; p *= .93) {
        e = tr_tally_share(of(14, p), of(15, p), .95);
        tr_stat_interval(14, 15, .95, &low, &high);
        CHECK(e.method == TR_METHOD_EXACT && e.effective == 15 && e.low == low && e.high == high);
        CHECK_NEAR(e.value, 14. / 15, 1e-15);
    }
    e = tr_tally_count(0, 10, .95);
    CHECK(e.value == 0 && e.low == 0);
    e = tr_tally_count(10, 10, .95);
    CHECK(e.value == 1 && e.high == 1 && e.low > .69 && e.low < .7);
}

static void weighed_shares(void)
{
    /* 100 shadowed rows of weight 20 and 50 of weight 1: sum w = 2050, sum w² = 40050 */
    tr_sum whole = both(of(100, .05), of(50, 1)), part = both(of(90, .05), of(50, 1));
    tr_estimate e = tr_tally_share(part, whole, .95);
    CHECK(e.method == TR_METHOD_WILSON && e.n == 150);
    CHECK_NEAR(e.effective, 2050. * 2050 / 40050, 1e-9);
    CHECK(e.value == 1850e6 / 2050e6);
    /* Wilson by hand: z = 1.959964, n = 104.931336, p = .902439 */
    CHECK_NEAR(e.low, 0.8306819933, 1e-9);
    CHECK_NEAR(e.high, 0.9457706952, 1e-9);
    /* the ends */
    e = tr_tally_share(whole, whole, .95);
    CHECK(e.value == 1 && e.high == 1 && e.low > .96 && e.low < .97);
    e = tr_tally_share((tr_sum){0, 0, 0}, whole, .95);
    CHECK(e.value == 0 && e.low == 0 && e.high > .03 && e.high < .04);
    /* a surer interval is a wider one */
    tr_estimate wide = tr_tally_share(part, whole, .99), narrow = tr_tally_share(part, whole, .9);
    CHECK(wide.low < narrow.low && narrow.high < wide.high);
}

static void no_rows(void)
{
    tr_estimate e = tr_tally_count(0, 0, .95);
    CHECK(e.method == TR_METHOD_NONE && isnan(e.value) && isnan(e.low) && isnan(e.high));
    CHECK(e.n == 0 && e.effective == 0);
    CHECK(strcmp(tr_method_names[TR_METHOD_NONE], "none") == 0);
}

/* Counts that were read may be anything: no endless search, nothing outside 0..1. */
static void absurd_counts(void)
{
    tr_estimate e = tr_tally_count(UINT64_MAX, UINT64_MAX - 1, .95);
    CHECK(e.value == 1 && e.low > .999 && e.low <= 1 && e.high == 1);
    e = tr_tally_share((tr_sum){9, 9000000, 9000000}, (tr_sum){3, 3000000, 3000000}, .95);
    CHECK(e.value == 1 && e.method == TR_METHOD_EXACT && e.high == 1);
    e = tr_tally_share((tr_sum){1, 1, 1}, (tr_sum){UINT64_MAX, 1, UINT64_MAX}, .95);
    CHECK(e.low >= 0 && e.high <= 1 && e.low <= e.value && e.value <= e.high);
    e = tr_tally_share((tr_sum){1, 1, 1}, (tr_sum){5, 0, 0}, .95);
    CHECK(e.method == TR_METHOD_NONE && isnan(e.value));
}

static void bytes(void)
{
    tr_buf b;
    tr_le_reader r;
    tr_buf_init(&b);
    tr_sum s = {1, 2, UINT64_MAX};
    tr_sum_write(&s, &b);
    CHECK(b.size == 24 && !b.failed);
    tr_le_open(&r, b.data, b.size);
    CHECK(same(tr_sum_read(&r), s) && !r.failed && tr_le_left(&r) == 0);
    tr_le_open(&r, b.data, b.size - 1);
    tr_sum_read(&r);
    CHECK(r.failed);
    tr_buf_free(&b);
}

int main(void)
{
    CASE(sums);
    CASE(full_sums);
    CASE(tallies);
    CASE(exact_shares);
    CASE(weighed_shares);
    CASE(no_rows);
    CASE(absurd_counts);
    CASE(bytes);
    return CHECK_END;
}
