#include "zoo/forest.h"

#include "blobs.h"

#include <math.h>

static tr_fitted fit(const blobs *b, tr_forest_kind kind, int threads)
{
    tr_job j;
    tr_fitted out;
    tr_err err = {0};
    tr_code code = tr_forest_open(&j, &b->t, kind, &out, &err);
    if (code != TR_OK)
        printf("# %s\n", err.message);
    return blobs_run(code, &j, &out, threads);
}

/* One column, six rows: the split that leaves the least entropy, half way between its rows. */
static void a_small_tree_is_as_by_hand(void)
{
    blobs *b = blobs_make(6, 3, 0, 0);
    static const float x[6] = {5, 1, 2, 4, 8, 3};
    static const uint32_t label[6] = {2, 0, 0, 2, 2, 1};
    b->t.shape.dims = 1;
    memcpy(b->dense, x, sizeof x);
    memcpy(b->label, label, sizeof label);
    tr_fitted f = fit(b, TR_FOREST_DT, 1);
    const tr_trees *m = &f.model.trees;
    CHECK(m->kind == TR_TREES_SHARES && m->trees == 1 && m->nodes == 5 && m->entries == 3);
    /* {1, 2 | 3 | 4, 5, 8}: entropy is as low right of 3 as left of it times 3 rows less */
    CHECK(m->node[0].feature == 0 && m->node[0].threshold == 3.5f && m->node[0].next == 4);
    CHECK(m->node[1].feature == 0 && m->node[1].threshold == 2.5f && m->node[1].next == 3);
    CHECK(m->entry[0].label == 0 && m->entry[1].label == 1 && m->entry[2].label == 2);
    CHECK_NEAR((double)m->entry[0].value, 2. / 3, 1e-6); /* two rows, and one that may yet come */
    CHECK_NEAR((double)m->entry[1].value, 1. / 2, 1e-6);
    CHECK_NEAR((double)m->entry[2].value, 3. / 4, 1e-6);
    tr_fitted_free(&f);
    blobs_free(b);
}

static void a_tree_is_sixteen_deep_at_most(void)
{
    blobs *b = blobs_make(40, 2, 0, 0);
    for (size_t i = 0; i < 40; i++) { /* labels that take turns: one split cuts off one row */
        b->label[i] = i % 2;
        for (int f = 0; f < BLOBS_DIMS; f++)
            b->dense[i * BLOBS_DIMS + (size_t)f] = powf(2, (float)i);
    }
    tr_fitted f = fit(b, TR_FOREST_DT, 1);
    const tr_trees *m = &f.model.trees;
    uint8_t depth[256] = {0};
    CHECK(m->nodes <= 256);
    for (uint32_t i = 0; i < m->nodes; i++) {
        CHECK(depth[i] <= 16);
        if (m->node[i].feature == TR_TREES_LEAF)
            continue;
        depth[i + 1] = depth[m->node[i].next] = (uint8_t)(depth[i] + 1);
    }
    tr_fitted_free(&f);
    blobs_free(b);
}

static void rows_that_cannot_be_told_apart_share_a_leaf(void)
{
    for (tr_forest_kind kind = TR_FOREST_DT; kind <= TR_FOREST_ET; kind++) {
        blobs *b = blobs_make(40, 2, 0, 0);
        for (size_t i = 0; i < 40; i++) {
            b->label[i] = i % 4 == 0;
            for (int f = 0; f < BLOBS_DIMS; f++)
                b->dense[i * BLOBS_DIMS + (size_t)f] = f ? 1 : (float)(i / 20);
        }
        tr_fitted f = fit(b, kind, 1);
        float z[8];
        CHECK(f.model.trees.nodes <= 3 * f.model.trees.trees);
        for (size_t i = 0; i < 40; i++) {
            tr_trees_decide(&f.model.trees, b->dense + i * BLOBS_DIMS, NULL, z);
            CHECK(z[0] > z[1] && z[0] - z[1] < 2);
        }
        tr_fitted_free(&f);
        blobs_free(b);
    }
}

