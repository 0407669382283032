#ifndef TRIAGED_TRIAGE_LOOK_H
#define TRIAGED_TRIAGE_LOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "pagerduty/pagerduty.h"

/*
 * A look back at an account (room triage_pure): what paged whom, what is noise, what comes again and what ended it. Pure:
 * PagerDuty's structs are added as they are read, one JSON report comes out, and every face of it is made from that JSON.
 *
 *   look_add_*()  ->  look_begin()  ->  look_next_notes() / look_add_notes()  ->  look_report()  ->  look_markdown()
 *
 * All texts from outside in the report went through text_show. What was not read is named in report.read.not_read; a figure
 * that rests on it is null, never 0.
 */
struct look;

/* Above these nothing more is taken in, and the report says so and covers the shorter time that was read whole. */
#define LOOK_INCIDENTS_MAX   20000
#define LOOK_LOG_ENTRIES_MAX 250000

#define LOOK_TOP_DEFAULT 8 /* rows of each list */
#define LOOK_TOP_MAX     100
#define LOOK_FIX_TRIES   5  /* incidents of one symptom whose notes are asked for */
#define LOOK_TIMELINE    40 /* steps of the longest incident; the middle is left out */
#define LOOK_NIGHT_FROM  (22 * 60)
#define LOOK_NIGHT_UNTIL (7 * 60) /* minutes of the local day: from 22:00 to before 07:00 */

struct look *look_new(void);
void look_free(struct look *l);
void look_freep(struct look **l); /* for AUTO */

/* Copies what it needs. What was added before is ignored (lists repeat themselves). False: the cap is met. */
bool look_add_incident(struct look *l, const struct pd_incident *in) MUST_CHECK;
bool look_add_log_entry(struct look *l, const struct pd_log_entry *entry) MUST_CHECK;
size_t look_incidents(const struct look *l);
size_t look_log_entries(const struct look *l);
/* Something was not read and why, for people: ("log entries", "HTTP 403, ..."). */
void look_not_read(struct look *l, const char *what, const char *why);
/* Log entries could not be read at all: nothing that needs them is told. */
void look_no_log_entries(struct look *l, const char *why);

struct look_window {
    int64_t since_ms, until_ms; /* [since, until): what was read whole */
    int64_t asked_since_ms;     /* what was asked for */
    const char *zone;           /* of nights; NULL is UTC */
    size_t top;                 /* rows of each list; 0: LOOK_TOP_DEFAULT */
};
/* Everything but notes was added: reckons. Borrows zone. ERR_INPUT: no such zone. Once. */
int look_begin(struct look *l, const struct look_window *w, struct err *e) MUST_CHECK;

/* The next incident whose notes the report needs; NULL when there is none. Answer each with look_add_notes(). */
const char *look_next_notes(struct look *l);
/* notes NULL: could not be read, why says it. */
void look_add_notes(struct look *l, const char *incident_id, const struct pd_notes *notes,
                    const char *why);
/* The longest incident that is over; NULL without one. Its own log entries, asked for in full, make its timeline. */
const char *look_longest(const struct look *l);
void look_add_timeline(struct look *l, const struct pd_log_entries *entries);

/*
 * The report, a new reference; docs/cli.md describes its members. base_url and calls say where it comes from.
 * Times are ISO texts, spans whole seconds (names in _s), shares whole percents (names in _pct).
 */
json_t *look_report(struct look *l, const char *base_url, int64_t calls);

/* The report as Markdown, from the JSON alone. Outside texts cannot form markup, links or mentions. */
void look_markdown(const json_t *report, struct buf *out);

#endif
