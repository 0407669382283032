#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "sandbox/oracle.h"
#include "sandbox/sender_priv.h"

/* The queues behind the webhook sender and what becomes of a delivery. Sender lock held throughout. */

enum {
    BODY_MAX = 256 * 1024
};

static void delivery_free(struct delivery *d)
{
    free(d->body);
    free(d);
}

static void outcome(const char *kind, const struct subscription *s, const struct delivery *d,
                    long status)
{
    oracle_line(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:b}", "kind", kind, "event_id",
                          d->event_id, "event_type", d->type, "incident_id", d->incident_id,
                          "subscription", s->id, "webhook_id", d->webhook_id, "status", (int)status,
                          "attempts", d->attempts, "duplicate", d->duplicate));
}

static void uuid(char out[37])
{
    uint8_t b[16];

    crypto_random(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

static struct chain *chain_of(struct subscription *s, const char *resource)
{
    struct chain *c;

    for (c = sender.chains; c != NULL; c = c->next)
        if (c->sub == s && strcmp(c->resource, resource) == 0)
            return c;
    c = mem_alloc(sizeof *c);
    c->sub = s;
    snprintf(c->resource, sizeof c->resource, "%s", resource);
    c->next = sender.chains;
    sender.chains = c;
    return c;
}

static void chain_append(struct chain *c, struct delivery *d)
{
    if (c->tail != NULL)
        c->tail->next = d;
    else
        c->head = d;
    c->tail = d;
}

static void chain_remove(struct chain *gone)
{
    for (struct chain **at = &sender.chains; *at != NULL; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            free(gone);
            return;
        }
}

void queue_add(struct subscription *s, const char *type, const char *resource,
               const char *incident_id, const char *event_id, const char *body)
{
    struct delivery *d = mem_alloc(sizeof *d);

    snprintf(d->event_id, sizeof d->event_id, "%s", event_id);
    snprintf(d->type, sizeof d->type, "%s", type);
    snprintf(d->incident_id, sizeof d->incident_id, "%s", incident_id);
    uuid(d->webhook_id);
    d->queued_mono_ms = clock_mono_ms();
    if (s->disabled_until_mono_ms > d->queued_mono_ms || strlen(body) > BODY_MAX) {
        /* A disabled subscription does not even queue, and nothing above 256 KB is ever sent. */
        sender.discarded++;
        outcome("discarded", s, d, 0);
        delivery_free(d);
        return;
    }
    s->disabled_until_mono_ms = 0;
    d->body = mem_strdup(body);
    chain_append(chain_of(s, resource), d);
}

struct chain *queue_ready(int64_t now_mono_ms, int64_t *next_mono_ms)
{
    struct chain *best = NULL;

    for (struct chain *c = sender.chains; c != NULL; c = c->next) {
        if (c->in_flight || c->head == NULL)
            continue;
        if (c->ready_mono_ms > now_mono_ms) {
            if (c->ready_mono_ms < *next_mono_ms)
                *next_mono_ms = c->ready_mono_ms;
        } else if (best == NULL || c->head->queued_mono_ms <= best->head->queued_mono_ms) {
            best = c;
        }
    }
    return best;
}

/* Removes the first delivery of a chain, and the chain with its last one. */
static void chain_pop(struct chain *c)
{
    struct delivery *d = c->head;

    c->head = d->next;
    if (c->head == NULL)
        c->tail = NULL;
    c->ready_mono_ms = 0;
    delivery_free(d);
    if (c->head == NULL)
        chain_remove(c);
}

void queue_drop_all(struct subscription *s)
{
    struct chain *next;

    for (struct chain *c = sender.chains; c != NULL; c = next) {
        struct delivery *d = c->head;

        next = c->next;
        if (s != NULL && c->sub != s)
            continue;
        /* What is in flight comes back to queue_finish; the rest goes. */
        if (c->in_flight && d != NULL) {
            struct delivery *rest = d->next;

            d->next = NULL;
            c->tail = d;
            d = rest;
        } else {
            c->head = c->tail = NULL;
        }
        while (d != NULL) {
            struct delivery *after = d->next;

            sender.discarded++;
            outcome("discarded", c->sub, d, 0);
            delivery_free(d);
            d = after;
        }
        if (c->head == NULL)
            chain_remove(c);
    }
}

size_t queue_length(const struct subscription *s)
{
    size_t n = 0;

    for (const struct chain *c = sender.chains; c != NULL; c = c->next)
        for (const struct delivery *d = c->head; d != NULL; d = d->next)
            n += s == NULL || c->sub == s;
    return n;
}

static bool may_retry(CURLcode rc, long status)
{
    switch ((int)rc) {
    case CURLE_OK:
        return status == 429 || status >= 500;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return false;
    default:
        return true; /* no answer, timeout, refused, name not found */
    }
}

static void disable(struct subscription *s)
{
    s->disabled_until_mono_ms = clock_mono_ms() + sender.disabled_ms;
    s->drops = 0;
    oracle_line(json_pack("{s:s, s:s}", "kind", "subscription_disabled", "subscription", s->id));
    queue_drop_all(s);
}

/* The same delivery once more, as an at-least-once sender may do. */
static void repeat(struct chain *c, const struct delivery *d)
{
    struct delivery *again;
    uint32_t dice;

    crypto_random(&dice, sizeof dice);
    if (d->duplicate || (double)dice / 4294967296.0 >= sender.duplicate_rate)
        return;
    again = mem_alloc(sizeof *again);
    *again = *d;
    again->next = NULL;
    again->body = mem_strdup(d->body);
    again->duplicate = true;
    again->attempts = 0;
    chain_append(c, again);
}

void queue_finish(struct chain *c, struct delivery *d, CURLcode rc, long status)
{
    struct subscription *s = c->sub;
    int64_t now = clock_mono_ms();
    int64_t wait = sender.retry_ms[(size_t)d->attempts < sender.n_retries ? (size_t)d->attempts
                                                                          : sender.n_retries - 1];

    c->in_flight = false;
    d->attempts++;
    if (s->deleted) {
        chain_pop(c);
    } else if (rc == CURLE_OK && status >= 200 && status < 300) {
        sender.delivered++;
        s->drops = 0;
        outcome("delivered", s, d, status);
        repeat(c, d);
        chain_pop(c);
    } else if (may_retry(rc, status) && now + wait - d->queued_mono_ms <= sender.give_up_ms) {
        sender.retried++;
        c->ready_mono_ms = now + wait;
    } else {
        sender.dropped++;
        outcome("dropped", s, d, status);
        chain_pop(c);
        if (++s->drops >= sender.disable_after)
            disable(s);
    }
}
