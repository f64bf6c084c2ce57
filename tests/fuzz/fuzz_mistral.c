/* Fuzzes dialect mistral, its requests above all; the properties are in fuzz_provider.h. */
#include "providers/mistral.h"
#include "tests/fuzz/fuzz_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_response(&provider_mistral, false, data, n);
    return 0;
}
