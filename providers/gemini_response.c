/*
 * gemini_response: a generateContent answer to a chat.completion of OpenAI's form. Text parts are
 * joined, thoughts are kept apart (reasoning_content), arguments become strings, signatures go where
 * gemini_messages.c looks for them (extra_content.google.thought_signature). Parts that have no place
 * in that form (generated images, code that was run) are left out.
 */
#include "providers/gemini.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/incoming.h"
#include "providers/redact.h"

#define TEXT_MAX (64u << 20) /* of joined parts; the response was bounded before */

/* class is CLASS_OK for an answer, whole or not; else what the end is. */
static const struct reason {
    const char *theirs;
    const char *openai;
    enum finish finish;
    enum error_class class;
} reasons[] = {
    {"STOP", "stop", FINISH_STOP, CLASS_OK},
    {"MAX_TOKENS", "length", FINISH_LENGTH, CLASS_OK},
    {"SAFETY", "content_filter", FINISH_CONTENT_FILTER, CLASS_OK},
    {"RECITATION", "content_filter", FINISH_CONTENT_FILTER, CLASS_OK},
    {"BLOCKLIST", "content_filter", FINISH_CONTENT_FILTER, CLASS_OK},
    {"PROHIBITED_CONTENT", "content_filter", FINISH_CONTENT_FILTER, CLASS_OK},
    {"SPII", "content_filter", FINISH_CONTENT_FILTER, CLASS_OK},
    {"MODEL_ARMOR", "content_filter", FINISH_CONTENT_FILTER, CLASS_OK},
    {"IMAGE_SAFETY", "content_filter", FINISH_CONTENT_FILTER, CLASS_OK},
    {"IMAGE_PROHIBITED_CONTENT", "content_filter", FINISH_CONTENT_FILTER, CLASS_OK},
    {"IMAGE_RECITATION", "content_filter", FINISH_CONTENT_FILTER, CLASS_OK},
    {"LANGUAGE", "stop", FINISH_OTHER, CLASS_OK},
    {"OTHER", "stop", FINISH_OTHER, CLASS_OK},
    /* the model broke off while it wrote a call: another try may do better */
    {"MALFORMED_FUNCTION_CALL", NULL, FINISH_OTHER, CLASS_BAD_RESPONSE},
    {"MALFORMED_RESPONSE", NULL, FINISH_OTHER, CLASS_BAD_RESPONSE},
    {"UNEXPECTED_TOOL_CALL", NULL, FINISH_OTHER, CLASS_BAD_RESPONSE},
    {"TOO_MANY_TOOL_CALLS", NULL, FINISH_OTHER, CLASS_BAD_RESPONSE},
    {"MISSING_THOUGHT_SIGNATURE", NULL, FINISH_OTHER, CLASS_CALLER_FAULT},
};

/* What may be invented later, or an answer without an end: never cached. */
static const struct reason other = {"", "stop", FINISH_OTHER, CLASS_OK};

/* One candidate while it is read. */
struct reading {
    const struct task *t;
    struct json_object *candidate;
    int64_t index;
    const struct reason *reason;
    struct buf text;
    struct buf thoughts;
    struct json_object *calls;     /* owned until it is in the message */
    struct json_object *signature; /* of words; borrowed from the candidate, or NULL */
};

static const struct reason *reason_of(const char *theirs)
{
    size_t i = 0;

    for (i = 0; theirs && i < ARRAY_LEN(reasons); i++) {
        if (strcmp(theirs, reasons[i].theirs) == 0)
            return &reasons[i];
    }
    return &other;
}

static void put_signature(struct json_object *to, struct json_object *signature)
{
    struct json_object *extra = json_object_new_object();
    struct json_object *google = json_object_new_object();

    outgoing_share(google, "thought_signature", signature);
    json_object_object_add(extra, "google", google);
    json_object_object_add(to, "extra_content", extra);
}

/* The provider's id, or one that no other turn of the conversation has: results name it. */
static struct json_object *call_id(const struct reading *r, struct json_object *theirs)
{
    const char *id = json_get_str(theirs, "id");
    char hex[2 * SHA256_LEN + 1] = "0";
    char text[64];

    if (id && *id)
        return json_object_get(json_get(theirs, "id"));
    if (r->t->has_digest)
        sha256_hex(r->t->digest, hex);
    snprintf(text, sizeof text, "call_%.16s_%lld_%zu", hex, (long long)r->index,
             json_object_array_length(r->calls));
    return json_object_new_string(text);
}

static void read_call(struct reading *r, struct json_object *theirs, struct json_object *signature)
{
    struct json_object *args = json_get_type(theirs, "args", json_type_object);
    struct json_object *call = NULL;
    struct json_object *function = NULL;

    if (!json_get_str(theirs, "name"))
        return;
    call = json_object_new_object();
    function = json_object_new_object();
    json_object_object_add(call, "id", call_id(r, theirs));
    json_object_object_add(call, "type", json_object_new_string("function"));
    json_object_object_add(call, "function", function);
    outgoing_share(function, "name", json_get(theirs, "name"));
    json_object_object_add(
        function, "arguments",
        json_object_new_string(
            args ? json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN |
                                                            JSON_C_TO_STRING_NOSLASHESCAPE)
                 : "{}"));
    if (signature)
        put_signature(call, signature);
    json_object_array_add(r->calls, call);
}

