#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "triage_test.h"

/* Every shared body and what becomes of it at intake and after the full parse. */
static const struct {
    const char *name;
    enum intake_outcome outcome;
    const char *incident; /* NULL: about none */
} bodies[] = {
    {"incident.acknowledged", INTAKE_NEW, INCIDENT},
    {"incident.action_invocation.created", INTAKE_NEW, INCIDENT},
    {"incident.action_invocation.terminated", INTAKE_NEW, INCIDENT},
    {"incident.action_invocation.updated", INTAKE_NEW, INCIDENT},
    {"incident.annotated", INTAKE_NEW, INCIDENT},
    {"incident.conference_bridge.updated", INTAKE_NEW, INCIDENT},
    {"incident.custom_field_values.updated", INTAKE_NEW, INCIDENT},
    {"incident.delegated", INTAKE_NEW, INCIDENT},
    {"incident.escalated", INTAKE_NEW, INCIDENT},
    {"incident.incident_type.changed", INTAKE_NEW, INCIDENT},
    {"incident.priority_updated", INTAKE_NEW, INCIDENT},
    {"incident.reassigned", INTAKE_NEW, INCIDENT},
    {"incident.reopened", INTAKE_NEW, INCIDENT},
    {"incident.resolved", INTAKE_NEW, INCIDENT},
    {"incident.responder.added", INTAKE_NEW, INCIDENT},
    {"incident.responder.replied", INTAKE_NEW, INCIDENT},
    {"incident.role.assigned", INTAKE_NEW, INCIDENT},
    {"incident.service_updated", INTAKE_NEW, INCIDENT},
    {"incident.status_update_published", INTAKE_NEW, INCIDENT},
    {"incident.task.completed", INTAKE_NEW, INCIDENT},
    {"incident.task.created", INTAKE_NEW, INCIDENT},
    {"incident.task.updated", INTAKE_NEW, INCIDENT},
    {"incident.triggered", INTAKE_NEW, INCIDENT},
    {"incident.unacknowledged", INTAKE_NEW, INCIDENT},
    {"incident.workflow.completed", INTAKE_NEW, INCIDENT},
    {"incident.workflow.started", INTAKE_NEW, INCIDENT},
    {"pagey.ping", INTAKE_PING, NULL},
    {"service.created", INTAKE_IGNORED, NULL},
    {"service.custom_field_values.updated", INTAKE_IGNORED, NULL},
    {"service.deleted", INTAKE_IGNORED, NULL},
    {"service.updated", INTAKE_IGNORED, NULL},
    {"variants/incident.annotated.over-55kb", INTAKE_NEW, INCIDENT},
    {"variants/incident.annotated.trimmed", INTAKE_NEW, INCIDENT},
    {"variants/incident.resolved.merged", INTAKE_NEW, INCIDENT},
    {"variants/incident.triggered.manual-p1-bridge", INTAKE_NEW, INCIDENT},
    {"variants/incident.triggered.no-optional", INTAKE_NEW, INCIDENT},
    {"variants/incident.unknown_future_event", INTAKE_IGNORED, NULL},
    {"variants/pagey.ping.user-agent-no-urls", INTAKE_PING, NULL},
};

static void every_shared_body_has_its_outcome(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct queue_counts n;

        bench_setup(NULL);
        bench.now = T0 + INT64_C(60) * 86400000; /* after the last of them */
        bench.cfg.intake.max_age_ms = INT64_C(90) * 86400000;
        assert_int_equal(bench_webhook(bodies[i].name), bodies[i].outcome);
        OK(queue_counts(bench.queue, &n, e));
        /* one job for the event, one judge for the incident, and none for what is not worked on */
        if (n.ready != (bodies[i].incident ? 2 : 0))
            fail_msg("%s: %d jobs", bodies[i].name, (int)n.ready);
        bench_drain();
        if (bodies[i].incident) {
            AUTO(json_freep) json_t *j = bench_show(bodies[i].incident);

            assert_string_equal(json_at_str(j, "incident.id"), bodies[i].incident);
        }
        assert_int_equal(bench.n_alarms, 0);
        bench_teardown(NULL);
    }
}

/* INV-1 at its core: what came twice is one event, and worked on once. */
static void the_same_event_is_stored_once(void **state)
{
    (void)state;
    assert_int_equal(bench_webhook("incident.triggered"), INTAKE_NEW);
    bench_drain();
    for (int i = 0; i < 3; i++)
        assert_int_equal(bench_webhook("incident.triggered"), INTAKE_DUPLICATE);
    bench.now += 60000;
    bench.n_asked = 0;
    assert_int_equal(bench_webhook("incident.triggered"), INTAKE_DUPLICATE);
}

