/* The list of evidence items, and the one line that stands for each. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/pure.h"

#define SUMMARY_MAX_BYTES 240

static const struct kind_row {
    const char *kind;
    const char *label;
} kinds[EV_KINDS] = {
    {EV_INCIDENT, "the incident itself"},
    {EV_ALERT, "alerts"},
    {EV_LOG, "log entries"},
    {EV_NOTE, "notes"},
    {EV_CHANGE, "related changes"},
    {EV_PAST, "past incidents"},
    {EV_RELATED, "related incidents"},
    {EV_OUTLIER, "outlier"},
    {EV_SERVICE, "service"},
    {EV_POLICY, "escalation policy"},
    {EV_ONCALL, "on-calls"},
    {EV_DEPENDENCY, "dependencies"},
    {EV_SIMILAR, "earlier incidents of the service"},
    {EV_FIX, "notes of earlier incidents"},
    {EV_FIRING, "other open incidents"},
    {EV_MEMORY, "similar earlier incidents"},
    {EV_SOURCE, "other sources"},
    {EV_RUNBOOK, "runbooks"},
};

const char *ev_kind(size_t i)
{
    return i < EV_KINDS ? kinds[i].kind : NULL;
}

const char *ev_label(const char *kind)
{
    for (size_t i = 0; i < EV_KINDS; i++)
        if (text_eq(kinds[i].kind, kind))
            return kinds[i].label;
    return kind;
}

void triage_items_init(struct triage_items *it, struct arena *a)
{
    *it = (struct triage_items){.arena = a};
}

void triage_items_done(struct triage_items *it)
{
    for (size_t i = 0; i < it->n; i++)
        json_decref(it->v[i].body);
    it->n = 0;
}

static void show(struct buf *b, const char *s, size_t max_bytes)
{
    if (s)
        text_show(b, s, strlen(s), max_bytes, true);
}

/* "2026-09-14T02:11:07Z", or "an unknown time". */
static void show_time(struct buf *b, int64_t ms)
{
    char iso[TIME_ISO_MAX];

    buf_puts(b, ms > 0 ? time_format_iso(ms, false, iso) : "an unknown time");
}

static void incident_line(struct buf *b, const json_t *j)
{
    buf_printf(b, "#%" PRId64 " ", json_opt_int(j, "number", 0));
    show(b, json_opt_str(j, "status"), 20);
    buf_puts(b, ": ");
    show(b, json_opt_str(j, "title"), 160);
    if (text_eq(json_opt_str(j, "from"), "webhook"))
        buf_puts(b, " (as the webhook says)");
}

static void alert_line(struct buf *b, const json_t *j)
{
    char span[TIME_SPAN_MAX];
    int64_t folded = json_opt_int(j, "folded", 0);

    if (folded > 0) {
        int64_t ms = json_opt_int(j, "last_ms", 0) - json_opt_int(j, "first_ms", 0);

        buf_printf(b, "%" PRId64 " more alerts within %s", folded, time_format_span(ms, span));
        return;
    }
    show(b, json_opt_str(j, "severity") ? json_opt_str(j, "severity") : "alert", 20);
    buf_puts(b, ": ");
    show(b, json_opt_str(j, "summary"), 180);
}

static void author_line(struct buf *b, const json_t *j, const char *text)
{
    show(b, json_opt_str(j, "author") ? json_opt_str(j, "author") : "somebody", 60);
    buf_puts(b, ": ");
    show(b, json_opt_str(j, text), 160);
}

static void similar_line(struct buf *b, const json_t *j)
{
    buf_printf(b,
               "seen %" PRId64 " times in %" PRId64 " days, %" PRId64 " of %" PRId64
               " cleared by themselves",
               json_opt_int(j, "times_seen", 0), json_opt_int(j, "days", 0),
               json_opt_int(j, "self_cleared", 0), json_opt_int(j, "resolved", 0));
}

static void list_line(struct buf *b, const json_t *j, const char *list, const char *what)
{
    buf_printf(b, "%zu %s", json_array_size(json_opt_arr(j, list)), what);
}

static void source_line(struct buf *b, const json_t *j)
{
    const json_t *lines = json_opt_arr(j, "lines");

    show(b, json_opt_str(j, "title"), 80);
    buf_puts(b, json_array_size(lines) > 0 ? ": " : ": asked, nothing found");
    show(b, json_string_value(json_array_get(lines, 0)), 120);
    if (json_array_size(lines) > 1)
        buf_printf(b, " (and %zu more)", json_array_size(lines) - 1);
}

static void runbook_line(struct buf *b, const json_t *j)
{
    const json_t *by = json_opt_arr(j, "matched_by");

    if (json_opt_arr(j, "links")) {
        list_line(b, j, "links", "links of the alert or of a rule");
        return;
    }
    show(b, json_opt_str(j, "title"), 120);
    for (size_t i = 0; i < json_array_size(by) && i < 3; i++) {
        buf_puts(b, i > 0 ? ", " : ", matched by ");
        show(b, json_string_value(json_array_get(by, i)), 60);
    }
}

