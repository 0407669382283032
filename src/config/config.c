#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "config/config_priv.h"

static const char *const mode_names[] = {
    [MODE_OFF] = "off", [MODE_SHADOW] = "shadow", [MODE_PROPOSE] = "propose"};

const char *mode_name(enum mode m)
{
    return mode_names[m];
}

int mode_parse(const char *s)
{
    for (size_t i = 0; s && i < ARRAY_LEN(mode_names); i++)
        if (strcmp(s, mode_names[i]) == 0)
            return (int)i;
    return -1;
}

static const char *str_or(struct config_box *c, const json_t *section, const char *key,
                          const char *def)
{
    const char *s = json_opt_str(section, key);

    return s ? arena_strdup(c->arena, s) : def;
}

static int64_t seconds_ms(const json_t *section, const char *key, int64_t def_s)
{
    return json_opt_int(section, key, def_s) * 1000;
}

static int read_endpoint(struct config_box *c, const struct yaml_doc *doc, const json_t *row,
                         size_t i, struct err *e)
{
    struct config_endpoint *ep = &c->pub.intake.endpoints[c->pub.intake.n_endpoints];
    const json_t *files = json_opt_arr(row, "secret_files");
    char pointer[64];

    ep->name = arena_strdup(c->arena, json_opt_str(row, "name"));
    for (size_t k = 0; k < c->pub.intake.n_endpoints; k++)
        if (strcmp(c->pub.intake.endpoints[k].name, ep->name) == 0) {
            snprintf(pointer, sizeof pointer, "/intake/webhooks/%zu/name", i);
            return yaml_error(doc, pointer, e, "the name '%s' is used twice", ep->name);
        }
    for (size_t k = 0; k < json_array_size(files); k++) {
        snprintf(pointer, sizeof pointer, "/intake/webhooks/%zu/secret_files/%zu", i, k);
        if (config_secret(c, doc, pointer, json_string_value(json_array_get(files, k)), NULL,
                          &ep->secrets[ep->n_secrets], e) < 0)
            return e->code;
        ep->n_secrets++;
    }
    if (!files && ep->name[0] == '\0') {
        if (config_secret(c, doc, "", NULL, "TRIAGED_WEBHOOK_SECRET", &ep->secrets[0], e) < 0)
            return e->code;
        ep->n_secrets = ep->secrets[0] ? 1 : 0;
    }
    c->pub.intake.n_endpoints++;
    return 0;
}

static int read_intake(struct config_box *c, const struct yaml_doc *doc, const json_t *s,
                       struct err *e)
{
    struct in6_addr any;
    const json_t *rows = json_opt_arr(s, "webhooks");

    c->pub.intake.bind = str_or(c, s, "bind", "127.0.0.1");
    if (inet_pton(AF_INET, c->pub.intake.bind, &any) != 1 &&
        inet_pton(AF_INET6, c->pub.intake.bind, &any) != 1)
        return yaml_error(
            doc, "/intake/bind", e,
            "'%s' is not an IP address; write 127.0.0.1 or ::1, or the address to listen on",
            c->pub.intake.bind);
    c->pub.intake.port = (uint16_t)json_opt_int(s, "port", 8080);
    c->pub.intake.threads = (unsigned)json_opt_int(s, "threads", 2);
    c->pub.intake.connections_max = (unsigned)json_opt_int(s, "connections_max", 1024);
    c->pub.intake.body_max_bytes = (size_t)json_opt_int(s, "body_max_kib", 512) * 1024;
    c->pub.intake.max_age_ms = seconds_ms(s, "max_age_s", INT64_C(7) * 86400);
    c->pub.intake.failed_per_minute = (unsigned)json_opt_int(s, "failed_per_minute", 60);
    if (!rows) {
        AUTO(json_freep) json_t *unnamed = json_pack("{s:s}", "name", "");

        return read_endpoint(c, doc, unnamed, 0, e);
    }
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (read_endpoint(c, doc, json_array_get(rows, i), i, e) < 0)
            return e->code;
    return 0;
}

