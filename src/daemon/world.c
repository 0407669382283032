#include <pthread.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "daemon/daemon.h"
#include "triage/pure.h"

const struct step *const daemon_steps[] = {
    &triage_step_intake,   &triage_step_enrich,  &triage_step_context,
    &triage_step_judge,    &triage_step_assess,  &triage_step_ask,
    &triage_step_source,   &triage_step_propose, &triage_step_refresh,
    &triage_step_backfill, &gate_step_execute,   &gate_step_send,
    &gate_step_confirm,    &gate_step_expire,    NULL,
};

int world_on_start(struct engine_pass *p, struct err *e)
{
    const struct world *w = p->app;

    if (gate_on_start(p, e) < 0 || llm_on_start(w->llm, p->boot_epoch, p->now_wall_ms, e) < 0)
        return e->code;
    return triage_on_start(p, e);
}

/* A kind that does not exist would keep back what somebody meant to send, or let them believe so. */
static int send_check(const struct config *cfg, struct err *e)
{
    for (size_t i = 0; i < cfg->n_send; i++) {
        const struct config_send *s = &cfg->send[i];

        for (size_t k = 0; k < s->n_kinds; k++) {
            size_t known = 0;

            while (ev_kind(known) && !text_eq(ev_kind(known), s->kinds[k]))
                known++;
            if (!ev_kind(known))
                return err_set(e, ERR_INPUT,
                               "%s: send.%s.kinds: there is no kind of evidence \"%s\"; "
                               "docs/configuration.md lists them",
                               cfg->path, s->service_id[0] ? s->service_id : "default",
                               s->kinds[k]);
        }
    }
    return 0;
}

/* What the file's schema cannot see, and what would else be found only when the daemon starts. */
static int config_check(const struct config *cfg, struct err *e)
{
    if (cfg->model.base_url && net_base_url_check("the model", cfg->model.base_url, e) < 0)
        return err_wrap(e, "%s", cfg->path);
    if (net_base_url_check("PagerDuty", cfg->pagerduty.base_url, e) < 0)
        return err_wrap(e, "%s", cfg->path);
    return send_check(cfg, e);
}

int loaded_load(const char *path, const uint8_t *key, struct loaded *out, struct err *e)
{
    static const uint8_t none[REDACT_KEY_BYTES] = {0};
    struct loaded l = {0};

    if (config_load(path, &l.cfg, e) < 0 || config_check(l.cfg, e) < 0 ||
        rules_load(l.cfg->rules_dir, &l.rules, e) < 0 ||
        policy_load(l.cfg->policy_file, &l.policy, e) < 0 ||
        prompts_load(l.cfg->prompts_dir, &l.prompts, e) < 0 ||
        sources_load(l.cfg->sources_file, &l.sources, e) < 0 ||
        runbooks_load(l.cfg->runbooks_dir, &l.runbooks, e) < 0 ||
        loaded_key(&l, key ? key : none, e) < 0) {
        loaded_done(&l);
        return e->code;
    }
    *out = l;
    return 0;
}

int loaded_key(struct loaded *l, const uint8_t key[REDACT_KEY_BYTES], struct err *e)
{
    struct redactor *r = NULL;

    if (redact_new(&l->cfg->redaction, key, &r, e) < 0)
        return err_wrap(e, "redaction");
    redact_free(l->redactor);
    l->redactor = r;
    return 0;
}

void loaded_done(struct loaded *l)
{
    prompts_unref(l->prompts);
    redact_free(l->redactor);
    sources_unref(l->sources);
    runbooks_unref(l->runbooks);
    config_unref(l->cfg);
    rules_unref(l->rules);
    policy_unref(l->policy);
    memset(l, 0, sizeof *l);
}

static struct pd_client client_of(const struct config *cfg, struct net_peer *peer)
{
    return (struct pd_client){.base_url = cfg->pagerduty.base_url,
                              .peer = peer,
                              .auth = strcmp(cfg->pagerduty.auth, "bearer") == 0 ? PD_AUTH_BEARER
                                                                                 : PD_AUTH_TOKEN,
                              .token = cfg->pagerduty.token,
                              .from_email = cfg->pagerduty.from_email};
}

