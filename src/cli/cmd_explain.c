#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* explain: everything behind one proposal, in the order in which it happened. */

static void args_print(struct cli *c, const json_t *actions)
{
    size_t i;
    json_t *x;

    json_array_foreach (actions, i, x) {
        printf("  %zu. %s on %s: %s\n", i + 1, paint(c, BOLD, member(c, x, "verb")),
               member(c, x, "target"), member(c, x, "effect"));
        field(c, "     arguments", member(c, x, "args"));
        field(c, "     bound to", member(c, x, "binds"));
        field(c, "     in name of",
              text_eq(json_opt_str(x, "identity"), "service") ? "the service user"
                                                              : "the person who approves");
        field(c, "     digest", member(c, x, "digest"));
    }
}

static void revisions_print(struct cli *c, const json_t *list)
{
    size_t i;
    json_t *x;

    json_array_foreach (list, i, x) {
        heading(c, fmt(c, "Revision %s, by %s, %s", member(c, x, "revision"),
                       member(c, x, "author"), clock_of(c, when_ms(x, "created_at"))));
        field(c, "policy",
              fmt(c, "rule %s: needs %s", member(c, x, "policy_rule"),
                  need_text(c, json_object_get(x, "need"))));
        field(c, "rule's hash", member(c, x, "policy_hash"));
        field(c, "digest", member(c, x, "digest"));
        args_print(c, json_opt_arr(x, "actions"));
    }
}

static void decisions_print(struct cli *c, const json_t *list)
{
    struct table *t = table_new(c, "WHEN|WHO|VERDICT|REV|BY|*REASON|*DIGEST");
    size_t i;
    json_t *x;

    heading(c, "Decisions");
    if (json_array_size(list) == 0)
        puts("  nobody has decided");
    json_array_foreach (list, i, x) {
        bool approve = text_eq(json_opt_str(x, "verdict"), "approve");

        table_cell(t, PLAIN, clock_of(c, when_ms(x, "at")));
        table_cell(t, BOLD, value_text(c, either(x, "name", "actor")));
        table_cell(t, approve ? GREEN : RED, member(c, x, "verdict"));
        table_cell(t, PLAIN, member(c, x, "revision"));
        table_cell(t, PLAIN, member(c, x, "via"));
        table_cell(t, PLAIN, member(c, x, "reason"));
        table_cell(t, DIM, member(c, x, "digest"));
    }
    table_print(t);
}

static void executions_print(struct cli *c, const json_t *list)
{
    size_t i;
    json_t *x;

    heading(c, "Executions");
    if (json_array_size(list) == 0)
        puts("  nothing was begun");
    json_array_foreach (list, i, x) {
        const char *state = json_opt_str(x, "state");

        printf("  %lld. %s, From %s, sent %s time(s)%s%s\n",
               (long long)json_opt_int(x, "ord", 0) + 1,
               paint(c, state_colour(state), show(c, state)), member(c, x, "from"),
               member(c, x, "sends"), when_ms(x, "first_sent_at") ? ", first " : "",
               when_ms(x, "first_sent_at") ? clock_of(c, when_ms(x, "first_sent_at")) : "");
        if (json_object_get(x, "result") && !json_is_null(json_object_get(x, "result")))
            field(c, "     result", member(c, x, "result"));
        if (json_opt_str(x, "marker"))
            field(c, "     marker", member(c, x, "marker"));
    }
}

static void calls_print(struct cli *c, const json_t *list)
{
    struct table *t = table_new(c, "WHEN|ACTION|*CALL|HTTP|TOOK|*OUTCOME");
    size_t i;
    json_t *x;

    heading(c, "Calls to PagerDuty");
    if (json_array_size(list) == 0)
        puts("  none");
    json_array_foreach (list, i, x) {
        table_cell(t, PLAIN, clock_of(c, when_ms(x, "at")));
        table_cell(t, PLAIN, fmt(c, "%lld", (long long)json_opt_int(x, "ord", 0) + 1));
        table_cell(t, PLAIN, member(c, x, "what"));
        table_cell(t, PLAIN, member(c, x, "status"));
        table_cell(t, PLAIN, fmt(c, "%s ms", member(c, x, "took_ms")));
        table_cell(t, PLAIN, member(c, x, "outcome"));
    }
    table_print(t);
}

