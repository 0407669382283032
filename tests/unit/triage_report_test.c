#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ask_bench.h"
#include "base/fault.h"
#include "llm/dialect.h"
#include "report_judge.h"

static struct arena *arena;
static json_t *asked;

static int setup(void **state)
{
    (void)state;
    crypto_init();
    arena = arena_new((size_t)16 << 20);
    asked = bench_asked();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(asked);
    arena_free(arena);
    return 0;
}

static void check(const char *text, size_t len, struct report_result *r)
{
    report_check(arena, asked, text, len, r);
}

static void result_done(struct report_result *r)
{
    json_decref(r->report);
    json_decref(r->checks);
    arena_reset(arena);
}

/* The good reply with the value at a path replaced (value is JSON), checked. */
static void check_with(const char *path, const char *value, struct report_result *r)
{
    json_t *reply = bench_parse(BENCH_REPLY), *v = json_loads(value, JSON_DECODE_ANY, NULL), *old;
    char *text;

    assert_non_null(v);
    old = json_at(reply, path);
    if (!old)
        fail_msg("the good reply has no %s", path);
    for (const char *dot = strrchr(path, '.');; dot = NULL) {
        char parent[120] = "";
        json_t *p = reply;

        if (dot) {
            snprintf(parent, sizeof(parent), "%.*s", (int)(dot - path), path);
            p = json_at(reply, parent);
        }
        if (json_is_array(p))
            json_array_set(p, (size_t)(dot[1] - '0'), v);
        else
            json_object_set(p, dot ? dot + 1 : path, v);
        break;
    }
    text = json_dumps(reply, JSON_COMPACT);
    check(text, strlen(text), r);
    free(text);
    json_decref(v);
    json_decref(reply);
}

/* A failure of that check at that path was written down. */
static bool says(const struct report_result *r, const char *what, const char *path)
{
    for (size_t i = 0; i < json_array_size(r->checks); i++) {
        const json_t *row = json_array_get(r->checks, i);

        if (!json_opt_bool(row, "ok", true) && text_eq(json_opt_str(row, "check"), what) &&
            text_eq(json_opt_str(row, "path"), path))
            return true;
    }
    return false;
}

static void a_good_reply_stays_whole(void **state)
{
    struct report_result r;
    char why[200];

    (void)state;
    check(BENCH_REPLY, strlen(BENCH_REPLY), &r);
    assert_int_equal(r.end, REPORT_OK);
    for (size_t i = 0; i < json_array_size(r.checks); i++)
        if (!json_opt_bool(json_array_get(r.checks, i), "ok", false))
            fail_msg("%s", json_dumps(json_array_get(r.checks, i), 0));
    assert_true(judge_report(json_object_get(asked, "document"), r.report, why, sizeof(why)));
    assert_string_equal(json_at_str(r.report, "impact.text"),
                        "Checkout answers slowly, p99 is 4.2s.");
    assert_int_equal(json_array_size(json_at(r.report, "causes")), 1);
    assert_true(json_is_false(json_at(r.report, "causes.0.guess")));
    assert_string_equal(json_at_str(r.report, "actions.0.verb"), "add_note");
    assert_string_equal(json_at_str(r.report, "severity"), "P2");
    result_done(&r);
}

static void no_cause_is_a_good_answer(void **state)
{
    static const char text[] =
        "\n```json\n{\"impact\":{\"text\":\"\",\"evidence\":[]},\"causes\":[],\"changed\":[],"
        "\"not_checked\":[],\"severity\":null,\"category\":null,\"team\":null,\"urgency\":null,"
        "\"actions\":[{\"verb\":\"none\",\"target\":\"incident\",\"why\":\"\",\"evidence\":[]}],"
        "\"confidence\":\"low\",\"injection_suspected\":true}\n```\n";
    struct report_result r;

    (void)state;
    check(text, strlen(text), &r);
    assert_int_equal(r.end, REPORT_OK);
    for (size_t i = 0; i < json_array_size(r.checks); i++)
        assert_true(json_opt_bool(json_array_get(r.checks, i), "ok", false));
    assert_true(json_is_null(json_at(r.report, "impact")));
    assert_int_equal(json_array_size(json_at(r.report, "actions")), 0);
    assert_true(json_is_true(json_at(r.report, "injection_suspected")));
    result_done(&r);
}

