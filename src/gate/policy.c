#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/schema.h"
#include "base/yaml.h"
#include "gate/gate_priv.h"
#include "rules/cond.h"

#define COND_NODES_MAX 4096 /* over what cond_compile takes, list members included */

/* etc/policy.yaml: the first rule whose conditions hold says whom an action needs. docs/policy.md is the grammar. */

struct policy_rule {
    char *name;
    struct cond *when; /* NULL: always */
    struct need need;
    int64_t expires_ms;
    enum on_expiry on_expiry;
    bool names_origin;
    char hash[SHA256_HEX];
};

struct policy {
    atomic_uint refs;
    struct policy_rule *rules;
    size_t n;
    struct policy_rule fallback;
    char hash[SHA256_HEX];
};

static const char SCHEMA[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"rules\"],"
    "\"properties\":{\"rules\":{\"type\":\"array\",\"maxItems\":200,\"items\":{"
    "\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\",\"need\"],"
    "\"properties\":{"
    "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z0-9][a-z0-9_-]{0,63}$\"},"
    "\"when\":{\"type\":\"object\"},"
    "\"need\":{\"oneOf\":[{\"enum\":[\"nobody\",\"never\"]},"
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"any\"],"
    "\"properties\":{\"any\":{\"enum\":[\"responder\",\"admin\"]}}},"
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"count\",\"role\"],"
    "\"properties\":{\"count\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":10},"
    "\"role\":{\"enum\":[\"responder\",\"admin\"]},\"veto\":{\"type\":\"boolean\"}}}]},"
    "\"expires_s\":{\"type\":\"integer\",\"minimum\":10,\"maximum\":604800},"
    "\"on_expiry\":{\"enum\":[\"drop\",\"ask_next\",\"keep\"]}}}}}}";

static void rule_done(struct policy_rule *r)
{
    mem_freep(&r->name);
    cond_freep(&r->when);
}

static void policy_free(struct policy *p)
{
    for (size_t i = 0; i < p->n; i++)
        rule_done(&p->rules[i]);
    mem_freep(&p->rules);
    rule_done(&p->fallback);
    mem_freep(&p);
}

static void policy_unrefp(struct policy **p)
{
    policy_unref(*p);
}

