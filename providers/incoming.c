/*
 * incoming: the shared half of reading a response. It knows the frame of an answer (envelope, ids,
 * size), never what is inside.
 */
#include "providers/incoming.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/redact.h"

#define TOKENS_MAX INT64_C(1000000000000) /* a larger count is no count */

static void take_request_id(const struct model *m, const struct http_response *rsp,
                            struct answer *ans)
{
    char raw[sizeof ans->request_id];

    if (http_response_header(rsp, "x-request-id", raw, sizeof raw) ||
        http_response_header(rsp, "request-id", raw, sizeof raw) ||
        http_response_header(rsp, "x-amzn-requestid", raw, sizeof raw))
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

void incoming_made_id(const struct task *t, const char *prefix, char out[INCOMING_ID_MAX])
{
    char hex[2 * SHA256_LEN + 1] = "0";

    if (t->has_digest)
        sha256_hex(t->digest, hex);
    snprintf(out, INCOMING_ID_MAX, "%s%.24s", prefix, hex);
}

/* What stands there already is left alone: most answers are whole. */
void incoming_envelope(const struct model *m, const struct task *t, const char *object,
                       struct json_object *root)
{
    const char *is = json_get_str(root, "object");
    int64_t created = json_get_int(root, "created", -1);
    char id[INCOMING_ID_MAX];

    if (!json_get_str(root, "id")) {
        incoming_made_id(t, "chatcmpl-", id);
        json_object_object_add(root, "id", json_object_new_string(id));
    }
    if (!is || strcmp(is, object) != 0)
        json_object_object_add(root, "object", json_object_new_string(object));
    if (created < 0)
        created = t->received_wall_ms / 1000;
    if (!json_get_type(root, "created", json_type_int) || json_get_int(root, "created", -1) < 0)
        json_object_object_add(root, "created", json_object_new_int64(created));
    if (!json_get_str(root, "model"))
        json_object_object_add(root, "model", json_object_new_string(m->upstream_model));
}

int64_t incoming_tokens(struct json_object *o, const char *key)
{
    int64_t n = json_get_int(o, key, -1);

    return n < 0 || n > TOKENS_MAX ? -1 : n;
}

enum finish incoming_worse(enum finish a, enum finish b)
{
    static const int rank[FINISH_COUNT] = {
        [FINISH_STOP] = 0,   [FINISH_TOOL_CALLS] = 1,     [FINISH_OTHER] = 2,
        [FINISH_LENGTH] = 3, [FINISH_CONTENT_FILTER] = 4,
    };

    return rank[a] >= rank[b] ? a : b;
}

void incoming_append(struct buf *to, struct json_object *text)
{
    if (text)
        buf_append(to, json_object_get_string(text), (size_t)json_object_get_string_len(text));
}

void incoming_drop_null(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (json_object_object_get_ex(o, key, &v) && !v)
        json_object_object_del(o, key);
}

int64_t incoming_sum(int64_t a, int64_t b)
{
    int64_t total = 0;

    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return __builtin_add_overflow(a, b, &total) ? INT64_MAX : total;
}

void incoming_reasoning_beside(struct usage *u, int64_t total)
{
    if (u->reasoning_tokens > 0 && u->input_tokens >= 0 && u->output_tokens >= 0 &&
        total - u->input_tokens - u->output_tokens == u->reasoning_tokens)
        u->output_tokens += u->reasoning_tokens;
}

static void add_count(struct json_object *o, const char *key, int64_t n)
{
    if (n >= 0)
        json_object_object_add(o, key, json_object_new_int64(n));
}

struct json_object *incoming_chat_usage(const struct usage *u)
{
    struct json_object *usage = json_object_new_object();
    struct json_object *in = json_object_new_object();
    struct json_object *out = json_object_new_object();

    add_count(usage, "prompt_tokens", u->input_tokens);
    add_count(usage, "completion_tokens", u->output_tokens);
    add_count(usage, "total_tokens", incoming_sum(u->input_tokens, u->output_tokens));
    add_count(in, "cached_tokens", u->cached_input_tokens);
    add_count(in, "cache_write_tokens", u->cache_write_tokens);
    add_count(out, "reasoning_tokens", u->reasoning_tokens);
    json_object_object_add(usage, "prompt_tokens_details", in);
    json_object_object_add(usage, "completion_tokens_details", out);
    return usage;
}

static void copy_text(struct json_object *from, struct json_object *to, const char *key)
{
    if (json_get_str(from, key))
        json_object_object_add(to, key, json_object_get(json_get(from, key)));
}

struct json_object *incoming_completion(const struct model *m, const struct task *t,
                                        struct json_object *root, struct json_object *choice,
                                        const struct usage *u)
{
    struct json_object *to = json_object_new_object();
    struct json_object *choices = json_object_new_array();
    int64_t created = json_get_int(root, "created_at", -1);

    copy_text(root, to, "id");
    copy_text(root, to, "model");
    if (created >= 0)
        json_object_object_add(to, "created", json_object_new_int64(created));
    incoming_envelope(m, t, "chat.completion", to);
    json_object_array_add(choices, choice);
    json_object_object_add(to, "choices", choices);
    if (u->input_tokens >= 0 && u->output_tokens >= 0)
        json_object_object_add(to, "usage", incoming_chat_usage(u));
    return to;
}

void incoming_tier(struct json_object *root)
{
    static const char *const tiers[] = {"auto", "default", "flex", "scale", "priority", "fast"};
    const char *tier = json_get_str(root, "service_tier");
    size_t i = 0;

    for (i = 0; tier && i < ARRAY_LEN(tiers); i++) {
        if (strcmp(tier, tiers[i]) == 0)
            return;
    }
    json_object_object_del(root, "service_tier");
}

struct json_object *incoming_string(const struct buf *b)
{
    return json_object_new_string_len(b->data ? b->data : "", (int)b->len);
}

const char *incoming_json_text(struct json_object *o)
{
    return json_object_to_json_string_ext(o,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}
