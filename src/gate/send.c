#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "gate/gate_priv.h"

/*
 * Step "send", subject "PROPOSAL.ORD.FENCE": writes the intent, and only after that is on disk does the one call leave. A send
 * whose process died never sends: it hands over to "execute", which looks.
 */
#define KILL_WAIT_MS     1000
#define NOT_SENT_WAIT_MS 1000

struct send_subject {
    int64_t id, ord, fence;
};

static bool subject_read(const char *s, struct send_subject *out)
{
    char tail = 0;
    long long id, fence;
    unsigned ord;

    /* NOLINTNEXTLINE(cert-err34-c): the subject is a text of our own, and what follows the numbers is looked at */
    if (sscanf(s, "%lld.%u.%lld%c", &id, &ord, &fence, &tail) != 3)
        return false;
    *out = (struct send_subject){id, ord, fence};
    return true;
}

/* 1: this very send is still wanted. */
static int load(struct gate_run *r, struct prop_full *f, struct exec_row **x, struct err *e)
{
    struct send_subject s;
    int rc;

    if (!subject_read(r->subject, &s))
        return err_set(e, ERR_INTERNAL, "a send job's subject is malformed");
    rc = prop_load_full(gate_of(r->p)->sql, r->p->arena, s.id, f, e);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    if (f->p.state != PROPOSAL_APPROVED && f->p.state != PROPOSAL_EXECUTING)
        return 0;
    *x = exec_next(f);
    return *x && (*x)->ord == s.ord && (*x)->fence == s.fence;
}

static int hand_over(struct gate_run *r, int64_t id, int64_t due_ms, struct err *e)
{
    char subject[24];

    snprintf(subject, sizeof subject, "%lld", (long long)id);
    return engine_add_job(r->p, "execute", subject, PRIO_EXECUTE, due_ms, e);
}

static bool marker_holds(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x)
{
    char marker[MARKER_LEN + 1];

    if (!text_eq(f->acts[x->ord].verb, action_note.verb))
        return true;
    marker_make(gate_of(p)->marker_key, f->p.id, x->ord, f->acts[x->ord].digest, marker);
    return text_eq(marker, x->marker);
}

static int request_make(struct gate_run *r, const struct prop_full *f, const struct exec_row *x,
                        struct net_req *req, struct err *e)
{
    const struct world *w = r->p->app;
    const struct act_row *act = &f->acts[x->ord];
    AUTO(json_freep) json_t *args = json_of(act->args);
    struct action_send s = {.client = &w->pd,
                            .from = x->from_email,
                            .target = act->target,
                            .args = args,
                            .marker = x->marker};

    if (action_find(act->verb)->request(r->p->arena, &s, req, e) < 0)
        return e->code;
    req->cls = NET_ACTION;
    req->total_ms = (unsigned)w->cfg->gate.send_limit_ms;
    req->start_within_ms = (unsigned)w->cfg->gate.start_limit_ms;
    /* in_flight_until counts from this pass: a commit that takes long must not move the send behind it. */
    req->start_by_mono_ms = r->p->now_mono_ms + w->cfg->gate.start_limit_ms;
    req->hold = gate_held;
    req->hold_arg = r->p->app;
    return 0;
}

/* INV-3: the audit record and the bound on our request's life are committed before anything leaves. */
static int intent_write(struct gate_run *r, struct prop_full *f, struct exec_row *x, struct err *e)
{
    const struct config *c = gate_cfg(r->p);
    json_t *detail;

    x->state = "executing";
    x->in_flight_until_ms = r->p->now_wall_ms + c->gate.start_limit_ms + c->gate.send_limit_ms;
    x->sends++;
    x->epoch = r->p->boot_epoch;
    if (!x->first_sent_ms)
        x->first_sent_ms = r->p->now_wall_ms;
    if (exec_save(gate_of(r->p), f->p.id, x, e) < 0)
        return e->code;
    if (f->p.state == PROPOSAL_APPROVED &&
        prop_move(r->p, &f->p, PROPOSAL_EXECUTING, NULL, x->actor, NULL, e) < 0)
        return e->code;
    detail = json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:s*}", "ord", (int)x->ord, "verb",
                       f->acts[x->ord].verb, "target", f->acts[x->ord].target, "digest",
                       f->acts[x->ord].digest, "approved_digest", f->rev.digest, "send",
                       (json_int_t)x->sends, "fence", (json_int_t)x->fence, "marker", x->marker);
    CHECK(detail);
    return gate_audit(r->p, x->actor, "execution.sent", f->p.id, f->p.incident_id, detail, e);
}

