#include "gate_test.h"

static struct policy *parse(const char *yaml)
{
    struct policy *p = NULL;
    struct err e = {0};

    must(policy_parse("policy.yaml", yaml, strlen(yaml), &p, &e), &e);
    return p;
}

static json_t *facts(const char *verb, const char *priority)
{
    return json_pack("{s:{s:s, s:s}, s:{s:s, s:s}}", "incident", "priority", priority, "title",
                     "Disk full", "action", "verb", verb, "risk", "medium");
}

/* First match wins; without a match one responder. */
static void the_first_rule_that_matches_decides(void **state)
{
    static const char YAML[] =
        "rules:\n"
        "  - {name: no, when: {action.verb: resolve, incident.priority: P1}, need: never}\n"
        "  - {name: two, when: {action.verb: [resolve, escalate]}, need: {count: 2, role: admin}, expires_s: 60, on_expiry: ask_next}\n"
        "  - {name: free, when: {action.verb: add_note}, need: nobody, on_expiry: keep}\n"
        "  - {name: late, when: {action.verb: add_note}, need: never}\n";
    static const struct {
        const char *verb, *priority, *rule;
        enum need_kind kind;
        int count;
        enum role role;
        int64_t expires_ms;
        enum on_expiry on_expiry;
    } ROWS[] = {
        {"resolve", "P1", "no", NEED_NEVER, 0, ROLE_NONE, 0, EXPIRY_DROP},
        {"resolve", "P2", "two", NEED_COUNT, 2, ROLE_ADMIN, 60000, EXPIRY_ASK_NEXT},
        {"escalate", "P1", "two", NEED_COUNT, 2, ROLE_ADMIN, 60000, EXPIRY_ASK_NEXT},
        {"add_note", "P1", "free", NEED_NOBODY, 0, ROLE_NONE, 0, EXPIRY_KEEP},
        {"acknowledge", "P1", "default", NEED_ANY, 1, ROLE_RESPONDER, 0, EXPIRY_DROP},
    };
    struct policy *p = parse(YAML);

    (void)state;
    assert_int_equal(policy_count(p), 4);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        AUTO(json_freep) json_t *doc = facts(ROWS[i].verb, ROWS[i].priority);
        AUTO(json_freep) json_t *out = NULL;
        AUTO(json_freep) json_t *explain = NULL;
        struct policy_answer a;
        struct err e = {0};

        policy_ask(p, doc, T0, &a);
        assert_string_equal(a.rule, ROWS[i].rule);
        assert_int_equal(a.need.kind, ROWS[i].kind);
        assert_int_equal(a.need.count, ROWS[i].count);
        assert_int_equal(a.need.role, ROWS[i].role);
        assert_int_equal(a.expires_ms, ROWS[i].expires_ms);
        assert_int_equal(a.on_expiry, ROWS[i].on_expiry);
        must(policy_try(p, doc, T0, &out, &explain, &e), &e);
        assert_string_equal(json_opt_str(out, "rule"), ROWS[i].rule);
        assert_string_equal(json_opt_str(out, "hash"), a.hash);
        assert_int_equal(json_array_size(explain), 5);
        assert_true(policy_has_rule(p, a.hash));
    }
    policy_unref(p);
}

