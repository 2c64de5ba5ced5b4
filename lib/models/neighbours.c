#include "models/neighbours.h"

#include "ground/mem.h"
#include "maths/dot.h"
#include "maths/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* LINE: bytes that strides are multiples of. BLOCK: stored rows that are compared with all rows
 * searched for while they are in the nearest cache. */
enum { LINE = 64, STEP = 32, MOST_BYTE = 127, BLOCK = 64, QUAD = 4 };

/* Share of the votes that goes to the labels' shares of all rows. */
static const float PRIOR = 0.02f;

static size_t stride_of(uint32_t dims)
{
    return ((size_t)dims + STEP - 1) / STEP * STEP;
}

/* Numbers to whole ones, the largest to 127. Returns 1 / their length, or 0 if all are zero. */
static float to_bytes(const float *x, uint32_t dims, int8_t *to)
{
    float most = 0;
    int64_t square = 0;
    for (uint32_t d = 0; d < dims; d++)
        most = fabsf(x[d]) > most ? fabsf(x[d]) : most;
    if (!(most >= 1e-30f && most <= 3e38f)) {
        memset(to, 0, dims);
        return 0;
    }
    /* adding and taking away 1.5 · 2^23 rounds to the nearest whole number, many at a time */
    const float rounder = 12582912.f;
    int32_t whole = 0;
    for (uint32_t d = 0; d < dims; d++) {
        float number = (x[d] / most * MOST_BYTE + rounder) - rounder;
        to[d] = (int8_t)number;
    }
    for (uint32_t d = 0; d < dims; d++)
        whole += to[d] * to[d]; /* at most 127² · 16,384 */
    square = whole;
    return (float)(1 / sqrt((double)square));
}

/* ---- making, writing, reading ---- */

tr_code tr_neighbours_make(tr_neighbours *m, const float *x, const uint32_t *label, uint32_t rows,
                           uint32_t dims, uint32_t labels, uint32_t k, float sharpness,
                           const tr_neighbours_cells *cells, tr_err *err)
{
    size_t size, stride = stride_of(dims), n = cells ? cells->cells : 1;
    *m = (tr_neighbours){.labels = labels, .dims = dims, .rows = rows, .sharpness = sharpness};
    m->k = k < rows ? k : rows;
    m->stride = stride;
    m->cells = (uint32_t)n;
    if (!tr_mem_multiply(rows + n, stride + 2 * sizeof(float), &size) ||
        size > SIZE_MAX / 2 - ((size_t)labels + n + 1) * sizeof(float) ||
        !(m->owned = tr_mem_zero(size + (labels + n + 1) * sizeof(float), 1)))
        return tr_err_memory(err);
    int8_t *byte = m->owned, *middle = byte + rows * stride;
    float *scale = (float *)(void *)(middle + n * stride), *middle_scale = scale + rows;
    float *prior = middle_scale + n;
    uint32_t *own = (uint32_t *)(void *)(prior + labels), *start = own + rows;
    for (size_t i = 0; i < rows; i++) {
        scale[i] = to_bytes(x + i * dims, dims, byte + i * stride);
        own[i] = label[i];
        prior[label[i]]++;
    }
    for (size_t l = 0; l < labels; l++)
        prior[l] = (prior[l] + 0.5f) / ((float)rows + 0.5f * (float)labels);
    for (size_t c = 0; cells && c < n; c++) {
        middle_scale[c] = to_bytes(cells->middle + c * dims, dims, middle + c * stride);
        start[c] = cells->start[c];
    }
    start[n] = rows;
    m->row = byte;
    m->scale = scale;
    m->prior = prior;
    m->label = own;
    m->middle = middle;
    m->middle_scale = middle_scale;
    m->start = start;
    return TR_OK;
}

void tr_neighbours_free(tr_neighbours *m)
{
    free(m->owned);
    *m = (tr_neighbours){0};
}

