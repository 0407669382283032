/* What a look back shows on a terminal; made from the report alone. */
#include <stdio.h>
#include <string.h>

#include "cli/look.h"

#define WRAP_WIDTH 100 /* where no terminal says how wide it is */
#define WRAP_MIN   40

static int64_t num(const json_t *o, const char *key)
{
    return json_opt_int(o, key, 0);
}

/* Right-aligned in its column; "-" for what was not read. */
static const char *count(struct cli *c, const json_t *o, const char *key, int width)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_integer(v))
        return fmt(c, "%*s", width, "-");
    return fmt(c, "%*lld", width, (long long)json_integer_value(v));
}

static const char *span_of(struct cli *c, const json_t *o, const char *key)
{
    int64_t s = json_opt_int(o, key, -1);

    return s < 0 ? "-" : span(c, s * 1000);
}

/* "2026-11-20 04:30" */
static const char *minute_of(struct cli *c, const json_t *o, const char *key)
{
    const char *iso = json_opt_str(o, key);

    return iso && strlen(iso) >= 16 ? fmt(c, "%.10s %.5s", iso, iso + 11) : "-";
}

/* ---- lines that are broken between words ---- */

static size_t word_end(const char *s)
{
    return strcspn(s, " ");
}

struct margins {
    enum colour first_col, col;
    const char *first, *rest; /* what stands before the first line, and before the others */
};

static void wrap(struct cli *c, const struct margins *m, const char *text)
{
    size_t width = c->width ? c->width : WRAP_WIDTH, at = text_columns(m->first);
    AUTO(buf_done) struct buf line = {0};
    bool any = false;

    if (width < WRAP_MIN)
        width = WRAP_MIN;
    buf_init(&line, (size_t)64 * 1024);
    while (*text) {
        size_t len = word_end(text);
        size_t columns = text_columns(fmt(c, "%.*s", (int)len, text));

        if (any && at + 1 + columns > width) {
            buf_printf(&line, "\n%s", m->rest);
            at = text_columns(m->rest);
            any = false;
        }
        buf_printf(&line, "%s%.*s", any ? " " : "", (int)len, text);
        at += columns + any;
        any = true;
        text += len + (text[len] == ' ');
    }
    fputs(paint(c, m->first_col, m->first), stdout);
    puts(paint(c, m->col, buf_str(&line)));
}

static void advice(struct cli *c, const json_t *report, const char *about)
{
    const json_t *list = json_opt_arr(report, "suggestions");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);

        if (text_eq(json_opt_str(row, "about"), about))
            wrap(c, &(struct margins){YELLOW, YELLOW, "-> ", "   "}, member(c, row, "text"));
    }
}

/* ---- tables ---- */

/* The heading; rows, or NULL when there are none. */
static const json_t *section(struct cli *c, const json_t *report, const char *key,
                             const char *title)
{
    const json_t *list = json_opt_obj(report, key), *rows = json_opt_arr(list, "rows");
    size_t n = json_array_size(rows);

    if (list && (int64_t)n < num(list, "all"))
        heading(c, fmt(c, "%s (the first %zu of %lld)", title, n, (long long)num(list, "all")));
    else
        heading(c, title);
    if (!list)
        puts("not read: log entries. This says nothing, not \"none\".");
    else if (n == 0)
        puts("none");
    return n > 0 ? rows : NULL;
}

static void name_cells(struct cli *c, struct table *t, const json_t *row)
{
    table_cell(t, PLAIN, member(c, row, "title"));
    table_cell(t, DIM, member(c, row, "service"));
}

static void pages_table(struct cli *c, const json_t *report, const char *key, const char *title)
{
    bool night = strcmp(key, "night") == 0; /* what a list goes by stands first */
    const json_t *rows = section(c, report, key, title);
    struct table *t = table_new(c, night ? "night|pages|incidents|*symptom|*service"
                                         : "pages|night|incidents|*symptom|*service");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        table_cell(t, BOLD, count(c, row, night ? "night_pages" : "pages", 5));
        table_cell(t, PLAIN, count(c, row, night ? "pages" : "night_pages", 5));
        table_cell(t, PLAIN, count(c, row, "incidents", 9));
        name_cells(c, t, row);
    }
    table_print(t);
    advice(c, report, key);
}

