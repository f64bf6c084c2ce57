/* hint: every header form of the providers, and what is no hint. */
#include "policy/hint.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"

/* 2026-11-22T12:00:00Z, a Sunday */
#define NOW 1795348800000

static int64_t wait_of(const char *headers, int64_t body_ms)
{
    struct http_response rsp;
    struct answer ans;
    int64_t ms = 0;

    http_response_init(&rsp, 65536, 16);
    answer_init(&ans, 16);
    ans.retry_after_ms = body_ms;
    buf_str(&rsp.headers, headers);
    ms = hint_wait_ms(&rsp, &ans, NOW);
    answer_done(&ans);
    http_response_done(&rsp);
    return ms;
}

Test(hint, durations)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"6m0s", 360000},
        {"1h2m3.5s", 3723500},
        {"28ms", 28},
        {"500us", 1},
        {"1500us", 2},
        {"1ns", 1},
        {"\xc2\xb5s", -1},
        {"7\xc2\xb5s", 1},
        {"7.66", 7660},
        {"7.66s", 7660},
        {"2m59.56s", 179560},
        {"58.217843437s", 58218},
        {"58s", 58000},
        {"0.0000000001", 1},
        {"33011.38", 33011380},
        {"0", 0},
        {"0s", 0},
        {" 5 ", 5000},
        {"1d", 86400000},
        {"720h", 2592000000},
        {"744h", 2678400000}, /* a month */
        {"744h1ms", -1},
        {"2678401", -1},
        {"-6m0s", -1},
        {"6m-1s", -1},
        {"1m0.5s", 60500},
        {"25h", 90000000},
        {"1ms1ms", 2},
        {"7.66.1", -1},
        {"99999999999999999999", -1},
        {"-5", -1},
        {"-1s", -1},
        {"+1", -1},
        {"", -1},
        {" ", -1},
        {"s", -1},
        {"1m30", -1},
        {"5x", -1},
        {"5 s", -1},
        {"1e3", -1},
        {"0x10", -1},
        {".", -1},
        {"1.", -1},
        {"nan", -1},
        {"inf", -1},
        {"1,5", -1},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(hint_duration_ms(cases[i].text), cases[i].ms, "\"%s\" gives %lld, not %lld",
                     cases[i].text, (long long)hint_duration_ms(cases[i].text),
                     (long long)cases[i].ms);
}

