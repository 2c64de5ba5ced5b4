/* featurize: one input to one row of features; what training and routing share.
 *
 * Upstream: ngram, tfidf, dense. Downstream: models, route. */
#ifndef TR_FEATURIZE_H
#define TR_FEATURIZE_H

#include "features/dense.h"
#include "features/ngram.h"
#include "features/tfidf.h"
#include "maths/sparse.h"

#include <stdbool.h>

/* How inputs become rows. */
typedef struct {
    bool text;           /* texts are looked at, by the vocabulary */
    tr_tfidf vocabulary; /* empty where they are not */
    tr_dense view;       /* dims 0: there is no dense view */
} tr_features;

/* Numbers that an input's embedding must have; 0: it needs none. */
static inline uint32_t tr_features_embedding(const tr_features *f)
{
    return f->view.columns ? 0 : f->view.dims;
}
void tr_features_free(tr_features *f);

/* One a thread. Zero-initialise; set `features` (borrowed); free with tr_featurize_free. */
typedef struct {
    const tr_features *features;
    tr_ngrams grams;
    tr_tfidf_row row; /* of the last text; empty where texts are not looked at */
    float *dense;     /* the view of the last row; NULL where there is none */
} tr_featurizer;

/* The features of an input; embedding: tr_features_embedding numbers, or NULL where that is 0.
 * `as_new`: see tr_tfidf_transform. False when memory is out. */
bool tr_featurize_input(tr_featurizer *f, tr_str text, const float *embedding, bool as_new);
/* The features of the last input; borrowed until the next. */
tr_row tr_featurize_row(const tr_featurizer *f);
void tr_featurize_free(tr_featurizer *f);

#endif
