/* Answers about what stands around an incident: services, policies, on-calls, users, the account. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pagerduty/pd_priv.h"

int pd_read_service(struct arena *a, const char *body, size_t len, struct pd_service *out,
                    struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *j = NULL;
    const json_t *rule;
    struct pd_service s = {0};

    if (pd_open(body, len, "service", JSON_OBJECT, &root, &j, e) < 0)
        return e->code;
    s.id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    if (!s.id)
        return err_set(e, ERR_INPUT, "a service without an id");
    rule = json_opt_obj(j, "incident_urgency_rule");
    s.name = pd_text(a, j, json_opt_str(j, "name") ? "name" : "summary", PD_TITLE_MAX_BYTES);
    s.description = pd_text(a, j, "description", PD_TEXT_MAX_BYTES);
    s.status = pd_text(a, j, "status", PD_SHORT_MAX_BYTES);
    s.html_url = pd_text(a, j, "html_url", PD_URL_MAX_BYTES);
    pd_ref_read(a, json_opt_obj(j, "escalation_policy"), &s.policy);
    pd_refs_read(a, json_opt_arr(j, "teams"), NULL, &s.teams);
    pd_refs_read(a, json_opt_arr(j, "integrations"), NULL, &s.integrations);
    s.urgency_rule = pd_text(a, rule, "type", PD_SHORT_MAX_BYTES);
    s.urgency = pd_text(a, rule, "urgency", PD_SHORT_MAX_BYTES);
    s.ack_timeout_s = json_opt_int(j, "acknowledgement_timeout", 0);
    s.auto_resolve_s = json_opt_int(j, "auto_resolve_timeout", 0);
    s.last_incident_ms = json_opt_time_ms(j, "last_incident_timestamp", 0);
    s.created_ms = json_opt_time_ms(j, "created_at", 0);
    *out = s;
    return 0;
}

static void levels_read(struct arena *a, const json_t *rules, struct pd_policy *out)
{
    size_t n = json_array_size(rules);

    if (n > PD_REFS_MAX)
        n = PD_REFS_MAX;
    if (n == 0)
        return;
    out->levels = arena_array(a, n, sizeof(*out->levels));
    out->n_levels = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(rules, i);
        struct pd_level *l = &out->levels[i];

        l->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
        l->level = (int)i + 1; /* the order of the rules is the level */
        l->delay_min = json_opt_int(j, "escalation_delay_in_minutes", 0);
        pd_refs_read(a, json_opt_arr(j, "targets"), NULL, &l->targets);
    }
}

int pd_read_policy(struct arena *a, const char *body, size_t len, struct pd_policy *out,
                   struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *j = NULL;
    struct pd_policy p = {0};

    if (pd_open(body, len, "escalation_policy", JSON_OBJECT, &root, &j, e) < 0)
        return e->code;
    p.id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    if (!p.id)
        return err_set(e, ERR_INPUT, "an escalation policy without an id");
    p.name = pd_text(a, j, json_opt_str(j, "name") ? "name" : "summary", PD_TITLE_MAX_BYTES);
    p.description = pd_text(a, j, "description", PD_TEXT_MAX_BYTES);
    p.num_loops = json_opt_int(j, "num_loops", 0);
    pd_refs_read(a, json_opt_arr(j, "teams"), NULL, &p.teams);
    levels_read(a, json_opt_arr(j, "escalation_rules"), &p);
    *out = p;
    return 0;
}

static bool oncall_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    const char *policy_id = arg;
    struct pd_oncall *out = item;
    const json_t *policy = json_opt_obj(j, "escalation_policy"), *user = json_opt_obj(j, "user");
    int64_t level = json_opt_int(j, "escalation_level", 0);

    if (policy_id && !text_eq(json_opt_str(policy, "id"), policy_id))
        return false;
    pd_ref_read(a, user, &out->user);
    if (!out->user.id)
        return false;
    out->email = pd_text(a, user, "email", PD_SHORT_MAX_BYTES);
    pd_ref_read(a, policy, &out->policy);
    pd_ref_read(a, json_opt_obj(j, "schedule"), &out->schedule);
    out->level = level > 0 && level <= 1000 ? (int)level : 0;
    out->start_ms = json_opt_time_ms(j, "start", 0);
    out->end_ms = json_opt_time_ms(j, "end", 0);
    return true;
}

int pd_read_oncalls(struct arena *a, const char *body, size_t len, const char *policy_id,
                    struct pd_oncalls *out, struct err *e)
{
    const struct pd_list_kind kind = {"oncalls", PD_LIST_MAX, sizeof(*out->items), oncall_item,
                                      policy_id};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

static bool dependency_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_dependency *out = item;

    (void)arg;
    out->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    pd_ref_read(a, json_opt_obj(j, "supporting_service"), &out->supporting);
    pd_ref_read(a, json_opt_obj(j, "dependent_service"), &out->dependent);
    return out->supporting.id && out->dependent.id;
}

