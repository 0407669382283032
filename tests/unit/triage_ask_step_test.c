/* The step `ask` on the bench: when a model is asked, when not again, and what becomes of each sort of answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ask_step_test.h"

/* ---- tests ---- */

/* The rules' view is there before the model is asked (INV-10), and the report joins it. */
static void a_report_joins_the_rules_view(void **state)
{
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    triggered();
    assert_int_equal(bench.n_questions, 1);
    j = bench_show("4187");
    assert_string_equal(state_of(j), "answered");
    assert_string_equal(json_at_str(j, "assessment.origin"), "model");
    assert_string_equal(json_at_str(j, "assessment.category"), "latency");
    assert_int_equal(json_integer_value(json_at(j, "assessment.llm_call_id")), 1);
    assert_string_equal(
        json_string_value(json_array_get(json_at(j, "assessment.report.not_checked"), 0)),
        "saturation of the pool");
    assert_non_null(json_at_str(j, "assessment.confidence.level"));
    /* the rules' own row stood first */
    assert_int_equal(count("SELECT count(*) FROM assessment WHERE origin = 'rules'") > 0, 1);
    assert_int_equal(count("SELECT count(*) FROM llm_call WHERE state = 'answered'"), 1);
    assert_null(strstr(bench.question, INCIDENT));
    assert_non_null(strstr(bench.question, "Blocker")); /* the account's own words */
}

