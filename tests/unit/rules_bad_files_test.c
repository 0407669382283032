#include "rules_test.h"

/*
 * F-41, the share of the rule files: each of these is refused, at the line where the mistake is, with a word that helps.
 * Most are the body of one rule's `when` (line 4) or `then` (line 6), so that a row shows the mistake alone.
 */
struct bad {
    const char *text; /* what stands at the place */
    int line;
    const char *word; /* in the message */
};

static void refused_at(const char *text, int line, const char *word)
{
    struct rules_file f = {"bad.yaml", text, strlen(text)};
    struct rules *r = NULL;
    struct err e = {0};
    char place[32];

    if (rules_parse(&f, 1, &r, &e) == 0) {
        rules_unref(r);
        fail_msg("accepted:\n%s", text);
    }
    assert_null(r);
    snprintf(place, sizeof place, "bad.yaml:%d: ", line);
    if (e.code != ERR_INPUT || !strstr(e.msg, place) || !strstr(e.msg, word))
        fail_msg("expected %s...%s, got \"%s\" for\n%s", place, word, e.msg, text);
}

static void whole_files(void **state)
{
    static const struct bad ROWS[] = {
        {"", 1, "empty"},
        {"# nothing\n", 1, "empty"},
        {"[]\n", 1, "object"},
        {"rules: {}\n", 1, "array"},
        {"rules: []\nrule: []\n", 2, "rule"},
        {"rules: []\nrules: []\n", 2, "rules"},
        {"rules:\n  - a\n", 2, "object"},
        {"rules: [\n", 2, ""},
        {"rules: []\n---\nrules: []\n", 2, ""},
        {"rules: &a []\n", 1, ""},
        {"rules: !!seq []\n", 1, ""},
        {"rules:\n\t- {}\n", 2, ""},
        {"rules:\n  - name: a\n    when: {}\n", 2, "then"},
        {"rules:\n  - name: a\n    then: {team: x}\n", 2, "when"},
        {"rules:\n  - when: {}\n    then: {team: x}\n", 2, "name"},
        {"rules:\n  - name: A\n    when: {}\n    then: {team: x}\n", 2, "match"},
        {"rules:\n  - name: -a\n    when: {}\n    then: {team: x}\n", 2, "match"},
        {"rules:\n  - name: \"a\\n\"\n    when: {}\n    then: {team: x}\n", 2, ""},
        {"rules:\n  - name: ''\n    when: {}\n    then: {team: x}\n", 2, ""},
        {"rules:\n  - name: 12\n    when: {}\n    then: {team: x}\n", 2, "string"},
        {"rules:\n  - name: a\n    enabled: yes\n    when: {}\n    then: {team: x}\n", 3,
         "boolean"},
        {"rules:\n  - name: a\n    enable: true\n    when: {}\n    then: {team: x}\n", 3, "enable"},
        {"rules:\n  - name: a\n    description: [x]\n    when: {}\n    then: {team: x}\n", 3,
         "string"},
        {"rules:\n  - name: a\n    when: {}\n    then: {team: x}\n  - name: a\n    when: {}\n    then: {team: x}\n",
         5, "taken by bad.yaml:2"},
        {"rules:\n  - name: a\n    enabled: false\n    when: {}\n    then: {team: x}\n  - name: a\n    when: {}\n    then: {team: x}\n",
         6, "taken"},
        {"rules:\n  - name: a\n    enabled: false\n    when:\n      incident.titel: x\n    then: {team: x}\n",
         5, "incident.title"}, /* switched off, and checked all the same */
        {"rules:\n  - name: a\n    when: []\n    then: {team: x}\n", 3, "object"},
        {"rules:\n  - name: a\n    when:\n    then: {team: x}\n", 3, "object"},
        {"rules:\n  - name: a\n    when: true\n    then: {team: x}\n", 3, "object"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++)
        refused_at(ROWS[i].text, ROWS[i].line, ROWS[i].word);
}

static void conditions(void **state)
{
    static const struct bad ROWS[] = {
        {"incident.titel: x", 4, "did you mean incident.title"},
        {"title: x", 4, "did you mean incident.title"},
        {"urgency: high", 4, "did you mean incident.urgency"},
        {"incident: x", 4, "unknown field"},
        {"alerts.details: x", 4, "unknown field"},
        {"alerts.details.: x", 4, "unknown field"},
        {"incident.custom: x", 4, "unknown field"},
        {"service.nam: x", 4, "did you mean service.name"},
        {"Incident.title: x", 4, "did you mean incident.title"},
        {"action.verb: escalate", 4, "policies only"},
        {"any: [{people.on_call: bo}]", 4, "policies only"},
        {"or: [{incident.title: x}]", 4, "unknown field"},
        {"incident.title: ~", 4, "exists"},
        {"incident.title: {}", 4, "operator"},
        {"incident.title: []", 4, "empty"},
        {"incident.title: 5", 4, "quotes"},
        {"incident.title: true", 4, "quotes"},
        {"incident.title: [a, 5]", 4, "quotes"},
        {"incident.title: [a, [b]]", 4, "quotes"},
        {"incident.title: {like: x}", 4, "unknown operator 'like'"},
        {"incident.title: {matches: '('}", 4, "broken at character 1"},
        {"incident.title: {matches: '[a'}", 4, "broken"},
        {"incident.title: {matches: 'a**'}", 4, "broken"},
        {"incident.title: {matches: '\\C'}", 4, "broken"},
        {"incident.title: {matches: ''}", 4, "empty"},
        {"incident.title: {matches: [a]}", 4, "regular expression"},
        {"incident.title: {matches: '(?<a>x)(?<a>y)'}", 4, "broken"},
        {"incident.title: {matches: '((((((((((((((((((((((((((((((((((x))))))))))))))))))))))))))))))))))'}",
         4, "groups"},
        {"incident.title: {contains: ''}", 4, "empty"},
        {"incident.title: {contains: 5}", 4, "text"},
        {"incident.title: {contains: []}", 4, "empty"},
        {"incident.title: {lt: 5}", 4, "does not fit"},
        {"incident.title: {older_than: 5m}", 4, "does not fit"},
        {"incident.title: {eq: [a]}", 4, "in or not_in"},
        {"incident.title: {in: a}", 4, "list"},
        {"incident.number: '5'", 4, "number"},
        {"incident.number: {contains: '5'}", 4, "does not fit"},
        {"incident.number: {older_than: 5m}", 4, "no age"},
        {"alerts.count: {ge: many}", 4, "number"},
        {"alerts.count: {ge: 5m}", 4, "number"},
        {"alerts.count: {ge: [1]}", 4, "one number"},
        {"alerts.count: {between: [1]}", 4, "two numbers"},
        {"alerts.count: {between: [3, 1]}", 4, "smaller"},
        {"alerts.count: {between: 3}", 4, "two numbers"},
        {"incident.age_s: {ge: 5 min}", 4, "15m"},
        {"incident.age_s: {older_than: 5}", 4, "span"},
        {"incident.age_s: {older_than: ten}", 4, "span"},
        {"incident.urgency: hihg", 4, "high|low"},
        {"incident.status: {not_in: [open]}", 4, "triggered"},
        {"incident.snoozed: 'yes'", 4, "true or false"},
        {"incident.snoozed: 1", 4, "true or false"},
        {"incident.title: {exists: 'no'}", 4, "true or false"},
        {"alerts.details.x: {contains: 5}", 4, "text"},
        {"any: []", 4, "at least one"},
        {"any: {incident.title: x}", 4, "list"},
        {"any: [x]", 4, "mapping"},
        {"any: [{}]", 4, "at least one"},
        {"all: [{incident.title: x}, {}]", 4, "at least one"},
        {"not: []", 4, "mapping"},
        {"not: {}", 4, "at least one"},
        {"not: incident.title", 4, "mapping"},
        {"any:\n        - incident.title: x\n        - incident.titel: x", 6, "incident.title"},
        {"not:\n        any:\n          - incident.title:\n              contains: x\n              ends: y",
         8, "'ends'"},
        {"time: night", 4, "mapping"},
        {"time: {}", 4, "days, or from"},
        {"time: {zone: Europe/Oslo}", 4, "days, or from"},
        {"time: {zone: Europe/Osl, days: [mon]}", 4, "zone"},
        {"time: {zone: ../../etc/passwd, days: [mon]}", 4, "zone"},
        {"time: {zone: 1, days: [mon]}", 4, "zone"},
        {"time: {days: []}", 4, "days"},
        {"time: {days: mon}", 4, "days"},
        {"time: {days: [monday]}", 4, "mon, tue"},
        {"time: {from: '22:00'}", 4, "together"},
        {"time: {from: '22:00', to: 6}", 4, "together"},
        {"time: {from: '25:00', to: '06:00'}", 4, "HH:MM"},
        {"time: {from: '22:60', to: '06:00'}", 4, "HH:MM"},
        {"time: {from: '24:00', to: '06:00'}", 4, "HH:MM"},
        {"time: {from: '2:00', to: '06:00'}", 4, "HH:MM"},
        {"time: {from: '06:00', to: '06:00'}", 4, "equal"},
        {"time: {from: '06:00', to: '07:00', day: [mon]}", 4, "'day'"},
    };
    char text[2000];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        snprintf(text, sizeof text,
                 "rules:\n  - name: a\n    when:\n      %s\n    then: {team: x}\n", ROWS[i].text);
        refused_at(text, ROWS[i].line, ROWS[i].word);
    }
}

