#include "models/mixture.h"

#include "maths/dot.h"

#include <math.h>
#include <string.h>

size_t tr_mixture_room(const tr_mixture *m, const tr_surrogate *models, uint32_t labels)
{
    size_t most = tr_dot_width(labels); /* what the softmax takes */
    for (uint32_t k = 0; k < m->n; k++) {
        size_t room = tr_surrogate_room(&models[m->model[k]]);
        most = room > most ? room : most;
    }
    return 2 * tr_dot_width(labels) + most;
}

static uint32_t largest(const float *z, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t l = 1; l < n; l++)
        best = z[l] > z[best] ? l : best;
    return best;
}

void tr_mixture_decide(const tr_mixture *m, const tr_surrogate *models, uint32_t labels, tr_row row,
                       float *room, tr_softmax_summary *out)
{
    size_t width = tr_dot_width(labels);
    float *z = room, *part = room + width, *scratch = part + width;
    uint32_t said[TR_MIXTURE_PARTS];
    if (m->n == 1) {
        tr_surrogate_decide(&models[m->model[0]], row, scratch, z);
        for (size_t l = 0; m->weight[0] != 1 && l < width; l++)
            z[l] *= m->weight[0];
        tr_softmax_summarize(z, labels, scratch, out);
        return;
    }
    memset(z, 0, width * sizeof *z);
    for (uint32_t k = 0; k < m->n; k++) {
        tr_surrogate_decide(&models[m->model[k]], row, scratch, part);
        said[k] = largest(part, labels);
        for (size_t l = 0; l < width; l++)
            z[l] += m->weight[k] * part[l];
    }
    tr_softmax_summarize(z, labels, scratch, out);
    uint32_t same = 0;
    for (uint32_t k = 0; k < m->n; k++)
        same += said[k] == out->label;
    out->agreement = (float)same / (float)m->n;
}

void tr_mixture_write(const tr_mixture *m, tr_buf *out)
{
    tr_le_put_u32(out, m->n);
    for (uint32_t k = 0; k < m->n; k++) {
        tr_le_put_u32(out, m->model[k]);
        tr_le_put_f32(out, m->weight[k]);
    }
    tr_le_align(out, 8);
}

tr_code tr_mixture_read(tr_mixture *m, tr_le_reader *r, size_t models, tr_err *err)
{
    *m = (tr_mixture){.n = tr_le_u32(r)};
    bool sound = m->n >= 1 && m->n <= TR_MIXTURE_PARTS;
    for (uint32_t k = 0; sound && k < m->n; k++) {
        m->model[k] = tr_le_u32(r);
        m->weight[k] = tr_le_f32(r);
        sound = m->model[k] < models && isfinite(m->weight[k]);
    }
    tr_le_skip_align(r, 8);
    return sound && !r->failed ? TR_OK : tr_err_set(err, TR_DATA, "a mixture is malformed");
}
