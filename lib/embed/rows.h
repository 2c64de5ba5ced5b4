/* rows: the lines of a log or of requests as tr-embed takes them: which of them get an embedding,
 * which text it is of, and the line with an embedding at its end or without one.
 *
 * What a tr_row knows of its line is places in it, so that it holds for any copy of the line: many
 * may be read ahead while their embeddings are under way.
 *
 * Upstream: io, scan, floats, trace (the names of the input). Downstream: remote, tr-embed. */
#ifndef TR_ROWS_H
#define TR_ROWS_H

#include "doors/floats.h"
#include "doors/io.h"
#include "doors/scan.h"
#include "ground/err.h"
#include "ground/mem.h"
#include "traces/trace.h"

#include <stdbool.h>
#include <stdint.h>

/* How lines are looked at. Initialise by tr_rows_init, which allocates nothing; free. */
typedef struct {
    bool with_text;
    const char *input_key;    /* borrowed; NULL: the aliases of trace.h */
    uint64_t count, embedded; /* rows that tr_rows_copy met; those that had an embedding */
    /* private */
    const char *known[TR_TRACE_INPUT_ALIASES + 2];
    tr_scan scan;
    tr_buf text;
} tr_rows;

typedef struct {
    bool is_row;      /* takes an embedding; blank lines and the last line of a split do not */
    bool is_embedded; /* has the member "embedding", and it is not null */
    tr_str text;      /* its input, escapes resolved; borrowed until the next look; data NULL where
                         none was asked for */
    const char *file; /* the place that messages name; borrowed */
    uint64_t number;
    /* private: offsets into the line */
    size_t cut, resume,
        end;    /* what is between the first two goes out; an embedding comes in at end */
    bool alone; /* nothing is left beside the embedding */
    size_t embedding, embedding_size;
    tr_scan_type embedding_type;
} tr_row;

/* with_text: rows must have an input, a string under input_key or the first alias that is there.
 * Without, the input is not looked at. */
void tr_rows_init(tr_rows *r, const char *input_key, bool with_text);
void tr_rows_free(tr_rows *r);

/* Looks at line `number` of `file`. TR_DATA with "FILE:NUMBER: reason" where it is no JSON object,
 * has "embedding" twice, or has not the text that it must have; TR_SYSTEM. */
TR_MUST tr_code tr_rows_look(tr_rows *r, tr_str line, const char *file, uint64_t number,
                             tr_row *row, tr_err *err);

/* Counts the rows of the files (n = 0: standard input) where all can be read twice, before anything
 * is written; standard input then stands where it stood. *counted is false where they cannot be,
 * and nothing was read. TR_DATA for a line as above, TR_SYSTEM. */
TR_MUST tr_code tr_rows_count(tr_rows *r, const char *const *files, size_t n, bool *counted,
                              uint64_t *rows, tr_err *err);

/* The embedding that is there already (row->is_embedded), as by tr_floats_read; at least one
 * number. TR_DATA with the place where it is none; TR_SYSTEM. */
TR_MUST tr_code tr_row_read(const tr_row *row, tr_str line, float **out, size_t *n,
                            size_t *capacity, tr_err *err);

/* Appends the line (no newline) less its embedding, with the n numbers at its end as base64 of
 * little-endian float32; NULL: without any. All other bytes stay as they are. Of a row only. */
void tr_row_render(const tr_row *row, tr_str line, const float *embedding, size_t n, tr_buf *out);

/* Appends what is to be written for a row, less the newline, to `out`. */
typedef tr_code (*tr_rows_each)(void *context, const tr_row *row, tr_str line, tr_buf *out,
                                tr_err *err);

/* All lines of `in` from first to last: rows as `each` writes them, the others as they are, or not
 * at all where `each` writes no lines of JSON (rows_only). Flushes where the input would block. */
TR_MUST tr_code tr_rows_copy(tr_rows *r, tr_reader *in, tr_writer *out, bool rows_only,
                             tr_rows_each each, void *context, tr_err *err);

#endif
