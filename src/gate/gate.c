#include <stdio.h>
#include <string.h>

#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* The gate's state on the writing connection, and the rows of proposals. */

#define MARKER_KEY_META "marker_key"

static int marker_key_load(struct gate *g, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(4096);
    char hex[MARKER_KEY_BYTES * 2 + 1];
    const char *stored;
    int rc = store_meta_get(g->store, MARKER_KEY_META, a, &stored, e);

    if (rc == ERR_NOT_FOUND) {
        crypto_random(g->marker_key, MARKER_KEY_BYTES);
        hex_encode(g->marker_key, MARKER_KEY_BYTES, hex);
        return store_meta_set(g->store, MARKER_KEY_META, hex, e);
    }
    if (rc < 0)
        return rc;
    if (!hex_decode(stored, strlen(stored), g->marker_key, MARKER_KEY_BYTES))
        return err_set(e, ERR_INTERNAL, "the store's marker key is damaged: restore a backup");
    return 0;
}

int gate_open(struct store *s, struct gate **out, struct err *e)
{
    struct gate *g = mem_alloc(sizeof *g);

    g->store = s;
    if (store_prepare(s, GATE_SQL, GATE_STMTS, &g->sql, e) < 0 || marker_key_load(g, e) < 0) {
        mem_freep(&g);
        return e->code;
    }
    *out = g;
    return 0;
}

void gate_close(struct gate *g)
{
    if (g)
        explicit_bzero(g->marker_key, sizeof g->marker_key);
    mem_freep(&g);
}

struct gate *gate_of(struct engine_pass *p)
{
    return ((struct world *)p->app)->gate;
}

const struct config *gate_cfg(struct engine_pass *p)
{
    return ((struct world *)p->app)->cfg;
}

/* ---- small helpers ---- */

json_t *json_of(const char *text)
{
    json_t *j = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (json_is_object(j))
        return j;
    json_decref(j);
    return json_object();
}

char *canon_of(struct arena *a, const json_t *j)
{
    size_t len;

    return json_canon_arena(a, j, &len);
}

const char *words(struct arena *a, const struct buf *b)
{
    return arena_strdup(a, buf_str(b));
}

int gate_audit(struct engine_pass *p, const char *actor, const char *verb, int64_t proposal_id,
               const char *incident, json_t *detail, struct err *e)
{
    AUTO(json_freep) json_t *d = detail;
    char subject[40];
    struct audit_entry x = {
        .actor = actor, .verb = verb, .subject = subject, .incident = incident, .detail = d};

    snprintf(subject, sizeof subject, "proposal:%lld", (long long)proposal_id);
    return audit_append(p->audit, &x, p->now_wall_ms, e);
}

/* ---- rows ---- */

static void prop_read(struct store_stmt *q, struct arena *a, struct prop_row *r)
{
    int c = 0;

    r->id = store_int(q, c++);
    r->revision = store_int(q, c++);
    r->state = (enum proposal_state)proposal_state_parse(store_text(q, c++));
    r->subject_kind = store_text_dup(q, c++, a);
    r->subject_id = store_text_dup(q, c++, a);
    r->incident_id = store_text_dup(q, c++, a);
    r->key = store_text_dup(q, c++, a);
    r->origin = store_text_dup(q, c++, a);
    r->why = store_text_dup(q, c++, a);
    r->risk = store_text_dup(q, c++, a);
    r->facts = store_text_dup(q, c++, a);
    r->reason = store_text_dup(q, c++, a);
    r->ended_by = store_text_dup(q, c++, a);
    r->status_then = store_text_dup(q, c++, a);
    r->on_expiry = store_text_dup(q, c++, a);
    r->asked_level = (int)store_int(q, c++);
    r->asked = store_text_dup(q, c++, a);
    r->assessment_id = store_int(q, c++);
    r->bundle_id = store_int(q, c++);
    r->replaces_id = store_int(q, c++);
    r->created_ms = store_int(q, c++);
    r->expires_ms = store_int(q, c++);
    r->approved_ms = store_int(q, c++);
    r->ended_ms = store_int(q, c++);
    r->span_ms = store_int(q, c++);
    r->evidence = store_text_dup(q, c++, a);
}

