#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "gate/gate_priv.h"

/*
 * Step "execute", subject "PROPOSAL": takes the next action in order, reads the state, and says what follows. It never sends;
 * it queues "send" for what it has just verified.
 */
#define KILL_WAIT_MS  1000 /* a release takes effect within this */
#define TOKEN_WAIT_MS 30000
#define READ_ARENA    ((size_t)48 * 1024 * 1024)

static void times_of(const struct config *c, struct exec_times *t)
{
    *t = (struct exec_times){.quiet_ms = c->gate.quiet_ms,
                             .resend_gap_ms = c->gate.resend_gap_ms,
                             .unsure_after_ms = c->gate.unsure_after_ms,
                             .valid_ms = c->gate.expires_ms};
}

static int64_t id_of(const char *subject)
{
    struct err e = {0};
    int64_t id;

    return parse_i64(subject, 1, INT64_MAX, &id, &e) == 0 ? id : 0;
}

/* 1: loaded and there is something to do; 0: nothing to do any more. */
static int load(struct gate_run *r, struct prop_full *f, struct exec_row **x, struct err *e)
{
    int rc = prop_load_full(gate_of(r->p)->sql, r->p->arena, id_of(r->subject), f, e);

    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    if (f->p.state != PROPOSAL_APPROVED && f->p.state != PROPOSAL_EXECUTING)
        return 0;
    *x = exec_next(f);
    return *x && (text_eq((*x)->state, "waiting") || text_eq((*x)->state, "executing"));
}

const char *gate_held(void *world)
{
    const struct world *w = world;

    if (!w->store_sound)
        return "the store is still being checked";
    if (!defence_off("killswitch") && kill_switch_engaged(w->cfg->state_dir))
        return "the kill switch is engaged";
    return NULL;
}

static int token_missing(struct gate_run *r, struct err *e)
{
    r->again(r->io, r->p->now_wall_ms + TOKEN_WAIT_MS);
    return engine_alarm(r->p, "pagerduty.token",
                        "an approved action waits, and there is no PagerDuty token",
                        "set pagerduty.token_file and reload", e);
}

int execute_plan(struct gate_run *r, struct err *e)
{
    const struct world *w = r->p->app;
    struct prop_full f;
    struct exec_row *x;
    const char *old;
    int64_t dead_ms;
    bool mine;
    int rc = load(r, &f, &x, e);

    if (rc <= 0)
        return rc;
    if (exec_answered(x))
        return exec_confirm(r->p, &f, x, 0, e);
    old = approval_too_old(r->p->now_wall_ms, f.p.approved_ms, w->cfg->gate.expires_ms);
    if (x->sends == 0 && old)
        return exec_failed(r->p, &f, x, PROPOSAL_EXPIRED, old, NULL, e);
    if (x->sends == 0 && gate_held(r->p->app)) {
        r->again(r->io, r->p->now_wall_ms + KILL_WAIT_MS);
        return 0;
    }
    if (!w->pd.token)
        return token_missing(r, e);
    if (exec_turn(r->p, &f, x, INT64_MAX, &mine, e) < 0)
        return e->code;
    if (!mine) {
        r->again(r->io, r->p->now_wall_ms + TURN_WAIT_MS);
        return 0;
    }
    if (exec_clock_mend(r->p, &f, x, e) < 0)
        return e->code;
    dead_ms = x->in_flight_until_ms + w->cfg->gate.quiet_ms;
    if (x->sends > 0 && r->p->now_wall_ms < dead_ms && !defence_off("quiet") &&
        !defence_off("readback")) {
        r->again(r->io, dead_ms);
        return 0;
    }
    return exec_ask(r, &f, &f.acts[x->ord], e);
}

/* ---- apply ---- */

/* Times are to the second, and an escalation writes several entries in one: all of the newest second were there before us. */
static const char *last_ids(struct arena *a, const struct pd_log_entries *log)
{
    const char *ids = "";

    for (size_t i = log->n; i-- > 0 && log->items[i].at_ms == log->items[log->n - 1].at_ms;)
        ids = arena_printf(a, "%s%s%s", log->items[i].id, *ids ? " " : "", ids);
    return ids;
}

static int send_queue(struct gate_run *r, struct prop_full *f, struct exec_row *x,
                      const struct exec_seen *seen, struct err *e)
{
    char subject[JOB_SUBJECT_MAX];

    if (gate_held(r->p->app)) {
        r->again(r->io, r->p->now_wall_ms + KILL_WAIT_MS);
        return 0;
    }
    x->fence++;
    x->verified_ms = seen->read_ms;
    if (x->sends == 0 && seen->log.n > 0) {
        x->log_after_ms = seen->log.items[seen->log.n - 1].at_ms;
        x->log_last_id = last_ids(r->p->arena, &seen->log);
    }
    if (exec_save(gate_of(r->p), f->p.id, x, e) < 0)
        return e->code;
    snprintf(subject, sizeof subject, "%lld.%u.%lld", (long long)f->p.id, x->ord,
             (long long)x->fence);
    return engine_add_job(r->p, "send", subject, PRIO_EXECUTE, r->p->now_wall_ms, e);
}

