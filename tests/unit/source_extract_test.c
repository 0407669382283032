/* What is taken from an answer: tables of bodies and lines. S3-35's sources; threat model I9: whatever comes is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "sources/sources.h"

#define HEAD \
    "hosts: [{name: h, base_url: 'https://h.example'}]\nsources:\n  - {name: s, host: h, url: /x, extract: "

static struct sources *set_of(const char *extract)
{
    AUTO(buf_done) struct buf b = {0};
    struct sources *s = NULL;
    struct err e = {0};

    buf_init(&b, 16384);
    buf_printf(&b, "%s%s}\n", HEAD, extract);
    if (sources_parse("sources.yaml", buf_str(&b), b.len, &s, &e) < 0)
        fail_msg("%s\n%s", e.msg, buf_str(&b));
    return s;
}

/* The lines with " / " between them, or "!" and the message. */
static char *lines_of(const char *extract, const char *body, size_t len)
{
    AUTO(sources_unrefp) struct sources *s = set_of(extract);
    AUTO(json_freep) json_t *lines = NULL;
    struct err e = {0};
    struct buf b;
    size_t i;
    json_t *x;

    buf_init(&b, 65536);
    if (sources_extract(s, 0, body, len, &lines, &e) < 0) {
        buf_printf(&b, "!%s", e.msg);
        return buf_take(&b, &len);
    }
    assert_in_range(json_array_size(lines), 0, SOURCE_LINES_MAX);
    json_array_foreach (lines, i, x) {
        assert_in_range(json_string_length(x), 1, SOURCE_LINE_MAX_BYTES);
        buf_printf(&b, "%s%s", i > 0 ? " / " : "", json_string_value(x));
    }
    if (b.len == 0)
        buf_puts(&b, "(nothing)");
    return buf_take(&b, &len);
}

#define MATRIX                                                                                              \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":["                              \
    "{\"metric\":{\"instance\":\"db-1\",\"a.b\":\"dotted\"},\"values\":[[1,\"1\"],[2,\"5.5\"],[3,\"2\"]]}," \
    "{\"metric\":{\"instance\":\"db-2\"},\"values\":[[1,\"NaN\"],[2,\"+Inf\"]]},"                           \
    "{\"metric\":{},\"value\":[1,\"0.25\"]}]}}"
#define LOKI                                                                                                                   \
    "{\"data\":{\"result\":[{\"stream\":{\"app\":\"x\"},\"values\":[[\"1\",\"too many clients\"],[\"2\",\"second\\nline\"]]}," \
    "{\"stream\":{},\"values\":[[\"3\",\"third\"]]}]}}"
#define STATUS                                                                                                      \
    "{\"status\":{\"description\":\"Minor outage\"},\"components\":[{\"name\":\"API\",\"status\":\"operational\"}," \
    "{\"name\":\"Git\",\"status\":\"degraded\",\"n\":3,\"up\":false,\"none\":null}]}"

static const struct {
    const char *extract, *body, *lines;
} rows[] = {
    /* Prometheus */
    {"{json: 'data.result[*]', values: max, line: '{metric.instance} {values}'}", MATRIX,
     "db-1 5.5 / db-2 ? / ? 0.25"},
    {"{json: 'data.result[*]', values: min, line: '{values}', max: 1}", MATRIX, "1"},
    {"{json: 'data.result[*]', values: last, line: '{values}', max: 1}", MATRIX, "2"},
    {"{json: 'data.result[*]', values: avg, line: '{values}', max: 1}", MATRIX, "2.83333"},
    {"{json: 'data.result[*]', values: first..last, line: '{values}', max: 1}", MATRIX, "1..2"},
    {"{json: 'data.result[0].metric[\"a.b\"]', line: '{.}'}", MATRIX, "dotted"},
    {"{json: 'data.result[*]', line: '{metric[\"a.b\"]}', max: 1}", MATRIX, "dotted"},
    {"{json: 'data.result[2].value[1]', line: 'is {.}'}", MATRIX, "is 0.25"},
    {"{json: 'data.result[7]', line: '{.}'}", MATRIX, "(nothing)"},
    {"{json: 'data.nothing[*]', line: '{.}'}", MATRIX, "(nothing)"},
    {"{json: 'data.result', line: '{.} series'}", MATRIX, "(3) series"},
    /* Loki */
    {"{json: 'data.result[*].values[*]', line: '{[1]}'}", LOKI,
     "too many clients / second line / third"},
    {"{json: 'data.result[*].values[*][1]', line: '{.}', max: 2}", LOKI,
     "too many clients / second line"},
    /* a status page */
    {"{json: 'components[status!=operational]', line: '{name}: {status}'}", STATUS,
     "Git: degraded"},
    {"{json: 'components[status=operational]', line: '{name}'}", STATUS, "API"},
    {"{json: 'components[n=3]', line: '{name} {n} {up} {none} {missing}'}", STATUS,
     "Git 3 false ? ?"},
    {"{json: 'components[up=false]', line: '{{{name}}}'}", STATUS, "{Git}"},
    {"{json: status, line: '{description}'}", STATUS, "Minor outage"},
    {"{json: '.', line: '{status.description}'}", STATUS, "Minor outage"},
    {"{json: 'status[*]', line: '{.}'}", STATUS, "(nothing)"},
    /* what is no such answer */
    {"{json: data, line: x}", "<html>", "!the answer: line 1: expected a value"},
    {"{json: data, line: x}", "", "!"},
    {"{json: data, line: x}", "[1,2", "!"},
    {"{json: data, line: x}", "{\"data\":1,\"data\":2}", "!"},
    /* safe to show */
    {"{json: x, line: '{.}'}", "{\"x\":\"a\\u001b[31mred \\u202e\"}", "a[U+001B][31mred [U+202E]"},
    {"{json: x, line: '{.}'}", "{\"x\":\"  \"}", "(nothing)"},
    /* text */
    {"{pcre2: 'ERROR (?<what>.*)', line: 'says {what}'}", "INFO ok\nERROR disk full\nERROR again\n",
     "says disk full / says again"},
    {"{pcre2: '^(\\d+) (?<a>\\w+)(?<b>x)?', line: '{0}|{a}|{b}', max: 1}", "12 abc\n13 d\n",
     "12 abc|abc|?"},
    {"{pcre2: 'nothing', line: '{0}'}", "INFO ok", "(nothing)"},
    {"{pcre2: '(?<a>.+)', line: '{a}'}", "\xff\xfe bad", " bad"},
};

