#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pagerduty/pd_priv.h"

#define CODE_TOOK_TOO_LONG 2016

/* PagerDuty's codes that mean something to us. The list is not complete, and PagerDuty says that its own is not. */
/* clang-format off */
static const struct code_row {
    int code;
    enum pd_class cls;
    const char *meaning;
} codes[] = {
    {1001, PD_MOVED, "the incident is already resolved"},
    {1002, PD_MOVED, "the incident is already acknowledged"},
    {1003, PD_REFUSED, "the status is not one PagerDuty knows"},
    {1004, PD_REFUSED, "the incident id is not one PagerDuty knows"},
    {1005, PD_MOVED, "the incident changed since it was read"},
    {1006, PD_REFUSED, "the incident cannot be escalated further"},
    {1007, PD_REFUSED, "the assignee is unknown"},
    {1008, PD_REFUSED, "no user of this account has the e-mail in From"},
    {1011, PD_REFUSED, "the incident cannot be reassigned"},
    {1012, PD_MOVED, "the incident is not acknowledged"},
    {1013, PD_REFUSED, "the snooze duration is not allowed"},
    {1014, PD_REFUSED, "the escalation policy is unknown"},
    {1015, PD_REFUSED, "nobody is on call in the escalation policy"},
    {1018, PD_AUTH, "the user in From may not do this"},
    {1019, PD_MOVED, "the incident is already merged into another"},
    {1020, PD_REFUSED, "the priority is unknown"},
    {2001, PD_REFUSED, "PagerDuty found the input not valid"},
    {2002, PD_REFUSED, "PagerDuty found the arguments not valid"},
    {2003, PD_REFUSED, "arguments are missing"},
    {2004, PD_REFUSED, "the time window is not valid"},
    {2005, PD_REFUSED, "the time window is not valid"},
    {2006, PD_AUTH, "the credential was not accepted"},
    {2010, PD_AUTH, "access was denied"},
    {2012, PD_AUTH, "the PagerDuty account has expired"},
    {2014, PD_NOT_AVAILABLE, "the account lacks the ability for this"},
    {CODE_TOOK_TOO_LONG, PD_RETRYABLE, "the request took PagerDuty too long"},
    {2018, PD_MOVED, "access to the incident was lost; it may be resolved"},
    {2019, PD_REFUSED, "a limit of the PagerDuty product is reached"},
    {2020, PD_RETRYABLE, "the rate limit is reached"},
    {2100, PD_NOT_FOUND, "not found"},
    {5001, PD_NOT_FOUND, "the object was not found"},
    {5002, PD_NOT_FOUND, "the object was not found"},
};
/* clang-format on */

static const struct code_row *code_find(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].code == code)
            return &codes[i];
    return NULL;
}

const char *pd_code_meaning(int code)
{
    const struct code_row *row = code_find(code);

    return row ? row->meaning : NULL;
}

static const char *status_meaning(int http)
{
    switch (http) {
    case 401:
        return "the credential is missing, wrong or expired";
    case 402:
        return "the account's plan does not include this";
    case 403:
        return "the credential lacks a right or a scope";
    case 404:
        return "not found";
    case 408:
        return "the request took PagerDuty too long";
    case 413:
        return "the request is too large";
    case 429:
        return "the rate limit is reached";
    default:
        return http >= 500 ? "PagerDuty failed" : "PagerDuty refused the request";
    }
}

static bool is_write(const struct pd_op *op)
{
    return op && strcmp(op->method, "GET") != 0;
}

/*
 * What the status says by itself. It comes before the code for what may be retried: a 500 with some code in it is still a
 * failure of theirs. 4xx are sorted by the code where it is known.
 */
static enum pd_class classify(const struct pd_op *op, int http, const struct code_row *row)
{
    if (http >= 200 && http < 300)
        return PD_FINE;
    if (http == 408 || http >= 500)
        return is_write(op) ? PD_UNSURE : PD_RETRYABLE;
    if (http == 429)
        return PD_RETRYABLE; /* turned away before anything was done */
    if (row && row->cls == PD_RETRYABLE)
        return is_write(op) && row->code == CODE_TOOK_TOO_LONG ? PD_UNSURE : PD_RETRYABLE;
    if (http == 401)
        return PD_AUTH;
    if (http == 402)
        return PD_NOT_AVAILABLE;
    /* Whoever lacks the plan is told 402, 403 or 404, depending on the operation. */
    if (op && op->feature && (http == 403 || http == 404 || http == op->no_feature_http))
        return PD_NOT_AVAILABLE;
    if (row)
        return row->cls;
    if (http == 403)
        return PD_AUTH;
    return http == 404 ? PD_NOT_FOUND : PD_REFUSED;
}

