#ifndef TRIAGED_REDACT_TEST_H
#define TRIAGED_REDACT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/redact_priv.h"

/* What the tests of redaction share. */
static const uint8_t key_a[REDACT_KEY_BYTES] __attribute__((unused)) =
    "the first installation's key: 32";
static const uint8_t key_b[REDACT_KEY_BYTES] __attribute__((unused)) =
    "the other installation's key: 32";

static inline struct redactor *redactor_of(const struct config_redaction *cfg, const uint8_t *key)
{
    struct redactor *r = NULL;
    struct err e = {0};

    if (redact_new(cfg, key, &r, &e) < 0)
        fail_msg("%s", e.msg);
    return r;
}

static inline struct redactor *plain_redactor(void)
{
    const struct config_redaction none = {0};

    return redactor_of(&none, key_a);
}

/* The redacted text, malloc'ed. */
static inline char *redacted(const struct redactor *r, const char *s, struct redacted *found)
{
    struct buf b;

    buf_init(&b, 64 * strlen(s) + 256);
    redact_text(r, s, strlen(s), &b, found);
    assert_false(b.over);
    return buf_take(&b, NULL);
}

#endif
