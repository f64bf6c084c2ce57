/*
 * ollama: the four entries of the dialect. What a request's fields become is in ollama_fields.c and
 * ollama_messages.c, answers are read in ollama_response.c.
 *
 * Left to itself, Ollama cuts a prompt that is longer than its context window (a few thousand tokens
 * unless told otherwise) and answers what is left of it. So each request asks for the window that
 * model_info.max_input_tokens says, and for an error instead of a cut (truncate, shift).
 */
#include "providers/ollama.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/bridge.h"
#include "providers/incoming.h"

/* Failures that this API words in its own way, or whose status misleads. */
static const struct {
    long status;
    const char *text;
    enum error_class class;
} failures[] = {
    /* It may fit once another model has gone. */
    {500, "requires more system memory", CLASS_OVERLOAD},
    /* These do not pass by waiting. */
    {500, "exceeds the context length", CLASS_CONTEXT_WINDOW},
    {500, "exceeds the available context size", CLASS_CONTEXT_WINDOW},
};

static void add_switch(struct outgoing *o, const char *key)
{
    json_object_object_add(o->body, key, json_object_new_boolean(0));
}

/* What the task's own fields may then say otherwise. */
static void put_defaults(struct outgoing *o)
{
    struct json_object *options = json_object_new_object();

    json_object_object_add(o->body, "model", json_object_new_string(o->m->upstream_model));
    json_object_object_add(o->body, "options", options);
    add_switch(o, "truncate");
    if (o->t->op == OP_CHAT) {
        add_switch(o, "stream"); /* it streams unless told not to */
        add_switch(o, "shift");
    }
    if (o->m->max_input_tokens > 0)
        json_object_object_add(options, "num_ctx", json_object_new_int64(o->m->max_input_tokens));
}

static int ollama_format(const struct model *m, struct task *t, struct http_request *req,
                         struct err *e)
{
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    struct outgoing o = {.m = m, .t = t, .req = req, .body = body, .e = e, .nested = "options"};

    if (t->op == OP_RESPONSES)
        return bridge_format(m, t, req, e);
    outgoing_begin(&o);
    put_defaults(&o);
    if (ollama_fields(&o) < 0 || (t->op == OP_CHAT && ollama_messages(&o) < 0) ||
        outgoing_bearer(&o) < 0)
        return -1;
    if (json_object_object_length(json_get(body, "options")) == 0)
        json_object_object_del(body, "options");
    return outgoing_finish(&o, t->op == OP_EMBEDDINGS ? "/api/embed" : "/api/chat");
}

static void judge(const struct http_response *rsp, struct answer *ans)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(failures); i++) {
        if (rsp->status == failures[i].status && strstr(ans->message, failures[i].text))
            ans->class = failures[i].class;
    }
}

static void ollama_parse(const struct model *m, const struct task *t,
                         const struct http_response *rsp, struct answer *ans)
{
    CLEANUP_JSON struct json_object *root = NULL;

    if (t->op == OP_RESPONSES) {
        bridge_parse(m, t, rsp, ans);
        return;
    }
    if (incoming_open(m, rsp, ans, &root) == INCOMING_FAILED) {
        judge(rsp, ans);
        return;
    }
    incoming_model(m, root, ans);
    if (t->op == OP_EMBEDDINGS)
        ollama_read_embeddings(m, t, root, ans);
    else
        ollama_read_chat(m, t, root, ans);
}

const struct provider provider_ollama_chat = {
    .name = "ollama_chat",
    .check = outgoing_check,
    .format_request = ollama_format,
    .parse_response = ollama_parse,
};
