/* The operations we read with, one row each, and the builder that turns a row into a request. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pagerduty/pd_priv.h"
#include "pagerduty/pd_request.h"

#define FROM(name, source)        \
    {                             \
        name, source, NULL, false \
    }
#define FIXED(name, value)                \
    {                                     \
        name, PD_FROM_FIXED, value, false \
    }
#define NEEDED_IDS(name)              \
    {                                 \
        name, PD_FROM_IDS, NULL, true \
    }
#define PAGED     FROM("limit", PD_FROM_LIMIT), FROM("offset", PD_FROM_OFFSET)
#define WINDOW    FROM("since", PD_FROM_SINCE), FROM("until", PD_FROM_UNTIL)
#define BY_OFFSET .paging = PD_PAGING_OFFSET, .limit_max = 100
#define AIOPS     "AIOps (Event Intelligence)"

/*
 * rank is the order in which one incident's questions are asked when calls are scarce. The maintenance window comes last
 * because the service's own status already says "maintenance".
 */
/* clang-format off */
static const struct pd_op ops[PD_OP_COUNT] = {
    [PD_OP_INCIDENT] = {
        .name = "incident", .method = "GET", .path = "/incidents/{id}",
        .scope = "incidents.read", .key = "incident", .rank = 0,
        .params = {FIXED("include[]", "custom_fields"), FIXED("include[]", "conference_bridge")},
    },
    [PD_OP_ALERTS] = {
        .name = "alerts", .method = "GET", .path = "/incidents/{id}/alerts",
        .scope = "incidents.read", .key = "alerts", .rank = 1, BY_OFFSET,
        .params = {PAGED, FIXED("sort_by", "created_at:asc")},
    },
    [PD_OP_NOTES] = {
        .name = "notes", .method = "GET", .path = "/incidents/{id}/notes",
        .scope = "incidents.read", .key = "notes", .rank = 2,
    },
    [PD_OP_LOG_ENTRIES] = {
        .name = "log_entries", .method = "GET", .path = "/incidents/{id}/log_entries",
        .scope = "incidents.read", .key = "log_entries", .rank = 3, BY_OFFSET,
        .params = {PAGED, FIXED("include[]", "channels"), WINDOW},
    },
    [PD_OP_SERVICE] = {
        .name = "service", .method = "GET", .path = "/services/{id}",
        .scope = "services.read", .key = "service", .rank = 4,
    },
    [PD_OP_POLICY] = {
        .name = "escalation_policy", .method = "GET", .path = "/escalation_policies/{id}",
        .scope = "escalation_policies.read", .key = "escalation_policy", .rank = 5,
    },
    [PD_OP_ONCALLS] = {
        .name = "oncalls", .method = "GET", .path = "/oncalls",
        .scope = "oncalls.read", .key = "oncalls", .rank = 6, BY_OFFSET,
        .params = {PAGED, NEEDED_IDS("escalation_policy_ids[]"), FIXED("include[]", "users"), WINDOW},
    },
    [PD_OP_INCIDENTS] = {
        .name = "incidents", .method = "GET", .path = "/incidents",
        .scope = "incidents.read", .key = "incidents", .rank = 7, BY_OFFSET,
        .params = {PAGED, FROM("service_ids[]", PD_FROM_IDS), FROM("statuses[]", PD_FROM_STATUSES),
                   WINDOW, FIXED("sort_by", "created_at:asc")},
    },
    [PD_OP_LOG_ALL] = { /* of the whole account: give a tight window */
        .name = "account_log_entries", .method = "GET", .path = "/log_entries",
        .scope = "incidents.read", .key = "log_entries", .rank = 7, BY_OFFSET,
        .params = {PAGED, WINDOW},
    },
    [PD_OP_ME] = {
        .name = "users_me", .method = "GET", .path = "/users/me",
        .key = "user", .rank = 8,
        .feature = "a user's own token", .no_feature_http = 400,
    },
    [PD_OP_USER] = {
        .name = "user", .method = "GET", .path = "/users/{id}",
        .scope = "users.read", .key = "user", .rank = 8,
    },
    [PD_OP_USERS] = {
        .name = "users", .method = "GET", .path = "/users",
        .scope = "users.read", .key = "users", .rank = 8, BY_OFFSET,
        .params = {PAGED, FROM("query", PD_FROM_QUERY)},
    },
    [PD_OP_ABILITIES] = {
        .name = "abilities", .method = "GET", .path = "/abilities",
        .scope = "abilities.read", .key = "abilities", .rank = 9,
    },
    [PD_OP_PRIORITIES] = {
        .name = "priorities", .method = "GET", .path = "/priorities",
        .scope = "priorities.read", .key = "priorities", .rank = 9, BY_OFFSET,
        .feature = "incident priorities",
        .params = {PAGED},
    },
    [PD_OP_SUBSCRIPTION] = {
        .name = "webhook_subscription", .method = "GET", .path = "/webhook_subscriptions/{id}",
        .scope = "webhook_subscriptions.read", .key = "webhook_subscription", .rank = 9,
    },
    [PD_OP_SUBSCRIPTIONS] = {
        .name = "webhook_subscriptions", .method = "GET", .path = "/webhook_subscriptions",
        .scope = "webhook_subscriptions.read", .key = "webhook_subscriptions", .rank = 9, BY_OFFSET,
        .params = {PAGED},
    },
    [PD_OP_PAST] = {
        .name = "past_incidents", .method = "GET", .path = "/incidents/{id}/past_incidents",
        .scope = "incidents.read", .key = "past_incidents", .rank = 10, .paging = PD_PAGING_LIMIT, .limit_max = 999,
        .feature = AIOPS,
        .params = {FROM("limit", PD_FROM_LIMIT)},
    },
    [PD_OP_CHANGES] = {
        .name = "related_change_events", .method = "GET", .path = "/incidents/{id}/related_change_events",
        .scope = "incidents.read", .key = "change_events", .rank = 11, .paging = PD_PAGING_LIMIT, .limit_max = 100,
        .feature = "change correlation",
        .params = {FROM("limit", PD_FROM_LIMIT)},
    },
    [PD_OP_RELATED] = {
        .name = "related_incidents", .method = "GET", .path = "/incidents/{id}/related_incidents",
        .scope = "incidents.read", .key = "related_incidents", .rank = 12,
        .feature = AIOPS,
    },
    [PD_OP_DEPENDENCIES] = {
        .name = "dependencies", .method = "GET", .path = "/service_dependencies/technical_services/{id}",
        .scope = "services.read", .key = "relationships", .rank = 13,
        .feature = "service dependencies",
    },
    [PD_OP_OUTLIER] = {
        .name = "outlier_incident", .method = "GET", .path = "/incidents/{id}/outlier_incident",
        .scope = "incidents.read", .key = "outlier_incident", .rank = 14,
        .feature = AIOPS,
    },
    [PD_OP_MAINTENANCE] = {
        .name = "maintenance_windows", .method = "GET", .path = "/maintenance_windows",
        .scope = "services.read", .key = "maintenance_windows", .rank = 15, BY_OFFSET,
        .params = {PAGED, NEEDED_IDS("service_ids[]"), FIXED("filter", "ongoing")},
    },
};
/* clang-format on */

