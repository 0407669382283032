#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void starts_as_an_empty_text(void **state)
{
    AUTO(buf_done) struct buf b = {0};
    struct buf zeroed = {0};

    (void)state;
    buf_init(&b, 100);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_str(&zeroed), "");
    buf_done(&zeroed);
}

static void appends_and_keeps_the_nul(void **state)
{
    AUTO(buf_done) struct buf b = {0};

    (void)state;
    buf_init(&b, 1000);
    buf_puts(&b, "one ");
    buf_puts(&b, NULL);
    buf_putc(&b, '2');
    buf_add(&b, " three", 6);
    buf_printf(&b, " %d%s", 4, "!");
    assert_string_equal(buf_str(&b), "one 2 three 4!");
    assert_int_equal(b.len, 14);
    assert_false(b.over);
    for (int i = 0; i < 900; i++)
        buf_putc(&b, 'x');
    assert_int_equal(strlen(buf_str(&b)), 914);
}

static void holds_exactly_its_cap(void **state)
{
    AUTO(buf_done) struct buf b = {0};

    (void)state;
    buf_init(&b, 5);
    buf_puts(&b, "12345");
    assert_false(b.over);
    assert_string_equal(buf_str(&b), "12345");
    buf_putc(&b, '6');
    assert_true(b.over);
    assert_string_equal(buf_str(&b), "12345");
}

/* INV-9 */
static void stays_over_after_one_append_too_many(void **state)
{
    AUTO(buf_done) struct buf b = {0};

    (void)state;
    buf_init(&b, 8);
    buf_puts(&b, "1234");
    buf_printf(&b, "%s", "56789");
    assert_true(b.over);
    buf_putc(&b, 'x'); /* would fit, but the text would have a hole */
    assert_string_equal(buf_str(&b), "1234");
    buf_clear(&b);
    buf_puts(&b, "ok");
    assert_false(b.over);
    assert_string_equal(buf_str(&b), "ok");
}

static void hands_its_bytes_over(void **state)
{
    AUTO(buf_done) struct buf b = {0};
    AUTO(mem_freep) char *p = NULL;
    AUTO(mem_freep) char *empty = NULL;
    size_t len = 99;

    (void)state;
    buf_init(&b, 8);
    buf_add(&b, "a\0b", 3);
    p = buf_take(&b, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(p, "a\0b", 4);
    empty = buf_take(&b, &len);
    assert_int_equal(len, 0);
    assert_string_equal(empty, "");
    buf_puts(&b, "again");
    assert_string_equal(buf_str(&b), "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_as_an_empty_text),
        cmocka_unit_test(appends_and_keeps_the_nul),
        cmocka_unit_test(holds_exactly_its_cap),
        cmocka_unit_test(stays_over_after_one_append_too_many),
        cmocka_unit_test(hands_its_bytes_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
