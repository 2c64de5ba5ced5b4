/* address: "127.0.0.1:8000" to a socket that listens there.
 *
 * Upstream: ground. Downstream: listener. */
#ifndef TR_ADDRESS_H
#define TR_ADDRESS_H

#include "ground/err.h"

enum { TR_ADDRESS_TEXT = 300 };

/* A non-blocking socket that listens at ADDRESS:PORT: a name, numbers, [numbers of IPv6], or
 * nothing (all of IPv4); port 0: any that is free. `url` becomes http://NUMBERS:PORT. Returns -1
 * with *err filled: TR_USAGE (not such an address), TR_SYSTEM. The caller closes it. */
int tr_address_listen(const char *address, char url[TR_ADDRESS_TEXT], tr_err *err);

#endif
