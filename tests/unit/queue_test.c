#include "queue/queue.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "scratch.h"

struct fixture {
    char folder[SCRATCH_FOLDER], path[SCRATCH_PATH];
    struct store *s;
    struct queue *q;
    struct err e;
};

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    struct store_opts o = {.path = f->path};

    scratch_make(f->folder, f->path);
    must(store_open(&o, &f->s, &f->e), &f->e);
    must(queue_open(f->s, 1, &f->q, &f->e), &f->e);
    must(store_tx_begin(f->s, &f->e), &f->e);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    queue_close(f->q);
    store_close(f->s);
    scratch_remove(f->folder, f->path);
    free(f);
    return 0;
}

static void add(struct fixture *f, const char *step, const char *subject, int prio, int64_t due)
{
    must(queue_add(f->q, step, subject, prio, due, 100, &f->e), &f->e);
}

static struct job claim(struct fixture *f, int prio, int64_t now)
{
    struct job j = {0};

    must(queue_claim(f->q, prio, now, &j, &f->e), &f->e);
    return j;
}

static void nothing_due(struct fixture *f, int prio, int64_t now)
{
    struct job j = {.id = 77};

    assert_int_equal(queue_claim(f->q, prio, now, &j, &f->e), ERR_NOT_FOUND);
    assert_int_equal(j.id, 77);
}

static void counts_are(struct fixture *f, int64_t ready, int64_t running, int64_t buried)
{
    struct queue_counts c = {0};

    must(queue_counts(f->q, &c, &f->e), &f->e);
    assert_int_equal(c.ready, ready);
    assert_int_equal(c.running, running);
    assert_int_equal(c.buried, buried);
}

static void claims_the_job_that_is_due_longest_and_each_once(void **state)
{
    struct fixture *f = *state;
    struct job j;

    add(f, "enrich", "Q3", 2, 300);
    add(f, "enrich", "Q1", 2, 100);
    add(f, "judge", "Q2", 2, 100); /* same time: the one that was added first goes first */
    add(f, "enrich", "Q9", 1, 500);
    nothing_due(f, 2, 99);
    nothing_due(f, 1, 499);
    nothing_due(f, 3, 9999);
    j = claim(f, 2, 400);
    assert_string_equal(j.step, "enrich");
    assert_string_equal(j.subject, "Q1");
    assert_int_equal(j.prio, 2);
    assert_int_equal(j.due_wall_ms, 100);
    assert_int_equal(j.created_wall_ms, 100);
    assert_int_equal(j.attempt, 1);
    assert_false(j.orphan);
    assert_string_equal(claim(f, 2, 400).subject, "Q2");
    assert_string_equal(claim(f, 2, 400).subject, "Q3");
    nothing_due(f, 2, 400);
    assert_string_equal(claim(f, 1, 500).subject, "Q9");
    counts_are(f, 0, 4, 0);
}

static void adding_again_moves_the_due_time_forward_only(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int prio;
        int64_t due;
        int want_prio;
        int64_t want_due;
    } rows[] = {{5, 500, 5, 500}, {5, 600, 5, 500}, {5, 400, 5, 400},
                {7, 400, 5, 400}, {3, 450, 3, 400}, {3, 100, 3, 100}};
    int64_t due = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        add(f, "enrich", "Q1", rows[i].prio, rows[i].due);
        must(queue_next_due(f->q, rows[i].want_prio, &due, &f->e), &f->e);
        assert_int_equal(due, rows[i].want_due);
        counts_are(f, 1, 0, 0);
    }
    assert_int_equal(queue_next_due(f->q, 5, &due, &f->e), ERR_NOT_FOUND);
}

