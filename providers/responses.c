/*
 * responses: judges a `response` object: did it end, how, is there an answer in it? Making it whole is
 * responses_object.c.
 */
#include "providers/responses.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/incoming.h"

/* What kinds of output items mean for the end of the answer. */
enum meaning {
    MEANS_NOTHING, /* comes with an answer, is none */
    MEANS_WORK,    /* of a tool that the provider ran; an answer follows it */
    MEANS_CALL,    /* the caller has to do something */
    MEANS_OTHER,   /* not known: never taken for a whole answer */
};

static const struct {
    const char *type;
    enum meaning meaning;
} kinds[] = {
    {"message", MEANS_NOTHING}, /* looked at part by part */
    {"reasoning", MEANS_NOTHING},
    {"compaction", MEANS_NOTHING},
    {"mcp_list_tools", MEANS_NOTHING},
    {"additional_tools", MEANS_NOTHING},
    {"tool_search_call", MEANS_WORK},
    {"tool_search_output", MEANS_WORK},
    {"web_search_call", MEANS_WORK},
    {"file_search_call", MEANS_WORK},
    {"code_interpreter_call", MEANS_WORK},
    {"image_generation_call", MEANS_WORK},
    {"mcp_call", MEANS_WORK},
    {"function_call", MEANS_CALL},
    {"custom_tool_call", MEANS_CALL},
};

/* What was found in the output. */
struct found {
    bool text, refusal, call, work, other;
};

static bool is_filled(struct json_object *o, const char *key)
{
    struct json_object *v = json_get_type(o, key, json_type_string);

    return v && json_object_get_string_len(v) > 0;
}

static void look_at_message(struct json_object *item, struct found *f)
{
    struct json_object *content = json_get_type(item, "content", json_type_array);
    size_t n = content ? json_object_array_length(content) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *part = json_object_array_get_idx(content, i);
        const char *type = json_get_str(part, "type");

        if (type && strcmp(type, "refusal") == 0)
            f->refusal = true;
        else if (is_filled(part, "text"))
            f->text = true;
    }
}

static void look_at_item(struct json_object *item, struct found *f)
{
    const char *type = json_get_str(item, "type");
    size_t i = 0;

    while (type && i < ARRAY_LEN(kinds) && strcmp(type, kinds[i].type) != 0)
        i++;
    if (!type || i == ARRAY_LEN(kinds)) {
        f->other = true;
        return;
    }
    if (strcmp(type, "message") == 0)
        look_at_message(item, f);
    f->call = f->call || (kinds[i].meaning == MEANS_CALL && json_get_str(item, "name"));
    f->work = f->work || kinds[i].meaning == MEANS_WORK;
}

static enum finish incomplete_finish(struct json_object *root)
{
    const char *reason = json_get_str(json_get(root, "incomplete_details"), "reason");

    if (reason && strcmp(reason, "max_output_tokens") == 0)
        return FINISH_LENGTH;
    if (reason && strcmp(reason, "content_filter") == 0)
        return FINISH_CONTENT_FILTER;
    return FINISH_OTHER;
}

static enum finish finish_of(const struct found *f)
{
    if (f->refusal)
        return FINISH_CONTENT_FILTER;
    if (f->other)
        return FINISH_OTHER;
    if (f->call)
        return FINISH_TOOL_CALLS;
    return f->text ? FINISH_STOP : FINISH_OTHER;
}

/* Status words under which there can be no answer. */
static int fail_status(const char *status, struct answer *ans)
{
    static const struct {
        const char *status, *code, *message;
    } words[] = {
        {"failed", "response_failed", "the response failed, and the provider gave no reason"},
        {"cancelled", "response_cancelled", "the provider cancelled the response"},
        {"queued", "response_not_finished", "the response is queued, not answered"},
        {"in_progress", "response_not_finished", "the response is not finished"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(status, words[i].status) != 0)
            continue;
        failure_bad_response(ans, words[i].code, words[i].message);
        return -1;
    }
    return 0;
}

const char *responses_status(struct json_object *root)
{
    const char *status = json_get_str(root, "status");

    if (status)
        return status;
    return json_get_str(json_get(root, "incomplete_details"), "reason") ? "incomplete"
                                                                        : "completed";
}

int responses_judge(struct json_object *root, enum finish *ret_finish, struct answer *ans)
{
    struct json_object *output = json_get_type(root, "output", json_type_array);
    const char *status = responses_status(root);
    size_t n = output ? json_object_array_length(output) : 0;
    struct found f = {0};
    size_t i = 0;

    responses_usage(root, &ans->usage);
    if (fail_status(status, ans) < 0)
        return -1;
    if (!output) {
        failure_bad_response(ans, "no_output", "the answer holds no list of output items");
        return -1;
    }
    for (i = 0; i < n; i++)
        look_at_item(json_object_array_get_idx(output, i), &f);
    /* Cut or filtered before the first word is an end, not a broken answer. */
    if (strcmp(status, "incomplete") == 0) {
        *ret_finish = f.refusal ? FINISH_CONTENT_FILTER : incomplete_finish(root);
        return 0;
    }
    if (!f.text && !f.refusal && !f.call && !f.work && !f.other) {
        failure_bad_response(ans, "empty_answer", "the answer has no text and no tool call");
        return -1;
    }
    *ret_finish = strcmp(status, "completed") == 0 ? finish_of(&f) : FINISH_OTHER;
    return 0;
}

void responses_usage(struct json_object *root, struct usage *u)
{
    struct json_object *usage = json_get(root, "usage");
    struct json_object *in = json_get(usage, "input_tokens_details");
    struct json_object *out = json_get(usage, "output_tokens_details");

    u->input_tokens = incoming_tokens(usage, "input_tokens");
    u->cached_input_tokens = incoming_tokens(in, "cached_tokens");
    u->cache_write_tokens = incoming_tokens(in, "cache_write_tokens");
    u->output_tokens = incoming_tokens(usage, "output_tokens");
    u->reasoning_tokens = incoming_tokens(out, "reasoning_tokens");
    incoming_reasoning_beside(u, incoming_tokens(usage, "total_tokens"));
}

bool responses_serve(const struct model *m, enum operation op)
{
    bool known = m->vendor && (m->vendor->quirks & QUIRK_RESPONSES);

    if (m->mode && strcmp(m->mode, "responses") == 0)
        return op == OP_CHAT || op == OP_RESPONSES;
    return op == OP_RESPONSES && known && !(m->mode && strcmp(m->mode, "chat") == 0);
}
