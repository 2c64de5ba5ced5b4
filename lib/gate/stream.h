/* stream: the model stream between tr-train, tr-gate and tr-calibrate, read and written.
 *
 * Sections: HEAD (where it comes from), LABL (labels with their TRAIN rows), what bank.h says, HELD
 * (held-out rows), MEMB (one a member: its mixture and held-out results), and after tr-gate GATE
 * (one a member: acceptor and accept scores of the held-out rows) and CASC (one a cascade: its
 * members, the second one's acceptor and accept scores). tr-format(5) has the fields.
 *
 * Upstream: bank, zoo, heldout, acceptor. Downstream: learn, calibrate, tr-gate, tr-show. */
#ifndef TR_STREAM_H
#define TR_STREAM_H

#include "doors/frame.h"
#include "gate/acceptor.h"
#include "gate/bank.h"
#include "gate/heldout.h"
#include "gate/origin.h"
#include "ground/err.h"
#include "models/mixture.h"
#include "zoo/zoo.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char name[TR_ZOO_NAME];
    tr_mixture mixture;          /* of the bank's models */
    tr_softmax_summary *summary; /* of every held-out row */
    bool gated;
    tr_acceptor acceptor;
    uint32_t *score; /* of every held-out row: out of fold on TRAIN */
} tr_stream_member;

/* Two members, one after the other: the second is asked where the first does not answer. */
typedef struct {
    uint32_t first, second;
    tr_acceptor acceptor; /* of the second stage; it looks at the first one, too */
    uint32_t *score;      /* of the second stage, for every held-out row */
} tr_stream_cascade;

enum { TR_STREAM_MEMBERS = 32, TR_STREAM_CASCADES = 6 };

typedef struct {
    tr_origin origin;
    tr_labels labels;
    tr_bank bank; /* borrowed from the bytes */
    tr_heldout heldout;
    tr_stream_member member[TR_STREAM_MEMBERS];
    size_t n;
    tr_stream_cascade cascade[TR_STREAM_CASCADES];
    size_t n_cascades;
    tr_buf bytes; /* what the borrowed parts lie in */
    tr_frame frame;
} tr_stream;

/* Reads and checks a whole stream ("-" or NULL: standard input). Free with tr_stream_free, also
 * after a failure. */
TR_MUST tr_code tr_stream_read(tr_stream *s, const char *file, tr_err *err);
/* The same from bytes that were read already, taken over from *bytes (emptied); `name` for
 * messages. */
TR_MUST tr_code tr_stream_take(tr_stream *s, tr_buf *bytes, const char *name, tr_err *err);
void tr_stream_free(tr_stream *s);

/* The member whose evidence the novelty guard of member m looks at: "svm" where the zoo has it (a
 * softmax says how labels compare, one-vs-rest says whether any fits at all), else m itself. */
size_t tr_stream_guard(const tr_stream *s, size_t m);

/* agree[i] of member m and held-out row i: 1 where the member's label is the row's. */
void tr_stream_agree(const tr_stream *s, size_t m, uint8_t *agree);

/* What is known of held-out row i when member m decides on it. */
static inline tr_acceptor_row tr_stream_row(const tr_stream *s, size_t m, size_t i)
{
    const tr_heldout_row *r = &s->heldout.rows[i];
    return (tr_acceptor_row){
        .said = &s->member[m].summary[i], .unseen = r->unseen, .near = r->near};
}

/* A new stream: tr_stream_begin, the models (tr_bank_write_model), a member at a time, then
 * tr_frame_end. */
TR_MUST tr_code tr_stream_begin(tr_frame_writer *f, tr_writer *out, const tr_origin *origin,
                                const tr_labels *labels, const tr_features *features,
                                const tr_network *near, const tr_heldout *heldout, tr_err *err);
TR_MUST tr_code tr_stream_add_member(tr_frame_writer *f, const char *name,
                                     const tr_mixture *mixture, const tr_softmax_summary *summary,
                                     size_t n, tr_err *err);

#endif
