/* instant: a moment as logs write it.
 *
 * RFC 3339 ("2026-11-22T05:40:00Z", "...05:40:00.25+01:00"; a blank or small t for the T; a date
 * alone is its midnight, UTC), or a number of seconds since 1970, milliseconds from 1e11 on,
 * microseconds from 1e14 on, nanoseconds from 1e17 on. Leap seconds count as the second after.
 *
 * Upstream: num. Downstream: split. */
#ifndef TR_INSTANT_H
#define TR_INSTANT_H

#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

/* Microseconds since 1970-01-01T00:00:00Z, cut, of years 1 to 9999. False where `text` as a whole
 * is neither. */
bool tr_instant_parse(tr_str text, int64_t *microseconds);

/* RFC 3339, UTC, with microseconds where they are not 0; what tr_instant_parse has given is read
 * back as the same. */
enum { TR_INSTANT_TEXT = 40 };
void tr_instant_print(char out[TR_INSTANT_TEXT], int64_t microseconds);

#endif
