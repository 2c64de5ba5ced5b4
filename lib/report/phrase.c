#include "report/phrase.h"

#include "ground/num.h"

#include <math.h>
#include <stdio.h>

#define BLANK "\xc2\xa0" /* that does not break */

static const char UNKNOWN[] = "not known";

/* One decimal place of a percent, always, rounded as the report in text does. */
static void tenths(char text[TR_PHRASE], double share)
{
    snprintf(text, TR_PHRASE, "%.1f", 100 * share + 0.0);
}

void tr_phrase_target(char text[TR_PHRASE], double share)
{
    if (isfinite(share))
        snprintf(text, TR_PHRASE, "%.7g" BLANK "%%", 100 * share);
    else
        snprintf(text, TR_PHRASE, "%s", UNKNOWN);
}

void tr_phrase_percent(char text[TR_PHRASE], double share)
{
    char number[TR_PHRASE];

    if (!isfinite(share)) {
        snprintf(text, TR_PHRASE, "%s", UNKNOWN);
    } else if (share > 0 && share < 0.0005) {
        snprintf(text, TR_PHRASE, "<" BLANK "0.1" BLANK "%%");
    } else if (share < 1 && share >= 0.9995) {
        snprintf(text, TR_PHRASE, ">" BLANK "99.9" BLANK "%%");
    } else {
        tenths(number, share);
        snprintf(text, TR_PHRASE, "%.20s" BLANK "%%", number);
    }
}

void tr_phrase_interval(char text[TR_PHRASE], tr_estimate e)
{
    char low[TR_PHRASE], high[TR_PHRASE];

    if (!isfinite(e.low) || !isfinite(e.high)) {
        snprintf(text, TR_PHRASE, "%s", UNKNOWN);
        return;
    }
    tenths(low, e.low);
    tenths(high, e.high);
    snprintf(text, TR_PHRASE, "%.20s to %.20s" BLANK "%%", low, high);
}

void tr_phrase_rate(char text[TR_PHRASE], double part, double whole)
{
    double rate = fmin(100 * part / whole, 100);

    if (!(whole > 0) || !(part >= 0))
        snprintf(text, TR_PHRASE, "\xe2\x80\x93");
    else if (rate > 0 && rate < 0.05)
        snprintf(text, TR_PHRASE, "<" BLANK "0.1");
    else
        snprintf(text, TR_PHRASE, rate > 0 && rate < 9.95 ? "%.1f" : "%.0f", rate);
}

void tr_phrase_count(char text[TR_PHRASE], double count)
{
    char number[TR_NUM_TEXT];
    bool below = count < 0;

    if (!isfinite(count) || fabs(count) > 9e15) {
        snprintf(text, TR_PHRASE, "%s", UNKNOWN);
        return;
    }
    tr_num_print_grouped(number, (uint64_t)llround(fabs(count)));
    snprintf(text, TR_PHRASE, "%s%s", below && number[0] != '0' ? "-" : "", number);
}

void tr_phrase_decimal(char text[TR_PHRASE], double x)
{
    char number[TR_NUM_TEXT];

    if (!isfinite(x)) {
        snprintf(text, TR_PHRASE, "%s", UNKNOWN);
        return;
    }
    tr_num_print_double(number, round(x * 1e6) / 1e6 + 0.0);
    snprintf(text, TR_PHRASE, "%s", number);
}

void tr_phrase_money(char text[TR_PHRASE], double x)
{
    char number[TR_NUM_TEXT];

    if (!isfinite(x) || fabs(x) > 9e13) {
        snprintf(text, TR_PHRASE, "%s", UNKNOWN);
        return;
    }
    uint64_t hundredths = (uint64_t)llround(fabs(x) * 100);
    tr_num_print_grouped(number, hundredths / 100);
    snprintf(text, TR_PHRASE, "%s%s.%02u", x < 0 && hundredths > 0 ? "-" : "", number,
             (unsigned)(hundredths % 100));
}

void tr_phrase_chance(char text[TR_PHRASE], double p)
{
    char number[TR_PHRASE];

    if (isfinite(p) && p < 0.0001) {
        snprintf(text, TR_PHRASE, "<" BLANK "0.0001");
        return;
    }
    tr_phrase_decimal(number,
                      isfinite(p) ? round(p * (p < 0.01 ? 1e4 : 1e3)) / (p < 0.01 ? 1e4 : 1e3) : p);
    snprintf(text, TR_PHRASE, "%s", number);
}
