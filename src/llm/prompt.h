#ifndef TRIAGED_LLM_PROMPT_H
#define TRIAGED_LLM_PROMPT_H

#include <jansson.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/schema.h"

/*
 * Prompts: NAME.md (the fixed instructions) and NAME.schema.json (the form that the model fills in). Compiled in from prompts/, or read from
 * a folder; both files of each name must be there. Immutable, ref-counted, any thread.
 */
struct prompts;

/* dir NULL: those compiled in. ERR_INPUT names the file and what is wrong (missing, not JSON, outside the strict subset). */
int prompts_load(const char *dir, struct prompts **out, struct err *e) MUST_CHECK;
struct prompts *prompts_ref(struct prompts *p);
void prompts_unref(struct prompts *p); /* accepts NULL */
void prompts_unrefp(struct prompts **p);

struct prompt {
    const char *name; /* "triage" */
    const char
        *version; /* "triage@3fa2c1d09b12": name and the first digits of the hash of both files */
    const char *text;        /* NAME.md */
    const char *schema_hash; /* SHA-256 of NAME.schema.json */
    const json_t *schema;    /* as in the file: what a request asks for is made from a copy */
};
/* Borrowed; CHECKs that the name is one of ours ("triage"). */
const struct prompt *prompts_get(const struct prompts *p, const char *name);
/* SHA-256 over all files, for the audit record of each load. */
const char *prompts_hash(const struct prompts *p);

#endif
