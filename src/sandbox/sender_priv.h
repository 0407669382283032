#ifndef TRIAGED_SANDBOX_SENDER_PRIV_H
#define TRIAGED_SANDBOX_SENDER_PRIV_H

#include <curl/curl.h>

#include "sandbox/sender.h"

enum {
    MAX_SUBSCRIPTIONS = 64,
    MAX_RETRIES = 16,
    MAX_IN_FLIGHT = 16
};

/* Never freed before the end, only marked as deleted, so that a delivery in flight may keep pointing to it. */
struct subscription {
    char id[WORLD_ID_MAX], method_id[WORLD_ID_MAX];
    char *url, *secret, *description;
    json_t *events, *filter, *headers;
    bool active, deleted;
    int64_t disabled_until_mono_ms; /* 0: not disabled */
    int drops;                      /* in a row */
};

struct delivery {
    struct delivery *next;
    char event_id[27], webhook_id[37], type[48], incident_id[WORLD_ID_MAX];
    char *body;
    int attempts;
    bool duplicate;
    int64_t queued_mono_ms;
};

/* What waits for one subscription and one incident: strictly in order, one at a time. */
struct chain {
    struct chain *next;
    struct subscription *sub;
    char resource[WORLD_ID_MAX];
    struct delivery *head, *tail;
    int64_t ready_mono_ms;
    bool in_flight;
};

struct sender {
    pthread_mutex_t lock;
    pthread_t thread;
    CURLM *multi;
    bool started, stopping, paused;
    struct subscription *subs[MAX_SUBSCRIPTIONS];
    size_t n_subs;
    struct chain *chains;
    size_t in_flight;
    int64_t retry_ms[MAX_RETRIES];
    size_t n_retries;
    int64_t timeout_ms, give_up_ms, disabled_ms;
    int disable_after;
    double duplicate_rate;
    int64_t delivered, dropped, retried, discarded;
};
extern struct sender sender;

/* webhook_queue.c, sender lock held */
void queue_add(struct subscription *s, const char *type, const char *resource,
               const char *incident_id, const char *event_id, const char *body);
struct chain *queue_ready(int64_t now_mono_ms, int64_t *next_mono_ms);
void queue_finish(struct chain *c, struct delivery *d, CURLcode rc, long status);
void queue_drop_all(struct subscription *s); /* NULL: of every subscription */
size_t queue_length(const struct subscription *s);

#endif
