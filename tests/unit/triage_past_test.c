/* The memory and its backfill where accounts are odd: who is quoted for what, what is left of an earlier run, what PagerDuty never answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "triage/backfill.h"
#include "triage/memory.h"
#include "triage_test.h"

#define DAY (INT64_C(24) * 3600000)

static void begin(void)
{
    bench_pass();
    OK(store_tx_begin(bench.store, e));
}

static void end(void)
{
    OK(store_tx_commit(bench.store, e));
}

static struct memory_row row_of(const char *id, const char *by_type, const char *by_name)
{
    return (struct memory_row){.incident_id = id,
                               .number = 7,
                               .service_id = "PSA",
                               .service = "S",
                               .symptom = "broker down",
                               .title = "Broker down",
                               .created_ms = T0 - DAY,
                               .resolved_ms = T0 - DAY + 720000,
                               .by_type = by_type,
                               .by_id = by_type ? "PUBO" : NULL,
                               .by_name = by_name};
}

static void put(struct memory_row *m, const struct pd_notes *notes)
{
    begin();
    m->fix = memory_fix(m, notes, bench.pass.arena);
    OK(memory_put(&bench.pass, m, e));
    end();
}

static json_t *found(void)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    const struct incident_row row = {.id = INCIDENT,
                                     .title = "Broker down",
                                     .service_id = "PSA",
                                     .symptom = "broker down",
                                     .created_ms = T0,
                                     .status = "triggered"};
    json_t *list = json_array();

    begin();
    triage_items_init(&it, bench.pass.arena);
    OK(memory_items(&bench.pass, &row, &it, e));
    for (size_t i = 0; i < it.n; i++)
        json_array_append(list, it.v[i].body);
    end();
    return list;
}

/* A name is cut for the line that sums an incident up; a cut within a letter made the whole incident disappear. */
static void whoever_ended_it_has_a_name_of_any_length(void **state)
{
    static const char *const names[] = {
        "Bo",
        "Александра-Екатерина Константинопольская-Преображенская",
        "x山田山田山田山田山田山田山田山田山田山田山田山田山田山田山田山田山田",
        "xyéééééééééééééééééééééééééééééééééééééééééééééééééééééé",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO(json_freep) json_t *list = NULL;
        struct memory_row m = row_of("QLONG", "user", names[i]);

        put(&m, NULL);
        bench.now += 400000; /* what was found before is kept for five minutes */
        list = found();
        assert_int_equal(json_array_size(list), 1);
        assert_string_equal(json_at_str(list, "0.ended_by"), names[i]);
    }
}

/* Ended by a person, opened again, and then over by itself: the words of the first time did not end it. */
static void what_ended_by_itself_in_the_end_has_no_fix(void **state)
{
    AUTO(json_freep) json_t *list = NULL;
    struct pd_note note = {.user = {.id = "PUBO", .type = "user", .summary = "Bo"},
                           .content = "Restarted it",
                           .created_ms = T0 - DAY};
    const struct pd_notes notes = {.items = &note, .n = 1};
    struct memory_row m = row_of("QTWICE", "user", "Bo");

    (void)state;
    put(&m, &notes);
    m = row_of("QTWICE", "service", NULL);
    put(&m, &notes);
    list = found();
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_at_str(list, "0.ended_by"), "itself");
    assert_null(json_at(list, "0.fix"));
}

static void resolve_entry(json_t *list, const char *note)
{
    json_array_append_new(list,
                          json_pack("{s:s, s:s*}", "type", "resolve_log_entry", "note", note));
}

