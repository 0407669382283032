#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/json_build.h"
#include "sandbox/outside.h"

/* The company's GitHub (a repository for each service) and its status page, told from the world's changes and incidents. */

#define MINUTE_MS INT64_C(60000)
enum {
    COMMITS_EACH = 2, /* that a change brings */
    STATUS_INCIDENTS_MAX = 20
};

static const char *const commit_messages[] = {
    "Raise the connection pool", "Read prices in one query",       "Retry the upstream call twice",
    "Newer dependencies",        "Move the cache behind a flag",   "Write labels in batches",
    "Drop the unused index",     "Log the shop with each refusal",
};

static void sha_of(uint64_t seed, char out[41])
{
    for (int i = 0; i < 40; i += 8)
        snprintf(out + i, 9, "%08x", outside_noise(seed, (uint64_t)i, UINT32_MAX));
}

static json_t *account(const char *login, int id)
{
    return json_pack("{s:s, s:i, s:o, s:o, s:s, s:b}", "login", login, "id", id, "url",
                     json_sprintf("https://api.github.com/users/%s", login), "html_url",
                     json_sprintf("https://github.com/%s", login), "type", "User", "site_admin", 0);
}

static int newest_first(const void *a, const void *b)
{
    const struct change_event *x = *(const struct change_event *const *)a,
                              *y = *(const struct change_event *const *)b;

    return (x->at_ms < y->at_ms) - (x->at_ms > y->at_ms);
}

