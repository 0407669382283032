#include <stdio.h>

#include "base/fault.h"
#include "gate/gate_priv.h"

/* Step "confirm", subject "PROPOSAL.ORD": a clean yes is not the proof; the effect is read back, and only then it is done
 * (INV-6). */
#define CONFIRM_WAIT_MAX_MS 30000
#define READ_ARENA          ((size_t)48 * 1024 * 1024)

static int load(struct gate_run *r, struct prop_full *f, struct exec_row **x, struct err *e)
{
    long long id;
    unsigned ord;
    char tail = 0;
    int rc;

    /* NOLINTNEXTLINE(cert-err34-c): the subject is a text of our own, and what follows the numbers is looked at */
    if (sscanf(r->subject, "%lld.%u%c", &id, &ord, &tail) != 2)
        return err_set(e, ERR_INTERNAL, "a confirm job's subject is malformed");
    rc = prop_load_full(gate_of(r->p)->sql, r->p->arena, id, f, e);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    *x = exec_next(f);
    return f->p.state == PROPOSAL_EXECUTING && *x && (*x)->ord == ord && (*x)->sends > 0 &&
           text_eq((*x)->state, "executing");
}

int confirm_plan(struct gate_run *r, struct err *e)
{
    struct prop_full f;
    struct exec_row *x = NULL;
    int rc = load(r, &f, &x, e);

    if (rc <= 0)
        return rc;
    CHECK(x);
    if (exec_clock_mend(r->p, &f, x, e) < 0)
        return e->code;
    return exec_ask(r, &f, &f.acts[x->ord], e);
}

/* Not visible yet: look again, later and later, until a person must say. */
static int not_yet(struct gate_run *r, struct prop_full *f, struct exec_row *x, bool heard,
                   struct err *e)
{
    const struct config *c = gate_cfg(r->p);
    int64_t wait_ms = c->gate.confirm_wait_ms > 0 ? c->gate.confirm_wait_ms : 1;

    if (r->p->now_wall_ms >= x->first_sent_ms + c->gate.unsure_after_ms)
        return exec_unsure(r->p, f, x,
                           heard ? "PagerDuty said yes, but the effect cannot be found there"
                                 : "PagerDuty said yes, but could not be read since",
                           e);
    for (unsigned i = 0; i < r->attempt && wait_ms < CONFIRM_WAIT_MAX_MS; i++)
        wait_ms *= 2;
    if (wait_ms > CONFIRM_WAIT_MAX_MS)
        wait_ms = CONFIRM_WAIT_MAX_MS;
    r->again(r->io, r->p->now_wall_ms + wait_ms);
    return 0;
}

int confirm_apply(struct gate_run *r, struct err *e)
{
    AUTO(arena_freep) struct arena *a = NULL;
    AUTO(json_freep) json_t *args = NULL;
    AUTO(json_freep) json_t *binds = NULL;
    struct prop_full f;
    struct exec_row *x = NULL;
    struct exec_seen seen;
    struct action_seen s;
    struct action_proof proof;
    int rc;

    if (!r->reply(r->io, TAG_INCIDENT))
        return 0;
    rc = load(r, &f, &x, e);
    if (rc <= 0)
        return rc;
    CHECK(x);
    a = arena_new(READ_ARENA);
    if (exec_hear(r, a, &f.acts[x->ord], &seen, e) < 0)
        return not_yet(r, &f, x, false, e);
    args = json_of(f.acts[x->ord].args);
    binds = json_of(f.acts[x->ord].binds);
    s = (struct action_seen){.view = &seen.view,
                             .args = args,
                             .binds = binds,
                             .log = seen.log.items,
                             .n_log = seen.log.n,
                             .notes = seen.notes.items,
                             .n_notes = seen.notes.n,
                             .marker = x->marker,
                             .from_pd_user = x->from_pd_user,
                             .log_after_ms = x->log_after_ms,
                             .log_last_id = x->log_last_id,
                             .answered = true};
    if (!action_find(f.acts[x->ord].verb)->proof(&s, &proof))
        return not_yet(r, &f, x, true, e);
    FAULT_POINT("gate.before_done");
    return exec_done(r->p, &f, x, &proof, &seen.view, seen.log.items, seen.log.n, e);
}
