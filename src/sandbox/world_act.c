#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sandbox/act.h"
#include "sandbox/json_build.h"
#include "sandbox/oracle.h"
#include "sandbox/sender.h"

int fail_set(struct fail *f, int http, int code, const char *message, const char *detail)
{
    f->http = http;
    f->code = code;
    snprintf(f->message, sizeof f->message, "%s", message);
    snprintf(f->detail, sizeof f->detail, "%s", detail != NULL ? detail : "");
    return -1;
}

void change_init(struct change *c, struct incident *in)
{
    *c = (struct change){.in = in, .priority = -1, .policy = -1, .service = -1};
}

/* ---- what may be asked for ---- */

static int check_status(const struct change *c, const struct actor *a, struct fail *f)
{
    const struct incident *in = c->in;

    if (in->status == RESOLVED && c->status == RESOLVED)
        return fail_set(f, 400, 1001, "Incident Already Resolved", in->id);
    if (in->status == RESOLVED && world.reopen_refused)
        return fail_set(f, 400, 1001, "Incident Already Resolved", in->id);
    if (in->status == RESOLVED && in->merged_into != NULL)
        return fail_set(f, 400, 1019, "Incident already merged", in->id);
    if (c->status == ACKNOWLEDGED && in->status == ACKNOWLEDGED && a->agent.kind == AGENT_USER &&
        users_have(&in->ackers, a->agent.index))
        return fail_set(f, 400, 1002, "Incident Already Acknowledged", in->id);
    if (c->status == TRIGGERED && in->status == TRIGGERED)
        return fail_set(f, 400, 1003, "Invalid Status Provided",
                        "The incident is triggered already");
    return 0;
}

static int check_level(const struct change *c, struct fail *f)
{
    if (c->in->status == RESOLVED)
        return fail_set(f, 400, 1001, "Incident Already Resolved", c->in->id);
    if (c->in->urgency == URGENCY_LOW)
        return fail_set(f, 400, 1006, "Incident Cannot Be Escalated",
                        "Low-urgency incidents cannot be escalated");
    if (c->level < 1 || c->level > N_LEVELS)
        return fail_set(f, 400, 1006, "Incident Cannot Be Escalated",
                        "The escalation policy has no such level");
    if (world_oncall(c->in->policy, c->level).n == 0)
        return fail_set(f, 400, 1015, "Escalation policy has no one on call", NULL);
    return 0;
}

int change_check(const struct change *c, const struct actor *a, struct fail *f)
{
    if (c->has_status && check_status(c, a, f) < 0)
        return -1;
    if (c->level != 0 && check_level(c, f) < 0)
        return -1;
    if ((c->has_users || c->policy >= 0) && c->in->status == RESOLVED)
        return fail_set(f, 400, 1011, "Incident cannot be reassigned", "It is resolved");
    if (c->has_users && c->policy >= 0)
        return fail_set(f, 400, 2001, "Invalid Input Provided",
                        "assignments and escalation_policy exclude each other");
    if (c->policy >= 0 && world_oncall(c->policy, 1).n == 0)
        return fail_set(f, 400, 1015, "Escalation policy has no one on call", NULL);
    if (c->has_priority && world.ability_off[AB_PRIORITIES] != 0)
        return fail_set(f, world.ability_off[AB_PRIORITIES], 2014,
                        "Account does not have the abilities to perform the action", NULL);
    return 0;
}

/* ---- the parts of a change ---- */

/* The time of something that the escalation policy does by itself, in the world's speed. */
static int64_t due_ms(int64_t wait_ms)
{
    if (world.time_scale > 0)
        wait_ms = (int64_t)((double)wait_ms / world.time_scale);
    return world_now_ms() + wait_ms;
}

static void plan_escalation(struct incident *in)
{
    const struct c_policy *p = &company_policies[in->policy];
    bool last = in->level >= N_LEVELS && in->loop >= p->loops;

    in->escalate_ms = 0;
    if (in->status == TRIGGERED && in->via == VIA_POLICY && in->urgency == URGENCY_HIGH && !last &&
        !in->muted)
        in->escalate_ms = due_ms((int64_t)p->rules[in->level - 1].delay_min * 60000);
}

