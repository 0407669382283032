#include <string.h>

#include "base/text.h"
#include "rules/rules_priv.h"

/* The next "{name}" at or behind *at. Literal text before it goes to out (may be NULL). 1 found, 0 end, negative broken. */
static int piece_next(const char *text, size_t *at, struct buf *out, char name[256])
{
    for (;;) {
        char c = text[*at];
        size_t len;

        if (c == '\0')
            return 0;
        if ((c == '{' || c == '}') && text[*at + 1] == c) {
            if (out)
                buf_putc(out, c);
            *at += 2;
            continue;
        }
        if (c == '}')
            return ERR_INPUT;
        if (c != '{') {
            if (out)
                buf_putc(out, c);
            (*at)++;
            continue;
        }
        len = strcspn(text + *at + 1, "{}");
        if (text[*at + 1 + len] != '}' || len == 0 || len >= 256)
            return ERR_INPUT;
        memcpy(name, text + *at + 1, len);
        name[len] = '\0';
        *at += len + 2;
        return 1;
    }
}

int template_check(const char *text, const struct cond *c, struct err *e)
{
    char name[256];
    size_t at = 0;
    int rc;

    if (strlen(text) > TEMPLATE_MAX)
        return err_set(e, ERR_INPUT, "the text is over %d bytes", TEMPLATE_MAX);
    while ((rc = piece_next(text, &at, NULL, name)) > 0) {
        if (strchr(name, '.') ? cond_field_known(name) && !field_of_policy(name)
                              : cond_has_capture(c, name))
            continue;
        if (field_of_policy(name))
            return err_set(e, ERR_INPUT, "{%.80s} is known to policies only", name);
        if (strchr(name, '.'))
            return err_set(e, ERR_INPUT, "{%.80s} is no field; did you mean {%s}?", name,
                           field_nearest(name));
        return err_set(e, ERR_INPUT,
                       "{%.80s} is no field, and no pattern of this rule has a group (?<%.80s>...)",
                       name, name);
    }
    if (rc < 0)
        return err_set(e, ERR_INPUT, "a brace is not closed; write {{ or }} for a brace itself");
    return 0;
}

static void value_show(struct buf *out, json_t *v, size_t max)
{
    if (json_is_string(v))
        text_show(out, json_string_value(v), json_string_length(v), max, true);
    else if (json_is_integer(v))
        buf_printf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        buf_printf(out, "%.4g", json_real_value(v));
    else if (json_is_boolean(v))
        buf_puts(out, json_is_true(v) ? "yes" : "no");
    else
        buf_puts(out, "unknown");
}

static void value_put(struct buf *out, json_t *v)
{
    size_t i;

    if (!json_is_array(v)) {
        value_show(out, v, TEMPLATE_ONE_MAX);
        return;
    }
    for (i = 0; i < json_array_size(v) && i < 10; i++) {
        if (i > 0)
            buf_puts(out, ", ");
        value_show(out, json_array_get(v, i), TEMPLATE_ONE_MAX / 4);
    }
    if (json_array_size(v) == 0)
        buf_puts(out, "none");
    if (json_array_size(v) > 10)
        buf_printf(out, " and %zu more", json_array_size(v) - 10);
}

json_t *template_fill(const char *text, json_t *captures, json_t *facts)
{
    char name[256];
    struct buf b;
    json_t *out;
    size_t at = 0;

    buf_init(&b, (size_t)1024 * 1024);
    while (piece_next(text, &at, &b, name) > 0) {
        json_t *v = strchr(name, '.') ? field_get(facts, name) : json_object_get(captures, name);

        value_put(&b, v);
    }
    out = json_stringn(buf_str(&b), text_cut(buf_str(&b), b.len, TEMPLATE_ALL_MAX));
    buf_done(&b);
    return out ? out : json_string("");
}
