/* hash: keyed 64-bit hashing of ids, and the checksum of files.
 *
 * SipHash-2-4 (Aumasson, Bernstein 2012) for whatever must look random; XXH64 (Collet) to notice
 * damage. Both are frozen: their outputs are part of the formats. */
#ifndef TR_HASH_H
#define TR_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t k0, k1;
} tr_hash_key;

/* The key of one use ("split", "test", "folds", "order", "shadow", "thin", ...) under a seed:
 * k0 and k1 are SipHash-2-4 of the use's name followed by the byte 0 or 1, keyed by (seed, 0).
 * Different uses are independent of one another. */
tr_hash_key tr_hash_derive(uint64_t seed, const char *use);

uint64_t tr_hash_keyed(tr_hash_key key, const void *data, size_t size);
uint64_t tr_hash_keyed_u64(tr_hash_key key, uint64_t x); /* of its 8 little-endian bytes */

/* A hash as a fraction in [0, 1): its upper 53 bits. */
double tr_hash_unit(uint64_t hash);

/* XXH64 with seed 0: whole, or piece by piece. Any change within one byte changes it. */
uint64_t tr_checksum(const void *data, size_t size);

typedef struct {
    uint64_t lane[4], total;
    unsigned char tail[32];
    size_t tail_size;
} tr_checksum_state;
void tr_checksum_init(tr_checksum_state *s);
void tr_checksum_add(tr_checksum_state *s, const void *data, size_t size);
uint64_t tr_checksum_end(const tr_checksum_state *s);

#endif
