#include "net/net_reply.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"

#define SECONDS_MAX 86400 /* no wait we are told may be longer */

void net_answer_init(struct net_answer *a, size_t cap_bytes)
{
    *a = (struct net_answer){.said = {-1, -1, -1, -1}};
    buf_init(&a->body, cap_bytes);
}

void net_answer_done(struct net_answer *a)
{
    buf_done(&a->body);
}

/* A number without sign or fraction; larger ones than max become max. -1 when it is none. */
static int64_t parse_count(const char *p, size_t len, int64_t max)
{
    int64_t v = 0;

    for (size_t i = 0; i < len; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
        if (v > max)
            v = max;
    }
    return len > 0 ? v : -1;
}

int64_t net_parse_retry_after(const char *value, size_t len, int64_t now_wall_ms)
{
    char copy[64];
    int64_t n = parse_count(value, len, SECONDS_MAX);
    time_t at;

    if (n >= 0 || len == 0 || len >= sizeof copy)
        return n;
    memcpy(copy, value, len);
    copy[len] = '\0';
    at = curl_getdate(copy, NULL);
    if (at < 0)
        return -1;
    n = (int64_t)at - now_wall_ms / 1000;
    return n < 0 ? 0 : n > SECONDS_MAX ? SECONDS_MAX : n;
}

static void read_header(struct net_rate *said, const char *name, size_t name_len, const char *value,
                        size_t len)
{
    if (name_len == 11 && strncasecmp(name, "retry-after", 11) == 0)
        said->retry_after_s = net_parse_retry_after(value, len, clock_wall_ms());
    else if (name_len == 15 && strncasecmp(name, "ratelimit-limit", 15) == 0)
        said->limit = parse_count(value, len, INT32_MAX);
    else if (name_len == 19 && strncasecmp(name, "ratelimit-remaining", 19) == 0)
        said->remaining = parse_count(value, len, INT32_MAX);
    else if (name_len == 15 && strncasecmp(name, "ratelimit-reset", 15) == 0)
        said->reset_s = parse_count(value, len, SECONDS_MAX);
}

/* To the second, as it is written; 0 when it is no date. */
static int64_t parse_date_ms(const char *value, size_t len)
{
    char copy[64];
    time_t at;

    if (len == 0 || len >= sizeof copy)
        return 0;
    memcpy(copy, value, len);
    copy[len] = '\0';
    at = curl_getdate(copy, NULL);
    return at > 0 ? (int64_t)at * 1000 : 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

size_t net_answer_head(char *line, size_t size, size_t n, void *arg)
{
    struct net_answer *a = arg;
    const char *end = line + size * n, *value;

    a->head_bytes += size * n;
    if (a->head_bytes > NET_HEAD_MAX) {
        a->over = true;
        return 0;
    }
    if (size * n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        /* A new status line: what came before was an interim answer (100) and says nothing. */
        a->head_whole = false;
        a->said = (struct net_rate){-1, -1, -1, -1};
        a->date_ms = 0;
        return size * n;
    }
    while (end > line && is_space(end[-1]))
        end--;
    if (end == line)
        a->head_whole = true;
    value = memchr(line, ':', (size_t)(end - line));
    /* After the empty line come only trailers, which must not change the budget. */
    if (a->head_whole || !value)
        return size * n;
    const char *name_end = value++;
    while (value < end && is_space(*value))
        value++;
    if (name_end - line == 4 && strncasecmp(line, "date", 4) == 0)
        a->date_ms = parse_date_ms(value, (size_t)(end - value));
    read_header(&a->said, line, (size_t)(name_end - line), value, (size_t)(end - value));
    return size * n;
}

size_t net_answer_body(char *p, size_t size, size_t n, void *arg)
{
    struct net_answer *a = arg;

    buf_add(&a->body, p, size * n);
    if (a->body.over) {
        a->over = true;
        return 0;
    }
    return size * n;
}
