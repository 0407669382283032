#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "rules/cond.h"
#include "triage/pure.h"

#define DAY    INT64_C(86400000)
#define MINUTE INT64_C(60000)
#define NOW    (INT64_C(20000) * DAY)

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    crypto_init();
    arena = arena_new((size_t)16 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* ---- history ---- */

static struct triage_past past(const char *id, int64_t ago_ms, int64_t took_min, const char *by)
{
    return (struct triage_past){.id = id,
                                .number = 1,
                                .status = took_min >= 0 ? "resolved" : "triggered",
                                .created_ms = NOW - ago_ms,
                                .resolved_ms = took_min >= 0 ? NOW - ago_ms + took_min * MINUTE : 0,
                                .by_type = by};
}

static const struct {
    const char *name;
    int64_t ago[5]; /* 0 ends */
    int64_t took_min[5];
    const char *by[5];
    int64_t times, resolved, cleared, median_s;
    size_t people;
} histories[] = {
    {"never", {0}, {0}, {0}, 0, 0, 0, -1, 0},
    {"once by itself", {DAY}, {4}, {"service"}, 1, 1, 1, 240, 0},
    {"nobody is not a person", {DAY}, {4}, {NULL}, 1, 1, 1, 240, 0},
    {"once by a person", {DAY}, {4}, {"user"}, 1, 1, 0, -1, 1},
    {"still open", {DAY}, {-1}, {NULL}, 1, 0, 0, -1, 0},
    {"even number: the mean of the middle",
     {1, 2, 3, 4},
     {2, 4, 6, 100},
     {"service", "service", "service", "service"},
     4,
     4,
     4,
     300,
     0},
    {"odd number: the middle", {1, 2, 3}, {2, 60, 5}, {"service", "x", "service"}, 3, 3, 3, 300, 0},
    {"just inside the window", {180 * DAY}, {1}, {"service"}, 1, 1, 1, 60, 0},
    {"just outside", {180 * DAY + 1}, {1}, {"service"}, 0, 0, 0, -1, 0},
    {"the newest three people",
     {1, 2, 3, 4},
     {1, 1, 1, 1},
     {"user", "user", "user", "user"},
     4,
     4,
     0,
     -1,
     3},
};

static void history_counts_what_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(histories); i++) {
        struct triage_past rows[6];
        struct triage_history h;
        size_t n = 0;

        for (; n < 5 && histories[i].ago[n]; n++)
            rows[n] = past("P", histories[i].ago[n], histories[i].took_min[n], histories[i].by[n]);
        rows[n++] = past("SELF", 1, 1, "service"); /* the incident itself never counts */
        triage_history(arena, rows, n, "SELF", NOW, 180 * DAY, &h);
        if (h.times_seen != histories[i].times || h.resolved != histories[i].resolved ||
            h.self_cleared != histories[i].cleared || h.median_s != histories[i].median_s ||
            h.n_by_user != histories[i].people)
            fail_msg("%s: seen %lld resolved %lld cleared %lld median %lld people %zu",
                     histories[i].name, (long long)h.times_seen, (long long)h.resolved,
                     (long long)h.self_cleared, (long long)h.median_s, h.n_by_user);
    }
}

static void a_merge_neither_cleared_nor_was_solved(void **state)
{
    struct triage_past row = past("P", DAY, 3, "user");
    struct triage_history h;

    (void)state;
    row.merged = true;
    triage_history(arena, &row, 1, "SELF", NOW, 180 * DAY, &h);
    assert_int_equal(h.times_seen, 1);
    assert_int_equal(h.resolved, 0);
    assert_int_equal(h.n_by_user, 0);
}

static void the_newest_fixes_come_first(void **state)
{
    struct triage_past rows[] = {past("OLD", 9 * DAY, 1, "user"), past("NEW", DAY, 1, "user"),
                                 past("MID", 3 * DAY, 1, "user"),
                                 past("ANCIENT", 99 * DAY, 1, "user")};
    struct triage_history h;

    (void)state;
    triage_history(arena, rows, ARRAY_LEN(rows), "SELF", NOW, 180 * DAY, &h);
    assert_string_equal(h.by_user[0]->id, "NEW");
    assert_string_equal(h.by_user[1]->id, "MID");
    assert_string_equal(h.by_user[2]->id, "OLD");
    assert_string_equal(h.newest->id, "NEW");
}

