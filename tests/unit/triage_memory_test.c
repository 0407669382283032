/* The memory: what is kept of an incident that is over, what is found again, and the backfill that fills it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "triage/backfill.h"
#include "triage/memory.h"
#include "triage_test.h"

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

static void begin(void)
{
    bench_pass();
    OK(store_tx_begin(bench.store, e));
}

static void end(void)
{
    OK(store_tx_commit(bench.store, e));
}

/* An incident that is over; fix NULL: nobody said how. */
static void remember(const char *id, int64_t at_ms, const char *service, const char *title,
                     const char *alerts, const char *fix)
{
    struct memory_row m = {.incident_id = id,
                           .number = at_ms / HOUR % 100000,
                           .service_id = service,
                           .service = "Some Service",
                           .title = title,
                           .alerts = alerts,
                           .created_ms = at_ms,
                           .resolved_ms = at_ms + 720000,
                           .by_type = fix ? "user" : "service",
                           .by_name = fix ? "Bo Lindqvist" : NULL};
    const struct pd_note note = {
        .id = "N1",
        .user = {.id = "PUBOLIN", .summary = "Bo Lindqvist", .type = "user"},
        .content = fix,
        .created_ms = at_ms + 600000};
    struct pd_note notes[1] = {note};
    const struct pd_notes list = {.items = notes, .n = fix ? 1 : 0};

    begin();
    m.symptom = triage_symptom(bench.pass.arena, title);
    m.fix = memory_fix(&m, &list, bench.pass.arena);
    OK(memory_put(&bench.pass, &m, e));
    end();
}

/* What is found for an incident of that title, as the items' bodies in their order. */
static json_t *found_for(const char *id, int64_t at_ms, const char *service, const char *title)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    struct incident_row row = {.id = id,
                               .title = title,
                               .service_id = service,
                               .created_ms = at_ms,
                               .status = "triggered"};
    json_t *list = json_array();

    begin();
    row.symptom = triage_symptom(bench.pass.arena, title);
    triage_items_init(&it, bench.pass.arena);
    triage_items_not_checked(&it, EV_MEMORY, "own store", "not looked yet");
    OK(memory_items(&bench.pass, &row, &it, e));
    for (size_t i = 0; i < it.n; i++) {
        assert_string_equal(it.v[i].kind, EV_MEMORY);
        assert_true(it.v[i].ok);
        json_array_append(list, it.v[i].body);
    }
    end();
    return list;
}

static const char *nth(const json_t *list, size_t i, const char *member)
{
    return json_opt_str(json_array_get(list, i), member);
}

static void an_equal_symptom_comes_first_and_is_quoted_with_author_and_date(void **state)
{
    AUTO(json_freep) json_t *list = NULL;

    (void)state;
    remember("QOLD", T0 - 3 * DAY, "PSA", "Disk 91% full on parceldb-03", "",
             "Cleared the archive folder");
    remember("QNEAR", T0 - 2 * DAY, "PSB", "Disk 88% full on labeldb-01", "parceldb", NULL);
    remember("QSELF", T0 - DAY, "PSA", "Disk 95% full on parceldb-07", "", NULL);
    remember("QOTHER", T0 - HOUR, "PSA", "Certificate of shop runs out", "", NULL);
    list = found_for(INCIDENT, T0, "PSA", "Disk 97% full on parceldb-01");
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(nth(list, 0, "incident_id"), "QSELF"); /* newest of the equal ones */
    assert_string_equal(nth(list, 0, "ended_by"), "itself");
    assert_null(json_opt_obj(json_array_get(list, 0), "fix"));
    assert_string_equal(nth(list, 1, "incident_id"), "QOLD");
    assert_true(json_opt_bool(json_array_get(list, 1), "same_symptom", false));
    assert_int_equal(json_opt_int(json_array_get(list, 1), "took_s", 0), 720);
    assert_string_equal(json_at_str(list, "1.fix.quote"), "Cleared the archive folder");
    assert_string_equal(json_at_str(list, "1.fix.author"), "Bo Lindqvist");
    assert_int_equal(json_opt_int(json_at(list, "1.fix"), "at_ms", 0), T0 - 3 * DAY + 600000);
    assert_string_equal(nth(list, 2, "incident_id"), "QNEAR");
    assert_false(json_opt_bool(json_array_get(list, 2), "same_symptom", true));
}

