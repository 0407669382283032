/* Deciding again from what the store keeps: a reading connection, no write, no daemon. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/llm.h"
#include "triage/ask_priv.h"
#include "triage/replay.h"
#include "triage/triage_sql.h"

#define REPLAY_ARENA_BYTES ((size_t)256 * 1024 * 1024)
#define DIFFERENCES_MAX    200

struct replay {
    struct store *store;
    struct store_set *sql;
    struct arena *arena;
    const char *id, *title;
    int64_t number;
    /* of the assessment */
    int64_t assessment_id, created_ms;
    const char *origin, *verdict, *facts, *known, *report, *confidence, *said, *seen, *wanted;
    json_t *missing;
};

/* ---- rows ---- */

static int incident_find(struct replay *r, const char *what, int64_t *newest, struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, INCIDENT_GET);
    struct err none = {0};
    int64_t num;
    int rc;

    store_bind_text(q, 1, what);
    rc = store_step(q, e);
    if (rc == 0 && parse_i64(*what == '#' ? what + 1 : what, 1, INT64_MAX, &num, &none) == 0) {
        store_reset(q);
        q = store_begin(r->sql, INCIDENT_NUMBER);
        store_bind_int(q, 1, num);
        rc = store_step(q, e);
    }
    if (rc > 0) {
        r->id = store_text_dup(q, 0, r->arena);
        r->number = store_int(q, 2);
        r->title = store_text_dup(q, 3, r->arena);
        *newest = store_int(q, 22);
    }
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no incident with this id or number is known here");
    return rc < 0 ? rc : 0;
}

static int assessment_find(struct replay *r, int64_t id, struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, ASSESSMENT_GET);
    int rc;

    store_bind_int(q, 1, id);
    rc = store_step(q, e);
    if (rc > 0 && text_eq(store_text(q, 1), r->id)) {
        r->assessment_id = id;
        r->origin = store_text_dup(q, 3, r->arena);
        r->verdict = store_text_dup(q, 8, r->arena);
        r->facts = store_text_dup(q, 9, r->arena);
        r->known = store_text_dup(q, 10, r->arena);
        r->created_ms = store_int(q, 12);
        r->report = store_text_dup(q, 13, r->arena);
        r->confidence = store_text_dup(q, 15, r->arena);
        r->said = store_text_dup(q, 16, r->arena);
        r->seen = store_text_dup(q, 17, r->arena);
        r->wanted = store_text_dup(q, 18, r->arena);
    }
    store_reset(q);
    if (rc < 0)
        return rc;
    if (r->assessment_id == 0)
        return err_set(e, ERR_NOT_FOUND, "incident #%lld has no such assessment",
                       (long long)r->number);
    if (!r->said || !r->seen)
        return err_set(e, ERR_CONFLICT,
                       "assessment %lld was made before assessments wrote down what they saw",
                       (long long)id);
    return 0;
}

/* A pruned body is told about, not failed on: *out is NULL then. */
static int body(struct replay *r, const char *sha, const char *what, json_t **out, struct err *e)
{
    const char *text;
    size_t len;
    int rc;

    *out = NULL;
    if (!sha)
        return 0;
    rc = store_body_get(r->store, sha, r->arena, &text, &len, e);
    if (rc == ERR_NOT_FOUND) {
        *e = (struct err){0};
        json_array_append_new(r->missing, json_string(what));
        return 0;
    }
    if (rc < 0)
        return rc;
    *out = json_loadb(text, len, JSON_DECODE_ANY, NULL);
    return *out ? 0 : err_set(e, ERR_INTERNAL, "the stored body %.16s is damaged", sha);
}

