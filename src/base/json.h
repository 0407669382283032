#ifndef TRIAGED_BASE_JSON_H
#define TRIAGED_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

#define JSON_TEXT_MAX_DEPTH  64
#define JSON_TEXT_MAX_TOKENS 50000

/*
 * Parses outside bytes: first a pre-scan in one pass without allocation (depth <= 64, <= max_tokens tokens), then jansson
 * with JSON_REJECT_DUPLICATES. out is a new reference. ERR_INPUT names line and reason, never the text.
 */
int json_parse(const char *bytes, size_t len, size_t max_tokens, json_t **out, struct err *e)
    MUST_CHECK;
int json_prescan(const char *bytes, size_t len, size_t max_tokens, struct err *e) MUST_CHECK;
void json_freep(json_t **j); /* for AUTO */

/*
 * Readers that take JSON null, a missing key and a wrong type as absent. Borrowed from obj; obj may be NULL.
 * PagerDuty sends null for anything not marked required.
 */
const char *json_opt_str(const json_t *obj, const char *key); /* NULL when absent */
int64_t json_opt_int(const json_t *obj, const char *key,
                     int64_t def); /* integers and integral reals */
bool json_opt_bool(const json_t *obj, const char *key, bool def);
json_t *json_opt_obj(const json_t *obj, const char *key); /* NULL when absent or no object */
json_t *json_opt_arr(const json_t *obj, const char *key);
/* Dotted path, numbers index arrays: "service.id", "assignments.0.assignee.id". NULL when absent. */
json_t *json_at(const json_t *root, const char *path);
const char *json_at_str(const json_t *root, const char *path);
/* ISO time member to milliseconds; def when absent or malformed. */
int64_t json_opt_time_ms(const json_t *obj, const char *key, int64_t def);

/* The canonical text: sorted keys, no white space, raw UTF-8. malloc'ed / in the arena. */
char *json_canon(const json_t *j, size_t *len);
char *json_canon_arena(struct arena *a, const json_t *j, size_t *len);

/* Appends a JSON string literal with its quotes, or the text null for NULL. */
void json_quote(struct buf *b, const char *s);

#endif
