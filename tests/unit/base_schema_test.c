#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/schema.h"

/* Single values are wrapped into a list, because documents are lists or objects. */
static json_t *value_of(const char *text)
{
    AUTO(buf_done) struct buf b = {0};
    AUTO(json_freep) json_t *list = NULL;
    struct err e = {0};

    buf_init(&b, 100000);
    buf_printf(&b, "[%s]", text);
    if (json_parse(b.data, b.len, JSON_TEXT_MAX_TOKENS, &list, &e) < 0)
        fail_msg("%s: %s", text, e.msg);
    return json_incref(json_array_get(list, 0));
}

static struct schema *schema_of(const char *text)
{
    struct schema *s = NULL;
    struct err e = {0};

    if (schema_new(text, strlen(text), &s, &e) < 0)
        fail_msg("%s: %s", text, e.msg);
    return s;
}

static const struct {
    const char *schema;
    const char *value;
    const char *pointer; /* NULL: valid */
    const char *msg;
} checks[] = {
    {"{}", "7", NULL, NULL},
    {"{\"title\":\"t\",\"description\":\"d\",\"default\":1,\"examples\":[],\"format\":\"x\","
     "\"$schema\":\"s\",\"$id\":\"i\"}",
     "7", NULL, NULL},
    {"{\"type\":\"integer\"}", "7", NULL, NULL},
    {"{\"type\":\"integer\"}", "7.0", NULL, NULL},
    {"{\"type\":\"integer\"}", "7.5", "", "expected integer, got number"},
    {"{\"type\":\"integer\"}", "\"7\"", "", "expected integer, got string"},
    {"{\"type\":\"integer\"}", "true", "", "expected integer, got boolean"},
    {"{\"type\":\"number\"}", "7", NULL, NULL},
    {"{\"type\":[\"string\",\"null\"]}", "null", NULL, NULL},
    {"{\"type\":[\"string\",\"null\"]}", "[]", "", "expected null or string, got array"},
    {"{\"type\":\"object\"}", "[]", "", "expected object, got array"},
    {"{\"const\":1}", "1.0", NULL, NULL},
    {"{\"const\":{\"a\":[1]}}", "{\"a\":[1.0]}", NULL, NULL},
    {"{\"const\":\"x\"}", "\"y\"", "", "expected \"x\""},
    {"{\"enum\":[\"a\",1,null]}", "null", NULL, NULL},
    {"{\"enum\":[\"a\",1,null]}", "2", "", "expected one of \"a\", 1, null"},
    {"{\"minimum\":1,\"maximum\":3}", "3", NULL, NULL},
    {"{\"minimum\":1,\"maximum\":3}", "0", "", "expected a number of at least 1"},
    {"{\"minimum\":1,\"maximum\":3}", "3.5", "", "expected a number of at most 3"},
    {"{\"maximum\":9223372036854775806}", "9223372036854775807", "",
     "expected a number of at most 9223372036854775806"},
    {"{\"exclusiveMinimum\":0}", "0", "", "expected a number above 0"},
    {"{\"exclusiveMinimum\":0}", "0.1", NULL, NULL},
    {"{\"minimum\":1}", "\"not a number\"", NULL, NULL},
    {"{\"minLength\":2,\"maxLength\":3}", "\"øøø\"", NULL, NULL},
    {"{\"minLength\":2}", "\"ø\"", "", "expected at least 2 characters"},
    {"{\"maxLength\":3}", "\"abcd\"", "", "expected at most 3 characters"},
    {"{\"pattern\":\"^a+$\"}", "\"aaa\"", NULL, NULL},
    {"{\"pattern\":\"^a+$\"}", "\"aab\"", "", "does not match ^a+$"},
    {"{\"pattern\":\"^a+$\"}", "\"aa\\n\"", "", "does not match ^a+$"},
    {"{\"pattern\":\"^.$\"}", "\"ø\"", NULL, NULL},
    {"{\"minItems\":1,\"maxItems\":2}", "[]", "", "expected at least 1 entries"},
    {"{\"minItems\":1,\"maxItems\":2}", "[1,2,3]", "", "expected at most 2 entries"},
    {"{\"uniqueItems\":true}", "[\"a\",\"b\",\"a\"]", "", "the same value occurs twice"},
    {"{\"uniqueItems\":true}", "[1,\"1\",{\"a\":1},{\"a\":2}]", NULL, NULL},
    {"{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1.0}]", "",
     "the same value occurs twice"},
    {"{\"items\":{\"type\":\"string\"}}", "[\"a\",1]", "/1", "expected string, got integer"},
    {"{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"integer\"}}", "[\"a\",1,2]",
     NULL, NULL},
    {"{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"integer\"}}", "[1,1]", "/0",
     "expected string, got integer"},
    {"{\"prefixItems\":[{}],\"items\":false}", "[1,2]", "/1", "nothing is allowed here"},
    {"{\"required\":[\"a\"]}", "{\"b\":1}", "", "the key 'a' is missing"},
    {"{\"required\":[\"a\"]}", "{\"a\":null}", NULL, NULL},
    {"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":1,\"b\":2}", "/a",
     "expected string, got integer"},
    {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"foo\":1}", "/foo",
     "unknown key 'foo'"},
    {"{\"properties\":{\"a\":{}},\"additionalProperties\":{\"type\":\"string\"}}",
     "{\"a\":1,\"b\":\"x\"}", NULL, NULL},
    {"{\"patternProperties\":{\"^x-\":{\"type\":\"string\"}},\"additionalProperties\":false}",
     "{\"x-a\":\"v\"}", NULL, NULL},
    {"{\"patternProperties\":{\"^x-\":{\"type\":\"string\"}},\"additionalProperties\":false}",
     "{\"x-a\":1}", "/x-a", "expected string, got integer"},
    {"{\"minProperties\":1}", "{}", "", "expected at least 1 keys"},
    {"{\"maxProperties\":1}", "{\"a\":1,\"b\":1}", "", "expected at most 1 keys"},
    {"{\"properties\":{\"a/b\":{\"properties\":{\"c~d\":{\"type\":\"null\"}}}}}",
     "{\"a/b\":{\"c~d\":1}}", "/a~1b/c~0d", "expected null, got integer"},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "7", NULL, NULL},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\",\"minimum\":5}]}", "3", "",
     "expected a number of at least 5"},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "3", "",
     "fits none of the 2 allowed forms"},
    {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "1", NULL, NULL},
    {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "2", "",
     "fits more than one of the allowed forms"},
    {"{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3", "", "expected a number of at most 2"},
    {"{\"not\":{\"type\":\"string\"}}", "\"x\"", "", "is a form that is not allowed"},
    {"{\"not\":{\"type\":\"string\"}}", "1", NULL, NULL},
    {"{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"integer\"}}}", "1", NULL, NULL},
    {"{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"integer\"}}}", "\"x\"", "",
     "expected integer, got string"},
    {"{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"all\":"
     "{\"items\":{\"$ref\":\"#/$defs/t\"}}}}}}",
     "{\"all\":[{\"all\":[{},3]}]}", "/all/0/all/1", "expected object, got integer"},
};

