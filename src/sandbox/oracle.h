#ifndef TRIAGED_SANDBOX_ORACLE_H
#define TRIAGED_SANDBOX_ORACLE_H

#include "base/err.h"
#include "sandbox/world.h"

/*
 * The oracle: one JSON line for each effect that the world accepted and for each webhook's outcome, appended with one
 * write(2) before the HTTP answer leaves. Any thread.
 */
int oracle_open(const char *path, struct err *e) MUST_CHECK; /* NULL: kept in memory only */
void oracle_close(void);

/* How an incident stood before an effect. */
struct stood {
    enum status status;
    int level;
    struct users users;
};
struct stood stood_of(const struct incident *in);
/* extra (may be NULL) is taken over: members such as note_id and content. World lock held. */
void oracle_effect(const char *kind, const struct incident *in, const struct actor *a,
                   const struct stood *before, json_t *extra);
/* A line of another kind; takes over the object and adds seq and at. */
void oracle_line(json_t *line);
/* The lines after seq, at most max, as a JSON array text (malloc'ed). */
char *oracle_after(int64_t seq, size_t max);
int64_t oracle_seq(void);

#endif
