#include <pthread.h>

#include "rules_redos_rows.h"
#include "rules_test.h"

/* cond_priv.h has the limits; the test reads them so that it goes red when somebody raises them. */
#include "rules/cond_priv.h"

#define PUMPED_BYTES 4096

static json_t *facts_for(const struct redos *x)
{
    struct buf b;
    json_t *facts;

    buf_init(&b, 4 * PUMPED_BYTES);
    buf_puts(&b, x->head);
    while (b.len < PUMPED_BYTES)
        buf_puts(&b, x->pump);
    buf_puts(&b, x->tail);
    facts = json_pack("{s:{s:s}}", "alerts", "text", buf_str(&b));
    buf_done(&b);
    assert_non_null(facts);
    return facts;
}

static struct cond *cond_for(const char *pattern)
{
    json_t *when = json_pack("{s:{s:s}}", "alerts.text", "matches", pattern);
    char *text = json_dumps(when, JSON_COMPACT); /* JSON is YAML */
    struct cond *c = cond_of(text);

    free(text);
    json_decref(when);
    return c;
}

/*
 * What PCRE2 does with the pattern when it may take as many steps as `limit`; callouts before every item count the work in
 * a way that does not depend on the machine.
 */
static int counted(pcre2_callout_block *block, void *data)
{
    (void)block;
    ++*(uint64_t *)data;
    return 0;
}

static int run_plain(const struct redos *x, json_t *facts, uint32_t limit, uint64_t *work)
{
    const char *text = json_at_str(facts, "alerts.text");
    PCRE2_SIZE offset;
    int number, rc;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)x->pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_AUTO_CALLOUT, &number, &offset, NULL);
    pcre2_match_data *md = pcre2_match_data_create(33, NULL);
    pcre2_match_context *mc = pcre2_match_context_create(NULL);

    assert_non_null(code);
    *work = 0;
    pcre2_set_callout(mc, counted, work);
    pcre2_set_match_limit(mc, limit);
    pcre2_set_depth_limit(mc, MATCH_DEPTH_LIMIT);
    pcre2_set_heap_limit(mc, MATCH_HEAP_KIB);
    rc = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, md, mc);
    pcre2_match_data_free(md);
    pcre2_match_context_free(mc);
    pcre2_code_free(code);
    return rc;
}

/* F-29: bounded by counts. Time is for tests/bench. */
static void known_bad_patterns_end_within_the_limits(void **state)
{
    size_t i, hits = 0;

    (void)state;
    assert_true(ARRAY_LEN(REDOS) >= 200);
    assert_true(MATCH_LIMIT <= 100000 && MATCH_DEPTH_LIMIT <= 2000 && MATCH_HEAP_KIB <= 1024);
    for (i = 0; i < ARRAY_LEN(REDOS); i++) {
        json_t *facts = facts_for(&REDOS[i]);
        struct cond *c = cond_for(REDOS[i].pattern);
        struct cond_env env = {facts, 0, true};
        struct cond_result r = {0};
        uint64_t work;

        if (cond_match(c, &env, &r))
            fail_msg("matched, so it is no test: %s", REDOS[i].pattern);
        hits += r.alarms != NULL;
        cond_result_done(&r);
        /* Each step of the limit looks at a bounded piece of the pattern: the work stays in its order of magnitude. */
        run_plain(&REDOS[i], facts, MATCH_LIMIT, &work);
        if (work > UINT64_C(40) * MATCH_LIMIT)
            fail_msg("%llu items tried: %s", (unsigned long long)work, REDOS[i].pattern);
        cond_free(c);
        json_decref(facts);
    }
    print_message("%zu of %zu patterns hit a limit\n", hits, ARRAY_LEN(REDOS));
    assert_true(hits >= 180); /* the texts are hostile indeed */
}

