#include "cli/init.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "config/config.h"
#include "gate/gate.h"
#include "net/net.h"
#include "rules/rules.h"
#include "sources/runbooks.h"
#include "sources/sources.h"

/* init: a configuration from a few answers, checked, and the next step in words. */

#define SECRET_MAX   4096
#define DAEMON_USER  "triaged"
#define TOKEN_NAME   "pagerduty-token"
#define SECRET_NAME  "webhook-secret"
#define SOURCES_NAME "sources.yaml"
#define WEBHOOK_PATH "/webhooks/pagerduty"
#define US_URL       "https://api.pagerduty.com"

/* ---- asking ---- */

/* A line without its line break; NULL at the end of the input. */
static const char *read_answer(struct cli *c)
{
    char line[SECRET_MAX];

    if (!fgets(line, sizeof line, stdin))
        return NULL;
    line[strcspn(line, "\r\n")] = '\0';
    const char *kept = arena_strdup(c->arena, line);

    explicit_bzero(line, sizeof line);
    return kept;
}

const char *init_ask(struct cli *c, const char *question, const char *def)
{
    const char *answer;

    fprintf(stderr, "%s%s%s%s ", question, def[0] ? " [" : "", def, def[0] ? "]:" : ":");
    answer = read_answer(c);
    return answer && answer[0] ? answer : def;
}

static struct termios terminal_was;

/* Ctrl-C must not leave a terminal behind that shows nothing. */
static void on_interrupt(int sig)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal_was);
    _exit(128 + sig);
}

static bool echo_off(void)
{
    struct sigaction act = {.sa_handler = on_interrupt};
    struct termios quiet;

    if (tcgetattr(STDIN_FILENO, &terminal_was) != 0)
        return false;
    sigaction(SIGINT, &act, NULL);
    quiet = terminal_was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
}

static void echo_on(void)
{
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal_was);
    (void)signal(SIGINT, SIG_DFL);
}

/* The terminal is quiet before the question stands there: who types early is not shown either. */
struct secret *init_ask_secret(const char *question)
{
    bool hidden = echo_off();
    char line[SECRET_MAX];
    struct secret *s = NULL;
    size_t len;

    fprintf(stderr, "%s (not shown; empty: later): ", question);
    if (fgets(line, sizeof line, stdin)) {
        len = strcspn(line, "\r\n");
        if (len)
            s = secret_new(line, len);
    }
    explicit_bzero(line, sizeof line);
    if (hidden)
        echo_on();
    fputc('\n', stderr);
    return s;
}

static void ask_all(struct cli *c, struct answers *a)
{
    AUTO(buf_done) struct buf port = {0};
    struct err e = {0};

    buf_init(&port, 32);
    buf_printf(&port, "%lld", (long long)a->port);
    fprintf(stderr, "This writes %s. An empty answer takes what stands in [ ].\n\n", a->config);
    a->base_url =
        init_ask(c, "PagerDuty's API (EU accounts: https://api.eu.pagerduty.com)", a->base_url);
    if (!a->token)
        a->token =
            init_ask_secret("API key; a read-only one is enough for everything but executing");
    if (!a->webhook)
        a->webhook = init_ask_secret("Webhook secret, if the subscription is there already");
    a->subscription = init_ask(c, "Id of the webhook subscription, to watch it", a->subscription);
    a->from = init_ask(c, "E-mail of a PagerDuty service user, if there is one", a->from);
    a->state_dir = init_ask(c, "Folder of the database (a local disk)", a->state_dir);
    a->bind = init_ask(c, "Address to listen on", a->bind);
    while (parse_i64(init_ask(c, "Port", buf_str(&port)), 0, 65535, &a->port, &e) < 0)
        fprintf(stderr, "  a port is 0 to 65535\n");
    a->zone = init_ask(c, "Time zone for times in notes", a->zone);
    init_model_ask(c, &a->model);
}

/* ---- flags ---- */

