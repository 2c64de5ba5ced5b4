#include "gate/novelty.h"

#include "check.h"
#include "ground/rng.h"
#include "traces/trace.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 5000 };

static tr_heldout_row rows[ROWS];
static tr_softmax_summary summary[ROWS];
static uint32_t all[ROWS];

/* Evidence spread out, unseen shares that tie often (a text has few words). */
static tr_heldout make(size_t n)
{
    tr_rng r;
    tr_rng_init(&r, 1);
    for (uint32_t i = 0; i < n; i++) {
        summary[i] = (tr_softmax_summary){.evidence = (float)(tr_rng_normal(&r) * 2 + 3)};
        rows[i] = (tr_heldout_row){
            .unseen = (float)tr_rng_below(&r, 8) / 10, .side = TR_SIDE_TRAIN, .weight = 1};
        all[i] = i;
    }
    return (tr_heldout){rows, n};
}

static tr_novelty fit(size_t n)
{
    tr_novelty v;
    tr_err err;
    tr_heldout h = make(n);
    CHECK(tr_novelty_fit(&v, &h, summary, all, n, &err) == TR_OK);
    return v;
}

static float of(const tr_novelty *v, double evidence, double unseen)
{
    tr_softmax_summary s = {.evidence = (float)evidence};
    return tr_novelty_of(v, s.evidence, (float)unseen);
}

/* Less evidence is stranger, more unseen is stranger; never below zero. */
static void both_measures_rise(void)
{
    static const size_t sizes[] = {1, 2, 3, 10, 99, 1000, ROWS};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        tr_novelty v = fit(sizes[k]);
        for (double unseen = 0; unseen <= 1; unseen += 0.05)
            for (double e = -10; e < 15; e += 0.1) {
                float here = of(&v, e, unseen);
                CHECK(here >= 0 && isfinite(here));
                CHECK(of(&v, e - 0.1, unseen) >= here);
                CHECK(of(&v, e, unseen + 0.05) >= here);
            }
        CHECK(of(&v, -1e30, 1) > of(&v, 1e30, 0));
        CHECK(of(&v, -INFINITY, 1) == of(&v, -1e30, 1));
    }
}

/* exp(-novelty) of each measure alone is the share of rows that are as strange or stranger. */
static void shares_are_those_of_the_rows(void)
{
    tr_novelty v = fit(ROWS);
    double best_evidence = 1e30, best_unseen = 0;
    for (double p = 0.002; p < 0.7; p *= 1.3) {
        double e = 3 + 2 * -4; /* the evidence with a share p below it */
        size_t below = 0;
        for (; e < 12; e += 0.01) {
            below = 0;
            for (size_t i = 0; i < ROWS; i++)
                below += (double)summary[i].evidence <= e;
            if ((double)below >= p * ROWS)
                break;
        }
        double share = exp(-(double)of(&v, e, best_unseen));
        CHECK_NEAR(log(share), log((double)below / ROWS), 0.15);
    }
    for (int u = 1; u < 8; u++) {
        double as_strange = 0, stranger = 0; /* of ties the least share counts */
        for (size_t i = 0; i < ROWS; i++) {
            as_strange += rows[i].unseen >= (float)u / 10;
            stranger += rows[i].unseen > (float)u / 10;
        }
        double share = exp(-(double)of(&v, best_evidence, (double)u / 10));
        CHECK(share <= 1.01 * as_strange / ROWS);
        CHECK(share >= stranger / ROWS / 1.42); /* knots are that far apart */
    }
    /* stranger than any row: half a row's share */
    CHECK_NEAR(exp(-(double)of(&v, -1e9, best_unseen)), 0.5 / (ROWS + 1), 1e-6);
}

/* Quantiles of one measure are uniform on the rows that it was fitted on. */
static void its_own_rows_are_spread_evenly(void)
{
    tr_novelty v = fit(ROWS);
    for (double p = 0.05; p < 0.7; p += 0.05) { /* above there is one knot alone */
        size_t below = 0;
        for (size_t i = 0; i < ROWS; i++)
            below += exp(-(double)of(&v, (double)summary[i].evidence, 0)) <= p;
        CHECK_NEAR((double)below / ROWS, p, 0.05);
    }
}

static void what_is_written_is_read(void)
{
    static const size_t sizes[] = {1, 7, ROWS};
    for (size_t k = 0; k < 3; k++) {
        tr_novelty v = fit(sizes[k]), back;
        tr_buf b;
        tr_le_reader r;
        tr_err err = {0};
        tr_buf_init(&b);
        tr_novelty_write(&v, &b);
        tr_le_open(&r, b.data, b.size);
        CHECK(!b.failed && tr_novelty_read(&back, &r, &err) == TR_OK && tr_le_left(&r) == 0);
        for (double e = -5; e < 9; e += 0.3)
            CHECK(of(&v, e, 0.3) == of(&back, e, 0.3));
        for (size_t size = 0; size < b.size; size++) {
            tr_le_open(&r, b.data, size);
            CHECK(tr_novelty_read(&back, &r, &err) == TR_DATA);
        }
        tr_buf_free(&b);
    }
}

/* Reads a guard whose two tails are those given. */
static tr_code read_tail(tr_novelty_tail t)
{
    tr_novelty v = {t, t}, back;
    tr_buf b;
    tr_le_reader r;
    tr_err err;
    tr_buf_init(&b);
    tr_novelty_write(&v, &b);
    tr_le_open(&r, b.data, b.size);
    tr_code code = tr_novelty_read(&back, &r, &err);
    tr_buf_free(&b);
    return code;
}

static void malformed_guards_are_refused(void)
{
    const tr_novelty_tail sound = {3, {1, 2, 3}, {-3, -2, -2}};
    tr_novelty_tail t = sound;
    CHECK(read_tail(t) == TR_OK);
    t.n = 0;
    CHECK(read_tail(t) == TR_DATA);
    t = sound;
    t.value[2] = 2; /* does not rise */
    CHECK(read_tail(t) == TR_DATA);
    t = sound;
    t.value[0] = NAN;
    CHECK(read_tail(t) == TR_DATA);
    t = sound;
    t.value[2] = INFINITY;
    CHECK(read_tail(t) == TR_DATA);
    t = sound;
    t.log_share[1] = -4; /* falls */
    CHECK(read_tail(t) == TR_DATA);
    t = sound;
    t.log_share[2] = 0.1f; /* a share above 1 */
    CHECK(read_tail(t) == TR_DATA);
    t = sound;
    t.log_share[0] = -INFINITY;
    CHECK(read_tail(t) == TR_DATA);
    tr_buf b;
    tr_le_reader r;
    tr_novelty v;
    tr_err err = {0};
    tr_buf_init(&b);
    tr_le_put_u32(&b, TR_NOVELTY_KNOTS + 1);
    tr_buf_add_zero(&b, 4096);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_novelty_read(&v, &r, &err) == TR_DATA && *err.message);
    tr_buf_free(&b);
}

int main(void)
{
    CASE(both_measures_rise);
    CASE(shares_are_those_of_the_rows);
    CASE(its_own_rows_are_spread_evenly);
    CASE(what_is_written_is_read);
    CASE(malformed_guards_are_refused);
    return CHECK_END;
}
