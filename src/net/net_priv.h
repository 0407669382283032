#ifndef TRIAGED_NET_NET_PRIV_H
#define TRIAGED_NET_NET_PRIV_H

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"
#include "net/net_bucket.h"
#include "net/net_origin.h"
#include "net/net_reply.h"

#define NET_RUNNING_MAX 64 /* calls on the wire at once; the rest wait */
#define NET_CLASSES     3

/* Waits, runs, ends. Everything the caller gave is copied behind the struct in one piece, wiped when freed. */
struct net_call {
    struct net_call *next; /* in a queue */
    struct net_peer *peer;
    net_done_fn *fn;
    void *arg;
    uint64_t owner;

    enum net_class cls;
    bool write;
    bool once; /* a write, or a question by POST: has a body's method and is never repeated */
    uint32_t endpoint;
    unsigned connect_ms, total_ms, start_within_ms;
    size_t reply_cap_bytes;
    const char *url;
    const char *method;
    const void *body;
    size_t body_len;
    struct curl_slist lines[NET_HEADERS_MAX + 4];
    size_t n_lines;

    int64_t start_by_mono_ms;
    bool was_limited;  /* already counted in net_stats.limited */
    const char *ended; /* ended before it began: why */

    const char *(*hold)(void *arg);
    void *hold_arg;
    const char *held; /* what it said */

    size_t slot; /* in net->running */
    CURL *easy;
    bool probe;
    bool opened;         /* a socket to an address that we allow was opened */
    const char *refused; /* class of the address we refused; NULL = none */
    unsigned
        sent; /* how often libcurl was about to send the request; 0 = not a byte of it has left */
    int64_t begun_mono_ms;
    struct net_answer answer;

    size_t text_len;
    char text[];
};

struct net_queue {
    struct net_call *head, **tail;
};

struct net_peer {
    struct net_peer *next;
    struct net *net;
    char *name;
    char *base_text; /* base points into it */
    struct net_url base;
    bool allow_private, reads_by_post;
    struct net_bucket bucket;
    struct net_queue waiting[NET_CLASSES];
    unsigned n_waiting, n_running;
    CURL *idle[NET_RUNNING_MAX]; /* handles kept for the next call to this peer only */
    size_t n_idle;
    uint64_t calls, failed, limited, handshakes;
};

struct net {
    CURLM *multi;
    char *ca_file; /* NULL = libcurl's default */
    struct net_peer *peers;
    struct net_call *running[NET_RUNNING_MAX];
    size_t n_running;
    struct net_queue ended; /* never begun; their callbacks run in the next net_poll */
    unsigned n_ended;
    bool polling;
    atomic_bool woken;
    uint64_t sleeps; /* times that net_poll went to sleep; for tests */
};

void net_queue_init(struct net_queue *q);
void net_queue_add(struct net_queue *q, struct net_call *c);

/* net_req.c */
int net_call_new(const struct net_req *r, struct net_call **out, struct err *e) MUST_CHECK;
void net_call_free(struct net_call *c);

/* net_call.c: one call on the wire. Begin hands it to libcurl; finish frees nothing but the handle's ties. */
void net_call_begin(struct net *n, struct net_call *c, int64_t now_mono_ms);
void net_call_finish(struct net_call *c, CURLcode result, int64_t now_mono_ms,
                     struct net_reply *reply);
void net_call_detach(struct net *n, struct net_call *c);

#endif
