#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* A decision on the digest that was shown, and whether an approval still stands when it is carried out. */

static bool claims(const struct prop_full *f)
{
    for (size_t i = 0; i < f->n_acts; i++)
        if (text_eq(f->acts[i].verb, action_ack.verb))
            return true;
    return false;
}

/* ---- does it still stand? ---- */

/* Everything is hashed again from the rows that the request will be made of. */
bool digest_holds(const struct prop_full *f)
{
    char digests[GATE_ACTIONS_MAX][SHA256_HEX], whole[SHA256_HEX];

    for (size_t i = 0; i < f->n_acts; i++) {
        const struct act_row *a = &f->acts[i];

        digest_action(&(struct action_bytes){a->verb, a->target, a->args, a->binds, a->identity,
                                             f->rev.policy_hash},
                      digests[i]);
        if (!text_eq(digests[i], a->digest) || a->ord != i)
            return false;
    }
    digest_proposal(&(struct proposal_bytes){.id = f->p.id,
                                             .revision = f->rev.revision,
                                             .policy_rule = f->rev.policy_rule,
                                             .rule_hash = f->rev.policy_hash,
                                             .need = f->rev.need,
                                             .actions = (const char(*)[SHA256_HEX])digests,
                                             .n_actions = f->n_acts},
                    whole);
    if (!text_eq(whole, f->rev.digest))
        return false;
    for (size_t i = 0; i < f->n_decs; i++)
        if (!text_eq(f->decs[i].digest, whole))
            return false;
    return true;
}

static bool person_vote_valid(struct engine_pass *p, const struct dec_row *d,
                              const struct need *need, bool must_be_on_duty,
                              const struct gate_view *now)
{
    struct person who;
    struct err e = {0};

    if (people_get(p->people, d->person_id, &who, &e) < 0 ||
        decide_person_check(&who, need, &e) < 0)
        return false;
    /* The identity that the change will bear is the one that was decided with. */
    if (!text_eq(who.email, d->email) || !text_eq(who.pd_user_id, d->pd_user_id))
        return false;
    return !d->approve || !must_be_on_duty || !now || view_is_assigned(now, who.pd_user_id) ||
           view_is_on_call(now, who.pd_user_id);
}

static bool standing_vote_valid(struct engine_pass *p, const struct prop_full *f,
                                const struct dec_row *d, const struct gate_view *now)
{
    static const struct need ADMIN = {NEED_ANY, ROLE_ADMIN, 1, true};
    struct standing_row s;
    struct err e = {0};
    int64_t id;

    if (!text_eq(f->p.origin, TRIAGE_NOTE_TEMPLATE) ||
        parse_i64(d->actor + strlen("standing:"), 1, INT64_MAX, &id, &e) < 0 ||
        standing_load(gate_of(p)->sql, p->arena, id, &s, &e) < 0)
        return false;
    return standing_covers(&s, now ? now->service_id : NULL, p->now_wall_ms) &&
           person_vote_valid(p, d, &ADMIN, false, now);
}

static bool vote_valid(struct engine_pass *p, const struct prop_full *f, const struct dec_row *d,
                       const struct need *need, const struct gate_view *now)
{
    if (text_starts(d->actor, "policy:"))
        return need->kind == NEED_NOBODY && text_eq(d->email, gate_cfg(p)->pagerduty.from_email);
    if (text_starts(d->actor, "standing:"))
        return standing_vote_valid(p, f, d, now);
    return person_vote_valid(p, d, need, claims(f), now);
}

static enum tally tally_now(struct engine_pass *p, const struct prop_full *f,
                            const struct need *need, const struct gate_view *now, int *approvals)
{
    struct vote *votes = arena_array(p->arena, f->n_decs ? f->n_decs : 1, sizeof *votes);
    bool by_standing = f->n_decs > 0 && text_starts(f->decs[0].actor, "standing:");
    /* A standing approval is one approval, whatever the policy asks of people: it covers one text only. */
    struct need n = by_standing ? (struct need){NEED_ANY, ROLE_ADMIN, 1, true} : *need;

    for (size_t i = 0; i < f->n_decs; i++)
        votes[i] = (struct vote){f->decs[i].person_id, f->decs[i].approve,
                                 vote_valid(p, f, &f->decs[i], need, now)};
    return need_tally(&n, votes, f->n_decs, approvals);
}

