/* Evidence bodies back into PagerDuty's structs, for what works on those: the gate's view and the next page. */
#include "base/json.h"
#include "base/text.h"
#include "triage/pure.h"

static void ref_read(const json_t *j, struct pd_ref *out)
{
    *out = (struct pd_ref){.id = json_opt_str(j, "id"),
                           .summary = json_opt_str(j, "name"),
                           .type = json_opt_str(j, "type")};
}

static void since_read(struct arena *a, const json_t *list, struct pd_since_list *out)
{
    size_t n = json_array_size(list);

    *out = (struct pd_since_list){0};
    if (n == 0)
        return;
    out->items = arena_array(a, n, sizeof(*out->items));
    for (size_t i = 0; i < n; i++) {
        ref_read(json_array_get(list, i), &out->items[i].who);
        out->items[i].at_ms = json_opt_int(json_array_get(list, i), "at_ms", 0);
    }
    out->n = n;
}

static void refs_read(struct arena *a, const json_t *list, struct pd_refs *out)
{
    size_t n = json_array_size(list);

    *out = (struct pd_refs){0};
    if (n == 0)
        return;
    out->items = arena_array(a, n, sizeof(*out->items));
    for (size_t i = 0; i < n; i++)
        ref_read(json_array_get(list, i), &out->items[i]);
    out->n = n;
}

static void pending_read(struct arena *a, const json_t *list, struct pd_incident *out)
{
    size_t n = json_array_size(list);

    if (n == 0)
        return;
    out->pending = arena_array(a, n, sizeof(*out->pending));
    for (size_t i = 0; i < n; i++) {
        struct pd_pending *p = &out->pending[i];

        p->type = json_opt_str(json_array_get(list, i), "type");
        p->at_ms = json_opt_int(json_array_get(list, i), "at_ms", 0);
        if (text_eq(p->type, "escalate") && p->at_ms > 0 &&
            (out->next_escalate_ms == 0 || p->at_ms < out->next_escalate_ms))
            out->next_escalate_ms = p->at_ms;
    }
    out->n_pending = n;
}

bool ev_read_incident(struct arena *a, const json_t *j, struct pd_incident *out)
{
    struct pd_incident in = {.alerts_triggered = -1, .alerts_resolved = -1, .is_mergeable = -1};

    in.id = json_opt_str(j, "id");
    if (!in.id)
        return false;
    in.number = json_opt_int(j, "number", 0);
    in.title = json_opt_str(j, "title");
    in.status = json_opt_str(j, "status");
    in.urgency = json_opt_str(j, "urgency");
    ref_read(json_opt_obj(j, "priority"), &in.priority);
    ref_read(json_opt_obj(j, "service"), &in.service);
    ref_read(json_opt_obj(j, "policy"), &in.policy);
    since_read(a, json_opt_arr(j, "assignees"), &in.assignments);
    refs_read(a, json_opt_arr(j, "teams"), &in.teams);
    in.created_ms = json_opt_int(j, "created_ms", 0);
    in.resolved_ms = json_opt_int(j, "resolved_ms", 0);
    in.html_url = json_opt_str(j, "html_url");
    in.incident_type = json_opt_str(j, "incident_type");
    in.conference_url = json_opt_str(j, "conference_url");
    in.resolve_reason = json_opt_str(j, "resolve_reason");
    ref_read(json_opt_obj(j, "merged_into"), &in.merged_into);
    in.assigned_via = json_opt_str(j, "assigned_via");
    since_read(a, json_opt_arr(j, "acknowledgements"), &in.acknowledgements);
    in.last_status_change_ms = json_opt_int(j, "changed_ms", 0);
    ref_read(json_opt_obj(j, "changed_by"), &in.last_status_change_by);
    pending_read(a, json_opt_arr(j, "pending"), &in);
    in.alerts_all = json_opt_int(j, "alerts_all", -1);
    *out = in;
    return true;
}

void ev_read_policy(struct arena *a, const json_t *j, struct pd_policy *out)
{
    const json_t *levels = json_opt_arr(j, "levels");
    size_t n = json_array_size(levels);

    *out = (struct pd_policy){.id = json_opt_str(j, "id"),
                              .name = json_opt_str(j, "name"),
                              .num_loops = json_opt_int(j, "num_loops", 0)};
    if (n == 0)
        return;
    out->levels = arena_array(a, n, sizeof(*out->levels));
    for (size_t i = 0; i < n; i++) {
        const json_t *l = json_array_get(levels, i);

        out->levels[i].level = (int)json_opt_int(l, "level", (int64_t)i + 1);
        out->levels[i].delay_min = json_opt_int(l, "delay_min", 0);
        refs_read(a, json_opt_arr(l, "targets"), &out->levels[i].targets);
    }
    out->n_levels = n;
}

void ev_read_oncalls(struct arena *a, const json_t *j, struct pd_oncalls *out)
{
    const json_t *list = json_opt_arr(j, "oncalls");
    size_t n = json_array_size(list);

    *out = (struct pd_oncalls){0};
    if (n == 0)
        return;
    out->items = arena_array(a, n, sizeof(*out->items));
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(list, i);

        ref_read(json_opt_obj(x, "user"), &out->items[i].user);
        ref_read(json_opt_obj(x, "policy"), &out->items[i].policy);
        ref_read(json_opt_obj(x, "schedule"), &out->items[i].schedule);
        out->items[i].level = (int)json_opt_int(x, "level", 0);
    }
    out->n = n;
    out->seen = n;
}
