#include "base/fault.h"
#include "base/log.h"
#include "engine/engine_priv.h"

/* One fact under its own savepoint: its failure takes back only its own writes. */
static int fact_apply(struct engine *en, struct engine_fact *f, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    struct audit_head head = audit_head(en->audit);
    int code;

    arena_reset(en->arena);
    if (store_savepoint(&sp, en->store, e) < 0)
        return e->code;
    code = f->apply(f, &en->pass, e);
    if (code >= 0)
        code = store_release(&sp, e) < 0 ? e->code : code;
    if (code < 0)
        audit_set_head(en->audit, &head);
    return code;
}

static void facts_answer(struct engine *en, unsigned n, const struct err *lost)
{
    for (unsigned i = 0; i < n; i++) {
        struct fact_outcome *o = &en->outcomes[i];

        if (lost)
            o->fact->answer(o->fact, ERR_RETRY, lost);
        else
            o->fact->answer(o->fact, o->code, &o->err);
    }
}

void facts_pass(struct engine *en, struct engine_fact *list, unsigned n)
{
    struct err e = {0};
    struct audit_head head = audit_head(en->audit);
    unsigned done = 0;
    bool lost = pass_begin(en, &e) < 0;

    for (struct engine_fact *f = list, *next; f; f = next) {
        struct fact_outcome *o = &en->outcomes[done++];

        next = f->next;
        *o = (struct fact_outcome){.fact = f};
        if (!lost)
            o->code = fact_apply(en, f, &o->err);
        lost = lost || !store_tx_open(en->store);
    }
    CHECK(done == n);
    atomic_fetch_add_explicit(&en->n_facts, n, memory_order_relaxed);
    if (!lost) {
        FAULT_POINT("engine.before_commit");
        lost = pass_commit(en, head, &e) < 0;
    } else {
        pass_lost(en, head, &e);
    }
    FAULT_POINT("engine.after_commit");
    if (lost)
        (void)err_retry(&e, 1, "the store could not take it; nothing was written");
    facts_answer(en, n, lost ? &e : NULL);
}
