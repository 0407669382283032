#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "sandbox/json_build.h"
#include "sandbox/req.h"

/* Changing incidents. The bodies are read into a struct change; act.h knows the rules. */

enum {
    BULK_MAX = 250
};

static struct incident *incident_of(struct req *r)
{
    struct incident *in = world_incident(r->seg[0]);

    if (in == NULL)
        reply_not_found(r);
    return in;
}

static bool type_is(const json_t *ref, const char *type)
{
    const char *t = json_opt_str(ref, "type");

    return t != NULL && text_starts(t, type) &&
           (t[strlen(type)] == '\0' || strcmp(t + strlen(type), "_reference") == 0);
}

static int read_status(const json_t *j, struct change *c, struct fail *f)
{
    static const char *const names[] = {"triggered", "acknowledged", "resolved"};
    const char *status = json_opt_str(j, "status");

    if (json_object_get(j, "status") == NULL)
        return 0;
    for (int i = 0; i < 3; i++)
        if (text_eq(status, names[i])) {
            c->has_status = true;
            c->status = (enum status)i;
            return 0;
        }
    return fail_set(f, 400, 1003, "Invalid Status Provided", NULL);
}

static int read_priority(const json_t *j, struct change *c, struct fail *f)
{
    const json_t *p = json_object_get(j, "priority");
    const char *word = json_opt_str(p, "id");

    if (p == NULL)
        return 0;
    c->has_priority = true;
    if (json_is_null(p))
        return 0;
    if (word == NULL)
        word = json_is_string(p) ? json_string_value(p) : json_opt_str(p, "name");
    c->priority = company_priority(word);
    if (c->priority < 0)
        return fail_set(f, 400, 1020, "Invalid Priority Provided", NULL);
    return 0;
}

static int read_assignments(const json_t *j, struct change *c, struct fail *f)
{
    const json_t *list = json_object_get(j, "assignments");

    if (list == NULL)
        return 0;
    if (json_array_size(list) == 0 || json_array_size(list) > MAX_ASSIGNEES)
        return fail_set(f, 400, 2001, "Invalid Input Provided", "assignments needs 1 to 8 entries");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *who = json_opt_obj(json_array_get(list, i), "assignee");
        int user = company_user(json_opt_str(who, "id"));

        if (user < 0 || !type_is(who, "user"))
            return fail_set(f, 400, 1007, "Assignee User Not Found", NULL);
        if (!users_have(&c->users, user))
            c->users.list[c->users.n++] = user;
    }
    c->has_users = true;
    return 0;
}

static int read_refs(const json_t *j, struct change *c, struct fail *f)
{
    const json_t *policy = json_opt_obj(j, "escalation_policy");
    const json_t *service = json_opt_obj(j, "service");

    if (policy != NULL) {
        c->policy = company_policy(json_opt_str(policy, "id"));
        if (c->policy < 0)
            return fail_set(f, 400, 1014, "Escalation Policy Not Found", NULL);
    }
    if (service != NULL) {
        c->service = company_service(json_opt_str(service, "id"));
        if (c->service < 0)
            return fail_set(f, 400, 5001, "Service Not Found", NULL);
    }
    return 0;
}

static int read_words(const json_t *j, struct change *c, struct fail *f)
{
    const char *urgency = json_opt_str(j, "urgency");
    const char *kind = json_at_str(j, "incident_type.name");

    c->resolution = json_opt_str(j, "resolution");
    c->title = json_opt_str(j, "title");
    c->bridge = json_opt_obj(j, "conference_bridge");
    c->has_major = kind != NULL;
    c->major = text_eq(kind, "major_incident");
    c->has_urgency = json_object_get(j, "urgency") != NULL;
    c->urgency = text_eq(urgency, "low") ? URGENCY_LOW : URGENCY_HIGH;
    if (c->has_urgency && !text_eq(urgency, "low") && !text_eq(urgency, "high"))
        return fail_set(f, 400, 2001, "Invalid Input Provided", "urgency is 'high' or 'low'");
    return 0;
}

