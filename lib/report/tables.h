/* tables: the tables of the page that are figures alone.
 *
 * Upstream: cells, graphs, figures. Downstream: page. */
#ifndef TR_TABLES_H
#define TR_TABLES_H

#include "audit/compare.h"
#include "audit/figures.h"
#include "report/html.h"

enum { TR_TABLES_MOVES = 60 }; /* shown at most */

void tr_tables_slices(tr_html *h, const tr_figures *f);
void tr_tables_stages(tr_html *h, const tr_figures *f);
/* Answerers against ground truth. */
void tr_tables_accuracy(tr_html *h, const tr_figures *f);
/* Accept score against agreement. */
void tr_tables_reliability(tr_html *h, const tr_figures *f);
void tr_tables_moves(tr_html *h, const tr_comparison *c);
void tr_tables_money(tr_html *h, const tr_figures *f, const tr_money *m);

#endif
