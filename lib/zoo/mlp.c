#include "zoo/mlp.h"

#include "ground/hash.h"
#include "ground/mem.h"
#include "ground/rng.h"
#include "maths/la.h"
#include "maths/real.h"
#include "zoo/apply.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The recipe, in one place: found by the out-of-fold log-loss on logs of 900 to 18,000 rows. */
typedef struct {
    size_t batch, steps;
    float rate, decay;    /* the learning rate's peak, and what weights lose by each unit of it */
    unsigned drop_input;  /* of 256 inputs, how many are left out at a time */
    unsigned drop_hidden; /* the same of 256 hidden units */
} recipe;

static const float BETA1 = 0.9f, BETA2 = 0.99f, TINY = 1e-16f, WARM = 0.15f;

static recipe recipe_for(size_t rows)
{
    enum { EPOCHS = 12, LEAST_STEPS = 400, MOST_STEPS = 3000 };
    recipe r = {.rate = 3e-3f, .drop_input = 26, .drop_hidden = 64};
    r.batch = rows < 3000 ? 64 : rows < 40000 ? 128 : 256;
    r.steps = rows / r.batch * EPOCHS;
    r.steps = r.steps > MOST_STEPS ? MOST_STEPS : r.steps < LEAST_STEPS ? LEAST_STEPS : r.steps;
    r.steps = r.steps < rows / r.batch ? rows / r.batch : r.steps; /* every row once at least */
    r.decay = sqrtf(8000.f / (float)(rows + 1));
    r.decay = r.decay > 3 ? 3 : r.decay;
    return r;
}

#define INLINE static inline __attribute__((always_inline))

typedef float lanes __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t whole_lanes __attribute__((vector_size(32), aligned(4), may_alias));

/* ---- one minibatch forth and back ---- */

typedef struct {
    size_t rows; /* room for so many */
    /* of each layer: its inputs with a 1 after them (rows × stride), and what the loss wants of its
     * outputs (rows × width) */
    float *in[TR_NETWORK_LAYERS], *want[TR_NETWORK_LAYERS];
    size_t stride[TR_NETWORK_LAYERS];
} batch;

static void batch_free(batch *b)
{
    for (int k = 0; k < TR_NETWORK_LAYERS; k++) {
        free(b->in[k]);
        free(b->want[k]);
    }
}

static bool batch_make(batch *b, const tr_network *m, size_t rows)
{
    *b = (batch){.rows = rows};
    for (uint32_t k = 0; k < m->layers; k++) {
        b->stride[k] = tr_dot_width(m->size[k]) + TR_DOT_LANES;
        b->in[k] = tr_mem_zero(rows, b->stride[k] * sizeof(float));
        b->want[k] = tr_mem_zero(rows, tr_dot_width(m->size[k + 1]) * sizeof(float));
        if (!b->in[k] || !b->want[k]) {
            batch_free(b);
            return false;
        }
    }
    return true;
}

/* Leaves out each of n values with probability drop / 256; the others grow, so that the sum stays
 * as it is in the mean. */
INLINE void drop_some(float *restrict x, size_t n, unsigned drop, tr_rng *random)
{
    enum { CHUNK = 64 };
    float grow = 256.f / (float)(256 - drop);
    for (size_t i = 0; i < n; i += CHUNK) {
        uint64_t bits[CHUNK / 8];
        uint8_t byte[CHUNK];
        size_t chunk = n - i < CHUNK ? n - i : CHUNK;
        for (size_t j = 0; j < CHUNK / 8; j++)
            bits[j] = tr_rng_next(random);
        memcpy(byte, bits, sizeof byte);
        if (chunk == CHUNK)
            for (size_t j = 0; j < CHUNK; j++)
                x[i + j] *= byte[j] < drop ? 0 : grow;
        else
            for (size_t j = 0; j < chunk; j++)
                x[i + j] *= byte[j] < drop ? 0 : grow;
    }
}

