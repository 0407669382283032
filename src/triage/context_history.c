/*
 * The history of a service: GET /incidents page by page, in windows of at most half a year, into past_incident. Where
 * a read stands is kept in pd_cache, so that the next run (of whichever incident of the service) goes on from there:
 *
 *   {since_ms, until_ms, end_ms, offset, window, pages, capped, whole, done}
 *
 * The first read goes back the whole window; later ones only as far as what may have changed since.
 */
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/context_priv.h"

#define DAY_MS        INT64_C(86400000)
#define AHEAD_MS      INT64_C(60000) /* past now: times go out in whole seconds, and clocks differ */
#define WINDOW_MAX_MS (180 * DAY_MS + AHEAD_MS) /* PagerDuty's own limit is six months */
#define AGAIN_MS \
    (14 * DAY_MS) /* an incident that is open longer than this shows its end only in its own read */
#define PAGE          100
#define PAGES_MAX     40
#define PAGES_AT_ONCE 2

struct reading {
    int64_t since_ms, until_ms, end_ms, offset, window, pages;
    bool capped, whole, done;
};

static void key_of(char key[64], const char *service_id)
{
    snprintf(key, 64, "history:%s", service_id);
}

static json_t *reading_json(const struct reading *r)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b}", "since_ms",
                     (json_int_t)r->since_ms, "until_ms", (json_int_t)r->until_ms, "end_ms",
                     (json_int_t)r->end_ms, "offset", (json_int_t)r->offset, "window",
                     (json_int_t)r->window, "pages", (json_int_t)r->pages, "capped", r->capped,
                     "whole", r->whole, "done", r->done);
}

static void reading_of(const json_t *j, struct reading *r)
{
    *r = (struct reading){.since_ms = json_opt_int(j, "since_ms", 0),
                          .until_ms = json_opt_int(j, "until_ms", 0),
                          .end_ms = json_opt_int(j, "end_ms", 0),
                          .offset = json_opt_int(j, "offset", 0),
                          .window = json_opt_int(j, "window", 0),
                          .pages = json_opt_int(j, "pages", 0),
                          .capped = json_opt_bool(j, "capped", false),
                          .whole = json_opt_bool(j, "whole", false),
                          .done = json_opt_bool(j, "done", false)};
}

static int tag_page(const struct reading *r, unsigned ahead)
{
    return TAG_HISTORY + (int)(r->window * (PD_OFFSET_MAX / PAGE) + r->offset / PAGE) + (int)ahead;
}

static void window_begin(struct reading *r, int64_t since_ms)
{
    r->since_ms = since_ms;
    r->until_ms = since_ms + WINDOW_MAX_MS < r->end_ms ? since_ms + WINDOW_MAX_MS : r->end_ms;
    r->offset = 0;
}

/* Where the next call starts: a read that is under way, or a new one. */
static void reading_next(const struct engine_pass *p, const struct cached *c, struct reading *r)
{
    int64_t window = world_of(p)->cfg->pagerduty.history_window_ms, from;

    reading_of(c->ok, r);
    if (c->ok && !r->done)
        return;
    from = r->whole ? r->end_ms - AGAIN_MS : p->now_wall_ms - window;
    r->end_ms = p->now_wall_ms + AHEAD_MS;
    r->pages = r->window = 0;
    r->done = false;
    window_begin(r, from);
}

static bool reading_stale(const struct engine_pass *p, const struct cached *c,
                          const struct reading *r)
{
    if (c->ok && !c->why && !r->done)
        return true;
    return cache_stale(p, c, world_of(p)->cfg->pagerduty.cache_history_ms);
}

int history_state(const struct engine_pass *p, const char *service_id, struct history_state *out,
                  struct err *e)
{
    AUTO(cached_done) struct cached c = {0};
    struct reading r;
    char key[64];

    key_of(key, service_id);
    if (cache_get(p, key, &c, e) < 0)
        return e->code;
    reading_of(c.ok, &r);
    *out = (struct history_state){
        .whole = r.whole, .capped = r.capped, .stale = reading_stale(p, &c, &r), .why = c.why};
    return 0;
}

int history_ask(struct step_ctx *c, const char *service_id, unsigned room, unsigned *asked,
                struct err *e)
{
    static const char *const statuses[] = {"triggered", "acknowledged", "resolved"};
    const struct engine_pass *p = step_pass(c);
    AUTO(cached_done) struct cached cached = {0};
    struct reading r;
    char key[64];

    key_of(key, service_id);
    if (cache_get(p, key, &cached, e) < 0)
        return e->code;
    reading_of(cached.ok, &r);
    if (!reading_stale(p, &cached, &r))
        return 0;
    reading_next(p, &cached, &r);
    if (cache_put(p, key, reading_json(&r), e) < 0)
        return e->code;
    /* Only after the first page told that there is more does a second one at a time pay. */
    for (unsigned i = 0; i < (r.pages > 0 ? PAGES_AT_ONCE : 1) && i < room; i++) {
        struct pd_args args = {.limit = PAGE,
                               .offset = (unsigned)(r.offset + (int64_t)i * PAGE),
                               .since_ms = r.since_ms,
                               .until_ms = r.until_ms,
                               .ids = &service_id,
                               .n_ids = 1,
                               .statuses = statuses,
                               .n_statuses = ARRAY_LEN(statuses)};

        if (args.offset + PAGE > PD_OFFSET_MAX)
            break;
        (*asked)++;
        if (call_ask(c, PD_OP_INCIDENTS, tag_page(&r, i), &args, e) < 0)
            return e->code;
    }
    return 0;
}

static void page_ends(struct reading *r, const struct pd_incidents *page)
{
    r->pages++;
    r->offset += PAGE;
    r->capped |= page->page.capped || r->pages >= PAGES_MAX;
    if (page->page.more && r->pages < PAGES_MAX)
        return;
    if (r->until_ms < r->end_ms && r->pages < PAGES_MAX) {
        r->window++;
        window_begin(r, r->until_ms);
        return;
    }
    r->done = r->whole = true;
}

/* A filter that PagerDuty ignored answers with everybody's incidents: only this service's are kept. */
static int page_keep(const struct engine_pass *p, const char *service_id,
                     const struct pd_incidents *page, struct err *e)
{
    for (size_t i = 0; i < page->n; i++)
        if (text_eq(page->items[i].service.id, service_id) && past_put(p, &page->items[i], e) < 0)
            return e->code;
    return 0;
}

int history_take(struct step_ctx *c, const char *service_id, struct arena *a, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    AUTO(cached_done) struct cached cached = {0};
    const struct net_reply *reply;
    struct reading r;
    char key[64], why[WHY_MAX] = "";
    bool taken = false;

    key_of(key, service_id);
    if (cache_get(p, key, &cached, e) < 0)
        return e->code;
    reading_of(cached.ok, &r);
    /* Another incident's run may have read on meanwhile: then no answer has the tag of the page that is due. */
    while (!r.done && (reply = step_reply(c, tag_page(&r, 0)))) {
        struct pd_incidents page;
        struct err bad = {0};

        if (answer_of(reply, pd_op(PD_OP_INCIDENTS), why) != ANSWER_OK)
            break;
        why[0] = '\0';
        if (pd_read_incidents(a, reply->body, reply->body_len, &page, &bad) < 0) {
            (void)answer_garbage(&bad, why);
            break;
        }
        if (page_keep(p, service_id, &page, e) < 0)
            return e->code;
        page_ends(&r, &page);
        taken = true;
    }
    if (taken && cache_put(p, key, reading_json(&r), e) < 0)
        return e->code;
    return why[0] ? cache_failed(p, key, why, e) : 0;
}
