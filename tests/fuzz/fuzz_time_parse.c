#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

/* What is accepted lies in range and comes back as the same moment when written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TIME_ISO_MAX], span[TIME_SPAN_MAX];
    int64_t ms = -1, again = -1;
    int minute = -1, weekday = -1;
    struct err e;

    if (time_parse_iso((const char *)data, size, &ms, &e) < 0) {
        CHECK(ms == -1);
        return 0;
    }
    CHECK(ms >= 0 && ms < INT64_C(7289654400000));
    time_format_iso(ms, true, text);
    CHECK(time_parse_iso(text, strlen(text), &again, &e) == 0 && again == ms);
    CHECK(strlen(time_format_span(ms, span)) > 0);
    CHECK(time_in_zone(ms, "Europe/Oslo", &minute, &weekday, &e) == 0);
    CHECK(minute >= 0 && minute < 1440 && weekday >= 0 && weekday < 7);
    return 0;
}
