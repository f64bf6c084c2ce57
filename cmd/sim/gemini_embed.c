/*
 * gemini_embed: embeddings in Google's form: embedContent of one text, batchEmbedContents of several,
 * and predict of Vertex AI. Pure.
 */
#include "cmd/sim/gemini.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define BATCH_MAX 100

static const char *const members[] = {
    "content", "model", "taskType", "title", "outputDimensionality", "embedContentConfig", NULL,
};

/* The text of {"content":{"parts":[{"text":...}]}}; NULL: there is none. */
static struct json_object *text_of(struct json_object *request)
{
    struct json_object *parts =
        json_get_type(json_get(request, "content"), "parts", json_type_array);

    if (!parts || json_object_array_length(parts) == 0)
        return NULL;
    return json_get_type(json_object_array_get_idx(parts, 0), "text", json_type_string);
}

static int read_request(struct json_object *request, struct sim_fail *f)
{
    if (sim_gemini_members(request, members, f) < 0)
        return -1;
    return text_of(request) ? 0 : sim_ask_invalid(f, NULL, "content is not specified");
}

static int read_one(struct sim_ask *a, struct sim_fail *f)
{
    sim_gemini_model(a);
    a->prompt_tokens = sim_tokens(a->raw_len);
    return read_request(a->body, f);
}

static int read_batch(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *list = json_get_type(a->body, "requests", json_type_array);
    size_t n = list ? json_object_array_length(list) : 0;
    char name[SIM_MODEL_MAX + 8];

    snprintf(name, sizeof name, "models/%s", a->model);
    if (n == 0 || n > BATCH_MAX)
        return sim_ask_invalid(f, NULL, "requests: at least one, at most 100 in one batch");
    for (size_t i = 0; i < n; i++) {
        struct json_object *request = json_object_array_get_idx(list, i);
        const char *model = json_get_str(request, "model");

        if (!model || strcmp(model, name) != 0)
            return sim_ask_invalid(f, NULL, "requests.model must match the model of the path");
        if (read_request(request, f) < 0)
            return -1;
    }
    a->prompt_tokens = sim_tokens(a->raw_len);
    return 0;
}

static int read_predict(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *list = json_get_type(a->body, "instances", json_type_array);
    size_t n = list ? json_object_array_length(list) : 0;

    sim_gemini_model(a);
    if (n == 0)
        return sim_ask_invalid(f, NULL, "instances is not specified");
    if (n > 1 && strncmp(a->model, "gemini-", 7) == 0)
        return sim_ask_invalid(f, NULL, "this model takes one instance a request");
    for (size_t i = 0; i < n; i++) {
        if (!json_get_str(json_object_array_get_idx(list, i), "content"))
            return sim_ask_invalid(f, NULL, "instances.content must be a string");
    }
    a->prompt_tokens = sim_tokens(a->raw_len);
    return 0;
}

/* {"values":[...]: not closed, so that more may follow. */
static void write_values(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                         struct json_object *request, struct json_object *text)
{
    struct sim_vector form = {.dimensions = json_get_int(request, "outputDimensionality", 0)};

    buf_str(b, "{\"values\":");
    sim_write_vector(b, s, a, text, &form);
}

static void answer_one(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                       enum sim_kind twist)
{
    buf_str(&r->body, "{\"embedding\":");
    if (twist == SIM_EMPTY200)
        buf_char(&r->body, '{');
    else
        write_values(&r->body, s, a, a->body, text_of(a->body));
    buf_str(&r->body, "}}");
}

static void answer_batch(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                         enum sim_kind twist)
{
    struct json_object *list = json_get(a->body, "requests");
    struct buf *b = &r->body;

    buf_str(b, "{\"embeddings\":[");
    for (size_t i = 0; twist != SIM_EMPTY200 && i < json_object_array_length(list); i++) {
        struct json_object *request = json_object_array_get_idx(list, i);

        buf_str(b, i ? "," : "");
        write_values(b, s, a, request, text_of(request));
        buf_char(b, '}');
    }
    buf_str(b, "]}");
}

static void answer_predict(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                           enum sim_kind twist)
{
    struct json_object *list = json_get(a->body, "instances");
    struct buf *b = &r->body;

    buf_str(b, "{\"predictions\":[");
    for (size_t i = 0; twist != SIM_EMPTY200 && i < json_object_array_length(list); i++) {
        struct json_object *text = json_get(json_object_array_get_idx(list, i), "content");

        buf_str(b, i ? ",{\"embeddings\":" : "{\"embeddings\":");
        write_values(b, s, a, json_get(a->body, "parameters"), text);
        buf_printf(b, ",\"statistics\":{\"truncated\":false,\"token_count\":%lld}}}",
                   (long long)sim_tokens((size_t)json_object_get_string_len(text)));
    }
    buf_str(b, "]}");
}

const struct sim_dialect sim_gemini_embed = {
    .name = "gemini-embed",
    .paths =
        (const char *const[]){"/v1beta/models/*:embedContent", "/v1/projects/*:embedContent", NULL},
    .read = read_one,
    .answer = answer_one,
    .error = sim_gemini_error,
    .body_waits = true,
};

const struct sim_dialect sim_gemini_batch = {
    .name = "gemini-batch",
    .paths = (const char *const[]){"/v1beta/models/*:batchEmbedContents", NULL},
    .read = read_batch,
    .answer = answer_batch,
    .error = sim_gemini_error,
    .body_waits = true,
};

const struct sim_dialect sim_vertex_predict = {
    .name = "vertex-predict",
    .paths = (const char *const[]){"/v1/projects/*:predict", NULL},
    .read = read_predict,
    .answer = answer_predict,
    .error = sim_vertex_error,
    .body_waits = true,
};
