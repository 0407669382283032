#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "scratch.h"
#include "store/store_priv.h"

struct fixture {
    char folder[64];
    char path[96];
    struct store *s;
    struct store_set *set;
    struct arena *a;
    struct err e;
};

enum {
    T_ADD,
    T_COUNT,
    T_GET,
    T_ALL,
    T_SLOW,
    T_SQL_LEN
};
static const struct store_sql test_sql[T_SQL_LEN] = {
    [T_ADD] = {"test.add", "INSERT INTO pd_feature (name, reason, since_ms, retry_ms)"
                           " VALUES ($2, $1, 7, 8)"},
    [T_COUNT] = {"test.count", "SELECT count(*) FROM pd_feature"},
    [T_GET] = {"test.get", "SELECT reason, since_ms, NULL FROM pd_feature WHERE name = $1"},
    [T_ALL] = {"test.all", "SELECT name FROM pd_feature ORDER BY name"},
    [T_SLOW] = {"test.slow", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                             " WHERE i < 1000000000) SELECT max(i) FROM n"},
};

static struct store *open_at(struct fixture *f, bool read_only)
{
    struct store_opts o = {.path = f->path, .read_only = read_only};
    struct store *s = NULL;

    must(store_open(&o, &s, &f->e), &f->e);
    return s;
}

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);

    scratch_make(f->folder, f->path);
    f->a = arena_new(1 << 20);
    f->s = open_at(f, false);
    must(store_prepare(f->s, test_sql, T_SQL_LEN, &f->set, &f->e), &f->e);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_close(f->s);
    scratch_remove(f->folder, f->path);
    arena_free(f->a);
    free(f);
    return 0;
}

static int add(struct fixture *f, const char *name)
{
    struct store_stmt *q = store_begin(f->set, T_ADD);

    store_bind_text(q, 2, name);
    store_bind_text(q, 1, "because");
    return store_exec(q, &f->e);
}

static int64_t count(struct fixture *f)
{
    struct store_stmt *q = store_begin(f->set, T_COUNT);
    int64_t n;

    assert_int_equal(store_step(q, &f->e), 1);
    n = store_int(q, 0);
    store_reset(q);
    return n;
}

