#include "sandbox/outside.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* Rules about how the outside world behaves, and the record of what it was asked. */

enum {
    RULES_MAX = 16,
    KEPT = 200,
    HANG_MS = 60000,
    SLOW_MS = 5000,
    DRIP_MS = 100
};
enum bend {
    B_OK,
    B_HANG,
    B_SLOW,
    B_DRIP,
    B_500,
    B_GARBAGE,
    B_ENDLESS,
    B_LYING_LENGTH,
    B_REDIRECT,
    B_GZIP_BOMB,
    N_BENDS
};
static const char *const bend_names[N_BENDS] = {"ok",       "hang",     "slow",    "drip",
                                                "500",      "garbage",  "endless", "lying_length",
                                                "redirect", "gzip_bomb"};

struct rule {
    char *path, *location,
        *credential; /* credential: what Authorization must be, NULL: anything goes */
    enum bend bend;
    int64_t delay_ms, length; /* delay -1: the mode's own; length -1: twice what is sent */
};
static struct {
    struct rule rules[RULES_MAX];
    size_t n;
    json_t *requests; /* the latest */
    int64_t asked;
} outside;

static void rule_done(struct rule *rule)
{
    free(rule->path);
    free(rule->location);
    free(rule->credential);
    memset(rule, 0, sizeof *rule);
}

void outside_reset(void)
{
    for (size_t i = 0; i < outside.n; i++)
        rule_done(&outside.rules[i]);
    json_decref(outside.requests);
    memset(&outside, 0, sizeof outside);
    outside.requests = json_array();
}

/* The longest path that the request begins with. */
static const struct rule *rule_for(const char *path)
{
    const struct rule *best = NULL;

    for (size_t i = 0; i < outside.n; i++)
        if (text_starts(path, outside.rules[i].path) &&
            (best == NULL || strlen(outside.rules[i].path) > strlen(best->path)))
            best = &outside.rules[i];
    return best;
}

bool outside_admit(struct req *r)
{
    const struct rule *rule = rule_for(r->path);

    outside.asked++;
    json_array_append_new(outside.requests,
                          json_pack("{s:s, s:O, s:s?, s:s?}", "path", r->path, "query", r->query,
                                    "authorization", r->authorization, "api_key", r->api_key));
    if (json_array_size(outside.requests) > KEPT)
        json_array_remove(outside.requests, 0);
    if (rule != NULL && rule->credential != NULL && !text_eq(rule->credential, r->authorization)) {
        reply_json(r, 401, json_pack("{s:s, s:s}", "message", "Bad credentials", "status", "401"));
        return false;
    }
    return true;
}

static void say_raw(struct req *r, int status, const char *text, const char *type)
{
    json_decref(r->reply);
    r->reply = NULL;
    r->status = status;
    r->raw = mem_strdup(text);
    r->raw_type = type;
}

void outside_bend(struct req *r)
{
    static const int64_t own_ms[N_BENDS] = {
        [B_HANG] = HANG_MS, [B_SLOW] = SLOW_MS, [B_DRIP] = DRIP_MS};
    static const enum req_way ways[N_BENDS] = {[B_HANG] = WAY_HANG,
                                               [B_DRIP] = WAY_DRIP,
                                               [B_ENDLESS] = WAY_ENDLESS,
                                               [B_LYING_LENGTH] = WAY_LYING_LENGTH,
                                               [B_GZIP_BOMB] = WAY_GZIP_BOMB};
    const struct rule *rule = rule_for(r->path);

    if (rule == NULL)
        return;
    r->hold_ms = rule->delay_ms >= 0 ? rule->delay_ms : own_ms[rule->bend];
    r->way = ways[rule->bend];
    r->length = rule->length;
    if (r->way == WAY_DRIP) {
        r->drip_ms = r->hold_ms > 0 ? r->hold_ms : DRIP_MS;
        r->hold_ms = 0;
    }
    if (rule->bend == B_500)
        say_raw(r, 500, "Internal Server Error\n", "text/plain");
    if (rule->bend == B_GARBAGE)
        say_raw(r, 200,
                "\x7f"
                "ELF\x02\x01 {\"status\":\"success\",\"data\":{\"result\":[[[ \xff\xfe",
                "application/json");
    if (rule->bend == B_REDIRECT) {
        say_raw(r, 302, "Found\n", "text/plain");
        r->location = mem_strdup(rule->location);
    }
}

/* ---- the control API ---- */

static json_t *view(void)
{
    json_t *rules = json_array();

    for (size_t i = 0; i < outside.n; i++)
        json_array_append_new(rules,
                              json_pack("{s:s, s:s, s:I, s:b}", "path", outside.rules[i].path,
                                        "mode", bend_names[outside.rules[i].bend], "delay_ms",
                                        (json_int_t)outside.rules[i].delay_ms, "credential_asked",
                                        outside.rules[i].credential != NULL));
    return json_pack("{s:o, s:I, s:O}", "rules", rules, "asked", (json_int_t)outside.asked,
                     "requests", outside.requests);
}

static void get_outside(struct req *r)
{
    reply_json(r, 200, view());
}

static struct rule *rule_at(const char *path)
{
    for (size_t i = 0; i < outside.n; i++)
        if (strcmp(outside.rules[i].path, path) == 0)
            return &outside.rules[i];
    return outside.n < RULES_MAX ? &outside.rules[outside.n++] : NULL;
}

/* "path" may be written with or without the /_outside in front. */
static char *path_of(const json_t *j)
{
    const char *given = json_opt_str(j, "path");
    struct buf b;

    buf_init(&b, 1024);
    buf_puts(&b, given != NULL && text_starts(given, "/_outside/") ? "" : "/_outside");
    if (given == NULL || given[0] != '/')
        buf_puts(&b, "/");
    buf_puts(&b, given);
    return buf_take(&b, &(size_t){0});
}

static void post_outside(struct req *r)
{
    const char *mode = json_opt_str(r->json, "mode");
    const char *location = json_opt_str(r->json, "location");
    enum bend bend = B_OK;
    struct rule *rule;
    char *path;

    while (mode != NULL && bend < N_BENDS && strcmp(mode, bend_names[bend]) != 0)
        bend++;
    if (bend == N_BENDS) {
        reply_error(
            r, 400, 2001, "Invalid Input Provided",
            "mode: ok, hang, slow, drip, 500, garbage, endless, lying_length, redirect or gzip_bomb");
        return;
    }
    path = path_of(r->json);
    rule = rule_at(path);
    if (rule == NULL) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "at most 16 paths; reset forgets them");
        free(path);
        return;
    }
    rule_done(rule);
    rule->path = path;
    rule->bend = bend;
    rule->delay_ms = json_opt_int(r->json, "delay_ms", -1);
    rule->length = json_opt_int(r->json, "length", -1);
    rule->location =
        mem_strdup(location != NULL ? location : "http://127.0.0.1:9/_outside/redirected");
    rule->credential = mem_strdup(json_opt_str(r->json, "authorization"));
    get_outside(r);
}

const struct route outside_control_routes[] = {
    {"GET", "/_sandbox/outside", get_outside, 0, -1},
    {"POST", "/_sandbox/outside", post_outside, F_BODY, -1},
    {NULL, NULL, NULL, 0, 0},
};
