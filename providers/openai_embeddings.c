/*
 * openai_embeddings: reads embedding lists: as many vectors as inputs, none of them empty, each
 * number a number.
 */
#include "providers/openai.h"

#include "base/json.h"
#include "providers/failure.h"
#include "providers/incoming.h"

/* How many vectors the request asks for: one for a text or one list of tokens. */
static size_t inputs_of(struct json_object *body)
{
    struct json_object *input = json_get_type(body, "input", json_type_array);
    struct json_object *first = NULL;

    if (!input || json_object_array_length(input) == 0)
        return 1;
    first = json_object_array_get_idx(input, 0);
    return json_object_is_type(first, json_type_int) ? 1 : json_object_array_length(input);
}

static bool good_vector(struct json_object *v)
{
    size_t n = 0;
    size_t i = 0;

    if (json_object_is_type(v, json_type_string)) /* base64 */
        return json_object_get_string_len(v) > 0;
    if (!json_object_is_type(v, json_type_array))
        return false;
    n = json_object_array_length(v);
    for (i = 0; i < n; i++) {
        struct json_object *number = json_object_array_get_idx(v, i);

        if (!json_object_is_type(number, json_type_double) &&
            !json_object_is_type(number, json_type_int))
            return false;
    }
    return n > 0;
}

/* 0, or -1 when a row is no vector. */
static int repair_rows(struct json_object *data, size_t n)
{
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *row = json_object_array_get_idx(data, i);

        if (!good_vector(json_get(row, "embedding")))
            return -1;
        json_object_object_add(row, "object", json_object_new_string("embedding"));
        if (incoming_tokens(row, "index") < 0)
            json_object_object_add(row, "index", json_object_new_int64((int64_t)i));
    }
    return 0;
}

/* The schema wants usage; what the provider did not say is 0 there and unknown in the answer. */
static void repair_usage(struct json_object *root, struct usage *u)
{
    struct json_object *usage = json_get_type(root, "usage", json_type_object);
    int64_t in = incoming_tokens(usage, "prompt_tokens");
    int64_t total = incoming_tokens(usage, "total_tokens");

    if (in < 0)
        in = total;
    u->input_tokens = in;
    u->output_tokens = in < 0 ? -1 : 0;
    if (!usage) {
        usage = json_object_new_object();
        json_object_object_add(root, "usage", usage);
    }
    json_object_object_add(usage, "prompt_tokens", json_object_new_int64(in < 0 ? 0 : in));
    if (total < 0)
        json_object_object_add(usage, "total_tokens", json_object_new_int64(in < 0 ? 0 : in));
}

void openai_read_embeddings(const struct model *m, const struct task *t, struct json_object *root,
                            struct answer *ans)
{
    struct json_object *data = json_get_type(root, "data", json_type_array);
    size_t n = data ? json_object_array_length(data) : 0;

    repair_usage(root, &ans->usage);
    if (n == 0 || n != inputs_of(t->body)) {
        failure_bad_response(ans, "wrong_count",
                             "the answer does not hold one embedding for each input");
        return;
    }
    if (repair_rows(data, n) < 0) {
        failure_bad_response(ans, "bad_embedding", "an embedding is empty or holds no numbers");
        return;
    }
    json_object_object_add(root, "object", json_object_new_string("list"));
    if (!json_get_str(root, "model"))
        json_object_object_add(root, "model", json_object_new_string(m->upstream_model));
    incoming_close(root, FINISH_STOP, ans);
}

void openai_read_vectors(const struct model *m, const struct task *t, struct json_object *vectors,
                         int64_t tokens, struct answer *ans)
{
    CLEANUP_JSON struct json_object *root = json_object_new_object();
    struct json_object *data = json_object_new_array();
    size_t n = vectors ? json_object_array_length(vectors) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *row = json_object_new_object();

        json_object_object_add(row, "embedding",
                               json_object_get(json_object_array_get_idx(vectors, i)));
        json_object_array_add(data, row);
    }
    json_object_object_add(root, "data", data);
    if (tokens >= 0) {
        struct json_object *usage = json_object_new_object();

        json_object_object_add(usage, "prompt_tokens", json_object_new_int64(tokens));
        json_object_object_add(root, "usage", usage);
    }
    openai_read_embeddings(m, t, root, ans);
}
