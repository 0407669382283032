#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* The table of commands. Help, suggestions and the completion for bash are made from it. */

const struct flag global_flags[] = {
    {"--config", "FILE", "configuration of the daemon (or TRIAGED_CONFIG; " DEFAULT_CONFIG ")"},
    {"--socket", "PATH", "control socket, instead of the one in the configuration's state_dir"},
    {"--url", "URL", "talk to a daemon elsewhere, with your token"},
    {"--local", NULL, "send no token: speak as this machine's administrator (control socket only)"},
    {"--json", NULL, "print the API's answer as it is"},
    {"--no-color", NULL, "no colours (as does NO_COLOR)"},
    {"--help", NULL, "what a command does"},
    {"--version", NULL, "print the version"},
};
const size_t global_flags_len = ARRAY_LEN(global_flags);

#define LOOK   "Look"
#define DECIDE "Decide"
#define RUN    "Run"
#define SETUP  "Set up"
#define NONE                 \
    {                        \
        {                    \
            NULL, NULL, NULL \
        }                    \
    }
#define YES                         \
    {                               \
        "--yes", NULL, "do not ask" \
    }
#define LIMIT                                             \
    {                                                     \
        "--limit", "N", "how many at most, 1 to 200 (50)" \
    }

/* clang-format off */
const struct command commands[] = {
    {"status", LOOK, "", "what the daemon is doing, what is open, what is wrong", NULL, 0, 0, NONE, cmd_status},
    {"incidents", LOOK, "", "open incidents, newest first",
     "Resolved ones too with --all. A page ends with the flag that shows the next one.", 0, 0,
     {{"--all", NULL, "resolved ones as well"},
      {"--service", "ID", "only this PagerDuty service"},
      LIMIT, {"--before", "N", "go on behind this one (the last line of a page says it)"}}, cmd_incidents},
    {"show", LOOK, "INCIDENT", "all that is known about one incident, and what was not checked",
     "INCIDENT is its number (4187) or its PagerDuty id. What could not be looked at is listed as NOT CHECKED with the reason:\n"
     "it does not mean that nothing was found.", 1, 1,
     {{"--timeline", NULL, "with everything that happened, in order"}}, cmd_show},
    {"evidence", LOOK, "INCIDENT E3", "one piece of evidence with its stored body", NULL, 2, 2, NONE, cmd_evidence},
    {"proposals", LOOK, "", "proposals that wait or run; with --all those that ended too", NULL, 0, 0,
     {{"--all", NULL, "ended ones as well"},
      {"--state", "STATE", "pending approved executing done failed unsure rejected expired superseded withdrawn overtaken stale shadowed"},
      {"--incident", "INCIDENT", "only of this incident"},
      LIMIT, {"--before", "ID", "go on behind this one"}}, cmd_proposals},
    {"explain", LOOK, "PROPOSAL", "evidence, rule, policy, revisions, decisions, executions and calls of a proposal", NULL, 1, 1, NONE, cmd_explain},
    {"explain incident", LOOK, "INCIDENT", "everything behind an assessment: evidence, rules, what a model was asked and said, checks, proposals", NULL, 1, 1, NONE, cmd_explain_incident},
    {"model", LOOK, "", "how it stands with the model: endpoint, breaker, budget, recent calls", NULL, 0, 0, {LIMIT}, cmd_model},
    {"look", LOOK, "", "what pages whom, what is noise, what comes again: read from PagerDuty, without a daemon",
     "A read-only API key is enough, and nothing is changed. The key comes from --token-file (chmod 600), from\n"
     "TRIAGED_PAGERDUTY_TOKEN, or from the configuration if there is one; never from an argument. What was not read is named.\n"
     "Ctrl-C stops reading and tells what is there. Exit code 1 when not all was read.", 0, 0,
     {{"--since", "SPAN", "how far back, 1h to 366d (30d)"}, {"--token-file", "FILE", "a file with the PagerDuty API key"},
      {"--base-url", "URL", "PagerDuty's API; EU: https://api.eu.pagerduty.com"}, {"--zone", "ZONE", "of the nights, like Europe/Oslo (UTC)"},
      {"--top", "N", "rows of each list, 1 to 100 (8)"}, {"--markdown", NULL, "for a wiki page or a ticket"},
      {"--timeout", "SPAN", "how long one answer may take (20s)"}, {"--allow-private", NULL, "PagerDuty is a proxy on a private address"}}, cmd_look},
    {"replay", LOOK, "INCIDENT", "make a recorded decision again and tell what differs; reads only, needs no daemon",
     "Runs rules, checks and proposals on the recorded evidence and the recorded reply of the model. Nothing changed: every part is equal,\n"
     "byte for byte (exit code 0; 1 when something differs). --rules and --prompts show what other rules or prompts would have made of it.", 1, 1,
     {{"--assessment", "ID", "not the newest one but this"}, {"--rules", "DIR", "with these rules"},
      {"--prompts", "DIR", "with these instructions and this form (NAME.md, NAME.schema.json)"},
      {"--store", "PATH", "another store.db, or a copy"}}, cmd_replay},
    {"alarms", LOOK, "", "what is wrong now and what to do", NULL, 0, 0, NONE, cmd_alarms},
    {"verbs", LOOK, "", "the actions that can be proposed, with their arguments", NULL, 0, 0, NONE, cmd_verbs},

    {"approve", DECIDE, "PROPOSAL", "let a proposal through, after showing what it will do",
     "Prints the exact effect, asks, and sends the digest of what it printed: if the proposal was changed meanwhile, nothing\n"
     "happens. Scripts give the digest they mean: --yes --digest D ('triagectl explain PROPOSAL --json' has it).\n"
     "Needs your own token; the account must be linked to a PagerDuty user.", 1, 1,
     {YES, {"--digest", "D", "the digest that was looked at; anything else is refused"},
      {"--reason", "TEXT", "why, for the record"}}, cmd_approve},
    {"reject", DECIDE, "PROPOSAL", "turn a proposal down", "The same thing is not proposed again while the incident stays as it is.", 1, 1,
     {{"--reason", "TEXT", "why; people and the record see it"}, YES,
      {"--digest", "D", "the digest that was looked at"}}, cmd_reject},
    {"edit", DECIDE, "PROPOSAL KEY=VALUE...", "change the arguments of a proposal: a new revision that needs a new approval",
     "KEY=VALUE takes the type that 'triagectl verbs' shows; KEY:=JSON gives JSON as it is. Approvals given before do not carry over.", 2, ARGS_MAX,
     {{"--action", "N", "which of the ordered actions, from 1 (1)"}, {"--digest", "D", "the digest that was looked at"}}, cmd_edit},
    {"undo", DECIDE, "PROPOSAL", "propose the undo of a proposal that was carried out", "Makes a new proposal that needs an approval of its own.", 1, 1, NONE, cmd_undo},
    {"settle", DECIDE, "PROPOSAL", "say whether an unsure effect happened, after looking in PagerDuty",
     "A proposal is unsure when PagerDuty's answer was lost and reading back did not tell. Look at the incident in PagerDuty first.", 1, 1,
     {{"--happened", NULL, "it is there"}, {"--did-not", NULL, "it is not there"}, {"--reason", "TEXT", "what you saw (needed)"}}, cmd_settle},
    {"propose", DECIDE, "INCIDENT VERB [KEY=VALUE...]", "propose actions on an incident yourself",
     "Several actions, carried out in order under one approval: put --then before each further VERB.\n"
     "  triagectl propose 4187 add_note content=\"Restarted broker 2\" --then resolve --why \"fixed by hand\"", 2, ARGS_MAX,
     {{"--then", "VERB", "a further action; the KEY=VALUE behind it belong to it"}, {"--why", "TEXT", "why; the approver sees it"}}, cmd_propose},

    {"kill-switch", RUN, "", "whether the kill switch is engaged, by whom and why", NULL, 0, 0, NONE, cmd_kill},
    {"kill-switch status", RUN, "", "the same", NULL, 0, 0, NONE, cmd_kill},
    {"kill-switch engage", RUN, "", "stop every execution within a second",
     "Works with the daemon down too: it writes a file into the state folder. Deciding goes on; nothing is carried out.", 0, 0,
     {{"--reason", "TEXT", "why (needed); everybody who looks sees it"}}, cmd_kill_engage},
    {"kill-switch release", RUN, "", "let approved actions be carried out again",
     "Runs the checks of 'triagectl doctor' first and refuses while one is red; lists what would run. Needs the token of an admin.", 0, 0,
     {YES}, cmd_kill_release},
    {"doctor", RUN, "", "check everything that must be right, each with what to do",
     "Works without the daemon as far as it can. Exit code 1 when a check is red.", 0, 0, NONE, cmd_doctor},
    {"backfill", RUN, "", "read the past from PagerDuty into the memory; without flags: how far it is",
     "Reads incidents, log entries, notes and alerts with at most half of pagerduty.per_minute, behind all live work; it proposes, writes\n"
     "and asks a model nothing. It goes on over restarts; a second one reads only what the memory lacks.", 0, 0,
     {{"--since", "SPAN", "start: so far back, like 180d"}, {"--wait", NULL, "until it ends; exit code 1 when it was stopped"},
      {"--stop", NULL, "end it; what was remembered stays"}}, cmd_backfill},
    {"jobs", RUN, "", "work that is stuck: buried, or running too long", NULL, 0, 0, NONE, cmd_jobs},
    {"jobs retry", RUN, "ID", "put a buried job back to work", NULL, 1, 1, NONE, cmd_jobs_retry},
    {"quarantine", RUN, "", "deliveries that were kept but could not be worked on", NULL, 0, 0,
     {{"--before", "N", "go on behind this one"}}, cmd_quarantine},
    {"quarantine retry", RUN, "EVENT", "put a delivery back into the pipeline", NULL, 1, 1, NONE, cmd_quarantine_retry},
    {"audit list", RUN, "", "the audit record, newest first", NULL, 0, 0,
     {{"--incident", "ID", "only of this incident"}, {"--subject", "S", "only of this subject, like proposal:12"},
      {"--after", "SEQ", "oldest first, behind this number"}, LIMIT}, cmd_audit_list},
    {"audit show", RUN, "SEQ", "one audit record in full", NULL, 1, 1, NONE, cmd_audit_show},
    {"audit verify", RUN, "", "check the hash chain; works without the daemon",
     "Checks the store of the configuration, another store or an exported file. A checkpoint noted earlier (the head that a\n"
     "verification prints) finds a cut tail and a rolled-back store as well. Exit code 1 when something was changed.", 0, 0,
     {{"--file", "FILE", "an exported JSONL file"}, {"--store", "PATH", "another store.db, or a copy"},
      {"--from", "SEQ:HASH", "a checkpoint that the chain must pass through"}}, cmd_audit_verify},
    {"audit export", RUN, "[FILE]", "all records as canonical JSON lines, to FILE or standard output", NULL, 0, 1,
     {{"--jsonl", NULL, "the format (the only one, so it may be left out)"}, {"--after", "SEQ", "only what comes behind this number"}}, cmd_audit_export},

    {"init", SETUP, "", "write a configuration: asks on a terminal, or takes flags with --yes",
     "Writes triaged.yaml, policy.yaml, sources.yaml (all of it commented out), rules/, runbooks/ and the secret files (mode 0600), checks\n"
     "them and says what is next. Secrets are typed without echo, or read from files or from TRIAGED_PAGERDUTY_TOKEN,\n"
     "TRIAGED_WEBHOOK_SECRET and TRIAGED_MODEL_KEY: never from arguments.", 0, 0,
     {YES, {"--dir", "DIR", "folder to write to (that of --config)"}, {"--state-dir", "DIR", "folder of the database"},
      {"--token-file", "FILE", "take PagerDuty's API key from here"}, {"--webhook-secret-file", "FILE", "take the webhook secret from here"},
      {"--base-url", "URL", "PagerDuty's API; EU: https://api.eu.pagerduty.com"}, {"--from", "EMAIL", "the service user, if there is one"},
      {"--subscription", "ID", "the webhook subscription to watch"}, {"--bind", "ADDRESS", "address to listen on (127.0.0.1)"},
      {"--port", "N", "port to listen on (8080)"}, {"--time-zone", "ZONE", "for times in notes, like Europe/Oslo"},
      {"--model-url", "URL", "a language model's endpoint (none)"},
      {"--model-dialect", "NAME", "openai_chat, anthropic or ollama (by the URL)"}, {"--model-name", "NAME", "the model, as the endpoint calls it"},
      {"--model-key-file", "FILE", "take the endpoint's key from here"},
      {"--allow-private", NULL, "PagerDuty is a sandbox or a proxy on a private address"}, {"--force", NULL, "write over an existing configuration"}}, cmd_init},
    {"rules list", SETUP, "", "the rules that the daemon runs with", NULL, 0, 0, NONE, cmd_rules_list},
    {"rules check", SETUP, "[DIR]", "compile rule files and say what is wrong, with file and line", NULL, 0, 1, NONE, cmd_rules_check},
    {"rules try", SETUP, "INCIDENT.json", "which rules match an incident, and why",
     "The file is a webhook body, {\"incident\": ...} as REST answers it, or a facts document. Works without the daemon.", 1, 1,
     {{"--rules", "DIR", "rule files (those of the configuration)"}}, cmd_rules_try},
    {"sources", SETUP, "", "what else than PagerDuty is asked, and where", NULL, 0, 0, NONE, cmd_sources},
    {"sources check", SETUP, "[FILE]", "check the file, its secrets, and that each host answers, each with what to do",
     "One GET to each host (its probe). Works without the daemon. Exit code 1 when a host cannot be asked.", 0, 1, NONE, cmd_sources_check},
    {"sources try", SETUP, "NAME [INCIDENT]", "ask one source about an incident and show what comes out",
     "Prints the URL (no secret is in it), the answer's status and its lines. With INCIDENT the daemon's evidence fills the places;\n"
     "without it --facts, --service, --title and --detail do, and no daemon is needed.", 1, 2,
     {{"--service", "NAME", "the service's name"}, {"--title", "TEXT", "the incident's title"},
      {"--detail", "KEY=VALUE", "a member of the alert's details; may be repeated"},
      {"--facts", "FILE", "a webhook body, a REST answer or a facts document"}, {"--sources", "FILE", "another sources file"}}, cmd_sources_try},
    {"policy check", SETUP, "[FILE]", "compile a policy file and say what is wrong", NULL, 0, 1, NONE, cmd_policy_check},
    {"policy try", SETUP, "FACTS.json", "whom an action would need, and why", "The facts document has \"action\" and \"people\" in it; docs/policy.md shows one.", 1, 1,
     {{"--policy", "FILE", "policy file (that of the configuration)"}}, cmd_policy_try},
    {"policy standing list", SETUP, "", "standing approvals", NULL, 0, 0, NONE, cmd_standing_list},
    {"policy standing add", SETUP, "", "approve code-made notes beforehand",
     "Covers the one triage note that triaged itself words and keeps up to date on each incident. Needs the token of an admin.", 0, 0,
     {{"--template", "NAME", "triage-note (the only one)"}, {"--service", "ID", "only this service; may be repeated (all services)"},
      {"--max-per-hour", "N", "limit (120)"}, {"--days", "N", "ends after so many days (90)"}, YES}, cmd_standing_add},
    {"policy standing revoke", SETUP, "ID", "take a standing approval back", NULL, 1, 1, NONE, cmd_standing_revoke},
    {"user list", SETUP, "", "people, their roles and their PagerDuty users", NULL, 0, 0, NONE, cmd_user_list},
    {"user add", SETUP, "NAME EMAIL", "add a person (or an agent, which never decides)",
     "Without --pagerduty a person may look but not decide: what is carried out bears a PagerDuty user's name.", 2, 2,
     {{"--role", "ROLE", "viewer, responder or admin (responder)"}, {"--pagerduty", "ID", "the person's PagerDuty user id"},
      {"--agent", NULL, "a machine's account: reads and proposes, never decides"}}, cmd_user_add},
    {"user role", SETUP, "PERSON ROLE", "change a role; PERSON is an id or an e-mail address", NULL, 2, 2, NONE, cmd_user_role},
    {"user disable", SETUP, "PERSON", "refuse this person's tokens from now on", NULL, 1, 1, NONE, cmd_user_disable},
    {"user enable", SETUP, "PERSON", "take a disabled person back", NULL, 1, 1, NONE, cmd_user_enable},
    {"user token new", SETUP, "PERSON", "make a token and write it into a file that only you can read",
     "The token itself is never printed. Hand the file over on a safe way; its owner puts it to ~/.config/triaged/token.", 1, 1,
     {{"--label", "TEXT", "what it is for"}, {"--out", "FILE", "write it here (0600); must not exist"},
      {"--mine", NULL, "write it to where your own token is looked for"}}, cmd_token_new},
    {"user token revoke", SETUP, "ID", "refuse a token from now on", NULL, 1, 1, NONE, cmd_token_revoke},
    {"completion bash", SETUP, "", "print the completion for bash", "triagectl completion bash > /etc/bash_completion.d/triagectl", 0, 0, NONE, cmd_completion},
    {"version", SETUP, "", "print the version", NULL, 0, 0, NONE, cmd_version},
    {"help", SETUP, "[COMMAND]", "what a command does", NULL, 0, 3, NONE, cmd_help},
};
/* clang-format on */
const size_t commands_len = ARRAY_LEN(commands);

