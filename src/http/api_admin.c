#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/api.h"

static json_t *person_json(const struct person *x)
{
    char created[TIME_ISO_MAX];

    return json_pack("{s:I, s:s, s:s, s:s*, s:s, s:b, s:b, s:s}", "id", (json_int_t)x->id, "name",
                     x->name, "email", x->email, "pd_user_id",
                     x->pd_user_id[0] ? x->pd_user_id : NULL, "role", role_name(x->role),
                     "disabled", x->disabled, "agent", x->agent, "created",
                     time_format_iso(x->created_wall_ms, false, created));
}

enum MHD_Result api_users(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    AUTO(mem_freep) struct person *list = NULL;
    json_t *items = json_array();
    size_t n = 0;
    struct err e = {0};

    if (!rd || people_list(rd->people, &list, &n, &e) < 0) {
        json_decref(items);
        if (rd)
            answer_err(r, &e);
        return MHD_YES;
    }
    for (size_t i = 0; i < n; i++)
        json_array_append_new(items, person_json(&list[i]));
    answer_json(r, 200, json_pack("{s:o}", "items", items));
    return MHD_YES;
}

static int user_add(struct request *r, struct engine_pass *p, struct err *e)
{
    struct person x = {.role = role_parse(json_opt_str(r->json, "role")),
                       .agent = json_opt_bool(r->json, "agent", false)};
    const char *pd = json_opt_str(r->json, "pd_user_id");
    char actor[32];
    int64_t id;

    snprintf(x.name, sizeof x.name, "%s", json_opt_str(r->json, "name"));
    snprintf(x.email, sizeof x.email, "%s", json_opt_str(r->json, "email"));
    snprintf(x.pd_user_id, sizeof x.pd_user_id, "%s", pd ? pd : "");
    if (people_add(p->people, &x, api_actor(r, actor), p->now_wall_ms, &id, e) < 0 ||
        people_get(p->people, id, &x, e) < 0)
        return e->code;
    r->out = person_json(&x);
    r->out_status = 201;
    return 0;
}

enum MHD_Result api_user_add(struct request *r)
{
    return api_body(r, "UserRequest") ? api_command(r, user_add) : MHD_YES;
}

static int64_t arg_id(const struct request *r)
{
    struct err e = {0};
    int64_t id = 0;

    CHECK(parse_i64(r->args[0], 1, INT64_MAX, &id, &e) == 0);
    return id;
}

static int user_change(struct request *r, struct engine_pass *p, struct err *e)
{
    const char *role = json_opt_str(r->json, "role");
    struct person x;
    char actor[32];

    if (role && people_set_role(p->people, arg_id(r), role_parse(role), api_actor(r, actor),
                                p->now_wall_ms, e) < 0)
        return e->code;
    if (json_object_get(r->json, "disabled") &&
        people_set_disabled(p->people, arg_id(r), json_opt_bool(r->json, "disabled", false),
                            api_actor(r, actor), p->now_wall_ms, e) < 0)
        return e->code;
    if (people_get(p->people, arg_id(r), &x, e) < 0)
        return e->code;
    r->out = person_json(&x);
    return 0;
}

enum MHD_Result api_user_change(struct request *r)
{
    int64_t id;

    if (!api_arg_int(r, 0, &id) || !api_body(r, "UserChange"))
        return MHD_YES;
    return api_command(r, user_change);
}

/* The token's text is in this answer only; what is stored is its SHA-256. */
static int token_add(struct request *r, struct engine_pass *p, struct err *e)
{
    char text[TOKEN_TEXT_MAX];
    char actor[32];
    int64_t id;

    if (people_token_new(p->people, arg_id(r), json_opt_str(r->json, "label"), api_actor(r, actor),
                         p->now_wall_ms, text, &id, e) < 0)
        return e->code;
    r->out = json_pack("{s:I, s:s}", "id", (json_int_t)id, "token", text);
    r->out_status = 201;
    explicit_bzero(text, sizeof text);
    return 0;
}

enum MHD_Result api_token_add(struct request *r)
{
    int64_t id;

    if (!api_arg_int(r, 0, &id) || !api_body(r, "TokenRequest"))
        return MHD_YES;
    return api_command(r, token_add);
}

static int token_revoke(struct request *r, struct engine_pass *p, struct err *e)
{
    char actor[32];

    return people_token_revoke(p->people, arg_id(r), api_actor(r, actor), p->now_wall_ms, e);
}

enum MHD_Result api_token_revoke(struct request *r)
{
    int64_t id;

