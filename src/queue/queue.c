#include "queue/queue.h"

#include <inttypes.h>
#include <string.h>

#include "queue/queue_sql.h"

/* A job that runs for longer than this is shown among the stuck ones: no step takes 2 ms, no call 30 s. */
#define QUEUE_LONG_MS 60000

struct queue {
    struct store_set *set;
    int64_t epoch;
    int64_t next_id; /* only grows, also when a transaction is rolled back: no id means two jobs */
};

const struct store_sql *queue_statements(size_t *n)
{
    *n = ARRAY_LEN(queue_sql_table);
    return queue_sql_table;
}

int queue_open(struct store *s, int64_t boot_epoch, struct queue **out, struct err *e)
{
    AUTO(mem_freep) struct queue *q = mem_alloc(sizeof *q);
    struct store_stmt *st;
    int rc;

    q->epoch = boot_epoch;
    if (store_prepare(s, queue_sql_table, ARRAY_LEN(queue_sql_table), &q->set, e) < 0)
        return e->code;
    st = store_begin(q->set, QUEUE_LAST_ID);
    rc = store_step(st, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_INTERNAL,
                       "queue: the counter of job ids is missing; restore a backup");
    q->next_id = store_int(st, 0) + 1;
    store_reset(st);
    *out = TAKE(q);
    return 0;
}

void queue_close(struct queue *q)
{
    /* The statements go with the store. */
    mem_freep(&q);
}

int queue_add(struct queue *q, const char *step, const char *subject, int prio, int64_t due_wall_ms,
              int64_t now_wall_ms, struct err *e)
{
    struct store_stmt *st;
    int rc;

    if (strlen(step) >= JOB_STEP_MAX || strlen(subject) >= JOB_SUBJECT_MAX)
        return err_set(e, ERR_INPUT, "job %.40s: step or subject is too long", step);
    st = store_begin(q->set, QUEUE_ADD);
    store_bind_int(st, 1, q->next_id);
    store_bind_text(st, 2, step);
    store_bind_text(st, 3, subject);
    store_bind_int(st, 4, prio);
    store_bind_int(st, 5, due_wall_ms);
    store_bind_int(st, 6, now_wall_ms);
    rc = store_step(st, e);
    if (rc < 0)
        return rc;
    if (rc > 0 && store_int(st, 0) == q->next_id)
        q->next_id++;
    store_reset(st);
    return 0;
}

static void copy_text(char *out, size_t size, const char *s)
{
    size_t len = s ? strlen(s) : 0;

    /* queue_add let nothing longer in. */
    CHECK(len < size);
    memcpy(out, s ? s : "", len + 1);
}

int queue_claim(struct queue *q, int prio, int64_t now_wall_ms, struct job *out, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_CLAIM);
    int rc;

    store_bind_int(st, 1, q->epoch);
    store_bind_int(st, 2, prio);
    store_bind_int(st, 3, now_wall_ms);
    rc = store_step(st, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no job of priority %d is due", prio);
    out->id = store_int(st, 0);
    copy_text(out->step, sizeof out->step, store_text(st, 1));
    copy_text(out->subject, sizeof out->subject, store_text(st, 2));
    out->prio = (int)store_int(st, 3);
    out->due_wall_ms = store_int(st, 4);
    out->created_wall_ms = store_int(st, 5);
    out->attempt = (unsigned)store_int(st, 6);
    out->orphan = store_int(st, 7) != 0;
    store_reset(st);
    return 0;
}

/* A job that ended is reported to the caller at once: a missing one is a mistake in the engine's bookkeeping. */
static int one_row(int rc, int64_t id, const char *state, struct err *e)
{
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "job %" PRId64 " is not %s", id, state);
    return 0;
}

int queue_finish(struct queue *q, int64_t id, int64_t now_wall_ms, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_FINISH);
    int rc;

    store_bind_int(st, 1, id);
    rc = store_exec(st, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    st = store_begin(q->set, QUEUE_FINISH_AGAIN);
    store_bind_int(st, 1, id);
    store_bind_int(st, 2, now_wall_ms);
    return one_row(store_exec(st, e), id, "running", e);
}

int queue_retry(struct queue *q, int64_t id, int64_t due_wall_ms, const char *why, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_RETRY);

    store_bind_int(st, 1, id);
    store_bind_int(st, 2, due_wall_ms);
    store_bind_text(st, 3, why);
    return one_row(store_exec(st, e), id, "running", e);
}

struct running {
    char step[JOB_STEP_MAX], subject[JOB_SUBJECT_MAX];
    int prio;
    bool again;
    int64_t again_ms;
};

static int read_running(struct queue *q, int64_t id, struct running *out, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_RUNNING);
    int rc;

    store_bind_int(st, 1, id);
    rc = store_step(st, e);
    if (rc <= 0)
        return one_row(rc, id, "running", e);
    copy_text(out->step, sizeof out->step, store_text(st, 0));
    copy_text(out->subject, sizeof out->subject, store_text(st, 1));
    out->prio = (int)store_int(st, 2);
    out->again = store_int(st, 3) != 0;
    out->again_ms = store_int(st, 4);
    store_reset(st);
    return 0;
}

