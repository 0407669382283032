#ifndef TRIAGED_ENGINE_PRIV_H
#define TRIAGED_ENGINE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/engine.h"
#include "engine/engine_sql.h"

/* A pass of facts runs no longer than its facts; a pass of steps ends after this. */
#define STEP_PASS_US           2000
/* Steps that waited this long get a pass even while facts keep coming. */
#define STEPS_MAY_WAIT_MS      10
/* Lanes with seats of their own, so that slow enrichment never holds an approved action up, and a slow model or source no enrichment. */
#define ACTION_SEATS           4
#define SOURCE_SEATS           4
#define MODEL_SEATS            6
#define SEATS_MAX              64
/* Checkpoints (design 4): frames at which one runs when idle, and regardless. */
#define CHECKPOINT_IDLE_FRAMES 250
#define CHECKPOINT_FRAMES      1000
#define TRUNCATE_IDLE_MS       5000
/* The wall clock went back by more than this: slewing moves it by less between two turns. */
#define CLOCK_BACK_MS          1000
/* After a lost pass the disk gets this long before the next try. */
#define LOST_PASS_WAIT_MS      200
/* What one step or fact may use. */
#define PASS_ARENA_BYTES       ((size_t)64 * 1024 * 1024)
#define SLEEP_MAX_MS           1000

/* The lanes of the queue in the order of claiming. */
#define LANES 8
extern const int engine_lanes[LANES];

struct seat_call {
    int tag;
    bool answered;
    struct net_reply reply; /* body is our own copy */
};

/* A claimed job whose calls are out or have come back. */
struct seat {
    bool used;
    bool starting; /* planned in this pass: calls leave after COMMIT */
    uint32_t serial;
    const struct step *step;
    struct job job;
    size_t n_calls;
    size_t n_open;
    struct seat_call calls[STEP_CALLS_MAX];
};

/* Requests planned in this pass, with their memory. */
struct planned_call {
    struct seat *seat;
    size_t index;
    struct net_req req;
};

struct step_ctx {
    struct engine_pass *pass;
    const struct step *step;
    const struct job *job;
    struct seat *seat; /* NULL until the first step_call */
    bool planning;
    int64_t again_at_wall_ms; /* 0 = done */
};

struct fact_outcome {
    struct engine_fact *fact;
    int code;
    struct err err;
};

struct engine {
    struct engine_opts opts;
    char *store_path;
    struct store *store;
    struct store_set *sql;
    struct audit *audit;
    struct queue *queue;
    struct people *people;
    struct net *net;
    struct arena *arena;
    struct engine_pass pass;
    int64_t boot_epoch;

    pthread_t thread;
    bool started;
    pthread_mutex_t inbox_lock;
    struct engine_fact *inbox_head, **inbox_tail;
    unsigned inbox_len;
    bool inbox_closed;
    atomic_bool sleeping;
    atomic_bool stopping;
    atomic_bool failed;

    struct fact_outcome outcomes[ENGINE_FACTS_PER_PASS];
    struct seat seats[SEATS_MAX];
    unsigned seats_used;
    unsigned own_seats_used[LANES]; /* of the lanes that have seats of their own */
    unsigned seats_done;            /* all replies are there, apply waits */
    struct arena *call_arena;       /* requests of one pass until they were handed to net */
    struct planned_call planned[SEATS_MAX * STEP_CALLS_MAX];
    size_t n_planned;

    int64_t audit_seq_told;
    int64_t steps_due_since_mono_ms; /* 0 = none waits */
    int64_t checkpoint_next_frames;
    int64_t last_work_mono_ms;
    int64_t wall_ahead_ms; /* wall clock minus monotonic, as last looked at */
    bool truncated;

    atomic_uint_fast64_t n_passes, n_facts, n_steps, n_commits, n_lost, n_calls;
    atomic_int_fast64_t last_pass_mono_ms;
    atomic_uint n_inbox, n_in_flight;
};

/* engine_inbox.c */
struct engine_fact *inbox_take(struct engine *en, unsigned max, unsigned *n);
bool inbox_empty(struct engine *en);
void inbox_close(struct engine *en); /* answers everything that waits with ERR_RETRY */

/* engine.c */
int pass_begin(struct engine *en, struct err *e) MUST_CHECK;
/* Commits; on failure the pass is lost: the audit head goes back and *e says why. */
int pass_commit(struct engine *en, struct audit_head before, struct err *e) MUST_CHECK;
void pass_lost(struct engine *en, struct audit_head before, const struct err *why);

/* engine_facts.c: one pass of facts, answered. */
void facts_pass(struct engine *en, struct engine_fact *list, unsigned n);

/* engine_steps.c */
bool steps_pass(struct engine *en); /* false when nothing was ready */
/* Milliseconds until a job is due that could run now; SLEEP_MAX_MS when none. */
int steps_next_ms(struct engine *en, int64_t now_wall_ms);
void steps_abandon(struct engine *en);

#endif
