/* driver: the main of a fuzz target where libFuzzer gives none (-DTR_LIBFUZZER leaves it out).
 *
 * With arguments it replays those files; without, it runs a fixed number of mutations of the
 * target's valid samples, the same ones every time, so that it belongs into `make check`. */
#ifndef TR_FUZZ_DRIVER_H
#define TR_FUZZ_DRIVER_H

#include "ground/mem.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that does not hold ends the run, as libFuzzer wants it. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#ifndef TR_LIBFUZZER

#include "doors/io.h"
#include "ground/rng.h"

#include <string.h>

/* One small change: bytes set, bits flipped, a piece cut out, doubled or taken from elsewhere. */
static void fuzz_mutate(tr_buf *b, tr_rng *rng, const char *telling)
{
    size_t n = b->size, at = n ? (size_t)tr_rng_below(rng, n) : 0;
    size_t piece = n ? (size_t)tr_rng_below(rng, n - at < 16 ? n - at : 16) + 1 : 0;
    char c = telling[tr_rng_below(rng, strlen(telling))];
    switch (tr_rng_below(rng, 7)) {
    case 0:
        if (n)
            b->data[at] = c;
        break;
    case 1:
        if (n)
            b->data[at] = (char)(b->data[at] ^ (char)(1 << tr_rng_below(rng, 8)));
        break;
    case 2: /* cut out */
        if (n)
            memmove(b->data + at, b->data + at + piece, n - at - piece);
        b->size -= piece;
        break;
    case 3: /* cut off */ b->size = at; break;
    case 4: /* double */
        if (!tr_buf_reserve(b, piece))
            break;
        memmove(b->data + at + piece, b->data + at, n - at);
        b->size += piece;
        break;
    case 5: /* insert */
        if (!tr_buf_reserve(b, 1))
            break;
        memmove(b->data + at + 1, b->data + at, n - at);
        b->data[at] = c;
        b->size++;
        break;
    default: /* copy within */
        if (n)
            memmove(b->data + at, b->data + tr_rng_below(rng, n - piece + 1), piece);
        break;
    }
}

/* Exactly `size` bytes, so that the address sanitizer sees any read beyond them. */
static void fuzz_run(const char *data, size_t size)
{
    uint8_t *own = tr_mem_array(size, 1);
    HOLDS(own);
    if (size)
        memcpy(own, data, size);
    LLVMFuzzerTestOneInput(own, size);
    free(own);
}

/* `telling` are the bytes that mean something to the reader. */
static int fuzz_main(int argc, char **argv, const tr_str *samples, size_t n, const char *telling,
                     int runs)
{
    tr_buf b;
    tr_rng rng;
    tr_err err;
    tr_buf_init(&b);
    tr_rng_init(&rng, 1);
    for (int i = 1; i < argc; i++) {
        tr_buf_clear(&b);
        if (tr_io_slurp(argv[i], &b, &err) != TR_OK) {
            fprintf(stderr, "%s\n", err.message);
            return err.code;
        }
        fuzz_run(b.data, b.size);
    }
    for (size_t i = 0; argc == 1 && i < n; i++) {
        fuzz_run(samples[i].data, samples[i].size);
        for (int k = 0; k < runs; k++) {
            tr_buf_clear(&b);
            tr_buf_add_str(&b, samples[i]);
            for (uint64_t changes = tr_rng_below(&rng, 4) + 1; changes > 0; changes--) {
                fuzz_mutate(&b, &rng, telling);
            }
            fuzz_run(b.data, b.size);
        }
    }
    tr_buf_free(&b);
    return 0;
}

#endif
#endif
