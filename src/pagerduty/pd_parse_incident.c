#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pagerduty/pd_priv.h"

static void resolve_reason_read(struct arena *a, const json_t *j, struct pd_incident *out)
{
    const json_t *reason = json_opt_obj(j, "resolve_reason");

    out->resolve_reason = pd_text(a, reason, "type", PD_SHORT_MAX_BYTES);
    pd_ref_read(a, json_opt_obj(reason, "incident"), &out->merged_into);
}

int pd_incident_common(struct arena *a, const json_t *j, struct pd_incident *out, struct err *e)
{
    const char *id = json_opt_str(j, "id");
    struct pd_incident in = {
        .alerts_all = -1, .alerts_triggered = -1, .alerts_resolved = -1, .is_mergeable = -1};

    if (!id || !text_is_id(id))
        return err_set(e, ERR_INPUT, "an incident without a usable id");
    in.id = arena_strdup(a, id);
    /* The webhook calls it number, REST incident_number. */
    in.number = json_opt_int(j, "incident_number", json_opt_int(j, "number", 0));
    in.title = pd_text(a, j, "title", PD_TITLE_MAX_BYTES);
    if (!in.title)
        in.title = pd_text(a, j, "summary", PD_TITLE_MAX_BYTES);
    in.status = pd_text(a, j, "status", PD_SHORT_MAX_BYTES);
    in.urgency = pd_text(a, j, "urgency", PD_SHORT_MAX_BYTES);
    pd_ref_read(a, json_opt_obj(j, "priority"), &in.priority);
    pd_ref_read(a, json_opt_obj(j, "service"), &in.service);
    pd_ref_read(a, json_opt_obj(j, "escalation_policy"), &in.policy);
    pd_refs_read(a, json_opt_arr(j, "teams"), NULL, &in.teams);
    /* The webhook lists assignees bare, REST wraps each with the time of the assignment. */
    if (json_opt_arr(j, "assignments"))
        pd_since_read(a, json_opt_arr(j, "assignments"), "assignee", &in.assignments);
    else
        pd_since_read(a, json_opt_arr(j, "assignees"), NULL, &in.assignments);
    in.created_ms = json_opt_time_ms(j, "created_at", 0);
    in.resolved_ms = json_opt_time_ms(j, "resolved_at", 0);
    in.incident_key = pd_text(a, j, "incident_key", PD_SHORT_MAX_BYTES);
    in.html_url = pd_text(a, j, "html_url", PD_URL_MAX_BYTES);
    in.incident_type = pd_text(a, json_opt_obj(j, "incident_type"), "name", PD_SHORT_MAX_BYTES);
    in.conference_url =
        pd_text(a, json_opt_obj(j, "conference_bridge"), "conference_url", PD_URL_MAX_BYTES);
    resolve_reason_read(a, j, &in);
    *out = in;
    return 0;
}

static void pending_read(struct arena *a, const json_t *list, struct pd_incident *out)
{
    size_t n = json_array_size(list);

    if (n > PD_REFS_MAX)
        n = PD_REFS_MAX;
    if (n == 0)
        return;
    out->pending = arena_array(a, n, sizeof(*out->pending));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        struct pd_pending *p = &out->pending[out->n_pending];

        p->type = pd_text(a, item, "type", PD_SHORT_MAX_BYTES);
        p->at_ms = json_opt_time_ms(item, "at", 0);
        if (!p->type)
            continue;
        out->n_pending++;
        if (text_eq(p->type, "escalate") && p->at_ms > 0 &&
            (out->next_escalate_ms == 0 || p->at_ms < out->next_escalate_ms))
            out->next_escalate_ms = p->at_ms;
    }
}

