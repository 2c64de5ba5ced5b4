#include "models/neighbours.h"

#include "check.h"
#include "ground/rng.h"
#include "maths/dot.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { DIMS = 45, LABELS = 5, K = 9, ROWS = 301, IN_CELLS = 1400, CELLS = 11, MOST_DIMS = 96 };

typedef struct {
    float *x;
    uint32_t *label;
    tr_neighbours m;
} store;

/* Cells of all sizes: none, one row, whole blocks and not, one that is more
 * than is looked at. */
static const uint32_t starts[CELLS + 1] = {0,   0,   1,   65,  193,  300,
                                           330, 930, 930, 931, 1200, IN_CELLS};

static store *make(uint32_t rows, uint32_t dims, uint32_t k, float sharpness)
{
    store *s = malloc(sizeof *s);
    float *middle = calloc(CELLS * dims, sizeof *middle);
    tr_neighbours_cells in = {CELLS, starts, middle};
    tr_rng r;
    tr_err err;
    if (!s || !middle || !(s->x = calloc(rows * dims, sizeof *s->x)) ||
        !(s->label = calloc(rows, sizeof *s->label)))
        exit(4);
    tr_rng_init(&r, 1);
    for (size_t i = 0; i < CELLS * dims; i++)
        middle[i] = i / dims == 7 ? 0 : (float)tr_rng_normal(&r); /* an empty cell has no middle */
    for (size_t i = 0, c = 0; i < rows; i++) {
        bool far = i % 29 == 0;
        while (rows == IN_CELLS && i >= starts[c + 1])
            c++;
        for (size_t d = 0; d < dims; d++)
            s->x[i * dims + d] = far ? (tr_rng_below(&r, 2) ? 1 : -1)
                                     : middle[c * dims + d] + (float)tr_rng_normal(&r);
        s->label[i] = (uint32_t)tr_rng_below(&r, LABELS);
    }
    memcpy(s->x + 200 * dims, s->x + 100 * dims, dims * sizeof(float)); /* twins */
    memset(s->x + 50 * dims, 0, dims * sizeof(float));
    if (tr_neighbours_make(&s->m, s->x, s->label, rows, dims, LABELS, k, sharpness,
                           rows == IN_CELLS ? &in : NULL, &err) != TR_OK)
        exit(4);
    free(middle);
    return s;
}

static store *make_store(uint32_t k, float sharpness)
{
    return make(ROWS, DIMS, k, sharpness);
}

static void free_store(store *s)
{
    tr_neighbours_free(&s->m);
    free(s->x);
    free(s->label);
    free(s);
}

/* ---- the same by the definition: whole numbers one by one, everything sorted
 * ---- */

typedef struct {
    int32_t byte[MOST_DIMS];
    double length;
} query;

static query query_of(const float *x, uint32_t dims)
{
    query q = {0};
    float most = 0;
    int64_t square = 0;
    for (uint32_t d = 0; d < dims; d++)
        most = fabsf(x[d]) > most ? fabsf(x[d]) : most;
    for (uint32_t d = 0; most > 0 && d < dims; d++) {
        q.byte[d] = (int32_t)lrintf(x[d] / most * 127);
        square += q.byte[d] * q.byte[d];
    }
    q.length = sqrt((double)square);
    return q;
}

static float alike(const query *q, const int8_t *row, float scale, uint32_t dims)
{
    int32_t dot = 0;
    for (uint32_t d = 0; d < dims; d++)
        dot += row[d] * q->byte[d];
    return (float)dot * scale;
}

/* Behind what is as large. */
static size_t insert(tr_neighbour *found, size_t n, tr_neighbour here)
{
    size_t at = n;
    for (; at > 0 && found[at - 1].cosine < here.cosine; at--)
        found[at] = found[at - 1];
    found[at] = here;
    return n + 1;
}

/* All rows that are looked at, the nearest first. looked: the cells that they
 * lie in. */
