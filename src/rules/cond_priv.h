#ifndef TRIAGED_RULES_COND_PRIV_H
#define TRIAGED_RULES_COND_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/mem.h"
#include "rules/cond.h"

/* What a condition may be; over it, the file is refused. */
#define COND_DEPTH_MAX    16
#define COND_NODES_MAX    200
#define COND_LIST_MAX     500
#define COND_TEXT_MAX     1000 /* bytes of a pattern or of a text to compare with */
#define COND_CAPTURES_MAX 32
#define COND_CAPTURE_TEXT 512
#define COND_SHOWN_TEXT   200

/* What one look at facts may cost (threat model, H5). */
#define MATCH_LIMIT       100000
#define MATCH_DEPTH_LIMIT 2000
#define MATCH_HEAP_KIB    1024
#define MATCH_SUBJECT_MAX 65536
#define MATCH_PARK_AFTER  5

/* ---- fields.c: which paths exist, and their values in a facts document ---- */

enum field_kind {
    FIELD_TEXT,
    FIELD_NUMBER, /* a path that ends in _s is in seconds and also takes "10m" */
    FIELD_BOOL,
    FIELD_LIST, /* of texts */
    FIELD_TIME, /* ISO 8601 text */
    FIELD_FREE, /* whatever the source of the incident wrote */
};

struct field_def {
    const char *path; /* for FIELD_FREE up to and with the last dot: "alerts.details." */
    enum field_kind kind;
    const char *values; /* "high|low": the only texts it may be compared with; NULL = any */
};

const struct field_def *field_at(size_t i);            /* NULL past the end */
const struct field_def *field_find(const char *path);  /* NULL when unknown */
const char *field_nearest(const char *path);           /* for "did you mean" */
json_t *field_get(const json_t *facts, const char *p); /* borrowed; NULL when missing or null */
bool field_in_seconds(const char *path);
bool field_of_policy(const char *path); /* speaks of an action: no rule can know it */

/* Field paths that a set of conditions reads, each once. */
struct slots {
    char **paths;
    size_t n, room;
    bool no_policy_fields; /* of a set of rules */
};
size_t slots_intern(struct slots *s, const char *path);
void slots_done(struct slots *s);

/* ---- view.c: what is known of each slot in one facts document ---- */

/* Text as the comparisons see it: without case. buf has room for 2 * len + 4 bytes; returns the length written. */
size_t fold_text(const char *s, size_t len, char *buf);
uint64_t fold_hash(const char *s, size_t len);

struct item {
    const char *raw; /* at most MATCH_SUBJECT_MAX bytes */
    size_t raw_len;
    char *fold;
    size_t fold_len;
    uint64_t hash;        /* of fold */
    bool number;          /* JSON number, or a text that is one */
    double num;           /* when number */
    char scalar_text[32]; /* raw of a number or a boolean */
};

#define GRAM_BITS  16
#define GRAM_BYTES ((1u << GRAM_BITS) / 8)
uint16_t gram_of(const unsigned char *three_bytes);

struct seen {
    bool looked;
    bool known;
    bool comparable; /* every part is a scalar */
    json_t *value;
    struct item *items; /* one, or one for each element of a list */
    size_t n;
    uint8_t *grams; /* bitmap of three-byte pieces of all folded items, made on demand */
};

struct view {
    const struct slots *slots;
    const struct cond_env *env;
    struct seen *seen;
    pcre2_match_data *md;
    pcre2_match_context *mc;
    bool count_hits; /* limit hits park patterns */
};
void view_init(struct view *v, const struct slots *slots, const struct cond_env *env);
void view_done(struct view *v);
struct seen *view_seen(struct view *v, size_t slot);
const uint8_t *view_grams(struct seen *s);

/* ---- pattern.c: PCRE2 within limits ---- */

struct pattern {
    pcre2_code *code;
    char *source;
    char *where; /* "FILE:LINE" */
    struct pattern_name {
        char *name;
        uint32_t number;
    } * names;
    size_t n_names;
    atomic_uint hits; /* of limits; parked at MATCH_PARK_AFTER */
};
enum pattern_said {
    PATTERN_NO,
    PATTERN_YES,
    PATTERN_LIMIT,
    PATTERN_PARKED,
    PATTERN_BROKEN
};

