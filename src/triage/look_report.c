/* A look back: the report as JSON, from which every face of it is made. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/look_priv.h"

static json_t *number(size_t n)
{
    return json_integer((json_int_t)n);
}

/* -1 is unknown. */
static json_t *span(int64_t s)
{
    return s < 0 ? json_null() : json_integer((json_int_t)s);
}

static json_t *moment(int64_t wall_ms)
{
    char iso[TIME_ISO_MAX];

    return wall_ms > 0 ? json_string(time_format_iso(wall_ms, false, iso)) : json_null();
}

static json_t *text(const char *s)
{
    return s ? json_string(s) : json_null();
}

static void put(json_t *o, const char *key, json_t *taken)
{
    CHECK(taken && json_object_set_new(o, key, taken) == 0);
}

/* What log entries tell, or null where they could not be read. */
static void put_logged(const struct look *l, json_t *o, const char *key, size_t n)
{
    put(o, key, l->no_logs ? json_null() : number(n));
}

static json_t *inc_ref(const struct look_inc *x)
{
    json_t *o = json_object();

    put(o, "id", text(x->id));
    put(o, "number", json_integer((json_int_t)x->number));
    put(o, "url", text(x->url));
    return o;
}

static json_t *fix_of(const struct look *l, const struct look_sym *s)
{
    for (size_t k = 0; k < s->n_fixers; k++) {
        const struct look_inc *x = &l->incs[s->fixers[k]];
        json_t *o;

        if (!x->has_fix)
            continue;
        o = json_object();
        put(o, "quote", text(x->fix.text));
        put(o, "author", text(x->fix.author));
        put(o, "at", moment(x->fix.at_ms));
        put(o, "incident_id", text(x->id));
        put(o, "incident_number", json_integer((json_int_t)x->number));
        return o;
    }
    return json_null();
}

static json_t *sym_row(const struct look *l, size_t at)
{
    const struct look_sym *s = &l->syms[at];
    const struct look_inc *newest = &l->incs[s->newest];
    json_t *o = json_object();

    put(o, "title", text(newest->title));
    put(o, "service", text(newest->service));
    put(o, "service_id", text(newest->service_id));
    put(o, "incidents", number(s->incidents));
    put(o, "open", number(s->open));
    put(o, "resolved", number(s->resolved));
    put(o, "merged", number(s->merged));
    put(o, "by_person", number(s->by_person));
    put(o, "self_cleared", number(s->self_cleared));
    put(o, "self_cleared_pct", number(look_pct(s->self_cleared, s->self_cleared + s->by_person)));
    put(o, "self_cleared_median_s", span(s->self_median_s));
    put(o, "median_s", span(s->median_s));
    put(o, "hold_off_s", span(s->hold_off_s));
    put_logged(l, o, "spared_pages", s->spared_pages);
    put_logged(l, o, "pages", s->pages);
    put_logged(l, o, "night_pages", s->night_pages);
    put(o, "first_at", moment(s->first_ms));
    put(o, "last_at", moment(s->last_ms));
    put(o, "newest", inc_ref(newest));
    return o;
}

static json_t *sym_rows(const struct look *l, const struct look_list *list, bool fixes)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < list->n; i++) {
        const struct look_sym *s = &l->syms[list->v[i]];
        json_t *row = sym_row(l, list->v[i]);
        size_t looked = 0;

        for (size_t k = 0; k < s->n_fixers; k++)
            looked += l->incs[s->fixers[k]].notes == LOOK_NOTES_READ;
        if (fixes) {
            put(row, "fix", fix_of(l, s));
            put(row, "notes_looked_at", number(looked));
        }
        CHECK(json_array_append_new(rows, row) == 0);
    }
    return rows;
}

/* {rows, all}: all says how many there are where the list is cut. */
static json_t *sym_list(const struct look *l, const struct look_list *list, bool fixes)
{
    json_t *o = json_object();

    put(o, "all", number(list->all));
    put(o, "rows", sym_rows(l, list, fixes));
    return o;
}