static void lines_are_what_the_table_says(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(mem_freep) char *got = lines_of(rows[i].extract, rows[i].body, strlen(rows[i].body));
        const char *want = rows[i].lines;
        bool same = want[0] == '!' ? text_starts(got, "!") : strcmp(got, want) == 0;

        if (!same) {
            print_error("%s\n   gives %s\n   not   %s\n", rows[i].extract, got, want);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static const struct {
    const char *extract, *says;
} bad[] = {
    {"{line: x}", "json: PATH or pcre2"},
    {"{json: a, pcre2: b, line: x}", "one of them"},
    {"{pcre2: b, values: max, line: x}", "values belongs to json"},
    {"{pcre2: '(', line: x}", "broken at character"},
    {"{pcre2: 'a', line: '{b}'}", "no group"},
    {"{json: 'a..b', line: x}", "without a name"},
    {"{json: 'a[', line: x}", "without its ]"},
    {"{json: 'a[]', line: x}", "without its ]"},
    {"{json: 'a[\"b]', line: x}", "does not end"},
    {"{json: 'a[b]', line: x}", "[key=text]"},
    {"{json: 'a[=b]', line: x}", "[key=text]"},
    {"{json: 'a[b=]', line: x}", "without a key or a text"},
    {"{json: 'a[0]b', line: x}", "needs a dot"},
    {"{json: 'a[12345678]', line: x}", "index over"},
    {"{json: 'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a', line: x}", "more than 16 parts"},
    {"{json: a, line: '{b'}", "not closed"},
    {"{json: a, line: 'b}'}", "not opened"},
    {"{json: a, line: '{b[}'}", "without its ]"},
    {"{json: a, line: x, max: 6}", "max"},
    {"{json: a, line: x, most: 5}", "unknown key 'most'"},
};

static void a_broken_extractor_is_refused_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO(buf_done) struct buf b = {0};
        struct sources *s = NULL;
        struct err e = {0};

        buf_init(&b, 16384);
        buf_printf(&b, "%s%s}\n", HEAD, bad[i].extract);
        assert_int_equal(sources_parse("sources.yaml", buf_str(&b), b.len, &s, &e), ERR_INPUT);
        if (!text_starts(e.msg, "sources.yaml:3: ") || !strstr(e.msg, bad[i].says))
            fail_msg("%s says '%s', not '%s'", bad[i].extract, e.msg, bad[i].says);
    }
}

static char *repeat(const char *unit, size_t times, size_t *len)
{
    struct buf b;

    buf_init(&b, (size_t)8 << 20);
    for (size_t i = 0; i < times; i++)
        buf_puts(&b, unit);
    return buf_take(&b, len);
}

/* Ten times what it takes here: a guard against hanging, not a measurement. */
#define SOON_MS 8000

