#include <string.h>

#include "gate/gate_priv.h"

static const char *resolution_of(const json_t *args)
{
    return json_opt_str(args, "resolution");
}

static void resolve_describe(const struct action_ctx *x, struct buf *out)
{
    const char *text = resolution_of(x->args);

    buf_puts(out, "Resolve ");
    say_incident(x->view, out);
    say_as(x->as, out);
    buf_puts(out, ": nobody is paged about it any more");
    if (text) {
        buf_puts(out, "; the resolve entry of its log says \"");
        text_show(out, text, strlen(text), 200, true);
        buf_putc(out, '"');
    }
    buf_putc(out, '.');
}

static bool resolve_precondition(const struct action_ctx *x, struct buf *why)
{
    return precondition_open(x->view, why);
}

static int resolve_request(struct arena *a, const struct action_send *s, struct net_req *out,
                           struct err *e)
{
    return pd_write_resolve(a, s->client, s->from, s->target, resolution_of(s->args), out, e);
}

static bool resolve_proof(const struct action_seen *s, struct action_proof *out)
{
    return status_proof(s, "resolved", "resolve_log_entry", out);
}

static bool resolve_overtaken(const struct action_seen *s, struct action_other *out)
{
    if (!text_eq(s->view->status, "resolved"))
        return false;
    other_from(seen_last(s, "resolve_log_entry"), s->view, out);
    out->did = "resolved";
    return true;
}

const struct action_def action_resolve = {
    .verb = "resolve",
    .risk = "high",
    .schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
              "\"resolution\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1000}}}",
    .binds = BIND_MERGED | BIND_STATUS | BIND_ASSIGNEES | BIND_CHANGED,
    .changes = BIND_STATUS | BIND_ASSIGNEES | BIND_CHANGED,
    .undo = "reopen: triggered again, and pages people again",
    .describe = resolve_describe,
    .precondition = resolve_precondition,
    .request = resolve_request,
    .proof = resolve_proof,
    .overtaken = resolve_overtaken,
};