static json_t *people_list(const struct look *l)
{
    json_t *o = json_object(), *rows = json_array();

    for (size_t i = 0; i < l->paged.n; i++) {
        const struct look_person *p = &l->people[l->paged.v[i]];
        json_t *row = json_object();

        put(row, "id", text(p->id));
        put(row, "name", text(p->name));
        put(row, "pages", number(p->pages));
        put(row, "pages_pct", number(look_pct(p->pages, l->n_pages)));
        put(row, "notifications", number(p->notifications));
        put(row, "assigned", number(p->assigned));
        put(row, "night_pages", number(p->night_pages));
        put(row, "top",
            p->top_sym == LOOK_NONE
                ? json_null()
                : json_pack("{s:s, s:s, s:I}", "title", l->incs[l->syms[p->top_sym].newest].title,
                            "service", l->incs[l->syms[p->top_sym].newest].service, "pages",
                            (json_int_t)p->top_pages));
        CHECK(json_array_append_new(rows, row) == 0);
    }
    put(o, "all", number(l->paged.all));
    put(o, "rows", rows);
    return o;
}

/* ---- totals ---- */

static void put_totals(const struct look *l, json_t *report)
{
    size_t open = 0, merged = 0, by_person = 0, self = 0;
    const struct look_inc *oldest = NULL;
    json_t *o = json_object(), *old = json_null();

    for (size_t i = 0; i < l->n_incs; i++) {
        const struct look_inc *x = &l->incs[i];

        if (!x->inside)
            continue;
        open += !x->resolved;
        merged += x->resolved && x->merged;
        by_person += look_is_fixed(x) && x->by_person;
        self += look_is_fixed(x) && !x->by_person;
        if (!x->resolved && (!oldest || x->created_ms < oldest->created_ms))
            oldest = x;
    }
    if (oldest) {
        old = inc_ref(oldest);
        put(old, "title", text(oldest->title));
        put(old, "service", text(oldest->service));
        put(old, "created_at", moment(oldest->created_ms));
    }
    put(o, "incidents", number(l->inside));
    put(o, "open", number(open));
    put(o, "oldest_open", old);
    put(o, "merged", number(merged));
    put(o, "by_person", number(by_person));
    put(o, "self_cleared", number(self));
    put(o, "symptoms", number(l->n_syms));
    put_logged(l, o, "pages", l->n_pages);
    put_logged(l, o, "earlier_pages", l->earlier_pages);
    put_logged(l, o, "notifications", l->notifications);
    put_logged(l, o, "people", l->paged.all);
    put_logged(l, o, "night_pages", l->night_pages);
    put(report, "totals", o);
}

static json_t *median_of(int64_t *spans, size_t n)
{
    json_t *o = json_object();

    put(o, "n", number(n));
    put(o, "median_s", span(look_median(spans, n)));
    return o;
}

static void put_medians(const struct look *l, json_t *report)
{
    AUTO(mem_freep) int64_t *ack = mem_array(l->inside + 1, sizeof *ack);
    AUTO(mem_freep) int64_t *all = mem_array(l->inside + 1, sizeof *all);
    AUTO(mem_freep) int64_t *person = mem_array(l->inside + 1, sizeof *person);
    size_t n_ack = 0, n_all = 0, n_person = 0;
    json_t *o;

    for (size_t i = 0; i < l->n_incs; i++) {
        const struct look_inc *x = &l->incs[i];

        if (!x->inside)
            continue;
        if (x->acked_ms >= x->created_ms)
            ack[n_ack++] = (x->acked_ms - x->created_ms) / 1000;
        if (!look_is_fixed(x) || x->resolved_ms < x->created_ms)
            continue;
        all[n_all++] = (x->resolved_ms - x->created_ms) / 1000;
        if (x->by_person)
            person[n_person++] = (x->resolved_ms - x->created_ms) / 1000;
    }
    put(report, "acknowledged", l->no_logs ? json_null() : median_of(ack, n_ack));
    o = median_of(all, n_all);
    put(o, "by_person", median_of(person, n_person));
    put(report, "resolved", o);
}

/* ---- the longest incident ---- */

struct step {
    int64_t at_ms;
    const char *what, *who, *text;
    size_t order;
};

static int by_time(const void *a, const void *b)
{
    const struct step *x = a, *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Log entries and notes in order. A note's own log entry says less than the note, so it is left out. */
static size_t steps_join(const struct look *l, const struct look_inc *x, struct step *out)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n_steps; i++) {
        const struct look_step *s = &l->steps[i];

        if (x->n_all == 0 || !text_eq(s->what, "annotate")) {
            /* Within one second it is the trigger that came first. */
            out[n] = (struct step){s->at_ms, s->what, s->who, s->text,
                                   text_eq(s->what, "trigger") ? 0 : n + 1};
            n++;
        }
    }
    for (size_t i = 0; i < x->n_all; i++) {
        out[n] = (struct step){x->all[i].at_ms, "note", x->all[i].author, x->all[i].text, n + 1};
        n++;
    }
    if (n > 0)
        qsort(out, n, sizeof *out, by_time);
    return n;
}