static size_t plainly(const tr_neighbours *m, const float *x, const uint8_t *fold, uint8_t own,
                      tr_neighbour *found, size_t *looked)
{
    query q = query_of(x, m->dims);
    tr_neighbour *cell = malloc(m->cells * sizeof *cell);
    size_t n = 0, cells = 0;
    if (!cell)
        exit(4);
    for (uint32_t c = 0; c < m->cells; c++)
        cells = insert(
            cell, cells,
            (tr_neighbour){c, alike(&q, m->middle + c * m->stride, m->middle_scale[c], m->dims)});
    for (*looked = 0; *looked < cells && (m->cells == 1 || n < TR_NEIGHBOURS_SEEN); ++*looked) {
        uint32_t c = cell[*looked].row;
        for (uint32_t i = m->start[c]; i < m->start[c + 1]; i++)
            if (!fold || fold[i] != own)
                n = insert(
                    found, n,
                    (tr_neighbour){i, alike(&q, m->row + i * m->stride, m->scale[i], m->dims)});
    }
    for (size_t i = 0; i < n; i++)
        found[i].cosine *= (float)(1 / q.length);
    free(cell);
    return q.length > 0 ? n : 0;
}

static void check_search(const store *s, const float *const *x, size_t n, const uint8_t *fold,
                         const uint8_t *own, size_t looked_in[CELLS + 1])
{
    static tr_neighbour all[IN_CELLS];
    const tr_neighbours *m = &s->m;
    size_t room = tr_neighbours_search_room(m, n), looked;
    float *scratch = malloc(room * sizeof *scratch); /* exact: the sanitizers see a step out */
    tr_neighbour *found = malloc(n * m->k * sizeof *found);
    uint32_t *count = malloc(n * sizeof *count);
    if (!scratch || !found || !count)
        exit(4);
    tr_neighbours_search(m, x, n, fold, own, scratch, found, count);
    for (size_t i = 0; i < n; i++) {
        size_t rows = plainly(m, x[i], fold, own ? own[i] : 0, all, &looked);
        looked_in[looked]++;
        CHECK(count[i] == (rows < m->k ? rows : m->k));
        for (size_t j = 0; j < count[i]; j++) {
            const tr_neighbour *at = &found[i * m->k + j];
            CHECK(at->row == all[j].row && at->cosine == all[j].cosine);
            CHECK(!fold || fold[at->row] != own[i]);
        }
    }
    free(scratch);
    free(found);
    free(count);
}

/* Of a short list the nearest rows, of a longer one those of the cells that are
 * looked into. */
static void finds_the_nearest(void)
{
    static const uint32_t dims[] = {1, 2, 31, 32, 33, DIMS, 64, MOST_DIMS};
    static const size_t sizes[] = {1, 2, 3, 4, 5, 63, 64};
    static uint8_t fold[IN_CELLS], own[64];
    for (size_t i = 0; i < IN_CELLS; i++)
        fold[i] = (uint8_t)(i % 3);
    for (size_t i = 0; i < 64; i++)
        own[i] = (uint8_t)(i % 4); /* the fold 3 has no rows */
    for (size_t k = 0; k < sizeof dims / sizeof *dims; k++)
        for (uint32_t rows = ROWS; rows <= IN_CELLS; rows += IN_CELLS - ROWS) {
            store *s = make(rows, dims[k], K, 5);
            size_t looked_in[CELLS + 1] = {0}, several = 0;
            const float *x[64];
            for (size_t z = 0; z < sizeof sizes / sizeof *sizes; z++) {
                for (size_t i = 0; i < 64; i++)
                    x[i] = s->x + (i * 37 + z * 101 + 50) % rows * dims[k];
                check_search(s, x, sizes[z], NULL, NULL, looked_in);
                check_search(s, x, sizes[z], fold, own, looked_in);
            }
            for (size_t c = 2; c <= CELLS; c++)
                several += looked_in[c] > 0;
            CHECK(s->m.cells == (rows == IN_CELLS ? CELLS : 1));
            CHECK(rows == ROWS ? looked_in[1] && !several : dims[k] == 1 || several > 1);
            CHECK(rows == ROWS || looked_in[CELLS] == 0 || dims[k] < 3); /* it stops */
            free_store(s);
        }
}

static void twins_are_found_in_their_order(void)
{
    store *s = make_store(K, 5);
    float *scratch = malloc(tr_neighbours_search_room(&s->m, 1) * sizeof *scratch);
    tr_neighbour found[K];
    uint32_t count;
    const float *x = s->x + 100 * DIMS;
    tr_neighbours_search(&s->m, &x, 1, NULL, NULL, scratch, found, &count);
    CHECK(found[0].row == 100 && found[1].row == 200); /* the lower number first */
    CHECK_NEAR((double)found[1].cosine, 1, 1e-6);
    x = s->x + 50 * DIMS; /* a row of zeros is like nothing */
    tr_neighbours_search(&s->m, &x, 1, NULL, NULL, scratch, found, &count);
    CHECK(count == 0);
    free(scratch);
    free_store(s);
}

