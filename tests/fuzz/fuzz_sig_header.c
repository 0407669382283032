/*
 * X-PagerDuty-Signature: whatever the header is, nothing is accepted that does not hold the right digest.
 * A byte 0x01 in the input stands for the 64 digits of the right one, so that acceptance is within reach.
 */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "pagerduty/pagerduty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char body[] = "{\"event\":{\"id\":\"E1\"}}";
static const char key[] = "whk_fuzz";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct secret *secret;
    static char good[SHA256_HEX];
    uint8_t mac[SHA256_BYTES];
    struct buf header = {0};
    enum pd_verdict with, without;

    if (!secret) {
        crypto_init();
        secret = secret_new(key, sizeof(key) - 1);
        hmac_sha256(key, sizeof(key) - 1, body, sizeof(body) - 1, mac);
        hex_encode(mac, sizeof(mac), good);
    }
    buf_init(&header, 65536);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == 1)
            buf_puts(&header, good);
        else if (data[i] != 0)
            buf_putc(&header, (char)data[i]);
    }
    with = pd_verify((const struct secret *const *)&secret, 1, buf_str(&header), body,
                     sizeof(body) - 1);
    without = pd_verify(NULL, 0, buf_str(&header), body, sizeof(body) - 1);
    if (with == PD_SIG_OK && !strcasestr(buf_str(&header), good))
        abort();
    /* The shape of a header does not depend on what secrets there are. */
    if (without == PD_SIG_OK || (with == PD_SIG_ABSENT) != (without == PD_SIG_ABSENT))
        abort();
    buf_done(&header);
    return 0;
}
