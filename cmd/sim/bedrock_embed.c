/*
 * bedrock_embed: POST /model/{id}/invoke for embeddings, in the forms of Amazon's Titan (one text) and of
 * Cohere (a list of texts). Other models are refused. Pure.
 */
#include <string.h>

#include "base/json.h"
#include "cmd/sim/dialects.h"

static bool is_cohere(const struct sim_ask *a)
{
    return strstr(a->model, "cohere.embed") != NULL;
}

static void write_list(struct buf *b, const struct sim_setup *s, const struct sim_ask *a)
{
    struct json_object *texts = json_get(a->body, "texts");
    struct sim_vector form = {.dimensions = json_get_int(a->body, "output_dimension", 0)};

    buf_str(b, "{\"embeddings\":{\"float\":[");
    for (size_t i = 0; i < json_object_array_length(texts); i++) {
        buf_str(b, i ? "," : "");
        sim_write_vector(b, s, a, json_object_array_get_idx(texts, i), &form);
    }
    buf_str(b, "]},\"response_type\":\"embeddings_by_type\"}");
}

static void answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                   enum sim_kind twist)
{
    struct sim_vector form = {.dimensions = json_get_int(a->body, "dimensions", 0)};
    struct buf *b = &r->body;

    buf_printf(&r->headers, "X-Amzn-Bedrock-Input-Token-Count: %lld\r\n",
               (long long)a->prompt_tokens);
    if (twist == SIM_EMPTY200) {
        buf_str(b, "{}");
    } else if (is_cohere(a)) {
        write_list(b, s, a);
    } else {
        buf_str(b, "{\"embedding\":");
        sim_write_vector(b, s, a, json_get(a->body, "inputText"), &form);
        buf_printf(b, ",\"inputTextTokenCount\":%lld}", (long long)a->prompt_tokens);
    }
}

static int read_input(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *texts = json_get_type(a->body, "texts", json_type_array);

    a->prompt_tokens = sim_tokens(a->raw_len);
    if (is_cohere(a)) {
        if (!texts || json_object_array_length(texts) == 0 || !json_get_str(a->body, "input_type"))
            return sim_ask_invalid(f, "texts", "required key [texts] or [input_type] not found");
        return 0;
    }
    if (!strstr(a->model, "titan-embed"))
        return sim_ask_invalid(f, NULL, "this simulator invokes models of embeddings only");
    if (!json_get_str(a->body, "inputText"))
        return sim_ask_invalid(f, "inputText", "required key [inputText] not found");
    return 0;
}

const struct sim_dialect sim_invoke = {
    .name = "invoke",
    .paths = (const char *const[]){"/model/*/invoke", NULL},
    .read = read_input,
    .answer = answer,
    .error = sim_bedrock_error,
};
