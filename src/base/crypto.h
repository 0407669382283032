#ifndef TRIAGED_BASE_CRYPTO_H
#define TRIAGED_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/mem.h"

/*
 * The one header for cryptography (design 9). SHA-256 and HMAC by OpenSSL, which uses the SHA instructions; libsodium
 * for random bytes, constant-time comparison and locked memory. Any thread after crypto_init().
 */
#define SHA256_BYTES 32
#define SHA256_HEX   65 /* 64 digits and the NUL */

void crypto_init(void); /* once, before anything else; aborts when the library is unusable */
void sha256(const void *p, size_t len, uint8_t out[SHA256_BYTES]);
char *sha256_hex(const void *p, size_t len, char out[SHA256_HEX]);
void hmac_sha256(const void *key, size_t key_len, const void *p, size_t len,
                 uint8_t out[SHA256_BYTES]);
bool crypto_equal(const void *a, const void *b, size_t len) MUST_CHECK; /* constant time */
void crypto_random(void *out, size_t len);

char *hex_encode(const void *p, size_t len, char *out); /* out has 2 * len + 1 bytes; lower case */
/* Exactly 2 * out_len lower- or upper-case digits, else false. Constant time in the digits. */
bool hex_decode(const char *s, size_t len, uint8_t *out, size_t out_len) MUST_CHECK;
/* RFC 4648 base32, lower case, no padding. out has base32_len(len) + 1 bytes. */
char *base32_encode(const void *p, size_t len, char *out);
static inline size_t base32_len(size_t len)
{
    return (len * 8 + 4) / 5;
}

/*
 * A digest over length-prefixed fields under a domain tag, so that no two field lists share bytes:
 *   struct digest d; digest_begin(&d, "triaged.action.v1"); digest_str(&d, verb); ... digest_end(&d, out);
 *
 * The hashed bytes, numbers as 8 bytes big-endian: the domain tag is the first string field.
 *   string, bytes   their length, then the bytes
 *   NULL string     0xffffffffffffffff (no length is that large)
 *   integer         0xfffffffffffffffe, then its two's complement
 */
struct digest {
    void *ctx;
};
void digest_begin(struct digest *d, const char *domain);
void digest_bytes(struct digest *d, const void *p, size_t len);
void digest_str(struct digest *d, const char *s); /* NULL differs from "" */
void digest_int(struct digest *d, int64_t v);
void digest_end(struct digest *d, char out_hex[SHA256_HEX]); /* frees the context */

#endif
