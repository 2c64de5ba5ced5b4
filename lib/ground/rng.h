/* rng: our own random numbers (xoshiro256**, seeded by splitmix64; Blackman, Vigna 2018), so that
 * no result depends on the C library. Outputs are frozen. */
#ifndef TR_RNG_H
#define TR_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t s[4];
} tr_rng;

void tr_rng_init(tr_rng *r, uint64_t seed);
uint64_t tr_rng_next(tr_rng *r);
uint64_t tr_rng_below(tr_rng *r, uint64_t n);          /* uniform in 0..n-1, without bias; n >= 1 */
double tr_rng_unit(tr_rng *r);                         /* uniform in [0, 1), 53 bits */
double tr_rng_normal(tr_rng *r);                       /* mean 0, variance 1 (Marsaglia's polar) */
void tr_rng_shuffle(tr_rng *r, uint32_t *x, size_t n); /* Fisher-Yates */

#endif
