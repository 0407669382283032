/* The dialects: what leaves, byte by byte, and what is read of what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/dialect.h"

#define SCHEMA                                                                                 \
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"k\"],\"properties\":" \
    "{\"k\":{\"type\":\"string\"}}}"

static const struct config_model plain = {
    .base_url = "https://model.example/v1/",
    .dialect = "openai_chat",
    .auth = "bearer",
    .schema_mode = "strict",
    .name = "m-1",
    .timeout_ms = 30000,
    .context_tokens = 8000,
    .bytes_per_token_x10 = 30,
    .price_input = 2500000,
    .price_cached_input = 1250000,
    .price_cache_write = 3000000,
    .price_output = 10000000,
};

static struct err e;
static struct arena *a;

static int start(void **state)
{
    (void)state;
    a = arena_new(LLM_ARENA_BYTES);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_freep(&a);
    return 0;
}

static struct net_req request(const struct config_model *m, const char *repair)
{
    json_auto_t *schema = json_loads(SCHEMA, 0, NULL);
    struct llm_ask ask = {.system = "Be brief.",
                          .user = "{\"x\":\"\\u00e9\"}",
                          .repair = repair,
                          .schema = schema,
                          .schema_name = "triage",
                          .max_output_tokens = 700};
    struct net_req r;

    if (llm_request(a, m, NULL, &ask, &r, &e) < 0)
        fail_msg("%s", e.msg);
    return r;
}

/* ---- requests ---- */

#define MESSAGES                                           \
    "\"messages\":[{\"role\":\"system\",\"content\":\"Be " \
    "brief.\"},{\"role\":\"user\",\"content\":\"{\\\"x\\\":\\\"\\\\u00e9\\\"}\"}"
#define TAIL "\"store\":false,\"stream\":false," MESSAGES "]}"

static const struct {
    const char *what, *dialect, *mode;
    bool reasoning;
    const char *repair, *body;
} bodies[] = {
    {"OpenAI", "openai_chat", "strict", false, NULL,
     "{\"model\":\"m-1\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
     "\"triage\",\"strict\":true,\"schema\":" SCHEMA "}},\"max_completion_tokens\":700,"
     "\"temperature\":0," TAIL},
    {"OpenAI, a reasoning model takes no temperature", "openai_chat", "strict", true, NULL,
     "{\"model\":\"m-1\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
     "\"triage\",\"strict\":true,\"schema\":" SCHEMA "}},\"max_completion_tokens\":700," TAIL},
    {"nested without strict", "openai_chat", "nested", false, NULL,
     "{\"model\":\"m-1\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
     "\"triage\",\"schema\":" SCHEMA "}},\"max_tokens\":700,\"temperature\":0," TAIL},
    {"llama.cpp", "openai_chat", "llamacpp_flat", false, NULL,
     "{\"model\":\"m-1\",\"response_format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA
     "},\"max_tokens\":700,\"temperature\":0," TAIL},
    {"vLLM", "openai_chat", "vllm_structured", false, NULL,
     "{\"model\":\"m-1\",\"structured_outputs\":{\"json\":" SCHEMA
     "},\"max_tokens\":700,\"temperature\":0," TAIL},
    {"the schema as text only, in a repair round", "openai_chat", "prompt_only", false, "/k: type",
     "{\"model\":\"m-1\",\"max_tokens\":700,\"temperature\":0,\"store\":false,\"stream\":false,"
     "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\\n\\nReply with one JSON object "
     "and nothing around it. It must satisfy this JSON Schema:\\n{\\\"type\\\":\\\"object\\\","
     "\\\"additionalProperties\\\":false,\\\"required\\\":[\\\"k\\\"],\\\"properties\\\":"
     "{\\\"k\\\":{\\\"type\\\":\\\"string\\\"}}}\"},{\"role\":\"user\",\"content\":"
     "\"{\\\"x\\\":\\\"\\\\u00e9\\\"}\"},{\"role\":\"user\",\"content\":\"/k: type\"}]}"},
    {"Anthropic, in a repair round", "anthropic", "strict", false, "/k: type",
     "{\"model\":\"m-1\",\"max_tokens\":700,\"system\":[{\"type\":\"text\",\"text\":\"Be brief.\","
     "\"cache_control\":{\"type\":\"ephemeral\"}}],\"output_config\":{\"format\":{\"type\":"
     "\"json_schema\",\"schema\":" SCHEMA "}},\"stream\":false,\"messages\":["
     "{\"role\":\"user\",\"content\":\"{\\\"x\\\":\\\"\\\\u00e9\\\"}\"},{\"role\":\"user\","
     "\"content\":\"/k: type\"}]}"},
    {"Anthropic, reasoning", "anthropic", "strict", true, NULL,
     "{\"model\":\"m-1\",\"max_tokens\":700,\"system\":[{\"type\":\"text\",\"text\":\"Be brief.\","
     "\"cache_control\":{\"type\":\"ephemeral\"}}],\"output_config\":{\"format\":{\"type\":"
     "\"json_schema\",\"schema\":" SCHEMA "}},\"stream\":false,\"messages\":[{\"role\":\"user\","
     "\"content\":\"{\\\"x\\\":\\\"\\\\u00e9\\\"}\"}]}"},
    {"Ollama", "ollama", "ollama_format", false, NULL,
     "{\"model\":\"m-1\",\"stream\":false,\"options\":{\"num_ctx\":8000,\"num_predict\":700,"
     "\"temperature\":0},\"format\":" SCHEMA "," MESSAGES "]}"},
    {"Ollama, the schema as text only", "ollama", "prompt_only", true, NULL,
     "{\"model\":\"m-1\",\"stream\":false,\"options\":{\"num_ctx\":8000,\"num_predict\":700},"
     "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\\n\\nReply with one JSON object "
     "and nothing around it. It must satisfy this JSON Schema:\\n{\\\"type\\\":\\\"object\\\","
     "\\\"additionalProperties\\\":false,\\\"required\\\":[\\\"k\\\"],\\\"properties\\\":"
     "{\\\"k\\\":{\\\"type\\\":\\\"string\\\"}}}\"},{\"role\":\"user\",\"content\":"
     "\"{\\\"x\\\":\\\"\\\\u00e9\\\"}\"}]}"},
};

