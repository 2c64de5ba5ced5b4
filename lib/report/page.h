/* page: a report as one HTML file: no script, no outside reference, light, dark and print, phone
 * and desk.
 *
 * Upstream: html, graphs, terminal. Downstream: tr-audit. */
#ifndef TR_PAGE_H
#define TR_PAGE_H

#include "report/sheet.h"

TR_MUST tr_code tr_page_write(const tr_report *r, tr_buf *out, tr_err *err);

#endif