/* The changes of the repository's service; NULL and an answer when there is no such repository. */
static const struct change_event **changes_of(struct req *r, size_t *n)
{
    const struct change_event **list;
    int service = -1;

    for (int i = 0; i < N_SERVICES; i++)
        if (strcmp(company_short_names[i], r->seg[1]) == 0 ||
            strcmp(company_services[i].id, r->seg[1]) == 0)
            service = i;
    *n = 0;
    if (service < 0 || strcmp(r->seg[0], "lumenparcel") != 0) {
        reply_json(r, 404,
                   json_pack("{s:s, s:s, s:s}", "message", "Not Found", "documentation_url",
                             "https://docs.github.com/rest", "status", "404"));
        return NULL;
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
    list = (const struct change_event **)mem_array(world.n_changes + 1, sizeof *list);
    for (size_t i = 0; i < world.n_changes; i++)
        if (world.changes[i].service == service)
            list[(*n)++] = &world.changes[i];
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
    qsort(list, *n, sizeof *list, newest_first);
    return list;
}

/* per_page and page, as GitHub has them. */
static bool github_page(struct req *r, size_t *from, size_t *until)
{
    const char *each = req_param(r, "per_page"), *page = req_param(r, "page");
    struct err e = {0};
    int64_t n = 30, at = 1;

    if ((each != NULL && parse_i64(each, 1, 100, &n, &e) < 0) ||
        (page != NULL && parse_i64(page, 1, 100000, &at, &e) < 0)) {
        reply_json(r, 422,
                   json_pack("{s:s, s:s}", "message", "Validation Failed", "status", "422"));
        return false;
    }
    *from = (size_t)((at - 1) * n);
    *until = *from + (size_t)n;
    return true;
}

static json_t *deployment(const struct req *r, const struct change_event *c)
{
    int id = (int)(outside_noise((uint64_t)c->at_ms, 7, 900000000) + 100000000);
    char sha[41];

    sha_of((uint64_t)c->at_ms, sha);
    return json_pack(
        "{s:o, s:i, s:o, s:s, s:s, s:s, s:{}, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, "
        "s:b, s:b}",
        "url",
        json_sprintf("https://api.github.com/repos/%s/%s/deployments/%d", r->seg[0], r->seg[1], id),
        "id", id, "node_id", json_sprintf("DE_kwDOsandbox%d", id), "sha", sha, "ref", "main",
        "task", "deploy", "payload", "original_environment", "production", "environment",
        "production", "description", c->summary, "creator", account("lumen-deploy", 4211),
        "created_at", json_time(c->at_ms), "updated_at", json_time(c->at_ms + MINUTE_MS),
        "statuses_url",
        json_sprintf("https://api.github.com/repos/%s/%s/deployments/%d/statuses", r->seg[0],
                     r->seg[1], id),
        "repository_url", json_sprintf("https://api.github.com/repos/%s/%s", r->seg[0], r->seg[1]),
        "transient_environment", 0, "production_environment", 1);
}

static void get_deployments(struct req *r)
{
    const char *environment = req_param(r, "environment");
    size_t n = 0, from, until;
    const struct change_event **changes;
    json_t *list;

    if (!github_page(r, &from, &until) || (changes = changes_of(r, &n)) == NULL)
        return;
    list = json_array();
    for (size_t i = from; i < n && i < until; i++)
        if (environment == NULL || strcmp(environment, "production") == 0)
            json_array_append_new(list, deployment(r, changes[i]));
    free(changes);
    reply_json(r, 200, list);
}

static json_t *commit(const struct req *r, const struct change_event *c, int nth)
{
    uint64_t seed = (uint64_t)c->at_ms + (uint64_t)nth;
    int64_t at = c->at_ms - (5 + 10 * nth) * MINUTE_MS;
    const struct c_user *who = &company_users[outside_noise(seed, 1, N_USERS - 1)];
    const char *message = commit_messages[outside_noise(seed, 2, ARRAY_LEN(commit_messages))];
    char sha[41], parent[41];
    json_t *person;

    sha_of(seed, sha);
    sha_of(seed + 1, parent);
    person =
        json_pack("{s:s, s:s, s:o}", "name", who->name, "email", who->email, "date", json_time(at));
    return json_pack(
        "{s:s, s:o, s:o, s:{s:O, s:o, s:s, s:{s:s, s:s}, s:i, s:{s:b, s:s, s:n, s:n}}, s:o, s:[{s:s}]}",
        "sha", sha, "url",
        json_sprintf("https://api.github.com/repos/%s/%s/commits/%s", r->seg[0], r->seg[1], sha),
        "html_url", json_sprintf("https://github.com/%s/%s/commit/%s", r->seg[0], r->seg[1], sha),
        "commit", "author", person, "committer", person, "message", message, "tree", "sha", parent,
        "url", "https://api.github.com/", "comment_count", 0, "verification", "verified", 0,
        "reason", "unsigned", "signature", "payload", "author", account("lumen-dev", 4212),
        "parents", "sha", parent);
}

static void get_commits(struct req *r)
{
    int64_t since = INT64_MIN, before = INT64_MAX;
    size_t n = 0, from, until, seen = 0;
    const struct change_event **changes;
    json_t *list;

    if (!outside_time(req_param(r, "since"), &since) ||
        !outside_time(req_param(r, "until"), &before)) {
        reply_json(r, 422,
                   json_pack("{s:s, s:s}", "message", "Validation Failed", "status", "422"));
        return;
    }
    if (!github_page(r, &from, &until) || (changes = changes_of(r, &n)) == NULL)
        return;
    list = json_array();
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < COMMITS_EACH; k++) {
            int64_t at = changes[i]->at_ms - (5 + 10 * k) * MINUTE_MS;

            if (at < since || at > before)
                continue;
            if (seen >= from && seen < until)
                json_array_append_new(list, commit(r, changes[i], k));
            seen++;
        }
    free(changes);
    reply_json(r, 200, list);
}

/* ---- the status page ---- */

#define PAGE "lumenparcel1"

static bool is_public(const struct incident *in)
{
    return in->status != RESOLVED && in->urgency == URGENCY_HIGH;
}

static const char *component_status(int service, int64_t now_ms)
{
    const char *status =
        world_in_maintenance(service, now_ms) ? "under_maintenance" : "operational";

    for (size_t i = 0; i < world.n_incidents; i++) {
        const struct incident *in = world.incidents[i];

        if (in->service != service || !is_public(in))
            continue;
        if (in->n_alerts == 0 || strcmp(in->alerts[0].severity, "critical") == 0)
            return "major_outage";
        status = "degraded_performance";
    }
    return status;
}