/* ---- size, json, schema: a repair ---- */

static void broken_replies_ask_for_a_repair_without_their_words(void **state)
{
    static const struct {
        const char *text, *check, *path, *repair;
    } rows[] = {
        {"", "size", "", "empty"},
        {"I think it is the database, SECRETWORD.", "json", "", "not one JSON document"},
        {"{\"impact\":1,\"impact\":\"SECRETWORD\"}", "json", "", "not one JSON document"},
        {"{\"impact\":\"\xff SECRETWORD\"}", "json", "", "not one JSON document"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "json", "",
         "not one JSON document"},
        {"{\"impact\":\"\\u0000\"}", "json", "", "not one JSON document"},
        {"{}", "schema", "", "'impact' is missing"},
        {"[\"SECRETWORD\"]", "schema", "", "expected object"},
        {"{\"SECRETWORD\":1}", "schema", "", "'impact' is missing"},
    };
    struct report_result r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(rows[i].text, strlen(rows[i].text), &r);
        assert_int_equal(r.end, REPORT_REPAIR);
        assert_null(r.report);
        assert_true(says(&r, rows[i].check, rows[i].path));
        if (!strstr(r.repair, rows[i].repair) || strstr(r.repair, "SECRETWORD"))
            fail_msg("row %zu: %s", i, r.repair);
        result_done(&r);
    }
}

static void wrong_shapes_name_their_place(void **state)
{
    static const struct {
        const char *path, *value, *at;
    } rows[] = {
        {"causes.0.for", "\"E3\"", "/causes/0/for"},
        {"impact", "{\"text\":\"x\",\"evidence\":[],\"SECRETWORD\":true}", "/impact"},
        {"actions.0", "{\"verb\":\"add_note\"}", "/actions/0"},
        {"confidence", "0.97", "/confidence"},
        {"confidence", "\"certain\"", "/confidence"},
        {"injection_suspected", "\"no\"", "/injection_suspected"},
        {"urgency", "\"urgent\"", "/urgency"},
    };
    struct report_result r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_with(rows[i].path, rows[i].value, &r);
        assert_int_equal(r.end, REPORT_REPAIR);
        if (!says(&r, "schema", rows[i].at) || !strstr(r.repair, rows[i].at) ||
            strstr(r.repair, "SECRETWORD"))
            fail_msg("row %zu: %s", i, r.repair);
        result_done(&r);
    }
}

static void a_reply_over_the_limit_is_not_read(void **state)
{
    char *big = malloc(LLM_TEXT_MAX_BYTES + 1);
    struct report_result r;

    (void)state;
    memset(big, ' ', LLM_TEXT_MAX_BYTES + 1);
    memcpy(big, BENCH_REPLY, strlen(BENCH_REPLY));
    check(big, LLM_TEXT_MAX_BYTES, &r);
    assert_int_equal(r.end, REPORT_OK);
    result_done(&r);
    check(big, LLM_TEXT_MAX_BYTES + 1, &r);
    assert_int_equal(r.end, REPORT_REPAIR);
    assert_true(says(&r, "size", ""));
    result_done(&r);
    free(big);
}

/* ---- what is dropped, what is kept ---- */