static void each_dialect_sends_exactly_this_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct config_model m = plain;
        struct net_req r;

        m.dialect = bodies[i].dialect;
        m.schema_mode = bodies[i].mode;
        m.reasoning = bodies[i].reasoning;
        r = request(&m, bodies[i].repair);
        if (r.body_len != strlen(bodies[i].body) || strcmp(r.body, bodies[i].body) != 0)
            fail_msg("%s:\n%s\nexpected\n%s", bodies[i].what, (const char *)r.body, bodies[i].body);
    }
}

static const char *header_of(const struct net_req *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (text_eq(r->headers[i].name, name))
            return r->headers[i].value;
    return NULL;
}

static void a_request_is_a_question_by_post_with_its_limits(void **state)
{
    struct net_req r = request(&plain, NULL);

    (void)state;
    assert_string_equal(r.method, "POST");
    assert_true(r.reads_by_post);
    assert_false(r.write);
    assert_string_equal(r.url, "https://model.example/v1/chat/completions");
    assert_int_equal(r.total_ms, 30000);
    assert_int_equal(r.reply_cap_bytes, LLM_REPLY_MAX_BYTES);
    assert_string_equal(header_of(&r, "Content-Type"), "application/json");
    assert_null(header_of(&r, "anthropic-version"));
}

/* INV-7: the key goes to net as a secret; no header, body or URL of the request holds it. */
static void the_key_goes_where_the_endpoint_wants_it(void **state)
{
    static const struct {
        const char *dialect, *auth, *header, *prefix;
    } ways[] = {
        {"openai_chat", "bearer", "Authorization", "Bearer "},
        {"anthropic", "x-api-key", "x-api-key", ""},
        {"openai_chat", "api-key", "api-key", ""},
        {"ollama", "none", NULL, NULL},
    };
    struct secret *key = secret_new("sk-Hidden", 9);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct config_model m = plain;
        struct net_req r;

        m.dialect = ways[i].dialect;
        m.auth = ways[i].auth;
        m.key = key;
        r = request(&m, NULL);
        assert_true(text_eq(r.auth_header, ways[i].header));
        assert_true(text_eq(r.auth_prefix, ways[i].prefix));
        assert_ptr_equal(r.auth, ways[i].header ? key : NULL);
        assert_null(strstr(r.body, "Hidden"));
        assert_null(strstr(r.url, "Hidden"));
        for (size_t h = 0; h < r.n_headers; h++)
            assert_null(strstr(r.headers[h].value, "Hidden"));
        assert_true(text_eq(header_of(&r, "anthropic-version"), i == 1 ? "2023-06-01" : NULL));
    }
    secret_free(key);
}

