#ifndef TRIAGED_SANDBOX_MODEL_H
#define TRIAGED_SANDBOX_MODEL_H

#include <jansson.h>

/* A value that satisfies the JSON Schema (the subset that prompts use), citing the given handles; a new reference. */
json_t *model_fill(const json_t *schema, const json_t *handles);
/* All handles (E1, U2, S3 ...) that stand in the text of a request, in order, each once; a new array of strings. */
json_t *model_handles(const json_t *request);
/* The JSON between BEGIN_REPLY and END_REPLY anywhere in the request's text, or NULL. A new reference. */
json_t *model_obey(const json_t *request);

void model_reset(void);

#endif
