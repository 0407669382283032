#include "net/net_addr.h"

#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"

struct row {
    const char *text; /* as it could stand in a URL; read as the system's resolver reads it */
    const char *why;  /* NULL = may be connected to */
};

/* F-25: every spelling of an address that a resolver accepts ends as the same bytes, and those are judged. */
static const struct row ROWS[] = {
    /* loopback and its spellings */
    {"127.0.0.1", "loopback"},
    {"127.1", "loopback"},
    {"127.0.1", "loopback"},
    {"127.255.255.254", "loopback"},
    {"2130706433", "loopback"},
    {"0x7f000001", "loopback"},
    {"0x7f.1", "loopback"},
    {"0x7f.0x0.0x0.0x1", "loopback"},
    {"017700000001", "loopback"},
    {"0177.0.0.1", "loopback"},
    {"0177.0x0.1", "loopback"},
    {"::1", "loopback"},
    {"0:0:0:0:0:0:0:1", "loopback"},
    {"::ffff:127.0.0.1", "loopback"},
    {"::ffff:7f00:1", "loopback"},
    {"64:ff9b::127.0.0.1", "loopback"},
    {"64:ff9b::7f00:1", "loopback"},
    {"2002:7f00:1::", "loopback"},
    /* nowhere */
    {"0.0.0.0", "unspecified"},
    {"0", "unspecified"},
    {"0.1.2.3", "unspecified"},
    {"::", "unspecified"},
    {"::ffff:0.0.0.0", "unspecified"},
    /* private */
    {"10.0.0.1", "private"},
    {"10.255.255.255", "private"},
    {"167772161", "private"},
    {"0xa000001", "private"},
    {"012.1", "private"},
    {"172.16.0.1", "private"},
    {"172.31.255.255", "private"},
    {"192.168.0.1", "private"},
    {"3232235521", "private"},
    {"::ffff:10.0.0.1", "private"},
    {"::ffff:c0a8:1", "private"},
    {"64:ff9b::10.1.2.3", "private"},
    {"64:ff9b:1::8.8.8.8", "private"},
    {"2002:a00:1::1", "private"},
    {"2002:c0a8:0101:1::1", "private"},
    {"fc00::1", "private"},
    {"fd12:3456:789a::1", "private"},
    {"fec0::1", "private"},
    /* link-local, cloud metadata */
    {"169.254.169.254", "link-local"},
    {"2852039166", "link-local"},
    {"0xa9fea9fe", "link-local"},
    {"::ffff:169.254.169.254", "link-local"},
    {"64:ff9b::a9fe:a9fe", "link-local"},
    {"fe80::1", "link-local"},
    {"febf::1", "link-local"},
    {"fd00:ec2::254", "private"},
    /* shared, multicast, reserved, documentation */
    {"100.64.0.1", "carrier NAT"},
    {"100.127.255.255", "carrier NAT"},
    {"::ffff:100.64.0.1", "carrier NAT"},
    {"224.0.0.1", "multicast"},
    {"239.255.255.255", "multicast"},
    {"ff02::1", "multicast"},
    {"240.0.0.1", "reserved"},
    {"255.255.255.255", "reserved"},
    {"192.0.0.170", "reserved"},
    {"192.88.99.1", "reserved"},
    {"198.18.0.1", "reserved"},
    {"198.19.255.255", "reserved"},
    {"192.0.2.1", "documentation"},
    {"198.51.100.7", "documentation"},
    {"203.0.113.9", "documentation"},
    {"2001:db8::1", "documentation"},
    {"3fff:0fff::1", "documentation"},
    {"2001::1", "reserved"},
    {"2001:0:7f00:1::", "reserved"},
    {"2001:10::1", "reserved"},
    {"2001:2::1", "reserved"},
    {"::127.0.0.1", "reserved"},
    {"::8.8.8.8", "reserved"},
    {"::ffff:0:8.8.8.8", "reserved"},
    {"100::1", "reserved"},
    {"5f00::1", "reserved"},
    {"4000::1", "reserved"},
    {"e000::1", "reserved"},
    /* public, and the edges of the ranges above */
    {"8.8.8.8", NULL},
    {"134744072", NULL},
    {"1.0.0.0", NULL},
    {"9.255.255.255", NULL},
    {"11.0.0.0", NULL},
    {"100.63.255.255", NULL},
    {"100.128.0.0", NULL},
    {"126.255.255.255", NULL},
    {"128.0.0.1", NULL},
    {"169.253.255.255", NULL},
    {"169.255.0.0", NULL},
    {"172.15.255.255", NULL},
    {"172.32.0.0", NULL},
    {"192.0.1.0", NULL},
    {"192.0.3.0", NULL},
    {"192.167.255.255", NULL},
    {"192.169.0.0", NULL},
    {"198.17.255.255", NULL},
    {"198.20.0.0", NULL},
    {"223.255.255.255", NULL},
    {"::ffff:8.8.8.8", NULL},
    {"64:ff9b::8.8.8.8", NULL},
    {"2002:808:808::1", NULL},
    {"2001:200::1", NULL},
    {"2001:4860:4860::8888", NULL},
    {"2606:4700::1111", NULL},
    {"2a00:1450:4001::1", NULL},
    {"3fff:1000::1", NULL},
};

static void judges_every_spelling_by_its_address(void **state)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
    unsigned wrong = 0;

    (void)state;
    assert_true(ARRAY_LEN(ROWS) >= 60);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const char *why;
        if (getaddrinfo(ROWS[i].text, "443", &hints, &found) != 0) {
            print_error("%s: the resolver does not read it\n", ROWS[i].text);
            wrong++;
            continue;
        }
        why = net_addr_refused(found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);
        if ((why == NULL) != (ROWS[i].why == NULL) || (why && strcmp(why, ROWS[i].why) != 0)) {
            print_error("%s: %s, expected %s\n", ROWS[i].text, why ? why : "allowed",
                        ROWS[i].why ? ROWS[i].why : "allowed");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void refuses_what_is_no_internet_address(void **state)
{
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808)};

    (void)state;
    assert_non_null(net_addr_refused(&other, sizeof other));
    assert_null(net_addr_refused((const struct sockaddr *)&in, sizeof in));
    assert_non_null(net_addr_refused((const struct sockaddr *)&in, sizeof in - 1));
}

static void judges_the_text_of_a_live_connection(void **state)
{
    (void)state;
    assert_null(net_addr_refused_text("8.8.8.8"));
    assert_null(net_addr_refused_text("2606:4700::1111"));
    assert_string_equal(net_addr_refused_text("127.0.0.1"), "loopback");
    assert_string_equal(net_addr_refused_text("::ffff:10.0.0.1"), "private");
    assert_non_null(net_addr_refused_text("fe80::1%eth0"));
    assert_non_null(net_addr_refused_text("example.com"));
    assert_non_null(net_addr_refused_text(""));
    assert_non_null(net_addr_refused_text(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_every_spelling_by_its_address),
        cmocka_unit_test(refuses_what_is_no_internet_address),
        cmocka_unit_test(judges_the_text_of_a_live_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
