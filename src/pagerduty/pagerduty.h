#ifndef TRIAGED_PAGERDUTY_PAGERDUTY_H
#define TRIAGED_PAGERDUTY_PAGERDUTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/net.h"
#include "pagerduty/pd_model.h"

/*
 * PagerDuty, the reading half: what a webhook says, how to ask REST, what REST answers. Pure: bytes and structs in,
 * structs and request descriptions out; `net` does the talking. Any thread, as long as an arena has one user.
 * Nothing here can build a request that changes anything: that is pagerduty_write.h, which only the gate links.
 */

/* ---- Webhook signature ---------------------------------------------------------------------------------------- */

#define PD_SIG_HEADER_MAX_BYTES 1024
#define PD_SIG_MAX_ENTRIES      8

enum pd_verdict {
    PD_SIG_OK,
    /* No header, empty, only commas, over the limits, or nothing in it has the shape of a signature: 401. */
    PD_SIG_ABSENT,
    /* It has the shape, but no key of ours made it (or no key is configured, or its version is unknown): 503 and an
       alarm, because a mistyped secret must cost delay, not a disabled subscription. */
    PD_SIG_MISMATCH,
};

/*
 * Judge X-PagerDuty-Signature over the raw body, before anything looks into it.
 *
 * secrets  the live secrets of this webhook path; two while one is being replaced. NULL entries and empty ones never match
 * header   the value, NULL when absent. The caller has made sure that there is just one and that it holds no NUL
 */
enum pd_verdict pd_verify(const struct secret *const *secrets, size_t n, const char *header,
                          const void *body, size_t len);

/* ---- Webhook body --------------------------------------------------------------------------------------------- */

#define PD_EVENT_MAX_BYTES    ((size_t)512 * 1024)
#define PD_EVENT_ARENA_BYTES  (2 * PD_EVENT_MAX_BYTES + 65536) /* enough for any body */
#define PD_EVENT_ID_MAX_BYTES 128

struct pd_slice {
    const char *p; /* NULL: not there */
    size_t len;
};

/* What intake needs from a body, as slices into it. */
struct pd_scan {
    struct pd_slice id;
    struct pd_slice type;
    struct pd_slice occurred_at;
    struct pd_slice incident_id; /* by the same rule as pd_event.incident_id */
    /* An escape stands in a key or value that matters: the slices are not filled, ask pd_event_parse. */
    bool needs_full;
};

/*
 * One pass over the body without allocating: finds the members of intake at their right place and refuses what
 * pd_event_parse would refuse for its shape (broken JSON, depth over 64, too many values, `event`, `id` ... twice).
 * It does not check the UTF-8 of texts or look for duplicates of members that do not matter here.
 *
 * out  written only on success; its slices live as long as the body. A member that is absent or no text has p NULL.
 * Returns 0 or ERR_INPUT.
 */
int pd_scan(const char *body, size_t len, struct pd_scan *out) MUST_CHECK;

/*
 * The whole body. The arena needs room for twice the body and 64 KiB more, at most PD_EVENT_ARENA_BYTES.
 * ERR_INPUT: not JSON, not an event (no id, no type), over a limit. A good signature above it means: quarantine.
 */
int pd_event_parse(struct arena *a, const void *body, size_t len, struct pd_event *out,
                   struct err *e) MUST_CHECK;

/* ---- Asking REST ---------------------------------------------------------------------------------------------- */

enum pd_auth {
    PD_AUTH_TOKEN,  /* an account's or a user's API key */
    PD_AUTH_BEARER, /* OAuth */
};

/* Plain data, borrowed by the builders until net_start has copied the request. */
struct pd_client {
    const char *base_url; /* "https://api.eu.pagerduty.com"; a slash at its end does not matter */
    const struct secret *token;
    enum pd_auth auth;
    const char *from_email; /* the service user; stands in where a write names nobody */
    struct net_peer *peer;
};

enum pd_op_id {
    PD_OP_INCIDENT,
    PD_OP_ALERTS,
    PD_OP_NOTES,
    PD_OP_LOG_ENTRIES,
    PD_OP_SERVICE,
    PD_OP_POLICY,
    PD_OP_ONCALLS,
    PD_OP_PAST,
    PD_OP_CHANGES,
    PD_OP_RELATED,
    PD_OP_DEPENDENCIES,
    PD_OP_OUTLIER,
    PD_OP_MAINTENANCE,
    PD_OP_INCIDENTS,
    PD_OP_LOG_ALL,
    PD_OP_ME,
    PD_OP_USER,
    PD_OP_USERS,
    PD_OP_ABILITIES,
    PD_OP_PRIORITIES,
    PD_OP_SUBSCRIPTION,
    PD_OP_SUBSCRIPTIONS,
    PD_OP_COUNT,
};

