#include "base/text.h"

#include <string.h>

/* The number itself is not repeated in messages: it may be outside text. */
int parse_i64(const char *s, int64_t min, int64_t max, int64_t *out, struct err *e)
{
    bool negative = s && *s == '-';
    const char *p = s ? s + negative : "";
    int64_t n = 0;

    if (*p == '\0')
        return err_set(e, ERR_INPUT, "expected a whole number");
    for (; *p; p++) {
        if (*p < '0' || *p > '9')
            return err_set(e, ERR_INPUT, "expected a whole number");
        /* Counted downwards, because INT64_MIN has no positive twin. */
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, *p - '0', &n))
            return err_set(e, ERR_INPUT, "the number is too large");
    }
    if (!negative && __builtin_sub_overflow(0, n, &n))
        return err_set(e, ERR_INPUT, "the number is too large");
    if (n < min || n > max)
        return err_set(e, ERR_INPUT, "expected a number from %lld to %lld", (long long)min,
                       (long long)max);
    *out = n;
    return 0;
}

int parse_span_ms(const char *s, int64_t *out, struct err *e)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t digits = s ? strspn(s, "0123456789") : 0;
    char number[20];
    int64_t n = 0, ms = 0;

    if (digits == 0 || digits >= sizeof(number))
        return err_set(e, ERR_INPUT, "expected a time span such as 250ms, 15s, 10m, 2h or 7d");
    memcpy(number, s, digits);
    number[digits] = '\0';
    if (parse_i64(number, 0, INT64_MAX, &n, e) < 0)
        return e->code;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(s + digits, units[i].unit) != 0)
            continue;
        if (__builtin_mul_overflow(n, units[i].ms, &ms))
            return err_set(e, ERR_INPUT, "the time span is too long");
        *out = ms;
        return 0;
    }
    return err_set(e, ERR_INPUT, "expected a time span such as 250ms, 15s, 10m, 2h or 7d");
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool text_is_id(const char *s)
{
    size_t n = 0;

    if (!s)
        return false;
    for (; s[n]; n++)
        if (n >= 32 || !is_alnum(s[n]))
            return false;
    return n > 0;
}

bool text_is_email(const char *s)
{
    const char *at = s ? strchr(s, '@') : NULL;
    size_t n = 0;

    if (!at || at == s || at[1] == '\0' || strchr(at + 1, '@'))
        return false;
    for (; s[n]; n++)
        if (n >= 254 || s[n] <= ' ' || s[n] >= 0x7f || s[n] == ',' || s[n] == '<' || s[n] == '>')
            return false;
    return true;
}

bool text_starts(const char *s, const char *prefix)
{
    return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_eq(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

size_t text_cut(const char *s, size_t len, size_t max_bytes)
{
    size_t cut = max_bytes;

    if (len <= max_bytes)
        return len;
    /* Three continuation bytes at most; more means that this is not UTF-8 anyway. */
    while (cut > 0 && max_bytes - cut < 3 && ((unsigned char)s[cut] & 0xc0) == 0x80)
        cut--;
    if (((unsigned char)s[cut] & 0xc0) == 0x80)
        return max_bytes;
    return cut;
}
