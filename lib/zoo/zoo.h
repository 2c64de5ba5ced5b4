/* zoo: all members that were chosen, fitted at once, and their blend.
 *
 * Upstream: softmax, mixture, roster, the members' rooms. Downstream: gate/stream, tr-train. */
#ifndef TR_ZOO_H
#define TR_ZOO_H

#include "ground/err.h"
#include "models/mixture.h"
#include "models/softmax.h"
#include "zoo/roster.h"
#include "zoo/training.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char name[TR_ZOO_NAME];
    tr_mixture mixture;       /* of the zoo's models: what scores from here on */
    tr_softmax_summary *said; /* of every scored row: held out on TRAIN, as shipped elsewhere */
    double seconds;           /* of processor time */
    bool ingredient;          /* not to be deployed by itself */
} tr_zoo_member;

typedef struct {
    tr_surrogate model[TR_ZOO_SIZE]; /* as shipped; the values of each are scaled by mixtures */
    size_t models;
    tr_zoo_member member[TR_ZOO_SIZE];
    size_t n;
} tr_zoo;

/* Fits what is chosen and possible: members of a view that the log lacks are left out.
 * label_seen[s]: the label of the scored row s where it is a held-out training row, else
 * UINT32_MAX: scales and blends are chosen on TRAIN alone. `done(context, finished, tasks)` may be
 * NULL. TR_USAGE where nothing that is chosen is possible. Free with tr_zoo_free. */
TR_MUST tr_code tr_zoo_fit(tr_zoo *zoo, const tr_training *t, const uint32_t *label_seen,
                           const tr_chosen chosen[TR_ZOO_SIZE], int threads,
                           void (*done)(void *context, size_t finished, size_t tasks),
                           void *context, tr_err *err);
void tr_zoo_free(tr_zoo *zoo);

#endif
