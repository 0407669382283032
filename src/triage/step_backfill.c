/*
 * The step of a backfill: which calls are due, how fast, and what becomes of the answers. It has no seat of its own and asks in
 * the idle lane, with calls that net leaves out when tokens are short: whatever is alive goes first.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "triage/backfill.h"
#include "triage/triage_sql.h"

#define SECOND_MS      INT64_C(1000)
#define BATCH_MAX      16
#define PER_MINUTE     960   /* where no limit is configured */
#define PACE_MS        63000 /* a minute, and three seconds that calls may wait before they leave */
#define AUTH_AGAIN_MS  INT64_C(60000)
#define LEFT_OUT_MS    INT64_C(2000)
#define FAILED_MOST_MS INT64_C(60000)
#define CLOCK_JUMP_MS  INT64_C(3600000) /* a wait longer than this was set by another clock */
#define WIDER_BELOW    40 /* pages of log entries: a window twice as wide can be read too */
#define SWEEP_ROWS     200
#define GIVE_UP_AFTER  8  /* times that one incident is not answered while others are */
#define GIVE_UP_ALONE  30 /* and with no other to tell by: half an hour */
#define TAG_LIST       0
#define TAG_ALERTS(i)  (10 + (int)(i))
#define TAG_NOTES(i)   (30 + (int)(i))

/* ---- the pace: at most half of the configured calls in any minute ---- */

struct pace {
    int64_t batch;  /* calls at once */
    int64_t spread; /* and so many more over PACE_MS */
};

/*
 * After n calls nothing leaves for n * PACE_MS / spread. So whatever leaves within a minute is, without its last batch, at
 * most `spread`; with it, at most half of what is configured.
 */
static struct pace pace_of(const struct engine_pass *p)
{
    unsigned per_minute = world_of(p)->cfg->pagerduty.per_minute;
    int64_t half = (per_minute ? per_minute : PER_MINUTE) / 2, batch = half / 8;

    batch = batch < 2 ? 2 : batch > BATCH_MAX ? BATCH_MAX : batch;
    return (struct pace){batch, half > batch ? half - batch : 1};
}

static void pace_take(const struct engine_pass *p, struct backfill *b, int64_t calls)
{
    b->calls += calls;
    b->next_ms = p->now_wall_ms + (calls * PACE_MS + pace_of(p).spread - 1) / pace_of(p).spread;
}

static void wait_for(const struct engine_pass *p, struct backfill *b, int64_t ms, const char *why)
{
    int64_t until = p->now_wall_ms + ms;

    b->next_ms = until > b->next_ms ? until : b->next_ms;
    b->waits = why;
}

/* ---- plan ---- */

static int64_t run_of(struct step_ctx *c)
{
    struct err bad = {0};
    int64_t id = 0;

    return parse_i64(step_job(c)->subject, 1, INT64_MAX, &id, &bad) < 0 ? 0 : id;
}

static bool due(const struct engine_pass *p, const struct backfill *b)
{
    return text_eq(b->state, "running") && world_of(p)->pd.token &&
           (b->next_ms <= p->now_wall_ms || b->next_ms > p->now_wall_ms + CLOCK_JUMP_MS);
}

static int list_ask(struct step_ctx *c, struct backfill *b, struct err *e)
{
    static const char *const statuses[] = {"triggered", "acknowledged", "resolved"};
    bool log = text_eq(b->stage, "log");
    struct pd_args args = {.limit = (unsigned)b->page,
                           .offset = (unsigned)b->skip,
                           .since_ms = b->from_ms,
                           .until_ms = b->to_ms,
                           .statuses = log ? NULL : statuses,
                           .n_statuses = log ? 0 : ARRAY_LEN(statuses)};

    pace_take(step_pass(c), b, 1);
    return call_ask_spare(c, log ? PD_OP_LOG_ALL : PD_OP_INCIDENTS, TAG_LIST, &args, e);
}

