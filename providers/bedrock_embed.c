/*
 * bedrock_embed: embeddings by InvokeModel, which hands the model's own words through: those of
 * Amazon's Titan (one text a request) and of Cohere (a list of texts). The answer is brought into
 * OpenAI's form and then read as such.
 */
#include "providers/bedrock.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/fields.h"
#include "providers/openai.h"
#include "providers/vector.h"

#define TOKENS_HEADER "x-amzn-bedrock-input-token-count"

static bool is_titan(const struct model *m)
{
    return strstr(m->upstream_model, "titan-embed") != NULL;
}

static bool is_cohere(const struct model *m)
{
    return strstr(m->upstream_model, "cohere.embed") != NULL;
}

/* The only text of the input, or NULL. */
static struct json_object *one_text(struct json_object *input)
{
    if (json_object_is_type(input, json_type_array) && json_object_array_length(input) == 1)
        input = json_object_array_get_idx(input, 0);
    return json_object_is_type(input, json_type_string) ? input : NULL;
}

static int put_texts(struct outgoing *o, struct json_object *input)
{
    struct json_object *texts = NULL;
    size_t n = 0;
    size_t i = 0;

    if (json_object_is_type(input, json_type_array)) {
        n = json_object_array_length(input);
        for (i = 0; i < n; i++) {
            if (!json_object_is_type(json_object_array_get_idx(input, i), json_type_string))
                return outgoing_fail(o, "must be a text or a list of texts; it takes no tokens",
                                     "input");
        }
        outgoing_share(o->body, "texts", input);
        return 0;
    }
    texts = json_object_new_array();
    json_object_array_add(texts, json_object_get(input));
    json_object_object_add(o->body, "texts", texts);
    return 0;
}

static int put_input(struct outgoing *o, const char *name, struct json_object *v)
{
    (void)name;
    if (is_cohere(o->m))
        return put_texts(o, v);
    if (!one_text(v))
        return outgoing_fail(o, "this model takes one text a request, and no tokens", "input");
    outgoing_share(o->body, "inputText", one_text(v));
    return 0;
}

static int put_dimensions(struct outgoing *o, const char *name, struct json_object *v)
{
    outgoing_share(o->body, is_cohere(o->m) ? "output_dimension" : name, v);
    return 0;
}

static int put_encoding(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *form = json_object_get_string(v);

    if (strcmp(form, "float") == 0 || strcmp(form, "base64") == 0)
        return 0; /* it gives numbers, which are packed here */
    return outgoing_refuse(o, "it has the forms float and base64 only", "%s", name);
}

static int put_input_type(struct outgoing *o, const char *name, struct json_object *v)
{
    return is_cohere(o->m) ? field_same(o, name, v) : field_refuse(o, name, v);
}

static const struct field_row rows[] = {
    {"input", put_input},
    {"dimensions", put_dimensions},
    {"encoding_format", put_encoding},
    {"input_type", put_input_type}, /* Cohere's: what the text is for */
};

int bedrock_embed(struct outgoing *o)
{
    struct json_object *types = NULL;

    if (!is_titan(o->m) && !is_cohere(o->m))
        return err_set(o->e, EX_DATAERR,
                       "url: /v1/embeddings is known for models titan-embed and cohere.embed of "
                       "provider %s, not for %s",
                       o->m->provider_name, o->m->upstream_model);
    if (fields_put(o, rows, ARRAY_LEN(rows)) < 0)
        return -1;
    if (!is_cohere(o->m))
        return 0;
    if (!json_get(o->body, "input_type"))
        json_object_object_add(o->body, "input_type", json_object_new_string("search_document"));
    types = json_object_new_array();
    json_object_array_add(types, json_object_new_string("float"));
    json_object_object_add(o->body, "embedding_types", types);
    return 0;
}

static void add_row(struct json_object *data, struct json_object *vector, bool packed)
{
    json_object_array_add(
        data, bedrock_wrap("embedding", packed ? vector_pack(vector) : json_object_get(vector)));
}

/* Titan's embedding, or Cohere's embeddings: a list, or lists by type. */
static struct json_object *new_data(struct json_object *root, bool packed)
{
    struct json_object *data = json_object_new_array();
    struct json_object *list = json_get(root, "embeddings");
    size_t n = 0;
    size_t i = 0;

    if (json_object_is_type(list, json_type_object))
        list = json_get(list, "float");
    if (json_object_is_type(list, json_type_array))
        n = json_object_array_length(list);
    for (i = 0; i < n; i++)
        add_row(data, json_object_array_get_idx(list, i), packed);
    if (json_get(root, "embedding"))
        add_row(data, json_get(root, "embedding"), packed);
    return data;
}

/* In the body or in a header; -1: not said. */
static int64_t tokens_of(const struct http_response *rsp, struct json_object *root)
{
    char text[24];
    char *end = NULL;
    long n = 0;

    if (json_get(root, "inputTextTokenCount"))
        return json_get_int(root, "inputTextTokenCount", -1);
    if (!http_response_header(rsp, TOKENS_HEADER, text, sizeof text))
        return -1;
    n = strtol(text, &end, 10);
    return end == text || *end || n < 0 ? -1 : n;
}

void bedrock_read_embeddings(const struct model *m, const struct task *t,
                             const struct http_response *rsp, struct json_object *root,
                             struct answer *ans)
{
    const char *form = json_get_str(t->body, "encoding_format");
    bool packed = form && strcmp(form, "base64") == 0;
    CLEANUP_JSON struct json_object *list = bedrock_wrap("data", new_data(root, packed));
    int64_t tokens = tokens_of(rsp, root);

    if (tokens >= 0)
        json_object_object_add(list, "usage",
                               bedrock_wrap("prompt_tokens", json_object_new_int64(tokens)));
    openai_read_embeddings(m, t, list, ans);
}
