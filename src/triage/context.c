/*
 * What belongs to the service and not to one incident: the service itself, its policy and on-calls, its neighbours, its
 * history, and what people wrote when an earlier incident like this was solved. Read once for all incidents, kept with a
 * time limit.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/context_priv.h"
#include "triage/triage_sql.h"

#define KEY_MAX     64
#define FIX_TTL_MS  INT64_C(86400000)
#define SIMILAR_MAX 5000
#define NO_SERVICE  "the incident's service is not known yet"
#define NO_POLICY   "the incident's escalation policy is not known yet"
#define NOT_READ    "not answered yet"

static int64_t ttl_service(const struct config *c)
{
    return c->pagerduty.cache_service_ms;
}

static int64_t ttl_policy(const struct config *c)
{
    return c->pagerduty.cache_policy_ms;
}

static int64_t ttl_oncall(const struct config *c)
{
    return c->pagerduty.cache_oncall_ms;
}

static json_t *service_body(struct arena *a, const struct net_reply *r, const char *id,
                            struct err *e)
{
    struct pd_service s;

    (void)id;
    return pd_read_service(a, r->body, r->body_len, &s, e) < 0 ? NULL : ev_service_body(&s);
}

static json_t *policy_body(struct arena *a, const struct net_reply *r, const char *id,
                           struct err *e)
{
    struct pd_policy x;

    (void)id;
    return pd_read_policy(a, r->body, r->body_len, &x, e) < 0 ? NULL : ev_policy_body(&x);
}

static json_t *oncall_body(struct arena *a, const struct net_reply *r, const char *id,
                           struct err *e)
{
    struct pd_oncalls o;

    return pd_read_oncalls(a, r->body, r->body_len, id, &o, e) < 0 ? NULL : ev_oncall_body(&o);
}

static json_t *dependency_body(struct arena *a, const struct net_reply *r, const char *id,
                               struct err *e)
{
    struct pd_dependencies d;

    return pd_read_dependencies(a, r->body, r->body_len, &d, e) < 0 ? NULL
                                                                    : ev_dependency_body(&d, id);
}

/* One cached answer per row: adding a source of this sort is adding a row. */
static const struct part {
    enum pd_op_id op;
    const char *kind;
    const char *prefix;
    bool by_policy; /* keyed by the policy's id, else by the service's */
    bool by_ids;    /* the id goes into a filter, not into the path */
    int64_t (*ttl)(const struct config *c);
    json_t *(*body)(struct arena *a, const struct net_reply *r, const char *id, struct err *e);
} parts[] = {
    {PD_OP_SERVICE, EV_SERVICE, "service", false, false, ttl_service, service_body},
    {PD_OP_POLICY, EV_POLICY, "policy", true, false, ttl_policy, policy_body},
    {PD_OP_ONCALLS, EV_ONCALL, "oncall", true, true, ttl_oncall, oncall_body},
    {PD_OP_DEPENDENCIES, EV_DEPENDENCY, "dependency", false, false, ttl_service, dependency_body},
};

static const char *part_id(const struct part *part, const struct context *x)
{
    return part->by_policy ? x->policy_id : x->service_id;
}

static void key_of(char key[KEY_MAX], const char *prefix, const char *id)
{
    snprintf(key, KEY_MAX, "%s:%s", prefix, id);
}

static int part_ask(struct step_ctx *c, const struct part *part, const struct context *x,
                    unsigned room, unsigned *asked, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    const char *id = part_id(part, x);
    struct pd_args args = {0};
    AUTO(cached_done) struct cached cached = {0};
    char key[KEY_MAX];

    if (!id || !text_is_id(id) || *asked >= room)
        return 0;
    key_of(key, part->prefix, id);
    if (cache_get(p, key, &cached, e) < 0)
        return e->code;
    if (!cache_stale(p, &cached, part->ttl(world_of(p)->cfg)))
        return 0;
    if (part->by_ids) {
        args.ids = &id;
        args.n_ids = 1;
    } else {
        args.id = id;
    }
    (*asked)++;
    return call_ask(c, part->op, (int)part->op, &args, e);
}

static int part_take(struct step_ctx *c, const struct part *part, const struct context *x,
                     struct arena *a, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    const struct pd_op *op = pd_op(part->op);
    const struct net_reply *r = step_reply(c, (int)part->op);
    char key[KEY_MAX], why[WHY_MAX];
    struct err bad = {0};
    json_t *body;

    if (!r || !part_id(part, x))
        return 0;
    key_of(key, part->prefix, part_id(part, x));
    switch (answer_of(r, op, why)) {
    case ANSWER_OK:
        body = part->body(a, r, part_id(part, x), &bad);
        if (body)
            return cache_put(p, key, body, e) < 0 || feature_works(p, op->name, e) < 0 ? e->code
                                                                                       : 0;
        (void)answer_garbage(&bad, why);
        break;
    case ANSWER_UNAVAILABLE:
        return feature_record(p, op->name, why, e);
    case ANSWER_NONE:
    case ANSWER_GONE:
    case ANSWER_AUTH:
    case ANSWER_LATER:
        break;
    }
    return cache_failed_beside(p, key, why, e);
}