/* F-15: asked once a change that matters; an acknowledgement or our own note is none. */
static void only_what_matters_asks_again(void **state)
{
    static const struct {
        const char *what;
        struct canned now;
        size_t questions;
    } table[] = {
        {"acknowledged", {I "?", 0, 200, INCIDENT_BODY("acknowledged", TITLE, "P2")}, 1},
        {"our own note",
         {I "/notes", 0, 200, NOTE("[triaged:abcdefghijklmnop] Triage: seen before")},
         1},
        {"the number in the title",
         {I "?", 0, 200, INCIDENT_BODY("triggered", "Checkout p99 latency above 3.1 s", "P2")},
         1},
        {"a person's note", {I "/notes", 0, 200, NOTE("The pool is at its limit")}, 2},
        {"another priority", {I "?", 0, 200, INCIDENT_BODY("triggered", TITLE, "P1")}, 2},
        {"other alert text", {I "/alerts", 0, 200, ALERTS("connection refused by peer")}, 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct canned one[] = {table[i].now, {NULL, 0, 0, NULL}};
        AUTO(json_freep) json_t *j = NULL;

        setup(state);
        triggered();
        bench.answers[0] = one;
        bench.answers[1] = rest;
        for (int again = 0; again < 2; again++) { /* and not twice for one change */
            bench.now += 3000;
            bench_webhook("incident.acknowledged");
            bench_webhook("incident.reassigned");
            bench_drain();
        }
        if (bench.n_questions != table[i].questions)
            fail_msg("%s: asked %zu times, not %zu", table[i].what, bench.n_questions,
                     table[i].questions);
        j = bench_show(INCIDENT);
        if (strcmp(state_of(j), "answered") != 0)
            fail_msg("%s: %s", table[i].what, state_of(j));
        teardown(state);
    }
}

/* ---- what goes wrong ---- */

static void whatever_goes_wrong_ends_as_a_reason(void **state)
{
    static const struct {
        const char *name;
        int code, status;
        const char *body;
        const char *why, *outcome, *alarm;
        size_t calls;
        unsigned retry_after_s;
    } table[] = {
        {"no connection", ERR_RETRY, 0, NULL, "", "left_out", NULL, 3, 0},
        {"lost", ERR_UNSURE, 0, NULL, "", "no_answer", NULL, 3, 0},
        {"429", 0, 429, "{\"error\":{\"type\":\"rate_limit\"}}", "429", "http", NULL, 3, 0},
        {"a pause", 0, 429, "{}", "429", "http", NULL, 3, 2},
        /* over two minutes nobody waits (contracts/llm.md 5) */
        {"a long pause", 0, 429, "{}", "429", "http", NULL, 1, 121},
        {"a longer pause", 0, 503, "{}", "503", "http", NULL, 1, 86400},
        {"500", 0, 500, "oops", "500", "http", NULL, 3, 0},
        {"401", 0, 401, "{}", "401", "http", "model.auth", 1, 0},
        {"402", 0, 402, "{}", "402", "http", "model.spent", 1, 0},
        {"400", 0, 400, "{}", "400", "http", NULL, 1, 0},
        {"page", 0, 200, "<html>", "could not be read", "unreadable", NULL, 3, 0},
        {"prose", 0, 200, CHAT("I approve everything.", "stop"), "form, twice", "invalid", NULL, 2,
         0},
        {"cut", 0, 200, CHAT("{", "length"), "limit of output", "cut", NULL, 2, 0},
        {"filtered", 0, 200, CHAT("", "content_filter"), "filter", "filtered", NULL, 1, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(json_freep) json_t *j = NULL;
        char statement[160];

        setup(state);
        script[0] = (struct net_reply){.code = table[i].code,
                                       .status = table[i].status,
                                       .body = table[i].body,
                                       .body_len = table[i].body ? strlen(table[i].body) : 0,
                                       .retry_after_s = table[i].retry_after_s,
                                       .msg = "connect timed out"};
        script_len = 1;
        bench.model = by_script;
        triggered();
        for (int k = 0; k < 40; k++) {
            bench.now += 500;
            bench_drain();
        }
        j = bench_show(INCIDENT);
        if (strcmp(state_of(j), "without model") != 0)
            fail_msg("%s: %s, %s", table[i].name, state_of(j), json_at_str(j, "ask.why"));
        if (!strstr(json_at_str(j, "ask.why"), table[i].why))
            fail_msg("%s: %s", table[i].name, json_at_str(j, "ask.why"));
        if (bench.n_questions != table[i].calls)
            fail_msg("%s: %zu calls", table[i].name, bench.n_questions);
        snprintf(statement, sizeof(statement),
                 "SELECT count(*) FROM llm_call WHERE outcome = '%s' AND ended_ms IS NOT NULL",
                 table[i].outcome);
        if (count(statement) != (int64_t)table[i].calls)
            fail_msg("%s: %lld rows of %s", table[i].name, (long long)count(statement),
                     table[i].outcome);
        if (table[i].alarm)
            assert_true(bench_alarmed(table[i].alarm));
        /* and the rules' view is there all the same (INV-10) */
        assert_string_equal(json_at_str(j, "assessment.origin"), "rules");
        teardown(state);
    }
}

/* The endpoint asked for a pause and our own queue keeps to it: that is neither a try nor a failure, however long it takes. */
static void a_call_that_never_left_costs_nothing(void **state)
{
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    script[0] = (struct net_reply){.code = ERR_RETRY, .unbegun = true, .msg = "not begun in time"};
    script_len = 1;
    bench.model = by_script;
    triggered();
    for (int k = 0; k < 20; k++) {
        bench.now += 30000;
        bench_drain();
    }
    assert_true(bench.n_questions > 10);
    assert_int_equal(count("SELECT coalesce(max(failures), 0) FROM llm_endpoint"), 0);
    assert_int_equal(count("SELECT coalesce(sum(tokens), 0) FROM llm_spend"), 0);
    bench.model = good;
    bench.now += 30000;
    bench_drain();
    j = bench_show(INCIDENT);
    assert_string_equal(state_of(j), "answered");
}

static void a_second_answer_mends_the_first(void **state)
{
    static const struct {
        const char *name;
        struct net_reply first;
        const char *outcome;
    } table[] = {
        {"broken form", {.status = 200, .body = CHAT("{}", "stop")}, "repaired"},
        {"cut", {.status = 200, .body = CHAT("{", "length")}, "ok"},
        {"429", {.status = 429, .body = "{}", .retry_after_s = 3}, "ok"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(json_freep) json_t *j = NULL;
        char statement[120];

        setup(state);
        script[0] = table[i].first;
        script[0].body_len = strlen(script[0].body);
        script[1] = good(NULL);
        script_len = 2;
        bench.model = by_script;
        triggered();
        if (script[0].retry_after_s) {
            assert_int_equal(bench.n_questions, 1); /* the endpoint asked for a pause */
            bench.now += 3500;
            bench_drain();
        }
        bench.now += 100;
        bench_drain();
        j = bench_show(INCIDENT);
        assert_string_equal(state_of(j), "answered");
        assert_int_equal(bench.n_questions, 2);
        snprintf(statement, sizeof(statement),
                 "SELECT count(*) FROM llm_call WHERE id = 2 AND outcome = '%s'", table[i].outcome);
        assert_int_equal(count(statement), 1);
        if (i == 0) /* error paths only: nothing of the bad text goes back */
            assert_non_null(strstr(bench.question, "impact"));
        if (i == 1)
            assert_non_null(strstr(bench.question, "4000"));
        teardown(state);
    }
}

static void a_budget_refuses_and_says_why(void **state)
{
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    bench.cfg.model.tokens_per_hour = 100000;
    run_sql(
        "INSERT INTO llm_spend (hour_ms, calls, tokens, cost) VALUES (1789351200000, 9, 99000, 0)");
    triggered();
    assert_int_equal(bench.n_questions, 0);
    j = bench_show(INCIDENT);
    assert_string_equal(state_of(j), "waiting");
    assert_non_null(strstr(json_at_str(j, "ask.why"), "not asked: "));
    assert_non_null(strstr(json_at_str(j, "ask.why"), "budget"));
    assert_non_null(json_at_str(j, "ask.until"));
    /* its own budget never comes back */
    json_decref(j);
    bench.cfg.model.tokens_per_hour = 0;
    bench.cfg.model.tokens_per_incident = 1500;
    bench.now += 3700000;
    bench_drain();
    j = bench_show(INCIDENT);
    assert_string_equal(state_of(j), "without model");
    assert_int_equal(bench.n_questions, 0);
}

static void an_open_breaker_is_waited_for(void **state)
{
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    bench.cfg.model.breaker_failures = 1;
    script[0] = said(500, "oops");
    script[1] = good(NULL);
    script_len = 2;
    bench.model = by_script;
    triggered();
    assert_true(bench_alarmed("model.down"));
    bench.now += 9000;
    bench_drain();
    j = bench_show(INCIDENT);
    assert_string_equal(state_of(j), "waiting");
    assert_int_equal(bench.n_questions, 1);
    bench.now += 60000;
    bench_drain();
    json_decref(j);
    j = bench_show(INCIDENT);
    assert_string_equal(state_of(j), "answered");
}

static void nobody_is_asked_where_that_is_said(void **state)
{
    static const struct config_send none = {.service_id = "", .model = false};
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    bench.cfg.send = &none;
    triggered();
    assert_int_equal(bench.n_questions, 0);
    j = bench_show(INCIDENT);
    assert_string_equal(state_of(j), "without model");
    assert_non_null(strstr(json_at_str(j, "ask.why"), "may be sent"));
    /* a later change of mind asks */
    static const struct config_send all = {.service_id = "", .model = true};

    bench.cfg.send = &all;
    bench.now += 1000;
    bench_webhook("incident.reassigned");
    bench_drain();
    assert_int_equal(bench.n_questions, 1);
}

/* A crash between the request and its answer: the row is lost, and the job asks again. */
static void a_crash_in_between_asks_again(void **state)
{
    AUTO(json_freep) json_t *j = NULL;
    struct step_ctx c = {.p = &bench.pass};

    (void)state;
    assert_int_equal(bench_webhook("incident.triggered"), INTAKE_NEW);
    /* up to the question, and no further */
    for (bool asked = false; !asked;) {
        struct job job;
        const struct step *const *s = triage_steps();
        static const int lanes[] = {PRIO_JUDGE, PRIO_FRESH, PRIO_SOURCE, PRIO_MODEL};
        struct err none = {0};
        size_t i = 0;

        OK(store_tx_begin(bench.store, e));
        while (i < ARRAY_LEN(lanes) &&
               queue_claim(bench.queue, lanes[i], bench.now, &job, &none) < 0)
            i++;
        if (i == ARRAY_LEN(lanes)) {
            bench.now += 500;
            OK(store_tx_commit(bench.store, e));
            continue;
        }
        while (strcmp((*s)->name, job.step) != 0)
            s++;
        if (*s == &triage_step_ask) {
            c.job = job;
            c.planning = true;
            bench_pass();
            OK((*s)->plan(&c, e));
            asked = c.n_calls > 0;
            if (!asked)
                OK(queue_retry(bench.queue, job.id, c.again_at, "", e));
        } else {
            bench_run(*s, &job);
        }
        OK(store_tx_commit(bench.store, e));
    }
    assert_int_equal(bench.n_questions, 1);
    queue_close(bench.queue);
    OK(queue_open(bench.store, 2, &bench.queue, e));
    bench.pass.queue = bench.queue;
    bench.pass.boot_epoch = 2;
    OK(store_tx_begin(bench.store, e));
    OK(llm_on_start(bench.world.llm, 2, bench.now, e));
    OK(queue_adopt_orphans(bench.queue, bench.now, &(int){0}, e));
    OK(store_tx_commit(bench.store, e));
    bench.now += 1000;
    bench_drain();
    assert_int_equal(bench.n_questions, 2);
    assert_int_equal(count("SELECT count(*) FROM llm_call WHERE state = 'lost'"), 1);
    j = bench_show(INCIDENT);
    assert_string_equal(state_of(j), "answered");
}

/* ---- the same again ---- */

/* "10,000 identical alerts cost one call". */
static void ten_thousand_identical_ones_are_one_call(void **state)
{
    enum {
        N = 10000
    };
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    triggered();
    bench.n_questions = 0;
    clones(N);
    for (int i = 1; i <= N; i++) {
        char id[16];

        snprintf(id, sizeof(id), "Q%05d", i);
        ask_for(id);
    }
    assert_int_equal(bench.n_questions, 1);
    assert_int_equal(count("SELECT count(*) FROM llm_call"), 1);
    assert_int_equal(
        count("SELECT count(*) FROM incident WHERE ask LIKE '%\"state\":\"answered\"%'"), N);
    j = bench_show("Q09999");
    assert_string_equal(state_of(j), "reused");
    assert_string_equal(json_at_str(j, "ask.as.incident_id"), "Q00001");
    assert_int_equal(json_integer_value(json_at(j, "ask.as.number")), 10001);
}

/* What another incident was told may not be allowed here. */
static void a_reused_report_keeps_only_what_is_allowed_here(void **state)
{
    static const struct {
        const char *forbidden;
        size_t actions;
    } table[] = {{NULL, 1}, {"resolve", 0}};

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(json_freep) json_t *j = NULL;

        setup(state);
        bench_rules("rules:\n  - name: any\n    when: {incident.title: {contains: [latency]}}\n"
                    "    then: {allow: [add_note, resolve]}\n");
        triggered();
        clones(2);
        bench.model = acting;
        ask_for("Q00001");
        bench.forbidden = table[i].forbidden;
        ask_for("Q00002");
        bench_drain();
        j = bench_show("Q00002");
        assert_string_equal(state_of(j), "reused");
        if (json_array_size(json_at(j, "assessment.report.actions")) != table[i].actions)
            fail_msg("%zu: %zu actions", i,
                     json_array_size(json_at(j, "assessment.report.actions")));
        assert_string_equal(json_at_str(j, "assessment.report.as.incident_id"), "Q00001");
        teardown(state);
    }
}

/* The model adds a proposal of its own; one of the rules' with the same verb stays the rules'. */
static void the_model_adds_and_never_replaces(void **state)
{
    static const struct {
        const char *propose, *there, *absent;
    } table[] = {
        {"", "propose model resolve{}", "propose rule:any"},
        {", propose: [{verb: resolve, why: x}]", "propose rule:any resolve{}", "propose model"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char rules[400];

        setup(state);
        snprintf(rules, sizeof(rules),
                 "rules:\n  - name: any\n    when: {incident.title: {contains: [latency]}}\n"
                 "    then: {allow: [add_note, resolve]%s}\n",
                 table[i].propose);
        bench_rules(rules);
        bench.model = acting;
        triggered();
        if (!gate_said(table[i].there) || gate_said(table[i].absent)) {
            for (size_t k = 0; k < bench.n_gate; k++)
                print_message("%s\n", bench.gate[k]);
            fail_msg("row %zu", i);
        }
        teardown(state);
    }
}

/* What the gate refuses to a model after all leaves words that people read, and costs the rules' proposals nothing. */
static void a_proposal_that_the_gate_refuses_does_not_vanish(void **state)
{
    AUTO(json_freep) json_t *j = NULL;
    const json_t *lines;
    bool told = false;

    (void)state;
    bench_rules("rules:\n  - name: any\n    when: {incident.title: {contains: [latency]}}\n"
                "    then: {allow: [add_note, resolve, escalate], propose: [{verb: add_note, "
                "note: seen, why: x}]}\n");
    bench.model = acting;
    bench.refused = "resolve";
    triggered();
    assert_true(gate_said("propose model resolve{}"));
    assert_true(gate_said("propose rule:any add_note"));
    j = bench_show(INCIDENT);
    lines = json_object_get(j, "timeline");
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const char *text = json_opt_str(json_array_get(lines, i), "text");

        told |= text && strstr(text, "proposal.refused: resolve: args.content is too long");
    }
    assert_true(told);
    assert_false(bench_alarmed("rules.proposal"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_report_joins_the_rules_view),
        T(a_proposal_that_the_gate_refuses_does_not_vanish),
        cmocka_unit_test(only_what_matters_asks_again),
        cmocka_unit_test(whatever_goes_wrong_ends_as_a_reason),
        T(a_call_that_never_left_costs_nothing),
        cmocka_unit_test(a_second_answer_mends_the_first),
        T(a_budget_refuses_and_says_why),
        T(an_open_breaker_is_waited_for),
        T(nobody_is_asked_where_that_is_said),
        T(a_crash_in_between_asks_again),
        T(ten_thousand_identical_ones_are_one_call),
        cmocka_unit_test(a_reused_report_keeps_only_what_is_allowed_here),
        cmocka_unit_test(the_model_adds_and_never_replaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
