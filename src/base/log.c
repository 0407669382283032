#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <utf8proc.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/text.h"

/*
 * A line is built on the stack: logging must work when memory is the problem, and never wait for a lock. Everything
 * outside printable ASCII is written as \uXXXX, so that no terminal, pager or collector can be steered by a title.
 */
#define LINE_BYTES  8192
#define TAIL_BYTES  32 /* kept free for the end of the line */
#define VALUE_BYTES 512

struct line {
    size_t len;
    bool cut;
    char text[LINE_BYTES];
};

/* Set before threads start, and again when a reload changes the level. */
static _Atomic enum log_level least_level = LOG_LEVEL_INFO;
static atomic_bool as_json;

void log_setup(enum log_level least, bool json)
{
    least_level = least;
    as_json = json;
}

bool log_enabled(enum log_level level)
{
    return level >= least_level;
}

static void put(struct line *l, const char *s, size_t len)
{
    if (l->cut || len > LINE_BYTES - TAIL_BYTES - l->len) {
        l->cut = true;
        return;
    }
    memcpy(l->text + l->len, s, len);
    l->len += len;
}

static void puts_line(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

static void put_unit(struct line *l, unsigned unit)
{
    char text[8];
    int n = snprintf(text, sizeof(text), "\\u%04x", unit & 0xffffU);

    put(l, text, (size_t)n);
}

static void put_char(struct line *l, utf8proc_int32_t cp)
{
    char c = (char)cp;

    if (cp == '"' || cp == '\\') {
        put(l, "\\", 1);
        put(l, &c, 1);
    } else if (cp >= 0x20 && cp < 0x7f) {
        put(l, &c, 1);
    } else if (cp < 0x10000) {
        put_unit(l, (unsigned)cp);
    } else { /* JSON writes these as a surrogate pair */
        put_unit(l, 0xd800U + ((unsigned)(cp - 0x10000) >> 10));
        put_unit(l, 0xdc00U + ((unsigned)(cp - 0x10000) & 0x3ffU));
    }
}

/* Everything but the quotes; bytes that are not UTF-8 become U+FFFD. */
static void put_escaped(struct line *l, const char *s)
{
    size_t left = strnlen(s, VALUE_BYTES + 4);

    left = text_cut(s, left, VALUE_BYTES);
    while (left > 0) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)left, &cp);

        if (n <= 0) {
            cp = 0xfffd;
            n = 1;
        }
        put_char(l, cp);
        s += n;
        left -= (size_t)n;
    }
}

static void put_quoted(struct line *l, const char *s)
{
    put(l, "\"", 1);
    put_escaped(l, s);
    put(l, "\"", 1);
}

/* In the text form a plain word needs no quotes. */
static bool is_plain(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/@+-");

    return n > 0 && s[n] == '\0' && !text_eq(s, "null") && !text_eq(s, "true") &&
           !text_eq(s, "false");
}

static void put_value(struct line *l, const struct log_field *f)
{
    char number[24];

    switch (f->type) {
    case LOG_TYPE_STR:
        if (!f->str)
            puts_line(l, "null");
        else if (!as_json && is_plain(f->str))
            put_escaped(l, f->str);
        else
            put_quoted(l, f->str);
        break;
    case LOG_TYPE_INT:
        put(l, number, (size_t)snprintf(number, sizeof(number), "%lld", (long long)f->num));
        break;
    case LOG_TYPE_BOOL:
        puts_line(l, f->num ? "true" : "false");
        break;
    case LOG_TYPE_END:
        break;
    }
}

/* A field goes in whole or not at all, so that the line stays parseable. */
static void put_field(struct line *l, const struct log_field *f)
{
    size_t before = l->len;

    if (l->cut)
        return;
    if (as_json) {
        put(l, ",", 1);
        put_quoted(l, f->name);
        put(l, ":", 1);
    } else {
        put(l, " ", 1);
        put_escaped(l, f->name);
        put(l, "=", 1);
    }
    put_value(l, f);
    if (l->cut)
        l->len = before;
}

static void put_head(struct line *l, enum log_level level, const char *event)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};
    char now[TIME_ISO_MAX];

    time_format_iso(clock_wall_ms(), true, now);
    if (as_json) {
        puts_line(l, "{\"time\":\"");
        puts_line(l, now);
        puts_line(l, "\",\"level\":\"");
        puts_line(l, words[level]);
        puts_line(l, "\",\"event\":");
        put_quoted(l, event);
    } else {
        puts_line(l, now);
        put(l, " ", 1);
        puts_line(l, words[level]);
        put(l, " ", 1);
        put_escaped(l, event);
    }
}

/* The room for these was kept by put(). */
static void put_tail(struct line *l)
{
    const char *tail =
        as_json ? (l->cut ? ",\"cut\":true}\n" : "}\n") : (l->cut ? " cut=true\n" : "\n");
    size_t len = strlen(tail);

    memcpy(l->text + l->len, tail, len);
    l->len += len;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    struct line l;
    ssize_t sent;

    if (!log_enabled(level))
        return;
    l.len = 0;
    l.cut = false;
    put_head(&l, level, event);
    for (const struct log_field *f = fields; f && f->type != LOG_TYPE_END; f++)
        put_field(&l, f);
    put_tail(&l);
    /* A log that cannot be written must not stop the work: there is nobody to tell. */
    do
        sent = write(STDERR_FILENO, l.text, l.len);
    while (sent < 0 && errno == EINTR);
}
