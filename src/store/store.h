#ifndef TRIAGED_STORE_STORE_H
#define TRIAGED_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * SQLite behind a narrow door. One writing connection per process (the engine's), readers open their own with read_only.
 * A struct store belongs to one thread.
 *
 * Settings that are part of the promise (reliability 3.3): WAL, synchronous=FULL, wal_autocheckpoint=0, foreign_keys,
 * trusted_schema=OFF, cell_size_check, defensive, secure_delete=FAST, mmap 0, temp_store=MEMORY, auto_vacuum=INCREMENTAL
 * from creation. Files 0600. A network file system (NFS, CIFS, FUSE) is refused.
 */
struct store;

struct store_opts {
    const char *path;
    bool read_only;
    unsigned cache_kib; /* 0 = 4096 */
};

/* Opens or creates. A writer runs the migrations (numbered, forward only, one transaction each). A database that is newer
 * than the program, or a reader of an older one, is ERR_CONFLICT with both versions in the message. */
int store_open(const struct store_opts *o, struct store **out, struct err *e) MUST_CHECK;
void store_close(struct store *s); /* accepts NULL; finalises every statement set */
void store_closep(struct store **s);
int store_schema_version(void); /* of this program */

/* Statement tables: every room has one in its *_sql.h; prepared at start, so that a typo stops the start. */
struct store_sql {
    const char *name; /* "queue.claim" */
    const char *text; /* $1, $2 ...; never built from data */
};
struct store_set;
int store_prepare(struct store *s, const struct store_sql *table, size_t n, struct store_set **out,
                  struct err *e) MUST_CHECK;

/* One use: begin (resets and unbinds: what is not bound again is NULL), bind, step or exec. Binding a parameter that the
 * text does not have is our bug. A writing statement after the transaction was lost is ERR_INTERNAL, not a commit of its
 * own. */
struct store_stmt;
struct store_stmt *store_begin(struct store_set *set, size_t index);
void store_bind_int(struct store_stmt *q, int param, int64_t v);
void store_bind_text(struct store_stmt *q, int param, const char *s); /* NULL binds NULL; copied */
void store_bind_textn(struct store_stmt *q, int param, const char *s, size_t len);
void store_bind_blob(struct store_stmt *q, int param, const void *p, size_t len); /* copied */
void store_bind_null(struct store_stmt *q, int param);
/* 1: a row; 0: no more; negative: error (a constraint is ERR_CONFLICT, busy ERR_RETRY, full or I/O ERR_INTERNAL). */
int store_step(struct store_stmt *q, struct err *e) MUST_CHECK;
int64_t store_int(struct store_stmt *q, int col); /* NULL reads 0 */
bool store_is_null(struct store_stmt *q, int col);
/* NULL for NULL; until the next step or reset */
const char *store_text(struct store_stmt *q, int col);
const void *store_blob(struct store_stmt *q, int col, size_t *len);
char *store_text_dup(struct store_stmt *q, int col, struct arena *a);
void store_reset(struct store_stmt *q);
/* Steps to the end and resets. Returns the number of rows changed, or a negative code. */
int store_exec(struct store_stmt *q, struct err *e) MUST_CHECK;

/* One transaction per engine pass (BEGIN IMMEDIATE). Readers may open a deferred one for one request. */
int store_tx_begin(struct store *s, struct err *e) MUST_CHECK;
int store_tx_commit(struct store *s, struct err *e) MUST_CHECK;
void store_tx_rollback(struct store *s);
/* False after SQLITE_FULL and the like rolled the whole transaction back: the pass is lost. */
bool store_tx_open(const struct store *s);
/* True after an I/O error or corruption: what the page cache holds can no longer be believed, the process must end and come
 * back through recovery (threat model H6). A full disk is not fatal. */
bool store_fatal(const struct store *s);

