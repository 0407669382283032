#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* Help and completion, made from the table of commands. */

static void put_flags(FILE *f, const struct flag *flags, size_t n)
{
    for (size_t i = 0; i < n && flags[i].name; i++) {
        char left[60];

        snprintf(left, sizeof left, "%s%s%s", flags[i].name, flags[i].arg ? " " : "",
                 flags[i].arg ? flags[i].arg : "");
        fprintf(f, "  %-28s %s\n", left, flags[i].help);
    }
}

int help_overview(FILE *f)
{
    const char *group = "";

    fputs("triagectl " TRIAGED_VERSION ": look at incidents and decide what triaged may do\n"
          "\nusage: triagectl [FLAGS] COMMAND ...\n",
          f);
    for (size_t i = 0; i < commands_len; i++) {
        char left[60];

        if (strcmp(group, commands[i].group) != 0)
            fprintf(f, "\n%s\n", commands[i].group);
        group = commands[i].group;
        if (strcmp(commands[i].name, "kill-switch status") == 0)
            continue; /* the same as the row before it */
        snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].args);
        fprintf(f, "  %-36s %s\n", left, commands[i].brief);
    }
    fputs("\nFlags of every command\n", f);
    put_flags(f, global_flags, global_flags_len);
    fputs("\nExit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused.\n"
          "'triagectl help COMMAND' says more about one.\n",
          f);
    return 0;
}

static void put_command(FILE *f, const struct command *x)
{
    bool has_flags = x->flags[0].name != NULL;

    fprintf(f, "triagectl %s%s%s%s\n  %s\n", x->name, x->args[0] ? " " : "", x->args,
            has_flags ? " [FLAGS]" : "", x->brief);
    if (x->more)
        fprintf(f, "\n%s\n", x->more);
    if (has_flags) {
        fputc('\n', f);
        put_flags(f, x->flags, FLAGS_MAX);
    }
}

bool help_command(FILE *f, const char *name)
{
    size_t len = strlen(name), n = 0;

    for (size_t i = 0; i < commands_len; i++) {
        const char *end = commands[i].name + len;

        if (strncmp(commands[i].name, name, len) != 0 || (*end != '\0' && *end != ' '))
            continue;
        if (n++)
            fputs("\n", f);
        put_command(f, &commands[i]);
    }
    if (n)
        fputs("\nFlags of every command: 'triagectl help'.\n", f);
    return n > 0;
}

int cmd_help(struct cli *c)
{
    AUTO(buf_done) struct buf name = {0};
    AUTO(buf_done) struct buf near = {0};

    if (c->n_args == 0)
        return help_overview(stdout);
    buf_init(&name, 1024);
    buf_init(&near, 256);
    for (size_t i = 0; i < c->n_args; i++)
        buf_printf(&name, "%s%s", i ? " " : "", c->args[i]);
    if (!name.over && help_command(stdout, buf_str(&name)))
        return EXIT_DONE;
    suggest_command(&near, buf_str(&name));
    return fail(c, EXIT_USAGE, "there is no command '%s'%s; 'triagectl help' lists them",
                show(c, buf_str(&name)), buf_str(&near));
}

int cmd_version(struct cli *c)
{
    if (c->json)
        return print_json(c, json_pack("{s:s}", "version", TRIAGED_VERSION));
    puts("triagectl " TRIAGED_VERSION);
    return EXIT_DONE;
}

/* ---- completion ---- */

/* The words that may follow the words so far ("" at the start), each once. */
static void put_next_words(const char *so_far)
{
    size_t len = strlen(so_far);
    char last[64] = "";

    for (size_t i = 0; i < commands_len; i++) {
        const char *name = commands[i].name;
        const char *next = name + len + (len ? 1 : 0);
        char word[64];

        if (len && (strncmp(name, so_far, len) != 0 || name[len] != ' '))
            continue;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(next, " "), next);
        if (strcmp(word, last) != 0)
            printf(" %s", word);
        snprintf(last, sizeof last, "%s", word);
    }
}

