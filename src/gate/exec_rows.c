#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* The rows of executions and how one ends. Every end is in the audit log in the same savepoint. */

int exec_insert(struct gate *g, int64_t proposal_id, const struct exec_row *x, struct err *e)
{
    struct store_stmt *q = store_begin(g->sql, GATE_EXEC_INSERT);

    store_bind_int(q, 1, proposal_id);
    store_bind_int(q, 2, x->revision);
    store_bind_int(q, 3, x->ord);
    store_bind_text(q, 4, x->marker);
    store_bind_text(q, 5, x->from_email ? x->from_email : "");
    store_bind_text(q, 6, x->from_pd_user ? x->from_pd_user : "");
    store_bind_text(q, 7, x->actor);
    store_bind_int(q, 8, x->epoch);
    store_bind_int(q, 9, x->created_ms);
    return store_exec(q, e) < 0 ? e->code : 0;
}

static void bind_some(struct store_stmt *q, int param, int64_t v)
{
    if (v)
        store_bind_int(q, param, v);
    else
        store_bind_null(q, param);
}

int exec_save(struct gate *g, int64_t proposal_id, const struct exec_row *x, struct err *e)
{
    struct store_stmt *q = store_begin(g->sql, GATE_EXEC_SAVE);
    int n;

    store_bind_text(q, 1, x->state);
    bind_some(q, 2, x->in_flight_until_ms);
    bind_some(q, 3, x->first_sent_ms);
    store_bind_int(q, 4, x->sends);
    store_bind_int(q, 5, x->empty_reads);
    bind_some(q, 6, x->last_empty_ms);
    store_bind_int(q, 7, x->fence);
    store_bind_int(q, 8, x->epoch);
    bind_some(q, 9, x->verified_ms);
    bind_some(q, 10, x->log_after_ms);
    store_bind_text(q, 11, x->log_last_id);
    store_bind_text(q, 12, x->note_id);
    store_bind_text(q, 13, x->after);
    store_bind_text(q, 14, x->result);
    bind_some(q, 15, x->ended_ms);
    store_bind_int(q, 16, proposal_id);
    store_bind_int(q, 17, x->ord);
    n = store_exec(q, e);
    if (n < 0)
        return n;
    return n == 1 ? 0 : err_set(e, ERR_INTERNAL, "an execution's row is gone");
}

struct exec_row *exec_next(struct prop_full *f)
{
    for (size_t i = 0; i < f->n_execs; i++)
        if (!text_eq(f->execs[i].state, "done"))
            return &f->execs[i];
    return NULL;
}

static const struct act_row *act_of(const struct prop_full *f, const struct exec_row *x)
{
    for (size_t i = 0; i < f->n_acts; i++)
        if (f->acts[i].ord == x->ord)
            return &f->acts[i];
    check_failed("an execution without its action", __FILE__, __LINE__);
}

bool exec_answered(const struct exec_row *x)
{
    return text_eq(x->state, "executing") && text_eq(x->result, EXEC_ANSWERED);
}

int exec_confirm(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x,
                 int64_t wait_ms, struct err *e)
{
    char subject[48];

    snprintf(subject, sizeof subject, "%lld.%u", (long long)f->p.id, x->ord);
    return engine_add_job(p, "confirm", subject, PRIO_EXECUTE, p->now_wall_ms + wait_ms, e);
}

int exec_clock_mend(struct engine_pass *p, const struct prop_full *f, struct exec_row *x,
                    struct err *e)
{
    const struct config *c = gate_cfg(p);
    int64_t now = p->now_wall_ms, latest = now + c->gate.start_limit_ms + c->gate.send_limit_ms;

    if (x->sends == 0 ||
        (x->in_flight_until_ms <= latest && x->last_empty_ms <= now && x->first_sent_ms <= now))
        return 0;
    if (x->in_flight_until_ms > latest)
        x->in_flight_until_ms = latest;
    if (x->last_empty_ms > now)
        x->last_empty_ms = now;
    if (x->first_sent_ms > now)
        x->first_sent_ms = now;
    return exec_save(gate_of(p), f->p.id, x, e);
}

