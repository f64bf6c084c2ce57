/*
 * openai: writes requests of OpenAI's dialect. The body of the task goes out as it is, in a shallow
 * copy, save for the model's name, streaming, and what openai_quirks.c changes for the host. It must
 * not know any host by name.
 */
#include "providers/openai.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/bridge.h"
#include "providers/failure.h"
#include "providers/incoming.h"
#include "providers/outgoing.h"
#include "providers/responses.h"

/* Replies are one record, so nothing is ever streamed. */
static bool never_sent(const char *key)
{
    return strcmp(key, "model") == 0 || strcmp(key, "stream") == 0 ||
           strcmp(key, "stream_options") == 0;
}

const char *openai_path(enum operation op)
{
    return op == OP_EMBEDDINGS ? "/embeddings" : "/chat/completions";
}

int openai_write(struct outgoing *o)
{
    outgoing_begin(o);
    json_object_object_add(o->body, "model", json_object_new_string(o->m->upstream_model));
    if (o->t->op == OP_CHAT && responses_serve(o->m, OP_CHAT))
        return openai_responses_fields(o) < 0 ? -1 : openai_responses_input(o);
    json_object_object_foreach(o->t->body, key, value)
    {
        if (!never_sent(key))
            outgoing_share(o->body, key, value);
    }
    return o->t->op == OP_CHAT ? openai_quirks(o) : 0;
}

static int openai_format(const struct model *m, struct task *t, struct http_request *req,
                         struct err *e)
{
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    struct outgoing o = {.m = m, .t = t, .req = req, .body = body, .e = e};

    if (t->op == OP_RESPONSES && !responses_serve(m, t->op))
        return bridge_format(m, t, req, e);
    if (openai_write(&o) < 0 || outgoing_bearer(&o) < 0)
        return -1;
    return outgoing_finish(&o, responses_serve(m, t->op) ? "/responses" : openai_path(t->op));
}

void openai_parse(const struct model *m, const struct task *t, const struct http_response *rsp,
                  struct answer *ans)
{
    CLEANUP_JSON struct json_object *root = NULL;

    if (t->op == OP_RESPONSES && !responses_serve(m, t->op)) {
        bridge_parse(m, t, rsp, ans);
        return;
    }
    if (incoming_open(m, rsp, ans, &root) == INCOMING_FAILED)
        return;
    incoming_model(m, root, ans);
    ans->tier = service_tier_of(json_get_str(root, "service_tier"));
    if (t->op == OP_RESPONSES)
        openai_responses_read(m, t, root, ans);
    else if (responses_serve(m, t->op))
        openai_responses_read_chat(m, t, root, ans);
    else if (t->op == OP_EMBEDDINGS)
        openai_read_embeddings(m, t, root, ans);
    else
        openai_read_chat(m, t, root, ans);
}

const struct provider provider_openai = {
    .name = "openai",
    .responses = true,
    .check = outgoing_check,
    .format_request = openai_format,
    .parse_response = openai_parse,
};
