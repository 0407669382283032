#include <string.h>

#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* Writing a proposal with its revisions; asking the policy about it. */

/* ---- the facts that the policy sees ---- */

static json_t *people_names(const struct gate_person_ref *r, size_t n)
{
    json_t *list = json_array();

    /* Ids and names: a policy may say either. */
    for (size_t i = 0; i < n; i++) {
        if (r[i].id)
            json_array_append_new(list, json_string(r[i].id));
        if (r[i].name)
            json_array_append_new(list, json_string(r[i].name));
    }
    return list;
}

static void set_text(json_t *o, const char *key, const char *s)
{
    if (s)
        json_object_set_new(o, key, json_string(s));
}

/* Where nobody gave facts, the state of the incident stands for them. */
static json_t *facts_of_view(const struct gate_view *v)
{
    json_t *incident = json_object(), *service = json_object();

    set_text(incident, "id", v->incident_id);
    set_text(incident, "title", v->title);
    set_text(incident, "status", v->status);
    set_text(incident, "urgency", v->urgency);
    set_text(incident, "priority", v->priority);
    set_text(incident, "service_id", v->service_id);
    set_text(incident, "service", v->service);
    set_text(incident, "policy_id", v->policy_id);
    set_text(incident, "policy", v->policy);
    json_object_set_new(incident, "number", json_integer(v->number));
    if (v->level)
        json_object_set_new(incident, "level", json_integer(v->level));
    set_text(service, "id", v->service_id);
    set_text(service, "name", v->service);
    return json_pack("{s:o, s:o}", "incident", incident, "service", service);
}

static const char *origin_kind(const char *origin, char out[32])
{
    size_t len = strcspn(origin, ":");

    if (len > 31)
        len = 31;
    memcpy(out, origin, len);
    out[len] = '\0';
    return out;
}

json_t *policy_facts(json_t *facts, const struct gate_view *view, const char *verb,
                     const struct new_action *acts, size_t n, const char *origin,
                     const struct person *proposer)
{
    json_t *doc = facts ? json_deep_copy(facts) : facts_of_view(view);
    json_t *verbs = json_array(), *action, *people;
    const struct new_action *act = &acts[0];
    char kind[32];

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(verbs, json_string(acts[i].def->verb));
        if (strcmp(acts[i].def->verb, verb) == 0)
            act = &acts[i];
    }
    action = json_pack("{s:s, s:o, s:I, s:s, s:s, s:s, s:o}", "verb", verb, "verbs", verbs, "count",
                       (json_int_t)n, "target", act->target, "risk", act->def->risk, "origin",
                       origin, "args", json_of(act->args));
    people = json_pack(
        "{s:o, s:o, s:s}", "assigned", people_names(view->assignees, view->n_assignees), "on_call",
        people_names(view->oncall, view->n_oncall), "proposer_kind", origin_kind(origin, kind));
    CHECK(doc && action && people);
    if (proposer) {
        set_text(people, "proposer", proposer->name);
        set_text(people, "proposer_role", role_name(proposer->role));
    }
    json_object_set_new(doc, "action", action);
    json_object_set_new(doc, "people", people);
    return doc;
}

/* The facts as they stand without the model's words: what rules alone say is assessment.alone. NULL: it had no say. */
static json_t *facts_alone(const json_t *facts)
{
    const json_t *a = json_opt_obj(facts, "assessment");
    json_t *out, *alone;

    if (!json_opt_bool(a, "model", false))
        return NULL;
    out = json_copy((json_t *)(uintptr_t)facts);
    alone = json_opt_obj(a, "alone") ? json_copy(json_opt_obj(a, "alone")) : json_object();
    CHECK(out && alone);
    json_object_set_new(alone, "basis", json_string("rules"));
    json_object_set_new(alone, "model", json_false());
    json_object_set_new(alone, "suspicious", json_false());
    json_object_set_new(out, "assessment", alone);
    return out;
}

