#ifndef TRIAGED_TESTS_REPORT_JUDGE_H
#define TRIAGED_TESTS_REPORT_JUDGE_H

/*
 * A second opinion on a report, written from the rules in ask.h and not from the code: members, handles, quotes, verbs, numbers. Coarser where the
 * rules are fine (a number must stand in what was cited with no digit beside it), so that it does not repeat the code's own mistakes.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "triage/ask.h"

static inline const json_t *judge_item(const json_t *document, const char *id)
{
    const json_t *list = json_object_get(document, "evidence"), *x;
    size_t i;

    json_array_foreach (list, i, x)
        if (id && strcmp(json_string_value(json_object_get(x, "id")), id) == 0)
            return x;
    return NULL;
}

/* Control characters and blanks at the ends gone. */
static inline void judge_bare(const char *s, char *out, size_t room)
{
    size_t n = 0;

    for (; *s && n + 1 < room; s++) {
        unsigned char c = (unsigned char)*s;

        if (c < 0x20 || c == 0x7f || (n == 0 && c == ' '))
            continue;
        if (c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0) {
            s++;
            continue;
        }
        out[n++] = (char)c;
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

static inline bool judge_value_holds(const json_t *v, const char *quote)
{
    char text[4096], number[64];

    if (json_is_string(v))
        judge_bare(json_string_value(v), text, sizeof(text));
    else if (json_is_integer(v))
        snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        snprintf(text, sizeof(text), "%.15g", json_real_value(v));
    else
        return false;
    (void)number;
    return strlen(quote) < REPORT_QUOTE_MIN_BYTES ? strcmp(text, quote) == 0
                                                  : strstr(text, quote) != NULL;
}

/* The bench's own data is two levels deep. */
static inline bool judge_quote(const json_t *document, const char *id, const char *quote)
{
    const json_t *item = judge_item(document, id);
    json_t *data = item ? json_object_get(item, "data") : NULL, *v, *w;
    const char *key;
    char bare[4096];

    judge_bare(quote, bare, sizeof(bare));
    if (!*bare || strlen(bare) > REPORT_QUOTE_MAX_BYTES)
        return false;
    json_object_foreach (data, key, v) {
        if (judge_value_holds(v, bare))
            return true;
        if (json_is_object(v)) {
            const char *inner;

            json_object_foreach (v, inner, w)
                if (judge_value_holds(w, bare))
                    return true;
        }
    }
    return false;
}

/* The word stands in the text, and no digit makes it longer. */
static inline bool judge_stands(const char *text, const char *word, size_t len)
{
    for (const char *at = text; (at = memmem(at, strlen(at), word, len)); at++) {
        bool before = at > text && isdigit((unsigned char)at[-1]);
        bool after = isdigit((unsigned char)at[len]) ||
                     (at[len] == '.' && isdigit((unsigned char)at[len + 1]));

        if (!before && !after)
            return true;
    }
    return false;
}

static inline bool judge_word(const json_t *document, const char *ground, const char *word,
                              size_t len)
{
    char name[64];
    size_t number = 0;

    snprintf(name, sizeof(name), "%.*s", (int)len, word);
    if (judge_item(document, name) || judge_stands(ground, word, len))
        return true;
    while (number < len && (isdigit((unsigned char)word[number]) || word[number] == '.'))
        number++;
    /* "1.5s" where "1.5 s" stands. */
    return number > 0 && number < len && judge_stands(ground, word, number);
}

/* Every run of letters, digits, dots and dashes with a digit in it stands in the ground. */
static inline bool judge_words(const json_t *document, const char *ground, const char *text,
                               char *why, size_t room)
{
    while (*text) {
        size_t len = 0;
        bool digit = false;

        while (isalnum((unsigned char)text[len]) || text[len] == '.' || text[len] == '-') {
            digit |= isdigit((unsigned char)text[len]) != 0;
            len++;
        }
        if (digit) {
            size_t n = len;

            while (n > 0 && (text[n - 1] == '.' || text[n - 1] == '-'))
                n--;
            for (; *text == '.' || *text == '-'; text++, len--)
                n--;
            if (!judge_word(document, ground, text, n)) {
                snprintf(why, room, "the word %.*s stands nowhere: %.60s", (int)n, text, ground);
                return false;
            }
        }
        text += len ? len : 1;
    }
    return true;
}

static inline bool judge_cites(const json_t *document, const json_t *cites, char *ground,
                               size_t ground_room, char *why, size_t room)
{
    const json_t *x;
    size_t i;

    if (!json_is_array(cites) || json_array_size(cites) > REPORT_CITES_MAX) {
        snprintf(why, room, "cites are no list of at most five");
        return false;
    }
    json_array_foreach (cites, i, x) {
        const char *id = json_string_value(json_object_get(x, "id"));
        const char *quote = json_string_value(json_object_get(x, "quote"));
        char *data;

        if (json_object_size(x) != 2 || !id || !quote || !judge_quote(document, id, quote)) {
            snprintf(why, room, "%s \"%s\" was not shown", id ? id : "?", quote ? quote : "?");
            return false;
        }
        data = json_dumps(judge_item(document, id), JSON_COMPACT | JSON_REAL_PRECISION(15));
        snprintf(ground + strlen(ground), ground_room - strlen(ground), " %s", data);
        free(data);
    }
    return true;
}

static inline bool judge_text(const json_t *document, const char *ground, const json_t *text,
                              char *why, size_t room)
{
    const char *s = json_string_value(text);

    if (!s || !*s || strlen(s) > REPORT_TEXT_MAX_BYTES || strstr(s, "://")) {
        snprintf(why, room, "a text is empty, too long or holds a link");
        return false;
    }
    for (const char *c = s; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            snprintf(why, room, "a control character");
            return false;
        }
    return judge_words(document, ground, s, why, room);
}

static inline bool judge_list(const json_t *document, const json_t *report, const char *name,
                              size_t max, const char *known, char *why, size_t room)
{
    static char ground[32768];
    const json_t *list = json_object_get(report, name), *x, *verb;
    bool cause = strcmp(name, "causes") == 0, action = strcmp(name, "actions") == 0;
    size_t i, k;

    if (!json_is_array(list) || json_array_size(list) > max) {
        snprintf(why, room, "%s is no list of at most %zu", name, max);
        return false;
    }
    json_array_foreach (list, i, x) {
        const json_t *pro = json_object_get(x, cause ? "for" : "evidence");

        snprintf(ground, sizeof(ground), "%s", known);
        if (strcmp(name, "not_checked") == 0) {
            if (!judge_text(document, ground, x, why, room))
                return false;
            continue;
        }
        if (!judge_cites(document, pro, ground, sizeof(ground), why, room) ||
            (cause && !judge_cites(document, json_object_get(x, "against"), ground, sizeof(ground),
                                   why, room)) ||
            !judge_text(document, ground, json_object_get(x, action ? "why" : "text"), why, room))
            return false;
        if (cause && !json_is_null(json_object_get(x, "check")) &&
            !judge_text(document, ground, json_object_get(x, "check"), why, room))
            return false;
        if (json_array_size(pro) == 0 && !(cause && json_is_true(json_object_get(x, "guess")))) {
            snprintf(why, room, "%s %zu has no cite", name, i);
            return false;
        }
        if (!action)
            continue;
        json_array_foreach (json_object_get(document, "allowed_actions"), k, verb)
            if (json_equal(json_object_get(verb, "verb"), json_object_get(x, "verb")))
                break;
        if (k == json_array_size(json_object_get(document, "allowed_actions")) ||
            json_object_size(x) != 4 ||
            strcmp(json_string_value(json_object_get(x, "target")), "incident") != 0) {
            snprintf(why, room, "action %zu is not allowed", i);
            return false;
        }
    }
    return true;
}

static inline bool judge_choice(const json_t *document, const json_t *report, const char *name,
                                const char *list, char *why, size_t room)
{
    const json_t *said = json_object_get(report, name), *x;
    size_t i;

    if (json_is_null(said))
        return true;
    json_array_foreach (json_object_get(document, list), i, x)
        if (json_equal(x, said))
            return true;
    snprintf(why, room, "%s is not on offer", name);
    return false;
}

static inline bool judge_report(const json_t *document, const json_t *report, char *why,
                                size_t room)
{
    static char known[4096], ground[32768];
    const json_t *impact = json_object_get(report, "impact");
    char *a = json_dumps(json_object_get(document, "known"), JSON_COMPACT);
    char *b = json_dumps(json_object_get(document, "incident"), JSON_COMPACT);

    snprintf(known, sizeof(known), "%s %s", a, b);
    free(a);
    free(b);
    snprintf(ground, sizeof(ground), "%s", known);
    if (json_object_size(report) != 11) {
        snprintf(why, room, "%zu members", json_object_size(report));
        return false;
    }
    if (!json_is_null(impact) &&
        (json_object_size(impact) != 2 ||
         json_array_size(json_object_get(impact, "evidence")) == 0 ||
         !judge_cites(document, json_object_get(impact, "evidence"), ground, sizeof(ground), why,
                      room) ||
         !judge_text(document, ground, json_object_get(impact, "text"), why, room)))
        return false;
    return judge_list(document, report, "causes", REPORT_CAUSES_MAX, known, why, room) &&
           judge_list(document, report, "changed", REPORT_CHANGED_MAX, known, why, room) &&
           judge_list(document, report, "not_checked", REPORT_NOT_CHECKED_MAX, known, why, room) &&
           judge_list(document, report, "actions", REPORT_ACTIONS_MAX, known, why, room) &&
           judge_choice(document, report, "severity", "severities", why, room) &&
           judge_choice(document, report, "category", "categories", why, room) &&
           judge_choice(document, report, "team", "teams", why, room) &&
           json_is_string(json_object_get(report, "confidence")) &&
           json_is_boolean(json_object_get(report, "injection_suspected"));
}

#endif
