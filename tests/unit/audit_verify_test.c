/* INV-8 and F-32: every way to tamper with the audit record is found. */
#include "audit/audit_verify.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/file.h"

enum {
    ROWS = 12,
    MUTATIONS = 10000
};

/* One store with ROWS rows and its export, made once; each test changes a copy. */
static struct {
    char folder[64], path[96], copy[96], jsonl[96];
    char *store_bytes, *lines;
    size_t store_len, lines_len;
    char head[65], mid[65]; /* hashes of row ROWS and of row 6: checkpoints */
} g;

static void must(int rc, const struct err *e)
{
    if (rc < 0)
        fail_msg("%s: %s", err_name(e->code), e->msg);
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void append_rows(struct audit *a)
{
    struct err e;

    for (int i = 1; i <= ROWS; i++) {
        json_auto_t *d = json_pack("{s:i, s:s, s:{s:[i,n]}}", "n", i, "text", "å \"x\" \n end",
                                   "nested", "list", i * 7);
        struct audit_entry x = {.actor = i % 2 ? "person:3" : "system",
                                .verb = "proposal.approved",
                                .subject = "proposal:12",
                                .incident = i % 3 ? "Q3K8" : NULL,
                                .detail = d};

        must(audit_append(a, &x, 1790000000000 + i, &e), &e);
        if (i == 6)
            memcpy(g.mid, audit_head(a).hash, sizeof g.mid);
    }
    memcpy(g.head, audit_head(a).hash, sizeof g.head);
}

static void export_all(struct store *s)
{
    AUTO(buf_done) struct buf out = {0};
    struct audit_reader *r = NULL;
    struct err e;

    buf_init(&out, 1 << 20);
    must(audit_reader_open(s, &r, &e), &e);
    assert_int_equal(audit_export(r, 0, 100, &out, &e), ROWS);
    audit_reader_close(r);
    g.lines = buf_take(&out, &g.lines_len);
}

static int make_world(void **state)
{
    struct store_opts o = {.path = g.path};
    struct store *s = NULL;
    struct audit *a = NULL;
    struct err e;

    (void)state;
    (void)snprintf(g.folder, sizeof g.folder, "/tmp/audit_verify_test.XXXXXX");
    assert_non_null(mkdtemp(g.folder));
    (void)snprintf(g.path, sizeof g.path, "%s/store.db", g.folder);
    (void)snprintf(g.copy, sizeof g.copy, "%s/copy.db", g.folder);
    (void)snprintf(g.jsonl, sizeof g.jsonl, "%s/audit.jsonl", g.folder);
    must(store_open(&o, &s, &e), &e);
    must(audit_open(s, &a, &e), &e);
    append_rows(a);
    export_all(s);
    audit_close(a);
    store_close(s); /* the last connection puts the WAL into the file */
    must(file_read(g.path, 16 << 20, &g.store_bytes, &g.store_len, &e), &e);
    return 0;
}

static int end_world(void **state)
{
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "store.db.lock",
                                        "copy.db",  "copy.db-wal",  "copy.db-shm",  "audit.jsonl"};
    char name[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(name, sizeof name, "%s/%s", g.folder, names[i]);
        (void)unlink(name);
    }
    (void)rmdir(g.folder);
    free(g.store_bytes);
    free(g.lines);
    return 0;
}