/* After putting value at path, the report's value at `look` is this (NULL: absent), and that check failed there (NULL: none is asked). */
static const struct {
    const char *path, *value, *look, *is, *check, *at;
} drops[] = {
    /* handle: only what was shown (S3, INV-5) */
    {"impact.evidence.0.id", "\"E9\"", "impact", "null", "handle", "/impact/evidence/0"},
    {"impact.evidence.0.id", "\"e2\"", "impact", "null", "handle", "/impact/evidence/0"},
    {"causes.0.for.0.id", "\"QWERTYUIOP\"", "causes", "[]", "handle", "/causes/0/for/0"},
    /* quote: one value of that very item, byte by byte */
    {"impact.evidence.0.quote", "\"p99 latency 4.3s over 1.5 s\"", "impact", "null", "quote",
     "/impact/evidence/0"},
    {"impact.evidence.0.id", "\"E3\"", "impact", "null", "quote", "/impact/evidence/0"},
    {"impact.evidence.0.quote", "\"P99 latency 4.2s\"", "impact", "null", "quote",
     "/impact/evidence/0"},
    {"impact.evidence.0.quote", "\"p99 lat\"", "impact", "null", "quote", "/impact/evidence/0"},
    {"impact.evidence.0.quote", "\"\"", "impact", "null", "quote", "/impact/evidence/0"},
    {"impact.evidence.0.quote", "\"         \"", "impact", "null", "quote", "/impact/evidence/0"},
    {"impact.evidence.0.quote", "\"checkout-v2critical\"", "impact", "null", "quote",
     "/impact/evidence/0"},
    {"impact.evidence.0.quote", "\"critical\"", "impact.evidence.0.quote", "\"critical\"", NULL,
     NULL},
    {"impact.evidence.0.quote", "\"99.9%\"", "impact.evidence.0.quote", "\"99.9%\"", NULL, NULL},
    {"impact.evidence.0.quote", "\"0.1\"", "impact.evidence.0.quote", "\"0.1\"", NULL, NULL},
    {"impact.evidence.0.quote", "\"one\\ttwo\\nthree four\"", "impact.evidence.0.quote",
     "\"onetwothree four\"", NULL, NULL},
    {"impact.evidence.0.quote", "\" p99\\u0007 latency 4.2s \"", "impact.evidence.0.quote",
     "\"p99 latency 4.2s\"", NULL, NULL},
    /* token: numbers, versions, hosts, ids */
    {"impact.text", "\"p99 is 4.3s\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"p99 is 14.2s\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"p99 is 4.2\"", "impact.text", "\"p99 is 4.2\"", NULL, NULL},
    {"impact.text", "\"over 1.5s\"", "impact.text", "\"over 1.5s\"", NULL, NULL},
    {"impact.text", "\"over 1.5ms\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"99.9% of it, 99.9 in all\"", "impact.text", "\"99.9% of it, 99.9 in all\"",
     NULL, NULL},
    {"impact.text", "\"99.99% of it\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"99 of it\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"Since 02:11, at 02:11:05.\"", "impact.text", "\"Since 02:11, at 02:11:05.\"",
     NULL, NULL},
    {"impact.text", "\"Since 02:51\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"On 2026-09-14\"", "impact.text", "\"On 2026-09-14\"", NULL, NULL},
    {"impact.text", "\"Since 2026\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"(web-3.example.com), 'checkout-v2'.\"", "impact.text",
     "\"(web-3.example.com), 'checkout-v2'.\"", NULL, NULL},
    {"impact.text", "\"web-4.example.com is slow\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"checkout-v2/web-3.example.com\"", "impact.text",
     "\"checkout-v2/web-3.example.com\"", NULL, NULL},
    {"impact.text", "\"seen 12 times in 180 days\"", "impact.text", "\"seen 12 times in 180 days\"",
     NULL, NULL},
    {"impact.text", "\"seen 13 times\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"commit 7f3c1e9\"", "impact", "null", "token",
     "/impact/text"}, /* E3's, not cited here */
    {"causes.0.text", "\"commit 7f3c1e9\"", "causes.0.text", "\"commit 7f3c1e9\"", NULL, NULL},
    {"causes.0.text", "\"see QWERTYUIOP\"", "causes.0.text", "\"see QWERTYUIOP\"", NULL, NULL},
    {"causes.0.text", "\"see QWERTYUIOQ\"", "causes", "[]", "token", "/causes/0/text"},
    {"causes.0.text", "\"see deadbeef\"", "causes", "[]", "token", "/causes/0/text"},
    {"causes.0.text", "\"see QWERTY\\u200bUIOQ\"", "causes", "[]", "token", "/causes/0/text"},
    {"causes.0.text", "\"\\uff14\\uff12 percent\"", "causes", "[]", "token", "/causes/0/text"},
    {"causes.0.text", "\"as E1 and E2 say\"", "causes.0.text", "\"as E1 and E2 say\"", NULL, NULL},
    {"causes.0.text", "\"as E17 says\"", "causes", "[]", "token", "/causes/0/text"},
    /* two numbers that stand are no third one */
    {"impact.text", "\"12,180 are hurt\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"12'180 are hurt\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"12\\u00b7180 are hurt\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"12 180 are hurt\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"12\\u202f180 are hurt\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"12^180 are hurt\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"12\\u2044180 are hurt\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"12, 180 and 3\"", "impact.text", "\"12, 180 and 3\"", NULL, NULL},
    {"impact.text", "\"12 % are hurt\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"99.9 % are hurt\"", "impact.text", "\"99.9 % are hurt\"", NULL, NULL},
    /* other looks of digits and letters */
    {"impact.text", "\"on the \\u33e2\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"\\ud83d\\udcaf percent\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"\\ud83d\\udd1f hosts\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"5\\ufe0f\\u20e3 hosts\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"see \\uff31\\uff37\\uff25\\uff32\\uff34\\uff39\"", "impact", "null", "token",
     "/impact/text"},
    /* hosts, with or without digits */
    {"impact.text", "\"db-primary.internal is slow\"", "impact", "null", "token", "/impact/text"},
    {"impact.text", "\"slow, e.g. for Ana\"", "impact.text", "\"slow, e.g. for Ana\"", NULL, NULL},
    {"causes.0.check", "\"Look at port 9999.\"", "causes.0.check", "null", "token",
     "/causes/0/check"},
    {"not_checked.0", "\"metrics of db-7\"", "not_checked", "[]", "token", "/not_checked/0"},
    {"impact.text", "\"[email:3fa2c1d09b] is hurt\"", "impact.text",
     "\"[email:3fa2c1d09b] is hurt\"", NULL, NULL},
    {"impact.text", "\"[email:3fa2c1d09c] is hurt\"", "impact", "null", "token", "/impact/text"},
    /* text: nothing hidden, no links (S3, P5) */
    {"impact.text", "\"slow\\u202e\\u200b pages\\n\\n\\there\"", "impact.text",
     "\"slow pages here\"", NULL, NULL},
    {"impact.text", "\"see https://evil.example/?q=x now\"", "impact.text", "\"see [link] now\"",
     "text", "/impact/text"},
    {"impact.text", "\"see [this](//evil.example/x) now\"", "impact.text", "\"see [link] now\"",
     "text", "/impact/text"},
    {"impact.text", "\"see evil.example/x and www.evil.example\"", "impact.text",
     "\"see [link] and [link]\"", "text", "/impact/text"},
    {"impact.text", "\"look into /var/log and a/b\"", "impact.text",
     "\"look into /var/log and a/b\"", NULL, NULL},
    /* cited */
    {"impact", "{\"text\":\"Checkout is slow.\",\"evidence\":[]}", "impact", "null", "cited",
     "/impact"},
    {"causes.0.for", "[]", "causes", "[]", "token", "/causes/0/text"},
    {"changed.0.evidence", "[]", "changed", "[]", "token", "/changed/0/text"},
    /* choice */
    {"severity", "\"P9\"", "severity", "null", "choice", "/severity"},
    {"severity", "null", "severity", "null", NULL, NULL},
    {"category", "\"latency \"", "category", "null", "choice", "/category"},
    {"team", "\"Payments\"", "team", "null", "choice", "/team"},
    /* action: an obeying model (P1, INV-5) */
    {"actions.0.verb", "\"resolve\"", "actions", "[]", "action", "/actions/0"},
    {"actions.0.verb", "\"delete_service\"", "actions", "[]", "action", "/actions/0"},
    {"actions.0.verb", "\"add_note; resolve\"", "actions", "[]", "action", "/actions/0"},
    {"actions.0.verb", "\"none\"", "actions", "[]", NULL, NULL},
    {"actions.0.verb", "\"escalate\"", "actions.0.verb", "\"escalate\"", NULL, NULL},
    {"actions.0.target", "\"ALL\"", "actions", "[]", "action", "/actions/0"},
    {"actions.0.target", "\"QWERTYUIOP\"", "actions", "[]", "action", "/actions/0"},
    {"actions.0.evidence", "[]", "actions", "[]", "action", "/actions/0"},
    {"actions.0.evidence.0.quote", "\"please resolve everything\"", "actions", "[]", "action",
     "/actions/0"},
    {"actions.0.why", "\"approved 99 times\"", "actions", "[]", "action", "/actions/0"},
    {"actions.0.why", "\"\"", "actions", "[]", "action", "/actions/0"},
};

static void what_does_not_stand_is_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(drops); i++) {
        struct report_result r;
        char *got, why[200];

        check_with(drops[i].path, drops[i].value, &r);
        if (drops[i].check && !says(&r, drops[i].check, drops[i].at))
            fail_msg("%s = %s: no failed %s at %s: %s", drops[i].path, drops[i].value,
                     drops[i].check, drops[i].at, json_dumps(r.checks, 0));
        if (drops[i].look) {
            assert_int_equal(r.end, REPORT_OK);
            got = json_dumps(json_at(r.report, drops[i].look),
                             JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
            if (!got || strcmp(got, drops[i].is) != 0)
                fail_msg("%s = %s: %s is %s, expected %s", drops[i].path, drops[i].value,
                         drops[i].look, got ? got : "absent", drops[i].is);
            free(got);
            if (!judge_report(json_object_get(asked, "document"), r.report, why, sizeof(why)))
                fail_msg("%s = %s: %s", drops[i].path, drops[i].value, why);
        }
        result_done(&r);
    }
}

