/* listen: which addresses there are, what they mean, and what is none. */
#include "task/listen.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

Test(listen, addresses)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        bool v6, any, loopback;
    } rows[] = {
        {"127.0.0.1:9464", "127.0.0.1", 9464, false, false, true},
        {"localhost:1", "127.0.0.1", 1, false, false, true},
        {"LOCALHOST:1", "127.0.0.1", 1, false, false, true},
        {":9464", "127.0.0.1", 9464, false, false, true},
        {"9464", "127.0.0.1", 9464, false, false, true},
        {"127.9.9.9:0", "127.9.9.9", 0, false, false, true},
        {"[::1]:9464", "::1", 9464, true, false, true},
        {"0.0.0.0:65535", "0.0.0.0", 65535, false, true, false},
        {"[::]:80", "::", 80, true, true, false},
        {"10.1.2.3:80", "10.1.2.3", 80, false, false, false},
        {"[fe80::1]:80", "fe80::1", 80, true, false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct listen_at at;
        struct err e = {0};

        cr_assert_eq(listen_parse(rows[i].text, &at, &e), 0, "%s: %s", rows[i].text, e.msg);
        cr_expect_str_eq(at.host, rows[i].host);
        cr_expect_eq(at.port, rows[i].port, "%s", rows[i].text);
        cr_expect_eq(at.v6, rows[i].v6, "%s", rows[i].text);
        cr_expect_eq(at.any, rows[i].any, "%s", rows[i].text);
        cr_expect_eq(at.loopback, rows[i].loopback, "%s", rows[i].text);
    }
}

Test(listen, no_addresses)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"", "no address"},
        {":", "no address"},
        {"127.0.0.1", "no address"},
        {"127.0.0.1:", "no address"},
        {"1.2.3.4:65536", "no address"},
        {"1.2.3.4:-1", "no address"},
        {"1.2.3.4:+1", "no address"},
        {"::1:80", "no address"},
        {"[::1:80", "no address"},
        {"1.2.3.4:80x", "no address"},
        {"worker.example:80", "as a number"},
        {"1.2.3:80", "as a number"},
        {"[zz]:80", "as a number"},
        {"1111111111111111111111111111111111111111111111111111:80", "no address"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct listen_at at = {.port = 7};
        struct err e = {0};

        cr_expect_eq(listen_parse(rows[i].text, &at, &e), -1, "%s", rows[i].text);
        cr_expect_eq(e.code, EX_CONFIG);
        cr_expect(strstr(e.msg, rows[i].word), "%s: %s", rows[i].text, e.msg);
        cr_expect_eq(at.port, 7, "untouched");
    }
}

Test(listen, loopback_names)
{
    static const char *const ours[] = {"127.0.0.1", "127.8.8.8", "localhost",
                                       "LocalHost", "::1",       "[::1]"};
    static const char *const others[] = {
        "",     "128.0.0.1", "localhost.example", "127.0.0.1.x", "127.0.0.1 ", "0.0.0.0",
        "[::]", "127.1"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        cr_expect(listen_is_loopback(ours[i]), "%s", ours[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        cr_expect_not(listen_is_loopback(others[i]), "%s", others[i]);
}
