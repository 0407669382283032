#include <string.h>

#include "base/clock.h"
#include "sandbox/json_build.h"

static const char *const status_names[] = {"triggered", "acknowledged", "resolved"};

json_t *json_time(int64_t wall_ms)
{
    char text[TIME_ISO_MAX];

    return json_string(time_format_iso(wall_ms, false, text));
}

void json_put(json_t *obj, const char *key, json_t *value)
{
    if (value != NULL)
        json_object_set_new(obj, key, value);
    else if (world.nulls)
        json_object_set_new(obj, key, json_null());
}

json_t *json_ref(const char *type, const char *id, const char *summary, const char *path)
{
    return json_pack("{s:s, s:s, s:s?, s:s+++, s:s+++}", "id", id, "type", type, "summary", summary,
                     "self", COMPANY_API "/", path, "/", id, "html_url", COMPANY_WEB "/", path, "/",
                     id);
}

json_t *json_user_ref(int user)
{
    return json_ref("user_reference", company_users[user].id, company_users[user].name, "users");
}

json_t *json_service_ref(int service)
{
    return json_ref("service_reference", company_services[service].id,
                    company_services[service].name, "services");
}

json_t *json_policy_ref(int policy)
{
    return json_ref("escalation_policy_reference", company_policies[policy].id,
                    company_policies[policy].name, "escalation_policies");
}

json_t *json_team_ref(int team)
{
    return json_ref("team_reference", company_teams[team].id, company_teams[team].name, "teams");
}

static json_t *numbered_title(const struct incident *in)
{
    return json_sprintf("[#%d] %s", in->number, in->title);
}

json_t *json_incident_ref(const struct incident *in)
{
    json_t *ref = json_ref("incident_reference", in->id, NULL, "incidents");

    json_object_set_new(ref, "summary", numbered_title(in));
    return ref;
}

json_t *json_agent_ref(struct agent a, int service)
{
    if (a.kind == AGENT_USER)
        return json_user_ref(a.index);
    return json_service_ref(a.kind == AGENT_NONE ? service : a.index);
}

static json_t *user_view(int user, bool full)
{
    return full ? json_user(user) : json_user_ref(user);
}

static json_t *pending_actions(const struct incident *in)
{
    json_t *list = json_array();

    if (in->escalate_ms != 0)
        json_array_append_new(
            list, json_pack("{s:s, s:o}", "type", "escalate", "at", json_time(in->escalate_ms)));
    if (in->unsnooze_ms != 0)
        json_array_append_new(list, json_pack("{s:s, s:o}", "type", "unacknowledge", "at",
                                              json_time(in->unsnooze_ms)));
    return list;
}

static json_t *alert_counts(const struct incident *in)
{
    int resolved = 0;

    for (size_t i = 0; i < in->n_alerts; i++)
        resolved += in->alerts[i].resolved;
    return json_pack("{s:i, s:i, s:i}", "all", (int)in->n_alerts, "triggered",
                     (int)in->n_alerts - resolved, "resolved", resolved);
}

static json_t *people(const struct users *u, int64_t at_ms, const char *word, bool full)
{
    json_t *list = json_array();

    for (int i = 0; i < u->n; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "at", json_time(at_ms), word,
                                              user_view(u->list[i], full)));
    return list;
}

static json_t *first_log(const struct incident *in, bool full)
{
    json_t *ref;

    if (in->n_logs == 0)
        return NULL;
    if (full)
        return json_log(in, &in->logs[0], INC_CHANNELS);
    ref = json_ref("trigger_log_entry_reference", in->logs[0].id,
                   in->manual ? "Triggered through the website" : "Triggered through the API",
                   "log_entries");
    return ref;
}

static json_t *priority_view(int priority, bool full)
{
    json_t *p;

    if (priority < 0)
        return NULL;
    if (full)
        return json_priority(priority);
    p = json_ref("priority_reference", company_priorities[priority].id,
                 company_priorities[priority].name, "priorities");
    json_object_set_new(p, "html_url", json_string(COMPANY_WEB "/account/incident_priorities"));
    return p;
}

json_t *json_responder(const struct incident *in, const struct responder *r)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o}", "state", "pending", "user",
                     json_user_ref(r->user), "incident", json_incident_ref(in), "updated_at",
                     json_time(r->at_ms), "message", r->message, "requester",
                     json_user_ref(r->requester), "requested_at", json_time(r->at_ms));
}