void tr_neighbours_write(const tr_neighbours *m, tr_buf *out)
{
    tr_le_put_u32(out, m->labels);
    tr_le_put_u32(out, m->dims);
    tr_le_put_u32(out, m->rows);
    tr_le_put_u32(out, m->k);
    tr_le_put_f32(out, m->sharpness);
    tr_le_put_u32(out, m->cells);
    tr_le_put_f32s(out, m->prior, m->labels);
    tr_le_put_f32s(out, m->scale, m->rows);
    tr_le_put_u32s(out, m->label, m->rows);
    tr_le_put_f32s(out, m->middle_scale, m->cells);
    tr_le_put_u32s(out, m->start, m->cells + 1);
    tr_le_align(out, LINE);
    tr_buf_add(out, m->row, m->rows * m->stride);
    tr_buf_add(out, m->middle, m->cells * m->stride);
    tr_le_align(out, 8);
}

static const char *fault(const tr_neighbours *m)
{
    if (!(m->sharpness >= 0 && m->sharpness <= 10000))
        return "a list of neighbours has a sharpness that is none";
    for (size_t l = 0; l < m->labels; l++)
        if (!(m->prior[l] > 0 && m->prior[l] <= 1))
            return "a list of neighbours has a label's share that is none";
    for (size_t i = 0; i < m->rows; i++)
        if (!(m->scale[i] >= 0 && m->scale[i] <= 1) || m->label[i] >= m->labels)
            return "a list of neighbours has a row that is none";
    for (size_t c = 0; c < m->cells; c++)
        if (!(m->middle_scale[c] >= 0 && m->middle_scale[c] <= 1) || m->start[c] > m->start[c + 1])
            return "a list of neighbours has a cell that is none";
    if (m->start[0] != 0 || m->start[m->cells] != m->rows)
        return "a list of neighbours has a cell that is none";
    /* -128 has no opposite, and its products with pairs would not fit (dots_one_avx2) */
    if (memchr(m->row, INT8_MIN & 0xff, m->rows * m->stride) ||
        memchr(m->middle, INT8_MIN & 0xff, m->cells * m->stride))
        return "a list of neighbours has a number below -127";
    return NULL;
}

tr_code tr_neighbours_read(tr_neighbours *m, tr_le_reader *r, uint32_t labels, uint32_t dims,
                           tr_err *err)
{
    size_t size, middles;
    *m = (tr_neighbours){.labels = tr_le_u32(r), .dims = tr_le_u32(r)};
    m->rows = tr_le_u32(r);
    m->k = tr_le_u32(r);
    m->sharpness = tr_le_f32(r);
    m->cells = tr_le_u32(r);
    if (r->failed || m->labels != labels || m->dims != dims || m->rows < 1 || m->k < 1 ||
        m->k > m->rows || m->k > TR_NEIGHBOURS_MOST || m->cells < 1 || m->cells > m->rows)
        return tr_err_set(err, TR_DATA,
                          "a list of neighbours does not fit its labels or its features");
    m->stride = stride_of(dims);
    m->prior = tr_le_f32s(r, labels);
    m->scale = tr_le_f32s(r, m->rows);
    m->label = tr_le_u32s(r, m->rows);
    m->middle_scale = tr_le_f32s(r, m->cells);
    m->start = tr_le_u32s(r, (uint64_t)m->cells + 1);
    tr_le_skip_align(r, LINE);
    if (tr_mem_multiply(m->rows, m->stride, &size) &&
        tr_mem_multiply(m->cells, m->stride, &middles)) {
        m->row = (const int8_t *)tr_le_bytes(r, size);
        m->middle = (const int8_t *)tr_le_bytes(r, middles);
    }
    tr_le_skip_align(r, 8);
    if (r->failed || !m->prior || !m->scale || !m->label || !m->row || !m->middle ||
        !m->middle_scale || !m->start)
        return tr_err_set(err, TR_DATA, "a list of neighbours is cut off");
    const char *reason = fault(m);
    return reason ? tr_err_set(err, TR_DATA, "%s", reason) : TR_OK;
}

/* ---- products ---- */