static int items_ask(struct step_ctx *c, struct backfill *b, struct err *e)
{
    AUTO(backfill_items_done) struct backfill_items it = {0};
    const struct engine_pass *p = step_pass(c);
    int64_t room = pace_of(p).batch, asked = 0;

    if (backfill_items(p, b, &it, e) < 0)
        return e->code;
    for (size_t i = 0; i < it.n; i++) {
        struct pd_args args = {.id = it.v[i].id};
        bool alerts = backfill_wants_alerts(&it.v[i]), notes = backfill_wants_notes(b, &it.v[i]);

        if (asked + alerts + notes > room)
            break;
        asked += alerts + notes;
        if (notes && call_ask_spare(c, PD_OP_NOTES, TAG_NOTES(i), &args, e) < 0)
            return e->code;
        args.limit = BACKFILL_ALERTS;
        if (alerts && call_ask_spare(c, PD_OP_ALERTS, TAG_ALERTS(i), &args, e) < 0)
            return e->code;
    }
    if (asked > 0)
        pace_take(p, b, asked);
    return 0;
}

/* Rows that nobody needs any more, a few at a time: how many went. */
static int swept(const struct engine_pass *p, struct err *e)
{
    struct store_stmt *q = sql(p, BACKFILL_SWEEP);

    store_bind_int(q, 1, SWEEP_ROWS);
    return store_exec(q, e);
}

static int backfill_plan(struct step_ctx *c, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    struct backfill b;

    if (backfill_get(p, run_of(c), &b, e) < 0)
        return e->code;
    if (!due(p, &b))
        return 0;
    if (b.calls == 0) { /* what an earlier one left behind is no part of this one */
        int n = swept(p, e);

        if (n != 0)
            return n < 0 ? n : 0;
    }
    if ((text_eq(b.stage, "items") ? items_ask(c, &b, e) : list_ask(c, &b, e)) < 0)
        return e->code;
    return backfill_set(p, &b, e);
}

/* ---- windows ---- */

static void stage_begin(struct backfill *b, const char *stage)
{
    b->stage = stage;
    b->skip = 0;
    b->page = BACKFILL_PAGE;
    if (!text_eq(stage, "items")) /* there the pages of the log are still of interest */
        b->pages = 0;
}

static void window_next(struct backfill *b)
{
    int64_t span = b->to_ms - b->from_ms;

    if (b->pages < WIDER_BELOW)
        span = span * 2 < BACKFILL_SPAN_MS ? span * 2 : BACKFILL_SPAN_MS;
    b->to_ms = b->from_ms;
    b->from_ms = b->to_ms - span > b->since_ms ? b->to_ms - span : b->since_ms;
    stage_begin(b, "incidents");
}

static void list_ended(struct backfill *b)
{
    stage_begin(b, text_eq(b->stage, "incidents") && !b->no_log ? "log" : "items");
}

/* PagerDuty does not go past 10,000: the newer half of the window first. */
static void window_halve(struct backfill *b)
{
    int64_t half = (b->to_ms - b->from_ms) / 2 / SECOND_MS * SECOND_MS;

    if (half < SECOND_MS) { /* 10,000 within a second; nothing finer can be asked for */
        b->unread++;
        list_ended(b);
        return;
    }
    b->from_ms = b->to_ms - half;
    b->skip = b->pages = 0;
}

static void page_ended(struct backfill *b, const struct pd_page *page, size_t seen)
{
    b->pages++;
    b->skip += b->page;
    b->failures = 0;
    if (page->capped || (page->more && b->skip + b->page > PD_OFFSET_MAX))
        window_halve(b);
    else if (!page->more || seen == 0)
        list_ended(b);
}

/* ---- answers ---- */

/* A page that is too large or garbled: a smaller one, down to the item that cannot be read. */
static void page_shrink(struct backfill *b)
{
    if (b->page > 1) {
        b->page /= 2;
        return;
    }
    b->unread++;
    b->skip++;
    b->page = BACKFILL_PAGE / 10;
    if (b->skip + b->page > PD_OFFSET_MAX)
        window_halve(b);
}

static void failed(const struct engine_pass *p, struct backfill *b, const struct net_reply *r,
                   enum answer got, const char *why)
{
    bool left_out = text_starts(why, "left out"); /* others need the calls now */
    int64_t ms = left_out ? LEFT_OUT_MS : SECOND_MS << (b->failures < 6 ? b->failures : 6);

