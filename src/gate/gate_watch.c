#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* A fresh state of an incident ends the proposals whose ground it moved. */

#define LIVE_MAX 64
#define OWN_MAX  100

static int own_load(struct engine_pass *p, const char *incident_id, struct watch_own *out,
                    size_t *n, struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_EXECS_OWN);
    int rc = 0;

    store_bind_text(q, 1, incident_id);
    *n = 0;
    while (*n < OWN_MAX && (rc = store_step(q, e)) > 0)
        out[(*n)++] = (struct watch_own){.proposal_id = store_int(q, 0),
                                         .verb = store_text_dup(q, 1, p->arena),
                                         .pd_user_id = store_text_dup(q, 2, p->arena),
                                         .from_ms = store_int(q, 3),
                                         .until_ms = store_int(q, 4)};
    store_reset(q);
    return rc < 0 ? rc : 0;
}

static enum proposal_state end_state(enum watch_end end)
{
    switch (end) {
    case WATCH_OVERTAKEN:
        return PROPOSAL_OVERTAKEN;
    case WATCH_STALE:
        return PROPOSAL_STALE;
    case WATCH_WITHDRAWN:
    case WATCH_KEEP:
        break;
    }
    return PROPOSAL_WITHDRAWN;
}

static int one_seen(struct engine_pass *p, struct watch_in *in, struct prop_row *row, int *n_ended,
                    struct err *e)
{
    struct act_row acts[GATE_ACTIONS_MAX];
    struct watch_out out;

    if (acts_load(gate_of(p)->sql, p->arena, row->id, row->revision, acts, &in->n_acts, e) < 0)
        return e->code;
    in->state = row->state;
    in->status_then = row->status_then;
    in->acts = acts;
    watch_judge(p->arena, in, &out);
    in->acts = NULL; /* they are this call's */
    if (out.end == WATCH_KEEP)
        return 0;
    (*n_ended)++;
    return prop_move(p, row, end_state(out.end), out.reason, out.who ? out.who : "system", NULL, e);
}

int gate_incident_seen(struct engine_pass *p, const struct gate_view *now,
                       const struct pd_log_entry *log, size_t n_log, int *n_ended, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    struct prop_row *live = arena_array(p->arena, LIVE_MAX, sizeof *live);
    struct watch_own *own = arena_array(p->arena, OWN_MAX, sizeof *own);
    struct watch_in in = {.now = now, .log = log, .n_log = n_log, .own = own};
    size_t n;

    *n_ended = 0;
    if (store_savepoint(&sp, p->store, e) < 0 ||
        prop_live(gate_of(p), p->arena, now->incident_id, live, LIVE_MAX, &n, e) < 0)
        return e->code;
    if (n > 0 && own_load(p, now->incident_id, own, &in.n_own, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++)
        if (live[i].state == PROPOSAL_PENDING || live[i].state == PROPOSAL_APPROVED)
            if (one_seen(p, &in, &live[i], n_ended, e) < 0)
                return e->code;
    if (view_save(gate_of(p), now, p->now_wall_ms, e) < 0)
        return e->code;
    return store_release(&sp, e);
}
