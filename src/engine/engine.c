#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "engine/engine_priv.h"

/* ---- passes ---- */

int pass_begin(struct engine *en, struct err *e)
{
    en->pass.now_wall_ms = clock_wall_ms();
    en->pass.now_mono_ms = clock_mono_ms();
    atomic_store_explicit(&en->last_pass_mono_ms, en->pass.now_mono_ms, memory_order_relaxed);
    atomic_fetch_add_explicit(&en->n_passes, 1, memory_order_relaxed);
    return store_tx_begin(en->store, e);
}

int pass_commit(struct engine *en, struct audit_head before, struct err *e)
{
    if (store_tx_commit(en->store, e) < 0) {
        pass_lost(en, before, e);
        return e->code;
    }
    atomic_fetch_add_explicit(&en->n_commits, 1, memory_order_relaxed);
    en->last_work_mono_ms = en->pass.now_mono_ms;
    en->truncated = false;

    struct audit_head head = audit_head(en->audit);

    if (head.seq != en->audit_seq_told && en->opts.on_commit)
        en->opts.on_commit(en->opts.app, head.seq);
    en->audit_seq_told = head.seq;
    return 0;
}

void pass_lost(struct engine *en, struct audit_head before, const struct err *why)
{
    LOG(ERROR, "engine.pass_lost", log_s("why", why->msg),
        log_s("todo", "free space on the state folder's disk and look at its health"));
    store_tx_rollback(en->store);
    audit_set_head(en->audit, &before);
    atomic_fetch_add_explicit(&en->n_lost, 1, memory_order_relaxed);
    if (store_fatal(en->store))
        atomic_store(&en->failed, true);
}

/* ---- between passes ---- */

/*
 * The writer also runs the checkpoints: SQLite 3.40.1 has a race between a checkpoint and a write of another connection.
 * An incomplete one (a reader holds old frames) waits for as many frames again before the next try.
 */
static void checkpoint_maybe(struct engine *en, bool idle)
{
    int frames = store_wal_frames(en->store);
    int64_t idle_ms = clock_mono_ms() - en->last_work_mono_ms;
    struct err e = {0};

    if (idle && !en->truncated && idle_ms >= TRUNCATE_IDLE_MS) {
        if (store_checkpoint(en->store, true, &e) == 0)
            en->checkpoint_next_frames = 0;
        en->truncated = true;
        return;
    }
    if (frames < (idle ? CHECKPOINT_IDLE_FRAMES : CHECKPOINT_FRAMES) ||
        frames < en->checkpoint_next_frames)
        return;
    if (store_checkpoint(en->store, false, &e) == 0 &&
        store_wal_frames(en->store) < CHECKPOINT_IDLE_FRAMES)
        en->checkpoint_next_frames = 0;
    else
        en->checkpoint_next_frames = frames + CHECKPOINT_IDLE_FRAMES;
}

static int idle_timeout_ms(struct engine *en)
{
    int wait = steps_next_ms(en, clock_wall_ms());

    if (!en->truncated && wait > 0) {
        int64_t left = en->last_work_mono_ms + TRUNCATE_IDLE_MS - clock_mono_ms();

        if (left < wait)
            wait = left < 1 ? 1 : (int)left;
    }
    return wait;
}

static void engine_sleep(struct engine *en)
{
    struct err e = {0};
    int wait = idle_timeout_ms(en);

    atomic_store(&en->sleeping, true);
    if (!inbox_empty(en) || atomic_load(&en->stopping))
        wait = 0; /* came in between: the flag was not set yet when it was posted */
    if (net_poll(en->net, wait, &e) < 0)
        LOG(ERROR, "engine.poll", log_s("why", e.msg));
    atomic_store(&en->sleeping, false);
}

/* Steps go when the inbox is empty, or when they have waited long enough while facts kept coming. */
static bool steps_turn(struct engine *en, bool had_facts)
{
    int64_t now = clock_mono_ms();

    if (!had_facts)
        return true;
    if (!en->steps_due_since_mono_ms)
        en->steps_due_since_mono_ms = now;
    return now - en->steps_due_since_mono_ms >= STEPS_MAY_WAIT_MS;
}

