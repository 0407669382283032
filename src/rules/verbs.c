#include <string.h>

#include "base/text.h"
#include "rules/rules_priv.h"

/* One row a verb: which keys a proposal of it may have and which it must have. The schema knows their types. */
static const struct verb_row {
    const char *name;
    const char *keys[3];
    unsigned needed; /* how many of keys must be there, from the first on */
    const char *hint;
} VERBS[VERB_COUNT] = {
    [VERB_ACKNOWLEDGE] = {"acknowledge", {NULL}, 0, "takes nothing but why"},
    [VERB_ADD_NOTE] = {"add_note",
                       {"note", NULL},
                       1,
                       "needs note, and takes nothing but note and why"},
    [VERB_ESCALATE] =
        {"escalate",
         {"level", "policy", NULL},
         0,
         "needs level (a number or next) or policy (an id), and takes nothing else but why"},
    [VERB_RESOLVE] = {"resolve",
                      {"resolve_note", NULL},
                      0,
                      "takes nothing but resolve_note and why"},
};

const char *verb_name(enum verb v)
{
    return VERBS[v].name;
}

int verb_parse(const char *name)
{
    int i;

    for (i = 0; i < VERB_COUNT; i++)
        if (strcmp(VERBS[i].name, name) == 0)
            return i;
    return ERR_NOT_FOUND;
}

static bool key_known(const struct verb_row *row, const char *key)
{
    size_t i;

    if (strcmp(key, "verb") == 0 || strcmp(key, "why") == 0)
        return true;
    for (i = 0; row->keys[i]; i++)
        if (strcmp(row->keys[i], key) == 0)
            return true;
    return false;
}

int verb_check_args(enum verb v, json_t *proposal, struct err *e)
{
    const struct verb_row *row = &VERBS[v];
    const char *key;
    json_t *value;
    unsigned i;

    json_object_foreach (proposal, key, value)
        if (!key_known(row, key))
            return err_set(e, ERR_INPUT, "%s %s, not '%s'", row->name, row->hint, key);
    for (i = 0; i < row->needed; i++)
        if (!json_object_get(proposal, row->keys[i]))
            return err_set(e, ERR_INPUT, "%s %s", row->name, row->hint);
    if (v == VERB_ESCALATE &&
        !json_object_get(proposal, "level") == !json_object_get(proposal, "policy"))
        return err_set(e, ERR_INPUT, "%s %s", row->name, row->hint);
    return 0;
}
