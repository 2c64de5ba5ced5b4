#include "doors/floats.h"

#include "doors/base64.h"
#include "ground/num.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static tr_code too_many(tr_err *err)
{
    return tr_err_set(err, TR_DATA, "more than 16,384 numbers");
}

/* ---- arrays ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next 8 characters as digits, the first the highest; false where one is none. */
static inline bool eight_digits(const char *p, uint64_t *out)
{
    const uint64_t upper = 0xf0f0f0f0f0f0f0f0, zeros = 0x3030303030303030;
    uint64_t v;
    memcpy(&v, p, sizeof v); /* the first one lowest: the build is for little-endian machines */
    if ((v & upper) != zeros || ((v + 0x0606060606060606) & upper) != zeros)
        return false;
    v = (v & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
    v = (v & 0x00ff00ff00ff00ff) * 6553601 >> 16;
    *out = (v & 0x0000ffff0000ffff) * 42949672960001 >> 32;
    return true;
}

/* Appends digits to *x; false where that has 19 of them before, and might overflow. */
static inline bool take_digits(const char **p, const char *end, uint64_t *x)
{
    const uint64_t most = 1000000000000000000;
    uint64_t eight;
    while (end - *p >= 8 && *x < most / 100000000 && eight_digits(*p, &eight)) {
        *x = *x * 100000000 + eight;
        *p += 8;
    }
    for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
        if (*x >= most)
            return false;
        *x = *x * 10 + (uint64_t)(**p - '0');
    }
    return true;
}

/* A number of JSON's grammar with few digits and a small power, as the float that its double rounds
 * to; then *p is behind it. False: it has to be read with more care.
 *
 * Digits below 2^53 and powers up to 10^22 are exact as doubles, so that one operation rounds right
 * (Clinger 1990). With more digits it is at most 2 units off in the double's last place; the float
 * is still the right one, unless the double is about as near to the middle between two. */
static inline bool read_short(const char **p, const char *end, float *out)
{
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *q = *p;
    bool negative = *q == '-';
    uint64_t digits = 0, bits;
    ptrdiff_t power = 0;
    q += negative;
    if (!take_digits(&q, end, &digits))
        return false;
    if (q < end && *q == '.') {
        const char *point = ++q;
        if (!take_digits(&q, end, &digits))
            return false;
        power = point - q;
    }
    if (q < end && (*q == 'e' || *q == 'E')) {
        bool down = *++q == '-';
        ptrdiff_t exponent = 0;
        q += down || *q == '+';
        for (; q < end && *q >= '0' && *q <= '9'; q++)
            if ((exponent = exponent * 10 + (*q - '0')) > 1000)
                return false;
        power += down ? -exponent : exponent;
    }
    if (power < -22 || power > 18)
        return false;
    double x = power < 0 ? (double)digits / ten[-power] : (double)digits * ten[power];
    memcpy(&bits, &x, sizeof bits);
    uint64_t beyond = bits & 0x1fffffff, middle = 0x10000000; /* the bits that a float has not */
    if (digits > (uint64_t)1 << 53 && beyond - (middle - 4) <= 8)
        return false;
    *out = (float)(negative ? -x : x);
    *p = q;
    return true;
}

/* The array has been checked against the grammar: only its elements have to be looked at. */
static tr_code read_array(tr_str s, float **out, size_t *n, size_t *capacity, tr_err *err)
{
    size_t first = *n;
    const char *p = s.data + 1, *end = s.data + s.size - 1;
    while (p < end && is_blank(*p))
        p++;
    while (p < end) {
        const char *start = p;
        size_t element = *n - first + 1;
        float value;
        if (*p != '-' && (*p < '0' || *p > '9'))
            return tr_err_set(err, TR_DATA, "element %zu is not a number", element);
        if (element > TR_FLOATS_MOST)
            return too_many(err);
        if (!read_short(&p, end, &value)) {
            double x;
            while (p < end && *p != ',' && !is_blank(*p))
                p++;
            if (!tr_num_parse_double(tr_str_of(start, (size_t)(p - start)), &x) ||
                !isfinite((float)x))
                return tr_err_set(err, TR_DATA, "element %zu is too large for a float", element);
            value = (float)x;
        }
        if (*n == *capacity && !tr_mem_reserve((void **)out, capacity, *n + 1, sizeof **out))
            return tr_err_memory(err);
        (*out)[(*n)++] = value;
        while (p < end && (*p == ',' || is_blank(*p)))
            p++;
    }
    return TR_OK;
}

/* ---- base64 ----
 *
 * Not through tr_base64_take: straight to words it is a third faster, and it can tell which
 * character or element is wrong. */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The first character that is no digit; there is one. */
static tr_code bad_character(const unsigned char *p, tr_err *err)
{
    size_t i = 0;
    while (memchr(alphabet, p[i], 64))
        i++;
    return tr_err_set(err, TR_DATA, "not base64 (character %zu)", i + 1);
}

/* Vectors as gcc and clang know them on any machine. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint32_t words4 __attribute__((vector_size(16)));

/* 16 digits: 24 bits in each word, the first digit highest. Sets bytes of *none where a character
 * is no digit. */
