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
        rows[i].near = (float)tr_rng_unit(&r);
        all[i] = i;
    }
    return (tr_heldout){rows, n};
}

static tr_novelty fit(size_t n)
{
    tr_novelty v;
    tr_err err;
    tr_heldout h = make(n);
    CHECK(tr_novelty_fit(&v, &h, summary, true, false, all, n, &err) == TR_OK);
    return v;
}

static float of(const tr_novelty *v, double evidence, double unseen)
{
    tr_softmax_summary s = {.evidence = (float)evidence};
    return tr_novelty_of(v, s.evidence, (float)unseen, 0);
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

/* What rows lack counts for nothing, whatever stands there; what they have counts in its place. */
static void only_what_rows_have_counts(void)
{
    tr_heldout h = make(ROWS);
    tr_err err;
    tr_novelty v[4];
    for (int k = 0; k < 4; k++)
        CHECK(tr_novelty_fit(&v[k], &h, summary, k & 1, k & 2, all, ROWS, &err) == TR_OK);
    for (double u = 0; u <= 1; u += 0.25) {
        for (int k = 0; k < 4; k++) {
            float here = tr_novelty_of(&v[k], 3, (float)u, 0.5f);
            CHECK((here > tr_novelty_of(&v[k], 3, 0, 0.5f)) == ((k & 1) && u > 0));
            CHECK((here < tr_novelty_of(&v[k], 3, (float)u, 0.1f)) == !!(k & 2));
        }
        /* the three shares are multiplied */
        double text = (double)tr_novelty_of(&v[1], 2, (float)u, 0);
        double near = (double)tr_novelty_of(&v[2], 2, 0, (float)u);
        double both = (double)tr_novelty_of(&v[3], 2, (float)u, (float)u);
        CHECK_NEAR(both, text + near - (double)tr_novelty_of(&v[0], 2, 1, -1), 1e-5);
    }
    /* nearness is uniform here: of the rows a share x is no nearer than x */
    for (double x = 0.05; x < 0.7; x += 0.05) {
        double more = (double)tr_novelty_of(&v[2], 1e30f, 0, (float)x);
        CHECK_NEAR(exp(-more), x, 0.03);
    }
    CHECK(tr_novelty_of(&v[2], 0, 0, -9) > tr_novelty_of(&v[2], 0, 0, 0.01f));
}

static void nearness_is_the_largest_value_of_its_network(void)
{
    enum { DIMS = 3, LABELS = 11 };
    const uint32_t size[] = {DIMS, LABELS};
    tr_network m;
    tr_err err;
    tr_rng r;
    tr_rng_init(&r, 4);
    CHECK(tr_network_make(&m, size, 1, &err) == TR_OK);
    float *w = m.owned, *room = malloc(tr_novelty_room(&m) * sizeof *room);
    for (int k = 0; k <= DIMS; k++)
        for (int l = 0; l < LABELS; l++)
            w[k * 16 + l] = (float)tr_rng_normal(&r) - 9; /* below the zeros of the padding */
    for (int turn = 0; turn < 20; turn++) {
        float x[DIMS], most = -INFINITY;
        for (int k = 0; k < DIMS; k++)
            x[k] = (float)tr_rng_unit(&r);
        for (int l = 0; l < LABELS; l++) {
            float sum = w[DIMS * 16 + l];
            for (int k = 0; k < DIMS; k++)
                sum += w[k * 16 + l] * x[k];
            most = sum > most ? sum : most;
        }
        CHECK(tr_novelty_near(&m, x, room) == most);
    }
    tr_network none = {0};
    CHECK(tr_novelty_room(&none) == 0 && tr_novelty_near(&none, NULL, NULL) == 0);
    free(room);
    tr_network_free(&m);
}

static void what_is_written_is_read(void)
{
    static const size_t sizes[] = {1, 7, ROWS};
    for (size_t k = 0; k < 12; k++) {
        tr_heldout h = make(sizes[k % 3]);
        tr_novelty v, back;
        tr_buf b;
        tr_le_reader r;
        tr_err err = {0};
        CHECK(tr_novelty_fit(&v, &h, summary, k / 3 & 1, k / 6, all, h.n, &err) == TR_OK);
        CHECK(v.evidence.n && !v.seen.n == !(k / 3 & 1) && !v.near.n == !(k / 6));
        tr_buf_init(&b);
        tr_novelty_write(&v, &b);
        tr_le_open(&r, b.data, b.size);
        CHECK(!b.failed && tr_novelty_read(&back, &r, &err) == TR_OK && tr_le_left(&r) == 0);
        for (double e = -5; e < 9; e += 0.3)
            CHECK(tr_novelty_of(&v, (float)e, 0.3f, 0.1f) ==
                  tr_novelty_of(&back, (float)e, 0.3f, 0.1f));
        for (size_t size = 0; size < b.size; size++) {
            tr_le_open(&r, b.data, size);
            CHECK(tr_novelty_read(&back, &r, &err) == TR_DATA);
        }
        tr_buf_free(&b);
    }
}

/* Reads a guard with this tail in one place; the others are sound. */
static tr_code read_in(int place, tr_novelty_tail t)
{
    const tr_novelty_tail sound = {3, {1, 2, 3}, {-3, -2, -2}};
    tr_novelty v = {sound, sound, sound}, back;
    *(place == 0 ? &v.evidence : place == 1 ? &v.seen : &v.near) = t;
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

static tr_code read_tail(tr_novelty_tail t)
{
    tr_code code = read_in(0, t);
    for (int place = 1; t.n && place < 3; place++)
        CHECK(read_in(place, t) == code);
    return code;
}

static void malformed_guards_are_refused(void)
{
    const tr_novelty_tail sound = {3, {1, 2, 3}, {-3, -2, -2}};
    tr_novelty_tail t = sound;
    CHECK(read_tail(t) == TR_OK);
    t.n = 0; /* there is always evidence; the others may be missing */
    CHECK(read_tail(t) == TR_DATA);
    CHECK(read_in(1, t) == TR_OK && read_in(2, t) == TR_OK);
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
    CASE(only_what_rows_have_counts);
    CASE(nearness_is_the_largest_value_of_its_network);
    CASE(what_is_written_is_read);
    CASE(malformed_guards_are_refused);
    return CHECK_END;
}
