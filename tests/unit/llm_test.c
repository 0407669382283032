/* The tables of calls: budgets, the breaker, the canary, calls that a crash lost, and asking less. */
#include "llm/llm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "scratch.h"

#define HOUR  ((int64_t)3600000)
#define START (INT64_C(1794000000000) / HOUR * HOUR) /* a full hour */

static const struct config_model plain = {
    .base_url = "https://model.example/v1",
    .dialect = "openai_chat",
    .auth = "bearer",
    .schema_mode = "strict",
    .name = "m-1",
    .timeout_ms = 60000,
    .context_tokens = 8000,
    .max_output_tokens = 500,
    .bytes_per_token_x10 = 30,
    .price_input = 2000000,
    .price_output = 8000000,
    .breaker_failures = 3,
    .breaker_open_ms = 60000,
    .canary_ms = 24 * HOUR,
};

struct fixture {
    char folder[SCRATCH_FOLDER], path[SCRATCH_PATH];
    struct store *s;
    struct llm *l;
    struct llm_reader *r;
    struct arena *a;
    struct config_model m;
    int64_t now;
    struct err e;
};

static int start(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    struct store_opts o = {.path = f->path};

    scratch_make(f->folder, f->path);
    must(store_open(&o, &f->s, &f->e), &f->e);
    must(store_tx_begin(f->s, &f->e), &f->e);
    must(llm_open(f->s, &f->l, &f->e), &f->e);
    must(llm_reader_open(f->s, &f->r, &f->e), &f->e);
    f->a = arena_new(1024 * 1024);
    f->m = plain;
    f->now = START;
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;

    arena_free(f->a);
    llm_reader_close(f->r);
    llm_close(f->l);
    store_tx_rollback(f->s);
    store_close(f->s);
    scratch_remove(f->folder, f->path);
    free(f);
    return 0;
}

static struct llm_verdict may(struct fixture *f, const char *incident, int64_t tokens, int64_t cost)
{
    struct llm_verdict v;

    must(llm_may_ask(f->l, &f->m, incident, tokens, cost, f->now, &v, &f->e), &f->e);
    assert_int_equal(v.why[0] == '\0', v.go == LLM_GO);
    return v;
}

static int64_t begin_as(struct fixture *f, const char *incident, const char *key, int64_t tokens,
                        int64_t cost, int64_t epoch)
{
    json_auto_t *asked = json_pack("{s:s}", "document", key);
    const struct llm_begin b = {.purpose = incident ? "triage" : "canary",
                                .incident_id = incident,
                                .key = key,
                                .round = 1,
                                .prompt = "triage@0123456789ab",
                                .schema_hash = "ff",
                                .bundle_id = 7,
                                .asked = asked,
                                .request = "{\"q\":1}",
                                .request_len = 7,
                                .reserved_tokens = tokens,
                                .reserved_cost = cost,
                                .epoch = epoch};
    int64_t id = 0;

    must(llm_begin(f->l, &f->m, &b, f->now, &id, &f->e), &f->e);
    assert_true(id > 0);
    return id;
}

static int64_t begin(struct fixture *f, const char *incident, int64_t tokens, int64_t cost)
{
    return begin_as(f, incident, "k", tokens, cost, 1);
}

static bool finish(struct fixture *f, int64_t id, const struct llm_done *d)
{
    bool opened = false;

    must(llm_end(f->l, &f->m, id, d, f->now, &opened, &f->e), &f->e);
    return opened;
}

static bool answer(struct fixture *f, int64_t id, int64_t input, int64_t output)
{
    const struct llm_done d = {
        .answered = true, .outcome = "ok", .usage = {LLM_USAGE_REPORTED, input, 0, 0, output}};

    return finish(f, id, &d);
}

static bool fail_call(struct fixture *f, unsigned retry_after_s)
{
    const struct llm_done d = {.outcome = "http",
                               .why = "the endpoint answered 503",
                               .unspent = true,
                               .endpoint_failed = true,
                               .retry_after_s = retry_after_s};

    return finish(f, begin(f, "I1", 10, 10), &d);
}

