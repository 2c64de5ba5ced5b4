/* route: a request in, a decision out.
 *
 * The rule is the one that was certified: same features, same scores, same comparison, to the bit.
 * No state from row to row. Upstream: decide, explain. Downstream: router. */
#ifndef TR_ROUTE_H
#define TR_ROUTE_H

#include "ground/err.h"
#include "ground/hash.h"
#include "policy/policy.h"
#include "traces/trace.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    TR_ROUTE_HANDLED,
    TR_ROUTE_LOW,    /* the accept score is below the threshold */
    TR_ROUTE_NOVEL,  /* unlike the log: outside the guard */
    TR_ROUTE_LABEL,  /* a label that is never answered */
    TR_ROUTE_REFUSED /* the policy defers everything */
} tr_route_why;

typedef struct {
    tr_route_why why;
    uint32_t label; /* the surrogate's; answered only where handled */
    uint32_t score; /* accept score in millionths; of the stage that answers, or was asked last */
    uint32_t stage; /* that answers, from 1; 0: none */
} tr_decision;

/* What one thread needs: buffers, a parser. Not shared. */
typedef struct tr_route_worker tr_route_worker;

tr_route_worker *tr_route_open(const tr_policy *p, tr_err *err); /* borrows p; NULL: TR_SYSTEM */
void tr_route_close(tr_route_worker *w);                         /* NULL is allowed */

/* Whether decision lines have "explain" from now on; at first they have not. */
void tr_route_explain(tr_route_worker *w, bool explain);

/* Decides on a text and an embedding: tr_features_embedding numbers, NULL where the policy takes
 * none. False when memory is out. */
bool tr_route_input(tr_route_worker *w, tr_str text, const float *embedding, tr_decision *out);

/* Which rows the teacher is asked about, and how they are known to it. */
typedef struct {
    double share;    /* fraction of the handled rows that the teacher is asked about too */
    tr_hash_key key; /* of that draw: tr_hash_derive(seed, "shadow") */
    /* Rows without an id get one, this text (UTF-8) and 16 hex digits; a "teacher" that is none is
     * dropped. NULL: neither. */
    const char *id_prefix;
} tr_route_shadow;

/* From now on; at first share 0 and NULL. A row is drawn by its id, as it is written. *s is copied,
 * the prefix is borrowed. */
void tr_route_set_shadow(tr_route_worker *w, const tr_route_shadow *s);

/* What became of a line. */
typedef struct {
    bool bad;  /* it could not be read */
    bool asks; /* deferred or shadowed, and no teacher's label came with it */
    size_t
        members; /* bytes of the decision up to and with the comma behind the request's members */
    uint64_t id; /* hash of the id as written, see tr_trace_identity; without one, of the row */
    tr_decision decision; /* not of a bad one */
} tr_routed;

/* A request line to a decision line, with its newline, appended to `out`. A line that cannot be
 * read becomes a deferred decision with "error" ("line NUMBER: reason"), and is bad. Returns TR_OK
 * or TR_SYSTEM (memory). */
TR_MUST tr_code tr_route_line(tr_route_worker *w, tr_str line, uint64_t number, bool keep_embedding,
                              tr_buf *out, tr_routed *row, tr_err *err);

#endif
