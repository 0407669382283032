#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/file.h"

#define NAME "/etc/x/triaged.yaml"

static struct config *load(const char *text)
{
    struct config *c = NULL;
    struct err e = {0};

    if (config_parse(NAME, text, strlen(text), &c, &e) < 0)
        fail_msg("refused: %s\n%s", e.msg, text);
    return c;
}

static void the_least_file_gives_the_documented_defaults(void **state)
{
    struct config *c = load("state_dir: s\n");

    (void)state;
    assert_string_equal(c->state_dir, "/etc/x/s");
    assert_string_equal(c->rules_dir, "/etc/x/rules");
    assert_string_equal(c->intake.bind, "127.0.0.1");
    assert_int_equal(c->intake.port, 8080);
    assert_int_equal(c->intake.body_max_bytes, 512 * 1024);
    assert_int_equal(c->intake.max_age_ms, 604800000);
    assert_int_equal(c->intake.n_endpoints, 1);
    assert_int_equal(c->intake.endpoints[0].n_secrets, 0);
    assert_string_equal(c->pagerduty.base_url, "https://api.pagerduty.com");
    assert_null(c->pagerduty.token);
    assert_int_equal(c->pagerduty.per_minute, 960);
    assert_int_equal(c->triage.judge_after_ms, 1500);
    assert_int_equal(c->gate.expires_ms, 900000);
    assert_int_equal(c->gate.quiet_ms, 20000);
    assert_int_equal(c->gate.resend_gap_ms, 60000);
    assert_int_equal(c->mode, MODE_PROPOSE);
    config_unref(c);
}

/* Every setting of the shipped file is the default that the code has without it: the example tells the truth. */
static void the_shipped_example_says_the_real_defaults(void **state)
{
    char dir[] = "/tmp/triaged-config-XXXXXX";
    char path[64];
    struct err e = {0};
    struct config *example = NULL;
    struct config *least = load("state_dir: /var/lib/triaged\n");

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/webhook-secret", dir);
    assert_int_equal(file_write_atomic(path, "whsec\n", 6, 0600, &e), 0);
    snprintf(path, sizeof path, "%s/pagerduty-token", dir);
    assert_int_equal(file_write_atomic(path, "token\n", 6, 0600, &e), 0);
    snprintf(path, sizeof path, "%s/triaged.yaml", dir);
    if (config_parse(path, config_example(), strlen(config_example()), &example, &e) < 0)
        fail_msg("%s", e.msg);
    assert_int_equal(example->intake.endpoints[0].n_secrets, 1);
    assert_non_null(example->pagerduty.token);
    assert_string_equal(example->state_dir, least->state_dir);
    assert_int_equal(example->mode, least->mode);
    assert_int_equal(example->intake.port, least->intake.port);
    assert_int_equal(example->intake.threads, least->intake.threads);
    assert_int_equal(example->intake.connections_max, least->intake.connections_max);
    assert_int_equal(example->intake.body_max_bytes, least->intake.body_max_bytes);
    assert_int_equal(example->intake.max_age_ms, least->intake.max_age_ms);
    assert_int_equal(example->intake.failed_per_minute, least->intake.failed_per_minute);
    assert_string_equal(example->pagerduty.base_url, least->pagerduty.base_url);
    assert_string_equal(example->pagerduty.auth, least->pagerduty.auth);
    assert_int_equal(example->pagerduty.per_minute, least->pagerduty.per_minute);
    assert_int_equal(example->pagerduty.reserve_pct, least->pagerduty.reserve_pct);
    assert_int_equal(example->pagerduty.timeout_ms, least->pagerduty.timeout_ms);
    assert_int_equal(example->pagerduty.cache_service_ms, least->pagerduty.cache_service_ms);
    assert_int_equal(example->pagerduty.cache_oncall_ms, least->pagerduty.cache_oncall_ms);
    assert_int_equal(example->pagerduty.history_window_ms, least->pagerduty.history_window_ms);
    assert_memory_equal(&example->gate, &least->gate, sizeof least->gate);
    assert_int_equal(example->triage.judge_after_ms, least->triage.judge_after_ms);
    assert_int_equal(example->triage.refresh_ms, least->triage.refresh_ms);
    assert_int_equal(example->triage.proposals_max, least->triage.proposals_max);
    assert_string_equal(example->triage.time_zone, least->triage.time_zone);
    assert_string_equal(example->log.level, least->log.level);
    config_unref(example);
    config_unref(least);
    for (const char *const *f = (const char *const[]){"webhook-secret", "pagerduty-token", NULL};
         *f; f++) {
        snprintf(path, sizeof path, "%s/%s", dir, *f);
        unlink(path);
    }
    rmdir(dir);
}

