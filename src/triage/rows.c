/* Rows of incidents: what a webhook hints, what REST says, and the memory of what each service had. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/triage_priv.h"
#include "triage/triage_sql.h"

void row_read(struct store_stmt *q, struct arena *a, struct incident_row *r)
{
    int c = 0;

    r->id = store_text_dup(q, c++, a);
    r->seq = store_int(q, c++);
    r->number = store_int(q, c++);
    r->title = store_text_dup(q, c++, a);
    r->status = store_text_dup(q, c++, a);
    r->urgency = store_text_dup(q, c++, a);
    r->priority = store_text_dup(q, c++, a);
    r->service_id = store_text_dup(q, c++, a);
    r->service = store_text_dup(q, c++, a);
    r->policy_id = store_text_dup(q, c++, a);
    r->policy = store_text_dup(q, c++, a);
    r->level = (int)store_int(q, c++);
    r->html_url = store_text_dup(q, c++, a);
    r->created_ms = store_int(q, c++);
    r->changed_ms = store_int(q, c++);
    r->resolved_ms = store_int(q, c++);
    r->resolved_by = store_text_dup(q, c++, a);
    r->merged_into = store_text_dup(q, c++, a);
    r->snapshot = store_text_dup(q, c++, a);
    r->from_rest = text_eq(store_text(q, c++), "rest");
    r->snapshot_ms = store_int(q, c++);
    r->bundle_id = store_int(q, c++);
    r->assessment_id = store_int(q, c++);
    r->enriched_ms = store_int(q, c++);
    r->first_seen_ms = store_int(q, c++);
    r->judged_ms = store_int(q, c++);
    r->verdict = store_text_dup(q, c++, a);
    r->symptom = store_text_dup(q, c++, a);
    r->retry_ms = store_int(q, c++);
    r->ask = store_text_dup(q, c++, a);
}

int row_get(const struct engine_pass *p, const char *id, struct incident_row *out, struct err *e)
{
    struct store_stmt *q = sql(p, INCIDENT_GET);
    int rc;

    store_bind_text(q, 1, id);
    rc = store_step(q, e);
    if (rc > 0)
        row_read(q, p->arena, out);
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no incident %.40s is known here", id);
    return rc < 0 ? rc : 0;
}

int row_ensure(const struct engine_pass *p, const char *id, struct err *e)
{
    struct store_stmt *q = sql(p, INCIDENT_INSERT);

    store_bind_text(q, 1, id);
    store_bind_int(q, 2, p->now_wall_ms);
    return sql_run(q, e);
}

int row_snapshot(const struct engine_pass *p, const struct incident_row *row, json_t **out,
                 struct err *e)
{
    const char *text;
    size_t len;

    if (!row->snapshot)
        return err_set(e, ERR_NOT_FOUND, "nothing but the id of %s is known yet", row->id);
    if (store_body_get(p->store, row->snapshot, p->arena, &text, &len, e) < 0)
        return e->code;
    *out = json_loadb(text, len, 0, NULL);
    return *out ? 0 : err_set(e, ERR_INTERNAL, "the snapshot of %s is damaged", row->id);
}

static const char *resolved_by(const struct pd_incident *in)
{
    if (!text_eq(in->status, "resolved"))
        return NULL;
    if (in->merged_into.id || text_eq(in->resolve_reason, "merge_resolve_reason"))
        return "merge";
    if (!in->last_status_change_ms) /* a webhook does not say who */
        return NULL;
    return text_eq(in->last_status_change_by.type, "user") ? "user" : "auto";
}

static int snapshot_put(const struct engine_pass *p, const json_t *body, char sha[65],
                        struct err *e)
{
    size_t len;
    char *text = json_canon_arena(p->arena, body, &len);

    return store_body_put(p->store, text, len, p->now_wall_ms, sha, e);
}

