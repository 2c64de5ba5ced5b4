/* scan: one line of JSONL, checked strictly and looked into without building a tree.
 *
 * The whole line is checked against RFC 8259 (UTF-8, grammar, nesting of at most 1,000), and its
 * top-level members are given as slices of the line, so that what we do not read passes through
 * byte for byte. */
#ifndef TR_SCAN_H
#define TR_SCAN_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    TR_SCAN_NULL,
    TR_SCAN_BOOL,
    TR_SCAN_NUMBER,
    TR_SCAN_STRING,
    TR_SCAN_ARRAY,
    TR_SCAN_OBJECT
} tr_scan_type;

typedef struct {
    tr_str key;   /* with its quotes, as written */
    tr_str value; /* as written, no blanks around it (a string: with its quotes) */
    tr_scan_type type;
    int known; /* index into the table of known keys, or -1 */
} tr_scan_member;

/* Zero-initialise; free with tr_scan_free. Reused from line to line without allocating. */
typedef struct {
    tr_scan_member *members;
    size_t n, capacity;
    char *scratch; /* unescaped keys */
    size_t scratch_capacity;
    /* of the line before: its members, of which `known` still stands, and its table */
    size_t before;
    const char *const *table;
} tr_scan;

/* Splits `line` into members. `known` names the keys that the caller reads (UTF-8, compared after
 * unescaping); a known key that occurs twice is an error, an unknown one is not.
 * Returns TR_OK; TR_DATA with a reason and err->line = 0 (the caller puts the place before it) for:
 * an empty line, no object, bad grammar ("bad JSON at byte 17: ...", where 1 is the first byte), a
 * NUL byte, invalid UTF-8, an unescaped control character, too deep, trailing bytes, a known key
 * twice; TR_SYSTEM when memory is out. Entries of `known` may be NULL; of equal ones the first
 * counts. A table does not change between two lines. */
TR_MUST tr_code tr_scan_line(tr_scan *s, tr_str line, const char *const *known, size_t n_known,
                             tr_err *err);
/* The member with that known index, or NULL. */
const tr_scan_member *tr_scan_find(const tr_scan *s, int known);
void tr_scan_free(tr_scan *s);

/* Appends the text of a string value (with quotes, already checked by tr_scan_line) to `out`,
 * escapes resolved. False for a lone surrogate (\ud800), which is no text, or when memory is out
 * (out->failed tells). Where the value has no escape, *plain is set to a slice of the value and
 * nothing is appended; else *plain has data == NULL. `plain` may be NULL: all is appended then. */
bool tr_scan_text(tr_str value, tr_buf *out, tr_str *plain);

/* The same for a value of any kind: the text of a string, the JSON text of anything else. *out is
 * a slice of the value or of `buf` (emptied first), never NULL. False as above (buf->failed tells).
 */
bool tr_scan_member_text(const tr_scan_member *m, tr_buf *buf, tr_str *out);

/* Checks that `text` is one JSON value of any kind with nothing but blanks around it, as strictly
 * as tr_scan_line does. TR_OK, or TR_DATA with the reason. */
TR_MUST tr_code tr_scan_value(tr_str text, tr_err *err);

/* True if all of `s` is valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool tr_scan_utf8_valid(tr_str s);
/* Bytes (1 to 4) of the character at the start of `s`; 0 if there is none or it is not valid. */
size_t tr_scan_utf8_step(tr_str s);

/* The start of a valid text, at most `most` bytes of it, not ending within a character. */
tr_str tr_scan_cut(tr_str s, size_t most);

#endif
