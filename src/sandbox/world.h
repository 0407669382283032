#ifndef TRIAGED_SANDBOX_WORLD_H
#define TRIAGED_SANDBOX_WORLD_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "sandbox/company.h"

/*
 * The memory of the stand-in PagerDuty. There is one world in the process and one lock around it; everything below
 * is called with the lock held unless it says otherwise.
 */
enum status {
    TRIGGERED,
    ACKNOWLEDGED,
    RESOLVED
};
enum urgency {
    URGENCY_HIGH,
    URGENCY_LOW
};
enum via {
    VIA_POLICY,
    VIA_DIRECT
};
enum log_kind {
    LK_TRIGGER,
    LK_ASSIGN,
    LK_NOTIFY,
    LK_ACKNOWLEDGE,
    LK_UNACKNOWLEDGE,
    LK_ESCALATE,
    LK_DELEGATE,
    LK_ANNOTATE,
    LK_RESOLVE,
    LK_SNOOZE,
    LK_URGENCY,
    LK_FIELD,
    LK_CUSTOM_FIELD,
    LK_EXHAUST
};

#define WORLD_ID_MAX 20
enum {
    MAX_ASSIGNEES = 8,
    MAX_NOTES = 2000,
    MAX_ALERTS = 1000
};

enum agent_kind {
    AGENT_NONE,
    AGENT_USER,
    AGENT_INTEGRATION,
    AGENT_SERVICE
};
struct agent {
    enum agent_kind kind;
    int index; /* into company_users or company_services */
};

/* Who makes a change, for the log entries, the webhook and the oracle. */
struct actor {
    const char *source; /* "api", "person", "integration" or "timer" */
    const char *token;  /* kind of token for "api", else NULL */
    const char *from;   /* the From header as it came, or NULL */
    struct agent agent;
};

struct users {
    int list[MAX_ASSIGNEES];
    int n;
};

struct note {
    char id[WORLD_ID_MAX];
    char *content;
    int author;
    int64_t created_ms, updated_ms;
    bool deleted;
};

struct alert {
    char id[WORLD_ID_MAX];
    char *key, *summary;
    const char *severity; /* constant */
    bool resolved;
    int64_t created_ms;
    json_t *details;
};

struct log_line {
    char id[WORLD_ID_MAX];
    enum log_kind kind;
    int64_t at_ms, mono_ms;
    struct agent agent;
    struct users users;
    int service; /* where the incident was at that time */
    char *text;  /* note, resolution, or the changed field; NULL when none */
    json_t *extra;
};

/* What reads showed until some moment, kept only while late reads are switched on. */
struct snapshot {
    int64_t until_mono_ms;
    json_t *incident, *notes;
};

struct responder {
    int user;
    int requester;
    int policy; /* -1: asked for by name */
    char *message;
    int64_t at_ms;
};

struct incident {
    char id[WORLD_ID_MAX];
    int number;
    char *title, *key, *body;
    char *
        symptom; /* the title without numbers and ids, kept so that searching the past need not make it again */
    int service, policy, priority; /* priority -1: none */
    enum status status;
    enum urgency urgency;
    enum via via;
    int level, loop;
    int64_t created_ms, updated_ms, changed_ms, resolved_ms, created_mono_ms, reopened_ms;
    struct agent changed_by, trigger_agent;
    struct users assignees, ackers;
    int64_t assigned_ms, acked_ms;
    int64_t escalate_ms, unsnooze_ms; /* 0: not planned */
    bool major, manual, muted;        /* muted: born in a maintenance window, pages nobody */
    struct incident *merged_into;
    json_t *bridge, *fields; /* conference bridge; custom field values by name */
    char *client, *client_url;
    struct note *notes;
    struct alert *alerts;
    struct log_line *logs;
    struct snapshot *snaps;
    struct responder *responders;
    size_t n_notes, n_alerts, n_logs, n_snaps, n_responders;
};

struct change_event {
    char id[32];
    int service;
    char *summary, *source;
    int64_t at_ms;
    json_t *details, *links;
};

struct maintenance {
    char id[WORLD_ID_MAX];
    int service, by;
    int64_t start_ms, end_ms;
    char *description;
};

/* One log entry of the account, in the order of time. */
struct log_ref {
    int64_t at_ms;
    const struct incident *in;
    size_t line;
};

