#ifndef TRIAGED_SANDBOX_JSON_BUILD_H
#define TRIAGED_SANDBOX_JSON_BUILD_H

#include "sandbox/world.h"

/* JSON as PagerDuty's REST API and its webhooks show it. All return new references; world lock held. */

enum include {
    INC_ASSIGNEES = 1U << 0,
    INC_SERVICES = 1U << 1,
    INC_POLICIES = 1U << 2,
    INC_PRIORITIES = 1U << 3,
    INC_FIRST_LOG = 1U << 4,
    INC_TEAMS = 1U << 5,
    INC_ACKNOWLEDGERS = 1U << 6,
    INC_CUSTOM_FIELDS = 1U << 7,
    INC_CHANNELS = 1U << 8,
    INC_INCIDENTS = 1U << 9,
    INC_USERS = 1U << 10,
    INC_TARGETS = 1U << 11,
    INC_CONFERENCE_BRIDGE = 1U << 12,
    INC_AGENTS = 1U << 13,
    INC_OTHER = 1U << 14, /* known to PagerDuty, changes nothing here */
};

/* {"id","type","summary","self","html_url"}; path is the collection ("services"). */
json_t *json_ref(const char *type, const char *id, const char *summary, const char *path);
json_t *json_user_ref(int user);
json_t *json_service_ref(int service);
json_t *json_policy_ref(int policy);
json_t *json_team_ref(int team);
json_t *json_incident_ref(const struct incident *in);
json_t *json_agent_ref(struct agent a, int service);
json_t *json_time(int64_t wall_ms);
/* Sets key to value; NULL becomes null, or nothing when the world sends no nulls. Steals value. */
void json_put(json_t *obj, const char *key, json_t *value);

json_t *json_incident(const struct incident *in, unsigned include);
json_t *json_note(const struct note *n);
json_t *json_notes(const struct incident *in);
json_t *json_alert(const struct incident *in, const struct alert *a);
json_t *json_log(const struct incident *in, const struct log_line *l, unsigned include);
const char *json_log_type(enum log_kind kind);
json_t *json_custom_fields(const struct incident *in);
json_t *json_responder(const struct incident *in, const struct responder *r);

json_t *json_user(int user);
json_t *json_team(int team);
json_t *json_service(int service, unsigned include);
json_t *json_policy(int policy, unsigned include);
json_t *json_priority(int priority);
json_t *json_oncall(int policy, int level, int user, unsigned include);
json_t *json_change(const struct change_event *c);
json_t *json_maintenance(const struct maintenance *m);
json_t *json_dependency(int dep);

/* The data member of a webhook: the incident as V3 shows it, and the smaller shapes. */
json_t *event_incident(const struct incident *in, bool with_reopened);
json_t *event_note(const struct incident *in, const char *note_id, const char *content);
json_t *event_status_update(const struct incident *in, const char *id, const char *message);
json_t *event_responder(const struct incident *in, const struct responder *r);
json_t *event_fields(const struct incident *in, const json_t *before);
json_t *event_ping(void);
/* The agent of an event, or null. */
json_t *event_agent(struct agent a);
/* The whole body as compact JSON, malloc'ed. Takes over agent, client and data. */
char *event_body(const char *type, json_t *agent, json_t *client, json_t *data, char event_id[27]);

#endif
