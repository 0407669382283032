#include "llm/redact.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/redact_priv.h"

/* ---- Making one ----------------------------------------------------------------------------------------------- */

static bool listed(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (text_eq(list[i], name))
            return true;
    return false;
}

static bool class_known(const char *name, bool *optional)
{
    const char *at;

    for (size_t i = 0; (at = redact_class(i, optional, NULL)); i++)
        if (text_eq(at, name))
            return true;
    return false;
}

static bool class_wanted(const struct config_redaction *cfg, const char *name)
{
    bool optional = false;

    CHECK(class_known(name, &optional));
    if (listed(cfg->off, cfg->n_off, name))
        return false;
    return !optional || listed(cfg->on, cfg->n_on, name);
}

static int names_check(const char *const *names, size_t n, const char *where, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!class_known(names[i], NULL))
            return err_set(e, ERR_INPUT,
                           "redaction.%s: there is no class \"%s\"; docs/model.md lists them",
                           where, names[i]);
    return 0;
}

/*
 * Callouts before every item count the work of matching. No JIT, no \C; the limits are set for each match. A text is checked once to be UTF-8,
 * not by every match.
 */
static pcre2_code *compile(const char *pattern, uint32_t more, int *number, size_t *offset)
{
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT | more;
    PCRE2_SIZE at = 0;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, number, &at, NULL);

    *offset = at;
    return code;
}

static void hint_add(struct redactor *r, const char *text, size_t len, size_t pattern)
{
    size_t slot = (size_t)(unsigned char)text[0] * 128 + (unsigned char)text[1];
    struct redact_hint *h = &r->hints[++r->n_hints];

    CHECK(len >= 2 && r->n_hints + 1 < REDACT_HINTS_MAX);
    *h = (struct redact_hint){text, (uint16_t)len, (uint16_t)pattern, r->first[slot]};
    r->first[slot] = (uint16_t)r->n_hints;
}

static void row_add(struct redactor *r, const struct redact_row *row)
{
    struct redact_pattern *p = &r->patterns[r->n_patterns];
    const char *at = row->hints;
    uint32_t more = 0;
    int number;
    size_t offset;

    *p = (struct redact_pattern){row->class, row->gate, row->check, NULL};
    if (row->caseless)
        more |= PCRE2_CASELESS;
    if (row->gate == GATE_AT)
        more |= PCRE2_USE_OFFSET_LIMIT;
    p->code = compile(row->pattern, more, &number, &offset);
    CHECK(p->code);
    while (at && *at) {
        size_t len = strcspn(at, "|");

        hint_add(r, at, len, r->n_patterns);
        at += len + strspn(at + len, "|");
    }
    if (row->gate == GATE_AT) {
        CHECK(r->n_at < ARRAY_LEN(r->at));
        r->at[r->n_at++] = r->n_patterns;
    }
    r->n_patterns++;
}

static bool matches_nothing(const pcre2_code *code)
{
    pcre2_match_data *md = pcre2_match_data_create(1, NULL);
    int rc;

    CHECK(md);
    rc = pcre2_match(code, (PCRE2_SPTR) "", 0, 0, 0, md, NULL);
    pcre2_match_data_free(md);
    return rc >= 0;
}

static int extra_add(struct redactor *r, const struct config_redact_pattern *x, struct err *e)
{
    struct redact_pattern *p = &r->patterns[r->n_patterns];
    int number = 0;
    size_t offset = 0;

    if (class_known(x->name, NULL) || text_eq(x->name, REDACT_CLASS_LIMIT))
        return err_set(e, ERR_INPUT,
                       "redaction.extra: \"%s\" is a class that ships; choose another name",
                       x->name);
    p->code = compile(x->pattern, 0, &number, &offset);
    if (p->code == NULL) {
        PCRE2_UCHAR text[120];

        pcre2_get_error_message(number, text, sizeof text);
        return err_set(e, ERR_INPUT,
                       "redaction.extra: the pattern of \"%s\" is broken at character %zu: %s",
                       x->name, offset, (const char *)text);
    }
    r->names[r->n_names] = mem_strdup(x->name);
    p->class = r->names[r->n_names++];
    p->gate = GATE_NONE;
    r->n_patterns++;
    if (matches_nothing(p->code))
        return err_set(e, ERR_INPUT,
                       "redaction.extra: the pattern of \"%s\" matches the empty text", x->name);
    return 0;
}

int redact_new(const struct config_redaction *cfg, const uint8_t key[REDACT_KEY_BYTES],
               struct redactor **out, struct err *e)
{
    AUTO(redact_freep) struct redactor *r = mem_alloc(sizeof *r);
    size_t n;
    const struct redact_row *rows = redact_rows(&n);

