/* remote: lines in, the same lines with embeddings from a server out, in the same order.
 *
 * Rows are gathered into batches, and several batches are under way at once. A request that is lost
 * (no connection, a broken one, no time left) or answered with 408, 429 or 5xx is sent again after
 * a pause: what Retry-After says, else 0.25 s, doubling up to 30 s, less a random part. One that
 * the server refuses as such (400, 413, 422) is sent again in halves, until it is accepted or the
 * one text is found that is not. Anything else ends it.
 *
 * Blank lines, the last line of a split and rows with an embedding pass as they are; the latter
 * must have as many numbers as come from the server.
 *
 * On an error the lines before the first one that could not be embedded are written, all of them,
 * and no other: their number says where to go on.
 *
 * Upstream: http, progress, protocol, batch, rows. Downstream: tr-embed. */
#ifndef TR_REMOTE_H
#define TR_REMOTE_H

#include "doors/http.h"
#include "doors/io.h"
#include "doors/progress.h"
#include "embed/protocol.h"
#include "embed/rows.h"
#include "ground/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_REMOTE_BATCH = 8192 }; /* rows of a request, at most */

typedef struct {
    const char *url;      /* without a path: the usual one of the API */
    const char *header;   /* "@FILE" (tr_http_headers_read); NULL: none */
    tr_protocol protocol; /* borrows its strings */
    int64_t batch;        /* rows of a request, 1..TR_REMOTE_BATCH */
    int64_t parallel;     /* requests in flight, 1..TR_HTTP_PARALLEL */
    int64_t retries;      /* of one request, one after the other */
    double timeout;       /* seconds of a request */
    uint64_t seed;        /* of the random part of pauses */
    /* Told in one line why a request is sent again: the first time, or every time; may be NULL. */
    bool says_all;
    void (*say)(void *context, const char *text);
    void *context;
} tr_remote_options;

typedef struct {
    uint64_t lines, embedded, passed; /* written: in all, with a new embedding, with an old one */
    uint64_t requests, retries;       /* the latter are part of the former; halves are none */
    size_t dimensions;                /* 0: none was seen */
} tr_remote_counts;

typedef struct tr_remote tr_remote;

/* Borrows *o and `out`. NULL with TR_USAGE where an option is wrong, TR_DATA of the header file,
 * TR_SYSTEM. Nothing is sent yet. */
tr_remote *tr_remote_open(const tr_remote_options *o, tr_writer *out, tr_err *err);
void tr_remote_close(tr_remote *r); /* gives up what is under way; NULL is allowed */

/* All lines of `in`, looked at by `rows` (with text), to `out`. Where `in` would wait, lines that
 * wait for more go out in a smaller batch, and `out` is flushed. `p` is told the lines written.
 * Returns TR_OK; TR_DATA for a bad line, an answer that is none, a text that the server refuses, an
 * embedding of another length; TR_SYSTEM where the server cannot be had, and for `in` and `out`.
 * Only once. */
TR_MUST tr_code tr_remote_copy(tr_remote *r, tr_rows *rows, tr_reader *in, tr_progress *p,
                               tr_err *err);

tr_remote_counts tr_remote_counted(const tr_remote *r);

/* What was done since it was opened, on one line. */
enum { TR_REMOTE_SUMMARY = 256 };
void tr_remote_summary(const tr_remote *r, char text[TR_REMOTE_SUMMARY]);

#endif