static void a_rules_hash_changes_with_each_of_its_parts(void **state)
{
    static const char *const RULES[] = {
        "rules: [{name: a, need: nobody}]\n",
        "rules: [{name: b, need: nobody}]\n",
        "rules: [{name: a, need: never}]\n",
        "rules: [{name: a, need: {any: admin}}]\n",
        "rules: [{name: a, need: {any: responder}}]\n",
        "rules: [{name: a, need: {count: 2, role: admin}}]\n",
        "rules: [{name: a, need: {count: 3, role: admin}}]\n",
        "rules: [{name: a, need: {count: 2, role: admin, veto: false}}]\n",
        "rules: [{name: a, need: nobody, expires_s: 60}]\n",
        "rules: [{name: a, need: nobody, on_expiry: keep}]\n",
        "rules: [{name: a, when: {}, need: nobody}]\n",
    };
    char hashes[ARRAY_LEN(RULES)][SHA256_HEX];
    AUTO(json_freep) json_t *doc = facts("resolve", "P1");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
        struct policy *p = parse(RULES[i]);
        struct policy_answer a;

        policy_ask(p, doc, T0, &a);
        snprintf(hashes[i], SHA256_HEX, "%s", a.hash);
        for (size_t k = 0; k < i; k++)
            if (strcmp(hashes[i], hashes[k]) == 0)
                fail_msg("rules %zu and %zu have one hash", k, i);
        policy_unref(p);
    }
}

#define RULE(x) "rules:\n  - {name: a, " x "}\n"
/* Each is refused, and the message names the file and the line. */
static const struct {
    const char *yaml;
    int line; /* 0: any */
} BAD[] = {
    {"", 0},
    {"rules", 0},
    {"[]", 1},
    {"{}", 1},
    {"rules: {}\n", 1},
    {"rules: 7\n", 1},
    {"rules: null\n", 1},
    {"rule: []\n", 1},
    {"rules: []\nextra: 1\n", 2},
    {"rules: []\nrules: []\n", 2},
    {"rules: [7]\n", 1},
    {"rules: [{}]\n", 1},
    {"rules:\n  - {name: a}\n", 2},
    {"rules:\n  - {need: nobody}\n", 2},
    {"rules:\n  - {name: 7, need: nobody}\n", 2},
    {"rules:\n  - {name: \"\", need: nobody}\n", 2},
    {"rules:\n  - {name: A, need: nobody}\n", 2},
    {"rules:\n  - {name: \"a b\", need: nobody}\n", 2},
    {"rules:\n  - {name: -a, need: nobody}\n", 2},
    {"rules:\n  - {name: default, need: nobody}\n", 2},
    {"rules:\n  - {name: a, need: nobody}\n  - {name: a, need: never}\n", 3},
    {RULE("need: everybody"), 2},
    {RULE("need: null"), 2},
    {RULE("need: []"), 2},
    {RULE("need: {}"), 2},
    {RULE("need: {any: viewer}"), 2},
    {RULE("need: {any: agent}"), 2},
    {RULE("need: {any: responder, count: 2}"), 2},
    {RULE("need: {count: 2}"), 2},
    {RULE("need: {role: admin}"), 2},
    {RULE("need: {count: 0, role: admin}"), 2},
    {RULE("need: {count: 11, role: admin}"), 2},
    {RULE("need: {count: 1.5, role: admin}"), 2},
    {RULE("need: {count: two, role: admin}"), 2},
    {RULE("need: {count: 2, role: viewer}"), 2},
    {RULE("need: {count: 2, role: admin, veto: yes}"), 2},
    {RULE("need: {count: 2, role: admin, extra: 1}"), 2},
    {RULE("need: nobody, expires_s: 9"), 2},
    {RULE("need: nobody, expires_s: 604801"), 2},
    {RULE("need: nobody, expires_s: soon"), 2},
    {RULE("need: nobody, on_expiry: reject"), 2},
    {RULE("need: nobody, on_expiry: null"), 2},
    {RULE("need: nobody, whom: x"), 2},
    {RULE("need: nobody, when: x"), 2},
    {RULE("need: nobody, when: []"), 2},
    {RULE("need: nobody, when: {action.verbx: resolve}"), 2},
    {RULE("need: nobody, when: {action.verb: {near: resolve}}"), 2},
    {RULE("need: nobody, when: {incident.title: {matches: \"(\"}}"), 2},
    {RULE("need: nobody, when: {time: {zone: Nowhere/Land}}"), 2},
    {"rules:\n  - &a {name: a, need: nobody}\n", 2},
    {"rules:\n\t- {name: a, need: nobody}\n", 2},
    {"rules: [{name: a, need: nobody}\n", 0},
};

