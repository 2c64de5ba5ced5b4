#include "gate/near.h"

#include "gate/novelty.h"
#include "ground/mem.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A network of one layer whose values are the cosines. sum: labels × dims, of embeddings of length
 * 1; a row of the view is (embedding - mean) · scale. */
static void set_cosines(tr_network *m, const tr_dense *v, const double *sum)
{
    uint32_t dims = m->size[0], labels = m->size[1];
    size_t width = tr_dot_width(labels);
    float *w = m->owned;
    for (uint32_t l = 0; l < labels; l++) {
        double square = 0, offset = 0;
        for (uint32_t k = 0; k < dims; k++)
            square += sum[(size_t)l * dims + k] * sum[(size_t)l * dims + k];
        double length = square > 1e-12 ? sqrt(square) : INFINITY;
        for (uint32_t k = 0; k < dims; k++) {
            double c = sum[(size_t)l * dims + k] / length;
            w[k * width + l] = (float)(c / (double)v->scale);
            offset += c * (double)v->mean[k];
        }
        w[dims * width + l] = (float)offset;
    }
}

static void add_rows(const tr_training *t, const tr_dense *v, int fold, double sign, double *sum)
{
    for (size_t i = 0; i < t->x->rows; i++) {
        if (t->label[i] == UINT32_MAX || (fold >= 0 && t->fold[i] != fold))
            continue;
        double *to = sum + (size_t)t->label[i] * t->shape.dims;
        const float *x = t->dense + i * t->shape.dims;
        for (uint32_t k = 0; k < t->shape.dims; k++)
            to[k] += sign * ((double)x[k] / (double)v->scale + (double)v->mean[k]);
    }
}

static void score_rows(const tr_training *t, const tr_network *m, uint8_t fold, float *room,
                       float *near)
{
    for (size_t s = 0; s < t->scored->rows; s++)
        if (t->scored_fold[s] == fold)
            near[s] = tr_novelty_near(m, t->scored_dense + s * t->shape.dims, room);
}

tr_code tr_near_fit(tr_network *m, const tr_dense *v, const tr_training *t, float *near,
                    tr_err *err)
{
    const uint32_t size[2] = {t->shape.dims, t->shape.labels};
    size_t n = (size_t)t->shape.labels * t->shape.dims;
    tr_code code = tr_network_make(m, size, 1, err);
    if (code != TR_OK)
        return code;
    double *all = tr_mem_zero(n, sizeof *all), *part = tr_mem_array(n, sizeof *part);
    float *room = tr_mem_array(tr_novelty_room(m), sizeof *room);
    if (!all || !part || !room)
        code = tr_err_memory(err);
    if (code == TR_OK) {
        add_rows(t, v, -1, 1, all);
        for (int fold = 0; fold < (int)t->folds; fold++) {
            memcpy(part, all, n * sizeof *part);
            add_rows(t, v, fold, -1, part);
            set_cosines(m, v, part);
            score_rows(t, m, (uint8_t)fold, room, near);
        }
        set_cosines(m, v, all);
        score_rows(t, m, TR_FOLD_NONE, room, near);
    } else {
        tr_network_free(m);
    }
    free(all);
    free(part);
    free(room);
    return code;
}
