/* dataset: a split stream in memory, checked: what training reads.
 *
 * Upstream: trace, labels, split. Downstream: features, models, gate. */
#ifndef TR_DATASET_H
#define TR_DATASET_H

#include "doors/io.h"
#include "ground/err.h"
#include "traces/labels.h"
#include "traces/split.h"
#include "traces/trace.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    tr_str text;            /* empty where the rows have none */
    const float *embedding; /* `dims` finite numbers; NULL where the rows have none */
    uint64_t row, group;    /* identities (trace.h); group = row where there is none */
    uint32_t label;         /* TR_LABEL_NONE: unlisted, or of a label that is not answered */
    float weight;           /* in selection; 1 but for rows that a policy has sampled, or stale */
    uint8_t side;           /* tr_side */
    bool unlisted;          /* kept out of training, a disagreement elsewhere */
} tr_dataset_row;

typedef struct {
    tr_dataset_row *rows;
    size_t n, capacity;
    size_t train, calibration, test; /* rows of each side */
    uint32_t dims;                   /* of the embeddings; 0: the rows have none */
    bool has_text;                   /* the rows have texts */
    tr_labels labels;         /* those that can be answered, in byte order, with TRAIN rows */
    uint32_t left_out_labels; /* labels with too few rows in TRAIN, or beyond the most */
    uint64_t left_out_rows;   /* TRAIN rows of those */
    tr_split_trailer trailer;
    bool has_trailer;
    tr_digest digest;             /* of all rows */
    tr_digest calibration_digest; /* of the calibration rows */
    tr_arena arena;               /* the texts */
    float *embeddings;            /* n × dims, row-major, in the order of the rows */
    size_t embeddings_capacity;
} tr_dataset;

enum {
    TR_DATASET_LABEL_ROWS = 2,    /* TRAIN rows that a label needs to be answered */
    TR_DATASET_MOST_LABELS = 8192 /* answered; beyond them the rarest are left out */
};

typedef struct {
    bool need_trailer; /* the stream must be as tr-split ended it */
    bool no_text;      /* texts are not kept, and may be missing */
    bool no_embedding; /* embeddings are not looked at */
} tr_dataset_options;

/* Reads all of `in` (borrowed). TR_DATA, with its place: a line that is no split trace; an
 * embedding of another dimension, or a row with or without text or embedding where the first row is
 * otherwise; neither text nor embedding left by the options; an id that two rows share (unless they
 * share a group too); a stream that is cut or was changed (trailer missing where it is needed,
 * other counts, another digest, lines behind it). */
TR_MUST tr_code tr_dataset_read(tr_dataset *d, tr_reader *in, tr_dataset_options options,
                                tr_err *err);
void tr_dataset_free(tr_dataset *d);

#endif
