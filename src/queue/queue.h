#ifndef TRIAGED_QUEUE_QUEUE_H
#define TRIAGED_QUEUE_QUEUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

/*
 * Durable jobs. One live job per (step, subject): adding one that is there already moves its due time forward if the new
 * one is earlier (and raises its priority if the new one is more urgent); adding one while it runs sets `again`, and
 * finishing re-queues it. Done jobs are deleted; buried ones stay visible until retried or dropped, the newest of each
 * (step, subject). Burying one with `again` set also adds a new job; retrying one whose place a live job has taken merges
 * the two. Numbers are never used twice. Claims go by (priority, due time, id): what was begun first, fresh before backlog.
 * Engine thread, inside a transaction; no function reads a clock.
 *
 *   ready --claim--> running --finish--> (gone), or ready when `again` was set
 *                       |--- retry ----> ready, later
 *                       |--- bury -----> buried --retry_buried--> ready
 *   at start: running of an older boot epoch -> ready with `orphan` set
 */
#define JOB_STEP_MAX    32
#define JOB_SUBJECT_MAX 80

struct job {
    int64_t id;
    char step[JOB_STEP_MAX];
    char subject[JOB_SUBJECT_MAX]; /* incident id, "12" for a proposal, "12.1.0" for an execution */
    int prio;                      /* smaller goes first */
    int64_t due_wall_ms;
    int64_t created_wall_ms;
    unsigned attempt; /* 1 on the first run */
    bool orphan;      /* an earlier process died while it ran */
};

struct queue;
int queue_open(struct store *s, int64_t boot_epoch, struct queue **out, struct err *e) MUST_CHECK;
void queue_close(struct queue *q);

int queue_add(struct queue *q, const char *step, const char *subject, int prio, int64_t due_wall_ms,
              int64_t now_wall_ms, struct err *e) MUST_CHECK;
/*
 * The oldest due job of one priority; ERR_NOT_FOUND when nothing is due there. The engine asks priority by priority, so that a
 * claim is one index look-up however many jobs wait for later, and full lanes do not hold up others.
 */
int queue_claim(struct queue *q, int prio, int64_t now_wall_ms, struct job *out, struct err *e)
    MUST_CHECK;
int queue_finish(struct queue *q, int64_t id, int64_t now_wall_ms, struct err *e) MUST_CHECK;
int queue_retry(struct queue *q, int64_t id, int64_t due_wall_ms, const char *why, struct err *e)
    MUST_CHECK;
int queue_bury(struct queue *q, int64_t id, const char *why, int64_t now_wall_ms, struct err *e)
    MUST_CHECK;
/* Drops a job that is ready (a running one is left alone). 0 also when there is none. */
int queue_drop(struct queue *q, const char *step, const char *subject, struct err *e) MUST_CHECK;
/* At start, once: everything that an older epoch left running becomes ready with `orphan` set. */
int queue_adopt_orphans(struct queue *q, int64_t now_wall_ms, int *n, struct err *e) MUST_CHECK;
/* Due time of the next ready job of one priority; ERR_NOT_FOUND when there is none. */
int queue_next_due(struct queue *q, int prio, int64_t *due_wall_ms, struct err *e) MUST_CHECK;

/* The wall clock was set back by this much: what waits for a moment waits for as long as before, not longer. Early is always
 * allowed, for every step looks at its own rows. */
int queue_clock_set_back(struct queue *q, int64_t by_ms, struct err *e) MUST_CHECK;

/* Kept by triggers in the same transaction, never counted by a scan. Readers may ask too. */
struct queue_counts {
    int64_t ready, running, buried;
};
int queue_counts(struct queue *q, struct queue_counts *out, struct err *e) MUST_CHECK;

/* Buried jobs and long-running ones as JSON [{id, step, subject, state, attempt, error, since}] (readers too). */
int queue_list_stuck(struct queue *q, int64_t now_wall_ms, unsigned limit, json_t **out,
                     struct err *e) MUST_CHECK;
/* ERR_NOT_FOUND, ERR_CONFLICT (not buried). */
int queue_retry_buried(struct queue *q, int64_t id, int64_t now_wall_ms, struct err *e) MUST_CHECK;
int queue_drop_buried(struct queue *q, int64_t id, struct err *e) MUST_CHECK;

const struct store_sql *queue_statements(size_t *n);

#endif
