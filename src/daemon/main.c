#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/daemon.h"

#define DEFAULT_CONFIG "/etc/triaged/triaged.yaml"

static const char usage_text[] =
    "triaged " TRIAGED_VERSION
    ": event-driven triage for PagerDuty, with an approval step before every effect\n"
    "\n"
    "usage: triaged [--config FILE] [--check] [--version]\n"
    "\n"
    "  --config FILE  configuration (default " DEFAULT_CONFIG "); 'triagectl init' writes one\n"
    "  --check        load configuration, rules, policy, prompts, sources and runbooks, say what is wrong, and exit\n"
    "\n"
    "SIGHUP reads all of it again, all or nothing. SIGTERM stops.\n";

struct args {
    const char *config;
    bool check;
};

/* Returns 0 to go on, else the exit code plus 1. */
static int args_read(int argc, char **argv, struct args *a)
{
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"check", no_argument, NULL, 'k'},
                                          {"version", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int opt;

    a->config = DEFAULT_CONFIG;
    while ((opt = getopt_long(argc, argv, "c:h", longs, NULL)) !=
           -1) { /* NOLINT(concurrency-mt-unsafe): before threads */
        if (opt == 'c') {
            a->config = optarg;
        } else if (opt == 'k') {
            a->check = true;
        } else if (opt == 'v') {
            puts("triaged " TRIAGED_VERSION);
            return 1;
        } else {
            fputs(usage_text, opt == 'h' ? stdout : stderr);
            return opt == 'h' ? 1 : 3;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "triaged: what is '%s'?\n%s", argv[optind], usage_text);
        return 3;
    }
    return 0;
}

/* Secrets stay out of core files and out of other processes' reach (threat model H3). */
static void harden(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)umask(077);
}

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {[LOG_LEVEL_DEBUG] = "debug",
                                        [LOG_LEVEL_INFO] = "info",
                                        [LOG_LEVEL_WARN] = "warn",
                                        [LOG_LEVEL_ERROR] = "error"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return (enum log_level)i;
    return LOG_LEVEL_INFO;
}

static char *in_dir(const char *dir, const char *name)
{
    struct buf b;

    buf_init(&b, 4096);
    buf_printf(&b, "%s/%s", dir, name);
    return buf_take(&b, NULL);
}

static void alarms_at_start(const struct config *cfg)
{
    if (!cfg->pagerduty.token)
        LOG(WARN, "pagerduty.no_token",
            log_s(
                "what",
                "no PagerDuty token: events are received and stored, nothing is enriched or executed"),
            log_s("todo", "set pagerduty.token_file"));
    for (size_t i = 0; i < cfg->intake.n_endpoints; i++)
        if (cfg->intake.endpoints[i].n_secrets == 0)
            LOG(WARN, "webhook.no_secret", log_s("path", cfg->intake.endpoints[i].name),
                log_s("what", "no webhook secret: every delivery is answered 503"),
                log_s("todo", "set secret_files in intake.webhooks"));
}

static int start(struct daemon *d, struct err *e)
{
    const struct config *cfg = d->now.cfg;
    uint16_t port = 0;
    struct engine_opts eo = {.steps = daemon_steps, .app = &d->world, .on_start = world_on_start};

    if (state_dir_open(cfg->state_dir, e) < 0 ||
        redaction_key_open(cfg->state_dir, d->redaction_key, e) < 0 ||
        loaded_key(&d->now, d->redaction_key, e) < 0)
        return e->code;
    d->store_path = in_dir(cfg->state_dir, "store.db");
    d->control_path = in_dir(cfg->state_dir, "control.sock");
    d->port_path = in_dir(cfg->state_dir, "port");
    eo.store_path = d->store_path;
    if (engine_new(&eo, &d->engine, e) < 0 || world_open(d, e) < 0 ||
        engine_start(d->engine, e) < 0)
        return e->code;

    const struct http_opts ho = {.engine = d->engine,
                                 .cfg = d->now.cfg,
                                 .rules = d->now.rules,
                                 .policy = d->now.policy,
                                 .redactor = d->now.redactor,
                                 .store_path = d->store_path,
                                 .control_path = d->control_path,
                                 .port_out = &port};

    if (http_start(&ho, &d->http, e) < 0)
        return e->code;

    char text[16];
    int n = snprintf(text, sizeof text, "%u\n", port);

    if (file_write_atomic(d->port_path, text, (size_t)n, 0600, e) < 0)
        return e->code;
    http_set_ready(d->http, true);
    LOG(INFO, "daemon.ready", log_s("bind", cfg->intake.bind), log_i("port", port),
        log_s("mode", mode_name(cfg->mode)), log_i("rules", (int64_t)rules_count(d->now.rules)),
        log_b("kill_switch", kill_switch_engaged(cfg->state_dir)),
        log_s("version", TRIAGED_VERSION));
    alarms_at_start(cfg);
    return store_check_start(d->store_path, d->http, d->engine, &d->check, e);
}

