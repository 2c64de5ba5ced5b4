#include "maths/dot.h"

#include <stdbool.h>

/* Eight floats; the compiler splits them where the machine has only four. Unaligned loads. */
typedef float lanes __attribute__((vector_size(32), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

enum { AHEAD = 6, LINE_FLOATS = 16 };

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
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#else
#define HAVE_AVX2 0
#define gather_avx2 gather_all
#define scatter_avx2 scatter_all
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
