#include "doors/npy.h"

#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static tr_err err;

/* A file of version `major` with that header (padded to 64 bytes) and those numbers. */
static tr_buf file(unsigned major, const char *header, const void *numbers, size_t size)
{
    tr_buf b;
    tr_buf_init(&b);
    size_t before = major == 1 ? 10 : 12, length = strlen(header) + 1;
    length += (64 - (before + length) % 64) % 64;
    tr_buf_add(&b, "\x93NUMPY", 6);
    tr_buf_add_char(&b, (char)major);
    tr_buf_add_char(&b, 0);
    for (size_t i = 0; i < before - 8; i++)
        tr_buf_add_char(&b, (char)(length >> 8 * i));
    tr_buf_add_c(&b, header);
    while (b.size < before + length - 1)
        tr_buf_add_char(&b, ' ');
    tr_buf_add_char(&b, '\n');
    tr_buf_add(&b, numbers, size);
    return b;
}

/* Opened as exactly its bytes, so that the address sanitizer sees any read beyond them. */
static tr_code open_bytes(tr_npy *f, const char *data, size_t size, char **own)
{
    *own = malloc(size + !size);
    if (size)
        memcpy(*own, data, size);
    err = (tr_err){0};
    return tr_npy_open(f, tr_str_of(*own, size), "v.npy", &err);
}

static bool refused(tr_buf b, const char *reason)
{
    tr_npy f;
    char *own;
    tr_code code = open_bytes(&f, b.data, b.size, &own);
    bool well = code == TR_DATA && !strncmp(err.message, "v.npy: ", 7) &&
                strstr(err.message, reason) != NULL;
    if (!well)
        printf("# code %d, \"%s\", not \"%s\"\n", (int)code, err.message, reason);
    free(own);
    tr_buf_free(&b);
    return well;
}

static bool refused_header(const char *header, const char *reason)
{
    static const unsigned char zeros[96];
    return refused(file(1, header, zeros, sizeof zeros), reason);
}

#define F4 "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"

static void the_three_types_and_versions(void)
{
    static const uint16_t half[] = {0x3c00, 0xc100, 0x0000, 0x7bff, 0x0001, 0x8400};
    static const float single[] = {1, -2.5f, 0, 65504, 0x1p-24f, -0x1p-14f};
    static const double twofold[] = {1, -2.5, 0, 65504, 0x1p-24, -0x1p-14};
    static const struct {
        const char *type;
        const void *numbers;
        size_t size;
    } cases[] = {{"<f2", half, sizeof half},
                 {"<f4", single, sizeof single},
                 {"<f8", twofold, sizeof twofold}};
    for (size_t i = 0; i < 3; i++)
        for (unsigned major = 1; major <= 3; major++) {
            char header[120];
            snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3), }", cases[i].type);
            tr_buf b = file(major, header, cases[i].numbers, cases[i].size);
            tr_npy f;
            char *own;
            float row[3];
            CHECK(open_bytes(&f, b.data, b.size, &own) == TR_OK);
            CHECK(f.rows == 2 && f.columns == 3);
            tr_npy_row(&f, 0, row);
            CHECK(memcmp(row, single, sizeof row) == 0);
            tr_npy_row(&f, 1, row);
            CHECK(memcmp(row, single + 3, sizeof row) == 0);
            free(own);
            tr_buf_free(&b);
        }
}

/* All 63,488 finite half floats against their definition. */
static void every_half(void)
{
    enum { N = 31 << 10 };
    uint16_t *half = malloc(2 * N * sizeof *half);
    for (uint32_t i = 0; i < N; i++) {
        half[i] = (uint16_t)i;
        half[N + i] = (uint16_t)(0x8000 | i);
    }
    tr_buf b = file(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (62, 1024), }", half,
                    2 * N * sizeof *half);
    tr_npy f;
    char *own;
    float row[1024];
    CHECK(open_bytes(&f, b.data, b.size, &own) == TR_OK && f.rows == 62);
    for (uint64_t r = 0; r < 62; r++) {
        tr_npy_row(&f, r, row);
        for (uint32_t c = 0; c < 1024; c++) {
            uint32_t h = half[r * 1024 + c], exponent = h >> 10 & 31, fraction = h & 1023;
            double x = exponent ? ldexp(1024 + fraction, (int)exponent - 25) : ldexp(fraction, -24);
            CHECK(row[c] == (float)(h & 0x8000 ? -x : x));
            CHECK(!!signbit(row[c]) == (h >> 15));
        }
    }
    free(own);
    free(half);
    tr_buf_free(&b);
}

