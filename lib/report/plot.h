/* plot: what the tools have found, as pictures.
 *
 * Upstream: chart, frontier. Downstream: tr-frontier. */
#ifndef TR_PLOT_H
#define TR_PLOT_H

#include "ground/err.h"
#include "ground/mem.h"
#include "policy/frontier.h"

/* Coverage against agreement, appended to `out` as SVG: the certified steps as a stair, what each
 * family has out of fold dashed and labelled as no promise, and a ring around the point that was
 * chosen (NULL: none). Returns TR_OK or TR_SYSTEM. */
TR_MUST tr_code tr_plot_frontier(const tr_frontier *f, const tr_frontier_point *chosen, tr_buf *out,
                                 tr_err *err);

#endif
