/* From whatever a source answered to at most five lines that are safe to show. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "sources/sources_priv.h"

#define LINE_ROOM      8192 /* of a line before it is cut to what people see */
#define TEXT_LINE_MAX  2048 /* of an answer's line that a pattern sees */
#define TEXT_LINES_MAX 5000
#define STEPS_MAX      100000 /* of all matches on one answer together */
#define STEP_BYTES     16     /* a repeat that runs over so many is worth one more */
#define MATCH_DEPTH    1000
#define MATCH_HEAP_KIB 1024
#define GROUPS_MAX     32
#define VALUES_MAX     20000

/* ---- compiling ---- */

static int places_json(const struct yaml_doc *doc, const char *pointer, struct src_extract *x,
                       struct err *e)
{
    x->places = mem_array(x->line.n ? x->line.n : 1, sizeof *x->places);
    for (size_t i = 0; i < x->line.n; i++) {
        const char *name = x->line.v[i].text;
        struct err why = {0};

        if (!x->line.v[i].place)
            continue;
        if (strcmp(name, "values") == 0 && x->values != SRC_NO_VALUES)
            continue;
        if (src_path_parse(name, &x->places[i], &why) < 0)
            return yaml_error(doc, pointer, e, "{%.80s}: %s", name, why.msg);
    }
    return 0;
}

static bool group_known(const pcre2_code *code, const char *name)
{
    return strcmp(name, "0") == 0 || pcre2_substring_number_from_name(code, (PCRE2_SPTR)name) > 0;
}

static int pattern_compile(const struct yaml_doc *doc, const char *pointer, const char *source,
                           struct src_extract *x, struct err *e)
{
    /* The automatic callouts are what counts the steps of all start positions together. */
    const uint32_t options =
        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
    PCRE2_UCHAR text[120];
    PCRE2_SIZE offset = 0;
    uint32_t groups = 0;
    int number = 0;

    x->code =
        pcre2_compile((PCRE2_SPTR)source, PCRE2_ZERO_TERMINATED, options, &number, &offset, NULL);
    if (!x->code) {
        pcre2_get_error_message(number, text, sizeof text);
        return yaml_error(doc, pointer, e, "the pattern is broken at character %zu: %s",
                          (size_t)offset, (const char *)text);
    }
    pcre2_pattern_info(x->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (groups > GROUPS_MAX)
        return yaml_error(doc, pointer, e, "the pattern has %u groups, %d are allowed",
                          (unsigned)groups, GROUPS_MAX);
    for (size_t i = 0; i < x->line.n; i++)
        if (x->line.v[i].place && !group_known(x->code, x->line.v[i].text))
            return yaml_error(doc, pointer, e, "{%.80s}: the pattern has no group (?<%.80s>...)",
                              x->line.v[i].text, x->line.v[i].text);
    return 0;
}

static enum src_values values_of(const char *word)
{
    static const char *const words[] = {[SRC_LAST] = "last",
                                        [SRC_MAX] = "max",
                                        [SRC_MIN] = "min",
                                        [SRC_AVG] = "avg",
                                        [SRC_FIRST_LAST] = "first..last"};

    for (size_t i = SRC_LAST; word && i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], word) == 0)
            return (enum src_values)i;
    return SRC_NO_VALUES;
}

int src_extract_compile(const struct yaml_doc *doc, const char *pointer, json_t *row,
                        struct src_extract *out, struct err *e)
{
    const char *json = json_opt_str(row, "json"), *pcre2 = json_opt_str(row, "pcre2");
    struct err why = {0};

    *out = (struct src_extract){.is_json = json != NULL,
                                .values = values_of(json_opt_str(row, "values")),
                                .max = (size_t)json_opt_int(row, "max", SOURCE_LINES_MAX)};
    if (!json == !pcre2)
        return yaml_error(doc, pointer, e,
                          "extract needs json: PATH or pcre2: PATTERN, one of them");
    if (pcre2 && out->values != SRC_NO_VALUES)
        return yaml_error(doc, pointer, e, "values belongs to json");
    if (src_pieces_parse(json_opt_str(row, "line"), false, &out->line, &why) < 0)
        return yaml_error(doc, pointer, e, "line: %s", why.msg);
    if (pcre2)
        return pattern_compile(doc, pointer, pcre2, out, e);
    if (src_path_parse(json, &out->path, &why) < 0)
        return yaml_error(doc, pointer, e, "json: %s", why.msg);
    return places_json(doc, pointer, out, e);
}

