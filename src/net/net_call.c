#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "net/net_addr.h"
#include "net/net_priv.h"

#define CONNECTION_AGE_S \
    50 /* idle connections older than this are not used again: load balancers drop at 60 */

/* Setting an option fails only without memory or with a libcurl that lacks it: both are no state to go on in. */
#define SET(easy, option, value) CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK)

/* Every address that is about to be connected to passes here, whatever spelling or name led to it. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct net_call *c = arg;
    const char *why = c->peer->allow_private ? NULL : net_addr_refused(&a->addr, a->addrlen);

    (void)purpose;
    if (why && !defence_off("net_address")) {
        c->refused = why;
        return CURL_SOCKET_BAD;
    }
    c->opened = true;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/*
 * The last moment before a request leaves, on new and on kept connections, and again when libcurl itself repeats one
 * whose kept connection had died. So c->sent == 0 afterwards proves that the peer saw nothing of it.
 */
static int on_before_send(void *arg, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    struct net_call *c = arg;
    const char *why = c->peer->allow_private ? NULL : net_addr_refused_text(peer_ip);

    (void)own_ip;
    (void)peer_port;
    (void)own_port;
    if (why && !defence_off("net_address")) {
        c->refused = why; /* a connection that another peer, with other rights, left in the cache */
        c->opened = false;
        return CURL_PREREQFUNC_ABORT;
    }
    if (c->once && c->sent > 0 && !defence_off("net_resend"))
        return CURL_PREREQFUNC_ABORT;
    /* The process may have been stopped since the call began; its time, and a caller's lease, are over then. */
    if (clock_mono_ms() - c->begun_mono_ms >= c->total_ms)
        return CURL_PREREQFUNC_ABORT;
    c->held = c->hold ? c->hold(c->hold_arg) : NULL;
    if (c->held)
        return CURL_PREREQFUNC_ABORT;
    c->sent++;
    FAULT_POINT("net.sending");
    return CURL_PREREQFUNC_OK;
}

