/* What an answer that is none means: whether it is worth another try, and a line for people without a word of the body's prose. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "llm/dialect_priv.h"

#define TIDY_MAX 64

/* Words that say more than the status does: all of them in a 2xx, else those about money. */
static const struct {
    const char *word;
    enum llm_fault fault;
} words[] = {
    {"insufficient_quota", LLM_FAULT_SPENT},
    {"billing_hard_limit_reached", LLM_FAULT_SPENT},
    {"billing_not_active", LLM_FAULT_SPENT},
    {"billing_error", LLM_FAULT_SPENT},
    {"enforced_spend_limit_reached", LLM_FAULT_SPENT},
    {"contract_spend_limit_reached", LLM_FAULT_SPENT},
    {"authentication_error", LLM_FAULT_AUTH},
    {"permission_error", LLM_FAULT_AUTH},
    {"invalid_api_key", LLM_FAULT_AUTH},
    {"overloaded_error", LLM_FAULT_RETRY},
    {"rate_limit_error", LLM_FAULT_RETRY},
    {"rate_limit_exceeded", LLM_FAULT_RETRY},
    {"api_error", LLM_FAULT_RETRY},
    {"server_error", LLM_FAULT_RETRY},
    {"timeout_error", LLM_FAULT_RETRY},
    {"invalid_request_error", LLM_FAULT_FINAL},
    {"not_found_error", LLM_FAULT_FINAL},
    {"request_too_large", LLM_FAULT_FINAL},
    {"context_length_exceeded", LLM_FAULT_FINAL},
    {"model_not_found", LLM_FAULT_FINAL},
    {"content_filter", LLM_FAULT_FINAL},
};

const char *llm_tidy(const char *word)
{
    size_t n = word ? strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789_-.")
                    : 0;

    return n > 0 && n <= TIDY_MAX && word[n] == '\0' ? word : NULL;
}

static enum llm_fault of_status(int status)
{
    if (status == 401 || status == 403)
        return LLM_FAULT_AUTH;
    if (status == 402)
        return LLM_FAULT_SPENT;
    if (status == 408 || status == 409 || status == 425 || status == 429 || status >= 500)
        return LLM_FAULT_RETRY;
    /* An error in a 2xx that no word explains is the endpoint's own trouble. */
    return status < 300 ? LLM_FAULT_RETRY : LLM_FAULT_FINAL;
}

void llm_error_status(int status, struct llm_error *out)
{
    *out = (struct llm_error){.fault = of_status(status)};
    (void)snprintf(out->why, sizeof out->why, "the endpoint answered %d", status);
    /* An honest refusal costs nothing. A gateway that gave up waiting does not know what it cost behind it. */
    out->unspent = status >= 400 && status != 408 && status != 504 && status != 524;
}

void llm_error_word(int status, const char *word, struct llm_error *out)
{
    size_t len = strlen(out->why);

    if (!llm_tidy(word))
        return;
    (void)snprintf(out->why + len, sizeof out->why - len, " %s", word);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!text_eq(words[i].word, word) || out->fault == LLM_FAULT_SPENT)
            continue;
        /* The status knows better: servers say invalid_request_error to a bad key, too. It cannot say that a budget is spent. */
        if (words[i].fault == LLM_FAULT_SPENT || status < 400)
            out->fault = words[i].fault;
    }
}

/* No whole answer came. */
static void of_transport(const struct net_reply *r, struct llm_error *out)
{
    bool unsent = r->code == ERR_RETRY || r->code == ERR_DENIED;

    *out = (struct llm_error){
        .fault = r->code == ERR_RETRY || r->code == ERR_UNSURE ? LLM_FAULT_RETRY : LLM_FAULT_FINAL,
        .unspent = unsent};
    (void)snprintf(out->why, sizeof out->why, "%s: %s",
                   unsent ? "the endpoint was not asked" : "no whole answer came",
                   r->msg[0] ? r->msg : "no reason known");
}

void llm_read_error(const struct llm_dialect *d, const struct net_reply *r, struct llm_error *out)
{
    AUTO(json_freep) json_t *root = NULL;
    struct err e;

    if (r->code != 0) {
        of_transport(r, out);
    } else {
        if (!r->body || r->body_len > LLM_REPLY_MAX_BYTES ||
            json_parse(r->body, r->body_len, JSON_TEXT_MAX_TOKENS, &root, &e) < 0)
            root = NULL;
        d->error(r->status, root, out);
    }
    /* A wait means nothing where nothing will be tried. */
    out->retry_after_s = out->fault == LLM_FAULT_RETRY ? r->retry_after_s : 0;
}
