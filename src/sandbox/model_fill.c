#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "sandbox/model.h"

/* Filling in a form of which only the JSON Schema is known. */

enum {
    DEPTH_MAX = 12
};

/* What may be cited. */
struct sources {
    const json_t *handles;
    const json_t *items; /* of the document; NULL: there is none */
};

static json_t *fill(const json_t *root, const json_t *schema, const char *name,
                    const struct sources *from, int depth);

static const json_t *follow(const json_t *root, const json_t *schema)
{
    for (int hops = 0; hops < 8; hops++) {
        const char *ref = json_opt_str(schema, "$ref");

        if (ref == NULL || !text_starts(ref, "#/$defs/"))
            return schema;
        schema = json_object_get(json_object_get(root, "$defs"), ref + 8);
    }
    return schema;
}

static json_t *fill_object(const json_t *root, const json_t *schema, const struct sources *from,
                           int depth)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    json_t *o = json_object(), *cite = NULL;

    /* A cite needs words that stand in the item, so it is made from the document, if there is one. */
    if (json_object_get(properties, "id") != NULL && json_object_get(properties, "quote") != NULL)
        for (size_t i = 0; i < json_array_size(from->items) && cite == NULL; i++)
            cite = model_cite(json_array_get(from->items, i));
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));

        if (name != NULL)
            json_object_set_new(
                o, name, fill(root, json_object_get(properties, name), name, from, depth + 1));
    }
    if (cite != NULL)
        json_object_update_existing(o, cite);
    json_decref(cite);
    return o;
}

/* Lists of handles cite the first ones; other lists stay as short as the schema allows, but never empty of claims. */
static json_t *fill_array(const json_t *root, const json_t *schema, const char *name,
                          const struct sources *from, int depth)
{
    const json_t *items = follow(root, json_object_get(schema, "items"));
    int64_t min = json_opt_int(schema, "minItems", 0), max = json_opt_int(schema, "maxItems", 2);
    json_t *list = json_array();
    bool cites = text_eq(json_opt_str(items, "type"), "string") &&
                 json_object_get(items, "enum") == NULL &&
                 (strstr(name, "evidence") != NULL || strstr(name, "cite") != NULL ||
                  strstr(name, "handle") != NULL || strstr(name, "refs") != NULL);

    if (cites) {
        for (size_t i = 0; i < json_array_size(from->handles) && (int64_t)i < max && i < 2; i++)
            json_array_append(list, json_array_get(from->handles, i));
        return list;
    }
    if (min == 0 && json_object_get(items, "properties") != NULL && max > 0)
        min = json_array_size(from->handles) > 0 ? 1 : 0;
    for (int64_t i = 0; i < min && i < 8; i++)
        json_array_append_new(list, fill(root, items, name, from, depth + 1));
    return list;
}

static json_t *fill_string(const json_t *schema, const char *name, const struct sources *from)
{
    const json_t *first = json_array_get(from->handles, 0);
    const char *pattern = json_opt_str(schema, "pattern");
    int64_t max = json_opt_int(schema, "maxLength", 200);
    char text[] = "The evidence points at a recent change; see the items cited.";

    if (first != NULL &&
        ((pattern != NULL && strstr(pattern, "^E") != NULL) || strstr(name, "evidence") != NULL ||
         strstr(name, "handle") != NULL || strcmp(name, "ref") == 0))
        return json_string(json_string_value(first));
    if (first != NULL && strcmp(name, "id") == 0)
        return json_string(json_string_value(first));
    if (strcmp(name, "quote") == 0)
        return json_string("");
    return json_stringn(text, max < (int64_t)strlen(text) ? (size_t)max : strlen(text));
}

static const char *type_of(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");

    if (json_is_array(type)) /* "string or null": the first one that says something */
        for (size_t i = 0; i < json_array_size(type); i++)
            if (!text_eq(json_string_value(json_array_get(type, i)), "null"))
                return json_string_value(json_array_get(type, i));
    return json_string_value(type);
}

static json_t *fill(const json_t *root, const json_t *schema, const char *name,
                    const struct sources *from, int depth)
{
    const json_t *choices;
    const char *type;

    schema = follow(root, schema);
    if (depth > DEPTH_MAX || schema == NULL)
        return json_null();
    if (json_object_get(schema, "const") != NULL)
        return json_deep_copy(json_object_get(schema, "const"));
    choices = json_object_get(schema, "enum");
    if (json_array_size(choices) > 0)
        return json_deep_copy(json_array_get(choices, 0));
    choices = json_object_get(schema, "anyOf");
    if (json_array_size(choices) > 0)
        return fill(root, json_array_get(choices, 0), name, from, depth + 1);
    type = type_of(schema);
    if (text_eq(type, "object"))
        return fill_object(root, schema, from, depth);
    if (text_eq(type, "array"))
        return fill_array(root, schema, name, from, depth);
    if (text_eq(type, "string"))
        return fill_string(schema, name, from);
    if (text_eq(type, "boolean"))
        return json_false();
    if (text_eq(type, "integer") || text_eq(type, "number"))
        return json_integer(json_opt_int(schema, "minimum", 0));
    return json_null();
}

json_t *model_fill(const json_t *schema, const json_t *handles, const json_t *doc)
{
    const struct sources from = {handles, json_opt_arr(doc, "evidence")};

    return fill(schema, schema, "", &from, 0);
}
