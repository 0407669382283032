#ifndef TRIAGED_TRIAGE_PURE_H
#define TRIAGED_TRIAGE_PURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "pagerduty/pagerduty.h"

/*
 * The pure half of triage (room triage_pure): no store, no clock, no network. The command line links it for offline use.
 *
 *   PagerDuty's answers --ev_*()--> evidence items --> facts document (rules), what is known (people), note text
 *
 * Evidence items are the only way in, so whatever a person reads can be traced to one of them.
 */

/* ---- Evidence items ------------------------------------------------------------------------------------------- */

/* Kinds, as in evidence.kind and facts.evidence.KIND. */
#define EV_INCIDENT   "incident"
#define EV_ALERT      "alert"
#define EV_LOG        "log"
#define EV_NOTE       "note"
#define EV_CHANGE     "change"
#define EV_PAST       "past"
#define EV_RELATED    "related"
#define EV_OUTLIER    "outlier"
#define EV_SERVICE    "service"
#define EV_POLICY     "policy"
#define EV_ONCALL     "oncall"
#define EV_DEPENDENCY "dependency"
#define EV_SIMILAR    "similar" /* earlier incidents of the service with the same symptom */
#define EV_FIX        "fix"     /* what a person wrote when an earlier one was solved */
#define EV_FIRING     "firing"  /* other open incidents on the service and its neighbours */
#define EV_MEMORY     "memory"  /* one similar incident of the own store, with what ended it */
#define EV_SOURCE     "source"  /* what another source answered: at most five lines */
#define EV_RUNBOOK    "runbook" /* a section of a runbook, or a link that the alert carries */
#define EV_KINDS      18
/* i-th kind, NULL past the end; and what people call it ("log entries"). */
const char *ev_kind(size_t i);
const char *ev_label(const char *kind);

struct triage_item {
    const char *kind;
    bool ok; /* false: not checked, summary says why */
    const char *source;
    const char *summary; /* one line, safe to show */
    json_t *body;        /* owned by the list */
    int64_t at_ms;       /* when it happened at PagerDuty, 0 unknown */
    int64_t num;         /* E<num>; 0 while not stored */
};

/* Texts live in the arena, bodies are references. */
struct triage_items {
    struct arena *arena;
    struct triage_item *v;
    size_t n, room;
};
#define TRIAGE_ITEMS_MAX 200
void triage_items_init(struct triage_items *it, struct arena *a);
void triage_items_done(struct triage_items *it); /* for AUTO */
/* Takes the reference to body. Over TRIAGE_ITEMS_MAX it is dropped and false returned. The summary is made from kind and body. */
bool triage_items_add(struct triage_items *it, const char *kind, const char *source, json_t *body,
                      int64_t at_ms);
void triage_items_not_checked(struct triage_items *it, const char *kind, const char *source,
                              const char *why);
/* First checked item of a kind, or NULL. */
const struct triage_item *triage_items_find(const struct triage_items *it, const char *kind);
/* The kind was answered: there are items of it, or nothing says that it was not checked. */
bool triage_items_checked(const struct triage_items *it, const char *kind);
/* A "not checked" for every kind of which the list says nothing at all. */
void triage_items_rest(struct triage_items *it, const char *source, const char *why);
/* Domain-separated digest of kind, state, source and canonical body: equal ones are the same evidence. */
void triage_item_digest(const struct triage_item *x, char out_hex[65]);

/* ---- PagerDuty's structs to items ----------------------------------------------------------------------------- */

#define EV_ALERTS_MAX  20 /* the rest is folded into one item with count and span */
#define EV_NOTES_MAX   20 /* newest */
#define EV_CHANGES_MAX 10
#define EV_PAST_MAX    5
#define EV_RELATED_MAX 20
#define EV_LOG_MAX     60 /* entries in the one log item, newest */

json_t *ev_incident_body(const struct pd_incident *in, bool from_rest);
json_t *ev_service_body(const struct pd_service *s);
json_t *ev_policy_body(const struct pd_policy *p);
json_t *ev_oncall_body(const struct pd_oncalls *o);
json_t *ev_dependency_body(const struct pd_dependencies *d, const char *service_id);

void ev_alerts(struct triage_items *it, const struct pd_alerts *al, int64_t total);
void ev_notes(struct triage_items *it, const struct pd_notes *n);
void ev_log(struct triage_items *it, const struct pd_log_entries *l);
void ev_changes(struct triage_items *it, const struct pd_changes *c);
void ev_past(struct triage_items *it, const struct pd_pasts *p);
void ev_related(struct triage_items *it, const struct pd_relateds *r);
void ev_outlier(struct triage_items *it, const struct pd_outlier *o);

/* Back again, for the gate's view and for next_page(). Strings are borrowed from body. False when it is no incident. */
bool ev_read_incident(struct arena *a, const json_t *body, struct pd_incident *out);
void ev_read_policy(struct arena *a, const json_t *body, struct pd_policy *out);
void ev_read_oncalls(struct arena *a, const json_t *body, struct pd_oncalls *out);