const char *approval_too_old(int64_t now_ms, int64_t approved_ms, int64_t valid_ms)
{
    if (now_ms > approved_ms + valid_ms)
        return "the approval was too old before it could be carried out";
    if (now_ms < approved_ms - APPROVAL_SKEW_MS)
        return "the clock was set back since it was approved, so that its age is not known";
    return NULL;
}

/*
 * Whose turn is it on this incident? What another proposal of ours is changing there, or has changed since read_ms, is not what
 * was read for this one (F-21). Who began first goes on; of two that began, the older one: so nobody waits for ever.
 */
int exec_turn(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x,
              int64_t read_ms, bool *mine, struct err *e)
{
    const struct action_def *own = action_find(act_of(f, x)->verb);
    struct store_stmt *q;
    int rc = 0;

    *mine = true;
    if (x->sends > 0 || !own || own->changes == 0 || defence_off("stale"))
        return 0;
    q = store_begin(gate_of(p)->sql, GATE_EXECS_OWN);
    store_bind_text(q, 1, f->p.incident_id);
    while (*mine && (rc = store_step(q, e)) > 0) {
        int64_t id = store_int(q, 0);
        const struct action_def *d = action_find(store_text(q, 1));
        bool running = text_eq(store_text(q, 5), "executing");

        if (id == f->p.id || !d || d->changes == 0)
            continue;
        if ((running && (f->p.state != PROPOSAL_EXECUTING || id < f->p.id)) ||
            store_int(q, 6) > read_ms)
            *mine = false;
    }
    store_reset(q);
    return rc < 0 ? rc : 0;
}

/* ---- done ---- */

/* Somebody else's hand in the log since our own call left: then our "after" is not ours alone. */
static const char *foreign_hand(const struct exec_row *x, const struct pd_log_entry *log, size_t n)
{
    static const char *const TYPES[] = {"acknowledge_log_entry", "unacknowledge_log_entry",
                                        "resolve_log_entry",     "trigger_log_entry",
                                        "escalate_log_entry",    "delegate_log_entry",
                                        "assign_log_entry"};
    struct action_seen s = {
        .log = log, .n_log = n, .log_after_ms = x->log_after_ms, .log_last_id = x->log_last_id};

    for (size_t i = 0; x->sends > 0 && i < ARRAY_LEN(TYPES); i++) {
        const struct pd_log_entry *e = seen_entry(&s, TYPES[i], false);

        if (e && ref_is_person(&e->agent) && !text_eq(e->agent.id, x->from_pd_user))
            return e->agent.summary ? e->agent.summary : "somebody";
    }
    return NULL;
}

static const char *after_text(struct arena *a, const struct exec_row *x,
                              const struct gate_view *after, const struct pd_log_entry *log,
                              size_t n_log)
{
    const char *foreign = foreign_hand(x, log, n_log);
    AUTO(json_freep) json_t *j = NULL;

    if (!after)
        return NULL;
    j = binds_of(after, BIND_ALL);
    if (foreign)
        json_object_set_new(j, "foreign", json_string(foreign));
    return canon_of(a, j);
}

static json_t *proof_json(const struct prop_full *f, const struct exec_row *x,
                          const struct action_proof *proof)
{
    json_t *o = json_pack("{s:i, s:s, s:s, s:s*, s:s*, s:s*}", "ord", (int)x->ord, "verb",
                          act_of(f, x)->verb, "how", proof->how, "note_id", proof->note_id,
                          "log_id", proof->log_id, "author_id", proof->author_id);

    CHECK(o);
    return o;
}

static int go_on(struct engine_pass *p, struct prop_full *f, struct err *e)
{
    char subject[24];

    if (!exec_next(f))
        return prop_move(p, &f->p, PROPOSAL_DONE, NULL, "system", NULL, e);
    if (f->p.state != PROPOSAL_EXECUTING &&
        prop_move(p, &f->p, PROPOSAL_EXECUTING, NULL, "system", NULL, e) < 0)
        return e->code;
    snprintf(subject, sizeof subject, "%lld", (long long)f->p.id);
    return engine_add_job(p, "execute", subject, PRIO_EXECUTE, p->now_wall_ms, e);
}

