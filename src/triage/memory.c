/* The memory: rows of incidents that are over, and which of them the full-text index holds. */
#include "triage/memory.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/triage_sql.h"

#define ALERTS_READ 20

/* ---- rows ---- */

void memory_row_read(struct store_stmt *q, struct arena *a, struct memory_row *m)
{
    int c = 0;

    m->id = store_int(q, c++);
    m->incident_id = store_text_dup(q, c++, a);
    m->number = store_int(q, c++);
    m->service_id = store_text_dup(q, c++, a);
    m->service = store_text_dup(q, c++, a);
    m->symptom = store_text_dup(q, c++, a);
    m->title = store_text_dup(q, c++, a);
    m->alerts = store_text_dup(q, c++, a);
    m->notes = store_text_dup(q, c++, a);
    m->resolution = store_text_dup(q, c++, a);
    m->fix = store_text_dup(q, c++, a);
    m->created_ms = store_int(q, c++);
    m->resolved_ms = store_int(q, c++);
    m->by_type = store_text_dup(q, c++, a);
    m->by_id = store_text_dup(q, c++, a);
    m->by_name = store_text_dup(q, c++, a);
    m->merged = store_int(q, c++) != 0;
    m->searched = store_int(q, c++) != 0;
}

int memory_get(const struct engine_pass *p, const char *incident_id, struct memory_row *out,
               struct err *e)
{
    struct store_stmt *q = sql(p, MEMORY_GET);
    int rc;

    store_bind_text(q, 1, incident_id);
    rc = store_step(q, e);
    if (rc > 0)
        memory_row_read(q, p->arena, out);
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "the memory has no incident %.40s", incident_id);
    return rc < 0 ? rc : 0;
}

static int one_int(struct store_stmt *q, int64_t *out, bool *there, struct err *e)
{
    int rc = store_step(q, e);

    *there = rc > 0 && !store_is_null(q, 0);
    *out = *there ? store_int(q, 0) : 0;
    store_reset(q);
    return rc < 0 ? rc : 0;
}

/* Incidents of one millisecond (PagerDuty tells whole seconds) count up. */
static int id_take(const struct engine_pass *p, int64_t created_ms, int64_t *out, struct err *e)
{
    struct store_stmt *q = sql(p, MEMORY_LAST_ID);
    int64_t last;
    bool there;

    store_bind_int(q, 1, memory_id(created_ms));
    store_bind_int(q, 2, memory_id(created_ms + 1000));
    if (one_int(q, &last, &there, e) < 0)
        return e->code;
    *out = there ? last + 1 : memory_id(created_ms);
    return 0;
}

/* ---- the index ---- */

static struct store_search_doc doc_of(const struct memory_row *m)
{
    return (struct store_search_doc){
        .id = m->id, .text = {m->title, m->service, m->alerts, m->notes, m->resolution}};
}

static int index_count(const struct engine_pass *p, int64_t change, int64_t *out, struct err *e)
{
    struct store_stmt *q = sql(p, MEMORY_COUNT);
    bool there;

    store_bind_int(q, 1, change);
    return one_int(q, out, &there, e);
}

static int index_add(const struct engine_pass *p, const struct memory_row *m, struct err *e)
{
    const struct store_search_doc d = doc_of(m);
    int64_t n;

    return store_search_put(p->store, &d, e) < 0 || index_count(p, 1, &n, e) < 0 ? e->code : 0;
}

static int index_drop(const struct engine_pass *p, const struct memory_row *m, struct err *e)
{
    const struct store_search_doc d = doc_of(m);
    struct store_stmt *q;
    int64_t n;

    if (store_search_drop(p->store, &d, e) < 0 || index_count(p, -1, &n, e) < 0)
        return e->code;
    q = sql(p, MEMORY_UNSEARCH);
    store_bind_int(q, 1, m->id);
    return sql_run(q, e);
}