/* The outputs of all layers; the last layer's are in want[last]. */
INLINE void forth(const tr_network *m, batch *b, size_t n, const recipe *r, tr_rng *random)
{
    for (uint32_t k = 0; k < m->layers; k++) {
        bool last = k + 1 == m->layers;
        size_t width = tr_dot_width(m->size[k + 1]), units = m->size[k + 1];
        float *out = last ? b->want[k] : b->in[k + 1];
        size_t stride = last ? width : b->stride[k + 1];
        unsigned drop = k ? r->drop_hidden : r->drop_input;
        for (size_t i = 0; i < n; i++) {
            float *in = b->in[k] + i * b->stride[k];
            if (drop)
                drop_some(in, m->size[k], drop, random);
            in[m->size[k]] = 1;
        }
        tr_la_multiply((tr_la_side){b->in[k], b->stride[k], false},
                       (tr_la_side){m->weight[k], width, false}, n, width, (size_t)m->size[k] + 1,
                       0, out, stride);
        for (size_t i = 0; !last && i < n; i++)
            for (size_t l = 0; l < units; l++)
                out[i * stride + l] = out[i * stride + l] > 0 ? out[i * stride + l] : 0;
    }
}

/* Values of the last layer to what the loss wants of them; returns the sum of the losses. */
INLINE double judge(float *z, size_t width, uint32_t labels, const uint32_t *label, size_t n)
{
    double loss = 0;
    float share = 1 / (float)n;
    for (size_t i = 0; i < n; i++) {
        float *x = z + i * width, most = x[0], sum = 0, own;
        for (uint32_t l = 1; l < labels; l++)
            most = x[l] > most ? x[l] : most;
        for (uint32_t l = 0; l < labels; l++)
            x[l] -= most;
        own = x[label[i]];
        tr_real_exp_floats(x, x, labels);
        for (uint32_t l = 0; l < labels; l++)
            sum += x[l];
        loss += log((double)sum) - (double)own;
        for (uint32_t l = 0; l < labels; l++)
            x[l] *= share / sum;
        x[label[i]] -= share;
    }
    return loss;
}

INLINE float *weights(const tr_network *m, uint32_t layer)
{
    return (float *)m->owned + (m->weight[layer] - (const float *)m->owned);
}

INLINE void back(const tr_network *m, batch *b, size_t n, const recipe *r, tr_network *gradient)
{
    float grow = 256.f / (float)(256 - r->drop_hidden);
    for (uint32_t k = m->layers; k-- > 0;) {
        size_t width = tr_dot_width(m->size[k + 1]), below = tr_dot_width(m->size[k]);
        tr_la_multiply((tr_la_side){b->in[k], b->stride[k], true},
                       (tr_la_side){b->want[k], width, false}, (size_t)m->size[k] + 1, width, n, 0,
                       weights(gradient, k), width);
        if (k == 0)
            return;
        tr_la_multiply((tr_la_side){b->want[k], width, false},
                       (tr_la_side){m->weight[k], width, true}, n, m->size[k], m->size[k + 1], 0,
                       b->want[k - 1], below);
        for (size_t i = 0; i < n; i++) {
            const float *in = b->in[k] + i * b->stride[k];
            float *want = b->want[k - 1] + i * below;
            for (size_t l = 0; l < below; l += TR_DOT_LANES) {
                whole_lanes *w = (whole_lanes *)(want + l);
                *w &= *(const lanes *)(in + l) > 0;
                *(lanes *)(want + l) *= grow;
            }
        }
    }
}

tr_code tr_mlp_gradient(const tr_network *m, const float *x, const uint32_t *label, size_t n,
                        double *loss, tr_network *gradient, tr_err *err)
{
    batch b;
    recipe plain = {0};
    uint32_t last = m->layers - 1;
    if (!batch_make(&b, m, n))
        return tr_err_memory(err);
    for (size_t i = 0; i < n; i++)
        memcpy(b.in[0] + i * b.stride[0], x + i * m->size[0], m->size[0] * sizeof *x);
    forth(m, &b, n, &plain, NULL);
    *loss = judge(b.want[last], tr_dot_width(m->size[last + 1]), m->size[last + 1], label, n) /
            (double)n;
    back(m, &b, n, &plain, gradient);
    batch_free(&b);
    return TR_OK;
}

/* ---- a fit ---- */

