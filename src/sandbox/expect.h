#ifndef TRIAGED_SANDBOX_EXPECT_H
#define TRIAGED_SANDBOX_EXPECT_H

#include "sandbox/world.h"

/*
 * The right answers about an incident, computed from the world's memory alone and not from what REST shows: what a
 * triage must find. World lock held; a new reference.
 */
json_t *expect_incident(const struct incident *in);

/* Whether other began before in. */
bool expect_earlier(const struct incident *in, const struct incident *other);
/* Same service, same title once numbers and ids are gone, begun earlier and at most window_ms before. */
bool expect_same_symptom(const struct incident *in, const struct incident *earlier,
                         int64_t window_ms);
#define EXPECT_WINDOW_MS (INT64_C(180) * 86400000)

#endif