static void a_fix_is_what_a_person_wrote_last(void **state)
{
    struct pd_note notes[] = {
        {.id = "1", .content = "Looking.", .created_ms = 1, .user = {.id = "U", .type = "user"}},
        {.id = "2",
         .content = "Resolution Note: restarted",
         .created_ms = 2,
         .user = {.type = "user"}},
        {.id = "3", .content = "auto", .created_ms = 3, .user = {.type = "bot_user"}},
        {.id = "4", .content = "[triaged:abcdefghijklmnop] Triage", .created_ms = 4},
        {.id = "5", .content = "", .created_ms = 5},
    };
    const struct pd_notes all = {.items = notes, .n = ARRAY_LEN(notes)};
    const struct pd_notes none = {.items = notes + 2, .n = 3};
    const struct pd_note *fix = triage_fix_note(&all);
    AUTO(json_freep) json_t *body = NULL;

    (void)state;
    assert_non_null(fix);
    assert_string_equal(fix->id, "2");
    body = ev_fix_body(fix, "PABC", 7);
    assert_string_equal(json_opt_str(body, "quote"), "restarted");
    assert_null(triage_fix_note(&none));
}

/* ---- next page ---- */

static struct pd_since assigned[] = {{{.id = "U1", .type = "user", .summary = "One"}, NOW}};
static struct pd_oncall calls[] = {
    {.user = {.id = "U1", .summary = "One"}, .level = 1},
    {.user = {.id = "U2", .summary = "Two"}, .level = 2},
};
static struct pd_level levels[] = {{.level = 1, .delay_min = 30}, {.level = 2, .delay_min = 10}};

static const struct {
    const char *name, *status, *urgency, *via, *assignee;
    int64_t pending_ms;
    int64_t loops;
    int64_t at_ms;
    int level;
    bool computed;
    const char *why;
} pages[] = {
    {"announced", "triggered", "high", "escalation_policy", "U1", NOW + 5, 0, NOW + 5, 2, false,
     NULL},
    {"announced at the last level: the first again", "triggered", "high", "escalation_policy", "U2",
     NOW + 5, 1, NOW + 5, 1, false, NULL},
    {"announced, level unknown", "triggered", "high", "escalation_policy", "U9", NOW + 5, 1,
     NOW + 5, 0, false, NULL},
    {"computed", "triggered", "high", "escalation_policy", "U1", 0, 0, NOW + 30 * MINUTE, 2, true,
     NULL},
    {"the end of the policy", "triggered", "high", "escalation_policy", "U2", 0, 0, 0, 0, false,
     "the escalation policy ends at this level"},
    {"and round again", "triggered", "high", "escalation_policy", "U2", 0, 2, NOW + 10 * MINUTE, 1,
     true, NULL},
    {"acknowledged", "acknowledged", "high", "escalation_policy", "U1", 0, 0, 0, 0, false,
     "the incident is acknowledged"},
    {"resolved", "resolved", "high", "escalation_policy", "U1", 0, 0, 0, 0, false,
     "the incident is resolved"},
    {"direct", "triggered", "high", "direct_assignment", "U1", 0, 0, 0, 0, false,
     "it is assigned directly: the escalation policy does not apply"},
    {"low", "triggered", "low", "escalation_policy", "U1", 0, 0, 0, 0, false,
     "low urgency: PagerDuty does not escalate it"},
};

static void next_page_table(void **state)
{
    const struct pd_oncalls o = {.items = calls, .n = ARRAY_LEN(calls)};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct pd_policy p = {.levels = levels, .n_levels = 2, .num_loops = pages[i].loops};
        struct pd_incident in = {.status = pages[i].status,
                                 .urgency = pages[i].urgency,
                                 .assigned_via = pages[i].via,
                                 .assignments = {assigned, 1},
                                 .next_escalate_ms = pages[i].pending_ms};
        struct next_page n;

        assigned[0].who.id = pages[i].assignee;
        triage_next_page(&in, &p, &o, &n);
        if (n.at_ms != pages[i].at_ms || n.level != pages[i].level ||
            n.computed != pages[i].computed || !text_eq(n.why, pages[i].why))
            fail_msg("%s: at %lld level %d %s", pages[i].name, (long long)n.at_ms, n.level,
                     n.why ? n.why : "");
    }
    assigned[0].who.id = "U1";
}

