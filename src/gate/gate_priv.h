#ifndef TRIAGED_GATE_GATE_PRIV_H
#define TRIAGED_GATE_GATE_PRIV_H

#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "gate/gate.h"
#include "pagerduty/pagerduty_write.h"

/*
 * Inside the gate. What decides (proofs, comparisons, the execution protocol, who may approve) is in functions over plain
 * structs, so that tables of rows and replies test it; what reads and writes rows is apart from it.
 */

/* ---- Limits and names ---------------------------------------------------------------------------------------------- */

#define NOTE_CONTENT_MAX_BYTES 2000 /* any note that we write, without its marker */
#define TRIAGE_NOTE_MAX_CHARS  600  /* the standing note, marker included */
#define WORDS_MAX              1000 /* reasons and effects, in words */
#define MARKER_BYTES           10   /* of the HMAC: 16 base32 characters */
#define MARKER_LEN             26   /* "[triaged:" 16 "]" */
#define TRIAGE_NOTE_TEMPLATE   "triage-note"
/* Changes when the code that makes the note changes its promise: older standing approvals no longer cover it. */
#define TRIAGE_NOTE_VERSION    "triage-note v1"

/* ---- The bound state (view.c) -------------------------------------------------------------------------------------- */

enum bind {
    BIND_STATUS = 1,
    BIND_ASSIGNEES = 2,
    BIND_CHANGED = 4,
    BIND_LEVEL = 8,
    BIND_POLICY = 16,
    BIND_MERGED = 32,
};
#define BIND_ALL 63U

/* The bound members of a view as a JSON object; a new reference. */
json_t *binds_of(const struct gate_view *v, unsigned mask);
/* False when every member of `then` still holds; otherwise words get which one moved and how. A level that now is unknown
 * because no on-calls were read is not compared. */
bool binds_moved(const json_t *then, const struct gate_view *now, struct buf *words);
json_t *binds_names(unsigned mask); /* ["status", ...] for the table of verbs */

json_t *view_to_json(const struct gate_view *v);
void view_from_json(struct arena *a, const json_t *j, struct gate_view *out);
int view_level(const struct gate_view *v);
bool view_has_oncalls(const struct gate_view *v);
bool view_is_assigned(const struct gate_view *v, const char *pd_user_id);
bool view_is_on_call(const struct gate_view *v, const char *pd_user_id);
/* Names on call at a level, "Bo Berg, Ann Lee"; returns how many. */
size_t view_names_at(const struct gate_view *v, int level, struct buf *out);

/* ---- The table of actions (actions.c, action_*.c) ------------------------------------------------------------------ */

struct action_ctx {
    const struct gate_view *view;
    const json_t *args;
    const char *as;   /* in whose name; NULL: not known yet */
    const char *zone; /* for times that people read */
};

/* What a request is made of. */
struct action_send {
    const struct pd_client *client;
    const char *from;
    const char *target;
    const json_t *args;
    const char *marker; /* notes */
};

/* What a read-back may look at. sent: something of ours may have arrived. */
struct action_seen {
    const struct gate_view *view;
    const json_t *args;
    const json_t *binds;
    const struct pd_log_entry *log; /* sorted by time */
    size_t n_log;
    const struct pd_note *notes;
    size_t n_notes;
    const char *marker;
    const char *from_pd_user;
    int64_t log_after_ms;    /* newest entry read before the first send, by PagerDuty's clock */
    const char *log_last_id; /* ids of that second, with spaces between; NULL when there was none */
    bool
        answered; /* PagerDuty said a clean yes to our call: then the state alone is proof enough */
};

struct action_proof {
    const char *how; /* static words: "the marker is in the note" */
    const char *note_id;
    const char *author_id; /* recorded only */
    const char *log_id;
};

/* Somebody else did it: who and when. */
struct action_other {
    const char *who; /* static or borrowed from the log; never NULL when found */
    int64_t at_ms;   /* 0 unknown */
    const char *log_id;
    const char *agent_id;
    const char *did; /* "acknowledged": static */
    bool person;
};

