#include "store/store.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "store/store_priv.h"

int store_schema_version(void)
{
    return store_migrations[store_migrations_len - 1].version;
}

bool store_fatal(const struct store *s)
{
    return s->fatal;
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
    struct store *s = arg;

    (void)db;
    (void)name;
    /* Fewer frames than were checkpointed: SQLite began the WAL anew. */
    if (frames <= s->wal_done)
        s->wal_done = 0;
    s->wal_seen = frames;
    return SQLITE_OK;
}

static int on_progress(void *arg)
{
    const struct store *s = arg;

    return s->deadline_mono_ms != 0 && clock_mono_ms() > s->deadline_mono_ms;
}

void store_start_clock(struct store *s)
{
    s->deadline_mono_ms = s->limit_ms ? clock_mono_ms() + (int64_t)s->limit_ms : 0;
}

void store_limit_ms(struct store *s, unsigned ms)
{
    s->limit_ms = ms;
    store_start_clock(s);
    /* 2000 virtual machine steps are some 50 us: fine enough, and too seldom to be felt. */
    sqlite3_progress_handler(s->db, ms ? 2000 : 0, ms ? on_progress : NULL, s);
}

static int pragma(struct store *s, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : store_fail(s, rc, sql, e);
}

static int harden(struct store *s, struct err *e)
{
    static const struct {
        int option, on;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
        /* "name" in double quotes is a column or an error, never silently a string. */
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        int rc = sqlite3_db_config(s->db, options[i].option, options[i].on, NULL);

        if (rc != SQLITE_OK)
            return store_fail(s, rc, "sqlite3_db_config", e);
    }
    return 0;
}

/* PRAGMA journal_mode answers with the mode that holds, and says no in that way only. */
static int set_wal(struct store *s, struct err *e)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &q, NULL);
    const char *mode = NULL;
    bool is_wal;

    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        mode = (const char *)sqlite3_column_text(q, 0);
    is_wal = mode && strcmp(mode, "wal") == 0;
    sqlite3_finalize(q);
    if (rc != SQLITE_ROW)
        return store_fail(s, rc, "journal_mode", e);
    if (!is_wal)
        return err_set(e, ERR_INTERNAL, "%.120s: this file system cannot do SQLite's WAL", s->path);
    return 0;
}

static int settings(struct store *s, unsigned cache_kib, struct err *e)
{
    static const char *const common[] = {
        "PRAGMA cell_size_check = ON",
        "PRAGMA mmap_size = 0", /* a torn mapped page would be a SIGBUS */
        "PRAGMA temp_store = MEMORY",
    };
    static const char *const writer[] = {
        "PRAGMA synchronous = FULL", /* NORMAL may lose an answered webhook at power loss */
        "PRAGMA wal_autocheckpoint = 0",
        "PRAGMA secure_delete = FAST",
    };
    char *cache;
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        if (pragma(s, common[i], e) < 0)
            return e->code;
    cache = sqlite3_mprintf("PRAGMA cache_size = -%u", cache_kib ? cache_kib : 4096U);
    CHECK(cache);
    rc = pragma(s, cache, e);
    sqlite3_free(cache);
    if (rc < 0 || s->read_only)
        return rc;
    /* Counts only before the first table, and before WAL writes the first page. */
    if (pragma(s, "PRAGMA auto_vacuum = INCREMENTAL", e) < 0 || set_wal(s, e) < 0)
        return e->code;
    for (size_t i = 0; i < ARRAY_LEN(writer); i++)
        if (pragma(s, writer[i], e) < 0)
            return e->code;
    sqlite3_wal_hook(s->db, on_wal, s);
    return 0;
}

static int check_version(struct store *s, struct err *e)
{
    int have = 0, want = store_schema_version();

    if (store_version(s, &have, e) < 0)
        return e->code;
    if (have > want)
        return err_set(e, ERR_CONFLICT,
                       "%.80s has schema version %d, this program knows %d; start the newer "
                       "program, or restore the copy made before it",
                       s->path, have, want);
    if (have == want)
        return 0;
    if (s->read_only)
        return err_set(e, ERR_CONFLICT,
                       "%.80s has schema version %d, this program needs %d; start the daemon of "
                       "this version once, it brings the store up to date",
                       s->path, have, want);
    return store_migrate(s, store_migrations, store_migrations_len, e);
}

static int open_file(struct store *s, struct err *e)
{
    int flags = (s->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    struct stat st;
    int rc;

    if (store_check_fs(s->path, e) < 0)
        return e->code;
    if (s->read_only) {
        if (stat(s->path, &st) < 0)
            return err_set(e, ERR_NOT_FOUND, "there is no store at %.120s", s->path);
    } else if (store_lock(s->path, &s->lock_fd, e) < 0 || store_make_file(s->path, e) < 0) {
        return e->code;
    }
    rc = sqlite3_open_v2(s->path, &s->db, flags, NULL);
    if (rc != SQLITE_OK)
        return store_fail(s, rc, "open", e);
    sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
    return 0;
}

int store_open(const struct store_opts *o, struct store **out, struct err *e)
{
    AUTO(store_closep) struct store *s = mem_alloc(sizeof *s);
    const struct store_sql *own;
    size_t n;

    own = store_statements(&n);
    s->path = mem_strdup(o->path);
    s->lock_fd = -1;
    s->read_only = o->read_only;
    if (open_file(s, e) < 0 || harden(s, e) < 0 || settings(s, o->cache_kib, e) < 0 ||
        check_version(s, e) < 0 || store_prepare(s, own, n, &s->own, e) < 0)
        return e->code;
    *out = TAKE(s);
    return 0;
}

static void free_set(struct store_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        sqlite3_finalize(set->stmts[i].q);
    mem_freep(&set->stmts);
    mem_freep(&set);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    while (s->sets) {
        struct store_set *next = s->sets->next;

        free_set(s->sets);
        s->sets = next;
    }
    for (int k = 0; k < SP_KINDS; k++)
        for (int d = 0; d <= STORE_DEPTH_MAX; d++)
            sqlite3_finalize(s->savepoints[k][d]);
    /* Nothing is left open, so this cannot be refused; an open transaction is rolled back. */
    CHECK(sqlite3_close(s->db) == SQLITE_OK);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    mem_freep(&s->path);
    mem_freep(&s);
}

void store_closep(struct store **s)
{
    store_close(*s);
    *s = NULL;
}
