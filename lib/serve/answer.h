/* answer: the body of a request in, the body of its answer out.
 *
 * Upstream: route, metrics. Downstream: service. */
#ifndef TR_ANSWER_H
#define TR_ANSWER_H

#include "ground/err.h"
#include "ground/mem.h"
#include "policy/workers.h"
#include "serve/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who decides, and where that is counted. All is borrowed. */
typedef struct {
    tr_route_worker *worker;
    const tr_policy *policy; /* the worker's */
    tr_metrics *metrics;
    unsigned shard;
    bool keep_embedding;
    _Atomic uint64_t *numbers; /* last line number given; NULL: each body begins with line 1 */
} tr_answerer;

/* One JSON object, which may be written over several lines, to the line that tr-route would write
 * for it; *bad: it could not be read, and the line has "error". Appends to `out`. TR_OK, TR_SYSTEM.
 */
TR_MUST tr_code tr_answer_predict(const tr_answerer *a, tr_str body, tr_buf *out, bool *bad,
                                  tr_err *err);

/* {"inputs": [text...], "embeddings": [[number...] or base64...]}, one or both as the policy takes
 * them, to {"labels", "decisions", "handled", "accept_scores", "stages"}, each a list. TR_OK;
 * TR_DATA with what is wrong ("embeddings[3]: ..."), `out` is not to be used then; TR_SYSTEM. */
TR_MUST tr_code tr_answer_batch(const tr_answerer *a, tr_str body, tr_buf *out, tr_err *err);

/* Lines to decisions as they come in. Zero-initialise; free with tr_answer_lines_free. */
typedef struct {
    tr_buf cut;      /* the line that has not ended yet */
    uint64_t number; /* of the last line */
    bool begun;      /* the first bytes are through: a byte order mark is none any more */
} tr_answer_lines;

/* The decisions of the lines that these bytes complete, appended to `out`. `last`: the body ends
 * here, a line without newline is one. TR_OK, TR_SYSTEM. */
TR_MUST tr_code tr_answer_more(const tr_answerer *a, tr_answer_lines *l, tr_str bytes, bool last,
                               tr_buf *out, tr_err *err);
void tr_answer_lines_free(tr_answer_lines *l); /* leaves it as at first */

/* What GET /health says. */
void tr_answer_health(const tr_policy *p, tr_buf *out);

/* {"error": message} and a newline. */
void tr_answer_error(const char *message, tr_buf *out);

#endif
