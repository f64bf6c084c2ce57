/*
 * openai: writes requests of OpenAI's dialect. The body of the task goes out as it is, in a shallow
 * copy, save for the model's name, streaming, and what the vendor's row says it does not know.
 */
#include "providers/openai.h"

#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/failure.h"
#include "providers/incoming.h"
#include "providers/outgoing.h"

/* Replies are one record, so nothing is ever streamed. */
static bool never_sent(const char *key)
{
    return strcmp(key, "model") == 0 || strcmp(key, "stream") == 0 ||
           strcmp(key, "stream_options") == 0;
}

static bool has_quirk(const struct model *m, unsigned quirk)
{
    return m->vendor && (m->vendor->quirks & quirk);
}

/*
 * Both names mean the same, hosts differ in which they take. Behind a vendor's name but another
 * address we do not know what is there, and the caller's choice of name stands.
 */
static void rename_max_tokens(struct outgoing *o)
{
    const struct vendor *v = o->m->vendor;
    struct json_object *new_name = json_get(o->body, "max_completion_tokens");
    struct json_object *old_name = json_get(o->body, "max_tokens");

    if (has_quirk(o->m, QUIRK_MAX_TOKENS)) {
        if (new_name)
            outgoing_share(o->body, "max_tokens", new_name);
        json_object_object_del(o->body, "max_completion_tokens");
        return;
    }
    if (!old_name || !v || !v->api_base || strcmp(v->api_base, o->m->api_base) != 0)
        return;
    if (!new_name)
        outgoing_share(o->body, "max_completion_tokens", old_name);
    json_object_object_del(o->body, "max_tokens");
}

static int refuse_reasoning(struct outgoing *o)
{
    if (!has_quirk(o->m, QUIRK_NO_REASONING) || !json_get(o->body, "reasoning_effort"))
        return 0;
    if (outgoing_refuse(o, "this host knows no reasoning_effort", "reasoning_effort") < 0)
        return -1;
    json_object_object_del(o->body, "reasoning_effort");
    return 0;
}

static bool is_developer(struct json_object *message)
{
    const char *role = json_get_str(message, "role");

    return role && strcmp(role, "developer") == 0;
}

static struct json_object *as_system(struct json_object *message)
{
    struct json_object *copy = json_object_new_object();

    json_object_object_foreach(message, key, value)
    {
        outgoing_share(copy, key, value);
    }
    json_object_object_add(copy, "role", json_object_new_string("system"));
    return copy;
}

/* A new array only when there is something to change: prompts are long. */
static void developer_to_system(struct outgoing *o)
{
    struct json_object *from = json_get_type(o->body, "messages", json_type_array);
    struct json_object *to = NULL;
    size_t n = from ? json_object_array_length(from) : 0;
    size_t found = 0;
    size_t i = 0;

    for (i = 0; i < n; i++)
        found += is_developer(json_object_array_get_idx(from, i));
    if (found == 0 || !has_quirk(o->m, QUIRK_NO_DEVELOPER))
        return;
    to = json_object_new_array_ext((int)n);
    for (i = 0; i < n; i++) {
        struct json_object *message = json_object_array_get_idx(from, i);

        json_object_array_add(to, is_developer(message) ? as_system(message)
                                                        : json_object_get(message));
    }
    json_object_object_add(o->body, "messages", to);
}

static const char *path_of(enum operation op)
{
    return op == OP_EMBEDDINGS ? "/embeddings" : "/chat/completions";
}

static int openai_format(const struct model *m, struct task *t, struct http_request *req,
                         struct err *e)
{
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    struct outgoing o = {.m = m, .t = t, .req = req, .body = body, .e = e};

    outgoing_begin(&o);
    if (t->op == OP_RESPONSES)
        return err_set(e, EX_DATAERR,
                       "url: /v1/responses is not supported by provider %s in this version; use "
                       "/v1/chat/completions",
                       m->provider_name);
    json_object_object_add(body, "model", json_object_new_string(m->upstream_model));
    json_object_object_foreach(t->body, key, value)
    {
        if (!never_sent(key))
            outgoing_share(body, key, value);
    }
    if (t->op == OP_CHAT) {
        rename_max_tokens(&o);
        developer_to_system(&o);
        if (refuse_reasoning(&o) < 0)
            return -1;
    }
    if (outgoing_bearer(&o) < 0)
        return -1;
    return outgoing_finish(&o, path_of(t->op));
}

static void openai_parse(const struct model *m, const struct task *t,
                         const struct http_response *rsp, struct answer *ans)
{
    CLEANUP_JSON struct json_object *root = NULL;

    if (incoming_open(m, rsp, ans, &root) == INCOMING_FAILED)
        return;
    incoming_model(m, root, ans);
    ans->tier = service_tier_of(json_get_str(root, "service_tier"));
    if (t->op == OP_EMBEDDINGS)
        openai_read_embeddings(m, t, root, ans);
    else
        openai_read_chat(m, t, root, ans);
}

const struct provider provider_openai = {
    .name = "openai",
    .check = outgoing_check,
    .format_request = openai_format,
    .parse_response = openai_parse,
};
