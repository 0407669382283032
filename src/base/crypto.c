#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

/* Fetched once: a fetch by name on every call costs more than hashing a kilobyte. */
static EVP_MD *md;
static EVP_MAC *mac;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;

/* Contexts of one thread, made at its first call and freed when it ends. */
struct contexts {
    EVP_MD_CTX *md;
    EVP_MAC_CTX *mac;
};
static _Thread_local struct contexts *mine;

static void contexts_free(void *p)
{
    struct contexts *c = p;

    EVP_MD_CTX_free(c->md);
    EVP_MAC_CTX_free(c->mac);
    mem_freep(&c);
    mine = NULL;
}

static void init_once(void)
{
    CHECK(sodium_init() >= 0);
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    CHECK(md && mac);
    CHECK(pthread_key_create(&thread_key, contexts_free) == 0);
}

void crypto_init(void)
{
    CHECK(pthread_once(&once, init_once) == 0);
}

static struct contexts *contexts(void)
{
    char name[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };

    if (mine)
        return mine;
    CHECK(md && mac); /* crypto_init() comes first */
    mine = mem_alloc(sizeof(*mine));
    mine->md = EVP_MD_CTX_new();
    mine->mac = EVP_MAC_CTX_new(mac);
    CHECK(mine->md && mine->mac);
    CHECK(EVP_MAC_CTX_set_params(mine->mac, params) == 1);
    CHECK(pthread_setspecific(thread_key, mine) == 0);
    return mine;
}

void sha256(const void *p, size_t len, uint8_t out[SHA256_BYTES])
{
    EVP_MD_CTX *ctx = contexts()->md;

    CHECK(EVP_DigestInit_ex2(ctx, md, NULL) == 1);
    CHECK(EVP_DigestUpdate(ctx, p, len) == 1);
    CHECK(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
}

char *sha256_hex(const void *p, size_t len, char out[SHA256_HEX])
{
    uint8_t raw[SHA256_BYTES];

    sha256(p, len, raw);
    return hex_encode(raw, sizeof(raw), out);
}

void hmac_sha256(const void *key, size_t key_len, const void *p, size_t len,
                 uint8_t out[SHA256_BYTES])
{
    static const unsigned char no_key[SHA256_BYTES];
    EVP_MAC_CTX *ctx = contexts()->mac;
    size_t out_len = 0;

    /* A NULL key would mean "the key of the call before". */
    CHECK(key || key_len == 0);
    CHECK(EVP_MAC_init(ctx, key ? key : no_key, key_len, NULL) == 1);
    CHECK(EVP_MAC_update(ctx, p, len) == 1);
    CHECK(EVP_MAC_final(ctx, out, &out_len, SHA256_BYTES) == 1 && out_len == SHA256_BYTES);
    /* The context outlives the call; the key must not. */
    CHECK(EVP_MAC_init(ctx, no_key, sizeof(no_key), NULL) == 1);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void crypto_random(void *out, size_t len)
{
    CHECK(sodium_init() >= 0);
    randombytes_buf(out, len);
}

char *hex_encode(const void *p, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = p;

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * len] = '\0';
    return out;
}

/* All ones when x < limit, else 0, without a branch; both are below 2^31. */
static unsigned below(unsigned x, unsigned limit)
{
    return 0U - ((x - limit) >> 31 & ~(x >> 31) & 1U);
}

/* The value of one digit; bits of *bad are set when it is none. */
static unsigned digit_value(char c, unsigned *bad)
{
    unsigned u = (unsigned char)c;
    unsigned number = u - '0', letter = (u | 32U) - 'a';
    unsigned is_number = below(number, 10), is_letter = below(letter, 6);

    *bad |= ~(is_number | is_letter);
    return ((number & is_number) | ((letter + 10) & is_letter)) & 15U;
}

bool hex_decode(const char *s, size_t len, uint8_t *out, size_t out_len)
{
    unsigned bad = 0;

    if (len % 2 != 0 || len / 2 != out_len)
        return false;
    for (size_t i = 0; i < out_len; i++) {
        unsigned high = digit_value(s[2 * i], &bad), low = digit_value(s[2 * i + 1], &bad);

        out[i] = (uint8_t)(high << 4 | low);
    }
    return bad == 0;
}

char *base32_encode(const void *p, size_t len, char *out)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    const uint8_t *in = p;
    unsigned held = 0, bits = 0; /* bits of input not yet written */
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        held = (held << 8 | in[i]) & 0xfff;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            out[n++] = digits[held >> bits & 31];
        }
    }
    if (bits > 0)
        out[n++] = digits[held << (5 - bits) & 31];
    out[n] = '\0';
    return out;
}

static void put_u64(EVP_MD_CTX *ctx, uint64_t v)
{
    uint8_t raw[8];

    for (int i = 0; i < 8; i++)
        raw[i] = (uint8_t)(v >> (56 - 8 * i));
    CHECK(EVP_DigestUpdate(ctx, raw, sizeof(raw)) == 1);
}

void digest_begin(struct digest *d, const char *domain)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    CHECK(md && ctx); /* crypto_init() comes first */
    CHECK(EVP_DigestInit_ex2(ctx, md, NULL) == 1);
    d->ctx = ctx;
    digest_str(d, domain);
}

void digest_bytes(struct digest *d, const void *p, size_t len)
{
    put_u64(d->ctx, len);
    CHECK(EVP_DigestUpdate(d->ctx, p, len) == 1);
}

void digest_str(struct digest *d, const char *s)
{
    if (s)
        digest_bytes(d, s, strlen(s));
    else
        put_u64(d->ctx, UINT64_MAX);
}

void digest_int(struct digest *d, int64_t v)
{
    /* A length that no string has keeps the number 7 and a text of the same eight bytes apart. */
    put_u64(d->ctx, UINT64_MAX - 1);
    put_u64(d->ctx, (uint64_t)v);
}

void digest_end(struct digest *d, char out_hex[SHA256_HEX])
{
    uint8_t raw[SHA256_BYTES];

    CHECK(EVP_DigestFinal_ex(d->ctx, raw, NULL) == 1);
    EVP_MD_CTX_free(d->ctx);
    d->ctx = NULL;
    hex_encode(raw, sizeof(raw), out_hex);
}
