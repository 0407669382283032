/* The document that rules and policy see. A member that is missing is unknown; nothing is invented. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/pure.h"

#define ALERT_TEXT_MAX_BYTES 8192
#define HOUR_MS              INT64_C(3600000)

static void put_str(json_t *j, const char *key, const char *s)
{
    if (s)
        json_object_set_new(j, key, json_string(s));
}

static void put_int(json_t *j, const char *key, int64_t v)
{
    json_object_set_new(j, key, json_integer(v));
}

static void put_time(json_t *j, const char *key, int64_t ms)
{
    char iso[TIME_ISO_MAX];

    if (ms > 0)
        put_str(j, key, time_format_iso(ms, true, iso));
}

/* Whole seconds since then; nothing before 1970 and nothing from the future. */
static void put_age(json_t *j, const char *key, int64_t at_ms, int64_t now_ms)
{
    if (at_ms > 0)
        put_int(j, key, now_ms > at_ms ? (now_ms - at_ms) / 1000 : 0);
}

static json_t *names(const json_t *refs)
{
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(refs); i++) {
        const char *name = json_opt_str(json_array_get(refs, i), "name");

        if (name)
            json_array_append_new(out, json_string(name));
    }
    return out;
}

static void put_names(json_t *j, const char *list, const char *first, const json_t *refs)
{
    json_t *all;

    if (!refs)
        return;
    all = names(refs);
    if (first && json_array_size(all) > 0)
        json_object_set(j, first, json_array_get(all, 0));
    json_object_set_new(j, list, all);
}

/*
 * A snooze is an acknowledgement that ends by itself; only the log tells it from one that the service lets time out. The
 * gate reads it the same way.
 */
static bool snoozed(const json_t *in, const json_t *log)
{
    const json_t *list = json_opt_arr(log, "entries");
    int64_t begun = -1, ended = -1;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        const char *type = json_opt_str(x, "type");
        int64_t at = json_opt_int(x, "at_ms", 0);

        if (text_eq(type, "snooze_log_entry") && at > begun)
            begun = at;
        else if ((text_eq(type, "unacknowledge_log_entry") || text_eq(type, "resolve_log_entry")) &&
                 at > ended)
            ended = at;
    }
    return begun > ended && text_eq(json_opt_str(in, "status"), "acknowledged");
}

static int level_of(const struct triage_items *it, const struct pd_incident *in)
{
    const struct triage_item *x = triage_items_find(it, EV_ONCALL);
    struct pd_oncalls o;

    if (!x)
        return 0;
    ev_read_oncalls(it->arena, x->body, &o);
    return triage_level(in, &o);
}

static json_t *incident_facts(const struct triage_items *it, const json_t *in, int64_t now_ms)
{
    const struct triage_item *log = triage_items_find(it, EV_LOG);
    json_t *j = json_object();
    struct pd_incident pd;
    int level;

    put_str(j, "id", json_opt_str(in, "id"));
    if (json_opt_int(in, "number", 0) > 0)
        put_int(j, "number", json_opt_int(in, "number", 0));
    put_str(j, "title", json_opt_str(in, "title"));
    put_str(j, "status", json_opt_str(in, "status"));
    put_str(j, "urgency", json_opt_str(in, "urgency"));
    put_str(j, "priority", json_at_str(in, "priority.name"));
    put_str(j, "type", json_opt_str(in, "incident_type"));
    put_str(j, "key", json_opt_str(in, "key"));
    put_str(j, "service_id", json_at_str(in, "service.id"));
    put_str(j, "service", json_at_str(in, "service.name"));
    put_str(j, "policy_id", json_at_str(in, "policy.id"));
    put_str(j, "policy", json_at_str(in, "policy.name"));
    put_names(j, "teams", "team", json_opt_arr(in, "teams"));
    put_names(j, "assignees", NULL, json_opt_arr(in, "assignees"));
    put_time(j, "created_at", json_opt_int(in, "created_ms", 0));
    put_age(j, "age_s", json_opt_int(in, "created_ms", 0), now_ms);
    if (json_opt_obj(in, "custom"))
        json_object_set(j, "custom", json_opt_obj(in, "custom"));
    if (log)
        json_object_set_new(j, "snoozed", json_boolean(snoozed(in, log->body)));
    level = ev_read_incident(it->arena, in, &pd) ? level_of(it, &pd) : 0;
    if (level > 0)
        put_int(j, "level", level);
    return j;
}

