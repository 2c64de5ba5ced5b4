#include "report/phrase.h"

#include "check.h"

#include <math.h>

#define S "\xc2\xa0"

static char text[TR_PHRASE];

#define SAYS(call, words) (call, strcmp(text, words) == 0 || (printf("# got %s\n", text), 0))

static void percentages(void)
{
    CHECK(SAYS(tr_phrase_percent(text, 0.948), "94.8" S "%"));
    CHECK(SAYS(tr_phrase_percent(text, 0), "0.0" S "%"));
    CHECK(SAYS(tr_phrase_percent(text, 1), "100.0" S "%"));
    /* neither nothing nor all is said of what is not */
    CHECK(SAYS(tr_phrase_percent(text, 0.0004), "<" S "0.1" S "%"));
    CHECK(SAYS(tr_phrase_percent(text, 0.9996), ">" S "99.9" S "%"));
    CHECK(SAYS(tr_phrase_percent(text, NAN), "not known"));
    CHECK(SAYS(tr_phrase_target(text, 0.9999), "99.99" S "%"));
    CHECK(SAYS(tr_phrase_target(text, 0.95), "95" S "%"));
    CHECK(SAYS(tr_phrase_target(text, INFINITY), "not known"));
    /* as printf rounds, which the report in text is written with */
    CHECK(SAYS(tr_phrase_percent(text, 0.8125), "81.2" S "%"));
    tr_estimate e = {.value = 0.95, .low = 0.9389, .high = 0.9561};
    CHECK(SAYS(tr_phrase_interval(text, e), "93.9 to 95.6" S "%"));
    e.low = NAN;
    CHECK(SAYS(tr_phrase_interval(text, e), "not known"));
}

static void rates(void)
{
    CHECK(SAYS(tr_phrase_rate(text, 33, 2464), "1.3"));
    CHECK(SAYS(tr_phrase_rate(text, 31, 100), "31"));
    CHECK(SAYS(tr_phrase_rate(text, 996, 10000), "10"));
    CHECK(SAYS(tr_phrase_rate(text, 1, 1e6), "<" S "0.1"));
    CHECK(SAYS(tr_phrase_rate(text, 0, 7), "0"));
    CHECK(SAYS(tr_phrase_rate(text, 9, 8), "100")); /* a count may be too great */
    CHECK(SAYS(tr_phrase_rate(text, 0, 0), "\xe2\x80\x93"));
}

static void numbers(void)
{
    CHECK(SAYS(tr_phrase_count(text, 1234567.4), "1,234,567"));
    CHECK(SAYS(tr_phrase_count(text, -1234.5), "-1,235"));
    CHECK(SAYS(tr_phrase_count(text, -0.4), "0"));
    CHECK(SAYS(tr_phrase_count(text, INFINITY), "not known"));
    CHECK(SAYS(tr_phrase_count(text, 1e300), "not known"));
    CHECK(SAYS(tr_phrase_decimal(text, 0.95), "0.95"));
    CHECK(SAYS(tr_phrase_decimal(text, 1.0 / 3), "0.333333"));
    CHECK(SAYS(tr_phrase_decimal(text, NAN), "not known"));
    CHECK(SAYS(tr_phrase_money(text, 1234.5), "1,234.50"));
    CHECK(SAYS(tr_phrase_money(text, -3), "-3.00"));
    CHECK(SAYS(tr_phrase_money(text, -0.001), "0.00"));
    CHECK(SAYS(tr_phrase_money(text, 1e300), "not known"));
    CHECK(SAYS(tr_phrase_chance(text, 0.0312), "0.031"));
    CHECK(SAYS(tr_phrase_chance(text, 0.00123), "0.0012"));
    CHECK(SAYS(tr_phrase_chance(text, 1e-9), "<" S "0.0001"));
    CHECK(SAYS(tr_phrase_chance(text, 1), "1"));
    CHECK(SAYS(tr_phrase_chance(text, NAN), "not known"));
}

int main(void)
{
    CASE(percentages);
    CASE(rates);
    CASE(numbers);
    return CHECK_END;
}