struct action_def {
    const char *verb;
    const char *risk;
    const char *schema; /* JSON Schema of args */
    unsigned binds;     /* enum bind */
    unsigned
        changes; /* what it changes itself: not held against the next action of the same proposal */
    bool undo_only;     /* only gate_undo makes it */
    bool key_args;      /* other arguments are another thing, not the same again */
    bool reads_oncalls; /* on-calls (and the policy) are read again before it is sent */
    bool reads_notes;   /* its proof is in the notes; else in the log */
    const char *undo;   /* in words, for the table */
    void (*describe)(const struct action_ctx *x, struct buf *out);
    /* False: it cannot or may not be done in this state; why in words. */
    bool (*precondition)(const struct action_ctx *x, struct buf *why);
    int (*request)(struct arena *a, const struct action_send *s, struct net_req *out,
                   struct err *e);
    /* Is the effect of our own call there? */
    bool (*proof)(const struct action_seen *s, struct action_proof *out);
    /* Is the effect (or what makes it moot) there although we did nothing? NULL: never. */
    bool (*overtaken)(const struct action_seen *s, struct action_other *out);
};

const struct action_def *action_find(const char *verb); /* NULL when unknown */
/* ERR_INPUT with the first problem. */
int action_args_check(const struct action_def *d, const json_t *args, struct err *e) MUST_CHECK;
extern const struct action_def action_note, action_ack, action_escalate, action_resolve,
    action_retrigger, action_reopen;

/* Shared by the rows of the table. */
void say_incident(const struct gate_view *v, struct buf *out); /* #4187 "title" on Checkout API */
void say_as(const char *as, struct buf *out);
void say_time(int64_t wall_ms, const char *zone, struct buf *out); /* 03:17 */
bool precondition_open(const struct gate_view *v, struct buf *why);
/* Newest entry of that type after what was read before we sent; by_us: only the From user's. NULL when none. */
const struct pd_log_entry *seen_entry(const struct action_seen *s, const char *type, bool by_us);
bool seen_is_ours(const struct action_seen *s, const char *user_id);
/* The newest entry of that type at all. */
const struct pd_log_entry *seen_last(const struct action_seen *s, const char *type);
/* The log names our call, or the incident's last change is ours and later than what was bound. */
bool status_proof(const struct action_seen *s, const char *status, const char *type,
                  struct action_proof *out);
#define ACTION_NO_ARGS "{\"type\":\"object\",\"additionalProperties\":false}"
void other_from(const struct pd_log_entry *e, const struct gate_view *v, struct action_other *out);
bool ref_is_person(const struct pd_ref *r);

/* ---- Digest and marker --------------------------------------------------------------------------------------------- */

struct action_bytes {
    const char *verb, *target, *args, *binds, *identity; /* args and binds: canonical JSON */
    const char *rule_hash;
};
void digest_action(const struct action_bytes *x, char out[SHA256_HEX]);
struct proposal_bytes {
    int64_t id, revision;
    const char *policy_rule, *rule_hash, *need; /* need: canonical JSON */
    const char (*actions)[SHA256_HEX];
    size_t n_actions;
};
void digest_proposal(const struct proposal_bytes *x, char out[SHA256_HEX]);

#define MARKER_KEY_BYTES 32
void marker_make(const uint8_t key[MARKER_KEY_BYTES], int64_t proposal_id, unsigned ord,
                 const char *action_digest, char out[MARKER_LEN + 1]);
/* In the first line of a note: a trailing one may be trimmed away. */
bool marker_in(const char *content, const char *marker);
/* The first marker of ours in a text, whoever's: for the loop guard. False when there is none. */
bool marker_find(const char *content, char out[MARKER_LEN + 1]);

/* ---- Policy -------------------------------------------------------------------------------------------------------- */

enum need_kind {
    NEED_NOBODY,
    NEED_ANY,
    NEED_COUNT,
    NEED_NEVER
};
struct need {
    enum need_kind kind;
    enum role role;
    int count; /* of distinct persons; 1 with NEED_ANY */
    bool veto; /* one reject ends it */
};
json_t *need_to_json(const struct need *n);
int need_from_json(const json_t *j, struct need *out, struct err *e) MUST_CHECK;
int need_strictness(const struct need *n); /* larger is stricter */

enum on_expiry {
    EXPIRY_DROP,
    EXPIRY_ASK_NEXT,
    EXPIRY_KEEP
};
const char *on_expiry_name(enum on_expiry x);
int on_expiry_parse(const char *s); /* negative when unknown */

/* What the policy says about one action. */
struct policy_answer {
    const char *rule; /* borrowed from the policy; "default" when none matched */
    const char *hash;
    struct need need;
    int64_t expires_ms; /* 0: the setting */
    enum on_expiry on_expiry;
    bool names_origin; /* its conditions look at action.origin */
};
void policy_ask(const struct policy *p, json_t *facts, int64_t now_wall_ms,
                struct policy_answer *out);
