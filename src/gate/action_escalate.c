#include <string.h>

#include "gate/gate_priv.h"

/* Escalate really changes level or policy; a note that says so is no escalation. */
static int level_arg(const json_t *args)
{
    return (int)json_opt_int(args, "level", 0);
}

static void escalate_describe(const struct action_ctx *x, struct buf *out)
{
    const char *policy = json_opt_str(x->args, "policy_id");
    int level = level_arg(x->args);
    size_t names;

    buf_puts(out, "Escalate ");
    say_incident(x->view, out);
    if (policy) {
        buf_printf(out, " to escalation policy %s", policy);
        if (level > 0)
            buf_printf(out, ", level %d", level);
        say_as(x->as, out);
        buf_puts(out, ": whoever is on call there is paged now.");
        return;
    }
    buf_printf(out, " to level %d", level);
    say_as(x->as, out);
    buf_puts(out, ": ");
    names = view_names_at(x->view, level, out);
    if (names == 0)
        buf_puts(out, "whoever is on call there");
    buf_puts(out, names > 1 ? " are paged " : " is paged ");
    buf_puts(out, level > x->view->level ? "now." : "again.");
}

static bool level_exists(const struct action_ctx *x, int level, struct buf *why)
{
    AUTO(buf_done) struct buf names = {0};

    if (!view_has_oncalls(x->view) || x->view->levels == 0) {
        buf_puts(why, "the escalation policy and who is on call are not known");
        return false;
    }
    if (level > x->view->levels) {
        buf_printf(why, "level %d does not exist: the escalation policy ends at level %d", level,
                   x->view->levels);
        return false;
    }
    buf_init(&names, WORDS_MAX);
    if (!view_names_at(x->view, level, &names)) {
        buf_printf(why, "nobody is on call at level %d", level);
        return false;
    }
    return true;
}

static bool escalate_precondition(const struct action_ctx *x, struct buf *why)
{
    const char *policy = json_opt_str(x->args, "policy_id");
    int level = level_arg(x->args);

    if (!precondition_open(x->view, why))
        return false;
    if (text_eq(x->view->urgency, "low")) {
        buf_puts(why, "PagerDuty does not escalate an incident of low urgency to a level");
        return false;
    }
    if (text_eq(x->view->policy_id, policy) && level == 0) {
        buf_puts(why, "the incident is at that escalation policy already");
        return false;
    }
    if (policy && !text_eq(x->view->policy_id, policy))
        return true; /* who is on call there is PagerDuty's to say (1015) */
    if (!level_exists(x, level, why))
        return false;
    if (level == x->view->level) {
        buf_printf(why, "the incident is at level %d already", level);
        return false;
    }
    return true;
}

static int escalate_request(struct arena *a, const struct action_send *s, struct net_req *out,
                            struct err *e)
{
    return pd_write_escalate(a, s->client, s->from, s->target, (unsigned)level_arg(s->args),
                             json_opt_str(s->args, "policy_id"), out, e);
}

/* The state that was asked for: the policy, and the level as on-calls and assignees tell it. */
static bool is_there(const struct action_seen *s)
{
    const char *policy = json_opt_str(s->args, "policy_id");
    int level = level_arg(s->args);

    if (policy && !text_eq(s->view->policy_id, policy))
        return false;
    if (!policy && s->view->level != level)
        return false;
    return !text_eq(s->view->status, "resolved");
}

static bool entry_reached(const struct action_seen *s, const struct pd_log_entry *e)
{
    int level = level_arg(s->args);

    for (size_t i = 0; i < e->assignees.n; i++)
        for (size_t k = 0; k < s->view->n_oncall; k++)
            if (s->view->oncall_level[k] == level &&
                text_eq(s->view->oncall[k].id, e->assignees.items[i].id))
                return true;
    return false;
}

static const char *const ENTRY_TYPES[] = {"escalate_log_entry", "delegate_log_entry",
                                          "assign_log_entry"};

static bool escalate_proof(const struct action_seen *s, struct action_proof *out)
{
    const struct pd_log_entry *e = NULL;

    for (size_t i = 0; i < ARRAY_LEN(ENTRY_TYPES) && !e; i++)
        e = seen_entry(s, ENTRY_TYPES[i], true);
    /* Without an answer of ours, the state alone may be somebody else's doing. */
    if (is_there(s) && (e || s->answered)) {
        *out = (struct action_proof){.how = json_opt_str(s->args, "policy_id")
                                                ? "the incident's escalation policy"
                                                : "assignees are those on call at the level",
                                     .log_id = e ? e->id : NULL,
                                     .author_id = e ? e->agent.id : NULL};
        return true;
    }
    /* It moved on since, but the log says that our call brought it there. */
    if (e && !json_opt_str(s->args, "policy_id") && entry_reached(s, e)) {
        *out = (struct action_proof){
            .how = "the log of the incident", .log_id = e->id, .author_id = e->agent.id};
        return true;
    }
    return false;
}

static const struct pd_log_entry *last_of_types(const struct action_seen *s)
{
    const struct pd_log_entry *last = NULL;

    for (size_t i = 0; i < ARRAY_LEN(ENTRY_TYPES); i++) {
        const struct pd_log_entry *e = seen_last(s, ENTRY_TYPES[i]);

        /* Of one second the first of the list counts: the assigning is PagerDuty's echo of the escalation. */
        if (e && (!last || e->at_ms > last->at_ms))
            last = e;
    }
    return last;
}

/* Somebody escalated that far, or took the incident over: then paging others is for them to say. */
static bool escalate_overtaken(const struct action_seen *s, struct action_other *out)
{
    const char *was = json_opt_str(s->binds, "status");

    if (text_eq(was, "triggered") && text_eq(s->view->status, "acknowledged")) {
        other_from(seen_last(s, "acknowledge_log_entry"), s->view, out);
        out->did = "acknowledged";
        return out->person;
    }
    if (!is_there(s))
        return false;
    other_from(last_of_types(s), s->view, out);
    if (!out->log_id) /* the last change of status is not what moved the level */
        *out = (struct action_other){.who = "somebody"};
    out->did = "escalated";
    return true;
}

const struct action_def action_escalate = {
    .verb = "escalate",
    .risk = "medium",
    .schema = "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,"
              "\"properties\":{"
              "\"level\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":20},"
              "\"policy_id\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9]{1,32}$\"}}}",
    .binds = BIND_MERGED | BIND_STATUS | BIND_LEVEL | BIND_POLICY | BIND_ASSIGNEES,
    .changes = BIND_STATUS | BIND_LEVEL | BIND_POLICY | BIND_ASSIGNEES | BIND_CHANGED,
    .reads_oncalls = true,
    .undo = "escalate back to the earlier level: it pages the people there again",
    .describe = escalate_describe,
    .precondition = escalate_precondition,
    .request = escalate_request,
    .proof = escalate_proof,
    .overtaken = escalate_overtaken,
};
