#include <string.h>

#include "gate/gate_priv.h"

/* ---- from PagerDuty ---- */

static void assignees_sort(struct gate_view *v)
{
    for (size_t i = 1; i < v->n_assignees; i++)
        for (size_t k = i; k > 0 && strcmp(v->assignees[k - 1].id, v->assignees[k].id) > 0; k--) {
            struct gate_person_ref t = v->assignees[k];

            v->assignees[k] = v->assignees[k - 1];
            v->assignees[k - 1] = t;
        }
}

static void oncall_add(struct gate_view *v, const struct pd_oncall *o)
{
    size_t at = v->n_oncall;

    if (!o->user.id || o->level < 1)
        return;
    for (size_t i = 0; i < v->n_oncall; i++)
        if (v->oncall_level[i] == o->level && text_eq(v->oncall[i].id, o->user.id))
            return;
    if (v->n_oncall == GATE_ASSIGNEES_MAX)
        return;
    while (at > 0 && v->oncall_level[at - 1] > o->level) {
        v->oncall[at] = v->oncall[at - 1];
        v->oncall_level[at] = v->oncall_level[at - 1];
        at--;
    }
    v->oncall[at] = (struct gate_person_ref){o->user.id, o->user.summary};
    v->oncall_level[at] = o->level;
    v->n_oncall++;
}

static bool on_call_at(const struct gate_view *v, const char *id, int level)
{
    for (size_t i = 0; i < v->n_oncall; i++)
        if (v->oncall_level[i] == level && text_eq(v->oncall[i].id, id))
            return true;
    return false;
}

/* The smallest level whose on-calls hold every assignee: PagerDuty does not tell it (contracts/pagerduty.md 4). */
int view_level(const struct gate_view *v)
{
    if (v->n_assignees == 0)
        return 0;
    for (int level = 1; level <= v->levels; level++) {
        size_t held = 0;

        for (size_t i = 0; i < v->n_assignees; i++)
            held += on_call_at(v, v->assignees[i].id, level);
        if (held == v->n_assignees)
            return level;
    }
    return 0;
}

void gate_view_from_pd(const struct pd_incident *in, const struct pd_oncall *oncalls,
                       size_t n_oncalls, const struct pd_policy *policy, struct gate_view *out)
{
    *out = (struct gate_view){
        .incident_id = in->id,
        .title = in->title,
        .status = in->status,
        .urgency = in->urgency,
        .priority = in->priority.summary,
        .service_id = in->service.id,
        .service = in->service.summary,
        .policy_id = in->policy.id,
        .policy = in->policy.summary,
        .html_url = in->html_url,
        .merged_into = in->merged_into.id,
        .assigned_via = in->assigned_via,
        .number = in->number,
        .created_ms = in->created_ms,
        .changed_ms = in->last_status_change_ms,
        .next_escalation_ms = in->next_escalate_ms,
        .changed_by_id = in->last_status_change_by.id,
        .changed_by = in->last_status_change_by.summary,
        .changed_by_type = in->last_status_change_by.type,
    };
    for (size_t i = 0; i < in->assignments.n && out->n_assignees < GATE_ASSIGNEES_MAX; i++)
        if (in->assignments.items[i].who.id)
            out->assignees[out->n_assignees++] = (struct gate_person_ref){
                in->assignments.items[i].who.id, in->assignments.items[i].who.summary};
    assignees_sort(out);
    for (size_t i = 0; i < n_oncalls; i++)
        oncall_add(out, &oncalls[i]);
    if (policy)
        out->levels = (int)policy->n_levels;
    else if (out->n_oncall > 0)
        out->levels = out->oncall_level[out->n_oncall - 1];
    out->level = view_level(out);
}

/*
 * A snooze is an acknowledgement that ends by itself; the incident looks the same as one whose service lets an
 * acknowledgement time out, so only the log tells them apart.
 */
void gate_view_read_log(struct gate_view *v, const struct pd_log_entry *log, size_t n)
{
    int64_t snoozed_ms = -1, ended_ms = -1;

    for (size_t i = 0; i < n; i++) {
        const char *type = log[i].type;

        if (text_eq(type, "snooze_log_entry") && log[i].at_ms > snoozed_ms)
            snoozed_ms = log[i].at_ms;
        else if ((text_eq(type, "unacknowledge_log_entry") || text_eq(type, "resolve_log_entry")) &&
                 log[i].at_ms > ended_ms)
            ended_ms = log[i].at_ms;
    }
    v->snoozed = snoozed_ms > ended_ms && text_eq(v->status, "acknowledged");
}

/* ---- people in a view ---- */

