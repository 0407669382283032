/* A loaded set at work: which rows fit, what they ask, what the answer says. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sources/sources_priv.h"

const char *sources_hash(const struct sources *s)
{
    return s->hash;
}

size_t sources_count(const struct sources *s)
{
    return s->n_rows;
}

const char *sources_name(const struct sources *s, size_t i)
{
    return i < s->n_rows ? s->rows[i].name : NULL;
}

const char *sources_title(const struct sources *s, size_t i)
{
    return i < s->n_rows ? s->rows[i].title : NULL;
}

json_t *sources_json(const struct sources *s)
{
    return json_deep_copy(s->shown);
}

/* ---- peers ---- */

int sources_connect(struct sources *s, struct net *n, struct err *e)
{
    for (size_t i = 0; i < s->n_hosts; i++) {
        struct src_host *h = &s->hosts[i];
        const struct net_peer_opts o = {.name = h->peer_name,
                                        .base_url = h->base_url,
                                        .per_minute = h->per_minute,
                                        .allow_private = h->allow_private};

        h->peer = net_peer_find(n, &o);
        if (!h->peer && net_peer_add(n, &o, &h->peer, e) < 0)
            return e->code;
    }
    return 0;
}

/* ---- which ---- */

size_t sources_pick(const struct sources *s, json_t *facts, int64_t now_wall_ms,
                    size_t out[SOURCES_PER_INCIDENT])
{
    const struct cond_env env = {
        .facts = facts, .now_wall_ms = now_wall_ms, .utf8_checked = cond_facts_valid(facts)};
    size_t n = 0;

    for (size_t i = 0; i < s->n_rows && n < SOURCES_PER_INCIDENT; i++)
        if (!s->rows[i].when || cond_match(s->rows[i].when, &env, NULL))
            out[n++] = i;
    return n;
}

/* ---- the request ---- */

static struct src_window window_of(const struct src_row *r, int64_t incident_ms,
                                   int64_t now_wall_ms)
{
    int64_t at = incident_ms > 0 ? incident_ms : now_wall_ms;
    int64_t until = at + r->after_ms;

    if (until > now_wall_ms)
        until = now_wall_ms;
    if (until < at) /* two clocks */
        until = at;
    return (struct src_window){.from_ms = at > r->before_ms ? at - r->before_ms : 0,
                               .until_ms = until,
                               .step_ms = r->step_ms};
}

static void auth_put(const struct src_host *h, struct net_req *r)
{
    if (!h->secret)
        return;
    r->auth = h->secret;
    if (h->auth == SRC_AUTH_HEADER)
        r->auth_header = h->header;
    else
        r->auth_prefix = h->auth == SRC_AUTH_BASIC ? "Basic " : "Bearer ";
}

static void limits_put(struct net_req *r)
{
    r->method = "GET";
    r->cls = NET_OPTIONAL;
    r->connect_ms = SOURCE_CONNECT_MS;
    r->total_ms = SOURCE_CALL_MS;
    r->start_within_ms = SOURCE_TIMEOUT_MS - SOURCE_CALL_MS;
    r->reply_cap_bytes = SOURCE_REPLY_MAX_BYTES;
}

int sources_request(const struct sources *s, size_t i, struct arena *a, json_t *facts,
                    int64_t incident_ms, int64_t now_wall_ms, struct net_req *out, int64_t *from_ms,
                    int64_t *until_ms, struct err *e)
{
    AUTO(buf_done) struct buf url = {0};
    const struct src_row *r = &s->rows[i];
    const struct src_host *h = &s->hosts[r->host];
    const struct src_fill f = {.facts = facts, .w = window_of(r, incident_ms, now_wall_ms)};
    struct net_req req = {.peer = h->peer};

    buf_init(&url, NET_URL_MAX);
    if (src_row_url(h, r, &f, &url, e) < 0)
        return e->code;
    req.url = arena_strndup(a, buf_str(&url), url.len);
    for (size_t k = 0; k < r->n_headers; k++)
        req.headers[req.n_headers++] = (struct net_header){r->headers[k].name, r->headers[k].value};
    auth_put(h, &req);
    limits_put(&req);
    *out = req;
    *from_ms = f.w.from_ms;
    *until_ms = f.w.until_ms;
    return 0;
}

const char *sources_link(const struct sources *s, size_t i, struct arena *a, json_t *facts,
                         int64_t incident_ms, int64_t now_wall_ms)
{
    AUTO(buf_done) struct buf url = {0};
    const struct src_row *r = &s->rows[i];
    const struct src_fill f = {.facts = facts, .w = window_of(r, incident_ms, now_wall_ms)};
    struct net_url u;
    struct err none = {0};

    buf_init(&url, NET_URL_MAX);
    if (r->link.n == 0 || src_fill(&r->link, &f, false, &url, &none) < 0 ||
        net_url_parse(buf_str(&url), &u, &none) < 0)
        return NULL;
    return arena_strndup(a, buf_str(&url), url.len);
}

/* ---- the answer ---- */

#define ECHO_MIN 6 /* a shorter secret stands in too many texts by chance */

static bool holds(const char *text, size_t len, const struct secret *secret)
{
    size_t n = 0;
    const char *bytes = secret ? secret_bytes(secret, &n) : NULL;

    return n >= ECHO_MIN && memmem(text, len, bytes, n) != NULL;
}

/* A page that shows the request back (an error page, an echo service) must not carry our credential to people and models. */
static bool echoes(const struct src_host *h, const char *body, size_t len, const json_t *lines)
{
    size_t i;
    json_t *x;

    json_array_foreach (lines, i, x)
        if (holds(json_string_value(x), json_string_length(x), h->secret))
            return true;
    return holds(body, len, h->secret);
}

int sources_extract(const struct sources *s, size_t i, const char *body, size_t len, json_t **lines,
                    struct err *e)
{
    const struct src_extract *x = &s->rows[i].extract;
    AUTO(json_freep) json_t *list = json_array();

    if (len > SOURCE_REPLY_MAX_BYTES)
        return err_set(e, ERR_INPUT, "the answer is over %zu bytes", SOURCE_REPLY_MAX_BYTES);
    if ((x->is_json ? src_extract_json(x, body, len, list, e)
                    : src_extract_pcre2(x, body, len, list, e)) < 0)
        return e->code;
    if (echoes(&s->hosts[s->rows[i].host], body, len, list))
        return err_set(e, ERR_INPUT,
                       "it repeats the credential of its host, so nothing of it is kept");
    *lines = TAKE(list);
    return 0;
}

/* ---- hosts, for the command line ---- */

size_t sources_hosts(const struct sources *s)
{
    return s->n_hosts;
}

const char *sources_host_name(const struct sources *s, size_t i)
{
    return i < s->n_hosts ? s->hosts[i].name : NULL;
}

const char *sources_host_base(const struct sources *s, size_t i)
{
    return i < s->n_hosts ? s->hosts[i].base_url : NULL;
}

int sources_host_request(const struct sources *s, size_t i, struct arena *a, struct net_req *out,
                         struct err *e)
{
    const struct src_host *h = &s->hosts[i];
    struct net_req req = {.peer = h->peer,
                          .url = arena_printf(a, "%s%s", h->base_url, h->probe ? h->probe : "/")};

    if (src_url_stays(h, req.url, e) < 0)
        return e->code;
    auth_put(h, &req);
    limits_put(&req);
    *out = req;
    return 0;
}

const char *sources_host_of(const struct sources *s, size_t i)
{
    return i < s->n_rows ? s->hosts[s->rows[i].host].name : NULL;
}
