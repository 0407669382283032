/* Evidence in the store: insert only, numbered per incident, equal items stored once; bundles list what holds now. */
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/triage_priv.h"
#include "triage/triage_sql.h"

static int number_find(const struct engine_pass *p, const char *incident_id, const char *digest,
                       int64_t *num, struct err *e)
{
    struct store_stmt *q = sql(p, EVIDENCE_FIND);
    int rc;

    store_bind_text(q, 1, incident_id);
    store_bind_text(q, 2, digest);
    rc = store_step(q, e);
    *num = rc > 0 ? store_int(q, 0) : 0;
    store_reset(q);
    return rc < 0 ? rc : 0;
}

static int number_take(const struct engine_pass *p, const char *incident_id, int64_t *num,
                       struct err *e)
{
    struct store_stmt *q = sql(p, INCIDENT_EVIDENCE);
    int rc;

    store_bind_text(q, 1, incident_id);
    rc = store_step(q, e);
    *num = rc > 0 ? store_int(q, 0) : 0;
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_INTERNAL, "evidence for %s, which has no row", incident_id);
    return rc < 0 ? rc : 0;
}

static int item_store(const struct engine_pass *p, const char *incident_id, struct triage_item *x,
                      struct err *e)
{
    struct store_stmt *q;
    char digest[SHA256_HEX], sha[SHA256_HEX];
    char *text;
    size_t len;

    triage_item_digest(x, digest);
    if (number_find(p, incident_id, digest, &x->num, e) < 0)
        return e->code;
    if (x->num > 0)
        return 0;
    text = json_canon_arena(p->arena, x->body, &len);
    if (store_body_put(p->store, text, len, p->now_wall_ms, sha, e) < 0 ||
        number_take(p, incident_id, &x->num, e) < 0)
        return e->code;
    q = sql(p, EVIDENCE_PUT);
    store_bind_text(q, 1, incident_id);
    store_bind_int(q, 2, x->num);
    store_bind_text(q, 3, x->kind);
    store_bind_text(q, 4, x->ok ? "ok" : "not_checked");
    store_bind_text(q, 5, x->source);
    store_bind_text(q, 6, x->summary);
    store_bind_text(q, 7, digest);
    store_bind_text(q, 8, sha);
    bind_known(q, 9, x->at_ms);
    store_bind_int(q, 10, p->now_wall_ms);
    return sql_run(q, e);
}

static json_t *nums_of(const struct triage_items *it, char digest[SHA256_HEX])
{
    json_t *nums = json_array();
    struct digest d;

    digest_begin(&d, "triaged.bundle.v1");
    for (size_t i = 0; i < it->n; i++) {
        char item[SHA256_HEX];

        triage_item_digest(&it->v[i], item);
        json_array_append_new(nums, json_integer(it->v[i].num));
        digest_int(&d, it->v[i].num);
        digest_str(&d, item);
    }
    digest_end(&d, digest);
    return nums;
}

static int bundle_digest(const struct engine_pass *p, int64_t bundle_id, char digest[SHA256_HEX],
                         struct err *e)
{
    struct store_stmt *q = sql(p, BUNDLE_GET);
    int rc;

    store_bind_int(q, 1, bundle_id);
    rc = store_step(q, e);
    digest[0] = '\0';
    if (rc > 0)
        snprintf(digest, SHA256_HEX, "%s", store_text(q, 1));
    store_reset(q);
    return rc < 0 ? rc : 0;
}

static int bundle_put(const struct engine_pass *p, const char *incident_id, const json_t *nums,
                      const char *digest, struct err *e)
{
    struct store_stmt *q = sql(p, BUNDLE_PUT);
    size_t len;
    int64_t id;
    int rc;

    store_bind_text(q, 1, incident_id);
    store_bind_text(q, 2, json_canon_arena(p->arena, nums, &len));
    store_bind_text(q, 3, digest);
    store_bind_int(q, 4, p->now_wall_ms);
    rc = store_step(q, e);
    id = rc > 0 ? store_int(q, 0) : 0;
    store_reset(q);
    if (rc < 0)
        return rc;
    q = sql(p, INCIDENT_BUNDLE);
    store_bind_text(q, 1, incident_id);
    store_bind_int(q, 2, id);
    return sql_run(q, e);
}

int evidence_store(const struct engine_pass *p, const char *incident_id, int64_t bundle_now,
                   struct triage_items *it, bool *changed, struct err *e)
{
    AUTO(json_freep) json_t *nums = NULL;
    char digest[SHA256_HEX], before[SHA256_HEX];

