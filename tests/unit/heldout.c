#include "gate/heldout.h"

#include "check.h"
#include "ground/hash.h"
#include "ground/rng.h"
#include "traces/trace.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 300 };

static tr_heldout_row rows[ROWS];

/* Rows of the three sides in turn; `grouped`: about four rows a group. */
static tr_heldout make(bool grouped)
{
    tr_rng r;
    tr_rng_init(&r, 1);
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t id = tr_rng_next(&r);
        rows[i] = (tr_heldout_row){.row = id,
                                   .group = grouped ? tr_rng_below(&r, ROWS / 4) : id,
                                   .label = i % 7 ? (uint32_t)(i % 5) : TR_LABEL_NONE,
                                   .weight = 1 + (float)(i % 3) / 4,
                                   .unseen = (float)(i % 11) / 10,
                                   .near = (float)(i % 13) / 10 - 0.5f,
                                   .side = (uint8_t)(TR_SIDE_TRAIN + i % 3),
                                   .fold = (uint8_t)(i % 5)};
    }
    return (tr_heldout){rows, ROWS};
}

static uint64_t order_of(uint64_t seed, uint32_t i)
{
    return tr_hash_keyed_u64(tr_hash_derive(seed, "order"), rows[i].row);
}

static void train_keeps_its_order(void)
{
    tr_heldout h = make(true);
    uint32_t *at;
    size_t n = tr_heldout_side(&h, TR_SIDE_TRAIN, 9, &at);
    CHECK(n == ROWS / 3); /* groups are not thinned here */
    for (size_t k = 0; k < n; k++)
        CHECK(at[k] == 3 * k);
    free(at);
}

static void calibration_stands_in_the_order_of_its_hash(void)
{
    tr_heldout h = make(false);
    uint32_t *at, *other;
    size_t n = tr_heldout_side(&h, TR_SIDE_CALIBRATION, 9, &at);
    CHECK(n == ROWS / 3);
    for (size_t k = 0; k < n; k++)
        CHECK(rows[at[k]].side == TR_SIDE_CALIBRATION);
    for (size_t k = 1; k < n; k++)
        CHECK(order_of(9, at[k - 1]) < order_of(9, at[k]));
    CHECK(tr_heldout_side(&h, TR_SIDE_CALIBRATION, 10, &other) == n);
    CHECK(memcmp(at, other, n * sizeof *at) != 0); /* another seed, another order */
    free(other);
    /* the order in memory does not matter */
    uint64_t first = rows[at[0]].row, last = rows[at[n - 1]].row;
    for (size_t i = 0; i < ROWS / 2; i++) {
        tr_heldout_row r = rows[i];
        rows[i] = rows[ROWS - 1 - i];
        rows[ROWS - 1 - i] = r;
    }
    CHECK(tr_heldout_side(&h, TR_SIDE_CALIBRATION, 9, &other) == n);
    CHECK(rows[other[0]].row == first && rows[other[n - 1]].row == last);
    free(other);
    free(at);
}

/* Of each group the row with the least order hash, and no other. */
static void calibration_keeps_one_row_a_group(void)
{
    tr_heldout h = make(true);
    uint32_t *at;
    size_t n = tr_heldout_side(&h, TR_SIDE_CALIBRATION, 3, &at), groups = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        if (rows[i].side != TR_SIDE_CALIBRATION)
            continue;
        bool least = true, kept = false;
        for (uint32_t k = 0; k < ROWS; k++)
            if (rows[k].side == TR_SIDE_CALIBRATION && rows[k].group == rows[i].group &&
                order_of(3, k) < order_of(3, i))
                least = false;
        for (size_t k = 0; k < n; k++)
            kept |= at[k] == i;
        CHECK(kept == least);
        groups += least;
    }
    CHECK(n == groups && n < ROWS / 3);
    for (size_t k = 1; k < n; k++)
        CHECK(order_of(3, at[k - 1]) < order_of(3, at[k]));
    free(at);
}

/* The calibration order is part of what a certificate promises to be reproducible. */
static void the_order_is_frozen(void)
{
    tr_heldout_row few[5] = {0};
    for (size_t i = 0; i < 5; i++)
        few[i] = (tr_heldout_row){.row = i + 1, .group = i + 1, .side = TR_SIDE_CALIBRATION};
    tr_heldout h = {few, 5};
    uint32_t *at;
    CHECK(tr_heldout_side(&h, TR_SIDE_CALIBRATION, 0, &at) == 5);
    static const uint32_t frozen[5] = {0, 1, 4, 2, 3};
    CHECK(!memcmp(at, frozen, sizeof frozen));
    free(at);
}

static void an_empty_side_is_empty(void)
{
    tr_heldout none = {NULL, 0};
    uint32_t *at;
    CHECK(tr_heldout_side(&none, TR_SIDE_CALIBRATION, 0, &at) == 0);
    free(at);
}

/* ---- binary form ---- */

