/* Webhook bodies: all 31 documented events and the 7 edge bodies. INV-9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "pd_test.h"

#define ARENA_BYTES PD_EVENT_ARENA_BYTES
#define INC         "Q3K8VX1M7T2PLA"
#define SVC         "PCHKOUT"

static const struct row {
    const char *file, *data_type, *incident, *service;
} rows[] = {
    {"incident.acknowledged", "incident", INC, SVC},
    {"incident.action_invocation.created", "incident_action_invocation", INC, NULL},
    {"incident.action_invocation.terminated", "incident_action_invocation", INC, NULL},
    {"incident.action_invocation.updated", "incident_action_invocation", INC, NULL},
    {"incident.annotated", "incident_note", INC, NULL},
    {"incident.conference_bridge.updated", "incident_conference_bridge", INC, NULL},
    {"incident.custom_field_values.updated", "incident_field_values", INC, NULL},
    {"incident.delegated", "incident", INC, SVC},
    {"incident.escalated", "incident", INC, SVC},
    {"incident.incident_type.changed", "incident", INC, SVC},
    {"incident.priority_updated", "incident", INC, SVC},
    {"incident.reassigned", "incident", INC, SVC},
    {"incident.reopened", "incident", INC, SVC},
    {"incident.resolved", "incident", INC, SVC},
    {"incident.responder.added", "incident_responder", INC, NULL},
    {"incident.responder.replied", "incident_responder", INC, NULL},
    {"incident.role.assigned", "incident_role_assignment", INC, NULL},
    {"incident.service_updated", "incident", INC, "PLEDGER"},
    {"incident.status_update_published", "incident_status_update", INC, NULL},
    {"incident.task.completed", "incident_task", INC, NULL},
    {"incident.task.created", "incident_task", INC, NULL},
    {"incident.task.updated", "incident_task", INC, NULL},
    {"incident.triggered", "incident", INC, SVC},
    {"incident.unacknowledged", "incident", INC, SVC},
    {"incident.workflow.completed", "incident_workflow_instance", INC, SVC},
    {"incident.workflow.started", "incident_workflow_instance", INC, SVC},
    {"pagey.ping", "ping", NULL, NULL},
    {"service.created", "service", NULL, SVC},
    {"service.custom_field_values.updated", "service_field_values", NULL, SVC},
    {"service.deleted", "service", NULL, SVC},
    {"service.updated", "service", NULL, SVC},
    {"variants/incident.annotated.over-55kb", "incident_note", INC, NULL},
    {"variants/incident.annotated.trimmed", "incident_note", INC, NULL},
    {"variants/incident.resolved.merged", "incident", INC, SVC},
    {"variants/incident.triggered.manual-p1-bridge", "incident", INC, SVC},
    {"variants/incident.triggered.no-optional", "incident", INC, SVC},
    {"variants/incident.unknown_future_event", "incident_something_new", INC, NULL},
    {"variants/pagey.ping.user-agent-no-urls", "ping", NULL, NULL},
};

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(ARENA_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_freep(&arena);
    return 0;
}

static struct pd_event parse_file(const char *name)
{
    char path[256];
    size_t len = 0;
    char *body;
    struct pd_event ev = {0};
    struct err e;

    snprintf(path, sizeof(path), "webhooks/%s.json", name);
    body = pd_data(path, &len);
    if (pd_event_parse(arena, body, len, &ev, &e) < 0)
        fail_msg("%s: %s", name, e.msg);
    mem_freep(&body);
    return ev;
}

static int parse_text(const char *body, struct pd_event *ev)
{
    struct err e;

    return pd_event_parse(arena, body, strlen(body), ev, &e);
}

/* The file's name begins with the event's type, for variants too. */
static bool names_type(const char *file, const char *type)
{
    const char *slash = strchr(file, '/');

    return text_starts(slash ? slash + 1 : file, type);
}

