#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* propose and edit: KEY=VALUE arguments become JSON by the verb's own schema. */

static json_t *verb_row(const json_t *verbs, const char *verb)
{
    size_t i;
    json_t *x;

    json_array_foreach (verbs, i, x)
        if (text_eq(json_opt_str(x, "verb"), verb))
            return x;
    return NULL;
}

/* What the schema says about one member; NULL: nothing. */
static const char *type_of(const json_t *row, const char *key)
{
    const json_t *props = json_opt_obj(json_opt_obj(row, "schema"), "properties");
    const json_t *prop = json_opt_obj(props, key);
    const json_t *type = json_object_get(prop, "type");

    return json_string_value(json_is_array(type) ? json_array_get(type, 0) : type);
}

static void known_keys(struct cli *c, const json_t *row, struct buf *out)
{
    json_t *props = json_opt_obj(json_opt_obj(row, "schema"), "properties");
    const char *name;
    json_t *v;

    json_object_foreach (props, name, v)
        buf_printf(out, "%s%s", out->len ? ", " : "", show(c, name));
}

static json_t *typed(struct cli *c, const json_t *row, const char *key, const char *text)
{
    const char *type = type_of(row, key);
    struct err e = {0};
    int64_t n;

    if (text_eq(type, "integer") || text_eq(type, "number")) {
        if (parse_i64(text, INT64_MIN, INT64_MAX, &n, &e) == 0)
            return json_integer(n);
        (void)fail(c, EXIT_USAGE, "%s must be a whole number, not '%s'", key, show(c, text));
        return NULL;
    }
    if (text_eq(type, "boolean")) {
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
            return json_boolean(text[0] == 't');
        (void)fail(c, EXIT_USAGE, "%s must be true or false, not '%s'", key, show(c, text));
        return NULL;
    }
    if (text_eq(type, "array") || text_eq(type, "object")) {
        (void)fail(c, EXIT_USAGE, "%s is a list or an object: give it as %s:=JSON", key, key);
        return NULL;
    }
    json_t *j = json_string(text);

    if (!j)
        (void)fail(c, EXIT_USAGE, "%s is not UTF-8 text", key);
    return j;
}

static json_t *as_json(struct cli *c, const char *key, const char *text)
{
    json_error_t je;
    json_t *j = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &je);

    if (!j)
        (void)fail(c, EXIT_USAGE,
                   "%s:= needs JSON behind it; texts want their quotes: %s:='\"text\"'", key, key);
    return j;
}

/* "key=value" or "key:=json" into args. 0 or the exit code. */
static int take_pair(struct cli *c, const json_t *row, const char *word, json_t *args)
{
    size_t len = strcspn(word, "=");
    bool raw = len > 0 && word[len] && word[len - 1] == ':';
    const char *key = fmt(c, "%.*s", (int)(raw ? len - 1 : len), word);
    json_t *value;

    if (!word[len] || !key[0])
        return fail(c, EXIT_USAGE, "'%s' is not KEY=VALUE", show(c, word));
    if (row && !json_object_get(json_opt_obj(json_opt_obj(row, "schema"), "properties"), key)) {
        AUTO(buf_done) struct buf keys = {0};

        buf_init(&keys, 1024);
        known_keys(c, row, &keys);
        return fail(c, EXIT_USAGE, "%s takes no '%s'; it takes: %s", member(c, row, "verb"),
                    show(c, key), keys.len ? buf_str(&keys) : "nothing");
    }
    value = raw ? as_json(c, key, word + len + 1) : typed(c, row, key, word + len + 1);
    if (!value)
        return EXIT_USAGE;
    if (json_object_set_new(args, key, value) < 0)
        return fail(c, EXIT_USAGE, "'%s' is not UTF-8 text", show(c, key));
    return 0;
}

static int verbs_get(struct cli *c, struct reply *r)
{
    return api_get(c, r, "/api/v1/verbs");
}

/* ---- propose ---- */

static int no_such_verb(struct cli *c, const json_t *verbs, const char *word)
{
    AUTO(buf_done) struct buf names = {0};
    size_t i;
    json_t *x;

    buf_init(&names, 2048);
    json_array_foreach (verbs, i, x)
        if (!json_opt_bool(x, "undo_only", false))
            buf_printf(&names, "%s%s", names.len ? ", " : "", member(c, x, "verb"));
    return fail(c, EXIT_USAGE, "there is no verb '%s'; there is: %s", show(c, word),
                buf_str(&names));
}

