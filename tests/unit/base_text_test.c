#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static const struct {
    const char *text;
    bool ok;
    int64_t value;
} numbers[] = {
    {"0", true, 0},
    {"-0", true, 0},
    {"007", true, 7},
    {"9223372036854775807", true, INT64_MAX},
    {"-9223372036854775808", true, INT64_MIN},
    {"9223372036854775808", false, 0},
    {"-9223372036854775809", false, 0},
    {"99999999999999999999999", false, 0},
    {"", false, 0},
    {"-", false, 0},
    {"+1", false, 0},
    {" 1", false, 0},
    {"1 ", false, 0},
    {"1x", false, 0},
    {"0x10", false, 0},
    {"1.0", false, 0},
    {NULL, false, 0},
};

static void reads_whole_numbers_or_nothing(void **state)
{
    struct err e;
    int64_t v = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int rc = parse_i64(numbers[i].text, INT64_MIN, INT64_MAX, &v, &e);

        if ((rc == 0) != numbers[i].ok || (rc == 0 && v != numbers[i].value))
            fail_msg("%s", numbers[i].text);
    }
    assert_int_equal(parse_i64("5", 5, 5, &v, &e), 0);
    assert_int_equal(parse_i64("4", 5, 9, &v, &e), ERR_INPUT);
    assert_int_equal(parse_i64("10", 5, 9, &v, &e), ERR_INPUT);
    assert_true(v == 5);
}

static void reads_time_spans(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } spans[] = {
        {"250ms", 250},
        {"15s", 15000},
        {"10m", 600000},
        {"2h", 7200000},
        {"7d", 604800000},
        {"180d", 15552000000},
        {"0s", 0},
        {"10", -1},
        {"s", -1},
        {"", -1},
        {NULL, -1},
        {"-1s", -1},
        {"1.5h", -1},
        {"1 s", -1},
        {"1S", -1},
        {"1w", -1},
        {"1mss", -1},
        {"9223372036854775807s", -1},
        {"99999999999999999999s", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        struct err e;
        int64_t ms = -1;
        int rc = parse_span_ms(spans[i].text, &ms, &e);

        if (ms != spans[i].ms || (rc == 0) != (spans[i].ms >= 0))
            fail_msg("%s gave %lld", spans[i].text, (long long)ms);
    }
}

