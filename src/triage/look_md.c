/* A look back as Markdown, for a wiki page or a ticket; made from the report alone. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/look.h"
#include "triage/pure.h"

#define TEXT_MAX_CHARS 1000

/* Outside text: no markup, no table border, no link that makes itself, nobody mentioned. */
static void put_text(struct buf *b, const char *s)
{
    AUTO(buf_done) struct buf safe = {0};

    buf_init(&safe, (size_t)64 * 1024);
    triage_note_quote(&safe, s ? s : "-", TEXT_MAX_CHARS);
    for (const char *p = buf_str(&safe); *p; p++) {
        if (text_starts(p, "://")) {
            buf_puts(b, "&#58;");
            continue;
        }
        if (text_starts(p, "www.")) {
            buf_puts(b, "www&#46;");
            p += 3;
            continue;
        }
        if (*p == '&') {
            buf_puts(b, "&amp;");
            continue;
        }
        if (strchr("\\`*_[]|~#!$", *p))
            buf_putc(b, '\\');
        buf_putc(b, *p);
    }
}

static void put_int(struct buf *b, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    if (json_is_integer(v))
        buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else
        buf_puts(b, "not read");
}

static void put_span(struct buf *b, const json_t *o, const char *key)
{
    int64_t s = json_opt_int(o, key, -1);
    char text[TIME_SPAN_MAX];

    buf_puts(b, s < 0 ? "-" : time_format_span(s * 1000, text));
}

/* "#4187", linked when PagerDuty gave an address that is one. */
static void put_number(struct buf *b, const json_t *o)
{
    const char *url = json_opt_str(o, "url");
    bool plain = url && text_starts(url, "https://") && !strpbrk(url, "()<>[]\\\"'` |");

    if (plain)
        buf_printf(b, "[#%" PRId64 "](%s)", json_opt_int(o, "number", 0), url);
    else
        buf_printf(b, "\\#%" PRId64, json_opt_int(o, "number", 0));
}

static void put_day(struct buf *b, const char *iso)
{
    if (iso && strlen(iso) >= 16)
        buf_printf(b, "%.10s %.5s", iso, iso + 11);
    else
        buf_putc(b, '-');
}

/* ---- sections ---- */

static void advice(const json_t *report, const char *about, struct buf *b)
{
    const json_t *list = json_opt_arr(report, "suggestions");
    bool any = false;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);

        if (!text_eq(json_opt_str(row, "about"), about))
            continue;
        buf_puts(b, any ? "- " : "\n- ");
        put_text(b, json_opt_str(row, "text"));
        buf_putc(b, '\n');
        any = true;
    }
}

static const json_t *section(const json_t *report, const char *key, const char *title,
                             struct buf *b)
{
    const json_t *list = json_opt_obj(report, key), *rows = json_opt_arr(list, "rows");
    size_t n = json_array_size(rows);

    buf_printf(b, "\n## %s\n\n", title);
    if (!list)
        buf_puts(b, "Not read: log entries. This says nothing, not \"none\".\n");
    else if (n == 0)
        buf_puts(b, "None.\n");
    else if ((int64_t)n < json_opt_int(list, "all", 0))
        buf_printf(b, "The first %zu of %" PRId64 ".\n\n", n, json_opt_int(list, "all", 0));
    return n > 0 ? rows : NULL;
}

static void name_cells(struct buf *b, const json_t *row)
{
    put_text(b, json_opt_str(row, "title"));
    buf_puts(b, " | ");
    put_text(b, json_opt_str(row, "service"));
    buf_puts(b, " |\n");
}

static void pages_table(const json_t *report, const char *key, const char *title, struct buf *b)
{
    const json_t *rows = section(report, key, title, b);

    if (rows)
        buf_puts(b, "| pages | at night | incidents | symptom | service |\n"
                    "| ---: | ---: | ---: | --- | --- |\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        buf_puts(b, "| ");
        put_int(b, row, "pages");
        buf_puts(b, " | ");
        put_int(b, row, "night_pages");
        buf_puts(b, " | ");
        put_int(b, row, "incidents");
        buf_puts(b, " | ");
        name_cells(b, row);
    }
    advice(report, key, b);
}

