/*
 * Fuzzes both ways of dialect gemini; the properties are in fuzz_provider.h. Bits 4-5 of the flags
 * choose the row: models of three generations, and Vertex AI.
 */
#include "providers/gemini.h"
#include "tests/fuzz/fuzz_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct vendor vertex = {.name = "vertex_ai", .quirks = QUIRK_VERTEX};
    static const char *const models[] = {"model-x", "gemini-2.5-pro", "gemini-3-flash",
                                         "text-embedding-005"};
    struct model m = fuzz_row(&provider_gemini);
    size_t row = n ? (data[0] >> 4) & 3 : 0;

    m.upstream_model = (char *)models[row];
    m.vendor = row == 3 ? &vertex : NULL;
    m.extra_body = row == 1 ? (char *)"{\"generationConfig\":{\"topK\":3}}" : NULL;
    if (n > 0)
        fuzz_exchange(m, fuzz_op(data[0]), data, n);
    return 0;
}
