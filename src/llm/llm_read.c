/* Readers: JSON for the API and the command line, on a connection of their own. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/llm_priv.h"

#define LIST_MAX   200
#define SHOW_BYTES ((size_t)64 * 1024 * 1024)

struct llm_reader {
    struct store *store;
    struct store_set *sql;
};

int llm_reader_open(struct store *s, struct llm_reader **out, struct err *e)
{
    AUTO(mem_freep) struct llm_reader *r = mem_alloc(sizeof *r);

    r->store = s;
    if (store_prepare(s, llm_sql_table, LLM_STMTS, &r->sql, e) < 0)
        return e->code;
    *out = TAKE(r);
    return 0;
}

void llm_reader_close(struct llm_reader *r)
{
    mem_freep(&r);
}

/* ---- pieces ---- */

static void put(json_t *o, const char *key, json_t *v)
{
    CHECK(v && json_object_set_new(o, key, v) == 0);
}

static void put_time(json_t *o, const char *key, int64_t ms)
{
    char iso[TIME_ISO_MAX];

    put(o, key, ms ? json_string(time_format_iso(ms, true, iso)) : json_null());
}

static json_t *int_or_null(struct store_stmt *q, int col)
{
    return store_is_null(q, col) ? json_null() : json_integer(store_int(q, col));
}

static json_t *text_or_null(struct store_stmt *q, int col)
{
    const char *s = store_text(q, col);

    return s ? json_string(s) : json_null();
}

/* Columns of CALL_COLUMNS, in that order. */
static json_t *call_json(struct store_stmt *q)
{
    static const struct {
        const char *key;
        int col;
        bool number;
    } plain[] = {
        {"id", 0, true},
        {"purpose", 1, false},
        {"incident", 2, false},
        {"key", 3, false},
        {"round", 4, true},
        {"state", 5, false},
        {"outcome", 6, false},
        {"why", 7, false},
        {"base_url", 8, false},
        {"dialect", 9, false},
        {"model", 10, false},
        {"prompt", 11, false},
        {"schema_hash", 12, false},
        {"bundle_id", 13, true},
        {"reserved_tokens", 14, true},
        {"reserved_cost", 15, true},
    };
    static const char *const counts[] = {"input", "cached", "cache_write", "output"};
    json_t *o = json_object(), *usage = json_object();

    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        put(o, plain[i].key,
            plain[i].number ? int_or_null(q, plain[i].col) : text_or_null(q, plain[i].col));
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        put(usage, counts[i], int_or_null(q, 16 + (int)i));
    put(usage, "from", text_or_null(q, 20));
    put(o, "usage", usage);
    put(o, "cost", int_or_null(q, 21));
    put_time(o, "sent_at", store_int(q, 22));
    put_time(o, "ended_at", store_int(q, 23));
    return o;
}

int llm_list(struct llm_reader *r, const char *incident_id, int64_t before, unsigned limit,
             json_t **out, struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, incident_id ? LLM_LIST_INCIDENT : LLM_LIST);
    json_auto_t *items = json_array();
    int rc;

    store_bind_int(q, 1, before > 0 ? before : INT64_MAX);
    store_bind_int(q, 2, limit > 0 && limit < LIST_MAX ? limit : LIST_MAX);
    if (incident_id)
        store_bind_text(q, 3, incident_id);
    while ((rc = store_step(q, e)) > 0)
        json_array_append_new(items, call_json(q));
    if (rc < 0)
        return rc;
    *out = json_pack("{s:O}", "items", items);
    CHECK(*out);
    return 0;
}

/* ---- one call with its bodies ---- */

struct bodies {
    const char *asked, *request, *reply, *report;
};

/* The bytes of a reply may be anything; what is shown is text. */
static json_t *as_text(const char *p, size_t len)
{
    AUTO(buf_done) struct buf b = {0};
    json_t *j = json_stringn(p, len);

    if (j)
        return j;
    buf_init(&b, LLM_REPLY_MAX_BYTES * 4);
    text_show(&b, p, len, LLM_REPLY_MAX_BYTES, false);
    return json_stringn(buf_str(&b), b.len);
}

static json_t *as_json(const char *p, size_t len)
{
    json_t *j = json_loadb(p, len, JSON_DECODE_ANY, NULL);

    return j ? j : json_null();
}