bool policy_has_rule(const struct policy *p, const char *hash);
int policy_parse(const char *name, const char *bytes, size_t len, struct policy **out,
                 struct err *e) MUST_CHECK;

/* One decision as the tally sees it: valid is whether that person may decide this now. */
struct vote {
    int64_t person_id; /* 0: policy or standing approval */
    bool approve;
    bool valid;
};
enum tally {
    TALLY_OPEN,
    TALLY_APPROVED,
    TALLY_REJECTED
};
enum tally need_tally(const struct need *n, const struct vote *votes, size_t n_votes,
                      int *approvals);

/* May this person decide? Everything that the answer depends on. */
struct decide_in {
    const struct person *who;
    const struct need *need;
    enum proposal_state state;
    bool claims;  /* an acknowledge is among the actions */
    bool on_duty; /* assigned or on call for this incident now */
    bool approve;
    bool digest_matches;
    bool past_deadline;
    bool decided_before; /* this person, on this revision */
    const char *origin;  /* of the proposal */
    const char *author;  /* of the revision */
    bool edited;         /* this person made one of the revisions before */
};
/* 0, ERR_DENIED or ERR_CONFLICT with words. */
int decide_check(const struct decide_in *in, struct err *e) MUST_CHECK;
/* The part that must still hold when it is carried out. */
int decide_person_check(const struct person *who, const struct need *need, struct err *e)
    MUST_CHECK;

/* ---- Rows ---------------------------------------------------------------------------------------------------------- */

struct gate {
    struct store *store;
    struct store_set *sql;
    uint8_t marker_key[MARKER_KEY_BYTES];
};

struct prop_row {
    int64_t id, revision, assessment_id, bundle_id, replaces_id;
    int64_t created_ms, expires_ms /* 0: no deadline */, approved_ms, ended_ms, span_ms;
    enum proposal_state state;
    const char *subject_kind, *subject_id, *incident_id, *key, *origin, *why, *risk, *facts,
        *reason, *ended_by;
    const char *status_then; /* of the incident when it was proposed */
    const char *on_expiry;
    int asked_level; /* ask_next: the level that was named last; 0 = none yet */
    const char *asked;
    const char *evidence; /* JSON list; NULL: none is cited */
};
struct rev_row {
    int64_t revision, created_ms;
    const char *digest, *policy_rule, *policy_hash, *need, *author;
};
struct act_row {
    unsigned ord;
    const char *verb, *target, *args, *binds, *identity, *digest, *effect;
};
struct dec_row {
    int64_t id, revision, person_id, created_ms;
    const char *digest, *actor, *pd_user_id, *email, *reason, *via;
    bool approve;
};
struct exec_row {
    int64_t revision, in_flight_until_ms, first_sent_ms, sends, empty_reads, last_empty_ms, fence,
        epoch, created_ms, ended_ms, verified_ms, log_after_ms;
    unsigned ord;
    const char *state, *marker, *from_email, *from_pd_user, *actor, *note_id, *result, *log_last_id,
        *after;
};

/* A proposal with its current revision, as the steps and decisions see it. */
struct prop_full {
    struct prop_row p;
    struct rev_row rev;
    struct act_row acts[GATE_ACTIONS_MAX];
    size_t n_acts;
    struct dec_row *decs; /* of the current revision */
    size_t n_decs;
    struct exec_row execs[GATE_ACTIONS_MAX];
    size_t n_execs;
};

struct gate *gate_of(struct engine_pass *p);
const struct config *gate_cfg(struct engine_pass *p);

/* gate.c */
int prop_load(struct store_set *sql, struct arena *a, int64_t id, struct prop_row *out,
              struct err *e) MUST_CHECK;
int prop_load_full(struct store_set *sql, struct arena *a, int64_t id, struct prop_full *out,
                   struct err *e) MUST_CHECK;
/* Live proposals of an incident, oldest first; at most max. */
int prop_live(struct gate *g, struct arena *a, const char *incident_id, struct prop_row *out,
              size_t max, size_t *n, struct err *e) MUST_CHECK;
struct store_stmt;
int props_read(struct store_stmt *q, struct arena *a, struct prop_row *out, size_t max, size_t *n,
               struct err *e) MUST_CHECK;
