/* Fuzzes both directions of dialect cohere; the properties are in fuzz_provider.h. */
#include "providers/cohere.h"
#include "tests/fuzz/fuzz_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_response(&provider_cohere, false, data, n);
    return 0;
}
