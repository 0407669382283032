/* triagectl look: what an account looks like, seen with a read-only key. No daemon and no configuration needed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/look.h"
#include "net/net_origin.h"

#define US_URL          "https://api.pagerduty.com"
#define TOKEN_ENV       "TRIAGED_PAGERDUTY_TOKEN"
#define SINCE_DEFAULT   "30d"
#define SINCE_MIN_MS    INT64_C(3600000)
#define SINCE_MAX_MS    (INT64_C(366) * 86400000)
#define TIMEOUT_DEFAULT "20s"
#define MARKDOWN_BYTES  ((size_t)4 * 1024 * 1024)

static const char *value_or(const struct cli *c, const char *flag, const char *def)
{
    const char *v = flag_value(c, flag);

    return v ? v : def;
}

/* ---- the key and where it goes ---- */

/* From --token-file, else from the environment; NULL: the configuration must have it. 0 or the exit code. */
static int key_given(struct cli *c, struct look_source *s)
{
    const char *path = flag_value(c, "--token-file");
    const char *env = getenv(TOKEN_ENV); /* NOLINT(concurrency-mt-unsafe): one thread */
    struct err e = {0};

    if (path && file_read_secret(path, &s->own, &e) < 0)
        return fail(c, e.code == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED, "--token-file: %s",
                    e.msg);
    if (!path && env && env[0])
        s->own = secret_new(env, strlen(env));
    s->token = s->own;
    return 0;
}

static void take_config(struct look_source *s)
{
    if (!s->token)
        s->token = s->cfg->pagerduty.token;
    if (!s->base_url)
        s->base_url = s->cfg->pagerduty.base_url;
    if (!s->own)
        s->auth = text_eq(s->cfg->pagerduty.auth, "bearer") ? PD_AUTH_BEARER : PD_AUTH_TOKEN;
    s->allow_private = s->allow_private || s->cfg->pagerduty.allow_private;
}

/* A newcomer has no configuration, or may not read root's: that matters only when something is missing without it. */
static int config_given(struct cli *c, struct look_source *s)
{
    const char *path = config_file(c);
    struct err e = {0};

    if (s->token && s->base_url)
        return 0;
    if (config_load(path, &s->cfg, &e) == 0) {
        take_config(s);
    } else if (!s->token && e.code == ERR_NOT_FOUND && !c->config_path) {
        return fail(c, EXIT_USAGE,
                    "a PagerDuty API key is needed, a read-only one is enough (Integrations > API "
                    "Access Keys): put it into a file that only you can read and give --token-file "
                    "FILE, or into " TOKEN_ENV);
    } else if (!s->token) {
        return fail(c, EXIT_FAILED, "no key was given, and the configuration does not load: %s",
                    e.msg);
    } else if (c->config_path) {
        return fail(c, EXIT_FAILED, "%s", e.msg);
    } else if (e.code != ERR_NOT_FOUND) {
        fprintf(stderr, "triagectl: %s is not used (%s); asking " US_URL "\n", path,
                show(c, e.msg));
    }
    if (!s->token)
        return fail(c, EXIT_USAGE,
                    "%s names no pagerduty.token_file; give --token-file FILE or " TOKEN_ENV, path);
    return 0;
}

static int source_read(struct cli *c, struct look_source *s)
{
    struct net_url url;
    struct err e = {0};
    int rc;

    if (c->url)
        return fail(c, EXIT_USAGE,
                    "look asks PagerDuty itself, not a daemon: its address is --base-url");
    s->base_url = flag_value(c, "--base-url");
    s->allow_private = flag_given(c, "--allow-private");
    if (parse_span_ms(value_or(c, "--timeout", TIMEOUT_DEFAULT), &s->timeout_ms, &e) < 0 ||
        s->timeout_ms < 100 || s->timeout_ms > 600000)
        return fail(c, EXIT_USAGE, "--timeout is a span like 20s, from 100ms to 10m");
    rc = key_given(c, s);
    if (rc == 0)
        rc = config_given(c, s);
    if (rc)
        return rc;
    if (!s->base_url)
        s->base_url = US_URL;
    if (net_url_parse(s->base_url, &url, &e) < 0)
        return fail(c, EXIT_USAGE, "--base-url: %s; it is like " US_URL, e.msg);
    if (!url.https && !net_url_is_loopback(&url))
        return fail(
            c, EXIT_USAGE,
            "--base-url: a key must not travel in the clear; use https:// (plain http:// is "
            "for this machine only)");
    /* Who names a loopback address means it. */
    s->allow_private = s->allow_private || net_url_is_loopback(&url);
    return 0;
}

/* ---- the window ---- */

static int window_read(struct cli *c, struct look_window *w)
{
    const char *since = value_or(c, "--since", SINCE_DEFAULT);
    int64_t span_ms = 0, top = 0;
    struct err e = {0};
    int minute, weekday;

    if (parse_span_ms(since, &span_ms, &e) < 0 || span_ms < SINCE_MIN_MS || span_ms > SINCE_MAX_MS)
        return fail(c, EXIT_USAGE, "--since is how far to look back, like 30d or 12h (1h to 366d)");
    if (!flag_int(c, "--top", 1, LOOK_TOP_MAX, LOOK_TOP_DEFAULT, &top))
        return EXIT_USAGE;
    /* Whole seconds, as the questions are asked in; this second too. */
    w->until_ms = c->now_wall_ms / 1000 * 1000 + 1000;
    w->since_ms = w->asked_since_ms = w->until_ms - span_ms / 1000 * 1000;
    w->top = (size_t)top;
    w->zone = flag_value(c, "--zone");
    if (time_in_zone(w->until_ms, w->zone, &minute, &weekday, &e) < 0)
        return fail(c, EXIT_USAGE, "--zone: %s", e.msg);
    return 0;
}

/* ---- the command ---- */

static void print_markdown(const json_t *report)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, MARKDOWN_BYTES);
    look_markdown(report, &b);
    fputs(buf_str(&b), stdout);
}

static int tell(struct cli *c, json_t *report, bool whole)
{
    if (c->json) {
        (void)print_json(c, json_incref(report));
    } else if (flag_given(c, "--markdown")) {
        print_markdown(report);
    } else {
        look_print(c, report);
    }
    if (whole)
        return EXIT_DONE;
    fflush(stdout);
    fprintf(stderr,
            "triagectl: not all was read: the report covers what came after %.16s and says why\n",
            show(c, json_at_str(report, "window.since")));
    return EXIT_FAILED;
}

int cmd_look(struct cli *c)
{
    AUTO(json_freep) json_t *report = NULL;
    struct look_source from = {0};
    struct look_window window = {0};
    struct err e = {0};
    bool whole = true;
    int rc;

    if (c->json && flag_given(c, "--markdown"))
        return fail(c, EXIT_USAGE, "--json or --markdown, not both");
    rc = window_read(c, &window);
    if (rc == 0)
        rc = source_read(c, &from);
    if (rc == 0 && look_read(c, &from, &window, &report, &whole, &e) < 0)
        rc = fail_err(c, &e);
    if (rc == 0)
        rc = tell(c, report, whole);
    secret_free(from.own);
    config_unref(from.cfg);
    return rc;
}
