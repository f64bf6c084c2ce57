/* Fuzzes the response parser of dialect openai; the properties are in fuzz_provider.h. */
#include "providers/openai.h"
#include "tests/fuzz/fuzz_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_response(&provider_openai, false, data, n);
    return 0;
}
