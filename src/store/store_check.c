#include <string.h>

#include "store/store_priv.h"

/* Table number `index` in the order of names; number 0 is the schema itself. The caller frees with sqlite3_free. */
static int table_name(struct store *s, int index, char **out, struct err *e)
{
    sqlite3_stmt *q = NULL;
    int rc;

    *out = NULL;
    if (index == 0) {
        *out = sqlite3_mprintf("sqlite_schema");
        return 0;
    }
    rc = sqlite3_prepare_v2(s->db,
                            "SELECT name FROM sqlite_schema WHERE type = 'table'"
                            " ORDER BY name LIMIT 1 OFFSET ?1",
                            -1, &q, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(q, 1, index - 1);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        *out = sqlite3_mprintf("%s", sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : store_fail(s, rc, "quick_check", e);
}

static int check_table(struct store *s, const char *name, struct err *e)
{
    /* A pragma takes no parameters; the name comes from the schema, quoted by %Q. */
    char *sql = sqlite3_mprintf("PRAGMA quick_check(%Q)", name);
    sqlite3_stmt *q = NULL;
    const char *said;
    int rc, code = 0;

    CHECK(sql);
    store_start_clock(s);
    rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    sqlite3_free(sql);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc != SQLITE_ROW) {
        code = store_fail(s, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "quick_check", e);
    } else {
        said = (const char *)sqlite3_column_text(q, 0);
        if (!said || strcmp(said, "ok") != 0)
            code = err_set(e, ERR_INTERNAL,
                           "table %.40s is damaged: %.100s; keep the file and restore a backup",
                           name, said ? said : "no answer");
    }
    sqlite3_finalize(q);
    return code;
}

int store_quick_check_step(struct store *s, int *table, bool *done, struct err *e)
{
    char *name = NULL;
    int rc = table_name(s, *table, &name, e);

    if (rc < 0)
        return rc;
    if (!name) {
        *done = true;
        return 0;
    }
    rc = check_table(s, name, e);
    sqlite3_free(name);
    if (rc < 0)
        return rc;
    ++*table;
    *done = false;
    return 0;
}
