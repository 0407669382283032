#include "llm/llm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "llm/llm_priv.h"

#define SPEND_KEPT_MS ((int64_t)40 * 24 * LLM_HOUR_MS)

int llm_open(struct store *s, struct llm **out, struct err *e)
{
    AUTO(mem_freep) struct llm *l = mem_alloc(sizeof *l);

    l->store = s;
    if (store_prepare(s, llm_sql_table, LLM_STMTS, &l->sql, e) < 0)
        return e->code;
    *out = TAKE(l);
    return 0;
}

void llm_close(struct llm *l)
{
    /* The statements go with the store. */
    mem_freep(&l);
}

int llm_on_start(struct llm *l, int64_t epoch, int64_t now_wall_ms, struct err *e)
{
    struct store_stmt *q = store_begin(l->sql, LLM_LOST);

    store_bind_int(q, 1, epoch);
    store_bind_int(q, 2, now_wall_ms);
    store_bind_text(q, 3, "triaged ended while the call was out");
    if (store_exec(q, e) < 0)
        return err_wrap(e, "calls to the model that were out");
    q = store_begin(l->sql, LLM_SPEND_PRUNE);
    store_bind_int(q, 1, now_wall_ms - SPEND_KEPT_MS);
    return store_exec(q, e) < 0 ? e->code : 0;
}

/* ---- begin ---- */

struct bodies {
    char asked[65], request[65];
};

static int put_bodies(struct llm *l, const struct llm_begin *b, int64_t now, struct bodies *out,
                      struct err *e)
{
    AUTO(mem_freep) char *asked = NULL;
    size_t len;

    asked = json_canon(b->asked, &len);
    if (store_body_put(l->store, asked, len, now, out->asked, e) < 0)
        return e->code;
    return store_body_put(l->store, b->request, b->request_len, now, out->request, e);
}

static int add_call(struct llm *l, const struct config_model *m, const struct llm_begin *b,
                    const struct bodies *at, int64_t now, int64_t *id, struct err *e)
{
    struct store_stmt *q = store_begin(l->sql, LLM_ADD);
    int rc;

    store_bind_text(q, 1, b->purpose);
    store_bind_text(q, 2, b->incident_id);
    store_bind_text(q, 3, b->key);
    store_bind_int(q, 4, b->round);
    store_bind_text(q, 5, m->base_url);
    store_bind_text(q, 6, m->dialect);
    store_bind_text(q, 7, m->name);
    store_bind_text(q, 8, b->prompt);
    store_bind_text(q, 9, b->schema_hash);
    if (b->bundle_id)
        store_bind_int(q, 10, b->bundle_id);
    store_bind_text(q, 11, at->asked);
    store_bind_text(q, 12, at->request);
    store_bind_int(q, 13, b->reserved_tokens);
    store_bind_int(q, 14, b->reserved_cost);
    store_bind_int(q, 15, b->epoch);
    store_bind_int(q, 16, now);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    *id = store_int(q, 0);
    store_reset(q);
    return 0;
}

int llm_begin(struct llm *l, const struct config_model *m, const struct llm_begin *b,
              int64_t now_wall_ms, int64_t *id, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    const struct llm_spent add = {1, b->reserved_tokens, b->reserved_cost};
    struct bodies at = {0};
    int64_t added = 0;

    CHECK(b->reserved_tokens >= 0 && b->reserved_cost >= 0);
    if (store_savepoint(&sp, l->store, e) < 0 || put_bodies(l, b, now_wall_ms, &at, e) < 0 ||
        add_call(l, m, b, &at, now_wall_ms, &added, e) < 0 ||
        llm_spend(l, now_wall_ms, b->incident_id, &add, e) < 0 ||
        llm_breaker_begin(l, m, now_wall_ms, e) < 0 || store_release(&sp, e) < 0)
        return e->code;
    *id = added;
    return 0;
}

/* ---- end ---- */

struct sent {
    const char *incident_id;
    int64_t tokens, cost, sent_ms;
    bool same_endpoint; /* a reload may have put another one in its place meanwhile */
};

static int get_sent(struct llm *l, const struct config_model *m, int64_t id, struct arena *a,
                    struct sent *out, struct err *e)
{
    struct store_stmt *q = store_begin(l->sql, LLM_SENT);
    int rc;

    store_bind_int(q, 1, id);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_CONFLICT, "call %" PRId64 " to the model is not out", id);
    *out = (struct sent){.incident_id = store_text_dup(q, 0, a),
                         .tokens = store_int(q, 1),
                         .cost = store_int(q, 2),
                         .sent_ms = store_int(q, 3),
                         .same_endpoint = text_eq(store_text(q, 4), m->base_url) &&
                                          text_eq(store_text(q, 5), m->dialect) &&
                                          text_eq(store_text(q, 6), m->name)};
    store_reset(q);
    return 0;
}

struct settled {
    bool reported, unspent;
    int64_t tokens, cost;
};

