#include "http/api.h"

#include <stdio.h>
#include <string.h>

#include "base/schema.h"
#include "base/text.h"
#include "http/http_api.h"

extern const char openapi_json[];

/*
 * Columns: method, path, handler, least role, who else (http_priv.h). Whatever is not marked AGENT is closed to agents' accounts:
 * who may not decide may not make accounts that can, either (INV-5).
 */
#define LOCAL ROUTE_LOCAL
#define AGENT ROUTE_AGENT
#define READ  (ROUTE_LOCAL | ROUTE_AGENT)
const struct route api_routes[] = {
    {"GET", "/api/v1/openapi.json", api_openapi, ROLE_NONE, READ},
    {"GET", "/api/v1/status", api_status, ROLE_VIEWER, READ},
    {"GET", "/api/v1/incidents", api_incidents, ROLE_VIEWER, READ},
    {"GET", "/api/v1/incidents/{id}", api_incident, ROLE_VIEWER, READ},
    {"GET", "/api/v1/incidents/{id}/explain", api_incident_explain, ROLE_VIEWER, READ},
    {"GET", "/api/v1/incidents/{id}/evidence/{num}", api_evidence, ROLE_VIEWER, READ},
    {"POST", "/api/v1/incidents/{id}/proposals", api_propose, ROLE_RESPONDER, AGENT},
    {"GET", "/api/v1/proposals", api_proposals, ROLE_VIEWER, READ},
    {"GET", "/api/v1/proposals/{id}", api_proposal, ROLE_VIEWER, READ},
    {"GET", "/api/v1/proposals/{id}/explain", api_explain, ROLE_VIEWER, READ},
    {"POST", "/api/v1/proposals/{id}/decision", api_decide, ROLE_RESPONDER, 0},
    {"POST", "/api/v1/proposals/{id}/edit", api_edit, ROLE_RESPONDER, 0},
    {"POST", "/api/v1/proposals/{id}/undo", api_undo, ROLE_RESPONDER, 0},
    {"POST", "/api/v1/proposals/{id}/settle", api_settle, ROLE_RESPONDER, 0},
    {"GET", "/api/v1/standing", api_standing, ROLE_VIEWER, READ},
    {"POST", "/api/v1/standing", api_standing_add, ROLE_ADMIN, 0},
    {"DELETE", "/api/v1/standing/{id}", api_standing_revoke, ROLE_ADMIN, 0},
    {"GET", "/api/v1/audit", api_audit, ROLE_VIEWER, READ},
    {"GET", "/api/v1/audit/export", api_audit_export, ROLE_VIEWER, READ},
    {"GET", "/api/v1/audit/{seq}", api_audit_row, ROLE_VIEWER, READ},
    {"GET", "/api/v1/jobs", api_jobs, ROLE_VIEWER, READ},
    {"POST", "/api/v1/jobs/{id}/retry", api_job_retry, ROLE_RESPONDER, LOCAL},
    {"GET", "/api/v1/quarantine", api_quarantine, ROLE_VIEWER, READ},
    {"POST", "/api/v1/quarantine/{id}/retry", api_quarantine_retry, ROLE_RESPONDER, LOCAL},
    {"GET", "/api/v1/backfill", api_backfill, ROLE_VIEWER, READ},
    {"POST", "/api/v1/backfill", api_backfill_start, ROLE_ADMIN, LOCAL},
    {"DELETE", "/api/v1/backfill", api_backfill_stop, ROLE_ADMIN, LOCAL},
    {"GET", "/api/v1/alarms", api_alarms, ROLE_VIEWER, READ},
    {"GET", "/api/v1/verbs", api_verbs, ROLE_VIEWER, READ},
    {"GET", "/api/v1/rules", api_rules, ROLE_VIEWER, READ},
    {"GET", "/api/v1/llm/calls", api_llm_calls, ROLE_VIEWER, READ},
    {"GET", "/api/v1/llm/calls/{id}", api_llm_call, ROLE_VIEWER, READ},
    {"GET", "/api/v1/kill-switch", api_kill_switch, ROLE_VIEWER, READ},
    {"PUT", "/api/v1/kill-switch", api_kill_switch_set, ROLE_RESPONDER, LOCAL},
    {"GET", "/api/v1/users", api_users, ROLE_VIEWER, READ},
    {"POST", "/api/v1/users", api_user_add, ROLE_ADMIN, LOCAL},
    {"PATCH", "/api/v1/users/{id}", api_user_change, ROLE_ADMIN, LOCAL},
    {"POST", "/api/v1/users/{id}/tokens", api_token_add, ROLE_ADMIN, LOCAL},
    {"DELETE", "/api/v1/tokens/{id}", api_token_revoke, ROLE_ADMIN, LOCAL},
};
const size_t api_routes_len = ARRAY_LEN(api_routes);

