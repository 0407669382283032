#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pagerduty/pagerduty_write.h"
#include "pagerduty/pd_priv.h"
#include "pagerduty/pd_request.h"

/* The executor's clock rests on this: nothing of ours is alive after it (reliability.md 5.2). */
#define WRITE_TOTAL_MS 10000

static const struct pd_op ops[PD_WRITE_COUNT] = {
    [PD_WRITE_INCIDENT] = {.name = "incident_update",
                           .method = "PUT",
                           .path = "/incidents/{id}",
                           .scope = "incidents.write",
                           .needs_from = true,
                           .key = "incident"},
    [PD_WRITE_NOTE] = {.name = "note_create",
                       .method = "POST",
                       .path = "/incidents/{id}/notes",
                       .scope = "incidents.write",
                       .needs_from = true,
                       .key = "note"},
    [PD_WRITE_NOTE_EDIT] = {.name = "note_edit",
                            .method = "PUT",
                            .path = "/incidents/{id}/notes/{note_id}",
                            .scope = "incidents.write",
                            .needs_from = true,
                            .key = "note"},
};

const struct pd_op *pd_write_op(enum pd_write_id id)
{
    CHECK((unsigned)id < PD_WRITE_COUNT);
    return &ops[id];
}

/* Which write, by whom, on what. */
struct target {
    enum pd_write_id op;
    const char *from;
    const char *incident_id;
    const char *note_id;
};

/* body is taken: released here on every way out. */
static int build(struct arena *a, const struct pd_client *c, const struct target *t,
                 json_t *take_body, struct net_req *out, struct err *e)
{
    AUTO(json_freep) json_t *body = take_body;
    AUTO(buf_done) struct buf url = {0};
    const struct pd_op *op = pd_write_op(t->op);
    const char *actor = t->from ? t->from : c->from_email;
    struct net_req req = {0};

    if (!body)
        return err_set(e, ERR_INPUT, "%s: a text is not UTF-8", op->name);
    if (!actor || !text_is_email(actor))
        return err_set(e, ERR_INPUT, "%s: From must be one bare e-mail address of a PagerDuty user",
                       op->name);
    buf_init(&url, PD_REQUEST_URL_MAX_BYTES);
    if (pd_request_path(&url, c, op, t->incident_id, t->note_id, e) < 0 ||
        pd_request_begin(a, c, op, &url, &req, e) < 0)
        return e->code;
    pd_request_header(&req, "From", arena_strdup(a, actor));
    req.body = json_canon_arena(a, body, &req.body_len);
    req.cls = NET_ACTION;
    req.total_ms = WRITE_TOTAL_MS;
    req.write = true;
    *out = req;
    return 0;
}

static int text_check(const char *what, const char *text, size_t max, struct err *e)
{
    size_t len = text ? strnlen(text, max + 1) : 0;

    if (len == 0)
        return err_set(e, ERR_INPUT, "the %s is empty", what);
    if (len > max)
        return err_set(e, ERR_INPUT, "the %s is over %zu bytes", what, max);
    return 0;
}

int pd_write_acknowledge(struct arena *a, const struct pd_client *c, const char *from,
                         const char *incident_id, struct net_req *out, struct err *e)
{
    return build(a, c, &(struct target){PD_WRITE_INCIDENT, from, incident_id, NULL},
                 json_pack("{s:{s:s, s:s}}", "incident", "type", "incident_reference", "status",
                           "acknowledged"),
                 out, e);
}

int pd_write_trigger(struct arena *a, const struct pd_client *c, const char *from,
                     const char *incident_id, struct net_req *out, struct err *e)
{
    return build(a, c, &(struct target){PD_WRITE_INCIDENT, from, incident_id, NULL},
                 json_pack("{s:{s:s, s:s}}", "incident", "type", "incident_reference", "status",
                           "triggered"),
                 out, e);
}

int pd_write_resolve(struct arena *a, const struct pd_client *c, const char *from,
                     const char *incident_id, const char *resolution, struct net_req *out,
                     struct err *e)
{
    json_t *body;

    if (resolution && text_check("resolution", resolution, PD_RESOLUTION_MAX_BYTES, e) < 0)
        return e->code;
    /* "s*" would drop a text that is not UTF-8 in silence, so the two forms are apart. */
    body = resolution ? json_pack("{s:{s:s, s:s, s:s}}", "incident", "type", "incident_reference",
                                  "status", "resolved", "resolution", resolution)
                      : json_pack("{s:{s:s, s:s}}", "incident", "type", "incident_reference",
                                  "status", "resolved");
    return build(a, c, &(struct target){PD_WRITE_INCIDENT, from, incident_id, NULL}, body, out, e);
}