static void an_uncited_cause_is_a_guess(void **state)
{
    struct report_result r;

    (void)state;
    check_with("causes.0",
               "{\"text\":\"The cache may be cold.\",\"for\":[],\"against\":[],\"check\":\"\"}",
               &r);
    assert_true(json_is_true(json_at(r.report, "causes.0.guess")));
    assert_true(says(&r, "cited", "/causes/0"));
    result_done(&r);
}

static void what_is_over_the_counts_is_dropped(void **state)
{
    static const struct {
        const char *list, *one;
        size_t max;
    } rows[] = {
        {"causes", "{\"text\":\"cold cache\",\"for\":[],\"against\":[],\"check\":\"\"}",
         REPORT_CAUSES_MAX},
        {"changed",
         "{\"text\":\"a deployment\",\"evidence\":[{\"id\":\"E3\",\"quote\":\"Deploy checkout\"}]}",
         REPORT_CHANGED_MAX},
        {"not_checked", "\"logs\"", REPORT_NOT_CHECKED_MAX},
        {"actions",
         "{\"verb\":\"add_note\",\"target\":\"incident\",\"why\":\"news\",\"evidence\":[{\"id\":\"E3\",\"quote\":\"Deploy checkout\"}]}",
         REPORT_ACTIONS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct report_result r;
        char text[8192] = "[", path[32];

        for (size_t k = 0; k < rows[i].max + 3; k++)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", k ? "," : "",
                     rows[i].one);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "]");
        check_with(rows[i].list, text, &r);
        assert_int_equal(json_array_size(json_at(r.report, rows[i].list)), rows[i].max);
        snprintf(path, sizeof(path), "/%s", rows[i].list);
        assert_true(says(&r, "counts", path));
        result_done(&r);
    }
}

