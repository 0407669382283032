#ifndef TRIAGED_SANDBOX_REQ_H
#define TRIAGED_SANDBOX_REQ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "sandbox/act.h"
#include "sandbox/world.h"

enum token_kind {
    TOKEN_FULL,
    TOKEN_READ_ONLY,
    TOKEN_USER,
    N_TOKENS
};
struct token {
    const char *kind;
    char value[64];
    int user; /* -1: the account itself */
};

/* How an answer leaves; only the outside world has other ways than the first. */
enum req_way {
    WAY_WHOLE,
    WAY_HANG,         /* silence for hold_ms, then closed */
    WAY_DRIP,         /* a byte at a time, drip_ms between two */
    WAY_ENDLESS,      /* up to one GiB */
    WAY_LYING_LENGTH, /* Content-Length is not what comes */
    WAY_GZIP_BOMB     /* one MiB that says it is one GiB */
};

/* One HTTP request and its answer; owns everything it points to, so that it can outlive its connection. */
struct req {
    char *method, *path;
    struct buf body;
    json_t *query; /* name -> array of values */
    char *authorization, *from, *accept, *content_type;
    char *api_key; /* x-api-key, or api-key as Azure calls it */

    const struct token *token;
    struct actor actor;
    json_t *json;    /* the parsed body */
    char seg[3][64]; /* what stood in the {} of the route */
    int64_t late_ms; /* reads show the state of so long ago */
    bool limited;    /* the limiter looked at it: rate headers go out */
    int limit, remaining, reset_s;

    int status;
    json_t *reply;        /* or */
    char *raw;            /* malloc'ed text */
    const char *raw_type; /* media type; NULL: application/json */
    int retry_after_s;
    int64_t hold_ms; /* answer only after so long */
    enum req_way way;
    int64_t drip_ms, length; /* length -1: twice the true one */
    char *location;          /* of a redirect */
};
void req_done(struct req *r);
void req_free(struct req *r);

/* First value of a query parameter, or NULL; all values, or NULL. Borrowed. */
const char *req_param(const struct req *r, const char *name);
const json_t *req_params(const struct req *r, const char *name);
bool req_param_has(const json_t *values, const char *value);

void reply_json(struct req *r, int status, json_t *body);
/* PagerDuty's envelope; detail NULL leaves errors empty. */
void reply_error(struct req *r, int status, int code, const char *message, const char *detail);
void reply_fail(struct req *r, const struct fail *f);
void reply_not_found(struct req *r);

/* limit, offset, more, total around list[offset .. offset+limit); takes over list. Answers 400 when out of bounds. */
struct page {
    size_t limit, offset;
    bool total;
};
bool page_read(struct req *r, struct page *p); /* false: answered already */
void reply_page(struct req *r, const struct page *p, const char *name, json_t *list);

enum route_flags {
    F_WRITE = 1U << 0, /* refused for a read-only token */
    F_FROM = 1U << 1,  /* needs From unless the token is a user's */
    F_BODY = 1U << 2,  /* a JSON object is required */
    F_USER = 1U << 3,  /* only for user tokens */
};
struct route {
    const char *method, *pattern; /* {} takes one segment */
    void (*handle)(struct req *r);
    unsigned flags;
    int ability; /* enum ability, or -1 */
};

/* Ends of the tables have method NULL. */
extern const struct route rest_incident_routes[], rest_write_routes[], rest_evidence_routes[],
    rest_config_routes[], rest_subscription_routes[], control_routes[], control_world_routes[],
    model_routes[], outside_metric_routes[], outside_web_routes[], outside_control_routes[];

/* Answers the request: finds its route, checks what PagerDuty checks, calls the handler under the world lock. */
void rest_handle(struct req *r);
/* True for paths that the control API owns; faults leave them alone. */
bool rest_is_control(const char *path);
/* True for the stub outside world. */
bool rest_is_outside(const char *path);

int rest_tokens_load(const char *path, struct err *e) MUST_CHECK;
/* limit 0 is unlimited; others_per_min is what another client of the same key uses. */
void rest_limiter(int limit, int window_s, int others_per_min, bool restart);
json_t *rest_counters(void); /* "GET /incidents/{}": calls */

/* Every event type that can be subscribed to; a new reference. */
json_t *rest_all_events(void);

/* Empties the world, the faults, the queues and the subscriptions, and makes again what the command line asked for. */
void control_storm(struct req *r);

bool sandbox_reset(const char *scenario, uint64_t seed);
const char *sandbox_scenario(void);

unsigned include_read(const struct req *r, bool *bad);

#endif
