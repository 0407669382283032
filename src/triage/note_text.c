/*
 * The one code-made note of an incident. Every line has its own limit and a place in the order of usefulness; a line
 * that no longer fits is cut, and what comes after it is left out.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/pure.h"

#define LINE_MAX_BYTES 2048
#define LINE_MIN_CHARS 24 /* a shorter rest says nothing */

/* Bytes of the first max_chars characters. */
static size_t chars_len(const char *s, size_t len, size_t max_chars)
{
    size_t at = 0;

    for (size_t n = 0; at < len && n < max_chars; n++) {
        at++;
        while (at < len && ((unsigned char)s[at] & 0xC0) == 0x80)
            at++;
    }
    return at;
}

static size_t chars(const char *s, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xC0) != 0x80;
    return n;
}

static void add_cut(struct buf *out, const char *s, size_t len, size_t max_chars)
{
    if (chars(s, len) <= max_chars) {
        buf_add(out, s, len);
        return;
    }
    buf_add(out, s, chars_len(s, len, max_chars - 1));
    buf_puts(out, "…");
}

/* What chat tools and PagerDuty's own mirrors read as an address or a command. */
static void disarm(struct buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '@')
            buf_puts(out, "(at)");
        else if (*s == '<')
            buf_puts(out, "‹");
        else if (*s == '>')
            buf_puts(out, "›");
        else
            buf_putc(out, *s);
    }
}

void triage_note_quote(struct buf *out, const char *s, size_t max_chars)
{
    AUTO(buf_done) struct buf safe = {0}, plain = {0};

    if (!s)
        return;
    buf_init(&safe, (size_t)2 * LINE_MAX_BYTES);
    buf_init(&plain, (size_t)8 * LINE_MAX_BYTES);
    text_show(&safe, s, text_cut(s, strlen(s), LINE_MAX_BYTES), LINE_MAX_BYTES, true);
    disarm(&plain, buf_str(&safe));
    add_cut(out, buf_str(&plain), plain.len, max_chars);
}

static void head_line(const struct note_in *in, struct buf *b)
{
    const char *severity = json_opt_str(in->verdict, "severity");
    const char *category = json_opt_str(in->verdict, "category");
    const char *team = json_opt_str(in->verdict, "team");

    buf_puts(b, "Triage: ");
    triage_note_quote(b, severity ? severity : "no severity", 20);
    if (category) {
        buf_puts(b, ", ");
        triage_note_quote(b, category, 30);
    }
    if (team) {
        buf_puts(b, ", team ");
        triage_note_quote(b, team, 40);
    }
    buf_puts(b, " (by rules)");
}

static void seen_line(const struct note_in *in, struct buf *b)
{
    const json_t *self = json_opt_obj(in->known, "self_cleared");
    int64_t n = json_opt_int(in->known, "times_seen", -1);
    int64_t median = json_opt_int(self, "median_s", -1);
    char span[TIME_SPAN_MAX];

    if (n < 0)
        return;
    if (n == 0) {
        buf_printf(b, "Not seen before in %" PRId64 " days.",
                   json_opt_int(in->known, "window_days", 0));
        return;
    }
    buf_printf(b, "Seen %" PRId64 " times in %" PRId64 " days", n,
               json_opt_int(in->known, "window_days", 0));
    if (self)
        buf_printf(b, ", %" PRId64 " of %" PRId64 " cleared by themselves",
                   json_opt_int(self, "n", 0), json_opt_int(self, "of", 0));
    if (median >= 0)
        buf_printf(b, " (median %s)", time_format_span(median * 1000, span));
    buf_putc(b, '.');
}

/* With fewer it would be an anecdote with decimals. */
#define USUAL_MIN 3

static void usual_line(const struct note_in *in, struct buf *b)
{
    const json_t *t = json_opt_obj(in->known, "resolve_time");
    char median[TIME_SPAN_MAX], from[TIME_SPAN_MAX], to[TIME_SPAN_MAX];

    if (json_opt_int(t, "n", 0) < USUAL_MIN)
        return;
    buf_printf(b, "Usually over in %s (%s to %s, n=%" PRId64 ").",
               time_format_span(json_opt_int(t, "median_s", 0) * 1000, median),
               time_format_span(json_opt_int(t, "p25_s", 0) * 1000, from),
               time_format_span(json_opt_int(t, "p75_s", 0) * 1000, to), json_opt_int(t, "n", 0));
}

/* Where this very symptom was never solved: the most alike of those that a person said something about. */
static void like_line(const struct note_in *in, struct buf *b)
{
    const json_t *list = json_opt_arr(in->known, "similar");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i), *fix = json_opt_obj(x, "fix");

        if (!json_opt_str(fix, "quote"))
            continue;
        buf_printf(b, "Like #%" PRId64 " (", json_opt_int(x, "number", 0));
        triage_note_quote(b, json_opt_str(x, "service"), 40);
        buf_puts(b, ", ");
        triage_note_quote(b, json_opt_str(fix, "author") ? json_opt_str(fix, "author") : "somebody",
                          40);
        buf_puts(b, "): “");
        triage_note_quote(b, json_opt_str(fix, "quote"), 110);
        buf_puts(b, "”");
        return;
    }
}

static void fix_line(const struct note_in *in, struct buf *b)
{
    const json_t *fix = json_opt_obj(in->known, "last_fix");

    if (!fix) {
        like_line(in, b);
        return;
    }
    buf_printf(b, "Last time (#%" PRId64 ", ", json_opt_int(fix, "incident_number", 0));
    triage_note_quote(b, json_opt_str(fix, "author") ? json_opt_str(fix, "author") : "somebody",
                      40);
    buf_puts(b, "): “");
    triage_note_quote(b, json_opt_str(fix, "quote"), 150);
    buf_puts(b, "”");
}