static void neither_itself_nor_later_ones_nor_merged_ones_are_found(void **state)
{
    AUTO(json_freep) json_t *list = NULL;
    struct memory_row m = {.incident_id = "QMERGED",
                           .service_id = "PSA",
                           .service = "S",
                           .symptom = "broker down",
                           .title = "Broker down",
                           .created_ms = T0 - DAY,
                           .merged = true};

    (void)state;
    remember(INCIDENT, T0, "PSA", "Broker down", "", "restarted");
    remember("QLATER", T0 + HOUR, "PSA", "Broker down", "", "restarted");
    begin();
    OK(memory_put(&bench.pass, &m, e));
    end();
    list = found_for(INCIDENT, T0, "PSA", "Broker down");
    assert_int_equal(json_array_size(list), 0);
}

static void three_places_are_for_those_that_somebody_fixed(void **state)
{
    AUTO(json_freep) json_t *list = NULL;
    size_t fixed = 0;
    char id[16];

    (void)state;
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "Q%03d", i);
        remember(id, T0 - DAY - i * HOUR, "PSA", "Broker down", "",
                 i >= 30 ? "Restarted it" : NULL);
    }
    list = found_for(INCIDENT, T0, "PSA", "Broker down");
    assert_int_equal(json_array_size(list), MEMORY_FOUND_MAX);
    for (size_t i = 0; i < MEMORY_FOUND_MAX; i++)
        fixed += json_opt_obj(json_array_get(list, i), "fix") != NULL;
    assert_int_equal(fixed, 3);
    assert_string_equal(nth(list, 0, "incident_id"), "Q000");
    assert_string_equal(nth(list, 2, "incident_id"), "Q030");
}

static void a_later_note_is_told_and_what_was_not_read_again_stays(void **state)
{
    struct memory_row m = {.incident_id = "QONE",
                           .service_id = "PSA",
                           .service = "S",
                           .symptom = "s",
                           .title = "Queue long",
                           .alerts = "backlog consumer",
                           .notes = "",
                           .created_ms = T0,
                           .by_type = "user",
                           .by_name = "Bo"};
    struct memory_row got;

    (void)state;
    begin();
    OK(memory_put(&bench.pass, &m, e));
    m.alerts = NULL;
    m.notes = "Scaled the consumers";
    m.fix = "{\"quote\":\"Scaled the consumers\"}";
    m.by_type = NULL;
    OK(memory_put(&bench.pass, &m, e));
    OK(memory_get(&bench.pass, "QONE", &got, e));
    assert_string_equal(got.alerts, "backlog consumer");
    assert_string_equal(got.notes, "Scaled the consumers");
    assert_string_equal(got.by_name, "Bo");
    assert_non_null(got.fix);
    end();

    AUTO(json_freep) json_t *list = found_for(INCIDENT, T0 + DAY, "PSB", "consumers scaled");
    assert_int_equal(json_array_size(list), 0); /* only notes are alike: another trouble */
}

static void incidents_of_one_second_have_numbers_of_their_own(void **state)
{
    struct memory_row a, b;

    (void)state;
    remember("QA", T0, "PSA", "Broker down", "", NULL);
    remember("QB", T0, "PSA", "Broker down", "", NULL);
    begin();
    OK(memory_get(&bench.pass, "QA", &a, e));
    OK(memory_get(&bench.pass, "QB", &b, e));
    assert_true(a.id != b.id && a.id >= memory_id(T0) && b.id < memory_id(T0 + 1));
    end();
}

static void what_is_found_is_not_searched_for_again_within_five_minutes(void **state)
{
    AUTO(json_freep) json_t *first = NULL;
    AUTO(json_freep) json_t *second = NULL;
    AUTO(json_freep) json_t *third = NULL;

    (void)state;
    first = found_for(INCIDENT, T0, "PSA", "Broker down");
    remember("QOLD", T0 - DAY, "PSA", "Broker down", "", "Restarted it");
    second = found_for(INCIDENT, T0, "PSA", "Broker down");
    bench.now += 301000;
    third = found_for(INCIDENT, T0, "PSA", "Broker down");
    assert_int_equal(json_array_size(first), 0);
    assert_int_equal(json_array_size(second), 0);
    assert_int_equal(json_array_size(third), 1);
}

