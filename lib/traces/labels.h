/* labels: the set of label texts, numbered. Any bytes may be in a label. */
#ifndef TR_LABELS_H
#define TR_LABELS_H

#include "ground/err.h"
#include "ground/le.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

#define TR_LABEL_NONE UINT32_MAX /* a label that is never answered: unlisted, pooled or unseen */

typedef struct {
    tr_str *text;    /* n texts, NUL-terminated beyond their size */
    uint64_t *count; /* rows counted by tr_labels_add */
    uint32_t n;
    /* private */
    size_t capacity, count_capacity;
    uint32_t *slots;
    size_t n_slots;
    tr_arena arena;
} tr_labels;

void tr_labels_init(tr_labels *l);
/* The number of a text, given one if it is new; counts `rows` more. TR_LABEL_NONE when
 * memory is out. */
uint32_t tr_labels_add(tr_labels *l, tr_str text, uint64_t rows);
uint32_t tr_labels_find(const tr_labels *l, tr_str text); /* TR_LABEL_NONE where absent */
/* Renumbers in byte order; renumber[old] = new (n entries, malloced by the caller), may be NULL. */
TR_MUST tr_code tr_labels_sort(tr_labels *l, uint32_t *renumber, tr_err *err);
void tr_labels_free(tr_labels *l);

/* One label a line (io's lines: CRLF and a BOM are fine, blank lines are skipped). TR_DATA for one
 * that occurs twice, for invalid UTF-8 or an empty file. */
TR_MUST tr_code tr_labels_read_file(tr_labels *l, const char *file, tr_err *err);

/* For the binary formats: u32 n, then texts (le_str), padded to 8, then u64 counts. */
void tr_labels_write(const tr_labels *l, tr_buf *out);
TR_MUST tr_code tr_labels_read(tr_labels *l, tr_le_reader *r, tr_err *err);

#endif