/* What is not known costs what was reserved. */
static struct settled settle(const struct config_model *m, const struct llm_done *d,
                             const struct sent *was)
{
    const struct llm_usage *u = &d->usage;

    if (u->from == LLM_USAGE_REPORTED)
        return (struct settled){true, false, u->input + u->cached + u->cache_write + u->output,
                                llm_cost(m, u)};
    if (d->unspent)
        return (struct settled){.unspent = true};
    return (struct settled){.tokens = was->tokens, .cost = was->cost};
}

/* Puts the body where there is one; out is "" without. */
static int put_text(struct llm *l, const char *p, size_t len, int64_t now, char out[65],
                    struct err *e)
{
    out[0] = '\0';
    return p ? store_body_put(l->store, p, len, now, out, e) : 0;
}

static int put_json(struct llm *l, const json_t *j, int64_t now, char out[65], struct err *e)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len = 0;

    if (j)
        text = json_canon(j, &len);
    return put_text(l, text, len, now, out, e);
}

static const char *or_null(const char *s)
{
    return s && *s ? s : NULL;
}

static int write_end(struct llm *l, int64_t id, const struct llm_done *d, const struct settled *x,
                     int64_t now, struct err *e)
{
    AUTO(mem_freep) char *checks = NULL;
    char reply[65], report[65];
    struct store_stmt *q;
    size_t len;
    int rc;

    if (put_text(l, d->reply, d->reply_len, now, reply, e) < 0 ||
        put_json(l, d->report, now, report, e) < 0)
        return e->code;
    if (d->checks)
        checks = json_canon(d->checks, &len);
    q = store_begin(l->sql, LLM_END);
    store_bind_int(q, 1, id);
    store_bind_text(q, 2, d->answered ? "answered" : "failed");
    store_bind_text(q, 3, d->outcome);
    store_bind_text(q, 4, or_null(d->why));
    store_bind_text(q, 5, or_null(reply));
    store_bind_text(q, 6, checks);
    store_bind_text(q, 7, or_null(report));
    if (x->reported) {
        store_bind_int(q, 8, d->usage.input);
        store_bind_int(q, 9, d->usage.cached);
        store_bind_int(q, 10, d->usage.cache_write);
        store_bind_int(q, 11, d->usage.output);
    }
    store_bind_text(q, 12, x->reported ? "reported" : x->unspent ? NULL : "estimated");
    store_bind_int(q, 13, x->cost);
    store_bind_int(q, 14, now);
    rc = store_exec(q, e);
    return rc < 0 ? rc : 0;
}

int llm_end(struct llm *l, const struct config_model *m, int64_t id, const struct llm_done *d,
            int64_t now_wall_ms, bool *opened, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    AUTO(arena_freep) struct arena *a = arena_new(4096);
    struct settled x;
    struct llm_spent add;
    struct sent was = {0};
    bool open = false;

    CHECK(d->outcome);
    if (get_sent(l, m, id, a, &was, e) < 0)
        return e->code;
    x = settle(m, d, &was);
    add = (struct llm_spent){0, x.tokens - was.tokens, x.cost - was.cost};
    /* In the hour in which it was reserved, or that hour would keep what was never used. */
    if (store_savepoint(&sp, l->store, e) < 0 || write_end(l, id, d, &x, now_wall_ms, e) < 0 ||
        llm_spend(l, was.sent_ms, was.incident_id, &add, e) < 0 ||
        (was.same_endpoint && llm_breaker_end(l, m, d, now_wall_ms, &open, e) < 0) ||
        store_release(&sp, e) < 0)
        return e->code;
    *opened = open;
    return 0;
}

/* ---- asking less ---- */

int llm_find(struct llm *l, const char *key, int64_t since_wall_ms, int64_t epoch, struct arena *a,
             struct llm_found *out, struct err *e)
{
    struct store_stmt *q = store_begin(l->sql, LLM_FIND);
    int rc;

    store_bind_text(q, 1, key);
    store_bind_int(q, 2, since_wall_ms);
    store_bind_int(q, 3, epoch);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "nothing like it was asked lately");
    *out = (struct llm_found){.id = store_int(q, 0),
                              .out = strcmp(store_text(q, 1), "sent") == 0,
                              .sent_ms = store_int(q, 2),
                              .incident_id = store_text_dup(q, 3, a),
                              .report = store_text_dup(q, 4, a)};
    store_reset(q);
    return 0;
}

int llm_find_useless(struct llm *l, const char *key, int64_t since_wall_ms, struct arena *a,
                     struct llm_found *out, struct err *e)
{
    struct store_stmt *q = store_begin(l->sql, LLM_FIND_USELESS);
    int rc;

    store_bind_text(q, 1, key);
    store_bind_int(q, 2, since_wall_ms);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no answer to it was of no use lately");
    *out = (struct llm_found){
        .id = store_int(q, 0), .sent_ms = store_int(q, 1), .incident_id = store_text_dup(q, 2, a)};
    store_reset(q);
    return 0;
}
