#include "rules/cond_priv.h"
#include "rules_test.h"

/* A small generator of numbers, so that a failure comes again with the same seed. */
static uint64_t seed;
static size_t any(size_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % below);
}

/* Few words, in several cases and with the two characters that PCRE2 takes for ASCII letters, so that things match often. */
static const char *const WORDS[] = {"disk",
                                    "Disk",
                                    "DISK",
                                    "full",
                                    "db-3",
                                    "pool",
                                    "timeout",
                                    "k",
                                    "s",
                                    "di\xc5\xbfk",
                                    "dis\xe2\x84\xaa",
                                    "\xc3\xa5rhus",
                                    "\xc3\x85RHUS",
                                    "a.b",
                                    "97",
                                    "%",
                                    ""};
static const char *const PATTERNS[] = {
    "disk",
    "(?i)disk",
    "(?i)DISK full",
    "disk|pool",
    "(?i)full|timeout|pool",
    "dis?k full",
    "disk+",
    "dis.k",
    "di[sz]k",
    "(?:disk|pool) full",
    "(?<w>disk) (?<v>\\S+)",
    "^disk",
    "full$",
    "\\bpool\\b",
    "a\\.b",
    "db-\\d",
    "(?i)dis{1}k",
    "dis{0,1}k",
    "disk{0}",
    "disk{2}?",
    "(?=disk)disk",
    "(?!disk)pool",
    "[[:alpha:]]+ full",
    "[]x]*disk",
    "x*disk|full",
    "(?i)\\x64isk",
    "\\Qdisk\\E",
    "(?x) d i s k",
    "(?i)\xc3\xa5rhus",
    "\xc3\xa5rhus|disk",
    "disk||full",
    "(disk)",
    "(?i:disk) full",
    "timeou(?#t)t",
    "(?i)k full",
    "(?i)[k] full",
    "full.*disk",
    "disk\\s+full",
    "disk\\/full",
    "\\d\\d %",
    "97 %",
    "(?>disk) full",
    "(?|disk|pool)",
    "(?<a>.)(?:\\k<a>)",
    "disk(?= full)",
    "timeout??s",
    "timeouts?+",
    "disk{,2}",
    "disk{x}",
    "full{1,2}",
    "d\\-?isk|full",
    "[^\\]]disk",
};
static const char *const FIELDS[] = {"incident.title", "alerts.text",      "incident.service",
                                     "incident.teams", "alerts.details.x", "service.id"};

static void text_make(char *out, size_t room)
{
    size_t n = any(6), i;

    out[0] = '\0';
    for (i = 0; i < n; i++)
        snprintf(out + strlen(out), room - strlen(out), "%s%s", i ? " " : "",
                 WORDS[any(ARRAY_LEN(WORDS))]);
}

static json_t *facts_make(void)
{
    json_t *facts = json_pack("{s:{}, s:{s:{}}, s:{}}", "incident", "alerts", "details", "service");
    char text[200];

    text_make(text, sizeof text);
    if (any(8))
        json_object_set_new(json_object_get(facts, "incident"), "title", json_string(text));
    text_make(text, sizeof text);
    if (any(8))
        json_object_set_new(json_object_get(facts, "alerts"), "text", json_string(text));
    if (any(8))
        json_object_set_new(json_object_get(facts, "incident"), "service",
                            json_string(WORDS[any(ARRAY_LEN(WORDS))]));
    if (any(8))
        json_object_set_new(json_object_get(facts, "service"), "id", json_string(WORDS[any(4)]));
    text_make(text, sizeof text);
    if (any(8))
        json_object_set_new(json_object_get(facts, "incident"), "teams",
                            json_pack("[s, s]", WORDS[any(ARRAY_LEN(WORDS))], text));
    if (any(2))
        json_object_set_new(json_at(facts, "alerts.details"), "x",
                            any(2)   ? json_integer(97)
                            : any(2) ? json_real(1.5)
                                     : json_array());
    return facts;
}

