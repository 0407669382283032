#include "base/file.h"
#include "rules/cond_priv.h"
#include "rules_test.h"

/* docs/rules.md says what is true: its examples load, and its table has every field and no other. */
static char *page_read(void)
{
    char *text = NULL;
    size_t len;
    struct err e;

    if (file_read(SOURCE_DIR "/docs/rules.md", 1 << 20, &text, &len, &e) < 0)
        fail_msg("docs/rules.md: %s", e.msg);
    return text;
}

static void examples_load(void **state)
{
    char *page = page_read();
    const char *at = page;
    size_t n = 0;

    (void)state;
    while ((at = strstr(at, "```yaml\n")) != NULL) {
        const char *end = strstr(at + 8, "```");
        char *text;

        assert_non_null(end);
        text = mem_strndup(at + 8, (size_t)(end - at - 8));
        rules_unref(rules_of(text));
        mem_freep(&text);
        at = end + 3;
        n++;
    }
    assert_true(n >= 3);
    mem_freep(&page);
}

static void table_lists_every_field(void **state)
{
    char *page = page_read();
    const struct field_def *d;
    char row[100];
    size_t i, rows = 0;
    const char *at;

    (void)state;
    for (i = 0; (d = field_at(i)) != NULL; i++) {
        /* A free field ends in a dot here and in a word there. */
        snprintf(row, sizeof row, "\n| `%s%s", d->path, d->kind == FIELD_FREE ? "" : "` |");
        if (!strstr(page, row))
            fail_msg("%s is not in the table", d->path);
    }
    for (at = page; (at = strstr(at, "\n| `")) != NULL; at++) {
        size_t len = strcspn(at + 4, "`");
        const char *dot = memchr(at + 4, '.', len);

        rows += dot && !memmem(at + 4, len, ".yaml", 5);
    }
    assert_int_equal(rows, i);
    mem_freep(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_load),
        cmocka_unit_test(table_lists_every_field),
    };

    return cmocka_run_group_tests(tests, with_crypto, NULL);
}
