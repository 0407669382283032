#include "audit/audit.h"

#include <inttypes.h>
#include <string.h>

#include "audit/audit_sql.h"
#include "base/fault.h"
#include "base/json.h"

/* Stands in the place of the previous hash before row 1. */
#define HASH_ZERO "0000000000000000000000000000000000000000000000000000000000000000"

struct audit {
    struct store_set *set;
    struct audit_head head;
};

struct audit_reader {
    struct store_set *set;
};

const struct store_sql *audit_statements(size_t *n)
{
    *n = ARRAY_LEN(audit_sql_table);
    return audit_sql_table;
}

static int read_head(struct audit *a, struct err *e)
{
    struct store_stmt *q = store_begin(a->set, AUDIT_HEAD);
    const char *hash = HASH_ZERO;
    int64_t seq = 0;
    int rc = store_step(q, e);

    if (rc < 0)
        return rc;
    if (rc > 0) {
        seq = store_int(q, 0);
        hash = store_text(q, 1);
    }
    if (strlen(hash) != SHA256_HEX - 1) {
        store_reset(q);
        return err_set(e, ERR_INTERNAL,
                       "audit row %" PRId64 " has no hash; run triagectl audit verify", seq);
    }
    a->head.seq = seq;
    memcpy(a->head.hash, hash, SHA256_HEX);
    store_reset(q);
    return 0;
}

int audit_open(struct store *s, struct audit **out, struct err *e)
{
    AUTO(mem_freep) struct audit *a = mem_alloc(sizeof *a);

    if (store_prepare(s, audit_sql_table, ARRAY_LEN(audit_sql_table), &a->set, e) < 0 ||
        read_head(a, e) < 0)
        return e->code;
    *out = TAKE(a);
    return 0;
}

void audit_close(struct audit *a)
{
    /* The statements go with the store. */
    mem_freep(&a);
}

struct audit_head audit_head(const struct audit *a)
{
    return a->head;
}

void audit_set_head(struct audit *a, const struct audit_head *h)
{
    a->head = *h;
}

/* Names end up in JSON, on pages and in the chain for good, so what is not text is refused before it is written. */
static int check_name(const char *what, const char *s, struct err *e)
{
    json_auto_t *text = NULL;

    if (!s || !*s || strlen(s) > AUDIT_NAME_MAX)
        return err_set(e, ERR_INPUT, "audit: %s must have 1 to %d bytes", what, AUDIT_NAME_MAX);
    text = json_string(s);
    if (!text)
        return err_set(e, ERR_INPUT, "audit: %s is not valid UTF-8", what);
    return 0;
}

static int check_entry(const struct audit_entry *x, struct err *e)
{
    if (check_name("actor", x->actor, e) < 0 || check_name("verb", x->verb, e) < 0 ||
        check_name("subject", x->subject, e) < 0)
        return e->code;
    if (x->incident && check_name("incident", x->incident, e) < 0)
        return e->code;
    if (x->detail && !json_is_object(x->detail))
        return err_set(e, ERR_INPUT, "audit: detail must be an object");
    return 0;
}

/* The order and the encoding of the fields are the format: audit_verify_chain.c and docs/security.md say the same. */
static void row_hash(const struct audit_head *prev, const struct audit_entry *x, int64_t at_ms,
                     const char *detail, char out[SHA256_HEX])
{
    struct digest d;

    digest_begin(&d, "triaged.audit.v1");
    digest_int(&d, prev->seq + 1);
    digest_int(&d, at_ms);
    digest_str(&d, x->actor);
    digest_str(&d, x->verb);
    digest_str(&d, x->subject);
    digest_str(&d, x->incident);
    digest_str(&d, detail);
    digest_str(&d, prev->hash);
    digest_end(&d, out);
}

int audit_append(struct audit *a, const struct audit_entry *x, int64_t now_wall_ms, struct err *e)
{
    AUTO(mem_freep) char *canon = NULL;
    const char *detail = "{}";
    struct audit_head next = {.seq = a->head.seq + 1};
    struct store_stmt *q;
    size_t len = 2;

    if (check_entry(x, e) < 0)
        return e->code;
    if (x->detail) {
        canon = json_canon(x->detail, &len);
        detail = canon;
    }
    if (len > AUDIT_DETAIL_MAX)
        return err_set(e, ERR_INPUT, "audit: detail of %s has %zu bytes, over %d", x->verb, len,
                       AUDIT_DETAIL_MAX);
    row_hash(&a->head, x, now_wall_ms, detail, next.hash);
    q = store_begin(a->set, AUDIT_INSERT);
    store_bind_int(q, 1, next.seq);
    store_bind_int(q, 2, now_wall_ms);
    store_bind_text(q, 3, x->actor);
    store_bind_text(q, 4, x->verb);
    store_bind_text(q, 5, x->subject);
    store_bind_text(q, 6, x->incident);
    store_bind_textn(q, 7, detail, len);
    store_bind_text(q, 8, a->head.hash);
    store_bind_text(q, 9, next.hash);
    FAULT_POINT("audit.append");
    if (store_exec(q, e) < 0) {
        if (e->code == ERR_CONFLICT)
            return err_set(e, ERR_INTERNAL,
                           "audit: row %" PRId64 " exists already; the head in memory is stale",
                           next.seq);
        return e->code;
    }
    a->head = next;
    return 0;
}

