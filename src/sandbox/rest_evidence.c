#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "sandbox/expect.h"
#include "sandbox/json_build.h"
#include "sandbox/req.h"

/* What PagerDuty itself knows around an incident: past, related, outlier and change events. */

#define DAY_MS INT64_C(86400000)
enum {
    RELATED_MAX = 20
};
#define RELATED_WINDOW_MS (INT64_C(30) * 60000)

static struct incident *incident_of(struct req *r)
{
    struct incident *in = world_incident(r->seg[0]);

    if (in == NULL)
        reply_not_found(r);
    return in;
}

static json_t *short_incident(const struct incident *in)
{
    return json_pack("{s:s, s:o, s:o, s:s}", "id", in->id, "created_at", json_time(in->created_ms),
                     "self", json_sprintf(COMPANY_API "/incidents/%s", in->id), "title", in->title);
}

static size_t limit_of(const struct req *r, size_t otherwise, int64_t max)
{
    const char *text = req_param(r, "limit");
    struct err e = {0};
    int64_t v = 0;

    if (text == NULL)
        return otherwise;
    /* 0: not acceptable */
    return parse_i64(text, 1, max, &v, &e) < 0 ? 0 : (size_t)v;
}

/* The same symptom first, newest first, then other trouble of the service with a low score. */
static void get_past(struct req *r)
{
    struct incident *in = incident_of(r);
    size_t limit = limit_of(r, 5, 999), total = 0;
    json_t *list;

    if (in == NULL)
        return;
    if (limit == 0) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "limit is 1 to 999");
        return;
    }
    list = json_array();
    for (int same = 1; same >= 0; same--)
        for (size_t i = world.n_incidents; i-- > 0;) {
            const struct incident *past = world.incidents[i];
            bool match = expect_same_symptom(in, past, EXPECT_WINDOW_MS);

            if (past->service != in->service || !expect_earlier(in, past) || match != (same == 1) ||
                past->created_ms < in->created_ms - EXPECT_WINDOW_MS)
                continue;
            if (total++ < limit)
                json_array_append_new(list,
                                      json_pack("{s:o, s:f}", "incident", short_incident(past),
                                                "score", match ? 46.8249 : 4.1));
        }
    reply_json(r, 200,
               json_pack("{s:o, s:i, s:i}", "past_incidents", list, "total", (int)total, "limit",
                         (int)limit));
}

/* 1: a uses b, -1: b uses a, 0: neither. */
static int relation(int a, int b)
{
    for (int d = 0; d < N_DEPS; d++) {
        if (company_deps[d].dependent == a && company_deps[d].supporting == b)
            return 1;
        if (company_deps[d].dependent == b && company_deps[d].supporting == a)
            return -1;
    }
    return 0;
}

static json_t *relationship(const struct incident *in, const struct incident *other)
{
    int rel = relation(in->service, other->service);
    int dependent = rel > 0 ? in->service : other->service;
    int supporting = rel > 0 ? other->service : in->service;

    if (rel == 0)
        return json_pack("{s:s, s:{s:s, s:{s:i, s:i}}}", "type", "machine_learning_inferred",
                         "metadata", "grouping_classification", "similar_contents", "user_feedback",
                         "positive_feedback_count", 0, "negative_feedback_count", 0);
    return json_pack("{s:s, s:{s:{s:s, s:s, s:o}, s:{s:s, s:s, s:o}}}", "type",
                     "service_dependency", "metadata", "dependent_services", "id",
                     company_services[dependent].id, "type", "technical_service_reference", "self",
                     json_sprintf(COMPANY_API "/services/%s", company_services[dependent].id),
                     "supporting_services", "id", company_services[supporting].id, "type",
                     "technical_service_reference", "self",
                     json_sprintf(COMPANY_API "/services/%s", company_services[supporting].id));
}

static void get_related(struct req *r)
{
    struct incident *in = incident_of(r);
    json_t *list;

    if (in == NULL)
        return;
    list = json_array();
    for (size_t i = world.n_incidents; i-- > 0 && json_array_size(list) < RELATED_MAX;) {
        const struct incident *o = world.incidents[i];
        int64_t apart = o->created_ms > in->created_ms ? o->created_ms - in->created_ms
                                                       : in->created_ms - o->created_ms;

        if (o == in || o->status == RESOLVED || apart > RELATED_WINDOW_MS ||
            (o->service != in->service && relation(in->service, o->service) == 0))
            continue;
        json_array_append_new(list, json_pack("{s:o, s:[o]}", "incident", short_incident(o),
                                              "relationships", relationship(in, o)));
    }
    reply_json(r, 200, json_pack("{s:o}", "related_incidents", list));
}

