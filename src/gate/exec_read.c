#include <string.h>

#include "gate/gate_priv.h"

/* The reads that come before a write and prove it afterwards. They may use the share of the limiter that is kept for actions. */

/* Log entries older than the proposal say nothing about it; the slack is for PagerDuty's clock. */
#define LOG_BACK_MS 600000

static int ask(struct gate_run *r, int tag, enum pd_op_id op, const struct pd_args *args,
               struct err *e)
{
    const struct world *w = r->p->app;
    struct net_req req;

    if (pd_get(r->p->arena, &w->pd, op, args, &req, e) < 0)
        return e->code;
    req.cls = NET_ACTION;
    return r->call(r->io, tag, &req, e);
}

static int ask_people(struct gate_run *r, const struct prop_full *f, struct err *e)
{
    struct gate_view v;
    int rc = view_load(gate_of(r->p)->sql, r->p->arena, f->p.incident_id, &v, NULL, e);

    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    if (rc < 0 || !text_is_id(v.policy_id))
        return 0;
    if (ask(r, TAG_ONCALLS, PD_OP_ONCALLS,
            &(struct pd_args){.ids = (const char *const[]){v.policy_id}, .n_ids = 1}, e) < 0)
        return e->code;
    return ask(r, TAG_POLICY, PD_OP_POLICY, &(struct pd_args){.id = v.policy_id}, e);
}

int exec_ask(struct gate_run *r, const struct prop_full *f, const struct act_row *act,
             struct err *e)
{
    const struct action_def *d = action_find(act->verb);

    if (!d)
        return err_set(e, ERR_INTERNAL, "the action %s is unknown", act->verb);
    if (ask(r, TAG_INCIDENT, PD_OP_INCIDENT, &(struct pd_args){.id = act->target}, e) < 0)
        return e->code;
    if (d->reads_oncalls && ask_people(r, f, e) < 0)
        return e->code;
    if (d->reads_notes)
        return ask(r, TAG_NOTES, PD_OP_NOTES, &(struct pd_args){.id = act->target}, e);
    return ask(r, TAG_LOG, PD_OP_LOG_ENTRIES,
               &(struct pd_args){.id = act->target, .since_ms = f->p.created_ms - LOG_BACK_MS}, e);
}

/* 2xx, else the error; a missing reply was not asked for and is fine when it is not needed. */
static int good(const struct net_reply *reply, const char *what, struct err *e)
{
    struct pd_error pe;

    if (!reply)
        return err_set(e, ERR_RETRY, "%s was not read", what);
    if (reply->code != 0)
        return err_retry(e, reply->retry_after_s, "%s: %s", what, reply->msg);
    if (reply->status >= 200 && reply->status < 300)
        return 0;
    pd_error_parse(NULL, reply->status, reply->body, reply->body_len, &pe);
    if (reply->status == 404)
        return err_set(e, ERR_NOT_FOUND, "PagerDuty does not know the incident");
    return err_retry(e, reply->retry_after_s, "%s: HTTP %d %s", what, reply->status,
                     pe.meaning ? pe.meaning : "");
}

static int hear_people(struct gate_run *r, struct arena *a, const struct pd_incident *in,
                       struct pd_oncalls *oncalls, struct pd_policy *policy, struct err *e)
{
    const struct net_reply *o = r->reply(r->io, TAG_ONCALLS);
    const struct net_reply *y = r->reply(r->io, TAG_POLICY);

    if (good(o, "on-calls", e) < 0 || good(y, "the escalation policy", e) < 0)
        return e->code == ERR_NOT_FOUND ? err_set(e, ERR_RETRY, "the escalation policy is gone")
                                        : e->code;
    if (pd_read_oncalls(a, o->body, o->body_len, in->policy.id, oncalls, e) < 0 ||
        pd_read_policy(a, y->body, y->body_len, policy, e) < 0)
        return err_set(e, ERR_RETRY, "on-calls or policy could not be read");
    return 0;
}

static int hear_list(struct gate_run *r, struct arena *a, const struct action_def *d,
                     struct exec_seen *out, struct err *e)
{
    const struct net_reply *n = r->reply(r->io, d->reads_notes ? TAG_NOTES : TAG_LOG);
    int rc = good(n, d->reads_notes ? "notes" : "log entries", e);

    if (rc < 0)
        return rc;
    if (d->reads_notes)
        rc = pd_read_notes(a, n->body, n->body_len, &out->notes, e);
    else
        rc = pd_read_log_entries(a, n->body, n->body_len, &out->log, e);
    return rc < 0 ? err_set(e, ERR_RETRY, "notes or log entries could not be read") : 0;
}

int exec_hear(struct gate_run *r, struct arena *a, const struct act_row *act, struct exec_seen *out,
              struct err *e)
{
    const struct action_def *d = action_find(act->verb);
    const struct net_reply *reply = r->reply(r->io, TAG_INCIDENT);
    struct pd_incident in;
    struct pd_oncalls oncalls = {0};
    struct pd_policy policy = {0};
    bool people = d->reads_oncalls && r->reply(r->io, TAG_ONCALLS);

    *out = (struct exec_seen){0};
    if (good(reply, "the incident", e) < 0)
        return e->code;
    if (pd_read_incident(a, reply->body, reply->body_len, &in, e) < 0 ||
        !text_eq(in.id, act->target))
        return err_set(e, ERR_RETRY, "the incident could not be read");
    if (people && hear_people(r, a, &in, &oncalls, &policy, e) < 0)
        return e->code;
    if (hear_list(r, a, d, out, e) < 0)
        return e->code;
    gate_view_from_pd(&in, oncalls.items, oncalls.n, people ? &policy : NULL, &out->view);
    gate_view_read_log(&out->view, out->log.items, out->log.n);
    out->read_ms = r->p->now_wall_ms - reply->took_ms;
    return 0;
}

static void expected_take(json_t *expected, const json_t *after, unsigned changes)
{
    AUTO(json_freep) json_t *names = binds_names(changes);
    size_t i;
    json_t *name;

    json_array_foreach (names, i, name) {
        const char *key = json_string_value(name);

        if (json_object_get(expected, key))
            json_object_set(expected, key, json_object_get(after, key));
    }
}

json_t *exec_expected(const struct prop_full *f, const struct act_row *act, struct buf *why)
{
    json_t *expected = json_of(act->binds);

    for (size_t i = 0; i < f->n_execs; i++) {
        const struct exec_row *x = &f->execs[i];
        const struct action_def *d = action_find(f->acts[i].verb);
        AUTO(json_freep) json_t *after = NULL;

        if (x->ord >= act->ord || !text_eq(x->state, "done") || !d || d->changes == 0)
            continue;
        after = json_of(x->after);
        if (!x->after) {
            buf_printf(why, "what %s left behind was not read, so that nobody can say what is ours",
                       d->verb);
        } else if (json_opt_str(after, "foreign")) {
            buf_printf(why, "%s changed the incident while %s was carried out",
                       json_opt_str(after, "foreign"), d->verb);
        } else {
            expected_take(expected, after, d->changes);
        }
    }
    return expected;
}
