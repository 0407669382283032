/* The scanner of intake: I10 of the threat model, and that it says what the full parse says. INV-9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "pd_test.h"

#define ARENA_BYTES PD_EVENT_ARENA_BYTES

static bool slice_eq(const struct pd_slice *s, const char *text)
{
    if (!s->p || !text)
        return !s->p && !text;
    return s->len == strlen(text) && memcmp(s->p, text, s->len) == 0;
}

#define EV(rest) "{\"event\":{\"id\":\"E1\",\"event_type\":\"t.x\"" rest "}}"

static void finds_the_members_at_their_place(void **state)
{
    static const struct {
        const char *body, *id, *type, *occurred, *incident;
    } table[] = {
        {EV(""), "E1", "t.x", NULL, NULL},
        {" \n{ \"event\" : { \"event_type\" : \"t\" , \"id\" : \"A\" } } ", "A", "t", NULL, NULL},
        {EV(",\"occurred_at\":\"2026-09-14T02:11:07Z\""), "E1", "t.x", "2026-09-14T02:11:07Z",
         NULL},
        {"{\"id\":\"X\",\"event_type\":\"Y\",\"event\":{\"data\":{\"id\":\"Z\"}}}", NULL, NULL,
         NULL, NULL},
        {"{\"a\":{\"event\":{\"id\":\"X\"}},\"event\":{\"id\":\"E1\",\"event_type\":\"t.x\"}}",
         "E1", "t.x", NULL, NULL},
        {"{\"event\":{\"agent\":{\"id\":\"AG\"},\"id\":\"E1\",\"event_type\":\"t.x\"}}", "E1",
         "t.x", NULL, NULL},
        {"{\"event\":{\"id\":5,\"event_type\":null}}", NULL, NULL, NULL, NULL},
        {"{\"event\":{\"id\":\"\",\"event_type\":{\"id\":\"q\"}}}", NULL, NULL, NULL, NULL},
        {"{\"event\":[{\"id\":\"X\"}]}", NULL, NULL, NULL, NULL},
        {"{\"event\":\"text\"}", NULL, NULL, NULL, NULL},
        {"{}", NULL, NULL, NULL, NULL},
        {EV(",\"data\":{\"id\":\"Q1\",\"type\":\"incident\"}"), "E1", "t.x", NULL, "Q1"},
        {EV(",\"data\":{\"type\":\"incident\",\"id\":\"Q1\",\"incident\":{\"id\":\"Q2\"}}"), "E1",
         "t.x", NULL, "Q1"},
        {EV(",\"data\":{\"id\":\"N1\",\"type\":\"incident_note\",\"incident\":{\"id\":\"Q2\"}}"),
         "E1", "t.x", NULL, "Q2"},
        {EV(",\"data\":{\"id\":\"N1\",\"incident\":{\"service\":{\"id\":\"S\"},\"id\":\"Q2\"}}"),
         "E1", "t.x", NULL, "Q2"},
        {EV(",\"data\":{\"incident_role_assignments\":[{\"incident\":{\"id\":\"Q3\"}},"
            "{\"incident\":{\"id\":\"Q4\"}}]}"),
         "E1", "t.x", NULL, "Q3"},
        {EV(",\"data\":{\"incident_role_assignments\":[7,[{\"incident\":{\"id\":\"no\"}}],{},"
            "{\"incident\":null},{\"incident\":{\"id\":\"Q4\"}}]}"),
         "E1", "t.x", NULL, "Q4"},
        {EV(",\"data\":{\"incident_role_assignments\":{\"incident\":{\"id\":\"Q3\"}}}"), "E1",
         "t.x", NULL, NULL},
        {EV(",\"data\":{\"id\":\"../x\",\"type\":\"incident\"}"), "E1", "t.x", NULL, NULL},
        {EV(",\"data\":{\"id\":\"P1\",\"type\":\"service\"}"), "E1", "t.x", NULL, NULL},
        {EV(",\"n\":[-1.5e+3,0,true,false,null,\"\\u00e9\\n\\\"\"]"), "E1", "t.x", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct pd_scan s;

        if (pd_scan(table[i].body, strlen(table[i].body), &s) != 0)
            fail_msg("row %zu refused: %s", i, table[i].body);
        if (s.needs_full || !slice_eq(&s.id, table[i].id) || !slice_eq(&s.type, table[i].type) ||
            !slice_eq(&s.occurred_at, table[i].occurred) ||
            !slice_eq(&s.incident_id, table[i].incident))
            fail_msg("row %zu read wrongly: %s", i, table[i].body);
    }
}

static void leaves_escapes_to_the_full_parse(void **state)
{
    static const struct {
        const char *body;
        bool needs_full;
    } table[] = {
        {"{\"event\":{\"id\":\"a\\u0062\",\"event_type\":\"t\"}}", true},
        {"{\"event\":{\"id\":\"a\",\"event_type\":\"t\\/x\"}}", true},
        {"{\"event\":{\"\\u0069d\":\"a\",\"event_type\":\"t\"}}", true},
        {"{\"\\u0065vent\":{\"id\":\"a\",\"event_type\":\"t\"}}", true},
        {"{\"event\":{\"id\":\"a\",\"event_type\":\"t\",\"data\":{\"ty\\u0070e\":\"incident\"}}}",
         true},
        {"{\"event\":{\"id\":\"a\",\"event_type\":\"t\",\"data\":{\"title\":\"\\u0069\"}}}", false},
        {"{\"event\":{\"id\":\"a\",\"event_type\":\"t\",\"agent\":{\"\\u0069d\":\"x\"}}}", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct pd_scan s;

        assert_int_equal(pd_scan(table[i].body, strlen(table[i].body), &s), 0);
        if (s.needs_full != table[i].needs_full || (s.needs_full && s.id.p))
            fail_msg("row %zu: %s", i, table[i].body);
    }
}

static void refuses_broken_bodies(void **state)
{
    static const char *const table[] = {
        "",
        " ",
        "null",
        "[]",
        "\"event\"",
        "{",
        "{\"event\"",
        "{\"event\":",
        "{\"event\":}",
        "{\"event\":{}",
        "{\"event\":{}}}",
        "{\"event\":{}} x",
        "{\"event\":{}}{}",
        "{\"event\":{},}",
        "{,}",
        "{\"a\" \"b\"}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\":[1}",
        "{\"a\":{]}",
        "{\"a\":tru}",
        "{\"a\":truex}",
        "{\"a\":nul",
        "{\"a\":+}x",
        "{\"a\":undefined}",
        "{\"a\":\"unclosed}",
        "{\"a\":\"x\ny\"}",
        "{\"a\":\"x\\",
        "{\"a\":\"\\x\"}",
        "{\"a\":1}\v",
        "\xef\xbb\xbf{\"a\":1}",
        /* the same key twice, where it matters */
        "{\"event\":{},\"event\":{}}",
        "{\"event\":{\"id\":\"a\",\"id\":\"b\"}}",
        "{\"event\":{\"id\":\"a\",\"id\":\"a\"}}",
        "{\"event\":{\"id\":null,\"id\":\"b\"}}",
        "{\"event\":{\"event_type\":\"a\",\"x\":1,\"event_type\":\"b\"}}",
        "{\"event\":{\"data\":{},\"data\":{}}}",
        "{\"event\":{\"data\":{\"id\":\"a\",\"id\":\"b\"}}}",
        "{\"event\":{\"data\":{\"incident\":{\"id\":\"a\",\"id\":\"b\"}}}}",
    };
    struct pd_scan s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (pd_scan(table[i], strlen(table[i]), &s) != ERR_INPUT)
            fail_msg("row %zu accepted: %s", i, table[i]);
    assert_int_equal(pd_scan("{\"a\":\0}", 7, &s), ERR_INPUT);
    assert_int_equal(pd_scan("{\"a\":\"\0\"}", 9, &s), ERR_INPUT);
}