static void other_spellings(void)
{
    static const float x[6] = {1, 2, 3, 4, 5, 6};
    static const char *const headers[] = {
        "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}",
        " { 'fortran_order' : False , 'descr' : '<f4' , 'shape' : ( 2 , 3 , ) } ",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }",
        "{'descr': '<f4',\n 'fortran_order': False,\n 'shape': (2, 3)}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        tr_buf b = file(1, headers[i], x, sizeof x);
        tr_npy f;
        char *own;
        float row[3];
        CHECK(open_bytes(&f, b.data, b.size, &own) == TR_OK);
        if (f.rows == 2) {
            tr_npy_row(&f, 1, row);
            CHECK(row[0] == 4 && row[2] == 6);
        }
        free(own);
        tr_buf_free(&b);
    }
    /* no rows are a table, too; and the header may end anywhere, its numbers not aligned */
    tr_buf b = file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }", "", 0);
    tr_npy f;
    char *own;
    CHECK(open_bytes(&f, b.data, b.size, &own) == TR_OK && f.rows == 0 && f.columns == 3);
    free(own);
    tr_buf_free(&b);
    tr_buf_init(&b);
    tr_buf_add(&b, "\x93NUMPY\1\0", 8);
    tr_buf_add_char(&b, (char)strlen(F4));
    tr_buf_add_char(&b, 0);
    tr_buf_add_c(&b, F4);
    tr_buf_add(&b, x, sizeof x);
    CHECK(open_bytes(&f, b.data, b.size, &own) == TR_OK);
    float row[3];
    tr_npy_row(&f, 1, row);
    CHECK(row[2] == 6);
    free(own);
    tr_buf_free(&b);
}

static void headers_refused(void)
{
#define HEADER(descr, order, shape)                                                                \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"
    static const struct {
        const char *header, *reason;
    } cases[] = {
        {HEADER("'<f4'", "True", "(2, 3)"), "Fortran order"},
        {HEADER("'>f4'", "False", "(2, 3)"), "big-endian"},
        {HEADER("'<c8'", "False", "(2, 3)"), "complex"},
        {HEADER("'|O'", "False", "(2, 3)"), "Python objects"},
        {HEADER("'<i8'", "False", "(2, 3)"), "integers"},
        {HEADER("'|b1'", "False", "(2, 3)"), "booleans"},
        {HEADER("'<f16'", "False", "(2, 3)"), "another type"},
        {HEADER("'<f'", "False", "(2, 3)"), "another type"},
        {HEADER("''", "False", "(2, 3)"), "another type"},
        {HEADER("[('x', '<f4'), ('y', '<f4')]", "False", "(2, 3)"), "structures"},
        {HEADER("'<f4'", "False", "()"), "no dimensions"},
        {HEADER("'<f4'", "False", "(24,)"), "1 dimension"},
        {HEADER("'<f4'", "False", "(2, 3, 4)"), "more than 2"},
        {HEADER("'<f4'", "False", "(2, 3, 4, 1, 1)"), "more than 2"},
        {HEADER("'<f4'", "False", "(24, 0)"), "0 columns"},
        {HEADER("'<f4'", "False", "(1, 16385)"), "16385 columns"},
        {HEADER("'<f4'", "False", "(25, 1)"), "cut off: 25 rows of 1 numbers, but 96 bytes"},
        {HEADER("'<f4'", "False", "(23, 1)"), "4 bytes more"},
        {HEADER("'<f8'", "False", "(24, 1)"), "cut off"},
        {HEADER("'<f4'", "False", "(4611686018427387904, 4)"), "cut off"}, /* 2^64 bytes: 0 */
        {HEADER("'<f4'", "False", "(4611686018427387910, 4)"), "cut off"}, /* 2^64 + 96 */
        {HEADER("'<f4'", "False", "(18446744073709551615, 1)"), "cut off"},
        {HEADER("'<f4'", "False", "(18446744073709551616, 1)"), "a header"},
        {HEADER("'<f4'", "False", "(-2, 3)"), "a header"},
        {HEADER("'<f4'", "False", "(2 3)"), "a header"},
        {HEADER("'<f4'", "False", "(,)"), "a header"},
        {HEADER("'<f4'", "False", "(2, 1+2)"), "a header"},
        {HEADER("'<f4'", "False", "(2., 3)"), "a header"},
        {HEADER("'<f4'", "False", "(2, 3"), "a header"},
        {HEADER("'<f4'", "False", "[2, 3]"), "a header"},
        {HEADER("'<f4'", "0", "(2, 3)"), "a header"},
        {HEADER("'<f4'", "false", "(2, 3)"), "a header"},
        {HEADER("__import__('os').system('true')", "False", "(2, 3)"), "a header"},
        {HEADER("'<f' + '4'", "False", "(2, 3)"), "a header"},
        {HEADER("'<f\\x34'", "False", "(2, 3)"), "a header"},
        {HEADER("'<f4", "False", "(2, 3)"), "a header"},
        {HEADER("<f4", "False", "(2, 3)"), "a header"},
        {"", "a header"},
        {"{}", "a header"},
        {"{", "a header"},
        {"{,}", "a header"},
        {"{'descr': '<f4', 'shape': (2, 3), }", "a header"},
        {"{'descr': '<f4', 'fortran_order': False, }", "a header"},
        {"{'fortran_order': False, 'shape': (24, 1), }", "a header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (24, 1), 'more': 1}", "a header"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (24, 1)}", "a header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (24, 1), 'shape': ()}", "a header"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (24, 1)}", "a header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (24, 1)} x", "a header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (24, 1)}}", "a header"},
        {"[{'descr': '<f4', 'fortran_order': False, 'shape': (24, 1)}]", "a header"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK(refused_header(cases[i].header, cases[i].reason));
}

