#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "store/store_priv.h"

static int run(struct store *s, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : store_fail(s, rc, sql, e);
}

bool store_tx_open(const struct store *s)
{
    return s->in_tx && !sqlite3_get_autocommit(s->db);
}

int store_tx_begin(struct store *s, struct err *e)
{
    CHECK(!s->in_tx && s->depth == 0);
    /* A deferred transaction that writes later fails with SQLITE_BUSY and ignores the busy timeout. */
    if (run(s, s->read_only ? "BEGIN" : "BEGIN IMMEDIATE", e) < 0)
        return e->code;
    s->in_tx = true;
    store_start_clock(s);
    return 0;
}

int store_tx_commit(struct store *s, struct err *e)
{
    int rc;

    CHECK(s->in_tx && s->depth == 0);
    store_reset_all(s);
    if (store_tx_lost(s)) {
        s->in_tx = false;
        return err_set(e, ERR_INTERNAL, "COMMIT: the transaction was rolled back before");
    }
    FAULT_POINT("store.before_commit");
    rc = run(s, "COMMIT", e);
    if (rc < 0) {
        /* Open still (a lock, say) or gone (a full disk): in both cases nothing of it may be let out. */
        store_tx_rollback(s);
        return rc;
    }
    s->in_tx = false;
    FAULT_POINT("store.after_commit");
    return 0;
}

void store_tx_rollback(struct store *s)
{
    store_reset_all(s);
    /* An error here means that SQLite rolled back on its own before us. */
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_tx = false;
    s->depth = 0;
}

/* Savepoints come with every step of the workflow, so their statements are prepared once for each depth. */
static int savepoint_run(struct store *s, int kind, int depth, struct err *e)
{
    static const char *const text[SP_KINDS] = {"SAVEPOINT s%d", "RELEASE s%d", "ROLLBACK TO s%d"};
    sqlite3_stmt **q = &s->savepoints[kind][depth];
    int rc = SQLITE_OK;

    if (!*q) {
        char *sql = sqlite3_mprintf(text[kind], depth);

        CHECK(sql);
        rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, q, NULL);
        sqlite3_free(sql);
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_step(*q);
    if (rc != SQLITE_DONE)
        store_fail(s, rc, "savepoint", e);
    (void)sqlite3_reset(*q);
    return rc == SQLITE_DONE ? 0 : e->code;
}

int store_savepoint(struct store_savepoint *sp, struct store *s, struct err *e)
{
    CHECK(sp->store == NULL && s->in_tx && s->depth < STORE_DEPTH_MAX);
    /* Outside a transaction SAVEPOINT would begin one of its own, which nobody would commit. */
    if (store_tx_lost(s))
        return err_set(e, ERR_INTERNAL, "savepoint: the transaction was rolled back before");
    if (savepoint_run(s, SP_OPEN, s->depth + 1, e) < 0)
        return e->code;
    sp->store = s;
    sp->depth = ++s->depth;
    return 0;
}

int store_release(struct store_savepoint *sp, struct err *e)
{
    struct store *s = sp->store;

    CHECK(s && sp->depth == s->depth);
    if (store_tx_lost(s)) {
        store_savepoint_end(sp);
        return err_set(e, ERR_INTERNAL, "savepoint: the transaction was rolled back before");
    }
    if (savepoint_run(s, SP_RELEASE, sp->depth, e) < 0)
        return e->code; /* store_savepoint_end rolls it back */
    s->depth--;
    sp->store = NULL;
    return 0;
}

void store_savepoint_end(struct store_savepoint *sp)
{
    struct store *s = sp->store;
    struct err e;

    sp->store = NULL;
    /* A transaction that was rolled back as a whole took its savepoints with it. */
    if (!s || !s->in_tx || s->depth < sp->depth)
        return;
    s->depth = sp->depth - 1;
    if (store_tx_lost(s))
        return;
    if (savepoint_run(s, SP_BACK, sp->depth, &e) < 0 ||
        savepoint_run(s, SP_RELEASE, sp->depth, &e) < 0) {
        /* Half a step must never be committed: without the savepoint the whole pass goes. */
        store_reset_all(s);
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

int store_wal_frames(const struct store *s)
{
    return s->wal_seen - s->wal_done;
}

int64_t store_wal_bytes(const struct store *s)
{
    char name[4096];
    struct stat st;
    int len = snprintf(name, sizeof name, "%s-wal", s->path);

    if (len < 0 || (size_t)len >= sizeof name || stat(name, &st) < 0)
        return 0;
    return (int64_t)st.st_size;
}

int store_checkpoint(struct store *s, bool truncate, struct err *e)
{
    int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int in_wal = 0, copied = 0, rc;

    CHECK(!s->read_only && !s->in_tx);
    /* TRUNCATE would wait for readers, and the engine waits for nobody. */
    sqlite3_busy_timeout(s->db, 0);
    rc = sqlite3_wal_checkpoint_v2(s->db, NULL, mode, &in_wal, &copied);
    sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
    if (rc != SQLITE_OK)
        return store_fail(s, rc, "checkpoint", e);
    if (in_wal < 0 || copied < in_wal)
        return err_set(e, ERR_RETRY, "checkpoint: a reader still needs %d of %d frames",
                       in_wal - copied, in_wal);
    s->wal_seen = in_wal;
    s->wal_done = copied;
    return 0;
}
