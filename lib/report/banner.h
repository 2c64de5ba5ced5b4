/* banner: the head of the page: the verdict in words and on a line, and the key numbers.
 *
 * Upstream: html, phrase, terminal. Downstream: page. */
#ifndef TR_BANNER_H
#define TR_BANNER_H

#include "report/html.h"
#include "report/sheet.h"

/* A few words for the title. */
const char *tr_banner_title(const tr_figures *f);
/* The verdict with the only h1, the interval beside the promise, and what was promised. */
void tr_banner_put(tr_html *h, const tr_report *r);
/* Key numbers as tiles. */
void tr_banner_numbers(tr_html *h, const tr_report *r);

#endif
