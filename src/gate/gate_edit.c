#include <stdio.h>
#include <string.h>

#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* A new revision of a pending proposal, and the undo of a done one. */

static bool undo_kind(const struct prop_full *f)
{
    for (size_t i = 0; i < f->n_acts; i++) {
        const struct action_def *d = action_find(f->acts[i].verb);
        AUTO(json_freep) json_t *args = json_of(f->acts[i].args);

        if ((d && d->undo_only) || json_object_get(args, "keep"))
            return true;
    }
    return false;
}

static int may_edit(const struct prop_full *f, const char *digest, const struct person *who,
                    unsigned ord, const json_t *args, struct err *e)
{
    static const struct need RESPONDER = {NEED_ANY, ROLE_RESPONDER, 1, true};

    if (decide_person_check(who, &RESPONDER, e) < 0)
        return e->code;
    if (f->p.state != PROPOSAL_PENDING)
        return err_set(e, ERR_CONFLICT, "proposal %lld is %s: it can no longer be edited",
                       (long long)f->p.id, proposal_state_name(f->p.state));
    if (!text_eq(digest, f->rev.digest))
        return err_set(e, ERR_CONFLICT,
                       "the proposal was changed since it was shown: look at it again");
    if (text_eq(f->p.origin, TRIAGE_NOTE_TEMPLATE))
        return err_set(e, ERR_DENIED, "the triage note is made by code; write a note of your own");
    if (ord >= f->n_acts)
        return err_set(e, ERR_INPUT, "the proposal has %zu actions, counted from 0", f->n_acts);
    if (!json_is_object(args) || json_object_get(args, "keep") || json_object_get(args, "note_id"))
        return err_set(e, ERR_INPUT, "only what the action says and how far it goes can be edited");
    return 0;
}

static int revise_row(struct engine_pass *p, const struct prop_full *f, struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_PROPOSAL_REVISE);
    int rows;

    store_bind_int(q, 1, f->p.revision + 1);
    store_bind_text(q, 2, f->p.key);
    store_bind_text(q, 3, f->p.risk);
    store_bind_text(q, 4, f->p.on_expiry);
    store_bind_int(q, 5, f->p.id);
    rows = store_exec(q, e);
    if (rows < 0)
        return rows;
    return rows == 1 ? 0 : err_set(e, ERR_CONFLICT, "the proposal is not pending any more");
}

/* The arguments before and after, so that the audit log shows the difference. */
static json_t *edit_detail(const struct prop_full *f, unsigned ord, const struct new_action *after,
                           const char *digest)
{
    json_t *o =
        json_pack("{s:i, s:s, s:I, s:o, s:o, s:s, s:s}", "ord", (int)ord, "verb", f->acts[ord].verb,
                  "revision", (json_int_t)f->p.revision + 1, "was", json_of(f->acts[ord].args),
                  "args", json_of(after->args), "was_digest", f->rev.digest, "digest", digest);

    CHECK(o);
    return o;
}

struct edit {
    struct gate_proposal x;
    json_t *args[GATE_ACTIONS_MAX];
};

static void edit_done(struct edit *d)
{
    for (size_t i = 0; i < ARRAY_LEN(d->args); i++)
        json_freep(&d->args[i]);
    json_freep(&d->x.facts);
}

static int facts_load(struct engine_pass *p, const struct prop_row *row, json_t **out,
                      struct err *e)
{
    const char *text;
    size_t len;
    int rc;

