/*
 * sigv4: against the signatures that AWS published for its test suite (the cases whose signed headers
 * are ours), and the rules for paths, hosts and bounds.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "policy/sigv4.h"

#define SUITE_MS INT64_C(1440938160000) /* 2015-08-30 12:36:00 UTC */

static void request(struct http_request *r, const char *url, const char *body)
{
    http_request_init(r, 4096);
    r->url = mem_strdup(url);
    r->aws = (struct http_aws){.key_id = "AKIDEXAMPLE",
                               .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                               .region = "us-east-1",
                               .service = "service"};
    r->get = !body;
    if (body)
        buf_str(&r->body, body);
}

Test(sigv4, published_suite)
{
    static const struct {
        const char *name, *url, *type, *body, *signature;
    } cases[] = {
        {"get-vanilla", "https://example.amazonaws.com/", NULL, NULL,
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-vanilla, no path", "https://example.amazonaws.com", NULL, NULL,
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-slashes", "https://example.amazonaws.com//", NULL, NULL,
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"usual port", "https://example.amazonaws.com:443/", NULL, NULL,
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-utf8", "https://example.amazonaws.com/\xe1\x88\xb4", NULL, NULL,
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"post-vanilla", "https://example.amazonaws.com/", NULL, "",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"post-x-www-form-urlencoded", "https://example.amazonaws.com/",
         "application/x-www-form-urlencoded", "Param1=value1",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request r;
        struct sigv4 s = {0};
        struct err e = {0};

        request(&r, cases[i].url, cases[i].body);
        cr_assert_eq(sigv4_sign(&r, cases[i].type, SUITE_MS, &s, &e), 0, "%s", e.msg);
        cr_expect_str_eq(s.date, "20150830T123600Z");
        cr_expect_str_eq(s.host, "example.amazonaws.com");
        cr_expect(strstr(s.authorization, cases[i].signature), "%s: %s", cases[i].name,
                  s.authorization);
        cr_expect(strstr(s.authorization,
                         "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"));
        http_request_done(&r);
    }
}

/* The path of the wire is encoded once more, and the token is signed. */
Test(sigv4, what_changes_the_signature)
{
    static const char *const urls[] = {
        "https://h/model/a:0/converse",      "https://h/model/a%3A0/converse",
        "https://h/model/a%2Fb/converse",    "https://h/model/a/b/converse",
        "https://h:8443/model/a:0/converse", "http://h:443/model/a:0/converse",
    };
    char seen[ARRAY_LEN(urls) + 2][1024];
    size_t i = 0;
    size_t j = 0;

    for (i = 0; i < ARRAY_LEN(seen); i++) {
        struct http_request r;
        struct sigv4 s = {0};

        request(&r, urls[i < ARRAY_LEN(urls) ? i : 0], "{}");
        r.aws.token = i >= ARRAY_LEN(urls) ? (i % 2 ? "one" : "two") : NULL;
        cr_assert_eq(sigv4_sign(&r, "application/json", SUITE_MS, &s, NULL), 0);
        cr_expect_eq(
            strstr(s.authorization, "content-type;host;x-amz-date;x-amz-security-token,") ? 1 : 0,
            r.aws.token ? 1 : 0);
        snprintf(seen[i], sizeof seen[i], "%s", s.authorization);
        for (j = 0; j < i; j++)
            cr_expect_str_neq(seen[j], seen[i], "%zu and %zu", i, j);
        http_request_done(&r);
    }
}

Test(sigv4, what_cannot_be_signed)
{
    static char huge[40000];
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"https://h/p?q=1", "with a query"},
        {"https:///p", "no host"},
        {"nonsense", "no host"},
        {NULL, "too long"},
    };
    size_t i = 0;

    memset(huge, 'x', sizeof huge - 1);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request r;
        struct sigv4 s = {0};
        struct err e = {0};

        request(&r, cases[i].url ? cases[i].url : "https://h/p", "{}");
        if (!cases[i].url)
            r.aws.token = huge;
        cr_expect_eq(sigv4_sign(&r, NULL, SUITE_MS, &s, &e), -1);
        cr_expect(strstr(e.msg, cases[i].says), "%s", e.msg);
        http_request_done(&r);
    }
    for (i = 0; i < 3; i++) {
        struct http_request r;
        struct sigv4 s = {0};
        struct err e = {0};
        const char **field[] = {&r.aws.secret, &r.aws.key_id, &r.aws.region};

        request(&r, "https://h/p", "{}");
        *field[i] = huge + sizeof huge - 2001;
        cr_expect_eq(sigv4_sign(&r, NULL, SUITE_MS, &s, &e), -1);
        cr_expect(strstr(e.msg, "too long"), "%s", e.msg);
        cr_expect(!strstr(e.msg, "xxxx"));
        http_request_done(&r);
    }
}
