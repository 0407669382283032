#ifndef TRIAGED_NET_NET_ORIGIN_H
#define TRIAGED_NET_NET_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NET_URL_MAX  8192
#define NET_HOST_MAX 253

/* A URL taken apart. path and query are borrowed from the text and run to its end. Pure. */
struct net_url {
    bool https;
    unsigned port; /* filled in when the text has none */
    char host[NET_HOST_MAX +
              1];     /* lower case; an IPv6 address without brackets, in its shortest form */
    const char *path; /* "" or starting with '/' */
    size_t path_len;  /* without the query */
};

/*
 * Takes only what every parser reads alike: ASCII, no control character, backslash or fragment, whole percent codes, a
 * plain host. So what is compared here is what libcurl will connect to.
 * ERR_INPUT when malformed; ERR_DENIED for another scheme, a user name, or a path that climbs ("..", also encoded).
 */
int net_url_parse(const char *text, struct net_url *out, struct err *e) MUST_CHECK;

/* 127.0.0.0/8, ::1 or localhost: the only origins that may speak plain http. */
bool net_url_is_loopback(const struct net_url *u);

/* Is url (parsed) below base: same scheme, host, port, and the path below base's at a '/'? ERR_DENIED says what differs. */
int net_url_below(const struct net_url *base, const struct net_url *url, struct err *e) MUST_CHECK;

/*
 * Names the endpoint for its own rate window: method, first part of the path below base, number of parts. So
 * "GET /oncalls" is one and all "GET /incidents/ID/alerts" are one. Never 0.
 */
uint32_t net_url_endpoint(const struct net_url *base, const struct net_url *url,
                          const char *method);

#endif
