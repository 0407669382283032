/* The webhook signature: F-01, abuses I1 and I2 of the threat model, design section 9 (signatures). INV-2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pd_test.h"

#define KEY_A     "whk_test_key_a"
#define KEY_B     "whk_test_key_b"
#define BODY      "{\"event\":{\"id\":\"E1\"}}"
#define ZEROS     "0000000000000000000000000000000000000000000000000000000000000000"
#define MUTATIONS 5000

static enum pd_verdict verify(const char *const *keys, size_t n, const char *header,
                              const char *body, size_t len)
{
    struct secret *secrets[8] = {0};
    enum pd_verdict v;

    assert_true(n <= ARRAY_LEN(secrets));
    for (size_t i = 0; i < n; i++)
        secrets[i] = secret_new(keys[i], strlen(keys[i]));
    v = pd_verify((const struct secret *const *)secrets, n, header, body, len);
    for (size_t i = 0; i < n; i++)
        secret_free(secrets[i]);
    return v;
}

/* The header value that PagerDuty would send. */
static void sign(const char *key, const char *body, size_t len, char out[3 + SHA256_HEX])
{
    uint8_t mac[SHA256_BYTES];

    hmac_sha256(key, strlen(key), body, len, mac);
    memcpy(out, "v1=", 3);
    hex_encode(mac, sizeof(mac), out + 3);
}

static const char *verdict_name(enum pd_verdict v)
{
    return v == PD_SIG_OK ? "ok" : v == PD_SIG_ABSENT ? "absent" : "mismatch";
}

static enum pd_verdict vector_verdict(const json_t *vector)
{
    const char *keys[8];
    char name[256];
    const json_t *secrets = json_object_get(vector, "configured_secrets");
    size_t n = json_array_size(secrets), len = 0;
    char hex[SHA256_HEX];
    char *body;
    enum pd_verdict v;

    for (size_t i = 0; i < n; i++)
        keys[i] = json_string_value(json_array_get(secrets, i));
    snprintf(name, sizeof(name), "webhooks/%s", json_opt_str(vector, "body_file"));
    body = pd_data(name, &len);
    /* A damaged body file must not pass for a verifier that refuses. */
    assert_int_equal(len, json_opt_int(vector, "body_bytes", -1));
    assert_string_equal(sha256_hex(body, len, hex), json_opt_str(vector, "body_sha256"));
    v = verify(keys, n, json_opt_str(vector, "header"), body, len);
    mem_freep(&body);
    return v;
}

/* Refusals of the vectors, each with the kind that design section 9 wants. */
static enum pd_verdict refusal_kind(const char *name)
{
    static const char *const mismatches[] = {"versions/only-unknown-version", "reject/wrong-secret",
                                             "reject/other-body", "reject/one-bit-flipped",
                                             "reject/no-secret-configured"};

    for (size_t i = 0; i < ARRAY_LEN(mismatches); i++)
        if (strcmp(name, mismatches[i]) == 0)
            return PD_SIG_MISMATCH;
    return PD_SIG_ABSENT;
}

static void judges_all_published_vectors(void **state)
{
    json_t *root = pd_data_json("signatures.json");
    const json_t *vectors = json_object_get(root, "vectors");

    (void)state;
    assert_int_equal(json_array_size(vectors), 56);
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *vector = json_array_get(vectors, i);
        const char *name = json_opt_str(vector, "name"), *expect = json_opt_str(vector, "expect");
        enum pd_verdict got = vector_verdict(vector);
        enum pd_verdict want = strcmp(expect, "reject") == 0 ? refusal_kind(name)
                                                             : PD_SIG_OK; /* "either": we accept */

        if (got != want)
            fail_msg("%s: %s instead of %s", name, verdict_name(got), verdict_name(want));
    }
    json_decref(root);
}

static void refuses_the_same_json_in_other_bytes(void **state)
{
    json_t *root = pd_data_json("signatures.json");
    json_t *body = pd_data_json("webhooks/incident.triggered.json");
    const json_t *note = json_object_get(root, "reserialised_body_must_fail");
    const json_t *vectors = json_object_get(root, "vectors"), *v;
    char *pretty = json_dumps(body, JSON_INDENT(2));
    const char *key = NULL, *header = NULL;
    size_t i;

    (void)state;
    json_array_foreach (vectors, i, v) {
        if (strcmp(json_opt_str(v, "name"), "single/incident.triggered") == 0) {
            header = json_opt_str(v, "header");
            key = json_string_value(json_array_get(json_object_get(v, "configured_secrets"), 0));
        }
    }
    assert_non_null(key);
    assert_string_equal(json_opt_str(note, "body_file"), "incident.triggered.json");
    assert_int_equal(verify(&key, 1, header, pretty, strlen(pretty)), PD_SIG_MISMATCH);
    free(pretty);
    json_decref(body);
    json_decref(root);
}

