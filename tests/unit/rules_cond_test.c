#include "base/clock.h"
#include "rules_test.h"

static const char FACTS[] =
    "{\"incident\":{\"id\":\"PT4KHLK\",\"number\":1234,\"title\":\"Disk FULL on db-3: /var/lib 97 %\",\"status\":\"triggered\","
    "\"urgency\":\"high\",\"priority\":null,\"service_id\":\"PF9KMXH\",\"service\":\"Orders \\u00c5rhus\",\"teams\":[\"DBA\",\"Core\"],"
    "\"age_s\":1200,\"assignees\":[],\"created_at\":\"2026-09-14T01:51:07Z\",\"snoozed\":false,"
    "\"custom\":{\"region\":\"eu-west-1\",\"tier\":2,\"nested\":{\"deep\":true}}},"
    "\"alerts\":{\"count\":3,\"severity\":\"critical\",\"text\":\"no space left on device\\nat /var\","
    "\"details\":{\"labels.code\":\"503\",\"free\":1.5,\"ratio\":\"0.25\",\"labels\":{\"zone\":\"b\"},\"ok\":true}},"
    "\"service\":{\"dependencies\":[\"postgres\",\"redis\"],\"maintenance\":false},"
    "\"changes\":{\"last_hour\":0},\"history\":{\"self_cleared_share\":0.5,\"self_cleared_median_s\":600},"
    "\"evidence\":{\"note\":2,\"not_checked\":[\"past incidents\"]}}";

struct row {
    const char *when;
    bool expected;
};

static void rows_check(const struct row *rows, size_t n)
{
    json_t *facts = json_of(FACTS);
    struct cond_env env = {facts, MONDAY_0211, false};
    size_t i;

    for (i = 0; i < n; i++) {
        struct cond *c = cond_of(rows[i].when);
        json_t *tree = NULL;

        if (cond_match(c, &env, NULL) != rows[i].expected)
            fail_msg("expected %s: %s", rows[i].expected ? "true" : "false", rows[i].when);
        env.utf8_checked = true; /* the promise changes the speed, not the answer */
        assert_int_equal(cond_match(c, &env, NULL), rows[i].expected);
        env.utf8_checked = false;
        cond_explain(c, &env, &tree);
        if (json_is_true(json_object_get(tree, "true")) != rows[i].expected)
            fail_msg("explain differs: %s", rows[i].when);
        json_decref(tree);
        cond_free(c);
    }
    json_decref(facts);
}

static void compares_each_operator(void **state)
{
    static const struct row ROWS[] = {
        {"{}", true},
        {"incident.urgency: high", true},
        {"incident.urgency: HIGH", true},
        {"incident.urgency: low", false},
        {"incident.urgency: [low, High]", true},
        {"incident.number: 1234", true},
        {"incident.number: 1234.0", true},
        {"incident.number: [1, 2]", false},
        {"incident.snoozed: false", true},
        {"incident.snoozed: true", false},
        {"incident.title: {eq: 'disk full on DB-3: /var/lib 97 %'}", true},
        {"incident.title: {ne: other}", true},
        {"incident.urgency: {ne: HIGH}", false},
        {"incident.title: {in: [a, b]}", false},
        {"incident.title: {not_in: [a, b]}", true},
        {"incident.urgency: {not_in: [low, high]}", false},
        {"incident.title: {contains: full}", true},
        {"incident.title: {contains: [nothing, FULL]}", true},
        {"incident.title: {contains: fuller}", false},
        {"incident.title: {starts_with: disk}", true},
        {"incident.title: {starts_with: isk}", false},
        {"incident.title: {ends_with: '97 %'}", true},
        {"incident.title: {ends_with: '97'}", false},
        {"incident.service: {contains: '\xc3\xa5RHUS'}", true},
        {"incident.title: {matches: 'FULL on (db-\\d)'}", true},
        {"incident.title: {matches: 'full on'}", false},
        {"incident.title: {matches: '(?i)full on'}", true},
        {"alerts.text: {matches: '^at /var$'}", false},
        {"alerts.text: {matches: '(?m)^at /var$'}", true},
        {"alerts.count: {lt: 3}", false},
        {"alerts.count: {le: 3}", true},
        {"alerts.count: {gt: 2}", true},
        {"alerts.count: {ge: 4}", false},
        {"alerts.count: {between: [1, 3]}", true},
        {"alerts.count: {between: [4, 9]}", false},
        {"alerts.count: {gt: 1, lt: 3}", false},
        {"history.self_cleared_share: {ge: 0.5}", true},
        {"incident.age_s: {ge: 20m}", true},
        {"incident.age_s: {gt: 20m}", false},
        {"incident.age_s: {between: [10m, 1h]}", true},
        {"incident.age_s: {older_than: 19m}", true},
        {"incident.age_s: {older_than: 20m}", false},
        {"incident.age_s: {newer_than: 21m}", true},
        {"incident.created_at: {older_than: 19m}", true},
        {"incident.created_at: {older_than: 21m}", false},
        {"incident.created_at: {newer_than: 21m}", true},
        {"incident.id: {exists: true}", true},
        {"incident.id: {exists: false}", false},
    };
    (void)state;
    rows_check(ROWS, ARRAY_LEN(ROWS));
}