static int part_item(const struct engine_pass *p, const struct part *part, const struct context *x,
                     struct triage_items *it, bool *more, struct err *e)
{
    AUTO(cached_done) struct cached cached = {0};
    const struct pd_op *op = pd_op(part->op);
    const char *id = part_id(part, x), *missing = NULL;
    char key[KEY_MAX];

    if (!id) {
        triage_items_not_checked(it, part->kind, op->name,
                                 part->by_policy ? NO_POLICY : NO_SERVICE);
        return 0;
    }
    key_of(key, part->prefix, id);
    if (cache_get(p, key, &cached, e) < 0 ||
        (op->feature && feature_missing(p, op->name, &missing, e) < 0))
        return e->code;
    if (cached.ok)
        triage_items_add(it, part->kind, key, json_incref(cached.ok), 0);
    if (missing || cached.why || !cached.ok)
        triage_items_not_checked(it, part->kind, op->name,
                                 missing      ? missing
                                 : cached.why ? cached.why
                                              : NOT_READ);
    *more |= !missing && cache_stale(p, &cached, part->ttl(world_of(p)->cfg));
    return 0;
}

/* ---- notes of earlier incidents ---- */

static int similar_of(const struct engine_pass *p, const struct context *x,
                      struct triage_history *out, struct err *e)
{
    int64_t window = world_of(p)->cfg->pagerduty.history_window_ms;
    struct store_stmt *q = sql(p, PAST_SYMPTOM);
    struct triage_past *rows = NULL;
    size_t n = 0, room = 0;
    int rc;

    store_bind_text(q, 1, x->service_id);
    store_bind_text(q, 2, triage_symptom(p->arena, x->title));
    store_bind_int(q, 3, x->created_ms - window);
    store_bind_int(q, 4, x->created_ms);
    store_bind_int(q, 5, SIMILAR_MAX);
    while ((rc = store_step(q, e)) > 0) {
        if (n == room) {
            room = room ? room * 2 : 64;
            rows = mem_grow(rows, room, sizeof(*rows));
        }
        rows[n++] = (struct triage_past){
            .id = store_text_dup(q, 0, p->arena),
            .number = store_int(q, 1),
            .title = store_text_dup(q, 2, p->arena),
            .status = store_text_dup(q, 3, p->arena),
            .created_ms = store_int(q, 4),
            .resolved_ms = store_int(q, 5),
            .by_type = store_text_dup(q, 6, p->arena),
            .by_id = store_text_dup(q, 7, p->arena),
            .by_name = store_text_dup(q, 8, p->arena),
            .merged = store_int(q, 9) != 0,
        };
    }
    store_reset(q);
    if (rc == 0) {
        struct triage_past *kept = n ? arena_memdup(p->arena, rows, n * sizeof(*rows)) : NULL;

        triage_history(p->arena, kept, n, x->incident_id, x->created_ms, window, out);
    }
    mem_freep(&rows);
    return rc;
}

static int fix_ask(struct step_ctx *c, const struct context *x, unsigned room, unsigned *asked,
                   struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    struct triage_history h;

    if (similar_of(p, x, &h, e) < 0)
        return e->code;
    for (size_t i = 0; i < h.n_by_user && *asked < room; i++) {
        AUTO(cached_done) struct cached cached = {0};
        struct pd_args args = {.id = h.by_user[i]->id};
        char key[KEY_MAX];

        key_of(key, "fix", h.by_user[i]->id);
        if (cache_get(p, key, &cached, e) < 0)
            return e->code;
        if (!text_is_id(args.id) || !cache_stale(p, &cached, FIX_TTL_MS))
            continue;
        (*asked)++;
        if (call_ask(c, PD_OP_NOTES, tag_fix(h.by_user[i]->number), &args, e) < 0)
            return e->code;
    }
    return 0;
}

static int fix_keep(const struct engine_pass *p, const struct triage_past *past,
                    const struct net_reply *r, struct arena *a, struct err *e)
{
    char key[KEY_MAX], why[WHY_MAX];
    const struct pd_note *note;
    struct pd_notes notes;
    struct err bad = {0};
    json_t *ok;

    key_of(key, "fix", past->id);
    if (answer_of(r, pd_op(PD_OP_NOTES), why) != ANSWER_OK)
        return cache_failed(p, key, why, e);
    if (pd_read_notes(a, r->body, r->body_len, &notes, &bad) < 0) {
        (void)answer_garbage(&bad, why);
        return cache_failed(p, key, why, e);
    }
    note = triage_fix_note(&notes);
    ok = json_object();
    if (note)
        json_object_set_new(ok, "fix", ev_fix_body(note, past->id, past->number));
    return cache_put(p, key, ok, e);
}

