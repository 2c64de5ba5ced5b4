#include "doors/floats.h"

#include "ground/num.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"

static tr_err err;

typedef struct {
    float *x;
    size_t n, capacity;
} floats;

static bool floats_refused(floats *f, const char *value, tr_scan_type type, const char *message)
{
    size_t before = f->n;
    bool well = tr_floats_read(tr_str_c(value), type, &f->x, &f->n, &f->capacity, &err) ==
                    TR_DATA &&
                strcmp(err.message, message) == 0 && f->n == before;
    if (!well)
        printf("# %s: got \"%s\"\n", value, err.message);
    return well;
}

static void float_arrays(void)
{
    floats f = {0};
    const char *text = "[ 1 ,-2.5e-1, 0.1,3.4028235e38,1e-60]";
    CHECK(tr_floats_read(tr_str_c(text), TR_SCAN_ARRAY, &f.x, &f.n, &f.capacity, &err) == TR_OK);
    CHECK(f.n == 5);
    if (f.n == 5) {
        CHECK(f.x[0] == 1 && f.x[1] == -0.25f && f.x[2] == 0.1f);
        CHECK(f.x[3] == 3.4028235e38f && f.x[4] == 0);
    }
    CHECK(tr_floats_read(tr_str_c("[7]"), TR_SCAN_ARRAY, &f.x, &f.n, &f.capacity, &err) == TR_OK);
    CHECK(f.n == 6 && f.x[5] == 7);
    CHECK(tr_floats_read(tr_str_c("[ ]"), TR_SCAN_ARRAY, &f.x, &f.n, &f.capacity, &err) == TR_OK);
    CHECK(f.n == 6);
    CHECK(floats_refused(&f, "[1,2,null]", TR_SCAN_ARRAY, "element 3 is not a number"));
    CHECK(floats_refused(&f, "[[1],2]", TR_SCAN_ARRAY, "element 1 is not a number"));
    CHECK(floats_refused(&f, "[1,\"2\"]", TR_SCAN_ARRAY, "element 2 is not a number"));
    CHECK(floats_refused(&f, "[1,3.5e38]", TR_SCAN_ARRAY, "element 2 is too large for a float"));
    CHECK(floats_refused(&f, "[-1e999]", TR_SCAN_ARRAY, "element 1 is too large for a float"));
    CHECK(floats_refused(&f, "12", TR_SCAN_NUMBER,
                         "neither an array of numbers nor a base64 string"));
    free(f.x);
}

static void base64(void)
{
    floats f = {0};
    const float x[] = {1, -2.5f, 0.1f, 3.4028235e38f, 1e-40f};
    static const char *const written[] = {"",
                                          "AACAPw==",
                                          "AACAPwAAIMA=",
                                          "AACAPwAAIMDNzMw9",
                                          "AACAPwAAIMDNzMw9//9/fw==",
                                          "AACAPwAAIMDNzMw9//9/f8IWAQA="};
    for (size_t n = 0; n <= 5; n++) {
        tr_buf b;
        tr_buf_init(&b);
        tr_buf_add_char(&b, '"');
        tr_floats_put_base64(&b, x, n);
        tr_buf_add_char(&b, '"');
        CHECK(b.size == strlen(written[n]) + 2 && memcmp(b.data + 1, written[n], b.size - 2) == 0);
        f.n = 0;
        CHECK(tr_floats_read(tr_buf_str(&b), TR_SCAN_STRING, &f.x, &f.n, &f.capacity, &err) ==
              TR_OK);
        CHECK(f.n == n && (n == 0 || memcmp(f.x, x, n * sizeof *x) == 0));
        tr_buf_free(&b);
    }
    f.n = 0;
    const char *escaped = "\"\\/\\u002f9\\/fw==\"";
    CHECK(tr_floats_read(tr_str_c(escaped), TR_SCAN_STRING, &f.x, &f.n, &f.capacity, &err) ==
          TR_OK);
    CHECK(f.n == 1 && f.x[0] == 3.4028235e38f);
    CHECK(floats_refused(&f, "\"AACAPw\"", TR_SCAN_STRING,
                         "not base64 (its length is no multiple of 4)"));
    CHECK(
        floats_refused(&f, "\"AACAPwA=\"", TR_SCAN_STRING, "base64 of 5 bytes, no multiple of 4"));
    CHECK(floats_refused(&f, "\"AAC-Pw==\"", TR_SCAN_STRING, "not base64 (character 4)"));
    CHECK(floats_refused(&f, "\"AA=APw==\"", TR_SCAN_STRING, "not base64 (character 3)"));
    CHECK(floats_refused(&f, "\"AACAPx==\"", TR_SCAN_STRING,
                         "not base64 (bits left over at its end)"));
    CHECK(floats_refused(&f, "\"AACAPwAAgH8=\"", TR_SCAN_STRING, "element 2 is NaN or infinite"));
    CHECK(floats_refused(&f, "\"AADAfw==\"", TR_SCAN_STRING, "element 1 is NaN or infinite"));
    CHECK(floats_refused(&f, "\"====\"", TR_SCAN_STRING, "base64 of 1 bytes, no multiple of 4"));
    free(f.x);
}

