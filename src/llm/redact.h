#ifndef TRIAGED_LLM_REDACT_H
#define TRIAGED_LLM_REDACT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "config/config.h"

/*
 * Taking secrets and personal data out of texts before they leave. Classes are rows: a PCRE2 pattern with match limits, for some a
 * check in code (Luhn for card numbers, mod 97 for IBAN). Each find becomes a placeholder that is the same for the same value:
 *
 *   [email:3fa2c1d09b]   the class, and ten digits of HMAC-SHA256(installation's key, class, value)
 *
 * so that a reader still sees that two places name one thing, and nobody without the key can try values out. The stored evidence is never
 * changed: the human view maps placeholders back by redacting it again and keeping the pairs.
 *
 * A redactor never changes once made: any thread. Shared by reference count.
 */
struct redactor;

#define REDACT_KEY_BYTES 32
/* cfg is borrowed until return. ERR_INPUT: a pattern of the configuration that does not compile, or a class that does not exist. */
int redact_new(const struct config_redaction *cfg, const uint8_t key[REDACT_KEY_BYTES],
               struct redactor **out, struct err *e) MUST_CHECK;
struct redactor *redact_ref(struct redactor *r); /* accepts NULL */
void redact_free(struct redactor *r);            /* drops one reference; accepts NULL */
void redact_freep(struct redactor **r);
/* Class names, NULL past the end; *optional: off unless switched on. */
const char *redact_class(size_t i, bool *optional, const char **what);

/* What was taken out. counts by class, and (when wanted) the pairs placeholder -> value for the human view. */
struct redacted {
    json_t *counts; /* {"email": 2}; owned */
    json_t *
        pairs; /* {"[email:3fa2c1d09b]": "ana@example.com"}; owned; NULL: not wanted. Never stored, never logged */
};
void redacted_done(struct redacted *x); /* for AUTO */

/* Appends the text with its finds replaced. What is no UTF-8 becomes U+FFFD first. */
void redact_text(const struct redactor *r, const char *s, size_t len, struct buf *out,
                 struct redacted *found);
/*
 * A copy of j with every string redacted, member names too. The value of a member whose name says that it is a secret (password, token,
 * authorization, cookie, api_key ...) is replaced whole, whatever it looks like. No recursion on outside depth.
 */
json_t *redact_json(const struct redactor *r, const json_t *j, struct redacted *found);
/* The human view: placeholders that pairs knows become their values again. */
void redact_restore(const json_t *pairs, const char *s, struct buf *out);

#endif
