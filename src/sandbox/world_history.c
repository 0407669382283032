#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sandbox/act.h"

/* The invented past: what happened, when, who fixed it and what they wrote. Seeded, so that it can be told again. */

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (INT64_C(1440) * MINUTE_MS)
enum {
    HISTORY_DAYS = 120,
    PLAN_MAX = 256,
    QUIET_INCIDENTS = 10
};

struct plan {
    int64_t at_ms;
    int symptom;
};

/* The symptom's title with its number; the table writes the place as %d and a percent sign as two. */
void symptom_title(const char *form, uint32_t number, char *out, size_t room)
{
    size_t at = 0;

    for (const char *p = form; *p != '\0' && at + 12 < room; p++) {
        if (p[0] == '%' && p[1] == 'd')
            at += (size_t)snprintf(out + at, room - at, "%u", number);
        else if (p[0] == '%' && p[1] == '%')
            out[at++] = '%';
        else
            out[at++] = *p;
        if (p[0] == '%')
            p++;
    }
    out[at] = '\0';
}

/* A number that such an alert could really show: over its threshold, below 100 for a share, near for days left. */
uint32_t symptom_number(const struct c_symptom *s)
{
    uint32_t threshold = (uint32_t)strtoul(s->threshold, NULL, 10);

    if (strstr(s->title, "%%") != NULL)
        return 86 + world_random(14);
    if (strstr(s->metric, "_days") != NULL)
        return 1 + world_random(13);
    if (strstr(s->title, "%d ms") != NULL)
        return 1500 + world_random(4000);
    return threshold < 10 ? 3 + world_random(30) : threshold + 1 + world_random(threshold * 2);
}

static json_t *alert_details(const struct c_symptom *s, uint32_t number)
{
    static const char *const regions[] = {"eu-north", "eu-central"};
    char host[48];

    snprintf(host, sizeof host, "%s-%u", company_services[s->service].integration_id,
             world_random(4) + 1);
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "metric", s->metric, "value",
                     (int)number, "threshold", s->threshold, "host", host, "region",
                     regions[world_random(2)], "environment", "production", "runbook", s->runbook);
}

