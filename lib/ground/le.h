/* le: little-endian fields of the binary formats, one by one, never a struct at once. */
#ifndef TR_LE_H
#define TR_LE_H

#include "ground/mem.h"

#include <stdint.h>

void tr_le_put_u8(tr_buf *b, uint8_t x);
void tr_le_put_u16(tr_buf *b, uint16_t x);
void tr_le_put_u32(tr_buf *b, uint32_t x);
void tr_le_put_u64(tr_buf *b, uint64_t x);
void tr_le_put_f32(tr_buf *b, float x);
void tr_le_put_f64(tr_buf *b, double x);
void tr_le_put_str(tr_buf *b, tr_str s); /* u32 length, bytes; sets b->failed above 4 GiB */
void tr_le_put_f32s(tr_buf *b, const float *x, size_t n);
void tr_le_put_u32s(tr_buf *b, const uint32_t *x, size_t n);
void tr_le_put_u64s(tr_buf *b, const uint64_t *x, size_t n);
void tr_le_align(tr_buf *b, size_t to); /* zero bytes up to a multiple of `to` */

/* A cursor over a payload. After the first short or bad read `failed` stays set and every further
 * read gives zero or NULL, so that a run of reads needs one check at its end. */
typedef struct {
    const unsigned char *data;
    size_t size, at;
    bool failed;
} tr_le_reader;

void tr_le_open(tr_le_reader *r, const void *data, size_t size);
uint8_t tr_le_u8(tr_le_reader *r);
uint16_t tr_le_u16(tr_le_reader *r);
uint32_t tr_le_u32(tr_le_reader *r);
uint64_t tr_le_u64(tr_le_reader *r);
float tr_le_f32(tr_le_reader *r);
double tr_le_f64(tr_le_reader *r);
tr_str tr_le_str(tr_le_reader *r); /* borrowed from the payload */
size_t tr_le_left(const tr_le_reader *r);
void tr_le_skip_align(tr_le_reader *r, size_t to); /* the padding must be zero */

/* n numbers in place: a pointer into the payload (sizes checked before anything else; n may come
 * from hostile bytes). NULL and `failed` when short or misaligned. Only for little-endian hosts,
 * which the build checks. */
const float *tr_le_f32s(tr_le_reader *r, uint64_t n);
const uint32_t *tr_le_u32s(tr_le_reader *r, uint64_t n);
const uint64_t *tr_le_u64s(tr_le_reader *r, uint64_t n);
const unsigned char *tr_le_bytes(tr_le_reader *r, uint64_t n);

#endif
