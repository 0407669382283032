#ifndef TRIAGED_SANDBOX_ACT_H
#define TRIAGED_SANDBOX_ACT_H

#include "sandbox/world.h"

/*
 * What can happen to an incident, with PagerDuty's rules. Each act checks first and changes nothing when it refuses;
 * when it accepts it writes log entries, the oracle's line and the webhook. World lock held.
 */
struct fail {
    int http, code;
    char message[96], detail[160];
};
/* Always -1, so that a refusal is one statement. detail may be NULL. */
int fail_set(struct fail *f, int http, int code, const char *message, const char *detail);

/* What one PUT asks for; members that were not sent keep their start value. */
struct change {
    struct incident *in;
    bool has_status, has_priority, has_urgency, has_users, has_major;
    enum status status;
    enum urgency urgency;
    int priority; /* -1 takes it away */
    struct users users;
    int level, policy, service; /* 0, -1, -1: not asked for */
    bool major;
    const char *resolution, *title; /* borrowed from the request */
    json_t *bridge;                 /* borrowed */
};
void change_init(struct change *c, struct incident *in);
int change_check(const struct change *c, const struct actor *a, struct fail *f) MUST_CHECK;
void change_apply(const struct change *c, const struct actor *a);

/* An integration (or, with manual, a person) opens an incident. Borrowed texts; details is taken over, may be NULL. */
struct trigger {
    int service, priority;
    enum urgency urgency;
    const char *title, *body, *key, *client, *client_url, *severity;
    json_t *details;
    int alerts;
    bool manual, major;
    struct agent agent; /* with manual: who */
};
struct incident *act_trigger(const struct trigger *t, const struct actor *a);
/* An alert of an integration joins an open incident. */
void act_alert(struct incident *in, const char *summary, const char *severity, json_t *details);

int act_note(struct incident *in, const char *content, const struct actor *a, struct note **out,
             struct fail *f) MUST_CHECK;
int act_note_edit(struct incident *in, const char *note_id, const char *content,
                  const struct actor *a, struct note **out, struct fail *f) MUST_CHECK;
int act_note_delete(struct incident *in, const char *note_id, const struct actor *a, struct fail *f)
    MUST_CHECK;
int act_snooze(struct incident *in, int64_t duration_s, const struct actor *a, struct fail *f)
    MUST_CHECK;
int act_merge(struct incident *target, struct incident **sources, size_t n, const struct actor *a,
              struct fail *f) MUST_CHECK;
/* policy -1: the users are named; else its first level is asked. */
int act_responders(struct incident *in, int requester, const struct users *users, int policy,
                   const char *message, const struct actor *a, struct fail *f) MUST_CHECK;
int act_status_update(struct incident *in, const char *message, const struct actor *a,
                      char id_out[WORLD_ID_MAX], struct fail *f) MUST_CHECK;
/* values: object name -> value */
int act_fields(struct incident *in, json_t *values, const struct actor *a, struct fail *f)
    MUST_CHECK;

/* The clock's part: escalations that are due and snoozes that end. Called by the timer. */
void act_due(void);

#endif