static void reads_type_and_subject_of_every_event(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(rows), 31 + 7);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pd_event ev = parse_file(rows[i].file);

        if (!names_type(rows[i].file, ev.type) || !text_starts(ev.id, "01G") ||
            !text_eq(ev.data_type, rows[i].data_type) ||
            !text_eq(ev.incident_id, rows[i].incident) ||
            !text_eq(ev.service_id, rows[i].service) || ev.occurred_ms < 1780000000000)
            fail_msg("%s: type %s, data %s, incident %s, service %s", rows[i].file, ev.type,
                     ev.data_type, ev.incident_id ? ev.incident_id : "none",
                     ev.service_id ? ev.service_id : "none");
        assert_int_equal(ev.has_incident, text_eq(ev.data_type, "incident"));
        assert_true(names_type(ev.type, ev.resource_type));
        arena_reset(arena);
    }
}

static void reads_the_hints_of_an_incident(void **state)
{
    struct pd_event ev = parse_file("incident.triggered");
    const struct pd_incident *in = &ev.incident;
    char iso[TIME_ISO_MAX];

    (void)state;
    assert_string_equal(time_format_iso(ev.occurred_ms, true, iso), "2026-09-14T02:11:07.318Z");
    assert_string_equal(ev.agent.id, "PINTEG1");
    assert_string_equal(ev.agent.type, "inbound_integration");
    assert_string_equal(ev.agent.summary, "Events API V2");
    assert_string_equal(ev.client_name, "Prometheus Alertmanager");
    assert_string_equal(in->id, INC);
    assert_int_equal(in->number, 4187);
    assert_string_equal(in->title, "Checkout p99 latency above 2.5 s for 10 min (eu-central)");
    assert_string_equal(in->status, "triggered");
    assert_string_equal(in->urgency, "high");
    assert_null(in->priority.id);
    assert_string_equal(in->service.id, SVC);
    assert_string_equal(in->service.summary, "Checkout API");
    assert_string_equal(in->service.type, "service");
    assert_string_equal(in->policy.id, "PEPCORE");
    assert_string_equal(in->policy.summary, "Core Commerce 24x7");
    assert_int_equal(in->assignments.n, 1);
    assert_string_equal(in->assignments.items[0].who.id, "PQ7D2LK");
    assert_string_equal(in->assignments.items[0].who.summary, "Ingrid Solheim");
    assert_int_equal(in->teams.n, 1);
    assert_string_equal(in->teams.items[0].summary, "Commerce");
    assert_string_equal(time_format_iso(in->created_ms, false, iso), "2026-09-14T02:11:07Z");
    assert_string_equal(in->incident_key, "checkout-api/p99-latency/eu-central");
    assert_string_equal(in->html_url,
                        "https://northwind-shop.pagerduty.com/incidents/Q3K8VX1M7T2PLA");
    assert_string_equal(in->incident_type, "incident_default");
    assert_null(in->resolve_reason);
    assert_int_equal(in->alerts_all, -1);
    assert_int_equal(in->is_mergeable, -1);
}

static void sees_that_an_incident_was_merged(void **state)
{
    struct pd_event merged = parse_file("variants/incident.resolved.merged");
    struct pd_event resolved = parse_file("incident.resolved");

    (void)state;
    assert_string_equal(merged.incident.resolve_reason, "merge_resolve_reason");
    assert_string_equal(merged.incident.merged_into.id, "Q0ZZ41T9H2MRGA");
    assert_string_equal(resolved.incident.status, "resolved");
    assert_string_equal(resolved.incident.priority.summary, "P2");
    assert_null(resolved.incident.resolve_reason);
    assert_null(resolved.incident.merged_into.id);
    assert_int_equal(resolved.incident.assignments.n, 0);
}

static void reads_notes_and_status_updates(void **state)
{
    struct pd_event note = parse_file("incident.annotated");
    struct pd_event trimmed = parse_file("variants/incident.annotated.trimmed");
    struct pd_event large = parse_file("variants/incident.annotated.over-55kb");
    struct pd_event update = parse_file("incident.status_update_published");

    (void)state;
    assert_string_equal(note.text_id, "PNOTE01");
    assert_string_equal(note.text, "Rolled back deploy 7f3c1e9 on checkout-api; watching p99.");
    assert_false(note.trimmed);
    assert_true(trimmed.trimmed);
    assert_non_null(trimmed.text);
    /* Ours is the smaller cap: what we keep of it is marked as not whole. */
    assert_int_equal(strlen(large.text), PD_TEXT_MAX_BYTES);
    assert_true(large.trimmed);
    assert_string_equal(update.text_id, "PSTUPD1");
    assert_true(text_starts(update.text, "Checkout is slow"));
}

