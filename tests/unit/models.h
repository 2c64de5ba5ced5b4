/* models: one small model of every kind, for the tests of what is made of them. */
#ifndef TR_TEST_MODELS_H
#define TR_TEST_MODELS_H

#include "check.h"
#include "ground/rng.h"
#include "maths/dot.h"
#include "models/surrogate.h"

#include <stdlib.h>

enum { MODELS_LABELS = 5, MODELS_COLUMNS = 7, MODELS_DIMS = 3, MODELS_WIDTH = 8, MODELS_KINDS = 4 };

static const tr_shape models_shape = {MODELS_LABELS, MODELS_COLUMNS, MODELS_DIMS, MODELS_DIMS};

static inline float models_draw(tr_rng *r)
{
    return (float)tr_rng_normal(r);
}

static inline tr_code models_linear(tr_compact *c, tr_rng *r, tr_err *err)
{
    float w[(MODELS_COLUMNS + MODELS_DIMS + 1) * MODELS_WIDTH] = {0};
    tr_linear m = {MODELS_LABELS, MODELS_COLUMNS, MODELS_DIMS, MODELS_WIDTH, w};
    for (size_t i = 0; i < tr_linear_rows(&m) * MODELS_WIDTH; i++)
        w[i] = i % MODELS_WIDTH < MODELS_LABELS ? models_draw(r) : 0;
    return tr_compact_make(c, &m, err);
}

static inline tr_code models_network(tr_network *m, tr_rng *r, tr_err *err)
{
    const uint32_t size[] = {MODELS_DIMS, 4, MODELS_LABELS};
    tr_code code = tr_network_make(m, size, 2, err);
    float *const w[] = {m->owned, (float *)m->owned + (m->weight[1] - m->weight[0])};
    for (int k = 0; code == TR_OK && k < 2; k++)
        for (size_t i = 0; i < (size[k] + 1) * MODELS_WIDTH; i++)
            w[k][i] = i % MODELS_WIDTH < size[k + 1] ? models_draw(r) : 0;
    return code;
}

/* Stumps, one a dimension: a leaf for some of the labels. */
static inline tr_code models_trees(tr_trees *m, tr_rng *r, tr_err *err)
{
    float base[MODELS_LABELS];
    tr_trees_draft d = {0};
    for (uint32_t l = 0; l < MODELS_LABELS; l++)
        base[l] = 0.01f;
    for (uint32_t f = 0; f < MODELS_DIMS; f++) {
        tr_trees_draft_tree(&d);
        size_t of = tr_trees_draft_split(&d, f, models_draw(r));
        tr_trees_draft_leaf(&d);
        tr_trees_draft_entry(&d, 0, 0.5f);
        tr_trees_draft_entry(&d, f + 1, 0.5f);
        tr_trees_draft_right(&d, of);
        tr_trees_draft_leaf(&d);
        tr_trees_draft_entry(&d, f + 2, 1);
    }
    tr_code code = tr_trees_join(m, TR_TREES_SHARES, MODELS_LABELS, MODELS_DIMS, base, &d, 1, err);
    tr_trees_draft_free(&d);
    return code;
}

static inline tr_code models_neighbours(tr_neighbours *m, tr_rng *r, tr_err *err)
{
    float x[20 * MODELS_DIMS];
    uint32_t label[20];
    for (int i = 0; i < 20 * MODELS_DIMS; i++)
        x[i] = models_draw(r);
    for (int i = 0; i < 20; i++)
        label[i] = (uint32_t)tr_rng_below(r, MODELS_LABELS);
    return tr_neighbours_make(m, x, label, 20, MODELS_DIMS, MODELS_LABELS, 4, 10, NULL, err);
}

/* One of each kind, in the order of the kinds; freed by the caller. */
static inline void models_make(tr_surrogate s[MODELS_KINDS], uint64_t seed)
{
    tr_rng r;
    tr_err err;
    tr_rng_init(&r, seed);
    for (int k = 0; k < MODELS_KINDS; k++)
        s[k] = (tr_surrogate){.kind = TR_SURROGATE_LINEAR + (unsigned)k};
    if (models_linear(&s[0].linear, &r, &err) != TR_OK ||
        models_network(&s[1].network, &r, &err) != TR_OK ||
        models_trees(&s[2].trees, &r, &err) != TR_OK ||
        models_neighbours(&s[3].neighbours, &r, &err) != TR_OK)
        exit(4);
}

static inline void models_free(tr_surrogate s[MODELS_KINDS])
{
    for (int k = 0; k < MODELS_KINDS; k++)
        tr_surrogate_free(&s[k]);
}

/* A row of both parts. */
typedef struct {
    uint32_t index[3];
    float value[3], dense[MODELS_DIMS];
} models_numbers;

static inline models_numbers models_draw_row(tr_rng *r)
{
    models_numbers x = {.index = {0, 3, 6}};
    for (int k = 0; k < 3; k++)
        x.value[k] = models_draw(r);
    for (int k = 0; k < MODELS_DIMS; k++)
        x.dense[k] = models_draw(r);
    return x;
}

static inline tr_row models_row(const models_numbers *x)
{
    return (tr_row){{x->index, x->value, 3}, x->dense};
}

#endif
