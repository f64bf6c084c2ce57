/* Fuzzes both directions of dialect ollama_chat; the properties are in fuzz_provider.h. */
#include "providers/ollama.h"
#include "tests/fuzz/fuzz_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_response(&provider_ollama_chat, false, data, n);
    return 0;
}
