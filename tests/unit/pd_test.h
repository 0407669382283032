#ifndef TRIAGED_TESTS_PD_TEST_H
#define TRIAGED_TESTS_PD_TEST_H

/* What the tests of the pagerduty room share. cmocka must be included before. */
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "pagerduty/pagerduty.h"

#define PD_DATA SHARED_DIR "/pagerduty/"

/* A file of the shared folder, malloc'ed; the test fails with its name when it is missing. */
static inline char *pd_data(const char *name, size_t *len)
{
    char path[512];
    char *text = NULL;
    struct err e;

    snprintf(path, sizeof(path), "%s%s", PD_DATA, name);
    if (file_read(path, (size_t)16 * 1024 * 1024, &text, len, &e) < 0)
        fail_msg("%s: %s (the tests need the shared folder beside the project)", path, e.msg);
    return text;
}

/* The same as JSON; the official specification is larger than what the daemon would ever read. */
static inline json_t *pd_data_json(const char *name)
{
    size_t len = 0;
    char *text = pd_data(name, &len);
    json_error_t je;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);

    if (!j)
        fail_msg("%s: %s, line %d", name, je.text, je.line);
    mem_freep(&text);
    return j;
}

#endif
