#include "net/net_origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"

#define US "https://api.pagerduty.com"
#define GW "https://gw.example.org:8443/pd/v2"
#define V6 "https://[2606:4700::1111]"

struct row {
    const char *base;
    const char *url;
    int code; /* 0 = stays on the origin */
};

/* F-25, threat model S1 to S3: a token leaves only for the origin it belongs to. */
static const struct row ROWS[] = {
    /* stays */
    {US, "https://api.pagerduty.com/incidents", 0},
    {US, "https://api.pagerduty.com", 0},
    {US, "https://api.pagerduty.com/", 0},
    {US, "https://api.pagerduty.com?x=1", 0},
    {US, "https://API.PagerDuty.COM/incidents", 0},
    {US, "HTTPS://api.pagerduty.com/incidents", 0},
    {US, "https://api.pagerduty.com:443/incidents", 0},
    {US, "https://api.pagerduty.com/incidents?statuses[]=triggered&limit=100", 0},
    {US, "https://api.pagerduty.com/a/.../b", 0},
    {US, "https://api.pagerduty.com/a..b/c.", 0},
    {US, "https://api.pagerduty.com/search?q=a/../b", 0},
    {US, "https://api.pagerduty.com/search?next=https://evil.com/@x", 0},
    {US, "https://api.pagerduty.com/users/a%40b", 0},
    {US "/", "https://api.pagerduty.com/incidents", 0},
    {GW, "https://gw.example.org:8443/pd/v2/incidents", 0},
    {GW, "https://gw.example.org:8443/pd/v2", 0},
    {GW, "https://gw.example.org:8443/pd/v2?x=1", 0},
    {GW "/", "https://gw.example.org:8443/pd/v2/incidents", 0},
    {V6, "https://[2606:4700:0:0:0:0:0:1111]/x", 0},
    {V6, "https://[2606:4700::1111]:443/x", 0},
    {"http://127.0.0.1:8080", "http://127.0.0.1:8080/x", 0},
    /* another scheme, host or port */
    {US, "http://api.pagerduty.com/incidents", ERR_DENIED},
    {US, "ftp://api.pagerduty.com/incidents", ERR_DENIED},
    {US, "file:///etc/passwd", ERR_DENIED},
    {US, "gopher://api.pagerduty.com/x", ERR_DENIED},
    {US, "//api.pagerduty.com/x", ERR_DENIED},
    {US, "/incidents", ERR_DENIED},
    {US, "api.pagerduty.com/x", ERR_DENIED},
    {US, "", ERR_DENIED},
    {US, "https:/api.pagerduty.com/x", ERR_DENIED},
    {US, "https://api.eu.pagerduty.com/incidents", ERR_DENIED},
    {US, "https://evil.com/incidents", ERR_DENIED},
    {US, "https://api.pagerduty.com.evil.com/incidents", ERR_DENIED},
    {US, "https://evil-api.pagerduty.com/incidents", ERR_DENIED},
    {US, "https://api.pagerduty.com./incidents", ERR_DENIED},
    {US, "https://pagerduty.com/incidents", ERR_DENIED},
    {US, "https://api.pagerduty.com:8443/incidents", ERR_DENIED},
    {US, "https://api.pagerduty.com:80/incidents", ERR_DENIED},
    {US, "https://169.254.169.254/latest", ERR_DENIED},
    {US, "https://[::1]/x", ERR_DENIED},
    {GW, "https://gw.example.org/pd/v2/x", ERR_DENIED},
    /* a user name that hides the host */
    {US, "https://api.pagerduty.com@evil.com/x", ERR_DENIED},
    {US, "https://api.pagerduty.com:443@evil.com/x", ERR_DENIED},
    {US, "https://user:pw@api.pagerduty.com/x", ERR_DENIED},
    {US, "https://@api.pagerduty.com/x", ERR_DENIED},
    {US, "https://evil.com?@api.pagerduty.com/x", ERR_DENIED},
    /* leaving the path prefix */
    {GW, "https://gw.example.org:8443/", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd/v22/x", ERR_DENIED},
    {GW, "https://gw.example.org:8443/PD/v2/x", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd/v2/../admin", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd/v2/..", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd/v2/./x", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd/v2/%2e%2e/admin", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd/v2/.%2E/admin", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd/v2/x%2f..%2f..%2fadmin", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd/v2/..%5cadmin", ERR_DENIED},
    {GW, "https://gw.example.org:8443/pd/v2/..;x=1/admin", ERR_DENIED},
    {GW, "https://gw.example.org:8443/x?/pd/v2/", ERR_DENIED},
    /* malformed, or read differently by different parsers */
    {US, "https://", ERR_INPUT},
    {US, "https:///incidents", ERR_INPUT},
    {US, "https://api.pagerduty.com\\@evil.com/x", ERR_INPUT},
    {US, "https://evil.com\\.api.pagerduty.com/x", ERR_INPUT},
    {US, "https://api.pagerduty.com#@evil.com/x", ERR_INPUT},
    {US, "https://api.pagerduty.com/x#y", ERR_INPUT},
    {US, "https://api.pagerduty.com /x", ERR_INPUT},
    {US, "https://api.pagerduty.com/x y", ERR_INPUT},
    {US, "https://api.pagerduty.com/x\r\nX-Evil: 1", ERR_INPUT},
    {US, "https://api.pagerduty.com/x\ty", ERR_INPUT},
    {US, "https://api.pagerduty.com\n.evil.com/x", ERR_INPUT},
    {US, "https://api.pagerduty.com/caf\xc3\xa9", ERR_INPUT},
    {US,
     "https://\xc2\xad"
     "api.pagerduty.com/x",
     ERR_INPUT},
    {US, "https://api%2epagerduty.com/x", ERR_INPUT},
    {US, "https://api.pagerduty.com:/x", ERR_INPUT},
    {US, "https://api.pagerduty.com:0/x", ERR_INPUT},
    {US, "https://api.pagerduty.com:65536/x", ERR_INPUT},
    {US, "https://api.pagerduty.com:4294967739/x", ERR_INPUT},
    {US, "https://api.pagerduty.com:443:80/x", ERR_INPUT},
    {US, "https://api.pagerduty.com:+443/x", ERR_INPUT},
    {US, "https://api.pagerduty.com:443x/x", ERR_INPUT},
    {US, "https://api.pagerduty.com/%", ERR_INPUT},
    {US, "https://api.pagerduty.com/%2", ERR_INPUT},
    {US, "https://api.pagerduty.com/%zz", ERR_INPUT},
    {US, "https://[::1", ERR_INPUT},
    {US, "https://[]/x", ERR_INPUT},
    {US, "https://[127.0.0.1]/x", ERR_INPUT},
    {US, "https://[fe80::1%25eth0]/x", ERR_INPUT},
    {US, "https://[::1]x/y", ERR_INPUT},
};

static void keeps_calls_on_the_origin(void **state)
{
    unsigned wrong = 0;

    (void)state;
    assert_true(ARRAY_LEN(ROWS) >= 80);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct err e = {0};
        struct net_url base, url;
        int code;
        assert_int_equal(net_url_parse(ROWS[i].base, &base, &e), 0);
        code = net_url_parse(ROWS[i].url, &url, &e);
        if (code == 0)
            code = net_url_below(&base, &url, &e);
        if (code != ROWS[i].code) {
            print_error("%s from %s: %d (%s), expected %d\n", ROWS[i].url, ROWS[i].base, code,
                        e.msg, ROWS[i].code);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void refuses_a_url_over_the_limit(void **state)
{
    static char url[NET_URL_MAX + 2];
    struct net_url u;
    struct err e = {0};

    (void)state;
    memset(url, 'a', NET_URL_MAX + 1);
    memcpy(url, US "/", strlen(US "/"));
    assert_int_equal(net_url_parse(url, &u, &e), ERR_INPUT);
    url[NET_URL_MAX] = '\0';
    assert_int_equal(net_url_parse(url, &u, &e), 0);
}

static void refuses_a_host_over_the_limit(void **state)
{
    char url[400] = "https://";
    struct net_url u;
    struct err e = {0};

    (void)state;
    memset(url + 8, 'a', NET_HOST_MAX + 1);
    assert_int_equal(net_url_parse(url, &u, &e), ERR_INPUT);
    url[8 + NET_HOST_MAX] = '\0';
    assert_int_equal(net_url_parse(url, &u, &e), 0);
}

static void knows_loopback_origins(void **state)
{
    static const struct {
        const char *url;
        bool loopback;
    } LOOPBACK[] = {
        {"http://127.0.0.1", true},
        {"http://127.9.9.9:80", true},
        {"http://[::1]:1", true},
        {"http://LOCALHOST", true},
        {"http://localhost:8080/x", true},
        {"http://127.1", false},
        {"http://2130706433", false},
        {"http://128.0.0.1", false},
        {"http://[::ffff:127.0.0.1]", false},
        {"http://localhost.", false},
        {"http://localhost.evil.com", false},
        {"http://127.0.0.1.evil.com", false},
        {"http://0.0.0.0", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(LOOPBACK); i++) {
        struct net_url u;
        struct err e = {0};
        assert_int_equal(net_url_parse(LOOPBACK[i].url, &u, &e), 0);
        if (net_url_is_loopback(&u) != LOOPBACK[i].loopback)
            fail_msg("%s: expected %d", LOOPBACK[i].url, LOOPBACK[i].loopback);
    }
}

static uint32_t endpoint(const char *base, const char *method, const char *url)
{
    struct net_url b, u;
    struct err e = {0};

    assert_int_equal(net_url_parse(base, &b, &e), 0);
    assert_int_equal(net_url_parse(url, &u, &e), 0);
    return net_url_endpoint(&b, &u, method);
}

static void tells_endpoints_apart_but_not_ids(void **state)
{
    (void)state;
    assert_int_equal(endpoint(US, "GET", US "/incidents/P1/alerts"),
                     endpoint(US, "GET", US "/incidents/P2/alerts"));
    assert_int_equal(endpoint(US, "GET", US "/oncalls?limit=1"),
                     endpoint(US "/", "GET", US "/oncalls"));
    assert_int_equal(endpoint(GW, "GET", GW "/oncalls"), endpoint(US, "GET", US "/oncalls"));
    assert_int_not_equal(endpoint(US, "GET", US "/oncalls"), endpoint(US, "GET", US "/incidents"));
    assert_int_not_equal(endpoint(US, "PUT", US "/incidents"),
                         endpoint(US, "POST", US "/incidents"));
    assert_int_not_equal(endpoint(US, "PUT", US "/incidents"),
                         endpoint(US, "PUT", US "/incidents/P1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_calls_on_the_origin),
        cmocka_unit_test(refuses_a_url_over_the_limit),
        cmocka_unit_test(refuses_a_host_over_the_limit),
        cmocka_unit_test(knows_loopback_origins),
        cmocka_unit_test(tells_endpoints_apart_but_not_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
