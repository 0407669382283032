/* The requests we read with: what they look like, and what they refuse to become (S2 of the threat model). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "pd_test.h"

#define BASE "https://api.pagerduty.com"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new((size_t)1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_freep(&arena);
    return 0;
}

static const char *url_of(const char *base, enum pd_op_id op, const struct pd_args *args)
{
    const struct pd_client c = {.base_url = base};
    struct net_req r;
    struct err e;

    if (pd_get(arena, &c, op, args, &r, &e) < 0)
        fail_msg("%s: %s", pd_op(op)->name, e.msg);
    return r.url;
}

static void builds_the_documented_urls(void **state)
{
    static const char *const ids[] = {"PEPCORE", "PEP2"};
    static const char *const open_ones[] = {"triggered", "acknowledged"};
    const struct {
        enum pd_op_id op;
        struct pd_args args;
        const char *url;
    } table[] = {
        {PD_OP_INCIDENT,
         {.id = "Q1"},
         BASE "/incidents/Q1?include%5B%5D=custom_fields&include%5B%5D=conference_bridge"},
        {PD_OP_ALERTS,
         {.id = "Q1"},
         BASE "/incidents/Q1/alerts?limit=100&sort_by=created_at%3Aasc"},
        {PD_OP_ALERTS,
         {.id = "Q1", .limit = 20, .offset = 40},
         BASE "/incidents/Q1/alerts?limit=20&offset=40&sort_by=created_at%3Aasc"},
        {PD_OP_NOTES, {.id = "Q1"}, BASE "/incidents/Q1/notes"},
        {PD_OP_LOG_ENTRIES,
         {.id = "Q1", .since_ms = 1789351867318},
         BASE "/incidents/Q1/log_entries?limit=100&include%5B%5D=channels"
              "&since=2026-09-14T02%3A11%3A07Z"},
        {PD_OP_PAST, {.id = "Q1"}, BASE "/incidents/Q1/past_incidents"},
        {PD_OP_PAST, {.id = "Q1", .limit = 999}, BASE "/incidents/Q1/past_incidents?limit=999"},
        {PD_OP_ONCALLS,
         {.ids = ids, .n_ids = 2},
         BASE
         "/oncalls?limit=100&escalation_policy_ids%5B%5D=PEPCORE&escalation_policy_ids%5B%5D=PEP2"
         "&include%5B%5D=users"},
        {PD_OP_INCIDENTS,
         {.statuses = open_ones, .n_statuses = 2, .since_ms = 1000, .until_ms = 61000},
         BASE "/incidents?limit=100&statuses%5B%5D=triggered&statuses%5B%5D=acknowledged"
              "&since=1970-01-01T00%3A00%3A01Z&until=1970-01-01T00%3A01%3A01Z"
              "&sort_by=created_at%3Aasc"},
        {PD_OP_LOG_ALL,
         {.since_ms = 1000, .until_ms = 61000, .offset = 100},
         BASE "/log_entries?limit=100&offset=100&since=1970-01-01T00%3A00%3A01Z"
              "&until=1970-01-01T00%3A01%3A01Z"},
        {PD_OP_USERS,
         {.query = "ann+x@example.com & co"},
         BASE "/users?limit=100&query=ann%2Bx%40example.com%20%26%20co"},
        {PD_OP_ME, {0}, BASE "/users/me"},
        {PD_OP_DEPENDENCIES, {.id = "P1"}, BASE "/service_dependencies/technical_services/P1"},
        {PD_OP_SUBSCRIPTION, {.id = "PWH1"}, BASE "/webhook_subscriptions/PWH1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        assert_string_equal(url_of(BASE, table[i].op, &table[i].args), table[i].url);
    assert_string_equal(url_of(BASE "///", PD_OP_ABILITIES, NULL), BASE "/abilities");
    assert_string_equal(url_of("http://127.0.0.1:8080/pd/", PD_OP_ABILITIES, NULL),
                        "http://127.0.0.1:8080/pd/abilities");
}

static const char *header(const struct net_req *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

static void every_row_carries_the_right_headers_and_cannot_write(void **state)
{
    static const char *const ids[] = {"P1"};
    struct secret *token = secret_new("y_NbAkKc66ryYTWUXYEu", 20);
    struct pd_client c = {.base_url = BASE, .token = token};

    (void)state;
    for (int op = 0; op < PD_OP_COUNT; op++) {
        const struct pd_op *row = pd_op((enum pd_op_id)op);
        struct pd_args args = {0};
        struct net_req r;
        struct err e;

        if (strstr(row->path, "{id}"))
            args.id = "P1";
        for (const struct pd_param *p = row->params; p->name; p++)
            if (p->needed) {
                args.ids = ids;
                args.n_ids = 1;
            }
        c.auth = op % 2 ? PD_AUTH_BEARER : PD_AUTH_TOKEN;
        if (pd_get(arena, &c, (enum pd_op_id)op, &args, &r, &e) < 0)
            fail_msg("%s: %s", row->name, e.msg);
        assert_string_equal(r.method, "GET");
        assert_false(r.write);
        assert_int_equal(r.body_len, 0);
        assert_string_equal(header(&r, "Accept"), "application/vnd.pagerduty+json;version=2");
        assert_string_equal(header(&r, "Content-Type"), "application/json");
        assert_ptr_equal(r.auth, token);
        assert_string_equal(r.auth_prefix, op % 2 ? "Bearer " : "Token token=");
        assert_int_equal(r.cls, row->rank >= PD_RANK_OPTIONAL ? NET_OPTIONAL : NET_NEEDED);
        assert_null(strstr(r.url, "{"));
    }
    secret_free(token);
}

static void refuses_ids_that_could_leave_their_place(void **state)
{
    static const char *const bad[] = {"",
                                      "Q1/notes",
                                      "../users",
                                      "Q1?x=1",
                                      "Q1#",
                                      "Q1%2F",
                                      "Q 1",
                                      "Q1\r\nX: y",
                                      "Q1\n",
                                      "Q1&a=b",
                                      "é",
                                      ".",
                                      "0123456789012345678901234567890123"};
    const struct pd_client c = {.base_url = BASE};
    struct net_req r = {.url = "untouched"};
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pd_args path = {.id = bad[i]}, list = {.ids = &bad[i], .n_ids = 1};

        if (pd_get(arena, &c, PD_OP_INCIDENT, &path, &r, &e) != ERR_INPUT)
            fail_msg("path id %zu accepted", i);
        if (pd_get(arena, &c, PD_OP_ONCALLS, &list, &r, &e) != ERR_INPUT)
            fail_msg("list id %zu accepted", i);
    }
    assert_int_equal(pd_get(arena, &c, PD_OP_INCIDENT, NULL, &r, &e), ERR_INPUT);
    assert_string_equal(r.url, "untouched");
}

static void refuses_what_would_answer_with_too_much(void **state)
{
    static const char *const ids[] = {"P1", NULL};
    static const char *const bogus[] = {"open"};
    const struct {
        enum pd_op_id op;
        struct pd_args args;
    } table[] = {
        {PD_OP_ONCALLS, {0}},                                    /* everybody */
        {PD_OP_MAINTENANCE, {0}},                                /* every service */
        {PD_OP_ONCALLS, {.ids = ids, .n_ids = 2}},               /* a missing id */
        {PD_OP_ALERTS, {.id = "Q1", .limit = 101}},              /* over the cap */
        {PD_OP_PAST, {.id = "Q1", .limit = 1000}},               /* likewise */
        {PD_OP_ALERTS, {.id = "Q1", .offset = 9950}},            /* a 400 of PagerDuty's */
        {PD_OP_NOTES, {.id = "Q1", .limit = 10}},                /* not paged */
        {PD_OP_NOTES, {.id = "Q1", .since_ms = 1}},              /* no window */
        {PD_OP_PAST, {.id = "Q1", .offset = 5}},                 /* no way on */
        {PD_OP_ALERTS, {.id = "Q1", .ids = ids, .n_ids = 1}},    /* no such filter */
        {PD_OP_INCIDENTS, {.id = "Q1"}},                         /* a list has no id */
        {PD_OP_INCIDENTS, {.query = "x"}},                       /* no search */
        {PD_OP_INCIDENTS, {.statuses = bogus, .n_statuses = 1}}, /* ignored by PagerDuty */
    };
    const struct pd_client c = {.base_url = BASE};
    struct net_req r;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (pd_get(arena, &c, table[i].op, &table[i].args, &r, &e) != ERR_INPUT)
            fail_msg("row %zu accepted", i);
}

