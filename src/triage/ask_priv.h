#ifndef TRIAGED_TRIAGE_ASK_PRIV_H
#define TRIAGED_TRIAGE_ASK_PRIV_H

#include "triage/ask.h"

/* What the files behind ask.h share. */

#define ASK_JSON_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))
#define ASK_DEPTH_MAX  16  /* levels of an item's data; what lies deeper is left out */
#define ASK_ITEMS_MAX  40  /* shown; five places of the form list all their handles */
#define ASK_SHARE_PCT  15  /* of the room, for one item */
#define ASK_ENUMS_MAX  250 /* values in all enums of a schema: what every endpoint takes */
#define ASK_HANDLE_MAX 24

/* ---- ask_rewrite.c: a copy of JSON without recursion ---- */

/*
 * leaf       what takes the place of a string, number, true, false or null; NULL leaves it out. A new reference (v itself will do: scalars are never changed).
 * inside     what takes the place of an object or array that is not worth going into; NULL goes into it.
 * name       the member's name in the copy (may be `into`, room bytes); NULL leaves the member out.
 * items_max  of one array; SIZE_MAX: all. tail keeps the last ones, else the first.
 * Any function may be NULL.
 */
struct rewrite {
    void *ctx;
    json_t *(*leaf)(void *ctx, const char *name, json_t *v);
    json_t *(*inside)(void *ctx, const char *name, json_t *v);
    const char *(*name)(void *ctx, const char *name, const json_t *v, char *into, size_t room);
    size_t items_max;
    bool tail;
};
json_t *rewrite_json(const struct rewrite *rw, const json_t *in);
/* Calls leaf for each string, number, true, false and null below in, with the member's name (NULL in arrays). */
void walk_leaves(const json_t *in, void (*leaf)(void *ctx, const char *name, const json_t *v),
                 void *ctx);
size_t json_size(const json_t *j); /* bytes as it is sent */

/* ---- ask_data.c ---- */

/* The body of an item as a model may see it: names instead of references, no ids, no links, times as text. */
json_t *ask_data(const struct triage_item *x, const struct config_send *send);
/* Ids of PagerDuty in these bodies, as members of an object. */
json_t *ask_ids(const struct triage_items *it);
/* The handle of an item, "E4". */
const char *ask_handle(const struct triage_item *x, char out[ASK_HANDLE_MAX]);
/* A copy in which no text names one of the ids: each becomes "(id)". */
json_t *ask_without_ids(const json_t *in, json_t *ids);

/* ---- ask_fit.c ---- */

/* What is shown of the items that are offered, most useful first, and what of them did not fit. */
struct ask_fit {
    size_t share, left;
    json_t *shown, *cut; /* owned by who began */
};
void ask_fit_begin(struct ask_fit *f, size_t room_bytes);
/* Nothing more fits: the rest need not be made ready to leave, which is most of the work. */
bool ask_fit_full(const struct ask_fit *f);
void ask_fit_offer(struct ask_fit *f, const json_t *item);
void ask_fit_leave_out(struct ask_fit *f, const struct triage_item *x);

/* ---- ask_schema.c ---- */

/* The prompt's schema with the words of this request. */
json_t *ask_schema(const json_t *form, const json_t *document);
/* The other way: without what this request allows at places that are checked one by one, so that one bad word does not cost the reply. */
json_t *ask_schema_form(const json_t *schema);

/* ---- report_words.c: which words of a text need ground, and where they stand ---- */

struct words {
    json_t *set; /* word -> true */
};
void words_init(struct words *w);
void words_done(struct words *w);
/* Adds the words of all texts, numbers and member names below j. */
void words_add(struct words *w, const json_t *j);
struct word_ground {
    const struct words *of[2 * REPORT_CITES_MAX + 1]; /* the cited items, and what is known */
    size_t n;
    const json_t *handles; /* members are the handles that were shown */
};
/* False: bad (NUL-terminated, cut to room bytes) is the first word that stands nowhere. */
bool words_grounded(const struct word_ground *g, const char *text, char *bad, size_t room);

/* ---- report_text.c ---- */

/* Without control, format and other characters that have no look; line breaks and tabs are one space. In the arena. */
const char *report_plain(struct arena *a, const char *s);
/* Only control characters go, nothing is folded: for comparing quotes. Blanks at both ends go too. */
const char *report_bare(struct arena *a, const char *s);
/* Links become "[link]"; *changed says whether there were any. Cut to REPORT_TEXT_MAX_BYTES at a blank; NULL when nothing is left. */
const char *report_text(struct arena *a, const char *s, bool *links, bool *cut);

#endif