    b->failures += !left_out;
    if (got == ANSWER_AUTH)
        ms = AUTH_AGAIN_MS;
    else if (r->retry_after_s > 0)
        ms = (int64_t)r->retry_after_s * SECOND_MS;
    wait_for(p, b, ms < FAILED_MOST_MS || r->retry_after_s > 0 ? ms : FAILED_MOST_MS,
             arena_strdup(p->arena, why));
}

static int list_read(const struct engine_pass *p, struct backfill *b, const struct net_reply *r,
                     struct arena *a, bool *garbled, struct err *e)
{
    struct pd_log_entries log;
    struct pd_incidents list;
    struct err bad = {0};

    *garbled = false;
    if (text_eq(b->stage, "log")) {
        *garbled = pd_read_log_entries(a, r->body, r->body_len, &log, &bad) < 0;
        if (*garbled)
            return 0;
        if (backfill_take_log(p, &log, e) < 0)
            return e->code;
        page_ended(b, &log.page, log.seen);
        return 0;
    }
    *garbled = pd_read_incidents(a, r->body, r->body_len, &list, &bad) < 0;
    if (*garbled)
        return 0;
    if (backfill_take_incidents(p, b, &list, e) < 0)
        return e->code;
    page_ended(b, &list.page, list.seen);
    return 0;
}

static int list_take(struct step_ctx *c, struct backfill *b, struct arena *a, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    const struct net_reply *r = step_reply(c, TAG_LIST);
    bool log = text_eq(b->stage, "log"), garbled;
    char why[WHY_MAX];
    enum answer got = answer_of(r, pd_op(log ? PD_OP_LOG_ALL : PD_OP_INCIDENTS), why);

    if (!r)
        return 0;
    b->waits = NULL;
    if (got == ANSWER_OK) {
        if (list_read(p, b, r, a, &garbled, e) < 0)
            return e->code;
        if (garbled)
            page_shrink(b);
        return 0;
    }
    if (r->code == ERR_INPUT) {
        page_shrink(b);
        return 0;
    }
    /* A token that may not read the account's log still may read incidents. */
    if (log && (r->status == 402 || r->status == 403 || r->status == 404)) {
        b->no_log = arena_strdup(p->arena, why);
        list_ended(b);
        return 0;
    }
    failed(p, b, r, got, why);
    return 0;
}

/* An answer that says nothing about our token or our pace: a server that fails, a call that is lost on its way. */
static bool is_broken(const struct net_reply *r, const char *why)
{
    return (r->code != 0 || r->status >= 500) && !text_starts(why, "left out");
}

/* PagerDuty answers about others and, time after time, not about this one: it must not hold them back for ever. */
static bool may_give_up(struct step_ctx *c, const struct backfill *b, size_t n)
{
    char why[WHY_MAX];

    for (size_t i = 0; i < n && b->failures >= GIVE_UP_AFTER; i++)
        if (answer_of(step_reply(c, TAG_ALERTS(i)), pd_op(PD_OP_ALERTS), why) == ANSWER_OK ||
            answer_of(step_reply(c, TAG_NOTES(i)), pd_op(PD_OP_NOTES), why) == ANSWER_OK)
            return true;
    return n == 1 && b->failures >= GIVE_UP_ALONE;
}

/* One answer about an incident: *wait: it may come another time. *there: the list was read. */
static void item_answer(const struct engine_pass *p, struct backfill *b, const struct net_reply *r,
                        enum pd_op_id op, bool give_up, bool *wait, bool *there)
{
    char why[WHY_MAX];
    enum answer got = answer_of(r, pd_op(op), why);

    *there = got == ANSWER_OK;
    if (got == ANSWER_OK || got == ANSWER_GONE || got == ANSWER_UNAVAILABLE ||
        (r && (r->code == ERR_INPUT || (give_up && is_broken(r, why)))))
        return;
    *wait = true;
    if (r)
        failed(p, b, r, got, why);
}