bool view_has_oncalls(const struct gate_view *v)
{
    return v->n_oncall > 0 || v->levels > 0;
}

bool view_is_assigned(const struct gate_view *v, const char *pd_user_id)
{
    for (size_t i = 0; i < v->n_assignees; i++)
        if (text_eq(v->assignees[i].id, pd_user_id))
            return true;
    return false;
}

bool view_is_on_call(const struct gate_view *v, const char *pd_user_id)
{
    for (size_t i = 0; i < v->n_oncall; i++)
        if (text_eq(v->oncall[i].id, pd_user_id))
            return true;
    return false;
}

static void name_add(struct buf *out, const struct gate_person_ref *r, bool first)
{
    const char *name = r->name ? r->name : r->id;

    if (!first)
        buf_puts(out, ", ");
    text_show(out, name, strlen(name), 80, true);
}

size_t view_names_at(const struct gate_view *v, int level, struct buf *out)
{
    size_t n = 0;

    for (size_t i = 0; i < v->n_oncall; i++)
        if (v->oncall_level[i] == level)
            name_add(out, &v->oncall[i], n++ == 0);
    return n;
}

/* ---- the bound state ---- */

static const struct {
    enum bind bit;
    const char *name;
} BINDS[] = {
    {BIND_MERGED, "merged"}, {BIND_STATUS, "status"}, {BIND_ASSIGNEES, "assignees"},
    {BIND_LEVEL, "level"},   {BIND_POLICY, "policy"}, {BIND_CHANGED, "changed_ms"},
};

static json_t *text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *bind_value(const struct gate_view *v, enum bind bit)
{
    json_t *ids;

    switch (bit) {
    case BIND_STATUS:
        return text_or_null(v->status);
    case BIND_ASSIGNEES:
        ids = json_array();
        for (size_t i = 0; i < v->n_assignees; i++)
            json_array_append_new(ids, json_string(v->assignees[i].id));
        return ids;
    case BIND_CHANGED:
        return json_integer(v->changed_ms);
    case BIND_LEVEL:
        return json_integer(v->level);
    case BIND_POLICY:
        return text_or_null(v->policy_id);
    case BIND_MERGED:
        return text_or_null(v->merged_into);
    }
    return json_null();
}

json_t *binds_of(const struct gate_view *v, unsigned mask)
{
    json_t *o = json_object();

    for (size_t i = 0; i < ARRAY_LEN(BINDS); i++)
        if (mask & (unsigned)BINDS[i].bit)
            CHECK(json_object_set_new(o, BINDS[i].name, bind_value(v, BINDS[i].bit)) == 0);
    return o;
}

json_t *binds_names(unsigned mask)
{
    json_t *a = json_array();

    for (size_t i = 0; i < ARRAY_LEN(BINDS); i++)
        if (mask & (unsigned)BINDS[i].bit)
            json_array_append_new(a, json_string(BINDS[i].name));
    return a;
}

static void say_changed_by(const struct gate_view *now, struct buf *w)
{
    if (!now->changed_by)
        return;
    buf_puts(w, ", last changed by ");
    text_show(w, now->changed_by, strlen(now->changed_by), 80, true);
}

static void say_moved(enum bind bit, const json_t *then, const struct gate_view *now, struct buf *w)
{
    const char *was = json_string_value(then);

    switch (bit) {
    case BIND_MERGED:
        buf_printf(w, "merged: it was merged into %s",
                   now->merged_into ? now->merged_into : "nothing any more");
        return;
    case BIND_STATUS:
        buf_printf(w, "status: it is %s now and was %s", now->status ? now->status : "unknown",
                   was ? was : "unknown");
        say_changed_by(now, w);
        return;
    case BIND_ASSIGNEES:
        buf_puts(w, "assignees: it is assigned to ");
        for (size_t i = 0; i < now->n_assignees; i++)
            name_add(w, &now->assignees[i], i == 0);
        if (now->n_assignees == 0)
            buf_puts(w, "nobody");
        buf_puts(w, " now");
        return;
    case BIND_LEVEL:
        buf_printf(w, "level: it is at escalation level %d now and was at %lld", now->level,
                   (long long)json_integer_value(then));
        return;
    case BIND_POLICY:
        buf_puts(w, "policy: its escalation policy is another one now");
        return;
    case BIND_CHANGED:
        buf_puts(w, "changed_ms: its status changed since");
        say_changed_by(now, w);
        return;
    }
}

