/*
 * gemini_embed: embeddings both ways. The Gemini API has a call for one text and one for several;
 * Vertex AI has :predict for its text models and for gemini-embedding-001, and :embedContent, one
 * text a call, for what came after. Vectors leave as numbers only; base64 is made here.
 */
#include "providers/gemini.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/fields.h"
#include "providers/incoming.h"
#include "providers/openai.h"
#include "providers/vector.h"

#define BATCH_MAX 100 /* texts of one batchEmbedContents */

/* The settings of a request, read before it is written. */
struct embed {
    struct outgoing *o;
    struct json_object *dimensions; /* or NULL */
    struct json_object *task_type;
    struct json_object *title;
};

static int put_format(struct outgoing *o, const char *name, struct json_object *v)
{
    const char *word = json_object_get_string(v);

    if (strcmp(word, "float") == 0 || strcmp(word, "base64") == 0)
        return 0;
    return outgoing_fail(o, "must be float or base64", "%s", name);
}

static const struct field_row rows[] = {
    {"input", NULL},
    {"dimensions", NULL},
    {"encoding_format", put_format},
    /* words of this API that OpenAI's has not */
    {"taskType", NULL},
    {"title", NULL},
};

static void put(struct json_object *to, const char *key, struct json_object *v)
{
    if (v)
        outgoing_share(to, key, v);
}

/* {"content":{"parts":[{"text"}]},...} into to. */
static void put_content(const struct embed *e, struct json_object *text, struct json_object *to)
{
    struct json_object *content = json_object_new_object();
    struct json_object *parts = json_object_new_array();
    struct json_object *part = json_object_new_object();

    outgoing_share(part, "text", text);
    json_object_array_add(parts, part);
    json_object_object_add(content, "parts", parts);
    json_object_object_add(to, "content", content);
    put(to, "taskType", e->task_type);
    put(to, "title", e->title);
    put(to, "outputDimensionality", e->dimensions);
}

static void put_model(const struct model *m, struct json_object *to)
{
    char name[300];

    snprintf(name, sizeof name, "%s%s", strchr(m->upstream_model, '/') ? "" : "models/",
             m->upstream_model);
    json_object_object_add(to, "model", json_object_new_string(name));
}

static void put_batch(const struct embed *e, struct json_object *texts)
{
    struct json_object *requests = json_object_new_array();
    size_t n = json_object_array_length(texts);
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *request = json_object_new_object();

        put_model(e->o->m, request);
        put_content(e, json_object_array_get_idx(texts, i), request);
        json_object_array_add(requests, request);
    }
    json_object_object_add(e->o->body, "requests", requests);
}

static void put_predict(const struct embed *e, struct json_object *texts)
{
    struct json_object *instances = json_object_new_array();
    size_t n = json_object_array_length(texts);
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *instance = json_object_new_object();

        outgoing_share(instance, "content", json_object_array_get_idx(texts, i));
        put(instance, "task_type", e->task_type);
        put(instance, "title", e->title);
        json_object_array_add(instances, instance);
    }
    json_object_object_add(e->o->body, "instances", instances);
    if (e->dimensions) {
        struct json_object *parameters = json_object_new_object();

        outgoing_share(parameters, "outputDimensionality", e->dimensions);
        json_object_object_add(e->o->body, "parameters", parameters);
    }
}

/* The inputs as a list of texts; the caller's, or NULL and an error. */
static struct json_object *texts_of(struct outgoing *o)
{
    struct json_object *input = json_get(o->t->body, "input");
    struct json_object *list = NULL;
    size_t i = 0;

    if (json_object_is_type(input, json_type_string)) {
        list = json_object_new_array();
        json_object_array_add(list, json_object_get(input));
        return list;
    }
    if (!json_object_is_type(input, json_type_array) || json_object_array_length(input) == 0) {
        outgoing_fail(o, "must be a string or a list of strings", "input");
        return NULL;
    }
    for (i = 0; i < json_object_array_length(input); i++) {
        if (!json_object_is_type(json_object_array_get_idx(input, i), json_type_string)) {
            outgoing_fail(o, "must be a string; numbers of tokens mean nothing to this API",
                          "input[%zu]", i);
            return NULL;
        }
    }
    return json_object_get(input);
}

/* Vertex AI serves these one text at a time. */
static bool is_single(const struct model *m)
{
    return gemini_on_vertex(m) && strncmp(m->upstream_model, "gemini-", 7) == 0;
}

/* Does Vertex AI serve this model by :predict? */
static bool by_predict(const struct model *m)
{
    return gemini_on_vertex(m) &&
           (!is_single(m) || strcmp(m->upstream_model, "gemini-embedding-001") == 0);
}

int gemini_embed(struct outgoing *o, const char **ret_method)
{
    struct embed e = {.o = o,
                      .dimensions = json_get(o->t->body, "dimensions"),
                      .task_type = json_get(o->t->body, "taskType"),
                      .title = json_get(o->t->body, "title")};
    CLEANUP_JSON struct json_object *texts = texts_of(o);
    bool one = texts && json_object_array_length(texts) == 1;

    if (!texts || fields_put(o, rows, ARRAY_LEN(rows)) < 0)
        return -1;
    if (!one && is_single(o->m))
        return outgoing_fail(o, "this model takes one input a request", "input");
    if (!gemini_on_vertex(o->m) && json_object_array_length(texts) > BATCH_MAX)
        return outgoing_fail(o, "this API takes at most 100 inputs a request", "input");
    if (by_predict(o->m)) {
        *ret_method = "predict";
        put_predict(&e, texts);
    } else if (one) {
        *ret_method = "embedContent";
        put_content(&e, json_object_array_get_idx(texts, 0), o->body);
    } else {
        *ret_method = "batchEmbedContents";
        put_batch(&e, texts);
    }
    return 0;
}

static void add_vector(struct json_object *to, struct json_object *values, bool base64)
{
    json_object_array_add(to, base64 ? vector_pack(values) : json_object_get(values));
}

/* The list under which the vectors stand, of whichever call; NULL: there is none. */
static struct json_object *vectors_of(struct json_object *root)
{
    struct json_object *list = json_get_type(root, "predictions", json_type_array);

    return list ? list : json_get_type(root, "embeddings", json_type_array);
}

static int64_t read_list(struct json_object *list, struct json_object *to, bool base64)
{
    size_t n = json_object_array_length(list);
    int64_t tokens = -1;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *row = json_object_array_get_idx(list, i);
        struct json_object *inner = json_get(row, "embeddings");

        tokens = incoming_sum(
            tokens, incoming_tokens(json_get(inner ? inner : row, "statistics"), "token_count"));
        add_vector(to, json_get(inner ? inner : row, "values"), base64);
    }
    return tokens;
}

void gemini_read_embeddings(const struct model *m, const struct task *t, struct json_object *root,
                            struct answer *ans)
{
    CLEANUP_JSON struct json_object *vectors = json_object_new_array();
    const char *form = json_get_str(t->body, "encoding_format");
    bool base64 = form && strcmp(form, "base64") == 0;
    struct json_object *one = json_get(root, "embedding");
    int64_t tokens = incoming_tokens(json_get(root, "usageMetadata"), "promptTokenCount");
    int64_t listed = -1;

    if (one)
        add_vector(vectors, json_get(one, "values"), base64);
    else if (vectors_of(root))
        listed = read_list(vectors_of(root), vectors, base64);
    incoming_model(m, NULL, ans);
    openai_read_vectors(m, t, vectors, listed >= 0 ? listed : tokens, ans);
}
