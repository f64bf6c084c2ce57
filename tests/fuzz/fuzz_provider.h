/*
 * What every dialect must keep, whatever the bytes. Responses: no crash; a good
 * answer is whole JSON with something in it; no failure carries the key. Requests: no crash; what
 * is sent is whole JSON that does not stream; the task's body stays as it was.
 *
 * Input: one byte of flags, header lines up to an empty line, body. Flags: bit 0: embeddings where
 * there are any, bits 1-3: status, bit 4: the row has a context window and an extra_body; with bit 7
 * the rest is a request body, and bit 0 is drop_params, bit 1: embeddings where there are any, bit 2: a
 * host that knows little, bit 3: a model that reasons.
 */
#ifndef SLUICE_FUZZ_PROVIDER_H
#define SLUICE_FUZZ_PROVIDER_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "task/provider.h"

#define FUZZ_KEY "sk-fuzz-0123456789"

#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)

static inline void fuzz_good(const struct task *t, const struct answer *ans)
{
    struct json_object *o = NULL;
    static const char *const lists[] = {
        [OP_CHAT] = "choices", [OP_EMBEDDINGS] = "data", [OP_RESPONSES] = "output"};
    bool whole = ans->finish == FINISH_STOP || ans->finish == FINISH_TOOL_CALLS;
    struct json_object *items = NULL;

    MUST(ans->body.len > 0);
    MUST(json_parse_answer(ans->body.data, ans->body.len, &o) == 0);
    items = json_get_type(o, lists[t->op], json_type_array);
    /* a response that was cut before its first word has no item */
    MUST(items && (json_object_array_length(items) > 0 || (t->op == OP_RESPONSES && !whole)));
    MUST(json_get_str(o, "object"));
    MUST(ans->finish < FINISH_COUNT);
    json_object_put(o);
}

static inline void fuzz_bad(const struct answer *ans)
{
    struct json_object *o = NULL;

    MUST(ans->class < CLASS_COUNT);
    MUST(!strstr(ans->message, FUZZ_KEY));
    MUST(!strstr(ans->code, FUZZ_KEY));
    MUST(utf8_valid(ans->message, strlen(ans->message)));
    if (ans->body.len == 0)
        return;
    MUST(!strstr(ans->body.data, FUZZ_KEY));
    MUST(json_parse_answer(ans->body.data, ans->body.len, &o) == 0);
    MUST(json_get_str(json_get(o, "error"), "message"));
    json_object_put(o);
}

static inline void fuzz_sent(const struct model *m, const struct http_request *req)
{
    struct json_object *sent = NULL;

    /* Deeper than a record may be: a dialect may put what it is given some levels down. */
    MUST(json_parse_depth(req->body.data, req->body.len, 200, &sent, NULL) == 0);
    MUST(!json_get_bool(sent, "stream", false));
    if (json_get_str(sent, "model")) /* else it stands in the path */
        MUST(strcmp(json_get_str(sent, "model"), m->upstream_model) == 0);
    else
        MUST(strstr(req->url, m->upstream_model));
    json_object_put(sent);
}

static inline void fuzz_request(const struct model *m, enum operation op, const uint8_t *data,
                                size_t n)
{
    struct json_object *body = NULL;
    struct http_request req;
    struct task *t = NULL;
    char *before = NULL;

    if (json_parse((const char *)data, n, &body, NULL) < 0 ||
        !json_object_is_type(body, json_type_object)) {
        json_object_put(body);
        return;
    }
    before = mem_strdup(json_object_to_json_string(body));
    t = task_new();
    t->body = body;
    t->op = op;
    http_request_init(&req, 1 << 20);
    if (m->provider->format_request(m, t, &req, NULL) == 0)
        fuzz_sent(m, &req);
    MUST(strcmp(before, json_object_to_json_string(body)) == 0);
    free(before);
    http_request_done(&req);
    task_free(t);
}

static inline struct model fuzz_row(const struct provider *p)
{
    return (struct model){.model_name = (char *)"fuzz",
                          .provider_name = (char *)p->name,
                          .provider = p,
                          .upstream_model = (char *)"model-x",
                          .api_base = (char *)"http://127.0.0.1/v1",
                          .api_key = (char *)FUZZ_KEY,
                          .prices = {.cost_pointer = (char *)"/usage/cost",
                                     .nmeters = 2,
                                     .meter = {{"/choices/0", 1}, {"/a~1b/~0", 1}}}};
}

/* One exchange of this row, at least one byte of data. */
static inline void fuzz_exchange(struct model m, enum operation op, const uint8_t *data, size_t n)
{
    static const long statuses[] = {200, 200, 400, 401, 403, 404, 429, 503};
    static const struct vendor odd = {.api_base = "http://127.0.0.1/v1", .quirks = ~0U};
    struct http_response rsp;
    struct answer ans;
    struct task *t = NULL;
    const uint8_t *gap = NULL;
    size_t head = 1;

    if (data[0] & 0x10) {
        m.max_input_tokens = 64;
        if (!m.extra_body)
            m.extra_body = (char *)"{\"options\":{\"seed\":7}}";
    }
    if (data[0] & 0x80) {
        m.drop_params = data[0] & 1;
        m.vendor = data[0] & 4 ? &odd : m.vendor;
        m.upstream_model = data[0] & 8 ? (char *)"o3" : m.upstream_model;
        fuzz_request(&m, op, data + 1, n - 1);
        return;
    }
    gap = memmem(data, n, "\n\n", 2);
    http_response_init(&rsp, 1 << 16, 1 << 20);
    rsp.end = HTTP_DONE;
    rsp.status = statuses[(data[0] >> 1) & 7];
    if (gap && gap > data) {
        head = (size_t)(gap - data) + 2;
        buf_append(&rsp.headers, data + 1, head - 2);
    }
    buf_append(&rsp.body, data + head, n - head);
    t = task_new();
    t->body = json_object_new_object();
    t->op = op;
    if (data[0] & 0x40)
        json_object_object_add(t->body, "encoding_format", json_object_new_string("base64"));
    answer_init(&ans, 1 << 20);
    m.provider->parse_response(&m, t, &rsp, &ans);
    MUST(isfinite(ans.reported_cost) && isfinite(ans.metered[0]) && isfinite(ans.metered[1]));
    if (ans.class == CLASS_OK)
        fuzz_good(t, &ans);
    else
        fuzz_bad(&ans);
    answer_done(&ans);
    http_response_done(&rsp);
    task_free(t);
}

static inline enum operation fuzz_op(uint8_t flags)
{
    return flags & (flags & 0x80 ? 2 : 1) ? OP_EMBEDDINGS : OP_CHAT;
}

static inline void fuzz_response(const struct provider *p, bool chat_only, const uint8_t *data,
                                 size_t n)
{
    if (n > 0)
        fuzz_exchange(fuzz_row(p), chat_only ? OP_CHAT : fuzz_op(data[0]), data, n);
}

#endif
