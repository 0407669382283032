#ifndef TRIAGED_LLM_REDACT_PRIV_H
#define TRIAGED_LLM_REDACT_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>

#include "llm/redact.h"

/* A pattern's find, as offsets into the text. */
struct redact_span {
    size_t from, to;
};

/*
 * More than a pattern can say: is the find really one (a check sum, a word that is no secret)? May make the span smaller, never larger.
 */
typedef bool redact_check(const char *text, struct redact_span *at);

redact_check redact_is_card;    /* 13 to 19 digits, a known issuer's prefix, Luhn */
redact_check redact_is_iban;    /* the country's length, mod 97 */
redact_check redact_is_phone;   /* enough digits; no date, no address, no number */
redact_check redact_is_intl;    /* the same for +CC ... and 00CC ... */
redact_check redact_is_user_pw; /* base64 of "user:password" */
redact_check
    redact_is_assigned; /* not "expired", "null", "***" ...; closing punctuation is left out */
redact_check redact_is_mixed;       /* letters and digits, or long: no plain word */
redact_check redact_is_no_userinfo; /* not the PASSWORD@HOST or NAME@HOST of a URL */
redact_check redact_is_no_sha; /* not 40 or 64 lower-case hex digits: commits and digests stay */

enum redact_gate {
    GATE_START,  /* a match begins at one of the hints: only those places are tried */
    GATE_HOLDS,  /* the text holds one of the hints somewhere */
    GATE_AT,     /* the text holds an @ */
    GATE_DIGITS, /* the text holds 7 digits or more */
    GATE_COLON,  /* two colons or more */
    GATE_NONE,
};

struct redact_row {
    const char *class;
    enum redact_gate gate;
    const char *hints; /* lower case ASCII, two characters or more each, | between; NULL without */
    const char *pattern; /* group 1, where it takes part, is the find; else the whole match */
    bool caseless;
    redact_check *check; /* NULL: none */
};
const struct redact_row *redact_rows(size_t *n);

/* The class that names a member's value, whatever the value looks like. */
#define REDACT_CLASS_MEMBER "secret"
/* What stands for a whole text that could not be searched to its end. */
#define REDACT_CLASS_LIMIT  "limit"
/* Does a member's name say that its value is a secret? */
bool redact_name_is_secret(const char *name);

#define REDACT_HINTS_MAX  512
#define REDACT_HINT_TABLE (128 * 128)
#define REDACT_DIGITS     10 /* of a placeholder */
#define REDACT_NAME_MAX   40 /* of a class */

struct redact_hint {
    const char *text; /* borrowed from the row; ends at a | or the NUL */
    uint16_t len;
    uint16_t pattern;
    uint16_t next; /* with the same two first characters; 0 ends */
};

struct redact_pattern {
    const char *class; /* of the row, or one of names */
    enum redact_gate gate;
    redact_check *check;
    pcre2_code *code;
};

struct redactor {
    atomic_int more_refs; /* besides the first */
    uint8_t key[REDACT_KEY_BYTES];
    struct redact_pattern *patterns;
    size_t n_patterns;
    char *names[CONFIG_REDACT_EXTRA_MAX]; /* of the configuration's own patterns */
    size_t n_names;
    bool members; /* the class of members' names is on */
    struct redact_hint hints[REDACT_HINTS_MAX];
    size_t n_hints;                    /* hints[0] is not used */
    size_t at[4], n_at;                /* the patterns of GATE_AT */
    uint16_t first[REDACT_HINT_TABLE]; /* by a hint's two first characters */
};

/*
 * Limits of one match attempt, and of one text: a step is a place that an item of a pattern was tried at, or a character that it took (counted by
 * callouts, so that the same text always ends the same way).
 */
#define REDACT_MATCH_LIMIT    10000
#define REDACT_DEPTH_LIMIT    2000
#define REDACT_HEAP_KIB       1024
#define REDACT_STEPS_BASE     2000000
#define REDACT_STEPS_PER_BYTE 200

/* What a text cost; for tests. */
struct redact_work {
    uint64_t steps;
    unsigned limits; /* texts that hit a limit */
};
void redact_text_work(const struct redactor *r, const char *s, size_t len, struct buf *out,
                      struct redacted *found, struct redact_work *work);

/* What a search needs again and again: made once for all strings of one document. */
struct redact_search;
struct redact_search *redact_search_new(const struct redactor *r);
void redact_search_freep(struct redact_search **x);
void redact_search_text(struct redact_search *x, const char *s, size_t len, struct buf *out,
                        struct redacted *found, struct redact_work *work);

/* Appends the placeholder for a value of a class, and counts it. */
void redact_put(const struct redactor *r, const char *class, const char *value, size_t len,
                struct buf *out, struct redacted *found);
/* The length of a placeholder of a known class that begins at s, 0 when none does. */
size_t redact_placeholder(const struct redactor *r, const char *s, size_t len);
bool redact_class_on(const struct redactor *r, const char *class);

#endif