/* May this row go in? When the index is full the oldest one makes room, unless this one is older still. */
static int index_room(const struct engine_pass *p, int64_t id, bool *room, struct err *e)
{
    struct memory_row oldest;
    struct store_stmt *q;
    int64_t n;
    int rc;

    *room = true;
    if (index_count(p, 0, &n, e) < 0)
        return e->code;
    if (n < MEMORY_SEARCH_ROWS)
        return 0;
    q = sql(p, MEMORY_OLDEST);
    rc = store_step(q, e);
    if (rc > 0)
        memory_row_read(q, p->arena, &oldest);
    store_reset(q);
    if (rc <= 0)
        return rc;
    *room = id > oldest.id;
    return *room ? index_drop(p, &oldest, e) : 0;
}

/* ---- putting ---- */

static const char *kept(const char *now, const char *before)
{
    return now ? now : before ? before : "";
}

static void keep_what_was(struct memory_row *m, const struct memory_row *old)
{
    m->alerts = kept(m->alerts, old->alerts);
    m->notes = kept(m->notes, old->notes);
    m->resolution = kept(m->resolution, old->resolution);
    /* Opened again and then over by itself: what was said the first time did not end it. */
    if (!m->fix && (!m->by_type || text_eq(m->by_type, "user")))
        m->fix = old->fix;
    if (m->by_type)
        return;
    m->by_type = old->by_type;
    m->by_id = old->by_id;
    m->by_name = old->by_name;
}

static bool texts_equal(const struct memory_row *a, const struct memory_row *b)
{
    return text_eq(a->title, b->title) && text_eq(a->service, b->service) &&
           text_eq(a->alerts, b->alerts) && text_eq(a->notes, b->notes) &&
           text_eq(a->resolution, b->resolution);
}

static int row_write(const struct engine_pass *p, const struct memory_row *m, struct err *e)
{
    struct store_stmt *q = sql(p, MEMORY_PUT);

    store_bind_int(q, 1, m->id);
    store_bind_text(q, 2, m->incident_id);
    store_bind_int(q, 3, m->number);
    store_bind_text(q, 4, m->service_id);
    store_bind_text(q, 5, m->service);
    store_bind_text(q, 6, m->symptom);
    store_bind_text(q, 7, m->title);
    store_bind_text(q, 8, m->alerts);
    store_bind_text(q, 9, m->notes);
    store_bind_text(q, 10, m->resolution);
    store_bind_text(q, 11, m->fix);
    store_bind_int(q, 12, m->created_ms);
    bind_known(q, 13, m->resolved_ms);
    store_bind_text(q, 14, m->by_type);
    store_bind_text(q, 15, m->by_id);
    store_bind_text(q, 16, m->by_name);
    store_bind_int(q, 17, m->merged);
    store_bind_int(q, 18, m->searched);
    store_bind_int(q, 19, p->now_wall_ms);
    store_bind_int(q, 20, m->fix != NULL);
    return sql_run(q, e);
}

/* One that was taken in by another tells nothing of its own: it is kept, but not found. */
static int put_new(const struct engine_pass *p, struct memory_row *m, struct err *e)
{
    static const struct memory_row nothing;

    keep_what_was(m, &nothing);
    if (id_take(p, m->created_ms, &m->id, e) < 0)
        return e->code;
    m->searched = !m->merged;
    if (m->searched && index_room(p, m->id, &m->searched, e) < 0)
        return e->code;
    if (row_write(p, m, e) < 0)
        return e->code;
    return m->searched ? index_add(p, m, e) : 0;
}

int memory_put(const struct engine_pass *p, const struct memory_row *row, struct err *e)
{
    struct memory_row m = *row, old;
    bool again;

    switch (memory_get(p, m.incident_id, &old, e)) {
    case 0:
        break;
    case ERR_NOT_FOUND:
        *e = (struct err){0};
        return put_new(p, &m, e);
    default:
        return e->code;
    }
    keep_what_was(&m, &old);
    m.id = old.id;
    m.searched = old.searched && !m.merged;
    again = old.searched && (!m.searched || !texts_equal(&m, &old));
    if (again && index_drop(p, &old, e) < 0)
        return e->code;
    if (row_write(p, &m, e) < 0)
        return e->code;
    return again && m.searched ? index_add(p, &m, e) : 0;
}

