#include "check.h"
#include "ground/num.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>

static int parses(const char *text, double expected)
{
    double x = -77;
    return tr_num_parse_double(tr_str_c(text), &x) && x == expected;
}

static int refuses(const char *text)
{
    double x = -77;
    return !tr_num_parse_double(tr_str_c(text), &x) && x == -77;
}

static void parse_by_the_grammar(void)
{
    CHECK(parses("0", 0) && parses("-0", 0) && parses("10", 10) && parses("-1.5", -1.5));
    CHECK(parses("0.1", 0.1) && parses("1e3", 1000) && parses("1E+3", 1000) && parses("5e-1", 0.5));
    CHECK(parses("123456789012345678901234567890", 123456789012345678901234567890.0));
    CHECK(parses("9007199254740993", 9007199254740992.0)); /* a tie, to even */
    CHECK(parses("1.7976931348623157e308", 1.7976931348623157e308));
    static const char *const bad[] = {
        "",    "-",    "+1",  "01",  "-01", ".5",  "1.",  "1.e3",  "1e",  "1e+", " 1",  "1 ",
        "0x1", "1e3x", "nan", "inf", "NaN", "1,5", "--1", "1.2.3", "-.5", "e5",  "1_0", "Infinity"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!refuses(bad[i]))
            printf("# taken: \"%s\"\n", bad[i]);
        CHECK(refuses(bad[i]));
    }
    double x;
    CHECK(!tr_num_parse_double(tr_str_of("1\0", 2), &x)); /* a NUL is part of the text */
    CHECK(tr_num_parse_double(tr_str_of("12345", 2), &x) && x == 12);
}

static void parse_at_the_ends(void)
{
    CHECK(refuses("1e309") && refuses("-1e309") && refuses("1e99999999999999999999"));
    CHECK(parses("1e-999", 0) && parses("0e999", 0) && parses("5e-324", 5e-324));
    CHECK(parses("1e-99999999999999999999", 0));
    /* Longer than any buffer: 0.000...1e5000 and a 1 with as many zeros taken back. */
    char long_text[6000];
    memset(long_text, '0', sizeof long_text);
    memcpy(long_text, "0.", 2);
    strcpy(long_text + 5000, "1e4999");
    CHECK(parses(long_text, 1));
    long_text[0] = '1';
    memset(long_text + 1, '0', 5000);
    strcpy(long_text + 5001, "e-5000");
    CHECK(parses(long_text, 1));
}

static void integers(void)
{
    uint64_t u = 7;
    int64_t i = 7;
    CHECK(tr_num_parse_u64(tr_str_c("18446744073709551615"), &u) && u == UINT64_MAX);
    CHECK(tr_num_parse_u64(tr_str_c("0"), &u) && u == 0);
    u = 7;
    CHECK(!tr_num_parse_u64(tr_str_c("18446744073709551616"), &u) && u == 7);
    CHECK(!tr_num_parse_u64(tr_str_c("99999999999999999999"), &u));
    CHECK(!tr_num_parse_u64(tr_str_c(""), &u) && !tr_num_parse_u64(tr_str_c("-1"), &u));
    CHECK(!tr_num_parse_u64(tr_str_c("1 "), &u) && !tr_num_parse_u64(tr_str_c("1e3"), &u));
    CHECK(tr_num_parse_i64(tr_str_c("-9223372036854775808"), &i) && i == INT64_MIN);
    CHECK(tr_num_parse_i64(tr_str_c("9223372036854775807"), &i) && i == INT64_MAX);
    CHECK(!tr_num_parse_i64(tr_str_c("9223372036854775808"), &i));
    CHECK(!tr_num_parse_i64(tr_str_c("-9223372036854775809"), &i));
    CHECK(!tr_num_parse_i64(tr_str_c("-"), &i) && !tr_num_parse_i64(tr_str_c("+1"), &i));
    char text[TR_NUM_TEXT];
    CHECK(tr_num_print_u64(text, UINT64_MAX) == 20 && !strcmp(text, "18446744073709551615"));
    CHECK(tr_num_print_i64(text, INT64_MIN) == 20 && !strcmp(text, "-9223372036854775808"));
    CHECK(tr_num_print_i64(text, 0) == 1 && !strcmp(text, "0"));
}

static int prints(double x, const char *expected)
{
    char text[TR_NUM_TEXT];
    size_t n = tr_num_print_double(text, x);
    if (strcmp(text, expected) != 0)
        printf("# %s, not %s\n", text, expected);
    return n == strlen(expected) && strcmp(text, expected) == 0;
}

