/* Eyes beyond PagerDuty: what other sources answered about an incident, and the runbooks that fit it, as evidence. */
#include "base/json.h"
#include "base/text.h"
#include "sources/runbooks.h"
#include "triage/outside_priv.h"
#include "triage/triage_sql.h"

#define RUNBOOKS_SHOWN 3

/* ---- stored answers ---- */

int outside_answers_load(const struct engine_pass *p, const char *incident_id,
                         struct outside_answers *out, struct err *e)
{
    struct store_stmt *q = sql(p, SOURCE_ANSWER_LIST);
    int rc;

    out->n = 0;
    store_bind_text(q, 1, incident_id);
    store_bind_int(q, 2, OUTSIDE_ANSWERS_MAX);
    while ((rc = store_step(q, e)) > 0) {
        json_t *body = json_loads(store_text(q, 2), 0, NULL);

        out->v[out->n++] = (struct outside_answer){.name = store_text_dup(q, 0, p->arena),
                                                   .ok = store_int(q, 1) != 0,
                                                   .body = body ? body : json_object(),
                                                   .at_ms = store_int(q, 3)};
    }
    store_reset(q);
    return rc < 0 ? rc : 0;
}

void outside_answers_done(struct outside_answers *a)
{
    for (size_t i = 0; i < a->n; i++)
        json_decref(a->v[i].body);
    a->n = 0;
}

struct outside_answer *outside_answer_find(struct outside_answers *a, const char *name)
{
    for (size_t i = 0; i < a->n; i++)
        if (text_eq(a->v[i].name, name))
            return &a->v[i];
    return NULL;
}

int outside_answer_put(const struct engine_pass *p, const char *incident_id, const char *name,
                       bool ok, const json_t *body, struct err *e)
{
    struct store_stmt *q = sql(p, SOURCE_ANSWER_PUT);
    size_t len;

    store_bind_text(q, 1, incident_id);
    store_bind_text(q, 2, name);
    store_bind_int(q, 3, ok);
    store_bind_text(q, 4, json_canon_arena(p->arena, body, &len));
    store_bind_int(q, 5, p->now_wall_ms);
    return sql_run(q, e);
}

/* ---- what is asked ---- */

void outside_drop(struct triage_items *it, bool own_rows_too)
{
    size_t kept = 0;

    for (size_t i = 0; i < it->n; i++) {
        const char *kind = it->v[i].kind;
        bool drop = text_eq(kind, EV_SOURCE) || text_eq(kind, EV_RUNBOOK) ||
                    (own_rows_too && (text_eq(kind, EV_FIRING) || text_eq(kind, EV_MEMORY)));

        if (drop)
            json_decref(it->v[i].body);
        else
            it->v[kept++] = it->v[i];
    }
    it->n = kept;
}

json_t *outside_facts(const struct engine_pass *p, const struct triage_items *it)
{
    AUTO(json_freep) json_t *severities = NULL;
    struct err none = {0};

    if (priorities_names(p, &severities, &none) < 0)
        severities = NULL;
    return triage_facts(it, severities, 0, p->now_wall_ms);
}

static int64_t alerts_now(const json_t *facts)
{
    return json_opt_int(json_opt_obj(facts, "alerts"), "count", 0);
}

size_t outside_due(const struct engine_pass *p, json_t *facts, struct outside_answers *a,
                   size_t out[SOURCES_PER_INCIDENT], int64_t *due_ms)
{
    const struct sources *s = world_of(p)->sources;
    size_t rows[SOURCES_PER_INCIDENT], n = s ? sources_pick(s, facts, p->now_wall_ms, rows) : 0;
    size_t asked = a->n, due = 0;
    int64_t later = 0;

    for (size_t i = 0; i < n; i++) {
        const struct outside_answer *x = outside_answer_find(a, sources_name(s, rows[i]));
        int64_t at = x ? x->at_ms + SOURCE_AGAIN_MS : 0;
        bool again = x && (json_object_get(x->body, ANSWER_RETRY) ||
                           alerts_now(facts) > json_opt_int(x->body, ANSWER_ALERTS, 0));

        if (!x && asked++ >= SOURCES_PER_INCIDENT)
            continue;
        if (!x || json_object_get(x->body, ANSWER_ASKING) || (again && at <= p->now_wall_ms))
            out[due++] = rows[i];
        else if (again && (later == 0 || at < later))
            later = at;
    }
    if (due_ms)
        *due_ms = later;
    return due;
}