static void the_order_of_rows_does_not_matter_for_a_tree(void)
{
    blobs *b = blobs_make(600, 5, 3, 1), *other = blobs_make(600, 5, 3, 1);
    blobs_shuffle(other);
    tr_fitted f = fit(b, TR_FOREST_DT, 1), g = fit(other, TR_FOREST_DT, 1);
    CHECK(f.model.trees.nodes > 20);
    CHECK(blobs_same_model(&f, &g));
    tr_fitted_free(&f);
    tr_fitted_free(&g);
    blobs_free(b);
    blobs_free(other);
}

static void columns_may_be_transformed_as_long_as_they_grow(void)
{
    for (tr_forest_kind kind = TR_FOREST_DT; kind <= TR_FOREST_ET; kind++) {
        blobs *b = blobs_make(600, 5, 0, 1), *other = blobs_make(600, 5, 0, 1);
        blobs_transform(other);
        tr_fitted f = fit(b, kind, 1), g = fit(other, kind, 1);
        CHECK(f.model.trees.nodes == g.model.trees.nodes && !blobs_same_model(&f, &g));
        for (size_t i = 0; i < b->x.rows; i++) {
            float z[8], y[8];
            tr_trees_decide(&f.model.trees, b->dense + i * BLOBS_DIMS, NULL, z);
            tr_trees_decide(&g.model.trees, other->dense + i * BLOBS_DIMS, NULL, y);
            CHECK(!memcmp(z, y, sizeof z));
        }
        tr_fitted_free(&f);
        tr_fitted_free(&g);
        blobs_free(b);
        blobs_free(other);
    }
}

static void threads_change_nothing_and_the_seed_does(void)
{
    for (tr_forest_kind kind = TR_FOREST_DT; kind <= TR_FOREST_ET; kind++) {
        blobs *b = blobs_make(300, 5, 4, 1);
        tr_fitted one = fit(b, kind, 1), three = fit(b, kind, 3);
        CHECK(blobs_same_model(&one, &three));
        CHECK(blobs_same_values(b, -1, one.decision, three.decision));
        b->t.seed++;
        tr_fitted other = fit(b, kind, 2);
        CHECK(blobs_same_model(&one, &other) == (kind == TR_FOREST_DT));
        tr_fitted_free(&one);
        tr_fitted_free(&three);
        tr_fitted_free(&other);
        blobs_free(b);
    }
}

/* What a held-out row is told does not depend on the labels of its fold, to the bit; what others
 * are told does. */
static void no_tree_scores_a_fold_that_it_saw(void)
{
    static const unsigned folds[] = {1, 2, 3, 5, 20};
    for (tr_forest_kind kind = TR_FOREST_DT; kind <= TR_FOREST_ET; kind++)
        for (size_t k = 0; k < sizeof folds / sizeof *folds; k++) {
            blobs *b = blobs_make(300, 4, folds[k], 1);
            int fold = (int)folds[k] / 2;
            for (size_t i = 0; folds[k] == 1 && i < 200; i++)
                b->fold[i] = TR_FOLD_NONE; /* one part, and rows that are never held out */
            tr_fitted f = fit(b, kind, 1);
            for (size_t i = 0; i < b->x.rows; i++)
                if (b->fold[i] == fold)
                    b->label[i] = (uint32_t)(i * 7 % 4);
            tr_fitted g = fit(b, kind, 1);
            CHECK(blobs_same_values(b, fold, f.decision, g.decision));
            CHECK(folds[k] == 1 || !blobs_same_values(b, fold ? 0 : 1, f.decision, g.decision));
            /* of one part, no tree has seen any; a single tree is fitted on all */
            CHECK(blobs_same_model(&f, &g) == (folds[k] == 1 && kind != TR_FOREST_DT));
            tr_fitted_free(&f);
            tr_fitted_free(&g);
            blobs_free(b);
        }
}