static int policy_check(struct engine_pass *p, const struct prop_full *f,
                        const struct gate_view *now, struct err *e)
{
    const struct world *w = p->app;
    AUTO(json_freep) json_t *facts = NULL;
    const char *text;
    size_t len;

    if (!policy_has_rule(w->policy, f->rev.policy_hash))
        return err_set(e, ERR_DENIED, "the policy rule '%s' has changed since it was approved",
                       f->rev.policy_rule);
    if (f->p.facts && store_body_get(p->store, f->p.facts, p->arena, &text, &len, e) == 0)
        facts = json_of(text);
    for (size_t i = 0; now && i < f->n_acts; i++) {
        struct new_action act = {.def = action_find(f->acts[i].verb),
                                 .target = f->acts[i].target,
                                 .args = f->acts[i].args};
        struct policy_answer a;
        AUTO(json_freep) json_t *doc = NULL;

        if (!act.def)
            return err_set(e, ERR_DENIED, "the action %s is unknown", f->acts[i].verb);
        doc = policy_facts(facts, now, act.def->verb, &act, 1, f->p.origin, NULL);
        policy_ask(w->policy, doc, p->now_wall_ms, &a);
        if (a.need.kind == NEED_NEVER)
            return err_set(e, ERR_DENIED, "the policy does not allow it any more (rule %s)",
                           a.rule);
    }
    return 0;
}

/* From is what the completing decision said, not what a row in between says. */
static bool from_holds(const struct prop_full *f)
{
    for (size_t i = 0; i < f->n_execs; i++) {
        bool found = false;

        for (size_t k = 0; k < f->n_decs; k++)
            found = found || (f->decs[k].approve && text_eq(f->decs[k].actor, f->execs[i].actor) &&
                              text_eq(f->decs[k].email, f->execs[i].from_email) &&
                              text_eq(f->decs[k].pd_user_id ? f->decs[k].pd_user_id : "",
                                      f->execs[i].from_pd_user));
        if (!found || f->execs[i].revision != f->rev.revision)
            return false;
    }
    return f->n_execs == f->n_acts;
}

int approval_check(struct engine_pass *p, const struct prop_full *f, const struct gate_view *now,
                   bool *mismatch, struct err *e)
{
    struct need need;
    int approvals = 0;

    *mismatch = false;
    if (!defence_off("digest") && (!digest_holds(f) || !from_holds(f))) {
        *mismatch = true;
        return err_set(e, ERR_DENIED,
                       "digest mismatch: what would be sent is not what was approved");
    }
    if (defence_off("approval"))
        return 0;
    AUTO(json_freep) json_t *j = json_of(f->rev.need);

    if (need_from_json(j, &need, e) < 0)
        return e->code;
    if (tally_now(p, f, &need, now, &approvals) != TALLY_APPROVED)
        return err_set(
            e, ERR_DENIED,
            "the approval no longer stands: who gave it is disabled, has another role or "
            "identity, or is not assigned or on call any more");
    if (now && config_service_mode(gate_cfg(p), now->service_id) != MODE_PROPOSE)
        return err_set(e, ERR_DENIED, "the service's mode no longer lets anything out");
    return policy_check(p, f, now, e);
}

/* ---- deciding ---- */

int decision_insert(struct engine_pass *p, const struct prop_full *f, const struct decider *d,
                    bool approve, struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_DECISION_INSERT);
    json_t *detail;

    store_bind_int(q, 1, f->p.id);
    store_bind_int(q, 2, f->rev.revision);
    store_bind_text(q, 3, f->rev.digest);
    store_bind_text(q, 4, approve ? "approve" : "reject");
    store_bind_text(q, 5, d->actor);
    if (d->person_id)
        store_bind_int(q, 6, d->person_id);
    else
        store_bind_null(q, 6);
    store_bind_text(q, 7, d->pd_user_id);
    store_bind_text(q, 8, d->email);
    store_bind_text(q, 9, d->reason);
    store_bind_text(q, 10, d->via);
    store_bind_int(q, 11, p->now_wall_ms);
    if (store_exec(q, e) < 0)
        return e->code;
    detail =
        json_pack("{s:s, s:s, s:I, s:s, s:s*, s:s*}", "verdict", approve ? "approve" : "reject",
                  "digest", f->rev.digest, "revision", (json_int_t)f->rev.revision, "via", d->via,
                  "pd_user", d->pd_user_id, "reason", d->reason);
    CHECK(detail);
    return gate_audit(p, d->actor, "decision.made", f->p.id, f->p.incident_id, detail, e);
}

