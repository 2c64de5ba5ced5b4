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
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#else
#define HAVE_AVX2 0
#define gather_avx2 gather_all
#define scatter_avx2 scatter_all
#define bytes_avx2 bytes_plain
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
