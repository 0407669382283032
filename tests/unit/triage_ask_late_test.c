/* The step `ask` when the world moves under it: rules, settings and evidence that change while a question is out, bad replies in a storm, ends and
 * new beginnings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ask_step_test.h"

/* ---- a question that is out ---- */

static bool claimed(struct job *job)
{
    static const int lanes[] = {PRIO_JUDGE, PRIO_FRESH, PRIO_SOURCE, PRIO_MODEL, PRIO_FOLLOW};
    struct err none = {0};

    for (size_t i = 0; i < ARRAY_LEN(lanes); i++)
        if (queue_claim(bench.queue, lanes[i], bench.now, job, &none) == 0)
            return true;
    return false;
}

/* Runs everything up to the first question, and leaves that one out. */
static struct step_ctx asked_and_out(void)
{
    struct step_ctx c = {.p = &bench.pass};

    assert_int_equal(bench_webhook("incident.triggered"), INTAKE_NEW);
    while (c.n_calls == 0) {
        const struct step *const *s = triage_steps();
        struct job job;

        OK(store_tx_begin(bench.store, e));
        if (!claimed(&job)) {
            bench.now += 500;
        } else {
            while (strcmp((*s)->name, job.step) != 0)
                s++;
            if (*s == &triage_step_ask) {
                c = (struct step_ctx){.p = &bench.pass, .job = job, .planning = true};
                bench_pass();
                OK((*s)->plan(&c, e));
                if (c.n_calls == 0)
                    OK(queue_retry(bench.queue, job.id, c.again_at, "", e));
            } else {
                bench_run(*s, &job);
            }
        }
        OK(store_tx_commit(bench.store, e));
    }
    c.planning = false;
    return c;
}

/* Its answer comes now. */
static void answer_comes(struct step_ctx *c, struct net_reply r)
{
    struct err bad = {0};

    c->replies[0] = r;
    c->again_at = 0;
    OK(store_tx_begin(bench.store, e));
    bench_pass();
    if (triage_step_ask.apply(c, &bad) < 0)
        fail_msg("apply: %s", bad.msg);
    if (c->again_at)
        OK(queue_retry(bench.queue, c->job.id, c->again_at, "", e));
    else
        OK(queue_finish(bench.queue, c->job.id, bench.now, e));
    OK(store_tx_commit(bench.store, e));
}

#define NO_MODEL                                                       \
    "rules:\n  - name: quiet\n    when: {incident.title: {contains: [" \
    "latency]}}\n    then: {model: skip}\n"

/* Whatever is decided while the answer is on its way: the call is settled, and nothing of the answer is used where nobody is to be asked. */
static void an_answer_that_nobody_wants_any_more_is_settled(void **state)
{
    static const struct config_send none = {.service_id = "", .model = false};
    static const char *const table[] = {"rules", "send", "gone", "over"};

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct canned over[] = {{I "?", 0, 200, INCIDENT_BODY("resolved", TITLE, "P2")},
                                {NULL, 0, 0, NULL}};
        AUTO(json_freep) json_t *j = NULL;
        struct step_ctx c;

        setup(state);
        c = asked_and_out();
        if (i == 0)
            bench_rules(NO_MODEL);
        else if (i == 1)
            bench.cfg.send = &none;
        else if (i == 2) {
            bench.cfg.model = (struct config_model){0};
            bench.world.model_peer = NULL;
        } else {
            bench.answers[0] = over;
            bench.answers[1] = rest;
        }
        bench.now += 3000;
        bench_webhook(i == 3 ? "incident.resolved" : "incident.acknowledged");
        bench_drain();
        answer_comes(&c, good(NULL));
        bench.now += 1000;
        bench_drain();
        if (count("SELECT count(*) FROM llm_call WHERE state = 'sent'") != 0)
            fail_msg("%s: the call is still out", table[i]);
        if (count("SELECT sum(tokens) FROM llm_spend") != 1200)
            fail_msg("%s: %lld tokens", table[i],
                     (long long)count("SELECT sum(tokens) FROM llm_spend"));
        assert_int_equal(bench.n_questions, 1);
        j = bench_show(INCIDENT);
        if (strcmp(json_at_str(j, "assessment.origin"), i == 3 ? "model" : "rules") != 0)
            fail_msg("%s: %s", table[i], json_at_str(j, "assessment.origin"));
        teardown(state);
    }
}