static int64_t status_int(struct fixture *f, const char *path)
{
    json_auto_t *o = NULL;

    must(llm_status(f->r, &f->m, f->now, &o, &f->e), &f->e);
    return json_integer_value(json_at(o, path));
}

static json_t *show(struct fixture *f, int64_t id)
{
    json_t *o = NULL;

    must(llm_show(f->r, id, &o, &f->e), &f->e);
    return o;
}

/* ---- budgets ---- */

static void a_limit_counts_what_is_settled_and_what_is_reserved(void **state)
{
    struct fixture *f = *state;
    int64_t id;

    f->m.tokens_per_hour = 1000;
    assert_int_equal(may(f, "I1", 1000, 0).go, LLM_GO);
    assert_int_equal(may(f, "I1", 1001, 0).go, LLM_NO_BUDGET);
    id = begin(f, "I1", 600, 0);
    assert_int_equal(may(f, "I2", 400, 0).go, LLM_GO);
    assert_int_equal(may(f, "I2", 401, 0).go, LLM_NO_BUDGET);
    answer(f, id, 80, 20);
    assert_int_equal(status_int(f, "spend.hour.tokens"), 100);
    assert_int_equal(status_int(f, "spend.hour.calls"), 1);
    assert_int_equal(may(f, "I2", 900, 0).go, LLM_GO);
    assert_int_equal(may(f, "I2", 901, 0).go, LLM_NO_BUDGET);
    /* a vendor that counts above the estimate is believed */
    answer(f, begin(f, "I2", 10, 0), 1000, 500);
    assert_int_equal(status_int(f, "spend.hour.tokens"), 1600);
}

static void each_limit_holds_and_says_when_it_ends(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int64_t per_incident, per_hour, per_day, cost_incident, cost_hour, cost_day;
        const char *incident;
        enum llm_go go;
        int64_t until; /* from START */
        const char *says;
    } rows[] = {
        {150, 0, 0, 0, 0, 0, "I1", LLM_NO_BUDGET, 0,
         "150 tokens for this incident is spent (100 used, this call may need 60)"},
        {150, 0, 0, 0, 0, 0, "I2", LLM_GO, 0, ""},
        {0, 150, 0, 0, 0, 0, "I2", LLM_NO_BUDGET, HOUR, "150 tokens an hour"},
        {0, 50, 0, 0, 0, 0, "I2", LLM_NO_BUDGET, 0, "50 tokens an hour"},
        {0, 0, 150, 0, 0, 0, "I2", LLM_NO_BUDGET, 25 * HOUR, "150 tokens a day"},
        {0, 0, 59, 0, 0, 0, "I2", LLM_NO_BUDGET, 0, "59 tokens a day"},
        {0, 0, 0, 1500000, 0, 0, "I1", LLM_NO_BUDGET, 0,
         "1.500000 money for this incident is spent (1.000000 used"},
        {0, 0, 0, 0, 1500000, 0, "I2", LLM_NO_BUDGET, HOUR, "1.500000 money an hour"},
        {0, 0, 0, 0, 0, 1500000, "I2", LLM_NO_BUDGET, 25 * HOUR, "1.500000 money a day"},
        {160, 160, 160, 1600000, 1600000, 1600000, "I1", LLM_GO, 0, ""},
        {150, 150, 150, 0, 0, 0, NULL, LLM_NO_BUDGET, HOUR, "an hour"}, /* a canary */
        {1, 0, 0, 1, 0, 0, NULL, LLM_GO, 0, ""},
    };

    begin(f, "I1", 100, 1000000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct llm_verdict v;

        f->m.tokens_per_incident = rows[i].per_incident;
        f->m.tokens_per_hour = rows[i].per_hour;
        f->m.tokens_per_day = rows[i].per_day;
        f->m.cost_per_incident = rows[i].cost_incident;
        f->m.cost_per_hour = rows[i].cost_hour;
        f->m.cost_per_day = rows[i].cost_day;
        v = may(f, rows[i].incident, 60, 600000);
        if (v.go != rows[i].go || !strstr(v.why, rows[i].says) ||
            v.until_ms != (rows[i].until ? START + rows[i].until : 0))
            fail_msg("row %zu: %d until %lld '%s'", i, v.go, (long long)v.until_ms, v.why);
    }
}

