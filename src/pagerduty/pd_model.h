#ifndef TRIAGED_PAGERDUTY_PD_MODEL_H
#define TRIAGED_PAGERDUTY_PD_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What PagerDuty says, as plain structs. Every string and list lives in the arena that was given to the reader.
 *
 * PagerDuty sends null for almost anything, so: a text that is absent is NULL, a time that is absent is 0, a number that
 * is absent is what its comment says. Enumerations stay text, because new values appear without notice. Texts are what
 * came in, cut on a character boundary at the caps below; they are not safe to show (text_show does that).
 */
#define PD_SHORT_MAX_BYTES   512  /* ids, names, types, keys */
#define PD_TITLE_MAX_BYTES   2048 /* titles and summaries */
#define PD_URL_MAX_BYTES     2048
#define PD_TEXT_MAX_BYTES    16384 /* a note, a status update, a description */
#define PD_DETAILS_MAX_BYTES 16384 /* one flattened details object */
#define PD_DETAILS_MAX_LINES 200
#define PD_REFS_MAX          50 /* assignees, teams, targets ... of one thing */
#define PD_LIST_MAX          200 /* items of one reply; a page has at most 100, notes are not paged */
#define PD_NOTES_MAX         2000 /* PagerDuty's own limit for one incident */

/* A thing that another thing points to. "user" and "user_reference" are the same type and read as "user". */
struct pd_ref {
    const char *id; /* NULL: there is no such thing */
    const char *type;
    const char *summary;
    const char *html_url;
};

struct pd_refs {
    struct pd_ref *items;
    size_t n;
};

/* Who did or holds something, and since when (0 unknown). */
struct pd_since {
    struct pd_ref who;
    int64_t at_ms;
};

struct pd_since_list {
    struct pd_since *items;
    size_t n;
};

struct pd_pending {
    const char *type; /* unacknowledge, escalate, resolve, urgency_change */
    int64_t at_ms;
};

struct pd_field {
    const char *id;
    const char *name;
    const char *display_name;
    const char *value; /* text form; lists joined with ", "; NULL when not set */
};

/*
 * An incident, from REST or as a webhook's hint. The webhook knows fewer members: there the counts are -1, and
 * everything from `updated_ms` to `custom_fields` is absent.
 */
struct pd_incident {
    const char *id;
    int64_t number; /* 0 unknown */
    const char *title;
    const char *status;     /* triggered, acknowledged, resolved */
    const char *urgency;    /* high, low */
    struct pd_ref priority; /* summary is its name, "P2" */
    struct pd_ref service;
    struct pd_ref policy;
    struct pd_since_list assignments;
    struct pd_refs teams;
    int64_t created_ms;
    int64_t resolved_ms;
    const char *incident_key;
    const char *html_url;
    const char *incident_type;
    const char *conference_url;
    const char *resolve_reason; /* merge_resolve_reason is the only one known */
    struct pd_ref merged_into;  /* with resolve_reason: the incident that took this one in */

    int64_t updated_ms;
    const char
        *assigned_via; /* escalation_policy or direct_assignment: the second never escalates */
    struct pd_since_list acknowledgements;
    int64_t last_status_change_ms;
    struct pd_ref last_status_change_by;
    struct pd_pending *pending;
    size_t n_pending;
    int64_t next_escalate_ms; /* from the pending actions */
    int64_t alerts_all;       /* -1 unknown */
    int64_t alerts_triggered;
    int64_t alerts_resolved;
    int is_mergeable; /* -1 unknown, 0, 1 */
    struct pd_ref first_trigger;
    struct pd_field *custom_fields;
    size_t n_custom_fields;
};

/* One V3 webhook. */
struct pd_event {
    const char *id;
    const char *type; /* "incident.triggered"; unknown types are ordinary */
    const char *resource_type;
    int64_t occurred_ms; /* 0 when absent or malformed */
    struct pd_ref agent; /* id NULL for automation */
    const char *client_name;
    const char *client_url;
    const char *data_type; /* decides what else is filled */
    const char
        *incident_id;       /* NULL when the event is about no incident; always passes text_is_id */
    const char *service_id; /* of a service event, or the incident's */

    bool has_incident; /* data.type is incident */
    struct pd_incident incident;

    /* data.type is incident_note or incident_status_update */
    const char *text_id;
    const char *text;
    bool trimmed; /* PagerDuty (or our cap) cut the text: read it over REST */
};

/* Paging by offset, as one reply tells it. */
struct pd_page {
    bool more; /* ask again with next_offset */
    bool
        capped; /* there is more, but PagerDuty refuses offsets over 10,000: cut the time window instead */
    int64_t next_offset;
};
#define PD_OFFSET_MAX 10000

/* Every list: the items kept, how many the reply had, and whether another page follows. */
#define PD_LIST(item)                                            \
    item *items;                                                 \
    size_t n;                                                    \
    size_t seen; /* > n: over our cap, or items without an id */ \
    struct pd_page page

struct pd_incidents {
    PD_LIST(struct pd_incident);
};

struct pd_link {
    const char *href;
    const char *text;
};