/* %s in a header stands for the good signature's 64 digits. */
static void sorts_headers_by_their_shape(void **state)
{
    static const struct {
        const char *header;
        enum pd_verdict want;
    } table[] = {
        {"v1=%s", PD_SIG_OK},
        {" v1=%s ", PD_SIG_OK},
        {"\tv1=%s", PD_SIG_OK},
        {"v1=%s,", PD_SIG_OK},
        {",v1=%s", PD_SIG_OK},
        {"v1=" ZEROS ",v1=%s", PD_SIG_OK},
        {"v1=%s,v1=" ZEROS, PD_SIG_OK},
        {"v9=abc,v1=%s", PD_SIG_OK},
        {"v1=nonsense,v1=%s", PD_SIG_OK},
        {",,,,,,,v1=%s", PD_SIG_OK},
        {",,,,,,,,v1=%s", PD_SIG_ABSENT}, /* nine entries */
        {"", PD_SIG_ABSENT},
        {" ", PD_SIG_ABSENT},
        {",", PD_SIG_ABSENT},
        {", ,\t,", PD_SIG_ABSENT},
        {"%s", PD_SIG_ABSENT},
        {"V1=%s", PD_SIG_ABSENT},
        {"v1 =%s", PD_SIG_ABSENT},
        {"v1= %s", PD_SIG_ABSENT},
        {"v 1=%s", PD_SIG_ABSENT},
        {"v=%s", PD_SIG_ABSENT},
        {"1=%s", PD_SIG_ABSENT},
        {"=%s", PD_SIG_ABSENT},
        {"v1:%s", PD_SIG_ABSENT},
        {"v1%s", PD_SIG_ABSENT},
        {"v1==%s", PD_SIG_ABSENT},
        {"v1=", PD_SIG_ABSENT},
        {"v1=0x%s", PD_SIG_ABSENT},
        {"v1=%s0", PD_SIG_ABSENT},
        {"v1=%s%s", PD_SIG_ABSENT},
        {"v1=\"%s\"", PD_SIG_ABSENT},
        {"v1=%s;v1=%s", PD_SIG_ABSENT},
        {"v1=%s v1=%s", PD_SIG_ABSENT},
        {"sha256=%s", PD_SIG_ABSENT},
        {"v2=", PD_SIG_ABSENT},
        {"v1234=%s", PD_SIG_ABSENT},
        {"v2=%s", PD_SIG_MISMATCH},
        {"v0=%s", PD_SIG_MISMATCH},
        {"v01=%s", PD_SIG_MISMATCH},
        {"v11=%s", PD_SIG_MISMATCH},
        {"v2=anything", PD_SIG_MISMATCH},
        {"v2=%s,v1=nonsense", PD_SIG_MISMATCH},
        {"v1=" ZEROS, PD_SIG_MISMATCH},
        {"v1=" ZEROS ",v1=" ZEROS, PD_SIG_MISMATCH},
    };
    const char *key = KEY_A;
    char good[3 + SHA256_HEX], header[1024];

    (void)state;
    sign(KEY_A, BODY, strlen(BODY), good);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf b = {0};
        enum pd_verdict got;

        buf_init(&b, sizeof(header));
        for (const char *p = table[i].header; *p; p++) {
            if (p[0] == '%' && p[1] == 's') {
                buf_puts(&b, good + 3);
                p++;
            } else {
                buf_putc(&b, *p);
            }
        }
        got = verify(&key, 1, buf_str(&b), BODY, strlen(BODY));
        if (got != table[i].want)
            fail_msg("row %zu, \"%s\": %s instead of %s", i, table[i].header, verdict_name(got),
                     verdict_name(table[i].want));
        buf_done(&b);
    }
    assert_int_equal(verify(&key, 1, NULL, BODY, strlen(BODY)), PD_SIG_ABSENT);
}