static void lives_with_everything_optional_missing(void **state)
{
    struct pd_event ev = parse_file("variants/incident.triggered.no-optional");

    (void)state;
    assert_null(ev.agent.id);
    assert_null(ev.client_name);
    assert_int_equal(ev.incident.assignments.n, 0);
    assert_int_equal(ev.incident.teams.n, 0);
    assert_null(ev.incident.incident_type);
    assert_int_equal(parse_text("{\"event\":{\"id\":\"E\",\"event_type\":\"x.y\"}}", &ev), 0);
    assert_null(ev.data_type);
    assert_null(ev.incident_id);
    assert_int_equal(ev.occurred_ms, 0);
    assert_int_equal(parse_text("{\"event\":{\"id\":\"E\",\"event_type\":\"x.y\",\"data\":null,"
                                "\"agent\":null,\"occurred_at\":\"yesterday\"}}",
                                &ev),
                     0);
    assert_int_equal(ev.occurred_ms, 0);
}

static void keeps_unknown_values_and_strange_shapes_out_of_the_way(void **state)
{
    struct pd_event ev;

    (void)state;
    assert_int_equal(
        parse_text("{\"event\":{\"id\":\"E\",\"event_type\":\"incident.triggered\","
                   "\"data\":{\"id\":\"Q1\",\"type\":\"incident\",\"status\":\"paused\","
                   "\"number\":\"12\",\"assignees\":[null,5,{\"id\":null},{\"id\":\"U1\"}],"
                   "\"teams\":{},\"service\":[],\"title\":7}}}",
                   &ev),
        0);
    assert_string_equal(ev.incident.status, "paused");
    assert_int_equal(ev.incident.number, 0);
    assert_int_equal(ev.incident.assignments.n, 1);
    assert_string_equal(ev.incident.assignments.items[0].who.id, "U1");
    assert_null(ev.incident.service.id);
    assert_null(ev.incident.title);
    /* An id that could leave its place in a path is no id. */
    assert_int_equal(parse_text("{\"event\":{\"id\":\"E\",\"event_type\":\"incident.triggered\","
                                "\"data\":{\"id\":\"Q1/../../users\",\"type\":\"incident\"}}}",
                                &ev),
                     0);
    assert_null(ev.incident_id);
    assert_false(ev.has_incident);
}

static void refuses_what_is_no_event(void **state)
{
    static const char *const table[] = {
        "",
        "nonsense",
        "[]",
        "{}",
        "{\"event\":null}",
        "{\"event\":[]}",
        "{\"event\":{}}",
        "{\"event\":{\"id\":\"E\"}}",
        "{\"event\":{\"event_type\":\"x\"}}",
        "{\"event\":{\"id\":\"\",\"event_type\":\"x\"}}",
        "{\"event\":{\"id\":7,\"event_type\":\"x\"}}",
        "{\"event\":{\"id\":\"E\",\"event_type\":\"x\",\"id\":\"F\"}}",
        "{\"event\":{\"id\":\"E\",\"event_type\":\"x\"}}}",
        "{\"event\":{\"id\":\"E\\u0000\",\"event_type\":\"x\"}}",
        "{\"event\":{\"id\":\"E\xff\",\"event_type\":\"x\"}}",
    };
    struct pd_event ev = {.id = "untouched"};
    struct buf b = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (parse_text(table[i], &ev) != ERR_INPUT)
            fail_msg("row %zu accepted: %s", i, table[i]);
    buf_init(&b, 1024);
    buf_puts(&b, "{\"event\":{\"event_type\":\"x\",\"id\":\"");
    for (size_t i = 0; i <= PD_EVENT_ID_MAX_BYTES; i++)
        buf_putc(&b, 'a');
    buf_puts(&b, "\"}}");
    assert_int_equal(parse_text(buf_str(&b), &ev), ERR_INPUT);
    buf_done(&b);
    assert_string_equal(ev.id, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_type_and_subject_of_every_event, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_the_hints_of_an_incident, setup, teardown),
        cmocka_unit_test_setup_teardown(sees_that_an_incident_was_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_notes_and_status_updates, setup, teardown),
        cmocka_unit_test_setup_teardown(lives_with_everything_optional_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_unknown_values_and_strange_shapes_out_of_the_way,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_event, setup, teardown),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
