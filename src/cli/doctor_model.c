#include <string.h>

#include "cli/doctor.h"

/* The model: never needed, so that nothing here is red. */

static void check_key(struct doctor *d)
{
    const struct config_model *m = &d->cfg->model;

    if (strcmp(m->auth, "none") != 0 && !m->key)
        doctor_add(d, WARN, "model key",
                   "no key is configured, and the endpoint may refuse without",
                   "put it into a file (0600) and name it under model.key_file, or say auth: none");
}

static void check_breaker(struct doctor *d, const json_t *m)
{
    const json_t *breaker = json_opt_obj(m, "breaker");

    if (!text_eq(json_opt_str(breaker, "state"), "closed"))
        doctor_add(d, WARN, "model",
                   fmt(d->c, "%s is left alone: %s", member(d->c, m, "endpoint"),
                       member(d->c, breaker, "why")),
                   "triage goes on with rules alone; it is tried again by itself");
    else if (!json_opt_str(m, "canary_at"))
        doctor_add(d, OK, "model",
                   fmt(d->c, "%s at %s; not asked yet", member(d->c, m, "model"),
                       member(d->c, m, "endpoint")),
                   NULL);
    else
        doctor_add(d, OK, "model",
                   fmt(d->c, "%s at %s answers (tried %s)", member(d->c, m, "model"),
                       member(d->c, m, "endpoint"), ago(d->c, when_ms(m, "canary_at"))),
                   NULL);
}

static void check_schema(struct doctor *d, const json_t *m)
{
    const json_t *kept = json_object_get(m, "schema_enforced");

    if (json_is_false(kept))
        doctor_add(
            d, WARN, "model schema", "the endpoint does not keep to a JSON Schema",
            "choose another model.schema_mode or model; replies are checked here in any case");
    else if (json_is_true(kept))
        doctor_add(d, OK, "model schema", "the endpoint keeps to a JSON Schema", NULL);
}

static void check_budget(struct doctor *d, const json_t *m)
{
    static const struct {
        const char *span, *unit, *limit;
    } rows[] = {{"hour", "tokens", "tokens_per_hour"},
                {"day", "tokens", "tokens_per_day"},
                {"hour", "cost", "cost_per_hour"},
                {"day", "cost", "cost_per_day"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t limit = json_opt_int(json_opt_obj(m, "budget"), rows[i].limit, 0);
        int64_t spent =
            json_opt_int(json_opt_obj(json_opt_obj(m, "spend"), rows[i].span), rows[i].unit, 0);

        if (limit > 0 && spent >= limit / 10 * 9)
            doctor_add(d, WARN, "model budget",
                       fmt(d->c, "%lld of %lld (%s) are spent", (long long)spent, (long long)limit,
                           rows[i].limit),
                       "what would pass it is not asked, and says so; raise it in model.budget");
    }
}

void doctor_model(struct doctor *d, const json_t *status)
{
    const json_t *m = json_opt_obj(status, "model");

    if (d->cfg && !d->cfg->model.base_url) {
        doctor_add(d, OK, "model", "no model is configured: rules, memory and sources speak alone",
                   NULL);
        return;
    }
    if (d->cfg)
        check_key(d);
    if (!m || !json_opt_str(m, "endpoint"))
        return;
    check_breaker(d, m);
    check_schema(d, m);
    check_budget(d, m);
}
