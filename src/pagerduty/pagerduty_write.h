#ifndef TRIAGED_PAGERDUTY_PAGERDUTY_WRITE_H
#define TRIAGED_PAGERDUTY_PAGERDUTY_WRITE_H

#include "pagerduty/pagerduty.h"

/*
 * PagerDuty, the writing half. Only src/gate links this library (design 2), so no other path can change PagerDuty.
 *
 * Nothing here is safe to send twice: PagerDuty knows no idempotency key. The gate re-reads before and after.
 */

#define PD_NOTE_MAX_BYTES       16384 /* ours: PagerDuty documents no limit */
#define PD_RESOLUTION_MAX_BYTES 4096
#define PD_LEVEL_MAX            20 /* levels of one escalation policy */

enum pd_write_id {
    PD_WRITE_INCIDENT,  /* acknowledge, resolve, escalate */
    PD_WRITE_NOTE,      /* a new note */
    PD_WRITE_NOTE_EDIT, /* another text for a note of ours */
    PD_WRITE_COUNT,
};

const struct pd_op *pd_write_op(enum pd_write_id id);

/*
 * Request builders. from is the e-mail that PagerDuty shall name as the actor: the person whose decision completed the
 * approval; NULL takes the client's service user. URL, headers and body are made in the arena and must live until
 * net_start. They set net_req.write, cls NET_ACTION and a limit of 10 s on the whole call.
 * ERR_INPUT: an id or e-mail that is none, a text that is empty, too long or not UTF-8.
 */

/* Beware: an acknowledge reopens a resolved incident. Re-read it right before. */
int pd_write_acknowledge(struct arena *a, const struct pd_client *c, const char *from,
                         const char *incident_id, struct net_req *out, struct err *e) MUST_CHECK;
/* Back to triggered: undoes an acknowledge, reopens a resolved incident. The escalation policy runs again. */
int pd_write_trigger(struct arena *a, const struct pd_client *c, const char *from,
                     const char *incident_id, struct net_req *out, struct err *e) MUST_CHECK;
/* resolution is kept on the resolve log entry only, nobody sees it as a note; NULL for none. */
int pd_write_resolve(struct arena *a, const struct pd_client *c, const char *from,
                     const char *incident_id, const char *resolution, struct net_req *out,
                     struct err *e) MUST_CHECK;
/* To a level (from 1; 0 = not said) of the incident's policy, or to another policy, or both. */
int pd_write_escalate(struct arena *a, const struct pd_client *c, const char *from,
                      const char *incident_id, unsigned level, const char *policy_id,
                      struct net_req *out, struct err *e) MUST_CHECK;
int pd_write_note(struct arena *a, const struct pd_client *c, const char *from,
                  const char *incident_id, const char *content, struct net_req *out, struct err *e)
    MUST_CHECK;
int pd_write_note_edit(struct arena *a, const struct pd_client *c, const char *from,
                       const char *incident_id, const char *note_id, const char *content,
                       struct net_req *out, struct err *e) MUST_CHECK;

/*
 * PagerDuty ignores what it does not understand and answers 200 all the same. So no reader of these answers stands here:
 * the gate believes only what it reads back afterwards.
 */

#endif