const struct pd_op *pd_op(enum pd_op_id id)
{
    CHECK((unsigned)id < PD_OP_COUNT);
    return &ops[id];
}

/* What the query string is made from: the row, the arguments, and the separator that comes next. */
struct query {
    const struct pd_op *op;
    const struct pd_args *args;
    struct buf *url;
    char separator;
    struct err *e;
};

static void put(struct query *q, const char *name, const char *value)
{
    buf_putc(q->url, q->separator);
    pd_percent(q->url, name);
    buf_putc(q->url, '=');
    pd_percent(q->url, value);
    q->separator = '&';
}

static int put_number(struct query *q, const char *name, unsigned value)
{
    char number[16];

    snprintf(number, sizeof(number), "%u", value);
    put(q, name, number);
    return 0;
}

static int put_limit(struct query *q, const char *name)
{
    unsigned limit = q->args->limit ? q->args->limit : q->op->limit_max;

    if (limit > q->op->limit_max)
        return err_set(q->e, ERR_INPUT, "%s: limit %u is over %u", q->op->name, limit,
                       q->op->limit_max);
    if (q->op->paging == PD_PAGING_OFFSET && q->args->offset + limit > PD_OFFSET_MAX)
        return err_set(q->e, ERR_INPUT,
                       "%s: offset %u and limit %u are over %d together; cut the time window",
                       q->op->name, q->args->offset, limit, PD_OFFSET_MAX);
    /* Without a wish, a limit that has no way on stays at PagerDuty's default. */
    return q->args->limit || q->op->paging == PD_PAGING_OFFSET ? put_number(q, name, limit) : 0;
}

static int put_time(struct query *q, const char *name, int64_t wall_ms)
{
    char iso[TIME_ISO_MAX];

    if (wall_ms > 0)
        put(q, name, time_format_iso(wall_ms, false, iso));
    return 0;
}

