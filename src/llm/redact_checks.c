#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "llm/redact_priv.h"

/* What a pattern cannot say about a find. Spans are within the text. */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The digits of a span; how many there are, also where they do not fit. */
static size_t digits_of(const char *text, const struct redact_span *at, char *out, size_t room)
{
    size_t n = 0;

    for (size_t i = at->from; i < at->to; i++) {
        if (!is_digit(text[i]))
            continue;
        if (n + 1 < room)
            out[n] = text[i];
        n++;
    }
    out[n + 1 < room ? n : room - 1] = '\0';
    return n;
}

static bool luhn(const char *digits, size_t n)
{
    unsigned sum = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(digits[n - 1 - i] - '0');

        if (i % 2 == 1)
            d = d > 4 ? 2 * d - 9 : 2 * d;
        sum += d;
    }
    return sum % 10 == 0;
}

static int prefix(const char *digits, size_t n)
{
    int v = 0;

    for (size_t i = 0; i < n; i++)
        v = v * 10 + (digits[i] - '0');
    return v;
}

/* One number in ten passes Luhn by chance; the issuers' prefixes and lengths leave far fewer. */
static bool issuer_known(const char *d, size_t n)
{
    static const struct {
        int from, to;
        size_t digits, shortest, longest;
    } issuers[] = {
        {4, 4, 1, 13, 13},       {4, 4, 1, 16, 16},       {4, 4, 1, 19, 19},
        {51, 55, 2, 16, 16},     {2221, 2720, 4, 16, 16}, {34, 34, 2, 15, 15},
        {37, 37, 2, 15, 15},     {6011, 6011, 4, 16, 19}, {644, 659, 3, 16, 19},
        {3528, 3589, 4, 16, 19}, {300, 305, 3, 14, 14},   {36, 36, 2, 14, 14},
        {38, 39, 2, 14, 16},     {62, 62, 2, 16, 19},     {50, 50, 2, 13, 19},
        {56, 58, 2, 13, 19},     {67, 67, 2, 13, 19},     {6304, 6304, 4, 13, 19},
    };

    for (size_t i = 0; i < ARRAY_LEN(issuers); i++) {
        int v = prefix(d, issuers[i].digits);

        if (v >= issuers[i].from && v <= issuers[i].to && n >= issuers[i].shortest &&
            n <= issuers[i].longest)
            return true;
    }
    return false;
}

bool redact_is_card(const char *text, struct redact_span *at)
{
    char d[24];
    size_t n = digits_of(text, at, d, sizeof d);

    return n >= 13 && n <= 19 && issuer_known(d, n) && luhn(d, n);
}

