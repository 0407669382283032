#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/card.h"

/*
 * What a model was asked and answered, for people: the document that was made for this incident, one line for each piece of evidence. The instructions and the
 * form are the same for all; their size is told, and --json has every byte as it left.
 */

#define TOKENS_MAX 200000

/* A message's text, which is a string or a list with one text in it. */
static const char *text_of(const json_t *message)
{
    const json_t *content = json_object_get(message, "content");

    return json_is_array(content) ? json_opt_str(json_array_get(content, 0), "text")
                                  : json_string_value(content);
}

static void compact_print(struct cli *c, size_t indent, const char *before, const json_t *v)
{
    AUTO(mem_freep)
    char *text = json_dumps(v, JSON_ENCODE_ANY);

    put_wrapped(c, indent,
                fmt(c, "%*s%s%s", (int)indent, "", before, text ? show_lines(c, text, "") : "?"));
}

static void list_print(struct cli *c, const char *name, const json_t *list)
{
    size_t i;
    json_t *x;

    printf("    %s\n", paint(c, DIM, name));
    json_array_foreach (list, i, x)
        compact_print(c, 0, "      ", x);
}

static void document_print(struct cli *c, json_t *doc)
{
    const char *key;
    json_t *v;

    json_object_foreach (doc, key, v)
        if (json_is_array(v) && json_is_object(json_array_get(v, 0)))
            list_print(c, show(c, key), v);
        else
            compact_print(c, 0, fmt(c, "    %s ", paint(c, DIM, show(c, key))), v);
}

static void message_print(struct cli *c, const json_t *message)
{
    const char *text = text_of(message);
    AUTO(json_freep) json_t *doc = NULL;
    struct err e = {0};

    if (!text)
        return;
    if (text_eq(json_opt_str(message, "role"), "system"))
        put_wrapped(c, 0,
                    fmt(c, "    %s %zu bytes, the same for every incident",
                        paint(c, DIM, "instructions"), strlen(text)));
    else if (json_parse(text, strlen(text), TOKENS_MAX, &doc, &e) == 0 && json_is_object(doc))
        document_print(c, doc);
    else
        printf("    %s\n", show_lines(c, text, "    "));
}

void request_print(struct cli *c, const json_t *text)
{
    const char *bytes = json_string_value(text);
    AUTO(json_freep) json_t *body = NULL;
    struct err e = {0};
    size_t i;
    json_t *x;

    printf("  %s\n", paint(c, BOLD, "Request"));
    if (!bytes) {
        puts("    not kept any more");
        return;
    }
    if (json_parse(bytes, strlen(bytes), TOKENS_MAX, &body, &e) < 0 ||
        !json_opt_arr(body, "messages")) {
        printf("    %s\n", show_lines(c, bytes, "    "));
        return;
    }
    put_wrapped(c, 0,
                fmt(c, "    %zu bytes left; --json has them as they were sent", strlen(bytes)));
    json_array_foreach (json_opt_arr(body, "messages"), i, x)
        message_print(c, x);
}

/* Where each dialect puts what the model said. */
static const char *said_in(const json_t *root)
{
    const char *text = json_at_str(root, "choices.0.message.content");

    if (!text)
        text = json_at_str(root, "message.content");
    return text ? text : json_at_str(root, "content.0.text");
}

void reply_print(struct cli *c, const json_t *text)
{
    const char *bytes = json_string_value(text), *said = NULL;
    AUTO(json_freep) json_t *root = NULL;
    AUTO(json_freep) json_t *form = NULL;
    struct err e = {0};

    printf("  %s\n", paint(c, BOLD, "Reply"));
    if (!bytes) {
        puts("    not kept any more");
        return;
    }
    if (json_parse(bytes, strlen(bytes), TOKENS_MAX, &root, &e) == 0)
        said = said_in(root);
    if (said && json_parse(said, strlen(said), TOKENS_MAX, &form, &e) == 0 && json_is_object(form))
        document_print(c, form);
    else
        printf("    %s\n", show_lines(c, said ? said : bytes, "    "));
}
