/* A source that shows our own request back: its credential goes no further. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "sources/sources.h"

static const struct {
    const char *body;
    int rc;
} answers[] = {
    {"{\"a\":[\"all is well\"]}", 0},
    {"{\"a\":[\"headers: Bearer tok-5f1c/9d2e\"]}", ERR_INPUT},
    {"{\"a\":[\"Bearer tok-5f1c\\/9d2e\"]}", ERR_INPUT}, /* as another writer of JSON has it */
    {"{\"a\":[\"well\"],\"b\":\"tok-5f1c/9d2e\"}", ERR_INPUT},
    {"{\"a\":[\"tok-5f1c\"]}", 0},
};

/* INV-7 */
static void an_answer_that_repeats_the_credential_is_not_kept(void **state)
{
    char dir[] = "/tmp/triaged-unit.XXXXXX", path[64], secret[64];
    static const char file[] =
        "hosts: [{name: h, base_url: 'https://h.example', auth: bearer, secret_file: token}]\n"
        "sources: [{name: a, host: h, url: /, extract: {json: 'a[*]', line: '{.}'}}]\n";
    AUTO(sources_unrefp) struct sources *s = NULL;
    struct err e = {0};

    (void)state;
    crypto_init();
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/sources.yaml", dir);
    (void)snprintf(secret, sizeof secret, "%s/token", dir);
    assert_int_equal(file_write_atomic(path, file, strlen(file), 0600, &e), 0);
    assert_int_equal(file_write_atomic(secret, "tok-5f1c/9d2e\n", 14, 0600, &e), 0);
    if (sources_load(path, &s, &e) < 0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        json_t *lines = NULL;
        int rc = sources_extract(s, 0, answers[i].body, strlen(answers[i].body), &lines, &e);

        if (rc != answers[i].rc)
            fail_msg("row %zu: %d", i, rc);
        assert_null(strstr(e.msg, "tok-"));
        json_decref(lines);
    }
    (void)unlink(path);
    (void)unlink(secret);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_repeats_the_credential_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