int approve_complete(struct engine_pass *p, struct prop_full *f, const struct decider *d,
                     struct err *e)
{
    char subject[24];

    if (prop_move(p, &f->p, PROPOSAL_APPROVED, NULL, d->actor,
                  json_pack("{s:s}", "digest", f->rev.digest), e) < 0)
        return e->code;
    for (size_t i = 0; i < f->n_acts; i++) {
        char marker[MARKER_LEN + 1];
        struct exec_row x = {.revision = f->rev.revision,
                             .ord = f->acts[i].ord,
                             .from_email = d->email,
                             .from_pd_user = d->pd_user_id,
                             .actor = d->actor,
                             .created_ms = p->now_wall_ms,
                             .epoch = p->boot_epoch};

        if (text_eq(f->acts[i].verb, action_note.verb)) {
            marker_make(gate_of(p)->marker_key, f->p.id, f->acts[i].ord, f->acts[i].digest, marker);
            x.marker = marker;
        }
        if (exec_insert(gate_of(p), f->p.id, &x, e) < 0)
            return e->code;
    }
    snprintf(subject, sizeof subject, "%lld", (long long)f->p.id);
    return engine_add_job(p, "execute", subject, PRIO_EXECUTE, p->now_wall_ms, e);
}

static const char *name_of(struct engine_pass *p, const struct dec_row *d)
{
    struct person who;
    struct err e = {0};

    if (d->person_id && people_get(p->people, d->person_id, &who, &e) == 0)
        return arena_strdup(p->arena, who.name);
    return d->actor;
}

/* Somebody was first: says who. */
static int ended_already(struct engine_pass *p, const struct prop_full *f, struct err *e)
{
    if (f->n_decs > 0)
        return err_set(e, ERR_CONFLICT, "proposal %lld is %s already; %s %s it", (long long)f->p.id,
                       proposal_state_name(f->p.state), name_of(p, &f->decs[f->n_decs - 1]),
                       f->decs[f->n_decs - 1].approve ? "approved" : "rejected");
    return err_set(e, ERR_CONFLICT, "proposal %lld is %s already%s%.120s", (long long)f->p.id,
                   proposal_state_name(f->p.state), f->p.reason ? ": " : "",
                   f->p.reason ? f->p.reason : "");
}

static bool on_duty(struct engine_pass *p, const struct prop_full *f, const struct person *who)
{
    struct gate_view v;
    struct err e = {0};

    return view_load(gate_of(p)->sql, p->arena, f->p.incident_id, &v, NULL, &e) == 0 &&
           (view_is_assigned(&v, who->pd_user_id) || view_is_on_call(&v, who->pd_user_id));
}

static json_t *outcome_json(struct engine_pass *p, const struct prop_full *f,
                            const struct need *need, int approvals)
{
    json_t *effects = json_array();

    for (size_t i = 0; i < f->n_acts; i++)
        json_array_append_new(effects, json_string(f->acts[i].effect));
    return json_pack("{s:I, s:s, s:s, s:i, s:i, s:o, s:b}", "id", (json_int_t)f->p.id, "state",
                     proposal_state_name(f->p.state), "digest", f->rev.digest, "approvals",
                     approvals, "needed", need->kind == NEED_COUNT ? need->count : 1, "effects",
                     effects, "kill_switch", kill_switch_engaged(gate_cfg(p)->state_dir));
}

static int decide(struct engine_pass *p, struct prop_full *f, const struct decide_in *in,
                  const struct decider *d, json_t **out, struct err *e)
{
    struct gate_view view;
    bool seen = view_load(gate_of(p)->sql, p->arena, f->p.incident_id, &view, NULL, e) == 0;
    enum tally t;
    int approvals = 0;

    if (decision_insert(p, f, d, in->approve, e) < 0 ||
        prop_load_full(gate_of(p)->sql, p->arena, f->p.id, f, e) < 0)
        return e->code;
    t = tally_now(p, f, in->need, seen ? &view : NULL, &approvals);
    if (t == TALLY_REJECTED &&
        prop_move(p, &f->p, PROPOSAL_REJECTED, d->reason, d->actor, NULL, e) < 0)
        return e->code;
    if (t == TALLY_APPROVED && approve_complete(p, f, d, e) < 0)
        return e->code;
    if (t != TALLY_OPEN && measure_add(p, f, t == TALLY_APPROVED, e) < 0)
        return e->code;
    *out = outcome_json(p, f, in->need, approvals);
    CHECK(*out);
    return 0;
}

