#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

#define TOKENS JSON_TEXT_MAX_TOKENS

static const struct {
    const char *text;
    bool ok;
} documents[] = {
    {"{}", true},
    {"[]", true},
    {" \n[1, -2.5e3, true, false, null, \"a\\u00e9\\ud83d\\ude00\"]\r\n", true},
    {"{\"a\":{\"b\":[{}]}}", true},
    {"{\"a\":\"\\\\u0000\"}", true}, /* a backslash, then plain letters */
    {"{\"a\":1,\"a\":2}", false},
    {"{\"a\":\"\\u0000\"}", false},
    {"{\"a\\u0000b\":1}", false},
    {"[\"tab\there\"]", false},
    {"[\"open]", false},
    {"[\"open\\", false},
    {"[1", false},
    {"]", false},
    {"[}", false},
    {"[1] x", false},
    {"[01]", false},
    {"[1e999]", false},
    {"[99999999999999999999]", false},
    {"[\"\xff\"]", false},
    {"[\"\xed\xa0\x80\"]", false}, /* a surrogate in UTF-8 */
    {"", false},
    {"\"text\"", false}, /* documents are objects or arrays */
};

static void accepts_json_and_refuses_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        AUTO(json_freep) json_t *j = NULL;
        struct err e = {0};
        int rc = json_parse(documents[i].text, strlen(documents[i].text), TOKENS, &j, &e);

        if ((rc == 0) != documents[i].ok)
            fail_msg("%s: %s", documents[i].text, e.msg);
        assert_true(rc == 0 || (rc == ERR_INPUT && j == NULL));
    }
}

static void refuses_raw_nul_anywhere(void **state)
{
    static const char *const texts[] = {"[1@]", "[144@ ]", "[\"a@b\"]", "[\"a\\@\"]",
                                        "@[]",  "[]@",     "[tr@ue]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char text[32] = {0};
        size_t len = strlen(texts[i]);
        json_t *j = NULL;
        struct err e;

        memcpy(text, texts[i], len);
        *(char *)memchr(text, '@', len) = '\0';
        assert_int_equal(json_parse(text, len, TOKENS, &j, &e), ERR_INPUT);
        assert_int_equal(json_prescan(text, len, TOKENS, &e), ERR_INPUT);
    }
}

static char *nested(size_t depth)
{
    char *text = mem_alloc(2 * depth + 1);

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return text;
}

/* INV-9 */
static void refuses_deep_nesting_at_the_limit(void **state)
{
    AUTO(mem_freep) char *fits = nested(64);
    AUTO(mem_freep) char *deep = nested(65);
    AUTO(mem_freep) char *bomb = nested(262144);
    AUTO(json_freep) json_t *j = NULL;
    struct err e;

    (void)state;
    assert_int_equal(json_parse(fits, 128, TOKENS, &j, &e), 0);
    assert_int_equal(json_prescan(deep, 130, TOKENS, &e), ERR_INPUT);
    assert_int_equal(json_prescan(bomb, 262144, TOKENS, &e), ERR_INPUT);
}

/* INV-9 */
static void counts_strings_numbers_words_and_brackets(void **state)
{
    const char *text = "{\"a\":[1,true,\"x\"]}"; /* { "a" [ 1 true "x" */
    struct err e;

    (void)state;
    assert_int_equal(json_prescan(text, strlen(text), 6, &e), 0);
    assert_int_equal(json_prescan(text, strlen(text), 5, &e), ERR_INPUT);
}

/* INV-7 */
static void names_the_line_and_never_the_text(void **state)
{
    const char *text = "{\n\"a\": 1,\n\"b\": hunter2\n}";
    json_t *j = NULL;
    struct err e;

    (void)state;
    assert_int_equal(json_parse(text, strlen(text), TOKENS, &j, &e), ERR_INPUT);
    assert_non_null(strstr(e.msg, "line 3"));
    assert_null(strstr(e.msg, "hunter"));
}

static const char sample[] = "{\"s\":\"x\",\"n\":null,\"i\":7,\"r\":8.0,\"f\":8.5,\"b\":true,"
                             "\"o\":{\"k\":\"v\"},\"a\":[{\"id\":\"P1\"},2],"
                             "\"t\":\"2026-09-14T02:11:07Z\"}";

