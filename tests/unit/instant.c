#include "traces/instant.h"

#include "check.h"

static const int64_t NONE = INT64_MIN;

static int64_t at(const char *text)
{
    int64_t us;
    return tr_instant_parse(tr_str_c(text), &us) ? us : NONE;
}

/* Seconds as `date -u -d TEXT +%s` prints them. */
static void dates(void)
{
    CHECK(at("1970-01-01") == 0);
    CHECK(at("1970-01-01T00:00:00Z") == 0);
    CHECK(at("2026-11-22T05:40:00Z") == INT64_C(1795326000) * 1000000);
    CHECK(at("2000-02-29T23:59:59Z") == INT64_C(951868799) * 1000000);
    CHECK(at("1969-12-31T23:59:59.75Z") == -250000);
    CHECK(at("0001-01-01") == INT64_C(-62135596800) * 1000000);
    CHECK(at("9999-12-31T23:59:59Z") == INT64_C(253402300799) * 1000000);
}

static void zones_and_fractions(void)
{
    int64_t noon = at("2026-03-01T12:00:00Z");
    CHECK(noon != NONE);
    CHECK(at("2026-03-01T14:00:00+02:00") == noon);
    CHECK(at("2026-03-01t06:30:00-05:30") == noon);
    CHECK(at("2026-03-01 12:00:00z") == noon);
    CHECK(at("2026-03-01T12:00:00.5Z") == noon + 500000);
    CHECK(at("2026-03-01T12:00:00.123456789Z") == noon + 123456);
    CHECK(at("2026-03-01T11:59:60Z") == noon);
}

static void numbers(void)
{
    CHECK(at("0") == 0);
    CHECK(at("1795326000") == INT64_C(1795326000) * 1000000);
    CHECK(at("1795326000.25") == INT64_C(1795326000) * 1000000 + 250000);
    CHECK(at("1795326000123") == INT64_C(1795326000123) * 1000);
    CHECK(at("1795326000123456") == INT64_C(1795326000123456));
    CHECK(at("1795326000123456789") / 1000 == INT64_C(1795326000123456) / 1000);
    CHECK(at("-1") == -1000000);
    CHECK(at("1e300") == NONE);
}

static void what_is_no_time(void)
{
    static const char *const bad[] = {
        "",
        "yesterday",
        "2026-11-22T05:40:00", /* whose time? */
        "2026-11-22T05:40Z",
        "2026-13-01",
        "2026-02-29",
        "1900-02-29",
        "2026-11-31",
        "2026-11-00",
        "0000-01-01",
        "2026-11-22T24:00:00Z",
        "2026-11-22T05:60:00Z",
        "2026-11-22T05:40:61Z",
        "2026-11-22T05:40:00.Z",
        "2026-11-22T05:40:00Zulu",
        "2026-11-22T05:40:00+0200",
        "2026-11-22T05:40:00+24:00",
        "2026-11-22T05:40:00+02:00 ",
        " 2026-11-22",
        "26-11-22",
        "0x10",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(at(bad[i]) == NONE);
        if (at(bad[i]) != NONE)
            printf("# taken: %s\n", bad[i]);
    }
}

static void printed_and_read(void)
{
    static const char *const same[] = {"2026-11-22T05:40:00Z", "2026-02-28T23:59:59.250000Z",
                                       "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.000001Z",
                                       "9999-12-31T23:59:59Z"};
    char text[TR_INSTANT_TEXT];
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        tr_instant_print(text, at(same[i]));
        CHECK(!strcmp(text, same[i]));
    }
    tr_instant_print(text, at("2026-11-22T05:40:00.5+01:00"));
    CHECK(!strcmp(text, "2026-11-22T04:40:00.500000Z"));
}

int main(void)
{
    CASE(dates);
    CASE(zones_and_fractions);
    CASE(numbers);
    CASE(what_is_no_time);
    CASE(printed_and_read);
    return CHECK_END;
}
