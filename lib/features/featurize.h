/* featurize: one text to one row of features; what training and routing share.
 *
 * Upstream: ngram, tfidf. Downstream: models, route. */
#ifndef TR_FEATURIZE_H
#define TR_FEATURIZE_H

#include "features/ngram.h"
#include "features/tfidf.h"

#include <stdbool.h>

/* One a thread. Zero-initialise; set `vocabulary` (borrowed); free with tr_featurize_free. */
typedef struct {
    const tr_tfidf *vocabulary;
    tr_ngrams grams;
    tr_tfidf_row row; /* the result of the last call */
} tr_featurizer;

/* `as_new`: see tr_tfidf_transform. False when memory is out. */
bool tr_featurize_text(tr_featurizer *f, tr_str text, bool as_new);
void tr_featurize_free(tr_featurizer *f);

#endif
