#include "llm/dialect.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "llm/dialect_priv.h"

#define PER_MILLION 1000000

static const struct llm_dialect *const dialects[] = {&llm_openai_chat, &llm_anthropic, &llm_ollama};

const struct llm_dialect *llm_dialect(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (text_eq(dialects[i]->name, name))
            return dialects[i];
    return NULL;
}

/* ---- the request ---- */

static void header(struct net_req *r, const char *name, const char *value)
{
    CHECK(r->n_headers < NET_HEADERS_MAX);
    r->headers[r->n_headers++] = (struct net_header){name, value};
}

/* How each setting of model.auth shows the key. */
static const struct {
    const char *auth, *header, *prefix;
} ways[] = {
    {"bearer", "Authorization", "Bearer "},
    {"x-api-key", "x-api-key", ""},
    {"api-key", "api-key", ""},
};

static void credential(struct net_req *r, const struct config_model *m)
{
    for (size_t i = 0; m->key && i < ARRAY_LEN(ways); i++) {
        if (!text_eq(ways[i].auth, m->auth))
            continue;
        r->auth_header = ways[i].header;
        r->auth_prefix = ways[i].prefix;
        r->auth = m->key;
    }
}

static const char *url_of(struct arena *a, const struct config_model *m,
                          const struct llm_dialect *d)
{
    size_t len = strlen(m->base_url);

    while (len > 0 && m->base_url[len - 1] == '/')
        len--;
    return arena_printf(a, "%.*s%s", (int)len, m->base_url, m->path ? m->path : d->path);
}

/* The bytes that will leave. Members stand in the order they were added: what stays the same first, for the vendors' caches. */
static int body_text(struct arena *a, const struct llm_dialect *d, const struct config_model *m,
                     const struct llm_ask *ask, const char **text, size_t *len, struct err *e)
{
    json_auto_t *body = d->body(m, ask);
    AUTO(mem_freep) char *bytes = NULL;

    if (!body)
        return err_set(e, ERR_INPUT, "the question to the model is not UTF-8");
    bytes = json_dumps(body, JSON_COMPACT);
    CHECK(bytes);
    *len = strlen(bytes);
    if (*len > LLM_REQUEST_MAX_BYTES)
        return err_set(e, ERR_INPUT,
                       "the question to the model has %zu bytes, at most %zu are sent: lower "
                       "model.context_tokens",
                       *len, LLM_REQUEST_MAX_BYTES);
    *text = arena_strndup(a, bytes, *len);
    return 0;
}

int llm_request(struct arena *a, const struct config_model *m, struct net_peer *peer,
                const struct llm_ask *ask, struct net_req *out, struct err *e)
{
    const struct llm_dialect *d = llm_dialect(m->dialect);
    struct net_req r = {.peer = peer,
                        .method = "POST",
                        .cls = NET_NEEDED,
                        .total_ms = (unsigned)m->timeout_ms,
                        .reply_cap_bytes = LLM_REPLY_MAX_BYTES,
                        .reads_by_post = true};
    const char *text = NULL;
    size_t len = 0;

    if (!m->base_url)
        return err_set(e, ERR_INPUT, "no model is configured: model.base_url says where one is");
    if (!d)
        return err_set(e, ERR_INPUT, "model.dialect is none of openai_chat, anthropic, ollama");
    if (body_text(a, d, m, ask, &text, &len, e) < 0)
        return e->code;
    r.url = url_of(a, m, d);
    r.body = text;
    r.body_len = len;
    header(&r, "Content-Type", "application/json");
    header(&r, "Accept", "application/json");
    if (d->version_header)
        header(&r, d->version_header, d->version);
    credential(&r, m);
    *out = r;
    return 0;
}

bool llm_mode_is(const struct config_model *m, const char *mode)
{
    return text_eq(m->schema_mode, mode);
}

json_t *llm_schema_copy(const struct llm_ask *ask)
{
    json_t *copy = json_deep_copy(ask->schema);

    CHECK(copy);
    return copy;
}

json_t *llm_system_text(const struct config_model *m, const struct llm_ask *ask)
{
    AUTO(mem_freep) char *schema = NULL;
    AUTO(buf_done) struct buf b = {0};

    if (!llm_mode_is(m, "prompt_only"))
        return json_string(ask->system);
    schema = json_dumps(ask->schema, JSON_COMPACT);
    CHECK(schema);
    buf_init(&b, LLM_REQUEST_MAX_BYTES);
    buf_puts(&b, ask->system);
    buf_puts(&b, "\n\nReply with one JSON object and nothing around it. It must satisfy this JSON "
                 "Schema:\n");
    buf_puts(&b, schema);
    return b.over ? NULL : json_string(buf_str(&b));
}

