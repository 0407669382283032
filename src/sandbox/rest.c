#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "sandbox/json_build.h"
#include "sandbox/outside.h"
#include "sandbox/req.h"

#define VENDOR_TYPE "application/vnd.pagerduty+json;version=2"
enum {
    REPLY_JSON_TOKENS = 200000
};

static const struct route *const tables[] = {
    rest_incident_routes,     rest_write_routes,  rest_evidence_routes,   rest_config_routes,
    rest_subscription_routes, control_routes,     control_world_routes,   model_routes,
    outside_metric_routes,    outside_web_routes, outside_control_routes,
};
enum {
    MAX_ROUTES = 40
};
static int64_t counters[ARRAY_LEN(tables)][MAX_ROUTES];

static struct token tokens[N_TOKENS] = {
    [TOKEN_FULL] = {"full", "sandboxfullaccesskey", -1},
    [TOKEN_READ_ONLY] = {"read_only", "sandboxreadonlytoken", -1},
    [TOKEN_USER] = {"user", "sandboxuserleveltokn", 0},
};

static struct {
    int limit, window_s, others_per_min;
    int64_t start_mono_ms[N_TOKENS];
    int used[N_TOKENS];
} limiter = {.limit = 960, .window_s = 60};

void req_done(struct req *r)
{
    free(r->method);
    free(r->path);
    buf_done(&r->body);
    json_decref(r->query);
    free(r->authorization);
    free(r->from);
    free(r->accept);
    free(r->content_type);
    free(r->api_key);
    free(r->location);
    json_decref(r->json);
    json_decref(r->reply);
    free(r->raw);
    memset(r, 0, sizeof *r);
}

void req_free(struct req *r)
{
    if (r != NULL)
        req_done(r);
    free(r);
}

const char *req_param(const struct req *r, const char *name)
{
    return json_string_value(json_array_get(json_object_get(r->query, name), 0));
}

const json_t *req_params(const struct req *r, const char *name)
{
    return json_object_get(r->query, name);
}

bool req_param_has(const json_t *values, const char *value)
{
    for (size_t i = 0; i < json_array_size(values); i++)
        if (text_eq(json_string_value(json_array_get(values, i)), value))
            return true;
    return false;
}

/* ---- answers ---- */

void reply_json(struct req *r, int status, json_t *body)
{
    json_decref(r->reply);
    r->status = status;
    r->reply = body;
}

void reply_error(struct req *r, int status, int code, const char *message, const char *detail)
{
    json_t *errors = json_array();

    if (detail != NULL && detail[0] != '\0')
        json_array_append_new(errors, json_string(detail));
    reply_json(r, status,
               json_pack("{s:{s:s, s:i, s:o}}", "error", "message", message, "code", code, "errors",
                         errors));
}

void reply_fail(struct req *r, const struct fail *f)
{
    reply_error(r, f->http, f->code, f->message, f->detail);
}

void reply_not_found(struct req *r)
{
    reply_error(r, 404, 2100, "Not Found", NULL);
}

static bool number_param(struct req *r, const char *name, int64_t max, size_t *out)
{
    const char *text = req_param(r, name);
    struct err e = {0};
    int64_t v = 0;

    if (text == NULL)
        return true;
    if (parse_i64(text, 0, INT64_C(1000000000), &v, &e) < 0) {
        reply_error(r, 400, 2001, "Invalid Input Provided", name);
        return false;
    }
    *out = (size_t)(v > max ? max : v);
    return true;
}

bool page_read(struct req *r, struct page *p)
{
    *p = (struct page){.limit = 25, .total = text_eq(req_param(r, "total"), "true")};
    if (!number_param(r, "limit", 100, &p->limit) ||
        !number_param(r, "offset", 1000000000, &p->offset))
        return false;
    if (p->limit == 0)
        p->limit = 25;
    if (p->offset + p->limit > 10000) {
        reply_error(r, 400, 2002, "Arguments Caused Error",
                    "Offset plus limit must not exceed 10000");
        return false;
    }
    return true;
}