static void put_flag_words(const struct flag *flags, size_t n)
{
    for (size_t i = 0; i < n && flags[i].name; i++)
        printf(" %s", flags[i].name);
}

/* One line of the case: the words so far, what may follow, the flags. */
static void put_case(const char *words, const struct flag *flags)
{
    printf("    '%s') next='", words);
    put_next_words(words);
    printf("' flags='");
    if (flags)
        put_flag_words(flags, FLAGS_MAX);
    puts("' ;;");
}

static const struct command *exactly(const char *words)
{
    for (size_t i = 0; i < commands_len; i++)
        if (strcmp(commands[i].name, words) == 0)
            return &commands[i];
    return NULL;
}

/* The first row that begins with these words is the i-th. */
static bool first_seen_at(size_t i, const char *words)
{
    size_t len = strlen(words);

    for (size_t k = 0; k < i; k++)
        if (strncmp(commands[k].name, words, len) == 0 &&
            (commands[k].name[len] == ' ' || commands[k].name[len] == '\0'))
            return false;
    return true;
}

/* Every command and every beginning of one ("audit", "user token"), each once. */
static void each_words(void (*put)(const char *words))
{
    for (size_t i = 0; i < commands_len; i++)
        for (size_t end = 0; commands[i].name[end];) {
            char words[64];

            end += strcspn(commands[i].name + end, " ");
            snprintf(words, sizeof words, "%.*s", (int)end, commands[i].name);
            if (first_seen_at(i, words))
                put(words);
            end += commands[i].name[end] == ' ';
        }
}

static void put_words_case(const char *words)
{
    const struct command *x = exactly(words);

    put_case(words, x ? x->flags : NULL);
}

static void put_known_words(const char *words)
{
    printf("    '%s') return 0 ;;\n", words);
}

static void put_value_flags(void)
{
    fputs("    --config | --socket", stdout);
    for (size_t i = 0; i < commands_len; i++)
        for (size_t k = 0; k < FLAGS_MAX && commands[i].flags[k].name; k++) {
            const struct flag *f = &commands[i].flags[k];
            bool seen = false;

            for (size_t j = 0; j < i; j++)
                for (size_t m = 0; m < FLAGS_MAX && commands[j].flags[m].name; m++)
                    seen = seen || strcmp(commands[j].flags[m].name, f->name) == 0;
            if (f->arg && !seen)
                printf(" | %s", f->name);
        }
    puts(" | --url)");
}

int cmd_completion(struct cli *c)
{
    (void)c;
    puts("# Completion of triagectl for bash. Made by 'triagectl completion bash'; do not edit.\n"
         "_triagectl() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  local i words='' try next='' flags=''\n"
         "  case $prev in");
    put_value_flags();
    puts("      mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
         "      return\n"
         "      ;;\n"
         "  esac\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    [[ ${COMP_WORDS[i]} == -* ]] && continue\n"
         "    try=\"${words:+$words }${COMP_WORDS[i]}\"\n"
         "    _triagectl_words \"$try\" && words=$try\n"
         "  done\n"
         "  case $words in");
    put_case("", NULL);
    each_words(put_words_case);
    fputs("  esac\n"
          "  if [[ $cur == -* ]]; then\n"
          "    next=\"$flags",
          stdout);
    put_flag_words(global_flags, global_flags_len);
    puts("\"\n"
         "  fi\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$next\" -- \"$cur\")\n"
         "  if [[ -z $next && $cur != -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
         "  fi\n"
         "}\n"
         "\n"
         "# True for the words of a command, or the first of them.\n"
         "_triagectl_words() {\n"
         "  case $1 in");
    each_words(put_known_words);
    puts("  esac\n"
         "  return 1\n"
         "}\n"
         "complete -F _triagectl triagectl");
    return EXIT_DONE;
}
