#include <stdio.h>
#include <string.h>

#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

#define LIVE_MAX 64
#define SAME_MAX 20

/* An agent asks for itself, as rules do: it gets no second answer, and rests in a maintenance window. What it proposed is no
 * rule's, so that a newer assessment does not take it back. */
static bool asks_by_itself(const char *origin)
{
    return origin_is_machine(origin) || text_starts(origin, "agent:");
}

/* What counts as the same thing: the ordered verbs and targets, and for notes the text too. */
static void key_of(const struct new_action *acts, size_t n, char out[SHA256_HEX])
{
    struct digest d;

    digest_begin(&d, "triaged.proposal.key.v1");
    for (size_t i = 0; i < n; i++) {
        digest_str(&d, acts[i].def->verb);
        digest_str(&d, acts[i].target);
        if (acts[i].def->key_args)
            digest_str(&d, acts[i].args);
    }
    digest_end(&d, out);
}

static const char *risk_of(const struct new_action *acts, size_t n)
{
    static const char *const ORDER[] = {"low", "medium", "high"};
    size_t most = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t r = most; r < ARRAY_LEN(ORDER); r++)
            if (strcmp(acts[i].def->risk, ORDER[r]) == 0)
                most = r;
    return ORDER[most];
}

/* The same bytes as the current revision of an older proposal? */
static int acts_equal(struct engine_pass *p, const struct prop_row *old,
                      const struct new_action *acts, size_t n, bool *args_equal, bool *binds_equal,
                      struct err *e)
{
    struct act_row rows[GATE_ACTIONS_MAX];
    size_t n_rows;

    if (acts_load(gate_of(p)->sql, p->arena, old->id, old->revision, rows, &n_rows, e) < 0)
        return e->code;
    *args_equal = *binds_equal = n_rows == n;
    for (size_t i = 0; i < n && i < n_rows; i++) {
        *args_equal = *args_equal && text_eq(rows[i].args, acts[i].args);
        *binds_equal = *binds_equal && text_eq(rows[i].binds, acts[i].binds);
    }
    return 0;
}

struct memory {
    int64_t live_id;  /* the same is proposed already */
    int64_t replaces; /* a pending one that this supersedes, or the stale one that it follows */
    bool supersede;
    const char *note;
    struct prop_row row; /* of the one to supersede */
};

static int remember_live(struct engine_pass *p, const struct gate_proposal *x,
                         const struct prop_row *old, const struct new_action *acts, size_t n,
                         struct memory *m, struct err *e)
{
    bool args_equal = false, binds_equal = false;

    if (acts_equal(p, old, acts, n, &args_equal, &binds_equal, e) < 0)
        return e->code;
    if (old->state == PROPOSAL_PENDING && old->revision == 1 && origin_is_machine(old->origin) &&
        origin_is_machine(x->origin) && !(args_equal && binds_equal)) {
        m->supersede = true;
        m->row = *old;
        m->replaces = old->id;
        return 0;
    }
    m->live_id = old->id;
    m->note = "the same is proposed already";
    return 0;
}

/* An answer that people gave, or that events gave, is not asked for again while nothing it was about has changed. */
static int remember_ended(struct engine_pass *p, const struct prop_row *old,
                          const struct new_action *acts, size_t n, int64_t reopened_ms,
                          struct memory *m, struct err *e)
{
    bool args_equal = false, binds_equal = false;

    if (old->ended_ms <= reopened_ms)
        return 0;
    if (old->state == PROPOSAL_OVERTAKEN) {
        m->note = "somebody did this already, or made it moot, at PagerDuty";
        return 0;
    }
    if (acts_equal(p, old, acts, n, &args_equal, &binds_equal, e) < 0)
        return e->code;
    if (!binds_equal)
        return 0;
    if (old->state == PROPOSAL_REJECTED)
        m->note = "it was rejected, and nothing it depends on has changed";
    else if (old->state == PROPOSAL_EXPIRED)
        m->note = "nobody answered it before, and nothing it depends on has changed";
    else if (old->state == PROPOSAL_FAILED)
        m->note = "it failed before, and nothing it depends on has changed";
    else if (old->state == PROPOSAL_SHADOWED)
        m->note = "it was noted in shadow mode before, and nothing it depends on has changed";
    else if (old->state == PROPOSAL_DONE)
        m->note = "it was done already";
    return 0;
}

static bool is_live(enum proposal_state s)
{
    return s == PROPOSAL_PENDING || s == PROPOSAL_APPROVED || s == PROPOSAL_EXECUTING ||
           s == PROPOSAL_UNSURE;
}