/* Bo resolved it with words, it opened again, Ann resolved it without: Bo's words are not Ann's. */
static void words_of_an_earlier_resolve_are_not_quoted_for_the_last_one(void **state)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    const struct incident_row row = {.id = "QTWICE",
                                     .number = 7,
                                     .title = "Broker down",
                                     .service_id = "PSA",
                                     .service = "S",
                                     .symptom = "broker down",
                                     .created_ms = T0 - DAY,
                                     .status = "resolved"};
    json_t *entries = json_array();
    struct memory_row got;

    (void)state;
    begin();
    triage_items_init(&it, bench.pass.arena);
    triage_items_add(&it, EV_INCIDENT, "rest",
                     json_pack("{s:{s:s, s:s, s:s}}", "changed_by", "type", "user", "id", "PUANN",
                               "name", "Ann"),
                     T0);
    resolve_entry(entries, "Restarted it");
    resolve_entry(entries, NULL);
    triage_items_add(&it, EV_LOG, "log_entries", json_pack("{s:o}", "entries", entries), T0);
    OK(memory_remember(&bench.pass, &row, &it, e));
    OK(memory_get(&bench.pass, "QTWICE", &got, e));
    assert_string_equal(got.by_name, "Ann");
    assert_null(got.fix);
    assert_string_equal(got.resolution, "");
    end();
}

/* ---- backfill ---- */

#define LIST_HEAD "{\"limit\":100,\"offset\":0,\"more\":false,"
#define INCIDENT_OF(id, status)                                                                \
    "{\"id\":\"" id "\",\"incident_number\":1,\"title\":\"Volume short\",\"status\":\"" status \
    "\",\"created_at\":\"2026-09-12T02:00:00Z\",\"resolved_at\":\"2026-09-12T02:30:00Z\","     \
    "\"service\":{\"id\":\"PSA\",\"summary\":\"Parcel Database\"},\"last_status_change_by\":"  \
    "{\"id\":\"PUANN\",\"type\":\"user_reference\",\"summary\":\"Ann\"}}"
#define INCIDENTS_OF(list)                                           \
    {                                                                \
        "/incidents?", 0, 200, LIST_HEAD "\"incidents\":[" list "]}" \
    }
#define NO_LOG                                                   \
    {                                                            \
        "/log_entries?", 0, 200, LIST_HEAD "\"log_entries\":[]}" \
    }
#define NO_ALERTS                                     \
    {                                                 \
        "/alerts", 0, 200, LIST_HEAD "\"alerts\":[]}" \
    }
#define LAST             \
    {                    \
        NULL, 0, 0, NULL \
    }

static void start(const struct canned *answers)
{
    json_t *j = NULL;

    bench.answers[0] = answers;
    bench.cfg.pagerduty.per_minute = 100000;
    begin();
    OK(triage_backfill_start(&bench.pass, 3 * 86400, "local", &j, e));
    end();
    json_decref(j);
}

static json_t *status(void)
{
    struct triage_reader *r = NULL;
    json_t *j = NULL;

    OK(triage_reader_open(bench.store, &r, e));
    OK(triage_backfill_status(r, &j, e));
    triage_reader_close(r);
    return j;
}

/* To its end, looking so many times, so far apart. */
static json_t *run(int looks, int64_t apart_ms)
{
    for (int i = 0; i < looks; i++) {
        AUTO(json_freep) json_t *j = status();

        bench_drain();
        if (!text_eq(json_opt_str(j, "state"), "running"))
            return TAKE(j);
        bench.now += apart_ms;
    }
    return status();
}

