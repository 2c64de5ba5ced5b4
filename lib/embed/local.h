/* local: lines in, the same lines with embeddings out that are here: the rows of a .npy file, or
 * means of word vectors; or without any; or the words of their texts alone.
 *
 * Upstream: npy, rows, vectors. Downstream: tr-embed. */
#ifndef TR_LOCAL_H
#define TR_LOCAL_H

#include "doors/io.h"
#include "embed/rows.h"
#include "ground/err.h"

#include <stdint.h>

typedef enum {
    TR_LOCAL_NPY,   /* row i of a .npy goes to row i */
    TR_LOCAL_VEC,   /* by the word vectors of a .vec; rows need a text */
    TR_LOCAL_WORDS, /* nothing but the words of the text is written; rows need one */
    TR_LOCAL_STRIP
} tr_local_kind;

typedef struct tr_local tr_local;

/* `file` (borrowed; "-": standard input) is of the first two. NULL with TR_DATA of the file, or
 * TR_SYSTEM. */
tr_local *tr_local_open(tr_local_kind kind, const char *file, tr_err *err);
void tr_local_close(tr_local *l); /* NULL is allowed */

/* TR_DATA where a .npy has not as many rows as there are traces, counted beforehand. */
TR_MUST tr_code tr_local_check(const tr_local *l, uint64_t traces, tr_err *err);

/* All lines of `in` to `out`. TR_DATA for a bad line and where rows and embeddings are not as many;
 * TR_SYSTEM. */
TR_MUST tr_code tr_local_copy(tr_local *l, tr_rows *rows, tr_reader *in, tr_writer *out,
                              tr_err *err);

/* What was done, on one line; cut where it does not fit. */
void tr_local_summary(const tr_local *l, const tr_rows *rows, char *text, size_t size);

#endif