/* Some other origin meets the same rule: then it says nothing about models, whatever it names. */
static bool holds_for_others(const struct policy *policy, json_t *doc, const char *rule_hash,
                             int64_t now_wall_ms)
{
    static const char *const others[] = {"rule:-", "person:0", "agent:0", "-"};
    json_t *action = json_opt_obj(doc, "action");
    bool holds = false;

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct policy_answer a;

        json_object_set_new(action, "origin", json_string(others[i]));
        policy_ask(policy, doc, now_wall_ms, &a);
        holds |= text_eq(a.hash, rule_hash);
    }
    json_object_set_new(action, "origin", json_string(ORIGIN_MODEL));
    return holds;
}

/*
 * A policy that lets things through by itself meant what rules say. It does so for a model only where its rule is for that
 * origin and no other, and for nobody where texts of the incident tried to give orders. And an acknowledge claims the incident for somebody: that somebody must say so.
 */
static bool needs_person(const struct policy *policy, const struct policy_answer *a, json_t *doc,
                         const struct action_def *def, const char *origin, int64_t now_wall_ms)
{
    return def == &action_ack ||
           (text_eq(origin, ORIGIN_MODEL) &&
            (!a->names_origin || holds_for_others(policy, doc, a->hash, now_wall_ms))) ||
           json_opt_bool(json_opt_obj(doc, "assessment"), "suspicious", false);
}

static void strictest_of(struct engine_pass *p, const struct new_action *acts, size_t n,
                         json_t *facts, const struct gate_view *view, const char *origin,
                         const struct person *proposer, bool *any, struct policy_answer *out)
{
    const struct policy *policy = ((struct world *)p->app)->policy;

    for (size_t i = 0; i < n; i++) {
        AUTO(json_freep)
        json_t *doc = policy_facts(facts, view, acts[i].def->verb, acts, n, origin, proposer);
        struct policy_answer a;

        policy_ask(policy, doc, p->now_wall_ms, &a);
        if (a.need.kind == NEED_NOBODY &&
            needs_person(policy, &a, doc, acts[i].def, origin, p->now_wall_ms))
            a.need = (struct need){NEED_ANY, ROLE_RESPONDER, 1, true};
        if (!*any || need_strictness(&a.need) > need_strictness(&out->need))
            *out = a;
        *any = true;
    }
}

void policy_strictest(struct engine_pass *p, const struct new_action *acts, size_t n, json_t *facts,
                      const struct gate_view *view, const char *origin,
                      const struct person *proposer, struct policy_answer *out)
{
    AUTO(json_freep) json_t *alone = facts_alone(facts);
    bool any = false;

    strictest_of(p, acts, n, facts, view, origin, proposer, &any, out);
    /* A model's words may ask for more people, never for fewer. */
    if (alone)
        strictest_of(p, acts, n, alone, view, origin, proposer, &any, out);
}

/* ---- checking the actions ---- */

static bool list_has(const json_t *list, const char *verb)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (text_eq(json_string_value(json_array_get(list, i)), verb))
            return true;
    return false;
}

/* Text from outside may stand in a note: what cannot be seen is made visible before anybody approves it. */
const char *content_safe(struct arena *a, const char *content)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, (size_t)4 * NOTE_CONTENT_MAX_BYTES);
    text_show(&b, content, strlen(content), NOTE_CONTENT_MAX_BYTES, false);
    return words(a, &b);
}

static void content_make_safe(struct arena *a, json_t *args)
{
    const char *content = json_opt_str(args, "content");

    if (content)
        CHECK(json_object_set_new(args, "content", json_string(content_safe(a, content))) == 0);
}

