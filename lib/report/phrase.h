/* phrase: figures as people read them: percentages, intervals, counts.
 *
 * Numbers are rounded and grouped, never for machines. A blank between number and sign does not
 * break lines. What is not known is said as "not known".
 *
 * Upstream: num, tally. Downstream: graphs, page. */
#ifndef TR_PHRASE_H
#define TR_PHRASE_H

#include "audit/tally.h"

enum { TR_PHRASE = 64 }; /* bytes of any of them, NUL included */

/* "94.8 %"; "< 0.1 %" and "> 99.9 %" where rounding would say nothing or all. */
void tr_phrase_percent(char text[TR_PHRASE], double share);
/* What was asked for, with no more digits than it has: "95 %", "99.95 %". */
void tr_phrase_target(char text[TR_PHRASE], double share);
/* "93.9 to 95.6 %". */
void tr_phrase_interval(char text[TR_PHRASE], tr_estimate e);
/* How many in a hundred: "0.7", "34"; "-" where whole is 0. `part` may be an estimate. */
void tr_phrase_rate(char text[TR_PHRASE], double part, double whole);
/* "12,345"; "about 12,345" is the caller's business. */
void tr_phrase_count(char text[TR_PHRASE], double count);
/* Up to six decimals, no more than it takes: "0.95". */
void tr_phrase_decimal(char text[TR_PHRASE], double x);
/* Two decimals, grouped: "1,234.50", "-3.00". */
void tr_phrase_money(char text[TR_PHRASE], double x);
/* "0.031", "< 0.0001": a chance, as tests give it. */
void tr_phrase_chance(char text[TR_PHRASE], double p);

#endif
