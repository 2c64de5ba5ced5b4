/* mixture: a weighted sum of surrogates' decision values; one surrogate is a sum of one.
 *
 * Upstream: surrogate. Downstream: zoo, stream, policy. */
#ifndef TR_MIXTURE_H
#define TR_MIXTURE_H

#include "ground/err.h"
#include "ground/le.h"
#include "models/softmax.h"
#include "models/surrogate.h"

#include <stddef.h>
#include <stdint.h>

enum { TR_MIXTURE_PARTS = 16 };

/* Parts by their numbers in a list of models that is kept elsewhere. */
typedef struct {
    uint32_t n;
    uint32_t model[TR_MIXTURE_PARTS];
    float weight[TR_MIXTURE_PARTS];
} tr_mixture;

/* Floats of scratch that one decision takes: the values first, tr_dot_width(labels) of them. */
size_t tr_mixture_room(const tr_mixture *m, const tr_surrogate *models, uint32_t labels);

/* Decides on a row. The values stand at the front of `room` afterwards. */
void tr_mixture_decide(const tr_mixture *m, const tr_surrogate *models, uint32_t labels, tr_row row,
                       float *room, tr_softmax_summary *out);

/* Binary form: u32 n, then n times u32 model, f32 weight; padded to 8. */
void tr_mixture_write(const tr_mixture *m, tr_buf *out);
/* TR_DATA where a part is not among `models` models. */
TR_MUST tr_code tr_mixture_read(tr_mixture *m, tr_le_reader *r, size_t models, tr_err *err);

#endif
