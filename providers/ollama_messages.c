/*
 * ollama_messages: the conversation. A message has one text, so text parts are joined, a line each,
 * and its images stand beside it as bare base64. Content is never dropped: a part that cannot be
 * sent is an error whatever drop_params says.
 */
#include "providers/ollama.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/messages.h"

#define TEXT_MAX (64u << 20) /* of joined parts; the record was bounded before */

/* One message on its way. */
struct entry {
    struct outgoing *o;
    struct json_object *all; /* messages of the request */
    struct json_object *in;
    struct json_object *out;
    struct buf text;
    size_t place;
    enum role role;
};

static void add_text(struct entry *m, struct json_object *text)
{
    if (m->text.len > 0)
        buf_char(&m->text, '\n');
    buf_append(&m->text, json_object_get_string(text), (size_t)json_object_get_string_len(text));
}

/* What stands behind "data:image/...;base64,"; NULL: the URL is of another kind. */
static struct json_object *image_data(struct json_object *url)
{
    static const char mark[] = ";base64,";
    const char *text = json_object_get_string(url);
    const char *data = strstr(text, mark);
    const char *comma = strchr(text, ',');

    if (strncmp(text, "data:image/", 11) != 0 || !data || data + sizeof mark - 2 != comma)
        return NULL;
    return json_object_new_string_len(comma + 1,
                                      json_object_get_string_len(url) - (int)(comma + 1 - text));
}

static int put_image(struct entry *m, struct json_object *part, size_t i)
{
    struct json_object *url = json_get_type(json_get(part, "image_url"), "url", json_type_string);
    struct json_object *images = json_get(m->out, "images");
    struct json_object *data = url ? image_data(url) : NULL;

    if (!data)
        return outgoing_fail(m->o, "must be a base64 data URL of an image; it fetches no addresses",
                             "messages[%zu].content[%zu].image_url.url", m->place, i);
    if (!images) {
        images = json_object_new_array();
        json_object_object_add(m->out, "images", images);
    }
    json_object_array_add(images, data);
    return 0;
}

static int put_part(void *arg, struct json_object *part, size_t i)
{
    struct entry *m = arg;
    const char *type = NULL;
    struct json_object *text = NULL;

    if (message_part(m->o, part, m->place, i, &type, &text) < 0)
        return -1;
    if (text) {
        add_text(m, text);
        return 0;
    }
    if (strcmp(type, "image_url") == 0 && m->role == ROLE_USER)
        return put_image(m, part, i);
    return outgoing_fail(m->o,
                         m->role == ROLE_USER ? "only parts of type text and image_url can be sent"
                                              : "only parts of type text can be sent here",
                         "messages[%zu].content[%zu].type", m->place, i);
}

static int put_content(struct entry *m)
{
    struct json_object *content = json_get(m->in, "content");

    if (!json_object_is_type(content, json_type_string))
        return message_parts(m->o, content, m->place, put_part, m);
    add_text(m, content);
    return 0;
}

/* Arguments are an object there, not its text. */
static void put_call(void *arg, struct json_object *call, struct json_object *arguments)
{
    struct json_object *list = arg;
    struct json_object *function = json_object_new_object();
    struct json_object *out = json_object_new_object();

    outgoing_share(function, "name", json_get(json_get(call, "function"), "name"));
    outgoing_share(function, "arguments", arguments);
    outgoing_share(out, "id", json_get(call, "id"));
    json_object_object_add(out, "function", function);
    json_object_array_add(list, out);
}

static int put_assistant(struct entry *m)
{
    CLEANUP_JSON struct json_object *calls = json_object_new_array();
    struct json_object *thinking = json_get_type(m->in, "reasoning_content", json_type_string);
    struct json_object *refusal = json_get_type(m->in, "refusal", json_type_string);

    if (json_get(m->in, "content") && put_content(m) < 0)
        return -1;
    if (refusal)
        add_text(m, refusal);
    if (thinking)
        outgoing_share(m->out, "thinking", thinking);
    if (message_calls(m->o, m->in, m->place, put_call, calls) < 0)
        return -1;
    if (json_object_array_length(calls) > 0)
        outgoing_share(m->out, "tool_calls", calls);
    return 0;
}

static struct json_object *name_in(struct json_object *message, const char *id)
{
    struct json_object *calls = json_get_type(message, "tool_calls", json_type_array);
    size_t n = calls ? json_object_array_length(calls) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *call = json_object_array_get_idx(calls, i);
        const char *have = json_get_str(call, "id");

        if (have && strcmp(have, id) == 0)
            return json_get(json_get(call, "function"), "name");
    }
    return NULL;
}

/* Templates of models name the function, not the call: it is looked up in the call before. */
static int put_tool(struct entry *m)
{
    struct json_object *id = json_get_type(m->in, "tool_call_id", json_type_string);
    struct json_object *name = NULL;
    size_t i = 0;

    if (!id)
        return outgoing_fail(m->o, "is missing", "messages[%zu].tool_call_id", m->place);
    for (i = m->place; i > 0 && !name; i--)
        name = name_in(json_object_array_get_idx(m->all, i - 1), json_object_get_string(id));
    if (name)
        outgoing_share(m->out, "tool_name", name);
    outgoing_share(m->out, "tool_call_id", id);
    return put_content(m);
}

static int put_by_role(struct entry *m)
{
    switch (m->role) {
    case ROLE_ASSISTANT:
        return put_assistant(m);
    case ROLE_TOOL:
        return put_tool(m);
    default:
        return put_content(m);
    }
}

static int put_message(struct entry *m)
{
    if (message_role(m->o, m->in, m->place, &m->role) < 0 || put_by_role(m) < 0)
        return -1;
    if (m->text.over)
        return outgoing_fail(m->o, "is longer than 64 MiB", "messages[%zu].content", m->place);
    json_object_object_add(m->out, "role", json_object_new_string(message_role_name(m->role)));
    json_object_object_add(
        m->out, "content",
        json_object_new_string_len(m->text.data ? m->text.data : "", (int)m->text.len));
    return 0;
}

int ollama_messages(struct outgoing *o)
{
    struct json_object *in = json_get_type(o->t->body, "messages", json_type_array);
    struct json_object *list = json_object_new_array();
    size_t n = in ? json_object_array_length(in) : 0;
    size_t i = 0;

    json_object_object_add(o->body, "messages", list);
    if (n == 0) /* it would load the model and say nothing */
        return outgoing_fail(o, "must hold at least one message", "messages");
    for (i = 0; i < n; i++) {
        struct entry m = {.o = o,
                          .all = in,
                          .in = json_object_array_get_idx(in, i),
                          .out = json_object_new_object(),
                          .text = BUF_INIT(TEXT_MAX),
                          .place = i};
        int r = 0;

        json_object_array_add(list, m.out);
        r = put_message(&m);
        buf_done(&m.text);
        if (r < 0)
            return -1;
    }
    return 0;
}
