/*
 * blocks: joins the blocks of an answer and writes the completion around them. It knows no API: what a
 * block is and what its names are is told by the dialect.
 */
#include "providers/blocks.h"

#include <string.h>

#include "base/json.h"
#include "providers/failure.h"
#include "providers/incoming.h"
#include "providers/outgoing.h"

#define TEXT_MAX (64u << 20) /* of joined blocks; the response was bounded before */

static const struct block_reason other = {"", "stop", FINISH_OTHER};

void blocks_init(struct blocks *b)
{
    buf_init(&b->text, TEXT_MAX);
    buf_init(&b->thinking, TEXT_MAX);
    b->thinking_blocks = json_object_new_array();
    b->calls = json_object_new_array();
}

void blocks_done(struct blocks *b)
{
    buf_done(&b->text);
    buf_done(&b->thinking);
    json_object_put(b->thinking_blocks);
    json_object_put(b->calls);
}

const struct block_reason *blocks_reason(const struct block_reason *rows, size_t n,
                                         const char *theirs)
{
    size_t i = 0;

    for (i = 0; theirs && i < n; i++) {
        if (strcmp(theirs, rows[i].theirs) == 0)
            return &rows[i];
    }
    return &other;
}

void blocks_call(struct blocks *b, struct json_object *id, struct json_object *name,
                 struct json_object *input)
{
    struct json_object *call = NULL;
    struct json_object *function = NULL;

    if (!json_object_is_type(id, json_type_string) || !json_object_is_type(name, json_type_string))
        return;
    call = json_object_new_object();
    function = json_object_new_object();
    outgoing_share(call, "id", id);
    json_object_object_add(call, "type", json_object_new_string("function"));
    json_object_object_add(call, "function", function);
    outgoing_share(function, "name", name);
    json_object_object_add(function, "arguments",
                           json_object_new_string(input ? incoming_json_text(input) : "{}"));
    json_object_array_add(b->calls, call);
}

/* Text, or null beside tool calls and refusals. */
static void put_text(const struct blocks *p, const struct block_reason *r,
                     struct json_object *message)
{
    bool absent = p->text.len == 0 &&
                  (json_object_array_length(p->calls) > 0 || r->finish == FINISH_CONTENT_FILTER);

    json_object_object_add(message, "content", absent ? NULL : incoming_string(&p->text));
}

static void put_refusal(const struct blocks *p, const struct block_frame *f,
                        struct json_object *message)
{
    bool filtered = f->reason->finish == FINISH_CONTENT_FILTER;
    struct json_object *refusal = NULL;

    if (filtered && f->refusal && *f->refusal)
        refusal = json_object_new_string(f->refusal);
    else if (filtered && p->text.len == 0)
        refusal = json_object_new_string("The provider refused to answer.");
    json_object_object_add(message, "refusal", refusal);
}

static struct json_object *new_message(const struct blocks *p, const struct block_frame *f)
{
    struct json_object *message = json_object_new_object();

    json_object_object_add(message, "role", json_object_new_string("assistant"));
    put_text(p, f->reason, message);
    put_refusal(p, f, message);
    if (p->thinking.len > 0)
        json_object_object_add(message, "reasoning_content", incoming_string(&p->thinking));
    if (json_object_array_length(p->thinking_blocks) > 0)
        outgoing_share(message, "thinking_blocks", p->thinking_blocks);
    if (json_object_array_length(p->calls) > 0)
        outgoing_share(message, "tool_calls", p->calls);
    return message;
}

static struct json_object *new_choice(const struct blocks *p, const struct block_frame *f)
{
    struct json_object *choice = json_object_new_object();

    json_object_object_add(choice, "index", json_object_new_int(0));
    json_object_object_add(choice, "message", new_message(p, f));
    json_object_object_add(choice, "logprobs", NULL);
    json_object_object_add(choice, "finish_reason", json_object_new_string(f->reason->openai));
    if (f->theirs)
        json_object_object_add(choice, "native_finish_reason", json_object_new_string(f->theirs));
    return choice;
}

/* Is there an answer at all? Cut or refused before the first word is one: it says how it ended. */
static bool answers(const struct blocks *p, const struct block_reason *r)
{
    return p->text.len > 0 || json_object_array_length(p->calls) > 0 ||
           r->finish == FINISH_LENGTH || r->finish == FINISH_CONTENT_FILTER;
}

void blocks_finish(const struct model *m, const struct task *t, const struct blocks *b,
                   const struct block_frame *f, struct answer *ans)
{
    CLEANUP_JSON struct json_object *completion = NULL;

    if (!answers(b, f->reason)) {
        failure_bad_response(ans, "empty_answer", "the answer has no text and no tool call");
        return;
    }
    completion = incoming_completion(m, t, f->root, new_choice(b, f), &ans->usage);
    if (f->service_tier)
        json_object_object_add(completion, "service_tier", json_object_new_string(f->service_tier));
    incoming_close(completion, f->reason->finish, ans);
}
