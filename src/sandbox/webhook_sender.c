#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "sandbox/json_build.h"
#include "sandbox/sender_priv.h"

struct sender sender = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct flight {
    struct chain *chain;
    struct delivery *delivery;
    struct curl_slist *headers;
};

static size_t discard(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return size * n;
}

static struct curl_slist *header(struct curl_slist *list, const char *name, const char *value)
{
    char line[1024];

    snprintf(line, sizeof line, "%s: %s", name, value);
    return curl_slist_append(list, line);
}

static struct curl_slist *headers_of(const struct subscription *s, const struct delivery *d)
{
    struct curl_slist *list = NULL;
    uint8_t mac[SHA256_BYTES];
    char signature[4 + SHA256_HEX] = "v1=";

    hmac_sha256(s->secret, strlen(s->secret), d->body, strlen(d->body), mac);
    hex_encode(mac, sizeof mac, signature + 3);
    list = header(list, "Content-Type", "application/json");
    list = header(list, "Accept", "application/json");
    list = header(list, "User-Agent", "PagerDuty-Webhook/V3.0");
    list = header(list, "X-Webhook-Id", d->webhook_id);
    list = header(list, "X-Webhook-Subscription", s->id);
    list = header(list, "X-PagerDuty-Signature", signature);
    list = curl_slist_append(list, "Expect:");
    for (size_t i = 0; i < json_array_size(s->headers); i++) {
        const json_t *h = json_array_get(s->headers, i);
        const char *name = json_string_value(json_object_get(h, "name"));
        const char *value = json_string_value(json_object_get(h, "value"));

        if (name != NULL && value != NULL)
            list = header(list, name, value);
    }
    return list;
}

/* Sender lock held. */
static void launch(struct chain *c)
{
    struct flight *f = mem_alloc(sizeof *f);
    CURL *easy = curl_easy_init();

    CHECK(easy != NULL);
    f->chain = c;
    f->delivery = c->head;
    f->headers = headers_of(c->sub, c->head);
    c->in_flight = true;
    sender.in_flight++;
    curl_easy_setopt(easy, CURLOPT_URL, c->sub->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)sender.timeout_ms);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->headers);
    /* The chain keeps the body until this transfer has ended. */
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, f->delivery->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(f->delivery->body));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, f);
    CHECK(curl_multi_add_handle(sender.multi, easy) == CURLM_OK);
}

static void land(CURL *easy, CURLcode rc)
{
    struct flight *f = NULL;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &f);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(sender.multi, easy);
    curl_easy_cleanup(easy);
    sender.in_flight--;
    queue_finish(f->chain, f->delivery, rc, status);
    curl_slist_free_all(f->headers);
    free(f);
}

static int start_ready(void)
{
    int64_t now = clock_mono_ms(), next = now + 1000;
    struct chain *c;

    while (!sender.paused && sender.in_flight < MAX_IN_FLIGHT &&
           (c = queue_ready(now, &next)) != NULL)
        launch(c);
    return (int)(next - now);
}

static void *sender_run(void *arg)
{
    int running = 0, left = 0, wait_ms;
    CURLMsg *msg;

    (void)arg;
    for (;;) {
        pthread_mutex_lock(&sender.lock);
        if (sender.stopping) {
            pthread_mutex_unlock(&sender.lock);
            return NULL;
        }
        wait_ms = start_ready();
        curl_multi_perform(sender.multi, &running);
        while ((msg = curl_multi_info_read(sender.multi, &left)) != NULL)
            if (msg->msg == CURLMSG_DONE) {
                land(msg->easy_handle, msg->data.result);
                wait_ms = 0;
            }
        pthread_mutex_unlock(&sender.lock);
        curl_multi_poll(sender.multi, NULL, 0, wait_ms, NULL);
    }
}

int sender_start(struct err *e)
{
    sender.multi = curl_multi_init();
    if (sender.multi == NULL || pthread_create(&sender.thread, NULL, sender_run, NULL) != 0)
        return err_set(e, ERR_INTERNAL, "the webhook sender does not start");
    sender.started = true;
    return 0;
}

