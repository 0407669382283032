#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/json_build.h"
#include "sandbox/sender_priv.h"

/* The list of webhook subscriptions. Each function takes the sender's lock itself. */

static struct subscription *find(const char *id)
{
    for (size_t i = 0; i < sender.n_subs; i++)
        if (!sender.subs[i]->deleted && strcmp(sender.subs[i]->id, id) == 0)
            return sender.subs[i];
    return NULL;
}

/* Values of custom headers are never shown again, and neither is the secret. */
static json_t *redacted(const json_t *headers)
{
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(headers); i++)
        json_array_append_new(list, json_pack("{s:s?, s:s}", "name",
                                              json_opt_str(json_array_get(headers, i), "name"),
                                              "value", "-- redacted --"));
    return list;
}

static json_t *view(const struct subscription *s, bool with_secret)
{
    bool disabled = s->disabled_until_mono_ms > clock_mono_ms();

    return json_pack("{s:s, s:s, s:b, s:s?, s:O, s:O, s:{s:s, s:s, s:s, s:s?, s:b, s:o}}", "id",
                     s->id, "type", "webhook_subscription", "active", s->active, "description",
                     s->description, "events", s->events, "filter", s->filter, "delivery_method",
                     "id", s->method_id, "type", "http_delivery_method", "url", s->url, "secret",
                     with_secret ? s->secret : NULL, "temporarily_disabled", disabled,
                     "custom_headers", redacted(s->headers));
}

json_t *sender_list(void)
{
    json_t *list = json_array();

    pthread_mutex_lock(&sender.lock);
    for (size_t i = 0; i < sender.n_subs; i++)
        if (!sender.subs[i]->deleted)
            json_array_append_new(list, view(sender.subs[i], false));
    pthread_mutex_unlock(&sender.lock);
    return list;
}

json_t *sender_get(const char *id, bool with_secret)
{
    struct subscription *s;
    json_t *o;

    pthread_mutex_lock(&sender.lock);
    s = find(id);
    o = s == NULL ? NULL : view(s, with_secret);
    pthread_mutex_unlock(&sender.lock);
    return o;
}

size_t sender_count(const char *filter_type, const char *filter_id)
{
    size_t n = 0;

    pthread_mutex_lock(&sender.lock);
    for (size_t i = 0; i < sender.n_subs; i++)
        n += !sender.subs[i]->deleted &&
             text_eq(json_opt_str(sender.subs[i]->filter, "type"), filter_type) &&
             text_eq(json_opt_str(sender.subs[i]->filter, "id"), filter_id);
    pthread_mutex_unlock(&sender.lock);
    return n;
}

/* A free place, or that of a deleted subscription with nothing left to send. */
static struct subscription **place(void)
{
    if (sender.n_subs < MAX_SUBSCRIPTIONS)
        return &sender.subs[sender.n_subs++];
    for (size_t i = 0; i < sender.n_subs; i++) {
        struct subscription *old = sender.subs[i];

        if (!old->deleted || queue_length(old) != 0)
            continue;
        free(old->url);
        free(old->secret);
        free(old->description);
        json_decref(old->events);
        json_decref(old->filter);
        json_decref(old->headers);
        free(old);
        return &sender.subs[i];
    }
    return NULL;
}

json_t *sender_create(const json_t *in, const char *secret)
{
    struct subscription *s = mem_alloc(sizeof *s), **at;
    uint8_t bytes[32];
    char made_up[2 * sizeof bytes + 1];
    json_t *o = NULL;

    crypto_random(bytes, sizeof bytes);
    world_id(s->id, "P", 7, false);
    world_id(s->method_id, "P", 7, false);
    s->url = mem_strdup(json_at_str(in, "delivery_method.url"));
    s->secret = mem_strdup(secret != NULL ? secret : hex_encode(bytes, sizeof bytes, made_up));
    s->description = mem_strdup(json_opt_str(in, "description"));
    s->events = json_deep_copy(json_object_get(in, "events"));
    s->filter = json_deep_copy(json_object_get(in, "filter"));
    s->headers = json_deep_copy(json_at(in, "delivery_method.custom_headers"));
    s->active = json_opt_bool(in, "active", true);
    pthread_mutex_lock(&sender.lock);
    at = place();
    CHECK(at != NULL);
    *at = s;
    o = view(s, true);
    pthread_mutex_unlock(&sender.lock);
    return o;
}

json_t *sender_update(const char *id, const json_t *in)
{
    struct subscription *s;
    json_t *o = NULL;

    pthread_mutex_lock(&sender.lock);
    s = find(id);
    if (s != NULL) {
        const char *description = json_opt_str(in, "description");

        s->active = json_opt_bool(in, "active", s->active);
        if (json_object_get(in, "events") != NULL) {
            json_decref(s->events);
            s->events = json_deep_copy(json_object_get(in, "events"));
        }
        if (json_object_get(in, "filter") != NULL) {
            json_decref(s->filter);
            s->filter = json_deep_copy(json_object_get(in, "filter"));
        }
        if (description != NULL) {
            free(s->description);
            s->description = mem_strdup(description);
        }
        o = view(s, false);
    }
    pthread_mutex_unlock(&sender.lock);
    return o;
}

bool sender_delete(const char *id)
{
    struct subscription *s;

    pthread_mutex_lock(&sender.lock);
    s = find(id);
    if (s != NULL) {
        queue_drop_all(s);
        s->deleted = true;
    }
    pthread_mutex_unlock(&sender.lock);
    return s != NULL;
}

json_t *sender_enable(const char *id)
{
    struct subscription *s;
    json_t *o = NULL;

    pthread_mutex_lock(&sender.lock);
    s = find(id);
    if (s != NULL) {
        s->disabled_until_mono_ms = 0;
        s->drops = 0;
        o = view(s, false);
    }
    pthread_mutex_unlock(&sender.lock);
    return o;
}

bool sender_ping(const char *id)
{
    struct subscription *s;
    char event_id[27];
    char *body = event_body("pagey.ping", json_null(), NULL, event_ping(), event_id);

    pthread_mutex_lock(&sender.lock);
    s = find(id);
    if (s != NULL)
        queue_add(s, "pagey.ping", "ping", "", event_id, body);
    pthread_mutex_unlock(&sender.lock);
    free(body);
    if (sender.started)
        curl_multi_wakeup(sender.multi);
    return s != NULL;
}

json_t *sender_state(void)
{
    json_t *o;

    pthread_mutex_lock(&sender.lock);
    o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:b}", "delivered", (json_int_t)sender.delivered,
                  "dropped", (json_int_t)sender.dropped, "retried", (json_int_t)sender.retried,
                  "discarded", (json_int_t)sender.discarded, "queued",
                  (json_int_t)queue_length(NULL), "in_flight", (int)sender.in_flight, "paused",
                  sender.paused);
    pthread_mutex_unlock(&sender.lock);
    return o;
}