/* Texts of PagerDuty's, joined into one safe line. */
static void message_add(struct buf *b, const json_t *j)
{
    if (!json_is_string(j) || json_string_length(j) == 0)
        return;
    if (b->len > 0)
        buf_puts(b, "; ");
    text_show(b, json_string_value(j), json_string_length(j), 200, true);
}

static void messages_add(struct buf *b, const json_t *errors)
{
    if (!json_is_array(errors)) { /* a single text where a list is documented */
        message_add(b, errors);
        return;
    }
    for (size_t i = 0; i < json_array_size(errors) && i < 8; i++) {
        const json_t *item = json_array_get(errors, i);

        message_add(b, json_is_object(item) ? json_object_get(item, "message") : item);
    }
}

/* {"error":{message,code,errors}}, {"error":[...]}, {"error":"..."}, {"errors":...}, {"message":...}: all were seen. */
static int envelope_read(const json_t *root, struct buf *text)
{
    const json_t *error = json_object_get(root, "error");

    if (!error)
        error = root;
    if (!json_is_object(error)) {
        messages_add(text, error);
        return 0;
    }
    message_add(text, json_object_get(error, "message"));
    messages_add(text, json_object_get(error, "errors"));
    return (int)json_opt_int(error, "code", 0);
}

static void message_keep(const struct buf *b, struct pd_error *out)
{
    size_t keep = text_cut(buf_str(b), b->len, sizeof(out->message) - 1);

    memcpy(out->message, buf_str(b), keep);
    out->message[keep] = '\0';
}

void pd_error_parse(const struct pd_op *op, int http, const char *body, size_t len,
                    struct pd_error *out)
{
    AUTO(json_freep) json_t *root = NULL;
    AUTO(buf_done) struct buf text = {0};
    const struct code_row *row;
    struct err ignored;

    *out = (struct pd_error){.http = http};
    if (http >= 200 && http < 300) {
        out->meaning = "done";
        return;
    }
    buf_init(&text, 4096);
    /* 401 and gateways answer without JSON; then the status is all there is. */
    if (body && len > 0 && len <= PD_REPLY_MAX_BYTES &&
        json_parse(body, len, JSON_TEXT_MAX_TOKENS, &root, &ignored) == 0)
        out->code = envelope_read(root, &text);
    message_keep(&text, out);
    row = code_find(out->code);
    out->cls = classify(op, http, row);
    out->meaning = row ? row->meaning : status_meaning(http);
    if (out->cls == PD_NOT_AVAILABLE && op && op->feature)
        out->meaning = "not available on this account or for this token";
}

static enum err_code err_code_of(enum pd_class cls)
{
    switch (cls) {
    case PD_FINE:
        return ERR_NONE;
    case PD_RETRYABLE:
        return ERR_RETRY;
    case PD_REFUSED:
        return ERR_INPUT;
    case PD_MOVED:
        return ERR_CONFLICT;
    case PD_NOT_AVAILABLE:
    case PD_NOT_FOUND:
        return ERR_NOT_FOUND;
    case PD_AUTH:
        return ERR_DENIED;
    case PD_UNSURE:
        return ERR_UNSURE;
    }
    return ERR_INTERNAL;
}

int pd_error_to_err(const struct pd_error *pe, unsigned retry_after_s, struct err *e)
{
    enum err_code code = err_code_of(pe->cls);

    if (code == ERR_NONE)
        return 0;
    if (code == ERR_RETRY)
        return err_retry(e, retry_after_s, "PagerDuty %d (code %d): %s", pe->http, pe->code,
                         pe->meaning);
    return err_set(e, code, "PagerDuty %d (code %d): %s", pe->http, pe->code, pe->meaning);
}
