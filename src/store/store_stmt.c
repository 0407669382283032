#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/store_priv.h"

/* A message says what, where and what to do; SQLite's own text names tables and columns, never values. */
int store_fail(struct store *s, int rc, const char *what, struct err *e)
{
    const char *why = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);

    if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CORRUPT ||
        (rc & 0xff) == SQLITE_NOTADB)
        s->fatal = true;
    CHECK((rc & 0xff) != SQLITE_NOMEM && "SQLite has no memory left");
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_RETRY, "%.60s: the store is busy", what);
    case SQLITE_INTERRUPT:
        return err_set(e, ERR_RETRY, "%.60s: took longer than %u ms and was stopped", what,
                       s->limit_ms);
    case SQLITE_CONSTRAINT:
        return err_set(e, ERR_CONFLICT, "%.60s: %.120s", what, why);
    case SQLITE_TOOBIG:
        return err_set(e, ERR_INPUT, "%.60s: a value is too large for the store", what);
    case SQLITE_FULL:
        return err_set(e, ERR_INTERNAL, "%.60s: the disk is full; free space below %.120s", what,
                       s->path);
    case SQLITE_IOERR:
        return err_set(e, ERR_INTERNAL,
                       "%.60s: %.60s (%d); look at the disk of %.80s and at the kernel log", what,
                       why, rc, s->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(e, ERR_INTERNAL, "%.60s: %.60s; keep %.80s aside and restore a backup", what,
                       why, s->path);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return err_set(e, ERR_INTERNAL, "%.60s: %.60s; check owner and mode of %.80s", what, why,
                       s->path);
    default:
        return err_set(e, ERR_INTERNAL, "%.60s: %.120s (%d)", what, why, rc);
    }
}

/* "$3" to 3; statements have no other kind of parameter. */
static int param_number(const char *name)
{
    char *end = NULL;
    long v;

    if (!name || name[0] != '$')
        return 0;
    v = strtol(name + 1, &end, 10);
    return end && *end == '\0' && v >= 1 && v <= STORE_PARAM_MAX ? (int)v : 0;
}

static int prepare_one(struct store *s, const struct store_sql *sql, struct store_stmt *q,
                       struct err *e)
{
    const char *tail = NULL;
    int rc = sqlite3_prepare_v3(s->db, sql->text, -1, SQLITE_PREPARE_PERSISTENT, &q->q, &tail);
    int n;

    q->sql = sql;
    q->store = s;
    if (rc != SQLITE_OK)
        return store_fail(s, rc, sql->name, e);
    if (!q->q || (tail && *tail))
        return err_set(e, ERR_INTERNAL, "statement %s: not exactly one statement", sql->name);
    q->writes = !sqlite3_stmt_readonly(q->q);
    n = sqlite3_bind_parameter_count(q->q);
    for (int i = 1; i <= n; i++) {
        int number = param_number(sqlite3_bind_parameter_name(q->q, i));

        if (number == 0)
            return err_set(e, ERR_INTERNAL, "statement %s: parameters are $1 to $%d", sql->name,
                           STORE_PARAM_MAX);
        q->slot[number] = (unsigned char)i;
    }
    return 0;
}

int store_prepare(struct store *s, const struct store_sql *table, size_t n, struct store_set **out,
                  struct err *e)
{
    struct store_set *set = mem_alloc(sizeof *set);

    /* Owned by the store from here on, also when a statement is wrong. */
    set->store = s;
    set->stmts = mem_array(n ? n : 1, sizeof *set->stmts);
    set->n = n;
    set->next = s->sets;
    s->sets = set;
    for (size_t i = 0; i < n; i++)
        if (prepare_one(s, &table[i], &set->stmts[i], e) < 0)
            return e->code;
    *out = set;
    return 0;
}

const char *store_set_name(const struct store_set *set, size_t index)
{
    CHECK(index < set->n);
    return set->stmts[index].sql->name;
}

struct store_stmt *store_begin(struct store_set *set, size_t index)
{
    struct store_stmt *q;

    CHECK(index < set->n);
    q = &set->stmts[index];
    store_reset(q);
    sqlite3_clear_bindings(q->q);
    return q;
}

