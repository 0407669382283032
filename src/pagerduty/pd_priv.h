#ifndef TRIAGED_PAGERDUTY_PD_PRIV_H
#define TRIAGED_PAGERDUTY_PD_PRIV_H

#include <jansson.h>

#include "pagerduty/pagerduty.h"

/*
 * Shared by the readers of this room. Everything copies into the arena, takes NULL and null for absent, and cuts texts
 * on a character boundary.
 */

/* REST answers hold whole pages, which have more values than one event may have. */
#define PD_REPLY_MAX_TOKENS 400000

const char *pd_copy(struct arena *a, const char *s, size_t max_bytes, bool *cut);
const char *pd_text(struct arena *a, const json_t *obj, const char *key, size_t max_bytes);
/* "user_reference" and "user" are the same type: the first is cut to the second. */
const char *pd_type(struct arena *a, const json_t *obj);
void pd_ref_read(struct arena *a, const json_t *ref, struct pd_ref *out);
/* A list of references; inner is the member that holds the reference ("assignee"), NULL when the item is it. */
void pd_refs_read(struct arena *a, const json_t *list, const char *inner, struct pd_refs *out);
void pd_since_read(struct arena *a, const json_t *list, const char *inner,
                   struct pd_since_list *out);
void pd_links_read(struct arena *a, const json_t *list, struct pd_link **out, size_t *n);
/* What REST and the webhook both say of an incident; ERR_INPUT without a usable id. */
int pd_incident_common(struct arena *a, const json_t *j, struct pd_incident *out, struct err *e);
int pd_incident_full(struct arena *a, const json_t *j, struct pd_incident *out, struct err *e);
bool pd_note_read(struct arena *a, const json_t *j, struct pd_note *out); /* false without an id */

/*
 * Any JSON as "path: value" lines for people and prompts; a plain text gives itself. NULL for absent and empty.
 * Bounded in lines and bytes (*cut tells); iterative.
 */
const char *pd_details(struct arena *a, json_t *j, bool *cut);

/* Parses an answer; *root is the caller's (AUTO(json_freep)), the return is its member `key` of that kind. */
int pd_open(const char *body, size_t len, const char *key, json_type kind, json_t **root,
            json_t **member, struct err *e);
void pd_page_read(const json_t *root, size_t seen, struct pd_page *out);

/* Fills one zeroed item; false leaves it out (no id, not ours). */
typedef bool pd_item_fn(struct arena *a, const json_t *j, const void *arg, void *item);

struct pd_list {
    void *items;
    size_t n, seen;
    struct pd_page page;
};
struct pd_list_kind {
    const char *key; /* the member that holds the list */
    size_t max;      /* items kept */
    size_t item_bytes;
    pd_item_fn *read;
    const void *arg; /* for read */
};
int pd_list_read(struct arena *a, const char *body, size_t len, const struct pd_list_kind *kind,
                 struct pd_list *out, struct err *e);
/* Into the typed list of pd_model.h. */
#define PD_LIST_TAKE(out, l) (*(out) = (__typeof__(*(out))){(l).items, (l).n, (l).seen, (l).page})

#endif
