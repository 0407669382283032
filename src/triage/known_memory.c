/* What earlier incidents tell: similar ones with what ended them, and how long it took. */
#include "triage/known_priv.h"

void known_memory(const struct triage_items *it, json_t *k, json_t *cites)
{
    (void)it;
    (void)cites;
    json_object_set_new(k, "similar", json_null());
    json_object_set_new(k, "resolve_time", json_null());
}
