#include "zoo/cells.h"

#include "ground/mem.h"
#include "ground/rng.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5 };

/* Middles side by side, as the kernels take them: dims × width. */
static void lay_out(const float *middle, uint32_t cells, uint32_t dims, float *w, size_t width)
{
    memset(w, 0, dims * width * sizeof *w);
    for (uint32_t c = 0; c < cells; c++)
        for (uint32_t d = 0; d < dims; d++)
            w[d * width + c] = middle[(size_t)c * dims + d];
}

static uint32_t nearest(const float *w, size_t width, uint32_t cells, const float *x, uint32_t dims,
                        float *z)
{
    uint32_t best = 0;
    memset(z, 0, width * sizeof *z);
    tr_dot_gather_dense(w, width, x, dims, z);
    for (uint32_t c = 1; c < cells; c++)
        best = z[c] > z[best] ? c : best;
    return best;
}

static void to_length_one(float *x, uint32_t dims)
{
    double square = 0;
    for (uint32_t d = 0; d < dims; d++)
        square += (double)x[d] * (double)x[d];
    float by = square > 1e-20 ? (float)(1 / sqrt(square)) : 0;
    for (uint32_t d = 0; d < dims; d++)
        x[d] *= by;
}

tr_code tr_cells_fit(const float *x, uint32_t rows, uint32_t dims, uint32_t cells, uint64_t seed,
                     uint32_t *cell_of, float *middle, tr_err *err)
{
    size_t width = tr_dot_width(cells);
    uint32_t *drawn = tr_mem_array(rows, sizeof *drawn);
    float *w = tr_mem_array((dims + 1) * width, sizeof *w);
    float *sum = tr_mem_array((size_t)cells * dims, sizeof *sum);
    if (!drawn || !w || !sum) {
        free(drawn);
        free(w);
        free(sum);
        return tr_err_memory(err);
    }
    float *z = w + dims * width;
    tr_rng rng;
    tr_rng_init(&rng, seed);
    for (uint32_t i = 0; i < rows; i++)
        drawn[i] = i;
    tr_rng_shuffle(&rng, drawn, rows);
    uint32_t sample = rows < TR_CELLS_SAMPLE ? rows : TR_CELLS_SAMPLE;
    for (uint32_t c = 0; c < cells; c++) {
        memcpy(middle + (size_t)c * dims, x + (size_t)drawn[c] * dims, dims * sizeof *middle);
        to_length_one(middle + (size_t)c * dims, dims);
    }
    for (int round = 0; round < ROUNDS; round++) {
        lay_out(middle, cells, dims, w, width);
        memset(sum, 0, (size_t)cells * dims * sizeof *sum);
        for (uint32_t k = 0; k < sample; k++) {
            const float *row = x + (size_t)drawn[k] * dims;
            float *to = sum + (size_t)nearest(w, width, cells, row, dims, z) * dims;
            for (uint32_t d = 0; d < dims; d++)
                to[d] += row[d];
        }
        memcpy(middle, sum, (size_t)cells * dims * sizeof *middle);
        for (uint32_t c = 0; c < cells; c++)
            to_length_one(middle + (size_t)c * dims, dims);
    }
    lay_out(middle, cells, dims, w, width);
    for (uint32_t i = 0; i < rows; i++)
        cell_of[i] = nearest(w, width, cells, x + (size_t)i * dims, dims, z);
    free(drawn);
    free(w);
    free(sum);
    return TR_OK;
}