void rev_read(struct store_stmt *q, struct arena *a, struct rev_row *out);
void dec_read(struct store_stmt *q, struct arena *a, struct dec_row *out);
void exec_read_row(struct store_stmt *q, struct arena *a, struct exec_row *r);
int acts_load(struct store_set *sql, struct arena *a, int64_t id, int64_t revision,
              struct act_row out[GATE_ACTIONS_MAX], size_t *n, struct err *e) MUST_CHECK;
/* Moves it, keeps the counters, and appends "proposal.STATE" to the audit log in the caller's savepoint. reason and by may be
 * NULL. extra (taken) joins the audit detail. */
int prop_move(struct engine_pass *p, struct prop_row *row, enum proposal_state to,
              const char *reason, const char *by, json_t *extra, struct err *e) MUST_CHECK;
int prop_count(struct gate *g, enum proposal_state s, int delta, struct err *e) MUST_CHECK;
/* detail is taken. */
int gate_audit(struct engine_pass *p, const char *actor, const char *verb, int64_t proposal_id,
               const char *incident, json_t *detail, struct err *e) MUST_CHECK;
int view_load(struct store_set *sql, struct arena *a, const char *incident_id,
              struct gate_view *out, int64_t *reopened_ms, struct err *e) MUST_CHECK;
int view_save(struct gate *g, const struct gate_view *v, int64_t now_wall_ms, struct err *e)
    MUST_CHECK;
/* Loads a JSON object from a column; an empty object when it is none. New reference. */
json_t *json_of(const char *text);
char *canon_of(struct arena *a, const json_t *j);
const char *words(struct arena *a, const struct buf *b);

#define ORIGIN_MODEL "model"

/* measure.c */
/* "rule:" or the model: what a newer assessment may take back. */
bool origin_is_machine(const char *origin);
/* A person ended it: what a machine proposed is counted. */
int measure_add(struct engine_pass *p, const struct prop_full *f, bool approved, struct err *e)
    MUST_CHECK;

/* gate_insert.c: writes proposal, revision and actions. */
struct new_action {
    const struct action_def *def;
    const char *target;
    const char *args, *binds, *effect; /* canonical; words */
};
struct new_proposal {
    const struct gate_proposal *x;
    const char *key;
    const char *risk;
    struct policy_answer policy;
    struct new_action acts[GATE_ACTIONS_MAX];
    size_t n_acts;
    enum proposal_state state;
    const char *identity;
    const char *facts_sha;
    const char *author;
};
int insert_proposal(struct engine_pass *p, const struct new_proposal *n, int64_t *id, struct err *e)
    MUST_CHECK;
int insert_revision(struct engine_pass *p, int64_t id, int64_t revision,
                    const struct new_proposal *n, char digest[SHA256_HEX], struct err *e)
    MUST_CHECK;
/* The facts document that the policy sees: a copy with action and people; a new reference. */
json_t *policy_facts(json_t *facts, const struct gate_view *view, const char *verb,
                     const struct new_action *acts, size_t n, const char *origin,
                     const struct person *proposer);
const char *content_safe(struct arena *a, const char *content);
/* Checks arguments and state of each action and fills acts[]; false with words when one may not be proposed. */
int actions_prepare(struct engine_pass *p, const struct gate_proposal *x, bool undo,
                    struct new_action acts[GATE_ACTIONS_MAX], const char **note, struct err *e)
    MUST_CHECK;
/* The strictest answer over all actions. */
void policy_strictest(struct engine_pass *p, const struct new_action *acts, size_t n, json_t *facts,
                      const struct gate_view *view, const char *origin,
                      const struct person *proposer, struct policy_answer *out);

/* gate_decide.c */
struct decider {
    const char *actor;
    int64_t person_id;
    const char *pd_user_id, *email, *name;
    const char *via;
    const char *reason;
};
int decision_insert(struct engine_pass *p, const struct prop_full *f, const struct decider *d,
                    bool approve, struct err *e) MUST_CHECK;
/* Moves to approved, makes the execution rows, queues the first run. */
int approve_complete(struct engine_pass *p, struct prop_full *f, const struct decider *d,
                     struct err *e) MUST_CHECK;
/* 0: the approval still stands on these bytes; ERR_DENIED with words otherwise. *mismatch: the digest does not. */
int approval_check(struct engine_pass *p, const struct prop_full *f, const struct gate_view *now,
                   bool *mismatch, struct err *e) MUST_CHECK;
bool digest_holds(const struct prop_full *f);

/* gate_propose.c; undo: verbs that only an undo may use are allowed, and no memory of earlier ends. */
int propose_checked(struct engine_pass *p, const struct gate_proposal *x, bool undo, int64_t *id,
                    const char **note, struct err *e) MUST_CHECK;

