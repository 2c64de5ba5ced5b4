/* bank: what scores: how inputs become rows, and the models; a part of streams and of policies.
 *
 * Sections: VOCB (vocabulary; none where texts are not looked at), DENS (dense view; none where
 * there is none), NEAR (what tells how near a row is to the log; as DENS), MODL (one a model).
 * tr-format(5) has the fields.
 *
 * Upstream: featurize, surrogate. Downstream: stream, policy. */
#ifndef TR_BANK_H
#define TR_BANK_H

#include "doors/frame.h"
#include "features/featurize.h"
#include "ground/err.h"
#include "models/surrogate.h"

#include <stddef.h>
#include <stdint.h>

enum { TR_BANK_MODELS = 32 };

typedef struct {
    tr_features features;
    tr_network near; /* see novelty.h; no layers: none */
    tr_surrogate model[TR_BANK_MODELS];
    size_t n;
} tr_bank;

tr_shape tr_bank_shape(const tr_bank *b, uint32_t labels);

/* Reads the sections of a file; what is large is borrowed from it. TR_DATA where they do not fit
 * one another. */
TR_MUST tr_code tr_bank_read(tr_bank *b, const tr_frame *f, uint32_t labels, tr_err *err);
void tr_bank_free(tr_bank *b);

/* Writes the sections before the models; then a model at a time, which get their numbers in that
 * order. */
TR_MUST tr_code tr_bank_write_features(const tr_features *features, const tr_network *near,
                                       tr_frame_writer *f, tr_err *err);
TR_MUST tr_code tr_bank_write_model(const tr_surrogate *m, tr_frame_writer *f, tr_err *err);

#endif
