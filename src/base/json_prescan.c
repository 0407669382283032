#include <string.h>

#include "base/json.h"

/*
 * Limits, not grammar: jansson recurses once per level and allocates per token, so both are counted here first, in one
 * pass that allocates nothing. What this accepts may still be broken JSON; jansson says so. What jansson accepts and is
 * within the limits, this accepts (tests/fuzz/fuzz_json_prescan.c).
 *
 * Tokens are strings (keys too), numbers, words, '{' and '['.
 */
struct scan {
    const char *at;
    const char *end;
    size_t line;
    size_t tokens;
    size_t depth;
};

static int refuse(const struct scan *s, struct err *e, const char *why)
{
    return err_set(e, ERR_INPUT, "JSON line %zu: %s", s->line, why);
}

static bool is_nul_escape(const struct scan *s)
{
    return s->end - s->at >= 5 && memcmp(s->at, "u0000", 5) == 0;
}

/* Behind the opening quote; leaves `at` behind the closing one. */
static int skip_string(struct scan *s, struct err *e)
{
    while (s->at < s->end) {
        char c = *s->at++;

        if (c == '"')
            return 0;
        if (c == '\\') {
            /* A NUL inside a string would cut it short everywhere else. */
            if (is_nul_escape(s))
                return refuse(s, e, "the escape \\u0000 is not allowed");
            if (s->at < s->end && *s->at != '\0')
                s->at++;
        } else if ((unsigned char)c < 0x20) {
            return refuse(s, e, "control character inside a string");
        }
    }
    return refuse(s, e, "a string is not closed");
}

static bool ends_word(char c)
{
    switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case '\0':
    case '"':
    case ',':
    case ':':
    case '[':
    case ']':
    case '{':
    case '}':
        return true;
    default:
        return false;
    }
}

/* Brackets are only counted: whether they pair up is for jansson to say. */
static int step(struct scan *s, struct err *e)
{
    char c = *s->at++;

    switch (c) {
    case '\0':
        return refuse(s, e, "NUL byte");
    case '\n':
        s->line++;
        return 0;
    case ' ':
    case '\t':
    case '\r':
    case ',':
    case ':':
        return 0;
    case '}':
    case ']':
        if (s->depth == 0)
            return refuse(s, e, "a bracket closes nothing");
        s->depth--;
        return 0;
    case '{':
    case '[':
        if (++s->depth > JSON_TEXT_MAX_DEPTH)
            return refuse(s, e, "nested too deep");
        s->tokens++;
        return 0;
    case '"':
        s->tokens++;
        return skip_string(s, e);
    default:
        s->tokens++;
        while (s->at < s->end && !ends_word(*s->at))
            s->at++;
        return 0;
    }
}

int json_prescan(const char *bytes, size_t len, size_t max_tokens, struct err *e)
{
    struct scan s = {.at = bytes, .end = bytes + len, .line = 1};

    while (s.at < s.end) {
        if (step(&s, e) < 0)
            return e->code;
        if (s.tokens > max_tokens)
            return err_set(e, ERR_INPUT, "JSON line %zu: more than %zu values and keys", s.line,
                           max_tokens);
    }
    return 0;
}
