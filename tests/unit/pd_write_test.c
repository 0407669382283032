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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(builds_minimal_bodies, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_bad_ids_actors_and_texts, setup, teardown),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