void src_extract_done(struct src_extract *x)
{
    for (size_t i = 0; x->places && i < x->line.n; i++)
        src_path_done(&x->places[i]);
    mem_freep(&x->places);
    src_path_done(&x->path);
    src_pieces_done(&x->line);
    pcre2_code_free(x->code);
    x->code = NULL;
}

void src_line_add(json_t *lines, const struct buf *b)
{
    AUTO(buf_done) struct buf shown = {0};

    buf_init(&shown, LINE_ROOM);
    text_show(&shown, buf_str(b), b->len, SOURCE_LINE_MAX_BYTES, true);
    if (strspn(buf_str(&shown), " ") < shown.len)
        json_array_append_new(lines, json_stringn(buf_str(&shown), shown.len));
}

/* ---- pairs of time and value ---- */

static bool number_of(const json_t *v, double *out)
{
    const char *s = json_string_value(v);
    char *end;

    if (json_is_number(v)) {
        *out = json_number_value(v);
        return isfinite(*out);
    }
    if (!s || !*s || strlen(s) > 40 || strspn(s, "+-.0123456789eE") < strlen(s))
        return false;
    *out = strtod(s, &end);
    return *end == '\0' && isfinite(*out);
}

struct summary {
    double first, last, max, min, sum;
    size_t n;
};

static void summary_add(struct summary *s, const json_t *pair)
{
    double v;

    if (!number_of(json_array_get(pair, 1), &v))
        return;
    s->first = s->n ? s->first : v;
    s->max = s->n && s->max > v ? s->max : v;
    s->min = s->n && s->min < v ? s->min : v;
    s->last = v;
    s->sum += v;
    s->n++;
}

bool src_values_text(enum src_values how, const json_t *match, struct buf *out)
{
    const json_t *list = json_object_get(match, "values"), *one = json_object_get(match, "value");
    struct summary s = {0};

    for (size_t i = 0; i < json_array_size(list) && i < VALUES_MAX; i++)
        summary_add(&s, json_array_get(list, i));
    if (s.n == 0 && one)
        summary_add(&s, one);
    if (s.n == 0)
        return false;
    switch (how) {
    case SRC_FIRST_LAST:
        buf_printf(out, "%.6g..%.6g", s.first, s.last);
        break;
    case SRC_MAX:
        buf_printf(out, "%.6g", s.max);
        break;
    case SRC_MIN:
        buf_printf(out, "%.6g", s.min);
        break;
    case SRC_AVG:
        buf_printf(out, "%.6g", s.sum / (double)s.n);
        break;
    case SRC_LAST:
    case SRC_NO_VALUES:
        buf_printf(out, "%.6g", s.last);
        break;
    }
    return true;
}

/* ---- json ---- */

static void value_put(struct buf *out, const json_t *v)
{
    size_t room = out->cap - out->len;

    if (json_is_string(v))
        buf_add(out, json_string_value(v),
                text_cut(json_string_value(v), json_string_length(v), room / 2));
    else if (json_is_integer(v))
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v))
        buf_printf(out, "%.6g", json_real_value(v));
    else if (json_is_boolean(v))
        buf_puts(out, json_is_true(v) ? "true" : "false");
    else if (json_is_array(v) || json_is_object(v))
        buf_printf(out, "(%zu)", json_is_array(v) ? json_array_size(v) : json_object_size(v));
    else
        buf_putc(out, '?');
}

static void json_line(const struct src_extract *x, json_t *match, size_t *visits, struct buf *out)
{
    for (size_t i = 0; i < x->line.n; i++) {
        const struct src_piece *p = &x->line.v[i];
        json_t *v = NULL;

        if (!p->place) {
            buf_puts(out, p->text);
        } else if (strcmp(p->text, "values") == 0 && x->values != SRC_NO_VALUES) {
            if (!src_values_text(x->values, match, out))
                buf_putc(out, '?');
        } else {
            (void)src_path_walk(&x->places[i], match, visits, &v, 1);
            value_put(out, v);
        }
    }
}

