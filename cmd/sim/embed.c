/*
 * embed: answers of POST /v1/embeddings in OpenAI's form, and the vectors of all dialects: for each input
 * a unit vector that depends on the seed, the model and the input only. Pure.
 */
#include <endian.h>
#include <math.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cmd/sim/dialects.h"
#include "cmd/sim/hash.h"

#define DIMENSIONS_MOST 4096
#define INPUTS_MAX      2048

static void draw_vector(uint64_t seed, float *v, size_t n)
{
    struct rng r = {.state = seed};
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        v[i] = (float)(2 * rng_unit(&r) - 1);
        sum += (double)v[i] * v[i];
    }
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(v[i] / sqrt(sum > 0 ? sum : 1));
}

static void write_base64(struct buf *b, float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) { /* packed floats, little-endian */
        uint32_t w = 0;

        memcpy(&w, &v[i], sizeof w);
        w = htole32(w);
        memcpy(&v[i], &w, sizeof w);
    }
    buf_char(b, '"');
    base64_put(b, v, n * sizeof *v);
    buf_char(b, '"');
}

void sim_write_vector(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                      struct json_object *input, const struct sim_vector *form)
{
    const char *text = json_object_get_string(input);
    uint64_t seed = sim_hash_fold(s->seed, sim_hash(text ? text : "", text ? strlen(text) : 0));
    int64_t n = form->dimensions > 0 ? form->dimensions : s->dimensions;
    float v[DIMENSIONS_MOST];

    n = n < 1 ? 1 : n > DIMENSIONS_MOST ? DIMENSIONS_MOST : n;
    draw_vector(sim_hash_fold(seed, sim_hash(a->model, strlen(a->model))), v, (size_t)n);
    if (form->base64) {
        write_base64(b, v, (size_t)n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        buf_printf(b, "%c%.7g", i ? ',' : '[', (double)v[i]);
    buf_char(b, ']');
}

static void write_row(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                      struct json_object *input, int index)
{
    const char *format = json_get_str(a->body, "encoding_format");
    struct sim_vector form = {.dimensions = json_get_int(a->body, "dimensions", 0),
                              .base64 = format && strcmp(format, "base64") == 0};

    buf_printf(b, "%s{\"object\":\"embedding\",\"index\":%d,\"embedding\":", index ? "," : "",
               index);
    sim_write_vector(b, s, a, input, &form);
    buf_char(b, '}');
}

/* One input is a string or an array of token numbers; several are an array of those. */
static bool is_list(struct json_object *input)
{
    struct json_object *first = NULL;

    if (!json_object_is_type(input, json_type_array))
        return false;
    first = json_object_array_get_idx(input, 0);
    return json_object_is_type(first, json_type_string) ||
           json_object_is_type(first, json_type_array);
}

static void answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                   enum sim_kind twist)
{
    struct json_object *input = json_get(a->body, "input");
    size_t count = is_list(input) ? json_object_array_length(input) : 1;
    struct buf *b = &r->body;

    if (count > INPUTS_MAX)
        count = INPUTS_MAX;
    buf_str(b, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; twist != SIM_EMPTY200 && i < count; i++)
        write_row(b, s, a, is_list(input) ? json_object_array_get_idx(input, i) : input, (int)i);
    buf_str(b, "],\"model\":");
    buf_json_str(b, a->model, strlen(a->model));
    buf_printf(b, ",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}}",
               (long long)a->prompt_tokens, (long long)a->prompt_tokens);
}

static int read_input(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *input = json_get(a->body, "input");

    if (!json_object_is_type(input, json_type_string) &&
        !(json_object_is_type(input, json_type_array) && json_object_array_length(input)))
        return sim_ask_invalid(f, "input", "input must be a string or an array that is not empty");
    a->prompt_tokens = sim_tokens(a->raw_len);
    return 0;
}

const struct sim_dialect sim_embeddings = {
    .name = "embeddings",
    .paths = (const char *const[]){"/v1/embeddings", NULL},
    .read = read_input,
    .answer = answer,
    .error = sim_openai_error,
    .pace = sim_openai_pace,
};