static void the_path_can_be_another_one(void **state)
{
    static const struct {
        const char *dialect, *base, *path, *url;
    } rows[] = {
        {"openai_chat", "https://a.example/v1", NULL, "https://a.example/v1/chat/completions"},
        {"anthropic", "https://a.example", NULL, "https://a.example/v1/messages"},
        {"ollama", "http://127.0.0.1:11434//", NULL, "http://127.0.0.1:11434/api/chat"},
        {"openai_chat", "https://x.openai.azure.com",
         "/openai/deployments/d/chat/completions?api-version=2024-10-21",
         "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_model m = plain;
        struct net_req r;

        m.dialect = rows[i].dialect;
        m.base_url = rows[i].base;
        m.path = rows[i].path;
        r = request(&m, NULL);
        assert_string_equal(r.url, rows[i].url);
    }
}

static void what_cannot_be_asked_is_refused(void **state)
{
    json_auto_t *schema = json_loads(SCHEMA, 0, NULL);
    struct llm_ask ask = {.system = "s",
                          .user = "u",
                          .schema = schema,
                          .schema_name = "triage",
                          .max_output_tokens = 1};
    static const char *const names[] = {"openai_chat", "anthropic", "ollama"};
    struct config_model m = plain;
    struct net_req r = {.method = "untouched"};
    char *huge;

    (void)state;
    m.base_url = NULL;
    assert_int_equal(llm_request(a, &m, NULL, &ask, &r, &e), ERR_INPUT);
    m.base_url = plain.base_url;
    m.dialect = "gopher";
    assert_int_equal(llm_request(a, &m, NULL, &ask, &r, &e), ERR_INPUT);
    huge = mem_alloc(LLM_REQUEST_MAX_BYTES + 1);
    memset(huge, 'x', LLM_REQUEST_MAX_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        m.dialect = names[i];
        ask.user = "\xff";
        assert_int_equal(llm_request(a, &m, NULL, &ask, &r, &e), ERR_INPUT);
        ask.user = "u";
        ask.system = "\xc3";
        assert_int_equal(llm_request(a, &m, NULL, &ask, &r, &e), ERR_INPUT);
        ask.system = "s";
        ask.repair = "\xfe";
        assert_int_equal(llm_request(a, &m, NULL, &ask, &r, &e), ERR_INPUT);
        ask.repair = NULL;
        ask.user = huge;
        assert_int_equal(llm_request(a, &m, NULL, &ask, &r, &e), ERR_INPUT);
        ask.user = "u";
    }
    mem_freep(&huge);
    assert_string_equal(r.method, "untouched");
}

/* ---- replies ---- */

#define O    "openai_chat"
#define A    "anthropic"
#define L    "ollama"
#define OUSE "\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\"total_tokens\":120}"
#define AUSE "\"usage\":{\"input_tokens\":100,\"output_tokens\":20}"
#define LUSE "\"prompt_eval_count\":100,\"eval_count\":20"
#define CHOICE(msg, finish) \
    "{\"choices\":[{\"index\":0,\"message\":" msg ",\"finish_reason\":" finish "}]," OUSE "}"
#define BLOCKS(blocks, stop) "{\"content\":[" blocks "],\"stop_reason\":" stop "," AUSE "}"
#define CHAT(msg, rest)      "{\"message\":" msg "," rest "," LUSE "}"

static const struct {
    const char *dialect, *body;
    enum llm_end end;
    const char *text; /* NULL: none */
} replies[] = {
    {O, CHOICE("{\"role\":\"assistant\",\"content\":\"{}\",\"refusal\":null}", "\"stop\""),
     LLM_END_OK, "{}"},
    {O,
     CHOICE(
         "{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"thinking\",\"text\":\"no\"},"
         "{\"type\":\"text\",\"text\":\"b\"}]}",
         "\"stop\""),
     LLM_END_OK, "ab"},
    {O, CHOICE("{\"content\":\"{}\",\"reasoning_content\":\"hm\",\"refusal\":\"\"}", "\"stop\""),
     LLM_END_OK, "{}"},
    {O, CHOICE("{\"content\":\"{\\\"a\"}", "\"length\""), LLM_END_CUT, "{\"a"},
    {O, CHOICE("{\"content\":null}", "\"length\""), LLM_END_UNREADABLE, NULL},
    {O, CHOICE("{\"content\":null,\"refusal\":\"No.\"}", "\"stop\""), LLM_END_REFUSED, NULL},
    {O, CHOICE("{\"content\":\"x\"}", "\"content_filter\""), LLM_END_FILTERED, NULL},
    {O, CHOICE("{\"content\":null,\"tool_calls\":[]}", "\"tool_calls\""), LLM_END_UNREADABLE, NULL},
    {O, CHOICE("{\"content\":\"x\"}", "null"), LLM_END_UNREADABLE, NULL},
    {O, CHOICE("{\"content\":\"\"}", "\"stop\""), LLM_END_UNREADABLE, NULL},
    {O, CHOICE("{\"content\":7}", "\"stop\""), LLM_END_UNREADABLE, NULL},
    {O, CHOICE("[]", "\"stop\""), LLM_END_UNREADABLE, NULL},
    {O, "{\"choices\":[]," OUSE "}", LLM_END_UNREADABLE, NULL},
    {O, "{\"choices\":{\"0\":1}}", LLM_END_UNREADABLE, NULL},
    {A, BLOCKS("{\"type\":\"text\",\"text\":\"{}\"}", "\"end_turn\""), LLM_END_OK, "{}"},
    {A,
     BLOCKS(
         "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"s\"},"
         "{\"type\":\"text\",\"text\":\"{\\\"a\\\"\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
         "{\"type\":\"text\",\"text\":\":1}\"}",
         "\"end_turn\""),
     LLM_END_OK, "{\"a\":1}"},
    {A, BLOCKS("{\"type\":\"text\",\"text\":\"x\"}", "\"stop_sequence\""), LLM_END_OK, "x"},
    {A, BLOCKS("{\"type\":\"text\",\"text\":\"x\"}", "\"max_tokens\""), LLM_END_CUT, "x"},
    {A, BLOCKS("{\"type\":\"text\",\"text\":\"x\"}", "\"model_context_window_exceeded\""),
     LLM_END_CUT, "x"},
    {A, BLOCKS("{\"type\":\"text\",\"text\":\"x\"}", "\"refusal\""), LLM_END_REFUSED, NULL},
    {A, BLOCKS("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}}", "\"tool_use\""),
     LLM_END_UNREADABLE, NULL},
    {A, BLOCKS("", "\"end_turn\""), LLM_END_UNREADABLE, NULL},
    {A, BLOCKS("{\"type\":\"text\",\"text\":\"x\"}", "null"), LLM_END_UNREADABLE, NULL},
    {A, "{\"content\":\"x\",\"stop_reason\":\"end_turn\"}", LLM_END_UNREADABLE, NULL},
    {L,
     CHAT("{\"role\":\"assistant\",\"content\":\"{}\"}", "\"done\":true,\"done_reason\":\"stop\""),
     LLM_END_OK, "{}"},
    {L, CHAT("{\"content\":\"{}\",\"thinking\":\"hm\"}", "\"done\":true"), LLM_END_OK, "{}"},
    {L, CHAT("{\"content\":\"{\"}", "\"done\":true,\"done_reason\":\"length\""), LLM_END_CUT, "{"},
    {L, CHAT("{\"content\":\"x\"}", "\"done\":true,\"done_reason\":\"load\""), LLM_END_UNREADABLE,
     NULL},
    {L, CHAT("{\"content\":\"x\"}", "\"done\":false"), LLM_END_UNREADABLE, NULL},
    {L, "{\"done\":true}", LLM_END_UNREADABLE, NULL},
    {O, "", LLM_END_UNREADABLE, NULL},
    {O, "[]", LLM_END_UNREADABLE, NULL},
    {O, "\"stop\"", LLM_END_UNREADABLE, NULL},
    {O, "{\"choices\":[{\"message\":{\"content\":\"x", LLM_END_UNREADABLE, NULL},
    {O, "<html>busy</html>", LLM_END_UNREADABLE, NULL},
    {O, "{\"choices\":[],\"choices\":[]}", LLM_END_UNREADABLE, NULL},
    {L, "{\"message\":{\"content\":\"\\u0000\"},\"done\":true}", LLM_END_UNREADABLE, NULL},
};

static void each_dialect_reads_its_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct llm_reply r;

        llm_read_reply(llm_dialect(replies[i].dialect), a, replies[i].body, strlen(replies[i].body),
                       &r);
        if (r.end != replies[i].end || !text_eq(r.text, replies[i].text))
            fail_msg("%s: end %d '%s' (%s), expected %d '%s'", replies[i].body, r.end,
                     r.text ? r.text : "NULL", r.why, replies[i].end,
                     replies[i].text ? replies[i].text : "NULL");
        assert_int_equal(r.len, r.text ? strlen(r.text) : 0);
        assert_int_equal(r.why[0] == '\0', r.end == LLM_END_OK);
        assert_false(r.error);
        if (r.text)
            assert_int_equal(r.usage.from, LLM_USAGE_REPORTED);
    }
}