/* ---- an incident that ends under our eyes ---- */

static void notes_of(const struct triage_items *it, struct pd_notes *out)
{
    *out = (struct pd_notes){.items = arena_array(it->arena, it->n + 1, sizeof(*out->items))};
    for (size_t i = 0; i < it->n; i++) {
        const struct triage_item *x = &it->v[i];

        if (!x->ok || !text_eq(x->kind, EV_NOTE))
            continue;
        out->items[out->n++] =
            (struct pd_note){.id = json_opt_str(x->body, "id"),
                             .user = {.id = json_opt_str(x->body, "author_id"),
                                      .type = json_opt_str(x->body, "author_type"),
                                      .summary = json_opt_str(x->body, "author")},
                             .content = json_opt_str(x->body, "content"),
                             .created_ms = json_opt_int(x->body, "created_ms", 0)};
    }
}

static const char *alerts_of(const struct triage_items *it)
{
    struct memory_words *w = arena_alloc(it->arena, sizeof(*w));
    size_t read = 0;

    for (size_t i = 0; i < it->n && read < ALERTS_READ; i++) {
        const struct triage_item *x = &it->v[i];

        if (!x->ok || !text_eq(x->kind, EV_ALERT))
            continue;
        read++;
        memory_words_add(w, it->arena, json_opt_str(x->body, "summary"));
        memory_words_add_details(w, it->arena, json_opt_str(x->body, "details"));
    }
    return memory_words_text(w, it->arena);
}

static const char *resolution_of(const struct triage_items *it)
{
    const struct triage_item *x = triage_items_find(it, EV_LOG);
    const json_t *list = x ? json_opt_arr(x->body, "entries") : NULL;
    const char *said = NULL;

    /* Oldest first. The last resolve counts, also one without words: an earlier one's words may be another person's. */
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *l = json_array_get(list, i);

        if (text_eq(json_opt_str(l, "type"), "resolve_log_entry"))
            said = json_opt_str(l, "note") ? json_opt_str(l, "note") : "";
    }
    return said ? arena_strndup(it->arena, said, text_cut(said, strlen(said), MEMORY_TEXT_MAX))
                : NULL;
}

static bool is_there(const struct triage_items *it, const char *kind)
{
    return triage_items_find(it, kind) != NULL;
}

int memory_remember(const struct engine_pass *p, const struct incident_row *row,
                    const struct triage_items *it, struct err *e)
{
    const struct triage_item *in = triage_items_find(it, EV_INCIDENT);
    const json_t *by = in ? json_opt_obj(in->body, "changed_by") : NULL;
    struct pd_notes notes;
    struct memory_row m = {.incident_id = row->id,
                           .number = row->number,
                           .service_id = row->service_id,
                           .service = row->service ? row->service : "",
                           .symptom = row->symptom ? row->symptom : "",
                           .title = row->title ? row->title : "",
                           .created_ms = row->created_ms,
                           .resolved_ms = row->resolved_ms,
                           .merged = text_eq(row->resolved_by, "merge")};

    if (!row->service_id || row->created_ms <= 0)
        return 0;
    if (by) {
        m.by_type = json_opt_str(by, "type");
        m.by_id = json_opt_str(by, "id");
        m.by_name = json_opt_str(by, "name");
    }
    if (is_there(it, EV_ALERT))
        m.alerts = alerts_of(it);
    notes_of(it, &notes);
    if (triage_items_checked(it, EV_NOTE))
        m.notes = memory_notes(&notes, it->arena);
    m.resolution = resolution_of(it);
    m.fix = memory_fix(&m, &notes, it->arena);
    return memory_put(p, &m, e);
}
