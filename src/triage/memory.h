#ifndef TRIAGED_TRIAGE_MEMORY_H
#define TRIAGED_TRIAGE_MEMORY_H

#include "triage/triage_priv.h"

/*
 * The memory's rows, for those who write them: memory.c (an incident that ends under our eyes) and the backfill (those
 * that ended before we were there). What is found in it: memory_find.c.
 */

#define MEMORY_SEARCH_ROWS 20000 /* the newest ones; older ones are found by their symptom only */
#define MEMORY_FOUND_MAX   5     /* similar incidents told about one */
#define MEMORY_TEXT_MAX    4096  /* bytes of alerts' words, notes and resolution, each */

struct memory_row {
    int64_t id; /* filled by memory_get */
    const char *incident_id;
    int64_t number;
    const char *service_id, *service, *symptom, *title;
    /* NULL in what is put: not read now, so what the row had stays. */
    const char *alerts, *notes, *resolution;
    const char *fix; /* JSON text */
    int64_t created_ms, resolved_ms;
    const char *by_type, *by_id, *by_name; /* NULL likewise, all three */
    bool merged, searched;
};

/* Written new or over the row of the same incident. Everything but NULL texts must be there. */
int memory_put(const struct engine_pass *p, const struct memory_row *m, struct err *e) MUST_CHECK;
/* ERR_NOT_FOUND; texts in the arena. */
int memory_get(const struct engine_pass *p, const char *incident_id, struct memory_row *out,
               struct err *e) MUST_CHECK;
void memory_row_read(struct store_stmt *q, struct arena *a, struct memory_row *out);
/* The smallest id that an incident of that moment can have. */
static inline int64_t memory_id(int64_t created_ms)
{
    return created_ms * 1024;
}

/*
 * Words of texts, each once: what a search asks for and what the column `alerts` holds. A word is what the index takes for one, at least
 * three characters, and no number: text_normalise took those out.
 */
#define MEMORY_WORDS_MAX 200
struct memory_words {
    const char *v[MEMORY_WORDS_MAX]; /* in the arena */
    size_t n, bytes;
};
void memory_words_add(struct memory_words *w, struct arena *a, const char *text);
/* Of details ("path: value" lines) only the values: the names stand in every alert of a monitor. */
void memory_words_add_details(struct memory_words *w, struct arena *a, const char *details);
const char *memory_words_text(const struct memory_words *w, struct arena *a);

/* Notes of people joined, cut at MEMORY_TEXT_MAX; "" without any. */
const char *memory_notes(const struct pd_notes *n, struct arena *a);
/* What ended it, as the column `fix` keeps it: the newest note of a person, else what the person said with the resolve. NULL: nobody said. */
const char *memory_fix(const struct memory_row *m, const struct pd_notes *n, struct arena *a);

#endif
