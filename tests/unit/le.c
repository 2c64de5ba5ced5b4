#include "check.h"
#include "ground/le.h"

#include <math.h>
#include <stdlib.h>

static void bytes_are_little_endian(void)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_le_put_u8(&b, 0xfe);
    tr_le_put_u16(&b, 0x0102);
    tr_le_put_u32(&b, 0x03040506);
    tr_le_put_u64(&b, 0x0708090a0b0c0d0e);
    tr_le_put_f32(&b, 1.0f);
    tr_le_put_f64(&b, -2.0);
    tr_le_put_str(&b, tr_str_c("hi"));
    static const unsigned char expected[] = {0xfe, 2, 1, 6, 5,    4, 3,    0xe,  0xd, 0xc, 0xb,
                                             0xa,  9, 8, 7, 0,    0, 0x80, 0x3f, 0,   0,   0,
                                             0,    0, 0, 0, 0xc0, 2, 0,    0,    0,   'h', 'i'};
    CHECK(b.size == sizeof expected && !memcmp(b.data, expected, sizeof expected));

    tr_le_reader r;
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_le_u8(&r) == 0xfe && tr_le_u16(&r) == 0x0102 && tr_le_u32(&r) == 0x03040506);
    CHECK(tr_le_u64(&r) == 0x0708090a0b0c0d0e && tr_le_f32(&r) == 1 && tr_le_f64(&r) == -2);
    CHECK(tr_str_equal(tr_le_str(&r), tr_str_c("hi")) && tr_le_left(&r) == 0 && !r.failed);
    tr_buf_free(&b);
}

static void arrays_in_place(void)
{
    tr_buf b;
    tr_buf_init(&b);
    const float f[3] = {1, NAN, -0.0f};
    const uint32_t u[2] = {7, UINT32_MAX};
    const uint64_t v[1] = {UINT64_MAX - 1};
    tr_le_put_u8(&b, 1);
    tr_le_align(&b, 4);
    tr_le_put_f32s(&b, f, 3);
    tr_le_put_u32s(&b, u, 2);
    tr_le_align(&b, 8);
    tr_le_put_u64s(&b, v, 1);
    tr_le_align(&b, 8); /* nothing to do */
    CHECK(b.size == 32 && !b.failed);

    tr_le_reader r;
    tr_le_open(&r, b.data, b.size);
    (void)tr_le_u8(&r);
    tr_le_skip_align(&r, 4);
    const float *pf = tr_le_f32s(&r, 3);
    const uint32_t *pu = tr_le_u32s(&r, 2);
    tr_le_skip_align(&r, 8);
    const uint64_t *pv = tr_le_u64s(&r, 1);
    CHECK(pf && pu && pv && !r.failed);
    if (pf && pu && pv) {
        CHECK(!memcmp(pf, f, sizeof f) && !memcmp(pu, u, sizeof u) && *pv == *v);
    }
    CHECK(tr_le_f32s(&r, 0) != NULL && !r.failed);
    CHECK(tr_le_f32s(&r, 1) == NULL && r.failed);
    tr_buf_free(&b);
}

static void a_failure_stays(void)
{
    static const _Alignas(8) unsigned char bytes[8] = {1, 0, 0, 0, 5, 6, 7, 8};
    tr_le_reader r;
    tr_le_open(&r, bytes, sizeof bytes);
    CHECK(tr_le_u32(&r) == 1 && tr_le_u64(&r) == 0 && r.failed);
    CHECK(tr_le_u8(&r) == 0 && tr_le_left(&r) == 0 && tr_le_bytes(&r, 0) == NULL);
    CHECK(tr_le_str(&r).data == NULL && tr_le_f64(&r) == 0);
}

static void hostile_sizes(void)
{
    static const _Alignas(8) unsigned char bytes[16] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4};
    tr_le_reader r;
    tr_le_open(&r, bytes, sizeof bytes);
    CHECK(tr_le_str(&r).data == NULL && r.failed);
    const uint64_t counts[] = {UINT64_MAX, (uint64_t)1 << 62, (uint64_t)1 << 61, 5};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        tr_le_open(&r, bytes, sizeof bytes);
        CHECK(tr_le_f32s(&r, counts[i]) == NULL && r.failed);
        tr_le_open(&r, bytes, sizeof bytes);
        CHECK(tr_le_u64s(&r, counts[i]) == NULL && r.failed);
    }
    tr_le_open(&r, bytes, sizeof bytes);
    CHECK(tr_le_bytes(&r, 17) == NULL && r.failed);
    tr_le_open(&r, NULL, 0);
    CHECK(tr_le_u64s(&r, 0) != NULL && tr_le_left(&r) == 0 && !r.failed);
    CHECK(tr_le_u8(&r) == 0 && r.failed);
}

static void misaligned_and_dirty_padding(void)
{
    static const _Alignas(8) unsigned char bytes[16] = {9, 0, 0, 1, 0};
    tr_le_reader r;
    tr_le_open(&r, bytes, sizeof bytes);
    (void)tr_le_u8(&r);
    CHECK(tr_le_f32s(&r, 1) == NULL && r.failed);
    tr_le_open(&r, bytes, sizeof bytes);
    (void)tr_le_u8(&r);
    tr_le_skip_align(&r, 4);
    CHECK(r.failed);
    tr_le_open(&r, bytes, 3); /* the padding is not there */
    (void)tr_le_u16(&r);
    tr_le_skip_align(&r, 4);
    CHECK(r.failed);
    tr_le_open(&r, bytes, sizeof bytes);
    (void)tr_le_u32(&r);
    tr_le_skip_align(&r, 4);
    CHECK(!r.failed && r.at == 4);
}

int main(void)
{
    CASE(bytes_are_little_endian);
    CASE(arrays_in_place);
    CASE(a_failure_stays);
    CASE(hostile_sizes);
    CASE(misaligned_and_dirty_padding);
    return CHECK_END;
}