/* The account's log stands newest first. */
static void the_last_resolve_of_a_log_is_the_one_that_counts(void **state)
{
    static const struct canned twice[] = {
        {"/log_entries?", 0, 200,
         LIST_HEAD
         "\"log_entries\":[{\"id\":\"L2\",\"type\":\"resolve_log_entry\",\"created_at\":\"2026-09-12T05:00:00Z\","
         "\"incident\":{\"id\":\"QONE\"}},{\"id\":\"L1\",\"type\":\"resolve_log_entry\",\"note\":\"Bo says so\","
         "\"created_at\":\"2026-09-12T03:00:00Z\",\"incident\":{\"id\":\"QONE\"}},"
         "{\"id\":\"L4\",\"type\":\"resolve_log_entry\",\"note\":\"Second\",\"created_at\":\"2026-09-12T02:40:00Z\","
         "\"incident\":{\"id\":\"QTWO\"}},{\"id\":\"L3\",\"type\":\"resolve_log_entry\",\"note\":\"First\","
         "\"created_at\":\"2026-09-12T02:30:00Z\",\"incident\":{\"id\":\"QTWO\"}}]}"},
        NO_ALERTS,
        INCIDENTS_OF(INCIDENT_OF("QONE", "resolved") "," INCIDENT_OF("QTWO", "resolved")),
        LAST};
    AUTO(json_freep) json_t *fix = NULL;
    struct memory_row one, two;

    (void)state;
    start(twice);
    json_decref(run(100, 1000));
    begin();
    OK(memory_get(&bench.pass, "QONE", &one, e));
    OK(memory_get(&bench.pass, "QTWO", &two, e));
    assert_null(one.fix);
    assert_non_null(two.fix);
    fix = json_loads(two.fix, 0, NULL);
    assert_string_equal(json_opt_str(fix, "quote"), "Second");
    end();
}

static void sql_run_text(const char *text)
{
    const struct store_sql one[] = {{"test.run", text}};
    struct store_set *set = NULL;

    begin();
    OK(store_prepare(bench.store, one, 1, &set, e));
    assert_true(store_exec(store_begin(set, 0), &(struct err){0}) >= 0);
    end();
}

/* Stopped in the middle of a large window and begun again at once: what is left of the first is no part of the second. */
static void what_a_stopped_one_left_behind_does_not_touch_the_next(void **state)
{
    static const struct canned world[] = {
        NO_LOG, NO_ALERTS,
        INCIDENTS_OF(INCIDENT_OF("QONE", "resolved") "," INCIDENT_OF("QTWO", "resolved")), LAST};
    AUTO(json_freep) json_t *j = NULL;
    json_t *out = NULL;

    (void)state;
    start(world);
    begin();
    OK(triage_backfill_stop(&bench.pass, "local", &out, e));
    end();
    json_decref(out);
    /* 450 of the first window, and one that was open when it was listed. */
    sql_run_text(
        "INSERT INTO backfill_item (incident_id, created_ms, body, noted)"
        " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)"
        " SELECT printf('A%04d', i), 1789178400000, '{\"status\":\"triggered\"}', 0 FROM n");
    sql_run_text("INSERT INTO backfill_item (incident_id, created_ms, body, noted)"
                 " VALUES ('QONE', 1789178400000, '{\"status\":\"triggered\"}', 0)");
    start(world);
    /* Its end comes to the first one's job only when the second one has read its lists. */
    sql_run_text("UPDATE job SET due_ms = due_ms + 1500 WHERE subject = '1'");
    j = run(100, 1000);
    assert_string_equal(json_opt_str(j, "state"), "done");
    assert_int_equal(json_opt_int(j, "found", 0), 2);
    assert_int_equal(json_opt_int(j, "remembered", 0), 2);
}

/* One incident whose alerts PagerDuty never tells must not hold the others back for ever. */
static void an_incident_that_is_never_answered_is_left_behind(void **state)
{
    static const struct canned world[] = {
        NO_LOG,
        {"/QONE/alerts", 0, 500, "{}"},
        NO_ALERTS,
        INCIDENTS_OF(INCIDENT_OF("QONE", "resolved") "," INCIDENT_OF("QTWO", "resolved")),
        LAST};
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    start(world);
    j = run(180, 20000);
    assert_string_equal(json_opt_str(j, "state"), "done");
    assert_int_equal(json_opt_int(j, "remembered", 0), 2);
    assert_int_equal(json_opt_int(j, "unread", 0), 1);
}