static int action_prepare(struct engine_pass *p, const struct gate_proposal *x,
                          const struct gate_action *in, bool undo, struct new_action *out,
                          const char **note, struct err *e)
{
    const struct action_def *d = action_find(in->verb);
    AUTO(json_freep) json_t *args = in->args ? json_deep_copy(in->args) : json_object();
    AUTO(json_freep) json_t *binds = NULL;
    AUTO(buf_done) struct buf text = {0};
    struct action_ctx ctx = {.view = x->view, .args = args, .zone = gate_cfg(p)->triage.time_zone};

    if (!d)
        return err_set(e, ERR_INPUT, "there is no action '%.40s'", in->verb ? in->verb : "");
    if (!text_eq(in->target, x->view->incident_id) && d != &action_note)
        return err_set(e, ERR_INPUT, "%s needs the state of its own incident: propose it there",
                       d->verb);
    if (!text_is_id(in->target))
        return err_set(e, ERR_INPUT, "%s: the target is no incident id", d->verb);
    if (!undo && (d->undo_only || json_object_get(args, "keep")))
        return err_set(e, ERR_DENIED, "only the undo of a proposal may do that (%s)", d->verb);
    if (x->allow && !list_has(x->allow, d->verb)) {
        *note = arena_printf(p->arena, "the rules do not allow %s here", d->verb);
        return 0;
    }
    content_make_safe(p->arena, args);
    if (action_args_check(d, args, e) < 0)
        return e->code;
    /* Whose note that is cannot be seen from here: only code that knows it for ours changes one. */
    if (!undo && json_object_get(args, "note_id") && !text_eq(x->origin, TRIAGE_NOTE_TEMPLATE))
        return err_set(e, ERR_DENIED, "a proposal adds a note; it does not change one");
    buf_init(&text, (size_t)WORDS_MAX * 4);
    if (!d->precondition(&ctx, &text)) {
        *note = words(p->arena, &text);
        return 0;
    }
    buf_clear(&text);
    d->describe(&ctx, &text);
    binds = binds_of(x->view, d->binds);
    *out = (struct new_action){.def = d,
                               .target = arena_strdup(p->arena, in->target),
                               .args = canon_of(p->arena, args),
                               .binds = canon_of(p->arena, binds),
                               .effect = words(p->arena, &text)};
    return 0;
}

int actions_prepare(struct engine_pass *p, const struct gate_proposal *x, bool undo,
                    struct new_action acts[GATE_ACTIONS_MAX], const char **note, struct err *e)
{
    if (x->n_actions < 1 || x->n_actions > GATE_ACTIONS_MAX)
        return err_set(e, ERR_INPUT, "a proposal has 1 to %d actions", GATE_ACTIONS_MAX);
    for (size_t i = 0; i < x->n_actions && !*note; i++)
        if (action_prepare(p, x, &x->actions[i], undo, &acts[i], note, e) < 0)
            return e->code;
    return 0;
}

/* ---- rows ---- */

static int insert_action(struct engine_pass *p, int64_t id, int64_t revision, unsigned ord,
                         const struct new_proposal *n, char digest[SHA256_HEX], struct err *e)
{
    const struct new_action *a = &n->acts[ord];
    struct store_stmt *q;

    digest_action(&(struct action_bytes){a->def->verb, a->target, a->args, a->binds, n->identity,
                                         n->policy.hash},
                  digest);
    q = store_begin(gate_of(p)->sql, GATE_ACTION_INSERT);
    store_bind_int(q, 1, id);
    store_bind_int(q, 2, revision);
    store_bind_int(q, 3, ord);
    store_bind_text(q, 4, a->def->verb);
    store_bind_text(q, 5, a->target);
    store_bind_text(q, 6, a->args);
    store_bind_text(q, 7, a->binds);
    store_bind_text(q, 8, n->identity);
    store_bind_text(q, 9, digest);
    store_bind_text(q, 10, a->effect);
    return store_exec(q, e) < 0 ? e->code : 0;
}

