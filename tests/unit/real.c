#include "maths/real.h"

#include "check.h"
#include "ground/rng.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { DRAWS = 200000, LONGEST = 70 };

static uint64_t bits(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static uint32_t float_bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static void exp_is_exact_to_1e_15(void)
{
    tr_rng r;
    tr_rng_init(&r, 1);
    double worst = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x = tr_rng_unit(&r) * 1416 - 707.5, right = exp(x);
        worst = fmax(worst, fabs(tr_real_exp(x) - right) / right);
    }
    CHECK(worst < 1e-15);
}

static void log_is_exact_to_1e_15(void)
{
    tr_rng r;
    tr_rng_init(&r, 2);
    double worst = 0, near_one = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x = exp(tr_rng_unit(&r) * 1400 - 700), right = log(x);
        worst = fmax(worst, fabs(tr_real_log(x) - right) / fmax(1, fabs(right)));
        x = 0.5 + tr_rng_unit(&r);
        near_one = fmax(near_one, fabs(tr_real_log(x) - log(x)));
    }
    CHECK(worst < 1e-15);
    CHECK(near_one < 1e-15);
}

static void special_values(void)
{
    CHECK(tr_real_exp(0) == 1);
    CHECK(tr_real_exp(-0.0) == 1);
    CHECK(tr_real_exp(-INFINITY) == 0);
    CHECK(tr_real_exp(-1e300) == 0);
    CHECK(tr_real_exp(-708) == 0);
    CHECK(tr_real_exp(-707.999) > 0);
    CHECK(isinf(tr_real_exp(INFINITY)));
    CHECK(isinf(tr_real_exp(709.5)));
    CHECK(isfinite(tr_real_exp(709)));
    CHECK(isnan(tr_real_exp(NAN)));
    CHECK(tr_real_log(1) == 0);
    CHECK(tr_real_log(2) == log(2));
    CHECK_NEAR(tr_real_log(2.2250738585072014e-308), -708.396418532264106, 1e-12);
    CHECK_NEAR(tr_real_log(1.7976931348623157e308), 709.782712893383996, 1e-12);
}

/* A score printed on one machine and compared on another: these must never change. */
static void doubles_are_frozen(void)
{
    static const struct {
        double x;
        uint64_t exp, log;
    } frozen[] = {
        {0x1p-20, 0x3ff0000100000800u, 0xc02bb9d3beb8c86bu},
        {0x1.999999999999ap-4, 0x3ff1aec7b35a00d4u, 0xc0026bb1bbb55515u},
        {0x1p-1, 0x3ffa61298e1e069cu, 0xbfe62e42fefa39efu},
        {0x1.b333333333333p+0, 0x4015e552770df8a6u, 0x3fe0fae81914a991u},
        {0x1.8p+1, 0x403415e5bf6fb106u, 0x3ff193ea7aad030bu},
        {0x1.921fb54442d18p+1, 0x403724046eb09339u, 0x3ff250d048e7a1bdu},
        {0x1.14p+4, 0x417d94295464477bu, 0x4006c851bbab187eu},
        {0x1.5ep+9, 0x7f0d945df4f8ec8eu, 0x401a344e6741ebabu},
    };
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        CHECK(bits(tr_real_exp(frozen[i].x)) == frozen[i].exp);
        CHECK(bits(tr_real_log(frozen[i].x)) == frozen[i].log);
    }
}

static void floats_are_frozen(void)
{
    static const struct {
        float x;
        uint32_t exp, log;
    } frozen[] = {
        {0x1p-20f, 0x3f800008u, 0xc15dce9eu},   {0x1.99999ap-4f, 0x3f8d763eu, 0xc0135d8eu},
        {0x1p-1f, 0x3fd3094cu, 0xbf317218u},    {0x1.b33334p+0f, 0x40af2a94u, 0x3f07d741u},
        {0x1.8p+1f, 0x41a0af2eu, 0x3f8c9f54u},  {0x1.921fb6p+1f, 0x41b92024u, 0x3f928683u},
        {0x1.14p+4f, 0x4beca14bu, 0x4036428eu}, {0x1.4p+6f, 0x792abbceu, 0x408c3990u},
    };
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        float e, l;
        tr_real_exp_floats(&frozen[i].x, &e, 1);
        tr_real_log_floats(&frozen[i].x, &l, 1);
        CHECK(float_bits(e) == frozen[i].exp);
        CHECK(float_bits(l) == frozen[i].log);
    }
}

/* All floats of some exponents would be many; every thousandth of them is enough. */
static void floats_keep_their_error(void)
{
    double exp_worst = 0, log_worst = 0;
    for (double x = -87; x < 88; x += 0.000731) {
        float in = (float)x, out;
        tr_real_exp_floats(&in, &out, 1);
        exp_worst = fmax(exp_worst, fabs((double)out / exp((double)in) - 1));
    }
    for (uint32_t b = 0x00800000; b < 0x7f800000; b += 10007) {
        float in, out;
        memcpy(&in, &b, sizeof in);
        tr_real_log_floats(&in, &out, 1);
        double right = log((double)in);
        log_worst = fmax(log_worst, fabs((double)out - right) / fmax(1, fabs(right)));
    }
    CHECK(exp_worst < 3e-7);
    CHECK(log_worst < 3e-7);
}

static void floats_are_clamped(void)
{
    float x[6] = {-INFINITY, -1000, -87, 88, 1000, INFINITY}, y[6];
    tr_real_exp_floats(x, y, 6);
    CHECK(y[0] == y[2] && y[1] == y[2] && y[2] > 0);
    CHECK(y[4] == y[3] && y[5] == y[3] && isfinite(y[3]));
    float nan = NAN, out; /* nothing sensible comes out, but no undefined step is taken */
    tr_real_exp_floats(&nan, &out, 1);
    CHECK(out == y[2]);
}

/* Any length and any place in memory: the vectors' tails do as their middles. */
static void lengths_and_places_do_not_matter(void)
{
    float x[LONGEST + 16], exps[LONGEST], logs[LONGEST], out[LONGEST + 16];
    tr_rng r;
    tr_rng_init(&r, 3);
    for (int i = 0; i < LONGEST; i++) {
        x[i] = (float)(tr_rng_unit(&r) * 60 + 1e-3);
        tr_real_exp_floats(&x[i], &exps[i], 1);
        tr_real_log_floats(&x[i], &logs[i], 1);
    }
    for (size_t n = 0; n <= LONGEST; n++)
        for (size_t offset = 0; offset < 9; offset++) {
            float *at = malloc((n + offset) * sizeof *at + 1); /* its end is where x ends */
            CHECK(at != NULL);
            if (!at)
                return;
            memcpy(at + offset, x, n * sizeof *x);
            memset(out, 0x55, sizeof out);
            tr_real_exp_floats(at + offset, out, n);
            CHECK(!memcmp(out, exps, n * sizeof *out));
            CHECK(float_bits(out[n]) == 0x55555555);
            tr_real_log_floats(at + offset, at + offset, n); /* in place */
            CHECK(!memcmp(at + offset, logs, n * sizeof *at));
            free(at);
        }
}

int main(void)
{
    CASE(exp_is_exact_to_1e_15);
    CASE(log_is_exact_to_1e_15);
    CASE(special_values);
    CASE(doubles_are_frozen);
    CASE(floats_are_frozen);
    CASE(floats_keep_their_error);
    CASE(floats_are_clamped);
    CASE(lengths_and_places_do_not_matter);
    return CHECK_END;
}
