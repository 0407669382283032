#include <stdio.h>

#include "cli/card.h"

/* model: how it stands with the endpoint, and the recent calls. explain incident: everything behind an assessment. */

#define CALLS "/api/v1/llm/calls"

/* ---- status ---- */

static const char *limit_text(struct cli *c, const json_t *budget, const char *key)
{
    int64_t v = json_opt_int(budget, key, 0);

    return v ? fmt(c, "%lld", (long long)v) : "no limit";
}

static const char *money(struct cli *c, int64_t micro)
{
    return fmt(c, "%lld.%04lld", (long long)(micro / 1000000), (long long)(micro % 1000000 / 100));
}

static void spend_print(struct cli *c, const json_t *m, const char *name, const char *span_name)
{
    const json_t *spend = json_opt_obj(json_opt_obj(m, "spend"), name);
    const json_t *budget = json_opt_obj(m, "budget");

    field(c, fmt(c, "this %s", span_name),
          fmt(c, "%s calls, %s tokens of %s, cost %s of %s", member(c, spend, "calls"),
              member(c, spend, "tokens"), limit_text(c, budget, fmt(c, "tokens_per_%s", name)),
              money(c, json_opt_int(spend, "cost", 0)),
              json_opt_int(budget, fmt(c, "cost_per_%s", name), 0)
                  ? money(c, json_opt_int(budget, fmt(c, "cost_per_%s", name), 0))
                  : "no limit"));
}

void model_print(struct cli *c, const json_t *m)
{
    const json_t *breaker = json_opt_obj(m, "breaker"),
                 *kept = json_object_get(m, "schema_enforced");
    const char *state = json_opt_str(breaker, "state");

    if (!json_opt_str(m, "endpoint")) {
        field(c, "model", "no model (the section `model` of the configuration names one)");
        return;
    }
    field(c, "model", fmt(c, "%s at %s", member(c, m, "model"), member(c, m, "endpoint")));
    field(c, "breaker",
          text_eq(state, "closed")
              ? fmt(c, "closed, %s failures in a row", member(c, breaker, "failures"))
              : fmt(c, "%s: %s%s", paint(c, RED, show(c, state)), member(c, breaker, "why"),
                    when_ms(breaker, "until")
                        ? fmt(c, "; tried again %s", clock_of(c, when_ms(breaker, "until")))
                        : ""));
    field(c, "schema",
          json_is_true(kept)    ? "the endpoint keeps to it"
          : json_is_false(kept) ? paint(c, YELLOW,
                                        "the endpoint does not keep to it; replies are "
                                        "checked here in any case")
                                : "not tried yet");
    spend_print(c, m, "hour", "hour");
    spend_print(c, m, "day", "day");
}

/* ---- calls ---- */

static const char *tokens_text(struct cli *c, const json_t *x)
{
    const json_t *u = json_opt_obj(x, "usage");
    int64_t in = json_opt_int(u, "input", 0) + json_opt_int(u, "cached", 0) +
                 json_opt_int(u, "cache_write", 0);

    return json_opt_str(u, "from")
               ? fmt(c, "%lld+%lld", (long long)in, (long long)json_opt_int(u, "output", 0))
               : "-";
}

static const char *outcome_text(struct cli *c, const json_t *x)
{
    const char *outcome = json_opt_str(x, "outcome");

    return outcome ? show(c, outcome) : member(c, x, "state");
}

static void calls_print(struct cli *c, const json_t *items)
{
    struct table *t = table_new(c, "CALL|WHEN|FOR|ROUND|OUTCOME|TOKENS|COST|*WHY");
    size_t i;
    json_t *x;

    json_array_foreach (items, i, x) {
        table_cell(t, BOLD, member(c, x, "id"));
        table_cell(t, PLAIN, ago(c, when_ms(x, "sent_at")));
        table_cell(t, PLAIN,
                   json_opt_str(x, "incident") ? member(c, x, "incident")
                                               : member(c, x, "purpose"));
        table_cell(t, PLAIN, member(c, x, "round"));
        table_cell(t, PLAIN, outcome_text(c, x));
        table_cell(t, PLAIN, tokens_text(c, x));
        table_cell(t, PLAIN, money(c, json_opt_int(x, "cost", 0)));
        table_cell(t, PLAIN, member(c, x, "why"));
    }
    table_print(t);
}

