/* Ollama's own /api/chat. Its context is small unless asked for, and what does not fit is dropped in silence: num_ctx is always sent. */
#include "base/json.h"
#include "base/text.h"
#include "llm/dialect_priv.h"

static json_t *body_of(const struct config_model *m, const struct llm_ask *ask)
{
    json_t *system = llm_system_text(m, ask), *options, *body;
    json_t *messages =
        system ? json_pack("[{s:s, s:o}]", "role", "system", "content", system) : NULL;

    if (!messages || !llm_message(messages, "user", ask->user) ||
        !llm_message(messages, "user", ask->repair)) {
        json_decref(messages);
        return NULL;
    }
    options = json_pack("{s:I, s:I}", "num_ctx", (json_int_t)m->context_tokens, "num_predict",
                        (json_int_t)ask->max_output_tokens);
    if (!m->reasoning)
        json_object_set_new(options, "temperature", json_integer(0));
    body = json_pack("{s:s, s:b, s:o}", "model", m->name, "stream", 0, "options", options);
    if (!llm_mode_is(m, "prompt_only"))
        json_object_set_new(body, "format", llm_schema_copy(ask));
    json_object_set_new(body, "messages", messages);
    return body;
}

static void reply_of(struct arena *a, const json_t *root, struct llm_reply *out)
{
    const json_t *message = json_opt_obj(root, "message");
    const char *reason = json_opt_str(root, "done_reason");

    if (!message || !json_opt_bool(root, "done", false)) {
        llm_reply_is(out, LLM_END_UNREADABLE, "the answer holds no finished message");
        return;
    }
    /* Older servers give no reason. */
    if (!reason || text_eq(reason, "stop"))
        out->end = LLM_END_OK;
    else if (text_eq(reason, "length"))
        llm_reply_is(out, LLM_END_CUT, "the output limit was met");
    else
        llm_reply_is(out, LLM_END_UNREADABLE, "the reply ended with '%s'",
                     llm_tidy(reason) ? reason : "no known reason");
    if (out->end == LLM_END_OK || out->end == LLM_END_CUT)
        (void)llm_reply_text(a, json_object_get(message, "content"), out);
}

static void usage_of(const json_t *root, struct llm_usage *out)
{
    llm_usage_set(out, llm_count(root, "prompt_eval_count"), 0, 0, llm_count(root, "eval_count"));
}

/* {"error": "text"}: nothing in it is a word that we could know. */
static void error_of(int status, const json_t *root, struct llm_error *out)
{
    (void)root;
    llm_error_status(status, out);
}

const struct llm_dialect llm_ollama = {
    .name = "ollama",
    .path = "/api/chat",
    .body = body_of,
    .reply = reply_of,
    .usage = usage_of,
    .error = error_of,
};