void sender_stop(void)
{
    if (!sender.started)
        return;
    pthread_mutex_lock(&sender.lock);
    sender.stopping = true;
    pthread_mutex_unlock(&sender.lock);
    curl_multi_wakeup(sender.multi);
    pthread_join(sender.thread, NULL);
    /* Transfers that are still open belong to the multi handle; the process ends now and takes them along. */
    sender.started = false;
}

static bool wants(const struct subscription *s, const char *type, const struct incident *in)
{
    const char *filter = json_string_value(json_object_get(s->filter, "type"));
    const char *id = json_string_value(json_object_get(s->filter, "id"));
    bool asked = false;

    if (s->deleted || !s->active)
        return false;
    for (size_t i = 0; i < json_array_size(s->events); i++)
        asked = asked || strcmp(json_string_value(json_array_get(s->events, i)), type) == 0;
    if (!asked || filter == NULL || strcmp(filter, "account_reference") == 0 || id == NULL)
        return asked;
    if (strcmp(filter, "service_reference") == 0)
        return strcmp(company_services[in->service].id, id) == 0;
    return strcmp(company_teams[company_services[in->service].team].id, id) == 0;
}

void sender_emit(const char *type, const struct incident *in, struct agent agent, json_t *client,
                 json_t *data)
{
    char event_id[27];
    char *body = event_body(type, event_agent(agent), client, data, event_id);

    pthread_mutex_lock(&sender.lock);
    for (size_t i = 0; i < sender.n_subs; i++)
        if (wants(sender.subs[i], type, in))
            queue_add(sender.subs[i], type, in->id, in->id, event_id, body);
    pthread_mutex_unlock(&sender.lock);
    free(body);
    if (sender.started)
        curl_multi_wakeup(sender.multi);
}

void sender_rules(const json_t *rules)
{
    const json_t *schedule = json_object_get(rules, "retry_schedule_ms");
    const json_t *v;

    pthread_mutex_lock(&sender.lock);
    for (size_t i = 0; i < json_array_size(schedule) && i < MAX_RETRIES; i++) {
        sender.retry_ms[i] = json_integer_value(json_array_get(schedule, i));
        sender.n_retries = i + 1;
    }
    if ((v = json_object_get(rules, "timeout_ms")) != NULL)
        sender.timeout_ms = json_integer_value(v);
    if ((v = json_object_get(rules, "give_up_ms")) != NULL)
        sender.give_up_ms = json_integer_value(v);
    if ((v = json_object_get(rules, "disabled_ms")) != NULL)
        sender.disabled_ms = json_integer_value(v);
    if ((v = json_object_get(rules, "disable_after")) != NULL)
        sender.disable_after = (int)json_integer_value(v);
    if ((v = json_object_get(rules, "duplicate_rate")) != NULL)
        sender.duplicate_rate = json_number_value(v);
    if ((v = json_object_get(rules, "paused")) != NULL)
        sender.paused = json_is_true(v);
    pthread_mutex_unlock(&sender.lock);
    if (sender.started)
        curl_multi_wakeup(sender.multi);
}

void sender_clear(void)
{
    static const int64_t schedule[] = {1000, 5000, 15000, 60000, 300000};

    pthread_mutex_lock(&sender.lock);
    queue_drop_all(NULL);
    for (size_t i = 0; i < sender.n_subs; i++)
        sender.subs[i]->deleted = true;
    memcpy(sender.retry_ms, schedule, sizeof schedule);
    sender.n_retries = ARRAY_LEN(schedule);
    sender.timeout_ms = 5000;
    sender.give_up_ms = INT64_C(48) * 3600000;
    sender.disabled_ms = INT64_C(24) * 3600000;
    sender.disable_after = 3;
    sender.duplicate_rate = 0;
    sender.paused = false;
    sender.delivered = sender.dropped = sender.retried = sender.discarded = 0;
    pthread_mutex_unlock(&sender.lock);
}
