#include "features/dense.h"
#include "features/svd.h"

#include "check.h"
#include "ground/rng.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>

static void embeddings_are_centred_and_scaled(void)
{
    enum { N = 50, DIMS = 11 };
    float x[N][DIMS], out[16];
    const float *at[N];
    tr_dense v;
    tr_rng r;
    tr_err err;
    tr_rng_init(&r, 1);
    for (size_t i = 0; i < N; i++) {
        at[i] = x[i];
        for (size_t d = 0; d < DIMS; d++)
            x[i][d] = (float)((1 + tr_rng_normal(&r)) * pow(10, (double)(i % 7)));
    }
    CHECK(tr_dense_fit_embeddings(&v, at, N, DIMS, 2, &err) == TR_OK);
    double mean[DIMS] = {0}, square = 0;
    for (size_t i = 0; i < N; i++) {
        double length = 0;
        for (size_t d = 0; d < DIMS; d++)
            length += (double)x[i][d] * (double)x[i][d];
        tr_dense_of_embedding(&v, x[i], out);
        for (size_t d = 0; d < DIMS; d++) {
            mean[d] += (double)out[d] / N;
            square += (double)out[d] * (double)out[d] / N;
            CHECK_NEAR((double)out[d],
                       ((double)x[i][d] / sqrt(length) - (double)v.mean[d]) * (double)v.scale,
                       1e-5);
        }
        for (size_t d = DIMS; d < 16; d++)
            CHECK(out[d] == 0);
    }
    for (size_t d = 0; d < DIMS; d++)
        CHECK_NEAR(mean[d], 0, 1e-5);
    CHECK_NEAR(square, 4, 1e-4);
    const float nothing[DIMS] = {0};
    tr_dense_of_embedding(&v, nothing, out);
    for (size_t d = 0; d < 16; d++)
        CHECK(out[d] == 0);
    tr_dense_free(&v);
}

static void lengths_that_no_float_holds(void)
{
    const float a[2] = {3e38f, -3e38f}, b[2] = {1e-40f, 1e-40f};
    const float *at[2] = {a, b};
    float out[8];
    tr_dense v;
    tr_err err;
    CHECK(tr_dense_fit_embeddings(&v, at, 2, 2, 1, &err) == TR_OK);
    CHECK_NEAR((double)v.mean[0], sqrt(0.5), 1e-6);
    tr_dense_of_embedding(&v, a, out);
    CHECK(isfinite(out[0]) && isfinite(out[1]));
    tr_dense_free(&v);
    at[1] = a; /* nothing differs: no division by nothing */
    CHECK(tr_dense_fit_embeddings(&v, at, 2, 2, 1, &err) == TR_OK);
    tr_dense_of_embedding(&v, b, out);
    CHECK(isfinite(out[0]) && fabsf(out[0]) < 10);
    tr_dense_free(&v);
}

enum { ROWS = 120, COLUMNS = 90, TOPICS = 3 };

/* Rows that are sums of TOPICS patterns over the columns 0..79, so that the matrix has that rank; a
 * column of 80.. stands in one row alone. */
static void low_rank(tr_sparse *x, uint64_t seed)
{
    float topic[TOPICS][80];
    tr_rng r;
    *x = (tr_sparse){0};
    tr_rng_init(&r, seed);
    for (size_t k = 0; k < TOPICS; k++)
        for (size_t c = 0; c < 80; c++)
            topic[k][c] = (float)tr_rng_normal(&r);
    for (size_t i = 0; i < ROWS; i++) {
        uint32_t index[81];
        float value[81], part[TOPICS];
        for (size_t k = 0; k < TOPICS; k++)
            part[k] = (float)(tr_rng_normal(&r) * (double)(k + 1));
        for (uint32_t c = 0; c < 80; c++) {
            index[c] = c;
            value[c] = 0;
            for (size_t k = 0; k < TOPICS; k++)
                value[c] += part[k] * topic[k][c];
        }
        index[80] = (uint32_t)(80 + i);
        value[80] = 5;
        if (!tr_sparse_add(x, (tr_sparse_row){index, value, i < 10 ? 81 : 80}))
            exit(4);
    }
}

