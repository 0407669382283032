#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/json_build.h"
#include "sandbox/req.h"
#include "sandbox/timer.h"

/* The control API's part that makes things happen: integrations that trigger, people who act, deploys, storms. */

static void bad(struct req *r, const char *what)
{
    reply_error(r, 400, 2001, "Invalid Input Provided", what);
}

static void reply_incident(struct req *r, int status, const struct incident *in, bool joined)
{
    reply_json(r, status,
               json_pack("{s:s, s:i, s:b, s:o}", "id", in->id, "number", in->number, "joined",
                         joined, "incident", json_incident(in, 0)));
}

static const char *severity_of(const json_t *j)
{
    static const char *const words[] = {"critical", "error", "warning", "info"};
    const char *given = json_opt_str(j, "severity");

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (text_eq(given, words[i]))
            return words[i];
    return "critical";
}

static struct incident *open_with_key(int service, const char *key)
{
    for (size_t i = world.n_incidents; key != NULL && i-- > 0;)
        if (world.incidents[i]->service == service && world.incidents[i]->status != RESOLVED &&
            strcmp(world.incidents[i]->key, key) == 0)
            return world.incidents[i];
    return NULL;
}

static json_t *details_of(const json_t *j)
{
    const json_t *details = json_opt_obj(j, "details");

    return details != NULL ? json_deep_copy(details) : NULL;
}

static void post_incident(struct req *r)
{
    const json_t *j = r->json;
    struct trigger t = {.service = company_service(json_opt_str(j, "service")),
                        .priority = company_priority(json_opt_str(j, "priority")),
                        .urgency =
                            text_eq(json_opt_str(j, "urgency"), "low") ? URGENCY_LOW : URGENCY_HIGH,
                        .title = json_opt_str(j, "title"),
                        .body = json_opt_str(j, "body"),
                        .key = json_opt_str(j, "incident_key"),
                        .client = json_opt_str(j, "client"),
                        .client_url = json_opt_str(j, "client_url"),
                        .severity = severity_of(j),
                        .manual = json_opt_bool(j, "manual", false),
                        .major = json_opt_bool(j, "major", false)};
    int user = company_user(json_opt_str(j, "as"));
    int64_t alerts = json_opt_int(j, "alerts", t.manual ? 0 : 1);
    struct actor a = {.source = t.manual ? "person" : "integration",
                      .agent = t.manual ? (struct agent){AGENT_USER, user < 0 ? 0 : user}
                                        : (struct agent){AGENT_INTEGRATION, t.service}};
    struct incident *in;

    if (t.service < 0 || t.title == NULL || t.title[0] == '\0' || alerts < 0 ||
        alerts > MAX_ALERTS) {
        bad(r, "service (id or name), title and at most 1000 alerts");
        return;
    }
    in = open_with_key(t.service, t.key);
    if (in != NULL && in->n_alerts < MAX_ALERTS) {
        json_t *details = details_of(j);

        act_alert(in, t.title, t.severity, details != NULL ? details : json_object());
        reply_incident(r, 200, in, true);
        return;
    }
    t.alerts = (int)alerts;
    t.details = details_of(j);
    reply_incident(r, 201, act_trigger(&t, &a), false);
}

/* ---- a person (or the monitor) acts ---- */

struct act {
    struct req *r;
    struct incident *in;
    const json_t *args;
    struct actor a;
    struct fail f;
};

static int read_people(const json_t *list, struct users *u, struct fail *f)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        int user = company_user(json_string_value(json_array_get(list, i)));

        if (user < 0)
            return fail_set(f, 400, 1007, "Assignee User Not Found", NULL);
        if (u->n < MAX_ASSIGNEES)
            u->list[u->n++] = user;
    }
    return 0;
}

static int act_change(struct act *x, struct change *c)
{
    if (change_check(c, &x->a, &x->f) < 0)
        return -1;
    change_apply(c, &x->a);
    return 0;
}

static int do_status(struct act *x, enum status s)
{
    struct change c;

    change_init(&c, x->in);
    c.has_status = true;
    c.status = s;
    c.resolution = json_opt_str(x->args, "resolution");
    return act_change(x, &c);
}

static int do_acknowledge(struct act *x)
{
    return do_status(x, ACKNOWLEDGED);
}

static int do_resolve(struct act *x)
{
    return do_status(x, RESOLVED);
}

static int do_trigger(struct act *x)
{
    return do_status(x, TRIGGERED);
}

static int do_self_clear(struct act *x)
{
    x->a = (struct actor){.source = "integration", .agent = {AGENT_INTEGRATION, x->in->service}};
    return do_status(x, RESOLVED);
}

static int do_escalate(struct act *x)
{
    struct change c;

    change_init(&c, x->in);
    c.level = (int)json_opt_int(x->args, "level", x->in->level + 1);
    return act_change(x, &c);
}

static int do_reassign(struct act *x)
{
    struct change c;

    change_init(&c, x->in);
    c.has_users = true;
    if (read_people(json_opt_arr(x->args, "to"), &c.users, &x->f) < 0)
        return -1;
    if (c.users.n == 0)
        return fail_set(&x->f, 400, 2003, "Missing Arguments", "to: list of users");
    return act_change(x, &c);
}

