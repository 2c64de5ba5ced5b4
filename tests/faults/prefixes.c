/* prefixes: every way in which a small policy or model stream can arrive damaged.
 *
 *   prefixes cut FILE [STEP]     every STEPth prefix, and bytes behind the end: all refused
 *   prefixes flip FILE [STEP]    every STEPth byte changed: all refused
 *   prefixes reseal FILE [STEP]  every STEPth byte of each payload changed and the checksums made
 * to fit: refused, or good enough to be used without harm prefixes short FILE [STEP]   each payload
 * cut to each STEPth length, sealed anew: the same prefixes forge FILE TAG AT   writes FILE with
 * byte AT of section TAG changed, sealed anew
 *
 * What is tried lies in memory of its exact size, so that the address sanitizer sees any read
 * beyond it. Prints the count; ends by 1 at the first damage that was not noticed. */
#include "doors/io.h"
#include "gate/learn.h"
#include "ground/hash.h"
#include "ground/mem.h"
#include "policy/calibrate.h"
#include "policy/policy.h"
#include "policy/print.h"
#include "policy/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT = 64 };

static int null_fd = -1;
static unsigned long tried, used;

static tr_code use_policy(const tr_policy *p, tr_err *err)
{
    static const char *const texts[] = {"", "red a", "where is my order", "\xc3\xa9t\xc3\xa9 blue"};
    tr_buf out;
    tr_routed row;
    tr_buf_init(&out);
    tr_route_worker *w = tr_route_open(p, err);
    tr_code code = w ? TR_OK : err->code;
    for (size_t k = 0; code == TR_OK && k < sizeof texts / sizeof *texts; k++) {
        tr_buf line;
        tr_buf_init(&line);
        tr_buf_add_c(&line, "{\"input\":\"");
        tr_buf_add_c(&line, texts[k]);
        tr_buf_add_c(&line, "\"");
        for (uint32_t d = 0; d < tr_features_embedding(&p->bank.features); d++)
            tr_buf_add_c(&line, d ? ",0.5" : ",\"embedding\":[-1");
        tr_buf_add_c(&line, tr_features_embedding(&p->bank.features) ? "]}" : "}");
        code = tr_route_line(w, tr_buf_str(&line), 1, false, &out, &row, err);
        tr_buf_free(&line);
        /* a policy may name keys of its own */
        if (code == TR_OK && row.bad && !*p->origin.input_key && !*p->origin.label_key)
            code = tr_err_set(err, TR_SYSTEM, "a sound request was refused");
    }
    tr_route_close(w);
    tr_buf_clear(&out);
    tr_json_writer json;
    tr_json_begin(&json, &out, true);
    tr_print_certificate(&p->certificate, &p->origin, &p->history, &json);
    tr_buf_free(&out);
    return code;
}

static tr_code use_stream(tr_stream *s, tr_err *err)
{
    const tr_calibrate_options o = {
        .alpha = 0.8, .delta = 0.05, .targets = 1, .novelty = 0.01, .seed = 1};
    tr_policy p = {0};
    tr_code code = tr_calibrate_run(s, &o, &p, err);
    tr_policy_free(&p);
    if (code == TR_SYSTEM)
        return code;
    tr_writer *out = tr_writer_open_fd(null_fd, "/dev/null", err);
    if (!out)
        return err->code;
    uint32_t mask;
    char reason[256];
    tr_acceptor_choose("all", &mask, reason);
    code = tr_learn_gate(s, mask, out, err);
    if (code == TR_OK)
        return tr_writer_close(out, err);
    tr_writer_abandon(out);
    return code == TR_SYSTEM ? code : TR_OK;
}

/* Reads the bytes as what `kind` says. TR_OK: they were taken (and could be used). */
static tr_code try(const char *data, size_t size, char kind, tr_err *err)
{
    tr_buf b = {.data = malloc(size ? size : 1), .size = size, .capacity = size};
    if (!b.data)
        return tr_err_memory(err);
    memcpy(b.data, data, size);
    tr_code code;
    tried++;
    if (kind == TR_FRAME_POLICY) {
        tr_policy p;
        code = tr_policy_take(&p, &b, "it", err);
        if (code == TR_OK && ++used)
            code = use_policy(&p, err);
        tr_policy_free(&p);
    } else {
        tr_stream s;
        code = tr_stream_take(&s, &b, "it", err);
        if (code == TR_OK && ++used)
            code = use_stream(&s, err);
        tr_stream_free(&s);
    }
    tr_buf_free(&b);
    return code;
}

/* Ends the program unless `code` is as it must be. */
static void must(tr_code code, bool refused, const tr_err *err, const char *what, size_t at)
{
    if (code == TR_DATA || (code == TR_OK && !refused))
        return;
    fprintf(stderr, "%s at %zu: code %d %s\n", what, at, (int)code,
            code == TR_OK ? "(not noticed)" : err->message);
    exit(1);
}

static void put_u64(char *to, uint64_t x)
{
    for (int k = 0; k < 8; k++)
        to[k] = (char)(x >> (8 * k) & 0xff);
}

static uint64_t get_u64(const char *from)
{
    uint64_t x = 0;
    for (int k = 7; k >= 0; k--)
        x = x << 8 | (unsigned char)from[k];
    return x;
}