static void read_part(struct reading *r, struct json_object *part)
{
    struct json_object *signature = json_get_type(part, "thoughtSignature", json_type_string);
    struct json_object *call = json_get_type(part, "functionCall", json_type_object);
    struct json_object *text = json_get_type(part, "text", json_type_string);
    bool thought = json_get_bool(part, "thought", false);

    if (call) {
        read_call(r, call, signature);
        return;
    }
    incoming_append(thought ? &r->thoughts : &r->text, text);
    if (signature)
        r->signature = signature;
}

static void read_parts(struct reading *r)
{
    struct json_object *parts =
        json_get_type(json_get(r->candidate, "content"), "parts", json_type_array);
    size_t n = parts ? json_object_array_length(parts) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++)
        read_part(r, json_object_array_get_idx(parts, i));
}

static bool has_calls(const struct reading *r)
{
    return json_object_array_length(r->calls) > 0;
}

static struct json_object *refusal_of(const struct reading *r)
{
    const char *words = json_get_str(r->candidate, "finishMessage");

    if (r->reason->finish != FINISH_CONTENT_FILTER)
        return NULL;
    if (words && *words)
        return json_object_new_string(words);
    return r->text.len == 0 ? json_object_new_string("The provider refused to answer.") : NULL;
}

static struct json_object *new_message(struct reading *r)
{
    struct json_object *message = json_object_new_object();
    bool absent = r->text.len == 0 && (has_calls(r) || r->reason->finish == FINISH_CONTENT_FILTER);

    json_object_object_add(message, "role", json_object_new_string("assistant"));
    json_object_object_add(message, "content", absent ? NULL : incoming_string(&r->text));
    json_object_object_add(message, "refusal", refusal_of(r));
    if (r->thoughts.len > 0)
        json_object_object_add(message, "reasoning_content", incoming_string(&r->thoughts));
    if (has_calls(r))
        outgoing_share(message, "tool_calls", r->calls);
    if (r->signature)
        put_signature(message, r->signature);
    return message;
}

static enum finish finish_of(const struct reading *r)
{
    return r->reason->finish == FINISH_STOP && has_calls(r) ? FINISH_TOOL_CALLS : r->reason->finish;
}

static struct json_object *new_choice(struct reading *r)
{
    struct json_object *choice = json_object_new_object();
    const char *theirs = json_get_str(r->candidate, "finishReason");
    const char *word = finish_of(r) == FINISH_TOOL_CALLS ? "tool_calls" : r->reason->openai;

    json_object_object_add(choice, "index", json_object_new_int64(r->index));
    json_object_object_add(choice, "message", new_message(r));
    json_object_object_add(choice, "logprobs", gemini_logprobs(r->candidate));
    json_object_object_add(choice, "finish_reason", json_object_new_string(word));
    if (theirs)
        json_object_object_add(choice, "native_finish_reason", json_object_new_string(theirs));
    if (json_get(r->candidate, "groundingMetadata"))
        outgoing_share(choice, "grounding_metadata", json_get(r->candidate, "groundingMetadata"));
    return choice;
}

/* An end that is none of an answer, in the provider's words where it has some. */
static void broken(const struct model *m, const struct reading *r, struct answer *ans)
{
    const char *words = json_get_str(r->candidate, "finishMessage");
    char code[sizeof ans->code];
    char text[sizeof ans->message];
    char clean[sizeof ans->message];
    size_t i = 0;

    snprintf(code, sizeof code, "%s", r->reason->theirs);
    for (i = 0; code[i]; i++)
        code[i] = (char)tolower((unsigned char)code[i]);
    snprintf(text, sizeof text, "the model broke off: %s", r->reason->theirs);
    redact_into(m, words && *words ? words : text, clean, sizeof clean);
    failure_said(ans, r->reason->class, code, clean);
}

/* 0 and *ret_choice, or -1 and ans is a failure. */
static int read_candidate(const struct model *m, struct reading *r, struct answer *ans,
                          struct json_object **ret_choice)
{
    r->reason = reason_of(json_get_str(r->candidate, "finishReason"));
    if (r->reason->class != CLASS_OK) {
        broken(m, r, ans);
        return -1;
    }
    read_parts(r);
    /* Cut or filtered before the first word is an end: a repeat would cost as much and end alike. */
    if (r->text.len == 0 && !has_calls(r) && r->reason->finish != FINISH_LENGTH &&
        r->reason->finish != FINISH_CONTENT_FILTER) {
        failure_bad_response(ans, "empty_answer", "the answer has no text and no tool call");
        return -1;
    }
    *ret_choice = new_choice(r);
    return 0;
}

/* All candidates to choices; 0, or -1 and ans is a failure. */
static int read_candidates(const struct model *m, const struct task *t, struct json_object *list,
                           struct json_object *choices, struct answer *ans)
{
    size_t n = json_object_array_length(list);
    enum finish finish = FINISH_STOP;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *choice = NULL;
        struct reading r = {.t = t,
                            .candidate = json_object_array_get_idx(list, i),
                            .text = BUF_INIT(TEXT_MAX),
                            .thoughts = BUF_INIT(TEXT_MAX),
                            .calls = json_object_new_array()};
        int bad = 0;

