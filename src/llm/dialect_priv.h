#ifndef TRIAGED_LLM_DIALECT_PRIV_H
#define TRIAGED_LLM_DIALECT_PRIV_H

#include "llm/dialect.h"

/* What the dialects share. Every text that comes from an endpoint is outside text here, the words of its errors too. */

extern const struct llm_dialect llm_openai_chat, llm_anthropic, llm_ollama;

/* ---- building ---- */

bool llm_mode_is(const struct config_model *m, const char *mode);
/* The schema to put into a request: a copy, for the ask only lends it. A new reference. */
json_t *llm_schema_copy(const struct llm_ask *ask);
/* The system text; with prompt_only the schema stands at its end. A new reference, NULL when it is no UTF-8. */
json_t *llm_system_text(const struct config_model *m, const struct llm_ask *ask);
/* Appends {"role", "content"}; content NULL adds nothing. False when content is no UTF-8. */
bool llm_message(json_t *messages, const char *role, const char *content);

/* ---- reading ---- */

/* What the dialect found: why is a printf format. */
void llm_reply_is(struct llm_reply *out, enum llm_end end, const char *why, ...) PRINTF_LIKE(3, 4);
/* "content": a text, or a list of blocks of which those of type "text" are joined; false when there is none or it is too long. */
bool llm_reply_text(struct arena *a, const json_t *content, struct llm_reply *out);
/* A count that an endpoint reported: -1 when absent, negative or beyond belief. */
int64_t llm_count(const json_t *obj, const char *key);
/* Fills in out when input (all of it) and output were reported; no input at all is no report. */
void llm_usage_set(struct llm_usage *out, int64_t input, int64_t cached, int64_t cache_write,
                   int64_t output);

/* Of the status alone. */
void llm_error_status(int status, struct llm_error *out);
/* One word of the body (type, code). Words that we know overrule the status; any tidy word goes into why. NULL does nothing. */
void llm_error_word(int status, const char *word, struct llm_error *out);
/* A word that may be shown: letters, digits, '_', '-', '.', at most 64 of them; else NULL. */
const char *llm_tidy(const char *word);

#endif
