#include <stdio.h>
#include <string.h>

#include "http/http_api.h"
#include "http/http_priv.h"

static enum MHD_Result healthz(struct request *r)
{
    answer_text(r, 200, "ok\n");
    return MHD_YES;
}

static enum MHD_Result readyz(struct request *r)
{
    bool ready = atomic_load(&r->server->ready) && !atomic_load(&r->server->quiet);

    answer_text(r, ready ? 200 : 503, ready ? "ready\n" : "starting or stopping\n");
    return MHD_YES;
}

const struct route base_routes[] = {
    {"POST", "/webhooks/pagerduty", webhook_post, ROLE_NONE, ROUTE_WEBHOOK},
    {"POST", "/webhooks/pagerduty/{name}", webhook_post, ROLE_NONE, ROUTE_WEBHOOK},
    {"GET", "/healthz", healthz, ROLE_NONE, ROUTE_LOCAL},
    {"GET", "/readyz", readyz, ROLE_NONE, ROUTE_LOCAL},
};
const size_t base_routes_len = ARRAY_LEN(base_routes);

/* Matches "/a/{x}/b" against a path; the parts go to args. text is scratch the args point into. */
static bool path_match(const char *pattern, char *path, const char *args[4])
{
    size_t n = 0;

    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        pattern = strchr(pattern, '}') + 1;
        CHECK(n < 4);
        args[n] = path;
        while (*path && *path != '/')
            path++;
        if (path == args[n++])
            return false; /* empty part */
    }
    return *path == '\0';
}

/* Ends each arg where its part ends; done once, for the route that matched. */
static void args_split(struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(r->args) && r->args[i]; i++)
        r->arg_text[strcspn(r->args[i], "/") + (size_t)(r->args[i] - r->arg_text)] = '\0';
}

static bool method_is(const struct request *r, const struct route *route)
{
    return strcmp(route->method, r->method) == 0 ||
           (strcmp(r->method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* "GET, HEAD, POST": every row of this path adds its method. */
static void allow_add(struct request *r, const char *method)
{
    size_t used = strlen(r->allow);

    snprintf(r->allow + used, sizeof r->allow - used, "%s%s%s", used ? ", " : "", method,
             strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

static const struct route *find_in(struct request *r, const struct route *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memset(r->args, 0, sizeof r->args);
        if (!path_match(table[i].path, r->arg_text, r->args))
            continue;
        if (method_is(r, &table[i])) {
            args_split(r);
            return &table[i];
        }
        allow_add(r, table[i].method);
    }
    return NULL;
}

const struct route *route_find(struct request *r)
{
    const struct route *found;

    r->allow[0] = '\0';
    memcpy(r->arg_text, r->path, sizeof r->arg_text);
    found = find_in(r, base_routes, base_routes_len);
    if (!found)
        found = find_in(r, api_routes, api_routes_len);
    return found;
}