static void a_bad_file_is_refused_with_file_and_line(void **state)
{
    (void)state;
    assert_true(ARRAY_LEN(BAD) >= 40);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct policy *p = NULL;
        struct err e = {0};
        char want[40];

        if (policy_parse("policy.yaml", BAD[i].yaml, strlen(BAD[i].yaml), &p, &e) != ERR_INPUT)
            fail_msg("row %zu was taken: %s", i, BAD[i].yaml);
        assert_null(p);
        snprintf(want, sizeof want, "policy.yaml:%.*d", BAD[i].line ? 1 : 0, BAD[i].line);
        if (!strstr(e.msg, want))
            fail_msg("row %zu: '%s' does not say %s", i, e.msg, want);
    }
}

static void the_shipped_policy_loads_and_an_absent_file_is_the_default(void **state)
{
    struct policy *p;
    struct err e = {0};
    AUTO(json_freep) json_t *doc = facts("resolve", "P1");
    struct policy_answer a;

    (void)state;
    must(policy_load(SOURCE_DIR "/etc/policy.yaml", &p, &e), &e);
    policy_ask(p, doc, T0, &a);
    assert_string_equal(a.rule, "resolve-p1");
    policy_unref(p);
    must(policy_load("/nowhere/policy.yaml", &p, &e), &e);
    assert_int_equal(policy_count(p), 0);
    policy_ask(p, doc, T0, &a);
    assert_string_equal(a.rule, "default");
    assert_int_equal(a.need.kind, NEED_ANY);
    policy_unref(p);
}

static void votes_are_counted_by_distinct_persons_with_a_right(void **state)
{
    static const struct need ANY = {NEED_ANY, ROLE_RESPONDER, 1, true};
    static const struct need TWO = {NEED_COUNT, ROLE_RESPONDER, 2, true};
    static const struct need SOFT = {NEED_COUNT, ROLE_RESPONDER, 2, false};
    static const struct need NEVER = {NEED_NEVER, ROLE_NONE, 0, true};
    static const struct {
        const struct need *need;
        struct vote v[4];
        size_t n;
        enum tally want;
    } ROWS[] = {
        {&ANY, {{0}}, 0, TALLY_OPEN},
        {&ANY, {{1, true, true}}, 1, TALLY_APPROVED},
        {&ANY, {{1, true, false}}, 1, TALLY_OPEN},
        {&ANY, {{1, false, true}}, 1, TALLY_REJECTED},
        {&ANY, {{1, false, false}}, 1, TALLY_OPEN},
        {&TWO, {{1, true, true}}, 1, TALLY_OPEN},
        {&TWO, {{1, true, true}, {1, true, true}}, 2, TALLY_OPEN},
        {&TWO, {{1, true, true}, {2, true, true}}, 2, TALLY_APPROVED},
        {&TWO, {{1, true, true}, {2, true, false}}, 2, TALLY_OPEN},
        {&TWO, {{1, true, true}, {2, false, true}, {3, true, true}}, 3, TALLY_REJECTED},
        {&SOFT, {{1, true, true}, {2, false, true}, {3, true, true}}, 3, TALLY_APPROVED},
        {&SOFT, {{1, false, true}, {2, false, true}}, 2, TALLY_OPEN},
        {&NEVER, {{1, true, true}, {2, true, true}}, 2, TALLY_OPEN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int approvals;

        if (need_tally(ROWS[i].need, ROWS[i].v, ROWS[i].n, &approvals) != ROWS[i].want)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_matches_decides),
        cmocka_unit_test(a_rules_hash_changes_with_each_of_its_parts),
        cmocka_unit_test(a_bad_file_is_refused_with_file_and_line),
        cmocka_unit_test(the_shipped_policy_loads_and_an_absent_file_is_the_default),
        cmocka_unit_test(votes_are_counted_by_distinct_persons_with_a_right),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