static int64_t pragma_int(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    int64_t v;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

static void settings_are_those_of_the_promise(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sql;
        int64_t expected;
    } rows[] = {
        {"PRAGMA synchronous", 2},    {"PRAGMA wal_autocheckpoint", 0},
        {"PRAGMA foreign_keys", 1},   {"PRAGMA trusted_schema", 0},
        {"PRAGMA secure_delete", 2},  {"PRAGMA temp_store", 2},
        {"PRAGMA auto_vacuum", 2},    {"PRAGMA cell_size_check", 1},
        {"PRAGMA cache_size", -4096},
    };
    static const char *const tails[] = {"", "-wal", "-shm", ".lock"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (pragma_int(f->s->db, rows[i].sql) != rows[i].expected)
            fail_msg("%s is %lld", rows[i].sql, (long long)pragma_int(f->s->db, rows[i].sql));
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        char name[128];
        struct stat st;

        (void)snprintf(name, sizeof name, "%s%s", f->path, tails[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    /* Defensive mode: the schema table cannot be written even by a mistake in our own SQL. */
    assert_int_equal(sqlite3_exec(f->s->db,
                                  "PRAGMA writable_schema = ON;"
                                  "DELETE FROM sqlite_schema",
                                  NULL, NULL, NULL),
                     SQLITE_ERROR);
}

static void migrates_once_and_keeps_the_rows(void **state)
{
    struct fixture *f = *state;
    const char *v = NULL;
    char want[16];

    assert_int_equal(add(f, "kept"), 1);
    store_close(f->s);
    f->s = open_at(f, false);
    must(store_prepare(f->s, test_sql, T_SQL_LEN, &f->set, &f->e), &f->e);
    assert_int_equal(count(f), 1);
    must(store_meta_get(f->s, "schema_version", f->a, &v, &f->e), &f->e);
    (void)snprintf(want, sizeof want, "%d", store_schema_version());
    assert_string_equal(v, want);
}

static void runs_only_what_is_missing_and_each_in_one_transaction(void **state)
{
    struct fixture *f = *state;
    int have = store_schema_version();
    struct store_migration more[] = {
        {have, "THIS WOULD FAIL"},
        {have + 1, "CREATE TABLE one (a INTEGER) STRICT"},
        {have + 2, "CREATE TABLE two (a INTEGER) STRICT; CREATE TABLE meta (a INTEGER)"},
    };
    int now = 0;

    assert_int_equal(store_migrate(f->s, more, 3, &f->e), ERR_INTERNAL);
    assert_non_null(strstr(f->e.msg, "already exists"));
    assert_non_null(strstr(f->e.msg, ".sql"));
    must(store_version(f->s, &now, &f->e), &f->e);
    assert_int_equal(now, have + 1); /* the second one came whole, the third left nothing */
    assert_int_equal(pragma_int(f->s->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'one'"),
                     1);
    assert_int_equal(pragma_int(f->s->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'two'"),
                     0);
}

static void refuses_other_versions_and_names_both(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *version;
        bool read_only;
        const char *says;
    } rows[] = {
        {"999", false, "schema version 999, this program knows"},
        {"999", true, "schema version 999, this program knows"},
        {"0", true, "schema version 0, this program needs"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_opts o = {.path = f->path, .read_only = rows[i].read_only};
        struct store *s = NULL;

        must(store_meta_set(f->s, "schema_version", rows[i].version, &f->e), &f->e);
        if (!rows[i].read_only) {
            store_close(f->s);
            f->s = NULL;
        }
        assert_int_equal(store_open(&o, &s, &f->e), ERR_CONFLICT);
        assert_null(s);
        if (!strstr(f->e.msg, rows[i].says))
            fail_msg("%s", f->e.msg);
        if (!f->s) {
            sqlite3 *db = NULL;
            char back[96];

            (void)snprintf(back, sizeof back,
                           "UPDATE meta SET value = '%d' WHERE key = 'schema_version'",
                           store_schema_version());
            assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
            assert_int_equal(sqlite3_exec(db, back, NULL, NULL, NULL), SQLITE_OK);
            sqlite3_close(db);
            f->s = open_at(f, false);
        }
    }
}

static void refuses_what_is_no_store(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sql; /* NULL: the file is text */
        int code;
        const char *says;
    } rows[] = {
        {NULL, ERR_INTERNAL, "not a database"},
        {"CREATE TABLE other (a)", ERR_CONFLICT, "another program"},
    };
    struct store_opts o = {.path = f->path};
    struct store *s = NULL;

    store_close(f->s);
    f->s = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(unlink(f->path), 0);
        if (rows[i].sql) {
            sqlite3 *db = NULL;

            assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
            assert_int_equal(sqlite3_exec(db, rows[i].sql, NULL, NULL, NULL), SQLITE_OK);
            sqlite3_close(db);
        } else {
            FILE *file = fopen(f->path, "w");

            assert_non_null(file);
            for (int k = 0; k < 200; k++)
                (void)fputs("This is a letter, not a database.\n", file);
            assert_int_equal(fclose(file), 0);
        }
        assert_int_equal(store_open(&o, &s, &f->e), rows[i].code);
        if (!strstr(f->e.msg, rows[i].says))
            fail_msg("%s", f->e.msg);
    }
    o.read_only = true;
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(store_open(&o, &s, &f->e), ERR_NOT_FOUND);
}

static void second_writer_is_refused_with_the_pid_of_the_first(void **state)
{
    struct fixture *f = *state;
    struct store_opts o = {.path = f->path};
    struct store *s = NULL;
    char pid[32];

    /* flock belongs to the open file, so a second open in this process meets it like another process would. */
    assert_int_equal(store_open(&o, &s, &f->e), ERR_CONFLICT);
    (void)snprintf(pid, sizeof pid, "process %ld;", (long)getpid());
    if (!strstr(f->e.msg, pid))
        fail_msg("%s", f->e.msg);
    s = open_at(f, true); /* readers are not */
    store_close(s);
    store_close(f->s);
    f->s = open_at(f, false); /* and closing gives the lock back */
}

static void network_file_systems_are_refused(void **state)
{
    static const struct {
        long type;
        bool allow_fuse;
        const char *refused; /* NULL: fine */
    } rows[] = {
        {0x6969L, false, "NFS"},      {0x6969L, true, "NFS"},
        {0xFF534D42L, false, "CIFS"}, {(long)(int32_t)0xFF534D42, false, "CIFS"},
        {0xFE534D42L, true, "SMB2"},  {0x65735546L, false, "FUSE"},
        {0x65735546L, true, NULL},    {0x01021997L, false, "9P"},
        {0xEF53L, false, NULL},       {0x01021994L, false, NULL},
        {0x58465342L, false, NULL},   {0x9123683EL, false, NULL},
        {0x794c7630L, false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *said = store_fs_refused(rows[i].type, rows[i].allow_fuse);

        if ((said == NULL) != (rows[i].refused == NULL) ||
            (said && strcmp(said, rows[i].refused) != 0))
            fail_msg("%lx: %s", (unsigned long)rows[i].type, said ? said : "accepted");
    }
}

static void parameters_are_bound_by_number_not_by_place(void **state)
{
    struct fixture *f = *state;
    struct store_stmt *q;

    assert_int_equal(add(f, "name"), 1); /* $2 stands before $1 in the text */
    q = store_begin(f->set, T_GET);
    store_bind_textn(q, 1, "name and more", 4);
    assert_int_equal(store_step(q, &f->e), 1);
    assert_string_equal(store_text(q, 0), "because");
    assert_string_equal(store_text_dup(q, 0, f->a), "because");
    assert_int_equal(store_int(q, 1), 7);
    assert_true(store_is_null(q, 2));
    assert_null(store_text(q, 2));
    assert_int_equal(store_int(q, 2), 0);
    assert_int_equal(store_step(q, &f->e), 0);
    q = store_begin(f->set, T_GET); /* bindings of the last use are gone */
    assert_int_equal(store_step(q, &f->e), 0);
}

static void bad_statements_stop_the_start(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct store_sql sql;
        const char *says;
    } rows[] = {
        {{"t.typo", "SELEKT 1"}, "t.typo: near \"SELEKT\""},
        {{"t.column", "SELECT nope FROM meta"}, "t.column: no such column: nope"},
        {{"t.quotes", "SELECT value FROM meta WHERE key = \"x\""}, "no such column"},
        {{"t.place", "SELECT value FROM meta WHERE key = ?"}, "parameters are $1"},
        {{"t.name", "SELECT value FROM meta WHERE key = $key"}, "parameters are $1"},
        {{"t.two", "SELECT 1; SELECT 2"}, "not exactly one statement"},
        {{"t.none", ""}, "not exactly one statement"},
    };
    struct store_set *set = NULL;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(store_prepare(f->s, &rows[i].sql, 1, &set, &f->e), ERR_INTERNAL);
        if (!strstr(f->e.msg, rows[i].says))
            fail_msg("%s", f->e.msg);
    }
    assert_null(set);
}

static void codes_say_what_to_do(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int rc, code;
        const char *says;
        bool fatal;
    } rows[] = {
        {SQLITE_BUSY, ERR_RETRY, "busy", false},
        {SQLITE_BUSY_SNAPSHOT, ERR_RETRY, "busy", false},
        {SQLITE_INTERRUPT, ERR_RETRY, "stopped", false},
        {SQLITE_CONSTRAINT_UNIQUE, ERR_CONFLICT, "t", false},
        {SQLITE_FULL, ERR_INTERNAL, "free space", false},
        {SQLITE_IOERR_WRITE, ERR_INTERNAL, "kernel log", true},
        {SQLITE_IOERR_FSYNC, ERR_INTERNAL, "kernel log", true},
        {SQLITE_CORRUPT, ERR_INTERNAL, "restore a backup", true},
        {SQLITE_NOTADB, ERR_INTERNAL, "restore a backup", true},
        {SQLITE_READONLY, ERR_INTERNAL, "owner and mode", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f->s->fatal = false;
        assert_int_equal(store_fail(f->s, rows[i].rc, "t", &f->e), rows[i].code);
        assert_int_equal(store_fatal(f->s), rows[i].fatal);
        if (!strstr(f->e.msg, rows[i].says))
            fail_msg("%d: %s", rows[i].rc, f->e.msg);
    }
}

static void a_constraint_is_a_conflict_and_the_transaction_lives(void **state)
{
    struct fixture *f = *state;

    must(store_tx_begin(f->s, &f->e), &f->e);
    assert_int_equal(add(f, "same"), 1);
    assert_int_equal(add(f, "same"), ERR_CONFLICT);
    assert_true(store_tx_open(f->s));
    must(store_tx_commit(f->s, &f->e), &f->e);
    assert_int_equal(count(f), 1);
}

static void rollback_leaves_nothing(void **state)
{
    struct fixture *f = *state;

    must(store_tx_begin(f->s, &f->e), &f->e);
    assert_int_equal(add(f, "x"), 1);
    store_tx_rollback(f->s);
    assert_false(store_tx_open(f->s));
    assert_int_equal(count(f), 0);
}

/* Fails after its insert when told to, as a step does. */
static int step(struct fixture *f, const char *name, bool fails, int deeper)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};

    must(store_savepoint(&sp, f->s, &f->e), &f->e);
    assert_int_equal(add(f, name), 1);
    if (deeper >= 0) {
        AUTO(store_savepoint_end) struct store_savepoint inner = {0};

        must(store_savepoint(&inner, f->s, &f->e), &f->e);
        assert_int_equal(add(f, "inner"), 1);
        if (deeper > 0)
            must(store_release(&inner, &f->e), &f->e);
    }
    if (fails)
        return ERR_INPUT;
    return store_release(&sp, &f->e);
}