static const char *folder_of(struct cli *c, const char *path)
{
    const char *slash = strrchr(path, '/');

    return !slash ? "." : slash == path ? "/" : fmt(c, "%.*s", (int)(slash - path), path);
}

static const char *or_default(const struct cli *c, const char *flag, const char *def)
{
    const char *v = flag_value(c, flag);

    return v ? v : def;
}

/* From the file that a flag names, else from the environment. 0 or the exit code. */
int init_secret(struct cli *c, const char *flag, const char *env, struct secret **out)
{
    const char *path = flag_value(c, flag),
               *value = getenv(env); /* NOLINT(concurrency-mt-unsafe): one thread */
    AUTO(mem_freep) char *bytes = NULL;
    struct err e = {0};
    size_t len = 0;

    if (!path) {
        if (value && value[0])
            *out = secret_new(value, strlen(value));
        return 0;
    }
    if (file_read(path, SECRET_MAX, &bytes, &len, &e) < 0)
        return fail(c, e.code == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED, "%s: %s", flag,
                    e.msg);
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        len--;
    if (len == 0)
        return fail(c, EXIT_USAGE, "%s: %s is empty", flag, show(c, path));
    *out = secret_new(bytes, len);
    explicit_bzero(bytes, len);
    return 0;
}

static int answers_read(struct cli *c, struct answers *a)
{
    const char *dir = flag_value(c, "--dir");
    int rc;

    a->dir = dir ? dir : folder_of(c, config_file(c));
    a->config = dir ? fmt(c, "%s/triaged.yaml", dir) : config_file(c);
    a->state_dir = or_default(c, "--state-dir", "/var/lib/triaged");
    a->base_url = or_default(c, "--base-url", US_URL);
    a->from = or_default(c, "--from", "");
    a->subscription = or_default(c, "--subscription", "");
    a->bind = or_default(c, "--bind", "127.0.0.1");
    a->zone = or_default(c, "--time-zone", "UTC");
    a->allow_private = flag_given(c, "--allow-private");
    if (!flag_int(c, "--port", 0, 65535, 8080, &a->port))
        return EXIT_USAGE;
    rc = init_secret(c, "--token-file", "TRIAGED_PAGERDUTY_TOKEN", &a->token);
    if (rc == 0)
        rc = init_secret(c, "--webhook-secret-file", "TRIAGED_WEBHOOK_SECRET", &a->webhook);
    return rc ? rc : init_model_read(c, &a->model);
}

/* ---- writing ---- */