    memcpy(r->key, key, REDACT_KEY_BYTES);
    if (names_check(cfg->off, cfg->n_off, "off", e) < 0 ||
        names_check(cfg->on, cfg->n_on, "on", e) < 0)
        return e->code;
    r->patterns = mem_array(n + CONFIG_REDACT_EXTRA_MAX, sizeof *r->patterns);
    for (size_t i = 0; i < n; i++)
        if (class_wanted(cfg, rows[i].class))
            row_add(r, &rows[i]);
    r->members = class_wanted(cfg, REDACT_CLASS_MEMBER);
    for (size_t i = 0; i < cfg->n_extra && i < CONFIG_REDACT_EXTRA_MAX; i++)
        if (extra_add(r, &cfg->extra[i], e) < 0)
            return e->code;
    *out = TAKE(r);
    return 0;
}

struct redactor *redact_ref(struct redactor *r)
{
    if (r)
        atomic_fetch_add(&r->more_refs, 1);
    return r;
}

void redact_free(struct redactor *r)
{
    if (r == NULL || atomic_fetch_sub(&r->more_refs, 1) > 0)
        return;
    for (size_t i = 0; i < r->n_patterns; i++)
        pcre2_code_free(r->patterns[i].code);
    for (size_t i = 0; i < r->n_names; i++)
        mem_freep(&r->names[i]);
    mem_freep(&r->patterns);
    explicit_bzero(r->key, sizeof r->key);
    mem_freep(&r);
}

void redact_freep(struct redactor **r)
{
    redact_free(*r);
    *r = NULL;
}

void redacted_done(struct redacted *x)
{
    json_decref(x->counts);
    json_decref(x->pairs);
    *x = (struct redacted){0};
}

bool redact_class_on(const struct redactor *r, const char *class)
{
    if (text_eq(class, REDACT_CLASS_MEMBER))
        return r->members;
    for (size_t i = 0; i < r->n_patterns; i++)
        if (text_eq(r->patterns[i].class, class))
            return true;
    return false;
}

/* ---- Placeholders --------------------------------------------------------------------------------------------- */

void redact_put(const struct redactor *r, const char *class, const char *value, size_t len,
                struct buf *out, struct redacted *found)
{
    size_t name = strlen(class) + 1; /* with its NUL: no two pairs of class and value share bytes */
    uint8_t *text = mem_alloc(name + len), mac[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1], shown[REDACT_NAME_MAX + REDACT_DIGITS + 8];

    memcpy(text, class, name);
    memcpy(text + name, value, len);
    hmac_sha256(r->key, sizeof r->key, text, name + len, mac);
    explicit_bzero(text, name + len);
    mem_freep(&text);
    hex_encode(mac, REDACT_DIGITS / 2, hex);
    snprintf(shown, sizeof shown, "[%.40s:%.10s]", class, hex);
    buf_puts(out, shown);
    if (found == NULL)
        return;
    if (found->counts == NULL)
        found->counts = json_object();
    json_object_set_new(found->counts, class,
                        json_integer(json_opt_int(found->counts, class, 0) + 1));
    if (found->pairs && json_object_get(found->pairs, shown) == NULL)
        json_object_set_new(found->pairs, shown, json_stringn(value, len));
}

/* "[class:0123456789]": the length of what has this shape, and its name. */
static size_t shape_of(const char *s, size_t len, char name[REDACT_NAME_MAX + 1])
{
    size_t n = 0, digits = 0;

    if (len == 0 || s[0] != '[')
        return 0;
    while (1 + n < len && n < REDACT_NAME_MAX &&
           strchr("abcdefghijklmnopqrstuvwxyz0123456789_", s[1 + n]) && s[1 + n])
        n++;
    if (n == 0 || 1 + n >= len || s[1 + n] != ':')
        return 0;
    memcpy(name, s + 1, n);
    name[n] = '\0';
    n += 2;
    while (n + digits < len && digits < REDACT_DIGITS && s[n + digits] &&
           strchr("0123456789abcdef", s[n + digits]))
        digits++;
    n += digits;
    return digits == REDACT_DIGITS && n < len && s[n] == ']' ? n + 1 : 0;
}

size_t redact_placeholder(const struct redactor *r, const char *s, size_t len)
{
    char name[REDACT_NAME_MAX + 1];
    size_t n = shape_of(s, len, name);

    if (n == 0 || text_eq(name, REDACT_CLASS_LIMIT) || class_known(name, NULL))
        return n;
    for (size_t i = 0; i < r->n_names; i++)
        if (text_eq(r->names[i], name))
            return n;
    return 0;
}

void redact_restore(const json_t *pairs, const char *s, struct buf *out)
{
    size_t len = strlen(s), from = 0, i = 0;
    char name[REDACT_NAME_MAX + 1], key[REDACT_NAME_MAX + REDACT_DIGITS + 8];

    while (i < len) {
        size_t n = s[i] == '[' ? shape_of(s + i, len - i, name) : 0;
        const json_t *value = NULL;

        if (n > 0 && n < sizeof key) {
            memcpy(key, s + i, n);
            key[n] = '\0';
            value = json_object_get(pairs, key);
        }
        if (!json_is_string(value)) {
            i++;
            continue;
        }
        buf_add(out, s + from, i - from);
        buf_add(out, json_string_value(value), json_string_length(value));
        i += n;
        from = i;
    }
    buf_add(out, s + from, len - from);
}