/* "errors-after-change, night-low-urgency" */
static const char *rule_names(struct cli *c, const json_t *rules)
{
    const char *text = "";

    for (size_t i = 0; i < json_array_size(rules); i++)
        text = fmt(c, "%s%s%s", text, i ? ", " : "",
                   show(c, json_string_value(json_array_get(rules, i))));
    return text;
}

static bool listed(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (text_eq(json_string_value(json_array_get(names, i)), name))
            return true;
    return false;
}

/* What it was made on, not what is known by now. */
static void evidence_print(struct cli *c, const json_t *p)
{
    AUTO(reply_done) struct reply r = {0};
    struct err e = {0};
    const char *incident = json_opt_str(p, "incident");
    const json_t *names = json_opt_arr(json_opt_obj(p, "bundle"), "evidence");
    const json_t *rules;
    size_t i;
    json_t *x;

    heading(c, "Evidence and rule");
    field(c, "bundle",
          fmt(c, "%s, digest %.16s", member(c, p, "bundle_id"),
              member(c, json_opt_obj(p, "bundle"), "digest")));
    field(c, "assessment", member(c, p, "assessment_id"));
    if (!incident ||
        client_call(c, "GET", path_of(c, "/api/v1/incidents/", incident, ""), NULL, &r, &e) < 0 ||
        r.status != 200) {
        puts("  the incident's evidence cannot be read now");
        return;
    }
    rules = json_opt_arr(json_opt_obj(json_opt_obj(r.json, "assessment"), "verdict"), "rules");
    field(c, "rules matched", json_array_size(rules) ? rule_names(c, rules) : "none");
    json_array_foreach (json_opt_arr(r.json, "evidence"), i, x)
        if (listed(names, json_opt_str(x, "name")))
            printf("  %s  %s%s\n", paint(c, BOLD, member(c, x, "name")),
                   text_eq(json_opt_str(x, "state"), "not_checked") ? "not checked: " : "",
                   member(c, x, "summary"));
}

int cmd_explain(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    const char *state;
    int64_t id;
    int rc;

    if (!arg_id(c, 0, "a proposal", &id))
        return EXIT_USAGE;
    rc = api_get(c, &r, fmt(c, "/api/v1/proposals/%lld/explain", (long long)id));
    if (rc || printed_json(c, &r))
        return rc;
    state = json_opt_str(r.json, "state");
    printf("%s  %s\n", paint(c, BOLD, fmt(c, "Proposal %lld", (long long)id)),
           paint(c, state_colour(state), show(c, state)));
    field(c, "incident",
          fmt(c, "%s (%s)", member(c, json_opt_obj(r.json, "about"), "title"),
              member(c, r.json, "incident")));
    field(
        c, "proposed by",
        fmt(c, "%s, %s", member(c, r.json, "origin"), clock_of(c, when_ms(r.json, "created_at"))));
    field(c, "why", member(c, r.json, "why"));
    if (json_array_size(json_opt_arr(r.json, "evidence")))
        field(c, "cites", member(c, r.json, "evidence"));
    field(c, "risk", member(c, r.json, "risk"));
    field(c, "deadline",
          when_ms(r.json, "expires_at") ? clock_of(c, when_ms(r.json, "expires_at")) : "none");
    if (when_ms(r.json, "ended_at"))
        field(c, "ended",
              fmt(c, "%s by %s: %s", clock_of(c, when_ms(r.json, "ended_at")),
                  member(c, r.json, "ended_by"), member(c, r.json, "reason")));
    if (json_opt_int(r.json, "replaces_id", 0))
        field(c, "replaces", fmt(c, "proposal %s", member(c, r.json, "replaces_id")));
    evidence_print(c, r.json);
    revisions_print(c, json_opt_arr(r.json, "revisions"));
    decisions_print(c, json_opt_arr(r.json, "decisions"));
    executions_print(c, json_opt_arr(r.json, "executions"));
    calls_print(c, json_opt_arr(r.json, "calls"));
    return EXIT_DONE;
}