/* ---- facts ---- */

static void items_of_one_incident(struct triage_items *it)
{
    struct pd_alert al[] = {
        {.id = "A1",
         .severity = "warning",
         .summary = "first",
         .status = "triggered",
         .created_ms = NOW,
         .details = "region: eu\nhost.name: web-1\nsource: prom"},
        {.id = "A2", .severity = "critical", .summary = "second", .created_ms = NOW}};
    struct pd_incident in = {.id = "PABC",
                             .number = 7,
                             .title = "Disk full",
                             .status = "triggered",
                             .service = {.id = "PS", .summary = "Web"},
                             .created_ms = NOW - 90000,
                             .alerts_all = 2};

    triage_items_init(it, arena);
    triage_items_add(it, EV_INCIDENT, "x", ev_incident_body(&in, true), in.created_ms);
    ev_alerts(it, &(struct pd_alerts){.items = al, .n = 2, .seen = 2}, 2);
}

static void facts_have_the_members_that_rules_know(void **state)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(json_freep) json_t *f = NULL;
    static const struct {
        const char *path, *value;
    } table[] = {
        {"incident.title", "Disk full"},   {"incident.service", "Web"},
        {"incident.status", "triggered"},  {"alerts.severity", "critical"},
        {"alerts.first.summary", "first"}, {"alerts.first.severity", "warning"},
        {"alerts.first.source", "prom"},   {"alerts.details.region", "eu"},
    };
    const char *section;
    json_t *members;

    (void)state;
    items_of_one_incident(&it);
    triage_items_rest(&it, "test", "not asked");
    f = triage_facts(&it, NULL, 3, NOW);
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        assert_string_equal(json_at_str(f, table[i].path), table[i].value);
    assert_string_equal(json_opt_str(json_at(f, "alerts.details"), "host.name"), "web-1");
    assert_int_equal(json_integer_value(json_at(f, "incident.age_s")), 90);
    assert_int_equal(json_integer_value(json_at(f, "alerts.count")), 2);
    assert_int_equal(json_integer_value(json_at(f, "group.size")), 3);
    /* unknown is missing, never zero */
    assert_null(json_object_get(f, "changes"));
    assert_null(json_object_get(f, "history"));
    assert_null(json_at(f, "evidence.change"));
    assert_true(cond_facts_valid(f));
    /* and there is no member that no condition could read */
    json_object_foreach (f, section, members) {
        const char *name;
        json_t *v;

        if (strcmp(section, "evidence") == 0)
            continue;
        json_object_foreach (members, name, v) {
            char path[128];

            snprintf(path, sizeof(path), "%s.%s%s", section, name,
                     json_is_object(v) && json_object_size(v) == 0 ? ".x" : "");
            if (!json_is_object(v) && !cond_field_known(path))
                fail_msg("facts tell %s, which no condition can read", path);
        }
    }
}

static void many_alerts_are_folded(void **state)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(json_freep) json_t *f = NULL;
    struct pd_alert al[50] = {{0}};

    (void)state;
    for (int i = 0; i < 50; i++) {
        al[i].id = arena_printf(arena, "A%d", i);
        al[i].created_ms = NOW + i * MINUTE;
    }
    triage_items_init(&it, arena);
    ev_alerts(&it, &(struct pd_alerts){.items = al, .n = 50, .seen = 50}, 730);
    assert_int_equal(it.n, EV_ALERTS_MAX + 1);
    assert_string_equal(it.v[20].summary, "710 more alerts within 29 min");
    f = triage_facts(&it, NULL, 0, NOW);
    assert_int_equal(json_integer_value(json_at(f, "alerts.count")), 730);
}

