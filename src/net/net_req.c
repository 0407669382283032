#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/net_priv.h"

#define CONNECT_DEFAULT_MS  2000
#define TOTAL_DEFAULT_MS    5000
#define START_DEFAULT_MS    2000
#define REPLY_DEFAULT_BYTES ((size_t)1024 * 1024)

static bool is_token(const char *s)
{
    size_t n =
        strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return n > 0 && s[n] == '\0';
}

static bool has_control(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return true;
    }
    return false;
}

/* Headers that frame the message or route it are ours and libcurl's; a second one is how requests get smuggled. */
static bool is_ours(const char *name)
{
    static const char *const OURS[] = {"host",    "content-length",   "transfer-encoding",
                                       "expect",  "connection",       "accept-encoding",
                                       "te",      "trailer",          "proxy-authorization",
                                       "upgrade", "proxy-connection", "keep-alive"};

    for (size_t i = 0; i < ARRAY_LEN(OURS); i++) {
        if (strcasecmp(name, OURS[i]) == 0)
            return true;
    }
    return false;
}

static const char *auth_header(const struct net_req *r)
{
    return r->auth_header ? r->auth_header : "Authorization";
}

static int check_headers(const struct net_req *r, struct err *e)
{
    if (r->n_headers > NET_HEADERS_MAX)
        return err_set(e, ERR_INPUT, "%zu headers, at most %d are possible", r->n_headers,
                       NET_HEADERS_MAX);
    for (size_t i = 0; i < r->n_headers; i++) {
        const struct net_header *h = &r->headers[i];
        if (!h->name || !h->value || !is_token(h->name))
            return err_set(e, ERR_INPUT, "header %zu has no proper name or no value", i + 1);
        if (has_control(h->value, strlen(h->value)))
            return err_set(e, ERR_INPUT, "header %s has a control character in its value", h->name);
        if (is_ours(h->name) || (r->auth && strcasecmp(h->name, auth_header(r)) == 0))
            return err_set(e, ERR_INPUT, "header %s cannot be set by the caller", h->name);
    }
    return 0;
}

static const char *known_method(const char *method)
{
    static const char *const METHODS[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};

    for (size_t i = 0; method && i < ARRAY_LEN(METHODS); i++) {
        if (text_eq(method, METHODS[i]))
            return METHODS[i];
    }
    return NULL;
}

/* The peer decides whether a POST can be a question; else a write to PagerDuty could call itself one. */
static int check_question(const struct net_req *r, struct err *e)
{
    if (r->write || !text_eq(r->method, "POST"))
        return err_set(e, ERR_INPUT, "a question by POST is no write and no %s", r->method);
    if (!r->peer->reads_by_post)
        return err_set(e, ERR_DENIED, "%s was not added as a peer that is read by POST",
                       r->peer->name);
    return 0;
}

static int check_method(const struct net_req *r, struct err *e)
{
    if (!known_method(r->method))
        return err_set(e, ERR_INPUT, "method is none of GET, POST, PUT, DELETE, PATCH");
    if (r->reads_by_post)
        return check_question(r, e);
    if (text_eq(r->method, "GET") == r->write)
        return err_set(e, ERR_INPUT,
                       r->write ? "a GET cannot be a write" : "%s must be declared a write",
                       r->method);
    if (!r->write && r->body_len > 0)
        return err_set(e, ERR_INPUT, "a GET has no body");
    return 0;
}

static int check_auth(const struct net_req *r, struct err *e)
{
    const char *secret;
    size_t len;

    if (!r->auth)
        return 0;
    if (!is_token(auth_header(r)) || is_ours(auth_header(r)))
        return err_set(e, ERR_INPUT, "the credential of %s cannot go in that header",
                       r->peer->name);
    secret = secret_bytes(r->auth, &len);
    if (len == 0 || has_control(secret, len) ||
        (r->auth_prefix && has_control(r->auth_prefix, strlen(r->auth_prefix))))
        return err_set(e, ERR_INPUT,
                       "the credential of %s is empty or has a control character; check its file",
                       r->peer->name);
    return 0;
}

static int check(const struct net_req *r, struct net_url *url, struct err *e)
{
    CHECK(r->peer && r->url && (r->body || r->body_len == 0));
    if (check_method(r, e) < 0 || check_headers(r, e) < 0 || check_auth(r, e) < 0)
        return e->code;
    if (net_url_parse(r->url, url, e) < 0 || net_url_below(&r->peer->base, url, e) < 0)
        return err_wrap(e, "%s", r->peer->name);
    return 0;
}