static void consequences(void **state)
{
    static const struct bad ROWS[] = {
        {"teem: x", 5, "teem"},
        {"team: 5", 5, "string"},
        {"team: ''", 5, ""},
        {"team: '{host}'", 5, "match"}, /* text of an incident must not choose a team */
        {"severity: [P1]", 5, "severity"},
        {"severity: 0", 5, "at least 1"},
        {"severity: 6", 5, "at most 5"},
        {"severity: 1.5", 5, "severity"},
        {"urgency: medium", 5, ""},
        {"model: maybe", 5, ""},
        {"stop: 1", 5, "boolean"},
        {"override: true", 5, "override"},
        {"allow: add_note", 5, "array"},
        {"allow: [add_notes]", 5, ""},
        {"allow: [add_note, add_note]", 5, ""},
        {"deny: [delete]", 5, ""},
        {"runbook: wiki", 5, "match"},
        {"runbook: 'javascript:alert(1)'", 5, "match"},
        {"runbook: 'https://wiki/{host}'", 5, "match"},
        {"propose: [{verb: add_note, note: x, why: y}]", 5, "its own allow"},
        {"propose: []", 5, ""},
        {"propose: add_note", 5, "array"},
    };
    static const struct bad PROPOSALS[] = {
        {"{verb: acknowledge, why: y}", 7, "bare acknowledge"},
        {"{verb: add_note, note: x}", 7, "why"},
        {"{verb: add_note, why: y}", 7, "needs note"},
        {"{note: x, why: y}", 7, "verb"},
        {"{verb: snooze, why: y}", 7, ""},
        {"{verb: add_note, note: x, why: y, level: 2}", 7, "not 'level'"},
        {"{verb: add_note, text: x, why: y}", 7, "text"},
        {"{verb: escalate, why: y}", 7, "needs level"},
        {"{verb: escalate, level: 2, policy: PABC, why: y}", 7, "needs level"},
        {"{verb: escalate, level: 0, why: y}", 7, ""},
        {"{verb: escalate, level: up, why: y}", 7, ""},
        {"{verb: escalate, policy: 'P/../x', why: y}", 7, "match"},
        {"{verb: resolve, note: x, why: y}", 7, "not 'note'"},
        {"{verb: add_note, note: 'on {host}', why: y}", 7, "{host}"},
        {"{verb: add_note, note: x, why: '{incident.titel}'}", 7, "did you mean {incident.title}"},
        {"{verb: add_note, note: '{assessment.team}', why: y}", 7, "{assessment.team}"},
        {"{verb: add_note, note: 'a { b', why: y}", 7, "brace"},
        {"{verb: add_note, note: 'a } b', why: y}", 7, "brace"},
        {"{verb: add_note, note: 'a {} b', why: y}", 7, "brace"},
        {"{verb: resolve, resolve_note: '{x}', why: y}", 7, "{x}"},
        {"{verb: acknowledge, why: y}\n        - {verb: acknowledge, why: z}", 7,
         "bare acknowledge"},
    };
    char text[2000];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        snprintf(text, sizeof text, "rules:\n  - name: a\n    when: {}\n    then:\n      %s\n",
                 ROWS[i].text);
        refused_at(text, ROWS[i].line, ROWS[i].word);
    }
    for (i = 0; i < ARRAY_LEN(PROPOSALS); i++) {
        snprintf(
            text, sizeof text,
            "rules:\n  - name: a\n    when: {}\n    then:\n      allow: [acknowledge, add_note, "
            "escalate, resolve]\n      propose:\n        - %s\n",
            PROPOSALS[i].text);
        refused_at(text, PROPOSALS[i].line, PROPOSALS[i].word);
    }
}

