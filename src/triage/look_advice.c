/* A look back: what to do about it. One line for each finding, with the numbers it rests on. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/look_priv.h"

/* Below these a finding is chance, not a habit. */
#define LINES_MAX        3 /* of one kind */
#define LINE_MAX_BYTES   1200
#define SELF_PCT         70
#define HOLD_OFF_MAX_S   1800 /* longer, and a true alert would come too late */
#define REPEATS_MIN      3
#define NIGHT_MIN        3
#define SHARE_PAGES_MIN  10
#define SHARE_PEOPLE_MIN 3
#define SHARE_PCT        40
#define UNACKED_MIN      3
#define UNACKED_PCT      25

static void say(json_t *list, const char *about, const char *f, ...) PRINTF_LIKE(3, 4);

static void say(json_t *list, const char *about, const char *f, ...)
{
    char line[LINE_MAX_BYTES];
    va_list ap;
    json_t *row;

    va_start(ap, f);
    vsnprintf(line, sizeof line, f, ap);
    va_end(ap);
    row = json_object();
    CHECK(json_object_set_new(row, "about", json_string(about)) == 0);
    /* Titles and names are capped far below what would be cut here. */
    CHECK(json_object_set_new(row, "text", json_string(line)) == 0);
    CHECK(json_array_append_new(list, row) == 0);
}

static const struct look_inc *newest(const struct look *l, const struct look_sym *s)
{
    return &l->incs[s->newest];
}

static void advise_self(const struct look *l, json_t *list)
{
    size_t said = 0;

    for (size_t i = 0; i < l->self_clearing.n && said < LINES_MAX; i++) {
        const struct look_sym *s = &l->syms[l->self_clearing.v[i]];
        size_t of = s->self_cleared + s->by_person;
        char hold[TIME_SPAN_MAX], median[TIME_SPAN_MAX];

        if (look_pct(s->self_cleared, of) < SELF_PCT || s->hold_off_s < 0)
            continue;
        said++;
        time_format_span(s->hold_off_s * 1000, hold);
        time_format_span(s->self_median_s * 1000, median);
        if (s->hold_off_s > HOLD_OFF_MAX_S)
            say(list, "self_clearing",
                "\"%s\" (%s) cleared by itself %zu of %zu times, after %s (median): lower its "
                "urgency, so that it waits for working hours",
                newest(l, s)->title, newest(l, s)->service, s->self_cleared, of, median);
        else if (!l->no_logs && s->spared_pages > 0)
            say(list, "self_clearing",
                "\"%s\" (%s) cleared by itself %zu of %zu times: raise its hold-off to %s, which "
                "would have spared %zu of its %zu pages",
                newest(l, s)->title, newest(l, s)->service, s->self_cleared, of, hold,
                s->spared_pages, s->pages);
        else
            say(list, "self_clearing",
                "\"%s\" (%s) cleared by itself %zu of %zu times: raise its hold-off to %s",
                newest(l, s)->title, newest(l, s)->service, s->self_cleared, of, hold);
    }
}

static const struct look_inc *fixed_in(const struct look *l, const struct look_sym *s)
{
    for (size_t k = 0; k < s->n_fixers; k++)
        if (l->incs[s->fixers[k]].has_fix)
            return &l->incs[s->fixers[k]];
    return NULL;
}

static bool notes_missing(const struct look *l, const struct look_sym *s)
{
    for (size_t k = 0; k < s->n_fixers; k++)
        if (l->incs[s->fixers[k]].notes != LOOK_NOTES_READ)
            return true;
    return false;
}

static void advise_repeats(const struct look *l, json_t *list)
{
    size_t said = 0;

    for (size_t i = 0; i < l->repeats.n && said < LINES_MAX; i++) {
        const struct look_sym *s = &l->syms[l->repeats.v[i]];
        const struct look_inc *fix = fixed_in(l, s);

        if (s->by_person < REPEATS_MIN || (!fix && notes_missing(l, s)))
            continue;
        said++;
        if (fix)
            say(list, "repeats",
                "\"%s\" (%s) was ended by hand %zu times; %s wrote how on #%lld: make that a "
                "runbook, or mend the cause",
                newest(l, s)->title, newest(l, s)->service, s->by_person, fix->fix.author,
                (long long)fix->number);
        else
            say(list, "repeats",
                "\"%s\" (%s) was ended by hand %zu times and no note found says how: ask who was "
                "there, and write it down once",
                newest(l, s)->title, newest(l, s)->service, s->by_person);
    }
}

static void advise_night(const struct look *l, json_t *list)
{
    const struct look_sym *s;

    if (l->no_logs || l->night.n == 0)
        return;
    s = &l->syms[l->night.v[0]];
    if (s->night_pages < NIGHT_MIN)
        return;
    say(list, "night",
        "\"%s\" (%s) made %zu of the %zu night pages: mend it first, or let it wait for the "
        "morning",
        newest(l, s)->title, newest(l, s)->service, s->night_pages, l->night_pages);
}

static void advise_people(const struct look *l, json_t *list)
{
    const struct look_person *p;

    if (l->no_logs || l->paged.all < SHARE_PEOPLE_MIN || l->n_pages < SHARE_PAGES_MIN)
        return;
    p = &l->people[l->paged.v[0]];
    if (look_pct(p->pages, l->n_pages) < SHARE_PCT)
        return;
    say(list, "people",
        "%s took %zu of %zu pages (%u %%), %zu people share the rest: look at the rotation",
        p->name, p->pages, l->n_pages, look_pct(p->pages, l->n_pages), l->paged.all - 1);
}

static void advise_unacked(const struct look *l, json_t *list)
{
    size_t n = 0, of = 0;

    if (l->no_logs)
        return;
    for (size_t i = 0; i < l->n_incs; i++) {
        const struct look_inc *x = &l->incs[i];

        if (!x->inside || !look_is_fixed(x) || !x->by_person)
            continue;
        of++;
        n += x->acked_ms == 0;
    }
    if (n >= UNACKED_MIN && look_pct(n, of) >= UNACKED_PCT)
        say(list, "totals",
            "%zu of the %zu incidents that a person resolved were never acknowledged: nobody could "
            "see that somebody was on it, and the escalation ran on",
            n, of);
}

static void advise_longest(const struct look *l, json_t *list)
{
    const struct look_inc *x;
    char took[TIME_SPAN_MAX];

    if (l->longest == LOOK_NONE)
        return;
    x = &l->incs[l->longest];
    time_format_span(x->resolved_ms - x->created_ms, took);
    if (x->notes == LOOK_NOTES_READ && !x->has_fix)
        say(list, "longest",
            "#%lld took %s and no note says what ended it: write it down while %s remembers",
            (long long)x->number, took, x->by_person && x->by_name ? x->by_name : "somebody");
}

json_t *look_advice(const struct look *l)
{
    json_t *list = json_array();

    advise_unacked(l, list);
    advise_self(l, list);
    advise_repeats(l, list);
    advise_night(l, list);
    advise_people(l, list);
    advise_longest(l, list);
    return list;
}
