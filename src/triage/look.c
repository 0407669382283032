/* A look back: what PagerDuty said, taken in as it is read. */
#include "triage/look.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/look_priv.h"

#define TITLE_MAX_BYTES   200
#define NAME_MAX_BYTES    80
#define URL_MAX_BYTES     300
#define QUOTE_MAX_BYTES   1000
#define WHY_MAX_BYTES     300
#define STEPS_MAX         2000 /* read of one incident; LOOK_TIMELINE of them are told */
#define SYMPTOM_MAX_BYTES 600
/*
 * Every incident with its texts at their longest, 1.5 KiB, and of each log entry two ids and a name, 150 bytes: 70 MiB. Twice
 * that, so that no account, however odd, can meet it.
 */
#define ARENA_BYTES       ((size_t)160 * 1024 * 1024)
#define SCRATCH_BYTES     ((size_t)256 * 1024)

struct look *look_new(void)
{
    struct look *l = mem_alloc(sizeof *l);

    l->arena = arena_new(ARENA_BYTES);
    l->scratch = arena_new(SCRATCH_BYTES);
    l->inc_ids = json_object();
    l->person_ids = json_object();
    l->entry_ids = json_object();
    l->not_read = json_array();
    l->longest = LOOK_NONE;
    return l;
}

void look_free(struct look *l)
{
    if (!l)
        return;
    arena_free(l->arena);
    arena_free(l->scratch);
    free(l->pages);
    free(l->syms);
    free(l->incs);
    free(l->people);
    free(l->logs);
    json_decref(l->inc_ids);
    json_decref(l->person_ids);
    json_decref(l->entry_ids);
    json_decref(l->not_read);
    free(l);
}

void look_freep(struct look **l)
{
    look_free(*l);
    *l = NULL;
}

const char *look_show(struct look *l, const char *s, size_t max_bytes, const char *def)
{
    AUTO(buf_done) struct buf b = {0};

    if (!s || !*s)
        return def;
    buf_init(&b, max_bytes + 16);
    text_show(&b, s, strlen(s), max_bytes, true);
    return arena_strdup(l->arena, buf_str(&b));
}

void *look_grow(void *v, size_t n, size_t *room, size_t bytes)
{
    if (n == *room) {
        *room = *room ? *room * 2 : 256;
        v = mem_grow(v, *room, bytes);
    }
    memset((char *)v + n * bytes, 0, bytes);
    return v;
}

static size_t index_of(const json_t *map, const char *id)
{
    const json_t *at = json_object_get(map, id);

    return at ? (size_t)json_integer_value(at) : LOOK_NONE;
}

static void index_put(json_t *map, const char *id, size_t at)
{
    CHECK(json_object_set_new(map, id, json_integer((json_int_t)at)) == 0);
}

/* ---- incidents ---- */

static size_t inc_of(struct look *l, const char *id)
{
    size_t at = index_of(l->inc_ids, id);

    if (at != LOOK_NONE)
        return at;
    l->incs = look_grow(l->incs, l->n_incs, &l->inc_room, sizeof *l->incs);
    at = l->n_incs++;
    l->incs[at].id = arena_strdup(l->arena, id);
    index_put(l->inc_ids, id, at);
    return at;
}

/* Service and symptom, one text; a symptom beyond the cap is told apart by its beginning. */
static void key_make(struct look *l, const char *title, struct look_inc *x)
{
    const char *symptom = triage_symptom(l->scratch, title);
    size_t len = text_cut(symptom, strlen(symptom), SYMPTOM_MAX_BYTES);

    x->key = arena_printf(l->arena, "%s\n%.*s", x->service_id, (int)len, symptom);
    x->symptom = strchr(x->key, '\n') + 1;
    arena_reset(l->scratch);
}

bool look_add_incident(struct look *l, const struct pd_incident *in)
{
    size_t at = index_of(l->inc_ids, in->id);
    struct look_inc *x;

    if (at != LOOK_NONE && l->incs[at].known)
        return true;
    if (l->n_known == LOOK_INCIDENTS_MAX)
        return false;
    at = inc_of(l, in->id); /* may move the array */
    x = &l->incs[at];
    x->known = true;
    l->n_known++;
    x->number = in->number;
    x->title = look_show(l, in->title, TITLE_MAX_BYTES, "(no title)");
    x->service = look_show(l, in->service.summary, NAME_MAX_BYTES, "(no service)");
    x->service_id =
        in->service.id && text_is_id(in->service.id) ? arena_strdup(l->arena, in->service.id) : "";
    x->url = look_show(l, in->html_url, URL_MAX_BYTES, NULL);
    key_make(l, in->title, x);
    x->created_ms = in->created_ms;
    x->resolved = text_eq(in->status, "resolved");
    x->merged = text_eq(in->resolve_reason, "merge_resolve_reason");
    /* The same reading as in triage_history(): who changed the status last is who ended it. */
    x->by_person = text_eq(in->last_status_change_by.type, "user");
    x->by_name = look_show(l, in->last_status_change_by.summary, NAME_MAX_BYTES, NULL);
    x->resolved_ms = in->resolved_ms ? in->resolved_ms : in->last_status_change_ms;
    return true;
}

size_t look_incidents(const struct look *l)
{
    return l->n_known;
}

/* ---- log entries ---- */

static size_t person_of(struct look *l, const struct pd_ref *user)
{
    size_t at;

    if (!user->id || !text_is_id(user->id))
        return LOOK_NONE;
    at = index_of(l->person_ids, user->id);
    if (at != LOOK_NONE)
        return at;
    l->people = look_grow(l->people, l->n_people, &l->people_room, sizeof *l->people);
    at = l->n_people++;
    l->people[at].id = arena_strdup(l->arena, user->id);
    l->people[at].name = look_show(l, user->summary, NAME_MAX_BYTES, l->people[at].id);
    index_put(l->person_ids, user->id, at);
    return at;
}