static void repeat(char *out, size_t room, const char *head, const char *piece, size_t n,
                   const char *tail)
{
    size_t at = (size_t)snprintf(out, room, "%s", head), i;

    for (i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, room - at, "%s", piece);
    snprintf(out + at, room - at, "%s", tail);
}

/* INV-9: size, depth and count. */
static void limits(void **state)
{
    static const struct {
        const char *head, *piece, *tail, *word;
        size_t n;
    } ROWS[] = {
        {"rules: [{name: a, then: {team: x}, when: {alerts.details.x: [a", ", a", "]}}]", "500",
         500},
        {"rules: [{name: a, then: {team: x}, when: {any: [{incident.title: x}",
         ", {incident.title: x}", "]}}]", "200", 150},
        {"rules: [{name: a, then: {team: x}, when: {incident.title: {matches: 'x", "x", "'}}}]",
         "1000", 1000},
        {"rules: [{name: a, then: {team: x}, when: {incident.title: 'x", "x", "'}}]", "1000", 1000},
        {"rules: [{name: a, then: {team: x}, when: {alerts.details.x", "x", ": y}}]", "long", 300},
        {"rules: [{name: a, when: {}, then: {team: 'x", "x", "'}}]", "", 80},
        {"rules: [{name: a", "a", ", when: {}, then: {team: x}}]", "", 64},
        {"rules: [{name: a, when: {}, then: {allow: [add_note], propose: [{verb: add_note, why: y, note: 'x",
         "x", "'}]}}]", "", 1000},
        {"rules: [{name: a, then: {team: x}, when: {not: ", "{not: ", "", "", 40},
    };
    enum {
        ROOM = 64 * 1024
    };
    char *text = mem_alloc(ROOM);
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        repeat(text, ROOM, ROWS[i].head, ROWS[i].piece, ROWS[i].n, ROWS[i].tail);
        refused_at(text, 1, ROWS[i].word);
    }
    mem_freep(&text);
}

/* A message has room for 256 bytes, and a file may hold anything: nothing of a message depends on luck. */
static void nothing_bad_follows_from_odd_bytes(void **state)
{
    static const char ODD[] =
        "rules:\n  - name: a\n    when: {\"alerts.details.\\u202e~/\\x00\": x}\n    then: {team: x}\n";
    struct rules_file f = {"odd.yaml", ODD, sizeof ODD - 1};
    struct rules *r = NULL;
    struct err e = {0};

    (void)state;
    if (rules_parse(&f, 1, &r, &e) == 0)
        rules_unref(r);
    else
        assert_non_null(strstr(e.msg, "odd.yaml:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files),
        cmocka_unit_test(conditions),
        cmocka_unit_test(consequences),
        cmocka_unit_test(limits),
        cmocka_unit_test(nothing_bad_follows_from_odd_bytes),
    };

    return cmocka_run_group_tests(tests, with_crypto, NULL);
}
