/* batch: lines that go to a server together, and the embeddings that came for them.
 *
 * Rows want an embedding, unless they have one; they are asked for in one request, or in several,
 * one after the other, where the server refuses so many at once.
 *
 * Upstream: rows, protocol. Downstream: remote. */
#ifndef TR_BATCH_H
#define TR_BATCH_H

#include "embed/protocol.h"
#include "embed/rows.h"
#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    tr_row row;
    size_t line, size, text, text_size; /* offsets into `lines` and `texts` */
    bool wants;
} tr_batch_line;

typedef enum {
    TR_BATCH_OPEN,   /* takes lines */
    TR_BATCH_READY,  /* has something to ask */
    TR_BATCH_FLYING, /* has asked */
    TR_BATCH_PAUSED, /* will ask again */
    TR_BATCH_DONE,
    TR_BATCH_FAILED /* `why`; those before `done` have their embeddings all the same */
} tr_batch_state;

/* Zero-initialise. */
typedef struct tr_batch tr_batch;
struct tr_batch {
    tr_batch *next; /* for the caller */
    tr_batch_state state;
    tr_batch_line *entries;
    size_t n, capacity;
    tr_buf lines, texts;
    tr_buf body;                        /* of the request */
    size_t n_texts, done, width, limit; /* texts: all, embedded, in this request, in any */
    float *vectors;                     /* done × dimensions, row-major */
    size_t count, room, dimensions;
    int tries;     /* of this request that were lost */
    int64_t until; /* ms of the caller's clock */
    tr_err why;
};

void tr_batch_clear(tr_batch *b); /* open again, its memory kept */
void tr_batch_free(tr_batch *b);  /* what it holds */

/* Copies a line that was looked at. False when memory is out. */
TR_MUST bool tr_batch_add(tr_batch *b, tr_str line, const tr_row *row);
/* No more lines: ready, or done where nothing is wanted. */
void tr_batch_seal(tr_batch *b);

/* The first line that wants an embedding and has none; there is one. */
const tr_batch_line *tr_batch_first_left(const tr_batch *b);
/* The `width` texts that are asked for next; borrowed. */
void tr_batch_texts(const tr_batch *b, tr_str *texts);

/* The answer to them: ready for the rest then, or done. TR_DATA with the reason, TR_SYSTEM. */
TR_MUST tr_code tr_batch_accept(tr_batch *b, const tr_protocol *p, tr_str answer, tr_err *err);
/* They were too many: half of them next. False where it is a single one. */
bool tr_batch_halve(tr_batch *b);

#endif