static void read_long(const char *dialect, size_t n, struct llm_reply *r)
{
    AUTO(buf_done) struct buf b = {0};
    bool ollama = text_eq(dialect, L), anthropic = text_eq(dialect, A);

    buf_init(&b, 4 * LLM_REPLY_MAX_BYTES);
    buf_puts(&b, ollama ? "{\"done\":true,\"message\":{\"content\":\""
                 : anthropic
                     ? "{\"stop_reason\":\"end_turn\",\"content\":[{\"type\":\"text\",\"text\":\""
                     : "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"");
    for (size_t i = 0; i < n; i++)
        buf_putc(&b, 'x');
    buf_puts(&b, ollama ? "\"}}" : anthropic ? "\"}]}" : "\"}}]}");
    llm_read_reply(llm_dialect(dialect), a, buf_str(&b), b.len, r);
}

/* INV-9: what a model says has an end, and so has what wraps it. */
static void a_reply_over_the_limit_is_not_taken(void **state)
{
    static const char *const names[] = {O, A, L};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct llm_reply r;

        read_long(names[i], LLM_TEXT_MAX_BYTES, &r);
        assert_int_equal(r.end, LLM_END_OK);
        assert_int_equal(r.len, LLM_TEXT_MAX_BYTES);
        read_long(names[i], LLM_TEXT_MAX_BYTES + 1, &r);
        assert_int_equal(r.end, LLM_END_UNREADABLE);
        assert_null(r.text);
        read_long(names[i], LLM_REPLY_MAX_BYTES, &r);
        assert_int_equal(r.end, LLM_END_UNREADABLE);
        arena_reset(a);
    }
}