    for (size_t i = 0; i < it->n; i++)
        if (it->v[i].num == 0 && item_store(p, incident_id, &it->v[i], e) < 0)
            return e->code;
    nums = nums_of(it, digest);
    if (bundle_digest(p, bundle_now, before, e) < 0)
        return e->code;
    if (changed)
        *changed = strcmp(digest, before) != 0;
    if (strcmp(digest, before) == 0)
        return 0;
    return bundle_put(p, incident_id, nums, digest, e);
}

/* ---- back ---- */

static int item_load(const struct engine_pass *p, const char *incident_id, int64_t num,
                     struct triage_items *it, struct err *e)
{
    struct store_stmt *q = sql(p, EVIDENCE_GET);
    const char *kind, *source, *summary, *sha, *text;
    json_t *body;
    int64_t at_ms;
    bool ok;
    size_t len;
    int rc;

    store_bind_text(q, 1, incident_id);
    store_bind_int(q, 2, num);
    rc = store_step(q, e);
    if (rc <= 0) {
        store_reset(q);
        return rc < 0 ? rc
                      : err_set(e, ERR_INTERNAL, "%s has no evidence E%lld", incident_id,
                                (long long)num);
    }
    kind = store_text_dup(q, 1, it->arena);
    ok = text_eq(store_text(q, 2), "ok");
    source = store_text_dup(q, 3, it->arena);
    summary = store_text_dup(q, 4, it->arena);
    sha = store_text_dup(q, 6, it->arena);
    at_ms = store_int(q, 7);
    store_reset(q);
    rc = store_body_get(p->store, sha, it->arena, &text, &len, e);
    if (rc == ERR_NOT_FOUND) /* pruned: the row tells that it was there */
        return 0;
    if (rc < 0)
        return rc;
    body = json_loadb(text, len, 0, NULL);
    if (!body)
        return err_set(e, ERR_INTERNAL, "evidence E%lld of %s is damaged", (long long)num,
                       incident_id);
    if (!ok) {
        json_decref(body);
        triage_items_not_checked(it, kind, source, summary);
    } else if (!triage_items_add(it, kind, source, body, at_ms)) {
        return 0;
    }
    if (it->n > 0)
        it->v[it->n - 1].num = num;
    return 0;
}

int evidence_load(const struct engine_pass *p, const char *incident_id, int64_t bundle_id,
                  struct triage_items *it, struct err *e)
{
    AUTO(json_freep) json_t *nums = NULL;
    struct store_stmt *q;
    int rc;

    if (bundle_id == 0)
        return 0;
    q = sql(p, BUNDLE_GET);
    store_bind_int(q, 1, bundle_id);
    rc = store_step(q, e);
    if (rc > 0)
        nums = json_loads(store_text(q, 0), 0, NULL);
    store_reset(q);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < json_array_size(nums); i++)
        if (item_load(p, incident_id, json_integer_value(json_array_get(nums, i)), it, e) < 0)
            return e->code;
    return 0;
}

/* Among the first upto items: the kind was asked for and nothing came. */
static bool unanswered(const struct triage_items *it, const char *kind, size_t upto)
{
    bool open = false;

    for (size_t i = 0; i < upto; i++) {
        if (!text_eq(it->v[i].kind, kind))
            continue;
        if (it->v[i].ok)
            return false;
        open = true;
    }
    return open;
}

void evidence_carry(struct triage_items *now, const struct triage_items *old)
{
    size_t upto = now->n;

    for (size_t i = 0; i < old->n; i++) {
        const struct triage_item *x = &old->v[i];

        if (x->ok && unanswered(now, x->kind, upto) &&
            triage_items_add(now, x->kind, x->source, json_incref(x->body), x->at_ms))
            now->v[now->n - 1].num = x->num;
    }
}

void evidence_copy(struct triage_items *to, const struct triage_item *x)
{
    size_t before = to->n;

    if (x->ok)
        triage_items_add(to, x->kind, x->source, json_incref(x->body), x->at_ms);
    else
        triage_items_not_checked(to, x->kind, x->source, x->summary);
    if (to->n > before)
        to->v[before].num = x->num;
}

bool evidence_is_context(const char *kind)
{
    static const char *const context[] = {EV_SERVICE, EV_POLICY, EV_ONCALL, EV_DEPENDENCY,
                                          EV_SIMILAR, EV_FIX,    EV_FIRING, EV_MEMORY,
                                          EV_SOURCE,  EV_RUNBOOK};

    for (size_t i = 0; i < ARRAY_LEN(context); i++)
        if (text_eq(context[i], kind))
            return true;
    return false;
}

