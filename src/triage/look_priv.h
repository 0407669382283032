#ifndef TRIAGED_TRIAGE_LOOK_PRIV_H
#define TRIAGED_TRIAGE_LOOK_PRIV_H

#include "triage/look.h"
#include "triage/pure.h"

/* Shared by the files of the look back: what was added, and what was reckoned from it. */

struct look_note {
    int64_t at_ms;
    const char *author, *text; /* shown */
};

enum look_notes {
    LOOK_NOTES_UNASKED,
    LOOK_NOTES_READ,
    LOOK_NOTES_FAILED
};

/* One incident: made when a log entry or the list first names it; known once the list told about it. */
struct look_inc {
    const char *id;
    bool known, inside; /* inside: of the list, and it began within the window */
    int64_t number;
    const char *title, *service, *url; /* shown */
    const char *key;                   /* service id and symptom */
    const char *service_id, *symptom;
    bool resolved, merged, by_person;
    const char *by_name; /* who resolved it; shown */
    int64_t created_ms, resolved_ms;
    /* from log entries */
    int64_t acked_ms; /* the first acknowledgement; 0 none */
    bool annotated;
    size_t pages, night_pages;
    /* from notes */
    enum look_notes notes;
    bool has_fix;
    struct look_note fix;
    struct look_note *all; /* of the longest incident only */
    size_t n_all;
};

struct look_person {
    const char *id, *name; /* name is shown */
    size_t pages, night_pages, notifications, assigned;
    size_t top_sym, top_pages; /* the symptom that paged them most; SIZE_MAX: none */
};

enum look_log_kind {
    LOOK_NOTIFY,
    LOOK_ASSIGN,
    LOOK_ACK,
    LOOK_ANNOTATE
};
struct look_log {
    enum look_log_kind kind;
    size_t inc, person; /* person SIZE_MAX: none */
    int64_t at_ms;
};

/* One person told about one incident, by however many messages. */
struct look_page {
    size_t inc, person;
    bool night;
};

struct look_sym {
    size_t newest; /* incident */
    size_t incidents, open, resolved, merged, by_person, self_cleared, pages, night_pages;
    int64_t first_ms, last_ms;
    int64_t median_s, self_median_s; /* -1: none */
    int64_t hold_off_s;              /* three in four of the self-cleared were over by then; -1 */
    size_t spared_pages;             /* pages that such a hold-off would have spared */
    size_t fixers[LOOK_FIX_TRIES];   /* newest that a person resolved and that may have notes */
    size_t n_fixers;
};

/* Rows of one list, best first. */
struct look_list {
    size_t *v;
    size_t n, all; /* all: how many there are without the limit */
};

struct look_step {
    int64_t at_ms;
    const char *what, *who, *text; /* shown */
};

struct look {
    struct arena *arena, *scratch;
    struct look_inc *incs;
    size_t n_incs, inc_room, n_known;
    struct look_person *people;
    size_t n_people, people_room;
    struct look_log *logs;
    size_t n_logs, log_room, n_entries;
    json_t *inc_ids, *person_ids, *entry_ids; /* id -> index; seen ids */
    json_t *not_read;                         /* [{what, why}] */
    bool no_logs;

    struct look_window w;
    size_t inside, earlier_pages; /* pages of incidents that began before the window */
    struct look_page *pages;
    size_t n_pages, notifications, night_pages;
    struct look_sym *syms;
    size_t n_syms;
    struct look_list causes, noisy, self_clearing, repeats, night, paged;
    size_t longest; /* SIZE_MAX: none */
    bool timeline_read;
    struct look_step *steps;
    size_t n_steps;
    size_t notes_read;
};

#define LOOK_NONE SIZE_MAX

/* ---- look.c ---- */
/* Outside text on one line, safe to show, in the arena; NULL gives def. */
const char *look_show(struct look *l, const char *s, size_t max_bytes, const char *def);
/* One more element; zeroed. */
void *look_grow(void *v, size_t n, size_t *room, size_t bytes);

/* ---- look_reckon.c ---- */
/* Sorts in place. -1 without any. The middle, or the mean of the two in the middle, rounded down. */
int64_t look_median(int64_t *spans, size_t n);
/* Nearest rank: the smallest that pct percent do not exceed. -1 without any. */
int64_t look_rank(int64_t *spans, size_t n, unsigned pct);
unsigned look_pct(size_t n, size_t of);
bool look_is_fixed(const struct look_inc *in); /* resolved, and not by being merged away */

/* ---- look_advice.c ---- */
/* [{about, text, ...}]: one line for each finding that suggests something. */
json_t *look_advice(const struct look *l);

#endif