int audit_reader_open(struct store *s, struct audit_reader **out, struct err *e)
{
    AUTO(mem_freep) struct audit_reader *r = mem_alloc(sizeof *r);

    if (store_prepare(s, audit_sql_table, ARRAY_LEN(audit_sql_table), &r->set, e) < 0)
        return e->code;
    *out = TAKE(r);
    return 0;
}

void audit_reader_close(struct audit_reader *r)
{
    mem_freep(&r);
}

static int row_json(struct store_stmt *q, json_t **out, struct err *e)
{
    const char *text = store_text(q, 6);
    json_auto_t *detail = NULL;

    /* Written by us, but the file may have been changed since: showing the row must not fail for that. */
    detail = text ? json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL) : NULL;
    *out = json_pack("{s:I, s:I, s:s, s:s, s:s, s:s?, s:O?, s:s, s:s}", "seq",
                     (json_int_t)store_int(q, 0), "at", (json_int_t)store_int(q, 1), "actor",
                     store_text(q, 2), "verb", store_text(q, 3), "subject", store_text(q, 4),
                     "incident", store_text(q, 5), "detail", detail, "prev", store_text(q, 7),
                     "hash", store_text(q, 8));
    if (!*out)
        return err_set(e, ERR_INTERNAL,
                       "audit row %" PRId64 " is not readable; run triagectl audit verify",
                       store_int(q, 0));
    return 0;
}

static struct store_stmt *begin_list(struct audit_reader *r, const struct audit_filter *f)
{
    static const size_t table[2][2][2] = {
        /* [incident][subject][newest first] */
        {{AUDIT_ALL, AUDIT_ALL_NEWEST}, {AUDIT_SUBJECT, AUDIT_SUBJECT_NEWEST}},
        {{AUDIT_INCIDENT, AUDIT_INCIDENT_NEWEST}, {AUDIT_BOTH, AUDIT_BOTH_NEWEST}},
    };
    struct store_stmt *q =
        store_begin(r->set, table[f->incident != NULL][f->subject != NULL][f->newest_first]);
    unsigned limit = f->limit > 1000 ? 1000 : f->limit;

    store_bind_int(q, 1, f->newest_first && f->after_seq == 0 ? INT64_MAX : f->after_seq);
    store_bind_int(q, 2, limit ? limit : 1);
    if (f->subject)
        store_bind_text(q, 3, f->subject);
    if (f->incident)
        store_bind_text(q, 4, f->incident);
    return q;
}

int audit_list(struct audit_reader *r, const struct audit_filter *f, json_t **out, struct err *e)
{
    json_auto_t *list = json_array();
    struct store_stmt *q = begin_list(r, f);
    int rc;

    CHECK(list);
    while ((rc = store_step(q, e)) > 0) {
        json_t *row = NULL;

        if (row_json(q, &row, e) < 0) {
            store_reset(q);
            return e->code;
        }
        CHECK(json_array_append_new(list, row) == 0);
    }
    if (rc < 0)
        return rc;
    *out = TAKE(list);
    return 0;
}

int audit_get(struct audit_reader *r, int64_t seq, json_t **out, struct err *e)
{
    struct audit_filter f = {.after_seq = seq - 1, .limit = 1};
    json_auto_t *list = NULL;
    json_t *row;

    if (audit_list(r, &f, &list, e) < 0)
        return e->code;
    row = json_array_get(list, 0);
    if (!row || json_integer_value(json_object_get(row, "seq")) != seq)
        return err_set(e, ERR_NOT_FOUND, "there is no audit row %" PRId64, seq);
    *out = json_incref(row);
    return 0;
}

int audit_export(struct audit_reader *r, int64_t after_seq, unsigned limit, struct buf *out,
                 struct err *e)
{
    struct audit_filter f = {.after_seq = after_seq, .limit = limit};
    json_auto_t *list = NULL;
    json_t *row;
    size_t i;

    if (audit_list(r, &f, &list, e) < 0)
        return e->code;
    json_array_foreach (list, i, row) {
        size_t len;
        AUTO(mem_freep) char *line = json_canon(row, &len);

        buf_add(out, line, len);
        buf_putc(out, '\n');
    }
    if (out->over)
        return err_set(e, ERR_INPUT, "audit export: %zu rows do not fit; ask for fewer",
                       json_array_size(list));
    return (int)json_array_size(list);
}
