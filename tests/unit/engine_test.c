#include "engine/engine.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"

/*
 * The engine with a real store, real threads and steps made for the test. Facts and steps write to the meta and audit tables, whose
 * content is the proof.
 */
#define WAIT_MS 10000

struct env {
    char dir[64];
    char path[96];
    struct engine *engine;
    struct net_peer *dead; /* nothing listens there */
    atomic_int answered, answered_retry;
    atomic_int ran_plain, ran_calls, ran_flaky, ran_bad, buried;
    atomic_int reply_code;
};
static struct env *env;

static bool soon(atomic_int *value, int want)
{
    for (int64_t end = clock_mono_ms() + WAIT_MS; clock_mono_ms() < end; usleep(1000))
        if (atomic_load(value) >= want)
            return true;
    return false;
}

/* ---- steps ---- */

static int note(struct step_ctx *c, const char *verb, struct err *e)
{
    const struct audit_entry x = {.actor = "test", .verb = verb, .subject = step_job(c)->subject};

    return audit_append(step_pass(c)->audit, &x, step_pass(c)->now_wall_ms, e);
}

static int plain_apply(struct step_ctx *c, struct err *e)
{
    atomic_fetch_add(&env->ran_plain, 1);
    return note(c, "plain.ran", e);
}

static int calls_plan(struct step_ctx *c, struct err *e)
{
    const struct net_req r = {
        .peer = env->dead, .method = "GET", .url = "http://127.0.0.1:9/x", .cls = NET_NEEDED};
    const struct net_req foreign = {
        .peer = env->dead, .method = "GET", .url = "http://127.0.0.2:9/x", .cls = NET_NEEDED};

    if (note(c, "calls.planned", e) < 0 || step_call(c, 7, &r, e) < 0)
        return e->code;
    return step_call(c, 8, &foreign, e);
}

static int calls_apply(struct step_ctx *c, struct err *e)
{
    const struct net_reply *a = step_reply(c, 7);
    const struct net_reply *b = step_reply(c, 8);

    assert_non_null(a);
    assert_non_null(b);
    assert_null(step_reply(c, 9));
    assert_int_equal(b->code,
                     ERR_DENIED); /* another origin than the peer's: refused, and answered */
    atomic_store(&env->reply_code, a->code);
    atomic_fetch_add(&env->ran_calls, 1);
    return note(c, "calls.applied", e);
}

static int flaky_apply(struct step_ctx *c, struct err *e)
{
    int n = atomic_fetch_add(&env->ran_flaky, 1);

    if (note(c, "flaky.ran", e) < 0)
        return e->code;
    return n < 2 ? err_retry(e, 0, "not yet") : 0;
}

static int bad_apply(struct step_ctx *c, struct err *e)
{
    atomic_fetch_add(&env->ran_bad, 1);
    if (note(c, "bad.ran", e) < 0)
        return e->code;
    return err_set(e, ERR_INPUT, "never");
}

static void bad_buried(struct step_ctx *c, const struct err *why)
{
    (void)c;
    assert_int_equal(why->code, ERR_INPUT);
    atomic_fetch_add(&env->buried, 1);
}

static int again_apply(struct step_ctx *c, struct err *e)
{
    (void)e;
    if (step_job(c)->attempt < 3)
        step_again_at(c, step_pass(c)->now_wall_ms + 5);
    return note(c, "again.ran", e);
}

static const struct step step_plain = {.name = "plain", .apply = plain_apply};
static const struct step step_calls = {.name = "calls", .plan = calls_plan, .apply = calls_apply};
static const struct step step_flaky = {
    .name = "flaky", .apply = flaky_apply, .backoff_ms = 5, .max_attempts = 5};
static const struct step step_bad = {.name = "bad", .apply = bad_apply, .buried = bad_buried};
static const struct step step_again = {.name = "again", .apply = again_apply};
static const struct step *const steps[] = {&step_plain, &step_calls, &step_flaky,
                                           &step_bad,   &step_again, NULL};

/* ---- facts ---- */

struct test_fact {
    struct engine_fact fact;
    const char *step; /* NULL: fails */
    char subject[32];
    int prio;
};

static int fact_apply(struct engine_fact *f, struct engine_pass *p, struct err *e)
{
    struct test_fact *t = (struct test_fact *)f;
    const struct audit_entry x = {.actor = "test", .verb = "fact.applied", .subject = t->subject};

    if (audit_append(p->audit, &x, p->now_wall_ms, e) < 0)
        return e->code;
    if (!t->step)
        return err_set(e, ERR_DENIED, "asked to fail");
    return engine_add_job(p, t->step, t->subject, t->prio, p->now_wall_ms, e);
}