static void words_are_those_of_the_text_without_numbers_and_names_of_details(void **state)
{
    AUTO(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    struct memory_words w = {0};

    (void)state;
    memory_words_add(&w, a, "Disk 91% FULL on parceldb-03: disk \"full\" OR x");
    memory_words_add_details(
        &w, a, "host: parceldb-03.lumen.example\nvalue: 91\nnothing\nregion: eu-north");
    assert_string_equal(memory_words_text(&w, a), "disk full parceldb lumen example north");
}

/* ---- resolve time and known ---- */

static void resolve_time_is_by_nearest_rank_over_all_that_are_over_and_not_merged(void **state)
{
    static const int64_t minutes[] = {40, 10, 20, 30, 7, 1000, 5};
    AUTO(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    AUTO(json_freep) json_t *body = NULL;
    struct triage_past rows[ARRAY_LEN(minutes)] = {{0}};
    struct triage_history h;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(minutes); i++)
        rows[i] = (struct triage_past){.id = "Q",
                                       .status = "resolved",
                                       .created_ms = T0 - DAY,
                                       .resolved_ms = T0 - DAY + minutes[i] * 60000,
                                       .by_type = i % 2 ? "user" : "service"};
    rows[5].merged = true;
    rows[6].status = "acknowledged";
    triage_history(a, rows, ARRAY_LEN(rows), INCIDENT, T0, 30 * DAY, &h);
    assert_int_equal(h.took_n, 5); /* 7 10 20 30 40 */
    assert_int_equal(h.took_median_s, 20 * 60);
    assert_int_equal(h.took_p25_s, 10 * 60);
    assert_int_equal(h.took_p75_s, 30 * 60);
    body = ev_similar_body(&h, 30 * DAY, true);
    assert_int_equal(json_opt_int(json_opt_obj(body, "took"), "n", 0), 5);
}

static void known_tells_similar_ones_in_order_and_the_note_says_how_long_it_takes(void **state)
{
    AUTO(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(json_freep) json_t *known = NULL;
    AUTO(json_freep) json_t *verdict = json_object();
    AUTO(buf_done) struct buf note = {0};

    (void)state;
    triage_items_init(&it, a);
    triage_items_add(&it, EV_MEMORY, "memory:Q2",
                     json_pack("{s:s, s:s, s:i, s:s, s:s, s:I, s:i}", "summary", "x", "incident_id",
                               "Q2", "number", 2, "title", "second \x1b[31m", "service", "S",
                               "at_ms", (json_int_t)T0, "rank", 2),
                     T0);
    triage_items_add(&it, EV_MEMORY, "memory:Q1",
                     json_pack("{s:s, s:s, s:i, s:s, s:s, s:I, s:i, s:i, s:{s:s, s:s, s:I}}",
                               "summary", "x", "incident_id", "Q1", "number", 1, "title", "first",
                               "service", "S", "at_ms", (json_int_t)T0, "rank", 1, "took_s", 60,
                               "fix", "quote", "did it", "author", "Bo", "at_ms", (json_int_t)T0),
                     T0);
    triage_items_add(&it, EV_SIMILAR, "history:PSA",
                     json_pack("{s:i, s:i, s:i, s:i, s:{s:i, s:i, s:i, s:i}}", "days", 180,
                               "times_seen", 9, "resolved", 9, "self_cleared", 0, "took", "n", 9,
                               "median_s", 720, "p25_s", 420, "p75_s", 1500),
                     0);
    for (size_t i = 0; i < it.n; i++)
        it.v[i].num = (int64_t)i + 1;
    known = triage_known(&it);
    assert_string_equal(json_at_str(known, "similar.0.incident_id"), "Q1");
    assert_string_equal(json_at_str(known, "similar.0.fix.author"), "Bo");
    assert_string_equal(json_at_str(known, "similar.1.incident_id"), "Q2");
    assert_null(strchr(json_at_str(known, "similar.1.title"), '\x1b'));
    assert_int_equal(json_opt_int(json_opt_obj(known, "resolve_time"), "median_s", 0), 720);
    assert_string_equal(json_at_str(known, "evidence.resolve_time.0"), "E3");
    buf_init(&note, 8192);
    triage_note_text(&(struct note_in){.known = known, .verdict = verdict}, &note);
    assert_non_null(strstr(buf_str(&note), "Usually over in 12 min (7 min to 25 min, n=9)."));
    /* The card and the note tell the same memory. */
    assert_non_null(strstr(buf_str(&note), "\nLike #1 (S, Bo): “did it”"));
}

static void nothing_looked_for_is_null_and_nothing_found_is_empty(void **state)
{
    AUTO(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(json_freep) json_t *empty = NULL;
    AUTO(json_freep) json_t *unknown = NULL;

    (void)state;
    triage_items_init(&it, a);
    empty = triage_known(&it);
    triage_items_not_checked(&it, EV_MEMORY, "own store", "not yet");
    unknown = triage_known(&it);
    assert_true(json_is_array(json_object_get(empty, "similar")));
    assert_true(json_is_null(json_object_get(unknown, "similar")));
}

/* ---- backfill ---- */

#define LIST_HEAD "{\"limit\":100,\"offset\":0,\"more\":false,"
static char incidents_body[4096];

static const struct canned past_world[] = {
    {"/log_entries?", 0, 200,
     LIST_HEAD
     "\"log_entries\":[{\"id\":\"L1\",\"type\":\"annotate_log_entry\",\"created_at\":\"2026-09-12T03:00:00Z\","
     "\"incident\":{\"id\":\"QFIXED\",\"type\":\"incident_reference\"}},"
     "{\"id\":\"L2\",\"type\":\"resolve_log_entry\",\"created_at\":\"2026-09-12T03:00:00Z\",\"note\":\"Said at the end\","
     "\"incident\":{\"id\":\"QSAID\",\"type\":\"incident_reference\"}}]}"},
    {"/notes", 0, 200,
     "{\"notes\":[{\"id\":\"N1\",\"user\":{\"id\":\"PUBO\",\"type\":\"user_reference\",\"summary\":\"Bo\"},"
     "\"content\":\"Grew the volume\",\"created_at\":\"2026-09-12T03:00:00Z\"}]}"},
    {"/alerts", 0, 200,
     LIST_HEAD
     "\"alerts\":[{\"id\":\"A1\",\"summary\":\"parceldb volume short of space\",\"status\":\"resolved\"}]}"},
    {"/incidents?", 0, 200, incidents_body},
    {NULL, 0, 0, NULL}};

static void incident_json(struct buf *b, const char *id, int number, const char *at,
                          const char *status, const char *by)
{
    buf_printf(
        b,
        "%s{\"id\":\"%s\",\"incident_number\":%d,\"title\":\"Volume short\",\"status\":\"%s\",\"created_at\":\"%s\","
        "\"resolved_at\":\"%s\",\"service\":{\"id\":\"PSA\",\"summary\":\"Parcel Database\"},"
        "\"last_status_change_by\":{\"id\":\"PUBO\",\"type\":\"%s_reference\",\"summary\":\"Bo\"}}",
        number > 1 ? "," : "", id, number, status, at, at, by);
}

static void world_of_four(void)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, sizeof(incidents_body));
    buf_puts(&b, LIST_HEAD "\"incidents\":[");
    incident_json(&b, "QFIXED", 1, "2026-09-12T02:00:00Z", "resolved", "user");
    incident_json(&b, "QSAID", 2, "2026-09-12T02:05:00Z", "resolved", "user");
    incident_json(&b, "QSELF", 3, "2026-09-12T02:10:00Z", "resolved", "service");
    incident_json(&b, "QOPEN", 4, "2026-09-12T02:20:00Z", "triggered", "service");
    buf_puts(&b, "]}");
    assert_false(b.over);
    memcpy(incidents_body, buf_str(&b), b.len + 1);
    bench.answers[0] = past_world;
    bench.cfg.pagerduty.per_minute = 100000;
}

static json_t *backfill_start(int64_t since_s)
{
    json_t *j = NULL;

    begin();
    OK(triage_backfill_start(&bench.pass, since_s, "local", &j, e));
    end();
    return j;
}

static json_t *backfill_status(void)
{
    struct triage_reader *r = NULL;
    json_t *j = NULL;

    OK(triage_reader_open(bench.store, &r, e));
    OK(triage_backfill_status(r, &j, e));
    triage_reader_close(r);
    return j;
}

static void backfill_run(void)
{
    for (int i = 0; i < 400; i++) {
        AUTO(json_freep) json_t *j = backfill_status();

        bench_drain();
        if (!text_eq(json_opt_str(j, "state"), "running"))
            return;
        bench.now += 1000;
    }
    fail_msg("the backfill does not end");
}

static int64_t rows(const char *table)
{
    const struct store_sql count[] = {{"test.count", table}};
    struct store_set *set = NULL;
    struct store_stmt *q;
    int64_t n = -1;

    OK(store_prepare(bench.store, count, 1, &set, e));
    q = store_begin(set, 0);
    struct err e = {0};
    if (store_step(q, &e) > 0)
        n = store_int(q, 0);
    store_reset(q);
    return n;
}

static void a_backfill_remembers_what_is_over_and_proposes_nothing(void **state)
{
    AUTO(json_freep) json_t *started = NULL;
    AUTO(json_freep) json_t *j = NULL;
    AUTO(json_freep) json_t *list = NULL;

    (void)state;
    world_of_four();
    started = backfill_start(20 * 86400);
    assert_string_equal(json_opt_str(started, "state"), "running");
    backfill_run();
    j = backfill_status();
    assert_string_equal(json_opt_str(j, "state"), "done");
    assert_int_equal(json_opt_int(j, "found", 0), 4);
    assert_int_equal(json_opt_int(j, "remembered", 0), 3);
    assert_int_equal(json_opt_int(j, "open", 0), 1);
    assert_int_equal(json_opt_int(j, "fixes", 0), 2);
    assert_int_equal(json_opt_int(j, "done_pct", 0), 100);
    assert_int_equal(rows("SELECT count(*) FROM memory"), 3);
    assert_int_equal(rows("SELECT count(*) FROM past_incident"), 4);
    assert_int_equal(rows("SELECT count(*) FROM incident"), 0);
    assert_int_equal(rows("SELECT count(*) FROM backfill_item"), 0);
    assert_int_equal(
        rows("SELECT count(*) FROM audit WHERE verb IN ('backfill.started', 'backfill.ended')"), 2);
    assert_int_equal(bench.n_gate, 0);
    assert_false(bench_was_asked("QSELF/notes")); /* the log says that there are none */
    assert_false(bench_was_asked("QOPEN/alerts"));
    assert_false(bench_was_asked("past_incidents"));
    list = found_for(INCIDENT, T0, "PSA", "Volume short");
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(json_at_str(list, "0.incident_id"), "QSELF");
    assert_string_equal(json_at_str(list, "1.fix.quote"), "Said at the end");
    assert_string_equal(json_at_str(list, "2.fix.quote"), "Grew the volume");
}

static void a_second_backfill_asks_only_for_what_the_memory_lacks(void **state)
{
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    world_of_four();
    json_decref(backfill_start(20 * 86400));
    backfill_run();
    bench.n_asked = 0;
    json_decref(backfill_start(20 * 86400));
    backfill_run();
    j = backfill_status();
    assert_int_equal(json_opt_int(j, "known", 0), 3);
    assert_int_equal(json_opt_int(j, "remembered", -1), 0);
    assert_false(bench_was_asked("/alerts"));
    assert_int_equal(rows("SELECT count(*) FROM memory"), 3);
}

static void only_one_runs_and_it_can_be_stopped(void **state)
{
    AUTO(json_freep) json_t *stopped = NULL;
    json_t *none = NULL;
    struct err bad = {0};

    (void)state;
    world_of_four();
    json_decref(backfill_start(400 * 86400));
    begin();
    assert_int_equal(triage_backfill_start(&bench.pass, 86400, "local", &none, &bad), ERR_CONFLICT);
    OK(triage_backfill_stop(&bench.pass, "person:1", &stopped, e));
    bad = (struct err){0};
    assert_int_equal(triage_backfill_stop(&bench.pass, "person:1", &none, &bad), ERR_CONFLICT);
    end();
    assert_string_equal(json_opt_str(stopped, "state"), "stopped");
    backfill_run();
    assert_int_equal(rows("SELECT count(*) FROM backfill_item"), 0);
    assert_int_equal(bench.n_asked, 0);
}

static const struct canned endless[] = {
    {"/log_entries?", 0, 200, LIST_HEAD "\"log_entries\":[]}"},
    {"offset=9900", 0, 200,
     "{\"limit\":100,\"offset\":9900,\"more\":true,\"incidents\":[{\"id\":\"QX\",\"title\":\"t\"}]}"},
    {"since=2026-09-10T", 0, 200, LIST_HEAD "\"incidents\":[]}"}, /* a half of seven days: few */
    {"/incidents?", 0, 200,
     "{\"limit\":100,\"offset\":0,\"more\":true,\"incidents\":[{\"id\":\"QX\",\"title\":\"t\"}]}"},
    {NULL, 0, 0, NULL}};

/* "more" on each page of 100 up to PagerDuty's limit: the window must be halved, and no offset goes over it. */
static void a_window_that_holds_too_much_is_halved(void **state)
{
    bool halved = false;

    (void)state;
    world_of_four();
    bench.answers[0] = endless;
    json_decref(backfill_start(7 * 86400));
    for (int i = 0; i < 150 && !halved; i++) {
        bench_drain();
        bench.now += 1000;
        halved = bench_was_asked("since=2026-09-10T");
    }
    assert_true(halved);
    for (size_t i = 0; i < bench.n_asked; i++)
        assert_null(strstr(bench.asked[i], "offset=10000"));
}

static void the_pace_is_half_of_what_is_configured_in_any_minute(void **state)
{
    static const unsigned per_minute[] = {10, 960, 6000};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(per_minute); k++) {
        int64_t at[4096], begun = bench.now;
        size_t n = 0;

        bench.answers[0] = endless;
        bench.cfg.pagerduty.per_minute = per_minute[k];
        json_decref(backfill_start(INT64_C(1000) * 86400));
        while (bench.now < begun + 150000 && n < ARRAY_LEN(at)) {
            bench.n_asked = 0;
            bench_drain();
            for (size_t i = 0; i < bench.n_asked && n < ARRAY_LEN(at); i++)
                at[n++] = bench.now;
            bench.now += 50;
        }
        for (size_t i = 0, from = 0; i < n; i++) {
            while (at[i] - at[from] >= 60000)
                from++;
            assert_true(i - from + 1 <= per_minute[k] / 2);
        }
        assert_true(n >= per_minute[k] / 2);
        begin();
        json_t *out = NULL;
        OK(triage_backfill_stop(&bench.pass, "local", &out, e));
        json_decref(out);
        end();
        bench_drain();
    }
}

