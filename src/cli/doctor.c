#include "cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "gate/gate.h"
#include "rules/rules.h"
#include "sources/runbooks.h"
#include "sources/sources.h"

/* doctor: what must be right, from the configuration file to the people who may decide. */

#define DISK_RED_BYTES  ((uint64_t)256 * 1024 * 1024)
#define DISK_WARN_BYTES ((uint64_t)2 * 1024 * 1024 * 1024)

void doctor_add(struct doctor *d, enum level level, const char *check, const char *what,
                const char *todo)
{
    static const char *const names[] = {[OK] = "ok", [WARN] = "warn", [RED_ROW] = "FAIL"};
    json_t *row = json_pack("{s:s, s:s, s:s, s:s?}", "check", check, "level", names[level], "what",
                            show(d->c, what), "todo", todo ? show(d->c, todo) : NULL);

    CHECK(row && json_array_append_new(d->rows, row) == 0);
    d->warn += level == WARN;
    d->red += level == RED_ROW;
}

/* ---- files ---- */

static void check_config(struct doctor *d)
{
    struct err e = {0};
    const char *path = config_file(d->c);

    if (config_load(path, &d->cfg, &e) == 0) {
        d->state_dir = d->cfg->state_dir;
        doctor_add(d, OK, "configuration", fmt(d->c, "%s loads, secrets included", path), NULL);
        return;
    }
    if (e.code == ERR_NOT_FOUND)
        doctor_add(d, RED_ROW, "configuration", fmt(d->c, "there is no %s", path),
                   "write one with 'triagectl init', or name it with --config");
    else
        doctor_add(
            d, RED_ROW, "configuration", e.msg,
            e.code == ERR_DENIED || access(path, R_OK) != 0
                ? "run this as root or as the daemon's user"
                : "mend that line; the running daemon keeps what it has until a reload works");
    e = (struct err){0};
    d->state_dir = client_state_dir(d->c, &e);
}

static void check_rules(struct doctor *d)
{
    struct rules *rules = NULL;
    struct policy *policy = NULL;
    struct err e = {0};

    if (!d->cfg)
        return;
    if (rules_load(d->cfg->rules_dir, &rules, &e) < 0)
        doctor_add(d, RED_ROW, "rules", e.msg,
                   "mend that line; 'triagectl rules check' looks again");
    else if (rules_count(rules) == 0)
        doctor_add(d, WARN, "rules", fmt(d->c, "%s holds no rule", d->cfg->rules_dir),
                   "without rules nothing is proposed; 'triagectl init' brings a starter set");
    else
        doctor_add(d, OK, "rules",
                   fmt(d->c, "%zu rules compile (%s)", rules_count(rules), d->cfg->rules_dir),
                   NULL);
    e = (struct err){0};
    if (policy_load(d->cfg->policy_file, &policy, &e) < 0)
        doctor_add(d, RED_ROW, "policy", e.msg,
                   "mend that line; 'triagectl policy check' looks again");
    else
        doctor_add(d, OK, "policy",
                   policy_count(policy) ? fmt(d->c, "%zu rules compile", policy_count(policy))
                                        : "no rules: one responder for everything",
                   NULL);
    rules_unref(rules);
    policy_unref(policy);
}

/* Neither is needed, so that their absence is no warning. */
static void check_outside(struct doctor *d)
{
    struct sources *sources = NULL;
    struct runbooks *runbooks = NULL;
    struct err e = {0};

    if (!d->cfg)
        return;
    if (sources_load(d->cfg->sources_file, &sources, &e) < 0)
        doctor_add(d, RED_ROW, "sources", e.msg,
                   "mend that line; 'triagectl sources check' looks again");
    else
        doctor_add(d, OK, "sources",
                   sources_count(sources)
                       ? fmt(d->c, "%zu rows; 'triagectl sources check' asks their hosts",
                             sources_count(sources))
                       : "none: nothing but PagerDuty is asked",
                   NULL);
    if (runbooks_load(d->cfg->runbooks_dir, &runbooks, &e) < 0)
        doctor_add(d, RED_ROW, "runbooks", e.msg, "mend that file; docs/sources.md shows one");
    else
        doctor_add(d, OK, "runbooks",
                   fmt(d->c, "%zu in %s", runbooks_count(runbooks), d->cfg->runbooks_dir), NULL);
    sources_unref(sources);
    runbooks_unref(runbooks);
}

static void check_webhook_secret(struct doctor *d)
{
    size_t without = 0;

    if (!d->cfg)
        return;
    for (size_t i = 0; i < d->cfg->intake.n_endpoints; i++)
        without += d->cfg->intake.endpoints[i].n_secrets == 0;
    if (without)
        doctor_add(
            d, RED_ROW, "webhook secret",
            fmt(d->c,
                "%zu of %zu webhook paths have no secret: everything PagerDuty sends there "
                "is answered 503 and comes again later",
                without, d->cfg->intake.n_endpoints),
            "put the secret that PagerDuty showed when the subscription was made into a file "
            "(0600) and name it under intake.webhooks.secret_files");
    else
        doctor_add(d, OK, "webhook secret",
                   fmt(d->c, "%zu webhook path(s), each with a secret", d->cfg->intake.n_endpoints),
                   NULL);
}

