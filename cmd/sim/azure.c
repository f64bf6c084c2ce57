/*
 * azure: Azure OpenAI: OpenAI's chat completions and embeddings below a deployment's path or below
 * /openai/v1, with the results of a content filter in each answer, errors in its own form, and limits
 * that reset in whole seconds. Of what a fault of kind "filter" hits, the filter stops half at the
 * prompt (400) and half in the answer, by the request's digest. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/sim/dialects.h"

static const char *const categories[] = {"hate", "self_harm", "sexual", "violence"};

/* ---- requests -------------------------------------------------------------------------------- */

/* The value of api-version in the query, cut to cap; "" when there is none. */
static void version_of(const char *url, char *out, size_t cap)
{
    const char *at = strchr(url, '?');
    static const char key[] = "api-version=";

    *out = 0;
    while (at && strncmp(at + 1, key, sizeof key - 1) != 0)
        at = strchr(at + 1, '&');
    if (at)
        snprintf(out, cap, "%.*s", (int)strcspn(at + sizeof key, "&"), at + sizeof key);
}

static bool is_classic(const struct sim_ask *a)
{
    return strncmp(a->url, "/openai/deployments/", strlen("/openai/deployments/")) == 0;
}

/* The classic form needs a version, the v1 form knows its own only. */
static int read_version(const struct sim_ask *a, struct sim_fail *f)
{
    char version[64];

    version_of(a->url, version, sizeof version);
    if (is_classic(a) && !*version) {
        *f = (struct sim_fail){.error = SIM_NO_PATH};
        snprintf(f->message, sizeof f->message, "Resource not found (no api-version in the query)");
        return -1;
    }
    if (!is_classic(a) && *version && strcmp(version, "v1") != 0 && strcmp(version, "preview") != 0)
        return sim_ask_invalid(f, NULL, "API version not supported");
    return 0;
}

static int read_chat(struct sim_ask *a, struct sim_fail *f)
{
    return read_version(a, f) < 0 ? -1 : sim_chat.read(a, f);
}

static int read_embeddings(struct sim_ask *a, struct sim_fail *f)
{
    return read_version(a, f) < 0 ? -1 : sim_embeddings.read(a, f);
}

/* ---- answers --------------------------------------------------------------------------------- */

static struct json_object *filter_results(bool filtered)
{
    struct json_object *o = json_object_new_object();

    for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
        struct json_object *one = json_object_new_object();
        bool hit = filtered && i == 0;

        json_object_object_add(one, "filtered", json_object_new_boolean(hit));
        json_object_object_add(one, "severity", json_object_new_string(hit ? "high" : "safe"));
        json_object_object_add(o, categories[i], one);
    }
    return o;
}

static void refuse_prompt(struct sim_reply *r)
{
    struct json_object *inner = json_object_new_object();

    json_object_object_add(inner, "code", json_object_new_string("ResponsibleAIPolicyViolation"));
    json_object_object_add(inner, "content_filter_result", filter_results(true));
    r->status = 400;
    buf_str(&r->body, "{\"error\":{\"message\":\"The prompt was stopped by the content filter "
                      "(simulated).\",\"type\":null,\"param\":\"prompt\",\"code\":"
                      "\"content_filter\",\"status\":400,\"innererror\":");
    json_write(inner, &r->body);
    buf_str(&r->body, "}}");
    json_object_put(inner);
}

/* What the filter found, beside each choice and for the prompt. */
static void add_results(struct json_object *root, bool filtered)
{
    struct json_object *choices = json_get_type(root, "choices", json_type_array);
    struct json_object *prompt = json_object_new_object(), *list = json_object_new_array();

    for (size_t i = 0; choices && i < json_object_array_length(choices); i++)
        json_object_object_add(json_object_array_get_idx(choices, i), "content_filter_results",
                               filter_results(filtered));
    json_object_object_add(prompt, "prompt_index", json_object_new_int(0));
    json_object_object_add(prompt, "content_filter_results", filter_results(false));
    json_object_array_add(list, prompt);
    json_object_object_add(root, "prompt_filter_results", list);
}

static void answer(struct sim_reply *r, const struct sim_setup *s, const struct sim_ask *a,
                   enum sim_kind twist)
{
    CLEANUP_JSON struct json_object *root = NULL;

    if (twist == SIM_FILTER && a->digest % 2) {
        refuse_prompt(r);
        return;
    }
    sim_chat.answer(r, s, a, twist);
    if (r->body.over || json_parse_answer(r->body.data, r->body.len, &root) < 0)
        return;
    add_results(root, twist == SIM_FILTER);
    buf_clear(&r->body);
    json_write(root, &r->body);
}

static void answer_embeddings(struct sim_reply *r, const struct sim_setup *s,
                              const struct sim_ask *a, enum sim_kind twist)
{
    sim_embeddings.answer(r, s, a, twist);
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* The gateway's errors have a code and a message only; without a code here: OpenAI's form. */
static const struct {
    int status;
    const char *code, *message; /* message NULL: that of the failure */
} errors[SIM_ERRORS] = {
    [SIM_NO_PATH] = {404, "404", NULL},
    [SIM_BAD_KEY] = {401, "401", "Access denied: the key is invalid (simulated)."},
    [SIM_NO_MODEL] = {404, "DeploymentNotFound", "There is no such deployment (simulated)."},
    [SIM_RATE] = {429, "RateLimitReached", NULL},
    [SIM_SERVER_ERROR] = {500, "InternalServerError", NULL},
    [SIM_UNAVAILABLE] = {503, "ServiceUnavailable", NULL},
    [SIM_OVERLOADED] = {429, "429", "The system is experiencing high demand (simulated)."},
};

static void fail(struct sim_reply *r, const struct sim_fail *f)
{
    const char *message = errors[f->error].message ? errors[f->error].message : f->message;

    if (!errors[f->error].code) {
        sim_openai_error(r, f);
        return;
    }
    r->status = f->status ? f->status : errors[f->error].status;
    buf_printf(&r->body, "{\"error\":{\"code\":\"%s\",\"message\":", errors[f->error].code);
    buf_json_str(&r->body, message, strlen(message));
    buf_str(&r->body, "}}");
}

static void pace(struct sim_reply *r, const struct sim_pace *p)
{
    if (strchr(p->what, '-'))
        return; /* input and output are not told apart */
    if (p->limit >= 0)
        buf_printf(&r->headers, "x-ratelimit-limit-%s: %lld\r\n", p->what, (long long)p->limit);
    buf_printf(&r->headers,
               "x-ratelimit-remaining-%s: %lld\r\n"
               "x-ratelimit-reset-%s: %lld\r\n",
               p->what, (long long)p->left, p->what, (long long)((p->reset_ms + 999) / 1000));
}

const struct sim_dialect sim_azure = {
    .name = "azure",
    .paths = (const char *const[]){"/openai/deployments/*/chat/completions",
                                   "/openai/v1/chat/completions", NULL},
    .read = read_chat,
    .answer = answer,
    .error = fail,
    .pace = pace,
};

const struct sim_dialect sim_azure_embeddings = {
    .name = "azure-embeddings",
    .paths =
        (const char *const[]){"/openai/deployments/*/embeddings", "/openai/v1/embeddings", NULL},
    .read = read_embeddings,
    .answer = answer_embeddings,
    .error = fail,
    .pace = pace,
};
