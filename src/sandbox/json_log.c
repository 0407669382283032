#include <string.h>

#include "sandbox/json_build.h"

static const struct {
    const char *type, *words;
} kinds[] = {
    [LK_TRIGGER] = {"trigger_log_entry", "Triggered"},
    [LK_ASSIGN] = {"assign_log_entry", "Assigned"},
    [LK_NOTIFY] = {"notify_log_entry", "Notified by push"},
    [LK_ACKNOWLEDGE] = {"acknowledge_log_entry", "Acknowledged"},
    [LK_UNACKNOWLEDGE] = {"unacknowledge_log_entry", "Unacknowledged"},
    [LK_ESCALATE] = {"escalate_log_entry", "Escalated"},
    [LK_DELEGATE] = {"delegate_log_entry", "Moved to another escalation policy"},
    [LK_ANNOTATE] = {"annotate_log_entry", "Note added"},
    [LK_RESOLVE] = {"resolve_log_entry", "Resolved"},
    [LK_SNOOZE] = {"snooze_log_entry", "Snoozed"},
    [LK_URGENCY] = {"urgency_change_log_entry", "Urgency changed"},
    [LK_FIELD] = {"field_value_change_log_entry", "Field changed"},
    [LK_CUSTOM_FIELD] = {"custom_field_value_change_log_entry", "Custom field changed"},
    [LK_EXHAUST] = {"exhaust_escalation_path_log_entry", "Nobody left to escalate to"},
};

const char *json_log_type(enum log_kind kind)
{
    return kinds[kind].type;
}

static json_t *summary_of(const struct log_line *l)
{
    if (l->kind == LK_NOTIFY || l->kind == LK_ASSIGN || l->kind == LK_ESCALATE) {
        if (l->users.n > 0)
            return json_sprintf("%s: %s", kinds[l->kind].words,
                                company_users[l->users.list[0]].name);
    } else if (l->agent.kind == AGENT_USER) {
        return json_sprintf("%s by %s", kinds[l->kind].words, company_users[l->agent.index].name);
    } else if (l->agent.kind == AGENT_INTEGRATION) {
        return json_sprintf("%s through the API", kinds[l->kind].words);
    }
    return json_string(kinds[l->kind].words);
}

static json_t *trigger_channel(const struct incident *in, const struct log_line *l)
{
    json_t *c;

    if (in->manual)
        return json_pack("{s:s, s:s, s:s, s:s}", "type", "web_trigger", "summary", in->title,
                         "subject", in->title, "details", in->body != NULL ? in->body : "");
    c = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*, s:s*}", "type", "api", "summary", in->title,
                  "service_key", company_services[l->service].integration_id, "description",
                  in->title, "incident_key", in->key, "client", in->client, "client_url",
                  in->client_url);
    json_object_set_new(c, "details",
                        in->n_alerts > 0 ? json_incref(in->alerts[0].details) : json_object());
    return c;
}

/* How it came in; the details only with include[]=channels, since PagerDuty leaves them out otherwise. */
static json_t *channel_of(const struct incident *in, const struct log_line *l, bool details)
{
    const char *type = l->agent.kind == AGENT_NONE ? "timeout" : "api";
    json_t *c;

    if (l->kind == LK_TRIGGER && details)
        return trigger_channel(in, l);
    if (l->kind == LK_TRIGGER)
        type = in->manual ? "web_trigger" : "api";
    else if (l->kind == LK_ANNOTATE)
        type = "note";
    else if (l->kind == LK_NOTIFY)
        type = "auto";
    c = json_pack("{s:s}", "type", type);
    if (details && l->kind == LK_ANNOTATE && l->text != NULL)
        json_object_set_new(c, "summary", json_string(l->text));
    if (l->kind == LK_NOTIFY && l->users.n > 0)
        json_object_set_new(c, "notification",
                            json_pack("{s:s, s:s, s:s}", "type", "push_notification", "status",
                                      "success", "address", company_users[l->users.list[0]].email));
    if (l->extra != NULL && l->kind != LK_SNOOZE)
        json_object_update(c, l->extra);
    return c;
}

json_t *json_log(const struct incident *in, const struct log_line *l, unsigned include)
{
    int team = company_services[l->service].team;
    json_t *o = json_ref(kinds[l->kind].type, l->id, NULL, "log_entries");

    json_object_set_new(o, "summary", summary_of(l));
    json_object_set_new(o, "self",
                        json_sprintf(COMPANY_API "/log_entries/%s?incident_id=%s", l->id, in->id));
    json_object_set_new(o, "html_url",
                        json_sprintf(COMPANY_WEB "/incidents/%s/log_entries/%s", in->id, l->id));
    json_object_set_new(o, "created_at", json_time(l->at_ms));
    json_object_set_new(o, "agent", json_agent_ref(l->agent, l->service));
    json_object_set_new(o, "channel", channel_of(in, l, (include & INC_CHANNELS) != 0));
    json_object_set_new(o, "service",
                        (include & INC_SERVICES) != 0 ? json_service(l->service, 0)
                                                      : json_service_ref(l->service));
    json_object_set_new(o, "incident",
                        (include & INC_INCIDENTS) != 0 ? json_incident(in, 0)
                                                       : json_incident_ref(in));
    json_object_set_new(
        o, "teams",
        json_pack("[o]", (include & INC_TEAMS) != 0 ? json_team(team) : json_team_ref(team)));
    json_object_set_new(o, "contexts", json_array());
    if (l->kind == LK_TRIGGER)
        json_object_set_new(o, "event_details", json_pack("{s:s}", "description", in->title));
    if ((l->kind == LK_RESOLVE || l->kind == LK_ANNOTATE) && l->text != NULL)
        json_object_set_new(o, "note", json_string(l->text));
    if (l->kind == LK_SNOOZE && l->extra != NULL)
        json_object_update(o, l->extra);
    if (l->kind == LK_NOTIFY && l->users.n > 0)
        json_object_set_new(o, "user", json_user_ref(l->users.list[0]));
    if (l->kind == LK_ASSIGN || l->kind == LK_ESCALATE || l->kind == LK_DELEGATE) {
        json_t *list = json_array();

        for (int i = 0; i < l->users.n; i++)
            json_array_append_new(list, json_user_ref(l->users.list[i]));
        json_object_set_new(o, "assignees", list);
    }
    return o;
}
