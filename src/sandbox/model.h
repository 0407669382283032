#ifndef TRIAGED_SANDBOX_MODEL_H
#define TRIAGED_SANDBOX_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What the stand-in model does with a request. `doc` is the triage document that a user message holds (NULL when there is none),
 * `schema` the reply's JSON Schema (NULL when none was sent). All return new references; world lock held.
 */

/* ---- reading the request (model_read.c) ---- */

const json_t *model_schema(const json_t *request); /* borrowed */
json_t *model_document(const json_t *request);
/* All handles (E1, U2, S3 ...) that stand in the text of a request, in order, each once; an array of strings. */
json_t *model_handles(const json_t *request);
/* The JSON between BEGIN_REPLY and END_REPLY anywhere in the request's text, or NULL. */
json_t *model_obey(const json_t *request);
/* Every string below root, members and items in order, until fn returns false. */
void model_each_string(const json_t *root, bool (*fn)(const char *text, void *arg), void *arg);
/* {"id","quote"} with a part of one string of the item's data; NULL when it has none. */
json_t *model_cite(const json_t *item);

/* ---- answering ---- */

/* A value that satisfies the schema (the subset that prompts use), citing the handles, or the document's items where a quote is asked for. */
json_t *model_fill(const json_t *schema, const json_t *handles, const json_t *doc);
/* The triage form, filled in with care: nothing that the document does not hold. */
json_t *model_report(const json_t *doc, const json_t *schema);
/* The only property of the schema, when it allows one constant: a question whether schemas are kept to. Else NULL; borrowed. */
const char *model_canary(const json_t *schema);

/* ---- spoiling a good reply (model_spoil.c); each takes over reply ---- */

json_t *spoil_schema(json_t *reply);
json_t *spoil_quotes(json_t *reply);
json_t *spoil_size(json_t *reply);
/* malloc'ed text: random changes of structure and text; *random moves on, so that a seed tells the same story. */
char *spoil_anyhow(json_t *reply, uint64_t *random);

/* ---- the three dialects (model_say.c) ---- */

enum dialect {
    D_OPENAI,
    D_ANTHROPIC,
    D_OLLAMA
};
enum said {
    SAID_WHOLE,
    SAID_CUT,
    SAID_REFUSAL
};
/* A 2xx answer. */
json_t *say_reply(enum dialect d, const char *model, const char *text, enum said how, int64_t in,
                  int64_t out);
/* The body of an error. */
json_t *say_error(enum dialect d, const char *type, const char *message);

void model_reset(void);

#endif