static void adding_while_it_runs_makes_it_run_again(void **state)
{
    struct fixture *f = *state;
    struct job first, second;

    add(f, "enrich", "Q1", 2, 100);
    first = claim(f, 2, 100);
    add(f, "enrich", "Q1", 2, 300);
    add(f, "enrich", "Q1", 1, 200); /* the earliest and the most urgent hold */
    add(f, "enrich", "Q1", 2, 400);
    counts_are(f, 0, 1, 0);
    nothing_due(f, 1, 999); /* never twice at once */
    must(queue_finish(f->q, first.id, 150, &f->e), &f->e);
    counts_are(f, 1, 0, 0);
    nothing_due(f, 1, 199);
    second = claim(f, 1, 200);
    assert_int_equal(second.id, first.id);
    assert_int_equal(second.attempt, 1);
    assert_int_equal(second.created_wall_ms, 150);
    must(queue_finish(f->q, second.id, 210, &f->e), &f->e);
    counts_are(f, 0, 0, 0);
    assert_int_equal(queue_finish(f->q, second.id, 210, &f->e), ERR_NOT_FOUND);
}

static void a_retry_waits_counts_and_yields_to_news(void **state)
{
    struct fixture *f = *state;
    struct job j;

    add(f, "assess", "Q1", 2, 100);
    j = claim(f, 2, 100);
    must(queue_retry(f->q, j.id, 900, "PagerDuty answers 503", &f->e), &f->e);
    nothing_due(f, 2, 899);
    j = claim(f, 2, 900);
    assert_int_equal(j.attempt, 2);
    add(f, "assess", "Q1", 2, 950); /* came while it ran: due before the retry */
    must(queue_retry(f->q, j.id, 5000, "again", &f->e), &f->e);
    nothing_due(f, 2, 949);
    j = claim(f, 2, 950);
    assert_int_equal(j.attempt, 3);
    must(queue_finish(f->q, j.id, 960, &f->e), &f->e); /* and `again` was used up */
    counts_are(f, 0, 0, 0);
    assert_int_equal(queue_retry(f->q, j.id, 1, "x", &f->e), ERR_NOT_FOUND);
}

static void buried_jobs_stay_visible_until_retried_or_dropped(void **state)
{
    struct fixture *f = *state;
    json_auto_t *list = NULL;
    json_t *row;
    struct job j;

    add(f, "assess", "Q1", 2, 100);
    j = claim(f, 2, 100);
    assert_int_equal(queue_retry_buried(f->q, j.id, 1, &f->e), ERR_CONFLICT);
    must(queue_bury(f->q, j.id, "PagerDuty says 403", 777, &f->e), &f->e);
    counts_are(f, 0, 0, 1);
    nothing_due(f, 2, 99999);
    must(queue_list_stuck(f->q, 1000, 10, &list, &f->e), &f->e);
    assert_int_equal(json_array_size(list), 1);
    row = json_array_get(list, 0);
    assert_int_equal(json_opt_int(row, "id", 0), j.id);
    assert_string_equal(json_opt_str(row, "step"), "assess");
    assert_string_equal(json_opt_str(row, "subject"), "Q1");
    assert_string_equal(json_opt_str(row, "state"), "buried");
    assert_string_equal(json_opt_str(row, "error"), "PagerDuty says 403");
    assert_int_equal(json_opt_int(row, "attempt", 0), 1);
    assert_int_equal(json_opt_int(row, "since", 0), 777);
    must(queue_retry_buried(f->q, j.id, 2000, &f->e), &f->e);
    j = claim(f, 2, 2000);
    assert_int_equal(j.attempt, 1);
    must(queue_bury(f->q, j.id, "still", 2001, &f->e), &f->e);
    must(queue_drop_buried(f->q, j.id, &f->e), &f->e);
    counts_are(f, 0, 0, 0);
    assert_int_equal(queue_retry_buried(f->q, j.id, 1, &f->e), ERR_NOT_FOUND);
    assert_int_equal(queue_bury(f->q, j.id, "x", 1, &f->e), ERR_NOT_FOUND);
}

static void burying_does_not_swallow_what_came_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct job first, second;

    add(f, "assess", "Q1", 2, 100);
    first = claim(f, 2, 100);
    add(f, "assess", "Q1", 2, 300);
    must(queue_bury(f->q, first.id, "no", 200, &f->e), &f->e);
    counts_are(f, 1, 0, 1);
    second = claim(f, 2, 300);
    assert_int_not_equal(second.id, first.id);
    must(queue_bury(f->q, second.id, "no again", 301, &f->e), &f->e);
    counts_are(f, 0, 0, 1); /* only the newest of a (step, subject) stays */
    add(f, "assess", "Q1", 4, 900);
    must(queue_retry_buried(f->q, second.id, 500, &f->e), &f->e); /* merges with the live one */
    counts_are(f, 1, 0, 0);
    assert_string_equal(claim(f, 2, 500).subject, "Q1");
}

