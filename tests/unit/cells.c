#include "zoo/cells.h"

#include "check.h"
#include "ground/rng.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct {
    uint32_t rows, dims, cells;
    float *x, *middle;
    uint32_t *cell_of;
} fit;

/* Rows about `groups` places; 0: anywhere. */
static fit draw(uint32_t rows, uint32_t dims, uint32_t cells, uint32_t groups, uint64_t seed)
{
    tr_rng r;
    tr_rng_init(&r, seed);
    fit f = {rows,
             dims,
             cells,
             malloc(rows * dims * sizeof(float)),
             malloc(cells * dims * sizeof(float)),
             malloc(rows * sizeof(uint32_t))};
    float *place = calloc((size_t)(groups + 1) * dims, sizeof *place);
    if (!f.x || !f.middle || !f.cell_of || !place)
        exit(4);
    for (size_t i = 0; i < groups * dims; i++)
        place[i] = (float)tr_rng_normal(&r);
    for (size_t i = 0; i < rows; i++)
        for (size_t d = 0; d < dims; d++)
            f.x[i * dims + d] = (groups ? place[i % groups * dims + d] : 0) +
                                (groups ? 0.2f : 1) * (float)tr_rng_normal(&r);
    free(place);
    return f;
}

static void run(fit *f, uint64_t seed)
{
    tr_err err = {0};
    memset(f->cell_of, 0xff, f->rows * sizeof *f->cell_of);
    memset(f->middle, 0xff, f->cells * f->dims * sizeof *f->middle);
    CHECK(tr_cells_fit(f->x, f->rows, f->dims, f->cells, seed, f->cell_of, f->middle, &err) ==
          TR_OK);
}

static void drop(fit *f)
{
    free(f->x);
    free(f->middle);
    free(f->cell_of);
}

static double product(const float *a, const float *b, uint32_t dims)
{
    double sum = 0;
    for (uint32_t d = 0; d < dims; d++)
        sum += (double)a[d] * (double)b[d];
    return sum;
}

/* What the header says of every result. Returns how many middles are not zero.
 */
static uint32_t check_result(const fit *f)
{
    uint32_t used = 0;
    for (size_t c = 0; c < f->cells; c++) {
        const float *middle = f->middle + c * f->dims;
        double square = product(middle, middle, f->dims);
        if (square > 0)
            CHECK_NEAR(square, 1, 1e-5);
        used += square > 0;
    }
    for (size_t i = 0; i < f->rows; i++) {
        const float *x = f->x + i * f->dims;
        double length = sqrt(product(x, x, f->dims)), best = -INFINITY;
        CHECK(f->cell_of[i] < f->cells);
        if (f->cell_of[i] >= f->cells)
            return 0;
        for (size_t c = 0; c < f->cells; c++)
            best = fmax(best, product(x, f->middle + c * f->dims, f->dims));
        CHECK_NEAR(product(x, f->middle + f->cell_of[i] * f->dims, f->dims), best, 1e-5 * length);
    }
    return used;
}

