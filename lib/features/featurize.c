#include "features/featurize.h"

#include "ground/mem.h"
#include "maths/dot.h"

#include <stdlib.h>

void tr_features_free(tr_features *f)
{
    tr_tfidf_free(&f->vocabulary);
    tr_dense_free(&f->view);
    *f = (tr_features){0};
}

bool tr_featurize_input(tr_featurizer *f, tr_str text, const float *embedding, bool as_new)
{
    const tr_dense *view = &f->features->view;
    if (f->features->text &&
        (!tr_ngram_extract(&f->grams, text) ||
         !tr_tfidf_transform(&f->features->vocabulary, &f->grams, as_new, &f->row)))
        return false;
    if (!view->dims)
        return true;
    if (!f->dense && !(f->dense = tr_mem_zero(tr_dot_width(view->dims), sizeof *f->dense)))
        return false;
    if (view->columns)
        tr_dense_of_text(view, tr_tfidf_row_sparse(&f->row), f->dense);
    else
        tr_dense_of_embedding(view, embedding, f->dense);
    return true;
}

tr_row tr_featurize_row(const tr_featurizer *f)
{
    return (tr_row){tr_tfidf_row_sparse(&f->row), f->dense};
}

void tr_featurize_free(tr_featurizer *f)
{
    tr_ngram_free(&f->grams);
    tr_tfidf_row_free(&f->row);
    free(f->dense);
    f->dense = NULL;
}