static void reload(struct daemon *d)
{
    struct loaded next = {0};
    struct err e = {0};

    if (loaded_load(d->config_path, d->redaction_key, &next, &e) == 0 &&
        restart_settings_same(d->now.cfg, next.cfg, &e) == 0 && world_swap(d, &next, &e) == 0) {
        log_setup(level_of(d->now.cfg->log.level), d->now.cfg->log.json);
        LOG(INFO, "config.reloaded", log_i("rules", (int64_t)rules_count(d->now.rules)));
        return;
    }
    loaded_done(&next);
    LOG(ERROR, "config.refused", log_s("why", e.msg),
        log_s("what", "the old configuration stays in force"));
    refused_alarm(d->engine, &e);
}

/* Sleeps until a signal; also looks whether the engine had to give up. */
static int serve(struct daemon *d, const sigset_t *set)
{
    const struct timespec tick = {.tv_nsec = 250 * 1000000L};

    for (;;) {
        int sig = sigtimedwait(set, NULL, &tick);

        if (engine_failed(d->engine)) {
            LOG(ERROR, "daemon.store_failed",
                log_s("what",
                      "the disk failed under the store; what memory holds cannot be believed"),
                log_s("todo",
                      "check the disk; the service manager's restart recovers from what is on it"));
            return 1;
        }
        if (sig == SIGHUP)
            reload(d);
        else if (sig == SIGTERM || sig == SIGINT)
            return 0;
    }
}

/* Order (design 3): quiesce, stop the engine (it answers what is held), then libmicrohttpd. */
static void stop(struct daemon *d)
{
    if (d->http) {
        http_quiesce(d->http);
        unlink(d->port_path);
    }
    store_check_stop(d->check);
    if (d->engine)
        engine_stop(d->engine);
    http_free(d->http);
    world_close(d);
    engine_free(d->engine);
    loaded_done(&d->now);
    mem_freep(&d->store_path);
    mem_freep(&d->control_path);
    mem_freep(&d->port_path);
}

int main(int argc, char **argv)
{
    struct args args = {0};
    struct daemon d = {0};
    struct err e = {0};
    sigset_t set;
    int rc = args_read(argc, argv, &args);

    if (rc)
        return rc - 1;
    harden();
    crypto_init();
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    d.config_path = args.config;
    if (loaded_load(args.config, NULL, &d.now, &e) < 0) {
        fprintf(stderr, "triaged: %s\n", e.msg);
        if (access(args.config, F_OK) != 0)
            fputs("'triagectl init' writes a configuration; --config FILE names another one\n",
                  stderr);
        return 2;
    }
    if (args.check) {
        printf(
            "%s is fine: %zu rules, %zu policy rules, %zu sources, %zu runbooks, prompt %s, %s\n",
            args.config, rules_count(d.now.rules), policy_count(d.now.policy),
            sources_count(d.now.sources), runbooks_count(d.now.runbooks),
            prompts_get(d.now.prompts, "triage")->version,
            d.now.cfg->model.base_url ? "a model" : "no model");
        loaded_done(&d.now);
        return 0;
    }
    log_setup(level_of(d.now.cfg->log.level), d.now.cfg->log.json);
    clock_set_offset_ms(d.now.cfg->clock_offset_ms);
    rc = start(&d, &e) < 0;
    if (rc)
        LOG(ERROR, "daemon.start", log_s("why", e.msg));
    else
        rc = serve(&d, &set);
    stop(&d);
    LOG(INFO, "daemon.stopped", log_i("exit", rc));
    return rc;
}