static int seen_put(const struct engine_pass *p, const struct pd_incident *in, const json_t *body,
                    bool rest, int64_t at_ms, int level, struct err *e)
{
    struct store_stmt *q;
    char sha[65];

    if (snapshot_put(p, body, sha, e) < 0)
        return e->code;
    q = sql(p, INCIDENT_SEEN);
    store_bind_text(q, 1, in->id);
    bind_known(q, 2, in->number);
    store_bind_text(q, 3, in->title ? in->title : "");
    store_bind_text(q, 4, in->status ? in->status : "triggered");
    store_bind_text(q, 5, in->urgency);
    store_bind_text(q, 6, in->priority.summary);
    store_bind_text(q, 7, in->service.id);
    store_bind_text(q, 8, in->service.summary);
    store_bind_text(q, 9, in->policy.id);
    store_bind_text(q, 10, in->policy.summary);
    bind_known(q, 11, level);
    store_bind_text(q, 12, in->html_url);
    store_bind_text(q, 13, triage_symptom(p->arena, in->title));
    bind_known(q, 14, in->created_ms);
    bind_known(q, 15, in->last_status_change_ms);
    bind_known(q, 16,
               text_eq(in->status, "resolved") && !in->resolved_ms ? in->last_status_change_ms
                                                                   : in->resolved_ms);
    store_bind_text(q, 17, resolved_by(in));
    store_bind_text(q, 18, in->merged_into.id);
    store_bind_text(q, 19, sha);
    store_bind_text(q, 20, rest ? "rest" : "webhook");
    store_bind_int(q, 21, at_ms);
    return sql_run(q, e);
}

/*
 * The hint over what REST said before: a webhook knows fewer members, and what it does not know stays, but for what the
 * event may have changed.
 */
static void hint_over(json_t *old, const json_t *hint)
{
    static const char *const doubtful[] = {"pending", "changed_ms", "changed_by"};

    json_object_update(old, (json_t *)(uintptr_t)hint);
    for (size_t i = 0; i < ARRAY_LEN(doubtful); i++)
        json_object_del(old, doubtful[i]);
}

int row_hint(const struct engine_pass *p, const struct pd_incident *in, int64_t occurred_ms,
             struct err *e)
{
    AUTO(json_freep) json_t *hint = NULL;
    AUTO(json_freep) json_t *old = NULL;
    struct incident_row row = {0};

    if (row_get(p, in->id, &row, e) < 0)
        return e->code;
    if (row.snapshot && row.snapshot_ms >= occurred_ms)
        return 0;
    hint = ev_incident_body(in, false);
    if (!row.snapshot)
        return seen_put(p, in, hint, false, occurred_ms, 0, e);
    if (row_snapshot(p, &row, &old, e) < 0)
        return e->code;
    hint_over(old, hint);
    return seen_put(p, in, old, false, occurred_ms, 0, e);
}

int row_rest(const struct engine_pass *p, const struct pd_incident *in, int level, struct err *e)
{
    AUTO(json_freep) json_t *body = ev_incident_body(in, true);

    if (seen_put(p, in, body, true, p->now_wall_ms, level, e) < 0)
        return e->code;
    return past_put(p, in, e);
}

int past_put(const struct engine_pass *p, const struct pd_incident *in, struct err *e)
{
    bool merged = in->merged_into.id || text_eq(in->resolve_reason, "merge_resolve_reason");
    bool resolved = text_eq(in->status, "resolved");
    struct store_stmt *q;

    if (!in->service.id || !in->created_ms || !in->status)
        return 0;
    q = sql(p, PAST_PUT);
    store_bind_text(q, 1, in->id);
    store_bind_text(q, 2, in->service.id);
    store_bind_text(q, 3, triage_symptom(p->arena, in->title));
    store_bind_int(q, 4, in->number);
    store_bind_text(q, 5, in->title ? in->title : "");
    store_bind_text(q, 6, in->status);
    store_bind_int(q, 7, in->created_ms);
    bind_known(q, 8, resolved && !in->resolved_ms ? in->last_status_change_ms : in->resolved_ms);
    store_bind_text(q, 9, in->last_status_change_by.type);
    store_bind_text(q, 10, in->last_status_change_by.id);
    store_bind_text(q, 11, in->last_status_change_by.summary);
    store_bind_int(q, 12, merged);
    return sql_run(q, e);
}

/* ---- bodies ---- */

int body_put(const struct engine_pass *p, const json_t *j, char sha[SHA256_HEX], struct err *e)
{
    size_t len;
    char *text = json_canon_arena(p->arena, j, &len);

    return store_body_put(p->store, text, len, p->now_wall_ms, sha, e);
}

int body_json(const struct engine_pass *p, const char *sha, json_t **out, struct err *e)
{
    const char *text;
    size_t len;

    if (store_body_get(p->store, sha, p->arena, &text, &len, e) < 0)
        return e->code;
    *out = json_loadb(text, len, 0, NULL);
    return *out ? 0 : err_set(e, ERR_INTERNAL, "the stored body %.16s is damaged", sha);
}
