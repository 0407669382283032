#ifndef TRIAGED_NET_NET_H
#define TRIAGED_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * All outgoing HTTP. One struct net belongs to one thread (the engine's; the command line has its own); only
 * net_wakeup() may be called from another.
 *
 * A peer is an outside party with one credential: its origin, its rate bucket, its limits. A request names its peer and
 * must stay on the peer's origin, so that a token cannot go to another host (threat model S3). No redirects, no
 * Accept-Encoding, no proxy from the environment; https only, plain http just for a loopback origin. The address that a
 * name resolved to is judged when the socket opens: private ranges are refused unless the peer says allow_private.
 */
struct net;
struct net_peer;

/* Who goes first when the bucket runs low. */
enum net_class {
    NET_ACTION, /* approved actions and the reads that belong to them: may use the reserved share */
    NET_NEEDED, /* waits for a token */
    NET_OPTIONAL, /* left out (ERR_RETRY, sent = false) when fewer than a quarter of the tokens are there */
};

struct net_peer_opts {
    const char *name; /* "pagerduty"; for logs and metrics */
    const char
        *base_url;       /* "https://api.pagerduty.com": scheme, host, port, optional path prefix */
    unsigned per_minute; /* size of the bucket; 0 = unlimited */
    unsigned reserve_pct; /* share only NET_ACTION may use, e.g. 20 */
    bool allow_private;   /* loopback and private addresses may be connected to */
    bool reads_by_post;   /* asked by POST and changing nothing by it: a model. Never PagerDuty */
};

#define NET_HEADERS_MAX 12
struct net_header {
    const char *name;
    const char *value; /* no control characters: net_start refuses them */
};

/* Described by the rooms that know a protocol; plain pointers, copied by net_start. */
struct net_req {
    struct net_peer *peer;
    const char *method; /* "GET", "PUT", "POST" */
    const char *url;    /* complete */
    struct net_header headers[NET_HEADERS_MAX];
    size_t n_headers;
    const char *auth_header; /* NULL = Authorization; "x-api-key", "api-key" */
    const char *auth_prefix; /* "Token token=" or "Bearer ": sent as HEADER: PREFIX SECRET */
    const struct secret
        *auth; /* borrowed until net_start returns; NULL = no header with a credential */
    const void *body;
    size_t body_len;
    enum net_class cls;
    unsigned connect_ms;      /* 0 = 2 s */
    unsigned total_ms;        /* limit of the whole request; 0 = 5 s */
    unsigned start_within_ms; /* not begun by then: ERR_RETRY, nothing sent; 0 = 2 s */
    int64_t
        start_by_mono_ms; /* the same as a moment, for a promise that was made before net_start; 0 = none */
    size_t reply_cap_bytes; /* 0 = 1 MiB */
    /*
     * Asked in the last moment before the request leaves, on the owner's thread; NULL = nothing to ask. A reason: it does not
     * leave (ERR_RETRY, the reason in msg). A call may have waited seconds for the bucket or a connection by then.
     */
    const char *(*hold)(void *arg);
    void *hold_arg;
    bool
        write; /* changes the outside: only builders of the writing rooms set this. net_start refuses
                                 a method other than GET without it, and it with GET. */
    /*
     * A question that goes by POST. Only for a peer that was added as such a one; the answer is judged as that of a read, but the request
     * is never repeated, for asking twice may cost twice.
     */
    bool reads_by_post;
};

struct net_reply {
    int code;   /* 0: an HTTP answer came whole, see status. ERR_RETRY: nothing was sent.
                               ERR_UNSURE: (part of) the request went out, no whole answer. ERR_INPUT: answer over the cap (of
                               a read; a write says ERR_UNSURE then, for it may have been carried out).
                               ERR_DENIED: address or origin refused. */
    int status; /* HTTP status, 0 when none */
    bool
        unbegun; /* with ERR_RETRY: it never left our own queue (no token, a pause that the peer asked for, too many calls) */
    unsigned retry_after_s; /* Retry-After or ratelimit-reset of a 429/503/529; 0 = none given */
    int64_t date_ms;        /* the answer's Date header, to compare clocks; 0 = none given */
    const char *body;       /* NUL-terminated; NULL when none; lives until the callback returns */
    size_t body_len;
    int64_t took_ms;
    char msg[128]; /* why code is not 0: "connect timed out", for people */
};

/* Runs in net_poll, on the owner's thread. owner is what net_start was given. */
typedef void net_done_fn(void *arg, uint64_t owner, const struct net_reply *reply);

struct net_stats {
    uint64_t calls, failed, limited; /* limited: waited or was left out because of the bucket */
    unsigned in_flight, waiting;
    unsigned tokens_left; /* of the peer asked for; UINT_MAX = unlimited */
    uint64_t handshakes;  /* connections made, TLS and plain */
};

int net_new(struct net **out, struct err *e) MUST_CHECK;
void net_free(struct net *n); /* aborts calls in flight without callbacks */
/* What net_peer_add would say about the address, without a peer; for checking a configuration. */
int net_base_url_check(const char *name, const char *base_url, struct err *e) MUST_CHECK;
int net_peer_add(struct net *n, const struct net_peer_opts *o, struct net_peer **out, struct err *e)
    MUST_CHECK;
/* A peer that was added with equal options, NULL without one: a reload keeps what did not change. */
struct net_peer *net_peer_find(const struct net *n, const struct net_peer_opts *o);
const char *net_peer_base(const struct net_peer *p); /* base URL without a trailing slash */
/* At or above this many optional tokens? What is asked before optional calls are planned. */
bool net_peer_has_budget(const struct net_peer *p, unsigned calls);

/*
 * Begins a call or queues it for a token. Every accepted call gets exactly one callback (also time-outs); a refused one
 * (bad request, foreign origin) returns ERR_INPUT or ERR_DENIED and gets none.
 */
int net_start(struct net *n, const struct net_req *r, net_done_fn *fn, void *arg, uint64_t owner,
              struct err *e) MUST_CHECK;
/* The one place where the engine sleeps. Runs callbacks of what ended. timeout_ms may be 0. */
int net_poll(struct net *n, int timeout_ms, struct err *e) MUST_CHECK;
void net_wakeup(struct net *n); /* any thread */
/* p = NULL: all peers together, tokens_left 0. */
void net_stats(const struct net *n, const struct net_peer *p, struct net_stats *out);
unsigned net_in_flight(const struct net *n); /* begun or waiting */

#endif
