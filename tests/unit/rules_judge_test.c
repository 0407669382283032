#include <sys/stat.h>
#include <unistd.h>

#include "rules/rules_priv.h"
#include "rules_test.h"

static const char HOT[] =
    "{\"incident\":{\"title\":\"Disk full on db-3\",\"urgency\":\"high\",\"number\":7},"
    "\"alerts\":{\"count\":2,\"text\":\"a\\n\\u202eb\"},\"changes\":{\"last_hour\":1}}";

static void first_match_sets_and_later_ones_fill(void **state)
{
    struct rules *r = rules_of(
        "rules:\n"
        "  - {name: no, when: {alerts.count: 9}, then: {severity: S0, category: none, model: skip}}\n"
        "  - {name: one, when: {alerts.count: 2}, then: {severity: S1, runbook: 'https://w/1'}}\n"
        "  - {name: two, when: {}, then: {severity: S2, category: c2, urgency: low, runbook: 'https://w/1'}}\n"
        "  - {name: off, enabled: false, when: {}, then: {team: nobody}}\n"
        "  - {name: three, when: {}, then: {category: c3, team: t3, urgency: high, model: skip, runbook: 'https://w/3'}}\n");
    json_t *v = verdict_of(r, HOT, 0);

    (void)state;
    assert_int_equal(rules_count(r), 4);
    assert_string_equal(rules_name(r, 3), "three");
    assert_string_equal(rules_where(r, 3), "10-test.yaml:6");
    assert_null(rules_name(r, 4));
    verdict_has(v, "severity", "\"S1\"");
    verdict_has(v, "category", "\"c2\"");
    verdict_has(v, "team", "\"t3\"");
    verdict_has(v, "urgency", "\"low\"");
    verdict_has(v, "model", "\"skip\"");
    verdict_has(v, "rules", "[\"one\",\"two\",\"three\"]");
    verdict_has(v, "runbooks", "[\"https://w/1\",\"https://w/3\"]");
    verdict_has(v, "stopped_by", "null");
    assert_string_equal(json_at_str(v, "rules_hash"), rules_hash(r));
    json_decref(v);
    rules_unref(r);
}

static void no_rule_leaves_the_defaults(void **state)
{
    struct rules *r = NULL;
    struct err e;
    json_t *v;

    (void)state;
    assert_int_equal(rules_parse(NULL, 0, &r, &e), 0);
    v = verdict_of(r, HOT, 0);
    verdict_has(v, "allow", "[\"add_note\"]");
    verdict_has(v, "deny", "[]");
    verdict_has(v, "model", "\"ask\"");
    verdict_has(v, "severity", "null");
    verdict_has(v, "proposals", "[]");
    verdict_has(v, "rules", "[]");
    json_decref(v);
    rules_unref(r);
}

