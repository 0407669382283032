#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sandbox/world.h"

/*
 * A long past, told fast: thousands of incidents over the company's own symptoms and the monitors that every service
 * has. Nothing is announced and the oracle gets no line, for it was long ago.
 */

#define SECOND_MS  INT64_C(1000)
#define MINUTE_MS  INT64_C(60000)
#define DAY_MIN    1440
#define NEWEST_MIN 360 /* so long ago is the newest, so that the longest is over by now */
enum {
    N_KINDS = N_SYMPTOMS + N_MONITORS * N_SERVICES,
    TEXT_MAX = 200
};
static const struct agent nobody = {AGENT_NONE, 0};

/* One kind of trouble of one service; how often it comes and how long it takes differ from kind to kind. */
struct kind {
    const char *title, *severity, *metric, *runbook;
    const char *const *fixes;
    const struct c_symptom *symptom; /* NULL: one of the monitors */
    const struct c_monitor *monitor;
    int service, self_clears_percent;
    uint32_t weight, minutes;
};

struct words {
    uint32_t n, m;
    const char *service;
    char host[48], pod[64];
};

struct telling {
    struct kind kinds[N_KINDS];
    uint32_t weights; /* of all kinds */
    struct incident *latest[N_SERVICES];
    struct past_told *told;
};

struct moment {
    int64_t at_ms;
    int kind;
};

static void kinds_make(struct telling *t)
{
    size_t n = 0;

    for (int i = 0; i < N_SYMPTOMS; i++) {
        const struct c_symptom *s = &company_symptoms[i];

        t->kinds[n++] = (struct kind){.title = s->title,
                                      .severity = s->severity,
                                      .metric = s->metric,
                                      .runbook = s->runbook,
                                      .fixes = s->fixes,
                                      .symptom = s,
                                      .service = s->service,
                                      .self_clears_percent = s->self_clears_percent};
    }
    for (int s = 0; s < N_SERVICES; s++)
        for (int i = 0; i < N_MONITORS; i++) {
            const struct c_monitor *m = &company_monitors[i];

            t->kinds[n++] = (struct kind){.title = m->title,
                                          .severity = m->severity,
                                          .metric = m->metric,
                                          .runbook = m->runbook,
                                          .fixes = m->fixes,
                                          .monitor = m,
                                          .service = s,
                                          .self_clears_percent = m->self_clears_percent};
        }
    CHECK(n == N_KINDS);
    for (size_t i = 0; i < n; i++) {
        uint32_t dice = 1 + world_random(10);

        /* A few kinds make most of the noise, as everywhere. */
        t->kinds[i].weight = 1 + dice * dice * dice / 50;
        t->kinds[i].minutes = 6 + world_random(50);
        t->weights += t->kinds[i].weight;
    }
}

static int kind_pick(const struct telling *t, size_t i)
{
    uint32_t at;

    if (i < N_KINDS)
        return (int)i;
    at = world_random(t->weights);
    for (int k = 0;; k++) {
        if (at < t->kinds[k].weight)
            return k;
        at -= t->kinds[k].weight;
    }
}

static void words_make(const struct kind *k, struct words *w)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    char tail[16];
    size_t at = 0;

    w->service = company_short_names[k->service];
    for (; at < 15; at++)
        tail[at] = at == 9 ? '-' : letters[world_random(sizeof letters - 1)];
    tail[at] = '\0';
    snprintf(w->host, sizeof w->host, "%s-%02u.lumenparcel.example", w->service,
             world_random(12) + 1);
    snprintf(w->pod, sizeof w->pod, "%s-%s", w->service, tail);
    if (k->symptom != NULL)
        w->n = symptom_number(k->symptom);
    else if (k->monitor->share)
        w->n =
            (uint32_t)k->monitor->threshold + world_random(100 - (uint32_t)k->monitor->threshold);
    else
        w->n =
            (uint32_t)k->monitor->threshold + 1 + world_random((uint32_t)k->monitor->threshold * 3);
    w->m = 10 + world_random(50);
}

static const char *word_of(const struct words *w, const char *name, size_t len, char number[16])
{
    if (len == 7 && memcmp(name, "service", len) == 0)
        return w->service;
    if (len == 4 && memcmp(name, "host", len) == 0)
        return w->host;
    if (len == 3 && memcmp(name, "pod", len) == 0)
        return w->pod;
    CHECK(len == 1 && (name[0] == 'n' || name[0] == 'm'));
    snprintf(number, 16, "%u", name[0] == 'n' ? w->n : w->m);
    return number;
}

