#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/yaml.h"

static const struct {
    const char *yaml;
    const char *json;
} documents[] = {
    {"a: 1", "{\"a\":1}"},
    {"- 1\n- -2\n- +3\n- 0\n- 007\n", "[1,-2,3,0,7]"},
    {"- 1.5\n- -.5\n- 1.\n- 1e3\n", "[1.5,-0.5,1.0,1000.0]"},
    {"- true\n- True\n- FALSE\n- null\n- ~\n-\n", "[true,true,false,null,null,null]"},
    {"- yes\n- no\n- on\n- off\n- y\n- 1_000\n- 0x1f\n- 0o17\n- 1:30\n- 2026-09-14\n",
     "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"1_000\",\"0x1f\",\"0o17\",\"1:30\",\"2026-09-14\"]"},
    {"- '1'\n- \"true\"\n- 'null'\n- ''\n", "[\"1\",\"true\",\"null\",\"\"]"},
    {"- .\n- e3\n- 1e\n- '-'\n- +\n", "[\".\",\"e3\",\"1e\",\"-\",\"+\"]"},
    {"a: |\n  one\n  two\nb: >\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\\n\"}"},
    {"a: {b: [1, {c: d}], 'e': []}\n", "{\"a\":{\"b\":[1,{\"c\":\"d\"}],\"e\":[]}}"},
    {"1: one\ntrue: two\n", "{\"1\":\"one\",\"true\":\"two\"}"},
    {"# comment\n---\na: \"\\u00f8\\x41\" # more\n...\n", "{\"a\":\"\u00f8A\"}"},
    {"\xef\xbb\xbf"
     "a: 1\r\nb: 2\r\n",
     "{\"a\":1,\"b\":2}"},
    {"text", "\"text\""},
};

static void reads_yaml_as_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        AUTO(yaml_freep) struct yaml_doc *d = NULL;
        AUTO(mem_freep) char *json = NULL;
        struct err e = {0};

        if (yaml_parse("t.yaml", documents[i].yaml, strlen(documents[i].yaml), &d, &e) < 0)
            fail_msg("%s: %s", documents[i].yaml, e.msg);
        json = json_canon(yaml_root(d), NULL);
        assert_string_equal(json, documents[i].json);
    }
}

static const struct {
    const char *yaml;
    const char *msg; /* how the message begins */
} mistakes[] = {
    {"", "t.yaml:1: the file is empty"},
    {"# only\n", "t.yaml:1: the file is empty"},
    {"a: 1\nb: 2\na: 3\n", "t.yaml:3: the key 'a' occurs twice"},
    {"x:\n  a: 1\n  \"a\": 2\n", "t.yaml:3: the key 'a' occurs twice"},
    {"a: &x 1\n", "t.yaml:1: anchors"},
    {"a: 1\nb: &x {c: 1}\n", "t.yaml:2: anchors"},
    {"a: &x\n- 1\n", "t.yaml:1: anchors"},
    {"a: 1\nb: *a\n", "t.yaml:2: aliases"},
    {"a: !!str 1\n", "t.yaml:1: anchors (&name) and tags"},
    {"a: !x\n  b: 1\n", "t.yaml:1: anchors (&name) and tags"},
    {"a: 1\n---\nb: 2\n", "t.yaml:2: only one document"},
    {"%YAML 1.1\n---\na: 1\n", "t.yaml:1: directives"},
    {"%TAG ! tag:x,2000:\n---\na: 1\n", "t.yaml:1: directives"},
    {"? [a]\n: 1\n", "t.yaml:1: a key must be a plain text"},
    {"a: 1\n? {b: c}\n: 1\n", "t.yaml:2: a key must be a plain text"},
    {"a: .inf\n", "t.yaml:1: infinity"},
    {"a: -.INF\n", "t.yaml:1: infinity"},
    {"a: .nan\n", "t.yaml:1: infinity"},
    {"a: 1e999\n", "t.yaml:1: the number is too large"},
    {"a: 9223372036854775808\n", "t.yaml:1: the number is too large"},
    {"a: \"x\\0y\"\n", "t.yaml:1: a text with a NUL character"},
    {"a: 1\n  b: 2\n", "t.yaml:2: "},
    {"a: [1\nb: 2\n", "t.yaml:2: "},
    {"a: 'open\n", "t.yaml:2: "},
    {"a: 1\n\tb: 2\n", "t.yaml:2: "},
    {"a: 1\nb: \xff\n", "t.yaml:2: "},
    {"a: 1\nb: \xed\xa0\x80\n", "t.yaml:2: "},
    {"a: \x01\n", "t.yaml:1: "},
    {"@a", "t.yaml:1: "},
};

/* INV-9 */
static void refuses_with_the_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct yaml_doc *d = NULL;
        struct err e = {0};

        if (yaml_parse("t.yaml", mistakes[i].yaml, strlen(mistakes[i].yaml), &d, &e) != ERR_INPUT)
            fail_msg("accepted: %s", mistakes[i].yaml);
        assert_null(d);
        if (strncmp(e.msg, mistakes[i].msg, strlen(mistakes[i].msg)) != 0)
            fail_msg("'%s' gave '%s', expected '%s'", mistakes[i].yaml, e.msg, mistakes[i].msg);
    }
}

