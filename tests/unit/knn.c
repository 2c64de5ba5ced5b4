#include "zoo/knn.h"

#include "clouds.h"

static tr_fitted fitted(clouds *c, int threads)
{
    tr_job j;
    tr_fitted out;
    tr_err err = {0};
    if (tr_knn_open(&j, &c->t, &out, &err) != TR_OK || clouds_run(&j, threads, &err) != TR_OK)
        exit(4);
    return out;
}

static void learns_what_is_to_be_learned(void)
{
    static const size_t rows[] = {600, 1024, 1025, 3000}; /* whole, and in cells */
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        clouds c;
        clouds_make(&c, rows[k], 20, 6, 0.7, 1);
        tr_fitted f = fitted(&c, 1);
        CHECK(clouds_accuracy(&c, f.decision) > 0.97);
        CHECK(f.model.kind == TR_SURROGATE_NEIGHBOURS && f.model.neighbours.rows == rows[k]);
        CHECK((f.model.neighbours.cells > 1) == (rows[k] > 1024));
        tr_fitted_free(&f);
        clouds_free(&c);
    }
}

/* Stored rows lie in another order than in the log: number and label go
 * together. */
static void rows_keep_their_labels(void)
{
    clouds c;
    clouds_make(&c, 2000, 12, 50, 1, 7);
    tr_fitted f = fitted(&c, 1);
    const tr_neighbours *m = &f.model.neighbours;
    float *scratch = malloc(tr_neighbours_room(m) * sizeof *scratch);
    tr_neighbour found[TR_NEIGHBOURS_MOST];
    uint8_t seen[2000] = {0};
    uint32_t count;
    for (size_t i = 0; i < c.rows; i++) {
        const float *x = c.x + i * 12;
        tr_neighbours_search(m, &x, 1, NULL, NULL, scratch, found, &count);
        CHECK(count == m->k && found[0].cosine > 0.9999f);
        CHECK(m->label[found[0].row] == c.label[i]);
        seen[found[0].row]++;
    }
    for (size_t i = 0; i < c.rows; i++)
        CHECK(seen[i] == 1);
    free(scratch);
    tr_fitted_free(&f);
    clouds_free(&c);
}

/* Every row has a twin of its own label in its fold, and all other rows of the
 * label lie apart: only whoever looks into the own fold finds it. */
static void own_fold_does_not_vote(void)
{
    static const size_t rows[] = {400, 3000};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        clouds c;
        clouds_make(&c, rows[k], 30, 2, 1, 2);
        tr_rng r;
        tr_rng_init(&r, 3);
        for (size_t i = 0; i < rows[k]; i += 2) {
            for (size_t d = 0; d < 30; d++)
                c.x[i * 30 + d] = c.x[(i + 1) * 30 + d] = (float)tr_rng_normal(&r);
            c.label[i] = c.label[i + 1] = (uint32_t)tr_rng_below(&r, 2);
            c.fold[i] = c.fold[i + 1] = (uint8_t)(i / 2 % 5);
        }
        tr_fitted f = fitted(&c, 2);
        CHECK(clouds_accuracy(&c, f.decision) < 0.62);
        for (size_t i = 0; i < rows[k]; i++) /* in two folds instead, the twin is found */
            c.fold[i] = (uint8_t)(i % 2);
        tr_fitted g = fitted(&c, 2);
        CHECK(clouds_accuracy(&c, g.decision) > 0.98);
        tr_fitted_free(&f);
        tr_fitted_free(&g);
        clouds_free(&c);
    }
}

/* Of the neighbours that a search of all rows finds, nearly all are found in
 * the cells. */
static void cells_lose_few_neighbours(void)
{
    clouds c;
    clouds_make(&c, 8000, 24, 40, 0.6, 8);
    tr_fitted f = fitted(&c, 2);
    tr_neighbours cells = f.model.neighbours, whole = cells;
    whole.cells = 1;
    float *scratch = malloc(tr_neighbours_room(&cells) * sizeof *scratch);
    tr_neighbour a[TR_NEIGHBOURS_MOST], b[TR_NEIGHBOURS_MOST];
    uint32_t n, all;
    size_t wanted = 0, had = 0, agreed = 0, tried = 0;
    float z[2][40];
    for (size_t i = 0; i < c.rows; i += 10, tried++) {
        const float *x = c.x + i * 24;
        tr_neighbours_search(&cells, &x, 1, NULL, NULL, scratch, a, &n);
        tr_neighbours_search(&whole, &x, 1, NULL, NULL, scratch, b, &all);
        CHECK(n == cells.k && all == cells.k);
        for (uint32_t k = 0; k < all; k++, wanted++)
            for (uint32_t l = 0; l < n; l++)
                if (a[l].row == b[k].row) {
                    CHECK(a[l].cosine == b[k].cosine);
                    had++;
                }
        tr_neighbours_vote(&cells, a, n, z[0]);
        tr_neighbours_vote(&whole, b, all, z[1]);
        agreed += clouds_best(z[0], 40) == clouds_best(z[1], 40);
    }
    CHECK((double)had > 0.9 * (double)wanted);
    CHECK((double)agreed > 0.99 * (double)tried);
    free(scratch);
    tr_fitted_free(&f);
    clouds_free(&c);
}

