#include <setjmp.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"

static void gives_zeroed_aligned_pieces(void **state)
{
    AUTO(arena_freep) struct arena *a = arena_new(1 << 20);

    (void)state;
    for (size_t n = 0; n < 200; n++) {
        unsigned char *p = arena_alloc(a, n);

        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
}

static void keeps_pieces_apart_across_chunks(void **state)
{
    AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
    char *texts[300];

    (void)state;
    for (int i = 0; i < 300; i++)
        texts[i] = arena_printf(a, "%0*d", i + 1, i % 7);
    (void)arena_alloc(a, 100000); /* larger than a chunk */
    for (int i = 0; i < 300; i++)
        assert_int_equal(strlen(texts[i]), (size_t)i + 1);
    assert_true(arena_used(a) >= 100000);
}

static void copies_texts(void **state)
{
    AUTO(arena_freep) struct arena *a = arena_new(1000);
    const char bytes[] = {'a', '\0', 'b'};

    (void)state;
    assert_string_equal(arena_strdup(a, "abc"), "abc");
    assert_null(arena_strdup(a, NULL));
    assert_null(arena_strndup(a, NULL, 3));
    assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
    assert_memory_equal(arena_memdup(a, bytes, 3), bytes, 3);
    assert_non_null(arena_memdup(a, NULL, 0));
}

static void is_zeroed_again_after_reset(void **state)
{
    AUTO(arena_freep) struct arena *a = arena_new(100000);

    (void)state;
    for (int round = 0; round < 3; round++) {
        unsigned char *p = arena_alloc(a, 5000);

        for (size_t i = 0; i < 5000; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 5000);
        memset(arena_alloc(a, 60000), 0xff, 60000);
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
}

static void gives_all_of_its_cap(void **state)
{
    AUTO(arena_freep) struct arena *a = arena_new(100);

    (void)state;
    assert_non_null(arena_alloc(a, 100));
    assert_int_equal(arena_used(a), 100);
}

static void over_the_cap(void)
{
    struct arena *a = arena_new(100);

    (void)arena_alloc(a, 101);
}

static void product_too_large(void)
{
    (void)mem_array(SIZE_MAX / 2, 3);
}

static void assert_aborts(void (*fn)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO); /* the message is expected */
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void aborts_over_the_cap(void **state)
{
    (void)state;
    assert_aborts(over_the_cap);
}

static void aborts_when_a_product_overflows(void **state)
{
    (void)state;
    assert_aborts(product_too_large);
}

static void moves_ownership_with_take(void **state)
{
    AUTO(mem_freep) char *p = mem_strdup("x");
    AUTO(mem_freep) char *q = TAKE(p);

    (void)state;
    assert_null(p);
    assert_string_equal(q, "x");
    mem_freep(&q);
    assert_null(q);
}

static void puts_context_in_front_of_errors(void **state)
{
    struct err e = {0};
    char text[300];

    (void)state;
    assert_int_equal(err_retry(&e, 7, "busy\nnow"), ERR_RETRY);
    assert_int_equal(e.retry_after_s, 7);
    assert_int_equal(err_wrap(&e, "rules %s", "a.yaml"), ERR_RETRY);
    assert_string_equal(e.msg, "rules a.yaml: busy now");
    assert_int_equal(e.retry_after_s, 7);
    /* A cut never splits a character. */
    memset(text, 'x', sizeof(text));
    memcpy(text + 254, "\xc3\xb8", 2);
    text[299] = '\0';
    assert_int_equal(err_set(&e, ERR_INPUT, "%s", text), ERR_INPUT);
    assert_int_equal(e.retry_after_s, 0);
    assert_int_equal(strlen(e.msg), 254);
    err_wrap(&e, "%s", text);
    assert_int_equal(strlen(e.msg), 254);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_zeroed_aligned_pieces),
        cmocka_unit_test(keeps_pieces_apart_across_chunks),
        cmocka_unit_test(copies_texts),
        cmocka_unit_test(is_zeroed_again_after_reset),
        cmocka_unit_test(gives_all_of_its_cap),
        cmocka_unit_test(aborts_over_the_cap),
        cmocka_unit_test(aborts_when_a_product_overflows),
        cmocka_unit_test(moves_ownership_with_take),
        cmocka_unit_test(puts_context_in_front_of_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
