#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/card.h"

/* incidents, show, evidence: what is known, from what, and what was not checked. */

#define INCIDENTS "/api/v1/incidents"

int incident_id(struct cli *c, const char *what, const char **id)
{
    AUTO(reply_done) struct reply r = {0};
    int rc;

    *id = what;
    /* What hangs at an incident hangs at its PagerDuty id; a number is looked up first. */
    if (what[strspn(what, "0123456789")] != '\0')
        return 0;
    rc = api_get(c, &r, path_of(c, INCIDENTS "/", what, ""));
    if (rc == 0)
        *id = arena_strdup(c->arena, json_at_str(r.json, "incident.id"));
    if (rc == 0 && !*id)
        return fail(c, EXIT_FAILED, "the answer names no incident");
    return rc;
}

/* ---- the list ---- */

static const char *name_of(struct cli *c, const json_t *in)
{
    int64_t number = json_opt_int(in, "number", 0);

    return number > 0 ? fmt(c, "#%lld", (long long)number) : member(c, in, "id");
}

static const char *seen_text(struct cli *c, const json_t *x)
{
    const json_t *n = json_object_get(x, "times_seen");

    return json_is_integer(n) ? fmt(c, "%lld x", (long long)json_integer_value(n)) : "-";
}

static void list_print(struct cli *c, const json_t *items)
{
    struct table *t = table_new(c, "INCIDENT|STATUS|SINCE|SEV|SEEN|*SERVICE|*TITLE");
    size_t i;
    json_t *x;

    json_array_foreach (items, i, x) {
        const char *status = json_opt_str(x, "status");

        table_cell(t, BOLD, name_of(c, x));
        table_cell(t, state_colour(status), show(c, status));
        table_cell(t, PLAIN, ago(c, when_ms(x, "created_at")));
        table_cell(t, PLAIN, member(c, x, "severity"));
        table_cell(t, PLAIN, seen_text(c, x));
        table_cell(t, PLAIN, value_text(c, either(x, "service", "service_id")));
        table_cell(t, PLAIN, member(c, x, "title"));
    }
    table_print(t);
}

int cmd_incidents(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    struct query q;
    int64_t limit, before;
    size_t n;
    int rc;

    if (!flag_int(c, "--limit", 1, 200, 50, &limit) ||
        !flag_int(c, "--before", 1, INT64_MAX, 0, &before))
        return EXIT_USAGE;
    query_begin(&q, INCIDENTS);
    query_add(&q, "status", flag_given(c, "--all") ? "all" : NULL);
    query_add(&q, "service", flag_value(c, "--service"));
    query_add(&q, "limit", fmt(c, "%lld", (long long)limit));
    query_add(&q, "before", before ? fmt(c, "%lld", (long long)before) : NULL);
    rc = api_get(c, &r, query_end(c, &q));
    if (rc || printed_json(c, &r))
        return rc;
    n = json_array_size(items_of(r.json));
    if (n == 0) {
        puts(flag_given(c, "--all") || before ? "No more incidents." : "No open incidents.");
        return EXIT_DONE;
    }
    list_print(c, items_of(r.json));
    if (n == (size_t)limit)
        printf("\nMore: triagectl incidents%s --before %lld\n",
               flag_given(c, "--all") ? " --all" : "",
               (long long)json_opt_int(json_array_get(items_of(r.json), n - 1), "seq", 0));
    return EXIT_DONE;
}

/* ---- the card ---- */

/* " [E4, E7]" for a claim of what is known. */
static const char *cited(struct cli *c, const json_t *known, const char *claim)
{
    const json_t *list = json_opt_arr(json_opt_obj(known, "evidence"), claim);
    AUTO(buf_done) struct buf b = {0};

    if (json_array_size(list) == 0)
        return "";
    buf_init(&b, 4096);
    for (size_t i = 0; i < json_array_size(list) && i < 12; i++)
        buf_printf(&b, "%s%s", i ? ", " : " [", value_text(c, json_array_get(list, i)));
    buf_puts(&b, json_array_size(list) > 12 ? ", …]" : "]");
    return paint(c, DIM, arena_strdup(c->arena, buf_str(&b)));
}

