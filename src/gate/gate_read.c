#include <string.h>

#include "base/clock.h"
#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* Readers: JSON for API and command line, on a connection of their own. */
#define LIST_MAX   200
#define READ_BYTES ((size_t)16 * 1024 * 1024)

struct gate_reader {
    struct store *store;
    struct store_set *sql;
    struct people *people;
};

static void reader_freep(struct gate_reader **r)
{
    gate_reader_close(*r);
    *r = NULL;
}

int gate_reader_open(struct store *s, struct gate_reader **out, struct err *e)
{
    AUTO(reader_freep) struct gate_reader *r = mem_alloc(sizeof *r);

    r->store = s;
    if (store_prepare(s, GATE_SQL, GATE_STMTS, &r->sql, e) < 0 ||
        people_open(s, NULL, &r->people, e) < 0)
        return e->code;
    *out = TAKE(r);
    return 0;
}

void gate_reader_close(struct gate_reader *r)
{
    if (r)
        people_close(r->people);
    mem_freep(&r);
}

/* ---- pieces ---- */

static void put_time(json_t *o, const char *key, int64_t ms)
{
    char iso[TIME_ISO_MAX];

    CHECK(json_object_set_new(o, key,
                              ms ? json_string(time_format_iso(ms, true, iso)) : json_null()) == 0);
}

static void put_id(json_t *o, const char *key, int64_t id)
{
    CHECK(json_object_set_new(o, key, id ? json_integer(id) : json_null()) == 0);
}

static json_t *row_json(const struct prop_row *r)
{
    json_t *o = json_pack("{s:I, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s}",
                          "id", (json_int_t)r->id, "state", proposal_state_name(r->state),
                          "revision", (json_int_t)r->revision, "subject_kind", r->subject_kind,
                          "subject_id", r->subject_id, "incident", r->incident_id, "origin",
                          r->origin, "why", r->why, "risk", r->risk, "reason", r->reason,
                          "ended_by", r->ended_by, "asked", r->asked, "on_expiry", r->on_expiry);

    CHECK(o);
    json_object_set_new(o, "evidence",
                        r->evidence ? json_loads(r->evidence, 0, NULL) : json_array());
    put_id(o, "assessment_id", r->assessment_id);
    put_id(o, "bundle_id", r->bundle_id);
    put_id(o, "replaces_id", r->replaces_id);
    put_time(o, "created_at", r->created_ms);
    put_time(o, "expires_at", r->expires_ms);
    put_time(o, "approved_at", r->approved_ms);
    put_time(o, "ended_at", r->ended_ms);
    return o;
}

static json_t *action_json(const struct act_row *a)
{
    const struct action_def *d = action_find(a->verb);
    json_t *o = json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s}", "ord", (int)a->ord,
                          "verb", a->verb, "target", a->target, "args", json_of(a->args), "binds",
                          json_of(a->binds), "identity", a->identity, "digest", a->digest, "effect",
                          a->effect, "risk", d ? d->risk : "high", "undo", d ? d->undo : "");

    CHECK(o);
    return o;
}

static json_t *actions_json(const struct act_row *acts, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, action_json(&acts[i]));
    return list;
}

static json_t *decision_json(struct gate_reader *r, const struct dec_row *d)
{
    struct person who;
    struct err e = {0};
    bool known = d->person_id && people_get(r->people, d->person_id, &who, &e) == 0;
    json_t *o = json_pack(
        "{s:s, s:s, s:s?, s:I, s:s, s:s?, s:s, s:s?}", "verdict", d->approve ? "approve" : "reject",
        "actor", d->actor, "name", known ? who.name : NULL, "revision", (json_int_t)d->revision,
        "digest", d->digest, "reason", d->reason, "via", d->via, "pd_user_id", d->pd_user_id);

    CHECK(o);
    put_time(o, "at", d->created_ms);
    return o;
}

static json_t *exec_json(const struct exec_row *x)
{
    json_t *o =
        json_pack("{s:i, s:s, s:s, s:s?, s:s, s:I, s:I, s:s?, s:o}", "ord", (int)x->ord, "state",
                  x->state, "from", x->from_email, "marker", x->marker, "actor", x->actor, "sends",
                  (json_int_t)x->sends, "empty_reads", (json_int_t)x->empty_reads, "note_id",
                  x->note_id, "result", x->result ? json_of(x->result) : json_null());

    CHECK(o);
    put_time(o, "first_sent_at", x->first_sent_ms);
    put_time(o, "in_flight_until", x->in_flight_until_ms);
    put_time(o, "ended_at", x->ended_ms);
    return o;
}

