/* The statements of this room, and small things that every file of it uses. */
#include "base/log.h"
#include "triage/triage_priv.h"
#include "triage/triage_sql.h"

int triage_open(struct store *s, struct triage **out, struct err *e)
{
    struct triage *t = mem_alloc(sizeof(*t));

    t->store = s;
    if (store_prepare(s, triage_sql_table, TRIAGE_SQL_LEN, &t->sql, e) < 0) {
        mem_freep(&t);
        return err_wrap(e, "triage");
    }
    *out = t;
    return 0;
}

/* The statements end with their store. */
void triage_close(struct triage *t)
{
    mem_freep(&t);
}

const struct store_sql *triage_statements(size_t *n)
{
    *n = TRIAGE_SQL_LEN;
    return triage_sql_table;
}

const struct step *const *triage_steps(void)
{
    static const struct step *const steps[] = {&triage_step_intake,
                                               &triage_step_enrich,
                                               &triage_step_context,
                                               &triage_step_judge,
                                               &triage_step_assess,
                                               &triage_step_ask,
                                               &triage_step_propose,
                                               &triage_step_refresh,
                                               &triage_step_backfill,
                                               &triage_step_source,
                                               NULL};

    return steps;
}

struct store_stmt *sql(const struct engine_pass *p, size_t index)
{
    return store_begin(world_of(p)->triage->sql, index);
}

int sql_run(struct store_stmt *q, struct err *e)
{
    int rc = store_exec(q, e);

    return rc < 0 ? rc : 0;
}

void bind_known(struct store_stmt *q, int param, int64_t v)
{
    if (v)
        store_bind_int(q, param, v);
    else
        store_bind_null(q, param);
}

int job_add(const struct engine_pass *p, const char *step, const char *subject, int prio,
            int64_t due_ms, struct err *e)
{
    struct engine_pass copy =
        *p; /* the engine's door wants it without const; it changes nothing in it */

    return engine_add_job(&copy, step, subject, prio, due_ms, e);
}