static void joins_and_negates(void **state)
{
    static const struct row ROWS[] = {
        {"{incident.urgency: high, alerts.count: 3}", true},
        {"{incident.urgency: high, alerts.count: 4}", false},
        {"any: [{incident.urgency: low}, {alerts.count: 3}]", true},
        {"any: [{incident.urgency: low}, {alerts.count: 4}]", false},
        {"all: [{incident.urgency: high}, {alerts.count: 3}]", true},
        {"all: [{incident.urgency: high}, {alerts.count: 4}]", false},
        {"not: {incident.urgency: low}", true},
        {"not: {incident.urgency: high, alerts.count: 4}", true},
        {"not: {incident.urgency: high, alerts.count: 3}", false},
        {"not: {not: {incident.urgency: high}}", true},
        {"not: {any: [{alerts.count: 4}, {incident.urgency: high}]}", false},
        {"any: [{all: [{alerts.count: 4}, {alerts.count: 3}]}, {not: {alerts.count: 4}}]", true},
        {"{any: [{alerts.count: 3}], all: [{alerts.count: 3}], not: {alerts.count: 4}, alerts.count: 3}",
         true},
        {"{any: [{alerts.count: 3}], all: [{alerts.count: 3}], not: {alerts.count: 3}, alerts.count: 3}",
         false},
        {"all: [{any: [{alerts.count: 4}, {alerts.count: 3}]}, {any: [{alerts.count: 4}, {alerts.count: 5}]}]",
         false},
    };
    (void)state;
    rows_check(ROWS, ARRAY_LEN(ROWS));
}

/* A field that was not fetched is not "no": only exists says something about it. */
static void unknown_is_never_true(void **state)
{
    static const struct row ROWS[] = {
        {"incident.priority: P1", false},
        {"incident.priority: {ne: P1}", false},
        {"incident.priority: {not_in: [P1]}", false},
        {"incident.priority: {exists: false}", true},
        {"incident.priority: {exists: true}", false},
        {"not: {incident.priority: P1}", true},
        {"history.times_seen: {lt: 5}", false},
        {"history.times_seen: {ge: 0}", false},
        {"history.times_seen: {between: [0, 9]}", false},
        {"changes.last_summary: {matches: '.'}", false},
        {"changes.last_summary: {contains: a}", false},
        {"changes.last_at: {older_than: 1m}", false},
        {"changes.last_at: {newer_than: 1m}", false},
        {"group.size: {ge: 1}", false},
        {"action.verb: escalate", false}, /* a condition alone may be a policy's */
        {"alerts.details.nothing: {exists: true}", false},
        {"incident.custom.nothing: x", false},
        {"changes.last_hour: 0", true}, /* zero is known */
        {"changes.last_hour: {exists: true}", true},
    };
    (void)state;
    rows_check(ROWS, ARRAY_LEN(ROWS));
}

static void lists_and_free_fields(void **state)
{
    static const struct row ROWS[] = {
        {"incident.teams: dba", true},
        {"incident.teams: [ops, core]", true},
        {"incident.teams: {ne: dba}", false},
        {"incident.teams: {ne: ops}", true},
        {"incident.teams: {not_in: [ops, web]}", true},
        {"incident.teams: {starts_with: co}", true},
        {"incident.teams: {matches: '^D.A$'}", true},
        {"incident.assignees: bo", false},
        {"incident.assignees: {ne: bo}", true}, /* nobody is known to be assigned */
        {"incident.assignees: {exists: true}", true},
        {"service.dependencies: {contains: redis}", true},
        {"evidence.not_checked: {contains: past}", true},
        {"evidence.note: {ge: 1}", true},
        {"incident.custom.region: EU-WEST-1", true},
        {"incident.custom.tier: 2", true},
        {"incident.custom.tier: '2'", true},
        {"incident.custom.tier: {lt: 3}", true},
        {"incident.custom.nested: x", false}, /* a mapping cannot be compared */
        {"incident.custom.nested: {exists: true}", true},
        {"incident.custom.nested.deep: true", true},
        {"alerts.details.labels.code: 503", true},
        {"alerts.details.labels.code: {ge: 500}", true},
        {"alerts.details.labels.code: {matches: '^5\\d\\d$'}", true},
        {"alerts.details.labels.zone: B", true},
        {"alerts.details.free: {between: [1, 2]}", true},
        {"alerts.details.ratio: {lt: 0.3}", true},
        {"alerts.details.ok: true", true},
        {"alerts.details.ok: 'TRUE'", true},
        {"alerts.details.ok: {gt: 0}", false},
    };
    (void)state;
    rows_check(ROWS, ARRAY_LEN(ROWS));
}

