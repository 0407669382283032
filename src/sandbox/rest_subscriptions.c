#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "sandbox/json_build.h"
#include "sandbox/req.h"
#include "sandbox/sender.h"

/* Webhook subscriptions, with the limit of ten per filter. */

enum {
    SUBSCRIPTIONS_MAX = 10
};

static const char *const event_types[] = {
    "incident.triggered",
    "incident.acknowledged",
    "incident.unacknowledged",
    "incident.escalated",
    "incident.delegated",
    "incident.reassigned",
    "incident.priority_updated",
    "incident.incident_type.changed",
    "incident.service_updated",
    "incident.reopened",
    "incident.resolved",
    "incident.annotated",
    "incident.status_update_published",
    "incident.responder.added",
    "incident.responder.replied",
    "incident.conference_bridge.updated",
    "incident.custom_field_values.updated",
    "incident.role.assigned",
    "incident.task.created",
    "incident.task.updated",
    "incident.task.completed",
    "incident.action_invocation.created",
    "incident.action_invocation.updated",
    "incident.action_invocation.terminated",
    "incident.workflow.started",
    "incident.workflow.completed",
    "service.created",
    "service.updated",
    "service.deleted",
    "service.custom_field_values.updated",
};

json_t *rest_all_events(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(event_types); i++)
        json_array_append_new(list, json_string(event_types[i]));
    return list;
}

static bool events_known(const json_t *events)
{
    for (size_t i = 0; i < json_array_size(events); i++) {
        bool known = false;

        for (size_t t = 0; t < ARRAY_LEN(event_types); t++)
            known = known || text_eq(json_string_value(json_array_get(events, i)), event_types[t]);
        if (!known)
            return false;
    }
    return json_array_size(events) > 0;
}

static bool filter_known(const json_t *filter)
{
    const char *type = json_opt_str(filter, "type"), *id = json_opt_str(filter, "id");

    if (text_eq(type, "account_reference"))
        return true;
    if (text_eq(type, "service_reference"))
        return company_service(id) >= 0;
    return text_eq(type, "team_reference") && company_team(id) >= 0;
}

static void get_list(struct req *r)
{
    struct page page;

    if (page_read(r, &page))
        reply_page(r, &page, "webhook_subscriptions", sender_list());
}

static void reply_one(struct req *r, json_t *subscription)
{
    if (subscription == NULL)
        reply_not_found(r);
    else
        reply_json(r, 200, json_pack("{s:o}", "webhook_subscription", subscription));
}

static void get_one(struct req *r)
{
    reply_one(r, sender_get(r->seg[0], false));
}

static void post_one(struct req *r)
{
    const json_t *j = json_opt_obj(r->json, "webhook_subscription");
    const json_t *filter = json_opt_obj(j, "filter");
    const char *url = json_at_str(j, "delivery_method.url");

    if (!text_eq(json_opt_str(j, "type"), "webhook_subscription") || url == NULL ||
        !(text_starts(url, "http://") || text_starts(url, "https://")) ||
        !text_eq(json_at_str(j, "delivery_method.type"), "http_delivery_method") ||
        !events_known(json_opt_arr(j, "events")) || !filter_known(filter))
        reply_error(r, 400, 2001, "Invalid Input Provided",
                    "type, delivery_method, events or filter");
    else if (sender_count(json_opt_str(filter, "type"), json_opt_str(filter, "id")) >=
             SUBSCRIPTIONS_MAX)
        reply_error(r, 400, 2019, "Product limit reached", "At most 10 subscriptions per filter");
    else
        reply_one(r, sender_create(j, NULL));
}

static void put_one(struct req *r)
{
    const json_t *j = json_opt_obj(r->json, "webhook_subscription");

    if (j == NULL || json_object_get(j, "delivery_method") != NULL ||
        (json_object_get(j, "events") != NULL && !events_known(json_opt_arr(j, "events"))) ||
        (json_object_get(j, "filter") != NULL && !filter_known(json_opt_obj(j, "filter"))))
        reply_error(r, 400, 2001, "Invalid Input Provided",
                    "delivery_method cannot change; events and filter must be known");
    else
        reply_one(r, sender_update(r->seg[0], j));
}

static void delete_one(struct req *r)
{
    if (sender_delete(r->seg[0]))
        r->status = 204;
    else
        reply_not_found(r);
}

static void post_enable(struct req *r)
{
    reply_one(r, sender_enable(r->seg[0]));
}

static void post_ping(struct req *r)
{
    if (sender_ping(r->seg[0]))
        r->status = 202;
    else
        reply_not_found(r);
}

const struct route rest_subscription_routes[] = {
    {"GET", "/webhook_subscriptions", get_list, 0, -1},
    {"POST", "/webhook_subscriptions", post_one, F_WRITE | F_BODY, -1},
    {"GET", "/webhook_subscriptions/{}", get_one, 0, -1},
    {"PUT", "/webhook_subscriptions/{}", put_one, F_WRITE | F_BODY, -1},
    {"DELETE", "/webhook_subscriptions/{}", delete_one, F_WRITE, -1},
    {"POST", "/webhook_subscriptions/{}/enable", post_enable, F_WRITE, -1},
    {"POST", "/webhook_subscriptions/{}/ping", post_ping, F_WRITE, -1},
    {NULL, NULL, NULL, 0, 0},
};