static void long_texts_end_at_a_blank(void **state)
{
    struct report_result r;
    char text[2000] = "\"";
    size_t len;

    (void)state;
    while (strlen(text) < 900)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "slow 4.2s checkout-v2 ");
    snprintf(text + strlen(text), sizeof(text) - strlen(text), "\"");
    check_with("impact.text", text, &r);
    len = strlen(json_at_str(r.report, "impact.text"));
    assert_in_range(len, REPORT_TEXT_MAX_BYTES - 30, REPORT_TEXT_MAX_BYTES);
    assert_true(says(&r, "text", "/impact/text"));
    result_done(&r);
}

static void the_same_reply_gives_the_same_bytes(void **state)
{
    char *first = NULL;

    (void)state;
    for (int i = 0; i < 3; i++) {
        json_t *again = json_deep_copy(asked), *was = asked, *both;
        struct report_result r;
        char *text;

        asked = again; /* as if it came from the store a year later */
        check_with("impact.text", "\"p99 is 4.2s, see evil.example/x\"", &r);
        asked = was;
        both = json_pack("[o, o]", r.report, r.checks);
        text = json_canon(both, NULL);
        json_decref(both);
        if (first)
            assert_string_equal(text, first);
        else
            first = strdup(text);
        free(text);
        json_decref(again);
        arena_reset(arena);
    }
    free(first);
}

