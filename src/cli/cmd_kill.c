#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "gate/gate.h"

/* kill-switch: the daemon's answer where there is one, and the file itself where there is none. */

#define KILL_SWITCH "/api/v1/kill-switch"

static void state_print(struct cli *c, bool engaged, const char *reason)
{
    if (engaged)
        printf("%s  %s\n", paint(c, RED, "engaged: nothing is carried out."), reason);
    else
        printf("%s\n", paint(c, GREEN, "released: approved actions are carried out."));
}

/* Without the daemon the file is looked at. */
static int state_from_file(struct cli *c, const struct err *why)
{
    AUTO(buf_done) struct buf reason = {0};
    struct err e = {0};
    const char *dir = c->url ? NULL : client_state_dir(c, &e);
    bool engaged;

    if (!dir || access(dir, X_OK) != 0)
        return fail(c, EXIT_FAILED, "%s", why->msg);
    buf_init(&reason, 8192);
    kill_switch_reason(dir, &reason);
    engaged = kill_switch_engaged(dir);
    if (c->json)
        return print_json(c, json_pack("{s:b, s:s, s:s}", "engaged", engaged, "reason",
                                       buf_str(&reason), "from", "file"));
    state_print(c, engaged, show(c, buf_str(&reason)));
    printf("(read from %s/kill-switch: the daemon does not answer)\n", dir);
    return EXIT_DONE;
}

int cmd_kill(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    struct err e = {0};

    if (client_call(c, "GET", KILL_SWITCH, NULL, &r, &e) < 0)
        return state_from_file(c, &e);
    if (r.status != 200)
        return api_problem(c, &r);
    if (printed_json(c, &r))
        return EXIT_DONE;
    state_print(c, json_opt_bool(r.json, "engaged", true), member(c, r.json, "reason"));
    return EXIT_DONE;
}

static const char *who_am_i(struct cli *c)
{
    const struct passwd *pw = getpwuid(getuid()); /* NOLINT(concurrency-mt-unsafe): one thread */

    return pw ? fmt(c, "%s on the command line", pw->pw_name)
              : fmt(c, "user %u on the command line", getuid());
}

/* The file alone stops the executor; the audit record comes with the daemon's next word on it. */
static int engage_by_file(struct cli *c, const char *reason, const char *why)
{
    struct err e = {0};
    const char *dir = c->url ? NULL : client_state_dir(c, &e);

    if (!dir)
        return fail(c, EXIT_FAILED, "NOT engaged: %s%s%s", why, e.code ? "; " : "",
                    e.code ? e.msg : "");
    if (kill_switch_engage(dir, who_am_i(c), reason, &e) < 0)
        return fail(c, EXIT_FAILED,
                    "NOT engaged: %s; run this as root or as the daemon's user, or: touch "
                    "%s/kill-switch",
                    e.msg, dir);
    fprintf(stderr, "triagectl: %s\n", why);
    if (c->json)
        return print_json(c, json_pack("{s:b, s:s}", "engaged", 1, "from", "file"));
    printf("Engaged by writing %s/kill-switch. Nothing is carried out, now or after a start of the "
           "daemon.\n",
           dir);
    return EXIT_DONE;
}

int cmd_kill_engage(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    struct err e = {0};
    const char *reason = flag_value(c, "--reason");
    json_t *body;

    if (!reason || !reason[0])
        return fail(c, EXIT_USAGE, "say why: triagectl kill-switch engage --reason \"...\"");
    body = json_pack("{s:b, s:s}", "engaged", 1, "reason", reason);
    if (!body)
        return fail(c, EXIT_USAGE, "--reason is not UTF-8 text");
    if (client_call(c, "PUT", KILL_SWITCH, body, &r, &e) < 0)
        return engage_by_file(c, reason, e.msg);
    if (r.status >= 500)
        return engage_by_file(
            c, reason,
            fmt(c, "the daemon said: %s (HTTP %d)", member(c, r.json, "detail"), r.status));
    if (r.status != 200)
        return api_problem(c, &r);
    if (printed_json(c, &r))
        return EXIT_DONE;
    puts(
        "Engaged. Nothing is carried out until an admin releases it: triagectl kill-switch release");
    return EXIT_DONE;
}

/* ---- release ---- */

static int waiting_print(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int rc = api_get(c, &r, "/api/v1/proposals?state=approved&limit=200");
    size_t i;
    json_t *x;

    if (rc)
        return rc;
    if (json_array_size(items_of(r.json)) == 0)
        puts("Nothing is approved and waiting, so nothing would run now.");
    else
        puts("These are approved and would run now; each incident is read again first:");
    json_array_foreach (items_of(r.json), i, x)
        proposal_print(c, x);
    return 0;
}

int cmd_kill_release(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    bool red = false;
    int rc = need_person(c, "releasing the kill switch");

    if (rc == 0)
        rc = doctor_run(c, true, &red);
    if (rc)
        return rc;
    if (red)
        return fail(c, EXIT_REFUSED,
                    "not released: a check is red; 'triagectl doctor' says what to do about it");
    if (!c->json) {
        rc = waiting_print(c);
        if (rc)
            return rc;
    }
    if (!flag_given(c, "--yes")) {
        if (!on_terminal() || c->json)
            return fail(c, EXIT_USAGE, "nobody to ask here: add --yes");
        if (!confirm(c, "Release the kill switch?"))
            return fail(c, EXIT_FAILED, "not released");
    }
    rc = api(c, "PUT", KILL_SWITCH, json_pack("{s:b}", "engaged", 0), &r);
    if (rc || printed_json(c, &r))
        return rc;
    puts("Released. Approved actions are carried out from now on.");
    return EXIT_DONE;
}
