#include "traces/instant.h"

#include "ground/num.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static const int64_t SECOND = 1000000;

/* Exactly `n` digits at `at`, as a number; -1 where they are not there. */
static int digits(tr_str s, size_t at, size_t n)
{
    int x = 0;
    if (s.size < at + n)
        return -1;
    for (size_t i = at; i < at + n; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return -1;
        x = 10 * x + (s.data[i] - '0');
    }
    return x;
}

static bool at(tr_str s, size_t i, char c)
{
    return i < s.size && s.data[i] == c;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, "chrono-compatible low-level
 * date algorithms"): years begin in March, so that the leap day is a year's last. */
static int64_t days(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, of_era = y % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_of(int year, int month)
{
    static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return length[month - 1] + (month == 2 && leap);
}

/* The zone at s.data[i..]: minutes east of Greenwich. */
static bool zone(tr_str s, size_t i, int *minutes)
{
    *minutes = 0;
    if (at(s, i, 'Z') || at(s, i, 'z'))
        return i + 1 == s.size;
    if (!at(s, i, '+') && !at(s, i, '-'))
        return false;
    int hour = digits(s, i + 1, 2), minute = digits(s, i + 4, 2);
    *minutes = (s.data[i] == '-' ? -1 : 1) * (60 * hour + minute);
    return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && at(s, i + 3, ':') &&
           i + 6 == s.size;
}

static bool date_and_time(tr_str s, int64_t *out)
{
    int year = digits(s, 0, 4), month = digits(s, 5, 2), day = digits(s, 8, 2);
    if (year < 1 || !at(s, 4, '-') || !at(s, 7, '-') || month < 1 || month > 12 || day < 1 ||
        day > days_of(year, month))
        return false;
    *out = days(year, month, day) * 86400 * SECOND;
    if (s.size == 10)
        return true;
    int hour = digits(s, 11, 2), minute = digits(s, 14, 2), second = digits(s, 17, 2);
    if (!(at(s, 10, 'T') || at(s, 10, 't') || at(s, 10, ' ')) || !at(s, 13, ':') ||
        !at(s, 16, ':') || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 60)
        return false;
    size_t i = 19;
    int64_t fraction = 0, unit = SECOND;
    if (at(s, i, '.')) {
        size_t first = ++i;
        for (; i < s.size && s.data[i] >= '0' && s.data[i] <= '9'; i++) {
            unit /= 10;
            fraction += unit * (s.data[i] - '0');
        }
        if (i == first)
            return false;
    }
    int east;
    if (!zone(s, i, &east))
        return false;
    *out += ((int64_t)hour * 3600 + minute * 60 + second - (int64_t)east * 60) * SECOND + fraction;
    return true;
}

bool tr_instant_parse(tr_str text, int64_t *microseconds)
{
    static const int64_t last = INT64_C(253402300800) * 1000000; /* the end of year 9999 */
    double x;
    if (!tr_num_parse_double(text, &x))
        return date_and_time(text, microseconds);
    double size = fabs(x);
    double scaled = size < 1e11 ? x * 1e6 : size < 1e14 ? x * 1e3 : size < 1e17 ? x : x / 1e3;
    if (!(scaled < (double)last && scaled > -(double)last))
        return false;
    *microseconds = (int64_t)scaled;
    return true;
}

void tr_instant_print(char out[TR_INSTANT_TEXT], int64_t microseconds)
{
    int64_t part = microseconds % SECOND, second = microseconds / SECOND;
    if (part < 0) {
        part += SECOND;
        second--;
    }
    time_t when = (time_t)second;
    struct tm t = {0};
    gmtime_r(&when, &t);
    int n = snprintf(out, TR_INSTANT_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", t.tm_year + 1900,
                     t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    if (n > 0 && n < TR_INSTANT_TEXT && part)
        n += snprintf(out + n, TR_INSTANT_TEXT - (size_t)n, ".%06d", (int)part);
    if (n > 0 && n < TR_INSTANT_TEXT)
        snprintf(out + n, TR_INSTANT_TEXT - (size_t)n, "Z");
}
