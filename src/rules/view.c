#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/text.h"
#include "rules/cond_priv.h"

#define FACTS_DEPTH_MAX 32

/*
 * Lower case, one character for one. The long s and the Kelvin sign become s and k as well, because PCRE2 without case
 * takes them for those letters, and what the index skips must never be what a pattern would have matched.
 */
size_t fold_text(const char *s, size_t len, char *buf)
{
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s;
    size_t in = 0, out = 0;

    while (in < len) {
        utf8proc_int32_t c;
        utf8proc_ssize_t used;

        if (p[in] < 0x80) {
            c = p[in++];
            buf[out++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
            continue;
        }
        used = utf8proc_iterate(p + in, (utf8proc_ssize_t)(len - in), &c);
        if (used <= 0) {
            buf[out++] = s[in++];
            continue;
        }
        in += (size_t)used;
        c = c == 0x17f ? 's' : utf8proc_tolower(c);
        out += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)buf + out);
    }
    buf[out] = '\0';
    return out;
}

uint64_t fold_hash(const char *s, size_t len)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    size_t i;

    for (i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 1099511628211u;
    return h;
}

uint16_t gram_of(const unsigned char *p)
{
    uint32_t three = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;

    return (uint16_t)((three * 2654435761u) >> (32 - GRAM_BITS));
}

const uint8_t *view_grams(struct seen *s)
{
    size_t i, k;

    if (s->grams)
        return s->grams;
    s->grams = mem_alloc(GRAM_BYTES);
    for (i = 0; i < s->n; i++)
        for (k = 0; k + 3 <= s->items[i].fold_len; k++) {
            uint16_t g = gram_of((const unsigned char *)s->items[i].fold + k);

            s->grams[g >> 3] |= (uint8_t)(1u << (g & 7));
        }
    return s->grams;
}

/* Decimal numbers only: no hex, no "nan", no white space, so that a text is a number when a person would say so. */
static bool text_number(const char *s, size_t len, double *out)
{
    char *end;

    if (len == 0 || len > 40 || strspn(s, "+-.0123456789eE") < len || strchr("+.eE", s[0]))
        return false;
    *out = strtod(s, &end);
    return end == s + len && isfinite(*out);
}

static void item_fill(struct item *it, json_t *v)
{
    if (json_is_string(v)) {
        it->raw = json_string_value(v);
        it->raw_len = text_cut(it->raw, json_string_length(v), MATCH_SUBJECT_MAX);
        it->number = text_number(it->raw, json_string_length(v), &it->num);
    } else {
        if (json_is_integer(v))
            snprintf(it->scalar_text, sizeof it->scalar_text, "%lld",
                     (long long)json_integer_value(v));
        else if (json_is_real(v))
            snprintf(it->scalar_text, sizeof it->scalar_text, "%.15g", json_real_value(v));
        else
            snprintf(it->scalar_text, sizeof it->scalar_text, "%s",
                     json_is_true(v) ? "true" : "false");
        it->raw = it->scalar_text;
        it->raw_len = strlen(it->raw);
        it->number = json_is_number(v);
        it->num = json_number_value(v);
    }
    it->fold = mem_alloc(it->raw_len * 2 + 4);
    it->fold_len = fold_text(it->raw, it->raw_len, it->fold);
    it->hash = fold_hash(it->fold, it->fold_len);
}

static bool is_scalar(const json_t *v)
{
    return json_is_string(v) || json_is_number(v) || json_is_boolean(v);
}

struct seen *view_seen(struct view *v, size_t slot)
{
    struct seen *s = &v->seen[slot];
    size_t i;

    if (s->looked)
        return s;
    s->looked = true;
    s->value = field_get(v->env->facts, v->slots->paths[slot]);
    s->known = s->value != NULL;
    if (!s->known)
        return s;
    s->n = json_is_array(s->value) ? json_array_size(s->value) : 1;
    s->comparable = true;
    for (i = 0; i < s->n; i++) {
        json_t *part = json_is_array(s->value) ? json_array_get(s->value, i) : s->value;

        s->comparable = s->comparable && is_scalar(part);
    }
    if (!s->comparable) {
        s->n = 0;
        return s;
    }
    s->items = mem_array(s->n ? s->n : 1, sizeof *s->items);
    for (i = 0; i < s->n; i++)
        item_fill(&s->items[i], json_is_array(s->value) ? json_array_get(s->value, i) : s->value);
    return s;
}

void view_init(struct view *v, const struct slots *slots, const struct cond_env *env)
{
    *v = (struct view){.slots = slots, .env = env, .count_hits = true};
    v->seen = mem_array(slots->n ? slots->n : 1, sizeof *v->seen);
}

void view_done(struct view *v)
{
    size_t i, k;

    for (i = 0; i < v->slots->n; i++) {
        for (k = 0; k < v->seen[i].n; k++)
            mem_freep(&v->seen[i].items[k].fold);
        mem_freep(&v->seen[i].items);
        mem_freep(&v->seen[i].grams);
    }
    mem_freep(&v->seen);
    pcre2_match_data_free(v->md);
    pcre2_match_context_free(v->mc);
}

static bool text_valid(const char *s, size_t len)
{
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s;
    size_t i = 0;

    while (i < len) {
        utf8proc_int32_t c;
        utf8proc_ssize_t used;

        if (p[i] < 0x80) {
            i++;
            continue;
        }
        used = utf8proc_iterate(p + i, (utf8proc_ssize_t)(len - i), &c);
        if (used <= 0)
            return false;
        i += (size_t)used;
    }
    return true;
}

struct walk {
    json_t *node;
    void *iter;  /* of an object */
    size_t next; /* of an array */
};

/* The next value in the container on top, NULL at its end. *ok turns false on a bad key. */
static json_t *walk_next(struct walk *w, bool *ok)
{
    json_t *v;

    if (json_is_array(w->node))
        return json_array_get(w->node, w->next++);
    if (w->iter == NULL)
        return NULL;
    *ok = text_valid(json_object_iter_key(w->iter), strlen(json_object_iter_key(w->iter)));
    v = json_object_iter_value(w->iter);
    w->iter = json_object_iter_next(w->node, w->iter);
    return v;
}

/* jansson's iterators want a json_t that is not const, though they only read. */
static json_t *unconst(const json_t *j)
{
    union {
        const json_t *in;
        json_t *out;
    } u = {.in = j};

    return u.out;
}

bool cond_facts_valid(const json_t *facts)
{
    struct walk stack[FACTS_DEPTH_MAX];
    size_t depth = 1;
    bool ok = true;

    if (!json_is_object(facts))
        return false;
    stack[0] = (struct walk){unconst(facts), json_object_iter(unconst(facts)), 0};
    while (depth > 0 && ok) {
        json_t *v = walk_next(&stack[depth - 1], &ok);

        if (v == NULL) {
            depth--;
        } else if (json_is_string(v)) {
            ok = ok && text_valid(json_string_value(v), json_string_length(v));
        } else if (json_is_object(v) || json_is_array(v)) {
            if (depth == FACTS_DEPTH_MAX)
                return false;
            stack[depth++] = (struct walk){v, json_is_object(v) ? json_object_iter(v) : NULL, 0};
        }
    }
    return ok;
}
