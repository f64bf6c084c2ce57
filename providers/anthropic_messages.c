/*
 * anthropic_messages: the blocks of this API for calls, results and thinking; the conversation itself is
 * turns.c, parts are anthropic_parts.c.
 */
#include "providers/anthropic.h"

#include "base/json.h"
#include "providers/turns.h"

static void put_text(struct json_object *blocks, struct json_object *text)
{
    anthropic_text(blocks, text, NULL);
}

static struct json_object *new_block(const char *type)
{
    struct json_object *block = json_object_new_object();

    json_object_object_add(block, "type", json_object_new_string(type));
    return block;
}

static struct json_object *new_call(struct json_object *id, struct json_object *name,
                                    struct json_object *input)
{
    struct json_object *block = new_block("tool_use");

    outgoing_share(block, "id", id);
    outgoing_share(block, "name", name);
    json_object_object_add(block, "input", json_object_get(input));
    return block;
}

static struct json_object *new_result(struct json_object *id, struct json_object *content)
{
    struct json_object *block = new_block("tool_result");

    outgoing_share(block, "tool_use_id", id);
    json_object_object_add(block, "content", content);
    return block;
}

/* Our answers hold it as this API gave it. */
static struct json_object *keep_thinking(struct json_object *block)
{
    return json_object_get(block);
}

int anthropic_messages(struct outgoing *o)
{
    static const struct turn_words words = {
        .text = put_text,
        .part = anthropic_part,
        .call = new_call,
        .result = new_result,
        .thinking = keep_thinking,
    };

    return turns_put(o, &words);
}