static void checks_each_keyword(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        AUTO(schema_freep) struct schema *s = NULL;
        AUTO(json_freep) json_t *v = value_of(checks[i].value);
        struct schema_problem p = {0};
        size_t n;

        s = schema_of(checks[i].schema);
        n = schema_check(s, v, &p, 1);
        if ((n == 0) != (checks[i].pointer == NULL))
            fail_msg("%s of %s: %zu problems, %s", checks[i].schema, checks[i].value, n, p.msg);
        if (checks[i].pointer) {
            assert_string_equal(p.pointer, checks[i].pointer);
            assert_string_equal(p.msg, checks[i].msg);
        }
    }
}

static void refuses_schemas_it_would_not_enforce(void **state)
{
    static const char *const schemas[] = {
        "{\"if\":{}}",
        "{\"multipleOf\":2}",
        "{\"properties\":{\"a\":{\"unknown\":1}}}",
        "{\"anyOf\":[{\"contains\":{}}]}",
        "{\"$defs\":{\"a\":{\"dependentRequired\":{}}}}",
        "{\"type\":\"text\"}",
        "{\"type\":[]}",
        "{\"type\":7}",
        "{\"enum\":[]}",
        "{\"enum\":\"a\"}",
        "{\"required\":\"a\"}",
        "{\"required\":[1]}",
        "{\"minLength\":-1}",
        "{\"minLength\":1.5}",
        "{\"minimum\":\"1\"}",
        "{\"pattern\":\"(\"}",
        "{\"pattern\":1}",
        "{\"patternProperties\":{\"[\":{}}}",
        "{\"properties\":[]}",
        "{\"properties\":{\"a\":1}}",
        "{\"items\":[{}]}",
        "{\"anyOf\":[]}",
        "{\"uniqueItems\":1}",
        "{\"additionalProperties\":\"no\"}",
        "{\"$ref\":\"#/$defs/missing\"}",
        "{\"$ref\":\"#/$defs/missing\",\"$defs\":{\"other\":{}}}",
        "{\"$ref\":\"https://example.com/s\"}",
        "{\"$ref\":\"#\"}",
        "{\"properties\":{\"a\":{\"$defs\":{}}}}",
        "[]",
        "{",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        struct schema *s = NULL;
        struct err e = {0};

        if (schema_new(schemas[i], strlen(schemas[i]), &s, &e) != ERR_INPUT)
            fail_msg("accepted: %s", schemas[i]);
        assert_null(s);
        assert_true(strlen(e.msg) > 0);
    }
}

