/*
 * ollama_response: answers, put into the form in which openai_read_chat() and openai_read_vectors()
 * judge and repair them. Thinking goes apart as reasoning_content; arguments of tool calls become
 * strings, and calls without an id get one that is the same each time.
 */
#include "providers/ollama.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/incoming.h"
#include "providers/openai.h"
#include "providers/vector.h"

#define ID_HEX 16 /* digits of the request's digest in the id of a call */

/* What the request of a task on a row said of the context window. */
struct wish {
    int64_t window; /* 0: the server's own */
    bool truncate;  /* a long prompt may be cut */
    bool shift;     /* a long answer may push the prompt out */
};

/* Takes up what an object in the API's form says. */
static void read_wish(struct json_object *o, struct wish *w)
{
    w->window = json_get_int(json_get(o, "options"), "num_ctx", w->window);
    w->truncate = json_get_bool(o, "truncate", w->truncate);
    w->shift = json_get_bool(o, "shift", w->shift);
}

/* In the order of ollama.c and outgoing.c: the row, the request, extra_body. */
static struct wish wish_of(const struct model *m, const struct task *t)
{
    CLEANUP_JSON struct json_object *extra = NULL;
    struct wish w = {.window = json_get_int(t->body, "num_ctx", m->max_input_tokens)};

    read_wish(t->body, &w);
    if (m->extra_body && json_parse(m->extra_body, strlen(m->extra_body), &extra, NULL) == 0)
        read_wish(extra, &w);
    return w;
}

static struct json_object *new_call(const struct task *t, struct json_object *theirs, size_t i)
{
    struct json_object *call = json_object_new_object();
    char hex[2 * SHA256_LEN + 1] = "0";
    char id[ID_HEX + 32];

    if (t->has_digest)
        sha256_hex(t->digest, hex);
    snprintf(id, sizeof id, "call_%.*s_%zu", ID_HEX, hex, i);
    if (json_get_str(theirs, "id") && *json_get_str(theirs, "id"))
        outgoing_share(call, "id", json_get(theirs, "id"));
    else
        json_object_object_add(call, "id", json_object_new_string(id));
    if (json_get_type(theirs, "function", json_type_object)) {
        struct json_object *function = json_object_new_object();

        outgoing_share(function, "name", json_get(json_get(theirs, "function"), "name"));
        outgoing_share(function, "arguments", json_get(json_get(theirs, "function"), "arguments"));
        json_object_object_add(call, "function", function);
    }
    return call;
}

static struct json_object *new_message(const struct task *t, struct json_object *theirs)
{
    struct json_object *calls = json_get_type(theirs, "tool_calls", json_type_array);
    struct json_object *thinking = json_get_type(theirs, "thinking", json_type_string);
    struct json_object *content = json_get_type(theirs, "content", json_type_string);
    struct json_object *message = json_object_new_object();
    size_t n = calls ? json_object_array_length(calls) : 0;
    size_t i = 0;

    if (content && (n == 0 || json_object_get_string_len(content) > 0))
        outgoing_share(message, "content", content);
    if (thinking && json_object_get_string_len(thinking) > 0)
        outgoing_share(message, "reasoning_content", thinking);
    if (n > 0) {
        struct json_object *list = json_object_new_array_ext((int)n);

        for (i = 0; i < n; i++)
            json_object_array_add(list, new_call(t, json_object_array_get_idx(calls, i), i));
        json_object_object_add(message, "tool_calls", list);
    }
    return message;
}

static struct json_object *new_choice(const struct task *t, struct json_object *root)
{
    struct json_object *theirs = json_get(root, "message");
    struct json_object *calls = json_get_type(theirs, "tool_calls", json_type_array);
    struct json_object *logprobs = json_get_type(root, "logprobs", json_type_array);
    struct json_object *choice = json_object_new_object();
    const char *reason = json_get_str(root, "done_reason");