static void refuses_more_than_a_url_holds(void **state)
{
    static const char *many[PD_ARGS_IDS_MAX + 1];
    char query[PD_ARGS_IDS_MAX * 100];
    const struct pd_client c = {.base_url = BASE};
    struct pd_args args = {.ids = many, .n_ids = PD_ARGS_IDS_MAX + 1};
    struct net_req r;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = "P1";
    assert_int_equal(pd_get(arena, &c, PD_OP_ONCALLS, &args, &r, &e), ERR_INPUT);
    args.n_ids = PD_ARGS_IDS_MAX;
    assert_int_equal(pd_get(arena, &c, PD_OP_ONCALLS, &args, &r, &e), 0);
    memset(query, 'x', sizeof(query) - 1);
    query[sizeof(query) - 1] = '\0';
    args = (struct pd_args){.query = query};
    assert_int_equal(pd_get(arena, &c, PD_OP_USERS, &args, &r, &e), ERR_INPUT);
}

static void ranks_what_an_incident_needs_before_what_may_be_missing(void **state)
{
    (void)state;
    for (int op = 0; op < PD_OP_COUNT; op++) {
        const struct pd_op *row = pd_op((enum pd_op_id)op);

        /* Past, related, outlier: nobody's triage fails without them, so all of them are optional. */
        if (row->feature && strstr(row->feature, "AIOps"))
            assert_true(row->rank >= PD_RANK_OPTIONAL);
    }
    assert_true(pd_op(PD_OP_INCIDENT)->rank < pd_op(PD_OP_ALERTS)->rank);
    assert_true(pd_op(PD_OP_ALERTS)->rank < pd_op(PD_OP_LOG_ENTRIES)->rank);
    assert_true(pd_op(PD_OP_ONCALLS)->rank < PD_RANK_OPTIONAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(builds_the_documented_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(every_row_carries_the_right_headers_and_cannot_write, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(refuses_ids_that_could_leave_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_would_answer_with_too_much, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_more_than_a_url_holds, setup, teardown),
        cmocka_unit_test(ranks_what_an_incident_needs_before_what_may_be_missing),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