static void counts_all_problems_and_writes_as_many_as_fit(void **state)
{
    AUTO(schema_freep) struct schema *s = schema_of("{\"items\":{\"type\":\"string\"}}");
    AUTO(json_freep) json_t *v = value_of("[1,\"a\",2,3]");
    struct schema_problem p[2];

    (void)state;
    assert_int_equal(schema_check(s, v, NULL, 0), 3);
    assert_int_equal(schema_check(s, v, p, 2), 3);
    assert_string_equal(p[0].pointer, "/0");
    assert_string_equal(p[1].pointer, "/2");
}

/* INV-9: a schema that loops or branches without end is given up, and what was not checked is not valid. */
static void gives_up_instead_of_hanging(void **state)
{
    static const char *const schemas[] = {
        "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}}}",
        ("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/a\"},"
         "{\"$ref\":\"#/$defs/a\"}]}}}"),
        "{\"not\":{\"$ref\":\"#/$defs/a\"},\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}}}",
        "{\"not\":{\"pattern\":\"^(a|aa)+$\"}}",
    };
    AUTO(json_freep)
    json_t *v = value_of("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        AUTO(schema_freep) struct schema *s = schema_of(schemas[i]);
        struct schema_problem p;

        assert_int_equal(schema_check(s, v, &p, 1), 1);
        assert_non_null(strstr(p.msg, "too deep, too large or too costly"));
    }
}

static void handles_large_unique_lists(void **state)
{
    AUTO(schema_freep) struct schema *s = schema_of("{\"uniqueItems\":true}");
    AUTO(json_freep) json_t *v = json_array();
    char text[16];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        text[0] = (char)('a' + i % 26);
        text[1] = (char)('a' + i / 26 % 26);
        text[2] = (char)('a' + i / 676 % 26);
        text[3] = (char)('a' + i / 17576);
        text[4] = '\0';
        json_array_append_new(v, json_string(text));
    }
    assert_int_equal(schema_check(s, v, NULL, 0), 0);
    json_array_append_new(v, json_string("aaaa"));
    assert_int_equal(schema_check(s, v, NULL, 0), 1);
}

static void cuts_long_pointers_and_keys_cleanly(void **state)
{
    AUTO(schema_freep) struct schema *s = schema_of("{\"additionalProperties\":false}");
    AUTO(json_freep) json_t *v = json_object();
    AUTO(json_freep) json_t *pointer = NULL;
    AUTO(json_freep) json_t *msg = NULL;
    struct schema_problem p;
    char key[400];

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(key); i += 2)
        memcpy(key + i, "\xc3\xb8", 2);
    key[398] = '\0';
    json_object_set_new(v, key, json_true());
    assert_int_equal(schema_check(s, v, &p, 1), 1);
    assert_true(strlen(p.pointer) < sizeof(p.pointer));
    pointer = json_string(p.pointer); /* NULL when it is not UTF-8 */
    msg = json_string(p.msg);
    assert_non_null(pointer);
    assert_non_null(msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_each_keyword),
        cmocka_unit_test(refuses_schemas_it_would_not_enforce),
        cmocka_unit_test(counts_all_problems_and_writes_as_many_as_fit),
        cmocka_unit_test(gives_up_instead_of_hanging),
        cmocka_unit_test(handles_large_unique_lists),
        cmocka_unit_test(cuts_long_pointers_and_keys_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