static int add_action(struct cli *c, const json_t *verbs, const char *verb, json_t *actions,
                      const json_t **row)
{
    *row = verb_row(verbs, verb);
    if (!*row)
        return no_such_verb(c, verbs, verb);
    json_array_append_new(actions, json_pack("{s:s, s:{}}", "verb", verb, "args"));
    return 0;
}

static json_t *last_args(const json_t *actions)
{
    return json_opt_obj(json_array_get(actions, json_array_size(actions) - 1), "args");
}

/* --then stands between arguments: what comes behind it belongs to the further action. */
static int actions_read(struct cli *c, const json_t *verbs, json_t *actions)
{
    const json_t *row = NULL;
    size_t next_set = 0;
    int rc = add_action(c, verbs, c->args[1], actions, &row);

    for (size_t i = 2; i <= c->n_args && rc == 0; i++) {
        for (; next_set < c->n_set && c->set[next_set].at <= i && rc == 0; next_set++)
            if (strcmp(c->set[next_set].flag->name, "--then") == 0)
                rc = add_action(c, verbs, c->set[next_set].value, actions, &row);
        if (i < c->n_args && rc == 0)
            rc = take_pair(c, row, c->args[i], last_args(actions));
    }
    return rc;
}

int cmd_propose(struct cli *c)
{
    AUTO(reply_done) struct reply verbs = {0};
    AUTO(reply_done) struct reply r = {0};
    AUTO(json_freep) json_t *actions = json_array();
    const char *what = arg_incident(c, 0), *incident;
    json_t *body;
    int rc;

    if (!what)
        return EXIT_USAGE;
    rc = need_person(c, "proposing");
    if (rc == 0)
        rc = incident_id(c, what, &incident);
    if (rc == 0)
        rc = verbs_get(c, &verbs);
    if (rc == 0)
        rc = actions_read(c, items_of(verbs.json), actions);
    if (rc)
        return rc;
    body = json_pack("{s:O, s:s*}", "actions", actions, "why", flag_value(c, "--why"));
    if (!body)
        return fail(c, EXIT_USAGE, "--why is not UTF-8 text");
    rc = api(c, "POST", path_of(c, "/api/v1/incidents/", incident, "/proposals"), body, &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("Proposal %s is there; nothing has happened yet: triagectl approve %s\n",
           member(c, r.json, "id"), member(c, r.json, "id"));
    return EXIT_DONE;
}

/* ---- edit ---- */

static int edit_body(struct cli *c, const json_t *p, const json_t *verbs, int64_t action,
                     json_t **out)
{
    const json_t *list = json_opt_arr(p, "actions");
    const json_t *old = json_array_get(list, (size_t)action - 1);
    const char *given = flag_value(c, "--digest");
    AUTO(json_freep) json_t *args = json_object();

    if (list && !old)
        return fail(c, EXIT_USAGE, "the proposal has %zu action(s): --action is 1 to %zu",
                    json_array_size(list), json_array_size(list));
    for (size_t i = 1; i < c->n_args; i++) {
        int rc = take_pair(c, verb_row(verbs, json_opt_str(old, "verb")), c->args[i], args);

        if (rc)
            return rc;
    }
    *out = json_pack("{s:s, s:I, s:O}", "digest", given ? given : json_opt_str(p, "digest"),
                     "action", (json_int_t)(action - 1), "args", args);
    return *out ? 0 : fail(c, EXIT_FAILED, "the answer has no digest");
}

int cmd_edit(struct cli *c)
{
    AUTO(reply_done) struct reply verbs = {0};
    AUTO(reply_done) struct reply p = {0};
    AUTO(reply_done) struct reply r = {0};
    json_t *body = NULL;
    int64_t id, action;
    int rc;

    if (!arg_id(c, 0, "a proposal", &id) || !flag_int(c, "--action", 1, 8, 1, &action))
        return EXIT_USAGE;
    rc = need_person(c, "editing");
    if (rc == 0)
        rc = verbs_get(c, &verbs);
    if (rc == 0)
        rc = api_get(c, &p, fmt(c, "/api/v1/proposals/%lld", (long long)id));
    if (rc == 0)
        rc = edit_body(c, p.json, items_of(verbs.json), action, &body);
    if (rc == 0)
        rc = api(c, "POST", fmt(c, "/api/v1/proposals/%lld/edit", (long long)id), body, &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("Revision %s of proposal %lld would do this:\n  %s\n", member(c, r.json, "revision"),
           (long long)id, member(c, r.json, "effect"));
    field(c, "digest", member(c, r.json, "digest"));
    puts("Approvals given before do not count for it.");
    return EXIT_DONE;
}
