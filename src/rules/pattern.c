#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "rules/cond_priv.h"

/*
 * A user's pattern may be one that takes exponential time on the wrong text. It is compiled without what could break out of
 * UTF-8, matched without JIT, and within limits that are counts (not times), so that the same text always ends the same way.
 */
static void names_read(struct pattern *p)
{
    uint32_t n = 0, size = 0, i;
    PCRE2_SPTR table = NULL;

    pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &n);
    if (n == 0)
        return;
    pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
    p->names = mem_array(n, sizeof *p->names);
    p->n_names = n;
    for (i = 0; i < n; i++) {
        PCRE2_SPTR row = table + (size_t)i * size;

        p->names[i].number = (uint32_t)row[0] << 8 | row[1];
        p->names[i].name = mem_strdup((const char *)row + 2);
    }
}

int pattern_new(const char *source, size_t len, const char *where, struct pattern **out,
                struct err *e)
{
    struct pattern *p;
    pcre2_code *code;
    PCRE2_SIZE offset = 0;
    uint32_t groups = 0;
    int number = 0;

    if (len == 0)
        return err_set(e, ERR_INPUT, "the pattern is empty and would match everything");
    if (len > COND_TEXT_MAX)
        return err_set(e, ERR_INPUT, "the pattern is over %d bytes", COND_TEXT_MAX);
    if (memchr(source, '\0', len))
        return err_set(e, ERR_INPUT, "the pattern holds a NUL character");
    code = pcre2_compile((PCRE2_SPTR)source, len, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &number,
                         &offset, NULL);
    if (code == NULL) {
        PCRE2_UCHAR text[120];

        pcre2_get_error_message(number, text, sizeof text);
        return err_set(e, ERR_INPUT, "the pattern is broken at character %zu: %s", (size_t)offset,
                       (const char *)text);
    }
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (groups > COND_CAPTURES_MAX) {
        pcre2_code_free(code);
        return err_set(e, ERR_INPUT, "the pattern has %u groups, %d are allowed; use (?:...)",
                       (unsigned)groups, COND_CAPTURES_MAX);
    }
    p = mem_alloc(sizeof *p);
    p->code = code;
    p->source = mem_strndup(source, len);
    p->where = mem_strdup(where);
    atomic_init(&p->hits, 0);
    names_read(p);
    *out = p;
    return 0;
}

void pattern_free(struct pattern *p)
{
    size_t i;

    if (p == NULL)
        return;
    for (i = 0; i < p->n_names; i++)
        mem_freep(&p->names[i].name);
    mem_freep(&p->names);
    mem_freep(&p->source);
    mem_freep(&p->where);
    pcre2_code_free(p->code);
    mem_freep(&p);
}

bool pattern_parked(const struct pattern *p)
{
    return atomic_load_explicit(&p->hits, memory_order_relaxed) >= MATCH_PARK_AFTER;
}

static void alarm_add(struct cond_result *r, const struct pattern *p, const char *what)
{
    char text[400];

    if (r == NULL)
        return;
    snprintf(text, sizeof text, "the pattern at %s %s", p->where, what);
    if (r->alarms == NULL)
        r->alarms = json_array();
    json_array_append_new(r->alarms, json_string(text));
}

/* The first text that a name gets within one condition stays. */
static void captures_take(const struct pattern *p, struct view *v, const char *s,
                          struct cond_result *r)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(v->md);
    uint32_t pairs = pcre2_get_ovector_count(v->md);
    size_t i;

    for (i = 0; i < p->n_names; i++) {
        size_t k = p->names[i].number;
        PCRE2_SIZE from, to;

        if (k >= pairs || at[2 * k] == PCRE2_UNSET)
            continue;
        from = at[2 * k];
        to = at[2 * k + 1];
        if (to < from) /* \K within a lookahead can do that */
            continue;
        if (r->captures == NULL)
            r->captures = json_object();
        if (json_object_get(r->captures, p->names[i].name) ||
            json_object_size(r->captures) >= COND_CAPTURES_MAX)
            continue;
        json_object_set_new(
            r->captures, p->names[i].name,
            json_stringn(s + from, text_cut(s + from, to - from, COND_CAPTURE_TEXT)));
    }
}

static void tools_make(struct view *v)
{
    if (v->md)
        return;
    v->md = pcre2_match_data_create(COND_CAPTURES_MAX + 1, NULL);
    v->mc = pcre2_match_context_create(NULL);
    CHECK(v->md && v->mc);
    pcre2_set_match_limit(v->mc, MATCH_LIMIT);
    pcre2_set_depth_limit(v->mc, MATCH_DEPTH_LIMIT);
    pcre2_set_heap_limit(v->mc, MATCH_HEAP_KIB);
}

enum pattern_said pattern_match(struct pattern *p, struct view *v, const char *s, size_t len,
                                struct cond_result *r)
{
    uint32_t options = v->env->utf8_checked ? PCRE2_NO_UTF_CHECK : 0;
    int rc;

    if (pattern_parked(p)) {
        alarm_add(r, p,
                  "is parked: it hit a regex limit 5 times and no longer matches; rewrite it "
                  "and reload");
        return PATTERN_PARKED;
    }
    tools_make(v);
    rc = pcre2_match(p->code, (PCRE2_SPTR)s, len, 0, options, v->md, v->mc);
    if (rc >= 0) {
        if (r)
            captures_take(p, v, s, r);
        return PATTERN_YES;
    }
    if (rc == PCRE2_ERROR_NOMATCH)
        return PATTERN_NO;
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ||
        rc == PCRE2_ERROR_HEAPLIMIT) {
        if (v->count_hits)
            atomic_fetch_add_explicit(&p->hits, 1, memory_order_relaxed);
        alarm_add(r, p, "hit a regex limit (too many steps on this text) and counts as no match");
        return PATTERN_LIMIT;
    }
    alarm_add(r, p, "could not be matched: the text is not UTF-8");
    return PATTERN_BROKEN;
}