static int empty_read(struct gate_run *r, struct prop_full *f, struct exec_row *x,
                      const struct exec_out *out, struct err *e)
{
    x->empty_reads++;
    x->last_empty_ms = r->p->now_wall_ms;
    r->again(r->io, out->again_ms);
    if (call_logged(r->p, f->p.id, x->ord, "read back", NULL, "the effect is not there yet", e) < 0)
        return e->code;
    return exec_save(gate_of(r->p), f->p.id, x, e);
}

static int act_on(struct gate_run *r, struct prop_full *f, struct exec_row *x,
                  const struct exec_out *out, const struct exec_seen *seen, struct err *e)
{
    switch (out->what) {
    case EXEC_SEND:
        return send_queue(r, f, x, seen, e);
    case EXEC_DONE:
        return exec_done(r->p, f, x, &out->proof, &seen->view, seen->log.items, seen->log.n, e);
    case EXEC_WAIT:
        r->again(r->io, out->again_ms);
        return 0;
    case EXEC_EMPTY:
        return empty_read(r, f, x, out, e);
    case EXEC_STALE:
    case EXEC_REFUSED:
        return exec_failed(r->p, f, x, PROPOSAL_STALE, out->reason, NULL, e);
    case EXEC_OVERTAKEN:
        return exec_failed(r->p, f, x, PROPOSAL_OVERTAKEN, out->reason, out->who, e);
    case EXEC_EXPIRED:
        return exec_failed(r->p, f, x, PROPOSAL_EXPIRED, out->reason, NULL, e);
    case EXEC_UNSURE:
        return exec_unsure(r->p, f, x, out->reason, e);
    }
    return err_set(e, ERR_INTERNAL, "the executor does not know what to do");
}

/* Reading failed: nothing is known, so nothing is sent. After long doubt a person is asked all the same. */
static int not_heard(struct gate_run *r, struct prop_full *f, struct exec_row *x, struct err *e)
{
    const struct config *c = gate_cfg(r->p);

    if (e->code == ERR_NOT_FOUND && x->sends == 0)
        return exec_failed(r->p, f, x, PROPOSAL_FAILED, "PagerDuty does not know the incident",
                           NULL, e);
    if (x->sends > 0 && r->p->now_wall_ms >= x->first_sent_ms + c->gate.unsure_after_ms)
        return exec_unsure(r->p, f, x, "it was sent, and PagerDuty could not be read since", e);
    return e->code == ERR_NOT_FOUND ? err_set(e, ERR_RETRY, "the incident is not found") : e->code;
}

int execute_apply(struct gate_run *r, struct err *e)
{
    AUTO(arena_freep) struct arena *a = NULL;
    AUTO(json_freep) json_t *expected = NULL;
    AUTO(buf_done) struct buf why = {0};
    struct prop_full f;
    struct exec_row *x;
    struct exec_seen seen;
    struct exec_out out;
    struct err refused = {0};
    struct exec_in in;
    int rc;

    if (!r->reply(r->io, TAG_INCIDENT))
        return 0;
    rc = load(r, &f, &x, e);
    if (rc <= 0)
        return rc;
    if (exec_answered(x)) /* said yes while we were reading */
        return exec_confirm(r->p, &f, x, 0, e);
    a = arena_new(READ_ARENA);
    if (exec_hear(r, a, &f.acts[x->ord], &seen, e) < 0)
        return not_heard(r, &f, x, e);
    buf_init(&why, WORDS_MAX);
    expected = exec_expected(&f, &f.acts[x->ord], &why);
    in = (struct exec_in){.now_ms = r->p->now_wall_ms,
                          .def = action_find(f.acts[x->ord].verb),
                          .x = x,
                          .act = &f.acts[x->ord],
                          .approved_ms = f.p.approved_ms,
                          .view = &seen.view,
                          .log = seen.log.items,
                          .n_log = seen.log.n,
                          .notes = seen.notes.items,
                          .n_notes = seen.notes.n,
                          .expected = expected,
                          .interfered = why.len ? buf_str(&why) : NULL,
                          .zone = gate_cfg(r->p)->triage.time_zone};
    times_of(gate_cfg(r->p), &in.t);
    if (approval_check(r->p, &f, &seen.view, &in.mismatch, &refused) < 0)
        in.refused = refused.msg;
    exec_judge(r->p->arena, &in, &out);
    return act_on(r, &f, x, &out, &seen, e);
}