static void a_429_and_a_refused_token_are_waited_for_and_a_closed_log_is_done_without(void **state)
{
    static const struct canned limited[] = {{"/", 0, 429, "{}"}, {NULL, 0, 0, NULL}};
    static const struct canned refused[] = {{"/", 0, 401, "{}"}, {NULL, 0, 0, NULL}};
    static const struct canned closed[] = {{"/log_entries?", 0, 403, "{}"}, {NULL, 0, 0, NULL}};
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    world_of_four();
    bench.answers[0] = limited;
    json_decref(backfill_start(3 * 86400));
    bench_drain();
    j = backfill_status();
    assert_string_equal(json_opt_str(j, "state"), "running");
    assert_non_null(json_opt_str(j, "waits"));
    bench.answers[0] = refused;
    bench.now += 5000;
    bench.n_asked = 0;
    bench_drain();
    assert_int_equal(bench.n_asked, 1);
    bench.now += 30000;
    bench_drain();
    assert_int_equal(bench.n_asked, 1); /* not yet again */
    bench.answers[0] = closed;
    bench.answers[1] = past_world;
    bench.now += 60000;
    backfill_run();
    json_decref(j);
    j = backfill_status();
    assert_string_equal(json_opt_str(j, "state"), "done");
    assert_non_null(json_opt_str(j, "no_log"));
    assert_int_equal(json_opt_int(j, "remembered", 0), 3);
    assert_true(bench_was_asked("QFIXED/notes") && bench_was_asked("QSAID/notes"));
    assert_false(bench_was_asked("QSELF/notes"));
}