/* Values of labels that got other numbers are the same numbers elsewhere. */
static void names_of_labels_do_not_matter(void)
{
    static const size_t rows[] = {300, 1500};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        clouds c;
        clouds_make(&c, rows[k], 10, 3, 1, 4);
        tr_fitted f = fitted(&c, 1);
        for (size_t i = 0; i < rows[k]; i++)
            c.label[i] = (c.label[i] + 1) % 3;
        tr_fitted g = fitted(&c, 1);
        for (size_t i = 0; i < rows[k]; i++)
            for (size_t l = 0; l < 3; l++)
                CHECK(f.decision[i * 3 + l] == g.decision[i * 3 + (l + 1) % 3]);
        tr_fitted_free(&f);
        tr_fitted_free(&g);
        clouds_free(&c);
    }
}

static void threads_and_rows_never_held_out(void)
{
    clouds c;
    clouds_make(&c, 2500, 8, 4, 1, 5);
    for (size_t i = 0; i < 2500; i += 3)
        c.fold[i] = TR_FOLD_NONE;
    c.label[0] = UINT32_MAX;
    tr_fitted one = fitted(&c, 1), two = fitted(&c, 3);
    CHECK(clouds_same(&c, &one, &two));
    CHECK(one.model.neighbours.rows == 2499);
    CHECK(one.decision[0] == 0 && one.decision[3 * 4] == 0); /* scored later, by somebody else */
    CHECK(one.decision[4] < 0);
    tr_fitted_free(&one);
    tr_fitted_free(&two);
    clouds_free(&c);
}

static void rows_of_zeros_and_equal_rows(void)
{
    clouds c;
    clouds_make(&c, 1500, 5, 3, 1, 9);
    for (size_t i = 0; i < 1500 * 5; i++) /* a third each: zeros, one row, other rows */
        c.x[i] = i < 500 * 5 ? 0 : i < 1000 * 5 ? 2 : c.x[i];
    tr_fitted f = fitted(&c, 2);
    const tr_neighbours *m = &f.model.neighbours;
    for (size_t i = 0; i < 1500 * 3; i++)
        CHECK(isfinite(f.decision[i]));
    for (size_t i = 0; i < 500; i++) /* like nothing: as often as the labels are */
        for (size_t l = 0; l < 3; l++)
            CHECK_NEAR((double)f.decision[i * 3 + l], log((double)m->prior[l]), 1e-5);
    tr_fitted_free(&f);
    for (size_t i = 0; i < 1500 * 5; i++)
        c.x[i] = 0;
    f = fitted(&c, 1);
    CHECK(f.decision[0] == f.decision[3] && isfinite(f.decision[0]));
    tr_fitted_free(&f);
    clouds_free(&c);
}

static void nothing_to_learn_from_is_an_error(void)
{
    clouds c;
    tr_job j;
    tr_fitted out;
    tr_err err = {0};
    clouds_make(&c, 10, 3, 2, 1, 1);
    for (size_t i = 0; i < 10; i++)
        c.label[i] = UINT32_MAX;
    CHECK(tr_knn_open(&j, &c.t, &out, &err) == TR_OK);
    CHECK(clouds_run(&j, 1, &err) == TR_DATA && *err.message);
    tr_fitted_free(&out);
    clouds_free(&c);
}

static void large_logs_are_sampled(void)
{
    clouds c;
    clouds_make(&c, TR_KNN_ROWS + 5000, 2, 2, 0.1, 6);
    c.t.scored = &(tr_sparse){0};
    tr_fitted f = fitted(&c, 1);
    CHECK(f.model.neighbours.rows == TR_KNN_ROWS);
    size_t first = 0;
    for (size_t i = 0; i < TR_KNN_ROWS; i++)
        first += f.model.neighbours.label[i] == 0;
    CHECK(first > TR_KNN_ROWS / 2 - 500 && first < TR_KNN_ROWS / 2 + 500);
    tr_fitted_free(&f);
    clouds_free(&c);
}

int main(void)
{
    CASE(learns_what_is_to_be_learned);
    CASE(rows_keep_their_labels);
    CASE(own_fold_does_not_vote);
    CASE(cells_lose_few_neighbours);
    CASE(names_of_labels_do_not_matter);
    CASE(threads_and_rows_never_held_out);
    CASE(rows_of_zeros_and_equal_rows);
    CASE(nothing_to_learn_from_is_an_error);
    CASE(large_logs_are_sampled);
    return CHECK_END;
}