    if (!row->facts)
        return 0;
    rc = store_body_get(p->store, row->facts, p->arena, &text, &len, e);
    if (rc == 0)
        *out = json_of(text);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* The proposal as it would be made now, with the changed arguments in place. */
static int edit_fill(struct engine_pass *p, const struct prop_full *f, unsigned ord, json_t *args,
                     struct gate_view *view, struct edit *d, struct err *e)
{
    if (view_load(gate_of(p)->sql, p->arena, f->p.incident_id, view, NULL, e) < 0)
        return e->code;
    d->x = (struct gate_proposal){.subject_kind = f->p.subject_kind,
                                  .subject_id = f->p.subject_id,
                                  .incident_id = f->p.incident_id,
                                  .view = view,
                                  .origin = f->p.origin,
                                  .n_actions = f->n_acts};
    for (size_t i = 0; i < f->n_acts; i++) {
        d->args[i] = json_of(f->acts[i].args);
        if (i == ord)
            CHECK(json_object_update(d->args[i], args) == 0);
        d->x.actions[i] = (struct gate_action){f->acts[i].verb, f->acts[i].target, d->args[i]};
    }
    return facts_load(p, &f->p, &d->x.facts, e);
}

static int edit_write(struct engine_pass *p, const struct prop_full *f, const struct person *who,
                      unsigned ord, const struct edit *d, struct new_proposal *n, json_t **out,
                      struct err *e)
{
    const char *actor = arena_printf(p->arena, "person:%lld", (long long)who->id);
    char digest[SHA256_HEX];

    n->author = actor;
    policy_strictest(p, n->acts, n->n_acts, d->x.facts, d->x.view, f->p.origin, who, &n->policy);
    if (n->policy.need.kind == NEED_NEVER)
        return err_set(e, ERR_DENIED, "the policy never allows this (rule %s)", n->policy.rule);
    if (revise_row(p, f, e) < 0 ||
        insert_revision(p, f->p.id, f->p.revision + 1, n, digest, e) < 0 ||
        gate_audit(p, actor, "proposal.edited", f->p.id, f->p.incident_id,
                   edit_detail(f, ord, &n->acts[ord], digest), e) < 0)
        return e->code;
    *out = json_pack("{s:I, s:s, s:s, s:I, s:s}", "id", (json_int_t)f->p.id, "state", "pending",
                     "digest", digest, "revision", (json_int_t)f->p.revision + 1, "effect",
                     n->acts[ord].effect);
    CHECK(*out);
    return 0;
}

int gate_edit(struct engine_pass *p, int64_t proposal_id, const char *digest,
              const struct person *who, unsigned ord, json_t *args, json_t **out, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    AUTO(edit_done) struct edit d = {0};
    struct prop_full f;
    struct gate_view view;
    struct new_proposal n = {.identity = "approver", .state = PROPOSAL_PENDING};
    const char *note = NULL;

    if (store_savepoint(&sp, p->store, e) < 0 ||
        prop_load_full(gate_of(p)->sql, p->arena, proposal_id, &f, e) < 0 ||
        may_edit(&f, digest, who, ord, args, e) < 0 ||
        edit_fill(p, &f, ord, args, &view, &d, e) < 0 ||
        actions_prepare(p, &d.x, undo_kind(&f), n.acts, &note, e) < 0)
        return e->code;
    if (note)
        return err_set(e, ERR_INPUT, "%.200s", note);
    n.x = &d.x;
    n.n_acts = f.n_acts;
    if (edit_write(p, &f, who, ord, &d, &n, out, e) < 0)
        return e->code;
    if (store_release(&sp, e) < 0) {
        json_freep(out);
        return e->code;
    }
    return 0;
}

/* ---- undo ---- */

static int undo_note(const struct prop_full *f, const struct exec_row *x, const struct person *who,
                     struct gate_action *out, struct err *e)
{
    AUTO(json_freep) json_t *args = json_of(f->acts[x->ord].args);
    const char *note_id =
        json_opt_str(args, "note_id") ? json_opt_str(args, "note_id") : x->note_id;
    AUTO(buf_done) struct buf b = {0};

    if (!note_id)
        return err_set(e, ERR_CONFLICT,
                       "the number of the note is not known: edit it in PagerDuty");
    buf_init(&b, WORDS_MAX);
    buf_puts(&b, "This note was withdrawn by ");
    text_show(&b, who->name, strlen(who->name), PERSON_NAME_MAX, true);
    buf_putc(&b, '.');
    out->verb = action_note.verb;
    out->args =
        json_pack("{s:s, s:s, s:s}", "content", buf_str(&b), "note_id", note_id, "keep", x->marker);
    return out->args ? 0 : err_set(e, ERR_INTERNAL, "the note has no marker");
}

static int undo_escalate(const struct prop_full *f, const struct exec_row *x,
                         struct gate_action *out, struct err *e)
{
    AUTO(json_freep) json_t *args = json_of(f->acts[x->ord].args);
    AUTO(json_freep) json_t *binds = json_of(f->acts[x->ord].binds);
    int64_t level = json_opt_int(binds, "level", 0);
    const char *policy = json_opt_str(binds, "policy");

