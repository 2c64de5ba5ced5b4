/* graphs: the pictures of a report, for a slide or inside a page.
 *
 * flow: from the requests through the stages to agreement, disagreement and the teacher (Sankey).
 * curve: risk and coverage with the operating point.
 * Each stands alone as an SVG file (light and dark, title and description, no outside reference),
 * and may stand inside a page, where several pictures must not share ids: `prefix` goes before
 * every id and class ("" in a file). With a prefix, heading, background and footnote are left to
 * the page. Where the figures have nothing to draw, the picture says so.
 *
 * Upstream: chart, sankey, phrase, figures. Downstream: page, tr-audit. */
#ifndef TR_GRAPHS_H
#define TR_GRAPHS_H

#include "report/sheet.h"

#include <stdbool.h>

TR_MUST tr_code tr_graphs_flow(const tr_report *r, const char *prefix, tr_buf *out, tr_err *err);
TR_MUST tr_code tr_graphs_curve(const tr_report *r, const char *prefix, tr_buf *out, tr_err *err);
/* True where checked answers stand for others, so that what is drawn of them is an estimate. */
bool tr_graphs_weighed(const tr_audit *a);
/* The accept score from which a point of the curve answers: where the policy stands its own
 * threshold, of which the log tells no more than the next score above. */
double tr_graphs_threshold(const tr_figures *f, size_t point);
/* True where the curve has a point to draw. */
bool tr_graphs_has_curve(const tr_figures *f);
/* Predicted against observed agreement, with intervals. */
TR_MUST tr_code tr_graphs_reliability(const tr_report *r, const char *prefix, tr_buf *out,
                                      tr_err *err);

#endif