/* "path: value" lines into members; the first of two equal paths stays. */
static void details_put(json_t *out, const char *lines)
{
    while (lines && *lines) {
        const char *end = strchr(lines, '\n');
        size_t len = end ? (size_t)(end - lines) : strlen(lines);
        const char *colon = memmem(lines, len, ": ", 2);

        if (colon && colon > lines) {
            AUTO(mem_freep) char *key = mem_strndup(lines, (size_t)(colon - lines));

            if (!json_object_get(out, key))
                json_object_set_new(out, key,
                                    json_stringn(colon + 2, len - (size_t)(colon - lines) - 2));
        } else if (len > 0 && !json_object_get(out, "text")) {
            json_object_set_new(out, "text", json_stringn(lines, len));
        }
        lines = end ? end + 1 : NULL;
    }
}

static int severity_rank(const char *s)
{
    static const char *const order[] = {"info", "warning", "error", "critical"};

    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (text_eq(s, order[i]))
            return (int)i + 1;
    return 0;
}

static json_t *alert_first(const json_t *a, const json_t *details)
{
    static const char *const from_details[] = {"source", "component", "group", "class"};
    json_t *j = json_object();

    put_str(j, "id", json_opt_str(a, "id"));
    put_str(j, "summary", json_opt_str(a, "summary"));
    put_str(j, "severity", json_opt_str(a, "severity"));
    put_str(j, "status", json_opt_str(a, "status"));
    put_str(j, "key", json_opt_str(a, "key"));
    put_str(j, "client", json_at_str(a, "integration.name"));
    put_time(j, "created_at", json_opt_int(a, "created_ms", 0));
    for (size_t i = 0; i < ARRAY_LEN(from_details); i++)
        put_str(j, from_details[i], json_opt_str(details, from_details[i]));
    return j;
}

static void text_add(struct buf *text, const char *line)
{
    size_t room = ALERT_TEXT_MAX_BYTES - text->len;

    if (!line || room < 2)
        return;
    if (text->len > 0)
        buf_putc(text, '\n');
    buf_add(text, line, text_cut(line, strlen(line), room - 1));
}

static json_t *alert_facts(const struct triage_items *it)
{
    AUTO(buf_done) struct buf text = {0};
    json_t *j = json_object(), *details = json_object();
    const struct triage_item *first = NULL;
    const char *worst = NULL;
    int64_t count = 0;

    buf_init(&text, (size_t)2 * ALERT_TEXT_MAX_BYTES);
    for (size_t i = 0; i < it->n; i++) {
        const struct triage_item *x = &it->v[i];
        const char *severity = json_opt_str(x->body, "severity");

        if (!x->ok || !text_eq(x->kind, EV_ALERT))
            continue;
        if (json_opt_int(x->body, "folded", 0) > 0) {
            count += json_opt_int(x->body, "folded", 0);
            continue;
        }
        count++;
        if (severity_rank(severity) > severity_rank(worst))
            worst = severity;
        text_add(&text, json_opt_str(x->body, "summary"));
        if (!first) {
            first = x;
            details_put(details, json_opt_str(x->body, "details"));
            text_add(&text, json_opt_str(x->body, "details"));
        }
    }
    put_int(j, "count", count);
    put_str(j, "severity", worst);
    if (first) {
        put_str(j, "text", buf_str(&text));
        json_object_set_new(j, "first", alert_first(first->body, details));
    }
    json_object_set_new(j, "details", details);
    return j;
}

static json_t *service_facts(const struct triage_items *it, const json_t *in)
{
    const struct triage_item *s = triage_items_find(it, EV_SERVICE);
    const struct triage_item *d = triage_items_find(it, EV_DEPENDENCY);
    json_t *j = json_object();

    put_str(j, "id", json_at_str(in, "service.id"));
    put_str(j, "name", json_at_str(in, "service.name"));
    if (s) {
        put_str(j, "id", json_opt_str(s->body, "id"));
        put_str(j, "name", json_opt_str(s->body, "name"));
        put_str(j, "description", json_opt_str(s->body, "description"));
        put_str(j, "status", json_opt_str(s->body, "status"));
        put_names(j, "teams", "team", json_opt_arr(s->body, "teams"));
        if (json_opt_str(s->body, "status"))
            json_object_set_new(
                j, "maintenance",
                json_boolean(text_eq(json_opt_str(s->body, "status"), "maintenance")));
    }
    if (d) {
        put_names(j, "dependencies", NULL, json_opt_arr(d->body, "depends_on"));
        put_names(j, "dependents", NULL, json_opt_arr(d->body, "used_by"));
    }
    return j;
}

