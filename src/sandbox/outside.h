#ifndef TRIAGED_SANDBOX_OUTSIDE_H
#define TRIAGED_SANDBOX_OUTSIDE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/req.h"

/*
 * A stub outside world below /_outside/: a Prometheus, a Loki, a GitHub and a status page that tell what the sandbox's own incidents and changes
 * would have left there. Each part of it can be made to misbehave. World lock held.
 */
void outside_reset(void);

/* Before a handler runs: notes the request, and answers it where a rule says so. False: answered already. */
bool outside_admit(struct req *r);
/* After a handler has answered: what the rule for this path does to the answer. */
void outside_bend(struct req *r);

/* outside_bomb.c: gzip of one GiB of zero bytes, made once; borrowed, not to be changed. Any thread. */
void *outside_bomb(size_t *len);

/* outside_data.c: which of the company's services a text speaks of (id, name or short name), or -1. */
int outside_service(const char *text);
/* A number from two others: the same question has the same answer. */
uint32_t outside_noise(uint64_t a, uint64_t b, uint32_t below);

/* Times as the four speak them: seconds, nanoseconds or ISO; false when it is none of them. Absent: unchanged. */
bool outside_time(const char *text, int64_t *ms);

#endif