static void savepoints_nest_and_roll_back_unless_released(void **state)
{
    struct fixture *f = *state;
    static const struct {
        bool outer_fails;
        int inner; /* -1 none, 0 rolled back, 1 released */
        int64_t rows;
    } rows[] = {
        {false, -1, 1}, {true, -1, 0}, {false, 0, 1}, {false, 1, 2}, {true, 0, 0}, {true, 1, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        must(store_tx_begin(f->s, &f->e), &f->e);
        assert_int_equal(step(f, "outer", rows[i].outer_fails, rows[i].inner),
                         rows[i].outer_fails ? ERR_INPUT : 0);
        assert_int_equal(f->s->depth, 0);
        must(store_tx_commit(f->s, &f->e), &f->e);
        if (count(f) != rows[i].rows)
            fail_msg("row %zu: %lld", i, (long long)count(f));
        assert_int_equal(sqlite3_exec(f->s->db, "DELETE FROM pd_feature", NULL, NULL, NULL),
                         SQLITE_OK);
    }
}

static void an_unread_result_does_not_hold_the_commit(void **state)
{
    struct fixture *f = *state;
    struct store_stmt *q;

    must(store_tx_begin(f->s, &f->e), &f->e);
    assert_int_equal(add(f, "a"), 1);
    assert_int_equal(add(f, "b"), 1);
    q = store_begin(f->set, T_ALL);
    assert_int_equal(store_step(q, &f->e), 1);
    must(store_tx_commit(f->s, &f->e), &f->e);
    must(store_checkpoint(f->s, true, &f->e), &f->e); /* no read transaction was left behind */
    assert_int_equal(store_wal_bytes(f->s), 0);
}

/* Section 3 of the design: a full disk loses the whole pass, also from inside a savepoint, and that is noticed. */
static void a_full_disk_loses_the_transaction_and_is_noticed(void **state)
{
    struct fixture *f = *state;
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    struct store_savepoint second = {0};
    char digest[65], big[60000];
    char sql[64];
    int rc = 0;

    memset(big, 'x', sizeof big);
    (void)snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld",
                   (long long)pragma_int(f->s->db, "PRAGMA page_count") + 20);
    (void)pragma_int(f->s->db, sql);
    must(store_tx_begin(f->s, &f->e), &f->e);
    assert_int_equal(add(f, "of the lost pass"), 1);
    must(store_savepoint(&sp, f->s, &f->e), &f->e);
    for (int i = 0; i < 10 && rc == 0; i++) {
        big[0] = (char)('a' + i);
        rc = store_body_put(f->s, big, sizeof big, 1, digest, &f->e);
    }
    assert_int_equal(rc, ERR_INTERNAL);
    assert_non_null(strstr(f->e.msg, "disk is full"));
    if (store_tx_open(f->s)) {
        /* SQLite may also keep the transaction; then it must be whole. 3.40.1 rolls back. */
        fail_msg("the transaction is still open after SQLITE_FULL");
    }
    /* Nothing may now slip out as a transaction of its own. */
    assert_int_equal(add(f, "stray"), ERR_INTERNAL);
    assert_int_equal(store_savepoint(&second, f->s, &f->e), ERR_INTERNAL);
    assert_int_equal(store_release(&sp, &f->e), ERR_INTERNAL);
    assert_int_equal(store_tx_commit(f->s, &f->e), ERR_INTERNAL);
    assert_int_equal(count(f), 0);
    /* And when there is room again the next pass works. */
    (void)pragma_int(f->s->db, "PRAGMA max_page_count = 100000");
    must(store_tx_begin(f->s, &f->e), &f->e);
    assert_int_equal(add(f, "next"), 1);
    must(store_tx_commit(f->s, &f->e), &f->e);
    assert_int_equal(count(f), 1);
}

