/* The step `ask` when an endpoint failed and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ask_step_test.h"

static void time_goes_by(int64_t ms, int64_t step_ms)
{
    for (int64_t t = 0; t < ms; t += step_ms) {
        bench.now += step_ms;
        bench.n_gate = 0;
        bench_drain();
    }
}

/* The endpoint's fault is not the incident's: while it is open the same is asked once more, not before five times breaker_open_ms. */
static void an_open_incident_is_asked_once_more_when_the_endpoint_is_back(void **state)
{
    static const struct {
        const char *name;
        struct net_reply fault;
        bool again;
    } table[] = {
        {"500", {.status = 500, .body = "oops", .body_len = 4}, true},
        {"lost", {.code = ERR_UNSURE}, true},
        {"long pause", {.status = 429, .body = "{}", .body_len = 2, .retry_after_s = 121}, true},
        {"key", {.status = 401, .body = "{}", .body_len = 2}, true},
        {"bad request", {.status = 400, .body = "{}", .body_len = 2}, false},
        {"declined", {.status = 200, .body = CHAT("", "content_filter"), .body_len = 0}, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(json_freep) json_t *j = NULL;
        size_t asked;

        setup(state);
        script[0] = table[i].fault;
        script[0].body_len = script[0].body ? strlen(script[0].body) : 0;
        script_len = 1;
        bench.model = by_script;
        triggered();
        time_goes_by(20000, 500);
        asked = bench.n_questions;
        j = bench_show(INCIDENT);
        assert_string_equal(state_of(j), "without model");
        if ((json_at_str(j, "ask.until") != NULL) != table[i].again)
            fail_msg("%s: until %s", table[i].name, json_at_str(j, "ask.until"));
        bench.model = good;
        time_goes_by(270000, 10000);
        assert_int_equal(bench.n_questions, asked);
        time_goes_by(400000, 10000);
        json_decref(j);
        j = bench_show(INCIDENT);
        if (strcmp(state_of(j), table[i].again ? "answered" : "without model") != 0)
            fail_msg("%s: %s", table[i].name, state_of(j));
        assert_int_equal(bench.n_questions, asked + table[i].again);
        assert_string_equal(json_at_str(j, "assessment.origin"),
                            table[i].again ? "model" : "rules");
        time_goes_by(1200000, 60000);
        assert_int_equal(bench.n_questions, asked + table[i].again);
        teardown(state);
    }
}

/* What is over is not asked about, and an endpoint that stays dead for three hours is left alone between its tries. */
static void nobody_runs_against_an_endpoint_that_stays_dead(void **state)
{
    struct canned over[] = {{I "?", 0, 200, INCIDENT_BODY("resolved", TITLE, "P2")},
                            {NULL, 0, 0, NULL}};
    size_t asked;

    (void)state;
    script[0] = said(500, "oops");
    script_len = 1;
    bench.model = by_script;
    triggered();
    time_goes_by(3 * 3600000, 10000);
    asked = bench.n_questions;
    assert_true(asked > 6);
    /* the breaker lets one through in a minute, whoever it is */
    assert_true(asked <= 3 * 60 + 10);
    bench.answers[0] = over;
    bench.answers[1] = rest;
    bench_webhook("incident.resolved");
    bench_drain();
    asked = bench.n_questions;
    time_goes_by(3600000, 10000);
    assert_int_equal(bench.n_questions, asked);
    assert_int_equal(count("SELECT count(*) FROM job WHERE step = 'ask' AND state = 'ready'"), 0);
}

/* Thirty equal ones that all went without: the endpoint that is back gets one question. */
static void an_endpoint_that_is_back_meets_no_crowd(void **state)
{
    enum {
        N = 30
    };

    (void)state;
    triggered();
    clones(N);
    script[0] = said(500, "oops");
    script_len = 1;
    bench.model = by_script;
    bench.drain_max = 1000 * N;
    for (int k = 1; k <= N; k++) {
        char id[16];

        snprintf(id, sizeof(id), "Q%05d", k);
        OK(store_tx_begin(bench.store, e));
        OK(queue_add(bench.queue, "ask", id, PRIO_MODEL, bench.now, bench.now, e));
        OK(store_tx_commit(bench.store, e));
    }
    time_goes_by(600000, 5000);
    assert_int_equal(count("SELECT count(*) FROM incident WHERE ask LIKE '%\"answered\"%'"), 0);
    bench.n_questions = 0;
    bench.model = good;
    time_goes_by(900000, 5000);
    assert_int_equal(bench.n_questions, 1);
    assert_int_equal(count("SELECT count(*) FROM incident WHERE ask LIKE '%\"answered\"%'"), N);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_incident_is_asked_once_more_when_the_endpoint_is_back),
        T(nobody_runs_against_an_endpoint_that_stays_dead),
        T(an_endpoint_that_is_back_meets_no_crowd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
