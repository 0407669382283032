#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sandbox/json_build.h"
#include "sandbox/req.h"

/* Services, policies, people: read only here, the company does not change while the sandbox runs. */

/* True when the list is filtered by team and this one is not among them. */
static bool other_team(const struct req *r, int team)
{
    const json_t *teams = req_params(r, "team_ids[]");

    return teams != NULL && !req_param_has(teams, company_teams[team].id);
}

static bool name_misses(const struct req *r, const char *name)
{
    const char *query = req_param(r, "query");

    return query != NULL && strcasestr(name, query) == NULL;
}

static bool begin_list(struct req *r, struct page *page, unsigned *include)
{
    bool bad = false;

    *include = include_read(r, &bad);
    if (bad) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "include[]");
        return false;
    }
    return page_read(r, page);
}

static void get_services(struct req *r)
{
    struct page page;
    unsigned include;
    json_t *list;

    if (!begin_list(r, &page, &include))
        return;
    list = json_array();
    for (int i = 0; i < N_SERVICES; i++)
        if (!other_team(r, company_services[i].team) && !name_misses(r, company_services[i].name))
            json_array_append_new(list, json_service(i, include));
    reply_page(r, &page, "services", list);
}

static void get_service(struct req *r)
{
    int i = company_service(r->seg[0]);
    bool bad = false;

    if (i < 0)
        reply_not_found(r);
    else
        reply_json(r, 200, json_pack("{s:o}", "service", json_service(i, include_read(r, &bad))));
}

static void get_policies(struct req *r)
{
    struct page page;
    unsigned include;
    json_t *list;

    if (!begin_list(r, &page, &include))
        return;
    list = json_array();
    for (int i = 0; i < N_POLICIES; i++)
        if (!other_team(r, company_policies[i].team) && !name_misses(r, company_policies[i].name))
            json_array_append_new(list, json_policy(i, include));
    reply_page(r, &page, "escalation_policies", list);
}

static void get_policy(struct req *r)
{
    int i = company_policy(r->seg[0]);
    bool bad = false;

    if (i < 0)
        reply_not_found(r);
    else
        reply_json(r, 200,
                   json_pack("{s:o}", "escalation_policy", json_policy(i, include_read(r, &bad))));
}

static void get_oncalls(struct req *r)
{
    const json_t *policies = req_params(r, "escalation_policy_ids[]");
    const json_t *people = req_params(r, "user_ids[]");
    struct page page;
    unsigned include;
    json_t *list;

    if (!begin_list(r, &page, &include))
        return;
    list = json_array();
    for (int p = 0; p < N_POLICIES; p++)
        for (int l = 1; l <= N_LEVELS; l++) {
            struct users u = world_oncall(p, l);

            for (int i = 0; i < u.n; i++)
                if ((policies == NULL || req_param_has(policies, company_policies[p].id)) &&
                    (people == NULL || req_param_has(people, company_users[u.list[i]].id)))
                    json_array_append_new(list, json_oncall(p, l, u.list[i], include));
        }
    reply_page(r, &page, "oncalls", list);
}

static void get_dependencies(struct req *r)
{
    int service = company_service(r->seg[0]);
    json_t *list;

    if (service < 0) {
        reply_not_found(r);
        return;
    }
    list = json_array();
    for (int d = 0; d < N_DEPS; d++)
        if (company_deps[d].dependent == service || company_deps[d].supporting == service)
            json_array_append_new(list, json_dependency(d));
    reply_json(r, 200, json_pack("{s:o}", "relationships", list));
}

static void get_users(struct req *r)
{
    struct page page;
    unsigned include;
    json_t *list;

    if (!begin_list(r, &page, &include))
        return;
    list = json_array();
    for (int i = 0; i < N_USERS; i++)
        if (!other_team(r, company_users[i].team) &&
            (!name_misses(r, company_users[i].name) || !name_misses(r, company_users[i].email)))
            json_array_append_new(list, json_user(i));
    reply_page(r, &page, "users", list);
}

static void get_user(struct req *r)
{
    int i = company_user(r->seg[0]);

    if (i < 0 || strchr(r->seg[0], '@') != NULL)
        reply_not_found(r);
    else
        reply_json(r, 200, json_pack("{s:o}", "user", json_user(i)));
}

static void get_me(struct req *r)
{
    reply_json(r, 200, json_pack("{s:o}", "user", json_user(r->token->user)));
}

static void get_teams(struct req *r)
{
    struct page page;
    json_t *list;

    if (!page_read(r, &page))
        return;
    list = json_array();
    for (int i = 0; i < N_TEAMS; i++)
        if (!name_misses(r, company_teams[i].name))
            json_array_append_new(list, json_team(i));
    reply_page(r, &page, "teams", list);
}

static void get_team(struct req *r)
{
    int i = company_team(r->seg[0]);

    if (i < 0)
        reply_not_found(r);
    else
        reply_json(r, 200, json_pack("{s:o}", "team", json_team(i)));
}

static void get_priorities(struct req *r)
{
    struct page page;
    json_t *list;

    if (!page_read(r, &page))
        return;
    list = json_array();
    for (int i = 0; i < N_PRIORITIES; i++)
        json_array_append_new(list, json_priority(i));
    reply_page(r, &page, "priorities", list);
}

static void get_abilities(struct req *r)
{
    json_t *list = json_pack("[s, s, s]", "urgencies", "service_support_hours", "manage_schedules");

    for (int i = 0; i < N_ABILITIES; i++)
        if (world.ability_off[i] == 0)
            json_array_append_new(list, json_string(ability_reported[i]));
    reply_json(r, 200, json_pack("{s:o}", "abilities", list));
}

static void get_windows(struct req *r)
{
    const json_t *services = req_params(r, "service_ids[]");
    const char *filter = req_param(r, "filter");
    int64_t now = world_now_ms();
    struct page page;
    json_t *list;

    if (!page_read(r, &page))
        return;
    list = json_array();
    for (size_t i = 0; i < world.n_windows; i++) {
        const struct maintenance *m = &world.windows[i];
        bool past = m->end_ms <= now, future = m->start_ms > now;

        if ((services != NULL && !req_param_has(services, company_services[m->service].id)) ||
            (text_eq(filter, "past") && !past) || (text_eq(filter, "future") && !future) ||
            (text_eq(filter, "ongoing") && (past || future)) || (text_eq(filter, "open") && past))
            continue;
        json_array_append_new(list, json_maintenance(m));
    }
    reply_page(r, &page, "maintenance_windows", list);
}

const struct route rest_config_routes[] = {
    {"GET", "/services", get_services, 0, -1},
    {"GET", "/services/{}", get_service, 0, -1},
    {"GET", "/escalation_policies", get_policies, 0, -1},
    {"GET", "/escalation_policies/{}", get_policy, 0, -1},
    {"GET", "/oncalls", get_oncalls, 0, -1},
    {"GET", "/service_dependencies/technical_services/{}", get_dependencies, 0, AB_DEPENDENCIES},
    {"GET", "/users", get_users, 0, -1},
    {"GET", "/users/me", get_me, F_USER, -1},
    {"GET", "/users/{}", get_user, 0, -1},
    {"GET", "/teams", get_teams, 0, AB_TEAMS},
    {"GET", "/teams/{}", get_team, 0, AB_TEAMS},
    {"GET", "/priorities", get_priorities, 0, AB_PRIORITIES},
    {"GET", "/abilities", get_abilities, 0, -1},
    {"GET", "/maintenance_windows", get_windows, 0, -1},
    {NULL, NULL, NULL, 0, 0},
};
