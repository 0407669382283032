/* PagerDuty's refusals in all the forms they come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "pagerduty/pagerduty_write.h"
#include "pd_test.h"

static struct pd_error parse(const struct pd_op *op, int http, const char *body)
{
    struct pd_error pe;

    pd_error_parse(op, http, body, body ? strlen(body) : 0, &pe);
    return pe;
}

static void reads_every_form_of_the_envelope(void **state)
{
    static const struct {
        const char *body;
        int code;
        const char *message;
    } table[] = {
        {"{\"error\":{\"message\":\"Invalid Input Provided\",\"code\":2001,"
         "\"errors\":[\"Limit is wrong\",\"Offset too\"]}}",
         2001, "Invalid Input Provided; Limit is wrong; Offset too"},
        {"{\"error\":{\"message\":\"Not Found\",\"code\":2100}}", 2100, "Not Found"},
        {"{\"error\":{\"message\":\"M\",\"code\":2001,\"errors\":\"just one\"}}", 2001,
         "M; just one"},
        {"{\"error\":{\"message\":\"M\",\"code\":\"2001\",\"errors\":null}}", 0, "M"},
        {"{\"error\":[\"a\",\"b\",{\"message\":\"c\"},4]}", 0, "a; b; c"},
        {"{\"error\":\"plain text\"}", 0, "plain text"},
        {"{\"errors\":[\"You must specify a user's email address in the From header\"]}", 0,
         "You must specify a user's email address in the From header"},
        {"{\"message\":\"from a gateway\"}", 0, "from a gateway"},
        {"{\"error\":null}", 0, ""},
        {"[]", 0, ""},
        {"{}", 0, ""},
        {"", 0, ""},
        {"<html>502 Bad Gateway</html>", 0, ""},
        {"{\"error\":{\"code\":2001,", 0, ""},
        {NULL, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct pd_error pe = parse(NULL, 400, table[i].body);

        if (pe.code != table[i].code || strcmp(pe.message, table[i].message) != 0)
            fail_msg("row %zu: code %d, \"%s\"", i, pe.code, pe.message);
        assert_int_equal(pe.cls, pe.code == 2100 ? PD_NOT_FOUND : PD_REFUSED);
        assert_non_null(pe.meaning);
    }
}

static void sorts_by_status_code_and_operation(void **state)
{
#define CODE(n) "{\"error\":{\"message\":\"m\",\"code\":" #n "}}"
    const struct pd_op *read = pd_op(PD_OP_INCIDENT), *past = pd_op(PD_OP_PAST);
    const struct pd_op *me = pd_op(PD_OP_ME), *put = pd_write_op(PD_WRITE_INCIDENT);
    const struct {
        const struct pd_op *op;
        int http;
        const char *body;
        enum pd_class cls;
        int err;
    } table[] = {
        {read, 200, "{}", PD_FINE, 0},
        {put, 202, NULL, PD_FINE, 0},
        {read, 400, CODE(2001), PD_REFUSED, ERR_INPUT},
        {read, 401, "Unauthorized", PD_AUTH, ERR_DENIED},
        {read, 402, CODE(2014), PD_NOT_AVAILABLE, ERR_NOT_FOUND},
        {read, 403, CODE(2010), PD_AUTH, ERR_DENIED},
        {read, 403, NULL, PD_AUTH, ERR_DENIED},
        {read, 404, CODE(2100), PD_NOT_FOUND, ERR_NOT_FOUND},
        {read, 404, NULL, PD_NOT_FOUND, ERR_NOT_FOUND},
        {read, 408, NULL, PD_RETRYABLE, ERR_RETRY},
        {read, 429, CODE(2020), PD_RETRYABLE, ERR_RETRY},
        {read, 429, "", PD_RETRYABLE, ERR_RETRY},
        {read, 400, CODE(2016), PD_RETRYABLE, ERR_RETRY},
        {read, 400, CODE(2020), PD_RETRYABLE, ERR_RETRY},
        {read, 500, CODE(2001), PD_RETRYABLE, ERR_RETRY},
        {read, 503, "<html>", PD_RETRYABLE, ERR_RETRY},
        {NULL, 502, NULL, PD_RETRYABLE, ERR_RETRY},
        {past, 402, NULL, PD_NOT_AVAILABLE, ERR_NOT_FOUND},
        {past, 403, CODE(2010), PD_NOT_AVAILABLE, ERR_NOT_FOUND},
        {past, 404, CODE(2100), PD_NOT_AVAILABLE, ERR_NOT_FOUND},
        {past, 401, NULL, PD_AUTH, ERR_DENIED},
        {past, 400, CODE(2001), PD_REFUSED, ERR_INPUT},
        {past, 500, NULL, PD_RETRYABLE, ERR_RETRY},
        {me, 400, NULL, PD_NOT_AVAILABLE, ERR_NOT_FOUND},
        {put, 400, CODE(1001), PD_MOVED, ERR_CONFLICT},
        {put, 400, CODE(1002), PD_MOVED, ERR_CONFLICT},
        {put, 400, CODE(1005), PD_MOVED, ERR_CONFLICT},
        {put, 400, CODE(1006), PD_REFUSED, ERR_INPUT},
        {put, 400, CODE(1008), PD_REFUSED, ERR_INPUT},
        {put, 400, CODE(1015), PD_REFUSED, ERR_INPUT},
        {put, 400, CODE(1018), PD_AUTH, ERR_DENIED},
        {put, 400, CODE(1019), PD_MOVED, ERR_CONFLICT},
        {put, 403, CODE(2018), PD_MOVED, ERR_CONFLICT},
        {put, 413, NULL, PD_REFUSED, ERR_INPUT},
        {put, 422, CODE(99999), PD_REFUSED, ERR_INPUT},
        /* INV-4: a write that broke off on their side may have happened */
        {put, 429, NULL, PD_RETRYABLE, ERR_RETRY},
        {put, 408, NULL, PD_UNSURE, ERR_UNSURE},
        {put, 500, NULL, PD_UNSURE, ERR_UNSURE},
        {put, 502, "<html>", PD_UNSURE, ERR_UNSURE},
        {put, 400, CODE(2016), PD_UNSURE, ERR_UNSURE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct pd_error pe = parse(table[i].op, table[i].http, table[i].body);
        struct err e = {0};

        if (pe.cls != table[i].cls || pe.http != table[i].http)
            fail_msg("row %zu: status %d is class %d", i, table[i].http, (int)pe.cls);
        assert_int_equal(pd_error_to_err(&pe, 7, &e), table[i].err);
        assert_int_equal(e.retry_after_s, table[i].err == ERR_RETRY ? 7 : 0);
    }
}

