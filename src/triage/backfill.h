#ifndef TRIAGED_TRIAGE_BACKFILL_H
#define TRIAGED_TRIAGE_BACKFILL_H

#include "triage/triage_priv.h"

/*
 * The backfill: incidents of the past into the memory (and into past_incident), never into `incident`. One row says where it
 * stands; each answer and the row are written in one savepoint, so that a kill at any moment loses nothing and repeats only
 * calls.
 *
 *   window [from_ms, to_ms), newest first:   incidents --> log --> items --> the window before it, or the end
 *
 * incidents  GET /incidents, page by page: rows in backfill_item
 * log        GET /log_entries of the same time: who has notes, and what was said with a resolve
 * items      GET /incidents/{id}/alerts and, where the log says so, /notes: rows in memory, one by one, newest first
 *
 * A list that PagerDuty will not show to its end (over 10,000) halves the window. Log entries are never older than their incident and
 * windows go back in time, so all of an incident's are read before its turn comes.
 */
struct backfill {
    int64_t id;
    const char *state; /* running, done, stopped */
    const char *actor;
    int64_t since_ms, until_ms, from_ms, to_ms;
    const char *stage; /* incidents, log, items */
    int64_t skip, page, pages;
    int64_t next_ms;
    const char *waits, *no_log;
    int64_t failures, calls, found, remembered, known, open, unread, alerts, notes, fixes;
    int64_t started_ms, ended_ms;
};

#define BACKFILL_SPAN_MS INT64_C(604800000) /* of a window, before it is halved */
#define BACKFILL_PAGE    100
#define BACKFILL_ITEMS   8 /* incidents at once: two calls each */
#define BACKFILL_ALERTS \
    20 /* of one incident: a storm's hundredth alert has the words of its first */

void backfill_row_read(struct store_stmt *q, struct arena *a, struct backfill *out);
int backfill_get(const struct engine_pass *p, int64_t id, struct backfill *out, struct err *e)
    MUST_CHECK;
int backfill_set(const struct engine_pass *p, const struct backfill *b, struct err *e) MUST_CHECK;
int backfill_newest(const struct engine_pass *p, struct backfill *out, struct err *e) MUST_CHECK;
json_t *backfill_json(const struct backfill *b); /* as the API shows it */
int backfill_audit(const struct engine_pass *p, const struct backfill *b, const char *verb,
                   const char *actor, struct err *e) MUST_CHECK;

/* One list of incidents or log entries that came; counts into b. */
int backfill_take_incidents(const struct engine_pass *p, struct backfill *b,
                            const struct pd_incidents *page, struct err *e) MUST_CHECK;
int backfill_take_log(const struct engine_pass *p, const struct pd_log_entries *page, struct err *e)
    MUST_CHECK;

struct backfill_item {
    const char *id;
    json_t *body; /* owned */
    bool noted;
    bool known; /* the memory has it */
    const char *resolution;
};
struct backfill_items {
    struct backfill_item v[BACKFILL_ITEMS];
    size_t n;
};
void backfill_items_done(struct backfill_items *it); /* for AUTO */
/* Those whose turn it is: the newest of the window. */
int backfill_items(const struct engine_pass *p, const struct backfill *b,
                   struct backfill_items *out, struct err *e) MUST_CHECK;
bool backfill_wants_alerts(const struct backfill_item *x);
bool backfill_wants_notes(const struct backfill *b, const struct backfill_item *x);
/* Into the memory; alerts and notes NULL: there are none, or they could not be read. */
int backfill_remember(const struct engine_pass *p, struct backfill *b,
                      const struct backfill_item *x, const struct pd_alerts *alerts,
                      const struct pd_notes *notes, struct err *e) MUST_CHECK;

#endif