static int item_load(void *arg, int64_t num, struct triage_items *it, struct err *e)
{
    struct replay *r = arg;
    struct store_stmt *q = store_begin(r->sql, EVIDENCE_GET);
    const char *kind, *source, *summary, *sha;
    json_t *j = NULL;
    int64_t at_ms;
    bool ok;
    int rc;

    store_bind_text(q, 1, r->id);
    store_bind_int(q, 2, num);
    rc = store_step(q, e);
    if (rc <= 0) {
        store_reset(q);
        return rc < 0 ? rc
                      : err_set(e, ERR_INTERNAL, "#%lld has no evidence E%lld",
                                (long long)r->number, (long long)num);
    }
    kind = store_text_dup(q, 1, r->arena);
    ok = text_eq(store_text(q, 2), "ok");
    source = store_text_dup(q, 3, r->arena);
    summary = store_text_dup(q, 4, r->arena);
    sha = store_text_dup(q, 6, r->arena);
    at_ms = store_int(q, 7);
    store_reset(q);
    if (ok && body(r, sha, arena_printf(r->arena, "E%lld", (long long)num), &j, e) < 0)
        return e->code;
    if (!ok)
        triage_items_not_checked(it, kind, source, summary);
    else if (!j || !triage_items_add(it, kind, source, j, at_ms))
        return 0;
    it->v[it->n - 1].num = num;
    return 0;
}

/* ---- the model's part ---- */

struct asked_before {
    json_t *call;   /* llm_show, owned; NULL: no model */
    json_t *report; /* of another incident, owned */
    const json_t *asked;
    const char *reply;
    size_t reply_len;
    const json_t *reused;
};

static void asked_done(struct asked_before *x)
{
    json_decref(x->call);
    json_decref(x->report);
}

static int call_load(struct replay *r, int64_t id, struct asked_before *out, struct err *e)
{
    struct llm_reader *calls = NULL;
    const struct llm_dialect *d;
    struct llm_reply reply;
    const char *raw;
    int rc = llm_reader_open(r->store, &calls, e);

    if (rc == 0)
        rc = llm_show(calls, id, &out->call, e);
    llm_reader_close(calls);
    if (rc < 0)
        return rc;
    out->asked = json_opt_obj(out->call, "asked");
    raw = json_opt_str(out->call, "reply");
    d = llm_dialect(json_opt_str(out->call, "dialect"));
    if (!out->asked || !raw || !d) {
        json_array_append_new(r->missing, json_string("what the model was asked or said"));
        out->asked = NULL;
        return 0;
    }
    llm_read_reply(d, r->arena, raw, strlen(raw), &reply);
    if (reply.end != LLM_END_OK || !reply.text) {
        out->asked = NULL;
        return 0;
    }
    out->reply = reply.text;
    out->reply_len = reply.len;
    return 0;
}

/* What another incident's answer was cut down to here hangs on the policy of then: it is taken as it was recorded. */
static int model_load(struct replay *r, const json_t *seen, struct asked_before *out, struct err *e)
{
    int64_t id = json_opt_int(seen, "call", 0);

    if (id == 0)
        return 0;
    out->reused = json_opt_obj(seen, "reused");
    if (call_load(r, id, out, e) < 0)
        return e->code;
    if (!out->reused && out->asked)
        return 0;
    out->asked = NULL;
    return body(r, r->report, "the model's report", &out->report, e);
}

/* ---- comparing ---- */

