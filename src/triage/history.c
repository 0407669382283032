/* Earlier incidents with the same symptom: how often, how many cleared by themselves, and who solved the last ones. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/pure.h"

#define DAY_MS INT64_C(86400000)

static bool counts(const struct triage_past *p, const char *id, int64_t created_ms,
                   int64_t window_ms)
{
    return !text_eq(p->id, id) && p->created_ms <= created_ms &&
           p->created_ms >= created_ms - window_ms;
}

static bool by_person(const struct triage_past *p)
{
    return text_eq(p->by_type, "user");
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Keeps the newest ones, newest first. */
static void fixed_add(struct triage_history *h, const struct triage_past *p)
{
    size_t at = h->n_by_user;

    while (at > 0 && h->by_user[at - 1]->created_ms < p->created_ms)
        at--;
    if (at == HISTORY_FIXES_MAX)
        return;
    if (h->n_by_user < HISTORY_FIXES_MAX)
        h->n_by_user++;
    for (size_t i = h->n_by_user - 1; i > at; i--)
        h->by_user[i] = h->by_user[i - 1];
    h->by_user[at] = p;
}

static int64_t median(int64_t *spans, size_t n)
{
    if (n == 0)
        return -1;
    qsort(spans, n, sizeof(*spans), by_value);
    return (spans[(n - 1) / 2] + spans[n / 2]) / 2;
}

/* By nearest rank: the smallest span that so many percent do not exceed, so always one that really was. */
static int64_t rank(const int64_t *sorted, size_t n, size_t percent)
{
    return n == 0 ? -1 : sorted[(n * percent + 99) / 100 - 1];
}

static void took(struct triage_history *h, int64_t *spans, size_t n)
{
    qsort(spans, n, sizeof(*spans), by_value);
    h->took_n = (int64_t)n;
    h->took_median_s = rank(spans, n, 50);
    h->took_p25_s = rank(spans, n, 25);
    h->took_p75_s = rank(spans, n, 75);
}

void triage_history(struct arena *a, const struct triage_past *rows, size_t n, const char *id,
                    int64_t created_ms, int64_t window_ms, struct triage_history *out)
{
    struct triage_history h = {0};
    int64_t *spans = arena_array(a, n + 1, sizeof(*spans));
    int64_t *all = arena_array(a, n + 1, sizeof(*all));
    size_t n_spans = 0, n_all = 0;

    for (size_t i = 0; i < n; i++) {
        const struct triage_past *p = &rows[i];

        if (!counts(p, id, created_ms, window_ms))
            continue;
        h.times_seen++;
        h.last_day += p->created_ms >= created_ms - DAY_MS;
        h.last_week += p->created_ms >= created_ms - 7 * DAY_MS;
        if (!h.newest || p->created_ms > h.newest->created_ms)
            h.newest = p;
        if (!text_eq(p->status, "resolved") || p->merged)
            continue;
        h.resolved++;
        if (p->resolved_ms >= p->created_ms)
            all[n_all++] = (p->resolved_ms - p->created_ms) / 1000;
        if (by_person(p)) {
            fixed_add(&h, p);
            continue;
        }
        h.self_cleared++;
        if (p->resolved_ms >= p->created_ms)
            spans[n_spans++] = (p->resolved_ms - p->created_ms) / 1000;
    }
    h.median_s = median(spans, n_spans);
    took(&h, all, n_all);
    *out = h;
}

json_t *ev_similar_body(const struct triage_history *h, int64_t window_ms, bool complete)
{
    json_t *j =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "days", (json_int_t)(window_ms / DAY_MS),
                  "times_seen", (json_int_t)h->times_seen, "resolved", (json_int_t)h->resolved,
                  "self_cleared", (json_int_t)h->self_cleared, "last_24h", (json_int_t)h->last_day,
                  "last_7d", (json_int_t)h->last_week, "complete", complete);
    json_t *fixed = json_array();

    if (h->median_s >= 0)
        json_object_set_new(j, "self_cleared_median_s", json_integer(h->median_s));
    if (h->took_n > 0)
        json_object_set_new(j, "took",
                            json_pack("{s:I, s:I, s:I, s:I}", "n", (json_int_t)h->took_n,
                                      "median_s", (json_int_t)h->took_median_s, "p25_s",
                                      (json_int_t)h->took_p25_s, "p75_s",
                                      (json_int_t)h->took_p75_s));
    if (h->newest)
        json_object_set_new(j, "last",
                            json_pack("{s:s, s:I, s:I}", "id", h->newest->id, "number",
                                      (json_int_t)h->newest->number, "created_ms",
                                      (json_int_t)h->newest->created_ms));
    for (size_t i = 0; i < h->n_by_user; i++)
        json_array_append_new(fixed, json_pack("{s:s, s:I, s:s*}", "id", h->by_user[i]->id,
                                               "number", (json_int_t)h->by_user[i]->number, "by",
                                               h->by_user[i]->by_name));
    json_object_set_new(j, "solved_by_people", fixed);
    return j;
}

const struct pd_note *triage_fix_note(const struct pd_notes *n)
{
    const struct pd_note *best = NULL;

    for (size_t i = 0; i < n->n; i++) {
        const struct pd_note *x = &n->items[i];

        if (!x->content || !*x->content || triage_note_is_ours(x->content) ||
            text_eq(x->user.type, "bot_user"))
            continue;
        if (!best || x->created_ms >= best->created_ms)
            best = x;
    }
    return best;
}

json_t *ev_fix_body(const struct pd_note *note, const char *incident_id, int64_t number)
{
    /* PagerDuty puts this in front when a resolve carried the note. */
    static const char prefix[] = "Resolution Note: ";
    const char *text = note->content;

    if (text_starts(text, prefix))
        text += sizeof(prefix) - 1;
    return json_pack("{s:s, s:I, s:s, s:s*, s:s*, s:s*, s:I}", "incident_id", incident_id, "number",
                     (json_int_t)number, "quote", text, "author", note->user.summary, "author_id",
                     note->user.id, "note_id", note->id, "at_ms", (json_int_t)note->created_ms);
}
