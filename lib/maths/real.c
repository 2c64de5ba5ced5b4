#include "maths/real.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10,
                    LOG2_E = 1.44269504088896338700;

static double scale_by_two(double x, int64_t k)
{ /* x · 2^k, k in -1022..1023 */
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double factor;
    memcpy(&factor, &bits, sizeof factor);
    return x * factor;
}

double tr_real_exp(double x)
{
    if (!(x > -708))
        return x != x ? x : 0;
    if (x > 709)
        return INFINITY;
    double k = floor(x * LOG2_E + 0.5);
    double r = (x - k * LN2_HIGH) - k * LN2_LOW; /* |r| <= ln 2 / 2 */
    double sum = 1;
    for (int i = 14; i >= 1; i--) /* Taylor: the terms left out are below 1e-18 */
        sum = 1 + r / i * sum;
    return scale_by_two(sum, (int64_t)k);
}

double tr_real_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t e = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | (uint64_t)1023 << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.41421356237309504880) {
        m /= 2;
        e++;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0; /* log m = 2 artanh s, |s| < 0.1716 */
    for (int i = 21; i >= 1; i -= 2)
        sum = 1.0 / i + square * sum;
    return (double)e * LN2_HIGH + (2 * s * sum + (double)e * LN2_LOW);
}

/* Eight at a time with a fixed count, so that the compiler makes vectors of them. */
enum { LANES = 8 };

#define INLINE static inline __attribute__((always_inline))

/* Vectors of the compiler's own; a comparison gives all ones or all zeros. */
typedef float floats __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t ints __attribute__((vector_size(32), aligned(4), may_alias));

INLINE void exp_lanes(const float *x, float *y)
{
    const floats zero = {0}, low = zero - 87.f, high = zero + 88.f, half = zero + 0.5f;
    floats v = *(const floats *)x;
    ints above = v > low; /* false for NaN too */
    v = (floats)((above & (ints)v) | (~above & (ints)low));
    ints beyond = v > high;
    v = (floats)((beyond & (ints)high) | (~beyond & (ints)v));
    floats t = v * 1.44269504f;
    ints negative = t < zero;
    floats round = (floats)((negative & (ints)-half) | (~negative & (ints)half));
    ints k = __builtin_convertvector(t + round, ints);
    floats f = __builtin_convertvector(k, floats);
    floats r = (v - f * 0.693359375f) + f * 2.12194440e-4f;
    floats p = zero + 1.f / 5040;
    p = p * r + 1.f / 720;
    p = p * r + 1.f / 120;
    p = p * r + 1.f / 24;
    p = p * r + 1.f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.f;
    p = p * r + 1.f;
    *(floats *)y = p * (floats)((k + 127) << 23);
}

INLINE void log_lanes(const float *x, float *y)
{
    for (int i = 0; i < LANES; i++) {
        int32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        int32_t e = (bits - 0x3f3504f3) >> 23; /* so that the mantissa is in sqrt(1/2)..sqrt(2) */
        bits -= (int32_t)((uint32_t)e << 23);
        float m;
        memcpy(&m, &bits, sizeof m);
        float s = (m - 1) / (m + 1), square = s * s;
        float p = 1.f / 9;
        p = p * square + 1.f / 7;
        p = p * square + 1.f / 5;
        p = p * square + 1.f / 3;
        p = p * square + 1.f;
        y[i] = (float)e * 0.693147181f + 2 * s * p;
    }
}

INLINE void by_lanes(void (*lanes)(const float *, float *), const float *x, float *y, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes(x + i, y + i);
    if (i < n) {
        float in[LANES] = {1, 1, 1, 1, 1, 1, 1, 1}, out[LANES];
        memcpy(in, x + i, (n - i) * sizeof *x);
        lanes(in, out);
        memcpy(y + i, out, (n - i) * sizeof *y);
    }
}

#if defined(__x86_64__)
/* Wider where the machine can; the same operations in the same order, so the same bits. */
__attribute__((target("avx2"))) static void exp_avx2(const float *x, float *y, size_t n)
{
    by_lanes(exp_lanes, x, y, n);
}
__attribute__((target("avx2"))) static void log_avx2(const float *x, float *y, size_t n)
{
    by_lanes(log_lanes, x, y, n);
}
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#else
#define HAVE_AVX2 0
#define exp_avx2(x, y, n) by_lanes(exp_lanes, x, y, n)
#define log_avx2(x, y, n) by_lanes(log_lanes, x, y, n)
#endif

void tr_real_exp_floats(const float *x, float *y, size_t n)
{
    if (HAVE_AVX2)
        exp_avx2(x, y, n);
    else
        by_lanes(exp_lanes, x, y, n);
}

void tr_real_log_floats(const float *x, float *y, size_t n)
{
    if (HAVE_AVX2)
        log_avx2(x, y, n);
    else
        by_lanes(log_lanes, x, y, n);
}