static int remember(struct engine_pass *p, const struct gate_proposal *x, const char *key,
                    const struct new_action *acts, size_t n, struct memory *m, struct err *e)
{
    struct prop_row *old = arena_array(p->arena, SAME_MAX, sizeof *old);
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_PROPOSAL_SAME);
    struct gate_view seen;
    int64_t reopened_ms = 0;
    size_t n_old;

    store_bind_text(q, 1, x->subject_kind);
    store_bind_text(q, 2, x->subject_id);
    store_bind_text(q, 3, key);
    if (props_read(q, p->arena, old, SAME_MAX, &n_old, e) < 0)
        return e->code;
    if (view_load(gate_of(p)->sql, p->arena, x->incident_id, &seen, &reopened_ms, e) < 0 &&
        e->code != ERR_NOT_FOUND)
        return e->code;
    for (size_t i = 0; i < n_old && !m->note; i++) {
        int rc = 0;

        if (is_live(old[i].state))
            rc = remember_live(p, x, &old[i], acts, n, m, e);
        else if (asks_by_itself(x->origin))
            rc = remember_ended(p, &old[i], acts, n, reopened_ms, m, e);
        if (rc < 0)
            return rc;
        if (!m->replaces && i == 0 && old[i].state == PROPOSAL_STALE)
            m->replaces = old[i].id;
    }
    return 0;
}

