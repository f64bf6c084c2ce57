/*
 * vector: packs embeddings. Numbers lose what a float of 4 bytes cannot hold, as OpenAI's own do.
 */
#include "providers/vector.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

struct json_object *vector_pack(struct json_object *numbers)
{
    size_t n =
        json_object_is_type(numbers, json_type_array) ? json_object_array_length(numbers) : 0;
    CLEANUP_FREE uint32_t *words = mem_array(n + 1, sizeof *words);
    struct buf text = BUF_INIT(4 * (n * sizeof *words + 2));
    struct json_object *packed = NULL;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(numbers, i);
        float f = (float)json_object_get_double(v);

        if (!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int))
            return NULL;
        memcpy(&words[i], &f, sizeof f);
        words[i] = htole32(words[i]);
    }
    if (n == 0)
        return NULL;
    base64_put(&text, words, n * sizeof *words);
    packed = json_object_new_string_len(text.data, (int)text.len);
    buf_done(&text);
    return packed;
}