int insert_revision(struct engine_pass *p, int64_t id, int64_t revision,
                    const struct new_proposal *n, char digest[SHA256_HEX], struct err *e)
{
    AUTO(json_freep) json_t *need = need_to_json(&n->policy.need);
    const char *need_text = canon_of(p->arena, need);
    char digests[GATE_ACTIONS_MAX][SHA256_HEX];
    struct store_stmt *q;

    for (unsigned i = 0; i < n->n_acts; i++)
        digest_action(&(struct action_bytes){n->acts[i].def->verb, n->acts[i].target,
                                             n->acts[i].args, n->acts[i].binds, n->identity,
                                             n->policy.hash},
                      digests[i]);
    digest_proposal(&(struct proposal_bytes){.id = id,
                                             .revision = revision,
                                             .policy_rule = n->policy.rule,
                                             .rule_hash = n->policy.hash,
                                             .need = need_text,
                                             .actions = (const char(*)[SHA256_HEX])digests,
                                             .n_actions = n->n_acts},
                    digest);
    q = store_begin(gate_of(p)->sql, GATE_REVISION_INSERT);
    store_bind_int(q, 1, id);
    store_bind_int(q, 2, revision);
    store_bind_text(q, 3, digest);
    store_bind_text(q, 4, n->policy.rule);
    store_bind_text(q, 5, n->policy.hash);
    store_bind_text(q, 6, need_text);
    store_bind_text(q, 7, n->author);
    store_bind_int(q, 8, p->now_wall_ms);
    if (store_exec(q, e) < 0)
        return e->code;
    for (unsigned i = 0; i < n->n_acts; i++)
        if (insert_action(p, id, revision, i, n, digests[i], e) < 0)
            return e->code;
    return 0;
}

static void bind_id(struct store_stmt *q, int param, int64_t id)
{
    if (id > 0)
        store_bind_int(q, param, id);
    else
        store_bind_null(q, param);
}

static int insert_row(struct engine_pass *p, const struct new_proposal *n, int64_t *id,
                      struct err *e)
{
    const struct gate_proposal *x = n->x;
    bool shadowed = n->state == PROPOSAL_SHADOWED;
    int64_t span = n->policy.expires_ms ? n->policy.expires_ms : gate_cfg(p)->gate.expires_ms;
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_PROPOSAL_INSERT);
    int rc;

    store_bind_text(q, 1, x->subject_kind);
    store_bind_text(q, 2, x->subject_id);
    store_bind_text(q, 3, x->incident_id);
    store_bind_text(q, 4, proposal_state_name(n->state));
    store_bind_text(q, 5, n->key);
    store_bind_text(q, 6, x->origin);
    store_bind_text(q, 7, x->why ? x->why : "");
    store_bind_text(q, 8, n->risk);
    store_bind_text(q, 9, n->facts_sha);
    store_bind_text(q, 10, x->view->status);
    store_bind_text(q, 11, on_expiry_name(n->policy.on_expiry));
    bind_id(q, 12, x->assessment_id);
    bind_id(q, 13, x->bundle_id);
    bind_id(q, 14, x->replaces_id);
    store_bind_int(q, 15, p->now_wall_ms);
    store_bind_int(q, 16, n->policy.on_expiry == EXPIRY_KEEP ? 0 : p->now_wall_ms + span);
    store_bind_text(q, 17, shadowed ? "the service is in shadow mode" : NULL);
    store_bind_text(q, 18, shadowed ? "system" : NULL);
    bind_id(q, 19, shadowed ? p->now_wall_ms : 0);
    store_bind_int(q, 20, span);
    store_bind_text(q, 21, json_array_size(x->evidence) ? canon_of(p->arena, x->evidence) : NULL);
    rc = store_step(q, e);
    if (rc > 0)
        *id = store_int(q, 0);
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_INTERNAL, "the proposal got no number");
    return rc < 0 ? rc : 0;
}

static json_t *actions_json(const struct new_proposal *n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n->n_acts; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "verb", n->acts[i].def->verb, "target",
                                        n->acts[i].target, "effect", n->acts[i].effect));
    return list;
}

int insert_proposal(struct engine_pass *p, const struct new_proposal *n, int64_t *id, struct err *e)
{
    char digest[SHA256_HEX];
    json_t *detail;

    if (insert_row(p, n, id, e) < 0 || insert_revision(p, *id, 1, n, digest, e) < 0 ||
        prop_count(gate_of(p), n->state, 1, e) < 0)
        return e->code;
    detail =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "state", proposal_state_name(n->state),
                  "origin", n->x->origin, "digest", digest, "policy_rule", n->policy.rule,
                  "policy_hash", n->policy.hash, "actions", actions_json(n), "risk", n->risk);
    CHECK(detail);
    return gate_audit(p, n->author, "proposal.created", *id, n->x->incident_id, detail, e);
}