/* ---- finding ---- */

/* How many of the words make the name; 0: not this command. */
static size_t words_match(const char *name, char *const *words, size_t n)
{
    size_t used = 0;

    while (*name) {
        size_t len = strcspn(name, " ");

        if (used == n || strlen(words[used]) != len || strncmp(words[used], name, len) != 0)
            return 0;
        used++;
        name += len + (name[len] == ' ' ? 1 : 0);
    }
    return used;
}

const struct command *command_find(char *const *words, size_t n, size_t *used)
{
    const struct command *best = NULL;

    *used = 0;
    for (size_t i = 0; i < commands_len; i++) {
        size_t got = words_match(commands[i].name, words, n);

        if (got > *used) {
            *used = got;
            best = &commands[i];
        }
    }
    return best;
}

bool command_begins(const char *words)
{
    size_t len = strlen(words);

    for (size_t i = 0; i < commands_len; i++)
        if (strncmp(commands[i].name, words, len) == 0 &&
            (commands[i].name[len] == ' ' || commands[i].name[len] == '\0'))
            return true;
    return false;
}

/* ---- the nearest ---- */

#define NEAR_MAX 40

/* Edit distance with neighbours swapped counted as one; more than NEAR_MAX bytes are far. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    size_t d[3][NEAR_MAX + 1];

    if (n > NEAR_MAX || m > NEAR_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            row[j] = best;
        }
    }
    return d[n % 3][m];
}

static void nearer(const char *word, const char *name, const char **best, size_t *how_far)
{
    size_t far = distance(word, name);

    if (far < *how_far) {
        *how_far = far;
        *best = name;
    }
}

/* Worth saying when no more than a third of the word is wrong. */
static void say_near(struct buf *out, const char *word, const char *best, size_t how_far)
{
    if (best && how_far <= strlen(word) / 3 + 1)
        buf_printf(out, "; did you mean '%s'?", best);
}

void suggest_command(struct buf *out, const char *word)
{
    const char *best = NULL;
    size_t how_far = SIZE_MAX;

    for (size_t i = 0; i < commands_len; i++) {
        char first[NEAR_MAX + 1];

        nearer(word, commands[i].name, &best, &how_far);
        snprintf(first, sizeof first, "%.*s", (int)strcspn(commands[i].name, " "),
                 commands[i].name);
        if (distance(word, first) < how_far) {
            how_far = distance(word, first);
            best = commands[i].name;
        }
    }
    say_near(out, word, best, how_far);
}

void suggest_flag(struct buf *out, const struct command *cmd, const char *word)
{
    const char *best = NULL;
    size_t how_far = SIZE_MAX;
    char bare[NEAR_MAX + 1];

    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word, "="), word);
    for (size_t i = 0; i < global_flags_len; i++)
        nearer(bare, global_flags[i].name, &best, &how_far);
    for (size_t i = 0; cmd && i < FLAGS_MAX && cmd->flags[i].name; i++)
        nearer(bare, cmd->flags[i].name, &best, &how_far);
    say_near(out, bare, best, how_far);
}
