#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "sandbox/act.h"
#include "sandbox/req.h"
#include "sandbox/timer.h"

/*
 * A storm: one cause at the bottom of the dependency graph, then the services that need it, then those that need
 * these, and repeats. Same seed, same storm.
 */
enum {
    STORM_MAX = 200
};

struct gust {
    int service, symptom, depth;
    int64_t after_ms;
    char title[120];
    json_t *details;
};

/* Hops from the service to the cause; -1 when it does not depend on it. */
static void depths_from(int root, int depth[N_SERVICES])
{
    for (int s = 0; s < N_SERVICES; s++)
        depth[s] = s == root ? 0 : -1;
    for (int round = 0; round < N_SERVICES; round++)
        for (int d = 0; d < N_DEPS; d++) {
            int up = company_deps[d].dependent, down = company_deps[d].supporting;

            if (depth[down] == round && depth[up] < 0)
                depth[up] = round + 1;
        }
}

static int pick_symptom(int service)
{
    int mine[N_SYMPTOMS], n = 0;

    for (int s = 0; s < N_SYMPTOMS; s++)
        if (company_symptoms[s].service == service)
            mine[n++] = s;
    return mine[world_random((uint32_t)n)];
}

static void fill(struct gust *g, int root)
{
    const struct c_symptom *s = &company_symptoms[g->symptom];
    uint32_t number = symptom_number(s);

    symptom_title(s->title, number, g->title, sizeof g->title);
    g->details = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "metric", s->metric, "value",
                           (int)number, "threshold", s->threshold, "environment", "production",
                           "region", "eu-north", "runbook", s->runbook);
    if (g->service != root)
        json_object_set_new(
            g->details, "error",
            json_sprintf("upstream %s: timeout after 5000 ms", company_services[root].name));
}

static void gust_run(void *arg)
{
    struct gust *g = arg;
    const struct actor monitor = {.source = "integration",
                                  .agent = {AGENT_INTEGRATION, g->service}};
    struct trigger t = {.service = g->service,
                        .priority = -1,
                        .urgency = URGENCY_HIGH,
                        .title = g->title,
                        .severity = company_symptoms[g->symptom].severity,
                        .alerts = 1,
                        .details = g->details};

    world_lock();
    act_trigger(&t, &monitor);
    world_unlock();
    free(g);
}

/* The cause first; then nearer services earlier, with some disorder, as monitors are not in step. */
static struct gust *gust_new(int i, int root, const int *near, int n_near, const int *depth,
                             int64_t within_ms, int count)
{
    struct gust *g = mem_alloc(sizeof *g);

    g->service = i == 0 ? root : near[world_random((uint32_t)n_near)];
    if (i > 0 && i < n_near)
        g->service = near[i];
    g->depth = depth[g->service];
    g->symptom = pick_symptom(g->service);
    g->after_ms =
        i == 0 ? 0
               : within_ms * i / count + (int64_t)world_random(1 + (uint32_t)(within_ms / count));
    fill(g, root);
    return g;
}

void control_storm(struct req *r)
{
    int64_t count = json_opt_int(r->json, "count", 12),
            within = json_opt_int(r->json, "within_ms", 5000);
    uint64_t kept = world.random;
    int depth[N_SERVICES], near[N_SERVICES], n_near = 0, root;
    json_t *planned = json_array();

    if (count < 1 || count > STORM_MAX || within < 0 || within > 3600000) {
        json_decref(planned);
        reply_error(r, 400, 2001, "Invalid Input Provided",
                    "count 1 to 200, within_ms up to an hour");
        return;
    }
    world.random = (uint64_t)json_opt_int(r->json, "seed", 1);
    root = 5 + (int)world_random(2);
    depths_from(root, depth);
    for (int d = 0; d < N_SERVICES; d++)
        for (int s = 0; s < N_SERVICES; s++)
            if (depth[s] == d)
                near[n_near++] = s;
    for (int i = 0; i < count; i++) {
        struct gust *g = gust_new(i, root, near, n_near, depth, within, (int)count);

        json_array_append_new(planned, json_pack("{s:s, s:s, s:i, s:I}", "service",
                                                 company_services[g->service].id, "title", g->title,
                                                 "hops_from_cause", g->depth, "after_ms",
                                                 (json_int_t)g->after_ms));
        timer_add(g->after_ms, gust_run, g);
    }
    world.random = kept;
    reply_json(r, 202,
               json_pack("{s:s, s:o}", "cause", company_services[root].id, "planned", planned));
}