/* standing.c */
struct standing_row {
    int64_t id, person_id, until_ms, created_ms, revoked_ms, max_per_hour;
    const char *verb, *template_name, *template_digest, *services, *email, *pd_user_id;
};
char *standing_template_digest(char out[SHA256_HEX]);
/* ERR_NOT_FOUND when none covers a note on this service now. */
int standing_find(struct engine_pass *p, const char *service_id, struct standing_row *out,
                  struct err *e) MUST_CHECK;
bool standing_covers(const struct standing_row *s, const char *service_id, int64_t now_wall_ms);
int standing_load(struct store_set *sql, struct arena *a, int64_t id, struct standing_row *out,
                  struct err *e) MUST_CHECK;

/* triage_note.c: after an action of origin "triage-note" was proved. */
int triage_note_done(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x,
                     const char *note_id, struct err *e) MUST_CHECK;

/* PagerDuty knows the note no more that an action of that origin was to change: no other one takes its place. */
int triage_note_gone(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x,
                     struct err *e) MUST_CHECK;

/* ---- Watching (watch.c, pure) -------------------------------------------------------------------------------------- */

enum watch_end {
    WATCH_KEEP,
    WATCH_OVERTAKEN,
    WATCH_WITHDRAWN,
    WATCH_STALE
};
struct watch_in {
    enum proposal_state state; /* pending or approved */
    const char *status_then;
    const struct act_row *acts;
    size_t n_acts;
    const struct gate_view *now;
    const struct pd_log_entry *log;
    size_t n_log;
    /* Our own executions on this incident: what they did is no person's doing. */
    const struct watch_own *own;
    size_t n_own;
};
struct watch_own {
    int64_t proposal_id;
    const char *verb;
    const char *pd_user_id;
    int64_t from_ms, until_ms;
};
struct watch_out {
    enum watch_end end;
    const char *who; /* with WATCH_OVERTAKEN: "PagerDuty: Ingrid Solheim" */
    const char *reason;
};
void watch_judge(struct arena *a, const struct watch_in *in, struct watch_out *out);

/* ---- The execution protocol (exec_judge.c, pure) ------------------------------------------------------------------- */

struct exec_times {
    int64_t quiet_ms, resend_gap_ms, unsure_after_ms, valid_ms;
};
struct exec_in {
    struct exec_times t;
    int64_t now_ms;
    const struct action_def *def;
    const struct exec_row *x;
    const struct act_row *act;
    int64_t approved_ms;
    const struct gate_view *view;
    const struct pd_log_entry *log;
    size_t n_log;
    const struct pd_note *notes;
    size_t n_notes;
    const json_t *expected; /* binds, with what our own earlier actions changed put right */
    const char *
        interfered; /* somebody changed the incident while our earlier actions ran: words; else NULL */
    const char *refused; /* the approval no longer stands: why; NULL when it does */
    bool mismatch;       /* the bytes are not those that were approved */
    const char *zone;
};
enum exec_do {
    EXEC_SEND,
    EXEC_DONE,
    EXEC_WAIT,  /* until again_ms */
    EXEC_EMPTY, /* count an empty read; again at again_ms */
    EXEC_STALE,
    EXEC_OVERTAKEN,
    EXEC_EXPIRED,
    EXEC_REFUSED, /* approval or digest no longer stand */
    EXEC_UNSURE,
};
struct exec_out {
    enum exec_do what;
    int64_t again_ms;
    const char *reason;
    const char *who;
    struct action_proof proof;
};
void exec_judge(struct arena *a, const struct exec_in *in, struct exec_out *out);

/* What the answer to a write means (pure). */
enum send_do {
    SEND_CONFIRM,  /* 2xx */
    SEND_NOT_SENT, /* nothing happened: back to execute at again_ms */
    SEND_UNCLEAR,  /* read back when nothing of ours can be under way */
    SEND_FAILED,   /* PagerDuty said no */
    SEND_MOVED,    /* the incident is not what we thought: overtaken or stale */
};
struct send_out {
    enum send_do what;
    unsigned wait_s;
    int code; /* PagerDuty's */
    const char *words;
};
void send_judge(struct arena *a, const struct net_reply *r, int64_t sends, struct send_out *out);

/* ---- Steps (run.h) -------------------------------------------------------------------------------------------------- */

