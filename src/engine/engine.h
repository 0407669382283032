#ifndef TRIAGED_ENGINE_ENGINE_H
#define TRIAGED_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/net.h"
#include "people/people.h"
#include "queue/queue.h"
#include "store/store.h"

/*
 * The engine: one thread that alone writes, owns every curl handle and sleeps in one place (net_poll).
 *
 * One pass is one transaction. It takes facts that other threads handed over, or runs steps that are ready, each under its
 * savepoint, commits once, and only then lets anything out: facts are answered, calls start. So nothing is answered or
 * sent before it is on disk, what arrives together shares one fsync, and no lock guards a workflow.
 */
struct engine;

/* What steps and facts work with; valid during one plan, apply or fact. Engine thread only. */
struct engine_pass {
    struct engine *engine;
    struct store *store;
    struct audit *audit;
    struct queue *queue;
    struct people *people;
    struct arena *arena; /* dies with the step or fact */
    int64_t now_wall_ms; /* read once per pass */
    int64_t now_mono_ms;
    int64_t boot_epoch; /* rises with every start */
    void *app;          /* engine_opts.app */
};

/*
 * A fact: something another thread learnt and hands over. Embedded at the head of the caller's own struct.
 *
 * apply   engine thread, in a savepoint of its own; its return code is the fact's outcome. Negative rolls back only this
 *         fact's writes.
 * answer  engine thread, after COMMIT, exactly once: code is what apply returned, or ERR_RETRY when the pass was lost
 *         or the engine is stopping. Must not block; it owns the fact from here on.
 */
struct engine_fact {
    struct engine_fact *next;
    int (*apply)(struct engine_fact *f, struct engine_pass *p, struct err *e);
    void (*answer)(struct engine_fact *f, int code, const struct err *e);
};

#define ENGINE_INBOX_MAX      4096 /* facts waiting; over it engine_post says no and http answers 503 */
#define ENGINE_FACTS_PER_PASS 256

/* Any thread. False when the inbox is full or the engine stops: the caller keeps the fact and answers 503. */
bool engine_post(struct engine *en, struct engine_fact *f) MUST_CHECK;

/*
 * A step is two functions without I/O of their own. The engine does the waiting, the parallel calls, deadlines, retries and
 * burying.
 *
 * plan    reads rows, may write (an intent that must be on disk before a call leaves), asks for calls with step_call().
 *         Calls leave after this pass's COMMIT. Without calls, apply runs at once in the same savepoint.
 * apply   gets the replies (step_reply), writes rows, audit records and the next jobs.
 *
 * Both return 0 (plan: go on; apply: the job is done), ERR_RETRY (the same job later: err.retry_after_s or the engine's backoff, up
 * to max_attempts, then buried), ERR_NOT_FOUND (nothing to do any more: done), or another code (buried, with the message).
 * A savepoint that ends with an error writes nothing. No step runs longer than 2 ms.
 */
struct step_ctx;
struct step {
    const char *name; /* "enrich"; also job.step */
    int (*plan)(struct step_ctx *c, struct err *e);
    int (*apply)(struct step_ctx *c, struct err *e);
    unsigned max_attempts; /* 0 = for ever */
    unsigned backoff_ms;   /* first wait; doubles up to backoff_max_ms, +-20 % */
    unsigned backoff_max_ms;
    /* Optional: the job is about to be buried (same savepoint as the burying). */
    void (*buried)(struct step_ctx *c, const struct err *why);
};

struct engine_pass *step_pass(struct step_ctx *c);
const struct job *step_job(const struct step_ctx *c);
/* plan: asks for a call; tag names the reply for apply. At most STEP_CALLS_MAX. The request is copied. */
#define STEP_CALLS_MAX 16
int step_call(struct step_ctx *c, int tag, const struct net_req *r, struct err *e) MUST_CHECK;
/* apply: the reply with that tag, or NULL when plan did not ask. Bodies live until apply returns. A call that
 * net_start refused is a reply with its code. */
const struct net_reply *step_reply(const struct step_ctx *c, int tag);
/* plan and apply: after this run, put the job back for this time (instead of done). */
void step_again_at(struct step_ctx *c, int64_t due_wall_ms);

struct engine_opts {
    const char *store_path;
    const struct step *const *steps; /* NULL-terminated; every job.step must be there */
    void *app;
    unsigned max_in_flight; /* jobs whose calls are out; 0 = 8 */
    /* Called on the engine thread after every commit that wrote an audit row: the newest sequence (for streams). */
    void (*on_commit)(void *app, int64_t audit_seq);
    /* Called once on the engine thread after the store is open and before the first pass, in a transaction: start-up rows,
     * periodic jobs. */
    int (*on_start)(struct engine_pass *p, struct err *e);
};

/* Opens the store (migrations included), audit, queue, people and net on the calling thread; the thread starts with
 * engine_run. */
int engine_new(const struct engine_opts *o, struct engine **out, struct err *e) MUST_CHECK;
struct net *engine_net(struct engine *en);     /* to add peers before engine_start */
struct store *engine_store(struct engine *en); /* to prepare statement sets before engine_start */
int engine_start(struct engine *en, struct err *e) MUST_CHECK;
void engine_wake(struct engine *en); /* any thread */
/* Refuses new facts, ends the step under way, answers what is queued with ERR_RETRY, joins. Calls in flight are abandoned:
 * their jobs become orphans of the next start. */
void engine_stop(struct engine *en);
void engine_free(struct engine *en);
bool engine_failed(
    const struct engine *en); /* the disk failed: the process must end (threat model H6) */

/* Jobs and alarms, from inside a pass. */
int engine_add_job(struct engine_pass *p, const char *step, const char *subject, int prio,
                   int64_t due_wall_ms, struct err *e) MUST_CHECK;
int engine_alarm(struct engine_pass *p, const char *key, const char *what, const char *todo,
                 struct err *e) MUST_CHECK;
int engine_alarm_clear(struct engine_pass *p, const char *key, struct err *e) MUST_CHECK;

/* Live alarms as JSON {items: [{key, what, todo, since, last, times}]}; on a pass, or on a reader with statements of its own. */
int engine_pass_alarms(struct engine_pass *p, json_t **out, struct err *e) MUST_CHECK;
int engine_reader_prepare(struct store *s, struct store_set **out, struct err *e) MUST_CHECK;
int engine_reader_alarms(struct store_set *set, json_t **out, struct err *e) MUST_CHECK;
const struct store_sql *engine_statements(size_t *n);

/* Counters for status and metrics; any thread (relaxed atomics). */
struct engine_stats {
    uint64_t passes, facts, steps, commits, lost_passes, calls;
    int64_t last_pass_mono_ms;
    unsigned inbox, in_flight;
};
void engine_stats(const struct engine *en, struct engine_stats *out);

/* Priorities of jobs: smaller goes first. */
enum {
    PRIO_EXECUTE = 0,
    PRIO_JUDGE = 10,
    PRIO_FRESH = 20,
    PRIO_SOURCE = 24, /* other sources: seats of its own, for they may hang */
    PRIO_MODEL = 26,  /* model endpoints: seats of its own, for they are slow */
    PRIO_FOLLOW = 30,
    PRIO_BACKLOG = 50,
    PRIO_IDLE = 90
};

#endif
