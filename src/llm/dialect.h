#ifndef TRIAGED_LLM_DIALECT_H
#define TRIAGED_LLM_DIALECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "config/config.h"
#include "net/net.h"

/*
 * Model endpoints: how a question becomes a request and how an answer is read. Pure: bytes in, structs out; `net` does the talking.
 * A dialect is one row of a table: build request, read reply, read usage, read error. Nothing streams.
 * Sources: the vendors' own descriptions, as collected in the contract page for model endpoints.
 */

/* One question. Plain data, borrowed. */
struct llm_ask {
    const char *system; /* fixed instructions */
    const char *user;   /* one JSON document; JSON encoding is the quoting */
    const char *repair; /* NULL, or what was wrong with the previous reply: paths and codes only */
    const json_t *schema;    /* of the reply */
    const char *schema_name; /* [a-z_]{1,64} */
    int64_t max_output_tokens;
};

enum llm_end {
    LLM_END_OK,         /* text holds a whole reply */
    LLM_END_CUT,        /* the output limit was met */
    LLM_END_REFUSED,    /* the model declined */
    LLM_END_FILTERED,   /* a content filter took it */
    LLM_END_UNREADABLE, /* 2xx, but not the shape of this dialect */
};

enum llm_usage_from {
    LLM_USAGE_UNKNOWN, /* never read as zero: the reservation stands */
    LLM_USAGE_REPORTED,
};
/* The three vendors count cached input differently; here the four numbers never overlap. */
struct llm_usage {
    enum llm_usage_from from;
    int64_t input, cached, cache_write, output;
};

struct llm_reply {
    enum llm_end end;
    const char *text; /* in the arena, NUL-terminated; NULL unless LLM_END_OK or LLM_END_CUT */
    size_t len;
    struct llm_usage usage;
    bool error;    /* LLM_END_UNREADABLE: a 2xx around an error; llm_read_error says which */
    char why[160]; /* for people, safe to show; "" with LLM_END_OK */
};

enum llm_fault {
    LLM_FAULT_RETRY, /* 408, 409, 429, 5xx, 529, no whole answer: another time */
    LLM_FAULT_FINAL, /* 400, 404, 413, 422 ...: the same call will not work */
    LLM_FAULT_AUTH,  /* 401, 403 */
    LLM_FAULT_SPENT, /* 402, or a spending limit at the vendor's: not retried */
};
struct llm_error {
    enum llm_fault fault;
    unsigned retry_after_s; /* 0 = none given */
    bool unspent;  /* it cost nothing: it never left, or the endpoint said no (llm_done.unspent) */
    char why[200]; /* for people: the status, the vendor's type or code; no text of the reply */
};

#define LLM_REPLY_MAX_BYTES   ((size_t)512 * 1024) /* a whole answer */
#define LLM_TEXT_MAX_BYTES    ((size_t)64 * 1024)  /* what a model may say */
#define LLM_REQUEST_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define LLM_ARENA_BYTES       ((size_t)16 * 1024 * 1024) /* enough for one request or one reply */
#define LLM_TOKENS_MAX        1000000000                 /* a count beyond this is no count */

struct llm_dialect {
    const char *name;                     /* as in model.dialect */
    const char *path;                     /* behind base_url, unless model.path says otherwise */
    const char *version_header, *version; /* NULL: none is sent */
    /* The body of the request. */
    json_t *(*body)(const struct config_model *m, const struct llm_ask *ask);
    /* root is the parsed 2xx answer. */
    void (*reply)(struct arena *a, const json_t *root, struct llm_reply *out);
    void (*usage)(const json_t *root, struct llm_usage *out);
    /* root may be NULL: the answer was no JSON. Sets fault and why by status first, by the body where it says more. */
    void (*error)(int status, const json_t *root, struct llm_error *out);
};
const struct llm_dialect *llm_dialect(const char *name); /* NULL when unknown */

/*
 * Describe the request: POST base_url + path, the dialect's headers, the credential. Everything lives in the arena; out->body is the
 * bytes that will leave. ERR_INPUT: no endpoint, unknown dialect, a text that is no UTF-8, over LLM_REQUEST_MAX_BYTES.
 */
int llm_request(struct arena *a, const struct config_model *m, struct net_peer *peer,
                const struct llm_ask *ask, struct net_req *out, struct err *e) MUST_CHECK;

/* A 2xx answer. Never fails: what cannot be read is LLM_END_UNREADABLE. */
void llm_read_reply(const struct llm_dialect *d, struct arena *a, const char *body, size_t len,
                    struct llm_reply *out);
/* What no 2xx answer means (also none at all: code as in net_reply). */
void llm_read_error(const struct llm_dialect *d, const struct net_reply *r, struct llm_error *out);

/* Tokens of so many bytes, rounded up, by the endpoint's own bytes_per_token. */
int64_t llm_tokens(const struct config_model *m, size_t bytes);
/* Micro-units; a usage that is unknown costs what was reserved (callers keep it). */
int64_t llm_cost(const struct config_model *m, const struct llm_usage *u);

/*
 * The subset of JSON Schema that every endpoint's strict mode takes (contract page, section 4.1): object root, additionalProperties false and
 * all properties required everywhere, nullable instead of optional, string enums, no numbers' or lengths' keywords, no $ref, depth <= 4,
 * at most 60 properties and 250 enum values. 0, or ERR_INPUT with the pointer of the first thing outside it.
 */
int llm_schema_lint(const json_t *schema, struct err *e) MUST_CHECK;

#endif
