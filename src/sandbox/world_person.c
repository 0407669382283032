#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sandbox/act.h"
#include "sandbox/json_build.h"
#include "sandbox/oracle.h"
#include "sandbox/sender.h"

/* Acts that add words to an incident: notes, responder requests, status updates, custom fields. */

/* Notes need an author; the automation account signs what has no user behind it. */
static int author_of(const struct actor *a)
{
    return a->agent.kind == AGENT_USER ? a->agent.index : N_USERS - 1;
}

static size_t live_notes(const struct incident *in)
{
    size_t n = 0;

    for (size_t i = 0; i < in->n_notes; i++)
        n += !in->notes[i].deleted;
    return n;
}

int act_note(struct incident *in, const char *content, const struct actor *a, struct note **out,
             struct fail *f)
{
    struct stood was = stood_of(in);
    struct log_line *l;
    struct note *n;

    if (content == NULL || content[0] == '\0')
        return fail_set(f, 400, 2001, "Invalid Input Provided", "Content cannot be empty.");
    if (live_notes(in) >= MAX_NOTES)
        return fail_set(f, 400, 2019, "Product limit reached",
                        "An incident has at most 2000 notes");
    world_touch(in);
    n = world_note(in, author_of(a), content, world_now_ms(), false);
    l = world_log(in, LK_ANNOTATE, n->created_ms, a->agent);
    l->text = mem_strdup(content);
    oracle_effect("note", in, a, &was,
                  json_pack("{s:s, s:s}", "note_id", n->id, "content", content));
    sender_emit("incident.annotated", in, a->agent, NULL, event_note(in, n->id, content));
    *out = n;
    return 0;
}

static struct note *note_find(struct incident *in, const char *note_id)
{
    for (size_t i = 0; i < in->n_notes; i++)
        if (!in->notes[i].deleted && strcmp(in->notes[i].id, note_id) == 0)
            return &in->notes[i];
    return NULL;
}

int act_note_edit(struct incident *in, const char *note_id, const char *content,
                  const struct actor *a, struct note **out, struct fail *f)
{
    struct note *n = note_find(in, note_id);
    struct stood was = stood_of(in);

    if (n == NULL)
        return fail_set(f, 404, 2100, "Not Found", NULL);
    if (content == NULL || content[0] == '\0')
        return fail_set(f, 400, 2001, "Invalid Input Provided", "Content cannot be empty.");
    world_touch(in);
    free(n->content);
    n->content = mem_strdup(content);
    n->updated_ms = world_now_ms();
    oracle_effect("note_edit", in, a, &was,
                  json_pack("{s:s, s:s}", "note_id", n->id, "content", content));
    *out = n;
    return 0;
}

int act_note_delete(struct incident *in, const char *note_id, const struct actor *a, struct fail *f)
{
    struct note *n = note_find(in, note_id);
    struct stood was = stood_of(in);

    if (n == NULL)
        return fail_set(f, 404, 2100, "Not Found", NULL);
    world_touch(in);
    n->deleted = true;
    oracle_effect("note_delete", in, a, &was, json_pack("{s:s}", "note_id", n->id));
    return 0;
}

static void add_responder(struct incident *in, int user, int requester, int policy,
                          const char *message, const struct actor *a)
{
    struct responder *r;
    size_t n = in->n_responders;

    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0))
        in->responders = mem_grow(in->responders, n == 0 ? 4 : n * 2, sizeof *in->responders);
    r = &in->responders[in->n_responders++];
    *r = (struct responder){user, requester, policy, mem_strdup(message), world_now_ms()};
    sender_emit("incident.responder.added", in, a->agent, NULL, event_responder(in, r));
}

int act_responders(struct incident *in, int requester, const struct users *users, int policy,
                   const char *message, const struct actor *a, struct fail *f)
{
    struct users asked = policy >= 0 ? world_oncall(policy, 1) : *users;
    struct stood was = stood_of(in);
    json_t *ids = json_array();

    if (in->status == RESOLVED)
        fail_set(f, 400, 1001, "Incident Already Resolved", in->id);
    else if (asked.n == 0)
        fail_set(f, 400, 1015, "Escalation policy has no one on call", NULL);
    if (in->status == RESOLVED || asked.n == 0) {
        json_decref(ids);
        return -1;
    }
    world_touch(in);
    for (int i = 0; i < asked.n; i++) {
        add_responder(in, asked.list[i], requester, policy, message, a);
        json_array_append_new(ids, json_string(company_users[asked.list[i]].id));
    }
    oracle_effect("responder_request", in, a, &was,
                  json_pack("{s:o, s:s, s:s}", "responders", ids, "content", message, "requester",
                            company_users[requester].id));
    return 0;
}

int act_status_update(struct incident *in, const char *message, const struct actor *a,
                      char id_out[WORLD_ID_MAX], struct fail *f)
{
    struct stood was = stood_of(in);

    if (message == NULL || message[0] == '\0')
        return fail_set(f, 400, 2001, "Invalid Input Provided", "Message cannot be empty.");
    world_touch(in);
    world_id(id_out, "P", 7, false);
    oracle_effect("status_update", in, a, &was,
                  json_pack("{s:s, s:s}", "status_update_id", id_out, "content", message));
    sender_emit("incident.status_update_published", in, a->agent, NULL,
                event_status_update(in, id_out, message));
    return 0;
}

static const struct c_field *field_find(const char *name)
{
    for (int i = 0; i < N_FIELDS; i++)
        if (strcmp(company_fields[i].name, name) == 0)
            return &company_fields[i];
    return NULL;
}

static bool option_known(const struct c_field *field, const json_t *value)
{
    const char *text = json_string_value(value);
    const char *at = text == NULL || text[0] == '\0' ? NULL : strstr(field->options, text);

    return at != NULL && at[-1] == ',' && at[strlen(text)] == ',';
}

int act_fields(struct incident *in, json_t *values, const struct actor *a, struct fail *f)
{
    struct stood was = stood_of(in);
    json_t *before = json_object(), *value;
    struct log_line *l;
    const char *name;
    void *at;

    for (at = json_object_iter(values); at != NULL; at = json_object_iter_next(values, at)) {
        const struct c_field *field = field_find(json_object_iter_key(at));

        value = json_object_iter_value(at);
        if (field == NULL || !(json_is_string(value) || json_is_null(value)) ||
            (field->options != NULL && json_is_string(value) && !option_known(field, value))) {
            json_decref(before);
            return fail_set(f, 400, 2001, "Invalid Input Provided",
                            "Unknown custom field or value");
        }
    }
    world_touch(in);
    for (at = json_object_iter(values); at != NULL; at = json_object_iter_next(values, at)) {
        json_t *old;

        name = json_object_iter_key(at);
        old = json_object_get(in->fields, name);
        json_object_set_new(before, name, old != NULL ? json_incref(old) : json_null());
        json_object_set(in->fields, name, json_object_iter_value(at));
    }
    l = world_log(in, LK_CUSTOM_FIELD, world_now_ms(), a->agent);
    l->extra = NULL;
    oracle_effect("custom_fields", in, a, &was, json_pack("{s:O}", "fields", values));
    sender_emit("incident.custom_field_values.updated", in, a->agent, NULL,
                event_fields(in, before));
    json_decref(before);
    return 0;
}
