#ifndef TRIAGED_RULES_RULES_PRIV_H
#define TRIAGED_RULES_RULES_PRIV_H

#include <stdatomic.h>

#include "base/crypto.h"
#include "rules/cond_priv.h"
#include "rules/rules.h"

#define PROPOSALS_MAX    20
#define TEMPLATE_MAX     1000 /* bytes of a template */
#define TEMPLATE_ONE_MAX 200  /* bytes of one value put into it */
#define TEMPLATE_ALL_MAX 1500 /* bytes of the text that comes out */

/* ---- verbs.c: what rules may allow, deny and propose ---- */

enum verb {
    VERB_ACKNOWLEDGE,
    VERB_ADD_NOTE,
    VERB_ESCALATE,
    VERB_RESOLVE,
    VERB_COUNT
};
const char *verb_name(enum verb v);
int verb_parse(const char *name); /* negative when unknown */
/* Checks what a proposal says beside `verb` and `why`; ERR_INPUT says what is missing or does not belong. */
int verb_check_args(enum verb v, json_t *proposal, struct err *e) MUST_CHECK;

/* ---- template.c ---- */

/* "{name}" is a group captured by c or a field; "{{" and "}}" are braces. ERR_INPUT names what is unknown. */
int template_check(const char *text, const struct cond *c, struct err *e) MUST_CHECK;
/* The text with its values, shown safely and cut. New reference. */
json_t *template_fill(const char *text, json_t *captures, json_t *facts);

/* ---- the compiled set ---- */

extern const char rules_schema_text[];

struct rule {
    char *name;
    char *where; /* "FILE:LINE" */
    struct cond *when;
    struct guard guard;
    json_t *then;   /* as in the file, checked */
    unsigned allow; /* bits of enum verb */
    unsigned deny;
    bool says_allow; /* also when it allows nothing */
    bool stop;
};

struct rules {
    atomic_uint refs;
    struct slots slots;
    struct rule *rules;
    size_t n, room;
    char hash[SHA256_HEX];
};

struct rules *rules_new(void);
/* Adds the enabled rules of one parsed file. ERR_INPUT "FILE:LINE: ..." */
int rules_add_file(struct rules *r, const struct yaml_doc *doc, const struct schema *schema,
                   json_t *names, struct err *e) MUST_CHECK;

#endif