/* What holds for every call of a peer; set once per handle. */
static CURL *new_easy(const struct net *n, const struct net_peer *p)
{
    CURL *h = curl_easy_init();

    CHECK(h);
    SET(h, CURLOPT_PROTOCOLS_STR, p->base.https ? "https" : "http");
    SET(h, CURLOPT_FOLLOWLOCATION, 0L);
    SET(h, CURLOPT_UNRESTRICTED_AUTH, 0L);
    SET(h, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(h, CURLOPT_PATH_AS_IS, 1L); /* what was judged is what is sent */
    SET(h, CURLOPT_PROXY, "");      /* also keeps libcurl from reading http_proxy and friends */
    SET(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(h, CURLOPT_HTTP09_ALLOWED, 0L);
    SET(h, CURLOPT_ACCEPT_ENCODING, NULL);
    SET(h, CURLOPT_USERAGENT, "triaged/" TRIAGED_VERSION);
    SET(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(h, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(h, CURLOPT_SSL_VERIFYHOST, 2L);
    if (n->ca_file) {
        /* Only with a file and no folder does libcurl keep the parsed bundle (20 ms a connection otherwise). */
        SET(h, CURLOPT_CAINFO, n->ca_file);
        SET(h, CURLOPT_CAPATH, NULL);
    }
    SET(h, CURLOPT_NOSIGNAL, 1L);
    SET(h, CURLOPT_QUICK_EXIT,
        1L); /* never wait for a name server that hangs: the engine would stand still */
    SET(h, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(h, CURLOPT_MAXAGE_CONN, (long)CONNECTION_AGE_S);
    SET(h, CURLOPT_FORBID_REUSE, 0L);
    SET(h, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(h, CURLOPT_PREREQFUNCTION, on_before_send);
    SET(h, CURLOPT_HEADERFUNCTION, net_answer_head);
    SET(h, CURLOPT_WRITEFUNCTION, net_answer_body);
    return h;
}

static void set_method(const struct net_call *c)
{
    if (!c->once) {
        SET(c->easy, CURLOPT_HTTPGET, 1L);
        SET(c->easy, CURLOPT_CUSTOMREQUEST, NULL);
        return;
    }
    SET(c->easy, CURLOPT_POST, 1L);
    SET(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body_len);
    SET(c->easy, CURLOPT_POSTFIELDS, c->body); /* not copied; lives as long as the call */
    SET(c->easy, CURLOPT_CUSTOMREQUEST, c->method);
}

void net_call_begin(struct net *n, struct net_call *c, int64_t now_mono_ms)
{
    struct net_peer *p = c->peer;
    CURL *h = p->n_idle > 0 ? p->idle[--p->n_idle] : new_easy(n, p);

    CHECK(n->n_running < NET_RUNNING_MAX);
    c->easy = h;
    c->begun_mono_ms = now_mono_ms;
    SET(h, CURLOPT_PRIVATE, c);
    SET(h, CURLOPT_OPENSOCKETDATA, c);
    SET(h, CURLOPT_PREREQDATA, c);
    SET(h, CURLOPT_HEADERDATA, &c->answer);
    SET(h, CURLOPT_WRITEDATA, &c->answer);
    SET(h, CURLOPT_URL, c->url);
    SET(h, CURLOPT_HTTPHEADER, c->lines);
    SET(h, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_ms);
    SET(h, CURLOPT_TIMEOUT_MS, (long)c->total_ms);
    SET(h, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)c->reply_cap_bytes);
    /*
     * A write, or a question by POST, gets a new connection. On a kept one the server may close at the moment we send, and then libcurl repeats
     * the request by itself, although the server may have carried it out: two effects for one approval. On a new
     * connection it never does. The connection stays for later reads.
     */
    SET(h, CURLOPT_FRESH_CONNECT, c->once && !defence_off("net_resend") ? 1L : 0L);
    set_method(c);
    c->slot = n->n_running;
    n->running[n->n_running++] = c;
    p->n_running++;
    CHECK(curl_multi_add_handle(n->multi, h) == CURLM_OK);
}

void net_call_detach(struct net *n, struct net_call *c)
{
    struct net_peer *p = c->peer;
    struct net_call *last = n->running[--n->n_running];
    long connections = 0;

    if (curl_easy_getinfo(c->easy, CURLINFO_NUM_CONNECTS, &connections) == CURLE_OK &&
        connections > 0)
        p->handshakes += (uint64_t)connections;
    CHECK(curl_multi_remove_handle(n->multi, c->easy) == CURLM_OK);
    n->running[c->slot] = last;
    last->slot = c->slot;
    p->n_running--;
    /* Nothing of this call may be reachable through a handle that waits for the next one. */
    SET(c->easy, CURLOPT_HTTPHEADER, NULL);
    SET(c->easy, CURLOPT_POSTFIELDS, NULL);
    SET(c->easy, CURLOPT_PRIVATE, NULL);
    p->idle[p->n_idle++] = TAKE(c->easy);
}

/* Why a call failed of which nothing had left yet. */
static const char *unsent_reason(CURLcode result)
{
    /* -Wswitch-enum would want all of libcurl's hundred codes here. */
    if (result == CURLE_COULDNT_RESOLVE_HOST)
        return "host name not found";
    if (result == CURLE_COULDNT_CONNECT)
        return "connection refused or no route";
    if (result == CURLE_OPERATION_TIMEDOUT)
        return "connect timed out";
    if (result == CURLE_SSL_CONNECT_ERROR)
        return "TLS handshake failed";
    if (result == CURLE_PEER_FAILED_VERIFICATION)
        return "TLS certificate not accepted";
    if (result == CURLE_ABORTED_BY_CALLBACK)
        return "its time was over before it could be sent";
    return curl_easy_strerror(result);
}

static const char *sent_reason(const struct net_call *c, CURLcode result)
{
    if (result == CURLE_OPERATION_TIMEDOUT)
        return c->answer.head_bytes > 0 ? "timed out within the answer"
                                        : "timed out waiting for the answer";
    if (result == CURLE_GOT_NOTHING)
        return "connection closed without an answer";
    if (result == CURLE_PARTIAL_FILE || result == CURLE_OK)
        return "connection closed within the answer";
    if (result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR)
        return "connection broke";
    return curl_easy_strerror(result);
}

static void judge(const struct net_call *c, CURLcode result, struct net_reply *r)
{
    bool over = c->answer.over || result == CURLE_FILESIZE_EXCEEDED;

    /*
     * "No error" is not enough: when the connection closes within the headers, libcurl is content with the status line.
     * Nor is an interim status an answer.
     */
    if (result == CURLE_OK && c->answer.head_whole && r->status >= 200)
        return;
    if (over) {
        /* A write was carried out or not, whatever the size of the answer: only reading back can tell. */
        r->code = c->write ? ERR_UNSURE : ERR_INPUT;
        (void)snprintf(r->msg, sizeof r->msg, "answer is over %zu bytes", c->reply_cap_bytes);
    } else if (c->sent > 0) {
        r->code = ERR_UNSURE;
        (void)snprintf(r->msg, sizeof r->msg, "%s", sent_reason(c, result));
    } else if (c->refused && !c->opened) {
        r->code = ERR_DENIED;
        (void)snprintf(r->msg, sizeof r->msg, "%s resolves to a %s address, which is not allowed",
                       c->peer->name, c->refused);
    } else {
        r->code = ERR_RETRY;
        (void)snprintf(r->msg, sizeof r->msg, "%s", c->held ? c->held : unsent_reason(result));
    }
}

static unsigned wait_told(const struct net_rate *said, int status)
{
    int64_t s = said->retry_after_s >= 0 ? said->retry_after_s : said->reset_s;

    return (status == 429 || status == 503 || status == 529) && s > 0 ? (unsigned)s : 0;
}

void net_call_finish(struct net_call *c, CURLcode result, int64_t now_mono_ms,
                     struct net_reply *reply)
{
    struct net_peer *p = c->peer;
    struct net_reply r = {.took_ms = now_mono_ms - c->begun_mono_ms};
    struct net_outcome o = {.sent = c->sent > 0, .probe = c->probe, .said = c->answer.said};
    long status = 0;

    if (curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
        c->answer.head_whole)
        r.status = (int)status;
    judge(c, result, &r);
    r.retry_after_s = wait_told(&c->answer.said, r.status);
    r.date_ms = c->answer.date_ms;
    if (r.code == 0 && c->answer.body.len > 0) {
        r.body = buf_str(&c->answer.body);
        r.body_len = c->answer.body.len;
    }
    o.limited = r.status == 429;
    net_bucket_ended(&p->bucket, c->endpoint, &o, now_mono_ms);
    p->failed += r.code != 0;
    FAULT_POINT("net.answered");
    LOG(DEBUG, "net.ended", log_s("peer", p->name), log_s("method", c->method),
        log_i("code", r.code), log_i("status", r.status), log_i("took_ms", r.took_ms),
        log_s("reason", r.msg));
    *reply = r;
}