/* Binding what the text does not have, or in the middle of a result, is our own mistake. */
static int slot(const struct store_stmt *q, int param)
{
    CHECK(param >= 1 && param <= STORE_PARAM_MAX && q->slot[param] != 0);
    return q->slot[param];
}

void store_bind_int(struct store_stmt *q, int param, int64_t v)
{
    CHECK(sqlite3_bind_int64(q->q, slot(q, param), v) == SQLITE_OK);
}

void store_bind_null(struct store_stmt *q, int param)
{
    CHECK(sqlite3_bind_null(q->q, slot(q, param)) == SQLITE_OK);
}

void store_bind_textn(struct store_stmt *q, int param, const char *s, size_t len)
{
    if (!s) {
        store_bind_null(q, param);
        return;
    }
    CHECK(sqlite3_bind_text64(q->q, slot(q, param), s, len, SQLITE_TRANSIENT, SQLITE_UTF8) ==
          SQLITE_OK);
}

void store_bind_text(struct store_stmt *q, int param, const char *s)
{
    store_bind_textn(q, param, s, s ? strlen(s) : 0);
}

void store_bind_blob(struct store_stmt *q, int param, const void *p, size_t len)
{
    /* SQLite takes a NULL pointer for NULL; no bytes are still a blob. */
    CHECK(sqlite3_bind_blob64(q->q, slot(q, param), p ? p : "", len, SQLITE_TRANSIENT) ==
          SQLITE_OK);
}

bool store_tx_lost(const struct store *s)
{
    return s->in_tx && sqlite3_get_autocommit(s->db);
}

int store_step(struct store_stmt *q, struct err *e)
{
    struct store *s = q->store;
    int rc, code;

    /* What would be written now would be committed by itself, outside the pass that was lost. */
    if (q->writes && store_tx_lost(s))
        return err_set(e, ERR_INTERNAL, "%s: the transaction was rolled back before", q->sql->name);
    if (!q->active && !s->in_tx)
        store_start_clock(s);
    q->active = true;
    rc = sqlite3_step(q->q);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE) {
        store_reset(q);
        return 0;
    }
    code = store_fail(s, rc, q->sql->name, e);
    store_reset(q);
    return code;
}

int64_t store_int(struct store_stmt *q, int col)
{
    return sqlite3_column_int64(q->q, col);
}

bool store_is_null(struct store_stmt *q, int col)
{
    return sqlite3_column_type(q->q, col) == SQLITE_NULL;
}

const char *store_text(struct store_stmt *q, int col)
{
    return (const char *)sqlite3_column_text(q->q, col);
}

const void *store_blob(struct store_stmt *q, int col, size_t *len)
{
    const void *p = sqlite3_column_blob(q->q, col);

    *len = (size_t)sqlite3_column_bytes(q->q, col);
    return p;
}

char *store_text_dup(struct store_stmt *q, int col, struct arena *a)
{
    return arena_strdup(a, store_text(q, col));
}

void store_reset(struct store_stmt *q)
{
    /* Returns the error of the last step again, which was reported then. */
    (void)sqlite3_reset(q->q);
    q->active = false;
}

int store_exec(struct store_stmt *q, struct err *e)
{
    int rc;

    while ((rc = store_step(q, e)) > 0)
        ;
    if (rc < 0)
        return rc;
    return q->writes ? sqlite3_changes(q->store->db) : 0;
}

void store_reset_all(struct store *s)
{
    for (struct store_set *set = s->sets; set; set = set->next)
        for (size_t i = 0; i < set->n; i++)
            if (set->stmts[i].active)
                store_reset(&set->stmts[i]);
}

int store_explain(struct store_set *set, size_t index, struct buf *out, struct err *e)
{
    struct store *s = set->store;
    sqlite3_stmt *q = NULL;
    char *sql;
    int rc;

    CHECK(index < set->n);
    sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", set->stmts[index].sql->text);
    CHECK(sql);
    rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    sqlite3_free(sql);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(q);
        if (rc != SQLITE_ROW)
            break;
        if (out->len)
            buf_puts(out, "; ");
        buf_puts(out, (const char *)sqlite3_column_text(q, 3));
    }
    sqlite3_finalize(q);
    return rc == SQLITE_DONE ? 0 : store_fail(s, rc, set->stmts[index].sql->name, e);
}
