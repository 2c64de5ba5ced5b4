/* num: numbers to text and back, without the locale.
 *
 * Parsing takes the whole string or nothing; printing loses nothing. */
#ifndef TR_NUM_H
#define TR_NUM_H

#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum { TR_NUM_TEXT = 32 }; /* bytes that any printed number fits in, NUL included */

/* The whole of `s` as a number by JSON's grammar (no leading +, no 01, no hex, no blanks).
 * False where it is no such number, or not finite as a double. */
bool tr_num_parse_double(tr_str s, double *out);
/* The whole of `s` as decimal digits (a leading '-' for the signed one), in range. */
bool tr_num_parse_u64(tr_str s, uint64_t *out);
bool tr_num_parse_i64(tr_str s, int64_t *out);

/* The shortest decimal that reads back as the same double (integers below 2^53 without a point or
 * exponent). Returns its length; text is NUL-terminated. Non-finite numbers print as "null". */
size_t tr_num_print_double(char text[TR_NUM_TEXT], double x);
size_t tr_num_print_float(char text[TR_NUM_TEXT], float x); /* shortest for a float */
size_t tr_num_print_u64(char text[TR_NUM_TEXT], uint64_t x);
size_t tr_num_print_i64(char text[TR_NUM_TEXT], int64_t x);

/* "12,345,678": for people, never for machines. */
size_t tr_num_print_grouped(char text[TR_NUM_TEXT], uint64_t x);
/* "834 B", "4.1 kB", "12.6 MB" (powers of 1000). */
size_t tr_num_print_bytes(char text[TR_NUM_TEXT], uint64_t bytes);

#endif