static void say(const char *form, const struct words *w, char out[TEXT_MAX])
{
    size_t at = 0;

    for (const char *p = form; *p != '\0'; p++) {
        char number[16];
        const char *word, *end = *p == '{' ? strchr(p, '}') : NULL;
        size_t len;

        if (end == NULL) {
            CHECK(at + 1 < TEXT_MAX);
            out[at++] = *p;
            continue;
        }
        word = word_of(w, p + 1, (size_t)(end - p - 1), number);
        len = strlen(word);
        CHECK(at + len + 1 < TEXT_MAX);
        memcpy(out + at, word, len);
        at += len;
        p = end;
    }
    out[at] = '\0';
}

static void say_title(const struct kind *k, const struct words *w, char out[TEXT_MAX])
{
    if (k->symptom != NULL)
        symptom_title(k->title, w->n, out, TEXT_MAX);
    else
        say(k->title, w, out);
}

static void tell_log(struct telling *t, struct incident *in, enum log_kind what, int64_t at_ms,
                     struct agent who, const struct users *users, const char *text)
{
    struct log_line *l = world_log(in, what, at_ms, who);

    if (users != NULL)
        l->users = *users;
    l->text = mem_strdup(text);
    t->told->log_entries++;
}

static void tell_note(struct telling *t, struct incident *in, int user, const char *text,
                      int64_t at_ms)
{
    world_note(in, user, text, at_ms, true);
    tell_log(t, in, LK_ANNOTATE, at_ms, (struct agent){AGENT_USER, user}, NULL, text);
    t->told->notes++;
}

static void tell_alert(struct telling *t, struct incident *in, const struct kind *k,
                       const struct words *w, int64_t at_ms)
{
    char text[TEXT_MAX], threshold[16];
    json_t *details;

    say_title(k, w, text);
    snprintf(threshold, sizeof threshold, "%d", k->monitor != NULL ? k->monitor->threshold : 0);
    details =
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "metric", k->metric, "value",
                  (int)w->n, "threshold", k->symptom != NULL ? k->symptom->threshold : threshold,
                  "host", w->host, "region", world_random(2) == 0 ? "eu-north" : "eu-central",
                  "environment", "production", "service", w->service, "runbook", k->runbook);
    world_alert(in, text, k->severity, at_ms, details, true)->resolved = true;
    t->told->alerts++;
}

static void ended(struct incident *in, struct agent who, int64_t at_ms)
{
    in->status = RESOLVED;
    in->changed_by = who;
    in->changed_ms = in->resolved_ms = in->updated_ms = at_ms;
}

static void end_alone(struct telling *t, struct incident *in, const struct kind *k, int user)
{
    const struct agent monitor = {AGENT_INTEGRATION, in->service};
    int64_t end =
        in->created_ms + (2 + world_random(k->minutes)) * MINUTE_MS + world_random(60) * SECOND_MS;

    if (world_random(5) == 0)
        tell_log(t, in, LK_ACKNOWLEDGE, in->created_ms + MINUTE_MS,
                 (struct agent){AGENT_USER, user}, NULL, NULL);
    tell_log(t, in, LK_RESOLVE, end, monitor, NULL, NULL);
    ended(in, monitor, end);
    t->told->self_cleared++;
}

/* Somebody saw that it is the trouble of the incident before it. */
static void end_merged(struct telling *t, struct incident *in, int user)
{
    const struct agent who = {AGENT_USER, user};
    int64_t end = in->created_ms + (2 + world_random(8)) * MINUTE_MS;

    tell_log(t, in, LK_RESOLVE, end, who, NULL, NULL);
    ended(in, who, end);
    in->merged_into = t->latest[in->service];
    t->told->merged++;
}

/* Nobody took it in time, so the next level was called. Returns who is asked now. */
static int escalated(struct telling *t, struct incident *in, int64_t *at_ms)
{
    struct users second = world_oncall(in->policy, 2);

    *at_ms += company_policies[in->policy].rules[0].delay_min * MINUTE_MS;
    tell_log(t, in, LK_ESCALATE, *at_ms, nobody, &second, NULL);
    tell_log(t, in, LK_NOTIFY, *at_ms, nobody, &second, NULL);
    return second.n > 0 ? second.list[0] : 0;
}

static void end_by_person(struct telling *t, struct incident *in, const struct kind *k,
                          const struct words *w, int user)
{
    static const char *const looks[] = {"Looking.", "On it, checking the dashboards.",
                                        "Seen this before, same graph as last time."};
    struct agent who = {AGENT_USER, user};
    int64_t at = in->created_ms, end;
    char fix[TEXT_MAX];

    if (world_random(7) == 0)
        who.index = escalated(t, in, &at);
    else if (world_random(6) == 0)
        who.index = (int)world_random(N_USERS - 1);
    at += (1 + world_random(6)) * MINUTE_MS;
    end = at + (4 + k->minutes / 2 + world_random(k->minutes * 2)) * MINUTE_MS +
          world_random(60) * SECOND_MS;
    tell_log(t, in, LK_ACKNOWLEDGE, at, who, NULL, NULL);
    if (world_random(5) < 3) {
        say(k->fixes[world_random(SYMPTOM_FIXES)], w, fix);
        if (world_random(3) == 0)
            tell_note(t, in, who.index, looks[world_random(ARRAY_LEN(looks))], at + MINUTE_MS);
        tell_note(t, in, who.index, fix, end - MINUTE_MS);
        t->told->fixes++;
    }
    tell_log(t, in, LK_RESOLVE, end, who, NULL, NULL);
    ended(in, who, end);
    t->told->by_person++;
}

