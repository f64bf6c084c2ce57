/*
 * ask: checks a request body and picks out what answers depend on; see ask.h. It refuses what a real
 * provider refuses (no model, no messages, ...), since a client's test should not pass on a request
 * that would fail in earnest. Pure.
 */
#include "cmd/sim/ask.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cmd/sim/dialect.h"
#include "cmd/sim/hash.h"

int64_t sim_tokens(size_t bytes)
{
    return (int64_t)((bytes + 3) / 4);
}

void sim_ask_done(struct sim_ask *a)
{
    json_object_put(a->body);
    a->body = NULL;
}

int sim_ask_invalid(struct sim_fail *f, const char *param, const char *message)
{
    *f = (struct sim_fail){.error = SIM_BAD_REQUEST, .param = param};
    snprintf(f->message, sizeof f->message, "%s", message);
    return -1;
}

size_t sim_ask_content(struct json_object *content, const char **ret_text, size_t *ret_len)
{
    size_t sum = 0;

    *ret_text = "";
    *ret_len = 0;
    if (json_object_is_type(content, json_type_string)) {
        *ret_text = json_object_get_string(content);
        return *ret_len = (size_t)json_object_get_string_len(content);
    }
    if (!json_object_is_type(content, json_type_array))
        return 0;
    for (size_t i = 0; i < json_object_array_length(content); i++) {
        struct json_object *text =
            json_get_type(json_object_array_get_idx(content, i), "text", json_type_string);

        if (!text)
            continue;
        if (sum == 0) {
            *ret_text = json_object_get_string(text);
            *ret_len = (size_t)json_object_get_string_len(text);
        }
        sum += (size_t)json_object_get_string_len(text);
    }
    return sum;
}

int sim_ask_messages(struct sim_ask *a, struct sim_fail *f)
{
    struct json_object *list = json_get_type(a->body, "messages", json_type_array);
    size_t count = list ? json_object_array_length(list) : 0, bytes = 0, len = 0;
    const char *text = NULL;

    if (count == 0)
        return sim_ask_invalid(f, "messages",
                               "messages must be an array with at least one message");
    for (size_t i = 0; i < count; i++) {
        struct json_object *m = json_object_array_get_idx(list, i);
        const char *role = json_get_str(m, "role");

        if (!role)
            return sim_ask_invalid(f, "messages", "every message must be an object with a role");
        bytes += sim_ask_content(json_get(m, "content"), &text, &len);
        if (strcmp(role, "user") == 0) {
            a->text = text;
            a->text_len = len;
        }
    }
    bytes += sim_ask_content(json_get(a->body, "system"), &text, &len);
    a->prompt_tokens = sim_tokens(bytes) + (int64_t)count * 3;
    return 0;
}

struct json_object *sim_ask_tool(const struct sim_ask *a, const char *frame, const char *want)
{
    struct json_object *tools = json_get_type(a->body, "tools", json_type_array);

    for (size_t i = 0; tools && i < json_object_array_length(tools); i++) {
        struct json_object *t = json_object_array_get_idx(tools, i);
        const char *name = NULL;

        t = frame ? json_get(t, frame) : t;
        name = json_get_str(t, "name");
        if (name && (!want || strcmp(want, name) == 0))
            return t;
    }
    return NULL;
}

static int parse(struct sim_ask *a, struct json_tokener *tok, struct sim_fail *f)
{
    if (a->raw_len == 0 || a->raw_len > INT32_MAX)
        return sim_ask_invalid(f, NULL, "the request body is empty");
    json_tokener_reset(tok);
    a->body = json_tokener_parse_ex(tok, a->raw, (int)a->raw_len);
    if (json_tokener_get_error(tok) != json_tokener_success ||
        !json_object_is_type(a->body, json_type_object))
        return sim_ask_invalid(f, NULL, "the request body is no JSON object");
    if (!*a->model && json_get_str(a->body, "model"))
        a->model = json_get_str(a->body, "model");
    if (!*a->model)
        return sim_ask_invalid(f, "model", "you must provide a model parameter");
    if (json_get_bool(a->body, "stream", false))
        return sim_ask_invalid(f, "stream", "this simulator does not stream; leave stream out");
    return 0;
}

int sim_ask_read(struct sim_ask *a, const struct sim_dialect *d, const char *model, const char *raw,
                 size_t n, struct json_tokener *tok, struct sim_fail *ret_fail)
{
    *a = (struct sim_ask){
        .dialect = d, .url = a->url, .raw = raw, .raw_len = n, .model = model, .text = ""};
    a->digest = sim_hash(raw, n);
    if (parse(a, tok, ret_fail) < 0 || d->read(a, ret_fail) < 0) {
        sim_ask_done(a);
        return -1;
    }
    return 0;
}