static const struct {
    const char *body;
    enum intake_outcome outcome;
    bool alarm;
} odd[] = {
    {"", INTAKE_QUARANTINED, true},
    {"{", INTAKE_QUARANTINED, true},
    {"[1,2,3]", INTAKE_QUARANTINED, true},
    {"{\"event\":{}}", INTAKE_QUARANTINED, true},
    {"{\"event\":{\"id\":\"X\"}}", INTAKE_QUARANTINED, true},
    {"{\"event\":{\"id\":\"\",\"event_type\":\"incident.triggered\"}}", INTAKE_QUARANTINED, true},
    {"{\"event\":{\"id\":\"A B\",\"event_type\":\"incident.triggered\"}}", INTAKE_QUARANTINED,
     true},
    {"{\"event\":{\"id\":\"X\",\"id\":\"Y\",\"event_type\":\"incident.triggered\"}}",
     INTAKE_QUARANTINED, true},
    {"{\"event\":{\"id\":\"X\",\"event_type\":\"incident.from_2031\"}}", INTAKE_IGNORED, false},
    {"{\"event\":{\"id\":\"X\",\"event_type\":\"gadget.turned\"}}", INTAKE_IGNORED, false},
};

/* INV-2: nothing authentic is refused; INV-9: what is odd has a place of its own and a reason. */
static void odd_bodies_are_kept_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        bench_setup(NULL);
        if (bench_deliver(odd[i].body, strlen(odd[i].body)) != odd[i].outcome)
            fail_msg("body %zu", i);
        assert_int_equal(bench_alarmed("intake.quarantine"), odd[i].alarm);
        assert_int_equal(bench_deliver(odd[i].body, strlen(odd[i].body)), INTAKE_DUPLICATE);
        assert_int_equal(bench_drain(), 0);
        bench_teardown(NULL);
    }
}

static void too_deep_is_quarantined(void **state)
{
    char body[512] = "{\"event\":{\"id\":\"X\",\"event_type\":\"incident.triggered\",\"data\":";
    size_t at = strlen(body);

    (void)state;
    memset(body + at, '[', 100);
    memset(body + at + 100, ']', 100);
    memcpy(body + at + 200, "}}", 3);
    assert_int_equal(bench_deliver(body, strlen(body)), INTAKE_QUARANTINED);
}

static enum intake_outcome at_age(int64_t age_ms)
{
    char body[256], iso[TIME_ISO_MAX];

    snprintf(
        body, sizeof(body),
        "{\"event\":{\"id\":\"X%lld\",\"event_type\":\"incident.triggered\",\"occurred_at\":\"%s\","
        "\"data\":{\"type\":\"incident\",\"id\":\"PABC\"}}}",
        (long long)(age_ms + 100000000), time_format_iso(bench.now - age_ms, true, iso));
    return bench_deliver(body, strlen(body));
}

/* S1-04, F-04: an aged event is stored and makes no work; one from the future is worked on under an alarm. */
static void age_decides(void **state)
{
    const int64_t week = INT64_C(7) * 86400000;
    struct queue_counts n;

    (void)state;
    assert_int_equal(at_age(week + 1), INTAKE_QUARANTINED);
    OK(queue_counts(bench.queue, &n, e));
    assert_int_equal(n.ready, 0);
    assert_int_equal(at_age(week), INTAKE_NEW);
    assert_false(bench_alarmed("clock"));
    assert_int_equal(at_age(-600000), INTAKE_NEW);
    assert_false(bench_alarmed("clock"));
    assert_int_equal(at_age(-600001), INTAKE_NEW);
    assert_true(bench_alarmed("clock"));
}

static void ping_is_shown(void **state)
{
    AUTO(json_freep) json_t *j = NULL;
    struct triage_reader *r = NULL;

    (void)state;
    assert_int_equal(bench_webhook("pagey.ping"), INTAKE_PING);
    OK(triage_reader_open(bench.store, &r, e));
    OK(triage_status(r, &j, e));
    assert_int_equal(json_opt_int(j, "last_ping_ms", 0), bench.now);
    assert_int_equal(json_opt_int(j, "events", 0), 1);
    assert_int_equal(json_opt_int(j, "quarantined", -1), 0);
    triage_reader_close(r);
}

static const char *status_of(json_t **keep)
{
    json_decref(*keep);
    *keep = bench_show(INCIDENT);
    return json_at_str(*keep, "incident.status");
}

/* The payload is a hint: by the time it speaks of, not by the order of arrival. */
static void a_late_event_moves_nothing_back(void **state)
{
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    assert_int_equal(bench_webhook("incident.resolved"), INTAKE_NEW);
    bench_drain();
    assert_string_equal(status_of(&j), "resolved");
    assert_int_equal(bench_webhook("incident.acknowledged"), INTAKE_NEW);
    bench_drain();
    assert_string_equal(status_of(&j), "resolved");
    assert_int_equal(bench_webhook("incident.triggered"), INTAKE_NEW);
    bench_drain();
    assert_string_equal(status_of(&j), "resolved");
    /* stored and shown all the same, in the order of their times */
    assert_string_equal(json_at_str(j, "timeline.0.text"), "incident.triggered");
}

