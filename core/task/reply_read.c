/*
 * reply_read: reads reply lines back, for `collect` and for resuming. Takes our own lines and the
 * plain output lines of the batch format. A torn or foreign line is an error, never half a view.
 */
#include "task/reply.h"

#include <string.h>
#include <sysexits.h>

#include "base/json.h"

static int64_t tokens(struct json_object *usage, const char *name)
{
    return json_get_int(usage, name, -1);
}

static const char *last_class(struct json_object *attempts)
{
    size_t n = attempts ? json_object_array_length(attempts) : 0;

    return n ? json_get_str(json_object_array_get_idx(attempts, n - 1), "class") : NULL;
}

static void read_sluice(struct json_object *o, struct reply_view *v)
{
    struct json_object *usage = json_get(o, "usage");
    struct json_object *cost = json_get(o, "cost_usd");

    v->model = json_get_str(o, "model");
    v->cache = json_get_str(o, "cache");
    v->usage.input_tokens = tokens(usage, "input_tokens");
    v->usage.cached_input_tokens = tokens(usage, "cached_input_tokens");
    v->usage.output_tokens = tokens(usage, "output_tokens");
    v->usage.reasoning_tokens = tokens(usage, "reasoning_tokens");
    if (json_object_is_type(cost, json_type_int) || json_object_is_type(cost, json_type_double))
        v->cost_usd = json_object_get_double(cost);
    v->last_class = last_class(json_get_type(o, "attempts", json_type_array));
    v->queued_ms = json_get_int(o, "queued_ms", 0);
    v->inference_ms = json_get_int(o, "inference_ms", 0);
}

/* The code of an error object, in either of the two places where one may stand. */
static const char *error_code(struct json_object *error, struct json_object *response)
{
    struct json_object *inner = json_get(json_get(response, "body"), "error");
    const char *code = json_get_str(error ? error : inner, "code");

    return code ? code : json_get_str(inner, "type");
}

static bool is_object_or_null(struct json_object *root, const char *key)
{
    struct json_object *o = NULL;

    return json_object_object_get_ex(root, key, &o) &&
           (!o || json_object_is_type(o, json_type_object));
}

static int read_root(struct reply_view *v, struct err *e)
{
    struct json_object *response = json_get(v->root, "response");
    struct json_object *error = json_get(v->root, "error");
    struct json_object *sluice = json_get(v->root, "sluice");

    v->custom_id = json_get_str(v->root, "custom_id");
    if (!v->custom_id)
        return err_set(e, EX_DATAERR, "custom_id is missing: this line is no reply");
    if (!is_object_or_null(v->root, "response") || !is_object_or_null(v->root, "error"))
        return err_set(e, EX_DATAERR,
                       "response and error must each be an object or null: this line is no reply");
    if (!response && !error)
        return err_set(e, EX_DATAERR, "response and error are both null: this line says nothing");
    v->status = (int)json_get_int(response, "status_code", 0);
    if (response && (v->status < 100 || v->status > 999))
        return err_set(e, EX_DATAERR, "response.status_code must be an HTTP status");
    v->ok = !error && v->status >= 200 && v->status < 300;
    v->error_code = v->ok ? NULL : error_code(error, response);
    read_sluice(sluice, v);
    return 0;
}

int reply_read(const char *line, size_t len, struct reply_view *ret, struct err *e)
{
    struct reply_view v = {.usage = USAGE_UNKNOWN, .cost_usd = -1};

    if (json_parse_answer(line, len, &v.root) < 0)
        return err_set(e, EX_DATAERR, "the line is no whole JSON value; it may have been cut off");
    if (!json_object_is_type(v.root, json_type_object)) {
        json_object_put(v.root);
        return err_set(e, EX_DATAERR, "the line is no JSON object");
    }
    if (read_root(&v, e) < 0) {
        json_object_put(v.root);
        return -1;
    }
    *ret = v;
    return 0;
}

void reply_view_done(struct reply_view *v)
{
    if (!v)
        return;
    json_object_put(v->root);
    *v = (struct reply_view){.cost_usd = -1};
}