static void shows_no_foreign_text_in_errors(void **state)
{
    struct pd_error pe = parse(
        NULL, 400, "{\"error\":{\"message\":\"a\\nb \\u202eevil\\u001b[31m\",\"code\":1015}}");
    struct err e;

    (void)state;
    assert_null(strchr(pe.message, '\n'));
    assert_null(strchr(pe.message, '\x1b'));
    assert_null(strstr(pe.message, "\xe2\x80\xae"));
    assert_int_equal(pd_error_to_err(&pe, 0, &e), ERR_INPUT);
    assert_null(strstr(e.msg, "evil"));
    assert_non_null(strstr(e.msg, "nobody is on call"));
}

static void keeps_long_messages_within_bounds(void **state)
{
    struct buf b = {0};
    struct pd_error pe;

    (void)state;
    buf_init(&b, (size_t)1024 * 1024);
    buf_puts(&b, "{\"error\":{\"message\":\"");
    for (int i = 0; i < 5000; i++)
        buf_puts(&b, "\xc3\xa9");
    buf_puts(&b, "\",\"errors\":[\"a\"");
    for (int i = 0; i < 100; i++)
        buf_puts(&b, ",\"\xf0\x9f\x94\xa5 and some more words that fill the line\"");
    buf_puts(&b, "]}}");
    pe = parse(NULL, 400, buf_str(&b));
    assert_true(strlen(pe.message) < sizeof(pe.message));
    assert_true(strlen(pe.message) > 200);
    buf_done(&b);
}

static void knows_the_codes_that_matter(void **state)
{
    static const int codes[] = {1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1011, 1012, 1013,
                                1014, 1015, 1018, 1019, 1020, 2001, 2002, 2003, 2004, 2005, 2006,
                                2010, 2012, 2014, 2016, 2018, 2019, 2020, 2100, 5001, 5002};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        assert_non_null(pd_code_meaning(codes[i]));
    assert_null(pd_code_meaning(0));
    assert_null(pd_code_meaning(4711));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form_of_the_envelope),
        cmocka_unit_test(sorts_by_status_code_and_operation),
        cmocka_unit_test(shows_no_foreign_text_in_errors),
        cmocka_unit_test(keeps_long_messages_within_bounds),
        cmocka_unit_test(knows_the_codes_that_matter),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