static int by_time(const void *a, const void *b)
{
    const struct plan *x = a, *y = b;

    return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

/* Every symptom of a service comes at least twice; which come more often is left to chance. */
static size_t plan_service(struct plan *plans, size_t n, int service, int count, int64_t now_ms)
{
    int mine[N_SYMPTOMS], n_mine = 0;

    for (int s = 0; s < N_SYMPTOMS; s++)
        if (company_symptoms[s].service == service)
            mine[n_mine++] = s;
    for (int i = 0; i < count && n < PLAN_MAX; i++, n++) {
        uint32_t pick = i < 2 * n_mine ? (uint32_t)(i % n_mine) : world_random((uint32_t)n_mine);
        uint32_t minutes = 180 + world_random(HISTORY_DAYS * 1440 - 180);

        plans[n] = (struct plan){now_ms - (int64_t)minutes * MINUTE_MS, mine[pick]};
    }
    return n;
}

static void past_log(struct incident *in, enum log_kind kind, int64_t at_ms, struct agent who,
                     const struct users *users, const char *text)
{
    struct log_line *l = world_log(in, kind, at_ms, who);

    if (users != NULL)
        l->users = *users;
    l->text = mem_strdup(text);
}

/* A person took it, wrote what they found, and closed it. */
static void past_person(struct incident *in, const struct c_symptom *s, int user)
{
    static const char *const looks[] = {"Looking.", "On it, checking the dashboards.",
                                        "Seen this before, same graph as last time."};
    const struct agent who = {AGENT_USER, user};
    int64_t acked = in->created_ms + (1 + world_random(9)) * MINUTE_MS;
    int64_t end = acked + (4 + world_random(80)) * MINUTE_MS;
    const char *fix = s->fixes[world_random(SYMPTOM_FIXES)];

    past_log(in, LK_ACKNOWLEDGE, acked, who, NULL, NULL);
    if (world_random(3) > 0) {
        const char *look = looks[world_random(3)];

        world_note(in, user, look, acked + MINUTE_MS, true);
        past_log(in, LK_ANNOTATE, acked + MINUTE_MS, who, NULL, look);
    }
    world_note(in, user, fix, end - MINUTE_MS, true);
    past_log(in, LK_ANNOTATE, end - MINUTE_MS, who, NULL, fix);
    past_log(in, LK_RESOLVE, end, who, NULL, NULL);
    in->changed_by = who;
    in->changed_ms = in->resolved_ms = in->updated_ms = end;
}

static void past_self(struct incident *in)
{
    const struct agent who = {AGENT_INTEGRATION, in->service};
    int64_t end = in->created_ms + (2 + world_random(25)) * MINUTE_MS;

    past_log(in, LK_RESOLVE, end, who, NULL, NULL);
    in->changed_by = who;
    in->changed_ms = in->resolved_ms = in->updated_ms = end;
}

static void past_incident(const struct plan *p)
{
    const struct c_symptom *s = &company_symptoms[p->symptom];
    const struct agent monitor = {AGENT_INTEGRATION, s->service};
    uint32_t number = symptom_number(s);
    struct incident *in = world_incident_new();
    struct users u;
    char title[120];

    symptom_title(s->title, number, title, sizeof title);
    world_id(in->id, "Q", 14, true);
    json_object_set_new(world.index, in->id, json_integer((json_int_t)world.n_incidents - 1));
    world_title(in, title);
    in->key = mem_strdup(in->id);
    in->client = mem_strdup(company_services[s->service].client);
    in->client_url = mem_strdup(company_services[s->service].client_url);
    in->service = s->service;
    in->policy = company_services[s->service].policy;
    in->created_ms = in->assigned_ms = p->at_ms;
    in->loop = 1;
    in->trigger_agent = monitor;
    in->priority = strcmp(s->severity, "critical") == 0 && world_random(3) == 0 ? 1 : -1;
    u = world_oncall(in->policy, 1);
    past_log(in, LK_TRIGGER, p->at_ms, monitor, NULL, NULL);
    past_log(in, LK_ASSIGN, p->at_ms, (struct agent){AGENT_NONE, 0}, &u, NULL);
    past_log(in, LK_NOTIFY, p->at_ms, (struct agent){AGENT_NONE, 0}, &u, NULL);
    world_alert(in, title, s->severity, p->at_ms, alert_details(s, number), true)->resolved = true;
    in->status = RESOLVED;
    if ((int)world_random(100) < s->self_clears_percent)
        past_self(in);
    else
        past_person(in, s, world_random(4) == 0 ? (int)world_random(N_USERS - 1) : u.list[0]);
}

static void past_changes(int64_t now_ms)
{
    /* Minutes ago; the last ones fall into the hour before the open incidents. */
    static const int recent[][2] = {{8, 70}, {0, 25}, {6, 40}, {5, 12}};
    char summary[100];

    for (int i = 0; i < 60; i++) {
        const struct c_change *c = &company_changes[world_random(N_CHANGES)];
        int64_t ago = (int64_t)(89 * 1440 - i * 2100 - (int)world_random(1500));

        symptom_title(c->summary, 400 + (uint32_t)i, summary, sizeof summary);
        world_change(c->service, summary, c->source, now_ms - ago * MINUTE_MS, true);
    }
    for (size_t i = 0; i < ARRAY_LEN(recent); i++) {
        const struct c_change *c = &company_changes[recent[i][0]];

        symptom_title(c->summary, 471 + (uint32_t)i, summary, sizeof summary);
        world_change(c->service, summary, c->source, now_ms - recent[i][1] * MINUTE_MS, true);
    }
}

void world_history(int busy_incidents)
{
    static const bool busy[N_SERVICES] = {true, false, false, true, true, true, true, false};
    struct plan *plans = mem_array(PLAN_MAX, sizeof *plans);
    int64_t now_ms = world_now_ms();
    size_t n = 0;

    for (int s = 0; s < N_SERVICES; s++)
        n = plan_service(plans, n, s, busy[s] ? busy_incidents : QUIET_INCIDENTS, now_ms);
    qsort(plans, n, sizeof *plans, by_time);
    for (size_t i = 0; i < n; i++)
        past_incident(&plans[i]);
    past_changes(now_ms);
    free(plans);
}

size_t world_history_open(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct c_symptom *s = &company_symptoms[i % N_SYMPTOMS];
        const struct actor monitor = {.source = "integration",
                                      .agent = {AGENT_INTEGRATION, s->service}};
        uint32_t number = symptom_number(s);
        char title[120];
        struct trigger t = {.service = s->service,
                            .priority = -1,
                            .urgency = URGENCY_HIGH,
                            .title = title,
                            .severity = s->severity,
                            .alerts = 1,
                            .details = alert_details(s, number)};

        symptom_title(s->title, number, title, sizeof title);
        act_trigger(&t, &monitor);
    }
    return count;
}