/* F-15 at the door: our own note asks for nothing. */
static void our_own_note_makes_no_work(void **state)
{
    static const char *const texts[] = {"[triaged:abcdefghijklmnop] Triage: SEV-2", "looks odd"};
    static const int jobs[] = {
        1, 2}; /* judge was promised at intake; enrich only for a person's note */

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char body[512];
        struct queue_counts n;

        bench_setup(NULL);
        snprintf(
            body, sizeof(body),
            "{\"event\":{\"id\":\"E%zu\",\"event_type\":\"incident.annotated\",\"occurred_at\":"
            "\"2026-09-14T02:12:00Z\",\"data\":{\"type\":\"incident_note\",\"id\":\"PN1\","
            "\"content\":\"%s\",\"incident\":{\"id\":\"PABC\",\"type\":\"incident_reference\"}}}}",
            i, texts[i]);
        assert_int_equal(bench_deliver(body, strlen(body)), INTAKE_NEW);
        OK(store_tx_begin(bench.store, e));
        struct job job;
        OK(queue_claim(bench.queue, PRIO_FRESH, bench.now, &job, e));
        bench_run(&triage_step_intake, &job);
        OK(store_tx_commit(bench.store, e));
        OK(queue_counts(bench.queue, &n, e));
        assert_int_equal(n.ready, jobs[i]);
        bench_teardown(NULL);
    }
}

/* A quarantined body goes back into the pipeline, and is judged again on what it says. */
static void quarantine_can_be_retried(void **state)
{
    const char *broken = "{\"event\":";
    struct triage_reader *r = NULL;
    AUTO(json_freep) json_t *list = NULL;
    const char *id;
    struct err why = {0};

    (void)state;
    assert_int_equal(bench_deliver(broken, strlen(broken)), INTAKE_QUARANTINED);
    OK(triage_reader_open(bench.store, &r, e));
    OK(triage_quarantine_list(r, 0, 10, &list, e));
    assert_int_equal(json_array_size(list), 1);
    id = json_opt_str(json_array_get(list, 0), "id");
    assert_true(text_starts(id, "sha256:"));
    OK(store_tx_begin(bench.store, e));
    bench_pass();
    OK(triage_quarantine_retry(&bench.pass, id, "person:1", e));
    assert_int_equal(triage_quarantine_retry(&bench.pass, id, "person:1", &why), ERR_CONFLICT);
    assert_int_equal(triage_quarantine_retry(&bench.pass, "nope", "person:1", &why), ERR_NOT_FOUND);
    OK(store_tx_commit(bench.store, e));
    assert_int_equal(bench_drain(), 1);
    json_decref(list);
    list = NULL;
    OK(triage_quarantine_list(r, 0, 10, &list, e));
    assert_int_equal(json_array_size(list), 1); /* still broken, so it is back */
    triage_reader_close(r);
}

/* Escapes in the id: the scanner leaves it to the full parse, and the event is found to be the same one. */
static void an_escaped_id_is_the_same_event(void **state)
{
    const char *plain =
        "{\"event\":{\"id\":\"EVA\",\"event_type\":\"incident.triggered\",\"data\":{"
        "\"type\":\"incident\",\"id\":\"PABC\",\"title\":\"x\"}}}";
    const char *escaped = "{\"event\":{\"id\":\"EV\\u0041\",\"event_type\":\"incident.triggered\","
                          "\"data\":{\"type\":\"incident\",\"id\":\"PABC\",\"title\":\"x\"}}}";
    AUTO(json_freep) json_t *j = NULL;

    (void)state;
    assert_int_equal(bench_deliver(plain, strlen(plain)), INTAKE_NEW);
    bench_drain();
    assert_int_equal(bench_deliver(escaped, strlen(escaped)), INTAKE_NEW);
    bench_drain();
    j = bench_show("PABC");
    size_t events = 0;
    for (size_t i = 0; i < json_array_size(json_opt_arr(j, "timeline")); i++)
        events +=
            text_eq(json_opt_str(json_array_get(json_opt_arr(j, "timeline"), i), "kind"), "event");
    assert_int_equal(events, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shared_body_has_its_outcome),
        cmocka_unit_test(odd_bodies_are_kept_and_named),
        cmocka_unit_test(our_own_note_makes_no_work),
        cmocka_unit_test_setup_teardown(the_same_event_is_stored_once, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(too_deep_is_quarantined, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(age_decides, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(ping_is_shown, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(a_late_event_moves_nothing_back, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(quarantine_can_be_retried, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(an_escaped_id_is_the_same_event, bench_setup,
                                        bench_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
