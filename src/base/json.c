#include "base/json.h"

#include <string.h>
#include <utf8proc.h>

#include "base/clock.h"

/* jansson's own text quotes the input ("near '...'"), which must not reach a log. */
static const char *reason(const json_error_t *je)
{
    switch (json_error_code(je)) {
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "more text behind the value";
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_duplicate_key:
        return "a key occurs twice in one object";
    case json_error_null_byte_in_key:
    case json_error_null_character:
        return "NUL character";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_stack_overflow:
        return "nested too deep";
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_value:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
        break;
    }
    return "not valid JSON";
}

int json_parse(const char *bytes, size_t len, size_t max_tokens, json_t **out, struct err *e)
{
    json_error_t je;
    json_t *root;

    if (json_prescan(bytes, len, max_tokens, e) < 0)
        return e->code;
    root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &je);
    if (!root)
        return err_set(e, ERR_INPUT, "JSON line %d: %s", je.line > 0 ? je.line : 1, reason(&je));
    *out = root;
    return 0;
}

void json_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

const char *json_opt_str(const json_t *obj, const char *key)
{
    return json_string_value(json_object_get(obj, key));
}

int64_t json_opt_int(const json_t *obj, const char *key, int64_t def)
{
    const json_t *v = json_object_get(obj, key);

    if (json_is_integer(v))
        return json_integer_value(v);
    if (json_is_real(v)) {
        double d = json_real_value(v);

        /* Below 2^63 in size, so that the conversion is defined. */
        if (d > -9.2e18 && d < 9.2e18 && d == (double)(int64_t)d)
            return (int64_t)d;
    }
    return def;
}

bool json_opt_bool(const json_t *obj, const char *key, bool def)
{
    const json_t *v = json_object_get(obj, key);

    return json_is_boolean(v) ? json_is_true(v) : def;
}

json_t *json_opt_obj(const json_t *obj, const char *key)
{
    json_t *v = json_object_get(obj, key);

    return json_is_object(v) ? v : NULL;
}

json_t *json_opt_arr(const json_t *obj, const char *key)
{
    json_t *v = json_object_get(obj, key);

    return json_is_array(v) ? v : NULL;
}

/* Seven digits are more than any array here has, and cannot overflow. */
static bool read_index(const char *s, size_t len, size_t *out)
{
    size_t n = 0;

    if (len == 0 || len > 7)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        n = n * 10 + (size_t)(s[i] - '0');
    }
    *out = n;
    return true;
}

json_t *json_at(const json_t *root, const char *path)
{
    const json_t *at = root;
    json_t *found = NULL;

    for (;;) {
        size_t len = strcspn(path, "."), index;

        if (json_is_object(at))
            found = json_object_getn(at, path, len);
        else if (json_is_array(at) && read_index(path, len, &index))
            found = json_array_get(at, index);
        else
            return NULL;
        if (!found || path[len] == '\0')
            return found;
        at = found;
        path += len + 1;
    }
}

const char *json_at_str(const json_t *root, const char *path)
{
    return json_string_value(json_at(root, path));
}

int64_t json_opt_time_ms(const json_t *obj, const char *key, int64_t def)
{
    const json_t *v = json_object_get(obj, key);
    struct err e;
    int64_t ms;

    if (!json_is_string(v) ||
        time_parse_iso(json_string_value(v), json_string_length(v), &ms, &e) < 0)
        return def;
    return ms;
}

char *json_canon(const json_t *j, size_t *len)
{
    char *text = json_dumps(j, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);

    CHECK(text); /* only memory or a NULL can fail here */
    if (len)
        *len = strlen(text);
    return text;
}

char *json_canon_arena(struct arena *a, const json_t *j, size_t *len)
{
    size_t n;
    AUTO(mem_freep) char *text = json_canon(j, &n);

    if (len)
        *len = n;
    return arena_strndup(a, text, n);
}

static void quote_char(struct buf *b, const char *s, size_t len, utf8proc_int32_t cp)
{
    switch (cp) {
    case '"':
        buf_puts(b, "\\\"");
        return;
    case '\\':
        buf_puts(b, "\\\\");
        return;
    case '\n':
        buf_puts(b, "\\n");
        return;
    case '\r':
        buf_puts(b, "\\r");
        return;
    case '\t':
        buf_puts(b, "\\t");
        return;
    default:
        if (cp < 0x20 || (cp >= 0x7f && cp <= 0x9f))
            buf_printf(b, "\\u%04x", (unsigned)cp);
        else
            buf_add(b, s, len);
    }
}

void json_quote(struct buf *b, const char *s)
{
    size_t left;

    if (!s) {
        buf_puts(b, "null");
        return;
    }
    left = strlen(s);
    buf_putc(b, '"');
    while (left > 0) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)left, &cp);

        if (n <= 0) {
            buf_puts(b, "\xef\xbf\xbd"); /* U+FFFD for each byte that is not UTF-8 */
            n = 1;
        } else {
            quote_char(b, s, (size_t)n, cp);
        }
        s += n;
        left -= (size_t)n;
    }
    buf_putc(b, '"');
}
