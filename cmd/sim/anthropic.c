/*
 * anthropic: answers of POST /v1/messages and errors, in Anthropic's form. Its input_tokens exclude
 * what was read from the cache. Pure.
 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/hash.h"
#include "cmd/sim/reply.h"
#include "cmd/sim/schema.h"

/* The tool that the request forces the model to use; NULL: it may answer in words. */
static struct json_object *forced_tool(const struct sim_ask *a)
{
    struct json_object *tools = json_get_type(a->body, "tools", json_type_array);
    struct json_object *choice = json_get(a->body, "tool_choice");
    const char *type = json_get_str(choice, "type"), *want = json_get_str(choice, "name");

    if (!tools || !type || (strcmp(type, "any") != 0 && strcmp(type, "tool") != 0))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(tools); i++) {
        struct json_object *t = json_object_array_get_idx(tools, i);
        const char *name = json_get_str(t, "name");

        if (name && (!want || strcmp(want, name) == 0))
            return t;
    }
    return NULL;
}

static const char *write_tool(struct buf *b, const struct sim_ask *a, struct json_object *t,
                              int64_t *ret_tokens)
{
    CLEANUP_JSON struct json_object *input =
        sim_schema_instance(json_get(t, "input_schema"), "echo");
    size_t start = 0;

    buf_printf(b, "{\"type\":\"tool_use\",\"id\":\"toolu_%016llx\",\"name\":",
               (unsigned long long)a->digest);
    buf_json_str(b, json_get_str(t, "name"), strlen(json_get_str(t, "name")));
    buf_str(b, ",\"input\":");
    start = b->len;
    json_write(input, b);
    *ret_tokens = sim_tokens(b->len - start);
    buf_char(b, '}');
    return "tool_use";
}

/* Writes the content blocks and returns the stop reason. */
static const char *write_content(struct buf *b, const struct sim_setup *s, const struct sim_ask *a,
                                 enum sim_kind twist, int64_t *ret_tokens)
{
    struct json_object *tool = twist == SIM_NONE ? forced_tool(a) : NULL;
    struct buf text = BUF_INIT(SIM_BODY_MAX);
    bool cut = false;

    *ret_tokens = 0;
    if (twist == SIM_EMPTY200)
        return "end_turn";
    if (tool)
        return write_tool(b, a, tool, ret_tokens);
    if (twist == SIM_REFUSAL || twist == SIM_FILTER)
        buf_str(&text, "I cannot help with that.");
    else
        *ret_tokens = sim_voice_compose(&s->voice, a, s->seed, 0, twist == SIM_LENGTH, &text, &cut);
    buf_str(b, "{\"type\":\"text\",\"text\":");
    buf_json_str(b, text.data ? text.data : "", text.len);
    buf_str(b, ",\"citations\":null}");
    buf_done(&text);
    if (twist == SIM_REFUSAL || twist == SIM_FILTER)
        return "refusal";
    return cut || twist == SIM_LENGTH ? "max_tokens" : "end_turn";
}

void sim_anthropic_messages(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                            enum sim_kind twist)
{
    struct buf *b = &r->body;
    int64_t tokens = 0, cached = a->prompt_tokens * s->cached_percent / 100;
    const char *stop = NULL;
    unsigned long long id = sim_hash_fold(s->seed, a->digest);

    buf_printf(&r->headers, "request-id: req_%016llx\r\n", id);
    buf_printf(
        b, "{\"id\":\"msg_%016llx\",\"type\":\"message\",\"role\":\"assistant\",\"model\":", id);
    buf_json_str(b, a->model, strlen(a->model));
    buf_str(b, ",\"content\":[");
    stop = write_content(b, s, a, twist, &tokens);
    tokens += s->reasoning_tokens;
    buf_printf(b, "],\"stop_reason\":\"%s\",\"stop_sequence\":null,", stop);
    if (strcmp(stop, "refusal") == 0)
        buf_str(b,
                "\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":null},");
    buf_printf(b,
               "\"usage\":{\"input_tokens\":%lld,\"cache_creation_input_tokens\":0,"
               "\"cache_read_input_tokens\":%lld,\"cache_creation\":{\"ephemeral_5m_input_tokens\":"
               "0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":%lld,"
               "\"service_tier\":\"standard\"}}",
               (long long)(a->prompt_tokens - cached), (long long)cached, (long long)tokens);
    r->output_tokens = tokens;
}

void sim_anthropic_error(struct sim_reply *r, const struct sim_fail *f)
{
    struct buf *b = &r->body;

    buf_str(b, "{\"type\":\"error\",\"error\":{\"type\":");
    buf_json_str(b, f->claude, strlen(f->claude));
    buf_str(b, ",\"message\":");
    buf_json_str(b, f->message, strlen(f->message));
    buf_str(b, "},\"request_id\":\"req_simulated\"}");
}
