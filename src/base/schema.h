#ifndef TRIAGED_BASE_SCHEMA_H
#define TRIAGED_BASE_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * A small JSON Schema validator (draft 2020-12, a named subset). Keywords: type (string or list), enum, const,
 * properties, required, additionalProperties (false or schema), patternProperties, items, prefixItems, minItems, maxItems,
 * uniqueItems, minLength, maxLength, pattern (PCRE2, limits), minimum, maximum, exclusiveMinimum, minProperties,
 * maxProperties, anyOf, oneOf, allOf, not, $ref to "#/$defs/NAME", $defs, title, description, default, examples, format
 * (annotation only), $schema, $id. Any other keyword makes schema_new fail, so that a rule is never silently ignored.
 */
struct schema;

/* text: one schema as JSON. Freed with schema_free. Thread-safe once made. */
int schema_new(const char *text, size_t len, struct schema **out, struct err *e) MUST_CHECK;
void schema_free(struct schema *s);
void schema_freep(struct schema **s);

struct schema_problem {
    char pointer[160]; /* JSON pointer to the value: "/rules/3/when" ("" is the root) */
    char msg[200];     /* what was expected: "unknown key 'foo'", "expected integer, got string" */
};
/* Returns the number of problems found (0 = valid), at most max of them written. */
size_t schema_check(const struct schema *s, const json_t *value, struct schema_problem *out,
                    size_t max);

#endif
