#include "zoo/boost.h"

#include "ground/hash.h"
#include "ground/mem.h"
#include "maths/dot.h"
#include "maths/real.h"
#include "zoo/grow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One tree a round speaks of all labels at once: its splits are found on a few random directions of
 * the gradient (Iosipoi, Vakhrushev 2022), its leaves have a value for each label. So a round costs
 * the same for two labels and for hundreds. */
enum {
    LANES = 8,
    BINS = 64,
    DEPTH = 5,
    ROUNDS = 200,
    LEAST_ROWS = 5, /* of a leaf */
    LEAST_FEATURES = 16,
    MOST_CELLS = 1 << 26 /* rows × labels; of more, every so many-th row is fitted on */
};

static const float RATE = 0.15f, LAMBDA = 1;
static const float FEATURES = 0.15f; /* the share of the columns that a tree may use */
static const float LARGEST_STEP = 4;      /* of a leaf, before the rate */
static const float SMALLEST_VALUE = 0.01f; /* of a leaf that is worth writing down */

typedef struct {
    tr_grow_columns columns;
    uint32_t *label; /* of each row of the columns */
    uint8_t *fold;
} boost;

/* Sums over rows: the gradient in LANES - 1 directions, and the weight. */
typedef struct {
    _Alignas(32) float lane[LANES];
} sums;

/* One fit at work. */
typedef struct {
    const boost *b;
    uint32_t labels;
    size_t width, n;
    uint32_t *at;      /* the rows of the columns that it is fitted on */
    float *z;          /* of each: decision values so far */
    float *p;          /* of each: probability less what is true */
    float *direction;  /* labels × LANES */
    sums *row, *moved; /* of each place of `order`, and room to move them */
    uint32_t *order, *moved_order; /* places of `at`, node by node */
    uint32_t *feature;
    uint32_t features;
    float *leaf; /* 2 × width: gradient and curvature of a leaf */
    tr_rng rng;
} fit;

static void drop(void *own)
{
    boost *b = own;
    if (!b)
        return;
    tr_grow_free(&b->columns);
    free(b->label);
    free(b->fold);
    free(b);
}

static void fit_free(fit *f)
{
    free(f->at);
    free(f->z);
    free(f->p);
    free(f->direction);
    free(f->row);
    free(f->moved);
    free(f->order);
    free(f->feature);
    free(f->leaf);
}

/* The rows of the columns that are outside a fold. */
static void choose(fit *f, int fold)
{
    const boost *b = f->b;
    size_t most = MOST_CELLS / f->width, kept = 0;
    for (size_t i = 0; i < b->columns.rows; i++)
        if (fold < 0 || b->fold[i] != fold)
            f->at[f->n++] = (uint32_t)i;
    size_t every = (f->n + most - 1) / most;
    for (size_t i = 0; i < f->n; i += every)
        f->at[kept++] = f->at[i];
    f->n = kept;
}

static bool fit_open(fit *f, const boost *b, uint32_t labels, int fold, uint64_t seed)
{
    size_t rows = b->columns.rows;
    *f = (fit){.b = b, .labels = labels, .width = tr_dot_width(labels)};
    f->at = tr_mem_array(rows, sizeof *f->at);
    if (!f->at)
        return false;
    choose(f, fold);
    f->z = tr_mem_zero(f->n * f->width, sizeof *f->z);
    f->p = tr_mem_array(f->n * f->width, sizeof *f->p);
    f->direction = tr_mem_zero(f->width, LANES * sizeof *f->direction);
    f->row = aligned_alloc(_Alignof(sums), (f->n + 1) * sizeof *f->row);
    f->moved = aligned_alloc(_Alignof(sums), (f->n + 1) * sizeof *f->moved);
    f->order = tr_mem_array(f->n, 2 * sizeof *f->order);
    f->feature = tr_mem_array(b->columns.dims, sizeof *f->feature);
    f->leaf = tr_mem_array(f->width, 2 * sizeof *f->leaf);
    if (!f->z || !f->p || !f->direction || !f->row || !f->moved || !f->order || !f->feature ||
        !f->leaf) {
        fit_free(f);
        return false;
    }
    f->moved_order = f->order + f->n;
    for (uint32_t k = 0; k < b->columns.dims; k++)
        f->feature[k] = k;
    uint32_t some = (uint32_t)ceilf(FEATURES * (float)b->columns.dims);
    f->features = some > LEAST_FEATURES ? some : LEAST_FEATURES;
    if (f->features > b->columns.dims)
        f->features = b->columns.dims;
    tr_rng_init(&f->rng, tr_hash_keyed_u64(tr_hash_derive(seed, "boost"), (uint64_t)(fold + 1)));
    return true;
}

/* ---- a round ---- */