/* One scalar, or a list of them joined: what a person would read in the field. */
static const char *value_text(struct arena *a, const json_t *v)
{
    struct buf b;
    const char *text = NULL;
    size_t n = json_is_array(v) ? json_array_size(v) : 1;

    if (!v || json_is_null(v) || n == 0)
        return NULL;
    buf_init(&b, (size_t)2 * PD_TITLE_MAX_BYTES);
    for (size_t i = 0; i < n && b.len < PD_TITLE_MAX_BYTES; i++) {
        const json_t *item = json_is_array(v) ? json_array_get(v, i) : v;

        buf_puts(&b, i > 0 ? ", " : "");
        if (json_is_string(item))
            buf_add(&b, json_string_value(item),
                    text_cut(json_string_value(item), json_string_length(item),
                             PD_TITLE_MAX_BYTES / 2));
        else if (json_is_integer(item))
            buf_printf(&b, "%" JSON_INTEGER_FORMAT, json_integer_value(item));
        else if (json_is_real(item))
            buf_printf(&b, "%.15g", json_real_value(item));
        else if (json_is_boolean(item))
            buf_puts(&b, json_is_true(item) ? "true" : "false");
    }
    text = pd_copy(a, buf_str(&b), PD_TITLE_MAX_BYTES, NULL);
    buf_done(&b);
    return text;
}

static void custom_fields_read(struct arena *a, const json_t *list, struct pd_incident *out)
{
    size_t n = json_array_size(list);

    if (n > PD_REFS_MAX)
        n = PD_REFS_MAX;
    if (n == 0)
        return;
    out->custom_fields = arena_array(a, n, sizeof(*out->custom_fields));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        struct pd_field *f = &out->custom_fields[out->n_custom_fields];

        f->id = pd_text(a, item, "id", PD_SHORT_MAX_BYTES);
        f->name = pd_text(a, item, "name", PD_SHORT_MAX_BYTES);
        f->display_name = pd_text(a, item, "display_name", PD_SHORT_MAX_BYTES);
        f->value = value_text(a, json_object_get(item, "value"));
        if (f->id || f->name)
            out->n_custom_fields++;
    }
}

int pd_incident_full(struct arena *a, const json_t *j, struct pd_incident *out, struct err *e)
{
    struct pd_incident in;
    const json_t *counts = json_opt_obj(j, "alert_counts");

    if (pd_incident_common(a, j, &in, e) < 0)
        return e->code;
    in.updated_ms = json_opt_time_ms(j, "updated_at", 0);
    in.assigned_via = pd_text(a, j, "assigned_via", PD_SHORT_MAX_BYTES);
    pd_since_read(a, json_opt_arr(j, "acknowledgements"), "acknowledger", &in.acknowledgements);
    in.last_status_change_ms = json_opt_time_ms(j, "last_status_change_at", 0);
    pd_ref_read(a, json_opt_obj(j, "last_status_change_by"), &in.last_status_change_by);
    pending_read(a, json_opt_arr(j, "pending_actions"), &in);
    in.alerts_all = json_opt_int(counts, "all", -1);
    in.alerts_triggered = json_opt_int(counts, "triggered", -1);
    in.alerts_resolved = json_opt_int(counts, "resolved", -1);
    if (json_is_boolean(json_object_get(j, "is_mergeable")))
        in.is_mergeable = json_opt_bool(j, "is_mergeable", false) ? 1 : 0;
    pd_ref_read(a, json_opt_obj(j, "first_trigger_log_entry"), &in.first_trigger);
    custom_fields_read(a, json_opt_arr(j, "custom_fields"), &in);
    *out = in;
    return 0;
}

int pd_read_incident(struct arena *a, const char *body, size_t len, struct pd_incident *out,
                     struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *j = NULL;

    if (pd_open(body, len, "incident", JSON_OBJECT, &root, &j, e) < 0)
        return e->code;
    return pd_incident_full(a, j, out, e);
}

static bool incident_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct err ignored;

    (void)arg;
    return pd_incident_full(a, j, item, &ignored) == 0;
}

int pd_read_incidents(struct arena *a, const char *body, size_t len, struct pd_incidents *out,
                      struct err *e)
{
    const struct pd_list_kind kind = {"incidents", PD_LIST_MAX, sizeof(*out->items), incident_item,
                                      NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}