/* Two hours back: what was due stays due, what was due in a second is due in a second. */
static void a_clock_set_back_makes_nothing_wait_longer(void **state)
{
    struct fixture *f = *state;
    struct job j;
    const int64_t back = 7200000, now = 10000000;

    add(f, "a", "due", 0, now);
    add(f, "a", "soon", 0, now + 1000);
    add(f, "a", "runs", 1, now);
    must(queue_claim(f->q, 1, now, &j, &f->e), &f->e);
    add(f, "a", "runs", 1, now + 500);
    must(queue_clock_set_back(f->q, back, &f->e), &f->e);
    must(queue_finish(f->q, j.id, now - back, &f->e), &f->e);
    must(queue_claim(f->q, 0, now - back, &j, &f->e), &f->e);
    assert_string_equal(j.subject, "due");
    nothing_due(f, 0, now - back + 999);
    must(queue_claim(f->q, 0, now - back + 1000, &j, &f->e), &f->e);
    nothing_due(f, 1, now - back + 499);
    must(queue_claim(f->q, 1, now - back + 500, &j, &f->e), &f->e);
    assert_string_equal(j.subject, "runs");
}

static void dropping_takes_ready_jobs_only(void **state)
{
    struct fixture *f = *state;
    struct job j;

    add(f, "expire", "12", 2, 100);
    add(f, "expire", "13", 2, 100);
    must(queue_drop(f->q, "expire", "12", &f->e), &f->e);
    must(queue_drop(f->q, "expire", "12", &f->e), &f->e);
    counts_are(f, 1, 0, 0);
    j = claim(f, 2, 100);
    assert_string_equal(j.subject, "13");
    must(queue_drop(f->q, "expire", "13", &f->e), &f->e);
    counts_are(f, 0, 1, 0);
    must(queue_finish(f->q, j.id, 100, &f->e), &f->e);
}

/* What a killed process left running is found at the next start, marked, and only once. */
static void orphans_of_an_older_boot_are_adopted(void **state)
{
    struct fixture *f = *state;
    struct job j;
    int n = 0;

    add(f, "execute", "12.1.0", 0, 100);
    add(f, "enrich", "Q1", 2, 100);
    (void)claim(f, 0, 100);
    must(store_tx_commit(f->s, &f->e), &f->e);
    queue_close(f->q);
    must(queue_open(f->s, 2, &f->q, &f->e), &f->e);
    must(store_tx_begin(f->s, &f->e), &f->e);
    must(queue_adopt_orphans(f->q, 5000, &n, &f->e), &f->e);
    assert_int_equal(n, 1);
    counts_are(f, 2, 0, 0);
    j = claim(f, 0, 5000);
    assert_true(j.orphan);
    assert_int_equal(j.attempt, 2);
    must(queue_adopt_orphans(f->q, 6000, &n, &f->e), &f->e); /* ours is no orphan */
    assert_int_equal(n, 0);
    must(queue_retry(f->q, j.id, 7000, "PagerDuty is away", &f->e), &f->e);
    j = claim(f, 0, 7000);
    assert_true(j.orphan); /* until it has found out what happened */
    add(f, "execute", "12.1.0", 0, 8000);
    must(queue_finish(f->q, j.id, 7001, &f->e), &f->e);
    assert_false(claim(f, 0, 8000).orphan);
    assert_false(claim(f, 2, 8000).orphan);
}

