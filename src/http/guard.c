#include <string.h>
#include <strings.h>

#include "http/http_priv.h"

/*
 * libmicrohttpd 0.9.75 lets through what two readers of one request could understand differently: doubled lengths and hosts, folded
 * lines, bare line feeds, NUL and control characters (each measured). Nobody who means well sends these, PagerDuty never does; they
 * are answered 400 and the connection is closed.
 */
struct header_scan {
    const char *problem;
    const char *next; /* where the next name must begin; NULL: this library refuses by itself */
    unsigned host, length, encoding, signature, authorization;
};

static bool is_name(const char *name, size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!word && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return len > 0;
}

static bool is_value(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static void count(struct header_scan *s, const char *name, const char *value)
{
    if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0)
        s->host++;
    else if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0)
        s->length++;
    else if (strcasecmp(name, SIGNATURE_HEADER) == 0)
        s->signature++;
    else if (strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0)
        s->authorization++;
    else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        s->encoding++;
        if (strcasecmp(value, "chunked") != 0)
            s->problem = "the only transfer encoding taken here is chunked";
    }
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    struct header_scan *s = arg;

    (void)kind;
    if (!value)
        value = "";
    if (!is_name(name, name_len))
        s->problem = "a header has a name that is no name";
    else if (strlen(value) != value_len || !is_value(value, value_len))
        s->problem = "a header holds control characters";
    else if (s->next && name != s->next)
        s->problem = "a header line is folded, holds a NUL, or does not end with CR LF";
    else
        count(s, name, value);
    if (s->next)
        s->next = value + value_len + 2; /* the CR and the LF, NULs by now */
    return s->problem ? MHD_NO : MHD_YES;
}

/*
 * 0.9 parses a request where it stands, and its strings point into the bytes that were read: a line that is exactly
 * "name: value CR LF" is followed by the next name. A fold moves the string elsewhere, a NUL leaves bytes in between, a bare LF is
 * one byte less. Later versions refuse these themselves.
 */
static bool parses_in_place(void)
{
    return strncmp(MHD_get_version(), "0.9.", 4) == 0;
}

const char *guard_headers(struct MHD_Connection *conn, const char *method, const char *version)
{
    struct header_scan s = {.next = parses_in_place() ? version + strlen(version) + 2 : NULL};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    MHD_get_connection_values_n(conn, MHD_HEADER_KIND, on_header, &s);
    if (s.problem)
        return s.problem;
    if (s.next && info && s.next + 2 != method + info->header_size)
        return "the header does not end with an empty line of CR LF";
    if (s.host > 1 || s.length > 1 || s.encoding > 1 || s.authorization > 1)
        return "a header that may stand once is there twice";
    if (s.signature > 1)
        return "more than one " SIGNATURE_HEADER
               " header: one could be verified and another one read";
    if (s.length && s.encoding)
        return "Content-Length and Transfer-Encoding contradict each other";
    return NULL;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

size_t guard_unescape(void *arg, struct MHD_Connection *conn, char *s)
{
    char *to = s;

    (void)arg;
    (void)conn;
    for (const char *from = s; *from; from++) {
        int high = *from == '%' ? digit(from[1]) : -1;
        int low = high >= 0 ? digit(from[2]) : -1;
        int c = high * 16 + low;

        if (low < 0 || c < 0x20 || c == 0x7f) {
            *to++ = *from;
            continue;
        }
        *to++ = (char)c;
        from += 2;
    }
    *to = '\0';
    return (size_t)(to - s);
}