/* {"a":[[[...]]]} with that many containers, the outer object included. */
static char *nested(size_t depth)
{
    struct buf b = {0};

    buf_init(&b, (size_t)1024 * 1024);
    buf_puts(&b, "{\"a\":");
    for (size_t i = 1; i < depth; i++)
        buf_putc(&b, '[');
    for (size_t i = 1; i < depth; i++)
        buf_putc(&b, ']');
    buf_putc(&b, '}');
    return buf_take(&b, NULL);
}

static char *wide(size_t values)
{
    struct buf b = {0};

    buf_init(&b, (size_t)1024 * 1024);
    buf_puts(&b, "{\"a\":[1");
    for (size_t i = 1; i < values; i++)
        buf_puts(&b, ",1");
    buf_puts(&b, "]}");
    return buf_take(&b, NULL);
}

static int scan_and_free(char *body)
{
    struct pd_scan s;
    struct err e;
    json_t *j = NULL;
    int r = pd_scan(body, strlen(body), &s);

    /* The limits are the ones of every JSON reader here, so that both say the same. */
    assert_int_equal(r, json_parse(body, strlen(body), JSON_TEXT_MAX_TOKENS, &j, &e));
    json_freep(&j);
    free(body);
    return r;
}

static void holds_the_limits_of_depth_count_and_size(void **state)
{
    struct pd_scan s;
    char *large = mem_alloc(PD_EVENT_MAX_BYTES + 2), *brackets = mem_alloc(262145);

    (void)state;
    assert_int_equal(scan_and_free(nested(64)), 0);
    assert_int_equal(scan_and_free(nested(65)), ERR_INPUT);
    assert_int_equal(scan_and_free(wide(50000 - 3)), 0);
    assert_int_equal(scan_and_free(wide(50000 - 2)), ERR_INPUT);
    memset(large, ' ', PD_EVENT_MAX_BYTES + 1);
    large[0] = '{';
    large[1] = '}';
    assert_int_equal(pd_scan(large, PD_EVENT_MAX_BYTES, &s), 0);
    assert_int_equal(pd_scan(large, PD_EVENT_MAX_BYTES + 1, &s), ERR_INPUT);
    memset(brackets, '[', 262144);
    assert_int_equal(pd_scan(brackets, 262144, &s), ERR_INPUT);
    memcpy(brackets, "{\"a\":", 5);
    assert_int_equal(pd_scan(brackets, 262144, &s), ERR_INPUT);
    free(large);
    free(brackets);
}

