/*
 * openai_responses: reads what /v1/responses answers: for a request to that path the object itself, made
 * whole; for a chat request a chat.completion. The texts of the output are joined, summaries of the
 * reasoning are kept apart; what the provider's own tools did has no place in a chat.completion and is
 * left out.
 */
#include "providers/responses.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/incoming.h"

#define TEXT_MAX (64u << 20) /* of joined parts; the response was bounded before */

/* The parts of the answer while its items are read. */
struct parts {
    struct buf text;
    struct buf refusal;
    struct buf reasoning;
    struct json_object *logprobs; /* owned until they are in the choice */
    struct json_object *calls;
};

static void append(struct buf *to, struct json_object *o, const char *key)
{
    struct json_object *text = json_get_type(o, key, json_type_string);

    if (text)
        buf_append(to, json_object_get_string(text), (size_t)json_object_get_string_len(text));
}

static void add_logprobs(struct parts *p, struct json_object *part)
{
    struct json_object *list = json_get_type(part, "logprobs", json_type_array);
    size_t n = list ? json_object_array_length(list) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++)
        json_object_array_add(p->logprobs, json_object_get(json_object_array_get_idx(list, i)));
}

static void read_message(struct parts *p, struct json_object *item)
{
    struct json_object *content = json_get_type(item, "content", json_type_array);
    size_t n = content ? json_object_array_length(content) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *part = json_object_array_get_idx(content, i);
        const char *type = json_get_str(part, "type");

        if (type && strcmp(type, "refusal") == 0) {
            append(&p->refusal, part, "refusal");
        } else {
            append(&p->text, part, "text");
            add_logprobs(p, part);
        }
    }
}

/* The summary; the reasoning itself, which open models give, where there is no summary. */
static void read_reasoning(struct parts *p, struct json_object *item)
{
    struct json_object *list = json_get_type(item, "summary", json_type_array);
    size_t n = 0;
    size_t i = 0;

    if (!list || json_object_array_length(list) == 0)
        list = json_get_type(item, "content", json_type_array);
    n = list ? json_object_array_length(list) : 0;
    for (i = 0; i < n; i++) {
        if (p->reasoning.len > 0)
            buf_str(&p->reasoning, "\n\n");
        append(&p->reasoning, json_object_array_get_idx(list, i), "text");
    }
}

/* type: "function" with arguments, or "custom" with an input. */
static void add_call(struct parts *p, struct json_object *item, const char *type,
                     const char *argument)
{
    struct json_object *id = json_get_type(item, "call_id", json_type_string);
    struct json_object *text = json_get(item, argument);
    struct json_object *call = NULL;
    struct json_object *inner = NULL;

    id = id ? id : json_get_type(item, "id", json_type_string);
    if (!id || !json_get_str(item, "name"))
        return;
    call = json_object_new_object();
    inner = json_object_new_object();
    outgoing_share(call, "id", id);
    json_object_object_add(call, "type", json_object_new_string(type));
    json_object_object_add(call, type, inner);
    outgoing_share(inner, "name", json_get(item, "name"));
    if (json_object_is_type(text, json_type_string))
        outgoing_share(inner, argument, text);
    else
        json_object_object_add(inner, argument,
                               json_object_new_string(text ? incoming_json_text(text) : "{}"));
    json_object_array_add(p->calls, call);
}

static void read_item(struct parts *p, struct json_object *item)
{
    const char *type = json_get_str(item, "type") ? json_get_str(item, "type") : "";

    if (strcmp(type, "message") == 0)
        read_message(p, item);
    else if (strcmp(type, "reasoning") == 0)
        read_reasoning(p, item);
    else if (strcmp(type, "function_call") == 0)
        add_call(p, item, "function", "arguments");
    else if (strcmp(type, "custom_tool_call") == 0)
        add_call(p, item, "custom", "input");
}

static struct json_object *new_message(struct parts *p, enum finish finish)
{
    struct json_object *message = json_object_new_object();
    bool calls = json_object_array_length(p->calls) > 0;
    bool absent = p->text.len == 0 && (calls || finish == FINISH_CONTENT_FILTER);