int src_extract_json(const struct src_extract *x, const char *body, size_t len, json_t *lines,
                     struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *found[SOURCE_LINES_MAX];
    size_t visits = SRC_VISITS_MAX, n;

    if (json_parse(body, len, SOURCE_JSON_TOKENS, &root, e) < 0)
        return err_wrap(e, "the answer");
    n = src_path_walk(&x->path, root, &visits, found, x->max);
    for (size_t i = 0; i < n; i++) {
        AUTO(buf_done) struct buf b = {0};

        buf_init(&b, LINE_ROOM);
        json_line(x, found[i], &visits, &b);
        src_line_add(lines, &b);
    }
    return 0;
}

/* ---- pcre2 ---- */

struct matcher {
    pcre2_match_data *md;
    pcre2_match_context *mc;
    size_t steps, ran; /* ran: bytes that repeats have run over, not counted yet */
    size_t at;
};

/* One step of a pattern may run to the end of the line, \w+ does: how far it went counts too. */
static int on_step(pcre2_callout_block *block, void *arg)
{
    struct matcher *m = arg;

    m->ran += block->current_position > m->at ? block->current_position - m->at
                                              : m->at - block->current_position;
    m->at = block->current_position;
    m->steps += 1 + m->ran / STEP_BYTES;
    m->ran %= STEP_BYTES;
    return m->steps <= STEPS_MAX ? 0 : PCRE2_ERROR_CALLOUT;
}

static void group_put(pcre2_code *code, pcre2_match_data *md, const char *name, const char *s,
                      struct buf *out)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(md);
    int number =
        strcmp(name, "0") == 0 ? 0 : pcre2_substring_number_from_name(code, (PCRE2_SPTR)name);
    PCRE2_SIZE from, to;

    if (number < 0 || (uint32_t)number >= pcre2_get_ovector_count(md))
        return;
    from = at[2 * number];
    to = at[2 * number + 1];
    if (from == PCRE2_UNSET)
        buf_putc(out, '?');
    else
        buf_add(out, s + from, to - from);
}

static void text_line(const struct src_extract *x, pcre2_match_data *md, const char *s,
                      struct buf *out)
{
    for (size_t i = 0; i < x->line.n; i++) {
        if (x->line.v[i].place)
            group_put(x->code, md, x->line.v[i].text, s, out);
        else
            buf_puts(out, x->line.v[i].text);
    }
}

static void matcher_done(struct matcher *m)
{
    pcre2_match_data_free(m->md);
    pcre2_match_context_free(m->mc);
}

/* One line of the answer. 1 matched, 0 not, negative: over the limits. */
static int line_match(const struct src_extract *x, struct matcher *m, const char *s, size_t len,
                      json_t *lines)
{
    AUTO(buf_done) struct buf b = {0};
    int rc;

    m->at = 0;
    rc = pcre2_match(x->code, (PCRE2_SPTR)s, len, 0, 0, m->md, m->mc);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0)
        return -1;
    buf_init(&b, LINE_ROOM);
    text_line(x, m->md, s, &b);
    src_line_add(lines, &b);
    return 1;
}

/*
 * Line by line, each of bounded length: a pattern that takes the square of a text's length then takes the square of little, and the steps
 * of all lines together are counted.
 */
int src_extract_pcre2(const struct src_extract *x, const char *body, size_t len, json_t *lines,
                      struct err *e)
{
    AUTO(matcher_done)
    struct matcher m = {.md = pcre2_match_data_create(GROUPS_MAX + 1, NULL),
                        .mc = pcre2_match_context_create(NULL)};
    const char *at = body, *end = body + len;

    CHECK(m.md && m.mc);
    pcre2_set_callout(m.mc, on_step, &m);
    pcre2_set_depth_limit(m.mc, MATCH_DEPTH);
    pcre2_set_heap_limit(m.mc, MATCH_HEAP_KIB);
    for (size_t n = 0; at < end && n < TEXT_LINES_MAX && json_array_size(lines) < x->max; n++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t one = stop ? (size_t)(stop - at) : (size_t)(end - at);

        if (line_match(x, &m, at, one < TEXT_LINE_MAX ? one : TEXT_LINE_MAX, lines) < 0)
            return err_set(e, ERR_INPUT,
                           "the pattern takes too many steps on this answer; make it simpler");
        at += one + 1;
    }
    return 0;
}