static json_t *title_json(struct gate_reader *r, struct arena *a, const char *incident_id)
{
    struct gate_view v;
    struct err e = {0};

    if (view_load(r->sql, a, incident_id, &v, NULL, &e) < 0)
        return json_null();
    return json_pack("{s:I, s:s?, s:s?, s:s?, s:s?, s:s?}", "number", (json_int_t)v.number, "title",
                     v.title, "service", v.service, "status", v.status, "urgency", v.urgency, "url",
                     v.html_url);
}

/* ---- one ---- */

static int show(struct gate_reader *r, struct arena *a, int64_t id, struct prop_full *f,
                json_t **out, struct err *e)
{
    json_t *decisions = json_array(), *execs = json_array();
    json_t *o;

    if (prop_load_full(r->sql, a, id, f, e) < 0) {
        json_decref(decisions);
        json_decref(execs);
        return e->code;
    }
    o = row_json(&f->p);
    for (size_t i = 0; i < f->n_decs; i++)
        json_array_append_new(decisions, decision_json(r, &f->decs[i]));
    for (size_t i = 0; i < f->n_execs; i++)
        json_array_append_new(execs, exec_json(&f->execs[i]));
    json_object_set_new(o, "digest", json_string(f->rev.digest));
    json_object_set_new(o, "policy_rule", json_string(f->rev.policy_rule));
    json_object_set_new(o, "need", json_of(f->rev.need));
    json_object_set_new(o, "author", json_string(f->rev.author));
    json_object_set_new(o, "actions", actions_json(f->acts, f->n_acts));
    json_object_set_new(o, "decisions", decisions);
    json_object_set_new(o, "executions", execs);
    json_object_set_new(o, "about", title_json(r, a, f->p.incident_id));
    *out = o;
    return 0;
}

int gate_show(struct gate_reader *r, int64_t id, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(READ_BYTES);
    struct prop_full f;

    return show(r, a, id, &f, out, e);
}

/* ---- lists ---- */

static int pick(struct gate_reader *r, const char *state, const char *incident, int64_t before,
                unsigned limit, struct store_stmt **out, struct err *e)
{
    struct store_stmt *q;
    bool all = text_eq(state, "all");
    int param = 1;

    if (state && !all && proposal_state_parse(state) < 0)
        return err_set(e, ERR_INPUT, "there is no state '%.40s'", state);
    if (incident)
        q = store_begin(r->sql, state && !all ? GATE_LIST_INCIDENT_STATE : GATE_LIST_INCIDENT);
    else if (all)
        q = store_begin(r->sql, GATE_LIST_ALL);
    else
        q = store_begin(r->sql, state ? GATE_LIST_STATE : GATE_LIST_LIVE);
    if (incident)
        store_bind_text(q, param++, incident);
    if (state && !all)
        store_bind_text(q, param++, state);
    store_bind_int(q, param++, before > 0 ? before : INT64_MAX);
    store_bind_int(q, param, limit);
    *out = q;
    return 0;
}

int gate_list(struct gate_reader *r, const char *state, const char *incident, int64_t before,
              unsigned limit, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(READ_BYTES);
    unsigned max = limit == 0 || limit > LIST_MAX ? LIST_MAX : limit;
    struct prop_row *rows = arena_array(a, max, sizeof *rows);
    AUTO(json_freep) json_t *items = json_array();
    struct store_stmt *q = NULL;
    size_t n;

    if (pick(r, state, incident, before, max, &q, e) < 0 || props_read(q, a, rows, max, &n, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++) {
        struct act_row acts[GATE_ACTIONS_MAX];
        json_t *o = row_json(&rows[i]);
        size_t n_acts;

        json_array_append_new(items, o);
        if (acts_load(r->sql, a, rows[i].id, rows[i].revision, acts, &n_acts, e) < 0)
            return e->code;
        json_object_set_new(o, "actions", actions_json(acts, n_acts));
        json_object_set_new(o, "about", title_json(r, a, rows[i].incident_id));
    }
    *out = json_pack("{s:O, s:o}", "items", items, "next",
                     n == max ? json_integer(rows[n - 1].id) : json_null());
    CHECK(*out);
    return 0;
}

/* ---- everything about one ---- */

static int revisions_json(struct gate_reader *r, struct arena *a, int64_t id, json_t *list,
                          struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, GATE_REVISIONS);
    struct rev_row revs[64];
    size_t n = 0;
    int rc = 0;

    store_bind_int(q, 1, id);
    while (n < ARRAY_LEN(revs) && (rc = store_step(q, e)) > 0)
        rev_read(q, a, &revs[n++]);
    store_reset(q);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i++) {
        struct act_row acts[GATE_ACTIONS_MAX];
        size_t n_acts;
        json_t *o =
            json_pack("{s:I, s:s, s:s, s:s, s:o, s:s}", "revision", (json_int_t)revs[i].revision,
                      "digest", revs[i].digest, "policy_rule", revs[i].policy_rule, "policy_hash",
                      revs[i].policy_hash, "need", json_of(revs[i].need), "author", revs[i].author);

        CHECK(o && json_array_append_new(list, o) == 0);
        put_time(o, "created_at", revs[i].created_ms);
        if (acts_load(r->sql, a, id, revs[i].revision, acts, &n_acts, e) < 0)
            return e->code;
        json_object_set_new(o, "actions", actions_json(acts, n_acts));
    }
    return 0;
}

