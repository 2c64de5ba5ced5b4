#include "maths/dot.h"

#include <stdbool.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Eight floats; the compiler splits them where the machine has only four. Unaligned loads. */
typedef float lanes __attribute__((vector_size(32), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

enum { AHEAD = 12, LINE_FLOATS = 16, LINE_BYTES = 64 };

/* Rows of weights are far apart: ask for those of the entries to come while adding these. */
INLINE void prefetch_row(const float *w, size_t width, tr_sparse_row row, size_t q)
{
    if (q + AHEAD < row.n) {
        const float *x = w + (size_t)row.index[q + AHEAD] * width;
        for (size_t l = 0; l < width; l += LINE_FLOATS)
            __builtin_prefetch(x + l);
    }
}

/* `tile` vectors of labels at once, their sums in registers. */
INLINE void gather_tile(const float *w, size_t width, tr_sparse_row row, float *z, int tile,
                        bool first)
{
    lanes sum[4];
    for (int t = 0; t < tile; t++)
        sum[t] = *(const lanes *)(z + t * TR_DOT_LANES);
    for (size_t q = 0; q < row.n; q++) {
        const float *x = w + (size_t)row.index[q] * width;
        float v = row.value[q];
        if (first)
            prefetch_row(w, width, row, q);
        for (int t = 0; t < tile; t++)
            sum[t] += *(const lanes *)(x + t * TR_DOT_LANES) * v;
    }
    for (int t = 0; t < tile; t++)
        *(lanes *)(z + t * TR_DOT_LANES) = sum[t];
}

INLINE void gather_all(const float *w, size_t width, tr_sparse_row row, float *z)
{
    size_t l = 0;
    for (; l + 4 * TR_DOT_LANES <= width; l += 4 * TR_DOT_LANES)
        gather_tile(w + l, width, row, z + l, 4, l == 0);
    for (; l + 2 * TR_DOT_LANES <= width; l += 2 * TR_DOT_LANES)
        gather_tile(w + l, width, row, z + l, 2, l == 0);
    for (; l < width; l += TR_DOT_LANES)
        gather_tile(w + l, width, row, z + l, 1, l == 0);
}

/* Weights of a byte: z[l] += (value · scale) · byte, label by label in the order of the row. */
static void bytes_plain(const int8_t *w, const float *scale, size_t width, tr_sparse_row row,
                        float *z)
{
    for (size_t q = 0; q < row.n; q++) {
        const int8_t *x = w + (size_t)row.index[q] * width;
        float v = row.value[q] * scale[row.index[q]];
        for (size_t l = 0; l < width; l++)
            z[l] += (float)x[l] * v;
    }
}

INLINE void scatter_tile(float *w, size_t width, tr_sparse_row row, const float *d, int tile)
{
    lanes step[4];
    for (int t = 0; t < tile; t++)
        step[t] = *(const lanes *)(d + t * TR_DOT_LANES);
    for (size_t q = 0; q < row.n; q++) {
        float *x = w + (size_t)row.index[q] * width;
        float v = row.value[q];
        for (int t = 0; t < tile; t++)
            *(lanes *)(x + t * TR_DOT_LANES) += step[t] * v;
    }
}

INLINE void scatter_all(float *w, size_t width, tr_sparse_row row, const float *d)
{
    size_t l = 0;
    for (; l + 4 * TR_DOT_LANES <= width; l += 4 * TR_DOT_LANES)
        scatter_tile(w + l, width, row, d + l, 4);
    for (; l + 2 * TR_DOT_LANES <= width; l += 2 * TR_DOT_LANES)
        scatter_tile(w + l, width, row, d + l, 2);
    for (; l < width; l += TR_DOT_LANES)
        scatter_tile(w + l, width, row, d + l, 1);
}

/* A dense row: as above, with every row of weights in turn. `turns` sums a label, taken in turn, so
 * that narrow tiles do not wait for one addition after another; they depend on the tile's width
 * alone, which the number of labels decides. */
INLINE void gather_dense_tile(const float *w, size_t width, const float *x, size_t n, float *z,
                              int tile, int turns)
{
    lanes sum[12];
    for (int t = 0; t < tile; t++)
        sum[t] = *(const lanes *)(z + t * TR_DOT_LANES);
    for (int t = tile; t < tile * turns; t++)
        sum[t] = (lanes){0};
    size_t k = 0;
    for (; k + (size_t)turns <= n; k += (size_t)turns)
        for (int turn = 0; turn < turns; turn++, w += width)
            for (int t = 0; t < tile; t++)
                sum[turn * tile + t] += *(const lanes *)(w + t * TR_DOT_LANES) *
                                        x[k + (size_t)turn];
    for (; k < n; k++, w += width)
        for (int t = 0; t < tile; t++)
            sum[t] += *(const lanes *)(w + t * TR_DOT_LANES) * x[k];
    for (int turn = 1; turn < turns; turn++)
        for (int t = 0; t < tile; t++)
            sum[t] += sum[turn * tile + t];
    for (int t = 0; t < tile; t++)
        *(lanes *)(z + t * TR_DOT_LANES) = sum[t];
}

/* As many labels at once as there are registers for. */
INLINE void gather_dense_all(const float *w, size_t width, const float *x, size_t n, float *z)
{
    size_t l = 0, left = width / TR_DOT_LANES;
    for (; left >= 16; l += 8 * TR_DOT_LANES, left -= 8)
        gather_dense_tile(w + l, width, x, n, z + l, 8, 1);
    if (left >= 10) {
        gather_dense_tile(w + l, width, x, n, z + l, 10, 1);
        l += 10 * TR_DOT_LANES, left -= 10;
    } else if (left >= 8) {
        gather_dense_tile(w + l, width, x, n, z + l, 8, 1);
        l += 8 * TR_DOT_LANES, left -= 8;
    }
    for (; left >= 4; l += 4 * TR_DOT_LANES, left -= 4)
        gather_dense_tile(w + l, width, x, n, z + l, 4, 2);
    for (; left >= 2; l += 2 * TR_DOT_LANES, left -= 2)
        gather_dense_tile(w + l, width, x, n, z + l, 2, 4);
    for (; left; l += TR_DOT_LANES, left--)
        gather_dense_tile(w + l, width, x, n, z + l, 1, 4);
}

INLINE void scatter_dense_all(float *w, size_t width, const float *x, size_t n, const float *d)
{
    for (size_t k = 0; k < n; k++, w += width)
        for (size_t l = 0; l < width; l += TR_DOT_LANES)
            *(lanes *)(w + l) += *(const lanes *)(d + l) * x[k];
}

static void dense_bytes_plain(const int8_t *w, const float *scale, size_t width, const float *x,
                              size_t n, float *z)
{
    for (size_t k = 0; k < n; k++, w += width) {
        float v = x[k] * scale[k];
        for (size_t l = 0; l < width; l++)
            z[l] += (float)w[l] * v;
    }
}

#if defined(__x86_64__)
/* The same sources for AVX2: wider, not different (no FMA: see the Makefile's -ffp-contract). */
__attribute__((target("avx2"))) static void gather_avx2(const float *w, size_t width,
                                                        tr_sparse_row row, float *z)
{
    gather_all(w, width, row, z);
}
__attribute__((target("avx2"))) static void scatter_avx2(float *w, size_t width, tr_sparse_row row,
                                                         const float *d)
{
    scatter_all(w, width, row, d);
}
__attribute__((target("avx2"))) static void gather_dense_avx2(const float *w, size_t width,
                                                              const float *x, size_t n, float *z)
{
    gather_dense_all(w, width, x, n, z);
}
__attribute__((target("avx2"))) static void
scatter_dense_avx2(float *w, size_t width, const float *x, size_t n, const float *d)
{
    scatter_dense_all(w, width, x, n, d);
}
/* The compilers do not find the instruction that widens bytes by themselves. */
#define AVX2 __attribute__((target("avx2"), always_inline)) static inline
AVX2 void bytes_tile(const int8_t *w, const float *scale, size_t width, tr_sparse_row row, float *z,
                     int tile, bool first)
{
    __m256 sum[12];
    for (int t = 0; t < tile; t++)
        sum[t] = _mm256_loadu_ps(z + t * TR_DOT_LANES);
    for (size_t q = 0; q < row.n; q++) {
        const int8_t *x = w + (size_t)row.index[q] * width;
        __m256 v = _mm256_set1_ps(row.value[q] * scale[row.index[q]]);
        if (first && q + AHEAD < row.n) {
            __builtin_prefetch(&scale[row.index[q + AHEAD]]);
            for (size_t l = 0; l < width; l += LINE_BYTES)
                __builtin_prefetch(w + (size_t)row.index[q + AHEAD] * width + l);
        }
        for (int t = 0; t < tile; t++) {
            __m128i eight = _mm_loadl_epi64((const __m128i *)(const void *)(x + t * TR_DOT_LANES));
            __m256 y = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight));
            sum[t] = _mm256_add_ps(sum[t], _mm256_mul_ps(y, v));
        }
    }
    for (int t = 0; t < tile; t++)
        _mm256_storeu_ps(z + t * TR_DOT_LANES, sum[t]);
}