static void every_row_is_in_its_nearest_cell(void)
{
    static const uint32_t sizes[][3] = {{1, 1, 1},      {5, 3, 1},
                                        {300, 10, 7},   {300, 33, 8},
                                        {3000, 10, 23}, {TR_CELLS_SAMPLE + 700, 6, 40}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (uint32_t groups = 0; groups < 20; groups += 9) {
            fit f = draw(sizes[k][0], sizes[k][1], sizes[k][2], groups, k + 1);
            run(&f, 5);
            CHECK(check_result(&f) > 0);
            drop(&f);
        }
}

/* Rows of twelve groups that lie apart: a row has its own group about it. */
static void cells_are_of_what_is_near(void)
{
    fit f = draw(3000, 16, 24, 12, 2);
    size_t group[24][12] = {{0}}, most = 0;
    double cosine = 0;
    run(&f, 1);
    for (size_t i = 0; i < f.rows; i++) {
        const float *x = f.x + i * 16;
        group[f.cell_of[i]][i % 12]++;
        cosine += product(x, f.middle + f.cell_of[i] * 16, 16) / sqrt(product(x, x, 16));
    }
    for (size_t c = 0; c < 24; c++) {
        size_t largest = 0;
        for (size_t g = 0; g < 12; g++)
            largest = group[c][g] > largest ? group[c][g] : largest;
        most += largest;
    }
    CHECK((double)most > 0.85 * f.rows);
    CHECK(cosine > 0.94 * f.rows);
    drop(&f);
}

/* Middles are moved, not only drawn: with one cell, to the mean. */
static void the_middle_of_one_cell_is_the_mean(void)
{
    fit f = draw(500, 9, 1, 3, 3);
    double mean[9] = {0}, square = 0;
    run(&f, 1);
    for (size_t i = 0; i < 500 * 9; i++)
        mean[i % 9] += (double)f.x[i];
    for (size_t d = 0; d < 9; d++)
        square += mean[d] * mean[d];
    for (size_t d = 0; d < 9; d++)
        CHECK_NEAR((double)f.middle[d], mean[d] / sqrt(square), 1e-5);
    drop(&f);
}

static void as_many_cells_as_rows(void)
{
    fit f = draw(60, 20, 60, 0, 4);
    uint8_t rows_of[60] = {0};
    run(&f, 1);
    CHECK(check_result(&f) == 60);
    for (size_t i = 0; i < 60; i++)
        rows_of[f.cell_of[i]]++;
    for (size_t c = 0; c < 60; c++)
        CHECK(rows_of[c] == 1);
    drop(&f);
}

static bool same(const fit *a, const fit *b)
{
    return !memcmp(a->cell_of, b->cell_of, a->rows * sizeof *a->cell_of) &&
           !memcmp(a->middle, b->middle, a->cells * a->dims * sizeof *a->middle);
}

static void the_seed_alone_decides(void)
{
    fit a = draw(2000, 12, 15, 0, 5), b = draw(2000, 12, 15, 0, 5);
    run(&a, 7);
    run(&b, 7);
    CHECK(same(&a, &b));
    for (size_t i = 0; i < 2000 * 12; i++) /* only directions count */
        b.x[i] *= 4;
    run(&b, 7);
    CHECK(same(&a, &b));
    run(&b, 8);
    CHECK(!same(&a, &b));
    drop(&a);
    drop(&b);
}

static void zeros_and_equal_rows(void)
{
    fit f = draw(400, 6, 10, 0, 6);
    memset(f.x, 0, 200 * 6 * sizeof *f.x);
    run(&f, 1);
    CHECK(check_result(&f) > 1);
    for (size_t i = 0; i < 200; i++)
        CHECK(f.cell_of[i] == f.cell_of[0]);
    for (size_t i = 0; i < 200; i++) /* and one row two hundred times */
        memcpy(f.x + i * 6, f.x + 399 * 6, 6 * sizeof *f.x);
    run(&f, 1);
    CHECK(check_result(&f) > 1);
    for (size_t i = 0; i < 200; i++)
        CHECK(f.cell_of[i] == f.cell_of[399]);
    for (size_t i = 0; i < 400; i++)
        memcpy(f.x + i * 6, f.x, 6 * sizeof *f.x);
    run(&f, 1);
    CHECK(check_result(&f) == 1); /* one cell has all of them, the others have no middle */
    memset(f.x, 0, 400 * 6 * sizeof *f.x);
    run(&f, 1);
    CHECK(check_result(&f) == 0);
    drop(&f);
}

int main(void)
{
    CASE(every_row_is_in_its_nearest_cell);
    CASE(cells_are_of_what_is_near);
    CASE(the_middle_of_one_cell_is_the_mean);
    CASE(as_many_cells_as_rows);
    CASE(the_seed_alone_decides);
    CASE(zeros_and_equal_rows);
    return CHECK_END;
}
