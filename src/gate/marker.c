#include <stdio.h>
#include <string.h>

#include "gate/gate_priv.h"

#define OPEN      "[triaged:"
#define OPEN_LEN  9
#define CODE_LEN  16
#define INPUT_MAX 160

/* Nobody outside can foresee it, so that a planted marker can neither suppress a note of ours nor prove one. */
void marker_make(const uint8_t key[MARKER_KEY_BYTES], int64_t proposal_id, unsigned ord,
                 const char *action_digest, char out[MARKER_LEN + 1])
{
    char input[INPUT_MAX];
    uint8_t mac[SHA256_BYTES];
    char code[CODE_LEN + 1];
    int len = snprintf(input, sizeof input, "triaged.marker.v1|%lld|%u|%s", (long long)proposal_id,
                       ord, action_digest);

    CHECK(len > 0 && (size_t)len < sizeof input);
    hmac_sha256(key, MARKER_KEY_BYTES, input, (size_t)len, mac);
    base32_encode(mac, MARKER_BYTES, code);
    snprintf(out, MARKER_LEN + 1, OPEN "%s]", code);
}

/* The end of the first line that is not blank: PagerDuty may cut white space at the ends. */
static const char *first_line(const char *s, size_t *len)
{
    while (*s == ' ' || *s == '\n' || *s == '\r' || *s == '\t')
        s++;
    *len = strcspn(s, "\r\n");
    return s;
}

bool marker_in(const char *content, const char *marker)
{
    size_t len;
    const char *line;

    if (!content || !marker || !*marker)
        return false;
    line = first_line(content, &len);
    return memmem(line, len, marker, strlen(marker)) != NULL;
}

bool marker_find(const char *content, char out[MARKER_LEN + 1])
{
    size_t len;
    const char *line, *at;

    if (!content)
        return false;
    line = first_line(content, &len);
    at = memmem(line, len, OPEN, OPEN_LEN);
    if (!at || (size_t)(line + len - at) < MARKER_LEN || at[MARKER_LEN - 1] != ']' ||
        strspn(at + OPEN_LEN, "abcdefghijklmnopqrstuvwxyz234567") != CODE_LEN)
        return false;
    memcpy(out, at, MARKER_LEN);
    out[MARKER_LEN] = '\0';
    return true;
}
