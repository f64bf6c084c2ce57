/*
 * prompt: the requests of the measurements, by number: about a kilobyte, each asking something else. Shared by
 * what sends them (reply_clock) and what puts answers to them into a store (fill_store).
 */
#ifndef SLUICE_TESTS_BENCH_PROMPT_H
#define SLUICE_TESTS_BENCH_PROMPT_H

#include <stdio.h>
#include <string.h>

#define BENCH_TEXT_LEN   900
#define BENCH_RECORD_MAX 1200
#define BENCH_ANSWER_MAX 1600

static inline const char *bench_text(void)
{
    static char text[BENCH_TEXT_LEN + 1];

    if (!text[0])
        for (size_t i = 0; i < BENCH_TEXT_LEN; i++)
            text[i] = i % 6 == 5 ? ' ' : (char)('a' + i * 7 % 26);
    return text;
}

static inline size_t bench_record(long number, char *out, size_t cap)
{
    return (size_t)snprintf(out, cap,
                            "{\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\","
                            "\"content\":\"prompt %ld %s\"}]}}",
                            number, bench_text());
}

/* What the simulator would answer to it. */
static inline size_t bench_answer(long number, char *out, size_t cap)
{
    return (size_t)snprintf(
        out, cap,
        "{\"id\":\"chatcmpl-%ld\",\"object\":\"chat.completion\",\"created\":1700000000,"
        "\"model\":\"sim\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        "\"content\":\"echo: prompt %ld %s\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":230,\"completion_tokens\":230,\"total_tokens\":460}}",
        number, number, bench_text());
}

#endif