    json_object_object_add(choice, "index", json_object_new_int(0));
    json_object_object_add(choice, "message", new_message(t, theirs));
    if (logprobs) {
        struct json_object *ours = json_object_new_object();

        outgoing_share(ours, "content", logprobs);
        json_object_object_add(choice, "logprobs", ours);
    }
    if (!reason)
        return choice;
    json_object_object_add(choice, "native_finish_reason", json_object_new_string(reason));
    if (strcmp(reason, "stop") == 0 && calls && json_object_array_length(calls) > 0)
        reason = "tool_calls";
    json_object_object_add(choice, "finish_reason", json_object_new_string(reason));
    return choice;
}

static struct json_object *new_usage(int64_t in, int64_t out)
{
    struct json_object *usage = json_object_new_object();

    json_object_object_add(usage, "prompt_tokens", json_object_new_int64(in));
    json_object_object_add(usage, "completion_tokens", json_object_new_int64(out));
    return usage;
}

/*
 * Was some of the prompt lost? Servers older than the fields truncate and shift cut it all the same:
 * then it fills the window, or prompt and answer together are longer than the window.
 */
static bool truncated(const struct wish *w, const struct usage *u)
{
    return w->window > 0 && u->input_tokens >= w->window;
}

/* One token more is an answer that ended because the window was full. */
static bool shifted(const struct wish *w, const struct usage *u)
{
    return w->window > 0 && u->input_tokens >= 0 && !truncated(w, u) &&
           u->output_tokens - 1 > w->window - u->input_tokens;
}

/* Is this an answer, and to the whole request? */
static bool whole(const struct wish *w, struct json_object *root, struct answer *ans)
{
    const char *reason = json_get_str(root, "done_reason");

    if (!json_get_bool(root, "done", false)) {
        failure_bad_response(ans, "not_done", "the answer says that it is not done");
        return false;
    }
    if (reason && (strcmp(reason, "load") == 0 || strcmp(reason, "unload") == 0)) {
        failure_bad_response(ans, reason, "the model was loaded or unloaded and did not answer");
        return false;
    }
    if ((truncated(w, &ans->usage) && !w->truncate) || (shifted(w, &ans->usage) && !w->shift)) {
        failure_bad_response(ans, "prompt_truncated",
                             "the prompt did not fit the context window and was cut; raise "
                             "model_info.max_input_tokens or options.num_ctx");
        ans->class = CLASS_CONTEXT_WINDOW;
        return false;
    }
    return true;
}

void ollama_read_chat(const struct model *m, const struct task *t, struct json_object *root,
                      struct answer *ans)
{
    CLEANUP_JSON struct json_object *to = json_object_new_object();
    const struct wish w = wish_of(m, t);
    struct json_object *choices = NULL;

    ans->usage.input_tokens = incoming_tokens(root, "prompt_eval_count");
    ans->usage.output_tokens = incoming_tokens(root, "eval_count");
    if (!whole(&w, root, ans))
        return;
    if (json_get_str(root, "model"))
        outgoing_share(to, "model", json_get(root, "model"));
    choices = json_object_new_array_ext(1);
    json_object_array_add(choices, new_choice(t, root));
    json_object_object_add(to, "choices", choices);
    if (ans->usage.input_tokens >= 0 && ans->usage.output_tokens >= 0)
        json_object_object_add(to, "usage",
                               new_usage(ans->usage.input_tokens, ans->usage.output_tokens));
    openai_read_chat(m, t, to, ans);
    if (truncated(&w, &ans->usage) || shifted(&w, &ans->usage))
        ans->finish = FINISH_OTHER; /* as it was asked for, but not to be cached */
}

void ollama_read_embeddings(const struct model *m, const struct task *t, struct json_object *root,
                            struct answer *ans)
{
    struct json_object *vectors = json_get_type(root, "embeddings", json_type_array);
    CLEANUP_JSON struct json_object *list = NULL;
    const char *form = json_get_str(t->body, "encoding_format");
    size_t n = vectors ? json_object_array_length(vectors) : 0;
    size_t i = 0;

    if (form && strcmp(form, "base64") == 0) {
        list = json_object_new_array();
        for (i = 0; i < n; i++)
            json_object_array_add(list, vector_pack(json_object_array_get_idx(vectors, i)));
        vectors = list;
    }
    openai_read_vectors(m, t, vectors, incoming_tokens(root, "prompt_eval_count"), ans);
}
