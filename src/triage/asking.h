#ifndef TRIAGED_TRIAGE_ASKING_H
#define TRIAGED_TRIAGE_ASKING_H

#include "triage/triage_priv.h"

/*
 * Where an incident stands with the model: incident.ask, written by the step `ask` (and by `assess`, where nobody is to be asked at all).
 *
 *   {key, bundle_id, with, state, why, until_ms, at_ms, begun_ms, call_id, asked, dialect, round, tries, max_output, repair,
 *    report, report_call_id, as: {incident_id, number}, over}
 *
 *   waiting   not asked yet, or again in a moment: why and until_ms say what for
 *   out       a call is on its way
 *   answered  report is what was left of the reply after all checks; as: it was another incident's with the same key
 *   without   there will be none for this key: why. With until_ms: it was the endpoint's fault, and while the incident is open the same is asked
 *             once more then
 *
 * over: the incident has ended since. If it begins again, all this is of the past, and the same key counts as a new question.
 */
enum asking_state {
    ASKING_NOT,
    ASKING_WAITING,
    ASKING_OUT,
    ASKING_ANSWERED,
    ASKING_WITHOUT
};
struct asking {
    enum asking_state state;
    const char *key;   /* "" where nobody is to be asked */
    int64_t bundle_id; /* whose key it is: with another model or prompt it counts anew */
    const char *with;  /* prompt and model that it counts for */
    const char *why;
    int64_t until_ms, at_ms;
    int64_t begun_ms; /* the first call about this key: the deadline counts from it */
    int64_t call_id;
    const char
        *asked; /* body.sha256 of what the newest call asked: what its reply is checked against */
    const char *dialect; /* that its reply is read with, whatever the configuration says by then */
    int64_t round, tries, max_output /* 0: the setting; else doubled once, after a cut */;
    const char *repair;
    const char *report;
    int64_t report_call_id;
    const char *as_id;
    int64_t as_number;
    bool over;
};

/* A text of incident.ask; NULL or a damaged one is ASKING_NOT. Texts live in the arena. */
void asking_parse(struct arena *a, const char *text, struct asking *out);
/* Writes it, unless nothing changed but at_ms. */
int asking_save(const struct engine_pass *p, const struct incident_row *row, struct asking *a,
                struct err *e) MUST_CHECK;

/* Should a model be asked about this incident at all? Else *why says why not; NULL: none is configured. */
bool asking_wanted(const struct engine_pass *p, const struct incident_row *row,
                   const json_t *verdict, const char **why);
/* There will be no report, and nothing of an older one is shown: why (borrowed). A question that is out stays out until its answer is settled. */
int asking_none(const struct engine_pass *p, const struct incident_row *row, const char *why,
                struct err *e) MUST_CHECK;
/* What a key counts for besides the evidence: prompt and model. In the arena. */
const char *asking_with(const struct engine_pass *p);
/* The key of the newest bundle; the items are added to it (an empty list before). */
int asking_key(const struct engine_pass *p, const struct incident_row *row, struct triage_items *it,
               char key[65], struct err *e) MUST_CHECK;

/* ---- between step_ask.c and step_ask_reply.c ---- */

#define TAG_ASK    1
#define TAG_CANARY 2

int ask_apply(struct step_ctx *c, struct err *e) MUST_CHECK;
/* Ends without a report, and says why. */
int ask_give_up(const struct engine_pass *p, const struct incident_row *row, struct asking *a,
                const char *why, struct err *e) MUST_CHECK;
/*
 * Ends for now, because of the endpoint and not of the question: why. While the incident is open it is asked once more after five to ten times
 * breaker_open_ms, through the same doors as any other question, so that neither a dead endpoint nor one that is back meets a crowd.
 */
int ask_give_up_for_now(struct step_ctx *c, const struct incident_row *row, struct asking *a,
                        const char *why, struct err *e) MUST_CHECK;
/* Comes back, and says what for. */
int ask_wait(struct step_ctx *c, const struct incident_row *row, struct asking *a, int64_t until_ms,
             const char *why, struct err *e) MUST_CHECK;
/* So many milliseconds from least to most, so that many do not come back at once. */
int64_t ask_spread(int64_t least_ms, int64_t most_ms);

#endif
