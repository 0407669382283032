#include <stdio.h>
#include <string.h>

#include "rules/rules_priv.h"

/* The verdict while rules add to it. */
struct verdict {
    json_t *facts;
    json_t *scalars; /* severity, category, team, urgency, model */
    json_t *matched, *runbooks, *alarms, *proposals, *dropped;
    unsigned allow, deny;
    bool says_allow;
    const char *stopped_by;
};

static const char *const SCALARS[] = {"severity", "category", "team", "urgency", "model"};

static void list_add_once(json_t *list, json_t *v)
{
    size_t i;

    for (i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), v))
            return;
    json_array_append(list, v);
}

/* What a rule proposes, filled in. Numbers and ids are taken as they stand in the file. */
static json_t *proposal_fill(const struct rule *r, json_t *from, json_t *captures, json_t *facts)
{
    json_t *args = json_object(), *value;
    const char *key;

    json_object_foreach (from, key, value) {
        if (strcmp(key, "verb") == 0 || strcmp(key, "why") == 0)
            continue;
        if (strcmp(key, "note") == 0 || strcmp(key, "resolve_note") == 0)
            json_object_set_new(args, key,
                                template_fill(json_string_value(value), captures, facts));
        else
            json_object_set_new(args, key, json_copy(value));
    }
    return json_pack(
        "{s:s, s:o, s:o, s:s}", "verb", json_string_value(json_object_get(from, "verb")), "args",
        args, "why",
        template_fill(json_string_value(json_object_get(from, "why")), captures, facts), "rule",
        r->name);
}

static void proposals_take(struct verdict *v, const struct rule *r, json_t *captures)
{
    json_t *list = json_object_get(r->then, "propose");
    size_t i;

    for (i = 0; i < json_array_size(list); i++)
        json_array_append_new(v->proposals,
                              proposal_fill(r, json_array_get(list, i), captures, v->facts));
}

/* The first rule that says something has said it; later ones fill what is still open. */
static void rule_apply(struct verdict *v, const struct rule *r, json_t *captures)
{
    json_t *runbook = json_object_get(r->then, "runbook");
    size_t i;

    for (i = 0; i < ARRAY_LEN(SCALARS); i++) {
        json_t *said = json_object_get(r->then, SCALARS[i]);

        if (said && !json_object_get(v->scalars, SCALARS[i]))
            json_object_set_new(v->scalars, SCALARS[i], json_copy(said));
    }
    v->allow |= r->allow;
    v->deny |= r->deny;
    v->says_allow = v->says_allow || r->says_allow;
    json_array_append_new(v->matched, json_string(r->name));
    if (runbook)
        list_add_once(v->runbooks, runbook);
    proposals_take(v, r, captures);
    if (r->stop)
        v->stopped_by = r->name;
}

static void alarms_take(struct verdict *v, const struct rule *r, json_t *alarms)
{
    size_t i;

    for (i = 0; i < json_array_size(alarms); i++) {
        json_t *text =
            json_sprintf("rule %s: %s", r->name, json_string_value(json_array_get(alarms, i)));

        list_add_once(v->alarms, text);
        json_decref(text);
    }
}

static bool rule_matches(struct verdict *v, const struct rule *r, struct view *view)
{
    struct cond_result found = {0};
    bool yes = cond_eval(r->when, view, &found);

    alarms_take(v, r, found.alarms);
    if (yes)
        rule_apply(v, r, found.captures);
    cond_result_done(&found);
    return yes;
}

static void explain_rule(const struct verdict *v, const struct rule *r, bool yes, struct view *view,
                         json_t *explain)
{
    json_t *row = json_pack("{s:s, s:s, s:b}", "rule", r->name, "where", r->where, "matched", yes);
    json_t *tree;

    if (v->stopped_by && strcmp(v->stopped_by, r->name) != 0) {
        json_object_set_new(row, "skipped", json_sprintf("stopped by %s", v->stopped_by));
    } else {
        view->count_hits = false;
        cond_explain_in(r->when, view, &tree);
        view->count_hits = true;
        json_object_set_new(row, "when", tree);
    }
    json_array_append_new(explain, row);
}

static void drop(struct verdict *v, size_t i, const char *why)
{
    json_t *p = json_array_get(v->proposals, i);

    json_array_append_new(v->dropped,
                          json_pack("{s:O, s:O, s:s}", "verb", json_object_get(p, "verb"), "rule",
                                    json_object_get(p, "rule"), "why", why));
    json_array_remove(v->proposals, i);
}

static int verb_of(json_t *proposal)
{
    return verb_parse(json_string_value(json_object_get(proposal, "verb")));
}

static bool repeats(const struct verdict *v, size_t i)
{
    json_t *p = json_array_get(v->proposals, i);
    size_t k;

    for (k = 0; k < i; k++) {
        json_t *q = json_array_get(v->proposals, k);

        if (verb_of(q) == verb_of(p) &&
            json_equal(json_object_get(q, "args"), json_object_get(p, "args")))
            return true;
    }
    return false;
}

/* Does the rule behind proposal i still propose anything but an acknowledge? */
static bool accompanied(const struct verdict *v, size_t i)
{
    json_t *rule = json_object_get(json_array_get(v->proposals, i), "rule");
    size_t k;

    for (k = 0; k < json_array_size(v->proposals); k++) {
        json_t *q = json_array_get(v->proposals, k);

        if (json_equal(json_object_get(q, "rule"), rule) && verb_of(q) != VERB_ACKNOWLEDGE)
            return true;
    }
    return false;
}