static int change_read(const json_t *j, struct incident *in, struct change *c, struct fail *f)
{
    const json_t *level = json_object_get(j, "escalation_level");

    change_init(c, in);
    if (!type_is(j, "incident"))
        return fail_set(f, 400, 2001, "Invalid Input Provided",
                        "type must be 'incident_reference'");
    if (read_status(j, c, f) < 0 || read_priority(j, c, f) < 0 || read_assignments(j, c, f) < 0 ||
        read_refs(j, c, f) < 0 || read_words(j, c, f) < 0)
        return -1;
    if (level != NULL && !json_is_null(level)) {
        if (!json_is_integer(level) || json_integer_value(level) > 1000)
            return fail_set(f, 400, 2001, "Invalid Input Provided", "escalation_level");
        /* Zero and below are as impossible as a level past the end. */
        c->level = json_integer_value(level) < 1 ? N_LEVELS + 1 : (int)json_integer_value(level);
    }
    return 0;
}

static void put_incident(struct req *r)
{
    struct incident *in = incident_of(r);
    const json_t *j = json_opt_obj(r->json, "incident");
    struct change c;
    struct fail f = {0};

    if (in == NULL)
        return;
    if (j == NULL) {
        reply_error(r, 400, 2003, "Missing Arguments", "incident");
        return;
    }
    if (change_read(j, in, &c, &f) < 0 || change_check(&c, &r->actor, &f) < 0) {
        reply_fail(r, &f);
        return;
    }
    change_apply(&c, &r->actor);
    reply_json(r, 200, json_pack("{s:o}", "incident", json_incident(in, 0)));
}

/* All or nothing: everything is checked before anything is done. */
static int bulk_read(const json_t *list, struct change *changes, const struct actor *a,
                     struct fail *f)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i);
        const char *id = json_opt_str(j, "id");
        struct incident *in = id == NULL ? NULL : world_incident(id);

        if (in == NULL)
            return fail_set(f, 400, 1004, "Invalid Id Provided", id);
        if (change_read(j, in, &changes[i], f) < 0 || change_check(&changes[i], a, f) < 0)
            return -1;
    }
    return 0;
}

static void put_incidents(struct req *r)
{
    const json_t *list = json_opt_arr(r->json, "incidents");
    size_t n = json_array_size(list);
    struct change *changes;
    struct fail f = {0};
    json_t *done;

    if (n == 0) {
        reply_error(r, 400, 2003, "Missing Arguments", "incidents");
        return;
    }
    if (n > BULK_MAX) {
        reply_error(r, 413, 2001, "Invalid Input Provided", "At most 250 incidents at once");
        return;
    }
    changes = mem_array(n, sizeof *changes);
    if (bulk_read(list, changes, &r->actor, &f) < 0) {
        reply_fail(r, &f);
        free(changes);
        return;
    }
    done = json_array();
    for (size_t i = 0; i < n; i++) {
        change_apply(&changes[i], &r->actor);
        json_array_append_new(done, json_incident(changes[i].in, 0));
    }
    free(changes);
    reply_json(r, 200, json_pack("{s:o}", "incidents", done));
}

static bool key_is_open(int service, const char *key)
{
    for (size_t i = 0; key != NULL && i < world.n_incidents; i++)
        if (world.incidents[i]->service == service && world.incidents[i]->status != RESOLVED &&
            strcmp(world.incidents[i]->key, key) == 0)
            return true;
    return false;
}

static void post_incident(struct req *r)
{
    const json_t *j = json_opt_obj(r->json, "incident");
    struct trigger t = {.service = company_service(json_at_str(j, "service.id")),
                        .priority = -1,
                        .title = json_opt_str(j, "title"),
                        .key = json_opt_str(j, "incident_key"),
                        .body = json_at_str(j, "body.details"),
                        .manual = true,
                        .agent = r->actor.agent};
    struct change c;
    struct fail f = {0};
    struct incident *in;

    change_init(&c, NULL);
    if (t.service < 0 || t.title == NULL || t.title[0] == '\0' || !type_is(j, "incident"))
        fail_set(&f, 400, 2001, "Invalid Input Provided",
                 "title, type and a known service are needed");
    else if (key_is_open(t.service, t.key))
        fail_set(&f, 400, 2001, "Invalid Input Provided", "Open incident with matching dedup key");
    if (f.http != 0 || read_priority(j, &c, &f) < 0 || read_words(j, &c, &f) < 0) {
        reply_fail(r, &f);
        return;
    }
    t.priority = c.priority;
    t.urgency = c.urgency;
    t.major = c.major;
    in = act_trigger(&t, &r->actor);
    reply_json(r, 201, json_pack("{s:o}", "incident", json_incident(in, 0)));
}

