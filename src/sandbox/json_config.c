#include <string.h>

#include "base/clock.h"
#include "sandbox/json_build.h"

#define ACCOUNT_OPENED_MS INT64_C(1650000000000) /* 2022-04-15: before every incident we invent */

json_t *json_user(int user)
{
    const struct c_user *u = &company_users[user];
    json_t *o = json_ref("user", u->id, u->name, "users");
    json_t *more =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:b, s:[o], s:[], s:[]}", "name",
                  u->name, "email", u->email, "time_zone", u->zone, "color", "purple", "role",
                  u->role, "avatar_url", "https://avatars.lumenparcel.example/blank.png",
                  "invitation_sent", 0, "job_title", u->title, "created_via_sso", 0, "teams",
                  json_team_ref(u->team), "contact_methods", "notification_rules");

    json_object_update(o, more);
    json_decref(more);
    json_put(o, "description", NULL);
    return o;
}

json_t *json_team(int team)
{
    const struct c_team *t = &company_teams[team];
    json_t *o = json_ref("team", t->id, t->name, "teams");

    json_object_set_new(o, "name", json_string(t->name));
    json_object_set_new(o, "description", json_string(t->description));
    json_object_set_new(o, "default_role", json_string("manager"));
    return o;
}

/* active, warning (something acknowledged), critical (something triggered) or maintenance. */
static const char *service_status(int service, int64_t *last_incident_ms)
{
    bool acked = false, triggered = false;

    for (size_t i = 0; i < world.n_incidents; i++) {
        const struct incident *in = world.incidents[i];

        if (in->service != service)
            continue;
        if (in->created_ms > *last_incident_ms)
            *last_incident_ms = in->created_ms;
        acked = acked || in->status == ACKNOWLEDGED;
        triggered = triggered || in->status == TRIGGERED;
    }
    if (world_in_maintenance(service, world_now_ms()))
        return "maintenance";
    return triggered ? "critical" : acked ? "warning" : "active";
}

json_t *json_service(int service, unsigned include)
{
    const struct c_service *s = &company_services[service];
    int64_t last_ms = 0;
    const char *status = service_status(service, &last_ms);
    json_t *o = json_ref("service", s->id, s->name, "services");
    json_t *more = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:[o], s:{s:s, s:s}, s:[], s:[]}", "name", s->name,
        "description", s->description, "created_at", json_time(ACCOUNT_OPENED_MS), "status", status,
        "alert_creation", "create_alerts_and_incidents", "escalation_policy",
        (include & INC_POLICIES) != 0 ? json_policy(s->policy, 0) : json_policy_ref(s->policy),
        "teams",
        json_pack("[o]", (include & INC_TEAMS) != 0 ? json_team(s->team) : json_team_ref(s->team)),
        "integrations",
        json_ref("events_api_v2_inbound_integration_reference", s->integration_id,
                 s->integration_name, "integrations"),
        "incident_urgency_rule", "type", "constant", "urgency", "high", "scheduled_actions",
        "addons");

    json_object_update(o, more);
    json_decref(more);
    json_put(o, "auto_resolve_timeout", NULL);
    json_put(o, "acknowledgement_timeout", NULL);
    json_put(o, "support_hours", NULL);
    json_put(o, "last_incident_timestamp", last_ms != 0 ? json_time(last_ms) : NULL);
    return o;
}

static json_t *rule_targets(int policy, int level, unsigned include)
{
    const struct c_rule *r = &company_policies[policy].rules[level - 1];
    json_t *list = json_array();

    if (r->schedule_id != NULL)
        json_array_append_new(
            list, json_ref("schedule_reference", r->schedule_id, r->schedule_name, "schedules"));
    else
        for (int i = 0; i < 2 && r->users[i] >= 0; i++)
            json_array_append_new(list, (include & INC_TARGETS) != 0 ? json_user(r->users[i])
                                                                     : json_user_ref(r->users[i]));
    return list;
}