static void magic_and_versions(void)
{
    static const float x[6];
    for (size_t i = 0; i < 8; i++) {
        tr_buf b = file(1, F4, x, sizeof x);
        b.data[i] = (char)(b.data[i] + 3);
        CHECK(refused(b, i < 6 ? "no .npy file" : "version"));
    }
    tr_buf b = file(1, F4, x, sizeof x);
    b.data[6] = 0;
    CHECK(refused(b, "version 0.0"));
    tr_buf zip;
    tr_buf_init(&zip); /* what numpy.savez writes */
    tr_buf_add_c(&zip, "PK\3\4 and so on, for as long as you like");
    CHECK(refused(zip, "no .npy file"));
}

/* Cut anywhere, or with anything behind it. */
static void cut_and_long(void)
{
    static const float x[6] = {1, 2, 3, 4, 5, 6};
    for (unsigned major = 1; major <= 2; major++) {
        tr_buf b = file(major, F4, x, sizeof x);
        for (size_t size = 0; size < b.size; size++) {
            tr_npy f;
            char *own;
            CHECK(open_bytes(&f, b.data, size, &own) == TR_DATA);
            CHECK(strstr(err.message, size < 6 ? "no .npy" : "cut off"));
            free(own);
        }
        tr_buf_add_char(&b, 0);
        CHECK(refused(b, "1 bytes more"));
    }
    tr_buf b = file(2, F4, x, sizeof x);
    memset(b.data + 8, 0xff, 4); /* a header of 4 GiB */
    CHECK(refused(b, "cut off in its header"));
}

static void numbers_that_are_none(void)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const uint16_t bad_half[] = {0x7e00, 0x7c00, 0xfc00};
    static const double bad_double[] = {NAN, -INFINITY, 3.5e38, 0x1.ffffffp+127};
    for (size_t at = 0; at < 6; at++) {
        char place[40];
        snprintf(place, sizeof place, "row %zu, column %zu ", at / 3 + 1, at % 3 + 1);
        for (size_t i = 0; i < 3; i++) {
            float x[6] = {3.4028235e38f, 0, -1, 0x1p-149f, 0, 7};
            x[at] = bad[i];
            CHECK(refused(file(1, F4, x, sizeof x), place));
            uint16_t half[6] = {0x7bff, 0xfbff, 0, 1, 2, 3};
            half[at] = bad_half[i];
            CHECK(refused(file(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }",
                               half, sizeof half),
                          place));
        }
        for (size_t i = 0; i < 4; i++) {
            double x[6] = {0, 1, 0x1.fffffefp+127, -1e-300, 5, 6};
            x[at] = bad_double[i];
            CHECK(refused(
                file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", x, sizeof x),
                place));
        }
    }
    double largest[6] = {0x1.fffffefp+127, -0x1.fffffefp+127, 1e-300, 0, 0, 0};
    tr_buf b = file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", largest,
                    sizeof largest);
    tr_npy f;
    char *own;
    float row[3] = {0, 0, 0};
    CHECK(open_bytes(&f, b.data, b.size, &own) == TR_OK);
    tr_npy_row(&f, 0, row);
    CHECK(row[0] == 0x1.fffffep+127f && row[1] == -row[0] && row[2] == 0);
    free(own);
    tr_buf_free(&b);
}

int main(void)
{
    CASE(the_three_types_and_versions);
    CASE(every_half);
    CASE(other_spellings);
    CASE(headers_refused);
    CASE(magic_and_versions);
    CASE(cut_and_long);
    CASE(numbers_that_are_none);
    return CHECK_END;
}
