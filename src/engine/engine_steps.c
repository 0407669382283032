#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "engine/engine_priv.h"

const int engine_lanes[LANES] = {PRIO_EXECUTE, PRIO_JUDGE,  PRIO_FRESH,   PRIO_SOURCE,
                                 PRIO_MODEL,   PRIO_FOLLOW, PRIO_BACKLOG, PRIO_IDLE};
/* 0: the lane shares the seats of engine_opts.max_in_flight. */
static const unsigned own_seats[LANES] = {ACTION_SEATS, 0, 0, SOURCE_SEATS, MODEL_SEATS, 0, 0, 0};

struct engine_pass *step_pass(struct step_ctx *c)
{
    return c->pass;
}

const struct job *step_job(const struct step_ctx *c)
{
    return c->job;
}

void step_again_at(struct step_ctx *c, int64_t due_wall_ms)
{
    c->again_at_wall_ms = due_wall_ms;
}

const struct net_reply *step_reply(const struct step_ctx *c, int tag)
{
    for (size_t i = 0; c->seat && i < c->seat->n_calls; i++)
        if (c->seat->calls[i].tag == tag)
            return &c->seat->calls[i].reply;
    return NULL;
}

/* ---- seats ---- */

/* The lane whose own seats a job of this priority takes, or LANES for the shared ones. */
static size_t own_lane(int prio)
{
    for (size_t i = 0; i < LANES; i++)
        if (engine_lanes[i] == prio && own_seats[i] > 0)
            return i;
    return LANES;
}

static bool seat_free_for(const struct engine *en, int prio)
{
    size_t lane = own_lane(prio);
    unsigned shared = en->seats_used;

    if (lane < LANES)
        return en->own_seats_used[lane] < own_seats[lane];
    for (size_t i = 0; i < LANES; i++)
        shared -= en->own_seats_used[i];
    return shared < en->opts.max_in_flight;
}

static struct seat *seat_take(struct engine *en, const struct step *step, const struct job *job)
{
    for (size_t i = 0; i < SEATS_MAX; i++) {
        struct seat *s = &en->seats[i];

        if (s->used)
            continue;
        uint32_t serial = s->serial + 1;

        memset(s, 0, sizeof *s);
        s->used = true;
        s->serial = serial;
        s->step = step;
        s->job = *job;
        en->seats_used++;
        if (own_lane(job->prio) < LANES)
            en->own_seats_used[own_lane(job->prio)]++;
        atomic_store_explicit(&en->n_in_flight, en->seats_used, memory_order_relaxed);
        return s;
    }
    return NULL; /* a step of the pure lane asks for calls while all seats are taken */
}

static void seat_release(struct engine *en, struct seat *s)
{
    for (size_t i = 0; i < s->n_calls; i++) {
        char *body = (char *)(uintptr_t)s->calls[i].reply.body; /* our own copy */

        mem_freep(&body);
    }
    if (!s->starting && s->n_open == 0)
        en->seats_done--;
    en->seats_used--;
    if (own_lane(s->job.prio) < LANES)
        en->own_seats_used[own_lane(s->job.prio)]--;
    s->used = false;
    atomic_store_explicit(&en->n_in_flight, en->seats_used, memory_order_relaxed);
}

/* ---- calls ---- */

static const char *dup_or_null(struct arena *a, const char *s)
{
    return s ? arena_strdup(a, s) : NULL;
}

