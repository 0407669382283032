#include <string.h>

#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* What a machine proposes, and how often people found it right. */

bool origin_is_machine(const char *origin)
{
    return text_starts(origin, "rule:") || text_eq(origin, ORIGIN_MODEL);
}

/* What an action list is about is its last verb: a resolve with words before it is a resolve. */
int measure_add(struct engine_pass *p, const struct prop_full *f, bool approved, struct err *e)
{
    struct store_stmt *q;

    if (!origin_is_machine(f->p.origin) || f->n_acts == 0)
        return 0;
    q = store_begin(gate_of(p)->sql, GATE_MEASURE_ADD);
    store_bind_text(q, 1, f->p.origin);
    store_bind_text(q, 2, f->acts[f->n_acts - 1].verb);
    store_bind_int(q, 3, approved);
    store_bind_int(q, 4, approved && f->rev.revision > 1);
    return store_exec(q, e) < 0 ? e->code : 0;
}

/* The first text behind all that are meant: this one alone, or all that begin with it. */
static const char *behind(struct arena *a, const char *origin)
{
    size_t len = strlen(origin);

    if (len > 0 && origin[len - 1] == ':')
        return arena_printf(a, "%.*s;", (int)len - 1, origin); /* ';' follows ':' */
    return arena_printf(a, "%s\x01", origin);
}

int gate_measured(struct engine_pass *p, const char *origin, const char *verb, int64_t *decided,
                  int64_t *approved, struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, verb ? GATE_MEASURED_VERB : GATE_MEASURED);
    int rc;

    store_bind_text(q, 1, origin);
    store_bind_text(q, 2, behind(p->arena, origin));
    if (verb)
        store_bind_text(q, 3, verb);
    rc = store_step(q, e);
    *decided = rc > 0 ? store_int(q, 0) : 0;
    *approved = rc > 0 ? store_int(q, 1) : 0;
    store_reset(q);
    return rc < 0 ? rc : 0;
}

json_t *gate_permitted(struct engine_pass *p, const struct gate_view *view, json_t *facts,
                       const json_t *verbs, const char *origin)
{
    const struct policy *policy = ((struct world *)p->app)->policy;
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(verbs); i++) {
        const char *verb = json_string_value(json_array_get(verbs, i));
        struct new_action act = {
            .def = action_find(verb), .target = view->incident_id, .args = "{}"};
        AUTO(json_freep) json_t *doc = NULL;
        struct policy_answer a;

        if (!act.def || act.def->undo_only)
            continue;
        doc = policy_facts(facts, view, verb, &act, 1, origin, NULL);
        policy_ask(policy, doc, p->now_wall_ms, &a);
        if (a.need.kind != NEED_NEVER)
            json_array_append_new(out, json_string(verb));
    }
    return out;
}