/* What an account may use; switched by the control API. The order is that of ability_names. */
enum ability {
    AB_AIOPS,
    AB_PRIORITIES,
    AB_RESPONDERS,
    AB_STATUS_UPDATES,
    AB_CUSTOM_FIELDS,
    AB_CHANGE_EVENTS,
    AB_DEPENDENCIES,
    AB_TEAMS,
    N_ABILITIES
};
extern const char *const ability_names[N_ABILITIES];    /* the word in the control API */
extern const char *const ability_reported[N_ABILITIES]; /* the word in GET /abilities */

struct world {
    pthread_mutex_t lock;
    _Atomic int64_t clock_offset_ms; /* the oracle stamps lines without the lock */
    double
        time_scale; /* 0: automatic escalations and the end of a snooze are announced but do not come */
    bool nulls;     /* absent members are sent as null, as PagerDuty does; false leaves them out */
    bool
        vendor_type; /* answers carry the vendor media type, as the edited specification declares it */
    bool reopen_refused;
    int ability_off[N_ABILITIES]; /* 0: on, else the HTTP status that the feature answers */
    int oncall[N_POLICIES][N_LEVELS][2];
    struct incident **incidents; /* in the order of their numbers */
    size_t n_incidents;
    int first_number;
    json_t *index; /* id -> position */
    struct change_event *changes;
    size_t n_changes;
    struct maintenance *windows;
    size_t n_windows;
    struct log_ref *log_refs; /* world_logs() reads them */
    size_t n_log_refs;
    bool log_refs_mixed; /* one came that is older than its predecessor */
    uint64_t seed, random;
    int64_t record_until_mono_ms; /* while in the future, changes keep snapshots for late reads */
};
extern struct world world;

void world_lock(void);
void world_unlock(void);

/* Empties the world and builds the scenario "quickstart", "history" or "empty". False for another name. */
bool world_reset(const char *scenario, uint64_t seed);

int64_t world_now_ms(void);
/* Seeded: the same scenario and seed make the same history. */
uint32_t world_random(uint32_t below);

/* world_history.c: the words of a symptom's alert with a number in its place, and a number that fits it. */
struct c_symptom;
void symptom_title(const char *form, uint32_t number, char *out, size_t room);
uint32_t symptom_number(const struct c_symptom *s);
/* prefix and letters up to len characters; live ids are random, so that a restart never reuses one. */
void world_id(char out[WORLD_ID_MAX], const char *prefix, size_t len, bool seeded);

/* By id or incident number; NULL when there is none. */
struct incident *world_incident(const char *id_or_number);
struct incident *world_incident_new(void); /* numbered, empty, at the end of the list */

void world_title(struct incident *in, const char *title);

/* Before any change of an incident: keeps what late reads still show. */
void world_touch(struct incident *in);
struct log_line *world_log(struct incident *in, enum log_kind kind, int64_t at_ms,
                           struct agent agent);
/* Every log entry of the account, oldest first; borrowed until the next change of the world. */
const struct log_ref *world_logs(size_t *n);
struct note *world_note(struct incident *in, int author, const char *content, int64_t at_ms,
                        bool seeded);
struct alert *world_alert(struct incident *in, const char *summary, const char *severity,
                          int64_t at_ms, json_t *details, bool seeded);
struct change_event *world_change(int service, const char *summary, const char *source,
                                  int64_t at_ms, bool seeded);
struct maintenance *world_maintenance(int service, int64_t start_ms, int64_t end_ms,
                                      const char *text);
bool world_in_maintenance(int service, int64_t at_ms);

/* Who is on call for a level (from 1) of a policy now; n is 0 past the end or when nobody is. */
struct users world_oncall(int policy, int level);
bool users_have(const struct users *u, int user);
struct users users_one(int user);

/* world_history.c: the past of the company, and open incidents that each have one. */
void world_history(int busy_incidents);
size_t world_history_open(size_t count); /* returns how many it made */

/*
 * world_past.c: adds resolved incidents of the last days to whatever the world holds; their numbers go on from the
 * last one although their times are older. The same call on the same world tells the same story.
 */
enum {
    PAST_MAX = 20000,
    PAST_DAYS_MAX = 400
};
struct past_told {
    size_t alerts, notes, log_entries, self_cleared, by_person, merged, fixes, symptoms;
};
void world_past(size_t count, int days, uint64_t seed, struct past_told *told);

#endif
