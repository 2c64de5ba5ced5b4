/* intake: what an audit is made from: a policy's promise, lines of decisions, or reports.
 *
 * Upstream: policy, outcome, ledger, monitor. Downstream: tr-audit. */
#ifndef TR_INTAKE_H
#define TR_INTAKE_H

#include "audit/audit.h"
#include "audit/monitor.h"
#include "doors/io.h"
#include "doors/progress.h"
#include "ground/err.h"
#include "traces/outcome.h"

#include <stddef.h>

enum { TR_INTAKE_KEY = 256 };

/* The promise in a policy file, and the key of the text that it was fitted with ("": the aliases).
 * TR_OK, or what tr_policy_read returns. */
TR_MUST tr_code tr_intake_policy(const char *file, tr_promise *promise,
                                 char input_key[TR_INTAKE_KEY], tr_err *err);

/* The state of the drift monitor in a file, or a new one where there is none. TR_OK; TR_USAGE (a
 * promise over all traffic); TR_DATA (no state, or of another promise); TR_SYSTEM. */
TR_MUST tr_code tr_intake_monitor(const char *file, const tr_promise *promise, tr_monitor *m,
                                  tr_err *err);

/* Counts every line up to the end. The monitor (NULL: none) is given each handled row that was
 * shadowed and has a teacher label. TR_DATA for a bad line, with its place, or where there is no
 * line at all; TR_SYSTEM. */
TR_MUST tr_code tr_intake_lines(tr_audit *a, tr_monitor *monitor, tr_reader *in,
                                tr_outcome_parser *parser, tr_progress *progress, tr_err *err);

/* The sum of reports that tr-audit --json wrote; no file: standard input. *a is begun by it, and
 * freed by it where it fails. TR_DATA (no report; another promise or key of slices), TR_SYSTEM. */
TR_MUST tr_code tr_intake_reports(tr_audit *a, const char *const *files, size_t n, tr_err *err);

/* The verdict of the monitor states of shards. TR_OK; TR_DATA (a file that is none, or of another
 * promise); TR_SYSTEM. n >= 1. */
TR_MUST tr_code tr_intake_states(const char *const *files, size_t n, tr_monitor_verdict *out,
                                 tr_err *err);

/* Puts in the place of a policy one that defers everything, for the reason given; one that does so
 * already stays. TR_OK, or what reading and writing it return; the file is whole, old or new. */
TR_MUST tr_code tr_intake_fail_closed(const char *policy, const char *why, tr_err *err);

#endif