static void fact_answer(struct engine_fact *f, int code, const struct err *e)
{
    (void)e;
    atomic_fetch_add(code == ERR_RETRY ? &env->answered_retry : &env->answered, 1);
    free(f);
}

static void post(const char *step, const char *subject, int prio)
{
    struct test_fact *t = calloc(1, sizeof *t);

    t->fact.apply = fact_apply;
    t->fact.answer = fact_answer;
    t->step = step;
    t->prio = prio;
    snprintf(t->subject, sizeof t->subject, "%s", subject);
    while (!engine_post(env->engine, &t->fact))
        usleep(1000);
}

/* ---- set-up ---- */

static void open_engine(void)
{
    struct err e = {0};
    const struct engine_opts o = {.store_path = env->path, .steps = steps, .app = env};
    const struct net_peer_opts dead = {
        .name = "dead", .base_url = "http://127.0.0.1:9", .allow_private = true};

    if (engine_new(&o, &env->engine, &e) < 0 ||
        net_peer_add(engine_net(env->engine), &dead, &env->dead, &e) < 0 ||
        engine_start(env->engine, &e) < 0)
        fail_msg("%s", e.msg);
}

static int setup(void **state)
{
    (void)state;
    crypto_init();
    env = calloc(1, sizeof *env);
    snprintf(env->dir, sizeof env->dir, "/tmp/triaged-engine-XXXXXX");
    assert_non_null(mkdtemp(env->dir));
    snprintf(env->path, sizeof env->path, "%s/store.db", env->dir);
    open_engine();
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm",
                                        "store.db.lock"};
    char path[128];

    (void)state;
    engine_free(env->engine);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "%s/%s", env->dir, files[i]);
        unlink(path);
    }
    rmdir(env->dir);
    free(env);
    return 0;
}

/* How many audit rows hold this verb. */
static int rows(const char *verb)
{
    AUTO(store_closep) struct store *s = NULL;
    struct audit_reader *r = NULL;
    struct audit_filter f = {.limit = 1000};
    struct err e = {0};
    const struct store_opts so = {.path = env->path, .read_only = true};
    int n = 0;
    size_t i;
    json_t *row;

    assert_int_equal(store_open(&so, &s, &e), 0);
    assert_int_equal(audit_reader_open(s, &r, &e), 0);
    for (;;) {
        json_t *page = NULL;

        assert_int_equal(audit_list(r, &f, &page, &e), 0);
        json_t *items = json_is_array(page) ? page : json_object_get(page, "items");

        json_array_foreach (items, i, row) {
            n += strcmp(json_string_value(json_object_get(row, "verb")), verb) == 0;
            f.after_seq = json_integer_value(json_object_get(row, "seq"));
        }
        bool last = json_array_size(items) < f.limit;

        json_decref(page);
        if (last)
            break;
    }
    audit_reader_close(r);
    return n;
}

/* ---- tests ---- */

static void facts_are_answered_after_they_are_on_disk(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        char subject[32];

        snprintf(subject, sizeof subject, "s%d", i);
        post("plain", subject, PRIO_JUDGE);
    }
    assert_true(soon(&env->answered, 300));
    assert_int_equal(rows("fact.applied"), 300); /* INV-1's core: answered means committed */
    assert_true(soon(&env->ran_plain, 300));
}

static void a_failing_fact_takes_back_only_its_own_writes(void **state)
{
    (void)state;
    post("plain", "one", PRIO_JUDGE);
    post(NULL, "two", PRIO_JUDGE);
    post("plain", "three", PRIO_JUDGE);
    assert_true(soon(&env->answered, 3));
    assert_int_equal(rows("fact.applied"), 2);
    assert_true(soon(&env->ran_plain, 2));
}

static void calls_leave_after_the_commit_and_bring_every_reply(void **state)
{
    (void)state;
    post("calls", "x", PRIO_FRESH);
    assert_true(soon(&env->ran_calls, 1));
    assert_int_equal(atomic_load(&env->reply_code),
                     ERR_RETRY); /* nobody listens: surely nothing was sent */
    usleep(20000);
    assert_int_equal(rows("calls.planned"), 1);
    assert_int_equal(rows("calls.applied"), 1);
}

static void a_step_that_asks_for_a_retry_writes_nothing_until_it_succeeds(void **state)
{
    (void)state;
    post("flaky", "x", PRIO_FRESH);
    assert_true(soon(&env->ran_flaky, 3));
    usleep(50000);
    assert_int_equal(atomic_load(&env->ran_flaky), 3);
    assert_int_equal(rows("flaky.ran"), 1);
}