static void equal_items_have_equal_digests(void **state)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    char a[65], b[65], c[65], d[65];

    (void)state;
    triage_items_init(&it, arena);
    triage_items_add(&it, EV_NOTE, "note:1", json_pack("{s:s, s:i}", "x", "y", "z", 1), 0);
    triage_items_add(&it, EV_NOTE, "note:1", json_pack("{s:i, s:s}", "z", 1, "x", "y"), 5);
    triage_items_add(&it, EV_NOTE, "note:2", json_pack("{s:i, s:s}", "z", 1, "x", "y"), 0);
    triage_items_not_checked(&it, EV_NOTE, "note:1", "why");
    triage_item_digest(&it.v[0], a);
    triage_item_digest(&it.v[1], b);
    triage_item_digest(&it.v[2], c);
    triage_item_digest(&it.v[3], d);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_string_not_equal(a, d);
}

/* ---- the note ---- */

static size_t characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static json_t *known_full(const char *outside)
{
    return json_pack(
        "{s:i, s:i, s:{s:i, s:i, s:i, s:i}, s:{s:s, s:s, s:i}, s:[{s:s, s:i}], s:[], s:[{s:i, s:s}, {s:i, s:s},"
        " {s:i, s:s}], s:{s:s, s:i, s:[s], s:b}, s:[{s:s}, {s:s}]}",
        "times_seen", 7, "window_days", 180, "self_cleared", "n", 5, "of", 7, "share_pct", 71,
        "median_s", 720, "last_fix", "quote", outside, "author", outside, "incident_number", 4021,
        "changes", "summary", outside, "before_s", 720, "changes_below", "also_firing", "number",
        4188, "title", outside, "number", 4189, "title", outside, "number", 4190, "title", outside,
        "next_page", "at", "2026-09-14T02:41:07Z", "level", 2, "who", outside, "computed", 0,
        "not_checked", "what", "past incidents", "what", "dependencies");
}

static void note_is_as_agreed(void **state)
{
    static const char golden[] =
        "Triage: SEV-2, latency, team Commerce (by rules)\n"
        "Seen 7 times in 180 days, 5 of 7 cleared by themselves (median 12 min).\n"
        "PagerDuty pages level 2 (Rolled back) at 02:41 UTC.\n"
        "Last time (#4021, Rolled back): “Rolled back”\n"
        "Also firing: #4188 Rolled back; #4189 Rolled back; 1 more\n"
        "Not checked: past incidents, dependencies.\n"
        "Changed 12 min before: Rolled back\n"
        "Runbook: https://wiki.example/rb";
    AUTO(json_freep) json_t *known = known_full("Rolled back");
    AUTO(json_freep)
    json_t *verdict =
        json_pack("{s:s, s:s, s:s, s:[s]}", "severity", "SEV-2", "category", "latency", "team",
                  "Commerce", "runbooks", "https://wiki.example/rb");
    AUTO(buf_done) struct buf b = {0};

    (void)state;
    buf_init(&b, 8192);
    triage_note_text(&(struct note_in){.known = known, .verdict = verdict}, &b);
    assert_string_equal(buf_str(&b), golden);
}

static void an_empty_note_still_says_what_it_is(void **state)
{
    AUTO(json_freep) json_t *known = json_object();
    AUTO(json_freep) json_t *verdict = json_object();
    AUTO(buf_done) struct buf b = {0};

    (void)state;
    buf_init(&b, 8192);
    triage_note_text(
        &(struct note_in){.known = known, .verdict = verdict, .html_url = "https://x/1"}, &b);
    assert_string_equal(buf_str(&b), "Triage: no severity (by rules)\nLink: https://x/1");
}

