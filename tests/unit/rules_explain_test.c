#include "rules_test.h"

static const char FACTS[] =
    "{\"incident\":{\"title\":\"Disk full \\u202e on db\",\"urgency\":\"high\"},\"alerts\":{\"count\":2},"
    "\"service\":{\"dependencies\":[\"a\",\"b\"]}}";

static void tree_says_why(void **state)
{
    static const struct {
        const char *when, *tree;
    } ROWS[] = {
        {"incident.urgency: low",
         "{\"all\":[{\"field\":\"incident.urgency\",\"op\":\"eq\",\"value\":\"low\",\"is\":\"high\",\"true\":false}],\"true\":false}"},
        {"incident.title: {matches: 'on (?<host>\\w+)'}",
         "{\"all\":[{\"field\":\"incident.title\",\"op\":\"matches\",\"value\":\"on (?<host>\\\\w+)\",\"is\":\"Disk full [U+202E] on db\","
         "\"captured\":{\"host\":\"db\"},\"true\":true}],\"true\":true}"},
        {"any: [{incident.priority: P1}, {alerts.count: {ge: 2}}]",
         "{\"all\":[{\"any\":[{\"field\":\"incident.priority\",\"op\":\"eq\",\"value\":\"P1\",\"is\":\"unknown (not checked)\",\"true\":false},"
         "{\"field\":\"alerts.count\",\"op\":\"ge\",\"value\":2,\"is\":2,\"true\":true}],\"true\":true}],\"true\":true}"},
        {"not: {incident.priority: P1}",
         "{\"all\":[{\"not\":{\"field\":\"incident.priority\",\"op\":\"eq\",\"value\":\"P1\",\"is\":\"unknown (not checked)\",\"true\":false},"
         "\"is\":\"unknown (not checked)\",\"true\":true}],\"true\":true}"},
        {"not: {alerts.count: 3}",
         "{\"all\":[{\"not\":{\"field\":\"alerts.count\",\"op\":\"eq\",\"value\":3,\"is\":2,\"true\":false},\"true\":true}],\"true\":true}"},
        {"service.dependencies: [b, c]",
         "{\"all\":[{\"field\":\"service.dependencies\",\"op\":\"in\",\"value\":[\"b\",\"c\"],\"is\":[\"a\",\"b\"],\"true\":true}],\"true\":true}"},
        {"any: [{incident.urgency: high, alerts.count: 1}]", /* no short cut: both tests are told */
         "{\"all\":[{\"any\":[{\"all\":[{\"field\":\"incident.urgency\",\"op\":\"eq\",\"value\":\"high\",\"is\":\"high\",\"true\":true},"
         "{\"field\":\"alerts.count\",\"op\":\"eq\",\"value\":1,\"is\":2,\"true\":false}],\"true\":false}],\"true\":false}],\"true\":false}"},
        {"time: {zone: Europe/Oslo, days: [mon]}",
         "{\"all\":[{\"time\":{\"zone\":\"Europe/Oslo\",\"days\":[\"mon\"]},\"is\":\"mon 04:11 Europe/Oslo\",\"true\":true}],\"true\":true}"},
        {"{}", "{\"all\":[],\"true\":true}"},
        {"incident.priority: {exists: false}",
         "{\"all\":[{\"field\":\"incident.priority\",\"op\":\"exists\",\"value\":false,\"is\":\"unknown (not checked)\",\"true\":true}],\"true\":true}"},
    };
    json_t *facts = json_of(FACTS);
    struct cond_env env = {facts, MONDAY_0211, true};
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cond *c = cond_of(ROWS[i].when);
        json_t *want = json_of(ROWS[i].tree), *got = NULL;

        cond_explain(c, &env, &got);
        if (!json_equal(want, got)) {
            char *text = json_dumps(got, JSON_COMPACT);

            print_error("%s\n", text);
            free(text);
            fail_msg("explain differs for %s", ROWS[i].when);
        }
        json_decref(want);
        json_decref(got);
        cond_free(c);
    }
    json_decref(facts);
}

static void trace_has_a_row_for_each_rule(void **state)
{
    struct rules *r =
        rules_of("rules:\n"
                 "  - {name: a, when: {alerts.count: 9}, then: {team: x}}\n"
                 "  - {name: b, when: {alerts.count: 2}, then: {team: y, stop: true}}\n"
                 "  - {name: c, when: {alerts.count: 2}, then: {team: z}}\n");
    json_t *facts = json_of(FACTS), *verdict = NULL, *trace = NULL;
    struct err e;

    (void)state;
    assert_int_equal(rules_judge(r, facts, 0, &verdict, &trace, &e), 0);
    assert_int_equal(json_array_size(trace), 3);
    assert_true(json_is_false(json_at(trace, "0.matched")));
    assert_true(json_is_false(json_at(trace, "0.when.true")));
    assert_string_equal(json_at_str(trace, "0.where"), "10-test.yaml:2");
    assert_true(json_is_true(json_at(trace, "1.matched")));
    assert_true(json_is_false(json_at(trace, "2.matched")));
    assert_string_equal(json_at_str(trace, "2.skipped"), "stopped by b");
    verdict_has(verdict, "team", "\"y\"");
    verdict_has(verdict, "stopped_by", "\"b\"");
    json_decref(verdict);
    json_decref(trace);
    json_decref(facts);
    rules_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_says_why),
        cmocka_unit_test(trace_has_a_row_for_each_rule),
    };

    return cmocka_run_group_tests(tests, with_crypto, NULL);
}