static void set_status(struct incident *in, enum status s, struct agent by)
{
    in->status = s;
    in->changed_ms = world_now_ms();
    in->changed_by = by;
    in->unsnooze_ms = 0;
    if (s != ACKNOWLEDGED)
        in->ackers.n = 0;
    if (s == RESOLVED) {
        in->resolved_ms = in->changed_ms;
        in->assignees.n = 0;
        in->escalate_ms = 0;
    }
}

/* Assigns and, as PagerDuty does, tells each of them. */
static void assign(struct incident *in, const struct users *u, enum log_kind kind, struct agent by)
{
    int64_t now = world_now_ms();
    struct log_line *l;

    in->assignees = *u;
    in->assigned_ms = now;
    l = world_log(in, kind, now, by);
    l->users = *u;
    for (int i = 0; i < u->n && !in->muted; i++) {
        l = world_log(in, LK_NOTIFY, now, (struct agent){AGENT_NONE, 0});
        l->users = users_one(u->list[i]);
    }
}

static json_t *event_client(const struct incident *in, const struct actor *a)
{
    if (a->agent.kind == AGENT_INTEGRATION && in->client != NULL)
        return json_pack("{s:s, s:s*}", "name", in->client, "url", in->client_url);
    if (strcmp(a->source, "person") == 0 && a->agent.kind == AGENT_USER && in->manual)
        return json_pack("{s:s}", "name", "PagerDuty");
    return NULL;
}

static void emit(const char *type, struct incident *in, const struct actor *a)
{
    sender_emit(type, in, a->agent, event_client(in, a), event_incident(in, in->reopened_ms != 0));
}

/* A resolution is stored with the log entry only, but the webhook announces it as a note. */
static void tell_resolution(struct incident *in, const char *resolution, const struct actor *a)
{
    char *text = mem_alloc(strlen(resolution) + 32), id[WORLD_ID_MAX];

    snprintf(text, strlen(resolution) + 32, "Resolution Note: %s", resolution);
    world_id(id, "P", 7, false);
    sender_emit("incident.annotated", in, a->agent, NULL, event_note(in, id, text));
    free(text);
}

static void apply_resolve(struct incident *in, const char *resolution, const struct actor *a)
{
    struct stood was = stood_of(in);
    struct log_line *l;

    set_status(in, RESOLVED, a->agent);
    for (size_t i = 0; i < in->n_alerts; i++)
        in->alerts[i].resolved = true;
    l = world_log(in, LK_RESOLVE, in->changed_ms, a->agent);
    l->text = mem_strdup(resolution);
    oracle_effect("resolve", in, a, &was,
                  resolution == NULL ? NULL : json_pack("{s:s}", "content", resolution));
    emit("incident.resolved", in, a);
    if (resolution != NULL)
        tell_resolution(in, resolution, a);
}

static void apply_reopen(struct incident *in, enum status to, const struct actor *a)
{
    struct stood was = stood_of(in);
    struct users u = world_oncall(in->policy, 1);

    set_status(in, to, a->agent);
    in->reopened_ms = in->changed_ms;
    in->level = in->loop = 1;
    in->via = VIA_POLICY;
    for (size_t i = 0; i < in->n_alerts; i++)
        in->alerts[i].resolved = false;
    world_log(in, LK_TRIGGER, in->changed_ms, a->agent);
    if (to == ACKNOWLEDGED && a->agent.kind == AGENT_USER) {
        u = users_one(a->agent.index);
        in->ackers = u;
        in->acked_ms = in->changed_ms;
    }
    assign(in, &u, LK_ASSIGN, a->agent);
    plan_escalation(in);
    oracle_effect("reopen", in, a, &was, NULL);
    emit("incident.reopened", in, a);
}

/* Whoever acknowledges takes it over: others are no longer assigned and nothing escalates. */
static void apply_acknowledge(struct incident *in, const struct actor *a)
{
    struct stood was = stood_of(in);
    bool first = in->status != ACKNOWLEDGED;

    if (first)
        set_status(in, ACKNOWLEDGED, a->agent);
    in->escalate_ms = 0;
    in->acked_ms = world_now_ms();
    if (a->agent.kind == AGENT_USER) {
        if (in->ackers.n < MAX_ASSIGNEES)
            in->ackers.list[in->ackers.n++] = a->agent.index;
        in->assignees = users_one(a->agent.index);
        in->assigned_ms = in->acked_ms;
    }
    world_log(in, LK_ACKNOWLEDGE, in->acked_ms, a->agent);
    oracle_effect("acknowledge", in, a, &was, NULL);
    emit("incident.acknowledged", in, a);
}