void reply_page(struct req *r, const struct page *p, const char *name, json_t *list)
{
    size_t n = json_array_size(list);
    json_t *part = json_array(), *o;

    for (size_t i = p->offset; i < n && i < p->offset + p->limit; i++)
        json_array_append(part, json_array_get(list, i));
    o = json_pack("{s:o, s:i, s:i, s:b}", name, part, "limit", (int)p->limit, "offset",
                  (int)p->offset, "more", p->offset + p->limit < n);
    json_object_set_new(o, "total", p->total ? json_integer((json_int_t)n) : json_null());
    json_decref(list);
    reply_json(r, 200, o);
}

unsigned include_read(const struct req *r, bool *bad)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {
        {"assignees", INC_ASSIGNEES},
        {"services", INC_SERVICES},
        {"escalation_policies", INC_POLICIES},
        {"priorities", INC_PRIORITIES},
        {"first_trigger_log_entries", INC_FIRST_LOG},
        {"teams", INC_TEAMS},
        {"acknowledgers", INC_ACKNOWLEDGERS},
        {"custom_fields", INC_CUSTOM_FIELDS},
        {"channels", INC_CHANNELS},
        {"incidents", INC_INCIDENTS},
        {"users", INC_USERS},
        {"targets", INC_TARGETS},
        {"conference_bridge", INC_CONFERENCE_BRIDGE},
        {"agents", INC_AGENTS},
        {"integrations", INC_OTHER},
        {"schedules", INC_OTHER},
        {"contact_methods", INC_OTHER},
        {"notification_rules", INC_OTHER},
        {"escalation_rule_assignment_strategies", INC_OTHER},
        {"auto_pause_notifications_parameters", INC_OTHER},
        {"subdomains", INC_OTHER},
    };
    const json_t *values = req_params(r, "include[]");
    unsigned bits = 0;

    *bad = false;
    for (size_t i = 0; i < json_array_size(values); i++) {
        const char *word = json_string_value(json_array_get(values, i));
        unsigned bit = 0;

        for (size_t w = 0; w < ARRAY_LEN(words); w++)
            if (text_eq(word, words[w].word))
                bit = words[w].bit;
        *bad = *bad || bit == 0;
        bits |= bit;
    }
    return bits;
}

/* ---- tokens and the limiter ---- */

int rest_tokens_load(const char *path, struct err *e)
{
    AUTO(mem_freep) char *text = NULL;
    AUTO(json_freep) json_t *root = NULL;
    size_t len = 0;

    if (file_read(path, 4096, &text, &len, e) < 0 || json_parse(text, len, 100, &root, e) < 0)
        return err_wrap(e, "token file");
    for (size_t i = 0; i < N_TOKENS; i++) {
        const char *value = json_opt_str(root, tokens[i].kind);

        if (value != NULL && (strlen(value) < 8 || strlen(value) >= sizeof tokens[i].value))
            return err_set(e, ERR_INPUT, "token file: '%s' needs 8 to 63 characters",
                           tokens[i].kind);
        if (value != NULL)
            snprintf(tokens[i].value, sizeof tokens[i].value, "%s", value);
    }
    if (json_opt_str(root, "user_email") != NULL) {
        tokens[TOKEN_USER].user = company_user(json_opt_str(root, "user_email"));
        if (tokens[TOKEN_USER].user < 0)
            return err_set(e, ERR_INPUT, "token file: 'user_email' is nobody of this company");
    }
    return 0;
}

void rest_limiter(int limit, int window_s, int others_per_min, bool restart)
{
    limiter.limit = limit;
    limiter.window_s = window_s > 0 ? window_s : 60;
    limiter.others_per_min = others_per_min;
    if (restart)
        memset(limiter.start_mono_ms, 0, sizeof limiter.start_mono_ms);
}