static void noise_table(const json_t *report, const char *key, const char *title, struct buf *b)
{
    const json_t *rows = section(report, key, title, b);

    if (rows)
        buf_puts(b, "| incidents | cleared by itself | after (median) | symptom | service |\n"
                    "| ---: | ---: | ---: | --- | --- |\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        int64_t self = json_opt_int(row, "self_cleared", 0);

        buf_puts(b, "| ");
        put_int(b, row, "incidents");
        buf_printf(b, " | %" PRId64 " of %" PRId64 " (%" PRId64 " %%) | ", self,
                   self + json_opt_int(row, "by_person", 0),
                   json_opt_int(row, "self_cleared_pct", 0));
        put_span(b, row, "self_cleared_median_s");
        buf_puts(b, " | ");
        name_cells(b, row);
    }
    advice(report, key, b);
}

static void repeats(const json_t *report, struct buf *b)
{
    const json_t *rows = section(report, "repeats", "What comes again, and what fixed it", b);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *fix = json_opt_obj(row, "fix");

        buf_puts(b, "- **");
        put_text(b, json_opt_str(row, "title"));
        buf_puts(b, "** (");
        put_text(b, json_opt_str(row, "service"));
        buf_printf(b, "): %" PRId64 " times, ended by hand %" PRId64 "\n",
                   json_opt_int(row, "incidents", 0), json_opt_int(row, "by_person", 0));
        if (fix) {
            buf_puts(b, "  - \"");
            put_text(b, json_opt_str(fix, "quote"));
            buf_puts(b, "\" (");
            put_text(b, json_opt_str(fix, "author"));
            buf_printf(b, ", \\#%" PRId64 ")\n", json_opt_int(fix, "incident_number", 0));
        } else {
            buf_printf(b, "  - no note says how (%" PRId64 " incidents looked at)\n",
                       json_opt_int(row, "notes_looked_at", 0));
        }
    }
    advice(report, "repeats", b);
}

static void people(const json_t *report, struct buf *b)
{
    const json_t *rows = section(report, "people", "Pages per person", b);

    if (rows)
        buf_puts(b, "| person | pages | share | at night | messages | assigned | most of all |\n"
                    "| --- | ---: | ---: | ---: | ---: | ---: | --- |\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *top = json_opt_obj(row, "top");

        buf_puts(b, "| ");
        put_text(b, json_opt_str(row, "name"));
        buf_printf(b,
                   " | %" PRId64 " | %" PRId64 " %% | %" PRId64 " | %" PRId64 " | %" PRId64 " | ",
                   json_opt_int(row, "pages", 0), json_opt_int(row, "pages_pct", 0),
                   json_opt_int(row, "night_pages", 0), json_opt_int(row, "notifications", 0),
                   json_opt_int(row, "assigned", 0));
        if (top) {
            buf_printf(b, "%" PRId64 " by ", json_opt_int(top, "pages", 0));
            put_text(b, json_opt_str(top, "title"));
        } else {
            buf_puts(b, "-");
        }
        buf_puts(b, " |\n");
    }
    advice(report, "people", b);
}

static void longest(const json_t *report, struct buf *b)
{
    const json_t *x = json_opt_obj(report, "longest"), *rows = json_opt_arr(x, "timeline");
    const char *by = json_opt_str(x, "resolved_by");
    int64_t left_out = json_opt_int(x, "left_out", 0);
    size_t n = json_array_size(rows);

    buf_puts(b, "\n## The longest incident\n\n");
    if (!x) {
        buf_puts(b, "None was resolved.\n");
        return;
    }
    put_number(b, x);
    buf_puts(b, " ");
    put_text(b, json_opt_str(x, "title"));
    buf_puts(b, " (");
    put_text(b, json_opt_str(x, "service"));
    buf_puts(b, "): ");
    put_span(b, x, "took_s");
    buf_puts(b, ", ended by ");
    put_text(b, by ? by : "itself");
    buf_puts(b, ".\n\n");
    if (!json_opt_bool(x, "timeline_read", false))
        buf_puts(b, "Its log entries were not read.\n\n");
    if (n > 0)
        buf_puts(b, "| time | after | what | who | |\n| --- | ---: | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);

        if (left_out > 0 && i == n / 2)
            buf_printf(b, "| | | *%" PRId64 " more left out* | | |\n", left_out);
        buf_puts(b, "| ");
        put_day(b, json_opt_str(row, "at"));
        buf_puts(b, " | ");
        put_span(b, row, "after_s");
        buf_puts(b, " | ");
        put_text(b, json_opt_str(row, "what"));
        buf_puts(b, " | ");
        put_text(b, json_opt_str(row, "who"));
        buf_puts(b, " | ");
        put_text(b, json_opt_str(row, "text"));
        buf_puts(b, " |\n");
    }
    advice(report, "longest", b);
}

