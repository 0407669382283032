#include <string.h>

#include "base/clock.h"
#include "net/net_priv.h"

int net_base_url_check(const char *name, const char *base_url, struct err *e)
{
    struct net_url base;

    if (net_url_parse(base_url, &base, e) < 0)
        return err_wrap(e, "base URL of %s", name);
    if (base.path[base.path_len] == '?')
        return err_set(e, ERR_INPUT, "base URL of %s: a query does not belong there", name);
    if (!base.https && !net_url_is_loopback(&base))
        return err_set(e, ERR_DENIED,
                       "base URL of %s: plain http is only for a loopback address; use https://",
                       name);
    return 0;
}

int net_peer_add(struct net *n, const struct net_peer_opts *o, struct net_peer **out, struct err *e)
{
    struct net_peer *p;
    size_t len;

    CHECK(o->name && o->base_url);
    if (net_base_url_check(o->name, o->base_url, e) < 0)
        return e->code;
    len = strlen(o->base_url);
    if (o->reserve_pct > 100)
        return err_set(e, ERR_INPUT, "reserved share of %s: %u is over 100 percent", o->name,
                       o->reserve_pct);
    while (len > 0 && o->base_url[len - 1] == '/')
        len--;
    p = mem_alloc(sizeof *p);
    p->net = n;
    p->name = mem_strdup(o->name);
    p->base_text = mem_strndup(o->base_url, len);
    /* Parsed again, for a struct net_url borrows from its text; without the trailing slash it stays well-formed. */
    CHECK(net_url_parse(p->base_text, &p->base, e) == 0);
    p->allow_private = o->allow_private;
    p->reads_by_post = o->reads_by_post;
    net_bucket_init(&p->bucket, o->per_minute, o->reserve_pct, clock_mono_ms());
    for (size_t i = 0; i < NET_CLASSES; i++)
        net_queue_init(&p->waiting[i]);
    p->next = n->peers;
    n->peers = p;
    *out = p;
    return 0;
}

struct net_peer *net_peer_find(const struct net *n, const struct net_peer_opts *o)
{
    size_t len = strlen(o->base_url);

    while (len > 0 && o->base_url[len - 1] == '/')
        len--;
    for (struct net_peer *p = n->peers; p; p = p->next)
        if (strcmp(p->name, o->name) == 0 && strlen(p->base_text) == len &&
            memcmp(p->base_text, o->base_url, len) == 0 && p->allow_private == o->allow_private &&
            p->reads_by_post == o->reads_by_post && p->bucket.size == o->per_minute &&
            p->bucket.reserve_pct == o->reserve_pct)
            return p;
    return NULL;
}

const char *net_peer_base(const struct net_peer *p)
{
    return p->base_text;
}

bool net_peer_has_budget(const struct net_peer *p, unsigned calls)
{
    /* Those that wait for a token come first. */
    return net_bucket_has(&p->bucket, calls + p->n_waiting, clock_mono_ms());
}

static void add_stats(const struct net_peer *p, struct net_stats *s)
{
    s->calls += p->calls;
    s->failed += p->failed;
    s->limited += p->limited;
    s->in_flight += p->n_running;
    s->waiting += p->n_waiting;
    s->handshakes += p->handshakes;
}

void net_stats(const struct net *n, const struct net_peer *p, struct net_stats *out)
{
    struct net_stats s = {0};

    if (p) {
        add_stats(p, &s);
        s.tokens_left = net_bucket_left(&p->bucket, clock_mono_ms());
    } else {
        for (p = n->peers; p; p = p->next)
            add_stats(p, &s);
    }
    *out = s;
}
