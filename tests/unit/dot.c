#include "maths/dot.h"

#include "check.h"
#include "ground/rng.h"

#include <stdlib.h>

enum { COLUMNS = 50, WIDEST = 160, ENTRIES = 37 };

typedef struct {
    float w[COLUMNS * WIDEST + 1], z[WIDEST], d[WIDEST], value[ENTRIES];
    uint32_t index[ENTRIES];
} problem;

static float draw(tr_rng *r)
{
    return (float)(tr_rng_normal(r) * 3);
}

static void make(problem *p, uint64_t seed)
{
    tr_rng r;
    tr_rng_init(&r, seed);
    uint32_t order[COLUMNS];
    for (uint32_t i = 0; i < COLUMNS; i++)
        order[i] = i;
    tr_rng_shuffle(&r, order, COLUMNS);
    for (int i = 0; i < COLUMNS * WIDEST + 1; i++)
        p->w[i] = draw(&r);
    for (int i = 0; i < WIDEST; i++) {
        p->z[i] = draw(&r);
        p->d[i] = draw(&r);
    }
    for (int i = 0; i < ENTRIES; i++) {
        p->index[i] = order[i];
        p->value[i] = draw(&r);
    }
}

static void width_is_rounded_up(void)
{
    CHECK(tr_dot_width(0) == 0);
    CHECK(tr_dot_width(1) == 8);
    CHECK(tr_dot_width(8) == 8);
    CHECK(tr_dot_width(9) == 16);
    CHECK(tr_dot_width(77) == 80);
}

/* Every width, rows of several lengths, weights at an odd place: the bits of a plain loop. */
static void gather_is_a_plain_loop(void)
{
    static problem p;
    for (size_t width = 8; width <= WIDEST; width += 8)
        for (size_t n = 0; n <= ENTRIES; n += n < 3 ? 1 : 17) {
            make(&p, width * 100 + n);
            const float *w = p.w + 1;
            float right[WIDEST];
            for (size_t l = 0; l < width; l++) {
                right[l] = p.z[l];
                for (size_t q = 0; q < n; q++) {
                    float product = w[p.index[q] * width + l] * p.value[q];
                    right[l] += product;
                }
            }
            float *z = malloc(width * sizeof *z); /* exact: the sanitizers see a step beyond */
            CHECK(z != NULL);
            if (!z)
                return;
            memcpy(z, p.z, width * sizeof *z);
            tr_dot_gather(w, width, (tr_sparse_row){p.index, p.value, n}, z);
            CHECK(!memcmp(z, right, width * sizeof *z));
            free(z);
        }
}

/* The byte kernel too, and the bytes at both ends of their range. */
static void gather_of_bytes_is_a_plain_loop(void)
{
    static problem p;
    static int8_t bytes[COLUMNS * WIDEST + 1];
    float scale[COLUMNS];
    tr_rng r;
    tr_rng_init(&r, 5);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (int8_t)((int)tr_rng_below(&r, 256) - 128);
    for (size_t j = 0; j < COLUMNS; j++)
        scale[j] = draw(&r);
    for (size_t width = 8; width <= WIDEST; width += 8)
        for (size_t n = 0; n <= ENTRIES; n += n < 3 ? 1 : 17) {
            make(&p, width * 100 + n);
            const int8_t *w = bytes + 1;
            float right[WIDEST], z[WIDEST];
            for (size_t l = 0; l < width; l++) {
                right[l] = p.z[l];
                for (size_t q = 0; q < n; q++) {
                    float factor = p.value[q] * scale[p.index[q]];
                    float product = (float)w[p.index[q] * width + l] * factor;
                    right[l] += product;
                }
            }
            memcpy(z, p.z, sizeof z);
            tr_dot_gather_bytes(w, scale, width, (tr_sparse_row){p.index, p.value, n}, z);
            CHECK(!memcmp(z, right, width * sizeof *z));
            CHECK(!memcmp(z + width, p.z + width, (WIDEST - width) * sizeof *z));
        }
}

static void scatter_is_a_plain_loop(void)
{
    static problem p, right;
    for (size_t width = 8; width <= WIDEST; width += 8)
        for (size_t n = 0; n <= ENTRIES; n += n < 3 ? 1 : 17) {
            make(&p, width * 100 + n);
            right = p;
            for (size_t q = 0; q < n; q++)
                for (size_t l = 0; l < width; l++) {
                    float product = p.d[l] * p.value[q];
                    right.w[1 + p.index[q] * width + l] += product;
                }
            tr_dot_scatter(p.w + 1, width, (tr_sparse_row){p.index, p.value, n}, p.d);
            CHECK(!memcmp(p.w, right.w, sizeof p.w));
        }
}

int main(void)
{
    CASE(width_is_rounded_up);
    CASE(gather_is_a_plain_loop);
    CASE(gather_of_bytes_is_a_plain_loop);
    CASE(scatter_is_a_plain_loop);
    return CHECK_END;
}