/* What a reload swaps, in one place. */
static void world_set(struct world *w, const struct loaded *l)
{
    w->cfg = l->cfg;
    w->rules = l->rules;
    w->policy = l->policy;
    w->prompts = l->prompts;
    w->redactor = l->redactor;
    w->sources = l->sources;
    w->runbooks = l->runbooks;
    w->pd = client_of(w->cfg, w->pd_peer);
}

/* Without an endpoint there is no peer, and nothing is ever asked. */
static int model_open(struct daemon *d, struct err *e)
{
    const struct config_model *m = &d->now.cfg->model;
    const struct net_peer_opts po = {.name = "model",
                                     .base_url = m->base_url,
                                     .allow_private = m->allow_private,
                                     .reads_by_post = true};

    if (!m->base_url)
        return 0;
    if (net_peer_add(engine_net(d->engine), &po, &d->world.model_peer, e) < 0)
        return err_wrap(e, "model.base_url");
    return 0;
}

int world_open(struct daemon *d, struct err *e)
{
    const struct config *cfg = d->now.cfg;
    const struct net_peer_opts po = {.name = "pagerduty",
                                     .base_url = cfg->pagerduty.base_url,
                                     .per_minute = cfg->pagerduty.per_minute,
                                     .reserve_pct = cfg->pagerduty.reserve_pct,
                                     .allow_private = cfg->pagerduty.allow_private};
    struct world *w = &d->world;

    if (net_peer_add(engine_net(d->engine), &po, &w->pd_peer, e) < 0)
        return err_wrap(e, "pagerduty.base_url");
    if (model_open(d, e) < 0 || sources_connect(d->now.sources, engine_net(d->engine), e) < 0)
        return e->code;
    world_set(w, &d->now);
    if (llm_open(engine_store(d->engine), &w->llm, e) < 0)
        return e->code;
    if (gate_open(engine_store(d->engine), &w->gate, e) < 0)
        return e->code;
    return triage_open(engine_store(d->engine), &w->triage, e);
}

void world_close(struct daemon *d)
{
    triage_close(d->world.triage);
    gate_close(d->world.gate);
    llm_close(d->world.llm);
}

/* ---- reload ---- */

struct swap_fact {
    struct engine_fact fact;
    struct daemon *daemon;
    struct loaded *next;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    int code;
    struct err err;
};

static int swap_apply(struct engine_fact *f, struct engine_pass *p, struct err *e)
{
    const struct swap_fact *s = (const struct swap_fact *)f;
    struct world *w = p->app;
    AUTO(json_freep)
    json_t *detail =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "config", config_hash(s->next->cfg), "rules",
                  rules_hash(s->next->rules), "policy", policy_hash(s->next->policy), "prompts",
                  prompts_hash(s->next->prompts), "sources", sources_hash(s->next->sources),
                  "runbooks", runbooks_hash(s->next->runbooks));
    const struct audit_entry x = {
        .actor = "system", .verb = "config.loaded", .subject = "config", .detail = detail};

    if (sources_connect(s->next->sources, engine_net(p->engine), e) < 0 ||
        audit_append(p->audit, &x, p->now_wall_ms, e) < 0 ||
        engine_alarm_clear(p, "config.refused", e) < 0)
        return e->code;
    world_set(w, s->next);
    return 0;
}

static void swap_answer(struct engine_fact *f, int code, const struct err *e)
{
    struct swap_fact *s = (struct swap_fact *)f;

    pthread_mutex_lock(&s->lock);
    s->code = code;
    s->err = *e;
    s->done = true;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->lock);
}

int world_swap(struct daemon *d, struct loaded *l, struct err *e)
{
    struct swap_fact s = {
        .fact = {.apply = swap_apply, .answer = swap_answer}, .daemon = d, .next = l};
    struct loaded old = d->now;

    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.cond, NULL);
    if (!engine_post(d->engine, &s.fact))
        return err_retry(e, 1, "the engine is busy or stopping; the old set stays");
    pthread_mutex_lock(&s.lock);
    while (!s.done)
        pthread_cond_wait(&s.cond, &s.lock);
    pthread_mutex_unlock(&s.lock);
    pthread_cond_destroy(&s.cond);
    pthread_mutex_destroy(&s.lock);
    if (s.code < 0) {
        *e = s.err;
        return s.code;
    }
    http_swap(d->http, l->cfg, l->rules, l->policy, l->redactor);
    d->now = *l;
    loaded_done(&old);
    return 0;
}
