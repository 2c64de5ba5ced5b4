/* origin: where a model stream or a policy comes from.
 *
 * Upstream: le. Downstream: stream, policy. */
#ifndef TR_ORIGIN_H
#define TR_ORIGIN_H

#include "ground/err.h"
#include "ground/le.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a stream or a policy comes from. Texts are NUL-terminated. */
typedef struct {
    char version[32]; /* of the tool that trained */
    uint64_t seed;
    uint64_t rows, train, calibration, test; /* of the log */
    uint64_t held_out;                       /* TRAIN rows with out-of-fold results */
    uint32_t folds;
    bool grouped;
    double share; /* of rows for calibration; 0: not known */
    uint64_t left_out_labels, left_out_rows;
    char input_key[256], label_key[256]; /* as named to tr-split; "" : the aliases */
    char digest[33], calibration_digest[33];
} tr_origin;

void tr_origin_write(const tr_origin *o, tr_buf *out);
TR_MUST tr_code tr_origin_read(tr_origin *o, tr_le_reader *r, tr_err *err);

/* A text of a binary file (le_str) into `text`; false where it does not fit or has a NUL inside. */
bool tr_origin_text(tr_le_reader *r, char *text, size_t size);

#endif