    if (level < 1)
        return err_set(e, ERR_CONFLICT, "the level it was at before is not known");
    out->verb = action_escalate.verb;
    out->args = json_pack("{s:I, s:s*}", "level", (json_int_t)level, "policy_id",
                          json_opt_str(args, "policy_id") ? policy : NULL);
    return out->args ? 0 : err_set(e, ERR_INTERNAL, "the earlier level is not known");
}

static int undo_action(const struct prop_full *f, const struct exec_row *x,
                       const struct person *who, struct gate_action *out, struct err *e)
{
    static const struct {
        const struct action_def *of, *undo;
    } PLAIN[] = {{&action_ack, &action_retrigger},
                 {&action_retrigger, &action_ack},
                 {&action_resolve, &action_reopen},
                 {&action_reopen, &action_resolve}};
    const char *verb = f->acts[x->ord].verb;

    out->target = f->acts[x->ord].target;
    if (text_eq(verb, action_note.verb))
        return undo_note(f, x, who, out, e);
    if (text_eq(verb, action_escalate.verb))
        return undo_escalate(f, x, out, e);
    for (size_t i = 0; i < ARRAY_LEN(PLAIN); i++)
        if (text_eq(verb, PLAIN[i].of->verb)) {
            out->verb = PLAIN[i].undo->verb;
            out->args = json_object();
            return 0;
        }
    return err_set(e, ERR_CONFLICT, "%s cannot be undone", verb);
}

static int undo_propose(struct engine_pass *p, const struct prop_full *f, const struct person *who,
                        struct edit *d, int64_t *id, struct err *e)
{
    const char *note = NULL;
    struct gate_view *view = arena_array(p->arena, 1, sizeof *view);
    bool reopened = false;

    if (view_load(gate_of(p)->sql, p->arena, f->p.incident_id, view, NULL, e) < 0)
        return e->code;
    d->x.view = view;
    for (size_t i = f->n_execs; i-- > 0;) { /* last done, first undone */
        struct gate_action *a = &d->x.actions[d->x.n_actions];
        int rc;

        /* Reopened is triggered: nothing is left of an acknowledge. */
        if (reopened && text_eq(f->acts[i].verb, action_ack.verb))
            continue;
        reopened = reopened || text_eq(f->acts[i].verb, action_resolve.verb);
        rc = undo_action(f, &f->execs[i], who, a, e);
        d->args[d->x.n_actions++] = a->args;
        if (rc < 0)
            return rc;
    }
    if (propose_checked(p, &d->x, true, id, &note, e) < 0)
        return e->code;
    return note ? err_set(e, ERR_CONFLICT, "%.200s", note) : 0;
}

int gate_undo(struct engine_pass *p, int64_t proposal_id, const struct person *who, int64_t *id,
              struct err *e)
{
    static const struct need RESPONDER = {NEED_ANY, ROLE_RESPONDER, 1, true};
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    AUTO(edit_done) struct edit d = {0};
    struct prop_full f;

    if (decide_person_check(who, &RESPONDER, e) < 0 || store_savepoint(&sp, p->store, e) < 0 ||
        prop_load_full(gate_of(p)->sql, p->arena, proposal_id, &f, e) < 0)
        return e->code;
    if (f.p.state != PROPOSAL_DONE)
        return err_set(e, ERR_CONFLICT, "proposal %lld is %s: only what is done can be undone",
                       (long long)proposal_id, proposal_state_name(f.p.state));
    d.x = (struct gate_proposal){
        .subject_kind = f.p.subject_kind,
        .subject_id = f.p.subject_id,
        .incident_id = f.p.incident_id,
        .origin = arena_printf(p->arena, "person:%lld", (long long)who->id),
        .why = arena_printf(p->arena, "undoes proposal %lld", (long long)proposal_id)};
    if (undo_propose(p, &f, who, &d, id, e) < 0)
        return e->code;
    return store_release(&sp, e);
}
