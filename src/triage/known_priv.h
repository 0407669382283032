#ifndef TRIAGED_TRIAGE_KNOWN_PRIV_H
#define TRIAGED_TRIAGE_KNOWN_PRIV_H

#include "triage/pure.h"

/* What the parts of triage_known share. */

/* The item among the evidence of a claim; nothing for an item that is not stored. */
void known_cite(json_t *cites, const char *claim, const struct triage_item *x);
json_t *known_time(int64_t ms); /* ISO, or null for 0 */
/* Outside text made safe to show; null stays null. */
json_t *known_shown(const char *s, size_t max_bytes);

/* similar, resolve_time */
void known_memory(const struct triage_items *it, json_t *k, json_t *cites);
/* sources, runbooks, runbook_links */
void known_outside(const struct triage_items *it, json_t *k, json_t *cites);

#endif
