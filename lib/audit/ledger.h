/* ledger: an audit's counts as bytes, so that a report can be added to others and compared.
 *
 * In a JSON report the member "counts" holds them as base64; tr-format(5) has the fields. The bytes
 * depend on the counts alone: entries are in order of their names.
 *
 * Upstream: audit, base64, scan. Downstream: sheet, tr-audit. */
#ifndef TR_LEDGER_H
#define TR_LEDGER_H

#include "ground/err.h"
#include "ground/mem.h"
#include "audit/audit.h"

/* Appends magic, version, fields and checksum to `out`. TR_OK, TR_SYSTEM. */
TR_MUST tr_code tr_ledger_write(const tr_audit *a, tr_buf *out, tr_err *err);
/* The reverse; *a is begun by it (free it after TR_OK only). TR_DATA for whatever is not what
 * tr_ledger_write writes: sizes, order, ranges and the checksum are looked at. `name` is for the
 * message. */
TR_MUST tr_code tr_ledger_read(tr_audit *a, tr_str bytes, const char *name, tr_err *err);

/* The audit in a report file ("-": standard input) that tr-audit --json wrote. TR_DATA where it is
 * no such report; TR_SYSTEM. */
TR_MUST tr_code tr_ledger_read_report(tr_audit *a, const char *file, tr_err *err);

#endif