__attribute__((target("avx2"))) static void bytes_avx2(const int8_t *w, const float *scale,
                                                       size_t width, tr_sparse_row row, float *z)
{
    /* as many labels at once as there are registers for: a row is then read but once or twice */
    size_t l = 0;
    for (; l + 12 * TR_DOT_LANES <= width; l += 12 * TR_DOT_LANES)
        bytes_tile(w + l, scale, width, row, z + l, 12, l == 0);
    if (l + 8 * TR_DOT_LANES <= width) {
        if (l + 10 * TR_DOT_LANES <= width) {
            bytes_tile(w + l, scale, width, row, z + l, 10, l == 0);
            l += 10 * TR_DOT_LANES;
        } else {
            bytes_tile(w + l, scale, width, row, z + l, 8, l == 0);
            l += 8 * TR_DOT_LANES;
        }
    }
    for (; l + 4 * TR_DOT_LANES <= width; l += 4 * TR_DOT_LANES)
        bytes_tile(w + l, scale, width, row, z + l, 4, l == 0);
    for (; l + 2 * TR_DOT_LANES <= width; l += 2 * TR_DOT_LANES)
        bytes_tile(w + l, scale, width, row, z + l, 2, l == 0);
    for (; l < width; l += TR_DOT_LANES)
        bytes_tile(w + l, scale, width, row, z + l, 1, l == 0);
}