static void a_step_that_cannot_succeed_is_buried_and_raises_an_alarm(void **state)
{
    (void)state;
    post("bad", "x", PRIO_FRESH);
    assert_true(soon(&env->buried, 1));
    usleep(50000);
    assert_int_equal(atomic_load(&env->ran_bad), 1);
    assert_int_equal(rows("bad.ran"), 0);
    assert_int_equal(rows("alarm.raised"), 1);
}

static void a_step_may_ask_to_run_again(void **state)
{
    (void)state;
    post("again", "x", PRIO_FOLLOW);
    for (int64_t end = clock_mono_ms() + WAIT_MS; rows("again.ran") < 3 && clock_mono_ms() < end;)
        usleep(5000);
    usleep(50000);
    assert_int_equal(rows("again.ran"), 3);
}

/* On the engine's thread: a job that is due in a moment, and then the machine's clock goes back two hours. */
static int set_back_apply(struct engine_fact *f, struct engine_pass *p, struct err *e)
{
    (void)f;
    if (engine_add_job(p, "plain", "later", PRIO_FOLLOW, p->now_wall_ms + 300, e) < 0)
        return e->code;
    clock_set_offset_ms(-7200000);
    return 0;
}

static void a_clock_set_back_does_not_stop_the_work(void **state)
{
    struct test_fact *t = calloc(1, sizeof *t);
    bool ran;

    (void)state;
    t->fact = (struct engine_fact){.apply = set_back_apply, .answer = fact_answer};
    while (!engine_post(env->engine, &t->fact))
        usleep(1000);
    ran = soon(&env->ran_plain, 1);
    engine_stop(env->engine);
    clock_set_offset_ms(0);
    assert_true(ran);
}

static void an_unknown_step_is_buried_not_lost(void **state)
{
    (void)state;
    post("nobody", "x", PRIO_FRESH);
    for (int64_t end = clock_mono_ms() + WAIT_MS; clock_mono_ms() < end; usleep(2000)) {
        struct engine_stats st;

        engine_stats(env->engine, &st);
        if (st.steps || st.facts)
            break;
    }
    usleep(50000);
    engine_free(env->engine);
    env->engine = NULL;

    AUTO(store_closep) struct store *s = NULL;
    struct queue *q = NULL;
    struct queue_counts n;
    struct err e = {0};
    const struct store_opts so = {.path = env->path};

    assert_int_equal(store_open(&so, &s, &e), 0);
    assert_int_equal(queue_open(s, 99, &q, &e), 0);
    assert_int_equal(queue_counts(q, &n, &e), 0);
    assert_int_equal(n.buried, 1);
    queue_close(q);
    assert_int_equal(rows("alarm.raised"), 1);
}

static void *producer(void *arg)
{
    for (int i = 0; i < 500; i++) {
        char subject[32];

        snprintf(subject, sizeof subject, "p%d-%d", *(int *)arg, i);
        post("plain", subject, PRIO_JUDGE);
    }
    return NULL;
}

static void many_threads_may_post_at_once(void **state)
{
    pthread_t t[4];
    int id[4] = {0, 1, 2, 3};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, producer, &id[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_true(soon(&env->answered, 2000));
    assert_true(soon(&env->ran_plain, 2000));
}

static void stopping_answers_everything_exactly_once(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        char subject[32];

        snprintf(subject, sizeof subject, "s%d", i);
        post("plain", subject, PRIO_JUDGE);
    }
    engine_stop(env->engine);
    assert_int_equal(atomic_load(&env->answered) + atomic_load(&env->answered_retry), 200);
    assert_int_equal(rows("fact.applied"), atomic_load(&env->answered));

    struct engine_fact late = {.apply = fact_apply, .answer = fact_answer};

    assert_false(engine_post(env->engine, &late));
}

static void work_survives_a_restart_and_the_epoch_rises(void **state)
{
    (void)state;
    post("calls", "x", PRIO_FRESH);
    assert_true(soon(&env->answered, 1));
    engine_free(env->engine); /* maybe before, maybe after the call came back */
    open_engine();
    assert_true(soon(&env->ran_calls, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts_are_answered_after_they_are_on_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_fact_takes_back_only_its_own_writes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(calls_leave_after_the_commit_and_bring_every_reply, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_step_that_asks_for_a_retry_writes_nothing_until_it_succeeds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_that_cannot_succeed_is_buried_and_raises_an_alarm,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_may_ask_to_run_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_set_back_does_not_stop_the_work, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_step_is_buried_not_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(many_threads_may_post_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_answers_everything_exactly_once, setup, teardown),
        cmocka_unit_test_setup_teardown(work_survives_a_restart_and_the_epoch_rises, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
