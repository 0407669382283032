#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/json.h"
#include "base/log.h"

/* What LOG writes to stderr, read back through a pipe (a line is far smaller than its buffer). */
static char captured[16384];
static size_t captured_len;
static int writes_seen;

struct capture {
    int saved;
    int in;
};

static struct capture begin(void)
{
    struct capture c;
    int ends[2];

    /* O_DIRECT: each write is one packet, so the reads below count the writes. */
    assert_int_equal(pipe2(ends, O_DIRECT), 0);
    c.saved = dup(STDERR_FILENO);
    assert_true(c.saved >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    c.in = ends[0];
    return c;
}

static void end(const struct capture *c)
{
    ssize_t n;

    assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
    close(c->saved);
    captured_len = 0;
    writes_seen = 0;
    while ((n = read(c->in, captured + captured_len, sizeof(captured) - 1 - captured_len)) > 0) {
        captured_len += (size_t)n;
        writes_seen++;
    }
    captured[captured_len] = '\0';
    close(c->in);
}

static const char *const hostile[] = {
    "plain",
    "",
    "two words",
    "quote \" and \\ backslash",
    "\n\r\t\b\f",
    "\x01\x02\x1f\x7f",
    "\x1b[2J\x1b]0;owned\x07",
    "\xc2\x80\xc2\x9b"
    "31m\xc2\x9f",  /* C1 controls as UTF-8 */
    "\x80\x9b\x9f", /* and as lone bytes */
    "\xe2\x80\xae"
    "gpj.exe",
    "\xf0\x9f\x98\x80 \xc3\xb8 \xe2\x82\xac",
    "\xed\xa0\x80 \xf8\x88\x80\x80\x80 \xc3",
    "\",\"level\":\"error",
    "null",
    "true",
    "a=b c=d\ne=f",
};

static void check_line(void)
{
    assert_true(captured_len > 0);
    assert_int_equal(captured[captured_len - 1], '\n');
    for (size_t i = 0; i + 1 < captured_len; i++) {
        unsigned char c = (unsigned char)captured[i];

        if (c < 0x20 || c >= 0x7f)
            fail_msg("byte %02x left in: %s", c, captured);
    }
}

static void no_control_byte_ever_leaves(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        log_setup(LOG_LEVEL_INFO, json);
        for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
            struct capture c = begin();

            LOG(WARN, hostile[i], log_s("text", hostile[i]), log_s(hostile[i], "name"));
            end(&c);
            check_line();
            assert_int_equal(writes_seen, 1);
        }
    }
}

static void every_single_byte_and_pair_is_safe(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        log_setup(LOG_LEVEL_INFO, json);
        for (int b = 1; b < 256; b++) {
            char text[4] = {(char)b, (char)(b ^ 0x40), (char)b, '\0'};
            struct capture c = begin();

            LOG(ERROR, "t.byte", log_s("b", text));
            end(&c);
            check_line();
        }
    }
}

static void json_lines_carry_the_fields(void **state)
{
    AUTO(json_freep) json_t *line = NULL;
    struct capture c = begin();
    struct err e = {0};

    (void)state;
    log_setup(LOG_LEVEL_INFO, true);
    LOG(INFO, "job.done", log_i("job", -12), log_s("who", "B\xc3\xb8 \xf0\x9f\x98\x80\n\"x\""),
        log_s("none", NULL), log_b("ok", true));
    end(&c);
    if (json_parse(captured, captured_len, 100, &line, &e) < 0)
        fail_msg("%s: %s", e.msg, captured);
    assert_string_equal(json_opt_str(line, "event"), "job.done");
    assert_string_equal(json_opt_str(line, "level"), "info");
    assert_int_equal(json_opt_int(line, "job", 0), -12);
    assert_string_equal(json_opt_str(line, "who"), "B\xc3\xb8 \xf0\x9f\x98\x80\n\"x\"");
    assert_true(json_is_null(json_object_get(line, "none")));
    assert_true(json_opt_bool(line, "ok", false));
    assert_true(json_opt_time_ms(line, "time", -1) > 0);
}

static void text_lines_quote_what_is_no_plain_word(void **state)
{
    struct capture c = begin();

    (void)state;
    log_setup(LOG_LEVEL_INFO, false);
    LOG(INFO, "job.done", log_i("job", 7), log_s("m", "plain-1"), log_s("t", "two words"),
        log_s("n", NULL), log_s("s", "null"), log_b("ok", false));
    end(&c);
    assert_non_null(strstr(
        captured, " info job.done job=7 m=plain-1 t=\"two words\" n=null s=\"null\" ok=false\n"));
}

static void leaves_out_what_is_below_the_level(void **state)
{
    struct capture c = begin();

    (void)state;
    log_setup(LOG_LEVEL_WARN, false);
    LOG(INFO, "t.quiet", log_i("n", 1));
    assert_false(log_enabled(LOG_LEVEL_INFO));
    assert_true(log_enabled(LOG_LEVEL_WARN));
    end(&c);
    assert_int_equal(captured_len, 0);
}

/* INV-9 */
static void long_values_and_many_fields_are_cut_whole(void **state)
{
    struct log_field fields[41] = {0};
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + 511, "\xc3\xb8", 2); /* the cut falls into this character */
    text[1999] = '\0';
    for (int json = 0; json < 2; json++) {
        AUTO(json_freep) json_t *line = NULL;
        struct capture c = begin();
        struct err e = {0};

        log_setup(LOG_LEVEL_INFO, json);
        for (size_t i = 0; i < 40; i++)
            fields[i] = log_s("f", text);
        fields[0].name = "first";
        fields[40].type = LOG_TYPE_END;
        for (size_t i = 1; i < 40; i++) {
            static char names[40][4];

            names[i][0] = 'f';
            names[i][1] = (char)('a' + i / 10);
            names[i][2] = (char)('0' + i % 10);
            fields[i].name = names[i];
        }
        log_write(LOG_LEVEL_INFO, "t.long", fields);
        end(&c);
        check_line();
        assert_true(captured_len <= 8192);
        assert_non_null(strstr(captured, json ? "\"cut\":true}" : " cut=true\n"));
        if (!json)
            continue;
        if (json_parse(captured, captured_len, 200, &line, &e) < 0)
            fail_msg("%s", e.msg);
        assert_int_equal(strlen(json_opt_str(line, "first")), 511);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_control_byte_ever_leaves),
        cmocka_unit_test(every_single_byte_and_pair_is_safe),
        cmocka_unit_test(json_lines_carry_the_fields),
        cmocka_unit_test(text_lines_quote_what_is_no_plain_word),
        cmocka_unit_test(leaves_out_what_is_below_the_level),
        cmocka_unit_test(long_values_and_many_fields_are_cut_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
