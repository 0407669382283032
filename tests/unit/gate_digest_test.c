#include "gate_test.h"

#define ACTION_VECTOR   "ed624d7fb795991bcb1b52dddca418a1673c0a7f9bc418d8dc191037f9331e0c"
#define PROPOSAL_VECTOR "0afdfe4fa68a1327905d3229aa372fb459608b48d70a15ec41470751e6dc7d32"

/* Expected values were computed apart, from the description in crypto.h (see the field layout there). */
static void digests_are_those_of_the_described_bytes(void **state)
{
    char out[SHA256_HEX], again[SHA256_HEX];
    struct action_bytes x = {"acknowledge", "Q1ABC",   "{}", "{\"status\":\"triggered\"}",
                             "approver",    "rulehash"};
    const char digests[1][SHA256_HEX] = {
        "0000000000000000000000000000000000000000000000000000000000000001"};
    struct proposal_bytes p = {.id = 12,
                               .revision = 1,
                               .policy_rule = "default",
                               .rule_hash = "rulehash",
                               .need = "{}",
                               .actions = digests,
                               .n_actions = 1};

    (void)state;
    digest_action(&x, out);
    assert_string_equal(out, ACTION_VECTOR);
    digest_proposal(&p, out);
    assert_string_equal(out, PROPOSAL_VECTOR);
    digest_proposal(&p, again);
    assert_string_equal(out, again);
}

static uint32_t rng = 12345;
static uint32_t next(uint32_t n)
{
    rng = rng * 1664525 + 1013904223;
    return rng / 65536 % n;
}

/* Few values and texts that could run into each other, so that equal pairs are common. */
static void random_bytes(struct action_bytes *x)
{
    static const char *const WORDS[] = {"", "a", "ab", "b", "{}", "{\"a\":1}", NULL};

    *x = (struct action_bytes){WORDS[next(3)], WORDS[next(4)], WORDS[next(6)],
                               WORDS[next(7)], WORDS[next(3)], WORDS[next(7)]};
}

static bool same(const struct action_bytes *a, const struct action_bytes *b)
{
    return text_eq(a->verb, b->verb) && text_eq(a->target, b->target) &&
           text_eq(a->args, b->args) && text_eq(a->binds, b->binds) &&
           text_eq(a->identity, b->identity) && text_eq(a->rule_hash, b->rule_hash);
}

/* X8: equal digest if and only if equal struct. */
static void random_pairs_have_equal_digests_only_when_equal(void **state)
{
    int equal = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        struct action_bytes a, b;
        char da[SHA256_HEX], db[SHA256_HEX];

        random_bytes(&a);
        random_bytes(&b);
        if (i % 3 == 0)
            b = a;
        digest_action(&a, da);
        digest_action(&b, db);
        assert_int_equal(strcmp(da, db) == 0, same(&a, &b));
        equal += same(&a, &b);
    }
    assert_in_range(equal, 3000, 9000);
}

static void every_part_of_a_proposal_counts(void **state)
{
    const char digests[2][SHA256_HEX] = {"a", "b"}, turned[2][SHA256_HEX] = {"b", "a"};
    const struct proposal_bytes base = {12, 1, "r", "h", "{}", digests, 2};
    struct proposal_bytes other[8];
    char a[SHA256_HEX], b[SHA256_HEX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        other[i] = base;
    other[0].id = 13;
    other[1].revision = 2;
    other[2].policy_rule = "s";
    other[3].rule_hash = "i";
    other[4].need = "{\"a\":1}";
    other[5].actions = turned;
    other[6].n_actions = 1;
    other[7].n_actions = 0;
    digest_proposal(&base, a);
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        digest_proposal(&other[i], b);
        if (strcmp(a, b) == 0)
            fail_msg("row %zu: the digest does not notice", i);
    }
}

static void a_marker_is_found_in_the_first_line_only_and_is_bound_to_everything(void **state)
{
    uint8_t key[MARKER_KEY_BYTES] = {1}, other_key[MARKER_KEY_BYTES] = {2};
    char m[MARKER_LEN + 1], x[MARKER_LEN + 1];

    (void)state;
    marker_make(key, 12, 0, "d", m);
    assert_int_equal(strlen(m), MARKER_LEN);
    marker_make(key, 12, 0, "d", x);
    assert_string_equal(m, x);
    marker_make(key, 13, 0, "d", x);
    assert_string_not_equal(m, x);
    marker_make(key, 12, 1, "d", x);
    assert_string_not_equal(m, x);
    marker_make(key, 12, 0, "e", x);
    assert_string_not_equal(m, x);
    marker_make(other_key, 12, 0, "d", x);
    assert_string_not_equal(m, x);
    {
        char first[100], later[100], cut[100];

        snprintf(first, sizeof first, "\n %s text\nmore", m);
        snprintf(later, sizeof later, "text\n%s", m);
        snprintf(cut, sizeof cut, "%.20s", m);
        assert_true(marker_in(first, m));
        assert_false(marker_in(later, m));
        assert_false(marker_in(cut, m));
        assert_false(marker_in(first, x));
        assert_false(marker_in(NULL, m));
        assert_false(marker_in(first, ""));
        assert_true(marker_find(first, x));
        assert_string_equal(x, m);
        assert_false(marker_find(later, x));
        assert_false(marker_find("[triaged:ABCDEFGHIJKLMNOP]", x));
        assert_false(marker_find("[triaged:", x));
    }
}

static int crypto_up(void **state)
{
    (void)state;
    crypto_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_described_bytes),
        cmocka_unit_test(random_pairs_have_equal_digests_only_when_equal),
        cmocka_unit_test(every_part_of_a_proposal_counts),
        cmocka_unit_test(a_marker_is_found_in_the_first_line_only_and_is_bound_to_everything),
    };

    return cmocka_run_group_tests(tests, crypto_up, NULL);
}