static int read_pagerduty(struct config_box *c, const struct yaml_doc *doc, const json_t *s,
                          struct err *e)
{
    c->pub.pagerduty.base_url = str_or(c, s, "base_url", "https://api.pagerduty.com");
    c->pub.pagerduty.auth = str_or(c, s, "auth", "token");
    c->pub.pagerduty.from_email = str_or(c, s, "from_email", NULL);
    c->pub.pagerduty.subscription_id = str_or(c, s, "subscription_id", NULL);
    c->pub.pagerduty.per_minute = (unsigned)json_opt_int(s, "per_minute", 960);
    c->pub.pagerduty.reserve_pct = (unsigned)json_opt_int(s, "reserve_percent", 20);
    c->pub.pagerduty.timeout_ms = (unsigned)json_opt_int(s, "timeout_ms", 5000);
    c->pub.pagerduty.allow_private = json_opt_bool(s, "allow_private_addresses", false);
    c->pub.pagerduty.cache_service_ms = seconds_ms(s, "cache_service_s", 600);
    c->pub.pagerduty.cache_policy_ms = seconds_ms(s, "cache_policy_s", 600);
    c->pub.pagerduty.cache_oncall_ms = seconds_ms(s, "cache_oncall_s", 60);
    c->pub.pagerduty.cache_history_ms = seconds_ms(s, "cache_history_s", 300);
    c->pub.pagerduty.history_window_ms = json_opt_int(s, "history_days", 180) * 86400000;
    if (c->pub.pagerduty.from_email && !text_is_email(c->pub.pagerduty.from_email))
        return yaml_error(doc, "/pagerduty/from_email", e, "'%s' is not a bare e-mail address",
                          c->pub.pagerduty.from_email);
    return config_secret(c, doc, "/pagerduty/token_file", json_opt_str(s, "token_file"),
                         "TRIAGED_PAGERDUTY_TOKEN", &c->pub.pagerduty.token, e);
}

static int read_triage_gate(struct config_box *c, const struct yaml_doc *doc, const json_t *t,
                            const json_t *g, struct err *e)
{
    int minute;
    int weekday;
    struct err why = {0};

    c->pub.triage.judge_after_ms = json_opt_int(t, "judge_after_ms", 1500);
    c->pub.triage.refresh_ms = seconds_ms(t, "refresh_s", 30);
    c->pub.triage.proposals_max = (unsigned)json_opt_int(t, "proposals_max", 3);
    c->pub.triage.triage_note = json_opt_bool(t, "triage_note", true);
    c->pub.triage.time_zone = str_or(c, t, "time_zone", "UTC");
    if (time_in_zone(0, c->pub.triage.time_zone, &minute, &weekday, &why) < 0)
        return yaml_error(doc, "/triage/time_zone", e, "%s", why.msg);
    c->pub.gate.expires_ms = seconds_ms(g, "expires_s", 900);
    c->pub.gate.quiet_ms = json_opt_int(g, "quiet_ms", 20000);
    c->pub.gate.resend_gap_ms = json_opt_int(g, "resend_gap_ms", 60000);
    c->pub.gate.send_limit_ms = json_opt_int(g, "send_limit_ms", 10000);
    c->pub.gate.start_limit_ms = json_opt_int(g, "start_limit_ms", 5000);
    c->pub.gate.confirm_wait_ms = json_opt_int(g, "confirm_wait_ms", 500);
    c->pub.gate.unsure_after_ms = json_opt_int(g, "unsure_after_ms", 600000);
    return 0;
}

static void read_modes(struct config_box *c, const json_t *root)
{
    const json_t *modes = json_opt_obj(root, "modes");
    const char *id;
    json_t *value;
    size_t n = 0;
    struct config_service_mode *rows =
        arena_array(c->arena, json_object_size(modes) + 1, sizeof *rows);

    c->pub.mode =
        (enum mode)mode_parse(json_opt_str(root, "mode") ? json_opt_str(root, "mode") : "propose");
    json_object_foreach ((json_t *)(uintptr_t)modes, id, value)
        rows[n++] = (struct config_service_mode){arena_strdup(c->arena, id),
                                                 (enum mode)mode_parse(json_string_value(value))};
    c->pub.service_modes = rows;
    c->pub.n_service_modes = n;
}