static const struct {
    const char *headers;
    int64_t body_ms;
    int64_t ms;
} header_cases[] = {
    {"", -1, -1},
    {"content-type: text/html\n", -1, -1},
    {"retry-after: 20\n", -1, 20000},
    {"retry-after: 20.25\n", -1, 20250},
    {"retry-after:7\n", -1, 7000},
    {"retry-after: 0\n", -1, 0},
    {"retry-after: -1\n", -1, -1},
    {"retry-after: soon\n", -1, -1},
    {"retry-after: \n", -1, -1},
    {"retry-after: 3\nretry-after: 9\nretry-after: 4\n", -1, 9000},
    {"x-retry-after: 3\n", -1, -1},
    {"retry-after: 86401\n", -1, 86401000},
    {"retry-after: 2678400\n", -1, 2678400000},
    {"retry-after: 2678401\n", -1, -1},
    {"retry-after: 7.66s\n", -1, 7660},
    {"retry-after: 6m0s\n", -1, 360000},
    {"retry-after: 500us\n", -1, 1},
    /* repeated, or joined by a proxy */
    {"retry-after: -1\nretry-after: 2\n", -1, 2000},
    {"retry-after: 3, 9,4\n", -1, 9000},
    {"retry-after: 3,\n", -1, 3000},
    {"retry-after: soon, 4\n", -1, 4000},
    {"retry-after: ,\n", -1, -1},
    {"retry-after: -3, -4\n", -1, -1},
    /* a hint that is none, or none yet, does not hide a later one */
    {"retry-after: -1\n", 5000, 5000},
    {"retry-after: \n", 5000, 5000},
    {"retry-after: 0\n", 5000, 5000},
    {"retry-after-ms: 0\nretry-after: 20\n", -1, 20000},
    {"retry-after: 0\nx-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 6s\n", -1, 6000},
    {"retry-after: Sun, 22 Nov 2026 11:59:00 GMT\nx-ratelimit-reset: 12\n", -1, 12000},
    {"retry-after: 3\nx-ratelimit-reset: 12\n", -1, 3000},
    {"retry-after-ms: 1500\nretry-after: 2\n", -1, 1500},
    {"retry-after-ms: 0.5\n", -1, 1},
    {"retry-after-ms: 1500ms\n", -1, 1500},
    {"retry-after-ms: junk\nretry-after: 2\n", -1, 2000},
    {"x-ms-retry-after-ms: 700\nretry-after: 1\n", -1, 700},
    /* the three forms of a date */
    {"retry-after: Sun, 22 Nov 2026 12:00:30 GMT\n", -1, 30000},
    {"retry-after: Sunday, 22-Nov-26 12:01:00 GMT\n", -1, 60000},
    {"retry-after: Sun Nov 22 12:00:05 2026\n", -1, 5000},
    {"retry-after: Sun Nov  1 12:00:05 2026\n", -1, 0},
    {"retry-after: Mon, 23 Nov 2026 12:00:00 GMT\n", -1, 86400000},
    {"retry-after: Sun, 06 Nov 1994 08:49:37 GMT\n", -1, 0},
    {"retry-after: Sunday, 06-Nov-94 08:49:37 GMT\n", -1, 0},
    {"retry-after: Sun, 22 Nov 2027 12:00:30 GMT\n", -1, -1},
    {"retry-after: Sun, 22 Foo 2026 12:00:30 GMT\n", -1, -1},
    {"retry-after: Sun, 99 Nov 2026 12:00:30 GMT\n", -1, -1},
    {"retry-after: Sun, 22 Nov 2026 25:00:30 GMT\n", -1, -1},
    {"retry-after: Sun, 22 Nov 2026 12:00:30 PST\n", -1, -1},
    {"retry-after: Sun, 22 Nov 2026 12:00:30 GMT+1\n", -1, -1},
    {"retry-after: 2026-11-22T12:00:10Z\n", -1, 10000},
    /* the body */
    {"", 58218, 58218},
    {"retry-after: 3\n", 58218, 3000},
    {"x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 9s\n", 1000, 1000},
    {"", 31LL * 86400000, 31LL * 86400000},
    {"", 31LL * 86400000 + 1, -1},
    /* the dimension that is used up */
    {"x-ratelimit-remaining-requests: 10\nx-ratelimit-reset-requests: 1s\n"
     "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 6m0s\n",
     -1, 360000},
    {"x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 1s\n"
     "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 28ms\n",
     -1, 1000},
    {"x-ratelimit-remaining-requests: 5\nx-ratelimit-reset-requests: 1s\n", -1, -1},
    {"x-ratelimit-remaining-requests: -1\nx-ratelimit-reset-requests: 0\n", -1, -1},
    {"x-ratelimit-reset-requests: 1s\n", -1, -1},
    {"x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: -1\n", -1, -1},
    {"x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 0\n", -1, 0},
    {"x-ratelimit-remaining-requests: 0\n", -1, -1},
    {"anthropic-ratelimit-output-tokens-remaining: 0\n"
     "anthropic-ratelimit-output-tokens-reset: 2026-11-22T12:00:40Z\n",
     -1, 40000},
    {"anthropic-ratelimit-input-tokens-remaining: 0\n"
     "anthropic-ratelimit-input-tokens-reset: 2025-08-21T12:40:59Z\n",
     -1, 0},
    {"anthropic-ratelimit-requests-remaining: 0\n"
     "anthropic-ratelimit-requests-reset: 2026-11-22T13:00:00+01:00\n",
     -1, 0},
    {"anthropic-ratelimit-tokens-remaining: 0\n"
     "anthropic-ratelimit-tokens-reset: 2026-11-22T12:00:01.5Z\n",
     -1, 1500},
    {"x-ratelimit-remaining-requests-day: 0\nx-ratelimit-reset-requests-day: 33011.38\n", -1,
     33011380},
    {"x-ratelimit-remaining-tokens-minute: 0\nx-ratelimit-reset-tokens-minute: 11.1\n", -1, 11100},
    {"x-ratelimitbysize-remaining-minute: 0\nratelimitbysize-reset: 42\n", -1, 42000},
    {"x-ratelimitbysize-remaining-month: 0\nratelimitbysize-reset: 7200\n", -1, 7200000},
    {"x-ratelimitbysize-remaining-minute: 9\nx-ratelimitbysize-remaining-month: 9\n"
     "ratelimitbysize-reset: 7200\n",
     -1, -1},
    /* OpenAI's and Groq's durations, Azure's whole seconds; -1 there: it does not know */
    {"x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 2m59.56s\n"
     "x-ratelimit-remaining-tokens: 17000\nx-ratelimit-reset-tokens: 7.66s\n",
     -1, 179560},
    {"x-ratelimit-limit-tokens: 6000\nx-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: "
     "1s\n",
     -1, 1000},
    {"x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 26\n", -1, 26000},
    {"x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: -1\n", -1, -1},
    {"x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: -1\n"
     "x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 4\n",
     -1, 4000},
    {"x-ratelimit-remaining-requests: -1\nx-ratelimit-reset-requests: -1\n"
     "x-ratelimit-remaining-tokens: -1\nx-ratelimit-reset-tokens: -1\n",
     -1, -1},
    {"x-ratelimit-remaining-tokens: -1\nx-ratelimit-reset-tokens: 0\n", -1, -1},
    {"retry-after-ms: 4200\nretry-after: 5\nx-ratelimit-remaining-tokens: 0\n"
     "x-ratelimit-reset-tokens: 60\n",
     -1, 4200},
    /* Together says limits only, a router why it dropped the call: no waits */
    {"x-ratelimit-limit: 10\nx-ratelimit-limit-tokens: 2000\n", -1, -1},
    {"x-llm-d-request-dropped-reason: queue-full\n", -1, -1},
    /* x-ratelimit-reset: seconds, or a point in time */
    {"x-ratelimit-reset: 12\n", -1, 12000},
    {"x-ratelimit-reset: 1795348830\n", -1, 30000},
    {"x-ratelimit-reset: 1795348830.5\n", -1, 30500},
    {"x-ratelimit-reset: 1795348830000\n", -1, 30000},
    {"x-ratelimit-reset: 1795348700\n", -1, 0},
    {"x-ratelimit-reset: 2795348700\n", -1, -1},
};

