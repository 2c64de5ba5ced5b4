#include "ground/le.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tr-tools builds for little-endian machines only: a policy is used in place");
_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 floats are needed");

/* ---- writing ---- */

void tr_le_put_u8(tr_buf *b, uint8_t x)
{
    tr_buf_add_char(b, (char)x);
}

void tr_le_put_u16(tr_buf *b, uint16_t x)
{
    tr_buf_add(b, &x, sizeof x);
}

void tr_le_put_u32(tr_buf *b, uint32_t x)
{
    tr_buf_add(b, &x, sizeof x);
}

void tr_le_put_u64(tr_buf *b, uint64_t x)
{
    tr_buf_add(b, &x, sizeof x);
}

void tr_le_put_f32(tr_buf *b, float x)
{
    tr_buf_add(b, &x, sizeof x);
}

void tr_le_put_f64(tr_buf *b, double x)
{
    tr_buf_add(b, &x, sizeof x);
}

void tr_le_put_str(tr_buf *b, tr_str s)
{
    if (s.size > UINT32_MAX) {
        b->failed = true;
        return;
    }
    tr_le_put_u32(b, (uint32_t)s.size);
    tr_buf_add_str(b, s);
}

static void put_array(tr_buf *b, const void *x, size_t n, size_t size)
{
    size_t bytes;
    if (!tr_mem_multiply(n, size, &bytes)) {
        b->failed = true;
        return;
    }
    tr_buf_add(b, x, bytes);
}

void tr_le_put_f32s(tr_buf *b, const float *x, size_t n)
{
    put_array(b, x, n, sizeof *x);
}

void tr_le_put_u32s(tr_buf *b, const uint32_t *x, size_t n)
{
    put_array(b, x, n, sizeof *x);
}

void tr_le_put_u64s(tr_buf *b, const uint64_t *x, size_t n)
{
    put_array(b, x, n, sizeof *x);
}

void tr_le_align(tr_buf *b, size_t to)
{
    size_t over = to ? b->size % to : 0;
    if (over)
        tr_buf_add_zero(b, to - over);
}

/* ---- reading ---- */

void tr_le_open(tr_le_reader *r, const void *data, size_t size)
{
    static const uint64_t nothing = 0; /* so that zero elements of nothing are no NULL */
    *r = (tr_le_reader){.data = data ? data : (const void *)&nothing, .size = data ? size : 0};
}

size_t tr_le_left(const tr_le_reader *r)
{
    return r->failed ? 0 : r->size - r->at;
}

const unsigned char *tr_le_bytes(tr_le_reader *r, uint64_t n)
{
    if (r->failed || n > r->size - r->at) {
        r->failed = true;
        return NULL;
    }
    const unsigned char *p = r->data + r->at;
    r->at += (size_t)n;
    return p;
}

/* Copies `size` bytes to `out`, zeros where they are not there. */
static void take(tr_le_reader *r, void *out, size_t size)
{
    const unsigned char *p = tr_le_bytes(r, size);
    if (p) {
        memcpy(out, p, size);
    } else {
        memset(out, 0, size);
    }
}

uint8_t tr_le_u8(tr_le_reader *r)
{
    uint8_t x;
    take(r, &x, sizeof x);
    return x;
}

uint16_t tr_le_u16(tr_le_reader *r)
{
    uint16_t x;
    take(r, &x, sizeof x);
    return x;
}

uint32_t tr_le_u32(tr_le_reader *r)
{
    uint32_t x;
    take(r, &x, sizeof x);
    return x;
}

uint64_t tr_le_u64(tr_le_reader *r)
{
    uint64_t x;
    take(r, &x, sizeof x);
    return x;
}

float tr_le_f32(tr_le_reader *r)
{
    float x;
    take(r, &x, sizeof x);
    return x;
}

double tr_le_f64(tr_le_reader *r)
{
    double x;
    take(r, &x, sizeof x);
    return x;
}

tr_str tr_le_str(tr_le_reader *r)
{
    uint32_t size = tr_le_u32(r);
    const unsigned char *p = tr_le_bytes(r, size);
    return p ? (tr_str){(const char *)p, size} : (tr_str){NULL, 0};
}

void tr_le_skip_align(tr_le_reader *r, size_t to)
{
    size_t over = to ? r->at % to : 0;
    if (over == 0)
        return;
    const unsigned char *p = tr_le_bytes(r, to - over);
    for (size_t i = 0; p && i < to - over; i++) {
        if (p[i])
            r->failed = true;
    }
}

/* n elements of `size` bytes in place, which the machine must be able to load where they lie. */
static const void *in_place(tr_le_reader *r, uint64_t n, size_t size)
{
    if (r->failed || n > (r->size - r->at) / size || ((uintptr_t)r->data + r->at) % size != 0) {
        r->failed = true;
        return NULL;
    }
    return tr_le_bytes(r, n * size);
}

const float *tr_le_f32s(tr_le_reader *r, uint64_t n)
{
    return in_place(r, n, sizeof(float));
}

const uint32_t *tr_le_u32s(tr_le_reader *r, uint64_t n)
{
    return in_place(r, n, sizeof(uint32_t));
}

const uint64_t *tr_le_u64s(tr_le_reader *r, uint64_t n)
{
    return in_place(r, n, sizeof(uint64_t));
}