/* dot[q][i] = row i · query q. The queries' numbers are 16 bits wide, stride apart. */
static void dots_plain(const int8_t *row, size_t rows, size_t stride, const int16_t *query,
                       size_t queries, int32_t dot[QUAD][BLOCK])
{
    for (size_t i = 0; i < rows; i++)
        for (size_t q = 0; q < queries; q++) {
            const int8_t *x = row + i * stride;
            const int16_t *y = query + q * stride;
            int32_t sum = 0;
            for (size_t d = 0; d < stride; d++)
                sum += x[d] * y[d];
            dot[q][i] = sum;
        }
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline))

AVX2 INLINE int32_t across(__m256i v)
{
    __m128i x = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4e));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0xb1));
    return _mm_cvtsi128_si32(x);
}

/* Two stored rows at a time, so that what is read of the queries serves twice. */
AVX2 INLINE void dots_tile(const int8_t *row, size_t rows, size_t stride, const int16_t *query,
                           size_t queries, int32_t dot[QUAD][BLOCK])
{
    for (size_t i = 0; i < rows; i += 2) {
        const int8_t *a = row + i * stride, *b = i + 1 < rows ? a + stride : a;
        __m256i sum[2][QUAD] = {{_mm256_setzero_si256()}};
        for (size_t q = 0; q < queries; q++)
            sum[0][q] = sum[1][q] = _mm256_setzero_si256();
        for (size_t d = 0; d < stride; d += 16) {
            __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(a + d)));
            __m256i y = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(b + d)));
            for (size_t q = 0; q < queries; q++) {
                __m256i z = _mm256_loadu_si256((const __m256i *)(query + q * stride + d));
                sum[0][q] = _mm256_add_epi32(sum[0][q], _mm256_madd_epi16(x, z));
                sum[1][q] = _mm256_add_epi32(sum[1][q], _mm256_madd_epi16(y, z));
            }
        }
        for (size_t q = 0; q < queries; q++) {
            dot[q][i] = across(sum[0][q]);
            if (i + 1 < rows)
                dot[q][i + 1] = across(sum[1][q]);
        }
    }
}

AVX2 static void dots_avx2(const int8_t *row, size_t rows, size_t stride, const int16_t *query,
                           size_t queries, int32_t dot[QUAD][BLOCK])
{
    if (queries == QUAD)
        dots_tile(row, rows, stride, query, QUAD, dot);
    else
        for (size_t q = 0; q < queries; q++)
            dots_tile(row, rows, stride, query + q * stride, 1, dot + q);
}
/* One query of bytes and their sizes: products of pairs fit 16 bits, as no byte is below -127. Four
 * rows at a time. */
AVX2 static void dots_one_avx2(const int8_t *row, size_t rows, size_t stride, const int8_t *query,
                               const int8_t *size, int32_t *dot)
{
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t i = 0; i < rows; i += 4) {
        __m256i sum[4];
        const int8_t *at[4];
        for (size_t k = 0; k < 4; k++) {
            sum[k] = _mm256_setzero_si256();
            at[k] = row + (i + k < rows ? i + k : i) * stride;
        }
        for (size_t d = 0; i + 4 < rows && d < 4 * stride; d += LINE)
            __builtin_prefetch(row + (i + 4) * stride + d);
        for (size_t d = 0; d < stride; d += STEP) {
            __m256i y = _mm256_loadu_si256((const __m256i *)(query + d));
            __m256i sizes = _mm256_loadu_si256((const __m256i *)(size + d));
            for (size_t k = 0; k < 4; k++) {
                __m256i x = _mm256_loadu_si256((const __m256i *)(at[k] + d));
                __m256i pairs = _mm256_maddubs_epi16(sizes, _mm256_sign_epi8(x, y));
                sum[k] = _mm256_add_epi32(sum[k], _mm256_madd_epi16(pairs, ones));
            }
        }
        for (size_t k = 0; k < 4 && i + k < rows; k++)
            dot[i + k] = across(sum[k]);
    }
}
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#else
#define HAVE_AVX2 0
#define dots_avx2 dots_plain
#define dots_one_avx2 dots_one_plain
#endif

static void dots_one_plain(const int8_t *row, size_t rows, size_t stride, const int8_t *query,
                           const int8_t *size, int32_t *dot)
{
    (void)size;
    for (size_t i = 0; i < rows; i++) {
        int32_t sum = 0;
        for (size_t d = 0; d < stride; d++)
            sum += row[i * stride + d] * query[d];
        dot[i] = sum;
    }
}

