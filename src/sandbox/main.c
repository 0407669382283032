#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "sandbox/faults.h"
#include "sandbox/http.h"
#include "sandbox/model.h"
#include "sandbox/oracle.h"
#include "sandbox/outside.h"
#include "sandbox/req.h"
#include "sandbox/sender.h"
#include "sandbox/timer.h"

static const char usage[] =
    "usage: triaged-sandbox [--port N] [--port-file FILE] [--oracle FILE] [--token-file FILE]\n"
    "                       [--webhook-url URL --webhook-secret-file FILE] [--seed N]\n"
    "                       [--clock-offset-s N] [--scenario quickstart|history|empty]\n"
    "A stand-in PagerDuty and model endpoint on 127.0.0.1; docs/sandbox.md describes it.\n";

static struct {
    int64_t port, seed, clock_offset_s;
    const char *port_file, *oracle, *token_file, *webhook_url, *secret_file, *scenario;
    struct secret *secret;
} options = {.seed = 1, .scenario = "quickstart"};

const char *sandbox_scenario(void)
{
    return options.scenario;
}

/* The receiver of the command line, if there is one. */
static void subscribe(void)
{
    size_t len;
    json_t *one;

    if (options.webhook_url == NULL)
        return;
    one = json_pack("{s:{s:s}, s:{s:s}, s:o, s:s}", "delivery_method", "url", options.webhook_url,
                    "filter", "type", "account_reference", "events", rest_all_events(),
                    "description", "Made by the sandbox");
    json_decref(sender_create(one, secret_bytes(options.secret, &len)));
    json_decref(one);
}

bool sandbox_reset(const char *scenario, uint64_t seed)
{
    static const char *const known[] = {"quickstart", "history", "empty"};
    const char *name = NULL;

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i], scenario) == 0)
            name = known[i];
    if (name == NULL)
        return false;
    options.scenario = name;
    sender_clear();
    faults_clear(seed);
    rest_limiter(960, 60, 0, true);
    model_reset();
    outside_reset();
    subscribe();
    oracle_line(
        json_pack("{s:s, s:s, s:I}", "kind", "world", "scenario", name, "seed", (json_int_t)seed));
    return world_reset(name, seed);
}

static int number_option(const char *text, int64_t min, int64_t max, int64_t *out, const char *name,
                         struct err *e)
{
    if (parse_i64(text, min, max, out, e) < 0)
        return err_wrap(e, "--%s", name);
    return 0;
}

static int read_options(int argc, char **argv, struct err *e)
{
    static const struct option longs[] = {
        {"port", required_argument, NULL, 'p'},
        {"port-file", required_argument, NULL, 'f'},
        {"oracle", required_argument, NULL, 'o'},
        {"token-file", required_argument, NULL, 't'},
        {"webhook-url", required_argument, NULL, 'w'},
        {"webhook-secret-file", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'r'},
        {"clock-offset-s", required_argument, NULL, 'c'},
        {"scenario", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c, rc = 0;

    while (rc == 0 && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'p':
            rc = number_option(optarg, 0, 65535, &options.port, "port", e);
            break;
        case 'r':
            rc = number_option(optarg, 0, INT64_MAX, &options.seed, "seed", e);
            break;
        case 'c':
            rc = number_option(optarg, -4000000000, 4000000000, &options.clock_offset_s,
                               "clock-offset-s", e);
            break;
        case 'f':
            options.port_file = optarg;
            break;
        case 'o':
            options.oracle = optarg;
            break;
        case 't':
            options.token_file = optarg;
            break;
        case 'w':
            options.webhook_url = optarg;
            break;
        case 's':
            options.secret_file = optarg;
            break;
        case 'n':
            options.scenario = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            return err_set(e, ERR_INPUT, "unknown option; see --help");
        }
    }
    if (rc == 0 && optind < argc)
        return err_set(e, ERR_INPUT, "no argument is expected behind the options; see --help");
    if (rc == 0 && (options.webhook_url == NULL) != (options.secret_file == NULL))
        return err_set(e, ERR_INPUT, "--webhook-url and --webhook-secret-file go together");
    return rc;
}

static int start(unsigned short *port, struct err *e)
{
    char text[16];

    if (oracle_open(options.oracle, e) < 0 ||
        (options.token_file != NULL && rest_tokens_load(options.token_file, e) < 0) ||
        (options.secret_file != NULL &&
         file_read_secret(options.secret_file, &options.secret, e) < 0))
        return e->code;
    world.clock_offset_ms = options.clock_offset_s * 1000;
    if (!sandbox_reset(options.scenario, (uint64_t)options.seed))
        return err_set(e, ERR_INPUT, "--scenario is quickstart, history or empty");
    if (sender_start(e) < 0 || timer_start(e) < 0 || http_start(port, e) < 0)
        return e->code;
    snprintf(text, sizeof text, "%u\n", *port);
    if (options.port_file != NULL &&
        file_write_atomic(options.port_file, text, strlen(text), 0644, e) < 0)
        return e->code;
    return 0;
}

static void finish(void)
{
    http_quiesce();
    timer_stop();
    http_stop();
    sender_stop();
    oracle_close();
    secret_free(options.secret);
    curl_global_cleanup();
}

int main(int argc, char **argv)
{
    struct err e = {0};
    unsigned short port;
    sigset_t ends;
    int sig;

    crypto_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (read_options(argc, argv, &e) < 0) {
        fprintf(stderr, "triaged-sandbox: %s\n%s", e.msg, usage);
        return 2;
    }
    /* Blocked before any thread starts, so that all of them inherit it and only sigwait sees the signals. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    port = (unsigned short)options.port;
    if (start(&port, &e) < 0) {
        fprintf(stderr, "triaged-sandbox: %s\n", e.msg);
        return 1;
    }
    world_lock(); /* a reset may already be under way */
    printf("triaged-sandbox: PagerDuty and model at http://127.0.0.1:%u (scenario %s)\n", port,
           options.scenario);
    world_unlock();
    fflush(stdout);
    sigwait(&ends, &sig);
    finish();
    return 0;
}
