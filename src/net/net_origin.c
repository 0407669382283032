#include "net/net_origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "base/text.h"

static int check_characters(const char *text, struct err *e)
{
    size_t len = strnlen(text, NET_URL_MAX + 1);

    if (len > NET_URL_MAX)
        return err_set(e, ERR_INPUT, "URL is over %d bytes", NET_URL_MAX);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\\\"<>^`{|}#", c))
            return err_set(e, ERR_INPUT,
                           "URL has a character at byte %zu that must be percent-encoded", i);
        if (c == '%' &&
            !(isxdigit((unsigned char)text[i + 1]) && isxdigit((unsigned char)text[i + 2])))
            return err_set(e, ERR_INPUT, "URL has a broken percent code at byte %zu", i);
    }
    return 0;
}

/* One byte of the path as a lenient server might read it: encoded dots and separators count as themselves. */
static char lenient_byte(const char **at)
{
    static const struct {
        const char *code;
        char plain;
    } CODES[] = {{"%2e", '.'}, {"%2f", '/'}, {"%5c", '/'}};

    for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
        if (strncasecmp(*at, CODES[i].code, 3) == 0) {
            *at += 3;
            return CODES[i].plain;
        }
    }
    return *(*at)++;
}

/* Is there a "." or ".." part? Parameters behind ';' are cut off first, as some servers do. */
static bool path_climbs(const char *path, size_t len)
{
    const char *at = path, *end = path + len;
    size_t dots = 0, others = 0;
    bool cut = false;

    while (at < end) {
        char c = lenient_byte(&at);
        if (c == '/') {
            if (others == 0 && (dots == 1 || dots == 2))
                return true;
            dots = others = 0;
            cut = false;
        } else if (c == ';') {
            cut = true;
        } else if (!cut) {
            dots += c == '.';
            others += c != '.';
        }
    }
    return others == 0 && (dots == 1 || dots == 2);
}

static int parse_port(const char *text, size_t len, unsigned *port, struct err *e)
{
    unsigned v = 0;

    if (len == 0)
        return 0;
    if (text[0] != ':' || len < 2 || len > 6)
        return err_set(e, ERR_INPUT, "URL has a malformed port");
    for (size_t i = 1; i < len; i++) {
        if (!isdigit((unsigned char)text[i]))
            return err_set(e, ERR_INPUT, "URL has a malformed port");
        v = v * 10 + (unsigned)(text[i] - '0');
    }
    if (v < 1 || v > 65535)
        return err_set(e, ERR_INPUT, "URL has a port outside 1..65535");
    *port = v;
    return 0;
}

static int parse_v6(const char *text, size_t len, struct net_url *u, size_t *used, struct err *e)
{
    const char *close = memchr(text, ']', len);
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    size_t n = close ? (size_t)(close - text) - 1 : 0;

    if (n == 0 || n >= sizeof copy)
        return err_set(e, ERR_INPUT, "URL has a malformed IPv6 address");
    memcpy(copy, text + 1, n);
    copy[n] = '\0';
    if (inet_pton(AF_INET6, copy, &v6) != 1 || !inet_ntop(AF_INET6, &v6, u->host, sizeof u->host))
        return err_set(e, ERR_INPUT, "URL has a malformed IPv6 address");
    *used = n + 2;
    return 0;
}

static int parse_name(const char *text, size_t len, struct net_url *u, size_t *used, struct err *e)
{
    size_t n = 0;

    while (n < len && text[n] != ':') {
        unsigned char c = (unsigned char)text[n];
        if (n >= NET_HOST_MAX || !(isalnum(c) || strchr("-._", c)))
            return err_set(e, ERR_INPUT, "URL has a malformed host");
        u->host[n++] = (char)tolower(c);
    }
    if (n == 0)
        return err_set(e, ERR_INPUT, "URL has no host");
    u->host[n] = '\0';
    *used = n;
    return 0;
}

int net_url_parse(const char *text, struct net_url *out, struct err *e)
{
    struct net_url u = {.https = true, .port = 443};
    const char *at = text;
    size_t span, used = 0;

    if (check_characters(text, e) < 0)
        return e->code;
    if (strncasecmp(at, "https://", 8) == 0) {
        at += 8;
    } else if (strncasecmp(at, "http://", 7) == 0) {
        at += 7;
        u.https = false;
        u.port = 80;
    } else {
        return err_set(e, ERR_DENIED, "URL is neither https:// nor http://");
    }
    span = strcspn(at, "/?");
    if (memchr(at, '@', span))
        return err_set(e, ERR_DENIED, "URL names a user before the host");
    if ((*at == '[' ? parse_v6(at, span, &u, &used, e) : parse_name(at, span, &u, &used, e)) < 0 ||
        parse_port(at + used, span - used, &u.port, e) < 0)
        return e->code;
    u.path = at + span;
    u.path_len = strcspn(u.path, "?");
    if (path_climbs(u.path, u.path_len))
        return err_set(e, ERR_DENIED, "URL path has a \".\" or \"..\" part");
    *out = u;
    return 0;
}

bool net_url_is_loopback(const struct net_url *u)
{
    struct in_addr v4;

    if (text_eq(u->host, "localhost") || text_eq(u->host, "::1"))
        return true;
    return inet_pton(AF_INET, u->host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* Length of base's path without its trailing slashes. */
static size_t prefix_len(const struct net_url *base)
{
    size_t n = base->path_len;

    while (n > 0 && base->path[n - 1] == '/')
        n--;
    return n;
}

int net_url_below(const struct net_url *base, const struct net_url *url, struct err *e)
{
    size_t n = prefix_len(base);

    if (url->https != base->https)
        return err_set(e, ERR_DENIED, "URL leaves the peer's origin: other scheme");
    if (!text_eq(url->host, base->host))
        return err_set(e, ERR_DENIED, "URL leaves the peer's origin: other host");
    if (url->port != base->port)
        return err_set(e, ERR_DENIED, "URL leaves the peer's origin: other port");
    if (url->path_len < n || (n > 0 && memcmp(url->path, base->path, n) != 0) ||
        (url->path_len > n && url->path[n] != '/'))
        return err_set(e, ERR_DENIED, "URL leaves the peer's path prefix");
    return 0;
}

static uint32_t fnv1a(uint32_t h, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h;
}

uint32_t net_url_endpoint(const struct net_url *base, const struct net_url *url, const char *method)
{
    const char *at = url->path + prefix_len(base), *end = url->path + url->path_len;
    uint32_t h = fnv1a(2166136261u, method, strlen(method));
    unsigned char parts = 0;

    while (at < end) {
        const char *slash;
        size_t n;
        if (*at == '/') {
            at++;
            continue;
        }
        slash = memchr(at, '/', (size_t)(end - at));
        n = slash ? (size_t)(slash - at) : (size_t)(end - at);
        if (parts++ == 0)
            h = fnv1a(h, at, n);
        at += n;
    }
    h = (h ^ parts) * 16777619u;
    return h ? h : 1;
}
