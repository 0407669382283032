/* The rows of a backfill: where it stands, and the incidents whose turn will come. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/backfill.h"
#include "triage/memory.h"
#include "triage/triage_sql.h"

void backfill_row_read(struct store_stmt *q, struct arena *a, struct backfill *b)
{
    int c = 0;

    b->id = store_int(q, c++);
    b->state = store_text_dup(q, c++, a);
    b->actor = store_text_dup(q, c++, a);
    b->since_ms = store_int(q, c++);
    b->until_ms = store_int(q, c++);
    b->from_ms = store_int(q, c++);
    b->to_ms = store_int(q, c++);
    b->stage = store_text_dup(q, c++, a);
    b->skip = store_int(q, c++);
    b->page = store_int(q, c++);
    b->pages = store_int(q, c++);
    b->next_ms = store_int(q, c++);
    b->waits = store_text_dup(q, c++, a);
    b->no_log = store_text_dup(q, c++, a);
    b->failures = store_int(q, c++);
    b->calls = store_int(q, c++);
    b->found = store_int(q, c++);
    b->remembered = store_int(q, c++);
    b->known = store_int(q, c++);
    b->open = store_int(q, c++);
    b->unread = store_int(q, c++);
    b->alerts = store_int(q, c++);
    b->notes = store_int(q, c++);
    b->fixes = store_int(q, c++);
    b->started_ms = store_int(q, c++);
    b->ended_ms = store_int(q, c++);
}

int backfill_get(const struct engine_pass *p, int64_t id, struct backfill *out, struct err *e)
{
    struct store_stmt *q = sql(p, BACKFILL_GET);
    int rc;

    store_bind_int(q, 1, id);
    rc = store_step(q, e);
    if (rc > 0)
        backfill_row_read(q, p->arena, out);
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no backfill %lld", (long long)id);
    return rc < 0 ? rc : 0;
}

int backfill_set(const struct engine_pass *p, const struct backfill *b, struct err *e)
{
    struct store_stmt *q = sql(p, BACKFILL_SET);

    store_bind_int(q, 1, b->id);
    store_bind_text(q, 2, b->state);
    store_bind_int(q, 3, b->from_ms);
    store_bind_int(q, 4, b->to_ms);
    store_bind_text(q, 5, b->stage);
    store_bind_int(q, 6, b->skip);
    store_bind_int(q, 7, b->page);
    store_bind_int(q, 8, b->pages);
    store_bind_int(q, 9, b->next_ms);
    store_bind_text(q, 10, b->waits);
    store_bind_text(q, 11, b->no_log);
    store_bind_int(q, 12, b->failures);
    store_bind_int(q, 13, b->calls);
    store_bind_int(q, 14, b->found);
    store_bind_int(q, 15, b->remembered);
    store_bind_int(q, 16, b->known);
    store_bind_int(q, 17, b->open);
    store_bind_int(q, 18, b->unread);
    store_bind_int(q, 19, b->alerts);
    store_bind_int(q, 20, b->notes);
    store_bind_int(q, 21, b->fixes);
    bind_known(q, 22, b->ended_ms);
    return sql_run(q, e);
}

/* ---- lists ---- */

/* What the item needs of the incident when its turn comes: the same members as evidence has. */
static int item_put(const struct engine_pass *p, const struct pd_incident *in, bool *new_row,
                    struct err *e)
{
    AUTO(json_freep) json_t *body = ev_incident_body(in, true);
    struct store_stmt *q = sql(p, BACKFILL_LISTED);
    size_t len;
    int n;

    store_bind_text(q, 1, in->id);
    store_bind_int(q, 2, in->created_ms);
    store_bind_text(q, 3, json_canon_arena(p->arena, body, &len));
    n = store_exec(q, e);
    *new_row = n > 0;
    return n < 0 ? n : 0;
}

static int incident_take(const struct engine_pass *p, struct backfill *b,
                         const struct pd_incident *in, struct err *e)
{
    struct memory_row known;
    bool new_row;

    /* `until` is inclusive, and a filter may be ignored: another window's incidents are counted there. */
    if (in->created_ms < b->from_ms || in->created_ms >= b->to_ms || !in->service.id || !in->status)
        return 0;
    if (past_put(p, in, e) < 0)
        return e->code;
    if (item_put(p, in, &new_row, e) < 0)
        return e->code;
    if (!new_row)
        return 0;
    b->found++;
    switch (memory_get(p, in->id, &known, e)) {
    case 0:
        b->known++;
        break;
    case ERR_NOT_FOUND:
        *e = (struct err){0};
        if (text_eq(in->status, "resolved"))
            return 0;
        b->open++;
        break;
    default:
        return e->code;
    }
    return 0;
}

int backfill_take_incidents(const struct engine_pass *p, struct backfill *b,
                            const struct pd_incidents *page, struct err *e)
{
    for (size_t i = 0; i < page->n; i++)
        if (incident_take(p, b, &page->items[i], e) < 0)
            return e->code;
    return 0;
}