static void summarise(const char *kind, const json_t *j, int64_t at_ms, struct buf *b)
{
    if (text_eq(kind, EV_INCIDENT)) {
        incident_line(b, j);
    } else if (text_eq(kind, EV_ALERT)) {
        alert_line(b, j);
    } else if (text_eq(kind, EV_NOTE)) {
        author_line(b, j, "content");
    } else if (text_eq(kind, EV_FIX)) {
        buf_printf(b, "#%" PRId64 ", ", json_opt_int(j, "number", 0));
        author_line(b, j, "quote");
    } else if (text_eq(kind, EV_LOG)) {
        list_line(b, j, "entries", "log entries");
    } else if (text_eq(kind, EV_SIMILAR)) {
        similar_line(b, j);
    } else if (text_eq(kind, EV_ONCALL)) {
        list_line(b, j, "oncalls", "on-call entries");
    } else if (text_eq(kind, EV_POLICY)) {
        show(b, json_opt_str(j, "name"), 120);
        buf_puts(b, ": ");
        list_line(b, j, "levels", "levels");
    } else if (text_eq(kind, EV_SERVICE)) {
        show(b, json_opt_str(j, "name"), 120);
        buf_puts(b, ", ");
        show(b, json_opt_str(j, "status"), 40);
    } else if (text_eq(kind, EV_DEPENDENCY)) {
        list_line(b, j, "depends_on", "services below, ");
        list_line(b, j, "used_by", "above");
    } else if (text_eq(kind, EV_FIRING)) {
        list_line(b, j, "open", "other open incidents");
    } else if (text_eq(kind, EV_SOURCE)) {
        source_line(b, j);
    } else if (text_eq(kind, EV_RUNBOOK)) {
        runbook_line(b, j);
    } else if (text_eq(kind, EV_OUTLIER)) {
        show(b, json_opt_str(j, "category") ? json_opt_str(j, "category") : "no outlier", 60);
    } else {
        show(b, json_opt_str(j, "summary") ? json_opt_str(j, "summary") : json_opt_str(j, "title"),
             180);
        buf_puts(b, ", ");
        show_time(b, at_ms);
    }
}

static struct triage_item *item_new(struct triage_items *it)
{
    if (it->n == TRIAGE_ITEMS_MAX)
        return NULL;
    if (it->n == it->room) {
        size_t room = it->room ? it->room * 2 : 32;
        struct triage_item *v = arena_array(it->arena, room, sizeof(*v));

        if (it->n > 0)
            memcpy(v, it->v, it->n * sizeof(*v));
        it->v = v;
        it->room = room;
    }
    it->v[it->n] = (struct triage_item){0};
    return &it->v[it->n++];
}

bool triage_items_add(struct triage_items *it, const char *kind, const char *source, json_t *body,
                      int64_t at_ms)
{
    AUTO(buf_done) struct buf b = {0};
    struct triage_item *x = item_new(it);

    if (!x) {
        json_decref(body);
        return false;
    }
    buf_init(&b, 4096);
    summarise(kind, body, at_ms, &b);
    x->kind = arena_strdup(it->arena, kind);
    x->ok = true;
    x->source = arena_strdup(it->arena, source);
    x->summary =
        arena_strndup(it->arena, buf_str(&b), text_cut(buf_str(&b), b.len, SUMMARY_MAX_BYTES));
    x->body = body;
    x->at_ms = at_ms;
    return true;
}

void triage_items_not_checked(struct triage_items *it, const char *kind, const char *source,
                              const char *why)
{
    AUTO(buf_done) struct buf b = {0};
    struct triage_item *x = item_new(it);

    if (!x)
        return;
    buf_init(&b, 4096);
    show(&b, why, SUMMARY_MAX_BYTES);
    x->kind = arena_strdup(it->arena, kind);
    x->source = arena_strdup(it->arena, source);
    x->summary = arena_strdup(it->arena, buf_str(&b));
    x->body = json_pack("{s:s}", "why", x->summary);
}

const struct triage_item *triage_items_find(const struct triage_items *it, const char *kind)
{
    for (size_t i = 0; i < it->n; i++)
        if (it->v[i].ok && text_eq(it->v[i].kind, kind))
            return &it->v[i];
    return NULL;
}

bool triage_items_checked(const struct triage_items *it, const char *kind)
{
    bool open = false;

    for (size_t i = 0; i < it->n; i++) {
        if (!text_eq(it->v[i].kind, kind))
            continue;
        if (it->v[i].ok)
            return true;
        open = true;
    }
    return !open;
}

void triage_items_rest(struct triage_items *it, const char *source, const char *why)
{
    for (size_t k = 0; k < EV_KINDS; k++) {
        size_t i = 0;

        while (i < it->n && !text_eq(it->v[i].kind, kinds[k].kind))
            i++;
        if (i == it->n)
            triage_items_not_checked(it, kinds[k].kind, source, why);
    }
}

void triage_item_digest(const struct triage_item *x, char out_hex[65])
{
    struct digest d;
    size_t len;
    char *text = json_canon(x->body, &len);

    digest_begin(&d, "triaged.evidence.v1");
    digest_str(&d, x->kind);
    digest_int(&d, x->ok);
    digest_str(&d, x->source);
    digest_bytes(&d, text, len);
    digest_end(&d, out_hex);
    mem_freep(&text);
}

bool triage_note_is_ours(const char *content)
{
    return content && text_starts(content, "[triaged:");
}

const char *triage_symptom(struct arena *a, const char *title)
{
    AUTO(buf_done) struct buf b = {0};
    size_t len = title ? text_cut(title, strlen(title), PD_TITLE_MAX_BYTES) : 0;

    buf_init(&b, (size_t)8 * PD_TITLE_MAX_BYTES);
    if (title)
        text_normalise(&b, title, len);
    return arena_strndup(a, buf_str(&b), b.len);
}