/* A writable connection of somebody who owns the machine: no triggers in the way, no fsync to wait for. */
static sqlite3 *fresh_copy(void)
{
    char name[128];
    sqlite3 *db = NULL;

    (void)snprintf(name, sizeof name, "%s-wal", g.copy);
    (void)unlink(name);
    (void)snprintf(name, sizeof name, "%s-shm", g.copy);
    (void)unlink(name);
    write_file(g.copy, g.store_bytes, g.store_len);
    assert_int_equal(sqlite3_open(g.copy, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA synchronous = OFF; DROP TRIGGER audit_no_update;"
                                  "DROP TRIGGER audit_no_delete",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static void untouched_records_pass(void **state)
{
    struct audit_verify_result v;
    static const struct {
        int64_t from;
        const char *hash;
    } rows[] = {{0, NULL}, {6, g.mid}, {ROWS, g.head}};

    (void)state;
    write_file(g.jsonl, g.lines, g.lines_len);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(audit_verify_store(g.path, rows[i].from, rows[i].hash, &v), 0);
        if (!v.ok)
            fail_msg("%s", v.reason);
        assert_int_equal(v.rows, ROWS);
        assert_int_equal(v.head_seq, ROWS);
        assert_int_equal(v.first_bad, 0);
        assert_string_equal(v.head_hash, g.head);
        assert_int_equal(audit_verify_jsonl(g.jsonl, rows[i].from, rows[i].hash, &v), 0);
        if (!v.ok)
            fail_msg("%s", v.reason);
        assert_int_equal(v.rows, ROWS);
        assert_string_equal(v.head_hash, g.head);
    }
}

static void a_live_store_can_be_verified(void **state)
{
    struct audit_verify_result v;
    sqlite3 *db = fresh_copy();

    (void)state;
    run_sql(db, "BEGIN IMMEDIATE"); /* as the daemon in the middle of a pass */
    assert_int_equal(audit_verify_store(g.copy, 0, NULL, &v), 0);
    assert_true(v.ok);
    sqlite3_close(db);
}

/* What may be done to the table, and what the verifier must say. Rows are 1 to 12. */
static const struct tamper {
    const char *name, *sql;
    int64_t first_bad;
    const char *says;
    bool behind_checkpoint; /* only somebody who noted row 12 before can know */
} tampers[] = {
    {"seq of the last row", "UPDATE audit SET seq = 13 WHERE seq = 12", 12, "missing", false},
    {"time", "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 5", 5, "fields", false},
    {"actor", "UPDATE audit SET actor = 'person:4' WHERE seq = 5", 5, "fields", false},
    {"verb", "UPDATE audit SET verb = 'proposal.rejected' WHERE seq = 5", 5, "fields", false},
    {"subject", "UPDATE audit SET subject = 'proposal:13' WHERE seq = 5", 5, "fields", false},
    {"incident", "UPDATE audit SET incident = 'Q3K9' WHERE seq = 5", 5, "fields", false},
    {"incident removed", "UPDATE audit SET incident = NULL WHERE seq = 5", 5, "fields", false},
    {"incident added", "UPDATE audit SET incident = 'Q3K8' WHERE seq = 6", 6, "fields", false},
    {"incident empty, not absent", "UPDATE audit SET incident = '' WHERE seq = 6", 6, "fields",
     false},
    {"detail", "UPDATE audit SET detail = replace(detail, '\"n\":5', '\"n\":6') WHERE seq = 5", 5,
     "fields", false},
    {"detail replaced", "UPDATE audit SET detail = '{}' WHERE seq = 5", 5, "fields", false},
    {"white space in detail", "UPDATE audit SET detail = detail || ' ' WHERE seq = 5", 5, "fields",
     false},
    {"text moved to the next field",
     "UPDATE audit SET actor = 'person:', verb = '3proposal.approved' WHERE seq = 5", 5, "fields",
     false},
    {"previous hash", "UPDATE audit SET prev = hash WHERE seq = 5", 5, "follow", false},
    {"hash", "UPDATE audit SET hash = prev WHERE seq = 5", 5, "fields", false},
    {"hash in capitals", "UPDATE audit SET hash = upper(hash) WHERE seq = 5", 5, "fields", false},
    {"hash longer", "UPDATE audit SET hash = hash || '0' WHERE seq = 12", 12, "fields", false},
    {"hash empty", "UPDATE audit SET hash = '' WHERE seq = 12", 12, "fields", false},
    {"first row changed", "UPDATE audit SET at_ms = 0 WHERE seq = 1", 1, "fields", false},
    {"last row changed", "UPDATE audit SET at_ms = 0 WHERE seq = 12", 12, "fields", false},
    {"row deleted in the middle", "DELETE FROM audit WHERE seq = 6", 6, "row 6 is missing", false},
    {"rows deleted in the middle", "DELETE FROM audit WHERE seq IN (6, 7)", 6,
     "rows 6 to 7 are missing", false},
    {"first row deleted", "DELETE FROM audit WHERE seq = 1", 1, "row 1 is missing", false},
    {"row deleted and the rest renumbered",
     "DELETE FROM audit WHERE seq = 6; UPDATE audit SET seq = seq - 1 WHERE seq > 6", 6, "follow",
     false},
    {"rows swapped",
     "UPDATE audit SET seq = 99 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 6;"
     "UPDATE audit SET seq = 6 WHERE seq = 99",
     5, "follow", false},
    {"row inserted as a copy of another",
     "UPDATE audit SET seq = seq + 100 WHERE seq > 5; UPDATE audit SET seq = seq - 99 WHERE seq > 100;"
     "INSERT INTO audit SELECT 6, at_ms, actor, verb, subject, incident, detail, prev, hash"
     " FROM audit WHERE seq = 5",
     6, "follow", false},
    {"row inserted before the first",
     "INSERT INTO audit SELECT 0, at_ms, actor, verb, subject, incident, detail, prev, hash"
     " FROM audit WHERE seq = 5",
     0, "row 0 stands where row 1 belongs", false},
    {"row appended without a hash that fits",
     "INSERT INTO audit SELECT 13, at_ms, actor, verb, subject, incident, detail,"
     " (SELECT hash FROM audit WHERE seq = 12), hash FROM audit WHERE seq = 12",
     13, "fields", false},
    {"tail cut", "DELETE FROM audit WHERE seq > 9", 10, "ends with row 9", true},
    {"everything deleted", "DELETE FROM audit", 1, "ends with row 0", true},
};

static void each_way_to_change_the_table_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tampers); i++) {
        const struct tamper *t = &tampers[i];
        struct audit_verify_result v;
        sqlite3 *db = fresh_copy();

        run_sql(db, t->sql);
        sqlite3_close(db);
        assert_int_equal(audit_verify_store(g.copy, 0, NULL, &v), 0);
        if (v.ok != t->behind_checkpoint)
            fail_msg("%s: %s without a checkpoint", t->name, v.ok ? "passes" : v.reason);
        assert_int_equal(audit_verify_store(g.copy, ROWS, g.head, &v), 0);
        if (v.ok)
            fail_msg("%s: not found", t->name);
        if (v.first_bad != t->first_bad || !strstr(v.reason, t->says))
            fail_msg("%s: row %lld: %s", t->name, (long long)v.first_bad, v.reason);
    }
}