/* ---- the gate's view ---- */

static void log_of(struct arena *a, const struct triage_items *it, struct pd_log_entries *out)
{
    const struct triage_item *x = triage_items_find(it, EV_LOG);
    const json_t *list = x ? json_opt_arr(x->body, "entries") : NULL;
    size_t n = json_array_size(list);

    *out = (struct pd_log_entries){0};
    if (n == 0)
        return;
    out->items = arena_array(a, n, sizeof(*out->items));
    for (size_t i = 0; i < n; i++) {
        out->items[i].type = json_opt_str(json_array_get(list, i), "type");
        out->items[i].at_ms = json_opt_int(json_array_get(list, i), "at_ms", 0);
    }
    out->n = n;
}

bool evidence_view(struct arena *a, const struct triage_items *it, struct gate_view *out)
{
    const struct triage_item *in = triage_items_find(it, EV_INCIDENT);
    const struct triage_item *pi = triage_items_find(it, EV_POLICY);
    const struct triage_item *oi = triage_items_find(it, EV_ONCALL);
    const struct triage_item *si = triage_items_find(it, EV_SERVICE);
    struct pd_log_entries log;
    struct pd_incident pd;
    struct pd_oncalls o = {0};
    struct pd_policy policy;

    if (!in || !text_eq(json_opt_str(in->body, "from"), "rest") ||
        !ev_read_incident(a, in->body, &pd))
        return false;
    if (oi)
        ev_read_oncalls(a, oi->body, &o);
    if (pi)
        ev_read_policy(a, pi->body, &policy);
    gate_view_from_pd(&pd, o.items, o.n, pi ? &policy : NULL, out);
    log_of(a, it, &log);
    gate_view_read_log(out, log.items, log.n);
    out->maintenance = si && text_eq(json_opt_str(si->body, "status"), "maintenance");
    return true;
}

/* ---- what else is firing ---- */

#define FIRING_PER_SERVICE 10
#define FIRING_NEIGHBOURS  10

struct firing {
    json_t *list;
    const char *self;
};

static int firing_on(const struct engine_pass *p, const char *service_id, const char *relation,
                     struct firing *f, struct err *e)
{
    struct store_stmt *q = sql(p, INCIDENT_LIST_OPEN_SERVICE);
    struct incident_row r;
    int rc;

    store_bind_int(q, 1, INT64_MAX);
    store_bind_int(q, 2, FIRING_PER_SERVICE + 1);
    store_bind_text(q, 3, service_id);
    while ((rc = store_step(q, e)) > 0) {
        row_read(q, p->arena, &r);
        if (text_eq(r.id, f->self) || json_array_size(f->list) >= 30)
            continue;
        json_array_append_new(f->list, json_pack("{s:s, s:I, s:s, s:s*, s:I, s:s}", "id", r.id,
                                                 "number", (json_int_t)r.number, "title", r.title,
                                                 "service", r.service, "created_ms",
                                                 (json_int_t)r.created_ms, "relation", relation));
    }
    store_reset(q);
    return rc;
}

static int firing_near(const struct engine_pass *p, const json_t *services, const char *relation,
                       struct firing *f, struct err *e)
{
    for (size_t i = 0; i < json_array_size(services) && i < FIRING_NEIGHBOURS; i++) {
        const char *id = json_opt_str(json_array_get(services, i), "id");

        if (id && firing_on(p, id, relation, f, e) < 0)
            return e->code;
    }
    return 0;
}

int evidence_firing(const struct engine_pass *p, const struct incident_row *row,
                    struct triage_items *it, struct err *e)
{
    const struct triage_item *d = triage_items_find(it, EV_DEPENDENCY);
    struct firing f = {json_array(), row->id};
    int rc = 0;

    if (row->service_id)
        rc = firing_on(p, row->service_id, "same service", &f, e);
    if (rc == 0 && d)
        rc = firing_near(p, json_opt_arr(d->body, "depends_on"), "this depends on it", &f, e);
    if (rc == 0 && d)
        rc = firing_near(p, json_opt_arr(d->body, "used_by"), "it depends on this", &f, e);
    if (rc < 0) {
        json_decref(f.list);
        return rc;
    }
    triage_items_add(it, EV_FIRING, "own rows", json_pack("{s:o}", "open", f.list), 0);
    return 0;
}
