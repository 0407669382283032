/* The requests that change PagerDuty, and the proof that an answer shows the change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "pagerduty/pagerduty_write.h"
#include "pd_test.h"

#define FROM "ingrid@northwind.example"

static struct arena *arena;
static const struct pd_client client = {.base_url = "https://api.pagerduty.com",
                                        .from_email = "triaged@northwind.example"};

static int setup(void **state)
{
    (void)state;
    arena = arena_new(PD_READ_ARENA_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_freep(&arena);
    return 0;
}

static const char *header(const struct net_req *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

static void expect_request(const struct net_req *r, const char *method, const char *path,
                           const char *body)
{
    assert_string_equal(r->method, method);
    assert_true(text_starts(r->url, "https://api.pagerduty.com"));
    assert_string_equal(r->url + strlen("https://api.pagerduty.com"), path);
    assert_int_equal(r->body_len, strlen(body));
    assert_memory_equal(r->body, body, r->body_len);
    assert_true(r->write);
    assert_int_equal(r->cls, NET_ACTION);
    assert_int_equal(r->total_ms, 10000);
    assert_string_equal(header(r, "Accept"), "application/vnd.pagerduty+json;version=2");
    assert_string_equal(header(r, "Content-Type"), "application/json");
}

static void builds_minimal_bodies(void **state)
{
    struct net_req r;
    struct err e;

    (void)state;
    assert_int_equal(pd_write_acknowledge(arena, &client, FROM, "Q1", &r, &e), 0);
    expect_request(&r, "PUT", "/incidents/Q1",
                   "{\"incident\":{\"status\":\"acknowledged\",\"type\":\"incident_reference\"}}");
    assert_string_equal(header(&r, "From"), FROM);
    assert_int_equal(pd_write_resolve(arena, &client, NULL, "Q1", "fixed", &r, &e), 0);
    expect_request(&r, "PUT", "/incidents/Q1",
                   "{\"incident\":{\"resolution\":\"fixed\",\"status\":\"resolved\","
                   "\"type\":\"incident_reference\"}}");
    assert_string_equal(header(&r, "From"), "triaged@northwind.example");
    assert_int_equal(pd_write_resolve(arena, &client, FROM, "Q1", NULL, &r, &e), 0);
    expect_request(&r, "PUT", "/incidents/Q1",
                   "{\"incident\":{\"status\":\"resolved\",\"type\":\"incident_reference\"}}");
    assert_int_equal(pd_write_escalate(arena, &client, FROM, "Q1", 2, NULL, &r, &e), 0);
    expect_request(&r, "PUT", "/incidents/Q1",
                   "{\"incident\":{\"escalation_level\":2,\"type\":\"incident_reference\"}}");
    assert_int_equal(pd_write_escalate(arena, &client, FROM, "Q1", 1, "PEP2", &r, &e), 0);
    expect_request(&r, "PUT", "/incidents/Q1",
                   "{\"incident\":{\"escalation_level\":1,\"escalation_policy\":{\"id\":\"PEP2\","
                   "\"type\":\"escalation_policy_reference\"},\"type\":\"incident_reference\"}}");
    assert_int_equal(pd_write_note(arena, &client, FROM, "Q1", "a \"b\"\n\xc3\xa9", &r, &e), 0);
    expect_request(&r, "POST", "/incidents/Q1/notes",
                   "{\"note\":{\"content\":\"a \\\"b\\\"\\n\xc3\xa9\"}}");
    assert_int_equal(pd_write_note_edit(arena, &client, FROM, "Q1", "PN1", "new", &r, &e), 0);
    expect_request(&r, "PUT", "/incidents/Q1/notes/PN1", "{\"note\":{\"content\":\"new\"}}");
}

static void refuses_bad_ids_actors_and_texts(void **state)
{
    static const char *const bad_ids[] = {NULL, "", "Q1/x", "Q1\r\nFrom: x@y.z", "../Q1"};
    static const char *const bad_from[] = {"",  "Ann <a@b.c>", "a@b.c, d@e.f", "a@b.c\r\nX: y",
                                           "a", "a b@c.d"};
    const struct pd_client nobody = {.base_url = "https://api.pagerduty.com"};
    char *large = mem_alloc(PD_NOTE_MAX_BYTES + 2);
    struct net_req r = {.url = "untouched"};
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_ids); i++) {
        assert_int_equal(pd_write_acknowledge(arena, &client, FROM, bad_ids[i], &r, &e), ERR_INPUT);
        assert_int_equal(pd_write_note_edit(arena, &client, FROM, "Q1", bad_ids[i], "x", &r, &e),
                         ERR_INPUT);
        if (bad_ids[i])
            assert_int_equal(pd_write_escalate(arena, &client, FROM, "Q1", 1, bad_ids[i], &r, &e),
                             ERR_INPUT);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_from); i++)
        assert_int_equal(pd_write_acknowledge(arena, &client, bad_from[i], "Q1", &r, &e),
                         ERR_INPUT);
    assert_int_equal(pd_write_acknowledge(arena, &nobody, NULL, "Q1", &r, &e), ERR_INPUT);
    assert_int_equal(pd_write_escalate(arena, &client, FROM, "Q1", 0, NULL, &r, &e), ERR_INPUT);
    assert_int_equal(pd_write_escalate(arena, &client, FROM, "Q1", PD_LEVEL_MAX + 1, NULL, &r, &e),
                     ERR_INPUT);
    assert_int_equal(pd_write_note(arena, &client, FROM, "Q1", "", &r, &e), ERR_INPUT);
    assert_int_equal(pd_write_note(arena, &client, FROM, "Q1", NULL, &r, &e), ERR_INPUT);
    assert_int_equal(pd_write_note(arena, &client, FROM, "Q1", "\xff\xfe", &r, &e), ERR_INPUT);
    assert_int_equal(pd_write_resolve(arena, &client, FROM, "Q1", "\xff", &r, &e), ERR_INPUT);
    assert_int_equal(pd_write_resolve(arena, &client, FROM, "Q1", "", &r, &e), ERR_INPUT);
    memset(large, 'x', PD_NOTE_MAX_BYTES + 1);
    assert_int_equal(pd_write_note(arena, &client, FROM, "Q1", large, &r, &e), ERR_INPUT);
    large[PD_NOTE_MAX_BYTES] = '\0';
    assert_string_equal(r.url, "untouched");
    assert_int_equal(pd_write_note(arena, &client, FROM, "Q1", large, &r, &e), 0);
    mem_freep(&large);
}

#define ANSWER(status, via, policy, user)                                     \
    "{\"incident\":{\"id\":\"Q1\",\"type\":\"incident\",\"status\":\"" status \
    "\",\"assigned_via\":\"" via "\",\"escalation_policy\":{\"id\":\"" policy \
    "\"},\"assignments\":[{\"at\":\"2026-09-14T02:11:07Z\",\"assignee\":{\"id\":\"" user "\"}}]}}"

/* INV-6: a yes without the change is not shown as done. */
static void believes_only_answers_that_show_the_change(void **state)
{
    static const char *const level2[] = {"PU2", "PU3"};
    const struct pd_expect acked = {.incident_id = "Q1", .status = "acknowledged"};
    const struct pd_expect resolved = {.incident_id = "Q1", .status = "resolved"};
    const struct pd_expect level = {
        .incident_id = "Q1", .escalated = true, .assignees = level2, .n_assignees = 2};
    const struct pd_expect policy = {.incident_id = "Q1", .escalated = true, .policy_id = "PEP2"};
    const struct {
        const struct pd_expect *want;
        const char *body;
        int result;
    } table[] = {
        {&acked, ANSWER("acknowledged", "escalation_policy", "PEP1", "PU1"), 0},
        {&acked, ANSWER("triggered", "escalation_policy", "PEP1", "PU1"), ERR_UNSURE},
        {&acked, "{\"incident\":{\"id\":\"Q2\",\"status\":\"acknowledged\"}}", ERR_UNSURE},
        {&acked, "{\"incident\":{\"id\":\"Q1\",\"status\":null}}", ERR_UNSURE},
        {&acked, "{\"incident\":{\"id\":\"Q1\"}}", ERR_UNSURE},
        {&acked, "{\"incident\":null}", ERR_UNSURE},
        {&acked, "{\"incident\":{\"id\":\"Q1\",", ERR_UNSURE},
        {&acked, "", ERR_UNSURE},
        {&resolved, ANSWER("resolved", "escalation_policy", "PEP1", "PU1"), 0},
        {&resolved, ANSWER("acknowledged", "escalation_policy", "PEP1", "PU1"), ERR_UNSURE},
        {&level, ANSWER("triggered", "escalation_policy", "PEP1", "PU3"), 0},
        {&level, ANSWER("triggered", "escalation_policy", "PEP1", "PU1"), ERR_UNSURE},
        {&level, ANSWER("triggered", "direct_assignment", "PEP1", "PU2"), ERR_UNSURE},
        {&level, ANSWER("resolved", "escalation_policy", "PEP1", "PU2"), ERR_UNSURE},
        {&policy, ANSWER("triggered", "escalation_policy", "PEP2", "PU9"), 0},
        {&policy, ANSWER("triggered", "escalation_policy", "PEP1", "PU9"), ERR_UNSURE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct pd_incident in = {.id = "untouched"};
        struct err e;
        int r = pd_written_incident(arena, table[i].body, strlen(table[i].body), table[i].want, &in,
                                    &e);

        if (r != table[i].result)
            fail_msg("row %zu: %d, %s", i, r, r < 0 ? e.msg : "accepted");
        assert_string_equal(in.id, r == 0 ? "Q1" : "untouched");
    }
}

static void believes_only_the_note_that_was_written(void **state)
{
    static const struct {
        const char *body, *note_id, *content;
        int result;
    } table[] = {
        {"{\"note\":{\"id\":\"PN1\",\"content\":\"hello\\n\"}}", NULL, "hello", 0},
        {"{\"note\":{\"id\":\"PN1\",\"content\":\"hello\"}}", "PN1", " hello ", 0},
        {"{\"note\":{\"id\":\"PN2\",\"content\":\"hello\"}}", "PN1", "hello", ERR_UNSURE},
        {"{\"note\":{\"id\":\"PN1\",\"content\":\"hell\"}}", NULL, "hello", ERR_UNSURE},
        {"{\"note\":{\"id\":\"PN1\",\"content\":null}}", NULL, "hello", ERR_UNSURE},
        {"{\"note\":{\"id\":\"P/1\",\"content\":\"hello\"}}", NULL, "hello", ERR_UNSURE},
        {"{\"note\":{\"content\":\"hello\"}}", NULL, "hello", ERR_UNSURE},
        {"{\"notes\":[]}", NULL, "hello", ERR_UNSURE},
        {"<html>", NULL, "hello", ERR_UNSURE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct pd_note note = {0};
        struct err e;
        int r = pd_written_note(arena, table[i].body, strlen(table[i].body), table[i].note_id,
                                table[i].content, &note, &e);

        if (r != table[i].result)
            fail_msg("row %zu: %d", i, r);
        if (r == 0)
            assert_string_equal(note.id, "PN1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(builds_minimal_bodies, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_bad_ids_actors_and_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(believes_only_answers_that_show_the_change, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(believes_only_the_note_that_was_written, setup, teardown),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
