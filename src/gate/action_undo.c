#include "gate/gate_priv.h"

/* Verbs that only an undo uses: PagerDuty's documented way back is the status "triggered". */

/* ---- undo of an acknowledge ---- */

static void retrigger_describe(const struct action_ctx *x, struct buf *out)
{
    buf_puts(out, "Set ");
    say_incident(x->view, out);
    buf_puts(out, " back to triggered");
    say_as(x->as, out);
    buf_puts(out, ": its escalation policy runs again and may page people.");
}

static bool retrigger_precondition(const struct action_ctx *x, struct buf *why)
{
    if (!precondition_open(x->view, why))
        return false;
    if (text_eq(x->view->status, "triggered")) {
        buf_puts(why, "the incident is triggered already");
        return false;
    }
    return true;
}

static int trigger_request(struct arena *a, const struct action_send *s, struct net_req *out,
                           struct err *e)
{
    return pd_write_trigger(a, s->client, s->from, s->target, out, e);
}

static bool retrigger_proof(const struct action_seen *s, struct action_proof *out)
{
    return status_proof(s, "triggered", "unacknowledge_log_entry", out);
}

static bool retrigger_overtaken(const struct action_seen *s, struct action_other *out)
{
    if (!text_eq(s->view->status, "triggered"))
        return false;
    other_from(seen_last(s, "unacknowledge_log_entry"), s->view, out);
    out->did = "set back to triggered";
    return true;
}

const struct action_def action_retrigger = {
    .verb = "retrigger",
    .risk = "medium",
    .schema = ACTION_NO_ARGS,
    .binds = BIND_MERGED | BIND_STATUS | BIND_ASSIGNEES | BIND_CHANGED,
    .changes = BIND_STATUS | BIND_ASSIGNEES | BIND_CHANGED,
    .undo_only = true,
    .undo = "acknowledge",
    .describe = retrigger_describe,
    .precondition = retrigger_precondition,
    .request = trigger_request,
    .proof = retrigger_proof,
    .overtaken = retrigger_overtaken,
};

/* ---- undo of a resolve ---- */

static void reopen_describe(const struct action_ctx *x, struct buf *out)
{
    buf_puts(out, "Reopen ");
    say_incident(x->view, out);
    say_as(x->as, out);
    buf_puts(out, ": it is triggered again and pages people again.");
}

static bool reopen_precondition(const struct action_ctx *x, struct buf *why)
{
    if (x->view->merged_into) {
        buf_printf(why, "the incident was merged into %s", x->view->merged_into);
        return false;
    }
    if (!text_eq(x->view->status, "resolved")) {
        buf_puts(why, "the incident is open already");
        return false;
    }
    return true;
}

/* PagerDuty's list of log entries has none for a reopening: it is one more trigger entry, later than what was read before. */
#define REOPEN_ENTRY "trigger_log_entry"

static bool reopen_proof(const struct action_seen *s, struct action_proof *out)
{
    return status_proof(s, "triggered", REOPEN_ENTRY, out);
}

static bool reopen_overtaken(const struct action_seen *s, struct action_other *out)
{
    if (text_eq(s->view->status, "resolved"))
        return false;
    other_from(seen_last(s, REOPEN_ENTRY), s->view, out);
    out->did = "reopened";
    return true;
}

const struct action_def action_reopen = {
    .verb = "reopen",
    .risk = "high",
    .schema = ACTION_NO_ARGS,
    .binds = BIND_MERGED | BIND_STATUS | BIND_CHANGED,
    .changes = BIND_STATUS | BIND_ASSIGNEES | BIND_CHANGED,
    .undo_only = true,
    .undo = "resolve",
    .describe = reopen_describe,
    .precondition = reopen_precondition,
    .request = trigger_request,
    .proof = reopen_proof,
    .overtaken = reopen_overtaken,
};
