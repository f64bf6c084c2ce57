/*
 * anthropic: the four entries of the dialect. What a request's fields become is in
 * anthropic_fields.c, anthropic_tools.c, anthropic_messages.c and anthropic_parts.c, answers in
 * anthropic_response.c.
 */
#include "providers/anthropic.h"

#include <sysexits.h>

#include "base/json.h"
#include "providers/bridge.h"
#include "providers/incoming.h"

#define API_VERSION        "2023-06-01"
#define MAX_TOKENS_DEFAULT 4096 /* the API wants a number; used when neither task nor row has one */

static int add_headers(struct outgoing *o)
{
    if (outgoing_header(o, "anthropic-version", API_VERSION) < 0)
        return -1;
    if (!o->m->api_key || !*o->m->api_key)
        return 0;
    return outgoing_header(o, "x-api-key", o->m->api_key);
}

static void default_max_tokens(struct outgoing *o)
{
    int64_t most = o->m->max_output_tokens > 0 ? o->m->max_output_tokens : MAX_TOKENS_DEFAULT;

    if (!json_get(o->body, "max_tokens"))
        json_object_object_add(o->body, "max_tokens", json_object_new_int64(most));
}

static int anthropic_format(const struct model *m, struct task *t, struct http_request *req,
                            struct err *e)
{
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    struct outgoing o = {.m = m, .t = t, .req = req, .body = body, .e = e};

    if (t->op == OP_RESPONSES)
        return bridge_format(m, t, req, e);
    outgoing_begin(&o);
    if (t->op == OP_EMBEDDINGS)
        return err_set(e, EX_DATAERR,
                       "url: /v1/embeddings is not offered by provider %s; send it to a model of "
                       "another provider",
                       m->provider_name);
    json_object_object_add(body, "model", json_object_new_string(m->upstream_model));
    if (anthropic_fields(&o) < 0 || anthropic_tools(&o) < 0 || anthropic_messages(&o) < 0)
        return -1;
    default_max_tokens(&o);
    if (add_headers(&o) < 0)
        return -1;
    return outgoing_finish(&o, "/messages");
}

static void anthropic_parse(const struct model *m, const struct task *t,
                            const struct http_response *rsp, struct answer *ans)
{
    CLEANUP_JSON struct json_object *root = NULL;

    if (t->op == OP_RESPONSES) {
        bridge_parse(m, t, rsp, ans);
        return;
    }
    if (incoming_open(m, rsp, ans, &root) == INCOMING_FAILED)
        return;
    incoming_model(m, root, ans);
    anthropic_read(m, t, root, ans);
}

const struct provider provider_anthropic = {
    .name = "anthropic",
    .check = outgoing_check,
    .format_request = anthropic_format,
    .parse_response = anthropic_parse,
};
