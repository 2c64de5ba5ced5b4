#include "models/compact.h"

#include "check.h"
#include "ground/mem.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 12, LABELS = 9, WIDTH = 16 };

static float weights[(COLUMNS + 1) * WIDTH];

static tr_compact make(void)
{
    tr_compact c;
    tr_err err;
    for (size_t j = 0; j <= COLUMNS; j++)
        for (size_t l = 0; l < LABELS; l++)
            weights[j * WIDTH + l] = (float)((double)(j * 37 + l * 11) - 200) / 7;
    tr_linear m = {.labels = LABELS, .columns = COLUMNS, .width = WIDTH, .weight = weights};
    CHECK(tr_dot_width(LABELS) == WIDTH);
    CHECK(tr_compact_make(&c, &m, &err) == TR_OK);
    return c;
}

static void weights_are_rounded_to_a_127th_of_the_largest_of_their_feature(void)
{
    tr_compact c = make();
    for (size_t j = 0; j <= COLUMNS; j++) {
        double most = 0;
        for (size_t l = 0; l < LABELS; l++)
            most = fmax(most, fabs((double)weights[j * WIDTH + l]));
        for (size_t l = 0; l < LABELS; l++)
            CHECK_NEAR((double)c.scale[j] * c.weight[j * WIDTH + l], (double)weights[j * WIDTH + l],
                       most / 127 * 0.501);
    }
    tr_compact_free(&c);
}

static void a_row_is_decided_as_a_plain_loop_does(void)
{
    tr_compact c = make();
    uint32_t index[3] = {11, 3, 0};
    float value[3] = {0.5f, -2, 0.25f}, z[WIDTH];
    tr_compact_decide(&c, (tr_sparse_row){index, value, 3}, z);
    for (size_t l = 0; l < LABELS; l++) {
        float want = (float)c.weight[COLUMNS * WIDTH + l] * c.scale[COLUMNS];
        for (int q = 0; q < 3; q++)
            want += (float)c.weight[index[q] * WIDTH + l] * (value[q] * c.scale[index[q]]);
        CHECK(z[l] == want);
    }
    for (size_t l = LABELS; l < WIDTH; l++)
        CHECK(z[l] == 0);
    tr_compact_free(&c);
}

static void a_column_of_zeros_stays_zero(void)
{
    tr_compact c;
    tr_err err;
    float zero[3 * 8] = {0}, z[8];
    tr_linear m = {.labels = 2, .columns = 2, .width = 8, .weight = zero};
    CHECK(tr_compact_make(&c, &m, &err) == TR_OK);
    tr_compact_decide(&c, (tr_sparse_row){(uint32_t[]){0, 1}, (float[]){1, 1}, 2}, z);
    CHECK(z[0] == 0 && z[1] == 0);
    tr_compact_free(&c);
}

static void it_reads_back_and_refuses_what_is_cut_or_does_not_fit(void)
{
    tr_compact c = make(), back;
    tr_err err;
    tr_le_reader r;
    tr_buf b;
    tr_buf_init(&b);
    tr_compact_write(&c, &b);
    tr_le_open(&r, b.data, b.size);
    CHECK(!b.failed && tr_compact_read(&back, &r, LABELS, COLUMNS, &err) == TR_OK);
    CHECK(!tr_le_left(&r) && !back.owned);
    CHECK(!memcmp(back.weight, c.weight, (COLUMNS + 1) * WIDTH));
    CHECK(!memcmp(back.scale, c.scale, (COLUMNS + 1) * sizeof *c.scale));
    for (size_t size = 0; size < b.size; size++) {
        tr_le_open(&r, b.data, size);
        CHECK(tr_compact_read(&back, &r, LABELS, COLUMNS, &err) == TR_DATA);
    }
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_compact_read(&back, &r, LABELS + 1, COLUMNS, &err) == TR_DATA);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_compact_read(&back, &r, LABELS, COLUMNS - 1, &err) == TR_DATA);
    memcpy(b.data + 16, &(float){NAN}, sizeof(float)); /* the first scale */
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_compact_read(&back, &r, LABELS, COLUMNS, &err) == TR_DATA);
    tr_buf_free(&b);
    tr_compact_free(&c);
}

int main(void)
{
    CASE(weights_are_rounded_to_a_127th_of_the_largest_of_their_feature);
    CASE(a_row_is_decided_as_a_plain_loop_does);
    CASE(a_column_of_zeros_stays_zero);
    CASE(it_reads_back_and_refuses_what_is_cut_or_does_not_fit);
    return CHECK_END;
}