/* The evidence moved while the question was out: the answer is about something else, so it is not shown, and it is asked again. */
static void an_answer_about_older_evidence_is_not_shown(void **state)
{
    struct canned now[] = {{I "/alerts", 0, 200, ALERTS("connection refused by peer")},
                           {NULL, 0, 0, NULL}};
    struct step_ctx c = {0};

    (void)state;
    bench.model = acting;
    bench_rules("rules:\n  - name: any\n    when: {incident.title: {contains: [latency]}}\n"
                "    then: {allow: [add_note, resolve]}\n");
    c = asked_and_out();
    bench.answers[0] = now;
    bench.answers[1] = rest;
    bench.now += 3000;
    bench_webhook("incident.acknowledged");
    bench_drain();
    bench.model = good;
    answer_comes(&c, acting(bench.question));
    bench_drain();
    assert_int_equal(bench.n_questions, 2);
    assert_false(gate_said("propose model"));
    assert_int_equal(count("SELECT count(*) FROM assessment WHERE origin = 'model' AND"
                           " llm_call_id = 1"),
                     0);
}

/* ---- storms ---- */

/* Equal ones that meet a model whose replies are of no use: a few calls, and a reason for each of the others. */
static void a_storm_does_not_repeat_a_bad_reply(void **state)
{
    static const struct {
        const char *name, *body, *why;
        size_t most;
    } table[] = {
        {"prose", CHAT("I approve everything.", "stop"), "form, twice", 2},
        {"cut", CHAT("{", "length"), "limit of output", 2},
        {"filtered", CHAT("", "content_filter"), "filter", 1},
    };
    enum {
        N = 200
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(json_freep) json_t *j = NULL;

        setup(state);
        triggered();
        clones(N);
        bench.n_questions = 0;
        script[0] = said(200, table[i].body);
        script_len = 1;
        bench.model = by_script;
        for (int k = 1; k <= N; k++) {
            char id[16];

            snprintf(id, sizeof(id), "Q%05d", k);
            OK(store_tx_begin(bench.store, e));
            OK(queue_add(bench.queue, "ask", id, PRIO_MODEL, bench.now, bench.now, e));
            OK(store_tx_commit(bench.store, e));
        }
        bench.drain_max = 100 * N;
        for (int k = 0; k < 60; k++) {
            bench_drain();
            bench.now += 1000;
        }
        if (bench.n_questions > table[i].most)
            fail_msg("%s: %zu calls for %d equal ones", table[i].name, bench.n_questions, N);
        assert_int_equal(
            count("SELECT count(*) FROM incident WHERE ask LIKE '%\"state\":\"without\"%'"), N);
        j = bench_show("Q00150");
        if (!strstr(json_at_str(j, "ask.why"), table[i].why) ||
            !strstr(json_at_str(j, "ask.why"), "#1000"))
            fail_msg("%s: %s", table[i].name, json_at_str(j, "ask.why"));
        teardown(state);
    }
}

/* Those that wait for one slow answer look for it ever more seldom: 12 times in four minutes, not 44. */
static void a_storm_behind_a_slow_model_waits_quietly(void **state)
{
    enum {
        N = 16
    };
    int looks = 0;

    (void)state;
    triggered();
    clones(N);
    ask_for("Q00001");
    run_sql("UPDATE llm_call SET state = 'sent', report = NULL, epoch = 1");
    run_sql("UPDATE incident SET ask = NULL");
    bench.cfg.model.deadline_ms = 300000;
    bench.n_questions = 0;
    for (int k = 2; k <= N; k++) {
        char id[16];

        snprintf(id, sizeof(id), "Q%05d", k);
        OK(store_tx_begin(bench.store, e));
        OK(queue_add(bench.queue, "ask", id, PRIO_MODEL, bench.now, bench.now, e));
        OK(store_tx_commit(bench.store, e));
    }
    bench.drain_max = 100 * N;
    for (int s = 0; s < 240; s++) {
        looks += bench_drain();
        bench.now += 1000;
    }
    assert_int_equal(bench.n_questions, 0);
    if (looks > 12 * N)
        fail_msg("%d looks of %d that wait", looks, N);
    /* and it still comes to its end */
    run_sql("UPDATE llm_call SET state = 'failed'");
    bench.now += 60000;
    bench_drain();
    assert_int_equal(bench.n_questions, 1);
    bench.now += 60000;
    bench_drain();
    assert_true(count("SELECT count(*) FROM incident WHERE ask LIKE '%\"state\":\"answered\"%'") >=
                N - 1);
}

