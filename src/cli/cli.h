#ifndef TRIAGED_CLI_CLI_H
#define TRIAGED_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/*
 * triagectl. A command is one row of the table in commands.c; help and completion are made from the rows.
 *
 * Whatever comes from outside goes through show() before it is printed. With --json the API's answer is printed as it came.
 */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_REFUSED = 4
};

#define DEFAULT_CONFIG "/etc/triaged/triaged.yaml"
#define ARGS_MAX       96
#define FLAGS_MAX      20

struct cli;

struct flag {
    const char *name; /* "--reason" */
    const char *arg;  /* "TEXT"; NULL: a switch */
    const char *help;
};

struct command {
    const char *name;  /* "audit verify": one or two words */
    const char *group; /* heading in the overview */
    const char *args;  /* "INCIDENT [VERB]"; "" for none */
    const char *brief; /* one line */
    const char *more;  /* what else to know; may be NULL */
    size_t args_min, args_max;
    struct flag flags[FLAGS_MAX]; /* ends with a NULL name */
    int (*run)(struct cli *c);
};
extern const struct command commands[];
extern const size_t commands_len;
extern const struct flag global_flags[];
extern const size_t global_flags_len;

struct set_flag {
    const struct flag *flag;
    const char *value;
    size_t at; /* how many arguments stood before it */
};

struct cli {
    const char *config_path, *socket, *url; /* NULL: not given */
    bool json, local, help, version, no_color;

    const struct command *cmd;
    const char *args[ARGS_MAX];
    size_t n_args;
    struct set_flag set[ARGS_MAX];
    size_t n_set;

    struct arena *arena; /* dies with the process */
    bool colour;         /* standard output is a terminal that wants it */
    size_t width;        /* columns to cut tables to; 0: not a terminal, nothing is cut */
    int64_t now_wall_ms;
    struct client *client; /* NULL until the first call */
};

/* ---- args.c ---- */
/* Fills c from argv. 0, or the exit code after a message. */
int args_parse(struct cli *c, int argc, char **argv);
bool flag_given(const struct cli *c, const char *name);
const char *flag_value(const struct cli *c,
                       const char *name); /* the last one; NULL when not given */
/* A whole number from a flag or an argument; false: the message is out, exit with EXIT_USAGE. */
bool flag_int(struct cli *c, const char *name, int64_t min, int64_t max, int64_t def, int64_t *out);
bool arg_id(struct cli *c, size_t i, const char *what, int64_t *out);
/* A PagerDuty incident id or number ("Q3K8", "4187", "#4187"), else NULL after a message. */
const char *arg_incident(struct cli *c, size_t i);

/* ---- commands.c ---- */
/* The row with the most words that match; *used: how many. NULL: none. */
const struct command *command_find(char *const *words, size_t n, size_t *used);
bool command_begins(const char *words); /* a row's name, or the first words of one */
/* "; did you mean '...'?" when something is near enough. */
void suggest_command(struct buf *out, const char *word);
void suggest_flag(struct buf *out, const struct command *cmd, const char *word);
int help_overview(FILE *f); /* 0 */

/* ---- help.c ---- */
bool help_command(FILE *f,
                  const char *name); /* all rows of that name or that first word; false: none */
int cmd_help(struct cli *c), cmd_version(struct cli *c), cmd_completion(struct cli *c);

/* ---- out.c ---- */
enum colour {
    PLAIN,
    RED,
    YELLOW,
    GREEN,
    DIM,
    BOLD
};
/* Outside text, safe to show on one line; "-" for NULL. Lives until the end. */
const char *show(struct cli *c, const char *s);
const char *show_lines(struct cli *c, const char *s, const char *indent); /* keeps line breaks */
const char *fmt(struct cli *c, const char *f, ...) PRINTF_LIKE(2, 3);
const char *paint(struct cli *c, enum colour col, const char *s);
enum colour state_colour(const char *state);
/* A time member (ISO text or milliseconds) and how long ago it was; "-" when absent. */
int64_t when_ms(const json_t *obj, const char *key);
const char *clock_of(struct cli *c, int64_t wall_ms);
const char *ago(struct cli *c, int64_t wall_ms);
const char *left_of(struct cli *c, int64_t wall_ms); /* "12 min left", "passed" */
const char *span(struct cli *c, int64_t ms);
/* Any JSON scalar or small value as shown text. */
const char *value_text(struct cli *c, const json_t *v);
const char *member(struct cli *c, const json_t *obj, const char *key); /* value_text of a member */
/* The first of these members that is there: the API may name it either way. */
json_t *either(const json_t *obj, const char *a, const char *b);

#define TABLE_COLUMNS 10
struct table;
/* Heads separated by '|'; a head that begins with '*' names a column that gives way when the terminal is narrow. */
struct table *table_new(struct cli *c, const char *heads);
void table_cell(struct table *t, enum colour col,
                const char *text); /* fills rows from left to right */
size_t table_rows(const struct table *t);
void table_print(struct table *t);
/* The text and a line break; on a terminal broken between words, further lines indented (a text's own first blanks on top). */
void put_wrapped(struct cli *c, size_t indent, const char *text);
/* "name     value" lines of a card, wrapped. */
void field(struct cli *c, const char *name, const char *text);
void heading(struct cli *c, const char *text);