static void check_state_dir(struct doctor *d)
{
    struct stat st;

    if (!d->state_dir)
        return;
    if (stat(d->state_dir, &st) != 0) {
        bool absent = errno == ENOENT;

        doctor_add(d, absent ? WARN : RED_ROW, "state folder",
                   fmt(d->c, "%s: %s", d->state_dir,
                       strerror(errno)), /* NOLINT(concurrency-mt-unsafe): one thread */
                   absent ? "the daemon makes it at its first start"
                          : "run this as root or as the daemon's user");
        return;
    }
    if (!S_ISDIR(st.st_mode) || (st.st_mode & 077))
        doctor_add(d, RED_ROW, "state folder",
                   fmt(d->c,
                       "%s has mode %03o: others may look into it, and the daemon will not start",
                       d->state_dir, st.st_mode & 0777),
                   fmt(d->c, "chmod 700 %s", d->state_dir));
    else
        doctor_add(d, OK, "state folder", fmt(d->c, "%s, mode 0700", d->state_dir), NULL);
}

static void check_disk(struct doctor *d)
{
    struct statvfs fs;
    uint64_t left;
    const char *what;

    if (!d->state_dir || statvfs(d->state_dir, &fs) != 0)
        return;
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    what = fmt(d->c, "%.1f GB free for %s", (double)left / 1e9, d->state_dir);
    if (left < DISK_RED_BYTES)
        doctor_add(
            d, RED_ROW, "disk", what,
            "make room now: with a full disk webhooks are answered 503 and come again for 48 h");
    else if (left < DISK_WARN_BYTES)
        doctor_add(d, WARN, "disk", what, "make room soon");
    else
        doctor_add(d, OK, "disk", what, NULL);
}

static void check_kill_switch(struct doctor *d)
{
    AUTO(buf_done) struct buf why = {0};

    if (!d->state_dir)
        return;
    buf_init(&why, 8192);
    kill_switch_reason(d->state_dir, &why);
    if (kill_switch_engaged(d->state_dir))
        doctor_add(d, WARN, "kill switch",
                   fmt(d->c, "engaged, nothing is carried out: %s", buf_str(&why)),
                   "when the rest is well: triagectl kill-switch release");
    else if (access(fmt(d->c, "%s/started", d->state_dir), F_OK) != 0 && errno == ENOENT)
        doctor_add(d, WARN, "kill switch", "the first start engages it",
                   "when the daemon runs and the rest is well: triagectl kill-switch release");
    else
        doctor_add(d, OK, "kill switch", "released", NULL);
}

/* ---- the daemon ---- */

/* One list of the daemon, or NULL. */
static json_t *fetch(struct doctor *d, const char *path)
{
    AUTO(reply_done) struct reply r = {0};
    struct err e = {0};

    if (client_call(d->c, "GET", path, NULL, &r, &e) < 0 || r.status != 200)
        return NULL;
    return json_incref(r.json);
}

static void check_alarms(struct doctor *d, const json_t *alarms)
{
    size_t i;
    json_t *x;

    json_array_foreach (alarms, i, x)
        doctor_add(d, WARN, "alarm",
                   fmt(d->c, "%s: %s", member(d->c, x, "key"), member(d->c, x, "what")),
                   json_opt_str(x, "todo"));
    if (json_array_size(alarms) == 0)
        doctor_add(d, OK, "alarms", "none is raised", NULL);
}

static void check_work(struct doctor *d, const json_t *s)
{
    const json_t *intake = json_opt_obj(s, "intake");
    int64_t buried = json_opt_int(json_opt_obj(s, "jobs"), "buried", 0);
    int64_t last = when_ms(intake, "last_event_ms"), ping = when_ms(intake, "last_ping_ms");
    int64_t held = json_opt_int(intake, "quarantined", 0);

    if (buried)
        doctor_add(d, WARN, "jobs", fmt(d->c, "%lld are buried", (long long)buried),
                   "'triagectl jobs' says why; mend it, then 'triagectl jobs retry ID'");
    if (held)
        doctor_add(d, WARN, "quarantine", fmt(d->c, "%lld deliveries are held", (long long)held),
                   "'triagectl quarantine' says why");
    if (last == 0 && ping == 0)
        doctor_add(d, WARN, "webhooks", "PagerDuty has not sent anything yet",
                   "press 'Send test event' at the subscription in PagerDuty, and look again");
    else
        doctor_add(d, OK, "webhooks",
                   fmt(d->c, "last event %s, last ping %s", ago(d->c, last), ago(d->c, ping)),
                   NULL);
}