static void modes_are_looked_up_by_service(void **state)
{
    struct config *c = load("state_dir: s\nmode: shadow\nmodes: {PA1: propose, PB2: off}\n");

    (void)state;
    assert_int_equal(config_service_mode(c, "PA1"), MODE_PROPOSE);
    assert_int_equal(config_service_mode(c, "PB2"), MODE_OFF);
    assert_int_equal(config_service_mode(c, "PC3"), MODE_SHADOW);
    assert_int_equal(config_service_mode(c, NULL), MODE_SHADOW);
    config_unref(c);
}

static void a_reference_keeps_the_snapshot_alive(void **state)
{
    struct config *c = config_ref(load("state_dir: s\n"));

    (void)state;
    config_unref(c);
    assert_string_equal(c->state_dir, "/etc/x/s");
    config_unref(c);
    config_unref(NULL);
}

/* ---- files that must be refused, with the line ---- */

struct bad {
    const char *text;
    int line;
    const char *word; /* the message holds it */
};

static const struct bad bad_files[] = {
    {"", 1, ""},
    {"mode: propose\n", 1, "state_dir"},
    {"state_dir: s\nmodus: propose\n", 2, "modus"},
    {"state_dir: s\nmode: yes\n", 2, "mode"},
    {"state_dir: s\nmode: PROPOSE\n", 2, ""},
    {"state_dir: s\nmodes: {P-1: off}\n", 2, "modes"},
    {"state_dir: s\nmodes: [off]\n", 2, "object"},
    {"state_dir: s\nstate_dir: t\n", 2, "state_dir"},
    {"state_dir: ''\n", 1, ""},
    {"state_dir: 7\n", 1, "string"},
    {"state_dir: &a s\n", 1, ""},
    {"state_dir: !!str s\n", 1, ""},
    {"state_dir: s\n---\nstate_dir: t\n", 2, ""},
    {"state_dir: s\nintake:\n  port: 70000\n", 3, "65535"},
    {"state_dir: s\nintake:\n  port: '80'\n", 3, "integer"},
    {"state_dir: s\nintake:\n  port: 8080.5\n", 3, "integer"},
    {"state_dir: s\nintake:\n  bind: localhost\n", 3, "IP address"},
    {"state_dir: s\nintake:\n  bind: 127.0.0.1:80\n", 3, "IP address"},
    {"state_dir: s\nintake:\n  threads: 0\n", 3, "1"},
    {"state_dir: s\nintake:\n  threads: 99\n", 3, "16"},
    {"state_dir: s\nintake:\n  body_max_kib: 10\n", 3, "256"},
    {"state_dir: s\nintake:\n  webhooks: []\n", 3, ""},
    {"state_dir: s\nintake:\n  webhooks:\n    - name: a/b\n", 4, ""},
    {"state_dir: s\nintake:\n  webhooks:\n    - secret_files: [x]\n", 4, "name"},
    {"state_dir: s\nintake:\n  webhooks:\n    - name: a\n    - name: b\n    - name: a\n", 6,
     "twice"},
    {"state_dir: s\nintake:\n  webhooks:\n    - name: a\n      secret_files: [/nowhere/secret]\n",
     5, "/nowhere/secret"},
    {"state_dir: s\nintake:\n  webhooks:\n    - name: a\n      secret_files: ['credential:x']\n", 5,
     "CREDENTIALS_DIRECTORY"},
    {"state_dir: s\nintake:\n  webhooks:\n    - name: a\n      secret: whsec_in_the_file\n", 5,
     "secret"},
    {"state_dir: s\npagerduty:\n  token: abcdef\n", 3, "token"},
    {"state_dir: s\npagerduty:\n  base_url: api.pagerduty.com\n", 3, ""},
    {"state_dir: s\npagerduty:\n  base_url: ftp://api.pagerduty.com\n", 3, ""},
    {"state_dir: s\npagerduty:\n  auth: basic\n", 3, ""},
    {"state_dir: s\npagerduty:\n  from_email: Ana <ana@example.com>\n", 3, "bare"},
    {"state_dir: s\npagerduty:\n  token_file: /nowhere/token\n", 3, "/nowhere/token"},
    {"state_dir: s\npagerduty:\n  per_minute: 1\n", 3, "10"},
    {"state_dir: s\npagerduty:\n  reserve_percent: 100\n", 3, "80"},
    {"state_dir: s\npagerduty:\n  allow_private_addresses: yes\n", 3, "boolean"},
    {"state_dir: s\ntriage:\n  time_zone: Europe/Atlantis\n", 3, "Europe/Atlantis"},
    {"state_dir: s\ntriage:\n  time_zone: ../../etc/passwd\n", 3, ""},
    {"state_dir: s\ntriage:\n  judge_after_ms: -1\n", 3, "10"},
    {"state_dir: s\ngate:\n  quiet_ms: forever\n", 3, "integer"},
    {"state_dir: s\ngate:\n  expires: 15m\n", 3, "expires"},
    {"state_dir: s\nlog:\n  level: loud\n", 3, ""},
    {"state_dir: s\nlog: debug\n", 2, "object"},
    {"state_dir: s\n  mode: x\n", 2, ""},
    {"state_dir: [\n", 2, ""},
    {"state_dir: \"s\n", 2, ""},
    {"\tstate_dir: s\n", 1, ""},
    {"- state_dir\n", 1, "object"},
};