static void firing_line(const struct note_in *in, struct buf *b)
{
    const json_t *list = json_opt_arr(in->known, "also_firing");
    size_t n = json_array_size(list);

    if (n == 0)
        return;
    buf_puts(b, "Also firing: ");
    for (size_t i = 0; i < n && i < 2; i++) {
        const json_t *f = json_array_get(list, i);

        buf_puts(b, i > 0 ? "; " : "");
        buf_printf(b, "#%" PRId64 " ", json_opt_int(f, "number", 0));
        triage_note_quote(b, json_opt_str(f, "title"), 40);
    }
    if (n > 2)
        buf_printf(b, "; %zu more", n - 2);
}

static void names_add(struct buf *b, const json_t *names)
{
    size_t n = json_array_size(names);

    if (n == 0)
        return;
    buf_puts(b, " (");
    for (size_t i = 0; i < n && i < 2; i++) {
        buf_puts(b, i > 0 ? ", " : "");
        triage_note_quote(b, json_string_value(json_array_get(names, i)), 30);
    }
    buf_puts(b, n > 2 ? ", …)" : ")");
}

static void page_line(const struct note_in *in, struct buf *b)
{
    const json_t *next = json_opt_obj(in->known, "next_page");
    int64_t at = json_opt_time_ms(next, "at", 0);
    const char *zone = in->zone && *in->zone ? in->zone : "UTC";
    int minute, weekday;
    struct err ignored = {0};

    if (at == 0)
        return;
    if (time_in_zone(at, zone, &minute, &weekday, &ignored) < 0) {
        zone = "UTC";
        minute = (int)(at / 60000 % 1440);
    }
    if (json_opt_int(next, "level", 0) > 0)
        buf_printf(b, "PagerDuty pages level %" PRId64, json_opt_int(next, "level", 0));
    else
        buf_puts(b, "PagerDuty escalates");
    names_add(b, json_opt_arr(next, "who"));
    buf_printf(b, " at %02d:%02d %s", minute / 60, minute % 60, zone);
    buf_puts(b, json_opt_bool(next, "computed", false) ? " (computed)." : ".");
}

static void missing_line(const struct note_in *in, struct buf *b)
{
    const json_t *list = json_opt_arr(in->known, "not_checked");
    size_t n = json_array_size(list), shown = 0;
    const char *before = NULL;

    if (n == 0)
        return;
    buf_puts(b, "Not checked: ");
    for (size_t i = 0; i < n; i++) {
        const char *what = json_opt_str(json_array_get(list, i), "what");

        if (text_eq(what, before)) /* two reasons of one kind stand side by side */
            continue;
        buf_puts(b, shown++ > 0 ? ", " : "");
        buf_puts(b, what);
        before = what;
    }
    buf_putc(b, '.');
}

static void change_line(const struct note_in *in, struct buf *b)
{
    const json_t *list = json_opt_arr(in->known, "changes");
    const json_t *below = json_opt_arr(in->known, "changes_below");
    size_t n = json_array_size(list) + json_array_size(below);
    const json_t *c =
        json_array_size(list) > 0 ? json_array_get(list, 0) : json_array_get(below, 0);
    char span[TIME_SPAN_MAX];

    if (!c)
        return;
    buf_puts(b, "Changed ");
    buf_puts(b, time_format_span(json_opt_int(c, "before_s", 0) * 1000, span));
    buf_puts(b, " before: ");
    triage_note_quote(b, json_opt_str(c, "summary"), 70);
    if (n > 1)
        buf_printf(b, " (and %zu more)", n - 1);
}

static void link_line(const struct note_in *in, struct buf *b)
{
    const json_t *books = json_opt_arr(in->verdict, "runbooks");
    const char *url = json_string_value(json_array_get(books, 0));

    /* A cut link leads nowhere: it stands whole or not at all. */
    if (url && strlen(url) <= 160) {
        buf_puts(b, "Runbook: ");
        triage_note_quote(b, url, 200);
    } else if (in->html_url && strlen(in->html_url) <= 160) {
        buf_puts(b, "Link: ");
        triage_note_quote(b, in->html_url, 200);
    }
}

static const struct note_line {
    void (*make)(const struct note_in *in, struct buf *b);
    size_t max_chars;
    bool whole; /* not cut: it fits or is left out */
} lines[] = {
    {head_line, 110, false},    {seen_line, 110, false},   {page_line, 110, false},
    {fix_line, 215, false},     {usual_line, 70, true},    {firing_line, 120, false},
    {missing_line, 130, false}, {change_line, 110, false}, {link_line, 170, true},
};

void triage_note_text(const struct note_in *in, struct buf *out)
{
    AUTO(buf_done) struct buf line = {0};
    size_t used = 0;

    buf_init(&line, (size_t)8 * LINE_MAX_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        size_t left = NOTE_TEXT_MAX_CHARS - used, want, most = lines[i].max_chars;

        buf_clear(&line);
        lines[i].make(in, &line);
        if (line.len == 0 || left < 2)
            continue;
        left -= used > 0; /* the line break */
        most = most < left ? most : left;
        want = chars(buf_str(&line), line.len);
        if (want > most && (lines[i].whole || most < LINE_MIN_CHARS))
            continue;
        if (used > 0)
            buf_putc(out, '\n');
        used += (used > 0) + (want < most ? want : most);
        add_cut(out, buf_str(&line), line.len, most);
    }
}