/* At most so many wait for people on one incident; what supersedes one takes its place. */
static int room_check(struct engine_pass *p, const struct gate_proposal *x, const struct memory *m,
                      const char **note, struct err *e)
{
    struct prop_row *live = arena_array(p->arena, LIVE_MAX, sizeof *live);
    size_t n, counted = 0;

    if (prop_live(gate_of(p), p->arena, x->incident_id, live, LIVE_MAX, &n, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++)
        counted += !text_eq(live[i].origin, TRIAGE_NOTE_TEMPLATE) &&
                   !(m->supersede && live[i].id == m->row.id);
    if (counted >= gate_cfg(p)->triage.proposals_max)
        *note = "as many proposals as may wait on one incident are live already";
    return 0;
}

static const char *state_note(const struct gate_proposal *x, enum mode mode)
{
    if (mode == MODE_OFF)
        return "the service is switched off in the configuration";
    if (!asks_by_itself(x->origin))
        return NULL; /* people may act in a maintenance window */
    if (x->view->maintenance)
        return "the service is in a maintenance window";
    if (x->view->snoozed)
        return "the incident is snoozed";
    return NULL;
}

static int proposer_of(struct engine_pass *p, const char *origin, struct person *who, struct err *e)
{
    int64_t id;
    int rc;

    if (!text_starts(origin, "person:") && !text_starts(origin, "agent:"))
        return ERR_NOT_FOUND;
    if (parse_i64(strchr(origin, ':') + 1, 1, INT64_MAX, &id, e) < 0)
        return e->code;
    rc = people_get(p->people, id, who, e);
    return rc;
}

static int facts_store(struct engine_pass *p, const struct gate_proposal *x, char sha[SHA256_HEX],
                       struct err *e)
{
    const char *text;

    if (!x->facts)
        return 0;
    text = canon_of(p->arena, x->facts);
    return store_body_put(p->store, text, strlen(text), p->now_wall_ms, sha, e);
}

/* need nobody: the policy itself decides, in its own name and that of the configured service user. */
static int decide_by_policy(struct engine_pass *p, int64_t id, const char *rule, struct err *e)
{
    struct prop_full f;
    struct decider d = {.actor = arena_printf(p->arena, "policy:%s", rule),
                        .pd_user_id = "",
                        .email = gate_cfg(p)->pagerduty.from_email,
                        .name = rule,
                        .via = "policy"};
    struct person service;
    struct err absent = {0};

    if (people_by_email(p->people, d.email, &service, &absent) == 0)
        d.pd_user_id = arena_strdup(p->arena, service.pd_user_id);

    if (prop_load_full(gate_of(p)->sql, p->arena, id, &f, e) < 0 ||
        decision_insert(p, &f, &d, true, e) < 0)
        return e->code;
    return approve_complete(p, &f, &d, e);
}

static int insert_all(struct engine_pass *p, struct new_proposal *n, const struct memory *m,
                      int64_t *id, struct err *e)
{
    struct gate_proposal *x = arena_memdup(p->arena, n->x, sizeof *x);
    char *sha = arena_array(p->arena, SHA256_HEX, 1);
    char subject[24];

    if (!x->replaces_id)
        x->replaces_id = m->replaces;
    n->x = x;
    if (facts_store(p, x, sha, e) < 0)
        return e->code;
    n->facts_sha = *sha ? sha : NULL;
    if (m->supersede) {
        struct prop_row old = m->row;

        if (prop_move(p, &old, PROPOSAL_SUPERSEDED, "a newer assessment replaced it", x->origin,
                      NULL, e) < 0)
            return e->code;
    }
    if (insert_proposal(p, n, id, e) < 0)
        return e->code;
    if (n->state != PROPOSAL_PENDING || n->policy.on_expiry == EXPIRY_KEEP)
        return 0;
    snprintf(subject, sizeof subject, "%lld", (long long)*id);
    return engine_add_job(p, "expire", subject, PRIO_FOLLOW,
                          p->now_wall_ms + (n->policy.expires_ms ? n->policy.expires_ms
                                                                 : gate_cfg(p)->gate.expires_ms),
                          e);
}

int propose_checked(struct engine_pass *p, const struct gate_proposal *x, bool undo, int64_t *id,
                    const char **note, struct err *e)
{
    enum mode mode = config_service_mode(gate_cfg(p), x->view->service_id);
    struct new_proposal n = {.x = x,
                             .n_acts = x->n_actions,
                             .identity = "approver",
                             .author = x->origin,
                             .state = PROPOSAL_PENDING};
    struct memory m = {0};
    struct person who;
    char key[SHA256_HEX];
    int rc;

    *id = 0;
    *note = state_note(x, mode);
    if (*note || actions_prepare(p, x, undo, n.acts, note, e) < 0 || *note)
        return *note ? 0 : e->code;
    key_of(n.acts, n.n_acts, key);
    n.key = key;
    n.risk = risk_of(n.acts, n.n_acts);
    if (remember(p, x, key, n.acts, n.n_acts, &m, e) < 0)
        return e->code;
    *note = m.note;
    *id = m.live_id;
    if (!*note && !text_eq(x->origin, TRIAGE_NOTE_TEMPLATE) && room_check(p, x, &m, note, e) < 0)
        return e->code;
    if (*note)
        return 0;
    rc = proposer_of(p, x->origin, &who, e);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    policy_strictest(p, n.acts, n.n_acts, x->facts, x->view, x->origin, rc == 0 ? &who : NULL,
                     &n.policy);
    if (n.policy.need.kind == NEED_NEVER) {
        *note = arena_printf(p->arena, "the policy never allows this (rule %s)", n.policy.rule);
        return 0;
    }
    if (mode == MODE_SHADOW)
        n.state = PROPOSAL_SHADOWED;
    if (n.policy.need.kind == NEED_NOBODY && gate_cfg(p)->pagerduty.from_email)
        n.identity = "service";
    if (view_save(gate_of(p), x->view, p->now_wall_ms, e) < 0 || insert_all(p, &n, &m, id, e) < 0)
        return e->code;
    if (n.state == PROPOSAL_PENDING && text_eq(n.identity, "service"))
        return decide_by_policy(p, *id, n.policy.rule, e);
    return 0;
}

int gate_propose(struct engine_pass *p, const struct gate_proposal *x, int64_t *id,
                 const char **note, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};

    if (!text_eq(x->subject_kind, "incident") && !text_eq(x->subject_kind, "group"))
        return err_set(e, ERR_INPUT, "the subject of a proposal is an incident or a group");
    if (store_savepoint(&sp, p->store, e) < 0 || propose_checked(p, x, false, id, note, e) < 0)
        return e->code;
    return store_release(&sp, e);
}

bool gate_has_live(struct engine_pass *p, const char *incident_id)
{
    struct prop_row one;
    struct err e = {0};
    size_t n = 0;

    return prop_live(gate_of(p), p->arena, incident_id, &one, 1, &n, &e) == 0 && n > 0;
}

int gate_supersede(struct engine_pass *p, const char *incident_id, const int64_t *keep,
                   size_t n_keep, struct err *e)
{
    struct prop_row *live = arena_array(p->arena, LIVE_MAX, sizeof *live);
    size_t n;

    if (prop_live(gate_of(p), p->arena, incident_id, live, LIVE_MAX, &n, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++) {
        bool kept = live[i].state != PROPOSAL_PENDING || !origin_is_machine(live[i].origin) ||
                    live[i].revision > 1; /* a person's edit is a person's */

        for (size_t k = 0; k < n_keep; k++)
            kept = kept || keep[k] == live[i].id;
        if (!kept && prop_move(p, &live[i], PROPOSAL_SUPERSEDED,
                               "the newer assessment does not "
                               "propose it any more",
                               "system", NULL, e) < 0)
            return e->code;
    }
    return 0;
}
