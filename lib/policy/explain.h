/* explain: why a row was decided as it was: the best labels, and the words that spoke for them.
 *
 * Nothing is scored again: all comes from what the decider still has of the row. What a word gram
 * says for the best label against the second best one is its value in the row times the difference
 * of the two labels' weights, summed over the linear models of the stage's mixture. Models of
 * another kind, the dense view and character grams have their say too, but not in words.
 *
 * Upstream: decide. Downstream: route. */
#ifndef TR_EXPLAIN_H
#define TR_EXPLAIN_H

#include "ground/mem.h"
#include "policy/decide.h"

#include <stddef.h>
#include <stdint.h>

enum { TR_EXPLAIN_MOST = 3 };

/* One word gram of the row. */
typedef struct {
    size_t gram; /* its number in the featurizer's grams, where it stands first */
    float weight;
} tr_explain_word;

typedef struct {
    uint32_t n_best,
        best[TR_EXPLAIN_MOST]; /* labels, the likeliest first; ties: the lower number */
    float p[TR_EXPLAIN_MOST];
    uint32_t n_pro, n_con; /* ties: the one that stands first in the text */
    tr_explain_word pro[TR_EXPLAIN_MOST], con[TR_EXPLAIN_MOST]; /* most first; none is zero */
} tr_explanation;

/* Of the row that d has just decided on (stages after the one that answers not asked), by the stage
 * that answers or was asked last. */
void tr_explain_row(const tr_decider *d, const tr_decided *said, tr_explanation *out);

/* Appends an explanation as a JSON object. e: NULL where the policy defers everything; d is not
 * looked at then. why: NULL where handled; label_json: the labels as JSON strings. */
void tr_explain_put(const tr_decider *d, const tr_explanation *e, const char *why,
                    const tr_buf *label_json, tr_buf *out);

#endif