static int fix_take(struct step_ctx *c, const struct context *x, struct arena *a, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    struct triage_history h;

    if (!x->service_id || !x->created_ms)
        return 0;
    if (similar_of(p, x, &h, e) < 0)
        return e->code;
    for (size_t i = 0; i < h.n_by_user; i++) {
        const struct net_reply *r = step_reply(c, tag_fix(h.by_user[i]->number));

        if (r && fix_keep(p, h.by_user[i], r, a, e) < 0)
            return e->code;
    }
    return 0;
}

/* The first of the newest ones that has a note; "not checked" only when an answer that might have had it is missing. */
static int fix_item(const struct engine_pass *p, const struct triage_history *h,
                    struct triage_items *it, bool *more, struct err *e)
{
    for (size_t i = 0; i < h->n_by_user; i++) {
        AUTO(cached_done) struct cached cached = {0};
        json_t *fix;
        char key[KEY_MAX];

        key_of(key, "fix", h->by_user[i]->id);
        if (cache_get(p, key, &cached, e) < 0)
            return e->code;
        *more |= cache_stale(p, &cached, FIX_TTL_MS);
        fix = json_opt_obj(cached.ok, "fix");
        if (fix) {
            triage_items_add(it, EV_FIX, key, json_incref(fix), json_opt_int(fix, "at_ms", 0));
            return 0;
        }
        if (!cached.ok) {
            triage_items_not_checked(it, EV_FIX, key, cached.why ? cached.why : NOT_READ);
            return 0;
        }
    }
    return 0;
}

static int similar_items(const struct engine_pass *p, const struct context *x,
                         struct triage_items *it, bool *more, struct err *e)
{
    int64_t window = world_of(p)->cfg->pagerduty.history_window_ms;
    struct history_state hs;
    struct triage_history h;
    char source[KEY_MAX];

    if (!x->service_id) {
        triage_items_not_checked(it, EV_SIMILAR, "incidents", NO_SERVICE);
        triage_items_not_checked(it, EV_FIX, "notes", NO_SERVICE);
        return 0;
    }
    if (history_state(p, x->service_id, &hs, e) < 0 || similar_of(p, x, &h, e) < 0)
        return e->code;
    key_of(source, "history", x->service_id);
    if (hs.whole) /* else a count would be a lie */
        triage_items_add(it, EV_SIMILAR, source, ev_similar_body(&h, window, !hs.capped), 0);
    if (!hs.whole || hs.why)
        triage_items_not_checked(it, EV_SIMILAR, "incidents",
                                 hs.why ? hs.why
                                        : "the history of the service is still being read");
    *more |= hs.stale;
    if (!hs.whole && h.n_by_user == 0) {
        triage_items_not_checked(it, EV_FIX, "notes", "the history of the service is not known");
        return 0;
    }
    return fix_item(p, &h, it, more, e);
}

/* ---- all together ---- */

int context_ask(struct step_ctx *c, const struct context *x, unsigned room, unsigned *asked,
                struct err *e)
{
    struct history_state hs;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (part_ask(c, &parts[i], x, room, asked, e) < 0)
            return e->code;
    if (priorities_ask(c, room, asked, e) < 0)
        return e->code;
    if (!x->service_id || !text_is_id(x->service_id) || !x->created_ms)
        return 0;
    if (history_ask(c, x->service_id, room > *asked ? room - *asked : 0, asked, e) < 0 ||
        history_state(step_pass(c), x->service_id, &hs, e) < 0)
        return e->code;
    /* Before the history is whole, the newest fix may be one that is not read yet. */
    return hs.whole ? fix_ask(c, x, room, asked, e) : 0;
}

int context_take(struct step_ctx *c, const struct context *x, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(TRIAGE_ARENA_BYTES);

    /* Before the pages of the history, which may bring newer incidents than those that were asked for. */
    if (fix_take(c, x, a, e) < 0 || priorities_take(c, a, e) < 0)
        return e->code;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (part_take(c, &parts[i], x, a, e) < 0)
            return e->code;
    return x->service_id ? history_take(c, x->service_id, a, e) : 0;
}

int context_items(const struct engine_pass *p, const struct context *x, struct triage_items *it,
                  bool *more, struct err *e)
{
    *more = false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (part_item(p, &parts[i], x, it, more, e) < 0)
            return e->code;
    return similar_items(p, x, it, more, e);
}
