/*
 * Chat completions: OpenAI, Azure, and the servers that speak like them (vLLM, llama.cpp, Ollama's /v1). They differ in where the schema
 * goes and in what the output limit is called.
 */
#include "base/json.h"
#include "base/text.h"
#include "llm/dialect_priv.h"

static json_t *response_format(const struct config_model *m, const struct llm_ask *ask)
{
    if (llm_mode_is(m, "llamacpp_flat"))
        return json_pack("{s:s, s:o}", "type", "json_schema", "schema", llm_schema_copy(ask));
    if (llm_mode_is(m, "strict"))
        return json_pack("{s:s, s:{s:s, s:b, s:o}}", "type", "json_schema", "json_schema", "name",
                         ask->schema_name, "strict", 1, "schema", llm_schema_copy(ask));
    if (llm_mode_is(m, "nested"))
        return json_pack("{s:s, s:{s:s, s:o}}", "type", "json_schema", "json_schema", "name",
                         ask->schema_name, "schema", llm_schema_copy(ask));
    return NULL;
}

static void put_schema(json_t *body, const struct config_model *m, const struct llm_ask *ask)
{
    json_t *format = response_format(m, ask);

    if (format)
        json_object_set_new(body, "response_format", format);
    if (llm_mode_is(m, "vllm_structured"))
        json_object_set_new(body, "structured_outputs",
                            json_pack("{s:o}", "json", llm_schema_copy(ask)));
    if (llm_mode_is(m, "ollama_format"))
        json_object_set_new(body, "format", llm_schema_copy(ask));
}

/*
 * A limit that a server does not know is dropped in silence, and the answer has no end: llama.cpp took only max_tokens until 2026-02, others
 * still do. OpenAI's reasoning models take only the new name, the others both.
 */
static const char *limit_name(const struct config_model *m)
{
    return llm_mode_is(m, "strict") || m->reasoning ? "max_completion_tokens" : "max_tokens";
}

static json_t *body_of(const struct config_model *m, const struct llm_ask *ask)
{
    json_t *system = llm_system_text(m, ask);
    json_t *messages =
        system ? json_pack("[{s:s, s:o}]", "role", "system", "content", system) : NULL;
    json_t *body;

    if (!messages || !llm_message(messages, "user", ask->user) ||
        !llm_message(messages, "user", ask->repair)) {
        json_decref(messages);
        return NULL;
    }
    body = json_pack("{s:s}", "model", m->name);
    put_schema(body, m, ask);
    json_object_set_new(body, limit_name(m), json_integer(ask->max_output_tokens));
    if (!m->reasoning)
        json_object_set_new(body, "temperature", json_integer(0));
    json_object_set_new(body, "store", json_false());
    json_object_set_new(body, "stream", json_false());
    json_object_set_new(body, "messages", messages);
    return body;
}

static void read_end(const char *finish, struct llm_reply *out)
{
    if (text_eq(finish, "stop"))
        out->end = LLM_END_OK;
    else if (text_eq(finish, "length"))
        llm_reply_is(out, LLM_END_CUT, "the output limit was met");
    else if (text_eq(finish, "content_filter"))
        llm_reply_is(out, LLM_END_FILTERED, "the endpoint's content filter took the reply");
    else
        llm_reply_is(out, LLM_END_UNREADABLE, "the reply ended with '%s'",
                     llm_tidy(finish) ? finish : "no known reason");
}

static void reply_of(struct arena *a, const json_t *root, struct llm_reply *out)
{
    const json_t *choice = json_at(root, "choices.0");
    const json_t *message = json_opt_obj(choice, "message");
    const char *refusal = json_opt_str(message, "refusal");

    if (!message) {
        llm_reply_is(out, LLM_END_UNREADABLE, "the answer holds no choice with a message");
        return;
    }
    if (refusal && *refusal) {
        llm_reply_is(out, LLM_END_REFUSED, "the model declined");
        return;
    }
    read_end(json_opt_str(choice, "finish_reason"), out);
    if (out->end == LLM_END_OK || out->end == LLM_END_CUT)
        (void)llm_reply_text(a, json_object_get(message, "content"), out);
}

/* prompt_tokens is all of the input, cached or not. */
static void usage_of(const json_t *root, struct llm_usage *out)
{
    const json_t *u = json_opt_obj(root, "usage"),
                 *details = json_opt_obj(u, "prompt_tokens_details");
    int64_t all = llm_count(u, "prompt_tokens"), cached = llm_count(details, "cached_tokens"),
            write = llm_count(details, "cache_write_tokens");
    int64_t inner = (cached > 0 ? cached : 0) + (write > 0 ? write : 0);

    if (all > 0 && inner <= all)
        llm_usage_set(out, all - inner, cached, write, llm_count(u, "completion_tokens"));
    else
        *out = (struct llm_usage){.from = LLM_USAGE_UNKNOWN};
}

static void error_of(int status, const json_t *root, struct llm_error *out)
{
    const json_t *error = json_opt_obj(root, "error");

    llm_error_status(status, out);
    llm_error_word(status, json_opt_str(error, "type"), out);
    llm_error_word(status, json_opt_str(error, "code"), out);
}

const struct llm_dialect llm_openai_chat = {
    .name = "openai_chat",
    .path = "/chat/completions",
    .body = body_of,
    .reply = reply_of,
    .usage = usage_of,
    .error = error_of,
};
