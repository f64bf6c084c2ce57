/*
 * Fuzzes what providers say about waiting. An even first byte: the rest is the header block of a
 * response. An odd one: the rest is made into numbers whose wait is known, and less must never come out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/hint.h"

#define NOW        1795348800000
#define LONGEST_MS (31LL * 24 * 3600 * 1000)

static void must(bool holds)
{
    if (!holds)
        abort();
}

static int64_t wait_of(const char *headers, size_t n)
{
    struct http_response rsp;
    int64_t ms = 0;

    http_response_init(&rsp, 1 << 16, 16);
    buf_append(&rsp.headers, headers, n);
    ms = hint_wait_ms(&rsp, NULL, NOW);
    must(ms >= -1 && ms <= LONGEST_MS);
    must(hint_should_retry(&rsp) >= -1 && hint_should_retry(&rsp) <= 1);
    http_response_done(&rsp);
    return ms;
}

static void fuzz_headers(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1);
    int64_t ms = 0;

    if (!text)
        return;
    memcpy(text, data, n);
    text[n] = '\0';
    wait_of(text, n);
    ms = hint_duration_ms(text);
    must(ms >= -1 && ms <= LONGEST_MS);
    free(text);
}

static void fuzz_number(const uint8_t *data, size_t n)
{
    uint32_t whole = 0;
    uint32_t nano = 0;
    char text[128];
    int64_t asked_ms = 0;
    int64_t ms = 0;
    int len = 0;

    if (n < 8)
        return;
    memcpy(&whole, data, 4);
    memcpy(&nano, data + 4, 4);
    whole %= 2592000;
    nano %= 1000000000;
    asked_ms = (int64_t)whole * 1000 + (nano + 999999) / 1000000;
    len = snprintf(text, sizeof text, "retry-after: %u.%09u\n", whole, nano);
    must(wait_of(text, (size_t)len) == asked_ms);
    len = snprintf(text, sizeof text, "retry-after-ms: %u.%09u\n", whole, nano);
    must(wait_of(text, (size_t)len) == (int64_t)whole + (nano > 0));
    snprintf(text, sizeof text, "%uh%um%u.%09us", whole / 3600, whole / 60 % 60, whole % 60, nano);
    ms = hint_duration_ms(text);
    must(ms == asked_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2)
        fuzz_number(data + 1, size - 1);
    else
        fuzz_headers(data + 1, size - 1);
    return 0;
}