/* Recomputes hash (and prev) of rows [from, to] as the writer would: the tamperer knows the format as well as we do. */
static void rehash(sqlite3 *db, int64_t from, int64_t to)
{
    static const char select[] = "SELECT at_ms, actor, verb, subject, incident, detail,"
                                 " (SELECT hash FROM audit p WHERE p.seq = audit.seq - 1)"
                                 " FROM audit WHERE seq = ?1";
    sqlite3_stmt *get = NULL, *set = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, select, -1, &get, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "UPDATE audit SET prev = ?2, hash = ?3 WHERE seq = ?1",
                                        -1, &set, NULL),
                     SQLITE_OK);
    for (int64_t seq = from; seq <= to; seq++) {
        char hash[SHA256_HEX];
        struct digest d;

        sqlite3_bind_int64(get, 1, seq);
        assert_int_equal(sqlite3_step(get), SQLITE_ROW);
        digest_begin(&d, "triaged.audit.v1");
        digest_int(&d, seq);
        digest_int(&d, sqlite3_column_int64(get, 0));
        for (int col = 1; col <= 6; col++)
            digest_str(&d, (const char *)sqlite3_column_text(get, col));
        digest_end(&d, hash);
        sqlite3_bind_int64(set, 1, seq);
        sqlite3_bind_value(set, 2, sqlite3_column_value(get, 6));
        sqlite3_bind_text(set, 3, hash, -1, SQLITE_TRANSIENT);
        assert_int_equal(sqlite3_step(set), SQLITE_DONE);
        sqlite3_reset(get);
        sqlite3_reset(set);
    }
    sqlite3_finalize(get);
    sqlite3_finalize(set);
}

