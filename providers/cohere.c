/*
 * cohere: the four entries of the dialect. What a request's fields become is in cohere_fields.c,
 * cohere_messages.c, cohere_tools.c and cohere_embed.c; chat answers are read in cohere_response.c.
 */
#include "providers/cohere.h"

#include "base/json.h"
#include "providers/bridge.h"
#include "providers/incoming.h"

#define STATUS_BLOCKED 498 /* this API's own: the prompt or the answer breaks its usage rules */

static int write_body(struct outgoing *o)
{
    if (o->t->op == OP_EMBEDDINGS)
        return cohere_inputs(o);
    if (cohere_fields(o) < 0 || cohere_tools(o) < 0)
        return -1;
    return cohere_messages(o);
}

static int cohere_format(const struct model *m, struct task *t, struct http_request *req,
                         struct err *e)
{
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    struct outgoing o = {.m = m, .t = t, .req = req, .body = body, .e = e};

    if (t->op == OP_RESPONSES)
        return bridge_format(m, t, req, e);
    outgoing_begin(&o);
    json_object_object_add(body, "model", json_object_new_string(m->upstream_model));
    if (write_body(&o) < 0 || outgoing_bearer(&o) < 0)
        return -1;
    return outgoing_finish(&o, t->op == OP_EMBEDDINGS ? "/embed" : "/chat");
}

static void cohere_parse(const struct model *m, const struct task *t,
                         const struct http_response *rsp, struct answer *ans)
{
    CLEANUP_JSON struct json_object *root = NULL;

    if (t->op == OP_RESPONSES) {
        bridge_parse(m, t, rsp, ans);
        return;
    }
    if (incoming_open(m, rsp, ans, &root) == INCOMING_FAILED) {
        /* Elsewhere this number means that there is no room. */
        if (rsp->status == STATUS_BLOCKED)
            ans->class = CLASS_CONTENT_POLICY;
        return;
    }
    incoming_model(m, root, ans);
    if (t->op == OP_EMBEDDINGS)
        cohere_read_embeddings(m, t, root, ans);
    else
        cohere_read_chat(m, t, root, ans);
}

const struct provider provider_cohere = {
    .name = "cohere",
    .check = outgoing_check,
    .format_request = cohere_format,
    .parse_response = cohere_parse,
};