bool llm_message(json_t *messages, const char *role, const char *content)
{
    json_t *m;

    if (!content)
        return true;
    m = json_pack("{s:s, s:s}", "role", role, "content", content);
    return m && json_array_append_new(messages, m) == 0;
}

/* ---- the reply ---- */

void llm_reply_is(struct llm_reply *out, enum llm_end end, const char *why, ...)
{
    va_list ap;

    out->end = end;
    if (end != LLM_END_OK && end != LLM_END_CUT)
        out->text = NULL, out->len = 0;
    va_start(ap, why);
    (void)vsnprintf(out->why, sizeof out->why, why, ap);
    va_end(ap);
}

static const char *block_text(const json_t *block)
{
    if (json_is_string(block))
        return json_string_value(block);
    /* Thinking, tool calls and whatever comes next are no reply. */
    return text_eq(json_opt_str(block, "type"), "text") ? json_opt_str(block, "text") : NULL;
}

bool llm_reply_text(struct arena *a, const json_t *content, struct llm_reply *out)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, LLM_TEXT_MAX_BYTES);
    if (json_is_string(content))
        buf_puts(&b, json_string_value(content));
    for (size_t i = 0; i < json_array_size(content); i++)
        buf_puts(&b, block_text(json_array_get(content, i)));
    if (b.over) {
        llm_reply_is(out, LLM_END_UNREADABLE, "the reply is over %zu bytes", LLM_TEXT_MAX_BYTES);
        return false;
    }
    if (b.len == 0) {
        llm_reply_is(out, LLM_END_UNREADABLE, "the answer holds no text");
        return false;
    }
    out->text = arena_strndup(a, buf_str(&b), b.len);
    out->len = b.len;
    return true;
}

int64_t llm_count(const json_t *obj, const char *key)
{
    int64_t v = json_opt_int(obj, key, -1);

    return v < 0 || v > LLM_TOKENS_MAX ? -1 : v;
}

void llm_usage_set(struct llm_usage *out, int64_t input, int64_t cached, int64_t cache_write,
                   int64_t output)
{
    *out = (struct llm_usage){.from = LLM_USAGE_UNKNOWN};
    cached = cached > 0 ? cached : 0;
    cache_write = cache_write > 0 ? cache_write : 0;
    if (input < 0 || output < 0 || input + cached + cache_write == 0)
        return;
    *out = (struct llm_usage){LLM_USAGE_REPORTED, input, cached, cache_write, output};
}

static bool holds_error(const json_t *root)
{
    const json_t *error = json_object_get(root, "error");

    return error && !json_is_null(error);
}

void llm_read_reply(const struct llm_dialect *d, struct arena *a, const char *body, size_t len,
                    struct llm_reply *out)
{
    AUTO(json_freep) json_t *root = NULL;
    struct err e;

    *out = (struct llm_reply){.end = LLM_END_UNREADABLE};
    if (len > LLM_REPLY_MAX_BYTES) {
        llm_reply_is(out, LLM_END_UNREADABLE, "the answer is over %zu bytes", LLM_REPLY_MAX_BYTES);
        return;
    }
    if (!body || json_parse(body, len, JSON_TEXT_MAX_TOKENS, &root, &e) < 0) {
        llm_reply_is(out, LLM_END_UNREADABLE, "the answer is no JSON: %.100s",
                     body ? e.msg : "it is empty");
        return;
    }
    if (holds_error(root)) {
        struct llm_error x;

        d->error(200, root, &x);
        llm_reply_is(out, LLM_END_UNREADABLE, "%.150s", x.why);
        out->error = true;
        return;
    }
    d->usage(root, &out->usage);
    d->reply(a, root, out);
    /* Words that cost nothing were not counted. */
    if (out->len > 0 && out->usage.output == 0)
        out->usage = (struct llm_usage){.from = LLM_USAGE_UNKNOWN};
}

/* ---- tokens and money ---- */

int64_t llm_tokens(const struct config_model *m, size_t bytes)
{
    int64_t per = m->bytes_per_token_x10 > 0 ? m->bytes_per_token_x10 : 30;

    return ((int64_t)bytes * 10 + per - 1) / per;
}

/* In two parts, so that a billion tokens at the highest price still fit. Rounded up: a budget errs on the safe side. */
static int64_t part(int64_t tokens, int64_t price)
{
    return tokens / PER_MILLION * price +
           (tokens % PER_MILLION * price + PER_MILLION - 1) / PER_MILLION;
}

int64_t llm_cost(const struct config_model *m, const struct llm_usage *u)
{
    return part(u->input, m->price_input) + part(u->cached, m->price_cached_input) +
           part(u->cache_write, m->price_cache_write) + part(u->output, m->price_output);
}