static int do_words(struct act *x)
{
    const json_t *p = json_object_get(x->args, "priority");
    const char *urgency = json_opt_str(x->args, "urgency");
    struct change c;

    change_init(&c, x->in);
    c.title = json_opt_str(x->args, "title");
    c.policy = company_policy(json_opt_str(x->args, "escalation_policy"));
    c.service = company_service(json_opt_str(x->args, "service"));
    c.has_urgency = urgency != NULL;
    c.urgency = text_eq(urgency, "low") ? URGENCY_LOW : URGENCY_HIGH;
    c.has_priority = p != NULL;
    c.priority = company_priority(json_string_value(p));
    if (c.has_priority && !json_is_null(p) && c.priority < 0)
        return fail_set(&x->f, 400, 1020, "Invalid Priority Provided", NULL);
    return act_change(x, &c);
}

static int do_note(struct act *x)
{
    struct note *n;

    return act_note(x->in, json_opt_str(x->args, "content"), &x->a, &n, &x->f);
}

static int do_note_edit(struct act *x)
{
    const char *id = json_opt_str(x->args, "note_id");
    struct note *n;

    return act_note_edit(x->in, id != NULL ? id : "", json_opt_str(x->args, "content"), &x->a, &n,
                         &x->f);
}

static int do_note_delete(struct act *x)
{
    const char *id = json_opt_str(x->args, "note_id");

    return act_note_delete(x->in, id != NULL ? id : "", &x->a, &x->f);
}

static int do_snooze(struct act *x)
{
    return act_snooze(x->in, json_opt_int(x->args, "duration_s", 3600), &x->a, &x->f);
}

static int do_merge(struct act *x)
{
    const json_t *list = json_opt_arr(x->args, "sources");
    struct incident *sources[32];
    size_t n = json_array_size(list);

    if (n == 0 || n > ARRAY_LEN(sources))
        return fail_set(&x->f, 400, 2003, "Missing Arguments", "sources: 1 to 32 incident ids");
    for (size_t i = 0; i < n; i++) {
        const char *id = json_string_value(json_array_get(list, i));

        sources[i] = id == NULL ? NULL : world_incident(id);
        if (sources[i] == NULL)
            return fail_set(&x->f, 400, 1004, "Invalid Id Provided", id);
    }
    return act_merge(x->in, sources, n, &x->a, &x->f);
}

static int do_status_update(struct act *x)
{
    char id[WORLD_ID_MAX];

    return act_status_update(x->in, json_opt_str(x->args, "message"), &x->a, id, &x->f);
}

static int do_responders(struct act *x)
{
    const char *message = json_opt_str(x->args, "message");
    struct users u = {.n = 0};

    if (read_people(json_opt_arr(x->args, "to"), &u, &x->f) < 0)
        return -1;
    return act_responders(x->in, x->a.agent.index, &u,
                          company_policy(json_opt_str(x->args, "escalation_policy")),
                          message != NULL ? message : "Please help", &x->a, &x->f);
}

static int do_fields(struct act *x)
{
    json_t *fields = json_opt_obj(x->args, "fields");

    if (fields == NULL)
        return fail_set(&x->f, 400, 2003, "Missing Arguments", "fields");
    return act_fields(x->in, fields, &x->a, &x->f);
}

static int do_alert(struct act *x)
{
    const char *summary = json_opt_str(x->args, "summary");
    json_t *details = details_of(x->args);

    act_alert(x->in, summary != NULL ? summary : x->in->title, severity_of(x->args),
              details != NULL ? details : json_object());
    return 0;
}

static const struct {
    const char *name;
    int (*act)(struct act *x);
} actions[] = {
    {"acknowledge", do_acknowledge},
    {"resolve", do_resolve},
    {"unacknowledge", do_trigger},
    {"reopen", do_trigger},
    {"self_clear", do_self_clear},
    {"escalate", do_escalate},
    {"reassign", do_reassign},
    {"delegate", do_words},
    {"priority", do_words},
    {"urgency", do_words},
    {"title", do_words},
    {"service", do_words},
    {"note", do_note},
    {"note_edit", do_note_edit},
    {"note_delete", do_note_delete},
    {"snooze", do_snooze},
    {"merge", do_merge},
    {"status_update", do_status_update},
    {"responders", do_responders},
    {"fields", do_fields},
    {"alert", do_alert},
};

static void post_act(struct req *r)
{
    struct act x = {.r = r, .in = world_incident(r->seg[0]), .args = json_opt_obj(r->json, "args")};
    const char *action = json_opt_str(r->json, "action"), *as = json_opt_str(r->json, "as");
    int user = as == NULL ? 0 : company_user(as);

    if (x.in == NULL || user < 0) {
        if (x.in == NULL)
            reply_not_found(r);
        else
            bad(r, "as: id or e-mail of a user");
        return;
    }
    if (x.args == NULL)
        x.args = r->json;
    x.a = (struct actor){
        .source = "person", .from = company_users[user].email, .agent = {AGENT_USER, user}};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (text_eq(action, actions[i].name)) {
            if (actions[i].act(&x) < 0)
                reply_fail(r, &x.f);
            else
                reply_incident(r, 200, x.in, false);
            return;
        }
    bad(r, "action is not known");
}

