/*
 * cohere_embed: embeddings, both ways. The API wants to be told what the vectors are for; a request
 * that does not say (`input_type`) gets vectors for documents that are searched. It would cut a text
 * that is too long and say nothing; it is asked to refuse such a text, as OpenAI's does.
 */
#include "providers/cohere.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/fields.h"
#include "providers/incoming.h"
#include "providers/openai.h"

#define INPUT_TYPE "search_document"
#define TRUNCATE   "NONE"

static int put_input(struct outgoing *o, const char *name, struct json_object *v)
{
    CLEANUP_JSON struct json_object *list = field_list(v);
    size_t n = json_object_array_length(list);
    size_t i = 0;

    for (i = 0; i < n; i++) {
        if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_string))
            return outgoing_fail(o, "must be a text or a list of texts; it takes no token numbers",
                                 "%s", name);
    }
    outgoing_share(o->body, "texts", list);
    return 0;
}

static int put_dimensions(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)name;
    outgoing_share(o->body, "output_dimension", v);
    return 0;
}

/* encoding_format of OpenAI, or the API's own list of types. */
static int put_types(struct outgoing *o, const char *name, struct json_object *v)
{
    if (strcmp(name, "encoding_format") == 0 && json_get(o->t->body, "embedding_types"))
        return 0;
    json_object_object_add(o->body, "embedding_types", field_list(v));
    return 0;
}

static const struct field_row rows[] = {
    {"input", put_input},
    {"dimensions", put_dimensions},
    {"encoding_format", put_types},
    /* words of this API that OpenAI's has not */
    {"embedding_types", put_types},
    {"input_type", field_same},
    {"truncate", field_same},
    {"max_tokens", field_same},
    {"priority", field_same},
};

static void put_default(struct outgoing *o, const char *key, struct json_object *value)
{
    if (json_get(o->body, key))
        json_object_put(value);
    else
        json_object_object_add(o->body, key, value);
}

int cohere_inputs(struct outgoing *o)
{
    struct json_object *types = json_object_new_array_ext(1);

    json_object_array_add(types, json_object_new_string("float"));
    if (fields_put(o, rows, ARRAY_LEN(rows)) < 0) {
        json_object_put(types);
        return -1;
    }
    put_default(o, "embedding_types", types);
    put_default(o, "input_type", json_object_new_string(INPUT_TYPE));
    put_default(o, "truncate", json_object_new_string(TRUNCATE));
    if (!json_get(o->body, "texts"))
        return outgoing_fail(o, "is missing", "input");
    return 0;
}

/* The vectors of the first type that there are any of. */
static struct json_object *vectors_of(struct json_object *embeddings)
{
    static const char *const types[] = {"float", "base64", "int8", "uint8", "binary", "ubinary"};
    size_t i = 0;

    if (json_object_is_type(embeddings, json_type_array)) /* the older form */
        return embeddings;
    for (i = 0; i < ARRAY_LEN(types); i++) {
        struct json_object *list = json_get_type(embeddings, types[i], json_type_array);

        if (list && json_object_array_length(list) > 0)
            return list;
    }
    return NULL;
}

void cohere_read_embeddings(const struct model *m, const struct task *t, struct json_object *root,
                            struct answer *ans)
{
    struct json_object *meta = json_get(root, "meta");
    int64_t tokens = incoming_tokens(json_get(meta, "billed_units"), "input_tokens");

    if (tokens < 0)
        tokens = incoming_tokens(json_get(meta, "tokens"), "input_tokens");
    openai_read_vectors(m, t, vectors_of(json_get(root, "embeddings")), tokens, ans);
}