static void an_hour_is_of_the_clock_and_a_day_rolls(void **state)
{
    struct fixture *f = *state;
    struct llm_verdict v;

    f->m.tokens_per_hour = 100;
    f->m.tokens_per_day = 250;
    for (int i = 0; i < 2; i++) {
        answer(f, begin(f, "I1", 100, 0), 90, 10);
        assert_int_equal(may(f, "I1", 50, 0).go, LLM_NO_BUDGET);
        f->now += HOUR;
    }
    assert_int_equal(may(f, "I1", 50, 0).go, LLM_GO);
    v = may(f, "I1", 51, 0);
    assert_int_equal(v.go, LLM_NO_BUDGET);
    assert_int_equal(v.until_ms, START + 25 * HOUR);
    f->now = v.until_ms - 1;
    assert_int_equal(may(f, "I1", 51, 0).go, LLM_NO_BUDGET);
    f->now = v.until_ms;
    assert_int_equal(may(f, "I1", 51, 0).go, LLM_GO);
}

static void what_is_unknown_costs_what_was_reserved(void **state)
{
    struct fixture *f = *state;
    const struct llm_done lost = {.outcome = "no_answer", .why = "timed out"},
                          no = {.outcome = "http", .unspent = true};
    json_auto_t *a = NULL, *b = NULL;
    int64_t id = begin(f, "I1", 300, 5000), second;

    finish(f, id, &lost);
    assert_int_equal(status_int(f, "spend.day.tokens"), 300);
    assert_int_equal(status_int(f, "spend.day.cost"), 5000);
    second = begin(f, "I1", 200, 4000);
    assert_int_equal(status_int(f, "spend.day.tokens"), 500);
    finish(f, second, &no);
    assert_int_equal(status_int(f, "spend.day.tokens"), 300);
    assert_int_equal(status_int(f, "spend.day.cost"), 5000);
    a = show(f, id);
    b = show(f, second);
    assert_string_equal(json_at_str(a, "usage.from"), "estimated");
    assert_int_equal(json_opt_int(a, "cost", -1), 5000);
    assert_true(json_is_null(json_at(a, "usage.input")));
    assert_int_equal(json_opt_int(b, "cost", -1), 0);
}

static void a_call_is_settled_in_the_hour_that_it_was_reserved_in(void **state)
{
    struct fixture *f = *state;
    int64_t id = begin(f, "I1", 1000, 0);

    f->now += HOUR;
    answer(f, id, 10, 5);
    assert_int_equal(status_int(f, "spend.hour.tokens"), 0);
    assert_int_equal(status_int(f, "spend.day.tokens"), 15);
}

