#include <stdio.h>

#include "cli/card.h"

#define FIXES_SHOWN 3

/* What memory, other sources and runbooks tell, on a card. */

void resolve_time_print(struct cli *c, const json_t *k)
{
    const json_t *t = json_opt_obj(k, "resolve_time");

    if (!t || json_opt_int(t, "n", 0) == 0)
        return;
    field(c, "time to resolve",
          fmt(c, "median %s, half of them %s to %s (n = %s)",
              span(c, json_opt_int(t, "median_s", 0) * 1000),
              span(c, json_opt_int(t, "p25_s", 0) * 1000),
              span(c, json_opt_int(t, "p75_s", 0) * 1000), member(c, t, "n")));
}

void similar_print(struct cli *c, const json_t *k)
{
    const json_t *list = json_object_get(k, "similar");
    size_t i;
    json_t *x;

    if (!json_is_array(list))
        return;
    if (json_array_size(list) == 0)
        field(c, "similar", "none remembered");
    json_array_foreach (list, i, x) {
        const json_t *fix = json_opt_obj(x, "fix");

        field(c, i ? "" : "similar",
              fmt(c, "#%s %s (%s), %s, took %s, ended by %s", member(c, x, "number"),
                  member(c, x, "title"), member(c, x, "service"), ago(c, when_ms(x, "at")),
                  json_is_integer(json_object_get(x, "took_s"))
                      ? span(c, json_opt_int(x, "took_s", 0) * 1000)
                      : "-",
                  member(c, x, "ended_by")));
        if (fix)
            field(c, "",
                  fmt(c, "  \"%s\" (%s)", member(c, fix, "quote"), member(c, fix, "author")));
    }
}

void sources_print(struct cli *c, const json_t *k)
{
    const json_t *list = json_opt_arr(k, "sources");
    size_t i, n;
    json_t *x, *line;

    json_array_foreach (list, i, x) {
        const json_t *lines = json_opt_arr(x, "lines");

        field(c, i ? "" : "sources",
              fmt(c, "%s: %s", member(c, x, "name"),
                  json_array_size(lines) ? member(c, x, "title") : "asked, nothing found"));
        json_array_foreach (lines, n, line)
            field(c, "", fmt(c, "  %s", value_text(c, line)));
    }
}

static const char *steps_count(struct cli *c, size_t n)
{
    return n == 0 ? "" : n == 1 ? ", 1 step" : fmt(c, ", %zu steps", n);
}

static void steps_print(struct cli *c, const json_t *steps)
{
    size_t i;
    json_t *x;

    json_array_foreach (steps, i, x)
        field(c, "", fmt(c, "    - %s", value_text(c, x)));
}

/* The steps themselves stand below the runbook that fits best; of the others only how many they are. */
static void sections_print(struct cli *c, const json_t *sections, bool best)
{
    size_t i;
    json_t *x;

    json_array_foreach (sections, i, x) {
        const json_t *steps = json_opt_arr(x, "steps");
        const char *part = json_opt_str(x, "part");

        field(c, "",
              fmt(c, "  %s, lines %s-%s%s%s%s", member(c, x, "heading"), member(c, x, "line_from"),
                  member(c, x, "line_to"), text_eq(part, "other") ? "" : ", ",
                  text_eq(part, "other") ? "" : member(c, x, "part"),
                  steps_count(c, json_array_size(steps))));
        if (best)
            steps_print(c, steps);
    }
}

static void fixed_print(struct cli *c, size_t i, const json_t *number, const json_t *fix)
{
    field(c, "",
          fmt(c, "%s#%s: \"%s\" (%s)", i == 0 ? "fixed before: " : "", value_text(c, number),
              member(c, fix, "quote"), member(c, fix, "author")));
}

/* Without a runbook, what helped the last times is the best there is. */
static void fixes_print(struct cli *c, const json_t *k)
{
    const json_t *last = json_opt_obj(k, "last_fix");
    size_t i, n = 0;
    json_t *x;

    json_array_foreach (json_opt_arr(k, "similar"), i, x)
        if (json_opt_obj(x, "fix") && n < FIXES_SHOWN)
            fixed_print(c, n++, json_object_get(x, "number"), json_opt_obj(x, "fix"));
    if (n == 0 && last)
        fixed_print(c, 0, json_object_get(last, "incident_number"), last);
    else if (n == 0)
        field(c, "", "and nobody wrote down how earlier ones were fixed");
}

void runbooks_print(struct cli *c, const json_t *k)
{
    const json_t *list = json_object_get(k, "runbooks"), *links = json_opt_arr(k, "runbook_links");
    size_t i;
    json_t *x;

    if (json_is_array(list) && json_array_size(list) == 0) {
        field(c, "runbooks", "no runbook matches");
        fixes_print(c, k);
    }
    json_array_foreach (list, i, x) {
        field(c, i ? "" : "runbooks",
              fmt(c, "%s (%s)%s%s", member(c, x, "title"), member(c, x, "path"),
                  json_is_integer(json_object_get(x, "minutes"))
                      ? fmt(c, ", about %s min", member(c, x, "minutes"))
                      : "",
                  json_opt_bool(x, "stale", false)
                      ? paint(c, YELLOW, ", not reviewed for over a year")
                      : ""));
        sections_print(c, json_opt_arr(x, "sections"), i == 0);
    }
    json_array_foreach (links, i, x)
        field(c, i ? "" : "links", fmt(c, "%s: %s", member(c, x, "text"), member(c, x, "url")));
}
