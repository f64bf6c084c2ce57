/*
 * gemini_messages: the conversation. System and developer messages, wherever they stand, become the
 * systemInstruction in their order. Turns of one role in a row become one; the results of tools are
 * a turn of their own, and name the function that was called, not the id of the call.
 *
 * A thought signature of an earlier answer comes back where gemini_response.c put it:
 * extra_content.google.thought_signature of the tool call or of the message, as Google's endpoint of
 * OpenAI's form does it.
 */
#include "providers/gemini.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/messages.h"

#define RESULT_DEPTH 32          /* of a result that is sent as an object */
#define RESULT_MAX   (64u << 20) /* of the joined text of a result; the record was bounded before */

/* Models that want a signature with each call take this word for calls that another model made. */
#define FOREIGN_CALL "skip_thought_signature_validator"

/* A kind of turn and how the API calls it. */
enum turn { TURN_NONE, TURN_USER, TURN_MODEL, TURN_RESULTS };

static const char *const turn_roles[] = {"", "user", "model", "user"};

/* The conversation while it is being written. */
struct talk {
    struct outgoing *o;
    struct json_object *contents; /* array of turns */
    struct json_object *system;   /* parts */
    struct json_object *names;    /* id of each call so far to the name of its function */
    struct json_object *parts;    /* of the last turn */
    enum turn turn;               /* kind of the last turn */
};

/* One message of the request. */
struct entry {
    struct talk *k;
    struct json_object *in;
    size_t place;
    size_t calls; /* that were written */
};

/* Parts of the turn that something of this kind goes to. */
static struct json_object *turn_of(struct talk *k, enum turn turn)
{
    struct json_object *content = NULL;

    if (k->turn == turn)
        return k->parts;
    content = json_object_new_object();
    k->parts = json_object_new_array();
    k->turn = turn;
    json_object_object_add(content, "role", json_object_new_string(turn_roles[turn]));
    json_object_object_add(content, "parts", k->parts);
    json_object_array_add(k->contents, content);
    return k->parts;
}

static struct json_object *signature_of(struct json_object *o)
{
    struct json_object *google = json_get(json_get(o, "extra_content"), "google");

    return json_get_type(google, "thought_signature", json_type_string);
}

/* The parts of a message into its turn. None makes no turn: the API refuses empty ones. */
static void put_parts(struct talk *k, enum turn turn, struct json_object *parts)
{
    size_t n = json_object_array_length(parts);
    size_t i = 0;

    for (i = 0; i < n; i++)
        json_object_array_add(turn_of(k, turn),
                              json_object_get(json_object_array_get_idx(parts, i)));
}

static int put_user(struct talk *k, const struct entry *m)
{
    CLEANUP_JSON struct json_object *parts = json_object_new_array();

    if (gemini_content(k->o, json_get(m->in, "content"), m->place, false, parts) < 0)
        return -1;
    put_parts(k, TURN_USER, parts);
    return 0;
}

static void put_call(void *arg, struct json_object *call, struct json_object *arguments)
{
    struct entry *m = arg;
    struct json_object *name = json_get(json_get(call, "function"), "name");
    struct json_object *part = json_object_new_object();
    struct json_object *out = json_object_new_object();

    outgoing_share(out, "id", json_get(call, "id"));
    outgoing_share(out, "name", name);
    outgoing_share(out, "args", arguments);
    json_object_object_add(part, "functionCall", out);
    outgoing_share(m->k->names, json_get_str(call, "id"), name);
    if (signature_of(call))
        outgoing_share(part, "thoughtSignature", signature_of(call));
    else if (m->calls == 0 && gemini_generation(m->k->o->m) >= 3)
        json_object_object_add(part, "thoughtSignature", json_object_new_string(FOREIGN_CALL));
    json_object_array_add(turn_of(m->k, TURN_MODEL), part);
    m->calls++;
}

/* A signature of words belongs to their last part, and may come without any words. */
static void sign_parts(struct json_object *signature, struct json_object *parts)
{
    size_t n = json_object_array_length(parts);

    if (n == 0) {
        struct json_object *part = json_object_new_object();

        json_object_object_add(part, "text", json_object_new_string(""));
        json_object_array_add(parts, part);
        n = 1;
    }
    outgoing_share(json_object_array_get_idx(parts, n - 1), "thoughtSignature", signature);
}

static int put_assistant(struct talk *k, struct entry *m)
{
    CLEANUP_JSON struct json_object *parts = json_object_new_array();
    struct json_object *refusal = json_get_type(m->in, "refusal", json_type_string);

    if (gemini_content(k->o, json_get(m->in, "content"), m->place, true, parts) < 0)
        return -1;
    if (refusal)
        gemini_text(parts, refusal);
    if (signature_of(m->in))
        sign_parts(signature_of(m->in), parts);
    put_parts(k, TURN_MODEL, parts);
    return message_calls(k->o, m->in, m->place, put_call, m);
}