static void apply_unacknowledge(struct incident *in, const struct actor *a)
{
    struct stood was = stood_of(in);

    set_status(in, TRIGGERED, a->agent);
    world_log(in, LK_UNACKNOWLEDGE, in->changed_ms, a->agent);
    plan_escalation(in);
    oracle_effect("unacknowledge", in, a, &was, NULL);
    emit("incident.unacknowledged", in, a);
}

static void apply_status(const struct change *c, const struct actor *a)
{
    if (c->in->status == RESOLVED)
        apply_reopen(c->in, c->status, a);
    else if (c->status == RESOLVED)
        apply_resolve(c->in, c->resolution, a);
    else if (c->status == ACKNOWLEDGED)
        apply_acknowledge(c->in, a);
    else
        apply_unacknowledge(c->in, a);
}

static void apply_level(struct incident *in, int level, const struct actor *a)
{
    struct stood was = stood_of(in);
    struct users u = world_oncall(in->policy, level);

    in->level = level;
    in->via = VIA_POLICY;
    if (in->status == ACKNOWLEDGED)
        set_status(in, TRIGGERED, a->agent);
    assign(in, &u, LK_ESCALATE, a->agent);
    plan_escalation(in);
    oracle_effect("escalate", in, a, &was, NULL);
    emit("incident.escalated", in, a);
}

static void apply_users(struct incident *in, const struct users *u, const struct actor *a)
{
    struct stood was = stood_of(in);

    in->via = VIA_DIRECT;
    in->escalate_ms = 0;
    if (in->status == ACKNOWLEDGED)
        set_status(in, TRIGGERED, a->agent);
    assign(in, u, LK_ASSIGN, a->agent);
    oracle_effect("reassign", in, a, &was, NULL);
    emit("incident.reassigned", in, a);
}

static void apply_policy(struct incident *in, int policy, const struct actor *a)
{
    struct stood was = stood_of(in);
    struct users u = world_oncall(policy, 1);

    in->policy = policy;
    in->level = in->loop = 1;
    in->via = VIA_POLICY;
    if (in->status == ACKNOWLEDGED)
        set_status(in, TRIGGERED, a->agent);
    assign(in, &u, LK_DELEGATE, a->agent);
    plan_escalation(in);
    oracle_effect("delegate", in, a, &was,
                  json_pack("{s:s}", "escalation_policy", company_policies[policy].id));
    emit("incident.delegated", in, a);
}

static void log_field(struct incident *in, const char *name, const char *old, const char *value,
                      const struct actor *a)
{
    struct log_line *l = world_log(in, LK_FIELD, world_now_ms(), a->agent);

    l->extra = json_pack("{s:{s:[{s:s, s:s, s:s?, s:s?}]}}", "changeset", "application_fields",
                         "name", name, "namespace", "incidents", "value", value, "old_value", old);
}

static const char *priority_name(int priority)
{
    return priority < 0 ? NULL : company_priorities[priority].name;
}

static void apply_priority(struct incident *in, int priority, const struct actor *a)
{
    struct stood was = stood_of(in);

    log_field(in, "priority", priority_name(in->priority), priority_name(priority), a);
    oracle_effect("priority", in, a, &was,
                  json_pack("{s:s?, s:s?}", "priority_before", priority_name(in->priority),
                            "priority", priority_name(priority)));
    in->priority = priority;
    emit("incident.priority_updated", in, a);
}

static void apply_urgency(struct incident *in, enum urgency urgency, const struct actor *a)
{
    struct stood was = stood_of(in);

    in->urgency = urgency;
    world_log(in, LK_URGENCY, world_now_ms(), a->agent);
    plan_escalation(in);
    oracle_effect("urgency", in, a, &was,
                  json_pack("{s:s}", "urgency", urgency == URGENCY_HIGH ? "high" : "low"));
}

static void apply_service(struct incident *in, int service, const struct actor *a)
{
    struct stood was = stood_of(in);

    log_field(in, "service", company_services[in->service].name, company_services[service].name, a);
    in->service = service;
    oracle_effect("service", in, a, &was,
                  json_pack("{s:s}", "service", company_services[service].id));
    emit("incident.service_updated", in, a);
}

