/* terminal: a report as text for one screen: the verdict first, then where it is good and bad.
 *
 * At most 80 columns and some 40 lines; no colour, no control characters, whatever the texts hold.
 *
 * Upstream: sheet. Downstream: tr-audit. */
#ifndef TR_TERMINAL_H
#define TR_TERMINAL_H

#include "report/sheet.h"

TR_MUST tr_code tr_terminal_write(const tr_report *r, tr_buf *out, tr_err *err);

/* The one line that matters: what was promised, what was found, what follows; without newline. The
 * page begins with it too. */
void tr_terminal_verdict(const tr_report *r, tr_buf *out);

#endif
