#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "sandbox/json_build.h"

/* Longer texts are cut in the webhook and marked; PagerDuty does not publish its own limit. */
#define EVENT_TEXT_MAX 2000

static json_t *priority_ref(int priority)
{
    json_t *p;

    if (priority < 0)
        return json_null();
    p = json_ref("priority_reference", company_priorities[priority].id,
                 company_priorities[priority].name, "priorities");
    json_object_set_new(p, "html_url", json_string(COMPANY_WEB "/account/incident_priorities"));
    return p;
}

/* The title alone, unlike REST, which puts the number in front. */
static json_t *incident_ref(const struct incident *in, const char *summary)
{
    return json_ref("incident_reference", in->id, summary, "incidents");
}

json_t *event_incident(const struct incident *in, bool with_reopened)
{
    static const char *const status_names[] = {"triggered", "acknowledged", "resolved"};
    json_t *o = json_object(), *assignees = json_array();

    for (int i = 0; i < in->assignees.n; i++)
        json_array_append_new(assignees, json_user_ref(in->assignees.list[i]));
    json_object_set_new(o, "id", json_string(in->id));
    json_object_set_new(o, "type", json_string("incident"));
    json_object_set_new(o, "self", json_sprintf(COMPANY_API "/incidents/%s", in->id));
    json_object_set_new(o, "html_url", json_sprintf(COMPANY_WEB "/incidents/%s", in->id));
    json_object_set_new(o, "number", json_integer(in->number));
    json_object_set_new(o, "status", json_string(status_names[in->status]));
    json_object_set_new(o, "incident_key", json_string(in->key));
    json_object_set_new(o, "created_at", json_time(in->created_ms));
    json_object_set_new(o, "title", json_string(in->title));
    json_object_set_new(o, "service", json_service_ref(in->service));
    json_object_set_new(o, "assignees", assignees);
    json_object_set_new(o, "escalation_policy", json_policy_ref(in->policy));
    json_object_set_new(o, "teams",
                        json_pack("[o]", json_team_ref(company_services[in->service].team)));
    json_object_set_new(o, "priority", priority_ref(in->priority));
    json_object_set_new(o, "urgency", json_string(in->urgency == URGENCY_HIGH ? "high" : "low"));
    json_object_set_new(o, "conference_bridge",
                        in->bridge != NULL ? json_incref(in->bridge) : json_null());
    json_object_set_new(o, "resolve_reason",
                        in->merged_into == NULL
                            ? json_null()
                            : json_pack("{s:s, s:o}", "type", "merge_resolve_reason", "incident",
                                        incident_ref(in->merged_into, in->merged_into->title)));
    json_object_set_new(
        o, "incident_type",
        json_pack("{s:s}", "name", in->major ? "major_incident" : "incident_default"));
    if (with_reopened)
        json_object_set_new(o, "reopened_at", json_time(in->reopened_ms));
    return o;
}

static void put_text(json_t *o, const char *key, const char *text)
{
    size_t len = strlen(text), cut = text_cut(text, len, EVENT_TEXT_MAX);

    json_object_set_new(o, key, json_stringn(text, cut));
    json_object_set_new(o, "trimmed", json_boolean(cut < len));
}

json_t *event_note(const struct incident *in, const char *note_id, const char *content)
{
    json_t *o = json_pack("{s:o, s:s, s:s}", "incident", incident_ref(in, in->title), "id", note_id,
                          "type", "incident_note");

    put_text(o, "content", content);
    return o;
}

json_t *event_status_update(const struct incident *in, const char *id, const char *message)
{
    json_t *o = json_pack("{s:o, s:s, s:s}", "incident", incident_ref(in, in->title), "id", id,
                          "type", "incident_status_update");

    put_text(o, "message", message);
    return o;
}

json_t *event_responder(const struct incident *in, const struct responder *r)
{
    return json_pack("{s:o, s:o, s:o, s:s, s:s, s:s}", "incident", incident_ref(in, in->title),
                     "user", json_user_ref(r->user), "escalation_policy",
                     json_policy_ref(r->policy >= 0 ? r->policy : in->policy), "message",
                     r->message, "state", "pending", "type", "incident_responder");
}

static json_t *field_values(const json_t *values, const json_t *only)
{
    json_t *list = json_array();

    for (int i = 0; i < N_FIELDS; i++) {
        const struct c_field *f = &company_fields[i];
        json_t *value = json_object_get(values, f->name);

        if (only != NULL && json_object_get(only, f->name) == NULL)
            continue;
        if (only == NULL && value == NULL)
            continue;
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "data_type",
                                        "string", "field_type", f->field_type, "id", f->id, "name",
                                        f->name, "namespace", "incidents", "type", "field_value",
                                        "value", value != NULL ? json_incref(value) : json_null()));
    }
    return list;
}

/* before holds the previous values of exactly the changed fields. */
json_t *event_fields(const struct incident *in, const json_t *before)
{
    return json_pack("{s:o, s:o, s:o, s:s}", "incident", incident_ref(in, NULL), "custom_fields",
                     field_values(in->fields, NULL), "changed_custom_fields",
                     field_values(before, before), "type", "incident_field_values");
}

json_t *event_ping(void)
{
    return json_pack("{s:s, s:s}", "message", "Hello from your friend Pagey!", "type", "ping");
}

json_t *event_agent(struct agent a)
{
    const struct c_service *s;

    if (a.kind == AGENT_NONE)
        return json_null();
    if (a.kind == AGENT_USER)
        return json_user_ref(a.index);
    if (a.kind == AGENT_SERVICE)
        return json_service_ref(a.index);
    s = &company_services[a.index];
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o}", "id", s->integration_id, "type",
        "inbound_integration_reference", "summary", s->integration_name, "self",
        json_sprintf(COMPANY_API "/services/%s/integrations/%s", s->id, s->integration_id),
        "html_url",
        json_sprintf(COMPANY_WEB "/services/%s/integrations/%s", s->id, s->integration_id));
}

char *event_body(const char *type, json_t *agent, json_t *client, json_t *data, char event_id[27])
{
    char resource[32], at[TIME_ISO_MAX];
    uint8_t bytes[26];
    char *text;
    json_t *body;

    crypto_random(bytes, sizeof bytes);
    for (size_t i = 0; i < 26; i++)
        event_id[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[bytes[i] % 36];
    memcpy(event_id, "01H", 3);
    event_id[26] = '\0';
    snprintf(resource, sizeof resource, "%.*s", (int)strcspn(type, "."), type);
    body = json_pack("{s:{s:s, s:s, s:s, s:s, s:o, s:o, s:o}}", "event", "id", event_id,
                     "event_type", type, "resource_type", resource, "occurred_at",
                     time_format_iso(world_now_ms(), true, at), "agent", agent, "client",
                     client != NULL ? client : json_null(), "data", data);
    text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}
