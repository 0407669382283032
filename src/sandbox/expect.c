#include "sandbox/expect.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sandbox/json_build.h"

#define HOUR_MS INT64_C(3600000)

static bool same_title(const char *a, const char *b)
{
    AUTO(buf_done) struct buf x = {0}, y = {0};

    buf_init(&x, 4096);
    buf_init(&y, 4096);
    text_normalise(&x, a, strlen(a));
    text_normalise(&y, b, strlen(b));
    return strcmp(buf_str(&x), buf_str(&y)) == 0;
}

bool expect_same_symptom(const struct incident *in, const struct incident *earlier,
                         int64_t window_ms)
{
    return earlier != in && earlier->service == in->service && earlier->number < in->number &&
           earlier->created_ms <= in->created_ms &&
           earlier->created_ms >= in->created_ms - window_ms &&
           same_title(in->title, earlier->title);
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

static void put_history(json_t *o, const struct incident *in)
{
    int64_t *spans = mem_array(world.n_incidents, sizeof *spans);
    const struct incident *fixed = NULL;
    json_t *numbers = json_array();
    size_t cleared = 0;

    for (size_t i = 0; i < world.n_incidents; i++) {
        const struct incident *past = world.incidents[i];

        if (!expect_same_symptom(in, past, EXPECT_WINDOW_MS))
            continue;
        json_array_append_new(numbers, json_integer(past->number));
        if (self_cleared(past))
            spans[cleared++] = (past->resolved_ms - past->created_ms) / 1000;
        else if (past->status == RESOLVED && past->merged_into == NULL && human_note(past) != NULL)
            fixed = past;
    }
    qsort(spans, cleared, sizeof *spans, by_value);
    json_object_set_new(o, "times_seen", json_integer((json_int_t)json_array_size(numbers)));
    json_object_set_new(o, "seen_numbers", numbers);
    json_object_set_new(o, "self_cleared", json_integer((json_int_t)cleared));
    json_object_set_new(o, "self_cleared_median_s",
                        cleared == 0
                            ? json_null()
                            : json_integer((spans[(cleared - 1) / 2] + spans[cleared / 2]) / 2));
    json_object_set_new(o, "last_fix", last_fix(fixed));
    free(spans);
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