static const char *names_text(struct cli *c, const json_t *list)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, 8192);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);

        if (json_is_object(x))
            x = either(x, "name", "id");
        buf_printf(&b, "%s%s", i ? ", " : "", value_text(c, x));
    }
    return b.len ? arena_strdup(c->arena, buf_str(&b)) : "nobody";
}

static void head_print(struct cli *c, const json_t *in, const json_t *state)
{
    const char *status = json_opt_str(in, "status");

    printf("%s  %s\n", paint(c, BOLD, name_of(c, in)), paint(c, BOLD, member(c, in, "title")));
    field(c, "status",
          fmt(c, "%s, since %s (%s)", paint(c, state_colour(status), show(c, status)),
              clock_of(c, when_ms(in, "created_at")), ago(c, when_ms(in, "created_at"))));
    field(c, "service", value_text(c, either(in, "service", "service_id")));
    field(c, "urgency",
          json_opt_str(in, "priority")
              ? fmt(c, "%s, priority %s", member(c, in, "urgency"), member(c, in, "priority"))
              : member(c, in, "urgency"));
    if (json_opt_arr(state, "assignees"))
        field(c, "assigned to", names_text(c, json_opt_arr(state, "assignees")));
    if (json_opt_str(in, "merged_into"))
        field(c, "merged into", member(c, in, "merged_into"));
    if (when_ms(in, "resolved_at"))
        field(c, "resolved",
              fmt(c, "%s, by %s", clock_of(c, when_ms(in, "resolved_at")),
                  member(c, in, "resolved_by")));
    field(c, "PagerDuty", fmt(c, "%s  %s", member(c, in, "id"), member(c, in, "html_url")));
}

static void history_print(struct cli *c, const json_t *k)
{
    const json_t *cleared = json_opt_obj(k, "self_cleared"), *last = json_opt_obj(k, "last_seen");
    const json_t *fix = json_opt_obj(k, "last_fix");

    field(c, "times seen",
          json_is_integer(json_object_get(k, "times_seen"))
              ? fmt(c, "%s in %s days%s%s", member(c, k, "times_seen"), member(c, k, "window_days"),
                    json_opt_bool(k, "complete", true) ? "" : " (history is not complete)",
                    cited(c, k, "times_seen"))
              : "not checked");
    if (last)
        field(c, "last time",
              fmt(c, "#%s, %s", member(c, last, "number"), ago(c, when_ms(last, "at"))));
    if (cleared)
        field(c, "cleared itself",
              fmt(c, "%s %% (%s of %s), median %s%s", member(c, cleared, "share_pct"),
                  member(c, cleared, "n"), member(c, cleared, "of"),
                  json_is_integer(json_object_get(cleared, "median_s"))
                      ? span(c, json_opt_int(cleared, "median_s", 0) * 1000)
                      : "-",
                  cited(c, k, "self_cleared")));
    resolve_time_print(c, k);
    if (fix)
        field(c, "last fix",
              fmt(c, "\"%s\"\n%s, #%s, %s%s", member(c, fix, "quote"), member(c, fix, "author"),
                  member(c, fix, "incident_number"), ago(c, when_ms(fix, "at")),
                  cited(c, k, "last_fix")));
}

static void changes_print(struct cli *c, const json_t *k, const char *key, const char *name)
{
    const json_t *list = json_object_get(k, key);
    size_t i;
    json_t *x;

    if (!json_is_array(list)) {
        field(c, name, "not checked");
        return;
    }
    if (json_array_size(list) == 0)
        field(c, name, "none in the hour before");
    json_array_foreach (list, i, x)
        field(c, i ? "" : name,
              fmt(c, "%s before: %s (%s)%s", span(c, json_opt_int(x, "before_s", 0) * 1000),
                  member(c, x, "summary"), member(c, x, "source"),
                  i ? "" : cited(c, k, "changes")));
}

