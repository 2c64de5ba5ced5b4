#include "zoo/forest.h"

#include "ground/hash.h"
#include "ground/mem.h"
#include "zoo/grow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TREES = 200,
    TOGETHER = 8, /* trees a task */
    TASKS = (TREES + TOGETHER - 1) / TOGETHER,
    BINS = 256,
    DT_DEPTH = 16,
    DT_FULL_ROWS = 20000, /* up to so many rows every value of a column is a bin */
    DT_BINS = 1024
};

/* The shares that are added in all, so that no label is impossible. */
static const float SMOOTHING = 0.2f;
static const float DT_SHRINK = 1; /* a leaf of one row is not believed altogether */

typedef struct {
    tr_grow_columns columns;
    uint32_t *label;       /* of each row of the columns */
    uint8_t *fold;         /* of each row of the columns */
    float *base;           /* of each label */
    tr_trees_draft *draft; /* one a task */
    bool (*out)[256];      /* of each tree: the folds that it was grown without */
    tr_grow_options options;
    size_t left; /* tasks not yet done */
} forest;

static void drop(void *own)
{
    forest *f = own;
    if (!f)
        return;
    for (size_t k = 0; f->draft && k < TASKS; k++)
        tr_trees_draft_free(&f->draft[k]);
    tr_grow_free(&f->columns);
    free(f->label);
    free(f->fold);
    free(f->base);
    free(f->draft);
    free(f->out);
    free(f);
}

/* Rows of the columns that a tree may be grown on. */
static size_t choose(const forest *f, const bool *out, uint32_t *at)
{
    size_t n = 0;
    for (size_t i = 0; i < f->columns.rows; i++)
        if (!out[f->fold[i]])
            at[n++] = (uint32_t)i;
    return n;
}

/* A single tree: task 0 grows what is shipped, task k what scores fold k - 1. */
static tr_code run_single(void *context, size_t task, tr_err *err)
{
    const tr_job *j = context;
    const tr_training *t = j->t;
    forest *f = j->own;
    double began = tr_training_clock();
    bool out[256] = {false};
    tr_trees m = {0};
    tr_trees_draft d = {0};
    tr_rng rng;
    tr_rng_init(&rng, t->seed);
    tr_grow_room *room = tr_grow_room_open(&f->columns, t->shape.labels, f->columns.rows);
    uint32_t *at = tr_mem_array(f->columns.rows, sizeof *at);
    tr_code code = room && at ? TR_OK : tr_err_memory(err);
    if (code == TR_OK) {
        if (task)
            out[task - 1] = true;
        size_t n = choose(f, out, at);
        tr_grow_tree(&f->columns, f->label, at, n, &f->options, &rng, room, &d);
        code = tr_trees_join(&m, TR_TREES_SHARES, t->shape.labels, t->shape.dims, f->base, &d, 1,
                             err);
    }
    if (code == TR_OK && task)
        code = tr_grow_score(t, (unsigned)task - 1, &m, NULL, j->out->decision, err);
    if (code == TR_OK && !task)
        j->out->model = (tr_surrogate){.kind = TR_SURROGATE_TREES, .trees = m};
    else
        tr_trees_free(&m);
    tr_trees_draft_free(&d);
    tr_grow_room_free(room);
    free(at);
    tr_training_spent(j->out, began);
    return code;
}

/* When the last trees are there: all of them as one, and the held-out rows, each scored by the
 * trees that were grown without its fold. */
static tr_code finish(const tr_job *j, tr_err *err)
{
    const tr_training *t = j->t;
    forest *f = j->own;
    tr_trees m;
    bool use[TREES];
    tr_code code = tr_trees_join(&m, TR_TREES_SHARES, t->shape.labels, t->shape.dims, f->base,
                                 f->draft, j->tasks, err);
    for (unsigned fold = 0; code == TR_OK && fold < t->folds; fold++) {
        for (size_t k = 0; k < TREES; k++)
            use[k] = f->out[k][fold];
        code = tr_grow_score(t, fold, &m, use, j->out->decision, err);
    }
    if (code == TR_OK)
        j->out->model = (tr_surrogate){.kind = TR_SURROGATE_TREES, .trees = m};
    else
        tr_trees_free(&m);
    return code;
}