int queue_bury(struct queue *q, int64_t id, const char *why, int64_t now_wall_ms, struct err *e)
{
    struct running job = {0};
    struct store_stmt *st;

    if (read_running(q, id, &job, e) < 0)
        return e->code;
    /* Of one (step, subject) only the newest stays buried, so that a lasting fault does not pile up rows. */
    st = store_begin(q->set, QUEUE_UNBURY_OLD);
    store_bind_text(st, 1, job.step);
    store_bind_text(st, 2, job.subject);
    if (store_exec(st, e) < 0)
        return e->code;
    st = store_begin(q->set, QUEUE_BURY);
    store_bind_int(st, 1, id);
    store_bind_text(st, 2, why);
    store_bind_int(st, 3, now_wall_ms);
    if (one_row(store_exec(st, e), id, "running", e) < 0)
        return e->code;
    /* What came while it ran was news that this run has not seen: it gets a job of its own. */
    if (job.again)
        return queue_add(q, job.step, job.subject, job.prio, job.again_ms, now_wall_ms, e);
    return 0;
}

int queue_drop(struct queue *q, const char *step, const char *subject, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_DROP);
    int rc;

    store_bind_text(st, 1, step);
    store_bind_text(st, 2, subject);
    rc = store_exec(st, e);
    return rc < 0 ? rc : 0;
}

int queue_adopt_orphans(struct queue *q, int64_t now_wall_ms, int *n, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_ADOPT);
    int rc;

    store_bind_int(st, 1, q->epoch);
    store_bind_int(st, 2, now_wall_ms);
    rc = store_exec(st, e);
    if (rc < 0)
        return rc;
    *n = rc;
    return 0;
}

int queue_clock_set_back(struct queue *q, int64_t by_ms, struct err *e)
{
    static const size_t STATEMENTS[] = {QUEUE_BACK_READY, QUEUE_BACK_AGAIN};

    for (size_t i = 0; i < ARRAY_LEN(STATEMENTS); i++) {
        struct store_stmt *st = store_begin(q->set, STATEMENTS[i]);

        store_bind_int(st, 1, by_ms);
        if (store_exec(st, e) < 0)
            return e->code;
    }
    return 0;
}

int queue_next_due(struct queue *q, int prio, int64_t *due_wall_ms, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_NEXT_DUE);
    int rc;

    store_bind_int(st, 1, prio);
    rc = store_step(st, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no job of priority %d waits", prio);
    *due_wall_ms = store_int(st, 0);
    store_reset(st);
    return 0;
}

int queue_counts(struct queue *q, struct queue_counts *out, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_COUNTS);
    int rc = store_step(st, e);

    if (rc < 0)
        return rc;
    out->ready = store_int(st, 0);
    out->running = store_int(st, 1);
    out->buried = store_int(st, 2);
    store_reset(st);
    return 0;
}

/* An error message may have been cut inside a character. */
static json_t *error_text(const char *s)
{
    json_t *j = s ? json_string(s) : json_null();

    return j ? j : json_string("(not readable as text)");
}

static int append_rows(struct store_stmt *st, json_t *list, struct err *e)
{
    int rc;

    while ((rc = store_step(st, e)) > 0) {
        json_t *row =
            json_pack("{s:I, s:s, s:s, s:s, s:I, s:o, s:I}", "id", (json_int_t)store_int(st, 0),
                      "step", store_text(st, 1), "subject", store_text(st, 2), "state",
                      store_text(st, 3), "attempt", (json_int_t)store_int(st, 4), "error",
                      error_text(store_text(st, 5)), "since", (json_int_t)store_int(st, 6));

        if (!row || json_array_append_new(list, row) < 0) {
            store_reset(st);
            return err_set(e, ERR_INTERNAL, "a job row is not valid UTF-8");
        }
    }
    return rc;
}

int queue_list_stuck(struct queue *q, int64_t now_wall_ms, unsigned limit, json_t **out,
                     struct err *e)
{
    json_auto_t *list = json_array();
    struct store_stmt *st = store_begin(q->set, QUEUE_BURIED_LIST);

    CHECK(list);
    store_bind_int(st, 1, limit);
    if (append_rows(st, list, e) < 0)
        return e->code;
    st = store_begin(q->set, QUEUE_LONG_LIST);
    store_bind_int(st, 1, (int64_t)limit - (int64_t)json_array_size(list));
    store_bind_int(st, 2, now_wall_ms - QUEUE_LONG_MS);
    if (append_rows(st, list, e) < 0)
        return e->code;
    *out = TAKE(list);
    return 0;
}

/* Moves a buried job back, or merges it into the live one that has taken its place. */
static int revive(struct queue *q, int64_t id, const struct running *job, int64_t now_wall_ms,
                  struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_RETRY_BURIED);
    int rc;

    store_bind_int(st, 1, id);
    store_bind_int(st, 2, now_wall_ms);
    rc = store_exec(st, e);
    if (rc != ERR_CONFLICT)
        return one_row(rc, id, "buried", e);
    if (queue_drop_buried(q, id, e) < 0)
        return e->code;
    return queue_add(q, job->step, job->subject, job->prio, now_wall_ms, now_wall_ms, e);
}

int queue_retry_buried(struct queue *q, int64_t id, int64_t now_wall_ms, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_ANY);
    struct running job = {0};
    bool buried;
    int rc;

    store_bind_int(st, 1, id);
    rc = store_step(st, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no job %" PRId64, id);
    buried = strcmp(store_text(st, 0), "buried") == 0;
    copy_text(job.step, sizeof job.step, store_text(st, 1));
    copy_text(job.subject, sizeof job.subject, store_text(st, 2));
    job.prio = (int)store_int(st, 3);
    store_reset(st);
    if (!buried)
        return err_set(e, ERR_CONFLICT, "job %" PRId64 " is not buried", id);
    return revive(q, id, &job, now_wall_ms, e);
}

int queue_drop_buried(struct queue *q, int64_t id, struct err *e)
{
    struct store_stmt *st = store_begin(q->set, QUEUE_DROP_BURIED);

    store_bind_int(st, 1, id);
    return one_row(store_exec(st, e), id, "buried", e);
}
