#include "gate/gate_priv.h"

/* Acknowledge. Only who is assigned or on call may let an acknowledge through: it claims the incident and
 * stops its escalation (design 5). */

static void who_is_spared(const struct action_ctx *x, struct buf *out)
{
    const struct gate_view *v = x->view;

    buf_puts(out, ": escalation stops");
    if (v->next_escalation_ms == 0 || v->level == 0 || v->level >= v->levels) {
        buf_putc(out, '.');
        return;
    }
    buf_puts(out, "; ");
    if (!view_names_at(v, v->level + 1, out))
        buf_puts(out, "the next level");
    buf_printf(out, " (level %d) will not be paged at ", v->level + 1);
    say_time(v->next_escalation_ms, x->zone, out);
    buf_putc(out, '.');
}

static void ack_describe(const struct action_ctx *x, struct buf *out)
{
    buf_puts(out, "Acknowledge ");
    say_incident(x->view, out);
    say_as(x->as, out);
    who_is_spared(x, out);
}

static bool ack_precondition(const struct action_ctx *x, struct buf *why)
{
    if (!precondition_open(x->view, why))
        return false; /* an acknowledge would reopen a resolved incident */
    if (text_eq(x->view->status, "acknowledged")) {
        buf_puts(why, "the incident is acknowledged already");
        return false;
    }
    return true;
}

static int ack_request(struct arena *a, const struct action_send *s, struct net_req *out,
                       struct err *e)
{
    return pd_write_acknowledge(a, s->client, s->from, s->target, out, e);
}

static bool ack_proof(const struct action_seen *s, struct action_proof *out)
{
    return status_proof(s, "acknowledged", "acknowledge_log_entry", out);
}

static bool ack_overtaken(const struct action_seen *s, struct action_other *out)
{
    if (!text_eq(s->view->status, "acknowledged"))
        return false;
    other_from(seen_last(s, "acknowledge_log_entry"), s->view, out);
    out->did = "acknowledged";
    return true;
}

const struct action_def action_ack = {
    .verb = "acknowledge",
    .risk = "medium",
    .schema = ACTION_NO_ARGS,
    .binds = BIND_MERGED | BIND_STATUS | BIND_ASSIGNEES | BIND_CHANGED,
    .changes = BIND_STATUS | BIND_ASSIGNEES | BIND_CHANGED,
    .reads_oncalls = true,
    .undo = "back to triggered: the escalation policy runs again and may page people",
    .describe = ack_describe,
    .precondition = ack_precondition,
    .request = ack_request,
    .proof = ack_proof,
    .overtaken = ack_overtaken,
};