int props_read(struct store_stmt *q, struct arena *a, struct prop_row *out, size_t max, size_t *n,
               struct err *e)
{
    int rc = 0;

    *n = 0;
    while (*n < max && (rc = store_step(q, e)) > 0)
        prop_read(q, a, &out[(*n)++]);
    store_reset(q);
    return rc < 0 ? rc : 0;
}

int prop_load(struct store_set *sql, struct arena *a, int64_t id, struct prop_row *out,
              struct err *e)
{
    struct store_stmt *q = store_begin(sql, GATE_PROPOSAL_GET);
    size_t n;

    store_bind_int(q, 1, id);
    if (props_read(q, a, out, 1, &n, e) < 0)
        return e->code;
    return n ? 0 : err_set(e, ERR_NOT_FOUND, "there is no proposal %lld", (long long)id);
}

int prop_live(struct gate *g, struct arena *a, const char *incident_id, struct prop_row *out,
              size_t max, size_t *n, struct err *e)
{
    struct store_stmt *q = store_begin(g->sql, GATE_PROPOSAL_LIVE);

    store_bind_text(q, 1, incident_id);
    store_bind_int(q, 2, (int64_t)max);
    return props_read(q, a, out, max, n, e);
}

int acts_load(struct store_set *sql, struct arena *a, int64_t id, int64_t revision,
              struct act_row out[GATE_ACTIONS_MAX], size_t *n, struct err *e)
{
    struct store_stmt *q = store_begin(sql, GATE_ACTIONS);
    int rc = 0;

    store_bind_int(q, 1, id);
    store_bind_int(q, 2, revision);
    *n = 0;
    while (*n < GATE_ACTIONS_MAX && (rc = store_step(q, e)) > 0)
        out[(*n)++] = (struct act_row){.ord = (unsigned)store_int(q, 0),
                                       .verb = store_text_dup(q, 1, a),
                                       .target = store_text_dup(q, 2, a),
                                       .args = store_text_dup(q, 3, a),
                                       .binds = store_text_dup(q, 4, a),
                                       .identity = store_text_dup(q, 5, a),
                                       .digest = store_text_dup(q, 6, a),
                                       .effect = store_text_dup(q, 7, a)};
    store_reset(q);
    return rc < 0 ? rc : 0;
}

void rev_read(struct store_stmt *q, struct arena *a, struct rev_row *out)
{
    *out = (struct rev_row){.revision = store_int(q, 0),
                            .digest = store_text_dup(q, 1, a),
                            .policy_rule = store_text_dup(q, 2, a),
                            .policy_hash = store_text_dup(q, 3, a),
                            .need = store_text_dup(q, 4, a),
                            .author = store_text_dup(q, 5, a),
                            .created_ms = store_int(q, 6)};
}

static int rev_load(struct store_set *sql, struct arena *a, const struct prop_row *p,
                    struct rev_row *out, struct err *e)
{
    struct store_stmt *q = store_begin(sql, GATE_REVISION_GET);
    int rc;

    store_bind_int(q, 1, p->id);
    store_bind_int(q, 2, p->revision);
    rc = store_step(q, e);
    if (rc > 0)
        rev_read(q, a, out);
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_INTERNAL, "proposal %lld has no revision %lld", (long long)p->id,
                       (long long)p->revision);
    return rc < 0 ? rc : 0;
}

void dec_read(struct store_stmt *q, struct arena *a, struct dec_row *out)
{
    *out = (struct dec_row){.id = store_int(q, 0),
                            .revision = store_int(q, 1),
                            .digest = store_text_dup(q, 2, a),
                            .approve = text_eq(store_text(q, 3), "approve"),
                            .actor = store_text_dup(q, 4, a),
                            .person_id = store_int(q, 5),
                            .pd_user_id = store_text_dup(q, 6, a),
                            .email = store_text_dup(q, 7, a),
                            .reason = store_text_dup(q, 8, a),
                            .via = store_text_dup(q, 9, a),
                            .created_ms = store_int(q, 10)};
}

