/* cells: what the tables of the page are made of: rows, numbers, shares with bar and interval.
 *
 * Each table has a caption, and its header cells say of what they are. A bar says nothing that the
 * number beside it does not.
 *
 * Upstream: html, phrase, figures. Downstream: cases, tables. */
#ifndef TR_CELLS_H
#define TR_CELLS_H

#include "audit/figures.h"
#include "report/html.h"

enum { TR_CELLS_SEEN = 25, TR_CELLS_MOST = 400, TR_CELLS_GROUP = 3, TR_CELLS_NAME = 160 };

/* Begins a table: caption and header cells, the first of them over the names. `class` may be NULL.
 */
void tr_cells_table(tr_html *h, const char *class, const char *caption, const char *first,
                    const char *const *heads, size_t n);
void tr_cells_end_table(tr_html *h);

/* Begins a row and the cell of its name; the caller closes both. */
void tr_cells_row(tr_html *h);
/* Anybody's name, in any cell; at most TR_CELLS_NAME bytes of it. */
void tr_cells_name(tr_html *h, tr_str name);

void tr_cells_number(tr_html *h, const char *value);
void tr_cells_begin_number(tr_html *h, const char *value); /* more may follow; the caller closes */
/* A share with its interval; `bar` is the class of its bar, NULL: none. `none` stands where there
 * is no value. */
void tr_cells_share(tr_html *h, const char *bar, const tr_estimate *e, const char *none);

/* A row of a group, whose columns have these heads. */
extern const char *const tr_cells_group_heads[TR_CELLS_GROUP];
void tr_cells_group(tr_html *h, const tr_group *g);

/* A long table: TR_CELLS_SEEN rows, then those up to TR_CELLS_MOST, folded, then how many are left
 * out. */
typedef struct {
    const char *class;                  /* may be NULL */
    const char *caption, *again, *what; /* again: of the rows that unfold */
    const char *first, *const *heads;
    size_t n_heads;
    void (*row)(tr_html *h, const void *list, size_t i);
} tr_listing;

void tr_cells_listing(tr_html *h, const tr_listing *l, const void *list, size_t n);
/* How many of n are left out, where there are more than `most`. */
void tr_cells_rest(tr_html *h, size_t n, size_t most, const char *what);

#endif