/* The largest bytes there are, of one sign and of both: no sum of products may
 * wrap or saturate. */
static void the_largest_numbers(void)
{
    enum { N = 8, WIDE = 384 };
    static const uint32_t start[] = {0, 4, N}, label[N];
    float *x = malloc(N * WIDE * sizeof *x), *middle = malloc(2 * WIDE * sizeof *middle);
    tr_neighbours m;
    tr_err err;
    if (!x || !middle)
        exit(4);
    for (size_t i = 0; i < N; i++)
        for (size_t d = 0; d < WIDE; d++)
            x[i * WIDE + d] = i % 4 == 0   ? 1
                              : i % 4 == 1 ? -1
                              : i % 4 == 2 ? (d % 2 ? 1 : -1)
                                           : (d % 4 < 2 ? 1 : -1);
    memcpy(middle, x, 2 * WIDE * sizeof *x);
    tr_neighbours_cells in = {2, start, middle};
    for (int cells = 0; cells < 2; cells++) {
        CHECK(tr_neighbours_make(&m, x, label, N, WIDE, 1, N, 5, cells ? &in : NULL, &err) ==
              TR_OK);
        float *scratch = malloc(tr_neighbours_search_room(&m, 1) * sizeof *scratch);
        for (size_t i = 0; i < 4; i++) {
            tr_neighbour found[N];
            uint32_t count;
            const float *q = x + i * WIDE;
            tr_neighbours_search(&m, &q, 1, NULL, NULL, scratch, found, &count);
            CHECK(count == N);
            for (size_t k = 0; k < N; k++) {
                size_t at = found[k].row % 4;
                CHECK_NEAR((double)found[k].cosine, at == i ? 1 : at + i == 1 ? -1 : 0, 1e-6);
            }
        }
        free(scratch);
        tr_neighbours_free(&m);
    }
    free(x);
    free(middle);
}

static void fewer_rows_than_neighbours(void)
{
    const float x[] = {1, 0, 0, 1, -1, 0};
    const uint32_t label[] = {0, 1, 1};
    const uint8_t fold[] = {0, 0, 1}, own[] = {0, 1, 2};
    const float *q[] = {x, x, x};
    tr_neighbours m;
    tr_err err;
    CHECK(tr_neighbours_make(&m, x, label, 3, 2, 2, TR_NEIGHBOURS_MOST, 5, NULL, &err) == TR_OK);
    CHECK(m.k == 3);
    float *scratch = malloc(tr_neighbours_search_room(&m, 3) * sizeof *scratch);
    tr_neighbour found[9];
    uint32_t count[3];
    tr_neighbours_search(&m, q, 3, fold, own, scratch, found, count);
    CHECK(count[0] == 1 && count[1] == 2 && count[2] == 3);
    CHECK(found[0].row == 2 && found[3].row == 0 && found[4].row == 1 && found[8].row == 2);
    free(scratch);
    tr_neighbours_free(&m);
}

/* One by one or many at once, now or later, from one copy or another: the same
 * bits. */
static void the_same_every_time(void)
{
    store *s = make(IN_CELLS, DIMS, K, 5), *t = make(IN_CELLS, DIMS, K, 5);
    tr_buf a, b;
    tr_buf_init(&a);
    tr_buf_init(&b);
    tr_neighbours_write(&s->m, &a);
    tr_neighbours_write(&t->m, &b);
    CHECK(!a.failed && tr_str_equal(tr_buf_str(&a), tr_buf_str(&b)));
    float *scratch = malloc(tr_neighbours_search_room(&s->m, 64) * sizeof *scratch), z[8], y[8];
    tr_neighbour many[64 * K], one[K];
    uint32_t counts[64], count;
    const float *x[64];
    for (size_t i = 0; i < 64; i++)
        x[i] = s->x + i * 21 * DIMS;
    tr_neighbours_search(&s->m, x, 64, NULL, NULL, scratch, many, counts);
    for (size_t i = 0; i < 64; i++) {
        tr_neighbours_search(&t->m, &x[i], 1, NULL, NULL, scratch, one, &count);
        CHECK(count == counts[i] && !memcmp(one, many + i * K, count * sizeof *one));
        tr_neighbours_vote(&s->m, many + i * K, count, z);
        tr_neighbours_decide(&t->m, x[i], scratch, y);
        CHECK(memcmp(z, y, sizeof z) == 0);
    }
    free(scratch);
    tr_buf_free(&a);
    tr_buf_free(&b);
    free_store(s);
    free_store(t);
}

