#include "ground/hash.h"

#include <string.h>

/* Byte order is checked where the formats are written (ground/le). */
static inline uint64_t load64(const unsigned char *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

static inline uint64_t load32(const unsigned char *p)
{
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

/* ---- SipHash-2-4 ---- */

typedef struct {
    uint64_t v0, v1, v2, v3;
} sip_state;

static inline void sip_round(sip_state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

/* Of `data` followed by one more byte `suffix`, if that is not negative. */
static uint64_t sip(tr_hash_key key, const unsigned char *data, size_t size, int suffix)
{
    sip_state s = {
        key.k0 ^ 0x736f6d6570736575u,
        key.k1 ^ 0x646f72616e646f6du,
        key.k0 ^ 0x6c7967656e657261u,
        key.k1 ^ 0x7465646279746573u,
    };
    size_t at = 0;
    for (; size - at >= 8; at += 8)
        sip_word(&s, load64(data + at));

    uint64_t last = 0, total = size;
    unsigned shift = 0;
    for (; at < size; at++, shift += 8)
        last |= (uint64_t)data[at] << shift;
    if (suffix >= 0) {
        last |= (uint64_t)suffix << shift;
        total++;
        if (shift == 56) {
            sip_word(&s, last);
            last = 0;
        }
    }
    sip_word(&s, last | total << 56);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

tr_hash_key tr_hash_derive(uint64_t seed, const char *use)
{
    tr_hash_key master = {seed, 0};
    size_t size = strlen(use);
    const unsigned char *name = (const unsigned char *)use;
    return (tr_hash_key){sip(master, name, size, 0), sip(master, name, size, 1)};
}

uint64_t tr_hash_keyed(tr_hash_key key, const void *data, size_t size)
{
    return sip(key, data, size, -1);
}

uint64_t tr_hash_keyed_u64(tr_hash_key key, uint64_t x)
{
    unsigned char bytes[8];
    memcpy(bytes, &x, 8);
    return sip(key, bytes, 8, -1);
}

double tr_hash_unit(uint64_t hash)
{
    return (double)(hash >> 11) * 0x1p-53;
}

/* ---- XXH64, seed 0 ---- */

static const uint64_t P1 = 0x9E3779B185EBCA87u;
static const uint64_t P2 = 0xC2B2AE3D27D4EB4Fu;
static const uint64_t P3 = 0x165667B19E3779F9u;
static const uint64_t P4 = 0x85EBCA77C2B2AE63u;
static const uint64_t P5 = 0x27D4EB2F165667C5u;

static inline uint64_t xx_round(uint64_t lane, uint64_t word)
{
    return rotate(lane + word * P2, 31) * P1;
}

/* Whole stripes of 32 bytes; the lanes live in registers meanwhile. */
static void xx_stripes(uint64_t lane[4], const unsigned char *p, size_t stripes)
{
    uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];
    for (size_t i = 0; i < stripes; i++, p += 32) {
        a = xx_round(a, load64(p));
        b = xx_round(b, load64(p + 8));
        c = xx_round(c, load64(p + 16));
        d = xx_round(d, load64(p + 24));
    }
    lane[0] = a;
    lane[1] = b;
    lane[2] = c;
    lane[3] = d;
}

static uint64_t xx_finish(const uint64_t lane[4], uint64_t total, const unsigned char *p,
                          size_t size)
{
    uint64_t h = P5;
    if (total >= 32) {
        h = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
        for (int i = 0; i < 4; i++)
            h = (h ^ xx_round(0, lane[i])) * P1 + P4;
    }
    h += total;
    for (; size >= 8; p += 8, size -= 8)
        h = rotate(h ^ xx_round(0, load64(p)), 27) * P1 + P4;
    for (; size >= 4; p += 4, size -= 4)
        h = rotate(h ^ load32(p) * P1, 23) * P2 + P3;
    for (; size > 0; p++, size--)
        h = rotate(h ^ *p * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

void tr_checksum_init(tr_checksum_state *s)
{
    *s = (tr_checksum_state){.lane = {P1 + P2, P2, 0, 0 - P1}};
}

void tr_checksum_add(tr_checksum_state *s, const void *data, size_t size)
{
    if (size == 0)
        return;
    const unsigned char *p = data;
    s->total += size;
    if (s->tail_size) {
        size_t room = sizeof s->tail - s->tail_size;
        size_t taken = size < room ? size : room;
        memcpy(s->tail + s->tail_size, p, taken);
        s->tail_size += taken;
        p += taken;
        size -= taken;
        if (s->tail_size < sizeof s->tail)
            return;
        xx_stripes(s->lane, s->tail, 1);
        s->tail_size = 0;
    }
    xx_stripes(s->lane, p, size / 32);
    s->tail_size = size % 32;
    memcpy(s->tail, p + (size - s->tail_size), s->tail_size);
}

uint64_t tr_checksum_end(const tr_checksum_state *s)
{
    return xx_finish(s->lane, s->total, s->tail, s->tail_size);
}

uint64_t tr_checksum(const void *data, size_t size)
{
    tr_checksum_state s;
    tr_checksum_init(&s);
    tr_checksum_add(&s, data, size);
    return tr_checksum_end(&s);
}