/* The result as an object: what the tool said, if that is one, else {"output": its words}. */
static struct json_object *result_object(const struct buf *text)
{
    struct json_object *o = NULL;

    if (text->len > 0 && text->data[0] == '{' &&
        json_parse_depth(text->data, text->len, RESULT_DEPTH, &o, NULL) == 0)
        return o;
    o = json_object_new_object();
    json_object_object_add(
        o, "output", json_object_new_string_len(text->data ? text->data : "", (int)text->len));
    return o;
}

/* Splits the content of a result into its words and its media, which only newer models take. */
static int put_result(struct talk *k, const struct entry *m, struct json_object *response)
{
    CLEANUP_JSON struct json_object *parts = json_object_new_array();
    struct json_object *media = json_object_new_array();
    struct buf text = BUF_INIT(RESULT_MAX);
    size_t n = 0;
    size_t i = 0;

    json_object_object_add(response, "parts", media);
    if (gemini_content(k->o, json_get(m->in, "content"), m->place, false, parts) < 0)
        return -1;
    n = json_object_array_length(parts);
    for (i = 0; i < n; i++) {
        struct json_object *part = json_object_array_get_idx(parts, i);
        struct json_object *words = json_get_type(part, "text", json_type_string);

        if (words)
            buf_append(&text, json_object_get_string(words),
                       (size_t)json_object_get_string_len(words));
        else
            json_object_array_add(media, json_object_get(part));
    }
    json_object_object_add(response, "response", result_object(&text));
    buf_done(&text);
    if (json_object_array_length(media) == 0)
        json_object_object_del(response, "parts");
    else if (gemini_generation(k->o->m) < 3)
        return outgoing_fail(k->o, "this model takes results in words only",
                             "messages[%zu].content", m->place);
    return 0;
}

static int put_tool(struct talk *k, const struct entry *m)
{
    struct json_object *id = json_get_type(m->in, "tool_call_id", json_type_string);
    struct json_object *name = id ? json_get(k->names, json_object_get_string(id)) : NULL;
    struct json_object *part = NULL;
    struct json_object *response = NULL;

    if (!id)
        return outgoing_fail(k->o, "is missing", "messages[%zu].tool_call_id", m->place);
    if (!name)
        return outgoing_fail(k->o, "is the id of no call in an earlier message",
                             "messages[%zu].tool_call_id", m->place);
    part = json_object_new_object();
    response = json_object_new_object();
    json_object_object_add(part, "functionResponse", response);
    json_object_array_add(turn_of(k, TURN_RESULTS), part);
    outgoing_share(response, "id", id);
    outgoing_share(response, "name", name);
    return put_result(k, m, response);
}

static int put_message(struct talk *k, struct entry *m)
{
    enum role role = ROLE_USER;

    if (message_role(k->o, m->in, m->place, &role) < 0)
        return -1;
    switch (role) {
    case ROLE_SYSTEM:
        return gemini_content(k->o, json_get(m->in, "content"), m->place, true, k->system);
    case ROLE_ASSISTANT:
        return put_assistant(k, m);
    case ROLE_TOOL:
        return put_tool(k, m);
    case ROLE_USER:
        break;
    }
    return put_user(k, m);
}

static void put_instruction(struct talk *k)
{
    struct json_object *content = NULL;

    if (json_object_array_length(k->system) == 0)
        return;
    content = json_object_new_object();
    outgoing_share(content, "parts", k->system);
    json_object_object_add(k->o->body, "systemInstruction", content);
}

int gemini_messages(struct outgoing *o)
{
    CLEANUP_JSON struct json_object *names = json_object_new_object();
    CLEANUP_JSON struct json_object *system = json_object_new_array();
    struct json_object *in = json_get_type(o->t->body, "messages", json_type_array);
    struct talk k = {.o = o, .contents = json_object_new_array(), .system = system, .names = names};
    size_t n = in ? json_object_array_length(in) : 0;
    size_t i = 0;

    json_object_object_add(o->body, "contents", k.contents);
    for (i = 0; i < n; i++) {
        struct entry m = {.k = &k, .in = json_object_array_get_idx(in, i), .place = i};

        if (put_message(&k, &m) < 0)
            return -1;
    }
    if (json_object_array_length(k.contents) == 0)
        return outgoing_fail(o, "must hold at least one user message with content", "messages");
    put_instruction(&k);
    return 0;
}
