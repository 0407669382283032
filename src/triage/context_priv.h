#ifndef TRIAGED_TRIAGE_CONTEXT_PRIV_H
#define TRIAGED_TRIAGE_CONTEXT_PRIV_H

#include "triage/triage_priv.h"

/*
 * Tags of calls beside enum pd_op_id. They say what exactly was asked, because rows may have changed between plan and apply: the page
 * (and window) of a history, the number of the incident whose notes these are.
 */
#define TAG_HISTORY 200
#define TAG_FIX     100000
static inline int tag_fix(int64_t number)
{
    return TAG_FIX + (int)(number % 1000000000);
}

/* How far the history of a service is read. */
struct history_state {
    bool whole;      /* read to the end at least once: counts are right */
    bool capped;     /* PagerDuty would not tell more, or it was more than we read */
    bool stale;      /* another call would tell more now */
    const char *why; /* the newest read failed */
};
int history_state(const struct engine_pass *p, const char *service_id, struct history_state *out,
                  struct err *e) MUST_CHECK;
int history_ask(struct step_ctx *c, const char *service_id, unsigned room, unsigned *asked,
                struct err *e) MUST_CHECK;
int history_take(struct step_ctx *c, const char *service_id, struct arena *a, struct err *e)
    MUST_CHECK;

#endif