static json_t *timeline(const struct look *l, const struct look_inc *x, size_t *left_out)
{
    AUTO(mem_freep) struct step *steps = mem_array(l->n_steps + x->n_all + 1, sizeof *steps);
    size_t n = steps_join(l, x, steps), half = LOOK_TIMELINE / 2;
    json_t *rows = json_array();

    *left_out = n > LOOK_TIMELINE ? n - LOOK_TIMELINE : 0;
    for (size_t i = 0; i < n; i++) {
        const struct step *s = &steps[i];
        json_t *row;

        if (*left_out && i >= half && i < half + *left_out)
            continue;
        row = json_object();
        put(row, "at", moment(s->at_ms));
        put(row, "after_s", json_integer((json_int_t)((s->at_ms - x->created_ms) / 1000)));
        put(row, "what", text(s->what));
        put(row, "who", text(s->who));
        put(row, "text", text(s->text));
        CHECK(json_array_append_new(rows, row) == 0);
    }
    return rows;
}

static json_t *longest(const struct look *l)
{
    const struct look_inc *x;
    size_t left_out = 0;
    json_t *o, *rows;

    if (l->longest == LOOK_NONE)
        return json_null();
    x = &l->incs[l->longest];
    o = inc_ref(x);
    rows = timeline(l, x, &left_out);
    put(o, "title", text(x->title));
    put(o, "service", text(x->service));
    put(o, "created_at", moment(x->created_ms));
    put(o, "resolved_at", moment(x->resolved_ms));
    put(o, "took_s", span((x->resolved_ms - x->created_ms) / 1000));
    put(o, "resolved_by", x->by_person ? text(x->by_name) : json_null());
    put(o, "notes", x->notes == LOOK_NOTES_READ ? number(x->n_all) : json_null());
    put(o, "timeline_read", json_boolean(l->timeline_read));
    put(o, "timeline", rows);
    put(o, "left_out", number(left_out));
    return o;
}

/* ---- the report ---- */

static json_t *definitions(void)
{
    return json_pack(
        "[{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s,s:s}]", "word", "page", "means",
        "one person notified about one incident (notify log entries), however many messages and "
        "devices that took",
        "word", "night", "means",
        "a page with a notification from 22:00 to before 07:00 in the zone named above", "word",
        "symptom", "means",
        "incidents of one service whose titles are equal once numbers, ids and host names are "
        "taken out; shown is the newest title",
        "word", "cleared by itself", "means",
        "resolved, and not by a person: the monitor or a time-out ended it. Merged incidents count "
        "neither way",
        "word", "acknowledged after", "means",
        "from the beginning to the first acknowledgement, of the incidents that had one", "word",
        "resolved after", "means",
        "from the beginning to the end, of the incidents that are resolved and not merged");
}

static json_t *window(const struct look *l)
{
    json_t *o = json_object();

    put(o, "since", moment(l->w.since_ms));
    put(o, "until", moment(l->w.until_ms));
    put(o, "span_s", span((l->w.until_ms - l->w.since_ms) / 1000));
    put(o, "asked_since", moment(l->w.asked_since_ms));
    put(o, "zone", text(l->w.zone ? l->w.zone : "UTC"));
    return o;
}

json_t *look_report(struct look *l, const char *base_url, int64_t calls)
{
    json_t *o = json_object(), *read = json_object();

    put(read, "from", text(base_url));
    put(read, "calls", json_integer((json_int_t)calls));
    put(read, "incidents", number(l->n_known));
    put(read, "log_entries", number(l->n_entries));
    put(read, "notes", number(l->notes_read));
    put(read, "complete",
        json_boolean(json_array_size(l->not_read) == 0 && l->w.since_ms <= l->w.asked_since_ms));
    put(read, "not_read", json_incref(l->not_read));
    put(o, "window", window(l));
    put(o, "read", read);
    put_totals(l, o);
    put_medians(l, o);
    put(o, "causes", l->no_logs ? json_null() : sym_list(l, &l->causes, false));
    put(o, "noisy", sym_list(l, &l->noisy, false));
    put(o, "self_clearing", sym_list(l, &l->self_clearing, false));
    put(o, "repeats", sym_list(l, &l->repeats, true));
    put(o, "night", l->no_logs ? json_null() : sym_list(l, &l->night, false));
    put(o, "people", l->no_logs ? json_null() : people_list(l));
    put(o, "longest", longest(l));
    put(o, "suggestions", look_advice(l));
    put(o, "definitions", definitions());
    return o;
}