typedef struct {
    tr_network weight, gradient, first, second; /* the last two: Adam's moments */
    batch b;
    uint32_t *rows, *label; /* of the fit; labels of a minibatch */
    size_t n;
    float scale; /* what rows are multiplied by, so that their entries have variance 1 */
} fit;

static void fit_free(fit *f)
{
    tr_network_free(&f->weight);
    tr_network_free(&f->gradient);
    tr_network_free(&f->first);
    tr_network_free(&f->second);
    batch_free(&f->b);
    free(f->rows);
    free(f->label);
}

/* 1 / sqrt(x), within 5e-6 of it: a first guess by the bits, then Newton's method twice. */
INLINE void inverse_root(const lanes *x, lanes *y)
{
    lanes half = *x * 0.5f;
    *y = (lanes)(0x5f3759df - ((whole_lanes)*x >> 1));
    *y *= 1.5f - half * *y * *y;
    *y *= 1.5f - half * *y * *y;
}

/* Adam (Kingma, Ba 2015) with decoupled weight decay (Loshchilov, Hutter 2019). */
INLINE void descend(fit *f, size_t step, float rate, float decay)
{
    float one = 1 - powf(BETA1, (float)step + 1), two = 1 - powf(BETA2, (float)step + 1);
    float by = rate * sqrtf(two) / one, keep = 1 - rate * decay;
    for (uint32_t k = 0; k < f->weight.layers; k++) {
        size_t width = tr_dot_width(f->weight.size[k + 1]), n = f->weight.size[k] * width;
        float *restrict w = weights(&f->weight, k), *restrict m = weights(&f->first, k);
        float *restrict v = weights(&f->second, k);
        const float *restrict g = f->gradient.weight[k];
        for (size_t i = 0; i < n + width; i += TR_DOT_LANES) {
            lanes slope = *(const lanes *)(g + i), own = *(const lanes *)(w + i);
            lanes mean = *(const lanes *)(m + i) * BETA1 + slope * (1 - BETA1);
            lanes square = *(const lanes *)(v + i) * BETA2 + slope * slope * (1 - BETA2);
            *(lanes *)(m + i) = mean;
            *(lanes *)(v + i) = square;
            square += TINY;
            inverse_root(&square, &slope);
            own *= i < n ? keep : 1; /* the intercepts lose nothing */
            *(lanes *)(w + i) = own - mean * slope * by;
        }
    }
}

static void begin(fit *f, tr_rng *random)
{
    for (uint32_t k = 0; k < f->weight.layers; k++) {
        size_t width = tr_dot_width(f->weight.size[k + 1]);
        bool last = k + 1 == f->weight.layers;
        double spread = sqrt((last ? 1.0 : 2.0) / (f->weight.size[k] + 1.0));
        float *w = weights(&f->weight, k);
        for (uint32_t i = 0; i < f->weight.size[k]; i++)
            for (uint32_t l = 0; l < f->weight.size[k + 1]; l++)
                w[i * width + l] = (float)(spread * tr_rng_normal(random));
    }
}

INLINE void take_rows(fit *f, const tr_training *t, const uint32_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float *x = t->dense + (size_t)rows[i] * t->shape.dims;
        float *in = f->b.in[0] + i * f->b.stride[0];
        for (uint32_t d = 0; d < t->shape.dims; d++)
            in[d] = x[d] * f->scale;
        f->label[i] = t->label[rows[i]];
    }
}

/* Rows of labels that the fit may see, and the scale of their entries. */
static void choose_rows(fit *f, const tr_training *t, int fold)
{
    double square = 0;
    size_t all = tr_training_rows(t, fold, f->rows);
    f->n = 0;
    for (size_t i = 0; i < all; i++)
        if (t->label[f->rows[i]] != UINT32_MAX)
            f->rows[f->n++] = f->rows[i];
    for (size_t i = 0; i < f->n; i++) {
        const float *x = t->dense + (size_t)f->rows[i] * t->shape.dims;
        for (uint32_t d = 0; d < t->shape.dims; d++)
            square += (double)x[d] * (double)x[d];
    }
    square /= (double)f->n * t->shape.dims;
    f->scale = square > 1e-12 ? (float)(1 / sqrt(square)) : 1;
}

