#ifndef TRIAGED_STORE_STORE_PRIV_H
#define TRIAGED_STORE_STORE_PRIV_H

#include <sqlite3.h>

#include "store/store.h"

/* Shared by the sources of this room and its unit test; no other room includes it. */

#define STORE_PARAM_MAX 48
#define STORE_DEPTH_MAX 16
#define STORE_BUSY_MS   250

struct store_stmt {
    sqlite3_stmt *q;
    const struct store_sql *sql;
    struct store *store;
    bool writes; /* could change the database */
    bool active; /* stepped and not reset since */
    /* slot[n] is SQLite's index of the parameter "$n", 0 when the text does not have it. */
    unsigned char slot[STORE_PARAM_MAX + 1];
};

struct store_set {
    struct store_set *next;
    struct store *store;
    size_t n;
    struct store_stmt *stmts;
};

enum {
    SP_OPEN,
    SP_RELEASE,
    SP_BACK,
    SP_KINDS
};

struct store {
    sqlite3 *db;
    char *path;
    int lock_fd; /* -1 for readers */
    bool read_only;
    bool in_tx; /* we began one; SQLite may have rolled it back since */
    bool fatal; /* I/O error or corruption: the process must end and come back through recovery */
    int depth;  /* open savepoints */
    unsigned limit_ms;
    int64_t deadline_mono_ms; /* 0 = none */
    int wal_seen;             /* frames in the WAL after the last commit */
    int wal_done;             /* of these, how many the last whole checkpoint had copied */
    unsigned search_drops;    /* since the start: when the full-text index is tidied up again */
    struct store_set *sets;
    struct store_set *own;
    sqlite3_stmt *savepoints[SP_KINDS][STORE_DEPTH_MAX + 1];
};

/* Fills e from an SQLite result code. what names the statement or the act. Always returns a negative code. */
int store_fail(struct store *s, int rc, const char *what, struct err *e);
/* Statements left in the middle would keep a commit waiting or a read transaction open. */
void store_reset_all(struct store *s);
void store_start_clock(struct store *s);
/* True when the transaction that we began is gone (SQLITE_FULL and the like rolled it back). */
bool store_tx_lost(const struct store *s);

/* store_file.c. The name of a file system that SQLite's locks cannot be trusted on, NULL when it is fine. */
const char *store_fs_refused(long statfs_type, bool allow_fuse);
int store_check_fs(const char *path, struct err *e) MUST_CHECK;
int store_lock(const char *path, int *locked_fd, struct err *e) MUST_CHECK;
int store_make_file(const char *path, struct err *e) MUST_CHECK;

struct store_migration {
    int version;
    const char *sql;
};
extern const struct store_migration store_migrations[]; /* made by cmake from schema/NNNN.sql */
extern const int store_migrations_len;
/* 0 for an empty database. ERR_CONFLICT when it holds tables of somebody else. */
int store_version(struct store *s, int *version, struct err *e) MUST_CHECK;
int store_migrate(struct store *s, const struct store_migration *m, int n, struct err *e)
    MUST_CHECK;

#endif