/* What one run of a step sees; steps.c fills it from the engine, tests by hand. */
struct gate_run {
    struct engine_pass *p;
    const char *subject;
    bool orphan;
    unsigned attempt;
    void *io;
    int (*call)(void *io, int tag, const struct net_req *r, struct err *e);
    const struct net_reply *(*reply)(void *io, int tag);
    void (*again)(void *io, int64_t due_wall_ms);
};
enum {
    TAG_INCIDENT = 1,
    TAG_LOG,
    TAG_NOTES,
    TAG_ONCALLS,
    TAG_POLICY,
    TAG_WRITE
};

/* Why nothing may leave now: the kill switch, an unchecked store; NULL when it may. Of a struct world; asked again by net in
 * the last moment, for a call may wait seconds for the limiter and a connection. */
const char *gate_held(void *world);

int execute_plan(struct gate_run *r, struct err *e) MUST_CHECK;
int execute_apply(struct gate_run *r, struct err *e) MUST_CHECK;
int send_plan(struct gate_run *r, struct err *e) MUST_CHECK;
int send_apply(struct gate_run *r, struct err *e) MUST_CHECK;
int confirm_plan(struct gate_run *r, struct err *e) MUST_CHECK;
int confirm_apply(struct gate_run *r, struct err *e) MUST_CHECK;
int expire_apply(struct gate_run *r, struct err *e) MUST_CHECK;

/* exec_rows.c: the rows of executions. */
int exec_save(struct gate *g, int64_t proposal_id, const struct exec_row *x, struct err *e)
    MUST_CHECK;
int exec_insert(struct gate *g, int64_t proposal_id, const struct exec_row *x, struct err *e)
    MUST_CHECK;
/* A clean yes is remembered in the row's result: from then on there is only reading back, whatever job comes first. */
#define EXEC_ANSWERED "{\"how\":\"PagerDuty said yes; it is being read back\"}"
#define TURN_WAIT_MS  1000
bool exec_answered(const struct exec_row *x);
int exec_confirm(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x,
                 int64_t wait_ms, struct err *e) MUST_CHECK;
/* Times of this row that lie in the future because the clock was set back are brought to now: never shorter than a request lives. */
int exec_clock_mend(struct engine_pass *p, const struct prop_full *f, struct exec_row *x,
                    struct err *e) MUST_CHECK;
/* Why an approval is too old to begin with; NULL when it is not. */
#define APPROVAL_SKEW_MS 60000
const char *approval_too_old(int64_t now_ms, int64_t approved_ms, int64_t valid_ms);
int exec_turn(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x,
              int64_t read_ms, bool *mine, struct err *e) MUST_CHECK;
/* The next action that is not done; NULL when all are. */
struct exec_row *exec_next(struct prop_full *f);
int exec_done(struct engine_pass *p, struct prop_full *f, struct exec_row *x,
              const struct action_proof *proof, const struct gate_view *after,
              const struct pd_log_entry *log, size_t n_log, struct err *e) MUST_CHECK;
/* The action did not happen; the rest is dropped. to: how the proposal ends when nothing of it was done before. */
int exec_failed(struct engine_pass *p, struct prop_full *f, struct exec_row *x,
                enum proposal_state to, const char *reason, const char *who, struct err *e)
    MUST_CHECK;
int exec_unsure(struct engine_pass *p, struct prop_full *f, struct exec_row *x, const char *reason,
                struct err *e) MUST_CHECK;
int call_logged(struct engine_pass *p, int64_t proposal_id, unsigned ord, const char *what,
                const struct net_reply *r, const char *outcome, struct err *e) MUST_CHECK;

/* exec_read.c: the reads that execute and confirm share. */
struct exec_seen {
    struct gate_view view;
    struct pd_log_entries log;
    struct pd_notes notes;
    int64_t read_ms; /* wall time when the oldest of the answers was asked for, at the latest */
};
int exec_ask(struct gate_run *r, const struct prop_full *f, const struct act_row *act,
             struct err *e) MUST_CHECK;
/* ERR_RETRY when an answer is missing, ERR_NOT_FOUND when the incident is gone. */
int exec_hear(struct gate_run *r, struct arena *a, const struct act_row *act, struct exec_seen *out,
              struct err *e) MUST_CHECK;
/* Binds of the action with what our own earlier actions of this proposal changed; NULL with words when somebody else
 * interfered meanwhile. New reference. */
json_t *exec_expected(const struct prop_full *f, const struct act_row *act, struct buf *why);

#endif
