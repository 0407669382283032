#include <string.h>

#include "base/crypto.h"
#include "pagerduty/pagerduty.h"

/* What one comma-separated entry of the header turned out to be. */
enum entry_kind {
    ENTRY_EMPTY,
    ENTRY_V1,      /* v1= and 64 hex digits */
    ENTRY_UNKNOWN, /* the shape of a version that we do not know */
    ENTRY_BROKEN,
};

struct candidates {
    uint8_t mac[PD_SIG_MAX_ENTRIES][SHA256_BYTES];
    size_t n;
    bool unknown_version;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* The length of "v" and its digits and "=", 0 when the entry does not begin so. */
static size_t version_len(const char *s, size_t len)
{
    size_t i = 1;

    if (len < 3 || s[0] != 'v')
        return 0;
    while (i < len && i < 4 && s[i] >= '0' && s[i] <= '9')
        i++;
    return i > 1 && i < len && s[i] == '=' ? i + 1 : 0;
}

static bool all_visible(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] < 0x21 || s[i] > 0x7e)
            return false;
    return len > 0;
}

static enum entry_kind entry_read(const char *s, size_t len, uint8_t mac[SHA256_BYTES])
{
    size_t v;

    while (len > 0 && is_space(s[0]))
        s++, len--;
    while (len > 0 && is_space(s[len - 1]))
        len--;
    if (len == 0)
        return ENTRY_EMPTY;
    v = version_len(s, len);
    if (v == 0 || !all_visible(s + v, len - v))
        return ENTRY_BROKEN;
    if (v != 3 || s[1] != '1')
        return ENTRY_UNKNOWN;
    return len - v == (size_t)2 * SHA256_BYTES && hex_decode(s + v, len - v, mac, SHA256_BYTES)
               ? ENTRY_V1
               : ENTRY_BROKEN;
}

/* false: over a limit. Broken entries beside a good one are skipped: what counts is whether one of ours is there. */
static bool header_read(const char *header, struct candidates *out)
{
    size_t len = strnlen(header, PD_SIG_HEADER_MAX_BYTES + 1), start = 0, entries = 0;

    if (len > PD_SIG_HEADER_MAX_BYTES)
        return false;
    for (size_t i = 0; i <= len; i++) {
        enum entry_kind kind;

        if (i < len && header[i] != ',')
            continue;
        if (++entries > PD_SIG_MAX_ENTRIES)
            return false;
        kind = entry_read(header + start, i - start, out->mac[out->n]);
        if (kind == ENTRY_V1)
            out->n++;
        else if (kind == ENTRY_UNKNOWN)
            out->unknown_version = true;
        start = i + 1;
    }
    return true;
}

enum pd_verdict pd_verify(const struct secret *const *secrets, size_t n, const char *header,
                          const void *body, size_t len)
{
    struct candidates c = {.n = 0};
    unsigned matches = 0;

    if (!header || !header_read(header, &c) || (c.n == 0 && !c.unknown_version))
        return PD_SIG_ABSENT;
    /* Every secret against every candidate, without stopping at the first: the time tells nothing about which
       one matched. (With no candidate there is nothing secret to compare.) */
    for (size_t i = 0; i < n && c.n > 0; i++) {
        uint8_t want[SHA256_BYTES];
        size_t key_len = 0;
        const char *key = secrets[i] ? secret_bytes(secrets[i], &key_len) : NULL;

        if (!key || key_len == 0)
            continue; /* anybody can sign with an empty key */
        hmac_sha256(key, key_len, body, len, want);
        for (size_t k = 0; k < c.n; k++)
            matches += crypto_equal(want, c.mac[k], SHA256_BYTES) ? 1 : 0;
    }
    return matches > 0 ? PD_SIG_OK : PD_SIG_MISMATCH;
}
