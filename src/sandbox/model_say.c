#include "sandbox/model.h"

/* How OpenAI, Anthropic and Ollama wrap an answer. */

static json_t *openai_reply(const char *model, const char *text, enum said how, int64_t in,
                            int64_t out)
{
    bool refused = how == SAID_REFUSAL;

    return json_pack("{s:s, s:s, s:i, s:s, s:[{s:i, s:{s:s, s:s?, s:s?}, s:s}], "
                     "s:{s:I, s:I, s:I, s:{s:i}}}",
                     "id", "chatcmpl-sandbox", "object", "chat.completion", "created", 1767225600,
                     "model", model, "choices", "index", 0, "message", "role", "assistant",
                     "content", refused ? NULL : text, "refusal", refused ? text : NULL,
                     "finish_reason", how == SAID_CUT ? "length" : "stop", "usage", "prompt_tokens",
                     (json_int_t)in, "completion_tokens", (json_int_t)out, "total_tokens",
                     (json_int_t)in + out, "prompt_tokens_details", "cached_tokens", 0);
}

static json_t *anthropic_reply(const char *model, const char *text, enum said how, int64_t in,
                               int64_t out)
{
    static const char *const reasons[] = {"end_turn", "max_tokens", "refusal"};

    return json_pack("{s:s, s:s, s:s, s:s, s:[{s:s, s:s}], s:s, s:n, s:{s:I, s:I, s:i, s:i}}", "id",
                     "msg_sandbox", "type", "message", "role", "assistant", "model", model,
                     "content", "type", "text", "text", text, "stop_reason", reasons[how],
                     "stop_sequence", "usage", "input_tokens", (json_int_t)in, "output_tokens",
                     (json_int_t)out, "cache_creation_input_tokens", 0, "cache_read_input_tokens",
                     0);
}

/* Ollama knows no refusal: it is a text like any other. */
static json_t *ollama_reply(const char *model, const char *text, enum said how, int64_t in,
                            int64_t out)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s}, s:b, s:s, s:I, s:I}", "model", model, "created_at",
                     "2026-01-01T00:00:00Z", "message", "role", "assistant", "content", text,
                     "done", 1, "done_reason", how == SAID_CUT ? "length" : "stop",
                     "prompt_eval_count", (json_int_t)in, "eval_count", (json_int_t)out);
}

json_t *say_reply(enum dialect d, const char *model, const char *text, enum said how, int64_t in,
                  int64_t out)
{
    return d == D_OPENAI      ? openai_reply(model, text, how, in, out)
           : d == D_ANTHROPIC ? anthropic_reply(model, text, how, in, out)
                              : ollama_reply(model, text, how, in, out);
}

json_t *say_error(enum dialect d, const char *type, const char *message)
{
    if (d == D_OPENAI)
        return json_pack("{s:{s:s, s:s, s:n, s:s}}", "error", "message", message, "type", type,
                         "param", "code", type);
    if (d == D_ANTHROPIC)
        return json_pack("{s:s, s:{s:s, s:s}, s:s}", "type", "error", "error", "type", type,
                         "message", message, "request_id", "req_sandbox");
    return json_pack("{s:s}", "error", message);
}
