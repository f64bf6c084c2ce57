/* sample: by the caller's flag, else by the last 56 bits of the id, which are random (W3C Trace Context level 2). */
#include "policy/sample.h"

#define RANDOM_BYTES 7

bool sample_wanted(const struct trace_context *caller, const uint8_t trace_id[TRACE_ID_LEN],
                   double ratio)
{
    uint64_t random = 0;

    if (caller)
        return caller->flags & TRACE_SAMPLED;
    for (int i = TRACE_ID_LEN - RANDOM_BYTES; i < TRACE_ID_LEN; i++)
        random = random << 8 | trace_id[i];
    return random >= (uint64_t)((1 - ratio) * 0x1p56);
}