static void windows_of_time(void **state)
{
    static const struct {
        const char *when;
        const char *now;
        bool expected;
    } ROWS[] = {
        {"time: {from: '09:00', to: '17:00'}", "2026-09-14T09:00:00Z", true},
        {"time: {from: '09:00', to: '17:00'}", "2026-09-14T08:59:59Z", false},
        {"time: {from: '09:00', to: '17:00'}", "2026-09-14T17:00:00Z", false},
        {"time: {from: '22:00', to: '24:00'}", "2026-09-14T23:59:59Z", true},
        {"time: {from: '22:00', to: '24:00'}", "2026-09-14T00:00:00Z", false},
        /* over midnight: the night belongs to the day on which it began (2026-09-18 is a Friday) */
        {"time: {days: [fri], from: '22:00', to: '06:00'}", "2026-09-18T22:00:00Z", true},
        {"time: {days: [fri], from: '22:00', to: '06:00'}", "2026-09-19T05:59:59Z", true},
        {"time: {days: [fri], from: '22:00', to: '06:00'}", "2026-09-19T06:00:00Z", false},
        {"time: {days: [fri], from: '22:00', to: '06:00'}", "2026-09-18T05:00:00Z", false},
        {"time: {days: [fri], from: '22:00', to: '06:00'}", "2026-09-19T22:00:00Z", false},
        {"time: {days: [sun], from: '22:00', to: '06:00'}", "2026-09-14T02:00:00Z", true},
        {"time: {days: [mon], from: '22:00', to: '06:00'}", "2026-09-14T02:00:00Z", false},
        {"time: {days: [Sat, SUN]}", "2026-09-19T12:00:00Z", true},
        {"time: {days: [sat, sun]}", "2026-09-21T00:00:00Z", false},
        {"not: {time: {days: [sat, sun]}}", "2026-09-21T00:00:00Z", true},
        /* Oslo: summer time ends 2026-10-25 at 01:00 UTC (03:00 becomes 02:00) and began 2026-03-29 */
        {"time: {zone: Europe/Oslo, from: '22:00', to: '06:00'}", "2026-10-24T20:00:00Z", true},
        {"time: {zone: Europe/Oslo, from: '22:00', to: '06:00'}", "2026-10-24T19:59:59Z", false},
        {"time: {zone: Europe/Oslo, from: '22:00', to: '06:00'}", "2026-10-25T04:59:59Z", true},
        {"time: {zone: Europe/Oslo, from: '22:00', to: '06:00'}", "2026-10-25T05:00:00Z", false},
        {"time: {zone: Europe/Oslo, from: '22:00', to: '06:00'}", "2026-10-24T04:00:00Z", false},
        /* the hour that comes twice is inside both times; the one that never comes is in nothing */
        {"time: {zone: Europe/Oslo, from: '02:00', to: '03:00'}", "2026-10-25T00:30:00Z", true},
        {"time: {zone: Europe/Oslo, from: '02:00', to: '03:00'}", "2026-10-25T01:30:00Z", true},
        {"time: {zone: Europe/Oslo, from: '02:00', to: '03:00'}", "2026-10-25T02:00:00Z", false},
        {"time: {zone: Europe/Oslo, from: '02:00', to: '03:00'}", "2026-03-29T00:59:59Z", false},
        {"time: {zone: Europe/Oslo, from: '02:00', to: '03:00'}", "2026-03-29T01:00:00Z", false},
        {"time: {zone: Europe/Oslo, from: '03:00', to: '04:00'}", "2026-03-29T01:00:00Z", true},
        /* a weekday is that of the zone: Sunday evening in New York is Monday in UTC */
        {"time: {zone: America/New_York, days: [sun]}", "2026-09-14T02:11:07Z", true},
        {"time: {zone: America/New_York, days: [mon]}", "2026-09-14T02:11:07Z", false},
        {"time: {zone: Asia/Kolkata, from: '07:30', to: '07:45'}", "2026-09-14T02:11:07Z", true},
    };
    json_t *facts = json_object();
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cond *c = cond_of(ROWS[i].when);
        struct cond_env env = {facts, 0, false};
        struct err e;

        assert_int_equal(time_parse_iso(ROWS[i].now, strlen(ROWS[i].now), &env.now_wall_ms, &e), 0);
        if (cond_match(c, &env, NULL) != ROWS[i].expected)
            fail_msg("%s at %s: expected %d", ROWS[i].when, ROWS[i].now, ROWS[i].expected);
        cond_free(c);
    }
    json_decref(facts);
}