static void a_busy_store_is_worth_a_retry(void **state)
{
    struct fixture *f = *state;
    sqlite3 *other = NULL;

    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_tx_begin(f->s, &f->e), ERR_RETRY);
    assert_false(store_tx_open(f->s));
    sqlite3_close(other);
    must(store_tx_begin(f->s, &f->e), &f->e);
    store_tx_rollback(f->s);
}

static void equal_bodies_are_stored_once(void **state)
{
    struct fixture *f = *state;
    char a[65], b[65], c[65];
    const char *out = NULL;
    size_t len = 0;
    int64_t day = 86400000;

    must(store_body_put(f->s, "a\0b", 3, 1000, a, &f->e), &f->e);
    must(store_body_put(f->s, "a\0b", 3, 2000, b, &f->e), &f->e);
    must(store_body_put(f->s, NULL, 0, 2000, c, &f->e), &f->e);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_int_equal(pragma_int(f->s->db, "SELECT count(*) FROM body"), 2);
    assert_int_equal(
        pragma_int(f->s->db, "SELECT max(created_ms) FROM body WHERE length(bytes) = 3"), 1000);
    must(store_body_put(f->s, "a\0b", 3, 1001 + day, b, &f->e), &f->e); /* kept from being pruned */
    assert_int_equal(pragma_int(f->s->db, "SELECT max(created_ms) FROM body"), 1001 + day);
    must(store_body_get(f->s, a, f->a, &out, &len, &f->e), &f->e);
    assert_int_equal(len, 3);
    assert_memory_equal(out, "a\0b", 4);
    must(store_body_get(f->s, c, f->a, &out, &len, &f->e), &f->e);
    assert_int_equal(len, 0);
    a[0] = a[0] == '0' ? '1' : '0';
    assert_int_equal(store_body_get(f->s, a, f->a, &out, &len, &f->e), ERR_NOT_FOUND);
}