/* AUTO(store_savepoint_end) struct store_savepoint sp = {0}; rolls back unless released. Nest freely. */
struct store_savepoint {
    struct store *store;
    int depth;
};
int store_savepoint(struct store_savepoint *sp, struct store *s, struct err *e) MUST_CHECK;
int store_release(struct store_savepoint *sp, struct err *e) MUST_CHECK;
void store_savepoint_end(struct store_savepoint *sp);

/* Between passes, by the writer. frames: WAL frames since the last whole checkpoint. A checkpoint that a reader kept from
 * being whole is ERR_RETRY: nothing is wrong, wait for more frames. */
int store_wal_frames(const struct store *s);
int store_checkpoint(struct store *s, bool truncate, struct err *e) MUST_CHECK;
int64_t store_wal_bytes(const struct store *s);
/* quick_check table by table on a reading connection; *done when nothing is left. ERR_INTERNAL names the damage. */
int store_quick_check_step(struct store *s, int *table, bool *done, struct err *e) MUST_CHECK;
/* A reader gives up with ERR_RETRY after this time: 1 s for requests, 0 = no limit. It counts from here, again from
 * store_tx_begin, and outside a transaction from the first step of each query. */
void store_limit_ms(struct store *s, unsigned ms);

/* Bodies (webhooks, evidence, replies) live in one table by digest, away from the rows that lists touch; equal bytes are
 * stored once. Audit rows keep the digest, so a body can be pruned. */
int store_body_put(struct store *s, const void *p, size_t len, int64_t now_wall_ms,
                   char out_sha256[65], struct err *e) MUST_CHECK;
/* ERR_NOT_FOUND when pruned. The copy lives in the arena and is NUL-terminated. */
int store_body_get(struct store *s, const char *sha256, struct arena *a, const char **out,
                   size_t *len, struct err *e) MUST_CHECK;

/*
 * Full-text search over one index (store_search.c), which the store does not fill by itself: whoever owns the rows puts and
 * drops their texts in the same transaction, and keeps the index as small as a search is to be fast. Columns are title,
 * service, alerts, notes, resolution, and count for the score in that order: 8, 2, 4, 2, 2.
 */
#define STORE_SEARCH_COLUMNS  5
#define STORE_SEARCH_WORD_MAX 60 /* bytes */
struct store_search_doc {
    int64_t id;
    const char *text[STORE_SEARCH_COLUMNS]; /* NULL is "" */
};
int store_search_put(struct store *s, const struct store_search_doc *d, struct err *e) MUST_CHECK;
/* With the texts exactly as they were put: the index cannot know them, and other ones would damage it. */
int store_search_drop(struct store *s, const struct store_search_doc *d, struct err *e) MUST_CHECK;
/*
 * The best `max` rows with a smaller id that hold at least one of the rarer words, best first; equal ones newest first. score is
 * BM25 in thousandths. Words that stand in very many rows are passed over; when all do, nothing is found. A word is lower case: ASCII letters and
 * digits, and bytes beyond ASCII; anything else is passed over. Only the first ten words are looked at: give the telling ones first.
 */
struct store_search_hit {
    int64_t id, score;
};
int store_search_find(struct store *s, const char *const *words, size_t n_words, int64_t below_id,
                      struct store_search_hit *hits, size_t max, size_t *n, struct err *e)
    MUST_CHECK;

/* Small named values ("boot_epoch", "modes"). */
int store_meta_get(struct store *s, const char *key, struct arena *a, const char **out,
                   struct err *e) MUST_CHECK;
int store_meta_set(struct store *s, const char *key, const char *value, struct err *e) MUST_CHECK;

/* Every room with tables has one such function (audit_statements, queue_statements ...), for the test that prepares and
 * explains them all. */
const struct store_sql *store_statements(size_t *n);

/* For the test that reads the plan of every statement: text of EXPLAIN QUERY PLAN, lines joined by "; ". */
int store_explain(struct store_set *set, size_t index, struct buf *out, struct err *e) MUST_CHECK;
const char *store_set_name(const struct store_set *set, size_t index);

#endif
