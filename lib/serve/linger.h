/* linger: connections that were refused while the client still sends.
 *
 * A socket that is closed with unread bytes resets the connection, and the client may lose the
 * answer that says why. So its bytes are thrown away for a while, until the client ends.
 *
 * Downstream: listener. */
#ifndef TR_LINGER_H
#define TR_LINGER_H

#include "ground/err.h"

#include <stdint.h>

enum { TR_LINGER_MOST = 64 };

typedef struct tr_linger tr_linger;

tr_linger *tr_linger_open(tr_err *err); /* NULL: TR_SYSTEM */
void tr_linger_close(tr_linger *l);     /* closes all; NULL is allowed */

/* How many there may be at a time, each a descriptor: TR_LINGER_MOST unless this says fewer. While
 * no other thread adds. */
void tr_linger_limit(tr_linger *l, uint32_t most);
/* Keeps a duplicate of the socket, from any thread, until `until` milliseconds of the clock that
 * the caller goes by, and tells the client that nothing more comes. Where there are too many, only
 * what has come so far is thrown away. */
void tr_linger_add(tr_linger *l, int fd, int64_t until);
int tr_linger_fd(const tr_linger *l); /* readable when there is something to do */
void tr_linger_turn(tr_linger *l, int64_t now);

#endif