#define BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH(an_equal_symptom_comes_first_and_is_quoted_with_author_and_date),
        BENCH(neither_itself_nor_later_ones_nor_merged_ones_are_found),
        BENCH(three_places_are_for_those_that_somebody_fixed),
        BENCH(a_later_note_is_told_and_what_was_not_read_again_stays),
        BENCH(incidents_of_one_second_have_numbers_of_their_own),
        BENCH(what_is_found_is_not_searched_for_again_within_five_minutes),
        cmocka_unit_test(words_are_those_of_the_text_without_numbers_and_names_of_details),
        cmocka_unit_test(resolve_time_is_by_nearest_rank_over_all_that_are_over_and_not_merged),
        cmocka_unit_test(known_tells_similar_ones_in_order_and_the_note_says_how_long_it_takes),
        cmocka_unit_test(nothing_looked_for_is_null_and_nothing_found_is_empty),
        BENCH(a_backfill_remembers_what_is_over_and_proposes_nothing),
        BENCH(a_second_backfill_asks_only_for_what_the_memory_lacks),
        BENCH(only_one_runs_and_it_can_be_stopped),
        BENCH(a_window_that_holds_too_much_is_halved),
        BENCH(the_pace_is_half_of_what_is_configured_in_any_minute),
        BENCH(a_429_and_a_refused_token_are_waited_for_and_a_closed_log_is_done_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