#define DECISIONS_MAX 100
static int decs_load(struct store_set *sql, struct arena *a, struct prop_full *f, struct err *e)
{
    struct store_stmt *q = store_begin(sql, GATE_DECISIONS);
    int rc = 0;

    store_bind_int(q, 1, f->p.id);
    store_bind_int(q, 2, f->p.revision);
    f->decs = arena_array(a, DECISIONS_MAX, sizeof *f->decs);
    while (f->n_decs < DECISIONS_MAX && (rc = store_step(q, e)) > 0)
        dec_read(q, a, &f->decs[f->n_decs++]);
    store_reset(q);
    return rc < 0 ? rc : 0;
}

void exec_read_row(struct store_stmt *q, struct arena *a, struct exec_row *r)
{
    int c = 0;

    r->revision = store_int(q, c++);
    r->ord = (unsigned)store_int(q, c++);
    r->state = store_text_dup(q, c++, a);
    r->marker = store_text_dup(q, c++, a);
    r->from_email = store_text_dup(q, c++, a);
    r->from_pd_user = store_text_dup(q, c++, a);
    r->actor = store_text_dup(q, c++, a);
    r->in_flight_until_ms = store_int(q, c++);
    r->first_sent_ms = store_int(q, c++);
    r->sends = store_int(q, c++);
    r->empty_reads = store_int(q, c++);
    r->last_empty_ms = store_int(q, c++);
    r->fence = store_int(q, c++);
    r->epoch = store_int(q, c++);
    r->verified_ms = store_int(q, c++);
    r->log_after_ms = store_int(q, c++);
    r->log_last_id = store_text_dup(q, c++, a);
    r->note_id = store_text_dup(q, c++, a);
    r->after = store_text_dup(q, c++, a);
    r->result = store_text_dup(q, c++, a);
    r->created_ms = store_int(q, c++);
    r->ended_ms = store_int(q, c++);
}

static int execs_load(struct store_set *sql, struct arena *a, struct prop_full *f, struct err *e)
{
    struct store_stmt *q = store_begin(sql, GATE_EXECS);
    int rc = 0;

    store_bind_int(q, 1, f->p.id);
    while (f->n_execs < GATE_ACTIONS_MAX && (rc = store_step(q, e)) > 0)
        exec_read_row(q, a, &f->execs[f->n_execs++]);
    store_reset(q);
    return rc < 0 ? rc : 0;
}

int prop_load_full(struct store_set *sql, struct arena *a, int64_t id, struct prop_full *out,
                   struct err *e)
{
    *out = (struct prop_full){0};
    if (prop_load(sql, a, id, &out->p, e) < 0 || rev_load(sql, a, &out->p, &out->rev, e) < 0 ||
        acts_load(sql, a, id, out->p.revision, out->acts, &out->n_acts, e) < 0 ||
        decs_load(sql, a, out, e) < 0 || execs_load(sql, a, out, e) < 0)
        return e->code;
    return 0;
}

/* ---- moving ---- */

int prop_count(struct gate *g, enum proposal_state s, int delta, struct err *e)
{
    struct store_stmt *q = store_begin(g->sql, GATE_COUNTER_ADD);

    store_bind_text(q, 1, proposal_state_name(s));
    store_bind_int(q, 2, delta);
    return store_exec(q, e) < 0 ? e->code : 0;
}

static void bind_time(struct store_stmt *q, int param, int64_t ms)
{
    if (ms)
        store_bind_int(q, param, ms);
    else
        store_bind_null(q, param);
}

static bool is_live(enum proposal_state s)
{
    return s == PROPOSAL_PENDING || s == PROPOSAL_APPROVED || s == PROPOSAL_EXECUTING ||
           s == PROPOSAL_UNSURE;
}

static int prop_update(struct engine_pass *p, const struct prop_row *row, enum proposal_state to,
                       const char *reason, const char *by, struct err *e)
{
    struct gate *g = gate_of(p);
    struct store_stmt *q = store_begin(g->sql, GATE_PROPOSAL_MOVE);
    int n;

    store_bind_text(q, 1, proposal_state_name(to));
    store_bind_text(q, 2, reason);
    store_bind_text(q, 3, by);
    bind_time(q, 4,
              to == PROPOSAL_APPROVED && !row->approved_ms ? p->now_wall_ms : row->approved_ms);
    bind_time(q, 5, is_live(to) ? 0 : p->now_wall_ms);
    store_bind_int(q, 6, row->id);
    store_bind_text(q, 7, proposal_state_name(row->state));
    n = store_exec(q, e);
    if (n < 0)
        return n;
    if (n != 1)
        return err_set(e, ERR_CONFLICT, "proposal %lld is not %s any more", (long long)row->id,
                       proposal_state_name(row->state));
    if (prop_count(g, row->state, -1, e) < 0 || prop_count(g, to, 1, e) < 0)
        return e->code;
    return 0;
}