static void what_can_be_learned_is_learned_and_noise_is_not(void)
{
    static const double least[] = {0.75, 0.88, 0.88};
    for (tr_forest_kind kind = TR_FOREST_DT; kind <= TR_FOREST_ET; kind++) {
        blobs *b = blobs_make(900, 4, 5, 2.5), *noise = blobs_make(900, 4, 5, 0);
        tr_fitted f = fit(b, kind, 2), g = fit(noise, kind, 2);
        CHECK(blobs_accuracy(b, &f, true) > least[kind]);
        CHECK(blobs_accuracy(b, &f, false) > 0.95);
        CHECK_NEAR(blobs_accuracy(noise, &g, true), 0.25, 0.06);
        CHECK(blobs_accuracy(noise, &g, false) > 0.7); /* it has seen these rows */
        tr_fitted_free(&f);
        tr_fitted_free(&g);
        blobs_free(b);
        blobs_free(noise);
    }
}

static void rows_without_a_label_are_as_if_they_were_not_there(void)
{
    for (tr_forest_kind kind = TR_FOREST_DT; kind <= TR_FOREST_ET; kind++) {
        blobs *b = blobs_make(300, 4, 5, 1), *fewer = blobs_make(300, 4, 5, 1);
        for (size_t i = 200; i < 300; i++)
            b->label[i] = UINT32_MAX;
        fewer->x.rows = 200;
        tr_fitted f = fit(b, kind, 1), g = fit(fewer, kind, 1);
        CHECK(blobs_same_model(&f, &g));
        CHECK(blobs_same_values(fewer, -1, f.decision, g.decision));
        for (size_t i = 200 * 4; i < 300 * 4; i++)
            CHECK(f.decision[i] != 0 && isfinite(f.decision[i])); /* scored all the same */
        tr_fitted_free(&f);
        tr_fitted_free(&g);
        blobs_free(b);
        blobs_free(fewer);
    }
}

static void a_fold_that_leaves_no_rows_is_borne(void)
{
    for (tr_forest_kind kind = TR_FOREST_DT; kind <= TR_FOREST_ET; kind++) {
        blobs *b = blobs_make(50, 3, 1, 1); /* all rows are in fold 0 */
        tr_fitted f = fit(b, kind, 1);
        CHECK(isfinite(f.decision[0]) && f.decision[0] == f.decision[1]);
        CHECK(blobs_accuracy(b, &f, false) > 0.9); /* half the trees are grown on all rows */
        tr_fitted_free(&f);
        blobs_free(b);
    }
}

static void without_a_dense_view_there_are_no_trees(void)
{
    blobs *b = blobs_make(20, 2, 2, 1);
    tr_job j;
    tr_fitted out;
    tr_err err = {0};
    b->t.dense = NULL;
    CHECK(tr_forest_open(&j, &b->t, TR_FOREST_RF, &out, &err) == TR_USAGE && err.message[0]);
    tr_job_close(&j);
    tr_fitted_free(&out);
    blobs_free(b);
}

int main(void)
{
    CASE(a_small_tree_is_as_by_hand);
    CASE(a_tree_is_sixteen_deep_at_most);
    CASE(rows_that_cannot_be_told_apart_share_a_leaf);
    CASE(the_order_of_rows_does_not_matter_for_a_tree);
    CASE(columns_may_be_transformed_as_long_as_they_grow);
    CASE(threads_change_nothing_and_the_seed_does);
    CASE(no_tree_scores_a_fold_that_it_saw);
    CASE(what_can_be_learned_is_learned_and_noise_is_not);
    CASE(rows_without_a_label_are_as_if_they_were_not_there);
    CASE(a_fold_that_leaves_no_rows_is_borne);
    CASE(without_a_dense_view_there_are_no_trees);
    return CHECK_END;
}
