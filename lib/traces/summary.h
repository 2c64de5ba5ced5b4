/* summary: what a split came to, for people.
 *
 * Upstream: split, stat. Downstream: tr-split. */
#ifndef TR_SUMMARY_H
#define TR_SUMMARY_H

#include "ground/mem.h"
#include "traces/labels.h"
#include "traces/split.h"

/* Lines of text, each with its newline, appended to `out`. */
void tr_summary_write(const tr_split_options *o, const tr_split_counts *c, const tr_labels *labels,
                      tr_buf *out);

#endif