/* ---- 10,000 fuzzed replies (P8) ---- */

static uint64_t seed = 88172645463325252ULL;

static size_t pick(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % n);
}

static json_t *odd_value(void)
{
    static const char *const odd[] = {
        "null",
        "true",
        "[]",
        "{}",
        "-1",
        "1e308",
        "\"\"",
        "\"E99\"",
        "\"E2\"",
        "\"resolve\"",
        "\"escalate\"",
        "\"ALL\"",
        "\"p99 latency 4.2s over 1.5 s\"",
        "\"pool size 20 to 5\"",
        "\"pool size 20 to 7\"",
        "\"version 9.9.9 on db-77\"",
        "\"P1\"",
        "\"high\"",
        "[{\"id\":\"E3\",\"quote\":\"Deploy checkout v2.31.0\"},{\"id\":\"E1\",\"quote\":\"4217\"}]",
        "\"\\u202eevil\\u0007 https://x.example/q?4217\"",
        "\"QWERTYUIOP deadbeefcafe E404\"",
        "{\"verb\":\"acknowledge\",\"target\":\"incident\",\"why\":\"x\",\"evidence\":[]}",
        "\"4217 4217x 4217% 02:11Z v2.31.0/7f3c1e9 20\"",
        "[[[[[[1]]]]]]",
        "\"\xf0\x9f\x94\xa5 99,9\"",
    };

    return json_loads(odd[pick(ARRAY_LEN(odd))], JSON_DECODE_ANY, NULL);
}

/* Goes down by chance and puts something odd, or something of elsewhere, in place of what is there. */
static void mutate_tree(json_t *root)
{
    json_t *at = root;

    for (;;) {
        json_t *child = NULL;
        const char *key = NULL;
        size_t n = json_is_object(at) ? json_object_size(at) : json_array_size(at),
               i = n ? pick(n) : 0;

        if (n == 0) {
            if (json_is_array(at))
                json_array_append_new(at, odd_value());
            return;
        }
        if (json_is_object(at)) {
            void *iter = json_object_iter(at);

            while (i-- > 0)
                iter = json_object_iter_next(at, iter);
            key = json_object_iter_key(iter);
            child = json_object_iter_value(iter);
        } else {
            child = json_array_get(at, i);
        }
        if ((json_is_object(child) || json_is_array(child)) && pick(4) != 0) {
            at = child;
            continue;
        }
        if (json_is_array(at)) {
            if (pick(3) == 0)
                json_array_append(at, child);
            else
                json_array_set_new(at, i, odd_value());
        } else if (pick(8) == 0) {
            json_object_set_new(at, "approve", odd_value());
        } else {
            json_object_set_new(at, key, odd_value());
        }
        return;
    }
}

static size_t mutate_bytes(char *text, size_t len, size_t room)
{
    for (size_t k = 1 + pick(4); k > 0 && len > 0; k--) {
        size_t at = pick(len), n = 1 + pick(12);

        switch (pick(5)) {
        case 0:
            text[at] = (char)pick(256);
            break;
        case 1:
            text[at] = (char)('0' + (char)pick(10));
            break;
        case 2:
            n = n > len - at ? len - at : n;
            memmove(text + at, text + at + n, len - at - n);
            len -= n;
            break;
        case 3:
            n = len + n > room ? 0 : n;
            memmove(text + at + n, text + at, len - at);
            len += n;
            break;
        default:
            len = at;
        }
    }
    return len;
}

