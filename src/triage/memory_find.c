/*
 * Similar incidents of the own store. An equal symptom (service and normalised title) comes first and costs an index
 * look-up; words are searched for only where places are left. Past text is outside text: it is quoted with its author.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/memory.h"
#include "triage/triage_sql.h"

#define AGAIN_MS INT64_C(300000) /* equal words are searched for again after this */
#define FIXED_FIRST \
    3 /* places for those that somebody ended with a word about it, before all others */
#define HITS_MAX        20
#define TITLE_WORDS_MAX 12
#define ALERT_WORDS_MAX 6
#define SAME_SERVICE(x) ((x)*3 / 2) /* its own trouble is likelier to be this one */

struct found {
    struct memory_row v[MEMORY_FOUND_MAX];
    int64_t score[MEMORY_FOUND_MAX]; /* 0: equal symptom */
    size_t n;
};

struct question {
    const struct incident_row *row;
    int64_t below_id;
    struct memory_words title, alerts;
};

static bool has(const struct found *f, int64_t id)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].id == id)
            return true;
    return false;
}

/* ---- equal symptoms ---- */

static void symptom_keep(struct found *f, const struct memory_row *m)
{
    size_t at = f->n;

    if (f->n == MEMORY_FOUND_MAX || has(f, m->id))
        return;
    for (; at > 0 && f->v[at - 1].id < m->id; at--) /* newest first */
        f->v[at] = f->v[at - 1];
    f->v[at] = *m;
    f->n++;
}

static int symptoms(const struct engine_pass *p, const struct question *x, bool fixed,
                    int64_t limit, struct found *f, struct err *e)
{
    struct store_stmt *q = sql(p, MEMORY_SYMPTOM);
    int rc;

    store_bind_text(q, 1, x->row->service_id);
    store_bind_text(q, 2, x->row->symptom);
    store_bind_int(q, 3, x->below_id);
    store_bind_int(q, 4, limit);
    store_bind_int(q, 5, fixed);
    while ((rc = store_step(q, e)) > 0) {
        struct memory_row m;

        memory_row_read(q, p->arena, &m);
        if (!text_eq(m.incident_id, x->row->id))
            symptom_keep(f, &m);
    }
    store_reset(q);
    return rc;
}

/* ---- words ---- */

static int by_length(const void *a, const void *b)
{
    size_t x = strlen(*(const char *const *)a), y = strlen(*(const char *const *)b);

    return (x < y) - (x > y);
}

static bool in_text(const char *text, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

/* Half of the title's words, and two of them where there are two: below that it is another trouble that shares a word. */
static bool near_enough(const struct question *x, const struct memory_row *m, struct arena *a)
{
    struct memory_words *w = arena_alloc(a, sizeof(*w));
    size_t common = 0, of = x->title.n < TITLE_WORDS_MAX ? x->title.n : TITLE_WORDS_MAX;
    const char *title;

    memory_words_add(w, a, m->title);
    title = memory_words_text(w, a);
    for (size_t i = 0; i < of; i++)
        common += in_text(title, x->title.v[i]) || in_text(m->alerts, x->title.v[i]);
    return common * 2 >= of && (common >= 2 || common == of);
}

static void word_keep(struct found *f, size_t first, const struct memory_row *m, int64_t score)
{
    size_t at = f->n;

    while (at > first && f->score[at - 1] < score)
        at--;
    if (at == MEMORY_FOUND_MAX)
        return;
    if (f->n < MEMORY_FOUND_MAX)
        f->n++;
    for (size_t i = f->n - 1; i > at; i--) {
        f->v[i] = f->v[i - 1];
        f->score[i] = f->score[i - 1];
    }
    f->v[at] = *m;
    f->score[at] = score;
}

static int row_of(const struct engine_pass *p, int64_t id, struct memory_row *out, struct err *e)
{
    struct store_stmt *q = sql(p, MEMORY_ROW);
    int rc;

    store_bind_int(q, 1, id);
    rc = store_step(q, e);
    if (rc > 0)
        memory_row_read(q, p->arena, out);
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_INTERNAL, "the full-text index names a row that the memory lacks");
    return rc < 0 ? rc : 0;
}

static int words(const struct engine_pass *p, const struct question *x, struct found *f,
                 struct err *e)
{
    const char *asked[TITLE_WORDS_MAX + ALERT_WORDS_MAX];
    struct store_search_hit hits[HITS_MAX];
    size_t n = 0, n_hits, first = f->n;

    for (size_t i = 0; i < x->title.n && i < TITLE_WORDS_MAX; i++)
        asked[n++] = x->title.v[i];
    for (size_t i = 0; i < x->alerts.n && i < ALERT_WORDS_MAX; i++)
        asked[n++] = x->alerts.v[i];
    if (store_search_find(p->store, asked, n, x->below_id, hits, HITS_MAX, &n_hits, e) < 0)
        return e->code;
    for (size_t i = 0; i < n_hits; i++) {
        struct memory_row m;
        bool own;

        if (has(f, hits[i].id))
            continue;
        if (row_of(p, hits[i].id, &m, e) < 0)
            return e->code;
        own = text_eq(m.service_id, x->row->service_id);
        /* Equal symptoms that found no place above are older than those that did. */
        if (text_eq(m.incident_id, x->row->id) || (own && text_eq(m.symptom, x->row->symptom)) ||
            !near_enough(x, &m, p->arena))
            continue;
        word_keep(f, first, &m, own ? SAME_SERVICE(hits[i].score) : hits[i].score);
    }
    return 0;
}

/* ---- what is told of one ---- */

static const char *ended_by(const struct memory_row *m)
{
    if (!m->by_type)
        return NULL;
    if (!text_eq(m->by_type, "user"))
        return "itself";
    return m->by_name ? m->by_name : "somebody";
}