static void repeat(struct buf *b, const char *s, size_t n)
{
    while (n-- > 0)
        buf_puts(b, s);
}

static int parse_buf(const struct buf *b, struct err *e)
{
    struct yaml_doc *d = NULL;
    int rc = yaml_parse("t.yaml", b->data, b->len, &d, e);

    assert_false(b->over);
    yaml_doc_free(d);
    return rc;
}

/* INV-9 */
static void holds_its_limits(void **state)
{
    AUTO(buf_done) struct buf b = {0};
    struct err e = {0};

    (void)state;
    buf_init(&b, 4 * YAML_MAX_BYTES);
    repeat(&b, "[", 32);
    repeat(&b, "]", 32);
    assert_int_equal(parse_buf(&b, &e), 0);
    buf_clear(&b);
    repeat(&b, "[", 33);
    repeat(&b, "]", 33);
    assert_int_equal(parse_buf(&b, &e), ERR_INPUT);
    buf_clear(&b);
    repeat(&b, "[", 100000);
    assert_int_equal(parse_buf(&b, &e), ERR_INPUT);
    buf_clear(&b);
    repeat(&b, "- 1\n", YAML_MAX_NODES - 1); /* and the list itself */
    assert_int_equal(parse_buf(&b, &e), 0);
    repeat(&b, "- 1\n", 1);
    assert_int_equal(parse_buf(&b, &e), ERR_INPUT);
    assert_non_null(strstr(e.msg, "too many values"));
    buf_clear(&b);
    repeat(&b, "#", YAML_MAX_BYTES + 1);
    assert_int_equal(parse_buf(&b, &e), ERR_INPUT);
    buf_clear(&b);
    repeat(&b, "k", 300);
    buf_puts(&b, ": 1\n");
    assert_int_equal(parse_buf(&b, &e), ERR_INPUT);
}

static const char rules[] = "# rules\n"
                            "rules:\n"
                            "  - name: one\n"
                            "    when: {a: 1}\n"
                            "\n"
                            "  - name: two\n"
                            "    when:\n"
                            "      b/c~d: true\n"
                            "other: null\n";

static void remembers_the_line_of_every_value(void **state)
{
    static const struct {
        const char *pointer;
        int line;
    } lines[] = {
        {"", 2},
        {"/rules", 3},
        {"/rules/0", 3},
        {"/rules/0/when/a", 4},
        {"/rules/1", 6},
        {"/rules/1/name", 6},
        {"/rules/1/when/b~1c~0d", 8},
        {"/other", 9},
        {"/rules/1/missing/x", 6},
        {"/rules/7", 3},
        {"/nothing", 2},
        {NULL, 2},
        {"/rules/01", 3},
    };
    AUTO(yaml_freep) struct yaml_doc *d = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(yaml_parse("r.yaml", rules, strlen(rules), &d, &e), 0);
    assert_string_equal(yaml_name(d), "r.yaml");
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (yaml_line(d, lines[i].pointer) != lines[i].line)
            fail_msg("%s is said to be in line %d", lines[i].pointer,
                     yaml_line(d, lines[i].pointer));
    assert_int_equal(yaml_error(d, "/rules/1/name", &e, "the name '%s' is taken", "two"),
                     ERR_INPUT);
    assert_string_equal(e.msg, "r.yaml:6: the name 'two' is taken");
}

static void checks_against_a_schema_with_the_line(void **state)
{
    const char *text = "{\"properties\":{\"rules\":{\"items\":{\"properties\":{\"name\":{"
                       "\"type\":\"integer\"},\"when\":{}},\"additionalProperties\":false}},"
                       "\"other\":{\"type\":\"null\"}}}";
    AUTO(yaml_freep) struct yaml_doc *d = NULL;
    AUTO(schema_freep) struct schema *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(yaml_parse("r.yaml", rules, strlen(rules), &d, &e), 0);
    assert_int_equal(schema_new(text, strlen(text), &s, &e), 0);
    assert_int_equal(yaml_check(d, s, &e), ERR_INPUT);
    assert_string_equal(e.msg, "r.yaml:3: rules/0/name: expected integer, got string (and 1 more)");
}

static void loads_files(void **state)
{
    char path[] = "/tmp/triaged-yaml-XXXXXX";
    int fd = mkstemp(path);
    AUTO(yaml_freep) struct yaml_doc *d = NULL;
    struct err e = {0};

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: 1\n", 5), 5);
    close(fd);
    assert_int_equal(yaml_load(path, &d, &e), 0);
    assert_int_equal(json_opt_int(yaml_root(d), "a", 0), 1);
    unlink(path);
    yaml_freep(&d);
    assert_int_equal(yaml_load(path, &d, &e), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_yaml_as_json),
        cmocka_unit_test(refuses_with_the_line),
        cmocka_unit_test(holds_its_limits),
        cmocka_unit_test(remembers_the_line_of_every_value),
        cmocka_unit_test(checks_against_a_schema_with_the_line),
        cmocka_unit_test(loads_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
