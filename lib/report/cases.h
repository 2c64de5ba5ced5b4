/* cases: the parts of the page that show texts: labels, pairs, and the words of each side.
 *
 * Upstream: cells, figures. Downstream: page. */
#ifndef TR_CASES_H
#define TR_CASES_H

#include "audit/figures.h"
#include "report/html.h"

/* Whether there is a label to show. */
bool tr_cases_any_label(const tr_figures *f);
/* Labels, the worst first; each but the pooled one unfolds to words and texts. */
void tr_cases_labels(tr_html *h, const tr_figures *f);
/* Surrogate said A, teacher said B, with the texts. */
void tr_cases_pairs(tr_html *h, const tr_figures *f);
/* Words that mark handled and deferred texts of all labels, side by side. */
void tr_cases_words(tr_html *h, const tr_figures *f);

#endif
