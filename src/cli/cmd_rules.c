#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/yaml.h"
#include "cli/cli.h"
#include "gate/gate.h"
#include "rules/rules.h"
#include "triage/pure.h"

/* rules and policy: check and try work on files, without a daemon. */

#define FACTS_MAX_BYTES ((size_t)1024 * 1024)
#define TREE_MAX        512

const char *config_path_of(struct cli *c, const char *key, const char *def, int *rc)
{
    AUTO(yaml_freep) struct yaml_doc *doc = NULL;
    const char *file = config_file(c), *slash = strrchr(file, '/'), *path;
    struct err e = {0};

    *rc = 0;
    if (yaml_load(file, &doc, &e) < 0) {
        *rc = fail(
            c, e.code == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED,
            "%s; name the rules or the policy themselves ('triagectl help' and the command tells "
            "how) or the configuration with --config",
            e.code == ERR_NOT_FOUND ? fmt(c, "there is no configuration %s", file) : e.msg);
        return NULL;
    }
    path = json_opt_str(yaml_root(doc), key);
    if (!path)
        path = def;
    if (path[0] == '/' || !slash)
        return arena_strdup(c->arena, path);
    return fmt(c, "%.*s/%s", (int)(slash - file), file, path);
}

/* ---- why a condition holds ---- */

static const char *leaf_text(struct cli *c, const json_t *x)
{
    if (json_object_get(x, "time"))
        return fmt(c, "time %s (it is %s)", member(c, x, "time"), member(c, x, "is"));
    return fmt(c, "%s %s %s (it is %s)", member(c, x, "field"), member(c, x, "op"),
               member(c, x, "value"), member(c, x, "is"));
}