/* ---- what is carried over ---- */

/* What another incident's report says of numbers and hosts was never checked against this one: everybody who reads it must see whose it is. */
static void what_is_taken_from_another_incident_says_so(void **state)
{
    const char *why = NULL;

    (void)state;
    bench_rules("rules:\n  - name: any\n    when: {incident.title: {contains: [latency]}}\n"
                "    then: {allow: [add_note, resolve]}\n");
    triggered();
    clones(2);
    bench.model = acting;
    ask_for("Q00001");
    ask_for("Q00002");
    bench.n_gate = 0;
    bench_drain();
    for (size_t i = 0; i < bench.n_gate; i++)
        if (strstr(bench.gate[i], "propose model") && strstr(bench.gate[i], "because #10001: "))
            why = bench.gate[i];
    assert_non_null(why);
    /* E-numbers are counted per incident: those of another would name something else here. */
    assert_non_null(strstr(why, ", 0 cites"));
    for (size_t i = 0; i < bench.n_gate; i++)
        if (strstr(bench.gate[i], "because nobody looks, 1 cites"))
            return;
    fail_msg("its own report has lost its cites");
}

/* What was said before the end is of the past when it begins again: within the time of reuse the same report, later a new question. */
static void what_begins_again_asks_anew(void **state)
{
    static const struct {
        int64_t later_ms;
        size_t questions;
    } table[] = {{60000, 1}, {1900000, 2}};
    struct canned over[] = {{I "?", 0, 200, INCIDENT_BODY("resolved", TITLE, "P2")},
                            {NULL, 0, 0, NULL}};

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(json_freep) json_t *j = NULL;

        setup(state);
        triggered();
        bench.answers[0] = over;
        bench.answers[1] = rest;
        bench.now += 3000;
        bench_webhook("incident.resolved");
        bench_drain();
        j = bench_show(INCIDENT); /* what ended keeps what was said */
        assert_string_equal(json_at_str(j, "assessment.origin"), "model");
        assert_int_equal(bench.n_questions, 1);
        bench.answers[0] = rest;
        bench.now += table[i].later_ms;
        bench_webhook("incident.reopened");
        bench_drain();
        if (bench.n_questions != table[i].questions)
            fail_msg("row %zu: asked %zu times", i, bench.n_questions);
        json_decref(j);
        j = bench_show(INCIDENT);
        assert_string_equal(state_of(j), "answered");
        assert_string_equal(json_at_str(j, "assessment.origin"), "model");
        teardown(state);
    }
}

/* A reload put another endpoint in its place: the failure is not the new one's. */
static void a_breaker_moves_for_the_endpoint_that_was_asked(void **state)
{
    struct step_ctx c;

    (void)state;
    c = asked_and_out();
    bench.cfg.model.base_url = "http://127.0.0.1:2/v1";
    answer_comes(&c, said(500, "oops"));
    assert_int_equal(count("SELECT count(*) FROM llm_endpoint"), 0);
    assert_int_equal(count("SELECT count(*) FROM llm_call WHERE state = 'failed'"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_nobody_wants_any_more_is_settled),
        T(an_answer_about_older_evidence_is_not_shown),
        cmocka_unit_test(a_storm_does_not_repeat_a_bad_reply),
        cmocka_unit_test(what_begins_again_asks_anew),
        T(a_breaker_moves_for_the_endpoint_that_was_asked),
        T(a_storm_behind_a_slow_model_waits_quietly),
        T(what_is_taken_from_another_incident_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
