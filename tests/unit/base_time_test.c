#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
} times[] = {
    {"2026-09-14T02:11:07Z", 1789351867000},
    {"2026-09-14T02:11:07", 1789351867000},
    {"2026-09-14T02:11:07.3Z", 1789351867300},
    {"2026-09-14T02:11:07.318Z", 1789351867318},
    {"2026-09-14T02:11:07.318999999999Z", 1789351867318},
    {"2026-09-14T04:11:07+02:00", 1789351867000},
    {"2026-09-14T04:11:07.5+0200", 1789351867500},
    {"2026-09-13T19:11:07-0700", 1789351867000},
    {"2026-09-14T07:56:07+05:45", 1789351867000},
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T00:00:00-00:01", 60000},
    {"2024-02-29T12:00:00Z", 1709208000000},
    {"2000-03-01T00:00:00Z", 951868800000},
    {"1999-12-31T23:59:59Z", 946684799000},
    {"2016-12-31T23:59:60Z", 1483228800000}, /* a leap second */
    {"2200-12-31T23:59:59.999Z", 7289654399999},
    {"2201-01-01T00:00:00Z", -1},
    {"1969-12-31T23:59:59Z", -1},
    {"1970-01-01T00:00:00+00:01", -1},
    {"2023-02-29T12:00:00Z", -1},
    {"2100-02-29T12:00:00Z", -1},
    {"2026-13-01T00:00:00Z", -1},
    {"2026-00-01T00:00:00Z", -1},
    {"2026-01-00T00:00:00Z", -1},
    {"2026-04-31T00:00:00Z", -1},
    {"2026-01-01T24:00:00Z", -1},
    {"2026-01-01T23:60:00Z", -1},
    {"2026-01-01T23:59:61Z", -1},
    {"2026-01-01T23:58:60Z", -1},
    {"2026-01-01T00:00:00+24:00", -1},
    {"2026-01-01T00:00:00+00:60", -1},
    {"2026-09-14T02:11:07z", -1},
    {"2026-09-14 02:11:07Z", -1},
    {"2026-09-14T02:11:07.Z", -1},
    {"2026-09-14T02:11:07,3Z", -1},
    {"2026-09-14T02:11:07Z ", -1},
    {" 2026-09-14T02:11:07Z", -1},
    {"2026-09-14T02:11:07ZZ", -1},
    {"2026-09-14T02:11:07+02", -1},
    {"2026-09-14T02:11:07+2:00", -1},
    {"2026-09-14T02:11Z", -1},
    {"2026-09-14", -1},
    {"20260914T021107Z", -1},
    {"2026-9-14T02:11:07Z", -1},
    {"+2026-09-14T02:11:07Z", -1},
    {"", -1},
};

static void reads_the_times_pagerduty_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct err e = {0};
        int64_t ms = -1;
        int rc = time_parse_iso(times[i].text, strlen(times[i].text), &ms, &e);

        if (ms != times[i].ms || (rc == 0) != (times[i].ms >= 0))
            fail_msg("%s gave %lld", times[i].text, (long long)ms);
        assert_true(rc == 0 || rc == ERR_INPUT);
    }
}

static void reads_only_the_given_length(void **state)
{
    struct err e;
    int64_t ms;

    (void)state;
    assert_int_equal(time_parse_iso("2026-09-14T02:11:07Zjunk", 20, &ms, &e), 0);
    assert_int_equal(time_parse_iso("2026-09-14T02:11:07Z", 18, &ms, &e), ERR_INPUT);
    assert_int_equal(time_parse_iso("2026-09-14T02:11:07\0", 20, &ms, &e), ERR_INPUT);
    assert_int_equal(time_parse_iso(NULL, 0, &ms, &e), ERR_INPUT);
}

static void writes_what_it_reads(void **state)
{
    char out[TIME_ISO_MAX];
    struct err e;

    (void)state;
    assert_string_equal(time_format_iso(1789351867318, false, out), "2026-09-14T02:11:07Z");
    assert_string_equal(time_format_iso(1789351867318, true, out), "2026-09-14T02:11:07.318Z");
    assert_string_equal(time_format_iso(-1, true, out), "1969-12-31T23:59:59.999Z");
    assert_string_equal(time_format_iso(INT64_MAX, true, out), "9999-12-31T23:59:59.999Z");
    assert_string_equal(time_format_iso(INT64_MIN, false, out), "0000-01-01T00:00:00Z");
    for (int64_t ms = 0; ms < INT64_C(7289654400000); ms += INT64_C(40000000123)) {
        int64_t back = -1;

        time_format_iso(ms, true, out);
        assert_int_equal(time_parse_iso(out, strlen(out), &back, &e), 0);
        assert_true(back == ms);
    }
}