static void post_note(struct req *r)
{
    struct incident *in = incident_of(r);
    struct fail f = {0};
    struct note *n;

    if (in == NULL)
        return;
    if (act_note(in, json_at_str(r->json, "note.content"), &r->actor, &n, &f) < 0)
        reply_fail(r, &f);
    else
        reply_json(r, 200, json_pack("{s:o}", "note", json_note(n)));
}

static void put_note(struct req *r)
{
    struct incident *in = incident_of(r);
    struct fail f = {0};
    struct note *n;

    if (in == NULL)
        return;
    if (act_note_edit(in, r->seg[1], json_at_str(r->json, "note.content"), &r->actor, &n, &f) < 0)
        reply_fail(r, &f);
    else
        reply_json(r, 200, json_pack("{s:o}", "note", json_note(n)));
}

static void delete_note(struct req *r)
{
    struct incident *in = incident_of(r);
    struct fail f = {0};

    if (in == NULL)
        return;
    if (act_note_delete(in, r->seg[1], &r->actor, &f) < 0)
        reply_fail(r, &f);
    else
        r->status = 204;
}

static void post_snooze(struct req *r)
{
    struct incident *in = incident_of(r);
    struct fail f = {0};

    if (in == NULL)
        return;
    if (act_snooze(in, json_opt_int(r->json, "duration", 0), &r->actor, &f) < 0)
        reply_fail(r, &f);
    else
        reply_json(r, 201, json_pack("{s:o}", "incident", json_incident(in, 0)));
}

static void put_merge(struct req *r)
{
    struct incident *in = incident_of(r), *sources[BULK_MAX];
    const json_t *list = json_opt_arr(r->json, "source_incidents");
    size_t n = json_array_size(list);
    struct fail f = {0};

    if (in == NULL)
        return;
    if (n == 0 || n > BULK_MAX) {
        reply_error(r, 400, 2003, "Missing Arguments", "source_incidents needs 1 to 250 entries");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *id = json_opt_str(json_array_get(list, i), "id");

        sources[i] = id == NULL ? NULL : world_incident(id);
        if (sources[i] == NULL) {
            reply_error(r, 400, 1004, "Invalid Id Provided", id);
            return;
        }
    }
    if (act_merge(in, sources, n, &r->actor, &f) < 0)
        reply_fail(r, &f);
    else
        reply_json(r, 200, json_pack("{s:o}", "incident", json_incident_ref(in)));
}

/* One target, wrapped as in the published example or flat as in the schema. */
static int read_target(const json_t *entry, struct users *users, int *policy, struct fail *f)
{
    const json_t *t = json_opt_obj(entry, "responder_request_target");
    int user;

    if (t == NULL)
        t = entry;
    if (type_is(t, "escalation_policy")) {
        *policy = company_policy(json_opt_str(t, "id"));
        return *policy < 0 ? fail_set(f, 400, 1014, "Escalation Policy Not Found", NULL) : 0;
    }
    user = company_user(json_opt_str(t, "id"));
    if (user < 0 || !type_is(t, "user"))
        return fail_set(f, 400, 1007, "Assignee User Not Found", NULL);
    if (users->n < MAX_ASSIGNEES)
        users->list[users->n++] = user;
    return 0;
}

static json_t *responders_json(const struct incident *in, size_t from, int policy)
{
    json_t *people = json_array(), *targets = json_array();

    for (size_t i = from; i < in->n_responders; i++) {
        const struct c_user *u = &company_users[in->responders[i].user];
        json_t *one = json_responder(in, &in->responders[i]);

        if (policy < 0)
            json_array_append_new(targets,
                                  json_pack("{s:{s:s, s:s, s:s, s:[O]}}",
                                            "responder_request_target", "type", "user", "id", u->id,
                                            "summary", u->name, "incidents_responders", one));
        json_array_append_new(people, one);
    }
    if (policy >= 0)
        json_array_append_new(
            targets, json_pack("{s:{s:s, s:s, s:s, s:O}}", "responder_request_target", "type",
                               "escalation_policy", "id", company_policies[policy].id, "summary",
                               company_policies[policy].name, "incidents_responders", people));
    json_decref(people);
    return targets;
}