bool binds_moved(const json_t *then, const struct gate_view *now, struct buf *w)
{
    for (size_t i = 0; i < ARRAY_LEN(BINDS); i++) {
        json_t *was = json_object_get(then, BINDS[i].name);
        AUTO(json_freep) json_t *is = NULL;

        if (!was || (BINDS[i].bit == BIND_LEVEL && !view_has_oncalls(now)))
            continue;
        is = bind_value(now, BINDS[i].bit);
        if (json_equal(was, is))
            continue;
        say_moved(BINDS[i].bit, was, now, w);
        return true;
    }
    return false;
}

/* ---- stored form ---- */

static void put_text(json_t *o, const char *key, const char *s)
{
    if (s)
        json_object_set_new(o, key, json_string(s));
}

static json_t *people_json(const struct gate_person_ref *r, const int *levels, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();

        put_text(o, "id", r[i].id);
        put_text(o, "name", r[i].name);
        if (levels)
            json_object_set_new(o, "level", json_integer(levels[i]));
        json_array_append_new(a, o);
    }
    return a;
}

json_t *view_to_json(const struct gate_view *v)
{
    json_t *o =
        json_pack("{s:I, s:I, s:I, s:I, s:i, s:i, s:b, s:b}", "number", (json_int_t)v->number,
                  "created_ms", (json_int_t)v->created_ms, "changed_ms", (json_int_t)v->changed_ms,
                  "next_escalation_ms", (json_int_t)v->next_escalation_ms, "level", v->level,
                  "levels", v->levels, "snoozed", v->snoozed, "maintenance", v->maintenance);

    CHECK(o);
    put_text(o, "incident_id", v->incident_id);
    put_text(o, "title", v->title);
    put_text(o, "status", v->status);
    put_text(o, "urgency", v->urgency);
    put_text(o, "priority", v->priority);
    put_text(o, "service_id", v->service_id);
    put_text(o, "service", v->service);
    put_text(o, "policy_id", v->policy_id);
    put_text(o, "policy", v->policy);
    put_text(o, "html_url", v->html_url);
    put_text(o, "merged_into", v->merged_into);
    put_text(o, "assigned_via", v->assigned_via);
    put_text(o, "changed_by_id", v->changed_by_id);
    put_text(o, "changed_by", v->changed_by);
    put_text(o, "changed_by_type", v->changed_by_type);
    json_object_set_new(o, "assignees", people_json(v->assignees, NULL, v->n_assignees));
    json_object_set_new(o, "oncall", people_json(v->oncall, v->oncall_level, v->n_oncall));
    return o;
}

static const char *get_text(struct arena *a, const json_t *j, const char *key)
{
    return arena_strdup(a, json_opt_str(j, key));
}

void view_from_json(struct arena *a, const json_t *j, struct gate_view *out)
{
    json_t *item;
    size_t i;

    *out = (struct gate_view){
        .incident_id = get_text(a, j, "incident_id"),
        .title = get_text(a, j, "title"),
        .status = get_text(a, j, "status"),
        .urgency = get_text(a, j, "urgency"),
        .priority = get_text(a, j, "priority"),
        .service_id = get_text(a, j, "service_id"),
        .service = get_text(a, j, "service"),
        .policy_id = get_text(a, j, "policy_id"),
        .policy = get_text(a, j, "policy"),
        .html_url = get_text(a, j, "html_url"),
        .merged_into = get_text(a, j, "merged_into"),
        .assigned_via = get_text(a, j, "assigned_via"),
        .changed_by_id = get_text(a, j, "changed_by_id"),
        .changed_by = get_text(a, j, "changed_by"),
        .changed_by_type = get_text(a, j, "changed_by_type"),
        .number = json_opt_int(j, "number", 0),
        .created_ms = json_opt_int(j, "created_ms", 0),
        .changed_ms = json_opt_int(j, "changed_ms", 0),
        .next_escalation_ms = json_opt_int(j, "next_escalation_ms", 0),
        .level = (int)json_opt_int(j, "level", 0),
        .levels = (int)json_opt_int(j, "levels", 0),
        .snoozed = json_opt_bool(j, "snoozed", false),
        .maintenance = json_opt_bool(j, "maintenance", false),
    };
    json_array_foreach (json_opt_arr(j, "assignees"), i, item)
        if (out->n_assignees < GATE_ASSIGNEES_MAX)
            out->assignees[out->n_assignees++] =
                (struct gate_person_ref){get_text(a, item, "id"), get_text(a, item, "name")};
    json_array_foreach (json_opt_arr(j, "oncall"), i, item)
        if (out->n_oncall < GATE_ASSIGNEES_MAX) {
            out->oncall_level[out->n_oncall] = (int)json_opt_int(item, "level", 0);
            out->oncall[out->n_oncall++] =
                (struct gate_person_ref){get_text(a, item, "id"), get_text(a, item, "name")};
        }
}