static const json_t *group_of(const json_t *x, const char **name)
{
    static const char *const names[] = {"all", "any", "not"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (json_object_get(x, names[i])) {
            *name = names[i];
            return json_object_get(x, names[i]);
        }
    return NULL;
}

/* With a stack of its own: how deep a file nests its conditions is the file's business. */
void tree_print(struct cli *c, const json_t *tree, int depth)
{
    struct {
        const json_t *x;
        int depth;
    } stack[TREE_MAX];
    size_t n = 0;

    stack[n].x = tree;
    stack[n++].depth = depth;
    while (n > 0) {
        const json_t *x = stack[--n].x, *below;
        int at = stack[n].depth;
        bool holds = json_opt_bool(x, "true", false);
        const char *name = NULL;

        below = group_of(x, &name);
        printf("%*s%s %s\n", at * 2, "", paint(c, holds ? GREEN : DIM, holds ? "yes" : "no "),
               below ? name : leaf_text(c, x));
        if (json_is_array(below)) {
            for (size_t i = json_array_size(below); i-- > 0 && n < TREE_MAX;) {
                stack[n].x = json_array_get(below, i);
                stack[n++].depth = at + 1;
            }
        } else if (below && n < TREE_MAX) {
            stack[n].x = below;
            stack[n++].depth = at + 1;
        }
    }
}

static void explain_print(struct cli *c, const json_t *list)
{
    size_t i;
    json_t *x;

    json_array_foreach (list, i, x) {
        bool matched = json_opt_bool(x, "matched", false);

        printf("%s  %s%s%s%s\n", paint(c, matched ? GREEN : DIM, matched ? "matched" : "   no  "),
               paint(c, matched ? BOLD : PLAIN, member(c, x, "rule")),
               json_opt_str(x, "where") ? "  " : "",
               json_opt_str(x, "where") ? paint(c, DIM, member(c, x, "where")) : "",
               json_opt_str(x, "skipped") ? fmt(c, "  (%s)", member(c, x, "skipped")) : "");
        if (json_opt_obj(x, "when") && !json_opt_str(x, "skipped"))
            tree_print(c, json_opt_obj(x, "when"), 5);
    }
}

/* ---- rules ---- */

int cmd_rules_list(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int rc = api_get(c, &r, "/api/v1/rules");
    struct table *t;
    size_t i;
    json_t *x;

    if (rc || printed_json(c, &r))
        return rc;
    t = table_new(c, "RULE|*WHERE");
    json_array_foreach (json_opt_arr(r.json, "rules"), i, x) {
        table_cell(t, BOLD, member(c, x, "name"));
        table_cell(t, PLAIN, member(c, x, "where"));
    }
    table_print(t);
    printf("%zu rules, hash %s\n", json_array_size(json_opt_arr(r.json, "rules")),
           member(c, r.json, "hash"));
    return EXIT_DONE;
}

static int rules_open(struct cli *c, const char *dir, struct rules **out)
{
    struct err e = {0};
    int rc = 0;

    if (!dir)
        dir = config_path_of(c, "rules_dir", "rules", &rc);
    if (!dir)
        return rc;
    if (rules_load(dir, out, &e) < 0)
        return fail(c, e.code == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED, "%s",
                    show(c, e.msg));
    return 0;
}

int cmd_rules_check(struct cli *c)
{
    AUTO(rules_unrefp) struct rules *rules = NULL;
    int rc = rules_open(c, c->n_args ? c->args[0] : NULL, &rules);

    if (rc)
        return rc;
    if (c->json)
        return print_json(c, json_pack("{s:b, s:i, s:s}", "ok", 1, "rules", (int)rules_count(rules),
                                       "hash", rules_hash(rules)));
    for (size_t i = 0; i < rules_count(rules); i++)
        printf("  %-40s %s\n", rules_name(rules, i), rules_where(rules, i));
    printf("%s  %zu rules compile, hash %s\n", paint(c, GREEN, "ok"), rules_count(rules),
           rules_hash(rules));
    return EXIT_DONE;
}

static int file_facts(struct cli *c, const char *path, bool plain, json_t **facts)
{
    AUTO(mem_freep) char *bytes = NULL;
    struct err e = {0};
    size_t len;
    int rc = file_read(path, FACTS_MAX_BYTES, &bytes, &len, &e);

    if (rc == ERR_NOT_FOUND)
        return fail(c, EXIT_NOT_FOUND, "there is no file %s", show(c, path));
    if (rc == 0)
        rc = plain ? json_parse(bytes, len, JSON_TEXT_MAX_TOKENS, facts, &e)
                   : triage_facts_from_file(bytes, len, c->now_wall_ms, facts, &e);
    if (rc < 0)
        return fail(c, EXIT_FAILED, "%s: %s", show(c, path), show(c, e.msg));
    return 0;
}

static void verdict_print(struct cli *c, const json_t *v)
{
    size_t i;
    json_t *x;

    heading(c, "Verdict");
    field(c, "severity", member(c, v, "severity"));
    field(c, "category", member(c, v, "category"));
    field(c, "team", member(c, v, "team"));
    field(c, "urgency", member(c, v, "urgency"));
    field(c, "verbs allowed", member(c, v, "allow"));
    field(c, "runbooks", member(c, v, "runbooks"));
    if (json_opt_str(v, "stopped_by"))
        field(c, "stopped by", member(c, v, "stopped_by"));
    json_array_foreach (json_opt_arr(v, "proposals"), i, x)
        field(c, i ? "" : "would propose",
              fmt(c, "%s %s (%s, rule %s)", member(c, x, "verb"), member(c, x, "args"),
                  member(c, x, "why"), member(c, x, "rule")));
    json_array_foreach (json_opt_arr(v, "dropped"), i, x)
        field(c, i ? "" : "dropped",
              fmt(c, "%s of rule %s: %s", member(c, x, "verb"), member(c, x, "rule"),
                  member(c, x, "why")));
    json_array_foreach (json_opt_arr(v, "alarms"), i, x)
        field(c, i ? "" : "alarms", paint(c, YELLOW, value_text(c, x)));
}

int cmd_rules_try(struct cli *c)
{
    AUTO(rules_unrefp) struct rules *rules = NULL;
    AUTO(json_freep) json_t *facts = NULL;
    AUTO(json_freep) json_t *verdict = NULL;
    AUTO(json_freep) json_t *explain = NULL;
    struct err e = {0};
    int rc = rules_open(c, flag_value(c, "--rules"), &rules);

    if (rc == 0)
        rc = file_facts(c, c->args[0], false, &facts);
    if (rc)
        return rc;
    if (rules_judge(rules, facts, c->now_wall_ms, &verdict, &explain, &e) < 0)
        return fail(c, EXIT_FAILED, "%s: %s", show(c, c->args[0]), show(c, e.msg));
    if (c->json)
        return print_json(c, json_pack("{s:O, s:O, s:O}", "verdict", verdict, "explain", explain,
                                       "facts", facts));
    explain_print(c, explain);
    verdict_print(c, verdict);
    return EXIT_DONE;
}

/* ---- policy ---- */

static void policy_freep(struct policy **p)
{
    policy_unref(*p);
}

static int policy_open(struct cli *c, const char *path, struct policy **out)
{
    AUTO(mem_freep) char *bytes = NULL;
    struct err e = {0};
    size_t len;
    int rc = 0;

    if (!path)
        path = config_path_of(c, "policy_file", "policy.yaml", &rc);
    if (!path)
        return rc;
    /* The daemon takes an absent file for "one responder for everything"; somebody who checks one meant it to be there. */
    if (file_read(path, YAML_MAX_BYTES, &bytes, &len, &e) < 0)
        return fail(c, e.code == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED, "%s%s",
                    show(c, e.msg),
                    e.code == ERR_NOT_FOUND
                        ? "; without a policy file one responder is needed for everything"
                        : "");
    if (policy_load(path, out, &e) < 0)
        return fail(c, EXIT_FAILED, "%s", show(c, e.msg));
    return 0;
}

int cmd_policy_check(struct cli *c)
{
    AUTO(policy_freep) struct policy *p = NULL;
    int rc = policy_open(c, c->n_args ? c->args[0] : NULL, &p);

    if (rc)
        return rc;
    if (c->json)
        return print_json(c, json_pack("{s:b, s:i, s:s}", "ok", 1, "rules", (int)policy_count(p),
                                       "hash", policy_hash(p)));
    printf("%s  %zu policy rules compile, hash %s\n", paint(c, GREEN, "ok"), policy_count(p),
           policy_hash(p));
    return EXIT_DONE;
}

int cmd_policy_try(struct cli *c)
{
    AUTO(policy_freep) struct policy *p = NULL;
    AUTO(json_freep) json_t *facts = NULL;
    AUTO(json_freep) json_t *answer = NULL;
    AUTO(json_freep) json_t *explain = NULL;
    struct err e = {0};
    int rc = policy_open(c, flag_value(c, "--policy"), &p);

    if (rc == 0)
        rc = file_facts(c, c->args[0], true, &facts);
    if (rc)
        return rc;
    if (policy_try(p, facts, c->now_wall_ms, &answer, &explain, &e) < 0)
        return fail(c, EXIT_FAILED, "%s: %s", show(c, c->args[0]), show(c, e.msg));
    if (c->json)
        return print_json(c, json_pack("{s:O, s:O}", "answer", answer, "explain", explain));
    explain_print(c, explain);
    heading(c, "Answer");
    field(c, "rule", member(c, answer, "rule"));
    field(c, "needs", need_text(c, json_object_get(answer, "need")));
    field(c, "deadline",
          json_opt_int(answer, "expires_s", 0)
              ? span(c, json_opt_int(answer, "expires_s", 0) * 1000)
              : "gate.expires_s of the configuration");
    field(c, "on expiry", member(c, answer, "on_expiry"));
    field(c, "rule's hash", member(c, answer, "hash"));
    return EXIT_DONE;
}

/* ---- standing approvals ---- */

int cmd_standing_list(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int rc = api_get(c, &r, "/api/v1/standing");
    struct table *t;
    size_t i;
    json_t *x;

    if (rc || printed_json(c, &r))
        return rc;
    if (json_array_size(items_of(r.json)) == 0)
        puts("There is no standing approval: every change waits for a person.");
    t = table_new(c, "ID|TEMPLATE|*SERVICES|PER HOUR|GIVEN BY|ENDS|STATE");
    json_array_foreach (items_of(r.json), i, x) {
        bool revoked = json_opt_bool(x, "revoked", false);
        bool over = when_ms(x, "until") && when_ms(x, "until") < c->now_wall_ms;

        table_cell(t, BOLD, member(c, x, "id"));
        table_cell(t, PLAIN, member(c, x, "template"));
        table_cell(t, PLAIN, member(c, x, "services"));
        table_cell(t, PLAIN, member(c, x, "max_per_hour"));
        table_cell(t, PLAIN, value_text(c, either(x, "name", "person_id")));
        table_cell(t, PLAIN, clock_of(c, when_ms(x, "until")));
        table_cell(t, revoked || over ? DIM : GREEN, revoked ? "revoked" : over ? "over" : "live");
    }
    table_print(t);
    return EXIT_DONE;
}

static json_t *services_of(const struct cli *c)
{
    json_t *list = NULL;

    for (size_t i = 0; i < c->n_set; i++)
        if (strcmp(c->set[i].flag->name, "--service") == 0) {
            if (!list)
                list = json_array();
            json_array_append_new(list, json_string(c->set[i].value));
        }
    return list;
}

int cmd_standing_add(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    const char *name = flag_value(c, "--template");
    int64_t per_hour, days;
    json_t *body;
    int rc;

    if (!flag_int(c, "--max-per-hour", 1, 100000, 120, &per_hour) ||
        !flag_int(c, "--days", 1, 366, 90, &days))
        return EXIT_USAGE;
    rc = need_person(c, "giving a standing approval");
    if (rc)
        return rc;
    if (!flag_given(c, "--yes")) {
        if (!on_terminal() || c->json)
            return fail(c, EXIT_USAGE, "nobody to ask here: add --yes");
        printf(
            "For %lld days triaged may keep one note of its own on each incident, in your name, at "
            "most %lld an hour.\n",
            (long long)days, (long long)per_hour);
        if (!confirm(c, "Give this approval?"))
            return fail(c, EXIT_FAILED, "nothing was given");
    }
    body =
        json_pack("{s:s, s:o*, s:I, s:I}", "template", name ? name : "triage-note", "services",
                  services_of(c), "max_per_hour", (json_int_t)per_hour, "days", (json_int_t)days);
    if (!body)
        return fail(c, EXIT_USAGE, "a flag is not UTF-8 text");
    rc = api(c, "POST", "/api/v1/standing", body, &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("Standing approval %s is given. To take it back: triagectl policy standing revoke %s\n",
           member(c, r.json, "id"), member(c, r.json, "id"));
    return EXIT_DONE;
}

int cmd_standing_revoke(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int64_t id;
    int rc;

    if (!arg_id(c, 0, "a standing approval", &id))
        return EXIT_USAGE;
    rc = need_person(c, "revoking a standing approval");
    if (rc == 0)
        rc = api(c, "DELETE", fmt(c, "/api/v1/standing/%lld", (long long)id), NULL, &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("Standing approval %lld is revoked; from now on such notes wait for a person.\n",
           (long long)id);
    return EXIT_DONE;
}
