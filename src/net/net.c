#include "net/net.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/net_priv.h"

#define CA_BUNDLE        "/etc/ssl/certs/ca-certificates.crt"
#define KEPT_CONNECTIONS 64

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

void net_queue_init(struct net_queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
}

void net_queue_add(struct net_queue *q, struct net_call *c)
{
    c->next = NULL;
    *q->tail = c;
    q->tail = &c->next;
}

/* Takes the call that *link points at out of its queue. */
static struct net_call *queue_cut(struct net_queue *q, struct net_call **link)
{
    struct net_call *c = *link;

    *link = c->next;
    if (q->tail == &c->next)
        q->tail = link;
    c->next = NULL;
    return c;
}

/* SSL_CERT_FILE is where an installation with an authority of its own names it, as for most programs. */
static char *find_ca_file(void)
{
    const char *own = getenv("SSL_CERT_FILE");

    if (own && own[0])
        return mem_strdup(own);
    return access(CA_BUNDLE, R_OK) == 0 ? mem_strdup(CA_BUNDLE) : NULL;
}

int net_new(struct net **out, struct err *e)
{
    struct net *n;
    CURLM *multi;

    (void)pthread_once(&curl_once, start_curl);
    multi = curl_multi_init();
    if (!multi)
        return err_set(e, ERR_INTERNAL,
                       "libcurl cannot start: no memory or no file descriptors left");
    n = mem_alloc(sizeof *n);
    n->multi = multi;
    n->ca_file = find_ca_file();
    net_queue_init(&n->ended);
    atomic_init(&n->woken, false);
    CHECK(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS) == CURLM_OK);
    CHECK(curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK);
    *out = n;
    return 0;
}

static void drop_queue(struct net_queue *q)
{
    while (q->head)
        net_call_free(queue_cut(q, &q->head));
}

void net_free(struct net *n)
{
    if (!n)
        return;
    CHECK(!n->polling);
    while (n->n_running > 0) {
        struct net_call *c = n->running[0];
        net_call_detach(n, c);
        net_call_free(c);
    }
    drop_queue(&n->ended);
    while (n->peers) {
        struct net_peer *p = n->peers;
        n->peers = p->next;
        for (size_t i = 0; i < NET_CLASSES; i++)
            drop_queue(&p->waiting[i]);
        while (p->n_idle > 0)
            curl_easy_cleanup(p->idle[--p->n_idle]);
        mem_freep(&p->name);
        mem_freep(&p->base_text);
        mem_freep(&p);
    }
    (void)curl_multi_cleanup(n->multi);
    mem_freep(&n->ca_file);
    mem_freep(&n);
}

int net_start(struct net *n, const struct net_req *r, net_done_fn *fn, void *arg, uint64_t owner,
              struct err *e)
{
    struct net_call *c;

    CHECK(r->peer && r->peer->net == n && fn);
    if (net_call_new(r, &c, e) < 0)
        return e->code;
    c->fn = fn;
    c->arg = arg;
    c->owner = owner;
    r->peer->calls++;
    r->peer->n_waiting++;
    net_queue_add(&r->peer->waiting[c->cls], c);
    return 0;
}

/* Moves a waiting call to those whose callback runs next, nothing sent. */
static void end_unbegun(struct net *n, struct net_peer *p, struct net_call **link, const char *why)
{
    struct net_call *c = queue_cut(&p->waiting[(*link)->cls], link);

    c->ended = why;
    p->n_waiting--;
    p->failed++;
    n->n_ended++;
    net_queue_add(&n->ended, c);
}

static void count_limited(struct net_peer *p, struct net_call *c)
{
    p->limited += !c->was_limited;
    c->was_limited = true;
}

/*
 * Begins what may begin of one queue, first come first served; a call whose endpoint has a short bucket of its own is
 * passed by. Calls past their time end here, right before they would start, and also when they cannot start.
 */
static void serve_queue(struct net *n, struct net_peer *p, enum net_class cls, int64_t now)
{
    struct net_queue *q = &p->waiting[cls];
    struct net_call **link = &q->head;
    bool stopped = false;

    while (*link) {
        struct net_call *c = *link;
        enum net_verdict v;
        if (now >= c->start_by_mono_ms) {
            end_unbegun(n, p, link,
                        c->was_limited ? "not begun in time: rate budget is short"
                                       : "not begun in time: too many calls at once");
            continue;
        }
        stopped = stopped || n->n_running >= NET_RUNNING_MAX;
        v = stopped ? NET_WAIT_ENDPOINT : net_bucket_take(&p->bucket, cls, c->endpoint, now);
        if (v == NET_GO || v == NET_GO_PROBE) {
            c->probe = v == NET_GO_PROBE;
            p->n_waiting--;
            net_call_begin(n, queue_cut(q, link), now);
        } else if (v == NET_LEAVE_OUT) {
            count_limited(p, c);
            end_unbegun(n, p, link, "left out: rate budget is short");
        } else {
            if (n->n_running < NET_RUNNING_MAX)
                count_limited(p, c);
            stopped = stopped || v == NET_WAIT;
            link = &c->next;
        }
    }
}

