/* The container of model streams and policies, fed with anything.
 *
 * Each input is read twice: as it is, and with its checksums put right, so that the mutations get
 * behind them. Built with a fuzzer (-DTR_LIBFUZZER) there is no main; built plainly, the files
 * given as arguments are replayed, or without any some thousand fixed mutations of a small frame
 * run. */
#include "doors/frame.h"
#include "ground/hash.h"
#include "ground/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is accepted must be whole, in bounds and readable to its last byte. */
static int open_all(const char *bytes, size_t size)
{
    tr_frame f;
    tr_err err;
    if (tr_frame_open(&f, tr_str_of(bytes, size), "input", 0, &err) != TR_OK) {
        if (err.code != TR_DATA || f.sections || f.n)
            abort();
        return 0;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < f.n; i++) {
        tr_str p = f.sections[i].payload;
        if (p.data < bytes || p.size > size || (size_t)(p.data - bytes) > size - p.size)
            abort();
        if ((p.data - bytes) % 64 != 0)
            abort();
        if (!tr_frame_find(&f, f.sections[i].tag))
            abort();
        sum ^= tr_checksum(p.data, p.size);
    }
    static const char *const known[] = {"LABL"};
    tr_code code = tr_frame_understood(&f, known, 1, "input", &err);
    if (code != TR_OK && code != TR_DATA)
        abort();
    tr_frame_free(&f);
    return sum != 1; /* used, so that the reads stay */
}

static void seal(char *unit, size_t size)
{
    uint64_t sum = tr_checksum(unit, size);
    memcpy(unit + size, &sum, 8);
}

/* Walks the sections as far as their lengths make sense and sets every checksum right. */
static void seal_all(char *bytes, size_t size)
{
    if (size < 64)
        return;
    seal(bytes, 16);
    size_t at = 64;
    while (size - at >= 64) {
        char *header = bytes + at;
        uint64_t length;
        memcpy(&length, header + 8, 8);
        at += 64;
        if (memcmp(header, "TEND", 4) != 0 && length <= size - at) {
            uint64_t sum = tr_checksum(bytes + at, (size_t)length);
            memcpy(header + 16, &sum, 8);
            at += (size_t)length;
            at += at % 64 && 64 - at % 64 <= size - at ? 64 - at % 64 : 0;
        }
        seal(header, 24);
    }
}

static int run(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    int accepted = open_all(copy, size);
    seal_all(copy, size);
    accepted += open_all(copy, size);
    free(copy);
    return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)run(data, size);
    return 0;
}

#ifndef TR_LIBFUZZER

/* A small frame by hand: a header, two sections, the end mark. */
static size_t sample(char bytes[512])
{
    memset(bytes, 0, 512);
    memcpy(bytes, "\x89TRP\r\n\x1a\n\1", 9);
    memcpy(bytes + 64, "LABL\0\0\0\0\5", 9);
    memcpy(bytes + 128, "hello", 5);
    memcpy(bytes + 192, "note\0\0\0\0\100", 9);
    memset(bytes + 256, 'n', 64);
    memcpy(bytes + 320, "TEND\0\0\0\0\200\1", 10); /* 384 */
    seal_all(bytes, 384);
    return 384;
}

static int replay(const char *file)
{
    tr_io_view view;
    tr_err err;
    if (tr_io_map(file, &view, &err) != TR_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 4;
    }
    LLVMFuzzerTestOneInput(view.data, view.size);
    tr_io_unmap(&view);
    return 0;
}

/* One to four changes: a bit, a byte, a length of interest, a piece moved, the end cut or grown. */
static size_t mutate(tr_rng *r, char *bytes, size_t size)
{
    static const uint64_t lengths[] = {
        0, 1, 63, 64, 65, 384, 1u << 31, UINT64_MAX, UINT64_MAX - 63};
    for (uint64_t n = 1 + tr_rng_below(r, 4); n > 0 && size > 8; n--) {
        size_t at = (size_t)tr_rng_below(r, size);
        switch (tr_rng_below(r, 6)) {
        case 0: bytes[at] = (char)(bytes[at] ^ 1 << tr_rng_below(r, 8)); break;
        case 1: bytes[at] = (char)tr_rng_next(r); break;
        case 2:
            at = at / 64 * 64 + 8;
            if (at + 8 <= size)
                memcpy(bytes + at, &lengths[tr_rng_below(r, 9)], 8);
            break;
        case 3: memmove(bytes + tr_rng_below(r, at + 1), bytes + at, size - at); break;
        case 4: size = at; break;
        default:
            if (size <= 448)
                memset(bytes + size, 0, 64), size += 64;
            break;
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        int status = 0;
        for (int i = 1; i < argc && status == 0; i++)
            status = replay(argv[i]);
        return status;
    }
    char first[512], bytes[512];
    size_t whole = sample(first);
    if (run((const uint8_t *)first, whole) != 2) {
        fprintf(stderr, "frame: the sample itself is refused\n");
        return 1;
    }
    tr_rng r;
    tr_rng_init(&r, 1);
    int accepted = 0;
    for (int i = 0; i < 20000; i++) {
        memcpy(bytes, first, sizeof bytes);
        size_t size = mutate(&r, bytes, whole);
        accepted += run((const uint8_t *)bytes, size);
    }
    printf("frame: 20000 mutations, %d accepted after their checksums were put right\n", accepted);
    return 0;
}

#endif
