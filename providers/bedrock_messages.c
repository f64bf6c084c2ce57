/*
 * bedrock_messages: the blocks of this API for calls, results and thinking; the conversation itself is
 * turns.c, parts are bedrock_parts.c.
 */
#include "providers/bedrock.h"

#include "base/json.h"

static struct json_object *new_call(struct json_object *id, struct json_object *name,
                                    struct json_object *input)
{
    struct json_object *use = bedrock_wrap("toolUseId", json_object_get(id));

    outgoing_share(use, "name", name);
    json_object_object_add(use, "input", json_object_get(input));
    return bedrock_wrap("toolUse", use);
}

static struct json_object *new_result(struct json_object *id, struct json_object *content)
{
    struct json_object *result = bedrock_wrap("toolUseId", json_object_get(id));

    json_object_object_add(result, "content", content);
    return bedrock_wrap("toolResult", result);
}

/* As bedrock_response.c and other dialects gave it; NULL when it is none of that. */
static struct json_object *new_thinking(struct json_object *block)
{
    struct json_object *text = json_get_type(block, "thinking", json_type_string);
    struct json_object *data = json_get_type(block, "data", json_type_string);
    struct json_object *inner = NULL;

    if (!text && !data)
        return NULL;
    if (!text)
        return bedrock_wrap("reasoningContent",
                            bedrock_wrap("redactedContent", json_object_get(data)));
    inner = bedrock_wrap("text", json_object_get(text));
    if (json_get_str(block, "signature"))
        outgoing_share(inner, "signature", json_get(block, "signature"));
    return bedrock_wrap("reasoningContent", bedrock_wrap("reasoningText", inner));
}

static struct json_object *new_mark(void)
{
    return bedrock_wrap("cachePoint", bedrock_wrap("type", json_object_new_string("default")));
}

int bedrock_messages(struct outgoing *o)
{
    static const struct turn_words words = {
        .text = bedrock_text,
        .part = bedrock_part,
        .call = new_call,
        .result = new_result,
        .thinking = new_thinking,
        .mark = new_mark,
    };

    return turns_put(o, &words);
}