static int calls_json(struct gate_reader *r, int64_t id, json_t *list, struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, GATE_CALLS);
    int rc;

    store_bind_int(q, 1, id);
    while ((rc = store_step(q, e)) > 0) {
        json_t *o = json_pack("{s:i, s:s, s:o, s:s, s:I}", "ord", (int)store_int(q, 0), "what",
                              store_text(q, 1), "status",
                              store_is_null(q, 2) ? json_null() : json_integer(store_int(q, 2)),
                              "outcome", store_text(q, 3), "took_ms", (json_int_t)store_int(q, 5));

        CHECK(o && json_array_append_new(list, o) == 0);
        put_time(o, "at", store_int(q, 4));
    }
    store_reset(q);
    return rc;
}

static int all_decisions(struct gate_reader *r, struct arena *a, int64_t id, json_t *list,
                         struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, GATE_DECISIONS_ALL);
    struct dec_row d;
    int rc;

    store_bind_int(q, 1, id);
    while ((rc = store_step(q, e)) > 0) {
        dec_read(q, a, &d);
        json_array_append_new(list, decision_json(r, &d));
    }
    store_reset(q);
    return rc;
}

int gate_explain(struct gate_reader *r, int64_t id, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(READ_BYTES);
    AUTO(json_freep) json_t *o = NULL;
    json_t *revisions = json_array(), *calls = json_array(), *decisions = json_array();
    struct prop_full f;
    const char *facts;
    size_t len;
    int rc = show(r, a, id, &f, &o, e);

    if (rc == 0)
        rc = revisions_json(r, a, id, revisions, e);
    if (rc == 0)
        rc = calls_json(r, id, calls, e);
    if (rc == 0)
        rc = all_decisions(r, a, id, decisions, e);
    if (rc < 0) {
        json_decref(revisions);
        json_decref(calls);
        json_decref(decisions);
        return rc;
    }
    json_object_set_new(o, "revisions", revisions);
    json_object_set_new(o, "calls", calls);
    json_object_set_new(o, "decisions", decisions);
    if (f.p.facts && store_body_get(r->store, f.p.facts, a, &facts, &len, e) == 0)
        json_object_set_new(o, "facts", json_of(facts));
    *out = TAKE(o);
    return 0;
}

/* ---- counts and standing approvals ---- */

int gate_counts(struct gate_reader *r, json_t **out, struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, GATE_COUNTERS);
    AUTO(json_freep) json_t *o = json_object();
    int rc;

    for (int i = 0; i < PROPOSAL_STATES; i++)
        json_object_set_new(o, proposal_state_name((enum proposal_state)i), json_integer(0));
    while ((rc = store_step(q, e)) > 0)
        json_object_set_new(o, store_text(q, 0), json_integer(store_int(q, 1)));
    store_reset(q);
    if (rc < 0)
        return rc;
    *out = TAKE(o);
    return 0;
}

static json_t *standing_json(struct gate_reader *r, struct store_stmt *q)
{
    struct person who;
    struct err e = {0};
    bool known = people_get(r->people, store_int(q, 7), &who, &e) == 0;
    json_t *services = json_loads(store_text(q, 4), 0, NULL);
    json_t *o =
        json_pack("{s:I, s:s, s:s, s:o, s:I, s:I, s:s?, s:b}", "id", (json_int_t)store_int(q, 0),
                  "verb", store_text(q, 1), "template", store_text(q, 2), "services",
                  services ? services : json_array(), "max_per_hour", (json_int_t)store_int(q, 5),
                  "person_id", (json_int_t)store_int(q, 7), "name", known ? who.name : NULL,
                  "revoked", !store_is_null(q, 11));

    CHECK(o);
    put_time(o, "until", store_int(q, 6));
    put_time(o, "created_at", store_int(q, 10));
    put_time(o, "revoked_at", store_int(q, 11));
    return o;
}

int gate_standing_list(struct gate_reader *r, json_t **out, struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, GATE_STANDING_LIST);
    AUTO(json_freep) json_t *items = json_array();
    int rc;

    store_bind_int(q, 1, 0);
    while ((rc = store_step(q, e)) > 0)
        json_array_append_new(items, standing_json(r, q));
    store_reset(q);
    if (rc < 0)
        return rc;
    *out = json_pack("{s:O}", "items", items);
    CHECK(*out);
    return 0;
}
