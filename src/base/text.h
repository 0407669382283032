#ifndef TRIAGED_BASE_TEXT_H
#define TRIAGED_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* The whole text as a decimal number within [min, max], else ERR_INPUT. */
int parse_i64(const char *s, int64_t min, int64_t max, int64_t *out, struct err *e) MUST_CHECK;

/* "250ms", "15s", "10m", "2h", "7d" or "180d" to milliseconds. ERR_INPUT otherwise. */
int parse_span_ms(const char *s, int64_t *out, struct err *e) MUST_CHECK;

/* PagerDuty ids and the like: ^[A-Za-z0-9]{1,32}$. What is put into a path must pass this. */
bool text_is_id(const char *s);
/* A bare e-mail address: one @, printable ASCII, no space, comma, angle bracket or control character, <= 254 bytes. */
bool text_is_email(const char *s);
bool text_starts(const char *s, const char *prefix);
bool text_eq(const char *a, const char *b); /* NULL equals only NULL */

/* Largest cut <= max_bytes that does not split a UTF-8 character. */
size_t text_cut(const char *s, size_t len, size_t max_bytes);
/*
 * Copies outside text so that it is safe to show to people: control, bidi and zero-width characters become visible escapes
 * (U+202E), invalid UTF-8 becomes U+FFFD, line breaks become spaces when one_line. Cut to max_bytes with "…".
 */
void text_show(struct buf *out, const char *s, size_t len, size_t max_bytes, bool one_line);
/* The columns a terminal needs (libutf8proc's width). */
size_t text_columns(const char *s);
/*
 * A title or alert text with its changing parts removed, so that repeats of one symptom are equal: lower case;
 * numbers, hex ids, UUIDs, times, addresses and random-looking name parts become "#"; white space folded.
 */
void text_normalise(struct buf *out, const char *s, size_t len);

#endif
