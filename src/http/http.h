#ifndef TRIAGED_HTTP_HTTP_H
#define TRIAGED_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"
#include "engine/engine.h"
#include "gate/gate.h"
#include "llm/redact.h"
#include "rules/rules.h"

/*
 * libmicrohttpd's threads: they read requests, verify, hand facts to the engine and answer. They never write to the store and hold
 * no PagerDuty token. Two listeners share the routes: TCP (webhooks and API) and a Unix control socket (API only; the peer's uid is
 * root or the daemon's).
 *
 * poll mode with suspend and resume: the epoll mode of 0.9.75 can stall when exactly 128 sockets are ready.
 */
struct http_server;

struct http_opts {
    struct engine *engine;
    struct config *cfg; /* the first snapshot; a reference is taken */
    struct rules *rules;
    struct policy *policy;
    struct redactor *redactor;
    const char *store_path;
    const char *control_path; /* Unix socket, 0600; NULL = none */
    uint16_t *port_out;       /* the port really bound */
};

int http_start(const struct http_opts *o, struct http_server **out, struct err *e) MUST_CHECK;
/* A reload: later requests see the new set. References are taken. Any thread. */
void http_swap(struct http_server *s, struct config *cfg, struct rules *rules,
               struct policy *policy, struct redactor *redactor);
/* The store has been checked (quick_check) and the daemon may act: /readyz and status say so. */
void http_set_ready(struct http_server *s, bool ready);
/* No new connections, no new facts; what is suspended will be answered by the engine. Then stop the engine, then http_free. */
void http_quiesce(struct http_server *s);
void http_free(struct http_server *s);

#endif