static void takes_either_live_secret_while_one_is_replaced(void **state)
{
    static const char *const both[] = {KEY_A, KEY_B};
    char by_b[3 + SHA256_HEX], by_empty[3 + SHA256_HEX];
    static const char *const empty[] = {""};
    const struct secret *const missing[] = {NULL};

    (void)state;
    sign(KEY_B, BODY, strlen(BODY), by_b);
    sign("", BODY, strlen(BODY), by_empty);
    assert_int_equal(verify(both, 2, by_b, BODY, strlen(BODY)), PD_SIG_OK);
    assert_int_equal(verify(both, 1, by_b, BODY, strlen(BODY)), PD_SIG_MISMATCH);
    assert_int_equal(verify(NULL, 0, by_b, BODY, strlen(BODY)), PD_SIG_MISMATCH);
    /* Anybody can sign with the empty key. */
    assert_int_equal(verify(empty, 1, by_empty, BODY, strlen(BODY)), PD_SIG_MISMATCH);
    assert_int_equal(pd_verify(missing, 1, by_empty, BODY, strlen(BODY)), PD_SIG_MISMATCH);
}

static void refuses_a_header_over_one_kibibyte(void **state)
{
    const char *key = KEY_A;
    char good[3 + SHA256_HEX], header[PD_SIG_HEADER_MAX_BYTES + 2];
    size_t len;

    (void)state;
    sign(KEY_A, BODY, strlen(BODY), good);
    len = strlen(good);
    memset(header, ' ', sizeof(header));
    memcpy(header, good, len);
    header[PD_SIG_HEADER_MAX_BYTES] = '\0';
    assert_int_equal(verify(&key, 1, header, BODY, strlen(BODY)), PD_SIG_OK);
    header[PD_SIG_HEADER_MAX_BYTES] = ' ';
    header[PD_SIG_HEADER_MAX_BYTES + 1] = '\0';
    assert_int_equal(verify(&key, 1, header, BODY, strlen(BODY)), PD_SIG_ABSENT);
}

/* A small generator with a fixed seed, so that a failure can be seen again. */
static uint32_t next_random(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

static bool same_mac(const char *header, const char *good)
{
    uint8_t a[SHA256_BYTES], b[SHA256_BYTES];
    size_t len = strlen(header);

    return len == strlen(good) && strncmp(header, "v1=", 3) == 0 &&
           hex_decode(header + 3, len - 3, a, sizeof(a)) &&
           hex_decode(good + 3, strlen(good) - 3, b, sizeof(b)) && memcmp(a, b, sizeof(a)) == 0;
}

/* The verdict, or -1 when the text stayed as good as it was. One of: a bit of the body, the body's length, a character of the header, its length, another key. */
static int judge_mutation(uint32_t *seed, const char *body, size_t len, const char *good)
{
    static char copy[64 * 1024];
    char header[3 + SHA256_HEX + 1], key[] = KEY_A;
    const char *keys[] = {key};
    uint32_t kind = next_random(seed) % 6, at = next_random(seed), bit = next_random(seed) % 8;
    size_t cut = len;

    memcpy(copy, body, len);
    snprintf(header, sizeof(header), "%s", good);
    if (kind == 0)
        copy[at % len] = (char)(copy[at % len] ^ (1 << bit));
    else if (kind == 1)
        cut = at % len;
    else if (kind == 2)
        header[3 + at % 64] = "0123456789abcdefgxyz \"=,"[next_random(seed) % 24];
    else if (kind == 3)
        header[at % strlen(header)] = '\0';
    else if (kind == 4)
        key[at % strlen(key)] = (char)(key[at % strlen(key)] ^ (1 << (bit % 7)));
    else
        header[at % 3] = (char)(header[at % 3] ^ (1 << (bit % 7)));
    if (kind != 0 && kind != 1 && kind != 4 && same_mac(header, good))
        return -1; /* the change changed nothing */
    return (int)verify(keys, 1, header, copy, cut);
}

static void accepts_none_of_5000_mutations(void **state)
{
    size_t len = 0, judged = 0;
    char *body = pd_data("webhooks/incident.triggered.json", &len);
    char good[3 + SHA256_HEX];
    const char *key = KEY_A;
    uint32_t seed = 20261120;

    (void)state;
    assert_true(len < 64 * 1024);
    sign(KEY_A, body, len, good);
    assert_int_equal(verify(&key, 1, good, body, len), PD_SIG_OK);
    while (judged < MUTATIONS) {
        int verdict = judge_mutation(&seed, body, len, good);

        if (verdict == PD_SIG_OK)
            fail_msg("mutation %zu was accepted", judged);
        judged += verdict >= 0 ? 1 : 0;
    }
    mem_freep(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_all_published_vectors),
        cmocka_unit_test(refuses_the_same_json_in_other_bytes),
        cmocka_unit_test(sorts_headers_by_their_shape),
        cmocka_unit_test(takes_either_live_secret_while_one_is_replaced),
        cmocka_unit_test(refuses_a_header_over_one_kibibyte),
        cmocka_unit_test(accepts_none_of_5000_mutations),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