int prop_move(struct engine_pass *p, struct prop_row *row, enum proposal_state to,
              const char *reason, const char *by, json_t *extra, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    AUTO(json_freep) json_t *x = extra;
    char verb[40];
    json_t *detail;

    if (!proposal_may_move(row->state, to))
        return err_set(e, ERR_CONFLICT, "proposal %lld is %s and cannot become %s",
                       (long long)row->id, proposal_state_name(row->state),
                       proposal_state_name(to));
    detail = json_pack("{s:s, s:I, s:s*}", "was", proposal_state_name(row->state), "revision",
                       (json_int_t)row->revision, "reason", reason);
    CHECK(detail);
    if (x)
        CHECK(json_object_update(detail, x) == 0);
    snprintf(verb, sizeof verb, "proposal.%s", proposal_state_name(to));
    if (store_savepoint(&sp, p->store, e) < 0) {
        json_decref(detail);
        return e->code;
    }
    if (prop_update(p, row, to, reason, by, e) < 0) {
        json_decref(detail);
        return e->code;
    }
    if (gate_audit(p, by ? by : "system", verb, row->id, row->incident_id, detail, e) < 0 ||
        store_release(&sp, e) < 0)
        return e->code;
    if (to == PROPOSAL_APPROVED && !row->approved_ms)
        row->approved_ms = p->now_wall_ms;
    row->state = to;
    row->reason = reason;
    return 0;
}

/* ---- the newest view of an incident ---- */

int view_load(struct store_set *sql, struct arena *a, const char *incident_id,
              struct gate_view *out, int64_t *reopened_ms, struct err *e)
{
    struct store_stmt *q = store_begin(sql, GATE_VIEW_GET);
    AUTO(json_freep) json_t *j = NULL;
    int rc;

    store_bind_text(q, 1, incident_id);
    rc = store_step(q, e);
    if (rc > 0) {
        j = json_of(store_text(q, 0));
        view_from_json(a, j, out);
        if (reopened_ms)
            *reopened_ms = store_int(q, 2);
    }
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no state of incident %s is known", incident_id);
    return rc < 0 ? rc : 0;
}

/* A caller that read no on-calls does not make us forget who they were. */
static void oncalls_keep(struct gate_view *now, const struct gate_view *then)
{
    if (view_has_oncalls(now) || !text_eq(now->policy_id, then->policy_id))
        return;
    memcpy(now->oncall, then->oncall, sizeof now->oncall);
    memcpy(now->oncall_level, then->oncall_level, sizeof now->oncall_level);
    now->n_oncall = then->n_oncall;
    now->levels = then->levels;
    now->level = view_level(now);
}

int view_save(struct gate *g, const struct gate_view *v, int64_t now_wall_ms, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new((size_t)8 * 1024 * 1024);
    AUTO(json_freep) json_t *j = NULL;
    struct gate_view then = {0}, now = *v;
    int64_t reopened_ms = 0;
    struct store_stmt *q;
    int rc = view_load(g->sql, a, v->incident_id, &then, &reopened_ms, e);

    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    if (rc == 0) {
        oncalls_keep(&now, &then);
        if (text_eq(then.status, "resolved") && !text_eq(now.status, "resolved"))
            reopened_ms = now_wall_ms;
    }
    j = view_to_json(&now);
    q = store_begin(g->sql, GATE_VIEW_PUT);
    store_bind_text(q, 1, v->incident_id);
    store_bind_text(q, 2, canon_of(a, j));
    store_bind_int(q, 3, now_wall_ms);
    store_bind_int(q, 4, reopened_ms);
    return store_exec(q, e) < 0 ? e->code : 0;
}