    json_object_object_add(message, "role", json_object_new_string("assistant"));
    json_object_object_add(message, "content", absent ? NULL : incoming_string(&p->text));
    json_object_object_add(message, "refusal",
                           p->refusal.len > 0 ? incoming_string(&p->refusal) : NULL);
    if (p->reasoning.len > 0)
        json_object_object_add(message, "reasoning_content", incoming_string(&p->reasoning));
    if (calls)
        outgoing_share(message, "tool_calls", p->calls);
    return message;
}

static struct json_object *new_logprobs(struct parts *p)
{
    struct json_object *logprobs = NULL;

    if (json_object_array_length(p->logprobs) == 0)
        return NULL;
    logprobs = json_object_new_object();
    outgoing_share(logprobs, "content", p->logprobs);
    json_object_object_add(logprobs, "refusal", NULL);
    return logprobs;
}

/* A refusal in words ends with "stop" in OpenAI's chat API, too; filtered answers are not whole. */
static const char *finish_word(const struct parts *p, enum finish finish)
{
    if (finish == FINISH_LENGTH)
        return "length";
    if (finish == FINISH_CONTENT_FILTER && p->refusal.len == 0)
        return "content_filter";
    return json_object_array_length(p->calls) > 0 ? "tool_calls" : "stop";
}

static struct json_object *new_choice(struct json_object *root, struct parts *p, enum finish finish)
{
    struct json_object *choice = json_object_new_object();
    const char *reason = json_get_str(json_get(root, "incomplete_details"), "reason");

    json_object_object_add(choice, "index", json_object_new_int(0));
    json_object_object_add(choice, "message", new_message(p, finish));
    json_object_object_add(choice, "logprobs", new_logprobs(p));
    json_object_object_add(choice, "finish_reason", json_object_new_string(finish_word(p, finish)));
    if (finish == FINISH_OTHER && reason)
        json_object_object_add(choice, "native_finish_reason", json_object_new_string(reason));
    return choice;
}

void openai_responses_read_chat(const struct model *m, const struct task *t,
                                struct json_object *root, struct answer *ans)
{
    CLEANUP_JSON struct json_object *logprobs = json_object_new_array();
    CLEANUP_JSON struct json_object *calls = json_object_new_array();
    CLEANUP_JSON struct json_object *completion = NULL;
    struct parts p = {.text = BUF_INIT(TEXT_MAX),
                      .refusal = BUF_INIT(TEXT_MAX),
                      .reasoning = BUF_INIT(TEXT_MAX),
                      .logprobs = logprobs,
                      .calls = calls};
    struct json_object *output = json_get_type(root, "output", json_type_array);
    size_t n = output ? json_object_array_length(output) : 0;
    enum finish finish = FINISH_OTHER;
    size_t i = 0;

    if (responses_judge(root, &finish, ans) < 0)
        return;
    for (i = 0; i < n; i++)
        read_item(&p, json_object_array_get_idx(output, i));
    if (finish == FINISH_TOOL_CALLS && json_object_array_length(calls) == 0) {
        failure_bad_response(ans, "empty_answer", "a tool call of the answer has no id");
    } else {
        completion = incoming_completion(m, t, root, new_choice(root, &p, finish), &ans->usage);
        if (json_get_str(root, "service_tier"))
            outgoing_share(completion, "service_tier", json_get(root, "service_tier"));
        incoming_tier(completion);
        incoming_close(completion, finish, ans);
    }
    buf_done(&p.text);
    buf_done(&p.refusal);
    buf_done(&p.reasoning);
}

void openai_responses_read(const struct model *m, const struct task *t, struct json_object *root,
                           struct answer *ans)
{
    enum finish finish = FINISH_OTHER;

    if (responses_judge(root, &finish, ans) < 0)
        return;
    responses_complete(m, t, &ans->usage, root);
    incoming_close(root, finish, ans);
}