int step_call(struct step_ctx *c, int tag, const struct net_req *r, struct err *e)
{
    struct engine *en = c->pass->engine;

    CHECK(c->planning);
    if (!c->seat)
        c->seat = seat_take(en, c->step, c->job);
    if (!c->seat)
        return err_retry(e, 1, "no seat is free for the calls of step %s", c->step->name);
    if (c->seat->n_calls == STEP_CALLS_MAX)
        return err_set(e, ERR_INTERNAL, "step %s asks for more than %d calls", c->step->name,
                       STEP_CALLS_MAX);
    struct planned_call *pc = &en->planned[en->n_planned++];

    *pc = (struct planned_call){.seat = c->seat, .index = c->seat->n_calls, .req = *r};
    pc->req.method = arena_strdup(en->call_arena, r->method);
    pc->req.url = arena_strdup(en->call_arena, r->url);
    for (size_t i = 0; i < r->n_headers; i++) {
        pc->req.headers[i].name = arena_strdup(en->call_arena, r->headers[i].name);
        pc->req.headers[i].value = arena_strdup(en->call_arena, r->headers[i].value);
    }
    pc->req.auth_header = dup_or_null(en->call_arena, r->auth_header);
    pc->req.auth_prefix = dup_or_null(en->call_arena, r->auth_prefix);
    pc->req.body = r->body ? arena_memdup(en->call_arena, r->body, r->body_len) : NULL;
    c->seat->starting = true;
    c->seat->calls[c->seat->n_calls++] = (struct seat_call){.tag = tag};
    return 0;
}

static void call_answered(struct engine *en, struct seat *s, size_t index,
                          const struct net_reply *r)
{
    struct seat_call *sc = &s->calls[index];

    CHECK(!sc->answered);
    sc->answered = true;
    sc->reply = *r;
    sc->reply.body = r->body ? mem_strndup(r->body, r->body_len) : NULL;
    if (--s->n_open == 0)
        en->seats_done++;
}

/* owner: seat number, serial and call index in one number, so that a late answer can never reach another job. */
#define OWNER_CALLS 256U
static uint64_t owner_of(const struct engine *en, const struct planned_call *pc)
{
    return ((uint64_t)pc->seat->serial * SEATS_MAX + (uint64_t)(pc->seat - en->seats)) *
               OWNER_CALLS +
           pc->index;
}

static void on_reply(void *arg, uint64_t owner, const struct net_reply *reply)
{
    struct engine *en = arg;
    struct seat *s = &en->seats[owner / OWNER_CALLS % SEATS_MAX];

    if (s->used && s->serial == (uint32_t)(owner / OWNER_CALLS / SEATS_MAX))
        call_answered(en, s, owner % OWNER_CALLS, reply);
}

/* After COMMIT: what was planned leaves. A request that net refuses is answered here with its code. */
static void calls_start(struct engine *en)
{
    for (size_t i = 0; i < en->n_planned; i++) {
        struct planned_call *pc = &en->planned[i];

        if (pc->seat->starting) {
            pc->seat->starting = false;
            pc->seat->n_open = pc->seat->n_calls;
        }
        struct err e = {0};

        atomic_fetch_add_explicit(&en->n_calls, 1, memory_order_relaxed);
        if (net_start(en->net, &pc->req, on_reply, en, owner_of(en, pc), &e) < 0) {
            struct net_reply r = {.code = e.code};

            snprintf(r.msg, sizeof r.msg, "%.*s", (int)sizeof r.msg - 1, e.msg);
            call_answered(en, pc->seat, pc->index, &r);
        }
    }
    en->n_planned = 0;
    arena_reset(en->call_arena);
}

static void calls_forget(struct engine *en)
{
    for (size_t i = 0; i < SEATS_MAX; i++)
        if (en->seats[i].used && en->seats[i].starting)
            seat_release(en, &en->seats[i]);
    en->n_planned = 0;
    arena_reset(en->call_arena);
}

/* ---- one step ---- */

static const struct step *step_find(const struct engine *en, const char *name)
{
    for (const struct step *const *s = en->opts.steps; *s; s++)
        if (strcmp((*s)->name, name) == 0)
            return *s;
    return NULL;
}

static int64_t backoff_ms(const struct step *s, unsigned attempt, const struct err *e)
{
    int64_t base = s->backoff_ms ? s->backoff_ms : 1000;
    int64_t most = s->backoff_max_ms ? s->backoff_max_ms : 60000;
    uint16_t r;

    if (e->retry_after_s)
        return (int64_t)e->retry_after_s * 1000;
    for (unsigned i = 1; i < attempt && base < most; i++)
        base *= 2;
    if (base > most)
        base = most;
    crypto_random(&r, sizeof r);
    return base * (80 + r % 41) / 100; /* +-20 %, so that failures do not march in step */
}