/* Where the value of a query parameter comes from. */
enum pd_param_source {
    PD_FROM_FIXED, /* the row says it */
    PD_FROM_LIMIT,
    PD_FROM_OFFSET,
    PD_FROM_SINCE,
    PD_FROM_UNTIL,
    PD_FROM_IDS, /* repeated */
    PD_FROM_STATUSES,
    PD_FROM_QUERY,
};

struct pd_param {
    const char *name; /* as documented: "statuses[]" */
    enum pd_param_source source;
    const char *value; /* with PD_FROM_FIXED */
    bool needed;       /* left out, the answer would hold everything: the builder refuses */
};

enum pd_paging {
    PD_PAGING_NONE,
    PD_PAGING_LIMIT,  /* a limit, no way on */
    PD_PAGING_OFFSET, /* limit, offset, more */
};

/* One REST operation. The writing half has a table of the same shape. */
struct pd_op {
    const char *name; /* for logs, the budget and "not checked: NAME" */
    const char *method;
    const char *path;  /* "/incidents/{id}/notes/{note_id}" */
    const char *scope; /* of an OAuth token; NULL: the specification names none */
    const char *key;   /* the member of the answer that holds the thing or the list */
    /* The ability or plan it needs; not having it is an answer, not a failure. NULL: none. */
    const char *feature;
    enum pd_paging paging;
    unsigned limit_max; /* 0 without paging */
    unsigned rank; /* 0 is asked first; from PD_RANK_OPTIONAL on, left out when calls are scarce */
    int no_feature_http; /* a status that means "not available", besides 402, 403 and 404 */
    bool needs_from;
    struct pd_param params[8]; /* ends with a NULL name */
};
#define PD_RANK_OPTIONAL 10

const struct pd_op *pd_op(enum pd_op_id id); /* never NULL for an id below PD_OP_COUNT */

struct pd_args {
    const char *id; /* must pass text_is_id where the path has {id} */
    unsigned limit; /* 0: the most the operation allows */
    unsigned offset;
    int64_t
        since_ms; /* 0: not sent; sent as UTC with Z, because anything else is read in the account's zone */
    int64_t until_ms;
    const char *const
        *ids; /* for service_ids[], escalation_policy_ids[]; each must pass text_is_id */
    size_t n_ids;
    const char *const *statuses; /* triggered, acknowledged, resolved */
    size_t n_statuses;
    const char *query; /* /users: a name or an e-mail */
};
#define PD_ARGS_IDS_MAX 100

/*
 * Describe the GET for one row. The URL and headers are made in the arena and must live until net_start.
 * ERR_INPUT: an id that is none, a limit over the operation's, a needed filter left out, or an argument that the
 * operation does not know (PagerDuty would ignore it and answer with everything).
 */
int pd_get(struct arena *a, const struct pd_client *c, enum pd_op_id op, const struct pd_args *args,
           struct net_req *out, struct err *e) MUST_CHECK;

/* ---- Reading answers ------------------------------------------------------------------------------------------ */

#define PD_REPLY_MAX_BYTES  ((size_t)1024 * 1024)
#define PD_READ_ARENA_BYTES ((size_t)16 * 1024 * 1024)

/*
 * All readers: body is a 2xx answer of at most PD_REPLY_MAX_BYTES. What they keep is bounded by the caps of pd_model.h;
 * no answer, however twisted, needs more than PD_READ_ARENA_BYTES. `out` is written only on success. ERR_INPUT: not JSON,
 * or not the object that was asked for. An item of a list without an id is left out and counted in `seen`; a list that
 * is missing altogether is ERR_INPUT.
 */
int pd_read_incident(struct arena *a, const char *body, size_t len, struct pd_incident *out,
                     struct err *e) MUST_CHECK;
int pd_read_incidents(struct arena *a, const char *body, size_t len, struct pd_incidents *out,
                      struct err *e) MUST_CHECK;