static void find_gradient(fit *f)
{
    for (size_t i = 0; i < f->n; i++) {
        float *p = f->p + i * f->width, *z = f->z + i * f->width, most = z[0], sum = 0;
        for (uint32_t l = 1; l < f->labels; l++)
            most = z[l] > most ? z[l] : most;
        for (uint32_t l = 0; l < f->labels; l++)
            p[l] = z[l] - most;
        tr_real_exp_floats(p, p, f->labels);
        for (uint32_t l = 0; l < f->labels; l++)
            sum += p[l];
        for (uint32_t l = 0; l < f->labels; l++)
            p[l] /= sum;
    }
}

/* The gradient of each row in random directions; with few labels, in theirs. */
static void project(fit *f)
{
    enum { DIRECTIONS = LANES - 1 };
    for (uint32_t l = 0; l < f->labels; l++)
        for (uint32_t k = 0; k < DIRECTIONS; k++)
            f->direction[l * LANES + k] = f->labels <= DIRECTIONS ? (float)(l == k)
                                                                  : (float)tr_rng_normal(&f->rng);
    for (size_t i = 0; i < f->n; i++) {
        const float *p = f->p + i * f->width;
        sums s = {{0}};
        float weight = 0;
        for (uint32_t l = 0; l < f->labels; l++) {
            const float *d = f->direction + l * LANES;
            for (uint32_t k = 0; k < LANES; k++)
                s.lane[k] += p[l] * d[k];
            weight += p[l] * (1 - p[l]);
        }
        const float *d = f->direction + f->b->label[f->at[i]] * LANES;
        for (uint32_t k = 0; k < DIRECTIONS; k++)
            s.lane[k] -= d[k];
        s.lane[DIRECTIONS] = weight;
        f->row[i] = s;
        f->order[i] = (uint32_t)i;
    }
}

typedef struct {
    float gain;
    uint32_t feature, left; /* feature UINT32_MAX: none; rows of bins up to `left` go left */
} split;

static inline float worth(const sums *s)
{
    float sum = 0;
    for (int k = 0; k < LANES - 1; k++)
        sum += s->lane[k] * s->lane[k];
    return sum / (s->lane[LANES - 1] + LAMBDA);
}

static void search(const fit *f, size_t begin, size_t end, uint32_t feature, const sums *whole,
                   split *best)
{
    const tr_grow_columns *c = &f->b->columns;
    const uint16_t *bin = c->bin + feature * c->rows;
    uint32_t bins = c->bins[feature], count[BINS] = {0}, lefts = 0, n = (uint32_t)(end - begin);
    sums in[BINS];
    memset(in, 0, bins * sizeof *in);
    for (size_t i = begin; i < end; i++) {
        uint32_t b = bin[f->at[f->order[i]]];
        for (int k = 0; k < LANES; k++)
            in[b].lane[k] += f->row[i].lane[k];
        count[b]++;
    }
    sums left = {{0}}, right;
    for (uint32_t b = 0; b + 1 < bins; b++) {
        if (!count[b])
            continue;
        lefts += count[b];
        for (int k = 0; k < LANES; k++) {
            left.lane[k] += in[b].lane[k];
            right.lane[k] = whole->lane[k] - left.lane[k];
        }
        if (lefts < LEAST_ROWS)
            continue;
        if (n - lefts < LEAST_ROWS)
            break;
        float gain = worth(&left) + worth(&right);
        if (gain > best->gain)
            *best = (split){gain, feature, b};
    }
}

static split find_split(const fit *f, size_t begin, size_t end)
{
    sums whole = {{0}};
    for (size_t i = begin; i < end; i++)
        for (int k = 0; k < LANES; k++)
            whole.lane[k] += f->row[i].lane[k];
    split best = {.gain = worth(&whole), .feature = UINT32_MAX};
    for (uint32_t k = 0; k < f->features; k++)
        search(f, begin, end, f->feature[k], &whole, &best);
    return best;
}

/* Brings the rows that go left to the front, in their order; gives where the others begin. */
static size_t part(fit *f, size_t begin, size_t end, const split *s)
{
    const tr_grow_columns *c = &f->b->columns;
    const uint16_t *bin = c->bin + s->feature * c->rows;
    size_t lefts = begin, rights = 0;
    for (size_t i = begin; i < end; i++)
        if (bin[f->at[f->order[i]]] <= s->left) {
            f->row[lefts] = f->row[i];
            f->order[lefts++] = f->order[i];
        } else {
            f->moved[rights] = f->row[i];
            f->moved_order[rights++] = f->order[i];
        }
    memcpy(f->row + lefts, f->moved, rights * sizeof *f->row);
    memcpy(f->order + lefts, f->moved_order, rights * sizeof *f->order);
    return lefts;
}