struct pd_alert {
    const char *id;
    const char *status;
    const char *severity; /* info, warning, error, critical; NULL unknown */
    const char *summary;
    const char *alert_key;
    const char *html_url;
    int64_t created_ms;
    bool suppressed;
    struct pd_ref service;
    struct pd_ref integration;
    const char *details; /* body.details as "path: value" lines */
    bool details_cut;
    struct pd_link *links;
    size_t n_links;
};
struct pd_alerts {
    PD_LIST(struct pd_alert);
};

struct pd_note {
    const char *id;
    struct pd_ref user; /* type user or bot_user */
    const char *channel;
    const char *content;
    bool cut;
    int64_t created_ms;
    int64_t updated_ms;
};
struct pd_notes {
    PD_LIST(struct pd_note);
};

struct pd_log_entry {
    const char *id;
    const char *type; /* acknowledge_log_entry ... */
    const char *summary;
    int64_t at_ms;
    struct pd_ref agent;
    struct pd_ref user; /* whom a notification went to */
    struct pd_ref service;
    struct pd_ref incident;
    struct pd_refs assignees; /* of assign and escalate entries */
    const char *
        channel_type; /* api, email, website, auto, timeout ...; the rest of a channel is unpublished */
    const char *channel_summary;
    const char *channel_details; /* the original event as "path: value" lines */
    bool details_cut;
    const char *note;
    const char *description; /* event_details.description */
};
struct pd_log_entries {
    PD_LIST(struct pd_log_entry);
};

struct pd_past {
    const char *id;
    const char *title;
    int64_t created_ms;
    double score;
};
struct pd_pasts {
    PD_LIST(struct pd_past);
};

struct pd_related {
    const char *id;
    const char *title;
    int64_t created_ms;
    const char *relation;       /* machine_learning_inferred, service_dependency */
    const char *classification; /* similar_contents, prior_feedback ... */
    struct pd_ref dependent;
    struct pd_ref supporting;
};
struct pd_relateds {
    PD_LIST(struct pd_related);
};

struct pd_outlier {
    bool found;
    const char *id;
    const char *category; /* novel, rare, frequent ... */
    int64_t count;        /* -1 unknown */
    double frequency;
    int64_t since_ms;
    int64_t until_ms;
    const char *template_text; /* the mined form of the title */
};

struct pd_change {
    const char *id;
    const char *summary;
    const char *source;
    int64_t at_ms;
    const char *reason; /* most_recent, related_service, intelligent */
    const char *details;
    bool details_cut;
    struct pd_refs services;
    struct pd_link *links;
    size_t n_links;
};
struct pd_changes {
    PD_LIST(struct pd_change);
};

struct pd_service {
    const char *id;
    const char *name;
    const char *description;
    const char *status; /* active, warning, critical, maintenance, disabled */
    const char *html_url;
    struct pd_ref policy;
    struct pd_refs teams;
    struct pd_refs integrations;
    const char *urgency_rule; /* constant, use_support_hours */
    const char *urgency;      /* of a constant rule: high, low, severity_based */
    int64_t ack_timeout_s;    /* 0 = none: an acknowledgement stays */
    int64_t auto_resolve_s;   /* 0 = none */
    int64_t last_incident_ms;
    int64_t created_ms;
};

struct pd_level {
    const char *id;
    int level; /* from 1 */
    int64_t delay_min;
    struct pd_refs targets; /* user or schedule */
};
struct pd_policy {
    const char *id;
    const char *name;
    const char *description;
    int64_t num_loops;
    struct pd_level *levels;
    size_t n_levels;
    struct pd_refs teams;
};

struct pd_oncall {
    struct pd_ref user;
    const char *email; /* known because the users are asked for in full */
    struct pd_ref policy;
    struct pd_ref schedule; /* id NULL: the user is named in the policy */
    int level;              /* from 1, 0 unknown */
    int64_t start_ms;       /* 0: always */
    int64_t end_ms;
};
struct pd_oncalls {
    PD_LIST(struct pd_oncall);
};

struct pd_dependency {
    const char *id;
    struct pd_ref supporting; /* type business_service or technical_service */
    struct pd_ref dependent;
};
struct pd_dependencies {
    PD_LIST(struct pd_dependency);
};

struct pd_user {
    const char *id;
    const char *name;
    const char *email;
    const char *role;
    const char *time_zone;
    const char *html_url;
    struct pd_refs teams;
};
struct pd_users {
    PD_LIST(struct pd_user);
};

struct pd_priority {
    const char *id;
    const char *name;
    const char *description;
};
struct pd_priorities { /* highest first, as PagerDuty lists them */
    PD_LIST(struct pd_priority);
};

struct pd_abilities {
    PD_LIST(const char *);
};

struct pd_subscription {
    const char *id;
    bool active;
    bool temporarily_disabled; /* PagerDuty gave up for 24 h and throws events away */
    const char *url;
    const char *description;
    const char *filter_type; /* account, service, team */
    const char *filter_id;
    const char **events;
    size_t n_events;
};
struct pd_subscriptions {
    PD_LIST(struct pd_subscription);
};

struct pd_maintenance {
    const char *id;
    const char *description;
    int64_t start_ms;
    int64_t end_ms;
    struct pd_refs services;
};
struct pd_maintenances {
    PD_LIST(struct pd_maintenance);
};

#endif