int cmd_model(struct cli *c)
{
    AUTO(reply_done) struct reply status = {0};
    AUTO(reply_done) struct reply calls = {0};
    int64_t limit;
    int rc;

    if (!flag_int(c, "--limit", 1, 200, 20, &limit))
        return EXIT_USAGE;
    rc = api_get(c, &status, "/api/v1/status");
    if (rc == 0)
        rc = api_get(c, &calls, fmt(c, CALLS "?limit=%lld", (long long)limit));
    if (rc)
        return rc;
    if (c->json)
        return print_json(c,
                          json_pack("{s:O?, s:O?}", "model", json_object_get(status.json, "model"),
                                    "calls", items_of(calls.json)));
    model_print(c, json_object_get(status.json, "model"));
    putchar('\n');
    calls_print(c, items_of(calls.json));
    return EXIT_DONE;
}

/* ---- everything behind an assessment ---- */

static void checks_print(struct cli *c, const json_t *checks)
{
    size_t i;
    json_t *x;

    json_array_foreach (checks, i, x) {
        bool ok = json_opt_bool(x, "ok", false);
        const char *path = json_opt_str(x, "path");

        printf("    %s %s%s%s%s%s\n", ok ? paint(c, GREEN, "passed") : paint(c, RED, "failed"),
               member(c, x, "check"), path && *path ? " at " : "",
               path && *path ? member(c, x, "path") : "", json_opt_str(x, "detail") ? ": " : "",
               json_opt_str(x, "detail") ? member(c, x, "detail") : "");
    }
}

static void call_print(struct cli *c, const json_t *x)
{
    heading(c, fmt(c, "Call %s to %s, %s", member(c, x, "id"), member(c, x, "model"),
                   clock_of(c, when_ms(x, "sent_at"))));
    field(c, "outcome",
          fmt(c, "%s%s%s", outcome_text(c, x), json_opt_str(x, "why") ? ": " : "",
              json_opt_str(x, "why") ? member(c, x, "why") : ""));
    field(c, "about", json_opt_str(x, "incident") ? member(c, x, "incident") : "no incident");
    field(c, "prompt", fmt(c, "%s, round %s", member(c, x, "prompt"), member(c, x, "round")));
    field(c, "tokens",
          fmt(c, "%s, cost %s", tokens_text(c, x), money(c, json_opt_int(x, "cost", 0))));
    request_print(c, json_object_get(x, "request"));
    reply_print(c, json_object_get(x, "reply"));
    if (json_array_size(json_opt_arr(x, "checks")) > 0)
        printf("  %s\n", paint(c, BOLD, "Checks"));
    checks_print(c, json_opt_arr(x, "checks"));
}

static void wanted_print(struct cli *c, const json_t *wanted, const json_t *proposals)
{
    size_t i;
    json_t *x;

    heading(c, "Wanted");
    if (json_array_size(wanted) == 0)
        puts("  nothing");
    json_array_foreach (wanted, i, x)
        printf("  %s %s, by %s: %s%s%s\n", paint(c, BOLD, member(c, x, "verb")),
               member(c, x, "args"),
               json_opt_str(x, "rule") ? fmt(c, "rule %s", member(c, x, "rule")) : "the model",
               member(c, x, "why"), json_array_size(json_opt_arr(x, "evidence")) ? " " : "",
               json_array_size(json_opt_arr(x, "evidence")) ? member(c, x, "evidence") : "");
    heading(c, "At the gate");
    if (json_array_size(proposals) == 0)
        puts("  nothing was proposed");
    json_array_foreach (proposals, i, x)
        proposal_print(c, x);
}

int cmd_explain_incident(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    const char *what = arg_incident(c, 0);
    const json_t *a;
    size_t i;
    json_t *x;
    int rc;

    if (!what)
        return EXIT_USAGE;
    rc = api_get(c, &r, path_of(c, "/api/v1/incidents/", what, "/explain"));
    if (rc || printed_json(c, &r))
        return rc;
    a = json_object_get(r.json, "assessment");
    printf("%s\n", paint(c, BOLD, member(c, json_opt_obj(r.json, "incident"), "title")));
    assessment_print(c, a, json_object_get(r.json, "ask"));
    heading(c, fmt(c, "Evidence, bundle %s", member(c, json_opt_obj(r.json, "bundle"), "id")));
    json_array_foreach (json_opt_arr(json_opt_obj(r.json, "bundle"), "items"), i, x)
        put_wrapped(c, 0,
                    fmt(c, "  %s  %s%s", paint(c, BOLD, member(c, x, "name")),
                        text_eq(json_opt_str(x, "state"), "not_checked") ? "not checked: " : "",
                        member(c, x, "summary")));
    json_array_foreach (json_opt_arr(r.json, "llm_calls"), i, x)
        call_print(c, x);
    wanted_print(c, json_opt_arr(a, "wanted"), json_opt_arr(r.json, "proposals"));
    return EXIT_DONE;
}
