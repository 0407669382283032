#include <stdio.h>
#include <time.h>

#include "cli/cli.h"

/* backfill: the past into the daemon's memory. */

#define POLL_S 1

static bool running(const json_t *b)
{
    return text_eq(json_opt_str(b, "state"), "running");
}

static void backfill_print(struct cli *c, json_t *b)
{
    if (text_eq(json_opt_str(b, "state"), "none")) {
        puts("No backfill so far. 'triagectl backfill --since 180d' reads the last half year.");
        return;
    }
    field(c, "backfill",
          fmt(c, "%s, %s %% of the time from %s to %s", member(c, b, "state"),
              member(c, b, "done_pct"), member(c, b, "since"), member(c, b, "until")));
    if (running(b))
        field(c, "reached",
              fmt(c, "%s, reading %s", member(c, b, "reached"), member(c, b, "stage")));
    if (json_opt_str(b, "waits"))
        field(c, "waits", paint(c, YELLOW, member(c, b, "waits")));
    if (json_opt_str(b, "no_log"))
        field(c, "not read", fmt(c, "log entries: %s", member(c, b, "no_log")));
    field(c, "incidents",
          fmt(c, "%s found: %s remembered, %s known before, %s still open, %s read only in part",
              member(c, b, "found"), member(c, b, "remembered"), member(c, b, "known"),
              member(c, b, "open"), member(c, b, "unread")));
    field(c, "texts",
          fmt(c, "%s alerts, %s notes; %s incidents say what fixed them", member(c, b, "alerts"),
              member(c, b, "notes"), member(c, b, "fixes")));
    field(c, "calls", member(c, b, "calls"));
}

/* One line that is written over on a terminal; nothing elsewhere, for logs. */
static void progress(struct cli *c, const json_t *b)
{
    if (!on_terminal() || c->json)
        return;
    fprintf(stderr, "\r%3s %%  %s remembered  %s calls   ", member(c, b, "done_pct"),
            member(c, b, "remembered"), member(c, b, "calls"));
    (void)fflush(stderr);
}

static int wait_for_end(struct cli *c, struct reply *r)
{
    const struct timespec pause = {.tv_sec = POLL_S};
    int rc = 0;

    while (rc == 0 && running(r->json)) {
        progress(c, r->json);
        (void)nanosleep(&pause, NULL);
        reply_done(r);
        *r = (struct reply){0};
        rc = api_get(c, r, "/api/v1/backfill");
    }
    if (on_terminal() && !c->json)
        fputc('\n', stderr);
    return rc;
}

static int backfill_start(struct cli *c, const char *since, struct reply *r)
{
    struct err e = {0};
    int64_t ms;

    if (parse_span_ms(since, &ms, &e) < 0 || ms < 1000)
        return fail(c, EXIT_USAGE, "--since takes a time like 180d or 12h");
    return api(c, "POST", "/api/v1/backfill",
               json_pack("{s:I}", "since_s", (json_int_t)(ms / 1000)), r);
}

int cmd_backfill(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    const char *since = flag_value(c, "--since");
    int rc;

    if (since && flag_given(c, "--stop"))
        return fail(c, EXIT_USAGE, "--since starts and --stop ends: give one of them");
    if (since)
        rc = backfill_start(c, since, &r);
    else if (flag_given(c, "--stop"))
        rc = api(c, "DELETE", "/api/v1/backfill", NULL, &r);
    else
        rc = api_get(c, &r, "/api/v1/backfill");
    if (rc == 0 && flag_given(c, "--wait"))
        rc = wait_for_end(c, &r);
    if (rc || printed_json(c, &r))
        return rc;
    backfill_print(c, r.json);
    if (since && running(r.json))
        puts(
            "\nIt goes on by itself, also over a restart; 'triagectl backfill' shows how far it is.");
    return flag_given(c, "--wait") && !text_eq(json_opt_str(r.json, "state"), "done") ? EXIT_FAILED
                                                                                      : EXIT_DONE;
}
