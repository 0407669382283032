#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/engine_priv.h"

int engine_alarm(struct engine_pass *p, const char *key, const char *what, const char *todo,
                 struct err *e)
{
    struct engine *en = p->engine;
    struct store_stmt *q = store_begin(en->sql, ALARM_RAISE);
    int64_t times;
    int rc;

    store_bind_text(q, 1, key);
    store_bind_text(q, 2, what);
    store_bind_text(q, 3, todo);
    store_bind_int(q, 4, p->now_wall_ms);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    times = store_int(q, 0);
    store_reset(q);
    if (times > 1)
        return 0; /* still raised: said once, counted after */
    LOG(WARN, "alarm.raised", log_s("alarm", key), log_s("what", what), log_s("todo", todo));
    AUTO(json_freep) json_t *detail = json_pack("{s:s, s:s}", "what", what, "todo", todo);
    char subject[96];

    snprintf(subject, sizeof subject, "alarm:%s", key);
    const struct audit_entry x = {
        .actor = "system", .verb = "alarm.raised", .subject = subject, .detail = detail};

    return audit_append(p->audit, &x, p->now_wall_ms, e);
}

int engine_alarm_clear(struct engine_pass *p, const char *key, struct err *e)
{
    struct engine *en = p->engine;
    struct store_stmt *q = store_begin(en->sql, ALARM_CLEAR);
    char subject[96];
    int n;

    store_bind_text(q, 1, key);
    store_bind_int(q, 2, p->now_wall_ms);
    n = store_exec(q, e);
    if (n <= 0)
        return n;
    LOG(INFO, "alarm.cleared", log_s("alarm", key));
    snprintf(subject, sizeof subject, "alarm:%s", key);
    const struct audit_entry x = {.actor = "system", .verb = "alarm.cleared", .subject = subject};

    return audit_append(p->audit, &x, p->now_wall_ms, e);
}

int engine_reader_prepare(struct store *s, struct store_set **out, struct err *e)
{
    return store_prepare(s, engine_sql, ENGINE_SQL_LEN, out, e);
}

const struct store_sql *engine_statements(size_t *n)
{
    *n = ENGINE_SQL_LEN;
    return engine_sql;
}

int engine_reader_alarms(struct store_set *set, json_t **out, struct err *e)
{
    struct store_stmt *q = store_begin(set, ALARM_LIVE);
    AUTO(json_freep) json_t *items = json_array();
    int rc;

    while ((rc = store_step(q, e)) == 1) {
        char since[TIME_ISO_MAX];
        char last[TIME_ISO_MAX];

        json_array_append_new(items,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "key", store_text(q, 0),
                                        "what", store_text(q, 1), "todo", store_text(q, 2), "since",
                                        time_format_iso(store_int(q, 3), false, since), "last",
                                        time_format_iso(store_int(q, 4), false, last), "times",
                                        (json_int_t)store_int(q, 5)));
    }
    store_reset(q);
    if (rc < 0)
        return rc;
    *out = json_pack("{s:O}", "items", items);
    return 0;
}

int engine_pass_alarms(struct engine_pass *p, json_t **out, struct err *e)
{
    return engine_reader_alarms(p->engine->sql, out, e);
}