static int64_t took_s(const struct memory_row *m)
{
    return m->resolved_ms >= m->created_ms ? (m->resolved_ms - m->created_ms) / 1000 : -1;
}

static json_t *body_of(const struct memory_row *m, const struct question *x, size_t rank)
{
    AUTO(buf_done) struct buf line = {0};
    AUTO(json_freep) json_t *fix = m->fix ? json_loads(m->fix, 0, NULL) : NULL;
    char span[TIME_SPAN_MAX];
    json_t *j;

    buf_init(&line, 8192);
    buf_printf(&line, "#%" PRId64 " ", m->number);
    buf_add(&line, m->title, text_cut(m->title, strlen(m->title), 80));
    if (took_s(m) >= 0)
        buf_printf(&line, ", over in %s", time_format_span(took_s(m) * 1000, span));
    if (ended_by(m)) {
        buf_puts(&line, " by ");
        buf_add(&line, ended_by(m), text_cut(ended_by(m), strlen(ended_by(m)), 60));
    }
    j = json_pack(
        "{s:s, s:s, s:I, s:s, s:s, s:I, s:s*, s:b, s:I}", "summary", buf_str(&line), "incident_id",
        m->incident_id, "number", (json_int_t)m->number, "title", m->title, "service", m->service,
        "at_ms", (json_int_t)m->created_ms, "ended_by", ended_by(m), "same_symptom",
        text_eq(m->service_id, x->row->service_id) && text_eq(m->symptom, x->row->symptom), "rank",
        (json_int_t)rank);
    if (j && took_s(m) >= 0)
        json_object_set_new(j, "took_s", json_integer(took_s(m)));
    if (j && fix)
        json_object_set(j, "fix", fix);
    return j;
}

static int search(const struct engine_pass *p, const struct question *x, json_t *list,
                  struct err *e)
{
    struct found *f = arena_alloc(p->arena, sizeof(*f));

    if (symptoms(p, x, true, FIXED_FIRST, f, e) < 0 ||
        symptoms(p, x, false, MEMORY_FOUND_MAX, f, e) < 0 ||
        (f->n < MEMORY_FOUND_MAX && symptoms(p, x, true, MEMORY_FOUND_MAX, f, e) < 0) ||
        (f->n < MEMORY_FOUND_MAX && words(p, x, f, e) < 0))
        return e->code;
    for (size_t i = 0; i < f->n; i++) {
        json_t *body = body_of(&f->v[i], x, i + 1);

        if (body) /* NULL: a text that is no UTF-8, which the store never got */
            json_array_append_new(list, body);
    }
    return 0;
}

static void question_of(const struct engine_pass *p, const struct incident_row *row,
                        const struct triage_items *it, struct question *x)
{
    x->row = row;
    x->below_id = row->created_ms > 0 ? memory_id(row->created_ms) : INT64_MAX;
    memory_words_add(&x->title, p->arena, row->title);
    for (size_t i = 0; i < it->n; i++)
        if (it->v[i].ok && text_eq(it->v[i].kind, EV_ALERT)) {
            memory_words_add(&x->alerts, p->arena, json_opt_str(it->v[i].body, "summary"));
            memory_words_add_details(&x->alerts, p->arena, json_opt_str(it->v[i].body, "details"));
        }
    /* Long words tell more than short ones. */
    qsort(x->title.v, x->title.n, sizeof(x->title.v[0]), by_length);
    qsort(x->alerts.v, x->alerts.n, sizeof(x->alerts.v[0]), by_length);
}

/* What was said of it before this look: "not checked" is no longer true. */
static void drop_kind(struct triage_items *it, const char *kind)
{
    size_t n = 0;

    for (size_t i = 0; i < it->n; i++) {
        if (text_eq(it->v[i].kind, kind))
            json_decref(it->v[i].body);
        else
            it->v[n++] = it->v[i];
    }
    it->n = n;
}

static int found_of(const struct engine_pass *p, const struct question *x, json_t **out,
                    struct err *e)
{
    AUTO(cached_done) struct cached c = {0};
    AUTO(json_freep) json_t *list = json_array();
    const char *words_of_it = arena_printf(p->arena, "%s | %s | %s", x->row->symptom,
                                           memory_words_text(&x->title, p->arena),
                                           memory_words_text(&x->alerts, p->arena));
    char key[64];

    snprintf(key, sizeof(key), "memory:%.40s", x->row->id);
    if (cache_get(p, key, &c, e) < 0)
        return e->code;
    if (c.ok && p->now_wall_ms - c.fetched_ms < AGAIN_MS &&
        text_eq(json_opt_str(c.ok, "for"), words_of_it)) {
        *out = json_incref(json_opt_arr(c.ok, "found"));
        return 0;
    }
    if (search(p, x, list, e) < 0 ||
        cache_put(p, key, json_pack("{s:s, s:O}", "for", words_of_it, "found", list), e) < 0)
        return e->code;
    *out = TAKE(list);
    return 0;
}

int memory_items(const struct engine_pass *p, const struct incident_row *row,
                 struct triage_items *it, struct err *e)
{
    struct question *x = arena_alloc(p->arena, sizeof(*x));
    AUTO(json_freep) json_t *list = NULL;

    if (!row->service_id || !row->symptom)
        return 0;
    question_of(p, row, it, x);
    if (found_of(p, x, &list, e) < 0)
        return e->code;
    drop_kind(it, EV_MEMORY);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *body = json_array_get(list, i);
        char source[64];

        snprintf(source, sizeof(source), "memory:%.40s", json_opt_str(body, "incident_id"));
        triage_items_add(it, EV_MEMORY, source, json_incref(body), json_opt_int(body, "at_ms", 0));
    }
    return 0;
}
