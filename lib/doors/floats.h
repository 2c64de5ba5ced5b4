/* floats: lists of numbers as JSON carries them: an array, or base64 of little-endian float32.
 *
 * Upstream: scan. Downstream: trace, tr-embed. */
#ifndef TR_FLOATS_H
#define TR_FLOATS_H

#include "doors/scan.h"
#include "ground/err.h"
#include "ground/mem.h"

#include <stddef.h>

enum { TR_FLOATS_MOST = 16384 }; /* numbers in one list */

/* A value of tr_scan_line, an array of numbers or a string of base64 (standard alphabet, padding
 * required), as finite floats appended to *out (grown by tr_mem_reserve); *n counts them. TR_DATA
 * with the reason and err->line = 0: "element 3 is not a number", "element 3 is NaN or infinite",
 * "not base64 ...", "more than 16,384 numbers", ... (elements and characters count from 1);
 * TR_SYSTEM when memory is out; *n is unchanged then. An empty list is no error here. */
TR_MUST tr_code tr_floats_read(tr_str value, tr_scan_type type, float **out, size_t *n,
                               size_t *capacity, tr_err *err);

/* Appends n floats as base64 (no quotes). */
void tr_floats_put_base64(tr_buf *b, const float *x, size_t n);

#endif
