#ifndef TRIAGED_BASE_TIME_PRIV_H
#define TRIAGED_BASE_TIME_PRIV_H

#include <stdint.h>

/* The calendar, without the C library: days since 1970-01-01 of a date, and back. Months and days count from 1. */
int64_t time_days(int64_t year, int month, int day);
void time_civil(int64_t days, int64_t *year, int *month, int *day);
int time_month_days(int64_t year, int month);

#endif