int exec_done(struct engine_pass *p, struct prop_full *f, struct exec_row *x,
              const struct action_proof *proof, const struct gate_view *after,
              const struct pd_log_entry *log, size_t n_log, struct err *e)
{
    json_t *detail = proof_json(f, x, proof);

    x->state = "done";
    x->ended_ms = p->now_wall_ms;
    x->result = canon_of(p->arena, detail);
    x->after = after_text(p->arena, x, after, log, n_log);
    if (proof->note_id)
        x->note_id = arena_strdup(p->arena, proof->note_id);
    if (gate_audit(p, "system", "execution.done", f->p.id, f->p.incident_id, detail, e) < 0 ||
        exec_save(gate_of(p), f->p.id, x, e) < 0)
        return e->code;
    if (after && view_save(gate_of(p), after, p->now_wall_ms, e) < 0)
        return e->code;
    if (text_eq(f->p.origin, TRIAGE_NOTE_TEMPLATE) && triage_note_done(p, f, x, x->note_id, e) < 0)
        return e->code;
    return go_on(p, f, e);
}

/* ---- not done ---- */

static int rest_drop(struct engine_pass *p, struct prop_full *f, const struct exec_row *x,
                     struct err *e)
{
    for (size_t i = 0; i < f->n_execs; i++) {
        struct exec_row *r = &f->execs[i];

        if (r->ord <= x->ord || !text_eq(r->state, "waiting"))
            continue;
        r->state = "dropped";
        r->ended_ms = p->now_wall_ms;
        if (exec_save(gate_of(p), f->p.id, r, e) < 0)
            return e->code;
    }
    return 0;
}

static bool some_done(const struct prop_full *f)
{
    for (size_t i = 0; i < f->n_execs; i++)
        if (text_eq(f->execs[i].state, "done"))
            return true;
    return false;
}

int exec_failed(struct engine_pass *p, struct prop_full *f, struct exec_row *x,
                enum proposal_state to, const char *reason, const char *who, struct err *e)
{
    const struct act_row *act = act_of(f, x);
    json_t *detail = json_pack("{s:i, s:s, s:s, s:s}", "ord", (int)x->ord, "verb", act->verb, "why",
                               reason, "end", proposal_state_name(to));

    CHECK(detail);
    x->state = to == PROPOSAL_FAILED ? "failed" : "dropped";
    x->ended_ms = p->now_wall_ms;
    x->result = canon_of(p->arena, detail);
    if (gate_audit(p, "system", "execution.failed", f->p.id, f->p.incident_id, detail, e) < 0 ||
        exec_save(gate_of(p), f->p.id, x, e) < 0 || rest_drop(p, f, x, e) < 0)
        return e->code;
    /* Half of it happened: whatever stopped the rest, the proposal as a whole failed. */
    if (some_done(f)) {
        reason =
            arena_printf(p->arena, "action %u (%s) was not carried out, the earlier ones were: %s",
                         x->ord + 1, act->verb, reason);
        to = PROPOSAL_FAILED;
    }
    return prop_move(p, &f->p, to, reason, who ? who : "system", NULL, e);
}

int exec_unsure(struct engine_pass *p, struct prop_full *f, struct exec_row *x, const char *reason,
                struct err *e)
{
    json_t *detail = json_pack("{s:i, s:s, s:s, s:I}", "ord", (int)x->ord, "verb",
                               act_of(f, x)->verb, "why", reason, "sends", (json_int_t)x->sends);

    CHECK(detail);
    x->state = "unsure";
    x->result = canon_of(p->arena, detail);
    if (gate_audit(p, "system", "execution.unsure", f->p.id, f->p.incident_id, detail, e) < 0 ||
        exec_save(gate_of(p), f->p.id, x, e) < 0)
        return e->code;
    return prop_move(p, &f->p, PROPOSAL_UNSURE, reason, "system", NULL, e);
}

int call_logged(struct engine_pass *p, int64_t proposal_id, unsigned ord, const char *what,
                const struct net_reply *r, const char *outcome, struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_CALL_INSERT);

    store_bind_int(q, 1, proposal_id);
    store_bind_int(q, 2, ord);
    store_bind_text(q, 3, what);
    if (r && r->status)
        store_bind_int(q, 4, r->status);
    else
        store_bind_null(q, 4);
    store_bind_text(q, 5, outcome);
    store_bind_int(q, 6, p->now_wall_ms);
    store_bind_int(q, 7, r ? r->took_ms : 0);
    return store_exec(q, e) < 0 ? e->code : 0;
}
