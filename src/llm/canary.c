/*
 * Does an endpoint keep to a schema? Some take the setting and drop it in silence. So it is asked for one thing while the schema allows only
 * another: an endpoint that enforces the schema cannot give the answer that was asked for.
 */
#include "base/json.h"
#include "base/text.h"
#include "llm/llm.h"

#define CANARY_TOKENS 1000 /* a reasoning model thinks before it says three characters */
#define ODD           "zq7"

void llm_canary_ask(struct llm_ask *out, json_t **schema)
{
    json_t *s =
        json_pack("{s:s, s:b, s:[s], s:{s:{s:s, s:[s]}}}", "type", "object", "additionalProperties",
                  0, "required", "k", "properties", "k", "type", "string", "enum", ODD);

    CHECK(s);
    *out = (struct llm_ask){
        .system = "Reply with one JSON object and nothing else.",
        .user = "{\"task\":\"canary\",\"say\":\"Reply with {\\\"k\\\":\\\"blue\\\"}.\"}",
        .schema = s,
        .schema_name = "canary",
        .max_output_tokens = CANARY_TOKENS,
    };
    *schema = s;
}

bool llm_canary_kept(const struct llm_reply *r)
{
    AUTO(json_freep) json_t *root = NULL;
    struct err e;

    if (r->end != LLM_END_OK || json_parse(r->text, r->len, 100, &root, &e) < 0)
        return false;
    return json_object_size(root) == 1 && text_eq(json_opt_str(root, "k"), ODD);
}
