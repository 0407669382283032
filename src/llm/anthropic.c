/* Anthropic's Messages: the system text stands beside the messages, the schema in output_config. */
#include "base/json.h"
#include "base/text.h"
#include "llm/dialect_priv.h"

static json_t *body_of(const struct config_model *m, const struct llm_ask *ask)
{
    json_t *system = llm_system_text(m, ask), *messages = json_array(), *body;

    if (!system || !llm_message(messages, "user", ask->user) ||
        !llm_message(messages, "user", ask->repair)) {
        json_decref(system);
        json_decref(messages);
        return NULL;
    }
    body =
        json_pack("{s:s, s:I}", "model", m->name, "max_tokens", (json_int_t)ask->max_output_tokens);
    /* The instructions are the same for every incident: the vendor may keep them, which makes the next question cheaper. */
    json_object_set_new(body, "system",
                        json_pack("[{s:s, s:o, s:{s:s}}]", "type", "text", "text", system,
                                  "cache_control", "type", "ephemeral"));
    if (!llm_mode_is(m, "prompt_only"))
        json_object_set_new(body, "output_config",
                            json_pack("{s:{s:s, s:o}}", "format", "type", "json_schema", "schema",
                                      llm_schema_copy(ask)));
    /* No temperature: newer models refuse it, and the vendor's own types no longer know it. */
    json_object_set_new(body, "stream", json_false());
    json_object_set_new(body, "messages", messages);
    return body;
}

static void read_end(const char *stop, struct llm_reply *out)
{
    if (text_eq(stop, "end_turn") || text_eq(stop, "stop_sequence"))
        out->end = LLM_END_OK;
    else if (text_eq(stop, "max_tokens"))
        llm_reply_is(out, LLM_END_CUT, "the output limit was met");
    else if (text_eq(stop, "model_context_window_exceeded"))
        llm_reply_is(out, LLM_END_CUT, "the model's context was full");
    else if (text_eq(stop, "refusal"))
        llm_reply_is(out, LLM_END_REFUSED, "the model declined");
    else
        llm_reply_is(out, LLM_END_UNREADABLE, "the reply ended with '%s'",
                     llm_tidy(stop) ? stop : "no known reason");
}

static void reply_of(struct arena *a, const json_t *root, struct llm_reply *out)
{
    const json_t *content = json_opt_arr(root, "content");

    if (!content) {
        llm_reply_is(out, LLM_END_UNREADABLE, "the answer holds no content");
        return;
    }
    read_end(json_opt_str(root, "stop_reason"), out);
    if (out->end == LLM_END_OK || out->end == LLM_END_CUT)
        (void)llm_reply_text(a, content, out);
}

/* Cached input is counted beside input_tokens, not within. */
static void usage_of(const json_t *root, struct llm_usage *out)
{
    const json_t *u = json_opt_obj(root, "usage");

    llm_usage_set(out, llm_count(u, "input_tokens"), llm_count(u, "cache_read_input_tokens"),
                  llm_count(u, "cache_creation_input_tokens"), llm_count(u, "output_tokens"));
}

static void error_of(int status, const json_t *root, struct llm_error *out)
{
    const json_t *error = json_opt_obj(root, "error");

    llm_error_status(status, out);
    /* A spending limit comes as 429 rate_limit_error, and only this says that waiting is of no use. */
    llm_error_word(status, json_opt_str(json_opt_obj(error, "details"), "error_code"), out);
    llm_error_word(status, json_opt_str(error, "type"), out);
}

const struct llm_dialect llm_anthropic = {
    .name = "anthropic",
    .path = "/v1/messages",
    .version_header = "anthropic-version",
    .version = "2023-06-01",
    .body = body_of,
    .reply = reply_of,
    .usage = usage_of,
    .error = error_of,
};
