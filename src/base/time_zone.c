#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "time_priv.h"

/*
 * Local time in a named zone from the TZif files of tzdata (RFC 8536). The C library can only do this for the process's
 * own zone, by setenv("TZ"), which no thread may do beside others.
 */
#define ZONE_FOLDER   "/usr/share/zoneinfo/"
#define ZONE_NAME_MAX 64
#define ZONE_FILE_MAX (64 * (size_t)1024) /* the largest of tzdata has 4 KiB */
#define HEADER_BYTES  44
#define CACHE_SLOTS   32
#define DAY_S         INT64_C(86400)

struct zone {
    char name[ZONE_NAME_MAX + 1];
    char *file; /* the arrays below point into it */
    size_t transitions;
    size_t types;
    const uint8_t *times;  /* 8 bytes each */
    const uint8_t *chosen; /* the type that begins with each transition */
    const uint8_t *infos;  /* 6 bytes each: offset, daylight, name */
    char footer[80];       /* POSIX TZ for what comes after the last transition */
};

/* Zones in use stay: there are few, and a file read per rule would be the dearest part of judging. */
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct zone *cache[CACHE_SLOTS];

static bool name_ok(const char *zone)
{
    size_t len = strlen(zone);

    return len > 0 && len <= ZONE_NAME_MAX && zone[0] != '/' && !strstr(zone, "..") &&
           strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
               len;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static void zone_freep(struct zone **z)
{
    if (*z)
        mem_freep(&(*z)->file);
    mem_freep(z);
}

struct counts {
    size_t isut, isstd, leap, time, type, chars;
};

/* Reads a header; false when it is none. The caps keep every product below small. */
static bool read_counts(const uint8_t *p, size_t len, struct counts *c)
{
    if (len < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
        return false;
    *c = (struct counts){be32(p + 20), be32(p + 24), be32(p + 28),
                         be32(p + 32), be32(p + 36), be32(p + 40)};
    return c->isut < ZONE_FILE_MAX && c->isstd < ZONE_FILE_MAX && c->leap < ZONE_FILE_MAX &&
           c->time < ZONE_FILE_MAX && c->type < ZONE_FILE_MAX && c->chars < ZONE_FILE_MAX;
}

static size_t body_bytes(const struct counts *c, size_t time_bytes)
{
    return c->time * (time_bytes + 1) + c->type * 6 + c->chars + c->leap * (time_bytes + 4) +
           c->isstd + c->isut;
}

static bool read_footer(struct zone *z, const uint8_t *p, size_t len)
{
    const uint8_t *end;
    size_t n;

    if (len < 2 || p[0] != '\n')
        return false;
    end = memchr(p + 1, '\n', len - 1);
    if (!end)
        return false;
    n = (size_t)(end - p) - 1;
    if (n >= sizeof(z->footer))
        return false;
    memcpy(z->footer, p + 1, n);
    return true;
}

/* The second block, with 64-bit times: everything of version 2 and later has it. */
static bool read_tzif(struct zone *z, const uint8_t *p, size_t len)
{
    struct counts c;
    size_t skip;

    if (!read_counts(p, len, &c) || p[4] < '2')
        return false;
    skip = HEADER_BYTES + body_bytes(&c, 4);
    if (skip > len || !read_counts(p + skip, len - skip, &c))
        return false;
    p += skip + HEADER_BYTES;
    len -= skip + HEADER_BYTES;
    if (c.type == 0 || c.type > 256 || body_bytes(&c, 8) > len)
        return false;
    z->transitions = c.time;
    z->types = c.type;
    z->times = p;
    z->chosen = p + c.time * 8;
    z->infos = z->chosen + c.time;
    for (size_t i = 0; i < c.time; i++)
        if (z->chosen[i] >= c.type)
            return false;
    return read_footer(z, p + body_bytes(&c, 8), len - body_bytes(&c, 8));
}

static int zone_read(const char *name, struct zone **out, struct err *e)
{
    char path[sizeof(ZONE_FOLDER) + ZONE_NAME_MAX];
    AUTO(zone_freep) struct zone *z = NULL;
    size_t len;

    if (!name_ok(name))
        return err_set(e, ERR_INPUT,
                       "not the name of a time zone; expected one such as "
                       "Europe/Oslo");
    snprintf(path, sizeof(path), ZONE_FOLDER "%s", name);
    z = mem_alloc(sizeof(*z));
    if (file_read(path, ZONE_FILE_MAX, &z->file, &len, e) < 0)
        return err_set(e, ERR_INPUT, "no time zone %s below " ZONE_FOLDER " (package tzdata)",
                       name);
    memcpy(z->name, name, strlen(name) + 1);
    if (!read_tzif(z, (const uint8_t *)z->file, len))
        return err_set(e, ERR_INTERNAL, "%s is damaged; reinstall tzdata", path);
    *out = TAKE(z);
    return 0;
}

static int32_t type_offset(const struct zone *z, size_t type)
{
    return (int32_t)be32(z->infos + 6 * type);
}

/* --- the POSIX TZ text behind the table: "CET-1CEST,M3.5.0,M10.5.0/3" --- */

struct posix_day {
    int month, week, weekday; /* Mm.w.d; weekday 0 is Sunday, week 5 the last */
    int64_t second;           /* local time of that day, may be negative or over a day */
};

struct posix_tz {
    int64_t std_offset, dst_offset; /* seconds to add to UTC */
    bool has_dst;
    struct posix_day start, end;
};

static bool skip_name(const char **s)
{
    const char *p = *s;

    if (*p == '<') {
        p = strchr(p, '>');
        if (!p)
            return false;
        *s = p + 1;
        return true;
    }
    while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
        p++;
    if (p - *s < 3)
        return false;
    *s = p;
    return true;
}

static bool read_number(const char **s, int max, int *out)
{
    int n = 0;

    if (**s < '0' || **s > '9')
        return false;
    while (**s >= '0' && **s <= '9') {
        n = n * 10 + (*(*s)++ - '0');
        if (n > max)
            return false;
    }
    *out = n;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_hms(const char **s, int64_t *out)
{
    int64_t sign = 1;
    int hours, minutes = 0, seconds = 0;

    if (**s == '-' || **s == '+')
        sign = *(*s)++ == '-' ? -1 : 1;
    if (!read_number(s, 167, &hours))
        return false;
    if (**s == ':') {
        (*s)++;
        if (!read_number(s, 59, &minutes))
            return false;
    }
    if (**s == ':') {
        (*s)++;
        if (!read_number(s, 59, &seconds))
            return false;
    }
    *out = sign * (hours * INT64_C(3600) + minutes * INT64_C(60) + seconds);
    return true;
}

static bool expect(const char **s, char c)
{
    if (**s != c)
        return false;
    (*s)++;
    return true;
}

/* ",Mm.w.d[/time]": the only form that tzdata uses. */
static bool read_day(const char **s, struct posix_day *d)
{
    if (!expect(s, ',') || !expect(s, 'M') || !read_number(s, 12, &d->month) || d->month < 1 ||
        !expect(s, '.') || !read_number(s, 5, &d->week) || d->week < 1 || !expect(s, '.') ||
        !read_number(s, 6, &d->weekday))
        return false;
    d->second = 7200;
    return **s != '/' || (expect(s, '/') && read_hms(s, &d->second));
}

static bool read_posix(const char *s, struct posix_tz *tz)
{
    int64_t west;

    *tz = (struct posix_tz){0};
    if (!skip_name(&s) || !read_hms(&s, &west))
        return false;
    tz->std_offset = -west;
    if (*s == '\0')
        return true;
    tz->has_dst = true;
    tz->dst_offset = tz->std_offset + 3600;
    if (!skip_name(&s))
        return false;
    if (*s != ',') {
        if (!read_hms(&s, &west))
            return false;
        tz->dst_offset = -west;
    }
    return read_day(&s, &tz->start) && read_day(&s, &tz->end) && *s == '\0';
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Seconds since 1970 of that day's switch, on the clock that shows before it. */
static int64_t switch_second(int64_t year, const struct posix_day *d)
{
    int64_t first = time_days(year, d->month, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = 1 + (d->weekday - weekday + 7) % 7 + INT64_C(7) * (d->week - 1);

    while (day > time_month_days(year, d->month))
        day -= 7;
    return (first + day - 1) * DAY_S + d->second;
}

static int64_t posix_offset(const struct posix_tz *tz, int64_t utc_s)
{
    int64_t year, start, end;
    int month, day;
    bool dst;

    if (!tz->has_dst)
        return tz->std_offset;
    time_civil(floor_div(utc_s + tz->std_offset, DAY_S), &year, &month, &day);
    start = switch_second(year, &tz->start) - tz->std_offset;
    end = switch_second(year, &tz->end) - tz->dst_offset;
    /* South of the equator the summer spans New Year. */
    dst = start < end ? utc_s >= start && utc_s < end : utc_s >= start || utc_s < end;
    return dst ? tz->dst_offset : tz->std_offset;
}

/* --- both together --- */

static bool zone_offset(const struct zone *z, int64_t utc_s, int64_t *out)
{
    size_t low = 0,
           high = z->transitions; /* the last transition that is not after utc_s is low - 1 */
    struct posix_tz tz;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (be64(z->times + 8 * mid) <= utc_s)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == z->transitions && z->footer[0] != '\0') {
        if (!read_posix(z->footer, &tz))
            return false;
        *out = posix_offset(&tz, utc_s);
        return true;
    }
    *out = type_offset(z, low == 0 ? 0 : z->chosen[low - 1]);
    return true;
}

/* The zone, from the cache or read anew; *keep says that the cache owns it. */
static int zone_find(const char *name, struct zone **out, bool *keep, struct err *e)
{
    size_t i;

    *keep = true;
    for (i = 0; i < CACHE_SLOTS && cache[i]; i++) {
        if (strcmp(cache[i]->name, name) == 0) {
            *out = cache[i];
            return 0;
        }
    }
    if (zone_read(name, out, e) < 0)
        return e->code;
    if (i < CACHE_SLOTS)
        cache[i] = *out;
    else
        *keep = false;
    return 0;
}

static int offset_in_zone(int64_t utc_s, const char *name, int64_t *offset, struct err *e)
{
    struct zone *z = NULL;
    bool keep = true;
    int rc;

    CHECK(pthread_mutex_lock(&cache_lock) == 0);
    rc = zone_find(name, &z, &keep, e);
    if (rc == 0 && z && !zone_offset(z, utc_s, offset))
        rc = err_set(e, ERR_INTERNAL, "the rule behind time zone %s is not understood", name);
    CHECK(pthread_mutex_unlock(&cache_lock) == 0);
    if (!keep)
        zone_freep(&z);
    return rc;
}

int time_in_zone(int64_t wall_ms, const char *zone, int *minute_of_day, int *weekday, struct err *e)
{
    int64_t local = floor_div(wall_ms, 1000), offset = 0, days;

    if (zone && *zone && offset_in_zone(local, zone, &offset, e) < 0)
        return e->code;
    local += offset;
    days = floor_div(local, DAY_S);
    *minute_of_day = (int)((local - days * DAY_S) / 60);
    *weekday = (int)(((days + 3) % 7 + 7) % 7);
    return 0;
}