static void noise_table(struct cli *c, const json_t *report, const char *key, const char *title)
{
    const json_t *rows = section(c, report, key, title);
    struct table *t = table_new(c, "incidents|cleared by itself|after|*symptom|*service");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        int64_t self = num(row, "self_cleared"), of = self + num(row, "by_person");

        table_cell(t, BOLD, count(c, row, "incidents", 9));
        table_cell(t, PLAIN,
                   of ? fmt(c, "%lld of %lld (%lld %%)", (long long)self, (long long)of,
                            (long long)num(row, "self_cleared_pct"))
                      : "-");
        table_cell(t, PLAIN, span_of(c, row, "self_cleared_median_s"));
        name_cells(c, t, row);
    }
    table_print(t);
    advice(c, report, key);
}

static void fix_print(struct cli *c, const json_t *row)
{
    const json_t *fix = json_opt_obj(row, "fix");

    if (fix)
        wrap(c, &(struct margins){PLAIN, PLAIN, "      ", "      "},
             fmt(c, "\"%s\" (%s, #%lld)", member(c, fix, "quote"), member(c, fix, "author"),
                 (long long)num(fix, "incident_number")));
    else
        wrap(c, &(struct margins){DIM, DIM, "      ", "      "},
             num(row, "notes_looked_at") > 0 ? fmt(c, "no note says how (%lld incidents looked at)",
                                                   (long long)num(row, "notes_looked_at"))
                                             : "nobody left a note");
}

static void repeats(struct cli *c, const json_t *report)
{
    const json_t *rows = section(c, report, "repeats", "What comes again, and what fixed it");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        wrap(c,
             &(struct margins){BOLD, PLAIN, fmt(c, "%4lldx ", (long long)num(row, "incidents")),
                               "      "},
             fmt(c, "%s (%s), ended by hand %lldx", member(c, row, "title"),
                 member(c, row, "service"), (long long)num(row, "by_person")));
        fix_print(c, row);
    }
    advice(c, report, "repeats");
}

static void people(struct cli *c, const json_t *report)
{
    const json_t *rows = section(c, report, "people", "Pages per person");
    struct table *t = table_new(c, "*person|pages|share|night|messages|assigned|*most of all");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *top = json_opt_obj(row, "top");

        table_cell(t, PLAIN, member(c, row, "name"));
        table_cell(t, BOLD, count(c, row, "pages", 5));
        table_cell(t, PLAIN, fmt(c, "%3lld %%", (long long)num(row, "pages_pct")));
        table_cell(t, PLAIN, count(c, row, "night_pages", 5));
        table_cell(t, PLAIN, count(c, row, "notifications", 8));
        table_cell(t, PLAIN, count(c, row, "assigned", 8));
        table_cell(t, DIM,
                   top ? fmt(c, "%lld by %s", (long long)num(top, "pages"), member(c, top, "title"))
                       : "-");
    }
    table_print(t);
    advice(c, report, "people");
}

/* ---- the longest incident ---- */

static void step_print(struct cli *c, const json_t *row)
{
    bool note = text_eq(json_opt_str(row, "what"), "note");
    const char *who = json_opt_str(row, "who");
    const char *text = member(c, row, "text");
    const char *head = fmt(c, "  %-12s%-14s", span_of(c, row, "after_s"), member(c, row, "what"));

    /* Most summaries of PagerDuty's name the person themselves. */
    if (who && !strstr(text, who))
        text = fmt(c, "%s: %s", show(c, who), text);
    wrap(c, &(struct margins){DIM, note ? BOLD : PLAIN, head, "                            "},
         text);
}

static void timeline(struct cli *c, const json_t *x)
{
    const json_t *rows = json_opt_arr(x, "timeline");
    int64_t left_out = num(x, "left_out");
    size_t n = json_array_size(rows);

    for (size_t i = 0; i < n; i++) {
        if (left_out > 0 && i == n / 2)
            puts(paint(c, DIM, fmt(c, "  ... %lld more left out", (long long)left_out)));
        step_print(c, json_array_get(rows, i));
    }
}

static void longest(struct cli *c, const json_t *report)
{
    const json_t *x = json_opt_obj(report, "longest");
    const char *by = json_opt_str(x, "resolved_by");

    heading(c, "The longest incident");
    if (!x) {
        puts("none was resolved");
        return;
    }
    wrap(c, &(struct margins){PLAIN, PLAIN, "", ""},
         fmt(c, "#%lld %s (%s): %s from %s on, ended by %s", (long long)num(x, "number"),
             member(c, x, "title"), member(c, x, "service"), span_of(c, x, "took_s"),
             minute_of(c, x, "created_at"), by ? show(c, by) : "itself"));
    if (!json_opt_bool(x, "timeline_read", false))
        puts("its log entries were not read");
    timeline(c, x);
    advice(c, report, "longest");
}

