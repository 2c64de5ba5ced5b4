#include "ground/num.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles (not on the x87)");

/* ---- parsing ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What the grammar found; `exact` if the digits and the power of ten make the number whole. */
typedef struct {
    bool negative, exact;
    uint64_t digits;
    int64_t power; /* of ten */
} number_parts;

static const char *digits_run(const char *p, const char *end, number_parts *n, int *count)
{
    for (; p < end && is_digit(*p); p++) {
        if (n->digits > (UINT64_MAX - 9) / 10) {
            n->exact = false;
        } else {
            n->digits = n->digits * 10 + (uint64_t)(*p - '0');
        }
        if (++*count == 1000) {
            *count = 999; /* cannot overflow, and the power is not trusted any more */
            n->exact = false;
        }
    }
    return p;
}

/* What stands behind the 'e': a sign or none, and digits. Beyond 10^15 no number of digits before
 * it could make up for it. */
static const char *exponent_run(const char *p, const char *end, int64_t *exponent)
{
    bool down = false;
    *exponent = 0;
    if (p < end && (*p == '+' || *p == '-'))
        down = *p++ == '-';
    for (; p < end && is_digit(*p); p++) {
        if (*exponent < 1000000000000000)
            *exponent = *exponent * 10 + (*p - '0');
    }
    if (down)
        *exponent = -*exponent;
    return p;
}

/* JSON's grammar of a number, whole string. */
static bool number_split(tr_str s, number_parts *n)
{
    const char *p = s.data, *end = s.data + s.size;
    *n = (number_parts){.exact = true};
    int whole = 0, fraction = 0;
    if (p < end && *p == '-') {
        n->negative = true;
        p++;
    }
    const char *first = p;
    p = digits_run(p, end, n, &whole);
    if (whole == 0 || (whole > 1 && *first == '0'))
        return false;
    if (p < end && *p == '.') {
        p = digits_run(p + 1, end, n, &fraction);
        if (fraction == 0)
            return false;
    }
    n->power = -fraction;
    if (p < end && (*p == 'e' || *p == 'E')) {
        int64_t exponent;
        p = exponent_run(p + 1, end, &exponent);
        if (!is_digit(p[-1]))
            return false;
        n->power += exponent;
    }
    return p == end;
}

/* Digits below 2^53 and powers up to 10^22 are exact doubles, so one multiplication or division
 * rounds right (Clinger 1990); all others go to strtod, which is given nothing else to misread: no
 * point either, since in a program that has set a locale it may wait for another one. */
static bool read_by_strtod(tr_str s, double *out)
{
    char near[128];
    char *text = s.size + TR_NUM_TEXT < sizeof near ? near : tr_mem_array(s.size + TR_NUM_TEXT, 1);
    if (!text)
        return false;
    const char *p = s.data, *end = s.data + s.size;
    size_t n = 0;
    int64_t fraction = 0, exponent = 0;
    for (bool behind = false; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            behind = true;
        } else {
            text[n++] = *p;
            fraction += behind;
        }
    }
    if (p < end)
        exponent_run(p + 1, end, &exponent);
    text[n++] = 'e';
    tr_num_print_i64(text + n, exponent - fraction);
    *out = strtod(text, NULL);
    if (text != near)
        free(text);
    return isfinite(*out);
}

bool tr_num_parse_double(tr_str s, double *out)
{
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    number_parts n;
    if (!number_split(s, &n))
        return false;
    double x;
    if (n.exact && n.digits <= (uint64_t)1 << 53 && n.power >= -22 && n.power <= 22) {
        x = (double)n.digits;
        x = n.power < 0 ? x / ten[-n.power] : x * ten[n.power];
        if (n.negative)
            x = -x;
    } else if (!read_by_strtod(s, &x)) {
        return false;
    }
    *out = x;
    return true;
}

bool tr_num_parse_u64(tr_str s, uint64_t *out)
{
    uint64_t x = 0;
    if (s.size == 0)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        if (!is_digit(s.data[i]) || __builtin_mul_overflow(x, 10u, &x) ||
            __builtin_add_overflow(x, (uint64_t)(s.data[i] - '0'), &x)) {
            return false;
        }
    }
    *out = x;
    return true;
}

bool tr_num_parse_i64(tr_str s, int64_t *out)
{
    bool negative = s.size > 0 && s.data[0] == '-';
    if (negative)
        s = tr_str_of(s.data + 1, s.size - 1);
    uint64_t x;
    if (!tr_num_parse_u64(s, &x))
        return false;
    if (negative) {
        if (x > (uint64_t)INT64_MAX + 1)
            return false;
        *out = (int64_t)(0 - x);
    } else {
        if (x > INT64_MAX)
            return false;
        *out = (int64_t)x;
    }
    return true;
}

/* ---- printing ---- */

static size_t put_u64(char *text, uint64_t x)
{
    char digits[TR_NUM_TEXT];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + x % 10);
        x /= 10;
    } while (x);
    for (size_t i = 0; i < n; i++)
        text[i] = digits[n - 1 - i];
    text[n] = '\0';
    return n;
}

size_t tr_num_print_u64(char text[TR_NUM_TEXT], uint64_t x)
{
    return put_u64(text, x);
}

size_t tr_num_print_i64(char text[TR_NUM_TEXT], int64_t x)
{
    if (x >= 0)
        return put_u64(text, (uint64_t)x);
    text[0] = '-';
    return 1 + put_u64(text + 1, 0 - (uint64_t)x);
}

static void print_digits(char *text, int digits, double x)
{
    snprintf(text, TR_NUM_TEXT, "%.*g", digits, x);
}