/* An answer that was made to cost time or stack: nesting, width, patterns that try everything. */
static void a_hostile_answer_costs_little(void **state)
{
    static const struct {
        const char *extract, *unit;
        size_t times;
    } costly[] = {
        {"{json: 'a[*][*][*][*][*][*]', line: '{.}'}", "[", 500000},
        {"{json: '[*][*][*]', line: '{a[*].b[*]}'}", "[[[", 20},
        {"{pcre2: '^(a+)+$', line: '{0}'}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n", 30000},
        {"{pcre2: '(x+x+)+y', line: '{0}'}", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 30000},
        {"{pcre2: '[^q]*+q', line: '{0}'}", "abcdefgh", 100000},
        {"{pcre2: '(?<a>(.|\\s)*)z', line: '{a}'}", "a b c d ", 100000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(costly); i++) {
        size_t len;
        AUTO(mem_freep) char *body = repeat(costly[i].unit, costly[i].times, &len);
        int64_t begun = clock_mono_ms();
        AUTO(mem_freep) char *got = lines_of(costly[i].extract, body, len);

        assert_in_range(clock_mono_ms() - begun, 0, SOON_MS);
        if (got[0] != '!' && strcmp(got, "(nothing)") != 0)
            fail_msg("%s: %s", costly[i].extract, got);
    }
}

/* A wide document under a path that walks all of it ends at the count of visits, not at its end. */
/* A step of a pattern may run over a whole line. Forty answers, so that what one costs is seen: it was 200 ms each on the engine. */
static void a_step_that_runs_far_counts_for_more(void **state)
{
    static const char *const extracts[] = {"{pcre2: '(?<k>\\w+)=(?<v>\\S+)', line: '{k}'}",
                                           "{pcre2: '[a-z]++[0-9]', line: '{0}'}"};
    size_t len;
    AUTO(mem_freep) char *body = repeat("w", 1000000, &len);

    (void)state;
    for (size_t i = 2047; i < len; i += 2048) { /* each line ends with what the pattern needs */
        body[i] = '\n';
        body[i - 1] = '=';
        body[i - 2] = ' ';
    }
    for (size_t i = 0; i < ARRAY_LEN(extracts); i++) {
        int64_t begun = clock_mono_ms();

        for (int k = 0; k < 20; k++) {
            AUTO(mem_freep) char *got = lines_of(extracts[i], body, len);

            assert_int_equal(got[0], '!');
        }
        assert_in_range(clock_mono_ms() - begun, 0, 1000);
    }
}

/* What is usual is far from the limit. */
static void a_usual_pattern_reads_all_lines_of_a_log(void **state)
{
    size_t len;
    AUTO(mem_freep)
    char *body = repeat(
        "2026-09-14T03:00:00Z api-7 INFO request id=ab12 path=/v1/parcels status=200 took=12ms\n",
        4900, &len);
    AUTO(mem_freep)
    char *got =
        lines_of("{pcre2: 'level=(?<l>\\w+) .*took=(?<t>\\d+)ms', line: '{l} {t}'}", body, len);

    (void)state;
    assert_string_equal(got, "(nothing)");
}

static void a_walk_ends_at_its_count(void **state)
{
    size_t len, head;
    AUTO(mem_freep) char *inner = repeat("{\"k\":0},", 12000, &len);
    AUTO(buf_done) struct buf b = {0};

    (void)state;
    inner[len - 1] = '\0';
    buf_init(&b, (size_t)1 << 20);
    buf_printf(&b, "[%s]", inner);
    head = b.len;
    AUTO(mem_freep) char *got = lines_of("{json: '[k=1]', line: '{k}'}", buf_str(&b), head);
    assert_string_equal(got, "(nothing)");
    AUTO(mem_freep)
    char *more = lines_of("{json: '[*]', line: '{k}', max: 2}", buf_str(&b), head);
    assert_string_equal(more, "0 / 0");
}

static void a_long_line_is_cut_and_says_so(void **state)
{
    size_t len;
    AUTO(mem_freep) char *long_text = repeat("\xc3\xa9", 4000, &len);
    AUTO(mem_freep) char *got = lines_of("{pcre2: '(?<a>.+)', line: '{a}'}", long_text, len);

    (void)state;
    assert_in_range(strlen(got), 200, SOURCE_LINE_MAX_BYTES);
    assert_non_null(strstr(got, "\xe2\x80\xa6"));
}

static void an_answer_over_the_cap_is_refused(void **state)
{
    size_t len;
    AUTO(mem_freep) char *body = repeat("0123456789abcdef", 70000, &len);
    AUTO(mem_freep) char *got = lines_of("{pcre2: x, line: x}", body, len);

    (void)state;
    assert_true(text_starts(got, "!the answer is over"));
}

static int with_crypto(void **state)
{
    (void)state;
    crypto_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_what_the_table_says),
        cmocka_unit_test(a_broken_extractor_is_refused_with_its_line),
        cmocka_unit_test(a_hostile_answer_costs_little),
        cmocka_unit_test(a_step_that_runs_far_counts_for_more),
        cmocka_unit_test(a_usual_pattern_reads_all_lines_of_a_log),
        cmocka_unit_test(a_walk_ends_at_its_count),
        cmocka_unit_test(a_long_line_is_cut_and_says_so),
        cmocka_unit_test(an_answer_over_the_cap_is_refused),
    };

    return cmocka_run_group_tests(tests, with_crypto, NULL);
}
