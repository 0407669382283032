#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char folder[] = "/tmp/triaged-file-XXXXXX";

static char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const void *p, size_t len, mode_t mode)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"a", "a.tmp", "big", "pipe", "s", "target", "link"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(path_of(names[i]));
    return rmdir(folder);
}

static void reads_whole_files(void **state)
{
    AUTO(mem_freep) char *text = NULL;
    AUTO(mem_freep) char *proc = NULL;
    size_t len = 0;
    struct err e = {0};

    (void)state;
    put_file("a", "one\0two", 7, 0600);
    assert_int_equal(file_read(path_of("a"), 7, &text, &len, &e), 0);
    assert_int_equal(len, 7);
    assert_memory_equal(text, "one\0two", 8);
    mem_freep(&text);
    put_file("a", "", 0, 0600);
    assert_int_equal(file_read(path_of("a"), 7, &text, &len, &e), 0);
    assert_int_equal(len, 0);
    assert_string_equal(text, "");
    /* These say that they have no bytes. */
    assert_int_equal(file_read("/proc/self/status", 100000, &proc, &len, &e), 0);
    assert_true(len > 100);
}

/* INV-9 */
static void refuses_files_over_the_limit(void **state)
{
    char *text = NULL;
    size_t len;
    struct err e;

    (void)state;
    put_file("a", "12345678", 8, 0600);
    assert_int_equal(file_read(path_of("a"), 7, &text, &len, &e), ERR_INPUT);
    assert_int_equal(file_read("/proc/self/status", 100, &text, &len, &e), ERR_INPUT);
    assert_null(text);
}

static void tells_absent_from_unreadable(void **state)
{
    char *text = NULL;
    size_t len;
    struct err e;

    (void)state;
    assert_int_equal(file_read(path_of("absent"), 7, &text, &len, &e), ERR_NOT_FOUND);
    assert_int_equal(file_read(folder, 7, &text, &len, &e), ERR_INPUT);
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    assert_int_equal(file_read(path_of("pipe"), 7, &text, &len, &e), ERR_INPUT); /* does not hang */
}

static void replaces_files_as_a_whole(void **state)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    struct stat st;
    struct err e = {0};

    (void)state;
    put_file("a", "old and longer", 14, 0644);
    put_file("a.tmp", "left behind by a crash", 22, 0600);
    assert_int_equal(file_write_atomic(path_of("a"), "new", 3, 0600, &e), 0);
    assert_int_equal(file_read(path_of("a"), 100, &text, &len, &e), 0);
    assert_string_equal(text, "new");
    assert_int_equal(stat(path_of("a"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(access(path_of("a.tmp"), F_OK), -1);
}

static void does_not_write_through_a_planted_link(void **state)
{
    AUTO(mem_freep) char *text = NULL;
    char target[200];
    size_t len;
    struct err e = {0};

    (void)state;
    put_file("target", "untouched", 9, 0600);
    snprintf(target, sizeof(target), "%s/target", folder);
    unlink(path_of("a.tmp"));
    assert_int_equal(symlink(target, path_of("a.tmp")), 0);
    assert_int_equal(file_write_atomic(path_of("a"), "x", 1, 0600, &e), 0);
    assert_int_equal(file_read(target, 100, &text, &len, &e), 0);
    assert_string_equal(text, "untouched");
}

static void says_why_it_cannot_write(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(file_write_atomic(path_of("no/such"), "x", 1, 0600, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.msg, "no/such"));
}

static const struct {
    const char *text;
    size_t len;
    const char *secret; /* NULL: refused */
} secrets[] = {
    {"s3cret", 6, "s3cret"}, {"s3cret\n", 7, "s3cret"}, {"s3cret\r\n", 8, "s3cret"},
    {"two\n\n", 5, "two\n"}, {" a b ", 5, " a b "},     {"", 0, NULL},
    {"\n", 1, NULL},         {"a\0b", 3, NULL},
};

static void reads_secrets_without_their_line_break(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        AUTO(secret_freep) struct secret *s = NULL;
        struct err e = {0};
        size_t len = 0;

        put_file("s", secrets[i].text, secrets[i].len, 0600);
        if (secrets[i].secret) {
            assert_int_equal(file_read_secret(path_of("s"), &s, &e), 0);
            assert_string_equal(secret_bytes(s, &len), secrets[i].secret);
            assert_int_equal(len, strlen(secrets[i].secret));
        } else {
            assert_int_equal(file_read_secret(path_of("s"), &s, &e), ERR_INPUT);
            assert_null(s);
        }
    }
}

static void refuses_secrets_over_4_kib(void **state)
{
    AUTO(secret_freep) struct secret *s = NULL;
    char text[4099];
    struct err e = {0};

    (void)state;
    memset(text, 'x', sizeof(text));
    text[4096] = '\n';
    put_file("s", text, 4097, 0600);
    assert_int_equal(file_read_secret(path_of("s"), &s, &e), 0);
    secret_freep(&s);
    text[4096] = 'x';
    put_file("s", text, 4097, 0600);
    assert_int_equal(file_read_secret(path_of("s"), &s, &e), ERR_INPUT);
    put_file("s", text, 4099, 0600);
    assert_int_equal(file_read_secret(path_of("s"), &s, &e), ERR_INPUT);
    assert_null(strstr(e.msg, "xxxx"));
}

/* INV-7 */
static void refuses_secrets_that_others_may_read(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0601, 0660};
    AUTO(secret_freep) struct secret *s = NULL;
    struct err e = {0};

    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        put_file("s", "x", 1, modes[i]);
        assert_int_equal(file_read_secret(path_of("s"), &s, &e), ERR_INPUT);
        assert_non_null(strstr(e.msg, "chmod 600"));
    }
    put_file("s", "x", 1, 0400);
    assert_int_equal(file_read_secret(path_of("s"), &s, &e), 0);
}

static void trusts_the_credentials_folder_alone(void **state)
{
    AUTO(secret_freep) struct secret *s = NULL;
    char prefix[100];
    struct err e = {0};

    (void)state;
    put_file("s", "x", 1, 0444);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    assert_int_equal(file_read_secret(path_of("s"), &s, &e), 0);
    secret_freep(&s);
    assert_int_equal(file_read_secret(path_of("../../etc/passwd"), &s, &e), ERR_INPUT);
    snprintf(prefix, sizeof(prefix), "%.*s", (int)strlen(folder) - 1, folder); /* no whole name */
    setenv("CREDENTIALS_DIRECTORY", prefix, 1);
    assert_int_equal(file_read_secret(path_of("s"), &s, &e), ERR_INPUT);
    setenv("CREDENTIALS_DIRECTORY", "", 1);
    assert_int_equal(file_read_secret(path_of("s"), &s, &e), ERR_INPUT);
    unsetenv("CREDENTIALS_DIRECTORY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_whole_files),
        cmocka_unit_test(refuses_files_over_the_limit),
        cmocka_unit_test(tells_absent_from_unreadable),
        cmocka_unit_test(replaces_files_as_a_whole),
        cmocka_unit_test(does_not_write_through_a_planted_link),
        cmocka_unit_test(says_why_it_cannot_write),
        cmocka_unit_test(reads_secrets_without_their_line_break),
        cmocka_unit_test(refuses_secrets_over_4_kib),
        cmocka_unit_test(refuses_secrets_that_others_may_read),
        cmocka_unit_test(trusts_the_credentials_folder_alone),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