    return api_arg_int(r, 0, &id) ? api_command(r, token_revoke) : MHD_YES;
}

static int job_retry(struct request *r, struct engine_pass *p, struct err *e)
{
    char actor[32];
    char subject[40];

    if (queue_retry_buried(p->queue, arg_id(r), p->now_wall_ms, e) < 0)
        return e->code;
    snprintf(subject, sizeof subject, "job:%lld", (long long)arg_id(r));
    const struct audit_entry x = {
        .actor = api_actor(r, actor), .verb = "job.retried", .subject = subject};

    if (audit_append(p->audit, &x, p->now_wall_ms, e) < 0)
        return e->code;

    struct queue_counts left;

    if (queue_counts(p->queue, &left, e) < 0)
        return e->code;
    return left.buried == 0 ? engine_alarm_clear(p, "jobs.buried", e) : 0;
}

enum MHD_Result api_job_retry(struct request *r)
{
    int64_t id;

    return api_arg_int(r, 0, &id) ? api_command(r, job_retry) : MHD_YES;
}

static int quarantine_retry(struct request *r, struct engine_pass *p, struct err *e)
{
    char actor[32];

    return triage_quarantine_retry(p, r->args[0], api_actor(r, actor), e);
}

enum MHD_Result api_quarantine_retry(struct request *r)
{
    return api_command(r, quarantine_retry);
}

/*
 * Engaging is everybody's right and takes effect at once: the file is what the executor looks at before each send. The audit record
 * is written in the same fact. Releasing needs an admin and no red alarm.
 */
static int release_allowed(struct request *r, struct engine_pass *p, struct err *e)
{
    AUTO(json_freep) json_t *alarms = NULL;

    if (r->caller.kind != CALLER_PERSON || r->caller.person.role < ROLE_ADMIN)
        return err_set(e, ERR_DENIED,
                       "releasing the kill switch needs a person with the role admin");
    if (!((const struct world *)p->app)->store_sound)
        return err_set(e, ERR_CONFLICT,
                       "the store is still being checked, or is damaged; see 'triagectl doctor'");
    if (engine_pass_alarms(p, &alarms, e) < 0)
        return e->code;
    for (size_t i = 0; i < json_array_size(json_opt_arr(alarms, "items")); i++) {
        const char *key = json_opt_str(json_array_get(json_opt_arr(alarms, "items"), i), "key");

        if (text_eq(key, "pagerduty.auth") || text_eq(key, "store.damaged") ||
            text_eq(key, "clock"))
            return err_set(e, ERR_CONFLICT,
                           "the alarm '%s' is raised; 'triagectl doctor' says what to do", key);
    }
    return 0;
}

/*
 * After the commit: a switch that is released without its record would be worse than one released late. On the engine's thread, like
 * the engaging: somebody who engaged it in the meantime, even in the same pass, must win.
 */
static int release_now(struct request *r, struct err *e)
{
    if (atomic_load(&r->server->kill_generation) != r->kill_generation)
        return err_set(e, ERR_CONFLICT,
                       "somebody engaged the kill switch at the same moment; it stays engaged");
    return kill_switch_release(r->view->cfg->state_dir, e);
}

static int kill_switch_set(struct request *r, struct engine_pass *p, struct err *e)
{
    bool engage = json_opt_bool(r->json, "engaged", true);
    const char *why = json_opt_str(r->json, "reason");
    const struct config *cfg = ((const struct world *)p->app)->cfg;
    char actor[32];

    if (!engage && release_allowed(r, p, e) < 0)
        return e->code;
    if (engage && kill_switch_engage(cfg->state_dir, api_actor(r, actor), why ? why : "", e) < 0)
        return e->code;
    r->kill_generation = engage ? atomic_fetch_add(&r->server->kill_generation, 1) + 1
                                : (uint64_t)atomic_load(&r->server->kill_generation);
    r->after = engage ? NULL : release_now;
    r->out = json_pack("{s:b}", "engaged", engage);
    AUTO(json_freep) json_t *detail = json_pack("{s:s}", "reason", why ? why : "");
    const struct audit_entry x = {.actor = api_actor(r, actor),
                                  .verb = engage ? "kill_switch.engaged" : "kill_switch.released",
                                  .subject = "kill-switch",
                                  .detail = detail};

    return audit_append(p->audit, &x, p->now_wall_ms, e);
}

enum MHD_Result api_kill_switch_set(struct request *r)
{
    return api_body(r, "KillSwitchRequest") ? api_command(r, kill_switch_set) : MHD_YES;
}