static void head(const json_t *report, struct buf *b)
{
    const json_t *w = json_opt_obj(report, "window"), *t = json_opt_obj(report, "totals");
    const json_t *r = json_opt_obj(report, "resolved"), *a = json_opt_obj(report, "acknowledged");
    const json_t *p = json_opt_obj(r, "by_person");

    buf_puts(b, "# PagerDuty, looked back at\n\n");
    put_day(b, json_opt_str(w, "since"));
    buf_puts(b, " to ");
    put_day(b, json_opt_str(w, "until"));
    buf_puts(b, " UTC (");
    put_span(b, w, "span_s");
    buf_puts(b, "), read from ");
    put_text(b, json_at_str(report, "read.from"));
    buf_puts(b, "\n\n- incidents: ");
    put_int(b, t, "incidents");
    buf_puts(b, " with ");
    put_int(b, t, "symptoms");
    buf_puts(b, " symptoms; resolved by a person ");
    put_int(b, t, "by_person");
    buf_puts(b, ", cleared by themselves ");
    put_int(b, t, "self_cleared");
    buf_puts(b, ", merged ");
    put_int(b, t, "merged");
    buf_puts(b, ", open ");
    put_int(b, t, "open");
    buf_puts(b, "\n- pages: ");
    put_int(b, t, "pages");
    buf_puts(b, " to people: ");
    put_int(b, t, "people");
    buf_puts(b, "; at night ");
    put_int(b, t, "night_pages");
    buf_puts(b, "; of incidents from before ");
    put_int(b, t, "earlier_pages");
    buf_puts(b, "\n- acknowledged after ");
    put_span(b, a, "median_s");
    buf_puts(b, " (median, n = ");
    put_int(b, a, "n");
    buf_puts(b, ")\n- resolved after ");
    put_span(b, r, "median_s");
    buf_puts(b, " (median, n = ");
    put_int(b, r, "n");
    buf_puts(b, "); by a person ");
    put_span(b, p, "median_s");
    buf_puts(b, " (n = ");
    put_int(b, p, "n");
    buf_puts(b, ")\n");
    advice(report, "totals", b);
}

static void not_read(const json_t *report, struct buf *b)
{
    const json_t *list = json_opt_arr(json_opt_obj(report, "read"), "not_read");

    if (json_opt_bool(json_opt_obj(report, "read"), "complete", false))
        return;
    buf_puts(b, "\n**Not read** (this is no \"none\"):\n\n");
    for (size_t i = 0; i < json_array_size(list); i++) {
        buf_puts(b, "- ");
        put_text(b, json_opt_str(json_array_get(list, i), "what"));
        buf_puts(b, ": ");
        put_text(b, json_opt_str(json_array_get(list, i), "why"));
        buf_putc(b, '\n');
    }
}

void look_markdown(const json_t *report, struct buf *out)
{
    const json_t *words = json_opt_arr(report, "definitions");

    head(report, out);
    not_read(report, out);
    pages_table(report, "causes", "What paged", out);
    noise_table(report, "noisy", "The noisiest", out);
    noise_table(report, "self_clearing", "What clears by itself", out);
    repeats(report, out);
    pages_table(report, "night", "What pages at night", out);
    people(report, out);
    longest(report, out);
    buf_puts(out, "\n## Words\n\n");
    for (size_t i = 0; i < json_array_size(words); i++) {
        buf_puts(out, "- *");
        put_text(out, json_opt_str(json_array_get(words, i), "word"));
        buf_puts(out, "*: ");
        put_text(out, json_opt_str(json_array_get(words, i), "means"));
        buf_putc(out, '\n');
    }
}