static uint32_t random_next(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

#define OUT_MAX 8
struct out_call {
    int64_t id, tokens;
    size_t hour;
};

/*
 * Whatever begins and ends in whatever order: nothing leaves that would pass a limit, and what is counted is exactly what was used or is
 * reserved. The model here keeps to its output limit and the estimate of the input errs on the safe side, as they do.
 */
static void no_order_of_calls_passes_a_limit(void **state)
{
    struct fixture *f = *state;
    struct out_call out[OUT_MAX];
    size_t n = 0, refused = 0, asked = 0;
    uint32_t x = 0x2545f491;
    int64_t by_hour[200] = {0}; /* what should be counted */

    f->m.tokens_per_incident = 3000;
    f->m.tokens_per_hour = 20000;
    f->m.tokens_per_day = 60000;
    f->m.cost_per_hour = 90000;
    for (int i = 0; i < 2000; i++) {
        char incident[8];
        unsigned who = random_next(&x) % 40;
        size_t hour;
        int64_t day = 0;

        (void)snprintf(incident, sizeof incident, "I%u", who);
        if (random_next(&x) % 2 && n < OUT_MAX) {
            int64_t tokens = 200 + random_next(&x) % 1800, cost = tokens * 5;

            asked++;
            if (may(f, incident, tokens, cost).go == LLM_GO) {
                by_hour[(f->now - START) / HOUR] += tokens;
                out[n++] = (struct out_call){begin(f, incident, tokens, cost), tokens,
                                             (size_t)((f->now - START) / HOUR)};
            } else {
                refused++;
            }
        } else if (n > 0) {
            size_t k = random_next(&x) % n;
            const struct llm_done lost = {.outcome = "no_answer"};
            int64_t used = random_next(&x) % (uint32_t)(out[k].tokens / 2) + 1;

            if (random_next(&x) % 4) {
                answer(f, out[k].id, used, out[k].tokens / 4);
                by_hour[out[k].hour] += used + out[k].tokens / 4 - out[k].tokens;
            } else {
                finish(f, out[k].id, &lost);
            }
            out[k] = out[--n];
        }
        if (random_next(&x) % 20 == 0)
            f->now += 1500000;
        hour = (size_t)((f->now - START) / HOUR);
        for (size_t h = hour < 24 ? 0 : hour - 24; h <= hour; h++)
            day += by_hour[h];
        assert_int_equal(status_int(f, "spend.hour.tokens"), by_hour[hour]);
        assert_int_equal(status_int(f, "spend.day.tokens"), day);
        assert_in_range(by_hour[hour], 0, f->m.tokens_per_hour);
        assert_in_range(status_int(f, "spend.hour.cost"), 0, f->m.cost_per_hour);
        assert_in_range(day, 0, f->m.tokens_per_day);
    }
    /* the limits were really met, and really let calls through */
    assert_true(refused > 50);
    assert_true(asked - refused > 50);
}

/* ---- the breaker ---- */

static void failures_in_a_row_open_the_breaker(void **state)
{
    struct fixture *f = *state;
    struct llm_verdict v;

    assert_false(fail_call(f, 0));
    assert_false(fail_call(f, 0));
    answer(f, begin(f, "I1", 1, 1), 1, 1); /* not in a row */
    assert_false(fail_call(f, 0));
    assert_false(fail_call(f, 0));
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
    assert_true(fail_call(f, 0));
    v = may(f, "I1", 1, 1);
    assert_int_equal(v.go, LLM_NO_BREAKER);
    assert_int_equal(v.until_ms, f->now + f->m.breaker_open_ms);
    assert_non_null(strstr(v.why, "3 times in a row (the endpoint answered 503)"));
    /* another model is another endpoint */
    f->m.name = "m-2";
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
}

static void a_bad_reply_is_no_failure_of_the_endpoint(void **state)
{
    struct fixture *f = *state;
    const struct llm_done bad = {.answered = true, .outcome = "invalid", .why = "/k: type"};

    for (int i = 0; i < 10; i++)
        assert_false(finish(f, begin(f, "I1", 1, 1), &bad));
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
}

static void an_open_breaker_lets_one_call_try(void **state)
{
    struct fixture *f = *state;
    const struct llm_done bad = {.outcome = "no_answer", .endpoint_failed = true};
    int64_t id;

    for (int i = 0; i < 3; i++)
        (void)fail_call(f, 0);
    f->now += f->m.breaker_open_ms - 1;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_NO_BREAKER);
    f->now++;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
    id = begin(f, "I1", 1, 1);
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_NO_BREAKER); /* the others wait for it */
    assert_false(finish(f, id, &bad));
    assert_int_equal(may(f, "I1", 1, 1).until_ms, f->now + f->m.breaker_open_ms);
    f->now += f->m.breaker_open_ms;
    answer(f, begin(f, "I1", 1, 1), 1, 1);
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
    assert_int_equal(status_int(f, "breaker.failures"), 0);
}

/* The process that tried may have died, or the clock may have been set back: neither keeps the model away for good. */
static void an_open_breaker_ends_without_help(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++)
        (void)fail_call(f, 0);
    f->now += f->m.breaker_open_ms;
    (void)begin(f, "I1", 1, 1);
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_NO_BREAKER);
    f->now += f->m.timeout_ms + 10000;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
    (void)fail_call(f, 0);
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_NO_BREAKER);
    f->now -= 48 * HOUR;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
}