/* ---- the head ---- */

static void line(struct cli *c, const char *name, const char *text)
{
    wrap(c, &(struct margins){DIM, PLAIN, fmt(c, "%-16s", name), "                "}, text);
}

static void numbers(struct cli *c, const json_t *report)
{
    const json_t *t = json_opt_obj(report, "totals"), *a = json_opt_obj(report, "acknowledged");
    const json_t *r = json_opt_obj(report, "resolved"), *p = json_opt_obj(r, "by_person");
    const json_t *old = json_opt_obj(t, "oldest_open");

    line(
        c, "incidents",
        fmt(c,
            "%s with %s symptom%s: %s ended by a person, %s cleared by themselves, %s merged, %s open",
            member(c, t, "incidents"), member(c, t, "symptoms"), num(t, "symptoms") == 1 ? "" : "s",
            member(c, t, "by_person"), member(c, t, "self_cleared"), member(c, t, "merged"),
            member(c, t, "open")));
    if (json_is_integer(json_object_get(t, "pages")))
        line(c, "pages",
             fmt(c, "%s to %s people, %s at night%s", member(c, t, "pages"), member(c, t, "people"),
                 member(c, t, "night_pages"),
                 num(t, "earlier_pages") ? fmt(c, "; %s of them by incidents from before",
                                               member(c, t, "earlier_pages"))
                                         : ""));
    else
        line(c, "pages", "not read");
    if (a)
        line(c, "acknowledged",
             fmt(c, "after %s (median, n = %s)", span_of(c, a, "median_s"), member(c, a, "n")));
    line(c, "resolved",
         fmt(c, "after %s (median, n = %s); by a person after %s (n = %s)",
             span_of(c, r, "median_s"), member(c, r, "n"), span_of(c, p, "median_s"),
             member(c, p, "n")));
    if (old)
        line(c, "oldest open",
             fmt(c, "#%s %s (%s), since %s", member(c, old, "number"), member(c, old, "title"),
                 member(c, old, "service"), minute_of(c, old, "created_at")));
}

static void not_read(struct cli *c, const json_t *report)
{
    const json_t *read = json_opt_obj(report, "read"), *list = json_opt_arr(read, "not_read");

    if (json_opt_bool(read, "complete", false))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);

        wrap(c, &(struct margins){RED, RED, "NOT READ: ", "          "},
             fmt(c, "%s (%s)", member(c, row, "what"), member(c, row, "why")));
    }
}

static void words(struct cli *c, const json_t *report)
{
    const json_t *list = json_opt_arr(report, "definitions");

    heading(c, "Words");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);

        wrap(c, &(struct margins){DIM, DIM, "", "  "},
             fmt(c, "%s: %s", member(c, row, "word"), member(c, row, "means")));
    }
}

void look_print(struct cli *c, const json_t *report)
{
    const json_t *w = json_opt_obj(report, "window"), *read = json_opt_obj(report, "read");

    wrap(c, &(struct margins){BOLD, BOLD, "", ""},
         fmt(c, "The last %s: %s to %s UTC, from %s", span_of(c, w, "span_s"),
             minute_of(c, w, "since"), minute_of(c, w, "until"), member(c, read, "from")));
    not_read(c, report);
    numbers(c, report);
    advice(c, report, "totals");
    pages_table(c, report, "causes", "What paged");
    noise_table(c, report, "noisy", "The noisiest");
    noise_table(c, report, "self_clearing", "What clears by itself");
    repeats(c, report);
    pages_table(c, report, "night",
                fmt(c, "What pages at night (22:00-07:00 %s)", member(c, w, "zone")));
    people(c, report);
    longest(c, report);
    words(c, report);
    putchar('\n');
    wrap(
        c, &(struct margins){DIM, DIM, "", ""},
        fmt(c,
            "%s incidents, %s log entries and %s notes read with %s GET calls; nothing was changed",
            member(c, read, "incidents"), member(c, read, "log_entries"), member(c, read, "notes"),
            member(c, read, "calls")));
}