static void meta_keeps_the_last_value(void **state)
{
    struct fixture *f = *state;
    const char *v = NULL;

    assert_int_equal(store_meta_get(f->s, "boot_epoch", f->a, &v, &f->e), ERR_NOT_FOUND);
    must(store_meta_set(f->s, "boot_epoch", "1", &f->e), &f->e);
    must(store_meta_set(f->s, "boot_epoch", "2", &f->e), &f->e);
    must(store_meta_get(f->s, "boot_epoch", f->a, &v, &f->e), &f->e);
    assert_string_equal(v, "2");
}

static void readers_cannot_write_and_see_only_what_is_committed(void **state)
{
    struct fixture *f = *state;
    struct store *r = open_at(f, true), *w = f->s;
    struct store_set *set = NULL, *own = f->set;

    must(store_prepare(r, test_sql, T_SQL_LEN, &set, &f->e), &f->e);
    must(store_tx_begin(w, &f->e), &f->e);
    assert_int_equal(add(f, "a"), 1);
    f->set = set;
    assert_int_equal(count(f), 0);
    assert_int_equal(add(f, "b"), ERR_INTERNAL);
    f->set = own;
    must(store_tx_commit(w, &f->e), &f->e);
    f->set = set;
    assert_int_equal(count(f), 1);
    f->set = own;
    store_close(r);
}

static void a_slow_query_is_stopped(void **state)
{
    struct fixture *f = *state;
    int64_t from = clock_mono_ms();

    store_limit_ms(f->s, 50);
    assert_int_equal(store_step(store_begin(f->set, T_SLOW), &f->e), ERR_RETRY);
    assert_non_null(strstr(f->e.msg, "50 ms"));
    assert_true(clock_mono_ms() - from < 5000);
    store_limit_ms(f->s, 0);
    assert_int_equal(count(f), 0);
}