int pd_read_alerts(struct arena *a, const char *body, size_t len, struct pd_alerts *out,
                   struct err *e) MUST_CHECK;
int pd_read_notes(struct arena *a, const char *body, size_t len, struct pd_notes *out,
                  struct err *e) MUST_CHECK;
int pd_read_log_entries(struct arena *a, const char *body, size_t len, struct pd_log_entries *out,
                        struct err *e)
    MUST_CHECK; /* sorted by time: PagerDuty documents no order */
int pd_read_past(struct arena *a, const char *body, size_t len, struct pd_pasts *out, struct err *e)
    MUST_CHECK;
int pd_read_related(struct arena *a, const char *body, size_t len, struct pd_relateds *out,
                    struct err *e) MUST_CHECK;
int pd_read_outlier(struct arena *a, const char *body, size_t len, struct pd_outlier *out,
                    struct err *e) MUST_CHECK;
int pd_read_changes(struct arena *a, const char *body, size_t len, struct pd_changes *out,
                    struct err *e) MUST_CHECK;
int pd_read_service(struct arena *a, const char *body, size_t len, struct pd_service *out,
                    struct err *e) MUST_CHECK;
int pd_read_policy(struct arena *a, const char *body, size_t len, struct pd_policy *out,
                   struct err *e) MUST_CHECK;
/* Only on-calls of policy_id are kept (NULL keeps all): a filter that PagerDuty ignored answers with everybody. */
int pd_read_oncalls(struct arena *a, const char *body, size_t len, const char *policy_id,
                    struct pd_oncalls *out, struct err *e) MUST_CHECK;
int pd_read_dependencies(struct arena *a, const char *body, size_t len, struct pd_dependencies *out,
                         struct err *e) MUST_CHECK;
int pd_read_user(struct arena *a, const char *body, size_t len, struct pd_user *out, struct err *e)
    MUST_CHECK;
int pd_read_users(struct arena *a, const char *body, size_t len, struct pd_users *out,
                  struct err *e) MUST_CHECK;
int pd_read_abilities(struct arena *a, const char *body, size_t len, struct pd_abilities *out,
                      struct err *e) MUST_CHECK;
int pd_read_priorities(struct arena *a, const char *body, size_t len, struct pd_priorities *out,
                       struct err *e) MUST_CHECK;
int pd_read_subscription(struct arena *a, const char *body, size_t len, struct pd_subscription *out,
                         struct err *e) MUST_CHECK;
int pd_read_subscriptions(struct arena *a, const char *body, size_t len,
                          struct pd_subscriptions *out, struct err *e) MUST_CHECK;
int pd_read_maintenance(struct arena *a, const char *body, size_t len, struct pd_maintenances *out,
                        struct err *e) MUST_CHECK;

/* ---- Errors --------------------------------------------------------------------------------------------------- */

enum pd_class {
    PD_FINE,          /* 2xx: no error at all */
    PD_RETRYABLE,     /* the same call may work later */
    PD_REFUSED,       /* final: PagerDuty understood and said no */
    PD_MOVED,         /* final for now: the incident is no longer what we thought. Read it again */
    PD_NOT_AVAILABLE, /* this account or token does not have the feature: "not checked", no failure */
    PD_NOT_FOUND,
    PD_AUTH, /* the credential is bad or short of a right */
    PD_UNSURE, /* a write that may have happened (5xx, 408, "took too long"): read back, never just send again */
};

struct pd_error {
    enum pd_class cls;
    int http;
    int code;            /* PagerDuty's own; 0 when it gave none */
    const char *meaning; /* ours, static, for people: "the policy has nobody on call" */
    char message
        [512]; /* PagerDuty's message and its errors, one line, made safe to show; may be empty */
};

/*
 * Sort an answer. Never fails: whatever the body is, the HTTP status decides where nothing better is known.
 * op may be NULL for a GET; it says whether "no" means that the feature is not there, and whether a failure leaves a
 * write in doubt. body may be NULL.
 */
void pd_error_parse(const struct pd_op *op, int http, const char *body, size_t len,
                    struct pd_error *out);
/* The same as an error of ours: the code by class, the message without any text of PagerDuty's. Returns e->code. */
int pd_error_to_err(const struct pd_error *pe, unsigned retry_after_s, struct err *e);
/* What one of PagerDuty's codes means to us; NULL when the table does not know it. */
const char *pd_code_meaning(int code);

#endif