static json_t *test_make(void)
{
    static const char *const OPS[] = {"contains", "starts_with", "ends_with", "ne", "not_in", "in"};
    char text[200];
    const char *op;

    switch (any(4)) {
    case 0:
        return json_pack("{s:s}", "matches", PATTERNS[any(ARRAY_LEN(PATTERNS))]);
    case 1:
        text_make(text, sizeof text);
        return json_string(text);
    case 2:
        return json_pack("[s, s]", WORDS[any(ARRAY_LEN(WORDS))], WORDS[any(ARRAY_LEN(WORDS))]);
    default:
        break;
    }
    op = OPS[any(ARRAY_LEN(OPS))];
    text_make(text, sizeof text);
    if (text[0] == '\0')
        snprintf(text, sizeof text, "x");
    if (strstr(op, "in") == op || strcmp(op, "not_in") == 0)
        return json_pack("{s:[s, s]}", op, text, WORDS[any(ARRAY_LEN(WORDS))]);
    return json_pack("{s:s}", op, text);
}

static json_t *mapping_make(unsigned depth);

static json_t *list_make(unsigned depth)
{
    json_t *list = json_array();
    size_t n = 1 + any(3), i;

    for (i = 0; i < n; i++)
        json_array_append_new(list, mapping_make(depth - 1));
    return list;
}

static json_t *mapping_make(unsigned depth)
{
    json_t *m = json_object();
    size_t n = 1 + any(2), i;

    for (i = 0; i < n; i++) {
        switch (depth > 0 ? any(6) : 5) {
        case 0:
            json_object_set_new(m, "any", list_make(depth));
            break;
        case 1:
            json_object_set_new(m, "all", list_make(depth));
            break;
        case 2:
            json_object_set_new(m, "not", mapping_make(depth - 1));
            break;
        default:
            json_object_set_new(m, FIELDS[any(ARRAY_LEN(FIELDS))], test_make());
            break;
        }
    }
    return m;
}

static char *set_make(void)
{
    json_t *rules = json_array(), *file = json_pack("{s:O}", "rules", rules);
    size_t n = 1 + any(8), i;
    char *text;

    for (i = 0; i < n; i++) {
        json_t *then = json_pack("{s:o}", "category", json_sprintf("c%zu", i));

        if (any(6) == 0)
            json_object_set_new(then, "stop", json_true());
        json_array_append_new(rules, json_pack("{s:o, s:o, s:o}", "name", json_sprintf("r%zu", i),
                                               "when", mapping_make(2), "then", then));
    }
    text = json_dumps(file, JSON_COMPACT);
    json_decref(file);
    json_decref(rules);
    return text;
}

static void index_never_changes_a_result(void **state)
{
    size_t i, k, matched = 0, asked = 0;

    (void)state;
    seed = 88172645463325252u;
    for (i = 0; i < 2000; i++) {
        char *text = set_make();
        struct rules_file f = {"10-test.yaml", text, strlen(text)};
        struct rules *r = NULL;
        struct err e;

        if (rules_parse(&f, 1, &r, &e) < 0)
            fail_msg("refused: %s\n%s", e.msg, text);
        for (k = 0; k < 5; k++) {
            json_t *facts = facts_make(), *indexed = NULL, *plain = NULL, *trace = NULL;

            assert_int_equal(rules_judge(r, facts, 0, &indexed, &trace, &e), 0);
            assert_int_equal(rules_judge_plain(r, facts, 0, &plain, &e), 0);
            if (!json_equal(indexed, plain)) {
                char *shown = json_dumps(facts, JSON_COMPACT);

                fail_msg("set %zu: differs\n%s\n%s", i, text, shown);
            }
            matched += json_array_size(json_object_get(plain, "rules"));
            json_decref(facts);
            json_decref(indexed);
            json_decref(plain);
            json_decref(trace);
        }
        asked += 5 * rules_count(r);
        rules_unref(r);
        free(text);
    }
    print_message("%zu matches in %zu questions\n", matched, asked);
    assert_true(matched > asked / 20); /* it would prove nothing if nothing matched */
}

