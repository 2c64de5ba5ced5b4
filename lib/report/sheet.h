/* sheet: a report as JSON: every figure under a stable key, and the counts that it came from.
 *
 * tr-audit(1) documents the keys. The same figures give the same bytes.
 *
 * Upstream: figures, compare, ledger. Downstream: tr-audit. */
#ifndef TR_SHEET_H
#define TR_SHEET_H

#include "ground/err.h"
#include "ground/mem.h"
#include "audit/compare.h"
#include "audit/figures.h"
#include "audit/monitor.h"

/* What a report is made from; the views share it. */
typedef struct {
    const tr_figures *figures;
    const tr_comparison *comparison; /* NULL: no baseline */
    const tr_money *money;           /* never NULL; money.there may be false */
} tr_report;

/* Appends the report, indented, with a newline at its end. TR_OK or TR_SYSTEM. */
TR_MUST tr_code tr_sheet_write(const tr_report *r, tr_buf *out, tr_err *err);

/* The verdict over monitor states: a line of text, or a JSON object in a line. */
void tr_sheet_verdict(const tr_monitor_verdict *v, bool json, tr_buf *out);

#endif
