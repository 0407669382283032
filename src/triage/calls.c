/* Asking, and putting what became of each call into one word and one line. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "triage/triage_priv.h"

static int ask(struct step_ctx *c, enum pd_op_id op, int tag, const struct pd_args *args,
               bool may_be_left_out, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    const struct pd_op *row = pd_op(op);
    const char *missing = NULL;
    struct net_req req;

    if (row->feature && feature_missing(p, row->name, &missing, e) < 0)
        return e->code;
    if (missing)
        return 0;
    if (pd_get(p->arena, &world_of(p)->pd, op, args, &req, e) < 0)
        return err_wrap(e, "asking PagerDuty");
    if (may_be_left_out)
        req.cls = NET_OPTIONAL;
    return step_call(c, tag, &req, e);
}

int call_ask(struct step_ctx *c, enum pd_op_id op, int tag, const struct pd_args *args,
             struct err *e)
{
    return ask(c, op, tag, args, false, e);
}

int call_ask_spare(struct step_ctx *c, enum pd_op_id op, int tag, const struct pd_args *args,
                   struct err *e)
{
    return ask(c, op, tag, args, true, e);
}

static enum answer answer_lost(const struct net_reply *r, const struct pd_op *op, char why[WHY_MAX])
{
    if (text_starts(r->msg, "left out"))
        snprintf(why, WHY_MAX, "%s", r->msg);
    else if (r->code == ERR_RETRY && op->rank >= PD_RANK_OPTIONAL)
        snprintf(why, WHY_MAX, "left out: %s", r->msg[0] ? r->msg : "calls are scarce");
    else
        snprintf(why, WHY_MAX, "PagerDuty did not answer: %s", r->msg[0] ? r->msg : "no reason");
    return ANSWER_LATER;
}

static enum answer answer_said(const struct net_reply *r, const struct pd_op *op, char why[WHY_MAX])
{
    struct pd_error pe;

    pd_error_parse(op, r->status, r->body, r->body_len, &pe);
    snprintf(why, WHY_MAX, "PagerDuty answered %d: %s", pe.http, pe.meaning);
    switch (pe.cls) {
    case PD_FINE:
        return ANSWER_OK;
    case PD_NOT_AVAILABLE:
        return ANSWER_UNAVAILABLE;
    case PD_NOT_FOUND:
    case PD_MOVED:
        return ANSWER_GONE;
    case PD_AUTH:
        return ANSWER_AUTH;
    case PD_RETRYABLE:
    case PD_REFUSED:
    case PD_UNSURE:
        break;
    }
    return ANSWER_LATER;
}

enum answer answer_of(const struct net_reply *r, const struct pd_op *op, char why[WHY_MAX])
{
    why[0] = '\0';
    if (!r) {
        snprintf(why, WHY_MAX, "not asked");
        return ANSWER_NONE;
    }
    return r->code != 0 ? answer_lost(r, op, why) : answer_said(r, op, why);
}

enum answer answer_garbage(const struct err *e, char why[WHY_MAX])
{
    snprintf(why, WHY_MAX, "the answer could not be read: %.200s", e->msg);
    return ANSWER_LATER;
}
