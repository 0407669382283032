#ifndef TRIAGED_LLM_LLM_H
#define TRIAGED_LLM_LLM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "config/config.h"
#include "llm/dialect.h"
#include "store/store.h"

/*
 * What was asked, what it cost, and whether to ask at all: the tables llm_*. Engine thread, on the writing connection, inside the pass's
 * transaction (readers have their own door). Nothing here talks to the network: triage's step `ask` does, through the engine.
 *
 *   llm_may_ask -> llm_begin (reserves, writes the request) -> COMMIT -> the call -> llm_end (settles, writes the reply)
 *
 * A crash between begin and end leaves a row in state 'sent' of an older epoch: llm_on_start makes it 'lost' and keeps its reservation as
 * its cost, for the vendor may well have counted it.
 */
struct llm;
int llm_open(struct store *s, struct llm **out, struct err *e) MUST_CHECK;
void llm_close(struct llm *l);
int llm_on_start(struct llm *l, int64_t epoch, int64_t now_wall_ms, struct err *e) MUST_CHECK;

/* The name of an endpoint's row: base URL, path and model. In the arena. */
const char *llm_endpoint_name(struct arena *a, const struct config_model *m);

enum llm_go {
    LLM_GO,
    LLM_NO_ENDPOINT, /* none is configured */
    LLM_NO_BREAKER,  /* it failed too often just now; until says when it is tried again */
    LLM_NO_BUDGET, /* this call could pass a limit; until: when the hour or day is over, 0 for the incident's own */
    LLM_CANARY, /* first find out whether it keeps to a schema */
};
struct llm_verdict {
    enum llm_go go;
    int64_t until_ms;
    char why
        [200]; /* for people: "the model's budget of 400000 tokens an hour is spent (398112 used), again at 03:00" */
};
/*
 * May a call with so many tokens (estimated input and the most output) leave now? incident_id NULL: for no incident (canary). Budgets are
 * judged on what is settled and what is reserved, so that a limit is never passed by more than what a vendor counts above our estimate.
 * An hour is one of the clock's, a day the 24 hours before this moment (counted in whole hours, so up to 25). LLM_CANARY only for an incident.
 */
int llm_may_ask(struct llm *l, const struct config_model *m, const char *incident_id,
                int64_t tokens, int64_t cost, int64_t now_wall_ms, struct llm_verdict *out,
                struct err *e) MUST_CHECK;

struct llm_begin {
    const char *purpose, *incident_id, *key;
    int round;
    const char *prompt, *schema_hash;
    int64_t bundle_id;
    const json_t *asked;
    const char *request;
    size_t request_len;
    int64_t reserved_tokens, reserved_cost, epoch;
};
/* Reserves and writes the row. *id of the call. With an open breaker this is the one call that tries again. */
int llm_begin(struct llm *l, const struct config_model *m, const struct llm_begin *b,
              int64_t now_wall_ms, int64_t *id, struct err *e) MUST_CHECK;

struct llm_done {
    bool answered;       /* a 2xx answer came whole; else failed */
    const char *outcome; /* as in llm_call.outcome */
    const char *why;     /* NULL with ok */
    const char *reply;   /* NULL: none */
    size_t reply_len;
    struct llm_usage usage;
    bool unspent; /* it cost nothing (llm_error.unspent): the reservation is given back */
    const json_t *checks, *report; /* may be NULL */
    bool
        endpoint_failed; /* counts for the breaker: no answer, 5xx, 429, 401 ... not a bad reply. Neither this nor answered: the call never left, nothing is learnt */
    unsigned retry_after_s; /* the endpoint asked for a pause */
};
/* Settles the reservation and moves the breaker; opened tells that this failure opened it (not: that trying again failed). ERR_CONFLICT when the
 * call is not out. The breaker moves only where m is still the endpoint that was asked. */
int llm_end(struct llm *l, const struct config_model *m, int64_t id, const struct llm_done *d,
            int64_t now_wall_ms, bool *opened, struct err *e) MUST_CHECK;
/* What the canary found. */
int llm_canary_done(struct llm *l, const struct config_model *m, bool enforced, const char *why,
                    int64_t now_wall_ms, struct err *e) MUST_CHECK;
/* The canary's question: a schema that allows one odd constant, and a text that asks for something else. schema is a new reference. */
void llm_canary_ask(struct llm_ask *out, json_t **schema);
/* Does the reply keep to the canary's schema? */
bool llm_canary_kept(const struct llm_reply *r);

/* The newest call with this key since then that ended well or is still out (state 'sent' of this epoch). */
struct llm_found {
    int64_t id;
    bool out; /* still on its way */
    int64_t sent_ms;
    const char *incident_id; /* in the arena */
    const char *report;      /* body.sha256; NULL while out */
};
/* ERR_NOT_FOUND without one. */
int llm_find(struct llm *l, const char *key, int64_t since_wall_ms, int64_t epoch, struct arena *a,
             struct llm_found *out, struct err *e) MUST_CHECK;
/* The newest one of which no report came, though it was answered (kept to no form, cut, declined). ERR_NOT_FOUND without one. */
int llm_find_useless(struct llm *l, const char *key, int64_t since_wall_ms, struct arena *a,
                     struct llm_found *out, struct err *e) MUST_CHECK;

/* Readers (own connection, http threads; the command line). */
struct llm_reader;
int llm_reader_open(struct store *s, struct llm_reader **out, struct err *e) MUST_CHECK;
void llm_reader_close(struct llm_reader *r);
/* {items: [calls without bodies, newest first]}; incident NULL: all. */
int llm_list(struct llm_reader *r, const char *incident_id, int64_t before, unsigned limit,
             json_t **out, struct err *e) MUST_CHECK;
/* One call with its bodies: asked, request, reply (text), checks, report; pruned bodies are null. */
int llm_show(struct llm_reader *r, int64_t id, json_t **out, struct err *e) MUST_CHECK;
/* {endpoint, model, breaker, schema_enforced, spend: {hour, day}, budget}; cfg says what is configured. */
int llm_status(struct llm_reader *r, const struct config_model *m, int64_t now_wall_ms,
               json_t **out, struct err *e) MUST_CHECK;
const struct store_sql *llm_statements(size_t *n);

#endif
