/* json: JSON written by us, and small documents read through cJSON, which is known here only.
 *
 * Numbers are printed by ground/num, never by cJSON (which loses some). Documents are checked by
 * doors/scan before cJSON sees them, so that what it is lax about never arrives. */
#ifndef TR_JSON_H
#define TR_JSON_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- writing: into a tr_buf, compact or indented by two blanks ---- */

typedef struct {
    tr_buf *out; /* borrowed */
    bool pretty;
    unsigned depth;
    bool first, after_key;
} tr_json_writer;

void tr_json_begin(tr_json_writer *w, tr_buf *out, bool pretty);
void tr_json_open_object(tr_json_writer *w);
void tr_json_close_object(tr_json_writer *w);
void tr_json_open_array(tr_json_writer *w);
void tr_json_close_array(tr_json_writer *w);
void tr_json_key(tr_json_writer *w, const char *key);
void tr_json_str(tr_json_writer *w, tr_str s);
void tr_json_c(tr_json_writer *w, const char *text);
void tr_json_double(tr_json_writer *w, double x); /* shortest exact; non-finite as null */
void tr_json_float(tr_json_writer *w, float x);
void tr_json_u64(tr_json_writer *w, uint64_t x);
void tr_json_i64(tr_json_writer *w, int64_t x);
void tr_json_bool(tr_json_writer *w, bool x);
void tr_json_null(tr_json_writer *w);
/* A key and its value at once. */
void tr_json_key_str(tr_json_writer *w, const char *key, tr_str s);
void tr_json_key_c(tr_json_writer *w, const char *key, const char *text);
void tr_json_key_double(tr_json_writer *w, const char *key, double x);
void tr_json_key_u64(tr_json_writer *w, const char *key, uint64_t x);
void tr_json_key_bool(tr_json_writer *w, const char *key, bool x);

/* Appends `s` as a JSON string with its quotes; U+2028/9 and controls are escaped, the rest is
 * UTF-8 as it is. */
void tr_json_put_str(tr_buf *out, tr_str s);

/* ---- reading: small documents (options, trailers, reports), as a tree ---- */

typedef struct tr_json tr_json; /* a node; the root owns all */

/* Strict: one JSON value, nothing behind it. NULL with *err filled (TR_DATA, TR_SYSTEM). A \u0000
 * in a string, half a surrogate pair, duplicate keys (at any level), numbers beyond a double or of
 * more than 63 characters are refused too. */
tr_json *tr_json_parse(tr_str text, tr_err *err);
void tr_json_free(tr_json *root); /* NULL is allowed */
/* NULL where there is no such key, or `object` is none. */
const tr_json *tr_json_get(const tr_json *object, const char *key);
const tr_json *tr_json_at(const tr_json *array, size_t i);   /* NULL beyond the end */
size_t tr_json_size(const tr_json *node);                    /* of an array or object */
bool tr_json_as_text(const tr_json *node, const char **out); /* borrowed, NUL-terminated */
bool tr_json_as_double(const tr_json *node, double *out);
bool tr_json_as_u64(const tr_json *node, uint64_t *out); /* integers below 2^53 only */
bool tr_json_as_bool(const tr_json *node, bool *out);

#endif