int backfill_take_log(const struct engine_pass *p, const struct pd_log_entries *page, struct err *e)
{
    for (size_t i = 0; i < page->n; i++) {
        const struct pd_log_entry *x = &page->items[i];
        bool noted = text_eq(x->type, "annotate_log_entry");
        bool resolved = text_eq(x->type, "resolve_log_entry");
        const char *said = x->note ? x->note : "";
        struct store_stmt *q;

        if (!x->incident.id || (!noted && !resolved))
            continue;
        q = sql(p, BACKFILL_HEARD);
        store_bind_text(q, 1, x->incident.id);
        store_bind_int(q, 2, noted);
        if (resolved)
            store_bind_textn(q, 3, said, text_cut(said, strlen(said), MEMORY_TEXT_MAX));
        store_bind_int(q, 4, resolved ? x->at_ms : 0);
        if (sql_run(q, e) < 0)
            return e->code;
    }
    return 0;
}

/* ---- items ---- */

void backfill_items_done(struct backfill_items *it)
{
    for (size_t i = 0; i < it->n; i++)
        json_decref(it->v[i].body);
    it->n = 0;
}

/* It ended under our eyes, or an earlier backfill brought it. */
static int item_known(const struct engine_pass *p, struct backfill_item *x, struct err *e)
{
    struct memory_row row;
    int rc = memory_get(p, x->id, &row, e);

    x->known = rc == 0;
    if (rc == ERR_NOT_FOUND)
        *e = (struct err){0};
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

int backfill_items(const struct engine_pass *p, const struct backfill *b,
                   struct backfill_items *out, struct err *e)
{
    struct store_stmt *q = sql(p, BACKFILL_TODO);
    int rc;

    out->n = 0;
    store_bind_int(q, 1, b->from_ms);
    store_bind_int(q, 2, BACKFILL_ITEMS);
    while ((rc = store_step(q, e)) > 0 && out->n < BACKFILL_ITEMS) {
        out->v[out->n] = (struct backfill_item){.id = store_text_dup(q, 0, p->arena),
                                                .body = json_loads(store_text(q, 1), 0, NULL),
                                                .noted = store_int(q, 2) != 0,
                                                .resolution = store_text_dup(q, 3, p->arena)};
        out->n++;
    }
    store_reset(q);
    for (size_t i = 0; rc == 0 && i < out->n; i++)
        rc = item_known(p, &out->v[i], e);
    return rc < 0 ? rc : 0;
}

static bool resolved(const struct backfill_item *x)
{
    return text_eq(json_opt_str(x->body, "status"), "resolved");
}

bool backfill_wants_alerts(const struct backfill_item *x)
{
    return resolved(x) && !x->known && text_is_id(x->id) &&
           json_opt_int(x->body, "alerts_all", -1) != 0;
}

/* Without log entries nobody says who has notes: then every incident that a person ended is asked for its. */
bool backfill_wants_notes(const struct backfill *b, const struct backfill_item *x)
{
    bool by_person = text_eq(json_at_str(x->body, "changed_by.type"), "user");

    return resolved(x) && !x->known && text_is_id(x->id) && (x->noted || (b->no_log && by_person));
}

static const char *words_of(const struct pd_alerts *alerts, struct arena *a)
{
    struct memory_words *w = arena_alloc(a, sizeof(*w));

    for (size_t i = 0; i < alerts->n; i++) {
        memory_words_add(w, a, alerts->items[i].summary);
        memory_words_add_details(w, a, alerts->items[i].details);
    }
    return memory_words_text(w, a);
}

static struct memory_row row_of(const struct backfill_item *x, struct arena *a)
{
    int64_t resolved_ms = json_opt_int(x->body, "resolved_ms", 0);
    const char *title = json_opt_str(x->body, "title");

    if (!title)
        title = "";
    return (struct memory_row){
        .incident_id = x->id,
        .number = json_opt_int(x->body, "number", 0),
        .service_id = json_at_str(x->body, "service.id"),
        .service = json_at_str(x->body, "service.name") ? json_at_str(x->body, "service.name") : "",
        .symptom = triage_symptom(a, title),
        .title = title,
        .resolution = x->resolution,
        .created_ms = json_opt_int(x->body, "created_ms", 0),
        .resolved_ms = resolved_ms ? resolved_ms : json_opt_int(x->body, "changed_ms", 0),
        .by_type = json_at_str(x->body, "changed_by.type"),
        .by_id = json_at_str(x->body, "changed_by.id"),
        .by_name = json_at_str(x->body, "changed_by.name"),
        .merged = json_opt_obj(x->body, "merged_into") ||
                  text_eq(json_opt_str(x->body, "resolve_reason"), "merge_resolve_reason")};
}

static int item_end(const struct engine_pass *p, const char *id, struct err *e)
{
    struct store_stmt *q = sql(p, BACKFILL_ENDED);

    store_bind_text(q, 1, id);
    return sql_run(q, e);
}

int backfill_remember(const struct engine_pass *p, struct backfill *b,
                      const struct backfill_item *x, const struct pd_alerts *alerts,
                      const struct pd_notes *notes, struct err *e)
{
    struct memory_row m = row_of(x, p->arena);

    if (!resolved(x) || x->known || !m.service_id)
        return item_end(p, x->id, e);
    if (alerts)
        m.alerts = words_of(alerts, p->arena);
    if (notes)
        m.notes = memory_notes(notes, p->arena);
    m.fix = memory_fix(&m, notes, p->arena);
    if (memory_put(p, &m, e) < 0)
        return e->code;
    b->remembered++;
    b->alerts += alerts ? (int64_t)alerts->n : 0;
    b->notes += notes ? (int64_t)notes->n : 0;
    b->fixes += m.fix != NULL;
    return item_end(p, x->id, e);
}