static void post_responders(struct req *r)
{
    struct incident *in = incident_of(r);
    const json_t *list = json_opt_arr(r->json, "responder_request_targets");
    const char *message = json_opt_str(r->json, "message");
    int requester = company_user(json_opt_str(r->json, "requester_id")), policy = -1;
    struct users users = {.n = 0};
    struct fail f = {0};
    size_t before;

    if (in == NULL)
        return;
    before = in->n_responders;
    if (requester < 0)
        fail_set(&f, 400, 1008, "Requester User Not Found", NULL);
    else if (json_array_size(list) == 0 || message == NULL)
        fail_set(&f, 400, 2003, "Missing Arguments", "message, responder_request_targets");
    for (size_t i = 0; f.http == 0 && i < json_array_size(list); i++)
        if (read_target(json_array_get(list, i), &users, &policy, &f) < 0)
            break;
    if (f.http != 0 || act_responders(in, requester, &users, policy, message, &r->actor, &f) < 0) {
        reply_fail(r, &f);
        return;
    }
    reply_json(r, 200,
               json_pack("{s:{s:o, s:o, s:o, s:s, s:o}}", "responder_request", "incident",
                         json_incident_ref(in), "requester", json_user_ref(requester),
                         "requested_at", json_time(world_now_ms()), "message", message,
                         "responder_request_targets", responders_json(in, before, policy)));
}

static void post_status_update(struct req *r)
{
    struct incident *in = incident_of(r);
    const char *message = json_opt_str(r->json, "message");
    const char *subject = json_opt_str(r->json, "subject");
    const char *html = json_opt_str(r->json, "html_message");
    char id[WORLD_ID_MAX];
    struct fail f = {0};

    if (in == NULL)
        return;
    if ((subject == NULL) != (html == NULL)) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "subject and html_message go together");
        return;
    }
    if (act_status_update(in, message, &r->actor, id, &f) < 0) {
        reply_fail(r, &f);
        return;
    }
    reply_json(r, 200,
               json_pack("{s:{s:s, s:s, s:o, s:o, s:s*, s:s*}}", "status_update", "id", id,
                         "message", message, "created_at", json_time(world_now_ms()), "sender",
                         json_user_ref(r->actor.agent.index), "subject", subject, "html_message",
                         html));
}

static const char *field_name(const json_t *entry)
{
    const char *id = json_opt_str(entry, "id");

    for (int i = 0; i < N_FIELDS; i++)
        if (text_eq(company_fields[i].id, id))
            return company_fields[i].name;
    return json_opt_str(entry, "name");
}

static void put_fields(struct req *r)
{
    struct incident *in = incident_of(r);
    const json_t *list = json_opt_arr(r->json, "custom_fields");
    json_t *values;
    struct fail f = {0};

    if (in == NULL)
        return;
    if (json_array_size(list) == 0) {
        reply_error(r, 400, 2003, "Missing Arguments", "custom_fields");
        return;
    }
    values = json_object();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *name = field_name(entry);
        json_t *value = json_object_get(entry, "value");

        json_object_set(values, name != NULL ? name : "", value != NULL ? value : json_null());
    }
    if (act_fields(in, values, &r->actor, &f) < 0)
        reply_fail(r, &f);
    else
        reply_json(r, 201, json_pack("{s:o}", "custom_fields", json_custom_fields(in)));
    json_decref(values);
}

#define WRITE_FROM (F_WRITE | F_FROM | F_BODY)
const struct route rest_write_routes[] = {
    {"POST", "/incidents", post_incident, WRITE_FROM, -1},
    {"PUT", "/incidents", put_incidents, WRITE_FROM, -1},
    {"PUT", "/incidents/{}", put_incident, WRITE_FROM, -1},
    {"POST", "/incidents/{}/notes", post_note, WRITE_FROM, -1},
    {"PUT", "/incidents/{}/notes/{}", put_note, WRITE_FROM, -1},
    {"DELETE", "/incidents/{}/notes/{}", delete_note, F_WRITE, -1},
    {"POST", "/incidents/{}/snooze", post_snooze, WRITE_FROM, -1},
    {"PUT", "/incidents/{}/merge", put_merge, WRITE_FROM, -1},
    {"POST", "/incidents/{}/responder_requests", post_responders, F_WRITE | F_BODY, AB_RESPONDERS},
    {"POST", "/incidents/{}/status_updates", post_status_update, WRITE_FROM, AB_STATUS_UPDATES},
    {"PUT", "/incidents/{}/custom_fields/values", put_fields, F_WRITE | F_BODY, AB_CUSTOM_FIELDS},
    {NULL, NULL, NULL, 0, 0},
};
