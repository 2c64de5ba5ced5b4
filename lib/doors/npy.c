#include "doors/npy.h"

#include "ground/num.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* ---- the header, a dictionary as Python writes it ---- */

typedef struct {
    tr_str descr, order; /* data NULL: not yet seen */
    uint64_t shape[2];
    unsigned dimensions;
    bool has_shape;
} header;

typedef struct {
    const char *at, *end;
} cursor;

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

/* Goes behind `byte` where it is the next one but blanks. */
static bool take(cursor *c, char byte)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != byte)
        return false;
    c->at++;
    return true;
}

/* A string in quotes of either kind, without escapes: no name that we know has any. */
static bool take_string(cursor *c, tr_str *out)
{
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    const char *start = c->at + 1;
    const char *stop = memchr(start, *c->at, (size_t)(c->end - start));
    if (!stop || memchr(start, '\\', (size_t)(stop - start)))
        return false;
    *out = tr_str_of(start, (size_t)(stop - start));
    c->at = stop + 1;
    return true;
}

/* True or False, or whatever letters there are. */
static bool take_word(cursor *c, tr_str *out)
{
    skip_blanks(c);
    const char *start = c->at;
    while (c->at < c->end && ((*c->at >= 'A' && *c->at <= 'Z') || (*c->at >= 'a' && *c->at <= 'z')))
        c->at++;
    *out = tr_str_of(start, (size_t)(c->at - start));
    return out->size > 0;
}

/* (3, 4) of any length; the first two numbers are kept. Python 2 wrote 3L. */
static bool take_shape(cursor *c, header *h)
{
    if (!take(c, '('))
        return false;
    while (!take(c, ')')) {
        skip_blanks(c);
        const char *start = c->at;
        uint64_t x;
        while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
            c->at++;
        if (!tr_num_parse_u64(tr_str_of(start, (size_t)(c->at - start)), &x))
            return false;
        if (c->at < c->end && *c->at == 'L')
            c->at++;
        if (h->dimensions < 2)
            h->shape[h->dimensions] = x;
        h->dimensions += h->dimensions < 3;
        if (!take(c, ',') && (skip_blanks(c), c->at == c->end || *c->at != ')'))
            return false;
    }
    h->has_shape = true;
    return true;
}

static bool read_entry(cursor *c, header *h)
{
    tr_str key;
    if (!take_string(c, &key) || !take(c, ':'))
        return false;
    if (tr_str_equal(key, tr_str_c("descr")) && !h->descr.data) {
        skip_blanks(c);
        if (c->at < c->end && *c->at == '[') { /* of a structure: what follows is of no use */
            h->descr = tr_str_of(c->at, (size_t)(c->end - c->at));
            c->at = c->end;
            return true;
        }
        return take_string(c, &h->descr);
    }
    if (tr_str_equal(key, tr_str_c("fortran_order")) && !h->order.data)
        return take_word(c, &h->order);
    if (tr_str_equal(key, tr_str_c("shape")) && !h->has_shape)
        return take_shape(c, h);
    return false;
}

/* The three entries in any order, nothing else, nothing twice. */
static bool read_header(tr_str text, header *h)
{
    cursor c = {text.data, text.data + text.size};
    *h = (header){0};
    if (!take(&c, '{'))
        return false;
    while (!take(&c, '}')) {
        if (!read_entry(&c, h))
            return false;
        if (h->descr.data && *h->descr.data == '[')
            return true;
        if (!take(&c, ',') && (skip_blanks(&c), c.at == c.end || *c.at != '}'))
            return false;
    }
    skip_blanks(&c);
    return c.at == c.end && h->descr.data && h->order.data && h->has_shape;
}

/* The bytes of a number of that type; or 0 and why not. */
static uint32_t width_of(tr_str descr, const char **why)
{
    static const struct {
        const char *begins, *why;
    } others[] = {
        {"[", "structures"},       {"|O", "Python objects"}, {">", "big-endian numbers"},
        {"<c", "complex numbers"}, {"|S", "texts"},          {"<U", "texts"},
        {"<i", "integers"},        {"<u", "integers"},       {"|i", "integers"},
        {"|u", "integers"},        {"|b", "booleans"},
    };
    if (tr_str_equal(descr, tr_str_c("<f2")))
        return 2;
    if (tr_str_equal(descr, tr_str_c("<f4")))
        return 4;
    if (tr_str_equal(descr, tr_str_c("<f8")))
        return 8;
    *why = "numbers of another type";
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        size_t n = strlen(others[i].begins);
        if (descr.size >= n && memcmp(descr.data, others[i].begins, n) == 0) {
            *why = others[i].why;
            break;
        }
    }
    return 0;
}

/* ---- numbers ---- */

static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff;
    float x;
    if (rest >= 0x0400) { /* the exponent's bias is 15 there, 127 here */
        uint32_t bits = sign | ((rest << 13) + ((127 - 15) << 23));
        memcpy(&x, &bits, sizeof x);
        return x;
    }
    x = (float)rest * 0x1p-24f; /* below the normal numbers, and zero: exact */
    return sign ? -x : x;
}