json_t *json_policy(int policy, unsigned include)
{
    const struct c_policy *p = &company_policies[policy];
    json_t *o = json_ref("escalation_policy", p->id, p->name, "escalation_policies");
    json_t *rules = json_array(), *services = json_array();

    for (int l = 1; l <= N_LEVELS; l++)
        json_array_append_new(rules,
                              json_pack("{s:s, s:i, s:o}", "id", p->rules[l - 1].id,
                                        "escalation_delay_in_minutes", p->rules[l - 1].delay_min,
                                        "targets", rule_targets(policy, l, include)));
    for (int s = 0; s < N_SERVICES; s++)
        if (company_services[s].policy == policy)
            json_array_append_new(services, (include & INC_SERVICES) != 0 ? json_service(s, 0)
                                                                          : json_service_ref(s));
    json_object_set_new(o, "name", json_string(p->name));
    json_object_set_new(o, "description", json_string(p->description));
    json_object_set_new(o, "num_loops", json_integer(p->loops));
    json_object_set_new(o, "on_call_handoff_notifications", json_string("if_has_services"));
    json_object_set_new(o, "escalation_rules", rules);
    json_object_set_new(o, "services", services);
    json_object_set_new(o, "teams", json_pack("[o]", json_team_ref(p->team)));
    return o;
}

json_t *json_priority(int priority)
{
    const struct c_priority *p = &company_priorities[priority];
    json_t *o = json_ref("priority", p->id, p->name, "priorities");

    json_object_set_new(o, "html_url", json_string(COMPANY_WEB "/account/incident_priorities"));
    json_object_set_new(o, "name", json_string(p->name));
    json_object_set_new(o, "description", json_string(p->description));
    return o;
}

#define WEEK_MS INT64_C(604800000)

/* Shifts by schedule last a week; a user named in the policy itself is on call for ever, which PagerDuty shows as null. */
json_t *json_oncall(int policy, int level, int user, unsigned include)
{
    const struct c_rule *r = &company_policies[policy].rules[level - 1];
    int64_t start_ms = world_now_ms() / WEEK_MS * WEEK_MS;
    json_t *o = json_object();

    json_put(o, "escalation_policy",
             (include & INC_POLICIES) != 0 ? json_policy(policy, 0) : json_policy_ref(policy));
    json_put(o, "user", (include & INC_USERS) != 0 ? json_user(user) : json_user_ref(user));
    json_put(o, "schedule",
             r->schedule_id == NULL
                 ? NULL
                 : json_ref("schedule_reference", r->schedule_id, r->schedule_name, "schedules"));
    json_put(o, "escalation_level", json_integer(level));
    json_put(o, "start", r->schedule_id == NULL ? NULL : json_time(start_ms));
    json_put(o, "end", r->schedule_id == NULL ? NULL : json_time(start_ms + WEEK_MS));
    return o;
}

json_t *json_change(const struct change_event *c)
{
    const struct c_service *s = &company_services[c->service];

    return json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:[o], s:o, s:o, s:s+++}", "id", c->id, "type",
                     "change_event", "summary", c->summary, "timestamp", json_time(c->at_ms),
                     "source", c->source, "integration",
                     json_ref("events_api_v2_inbound_integration_reference", s->integration_id,
                              s->integration_name, "integrations"),
                     "services", json_service_ref(c->service), "custom_details",
                     c->details != NULL ? json_incref(c->details) : json_object(), "links",
                     c->links != NULL ? json_incref(c->links) : json_array(), "self", COMPANY_API,
                     "/change_events/", c->id, "");
}

json_t *json_maintenance(const struct maintenance *m)
{
    json_t *o = json_ref("maintenance_window", m->id, m->description, "maintenance_windows");

    json_object_set_new(o, "sequence_number", json_integer(1));
    json_object_set_new(o, "start_time", json_time(m->start_ms));
    json_object_set_new(o, "end_time", json_time(m->end_ms));
    json_object_set_new(o, "description", json_string(m->description));
    json_object_set_new(o, "services", json_pack("[o]", json_service_ref(m->service)));
    json_object_set_new(o, "teams",
                        json_pack("[o]", json_team_ref(company_services[m->service].team)));
    json_object_set_new(o, "created_by", json_user_ref(m->by));
    return o;
}

json_t *json_dependency(int dep)
{
    const struct c_dep *d = &company_deps[dep];

    return json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}}", "id", d->id, "type",
                     "service_dependency", "supporting_service", "id",
                     company_services[d->supporting].id, "type", "technical_service_reference",
                     "dependent_service", "id", company_services[d->dependent].id, "type",
                     "technical_service_reference");
}