static void a_longer_pause_is_kept_up_to_an_hour(void **state)
{
    static const struct {
        unsigned retry_after_s;
        int64_t pause_ms;
    } rows[] = {{0, 60000}, {30, 60000}, {300, 300000}, {999999, HOUR}};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "m-%zu", i);
        f->m.name = name;
        for (int k = 0; k < 3; k++)
            (void)fail_call(f, rows[i].retry_after_s);
        assert_int_equal(may(f, "I1", 1, 1).until_ms, f->now + rows[i].pause_ms);
    }
}

/* ---- lost calls ---- */

static void a_call_of_an_older_process_is_lost_and_keeps_its_cost(void **state)
{
    struct fixture *f = *state;
    int64_t old = begin_as(f, "I1", "k", 100, 900, 1), ended = begin_as(f, "I1", "k2", 5, 5, 1),
            now;
    const struct llm_done d = {.outcome = "ok", .answered = true};
    json_auto_t *o = NULL;
    bool opened;

    answer(f, ended, 1, 1);
    now = begin_as(f, "I2", "k", 100, 900, 2);
    must(llm_on_start(f->l, 2, f->now, &f->e), &f->e);
    o = show(f, old);
    assert_string_equal(json_opt_str(o, "state"), "lost");
    assert_string_equal(json_opt_str(o, "outcome"), "no_answer");
    assert_int_equal(json_opt_int(o, "cost", 0), 900);
    assert_int_equal(status_int(f, "spend.day.tokens"), 202);
    assert_int_equal(llm_end(f->l, &f->m, old, &d, f->now, &opened, &f->e), ERR_CONFLICT);
    answer(f, now, 1, 1);
    assert_int_equal(llm_end(f->l, &f->m, now, &d, f->now, &opened, &f->e), ERR_CONFLICT);
    assert_int_equal(llm_end(f->l, &f->m, ended, &d, f->now, &opened, &f->e), ERR_CONFLICT);
}

/* ---- the canary ---- */

static void a_model_is_tried_before_it_is_believed(void **state)
{
    struct fixture *f = *state;
    json_auto_t *o = NULL;

    f->m.canary = true;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_CANARY);
    assert_int_equal(may(f, NULL, 1, 1).go, LLM_GO); /* its own call */
    must(llm_canary_done(f->l, &f->m, false, "said blue", f->now, &f->e), &f->e);
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
    must(llm_status(f->r, &f->m, f->now, &o, &f->e), &f->e);
    assert_true(json_is_false(json_object_get(o, "schema_enforced")));
    f->now += f->m.canary_ms - 1;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
    f->now++;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_CANARY);
    must(llm_canary_done(f->l, &f->m, true, NULL, f->now, &f->e), &f->e);
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
    /* the breaker's state and the canary's live in one row */
    for (int i = 0; i < 3; i++)
        (void)fail_call(f, 0);
    f->now += f->m.breaker_open_ms;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
    f->m.name = "m-2";
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_CANARY);
    f->m.canary = false;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_GO);
}