static void read_numbers(const unsigned char *p, uint32_t width, size_t n, float *out)
{
    if (width == 2) {
        for (size_t i = 0; i < n; i++)
            out[i] = half_to_float((uint16_t)(p[2 * i] | p[2 * i + 1] << 8));
    } else if (width == 4) {
        memcpy(out, p, n * sizeof *out);
    } else {
        for (size_t i = 0; i < n; i++) {
            double x;
            memcpy(&x, p + 8 * i, sizeof x);
            out[i] = (float)x;
        }
    }
}

/* Whether a number at p is NaN, infinite, or becomes that as a float: those from 2^128 less half a
 * unit of a float's last place. */
static bool is_endless(const unsigned char *p, uint32_t width)
{
    if (width == 2)
        return (p[1] & 0x7c) == 0x7c;
    if (width == 4)
        return (p[3] & 0x7f) == 0x7f && p[2] >= 0x80;
    double x;
    memcpy(&x, p, sizeof x);
    return !(fabs(x) < 0x1.ffffffp+127);
}

/* The same of n numbers at once, in loops that a compiler can unroll. */
static bool any_endless(const unsigned char *p, uint32_t width, size_t n)
{
    uint32_t some = 0;
    if (width == 2) {
        for (size_t i = 0; i < n; i++)
            some |= (p[2 * i + 1] & 0x7cu) + 4; /* carries into bit 7 */
        return some & 0x80;
    }
    if (width == 4) {
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, p + 4 * i, sizeof bits);
            some |= (bits & 0x7f800000) + 0x00800000;
        }
        return some >> 31;
    }
    for (size_t i = 0; i < n; i++)
        some |= is_endless(p + 8 * i, 8);
    return some;
}

static tr_code check_numbers(const tr_npy *f, const char *name, tr_err *err)
{
    size_t row_size = (size_t)f->columns * f->width;
    for (uint64_t row = 0; row < f->rows; row++) {
        const unsigned char *p = f->data + row * row_size;
        if (!any_endless(p, f->width, f->columns))
            continue;
        uint32_t column = 0;
        while (!is_endless(p + (size_t)column * f->width, f->width))
            column++;
        return tr_err_at(err, name, 0, "row %llu, column %u (from 1) is %s",
                         (unsigned long long)row + 1, column + 1,
                         f->width == 8 ? "NaN, infinite or too large for a float"
                                       : "NaN or infinite");
    }
    return TR_OK;
}

/* ---- the file ---- */

tr_code tr_npy_open(tr_npy *f, tr_str bytes, const char *name, tr_err *err)
{
    static const char magic[] = "\x93NUMPY";
    const unsigned char *p = (const unsigned char *)bytes.data;
    *f = (tr_npy){0};
    if (bytes.size < 6 || memcmp(p, magic, 6) != 0)
        return tr_err_at(err, name, 0, "is no .npy file");
    if (bytes.size < 10)
        return tr_err_at(err, name, 0, "is cut off in its header");
    if (p[6] < 1 || p[6] > 3 || p[7] != 0)
        return tr_err_at(err, name, 0, "is of .npy version %u.%u, not 1.0 to 3.0", p[6], p[7]);
    size_t before = p[6] == 1 ? 10 : 12;
    if (bytes.size < before)
        return tr_err_at(err, name, 0, "is cut off in its header");
    size_t size = p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        size |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (size > bytes.size - before)
        return tr_err_at(err, name, 0, "is cut off in its header");

    header h;
    const char *why = NULL;
    if (!read_header(tr_str_of(bytes.data + before, size), &h))
        return tr_err_at(err, name, 0, "has a header that no .npy file has");
    uint32_t width = width_of(h.descr, &why);
    if (!width)
        return tr_err_at(err, name, 0, "holds %s (%.*s), not float16, float32 or float64", why,
                         (int)(h.descr.size < 20 ? h.descr.size : 20), h.descr.data);
    if (tr_str_equal(h.order, tr_str_c("True")))
        return tr_err_at(err, name, 0,
                         "is in Fortran order; save numpy.ascontiguousarray(x) instead");
    if (!tr_str_equal(h.order, tr_str_c("False")))
        return tr_err_at(err, name, 0, "has a header that no .npy file has");
    if (h.dimensions != 2)
        return tr_err_at(err, name, 0, "has %s, not 2: a row for each trace",
                         h.dimensions == 0   ? "no dimensions"
                         : h.dimensions == 1 ? "1 dimension"
                                             : "more than 2 dimensions");
    if (h.shape[1] < 1 || h.shape[1] > TR_NPY_MOST_COLUMNS)
        return tr_err_at(err, name, 0, "has %llu columns, not 1 to 16,384",
                         (unsigned long long)h.shape[1]);
    uint64_t have = bytes.size - before - size, want;
    if (__builtin_mul_overflow(h.shape[0], h.shape[1] * width, &want) || have < want)
        return tr_err_at(err, name, 0, "is cut off: %llu rows of %llu numbers, but %llu bytes",
                         (unsigned long long)h.shape[0], (unsigned long long)h.shape[1],
                         (unsigned long long)have);
    if (have > want)
        return tr_err_at(err, name, 0, "has %llu bytes more than its header says",
                         (unsigned long long)(have - want));
    f->rows = h.shape[0];
    f->columns = (uint32_t)h.shape[1];
    f->width = width;
    f->data = p + before + size;
    return check_numbers(f, name, err);
}

void tr_npy_row(const tr_npy *f, uint64_t i, float *out)
{
    read_numbers(f->data + i * f->columns * f->width, f->width, f->columns, out);
}