static void cosines_are_those_of_the_numbers(void)
{
    store *s = make_store(TR_NEIGHBOURS_MOST, 5);
    float *scratch = malloc(tr_neighbours_search_room(&s->m, 1) * sizeof *scratch);
    tr_neighbour found[TR_NEIGHBOURS_MOST];
    uint32_t count;
    const float *x = s->x + 7 * DIMS;
    tr_neighbours_search(&s->m, &x, 1, NULL, NULL, scratch, found, &count);
    for (size_t k = 0; k < count; k++) {
        double dot = 0, a = 0, b = 0;
        const float *y = s->x + found[k].row * DIMS;
        for (int d = 0; d < DIMS; d++) {
            dot += (double)x[d] * (double)y[d];
            a += (double)x[d] * (double)x[d];
            b += (double)y[d] * (double)y[d];
        }
        CHECK_NEAR((double)found[k].cosine, b > 0 ? dot / sqrt(a * b) : 0, 0.01);
    }
    free(scratch);
    free_store(s);
}

static void votes_by_hand(void)
{
    const float x[] = {1, 0, 0.8f, 0.6f, 0, 1, -1, 0};
    const uint32_t label[] = {0, 1, 1, 2};
    tr_neighbours m;
    tr_err err;
    CHECK(tr_neighbours_make(&m, x, label, 4, 2, 4, 2, 2, NULL, &err) == TR_OK);
    float *scratch = malloc(tr_neighbours_room(&m) * sizeof *scratch), z[8];
    tr_neighbours_decide(&m, (const float[]){5, 0}, scratch, z);
    double second = exp(2 * (0.8 - 1)), sum = 1 + second; /* cosines 1 and .8 */
    static const double prior[] = {1.5 / 6, 2.5 / 6, 1.5 / 6, 0.5 / 6};
    CHECK_NEAR((double)z[0], log(0.98 / sum + 0.02 * prior[0]), 2e-3);
    CHECK_NEAR((double)z[1], log(0.98 * second / sum + 0.02 * prior[1]), 2e-3);
    CHECK_NEAR((double)z[2], log(0.02 * prior[2]), 1e-5);
    CHECK_NEAR((double)z[3], log(0.02 * prior[3]), 1e-5);
    CHECK(z[4] == 0 && z[7] == 0);
    tr_neighbours_decide(&m, (const float[]){0, 0}, scratch, z); /* like nothing: the prior */
    for (int l = 0; l < 4; l++)
        CHECK_NEAR((double)z[l], log(prior[l]), 1e-5);
    free(scratch);
    tr_neighbours_free(&m);
}

/* Turning all rows about leaves the cosines, and so the votes, as they are but
 * for rounding. */
static void turning_does_not_matter(void)
{
    store *s = make_store(K, 5);
    float *turned = malloc(ROWS * DIMS * sizeof *turned), z[8], y[8];
    float *scratch = malloc(tr_neighbours_room(&s->m) * sizeof *scratch);
    tr_neighbours m;
    tr_err err;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t d = 0; d < DIMS; d++) /* dims in another order, some with another sign */
            turned[i * DIMS + d] = (d % 3 ? 1 : -1) * s->x[i * DIMS + (d * 7 + 3) % DIMS];
    CHECK(tr_neighbours_make(&m, turned, s->label, ROWS, DIMS, LABELS, K, 5, NULL, &err) == TR_OK);
    for (size_t i = 0; i < ROWS; i++) {
        tr_neighbours_decide(&s->m, s->x + i * DIMS, scratch, z);
        tr_neighbours_decide(&m, turned + i * DIMS, scratch, y);
        CHECK(memcmp(z, y, sizeof z) == 0); /* this turning rounds nothing */
    }
    tr_neighbours_free(&m);
    free(turned);
    free(scratch);
    free_store(s);
}