Test(hint, headers)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(header_cases); i++) {
        int64_t ms = wait_of(header_cases[i].headers, header_cases[i].body_ms);

        cr_expect_eq(ms, header_cases[i].ms, "case %zu: %sgives %lld, not %lld", i,
                     header_cases[i].headers, (long long)ms, (long long)header_cases[i].ms);
    }
}

Test(hint, works_without_headers_and_answer)
{
    struct http_response rsp;

    http_response_init(&rsp, 16, 16);
    cr_expect_eq(hint_wait_ms(&rsp, NULL, NOW), -1);
    cr_expect_eq(hint_should_retry(&rsp), -1);
    http_response_done(&rsp);
}

Test(hint, value_that_is_far_too_long_is_ignored)
{
    char headers[500];

    snprintf(headers, sizeof headers, "retry-after: %0200d\nretry-after-ms: 5%0200d\n", 1, 1);
    cr_expect_eq(wait_of(headers, -1), -1);
}

Test(hint, should_retry)
{
    static const struct {
        const char *headers;
        int want;
    } cases[] = {
        {"x-should-retry: true\n", 1},     {"x-should-retry: false\n", 0},
        {"x-should-retry: FALSE \n", 0},   {"x-should-retry: no\n", -1},
        {"x-should-retry: falsely\n", -1}, {"other: true\n", -1},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_response rsp;

        http_response_init(&rsp, 1024, 16);
        buf_str(&rsp.headers, cases[i].headers);
        cr_expect_eq(hint_should_retry(&rsp), cases[i].want, "%s", cases[i].headers);
        http_response_done(&rsp);
    }
}