static bool may_decide(const json_t *person)
{
    return !json_opt_bool(person, "disabled", false) && !json_opt_bool(person, "agent", false) &&
           !text_eq(json_opt_str(person, "role"), "viewer") && json_opt_str(person, "pd_user_id");
}

static void check_people(struct doctor *d)
{
    size_t i, deciders = 0, admins = 0, unlinked = 0;
    json_t *x;

    if (!d->people)
        return;
    json_array_foreach (items_of(d->people), i, x) {
        bool active = !json_opt_bool(x, "disabled", false) && !json_opt_bool(x, "agent", false);

        deciders += may_decide(x);
        admins += active && text_eq(json_opt_str(x, "role"), "admin");
        unlinked += active && !text_eq(json_opt_str(x, "role"), "viewer") && !may_decide(x);
    }
    if (deciders == 0)
        doctor_add(
            d, WARN, "people", "nobody may approve anything",
            "triagectl user add \"NAME\" EMAIL --role responder --pagerduty ID, then a token");
    else
        doctor_add(
            d, unlinked ? WARN : OK, "people",
            fmt(d->c, "%zu may decide, %zu admin(s)%s", deciders, admins,
                unlinked ? fmt(d->c, "; %zu have the role but no PagerDuty user", unlinked) : ""),
            unlinked ? "'triagectl user list' shows who; a decision bears a PagerDuty user's name"
                     : NULL);
    if (admins == 0)
        doctor_add(d, WARN, "admins", "nobody may release the kill switch",
                   "triagectl user role PERSON admin");
}

static void check_daemon(struct doctor *d)
{
    AUTO(reply_done) struct reply r = {0};
    struct err e = {0};

    if (client_call(d->c, "GET", "/api/v1/status", NULL, &r, &e) < 0) {
        doctor_add(
            d, RED_ROW, "daemon", e.msg,
            "start it (systemctl start triaged) and look again; its log says why it stopped");
        return;
    }
    if (r.status != 200) {
        doctor_add(d, RED_ROW, "daemon",
                   fmt(d->c, "it answers HTTP %d: %s", r.status, member(d->c, r.json, "detail")),
                   "with a token of yours it must be a valid one; --local leaves it out");
        return;
    }
    if (!json_opt_bool(r.json, "ready", false))
        doctor_add(d, WARN, "daemon", "it is starting or stopping", "look again in a few seconds");
    else
        doctor_add(d, OK, "daemon",
                   fmt(d->c, "%s, ready, mode %s", member(d->c, r.json, "version"),
                       member(d->c, r.json, "mode")),
                   NULL);
    check_work(d, r.json);
    doctor_model(d, r.json);
    check_alarms(d, items_of(json_object_get(r.json, "alarms")));
    d->people = fetch(d, "/api/v1/users");
    d->last_done = fetch(d, "/api/v1/proposals?state=done&limit=1");
    d->last_failed = fetch(d, "/api/v1/proposals?state=failed&limit=1");
    check_people(d);
}

/* ---- all of it ---- */

static void rows_print(struct doctor *d)
{
    struct cli *c = d->c;
    size_t i;
    json_t *x;

    json_array_foreach (d->rows, i, x) {
        const char *level = json_opt_str(x, "level");

        printf("%s%*s  %-15s %s\n", paint(c, state_colour(level), level), (int)(4 - strlen(level)),
               "", json_opt_str(x, "check"), json_opt_str(x, "what"));
        if (json_opt_str(x, "todo"))
            printf("%22s-> %s\n", "", json_opt_str(x, "todo"));
    }
    if (d->red)
        printf("\n%s\n", paint(c, RED, fmt(c, "%d red, %d to look at.", d->red, d->warn)));
    else
        printf("\n%s\n", d->warn ? fmt(c, "Nothing red, %d to look at.", d->warn)
                                 : paint(c, GREEN, "All is well."));
}

int doctor_run(struct cli *c, bool quiet, bool *red)
{
    struct doctor d = {.c = c, .rows = json_array()};

    check_config(&d);
    check_rules(&d);
    check_outside(&d);
    check_webhook_secret(&d);
    check_state_dir(&d);
    check_disk(&d);
    check_kill_switch(&d);
    check_daemon(&d);
    doctor_pagerduty(&d);
    *red = d.red > 0;
    if (!quiet && c->json)
        (void)print_json(c, json_pack("{s:b, s:i, s:i, s:O}", "ok", (int)(d.red == 0), "red", d.red,
                                      "warn", d.warn, "checks", d.rows));
    else if (!c->json && (!quiet || *red))
        rows_print(&d);
    json_decref(d.rows);
    json_decref(d.people);
    json_decref(d.last_done);
    json_decref(d.last_failed);
    config_unref(d.cfg);
    return 0;
}

int cmd_doctor(struct cli *c)
{
    bool red;
    int rc = doctor_run(c, false, &red);

    return rc ? rc : red ? EXIT_FAILED : EXIT_DONE;
}