static int read_all(struct config_box *c, const struct yaml_doc *doc, struct err *e)
{
    const json_t *root = yaml_root(doc);
    const json_t *log = json_opt_obj(root, "log");

    c->pub.state_dir = config_path(c, json_opt_str(root, "state_dir"));
    c->pub.rules_dir =
        config_path(c, json_opt_str(root, "rules_dir") ? json_opt_str(root, "rules_dir") : "rules");
    c->pub.policy_file = config_path(
        c, json_opt_str(root, "policy_file") ? json_opt_str(root, "policy_file") : "policy.yaml");
    c->pub.sources_file =
        config_path(c, json_opt_str(root, "sources_file") ? json_opt_str(root, "sources_file")
                                                          : "sources.yaml");
    c->pub.runbooks_dir = config_path(
        c, json_opt_str(root, "runbooks_dir") ? json_opt_str(root, "runbooks_dir") : "runbooks");
    if (json_opt_str(root, "prompts_dir"))
        c->pub.prompts_dir = config_path(c, json_opt_str(root, "prompts_dir"));
    config_read_send(c, json_opt_obj(root, "send"));
    config_read_redaction(c, json_opt_obj(root, "redaction"));
    c->pub.log.level = str_or(c, log, "level", "info");
    c->pub.log.json = text_eq(json_opt_str(log, "format"), "json");
    c->pub.clock_offset_ms = seconds_ms(json_opt_obj(root, "development"), "clock_offset_s", 0);
    read_modes(c, root);
    if (read_intake(c, doc, json_opt_obj(root, "intake"), e) < 0 ||
        read_pagerduty(c, doc, json_opt_obj(root, "pagerduty"), e) < 0 ||
        config_read_model(c, doc, json_opt_obj(root, "model"), e) < 0)
        return e->code;
    return read_triage_gate(c, doc, json_opt_obj(root, "triage"), json_opt_obj(root, "gate"), e);
}

static int check_schema(const struct yaml_doc *doc, struct err *e)
{
    AUTO(schema_freep) struct schema *schema = NULL;

    if (schema_new(config_schema_json, config_schema_json_len, &schema, e) < 0)
        return err_wrap(e, "config.schema.json");
    return yaml_check(doc, schema, e);
}

int config_parse(const char *path, const char *bytes, size_t len, struct config **out,
                 struct err *e)
{
    AUTO(yaml_freep) struct yaml_doc *doc = NULL;
    struct config_box *c;

    if (yaml_parse(path, bytes, len, &doc, e) < 0 || check_schema(doc, e) < 0)
        return e->code;
    c = mem_alloc(sizeof *c);
    atomic_init(&c->refs, 1);
    c->arena = arena_new(CONFIG_ARENA_BYTES);
    c->pub.path = arena_strdup(c->arena, path);
    sha256_hex(bytes, len, c->hash);
    if (read_all(c, doc, e) < 0) {
        config_unref(&c->pub);
        return e->code;
    }
    *out = &c->pub;
    return 0;
}

int config_load(const char *path, struct config **out, struct err *e)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;

    if (file_read(path, YAML_MAX_BYTES, &text, &len, e) < 0)
        return e->code;
    return config_parse(path, text, len, out, e);
}

struct config *config_ref(struct config *c)
{
    atomic_fetch_add(&((struct config_box *)c)->refs, 1);
    return c;
}

void config_unref(struct config *pub)
{
    struct config_box *c = (struct config_box *)pub;

    if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    for (size_t i = 0; i < c->n_secrets; i++)
        secret_free(c->secrets[i]);
    arena_free(c->arena);
    mem_freep(&c);
}

const char *config_hash(const struct config *c)
{
    return ((const struct config_box *)c)->hash;
}

enum mode config_service_mode(const struct config *c, const char *service_id)
{
    for (size_t i = 0; service_id && i < c->n_service_modes; i++)
        if (strcmp(c->service_modes[i].service_id, service_id) == 0)
            return c->service_modes[i].mode;
    return c->mode;
}

const char *config_example(void)
{
    return config_example_yaml;
}