        r.index = json_get_int(r.candidate, "index", (int64_t)i);
        bad = read_candidate(m, &r, ans, &choice);
        if (bad == 0) {
            json_object_array_add(choices, choice);
            finish = incoming_worse(finish, finish_of(&r));
        }
        json_object_put(r.calls);
        buf_done(&r.text);
        buf_done(&r.thoughts);
        if (bad < 0)
            return -1;
    }
    ans->finish = finish;
    return 0;
}

/* No candidates: the prompt was refused, or the answer is none. */
static void no_candidates(const struct model *m, struct json_object *root, struct answer *ans)
{
    struct json_object *feedback = json_get(root, "promptFeedback");
    const char *reason = json_get_str(feedback, "blockReason");
    const char *words = json_get_str(feedback, "blockReasonMessage");
    char text[256];
    char clean[sizeof ans->message];

    if (!reason) {
        failure_bad_response(ans, "no_choices", "the answer holds no candidates");
        return;
    }
    snprintf(text, sizeof text, "the prompt was blocked (%s)%s%s", reason, words ? ": " : "",
             words ? words : "");
    redact_into(m, text, clean, sizeof clean);
    failure_said(ans, CLASS_CONTENT_POLICY, "content_filter", clean);
}

/* What was thought is billed as output but counted beside it. Zeros are not written by the API. */
static void read_usage(struct json_object *usage, struct usage *u)
{
    int64_t prompt = incoming_tokens(usage, "promptTokenCount");
    int64_t candidates = incoming_tokens(usage, "candidatesTokenCount");

    u->cached_input_tokens = incoming_tokens(usage, "cachedContentTokenCount");
    u->reasoning_tokens = incoming_tokens(usage, "thoughtsTokenCount");
    if (prompt < 0)
        return;
    u->input_tokens = incoming_sum(prompt, incoming_tokens(usage, "toolUsePromptTokenCount"));
    u->output_tokens = incoming_sum(candidates < 0 ? 0 : candidates, u->reasoning_tokens);
}

/* The provider's word for the service tier that served it, or "": the Gemini API says it in a header,
 * Vertex AI by the traffic it counts as. */
static void read_tier(const struct http_response *rsp, struct json_object *root, char *out,
                      size_t cap)
{
    const char *traffic = json_get_str(json_get(root, "usageMetadata"), "trafficType");

    if (!http_response_header(rsp, "x-gemini-service-tier", out, cap))
        snprintf(out, cap, "%s", traffic ? traffic : "");
}

/* The same in OpenAI's words, of which there is not one for each. */
static void put_tier(const char *theirs, struct json_object *to)
{
    static const char *const words[][2] = {
        {"standard", "default"},
        {"flex", "flex"},
        {"priority", "priority"},
        {"ON_DEMAND", "default"},
        {"ON_DEMAND_FLEX", "flex"},
        {"ON_DEMAND_PRIORITY", "priority"},
        {"PROVISIONED_THROUGHPUT", "scale"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(theirs, words[i][0]) == 0)
            json_object_object_add(to, "service_tier", json_object_new_string(words[i][1]));
    }
}

static struct json_object *new_completion(const struct model *m, const struct task *t,
                                          struct json_object *root, struct json_object *choices,
                                          const struct usage *u)
{
    struct json_object *to = json_object_new_object();

    if (json_get_str(root, "responseId"))
        outgoing_share(to, "id", json_get(root, "responseId"));
    if (json_get_str(root, "modelVersion"))
        outgoing_share(to, "model", json_get(root, "modelVersion"));
    incoming_envelope(m, t, "chat.completion", to);
    outgoing_share(to, "choices", choices);
    if (u->input_tokens >= 0)
        json_object_object_add(to, "usage", incoming_chat_usage(u));
    return to;
}

void gemini_read(const struct model *m, const struct task *t, const struct http_response *rsp,
                 struct json_object *root, struct answer *ans)
{
    struct json_object *list = json_get_type(root, "candidates", json_type_array);
    CLEANUP_JSON struct json_object *choices = json_object_new_array();
    CLEANUP_JSON struct json_object *completion = NULL;
    char tier[64];

    read_tier(rsp, root, tier, sizeof tier);
    ans->tier = service_tier_of(tier);
    read_usage(json_get(root, "usageMetadata"), &ans->usage);
    if (!*ans->request_id && json_get_str(root, "responseId"))
        redact_into(m, json_get_str(root, "responseId"), ans->request_id, sizeof ans->request_id);
    if (!list || json_object_array_length(list) == 0) {
        no_candidates(m, root, ans);
        return;
    }
    if (read_candidates(m, t, list, choices, ans) < 0)
        return;
    completion = new_completion(m, t, root, choices, &ans->usage);
    incoming_model(m, completion, ans);
    put_tier(tier, completion);
    incoming_close(completion, ans->finish, ans);
}
