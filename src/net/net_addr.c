#include "net/net_addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct v4_range {
    uint32_t net;
    unsigned bits;
    const char *why;
};

/* IANA's special-purpose registry for IPv4: nothing here is a public server. */
static const struct v4_range V4_REFUSED[] = {
    {0x00000000, 8, "unspecified"},    /* 0.0.0.0/8; Linux takes 0.0.0.0 for itself */
    {0x0a000000, 8, "private"},        /* 10.0.0.0/8 */
    {0x64400000, 10, "carrier NAT"},   /* 100.64.0.0/10 */
    {0x7f000000, 8, "loopback"},       /* 127.0.0.0/8 */
    {0xa9fe0000, 16, "link-local"},    /* 169.254.0.0/16, cloud metadata among it */
    {0xac100000, 12, "private"},       /* 172.16.0.0/12 */
    {0xc0000000, 24, "reserved"},      /* 192.0.0.0/24 */
    {0xc0000200, 24, "documentation"}, /* 192.0.2.0/24 */
    {0xc0586300, 24, "reserved"},      /* 192.88.99.0/24, old 6to4 relays */
    {0xc0a80000, 16, "private"},       /* 192.168.0.0/16 */
    {0xc6120000, 15, "reserved"},      /* 198.18.0.0/15, benchmarks */
    {0xc6336400, 24, "documentation"}, /* 198.51.100.0/24 */
    {0xcb007100, 24, "documentation"}, /* 203.0.113.0/24 */
    {0xe0000000, 4, "multicast"},      /* 224.0.0.0/4 */
    {0xf0000000, 4, "reserved"},       /* 240.0.0.0/4 and broadcast */
};

struct v6_range {
    uint8_t net[16];
    unsigned bits;
    const char *why;
    int v4_at; /* judge the IPv4 address that stands at this byte instead; -1 = refuse all of it */
};

/*
 * First match decides. Only 2000::/3 is given out to the public, so the table names the exceptions in it, the
 * transition forms that smuggle an IPv4 address, and, for the message, the well-known local ranges.
 */
/* clang-format off */
static const struct v6_range V6_RANGES[] = {
    {{[15] = 0}, 128, "unspecified", -1},
    {{[15] = 1}, 128, "loopback", -1},
    {{[10] = 0xff, [11] = 0xff}, 96, "", 12},                      /* ::ffff:a.b.c.d, v4-mapped */
    {{0x00, 0x64, 0xff, 0x9b}, 96, "", 12},                        /* 64:ff9b::a.b.c.d, NAT64 */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, "private", -1},     /* 64:ff9b:1::/48, a site's own NAT64 */
    {{0xfe, 0x80}, 10, "link-local", -1},
    {{0xfe, 0xc0}, 10, "private", -1},                             /* old site-local */
    {{0xfc, 0x00}, 7, "private", -1},                              /* unique local */
    {{0xff, 0x00}, 8, "multicast", -1},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation", -1},
    {{0x20, 0x01, 0x00, 0x00}, 23, "reserved", -1},                /* Teredo, ORCHID, benchmarks */
    {{0x3f, 0xff, 0x00}, 20, "documentation", -1},
    {{0x20, 0x02}, 16, "", 2},                                     /* 2002:AABB:CCDD::, 6to4 */
};
/* clang-format on */

static const char *v4_refused(uint32_t host)
{
    for (size_t i = 0; i < ARRAY_LEN(V4_REFUSED); i++) {
        uint32_t mask = UINT32_MAX << (32 - V4_REFUSED[i].bits);
        if ((host & mask) == V4_REFUSED[i].net)
            return V4_REFUSED[i].why;
    }
    return NULL;
}

static uint32_t v4_from(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool in_range(const uint8_t addr[16], const struct v6_range *r)
{
    size_t whole = r->bits / 8;
    unsigned rest = r->bits % 8;

    if (memcmp(addr, r->net, whole) != 0)
        return false;
    return rest == 0 || (addr[whole] ^ r->net[whole]) >> (8 - rest) == 0;
}

static const char *v6_refused(const uint8_t addr[16])
{
    for (size_t i = 0; i < ARRAY_LEN(V6_RANGES); i++) {
        const struct v6_range *r = &V6_RANGES[i];
        if (in_range(addr, r))
            return r->v4_at < 0 ? r->why : v4_refused(v4_from(addr + r->v4_at));
    }
    return (addr[0] & 0xe0) == 0x20 ? NULL : "reserved";
}

const char *net_addr_refused(const struct sockaddr *sa, size_t len)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (sa->sa_family == AF_INET && len >= sizeof in) {
        memcpy(&in, sa, sizeof in);
        return v4_refused(ntohl(in.sin_addr.s_addr));
    }
    if (sa->sa_family == AF_INET6 && len >= sizeof in6) {
        memcpy(&in6, (const void *)sa, sizeof in6);
        return v6_refused(in6.sin6_addr.s6_addr);
    }
    return "not an internet address";
}

const char *net_addr_refused_text(const char *ip)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (ip && inet_pton(AF_INET, ip, &v4) == 1)
        return v4_refused(ntohl(v4.s_addr));
    if (ip && inet_pton(AF_INET6, ip, &v6) == 1)
        return v6_refused(v6.s6_addr);
    return "not an internet address";
}