static tr_code read_bytes(const void *data, size_t size, uint32_t labels, uint32_t dims,
                          const store *s)
{
    tr_le_reader r;
    tr_err err = {0};
    tr_neighbours m;
    void *copy = aligned_alloc(64, (size + 64) / 64 * 64);
    if (!copy)
        exit(4);
    memcpy(copy, data, size);
    tr_le_open(&r, copy, size);
    tr_code code = tr_neighbours_read(&m, &r, labels, dims, &err);
    CHECK(code == TR_OK ? tr_le_left(&r) == 0 : *err.message != 0);
    if (code == TR_OK) {
        float *scratch = malloc(tr_neighbours_room(&m) * sizeof *scratch), z[8], y[8];
        tr_neighbours_decide(&m, s->x, scratch, z);
        tr_neighbours_decide(&s->m, s->x, scratch, y);
        CHECK(memcmp(z, y, sizeof z) == 0);
        free(scratch);
    }
    free(copy);
    return code;
}

static void check_file(uint32_t rows)
{
    store *s = make(rows, DIMS, K, 5);
    tr_buf b;
    tr_buf_init(&b);
    tr_neighbours_write(&s->m, &b);
    CHECK(read_bytes(b.data, b.size, LABELS, DIMS, s) == TR_OK);
    CHECK(read_bytes(b.data, b.size, LABELS + 1, DIMS, s) == TR_DATA);
    CHECK(read_bytes(b.data, b.size, LABELS, DIMS - 1, s) == TR_DATA);
    CHECK(read_bytes(b.data, b.size, LABELS, DIMS + 32, s) == TR_DATA);
    for (size_t cut = 0; cut < b.size; cut += cut < 3000 ? 1 : 101)
        CHECK(read_bytes(b.data, cut, LABELS, DIMS, s) == TR_DATA);
    uint32_t cells = s->m.cells;
    size_t scales = 24 + LABELS * 4, labels = scales + rows * 4, middles = labels + rows * 4;
    size_t at = middles + cells * 4, last = at + cells * 4;
    size_t bytes = (last + 4 + 63) / 64 * 64, middle = bytes + rows * s->m.stride;
    const struct {
        size_t at;
        uint32_t to;
    } bad[] = {{8, 0},
               {8, 0xffffffff},
               {8, rows - 1},
               {8, rows + 1},
               {8, rows + 64},
               {12, 0},
               {12, 257},
               {12, rows + 1},
               {16, 0x7fc00000}, /* NaN */
               {16, 0xbf800000}, /* -1 */
               {16, 0x7f800000}, /* infinity */
               {20, 0},
               {20, cells - 1},
               {20, cells + 1},
               {20, rows},
               {20, rows + 1},
               {20, 0xffffffff},
               {24, 0},
               {24, 0x7fc00000},
               {scales, 0x7fc00000},
               {scales, 0xbf800000},
               {scales + (rows - 1) * 4, 0x40000000}, /* 2 */
               {labels, LABELS},
               {labels + 4, 0xffffffff},
               {middles, 0x7fc00000},
               {middles + (cells - 1) * 4, 0x7fc00000},
               {middles, 0xbf800000},
               {middles, 0x40000000},
               {at, 1},
               {at, 0xffffffff},
               {last, 0},
               {last, rows - 1},
               {last, rows + 1},
               {last, 0xffffffff},
               {at + cells / 2 * 4, rows}, /* the next one is below */
               {at + cells / 2 * 4, rows + 1},
               {at + cells / 2 * 4, 0xffffffff},
               {last + 4, 1}, /* what fills up to the rows is zero */
               {bytes, 0x80}, /* -128 */
               {middle - 4, 0x80000000},
               {middle, 0x80}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        uint32_t was;
        memcpy(&was, b.data + bad[k].at, 4);
        memcpy(b.data + bad[k].at, &bad[k].to, 4);
        tr_code code = read_bytes(b.data, b.size, LABELS, DIMS, s);
        if (code != TR_DATA)
            printf("# %zu: %x at %zu\n", k, bad[k].to, bad[k].at);
        CHECK(code == TR_DATA);
        memcpy(b.data + bad[k].at, &was, 4);
    }
    tr_buf_free(&b);
    free_store(s);
}

static void the_file(void)
{
    check_file(ROWS);
    check_file(IN_CELLS);
}

int main(void)
{
    CASE(finds_the_nearest);
    CASE(twins_are_found_in_their_order);
    CASE(the_largest_numbers);
    CASE(fewer_rows_than_neighbours);
    CASE(the_same_every_time);
    CASE(cosines_are_those_of_the_numbers);
    CASE(votes_by_hand);
    CASE(turning_does_not_matter);
    CASE(the_file);
    return CHECK_END;
}
