#include <string.h>

#include "base/schema.h"
#include "http/http_priv.h"

extern const char openapi_json[];
extern const size_t openapi_json_len;

/*
 * What a request body may hold stands in openapi.json, once. All of them are read at start, so that a schema that means nothing
 * stops the start and not a request.
 */
static const char *const names[] = {
    "DecisionRequest", "EditRequest", "SettleRequest", "ProposalRequest",   "StandingRequest",
    "UserRequest",     "UserChange",  "TokenRequest",  "KillSwitchRequest", "BackfillRequest"};

struct http_schemas {
    struct schema *by_name[ARRAY_LEN(names)];
};

static int load_one(const json_t *all, const char *name, struct schema **out, struct err *e)
{
    AUTO(mem_freep) char *text = NULL;
    const json_t *schema = json_object_get(all, name);
    size_t len;

    CHECK(schema);
    text = json_canon(schema, &len);
    if (schema_new(text, len, out, e) < 0)
        return err_wrap(e, "openapi.json: %s", name);
    return 0;
}

int http_schemas_new(struct http_schemas **out, struct err *e)
{
    AUTO(json_freep) json_t *doc = NULL;
    struct http_schemas *s = mem_alloc(sizeof *s);
    int rc = json_parse(openapi_json, openapi_json_len, JSON_TEXT_MAX_TOKENS, &doc, e);

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(names); i++)
        rc = load_one(json_at(doc, "components.schemas"), names[i], &s->by_name[i], e);
    if (rc < 0) {
        http_schemas_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void http_schemas_free(struct http_schemas *s)
{
    for (size_t i = 0; s && i < ARRAY_LEN(names); i++)
        schema_free(s->by_name[i]);
    mem_freep(&s);
}

const struct schema *http_schema(const struct http_schemas *s, const char *name)
{
    size_t i = 0;

    while (i < ARRAY_LEN(names) && strcmp(names[i], name) != 0)
        i++;
    CHECK(i < ARRAY_LEN(names));
    return s->by_name[i];
}