/* 0, or ERR_INPUT with PCRE2's words and the offset. */
int pattern_new(const char *source, size_t len, const char *where, struct pattern **out,
                struct err *e) MUST_CHECK;
void pattern_free(struct pattern *p);
bool pattern_parked(const struct pattern *p);
enum pattern_said pattern_match(struct pattern *p, struct view *v, const char *s, size_t len,
                                struct cond_result *r);

/* ---- the compiled tree ---- */

enum node_kind {
    NODE_ALL,
    NODE_ANY,
    NODE_NOT,
    NODE_TIME,
    NODE_TEST
};
enum cond_op {
    OP_EQ,
    OP_NE,
    OP_IN,
    OP_NOT_IN,
    OP_CONTAINS,
    OP_STARTS,
    OP_ENDS,
    OP_MATCHES,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_BETWEEN,
    OP_EXISTS,
    OP_OLDER,
    OP_NEWER,
};

/* A value from the file, ready to compare. */
struct operand {
    char *fold;
    size_t fold_len;
    bool number; /* a number in the file, or a span */
    double num;
};

struct time_window {
    char *zone;
    uint8_t days; /* bit 0 = Monday */
    bool has_hours;
    int from_min, to_min;
};

/*
 * Nodes stand in pre-order; `next` is the index behind the subtree. So a tree is walked with an index and parents instead
 * of calls that nest, whatever a file holds.
 */
struct node {
    enum node_kind kind;
    enum cond_op op;
    size_t parent; /* of the root: SIZE_MAX */
    size_t next;
    size_t slot;
    struct operand *
        values; /* numbers of OP_OLDER, OP_NEWER and spans are milliseconds or seconds as the field's */
    size_t n_values;
    bool flag; /* OP_EXISTS */
    struct pattern *pattern;
    struct time_window *window;
    json_t *shown; /* the value as it stands in the file, for explain */
};

struct cond {
    struct slots *slots;
    bool own_slots;
    struct node *nodes;
    size_t n, room;
};

/* Compiles into a shared table of slots, which must outlive the condition. */
int cond_compile_in(const struct yaml_doc *doc, const char *pointer, struct slots *slots,
                    struct cond **out, struct err *e) MUST_CHECK;
bool cond_eval(const struct cond *c, struct view *v, struct cond_result *r);
void cond_explain_in(const struct cond *c, struct view *v, json_t **out);
bool cond_has_capture(const struct cond *c, const char *name);
/* Time alone can change the answer: a time of day, an age. */
bool cond_is_timed(const struct cond *c);

/* cond_leaf.c: appends the tests of one field ("incident.title": VALUE) or of `time` below parent. pointer names VALUE. */
struct cond_build {
    const struct yaml_doc *doc;
    struct cond *c;
    struct err *e;
};
size_t cond_add_node(struct cond *c, enum node_kind kind, size_t parent);
int cond_add_field(struct cond_build *b, size_t parent, const char *path, json_t *value,
                   const char *pointer) MUST_CHECK;
int cond_add_time(struct cond_build *b, size_t parent, json_t *value, const char *pointer)
    MUST_CHECK;
const char *cond_op_name(enum cond_op op);

/* cond_eval.c: one node without children. */
bool cond_test(const struct node *n, struct view *v, struct cond_result *r);
bool cond_window_open(const struct time_window *w, int64_t now_wall_ms);

/* ---- literal.c, guard.c: the index ---- */

#define LITERALS_MAX 16
struct literal {
    char text[64]; /* folded ASCII */
    size_t len;
};
/*
 * Texts of which at least one must stand (folded) in every subject that the pattern matches. Returns how many, 0 when
 * nothing is sure.
 */
size_t literal_of_pattern(const char *source, size_t len, struct literal out[LITERALS_MAX]);

struct guard {
    struct guard_clause *clauses;
    size_t n;
};
/* What must be true for the condition to hold, cheap to ask. */
void guard_build(const struct cond *c, struct guard *g);
void guard_done(struct guard *g);
/* False only when the condition surely does not hold. */
bool guard_may(const struct guard *g, struct view *v);

#endif