/* ---- search ---- */

/* Puts a row in its place among those found; `cosine` is still without the query's scale. Of equals
 * the first stays first. */
static void keep(tr_neighbour *found, uint32_t *count, uint32_t k, uint32_t row, float cosine)
{
    uint32_t at = *count < k ? (*count)++ : k - 1;
    while (at > 0 && found[at - 1].cosine < cosine) {
        found[at] = found[at - 1];
        at--;
    }
    found[at] = (tr_neighbour){row, cosine};
}

static void keep_block(const tr_neighbours *m, const int32_t *dot, size_t from, size_t rows,
                       const uint8_t *fold, uint8_t own, tr_neighbour *found, uint32_t *count)
{
    float cosine[BLOCK], bar = *count < m->k ? -INFINITY : found[m->k - 1].cosine;
    for (size_t i = 0; i < rows; i++)
        cosine[i] = (float)dot[i] * m->scale[from + i];
    for (size_t i = 0; i < rows; i++)
        if (cosine[i] > bar && !(fold && fold[from + i] == own)) {
            keep(found, count, m->k, (uint32_t)(from + i), cosine[i]);
            bar = *count < m->k ? -INFINITY : found[m->k - 1].cosine;
        }
}

/* Floats that hold so many bytes, and leave room to begin at a whole line. */
static size_t floats_of(size_t bytes)
{
    return (bytes + sizeof(float) - 1) / sizeof(float);
}

size_t tr_neighbours_search_room(const tr_neighbours *m, size_t n)
{
    return floats_of(n * (m->stride * sizeof(int16_t) + sizeof(float)) + 2 * m->stride) + m->cells;
}

/* Looks at all rows, for several queries while a block of rows is in the nearest cache. */
static void search_whole(const tr_neighbours *m, const int16_t *query, size_t n,
                         const uint8_t *fold, const uint8_t *own, tr_neighbour *found,
                         uint32_t *count)
{
    int32_t dot[QUAD][BLOCK];
    for (size_t from = 0; from < m->rows; from += BLOCK) {
        size_t rows = m->rows - from < BLOCK ? m->rows - from : BLOCK;
        const int8_t *row = m->row + from * m->stride;
        for (size_t q = 0; q < n; q += QUAD) {
            size_t queries = n - q < QUAD ? n - q : QUAD;
            if (HAVE_AVX2)
                dots_avx2(row, rows, m->stride, query + q * m->stride, queries, dot);
            else
                dots_plain(row, rows, m->stride, query + q * m->stride, queries, dot);
            for (size_t k = q; k < q + queries; k++)
                keep_block(m, dot[k - q], from, rows, fold, own ? own[k] : 0, found + k * m->k,
                           &count[k]);
        }
    }
}

static uint32_t seen_in(const tr_neighbours *m, uint32_t cell, const uint8_t *fold, uint8_t own)
{
    uint32_t seen = m->start[cell + 1] - m->start[cell];
    for (uint32_t i = m->start[cell]; fold && i < m->start[cell + 1]; i++)
        seen -= fold[i] == own;
    return seen;
}

typedef struct {
    const int8_t *byte, *size; /* stride numbers each */
} byte_query;

static void dots_one(const tr_neighbours *m, const int8_t *row, size_t rows, byte_query q,
                     int32_t *dot)
{
    if (HAVE_AVX2)
        dots_one_avx2(row, rows, m->stride, q.byte, q.size, dot);
    else
        dots_one_plain(row, rows, m->stride, q.byte, q.size, dot);
}

