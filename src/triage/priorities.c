/* The account's own priorities: what a severity is called here, the most severe first. Read once an hour for all incidents. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/triage_priv.h"

#define KEY        "priorities:account"
#define TTL_MS     INT64_C(3600000)
#define NAMES_MAX  20
#define NAME_BYTES 80

int priorities_ask(struct step_ctx *c, unsigned room, unsigned *asked, struct err *e)
{
    AUTO(cached_done) struct cached cached = {0};
    const struct pd_args args = {0};

    if (*asked >= room)
        return 0;
    if (cache_get(step_pass(c), KEY, &cached, e) < 0)
        return e->code;
    if (!cache_stale(step_pass(c), &cached, TTL_MS))
        return 0;
    (*asked)++;
    return call_ask_spare(c, PD_OP_PRIORITIES, PD_OP_PRIORITIES, &args, e);
}

static json_t *names_of(const struct pd_priorities *list)
{
    json_t *names = json_array();

    for (size_t i = 0; i < list->n && json_array_size(names) < NAMES_MAX; i++) {
        const char *name = list->items[i].name;

        if (name && *name && strlen(name) <= NAME_BYTES)
            json_array_append_new(names, json_string(name));
    }
    return names;
}

int priorities_take(struct step_ctx *c, struct arena *a, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    const struct pd_op *op = pd_op(PD_OP_PRIORITIES);
    const struct net_reply *r = step_reply(c, PD_OP_PRIORITIES);
    struct pd_priorities list;
    struct err bad = {0};
    char why[WHY_MAX];
    enum answer got;

    if (!r)
        return 0;
    got = answer_of(r, op, why);
    if (got == ANSWER_OK && pd_read_priorities(a, r->body, r->body_len, &list, &bad) < 0)
        got = answer_garbage(&bad, why);
    if (got == ANSWER_UNAVAILABLE)
        return feature_record(p, op->name, why, e);
    if (got != ANSWER_OK)
        return cache_failed_beside(p, KEY, why, e);
    return cache_put(p, KEY, json_pack("{s:o}", "names", names_of(&list)), e) < 0 ||
                   feature_works(p, op->name, e) < 0
               ? e->code
               : 0;
}

int priorities_names(const struct engine_pass *p, json_t **out, struct err *e)
{
    AUTO(cached_done) struct cached cached = {0};
    json_t *names;

    *out = NULL;
    if (cache_get(p, KEY, &cached, e) < 0)
        return e->code;
    names = json_opt_arr(cached.ok, "names");
    if (json_array_size(names) > 0)
        *out = json_incref(names);
    return 0;
}
