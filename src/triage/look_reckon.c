/* A look back: from what was read to figures. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/look_priv.h"

#define HOLD_OFF_PCT 75

/* ---- figures ---- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int64_t look_median(int64_t *spans, size_t n)
{
    if (n == 0)
        return -1;
    qsort(spans, n, sizeof *spans, by_value);
    return (spans[(n - 1) / 2] + spans[n / 2]) / 2;
}

int64_t look_rank(int64_t *spans, size_t n, unsigned pct)
{
    if (n == 0)
        return -1;
    qsort(spans, n, sizeof *spans, by_value);
    return spans[(n * pct + 99) / 100 - 1];
}

unsigned look_pct(size_t n, size_t of)
{
    return of ? (unsigned)((200 * n + of) / (2 * of)) : 0;
}

bool look_is_fixed(const struct look_inc *in)
{
    return in->resolved && !in->merged;
}

static bool is_night(const struct look *l, int64_t at_ms)
{
    struct err e = {0};
    int minute = 0, weekday = 0;

    /* The zone was tried in look_begin(). */
    if (time_in_zone(at_ms, l->w.zone, &minute, &weekday, &e) < 0)
        return false;
    return minute >= LOOK_NIGHT_FROM || minute < LOOK_NIGHT_UNTIL;
}

static bool in_window(const struct look *l, int64_t at_ms)
{
    return at_ms >= l->w.since_ms && at_ms < l->w.until_ms;
}

static void mark_incidents(struct look *l)
{
    for (size_t i = 0; i < l->n_incs; i++) {
        struct look_inc *x = &l->incs[i];

        x->inside = x->known && in_window(l, x->created_ms);
        l->inside += x->inside;
    }
}

/* ---- pages ---- */

static struct look_page *page_of(struct look *l, json_t *map, size_t *room, size_t inc,
                                 size_t person)
{
    const char *key = arena_printf(l->scratch, "%zu/%zu", inc, person);
    const json_t *at = json_object_get(map, key);
    struct look_page *p;

    if (!at) {
        l->pages = look_grow(l->pages, l->n_pages, room, sizeof *l->pages);
        CHECK(json_object_set_new(map, key, json_integer((json_int_t)l->n_pages)) == 0);
        p = &l->pages[l->n_pages++];
        p->inc = inc;
        p->person = person;
    } else {
        p = &l->pages[json_integer_value(at)];
    }
    arena_reset(l->scratch);
    return p;
}

static void take_log(struct look *l, const struct look_log *x, json_t *map, size_t *room)
{
    struct look_inc *in = &l->incs[x->inc];
    struct look_page *p;

    switch (x->kind) {
    case LOOK_ACK:
        if (in->acked_ms == 0 || x->at_ms < in->acked_ms)
            in->acked_ms = x->at_ms;
        return;
    case LOOK_ANNOTATE:
        in->annotated = true;
        return;
    case LOOK_ASSIGN:
        return;
    case LOOK_NOTIFY:
        break;
    }
    p = page_of(l, map, room, x->inc, x->person);
    p->night = p->night || is_night(l, x->at_ms);
    l->people[x->person].notifications++;
    l->notifications++;
}

static int by_inc_person(const void *a, const void *b)
{
    const struct look_log *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->inc != y->inc)
        return x->inc < y->inc ? -1 : 1;
    return (x->person > y->person) - (x->person < y->person);
}

/* Assigned counts incidents, not log entries: sorted, equal ones stand together. */
static void count_assigned(struct look *l, const struct look_log *logs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (logs[i].kind == LOOK_ASSIGN && (i == 0 || by_inc_person(&logs[i - 1], &logs[i]) != 0))
            l->people[logs[i].person].assigned++;
}

static void reckon_pages(struct look *l)
{
    AUTO(json_freep) json_t *map = json_object();
    size_t room = 0, n = 0;

    for (size_t i = 0; i < l->n_logs; i++)
        if (in_window(l, l->logs[i].at_ms)) {
            l->logs[n++] = l->logs[i];
            take_log(l, &l->logs[n - 1], map, &room);
        }
    l->n_logs = n;
    if (n > 0)
        qsort(l->logs, n, sizeof *l->logs, by_inc_person);
    count_assigned(l, l->logs, n);
    for (size_t i = 0; i < l->n_pages; i++) {
        const struct look_page *p = &l->pages[i];

        l->incs[p->inc].pages++;
        l->incs[p->inc].night_pages += p->night;
        l->people[p->person].pages++;
        l->people[p->person].night_pages += p->night;
        l->night_pages += p->night;
        l->earlier_pages += !l->incs[p->inc].inside;
    }
}

/* ---- symptoms ---- */

/* Incidents of one symptom, newest first, stand together after this. */
static const struct look *sorting; /* qsort has no argument of ours; one thread looks back */

