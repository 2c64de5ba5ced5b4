#include "features/featurize.h"

bool tr_featurize_text(tr_featurizer *f, tr_str text, bool as_new)
{
    return tr_ngram_extract(&f->grams, text) &&
           tr_tfidf_transform(f->vocabulary, &f->grams, as_new, &f->row);
}

void tr_featurize_free(tr_featurizer *f)
{
    tr_ngram_free(&f->grams);
    tr_tfidf_row_free(&f->row);
}