static void only_the_odd_constant_keeps_to_the_canarys_schema(void **state)
{
    static const struct {
        enum llm_end end;
        const char *text;
        bool kept;
    } rows[] = {
        {LLM_END_OK, "{\"k\":\"zq7\"}", true},
        {LLM_END_OK, " {\"k\": \"zq7\"}\n", true},
        {LLM_END_OK, "{\"k\":\"blue\"}", false},
        {LLM_END_OK, "{\"k\":\"zq7\",\"x\":1}", false},
        {LLM_END_OK, "[\"zq7\"]", false},
        {LLM_END_OK, "```json\n{\"k\":\"zq7\"}\n```", false},
        {LLM_END_CUT, "{\"k\":\"zq7\"}", false},
        {LLM_END_UNREADABLE, NULL, false},
    };
    json_auto_t *schema = NULL;
    struct llm_ask ask;
    struct err e;

    (void)state;
    llm_canary_ask(&ask, &schema);
    assert_int_equal(llm_schema_lint(schema, &e), 0);
    assert_ptr_equal(ask.schema, schema);
    assert_null(strstr(ask.user, "zq7"));
    assert_null(strstr(ask.system, "zq7"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct llm_reply r = {.end = rows[i].end,
                                    .text = rows[i].text,
                                    .len = rows[i].text ? strlen(rows[i].text) : 0};

        assert_int_equal(llm_canary_kept(&r), rows[i].kept);
    }
}

/* ---- asking less ---- */

static int find(struct fixture *f, const char *key, int64_t since, int64_t epoch,
                struct llm_found *out)
{
    return llm_find(f->l, key, since, epoch, f->a, out, &f->e);
}

static int64_t reported(struct fixture *f, const char *incident, const char *key)
{
    json_auto_t *report = json_pack("{s:s}", "about", incident);
    const struct llm_done d = {.answered = true, .outcome = "ok", .report = report};
    int64_t id = begin_as(f, incident, key, 1, 1, 1);

    finish(f, id, &d);
    return id;
}

static void an_equal_question_is_found(void **state)
{
    struct fixture *f = *state;
    const struct llm_done bad = {.answered = true, .outcome = "invalid"};
    struct llm_found x = {0};
    int64_t id, second;

    assert_int_equal(find(f, "k", 0, 1, &x), ERR_NOT_FOUND);
    finish(f, begin(f, "I0", 1, 1), &bad);
    assert_int_equal(find(f, "k", 0, 1, &x), ERR_NOT_FOUND);
    id = reported(f, "I1", "k");
    f->now += 1000;
    must(find(f, "k", START, 1, &x), &f->e);
    assert_int_equal(x.id, id);
    assert_false(x.out);
    assert_string_equal(x.incident_id, "I1");
    assert_int_equal(x.sent_ms, START);
    assert_int_equal(strlen(x.report), 64);
    /* too long ago, another key */
    assert_int_equal(find(f, "k", START + 1, 1, &x), ERR_NOT_FOUND);
    assert_int_equal(find(f, "j", START, 1, &x), ERR_NOT_FOUND);
    /* one that is out is newer; of another process it is lost */
    second = begin_as(f, "I2", "k", 1, 1, 2);
    must(find(f, "k", START, 2, &x), &f->e);
    assert_int_equal(x.id, second);
    assert_true(x.out);
    assert_null(x.report);
    must(find(f, "k", START, 3, &x), &f->e);
    assert_int_equal(x.id, id);
    finish(f, second, &bad);
    must(find(f, "k", START, 2, &x), &f->e);
    assert_int_equal(x.id, id);
}

/* ---- readers ---- */

static void a_call_can_be_explained(void **state)
{
    struct fixture *f = *state;
    json_auto_t *checks = json_pack("[{s:s, s:b}]", "check", "json", "ok", 1);
    json_auto_t *report = json_pack("{s:s}", "impact", "none");
    const struct llm_done d = {.answered = true,
                               .outcome = "repaired",
                               .reply = "{\"a\":\"\xff\"}",
                               .reply_len = 9,
                               .usage = {LLM_USAGE_REPORTED, 100, 5, 6, 20},
                               .checks = checks,
                               .report = report};
    int64_t id = begin_as(f, "I1", "key-1", 500, 9000, 1);
    json_auto_t *o = NULL;

    finish(f, id, &d);
    o = show(f, id);
    assert_string_equal(json_opt_str(o, "state"), "answered");
    assert_string_equal(json_opt_str(o, "outcome"), "repaired");
    assert_string_equal(json_opt_str(o, "incident"), "I1");
    assert_string_equal(json_opt_str(o, "key"), "key-1");
    assert_string_equal(json_opt_str(o, "model"), "m-1");
    assert_string_equal(json_opt_str(o, "prompt"), "triage@0123456789ab");
    assert_int_equal(json_opt_int(o, "bundle_id", 0), 7);
    assert_string_equal(json_at_str(o, "asked.document"), "key-1");
    assert_string_equal(json_opt_str(o, "request"), "{\"q\":1}");
    assert_true(json_is_string(json_object_get(o, "reply"))); /* whatever the bytes were */
    assert_string_equal(json_at_str(o, "report.impact"), "none");
    assert_string_equal(json_at_str(o, "checks.0.check"), "json");
    assert_int_equal(json_integer_value(json_at(o, "usage.cached")), 5);
    assert_string_equal(json_at_str(o, "usage.from"), "reported");
    assert_int_equal(json_opt_int(o, "cost", 0), 100 * 2 + 20 * 8);
    assert_int_equal(llm_show(f->r, id + 1, &o, &f->e), ERR_NOT_FOUND);
}

static void calls_are_listed_newest_first(void **state)
{
    struct fixture *f = *state;
    json_auto_t *all = NULL, *one = NULL, *older = NULL;
    int64_t first = begin(f, "I1", 1, 1), second = begin(f, "I2", 1, 1),
            third = begin(f, "I1", 1, 1);

    must(llm_list(f->r, NULL, 0, 2, &all, &f->e), &f->e);
    must(llm_list(f->r, "I1", 0, 0, &one, &f->e), &f->e);
    must(llm_list(f->r, NULL, second, 50, &older, &f->e), &f->e);
    assert_int_equal(json_array_size(json_object_get(all, "items")), 2);
    assert_int_equal(json_integer_value(json_at(all, "items.0.id")), third);
    assert_int_equal(json_integer_value(json_at(all, "items.1.id")), second);
    assert_int_equal(json_array_size(json_object_get(one, "items")), 2);
    assert_int_equal(json_integer_value(json_at(one, "items.1.id")), first);
    assert_int_equal(json_array_size(json_object_get(older, "items")), 1);
    assert_int_equal(json_integer_value(json_at(older, "items.0.id")), first);
}

static void without_a_model_nothing_is_asked_and_status_says_so(void **state)
{
    struct fixture *f = *state;
    json_auto_t *o = NULL;

    f->m.base_url = NULL;
    assert_int_equal(may(f, "I1", 1, 1).go, LLM_NO_ENDPOINT);
    must(llm_status(f->r, &f->m, f->now, &o, &f->e), &f->e);
    assert_true(json_is_null(json_object_get(o, "endpoint")));
    assert_true(json_is_null(json_object_get(o, "breaker")));
}

/* A begin that fails leaves nothing behind: no reservation without a row. */
static void a_call_that_cannot_be_written_reserves_nothing(void **state)
{
    struct fixture *f = *state;
    json_auto_t *asked = json_object();
    const struct llm_begin b = {.purpose = "gossip", /* the table takes no such purpose */
                                .incident_id = "I1",
                                .key = "k",
                                .prompt = "p",
                                .schema_hash = "h",
                                .asked = asked,
                                .request = "x",
                                .request_len = 1,
                                .reserved_tokens = 50};
    int64_t id = 0;

    assert_int_equal(llm_begin(f->l, &f->m, &b, f->now, &id, &f->e), ERR_CONFLICT);
    assert_int_equal(id, 0);
    assert_int_equal(status_int(f, "spend.hour.tokens"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        T(a_limit_counts_what_is_settled_and_what_is_reserved),
        T(each_limit_holds_and_says_when_it_ends),
        T(an_hour_is_of_the_clock_and_a_day_rolls),
        T(what_is_unknown_costs_what_was_reserved),
        T(a_call_is_settled_in_the_hour_that_it_was_reserved_in),
        T(no_order_of_calls_passes_a_limit),
        T(failures_in_a_row_open_the_breaker),
        T(a_bad_reply_is_no_failure_of_the_endpoint),
        T(an_open_breaker_lets_one_call_try),
        T(an_open_breaker_ends_without_help),
        T(a_longer_pause_is_kept_up_to_an_hour),
        T(a_call_of_an_older_process_is_lost_and_keeps_its_cost),
        T(a_model_is_tried_before_it_is_believed),
        T(only_the_odd_constant_keeps_to_the_canarys_schema),
        T(an_equal_question_is_found),
        T(a_call_can_be_explained),
        T(calls_are_listed_newest_first),
        T(without_a_model_nothing_is_asked_and_status_says_so),
        T(a_call_that_cannot_be_written_reserves_nothing),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