static void text_keeps_its_distances(void)
{
    tr_sparse x;
    tr_dense v;
    tr_err err;
    float a[8], b[8];
    low_rank(&x, 2);
    CHECK(tr_svd_fit(&v, &x, COLUMNS, 20, 1, 7, &err) == TR_OK);
    CHECK(v.dims == TOPICS && v.columns == COLUMNS); /* there are no more directions */
    double square = 0, mean = 0;
    for (size_t i = 0; i < ROWS; i++) {
        tr_dense_of_text(&v, tr_sparse_at(&x, i), a);
        square += (double)(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]) / ROWS;
        mean += (double)(a[0] + a[1] + a[2]) / ROWS;
        CHECK(a[TOPICS] == 0);
    }
    CHECK_NEAR(square, 1, 1e-4);
    CHECK_NEAR(mean, 0, 1e-4);
    for (size_t i = 1; i < ROWS; i++) { /* without the lone columns: distances as they were */
        tr_sparse_row p = tr_sparse_at(&x, i - 1), q = tr_sparse_at(&x, i);
        double was = 0, is = 0;
        for (size_t c = 0; c < 80; c++)
            was += pow((double)p.value[c] - (double)q.value[c], 2);
        tr_dense_of_text(&v, p, a);
        tr_dense_of_text(&v, q, b);
        for (size_t d = 0; d < v.dims; d++)
            is += pow((double)a[d] - (double)b[d], 2);
        CHECK_NEAR(sqrt(is) / (double)v.scale / sqrt(was), 1, 0.02); /* bytes round a little */
    }
    tr_dense_free(&v);
    tr_sparse_free(&x);
}

static void the_first_directions_are_the_widest(void)
{
    tr_sparse x;
    tr_dense v, all;
    tr_err err;
    float a[8], b[8];
    double kept = 0, total = 0;
    low_rank(&x, 3);
    CHECK(tr_svd_fit(&v, &x, COLUMNS, 1, 1, 7, &err) == TR_OK && v.dims == 1);
    CHECK(tr_svd_fit(&all, &x, COLUMNS, TOPICS, 1, 7, &err) == TR_OK);
    for (size_t i = 0; i < ROWS; i++) {
        tr_dense_of_text(&v, tr_sparse_at(&x, i), a);
        tr_dense_of_text(&all, tr_sparse_at(&x, i), b);
        kept += pow((double)(a[0] / v.scale + v.mean[0]), 2);
        for (size_t d = 0; d < TOPICS; d++)
            total += pow((double)(b[d] / all.scale + all.mean[d]), 2);
    }
    CHECK(kept / total > 0.5 && kept / total < 1); /* of 1 + 4 + 9 the 9 at least, about */
    tr_dense_free(&v);
    tr_dense_free(&all);
    tr_sparse_free(&x);
}

static tr_buf written(const tr_dense *v)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_dense_write(v, &b);
    if (b.failed)
        exit(4);
    return b;
}

static void the_seed_decides(void)
{
    tr_sparse x;
    tr_err err;
    tr_dense v[3];
    tr_buf b[3];
    low_rank(&x, 4);
    for (size_t i = 0; i < ROWS; i++) /* noise, so that directions are left out */
        for (size_t c = 0; c < 80; c++)
            x.value[x.start[i] + c] += (float)((i * 7919 + c * 104729) % 101) / 20;
    for (int k = 0; k < 3; k++) {
        CHECK(tr_svd_fit(&v[k], &x, COLUMNS, 6, 1, k == 2, &err) == TR_OK);
        b[k] = written(&v[k]);
    }
    CHECK(b[0].size == b[1].size && memcmp(b[0].data, b[1].data, b[0].size) == 0);
    CHECK(b[0].size == b[2].size && memcmp(b[0].data, b[2].data, b[0].size) != 0);
    for (int k = 0; k < 3; k++) {
        tr_buf_free(&b[k]);
        tr_dense_free(&v[k]);
    }
    tr_sparse_free(&x);
}