/* Any bits that are no NaN and no infinity survive, at any number of them, behind what is there. */
static void every_length_survives(void)
{
    floats f = {0};
    float x[220];
    uint32_t bits = 1;
    for (size_t i = 0; i < 220; i++) {
        do
            bits = bits * 1664525u + 1013904223u;
        while ((bits & 0x7f800000) == 0x7f800000);
        memcpy(&x[i], &bits, sizeof bits);
    }
    for (size_t n = 0; n <= 220; n++) {
        tr_buf b;
        tr_buf_init(&b);
        tr_buf_add_c(&b, "\"");
        tr_floats_put_base64(&b, x, n);
        CHECK(b.size == 1 + (n * 4 + 2) / 3 * 4);
        tr_buf_add_c(&b, "\"");
        f.n = 3;
        CHECK(tr_mem_reserve((void **)&f.x, &f.capacity, 3, sizeof *f.x));
        memset(f.x, 0, 3 * sizeof *f.x);
        CHECK(tr_floats_read(tr_buf_str(&b), TR_SCAN_STRING, &f.x, &f.n, &f.capacity, &err) ==
              TR_OK);
        CHECK(f.n == n + 3 && f.x[0] == 0 && f.x[2] == 0);
        CHECK(n == 0 || memcmp(f.x + 3, x, n * sizeof *x) == 0);
        tr_buf_free(&b);
    }
    free(f.x);
}

/* Of each place of a text, which other characters are digits there, and what is said of the rest.
 */
static void each_character_counts(void)
{
    floats f = {0};
    char text[2 + 72], expected[64];
    for (size_t at = 0; at < 70; at++) /* of 13 numbers, and then the padding */
        for (unsigned c = 1; c < 256; c++) {
            if (c == '\\')
                continue;
            memset(text, 'A', sizeof text);
            text[0] = text[73] = '"';
            text[71] = text[72] = '=';
            text[1 + at] = (char)c;
            f.n = 0;
            tr_code code = tr_floats_read(tr_str_of(text, sizeof text), TR_SCAN_STRING, &f.x, &f.n,
                                          &f.capacity, &err);
            bool is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                            (c >= '0' && c <= '9') || c == '+' || c == '/';
            if (is_digit) { /* the last one has only two bits that count */
                CHECK(code == TR_OK || (at == 69 && strstr(err.message, "left over")) ||
                      strstr(err.message, "NaN"));
            } else {
                snprintf(expected, sizeof expected, "not base64 (character %zu)", at + 1);
                CHECK(code == TR_DATA && !strcmp(err.message, expected));
            }
        }
    free(f.x);
}

static void how_many(void)
{
    floats f = {0};
    tr_buf array, base64;
    float *zeros = calloc(TR_FLOATS_MOST + 1, sizeof *zeros);
    for (size_t n = TR_FLOATS_MOST; n <= TR_FLOATS_MOST + 1; n++) {
        tr_code wanted = n > TR_FLOATS_MOST ? TR_DATA : TR_OK;
        tr_buf_init(&array);
        tr_buf_init(&base64);
        tr_buf_add_c(&array, "[0");
        for (size_t i = 1; i < n; i++)
            tr_buf_add_c(&array, ",0");
        tr_buf_add_c(&array, "]");
        tr_buf_add_c(&base64, "\"");
        tr_floats_put_base64(&base64, zeros, n);
        tr_buf_add_c(&base64, "\"");
        f.n = 0;
        CHECK(tr_floats_read(tr_buf_str(&array), TR_SCAN_ARRAY, &f.x, &f.n, &f.capacity, &err) ==
              wanted);
        CHECK(wanted ? f.n == 0 && !strcmp(err.message, "more than 16,384 numbers") : f.n == n);
        f.n = 0;
        CHECK(tr_floats_read(tr_buf_str(&base64), TR_SCAN_STRING, &f.x, &f.n, &f.capacity, &err) ==
              wanted);
        CHECK(wanted ? f.n == 0 && !strcmp(err.message, "more than 16,384 numbers") : f.n == n);
        tr_buf_free(&array);
        tr_buf_free(&base64);
    }
    free(zeros);
    free(f.x);
}