int outside_ask(const struct engine_pass *p, const char *id, struct triage_items *it, struct err *e)
{
    AUTO(outside_answers_done) struct outside_answers a = {0};
    AUTO(json_freep) json_t *facts = NULL;
    size_t rows[SOURCES_PER_INCIDENT], n;
    struct incident_row row;
    int64_t later = 0;

    if (!world_of(p)->sources || sources_count(world_of(p)->sources) == 0)
        return 0;
    if (row_get(p, id, &row, e) < 0)
        return e->code;
    if (text_eq(row.status, "resolved"))
        return 0;
    if (outside_answers_load(p, id, &a, e) < 0)
        return e->code;
    outside_drop(it, false);
    facts = outside_facts(p, it);
    n = outside_due(p, facts, &a, rows, &later);
    if (n == 0 && later == 0)
        return 0;
    return job_add(p, "source", id, PRIO_SOURCE, n > 0 ? p->now_wall_ms : later, e);
}

/* ---- as evidence ---- */

/* What people and the model see of it: nothing of our own book-keeping. */
static json_t *answer_shown(const json_t *body)
{
    static const char *const members[] = {"name", "title", "lines", "from", "until", "link"};
    json_t *out = json_object();

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (json_object_get(body, members[i]))
            json_object_set(out, members[i], json_object_get(body, members[i]));
    return out;
}

static void answers_add(const struct outside_answers *a, struct triage_items *it)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct outside_answer *x = &a->v[i];
        const char *missed = json_opt_str(x->body, ANSWER_MISSED);

        if (x->ok)
            triage_items_add(it, EV_SOURCE, x->name, answer_shown(x->body), x->at_ms);
        if (!x->ok || missed)
            triage_items_not_checked(it, EV_SOURCE, x->name, missed ? missed : NOT_ANSWERED_YET);
    }
}

/* Rows that fit and were not asked so far are named: a source that nobody asked is no source that found nothing. */
static void unasked_add(const struct engine_pass *p, const struct incident_row *row, json_t *facts,
                        struct outside_answers *a, struct triage_items *it)
{
    size_t rows[SOURCES_PER_INCIDENT], n = outside_due(p, facts, a, rows, NULL);

    for (size_t i = 0; i < n; i++) {
        const char *name = sources_name(world_of(p)->sources, rows[i]);

        if (!outside_answer_find(a, name))
            triage_items_not_checked(it, EV_SOURCE, name,
                                     text_eq(row->status, "resolved")
                                         ? "not asked: the incident was over by then"
                                         : NOT_ANSWERED_YET);
    }
}

static void runbooks_add(const struct engine_pass *p, const json_t *facts, const json_t *verdict,
                         struct triage_items *it)
{
    AUTO(json_freep) json_t *books = NULL;
    json_t *links = outside_links(it, verdict);
    size_t i;
    json_t *x;

    if (world_of(p)->runbooks)
        books = runbooks_match(world_of(p)->runbooks, facts, json_opt_arr(verdict, "rules"),
                               p->now_wall_ms, RUNBOOKS_SHOWN);
    json_array_foreach (books, i, x)
        triage_items_add(it, EV_RUNBOOK, json_opt_str(x, "path"), json_incref(x), 0);
    if (links)
        triage_items_add(it, EV_RUNBOOK, "links", links, 0);
}

int outside_items(const struct engine_pass *p, const struct incident_row *row,
                  struct triage_items *it, struct err *e)
{
    AUTO(outside_answers_done) struct outside_answers a = {0};
    AUTO(json_freep) json_t *facts = NULL;
    AUTO(json_freep) json_t *verdict = NULL;
    struct err none = {0};

    outside_drop(it, false);
    if (outside_answers_load(p, row->id, &a, e) < 0)
        return e->code;
    facts = outside_facts(p, it);
    answers_add(&a, it);
    unasked_add(p, row, facts, &a, it);
    /* The names of the rules that match now: the verdict that is stored may be one of less evidence, or of other rules. */
    if (world_of(p)->rules &&
        rules_judge(world_of(p)->rules, facts, p->now_wall_ms, &verdict, NULL, &none) < 0)
        verdict = NULL;
    runbooks_add(p, facts, verdict, it);
    return 0;
}

bool outside_pending(const struct engine_pass *p, const struct incident_row *row,
                     const struct triage_items *it)
{
    (void)p;
    (void)row;
    for (size_t i = 0; i < it->n; i++)
        if (!it->v[i].ok && text_eq(it->v[i].kind, EV_SOURCE) &&
            text_eq(it->v[i].summary, NOT_ANSWERED_YET))
            return true;
    return false;
}
