/*
 * Fuzzes the Responses API: its own requests and answers, chat requests through it, and its requests
 * through two chat dialects. The properties are in fuzz_provider.h.
 *
 * Input: as there, where bits 5 and 6 of the first byte choose one of these four.
 */
#include "providers/anthropic.h"
#include "providers/openai.h"
#include "tests/fuzz/fuzz_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct {
        const struct provider *provider;
        const char *mode;
        enum operation op;
    } ways[] = {
        {&provider_openai, "responses", OP_RESPONSES},
        {&provider_openai, "responses", OP_CHAT},
        {&provider_openai, "chat", OP_RESPONSES},
        {&provider_anthropic, "auto", OP_RESPONSES},
    };
    struct model m;
    size_t way = 0;

    if (n < 1)
        return 0;
    way = (data[0] >> 5) & 3;
    m = fuzz_row(ways[way].provider);
    m.mode = (char *)ways[way].mode;
    fuzz_exchange(m, ways[way].op, data, n);
    return 0;
}
