/* address: "127.0.0.1:8000" to a socket that listens there; what is an origin.
 *
 * Upstream: ground. Downstream: listener, tr-serve. */
#ifndef TR_ADDRESS_H
#define TR_ADDRESS_H

#include "ground/err.h"

#include <stdbool.h>

enum { TR_ADDRESS_TEXT = 300 };

/* A non-blocking socket that listens at ADDRESS:PORT: a name, numbers, [numbers of IPv6], or
 * nothing (all of IPv4); port 0: any that is free. `url` becomes http://NUMBERS:PORT. Returns -1
 * with *err filled: TR_USAGE (not such an address), TR_SYSTEM. The caller closes it. */
int tr_address_listen(const char *address, char url[TR_ADDRESS_TEXT], tr_err *err);

/* Whether a browser may say so in Origin: scheme://host[:port] in small letters, without a path and
 * without the port that is the scheme's own (RFC 6454, 6.2). */
bool tr_address_is_origin(const char *text);

#endif
