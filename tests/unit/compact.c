#include "models/compact.h"

#include "check.h"
#include "ground/mem.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 12, DIMS = 5, ROWS = COLUMNS + DIMS + 1, LABELS = 9, WIDTH = 16 };

static float weights[ROWS * WIDTH];

/* With a dense part beside the columns, or without. */
static tr_compact make(uint32_t dims)
{
    tr_compact c;
    tr_err err;
    tr_linear m = {
        .labels = LABELS, .columns = COLUMNS, .dims = dims, .width = WIDTH, .weight = weights};
    for (size_t j = 0; j < tr_linear_rows(&m); j++)
        for (size_t l = 0; l < LABELS; l++)
            weights[j * WIDTH + l] = (float)((double)(j * 37 + l * 11) - 200) / 7;
    CHECK(tr_dot_width(LABELS) == WIDTH && tr_linear_rows(&m) == COLUMNS + dims + 1);
    CHECK(tr_compact_make(&c, &m, &err) == TR_OK);
    CHECK(c.labels == LABELS && c.columns == COLUMNS && c.dims == dims && c.width == WIDTH);
    return c;
}

static void weights_are_rounded_to_a_127th_of_the_largest_of_their_feature(void)
{
    tr_compact c = make(DIMS);
    for (size_t j = 0; j < ROWS; j++) {
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
    const uint32_t index[3] = {11, 3, 0};
    const float value[3] = {0.5f, -2, 0.25f}, dense[DIMS] = {0.5f, 0, -1.25f, 3, 0.1f};
    for (uint32_t dims = 0; dims <= DIMS; dims += DIMS) {
        tr_compact c = make(dims);
        float z[WIDTH];
        tr_compact_decide(&c, (tr_row){{index, value, 3}, dims ? dense : NULL}, z);
        for (size_t l = 0; l < LABELS; l++) { /* the intercept, the columns, what is beside them */
            size_t last = COLUMNS + dims;
            float want = (float)c.weight[last * WIDTH + l] * c.scale[last];
            for (int q = 0; q < 3; q++)
                want += (float)c.weight[index[q] * WIDTH + l] * (value[q] * c.scale[index[q]]);
            for (size_t k = COLUMNS; k < last; k++)
                want += (float)c.weight[k * WIDTH + l] * (dense[k - COLUMNS] * c.scale[k]);
            CHECK(z[l] == want);
        }
        for (size_t l = LABELS; l < WIDTH; l++)
            CHECK(z[l] == 0);
        tr_compact_free(&c);
    }
}

/* A model of the dense view alone: no columns at all. */
static void it_may_have_no_columns(void)
{
    const float w[3 * 8] = {[0] = 1.27f, [9] = 1.27f, [16] = -1.27f}, x[2] = {2, 3};
    float z[8];
    tr_compact c;
    tr_err err;
    tr_linear m = {.labels = 2, .dims = 2, .width = 8, .weight = (float *)w};
    CHECK(tr_compact_make(&c, &m, &err) == TR_OK);
    tr_compact_decide(&c, (tr_row){{NULL, NULL, 0}, x}, z);
    CHECK_NEAR((double)z[0], 1.27 * 2 - 1.27, 1e-6);
    CHECK_NEAR((double)z[1], 1.27 * 3, 1e-6);
    tr_compact_free(&c);
}

static void a_column_of_zeros_stays_zero(void)
{
    tr_compact c;
    tr_err err;
    float zero[3 * 8] = {0}, z[8];
    tr_linear m = {.labels = 2, .columns = 2, .width = 8, .weight = zero};
    CHECK(tr_compact_make(&c, &m, &err) == TR_OK);
    tr_compact_decide(&c, (tr_row){{(uint32_t[]){0, 1}, (float[]){1, 1}, 2}, NULL}, z);
    CHECK(z[0] == 0 && z[1] == 0);
    tr_compact_free(&c);
}

static tr_code read_as(tr_compact *c, const tr_buf *b, size_t size, uint32_t labels,
                       uint32_t columns, uint32_t dims)
{
    tr_le_reader r;
    tr_err err = {0};
    tr_le_open(&r, b->data, size);
    tr_code code = tr_compact_read(c, &r, labels, columns, dims, &err);
    CHECK(code == TR_OK ? !tr_le_left(&r) && !c->owned : *err.message != 0);
    return code;
}

static void it_reads_back_and_refuses_what_is_cut_or_does_not_fit(void)
{
    for (uint32_t dims = 0; dims <= DIMS; dims += DIMS) {
        tr_compact c = make(dims), back;
        size_t rows = COLUMNS + dims + 1;
        tr_buf b;
        tr_buf_init(&b);
        tr_compact_write(&c, &b);
        CHECK(!b.failed && read_as(&back, &b, b.size, LABELS, COLUMNS, dims) == TR_OK);
        CHECK(!memcmp(back.weight, c.weight, rows * WIDTH));
        CHECK(!memcmp(back.scale, c.scale, rows * sizeof *c.scale));
        for (size_t size = 0; size < b.size; size++)
            CHECK(read_as(&back, &b, size, LABELS, COLUMNS, dims) == TR_DATA);
        CHECK(read_as(&back, &b, b.size, LABELS + 1, COLUMNS, dims) == TR_DATA);
        CHECK(read_as(&back, &b, b.size, LABELS, COLUMNS - 1, dims) == TR_DATA);
        CHECK(read_as(&back, &b, b.size, LABELS, COLUMNS, dims + 1) == TR_DATA);
        for (size_t k = 0; k < rows; k++) { /* every scale is looked at */
            char *at = b.data + 16 + k * sizeof(float), kept[sizeof(float)];
            memcpy(kept, at, sizeof kept);
            memcpy(at, &(float){k % 2 ? NAN : INFINITY}, sizeof(float));
            CHECK(read_as(&back, &b, b.size, LABELS, COLUMNS, dims) == TR_DATA);
            memcpy(at, kept, sizeof kept);
        }
        tr_buf_free(&b);
        tr_compact_free(&c);
    }
}

int main(void)
{
    CASE(weights_are_rounded_to_a_127th_of_the_largest_of_their_feature);
    CASE(a_row_is_decided_as_a_plain_loop_does);
    CASE(it_may_have_no_columns);
    CASE(a_column_of_zeros_stays_zero);
    CASE(it_reads_back_and_refuses_what_is_cut_or_does_not_fit);
    return CHECK_END;
}