/*
 * Due times are wall times, for they outlive the process. When somebody sets the clock back, what was due would wait for hours;
 * so everything that waits moves along.
 */
static int clock_went_back(struct engine *en, int64_t by_ms, struct err *e)
{
    struct audit_head head = audit_head(en->audit);

    if (pass_begin(en, e) < 0)
        return e->code;
    if (queue_clock_set_back(en->queue, by_ms, e) < 0) {
        pass_lost(en, head, e);
        return e->code;
    }
    return pass_commit(en, head, e);
}

static void clock_watch(struct engine *en)
{
    int64_t ahead = clock_wall_ms() - clock_mono_ms();
    int64_t back = en->wall_ahead_ms - ahead;
    struct err e = {0};

    if (back > CLOCK_BACK_MS) {
        LOG(WARN, "engine.clock_back", log_i("by_ms", back),
            log_s("todo", "compare this machine's clock with a time server"));
        if (clock_went_back(en, back, &e) < 0)
            return; /* looked at again with the next turn */
    }
    en->wall_ahead_ms = ahead;
}

static void engine_turn(struct engine *en)
{
    unsigned n;
    struct engine_fact *facts = inbox_take(en, ENGINE_FACTS_PER_PASS, &n);
    uint64_t lost = atomic_load_explicit(&en->n_lost, memory_order_relaxed);
    struct err e = {0};

    clock_watch(en);
    if (facts)
        facts_pass(en, facts, n);
    if (steps_turn(en, facts != NULL)) {
        en->steps_due_since_mono_ms = 0;
        if (facts && net_poll(en->net, 0, &e) < 0)
            LOG(ERROR, "engine.poll", log_s("why", e.msg));
        bool worked = steps_pass(en);

        checkpoint_maybe(en, !worked && inbox_empty(en));
        if (!worked && !facts)
            engine_sleep(en);
        else if (net_poll(en->net, 0, &e) < 0)
            LOG(ERROR, "engine.poll", log_s("why", e.msg));
    } else {
        checkpoint_maybe(en, false);
    }
    /* The disk said no: give it a moment instead of spinning. Facts are refused meanwhile by their own time limit. */
    if (atomic_load_explicit(&en->n_lost, memory_order_relaxed) != lost && inbox_empty(en) &&
        net_poll(en->net, LOST_PASS_WAIT_MS, &e) < 0)
        LOG(ERROR, "engine.poll", log_s("why", e.msg));
}

static void *engine_thread(void *arg)
{
    struct engine *en = arg;

    while (!atomic_load(&en->stopping) && !atomic_load(&en->failed))
        engine_turn(en);
    inbox_close(en);
    return NULL;
}

/* ---- life ---- */

static int epoch_next(struct engine *en, struct err *e)
{
    const char *text = NULL;
    char next[24];
    int64_t now = clock_wall_ms();
    int orphans = 0;

    if (store_tx_begin(en->store, e) < 0)
        return e->code;
    if (store_meta_get(en->store, "boot_epoch", en->arena, &text, e) < 0 &&
        e->code != ERR_NOT_FOUND)
        goto fail;
    en->boot_epoch = (text ? strtoll(text, NULL, 10) : 0) + 1;
    snprintf(next, sizeof next, "%lld", (long long)en->boot_epoch);
    if (store_meta_set(en->store, "boot_epoch", next, e) < 0)
        goto fail;
    if (queue_open(en->store, en->boot_epoch, &en->queue, e) < 0 ||
        queue_adopt_orphans(en->queue, now, &orphans, e) < 0)
        goto fail;
    if (orphans)
        LOG(INFO, "engine.orphans", log_i("jobs", orphans));
    return store_tx_commit(en->store, e);
fail:
    store_tx_rollback(en->store);
    return e->code;
}

static int start_rows(struct engine *en, struct err *e)
{
    struct audit_head head = audit_head(en->audit);

    if (!en->opts.on_start)
        return 0;
    if (pass_begin(en, e) < 0)
        return e->code;
    if (en->opts.on_start(&en->pass, e) < 0) {
        pass_lost(en, head, e);
        return e->code;
    }
    return pass_commit(en, head, e);
}

