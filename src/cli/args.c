#include <string.h>

#include "cli/cli.h"

static const struct flag *find_in(const struct flag *list, size_t n, const char *word, size_t len)
{
    for (size_t i = 0; i < n && list[i].name; i++)
        if (strlen(list[i].name) == len && strncmp(list[i].name, word, len) == 0)
            return &list[i];
    return NULL;
}

static void take_global(struct cli *c, const char *name, const char *value)
{
    if (strcmp(name, "--config") == 0)
        c->config_path = value;
    else if (strcmp(name, "--socket") == 0)
        c->socket = value;
    else if (strcmp(name, "--url") == 0)
        c->url = value;
    else if (strcmp(name, "--json") == 0)
        c->json = true;
    else if (strcmp(name, "--local") == 0)
        c->local = true;
    else if (strcmp(name, "--no-color") == 0)
        c->no_color = true;
    else if (strcmp(name, "--version") == 0)
        c->version = true;
    else
        c->help = true;
}

static int unknown_flag(struct cli *c, const char *word)
{
    AUTO(buf_done) struct buf near = {0};

    buf_init(&near, 256);
    suggest_flag(&near, c->cmd, word);
    return fail(c, EXIT_USAGE, "there is no flag %.*s%s%s%s; 'triagectl help%s%s' lists them",
                (int)strcspn(word, "="), show(c, word), c->cmd ? " for " : "",
                c->cmd ? c->cmd->name : "", buf_str(&near), c->cmd ? " " : "",
                c->cmd ? c->cmd->name : "");
}

/* argv[*i] is a flag; *i moves over its value. */
static int take_flag(struct cli *c, int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    size_t len = strcspn(word, "=");
    const char *value = word[len] ? word + len + 1 : NULL;
    const struct flag *f = find_in(global_flags, global_flags_len, word, len);
    bool global = f != NULL;

    if (strcmp(word, "-h") == 0)
        f = find_in(global_flags, global_flags_len, "--help", 6), global = true;
    if (!f && c->cmd)
        f = find_in(c->cmd->flags, FLAGS_MAX, word, len);
    if (!f)
        return unknown_flag(c, word);
    if (!f->arg && value)
        return fail(c, EXIT_USAGE, "%s is a switch and takes no value", f->name);
    if (f->arg && !value) {
        if (*i + 1 >= argc)
            return fail(c, EXIT_USAGE, "%s needs a value: %s %s", f->name, f->name, f->arg);
        value = argv[++*i];
    }
    if (global)
        take_global(c, f->name, value);
    else if (c->n_set < ARGS_MAX)
        c->set[c->n_set++] = (struct set_flag){f, value, c->n_args};
    else
        return fail(c, EXIT_USAGE, "more than %d flags", ARGS_MAX);
    return 0;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* "audit" alone, or "audit verfy". */
static int no_such_command(struct cli *c, int argc, char **argv, char *const *words, size_t n)
{
    AUTO(buf_done) struct buf near = {0};
    const char *both = n > 1 ? fmt(c, "%s %s", words[0], words[1]) : words[0];

    buf_init(&near, 256);
    if (command_begins(words[0]) && (n == 1 || command_begins(both))) {
        bool asked = wants_help(argc, argv);

        if (!asked)
            (void)fail(c, EXIT_USAGE, "'%s' needs one more word", both);
        help_command(asked ? stdout : stderr, both);
        return asked ? -1 : EXIT_USAGE;
    }
    suggest_command(&near, both);
    return fail(c, EXIT_USAGE, "there is no command '%s'%s; 'triagectl help' lists them",
                show(c, both), buf_str(&near));
}

/* The command's words stand together; flags may stand anywhere else. */
static int take_command(struct cli *c, int argc, char **argv, int *i)
{
    size_t n = 1, used;

    while (*i + (int)n < argc && argv[*i + (int)n][0] != '-')
        n++;
    c->cmd = command_find(argv + *i, n, &used);
    if (!c->cmd)
        return no_such_command(c, argc, argv, argv + *i, n);
    *i += (int)used - 1;
    return 0;
}

static int count_check(struct cli *c)
{
    const struct command *x = c->cmd;
    AUTO(buf_done) struct buf near = {0};
    const char *said = fmt(c, "%s%s%s", x->name, x->args[0] ? " " : "", x->args);

    if (c->help || c->version)
        return 0;
    if (c->n_args < x->args_min)
        return fail(c, EXIT_USAGE,
                    "an argument is missing: triagectl %s; 'triagectl help %s' says more", said,
                    x->name);
    if (c->n_args <= x->args_max)
        return 0;
    buf_init(&near, 256);
    if (x->args_max == 0)
        suggest_command(&near, fmt(c, "%s %s", x->name, c->args[0]));
    return fail(c, EXIT_USAGE,
                "'%s' is one argument too many%s: triagectl %s; 'triagectl help %s' says more",
                show(c, c->args[x->args_max]), buf_str(&near), said, x->name);
}

int args_parse(struct cli *c, int argc, char **argv)
{
    bool flags_over = false;
    int rc = 0;

    for (int i = 1; i < argc && rc == 0; i++) {
        if (!flags_over && strcmp(argv[i], "--") == 0) {
            flags_over = true;
        } else if (!flags_over && argv[i][0] == '-' && argv[i][1] != '\0') {
            rc = take_flag(c, argc, argv, &i);
        } else if (!c->cmd) {
            rc = take_command(c, argc, argv, &i);
        } else if (c->n_args == ARGS_MAX) {
            rc = fail(c, EXIT_USAGE, "more than %d arguments", ARGS_MAX);
        } else {
            c->args[c->n_args++] = argv[i];
        }
    }
    if (rc == 0 && c->cmd)
        rc = count_check(c);
    return rc;
}

bool flag_given(const struct cli *c, const char *name)
{
    for (size_t i = 0; i < c->n_set; i++)
        if (strcmp(c->set[i].flag->name, name) == 0)
            return true;
    return false;
}

const char *flag_value(const struct cli *c, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < c->n_set; i++)
        if (strcmp(c->set[i].flag->name, name) == 0)
            value = c->set[i].value;
    return value;
}

bool flag_int(struct cli *c, const char *name, int64_t min, int64_t max, int64_t def, int64_t *out)
{
    const char *text = flag_value(c, name);
    struct err e = {0};

    *out = def;
    if (!text || parse_i64(text, min, max, out, &e) == 0)
        return true;
    (void)fail(c, EXIT_USAGE, "%s must be a whole number from %lld to %lld, not '%s'", name,
               (long long)min, (long long)max, show(c, text));
    return false;
}

bool arg_id(struct cli *c, size_t i, const char *what, int64_t *out)
{
    const char *text = c->args[i][0] == '#' ? c->args[i] + 1 : c->args[i];
    struct err e = {0};

    if (parse_i64(text, 1, INT64_MAX, out, &e) == 0)
        return true;
    (void)fail(c, EXIT_USAGE, "%s is a number, not '%s'", what, show(c, c->args[i]));
    return false;
}

const char *arg_incident(struct cli *c, size_t i)
{
    const char *text = c->args[i][0] == '#' ? c->args[i] + 1 : c->args[i];

    if (text_is_id(text))
        return text;
    (void)fail(c, EXIT_USAGE,
               "'%s' is no incident: give its number (4187) or its PagerDuty id (Q3K8ABCDEF); "
               "'triagectl incidents' lists them",
               show(c, c->args[i]));
    return NULL;
}