static inline words4 digits16(const unsigned char *p, bytes16 *none)
{
    bytes16 c;
    memcpy(&c, p, sizeof c);
    bytes16 upper = (bytes16)(c >= 'A') & (bytes16)(c <= 'Z');
    bytes16 lower = (bytes16)(c >= 'a') & (bytes16)(c <= 'z');
    bytes16 number = (bytes16)(c >= '0') & (bytes16)(c <= '9');
    bytes16 plus = (bytes16)(c == '+'), slash = (bytes16)(c == '/');
    *none |= ~(upper | lower | number | plus | slash);
    c += (upper & (256 - 'A')) | (lower & (256 + 26 - 'a')) | (number & (52 - '0')) |
         (plus & (62 - '+')) | (slash & (63 - '/'));
    words4 w = (words4)c; /* the first one lowest: the build is for little-endian machines */
    return (w & 0xff) << 18 | (w >> 8 & 0xff) << 12 | (w >> 16 & 0xff) << 6 | w >> 24;
}

/* The top bit, where the bits of a float have the exponent of NaN and infinity. */
static inline uint32_t endless(uint32_t bits)
{
    return (bits & 0x7f800000) + 0x00800000;
}

/* A round is 16 digits, three words. Clears *finite where a word is no finite float; false where a
 * character is no digit. */
static bool decode(const unsigned char *p, size_t rounds, uint32_t *to, bool *finite)
{
    bytes16 none = {0};
    uint64_t bad[2];
    uint32_t some = 0;
    for (size_t i = 0; i < rounds; i++, p += 16, to += 3) {
        words4 w = digits16(p, &none);
        to[0] = __builtin_bswap32(w[0] << 8 | w[1] >> 16);
        to[1] = __builtin_bswap32(w[1] << 16 | w[2] >> 8);
        to[2] = __builtin_bswap32(w[2] << 24 | w[3]);
        some |= endless(to[0]) | endless(to[1]) | endless(to[2]);
    }
    memcpy(bad, &none, sizeof bad);
    *finite = *finite && !(some >> 31);
    return !(bad[0] | bad[1]);
}

static tr_code read_base64(tr_str s, float **out, size_t *n, size_t *capacity, tr_err *err)
{
    const unsigned char *p = (const unsigned char *)s.data;
    size_t padding = 0;
    while (padding < 2 && padding < s.size && p[s.size - 1 - padding] == '=')
        padding++;
    size_t bytes = s.size / 4 * 3 - padding, count = bytes / 4;
    if (s.size % 4)
        return tr_err_set(err, TR_DATA, "not base64 (its length is no multiple of 4)");
    if (bytes % 4)
        return tr_err_set(err, TR_DATA, "base64 of %zu bytes, no multiple of 4", bytes);
    if (count > TR_FLOATS_MOST)
        return too_many(err);
    if (!tr_mem_reserve((void **)out, capacity, *n + count, sizeof **out))
        return tr_err_memory(err);
    if (!count)
        return TR_OK;

    _Static_assert(sizeof(float) == sizeof(uint32_t), "a float is 32 bits");
    uint32_t word[3 * 64];
    bool finite = true;
    float *to = *out + *n;
    size_t done = 0, at = 0;
    while (done + 3 <= count) {
        size_t rounds = (count - done) / 3 < 64 ? (count - done) / 3 : 64;
        if (!decode(p + at, rounds, word, &finite))
            return bad_character(p, err);
        memcpy(to + done, word, rounds * 3 * sizeof *word);
        done += rounds * 3;
        at += rounds * 16;
    }
    if (done < count) { /* one number or two, with padding: as a round with digits of zero */
        unsigned char last[16];
        memset(last, 'A', sizeof last);
        memcpy(last, p + at, s.size - padding - at);
        if (!decode(last, 1, word, &finite))
            return bad_character(p, err);
        if (word[count - done])
            return tr_err_set(err, TR_DATA, "not base64 (bits left over at its end)");
        memcpy(to + done, word, (count - done) * sizeof *word);
    }
    for (size_t i = 0; !finite && i < count; i++)
        if (!isfinite(to[i]))
            return tr_err_set(err, TR_DATA, "element %zu is NaN or infinite", i + 1);
    *n += count;
    return TR_OK;
}

tr_code tr_floats_read(tr_str value, tr_scan_type type, float **out, size_t *n, size_t *capacity,
                       tr_err *err)
{
    size_t before = *n;
    tr_code code;
    if (type == TR_SCAN_ARRAY) {
        code = read_array(value, out, n, capacity, err);
    } else if (type == TR_SCAN_STRING) {
        tr_buf b;
        tr_str text;
        tr_buf_init(&b);
        if (!tr_scan_text(value, &b, &text)) /* some writers escape '/' */
            code = b.failed ? tr_err_memory(err) : tr_err_set(err, TR_DATA, "not base64");
        else
            code = read_base64(text.data ? text : tr_buf_str(&b), out, n, capacity, err);
        tr_buf_free(&b);
    } else {
        code = tr_err_set(err, TR_DATA, "neither an array of numbers nor a base64 string");
    }
    if (code != TR_OK)
        *n = before;
    return code;
}

void tr_floats_put_base64(tr_buf *b, const float *x, size_t n)
{
    /* the bytes as they lie in memory: the build is for little-endian machines */
    if (n > SIZE_MAX / sizeof *x)
        b->failed = true;
    else
        tr_base64_put(b, tr_str_of((const char *)x, n * sizeof *x));
}
