/*
 * turns: walks the messages and builds the list of turns. It knows where content stands;
 * what a block looks like only the dialect knows.
 */
#include "providers/turns.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/messages.h"

/* The conversation while it is being written. */
struct talk {
    struct outgoing *o;
    const struct turn_words *words;
    struct json_object *system;   /* array of blocks */
    struct json_object *messages; /* array of {role, content: [blocks]} */
    struct json_object *blocks;   /* content of the last turn, or NULL */
    const char *role;             /* of the last turn */
};

/* One message of the request, and where its blocks go. */
struct entry {
    struct talk *k;
    struct json_object *in;
    size_t index;
    enum turn_place place;
    struct json_object *blocks;
    bool marked;
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

static int put_part(void *arg, struct json_object *part, size_t i)
{
    struct entry *m = arg;
    char path[96];
    int r = 0;

    snprintf(path, sizeof path, "messages[%zu].content[%zu]", m->index, i);
    r = m->k->words->part(m->k->o, part, path, m->place, m->blocks);
    m->marked = m->marked || r == TURN_MARKED;
    return r < 0 ? -1 : 0;
}

/* Appends the blocks of a message's content, a string, parts, or null, to blocks. */
static int read_content(struct entry *m, enum turn_place place, struct json_object *blocks)
{
    struct json_object *content = json_get(m->in, "content");

    if (!content)
        return 0;
    if (json_object_is_type(content, json_type_string)) {
        m->k->words->text(blocks, content);
        return 0;
    }
    m->place = place;
    m->blocks = blocks;
    return message_parts(m->k->o, content, m->index, put_part, m);
}

/* Content that is empty makes no turn: APIs refuse empty ones, and they say nothing. */
static int put_content(struct entry *m, const char *role, enum turn_place place)
{
    CLEANUP_JSON struct json_object *blocks = json_object_new_array();
    size_t n = 0;
    size_t i = 0;

    if (read_content(m, place, blocks) < 0)
        return -1;
    n = json_object_array_length(blocks);
    for (i = 0; i < n; i++)
        json_object_array_add(turn(m->k, role),
                              json_object_get(json_object_array_get_idx(blocks, i)));
    return 0;
}

static void put_call(void *arg, struct json_object *call, struct json_object *arguments)
{
    struct talk *k = arg;

    json_object_array_add(turn(k, "assistant"),
                          k->words->call(json_get(call, "id"),
                                         json_get(json_get(call, "function"), "name"), arguments));
}

/* Thinking of an earlier answer, with its signatures. It comes first. */
static void put_thinking(const struct entry *m)
{
    struct json_object *list = json_get_type(m->in, "thinking_blocks", json_type_array);
    size_t n = list ? json_object_array_length(list) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *block = m->k->words->thinking(json_object_array_get_idx(list, i));

        if (block)
            json_object_array_add(turn(m->k, "assistant"), block);
    }
}

static int put_assistant(struct entry *m)
{
    struct json_object *refusal = json_get_type(m->in, "refusal", json_type_string);

    put_thinking(m);
    if (put_content(m, "assistant", TURN_TEXT) < 0)
        return -1;
    if (refusal && json_object_get_string_len(refusal) > 0)
        m->k->words->text(turn(m->k, "assistant"), refusal);
    return message_calls(m->k->o, m->in, m->index, put_call, m->k);
}

static int put_tool(struct entry *m)
{
    const struct turn_words *words = m->k->words;
    struct json_object *id = json_get_type(m->in, "tool_call_id", json_type_string);
    CLEANUP_JSON struct json_object *content = json_object_new_array();

    if (!id)
        return outgoing_fail(m->k->o, "is missing", "messages[%zu].tool_call_id", m->index);
    if (read_content(m, TURN_RESULT, content) < 0)
        return -1;
    json_object_array_add(turn(m->k, "user"), words->result(id, STEAL(content)));
    if (m->marked)
        json_object_array_add(turn(m->k, "user"), words->mark());
    return 0;
}

static int put_message(struct entry *m)
{
    enum role role = ROLE_USER;

    if (message_role(m->k->o, m->in, m->index, &role) < 0)
        return -1;
    switch (role) {
    case ROLE_SYSTEM:
        return read_content(m, TURN_TEXT, m->k->system);
    case ROLE_USER:
        return put_content(m, "user", TURN_USER);
    case ROLE_ASSISTANT:
        return put_assistant(m);
    case ROLE_TOOL:
        break;
    }
    return put_tool(m);
}

int turns_put(struct outgoing *o, const struct turn_words *words)
{
    struct json_object *in = json_get_type(o->t->body, "messages", json_type_array);
    struct talk k = {.o = o,
                     .words = words,
                     .system = json_object_new_array(),
                     .messages = json_object_new_array()};
    size_t n = in ? json_object_array_length(in) : 0;
    size_t i = 0;

    json_object_object_add(o->body, "system", k.system);
    json_object_object_add(o->body, "messages", k.messages);
    for (i = 0; i < n; i++) {
        struct entry m = {.k = &k, .in = json_object_array_get_idx(in, i), .index = i};

        if (put_message(&m) < 0)
            return -1;
    }
    if (json_object_array_length(k.messages) == 0)
        return outgoing_fail(o, "must hold at least one user message with content", "messages");
    if (json_object_array_length(k.system) == 0)
        json_object_object_del(o->body, "system");
    return 0;
}