int engine_new(const struct engine_opts *o, struct engine **out, struct err *e)
{
    struct engine *en = mem_alloc(sizeof *en);
    struct store_opts so = {.path = o->store_path};

    en->opts = *o;
    if (en->opts.max_in_flight == 0)
        en->opts.max_in_flight = 8;
    CHECK(en->opts.max_in_flight + ACTION_SEATS + SOURCE_SEATS + MODEL_SEATS <= SEATS_MAX);
    en->inbox_tail = &en->inbox_head;
    pthread_mutex_init(&en->inbox_lock, NULL);
    en->arena = arena_new(PASS_ARENA_BYTES);
    en->call_arena = arena_new(PASS_ARENA_BYTES);
    en->last_work_mono_ms = clock_mono_ms();
    en->wall_ahead_ms = clock_wall_ms() - clock_mono_ms();
    if (store_open(&so, &en->store, e) < 0 ||
        store_prepare(en->store, engine_sql, ENGINE_SQL_LEN, &en->sql, e) < 0 ||
        audit_open(en->store, &en->audit, e) < 0 || epoch_next(en, e) < 0 ||
        people_open(en->store, en->audit, &en->people, e) < 0 || net_new(&en->net, e) < 0) {
        engine_free(en);
        return e->code;
    }
    en->audit_seq_told = audit_head(en->audit).seq;
    en->pass = (struct engine_pass){.engine = en,
                                    .store = en->store,
                                    .audit = en->audit,
                                    .queue = en->queue,
                                    .people = en->people,
                                    .arena = en->arena,
                                    .boot_epoch = en->boot_epoch,
                                    .app = o->app};
    *out = en;
    return 0;
}

struct net *engine_net(struct engine *en)
{
    return en->net;
}

struct store *engine_store(struct engine *en)
{
    return en->store;
}

int engine_start(struct engine *en, struct err *e)
{
    if (start_rows(en, e) < 0)
        return e->code;
    if (pthread_create(&en->thread, NULL, engine_thread, en) != 0)
        return err_set(e, ERR_INTERNAL, "no thread for the engine");
    en->started = true;
    return 0;
}

void engine_wake(struct engine *en)
{
    net_wakeup(en->net);
}

void engine_stop(struct engine *en)
{
    if (!en->started)
        return;
    atomic_store(&en->stopping, true);
    engine_wake(en);
    pthread_join(en->thread, NULL);
    en->started = false;
}

void engine_free(struct engine *en)
{
    if (!en)
        return;
    engine_stop(en);
    inbox_close(en);
    net_free(en->net);
    steps_abandon(en);
    people_close(en->people);
    queue_close(en->queue);
    audit_close(en->audit);
    store_close(en->store);
    arena_free(en->arena);
    arena_free(en->call_arena);
    pthread_mutex_destroy(&en->inbox_lock);
    mem_freep(&en);
}

bool engine_failed(const struct engine *en)
{
    return atomic_load(&en->failed);
}

int engine_add_job(struct engine_pass *p, const char *step, const char *subject, int prio,
                   int64_t due_wall_ms, struct err *e)
{
    return queue_add(p->queue, step, subject, prio, due_wall_ms, p->now_wall_ms, e);
}

void engine_stats(const struct engine *en, struct engine_stats *out)
{
    *out = (struct engine_stats){
        .passes = atomic_load_explicit(&en->n_passes, memory_order_relaxed),
        .facts = atomic_load_explicit(&en->n_facts, memory_order_relaxed),
        .steps = atomic_load_explicit(&en->n_steps, memory_order_relaxed),
        .commits = atomic_load_explicit(&en->n_commits, memory_order_relaxed),
        .lost_passes = atomic_load_explicit(&en->n_lost, memory_order_relaxed),
        .calls = atomic_load_explicit(&en->n_calls, memory_order_relaxed),
        .last_pass_mono_ms = atomic_load_explicit(&en->last_pass_mono_ms, memory_order_relaxed),
        .inbox = atomic_load_explicit(&en->n_inbox, memory_order_relaxed),
        .in_flight = atomic_load_explicit(&en->n_in_flight, memory_order_relaxed),
    };
}
