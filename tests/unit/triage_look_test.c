/* The look back: figures from structs, what was not read, and the Markdown face. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/look_priv.h"

#define MIN_MS  INT64_C(60000)
#define HOUR_MS (60 * MIN_MS)
#define DAY_MS  (24 * HOUR_MS)
#define NOON_MS INT64_C(1789387200000) /* 2026-09-14T12:00:00Z */

static struct look *look;
static unsigned entries;

static int setup(void **state)
{
    (void)state;
    look = look_new();
    entries = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    look_freep(&look);
    return 0;
}

/* ---- a small world ---- */

struct past {
    int number;
    const char *title;
    int64_t at_ms;    /* after NOON - 1 day */
    int took_min;     /* -1: still open */
    const char *user; /* who resolved it; NULL: the monitor */
    bool merged;
};

static const char *id_of(int number)
{
    static char id[8][16];
    static unsigned at;
    char *out = id[at++ % 8];

    snprintf(out, sizeof id[0], "Q%d", number);
    return out;
}

static int64_t begin_ms(const struct past *p)
{
    return NOON_MS - DAY_MS + p->at_ms;
}

static bool add(const struct past *p)
{
    struct pd_incident in = {.id = id_of(p->number), .number = p->number, .title = p->title};

    in.status = p->took_min < 0 ? "triggered" : "resolved";
    in.service = (struct pd_ref){.id = "PS1", .summary = "Payments"};
    in.created_ms = begin_ms(p);
    in.html_url = "https://x.example/incidents/Q";
    if (p->took_min >= 0)
        in.resolved_ms = in.created_ms + p->took_min * MIN_MS;
    in.last_status_change_by = p->user ? (struct pd_ref){p->user, "user", p->user, NULL}
                                       : (struct pd_ref){"PI1", "service", "Payments", NULL};
    if (p->merged)
        in.resolve_reason = "merge_resolve_reason";
    return look_add_incident(look, &in);
}

static void add_all(const struct past *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(add(&p[i]));
}

static void entry(const char *type, int number, const char *user, int64_t at_ms)
{
    char id[16];
    struct pd_ref who = {user, "user", user, NULL};
    struct pd_log_entry x = {.id = id, .type = type, .at_ms = at_ms};

    snprintf(id, sizeof id, "R%u", ++entries);
    x.incident.id = id_of(number);
    if (strcmp(type, "notify_log_entry") == 0)
        x.user = who;
    else if (strcmp(type, "assign_log_entry") == 0)
        x.assignees = (struct pd_refs){&who, 1};
    assert_true(look_add_log_entry(look, &x));
}

static void notify(int number, const char *user, int64_t at_ms)
{
    entry("notify_log_entry", number, user, at_ms);
}

static json_t *report_in(const char *zone)
{
    struct look_window w = {
        .since_ms = NOON_MS - DAY_MS, .until_ms = NOON_MS, .asked_since_ms = NOON_MS - DAY_MS};
    struct err e = {0};

    w.zone = zone;
    assert_int_equal(look_begin(look, &w, &e), 0);
    return look_report(look, "https://api.pagerduty.com", 7);
}

