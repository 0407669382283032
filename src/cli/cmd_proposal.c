#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

/* proposals, approve, reject, undo, settle: what would be done, and a person's word on it. */

#define PROPOSALS "/api/v1/proposals"

/* ---- words ---- */

const char *need_text(struct cli *c, const json_t *need)
{
    const char *kind = json_opt_str(need, "kind");
    int64_t count = json_opt_int(need, "count", 1);
    const char *role = member(c, need, "role");

    if (!kind)
        return value_text(c, need);
    if (strcmp(kind, "nobody") == 0)
        return "nobody";
    if (strcmp(kind, "never") == 0)
        return "never allowed";
    return count > 1 ? fmt(c, "%lld different people, %s or more", (long long)count, role)
                     : fmt(c, "one %s or more", role);
}

static enum colour risk_colour(const char *risk)
{
    return text_eq(risk, "high") ? RED : text_eq(risk, "medium") ? YELLOW : PLAIN;
}

static const char *deadline_text(struct cli *c, const json_t *p)
{
    int64_t at = when_ms(p, "expires_at");

    return at ? fmt(c, "%s (%s)", clock_of(c, at), left_of(c, at)) : "no deadline";
}

bool proposal_is_live(const char *state)
{
    return text_eq(state, "pending") || text_eq(state, "approved") || text_eq(state, "executing") ||
           text_eq(state, "unsure");
}

static void effects_print(struct cli *c, const json_t *p, const char *indent)
{
    const json_t *list = json_opt_arr(p, "actions");
    size_t i;
    json_t *x;

    json_array_foreach (list, i, x) {
        printf("%s%zu. ", indent, i + 1);
        put_wrapped(c, strlen(indent) + 3,
                    show_lines(c, json_string_value(either(x, "effect", "verb")), ""));
    }
}

/* "#4187 title on service", as far as it is known. */
static const char *about_text(struct cli *c, const json_t *p)
{
    const json_t *about = json_opt_obj(p, "about");
    int64_t number = json_opt_int(about, "number", 0);

    if (number <= 0)
        return member(c, p, "incident");
    return fmt(c, "#%lld %s on %s", (long long)number, member(c, about, "title"),
               member(c, about, "service"));
}

void proposal_print(struct cli *c, const json_t *p)
{
    const char *state = json_opt_str(p, "state");

    printf("  %s  %s, risk %s, %s\n", paint(c, BOLD, fmt(c, "proposal %s", member(c, p, "id"))),
           paint(c, state_colour(state), show(c, state)),
           paint(c, risk_colour(json_opt_str(p, "risk")), member(c, p, "risk")),
           text_eq(state, "pending") ? deadline_text(c, p) : member(c, p, "origin"));
    effects_print(c, p, "     ");
    if (json_opt_str(p, "why"))
        put_wrapped(c, 0, fmt(c, "     %s %s", paint(c, DIM, "why:"), member(c, p, "why")));
}

/* ---- the list ---- */

static const char *first_effect(struct cli *c, const json_t *p)
{
    const json_t *list = json_opt_arr(p, "actions");
    const char *text = value_text(c, either(json_array_get(list, 0), "effect", "verb"));

    return json_array_size(list) > 1 ? fmt(c, "%s (and %zu more)", text, json_array_size(list) - 1)
                                     : text;
}

static const char *number_text(struct cli *c, const json_t *p)
{
    int64_t number = json_opt_int(json_opt_obj(p, "about"), "number", 0);

    return number > 0 ? fmt(c, "#%lld", (long long)number) : member(c, p, "incident");
}

static void list_print(struct cli *c, const json_t *items)
{
    struct table *t = table_new(c, "ID|STATE|RISK|LEFT|*INCIDENT|*BY|*WHAT IT WOULD DO");
    size_t i;
    json_t *x;

    json_array_foreach (items, i, x) {
        const char *state = json_opt_str(x, "state");

        table_cell(t, BOLD, member(c, x, "id"));
        table_cell(t, state_colour(state), show(c, state));
        table_cell(t, risk_colour(json_opt_str(x, "risk")), member(c, x, "risk"));
        table_cell(t, PLAIN,
                   text_eq(state, "pending") ? left_of(c, when_ms(x, "expires_at")) : "-");
        table_cell(t, PLAIN, number_text(c, x));
        table_cell(t, PLAIN, member(c, x, "origin"));
        table_cell(t, PLAIN,
                   proposal_is_live(state) || !json_opt_str(x, "reason")
                       ? first_effect(c, x)
                       : fmt(c, "%s; it was: %s", member(c, x, "reason"), first_effect(c, x)));
    }
    table_print(t);
}

