#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "http/api.h"

enum MHD_Result api_proposals(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    int64_t limit;
    int64_t before;
    struct err e = {0};
    json_t *out = NULL;
    int rc;

    if (!rd || !api_query_int(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT, &limit) ||
        !api_query_int(r, "before", 0, INT64_MAX, 0, &before))
        return MHD_YES;
    rc = gate_list(rd->gate, api_query(r, "state"), api_query(r, "incident"), before,
                   (unsigned)limit, &out, &e);
    return api_answer(r, rc, &out, &e);
}

enum MHD_Result api_proposal(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    int64_t id;
    struct err e = {0};
    json_t *out = NULL;

    if (!rd || !api_arg_int(r, 0, &id))
        return MHD_YES;
    return api_answer(r, gate_show(rd->gate, id, &out, &e), &out, &e);
}

/* With what it was made on: the gate keeps the number of the bundle, whose digest and items are the other room's. */
static int explain(struct http_readers *rd, int64_t id, json_t **out, struct err *e)
{
    AUTO(json_freep) json_t *o = NULL;
    json_t *bundle = NULL;

    if (gate_explain(rd->gate, id, &o, e) < 0 ||
        triage_bundle(rd->triage, json_opt_int(o, "bundle_id", 0), &bundle, e) < 0)
        return e->code;
    json_object_set_new(o, "bundle", bundle);
    *out = TAKE(o);
    return 0;
}

enum MHD_Result api_explain(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    int64_t id;
    struct err e = {0};
    json_t *out = NULL;

    if (!rd || !api_arg_int(r, 0, &id))
        return MHD_YES;
    return api_answer(r, explain(rd, id, &out, &e), &out, &e);
}

/* The id of the path as a number; checked by the handler before the command was handed over. */
static int64_t arg_id(const struct request *r)
{
    struct err e = {0};
    int64_t id = 0;

    CHECK(parse_i64(r->args[0], 1, INT64_MAX, &id, &e) == 0);
    return id;
}

static int decide(struct request *r, struct engine_pass *p, struct err *e)
{
    bool approve = text_eq(json_opt_str(r->json, "verdict"), "approve");

    return gate_decide(p, arg_id(r), json_opt_str(r->json, "digest"), &r->caller.person, approve,
                       json_opt_str(r->json, "reason"), r->control ? "cli" : "api", &r->out, e);
}

static int edit(struct request *r, struct engine_pass *p, struct err *e)
{
    return gate_edit(p, arg_id(r), json_opt_str(r->json, "digest"), &r->caller.person,
                     (unsigned)json_opt_int(r->json, "action", 0), json_opt_obj(r->json, "args"),
                     &r->out, e);
}

static int undo(struct request *r, struct engine_pass *p, struct err *e)
{
    int64_t id = 0;

    if (gate_undo(p, arg_id(r), &r->caller.person, &id, e) < 0)
        return e->code;
    r->out = json_pack("{s:I}", "id", (json_int_t)id);
    r->out_status = 201;
    snprintf(r->out_location, sizeof r->out_location, "/api/v1/proposals/%lld", (long long)id);
    return 0;
}

static int settle(struct request *r, struct engine_pass *p, struct err *e)
{
    if (gate_settle(p, arg_id(r), &r->caller.person, json_opt_bool(r->json, "happened", false),
                    json_opt_str(r->json, "reason"), e) < 0)
        return e->code;
    r->out = json_pack("{s:I}", "id", (json_int_t)arg_id(r));
    return 0;
}

static enum MHD_Result on_proposal(struct request *r, const char *schema,
                                   int (*command)(struct request *r, struct engine_pass *p,
                                                  struct err *e))
{
    int64_t id;

    if (!api_is_person(r) || !api_arg_int(r, 0, &id) || (schema && !api_body(r, schema)))
        return MHD_YES;
    return api_command(r, command);
}

enum MHD_Result api_decide(struct request *r)
{
    return on_proposal(r, "DecisionRequest", decide);
}

enum MHD_Result api_edit(struct request *r)
{
    return on_proposal(r, "EditRequest", edit);
}

enum MHD_Result api_undo(struct request *r)
{
    return on_proposal(r, NULL, undo);
}

enum MHD_Result api_settle(struct request *r)
{
    return on_proposal(r, "SettleRequest", settle);
}

static int propose(struct request *r, struct engine_pass *p, struct err *e)
{
    struct gate_action actions[GATE_ACTIONS_MAX];
    json_t *list = json_opt_arr(r->json, "actions");
    size_t n = json_array_size(list);
    const char *note = NULL;
    int64_t id = 0;

    for (size_t i = 0; i < n && i < GATE_ACTIONS_MAX; i++) {
        const json_t *a = json_array_get(list, i);

        actions[i] =
            (struct gate_action){.verb = json_opt_str(a, "verb"), .args = json_opt_obj(a, "args")};
    }
    if (triage_propose_by_person(p, r->args[0], &r->caller.person, actions, n,
                                 json_opt_str(r->json, "why"), &id, &note, e) < 0)
        return e->code;
    if (id == 0)
        return err_set(e, ERR_CONFLICT, "not proposed: %s", note ? note : "nothing to do");
    r->out = json_pack("{s:I}", "id", (json_int_t)id);
    r->out_status = 201;
    snprintf(r->out_location, sizeof r->out_location, "/api/v1/proposals/%lld", (long long)id);
    return 0;
}

enum MHD_Result api_propose(struct request *r)
{
    if (!api_is_person(r) || !api_body(r, "ProposalRequest"))
        return MHD_YES;
    return api_command(r, propose);
}

enum MHD_Result api_standing(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    struct err e = {0};
    json_t *out = NULL;

    if (!rd)
        return MHD_YES;
    return api_answer(r, gate_standing_list(rd->gate, &out, &e), &out, &e);
}

static int standing_add(struct request *r, struct engine_pass *p, struct err *e)
{
    int64_t id = 0;
    int64_t until = p->now_wall_ms + json_opt_int(r->json, "days", 90) * 86400000;
    json_t *services = json_opt_arr(r->json, "services");
    AUTO(json_freep) json_t *all = services ? NULL : json_pack("[s]", "*");

    if (gate_standing_add(p, &r->caller.person, json_opt_str(r->json, "template"),
                          services ? services : all,
                          (int)json_opt_int(r->json, "max_per_hour", 120), until, &id, e) < 0)
        return e->code;
    r->out = json_pack("{s:I}", "id", (json_int_t)id);
    r->out_status = 201;
    return 0;
}

enum MHD_Result api_standing_add(struct request *r)
{
    if (!api_is_person(r) || !api_body(r, "StandingRequest"))
        return MHD_YES;
    return api_command(r, standing_add);
}

static int standing_revoke(struct request *r, struct engine_pass *p, struct err *e)
{
    return gate_standing_revoke(p, arg_id(r), &r->caller.person, e);
}

enum MHD_Result api_standing_revoke(struct request *r)
{
    int64_t id;

    if (!api_is_person(r) || !api_arg_int(r, 0, &id))
        return MHD_YES;
    return api_command(r, standing_revoke);
}
