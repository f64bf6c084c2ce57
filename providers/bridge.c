/*
 * bridge: the two entries. A dialect sees a task of its own with the translated body, so that it needs to
 * know nothing of the Responses API; what it dropped and how it failed is told of the real one.
 */
#include "providers/bridge.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/incoming.h"
#include "providers/responses.h"

/* A task that stands for t: same digest and time, a body of its own. */
static struct task *stand_in(const struct task *t, enum operation op, struct json_object *body)
{
    struct task *n = task_new();

    n->op = op;
    n->body = body;
    n->received_wall_ms = t->received_wall_ms;
    n->has_digest = t->has_digest;
    memcpy(n->digest, t->digest, sizeof n->digest);
    return n;
}

/* The chat task that asks what t asks. NULL with e: something in it cannot be asked there. */
static struct task *new_chat(const struct model *m, struct task *t, struct err *e)
{
    struct task *chat = stand_in(t, OP_CHAT, json_object_new_object());
    struct outgoing o = {.m = m, .t = t, .body = chat->body, .e = e};

    outgoing_begin(&o);
    if (bridge_fields(&o) < 0 || bridge_tools(&o) < 0 || bridge_input(&o) < 0)
        return task_free(chat);
    return chat;
}

int bridge_format(const struct model *m, struct task *t, struct http_request *req, struct err *e)
{
    struct task *chat = new_chat(m, t, e);
    int r = 0;

    if (!chat)
        return -1;
    r = m->provider->format_request(m, chat, req, e);
    if (r < 0)
        err_wrap(e, "as a chat request");
    outgoing_move_dropped(chat, t);
    task_free(chat);
    return r;
}

static void translate(const struct model *m, const struct task *t, struct answer *ans)
{
    CLEANUP_JSON struct json_object *completion = NULL;
    CLEANUP_JSON struct json_object *response = NULL;

    if (json_parse_answer(ans->body.data, ans->body.len, &completion) < 0)
        return;
    response = bridge_response(completion, ans->finish, &ans->usage);
    if (json_object_array_length(json_get(response, "output")) == 0 &&
        (ans->finish == FINISH_STOP || ans->finish == FINISH_TOOL_CALLS)) {
        failure_bad_response(ans, "empty_answer", "the answer has no text and no tool call");
        return;
    }
    responses_complete(m, t, &ans->usage, response);
    incoming_close(response, ans->finish, ans);
}

void bridge_parse(const struct model *m, const struct task *t, const struct http_response *rsp,
                  struct answer *ans)
{
    struct task *ask = stand_in(t, t->op, json_object_get(t->body));
    struct task *chat = new_chat(m, ask, NULL);

    if (!chat) /* cannot be: it was translated before it was sent */
        chat = stand_in(t, OP_CHAT, json_object_new_object());
    m->provider->parse_response(m, chat, rsp, ans);
    if (ans->class == CLASS_OK)
        translate(m, t, ans);
    task_free(chat);
    task_free(ask);
}