static int put_body(struct llm_reader *r, json_t *o, const char *key, const char *sha, bool json,
                    struct err *e)
{
    AUTO(arena_freep) struct arena *a = NULL;
    const char *p;
    size_t len;
    int rc;

    if (!sha) {
        put(o, key, json_null());
        return 0;
    }
    a = arena_new(SHOW_BYTES);
    rc = store_body_get(r->store, sha, a, &p, &len, e);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    put(o, key, rc < 0 ? json_null() : json ? as_json(p, len) : as_text(p, len));
    return 0;
}

int llm_show(struct llm_reader *r, int64_t id, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(1024 * 1024);
    struct store_stmt *q = store_begin(r->sql, LLM_SHOW);
    AUTO(json_freep) json_t *o = NULL;
    const char *checks;
    struct bodies b;
    int rc;

    store_bind_int(q, 1, id);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no call %" PRId64 " to a model", id);
    o = call_json(q);
    b = (struct bodies){store_text_dup(q, 24, a), store_text_dup(q, 25, a),
                        store_text_dup(q, 26, a), store_text_dup(q, 28, a)};
    checks = store_text(q, 27);
    put(o, "checks", checks ? as_json(checks, strlen(checks)) : json_null());
    store_reset(q);
    if (put_body(r, o, "asked", b.asked, true, e) < 0 ||
        put_body(r, o, "request", b.request, false, e) < 0 ||
        put_body(r, o, "reply", b.reply, false, e) < 0 ||
        put_body(r, o, "report", b.report, true, e) < 0)
        return e->code;
    *out = TAKE(o);
    return 0;
}

/* ---- status ---- */

static json_t *spent_json(const struct llm_spent *s)
{
    return json_pack("{s:I, s:I, s:I}", "calls", (json_int_t)s->calls, "tokens",
                     (json_int_t)s->tokens, "cost", (json_int_t)s->cost);
}

static json_t *budget_json(const struct config_model *m)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I}", "tokens_per_incident", (json_int_t)m->tokens_per_incident,
        "tokens_per_hour", (json_int_t)m->tokens_per_hour, "tokens_per_day",
        (json_int_t)m->tokens_per_day, "cost_per_incident", (json_int_t)m->cost_per_incident,
        "cost_per_hour", (json_int_t)m->cost_per_hour, "cost_per_day", (json_int_t)m->cost_per_day);
}

static json_t *breaker_json(const struct config_model *m, const struct llm_endpoint_row *row,
                            int64_t now)
{
    static const char *const words[] = {[LLM_BREAKER_CLOSED] = "closed",
                                        [LLM_BREAKER_OPEN] = "open",
                                        [LLM_BREAKER_HALF] = "half open"};
    enum llm_breaker state = llm_breaker(m, row, now);
    json_t *o =
        json_pack("{s:s, s:I}", "state", words[state], "failures", (json_int_t)row->failures);

    put_time(o, "until", state == LLM_BREAKER_OPEN ? row->open_until_ms : 0);
    put(o, "why", row->open_why[0] ? json_string(row->open_why) : json_null());
    return o;
}

int llm_status(struct llm_reader *r, const struct config_model *m, int64_t now_wall_ms,
               json_t **out, struct err *e)
{
    struct llm_endpoint_row row = {0};
    struct llm_spent hour = {0}, day = {0};
    json_t *o, *spend;

    if ((m->base_url && llm_endpoint_get(r->sql, m, &row, e) < 0) ||
        llm_spent_hour(r->sql, now_wall_ms, &hour, e) < 0 ||
        llm_spent_day(r->sql, now_wall_ms, &day, e) < 0)
        return e->code;
    o = json_object();
    put(o, "endpoint", m->base_url ? json_string(m->base_url) : json_null());
    put(o, "model", m->base_url ? json_string(m->name) : json_null());
    put(o, "breaker", m->base_url ? breaker_json(m, &row, now_wall_ms) : json_null());
    put(o, "schema_enforced", row.known ? json_boolean(row.enforced) : json_null());
    put_time(o, "canary_at", row.canary_ms);
    spend = json_object();
    put(spend, "hour", spent_json(&hour));
    put(spend, "day", spent_json(&day));
    put(o, "spend", spend);
    put(o, "budget", budget_json(m));
    *out = o;
    return 0;
}
