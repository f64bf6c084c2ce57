/*
 * incoming: the shared half of reading a response. It knows the frame of an answer (envelope, ids,
 * size), never what is inside.
 */
#include "providers/incoming.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "providers/failure.h"
#include "providers/redact.h"

static void take_request_id(const struct model *m, const struct http_response *rsp,
                            struct answer *ans)
{
    char raw[sizeof ans->request_id];

    if (http_response_header(rsp, "x-request-id", raw, sizeof raw) ||
        http_response_header(rsp, "request-id", raw, sizeof raw))
        redact_into(m, raw, ans->request_id, sizeof ans->request_id);
}

/* The number at a JSON pointer; `absent` when nothing or null stands there, -1 when it is no amount. */
static double number_at(struct json_object *root, const char *pointer, double absent)
{
    struct json_object *at = NULL;
    double n = 0;

    if (json_pointer_get(root, pointer, &at) < 0 || !at)
        return absent;
    if (!json_object_is_type(at, json_type_int) && !json_object_is_type(at, json_type_double))
        return -1;
    n = json_object_get_double(at);
    return isfinite(n) && n >= 0 ? n : -1;
}

/* What the prices of the row point at, while the answer is still as the provider wrote it. */
static void take_costs(const struct model *m, struct json_object *root, struct answer *ans)
{
    const struct prices *p = &m->prices;
    size_t i = 0;

    if (p->cost_pointer)
        ans->reported_cost = number_at(root, p->cost_pointer, -1);
    for (i = 0; i < p->nmeters; i++)
        ans->metered[i] = number_at(root, p->meter[i].pointer, 0);
}

int incoming_open(const struct model *m, const struct http_response *rsp, struct answer *ans,
                  struct json_object **ret_root)
{
    CLEANUP_JSON struct json_object *root = NULL;
    bool good = rsp->status >= 200 && rsp->status < 300;
    int parsed = -1;

    take_request_id(m, rsp, ans);
    if (rsp->body.len > 0)
        parsed = json_parse_answer(rsp->body.data, rsp->body.len, &root);
    if (!*ans->request_id && json_get_str(root, "request_id"))
        redact_into(m, json_get_str(root, "request_id"), ans->request_id, sizeof ans->request_id);
    if (!good || failure_error(root)) {
        failure_from_response(m, rsp, root, ans);
        return INCOMING_FAILED;
    }
    if (parsed < 0 || !json_object_is_type(root, json_type_object)) {
        failure_bad_response(ans, rsp->body.len ? "not_json" : "empty_body",
                             "the provider answered 2xx with a body that is no whole JSON object");
        return INCOMING_FAILED;
    }
    take_costs(m, root, ans);
    *ret_root = json_object_get(root);
    return INCOMING_GOOD;
}

void incoming_close(struct json_object *root, enum finish finish, struct answer *ans)
{
    buf_clear(&ans->body);
    if (json_write(root, &ans->body) < 0) {
        failure_bad_response(ans, "response_too_large",
                             "the answer is larger than limits.response_bytes allows");
        return;
    }
    ans->class = CLASS_OK;
    ans->finish = finish;
}

void incoming_model(const struct model *m, struct json_object *root, struct answer *ans)
{
    const char *name = json_get_str(root, "model");

    redact_into(m, name && *name ? name : m->upstream_model, ans->model, sizeof ans->model);
}

void incoming_envelope(const struct model *m, const struct task *t, const char *object,
                       struct json_object *root)
{
    char id[64];
    char hex[2 * SHA256_LEN + 1] = "0";

    if (t->has_digest)
        sha256_hex(t->digest, hex);
    snprintf(id, sizeof id, "chatcmpl-%.24s", hex);
    if (!json_get_str(root, "id"))
        json_object_object_add(root, "id", json_object_new_string(id));
    json_object_object_add(root, "object", json_object_new_string(object));
    if (json_get_int(root, "created", -1) < 0)
        json_object_object_add(root, "created", json_object_new_int64(t->received_wall_ms / 1000));
    else
        json_object_object_add(root, "created",
                               json_object_new_int64(json_get_int(root, "created", 0)));
    if (!json_get_str(root, "model"))
        json_object_object_add(root, "model", json_object_new_string(m->upstream_model));
}

int64_t incoming_tokens(struct json_object *o, const char *key)
{
    int64_t n = json_get_int(o, key, -1);

    return n < 0 ? -1 : n;
}

void incoming_drop_null(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (json_object_object_get_ex(o, key, &v) && !v)
        json_object_object_del(o, key);
}
