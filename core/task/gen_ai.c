/* gen_ai: names, and conversations as the conventions want them: messages that have parts. */
#include "task/gen_ai.h"

#include <string.h>

#include "base/mem.h"

static const struct {
    const char *ours, *theirs;
} providers_named[] = {
    {"gemini", "gcp.gemini"},   {"vertex", "gcp.vertex_ai"}, {"azure", "azure.ai.openai"},
    {"bedrock", "aws.bedrock"}, {"mistral", "mistral_ai"},   {"xai", "x_ai"},
};

const char *gen_ai_provider(const struct model *m)
{
    for (size_t i = 0; i < ARRAY_LEN(providers_named); i++)
        if (strcmp(providers_named[i].ours, m->provider_name) == 0)
            return providers_named[i].theirs;
    return m->provider_name;
}

const char *gen_ai_operation(enum operation op)
{
    return op == OP_EMBEDDINGS ? "embeddings" : "chat";
}

#define CUT_MAX 200 /* bytes that say that there was more */

struct writer {
    struct buf *out;
    size_t left; /* bytes of text that may still be written */
};

/* Between elements: not behind what opens a list. */
static void separate(struct buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '[')
        buf_char(out, ',');
}

/* A text of n bytes, or as much of it as there is room for, whole characters. */
static void put_text(struct writer *w, const char *text, size_t n)
{
    if (n > w->left) {
        n = w->left;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    w->left -= n;
    buf_json_str(w->out, text, n);
}

static void put_string(struct writer *w, const char *before, struct json_object *text)
{
    buf_str(w->out, before);
    put_text(w, json_object_get_string(text), (size_t)json_object_get_string_len(text));
}

static void text_part(struct writer *w, struct json_object *text)
{
    separate(w->out);
    put_string(w, "{\"type\":\"text\",\"content\":", text);
    buf_char(w->out, '}');
}

/* One part of a message: a text, or only what else it is. */
static void put_part(struct writer *w, struct json_object *part)
{
    struct json_object *text = json_get_type(part, "text", json_type_string);
    struct json_object *type = json_get_type(part, "type", json_type_string);

    if (text) {
        text_part(w, text);
    } else if (type) {
        separate(w->out);
        put_string(w, "{\"type\":", type);
        buf_char(w->out, '}');
    }
}

static void put_content(struct writer *w, struct json_object *content)
{
    size_t n =
        json_object_is_type(content, json_type_array) ? json_object_array_length(content) : 0;

    if (json_object_is_type(content, json_type_string))
        text_part(w, content);
    for (size_t i = 0; i < n; i++)
        put_part(w, json_object_array_get_idx(content, i));
}

/* The model asks for a tool: its arguments are JSON in a text already. */
static void put_call(struct writer *w, struct json_object *call)
{
    struct json_object *function = json_get(call, "function");
    struct json_object *id = json_get_type(call, "id", json_type_string);
    struct json_object *name = json_get_type(function, "name", json_type_string);
    struct json_object *arguments = json_get_type(function, "arguments", json_type_string);

    if (!name)
        return;
    separate(w->out);
    put_string(w, "{\"type\":\"tool_call\",\"name\":", name);
    if (id)
        put_string(w, ",\"id\":", id);
    if (arguments)
        put_string(w, ",\"arguments\":", arguments);
    buf_char(w->out, '}');
}

/* finish: how an answer ended; NULL: it is no answer. */
static void put_message(struct writer *w, struct json_object *m, struct json_object *finish)
{
    struct json_object *role = json_get_type(m, "role", json_type_string);
    struct json_object *calls = json_get_type(m, "tool_calls", json_type_array);

    separate(w->out);
    if (role)
        put_string(w, "{\"role\":", role);
    else
        buf_str(w->out, "{\"role\":\"assistant\"");
    buf_str(w->out, ",\"parts\":[");
    put_content(w, json_get(m, "content"));
    for (size_t i = 0; calls && i < json_object_array_length(calls); i++)
        put_call(w, json_object_array_get_idx(calls, i));
    buf_char(w->out, ']');
    if (finish)
        put_string(w, ",\"finish_reason\":", finish);
    buf_char(w->out, '}');
}

/* /v1/responses takes a text in place of messages. */
static void put_prompt(struct writer *w, struct json_object *text)
{
    buf_str(w->out, "{\"role\":\"user\",\"parts\":[");
    text_part(w, text);
    buf_str(w->out, "]}");
}

/* All messages, or as many as there is room for and how many more there were. */
static void put_messages(struct writer *w, struct json_object *list)
{
    struct buf *out = w->out;
    size_t n = json_object_array_length(list), most = out->max - CUT_MAX;

    for (size_t i = 0; i < n; i++) {
        size_t mark = out->len;

        put_message(w, json_object_array_get_idx(list, i), NULL);
        if (!out->over && out->len <= most)
            continue;
        out->over = false;
        out->len = mark;
        separate(out);
        buf_printf(out,
                   "{\"role\":\"sluice\",\"parts\":[{\"type\":\"cut\",\"content\":\"%zu more "
                   "messages\"}]}",
                   n - i);
        return;
    }
}

void gen_ai_input(struct json_object *body, struct buf *out)
{
    struct writer w = {.out = out, .left = TRACE_CONTENT_MAX};
    struct json_object *list = json_get_type(body, "messages", json_type_array);
    struct json_object *input = json_get(body, "input");
    bool is_list = list || json_object_is_type(input, json_type_array);

    if (!list)
        list = input;
    if (!list)
        return;
    buf_char(out, '[');
    if (is_list)
        put_messages(&w, list);
    else if (json_object_is_type(list, json_type_string))
        put_prompt(&w, list);
    buf_char(out, ']');
}

/* An answer has choices with messages, or (/v1/responses) items of which some are messages. */
void gen_ai_output(const char *answer, size_t n, struct buf *out)
{
    struct writer w = {.out = out, .left = TRACE_CONTENT_MAX};
    CLEANUP_JSON struct json_object *root = NULL;
    struct json_object *choices = NULL, *items = NULL;

    if (json_parse_answer(answer, n, &root) < 0)
        return;
    choices = json_get_type(root, "choices", json_type_array);
    items = json_get_type(root, "output", json_type_array);
    if (!choices && !items)
        return;
    buf_char(out, '[');
    for (size_t i = 0; choices && i < json_object_array_length(choices); i++) {
        struct json_object *c = json_object_array_get_idx(choices, i);

        put_message(&w, json_get(c, "message"),
                    json_get_type(c, "finish_reason", json_type_string));
    }
    for (size_t i = 0; items && i < json_object_array_length(items); i++)
        if (json_get(json_object_array_get_idx(items, i), "content"))
            put_message(&w, json_object_array_get_idx(items, i), NULL);
    buf_char(out, ']');
}