/* The message on standard error ("triagectl: ..."), and a problem document on standard output with --json. Returns code. */
int fail(struct cli *c, int code, const char *f, ...) PRINTF_LIKE(3, 4);
int fail_err(struct cli *c, const struct err *e); /* the exit code by the error's code */
int print_json(struct cli *c, json_t *taken);
/* y/N on the terminal. False when no. */
bool confirm(struct cli *c, const char *question);
bool on_terminal(void); /* standard input and error are terminals: asking makes sense */

/* ---- client.c ---- */
struct reply {
    int status;
    char *text;
    size_t len;
    json_t *json; /* NULL when the answer is not JSON */
};
void reply_done(struct reply *r);
void client_close(struct cli *c);
/* Where the control socket is, by --socket or the configuration's state_dir; NULL with e. */
const char *client_socket(struct cli *c, struct err *e);
/* state_dir of the configuration, read without its secrets and without checking the rest. NULL with e. */
const char *client_state_dir(struct cli *c, struct err *e);
const char *config_file(struct cli *c);
/* Where the person's token is looked for, whether it is there or not. */
const char *token_path(struct cli *c, bool *named);
bool client_has_token(struct cli *c,
                      struct err *e); /* e->code is set when the file is there and unusable */
/* One request. ERR_RETRY: the daemon cannot be reached. body is taken, may be NULL. */
int client_call(struct cli *c, const char *method, const char *path, json_t *body,
                struct reply *out, struct err *e) MUST_CHECK;
/* The same with messages: 0 for a 2xx answer, else the exit code. */
int api(struct cli *c, const char *method, const char *path, json_t *body, struct reply *out);
int api_get(struct cli *c, struct reply *out, const char *path);
/* The exit code of an answer that is not 2xx, after its message. */
int api_problem(struct cli *c, const struct reply *r);
/* Says early that a person's token is missing. 0 or the exit code. */
int need_person(struct cli *c, const char *what);
/* With --json prints the answer as it came and returns true. */
bool printed_json(struct cli *c, const struct reply *r);
/* Path building: parts and query values are percent-encoded. */
const char *path_of(struct cli *c, const char *base, const char *part, const char *rest);
struct query {
    struct buf b;
    bool any;
};
void query_begin(struct query *q, const char *path);
void query_add(struct query *q, const char *name, const char *value /* NULL: left out */);
const char *query_end(struct cli *c, struct query *q);
json_t *items_of(json_t *answer); /* {items: [...]} or a bare list; NULL otherwise */

/* ---- cmd_*.c, doctor.c, init.c: one function for each row ---- */
int cmd_explain_incident(struct cli *c), cmd_model(struct cli *c), cmd_replay(struct cli *c);
int cmd_status(struct cli *c), cmd_alarms(struct cli *c), cmd_verbs(struct cli *c);
int cmd_jobs(struct cli *c), cmd_jobs_retry(struct cli *c);
int cmd_quarantine(struct cli *c), cmd_quarantine_retry(struct cli *c);
int cmd_incidents(struct cli *c), cmd_show(struct cli *c), cmd_evidence(struct cli *c);
int cmd_proposals(struct cli *c), cmd_approve(struct cli *c), cmd_reject(struct cli *c);
int cmd_edit(struct cli *c), cmd_undo(struct cli *c), cmd_settle(struct cli *c);
int cmd_propose(struct cli *c), cmd_explain(struct cli *c), cmd_look(struct cli *c);
int cmd_kill(struct cli *c), cmd_kill_engage(struct cli *c), cmd_kill_release(struct cli *c);
int cmd_audit_list(struct cli *c), cmd_audit_show(struct cli *c), cmd_audit_verify(struct cli *c),
    cmd_audit_export(struct cli *c);
int cmd_rules_list(struct cli *c), cmd_rules_check(struct cli *c), cmd_rules_try(struct cli *c);
int cmd_policy_check(struct cli *c), cmd_policy_try(struct cli *c);
int cmd_standing_list(struct cli *c), cmd_standing_add(struct cli *c),
    cmd_standing_revoke(struct cli *c);
int cmd_user_list(struct cli *c), cmd_user_add(struct cli *c), cmd_user_role(struct cli *c),
    cmd_user_disable(struct cli *c), cmd_user_enable(struct cli *c);
int cmd_token_new(struct cli *c), cmd_token_revoke(struct cli *c);
int cmd_sources(struct cli *c), cmd_sources_check(struct cli *c), cmd_sources_try(struct cli *c);
int cmd_doctor(struct cli *c), cmd_init(struct cli *c);
int cmd_backfill(struct cli *c);

/* ---- shared by commands ---- */
/* The PagerDuty id of an incident that was given by id or number (what arg_incident gave). 0 or the exit code. */
int incident_id(struct cli *c, const char *what, const char **id);
/* One proposal on a card: state, risk, deadline, effects, why. */
void proposal_print(struct cli *c, const json_t *p);
bool proposal_is_live(const char *state);
const char *need_text(struct cli *c, const json_t *need); /* {"kind":"any",...} in words */
/* A tree of cond_explain(), indented. */
void tree_print(struct cli *c, const json_t *tree, int depth);
/* A facts file, rules and policy: those given, else those of the configuration. NULL after a message, *rc is the exit code. */
const char *config_path_of(struct cli *c, const char *key, const char *def, int *rc);
/* Runs every check. *red: one of them is. Rows are printed unless quiet. */
int doctor_run(struct cli *c, bool quiet, bool *red);

#endif
