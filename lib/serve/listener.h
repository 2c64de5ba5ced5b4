/* listener: HTTP by libmicrohttpd, which is known here only.
 *
 * One thread, that of tr_listener_turn, accepts connections and watches their time; they are spread
 * over others that wait for all of theirs at once, so that a client that stalls stops nobody.
 *
 * Upstream: service, address, linger. Downstream: tr-serve, who blocks the signals that it waits
 * for before it opens a listener: its threads inherit that. */
#ifndef TR_LISTENER_H
#define TR_LISTENER_H

#include "ground/err.h"
#include "serve/service.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *address;  /* see address.h */
    uint32_t connections; /* open at a time; whoever comes beyond them is told so, with 503 */
    double timeout;       /* seconds; see tr_listener_turn */
    unsigned threads;     /* 1..64 */
} tr_listener_options;

typedef struct tr_listener tr_listener;

/* Listens and starts the threads; borrows s. NULL with *err filled: TR_USAGE (the address),
 * TR_SYSTEM. */
tr_listener *tr_listener_open(const tr_listener_options *o, tr_service *s, tr_err *err);
/* Ends what is in hand, too. NULL is allowed. */
void tr_listener_close(tr_listener *l);
/* Before the first turn: how many connections may be open after all, and how many of those that
 * were refused may wait beside them until the client ends, where descriptors are few. */
void tr_listener_limit(tr_listener *l, uint32_t connections, uint32_t lingering);
const char *tr_listener_url(const tr_listener *l); /* "http://127.0.0.1:8000" */

/* Accepts connections for a second at most, or until `fd` (-1: none) is readable. Closes
 * connections on which nothing happened for the timeout; whose request was not there within the
 * timeout and a second for each 64 KiB of it; or who take as long to read their answer. TR_OK,
 * TR_SYSTEM. */
TR_MUST tr_code tr_listener_turn(tr_listener *l, int fd, tr_err *err);

/* Accepts no more, and waits until all requests that had come are answered: the timeout at most, or
 * until `fd` is readable. Returns how many are left without an answer. */
uint64_t tr_listener_drain(tr_listener *l, int fd);

#endif