/* A leaf's values: a Newton step for each label, written down and taken by its rows. */
static void add_leaf(fit *f, size_t begin, size_t end, tr_trees_draft *d)
{
    float *g = f->leaf, *h = f->leaf + f->width;
    memset(g, 0, 2 * f->width * sizeof *g);
    for (size_t i = begin; i < end; i++) {
        const float *p = f->p + (size_t)f->order[i] * f->width;
        for (uint32_t l = 0; l < f->labels; l++) {
            g[l] += p[l];
            h[l] += p[l] * (1 - p[l]);
        }
        g[f->b->label[f->at[f->order[i]]]] -= 1;
    }
    tr_trees_draft_leaf(d);
    for (uint32_t l = 0; l < f->labels; l++) {
        float step = -g[l] / (h[l] + LAMBDA);
        step = step > LARGEST_STEP ? LARGEST_STEP : step < -LARGEST_STEP ? -LARGEST_STEP : step;
        g[l] = RATE * step;
        if (fabsf(g[l]) >= SMALLEST_VALUE)
            tr_trees_draft_entry(d, l, g[l]);
        else
            g[l] = 0;
    }
    for (size_t i = begin; i < end; i++) {
        float *z = f->z + (size_t)f->order[i] * f->width;
        for (uint32_t l = 0; l < f->labels; l++)
            z[l] += g[l];
    }
}

static void grow(fit *f, size_t begin, size_t end, unsigned depth, tr_trees_draft *d)
{
    split s = {.feature = UINT32_MAX};
    if (depth < DEPTH && end - begin >= 2 * LEAST_ROWS)
        s = find_split(f, begin, end);
    if (s.feature == UINT32_MAX || d->failed) {
        add_leaf(f, begin, end, d);
        return;
    }
    float threshold = tr_grow_threshold(&f->b->columns, s.feature, s.left, s.left + 1);
    size_t node = tr_trees_draft_split(d, s.feature, threshold);
    size_t middle = part(f, begin, end, &s);
    grow(f, begin, middle, depth + 1, d);
    tr_trees_draft_right(d, node);
    grow(f, middle, end, depth + 1, d);
}

/* The logarithm of each label's smoothed share of the rows. */
static void find_base(fit *f, float *base)
{
    float share = 1 / ((float)f->n + (float)f->labels);
    for (uint32_t l = 0; l < f->labels; l++)
        base[l] = share;
    for (size_t i = 0; i < f->n; i++)
        base[f->b->label[f->at[i]]] += share;
    tr_real_log_floats(base, base, f->labels);
    for (size_t i = 0; i < f->n; i++)
        memcpy(f->z + i * f->width, base, f->labels * sizeof *base);
}

static tr_code fit_run(fit *f, tr_trees *m, tr_err *err)
{
    tr_trees_draft d = {0};
    float *base = tr_mem_array(f->labels, sizeof *base);
    if (!base)
        return tr_err_memory(err);
    find_base(f, base);
    for (int round = 0; round < ROUNDS && f->n && !d.failed; round++) {
        find_gradient(f);
        project(f);
        for (uint32_t k = 0; k < f->features; k++) {
            uint32_t dims = f->b->columns.dims, kept = f->feature[k];
            uint32_t j = k + (uint32_t)tr_rng_below(&f->rng, dims - k);
            f->feature[k] = f->feature[j];
            f->feature[j] = kept;
        }
        tr_trees_draft_tree(&d);
        grow(f, 0, f->n, 0, &d);
    }
    tr_code code = tr_trees_join(m, TR_TREES_SUMS, f->labels, f->b->columns.dims, base, &d, 1, err);
    tr_trees_draft_free(&d);
    free(base);
    return code;
}

/* ---- the member ---- */

/* Task 0 fits what is shipped, task k what scores fold k - 1. */
static tr_code run(void *context, size_t task, tr_err *err)
{
    const tr_job *j = context;
    const tr_training *t = j->t;
    double began = tr_training_clock();
    fit f;
    tr_trees m = {0};
    if (!fit_open(&f, j->own, t->shape.labels, (int)task - 1, t->seed))
        return tr_err_memory(err);
    tr_code code = fit_run(&f, &m, err);
    if (code == TR_OK && task)
        code = tr_grow_score(t, (unsigned)task - 1, &m, NULL, j->out->decision, err);
    if (code == TR_OK && !task)
        j->out->model = (tr_surrogate){.kind = TR_SURROGATE_TREES, .trees = m};
    else
        tr_trees_free(&m);
    fit_free(&f);
    tr_training_spent(j->out, began);
    return code;
}

tr_code tr_boost_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err)
{
    tr_code code = tr_job_open(j, t, out, false, err);
    if (code != TR_OK)
        return code;
    boost *b = tr_mem_zero(1, sizeof *b);
    j->own = b;
    j->drop = drop;
    j->run = run;
    j->tasks = 1 + t->folds;
    if (!b)
        return tr_err_memory(err);
    code = tr_grow_open(&b->columns, t, BINS, t->folds == 1 ? 0 : -1, err);
    if (code != TR_OK)
        return code;
    b->label = tr_mem_array(b->columns.rows, sizeof *b->label);
    b->fold = tr_mem_array(b->columns.rows, sizeof *b->fold);
    if (!b->label || !b->fold)
        return tr_err_memory(err);
    for (size_t i = 0; i < b->columns.rows; i++) {
        b->label[i] = t->label[b->columns.row[i]];
        b->fold[i] = t->fold[b->columns.row[i]];
    }
    return TR_OK;
}