static void dispatch(struct net *n, int64_t now)
{
    for (unsigned cls = NET_ACTION; cls <= NET_OPTIONAL; cls++) {
        for (struct net_peer *p = n->peers; p; p = p->next)
            serve_queue(n, p, (enum net_class)cls, now);
    }
}

/* When waiting calls need us again: a token may be there, or the time of one is over. */
static int64_t next_deadline(const struct net *n, int64_t now)
{
    int64_t next = INT64_MAX;

    for (const struct net_peer *p = n->peers; p; p = p->next) {
        for (unsigned cls = 0; cls < NET_CLASSES; cls++) {
            const struct net_call *c = p->waiting[cls].head;
            int64_t at = INT64_MAX;
            if (c && n->n_running < NET_RUNNING_MAX)
                at = now + net_bucket_wait_ms(&p->bucket, (enum net_class)cls, now);
            for (; c; c = c->next)
                at = c->start_by_mono_ms < at ? c->start_by_mono_ms : at;
            next = at < next ? at : next;
        }
    }
    return next;
}

static void call_back(struct net_call *c, const struct net_reply *reply)
{
    c->fn(c->arg, c->owner, reply);
    net_call_free(c);
}

/* Runs the callbacks of all that ended; returns how many. They may call net_start, which only queues. */
static unsigned reap(struct net *n)
{
    unsigned ran = 0;
    int left;
    CURLMsg *m;

    while (n->ended.head) {
        struct net_call *c = queue_cut(&n->ended, &n->ended.head);
        struct net_reply reply = {.code = ERR_RETRY, .unbegun = true};
        (void)snprintf(reply.msg, sizeof reply.msg, "%s", c->ended);
        n->n_ended--;
        call_back(c, &reply);
        ran++;
    }
    while ((m = curl_multi_info_read(n->multi, &left))) {
        struct net_call *c = NULL;
        struct net_reply reply;
        if (m->msg != CURLMSG_DONE)
            continue;
        CHECK(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c) == CURLE_OK && c);
        net_call_finish(c, m->data.result, clock_mono_ms(), &reply);
        net_call_detach(n, c);
        call_back(c, &reply);
        ran++;
    }
    return ran;
}

static int poll_rounds(struct net *n, int timeout_ms, struct err *e)
{
    int64_t now = clock_mono_ms(), end = now + timeout_ms, wait;
    int busy;
    CURLMcode rc;

    for (;;) {
        dispatch(n, now);
        rc = curl_multi_perform(n->multi, &busy);
        if (rc != CURLM_OK)
            return err_set(e, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
        /* What ended is work for the caller, so we do not sleep on it. */
        if (reap(n) > 0)
            return 0;
        now = clock_mono_ms();
        if (now >= end)
            return 0;
        wait = next_deadline(n, now);
        wait = wait < end ? wait - now : end - now;
        n->sleeps++;
        rc = curl_multi_poll(n->multi, NULL, 0, wait > 0 ? (int)wait : 0, NULL);
        if (rc != CURLM_OK)
            return err_set(e, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
        now = clock_mono_ms();
        /* Woken: what is there is still taken along, but we do not sleep again. */
        if (atomic_exchange(&n->woken, false))
            end = now;
    }
}

int net_poll(struct net *n, int timeout_ms, struct err *e)
{
    int rc;

    CHECK(timeout_ms >= 0 && !n->polling);
    n->polling = true;
    rc = poll_rounds(n, timeout_ms, e);
    n->polling = false;
    return rc;
}

void net_wakeup(struct net *n)
{
    /* The flag first: whoever sees the wake-up must find it set. */
    atomic_store(&n->woken, true);
    (void)curl_multi_wakeup(n->multi);
}

unsigned net_in_flight(const struct net *n)
{
    unsigned total = (unsigned)n->n_running + n->n_ended;

    for (const struct net_peer *p = n->peers; p; p = p->next)
        total += p->n_waiting;
    return total;
}