/* This very send was made before, and its answer could not be taken in: only a look can tell what became of it. */
static bool may_be_under_way(struct engine_pass *p, const struct exec_row *x)
{
    return x->sends > 0 && p->now_wall_ms < x->in_flight_until_ms + gate_cfg(p)->gate.quiet_ms &&
           !defence_off("quiet") && !defence_off("readback");
}

/* Looked at again in the last moment: the switch, the age of what was read, the approval and its bytes. */
static int last_look(struct gate_run *r, struct prop_full *f, struct exec_row *x, bool *go,
                     struct err *e)
{
    const struct world *w = r->p->app;
    struct engine_pass *p = r->p;
    int64_t age_ms = p->now_wall_ms - x->verified_ms;
    struct err refused = {0};
    bool mismatch, turn;

    *go = false;
    if (gate_held(p->app))
        return hand_over(r, f->p.id, p->now_wall_ms + KILL_WAIT_MS, e);
    if (may_be_under_way(p, x))
        return hand_over(r, f->p.id, p->now_wall_ms, e);
    if (exec_turn(p, f, x, x->verified_ms, &turn, e) < 0)
        return e->code;
    if (!turn)
        return hand_over(r, f->p.id, p->now_wall_ms + TURN_WAIT_MS, e);
    if (age_ms < 0 || age_ms > w->cfg->gate.start_limit_ms || !w->pd.token)
        return hand_over(r, f->p.id, p->now_wall_ms, e);
    if (approval_check(p, f, NULL, &mismatch, &refused) < 0 ||
        (!defence_off("digest") && !marker_holds(p, f, x))) {
        const char *why =
            refused.code ? refused.msg : "digest mismatch: the note's marker is another";

        return x->sends ? exec_unsure(p, f, x, why, e)
                        : exec_failed(p, f, x, PROPOSAL_STALE, why, NULL, e);
    }
    *go = true;
    return 0;
}

int send_plan(struct gate_run *r, struct err *e)
{
    struct prop_full f;
    struct exec_row *x = NULL;
    struct net_req req;
    bool go = false;
    int rc = load(r, &f, &x, e);

    if (rc <= 0)
        return rc;
    CHECK(x);
    if (r->orphan)
        return hand_over(r, f.p.id, r->p->now_wall_ms, e);
    rc = last_look(r, &f, x, &go, e);
    if (rc < 0 || !go)
        return rc;
    if (request_make(r, &f, x, &req, e) < 0)
        return x->sends ? exec_unsure(r->p, &f, x, e->msg, e)
                        : exec_failed(r->p, &f, x, PROPOSAL_FAILED,
                                      arena_strdup(r->p->arena, e->msg), NULL, e);
    FAULT_POINT("gate.before_intent");
    if (intent_write(r, &f, x, e) < 0)
        return e->code;
    FAULT_POINT("gate.after_intent");
    return r->call(r->io, TAG_WRITE, &req, e);
}

/* ---- apply ---- */

static int outcome_audit(struct gate_run *r, const struct prop_full *f, const struct exec_row *x,
                         const char *verb, const struct net_reply *reply, const char *words,
                         struct err *e)
{
    json_t *detail = json_pack("{s:i, s:i, s:I, s:s*}", "ord", (int)x->ord, "status", reply->status,
                               "send", (json_int_t)x->sends, "why", words && *words ? words : NULL);

    CHECK(detail);
    if (call_logged(r->p, f->p.id, x->ord,
                    arena_printf(r->p->arena, "write: %s", f->acts[x->ord].verb), reply, verb,
                    e) < 0) {
        json_decref(detail);
        return e->code;
    }
    return gate_audit(r->p, "system", verb, f->p.id, f->p.incident_id, detail, e);
}