static void log_put(struct look *l, enum look_log_kind kind, const struct pd_log_entry *entry,
                    const struct pd_ref *who)
{
    size_t person = who ? person_of(l, who) : LOOK_NONE;
    struct look_log *x;

    if (who && person == LOOK_NONE)
        return;
    l->logs = look_grow(l->logs, l->n_logs, &l->log_room, sizeof *l->logs);
    x = &l->logs[l->n_logs++];
    x->kind = kind;
    x->inc = inc_of(l, entry->incident.id);
    x->person = person;
    x->at_ms = entry->at_ms;
}

bool look_add_log_entry(struct look *l, const struct pd_log_entry *entry)
{
    const char *type = entry->type;

    if (json_object_get(l->entry_ids, entry->id))
        return true;
    if (l->n_entries == LOOK_LOG_ENTRIES_MAX || l->n_logs > (size_t)2 * LOOK_LOG_ENTRIES_MAX)
        return false;
    CHECK(json_object_set_new(l->entry_ids, entry->id, json_true()) == 0);
    l->n_entries++;
    if (!entry->incident.id || !text_is_id(entry->incident.id) || !entry->at_ms)
        return true;
    if (text_eq(type, "notify_log_entry"))
        log_put(l, LOOK_NOTIFY, entry, &entry->user);
    else if (text_eq(type, "acknowledge_log_entry"))
        log_put(l, LOOK_ACK, entry, NULL);
    else if (text_eq(type, "annotate_log_entry"))
        log_put(l, LOOK_ANNOTATE, entry, NULL);
    else if (text_eq(type, "assign_log_entry") || text_eq(type, "escalate_log_entry") ||
             text_eq(type, "delegate_log_entry"))
        for (size_t i = 0; i < entry->assignees.n; i++)
            log_put(l, LOOK_ASSIGN, entry, &entry->assignees.items[i]);
    return true;
}

size_t look_log_entries(const struct look *l)
{
    return l->n_entries;
}

/* ---- what was not read ---- */

void look_not_read(struct look *l, const char *what, const char *why)
{
    json_t *row = json_pack("{s:s, s:s}", "what", look_show(l, what, WHY_MAX_BYTES, "?"), "why",
                            look_show(l, why, WHY_MAX_BYTES, "?"));

    CHECK(row && json_array_append_new(l->not_read, row) == 0);
}

void look_no_log_entries(struct look *l, const char *why)
{
    l->no_logs = true;
    l->n_logs = 0;
    look_not_read(l, "log entries", why);
}

/* ---- notes and the longest incident's timeline ---- */

static void note_keep(struct look *l, const struct pd_note *note, struct look_note *out)
{
    /* PagerDuty puts this in front when a resolve carried the note. */
    static const char prefix[] = "Resolution Note: ";
    const char *text = note->content ? note->content : "";

    if (text_starts(text, prefix))
        text += sizeof prefix - 1;
    out->at_ms = note->created_ms;
    out->author = look_show(l, note->user.summary, NAME_MAX_BYTES, "somebody");
    out->text = look_show(l, text, QUOTE_MAX_BYTES, "");
}

void look_add_notes(struct look *l, const char *incident_id, const struct pd_notes *notes,
                    const char *why)
{
    size_t at = index_of(l->inc_ids, incident_id);
    const struct pd_note *fix;
    struct look_inc *x;

    CHECK(at != LOOK_NONE);
    x = &l->incs[at];
    x->notes = notes ? LOOK_NOTES_READ : LOOK_NOTES_FAILED;
    if (!notes) {
        AUTO(buf_done) struct buf what = {0};

        buf_init(&what, 64);
        buf_printf(&what, "notes of #%lld", (long long)x->number);
        look_not_read(l, buf_str(&what), why);
        return;
    }
    l->notes_read += notes->n;
    fix = triage_fix_note(notes);
    x->has_fix = fix != NULL;
    if (fix)
        note_keep(l, fix, &x->fix);
    if (at != l->longest)
        return;
    x->all = arena_array(l->arena, notes->n + 1, sizeof *x->all);
    for (size_t i = 0; i < notes->n; i++)
        note_keep(l, &notes->items[i], &x->all[x->n_all++]);
}

/* "notify_log_entry" is a "notify" to people. */
static const char *kind_of(struct look *l, const char *type)
{
    static const char tail[] = "_log_entry";
    size_t len = type ? strlen(type) : 0;

    if (len > sizeof tail - 1 && strcmp(type + len - (sizeof tail - 1), tail) == 0)
        len -= sizeof tail - 1;
    return len ? look_show(l, arena_strndup(l->arena, type, len), NAME_MAX_BYTES, "?") : "?";
}

void look_add_timeline(struct look *l, const struct pd_log_entries *entries)
{
    l->timeline_read = true;
    if (!l->steps)
        l->steps = arena_array(l->arena, STEPS_MAX, sizeof *l->steps);
    for (size_t i = 0; i < entries->n && l->n_steps < STEPS_MAX; i++) {
        const struct pd_log_entry *x = &entries->items[i];
        struct look_step *s = &l->steps[l->n_steps++];
        const struct pd_ref *who = x->user.id ? &x->user : &x->agent;

        if (x->assignees.n > 0)
            who = &x->assignees.items[0];
        s->at_ms = x->at_ms;
        s->what = kind_of(l, x->type);
        s->who = look_show(l, who->summary, NAME_MAX_BYTES, NULL);
        s->text = look_show(l, x->note ? x->note : x->summary, QUOTE_MAX_BYTES, "");
    }
}
