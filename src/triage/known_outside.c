/* What sources other than PagerDuty and the runbooks tell. */
#include "triage/known_priv.h"

void known_outside(const struct triage_items *it, json_t *k, json_t *cites)
{
    (void)it;
    (void)cites;
    json_object_set_new(k, "sources", json_null());
    json_object_set_new(k, "runbooks", json_null());
    json_object_set_new(k, "runbook_links", json_null());
}
