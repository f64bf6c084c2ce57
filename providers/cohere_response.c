/*
 * cohere_response: a chat answer, put into the form in which openai_read_chat() judges and repairs
 * answers. Text is joined there; thinking goes apart as reasoning_content. What OpenAI's form has no
 * place for stays in members of its own: tool_plan, and citations, which point at documents and tool
 * results where OpenAI's annotations want the URL of a page.
 */
#include "providers/cohere.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/incoming.h"
#include "providers/openai.h"

#define THINKING_MAX (64u << 20) /* of joined parts; the response was bounded before */

static const struct reason {
    const char *theirs;
    const char *openai;     /* NULL: no answer */
    enum error_class class; /* then */
} reasons[] = {
    {"COMPLETE", "stop", CLASS_OK},        {"STOP_SEQUENCE", "stop", CLASS_OK},
    {"TOOL_CALL", "tool_calls", CLASS_OK}, {"MAX_TOKENS", "length", CLASS_OK},
    {"ERROR_LIMIT", "length", CLASS_OK},   {"ERROR_TOXIC", "content_filter", CLASS_OK},
    {"ERROR", NULL, CLASS_BAD_RESPONSE},   {"USER_CANCEL", NULL, CLASS_BAD_RESPONSE},
    {"TIMEOUT", NULL, CLASS_TIMEOUT},
};

/* NULL: a word of later times, which openai_read_chat() takes for an end that is never cached. */
static const struct reason *reason_of(const char *theirs)
{
    size_t i = 0;

    for (i = 0; theirs && i < ARRAY_LEN(reasons); i++) {
        if (strcmp(theirs, reasons[i].theirs) == 0)
            return &reasons[i];
    }
    return NULL;
}

static void put_thinking(struct json_object *content, struct json_object *message)
{
    struct buf text = BUF_INIT(THINKING_MAX);
    size_t n = content ? json_object_array_length(content) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *part =
            json_get_type(json_object_array_get_idx(content, i), "thinking", json_type_string);

        if (part)
            buf_append(&text, json_object_get_string(part),
                       (size_t)json_object_get_string_len(part));
    }
    if (text.len > 0)
        json_object_object_add(message, "reasoning_content",
                               json_object_new_string_len(text.data, (int)text.len));
    buf_done(&text);
}

/* Members that are shared as they are when there is something in them. */
static void keep(struct json_object *from, const char *key, struct json_object *to)
{
    struct json_object *v = json_get(from, key);

    if (v && !(json_object_is_type(v, json_type_array) && json_object_array_length(v) == 0))
        outgoing_share(to, key, v);
}

static struct json_object *new_message(struct json_object *theirs)
{
    struct json_object *message = json_object_new_object();

    keep(theirs, "content", message);
    put_thinking(json_get_type(theirs, "content", json_type_array), message);
    keep(theirs, "tool_calls", message);
    keep(theirs, "tool_plan", message);
    keep(theirs, "citations", message);
    return message;
}

/* {text, token_ids, logprobs}: a piece of text may be several tokens, whose chances multiply. */
static struct json_object *new_token(struct json_object *item)
{
    struct json_object *token = json_object_new_object();
    struct json_object *list = json_get_type(item, "logprobs", json_type_array);
    const char *text = json_get_str(item, "text");
    size_t n = list ? json_object_array_length(list) : 0;
    double sum = 0;
    size_t i = 0;

    for (i = 0; i < n; i++)
        sum += json_object_get_double(json_object_array_get_idx(list, i));
    json_object_object_add(token, "token", json_object_new_string(text ? text : ""));
    json_object_object_add(token, "logprob", json_object_new_double(sum));
    return token;
}

static struct json_object *new_logprobs(struct json_object *theirs)
{
    struct json_object *logprobs = json_object_new_object();
    struct json_object *list = json_object_new_array();
    size_t n = json_object_array_length(theirs);
    size_t i = 0;

    for (i = 0; i < n; i++)
        json_object_array_add(list, new_token(json_object_array_get_idx(theirs, i)));
    json_object_object_add(logprobs, "content", list);
    return logprobs;
}

static struct json_object *new_choice(struct json_object *root, const struct reason *r)
{
    struct json_object *theirs = json_get_type(root, "logprobs", json_type_array);
    struct json_object *choice = json_object_new_object();
    const char *reason = json_get_str(root, "finish_reason");

    json_object_object_add(choice, "index", json_object_new_int(0));
    json_object_object_add(choice, "message", new_message(json_get(root, "message")));
    if (theirs)
        json_object_object_add(choice, "logprobs", new_logprobs(theirs));
    if (reason) {
        json_object_object_add(choice, "finish_reason",
                               json_object_new_string(r ? r->openai : reason));
        json_object_object_add(choice, "native_finish_reason", json_object_new_string(reason));
    }
    return choice;
}

/* What is billed, where that is said: the plain counts hold the API's own tokens around a prompt. */
static int64_t count_of(struct json_object *usage, const char *key)
{
    int64_t n = incoming_tokens(json_get(usage, "billed_units"), key);

    return n < 0 ? incoming_tokens(json_get(usage, "tokens"), key) : n;
}

static void read_usage(struct json_object *usage, struct usage *u)
{
    u->input_tokens = count_of(usage, "input_tokens");
    u->output_tokens = count_of(usage, "output_tokens");
    u->cached_input_tokens = incoming_tokens(usage, "cached_tokens");
    /* These count the API's own tokens, too. */
    if (u->input_tokens >= 0 && u->cached_input_tokens > u->input_tokens)
        u->cached_input_tokens = u->input_tokens;
}

static struct json_object *new_usage(const struct usage *u)
{
    struct json_object *usage = json_object_new_object();
    struct json_object *details = NULL;

    json_object_object_add(usage, "prompt_tokens", json_object_new_int64(u->input_tokens));
    json_object_object_add(usage, "completion_tokens", json_object_new_int64(u->output_tokens));
    if (u->cached_input_tokens >= 0) {
        details = json_object_new_object();
        json_object_object_add(details, "cached_tokens",
                               json_object_new_int64(u->cached_input_tokens));
        json_object_object_add(usage, "prompt_tokens_details", details);
    }
    return usage;
}

void cohere_read_chat(const struct model *m, const struct task *t, struct json_object *root,
                      struct answer *ans)
{
    CLEANUP_JSON struct json_object *to = json_object_new_object();
    const struct reason *r = reason_of(json_get_str(root, "finish_reason"));
    struct json_object *choices = NULL;

    read_usage(json_get(root, "usage"), &ans->usage);
    if (r && !r->openai) {
        failure_bad_response(ans, r->theirs, "the model did not come to the end of its answer");
        ans->class = r->class;
        return;
    }
    if (!json_get_type(root, "message", json_type_object)) {
        failure_bad_response(ans, "no_message", "the answer holds no message");
        return;
    }
    if (json_get_str(root, "id"))
        outgoing_share(to, "id", json_get(root, "id"));
    choices = json_object_new_array_ext(1);
    json_object_array_add(choices, new_choice(root, r));
    json_object_object_add(to, "choices", choices);
    if (ans->usage.input_tokens >= 0 && ans->usage.output_tokens >= 0)
        json_object_object_add(to, "usage", new_usage(&ans->usage));
    openai_read_chat(m, t, to, ans);
}