static int job_bury(struct engine *en, const struct job *j, const struct err *why, struct err *e)
{
    LOG(ERROR, "job.buried", log_s("step", j->step), log_s("subject", j->subject),
        log_s("why", why->msg));
    if (queue_bury(en->queue, j->id, why->msg, en->pass.now_wall_ms, e) < 0)
        return e->code;
    return engine_alarm(
        &en->pass, "jobs.buried", "a job failed for good and waits for a person",
        "look at it with 'triagectl jobs', mend the cause, then 'triagectl jobs retry ID'", e);
}

/* The job's row after a step that failed; the step's own savepoint is already undone. */
static int job_failed(struct engine *en, struct step_ctx *c, const struct err *why, struct err *e)
{
    const struct job *j = c->job;

    if (why->code == ERR_NOT_FOUND) {
        LOG(DEBUG, "job.moot", log_s("step", j->step), log_s("subject", j->subject),
            log_s("why", why->msg));
        return queue_finish(en->queue, j->id, en->pass.now_wall_ms, e);
    }
    if (why->code == ERR_RETRY &&
        (c->step->max_attempts == 0 || j->attempt < c->step->max_attempts)) {
        int64_t due = en->pass.now_wall_ms + backoff_ms(c->step, j->attempt, why);

        LOG(DEBUG, "job.retry", log_s("step", j->step), log_s("subject", j->subject),
            log_s("why", why->msg));
        return queue_retry(en->queue, j->id, due, why->msg, e);
    }
    if (c->step->buried)
        c->step->buried(c, why);
    return job_bury(en, j, why, e);
}

static int job_ended(struct engine *en, const struct step_ctx *c, struct err *e)
{
    if (c->again_at_wall_ms)
        return queue_retry(en->queue, c->job->id, c->again_at_wall_ms, "", e);
    return queue_finish(en->queue, c->job->id, en->pass.now_wall_ms, e);
}

/* plan and apply under one savepoint; on failure the seat (if one was taken in it) and its planned calls go too. */
static int step_guarded(struct engine *en, struct step_ctx *c, bool plan, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    struct audit_head head = audit_head(en->audit);
    int code = 0;

    if (store_savepoint(&sp, en->store, e) < 0)
        return e->code;
    if (plan) {
        c->planning = true;
        code = c->step->plan ? c->step->plan(c, e) : 0;
        c->planning = false;
    }
    if (code >= 0 && !(plan && c->seat) && c->step->apply)
        code = c->step->apply(c, e);
    if (code >= 0 && store_release(&sp, e) < 0)
        code = e->code;
    if (code < 0)
        audit_set_head(en->audit, &head);
    return code;
}

static void planned_drop(struct engine *en, struct seat *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < en->n_planned; i++)
        if (en->planned[i].seat != s)
            en->planned[kept++] = en->planned[i];
    en->n_planned = kept;
}

/* Runs one claimed job. Negative only when the store itself failed. */
static int job_run(struct engine *en, struct step_ctx *c, bool plan, struct err *e)
{
    struct err why = {0};
    int code;

    arena_reset(en->arena);
    code = step_guarded(en, c, plan, &why);
    atomic_fetch_add_explicit(&en->n_steps, 1, memory_order_relaxed);
    if (!store_tx_open(en->store))
        return err_set(e, ERR_INTERNAL, "the store lost the pass: %s", why.msg);
    if (code < 0 && plan && c->seat) {
        planned_drop(en, c->seat);
        seat_release(en, TAKE(c->seat));
    }
    if (code >= 0 && plan && c->seat)
        return 0; /* waits for its answers */
    return code < 0 ? job_failed(en, c, &why, e) : job_ended(en, c, e);
}

/* A job whose answers are all there. */
static int seat_finish(struct engine *en, struct seat *s, struct err *e)
{
    struct job job = s->job;
    struct step_ctx c = {.pass = &en->pass, .step = s->step, .job = &job, .seat = s};

    return job_run(en, &c, false, e);
}

