#ifndef TRIAGED_ENGINE_SQL_H
#define TRIAGED_ENGINE_SQL_H

#include "store/store.h"

/* Statements of the engine; no other file names the alarm table but readers of status. */
enum engine_sql {
    ALARM_RAISE,
    ALARM_CLEAR,
    ALARM_LIVE,
    ENGINE_SQL_LEN
};

static const struct store_sql engine_sql[ENGINE_SQL_LEN] = {
    [ALARM_RAISE] =
        {"alarm.raise",
         "INSERT INTO alarm (key, what, todo, raised_ms, last_ms) VALUES ($1, $2, $3, $4, $4) "
         "ON CONFLICT (key) DO UPDATE SET what = excluded.what, todo = excluded.todo, "
         "raised_ms = CASE WHEN alarm.cleared_ms IS NULL THEN alarm.raised_ms ELSE excluded.raised_ms END, "
         "times = CASE WHEN alarm.cleared_ms IS NULL THEN alarm.times + 1 ELSE 1 END, "
         "last_ms = excluded.last_ms, cleared_ms = NULL RETURNING times"},
    [ALARM_CLEAR] = {"alarm.clear",
                     "UPDATE alarm SET cleared_ms = $2 WHERE key = $1 AND cleared_ms IS NULL"},
    [ALARM_LIVE] = {"alarm.live", "SELECT key, what, todo, raised_ms, last_ms, times FROM alarm "
                                  "WHERE cleared_ms IS NULL ORDER BY raised_ms LIMIT 100"},
};

#endif