static void verbs_are_united_and_deny_wins(void **state)
{
    static const struct {
        const char *rules, *allow;
    } ROWS[] = {
        {"  - {name: a, when: {}, then: {team: x}}\n", "[\"add_note\"]"},
        {"  - {name: a, when: {}, then: {allow: []}}\n", "[]"},
        {"  - {name: a, when: {}, then: {deny: [add_note]}}\n", "[]"},
        {"  - {name: a, when: {}, then: {allow: [resolve]}}\n", "[\"resolve\"]"},
        {"  - {name: a, when: {}, then: {allow: [resolve]}}\n"
         "  - {name: b, when: {}, then: {allow: [escalate, acknowledge]}}\n",
         "[\"acknowledge\",\"escalate\",\"resolve\"]"},
        {"  - {name: a, when: {}, then: {allow: [resolve, escalate]}}\n"
         "  - {name: b, when: {}, then: {deny: [resolve]}}\n",
         "[\"escalate\"]"},
        {"  - {name: b, when: {}, then: {deny: [resolve]}}\n"
         "  - {name: a, when: {}, then: {allow: [resolve, escalate]}}\n",
         "[\"escalate\"]"},
        {"  - {name: a, when: {}, then: {allow: [escalate], stop: true}}\n"
         "  - {name: b, when: {}, then: {deny: [escalate]}}\n",
         "[\"escalate\"]"},
        {"  - {name: a, when: {alerts.count: 9}, then: {allow: [escalate], stop: true}}\n"
         "  - {name: b, when: {}, then: {team: x}}\n",
         "[\"add_note\"]"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        char text[1000];
        struct rules *r;
        json_t *v;

        snprintf(text, sizeof text, "rules:\n%s", ROWS[i].rules);
        r = rules_of(text);
        v = verdict_of(r, HOT, 0);
        verdict_has(v, "allow", ROWS[i].allow);
        json_decref(v);
        rules_unref(r);
    }
}

static void proposals_carry_what_was_caught(void **state)
{
    struct rules *r = rules_of(
        "rules:\n"
        "  - name: disk\n"
        "    when: {incident.title: {matches: 'on (?<host>\\S+)(?<gone>zz)?'}}\n"
        "    then:\n"
        "      allow: [add_note, escalate, resolve, acknowledge]\n"
        "      propose:\n"
        "        - {verb: add_note, note: 'Host {host}, {gone}, #{incident.number} {{x}} {alerts.text} {changes.last_summary}', why: 'title says {host}'}\n"
        "        - {verb: escalate, level: next, why: w}\n"
        "        - {verb: escalate, level: 3, why: w}\n"
        "        - {verb: escalate, policy: PABC123, why: w}\n"
        "        - {verb: resolve, resolve_note: '{host} is back', why: w}\n"
        "        - {verb: acknowledge, why: w}\n");
    json_t *v = verdict_of(r, HOT, 0);

    (void)state;
    verdict_has(
        v, "proposals",
        "[{\"args\":{\"note\":\"Host db-3, unknown, #7 {x} a [U+202E]b unknown\"},"
        "\"rule\":\"disk\",\"verb\":\"add_note\",\"why\":\"title says db-3\"},"
        "{\"args\":{\"level\":\"next\"},\"rule\":\"disk\",\"verb\":\"escalate\",\"why\":\"w\"},"
        "{\"args\":{\"level\":3},\"rule\":\"disk\",\"verb\":\"escalate\",\"why\":\"w\"},"
        "{\"args\":{\"policy\":\"PABC123\"},\"rule\":\"disk\",\"verb\":\"escalate\",\"why\":\"w\"},"
        "{\"args\":{\"resolve_note\":\"db-3 is back\"},\"rule\":\"disk\",\"verb\":\"resolve\",\"why\":\"w\"},"
        "{\"args\":{},\"rule\":\"disk\",\"verb\":\"acknowledge\",\"why\":\"w\"}]");
    json_decref(v);
    rules_unref(r);
}

/* A title may try to look like a template, or be very long: it is only ever a value. INV-5, INV-9 */
static void text_of_an_incident_is_never_a_template(void **state)
{
    struct rules *r = rules_of(
        "rules:\n"
        "  - name: t\n"
        "    when: {}\n"
        "    then: {allow: [add_note], propose: [{verb: add_note, note: '{incident.title}', why: w}]}\n");
    json_t *v = verdict_of(
        r, "{\"incident\":{\"title\":\"{alerts.text} }{ {{\"},\"alerts\":{\"text\":\"secret\"}}",
        0);
    char facts[5000] = "{\"incident\":{\"title\":\"";

    (void)state;
    assert_string_equal(json_at_str(v, "proposals.0.args.note"), "{alerts.text} }{ {{");
    json_decref(v);
    memset(facts + strlen(facts), 'x', 4000);
    memcpy(facts + 22 + 4000, "\"}}", 4);
    v = verdict_of(r, facts, 0);
    assert_in_range(strlen(json_at_str(v, "proposals.0.args.note")), 100, 210);
    json_decref(v);
    rules_unref(r);
}

static void denied_and_repeated_proposals_are_dropped(void **state)
{
    struct rules *r = rules_of(
        "rules:\n"
        "  - {name: a, when: {}, then: {allow: [add_note, escalate], propose: [{verb: add_note, note: n, why: w}, {verb: escalate, level: next, why: w}]}}\n"
        "  - {name: b, when: {}, then: {allow: [add_note], propose: [{verb: add_note, note: n, why: other}]}}\n"
        "  - {name: c, when: {}, then: {deny: [escalate]}}\n");
    json_t *v = verdict_of(r, HOT, 0);

    (void)state;
    verdict_has(v, "proposals",
                "[{\"args\":{\"note\":\"n\"},\"rule\":\"a\",\"verb\":\"add_note\",\"why\":\"w\"}]");
    verdict_has(
        v, "dropped",
        "[{\"rule\":\"a\",\"verb\":\"escalate\",\"why\":\"a matching rule denies this verb\"},"
        "{\"rule\":\"b\",\"verb\":\"add_note\",\"why\":\"an earlier rule proposes the same\"}]");
    json_decref(v);
    rules_unref(r);
}

static void no_bare_acknowledge_is_left_over(void **state)
{
    struct rules *r = rules_of(
        "rules:\n"
        "  - {name: a, when: {}, then: {allow: [add_note, acknowledge], propose: [{verb: acknowledge, why: w}, {verb: add_note, note: n, why: w}]}}\n"
        "  - {name: b, when: {incident.urgency: high}, then: {deny: [add_note]}}\n");
    json_t *v = verdict_of(r, HOT, 0);

    (void)state;
    verdict_has(v, "proposals", "[]");
    assert_int_equal(json_array_size(json_object_get(v, "dropped")), 2);
    json_decref(v);
    v = verdict_of(r, "{\"incident\":{\"urgency\":\"low\"}}", 0);
    assert_int_equal(json_array_size(json_object_get(v, "proposals")), 2);
    json_decref(v);
    rules_unref(r);
}

static void equal_facts_give_equal_verdicts(void **state)
{
    struct rules *r = rules_of(
        "rules:\n"
        "  - {name: a, when: {incident.created_at: {older_than: 10m}}, then: {team: old}}\n"
        "  - {name: b, when: {time: {from: '02:00', to: '03:00'}}, then: {category: night}}\n");
    static const char FACTS[] = "{\"incident\":{\"created_at\":\"2026-09-14T02:00:00Z\"}}";
    json_t *one = verdict_of(r, FACTS, MONDAY_0211), *two = verdict_of(r, FACTS, MONDAY_0211);
    json_t *later = verdict_of(r, FACTS, MONDAY_0211 + 3600000);

    (void)state;
    assert_true(json_equal(one, two));
    verdict_has(one, "team", "\"old\"");
    verdict_has(one, "category", "\"night\"");
    verdict_has(later, "category", "null");
    json_decref(one);
    json_decref(two);
    json_decref(later);
    rules_unref(r);
}

static void facts_that_cannot_be_read_are_refused(void **state)
{
    struct rules *r = rules_of("rules: []\n");
    json_t *bad[2] = {json_array(), json_pack("{s:o}", "incident", json_string_nocheck("\xff"))};
    json_t *v = NULL, *trace = NULL;
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        assert_int_equal(rules_judge(r, bad[i], 0, &v, &trace, &e), ERR_INPUT);
        assert_null(v);
        assert_null(trace);
        json_decref(bad[i]);
    }
    rules_unref(r);
}