static void apply_words(const struct change *c, const struct actor *a)
{
    struct incident *in = c->in;
    struct stood was = stood_of(in);

    if (c->title != NULL) {
        log_field(in, "title", in->title, c->title, a);
        world_title(in, c->title);
        oracle_effect("title", in, a, &was, json_pack("{s:s}", "content", c->title));
    }
    if (c->bridge != NULL) {
        json_decref(in->bridge);
        in->bridge = json_deep_copy(c->bridge);
        oracle_effect("conference_bridge", in, a, &was, NULL);
    }
    if (c->has_major) {
        in->major = c->major;
        oracle_effect("incident_type", in, a, &was, NULL);
    }
}

void change_apply(const struct change *c, const struct actor *a)
{
    struct incident *in = c->in;

    world_touch(in);
    apply_words(c, a);
    if (c->service >= 0 && c->service != in->service)
        apply_service(in, c->service, a);
    if (c->has_priority && c->priority != in->priority)
        apply_priority(in, c->priority, a);
    if (c->has_urgency && c->urgency != in->urgency)
        apply_urgency(in, c->urgency, a);
    if (c->policy >= 0)
        apply_policy(in, c->policy, a);
    if (c->has_users)
        apply_users(in, &c->users, a);
    if (c->level != 0)
        apply_level(in, c->level, a);
    if (c->has_status)
        apply_status(c, a);
}

/* ---- a new incident ---- */

static void trigger_alerts(struct incident *in, const struct trigger *t)
{
    for (int i = 0; i < t->alerts; i++) {
        json_t *details = t->details != NULL ? json_deep_copy(t->details) : json_object();

        if (i > 0)
            json_object_set_new(details, "repeat", json_integer(i));
        world_alert(in, in->title, t->severity != NULL ? t->severity : "critical", in->created_ms,
                    details, false);
    }
}

struct incident *act_trigger(const struct trigger *t, const struct actor *a)
{
    struct incident *in = world_incident_new();
    const struct c_service *s = &company_services[t->service];
    struct users u = world_oncall(s->policy, 1);
    struct stood was = {TRIGGERED, 0, {.n = 0}};

    world_id(in->id, "Q", 14, false);
    json_object_set_new(world.index, in->id, json_integer((json_int_t)world.n_incidents - 1));
    in->created_mono_ms = clock_mono_ms();
    in->created_ms = in->updated_ms = in->changed_ms = world_now_ms();
    world_title(in, t->title);
    in->key = mem_strdup(t->key != NULL ? t->key : in->id);
    in->body = mem_strdup(t->body);
    in->client = mem_strdup(t->manual ? NULL : t->client != NULL ? t->client : s->client);
    in->client_url = mem_strdup(t->manual           ? NULL
                                : t->client != NULL ? t->client_url
                                                    : s->client_url);
    in->service = t->service;
    in->policy = s->policy;
    in->priority = t->priority;
    in->urgency = t->urgency;
    in->manual = t->manual;
    in->major = t->major;
    in->loop = 1;
    in->muted = world_in_maintenance(t->service, in->created_ms);
    in->trigger_agent = in->changed_by = a->agent;
    world_log(in, LK_TRIGGER, in->created_ms, a->agent);
    trigger_alerts(in, t);
    if (!in->muted)
        assign(in, &u, LK_ASSIGN, (struct agent){AGENT_NONE, 0});
    plan_escalation(in);
    oracle_effect("trigger", in, a, &was, json_pack("{s:s}", "content", in->title));
    emit("incident.triggered", in, a);
    json_decref(t->details);
    return in;
}

void act_alert(struct incident *in, const char *summary, const char *severity, json_t *details)
{
    world_touch(in);
    world_alert(in, summary, severity, world_now_ms(), details, false);
}

/* ---- the clock ---- */

static void escalate_due(struct incident *in)
{
    const struct actor timer = {.source = "timer", .agent = {AGENT_NONE, 0}};
    int next = in->level + 1;

    world_touch(in);
    if (next > N_LEVELS) {
        next = 1;
        in->loop++;
    }
    if (world_oncall(in->policy, next).n == 0) {
        in->escalate_ms = 0;
        world_log(in, LK_EXHAUST, world_now_ms(), timer.agent);
        return;
    }
    apply_level(in, next, &timer);
}