/* A later rule may deny what an earlier one proposed, so this comes when all have spoken. */
static void proposals_settle(struct verdict *v)
{
    size_t i;

    for (i = 0; i < json_array_size(v->proposals);) {
        int verb = verb_of(json_array_get(v->proposals, i));

        if (!(v->allow >> verb & 1))
            drop(v, i, "a matching rule denies this verb");
        else if (i >= PROPOSALS_MAX)
            drop(v, i, "more than 20 proposals");
        else
            i++;
    }
    for (i = 0; i < json_array_size(v->proposals);) {
        if (verb_of(json_array_get(v->proposals, i)) == VERB_ACKNOWLEDGE && !accompanied(v, i))
            drop(v, i,
                 "a bare acknowledge is left: it would silence the page without a person looking");
        else
            i++;
    }
    for (i = 0; i < json_array_size(v->proposals);) {
        if (repeats(v, i))
            drop(v, i, "an earlier rule proposes the same");
        else
            i++;
    }
}

static json_t *verbs_json(unsigned bits)
{
    json_t *list = json_array();
    int i;

    for (i = 0; i < VERB_COUNT; i++)
        if (bits >> i & 1)
            json_array_append_new(list, json_string(verb_name((enum verb)i)));
    return list;
}

/* A rank is the account's own name for it: 1 is the most severe. Accounts have as few as they like, and some have none. */
static json_t *severity_named(const json_t *facts, json_t *said)
{
    const json_t *names = json_object_get(json_object_get(facts, "account"), "priorities");
    size_t n = json_array_size(names), rank;
    json_t *name;

    if (!json_is_integer(said))
        return json_incref(said);
    rank = (size_t)json_integer_value(said);
    name = n > 0 ? json_array_get(names, rank <= n ? rank - 1 : n - 1) : NULL;
    return json_is_string(name) ? json_incref(name) : json_sprintf("P%zu", rank);
}

static json_t *verdict_json(struct verdict *v, const struct rules *r)
{
    json_t *out = json_object();
    size_t i;

    if (!v->says_allow)
        v->allow = 1u << VERB_ADD_NOTE;
    v->allow &= ~v->deny;
    proposals_settle(v);
    for (i = 0; i < ARRAY_LEN(SCALARS); i++) {
        json_t *said = json_object_get(v->scalars, SCALARS[i]);

        json_object_set_new(out, SCALARS[i], said ? severity_named(v->facts, said) : json_null());
    }
    if (!json_object_get(v->scalars, "model"))
        json_object_set_new(out, "model", json_string("ask"));
    json_object_set_new(out, "allow", verbs_json(v->allow));
    json_object_set_new(out, "deny", verbs_json(v->deny));
    json_object_set(out, "proposals", v->proposals);
    json_object_set(out, "dropped", v->dropped);
    json_object_set(out, "rules", v->matched);
    json_object_set(out, "runbooks", v->runbooks);
    json_object_set(out, "alarms", v->alarms);
    json_object_set_new(out, "stopped_by",
                        v->stopped_by ? json_string(v->stopped_by) : json_null());
    json_object_set_new(out, "rules_hash", json_string(r->hash));
    return out;
}

static int judge(const struct rules *r, json_t *facts, int64_t now_wall_ms, bool indexed,
                 json_t **verdict, json_t *explain, struct err *e)
{
    struct verdict v = {.facts = facts};
    struct cond_env env = {facts, now_wall_ms, true};
    struct view view;
    size_t i;

    if (!cond_facts_valid(facts))
        return err_set(e, ERR_INPUT, "facts: expected an object, 32 levels deep at most, in UTF-8");
    v.scalars = json_object();
    v.matched = json_array();
    v.runbooks = json_array();
    v.alarms = json_array();
    v.proposals = json_array();
    v.dropped = json_array();
    view_init(&view, &r->slots, &env);
    for (i = 0; i < r->n && (explain || !v.stopped_by); i++) {
        const struct rule *rule = &r->rules[i];
        bool yes = !v.stopped_by && (!indexed || guard_may(&rule->guard, &view)) &&
                   rule_matches(&v, rule, &view);

        if (explain)
            explain_rule(&v, rule, yes, &view, explain);
    }
    view_done(&view);
    *verdict = verdict_json(&v, r);
    json_decref(v.scalars);
    json_decref(v.matched);
    json_decref(v.runbooks);
    json_decref(v.alarms);
    json_decref(v.proposals);
    json_decref(v.dropped);
    return 0;
}

int rules_judge(const struct rules *r, json_t *facts, int64_t now_wall_ms, json_t **verdict,
                json_t **explain, struct err *e)
{
    json_t *trace = explain ? json_array() : NULL;

    if (judge(r, facts, now_wall_ms, true, verdict, trace, e) < 0) {
        json_decref(trace);
        return e->code;
    }
    if (explain)
        *explain = trace;
    return 0;
}

int rules_judge_plain(const struct rules *r, json_t *facts, int64_t now_wall_ms, json_t **verdict,
                      struct err *e)
{
    return judge(r, facts, now_wall_ms, false, verdict, NULL, e);
}
