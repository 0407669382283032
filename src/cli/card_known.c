#include <stdio.h>

#include "cli/card.h"

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
            field(c, "", fmt(c, "\"%s\" (%s)", member(c, fix, "quote"), member(c, fix, "author")));
    }
}

void sources_print(struct cli *c, const json_t *k)
{
    const json_t *list = json_opt_arr(k, "sources");
    size_t i, n;
    json_t *x, *line;

    json_array_foreach (list, i, x) {
        const json_t *lines = json_opt_arr(x, "lines");

        if (json_array_size(lines) == 0)
            field(c, i ? "" : "sources", fmt(c, "%s: asked, nothing found", member(c, x, "name")));
        json_array_foreach (lines, n, line)
            field(c, i || n ? "" : "sources",
                  fmt(c, "%s: %s", member(c, x, "name"), value_text(c, line)));
    }
}

static void sections_print(struct cli *c, const json_t *sections)
{
    size_t i;
    json_t *x;

    json_array_foreach (sections, i, x)
        field(c, "",
              fmt(c, "  %s, lines %s-%s", member(c, x, "heading"), member(c, x, "line_from"),
                  member(c, x, "line_to")));
}

void runbooks_print(struct cli *c, const json_t *k)
{
    const json_t *list = json_object_get(k, "runbooks"), *links = json_opt_arr(k, "runbook_links");
    size_t i;
    json_t *x;

    if (json_is_array(list) && json_array_size(list) == 0)
        field(c, "runbooks", "none matches");
    json_array_foreach (list, i, x) {
        field(c, i ? "" : "runbooks",
              fmt(c, "%s (%s)%s", member(c, x, "title"), member(c, x, "path"),
                  json_opt_bool(x, "stale", false)
                      ? paint(c, YELLOW, ", not reviewed for over a year")
                      : ""));
        sections_print(c, json_opt_arr(x, "sections"));
    }
    json_array_foreach (links, i, x)
        field(c, i ? "" : "links", fmt(c, "%s: %s", member(c, x, "text"), member(c, x, "url")));
}