int cmd_proposals(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    struct query q;
    int64_t limit, before;
    const char *state = flag_value(c, "--state"), *incident = flag_value(c, "--incident");
    size_t n;
    int rc;

    if (!flag_int(c, "--limit", 1, 200, 50, &limit) ||
        !flag_int(c, "--before", 1, INT64_MAX, 0, &before))
        return EXIT_USAGE;
    rc = incident ? incident_id(c, incident[0] == '#' ? incident + 1 : incident, &incident) : 0;
    if (rc)
        return rc;
    query_begin(&q, PROPOSALS);
    query_add(&q, "state", state ? state : flag_given(c, "--all") ? "all" : NULL);
    query_add(&q, "incident", incident);
    query_add(&q, "limit", fmt(c, "%lld", (long long)limit));
    query_add(&q, "before", before ? fmt(c, "%lld", (long long)before) : NULL);
    rc = api_get(c, &r, query_end(c, &q));
    if (rc || printed_json(c, &r))
        return rc;
    n = json_array_size(items_of(r.json));
    if (n == 0) {
        puts(state || before || flag_given(c, "--all") ? "No more proposals."
                                                       : "No proposal waits.");
        return EXIT_DONE;
    }
    list_print(c, items_of(r.json));
    if (n == (size_t)limit)
        printf("\nMore: add --before %lld\n",
               (long long)json_opt_int(json_array_get(items_of(r.json), n - 1), "id", 0));
    return EXIT_DONE;
}

/* ---- deciding ---- */

static const char *proposal_path(struct cli *c, int64_t id, const char *rest)
{
    return fmt(c, PROPOSALS "/%lld%s", (long long)id, rest);
}

static int kill_state(struct cli *c, bool *engaged, const char **reason)
{
    AUTO(reply_done) struct reply r = {0};
    int rc = api_get(c, &r, "/api/v1/kill-switch");

    *engaged = json_opt_bool(r.json, "engaged", false);
    *reason = member(c, r.json, "reason");
    return rc;
}

/* All that a person must have seen before saying yes. */
static int card_print(struct cli *c, const json_t *p, const char *title)
{
    bool engaged;
    const char *reason;
    int rc = kill_state(c, &engaged, &reason);

    if (rc)
        return rc;
    printf("%s\n", paint(c, BOLD, title));
    effects_print(c, p, "  ");
    putchar('\n');
    field(c, "incident", about_text(c, p));
    field(c, "state", paint(c, state_colour(json_opt_str(p, "state")), member(c, p, "state")));
    field(c, "risk", paint(c, risk_colour(json_opt_str(p, "risk")), member(c, p, "risk")));
    field(c, "why", member(c, p, "why"));
    field(c, "proposed by", member(c, p, "origin"));
    if (!text_eq(json_opt_str(p, "author"), json_opt_str(p, "origin")))
        field(c, "edited by",
              fmt(c, "%s, revision %s", member(c, p, "author"), member(c, p, "revision")));
    field(c, "needs",
          fmt(c, "%s (policy rule %s)", need_text(c, json_object_get(p, "need")),
              member(c, p, "policy_rule")));
    field(c, "deadline", deadline_text(c, p));
    field(c, "digest", member(c, p, "digest"));
    if (engaged)
        printf("\n%s %s\n",
               paint(c, RED,
                     "The kill switch is engaged: approving does nothing until it is released."),
               reason);
    putchar('\n');
    return 0;
}

static bool digest_is_one(const char *d)
{
    return d && strlen(d) == 64 && d[strspn(d, "0123456789abcdef")] == '\0';
}

/* The digest to send: the one that was printed here and agreed to, or the one a script gave. 0 or the exit code. */
static int agree(struct cli *c, int64_t id, const char *question, const char **digest)
{
    AUTO(reply_done) struct reply r = {0};
    const char *given = flag_value(c, "--digest");
    int rc;

    if (given && !digest_is_one(given))
        return fail(c, EXIT_USAGE,
                    "--digest is 64 hex digits; 'triagectl explain ID --json' has it");
    if (flag_given(c, "--yes") && !given)
        return fail(
            c, EXIT_USAGE,
            "--yes needs --digest D: a script must say what it looked at; 'triagectl explain "
            "%lld --json' has it",
            (long long)id);
    if (flag_given(c, "--yes")) {
        *digest = given;
        return 0;
    }
    if (!on_terminal() || c->json)
        return fail(c, EXIT_USAGE,
                    "nobody to ask here: give --yes --digest D, or run it on a terminal");
    rc = api_get(c, &r, proposal_path(c, id, ""));
    if (rc)
        return rc;
    if (given && !text_eq(given, json_opt_str(r.json, "digest")))
        return fail(c, EXIT_REFUSED,
                    "the proposal was changed since that digest: look at it again");
    rc = card_print(c, r.json, fmt(c, "Proposal %lld would do this:", (long long)id));
    if (rc)
        return rc;
    *digest = arena_strdup(c->arena, json_opt_str(r.json, "digest"));
    if (!digest_is_one(*digest))
        return fail(c, EXIT_FAILED, "the answer has no digest: is the daemon of another version?");
    if (!confirm(c, question))
        return fail(c, EXIT_FAILED, "nothing was decided");
    return 0;
}

