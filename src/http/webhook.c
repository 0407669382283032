#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "http/http_priv.h"
#include "pagerduty/pagerduty.h"

/*
 * POST /webhooks/pagerduty[/NAME]. Order of answers: path and method, size, signature, then the rest; after a good signature nothing
 * answers 4xx, because three dropped deliveries disable the subscription for a day (reliability section 4).
 */

static const struct config_endpoint *endpoint_find(const struct config *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->intake.n_endpoints; i++)
        if (strcmp(cfg->intake.endpoints[i].name, name) == 0)
            return &cfg->intake.endpoints[i];
    return NULL;
}

enum MHD_Result webhook_begin(struct request *r)
{
    r->endpoint = endpoint_find(r->view->cfg, r->args[0] ? r->args[0] : "");
    if (!r->endpoint)
        answer_problem(
            r, 404,
            "no webhook is configured under this path; see intake.webhooks in the configuration");
    return MHD_YES;
}

/* An alarm without a waiting request. At most one such fact a second. */
struct alarm_fact {
    struct engine_fact fact;
    char endpoint[80];
};

static int alarm_apply(struct engine_fact *f, struct engine_pass *p, struct err *e)
{
    const struct alarm_fact *a = (const struct alarm_fact *)f;
    char what[200];

    snprintf(what, sizeof what,
             "a webhook on /webhooks/pagerduty%s%s has a signature that no configured secret makes",
             a->endpoint[0] ? "/" : "", a->endpoint);
    return engine_alarm(
        p, "webhook.signature", what,
        "compare the secret file of this path with the subscription's secret (possible rotation); "
        "PagerDuty retries for 48 h",
        e);
}

static void alarm_answer(struct engine_fact *f, int code, const struct err *e)
{
    (void)code;
    (void)e;
    mem_freep(&f);
}

static void alarm_signature(struct request *r)
{
    static atomic_int_fast64_t last_ms;
    int_fast64_t last = atomic_load(&last_ms);

    if (r->begun_mono_ms - last < 1000 && last != 0)
        return;
    if (!atomic_compare_exchange_strong(&last_ms, &last, r->begun_mono_ms))
        return;
    struct alarm_fact *a = mem_alloc(sizeof *a);

    a->fact.apply = alarm_apply;
    a->fact.answer = alarm_answer;
    snprintf(a->endpoint, sizeof a->endpoint, "%s", r->endpoint->name);
    if (!engine_post(r->server->opts.engine, &a->fact))
        mem_freep(&a);
}

static enum MHD_Result refuse(struct request *r, enum pd_verdict verdict)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    bool within = failed_count(r->server->failed, info ? info->client_addr : NULL,
                               r->view->cfg->intake.failed_per_minute, r->begun_mono_ms);

    atomic_fetch_add(&r->server->n_bad_signature, 1);
    if (!within) {
        r->retry_after_s = 60;
        answer_problem(r, 429, "too many failed signatures from this address");
    } else if (verdict == PD_SIG_ABSENT) {
        answer_problem(r, 401,
                       "a PagerDuty webhook carries one " SIGNATURE_HEADER
                       " header with v1= signatures");
    } else {
        /* Retryable on purpose: a wrongly rotated secret must cost delay, not a disabled subscription. */
        alarm_signature(r);
        r->retry_after_s = 30;
        answer_problem(r, 503, "the signature matches no secret of this path");
    }
    LOG(WARN, "webhook.refused", log_i("status", r->status), log_s("path", r->path));
    return MHD_YES;
}

static int webhook_apply(struct engine_fact *f, struct engine_pass *p, struct err *e)
{
    struct request *r = (struct request *)f;
    const struct intake_delivery d = {.endpoint = r->endpoint->name,
                                      .webhook_id = r->webhook_id,
                                      .body = r->body,
                                      .body_len = r->body_len,
                                      .received_wall_ms = r->begun_wall_ms};

    return intake_store(p, &d, &r->outcome, e);
}

/* Own text, own limits: the header is not signed and only logged. */
static void webhook_id_copy(struct request *r)
{
    const char *id = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "X-Webhook-Id");
    AUTO(buf_done) struct buf b;

    buf_init(&b, sizeof r->webhook_id);
    if (id)
        text_show(&b, id, strlen(id), sizeof r->webhook_id - 8, true);
    snprintf(r->webhook_id, sizeof r->webhook_id, "%s", buf_str(&b));
}

enum MHD_Result webhook_post(struct request *r)
{
    const char *signature =
        MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, SIGNATURE_HEADER); /* guard: one */
    enum pd_verdict verdict = pd_verify(r->endpoint->secrets, r->endpoint->n_secrets, signature,
                                        r->body ? r->body : "", r->body_len);

    if (verdict != PD_SIG_OK && !defence_off("signature"))
        return refuse(r, verdict);
    webhook_id_copy(r);
    r->fact.apply = webhook_apply;
    return request_wait(r);
}
