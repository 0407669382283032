#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "rules/rules_priv.h"

/* The rule that is being compiled: for messages that name the line. */
struct place {
    const struct yaml_doc *doc;
    const char *pointer; /* "/rules/3" */
    struct err *e;
};

static int place_error(const struct place *at, const char *below, const char *what)
{
    char pointer[128];

    snprintf(pointer, sizeof pointer, "%s%s", at->pointer, below);
    return yaml_error(at->doc, pointer, at->e, "%s", what);
}

static unsigned verbs_of(json_t *list)
{
    unsigned bits = 0;
    size_t i;

    for (i = 0; i < json_array_size(list); i++) {
        int v = verb_parse(json_string_value(json_array_get(list, i)));

        CHECK(v >= 0); /* the schema knows the same verbs; a test compares them */
        bits |= 1u << v;
    }
    return bits;
}

static int template_ok(const struct place *at, const struct rule *r, size_t i, const char *key,
                       json_t *proposal)
{
    const char *text = json_string_value(json_object_get(proposal, key));
    struct err why;
    char below[64];

    if (text == NULL || template_check(text, r->when, &why) == 0)
        return 0;
    snprintf(below, sizeof below, "/then/propose/%zu/%s", i, key);
    return place_error(at, below, why.msg);
}

static int proposal_check(const struct place *at, const struct rule *r, size_t i, json_t *proposal)
{
    int v = verb_parse(json_string_value(json_object_get(proposal, "verb")));
    struct err why;
    char below[64];

    CHECK(v >= 0);
    snprintf(below, sizeof below, "/then/propose/%zu", i);
    if (verb_check_args((enum verb)v, proposal, &why) < 0)
        return place_error(at, below, why.msg);
    if (!(r->allow >> v & 1) || r->deny >> v & 1)
        return place_error(at, below,
                           "the rule proposes a verb that its own allow does not list (or its deny "
                           "does); add it to allow");
    if (template_ok(at, r, i, "why", proposal) < 0 || template_ok(at, r, i, "note", proposal) < 0 ||
        template_ok(at, r, i, "resolve_note", proposal) < 0)
        return at->e->code;
    return 0;
}

/*
 * An acknowledge alone stops PagerDuty's escalation while nobody looks: the page falls silent and the incident waits. So
 * no rule may propose it without something that informs people in the same breath.
 */
static int proposals_check(const struct place *at, const struct rule *r)
{
    json_t *list = json_object_get(r->then, "propose");
    bool more = false;
    size_t i;

    for (i = 0; i < json_array_size(list); i++) {
        json_t *p = json_array_get(list, i);

        if (proposal_check(at, r, i, p) < 0)
            return at->e->code;
        more =
            more || verb_parse(json_string_value(json_object_get(p, "verb"))) != VERB_ACKNOWLEDGE;
    }
    if (list && !more)
        return place_error(at, "/then/propose",
                           "a bare acknowledge: it silences the page without a person looking; "
                           "propose an add_note or escalate with it, or leave it out");
    return 0;
}

static int then_compile(const struct place *at, struct rule *r)
{
    json_t *allow = json_object_get(r->then, "allow");

    r->says_allow = allow != NULL;
    r->allow = verbs_of(allow);
    r->deny = verbs_of(json_object_get(r->then, "deny"));
    r->stop = json_is_true(json_object_get(r->then, "stop"));
    return proposals_check(at, r);
}

static void rule_done(struct rule *r)
{
    mem_freep(&r->name);
    mem_freep(&r->where);
    guard_done(&r->guard);
    cond_free(r->when);
    json_decref(r->then);
}