static int by_key(const void *a, const void *b)
{
    const struct look_inc *x = &sorting->incs[*(const size_t *)a];
    const struct look_inc *y = &sorting->incs[*(const size_t *)b];
    int d = strcmp(x->key, y->key);

    if (d != 0)
        return d;
    if (x->created_ms != y->created_ms)
        return x->created_ms > y->created_ms ? -1 : 1;
    return (x->number < y->number) - (x->number > y->number);
}

/* Where every log entry was read, one says that a note was written: the others need not be asked for. */
static bool may_have_notes(const struct look *l, const struct look_inc *x)
{
    return l->no_logs || x->annotated;
}

static void count_one(const struct look *l, struct look_sym *s, const struct look_inc *x, size_t at)
{
    s->incidents++;
    s->pages += x->pages;
    s->night_pages += x->night_pages;
    s->resolved += x->resolved;
    s->open += !x->resolved;
    s->merged += x->resolved && x->merged;
    if (!look_is_fixed(x))
        return;
    s->by_person += x->by_person;
    s->self_cleared += !x->by_person;
    if (x->by_person && may_have_notes(l, x) && s->n_fixers < LOOK_FIX_TRIES)
        s->fixers[s->n_fixers++] = at;
}

static int64_t span_s(const struct look_inc *x)
{
    return x->resolved_ms >= x->created_ms ? (x->resolved_ms - x->created_ms) / 1000 : -1;
}

static void reckon_spans(struct look *l, struct look_sym *s, const size_t *incs, size_t n)
{
    AUTO(mem_freep) int64_t *all = mem_array(n, sizeof *all);
    AUTO(mem_freep) int64_t *self = mem_array(n, sizeof *self);
    size_t n_all = 0, n_self = 0;

    for (size_t i = 0; i < n; i++) {
        const struct look_inc *x = &l->incs[incs[i]];

        if (!look_is_fixed(x) || span_s(x) < 0)
            continue;
        all[n_all++] = span_s(x);
        if (!x->by_person)
            self[n_self++] = span_s(x);
    }
    s->median_s = look_median(all, n_all);
    s->self_median_s = look_median(self, n_self);
    s->hold_off_s = look_rank(self, n_self, HOLD_OFF_PCT);
    if (s->hold_off_s < 0)
        return;
    s->hold_off_s = (s->hold_off_s + 59) / 60 * 60; /* nobody sets a hold-off of 247 seconds */
    for (size_t i = 0; i < n; i++) {
        const struct look_inc *x = &l->incs[incs[i]];

        if (look_is_fixed(x) && !x->by_person && span_s(x) >= 0 && span_s(x) <= s->hold_off_s)
            s->spared_pages += x->pages;
    }
}

static void add_symptom(struct look *l, const size_t *incs, size_t n)
{
    struct look_sym *s = &l->syms[l->n_syms++];

    s->newest = incs[0];
    s->last_ms = l->incs[incs[0]].created_ms;
    s->first_ms = l->incs[incs[n - 1]].created_ms;
    for (size_t i = 0; i < n; i++)
        count_one(l, s, &l->incs[incs[i]], incs[i]);
    reckon_spans(l, s, incs, n);
}

/* What paged each person most. order: incidents in groups; of: the symptom of each incident. */
static void reckon_tops(struct look *l, const size_t *of)
{
    AUTO(json_freep) json_t *map = json_object();

    for (size_t i = 0; i < l->n_people; i++)
        l->people[i].top_sym = LOOK_NONE;
    for (size_t i = 0; i < l->n_pages; i++) {
        const struct look_page *p = &l->pages[i];
        struct look_person *who = &l->people[p->person];
        size_t sym = of[p->inc], n;
        const char *key;

        if (sym == LOOK_NONE)
            continue;
        key = arena_printf(l->scratch, "%zu/%zu", p->person, sym);
        n = (size_t)json_integer_value(json_object_get(map, key)) + 1;
        CHECK(json_object_set_new(map, key, json_integer((json_int_t)n)) == 0);
        arena_reset(l->scratch);
        if (n > who->top_pages || (n == who->top_pages && sym < who->top_sym)) {
            who->top_pages = n;
            who->top_sym = sym;
        }
    }
}

static void reckon_symptoms(struct look *l)
{
    AUTO(mem_freep) size_t *order = mem_array(l->inside + 1, sizeof *order);
    AUTO(mem_freep) size_t *of = mem_array(l->n_incs + 1, sizeof *of);
    size_t n = 0;

    for (size_t i = 0; i < l->n_incs; i++) {
        of[i] = LOOK_NONE;
        if (l->incs[i].inside)
            order[n++] = i;
    }
    sorting = l;
    if (n > 0)
        qsort(order, n, sizeof *order, by_key);
    l->syms = mem_array(n + 1, sizeof *l->syms);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && strcmp(l->incs[order[i]].key, l->incs[order[end]].key) == 0; end++)
            of[order[end]] = l->n_syms;
        add_symptom(l, order + i, end - i);
    }
    reckon_tops(l, of);
}