static void numbers_are_never_used_twice(void **state)
{
    struct fixture *f = *state;
    struct job j;
    int64_t last = 0;

    for (int i = 0; i < 5; i++) {
        add(f, "enrich", "Q1", 2, 100);
        j = claim(f, 2, 100);
        assert_true(j.id > last);
        last = j.id;
        must(queue_finish(f->q, j.id, 100, &f->e), &f->e);
    }
    must(store_tx_commit(f->s, &f->e), &f->e);
    must(store_tx_begin(f->s, &f->e), &f->e);
    add(f, "enrich", "Q1", 2, 100);
    last = claim(f, 2, 100).id;
    store_tx_rollback(f->s); /* an answer to that job may still be on its way */
    must(store_tx_begin(f->s, &f->e), &f->e);
    add(f, "enrich", "Q2", 2, 100);
    assert_true(claim(f, 2, 100).id > last);
    must(store_tx_commit(f->s, &f->e), &f->e);
    queue_close(f->q);
    must(queue_open(f->s, 2, &f->q, &f->e), &f->e);
    must(store_tx_begin(f->s, &f->e), &f->e);
    add(f, "enrich", "Q3", 2, 100);
    assert_true(claim(f, 2, 100).id > last + 1);
}

static void a_rolled_back_savepoint_takes_its_counts_along(void **state)
{
    struct fixture *f = *state;

    add(f, "enrich", "Q1", 2, 100);
    {
        AUTO(store_savepoint_end) struct store_savepoint sp = {0};

        must(store_savepoint(&sp, f->s, &f->e), &f->e);
        add(f, "enrich", "Q2", 2, 100);
        (void)claim(f, 2, 100);
        counts_are(f, 1, 1, 0);
    }
    counts_are(f, 1, 0, 0);
}

static void long_running_jobs_are_listed_within_the_limit(void **state)
{
    struct fixture *f = *state;
    char subject[16];
    json_t *list = NULL;

    for (int i = 0; i < 6; i++) {
        (void)snprintf(subject, sizeof subject, "Q%d", i);
        add(f, "enrich", subject, 2, 100);
        (void)claim(f, 2, 1000 + i);
    }
    must(queue_list_stuck(f->q, 1000 + 59999, 10, &list, &f->e), &f->e);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    must(queue_list_stuck(f->q, 1002 + 60000, 10, &list, &f->e), &f->e);
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(json_opt_str(json_array_get(list, 0), "subject"), "Q0");
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "error")));
    json_decref(list);
    must(queue_list_stuck(f->q, 900000, 4, &list, &f->e), &f->e);
    assert_int_equal(json_array_size(list), 4);
    json_decref(list);
}

static void names_over_the_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    char text[JOB_SUBJECT_MAX + 1];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(queue_add(f->q, "s", text, 1, 1, 1, &f->e), ERR_INPUT);
    assert_int_equal(queue_add(f->q, text, "s", 1, 1, 1, &f->e), ERR_INPUT);
    text[JOB_SUBJECT_MAX - 1] = '\0';
    add(f, "s", text, 1, 1);
    assert_string_equal(claim(f, 1, 1).subject, text);
}

/* ---- A model of the queue that is too simple to be wrong, and 10,000 random operations on both. ---- */

enum {
    KEYS = 8,
    PRIOS = 3,
    MODEL_MAX = 64
};
enum model_state {
    M_READY,
    M_RUNNING,
    M_BURIED
};
struct model_job {
    int64_t id;
    int key, prio;
    enum model_state state;
    int64_t due, again_due;
    bool again;
    unsigned attempt;
};
struct model {
    struct model_job jobs[MODEL_MAX];
    int n;
};

static struct model_job *model_find(struct model *m, int key, bool live)
{
    for (int i = 0; i < m->n; i++)
        if (m->jobs[i].key == key && (m->jobs[i].state != M_BURIED) == live)
            return &m->jobs[i];
    return NULL;
}

static void model_remove(struct model *m, struct model_job *j)
{
    *j = m->jobs[--m->n];
}

static void model_add(struct model *m, int key, int prio, int64_t due)
{
    struct model_job *j = model_find(m, key, true);

    if (!j) {
        assert_true(m->n < MODEL_MAX);
        m->jobs[m->n++] = (struct model_job){.key = key, .prio = prio, .due = due};
        return;
    }
    if (prio < j->prio)
        j->prio = prio;
    if (j->state == M_READY) {
        j->due = due < j->due ? due : j->due;
    } else {
        j->again_due = j->again && j->again_due < due ? j->again_due : due;
        j->again = true;
    }
}

