#include "sandbox/expect.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sandbox/json_build.h"

#define HOUR_MS INT64_C(3600000)

/* By time: a past that was added later has the higher numbers. */
bool expect_earlier(const struct incident *in, const struct incident *other)
{
    return other->created_ms < in->created_ms ||
           (other->created_ms == in->created_ms && other->number < in->number);
}

bool expect_same_symptom(const struct incident *in, const struct incident *earlier,
                         int64_t window_ms)
{
    return expect_earlier(in, earlier) && earlier->service == in->service &&
           earlier->created_ms >= in->created_ms - window_ms &&
           strcmp(in->symptom, earlier->symptom) == 0;
}

/* Closed by the monitor, not by a person and not by a merge. */
static bool self_cleared(const struct incident *in)
{
    return in->status == RESOLVED && in->merged_into == NULL && in->changed_by.kind != AGENT_USER;
}

static const struct note *human_note(const struct incident *in)
{
    for (size_t i = in->n_notes; i-- > 0;) {
        const struct note *n = &in->notes[i];

        if (!n->deleted && n->author != N_USERS - 1 && !text_starts(n->content, "[triaged:"))
            return n;
    }
    return NULL;
}

static json_t *last_fix(const struct incident *earlier)
{
    const struct note *n = earlier == NULL ? NULL : human_note(earlier);

    if (n == NULL)
        return json_null();
    return json_pack("{s:s, s:s, s:s, s:i, s:s}", "quote", n->content, "author",
                     company_users[n->author].name, "note_id", n->id, "incident_number",
                     earlier->number, "incident_id", earlier->id);
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The smallest span that at least percent of them do not exceed: nearest rank, so always one that really was. */
static json_t *nearest_rank(const int64_t *sorted, size_t n, size_t percent)
{
    size_t rank = (n * percent + 99) / 100;

    return n == 0 ? json_null() : json_integer(sorted[rank == 0 ? 0 : rank - 1]);
}

static int64_t span_s(const struct incident *in)
{
    return (in->resolved_ms - in->created_ms) / 1000;
}

/* What earlier incidents of the symptom tell; spans of both lists in seconds. */
struct past {
    int64_t *cleared, *resolved;
    size_t n_cleared, n_resolved;
    const struct incident *fixed; /* the newest that a person resolved and left a note on */
    json_t *numbers;
};

static void past_add(struct past *p, const struct incident *in)
{
    json_array_append_new(p->numbers, json_integer(in->number));
    if (in->status != RESOLVED || in->merged_into != NULL)
        return;
    p->resolved[p->n_resolved++] = span_s(in);
    if (self_cleared(in))
        p->cleared[p->n_cleared++] = span_s(in);
    else if (human_note(in) != NULL && (p->fixed == NULL || expect_earlier(in, p->fixed)))
        p->fixed = in;
}

static void put_history(json_t *o, const struct incident *in)
{
    struct past p = {.cleared = mem_array(world.n_incidents, sizeof *p.cleared),
                     .resolved = mem_array(world.n_incidents, sizeof *p.resolved),
                     .numbers = json_array()};
    size_t n;

    for (size_t i = 0; i < world.n_incidents; i++)
        if (expect_same_symptom(in, world.incidents[i], EXPECT_WINDOW_MS))
            past_add(&p, world.incidents[i]);
    qsort(p.cleared, p.n_cleared, sizeof *p.cleared, by_value);
    qsort(p.resolved, p.n_resolved, sizeof *p.resolved, by_value);
    n = p.n_cleared;
    json_object_set_new(o, "times_seen", json_integer((json_int_t)json_array_size(p.numbers)));
    json_object_set_new(o, "seen_numbers", p.numbers);
    json_object_set_new(o, "self_cleared", json_integer((json_int_t)n));
    json_object_set_new(o, "self_cleared_median_s",
                        n == 0 ? json_null()
                               : json_integer((p.cleared[(n - 1) / 2] + p.cleared[n / 2]) / 2));
    json_object_set_new(o, "last_fix", last_fix(p.fixed));
    json_object_set_new(o, "resolve_n", json_integer((json_int_t)p.n_resolved));
    json_object_set_new(o, "resolve_median_s", nearest_rank(p.resolved, p.n_resolved, 50));
    json_object_set_new(o, "resolve_p25_s", nearest_rank(p.resolved, p.n_resolved, 25));
    json_object_set_new(o, "resolve_p75_s", nearest_rank(p.resolved, p.n_resolved, 75));
    free(p.cleared);
    free(p.resolved);
}

static bool supports(int service, int of)
{
    for (int d = 0; d < N_DEPS; d++)
        if (company_deps[d].dependent == of && company_deps[d].supporting == service)
            return true;
    return false;
}

static void put_changes(json_t *o, const struct incident *in)
{
    json_t *own = json_array(), *below = json_array();

    for (size_t i = 0; i < world.n_changes; i++) {
        const struct change_event *c = &world.changes[i];

        if (c->at_ms > in->created_ms || c->at_ms < in->created_ms - HOUR_MS)
            continue;
        if (c->service == in->service || supports(c->service, in->service))
            json_array_append_new(
                c->service == in->service ? own : below,
                json_pack("{s:s, s:s, s:s, s:o}", "id", c->id, "summary", c->summary, "service",
                          company_services[c->service].name, "at", json_time(c->at_ms)));
    }
    json_object_set_new(o, "changes_last_hour", own);
    json_object_set_new(o, "changes_last_hour_below", below);
}

static json_t *names(const struct users *u)
{
    json_t *list = json_array();

    for (int i = 0; i < u->n; i++)
        json_array_append_new(list, json_string(company_users[u->list[i]].name));
    return list;
}

static void put_paging(json_t *o, const struct incident *in)
{
    int next = in->level >= N_LEVELS ? 1 : in->level + 1;
    json_t *oncall = json_array();
    struct users u;

    for (int l = 1; l <= N_LEVELS; l++) {
        u = world_oncall(in->policy, l);
        for (int i = 0; i < u.n; i++)
            json_array_append_new(oncall, json_pack("{s:i, s:s, s:s}", "level", l, "name",
                                                    company_users[u.list[i]].name, "id",
                                                    company_users[u.list[i]].id));
    }
    u = world_oncall(in->policy, next);
    json_object_set_new(o, "on_call", oncall);
    json_object_set_new(o, "level", json_integer(in->level));
    json_object_set_new(o, "assignees", names(&in->assignees));
    json_object_set_new(o, "next_page",
                        in->escalate_ms == 0
                            ? json_null()
                            : json_pack("{s:o, s:i, s:o}", "at", json_time(in->escalate_ms),
                                        "level", next, "who", names(&u)));
}

json_t *expect_incident(const struct incident *in)
{
    static const char *const status_names[] = {"triggered", "acknowledged", "resolved"};
    json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:s}", "incident_id", in->id, "incident_number",
                          in->number, "title", in->title, "service",
                          company_services[in->service].name, "status", status_names[in->status]);
    json_t *above = json_array(), *below = json_array();

    for (int d = 0; d < N_DEPS; d++) {
        if (company_deps[d].dependent == in->service)
            json_array_append_new(below,
                                  json_string(company_services[company_deps[d].supporting].name));
        if (company_deps[d].supporting == in->service)
            json_array_append_new(above,
                                  json_string(company_services[company_deps[d].dependent].name));
    }
    json_object_set_new(o, "needs", below);
    json_object_set_new(o, "needed_by", above);
    put_history(o, in);
    put_changes(o, in);
    put_paging(o, in);
    return o;
}