static void refuse(const char *text, int line, const char *word)
{
    struct config *c = NULL;
    struct err e = {0};
    char where[64];

    if (config_parse(NAME, text, strlen(text), &c, &e) == 0)
        fail_msg("accepted:\n%s", text);
    assert_int_equal(e.code, ERR_INPUT);
    if (line > 0) {
        snprintf(where, sizeof where, NAME ":%d:", line);
        if (strncmp(e.msg, where, strlen(where)) != 0)
            fail_msg("expected line %d, got: %s\n%s", line, e.msg, text);
    }
    if (!strstr(e.msg, word))
        fail_msg("no '%s' in: %s", word, e.msg);
}

static void bad_files_are_refused_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_files); i++)
        refuse(bad_files[i].text, bad_files[i].line, bad_files[i].word);
}

/* F-41: every setting of the example, once misspelt and once of a wrong type: never a silently dropped key. */
static void no_key_is_ever_dropped_in_silence(void **state)
{
    const char *text = config_example();
    int refused = 0;
    int line = 0;

    (void)state;
    for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
        size_t indent = strspn(p, " ");
        size_t name = strcspn(p + indent, ":\n ");

        line++;
        if (p[indent] == '#' || p[indent] == '-' || p[indent + name] != ':')
            continue;

        for (int m = 0; m < 4; m++) {
            const char *rest = m < 2 ? p + indent + name + 1 : strchr(p, '\n') + 1;
            AUTO(buf_done) struct buf whole;

            buf_init(&whole, 65536);
            buf_add(&whole, text, (size_t)(p - text) + indent);
            if (m == 0)
                buf_printf(&whole, "%.*sx:%s", (int)name, p + indent, rest);
            else if (m == 1)
                buf_printf(&whole, "x%.*s:%s", (int)name, p + indent, rest);
            else
                buf_printf(&whole, "%.*s: %s\n%s", (int)name, p + indent,
                           m == 2 ? "{a: 1}" : "[[1]]", rest);
            refuse(buf_str(&whole), 0, NAME ":");
            refused++;
        }
    }
    assert_true(refused >= 150);
}

static void a_secret_that_others_may_read_is_refused(void **state)
{
    char path[] = "/tmp/triaged-secret-XXXXXX";
    char text[200];
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "whsec", 5), 5);
    close(fd);
    assert_int_equal(chmod(path, 0644), 0);
    snprintf(text, sizeof text,
             "state_dir: s\nintake:\n  webhooks:\n    - name: a\n      secret_files: [%s]\n", path);
    refuse(text, 5, "chmod 600");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_file_gives_the_documented_defaults),
        cmocka_unit_test(the_shipped_example_says_the_real_defaults),
        cmocka_unit_test(modes_are_looked_up_by_service),
        cmocka_unit_test(a_reference_keeps_the_snapshot_alive),
        cmocka_unit_test(bad_files_are_refused_with_their_line),
        cmocka_unit_test(no_key_is_ever_dropped_in_silence),
        cmocka_unit_test(a_secret_that_others_may_read_is_refused),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
