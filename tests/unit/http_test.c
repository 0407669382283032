#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/schema.h"
#include "http/http_api.h"
#include "http/http_priv.h"

extern const char openapi_json[];
extern const size_t openapi_json_len;

/* ---- routes ---- */

static struct request *request_for(const char *method, const char *path)
{
    struct request *r = mem_alloc(sizeof *r);

    snprintf(r->method, sizeof r->method, "%s", method);
    snprintf(r->path, sizeof r->path, "%s", path);
    return r;
}

static void a_path_finds_its_row_or_the_methods_it_has(void **state)
{
    static const struct {
        const char *method, *path;
        const char *row, *arg0, *arg1; /* row NULL: no row */
        const char *allow;
    } rows[] = {
        {"GET", "/healthz", "/healthz", NULL, NULL, NULL},
        {"HEAD", "/healthz", "/healthz", NULL, NULL, NULL},
        {"POST", "/healthz", NULL, NULL, NULL, "GET, HEAD"},
        {"OPTIONS", "/healthz", NULL, NULL, NULL, "GET, HEAD"},
        {"", "/healthz", NULL, NULL, NULL, "GET, HEAD"}, /* a method longer than any of ours */
        {"GET", "/healthz/", NULL, NULL, NULL, ""},
        {"GET", "/healthzz", NULL, NULL, NULL, ""},
        {"GET", "/health", NULL, NULL, NULL, ""},
        {"GET", "", NULL, NULL, NULL, ""},
        {"GET", "*", NULL, NULL, NULL, ""},
        {"GET", "//healthz", NULL, NULL, NULL, ""},
        {"get", "/healthz", NULL, NULL, NULL, "GET, HEAD"},
        {"POST", "/webhooks/pagerduty", "/webhooks/pagerduty", NULL, NULL, NULL},
        {"POST", "/webhooks/pagerduty/", NULL, NULL, NULL, ""},
        {"POST", "/webhooks/pagerduty/a", "/webhooks/pagerduty/{name}", "a", NULL, NULL},
        {"POST", "/webhooks/pagerduty/a/b", NULL, NULL, NULL, ""},
        {"GET", "/webhooks/pagerduty", NULL, NULL, NULL, "POST"},
        {"HEAD", "/webhooks/pagerduty", NULL, NULL, NULL, "POST"},
        {"GET", "/api/v1/incidents/Q1", "/api/v1/incidents/{id}", "Q1", NULL, NULL},
        {"GET", "/api/v1/incidents/Q1/evidence/3", "/api/v1/incidents/{id}/evidence/{num}", "Q1",
         "3", NULL},
        {"GET", "/api/v1/incidents//evidence/3", NULL, NULL, NULL, ""},
        {"GET", "/api/v1/incidents/Q1/evidence/", NULL, NULL, NULL, ""},
        {"GET", "/api/v1/audit/export", "/api/v1/audit/export", NULL, NULL, NULL},
        {"GET", "/api/v1/audit/17", "/api/v1/audit/{seq}", "17", NULL, NULL},
        {"DELETE", "/api/v1/standing", NULL, NULL, NULL, "GET, HEAD, POST"},
        {"POST", "/api/v1/proposals/1/decision", "/api/v1/proposals/{id}/decision", "1", NULL,
         NULL},
        {"GET", "/api/v1/proposals/1/decision", NULL, NULL, NULL, "POST"}, /* X4: no link decides */
        {"HEAD", "/api/v1/proposals/1/decision", NULL, NULL, NULL, "POST"},
        {"POST", "/api/v1/proposals/1/decision/", NULL, NULL, NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(mem_freep) struct request *r = request_for(rows[i].method, rows[i].path);
        const struct route *found = route_find(r);

        print_message("%s %s\n", rows[i].method, rows[i].path);
        if (!rows[i].row) {
            assert_null(found);
            assert_string_equal(r->allow, rows[i].allow);
            continue;
        }
        assert_non_null(found);
        assert_string_equal(found->path, rows[i].row);
        if (rows[i].arg0)
            assert_string_equal(r->args[0], rows[i].arg0);
        else
            assert_null(r->args[0]);
        if (rows[i].arg1)
            assert_string_equal(r->args[1], rows[i].arg1);
    }
}

static void the_longest_path_is_matched_whole(void **state)
{
    AUTO(mem_freep) struct request *r = request_for("GET", "/api/v1/incidents/");
    size_t len = strlen(r->path);

    (void)state;
    memset(r->path + len, 'A', URL_MAX - 1 - len);
    r->path[URL_MAX - 1] = '\0';
    assert_non_null(route_find(r));
    assert_int_equal(strlen(r->args[0]), URL_MAX - 1 - len);
}

/* Each row with what the description says about it; json_object_update and the like would hide a missing one. */
static void check_row(const struct route *row, json_t *doc)
{
    static const char *const roles[] = {[ROLE_NONE] = "none",
                                        [ROLE_VIEWER] = "viewer",
                                        [ROLE_RESPONDER] = "responder",
                                        [ROLE_ADMIN] = "admin"};
    char method[8] = {0};
    const json_t *op;

    for (size_t i = 0; row->method[i]; i++)
        method[i] = (char)(row->method[i] | 0x20);
    op = json_object_get(json_object_get(json_object_get(doc, "paths"), row->path), method);
    print_message("%s %s\n", row->method, row->path);
    assert_non_null(op);
    assert_string_equal(json_opt_str(op, "x-least-role"), roles[row->role]);
    if (row->role == ROLE_NONE)
        return;
    assert_int_equal(json_opt_bool(op, "x-local", false), (row->flags & ROUTE_LOCAL) != 0);
    assert_int_equal(json_opt_bool(op, "x-agent", false), (row->flags & ROUTE_AGENT) != 0);
}

static void every_row_is_described_and_every_description_has_its_row(void **state)
{
    AUTO(json_freep) json_t *doc = NULL;
    struct err e = {0};
    const char *path, *method;
    json_t *item, *op;
    size_t described = 0;

    (void)state;
    assert_int_equal(json_parse(openapi_json, openapi_json_len, JSON_TEXT_MAX_TOKENS, &doc, &e), 0);
    for (size_t i = 0; i < base_routes_len; i++)
        check_row(&base_routes[i], doc);
    for (size_t i = 0; i < api_routes_len; i++)
        check_row(&api_routes[i], doc);
    json_object_foreach (json_object_get(doc, "paths"), path, item)
        json_object_foreach (item, method, op) {
            assert_true(strcmp(method, "get") == 0 || strcmp(method, "post") == 0 ||
                        strcmp(method, "put") == 0 || strcmp(method, "patch") == 0 ||
                        strcmp(method, "delete") == 0);
            described++;
        }
    assert_int_equal(described, base_routes_len + api_routes_len);
}

/* INV-5, F-19: what decides, and what makes accounts that could, is closed to agents' accounts; what decides wants a person even on
 * the control socket. */
static void agents_read_and_propose_and_the_socket_alone_never_decides(void **state)
{
    static const char *const deciding[] = {"/api/v1/proposals/{id}/decision",
                                           "/api/v1/proposals/{id}/edit",
                                           "/api/v1/proposals/{id}/undo",
                                           "/api/v1/proposals/{id}/settle",
                                           "/api/v1/standing",
                                           "/api/v1/standing/{id}"};

    (void)state;
    for (size_t i = 0; i < api_routes_len; i++) {
        const struct route *x = &api_routes[i];
        bool reads = strcmp(x->method, "GET") == 0;
        bool proposes = strcmp(x->path, "/api/v1/incidents/{id}/proposals") == 0;

        print_message("%s %s\n", x->method, x->path);
        assert_int_equal((x->flags & ROUTE_AGENT) != 0, reads || proposes);
        for (size_t k = 0; k < ARRAY_LEN(deciding); k++)
            if (!reads && strcmp(x->path, deciding[k]) == 0) {
                assert_false(x->flags & ROUTE_LOCAL);
                assert_true(x->role >= ROLE_RESPONDER);
            }
        if (!reads)
            assert_true(x->role >= ROLE_RESPONDER);
    }
}

/* ---- bodies ---- */

static void bodies_take_what_is_described_and_nothing_else(void **state)
{
    static const struct {
        const char *schema, *body;
        bool good;
    } rows[] = {
        {"DecisionRequest",
         "{\"digest\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\","
         "\"verdict\":\"approve\"}",
         true},
        {"DecisionRequest",
         "{\"digest\":\"00112233445566778899AABBccddeeff00112233445566778899aabbccddeeff\","
         "\"verdict\":\"approve\"}",
         false},
        {"DecisionRequest", "{\"digest\":\"\",\"verdict\":\"approve\"}", false},
        {"DecisionRequest", "{\"verdict\":\"approve\"}", false},
        {"KillSwitchRequest", "{\"engaged\":true}", true},
        {"KillSwitchRequest", "{\"engaged\":\"true\"}", false},
        {"KillSwitchRequest", "{\"engaged\":true,\"force\":true}", false},
        {"UserRequest", "{\"name\":\"A\",\"email\":\"a@b.c\",\"role\":\"admin\"}", true},
        {"UserRequest", "{\"name\":\"A\",\"email\":\"a@b.c\",\"role\":\"root\"}", false},
        {"UserRequest", "{\"name\":\"A\",\"email\":\"a@b.c\",\"role\":\"admin\",\"id\":1}", false},
        {"UserChange", "{}", false},
        {"UserChange", "{\"disabled\":true}", true},
        {"TokenRequest", "{\"label\":\"\"}", false},
        {"ProposalRequest", "{\"actions\":[]}", false},
        {"ProposalRequest", "{\"actions\":[{\"verb\":\"add_note\",\"args\":{\"content\":\"x\"}}]}",
         true},
        {"ProposalRequest", "{\"actions\":[{\"verb\":\"add_note\",\"target\":\"Q9\"}]}", false},
        {"EditRequest", "[]", false},
        {"SettleRequest", "{\"happened\":true,\"reason\":\"\"}", false},
        {"StandingRequest", "{\"template\":\"triage-note\",\"services\":[\"*\"]}", true},
        {"StandingRequest", "{\"template\":\"anything\"}", false},
    };
    struct http_schemas *all = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(http_schemas_new(&all, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(json_freep) json_t *j = NULL;
        struct schema_problem p;

        print_message("%s %s\n", rows[i].schema, rows[i].body);
        assert_int_equal(json_parse(rows[i].body, strlen(rows[i].body), 1000, &j, &e), 0);
        assert_int_equal(schema_check(http_schema(all, rows[i].schema), j, &p, 1) == 0,
                         rows[i].good);
    }
    http_schemas_free(all);
}

/* ---- escapes ---- */

static void escapes_are_decoded_but_nothing_that_could_cut(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"/a%20b", "/a b"},     {"%41%62%2f", "Ab/"}, {"/a%00b", "/a%00b"}, {"%0d%0a", "%0d%0a"},
        {"%7f", "%7f"},         {"%1F%20", "%1F "},   {"%", "%"},           {"%4", "%4"},
        {"%zz%41", "%zzA"},     {"%%41", "%A"},       {"%25%30%30", "%00"}, {"", ""},
        {"%c3%b8", "\xc3\xb8"}, {"%ff", "\xff"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char s[32];

        snprintf(s, sizeof s, "%s", rows[i].in);
        assert_int_equal(guard_unescape(NULL, NULL, s), strlen(rows[i].out));
        assert_string_equal(s, rows[i].out);
    }
}

/* ---- statuses ---- */

static void each_error_has_its_status(void **state)
{
    static const struct {
        enum err_code code;
        int status;
    } rows[] = {{ERR_NONE, 200},   {ERR_INPUT, 422}, {ERR_NOT_FOUND, 404}, {ERR_CONFLICT, 409},
                {ERR_DENIED, 403}, {ERR_RETRY, 503}, {ERR_UNSURE, 503},    {ERR_INTERNAL, 500}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct err e = {.code = rows[i].code};

        assert_int_equal(status_of(&e), rows[i].status);
    }
}

static void a_problem_is_json_whatever_the_request_brought(void **state)
{
    AUTO(mem_freep) struct request *r = request_for("GET", "/");
    AUTO(json_freep) json_t *j = NULL;
    struct err e = {0};

    (void)state;
    answer_problem(r, 404, "nothing is at %s", "/\xff\xfe\x1b[31m\xe2\x80\xae");
    assert_int_equal(json_parse(r->reply, r->reply_len, 100, &j, &e), 0);
    assert_int_equal(json_opt_int(j, "status", 0), 404);
    assert_string_equal(json_opt_str(j, "title"), "Not found");
    assert_non_null(strstr(json_opt_str(j, "detail"), "nothing is at /"));
    assert_null(strchr(json_opt_str(j, "detail"), 0x1b));
    mem_freep(&r->reply);
}

/* ---- failed verifications ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static const struct sockaddr *address(union address *a, const char *text)
{
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &a->v6.sin6_addr), 1);
        a->v6.sin6_family = AF_INET6;
    }
    return &a->any;
}

static bool count(struct failed_table *t, const char *text, int64_t now)
{
    union address a;

    return failed_count(t, text ? address(&a, text) : NULL, 3, now);
}

static void an_address_fails_as_often_as_the_limit_says_within_a_minute(void **state)
{
    struct failed_table *t = failed_new();

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(count(t, "192.0.2.1", 1000 + i));
    assert_false(count(t, "192.0.2.1", 1003));
    assert_false(count(t, "192.0.2.1", 60999));
    assert_true(count(t, "192.0.2.2", 1004));  /* another address is untouched */
    assert_true(count(t, "192.0.2.1", 61000)); /* a new minute */
    failed_free(t);
}