static void rows_come_back(void)
{
    tr_heldout h = make(true), back;
    tr_buf b;
    tr_le_reader r;
    tr_err err = {0};
    tr_buf_init(&b);
    tr_heldout_write(&h, &b);
    CHECK(!b.failed && b.size == 8 + 40 * ROWS);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_heldout_read(&back, &r, 5, &err) == TR_OK);
    CHECK(tr_le_left(&r) == 0 && back.n == ROWS);
    for (size_t i = 0; i < ROWS && back.n == ROWS; i++) {
        const tr_heldout_row *x = &rows[i], *y = &back.rows[i];
        CHECK(x->row == y->row && x->group == y->group && x->label == y->label);
        CHECK(x->weight == y->weight && x->unseen == y->unseen && x->near == y->near);
        CHECK(x->side == y->side && x->fold == y->fold);
    }
    tr_heldout_free(&back);
    for (size_t size = 0; size < b.size; size += 7) {
        tr_le_open(&r, b.data, size);
        CHECK(tr_heldout_read(&back, &r, 5, &err) == TR_DATA);
        CHECK(!back.rows);
    }
    memset(b.data, 0xff, 8); /* 2^64 - 1 rows */
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_heldout_read(&back, &r, 5, &err) == TR_DATA && *err.message);
    tr_buf_free(&b);
}

static tr_code read_one(tr_heldout_row row, uint32_t labels)
{
    tr_heldout h = {&row, 1}, back;
    tr_buf b;
    tr_le_reader r;
    tr_err err = {0};
    tr_buf_init(&b);
    tr_heldout_write(&h, &b);
    tr_le_open(&r, b.data, b.size);
    tr_code code = tr_heldout_read(&back, &r, labels, &err);
    CHECK((code == TR_OK) == (back.rows != NULL));
    tr_heldout_free(&back);
    tr_buf_free(&b);
    return code;
}

static void impossible_rows_are_refused(void)
{
    const tr_heldout_row sound = {.label = 4, .weight = 1, .unseen = 0, .side = TR_SIDE_TRAIN};
    tr_heldout_row x = sound;
    CHECK(read_one(x, 5) == TR_OK);
    CHECK(read_one(x, 4) == TR_DATA);
    x.label = TR_LABEL_NONE;
    CHECK(read_one(x, 5) == TR_OK);
    static const float weights[] = {0, -1, NAN, INFINITY};
    for (int k = 0; k < 4; k++) {
        x = sound;
        x.weight = weights[k];
        CHECK(read_one(x, 5) == TR_DATA);
    }
    x = sound;
    x.unseen = NAN;
    CHECK(read_one(x, 5) == TR_DATA);
    x = sound;
    x.near = NAN;
    CHECK(read_one(x, 5) == TR_DATA);
    x.near = -INFINITY;
    CHECK(read_one(x, 5) == TR_DATA);
    x = sound;
    x.side = TR_SIDE_NONE;
    CHECK(read_one(x, 5) == TR_DATA);
    x.side = TR_SIDE_TEST + 1;
    CHECK(read_one(x, 5) == TR_DATA);
}

static void summaries_come_back(void)
{
    tr_softmax_summary s[3] = {{.label = 2,
                                .p = {0.5f, 0.3f, 0.2f},
                                .entropy = 1,
                                .top = 4,
                                .gap = 0.5f,
                                .evidence = 4.7f,
                                .agreement = 0.25f},
                               {.label = 0, .top = -3},
                               {.label = 1, .gap = 9}};
    tr_softmax_summary back[3];
    tr_buf b;
    tr_le_reader r;
    tr_err err = {0};
    tr_buf_init(&b);
    tr_heldout_write_summaries(s, 3, &b);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_heldout_read_summaries(back, 3, 3, &r, &err) == TR_OK && b.size == 3 * 36);
    CHECK(!memcmp(s, back, sizeof s) && tr_le_left(&r) == 0);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_heldout_read_summaries(back, 3, 2, &r, &err) == TR_DATA); /* label 2 of 2 */
    tr_le_open(&r, b.data, b.size - 1);
    CHECK(tr_heldout_read_summaries(back, 3, 3, &r, &err) == TR_DATA);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_heldout_read_summaries(back, SIZE_MAX, 3, &r, &err) == TR_DATA);
    float *const numbers[] = {&s[1].p[0], &s[1].p[1], &s[1].p[2],     &s[1].entropy,
                              &s[1].top,  &s[1].gap,  &s[1].evidence, &s[1].agreement};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        float kept = *numbers[k];
        tr_buf_clear(&b);
        *numbers[k] = k % 2 ? NAN : INFINITY;
        tr_heldout_write_summaries(s, 3, &b);
        *numbers[k] = kept;
        tr_le_open(&r, b.data, b.size);
        CHECK(tr_heldout_read_summaries(back, 3, 3, &r, &err) == TR_DATA);
    }
    tr_buf_free(&b);
}

int main(void)
{
    CASE(train_keeps_its_order);
    CASE(calibration_stands_in_the_order_of_its_hash);
    CASE(calibration_keeps_one_row_a_group);
    CASE(the_order_is_frozen);
    CASE(an_empty_side_is_empty);
    CASE(rows_come_back);
    CASE(impossible_rows_are_refused);
    CASE(summaries_come_back);
    return CHECK_END;
}