/* Nothing left us, or PagerDuty took nothing (429): as if this attempt had not been. */
static int not_sent(struct gate_run *r, struct prop_full *f, struct exec_row *x,
                    const struct send_out *out, struct err *e)
{
    int64_t wait_ms = out->wait_s ? (int64_t)out->wait_s * 1000 : NOT_SENT_WAIT_MS;

    x->sends--;
    if (x->sends == 0) {
        x->in_flight_until_ms = 0;
        x->first_sent_ms = 0;
        x->state = "waiting";
    } else {
        x->in_flight_until_ms = r->p->now_wall_ms;
    }
    if (exec_save(gate_of(r->p), f->p.id, x, e) < 0)
        return e->code;
    if (x->sends == 0 && x->ord == 0 &&
        prop_move(r->p, &f->p, PROPOSAL_APPROVED, "nothing was sent; it is tried again", "system",
                  NULL, e) < 0)
        return e->code;
    return hand_over(r, f->p.id, r->p->now_wall_ms + wait_ms, e);
}

static void note_id_keep(struct gate_run *r, struct exec_row *x, const struct net_reply *reply)
{
    AUTO(json_freep) json_t *j = NULL;
    struct err e = {0};
    const char *id;

    if (!x->marker || json_parse(reply->body, reply->body_len, 50000, &j, &e) < 0)
        return;
    id = json_at_str(j, "note.id");
    if (text_is_id(id))
        x->note_id = arena_strdup(r->p->arena, id);
}

static int clean_yes(struct gate_run *r, struct prop_full *f, struct exec_row *x,
                     const struct net_reply *reply, struct err *e)
{
    if (reply->body)
        note_id_keep(r, x, reply);
    x->result = EXEC_ANSWERED;
    if (exec_save(gate_of(r->p), f->p.id, x, e) < 0)
        return e->code;
    FAULT_POINT("gate.before_confirm");
    return exec_confirm(r->p, f, x, gate_cfg(r->p)->gate.confirm_wait_ms, e);
}

/* 1001 and 1002 say that the effect is there, and that it is not ours. */
static enum proposal_state moved_state(const char *verb, int code)
{
    if ((code == 1001 && text_eq(verb, "resolve")) ||
        (code == 1002 && text_eq(verb, "acknowledge")))
        return PROPOSAL_OVERTAKEN;
    return PROPOSAL_STALE;
}

int send_apply(struct gate_run *r, struct err *e)
{
    const struct net_reply *reply = r->reply(r->io, TAG_WRITE);
    const struct config *c = gate_cfg(r->p);
    struct prop_full f;
    struct exec_row *x = NULL;
    struct send_out out;
    static const char *const VERBS[] = {[SEND_CONFIRM] = "execution.answered",
                                        [SEND_NOT_SENT] = "execution.not_sent",
                                        [SEND_UNCLEAR] = "execution.unclear",
                                        [SEND_FAILED] = "execution.refused",
                                        [SEND_MOVED] = "execution.refused"};
    int rc;

    if (!reply)
        return 0;
    FAULT_POINT("gate.after_send");
    rc = load(r, &f, &x, e);
    if (rc <= 0)
        return rc; /* somebody settled it meanwhile; the audit log has the intent */
    CHECK(x);
    send_judge(r->p->arena, reply, x->sends, &out);
    if (outcome_audit(r, &f, x, VERBS[out.what], reply, out.words, e) < 0)
        return e->code;
    switch (out.what) {
    case SEND_CONFIRM:
        return clean_yes(r, &f, x, reply, e);
    case SEND_NOT_SENT:
        return not_sent(r, &f, x, &out, e);
    case SEND_UNCLEAR:
        return hand_over(
            r, f.p.id,
            defence_off("quiet") ? r->p->now_wall_ms : x->in_flight_until_ms + c->gate.quiet_ms, e);
    case SEND_FAILED:
        if (reply->status == 404 && triage_note_gone(r->p, &f, x, e) < 0)
            return e->code;
        return exec_failed(r->p, &f, x, PROPOSAL_FAILED, out.words, NULL, e);
    case SEND_MOVED:
        return exec_failed(r->p, &f, x, moved_state(f.acts[x->ord].verb, out.code), out.words, NULL,
                           e);
    }
    return err_set(e, ERR_INTERNAL, "the answer to a write was not understood");
}