static void checkpoints_count_frames_and_wait_for_readers(void **state)
{
    struct fixture *f = *state;
    struct store *r = open_at(f, true);
    struct store_set *set = NULL;
    struct store_stmt *q;

    must(store_checkpoint(f->s, true, &f->e), &f->e);
    assert_int_equal(store_wal_frames(f->s), 0);
    assert_int_equal(add(f, "a"), 1);
    assert_true(store_wal_frames(f->s) > 0);
    must(store_prepare(r, test_sql, T_SQL_LEN, &set, &f->e), &f->e);
    q = store_begin(set, T_ALL);
    assert_int_equal(store_step(q, &f->e), 1); /* the reader holds this state */
    assert_int_equal(add(f, "b"), 1);
    assert_int_equal(store_checkpoint(f->s, false, &f->e), ERR_RETRY);
    assert_true(store_wal_frames(f->s) > 0);
    assert_int_equal(store_checkpoint(f->s, true, &f->e), ERR_RETRY);
    store_reset(q);
    must(store_checkpoint(f->s, false, &f->e), &f->e);
    assert_int_equal(store_wal_frames(f->s), 0);
    assert_int_equal(add(f, "c"), 1);
    assert_true(store_wal_frames(f->s) > 0 && store_wal_frames(f->s) < 10);
    must(store_checkpoint(f->s, true, &f->e), &f->e);
    assert_int_equal(store_wal_bytes(f->s), 0);
    store_close(r);
}

static int quick_check(struct store *s, struct err *e, int *tables)
{
    bool done = false;

    *tables = 0;
    while (!done)
        if (store_quick_check_step(s, tables, &done, e) < 0)
            return e->code;
    return 0;
}

/* H7: damage is found, and named. */
static void quick_check_goes_table_by_table_and_names_damage(void **state)
{
    struct fixture *f = *state;
    struct store *r = open_at(f, true);
    char noise[8192], digest[65];
    int64_t root;
    FILE *file;
    int n;

    must(quick_check(r, &f->e, &n), &f->e);
    assert_true(n > 10);
    for (int i = 0; i < 40; i++) {
        crypto_random(noise, sizeof noise);
        must(store_body_put(f->s, noise, sizeof noise, 1, digest, &f->e), &f->e);
    }
    must(store_checkpoint(f->s, true, &f->e), &f->e);
    root = pragma_int(f->s->db, "SELECT rootpage FROM sqlite_schema WHERE name = 'body'");
    store_close(r);
    store_close(f->s);
    f->s = NULL;
    file = fopen(f->path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)(root - 1) * 4096, SEEK_SET), 0);
    memset(noise, 0x5a, 64);
    assert_int_equal(fwrite(noise, 1, 64, file), 64);
    assert_int_equal(fclose(file), 0);
    r = open_at(f, true);
    assert_int_equal(quick_check(r, &f->e, &n), ERR_INTERNAL);
    if (!strstr(f->e.msg, "backup"))
        fail_msg("%s", f->e.msg);
    store_close(r);
}

static void audit_and_decisions_refuse_change(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[] = {
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "UPDATE decision SET verdict = 'approve'",
        "DELETE FROM decision",
    };

    assert_int_equal(
        sqlite3_exec(f->s->db,
                     "PRAGMA foreign_keys = OFF;"
                     "INSERT INTO audit VALUES (1, 2, 'a', 'b', 'c', NULL, '{}', 'p', 'h');"
                     "INSERT INTO decision VALUES (1, 1, 1, 'd', 'reject', 'person:1', NULL, NULL,"
                     " NULL, NULL, 'cli', 5)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(sqlite3_exec(f->s->db, rows[i], NULL, NULL, NULL),
                         SQLITE_CONSTRAINT_TRIGGER);
        assert_non_null(strstr(sqlite3_errmsg(f->s->db), "insert only"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(settings_are_those_of_the_promise, setup, teardown),
        cmocka_unit_test_setup_teardown(migrates_once_and_keeps_the_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_only_what_is_missing_and_each_in_one_transaction,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_other_versions_and_names_both, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_store, setup, teardown),
        cmocka_unit_test_setup_teardown(second_writer_is_refused_with_the_pid_of_the_first, setup,
                                        teardown),
        cmocka_unit_test(network_file_systems_are_refused),
        cmocka_unit_test_setup_teardown(parameters_are_bound_by_number_not_by_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bad_statements_stop_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(codes_say_what_to_do, setup, teardown),
        cmocka_unit_test_setup_teardown(a_constraint_is_a_conflict_and_the_transaction_lives, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rollback_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(savepoints_nest_and_roll_back_unless_released, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_unread_result_does_not_hold_the_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_loses_the_transaction_and_is_noticed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_busy_store_is_worth_a_retry, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_bodies_are_stored_once, setup, teardown),
        cmocka_unit_test_setup_teardown(meta_keeps_the_last_value, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_cannot_write_and_see_only_what_is_committed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_slow_query_is_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(checkpoints_count_frames_and_wait_for_readers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(quick_check_goes_table_by_table_and_names_damage, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(audit_and_decisions_refuse_change, setup, teardown),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
