#include "check.h"
#include "ground/rng.h"

static void outputs_are_frozen(void)
{
    tr_rng r;
    tr_rng_init(&r, 1);
    CHECK(tr_rng_next(&r) == 0xb3f2af6d0fc710c5u);
    CHECK(tr_rng_next(&r) == 0x853b559647364ceau);
    CHECK(tr_rng_next(&r) == 0x92f89756082a4514u);
    tr_rng_init(&r, 1);
    CHECK(tr_rng_unit(&r) == 0.70292183315885048);
    CHECK(tr_rng_unit(&r) == 0.52043661993885693);
    tr_rng_init(&r, 1);
    static const uint64_t below[] = {702, 520, 574, 391, 697, 143};
    for (int i = 0; i < 6; i++)
        CHECK(tr_rng_below(&r, 1000) == below[i]);
    tr_rng_init(&r, 1);
    CHECK(tr_rng_normal(&r) == 0x1.e267c87ac62ebp+0);
    CHECK(tr_rng_normal(&r) == 0x1.4d55c9633557cp+0);
    CHECK(tr_rng_normal(&r) == 0x1.c0d732ae4b3ddp-2);
}

static void shuffle_is_frozen(void)
{
    static const uint32_t expected[10] = {3, 6, 1, 5, 0, 9, 2, 8, 4, 7};
    uint32_t x[10];
    for (uint32_t i = 0; i < 10; i++)
        x[i] = i;
    tr_rng r;
    tr_rng_init(&r, 1);
    tr_rng_shuffle(&r, x, 10);
    CHECK(memcmp(x, expected, sizeof x) == 0);
    tr_rng_shuffle(&r, x, 0);
    tr_rng_shuffle(&r, x, 1);
    CHECK(memcmp(x, expected, sizeof x) == 0);
}

static void below_is_even_and_in_range(void)
{
    tr_rng r;
    tr_rng_init(&r, 5);
    int count[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t x = tr_rng_below(&r, 7);
        CHECK(x < 7);
        if (x < 7)
            count[x]++;
    }
    for (int i = 0; i < 7; i++)
        CHECK(count[i] > 9600 && count[i] < 10400);
    CHECK(tr_rng_below(&r, 1) == 0);
    /* Three quarters of 2^64: without drawing again the lower values come out twice as often. */
    uint64_t n = (uint64_t)3 << 62;
    int low = 0;
    for (int i = 0; i < 30000; i++)
        low += tr_rng_below(&r, n) < n / 3;
    CHECK(low > 9600 && low < 10400);
}

static void normal_has_its_moments(void)
{
    tr_rng r;
    tr_rng_init(&r, 3);
    double sum = 0, square = 0, fourth = 0;
    int n = 200000;
    for (int i = 0; i < n; i++) {
        double z = tr_rng_normal(&r);
        sum += z;
        square += z * z;
        fourth += z * z * z * z;
    }
    CHECK_NEAR(sum / n, 0, 0.01);
    CHECK_NEAR(square / n, 1, 0.02);
    CHECK_NEAR(fourth / n, 3, 0.1);
}

int main(void)
{
    CASE(outputs_are_frozen);
    CASE(shuffle_is_frozen);
    CASE(below_is_even_and_in_range);
    CASE(normal_has_its_moments);
    return CHECK_END;
}