Test(hint, allowance_of_each_family)
{
    static const struct {
        const char *headers;
        struct allowance requests, tokens;
    } cases[] = {
        {"x-ratelimit-limit-requests: 60\nx-ratelimit-remaining-requests: 59\n"
         "x-ratelimit-reset-requests: 1s\nx-ratelimit-limit-tokens: 150000\n"
         "x-ratelimit-remaining-tokens: 149984\nx-ratelimit-reset-tokens: 6m0s\n",
         {true, 59, 60, 1000, true},
         {true, 149984, 150000, 360000, true}},
        /* Azure: bare seconds to the end of a window; no limit said */
        {"x-ratelimit-remaining-requests: 9\nx-ratelimit-reset-requests: 10\n",
         {true, 9, -1, 10000, false},
         {0}},
        {"x-ratelimit-remaining-tokens: -1\nx-ratelimit-reset-tokens: 0\n", {0}, {0}},
        /* the dimension with the least is the one that counts */
        {"anthropic-ratelimit-requests-limit: 50\nanthropic-ratelimit-requests-remaining: 49\n"
         "anthropic-ratelimit-requests-reset: 2026-11-22T12:00:01Z\n"
         "anthropic-ratelimit-input-tokens-limit: 900\n"
         "anthropic-ratelimit-input-tokens-remaining: 800\n"
         "anthropic-ratelimit-input-tokens-reset: 2026-11-22T12:00:10Z\n"
         "anthropic-ratelimit-output-tokens-limit: 400\n"
         "anthropic-ratelimit-output-tokens-remaining: 100\n"
         "anthropic-ratelimit-output-tokens-reset: 2026-11-22T12:00:30Z\n",
         {true, 49, 50, 1000, true},
         {true, 100, 400, 30000, true}},
        {"x-ratelimit-remaining-requests-day: 7\nx-ratelimit-reset-requests-day: 33011.38\n",
         {true, 7, -1, 33011380, false},
         {0}},
        {"x-ratelimitbysize-limit-minute: 500\nx-ratelimitbysize-remaining-minute: 20\n"
         "ratelimitbysize-reset: 12\n",
         {0},
         {true, 20, 500, 12000, false}},
        /* nonsense: no reset, more than the limit, a limit of nothing, a date that is past, words */
        {"x-ratelimit-remaining-requests: 3\n", {0}, {0}},
        {"x-ratelimit-limit-requests: 5\nx-ratelimit-remaining-requests: 6\n"
         "x-ratelimit-reset-requests: 1s\n",
         {0},
         {0}},
        {"x-ratelimit-limit-tokens: 0\nx-ratelimit-remaining-tokens: 0\n"
         "x-ratelimit-reset-tokens: 60s\n",
         {0},
         {0}},
        {"anthropic-ratelimit-requests-remaining: 0\n"
         "anthropic-ratelimit-requests-reset: 2020-01-01T00:00:00Z\n",
         {0},
         {0}},
        {"x-ratelimit-remaining-tokens: many\nx-ratelimit-reset-tokens: soon\n", {0}, {0}},
        {"x-ratelimit-remaining-tokens: 1.5\nx-ratelimit-reset-tokens: 1s\n", {0}, {0}},
    };

    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        const struct allowance *want[] = {&cases[i].requests, &cases[i].tokens};
        struct allowance said[LEARN_KINDS];
        struct http_response rsp;
        int k = 0;

        http_response_init(&rsp, 2048, 16);
        buf_str(&rsp.headers, cases[i].headers);
        cr_expect_eq(hint_allowance(&rsp, NOW, said), want[0]->known || want[1]->known, "case %zu",
                     i);
        for (k = 0; k < LEARN_KINDS; k++) {
            cr_assert_eq(said[k].known, want[k]->known, "case %zu, kind %d", i, k);
            if (!want[k]->known)
                continue;
            cr_expect_eq(said[k].left, want[k]->left, "case %zu: %lld left", i,
                         (long long)said[k].left);
            cr_expect_eq(said[k].limit, want[k]->limit, "case %zu", i);
            cr_expect_eq(said[k].reset_ms, want[k]->reset_ms, "case %zu: %lld ms", i,
                         (long long)said[k].reset_ms);
            cr_expect_eq(said[k].steady, want[k]->steady, "case %zu", i);
        }
        http_response_done(&rsp);
    }
}