static void knows_ids_and_addresses(void **state)
{
    static const char *const bad_ids[] = {
        "", "a/b", "a.b", "a b", "../x", "a\n", "\xc3\xb8", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456"};
    static const char *const bad_mails[] = {
        "", "@", "a@", "@b", "a@b@c", "a b@c", "a@b,c@d", "<a@b>", "a@b\r\nX: y", "a\x7f@b", "ø@b"};
    char long_mail[300];

    (void)state;
    assert_true(text_is_id("P"));
    assert_true(text_is_id("Q0A1b2C3ABCDEFGHIJKLMNOPQRSTUVWX"));
    assert_false(text_is_id(NULL));
    for (size_t i = 0; i < ARRAY_LEN(bad_ids); i++)
        assert_false(text_is_id(bad_ids[i]));
    assert_true(text_is_email("ada.o'hara+x@example.com"));
    assert_false(text_is_email(NULL));
    for (size_t i = 0; i < ARRAY_LEN(bad_mails); i++)
        assert_false(text_is_email(bad_mails[i]));
    memset(long_mail, 'a', sizeof(long_mail));
    long_mail[1] = '@';
    long_mail[254] = '\0';
    assert_true(text_is_email(long_mail));
    long_mail[254] = 'a';
    long_mail[255] = '\0';
    assert_false(text_is_email(long_mail));
}

static void compares_texts(void **state)
{
    (void)state;
    assert_true(text_eq(NULL, NULL));
    assert_false(text_eq(NULL, ""));
    assert_false(text_eq("", NULL));
    assert_true(text_eq("a", "a"));
    assert_true(text_starts("abc", "ab"));
    assert_true(text_starts("abc", ""));
    assert_false(text_starts("a", "ab"));
    assert_false(text_starts(NULL, "a"));
}

static void cuts_between_characters(void **state)
{
    const char *s = "aø€😀"; /* 1 + 2 + 3 + 4 bytes */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    (void)state;
    for (size_t max = 0; max < ARRAY_LEN(expected); max++)
        assert_int_equal(text_cut(s, 10, max), expected[max]);
    assert_int_equal(text_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5); /* not UTF-8: a plain cut */
}

static const struct {
    const char *in;
    size_t max;
    bool one_line;
    const char *out;
} shown[] = {
    {"plain øå 😀", 100, true, "plain øå 😀"},
    {"a\nb\r\nc\rd", 100, true, "a b c d"},
    {"a\nb\r\nc\rd", 100, false, "a\nb\nc\nd"},
    {"a\tb", 100, false, "a b"},
    {"\x1b[31mred\x7f", 100, true, "[U+001B][31mred[U+007F]"},
    {"\xc2\x9b"
     "2J",
     100, true, "[U+009B]2J"},
    {"cod\xe2\x80\xae"
     "exe.",
     100, true, "cod[U+202E]exe."},
    {"a\xe2\x80\x8b"
     "b\xef\xbb\xbf",
     100, true, "a[U+200B]b[U+FEFF]"},
    {"x\xe2\x81\xa6y", 100, true, "x[U+2066]y"},
    {"\xf3\xa0\x81\x81", 100, true, "[U+E0041]"}, /* a tag character: hidden text */
    {"\xe2\x80\xa8", 100, false, "[U+2028]"},
    {"\xe3\x85\xa4", 100, true, "[U+3164]"}, /* the Hangul filler looks like nothing */
    {"\xff"
     "a\xed\xa0\x80",
     100, true,
     "\xef\xbf\xbd"
     "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"abcdef", 6, true, "abcdef"},
    {"abcdefg", 6, true, "abc…"},
    {"ab😀cd", 6, true, "ab…"},
    {"\xe2\x80\xae"
     "abc",
     9, true, "…"}, /* an escape is never cut in two */
    {"abcdefg", 2, true, ""},
    {"", 0, true, ""},
};

static void shows_what_could_deceive(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        AUTO(buf_done) struct buf b = {0};

        buf_init(&b, 1000);
        buf_puts(&b, "> ");
        text_show(&b, shown[i].in, strlen(shown[i].in), shown[i].max, shown[i].one_line);
        assert_string_equal(buf_str(&b) + 2, shown[i].out);
        assert_true(b.len - 2 <= shown[i].max);
    }
}

static void counts_terminal_columns(void **state)
{
    (void)state;
    assert_int_equal(text_columns(""), 0);
    assert_int_equal(text_columns("abc"), 3);
    assert_int_equal(text_columns("øå"), 2);
    assert_int_equal(text_columns("漢字"), 4);
    assert_int_equal(text_columns("e\xcc\x81"), 1);
    assert_int_equal(text_columns("\xff"), 1);
}

static const struct {
    const char *in;
    const char *out;
} normal[] = {
    {"", ""},
    {"  High\tCPU \n on   WEB01 ", "high cpu on web#"},
    {"CPU 97% on web-12", "cpu #% on web-#"},
    {"p99 latency 4.2s over 500ms", "p# latency #s over #ms"},
    {"p99 latency 17s over 1,500ms", "p# latency #s over #ms"},
    {"pod api-7f9c6d5b8-x2x9z restarted", "pod api-#-# restarted"},
    {"pod api-6b8d9f7c45-kqzfx restarted", "pod api-#-# restarted"},
    {"node-exporter-bz4kp down", "node-exporter-# down"},
    {"node-exporter-bcdf4 down", "node-exporter-# down"},
    {"request 3f2b8c9a-1d2e-4f5a-9b8c-7d6e5f4a3b2c failed", "request # failed"},
    {"commit deadbeef1", "commit #"},
    {"facade decade", "facade decade"},
    {"at 2026-09-14T02:11:07.318Z and 02:11:07", "at # and #"},
    {"2026-09-14 02:11", "# #"},
    {"connect 10.0.12.7:5432 refused", "connect # refused"},
    {"host fe80::1c2:3f4 and 2001:db8::1", "host # and #"},
    {"mac 0a:1b:2c:3d:4e:5f", "mac #"},
    {"code 0x7fFe12", "code #"},
    {"incident \"Q1ABC2\" and 'web-01'", "incident # and #"},
    {"it's \"quoted words\" 'plain'", "it's \"quoted words\" 'plain'"},
    {"job PT4KHLK9Z failed", "job # failed"},
    {"3/5 checks in us-east-1a", "# checks in us-east-#a"},
    {"std::string error::code", "std::string error::code"},
    {"ÆRE Øl 5", "ære øl #"},
    {"disk 12345678d 91gb", "disk # #gb"},
    {"bad \xff byte", "bad \xef\xbf\xbd byte"},
};

static void repeats_of_a_symptom_become_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(normal); i++) {
        AUTO(buf_done) struct buf b = {0};

        buf_init(&b, 1000);
        text_normalise(&b, normal[i].in, strlen(normal[i].in));
        assert_string_equal(buf_str(&b), normal[i].out);
    }
}

/* INV-9: a hostile title must not cost more than its length. The time limit only guards against hanging. */
static void normalises_long_texts_in_linear_time(void **state)
{
    static const char *const seeds[] = {"1",   "1.", "a:",  "'a1", "0x",
                                        "f1-", "\"", "1-a", "::",  "9t9t"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
        AUTO(buf_done) struct buf in = {0};
        AUTO(buf_done) struct buf out = {0};

        buf_init(&in, 1 << 20);
        buf_init(&out, 1 << 21);
        while (in.len + 8 < 200000)
            buf_puts(&in, seeds[i]);
        text_normalise(&out, in.data, in.len);
        assert_false(out.over);
        assert_true(out.len <= in.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_whole_numbers_or_nothing),
        cmocka_unit_test(reads_time_spans),
        cmocka_unit_test(knows_ids_and_addresses),
        cmocka_unit_test(compares_texts),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(shows_what_could_deceive),
        cmocka_unit_test(counts_terminal_columns),
        cmocka_unit_test(repeats_of_a_symptom_become_equal),
        cmocka_unit_test(normalises_long_texts_in_linear_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
