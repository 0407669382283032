#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>

#include "audit/audit_verify_priv.h"

/* A number or a text that was stored as another type is a change, even where SQLite would convert it back. */
static bool take_int(struct verify_chain *c, sqlite3_stmt *q, int col, const char *name,
                     int64_t *out)
{
    if (sqlite3_column_type(q, col) != SQLITE_INTEGER) {
        verify_bad(c, c->next_seq, "row %" PRId64 ": %s is not a number", c->next_seq, name);
        return false;
    }
    *out = sqlite3_column_int64(q, col);
    return true;
}

static bool take_text(struct verify_chain *c, sqlite3_stmt *q, int col, const char *name,
                      bool may_be_null, struct verify_text *out)
{
    int type = sqlite3_column_type(q, col);

    out->p = NULL;
    out->len = 0;
    if (type == SQLITE_NULL && may_be_null)
        return true;
    if (type == SQLITE_TEXT) {
        out->p = (const char *)sqlite3_column_text(q, col);
        out->len = (size_t)sqlite3_column_bytes(q, col);
    }
    if (!out->p)
        verify_bad(c, c->next_seq, "row %" PRId64 ": %s is not a text", c->next_seq, name);
    return out->p != NULL;
}

static bool take_row(struct verify_chain *c, sqlite3_stmt *q)
{
    struct verify_row r = {0};

    return take_int(c, q, 0, "seq", &r.seq) && take_int(c, q, 1, "at_ms", &r.at_ms) &&
           take_text(c, q, 2, "actor", false, &r.actor) &&
           take_text(c, q, 3, "verb", false, &r.verb) &&
           take_text(c, q, 4, "subject", false, &r.subject) &&
           take_text(c, q, 5, "incident", true, &r.incident) &&
           take_text(c, q, 6, "detail", false, &r.detail) &&
           take_text(c, q, 7, "prev", false, &r.prev) &&
           take_text(c, q, 8, "hash", false, &r.hash) && verify_row(c, &r);
}

static int read_rows(sqlite3 *db, struct verify_chain *c)
{
    static const char sql[] =
        "SELECT seq, at_ms, actor, verb, subject, incident, detail, prev, hash"
        " FROM audit ORDER BY seq";
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);

    /* One statement is one snapshot: rows that a live daemon adds meanwhile are left for the next time. */
    if (rc == SQLITE_OK)
        while ((rc = sqlite3_step(q)) == SQLITE_ROW && take_row(c, q))
            ;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        (void)snprintf(c->out->reason, sizeof c->out->reason, "after row %" PRId64 ": %s",
                       c->out->head_seq, sqlite3_errmsg(db));
    sqlite3_finalize(q);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

int audit_verify_store(const char *path, int64_t from_seq, const char *from_hash,
                       struct audit_verify_result *out)
{
    struct verify_chain c;
    sqlite3 *db = NULL;
    int rc;

    if (verify_begin(&c, from_seq, from_hash, false, out) < 0)
        return -1;
    rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        (void)snprintf(out->reason, sizeof out->reason, "cannot open it: %s", sqlite3_errstr(rc));
        (void)sqlite3_close(db);
        return -1;
    }
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_busy_timeout(db, 5000);
    rc = read_rows(db, &c);
    (void)sqlite3_close(db);
    if (rc == 0)
        verify_end(&c);
    return rc;
}
