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

/* ---- dense rows ---- */

/* Lengths on both sides of whole vectors, none among them. */
static const size_t lengths[] = {0, 1, 2, 3, 7, 8, 9, 31, 33, COLUMNS - 1};
enum { LENGTHS = sizeof lengths / sizeof *lengths, WIDEST_DENSE = 136 };

typedef struct {
    float x[COLUMNS], w[COLUMNS * WIDEST + 1], z[WIDEST], d[WIDEST], scale[COLUMNS];
    int8_t bytes[COLUMNS * WIDEST + 1];
} dense_problem;

static void make_dense(dense_problem *p, uint64_t seed)
{
    tr_rng r;
    tr_rng_init(&r, seed);
    for (int i = 0; i < COLUMNS * WIDEST + 1; i++) {
        p->w[i] = draw(&r);
        p->bytes[i] = (int8_t)((int)tr_rng_below(&r, 256) - 128);
    }
    for (int i = 0; i < COLUMNS; i++) {
        p->x[i] = i % 5 ? draw(&r) : 0;
        p->scale[i] = draw(&r);
    }
    for (int i = 0; i < WIDEST; i++) {
        p->z[i] = draw(&r);
        p->d[i] = draw(&r);
    }
}

/* Runs a kernel on copies of exactly the bytes that it may touch. */
static void *exactly(const void *from, size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        exit(4);
    return memcpy(p, from, size);
}

/* How many sums label l of a width has, that take the numbers of a row in turn: the vectors are
 * handled eight, ten, four, two and one at a time, and the fewer at a time the more sums. */
static size_t turns_of(size_t width, size_t l)
{
    size_t left = width / TR_DOT_LANES, at = l / TR_DOT_LANES;
    static const size_t tile[] = {10, 8, 4, 2, 1}, turns[] = {1, 1, 2, 4, 4};
    while (left >= 16) {
        if (at < 8)
            return 1;
        left -= 8;
        at -= 8;
    }
    for (int k = 0; k < 5; k++)
        for (; left >= tile[k]; left -= tile[k], at -= tile[k])
            if (at < tile[k])
                return turns[k];
    return 0;
}

static void dense_gathers_are_plain_loops(void)
{
    static dense_problem p;
    for (size_t width = 8; width <= WIDEST_DENSE; width += 8)
        for (size_t k = 0; k < LENGTHS; k++) {
            size_t n = lengths[k];
            make_dense(&p, width * 100 + n);
            float floats[WIDEST], bytes[WIDEST];
            for (size_t l = 0; l < width; l++) {
                float sum[4] = {p.z[l], 0, 0, 0};
                size_t turns = turns_of(width, l), whole = n - n % turns;
                bytes[l] = p.z[l];
                for (size_t i = 0; i < n; i++) {
                    float factor = p.x[i] * p.scale[i];
                    float product = p.w[1 + i * width + l] * p.x[i];
                    sum[i < whole ? i % turns : 0] += product;
                    product = (float)p.bytes[1 + i * width + l] * factor;
                    bytes[l] += product;
                }
                floats[l] = sum[0];
                for (size_t t = 1; t < turns; t++)
                    floats[l] += sum[t];
            }
            float *x = exactly(p.x, n * sizeof *x), *scale = exactly(p.scale, n * sizeof *scale);
            float *w = exactly(p.w, (1 + n * width) * sizeof *w);
            float *z = exactly(p.z, width * sizeof *z);
            int8_t *b = exactly(p.bytes, 1 + n * width);
            tr_dot_gather_dense(w + 1, width, x, n, z);
            CHECK(!memcmp(z, floats, width * sizeof *z));
            memcpy(z, p.z, width * sizeof *z);
            tr_dot_gather_dense_bytes(b + 1, scale, width, x, n, z);
            CHECK(!memcmp(z, bytes, width * sizeof *z));
            free(x);
            free(scale);
            free(w);
            free(z);
            free(b);
        }
}

static void dense_scatter_is_a_plain_loop(void)
{
    static dense_problem p, right;
    for (size_t width = 8; width <= WIDEST_DENSE; width += 8)
        for (size_t k = 0; k < LENGTHS; k++) {
            size_t n = lengths[k];
            make_dense(&p, width * 100 + n);
            right = p;
            for (size_t i = 0; i < n; i++)
                for (size_t l = 0; l < width; l++) {
                    float product = p.d[l] * p.x[i];
                    right.w[1 + i * width + l] += product;
                }
            tr_dot_scatter_dense(p.w + 1, width, p.x, n, p.d);
            CHECK(!memcmp(p.w, right.w, sizeof p.w));
        }
}

/* A dense row is the sparse row of all its columns; with weights of a byte to the bit. */
static void dense_and_sparse_agree(void)
{
    static dense_problem p;
    uint32_t index[COLUMNS];
    for (uint32_t i = 0; i < COLUMNS; i++)
        index[i] = i;
    for (size_t width = 8; width <= WIDEST_DENSE; width += 8) {
        make_dense(&p, width);
        tr_sparse_row row = {index, p.x, COLUMNS};
        float a[WIDEST] = {0}, b[WIDEST] = {0};
        tr_dot_gather(p.w, width, row, a);
        tr_dot_gather_dense(p.w, width, p.x, COLUMNS, b);
        for (size_t l = 0; l < WIDEST; l++)
            CHECK_NEAR((double)a[l], (double)b[l], 1e-3);
        memcpy(b, a, sizeof a);
        tr_dot_gather_bytes(p.bytes, p.scale, width, row, a);
        tr_dot_gather_dense_bytes(p.bytes, p.scale, width, p.x, COLUMNS, b);
        CHECK(!memcmp(a, b, sizeof a));
    }
}

int main(void)
{
    CASE(width_is_rounded_up);
    CASE(gather_is_a_plain_loop);
    CASE(gather_of_bytes_is_a_plain_loop);
    CASE(scatter_is_a_plain_loop);
    CASE(dense_gathers_are_plain_loops);
    CASE(dense_scatter_is_a_plain_loop);
    CASE(dense_and_sparse_agree);
    return CHECK_END;
}
