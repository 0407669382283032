#ifndef TRIAGED_STORE_STORE_SQL_H
#define TRIAGED_STORE_STORE_SQL_H

#include "store/store.h"

/* Every statement of the tables meta and body, and of the full-text index. */
enum {
    STORE_META_GET,
    STORE_META_SET,
    STORE_BODY_PUT,
    STORE_BODY_GET,
    STORE_SEARCH_PUT,
    STORE_SEARCH_DROP,
    STORE_SEARCH_MERGE,
    STORE_SEARCH_WORD,
    STORE_SEARCH_FIND,
    STORE_SQL_LEN
};

static const struct store_sql store_sql_table[STORE_SQL_LEN] = {
    [STORE_META_GET] = {"store.meta_get", "SELECT value FROM meta WHERE key = $1"},
    [STORE_META_SET] = {"store.meta_set",
                        "INSERT INTO meta (key, value) VALUES ($1, $2)"
                        " ON CONFLICT (key) DO UPDATE SET value = excluded.value"},
    /* Bytes that come again live on, but a burst of equal ones must not write the row each time: once a day. */
    [STORE_BODY_PUT] = {"store.body_put",
                        "INSERT INTO body (sha256, bytes, created_ms) VALUES ($1, $2, $3)"
                        " ON CONFLICT (sha256) DO UPDATE SET created_ms = excluded.created_ms"
                        " WHERE body.created_ms < excluded.created_ms - 86400000"},
    [STORE_BODY_GET] = {"store.body_get", "SELECT bytes FROM body WHERE sha256 = $1"},
    [STORE_SEARCH_PUT] =
        {"store.search_put",
         "INSERT INTO memory_text (rowid, title, service, alerts, notes, resolution)"
         " VALUES ($1, $2, $3, $4, $5, $6)"},
    [STORE_SEARCH_DROP] =
        {"store.search_drop",
         "INSERT INTO memory_text (memory_text, rowid, title, service, alerts, notes,"
         " resolution) VALUES ('delete', $1, $2, $3, $4, $5, $6)"},
    [STORE_SEARCH_MERGE] = {"store.search_merge",
                            "INSERT INTO memory_text (memory_text, rank) VALUES ('merge', $1)"},
    [STORE_SEARCH_WORD] = {"store.search_word",
                           "SELECT count(*) FROM (SELECT 1 FROM memory_text"
                           " WHERE memory_text MATCH $1 AND rowid < $2 LIMIT $3) AS w"},
    /* bm25 is the better the smaller. */
    [STORE_SEARCH_FIND] = {"store.search_find",
                           "SELECT rowid, CAST(bm25(memory_text, 8, 2, 4, 2, 2) * -1000 AS INTEGER)"
                           " FROM memory_text WHERE memory_text MATCH $1 AND rowid < $2"},
};

#endif
