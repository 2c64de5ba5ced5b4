#include "models/network.h"

#include "ground/mem.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, LINE_FLOATS = LINE / sizeof(float) };

/* Floats of a layer. False on overflow. */
static bool layer_floats(uint32_t in, uint32_t out, size_t *n)
{
    return tr_mem_multiply((size_t)in + 1, tr_dot_width(out), n) && *n <= SIZE_MAX / 8;
}

tr_code tr_network_make(tr_network *m, const uint32_t *size, uint32_t layers, tr_err *err)
{
    size_t at[TR_NETWORK_LAYERS + 1] = {0}, n;
    *m = (tr_network){.layers = layers};
    if (layers < 1 || layers > TR_NETWORK_LAYERS)
        return tr_err_set(err, TR_DATA, "a network of %u layers", layers);
    for (uint32_t k = 0; k < layers; k++) {
        if (!layer_floats(size[k], size[k + 1], &n) || n > SIZE_MAX / 8 - at[k])
            return tr_err_memory(err);
        at[k + 1] = at[k] + (n + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
    }
    float *w = tr_mem_zero(at[layers], sizeof *w);
    if (!w)
        return tr_err_memory(err);
    m->owned = w;
    memcpy(m->size, size, (layers + 1) * sizeof *size);
    for (uint32_t k = 0; k < layers; k++)
        m->weight[k] = w + at[k];
    return TR_OK;
}

void tr_network_free(tr_network *m)
{
    free(m->owned);
    *m = (tr_network){0};
}

/* The widest layer between two others. */
static size_t widest(const tr_network *m)
{
    size_t most = 0;
    for (uint32_t k = 1; k < m->layers; k++)
        most = tr_dot_width(m->size[k]) > most ? tr_dot_width(m->size[k]) : most;
    return most;
}

size_t tr_network_room(const tr_network *m)
{
    return 2 * widest(m);
}

void tr_network_decide(const tr_network *m, const float *x, float *scratch, float *z)
{
    size_t room = widest(m);
    const float *in = x;
    for (uint32_t k = 0; k < m->layers; k++) {
        size_t width = tr_dot_width(m->size[k + 1]);
        float *out = k + 1 == m->layers ? z : scratch + (k & 1) * room;
        memcpy(out, m->weight[k] + (size_t)m->size[k] * width, width * sizeof *out);
        tr_dot_gather_dense(m->weight[k], width, in, m->size[k], out);
        for (size_t l = 0; k + 1 < m->layers && l < width; l++)
            out[l] = out[l] > 0 ? out[l] : 0;
        in = out;
    }
}

void tr_network_write(const tr_network *m, tr_buf *out)
{
    tr_le_put_u32(out, m->layers);
    for (uint32_t k = 0; k <= m->layers; k++)
        tr_le_put_u32(out, m->size[k]);
    for (uint32_t k = 0; k < m->layers; k++) {
        tr_le_align(out, LINE);
        tr_le_put_f32s(out, m->weight[k], ((size_t)m->size[k] + 1) * tr_dot_width(m->size[k + 1]));
    }
    tr_le_align(out, 8);
}

tr_code tr_network_read(tr_network *m, tr_le_reader *r, uint32_t labels, uint32_t dims, tr_err *err)
{
    size_t n;
    *m = (tr_network){.layers = tr_le_u32(r)};
    if (r->failed || m->layers < 1 || m->layers > TR_NETWORK_LAYERS)
        return tr_err_set(err, TR_DATA, "a network has no layers, or too many");
    for (uint32_t k = 0; k <= m->layers; k++)
        m->size[k] = tr_le_u32(r);
    if (r->failed || m->size[0] != dims || m->size[m->layers] != labels)
        return tr_err_set(err, TR_DATA, "a network does not fit its labels or its features");
    for (uint32_t k = 0; k < m->layers; k++) {
        tr_le_skip_align(r, LINE);
        if (m->size[k + 1] == 0 || !layer_floats(m->size[k], m->size[k + 1], &n))
            return tr_err_set(err, TR_DATA, "a network has a layer of an impossible size");
        m->weight[k] = tr_le_f32s(r, n);
        if (r->failed || !m->weight[k])
            return tr_err_set(err, TR_DATA, "a network is cut off");
        for (size_t i = 0; i < n; i++)
            if (!isfinite(m->weight[k][i]))
                return tr_err_set(err, TR_DATA, "a network has a weight that is no number");
    }
    tr_le_skip_align(r, 8);
    return r->failed ? tr_err_set(err, TR_DATA, "a network is cut off") : TR_OK;
}