static void texts_without_anything_in_common(void)
{
    tr_sparse x = {0};
    tr_dense v;
    tr_err err;
    float out[8];
    for (uint32_t i = 0; i < 5; i++)
        CHECK(tr_sparse_add(&x, (tr_sparse_row){&i, &(float){1}, i != 3}));
    CHECK(tr_svd_fit(&v, &x, 5, 4, 1, 1, &err) == TR_OK && v.dims == 1);
    tr_dense_of_text(&v, tr_sparse_at(&x, 0), out);
    CHECK(out[0] == 0);
    tr_dense_free(&v);
    tr_sparse two = {0};
    for (uint32_t i = 0; i < 2; i++)
        CHECK(tr_sparse_add(&two, (tr_sparse_row){&(uint32_t){4}, &(float){1}, 1}));
    CHECK(tr_svd_fit(&v, &two, 5, 4, 1, 1, &err) == TR_OK && v.dims >= 1);
    tr_dense_free(&v);
    tr_sparse_free(&x);
    tr_sparse_free(&two);
}

static tr_code read_bytes(const void *data, size_t size, uint32_t columns, const tr_dense *v,
                          tr_sparse_row row)
{
    tr_le_reader r;
    tr_err err = {0};
    tr_dense again;
    void *copy = aligned_alloc(64, (size + 64) / 64 * 64);
    if (!copy)
        exit(4);
    memcpy(copy, data, size);
    tr_le_open(&r, copy, size);
    tr_code code = tr_dense_read(&again, &r, columns, &err);
    CHECK(code == TR_OK ? tr_le_left(&r) == 0 : *err.message != 0);
    if (code == TR_OK) {
        float a[16], b[16];
        tr_dense_of_text(v, row, a);
        tr_dense_of_text(&again, row, b);
        CHECK(again.dims == v->dims && memcmp(a, b, tr_dot_width(v->dims) * sizeof *a) == 0);
    }
    free(copy);
    return code;
}

static void the_file(void)
{
    tr_sparse x;
    tr_dense v;
    tr_err err;
    low_rank(&x, 5);
    CHECK(tr_svd_fit(&v, &x, COLUMNS, 8, 1, 7, &err) == TR_OK && v.dims == TOPICS);
    tr_sparse_row row = tr_sparse_at(&x, 3);
    tr_buf b = written(&v);
    CHECK(read_bytes(b.data, b.size, COLUMNS, &v, row) == TR_OK);
    CHECK(read_bytes(b.data, b.size, COLUMNS - 1, &v, row) == TR_DATA);
    for (size_t cut = 0; cut < b.size; cut++)
        CHECK(read_bytes(b.data, cut, COLUMNS, &v, row) == TR_DATA);
    static const struct {
        size_t at;
        uint32_t to;
    } bad[] = {
        {0, 0xffffffff}, {0, TR_DENSE_MOST + 1}, {0, 64},          {4, 0xffffffff},
        {4, 1},          {8, 0x7fc00000},        {12, 0x7f800000}, {12 + TOPICS * 4, 0x7fc00000}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        uint32_t was;
        memcpy(&was, b.data + bad[k].at, 4);
        memcpy(b.data + bad[k].at, &bad[k].to, 4);
        CHECK(read_bytes(b.data, b.size, COLUMNS, &v, row) == TR_DATA);
        memcpy(b.data + bad[k].at, &was, 4);
    }
    tr_buf_free(&b);
    tr_dense_free(&v);
    tr_sparse_free(&x);
}

static void the_file_of_an_embedding(void)
{
    const float a[3] = {1, 2, 3}, c[3] = {3, -1, 1};
    const float *at[2] = {a, c};
    float p[8], q[8];
    tr_dense v, again;
    tr_err err;
    tr_le_reader r;
    CHECK(tr_dense_fit_embeddings(&v, at, 2, 3, 1, &err) == TR_OK);
    tr_buf b = written(&v);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_dense_read(&again, &r, 12345, &err) == TR_OK && again.dims == 3);
    CHECK(again.columns == 0 && tr_le_left(&r) == 0);
    tr_dense_of_embedding(&v, c, p);
    tr_dense_of_embedding(&again, c, q);
    CHECK(memcmp(p, q, sizeof p) == 0);
    tr_dense_free(&v);
    tr_buf_free(&b);
}

int main(void)
{
    CASE(embeddings_are_centred_and_scaled);
    CASE(lengths_that_no_float_holds);
    CASE(text_keeps_its_distances);
    CASE(the_first_directions_are_the_widest);
    CASE(the_seed_decides);
    CASE(texts_without_anything_in_common);
    CASE(the_file);
    CASE(the_file_of_an_embedding);
    return CHECK_END;
}
