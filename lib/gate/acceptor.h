/* acceptor: the model that predicts whether a surrogate will agree with the teacher.
 *
 * Logistic regression on what the surrogate says of a row, with an intercept for each predicted
 * label (the label's own record, shrunk by a ridge). Its output, in whole millionths, is the accept
 * score: what is printed, compared with the threshold and certified is the same number.
 *
 * Upstream: softmax. Downstream: learn, calibrate, route. */
#ifndef TR_ACCEPTOR_H
#define TR_ACCEPTOR_H

#include "ground/err.h"
#include "ground/le.h"
#include "models/softmax.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TR_ACCEPTOR_OWN = 12,      /* features of a stage by itself */
    TR_ACCEPTOR_FEATURES = 17, /* and those that look at the stage before */
    TR_ACCEPTOR_LABEL = TR_ACCEPTOR_FEATURES,
    TR_ACCEPTOR_ONE = 1000000
};

/* The features that look at the stage before, as bits of a mask. */
#define TR_ACCEPTOR_BEFORE ((1u << TR_ACCEPTOR_FEATURES) - (1u << TR_ACCEPTOR_OWN))

/* What is known of a row when a stage decides on it. */
typedef struct {
    const tr_softmax_summary *said;   /* by this stage's member */
    float unseen, near;               /* as in heldout.h */
    const tr_softmax_summary *before; /* said by the stage before; NULL at the first */
    uint32_t before_score;            /* its accept score */
} tr_acceptor_row;

/* Names of the features; the last one, "label", stands for the intercepts. */
extern const char *const tr_acceptor_names[TR_ACCEPTOR_FEATURES + 1];

/* "tracer" (top1, top2, margin, entropy), "all" or names of a first stage's, separated by commas,
 * as a bit mask. NULL, or the reason why not, written into `reason`. */
const char *tr_acceptor_choose(const char *text, uint32_t *mask, char reason[256]);

typedef struct {
    uint32_t mask; /* 0: no acceptor; the score is the margin between the two largest */
    double weight[TR_ACCEPTOR_FEATURES]; /* of the features as they are; 0 where not in the mask */
    double intercept;
    const float *offset; /* one a label; NULL where "label" is not in the mask */
    float *owned;
    uint32_t labels;
} tr_acceptor;

/* The accept score, 0..TR_ACCEPTOR_ONE. The same on every machine. */
uint32_t tr_acceptor_score(const tr_acceptor *a, const tr_acceptor_row *row);

/* The features by number, as they are. */
void tr_acceptor_features(const tr_acceptor_row *row, double x[TR_ACCEPTOR_FEATURES]);
void tr_acceptor_free(tr_acceptor *a);

void tr_acceptor_write(const tr_acceptor *a, tr_buf *out);
TR_MUST tr_code tr_acceptor_read(tr_acceptor *a, tr_le_reader *r, uint32_t labels, tr_err *err);

#endif
