/* What redaction costs at worst, and what it does when a text cannot be searched within its limits (INV-9). */
#include "redact_test.h"

#define BIG ((size_t)1024 * 1024)

static char *repeated(const char *piece, const char *tail, size_t bytes)
{
    size_t n = strlen(piece), i = 0;
    char *s = mem_alloc(bytes + strlen(tail) + 1);

    for (; i + n <= bytes; i += n)
        memcpy(s + i, piece, n);
    memcpy(s + i, tail, strlen(tail));
    return s;
}

/* What a pattern may be lured into looking at again and again. */
struct lure {
    const char *piece, *tail;
};
static const struct lure lures[] = {
    {"a", ""},
    {" ", ""},
    {"0", ""},
    {"1 ", ""},
    {"4-", ""},
    {"+1 ", ""},
    {"415-", ""},
    {"030 1", ""},
    {"@", ""},
    {"a@", ""},
    {"a.", "@b"},
    {"a@b.", ""},
    {"a@b-", ".c"},
    {"eyJ", ""},
    {"eyJa.", ""},
    {"ewog", ""},
    {"AKIA", ""},
    {"AKIAAAAAAAAAAAAAAAAA ", ""},
    {"ghp_", ""},
    {"sk-", ""},
    {"SG.aaaaaaaaaaaaaaaaa", ""},
    {"xoxb-", ""},
    {"://", ""},
    {"://a:", ""},
    {"://a:b@", ""},
    {":a@tcp", ""},
    {"postgres://a:b/c", "@"},
    {"password", ""},
    {"password=", ""},
    {"password=\"", ""},
    {"password=\"\\", ""},
    {"password='", ""},
    {"pass:\\\"a", ""},
    {"token token=", ""},
    {"secret_secret.", ""},
    {"password is ", ""},
    {"token>", ""},
    {"Authorization: ", ""},
    {"Bearer ", ""},
    {"Basic QQ", ""},
    {"Cookie: a=", ""},
    {"cookie:a=b;", ""},
    {"a=b; ", ""},
    {"-----BEGIN PRIVATE KEY-----", ""},
    {"-----BEGIN ", ""},
    {"-", ""},
    {"mysql -", ""},
    {"mysql a ", ""},
    {"DE89 ", ""},
    {"DE89", ""},
    {"A1B2", ""},
    {"s.a1", ""},
    {"1:", ""},
    {"1.", ""},
    {"00000000000000000000000000000000-", ""},
    {"aws ", ""},
    {"aws_secret=", ""},
    {"pagerduty key ", ""},
    {"dd_key", ""},
    {"twilio", ""},
    {"heroku ", ""},
    {"M12345678901234567890123.", ""},
    {"phone ", ""},
    {"tel: 1-", ""},
    {"12345678:AA", ""},
    {"abcdefghij1234.atlasv1.", ""},
    {"\xc3\xa4", "@"},
    {"\xff", ""},
    {"[email:", ""},
    {"[email:0123456789]", ""},
    {"-----BEGIN PRIVATE KEY----- -a", ""},
};
/* Those that cost most, and the classic ones: at the full length. */
static const struct lure worst[] = {
    {"aws ", ""}, {"secret_secret.", ""}, {"postgres://a:b/c", "@"},
    {"eyJ", ""},  {"password=\"\\", ""},
};

/*
 * The work is counted, so a slow machine changes nothing: so many steps for each byte, whatever the length, and no limit is met.
 */
static unsigned is_lured(const struct redactor *r, const struct lure *l, size_t bytes)
{
    char *in = repeated(l->piece, l->tail, bytes);
    struct redact_work work = {0};
    struct buf b;
    bool wrong;

    buf_init(&b, 64 * bytes + 1000);
    redact_text_work(r, in, strlen(in), &b, NULL, &work);
    wrong = work.limits > 0 || work.steps > 150 * bytes;
    if (wrong)
        print_message("\"%s\": %u limits, %llu steps a byte\n", l->piece, work.limits,
                      (unsigned long long)(work.steps / bytes));
    buf_done(&b);
    mem_freep(&in);
    return wrong;
}

static void a_mebibyte_made_to_be_slow_costs_bounded_work(void **state)
{
    static const char *const on[] = {"ip", "mac", "us_ssn"};
    const struct config_redaction cfg = {.on = on, .n_on = 3};
    struct redactor *r = redactor_of(&cfg, key_a);
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lures); i++)
        wrong += is_lured(r, &lures[i], BIG / 16);
    for (size_t i = 0; i < ARRAY_LEN(worst); i++)
        wrong += is_lured(r, &worst[i], BIG);
    assert_int_equal(wrong, 0);
    redact_free(r);
}

/* Patterns that people write can be lured: the text is then held back whole, and the work is bounded all the same. */
static void a_pattern_that_meets_a_limit_holds_the_whole_text_back(void **state)
{
    static const struct {
        const char *pattern, *piece, *tail;
    } rows[] = {
        {"(a+)+$", "a", "b"},
        {"(?:a|aa)+[cd]", "a", "b"},
        {"(x+x+)+[0-9]", "x", "z"},
        {"[a-z]++[01]", "a", "b"}, /* no match limit counts this */
        {"(?s).*?.*?.*?[QR]", "a", "b"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct config_redaction cfg = {.extra = {{"mine", rows[i].pattern}}, .n_extra = 1};
        struct redactor *r = redactor_of(&cfg, key_a);
        char *in = repeated(rows[i].piece, rows[i].tail, BIG);
        struct redacted found = {.pairs = json_object()};
        struct redact_work work = {0};
        struct buf b;

        buf_init(&b, 1000);
        redact_text_work(r, in, strlen(in), &b, &found, &work);
        if (work.limits != 1)
            fail_msg("%s met no limit, %llu steps", rows[i].pattern,
                     (unsigned long long)work.steps);
        assert_true(work.steps <= REDACT_STEPS_BASE + (REDACT_STEPS_PER_BYTE + 1) * (BIG + 10));
        assert_true(text_starts(buf_str(&b), "[limit:"));
        assert_int_equal(b.len, strlen("[limit:0123456789]"));
        assert_int_equal(json_opt_int(found.counts, "limit", 0), 1);
        buf_done(&b);
        redacted_done(&found);
        mem_freep(&in);
        redact_free(r);
    }
}

/* One text of a document at its limit does not take the others with it. */
static void a_limit_is_that_of_one_text(void **state)
{
    const struct config_redaction cfg = {.extra = {{"mine", "(a+)+$"}}, .n_extra = 1};
    struct redactor *r = redactor_of(&cfg, key_a);
    char *slow = repeated("a", "b", BIG);
    json_t *in = json_pack("{s:s, s:s}", "slow", slow, "fine", "disk full"), *out;

    (void)state;
    out = redact_json(r, in, NULL);
    assert_true(text_starts(json_opt_str(out, "slow"), "[limit:"));
    assert_string_equal(json_opt_str(out, "fine"), "disk full");
    json_decref(in);
    json_decref(out);
    mem_freep(&slow);
    redact_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mebibyte_made_to_be_slow_costs_bounded_work),
        cmocka_unit_test(a_pattern_that_meets_a_limit_holds_the_whole_text_back),
        cmocka_unit_test(a_limit_is_that_of_one_text),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
