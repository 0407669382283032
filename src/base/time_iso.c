#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "time_priv.h"

#define DAY_MS      INT64_C(86400000)
/* 2201-01-01: a later date in an incident is a mistake, not a plan. */
#define END_MS      (INT64_C(84371) * DAY_MS)
/* What four digits of year can show: 0000-01-01 to 9999-12-31. */
#define SHOW_MIN_MS (INT64_C(-719528) * DAY_MS)
#define SHOW_MAX_MS (INT64_C(2932897) * DAY_MS - 1)

/* Counts years from March on, so that the leap day is the last day of a year. */
int64_t time_days(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

void time_civil(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153; /* month, 0 = March */

    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

int time_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

struct reader {
    const char *at;
    const char *end;
    bool bad;
};

static int digits(struct reader *r, int count)
{
    int n = 0;

    for (; count > 0; count--) {
        if (r->at == r->end || *r->at < '0' || *r->at > '9') {
            r->bad = true;
            return 0;
        }
        n = n * 10 + (*r->at++ - '0');
    }
    return n;
}

static bool accept(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static void expect(struct reader *r, char c)
{
    if (!accept(r, c))
        r->bad = true;
}

/* Any number of digits; what is finer than a millisecond is dropped. */
static int fraction_ms(struct reader *r)
{
    int ms = 0, scale = 100;

    if (!accept(r, '.'))
        return 0;
    ms = digits(r, 1) * scale;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        scale /= 10;
        ms += (*r->at++ - '0') * scale;
    }
    return ms;
}

static int offset_minutes(struct reader *r)
{
    int sign = 1, hours, minutes;

    if (r->at == r->end || accept(r, 'Z'))
        return 0;
    if (accept(r, '-'))
        sign = -1;
    else
        expect(r, '+');
    hours = digits(r, 2);
    accept(r, ':');
    minutes = digits(r, 2);
    if (hours > 23 || minutes > 59)
        r->bad = true;
    return sign * (hours * 60 + minutes);
}

int time_parse_iso(const char *s, size_t len, int64_t *wall_ms, struct err *e)
{
    struct reader r = {s, s ? s + len : s, !s};
    int year, month, day, hour, minute, second, ms, offset;
    int64_t at;

    year = digits(&r, 4);
    expect(&r, '-');
    month = digits(&r, 2);
    expect(&r, '-');
    day = digits(&r, 2);
    expect(&r, 'T');
    hour = digits(&r, 2);
    expect(&r, ':');
    minute = digits(&r, 2);
    expect(&r, ':');
    second = digits(&r, 2);
    ms = fraction_ms(&r);
    offset = offset_minutes(&r);
    if (r.bad || r.at != r.end)
        return err_set(e, ERR_INPUT, "expected a time such as 2026-09-14T02:11:07Z");
    /* Second 60 is a leap second: the same moment as second 0 of the next minute. */
    if (month < 1 || month > 12 || day < 1 || day > time_month_days(year, month) || hour > 23 ||
        minute > 59 || second > 60 || (second == 60 && minute != 59))
        return err_set(e, ERR_INPUT, "there is no such date or time");
    at = time_days(year, month, day) * DAY_MS +
         (((int64_t)hour * 60 + minute - offset) * 60 + second) * 1000 + ms;
    if (year < 1970 || at < 0 || at >= END_MS)
        return err_set(e, ERR_INPUT, "the year is not between 1970 and 2200");
    *wall_ms = at;
    return 0;
}

char *time_format_iso(int64_t wall_ms, bool with_ms, char out[TIME_ISO_MAX])
{
    int64_t days, rest, year;
    int month, day, hour, minute, second, n;

    if (wall_ms < SHOW_MIN_MS)
        wall_ms = SHOW_MIN_MS;
    if (wall_ms > SHOW_MAX_MS)
        wall_ms = SHOW_MAX_MS;
    days = (wall_ms >= 0 ? wall_ms : wall_ms - DAY_MS + 1) / DAY_MS;
    rest = wall_ms - days * DAY_MS;
    time_civil(days, &year, &month, &day);
    hour = (int)(rest / 3600000);
    minute = (int)(rest / 60000 % 60);
    second = (int)(rest / 1000 % 60);
    n = snprintf(out, TIME_ISO_MAX, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)year % 10000U,
                 (unsigned)month % 100U, (unsigned)day % 100U, (unsigned)hour % 100U,
                 (unsigned)minute % 100U, (unsigned)second % 100U);
    snprintf(out + n, TIME_ISO_MAX - (size_t)n, with_ms ? ".%03uZ" : "Z", (unsigned)(rest % 1000));
    return out;
}

/* One number is enough from a minute to an hour and from a week on; between, the smaller unit still matters. */
char *time_format_span(int64_t ms, char out[TIME_SPAN_MAX])
{
    const char *sign = ms < 0 ? "-" : "";
    int64_t s = ms < 0 ? -(ms / 1000) : ms / 1000;
    long long minutes = s / 60, hours = s / 3600, days = s / 86400;

    if (s < 60)
        snprintf(out, TIME_SPAN_MAX, "%s%lld s", s ? sign : "", (long long)s);
    else if (hours == 0)
        snprintf(out, TIME_SPAN_MAX, "%s%lld min", sign, minutes);
    else if (days == 0 && minutes % 60)
        snprintf(out, TIME_SPAN_MAX, "%s%lld h %lld min", sign, hours, minutes % 60);
    else if (days == 0)
        snprintf(out, TIME_SPAN_MAX, "%s%lld h", sign, hours);
    else if (days < 7 && hours % 24)
        snprintf(out, TIME_SPAN_MAX, "%s%lld d %lld h", sign, days, hours % 24);
    else
        snprintf(out, TIME_SPAN_MAX, "%s%lld d", sign, days);
    return out;
}
