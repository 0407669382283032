/*
 * Reads lines {"schema": ..., "value": ...} and answers each with a line: "valid", "invalid POINTER MESSAGE" or
 * "refused MESSAGE" when the schema itself is. tests/integration/schema_test.py gives the same lines to ajv.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/schema.h"

static void answer(const char *line, size_t len)
{
    AUTO(json_freep) json_t *pair = NULL;
    AUTO(schema_freep) struct schema *s = NULL;
    AUTO(mem_freep) char *text = NULL;
    struct schema_problem p;
    struct err e = {0};

    if (json_parse(line, len, JSON_TEXT_MAX_TOKENS, &pair, &e) < 0) {
        printf("unreadable %s\n", e.msg);
        return;
    }
    text = json_dumps(json_object_get(pair, "schema"), JSON_ENCODE_ANY);
    if (!text || schema_new(text, strlen(text), &s, &e) < 0)
        printf("refused %s\n", e.msg);
    else if (schema_check(s, json_object_get(pair, "value"), &p, 1) == 0)
        printf("valid\n");
    else
        printf("invalid '%s' %s\n", p.pointer, p.msg);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    while ((len = getline(&line, &room, stdin)) > 0)
        answer(line, (size_t)len);
    free(line);
    return 0;
}
