#include <stdlib.h>

#include "store/store_priv.h"

/* One number out of one row; SQLITE_ROW, SQLITE_DONE or an error. */
static int one_int(struct store *s, const char *sql, int *out)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    return rc;
}

int store_version(struct store *s, int *version, struct err *e)
{
    int objects = 0;
    int rc =
        one_int(s, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema_version'", version);

    if (rc == SQLITE_ROW)
        return 0;
    /* Only SQLITE_ERROR can mean "no such table"; the rest (busy, not a database) keeps its own message. */
    if (rc != SQLITE_DONE && (rc & 0xff) != SQLITE_ERROR)
        return store_fail(s, rc, "schema version", e);
    rc = one_int(s, "SELECT count(*) FROM sqlite_schema", &objects);
    if (rc != SQLITE_ROW)
        return store_fail(s, rc, "schema version", e);
    if (objects > 0)
        return err_set(e, ERR_CONFLICT,
                       "%.120s is a database of another program; give a path of its own", s->path);
    *version = 0;
    return 0;
}

static int migrate_one(struct store *s, const struct store_migration *m, struct err *e)
{
    char *mark;
    int rc;

    if (store_tx_begin(s, e) < 0)
        return e->code;
    mark = sqlite3_mprintf("INSERT INTO meta (key, value) VALUES ('schema_version', '%d')"
                           " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                           m->version);
    CHECK(mark);
    rc = sqlite3_exec(s->db, m->sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->db, mark, NULL, NULL, NULL);
    sqlite3_free(mark);
    if (rc != SQLITE_OK) {
        store_fail(s, rc, "migration", e);
        store_tx_rollback(s);
        return err_wrap(e, "schema/%04d.sql", m->version);
    }
    return store_tx_commit(s, e);
}

int store_migrate(struct store *s, const struct store_migration *m, int n, struct err *e)
{
    int have = 0;

    if (store_version(s, &have, e) < 0)
        return e->code;
    for (int i = 0; i < n; i++)
        if (m[i].version > have && migrate_one(s, &m[i], e) < 0)
            return e->code;
    return 0;
}
