#include <stdio.h>

#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* The four steps as the engine knows them; what they do is in functions that need no engine. */

static int io_call(void *io, int tag, const struct net_req *r, struct err *e)
{
    return step_call(io, tag, r, e);
}

static const struct net_reply *io_reply(void *io, int tag)
{
    return step_reply(io, tag);
}

static void io_again(void *io, int64_t due_wall_ms)
{
    step_again_at(io, due_wall_ms);
}

static int with(struct step_ctx *c, int (*fn)(struct gate_run *r, struct err *e), struct err *e)
{
    const struct job *j = step_job(c);
    struct gate_run r = {.p = step_pass(c),
                         .subject = j->subject,
                         .orphan = j->orphan,
                         .attempt = j->attempt,
                         .io = c,
                         .call = io_call,
                         .reply = io_reply,
                         .again = io_again};
    int rc = fn(&r, e);

    return rc < 0 ? rc : 0;
}

#define STEP_FN(name)                                         \
    static int step_##name(struct step_ctx *c, struct err *e) \
    {                                                         \
        return with(c, name, e);                              \
    }

/* clang-format off */
STEP_FN(execute_plan)
STEP_FN(execute_apply)
STEP_FN(send_plan)
STEP_FN(send_apply)
STEP_FN(confirm_plan)
STEP_FN(confirm_apply)
STEP_FN(expire_apply)
/* clang-format on */

/* None is ever buried: each has its own end (deadline, unsure) that a person sees. */
const struct step gate_step_execute = {.name = "execute",
                                       .plan = step_execute_plan,
                                       .apply = step_execute_apply,
                                       .backoff_ms = 500,
                                       .backoff_max_ms = 15000};
const struct step gate_step_send = {.name = "send",
                                    .plan = step_send_plan,
                                    .apply = step_send_apply,
                                    .backoff_ms = 500,
                                    .backoff_max_ms = 15000};
const struct step gate_step_confirm = {.name = "confirm",
                                       .plan = step_confirm_plan,
                                       .apply = step_confirm_apply,
                                       .backoff_ms = 500,
                                       .backoff_max_ms = 15000};
const struct step gate_step_expire = {
    .name = "expire", .apply = step_expire_apply, .backoff_ms = 1000, .backoff_max_ms = 60000};

/* ---- at start ---- */

static int requeue_state(struct engine_pass *p, enum proposal_state s, int64_t *last, size_t *n,
                         struct err *e)
{
    int64_t ids[500];
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_PROPOSAL_TO_RUN);
    int rc = 0;

    *n = 0;
    store_bind_text(q, 1, proposal_state_name(s));
    store_bind_int(q, 2, *last);
    while (*n < ARRAY_LEN(ids) && (rc = store_step(q, e)) > 0)
        ids[(*n)++] = store_int(q, 0);
    store_reset(q);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < *n; i++) {
        char subject[24];

        snprintf(subject, sizeof subject, "%lld", (long long)ids[i]);
        if (engine_add_job(p, s == PROPOSAL_PENDING ? "expire" : "execute", subject,
                           s == PROPOSAL_PENDING ? PRIO_FOLLOW : PRIO_EXECUTE, p->now_wall_ms,
                           e) < 0)
            return e->code;
        *last = ids[i];
    }
    return 0;
}

/* Jobs are durable; this covers those that a person dropped and a store restored from a backup. */
int gate_on_start(struct engine_pass *p, struct err *e)
{
    static const enum proposal_state STATES[] = {PROPOSAL_PENDING, PROPOSAL_APPROVED,
                                                 PROPOSAL_EXECUTING};

    for (size_t i = 0; i < ARRAY_LEN(STATES); i++) {
        int64_t last = 0;
        size_t n;

        do {
            if (requeue_state(p, STATES[i], &last, &n, e) < 0)
                return e->code;
        } while (n == 500);
    }
    return 0;
}
