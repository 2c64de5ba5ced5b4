/* train: from a split log to a model stream: features, folds, zoo, held-out results.
 *
 * Upstream: dataset, featurize, zoo, stream. Downstream: tr-train. */
#ifndef TR_TRAIN_H
#define TR_TRAIN_H

#include "doors/io.h"
#include "ground/err.h"
#include "zoo/zoo.h"
#include "traces/dataset.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TR_TRAIN_LEAST_ROWS = 10, /* in TRAIN */
    TR_TRAIN_MOST_HELD =
        100000, /* above so many TRAIN rows one held-out part serves: a fifth, so many at most */
    TR_TRAIN_MOST_COLUMNS = 1 << 18,
    TR_TRAIN_TEXT_DIMS = 256 /* of the dense view that is made of texts */
};

typedef struct {
    tr_chosen chosen[TR_ZOO_SIZE];
    unsigned folds; /* 2..20 */
    int threads;
    uint64_t seed;
    void (*done)(void *context, size_t finished, size_t tasks); /* may be NULL */
    void *context;
} tr_train_options;

typedef struct {
    char name[TR_ZOO_NAME];
    double agreement, macro_f1; /* out of fold, fractions */
    double seconds;
} tr_train_result;

typedef struct {
    tr_train_result member[TR_ZOO_SIZE];
    size_t n;
    size_t held_out;
    unsigned folds;
    uint32_t columns, dims; /* of the vocabulary and of the dense view; 0: none */
    bool of_text;           /* the dense view is made of the texts */
} tr_train_report;

/* Trains on d and writes the stream (does not close `out`). TR_DATA where there is too little to
 * train on: the message says what is there and what is needed. */
TR_MUST tr_code tr_train_run(const tr_dataset *d, const tr_train_options *o, tr_writer *out,
                             tr_train_report *report, tr_err *err);

#endif