static void get_outlier(struct req *r)
{
    struct incident *in = incident_of(r);
    const char *category;
    json_t *short_form;
    int count = 0;

    if (in == NULL)
        return;
    for (size_t i = 0; i < world.n_incidents; i++)
        count += expect_same_symptom(in, world.incidents[i], 120 * DAY_MS);
    category = count == 0 ? "novel" : count < 5 ? "rare" : "frequent";
    short_form = short_incident(in);
    json_object_set_new(short_form, "occurrence",
                        json_pack("{s:i, s:f, s:s, s:o, s:o}", "count", count + 1, "frequency",
                                  (count + 1) / 120.0, "category", category, "since",
                                  json_time(in->created_ms - 120 * DAY_MS), "until",
                                  json_time(world_now_ms())));
    reply_json(r, 200,
               json_pack("{s:{s:o, s:{s:s, s:s, s:s}}}", "outlier_incident", "incident", short_form,
                         "incident_template", "id", "PXTEMPL", "cluster_id", "PCLUSTR",
                         "mined_text", in->symptom));
}

/* Newest first: the service's own, then those of what it needs; one day back. */
static void get_related_changes(struct req *r)
{
    struct incident *in = incident_of(r);
    size_t limit = limit_of(r, 25, 100);
    bool first = true;
    json_t *list;

    if (in == NULL)
        return;
    if (limit == 0) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "limit is 1 to 100");
        return;
    }
    list = json_array();
    for (size_t i = world.n_changes; i-- > 0 && json_array_size(list) < limit;) {
        const struct change_event *c = &world.changes[i];
        bool own = c->service == in->service;
        json_t *view;

        if (c->at_ms > in->created_ms || c->at_ms < in->created_ms - DAY_MS ||
            (!own && relation(in->service, c->service) != 1))
            continue;
        view = json_change(c);
        json_object_set_new(view, "correlation_reason",
                            json_pack("{s:s}", "reason",
                                      own && first ? "most_recent"
                                      : own        ? "intelligent"
                                                   : "related_service"));
        first = first && !own;
        json_array_append_new(list, view);
    }
    reply_json(r, 200, json_pack("{s:o}", "change_events", list));
}

/* Change events speak UTC only. */
static bool utc_param(struct req *r, const char *name, int64_t *out)
{
    const char *text = req_param(r, name);
    struct err e = {0};

    if (text == NULL)
        return true;
    if (text[0] == '\0' || text[strlen(text) - 1] != 'Z' ||
        time_parse_iso(text, strlen(text), out, &e) < 0) {
        reply_error(r, 400, 2001, "Invalid Input Provided",
                    "since and until must be UTC, ending in Z");
        return false;
    }
    return true;
}

static void changes_reply(struct req *r, int service)
{
    int64_t since_ms = world_now_ms() - 90 * DAY_MS, until_ms = INT64_MAX;
    struct page page;
    json_t *list;

    if (!page_read(r, &page) || !utc_param(r, "since", &since_ms) ||
        !utc_param(r, "until", &until_ms))
        return;
    list = json_array();
    for (size_t i = world.n_changes; i-- > 0;) {
        const struct change_event *c = &world.changes[i];
        const json_t *teams = req_params(r, "team_ids[]");

        if (c->at_ms < since_ms || c->at_ms > until_ms || (service >= 0 && c->service != service) ||
            (teams != NULL &&
             !req_param_has(teams, company_teams[company_services[c->service].team].id)))
            continue;
        json_array_append_new(list, json_change(c));
    }
    reply_page(r, &page, "change_events", list);
}

static void get_changes(struct req *r)
{
    changes_reply(r, -1);
}

static void get_service_changes(struct req *r)
{
    int service = company_service(r->seg[0]);

    if (service < 0)
        reply_not_found(r);
    else
        changes_reply(r, service);
}

const struct route rest_evidence_routes[] = {
    {"GET", "/incidents/{}/past_incidents", get_past, 0, AB_AIOPS},
    {"GET", "/incidents/{}/related_incidents", get_related, 0, AB_AIOPS},
    {"GET", "/incidents/{}/outlier_incident", get_outlier, 0, AB_AIOPS},
    {"GET", "/incidents/{}/related_change_events", get_related_changes, 0, AB_CHANGE_EVENTS},
    {"GET", "/change_events", get_changes, 0, AB_CHANGE_EVENTS},
    {"GET", "/services/{}/change_events", get_service_changes, 0, AB_CHANGE_EVENTS},
    {NULL, NULL, NULL, 0, 0},
};