static int rule_compile(struct rules *set, const struct place *at, json_t *from, struct rule *r)
{
    char text[200];

    snprintf(text, sizeof text, "%s/when", at->pointer);
    if (cond_compile_in(at->doc, text, &set->slots, &r->when, at->e) < 0)
        return at->e->code;
    snprintf(text, sizeof text, "%s:%d", yaml_name(at->doc), yaml_line(at->doc, at->pointer));
    r->name = mem_strdup(json_string_value(json_object_get(from, "name")));
    r->where = mem_strdup(text);
    r->then = json_incref(json_object_get(from, "then"));
    if (then_compile(at, r) < 0)
        return at->e->code;
    guard_build(r->when, &r->guard);
    return 0;
}

/* names: object of all names so far, name -> "FILE:LINE", so that a second one can point at the first. */
static int rule_add(struct rules *set, const struct place *at, json_t *from, json_t *names)
{
    const char *name = json_string_value(json_object_get(from, "name"));
    json_t *first = json_object_get(names, name);
    struct rule r = {0};

    if (strlen(name) != strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"))
        return place_error(at, "/name", "the name holds a line break");
    if (first)
        return yaml_error(at->doc, at->pointer, at->e, "the name '%s' is taken by %s", name,
                          json_string_value(first));
    if (rule_compile(set, at, from, &r) < 0) {
        rule_done(&r);
        return at->e->code;
    }
    json_object_set_new(names, name, json_string(r.where));
    if (json_is_false(json_object_get(from, "enabled"))) { /* checked all the same */
        rule_done(&r);
        return 0;
    }
    if (set->n == RULES_MAX) {
        rule_done(&r);
        return place_error(at, "", "more than 2000 rules");
    }
    if (set->n == set->room) {
        set->room = set->room ? set->room * 2 : 32;
        set->rules = mem_grow(set->rules, set->room, sizeof *set->rules);
    }
    set->rules[set->n++] = r;
    return 0;
}

int rules_add_file(struct rules *r, const struct yaml_doc *doc, const struct schema *schema,
                   json_t *names, struct err *e)
{
    json_t *list;
    size_t i;

    if (yaml_check(doc, schema, e) < 0)
        return e->code;
    list = json_object_get(yaml_root(doc), "rules");
    for (i = 0; i < json_array_size(list); i++) {
        char pointer[32];
        struct place at = {doc, pointer, e};

        snprintf(pointer, sizeof pointer, "/rules/%zu", i);
        if (rule_add(r, &at, json_array_get(list, i), names) < 0)
            return e->code;
    }
    return 0;
}

struct rules *rules_new(void)
{
    struct rules *r = mem_alloc(sizeof *r);

    atomic_init(&r->refs, 1);
    r->slots.no_policy_fields = true;
    return r;
}

struct rules *rules_ref(struct rules *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void rules_unref(struct rules *r)
{
    size_t i;

    if (r == NULL || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (i = 0; i < r->n; i++)
        rule_done(&r->rules[i]);
    mem_freep(&r->rules);
    slots_done(&r->slots);
    mem_freep(&r);
}

void rules_unrefp(struct rules **r)
{
    rules_unref(*r);
    *r = NULL;
}

const char *rules_hash(const struct rules *r)
{
    return r->hash;
}

size_t rules_count(const struct rules *r)
{
    return r->n;
}

const char *rules_name(const struct rules *r, size_t i)
{
    return i < r->n ? r->rules[i].name : NULL;
}

const char *rules_where(const struct rules *r, size_t i)
{
    return i < r->n ? r->rules[i].where : NULL;
}

bool rules_watch_time(const struct rules *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (cond_is_timed(r->rules[i].when))
            return true;
    return false;
}

json_t *rules_words(const struct rules *r, const char *member)
{
    json_t *list = json_array(), *seen = json_object();

    for (size_t i = 0; r && i < r->n; i++) {
        const char *word = json_opt_str(r->rules[i].then, member);

        if (!word || json_object_get(seen, word))
            continue;
        json_object_set_new(seen, word, json_true());
        json_array_append_new(list, json_string(word));
    }
    json_decref(seen);
    return list;
}