/* A fixed window per key, as the published headers describe it. False: refused and answered. */
static bool limiter_allows(struct req *r)
{
    size_t t = (size_t)(r->token - tokens);
    int64_t now = clock_mono_ms(), window_ms = (int64_t)limiter.window_s * 1000, passed;
    int used;

    if (limiter.limit <= 0)
        return true;
    if (limiter.start_mono_ms[t] == 0 || now - limiter.start_mono_ms[t] >= window_ms) {
        limiter.start_mono_ms[t] = now;
        limiter.used[t] = 0;
    }
    passed = now - limiter.start_mono_ms[t];
    used = limiter.used[t] + (int)(limiter.others_per_min * passed / 60000);
    r->limited = true;
    r->limit = limiter.limit;
    r->reset_s = (int)((window_ms - passed + 999) / 1000);
    r->remaining = used >= limiter.limit ? 0 : limiter.limit - used - 1;
    if (used >= limiter.limit) {
        reply_error(r, 429, 2020, "Rate Limit Exceeded", NULL);
        return false;
    }
    limiter.used[t]++;
    return true;
}

static const struct token *token_find(const char *authorization)
{
    static const char prefix[] = "Token token=";
    const char *value;

    if (authorization == NULL || strncasecmp(authorization, prefix, sizeof prefix - 1) != 0)
        return NULL;
    value = authorization + sizeof prefix - 1;
    for (size_t i = 0; i < N_TOKENS; i++)
        if (strcmp(tokens[i].value, value) == 0)
            return &tokens[i];
    return NULL;
}

/* ---- routes ---- */

