#include "policy/history.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>

enum { MANY = 20000 };

/* Rows FIRST .. FIRST + n - 1. */
static uint64_t *rows(uint64_t first, size_t n)
{
    uint64_t *row = malloc(n * sizeof *row);
    for (size_t i = 0; row && i < n; i++)
        row[i] = first + i;
    return row;
}

/* The history of a certificate on such rows, its own risk added. */
static tr_history follow(const tr_history *before, uint64_t first, size_t n, uint32_t look)
{
    tr_history h;
    uint64_t *row = rows(first, n);
    double left = 0;
    CHECK(row && tr_history_follow(&h, before, before ? "0123456789abcdef0123456789abcdef" : "",
                                   row, n, look, .05, &left, NULL) == TR_OK);
    CHECK(left == (h.counted || h.look > 1 ? tr_history_delta(.05, h.look) : .05));
    free(row);
    return h;
}

static void the_budget_sums_to_delta(void)
{
    double sum = 0;
    CHECK_NEAR(tr_history_delta(.05, 1), .05 * 6 / 9.8696044010893586, 1e-15);
    for (uint32_t i = 1; i <= 100000; i++)
        sum += tr_history_delta(.05, i);
    CHECK(sum < .05);
    CHECK_NEAR(sum, .05, 1e-6);
}

static void fresh_rows_cost_nothing(void)
{
    tr_history a = follow(NULL, 1, 500, 0), b = follow(&a, 501, 700, 0);
    CHECK(a.look == 1 && a.follows == 0 && !a.previous[0] && a.spent == .05 && a.n_used == 500);
    CHECK(b.look == 1 && b.follows == 1 && b.reused == 0 && b.exact && b.spent == .05);
    CHECK(!strcmp(b.previous, "0123456789abcdef0123456789abcdef"));
    /* and what both have counted is remembered: a third on rows of the first is noticed */
    tr_history c = follow(&b, 100, 10, 0);
    CHECK(b.n_used == 1200 && c.look == 2 && c.reused == 1);
    tr_history_free(&a);
    tr_history_free(&b);
    tr_history_free(&c);
}

/* First, second, fresh rows between, then the first ones again: that is a third look. */
static void a_chain_remembers_how_deep_it_was(void)
{
    tr_history a = follow(NULL, 1, 50, 0), b = follow(&a, 1, 50, 0), c = follow(&b, 51, 50, 0),
               d = follow(&c, 1, 50, 0);
    CHECK(c.look == 1 && c.spent == .05 && c.deepest == 2 && d.look == 3 && d.follows == 3);
    CHECK_NEAR(d.spent, .05 + tr_history_delta(.05, 2) + tr_history_delta(.05, 3), 1e-15);
    tr_history_free(&a);
    tr_history_free(&b);
    tr_history_free(&c);
    tr_history_free(&d);
}

static void one_row_again_is_a_look(void)
{
    tr_history a = follow(NULL, 1, 500, 0), b = follow(&a, 500, 100, 0),
               c = follow(&b, 500, 100, 0);
    CHECK(b.look == 2 && b.reused == .01 && b.exact && !b.counted);
    CHECK_NEAR(b.spent, .05 + tr_history_delta(.05, 2), 1e-15);
    CHECK(c.look == 3 && c.reused == 1);
    CHECK_NEAR(c.spent, b.spent + tr_history_delta(.05, 3), 1e-15);
    tr_history_free(&a);
    tr_history_free(&b);
    tr_history_free(&c);
}

static void counted_from_the_first(void)
{
    tr_history a = follow(NULL, 1, 50, 1), b = follow(&a, 1, 50, 0), c = follow(&b, 1, 50, 7);
    CHECK(a.look == 1 && a.counted && b.look == 2 && b.counted && c.look == 7);
    CHECK(b.spent < .05);
    CHECK_NEAR(c.spent,
               .05 * 6 / 9.869604401089358 *
                   (1 + 1 / 4. + 1 / 9. + 1 / 16. + 1 / 25. + 1 / 36. + 1 / 49.),
               1e-15);
    tr_history_free(&a);
    tr_history_free(&b);
    tr_history_free(&c);
}

/* Beyond 4,096 rows a sample of them is known: of those, every repetition. */
static void many_rows(void)
{
    tr_history a = follow(NULL, 1, MANY, 0), all = follow(&a, 1, MANY, 0),
               some = follow(&a, MANY - MANY / 10 + 1, MANY, 0),
               none = follow(&a, MANY + 1, MANY, 0);
    CHECK(a.n_used == TR_HISTORY_ROWS && all.n_used == TR_HISTORY_ROWS);
    CHECK(all.reused == 1 && !all.exact && all.look == 2);
    CHECK_NEAR(some.reused, .1, .025);
    CHECK(some.look == 2 && none.look == 1 && none.reused == 0);
    tr_history_free(&a);
    tr_history_free(&all);
    tr_history_free(&some);
    tr_history_free(&none);
}

static void written_and_read(void)
{
    tr_history a = follow(NULL, 1, 300, 0), b = follow(&a, 200, 300, 0), c;
    tr_buf out, again;
    tr_le_reader r;
    tr_buf_init(&out);
    tr_buf_init(&again);
    tr_history_write(&b, &out);
    tr_le_open(&r, out.data, out.size);
    CHECK(tr_history_read(&c, &r, NULL) == TR_OK && !tr_le_left(&r));
    tr_history_write(&c, &again);
    CHECK(out.size == again.size && !memcmp(out.data, again.data, out.size));
    tr_history_free(&c);
    /* every prefix, and every byte of the head changed, is refused or read without harm */
    for (size_t size = 0; size < out.size; size += size < 100 ? 1 : 37) {
        tr_le_open(&r, out.data, size);
        CHECK(tr_history_read(&c, &r, NULL) == TR_DATA);
        tr_history_free(&c);
    }
    for (size_t i = 0; i < 16; i++) {
        char was = out.data[i];
        out.data[i] = (char)0xff;
        tr_le_open(&r, out.data, out.size);
        CHECK(tr_history_read(&c, &r, NULL) != TR_OK || i < 8);
        tr_history_free(&c);
        out.data[i] = was;
    }
    tr_buf_free(&out);
    tr_buf_free(&again);
    tr_history_free(&a);
    tr_history_free(&b);
}

int main(void)
{
    CASE(the_budget_sums_to_delta);
    CASE(fresh_rows_cost_nothing);
    CASE(a_chain_remembers_how_deep_it_was);
    CASE(one_row_again_is_a_look);
    CASE(counted_from_the_first);
    CASE(many_rows);
    CASE(written_and_read);
    return CHECK_END;
}