static void pattern_is_parked_after_five_hits(void **state)
{
    struct cond *c = cond_for("^(a+)+$");
    struct redos hostile = {"", "", "a", "!"};
    json_t *bad = facts_for(&hostile), *good = json_of("{\"alerts\":{\"text\":\"aaa\"}}");
    struct cond_env env = {bad, 0, true}, kind = {good, 0, true};
    struct cond_result r = {0};
    json_t *tree = NULL;
    int i;

    (void)state;
    for (i = 0; i < 10; i++) { /* looking why costs nothing */
        cond_explain(c, &env, &tree);
        assert_true(json_is_false(json_object_get(tree, "true")));
        assert_int_equal(json_array_size(json_at(tree, "all.0.alarms")), 1);
        json_decref(tree);
    }
    assert_true(cond_match(c, &kind, NULL));
    for (i = 0; i < MATCH_PARK_AFTER; i++) {
        assert_true(cond_match(c, &kind, NULL));
        assert_false(cond_match(c, &env, &r));
        assert_int_equal(json_array_size(r.alarms), 1);
        assert_non_null(strstr(json_string_value(json_array_get(r.alarms, 0)), "limit"));
        assert_non_null(strstr(json_string_value(json_array_get(r.alarms, 0)), "when.yaml:1"));
        cond_result_done(&r);
    }
    assert_false(cond_match(c, &kind, &r)); /* even the text that it would match */
    assert_non_null(strstr(json_string_value(json_array_get(r.alarms, 0)), "parked"));
    cond_result_done(&r);
    cond_explain(c, &kind, &tree);
    assert_true(json_is_true(json_at(tree, "all.0.parked")));
    json_decref(tree);
    cond_free(c);
    json_decref(bad);
    json_decref(good);
}

static void one_bad_rule_does_not_stop_the_others(void **state)
{
    struct rules *r =
        rules_of("rules:\n"
                 "  - {name: bad, when: {alerts.text: {matches: '^(a+)+$'}}, then: {team: x}}\n"
                 "  - {name: good, when: {alerts.text: {contains: '!'}}, then: {team: y}}\n");
    struct redos hostile = {"", "", "a", "!"};
    json_t *facts = facts_for(&hostile), *v = NULL;
    struct err e;

    (void)state;
    assert_int_equal(rules_judge(r, facts, 0, &v, NULL, &e), 0);
    verdict_has(v, "team", "\"y\"");
    verdict_has(
        v, "alarms",
        "[\"rule bad: the pattern at 10-test.yaml:2 hit a regex limit (too many steps on this text) and counts "
        "as no match\"]");
    json_decref(v);
    json_decref(facts);
    rules_unref(r);
}

struct sharing {
    struct rules *rules;
    const char *facts;
};

static void *judge_often(void *arg)
{
    struct sharing *s = arg;
    int i;

    for (i = 0; i < 50; i++)
        json_decref(verdict_of(s->rules, s->facts, MONDAY_0211));
    rules_unref(s->rules);
    return NULL;
}

/* For TSan: one set, four threads, one of the patterns being parked meanwhile. */
static void threads_share_a_set(void **state)
{
    struct rules *r = rules_of(
        "rules:\n"
        "  - {name: bad, when: {alerts.text: {matches: '^(a+)+$'}}, then: {team: x}}\n"
        "  - {name: time, when: {time: {zone: Europe/Oslo, days: [mon]}}, then: {team: y}}\n");
    struct sharing s = {
        r,
        "{\"alerts\":{\"text\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}}"};
    pthread_t threads[4];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(threads); i++) {
        rules_ref(r);
        assert_int_equal(pthread_create(&threads[i], NULL, judge_often, &s), 0);
    }
    for (i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    rules_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_bad_patterns_end_within_the_limits),
        cmocka_unit_test(pattern_is_parked_after_five_hits),
        cmocka_unit_test(one_bad_rule_does_not_stop_the_others),
        cmocka_unit_test(threads_share_a_set),
    };

    return cmocka_run_group_tests(tests, with_crypto, NULL);
}