static json_t *change_facts(const struct triage_items *it, const json_t *in, int64_t now_ms)
{
    int64_t created = json_opt_int(in, "created_ms", 0);
    const struct triage_item *newest = NULL;
    json_t *j = json_object();
    int64_t n = 0;

    for (size_t i = 0; i < it->n; i++) {
        const struct triage_item *x = &it->v[i];

        if (!x->ok || !text_eq(x->kind, EV_CHANGE) || x->at_ms > created)
            continue;
        n += x->at_ms >= created - HOUR_MS;
        if (!newest || x->at_ms > newest->at_ms)
            newest = x;
    }
    put_int(j, "last_hour", n);
    if (newest) {
        put_str(j, "last_summary", json_opt_str(newest->body, "summary"));
        put_str(j, "last_source", json_opt_str(newest->body, "source"));
        put_age(j, "last_age_s", newest->at_ms, now_ms);
        put_time(j, "last_at", newest->at_ms);
    }
    return j;
}

static json_t *history_facts(const json_t *h, int64_t now_ms)
{
    json_t *j = json_object();
    int64_t resolved = json_opt_int(h, "resolved", 0);

    put_int(j, "times_seen", json_opt_int(h, "times_seen", 0));
    if (resolved > 0)
        json_object_set_new(
            j, "self_cleared_share",
            json_real((double)json_opt_int(h, "self_cleared", 0) / (double)resolved));
    if (json_object_get(h, "self_cleared_median_s"))
        put_int(j, "self_cleared_median_s", json_opt_int(h, "self_cleared_median_s", 0));
    put_age(j, "last_seen_age_s", json_opt_int(json_opt_obj(h, "last"), "created_ms", 0), now_ms);
    return j;
}

static json_t *evidence_facts(const struct triage_items *it)
{
    json_t *j = json_object(), *missing = json_array();

    for (size_t k = 0; k < EV_KINDS; k++) {
        const char *kind = ev_kind(k);
        int64_t n = 0;
        bool open = false;

        for (size_t i = 0; i < it->n; i++) {
            if (!text_eq(it->v[i].kind, kind))
                continue;
            open |= !it->v[i].ok;
            n += it->v[i].ok;
        }
        if (open)
            json_array_append_new(missing, json_string(kind));
        if (n > 0 || !open)
            put_int(j, kind, n);
    }
    json_object_set_new(j, "not_checked", missing);
    return j;
}

json_t *triage_facts(const struct triage_items *it, const json_t *severities, int64_t group_size,
                     int64_t now_wall_ms)
{
    const struct triage_item *in = triage_items_find(it, EV_INCIDENT);
    const struct triage_item *similar = triage_items_find(it, EV_SIMILAR);
    const json_t *incident = in ? in->body : NULL;
    json_t *f = json_object();

    json_object_set_new(f, "incident", incident_facts(it, incident, now_wall_ms));
    /* None found and not asked are not the same: the second leaves the whole member out. */
    if (triage_items_checked(it, EV_ALERT))
        json_object_set_new(f, "alerts", alert_facts(it));
    json_object_set_new(f, "service", service_facts(it, incident));
    if (triage_items_checked(it, EV_CHANGE))
        json_object_set_new(f, "changes", change_facts(it, incident, now_wall_ms));
    if (similar)
        json_object_set_new(f, "history", history_facts(similar->body, now_wall_ms));
    json_object_set_new(f, "evidence", evidence_facts(it));
    if (json_array_size(severities) > 0)
        json_object_set_new(f, "account",
                            json_pack("{s:o}", "priorities", json_deep_copy(severities)));
    if (group_size > 0)
        json_object_set_new(f, "group", json_pack("{s:I}", "size", (json_int_t)group_size));
    return f;
}