/* Compares a path with a pattern; {} takes one segment that is not empty. */
static bool path_match(const char *pattern, const char *path, struct req *r)
{
    size_t seg = 0;

    while (*pattern != '\0') {
        if (pattern[0] == '{') {
            size_t len = strcspn(path, "/");

            if (len == 0 || len >= sizeof r->seg[0] || seg >= ARRAY_LEN(r->seg))
                return false;
            memcpy(r->seg[seg], path, len);
            r->seg[seg++][len] = '\0';
            pattern += 2;
            path += len;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

static const struct route *route_find(struct req *r, bool *other_method)
{
    *other_method = false;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (size_t i = 0; tables[t][i].method != NULL; i++) {
            if (!path_match(tables[t][i].pattern, r->path, r))
                continue;
            if (strcmp(tables[t][i].method, r->method) == 0) {
                CHECK(i < MAX_ROUTES);
                counters[t][i]++;
                return &tables[t][i];
            }
            *other_method = true;
        }
    return NULL;
}

json_t *rest_counters(void)
{
    json_t *o = json_object();

    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (size_t i = 0; tables[t][i].method != NULL; i++)
            if (counters[t][i] > 0 && !rest_is_control(tables[t][i].pattern)) {
                char name[128];

                snprintf(name, sizeof name, "%s %s", tables[t][i].method, tables[t][i].pattern);
                json_object_set_new(o, name, json_integer(counters[t][i]));
            }
    return o;
}

bool rest_is_control(const char *path)
{
    return text_starts(path, "/_sandbox/");
}

bool rest_is_outside(const char *path)
{
    return text_starts(path, "/_outside/");
}

static bool is_model(const char *path)
{
    return text_starts(path, "/v1/") || text_starts(path, "/api/chat") ||
           text_starts(path, "/openai/");
}

/* ---- what PagerDuty checks before it looks at the request ---- */

static bool check_token(struct req *r, const struct route *route)
{
    r->token = token_find(r->authorization);
    if (r->token == NULL) {
        /* PagerDuty's 401 is not JSON either. */
        r->status = 401;
        r->raw = mem_strdup("HTTP Token: Access denied.\n");
        r->raw_type = "text/plain";
        return false;
    }
    if (!limiter_allows(r))
        return false;
    if (r->accept == NULL || strcasestr(r->accept, VENDOR_TYPE) == NULL) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "Accept must be " VENDOR_TYPE);
        return false;
    }
    if ((route->flags & F_WRITE) != 0 && strcmp(r->token->kind, "read_only") == 0) {
        reply_error(r, 403, 2010, "Access Denied", NULL);
        return false;
    }
    if ((route->flags & F_USER) != 0 && r->token->user < 0) {
        reply_error(r, 400, 2001, "Invalid Input Provided",
                    "This endpoint needs a user-level credential");
        return false;
    }
    return true;
}

/* Who acts: the user of a user token, else the From header. False: refused and answered. */
static bool check_actor(struct req *r, const struct route *route)
{
    int user = r->token->user;

    if (user < 0 && r->from != NULL) {
        user = text_is_email(r->from) ? company_user(r->from) : -1;
        if (user < 0 && (route->flags & F_FROM) != 0) {
            reply_error(r, 400, 1008, "Requester User Not Found", NULL);
            return false;
        }
    }
    if (user < 0 && (route->flags & F_FROM) != 0) {
        reply_error(r, 400, 2001, "Invalid Input Provided",
                    "You must specify a user's email address in the From header");
        return false;
    }
    r->actor = (struct actor){.source = "api", .token = r->token->kind, .from = r->from};
    if (user >= 0)
        r->actor.agent = (struct agent){AGENT_USER, user};
    return true;
}

static bool check_body(struct req *r, const struct route *route, bool strict)
{
    struct err e = {0};

    if ((route->flags & F_BODY) == 0)
        return true;
    if (strict && (r->content_type == NULL || !text_starts(r->content_type, "application/json"))) {
        reply_error(r, 415, 2001, "Invalid Input Provided",
                    "Content-Type must be application/json");
        return false;
    }
    if (json_parse(buf_str(&r->body), r->body.len, REPLY_JSON_TOKENS, &r->json, &e) < 0 ||
        !json_is_object(r->json)) {
        reply_error(r, 400, 2001, "Invalid Input Provided",
                    e.msg[0] != '\0' ? e.msg : "The body must be a JSON object");
        return false;
    }
    return true;
}

static bool check_ability(struct req *r, const struct route *route)
{
    int off = route->ability < 0 ? 0 : world.ability_off[route->ability];

    if (off == 0)
        return true;
    if (off == 404)
        reply_not_found(r);
    else if (off == 403)
        reply_error(r, 403, 2010, "Access Denied", NULL);
    else
        reply_error(r, off, 2014, "Account does not have the abilities to perform the action",
                    ability_names[route->ability]);
    return false;
}

/* While the lock is held: values may be shared with the world, and nothing of it leaves the lock. */
static void make_text(struct req *r)
{
    if (r->reply != NULL)
        r->raw = json_dumps(r->reply, JSON_COMPACT);
    json_decref(r->reply);
    json_decref(r->json);
    r->reply = r->json = NULL;
}

static void handle_outside(struct req *r, const struct route *route)
{
    if (!outside_admit(r))
        return;
    if (route != NULL)
        route->handle(r);
    else
        reply_json(r, 404, json_pack("{s:s}", "message", "Not Found"));
    outside_bend(r);
}

void rest_handle(struct req *r)
{
    bool other_method = false, ours;
    const struct route *route;

    world_lock();
    route = route_find(r, &other_method);
    ours = rest_is_control(r->path) || is_model(r->path) || rest_is_outside(r->path);
    if (rest_is_outside(r->path)) {
        handle_outside(r, route);
    } else if (route == NULL && ours) {
        reply_error(r, other_method ? 405 : 404, 2100, other_method ? "Wrong method" : "Not Found",
                    "docs/sandbox.md lists the paths of the control API");
    } else if (ours) {
        if (r->body.len == 0)
            buf_puts(&r->body, "{}");
        if (check_body(r, route, false))
            route->handle(r);
    } else if (token_find(r->authorization) == NULL || route != NULL) {
        static const struct route none = {.ability = -1};

        if (check_token(r, route != NULL ? route : &none) && route != NULL &&
            check_ability(r, route) && check_body(r, route, true) && check_actor(r, route))
            route->handle(r);
    } else {
        reply_not_found(r);
    }
    if (world.vendor_type && !ours && r->raw == NULL)
        r->raw_type = VENDOR_TYPE;
    CHECK(r->status != 0);
    make_text(r);
    world_unlock();
}