static void print_doubles(void)
{
    CHECK(prints(0, "0") && prints(-0.0, "-0") && prints(1, "1") && prints(-12, "-12"));
    CHECK(prints(0.1, "0.1") && prints(0.5, "0.5") && prints(-0.25, "-0.25"));
    CHECK(prints(0.1 + 0.2, "0.30000000000000004") && prints(1.0 / 3, "0.3333333333333333"));
    CHECK(prints(0.92, "0.92") && prints(0.0001, "0.0001") && prints(0.05, "0.05"));
    CHECK(prints(0.99999999999999989, "0.9999999999999999") && prints(1e-5, "1e-05"));
    CHECK(prints(9007199254740991, "9007199254740991") && prints(1e15, "1000000000000000"));
    CHECK(prints(1e300, "1e+300") && prints(5e-324, "5e-324") && prints(123.456, "123.456"));
    CHECK(prints(2.2250738585072014e-308, "2.2250738585072014e-308"));
    CHECK(prints(NAN, "null") && prints(INFINITY, "null") && prints(-INFINITY, "null"));
}

/* The shortest of 15, 16 and 17 digits (a float: of 6 to 9) by the C library, which the fast ways
 * must match. */
static void print_like_the_library(void)
{
    tr_rng r;
    tr_rng_init(&r, 11);
    for (int i = 0; i < 200000; i++) {
        double x = tr_rng_unit(&r);
        if (i % 4 == 1)
            x = (double)(i % 10000) / 10000;
        if (i % 4 == 2)
            x = pow(10, 9 * x - 4.2);
        if (i % 64 == 3)
            x = nextafter(ldexp(1, -(i / 64 % 14)), i & 128 ? 0 : 2);
        char text[TR_NUM_TEXT], expected[TR_NUM_TEXT];
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(expected, sizeof expected, "%.*g", digits, x);
            if (strtod(expected, NULL) == x)
                break;
        }
        tr_num_print_double(text, x);
        CHECK(strcmp(text, expected) == 0);
        float f = i % 8 < 4 ? (float)x : -(float)x;
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(expected, sizeof expected, "%.*g", digits, (double)f);
            if (strtof(expected, NULL) == f)
                break;
        }
        tr_num_print_float(text, f);
        CHECK(strcmp(text, expected) == 0);
    }
}

static void print_and_parse_lose_nothing(void)
{
    tr_rng r;
    tr_rng_init(&r, 12);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = tr_rng_next(&r);
        char text[TR_NUM_TEXT];
        double x, back;
        memcpy(&x, &bits, 8);
        if (isfinite(x)) {
            CHECK(tr_num_print_double(text, x) == strlen(text));
            CHECK(tr_num_parse_double(tr_str_c(text), &back) && memcmp(&x, &back, 8) == 0);
        }
        float f;
        memcpy(&f, &bits, 4);
        if (isfinite(f)) {
            CHECK(tr_num_print_float(text, f) == strlen(text));
            CHECK(strtof(text, NULL) == f);
        }
    }
}

static void parse_like_the_library(void)
{
    tr_rng r;
    tr_rng_init(&r, 13);
    for (int i = 0; i < 100000; i++) {
        char text[64];
        double x;
        snprintf(text, sizeof text, "%s%d.%llue%d", i & 1 ? "-" : "", i % 1000,
                 (unsigned long long)tr_rng_below(&r, 100000000000u),
                 (int)tr_rng_below(&r, 60) - 30);
        CHECK(tr_num_parse_double(tr_str_c(text), &x) && x == strtod(text, NULL));
    }
}

static void print_floats(void)
{
    char text[TR_NUM_TEXT];
    tr_num_print_float(text, 0.1f);
    CHECK(!strcmp(text, "0.1"));
    tr_num_print_float(text, 3);
    CHECK(!strcmp(text, "3"));
    tr_num_print_float(text, 1e-45f);
    CHECK(!strcmp(text, "1e-45"));
    tr_num_print_float(text, NAN);
    CHECK(!strcmp(text, "null"));
}

static int grouped(uint64_t x, const char *expected)
{
    char text[TR_NUM_TEXT];
    return tr_num_print_grouped(text, x) == strlen(expected) && !strcmp(text, expected);
}

static int bytes(uint64_t x, const char *expected)
{
    char text[TR_NUM_TEXT];
    return tr_num_print_bytes(text, x) == strlen(expected) && !strcmp(text, expected);
}

static void for_people(void)
{
    CHECK(grouped(0, "0") && grouped(999, "999") && grouped(1000, "1,000"));
    CHECK(grouped(12345678, "12,345,678") && grouped(UINT64_MAX, "18,446,744,073,709,551,615"));
    CHECK(bytes(0, "0 B") && bytes(834, "834 B") && bytes(999, "999 B") && bytes(1000, "1.0 kB"));
    CHECK(bytes(4100, "4.1 kB") && bytes(12600000, "12.6 MB") && bytes(999949, "999.9 kB"));
    CHECK(bytes(999950, "1.0 MB") && bytes(999999999, "1.0 GB") && bytes(UINT64_MAX, "18.4 EB"));
}

int main(void)
{
    CASE(parse_by_the_grammar);
    CASE(parse_at_the_ends);
    CASE(integers);
    CASE(print_doubles);
    CASE(print_like_the_library);
    CASE(print_and_parse_lose_nothing);
    CASE(parse_like_the_library);
    CASE(print_floats);
    CASE(for_people);
    return CHECK_END;
}
