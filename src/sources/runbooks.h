#ifndef TRIAGED_SOURCES_RUNBOOKS_H
#define TRIAGED_SOURCES_RUNBOOKS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * Runbooks: a folder of Markdown files with front matter
 *
 *   ---
 *   title: Connection pool exhausted
 *   services: [PSPARDB, "Parcel Database"]     ids or names
 *   symptoms: ["connection pool", "too many connections"]   words that stand in title or alerts
 *   rules: [database-pool]                     names of rules that matched
 *   owner: Storage
 *   reviewed: 2026-08-01
 *   ---
 *
 * (description and tags are further members) and sections by headings, cut by libcmark. A section has a part (diagnosis, mitigation, verification, escalation or other, by its heading's
 * words), steps (the items of its lists) and minutes (from "(5 min)" in heading or steps). Immutable, ref-counted, any thread.
 */
struct runbooks;

#define RUNBOOKS_MAX      500
#define RUNBOOK_MAX_BYTES ((size_t)256 * 1024)

/* An absent folder gives an empty set; a broken file is an error with its line; one without front matter (a README) is no runbook. */
int runbooks_load(const char *dir, struct runbooks **out, struct err *e) MUST_CHECK;
struct runbooks *runbooks_ref(struct runbooks *r);
void runbooks_unref(struct runbooks *r); /* accepts NULL */
void runbooks_unrefp(struct runbooks **r);
const char *runbooks_hash(const struct runbooks *r);
size_t runbooks_count(const struct runbooks *r);

/*
 * The best ones for these facts and rules, at most `max`: bodies of EV_RUNBOOK items:
 *  {title, path, owner, reviewed, stale (reviewed over a year ago, as of now), matched_by: ["service", "symptom: connection pool", "rule: x"],
 *   summary, sections: [{heading, part, line_from, line_to, steps: [text], minutes, text}], minutes}
 * A runbook must match by a rule, by a symptom, or by service; one whose services are named and do not hold this one never matches. Order: rule, then
 * service with symptom, then symptom, then service; ties by path.
 */
json_t *runbooks_match(const struct runbooks *r, const json_t *facts, const json_t *rule_names,
                       int64_t now_wall_ms, size_t max);
/* [{path, title, owner, reviewed, services, symptoms}] for people. */
json_t *runbooks_json(const struct runbooks *r);

#endif