/* The schema lists the verbs once more, for its messages; both lists are the same. */
static void schema_and_table_know_the_same_verbs(void **state)
{
    const char *list = strstr(rules_schema_text, "\"verb\":{\"enum\":[");
    char all[200] = "\"verb\":{\"enum\":[";
    int i;

    (void)state;
    for (i = 0; i < VERB_COUNT; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s\"%s\"", i ? "," : "",
                 verb_name((enum verb)i));
    snprintf(all + strlen(all), sizeof all - strlen(all), "]}");
    assert_non_null(list);
    assert_memory_equal(list, all, strlen(all));
}

/* ---- loading a folder ---- */

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[300];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void remove_file(const char *dir, const char *name)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(remove(path), 0);
}

static void folder_is_loaded_whole_or_not_at_all(void **state)
{
    char dir[] = "/tmp/rules_test_XXXXXX", path[300], first_hash[65];
    struct rules *r = NULL, *before;
    struct err e;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(rules_load(dir, &r, &e), 0);
    assert_int_equal(rules_count(r), 0);
    rules_unref(r);
    write_file(dir, "20-b.yaml", "rules: [{name: b, when: {}, then: {team: b}}]\n");
    write_file(dir, "10-a.yaml", "rules: [{name: a, when: {}, then: {team: a}}]\n");
    write_file(dir, "README.md", "not a rule");
    write_file(dir, ".hidden.yaml", "not: a rule");
    assert_int_equal(rules_load(dir, &r, &e), 0);
    assert_int_equal(rules_count(r), 2);
    assert_string_equal(rules_name(r, 0), "a"); /* byte order of the names, not of the folder */
    snprintf(first_hash, sizeof first_hash, "%s", rules_hash(r));
    before = r;

    write_file(dir, "30-c.yaml", "rules:\n  - {name: c, when: {}, then: {teem: c}}\n");
    assert_int_equal(rules_load(dir, &r, &e), ERR_INPUT);
    assert_ptr_equal(r, before); /* untouched: the caller goes on with the old set */
    assert_non_null(strstr(e.msg, "30-c.yaml:2: "));
    assert_non_null(strstr(e.msg, "teem"));
    write_file(dir, "30-c.yaml", "rules:\n  - {name: a, when: {}, then: {team: c}}\n");
    assert_int_equal(rules_load(dir, &r, &e), ERR_INPUT);
    assert_non_null(strstr(e.msg, "the name 'a' is taken by"));
    assert_non_null(strstr(e.msg, "10-a.yaml:1"));
    write_file(dir, "30-c.yaml", "rules: []\n");
    rules_unref(before);
    assert_int_equal(rules_load(dir, &r, &e), 0);
    assert_string_not_equal(rules_hash(r), first_hash); /* names and bytes of every file count */
    rules_unref(r);

    snprintf(path, sizeof path, "%s/30-c.yaml", dir);
    assert_int_equal(chmod(path, 0666), 0); /* H12 */
    assert_int_equal(rules_load(dir, &r, &e), ERR_DENIED);
    remove_file(dir, "30-c.yaml");
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(rules_load(dir, &r, &e), ERR_DENIED);
    assert_int_equal(chmod(dir, 0700), 0);
    write_file(dir, "30-c.yml", "rules: []\n");
    assert_int_equal(rules_load(dir, &r, &e), ERR_INPUT);
    assert_non_null(strstr(e.msg, ".yaml"));
    remove_file(dir, "30-c.yml");
    assert_int_equal(rules_load(dir, &r, &e), 0);
    assert_string_equal(rules_hash(r), first_hash);
    rules_unref(r);
    remove_file(dir, "20-b.yaml");
    remove_file(dir, "10-a.yaml");
    remove_file(dir, "README.md");
    remove_file(dir, ".hidden.yaml");
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(rules_load(dir, &r, &e), ERR_NOT_FOUND);
}

static void references_keep_a_set_alive(void **state)
{
    struct rules *r = rules_of("rules: [{name: a, when: {}, then: {team: a}}]\n");
    struct rules *second = rules_ref(r);

    (void)state;
    rules_unref(r);
    assert_string_equal(rules_name(second, 0), "a"); /* ASan sees it if it is gone */
    rules_unref(second);
    rules_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_match_sets_and_later_ones_fill),
        cmocka_unit_test(no_rule_leaves_the_defaults),
        cmocka_unit_test(verbs_are_united_and_deny_wins),
        cmocka_unit_test(proposals_carry_what_was_caught),
        cmocka_unit_test(text_of_an_incident_is_never_a_template),
        cmocka_unit_test(denied_and_repeated_proposals_are_dropped),
        cmocka_unit_test(no_bare_acknowledge_is_left_over),
        cmocka_unit_test(equal_facts_give_equal_verdicts),
        cmocka_unit_test(facts_that_cannot_be_read_are_refused),
        cmocka_unit_test(schema_and_table_know_the_same_verbs),
        cmocka_unit_test(folder_is_loaded_whole_or_not_at_all),
        cmocka_unit_test(references_keep_a_set_alive),
    };

    return cmocka_run_group_tests(tests, with_crypto, NULL);
}
