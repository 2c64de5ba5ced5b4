/* base64: bytes as text and back (RFC 4648, the standard alphabet, padded). */
#ifndef TR_BASE64_H
#define TR_BASE64_H

#include "ground/mem.h"

#include <stdbool.h>

void tr_base64_put(tr_buf *out, tr_str bytes); /* appends */
/* Appends the bytes; false for anything but whole, padded base64 with zero left-over bits, or when
 * memory is out (out->failed). */
bool tr_base64_take(tr_buf *out, tr_str text);

#endif