/* Grows some of the trees, each with random numbers of its own. */
static tr_code run_some(void *context, size_t task, tr_err *err)
{
    const tr_job *j = context;
    const tr_training *t = j->t;
    forest *f = j->own;
    double began = tr_training_clock();
    size_t end = (task + 1) * TOGETHER < TREES ? (task + 1) * TOGETHER : TREES;
    tr_grow_room *room = tr_grow_room_open(&f->columns, t->shape.labels, f->columns.rows);
    uint32_t *at = tr_mem_array(f->columns.rows, sizeof *at);
    tr_code code = room && at ? TR_OK : tr_err_memory(err);
    for (size_t k = task * TOGETHER; code == TR_OK && k < end; k++) {
        size_t n = choose(f, f->out[k], at);
        tr_rng rng;
        tr_rng_init(&rng, tr_hash_keyed_u64(tr_hash_derive(t->seed, "forest"), k));
        tr_grow_tree(&f->columns, f->label, at, n, &f->options, &rng, room, &f->draft[task]);
    }
    tr_grow_room_free(room);
    free(at);
    if (code == TR_OK && __atomic_sub_fetch(&f->left, 1, __ATOMIC_ACQ_REL) == 0)
        code = finish(j, err);
    tr_training_spent(j->out, began);
    return code;
}

/* Which folds each tree goes without: two fifths of them, drawn. So two fifths of the trees score a
 * fold, and a tree has as many different rows as a bootstrap would leave it. */
static void leave_out(forest *f, const tr_training *t)
{
    uint32_t order[TR_FOLD_NONE];
    tr_rng rng;
    tr_rng_init(&rng, tr_hash_keyed_u64(tr_hash_derive(t->seed, "forest"), TREES));
    for (unsigned k = 0; k < t->folds; k++)
        order[k] = k;
    size_t outs = ((size_t)t->folds * 2 + 2) / 5, inside = 0;
    for (size_t k = 0; t->folds > 1 && k < TREES; k++) {
        tr_rng_shuffle(&rng, order, t->folds);
        for (size_t i = 0; i < outs; i++)
            f->out[k][order[i]] = true;
    }
    /* one part alone is held out: no tree misses a small one, half the trees have a large one */
    for (size_t i = 0; i < f->columns.rows; i++)
        inside += f->fold[i] == 0;
    size_t every = inside > f->columns.rows / 2 ? 2 : 1;
    for (size_t k = 0; t->folds == 1 && k < TREES; k += every)
        f->out[k][0] = true;
}

static bool fill(forest *f, const tr_training *t, tr_forest_kind kind)
{
    size_t n = f->columns.rows;
    f->label = tr_mem_array(n, sizeof *f->label);
    f->fold = tr_mem_array(n, sizeof *f->fold);
    f->base = tr_mem_array(t->shape.labels, sizeof *f->base);
    f->draft = tr_mem_zero(TASKS, sizeof *f->draft);
    f->out = tr_mem_zero(TREES, sizeof *f->out);
    if (!f->label || !f->fold || !f->base || !f->draft || !f->out)
        return false;
    for (size_t i = 0; i < n; i++) {
        f->label[i] = t->label[f->columns.row[i]];
        f->fold[i] = t->fold[f->columns.row[i]];
    }
    for (uint32_t l = 0; l < t->shape.labels; l++)
        f->base[l] = SMOOTHING / (float)t->shape.labels;
    f->options = (tr_grow_options){.depth = TR_GROW_DEPTH,
                                   .features = (uint32_t)sqrt((double)t->shape.dims),
                                   .random = kind == TR_FOREST_ET};
    if (kind == TR_FOREST_DT)
        f->options =
            (tr_grow_options){.depth = DT_DEPTH, .features = t->shape.dims, .shrink = DT_SHRINK};
    leave_out(f, t);
    return true;
}

tr_code tr_forest_open(tr_job *j, const tr_training *t, tr_forest_kind kind, tr_fitted *out,
                       tr_err *err)
{
    tr_code code = tr_job_open(j, t, out, false, err);
    forest *f = code == TR_OK ? tr_mem_zero(1, sizeof *f) : NULL;
    if (code != TR_OK)
        return code;
    j->own = f;
    j->drop = drop;
    j->kind = kind;
    j->run = kind == TR_FOREST_DT ? run_single : run_some;
    j->tasks = kind == TR_FOREST_DT ? 1 + t->folds : TASKS;
    if (!f)
        return tr_err_memory(err);
    f->left = j->tasks;
    uint32_t bins = BINS;
    if (kind == TR_FOREST_DT)
        bins = t->x->rows > DT_FULL_ROWS ? DT_BINS : TR_GROW_MOST_BINS;
    code = tr_grow_open(&f->columns, t, bins, t->folds == 1 ? 0 : -1, err);
    return code == TR_OK && !fill(f, t, kind) ? tr_err_memory(err) : code;
}