static int item_take(struct step_ctx *c, struct backfill *b, const struct backfill_item *x,
                     size_t i, struct arena *a, bool give_up, bool *wait, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    const struct net_reply *ra = step_reply(c, TAG_ALERTS(i)), *rn = step_reply(c, TAG_NOTES(i));
    bool wants_alerts = backfill_wants_alerts(x), wants_notes = backfill_wants_notes(b, x);
    bool alerts_there = false, notes_there = false;
    struct pd_alerts alerts;
    struct pd_notes notes;
    struct err bad = {0};

    if (wants_alerts)
        item_answer(p, b, ra, PD_OP_ALERTS, give_up, wait, &alerts_there);
    if (wants_notes && !*wait)
        item_answer(p, b, rn, PD_OP_NOTES, give_up, wait, &notes_there);
    if (*wait)
        return 0;
    alerts_there = alerts_there && pd_read_alerts(a, ra->body, ra->body_len, &alerts, &bad) == 0;
    notes_there = notes_there && pd_read_notes(a, rn->body, rn->body_len, &notes, &bad) == 0;
    b->unread += alerts_there < wants_alerts || notes_there < wants_notes;
    return backfill_remember(p, b, x, alerts_there ? &alerts : NULL, notes_there ? &notes : NULL,
                             e);
}

static int items_take(struct step_ctx *c, struct backfill *b, struct arena *a, struct err *e)
{
    AUTO(backfill_items_done) struct backfill_items it = {0};
    bool wait = false, give_up;
    size_t taken = 0;

    if (backfill_items(step_pass(c), b, &it, e) < 0)
        return e->code;
    if (it.n == 0) {
        window_next(b);
        return 0;
    }
    give_up = may_give_up(c, b, it.n);
    for (size_t i = 0; i < it.n && !wait; i++, taken += !wait)
        if (item_take(c, b, &it.v[i], i, a, give_up, &wait, e) < 0)
            return e->code;
    if (taken == it.n) {
        b->failures = 0;
        b->waits = NULL;
    }
    return 0;
}

/* ---- the end ---- */

static int ended(struct engine_pass *p, struct backfill *b, struct err *e)
{
    b->state = "done";
    b->ended_ms = p->now_wall_ms;
    b->waits = NULL;
    if (backfill_set(p, b, e) < 0)
        return e->code;
    LOG(INFO, "backfill.ended", log_i("found", b->found), log_i("remembered", b->remembered),
        log_i("calls", b->calls));
    return backfill_audit(p, b, "backfill.ended", "system", e);
}

/* After the end. A newer one that has begun meanwhile cleans up by itself, and its rows are not ours. */
static int sweep(struct step_ctx *c, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    struct backfill newest;
    int n;

    if (backfill_newest(p, &newest, e) < 0)
        return e->code;
    if (text_eq(newest.state, "running"))
        return 0;
    n = swept(p, e);
    if (n == SWEEP_ROWS)
        step_again_at(c, p->now_wall_ms);
    return n < 0 ? n : 0;
}

static int backfill_apply(struct step_ctx *c, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(TRIAGE_ARENA_BYTES);
    struct engine_pass *p = step_pass(c);
    struct backfill b;

    if (backfill_get(p, run_of(c), &b, e) < 0)
        return e->code;
    if (!text_eq(b.state, "running"))
        return sweep(c, e);
    if (!world_of(p)->pd.token)
        wait_for(p, &b, AUTH_AGAIN_MS, "no PagerDuty token is configured (pagerduty.token_file)");
    else if ((text_eq(b.stage, "items") ? items_take(c, &b, a, e) : list_take(c, &b, a, e)) < 0)
        return e->code;
    if (b.to_ms <= b.since_ms) {
        step_again_at(c, p->now_wall_ms);
        return ended(p, &b, e);
    }
    if (b.next_ms > p->now_wall_ms + CLOCK_JUMP_MS)
        b.next_ms = p->now_wall_ms;
    step_again_at(c, b.next_ms > p->now_wall_ms ? b.next_ms : p->now_wall_ms);
    return backfill_set(p, &b, e);
}

const struct step triage_step_backfill = {.name = "backfill",
                                          .plan = backfill_plan,
                                          .apply = backfill_apply,
                                          .backoff_ms = 2000,
                                          .backoff_max_ms = 60000};
