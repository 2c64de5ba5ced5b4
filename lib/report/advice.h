/* advice: what to do next, as a sentence without its full stop: after a broken promise, without
 * labels, by the prices.
 *
 * Upstream: sheet, columns. Downstream: terminal. */
#ifndef TR_ADVICE_H
#define TR_ADVICE_H

#include "ground/mem.h"
#include "report/sheet.h"

void tr_advice_write(const tr_report *r, tr_buf *words);

#endif
