/* The memory: what earlier incidents said and what ended them, found again by text. */
#include "triage/triage_priv.h"

int memory_items(const struct engine_pass *p, const struct incident_row *row,
                 struct triage_items *it, struct err *e)
{
    (void)p;
    (void)row;
    (void)it;
    (void)e;
    return 0;
}

int memory_remember(const struct engine_pass *p, const struct incident_row *row,
                    const struct triage_items *it, struct err *e)
{
    (void)p;
    (void)row;
    (void)it;
    (void)e;
    return 0;
}
