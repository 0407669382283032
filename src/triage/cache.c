/* What PagerDuty said about services and policies, with its age; and which optional features this account does not have. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/triage_priv.h"
#include "triage/triage_sql.h"

#define RETRY_FAILED_MS  INT64_C(30000)
#define FEATURE_RETRY_MS INT64_C(86400000)

void cached_done(struct cached *c)
{
    json_decref(c->ok);
    c->ok = NULL;
}

int cache_get(const struct engine_pass *p, const char *key, struct cached *out, struct err *e)
{
    AUTO(json_freep) json_t *j = NULL;
    struct store_stmt *q = sql(p, CACHE_GET);
    int rc;

    *out = (struct cached){0};
    store_bind_text(q, 1, key);
    rc = store_step(q, e);
    if (rc > 0) {
        j = json_loads(store_text(q, 0), 0, NULL);
        out->fetched_ms = store_int(q, 1);
    }
    store_reset(q);
    if (rc < 0)
        return rc;
    out->ok = json_incref(json_opt_obj(j, "ok"));
    out->why = arena_strdup(p->arena, json_opt_str(j, "why"));
    out->tried_ms = json_opt_int(j, "tried_ms", 0);
    return 0;
}

static int cache_write(const struct engine_pass *p, const char *key, json_t *value,
                       int64_t fetched_ms, struct err *e)
{
    AUTO(json_freep) json_t *own = value;
    struct store_stmt *q = sql(p, CACHE_PUT);
    size_t len;

    store_bind_text(q, 1, key);
    store_bind_text(q, 2, json_canon_arena(p->arena, own, &len));
    store_bind_int(q, 3, fetched_ms);
    return sql_run(q, e);
}

int cache_put(const struct engine_pass *p, const char *key, json_t *ok, struct err *e)
{
    return cache_write(p, key, json_pack("{s:o}", "ok", ok), p->now_wall_ms, e);
}

int cache_failed(const struct engine_pass *p, const char *key, const char *why, struct err *e)
{
    AUTO(cached_done) struct cached c = {0};

    if (cache_get(p, key, &c, e) < 0)
        return e->code;
    return cache_write(p, key,
                       json_pack("{s:O*, s:s*, s:I}", "ok", c.ok, "why", why, "tried_ms",
                                 (json_int_t)p->now_wall_ms),
                       c.fetched_ms, e);
}

int cache_failed_beside(const struct engine_pass *p, const char *key, const char *why,
                        struct err *e)
{
    AUTO(cached_done) struct cached c = {0};
    bool fresh;

    if (cache_get(p, key, &c, e) < 0)
        return e->code;
    fresh = c.ok && !c.why && p->now_wall_ms - c.fetched_ms < RETRY_FAILED_MS;
    return cache_failed(p, key, fresh ? NULL : why, e);
}

/* An answer of this very pass is fresh whatever its time limit: with a limit of 0 the same round would ask for ever. */
bool cache_stale(const struct engine_pass *p, const struct cached *c, int64_t ttl_ms)
{
    if (p->now_wall_ms - c->tried_ms < RETRY_FAILED_MS)
        return false;
    return !c->ok || c->why || p->now_wall_ms - c->fetched_ms >= (ttl_ms > 0 ? ttl_ms : 1);
}

int feature_missing(const struct engine_pass *p, const char *name, const char **why, struct err *e)
{
    struct store_stmt *q = sql(p, FEATURE_GET);
    int rc;

    *why = NULL;
    store_bind_text(q, 1, name);
    rc = store_step(q, e);
    if (rc > 0 && store_int(q, 1) > p->now_wall_ms)
        *why = store_text_dup(q, 0, p->arena);
    store_reset(q);
    return rc < 0 ? rc : 0;
}

int feature_record(const struct engine_pass *p, const char *name, const char *why, struct err *e)
{
    struct store_stmt *q = sql(p, FEATURE_PUT);

    store_bind_text(q, 1, name);
    store_bind_text(q, 2, why);
    store_bind_int(q, 3, p->now_wall_ms);
    store_bind_int(q, 4, p->now_wall_ms + FEATURE_RETRY_MS);
    return sql_run(q, e);
}

int feature_works(const struct engine_pass *p, const char *name, struct err *e)
{
    struct store_stmt *q = sql(p, FEATURE_DROP);

    store_bind_text(q, 1, name);
    return sql_run(q, e);
}