/* Looks into one cell after another, the nearest first. cosine: room for one of each cell. */
static void search_cells(const tr_neighbours *m, byte_query query, const uint8_t *fold, uint8_t own,
                         float *cosine, tr_neighbour *found, uint32_t *count)
{
    int32_t dot[BLOCK];
    for (size_t from = 0; from < m->cells; from += BLOCK) {
        size_t n = m->cells - from < BLOCK ? m->cells - from : BLOCK;
        dots_one(m, m->middle + from * m->stride, n, query, dot);
        for (size_t c = 0; c < n; c++)
            cosine[from + c] = (float)dot[c] * m->middle_scale[from + c];
    }
    uint32_t seen = 0;
    for (uint32_t looked = 0; looked < m->cells && seen < TR_NEIGHBOURS_SEEN; looked++) {
        uint32_t best = 0;
        float top = cosine[0];
        for (uint32_t c = 1; c < m->cells; c++)
            if (cosine[c] > top) {
                top = cosine[c];
                best = c;
            }
        cosine[best] = -INFINITY;
        seen += seen_in(m, best, fold, own);
        seen += seen < looked + 1; /* an empty cell counts, too: no list takes for ever */
        for (size_t from = m->start[best]; from < m->start[best + 1]; from += BLOCK) {
            size_t rows = m->start[best + 1] - from < BLOCK ? m->start[best + 1] - from : BLOCK;
            dots_one(m, m->row + from * m->stride, rows, query, dot);
            keep_block(m, dot, from, rows, fold, own, found, count);
        }
    }
}

static void sizes_of(const int8_t *restrict byte, size_t n, int8_t *restrict size)
{
    for (size_t d = 0; d < n; d++)
        size[d] = (int8_t)(byte[d] < 0 ? -byte[d] : byte[d]);
}

static void widen(const int8_t *restrict byte, size_t n, int16_t *restrict to)
{
    for (size_t d = 0; d < n; d++)
        to[d] = byte[d];
}

void tr_neighbours_search(const tr_neighbours *m, const float *const *x, size_t n,
                          const uint8_t *fold, const uint8_t *own, float *scratch,
                          tr_neighbour *found, uint32_t *count)
{
    float *scale = scratch, *cosine = scratch + n;
    int16_t *query = (int16_t *)(void *)(cosine + m->cells);
    int8_t *byte = (int8_t *)(query + n * m->stride), *size = byte + m->stride;
    memset(byte, 0, m->stride);
    for (size_t q = 0; q < n; q++) {
        scale[q] = to_bytes(x[q], m->dims, byte);
        count[q] = 0;
        if (m->cells > 1)
            sizes_of(byte, m->stride, size);
        else
            widen(byte, m->stride, query + q * m->stride);
        if (m->cells > 1)
            search_cells(m, (byte_query){byte, size}, fold, own ? own[q] : 0, cosine,
                         found + q * m->k, &count[q]);
    }
    if (m->cells == 1)
        search_whole(m, query, n, fold, own, found, count);
    for (size_t q = 0; q < n; q++) {
        count[q] = scale[q] > 0 ? count[q] : 0;
        for (uint32_t k = 0; k < count[q]; k++)
            found[q * m->k + k].cosine *= scale[q];
    }
}

void tr_neighbours_vote(const tr_neighbours *m, const tr_neighbour *found, uint32_t count, float *z)
{
    size_t width = tr_dot_width(m->labels);
    float sum = 0, weight[TR_NEIGHBOURS_MOST] = {0};
    for (uint32_t k = 0; k < count; k++)
        weight[k] = m->sharpness * (found[k].cosine - found[0].cosine);
    tr_real_exp_floats(weight, weight, count);
    for (uint32_t k = 0; k < count; k++)
        sum += weight[k];
    for (size_t l = 0; l < m->labels; l++)
        z[l] = count ? PRIOR * m->prior[l] : m->prior[l];
    for (uint32_t k = 0; k < count; k++)
        z[m->label[found[k].row]] += (1 - PRIOR) * (weight[k] / sum);
    tr_real_log_floats(z, z, m->labels);
    memset(z + m->labels, 0, (width - m->labels) * sizeof *z);
}

size_t tr_neighbours_room(const tr_neighbours *m)
{
    return tr_neighbours_search_room(m, 1);
}

void tr_neighbours_decide(const tr_neighbours *m, const float *x, float *scratch, float *z)
{
    tr_neighbour found[TR_NEIGHBOURS_MOST];
    uint32_t count;
    tr_neighbours_search(m, &x, 1, NULL, NULL, scratch, found, &count);
    tr_neighbours_vote(m, found, count, z);
}
