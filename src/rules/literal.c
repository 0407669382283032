#include <string.h>

#include "base/attr.h"
#include "rules/cond_priv.h"

/*
 * Which plain text must a subject hold before a pattern can match it? This reads only what it surely understands:
 * characters outside of any group, cut at everything that may vary. Whatever else stands in the pattern (options but (?i),
 * verbs, \Q, hex escapes, conditions) gives no answer, and the pattern is then always run.
 *
 * PCRE2's match without case is covered because fold_text() maps every character that PCRE2 takes for an ASCII letter to
 * that letter in lower case.
 */
struct scan {
    const char *s;
    size_t len, at;
    struct literal run, best;
};

static void run_end(struct scan *k)
{
    if (k->run.len > k->best.len)
        k->best = k->run;
    k->run.len = 0;
}

static void run_add(struct scan *k, char c)
{
    if ((unsigned char)c >= 0x80) {
        run_end(k);
        return;
    }
    if (k->run.len == sizeof k->run.text)
        run_end(k);
    k->run.text[k->run.len++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Behind a backslash. False when the escape takes more than its letter. */
static bool escape(struct scan *k, char c, bool in_run)
{
    if (strchr("dDwWsSbBAzZhHvVRNnrtfaeG", c)) {
        if (c == 'N' && k->at < k->len && k->s[k->at] == '{')
            return false;
        if (in_run)
            run_end(k);
        return true;
    }
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return false;
    if (in_run)
        run_add(k, c);
    return true;
}

/* Behind a "[" within a class: a name such as [:alpha:] is skipped; anything that merely looks like one gives up. */
static bool posix_skip(struct scan *k)
{
    size_t i = k->at;

    if (i >= k->len || (k->s[i] != ':' && k->s[i] != '.' && k->s[i] != '='))
        return true;
    for (i++; i < k->len && ((k->s[i] >= 'a' && k->s[i] <= 'z') || k->s[i] == '^'); i++)
        ;
    if (k->s[k->at] != ':' || k->len - i < 2 || memcmp(k->s + i, ":]", 2) != 0)
        return false;
    k->at = i + 2;
    return true;
}

/* At the character behind "[". Leaves `at` behind the closing bracket. */
static bool class_skip(struct scan *k)
{
    if (k->at < k->len && k->s[k->at] == '^')
        k->at++;
    if (k->at < k->len && k->s[k->at] == ']')
        k->at++;
    while (k->at < k->len && k->s[k->at] != ']') {
        char c = k->s[k->at++];

        if (c == '[') {
            if (!posix_skip(k))
                return false;
        } else if (c == '\\') {
            if (k->at >= k->len || k->s[k->at] == 'Q' || k->s[k->at] == 'E')
                return false;
            k->at++;
        }
    }
    return k->at++ < k->len;
}

/* At the character behind "(". True for the kinds of group that are only skipped; (?i) is no group at all. */
static bool group_known(struct scan *k, bool *opens)
{
    static const char *const KINDS[] = {"?:", "?=", "?!", "?<=", "?<!", "?>", "?<", "?P<", "?'"};
    size_t i;

    *opens = true;
    if (k->at >= k->len || k->s[k->at] == '*')
        return false;
    if (k->s[k->at] != '?')
        return true;
    if (k->len - k->at >= 3 && memcmp(k->s + k->at, "?i)", 3) == 0) {
        k->at += 3;
        *opens = false;
        return true;
    }
    for (i = 0; i < ARRAY_LEN(KINDS); i++) {
        size_t n = strlen(KINDS[i]);

        if (k->len - k->at >= n && memcmp(k->s + k->at, KINDS[i], n) == 0) {
            k->at += n;
            return true;
        }
    }
    return false;
}

/* Behind "(": leaves `at` behind the matching ")". False when something inside is not understood. */
static bool group_skip(struct scan *k)
{
    size_t depth = 1;
    bool opens;

    while (k->at < k->len && depth > 0) {
        char c = k->s[k->at++];

        if (c == '\\') {
            if (k->at >= k->len)
                return false;
            c = k->s[k->at++];
            if (!escape(k, c, false))
                return false;
        } else if (c == '[') {
            if (!class_skip(k))
                return false;
        } else if (c == '(') {
            if (!group_known(k, &opens))
                return false;
            depth += opens;
        } else if (c == ')') {
            depth--;
        }
    }
    return depth == 0;
}

/* A quantifier makes the character before it uncertain, unless it asks for one at least. */
static bool quantifier(struct scan *k, char c)
{
    bool may_be_none = c == '?' || c == '*' ||
                       (c == '{' && k->at < k->len && (k->s[k->at] == '0' || k->s[k->at] == ','));

    if (may_be_none && k->run.len > 0)
        k->run.len--;
    run_end(k);
    if (c == '{')
        while (k->at < k->len && k->s[k->at] != '}')
            k->at++;
    if (c == '{')
        k->at++;
    /* Lazy and possessive marks belong to it. */
    if (k->at < k->len && (k->s[k->at] == '?' || k->s[k->at] == '+'))
        k->at++;
    /* One more quantifier would apply to the first; what is then sure is not worth knowing. */
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): four bytes are looked through, no text is made */
    return k->at >= k->len || !memchr("?*+{", k->s[k->at], 4);
}

/* "{" is only a quantifier when digits and one comma stand in it. */
static bool is_quantifier(const struct scan *k)
{
    size_t i = k->at;

    while (i < k->len && ((k->s[i] >= '0' && k->s[i] <= '9') || k->s[i] == ','))
        i++;
    return i > k->at && i < k->len && k->s[i] == '}';
}

/* One element of the pattern; *bar when it was a bar outside of groups. */
static bool element(struct scan *k, bool *bar)
{
    char c = k->s[k->at++];
    bool opens;

    if (c == '|') {
        run_end(k);
        *bar = true;
    } else if (c == '\\') {
        if (k->at >= k->len)
            return false;
        c = k->s[k->at++];
        return escape(k, c, true);
    } else if (c == '[') {
        run_end(k);
        return class_skip(k);
    } else if (c == '(') {
        run_end(k);
        return group_known(k, &opens) && (!opens || group_skip(k));
    } else if (c == ')' || c == '\0') {
        return false;
    } else if (c == '.' || c == '^' || c == '$') {
        run_end(k);
    } else if (c == '?' || c == '*' || c == '+' || (c == '{' && is_quantifier(k))) {
        return quantifier(k, c);
    } else {
        run_add(k, c);
    }
    return true;
}

size_t literal_of_pattern(const char *source, size_t len, struct literal out[LITERALS_MAX])
{
    struct scan k = {.s = source, .len = len};
    size_t n = 0;
    bool bar;

    for (;;) {
        bar = false;
        while (k.at < len && !bar)
            if (!element(&k, &bar))
                return 0;
        run_end(&k);
        if (k.best.len < 3 || n == LITERALS_MAX)
            return 0;
        out[n++] = k.best;
        k.best.len = 0;
        if (!bar)
            return n;
    }
}