/* The same numbers either way. */
static void both_forms_agree(void)
{
    floats a = {0}, b = {0};
    CHECK(tr_floats_read(tr_str_c("[1, -2.5 ,0.1,3.4028235e38]"), TR_SCAN_ARRAY, &a.x, &a.n,
                         &a.capacity, &err) == TR_OK);
    CHECK(tr_floats_read(tr_str_c("\"AACAPwAAIMDNzMw9//9/fw==\""), TR_SCAN_STRING, &b.x, &b.n,
                         &b.capacity, &err) == TR_OK);
    CHECK(a.n == 4 && b.n == 4 && memcmp(a.x, b.x, 4 * sizeof *a.x) == 0);
    free(a.x);
    free(b.x);
}

/* ---- numbers read fast are those read with care ---- */

static void check_number(const char *text)
{
    static floats f;
    char list[80];
    double x;
    snprintf(list, sizeof list, "[%s]", text);
    bool there = tr_num_parse_double(tr_str_c(text), &x) && isfinite((float)x);
    float wanted = there ? (float)x : 0;
    f.n = 0;
    tr_code code = tr_floats_read(tr_str_c(list), TR_SCAN_ARRAY, &f.x, &f.n, &f.capacity, &err);
    bool well = there ? code == TR_OK && f.n == 1 && !memcmp(f.x, &wanted, sizeof wanted)
                      : code == TR_DATA;
    if (!well)
        printf("# %s\n", text);
    CHECK(well);
}

static void numbers_are_exact(void)
{
    static const char *const few[] = {"0",
                                      "-0",
                                      "0.0",
                                      "-0.0e0",
                                      "1e22",
                                      "1e23",
                                      "1e-22",
                                      "1e-23",
                                      "1E+5",
                                      "12e-400",
                                      "1e400",
                                      "0e99999",
                                      "1e19",
                                      "1e9999999999999999999",
                                      "18446744073709551615",
                                      "9999999999999999999",
                                      "10000000000000000000",
                                      "0.00000000000000000000000000001",
                                      "9007199254740993",
                                      "16777217",
                                      "16777217.0000000001",
                                      "340282356779733661637539395458142568447",
                                      "340282356779733661637539395458142568448"};
    char text[64];
    tr_rng r;
    tr_rng_init(&r, 3);
    for (size_t k = 0; k < sizeof few / sizeof *few; k++)
        check_number(few[k]);
    for (int k = 0; k < 200000; k++) {
        uint32_t bits = (uint32_t)tr_rng_below(&r, (uint64_t)1 << 32);
        bits = (bits & 0x80ffffff) | (uint32_t)(90 + tr_rng_below(&r, 60)) << 23;
        float near;
        memcpy(&near, &bits, sizeof near);
        double x = near;
        if (k % 3) /* at the middle between two floats, and beside it */
            x += (double)(nextafterf(near, INFINITY) - near) / 2;
        for (uint64_t steps = tr_rng_below(&r, 8); steps > 0; steps--)
            x = nextafter(x, k % 2 ? INFINITY : -INFINITY);
        snprintf(text, sizeof text, k % 5 ? "%.*g" : "%.*e", (int)(5 + tr_rng_below(&r, 17)), x);
        check_number(text);
        snprintf(text, sizeof text, "%.*f", (int)tr_rng_below(&r, 26), x);
        check_number(text);
    }
}

int main(void)
{
    CASE(float_arrays);
    CASE(numbers_are_exact);
    CASE(base64);
    CASE(every_length_survives);
    CASE(each_character_counts);
    CASE(how_many);
    CASE(both_forms_agree);
    return CHECK_END;
}
