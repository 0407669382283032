#ifndef TRIAGED_QUEUE_QUEUE_SQL_H
#define TRIAGED_QUEUE_QUEUE_SQL_H

#include "store/store.h"

/* Every statement of the tables job and job_counter. */
enum {
    QUEUE_LAST_ID,
    QUEUE_ADD,
    QUEUE_CLAIM,
    QUEUE_FINISH,
    QUEUE_FINISH_AGAIN,
    QUEUE_RETRY,
    QUEUE_RUNNING,
    QUEUE_UNBURY_OLD,
    QUEUE_BURY,
    QUEUE_DROP,
    QUEUE_ADOPT,
    QUEUE_NEXT_DUE,
    QUEUE_COUNTS,
    QUEUE_BURIED_LIST,
    QUEUE_LONG_LIST,
    QUEUE_ANY,
    QUEUE_RETRY_BURIED,
    QUEUE_DROP_BURIED,
    QUEUE_BACK_READY,
    QUEUE_BACK_AGAIN,
    QUEUE_SQL_LEN
};

/* clang-format off */
static const struct store_sql queue_sql_table[QUEUE_SQL_LEN] = {
    [QUEUE_LAST_ID] = {"queue.last_id", "SELECT n FROM job_counter WHERE state = 'last_id'"},
    /* One live job per (step, subject). The last WHERE spares the write when the newcomer changes nothing. */
    [QUEUE_ADD] = {"queue.add",
        "INSERT INTO job (id, step, subject, state, prio, due_ms, created_ms, since_ms)"
        " VALUES ($1, $2, $3, 'ready', $4, $5, $6, $6)"
        " ON CONFLICT (step, subject) WHERE state IN ('ready', 'running') DO UPDATE SET"
        " prio = CASE WHEN excluded.prio < job.prio THEN excluded.prio ELSE job.prio END,"
        " due_ms = CASE WHEN job.state = 'ready' AND excluded.due_ms < job.due_ms"
        "   THEN excluded.due_ms ELSE job.due_ms END,"
        " again = CASE WHEN job.state = 'running' THEN 1 ELSE 0 END,"
        " again_ms = CASE WHEN job.state <> 'running' THEN NULL"
        "   WHEN job.again = 1 AND job.again_ms < excluded.due_ms THEN job.again_ms"
        "   ELSE excluded.due_ms END"
        " WHERE excluded.prio < job.prio"
        "   OR (job.state = 'ready' AND excluded.due_ms < job.due_ms)"
        "   OR (job.state = 'running' AND (job.again = 0 OR excluded.due_ms < job.again_ms))"
        " RETURNING id"},
    [QUEUE_CLAIM] = {"queue.claim",
        "UPDATE job SET state = 'running', attempt = attempt + 1, fence = fence + 1, epoch = $1, since_ms = $3"
        " WHERE id = (SELECT id FROM job WHERE state = 'ready' AND prio = $2 AND due_ms <= $3"
        "   ORDER BY due_ms, id LIMIT 1)"
        " RETURNING id, step, subject, prio, due_ms, created_ms, attempt, orphan"},
    [QUEUE_FINISH] = {"queue.finish", "DELETE FROM job WHERE id = $1 AND state = 'running' AND again = 0"},
    [QUEUE_FINISH_AGAIN] = {"queue.finish_again",
        "UPDATE job SET state = 'ready', due_ms = again_ms, again = 0, again_ms = NULL, attempt = 0, orphan = 0,"
        " error = NULL, created_ms = $2, since_ms = $2 WHERE id = $1 AND state = 'running' AND again = 1"},
    /* What came meanwhile may be due before the retry. An orphan stays one until it ends: it must find out first. */
    [QUEUE_RETRY] = {"queue.retry",
        "UPDATE job SET state = 'ready',"
        " due_ms = CASE WHEN again = 1 AND again_ms < $2 THEN again_ms ELSE $2 END,"
        " again = 0, again_ms = NULL, error = $3 WHERE id = $1 AND state = 'running'"},
    [QUEUE_RUNNING] = {"queue.running",
        "SELECT step, subject, prio, again, again_ms FROM job WHERE id = $1 AND state = 'running'"},
    [QUEUE_UNBURY_OLD] = {"queue.unbury_old",
        "DELETE FROM job WHERE step = $1 AND subject = $2 AND state = 'buried'"},
    [QUEUE_BURY] = {"queue.bury",
        "UPDATE job SET state = 'buried', again = 0, again_ms = NULL, error = $2, since_ms = $3"
        " WHERE id = $1 AND state = 'running'"},
    /* The index predicate stands in the query word for word, or SQLite does not see that the index applies. */
    [QUEUE_DROP] = {"queue.drop",
        "DELETE FROM job WHERE step = $1 AND subject = $2 AND state IN ('ready', 'running') AND state = 'ready'"},
    [QUEUE_ADOPT] = {"queue.adopt",
        "UPDATE job SET state = 'ready', orphan = 1, again = 0, again_ms = NULL, due_ms = $2, since_ms = $2"
        " WHERE state = 'running' AND epoch <> $1"},
    [QUEUE_NEXT_DUE] = {"queue.next_due",
        "SELECT due_ms FROM job WHERE state = 'ready' AND prio = $1 ORDER BY due_ms, id LIMIT 1"},
    [QUEUE_COUNTS] = {"queue.counts",
        "SELECT (SELECT n FROM job_counter WHERE state = 'ready'),"
        " (SELECT n FROM job_counter WHERE state = 'running'),"
        " (SELECT n FROM job_counter WHERE state = 'buried')"},
    [QUEUE_BURIED_LIST] = {"queue.buried_list",
        "SELECT id, step, subject, state, attempt, error, since_ms FROM job WHERE state = 'buried'"
        " ORDER BY id DESC LIMIT $1"},
    [QUEUE_LONG_LIST] = {"queue.long_list",
        "SELECT id, step, subject, state, attempt, error, since_ms FROM job"
        " WHERE state = 'running' AND since_ms <= $2 ORDER BY since_ms, id LIMIT $1"},
    [QUEUE_ANY] = {"queue.any", "SELECT state, step, subject, prio FROM job WHERE id = $1"},
    [QUEUE_RETRY_BURIED] = {"queue.retry_buried",
        "UPDATE job SET state = 'ready', due_ms = $2, attempt = 0, since_ms = $2 WHERE id = $1 AND state = 'buried'"},
    [QUEUE_DROP_BURIED] = {"queue.drop_buried", "DELETE FROM job WHERE id = $1 AND state = 'buried'"},
    [QUEUE_BACK_READY] = {"queue.back_ready",
        "UPDATE job SET due_ms = due_ms - $1 WHERE state = 'ready' AND prio >= 0"},
    [QUEUE_BACK_AGAIN] = {"queue.back_again",
        "UPDATE job SET again_ms = again_ms - $1 WHERE state = 'running' AND since_ms >= 0 AND again = 1"},
};
/* clang-format on */

#endif
