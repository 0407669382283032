/* What a model endpoint answers, in every dialect: as a reply, and as an error of any status. The first byte picks the status. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "llm/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const dialects[] = {"openai_chat", "anthropic", "ollama"};
static const struct config_model model = {.price_input = 1000000000000,
                                          .price_cached_input = 1000000000000,
                                          .price_cache_write = 1000000000000,
                                          .price_output = 1000000000000};

static void check_usage(const struct llm_usage *u)
{
    bool told = u->from == LLM_USAGE_REPORTED;

    if (u->input < 0 || u->cached < 0 || u->cache_write < 0 || u->output < 0 ||
        u->input > LLM_TOKENS_MAX || u->output > LLM_TOKENS_MAX || llm_cost(&model, u) < 0)
        abort();
    if (told != (u->input + u->cached + u->cache_write > 0))
        abort();
}

static void check_reply(const struct llm_dialect *d, struct arena *a, const char *body, size_t len)
{
    struct llm_reply r;
    bool text;

    llm_read_reply(d, a, body, len, &r);
    text = r.end == LLM_END_OK || r.end == LLM_END_CUT;
    if (text != (r.text != NULL) || r.len > LLM_TEXT_MAX_BYTES ||
        (text && (r.len == 0 || strlen(r.text) != r.len)) || (text && r.error))
        abort();
    if ((r.why[0] == '\0') != (r.end == LLM_END_OK) || strlen(r.why) >= sizeof r.why)
        abort();
    check_usage(&r.usage);
}

/* What is for people holds none of the endpoint's prose: words alone, and no more than two of them. */
static void check_error(const struct llm_dialect *d, int status, const char *body, size_t len)
{
    const struct net_reply n = {
        .status = status, .body = body, .body_len = len, .retry_after_s = 3};
    struct llm_error x;

    llm_read_error(d, &n, &x);
    if (!text_starts(x.why, "the endpoint answered ") || x.fault > LLM_FAULT_SPENT ||
        (x.fault != LLM_FAULT_RETRY && x.retry_after_s != 0))
        abort();
    if (strspn(x.why, " 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.") !=
        strlen(x.why))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 400, 401, 402, 404, 429, 500, 529};
    static struct arena *a;
    const char *body = (const char *)data + 1;

    if (size < 1)
        return 0;
    if (!a) {
        crypto_init();
        a = arena_new(LLM_ARENA_BYTES);
    }
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        const struct llm_dialect *d = llm_dialect(dialects[i]);

        check_reply(d, a, body, size - 1);
        check_error(d, statuses[data[0] % ARRAY_LEN(statuses)], body, size - 1);
    }
    arena_reset(a);
    return 0;
}
