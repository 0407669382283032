#ifndef TRIAGED_TRIAGE_OUTSIDE_PRIV_H
#define TRIAGED_TRIAGE_OUTSIDE_PRIV_H

#include "sources/sources.h"
#include "triage/triage_priv.h"

/* What the files of "outside" share. A stored answer's body, beside what its evidence item shows: */
#define ANSWER_ASKING "asking" /* a call is out: what apply needs to read its reply */
#define ANSWER_ALERTS "alerts" /* how many alerts there were when it was asked */
#define ANSWER_MISSED "missed" /* asked again, and this time it did not answer: why */
#define ANSWER_RETRY  "retry"  /* another time it may */

#define NOT_ANSWERED_YET     "not answered yet" /* step_ask.c waits for items that say so */
#define SOURCE_AGAIN_MS      INT64_C(300000)    /* nothing is asked twice within this */
#define SOURCE_AGAIN_MOST_MS INT64_C(21600000)

struct outside_answer {
    const char *name;
    bool ok;
    json_t *body; /* owned by the list */
    int64_t at_ms;
};
#define OUTSIDE_ANSWERS_MAX 32
struct outside_answers {
    struct outside_answer v[OUTSIDE_ANSWERS_MAX];
    size_t n;
};
int outside_answers_load(const struct engine_pass *p, const char *incident_id,
                         struct outside_answers *out, struct err *e) MUST_CHECK;
void outside_answers_done(struct outside_answers *a); /* for AUTO; accepts a zeroed struct */
struct outside_answer *outside_answer_find(struct outside_answers *a, const char *name);
int outside_answer_put(const struct engine_pass *p, const char *incident_id, const char *name,
                       bool ok, const json_t *body, struct err *e) MUST_CHECK;

/* Items of these kinds leave the list: they are told afresh. */
void outside_drop(struct triage_items *it, bool own_rows_too);
/* Facts as conditions of sources and runbooks see them: of a list without what outside itself adds. A new reference. */
json_t *outside_facts(const struct engine_pass *p, const struct triage_items *it);

/* Which rows are asked now: never asked, or there are more alerts than then, and not within SOURCE_AGAIN_MS. due_ms (may be NULL): when the
 * first of the others is, 0 never. */
size_t outside_due(const struct engine_pass *p, json_t *facts, struct outside_answers *a,
                   size_t out[SOURCES_PER_INCIDENT], int64_t *due_ms);

/* outside_links.c: {links: [{text, url, from}]} of alerts and rules, NULL without any. A new reference. */
json_t *outside_links(const struct triage_items *it, const json_t *verdict);

#endif