/* Each pair is one sender, or two. */
static void addresses_that_are_one_sender_share_a_count(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"2001:db8::1", "2001:db8::2", true}, /* one /64 */
        {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
        {"c000:201::", "192.0.2.1", false}, /* the same first bytes */
        {"::", "0.0.0.0", false},
        {NULL, NULL, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct failed_table *t = failed_new();

        for (int k = 0; k < 3; k++)
            assert_true(count(t, rows[i].a, 5));
        assert_int_equal(count(t, rows[i].b, 5), !rows[i].same);
        failed_free(t);
    }
}

static void a_flood_of_addresses_uses_no_more_memory_and_limits_go_on(void **state)
{
    struct failed_table *t = failed_new();
    char text[32];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, "10.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
        assert_true(count(t, text, 1000 + i / 100)); /* fresh addresses are never refused */
    }
    for (int i = 0; i < 3; i++)
        assert_true(count(t, "192.0.2.1", 3000));
    assert_false(count(t, "192.0.2.1", 3000));
    failed_free(t);
}

struct hammer {
    struct failed_table *table;
    atomic_int within;
};

static void *hammer(void *arg)
{
    struct hammer *h = arg;
    union address a;

    for (int i = 0; i < 2000; i++)
        atomic_fetch_add(&h->within,
                         failed_count(h->table, address(&a, "192.0.2.9"), 1000, 77) ? 1 : 0);
    return NULL;
}

static void threads_count_together(void **state)
{
    struct hammer h = {.table = failed_new()};
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &h), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&h.within), 1000);
    failed_free(h.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_its_row_or_the_methods_it_has),
        cmocka_unit_test(the_longest_path_is_matched_whole),
        cmocka_unit_test(every_row_is_described_and_every_description_has_its_row),
        cmocka_unit_test(agents_read_and_propose_and_the_socket_alone_never_decides),
        cmocka_unit_test(bodies_take_what_is_described_and_nothing_else),
        cmocka_unit_test(escapes_are_decoded_but_nothing_that_could_cut),
        cmocka_unit_test(each_error_has_its_status),
        cmocka_unit_test(a_problem_is_json_whatever_the_request_brought),
        cmocka_unit_test(an_address_fails_as_often_as_the_limit_says_within_a_minute),
        cmocka_unit_test(addresses_that_are_one_sender_share_a_count),
        cmocka_unit_test(a_flood_of_addresses_uses_no_more_memory_and_limits_go_on),
        cmocka_unit_test(threads_count_together),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
