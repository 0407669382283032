#ifndef TRIAGED_BASE_YAML_H
#define TRIAGED_BASE_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "base/schema.h"

#define YAML_MAX_BYTES ((size_t)1024 * 1024)
#define YAML_MAX_NODES 50000
#define YAML_MAX_DEPTH 32

/*
 * A YAML file as JSON, remembering the line of every node. YAML 1.2 core rules for plain scalars (true/false, null,
 * decimal integers, floats; "yes", "on" and 1_000 are strings), quoted scalars are strings. Duplicate keys, anchors,
 * aliases, tags and several documents are errors with their line.
 */
struct yaml_doc;

/* name is used in messages only ("rules/10-db.yaml"). */
int yaml_parse(const char *name, const char *bytes, size_t len, struct yaml_doc **out,
               struct err *e) MUST_CHECK;
int yaml_load(const char *path, struct yaml_doc **out, struct err *e)
    MUST_CHECK;                         /* ERR_NOT_FOUND when absent */
void yaml_doc_free(struct yaml_doc *d); /* libyaml itself exports a yaml_free() */
void yaml_freep(struct yaml_doc **d);
json_t *yaml_root(const struct yaml_doc *d); /* borrowed */
const char *yaml_name(const struct yaml_doc *d);
/* Line (from 1) of the value at a JSON pointer; of its nearest known parent otherwise. */
int yaml_line(const struct yaml_doc *d, const char *pointer);
/* Checks against a schema; ERR_INPUT "NAME:LINE: MESSAGE (and N more)" for the first problem. */
int yaml_check(const struct yaml_doc *d, const struct schema *s, struct err *e) MUST_CHECK;
/* ERR_INPUT "NAME:LINE: ..." for a problem that the caller found at pointer. */
int yaml_error(const struct yaml_doc *d, const char *pointer, struct err *e, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#endif