static int job_claim_run(struct engine *en, int prio, bool *found, struct err *e)
{
    struct job job;
    struct step_ctx c = {.pass = &en->pass, .job = &job};
    int rc = queue_claim(en->queue, prio, en->pass.now_wall_ms, &job, e);

    *found = rc == 0;
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    c.step = step_find(en, job.step);
    if (!c.step) {
        struct err unknown = {0};

        (void)err_set(&unknown, ERR_INTERNAL, "no step is called '%s' in this version", job.step);
        return job_bury(en, &job, &unknown, e);
    }
    return job_run(en, &c, true, e);
}

/* ---- one pass ---- */

struct steps_run {
    int64_t end_mono_us;
    unsigned ran;
};

static bool pass_is_full(struct engine *en, const struct steps_run *r)
{
    if (r->ran == 0)
        return false;
    return clock_mono_us() >= r->end_mono_us || !inbox_empty(en);
}

/* Seats applied in this pass keep their answers until COMMIT: a lost pass applies them again. */
static int seats_apply(struct engine *en, struct steps_run *r, bool applied[SEATS_MAX],
                       struct err *e)
{
    for (size_t i = 0; i < SEATS_MAX && en->seats_done > 0; i++) {
        struct seat *s = &en->seats[i];

        if (!s->used || s->starting || s->n_open > 0)
            continue;
        if (pass_is_full(en, r))
            return 0;
        applied[i] = true;
        r->ran++;
        if (seat_finish(en, s, e) < 0)
            return e->code;
    }
    return 0;
}

static int lanes_run(struct engine *en, struct steps_run *r, struct err *e)
{
    for (size_t lane = 0; lane < LANES;) {
        bool found;

        if (pass_is_full(en, r))
            return 0;
        if (!seat_free_for(en, engine_lanes[lane]) && engine_lanes[lane] != PRIO_JUDGE) {
            lane++;
            continue;
        }
        if (job_claim_run(en, engine_lanes[lane], &found, e) < 0)
            return e->code;
        if (found)
            r->ran++;
        else
            lane++;
    }
    return 0;
}

bool steps_pass(struct engine *en)
{
    struct err e = {0};
    struct audit_head head = audit_head(en->audit);
    struct steps_run run = {.end_mono_us = clock_mono_us() + STEP_PASS_US};
    bool applied[SEATS_MAX] = {false};
    int rc = pass_begin(en, &e);

    if (rc == 0)
        rc = seats_apply(en, &run, applied, &e);
    if (rc == 0)
        rc = lanes_run(en, &run, &e);
    if (rc == 0 && run.ran == 0) {
        store_tx_rollback(en->store);
        return false;
    }
    FAULT_POINT("engine.before_step_commit");
    if (rc == 0)
        rc = pass_commit(en, head, &e);
    else
        pass_lost(en, head, &e);
    if (rc < 0) {
        calls_forget(en); /* their jobs were rolled back to ready with the pass */
        return true;
    }
    for (size_t i = 0; i < SEATS_MAX; i++)
        if (applied[i])
            seat_release(en, &en->seats[i]);
    FAULT_POINT("engine.after_step_commit");
    calls_start(en);
    return true;
}

int steps_next_ms(struct engine *en, int64_t now_wall_ms)
{
    int64_t wait = SLEEP_MAX_MS;

    if (en->seats_done > 0)
        return 0;
    for (size_t lane = 0; lane < LANES; lane++) {
        struct err e = {0};
        int64_t due;

        if (!seat_free_for(en, engine_lanes[lane]) && engine_lanes[lane] != PRIO_JUDGE)
            continue; /* an answer wakes us */
        if (queue_next_due(en->queue, engine_lanes[lane], &due, &e) == 0 &&
            due - now_wall_ms < wait)
            wait = due - now_wall_ms;
    }
    return wait < 0 ? 0 : (int)wait;
}

void steps_abandon(struct engine *en)
{
    for (size_t i = 0; i < SEATS_MAX; i++)
        if (en->seats[i].used)
            seat_release(en, &en->seats[i]);
}
