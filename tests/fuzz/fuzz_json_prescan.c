#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

/*
 * The pre-scan beside jansson:
 *  - what jansson accepts and is within the limits, the pre-scan accepts with exactly that many tokens;
 *  - what the pre-scan accepts does not make jansson crash, and nests no deeper than it says.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NOLINTNEXTLINE(misc-no-recursion): jansson's own nesting limit (2048) bounds it */
static size_t count(const json_t *j, size_t depth, size_t *deepest)
{
    size_t tokens = 1;
    json_t *obj = (json_t *)(uintptr_t)j;

    if (json_is_array(j) || json_is_object(j))
        depth++;
    if (depth > *deepest)
        *deepest = depth;
    for (size_t i = 0; json_is_array(j) && i < json_array_size(j); i++)
        tokens += count(json_array_get(j, i), depth, deepest);
    if (json_is_object(j))
        for (void *it = json_object_iter(obj); it; it = json_object_iter_next(obj, it))
            tokens += 1 + count(json_object_iter_value(it), depth, deepest);
    return tokens;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    json_error_t je;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &je), *parsed = NULL;
    struct err e;
    size_t deepest = 0, tokens;
    int rc;

    /* jansson 2.14 overlooks a NUL right behind a number; the pre-scan must not. */
    if (root && memchr(text, '\0', size)) {
        CHECK(json_prescan(text, size, JSON_TEXT_MAX_TOKENS, &e) == ERR_INPUT);
    } else if (root) {
        tokens = count(root, 0, &deepest);
        rc = json_prescan(text, size, tokens, &e);
        CHECK((rc == 0) == (deepest <= JSON_TEXT_MAX_DEPTH));
        CHECK(json_prescan(text, size, tokens - 1, &e) == ERR_INPUT);
    }
    rc = json_parse(text, size, JSON_TEXT_MAX_TOKENS, &parsed, &e);
    CHECK(rc != 0 || root);
    json_decref(parsed);
    json_decref(root);
    return 0;
}