static void keeps_what_named_groups_caught(void **state)
{
    static const struct {
        const char *when, *captures; /* NULL: none */
    } ROWS[] = {
        {"incident.title: {matches: 'on (?<host>[\\w-]+): (?<mount>\\S+) (?<percent>\\d+)'}",
         "{\"host\":\"db-3\",\"mount\":\"/var/lib\",\"percent\":\"97\"}"},
        {"incident.title: {matches: '(?<host>db-\\d)?.*(?<none>zzz)?'}", NULL},
        {"{incident.title: {matches: '(?<a>Disk)'}, alerts.text: {matches: '(?<a>space) (?<b>left)'}}",
         "{\"a\":\"Disk\",\"b\":\"left\"}"}, /* the first stays */
        {"{incident.title: {matches: '(?<a>Disk)'}, alerts.count: 4}",
         NULL}, /* not true: nothing */
        {"not: {not: {incident.title: {matches: '(?<a>Disk)'}}}", "{\"a\":\"Disk\"}"},
    };
    json_t *facts = json_of(FACTS);
    struct cond_env env = {facts, MONDAY_0211, true};
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cond *c = cond_of(ROWS[i].when);
        struct cond_result r = {0};
        json_t *want = ROWS[i].captures ? json_of(ROWS[i].captures) : NULL;

        cond_match(c, &env, &r);
        if (want ? !json_equal(want, r.captures) : r.captures != NULL)
            fail_msg("captures differ: %s", ROWS[i].when);
        json_decref(want);
        cond_result_done(&r);
        cond_free(c);
    }
    json_decref(facts);
}

/* Text that is longer is looked at as far as the limit, and never cut inside a character. INV-9 */
static void long_text_is_cut_at_64_kib(void **state)
{
    struct cond *c = cond_of("alerts.text: {matches: 'needle'}");
    struct cond *last = cond_of("alerts.text: {contains: needle}");
    size_t len = 65536 + 100, at;
    char *text = mem_alloc(len + 1);
    json_t *facts;
    struct cond_env env = {NULL, 0, false};

    (void)state;
    for (at = 65536 - 6; at <= 65536; at += 6) {
        bool inside = at + 6 <= 65536;

        memset(text, 'x', len);
        memcpy(text + at, "needle", 6);
        facts = json_pack("{s:{s:s}}", "alerts", "text", text);
        env.facts = facts;
        assert_int_equal(cond_match(c, &env, NULL), inside);
        assert_int_equal(cond_match(last, &env, NULL), inside);
        json_decref(facts);
    }
    memset(text, 'x', len);
    memcpy(text + 65535, "\xc3\xa5", 2);
    facts = json_pack("{s:{s:s}}", "alerts", "text", text);
    env.facts = facts;
    assert_false(cond_match(c, &env, NULL));
    json_decref(facts);
    mem_freep(&text);
    cond_free(c);
    cond_free(last);
}

static void facts_must_be_utf8(void **state)
{
    json_t *facts = json_pack("{s:{s:o}}", "alerts", "text", json_string_nocheck("a\xff z"));
    struct cond *c = cond_of("alerts.text: {matches: 'z'}");
    struct cond_env env = {facts, 0, false};
    struct cond_result r = {0};
    json_t *deep = json_object();
    int i;

    (void)state;
    assert_false(cond_facts_valid(facts));
    assert_false(cond_match(c, &env, &r)); /* unchecked: PCRE2 looks itself, and it is an alarm */
    assert_int_equal(json_array_size(r.alarms), 1);
    cond_result_done(&r);
    cond_free(c);
    json_decref(facts);
    assert_true(cond_facts_valid(deep));
    for (i = 0; i < 31; i++)
        deep = json_pack("{s:o}", "x", deep);
    assert_true(cond_facts_valid(deep));
    deep = json_pack("{s:o}", "x", deep);
    assert_false(cond_facts_valid(deep));
    json_decref(deep);
    deep = json_array();
    assert_false(cond_facts_valid(deep));
    json_decref(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_each_operator),
        cmocka_unit_test(joins_and_negates),
        cmocka_unit_test(unknown_is_never_true),
        cmocka_unit_test(lists_and_free_fields),
        cmocka_unit_test(windows_of_time),
        cmocka_unit_test(keeps_what_named_groups_caught),
        cmocka_unit_test(long_text_is_cut_at_64_kib),
        cmocka_unit_test(facts_must_be_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