/* Expected values come from another implementation of tzdata. The later years lie past the last stored transition. */
static const struct {
    const char *zone;
    const char *utc;
    int minute;
    int weekday;
} zones[] = {
    {NULL, "2026-09-14T02:11:07Z", 131, 0},
    {"", "2026-09-14T02:11:07Z", 131, 0},
    {"UTC", "2026-09-14T02:11:07Z", 131, 0},
    {"Europe/Oslo", "1970-01-01T00:00:00Z", 60, 3},
    {"Europe/Oslo", "2026-03-29T00:59:59Z", 119, 6},
    {"Europe/Oslo", "2026-03-29T01:00:00Z", 180, 6},
    {"Europe/Oslo", "2026-10-25T00:59:59Z", 179, 6},
    {"Europe/Oslo", "2026-10-25T01:00:00Z", 120, 6},
    {"Europe/Oslo", "2199-03-31T00:59:59Z", 119, 6},
    {"Europe/Oslo", "2199-03-31T01:00:00Z", 180, 6},
    {"America/New_York", "2026-03-08T06:59:59Z", 119, 6},
    {"America/New_York", "2026-03-08T07:00:00Z", 180, 6},
    {"America/New_York", "2026-11-01T05:59:59Z", 119, 6},
    {"America/New_York", "2026-11-01T06:00:00Z", 60, 6},
    {"America/New_York", "2199-07-04T12:00:00Z", 480, 3},
    {"Asia/Kolkata", "2026-09-14T20:00:00Z", 90, 1},
    {"Asia/Kathmandu", "2026-01-01T00:00:00Z", 345, 3},
    {"Australia/Sydney", "2026-01-15T00:00:00Z", 660, 3},
    {"Australia/Sydney", "2099-12-31T23:30:00Z", 630, 4},
    {"Australia/Sydney", "2099-07-01T00:00:00Z", 600, 2},
    {"Australia/Lord_Howe", "2100-01-01T00:00:00Z", 660, 4},
    {"Europe/Dublin", "2150-01-01T12:00:00Z", 720, 3},
    {"Europe/Dublin", "2150-07-01T12:00:00Z", 780, 2},
    {"Africa/Casablanca", "2190-01-01T00:00:00Z", 60, 4},
    {"Etc/GMT+12", "2026-09-14T02:11:07Z", 851, 6},
    {"Pacific/Kiritimati", "2026-09-14T12:00:00Z", 120, 1},
    {"America/Argentina/Buenos_Aires", "2026-09-14T02:59:00Z", 1439, 6},
};

static void tells_local_time_in_zones(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        struct err e = {0};
        int64_t ms = 0;
        int minute = -1, weekday = -1;

        assert_int_equal(time_parse_iso(zones[i].utc, strlen(zones[i].utc), &ms, &e), 0);
        if (time_in_zone(ms, zones[i].zone, &minute, &weekday, &e) < 0)
            fail_msg("%s: %s", zones[i].zone, e.msg);
        if (minute != zones[i].minute || weekday != zones[i].weekday)
            fail_msg("%s at %s gave minute %d, day %d", zones[i].zone, zones[i].utc, minute,
                     weekday);
    }
}

/* INV-9: a zone name becomes part of a path. */
static void refuses_names_that_are_no_zones(void **state)
{
    static const char *const names[] = {
        "/etc/passwd",
        "../../../etc/passwd",
        "Europe/../../../../etc/passwd",
        "Europe/Nowhere",
        "Europe",
        "tzdata.zi",
        "zone.tab",
        "Europe/Oslo ",
        "EST5EDT,M3.2.0",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct err e;
        int minute = -1, weekday = -1;

        if (time_in_zone(0, names[i], &minute, &weekday, &e) != ERR_INPUT)
            fail_msg("%s was accepted", names[i]);
        assert_int_equal(minute, -1);
    }
}

static void names_time_spans_for_people(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } spans[] = {
        {0, "0 s"},
        {999, "0 s"},
        {45999, "45 s"},
        {60000, "1 min"},
        {720000, "12 min"},
        {3600000, "1 h"},
        {11100000, "3 h 5 min"},
        {86399000, "23 h 59 min"},
        {86400000, "1 d"},
        {97200000, "1 d 3 h"},
        {345600000, "4 d"},
        {864000000 + 3600000, "10 d"},
        {-720000, "-12 min"},
        {-500, "0 s"},
    };
    char out[TIME_SPAN_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spans); i++)
        assert_string_equal(time_format_span(spans[i].ms, out), spans[i].text);
    assert_non_null(time_format_span(INT64_MIN, out));
}

static void the_offset_moves_only_the_wall_clock(void **state)
{
    int64_t mono = clock_mono_ms(), wall;

    (void)state;
    clock_set_offset_ms(86400000);
    wall = clock_wall_ms();
    clock_set_offset_ms(0);
    assert_true(wall - clock_wall_ms() > 86000000);
    assert_true(clock_mono_ms() - mono < 3600000);
    assert_true(clock_mono_us() / 1000 >= mono);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_times_pagerduty_writes),
        cmocka_unit_test(reads_only_the_given_length),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(tells_local_time_in_zones),
        cmocka_unit_test(refuses_names_that_are_no_zones),
        cmocka_unit_test(names_time_spans_for_people),
        cmocka_unit_test(the_offset_moves_only_the_wall_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
