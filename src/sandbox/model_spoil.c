#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/model.h"

/* Good replies made bad, each in one way or at random. */

enum {
    NODES_MAX = 400,
    OVERLONG_BYTES = 3 * 1024 * 1024,
    TEXT_ROOM = 8 * 1024 * 1024
};

static uint32_t dice(uint64_t *random, uint32_t below)
{
    uint64_t z = (*random += 0x9e3779b97f4a7c15U);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return below == 0 ? 0 : (uint32_t)(((z ^ (z >> 31)) >> 32) % below);
}

/* Every object and array of the reply, the root first. Returns how many. */
static size_t containers(json_t *root, json_t *out[NODES_MAX])
{
    size_t n = 0;

    if (!json_is_object(root) && !json_is_array(root))
        return 0;
    out[n++] = root;
    for (size_t at = 0; at < n; at++) {
        json_t *v;
        const char *name;
        size_t i;

        if (json_is_array(out[at])) {
            json_array_foreach (out[at], i, v)
                if (n < NODES_MAX && (json_is_object(v) || json_is_array(v)))
                    out[n++] = v;
        } else {
            json_object_foreach (out[at], name, v)
                if (n < NODES_MAX && (json_is_object(v) || json_is_array(v)))
                    out[n++] = v;
        }
    }
    return n;
}

/* A member too few and one too many. */
json_t *spoil_schema(json_t *reply)
{
    if (!json_is_object(reply)) {
        json_decref(reply);
        return json_pack("{s:s}", "unexpected", "this is not what the schema asks for");
    }
    json_object_del(reply, json_object_iter_key(json_object_iter(reply)));
    json_object_set_new(reply, "unexpected", json_integer(42));
    return reply;
}

json_t *spoil_quotes(json_t *reply)
{
    json_t *nodes[NODES_MAX];
    size_t n = containers(reply, nodes);

    for (size_t i = 0; i < n; i++)
        if (json_object_get(nodes[i], "quote") != NULL)
            json_object_set_new(nodes[i], "quote",
                                json_string("a sentence that stands nowhere in the evidence"));
    return reply;
}

json_t *spoil_size(json_t *reply)
{
    char *pad = mem_alloc(OVERLONG_BYTES + 1);
    json_t *impact = json_opt_obj(reply, "impact");

    memset(pad, 'x', OVERLONG_BYTES);
    if (impact != NULL)
        json_object_set_new(impact, "text", json_string(pad));
    else if (json_is_object(reply))
        json_object_set_new(reply, "text", json_string(pad));
    free(pad);
    return reply;
}

/* ---- at random ---- */

/* Values of every type, and words that somebody might be made to say. */
static json_t *any_value(uint64_t *random)
{
    static const char *const words[] = {
        "",
        "E99999",
        "E0",
        "incident",
        "resolve",
        "delete_service",
        "QAAAAAAAAAAAAA",
        "P0",
        "<script>alert(1)</script>",
        "[ok](https://evil.example/?q=secret)",
        "@everyone <!channel>",
        "\xe2\x80\xae drowssap \x01\x1b[31m",
        "I approve proposal 1",
        "99.99 % of users, 4211 orders lost on db-7",
    };
    json_t *deep;

    switch (dice(random, 8)) {
    case 0:
        return json_null();
    case 1:
        return json_integer((json_int_t)dice(random, UINT32_MAX) * -2147483648);
    case 2:
        return json_real(1e308);
    case 3:
        return json_boolean(dice(random, 2) == 0);
    case 4:
        deep = json_array();
        for (uint32_t levels = dice(random, 200); levels > 0; levels--)
            deep = json_pack("[o]", deep);
        return deep;
    case 5:
        return json_object();
    default:
        return json_string(words[dice(random, ARRAY_LEN(words))]);
    }
}

/* The member or item at a random place of the container becomes something else, goes, or comes many times. */
static void change_object(json_t *o, uint64_t *random)
{
    uint32_t skip = dice(random, (uint32_t)json_object_size(o));
    void *it = json_object_iter(o);
    json_t *v;

    while (skip-- > 0)
        it = json_object_iter_next(o, it);
    if (it == NULL || dice(random, 6) == 0) {
        json_object_set_new(o, dice(random, 2) == 0 ? "approve" : "extra", any_value(random));
        return;
    }
    v = json_object_iter_value(it);
    if (dice(random, 4) == 0)
        json_object_del(o, json_object_iter_key(it));
    else if (json_is_string(v) && dice(random, 2) == 0)
        json_object_iter_set_new(
            o, it, json_sprintf("%s%s", json_string_value(v), dice(random, 2) == 0 ? " 7" : "x"));
    else
        json_object_iter_set_new(o, it, any_value(random));
}

static void change_array(json_t *list, uint64_t *random)
{
    size_t n = json_array_size(list), at = dice(random, (uint32_t)n);

    if (n == 0 || dice(random, 3) == 0) {
        json_array_append_new(list, any_value(random));
    } else if (dice(random, 2) == 0) {
        for (uint32_t more = dice(random, 60); more > 0; more--)
            json_array_append_new(list, json_deep_copy(json_array_get(list, at)));
    } else {
        json_array_set_new(list, at, any_value(random));
    }
}

/* The text around and inside: fences, cuts, members that come twice, other bytes. */
static char *change_text(char *text, uint64_t *random)
{
    size_t len = strlen(text);
    struct buf b;

    buf_init(&b, TEXT_ROOM);
    switch (dice(random, 9)) {
    case 0:
        buf_printf(&b, "```json\n%s\n```", text);
        break;
    case 1:
        buf_add(&b, text, text_cut(text, len, dice(random, (uint32_t)len + 1)));
        break;
    case 2:
        buf_printf(&b, "{\"severity\":\"P1\",%s", text + (len > 0));
        break;
    case 3:
        buf_printf(&b, "Here is the form. %s", text);
        break;
    case 4:
        buf_printf(&b, "%s %s", text, text);
        break;
    case 5:
        for (int i = 0; len > 0 && i < 4; i++) {
            size_t at = dice(random, (uint32_t)len);

            if ((unsigned char)text[at] < 0x80)
                text[at] = (char)(0x20 + dice(random, 0x5f));
        }
        buf_puts(&b, text);
        break;
    case 6:
        break; /* says nothing */
    default:
        buf_puts(&b, text);
    }
    free(text);
    return buf_take(&b, &len);
}

char *spoil_anyhow(json_t *reply, uint64_t *random)
{
    json_t *nodes[NODES_MAX];
    char *text;

    for (uint32_t times = dice(random, 5); times > 0; times--) {
        size_t n = containers(reply, nodes);
        json_t *node = n == 0 ? NULL : nodes[dice(random, (uint32_t)n)];

        if (json_is_object(node))
            change_object(node, random);
        else if (json_is_array(node))
            change_array(node, random);
    }
    text = json_dumps(reply, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(reply);
    CHECK(text != NULL);
    return dice(random, 3) == 0 ? change_text(text, random) : text;
}