/* Our own notes begin with the marker that the gate puts on their first line. */
bool triage_note_is_ours(const char *content);
/* Normalised title; with the service id it is the symptom key. In the arena. */
const char *triage_symptom(struct arena *a, const char *title);

/* ---- History -------------------------------------------------------------------------------------------------- */

struct triage_past {
    const char *id;
    int64_t number;
    const char *title, *status;
    int64_t created_ms, resolved_ms;
    const char *by_type, *by_id, *by_name; /* who changed the status last */
    bool merged;
};
#define HISTORY_FIXES_MAX 3
struct triage_history {
    int64_t times_seen, resolved, self_cleared;
    int64_t median_s; /* of those that cleared by themselves; -1 without any */
    /* From begin to end of those that are over, however they ended, but for merged ones; by nearest rank. -1 without any. */
    int64_t took_n, took_median_s, took_p25_s, took_p75_s;
    int64_t last_day, last_week;
    const struct triage_past *newest;                     /* NULL when never seen */
    const struct triage_past *by_user[HISTORY_FIXES_MAX]; /* newest ones that a person resolved */
    size_t n_by_user;
};
/* rows: incidents of the same service and symptom, in any order. Counted is what began before created_ms and within window_ms of it and is
 * not `id` itself. */
void triage_history(struct arena *a, const struct triage_past *rows, size_t n, const char *id,
                    int64_t created_ms, int64_t window_ms, struct triage_history *out);
json_t *ev_similar_body(const struct triage_history *h, int64_t window_ms, bool complete);
/* The newest note that a person wrote; NULL without one. */
const struct pd_note *triage_fix_note(const struct pd_notes *n);
json_t *ev_fix_body(const struct pd_note *note, const char *incident_id, int64_t number);

/* ---- Next page ------------------------------------------------------------------------------------------------ */

struct next_page {
    int64_t at_ms; /* 0: there will be none, why says so */
    int level;     /* 0 unknown */
    bool computed; /* from the policy's delay; PagerDuty did not announce it */
    const char *why;
};
/* Smallest level whose on-calls hold every assignee; 0 unknown. */
int triage_level(const struct pd_incident *in, const struct pd_oncalls *o);
/* policy and oncalls may be NULL. */
void triage_next_page(const struct pd_incident *in, const struct pd_policy *policy,
                      const struct pd_oncalls *oncalls, struct next_page *out);

/* ---- Documents ------------------------------------------------------------------------------------------------ */

/*
 * What rules and policy see (cond.h names the fields). A member that is missing is unknown.
 * severities: the account's own priority names, most severe first, as account.priorities; NULL: not known. group_size 0: not in a group.
 */
json_t *triage_facts(const struct triage_items *it, const json_t *severities, int64_t group_size,
                     int64_t now_wall_ms);

/*
 * What is known, for people; a function of the items alone, so that an equal bundle gives an equal document:
 *  {times_seen, window_days, complete, last_seen: {incident_id, number, at},
 *   self_cleared: {n, of, share_pct, median_s}, recurrence: {last_24h, last_7d},
 *   last_fix: {quote, author, incident_number, incident_id, at},
 *   changes: [{summary, source, at, before_s}], changes_below: the same
 *       those in the hour before the incident, newest first: on its service, and on others that PagerDuty relates
 *   similar: [{incident_id, number, title, service, at, took_s, ended_by: "itself" | name, same_symptom, fix: {quote, author, at} or null}],
 *   resolve_time: {n, median_s, p25_s, p75_s}: of earlier ones with the same symptom, however they ended
 *   sources: [{name, lines: [text], from, until}],
 *   runbooks: [{title, path, owner, reviewed, matched_by, sections: [{heading, part, line_from, line_to, steps: [text], minutes}]}],
 *   runbook_links: [{text, url}],
 *   also_firing: [{incident_id, number, title, service, since, relation}],
 *   on_call: [{level, names}], next_page: {at, level, who, computed} or {none: why},
 *   outlier: {category, count}, not_checked: [{what, kind, source, why}],
 *   evidence: {times_seen: ["E4"], last_fix: [...], ...}}
 * Unknown members are null.
 */
json_t *triage_known(const struct triage_items *it);

/*
 * The one code-made note of an incident, without the gate's marker. At most NOTE_TEXT_MAX_CHARS characters (600 with the marker line), no
 * control characters, no mention of anybody, whatever the evidence says.
 */
#define NOTE_TEXT_MAX_CHARS 570
struct note_in {
    const json_t *known, *verdict;
    const char *html_url;
    const char *zone; /* of times; NULL is UTC */
};
void triage_note_text(const struct note_in *in, struct buf *out);
/* Outside text that goes into a note: text_show, and nothing that a chat tool takes for a mention. At most max_chars characters. */
void triage_note_quote(struct buf *out, const char *s, size_t max_chars);

/*
 * For `rules try INCIDENT.json`: bytes is a facts document, a webhook body, or the REST answer {"incident": ...} (optionally with "alerts",
 * "notes", "log_entries" lists beside it). facts is a new reference.
 */
int triage_facts_from_file(const char *bytes, size_t len, int64_t now_wall_ms, json_t **facts,
                           struct err *e) MUST_CHECK;

#endif