static void a_recomputed_hash_is_found_at_the_next_row_or_by_a_checkpoint(void **state)
{
    static const struct {
        int64_t changed, rehash_to;
        const char *without; /* NULL: only the checkpoint knows */
        const char *with;
    } rows[] = {
        {5, 5, "row 6 does not follow", "row 6 does not follow"},
        {11, 11, "row 12 does not follow", "row 12 does not follow"},
        {5, ROWS, NULL, "row 12 is not the one of the checkpoint"},
        {ROWS, ROWS, NULL, "row 12 is not the one of the checkpoint"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct audit_verify_result v;
        char sql[100];
        sqlite3 *db = fresh_copy();

        (void)snprintf(sql, sizeof sql, "UPDATE audit SET actor = 'mallory' WHERE seq = %d",
                       (int)rows[i].changed);
        run_sql(db, sql);
        rehash(db, rows[i].changed, rows[i].rehash_to);
        sqlite3_close(db);
        assert_int_equal(audit_verify_store(g.copy, 0, NULL, &v), 0);
        if (v.ok != (rows[i].without == NULL) ||
            (rows[i].without && !strstr(v.reason, rows[i].without)))
            fail_msg("row %zu: %s", i, v.reason);
        assert_int_equal(audit_verify_store(g.copy, ROWS, g.head, &v), 0);
        if (v.ok || !strstr(v.reason, rows[i].with))
            fail_msg("row %zu: %s", i, v.reason);
        /* An older checkpoint finds it too when it lies behind the change. */
        assert_int_equal(audit_verify_store(g.copy, 6, g.mid, &v), 0);
        assert_int_equal(v.ok, rows[i].changed > 6 && rows[i].rehash_to == ROWS);
    }
}

static void an_older_copy_of_the_whole_store_is_found_behind_a_checkpoint(void **state)
{
    struct audit_verify_result v;
    sqlite3 *db = fresh_copy();

    (void)state;
    run_sql(db, "DELETE FROM audit WHERE seq > 6"); /* as a backup taken at row 6 looks */
    sqlite3_close(db);
    assert_int_equal(audit_verify_store(g.copy, 6, g.mid, &v), 0);
    assert_true(v.ok);
    assert_int_equal(audit_verify_store(g.copy, ROWS, g.head, &v), 0);
    assert_false(v.ok);
    assert_int_equal(v.first_bad, 7);
    assert_non_null(strstr(v.reason, "older copy"));
}

/* A file whose table is not STRICT any more can hold 5 as '5': SQLite would convert it, the verifier does not. */
static void a_value_of_another_type_is_found(void **state)
{
    static const char *const changes[] = {
        "UPDATE audit SET at_ms = CAST(at_ms AS TEXT) WHERE seq = 5",
        "UPDATE audit SET actor = CAST(actor AS BLOB) WHERE seq = 5",
        "UPDATE audit SET detail = NULL WHERE seq = 5",
        "UPDATE audit SET at_ms = at_ms + 0.0 WHERE seq = 5",
        "UPDATE audit SET actor = actor || char(0) || 'x' WHERE seq = 5",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct audit_verify_result v;
        sqlite3 *db = fresh_copy();

        run_sql(
            db,
            "CREATE TABLE loose (seq, at_ms, actor, verb, subject, incident, detail, prev, hash);"
            "INSERT INTO loose SELECT * FROM audit; DROP TABLE audit;"
            "ALTER TABLE loose RENAME TO audit");
        run_sql(db, changes[i]);
        sqlite3_close(db);
        assert_int_equal(audit_verify_store(g.copy, 0, NULL, &v), 0);
        if (v.ok || v.first_bad != 5)
            fail_msg("%s: %s", changes[i], v.reason);
    }
}

static void files_that_cannot_be_read_say_why(void **state)
{
    struct audit_verify_result v;
    sqlite3 *db = NULL;

    (void)state;
    assert_int_equal(audit_verify_store("/nonexistent/store.db", 0, NULL, &v), -1);
    assert_non_null(strstr(v.reason, "cannot open"));
    assert_false(v.ok);
    assert_int_equal(audit_verify_jsonl("/nonexistent/audit.jsonl", 0, NULL, &v), -1);
    assert_non_null(strstr(v.reason, "cannot open"));
    (void)unlink(g.copy);
    assert_int_equal(sqlite3_open(g.copy, &db), SQLITE_OK);
    run_sql(db, "CREATE TABLE other (a)");
    sqlite3_close(db);
    assert_int_equal(audit_verify_store(g.copy, 0, NULL, &v), -1);
    assert_non_null(strstr(v.reason, "no such table"));
    write_file(g.copy, "not a database at all, but long enough to be read as one ............", 68);
    assert_int_equal(audit_verify_store(g.copy, 0, NULL, &v), -1);
    assert_int_equal(audit_verify_store(g.path, 0, g.head, &v), -1);
    assert_int_equal(audit_verify_store(g.path, 3, NULL, &v), -1);
    assert_int_equal(audit_verify_store(g.path, -3, g.head, &v), -1);
    assert_int_equal(audit_verify_store(g.path, 3, "abc", &v), -1);
    assert_non_null(strstr(v.reason, "checkpoint"));
}

/* ---- The exported lines ---- */

/* Start of line n (from 0); the end of the text for n = ROWS. */
static const char *line_at(int n)
{
    const char *p = g.lines;

    while (n-- > 0)
        p = strchr(p, '\n') + 1;
    return p;
}

struct edit {
    const char *name;
    int from, to;       /* lines taken out ... */
    const char *insert; /* ... and what comes there: NULL nothing, "N M" these lines (from 0) */
    int64_t first_bad;
};

static void write_edited(const struct edit *x)
{
    FILE *file = fopen(g.jsonl, "w");
    const char *a = line_at(x->from), *b = line_at(x->to);

    assert_non_null(file);
    (void)fwrite(g.lines, 1, (size_t)(a - g.lines), file);
    for (const char *p = x->insert; p && *p;) {
        char *end = NULL;
        int n = (int)strtol(p, &end, 10);

        (void)fwrite(line_at(n), 1, (size_t)(line_at(n + 1) - line_at(n)), file);
        p = end;
    }
    (void)fwrite(b, 1, g.lines_len - (size_t)(b - g.lines), file);
    assert_int_equal(fclose(file), 0);
}

static void dropped_doubled_and_reordered_lines_are_found(void **state)
{
    static const struct edit edits[] = {
        {"first dropped", 0, 1, NULL, 1},
        {"middle dropped", 4, 5, NULL, 5},
        {"two dropped", 4, 6, NULL, 5},
        {"swapped", 4, 6, "5 4", 5},
        {"doubled", 4, 4, "4", 5},
        {"first moved to the end", 0, 12, "1 2 3 4 5 6 7 8 9 10 11 0", 1},
        {"replaced by its neighbour", 4, 5, "5", 5},
        {"all reversed", 0, 12, "11 10 9 8 7 6 5 4 3 2 1 0", 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        struct audit_verify_result v;

        write_edited(&edits[i]);
        assert_int_equal(audit_verify_jsonl(g.jsonl, 0, NULL, &v), 0);
        if (v.ok)
            fail_msg("%s: not found", edits[i].name);
        if (v.first_bad != edits[i].first_bad && v.first_bad != edits[i].first_bad - 1)
            fail_msg("%s: row %lld: %s", edits[i].name, (long long)v.first_bad, v.reason);
    }
}

static void a_cut_tail_is_found_behind_a_checkpoint(void **state)
{
    struct audit_verify_result v;

    (void)state;
    for (int keep = 0; keep < ROWS; keep++) {
        write_file(g.jsonl, g.lines, (size_t)(line_at(keep) - g.lines));
        assert_int_equal(audit_verify_jsonl(g.jsonl, 0, NULL, &v), 0);
        assert_true(v.ok); /* nobody can know without one */
        assert_int_equal(v.head_seq, keep);
        assert_int_equal(audit_verify_jsonl(g.jsonl, ROWS, g.head, &v), 0);
        assert_false(v.ok);
        assert_int_equal(v.first_bad, keep + 1);
    }
}

static void an_export_may_go_on_from_a_checkpoint(void **state)
{
    struct audit_verify_result v;
    const char *rest = line_at(6);

    (void)state;
    write_file(g.jsonl, rest, g.lines_len - (size_t)(rest - g.lines));
    assert_int_equal(audit_verify_jsonl(g.jsonl, 6, g.mid, &v), 0);
    if (!v.ok)
        fail_msg("%s", v.reason);
    assert_int_equal(v.rows, ROWS - 6);
    assert_int_equal(audit_verify_jsonl(g.jsonl, 0, NULL, &v), 0);
    assert_false(v.ok);
    assert_int_equal(audit_verify_jsonl(g.jsonl, 6, g.head, &v), 0);
    assert_false(v.ok);
    rest = line_at(7); /* a gap right behind the checkpoint */
    write_file(g.jsonl, rest, g.lines_len - (size_t)(rest - g.lines));
    assert_int_equal(audit_verify_jsonl(g.jsonl, 6, g.mid, &v), 0);
    assert_false(v.ok);
}

/* Line 1 with one piece replaced by another. */
static void other_ways_to_write_the_same_row_are_found(void **state)
{
    static const struct {
        const char *what, *with;
    } edits[] = {
        {"\"actor\":\"person:3\"", "\"actor\": \"person:3\""},
        {"\"actor\":\"person:3\"", "\"actor\":\"mallory\",\"actor\":\"person:3\""},
        {"\"actor\":\"person:3\"", "\"actor\":\"person:3\",\"actor\":\"person:3\""},
        {"\"actor\":\"person:3\"", "\"actor\":\"\\u0070erson:3\""},
        {"\"actor\":\"person:3\",\"at\":1790000000001",
         "\"at\":1790000000001,\"actor\":\"person:3\""},
        {"\"at\":1790000000001", "\"at\":1790000000001.0"},
        {"\"at\":1790000000001", "\"at\":\"1790000000001\""},
        {"\"seq\":1,", "\"note\":1,\"seq\":1,"},
        {"\"seq\":1,", "\"seq\":1e0,"},
        {"\"seq\":1,", ""},
        {"\"incident\":\"Q3K8\"", "\"incident\":null"},
        {"\"nested\":{\"list\":[7,null]}", "\"nested\":{\"list\":[7]}"},
        {"\"text\":", "\"text\":\"a\",\"text\":"},
        {"}\n", "}\r\n"},
        {"}\n", "}\n\n"},
        {"}\n", "} \n"},
        {"}\n", "},\n"},
        {"{\"actor", "\xef\xbb\xbf{\"actor"},
        {"{\"actor", "\n{\"actor"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        const char *at = strstr(g.lines, edits[i].what);
        size_t skip = strlen(edits[i].what);
        struct audit_verify_result v;
        FILE *file;

        if (!at)
            fail_msg("%s does not stand in the export", edits[i].what);
        file = fopen(g.jsonl, "w");
        assert_non_null(file);
        (void)fwrite(g.lines, 1, (size_t)(at - g.lines), file);
        (void)fputs(edits[i].with, file);
        (void)fwrite(at + skip, 1, g.lines_len - (size_t)(at - g.lines) - skip, file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(audit_verify_jsonl(g.jsonl, 0, NULL, &v), 0);
        if (v.ok || v.first_bad > 2)
            fail_msg("edit %zu (%s): %s", i, edits[i].with, v.ok ? "not found" : v.reason);
    }
}

/* ---- 10,000 random changes, all found ---- */

static size_t pick(size_t n)
{
    return (size_t)rand() % n;
}

/* Shows that what fails above fails for the mutation and not for the place. */
static void untouched_export_passes(const char *path)
{
    struct audit_verify_result v;

    assert_int_equal(audit_verify_jsonl(path, 0, NULL, &v), 0);
    if (!v.ok)
        fail_msg("%s", v.reason);
}

/* One byte replaced, removed, added, or two neighbours swapped; never the same text. Returns the new length. */
static size_t mutate(char *p, size_t len)
{
    for (;;) {
        size_t at = pick(len);
        char old = p[at];

        switch (pick(5)) {
        case 0:
            p[at] = (char)pick(256);
            if (p[at] != old)
                return len;
            break;
        case 1:
            p[at] = (char)(old ^ 1 << pick(8)); /* one bit */
            return len;
        case 2:
            if (len > 1) {
                memmove(p + at, p + at + 1, len - at - 1);
                return len - 1;
            }
            break;
        case 3:
            memmove(p + at + 1, p + at, len - at);
            p[at] = (char)pick(256);
            return len + 1;
        default:
            if (at + 1 < len && p[at + 1] != old) {
                p[at] = p[at + 1];
                p[at + 1] = old;
                return len;
            }
            break;
        }
    }
}

static void random_changes_of_the_export_are_all_found(void **state)
{
    char *copy = mem_alloc(g.lines_len + 2), path[40];
    int fd = memfd_create("audit.jsonl", MFD_CLOEXEC); /* a disk would make this take minutes */

    (void)state;
    assert_true(fd >= 0);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    srand(32); /* a failure must come again */
    for (int i = 0; i < MUTATIONS; i++) {
        struct audit_verify_result v;
        size_t len;

        memcpy(copy, g.lines, g.lines_len);
        len = mutate(copy, g.lines_len);
        assert_int_equal(pwrite(fd, copy, len, 0), (ssize_t)len);
        assert_int_equal(ftruncate(fd, (off_t)len), 0);
        if (audit_verify_jsonl(path, 0, NULL, &v) != 0 || v.ok)
            fail_msg("mutation %d was not found", i);
    }
    assert_int_equal(pwrite(fd, g.lines, g.lines_len, 0), (ssize_t)g.lines_len);
    assert_int_equal(ftruncate(fd, (off_t)g.lines_len), 0);
    untouched_export_passes(path);
    (void)close(fd);
    free(copy);
}

static const char *const columns[] = {"seq",      "at_ms",  "actor", "verb", "subject",
                                      "incident", "detail", "prev",  "hash"};

/* Reads one value as text, changes its bytes, and writes it back. Numbers get one random bit flipped. */
static void mutate_value(sqlite3 *db, int64_t seq, size_t column)
{
    char sql[100], text[4096];
    sqlite3_stmt *q = NULL;
    size_t len;

    (void)snprintf(sql, sizeof sql, "SELECT ifnull(%s, '') FROM audit WHERE seq = %d",
                   columns[column], (int)seq);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    len = (size_t)sqlite3_column_bytes(q, 0);
    assert_true(len < sizeof text - 1);
    memcpy(text, sqlite3_column_text(q, 0), len);
    sqlite3_finalize(q);
    (void)snprintf(sql, sizeof sql, "UPDATE audit SET %s = ?1 WHERE seq = %d", columns[column],
                   (int)seq);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    if (column < 2) {
        text[len] = '\0';
        sqlite3_bind_int64(q, 1, (int64_t)(strtoull(text, NULL, 10) ^ (1ULL << (5 + pick(57)))));
    } else {
        /* Absent becomes a text: that is a change too. */
        text[len] = 'x';
        len = len ? mutate(text, len) : 1;
        sqlite3_bind_text(q, 1, text, (int)len, SQLITE_TRANSIENT);
    }
    if (sqlite3_step(q) != SQLITE_DONE)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(q);
}

static void random_changes_of_the_table_are_all_found(void **state)
{
    sqlite3 *db = fresh_copy();

    (void)state;
    srand(33);
    run_sql(db, "CREATE TABLE keep AS SELECT * FROM audit");
    for (int i = 0; i < MUTATIONS; i++) {
        int64_t seq = 1 + (int64_t)pick(ROWS);
        size_t column = pick(ARRAY_LEN(columns));
        struct audit_verify_result v;

        mutate_value(db, seq, column);
        if (audit_verify_store(g.copy, 0, NULL, &v) != 0 || v.ok)
            fail_msg("mutation %d of %s in row %d was not found", i, columns[column], (int)seq);
        run_sql(db, "BEGIN; DELETE FROM audit; INSERT INTO audit SELECT * FROM keep; COMMIT");
        if (i % 500 == 0 && (audit_verify_store(g.copy, 0, NULL, &v) != 0 || !v.ok))
            fail_msg("the restored table does not pass: %s", v.reason);
    }
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untouched_records_pass),
        cmocka_unit_test(a_live_store_can_be_verified),
        cmocka_unit_test(each_way_to_change_the_table_is_found),
        cmocka_unit_test(a_recomputed_hash_is_found_at_the_next_row_or_by_a_checkpoint),
        cmocka_unit_test(an_older_copy_of_the_whole_store_is_found_behind_a_checkpoint),
        cmocka_unit_test(a_value_of_another_type_is_found),
        cmocka_unit_test(files_that_cannot_be_read_say_why),
        cmocka_unit_test(dropped_doubled_and_reordered_lines_are_found),
        cmocka_unit_test(a_cut_tail_is_found_behind_a_checkpoint),
        cmocka_unit_test(an_export_may_go_on_from_a_checkpoint),
        cmocka_unit_test(other_ways_to_write_the_same_row_are_found),
        cmocka_unit_test(random_changes_of_the_export_are_all_found),
        cmocka_unit_test(random_changes_of_the_table_are_all_found),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, make_world, end_world);
}
