#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/mem.h"

/* FIPS 180-2, appendix B */
static void hashes_the_published_vectors(void **state)
{
    char hex[SHA256_HEX];
    AUTO(mem_freep) char *million = mem_alloc(1000000);

    (void)state;
    assert_string_equal(sha256_hex("", 0, hex),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(sha256_hex("abc", 3, hex),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(million, 'a', 1000000);
    assert_string_equal(sha256_hex(million, 1000000, hex),
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* RFC 4231, cases 1 to 4, 6 and 7; keys and data of one repeated byte are given by byte and count. */
static const struct {
    const char *key;
    int key_byte;
    size_t key_len;
    const char *data;
    int data_byte;
    size_t data_len;
    const char *mac;
} macs[] = {
    {NULL, 0x0b, 20, "Hi There", 0, 8,
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"Jefe", 0, 4, "what do ya want for nothing?", 0, 28,
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {NULL, 0xaa, 20, NULL, 0xdd, 50,
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17"
     "\x18\x19",
     0, 25, NULL, 0xcd, 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {NULL, 0xaa, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 0, 54,
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {NULL, 0xaa, 131,
     "This is a test using a larger than block-size key and a larger than block-size data. The key "
     "needs to be hashed before being used by the HMAC algorithm.",
     0, 152, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    {"", 0, 0, "", 0, 0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
};

static void check_macs(void)
{
    for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
        char key[200], data[200], hex[SHA256_HEX];
        uint8_t out[SHA256_BYTES];

        memset(key, macs[i].key_byte, sizeof(key));
        memset(data, macs[i].data_byte, sizeof(data));
        if (macs[i].key)
            memcpy(key, macs[i].key, macs[i].key_len);
        if (macs[i].data)
            memcpy(data, macs[i].data, macs[i].data_len);
        hmac_sha256(key, macs[i].key_len, data, macs[i].data_len, out);
        assert_string_equal(hex_encode(out, sizeof(out), hex), macs[i].mac);
    }
}

static void authenticates_the_published_vectors(void **state)
{
    (void)state;
    check_macs();
    check_macs(); /* the context is used again */
}

static void *mac_many(void *failed)
{
    for (int i = 0; i < 200; i++) {
        uint8_t out[SHA256_BYTES];
        char hex[SHA256_HEX];

        hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
        if (strcmp(hex_encode(out, sizeof(out), hex), macs[1].mac) != 0)
            *(bool *)failed = true;
    }
    return NULL;
}

static void works_in_threads_at_once(void **state)
{
    pthread_t threads[4];
    bool failed[4] = {false};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, mac_many, &failed[i]), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(failed[i]);
    }
}

static const struct {
    const char *text;
    bool ok;
} hexes[] = {
    {"00ff7f80", true},        {"00FF7f80", true},  {"00ff7f8", false},
    {"00ff7f800", false},      {"", false},         {"00ff7fg0", false},
    {"00ff7f`0", false},       {"00ff7f/0", false}, {"00ff7f:0", false},
    {"00ff7f@0", false},       {"00ff7fG0", false}, {"00ff7f 0", false},
    {"00ff7f\xc1\xb0", false},
};

static void decodes_exactly_that_many_hex_digits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hexes); i++) {
        uint8_t out[4] = {0};

        assert_int_equal(hex_decode(hexes[i].text, strlen(hexes[i].text), out, 4), hexes[i].ok);
        if (hexes[i].ok)
            assert_memory_equal(out, "\x00\xff\x7f\x80", 4);
    }
    for (int c = 0; c < 256; c++) { /* every byte against the plain definition */
        char text[2] = {(char)c, '0'};
        bool digit = c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL;
        uint8_t out = 0;

        assert_int_equal(hex_decode(text, 2, &out, 1), digit);
        if (digit)
            assert_int_equal(out >> 4, strtol((char[]){(char)c, 0}, NULL, 16));
    }
}

/* RFC 4648, section 10, in lower case and without padding */
static void encodes_base32(void **state)
{
    static const char *const table[][2] = {
        {"", ""},
        {"f", "my"},
        {"fo", "mzxq"},
        {"foo", "mzxw6"},
        {"foob", "mzxw6yq"},
        {"fooba", "mzxw6ytb"},
        {"foobar", "mzxw6ytboi"},
    };
    char out[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        assert_string_equal(base32_encode(table[i][0], strlen(table[i][0]), out), table[i][1]);
        assert_int_equal(base32_len(strlen(table[i][0])), strlen(table[i][1]));
    }
}

static void compares_and_draws(void **state)
{
    uint8_t a[32], b[32];

    (void)state;
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    assert_false(crypto_equal(a, b, sizeof(a)));
    memcpy(b, a, sizeof(a));
    assert_true(crypto_equal(a, b, sizeof(a)));
    b[31] ^= 1;
    assert_false(crypto_equal(a, b, sizeof(a)));
}

static void digest_two(const char *domain, const char *one, const char *two, char out[SHA256_HEX])
{
    struct digest d;

    digest_begin(&d, domain);
    digest_str(&d, one);
    digest_str(&d, two);
    digest_end(&d, out);
}

static void digests_depend_on_where_fields_end(void **state)
{
    char a[SHA256_HEX], b[SHA256_HEX];

    (void)state;
    digest_two("d", "ab", "c", a);
    digest_two("d", "a", "bc", b);
    assert_string_not_equal(a, b);
    digest_two("d", "ab", NULL, a);
    digest_two("d", "ab", "", b);
    assert_string_not_equal(a, b);
    digest_two("d", "a", "b", a);
    digest_two("e", "a", "b", b);
    assert_string_not_equal(a, b);
    digest_two("d", "a", "b", b);
    assert_string_equal(a, b);
}

/* The bytes are part of what is stored: this value was computed from the description in crypto.h by other means. */
static void digest_bytes_are_as_described(void **state)
{
    struct digest d;
    char out[SHA256_HEX];

    (void)state;
    digest_begin(&d, "triaged.test.v1");
    digest_str(&d, "ab");
    digest_str(&d, NULL);
    digest_bytes(&d, "", 0);
    digest_int(&d, -7);
    digest_end(&d, out);
    assert_string_equal(out, "c159ef4a68685d6aa3ee7eb6469f7f7447219ee6f0e1fb35ea1ca9e7d53e19a0");
}

static void keeps_secrets_with_their_nul(void **state)
{
    AUTO(secret_freep) struct secret *s = secret_new("abc", 3);
    size_t len = 0;

    (void)state;
    assert_string_equal(secret_bytes(s, &len), "abc");
    assert_int_equal(len, 3);
    secret_freep(&s);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_the_published_vectors),
        cmocka_unit_test(authenticates_the_published_vectors),
        cmocka_unit_test(works_in_threads_at_once),
        cmocka_unit_test(decodes_exactly_that_many_hex_digits),
        cmocka_unit_test(encodes_base32),
        cmocka_unit_test(compares_and_draws),
        cmocka_unit_test(digests_depend_on_where_fields_end),
        cmocka_unit_test(digest_bytes_are_as_described),
        cmocka_unit_test(keeps_secrets_with_their_nul),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
