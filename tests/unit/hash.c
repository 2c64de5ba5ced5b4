#include "check.h"
#include "ground/hash.h"

#include <stdlib.h>

static const tr_hash_key REFERENCE = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

/* The vectors of the SipHash paper's code: key 00..0f, message 00 01 02 ... of each length. */
static void siphash_reference(void)
{
    static const unsigned char expected[][8] = {
        {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72},
        {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74},
        {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d},
        {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85},
        {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf},
        {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18},
        {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb},
        {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab},
        {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93},
        {0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e},
    };
    unsigned char message[16];
    for (unsigned i = 0; i < sizeof message; i++)
        message[i] = (unsigned char)i;
    for (size_t n = 0; n < sizeof expected / sizeof *expected; n++) {
        uint64_t hash = tr_hash_keyed(REFERENCE, message, n);
        for (int i = 0; i < 8; i++)
            CHECK((hash >> (8 * i) & 0xff) == expected[n][i]);
    }
    CHECK(tr_hash_keyed(REFERENCE, message, 15) == 0xa129ca6149be45e5u);
}

static void number_is_its_bytes(void)
{
    CHECK(tr_hash_keyed_u64(REFERENCE, 0x0706050403020100u) ==
          tr_hash_keyed(REFERENCE, "\0\1\2\3\4\5\6\7", 8));
}

static void derive_is_the_name_and_a_byte(void)
{
    static const char *const names[] = {"",        "a",        "thin",     "shadow",
                                        "1234567", "12345678", "ninechars"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[16] = {0};
        size_t n = strlen(names[i]);
        memcpy(text, names[i], n);
        tr_hash_key master = {99, 0}, key = tr_hash_derive(99, names[i]);
        CHECK(key.k0 == tr_hash_keyed(master, text, n + 1));
        text[n] = 1;
        CHECK(key.k1 == tr_hash_keyed(master, text, n + 1));
    }
}

static void derive_is_frozen(void)
{
    tr_hash_key a = tr_hash_derive(1, "split"), b = tr_hash_derive(42, "order");
    CHECK(a.k0 == 0x5d61758e6a7ddc3eu && a.k1 == 0x80d9e2033fca23b1u);
    CHECK(b.k0 == 0x4772749a2fd1f117u && b.k1 == 0xbbe8b513b4848009u);
}

static void unit_stays_below_one(void)
{
    CHECK(tr_hash_unit(0) == 0);
    CHECK(tr_hash_unit(UINT64_MAX) < 1);
    CHECK(tr_hash_unit(UINT64_MAX) > 1 - 1e-15);
    CHECK(tr_hash_unit((uint64_t)1 << 63) == 0.5);
}

/* Against the xxHash library: bytes 3, 10, 17, ... of each length. */
static void checksum_reference(void)
{
    static const struct {
        size_t size;
        uint64_t sum;
    } expected[] = {
        {1, 0x1f25c8d0bc1f4bb6u},   {4, 0x9bb64b7d66ee9fdau},   {8, 0xdab99d95c6f90092u},
        {14, 0xc7f1d4d0acfa5a14u},  {31, 0xa2aa5f33cc4a6119u},  {32, 0x23c3c17ef790fd97u},
        {33, 0x50a7cfc7ba588784u},  {63, 0x5e3e54b431c7493cu},  {64, 0x0eb64b3ef6eeb01fu},
        {100, 0xa61f8d4c170fe531u}, {222, 0x8488aa61fc67f7ebu},
    };
    unsigned char bytes[222];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + 3);
    CHECK(tr_checksum("", 0) == 0xef46db3751d8e999u);
    CHECK(tr_checksum("abc", 3) == 0x44bc2cf5ad770999u);
    CHECK(tr_checksum("Nobody inspects the spammish repetition", 39) == 0xfbcea83c8a378bf1u);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        CHECK(tr_checksum(bytes, expected[i].size) == expected[i].sum);
    }
}

static void checksum_in_pieces(void)
{
    unsigned char bytes[200];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * i);
    uint64_t whole = tr_checksum(bytes, sizeof bytes);
    for (size_t a = 0; a <= sizeof bytes; a++) {
        for (size_t b = a; b <= sizeof bytes; b += 13) {
            tr_checksum_state s;
            tr_checksum_init(&s);
            tr_checksum_add(&s, bytes, a);
            tr_checksum_add(&s, bytes + a, b - a);
            tr_checksum_add(&s, bytes + b, sizeof bytes - b);
            CHECK(tr_checksum_end(&s) == whole);
        }
    }
}

static void checksum_takes_any_alignment(void)
{
    char *room = malloc(80);
    CHECK(room != NULL);
    if (!room)
        return;
    for (size_t at = 0; at < 8; at++) {
        memset(room, 'x', 80);
        CHECK(tr_checksum(room + at, 70) == tr_checksum(room, 70));
    }
    free(room);
}

int main(void)
{
    CASE(siphash_reference);
    CASE(number_is_its_bytes);
    CASE(derive_is_the_name_and_a_byte);
    CASE(derive_is_frozen);
    CASE(unit_stays_below_one);
    CASE(checksum_reference);
    CASE(checksum_in_pieces);
    CASE(checksum_takes_any_alignment);
    return CHECK_END;
}
