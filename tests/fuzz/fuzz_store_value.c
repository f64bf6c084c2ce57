/*
 * fuzz_store_value: any bytes as a value of the store. Nothing may crash, and whatever decodes
 * must encode to the same bytes (the codec is canonical), with the times that retention sees equal
 * to the real ones.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/store_codec.h"

static void require(bool good)
{
    if (!good)
        abort();
}

static void try_completion(const uint8_t *data, size_t size)
{
    struct completion *c = NULL;
    struct buf again = BUF_INIT(1 << 24);
    int64_t created, expires;

    if (codec_get_completion(data, size, &c) < 0)
        return;
    require(codec_put_completion(&again, c) == 0);
    require(again.len == size && memcmp(again.data, data, size) == 0);
    require(codec_completion_times(data, size, &created, &expires) == 0);
    require(created == c->created_wall_ms && expires == c->expires_wall_ms);
    buf_done(&again);
    completion_unref(c);
}

static void try_outcome(const uint8_t *data, size_t size)
{
    struct outcome_value v;
    struct buf again = BUF_INIT(1 << 24);
    int64_t wall_ms;

    if (codec_get_outcome(data, size, &v) < 0)
        return;
    require(codec_put_outcome(&again, &v) == 0);
    require(again.len == size && memcmp(again.data, data, size) == 0);
    require(codec_outcome_time(data, size, &wall_ms) == 0 && wall_ms == v.wall_ms);
    buf_done(&again);
}

static void try_claim(const uint8_t *data, size_t size)
{
    struct store_claim c;
    struct buf again = BUF_INIT(1 << 10);

    if (codec_get_claim(data, size, &c) < 0)
        return;
    require(codec_put_claim(&again, &c) == 0);
    require(again.len == size && memcmp(again.data, data, size) == 0);
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_completion(data, size);
    try_outcome(data, size);
    try_claim(data, size);
    return 0;
}
