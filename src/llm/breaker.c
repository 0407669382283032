/*
 * The breaker of an endpoint:
 *
 *   closed --breaker_failures failures in a row--> open --its time is over--> half open --one call--> closed (answered)
 *                                                                                                 '-> open (failed)
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "llm/llm_priv.h"

#define PROBE_EXTRA_MS 10000 /* what a call may take beyond its own limit: waiting, connecting */

const char *llm_endpoint_name(struct arena *a, const struct config_model *m)
{
    const struct llm_dialect *d = llm_dialect(m->dialect);

    return arena_printf(a, "%s%s %s", m->base_url, m->path ? m->path : d ? d->path : "", m->name);
}

int llm_endpoint_get(struct store_set *sql, const struct config_model *m,
                     struct llm_endpoint_row *out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(4096);
    struct store_stmt *q = store_begin(sql, LLM_ENDPOINT);
    struct llm_endpoint_row r = {0};
    int rc;

    store_bind_text(q, 1, llm_endpoint_name(a, m));
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    if (rc > 0) {
        r.failures = store_int(q, 0);
        r.open_until_ms = store_int(q, 1);
        (void)snprintf(r.open_why, sizeof r.open_why, "%s",
                       store_is_null(q, 2) ? "" : store_text(q, 2));
        r.tried = !store_is_null(q, 3);
        r.canary_ms = store_int(q, 3);
        r.known = !store_is_null(q, 4);
        r.enforced = store_int(q, 4) != 0;
    }
    store_reset(q);
    *out = r;
    return 0;
}

static int64_t longest_pause(const struct config_model *m)
{
    int64_t own = m->breaker_open_ms > m->timeout_ms + PROBE_EXTRA_MS
                      ? m->breaker_open_ms
                      : m->timeout_ms + PROBE_EXTRA_MS;

    return own > LLM_PAUSE_MAX_MS ? own : LLM_PAUSE_MAX_MS;
}

enum llm_breaker llm_breaker(const struct config_model *m, const struct llm_endpoint_row *r,
                             int64_t now_wall_ms)
{
    if (r->failures < m->breaker_failures)
        return LLM_BREAKER_CLOSED;
    /* Further away than any pause lasts: the clock was set back since. */
    if (now_wall_ms >= r->open_until_ms || r->open_until_ms - now_wall_ms > longest_pause(m))
        return LLM_BREAKER_HALF;
    return LLM_BREAKER_OPEN;
}

static int put(struct llm *l, const struct config_model *m, const struct llm_endpoint_row *r,
               struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(4096);
    struct store_stmt *q = store_begin(l->sql, LLM_ENDPOINT_BREAKER);
    int rc;

    store_bind_text(q, 1, llm_endpoint_name(a, m));
    store_bind_int(q, 2, r->failures);
    store_bind_int(q, 3, r->open_until_ms);
    store_bind_text(q, 4, r->open_why[0] ? r->open_why : NULL);
    rc = store_exec(q, e);
    return rc < 0 ? rc : 0;
}

int llm_breaker_begin(struct llm *l, const struct config_model *m, int64_t now_wall_ms,
                      struct err *e)
{
    struct llm_endpoint_row r = {0};

    if (llm_endpoint_get(l->sql, m, &r, e) < 0)
        return e->code;
    if (llm_breaker(m, &r, now_wall_ms) != LLM_BREAKER_HALF)
        return 0;
    /* Should its answer never be written, the next one may try after this time. */
    r.open_until_ms = now_wall_ms + m->timeout_ms + PROBE_EXTRA_MS;
    return put(l, m, &r, e);
}

int llm_breaker_end(struct llm *l, const struct config_model *m, const struct llm_done *d,
                    int64_t now_wall_ms, bool *opened, struct err *e)
{
    int64_t pause = (int64_t)d->retry_after_s * 1000;
    struct llm_endpoint_row r = {0};

    *opened = false;
    if (llm_endpoint_get(l->sql, m, &r, e) < 0)
        return e->code;
    if (!d->endpoint_failed) {
        if (r.failures == 0 || !d->answered) /* a call that never left tells nothing about it */
            return 0;
        r = (struct llm_endpoint_row){.failures = 0};
        return put(l, m, &r, e);
    }
    r.failures++;
    *opened = r.failures == m->breaker_failures;
    if (r.failures >= m->breaker_failures) {
        pause = pause > LLM_PAUSE_MAX_MS ? LLM_PAUSE_MAX_MS : pause;
        r.open_until_ms = now_wall_ms + (pause > m->breaker_open_ms ? pause : m->breaker_open_ms);
        (void)snprintf(r.open_why, sizeof r.open_why, "%.150s",
                       d->why ? d->why : "it gave no answer");
    }
    return put(l, m, &r, e);
}

int llm_canary_done(struct llm *l, const struct config_model *m, bool enforced, const char *why,
                    int64_t now_wall_ms, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(4096);
    struct store_stmt *q = store_begin(l->sql, LLM_ENDPOINT_CANARY);
    int rc;

    store_bind_text(q, 1, llm_endpoint_name(a, m));
    store_bind_int(q, 2, now_wall_ms);
    store_bind_int(q, 3, enforced);
    store_bind_text(q, 4, why);
    rc = store_exec(q, e);
    return rc < 0 ? rc : 0;
}