static size_t text_size(const struct net_req *r)
{
    size_t n = strlen(r->url) + 1 + r->body_len + 1, len;

    for (size_t i = 0; i < r->n_headers; i++)
        n += strlen(r->headers[i].name) + strlen(r->headers[i].value) + sizeof ": ";
    if (r->auth) {
        (void)secret_bytes(r->auth, &len);
        n += strlen(auth_header(r)) + sizeof ": " + (r->auth_prefix ? strlen(r->auth_prefix) : 0) +
             len;
    }
    return n;
}

static char *put(char **at, const char *p, size_t len)
{
    char *start = *at;

    if (len > 0)
        memcpy(start, p, len);
    *at += len;
    return start;
}

static char *put_str(char **at, const char *s)
{
    return put(at, s, strlen(s));
}

static void add_line(struct net_call *c, char *line)
{
    struct curl_slist *l = &c->lines[c->n_lines];

    CHECK(c->n_lines < ARRAY_LEN(c->lines));
    l->data = line;
    if (c->n_lines++ > 0)
        c->lines[c->n_lines - 2].next = l;
}

static void put_headers(struct net_call *c, const struct net_req *r, char **at)
{
    /* "Name:" without a value keeps libcurl from adding its own: we never wait for 100, nor send a form. */
    static char no_expect[] = "Expect:", no_type[] = "Content-Type:";
    bool typed = false;
    size_t len;

    for (size_t i = 0; i < r->n_headers; i++) {
        const struct net_header *h = &r->headers[i];
        char *line = put_str(at, h->name);
        /* A header with an empty value is spelt with a semicolon in libcurl's list. */
        put_str(at, h->value[0] ? ": " : ";");
        put(at, h->value, strlen(h->value) + 1);
        add_line(c, line);
        typed = typed || strcasecmp(h->name, "content-type") == 0;
    }
    if (r->auth) {
        const char *secret = secret_bytes(r->auth, &len);
        char *line = put_str(at, auth_header(r));
        put_str(at, ": ");
        put_str(at, r->auth_prefix ? r->auth_prefix : "");
        put(at, secret, len);
        put(at, "", 1);
        add_line(c, line);
    }
    add_line(c, no_expect);
    if (!typed)
        add_line(c, no_type);
}

int net_call_new(const struct net_req *r, struct net_call **out, struct err *e)
{
    struct net_url url;
    struct net_call *c;
    size_t len;
    char *at;

    if (check(r, &url, e) < 0)
        return e->code;
    len = text_size(r);
    c = mem_alloc(sizeof *c + len);
    c->text_len = len;
    c->peer = r->peer;
    c->cls = r->cls;
    c->write = r->write;
    c->once = r->write || r->reads_by_post;
    c->method = known_method(r->method);
    c->endpoint = net_url_endpoint(&r->peer->base, &url, c->method);
    c->connect_ms = r->connect_ms ? r->connect_ms : CONNECT_DEFAULT_MS;
    c->total_ms = r->total_ms ? r->total_ms : TOTAL_DEFAULT_MS;
    c->start_within_ms = r->start_within_ms ? r->start_within_ms : START_DEFAULT_MS;
    c->start_by_mono_ms = clock_mono_ms() + c->start_within_ms;
    if (r->start_by_mono_ms && r->start_by_mono_ms < c->start_by_mono_ms)
        c->start_by_mono_ms = r->start_by_mono_ms;
    c->hold = r->hold;
    c->hold_arg = r->hold_arg;
    c->reply_cap_bytes = r->reply_cap_bytes ? r->reply_cap_bytes : REPLY_DEFAULT_BYTES;
    at = c->text;
    c->url = put(&at, r->url, strlen(r->url) + 1);
    put_headers(c, r, &at);
    c->body_len = r->body_len;
    c->body = put(&at, r->body ? r->body : "", r->body_len);
    CHECK(at < c->text + len);
    net_answer_init(&c->answer, c->reply_cap_bytes);
    *out = c;
    return 0;
}

void net_call_free(struct net_call *c)
{
    if (!c)
        return;
    net_answer_done(&c->answer);
    /* The credential stands in there. libcurl's own copy of the request is out of our reach. */
    explicit_bzero(c->text, c->text_len);
    mem_freep(&c);
}