static int64_t figure(const json_t *report, const char *path)
{
    const json_t *v = json_at(report, path);

    if (!v)
        fail_msg("no %s", path);
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

/* ---- figures ---- */

static void medians_and_ranks(void **state)
{
    static const struct {
        int64_t spans[6];
        size_t n;
        int64_t median, p75;
    } table[] = {
        {{0}, 0, -1, -1},
        {{5}, 1, 5, 5},
        {{9, 1}, 2, 5, 9},
        {{4, 1}, 2, 2, 4}, /* the mean of two, rounded down */
        {{30, 10, 20}, 3, 20, 30},
        {{4, 3, 2, 1}, 4, 2, 3}, /* three in four are over by then */
        {{1, 1, 1, 1, 1, 100}, 6, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        int64_t copy[6];

        memcpy(copy, table[i].spans, sizeof copy);
        assert_int_equal(look_median(copy, table[i].n), table[i].median);
        assert_int_equal(look_rank(copy, table[i].n, 75), table[i].p75);
    }
    assert_int_equal(look_pct(0, 0), 0);
    assert_int_equal(look_pct(1, 3), 33);
    assert_int_equal(look_pct(2, 3), 67);
    assert_int_equal(look_pct(1, 200), 1); /* half rounds up */
}

static void a_page_is_one_person_on_one_incident(void **state)
{
    static const struct past past[] = {{1, "Disk full on db-1", HOUR_MS, 10, "PU1", false}};
    AUTO(json_freep) json_t *r = NULL;

    (void)state;
    add_all(past, ARRAY_LEN(past));
    for (int i = 0; i < 3; i++) /* push, mail, phone */
        notify(1, "PU1", begin_ms(past) + i * MIN_MS);
    notify(1, "PU2", begin_ms(past) + 5 * MIN_MS);
    entry("assign_log_entry", 1, "PU1", begin_ms(past));
    entry("assign_log_entry", 1, "PU1", begin_ms(past) + MIN_MS);
    r = report_in(NULL);
    assert_int_equal(figure(r, "totals.pages"), 2);
    assert_int_equal(figure(r, "totals.notifications"), 4);
    assert_int_equal(figure(r, "totals.people"), 2);
    assert_string_equal(json_at_str(r, "people.rows.0.id"), "PU1");
    assert_int_equal(figure(r, "people.rows.0.notifications"), 3);
    assert_int_equal(figure(r, "people.rows.0.assigned"), 1);
    assert_int_equal(figure(r, "people.rows.1.assigned"), 0);
    assert_int_equal(figure(r, "causes.rows.0.pages"), 2);
}

static void what_was_added_before_counts_once(void **state)
{
    static const struct past past[] = {{1, "Disk full", HOUR_MS, 10, "PU1", false}};
    struct pd_log_entry x = {.id = "R9", .type = "notify_log_entry", .at_ms = NOON_MS - HOUR_MS};
    AUTO(json_freep) json_t *r = NULL;

    (void)state;
    x.incident.id = "Q1";
    x.user = (struct pd_ref){"PU1", "user", "Asha", NULL};
    for (int i = 0; i < 2; i++) {
        add_all(past, 1);
        assert_true(look_add_log_entry(look, &x));
    }
    r = report_in(NULL);
    assert_int_equal(figure(r, "totals.incidents"), 1);
    assert_int_equal(figure(r, "totals.notifications"), 1);
    assert_int_equal(figure(r, "read.incidents"), 1);
    assert_int_equal(figure(r, "read.log_entries"), 1);
}

static void the_night_is_from_22_to_7_in_the_zone(void **state)
{
    static const struct {
        const char *iso, *zone;
        int night;
    } table[] = {
        {"2026-09-13T21:59:59Z", NULL, 0},
        {"2026-09-13T22:00:00Z", NULL, 1},
        {"2026-09-14T06:59:59Z", "", 1},
        {"2026-09-14T07:00:00Z", NULL, 0},
        {"2026-09-13T20:00:00Z", "Europe/Oslo", 1},
        {"2026-09-13T19:59:00Z", "Europe/Oslo", 0},
        {"2026-09-14T05:00:00Z", "Europe/Oslo", 0},
        {"2026-09-13T13:30:00Z", "Asia/Tokyo", 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(json_freep) json_t *r = NULL;
        struct err e;
        int64_t at;

        teardown(state);
        setup(state);
        assert_int_equal(time_parse_iso(table[i].iso, strlen(table[i].iso), &at, &e), 0);
        notify(1, "PU1", at);
        r = report_in(table[i].zone);
        if (figure(r, "totals.night_pages") != table[i].night)
            fail_msg("%s in %s", table[i].iso, table[i].zone ? table[i].zone : "UTC");
        assert_int_equal(figure(r, "totals.pages"), 1);
        assert_int_equal(figure(r, "totals.earlier_pages"), 1); /* nobody told of incident 1 */
    }
}

static void the_window_cuts_incidents_and_log_entries(void **state)
{
    static const struct past past[] = {
        {1, "a", -1, 10, "PU1", false},
        {2, "a", 0, 20, "PU1", false},
        {3, "a", DAY_MS - 1000, -1, NULL, false},
        {4, "a", DAY_MS, -1, NULL, false},
    };
    AUTO(json_freep) json_t *r = NULL;

    (void)state;
    add_all(past, ARRAY_LEN(past));
    notify(1, "PU1", NOON_MS - DAY_MS - 1);
    notify(2, "PU1", NOON_MS - DAY_MS);
    notify(3, "PU1", NOON_MS - 1);
    notify(4, "PU1", NOON_MS);
    r = report_in(NULL);
    assert_int_equal(figure(r, "totals.incidents"), 2);
    assert_int_equal(figure(r, "totals.open"), 1);
    assert_int_equal(figure(r, "totals.oldest_open.number"), 3);
    assert_int_equal(figure(r, "totals.pages"), 2);
    assert_int_equal(figure(r, "read.incidents"), 4);
}

static void self_clearing_with_a_hold_off_and_what_it_would_spare(void **state)
{
    struct past past[16];
    AUTO(json_freep) json_t *r = NULL;
    const char *advice;

    (void)state;
    /* 14 cleared by themselves after 1 .. 14 minutes, one by hand, one merged away: that counts neither way. */
    for (int i = 0; i < 16; i++) {
        past[i] = (struct past){i + 1, "Queue depth 100 on mq-1", i * HOUR_MS, i + 1, NULL, false};
        if (i == 14)
            past[i].user = "PU1";
        if (i == 15)
            past[i].merged = true;
        notify(i + 1, "PU1", begin_ms(&past[i]));
    }
    add_all(past, 16);
    r = report_in(NULL);
    assert_int_equal(figure(r, "self_clearing.all"), 1);
    assert_int_equal(figure(r, "self_clearing.rows.0.self_cleared"), 14);
    assert_int_equal(figure(r, "self_clearing.rows.0.by_person"), 1);
    assert_int_equal(figure(r, "self_clearing.rows.0.merged"), 1);
    assert_int_equal(figure(r, "self_clearing.rows.0.self_cleared_pct"), 93);
    assert_int_equal(figure(r, "self_clearing.rows.0.self_cleared_median_s"), 450);
    assert_int_equal(figure(r, "self_clearing.rows.0.hold_off_s"), 11 * 60); /* 11 of 14 */
    assert_int_equal(figure(r, "self_clearing.rows.0.spared_pages"), 11);
    assert_int_equal(figure(r, "self_clearing.rows.0.pages"), 16);
    advice = json_at_str(r, "suggestions.0.text");
    assert_non_null(strstr(advice,
                           "cleared by itself 14 of 15 times: raise its hold-off to 11 min, "
                           "which would have spared 11 of its 16 pages"));
}

static void two_that_cleared_are_no_habit_and_half_is_one(void **state)
{
    static const struct past past[] = {
        {1, "twice", 0, 3, NULL, false},          {2, "twice", HOUR_MS, 3, NULL, false},
        {3, "half", 0, 3, NULL, false},           {4, "half", HOUR_MS, 3, NULL, false},
        {5, "half", 2 * HOUR_MS, 3, NULL, false}, {6, "half", HOUR_MS, 3, "PU1", false},
        {7, "half", HOUR_MS, 3, "PU1", false},    {8, "half", HOUR_MS, 3, "PU1", false},
        {9, "less", 0, 3, NULL, false},           {10, "less", 0, 3, NULL, false},
        {11, "less", 0, 3, NULL, false},          {12, "less", 0, 3, "PU1", false},
        {13, "less", 0, 3, "PU1", false},         {14, "less", 0, 3, "PU1", false},
        {15, "less", 0, 3, "PU1", false},
    };
    AUTO(json_freep) json_t *r = NULL;

    (void)state;
    add_all(past, ARRAY_LEN(past));
    r = report_in(NULL);
    assert_int_equal(figure(r, "self_clearing.all"), 1);
    assert_string_equal(json_at_str(r, "self_clearing.rows.0.title"), "half");
    assert_int_equal(figure(r, "noisy.all"), 3);
    assert_string_equal(json_at_str(r, "noisy.rows.0.title"), "less");
}

static void times_are_medians_with_n(void **state)
{
    static const struct past past[] = {
        {1, "a", 0, 10, "PU1", false},
        {2, "b", 0, 30, "PU1", false},
        {3, "c", 0, 4, NULL, false},
        {4, "d", 0, 500, "PU1", true},
    };
    AUTO(json_freep) json_t *r = NULL;

    (void)state;
    add_all(past, ARRAY_LEN(past));
    entry("acknowledge_log_entry", 1, NULL, begin_ms(past) + 5 * MIN_MS);
    entry("acknowledge_log_entry", 1, NULL, begin_ms(past) + 2 * MIN_MS); /* the first one counts */
    entry("acknowledge_log_entry", 2, NULL, begin_ms(past) + 4 * MIN_MS);
    r = report_in(NULL);
    assert_int_equal(figure(r, "acknowledged.n"), 2);
    assert_int_equal(figure(r, "acknowledged.median_s"), 180);
    assert_int_equal(figure(r, "resolved.n"), 3);
    assert_int_equal(figure(r, "resolved.median_s"), 600);
    assert_int_equal(figure(r, "resolved.by_person.n"), 2);
    assert_int_equal(figure(r, "resolved.by_person.median_s"), 1200);
    assert_int_equal(figure(r, "longest.number"), 2);
}

/* ---- notes ---- */

static struct pd_note note(const char *type, const char *name, const char *text, int64_t at_ms)
{
    return (struct pd_note){
        .id = "N1", .user = {name, type, name, NULL}, .content = text, .created_ms = at_ms};
}

static void begin_plain(void)
{
    struct look_window w = {
        .since_ms = NOON_MS - DAY_MS, .until_ms = NOON_MS, .asked_since_ms = NOON_MS - DAY_MS};
    struct err e = {0};

    assert_int_equal(look_begin(look, &w, &e), 0);
}

static void the_fix_is_the_newest_persons_note_on_the_newest_that_has_one(void **state)
{
    static const struct past past[] = {
        {1, "Lag 5 s", 0, 600, "PU1", false}, /* the longest: its notes are asked for first */
        {2, "Lag 6 s", HOUR_MS, 10, "PU1", false},    {3, "Lag 7 s", 2 * HOUR_MS, 10, "PU2", false},
        {4, "Lag 8 s", 3 * HOUR_MS, 10, NULL, false}, {5, "Lag 9 s", 4 * HOUR_MS, 10, "PU1", false},
    };
    struct pd_note bots[] = {note("bot_user", "Bot", "I did it", 9),
                             note("user", "Asha", "[triaged:x] our own", 8)};
    struct pd_note real[] = {note("user", "Bo", "Looking.", 5),
                             note("user", "Bo", "Resolution Note: Restarted\nbroker 2", 7),
                             note("bot_user", "Bot", "later", 9)};
    AUTO(json_freep) json_t *r = NULL;

    (void)state;
    add_all(past, ARRAY_LEN(past));
    for (int i = 1; i <= 5; i++)
        if (i != 5) /* on 5 nobody ever wrote: it is not asked for */
            entry("annotate_log_entry", i, NULL, begin_ms(&past[i - 1]) + MIN_MS);
    begin_plain();
    assert_string_equal(look_next_notes(look), "Q1");
    look_add_notes(look, "Q1", &(struct pd_notes){0}, NULL);
    assert_string_equal(look_next_notes(look), "Q3");
    look_add_notes(look, "Q3", &(struct pd_notes){.items = bots, .n = 2}, NULL);
    assert_string_equal(look_next_notes(look), "Q2");
    look_add_notes(look, "Q2", &(struct pd_notes){.items = real, .n = 3}, NULL);
    assert_null(look_next_notes(look));
    r = look_report(look, "https://api.pagerduty.com", 7);
    assert_string_equal(json_at_str(r, "repeats.rows.0.fix.quote"), "Restarted broker 2");
    assert_string_equal(json_at_str(r, "repeats.rows.0.fix.author"), "Bo");
    assert_int_equal(figure(r, "repeats.rows.0.fix.incident_number"), 2);
    assert_int_equal(figure(r, "repeats.rows.0.notes_looked_at"), 3);
    assert_int_equal(figure(r, "repeats.rows.0.by_person"), 4);
    assert_true(json_opt_bool(json_object_get(r, "read"), "complete", false));
}

static void notes_that_cannot_be_read_are_named_and_never_called_missing(void **state)
{
    static const struct past past[] = {
        {1, "Lag", 0, 9, "PU1", false},
        {2, "Lag", HOUR_MS, 8, "PU1", false},
        {3, "Lag", 2 * HOUR_MS, 7, "PU1", false},
    };
    AUTO(json_freep) json_t *r = NULL;
    AUTO(mem_freep) char *text = NULL;
    const char *id;
    size_t len, asked = 0;

    (void)state;
    add_all(past, ARRAY_LEN(past));
    for (int i = 1; i <= 3; i++)
        entry("annotate_log_entry", i, NULL, begin_ms(&past[i - 1]) + MIN_MS);
    begin_plain();
    while ((id = look_next_notes(look)) != NULL && asked++ < 10)
        look_add_notes(look, id, NULL, "HTTP 403");
    assert_int_equal(asked, 3);
    r = look_report(look, "https://api.pagerduty.com", 7);
    assert_true(json_is_null(json_at(r, "repeats.rows.0.fix")));
    assert_false(json_opt_bool(json_object_get(r, "read"), "complete", true));
    assert_string_equal(json_at_str(r, "read.not_read.0.what"), "notes of #1");
    text = json_canon(json_object_get(r, "suggestions"), &len);
    assert_null(strstr(text, "no note")); /* what was not read does not say that there is none */
}

static void without_log_entries_their_figures_are_null(void **state)
{
    static const char *const unknown[] = {"causes",
                                          "night",
                                          "people",
                                          "acknowledged",
                                          "totals.pages",
                                          "totals.night_pages",
                                          "totals.people",
                                          "noisy.rows.0.pages",
                                          "noisy.rows.0.spared_pages"};
    static const struct past past[] = {{1, "Lag", 0, 9, "PU1", false},
                                       {2, "Lag", HOUR_MS, 9, "PU1", false}};
    AUTO(json_freep) json_t *r = NULL;

    (void)state;
    add_all(past, ARRAY_LEN(past));
    notify(1, "PU1", begin_ms(past));
    look_no_log_entries(look, "HTTP 403");
    r = report_in(NULL);
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        if (!json_is_null(json_at(r, unknown[i])))
            fail_msg("%s is not null", unknown[i]);
    assert_int_equal(figure(r, "noisy.rows.0.incidents"), 2);
    assert_string_equal(look_next_notes(look), "Q1"); /* nothing says that there are no notes */
    assert_false(json_opt_bool(json_object_get(r, "read"), "complete", true));
}

/* ---- limits ---- */

static void the_cap_is_told_and_nothing_more_is_taken(void **state)
{
    struct past p = {0, "x", 0, 5, NULL, false};

    (void)state;
    for (p.number = 1; p.number <= LOOK_INCIDENTS_MAX; p.number++)
        assert_true(add(&p));
    assert_false(add(&p));
    p.number = 1; /* known already */
    assert_true(add(&p));
    assert_int_equal(look_incidents(look), LOOK_INCIDENTS_MAX);
}

static void a_long_timeline_keeps_both_ends(void **state)
{
    static const struct past past[] = {{1, "Lag", 0, 600, "PU1", false}};
    struct pd_log_entry steps[100] = {0};
    AUTO(json_freep) json_t *r = NULL;
    const json_t *rows;

    (void)state;
    add_all(past, 1);
    begin_plain();
    for (int i = 0; i < 100; i++) {
        steps[i].id = "R";
        steps[i].type = i == 0 ? "trigger_log_entry" : "notify_log_entry";
        steps[i].summary = "step";
        steps[i].at_ms = begin_ms(past) + i * MIN_MS;
    }
    look_add_timeline(look, &(struct pd_log_entries){.items = steps, .n = 100});
    r = look_report(look, "https://api.pagerduty.com", 7);
    rows = json_at(r, "longest.timeline");
    assert_int_equal(json_array_size(rows), LOOK_TIMELINE);
    assert_int_equal(figure(r, "longest.left_out"), 100 - LOOK_TIMELINE);
    assert_string_equal(json_opt_str(json_array_get(rows, 0), "what"), "trigger");
    assert_int_equal(json_opt_int(json_array_get(rows, 19), "after_s", -1), 19 * 60);
    assert_int_equal(json_opt_int(json_array_get(rows, 20), "after_s", -1), 80 * 60);
    assert_int_equal(json_opt_int(json_array_get(rows, 39), "after_s", -1), 99 * 60);
}

static void ids_that_are_none_and_absent_texts_do_no_harm(void **state)
{
    struct pd_incident bare = {.id = "Q1", .created_ms = NOON_MS - HOUR_MS, .status = "resolved"};
    struct pd_log_entry odd = {.id = "R1", .type = "notify_log_entry", .at_ms = NOON_MS - 1};
    struct look_window w = {.since_ms = NOON_MS - DAY_MS, .until_ms = NOON_MS};
    AUTO(json_freep) json_t *r = NULL;
    struct err e = {0};

    (void)state;
    assert_true(look_add_incident(look, &bare));
    assert_true(look_add_log_entry(look, &odd));
    odd.id = "R2";
    odd.incident.id = "../../x";
    odd.user.id = "PU1";
    assert_true(look_add_log_entry(look, &odd));
    odd.id = "R3";
    odd.type = NULL;
    odd.incident.id = "Q1";
    assert_true(look_add_log_entry(look, &odd));
    w.zone = "Mars/Phobos";
    assert_int_equal(look_begin(look, &w, &e), ERR_INPUT);
    r = report_in(NULL);
    assert_int_equal(figure(r, "totals.pages"), 0);
    assert_string_equal(json_at_str(r, "noisy.rows.0.title"), "(no title)");
    assert_true(json_is_null(json_object_get(r, "longest"))); /* when it ended is not known */
}

static void an_empty_account_is_told_as_empty(void **state)
{
    AUTO(json_freep) json_t *r = NULL;
    AUTO(buf_done) struct buf b = {0};

    (void)state;
    r = report_in(NULL);
    assert_int_equal(figure(r, "totals.incidents"), 0);
    assert_int_equal(figure(r, "acknowledged.median_s"), -1);
    assert_int_equal(json_array_size(json_object_get(r, "suggestions")), 0);
    buf_init(&b, 65536);
    look_markdown(r, &b);
    assert_non_null(strstr(buf_str(&b), "None."));
}

/* ---- Markdown ---- */

static void markdown_takes_no_markup_from_outside(void **state)
{
    static const struct {
        const char *title, *bad;
    } table[] = {
        {"a|b", " a|b"},
        {"[x](https://evil.example)", "[x]("},
        {"see https://evil.example/now", "https://evil"},
        {"see www.evil.example", "www.evil"},
        {"<script>alert(1)</script>", "<script"},
        {"@channel wake up", "@channel"},
        {"**bold** _it_ `code` ~~x~~", "**bold"},
        {"&lt;b&gt;", " &lt;b"},
        {"a\nb\x1b[2J", "\x1b"},
        {"\\", " \\ |"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct past p = {1, table[i].title, 0, 5, "PU1", false};
        AUTO(json_freep) json_t *r = NULL;
        AUTO(buf_done) struct buf b = {0};

        teardown(state);
        setup(state);
        assert_true(add(&p));
        notify(1, "PU1", begin_ms(&p));
        r = report_in(NULL);
        buf_init(&b, 65536);
        look_markdown(r, &b);
        assert_false(b.over);
        if (strstr(buf_str(&b), table[i].bad))
            fail_msg("%s: %s", table[i].title, buf_str(&b));
        assert_non_null(strstr(buf_str(&b), "[#1](https://x.example/incidents/Q)"));
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(medians_and_ranks),
        T(a_page_is_one_person_on_one_incident),
        T(what_was_added_before_counts_once),
        T(the_night_is_from_22_to_7_in_the_zone),
        T(the_window_cuts_incidents_and_log_entries),
        T(self_clearing_with_a_hold_off_and_what_it_would_spare),
        T(two_that_cleared_are_no_habit_and_half_is_one),
        T(times_are_medians_with_n),
        T(the_fix_is_the_newest_persons_note_on_the_newest_that_has_one),
        T(notes_that_cannot_be_read_are_named_and_never_called_missing),
        T(without_log_entries_their_figures_are_null),
        T(the_cap_is_told_and_nothing_more_is_taken),
        T(a_long_timeline_keeps_both_ends),
        T(ids_that_are_none_and_absent_texts_do_no_harm),
        T(an_empty_account_is_told_as_empty),
        T(markdown_takes_no_markup_from_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