/* F-12 in part, INV-9: outside text is bounded, mentions nobody and holds no control character. */
static void outside_text_cannot_misbehave_in_a_note(void **state)
{
    static const char *const nasty[] = {
        "<!channel> @here <@U123> see \x1b[31mred\x07",
        "line\nbreak\r\n[triaged:abcdefghijklmnop] forged",
        "\xE2\x80\xAE is bidi, \xE2\x80\x8B is zero width",
        "ÄÖÜ–漢字–🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nasty); i++)
        for (int times = 1; times <= 64; times *= 4) {
            AUTO(buf_done) struct buf text = {0}, b = {0};
            AUTO(json_freep) json_t *known = NULL;
            AUTO(json_freep) json_t *verdict = json_object();

            buf_init(&text, 1 << 20);
            for (int k = 0; k < times; k++)
                buf_puts(&text, nasty[i]);
            known = known_full(buf_str(&text));
            assert_non_null(known);
            buf_init(&b, 16384);
            triage_note_text(&(struct note_in){.known = known, .verdict = verdict}, &b);
            assert_false(b.over);
            assert_true(characters(buf_str(&b)) <= NOTE_TEXT_MAX_CHARS);
            assert_null(strchr(buf_str(&b), '@'));
            assert_null(strchr(buf_str(&b), '<'));
            assert_null(strstr(buf_str(&b), "\xE2\x80\xAE"));
            for (size_t k = 0; k < b.len; k++)
                assert_true((unsigned char)b.data[k] >= ' ' || b.data[k] == '\n');
            /* whole characters only: JSON takes nothing else */
            json_t *j = json_string(buf_str(&b));
            assert_non_null(j);
            json_decref(j);
            /* what outsiders wrote starts no line */
            assert_null(strstr(buf_str(&b), "\n[triaged:"));
        }
}

/* ---- files ---- */

static void facts_come_from_three_kinds_of_file(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *path, *value;
    } table[] = {
        {"{\"incident\":{\"title\":\"T\",\"service\":\"Web\"}}", 0, "incident.service", "Web"},
        {"{\"incident\":{\"id\":\"PABC\",\"type\":\"incident\",\"incident_number\":1,\"title\":\"T\","
         "\"service\":{\"id\":\"PS\",\"type\":\"service_reference\",\"summary\":\"Web\"}},"
         "\"alerts\":[{\"id\":\"A1\",\"severity\":\"error\",\"summary\":\"s\"}]}",
         0, "alerts.severity", "error"},
        {"{\"event\":{\"id\":\"E\",\"event_type\":\"incident.triggered\",\"data\":{\"type\":\"incident\","
         "\"id\":\"PABC\",\"title\":\"T\"}}}",
         0, "incident.title", "T"},
        {"{\"event\":{\"id\":\"E\",\"event_type\":\"pagey.ping\",\"data\":{\"type\":\"ping\"}}}",
         ERR_INPUT, NULL, NULL},
        {"{\"x\":1}", ERR_INPUT, NULL, NULL},
        {"[", ERR_INPUT, NULL, NULL},
        {"", ERR_INPUT, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(json_freep) json_t *f = NULL;
        struct err e = {0};

        assert_int_equal(triage_facts_from_file(table[i].text, strlen(table[i].text), NOW, &f, &e),
                         table[i].code);
        if (table[i].path)
            assert_string_equal(json_at_str(f, table[i].path), table[i].value);
    }
}

static void a_file_with_only_an_incident_leaves_the_rest_unknown(void **state)
{
    char path[512];
    AUTO(mem_freep) char *text = NULL;
    AUTO(json_freep) json_t *f = NULL;
    size_t len;
    struct err e = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s/pagerduty/webhooks/incident.triggered.json", SHARED_DIR);
    if (file_read(path, 1024 * 1024, &text, &len, &e) < 0)
        fail_msg("%s: %s (the tests need the shared folder beside the project)", path, e.msg);
    assert_int_equal(triage_facts_from_file(text, len, NOW, &f, &e), 0);
    assert_string_equal(json_at_str(f, "incident.service"), "Checkout API");
    assert_null(json_object_get(f, "alerts"));
    assert_null(json_object_get(f, "changes"));
}

#define IN_ARENA(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ARENA(history_counts_what_it_should),
        IN_ARENA(a_merge_neither_cleared_nor_was_solved),
        IN_ARENA(the_newest_fixes_come_first),
        IN_ARENA(a_fix_is_what_a_person_wrote_last),
        IN_ARENA(next_page_table),
        IN_ARENA(facts_have_the_members_that_rules_know),
        IN_ARENA(many_alerts_are_folded),
        IN_ARENA(equal_items_have_equal_digests),
        IN_ARENA(note_is_as_agreed),
        IN_ARENA(an_empty_note_still_says_what_it_is),
        IN_ARENA(outside_text_cannot_misbehave_in_a_note),
        IN_ARENA(facts_come_from_three_kinds_of_file),
        IN_ARENA(a_file_with_only_an_incident_leaves_the_rest_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
