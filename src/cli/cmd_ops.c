#include <stdio.h>
#include <string.h>

#include "cli/card.h"

/* status, alarms, verbs, jobs, quarantine. */

/* ---- alarms ---- */

static void alarms_print(struct cli *c, const json_t *items)
{
    size_t i;
    json_t *x;

    json_array_foreach (items, i, x) {
        printf("%s  %s\n", paint(c, RED, member(c, x, "key")), member(c, x, "what"));
        printf("    do: %s\n", member(c, x, "todo"));
        printf("    %s\n",
               paint(c, DIM,
                     fmt(c, "since %s, %s time(s), last %s", ago(c, when_ms(x, "since")),
                         member(c, x, "times"), ago(c, when_ms(x, "last")))));
    }
}

int cmd_alarms(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int rc = api_get(c, &r, "/api/v1/alarms");

    if (rc || printed_json(c, &r))
        return rc;
    if (json_array_size(items_of(r.json)) == 0)
        puts("No alarm is raised.");
    alarms_print(c, items_of(r.json));
    return EXIT_DONE;
}

/* ---- status ---- */

static void intake_print(struct cli *c, const json_t *s)
{
    const json_t *in = json_opt_obj(s, "intake"), *missing = json_opt_arr(in, "not_available");
    size_t i;
    json_t *x;

    field(c, "incidents", fmt(c, "%s open", member(c, in, "incidents_open")));
    field(c, "events",
          fmt(c, "%s, the last %s; ping %s", member(c, in, "events"),
              ago(c, when_ms(in, "last_event_ms")), ago(c, when_ms(in, "last_ping_ms"))));
    if (json_opt_int(in, "quarantined", 0))
        field(c, "quarantined",
              fmt(c, "%s (triagectl quarantine)", paint(c, YELLOW, member(c, in, "quarantined"))));
    json_array_foreach (missing, i, x)
        field(c, i ? "" : "not available",
              fmt(c, "%s: %s", member(c, x, "feature"), member(c, x, "reason")));
}

static void backfill_line(struct cli *c, const json_t *s)
{
    const json_t *b = json_opt_obj(s, "backfill");

    if (!text_eq(json_opt_str(b, "state"), "running"))
        return;
    field(c, "backfill",
          fmt(c, "%s %% done, %s incidents remembered%s", member(c, b, "done_pct"),
              member(c, b, "remembered"),
              json_opt_str(b, "waits")
                  ? paint(c, YELLOW, fmt(c, "; waits: %s", member(c, b, "waits")))
                  : ""));
}

static void work_print(struct cli *c, const json_t *s)
{
    json_t *proposals = json_opt_obj(s, "proposals"), *jobs = json_opt_obj(s, "jobs");
    AUTO(buf_done) struct buf b = {0};
    const char *name;
    json_t *v;

    buf_init(&b, 4096);
    json_object_foreach (proposals, name, v)
        if (json_integer_value(v) > 0)
            buf_printf(&b, "%s%s %s", b.len ? ", " : "", value_text(c, v), show(c, name));
    field(c, "proposals", b.len ? arena_strdup(c->arena, buf_str(&b)) : "none");
    field(c, "jobs",
          fmt(c, "%s ready, %s running, %s", member(c, jobs, "ready"), member(c, jobs, "running"),
              json_opt_int(jobs, "buried", 0)
                  ? paint(c, RED, fmt(c, "%s buried (triagectl jobs)", member(c, jobs, "buried")))
                  : "none buried"));
}

int cmd_status(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    const json_t *kill, *alarms;
    int rc = api_get(c, &r, "/api/v1/status");

    if (rc || printed_json(c, &r))
        return rc;
    kill = json_opt_obj(r.json, "kill_switch");
    alarms = items_of(json_object_get(r.json, "alarms"));
    field(c, "triaged",
          fmt(c, "%s, up for %s, %s", member(c, r.json, "version"),
              span(c, c->now_wall_ms - when_ms(r.json, "started")),
              json_opt_bool(r.json, "ready", false) ? paint(c, GREEN, "ready")
                                                    : paint(c, YELLOW, "starting or stopping")));
    field(c, "mode", member(c, r.json, "mode"));
    field(c, "PagerDuty",
          fmt(c, "%s, %s", member(c, r.json, "pagerduty"),
              json_opt_bool(r.json, "token", false)
                  ? "with a token"
                  : paint(c, YELLOW, "no token: receives and stores only")));
    field(c, "kill switch",
          json_opt_bool(kill, "engaged", false)
              ? fmt(c, "%s: %s", paint(c, RED, "engaged, nothing is carried out"),
                    member(c, kill, "reason"))
              : "released");
    intake_print(c, r.json);
    work_print(c, r.json);
    backfill_line(c, r.json);
    model_print(c, json_object_get(r.json, "model"));
    field(c, "rules",
          fmt(c, "%s, from %s", member(c, r.json, "rules"), member(c, r.json, "config")));
    field(c, "alarms", json_array_size(alarms) ? "" : "none");
    if (json_array_size(alarms))
        alarms_print(c, alarms);
    return EXIT_DONE;
}

/* ---- verbs ---- */