static void readers_take_null_missing_and_wrong_types_as_absent(void **state)
{
    AUTO(json_freep) json_t *j = NULL;
    struct err e;

    (void)state;
    assert_int_equal(json_parse(sample, strlen(sample), TOKENS, &j, &e), 0);
    assert_string_equal(json_opt_str(j, "s"), "x");
    assert_null(json_opt_str(j, "n"));
    assert_null(json_opt_str(j, "i"));
    assert_null(json_opt_str(NULL, "s"));
    assert_int_equal(json_opt_int(j, "i", -1), 7);
    assert_int_equal(json_opt_int(j, "r", -1), 8);
    assert_int_equal(json_opt_int(j, "f", -1), -1);
    assert_int_equal(json_opt_int(j, "s", -1), -1);
    assert_true(json_opt_bool(j, "b", false));
    assert_true(json_opt_bool(j, "n", true));
    assert_non_null(json_opt_obj(j, "o"));
    assert_null(json_opt_obj(j, "a"));
    assert_non_null(json_opt_arr(j, "a"));
    assert_null(json_opt_arr(j, "o"));
    assert_true(json_opt_time_ms(j, "t", -1) == 1789351867000);
    assert_true(json_opt_time_ms(j, "s", -1) == -1);
}

static void paths_walk_objects_and_arrays(void **state)
{
    AUTO(json_freep) json_t *j = NULL;
    struct err e;

    (void)state;
    assert_int_equal(json_parse(sample, strlen(sample), TOKENS, &j, &e), 0);
    assert_string_equal(json_at_str(j, "o.k"), "v");
    assert_string_equal(json_at_str(j, "a.0.id"), "P1");
    assert_int_equal(json_integer_value(json_at(j, "a.1")), 2);
    assert_null(json_at(j, "a.2"));
    assert_null(json_at(j, "a.x"));
    assert_null(json_at(j, "a."));
    assert_null(json_at(j, "s.k"));
    assert_null(json_at(j, "nothing.here"));
    assert_null(json_at(NULL, "a"));
}

static void canonical_text_does_not_depend_on_order(void **state)
{
    const char *one = "{\"b\": [1, 2],\n \"a\": \"\\u00f8/\"}", *two = "{\"a\":\"ø/\",\"b\":[1,2]}";
    AUTO(json_freep) json_t *x = NULL;
    AUTO(json_freep) json_t *y = NULL;
    AUTO(arena_freep) struct arena *a = arena_new(1000);
    struct err e;
    size_t len = 0;

    (void)state;
    assert_int_equal(json_parse(one, strlen(one), TOKENS, &x, &e), 0);
    assert_int_equal(json_parse(two, strlen(two), TOKENS, &y, &e), 0);
    assert_string_equal(json_canon_arena(a, x, &len), two);
    assert_int_equal(len, strlen(two));
    assert_string_equal(json_canon_arena(a, y, NULL), two);
}

static const struct {
    const char *in;
    const char *out;
} quotes[] = {
    {NULL, "null"},
    {"", "\"\""},
    {"a\"b\\c", "\"a\\\"b\\\\c\""},
    {"\n\r\t\x01\x1f\x7f", "\"\\n\\r\\t\\u0001\\u001f\\u007f\""},
    {"\xc2\x9b", "\"\\u009b\""}, /* a C1 control: "CSI" to some terminals */
    {"ø€😀", "\"ø€😀\""},
    {"a\xff\xc3", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
};

static void quotes_texts_for_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        AUTO(buf_done) struct buf b = {0};

        buf_init(&b, 1000);
        json_quote(&b, quotes[i].in);
        assert_string_equal(buf_str(&b), quotes[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_json_and_refuses_the_rest),
        cmocka_unit_test(refuses_raw_nul_anywhere),
        cmocka_unit_test(refuses_deep_nesting_at_the_limit),
        cmocka_unit_test(counts_strings_numbers_words_and_brackets),
        cmocka_unit_test(names_the_line_and_never_the_text),
        cmocka_unit_test(readers_take_null_missing_and_wrong_types_as_absent),
        cmocka_unit_test(paths_walk_objects_and_arrays),
        cmocka_unit_test(canonical_text_does_not_depend_on_order),
        cmocka_unit_test(quotes_texts_for_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
