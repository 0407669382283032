#include "schema_priv.h"

json_t *schema_for_iterator(const json_t *value)
{
    /* A cast would do the same, but all casts that drop const are refused by the compiler flags. */
    const union {
        const json_t *in;
        json_t *out;
    } same = {value};

    return same.out;
}

static bool is_integral(const json_t *v)
{
    double d = json_real_value(v);

    /* From 2^53 on every double is a whole number; below, the conversion is defined. */
    if (d <= -9007199254740992.0 || d >= 9007199254740992.0)
        return true;
    return d == (double)(int64_t)d;
}

unsigned schema_type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return TYPE_OBJECT;
    case JSON_ARRAY:
        return TYPE_ARRAY;
    case JSON_STRING:
        return TYPE_STRING;
    case JSON_INTEGER:
        return TYPE_INTEGER | TYPE_NUMBER;
    case JSON_REAL:
        return is_integral(value) ? TYPE_INTEGER | TYPE_NUMBER : TYPE_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return TYPE_BOOLEAN;
    case JSON_NULL:
        return TYPE_NULL;
    }
    return 0;
}

const char *schema_type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}

int schema_compare(const json_t *a, const json_t *b)
{
    double x, y;

    /* Integers are compared as such: a double holds only 53 bits of them. */
    if (json_is_integer(a) && json_is_integer(b))
        return (json_integer_value(a) > json_integer_value(b)) -
               (json_integer_value(a) < json_integer_value(b));
    x = json_number_value(a);
    y = json_number_value(b);
    return (x > y) - (x < y);
}

/* NOLINTBEGIN(misc-no-recursion): one level per level of the value, which the parsers cap at 64 */
static bool equal_at(const json_t *a, const json_t *b, unsigned depth)
{
    const char *key;
    json_t *member, *obj = schema_for_iterator(a);
    size_t i;

    if (depth > SCHEMA_MAX_DEPTH)
        return false;
    if (json_is_number(a) && json_is_number(b))
        return schema_compare(a, b) == 0;
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        for (i = 0; i < json_array_size(a); i++)
            if (!equal_at(json_array_get(a, i), json_array_get(b, i), depth + 1))
                return false;
        return true;
    }
    if (!json_is_object(a))
        return json_equal(a, b);
    if (json_object_size(a) != json_object_size(b))
        return false;
    for (void *it = json_object_iter(obj); it; it = json_object_iter_next(obj, it)) {
        key = json_object_iter_key(it);
        member = json_object_get(b, key);
        if (!member || !equal_at(json_object_iter_value(it), member, depth + 1))
            return false;
    }
    return true;
}
/* NOLINTEND(misc-no-recursion) */

bool schema_equal(const json_t *a, const json_t *b)
{
    return equal_at(a, b, 0);
}
