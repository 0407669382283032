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