static void post_change(struct req *r)
{
    int service = company_service(json_opt_str(r->json, "service"));
    const char *summary = json_opt_str(r->json, "summary"),
               *source = json_opt_str(r->json, "source");
    const json_t *links = json_opt_arr(r->json, "links");
    int64_t ago_s = json_opt_int(r->json, "ago_s", 0);
    struct change_event *c;

    if (service < 0 || summary == NULL) {
        bad(r, "service and summary");
        return;
    }
    c = world_change(service, summary, source != NULL ? source : "ci",
                     world_now_ms() - ago_s * 1000, false);
    c->details = details_of(r->json);
    c->links = links != NULL ? json_deep_copy(links) : NULL;
    reply_json(r, 201, json_pack("{s:o}", "change_event", json_change(c)));
}

static void post_maintenance(struct req *r)
{
    int service = company_service(json_opt_str(r->json, "service"));
    const char *text = json_opt_str(r->json, "description");
    int64_t start = world_now_ms() + json_opt_int(r->json, "start_in_s", 0) * 1000;

    if (service < 0) {
        bad(r, "service");
        return;
    }
    reply_json(
        r, 201,
        json_pack("{s:o}", "maintenance_window",
                  json_maintenance(world_maintenance(
                      service, start, start + json_opt_int(r->json, "duration_s", 3600) * 1000,
                      text != NULL ? text : "Planned work"))));
}

/* {"escalation_policy":ID,"level":N,"users":[...]}: at most two people; an empty list leaves nobody on call. */
static void post_oncall(struct req *r)
{
    int policy = company_policy(json_opt_str(r->json, "escalation_policy"));
    int64_t level = json_opt_int(r->json, "level", 0);
    struct users u = {.n = 0};
    struct fail f = {0};

    if (policy < 0 || level < 1 || level > N_LEVELS ||
        read_people(json_opt_arr(r->json, "users"), &u, &f) < 0 || u.n > 2) {
        bad(r, "escalation_policy, level 1 to 3, at most two users");
        return;
    }
    for (int i = 0; i < 2; i++)
        world.oncall[policy][level - 1][i] = i < u.n ? u.list[i] : -1;
    reply_json(r, 200, json_pack("{s:b}", "ok", 1));
}

static void post_history(struct req *r)
{
    int64_t count = json_opt_int(r->json, "count", 20);
    size_t first = world.n_incidents;
    json_t *ids = json_array();

    if (count >= 1 && count <= 1000)
        world_history_open((size_t)count);
    for (size_t i = first; i < world.n_incidents; i++)
        json_array_append_new(ids, json_pack("{s:s, s:i, s:s}", "id", world.incidents[i]->id,
                                             "number", world.incidents[i]->number, "title",
                                             world.incidents[i]->title));
    reply_json(r, 201, json_pack("{s:o}", "incidents", ids));
}

/* A long past: {"count","days","seed"}. */
static void post_past(struct req *r)
{
    int64_t count = json_opt_int(r->json, "count", 1000), days = json_opt_int(r->json, "days", 170);
    int first = world.first_number + (int)world.n_incidents;
    struct past_told told;

    if (count < 1 || count > PAST_MAX || days < 1 || days > PAST_DAYS_MAX) {
        bad(r, "count 1 to 20000, days 1 to 400");
        return;
    }
    world_past((size_t)count, (int)days, (uint64_t)json_opt_int(r->json, "seed", 1), &told);
    reply_json(r, 201,
               json_pack("{s:I, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "added",
                         (json_int_t)count, "first_number", first, "last_number",
                         first + (int)count - 1, "symptoms", (json_int_t)told.symptoms, "alerts",
                         (json_int_t)told.alerts, "notes", (json_int_t)told.notes, "log_entries",
                         (json_int_t)told.log_entries, "self_cleared",
                         (json_int_t)told.self_cleared, "by_person", (json_int_t)told.by_person,
                         "merged", (json_int_t)told.merged, "fixes", (json_int_t)told.fixes));
}

const struct route control_world_routes[] = {
    {"POST", "/_sandbox/incidents", post_incident, F_BODY, -1},
    {"POST", "/_sandbox/incidents/{}/act", post_act, F_BODY, -1},
    {"POST", "/_sandbox/changes", post_change, F_BODY, -1},
    {"POST", "/_sandbox/maintenance", post_maintenance, F_BODY, -1},
    {"POST", "/_sandbox/oncall", post_oncall, F_BODY, -1},
    {"POST", "/_sandbox/history-incidents", post_history, F_BODY, -1},
    {"POST", "/_sandbox/history", post_past, F_BODY, -1},
    {"POST", "/_sandbox/storm", control_storm, F_BODY, -1},
    {NULL, NULL, NULL, 0, 0},
};