INLINE void train_plain(fit *f, const tr_training *t, const recipe *r, tr_rng *random)
{
    uint32_t last = f->weight.layers - 1, labels = t->shape.labels;
    size_t at = f->n;
    for (size_t step = 0; step < r->steps; step++) {
        size_t n = r->batch < f->n ? r->batch : f->n;
        if (at + n > f->n) { /* what is left of an epoch is drawn again in the next */
            tr_rng_shuffle(random, f->rows, f->n);
            at = 0;
        }
        take_rows(f, t, f->rows + at, n);
        at += n;
        forth(&f->weight, &f->b, n, r, random);
        judge(f->b.want[last], tr_dot_width(labels), labels, f->label, n);
        back(&f->weight, &f->b, n, r, &f->gradient);
        double done = ((double)step + 1) / (double)r->steps, warm = (double)WARM;
        double part = done < warm ? done / warm
                                  : 0.5 + 0.5 * cos(3.14159265358979 * (done - warm) / (1 - warm));
        descend(f, step, r->rate * (float)part, r->decay);
    }
    /* the scale becomes a part of the weights */
    float *w = weights(&f->weight, 0);
    for (size_t i = 0; i < f->weight.size[0] * tr_dot_width(f->weight.size[1]); i++)
        w[i] *= f->scale;
}

#if defined(__x86_64__)
/* The same source for AVX2, all of the above inlined. */
__attribute__((target("avx2"))) static void train_avx2(fit *f, const tr_training *t,
                                                       const recipe *r, tr_rng *random)
{
    train_plain(f, t, r, random);
}
#endif

static void train(fit *f, const tr_training *t, const recipe *r, tr_rng *random)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        train_avx2(f, t, r, random);
        return;
    }
#endif
    train_plain(f, t, r, random);
}

static tr_code fit_fold(const tr_job *j, int fold, fit *f, tr_err *err)
{
    const tr_training *t = j->t;
    const uint32_t one[] = {t->shape.dims, 256, t->shape.labels};
    const uint32_t two[] = {t->shape.dims, 256, 96, t->shape.labels};
    const uint32_t *size = j->kind == 1 ? one : two;
    uint32_t layers = j->kind == 1 ? 2 : 3;
    tr_network *of[] = {&f->weight, &f->gradient, &f->first, &f->second};
    tr_rng random;
    f->rows = tr_mem_array(t->x->rows, sizeof *f->rows);
    if (!f->rows)
        return tr_err_memory(err);
    choose_rows(f, t, fold);
    recipe r = recipe_for(f->n);
    f->label = tr_mem_array(r.batch, sizeof *f->label);
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        if (tr_network_make(of[k], size, layers, err) != TR_OK)
            return TR_SYSTEM;
    if (!f->label || !batch_make(&f->b, &f->weight, r.batch))
        return tr_err_memory(err);
    if (f->n == 0)
        return TR_OK; /* nothing to learn from: all labels are alike */
    tr_hash_key key = tr_hash_derive(t->seed, j->kind == 1 ? "mlp_1h" : "mlp_2h");
    tr_rng_init(&random, tr_hash_keyed_u64(key, (uint64_t)(fold + 1)));
    begin(f, &random);
    train(f, t, &r, &random);
    return TR_OK;
}

static tr_code run(void *context, size_t task, tr_err *err)
{
    tr_job *j = context;
    int fold = (int)task - 1;
    double began = tr_training_clock();
    fit f = {0};
    tr_code code = fit_fold(j, fold, &f, err);
    if (code == TR_OK && fold >= 0)
        code = tr_apply_network(j->t, fold, &f.weight, j->out->decision, err);
    if (code == TR_OK && fold < 0) {
        j->out->model = (tr_surrogate){.kind = TR_SURROGATE_NETWORK, .network = f.weight};
        f.weight = (tr_network){0};
    }
    fit_free(&f);
    tr_training_spent(j->out, began);
    return code;
}

tr_code tr_mlp_open(tr_job *j, const tr_training *t, int hidden, tr_fitted *out, tr_err *err)
{
    tr_code code = tr_job_open(j, t, out, false, err);
    j->kind = hidden;
    j->run = run;
    j->tasks = 1 + (size_t)t->folds;
    return code;
}