/* When nothing is answered that is an outage: it is waited for, and then all of it is read. */
static void an_outage_is_waited_for_however_long(void **state)
{
    static const struct canned down[] = {
        NO_LOG,
        {"/alerts", 0, 503, "{}"},
        INCIDENTS_OF(INCIDENT_OF("QONE", "resolved") "," INCIDENT_OF("QTWO", "resolved")),
        LAST};
    static const struct canned up[] = {
        NO_LOG, NO_ALERTS,
        INCIDENTS_OF(INCIDENT_OF("QONE", "resolved") "," INCIDENT_OF("QTWO", "resolved")), LAST};
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    start(down);
    json_decref(run(180, 20000));
    bench.answers[0] = up;
    j = run(100, 1000);
    assert_string_equal(json_opt_str(j, "state"), "done");
    assert_int_equal(json_opt_int(j, "remembered", 0), 2);
    assert_int_equal(json_opt_int(j, "unread", -1), 0);
}

/* ---- the index ---- */

static int sql_try(const char *text)
{
    const struct store_sql one[] = {{"test.try", text}};
    struct store_set *set = NULL;
    struct err bad = {0};
    int rc;

    begin();
    OK(store_prepare(bench.store, one, 1, &set, e));
    rc = store_exec(store_begin(set, 0), &bad);
    end();
    return rc;
}

#define INDEX_CHECK "INSERT INTO memory_text (memory_text, rank) VALUES ('integrity-check', 1)"

static void put_some(uint32_t *dice)
{
    static const char *const words[] = {"broker",      "volume", "latency",
                                        "certificate", "queue",  "pool"};
    char id[16], title[120];
    uint32_t r = *dice = *dice * 1103515245 + 12345;
    struct memory_row m = row_of(id, r & 64 ? "user" : "service", "Bo");

    snprintf(id, sizeof(id), "Q%03u", (r >> 8) % 40);
    snprintf(title, sizeof(title), "%s %s %s", words[(r >> 14) % 6], words[(r >> 17) % 6],
             words[(r >> 20) % 6]);
    m.title = title;
    m.notes = r & 128 ? words[(r >> 23) % 6] : NULL;
    m.merged = (r >> 26) % 8 == 0;
    m.created_ms += (int64_t)((r >> 8) % 40) * 1000;
    OK(memory_put(&bench.pass, &m, e));
}

/* A step's savepoint that is rolled back half way, and a pass that is lost: the index is what its rows are. */
static void what_is_rolled_back_is_rolled_back_in_the_index_too(void **state)
{
    uint32_t dice = 7;

    (void)state;
    for (int i = 0; i < 60; i++) {
        begin();
        put_some(&dice);
        for (int k = 0; k < 4; k++) {
            AUTO(store_savepoint_end) struct store_savepoint sp = {0};

            OK(store_savepoint(&sp, bench.store, e));
            put_some(&dice);
            put_some(&dice);
            if (k % 2)
                OK(store_release(&sp, e));
        }
        if (i % 5 == 4)
            store_tx_rollback(bench.store);
        else
            end();
    }
    assert_true(sql_try(INDEX_CHECK) >= 0);
    assert_true(sql_try("UPDATE memory SET title = title || ' other' WHERE searched = 1") > 0);
    assert_true(sql_try(INDEX_CHECK) < 0); /* so a difference is found */
}

#define BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH(whoever_ended_it_has_a_name_of_any_length),
        BENCH(what_ended_by_itself_in_the_end_has_no_fix),
        BENCH(words_of_an_earlier_resolve_are_not_quoted_for_the_last_one),
        BENCH(the_last_resolve_of_a_log_is_the_one_that_counts),
        BENCH(what_a_stopped_one_left_behind_does_not_touch_the_next),
        BENCH(an_incident_that_is_never_answered_is_left_behind),
        BENCH(an_outage_is_waited_for_however_long),
        BENCH(what_is_rolled_back_is_rolled_back_in_the_index_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
