#include "features/featurize.h"
#include "features/svd.h"

#include "check.h"
#include "maths/dot.h"

#include <stdlib.h>

enum { DIMS = 5, TEXTS = 12 };

static const char *const texts[TEXTS] = {
    "my card was charged twice", "where is my parcel",  "the card is lost",  "parcel not here",
    "a refund please",           "refund my card",      "my parcel is late", "charged for a parcel",
    "card not charged",          "where is the refund", "is my card here",   "twice a late refund"};

/* A vocabulary of the texts. */
static void learn(tr_features *f)
{
    tr_tfidf_counts *c = tr_tfidf_count_open();
    tr_ngrams g = {0};
    tr_err err;
    bool ok = c != NULL;
    for (int i = 0; ok && i < TEXTS; i++)
        ok = tr_ngram_extract(&g, tr_str_c(texts[i])) && tr_tfidf_count_add(c, &g);
    CHECK(ok && tr_tfidf_build(&f->vocabulary, c, 1, 1000, &err) == TR_OK);
    f->text = true;
    tr_tfidf_count_close(c);
    tr_ngram_free(&g);
}

static void view_embeddings(tr_features *f)
{
    static const float x[3][DIMS] = {{1, 2, 3, 4, 5}, {0, 1, 0, 1, 0}, {-1, 2, -3, 1, 0}};
    const float *const rows[] = {x[0], x[1], x[2]};
    tr_err err;
    CHECK(tr_dense_fit_embeddings(&f->view, rows, 3, DIMS, 2, &err) == TR_OK);
}

static void view_text(tr_features *f)
{
    tr_featurizer text = {.features = f};
    tr_sparse x = {0};
    tr_err err;
    for (int i = 0; i < TEXTS; i++)
        CHECK(tr_featurize_input(&text, tr_str_c(texts[i]), NULL, false) &&
              tr_sparse_add(&x, tr_featurize_row(&text).sparse));
    CHECK(tr_svd_fit(&f->view, &x, f->vocabulary.n, DIMS, 1, 7, &err) == TR_OK);
    CHECK(f->view.columns == f->vocabulary.n && f->view.dims >= 2 && f->view.dims <= DIMS);
    tr_featurize_free(&text);
    tr_sparse_free(&x);
}

static void text_alone(void)
{
    tr_features f = {0};
    learn(&f);
    CHECK(tr_features_embedding(&f) == 0);
    tr_featurizer z = {.features = &f};
    tr_ngrams g = {0};
    tr_tfidf_row own = {0};
    for (int as_new = 0; as_new < 2; as_new++)
        for (int i = 0; i < TEXTS; i++) {
            CHECK(tr_featurize_input(&z, tr_str_c(texts[i]), NULL, as_new));
            tr_row row = tr_featurize_row(&z);
            CHECK(tr_ngram_extract(&g, tr_str_c(texts[i])));
            CHECK(tr_tfidf_transform(&f.vocabulary, &g, as_new, &own));
            CHECK(!row.dense && row.sparse.n == own.n && own.n > 0 && z.row.unseen == own.unseen);
            CHECK(!memcmp(row.sparse.index, own.index, own.n * sizeof *own.index));
            CHECK(!memcmp(row.sparse.value, own.value, own.n * sizeof *own.value));
        }
    CHECK(z.row.unseen > 0); /* as if it were new: words of its own are unseen */
    tr_ngram_free(&g);
    tr_tfidf_row_free(&own);
    tr_featurize_free(&z);
    tr_features_free(&f);
    CHECK(!f.text && !f.vocabulary.n);
}

/* With an embedding, both; without texts the sparse part is empty, whatever the text. */
static void embeddings_beside_text_and_alone(void)
{
    static const float x[2][DIMS] = {{3, -1, 2, 0, 1}, {1, 1, 1, 1, 1}};
    for (int text = 0; text < 2; text++) {
        tr_features f = {0};
        if (text)
            learn(&f);
        view_embeddings(&f);
        CHECK(tr_features_embedding(&f) == DIMS);
        tr_featurizer z = {.features = &f};
        for (int i = 0; i < 4; i++) {
            float own[8];
            CHECK(tr_featurize_input(&z, tr_str_c(texts[i]), x[i % 2], false));
            tr_row row = tr_featurize_row(&z);
            tr_dense_of_embedding(&f.view, x[i % 2], own);
            CHECK(row.dense && !memcmp(row.dense, own, DIMS * sizeof *own));
            CHECK((row.sparse.n > 0) == text && z.row.unseen == 0);
        }
        tr_featurize_free(&z);
        tr_features_free(&f);
    }
}

/* Where the view is made of the text it follows the text, also as if it were new. */
static void the_view_of_a_text(void)
{
    tr_features f = {0};
    learn(&f);
    view_text(&f);
    CHECK(tr_features_embedding(&f) == 0);
    tr_featurizer z = {.features = &f};
    float first[8] = {0}, own[8];
    size_t width = tr_dot_width(f.view.dims);
    CHECK(width == 8);
    for (int i = 0; i < 2 * TEXTS; i++) {
        CHECK(tr_featurize_input(&z, tr_str_c(texts[i % TEXTS]), NULL, i >= TEXTS));
        tr_row row = tr_featurize_row(&z);
        tr_dense_of_text(&f.view, row.sparse, own);
        CHECK(row.dense && !memcmp(row.dense, own, f.view.dims * sizeof *own));
        if (i % TEXTS == 0)
            memcpy(first, row.dense, f.view.dims * sizeof *first);
        else
            CHECK(memcmp(first, row.dense, f.view.dims * sizeof *first) != 0);
    }
    /* a text of which nothing is known has the view of a row without entries */
    CHECK(tr_featurize_input(&z, tr_str_c("zzzz qqqq"), NULL, false));
    tr_dense_of_text(&f.view, (tr_sparse_row){NULL, NULL, 0}, own);
    CHECK(tr_featurize_row(&z).sparse.n == 0 && z.row.unseen == 1);
    CHECK(!memcmp(tr_featurize_row(&z).dense, own, f.view.dims * sizeof *own));
    tr_featurize_free(&z);
    tr_features_free(&f);
}

static void no_state_from_input_to_input(void)
{
    static const float x[2][DIMS] = {{3, -1, 2, 0, 1}, {0, 0, 0, 0, 0}};
    tr_features f = {0};
    learn(&f);
    view_embeddings(&f);
    tr_featurizer used = {.features = &f};
    for (int i = 0; i < 3 * TEXTS; i++) {
        tr_featurizer fresh = {.features = &f};
        const char *text = i % 4 ? texts[i % TEXTS] : "";
        CHECK(tr_featurize_input(&used, tr_str_c(text), x[i % 2], i % 3 == 0));
        CHECK(tr_featurize_input(&fresh, tr_str_c(text), x[i % 2], i % 3 == 0));
        tr_row a = tr_featurize_row(&used), b = tr_featurize_row(&fresh);
        CHECK(a.sparse.n == b.sparse.n && used.row.unseen == fresh.row.unseen);
        CHECK(!a.sparse.n || !memcmp(a.sparse.value, b.sparse.value, a.sparse.n * sizeof(float)));
        CHECK(!memcmp(a.dense, b.dense, DIMS * sizeof(float)));
        tr_featurize_free(&fresh);
    }
    tr_featurize_free(&used);
    tr_features_free(&f);
}

int main(void)
{
    CASE(text_alone);
    CASE(embeddings_beside_text_and_alone);
    CASE(the_view_of_a_text);
    CASE(no_state_from_input_to_input);
    return CHECK_END;
}
