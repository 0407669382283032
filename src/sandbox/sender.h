#ifndef TRIAGED_SANDBOX_SENDER_H
#define TRIAGED_SANDBOX_SENDER_H

#include "base/err.h"
#include "sandbox/world.h"

/*
 * The webhook sender: subscriptions, queues per subscription and incident, and PagerDuty's rules (5 s, retried on
 * timeout, refused connection, 429 and 5xx; any other answer drops; three drops in a row disable). Own thread and own
 * lock, which may be taken while the world lock is held, never the other way round.
 */
int sender_start(struct err *e) MUST_CHECK;
void sender_stop(void);
void sender_clear(void); /* forgets queues and subscriptions, back to default rules */

/* Queues an event for every active subscription that asked for it. data and client are taken over. World lock held. */
void sender_emit(const char *type, const struct incident *in, struct agent agent, json_t *client,
                 json_t *data);

/* As in REST; each returns a new reference or NULL when the id is unknown. World lock held. */
json_t *sender_list(void);
json_t *sender_get(const char *id, bool with_secret);
/* in: the webhook_subscription object, already checked. The secret is made up when NULL. */
json_t *sender_create(const json_t *in, const char *secret);
json_t *sender_update(const char *id, const json_t *in);
bool sender_delete(const char *id);
json_t *sender_enable(const char *id);
bool sender_ping(const char *id);
size_t sender_count(const char *filter_type, const char *filter_id);

/* Control API: {"retry_schedule_ms":[..],"timeout_ms":..,"give_up_ms":..,"duplicate_rate":..,"disable_after":..,
 * "disabled_ms":..,"paused":..}; unknown members are ignored. */
void sender_rules(const json_t *rules);
json_t *sender_state(void);

#endif