struct policy *policy_ref(struct policy *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void policy_unref(struct policy *p)
{
    if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
        policy_free(p);
}

const char *policy_hash(const struct policy *p)
{
    return p->hash;
}

size_t policy_count(const struct policy *p)
{
    return p->n;
}

bool policy_has_rule(const struct policy *p, const char *hash)
{
    if (text_eq(p->fallback.hash, hash))
        return true;
    for (size_t i = 0; i < p->n; i++)
        if (text_eq(p->rules[i].hash, hash))
            return true;
    return false;
}

/* ---- loading ---- */

static void rule_hash(const json_t *rule, char out[SHA256_HEX])
{
    struct digest d;
    size_t len;
    AUTO(mem_freep) char *text = json_canon(rule, &len);

    digest_begin(&d, "triaged.policy.rule.v1");
    digest_bytes(&d, text, len);
    digest_end(&d, out);
}

static void need_read(const json_t *j, struct need *out)
{
    const char *word = json_string_value(j);
    const char *any = json_opt_str(j, "any");

    if (word) {
        out->kind = strcmp(word, "nobody") == 0 ? NEED_NOBODY : NEED_NEVER;
        return;
    }
    if (any) {
        *out = (struct need){NEED_ANY, role_parse(any), 1, true};
        return;
    }
    *out = (struct need){NEED_COUNT, role_parse(json_opt_str(j, "role")),
                         (int)json_opt_int(j, "count", 1), json_opt_bool(j, "veto", true)};
}

/* Does a condition test this field? cond_compile has bounded the tree. */
static bool names_field(const json_t *when, const char *field)
{
    const json_t *todo[COND_NODES_MAX] = {when};
    size_t n = 1;

    while (n > 0) {
        const json_t *x = todo[--n];
        const char *key;
        json_t *v;

        if (json_object_get(x, field))
            return true;
        if (json_is_object(x))
            json_object_foreach ((json_t *)(uintptr_t)x, key, v)
                if (n < COND_NODES_MAX)
                    todo[n++] = v;
        for (size_t i = 0; i < json_array_size(x) && n < COND_NODES_MAX; i++)
            todo[n++] = json_array_get(x, i);
    }
    return false;
}

static int rule_read(const struct yaml_doc *doc, const json_t *j, size_t i, struct policy_rule *out,
                     struct err *e)
{
    char pointer[40];
    const char *on_expiry = json_opt_str(j, "on_expiry");

    out->name = mem_strdup(json_opt_str(j, "name"));
    need_read(json_object_get(j, "need"), &out->need);
    out->expires_ms = json_opt_int(j, "expires_s", 0) * 1000;
    out->on_expiry = on_expiry ? (enum on_expiry)on_expiry_parse(on_expiry) : EXPIRY_DROP;
    rule_hash(j, out->hash);
    if (!json_object_get(j, "when"))
        return 0;
    snprintf(pointer, sizeof pointer, "/rules/%zu/when", i);
    if (cond_compile(doc, pointer, &out->when, e) < 0)
        return e->code;
    out->names_origin = names_field(json_object_get(j, "when"), "action.origin");
    return 0;
}

static int name_is_new(const struct yaml_doc *doc, const struct policy *p, size_t i, struct err *e)
{
    char pointer[40];

    snprintf(pointer, sizeof pointer, "/rules/%zu/name", i);
    if (strcmp(p->rules[i].name, p->fallback.name) == 0)
        return yaml_error(doc, pointer, e,
                          "the name 'default' is taken: it is the rule that "
                          "stands when no other matches");
    for (size_t k = 0; k < i; k++)
        if (strcmp(p->rules[k].name, p->rules[i].name) == 0)
            return yaml_error(doc, pointer, e, "the name '%s' is used twice", p->rules[i].name);
    return 0;
}

/* Without a match: one responder. */
static struct policy *policy_new(const char *bytes, size_t len)
{
    struct policy *p = mem_alloc(sizeof *p);
    AUTO(json_freep)
    json_t *fallback = json_pack("{s:s, s:{s:s}}", "name", "default", "need", "any", "responder");

    atomic_init(&p->refs, 1);
    sha256_hex(bytes, len, p->hash);
    p->fallback.name = mem_strdup("default");
    p->fallback.need = (struct need){NEED_ANY, ROLE_RESPONDER, 1, true};
    rule_hash(fallback, p->fallback.hash);
    return p;
}

static int rules_read(struct policy *p, const struct yaml_doc *doc, struct err *e)
{
    json_t *list = json_opt_arr(yaml_root(doc), "rules");
    size_t n = json_array_size(list);

    p->rules = mem_array(n ? n : 1, sizeof *p->rules);
    for (size_t i = 0; i < n; i++) {
        p->n = i + 1;
        if (rule_read(doc, json_array_get(list, i), i, &p->rules[i], e) < 0 ||
            name_is_new(doc, p, i, e) < 0)
            return e->code;
    }
    return 0;
}

int policy_parse(const char *name, const char *bytes, size_t len, struct policy **out,
                 struct err *e)
{
    AUTO(yaml_freep) struct yaml_doc *doc = NULL;
    AUTO(schema_freep) struct schema *schema = NULL;
    AUTO(policy_unrefp) struct policy *p = NULL;

    if (schema_new(SCHEMA, strlen(SCHEMA), &schema, e) < 0 ||
        yaml_parse(name, bytes, len, &doc, e) < 0 || yaml_check(doc, schema, e) < 0)
        return e->code;
    p = policy_new(bytes, len);
    if (rules_read(p, doc, e) < 0)
        return e->code;
    *out = TAKE(p);
    return 0;
}

int policy_load(const char *path, struct policy **out, struct err *e)
{
    AUTO(mem_freep) char *bytes = NULL;
    size_t len;
    const char *slash = strrchr(path, '/');
    int rc = file_read(path, YAML_MAX_BYTES, &bytes, &len, e);

    if (rc == ERR_NOT_FOUND) {
        *out = policy_new("", 0);
        return 0;
    }
    if (rc < 0)
        return err_wrap(e, "policy %s", path);
    return policy_parse(slash ? slash + 1 : path, bytes, len, out, e);
}

/* ---- asking ---- */

static const struct policy_rule *rule_for(const struct policy *p, const struct cond_env *env)
{
    for (size_t i = 0; i < p->n; i++) {
        struct cond_result r = {0};
        bool hit = !p->rules[i].when || cond_match(p->rules[i].when, env, &r);

        cond_result_done(&r);
        if (hit)
            return &p->rules[i];
    }
    return &p->fallback;
}

void policy_ask(const struct policy *p, json_t *facts, int64_t now_wall_ms,
                struct policy_answer *out)
{
    struct cond_env env = {.facts = facts, .now_wall_ms = now_wall_ms};
    const struct policy_rule *r = rule_for(p, &env);

    *out = (struct policy_answer){r->name,       r->hash,      r->need,
                                  r->expires_ms, r->on_expiry, r->names_origin};
}

static json_t *explain_of(const struct policy *p, const struct policy_rule *hit,
                          const struct cond_env *env)
{
    json_t *list = json_array();
    bool decided = false;

    for (size_t i = 0; i < p->n; i++) {
        const struct policy_rule *r = &p->rules[i];
        json_t *o = json_pack("{s:s, s:b}", "rule", r->name, "matched", r == hit);
        json_t *tree = NULL;

        if (decided)
            json_object_set_new(o, "skipped", json_string("an earlier rule matched"));
        else if (r->when) {
            cond_explain(r->when, env, &tree);
            json_object_set_new(o, "when", tree);
        }
        decided = decided || r == hit;
        json_array_append_new(list, o);
    }
    json_array_append_new(
        list, json_pack("{s:s, s:b}", "rule", p->fallback.name, "matched", hit == &p->fallback));
    return list;
}

int policy_try(const struct policy *p, json_t *facts, int64_t now_wall_ms, json_t **out,
               json_t **explain, struct err *e)
{
    struct cond_env env = {.facts = facts, .now_wall_ms = now_wall_ms};
    const struct policy_rule *r;

    if (!json_is_object(facts))
        return err_set(e, ERR_INPUT, "the facts are no JSON object");
    if (!cond_facts_valid(facts))
        return err_set(e, ERR_INPUT, "the facts hold text that is not UTF-8");
    r = rule_for(p, &env);
    *out = json_pack("{s:s, s:s, s:o, s:I, s:s}", "rule", r->name, "hash", r->hash, "need",
                     need_to_json(&r->need), "expires_s", (json_int_t)(r->expires_ms / 1000),
                     "on_expiry", on_expiry_name(r->on_expiry));
    CHECK(*out);
    if (explain)
        *explain = explain_of(p, r, &env);
    return 0;
}