/* Jobs that were added to the model get the number that the queue gave them when they are claimed first. */
static struct model_job *model_next(struct model *m, int prio, int64_t now)
{
    struct model_job *best = NULL;

    for (int i = 0; i < m->n; i++) {
        struct model_job *j = &m->jobs[i];

        if (j->state == M_READY && j->prio == prio && j->due <= now &&
            (!best || j->due < best->due))
            best = j;
    }
    return best;
}

static struct model_job *model_pick(struct model *m, enum model_state state)
{
    int from = m->n ? rand() % m->n : 0;

    for (int i = 0; i < m->n; i++) {
        struct model_job *j = &m->jobs[(from + i) % m->n];

        if (j->state == state)
            return j;
    }
    return NULL;
}

static void random_claim(struct fixture *f, struct model *m, int64_t now)
{
    int prio = rand() % PRIOS;
    struct model_job *want = model_next(m, prio, now), *got;
    struct job j;

    if (!want) {
        nothing_due(f, prio, now);
        return;
    }
    j = claim(f, prio, now);
    got = model_find(m, (int)strtol(j.subject, NULL, 10), true);
    assert_non_null(got);
    assert_int_equal(got->state, M_READY);
    assert_int_equal(got->prio, prio);
    assert_int_equal(j.due_wall_ms,
                     want->due); /* the same key unless two are due at the same time */
    assert_int_equal(got->due, want->due);
    got->id = j.id;
    got->state = M_RUNNING;
    assert_int_equal(j.attempt, ++got->attempt);
}

static void random_finish(struct fixture *f, struct model *m, int64_t now)
{
    struct model_job *j = model_pick(m, M_RUNNING);

    if (!j)
        return;
    must(queue_finish(f->q, j->id, now, &f->e), &f->e);
    if (!j->again) {
        model_remove(m, j);
        return;
    }
    j->state = M_READY;
    j->due = j->again_due;
    j->again = false;
    j->attempt = 0;
}

static void random_retry(struct fixture *f, struct model *m, int64_t due)
{
    struct model_job *j = model_pick(m, M_RUNNING);

    if (!j)
        return;
    must(queue_retry(f->q, j->id, due, "later", &f->e), &f->e);
    j->state = M_READY;
    j->due = j->again && j->again_due < due ? j->again_due : due;
    j->again = false;
}

static void random_bury(struct fixture *f, struct model *m, int64_t now)
{
    struct model_job *j = model_pick(m, M_RUNNING), *old;
    struct model_job copy;

    if (!j)
        return;
    must(queue_bury(f->q, j->id, "no", now, &f->e), &f->e);
    copy = *j;
    j->state = M_BURIED;
    j->again = false;
    old = model_find(m, copy.key, false);
    while (old && old->id == copy.id) { /* that is the one just buried: look for another */
        int i = (int)(old - m->jobs) + 1;

        for (old = NULL; i < m->n && !old; i++)
            if (m->jobs[i].key == copy.key && m->jobs[i].state == M_BURIED)
                old = &m->jobs[i];
    }
    if (old)
        model_remove(m, old);
    if (copy.again)
        model_add(m, copy.key, copy.prio, copy.again_due);
}

static void random_revive(struct fixture *f, struct model *m, int64_t now)
{
    struct model_job *j = model_pick(m, M_BURIED);
    struct model_job copy;

    if (!j)
        return;
    must(queue_retry_buried(f->q, j->id, now, &f->e), &f->e);
    copy = *j;
    if (model_find(m, copy.key, true)) {
        model_remove(m, j);
        model_add(m, copy.key, copy.prio, now);
        return;
    }
    j->state = M_READY;
    j->due = now;
    j->attempt = 0;
}

static void random_drop(struct fixture *f, struct model *m, const char *subject, int key)
{
    struct model_job *j = model_find(m, key, true);

    must(queue_drop(f->q, "step", subject, &f->e), &f->e);
    if (j && j->state == M_READY)
        model_remove(m, j);
}