static void guard_skips_most_rules(void **state)
{
    static const struct {
        const char *when, *facts;
        bool may;
    } ROWS[] = {
        {"incident.service_id: PABC", "{\"incident\":{\"service_id\":\"PABC\"}}", true},
        {"incident.service_id: PABC", "{\"incident\":{\"service_id\":\"PXYZ\"}}", false},
        {"incident.service_id: [PABC, PDEF]", "{\"incident\":{\"service_id\":\"pdef\"}}", true},
        {"incident.service_id: [PABC, PDEF]", "{\"incident\":{}}", false},
        {"alerts.text: {contains: needle}", "{\"alerts\":{\"text\":\"hay needle hay\"}}", true},
        {"alerts.text: {contains: needle}", "{\"alerts\":{\"text\":\"hay hay\"}}", false},
        {"alerts.text: {matches: '(?i)disk full|no space'}", "{\"alerts\":{\"text\":\"cpu\"}}",
         false},
        {"alerts.text: {matches: '(?i)disk full|no space'}", "{\"alerts\":{\"text\":\"NO SPACE\"}}",
         true},
        {"any: [{alerts.text: {contains: needle}}, {incident.service_id: P1}]",
         "{\"alerts\":{\"text\":\"hay\"}}", false},
        {"any: [{alerts.text: {contains: needle}}, {incident.number: 1}]",
         "{\"alerts\":{\"text\":\"hay\"}}", true},
        {"all: [{alerts.text: {contains: needle}}, {incident.number: 1}]",
         "{\"alerts\":{\"text\":\"hay\"}}", false},
        {"not: {alerts.text: {contains: needle}}", "{\"alerts\":{\"text\":\"hay\"}}", true},
        {"alerts.text: {ne: needle}", "{\"alerts\":{\"text\":\"hay\"}}", true},
        {"alerts.text: {matches: '\\d+'}", "{\"alerts\":{\"text\":\"hay\"}}", true},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cond *c = cond_of(ROWS[i].when);
        json_t *facts = json_of(ROWS[i].facts);
        struct cond_env env = {facts, 0, true};
        struct guard g;
        struct view v;

        guard_build(c, &g);
        view_init(&v, c->slots, &env);
        if (guard_may(&g, &v) != ROWS[i].may)
            fail_msg("expected %d: %s on %s", ROWS[i].may, ROWS[i].when, ROWS[i].facts);
        view_done(&v);
        guard_done(&g);
        cond_free(c);
        json_decref(facts);
    }
}

static void literals_are_only_those_that_must_stand_there(void **state)
{
    static const struct {
        const char *pattern, *literals; /* joined by | */
    } ROWS[] = {
        {"disk full", "disk full"},
        {"DISK", "disk"},
        {"disk|pool full", "disk|pool full"},
        {"disk|ab", ""},
        {"disk|", ""},
        {"abc?d", ""},
        {"abcd?", "abc"},
        {"abc+def", "abc"},
        {"abc.defg", "defg"},
        {"abc*def", "def"},
        {"abc{2}", "abc"},
        {"abc{2}{0}", ""},
        {"abc{x}", "abc{x}"},
        {"a\\.bc", "a.bc"},
        {"abc\\d+xyz", "abc"},
        {"abc\\x41", ""},
        {"\\Qa|b\\E", ""},
        {"(?x)a b c d", ""},
        {"(?i)abc", "abc"},
        {"(abc|def)ghi", "ghi"},
        {"(?<n>abc)", ""},
        {"[a]bc]def", "bc]def"},
        {"[]a]bcd", "bcd"},
        {"[^]a|]bcd", "bcd"},
        {"[[:alpha:]|]bcd", "bcd"},
        {"[[:a]bcd:]|x", ""},
        {"[\\]|]bcd", "bcd"},
        {"(a(b|c)\\)|d)efg", "efg"},
        {"(?#x|y)abc", ""},
        {"(*UCP)abc", ""},
        {"\xc3\xa5"
         "abc",
         "abc"},
        {"abc\\", ""},
    };
    size_t i, k;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct literal out[LITERALS_MAX];
        size_t n = literal_of_pattern(ROWS[i].pattern, strlen(ROWS[i].pattern), out);
        char got[400] = "";

        for (k = 0; k < n; k++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", k ? "|" : "",
                     (int)out[k].len, out[k].text);
        if (strcmp(got, ROWS[i].literals) != 0)
            fail_msg("%s: got \"%s\", expected \"%s\"", ROWS[i].pattern, got, ROWS[i].literals);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_never_changes_a_result),
        cmocka_unit_test(guard_skips_most_rules),
        cmocka_unit_test(literals_are_only_those_that_must_stand_there),
    };

    return cmocka_run_group_tests(tests, with_crypto, NULL);
}