void act_due(void)
{
    const struct actor timer = {.source = "timer", .agent = {AGENT_NONE, 0}};
    int64_t now = world_now_ms();

    if (world.time_scale <= 0)
        return;
    for (size_t i = 0; i < world.n_incidents; i++) {
        struct incident *in = world.incidents[i];

        if (in->status == RESOLVED)
            continue;
        if (in->escalate_ms != 0 && in->escalate_ms <= now)
            escalate_due(in);
        if (in->unsnooze_ms != 0 && in->unsnooze_ms <= now) {
            world_touch(in);
            apply_unacknowledge(in, &timer);
        }
    }
}

int act_snooze(struct incident *in, int64_t duration_s, const struct actor *a, struct fail *f)
{
    struct stood was = stood_of(in);
    struct log_line *l;

    if (in->status != ACKNOWLEDGED)
        return fail_set(f, 400, 1012, "Incident Not Acknowledged", in->id);
    if (duration_s < 1 || duration_s > 604800)
        return fail_set(f, 400, 1013, "Invalid Snooze Duration", "1 to 604800 seconds");
    world_touch(in);
    in->unsnooze_ms = due_ms(duration_s * 1000);
    l = world_log(in, LK_SNOOZE, world_now_ms(), a->agent);
    l->extra = json_pack("{s:[{s:s, s:o}]}", "changed_actions", "type", "unacknowledge", "at",
                         json_time(in->unsnooze_ms));
    oracle_effect("snooze", in, a, &was, json_pack("{s:I}", "duration_s", (json_int_t)duration_s));
    return 0;
}

static int check_sources(struct incident *target, struct incident **sources, size_t n,
                         struct fail *f)
{
    size_t alerts = target->n_alerts;

    if (target->status == RESOLVED)
        return fail_set(f, 400, 1001, "Incident Already Resolved", target->id);
    for (size_t i = 0; i < n; i++) {
        struct incident *s = sources[i];

        if (s == target)
            return fail_set(f, 400, 2001, "Invalid Input Provided",
                            "An incident cannot join itself");
        if (s->merged_into != NULL)
            return fail_set(f, 400, 1019, "Incident already merged", s->id);
        if (s->status == RESOLVED)
            return fail_set(f, 400, 1001, "Incident Already Resolved", s->id);
        if (s->n_alerts == 0 && !s->manual)
            return fail_set(f, 400, 2001, "Invalid Input Provided",
                            "The incident is not mergeable");
        alerts += s->n_alerts;
    }
    if (alerts > MAX_ALERTS)
        return fail_set(f, 400, 2001, "Invalid Input Provided", "More than 1000 alerts");
    return 0;
}

static void move_alerts(struct incident *to, struct incident *from)
{
    for (size_t i = 0; i < from->n_alerts; i++) {
        struct alert *a = &from->alerts[i], *copy;

        copy = world_alert(to, a->summary, a->severity, a->created_ms, a->details, false);
        memcpy(copy->id, a->id, sizeof copy->id);
        free(copy->key);
        copy->key = a->key;
        free(a->summary);
    }
    from->n_alerts = 0;
    /* The capacity rule of the world counts from zero again. */
    free(from->alerts);
    from->alerts = NULL;
}

int act_merge(struct incident *target, struct incident **sources, size_t n, const struct actor *a,
              struct fail *f)
{
    struct stood stood = stood_of(target);
    json_t *ids = json_array();
    struct log_line *l;

    if (check_sources(target, sources, n, f) < 0) {
        json_decref(ids);
        return -1;
    }
    world_touch(target);
    for (size_t i = 0; i < n; i++) {
        struct stood was = stood_of(sources[i]);

        world_touch(sources[i]);
        move_alerts(target, sources[i]);
        sources[i]->merged_into = target;
        set_status(sources[i], RESOLVED, a->agent);
        world_log(sources[i], LK_RESOLVE, sources[i]->changed_ms, a->agent);
        oracle_effect("merge_resolve", sources[i], a, &was,
                      json_pack("{s:s}", "merged_into", target->id));
        emit("incident.resolved", sources[i], a);
        json_array_append_new(ids, json_string(sources[i]->id));
    }
    l = world_log(target, LK_ANNOTATE, world_now_ms(), a->agent);
    l->text = mem_strdup("Other incidents were merged into this one.");
    oracle_effect("merge", target, a, &stood, json_pack("{s:o}", "sources", ids));
    return 0;
}
