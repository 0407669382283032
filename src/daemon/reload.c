#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "daemon/daemon.h"

/*
 * What was fixed at start: listeners, threads, the peer of PagerDuty's calls with its rate bucket, the clock. Taking over the rest and
 * staying silent about these would leave somebody believing in a setting that is not in force.
 */
static void differs(struct buf *names, const char *name, bool different)
{
    if (different)
        buf_printf(names, "%s%s", names->len ? ", " : "", name);
}

int restart_settings_same(const struct config *now, const struct config *next, struct err *e)
{
    AUTO(buf_done) struct buf names;

    buf_init(&names, 1024);
    differs(&names, "state_dir", strcmp(now->state_dir, next->state_dir) != 0);
    differs(&names, "intake.bind", strcmp(now->intake.bind, next->intake.bind) != 0);
    differs(&names, "intake.port", now->intake.port != next->intake.port);
    differs(&names, "intake.threads", now->intake.threads != next->intake.threads);
    differs(&names, "intake.connections_max",
            now->intake.connections_max != next->intake.connections_max);
    differs(&names, "pagerduty.base_url",
            strcmp(now->pagerduty.base_url, next->pagerduty.base_url) != 0);
    differs(&names, "pagerduty.per_minute",
            now->pagerduty.per_minute != next->pagerduty.per_minute);
    differs(&names, "pagerduty.reserve_percent",
            now->pagerduty.reserve_pct != next->pagerduty.reserve_pct);
    differs(&names, "pagerduty.allow_private_addresses",
            now->pagerduty.allow_private != next->pagerduty.allow_private);
    differs(&names, "model.base_url", !text_eq(now->model.base_url, next->model.base_url));
    differs(&names, "model.allow_private_addresses",
            now->model.allow_private != next->model.allow_private);
    differs(&names, "development.clock_offset_s", now->clock_offset_ms != next->clock_offset_ms);
    if (names.len == 0)
        return 0;
    return err_set(
        e, ERR_INPUT,
        "%s cannot change while running; restart the daemon, or put the old value back and reload",
        buf_str(&names));
}

struct refused_fact {
    struct engine_fact fact;
    struct err why;
};

static int refused_apply(struct engine_fact *f, struct engine_pass *p, struct err *e)
{
    const struct refused_fact *r = (const struct refused_fact *)f;

    return engine_alarm(p, "config.refused", r->why.msg,
                        "the old configuration stays in force; correct the file ('triaged --check' "
                        "says what is wrong) and reload again",
                        e);
}

static void refused_answer(struct engine_fact *f, int code, const struct err *e)
{
    (void)code;
    (void)e;
    mem_freep(&f);
}

void refused_alarm(struct engine *engine, const struct err *why)
{
    struct refused_fact *r = mem_alloc(sizeof *r);

    r->fact.apply = refused_apply;
    r->fact.answer = refused_answer;
    r->why = *why;
    if (!engine_post(engine, &r->fact))
        mem_freep(&r);
}