static void decided_print(struct cli *c, const json_t *r, bool approve)
{
    const char *state = json_opt_str(r, "state");
    int64_t have = json_opt_int(r, "approvals", 0), needed = json_opt_int(r, "needed", 0);

    if (!approve)
        printf("Rejected. Proposal %s is %s.\n", member(c, r, "id"), show(c, state));
    else if (text_eq(state, "pending"))
        printf("Your approval counts: %lld of %lld. Proposal %s still waits for others.\n",
               (long long)have, (long long)needed, member(c, r, "id"));
    else
        printf("Approved. Proposal %s is %s.\n", member(c, r, "id"),
               paint(c, state_colour(state), show(c, state)));
    if (approve && json_opt_bool(r, "kill_switch", false))
        printf("%s\n", paint(c, RED,
                             "The kill switch is engaged: nothing is carried out until an admin "
                             "releases it (triagectl kill-switch)."));
}

/* Most effects are proved within a second: wait that long for the word, so that nobody has to ask again at 3 a.m. */
#define OUTCOME_WAIT_MS  6000
#define OUTCOME_EVERY_US 150000

static bool is_under_way(const char *state)
{
    return text_eq(state, "approved") || text_eq(state, "executing");
}

static int outcome_print(struct cli *c, int64_t id)
{
    int64_t end = clock_mono_ms() + OUTCOME_WAIT_MS;
    const char *state;

    for (;;) {
        AUTO(reply_done) struct reply r = {0};

        if (api_get(c, &r, proposal_path(c, id, "")) != 0)
            return EXIT_DONE; /* approved it is; what became of it can be asked for later */
        state = json_opt_str(r.json, "state");
        if (!is_under_way(state)) {
            const char *reason = json_opt_str(r.json, "reason");
            const char *word =
                text_eq(state, "done") ? "Done: proved at PagerDuty" : show(c, state);

            printf("%s%s%s\n", paint(c, state_colour(state), word), reason ? ": " : ".",
                   reason ? show(c, reason) : "");
            return text_eq(state, "done") ? EXIT_DONE : EXIT_FAILED;
        }
        if (clock_mono_ms() >= end)
            break;
        usleep(OUTCOME_EVERY_US);
    }
    printf("It is not proved yet; 'triagectl explain %lld' shows what becomes of it.\n",
           (long long)id);
    return EXIT_DONE;
}

static int decide(struct cli *c, bool approve)
{
    AUTO(reply_done) struct reply r = {0};
    const char *digest = NULL, *reason = flag_value(c, "--reason");
    json_t *body;
    int64_t id;
    int rc;

    if (!arg_id(c, 0, "a proposal", &id))
        return EXIT_USAGE;
    rc = need_person(c, approve ? "approving" : "rejecting");
    if (rc == 0)
        rc = agree(c, id, approve ? "Let it through?" : "Turn it down?", &digest);
    if (rc)
        return rc;
    body = json_pack("{s:s, s:s, s:s*}", "digest", digest, "verdict",
                     approve ? "approve" : "reject", "reason", reason);
    if (!body)
        return fail(c, EXIT_USAGE, "--reason is not UTF-8 text");
    rc = api(c, "POST", proposal_path(c, id, "/decision"), body, &r);
    if (rc || printed_json(c, &r))
        return rc;
    decided_print(c, r.json, approve);
    if (!approve || !is_under_way(json_opt_str(r.json, "state")) ||
        json_opt_bool(r.json, "kill_switch", false))
        return EXIT_DONE;
    fflush(stdout);
    return outcome_print(c, id);
}

int cmd_approve(struct cli *c)
{
    return decide(c, true);
}

int cmd_reject(struct cli *c)
{
    const char *reason = flag_value(c, "--reason");

    if (!reason || !reason[0])
        return fail(
            c, EXIT_USAGE,
            "say why: triagectl reject %s --reason \"...\"; whoever looks at it next needs it",
            show(c, c->args[0]));
    return decide(c, false);
}

int cmd_undo(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int64_t id;
    int rc;

    if (!arg_id(c, 0, "a proposal", &id))
        return EXIT_USAGE;
    rc = need_person(c, "proposing an undo");
    if (rc == 0)
        rc = api(c, "POST", proposal_path(c, id, "/undo"), NULL, &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("Proposal %s would undo it; nothing has happened yet: triagectl approve %s\n",
           member(c, r.json, "id"), member(c, r.json, "id"));
    return EXIT_DONE;
}

int cmd_settle(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    bool yes = flag_given(c, "--happened"), no = flag_given(c, "--did-not");
    const char *reason = flag_value(c, "--reason");
    json_t *body;
    int64_t id;
    int rc;

    if (!arg_id(c, 0, "a proposal", &id))
        return EXIT_USAGE;
    if (yes == no)
        return fail(c, EXIT_USAGE,
                    "look at the incident in PagerDuty, then say one: --happened or --did-not");
    if (!reason || !reason[0])
        return fail(c, EXIT_USAGE, "say what you saw in PagerDuty: --reason \"...\"");
    rc = need_person(c, "settling");
    if (rc)
        return rc;
    body = json_pack("{s:b, s:s}", "happened", (int)yes, "reason", reason);
    if (!body)
        return fail(c, EXIT_USAGE, "--reason is not UTF-8 text");
    rc = api(c, "POST", proposal_path(c, id, "/settle"), body, &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("Recorded: the effect of proposal %lld %s.\n", (long long)id,
           yes ? "happened" : "did not happen");
    return EXIT_DONE;
}
