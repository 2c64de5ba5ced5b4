#include "ground/rng.h"

#include <math.h>

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

void tr_rng_init(tr_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

uint64_t tr_rng_next(tr_rng *r)
{
    uint64_t *s = r->s;
    uint64_t out = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return out;
}

/* Lemire 2019: the high half of a 128-bit product, drawn again in its biased sliver. */
uint64_t tr_rng_below(tr_rng *r, uint64_t n)
{
    if (n < 2)
        return 0;
    __uint128_t product = (__uint128_t)tr_rng_next(r) * n;
    if ((uint64_t)product < n) {
        uint64_t sliver = (0 - n) % n;
        while ((uint64_t)product < sliver)
            product = (__uint128_t)tr_rng_next(r) * n;
    }
    return (uint64_t)(product >> 64);
}

double tr_rng_unit(tr_rng *r)
{
    return (double)(tr_rng_next(r) >> 11) * 0x1p-53;
}

/* ln x for x in (0, 1), by 2 artanh((m-1)/(m+1)) of the mantissa: the log of the C library changes
 * its last bit with the processor, and these numbers must not. */
static double own_log(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    double z = (m - 1) / (m + 1), zz = z * z, sum = 0;
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * zz + 1.0 / k;
    return 2 * z * sum + exponent * 0.69314718055994531;
}

double tr_rng_normal(tr_rng *r)
{
    for (;;) {
        double u = 2 * tr_rng_unit(r) - 1, v = 2 * tr_rng_unit(r) - 1;
        double s = u * u + v * v;
        if (s > 0 && s < 1)
            return u * sqrt(-2 * own_log(s) / s);
    }
}

void tr_rng_shuffle(tr_rng *r, uint32_t *x, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)tr_rng_below(r, i);
        uint32_t kept = x[i - 1];
        x[i - 1] = x[j];
        x[j] = kept;
    }
}
