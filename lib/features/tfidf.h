/* tfidf: the vocabulary of a log, and a text as a weighted row over it.
 *
 * Weights are (1 + ln count) · idf, idf = ln((1 + rows) / (1 + rows with it)) + 1, and the two
 * blocks (word grams, character grams) each have length 1. A count above 15 is first cut to its
 * upper four bits. Grams are known by their 64-bit hash alone.
 *
 * Upstream: ngram. Downstream: featurize. */
#ifndef TR_TFIDF_H
#define TR_TFIDF_H

#include "features/ngram.h"
#include "ground/err.h"
#include "ground/le.h"
#include "maths/sparse.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- counting: one pass over the texts ---- */

typedef struct tr_tfidf_counts tr_tfidf_counts;

tr_tfidf_counts *tr_tfidf_count_open(void); /* NULL when memory is out */
/* One text of the training rows. False when memory is out. */
bool tr_tfidf_count_add(tr_tfidf_counts *c, const tr_ngrams *grams);
void tr_tfidf_count_close(tr_tfidf_counts *c);

/* ---- the vocabulary ---- */

typedef struct {
    uint32_t n;           /* columns */
    uint32_t n_words;     /* the first n_words of them are word grams */
    uint32_t n_slots;     /* a power of two */
    const uint64_t *slot; /* upper half: the hash's upper half; lower half: column + 1; 0: empty */
    const float *idf;     /* n */
    uint8_t *single;      /* n: 1 where one training row alone has it; after build, else NULL */
    void *owned;          /* what slot and idf live in; NULL where they are borrowed from a file */
} tr_tfidf;

/* The grams that at least `least_rows` rows have, at most `most` of them (the most frequent; ties
 * by hash). */
TR_MUST tr_code tr_tfidf_build(tr_tfidf *v, const tr_tfidf_counts *c, unsigned least_rows,
                               uint32_t most, tr_err *err);
void tr_tfidf_free(tr_tfidf *v);

/* Room for one row. Zero-initialise; reused; free with tr_tfidf_row_free. */
typedef struct {
    uint32_t *index; /* in the order in which the grams first stand in the text */
    float *value;
    size_t n;
    float unseen; /* share of the word grams that the vocabulary lacks, 0..1; 1 for a text without
                     words */
    int32_t *column; /* of each gram, -1: none */
    /* private */
    size_t capacity, value_capacity, count_capacity, column_capacity;
    uint32_t *count; /* a column's place in the row + 1; all zero between calls */
} tr_tfidf_row;

/* `as_new`: the text is a training row, to be seen as if it were new: grams that no other training
 * row has are unseen and leave the row, as they would be if it had come later; needs `single`. A
 * held-out row that kept them would be shorter in what is known than any new text is. False when
 * memory is out. */
bool tr_tfidf_transform(const tr_tfidf *v, const tr_ngrams *grams, bool as_new, tr_tfidf_row *row);
void tr_tfidf_row_free(tr_tfidf_row *row);
static inline tr_sparse_row tr_tfidf_row_sparse(const tr_tfidf_row *row)
{
    return (tr_sparse_row){row->index, row->value, row->n};
}

/* Binary form: u32 n, n_words, n_slots, 0, slots (u64), idf (f32). `read` borrows from the payload.
 */
void tr_tfidf_write(const tr_tfidf *v, tr_buf *out);
TR_MUST tr_code tr_tfidf_read(tr_tfidf *v, tr_le_reader *r, tr_err *err);

#endif
