/* columns: text for a terminal: anybody's words made harmless, cut and set in columns and lines.
 *
 * Characters that move the cursor, turn the direction or hide become U+FFFD, line ends and tabs a
 * blank; the joiners U+200C and U+200D stay. A column is what a terminal gives a letter; East Asian
 * characters and emoji take two. What runs out of memory shows in out->failed.
 *
 * Upstream: doors/scan. Downstream: terminal. */
#ifndef TR_COLUMNS_H
#define TR_COLUMNS_H

#include "ground/mem.h"

enum { TR_COLUMNS = 80, TR_COLUMNS_HANG = 12 };

/* Columns of a text that is harmless. */
unsigned tr_columns_width(tr_str text);

/* Appends a text in at most `most` (3 or more) columns, what does not fit as "..."; returns how
 * many columns it took. */
unsigned tr_columns_foreign(tr_buf *out, tr_str text, unsigned most);
/* The same, filled with blanks up to `width`. */
void tr_columns_cell(tr_buf *out, tr_str text, unsigned width);

/* Appends harmless words in lines of at most TR_COLUMNS, each ended. `name` stands before them and
 * sets them in by TR_COLUMNS_HANG; "" does not. A number stays beside its "%". */
void tr_columns_wrap(tr_buf *out, const char *name, tr_str words);

#endif