static json_t *parsed(const char *text)
{
    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

/* Takes was. Byte-equal means equal canonical texts. */
static bool part_add(json_t *parts, const char *name, json_t *was, const json_t *now)
{
    size_t la = 0, lb = 0;
    AUTO(mem_freep) char *a = was ? json_canon(was, &la) : NULL;
    AUTO(mem_freep) char *b = now ? json_canon(now, &lb) : NULL;
    bool equal = la == lb && (la == 0 || memcmp(a, b, la) == 0);

    json_array_append_new(parts,
                          json_pack("{s:s, s:b, s:o}", "part", name, "equal", equal, "differences",
                                    json_differences(was, now, DIFFERENCES_MAX)));
    json_decref(was);
    return equal;
}

static int parts_compare(struct replay *r, const struct asked_before *model,
                         const struct decide_out *d, json_t *parts, bool *equal, struct err *e)
{
    json_t *facts = NULL, *report = NULL, *wanted = NULL;

    if (body(r, r->facts, "the facts that were judged", &facts, e) < 0 ||
        body(r, r->report, "the model's report", &report, e) < 0 ||
        body(r, r->wanted, "what was to be proposed", &wanted, e) < 0)
        return e->code;
    *equal = part_add(parts, "facts", facts, d->facts);
    *equal &= part_add(parts, "verdict", parsed(r->verdict), d->verdict);
    *equal &= part_add(parts, "known", parsed(r->known), d->known);
    if (model->asked)
        *equal &= part_add(parts, "checks", json_incref(json_object_get(model->call, "checks")),
                           d->checks);
    *equal &= part_add(parts, "report", report, d->report);
    *equal &= part_add(parts, "confidence", parsed(r->confidence), d->confidence);
    *equal &= part_add(parts, "proposals", wanted, d->wanted);
    return 0;
}

/* ---- another prompt ---- */

static void line_add(json_t *rows, long line, const char *was, size_t was_len, const char *now,
                     size_t now_len)
{
    json_array_append_new(rows, json_pack("{s:I, s:o, s:o}", "line", (json_int_t)line, "was",
                                          was ? json_stringn(was, was_len) : json_null(), "now",
                                          now ? json_stringn(now, now_len) : json_null()));
}

/* Line by line; where lines moved, what follows reads as changed: it is for people to look at both. */
static json_t *text_differences(const char *was, const char *now)
{
    json_t *rows = json_array();

    for (long line = 1; (*was || *now) && json_array_size(rows) < DIFFERENCES_MAX; line++) {
        size_t a = strcspn(was, "\n"), b = strcspn(now, "\n");
        bool has_was = *was != '\0', has_now = *now != '\0';

        if (a != b || memcmp(was, now, a) != 0)
            line_add(rows, line, has_was ? was : NULL, a, has_now ? now : NULL, b);
        was += a + (was[a] == '\n');
        now += b + (now[b] == '\n');
    }
    return rows;
}

/* The recorded document under other instructions and another form. */
static json_t *asked_with(const json_t *asked, const struct prompt *p)
{
    json_t *out = json_copy((json_t *)(uintptr_t)asked);

    json_object_set_new(out, "system", json_string(p->text));
    json_object_set_new(out, "prompt", json_string(p->version));
    json_object_set_new(out, "schema", ask_schema(p->schema, json_object_get(asked, "document")));
    return out;
}

static json_t *prompt_compare(const json_t *was, const json_t *now)
{
    const char *then = json_opt_str(was, "system"), *text = json_opt_str(now, "system");

    return json_pack("{s:s?, s:s?, s:o, s:o}", "then", json_opt_str(was, "prompt"), "now",
                     json_opt_str(now, "prompt"), "instructions",
                     text_differences(then ? then : "", text ? text : ""), "form",
                     json_differences(json_object_get(was, "schema"),
                                      json_object_get(now, "schema"), DIFFERENCES_MAX));
}

/* ---- all of it ---- */

struct made {
    struct triage_items items, known_items;
    json_t *said, *seen, *facts, *asked;
    struct asked_before model;
    struct decide_out decided;
};

static void made_done(struct made *m)
{
    triage_items_done(&m->items);
    triage_items_done(&m->known_items);
    json_decref(m->said);
    json_decref(m->seen);
    json_decref(m->facts);
    json_decref(m->asked);
    asked_done(&m->model);
    decide_done(&m->decided);
}

static int made_load(struct replay *r, struct made *m, struct err *e)
{
    triage_items_init(&m->items, r->arena);
    triage_items_init(&m->known_items, r->arena);
    if (body(r, r->said, "what the rules saw", &m->said, e) < 0 ||
        body(r, r->seen, "what the assessment saw", &m->seen, e) < 0 ||
        body(r, r->facts, "the facts that were judged", &m->facts, e) < 0)
        return e->code;
    if (!m->said || !m->seen || !m->facts)
        return err_set(e, ERR_NOT_FOUND,
                       "what assessment %lld was made of was pruned; it cannot be made again",
                       (long long)r->assessment_id);
    if (seen_read(json_opt_arr(m->said, "items"), item_load, r, &m->items, e) < 0 ||
        seen_read(json_opt_arr(m->seen, "items"), item_load, r, &m->known_items, e) < 0)
        return e->code;
    return model_load(r, m->seen, &m->model, e);
}

static int made_again(struct replay *r, const struct replay_opts *o, struct made *m, struct err *e)
{
    struct decide_in in = {
        .items = &m->items,
        .known_items = &m->known_items,
        .rules = o->rules,
        .priorities = json_opt_arr(json_opt_obj(m->facts, "account"), "priorities"),
        .group_size = json_opt_int(m->said, "group_size", 0),
        .judged_ms = json_opt_int(m->said, "judged_ms", 0),
        .asked = m->model.asked,
        .reply = m->model.reply,
        .reply_len = m->model.reply_len,
        .report = m->model.report,
        .decided = json_opt_int(m->seen, "decided", 0),
        .approved = json_opt_int(m->seen, "approved", 0),
    };

    if (o->prompts && m->model.asked) {
        m->asked = asked_with(m->model.asked, prompts_get(o->prompts, "triage"));
        in.asked = m->asked;
    }
    return triage_decide(r->arena, &in, &m->decided, e);
}

static json_t *model_json(const struct made *m)
{
    int64_t call = json_opt_int(m->seen, "call", 0);

    if (call == 0)
        return json_null();
    return json_pack("{s:I, s:O?}", "call", (json_int_t)call, "reused_from", m->model.reused);
}

static int answer(struct replay *r, const struct replay_opts *o, struct made *m, json_t **out,
                  struct err *e)
{
    AUTO(json_freep) json_t *parts = json_array();
    AUTO(json_freep) json_t *then = parsed(r->verdict);
    char at[TIME_ISO_MAX];
    bool equal = true;

    if (parts_compare(r, &m->model, &m->decided, parts, &equal, e) < 0)
        return e->code;
    *out = json_pack(
        "{s:{s:s, s:I, s:s}, s:{s:I, s:s, s:s}, s:o, s:{s:s?, s:s}, s:O, s:o, s:b, s:O}",
        "incident", "id", r->id, "number", (json_int_t)r->number, "title", r->title, "assessment",
        "id", (json_int_t)r->assessment_id, "at", time_format_iso(r->created_ms, true, at),
        "origin", r->origin, "model", model_json(m), "rules", "then",
        json_opt_str(then, "rules_hash"), "now", rules_hash(o->rules), "parts", parts, "prompt",
        m->asked ? prompt_compare(m->model.asked, m->asked) : json_null(), "equal", equal,
        "missing", r->missing);
    CHECK(*out);
    return 0;
}

static int replay(struct replay *r, const struct replay_opts *o, json_t **out, struct err *e)
{
    AUTO(made_done) struct made m = {0};
    int64_t newest = 0;

    if (store_prepare(r->store, triage_sql_table, TRIAGE_SQL_LEN, &r->sql, e) < 0 ||
        incident_find(r, o->incident, &newest, e) < 0 ||
        assessment_find(r, o->assessment ? o->assessment : newest, e) < 0 ||
        made_load(r, &m, e) < 0 || made_again(r, o, &m, e) < 0)
        return e->code;
    return answer(r, o, &m, out, e);
}

int triage_replay(struct store *s, const struct replay_opts *o, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(REPLAY_ARENA_BYTES);
    struct replay r = {.store = s, .arena = a, .missing = json_array()};
    int rc = replay(&r, o, out, e);

    json_decref(r.missing);
    return rc;
}