static void paging_print(struct cli *c, const json_t *k)
{
    const json_t *levels = json_object_get(k, "on_call"), *next = json_opt_obj(k, "next_page");
    size_t i;
    json_t *x;

    if (!json_is_array(levels))
        field(c, "on call", "not checked");
    else if (json_array_size(levels) == 0)
        field(c, "on call", paint(c, RED, "nobody"));
    json_array_foreach (levels, i, x)
        field(c, i ? "" : "on call",
              fmt(c, "level %s: %s%s", member(c, x, "level"),
                  names_text(c, json_opt_arr(x, "names")), i ? "" : cited(c, k, "on_call")));
    if (!next)
        field(c, "next page", "not checked");
    else if (json_opt_str(next, "none"))
        field(c, "next page", fmt(c, "none: %s", member(c, next, "none")));
    else
        field(c, "next page",
              fmt(c, "%s (%s), level %s: %s%s%s", clock_of(c, when_ms(next, "at")),
                  ago(c, when_ms(next, "at")), member(c, next, "level"),
                  names_text(c, json_opt_arr(next, "who")),
                  json_opt_bool(next, "computed", false) ? ", computed from the policy" : "",
                  cited(c, k, "next_page")));
}

static void firing_print(struct cli *c, const json_t *k)
{
    const json_t *list = json_object_get(k, "also_firing");
    size_t i;
    json_t *x;

    if (!json_is_array(list))
        field(c, "also firing", "not checked");
    else if (json_array_size(list) == 0)
        field(c, "also firing", "nothing on this service and its neighbours");
    json_array_foreach (list, i, x)
        field(c, i ? "" : "also firing",
              fmt(c, "#%s %s on %s%s%s, %s", member(c, x, "number"), member(c, x, "title"),
                  member(c, x, "service"), json_opt_str(x, "relation") ? ", " : "",
                  json_opt_str(x, "relation") ? member(c, x, "relation") : "",
                  ago(c, when_ms(x, "since"))));
}

static void known_print(struct cli *c, const json_t *k)
{
    heading(c, "Known");
    if (!json_is_object(k)) {
        puts("  nothing yet");
        return;
    }
    history_print(c, k);
    changes_print(c, k, "changes", "changes here");
    changes_print(c, k, "changes_below", "changes below");
    similar_print(c, k);
    sources_print(c, k);
    runbooks_print(c, k);
    firing_print(c, k);
    paging_print(c, k);
    if (json_opt_obj(k, "outlier"))
        field(c, "outlier", member(c, json_opt_obj(k, "outlier"), "category"));
}

static void evidence_print(struct cli *c, const json_t *list)
{
    struct table *t = table_new(c, "EVIDENCE|KIND|WHEN|*SUMMARY|*FROM");
    size_t i, older = 0;
    json_t *x;

    json_array_foreach (list, i, x) {
        if (text_eq(json_opt_str(x, "state"), "not_checked"))
            continue;
        if (!json_opt_bool(x, "current", true)) {
            older++;
            continue;
        }
        table_cell(t, BOLD, member(c, x, "name"));
        table_cell(t, PLAIN, member(c, x, "kind"));
        table_cell(t, PLAIN, ago(c, when_ms(x, "at")));
        table_cell(t, PLAIN, member(c, x, "summary"));
        table_cell(t, DIM, member(c, x, "source"));
    }
    putchar('\n');
    table_print(t);
    if (older)
        printf("%zu older items: 'triagectl show --json' lists them\n", older);
}

static void not_checked_print(struct cli *c, const json_t *list)
{
    size_t i;
    json_t *x;

    printf("\n%s\n", paint(c, BOLD, "NOT CHECKED"));
    if (!json_is_array(list)) {
        puts("  nothing was checked yet");
        return;
    }
    if (json_array_size(list) == 0)
        puts("  everything was checked");
    json_array_foreach (list, i, x)
        put_wrapped(
            c, 0, fmt(c, "  %s: %s", paint(c, YELLOW, member(c, x, "what")), member(c, x, "why")));
}

static void timeline_print(struct cli *c, const json_t *list)
{
    struct table *t = table_new(c, "TIME|KIND|WHO|*WHAT");
    size_t i;
    json_t *x;

    heading(c, "Timeline");
    json_array_foreach (list, i, x) {
        table_cell(t, PLAIN, clock_of(c, when_ms(x, "at")));
        table_cell(t, PLAIN, member(c, x, "kind"));
        table_cell(t, PLAIN, member(c, x, "who"));
        table_cell(t, PLAIN,
                   text_eq(json_opt_str(x, "kind"), "audit")
                       ? fmt(c, "%s %s", member(c, x, "text"), member(c, x, "id"))
                       : member(c, x, "text"));
    }
    table_print(t);
}