static json_t *component(int service, int64_t now_ms)
{
    const struct c_service *s = &company_services[service];

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:b, s:s, s:n, s:s, s:b, s:b}", "id",
                     s->id, "name", s->name, "status", component_status(service, now_ms),
                     "created_at", "2024-03-01T09:00:00.000Z", "updated_at",
                     "2026-01-01T00:00:00.000Z", "position", service + 1, "description",
                     s->description, "showcase", 1, "start_date", "2024-03-01", "group_id",
                     "page_id", PAGE, "group", 0, "only_show_if_degraded", 0);
}

static json_t *status_incident(const struct incident *in, int64_t now_ms)
{
    bool critical = in->n_alerts == 0 || strcmp(in->alerts[0].severity, "critical") == 0;
    const char *word = in->status == ACKNOWLEDGED ? "identified" : "investigating";
    json_t *update = json_pack(
        "{s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:[], s:b}", "id", json_sprintf("u%s", in->id),
        "status", word, "body",
        json_sprintf("We are looking into trouble with %s.", company_services[in->service].name),
        "incident_id", in->id, "created_at", json_time(in->created_ms), "updated_at",
        json_time(in->updated_ms), "display_at", json_time(in->created_ms), "affected_components",
        "deliver_notifications", 1);

    return json_pack(
        "{s:s, s:o, s:s, s:o, s:o, s:n, s:n, s:s, s:o, s:o, s:s, s:[o], s:[o]}", "id", in->id,
        "name", json_sprintf("Trouble with %s", company_services[in->service].name), "status", word,
        "created_at", json_time(in->created_ms), "updated_at", json_time(in->updated_ms),
        "monitoring_at", "resolved_at", "impact", critical ? "critical" : "minor", "shortlink",
        json_sprintf("https://stspg.example/%s", in->id), "started_at", json_time(in->created_ms),
        "page_id", PAGE, "incident_updates", update, "components", component(in->service, now_ms));
}

static json_t *maintenances(int64_t now_ms)
{
    json_t *list = json_array();

    for (size_t i = 0; i < world.n_windows; i++) {
        const struct maintenance *m = &world.windows[i];

        if (m->end_ms > now_ms)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:[], s:[o]}", "id", m->id,
                                "name", m->description, "status",
                                m->start_ms > now_ms ? "scheduled" : "in_progress", "impact",
                                "maintenance", "scheduled_for", json_time(m->start_ms),
                                "scheduled_until", json_time(m->end_ms), "page_id", PAGE,
                                "incident_updates", "components", component(m->service, now_ms)));
    }
    return list;
}

static void get_summary(struct req *r)
{
    static const char *const worst[][2] = {{"none", "All Systems Operational"},
                                           {"minor", "Partially Degraded Service"},
                                           {"critical", "Major Service Outage"}};
    int64_t now_ms = world_now_ms();
    json_t *components = json_array(), *incidents = json_array();
    size_t grade = 0;

    for (int s = 0; s < N_SERVICES; s++) {
        const char *status = component_status(s, now_ms);
        size_t own = strcmp(status, "major_outage") == 0           ? 2
                     : strcmp(status, "degraded_performance") == 0 ? 1
                                                                   : 0;

        grade = own > grade ? own : grade;
        json_array_append_new(components, component(s, now_ms));
    }
    for (size_t i = world.n_incidents;
         i-- > 0 && json_array_size(incidents) < STATUS_INCIDENTS_MAX;)
        if (is_public(world.incidents[i]))
            json_array_append_new(incidents, status_incident(world.incidents[i], now_ms));
    reply_json(r, 200,
               json_pack("{s:{s:s, s:s, s:s, s:s, s:o}, s:o, s:o, s:o, s:{s:s, s:s}}", "page", "id",
                         PAGE, "name", "Lumen Parcel", "url", "https://status.lumenparcel.example",
                         "time_zone", "Etc/UTC", "updated_at", json_time(now_ms), "components",
                         components, "incidents", incidents, "scheduled_maintenances",
                         maintenances(now_ms), "status", "indicator", worst[grade][0],
                         "description", worst[grade][1]));
}

const struct route outside_web_routes[] = {
    {"GET", "/_outside/github/repos/{}/{}/deployments", get_deployments, 0, -1},
    {"GET", "/_outside/github/repos/{}/{}/commits", get_commits, 0, -1},
    {"GET", "/_outside/status/api/v2/summary.json", get_summary, 0, -1},
    {NULL, NULL, NULL, 0, 0},
};