/* The checksums of the section whose header is at `header`. */
static void seal(char *header)
{
    put_u64(header + 16, tr_checksum(header + UNIT, (size_t)get_u64(header + 8)));
    put_u64(header + 24, tr_checksum(header, 24));
}

static size_t whole_units(size_t size)
{
    return (size + UNIT - 1) / UNIT * UNIT;
}

static void cut(char *data, size_t size, size_t step)
{
    tr_err err;
    for (size_t n = 0; n < size; n += step)
        must(try(data, n, data[3], &err), true, &err, "cut", n);
    for (size_t n = 1; n <= UNIT; n++)
        must(try(data, size + n, data[3], &err), true, &err, "bytes behind the end", n);
}

static void flip(char *data, size_t size, size_t step)
{
    static const char masks[] = {1, (char)0x80, (char)0xff, 0x20};
    tr_err err;
    char kind = data[3];
    for (size_t at = 0; at < size; at += step)
        for (size_t m = 0; m < sizeof masks; m++) {
            data[at] = (char)(data[at] ^ masks[m]);
            must(try(data, size, kind, &err), true, &err, "flipped", at);
            data[at] = (char)(data[at] ^ masks[m]);
        }
}

static void reseal(char *data, size_t size, size_t step)
{
    static const char masks[] = {1, (char)0x80, (char)0xff, 0x40};
    tr_err err;
    for (size_t header = UNIT; header + UNIT < size;) {
        size_t length = (size_t)get_u64(data + header + 8);
        for (size_t at = header + UNIT; at < header + UNIT + length; at += step)
            for (size_t m = 0; m < sizeof masks; m++) {
                data[at] = (char)(data[at] ^ masks[m]);
                seal(data + header);
                must(try(data, size, data[3], &err), false, &err, "changed and sealed", at);
                data[at] = (char)(data[at] ^ masks[m]);
            }
        seal(data + header);
        header += UNIT + whole_units(length);
    }
}

static void shorten(const char *data, size_t size, size_t step)
{
    tr_err err;
    char *part = malloc(size);
    if (!part)
        exit(4);
    for (size_t header = UNIT; header + UNIT < size;) {
        size_t length = (size_t)get_u64(data + header + 8);
        size_t next = header + UNIT + whole_units(length);
        for (size_t n = 0; n < length; n += step) {
            size_t shorter = whole_units(length) - whole_units(n);
            memset(part, 0, size);
            memcpy(part, data, header + UNIT + n);
            put_u64(part + header + 8, n);
            seal(part + header);
            memcpy(part + next - shorter, data + next, size - next);
            char *end = part + size - shorter - UNIT;
            put_u64(end + 8, size - shorter);
            put_u64(end + 24, tr_checksum(end, 24));
            must(try(part, size - shorter, data[3], &err), false, &err, "shortened", header + n);
        }
        header = next;
    }
    free(part);
}

static int forge(char *data, size_t size, const char *tag, size_t at)
{
    for (size_t header = UNIT; header + UNIT < size;) {
        size_t length = (size_t)get_u64(data + header + 8);
        if (!memcmp(data + header, tag, 4) && at < length) {
            data[header + UNIT + at] ^= 1;
            seal(data + header);
            return fwrite(data, 1, size, stdout) == size && fflush(stdout) == 0 ? 0 : 4;
        }
        header += UNIT + whole_units(length);
    }
    return 3;
}

int main(int argc, char **argv)
{
    tr_err err = {0};
    tr_buf file;
    bool forges = argc == 5 && !strcmp(argv[1], "forge") && strlen(argv[3]) == 4;
    size_t step = argc == 4 ? (size_t)strtoul(argv[3], NULL, 10) : 1;
    if (!forges && (argc < 3 || argc > 4 || !step)) {
        fprintf(stderr, "usage: prefixes cut|flip|reseal|short FILE [STEP]\n");
        return 2;
    }
    FILE *null = fopen("/dev/null", "w");
    tr_buf_init(&file);
    if (!null || tr_io_slurp(argv[2], &file, &err) != TR_OK) {
        fprintf(stderr, "prefixes: %s\n", err.message);
        return 4;
    }
    null_fd = fileno(null);
    size_t size = file.size;
    if (forges) {
        int status = forge(file.data, size, argv[3], (size_t)strtoul(argv[4], NULL, 10));
        tr_buf_free(&file);
        fclose(null);
        return status;
    }
    tr_buf_add_zero(&file, UNIT); /* for the bytes behind the end */
    if (file.failed || try(file.data, size, file.data[3], &err) != TR_OK) {
        fprintf(stderr, "prefixes: %s is not sound to begin with: %s\n", argv[2], err.message);
        tr_buf_free(&file);
        return 3;
    }
    if (!strcmp(argv[1], "cut"))
        cut(file.data, size, step);
    else if (!strcmp(argv[1], "flip"))
        flip(file.data, size, step);
    else if (!strcmp(argv[1], "reseal"))
        reseal(file.data, size, step);
    else
        shorten(file.data, size, step);
    must(try(file.data, size, file.data[3], &err), false, &err, "whole again", 0);
    printf("%lu tried, %lu of them used\n", tried, used);
    tr_buf_free(&file);
    fclose(null);
    return 0;
}
