#ifndef TRIAGED_NET_NET_REPLY_H
#define TRIAGED_NET_NET_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "net/net_bucket.h"

/* No honest answer of an API needs more; libcurl alone would take far more. */
#define NET_HEAD_MAX ((size_t)64 * 1024)

/* An answer as it comes in. Never holds more than its cap, whatever the other side sends (threat model I9). */
struct net_answer {
    struct buf body;
    size_t head_bytes;
    bool head_whole; /* the empty line after the headers has come */
    bool over;       /* larger than allowed: given up */
    struct net_rate said;
    int64_t date_ms; /* Date, 0 unknown */
};

void net_answer_init(struct net_answer *a, size_t cap_bytes);
void net_answer_done(struct net_answer *a);

/* The callbacks for libcurl; arg is the struct net_answer. Returning another length than given ends the transfer. */
size_t net_answer_head(char *line, size_t size, size_t n, void *arg);
size_t net_answer_body(char *p, size_t size, size_t n, void *arg);

/* "Retry-After" as seconds from now: a number or an HTTP date. -1 when neither. */
int64_t net_parse_retry_after(const char *value, size_t len, int64_t now_wall_ms);

#endif