/* Did this person make any revision of it? */
static int edited_by(struct engine_pass *p, const struct prop_full *f, const char *actor, bool *yes,
                     struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_REVISIONS);
    int rc;

    store_bind_int(q, 1, f->p.id);
    while ((rc = store_step(q, e)) > 0)
        *yes = *yes || text_eq(store_text(q, 5), actor);
    return rc;
}

int gate_decide(struct engine_pass *p, int64_t proposal_id, const char *digest,
                const struct person *who, bool approve, const char *reason, const char *via,
                json_t **out, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    AUTO(json_freep) json_t *need_json = NULL;
    struct prop_full f;
    struct need need;
    struct decide_in in = {.who = who, .need = &need, .approve = approve};
    struct decider d = {.actor = arena_printf(p->arena, "person:%lld", (long long)who->id),
                        .person_id = who->id,
                        .pd_user_id = who->pd_user_id,
                        .email = who->email,
                        .name = who->name,
                        .via = via,
                        .reason = reason};

    if (store_savepoint(&sp, p->store, e) < 0 ||
        prop_load_full(gate_of(p)->sql, p->arena, proposal_id, &f, e) < 0)
        return e->code;
    need_json = json_of(f.rev.need);
    if (need_from_json(need_json, &need, e) < 0)
        return e->code;
    in.state = f.p.state;
    in.claims = claims(&f);
    in.on_duty = on_duty(p, &f, who);
    in.digest_matches = text_eq(digest, f.rev.digest);
    in.past_deadline = f.p.expires_ms && p->now_wall_ms >= f.p.expires_ms;
    in.origin = f.p.origin;
    in.author = f.rev.author;
    for (size_t i = 0; i < f.n_decs; i++)
        in.decided_before = in.decided_before || f.decs[i].person_id == who->id;
    if (edited_by(p, &f, d.actor, &in.edited, e) < 0)
        return e->code;
    if (decide_check(&in, e) < 0)
        return e->code == ERR_CONFLICT && f.p.state != PROPOSAL_PENDING ? ended_already(p, &f, e)
                                                                        : e->code;
    if (decide(p, &f, &in, &d, out, e) < 0)
        return e->code;
    if (store_release(&sp, e) < 0) {
        json_freep(out);
        return e->code;
    }
    return 0;
}

/* A person says whether an effect that could not be proved is there. */
int gate_settle(struct engine_pass *p, int64_t proposal_id, const struct person *who, bool happened,
                const char *reason, struct err *e)
{
    static const struct need RESPONDER = {NEED_ANY, ROLE_RESPONDER, 1, true};
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    struct action_proof proof = {.how = "a person settled it"};
    struct prop_full f;
    struct exec_row *x;
    const char *actor = arena_printf(p->arena, "person:%lld", (long long)who->id);
    json_t *detail;

    if (decide_person_check(who, &RESPONDER, e) < 0 || store_savepoint(&sp, p->store, e) < 0 ||
        prop_load_full(gate_of(p)->sql, p->arena, proposal_id, &f, e) < 0)
        return e->code;
    x = exec_next(&f);
    if (f.p.state != PROPOSAL_UNSURE || !x)
        return err_set(e, ERR_CONFLICT, "proposal %lld is %s: there is nothing to settle",
                       (long long)proposal_id, proposal_state_name(f.p.state));
    detail =
        json_pack("{s:b, s:i, s:s*}", "happened", happened, "ord", (int)x->ord, "reason", reason);
    if (gate_audit(p, actor, "execution.settled", proposal_id, f.p.incident_id, detail, e) < 0)
        return e->code;
    if (happened
            ? exec_done(p, &f, x, &proof, NULL, NULL, 0, e) < 0
            : exec_failed(p, &f, x, PROPOSAL_FAILED,
                          reason ? reason : "a person says that it did not happen", actor, e) < 0)
        return e->code;
    return store_release(&sp, e);
}
