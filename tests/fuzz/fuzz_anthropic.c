/* Fuzzes the response parser of dialect anthropic; the properties are in fuzz_provider.h. */
#include "providers/anthropic.h"
#include "tests/fuzz/fuzz_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_response(&provider_anthropic, true, data, n);
    return 0;
}
