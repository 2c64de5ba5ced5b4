#include "zoo/apply.h"

#include "ground/mem.h"

#include <stdlib.h>

tr_code tr_apply_network(const tr_training *t, int fold, const tr_network *m, float *decision,
                         tr_err *err)
{
    size_t labels = t->shape.labels, room = tr_network_room(m);
    float *scratch = tr_mem_array(room + tr_dot_width(labels), sizeof *scratch);
    if (!scratch)
        return tr_err_memory(err);
    float *z = scratch + room;
    for (size_t s = 0; s < t->scored->rows; s++)
        if (t->scored_fold[s] == fold) {
            tr_network_decide(m, t->scored_dense + s * t->shape.dims, scratch, z);
            memcpy(decision + s * labels, z, labels * sizeof *z);
        }
    free(scratch);
    return TR_OK;
}
