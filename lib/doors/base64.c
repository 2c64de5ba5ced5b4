#include "doors/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tr_base64_put(tr_buf *out, tr_str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.data;
    size_t left = bytes.size;
    if (left > SIZE_MAX / 2)
        out->failed = true;
    if (left == 0 || !tr_buf_reserve(out, (left + 2) / 3 * 4))
        return;
    char *to = out->data + out->size;
    for (; left >= 3; left -= 3, p += 3, to += 4) {
        to[0] = alphabet[p[0] >> 2];
        to[1] = alphabet[(p[0] << 4 | p[1] >> 4) & 63];
        to[2] = alphabet[(p[1] << 2 | p[2] >> 6) & 63];
        to[3] = alphabet[p[2] & 63];
    }
    if (left) {
        unsigned second = left == 2 ? p[1] : 0;
        to[0] = alphabet[p[0] >> 2];
        to[1] = alphabet[(p[0] << 4 | second >> 4) & 63];
        to[2] = '=';
        if (left == 2)
            to[2] = alphabet[second << 2 & 63];
        to[3] = '=';
        to += 4;
    }
    out->size = (size_t)(to - out->data);
}

/* The value of each digit, from 1 on; 0: no digit. */
static const unsigned char values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* 24 bits of four digits; false where one is none. */
static inline bool four(const unsigned char *p, uint32_t *bits)
{
    uint32_t a = values[p[0]], b = values[p[1]], c = values[p[2]], d = values[p[3]];
    *bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
    return a && b && c && d;
}

bool tr_base64_take(tr_buf *out, tr_str text)
{
    const unsigned char *p = (const unsigned char *)text.data;
    uint32_t bits;
    if (text.size % 4)
        return false;
    if (text.size == 0)
        return !out->failed;
    if (!tr_buf_reserve(out, text.size / 4 * 3))
        return false;
    unsigned char *to = (unsigned char *)out->data + out->size;
    for (size_t left = text.size; left > 4; left -= 4, p += 4, to += 3) {
        if (!four(p, &bits))
            return false;
        to[0] = (unsigned char)(bits >> 16);
        to[1] = (unsigned char)(bits >> 8);
        to[2] = (unsigned char)bits;
    }
    /* the last four: digits of zero for the padding */
    unsigned padding = p[3] != '=' ? 0 : p[2] != '=' ? 1 : 2;
    unsigned char last[4];
    memcpy(last, p, 4);
    memset(last + 4 - padding, 'A', padding);
    if (!four(last, &bits) || bits & ((UINT32_C(1) << 8 * padding) - 1))
        return false;
    to[0] = (unsigned char)(bits >> 16);
    if (padding < 2)
        to[1] = (unsigned char)(bits >> 8);
    if (padding < 1)
        to[2] = (unsigned char)bits;
    out->size = (size_t)(to + 3 - padding - (unsigned char *)out->data);
    return true;
}
