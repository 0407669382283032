/* The sections that say what a model may be asked, with which words taken out. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "config/config_priv.h"

#define MICRO 1000000.0

static const char *text_or(struct config_box *c, const json_t *s, const char *key, const char *def)
{
    const char *v = json_opt_str(s, key);

    return v ? arena_strdup(c->arena, v) : def;
}

/* A price or budget is written in the currency itself and kept in micro-units, so that sums stay exact. */
static int64_t micro(const json_t *s, const char *key)
{
    const json_t *v = json_object_get(s, key);

    return v ? (int64_t)(json_number_value(v) * MICRO + 0.5) : 0;
}

/* What each dialect takes when nothing else is said. */
static const struct dialect_default {
    const char *dialect, *auth, *schema_mode;
} dialect_defaults[] = {
    {"openai_chat", "bearer", "strict"},
    {"anthropic", "x-api-key", "strict"},
    {"ollama", "none", "ollama_format"},
};

static const struct dialect_default *default_of(const char *dialect)
{
    for (size_t i = 0; i < ARRAY_LEN(dialect_defaults); i++)
        if (text_eq(dialect_defaults[i].dialect, dialect))
            return &dialect_defaults[i];
    return &dialect_defaults[0]; /* the schema knows no other */
}

static void read_budget(struct config_model *m, const json_t *s)
{
    const json_t *price = json_opt_obj(s, "price_per_mtok"), *b = json_opt_obj(s, "budget");

    m->price_input = micro(price, "input");
    m->price_cached_input = micro(price, "cached_input");
    m->price_cache_write = micro(price, "cache_write");
    m->price_output = micro(price, "output");
    m->tokens_per_incident = json_opt_int(b, "tokens_per_incident", 40000);
    m->tokens_per_hour = json_opt_int(b, "tokens_per_hour", 400000);
    m->tokens_per_day = json_opt_int(b, "tokens_per_day", 2000000);
    m->cost_per_incident = micro(b, "cost_per_incident");
    m->cost_per_hour = micro(b, "cost_per_hour");
    m->cost_per_day = micro(b, "cost_per_day");
}

static void read_limits(struct config_model *m, const json_t *s)
{
    const json_t *per_token = json_object_get(s, "bytes_per_token");

    m->timeout_ms = json_opt_int(s, "timeout_ms", 60000);
    m->deadline_ms = json_opt_int(s, "deadline_ms", 120000);
    m->context_tokens = json_opt_int(s, "context_tokens", 32000);
    m->max_output_tokens = json_opt_int(s, "max_output_tokens", 2000);
    m->bytes_per_token_x10 = per_token ? (int64_t)(json_number_value(per_token) * 10 + 0.5) : 30;
    m->reuse_ms = json_opt_int(s, "reuse_s", 1800) * 1000;
    m->breaker_failures = json_opt_int(s, "breaker_failures", 5);
    m->breaker_open_ms = json_opt_int(s, "breaker_open_s", 60) * 1000;
    m->canary_ms = json_opt_int(s, "canary_s", 86400) * 1000;
}

int config_read_model(struct config_box *c, const struct yaml_doc *doc, const json_t *s,
                      struct err *e)
{
    struct config_model *m = &c->pub.model;
    const struct dialect_default *def = default_of(json_opt_str(s, "dialect"));

    m->base_url = text_or(c, s, "base_url", NULL);
    m->dialect = def->dialect;
    m->path = text_or(c, s, "path", NULL);
    m->auth = text_or(c, s, "auth", def->auth);
    m->schema_mode = text_or(c, s, "schema_mode", def->schema_mode);
    m->name = text_or(c, s, "name", "");
    m->reasoning = json_opt_bool(s, "reasoning", false);
    m->canary = json_opt_bool(s, "canary", true);
    m->allow_private = json_opt_bool(s, "allow_private_addresses", false);
    read_limits(m, s);
    read_budget(m, s);
    if (!s)
        return 0;
    if (m->max_output_tokens * 2 > m->context_tokens)
        return yaml_error(doc, "/model/max_output_tokens", e,
                          "more than half of context_tokens leaves no room for the evidence");
    if (!text_eq(m->dialect, "openai_chat") && !text_eq(m->schema_mode, def->schema_mode) &&
        !text_eq(m->schema_mode, "prompt_only"))
        return yaml_error(doc, "/model/schema_mode", e,
                          "the dialect %s knows only %s and prompt_only", m->dialect,
                          def->schema_mode);
    if (text_eq(m->auth, "none"))
        return 0;
    return config_secret(c, doc, "/model/key_file", json_opt_str(s, "key_file"),
                         "TRIAGED_MODEL_KEY", &m->key, e);
}

/* ---- what may be sent ---- */

static const char *const *names(struct config_box *c, const json_t *list, size_t *n)
{
    const char **v;

    *n = json_array_size(list);
    if (!list)
        return NULL;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
    v = arena_array(c->arena, *n + 1, sizeof *v);
    for (size_t i = 0; i < *n; i++)
        v[i] = arena_strdup(c->arena, json_string_value(json_array_get(list, i)));
    return v;
}

static struct config_send send_of(struct config_box *c, const char *service_id, const json_t *s)
{
    struct config_send out = {.service_id = arena_strdup(c->arena, service_id),
                              .model = json_opt_bool(s, "model", true)};

    out.kinds = names(c, json_opt_arr(s, "kinds"), &out.n_kinds);
    out.details = names(c, json_opt_arr(s, "details"), &out.n_details);
    return out;
}

void config_read_send(struct config_box *c, const json_t *s)
{
    struct config_send *rows = arena_array(c->arena, json_object_size(s) + 1, sizeof *rows);
    const char *id;
    json_t *value;
    size_t n = 0;

    json_object_foreach ((json_t *)(uintptr_t)s, id, value)
        if (!text_eq(id, "default"))
            rows[n++] = send_of(c, id, value);
    rows[n++] = send_of(c, "", json_opt_obj(s, "default"));
    c->pub.send = rows;
    c->pub.n_send = n;
}

const struct config_send *config_service_send(const struct config *c, const char *service_id)
{
    for (size_t i = 0; service_id && i + 1 < c->n_send; i++)
        if (text_eq(c->send[i].service_id, service_id))
            return &c->send[i];
    return &c->send[c->n_send - 1];
}

void config_read_redaction(struct config_box *c, const json_t *s)
{
    struct config_redaction *r = &c->pub.redaction;
    const json_t *extra = json_opt_arr(s, "extra");

    r->off = names(c, json_opt_arr(s, "off"), &r->n_off);
    r->on = names(c, json_opt_arr(s, "on"), &r->n_on);
    for (size_t i = 0; i < json_array_size(extra) && i < CONFIG_REDACT_EXTRA_MAX; i++)
        r->extra[r->n_extra++] = (struct config_redact_pattern){
            .name = arena_strdup(c->arena, json_opt_str(json_array_get(extra, i), "name")),
            .pattern = arena_strdup(c->arena, json_opt_str(json_array_get(extra, i), "pattern"))};
}