static struct incident *incident_begin(const struct kind *k, int64_t at_ms, const char *title)
{
    static const int priorities[] = {-1, -1, -1, 1, 2, 2, 3};
    struct incident *in = world_incident_new();

    world_id(in->id, "Q", 14, true);
    json_object_set_new(world.index, in->id, json_integer((json_int_t)world.n_incidents - 1));
    world_title(in, title);
    in->key = mem_strdup(in->id);
    in->client = mem_strdup(company_services[k->service].client);
    in->client_url = mem_strdup(company_services[k->service].client_url);
    in->service = k->service;
    in->policy = company_services[k->service].policy;
    in->created_ms = in->assigned_ms = at_ms;
    in->loop = 1;
    in->trigger_agent = (struct agent){AGENT_INTEGRATION, k->service};
    in->urgency =
        strcmp(k->severity, "warning") == 0 && world_random(3) == 0 ? URGENCY_LOW : URGENCY_HIGH;
    in->priority = strcmp(k->severity, "critical") == 0 && world_random(8) == 0
                       ? 0
                       : priorities[world_random(ARRAY_LEN(priorities))];
    return in;
}

static void tell(struct telling *t, const struct moment *when)
{
    const struct kind *k = &t->kinds[when->kind];
    const struct incident *before = t->latest[k->service];
    struct incident *in;
    struct words w;
    struct users u;
    char title[TEXT_MAX];

    words_make(k, &w);
    say_title(k, &w, title);
    in = incident_begin(k, when->at_ms, title);
    u = world_oncall(in->policy, 1);
    tell_log(t, in, LK_TRIGGER, when->at_ms, in->trigger_agent, NULL, NULL);
    tell_log(t, in, LK_ASSIGN, when->at_ms, nobody, &u, NULL);
    if (in->urgency == URGENCY_HIGH)
        tell_log(t, in, LK_NOTIFY, when->at_ms, nobody, &u, NULL);
    tell_alert(t, in, k, &w, when->at_ms);
    for (uint32_t more = world_random(3); more > 0; more--) {
        struct words other;

        words_make(k, &other);
        tell_alert(t, in, k, &other, when->at_ms + world_random(120) * SECOND_MS);
    }
    if ((int)world_random(100) < k->self_clears_percent)
        end_alone(t, in, k, u.list[0]);
    else if (before != NULL && in->created_ms - before->created_ms < 60 * MINUTE_MS &&
             world_random(4) == 0)
        end_merged(t, in, u.list[0]);
    else
        end_by_person(t, in, k, &w, u.list[0]);
    if (in->merged_into == NULL)
        t->latest[k->service] = in;
}

static int by_time(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->kind - y->kind;
}

/* Three of five fall into working hours, the others anywhere. */
static int64_t minutes_ago(int days)
{
    int64_t day = world_random((uint32_t)days);
    uint32_t minute = world_random(5) < 3 ? 7 * 60 + world_random(12 * 60) : world_random(DAY_MIN);
    int64_t ago = day * DAY_MIN + minute;

    return ago < NEWEST_MIN ? NEWEST_MIN + world_random(DAY_MIN) : ago;
}

void world_past(size_t count, int days, uint64_t seed, struct past_told *told)
{
    struct telling *t = mem_alloc(sizeof *t);
    struct moment *moments = mem_array(count + 1, sizeof *moments);
    uint64_t random = world.random;
    bool seen[N_KINDS] = {false};
    int64_t now_ms = world_now_ms();

    /* A stream of its own, and another one for each call: ids must not come twice. */
    world.random = seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x70617374) + world.n_incidents;
    memset(told, 0, sizeof *told);
    t->told = told;
    kinds_make(t);
    for (size_t i = 0; i < count; i++) {
        int kind = kind_pick(t, i);

        moments[i] = (struct moment){
            now_ms - minutes_ago(days) * MINUTE_MS - world_random(60) * SECOND_MS, kind};
        told->symptoms += !seen[kind];
        seen[kind] = true;
    }
    qsort(moments, count, sizeof *moments, by_time);
    for (size_t i = 0; i < count; i++)
        tell(t, &moments[i]);
    world.random = random;
    free(moments);
    free(t);
}