static int made(struct cli *c, const char *path, unsigned mode)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    return fail(c, EXIT_FAILED, "%s: %s", show(c, path),
                strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static int folders_make(struct cli *c, const struct answers *a)
{
    for (const char *slash = strchr(a->dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        int rc = made(c, fmt(c, "%.*s", (int)(slash - a->dir), a->dir), 0755);

        if (rc)
            return rc;
    }
    if (made(c, a->dir, 0755) != 0)
        return EXIT_FAILED;
    if (made(c, fmt(c, "%s/runbooks", a->dir), 0755) != 0)
        return EXIT_FAILED;
    return made(c, fmt(c, "%s/rules", a->dir), 0755);
}

/* Secrets belong to the daemon's user where there is one and we may say so. */
static void give_to_daemon(const char *path)
{
    const struct passwd *pw = getpwnam(DAEMON_USER); /* NOLINT(concurrency-mt-unsafe): one thread */

    if (geteuid() == 0 && pw && lchown(path, pw->pw_uid, pw->pw_gid) != 0)
        fprintf(stderr, "triagectl: %s: cannot give it to the user " DAEMON_USER ": %s\n", path,
                strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static int secret_write(struct cli *c, const struct answers *a, const char *name,
                        const struct secret *s)
{
    const char *path = fmt(c, "%s/%s", a->dir, name), *bytes;
    struct err e = {0};
    size_t len;

    if (!s)
        return 0;
    bytes = secret_bytes(s, &len);
    if (file_write_atomic(path, bytes, len, 0600, &e) < 0)
        return fail_err(c, &e);
    give_to_daemon(path);
    return 0;
}

/* The shipped rows speak of hosts that nobody has: they are there to be uncommented. */
static int starter_put(struct cli *c, const char *path, const struct starter_file *s)
{
    AUTO(buf_done) struct buf text = {0};
    struct err e = {0};

    buf_init(&text, (size_t)256 * 1024);
    if (text_eq(s->path, SOURCES_NAME))
        init_comment_out(&text, s->text);
    else
        buf_add(&text, s->text, *s->len);
    CHECK(!text.over);
    return file_write_atomic(path, buf_str(&text), text.len, 0644, &e) < 0 ? fail_err(c, &e) : 0;
}

/* What is there already is somebody's work: it stays. */
static int starter_write(struct cli *c, const struct answers *a)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < starter_files_len; i++) {
        const struct starter_file *s = &starter_files[i];
        const char *path = fmt(c, "%s/%s", a->dir, s->path);

        if (access(path, F_OK) == 0)
            fprintf(stderr, "%s is there already and stays as it is\n", path);
        else
            rc = starter_put(c, path, s);
    }
    return rc;
}

static int config_write(struct cli *c, const struct answers *a)
{
    const char *port = fmt(c, "%lld", (long long)a->port);
    const struct init_edit edits[] = {
        {NULL, "state_dir", a->state_dir, false},
        {"intake", "bind", a->bind, false},
        {"intake", "port", port, true},
        {"intake", "secret_files", a->webhook ? "[" SECRET_NAME "]" : NULL, true},
        {"pagerduty", "base_url", a->base_url, false},
        {"pagerduty", "token_file", a->token ? TOKEN_NAME : NULL, false},
        {"pagerduty", "allow_private_addresses", a->allow_private ? "true" : "false", true},
        {"triage", "time_zone", a->zone, false},
        {"pagerduty", "from_email", a->from, false},
        {"pagerduty", "subscription_id", a->subscription, false},
    };
    struct init_edit used[ARRAY_LEN(edits) + MODEL_EDITS];
    AUTO(buf_done) struct buf text = {0};
    struct err e = {0};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(edits); i++)
        if (!edits[i].value ||
            edits[i].value[0]) /* an empty answer leaves the line as it is shipped */
            used[n++] = edits[i];
    n += init_model_edits(&a->model, used + n);
    buf_init(&text, (size_t)256 * 1024);
    init_render(&text, config_example(), used, n);
    CHECK(!text.over);
    if (file_write_atomic(a->config, buf_str(&text), text.len, 0644, &e) < 0)
        return fail_err(c, &e);
    return 0;
}

/* ---- afterwards ---- */

static int check_written(struct cli *c, const struct answers *a)
{
    struct config *cfg = NULL;
    struct rules *rules = NULL;
    struct policy *policy = NULL;
    struct sources *sources = NULL;
    struct runbooks *runbooks = NULL;
    struct err e = {0};
    int rc = config_load(a->config, &cfg, &e);

    if (rc == 0 && cfg->model.base_url)
        rc = net_base_url_check("the model", cfg->model.base_url, &e);
    if (rc == 0)
        rc = rules_load(cfg->rules_dir, &rules, &e);
    if (rc == 0)
        rc = policy_load(cfg->policy_file, &policy, &e);
    if (rc == 0)
        rc = sources_load(cfg->sources_file, &sources, &e);
    if (rc == 0)
        rc = runbooks_load(cfg->runbooks_dir, &runbooks, &e);
    sources_unref(sources);
    runbooks_unref(runbooks);
    config_unref(cfg);
    rules_unref(rules);
    policy_unref(policy);
    if (rc < 0)
        return fail(c, EXIT_FAILED, "written, but it does not load: %s", show(c, e.msg));
    return 0;
}

static void next_print(struct cli *c, const struct answers *a)
{
    int n = 1;

    printf("%s is written and loads.\n\nNext:\n", a->config);
    if (!a->token)
        printf("%d. Put a PagerDuty API key (read-only is enough to begin) into %s/" TOKEN_NAME
               ", chmod 600,\n   and take the '#' from the token_file line of %s.\n",
               n++, a->dir, a->config);
    printf("%d. Let your TLS proxy forward https://YOUR-HOST" WEBHOOK_PATH
           " to http://%s:%lld" WEBHOOK_PATH ".\n",
           n++, a->bind, (long long)a->port);
    if (a->webhook)
        printf("%d. The subscription in PagerDuty must send to https://YOUR-HOST" WEBHOOK_PATH
               ".\n",
               n++);
    else
        printf("%d. In PagerDuty: Integrations > Generic Webhooks (v3) > New webhook, URL "
               "https://YOUR-HOST" WEBHOOK_PATH
               ".\n   It shows a secret once: put it into %s/" SECRET_NAME
               ", chmod 600, and take the '#' from the\n   secret_files line of %s.\n",
               n++, a->dir, a->config);
    if (init_model_wants_key(&a->model))
        printf(
            "%d. If the model wants a key: put it into %s/" INIT_MODEL_KEY
            ", chmod 600, and take the '# ' from the key_file\n   line of %s; if not, say auth: none there.\n",
            n++, a->dir, a->config);
    printf("%d. Start the daemon: systemctl start triaged (or: triaged --config %s).\n", n++,
           a->config);
    printf("%d. Look: triagectl --config %s doctor\n", n++, a->config);
    printf(
        "%d. Add yourself: triagectl --config %s user add \"YOUR NAME\" YOU@EXAMPLE.COM --role admin "
        "--pagerduty YOUR-ID\n   and make a token: triagectl --config %s user token new YOU@EXAMPLE.COM --mine\n",
        n, a->config, a->config);
    printf("\nThen: triagectl --config %s backfill --since 180d reads the past into the memory; "
           "%s/" SOURCES_NAME
           "\nhas places to look at besides PagerDuty, and %s/runbooks is for yours.%s\n",
           a->config, a->dir, a->dir,
           a->model.url[0] ? "" : " A model is not needed (docs/model.md).");
    puts(
        "\nNothing is carried out before an admin releases the kill switch: triagectl kill-switch release");
    (void)c;
}

static int write_all(struct cli *c, const struct answers *a)
{
    int rc = folders_make(c, a);

    if (rc == 0)
        rc = secret_write(c, a, TOKEN_NAME, a->token);
    if (rc == 0)
        rc = secret_write(c, a, SECRET_NAME, a->webhook);
    if (rc == 0)
        rc = secret_write(c, a, INIT_MODEL_KEY, a->model.key);
    if (rc == 0)
        rc = starter_write(c, a);
    if (rc == 0)
        rc = config_write(c, a);
    if (rc == 0)
        rc = check_written(c, a);
    if (rc)
        return rc;
    if (c->json)
        return print_json(c, json_pack("{s:s, s:s, s:b, s:b, s:b}", "config", a->config,
                                       "webhook_path", WEBHOOK_PATH, "token", a->token != NULL,
                                       "webhook_secret", a->webhook != NULL, "model",
                                       a->model.url[0] != '\0'));
    next_print(c, a);
    return EXIT_DONE;
}

int cmd_init(struct cli *c)
{
    struct answers a = {0};
    int rc = answers_read(c, &a);

    if (rc == 0 && access(a.config, F_OK) == 0 && !flag_given(c, "--force"))
        rc = fail(
            c, EXIT_FAILED,
            "%s is there already: --force writes over it (rules, policy, sources and runbooks stay), --dir "
            "chooses another folder",
            a.config);
    if (rc == 0 && !flag_given(c, "--yes")) {
        if (!on_terminal())
            rc = fail(c, EXIT_USAGE,
                      "nobody to ask here: give --yes and flags ('triagectl help init')");
        else
            ask_all(c, &a);
    }
    if (rc == 0)
        rc = write_all(c, &a);
    secret_free(a.token);
    secret_free(a.webhook);
    secret_free(a.model.key);
    return rc;
}
