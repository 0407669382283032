/* Eyes beyond PagerDuty: what other sources answered about an incident, and the runbooks that fit it. */
#include "triage/triage_priv.h"

int outside_items(const struct engine_pass *p, const struct incident_row *row,
                  struct triage_items *it, struct err *e)
{
    (void)p;
    (void)row;
    (void)it;
    (void)e;
    return 0;
}

bool outside_pending(const struct engine_pass *p, const struct incident_row *row,
                     const struct triage_items *it)
{
    (void)p;
    (void)row;
    (void)it;
    return false;
}