static void put_members(json_t *o, const struct incident *in, unsigned include)
{
    const struct c_service *s = &company_services[in->service];
    json_t *responders = json_array();

    for (size_t i = 0; i < in->n_responders; i++)
        json_array_append_new(responders, json_responder(in, &in->responders[i]));
    json_put(o, "service",
             (include & INC_SERVICES) != 0 ? json_service(in->service, 0)
                                           : json_service_ref(in->service));
    json_put(o, "assignments",
             people(&in->assignees, in->assigned_ms, "assignee",
                    (include & (INC_ASSIGNEES | INC_USERS)) != 0));
    json_put(o, "acknowledgements",
             people(&in->ackers, in->acked_ms, "acknowledger",
                    (include & (INC_ACKNOWLEDGERS | INC_USERS)) != 0));
    json_put(o, "last_status_change_by",
             in->changed_by.kind == AGENT_USER && (include & (INC_AGENTS | INC_USERS)) != 0
                 ? json_user(in->changed_by.index)
                 : json_agent_ref(in->changed_by, in->service));
    json_put(o, "first_trigger_log_entry", first_log(in, (include & INC_FIRST_LOG) != 0));
    json_put(o, "escalation_policy",
             (include & INC_POLICIES) != 0 ? json_policy(in->policy, 0)
                                           : json_policy_ref(in->policy));
    json_put(
        o, "teams",
        json_pack("[o]", (include & INC_TEAMS) != 0 ? json_team(s->team) : json_team_ref(s->team)));
    json_put(o, "priority", priority_view(in->priority, (include & INC_PRIORITIES) != 0));
    json_put(o, "conference_bridge", json_incref(in->bridge));
    json_put(o, "resolve_reason",
             in->merged_into == NULL ? NULL
                                     : json_pack("{s:s, s:o}", "type", "merge_resolve_reason",
                                                 "incident", json_incident_ref(in->merged_into)));
    json_put(o, "incidents_responders", responders);
    json_put(o, "responder_requests", json_array());
    if (in->body != NULL)
        json_put(o, "body", json_pack("{s:s, s:s}", "type", "incident_body", "details", in->body));
    if ((include & INC_CUSTOM_FIELDS) != 0)
        json_put(o, "custom_fields", json_custom_fields(in));
}

json_t *json_incident(const struct incident *in, unsigned include)
{
    json_t *o = json_ref("incident", in->id, NULL, "incidents");

    json_object_set_new(o, "summary", numbered_title(in));
    json_object_set_new(o, "incident_number", json_integer(in->number));
    json_object_set_new(o, "title", json_string(in->title));
    json_object_set_new(o, "description", json_string(in->title));
    json_object_set_new(o, "created_at", json_time(in->created_ms));
    json_object_set_new(o, "updated_at", json_time(in->updated_ms));
    json_object_set_new(o, "status", json_string(status_names[in->status]));
    json_object_set_new(o, "incident_key", json_string(in->key));
    json_object_set_new(o, "urgency", json_string(in->urgency == URGENCY_HIGH ? "high" : "low"));
    json_object_set_new(
        o, "assigned_via",
        json_string(in->via == VIA_POLICY ? "escalation_policy" : "direct_assignment"));
    json_object_set_new(o, "last_status_change_at", json_time(in->changed_ms));
    json_put(o, "resolved_at", in->status == RESOLVED ? json_time(in->resolved_ms) : NULL);
    json_object_set_new(o, "alert_counts", alert_counts(in));
    json_object_set_new(o, "is_mergeable",
                        json_boolean(in->status != RESOLVED && (in->n_alerts > 0 || in->manual)));
    json_object_set_new(
        o, "incident_type",
        json_pack("{s:s}", "name", in->major ? "major_incident" : "incident_default"));
    json_object_set_new(o, "pending_actions", pending_actions(in));
    put_members(o, in, include);
    return o;
}

json_t *json_note(const struct note *n)
{
    return json_pack("{s:s, s:o, s:{s:s}, s:s, s:o, s:o}", "id", n->id, "user",
                     json_user_ref(n->author), "channel", "summary",
                     "The PagerDuty website or APIs", "content", n->content, "created_at",
                     json_time(n->created_ms), "updated_at", json_time(n->updated_ms));
}

/* Newest first, as PagerDuty lists them. */
json_t *json_notes(const struct incident *in)
{
    json_t *list = json_array();

    for (size_t i = in->n_notes; i-- > 0;)
        if (!in->notes[i].deleted)
            json_array_append_new(list, json_note(&in->notes[i]));
    return list;
}

json_t *json_alert(const struct incident *in, const struct alert *a)
{
    const struct c_service *s = &company_services[in->service];
    json_t *o = json_ref("alert", a->id, a->summary, "alerts");

    json_object_set_new(o, "self",
                        json_sprintf(COMPANY_API "/incidents/%s/alerts/%s", in->id, a->id));
    json_object_set_new(o, "created_at", json_time(a->created_ms));
    json_object_set_new(o, "status", json_string(a->resolved ? "resolved" : "triggered"));
    json_object_set_new(o, "alert_key", json_string(a->key));
    json_object_set_new(o, "service", json_service_ref(in->service));
    json_put(o, "first_trigger_log_entry", first_log(in, false));
    json_object_set_new(
        o, "body",
        json_pack("{s:s, s:[], s:O}", "type", "alert_body", "contexts", "details", a->details));
    json_object_set_new(o, "incident", json_incident_ref(in));
    json_object_set_new(o, "suppressed", json_false());
    json_object_set_new(o, "severity", json_string(a->severity));
    json_object_set_new(o, "integration",
                        json_ref("events_api_v2_inbound_integration_reference", s->integration_id,
                                 s->integration_name, "integrations"));
    return o;
}

json_t *json_custom_fields(const struct incident *in)
{
    json_t *list = json_array();

    for (int i = 0; i < N_FIELDS; i++) {
        const struct c_field *f = &company_fields[i];
        json_t *value = json_object_get(in->fields, f->name);

        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "id", f->id, "name",
                            f->name, "type", "field_value", "display_name", f->display,
                            "description", f->description, "field_type", f->field_type, "data_type",
                            "string", "value", value != NULL ? json_incref(value) : json_null()));
    }
    return list;
}