int pd_write_escalate(struct arena *a, const struct pd_client *c, const char *from,
                      const char *incident_id, unsigned level, const char *policy_id,
                      struct net_req *out, struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *incident;

    if (level == 0 && !policy_id)
        return err_set(e, ERR_INPUT, "an escalation needs a level or a policy");
    if (level > PD_LEVEL_MAX)
        return err_set(e, ERR_INPUT, "escalation level %u is over %d", level, PD_LEVEL_MAX);
    if (policy_id && !text_is_id(policy_id))
        return err_set(e, ERR_INPUT, "the escalation policy's id is none");
    root = json_pack("{s:{s:s}}", "incident", "type", "incident_reference");
    CHECK(root);
    incident = json_object_get(root, "incident");
    if (level > 0)
        CHECK(json_object_set_new(incident, "escalation_level", json_integer(level)) == 0);
    if (policy_id)
        CHECK(json_object_set_new(incident, "escalation_policy",
                                  json_pack("{s:s, s:s}", "id", policy_id, "type",
                                            "escalation_policy_reference")) == 0);
    return build(a, c, &(struct target){PD_WRITE_INCIDENT, from, incident_id, NULL}, TAKE(root),
                 out, e);
}

static json_t *note_body(const char *content)
{
    return json_pack("{s:{s:s}}", "note", "content", content);
}

int pd_write_note(struct arena *a, const struct pd_client *c, const char *from,
                  const char *incident_id, const char *content, struct net_req *out, struct err *e)
{
    if (text_check("note", content, PD_NOTE_MAX_BYTES, e) < 0)
        return e->code;
    return build(a, c, &(struct target){PD_WRITE_NOTE, from, incident_id, NULL}, note_body(content),
                 out, e);
}

int pd_write_note_edit(struct arena *a, const struct pd_client *c, const char *from,
                       const char *incident_id, const char *note_id, const char *content,
                       struct net_req *out, struct err *e)
{
    if (text_check("note", content, PD_NOTE_MAX_BYTES, e) < 0)
        return e->code;
    return build(a, c, &(struct target){PD_WRITE_NOTE_EDIT, from, incident_id, note_id},
                 note_body(content), out, e);
}

/* Whatever the reader says, the call went out and was answered 2xx: that is doubt, not refusal. */
static int unsure(struct err *e, const char *what)
{
    return err_set(e, ERR_UNSURE, "PagerDuty said yes, but its answer does not show %s", what);
}

static bool holds_one_of(const struct pd_incident *in, const struct pd_expect *want)
{
    for (size_t i = 0; i < in->assignments.n; i++)
        for (size_t k = 0; k < want->n_assignees; k++)
            if (text_eq(in->assignments.items[i].who.id, want->assignees[k]))
                return true;
    return want->n_assignees == 0;
}

int pd_written_incident(struct arena *a, const char *body, size_t len, const struct pd_expect *want,
                        struct pd_incident *out, struct err *e)
{
    struct pd_incident in;

    if (pd_read_incident(a, body, len, &in, e) < 0)
        return unsure(e, "an incident");
    if (!text_eq(in.id, want->incident_id))
        return unsure(e, "the incident that was changed");
    if (want->status && !text_eq(in.status, want->status))
        return unsure(e, "the new status");
    if (want->policy_id && !text_eq(in.policy.id, want->policy_id))
        return unsure(e, "the escalation policy");
    if (want->escalated && (!in.status || text_eq(in.status, "resolved") ||
                            !text_eq(in.assigned_via, "escalation_policy")))
        return unsure(e, "an open incident that its policy assigned");
    if (!holds_one_of(&in, want))
        return unsure(e, "an assignee of the new level");
    *out = in;
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool same_content(const char *a, const char *b)
{
    size_t a_len, b_len;

    if (!a || !b)
        return false;
    while (is_blank(*a))
        a++;
    while (is_blank(*b))
        b++;
    a_len = strlen(a);
    b_len = strlen(b);
    while (a_len > 0 && is_blank(a[a_len - 1]))
        a_len--;
    while (b_len > 0 && is_blank(b[b_len - 1]))
        b_len--;
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

int pd_written_note(struct arena *a, const char *body, size_t len, const char *note_id,
                    const char *content, struct pd_note *out, struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *j = NULL;
    struct pd_note note = {0};

    if (pd_open(body, len, "note", JSON_OBJECT, &root, &j, e) < 0 || !pd_note_read(a, j, &note))
        return unsure(e, "a note");
    /* The id goes into the path of a later edit. */
    if (!text_is_id(note.id) || (note_id && !text_eq(note.id, note_id)))
        return unsure(e, "the note that was written");
    if (!same_content(note.content, content))
        return unsure(e, "the text of the note");
    *out = note;
    return 0;
}