/* The card stands even when the gate's list cannot be had. */
static void live_proposals(struct cli *c, const char *incident_id)
{
    AUTO(reply_done) struct reply r = {0};
    struct err e = {0};
    struct query q;
    size_t i, live = 0;
    json_t *x;

    if (!incident_id)
        return;
    heading(c, "Proposals");
    query_begin(&q, "/api/v1/proposals");
    query_add(&q, "incident", incident_id);
    if (client_call(c, "GET", query_end(c, &q), NULL, &r, &e) < 0 || r.status != 200) {
        printf("  not available: %s\n", e.code ? show(c, e.msg) : member(c, r.json, "detail"));
        return;
    }
    json_array_foreach (items_of(r.json), i, x)
        if (proposal_is_live(json_opt_str(x, "state"))) {
            proposal_print(c, x);
            live++;
        }
    if (live == 0)
        puts("  none waits");
    if (json_array_size(items_of(r.json)) > live)
        printf("  %zu ended: triagectl proposals --all --incident %s\n",
               json_array_size(items_of(r.json)) - live, show(c, incident_id));
}

int cmd_show(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    const char *what = arg_incident(c, 0);
    const json_t *in;
    int rc;

    if (!what)
        return EXIT_USAGE;
    rc = api_get(c, &r, path_of(c, INCIDENTS "/", what, ""));
    if (rc || printed_json(c, &r))
        return rc;
    in = json_opt_obj(r.json, "incident");
    head_print(c, in, json_opt_obj(r.json, "state"));
    assessment_print(c, json_object_get(r.json, "assessment"), json_object_get(r.json, "ask"));
    known_print(c, json_object_get(r.json, "known"));
    not_checked_print(c, json_object_get(r.json, "not_checked"));
    evidence_print(c, json_opt_arr(r.json, "evidence"));
    live_proposals(c, json_opt_str(in, "id"));
    if (flag_given(c, "--timeline"))
        timeline_print(c, json_opt_arr(r.json, "timeline"));
    return EXIT_DONE;
}

/* ---- one piece of evidence ---- */

static bool evidence_num(struct cli *c, int64_t *num)
{
    const char *text = c->args[1][0] == 'E' || c->args[1][0] == 'e' ? c->args[1] + 1 : c->args[1];
    struct err e = {0};

    if (parse_i64(text, 1, INT32_MAX, num, &e) == 0)
        return true;
    (void)fail(c, EXIT_USAGE,
               "'%s' is no evidence: give its name as 'triagectl show %s' prints it, like E3",
               show(c, c->args[1]), show(c, c->args[0]));
    return false;
}

int cmd_evidence(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    AUTO(mem_freep) char *body = NULL;
    const char *what = arg_incident(c, 0), *id;
    int64_t num;
    int rc;

    if (!what || !evidence_num(c, &num))
        return EXIT_USAGE;
    rc = incident_id(c, what, &id);
    if (rc)
        return rc;
    rc = api_get(c, &r, path_of(c, INCIDENTS "/", id, fmt(c, "/evidence/%lld", (long long)num)));
    if (rc || printed_json(c, &r))
        return rc;
    printf("%s  %s\n", paint(c, BOLD, member(c, r.json, "name")), member(c, r.json, "summary"));
    field(c, "kind", member(c, r.json, "kind"));
    field(c, "state",
          text_eq(json_opt_str(r.json, "state"), "not_checked") ? paint(c, YELLOW, "not checked")
                                                                : member(c, r.json, "state"));
    field(c, "from", member(c, r.json, "source"));
    field(c, "happened", clock_of(c, when_ms(r.json, "at")));
    field(c, "stored", clock_of(c, when_ms(r.json, "stored_at")));
    body = json_dumps(json_object_get(r.json, "body"), JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (body)
        printf("\n%s\n", show_lines(c, body, ""));
    return EXIT_DONE;
}