static void counts_equal_the_model(struct fixture *f, const struct model *m, const char *seed)
{
    int64_t n[3] = {0}, due = 0;
    struct queue_counts c = {0};

    for (int i = 0; i < m->n; i++)
        n[m->jobs[i].state]++;
    must(queue_counts(f->q, &c, &f->e), &f->e);
    if (c.ready != n[M_READY] || c.running != n[M_RUNNING] || c.buried != n[M_BURIED])
        fail_msg("%s: counters %lld %lld %lld", seed, (long long)c.ready, (long long)c.running,
                 (long long)c.buried);
    for (int prio = 0; prio < PRIOS; prio++) {
        struct model copy = *m;
        struct model_job *next = model_next(&copy, prio, INT64_MAX);
        int rc = queue_next_due(f->q, prio, &due, &f->e);

        assert_int_equal(rc, next ? 0 : ERR_NOT_FOUND);
        if (next)
            assert_int_equal(due, next->due);
    }
}

/* The rows themselves, counted by another connection after the commit. */
static void counters_equal_a_count_of_rows(struct fixture *f)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM job WHERE state = job_counter.state) - n"
        " FROM job_counter WHERE state <> 'last_id'";
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    int rows = 0;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    for (; sqlite3_step(q) == SQLITE_ROW; rows++)
        assert_int_equal(sqlite3_column_int64(q, 0), 0);
    assert_int_equal(rows, 3);
    sqlite3_finalize(q);
    sqlite3_close(db);
}

static void random_operations_agree_with_a_simple_model(void **state)
{
    struct fixture *f = *state;
    static struct model m, saved;
    int64_t now = 1000;

    srand(20261120); /* a failure must come again */
    for (int i = 0; i < 10000; i++) {
        int key = rand() % KEYS;
        char subject[8], where[32];
        bool undo = rand() % 8 == 0;
        AUTO(store_savepoint_end) struct store_savepoint sp = {0};

        (void)snprintf(subject, sizeof subject, "%d", key);
        (void)snprintf(where, sizeof where, "operation %d", i);
        now += rand() % 20;
        saved = m;
        must(store_savepoint(&sp, f->s, &f->e), &f->e);
        switch (rand() % 12) {
        case 0:
        case 1:
        case 2:
        case 3: {
            int prio = rand() % PRIOS;
            int64_t due = now + rand() % 100 - 50;

            add(f, "step", subject, prio, due);
            model_add(&m, key, prio, due);
            break;
        }
        case 4:
        case 5:
        case 6:
            random_claim(f, &m, now);
            break;
        case 7:
            random_finish(f, &m, now);
            break;
        case 8:
            random_retry(f, &m, now + rand() % 100);
            break;
        case 9:
            random_bury(f, &m, now);
            break;
        case 10:
            random_revive(f, &m, now);
            break;
        default:
            random_drop(f, &m, subject, key);
            break;
        }
        if (undo)
            m = saved; /* the savepoint rolls back at the end of the block */
        else
            must(store_release(&sp, &f->e), &f->e);
        store_savepoint_end(&sp);
        counts_equal_the_model(f, &m, where);
    }
    must(store_tx_commit(f->s, &f->e), &f->e);
    counters_equal_a_count_of_rows(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(claims_the_job_that_is_due_longest_and_each_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(adding_again_moves_the_due_time_forward_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(adding_while_it_runs_makes_it_run_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_retry_waits_counts_and_yields_to_news, setup, teardown),
        cmocka_unit_test_setup_teardown(buried_jobs_stay_visible_until_retried_or_dropped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(burying_does_not_swallow_what_came_meanwhile, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_clock_set_back_makes_nothing_wait_longer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(dropping_takes_ready_jobs_only, setup, teardown),
        cmocka_unit_test_setup_teardown(orphans_of_an_older_boot_are_adopted, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_never_used_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rolled_back_savepoint_takes_its_counts_along, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(long_running_jobs_are_listed_within_the_limit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(names_over_the_limit_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(random_operations_agree_with_a_simple_model, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
