/* frame: the container of model streams and policies; tr-format(5) is its specification.
 *
 * Everything is a multiple of 64 bytes, so that a mapped policy is used in place:
 *   file header   "\x89TR" kind "\r\n\x1a\n"  (8 bytes; kind: 'M', a model stream, 'P', a policy)
 *                 u32 version (1)  u32 0  u64 XXH64 of the 16 bytes before it, zero bytes up to 64
 *   section       tag[4]  u32 flags (0)  u64 length  u64 XXH64 of the payload
 *                 u64 XXH64 of the 24 bytes before it, zero bytes up to 64,
 *                 payload, zero bytes up to a multiple of 64
 *   end mark      "TEND"  u32 0  u64 length of the whole file, this mark included  u64 0
 *                 u64 XXH64 of the 24 bytes before it, zero bytes up to 64
 *
 * A tag that begins with an upper-case letter must be understood, one with a lower-case letter may
 * be skipped. Truncation, a flipped bit anywhere (padding included), bytes behind the end: all are
 * noticed. */
#ifndef TR_FRAME_H
#define TR_FRAME_H

#include "doors/io.h"
#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { TR_FRAME_MODEL = 'M', TR_FRAME_POLICY = 'P' } tr_frame_kind;

/* ---- writing ---- */
typedef struct {
    tr_writer *out; /* borrowed */
    uint64_t at;
} tr_frame_writer;
TR_MUST tr_code tr_frame_begin(tr_frame_writer *f, tr_writer *out, tr_frame_kind kind, tr_err *err);
TR_MUST tr_code tr_frame_add(tr_frame_writer *f, const char tag[4], tr_str payload, tr_err *err);
TR_MUST tr_code tr_frame_end(tr_frame_writer *f, tr_err *err); /* does not close the writer */

/* ---- reading ---- */
typedef struct {
    char tag[5]; /* NUL-terminated */
    tr_str payload;
} tr_frame_section;

typedef struct {
    tr_frame_kind kind;
    tr_frame_section *sections; /* in file order */
    size_t n;
} tr_frame;

/* Checks all of `bytes` and lists the sections (payloads borrowed from bytes). `name` is for the
 * messages: TR_DATA "NAME: is cut off after 312 bytes", "NAME: section VOCB is damaged (checksum)",
 * "NAME: is a policy, not a model stream", "NAME: is no tr-tools file", ... `want` 0 takes either
 * kind. *f needs no free after a failure. */
TR_MUST tr_code tr_frame_open(tr_frame *f, tr_str bytes, const char *name, int want, tr_err *err);
/* The first section with that tag, or NULL. Borrowed from f, as are the payloads from `bytes`. */
const tr_frame_section *tr_frame_find(const tr_frame *f, const char tag[4]);
/* TR_DATA if a section that must be understood is not in the list `tags` (n of them). */
TR_MUST tr_code tr_frame_understood(const tr_frame *f, const char *const *tags, size_t n,
                                    const char *name, tr_err *err);
void tr_frame_free(tr_frame *f);

#endif
