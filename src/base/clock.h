#ifndef TRIAGED_BASE_CLOCK_H
#define TRIAGED_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Wall time in milliseconds since 1970: may jump, is stored and shown. Monotonic: measures, never stored. */
int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* Development builds, sandbox and tests: shifts clock_wall_ms() by this much. Set before threads start. */
void clock_set_offset_ms(int64_t offset_ms);

/*
 * ISO 8601 date and time as PagerDuty writes it: "2026-09-14T02:11:07Z", fractions of any length, "+02:00" or "-0700",
 * no offset read as UTC. The whole text must match. ERR_INPUT otherwise (year 1970..2200).
 */
int time_parse_iso(const char *s, size_t len, int64_t *wall_ms, struct err *e) MUST_CHECK;

#define TIME_ISO_MAX 32
/* "2026-09-14T02:11:07Z", with ".318" when with_ms. Returns out. */
char *time_format_iso(int64_t wall_ms, bool with_ms, char out[TIME_ISO_MAX]);

/* Minutes since midnight and weekday (0 = Monday) of wall_ms in an IANA zone ("Europe/Oslo"; NULL or "" is UTC). */
int time_in_zone(int64_t wall_ms, const char *zone, int *minute_of_day, int *weekday, struct err *e)
    MUST_CHECK;

/* "45 s", "12 min", "3 h 5 min", "4 d": for people. Returns out. */
#define TIME_SPAN_MAX 32
char *time_format_span(int64_t ms, char out[TIME_SPAN_MAX]);

#endif
