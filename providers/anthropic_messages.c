/*
 * anthropic_messages: the conversation. System and developer messages, wherever they stand, become
 * the system blocks in their order; tool results become blocks of a user turn; turns of one role
 * in a row become one turn, because the API wants the roles to alternate.
 */
#include "providers/anthropic.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* The conversation while it is being written. */
struct talk {
    struct outgoing *o;
    struct json_object *system;   /* array of blocks */
    struct json_object *messages; /* array of turns */
    struct json_object *blocks;   /* content of the last turn, or NULL */
    const char *role;             /* of the last turn */
};

/* One message of the request. */
struct entry {
    struct json_object *in;
    size_t place;
    char where[64]; /* "messages[3].content" */
};

/* Content of the turn that a message of this role goes to. */
static struct json_object *turn(struct talk *k, const char *role)
{
    struct json_object *message = NULL;

    if (k->blocks && strcmp(k->role, role) == 0)
        return k->blocks;
    message = json_object_new_object();
    k->blocks = json_object_new_array();
    k->role = role;
    json_object_object_add(message, "role", json_object_new_string(role));
    json_object_object_add(message, "content", k->blocks);
    json_object_array_add(k->messages, message);
    return k->blocks;
}

static int put_system(struct talk *k, const struct entry *m)
{
    return anthropic_content(k->o, json_get(m->in, "content"), m->where, true, k->system);
}

/* The content of a message into the turn of its role. Content that is empty makes no turn: the API
 * refuses empty ones, and they say nothing. */
static int put_content(struct talk *k, const struct entry *m, const char *role, bool text_only)
{
    CLEANUP_JSON struct json_object *blocks = json_object_new_array();
    size_t n = 0;
    size_t i = 0;

    if (anthropic_content(k->o, json_get(m->in, "content"), m->where, text_only, blocks) < 0)
        return -1;
    n = json_object_array_length(blocks);
    for (i = 0; i < n; i++)
        json_object_array_add(turn(k, role), json_object_get(json_object_array_get_idx(blocks, i)));
    return 0;
}

static int put_user(struct talk *k, const struct entry *m)
{
    return put_content(k, m, "user", false);
}

static int put_call(struct talk *k, const struct entry *m, struct json_object *call, size_t place)
{
    struct json_object *function = json_get_type(call, "function", json_type_object);
    const char *text = json_get_str(function, "arguments");
    CLEANUP_JSON struct json_object *input = NULL;
    struct json_object *block = NULL;

    if (!json_get_str(call, "id") || !json_get_str(function, "name"))
        return outgoing_fail(k->o, "must have an id and a function with a name",
                             "messages[%zu].tool_calls[%zu]", m->place, place);
    if (!text || !*text)
        text = "{}";
    if (json_parse(text, strlen(text), &input, NULL) < 0 ||
        !json_object_is_type(input, json_type_object))
        return outgoing_fail(k->o, "must be a JSON object written as a string",
                             "messages[%zu].tool_calls[%zu].function.arguments", m->place, place);
    block = json_object_new_object();
    json_object_object_add(block, "type", json_object_new_string("tool_use"));
    outgoing_share(block, "id", json_get(call, "id"));
    outgoing_share(block, "name", json_get(function, "name"));
    outgoing_share(block, "input", input);
    json_object_array_add(turn(k, "assistant"), block);
    return 0;
}

/*
 * Thinking of an earlier answer, with its signatures, as anthropic_response.c gave it. It comes
 * first.
 */
static void put_thinking(struct talk *k, const struct entry *m)
{
    struct json_object *thinking = json_get_type(m->in, "thinking_blocks", json_type_array);
    size_t n = thinking ? json_object_array_length(thinking) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++)
        json_object_array_add(turn(k, "assistant"),
                              json_object_get(json_object_array_get_idx(thinking, i)));
}

static int put_assistant(struct talk *k, const struct entry *m)
{
    struct json_object *calls = json_get_type(m->in, "tool_calls", json_type_array);
    struct json_object *refusal = json_get_type(m->in, "refusal", json_type_string);
    size_t n = calls ? json_object_array_length(calls) : 0;
    size_t i = 0;

    if (json_get(m->in, "function_call"))
        return outgoing_fail(k->o, "is an old form; use tool_calls", "messages[%zu].function_call",
                             m->place);
    put_thinking(k, m);
    if (put_content(k, m, "assistant", true) < 0)
        return -1;
    if (refusal && json_object_get_string_len(refusal) > 0)
        anthropic_text(turn(k, "assistant"), refusal, NULL);
    for (i = 0; i < n; i++) {
        if (put_call(k, m, json_object_array_get_idx(calls, i), i) < 0)
            return -1;
    }
    return 0;
}

static int put_tool(struct talk *k, const struct entry *m)
{
    struct json_object *id = json_get_type(m->in, "tool_call_id", json_type_string);
    struct json_object *block = NULL;
    struct json_object *content = NULL;

    if (!id)
        return outgoing_fail(k->o, "is missing", "messages[%zu].tool_call_id", m->place);
    block = json_object_new_object();
    content = json_object_new_array();
    json_object_object_add(block, "type", json_object_new_string("tool_result"));
    outgoing_share(block, "tool_use_id", id);
    json_object_object_add(block, "content", content);
    json_object_array_add(turn(k, "user"), block);
    return anthropic_content(k->o, json_get(m->in, "content"), m->where, false, content);
}

static const struct {
    const char *role;
    int (*put)(struct talk *k, const struct entry *m);
} roles[] = {
    {"system", put_system},       {"developer", put_system}, {"user", put_user},
    {"assistant", put_assistant}, {"tool", put_tool},
};

static int put_message(struct talk *k, const struct entry *m)
{
    const char *role = json_get_str(m->in, "role");
    size_t i = 0;

    if (json_get(m->in, "name") &&
        outgoing_refuse(k->o, "its messages have no name", "messages[%zu].name", m->place) < 0)
        return -1;
    for (i = 0; role && i < ARRAY_LEN(roles); i++) {
        if (strcmp(role, roles[i].role) == 0)
            return roles[i].put(k, m);
    }
    return outgoing_fail(k->o, "must be system, developer, user, assistant or tool",
                         "messages[%zu].role", m->place);
}

int anthropic_messages(struct outgoing *o)
{
    struct json_object *in = json_get_type(o->t->body, "messages", json_type_array);
    struct talk k = {
        .o = o, .system = json_object_new_array(), .messages = json_object_new_array()};
    size_t n = in ? json_object_array_length(in) : 0;
    size_t i = 0;

    json_object_object_add(o->body, "system", k.system);
    json_object_object_add(o->body, "messages", k.messages);
    for (i = 0; i < n; i++) {
        struct entry m = {.in = json_object_array_get_idx(in, i), .place = i};

        snprintf(m.where, sizeof m.where, "messages[%zu].content", i);
        if (put_message(&k, &m) < 0)
            return -1;
    }
    if (json_object_array_length(k.messages) == 0)
        return outgoing_fail(o, "must hold at least one user message with content", "messages");
    if (json_object_array_length(k.system) == 0)
        json_object_object_del(o->body, "system");
    return 0;
}