int pd_read_dependencies(struct arena *a, const char *body, size_t len, struct pd_dependencies *out,
                         struct err *e)
{
    const struct pd_list_kind kind = {"relationships", PD_LIST_MAX, sizeof(*out->items),
                                      dependency_item, NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

static bool user_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_user *out = item;

    (void)arg;
    out->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    if (!out->id)
        return false;
    out->name = pd_text(a, j, json_opt_str(j, "name") ? "name" : "summary", PD_TITLE_MAX_BYTES);
    out->email = pd_text(a, j, "email", PD_SHORT_MAX_BYTES);
    out->role = pd_text(a, j, "role", PD_SHORT_MAX_BYTES);
    out->time_zone = pd_text(a, j, "time_zone", PD_SHORT_MAX_BYTES);
    out->html_url = pd_text(a, j, "html_url", PD_URL_MAX_BYTES);
    pd_refs_read(a, json_opt_arr(j, "teams"), NULL, &out->teams);
    return true;
}

int pd_read_user(struct arena *a, const char *body, size_t len, struct pd_user *out, struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *j = NULL;
    struct pd_user u = {0};

    if (pd_open(body, len, "user", JSON_OBJECT, &root, &j, e) < 0)
        return e->code;
    if (!user_item(a, j, NULL, &u))
        return err_set(e, ERR_INPUT, "a user without an id");
    *out = u;
    return 0;
}

int pd_read_users(struct arena *a, const char *body, size_t len, struct pd_users *out,
                  struct err *e)
{
    const struct pd_list_kind kind = {"users", PD_LIST_MAX, sizeof(*out->items), user_item, NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

static bool ability_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    const char **out = item;

    (void)arg;
    *out = pd_copy(a, json_string_value(j), PD_SHORT_MAX_BYTES, NULL);
    return *out != NULL;
}

int pd_read_abilities(struct arena *a, const char *body, size_t len, struct pd_abilities *out,
                      struct err *e)
{
    const struct pd_list_kind kind = {"abilities", PD_LIST_MAX, sizeof(*out->items), ability_item,
                                      NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

static bool priority_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_priority *out = item;

    (void)arg;
    out->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    out->name = pd_text(a, j, json_opt_str(j, "name") ? "name" : "summary", PD_TITLE_MAX_BYTES);
    out->description = pd_text(a, j, "description", PD_TITLE_MAX_BYTES);
    return out->id && out->name;
}

int pd_read_priorities(struct arena *a, const char *body, size_t len, struct pd_priorities *out,
                       struct err *e)
{
    const struct pd_list_kind kind = {"priorities", PD_LIST_MAX, sizeof(*out->items), priority_item,
                                      NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

/* The secret stands in the answer to a creation only, and is not read here either. */
static bool subscription_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_subscription *out = item;
    const json_t *method = json_opt_obj(j, "delivery_method"), *filter = json_opt_obj(j, "filter");
    const json_t *events = json_opt_arr(j, "events");
    size_t n = json_array_size(events);

    (void)arg;
    out->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    if (!out->id)
        return false;
    out->active = json_opt_bool(j, "active", true);
    out->temporarily_disabled = json_opt_bool(method, "temporarily_disabled", false);
    out->url = pd_text(a, method, "url", PD_URL_MAX_BYTES);
    out->description = pd_text(a, j, "description", PD_TITLE_MAX_BYTES);
    out->filter_type = pd_type(a, filter);
    out->filter_id = pd_text(a, filter, "id", PD_SHORT_MAX_BYTES);
    if (n > PD_LIST_MAX)
        n = PD_LIST_MAX;
    out->events = n > 0 ? arena_array(a, n, sizeof(*out->events)) : NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(events, i));

        if (name)
            out->events[out->n_events++] = pd_copy(a, name, PD_SHORT_MAX_BYTES, NULL);
    }
    return true;
}

int pd_read_subscription(struct arena *a, const char *body, size_t len, struct pd_subscription *out,
                         struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *j = NULL;
    struct pd_subscription s = {0};

    if (pd_open(body, len, "webhook_subscription", JSON_OBJECT, &root, &j, e) < 0)
        return e->code;
    if (!subscription_item(a, j, NULL, &s))
        return err_set(e, ERR_INPUT, "a webhook subscription without an id");
    *out = s;
    return 0;
}

int pd_read_subscriptions(struct arena *a, const char *body, size_t len,
                          struct pd_subscriptions *out, struct err *e)
{
    const struct pd_list_kind kind = {"webhook_subscriptions", PD_LIST_MAX, sizeof(*out->items),
                                      subscription_item, NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

static bool maintenance_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_maintenance *out = item;

    (void)arg;
    out->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    if (!out->id)
        return false;
    out->description = pd_text(a, j, "description", PD_TITLE_MAX_BYTES);
    out->start_ms = json_opt_time_ms(j, "start_time", 0);
    out->end_ms = json_opt_time_ms(j, "end_time", 0);
    pd_refs_read(a, json_opt_arr(j, "services"), NULL, &out->services);
    return true;
}

int pd_read_maintenance(struct arena *a, const char *body, size_t len, struct pd_maintenances *out,
                        struct err *e)
{
    const struct pd_list_kind kind = {"maintenance_windows", PD_LIST_MAX, sizeof(*out->items),
                                      maintenance_item, NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}