static const char *args_text(struct cli *c, const json_t *row)
{
    const json_t *schema = json_opt_obj(row, "schema"), *needed = json_opt_arr(schema, "required");
    json_t *props = json_opt_obj(schema, "properties");
    AUTO(buf_done) struct buf b = {0};
    const char *name;
    json_t *v;

    buf_init(&b, 8192);
    json_object_foreach (props, name, v) {
        bool must = false;

        for (size_t i = 0; i < json_array_size(needed); i++)
            must = must || text_eq(json_string_value(json_array_get(needed, i)), name);
        buf_printf(&b, "%s%s%s=%s%s", b.len ? " " : "", must ? "" : "[", show(c, name),
                   json_object_get(v, "enum") ? member(c, v, "enum") : member(c, v, "type"),
                   must ? "" : "]");
    }
    return b.len ? arena_strdup(c->arena, buf_str(&b)) : "-";
}

static const char *list_text(struct cli *c, const json_t *list)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, 4096);
    for (size_t i = 0; i < json_array_size(list); i++)
        buf_printf(&b, "%s%s", i ? ", " : "", value_text(c, json_array_get(list, i)));
    return arena_strdup(c->arena, buf_str(&b));
}

int cmd_verbs(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int rc = api_get(c, &r, "/api/v1/verbs");
    struct table *t;
    size_t i;
    json_t *x;

    if (rc || printed_json(c, &r))
        return rc;
    t = table_new(c, "VERB|RISK|*ARGUMENTS|*DEPENDS ON|*UNDO");
    json_array_foreach (items_of(r.json), i, x) {
        table_cell(t, BOLD, member(c, x, "verb"));
        table_cell(t, PLAIN, member(c, x, "risk"));
        table_cell(t, PLAIN, args_text(c, x));
        table_cell(t, PLAIN, list_text(c, json_opt_arr(x, "binds")));
        table_cell(t, PLAIN,
                   json_opt_bool(x, "undo_only", false) ? "only an undo makes it"
                                                        : member(c, x, "undo"));
    }
    table_print(t);
    return EXIT_DONE;
}

/* ---- jobs ---- */

int cmd_jobs(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int rc = api_get(c, &r, "/api/v1/jobs");
    struct table *t;
    size_t i;
    json_t *x;

    if (rc || printed_json(c, &r))
        return rc;
    if (json_array_size(items_of(r.json)) == 0) {
        puts("No job is stuck.");
        return EXIT_DONE;
    }
    t = table_new(c, "ID|STATE|STEP|*SUBJECT|TRIES|SINCE|*ERROR");
    json_array_foreach (items_of(r.json), i, x) {
        table_cell(t, BOLD, member(c, x, "id"));
        table_cell(t, state_colour(json_opt_str(x, "state")), member(c, x, "state"));
        table_cell(t, PLAIN, member(c, x, "step"));
        table_cell(t, PLAIN, member(c, x, "subject"));
        table_cell(t, PLAIN, member(c, x, "attempt"));
        table_cell(t, PLAIN, ago(c, when_ms(x, "since")));
        table_cell(t, PLAIN, member(c, x, "error"));
    }
    table_print(t);
    puts("\nAfter mending the cause: triagectl jobs retry ID");
    return EXIT_DONE;
}

int cmd_jobs_retry(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int64_t id;
    int rc;

    if (!arg_id(c, 0, "a job", &id))
        return EXIT_USAGE;
    rc = api(c, "POST", fmt(c, "/api/v1/jobs/%lld/retry", (long long)id), NULL, &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("Job %lld is back at work; 'triagectl jobs' lists it again if it fails.\n",
           (long long)id);
    return EXIT_DONE;
}

/* ---- quarantine ---- */

int cmd_quarantine(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    struct query q;
    int64_t before;
    struct table *t;
    size_t i;
    json_t *x;
    int rc;

    if (!flag_int(c, "--before", 1, INT64_MAX, 0, &before))
        return EXIT_USAGE;
    query_begin(&q, "/api/v1/quarantine");
    query_add(&q, "before", before ? fmt(c, "%lld", (long long)before) : NULL);
    rc = api_get(c, &r, query_end(c, &q));
    if (rc || printed_json(c, &r))
        return rc;
    if (json_array_size(items_of(r.json)) == 0) {
        puts("Nothing is in quarantine.");
        return EXIT_DONE;
    }
    t = table_new(c, "N|RECEIVED|*TYPE|*WHY|*EVENT");
    json_array_foreach (items_of(r.json), i, x) {
        table_cell(t, DIM, member(c, x, "seq"));
        table_cell(t, PLAIN, ago(c, when_ms(x, "received_at")));
        table_cell(t, PLAIN, member(c, x, "type"));
        table_cell(t, YELLOW, member(c, x, "reason"));
        table_cell(t, PLAIN, member(c, x, "id"));
    }
    table_print(t);
    puts("\nAfter mending the cause: triagectl quarantine retry EVENT");
    return EXIT_DONE;
}

int cmd_quarantine_retry(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int rc = api(c, "POST", path_of(c, "/api/v1/quarantine/", c->args[0], "/retry"), NULL, &r);

    if (rc || printed_json(c, &r))
        return rc;
    printf("%s is back in the pipeline.\n", show(c, c->args[0]));
    return EXIT_DONE;
}
