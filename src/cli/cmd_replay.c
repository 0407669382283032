#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "llm/prompt.h"
#include "rules/rules.h"
#include "store/store.h"
#include "triage/replay.h"

/* replay: makes a recorded decision again from the store's file and tells what differs. Reads only; needs no daemon. */

#define SHOWN_MAX 20

static const char *store_of(struct cli *c)
{
    const char *path = flag_value(c, "--store"), *dir;
    struct err e = {0};

    if (path)
        return path;
    dir = client_state_dir(c, &e);
    if (!dir) {
        (void)fail(c, EXIT_FAILED, "%s; or name the database with --store", e.msg);
        return NULL;
    }
    return fmt(c, "%s/store.db", dir);
}

/* What a person sees of one value: short, on one line. */
static const char *value_short(struct cli *c, const json_t *x)
{
    char *text = json_dumps(x, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    const char *out = show(c, text ? text : "?");

    mem_freep(&text);
    return strlen(out) > 160 ? fmt(c, "%.*s ...", (int)text_cut(out, strlen(out), 150), out) : out;
}

static void differences_print(struct cli *c, const json_t *list)
{
    size_t i;
    json_t *x;

    json_array_foreach (list, i, x) {
        if (i == SHOWN_MAX) {
            printf("    and %zu more; --json has them all\n", json_array_size(list) - i);
            return;
        }
        printf("    %s\n", member(c, x, json_object_get(x, "path") ? "path" : "line"));
        printf("      %s %s\n", paint(c, RED, "was"), value_short(c, json_object_get(x, "was")));
        printf("      %s %s\n", paint(c, GREEN, "now"), value_short(c, json_object_get(x, "now")));
    }
}

static void prompt_print(struct cli *c, const json_t *p)
{
    if (!json_is_object(p))
        return;
    heading(c, fmt(c, "Prompt: %s, then %s", member(c, p, "now"), member(c, p, "then")));
    puts("  The recorded reply was checked against this form; the model was not asked again.");
    differences_print(c, json_opt_arr(p, "instructions"));
    differences_print(c, json_opt_arr(p, "form"));
}

static void missing_print(struct cli *c, const json_t *list)
{
    size_t i;
    json_t *x;

    json_array_foreach (list, i, x)
        printf("%s  %s was pruned meanwhile\n", paint(c, YELLOW, "missing"),
               show(c, json_string_value(x)));
}

static void replay_print(struct cli *c, const json_t *r)
{
    const json_t *in = json_opt_obj(r, "incident"), *a = json_opt_obj(r, "assessment");
    const json_t *rules = json_opt_obj(r, "rules");
    size_t i;
    json_t *x;

    printf("%s %s\n", paint(c, BOLD, fmt(c, "#%s", member(c, in, "number"))),
           member(c, in, "title"));
    field(c, "assessment",
          fmt(c, "%s of %s, by %s", member(c, a, "id"), clock_of(c, when_ms(a, "at")),
              member(c, a, "origin")));
    field(c, "rules",
          text_eq(json_opt_str(rules, "then"), json_opt_str(rules, "now"))
              ? "the same as then"
              : "others than then: what differs below may come of that");
    heading(c, "Made again");
    json_array_foreach (json_opt_arr(r, "parts"), i, x) {
        bool equal = json_opt_bool(x, "equal", false);

        printf("  %s  %s\n", paint(c, equal ? GREEN : YELLOW, equal ? "equal  " : "differs"),
               member(c, x, "part"));
        differences_print(c, json_opt_arr(x, "differences"));
    }
    prompt_print(c, json_object_get(r, "prompt"));
    missing_print(c, json_opt_arr(r, "missing"));
}

static int replayed(struct cli *c, const char *path, const struct replay_opts *o, json_t **out)
{
    AUTO(store_closep) struct store *s = NULL;
    const struct store_opts so = {.path = path, .read_only = true};
    struct err e = {0};

    if (store_open(&so, &s, &e) == 0 && triage_replay(s, o, out, &e) == 0)
        return EXIT_DONE;
    return fail(c, e.code == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED, "%s", e.msg);
}

int cmd_replay(struct cli *c)
{
    AUTO(rules_unrefp) struct rules *rules = NULL;
    AUTO(prompts_unrefp) struct prompts *prompts = NULL;
    AUTO(json_freep) json_t *r = NULL;
    const char *dir = flag_value(c, "--rules"), *other = flag_value(c, "--prompts");
    const char *path = store_of(c);
    struct replay_opts o = {.incident = c->args[0]};
    bool trying = dir || other, equal;
    struct err e = {0};
    int rc;

    if (!path)
        return EXIT_FAILED;
    if (!flag_int(c, "--assessment", 1, INT64_MAX, 0, &o.assessment))
        return EXIT_USAGE;
    if (!dir && !(dir = config_path_of(c, "rules_dir", "rules", &rc)))
        return rc;
    if (rules_load(dir, &rules, &e) < 0 || (other && prompts_load(other, &prompts, &e) < 0))
        return fail(c, e.code == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED, "%s", e.msg);
    o.rules = rules;
    o.prompts = prompts;
    rc = replayed(c, path, &o, &r);
    if (rc)
        return rc;
    equal = json_opt_bool(r, "equal", false);
    if (c->json)
        (void)print_json(c, TAKE(r));
    else
        replay_print(c, r);
    /* Trying other rules or prompts is a question; without them a difference is a finding. */
    return equal || trying ? EXIT_DONE : EXIT_FAILED;
}