enum MHD_Result api_openapi(struct request *r)
{
    answer_text(r, 200, openapi_json);
    r->content_type = "application/json";
    return MHD_YES;
}

const char *api_query(struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->conn, MHD_GET_ARGUMENT_KIND, name);
}

bool api_query_int(struct request *r, const char *name, int64_t min, int64_t max, int64_t def,
                   int64_t *out)
{
    const char *text = api_query(r, name);
    struct err e = {0};

    *out = def;
    if (!text || parse_i64(text, min, max, out, &e) == 0)
        return true;
    answer_problem(r, 400, "the query parameter %s must be a whole number from %lld to %lld", name,
                   (long long)min, (long long)max);
    return false;
}

bool api_arg_int(struct request *r, size_t index, int64_t *out)
{
    struct err e = {0};

    if (parse_i64(r->args[index], 1, INT64_MAX, out, &e) == 0)
        return true;
    answer_problem(r, 404, "nothing is at %s: the id must be a number", r->path);
    return false;
}

bool api_body(struct request *r, const char *schema_name)
{
    const struct schema *schema = http_schema(r->server->schemas, schema_name);
    struct schema_problem problem;
    struct err e = {0};

    if (json_parse(r->body ? r->body : "", r->body_len, 5000, &r->json, &e) < 0) {
        answer_problem(r, 400, "the body must be a JSON object: %s", e.msg);
        return false;
    }
    if (schema_check(schema, r->json, &problem, 1) == 0)
        return true;
    answer_problem(r, 400, "the body at '%s': %s", problem.pointer, problem.msg);
    return false;
}

struct http_readers *api_readers(struct request *r)
{
    struct err e = {0};
    struct http_readers *rd = http_readers_get(r->server, &e);

    if (!rd)
        answer_err(r, &e);
    return rd;
}

enum MHD_Result api_answer(struct request *r, int rc, json_t **j, const struct err *e)
{
    if (rc < 0)
        answer_err(r, e);
    else
        answer_json(r, 200, *j);
    return MHD_YES;
}

enum MHD_Result api_answer_list(struct request *r, int rc, json_t **list, const char *key,
                                int64_t limit, const struct err *e)
{
    size_t n = rc < 0 ? 0 : json_array_size(*list);
    json_t *next = NULL;

    if (rc < 0) {
        answer_err(r, e);
        return MHD_YES;
    }
    if (key && n > 0 && (int64_t)n == limit)
        next = json_object_get(json_array_get(*list, n - 1), key);
    answer_json(r, 200, json_pack("{s:o, s:O?}", "items", *list, "next", next));
    return MHD_YES;
}

static int command_apply(struct engine_fact *f, struct engine_pass *p, struct err *e)
{
    struct request *r = (struct request *)f;

    /* Rights are looked up again where they are used: the person may have been disabled since the header was read. */
    if (r->caller.kind == CALLER_PERSON) {
        struct person now;

        if (people_get(p->people, r->caller.person.id, &now, e) < 0)
            return e->code;
        if (now.disabled || !role_includes(now.role, r->route->role) ||
            (now.agent && !(r->route->flags & ROUTE_AGENT)))
            return err_set(e, ERR_DENIED, "your account no longer has this right");
        r->caller.person = now;
    }
    return r->command(r, p, e);
}

enum MHD_Result api_command(struct request *r,
                            int (*command)(struct request *r, struct engine_pass *p, struct err *e))
{
    r->fact.apply = command_apply;
    r->command = command;
    return request_wait(r);
}

const char *api_actor(const struct request *r, char out[32])
{
    if (r->caller.kind == CALLER_PERSON)
        snprintf(out, 32, "%s:%lld", r->caller.person.agent ? "agent" : "person",
                 (long long)r->caller.person.id);
    else
        snprintf(out, 32, "local");
    return out;
}

bool api_is_person(struct request *r)
{
    if (r->caller.kind == CALLER_PERSON)
        return true;
    answer_problem(r, 401, "deciding needs a person's token");
    return false;
}
