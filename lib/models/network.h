/* network: a feed-forward network over the dense view, as it is shipped.
 *
 * Layers of weights with an intercept; between them the larger of 0 and the value (ReLU). With one
 * layer it is a linear model of the dense view. Scored in a fixed order, so that the bits are the
 * same on every machine.
 *
 * Upstream: dot. Downstream: surrogate, mlp, lda. */
#ifndef TR_NETWORK_H
#define TR_NETWORK_H

#include "ground/err.h"
#include "ground/le.h"

#include <stddef.h>
#include <stdint.h>

enum { TR_NETWORK_LAYERS = 4 };

typedef struct {
    uint32_t layers;
    uint32_t size[TR_NETWORK_LAYERS + 1]; /* dims, hidden units ..., labels */
    /* (size[k] + 1) × tr_dot_width(size[k + 1]) row-major each; the last row is the intercept */
    const float *weight[TR_NETWORK_LAYERS];
    void *owned; /* what they lie in, if allocated here; NULL where borrowed from a file */
} tr_network;

/* Allocates the layers, all zero; the weights may be written through m->owned's pointers until it
 * is used. Free with tr_network_free. */
TR_MUST tr_code tr_network_make(tr_network *m, const uint32_t *size, uint32_t layers, tr_err *err);
void tr_network_free(tr_network *m);

size_t tr_network_room(const tr_network *m); /* floats of scratch that one decision takes */
/* x: size[0] numbers; z: tr_dot_width(labels) floats, filled. */
void tr_network_decide(const tr_network *m, const float *x, float *scratch, float *z);

/* Binary form. The payload must begin the cursor at a multiple of 64. `read` borrows; TR_DATA where
 * it does not fit `dims` and `labels`, is cut off or has a weight that is no number. */
void tr_network_write(const tr_network *m, tr_buf *out);
TR_MUST tr_code tr_network_read(tr_network *m, tr_le_reader *r, uint32_t labels, uint32_t dims,
                                tr_err *err);

#endif