static void fuzzed_replies_never_pass_the_judge(void **state)
{
    static char text[LLM_TEXT_MAX_BYTES + 4096];
    size_t survived = 0;

    (void)state;
    for (int round = 0; round < 10000; round++) {
        json_t *reply = bench_parse(BENCH_REPLY);
        struct report_result r;
        char why[200], *dumped;
        size_t len, kind = pick(20);

        for (size_t n = kind < 14 ? 1 + pick(4) : 0; n > 0; n--)
            mutate_tree(reply);
        dumped = json_dumps(reply, JSON_COMPACT);
        len = strlen(dumped);
        len = len < sizeof(text) ? len : sizeof(text);
        memcpy(text, dumped, len);
        free(dumped);
        json_decref(reply);
        if (kind == 14 || kind == 15 || pick(10) == 0)
            len = mutate_bytes(text, len, sizeof(text));
        if (kind == 16) { /* huge or deep */
            len = pick(sizeof(text));
            memset(text, "[ {\"9a"[pick(6)], len);
        }
        check(text, len, &r);
        if (r.end == REPORT_OK) {
            survived++;
            if (!judge_report(json_object_get(asked, "document"), r.report, why, sizeof(why)))
                fail_msg("round %d: %s\n%.*s\n%s", round, why, (int)len, text,
                         json_dumps(r.report, 0));
        } else if (r.report || !r.repair) {
            fail_msg("round %d: neither a report nor a repair", round);
        }
        result_done(&r);
    }
    /* The mutations must reach what is behind the schema, or this shows nothing. */
    assert_in_range(survived, 1500, 9500);
}

/* ---- 1,000 mutated citations ---- */

static const char *const cite_paths[] = {"impact.evidence.0", "causes.0.for.0",
                                         "causes.0.against.0", "changed.0.evidence.0",
                                         "actions.0.evidence.0"};
static const char *const text_paths[] = {"impact.text", "causes.0.text", "causes.0.check",
                                         "changed.0.text", "actions.0.why"};

static bool holds_pair(const json_t *j, const char *id, const char *quote)
{
    char *all = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS), pair[700];
    json_t *cite = json_pack("{s:s, s:s}", "id", id, "quote", quote);
    char *one = json_dumps(cite, JSON_COMPACT | JSON_SORT_KEYS);
    bool yes;

    snprintf(pair, sizeof(pair), "%s", one);
    yes = strstr(all, pair) != NULL;
    free(all);
    free(one);
    json_decref(cite);
    return yes;
}

/* Changes one id, quote or number of the reply; says what must not be found afterwards. False when it made no difference. */
static bool mutate_citation(json_t *reply, char *id, char *quote, char *number)
{
    json_t *cite = json_at(reply, cite_paths[pick(ARRAY_LEN(cite_paths))]);
    const char *path = text_paths[pick(ARRAY_LEN(text_paths))];
    const json_t *document = json_object_get(asked, "document");
    char text[400], name[16];
    size_t at;

    *id = *number = '\0';
    snprintf(quote, 400, "%s", json_opt_str(cite, "quote"));
    switch (pick(3)) {
    case 0: /* another item, shown or not */
        snprintf(id, 16, "E%zu", 1 + pick(30));
        json_object_set_new(cite, "id", json_string(id));
        return !judge_quote(document, id, quote);
    case 1: /* another byte */
        snprintf(id, 16, "%s", json_opt_str(cite, "id"));
        at = pick(strlen(quote));
        quote[at] = (char)('a' + (char)pick(26));
        json_object_set_new(cite, "quote", json_string(quote));
        return !judge_quote(document, id, quote);
    default: /* another digit in a text */
        snprintf(text, sizeof(text), "%s", json_at_str(reply, path));
        do
            at = pick(strlen(text));
        while (text[at] < '0' || text[at] > '9');
        text[at] = (char)('0' + (text[at] - '0' + 1 + (char)pick(9)) % 10);
        while (at > 0 && text[at - 1] != ' ')
            at--;
        snprintf(number, 40, "%.*s", (int)strcspn(text + at, " ,"), text + at);
        snprintf(name, sizeof(name), "%s", strrchr(path, '.') + 1);
        for (char *dot = strrchr(path, '.'); dot;) {
            char parent[64];

            snprintf(parent, sizeof(parent), "%.*s", (int)(dot - path), path);
            json_object_set_new(json_at(reply, parent), name, json_string(text));
            break;
        }
        return true;
    }
}

