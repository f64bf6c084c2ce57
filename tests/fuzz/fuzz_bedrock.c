/*
 * Fuzzes dialect bedrock; the properties are in fuzz_provider.h. Bits 1-3 of a request's flags choose the
 * family of the model, on which the words for reasoning and embeddings depend; bit 4: embeddings.
 */
#include "providers/bedrock.h"
#include "tests/fuzz/fuzz_provider.h"

static const char *const families[8] = {
    "anthropic.claude-sonnet-4-6",
    "anthropic.claude-3-7",
    "amazon.nova-2-lite",
    "openai.gpt-oss-120b",
    "model-x",
    "amazon.titan-embed-text",
    "cohere.embed-v4",
    "model-x",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct model m = {.model_name = (char *)"fuzz",
                      .provider = &provider_bedrock,
                      .provider_name = (char *)"bedrock",
                      .api_base = (char *)"http://127.0.0.1",
                      .api_key = (char *)FUZZ_KEY};

    if (n < 1 || !(data[0] & 0x80)) {
        fuzz_response(&provider_bedrock, false, data, n);
        return 0;
    }
    m.upstream_model = (char *)families[(data[0] >> 1) & 7];
    m.drop_params = data[0] & 1;
    fuzz_request(&m, (data[0] & 0x10) ? OP_EMBEDDINGS : OP_CHAT, data + 1, n - 1);
    return 0;
}
