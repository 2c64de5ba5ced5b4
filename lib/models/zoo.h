/* zoo: the surrogates by name, and all of them fitted at once.
 *
 * Upstream: softmax, logistic, onevsrest, bayes. Downstream: gate/stream, tr-train. */
#ifndef TR_ZOO_H
#define TR_ZOO_H

#include "ground/err.h"
#include "models/compact.h"
#include "models/training.h"

#include <stdbool.h>
#include <stddef.h>

enum { TR_ZOO_SIZE = 6, TR_ZOO_NAME = 16 };

typedef struct {
    const char *name, *what; /* what it is, for the help */
    bool lean;               /* in --zoo lean */
    bool ingredient;         /* where there is a blend, a part of it and nothing else */
} tr_zoo_entry;

extern const tr_zoo_entry tr_zoo_list[TR_ZOO_SIZE];

/* "lean", "all" or names, separated by commas; "-NAME" leaves one out (after "lean", "all", or of
 * lean where no name comes first). NULL, or the reason why not, written into `reason`. */
const char *tr_zoo_choose(const char *text, bool chosen[TR_ZOO_SIZE], char reason[256]);

typedef struct {
    char name[TR_ZOO_NAME];
    tr_linear model;    /* scaled: the softmax of its values is a probability */
    tr_compact shipped; /* the same, rounded: what scores from here on */
    float *decision;    /* scored rows × labels, scaled */
    double scale;       /* that the values were multiplied by (1 for a blend) */
    double seconds;     /* of processor time */
    bool ingredient;    /* not to be deployed by itself */
} tr_zoo_member;

typedef struct {
    tr_zoo_member member[TR_ZOO_SIZE];
    size_t n;
} tr_zoo;

/* Fits what is chosen. label_seen[s]: the label of the scored row s where it is a held-out training
 * row, else UINT32_MAX: scales and blends are chosen on TRAIN alone. `done(context, finished,
 * tasks)` may be NULL. Free with tr_zoo_free. */
TR_MUST tr_code tr_zoo_fit(tr_zoo *zoo, const tr_training *t, const uint32_t *label_seen,
                           const bool chosen[TR_ZOO_SIZE], int threads,
                           void (*done)(void *context, size_t finished, size_t tasks),
                           void *context, tr_err *err);
void tr_zoo_free(tr_zoo *zoo);

#endif