AVX2 void dense_bytes_tile(const int8_t *w, const float *scale, size_t width, const float *x,
                           size_t n, float *z, int tile)
{
    __m256 sum[12];
    for (int t = 0; t < tile; t++)
        sum[t] = _mm256_loadu_ps(z + t * TR_DOT_LANES);
    for (size_t k = 0; k < n; k++, w += width) {
        __m256 v = _mm256_set1_ps(x[k] * scale[k]);
        for (int t = 0; t < tile; t++) {
            __m128i eight = _mm_loadl_epi64((const __m128i *)(const void *)(w + t * TR_DOT_LANES));
            __m256 y = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight));
            sum[t] = _mm256_add_ps(sum[t], _mm256_mul_ps(y, v));
        }
    }
    for (int t = 0; t < tile; t++)
        _mm256_storeu_ps(z + t * TR_DOT_LANES, sum[t]);
}

__attribute__((target("avx2"))) static void dense_bytes_avx2(const int8_t *w, const float *scale,
                                                             size_t width, const float *x, size_t n,
                                                             float *z)
{
    size_t l = 0;
    for (; l + 10 * TR_DOT_LANES <= width; l += 10 * TR_DOT_LANES)
        dense_bytes_tile(w + l, scale, width, x, n, z + l, 10);
    for (; l + 4 * TR_DOT_LANES <= width; l += 4 * TR_DOT_LANES)
        dense_bytes_tile(w + l, scale, width, x, n, z + l, 4);
    for (; l < width; l += TR_DOT_LANES)
        dense_bytes_tile(w + l, scale, width, x, n, z + l, 1);
}
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#else
#define HAVE_AVX2 0
#define gather_avx2 gather_all
#define scatter_avx2 scatter_all
#define bytes_avx2 bytes_plain
#define gather_dense_avx2 gather_dense_all
#define scatter_dense_avx2 scatter_dense_all
#define dense_bytes_avx2 dense_bytes_plain
#endif

void tr_dot_gather(const float *w, size_t width, tr_sparse_row row, float *z)
{
    if (HAVE_AVX2)
        gather_avx2(w, width, row, z);
    else
        gather_all(w, width, row, z);
}

void tr_dot_scatter(float *w, size_t width, tr_sparse_row row, const float *d)
{
    if (HAVE_AVX2)
        scatter_avx2(w, width, row, d);
    else
        scatter_all(w, width, row, d);
}

void tr_dot_gather_bytes(const int8_t *w, const float *scale, size_t width, tr_sparse_row row,
                         float *z)
{
    if (HAVE_AVX2)
        bytes_avx2(w, scale, width, row, z);
    else
        bytes_plain(w, scale, width, row, z);
}

void tr_dot_gather_dense(const float *w, size_t width, const float *x, size_t n, float *z)
{
    if (HAVE_AVX2)
        gather_dense_avx2(w, width, x, n, z);
    else
        gather_dense_all(w, width, x, n, z);
}

void tr_dot_scatter_dense(float *w, size_t width, const float *x, size_t n, const float *d)
{
    if (HAVE_AVX2)
        scatter_dense_avx2(w, width, x, n, d);
    else
        scatter_dense_all(w, width, x, n, d);
}

void tr_dot_gather_dense_bytes(const int8_t *w, const float *scale, size_t width, const float *x,
                               size_t n, float *z)
{
    if (HAVE_AVX2)
        dense_bytes_avx2(w, scale, width, x, n, z);
    else
        dense_bytes_plain(w, scale, width, x, n, z);
}