static void no_mutated_citation_reaches_the_report(void **state)
{
    size_t done = 0;

    (void)state;
    while (done < 1000) {
        json_t *reply = bench_parse(BENCH_REPLY);
        char id[16], quote[400], number[40], *text;
        struct report_result r;

        if (mutate_citation(reply, id, quote, number)) {
            text = json_dumps(reply, JSON_COMPACT);
            check(text, strlen(text), &r);
            assert_int_equal(r.end, REPORT_OK);
            if (*id && holds_pair(r.report, id, quote))
                fail_msg("%s \"%s\" stands in the report", id, quote);
            free(text);
            text = json_dumps(r.report, JSON_COMPACT);
            if (*number && strstr(text, number))
                fail_msg("%s stands in the report: %s", number, text);
            free(text);
            result_done(&r);
            done++;
        }
        json_decref(reply);
    }
}

/* ---- each defence is needed ---- */

static const struct attack {
    const char *defence, *path, *value, *look;
} attacks[] = {
    {"ask.handle,ask.quote", "impact",
     "{\"text\":\"All is lost.\",\"evidence\":[{\"id\":\"E9\",\"quote\":\"nobody said this\"}]}",
     "impact.text"},
    {"ask.quote", "impact.evidence.0.quote", "\"nobody ever said this\"", "impact.text"},
    {"ask.token", "impact.text", "\"p99 is 14.2s on db-77\"", "impact.text"},
    {"ask.action", "actions.0.verb", "\"resolve\"", "actions.0.verb"},
};

/* 7: the attack got through, 0: it was held. Run in a process of its own, for the switches are read once. */
static int attack_run(size_t i)
{
    struct report_result r;
    void *none = NULL;
    bool through;

    setup(&none);
    check_with(attacks[i].path, attacks[i].value, &r);
    through = json_at(r.report, attacks[i].look) != NULL;
    result_done(&r);
    teardown(&none);
    return through ? 7 : 0;
}

#if TRIAGED_FAULTS
static int attack_in_process(size_t i, const char *off)
{
    char number[8];
    int status;
    pid_t pid;

    snprintf(number, sizeof(number), "%zu", i);
    pid = fork();
    if (pid == 0) {
        setenv("TRIAGED_DEFENCE_OFF", off, 1);
        execl("/proc/self/exe", "triage_report_test", "attack", number, (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void each_defence_is_needed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        assert_int_equal(attack_in_process(i, "none"), 0);
        if (attack_in_process(i, attacks[i].defence) != 7)
            fail_msg("without %s the attack is held all the same", attacks[i].defence);
    }
    /* A foreign handle is stopped twice: by handle also when nothing looks at quotes. */
    assert_int_equal(attack_in_process(0, "ask.quote"), 0);
}
#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_reply_stays_whole),
        cmocka_unit_test(no_cause_is_a_good_answer),
        cmocka_unit_test(broken_replies_ask_for_a_repair_without_their_words),
        cmocka_unit_test(wrong_shapes_name_their_place),
        cmocka_unit_test(a_reply_over_the_limit_is_not_read),
        cmocka_unit_test(what_does_not_stand_is_dropped),
        cmocka_unit_test(an_uncited_cause_is_a_guess),
        cmocka_unit_test(what_is_over_the_counts_is_dropped),
        cmocka_unit_test(long_texts_end_at_a_blank),
        cmocka_unit_test(the_same_reply_gives_the_same_bytes),
        cmocka_unit_test(fuzzed_replies_never_pass_the_judge),
        cmocka_unit_test(no_mutated_citation_reaches_the_report),
#if TRIAGED_FAULTS
        cmocka_unit_test(each_defence_is_needed),
#endif
    };

    if (argc == 3 && strcmp(argv[1], "attack") == 0)
        return attack_run((size_t)(argv[2][0] - '0'));
    return cmocka_run_group_tests(tests, setup, teardown);
}
