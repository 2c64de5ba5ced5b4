/* pending: decisions that are held back, in order, until the teacher has answered those that wait
 * for it.
 *
 * A queue of rows: some wait for an answer, the others stand behind one that does. Those at the
 * head that need no more waiting are to be taken off at once; so the head, where there is one,
 * waits, and has waited longest. At most so many rows that wait or waited, and so many bytes, are
 * held.
 *
 * Upstream: ground. Downstream: teacher. */
#ifndef TR_PENDING_H
#define TR_PENDING_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    tr_buf line;      /* the decision, with its newline; of rows that never waited, any number */
    size_t members;   /* bytes of it up to and with the comma behind the request's own members */
    uint64_t id;      /* hash of its id */
    int64_t since;    /* when it was asked, or put here; milliseconds of the caller's clock */
    uint32_t next;    /* of the same chain; place + 1, 0: none */
    uint32_t charges; /* kept for the caller */
    bool asks, waits;
} tr_pending_row;

typedef struct {
    tr_pending_row *rows; /* a ring */
    size_t capacity, mask;
    uint64_t head, tail; /* numbers of the first row and of the one after the last */
    size_t asking;       /* rows held that wait or waited */
    size_t window, bytes;
    uint32_t *chains; /* by hash: place + 1 of the first row that waits */
    size_t chain_mask;
} tr_pending;

enum { TR_PENDING_MOST = 1 << 16, TR_PENDING_BYTES = 16 << 20 };

/* window: 1..TR_PENDING_MOST. False when memory is out; free it all the same. */
bool tr_pending_init(tr_pending *p, size_t window);
void tr_pending_free(tr_pending *p);

static inline bool tr_pending_empty(const tr_pending *p)
{
    return p->head == p->tail;
}
/* Whether no further row that asks may be put in. */
bool tr_pending_full(const tr_pending *p);

/* Puts a row in that waits (there must be room), or one that does not (while the queue is not
 * empty). False when memory is out. */
bool tr_pending_ask(tr_pending *p, tr_str line, size_t members, uint64_t id, int64_t now);
bool tr_pending_add(tr_pending *p, tr_str line);

/* Row number k of the queue, head <= k < tail. */
static inline tr_pending_row *tr_pending_at(tr_pending *p, uint64_t k)
{
    return &p->rows[k & p->mask];
}
/* The first row with that id that waits and is before number `end`; NULL: none. */
tr_pending_row *tr_pending_find(tr_pending *p, uint64_t id, uint64_t end);

/* The row waits no more: with the teacher's label, a JSON value, as member "teacher"; or with why
 * there is none as member "error", the last one. False when memory is out. */
bool tr_pending_answer(tr_pending *p, tr_pending_row *row, tr_str label);
bool tr_pending_fail(tr_pending *p, tr_pending_row *row, const char *why);

/* Takes the row at the head off the queue, which must not wait. */
void tr_pending_pop(tr_pending *p);

#endif