/* ---- lists ---- */

typedef size_t weigh_fn(const struct look *l, size_t at); /* 0: does not belong there */

static weigh_fn *weighing;

static size_t weigh_cause(const struct look *l, size_t at)
{
    return l->syms[at].pages;
}

static size_t weigh_noise(const struct look *l, size_t at)
{
    return l->syms[at].incidents;
}

#define SELF_MIN     3 /* fewer say nothing about a habit */
#define SELF_MIN_PCT 50

static size_t weigh_self(const struct look *l, size_t at)
{
    const struct look_sym *s = &l->syms[at];
    bool often = s->self_cleared >= SELF_MIN &&
                 s->self_cleared * 100 >= SELF_MIN_PCT * (s->self_cleared + s->by_person);

    return often ? s->self_cleared : 0;
}

static size_t weigh_repeat(const struct look *l, size_t at)
{
    const struct look_sym *s = &l->syms[at];

    return s->incidents > 1 ? s->by_person : 0;
}

static size_t weigh_night(const struct look *l, size_t at)
{
    return l->syms[at].night_pages;
}

static size_t weigh_person(const struct look *l, size_t at)
{
    return l->people[at].pages;
}

static int sym_rank(const struct look *l, size_t x, size_t y)
{
    const struct look_sym *a = &l->syms[x], *b = &l->syms[y];

    if (a->incidents != b->incidents)
        return a->incidents > b->incidents ? -1 : 1;
    if (a->last_ms != b->last_ms)
        return a->last_ms > b->last_ms ? -1 : 1;
    return x < y ? -1 : 1; /* they stand by service and symptom */
}

static int by_weight(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    size_t p = weighing(sorting, x), q = weighing(sorting, y);

    if (p != q)
        return p > q ? -1 : 1;
    if (weighing == weigh_person)
        return strcmp(sorting->people[x].id, sorting->people[y].id);
    return sym_rank(sorting, x, y);
}

static void list_make(struct look *l, weigh_fn *weigh, size_t n, struct look_list *out)
{
    size_t top = l->w.top ? l->w.top : LOOK_TOP_DEFAULT;

    out->v = arena_array(l->arena, n + 1, sizeof *out->v);
    for (size_t i = 0; i < n; i++)
        if (weigh(l, i) > 0)
            out->v[out->all++] = i;
    sorting = l;
    weighing = weigh;
    if (out->all > 0)
        qsort(out->v, out->all, sizeof *out->v, by_weight);
    out->n = out->all < top ? out->all : top;
}

static void find_longest(struct look *l)
{
    for (size_t i = 0; i < l->n_incs; i++) {
        const struct look_inc *x = &l->incs[i];

        if (!x->inside || !look_is_fixed(x) || span_s(x) < 0)
            continue;
        if (l->longest == LOOK_NONE || span_s(x) > span_s(&l->incs[l->longest]) ||
            (span_s(x) == span_s(&l->incs[l->longest]) && x->number < l->incs[l->longest].number))
            l->longest = i;
    }
}

int look_begin(struct look *l, const struct look_window *w, struct err *e)
{
    int minute, weekday;

    if (time_in_zone(w->until_ms, w->zone, &minute, &weekday, e) < 0)
        return e->code;
    l->w = *w;
    mark_incidents(l);
    reckon_pages(l);
    reckon_symptoms(l);
    list_make(l, weigh_cause, l->n_syms, &l->causes);
    list_make(l, weigh_noise, l->n_syms, &l->noisy);
    list_make(l, weigh_self, l->n_syms, &l->self_clearing);
    list_make(l, weigh_repeat, l->n_syms, &l->repeats);
    list_make(l, weigh_night, l->n_syms, &l->night);
    list_make(l, weigh_person, l->n_people, &l->paged);
    find_longest(l);
    return 0;
}

/* ---- which notes ---- */

const char *look_longest(const struct look *l)
{
    return l->longest == LOOK_NONE ? NULL : l->incs[l->longest].id;
}

const char *look_next_notes(struct look *l)
{
    if (l->longest != LOOK_NONE && l->incs[l->longest].notes == LOOK_NOTES_UNASKED)
        return l->incs[l->longest].id;
    for (size_t i = 0; i < l->repeats.n; i++) {
        const struct look_sym *s = &l->syms[l->repeats.v[i]];

        for (size_t k = 0; k < s->n_fixers; k++) {
            const struct look_inc *x = &l->incs[s->fixers[k]];

            if (x->notes == LOOK_NOTES_UNASKED)
                return x->id;
            if (x->has_fix)
                break;
        }
    }
    return NULL;
}