/* What the locale has for a point becomes one. Returns the size. */
static size_t make_point(char *text)
{
    size_t at = strspn(text, "-0123456789"), size = strcspn(text + at, "0123456789e");
    if (size) {
        text[at] = '.';
        memmove(text + at + 1, text + at + size, strlen(text + at + size) + 1);
    }
    return strlen(text);
}

/* x in [1e-4, 1e4), not whole, of `bits` bits: the same text as the loops over snprintf below, with
 * `first` digits at least and `last` at most, by whole numbers of 128 bits. x = m / 2^e; with q
 * decimals N = round(m·10^q / 2^e), and N reads back as x if it is nearer to x than half a step of
 * its kind. Returns 0 where it leaves the work to the loop. */
static size_t print_fraction(char *text, double x, int bits, unsigned first, unsigned last)
{
    int exponent;
    uint64_t m = (uint64_t)ldexp(frexp(x, &exponent), bits);
    if (m == (uint64_t)1 << (bits - 1))
        return 0; /* the step below is half of the one above */
    unsigned e = (unsigned)(bits - exponent);
    unsigned zeros = x >= 0.1 ? 0 : x >= 0.01 ? 1 : x >= 0.001 ? 2 : 3;       /* behind the point */
    unsigned whole = x < 1 ? 0 : x < 10 ? 1 : x < 100 ? 2 : x < 1000 ? 3 : 4; /* before it */
    uint64_t ten = 1;
    for (unsigned k = 1 + whole; k < first + zeros; k++)
        ten *= 10;
    __uint128_t power = ten;
    for (unsigned digits = first; digits <= last; digits++) {
        power *= 10;
        __uint128_t exact = m * power, half = (__uint128_t)1 << (e - 1), n = exact >> e;
        __uint128_t rest = exact - (n << e);
        if (rest > half || (rest == half && (n & 1)))
            n++;
        __uint128_t read = n << e, off = read > exact ? read - exact : exact - read;
        if (digits < last && (off * 2 > power || (off * 2 == power && (m & 1))))
            continue;
        char all[TR_NUM_TEXT];
        size_t size = tr_num_print_u64(all, (uint64_t)n), at = whole;
        if (size != digits)
            return 0; /* rounded up to a power of ten */
        while (size > whole + 1 && all[size - 1] == '0')
            size--;
        memcpy(text, all, whole);
        if (!whole)
            text[at++] = '0';
        text[at++] = '.';
        memcpy(text + at, "000", zeros);
        memcpy(text + at + zeros, all + whole, size - whole);
        text[at + zeros + size - whole] = '\0';
        return at + zeros + size - whole;
    }
    return 0;
}

size_t tr_num_print_double(char text[TR_NUM_TEXT], double x)
{
    if (!isfinite(x)) {
        memcpy(text, "null", 5);
        return 4;
    }
    bool negative = signbit(x);
    double size = fabs(x);
    char *after = text + negative;
    if (negative)
        text[0] = '-';
    if (size < 0x1p53 && size == floor(size)) {
        return negative + put_u64(after, (uint64_t)size);
    }
    if (size >= 1e-4 && size < 1e4) { /* where scores and probabilities lie */
        size_t n = print_fraction(after, size, DBL_MANT_DIG, 15, 17);
        if (n)
            return negative + n;
    }
    /* Any decimal of up to 15 digits survives the way to a normal double and back, so shorter forms
     * show at 15; below the normal range the digits are fewer. */
    for (int digits = size < DBL_MIN ? 1 : 15; digits < 17; digits++) {
        print_digits(text, digits, x);
        if (strtod(text, NULL) == x)
            return make_point(text);
    }
    print_digits(text, 17, x);
    return make_point(text);
}

size_t tr_num_print_float(char text[TR_NUM_TEXT], float x)
{
    if (!isfinite(x))
        return tr_num_print_double(text, (double)x);
    if (fabsf(x) < 0x1p24f && x == floorf(x))
        return tr_num_print_double(text, (double)x);
    double size = fabs((double)x);
    if (size >= 1e-4 && size < 1e4) {
        size_t n = print_fraction(text + (x < 0), size, FLT_MANT_DIG, 6, 9);
        if (n) {
            if (x < 0)
                text[0] = '-';
            return (x < 0) + n;
        }
    }
    for (int digits = fabsf(x) < FLT_MIN ? 1 : 6; digits < 9; digits++) {
        print_digits(text, digits, (double)x);
        if (strtof(text, NULL) == x)
            return make_point(text);
    }
    print_digits(text, 9, (double)x);
    return make_point(text);
}

size_t tr_num_print_grouped(char text[TR_NUM_TEXT], uint64_t x)
{
    char digits[TR_NUM_TEXT];
    size_t n = tr_num_print_u64(digits, x), at = 0;
    for (size_t i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return at;
}

size_t tr_num_print_bytes(char text[TR_NUM_TEXT], uint64_t bytes)
{
    static const char *const unit[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    size_t n;
    if (bytes < 1000) {
        n = tr_num_print_u64(text, bytes);
        memcpy(text + n, " B", 3);
        return n + 2;
    }
    size_t u = 0;
    uint64_t tenth = 100; /* of the unit, in bytes */
    while (u < 5 && (bytes / tenth + (bytes % tenth >= tenth / 2)) >= 10000) {
        tenth *= 1000;
        u++;
    }
    uint64_t tenths = bytes / tenth + (bytes % tenth >= tenth / 2);
    n = tr_num_print_u64(text, tenths / 10);
    text[n++] = '.';
    text[n++] = (char)('0' + tenths % 10);
    text[n++] = ' ';
    memcpy(text + n, unit[u], 3);
    return n + 2;
}
