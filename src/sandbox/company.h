#ifndef TRIAGED_SANDBOX_COMPANY_H
#define TRIAGED_SANDBOX_COMPANY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The invented company as constant tables. Rows name each other by index; the counts are fixed, so that the world can
 * hold arrays beside them.
 */
enum {
    N_USERS = 11,
    N_TEAMS = 2,
    N_POLICIES = 3,
    N_LEVELS = 3,
    N_SERVICES = 8,
    N_PRIORITIES = 5,
    N_DEPS = 11,
    N_FIELDS = 2
};

struct c_user {
    const char *id, *name, *email, *role, *title, *zone;
    int team;
};
struct c_team {
    const char *id, *name, *description;
};
struct c_rule {
    const char *id;
    int delay_min;
    const char *schedule_id, *schedule_name; /* NULL: the user is named directly */
    int users[2];                            /* who is on call now; -1 ends the list */
};
struct c_policy {
    const char *id, *name, *description;
    int team, loops;
    struct c_rule rules[N_LEVELS];
};
struct c_service {
    const char *id, *name, *description;
    int policy, team;
    const char *integration_id, *integration_name, *client, *client_url;
};
struct c_dep {
    const char *id;
    int dependent, supporting;
};
struct c_priority {
    const char *id, *name, *description;
};
struct c_field {
    const char *id, *name, *display, *description, *field_type,
        *options; /* options: ",a,b," or NULL */
};

/* One kind of trouble that a service has had before: how its alerts read, and what helped. */
enum {
    N_SYMPTOMS = 24,
    SYMPTOM_FIXES = 2
};
struct c_symptom {
    int service;
    const char *title; /* one %d for a number that differs each time, or none */
    const char *severity;
    const char *metric, *threshold, *runbook;
    int self_clears_percent;
    const char *fixes[SYMPTOM_FIXES];
};
/* A kind of trouble that any service may have; company_monitors.c tells what stands in the words. */
enum {
    N_MONITORS = 10
};
struct c_monitor {
    const char *title, *severity, *metric;
    int threshold; /* {n} is above it, and below 100 when it is a share */
    bool share;
    int self_clears_percent;
    const char *runbook;
    const char *fixes[SYMPTOM_FIXES];
};
struct c_change {
    int service;
    const char *summary, *source;
};
enum {
    N_CHANGES = 10
};

extern const struct c_user company_users[N_USERS];
extern const struct c_team company_teams[N_TEAMS];
extern const struct c_policy company_policies[N_POLICIES];
extern const struct c_service company_services[N_SERVICES];
extern const struct c_dep company_deps[N_DEPS];
extern const struct c_priority company_priorities[N_PRIORITIES];
extern const struct c_field company_fields[N_FIELDS];
extern const struct c_symptom company_symptoms[N_SYMPTOMS];
extern const struct c_change company_changes[N_CHANGES];
extern const struct c_monitor company_monitors[N_MONITORS];
extern const char *const company_short_names[N_SERVICES]; /* as hosts and repositories are called */

#define COMPANY_API "https://api.pagerduty.com"
#define COMPANY_WEB "https://lumenparcel.pagerduty.com"

/* Index by id, or -1. Users also by e-mail (letter case ignored), services and priorities also by name. */
int company_user(const char *id_or_email);
int company_service(const char *id_or_name);
int company_policy(const char *id);
int company_priority(const char *id_or_name);
int company_team(const char *id);

#endif
