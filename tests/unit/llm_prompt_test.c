/* Prompts: what is compiled in, what a folder may hold, and what their names and hashes depend on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/text.h"
#include "llm/dialect.h"
#include "llm/prompt.h"

#define GOOD                                                                                   \
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"k\"],\"properties\":" \
    "{\"k\":{\"type\":\"string\"}}}"

struct fixture {
    char dir[64];
};

static int start(void **state)
{
    static struct fixture f;

    (void)snprintf(f.dir, sizeof f.dir, "/tmp/triaged-prompts.XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    *state = &f;
    return 0;
}

static void path_of(const struct fixture *f, const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/%s", f->dir, name);
}

/* text NULL: the file is not there. */
static void put(const struct fixture *f, const char *name, const char *text, size_t len)
{
    struct err e;
    char path[128];

    path_of(f, name, path);
    (void)unlink(path);
    if (text)
        assert_int_equal(file_write_atomic(path, text, len, 0600, &e), 0);
}

static int end(void **state)
{
    struct fixture *f = *state;

    put(f, "triage.md", NULL, 0);
    put(f, "triage.schema.json", NULL, 0);
    (void)rmdir(f->dir);
    return 0;
}

static struct prompts *load(const char *dir)
{
    struct prompts *p = NULL;
    struct err e;

    if (prompts_load(dir, &p, &e) < 0)
        fail_msg("%s", e.msg);
    return p;
}

static void the_shipped_prompt_is_compiled_in(void **state)
{
    AUTO(prompts_unrefp) struct prompts *in = load(NULL), *from = load(SOURCE_DIR "/prompts");
    const struct prompt *p = prompts_get(in, "triage");
    struct err e;

    (void)state;
    assert_string_equal(p->name, "triage");
    assert_true(text_starts(p->version, "triage@"));
    assert_int_equal(strlen(p->version), strlen("triage@") + 12);
    assert_int_equal(strlen(p->schema_hash), 64);
    assert_true(strlen(p->text) > 100);
    assert_int_equal(llm_schema_lint(p->schema, &e), 0);
    /* what is built in is what the folder holds */
    assert_string_equal(p->version, prompts_get(from, "triage")->version);
    assert_string_equal(p->text, prompts_get(from, "triage")->text);
    assert_string_equal(prompts_hash(in), prompts_hash(from));
}

static void a_version_changes_with_either_file(void **state)
{
    struct fixture *f = *state;
    AUTO(prompts_unrefp) struct prompts *one = NULL, *two = NULL, *three = NULL;

    put(f, "triage.md", "Look.", 5);
    put(f, "triage.schema.json", GOOD, sizeof GOOD - 1);
    one = load(f->dir);
    put(f, "triage.md", "Look!", 5);
    two = load(f->dir);
    put(f, "triage.md", "Look.", 5);
    put(f, "triage.schema.json", GOOD " ", sizeof GOOD);
    three = load(f->dir);
    assert_string_not_equal(prompts_get(one, "triage")->version,
                            prompts_get(two, "triage")->version);
    assert_string_not_equal(prompts_get(one, "triage")->version,
                            prompts_get(three, "triage")->version);
    assert_string_equal(prompts_get(one, "triage")->schema_hash,
                        prompts_get(two, "triage")->schema_hash);
    assert_string_not_equal(prompts_get(one, "triage")->schema_hash,
                            prompts_get(three, "triage")->schema_hash);
    assert_string_not_equal(prompts_hash(one), prompts_hash(two));
    assert_string_not_equal(prompts_hash(one), prompts_hash(three));
}

static void a_broken_folder_is_refused_by_file(void **state)
{
    static const struct {
        const char *text;
        size_t text_len;
        const char *schema, *says;
    } rows[] = {
        {NULL, 0, GOOD, "triage.md is missing"},
        {"x", 1, NULL, "triage.schema.json is missing"},
        {"", 0, GOOD, "triage.md is empty"},
        {"\xff", 1, GOOD, "triage.md is empty or no UTF-8"},
        {"a\0b", 3, GOOD, "triage.md is empty or no UTF-8"},
        {"x", 1, "{", "triage.schema.json: JSON line 1"},
        {"x", 1, "{\"type\":\"string\"}", "triage.schema.json: /: the root is an object"},
        {"x", 1,
         "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"k\"],\"properties\":"
         "{\"k\":{\"type\":\"string\",\"maxLength\":3}}}",
         "triage.schema.json: /properties/k: keyword 'maxLength'"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct prompts *p = NULL;
        struct err e = {0};
        int rc;

        put(f, "triage.md", rows[i].text, rows[i].text_len);
        put(f, "triage.schema.json", rows[i].schema, rows[i].schema ? strlen(rows[i].schema) : 0);
        rc = prompts_load(f->dir, &p, &e);
        if (rc != ERR_INPUT || !strstr(e.msg, rows[i].says))
            fail_msg("row %zu: %d '%s', expected '%s'", i, rc, e.msg, rows[i].says);
        assert_null(p);
    }
}

static void prompts_live_as_long_as_somebody_holds_them(void **state)
{
    struct prompts *p = load(NULL);
    struct prompts *second = prompts_ref(p);

    (void)state;
    prompts_unref(p);
    assert_non_null(prompts_get(second, "triage")->text);
    prompts_unrefp(&second);
    assert_null(second);
    prompts_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_prompt_is_compiled_in),
        cmocka_unit_test_setup_teardown(a_version_changes_with_either_file, start, end),
        cmocka_unit_test_setup_teardown(a_broken_folder_is_refused_by_file, start, end),
        cmocka_unit_test(prompts_live_as_long_as_somebody_holds_them),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
