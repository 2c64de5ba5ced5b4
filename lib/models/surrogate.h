/* surrogate: any trained model as one thing: a row in, a decision value a label out.
 *
 * Upstream: compact, network, trees, neighbours. Downstream: training, zoo, stream, policy. */
#ifndef TR_SURROGATE_H
#define TR_SURROGATE_H

#include "ground/err.h"
#include "ground/le.h"
#include "maths/sparse.h"
#include "models/compact.h"
#include "models/neighbours.h"
#include "models/network.h"
#include "models/trees.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    TR_SURROGATE_NONE,
    TR_SURROGATE_LINEAR,
    TR_SURROGATE_NETWORK,
    TR_SURROGATE_TREES,
    TR_SURROGATE_NEIGHBOURS
} tr_surrogate_kind;
extern const char *const tr_surrogate_names[]; /* of the kinds, NULL-ended */

typedef struct {
    tr_surrogate_kind kind;
    union {
        tr_compact linear;
        tr_network network;
        tr_trees trees;
        tr_neighbours neighbours;
    };
} tr_surrogate;

/* What a row of features looks like, for checking that a model fits it. */
typedef struct {
    uint32_t labels;
    uint32_t columns; /* of the sparse part; 0: none */
    uint32_t dims;    /* of the dense view; 0: none */
    uint32_t beside;  /* dims where linear models see the dense view beside the text, else 0 */
} tr_shape;

void tr_surrogate_free(tr_surrogate *s);
/* The same model, still owned by s. */
tr_surrogate tr_surrogate_borrowed(const tr_surrogate *s);
size_t tr_surrogate_room(const tr_surrogate *s); /* floats of scratch that one decision takes */
/* z: tr_dot_width(labels) floats, filled. The same bits on every machine. */
void tr_surrogate_decide(const tr_surrogate *s, tr_row row, float *scratch, float *z);

/* Binary form: u32 kind, zero bytes to a multiple of 64, the model's own. `read` borrows. */
void tr_surrogate_write(const tr_surrogate *s, tr_buf *out);
TR_MUST tr_code tr_surrogate_read(tr_surrogate *s, tr_le_reader *r, tr_shape shape, tr_err *err);

#endif