/* Lengths of the countries that have one, by their letters in order. */
static size_t iban_length(const char *country)
{
    static const struct {
        char country[3];
        unsigned char length;
    } lengths[] = {
        {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16},
        {"BG", 22}, {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22},
        {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20},
        {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22},
        {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28},
        {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30},
        {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21},
        {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27},
        {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
        {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33},
        {"SA", 24}, {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27},
        {"SO", 23}, {"ST", 25}, {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29},
        {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30},
    };

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        if (memcmp(country, lengths[i].country, 2) == 0)
            return lengths[i].length;
    return 0;
}

static unsigned mod97(unsigned rest, char c)
{
    if (is_digit(c))
        return (rest * 10 + (unsigned)(c - '0')) % 97;
    return (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
}

/* Words may follow in capitals: the country says where the number ends. */
bool redact_is_iban(const char *text, struct redact_span *at)
{
    char plain[36];
    size_t want = iban_length(text + at->from), n = 0, i;
    unsigned rest = 0;

    for (i = at->from; i < at->to && n < want; i++)
        if (text[i] != ' ')
            plain[n++] = text[i];
    if (want == 0 || n < want)
        return false;
    if (i < at->to && text[i] != ' ')
        return false;
    for (size_t k = 4; k < want + 4; k++)
        rest = mod97(rest, plain[k % want]);
    at->to = i;
    return rest == 1;
}

/* Country codes of one and two digits; every other code has three. */
static bool calling_code(const char *d)
{
    static const char two[] = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 "
                              "55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 ";
    static const char three[] = "21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 "
                                "99 ";
    char head[4] = {d[0], d[1], ' ', '\0'};

    if (d[0] == '1')
        return d[1] >= '2'; /* no area begins with 0 or 1 */
    return d[0] == '7' || strstr(two, head) != NULL || strstr(three, head) != NULL;
}

/* One dot and nothing else between the digits is a number: +12.3456789 */
static bool is_decimal(const char *text, const struct redact_span *at)
{
    size_t dots = 0;

    for (size_t i = at->from; i < at->to; i++) {
        dots += text[i] == '.';
        if (!is_digit(text[i]) && text[i] != '.' && text[i] != '+')
            return false;
    }
    return dots == 1;
}

static bool all_same(const char *d)
{
    return strspn(d, (const char[]){d[0], '\0'}) == strlen(d);
}

bool redact_is_intl(const char *text, struct redact_span *at)
{
    char d[20];
    size_t n = digits_of(text, at, d, sizeof d);
    const char *number = d;

    if (text[at->from] != '+') {
        if (n < 2)
            return false;
        number += 2; /* 00 */
        n -= 2;
    }
    return n >= 9 && n <= 15 && calling_code(number) && !all_same(number) && !is_decimal(text, at);
}

/* 2024-01-05..., 05.01.2024..., 10.0.0.1 */
static bool is_date_or_address(const char *text, const struct redact_span *at)
{
    size_t groups[8] = {0}, n = 0;
    char between = '\0';
    bool one_kind = true;

    for (size_t i = at->from; i < at->to; i++) {
        if (is_digit(text[i])) {
            groups[n < 8 ? n : 7]++;
            continue;
        }
        if (groups[n < 8 ? n : 7] == 0)
            continue;
        if (text[i] == ' ')
            return false;
        one_kind = one_kind && (between == '\0' || between == text[i]);
        between = text[i];
        n++;
    }
    if (n >= 2 && groups[0] == 4 && groups[1] == 2 && groups[2] >= 2)
        return true;
    if (n >= 2 && groups[0] == 2 && groups[1] == 2 && groups[2] == 4)
        return true;
    return n == 3 && one_kind && between == '.' && groups[0] <= 3 && groups[1] <= 3 &&
           groups[2] <= 3 && groups[3] <= 3;
}

bool redact_is_phone(const char *text, struct redact_span *at)
{
    char d[20];
    size_t n = digits_of(text, at, d, sizeof d);

    return n >= 7 && n <= 15 && !all_same(d) && !is_date_or_address(text, at) &&
           !is_decimal(text, at);
}

static int sextet(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c == '-' ? '+' : c == '_' ? '/' : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Printable, with a colon behind at least one character: that is what Basic and Docker's auth hold. */
bool redact_is_user_pw(const char *text, struct redact_span *at)
{
    unsigned bits = 0;
    int have = 0;
    size_t n = 0;
    bool colon = false;

    for (size_t i = at->from; i < at->to && text[i] != '='; i++) {
        int v = sextet(text[i]);
        unsigned c;

        if (v < 0)
            return false;
        bits = bits << 6 | (unsigned)v;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        c = bits >> have & 0xff;
        if (c < 0x20 || c == 0x7f)
            return false;
        colon = colon || (c == ':' && n > 0);
        n++;
    }
    return colon;
}

static bool is_one_of(const char *s, size_t len, const char *const *words)
{
    for (; *words; words++) {
        size_t i = 0;

        if (strlen(*words) != len)
            continue;
        while (i < len && lower(s[i]) == (*words)[i])
            i++;
        if (i == len)
            return true;
    }
    return false;
}

/* "password: expired": what a person says about a secret, not the secret. */
/* clang-format off */
static const char *const said[] = {
    "null", "none", "nil", "true", "false", "yes", "no", "on", "off", "undefined", "unset", "empty",
    "missing", "invalid", "expired", "expires", "required", "wrong", "incorrect", "changed",
    "rotated", "revoked", "rejected", "denied", "failed", "failure", "failing", "error", "errors",
    "ok", "unknown", "hidden", "redacted", "masked", "removed", "reset", "resets", "mismatch",
    "not", "is", "was", "has", "must", "cannot", "can't", "for", "from", "in", "and", "or", "the",
    "a", "an", "refresh", "rotation", "validation", "auth", "verification", "authentication",
    "bearer", "basic", "token", "n/a", "env", "file", "default", "too", "does", "using", "string",
    "number", "boolean", "str", "int", "bool", "any", "object", "optional", "never", "valid",
    "issued", "created", "deleted", "updated", "loaded", "found", "omitted", "filtered", "sha256",
    "login", "pending", "char", "byte", "void", "self", "this", "new", "exceeded", "exhausted",
    "left", "remaining", NULL,
};
/* clang-format on */

/* ${NAME}, {{ name }}, $(cmd), %s, <name>, ***, xxxx, ... */
static bool is_stand_in(const char *s, size_t len)
{
    size_t i, word = 0;

    if (len >= 2 && s[0] == '$' && (s[1] == '{' || s[1] == '('))
        return true;
    if (len >= 2 && ((s[0] == '{' && s[1] == '{') || (s[0] == '%' && len <= 3)))
        return true;
    for (i = 0; i < len; i++)
        word += is_alpha(s[i]) || is_digit(s[i]) || (unsigned char)s[i] >= 0x80;
    if (word == 0)
        return true;
    for (i = 0; i < len && lower(s[i]) == 'x'; i++)
        ;
    return i == len;
}

static bool is_closing(char c)
{
    return c != '\0' && strchr(".,;:)]}>", c) != NULL;
}

bool redact_is_assigned(const char *text, struct redact_span *at)
{
    size_t len, digits = 0;

    while (at->to > at->from && is_closing(text[at->to - 1]))
        at->to--;
    len = at->to - at->from;
    if (len == 0 || is_one_of(text + at->from, len, said) || is_stand_in(text + at->from, len))
        return false;
    while (digits < len && is_digit(text[at->from + digits]))
        digits++;
    return digits < len || len >= 5; /* "pass: 12, fail: 0", "token: 3" */
}

bool redact_is_mixed(const char *text, struct redact_span *at)
{
    size_t digits = 0, letters = 0, big = 0;

    for (size_t i = at->from; i < at->to; i++) {
        digits += is_digit(text[i]);
        letters += is_alpha(text[i]);
        big += text[i] >= 'A' && text[i] <= 'Z';
    }
    while (at->to > at->from && is_closing(text[at->to - 1]))
        at->to--;
    return (digits > 0 && letters > 0) || (big > 2 && letters > big) || at->to - at->from >= 24;
}

bool redact_is_no_sha(const char *text, struct redact_span *at)
{
    size_t len = at->to - at->from, hex = 0;

    for (size_t i = at->from; i < at->to; i++)
        hex += is_digit(text[i]) || (text[i] >= 'a' && text[i] <= 'f');
    return !(hex == len && (len == 40 || len == 64));
}

/*
 * https://user:pa55@host.example.com: the class password takes the secret and leaves the host. How far back a URL is looked for is bounded; a
 * name that is an address itself (https://ana@example.com:pa55@host) stays a find.
 */
#define USERINFO_MAX_BYTES 256

bool redact_is_no_userinfo(const char *text, struct redact_span *at)
{
    bool colon = false;

    for (size_t i = at->from, seen = 0; i >= 3 && seen < USERINFO_MAX_BYTES; i--, seen++) {
        char c = text[i - 1];

        if (c == '/')
            return text[i - 2] != '/' || text[i - 3] != ':' ||
                   (!colon && (text[at->to] == ':' || text[at->to] == '@'));
        if (c == ' ' || c == '\n' || c == '\t' || c == '"' || c == '\'' || c == '<' || c == '?')
            return true;
        colon = colon || c == ':';
    }
    return true;
}

/* ---- Names of members ----------------------------------------------------------------------------------------- */

#define NAME_MAX_BYTES 128

/* Lower case, without what stands between words; one step of a dotted path. */
static size_t name_plain(const char *name, size_t len, char *out)
{
    size_t n = 0, i = 0;

    if (len >= NAME_MAX_BYTES) /* what a name says stands at its end */
        i = len - NAME_MAX_BYTES + 1;
    for (; i < len; i++)
        if (is_alpha(name[i]) || is_digit(name[i]))
            out[n++] = lower(name[i]);
    out[n] = '\0';
    return n;
}

static bool step_is_secret(const char *name, size_t bytes)
{
    static const char *const whole[] = {"auth", "cookie", "cookies", "pass", "pw",  "pwd",
                                        "psk",  "sas",    "sig",     "pin",  "otp", NULL};
    /* clang-format off */
    static const char *const tails[] = {
        "password", "passwords", "passwd", "passphrase", "passcode", "secret", "secrets", "token",
        "apikey", "apikeys", "accesskey", "secretkey", "privatekey", "clientkey", "authkey",
        "signingkey", "encryptionkey", "masterkey", "accountkey", "sharedkey", "licensekey",
        "sessionkey", "subscriptionkey", "hmackey", "appkey", "applicationkey", "integrationkey",
        "deploykey", "authorization", "credential", "credentials", "setcookie", "sessionid",
        "connectionstring", "dbpass", "userpass", "bearer", "secretvalue", "passwordhash",
        "webhookurl", "jwt", "secretaccesskey", "sharedaccesskey", "privatekeypem", "storagekey",
        "webhooksecret", NULL,
    };
    /* clang-format on */
    char plain[NAME_MAX_BYTES];
    size_t n = name_plain(name, bytes, plain);

    if (is_one_of(plain, n, whole))
        return true;
    for (const char *const *t = tails; *t; t++) {
        size_t len = strlen(*t);

        if (n >= len && memcmp(plain + n - len, *t, len) == 0)
            return true;
    }
    return false;
}

/* Details may have been written as paths: "env.credentials.0.user" is within what a member called credentials holds. */
bool redact_name_is_secret(const char *name)
{
    while (*name) {
        size_t len = strcspn(name, ".");

        if (step_is_secret(name, len))
            return true;
        name += len + strspn(name + len, ".");
    }
    return false;
}