/* ---- usage ---- */

static const struct {
    const char *dialect, *body;
    struct llm_usage u;
} usages[] = {
    {O,
     "{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20}}",
     {LLM_USAGE_REPORTED, 100, 0, 0, 20}},
    /* cached input is a part of prompt_tokens here ... */
    {O,
     "{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\"prompt_tokens_details\":"
     "{\"cached_tokens\":60,\"cache_write_tokens\":10}}}",
     {LLM_USAGE_REPORTED, 30, 60, 10, 20}},
    {O,
     "{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\"prompt_tokens_details\":null}}",
     {LLM_USAGE_REPORTED, 100, 0, 0, 20}},
    {O,
     "{\"usage\":{\"prompt_tokens\":50,\"completion_tokens\":2,\"prompt_tokens_details\":"
     "{\"cached_tokens\":60}}}",
     {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
    {O,
     "{\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}",
     {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
    {O, "{\"usage\":{\"prompt_tokens\":100}}", {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
    {O,
     "{\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":20}}",
     {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
    {O,
     "{\"usage\":{\"prompt_tokens\":1e300,\"completion_tokens\":20}}",
     {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
    {O,
     "{\"usage\":{\"prompt_tokens\":9223372036854775807,\"completion_tokens\":20}}",
     {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
    {O, "{\"usage\":null}", {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
    {O, "{}", {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
    /* ... and beside input_tokens there */
    {A,
     "{\"usage\":{\"input_tokens\":40,\"output_tokens\":20,\"cache_read_input_tokens\":60,"
     "\"cache_creation_input_tokens\":10}}",
     {LLM_USAGE_REPORTED, 40, 60, 10, 20}},
    {A,
     "{\"usage\":{\"input_tokens\":40,\"output_tokens\":20,\"cache_read_input_tokens\":null}}",
     {LLM_USAGE_REPORTED, 40, 0, 0, 20}},
    {A,
     "{\"usage\":{\"input_tokens\":0,\"output_tokens\":20,\"cache_read_input_tokens\":60}}",
     {LLM_USAGE_REPORTED, 0, 60, 0, 20}},
    {A, "{\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}", {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
    {L, "{\"prompt_eval_count\":100,\"eval_count\":20}", {LLM_USAGE_REPORTED, 100, 0, 0, 20}},
    {L, "{\"eval_count\":20}", {LLM_USAGE_UNKNOWN, 0, 0, 0, 0}},
};

/* Four numbers that never overlap; what was not told is unknown, never zero. */
static void usage_means_the_same_in_every_dialect(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        json_auto_t *root = json_loads(usages[i].body, 0, NULL);
        const struct llm_usage *x = &usages[i].u;
        struct llm_usage u;

        assert_non_null(root);
        llm_dialect(usages[i].dialect)->usage(root, &u);
        if (u.from != x->from || u.input != x->input || u.cached != x->cached ||
            u.cache_write != x->cache_write || u.output != x->output)
            fail_msg("%s: %d %lld %lld %lld %lld", usages[i].body, u.from, (long long)u.input,
                     (long long)u.cached, (long long)u.cache_write, (long long)u.output);
    }
}

static void words_that_cost_nothing_were_not_counted(void **state)
{
    static const char body[] =
        "{\"choices\":[{\"message\":{\"content\":\"{}\"},\"finish_reason\":"
        "\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":0}}";
    struct llm_reply r;

    (void)state;
    llm_read_reply(llm_dialect(O), a, body, sizeof body - 1, &r);
    assert_int_equal(r.end, LLM_END_OK);
    assert_int_equal(r.usage.from, LLM_USAGE_UNKNOWN);
}

static void tokens_and_costs_are_rounded_up(void **state)
{
    const struct llm_usage u = {LLM_USAGE_REPORTED, 1000000, 2000000, 0, 1};
    const struct llm_usage most = {LLM_USAGE_REPORTED, LLM_TOKENS_MAX, 0, 0, LLM_TOKENS_MAX};
    struct config_model m = plain;

    (void)state;
    assert_int_equal(llm_tokens(&plain, 0), 0);
    assert_int_equal(llm_tokens(&plain, 1), 1);
    assert_int_equal(llm_tokens(&plain, 3), 1);
    assert_int_equal(llm_tokens(&plain, 4), 2);
    m.bytes_per_token_x10 = 25;
    assert_int_equal(llm_tokens(&m, 10), 4);
    assert_int_equal(llm_cost(&plain, &u), 2500000 + 2 * 1250000 + 10);
    m.price_input = m.price_output = 1000000000000;
    assert_int_equal(llm_cost(&m, &most), 2000 * INT64_C(1000000000000));
}

/* ---- errors ---- */

#define OERR(type, code) \
    "{\"error\":{\"message\":\"secret words\",\"type\":" type ",\"param\":null,\"code\":" code "}}"
#define AERR(type)                                  \
    "{\"type\":\"error\",\"error\":{\"type\":" type \
    ",\"message\":\"secret words\"},\"request_id\":\"r\"}"

static const struct {
    const char *dialect;
    int status;
    const char *body;
    enum llm_fault fault;
    bool unspent;
    const char *why;
} errors[] = {
    {O, 401, OERR("\"invalid_request_error\"", "\"invalid_api_key\""), LLM_FAULT_AUTH, true,
     "the endpoint answered 401 invalid_request_error invalid_api_key"},
    {O, 429, OERR("\"tokens\"", "\"rate_limit_exceeded\""), LLM_FAULT_RETRY, true,
     "the endpoint answered 429 tokens rate_limit_exceeded"},
    {O, 429, OERR("\"insufficient_quota\"", "\"insufficient_quota\""), LLM_FAULT_SPENT, true,
     "the endpoint answered 429 insufficient_quota insufficient_quota"},
    {O, 400, OERR("\"invalid_request_error\"", "\"context_length_exceeded\""), LLM_FAULT_FINAL,
     true, "the endpoint answered 400 invalid_request_error context_length_exceeded"},
    {O, 400, OERR("null", "null"), LLM_FAULT_FINAL, true, "the endpoint answered 400"},
    {O, 500, OERR("\"server_error\"", "null"), LLM_FAULT_RETRY, true,
     "the endpoint answered 500 server_error"},
    {O, 500, OERR("\"a b\\nc\"", "400"), LLM_FAULT_RETRY, true, "the endpoint answered 500"},
    {O, 404, "nothing here", LLM_FAULT_FINAL, true, "the endpoint answered 404"},
    {O, 302, "", LLM_FAULT_FINAL, false, "the endpoint answered 302"},
    {O, 402, NULL, LLM_FAULT_SPENT, true, "the endpoint answered 402"},
    {O, 403, NULL, LLM_FAULT_AUTH, true, "the endpoint answered 403"},
    {O, 408, NULL, LLM_FAULT_RETRY, false, "the endpoint answered 408"},
    {O, 409, NULL, LLM_FAULT_RETRY, true, "the endpoint answered 409"},
    {O, 413, NULL, LLM_FAULT_FINAL, true, "the endpoint answered 413"},
    {O, 422, NULL, LLM_FAULT_FINAL, true, "the endpoint answered 422"},
    {O, 504, NULL, LLM_FAULT_RETRY, false, "the endpoint answered 504"},
    {A, 529, AERR("\"overloaded_error\""), LLM_FAULT_RETRY, true,
     "the endpoint answered 529 overloaded_error"},
    {A, 429, AERR("\"rate_limit_error\""), LLM_FAULT_RETRY, true,
     "the endpoint answered 429 rate_limit_error"},
    {A, 429,
     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\",\"details\":"
     "{\"error_code\":\"enforced_spend_limit_reached\"}}}",
     LLM_FAULT_SPENT, true,
     "the endpoint answered 429 enforced_spend_limit_reached rate_limit_error"},
    {A, 429,
     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\",\"details\":"
     "{\"error_code\":\"contract_spend_limit_reached\"}}}",
     LLM_FAULT_SPENT, true,
     "the endpoint answered 429 contract_spend_limit_reached rate_limit_error"},
    {A, 402, AERR("\"billing_error\""), LLM_FAULT_SPENT, true,
     "the endpoint answered 402 billing_error"},
    {A, 401, AERR("\"authentication_error\""), LLM_FAULT_AUTH, true,
     "the endpoint answered 401 authentication_error"},
    {A, 400, AERR("\"invalid_request_error\""), LLM_FAULT_FINAL, true,
     "the endpoint answered 400 invalid_request_error"},
    {L, 404, "{\"error\":\"model 'x' not found\"}", LLM_FAULT_FINAL, true,
     "the endpoint answered 404"},
    {L, 500, "{\"error\":\"secret words\"}", LLM_FAULT_RETRY, true, "the endpoint answered 500"},
    /* an error that came with 200 */
    {A, 200, AERR("\"overloaded_error\""), LLM_FAULT_RETRY, false,
     "the endpoint answered 200 overloaded_error"},
    {A, 200, AERR("\"authentication_error\""), LLM_FAULT_AUTH, false,
     "the endpoint answered 200 authentication_error"},
    {A, 200,
     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\",\"details\":"
     "{\"error_code\":\"enforced_spend_limit_reached\"}}}",
     LLM_FAULT_SPENT, false,
     "the endpoint answered 200 enforced_spend_limit_reached rate_limit_error"},
    {O, 200, OERR("\"insufficient_quota\"", "null"), LLM_FAULT_SPENT, false,
     "the endpoint answered 200 insufficient_quota"},
    {L, 200, "{\"error\":\"secret words\"}", LLM_FAULT_RETRY, false, "the endpoint answered 200"},
};

static void each_error_says_whether_another_try_helps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        const struct net_reply r = {.status = errors[i].status,
                                    .retry_after_s = 9,
                                    .body = errors[i].body,
                                    .body_len = errors[i].body ? strlen(errors[i].body) : 0};
        struct llm_error x;

        llm_read_error(llm_dialect(errors[i].dialect), &r, &x);
        if (x.fault != errors[i].fault || x.unspent != errors[i].unspent ||
            !text_eq(x.why, errors[i].why))
            fail_msg("%s %d: fault %d, unspent %d, '%s'", errors[i].dialect, errors[i].status,
                     x.fault, x.unspent, x.why);
        assert_int_equal(x.retry_after_s, x.fault == LLM_FAULT_RETRY ? 9 : 0);
        assert_null(strstr(x.why, "secret"));
    }
}

static void an_error_with_200_is_no_reply(void **state)
{
    static const struct {
        const char *dialect, *body;
    } rows[] = {{O, OERR("\"server_error\"", "null")},
                {A, AERR("\"overloaded_error\"")},
                {L, "{\"error\":\"secret words\"}"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct llm_reply r;

        llm_read_reply(llm_dialect(rows[i].dialect), a, rows[i].body, strlen(rows[i].body), &r);
        assert_int_equal(r.end, LLM_END_UNREADABLE);
        assert_true(r.error);
        assert_null(strstr(r.why, "secret"));
        assert_int_equal(r.usage.from, LLM_USAGE_UNKNOWN);
    }
}

static void no_whole_answer_may_have_cost_something(void **state)
{
    static const struct {
        int code;
        enum llm_fault fault;
        bool unspent;
    } rows[] = {{ERR_RETRY, LLM_FAULT_RETRY, true},
                {ERR_UNSURE, LLM_FAULT_RETRY, false},
                {ERR_INPUT, LLM_FAULT_FINAL, false},
                {ERR_DENIED, LLM_FAULT_FINAL, true}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct net_reply r = {.code = rows[i].code, .msg = "told by net"};
        struct llm_error x;

        llm_read_error(llm_dialect(O), &r, &x);
        assert_int_equal(x.fault, rows[i].fault);
        assert_int_equal(x.unspent, rows[i].unspent);
        assert_non_null(strstr(x.why, "told by net"));
    }
}

/* ---- schemas ---- */

#define OBJ(req, props)                                                      \
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[" req \
    "],\"properties\":{" props "}}"
#define STR   "{\"type\":\"string\"}"
#define IN(x) OBJ("\"a\"", "\"a\":" x)

static const struct {
    const char *schema, *says; /* NULL: fine */
} lints[] = {
    {OBJ("", ""), NULL},
    {IN(STR), NULL},
    {IN("{\"type\":[\"string\",\"null\"],\"description\":\"d\",\"title\":\"t\"}"), NULL},
    {IN("{\"type\":[\"string\",\"null\"],\"enum\":[\"x\",null]}"), NULL},
    {IN("{\"type\":\"array\",\"items\":" IN(STR) "}"), NULL},
    {IN("{\"anyOf\":[" IN(STR) ",{\"type\":\"null\"}]}"), NULL},
    {IN("{\"type\":\"integer\"}"), NULL},
    {IN(IN(IN(IN(STR)))), NULL},
    {IN(IN(IN(IN(IN(STR))))), "/properties/a/properties/a/properties/a/properties/a: more than 4"},
    {"[]", "/: the root"},
    {STR, "/: the root"},
    {"{\"anyOf\":[" IN(STR) "]}", "/: the root"},
    {"{\"type\":\"object\",\"properties\":{},\"required\":[]}", "additionalProperties"},
    {"{\"type\":\"object\",\"additionalProperties\":true,\"properties\":{},\"required\":[]}",
     "additionalProperties"},
    {OBJ("", "\"a\":" STR), "required names every property"},
    {OBJ("\"b\"", "\"a\":" STR), "what is no property"},
    {OBJ("\"a\",\"a\"", "\"a\":" STR ",\"b\":" STR), "twice"},
    {IN("{\"type\":\"string\",\"minLength\":1}"), "/properties/a: keyword 'minLength'"},
    {IN("{\"type\":\"integer\",\"minimum\":1}"), "keyword 'minimum'"},
    {IN("{\"type\":\"array\",\"items\":" STR ",\"maxItems\":3}"), "keyword 'maxItems'"},
    {IN("{\"$ref\":\"#/$defs/x\"}"), "keyword '$ref'"},
    {IN("{\"type\":\"string\",\"pattern\":\"x\"}"), "keyword 'pattern'"},
    {IN("{\"oneOf\":[" STR "]}"), "keyword 'oneOf'"},
    {IN("{}"), "no known type"},
    {IN("{\"type\":\"text\"}"), "no known type"},
    {IN("{\"type\":[\"string\",\"integer\"]}"), "one type and null"},
    {IN("{\"type\":[\"null\",\"string\"]}"), "one type and null"},
    {IN("{\"type\":\"string\",\"enum\":[]}"), "at least one value"},
    {IN("{\"type\":\"integer\",\"enum\":[1]}"), "strings and null"},
    {IN("{\"type\":\"array\",\"items\":[" STR "]}"), "no object"},
    {IN("true"), "no object"},
    {IN("{\"type\":\"string\",\"properties\":{}}"), "without the type object"},
};

static void a_schema_outside_what_all_endpoints_take_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lints); i++) {
        json_auto_t *s = json_loads(lints[i].schema, 0, NULL);
        int rc;

        assert_non_null(s);
        rc = llm_schema_lint(s, &e);
        if (rc != (lints[i].says ? ERR_INPUT : 0) ||
            (lints[i].says && !strstr(e.msg, lints[i].says)))
            fail_msg("%s: %d %s", lints[i].schema, rc, rc ? e.msg : "");
    }
}

static json_t *wide(size_t properties, size_t values)
{
    json_t *props = json_object(), *required = json_array(), *list = json_array();
    char name[32];

    for (size_t i = 0; i < values; i++) {
        (void)snprintf(name, sizeof name, "E%zu", i);
        json_array_append_new(list, json_string(name));
    }
    for (size_t i = 0; i < properties; i++) {
        (void)snprintf(name, sizeof name, "p%zu", i);
        json_array_append_new(required, json_string(name));
        json_object_set_new(props, name,
                            i == 0 ? json_pack("{s:s, s:O}", "type", "string", "enum", list)
                                   : json_pack("{s:s}", "type", "string"));
    }
    json_decref(list);
    return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0,
                     "required", required, "properties", props);
}

static void a_schema_that_is_too_wide_is_found(void **state)
{
    static const struct {
        size_t properties, values;
        int code;
    } rows[] = {{60, 250, 0}, {61, 250, ERR_INPUT}, {60, 251, ERR_INPUT}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *s = wide(rows[i].properties, rows[i].values);

        assert_int_equal(llm_schema_lint(s, &e), rows[i].code);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        T(each_dialect_sends_exactly_this_body),
        T(a_request_is_a_question_by_post_with_its_limits),
        T(the_key_goes_where_the_endpoint_wants_it),
        T(the_path_can_be_another_one),
        T(what_cannot_be_asked_is_refused),
        T(each_dialect_reads_its_replies),
        T(a_reply_over_the_limit_is_not_taken),
        T(usage_means_the_same_in_every_dialect),
        T(words_that_cost_nothing_were_not_counted),
        T(tokens_and_costs_are_rounded_up),
        T(each_error_says_whether_another_try_helps),
        T(an_error_with_200_is_no_reply),
        T(no_whole_answer_may_have_cost_something),
        T(a_schema_outside_what_all_endpoints_take_is_found),
        T(a_schema_that_is_too_wide_is_found),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
