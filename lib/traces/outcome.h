/* outcome: a decision read back, with what has become known since.
 *
 * A line of tr-route's output, to which a teacher's label may have been added. Upstream:
 * doors/scan. Downstream: audit/audit, audit/monitor. */
#ifndef TR_OUTCOME_H
#define TR_OUTCOME_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum { TR_OUTCOME_NO_SCORE = UINT32_MAX, TR_OUTCOME_STAGES = 2 };

/* Why a request was deferred, as far as the line says ("explain", "error"). */
typedef enum {
    TR_WHY_UNSAID, /* or handled */
    TR_WHY_LOW,    /* the accept score is below the threshold */
    TR_WHY_NOVEL,  /* outside the guard */
    TR_WHY_LABEL,  /* a label that is never answered */
    TR_WHY_REFUSED,
    TR_WHY_ERROR, /* the request could not be read */
    TR_WHY_COUNT
} tr_why;

/* data NULL: not there. */
typedef struct {
    bool handled, shadow;
    tr_why why;
    tr_str label;   /* what was answered; NULL where deferred */
    tr_str would;   /* the surrogate's label, answered or (by "explain") not; NULL: not known */
    tr_str teacher; /* NULL: not known */
    tr_str truth;   /* ground_truth */
    tr_str input;
    tr_str by;         /* the text of the key asked for: of a string, number or boolean */
    uint32_t score;    /* millionths, or TR_OUTCOME_NO_SCORE */
    unsigned stage;    /* that answers; 0: none */
    double propensity; /* with which the teacher's label comes to be known, 0..1 */
    double shadow_share;
    bool named;   /* it has an id */
    uint64_t key; /* picks examples: hash of the id; without one of the text; else of the line */
} tr_outcome;

typedef struct tr_outcome_parser tr_outcome_parser;

/* input_key NULL: the aliases (input, query, text, prompt, question); by_key NULL: none. Both are
 * borrowed and may name any key, reserved ones too. NULL: TR_SYSTEM. */
tr_outcome_parser *tr_outcome_open(const char *input_key, const char *by_key, tr_err *err);
void tr_outcome_close(tr_outcome_parser *p);

/* The slices in *o are borrowed until the next call. TR_OK; TR_DATA with the reason alone (the
 * caller adds the place): no JSON, no "decision", a decision that is neither handled nor deferred,
 * handled without a label, a stage, score, propensity or shadow_share out of range, one of the last
 * two without the other, a label, teacher or ground_truth that is a list or an object. Absent
 * propensity and shadow_share are 1 and 0. An input, id, `by` or "explain" of another shape than
 * expected is as if absent. */
TR_MUST tr_code tr_outcome_parse(tr_outcome_parser *p, tr_str line, tr_outcome *o, tr_err *err);

#endif