static void agrees_with_the_full_parse_on_every_published_body(void **state)
{
    json_t *root = pd_data_json("signatures.json");
    const json_t *vectors = json_object_get(root, "vectors"), *v;
    struct arena *a = arena_new(ARENA_BYTES);
    size_t i;

    (void)state;
    json_array_foreach (vectors, i, v) {
        char name[256];
        size_t len = 0;
        char *body;
        struct pd_scan s = {0};
        struct pd_event ev;
        struct err e;
        int64_t occurred = 0;

        snprintf(name, sizeof(name), "webhooks/%s", json_opt_str(v, "body_file"));
        body = pd_data(name, &len);
        if (pd_scan(body, len, &s) != 0 || pd_event_parse(a, body, len, &ev, &e) != 0)
            fail_msg("%s refused", name);
        assert_false(s.needs_full);
        if (!slice_eq(&s.id, ev.id) || !slice_eq(&s.type, ev.type) ||
            !slice_eq(&s.incident_id, ev.incident_id))
            fail_msg("%s: the scanner and the full parse differ", name);
        assert_int_equal(time_parse_iso(s.occurred_at.p, s.occurred_at.len, &occurred, &e), 0);
        assert_int_equal(occurred, ev.occurred_ms);
        mem_freep(&body);
        arena_reset(a);
    }
    arena_free(a);
    json_decref(root);
}

/* A body cut anywhere is broken, never half an event. */
static void refuses_every_prefix_of_a_body(void **state)
{
    size_t len = 0;
    char *body = pd_data("webhooks/incident.triggered.json", &len);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        char *copy = mem_alloc(cut + 1); /* exact, so that a read behind the end is seen */
        struct pd_scan s;

        memcpy(copy, body, cut);
        if (pd_scan(copy, cut, &s) != ERR_INPUT)
            fail_msg("the first %zu bytes were accepted", cut);
        free(copy);
    }
    mem_freep(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_members_at_their_place),
        cmocka_unit_test(leaves_escapes_to_the_full_parse),
        cmocka_unit_test(refuses_broken_bodies),
        cmocka_unit_test(holds_the_limits_of_depth_count_and_size),
        cmocka_unit_test(agrees_with_the_full_parse_on_every_published_body),
        cmocka_unit_test(refuses_every_prefix_of_a_body),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