static int put_ids(struct query *q, const struct pd_param *p)
{
    if (q->args->n_ids > PD_ARGS_IDS_MAX)
        return err_set(q->e, ERR_INPUT, "%s: %zu ids, at most %d", q->op->name, q->args->n_ids,
                       PD_ARGS_IDS_MAX);
    if (q->args->n_ids == 0 && p->needed)
        return err_set(q->e, ERR_INPUT, "%s: without %s it would answer with everything",
                       q->op->name, p->name);
    for (size_t i = 0; i < q->args->n_ids; i++) {
        if (!q->args->ids[i] || !text_is_id(q->args->ids[i]))
            return err_set(q->e, ERR_INPUT, "%s: %s number %zu is not an id", q->op->name, p->name,
                           i + 1);
        put(q, p->name, q->args->ids[i]);
    }
    return 0;
}

static int put_statuses(struct query *q, const char *name)
{
    static const char *const known[] = {"triggered", "acknowledged", "resolved"};

    for (size_t i = 0; i < q->args->n_statuses; i++) {
        size_t k = 0;

        while (k < ARRAY_LEN(known) && !text_eq(q->args->statuses[i], known[k]))
            k++;
        if (k == ARRAY_LEN(known))
            return err_set(q->e, ERR_INPUT, "%s: status number %zu is not one of PagerDuty's",
                           q->op->name, i + 1);
        put(q, name, known[k]);
    }
    return 0;
}

static int put_param(struct query *q, const struct pd_param *p)
{
    switch (p->source) {
    case PD_FROM_FIXED:
        put(q, p->name, p->value);
        return 0;
    case PD_FROM_LIMIT:
        return put_limit(q, p->name);
    case PD_FROM_OFFSET:
        return q->args->offset > 0 ? put_number(q, p->name, q->args->offset) : 0;
    case PD_FROM_SINCE:
        return put_time(q, p->name, q->args->since_ms);
    case PD_FROM_UNTIL:
        return put_time(q, p->name, q->args->until_ms);
    case PD_FROM_IDS:
        return put_ids(q, p);
    case PD_FROM_STATUSES:
        return put_statuses(q, p->name);
    case PD_FROM_QUERY:
        if (q->args->query)
            put(q, p->name, q->args->query);
        return 0;
    }
    return err_set(q->e, ERR_INTERNAL, "%s: unknown parameter source", q->op->name);
}

/* An argument that no parameter of the row takes would be dropped in silence and the answer hold too much. */
static int refuse_unused(const struct pd_op *op, const struct pd_args *args, struct err *e)
{
    unsigned taken = 0, given = 0;

    for (const struct pd_param *p = op->params; p->name; p++)
        taken |= 1U << p->source;
    given |= args->limit ? 1U << PD_FROM_LIMIT : 0;
    given |= args->offset ? 1U << PD_FROM_OFFSET : 0;
    given |= args->since_ms ? 1U << PD_FROM_SINCE : 0;
    given |= args->until_ms ? 1U << PD_FROM_UNTIL : 0;
    given |= args->n_ids ? 1U << PD_FROM_IDS : 0;
    given |= args->n_statuses ? 1U << PD_FROM_STATUSES : 0;
    given |= args->query ? 1U << PD_FROM_QUERY : 0;
    if (given & ~taken)
        return err_set(e, ERR_INPUT, "%s does not take one of the arguments given", op->name);
    if (args->id && !strstr(op->path, "{id}"))
        return err_set(e, ERR_INPUT, "%s does not take an id", op->name);
    return 0;
}

int pd_get(struct arena *a, const struct pd_client *c, enum pd_op_id op, const struct pd_args *args,
           struct net_req *out, struct err *e)
{
    static const struct pd_args none = {0};
    AUTO(buf_done) struct buf url = {0};
    struct query q = {pd_op(op), args ? args : &none, &url, '?', e};
    struct net_req req = {0};

    buf_init(&url, PD_REQUEST_URL_MAX_BYTES);
    if (refuse_unused(q.op, q.args, e) < 0 ||
        pd_request_path(&url, c, q.op, q.args->id, NULL, e) < 0)
        return e->code;
    for (const struct pd_param *p = q.op->params; p->name; p++)
        if (put_param(&q, p) < 0)
            return e->code;
    if (pd_request_begin(a, c, q.op, &url, &req, e) < 0)
        return e->code;
    req.cls = q.op->rank >= PD_RANK_OPTIONAL ? NET_OPTIONAL : NET_NEEDED;
    *out = req;
    return 0;
}
