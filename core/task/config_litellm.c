/*
 * config_litellm: see config_litellm.h. Which keys are ours is asked of the tables of the configuration, so that a key
 * of the same name is carried over without a word here.
 */
#include "task/config_litellm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "task/config_table.h"
#include "task/config_tree.h"

struct import {
    struct buf *out;
    const struct conf_node *root;
    void (*say)(void *arg, const char *line);
    void *arg;
};

/* Providers that have another name here; "" in front of a model that names none. */
static const struct {
    const char *theirs, *ours;
} renamed[] = {
    {"together_ai", "together"}, {"fireworks_ai", "fireworks"}, {"hosted_vllm", "vllm"},
    {"nvidia_nim", "nvidia"},    {"lm_studio", "lmstudio"},     {"cohere_chat", "cohere"},
    {"ollama", "ollama_chat"},   {"meta_llama", "meta"},        {"vertex_ai_beta", "vertex_ai"},
    {"openai_like", "openai"},   {"custom_openai", "openai"},   {"litellm_proxy", "openai"},
    {"llamafile", "llamacpp"},
};

/* What a model without a provider in front of it is taken for, by how its name begins. */
static const struct {
    const char *begins, *provider;
} guesses[] = {
    {"gpt-", "openai"},       {"o1", "openai"},         {"o3", "openai"},
    {"o4", "openai"},         {"chatgpt-", "openai"},   {"text-embedding-", "openai"},
    {"claude-", "anthropic"}, {"gemini-", "vertex_ai"}, {"command-", "cohere"},
    {"embed-", "cohere"},     {"mistral-", "mistral"},
};

/* Keys that mean nothing to a client of a provider, or what stands for them here. */
static const struct {
    const char *key, *word;
} left_out[] = {
    {"general_settings", "belongs to the proxy (keys, users, database)"},
    {"environment_variables", "set them in the environment of the worker"},
    {"redis_host", "limits are shared by the partitions of the topic, without Redis"},
    {"redis_port", "limits are shared by the partitions of the topic, without Redis"},
    {"redis_password", "limits are shared by the partitions of the topic, without Redis"},
    {"redis_url", "limits are shared by the partitions of the topic, without Redis"},
    {"cache", "the cache on disk is always there: see cache.enabled"},
    {"cache_params", "the cache on disk is always there: see cache.path, cache.ttl"},
    {"enable_pre_call_checks", "a prompt that is too long goes to context_window_fallbacks"},
    {"stream_timeout", "answers are not streamed"},
    {"max_retries", "see router_settings.num_retries"},
    {"mode", "see params.mode"},
    {"request_timeout", "see params.timeout of each row"},
    {"set_verbose", "see observability.log_level"},
    {"success_callback", "see observability.listen for metrics"},
    {"failure_callback", "see observability.listen for metrics"},
    {"callbacks", "see observability.listen for metrics"},
};

__attribute__((format(printf, 3, 4))) static void
say(const struct import *im, const struct conf_node *n, const char *fmt, ...)
{
    char what[512];
    char line[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(line, sizeof line, "%s:%d: `%.100s` %s", n->origin, n->key ? n->key_line : n->line,
             n->key ? n->key : "?", what);
    im->say(im->arg, line);
}

static void say_left_out(const struct import *im, const struct conf_node *n)
{
    for (size_t i = 0; i < ARRAY_LEN(left_out); i++) {
        if (strcmp(left_out[i].key, n->key) == 0) {
            say(im, n, "is left out: %s", left_out[i].word);
            return;
        }
    }
    say(im, n, "is left out: there is nothing like it here");
}

static bool is_plain(const char *t)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";

    return *t && *t != '-' && !t[strspn(t, good)];
}

/* One scalar; "${" would be a variable here. */
static void put_text(struct buf *out, const char *text, bool quoted)
{
    struct buf copy = BUF_INIT((size_t)1 << 20);

    if (!quoted && is_plain(text)) {
        buf_str(out, text);
        return;
    }
    for (; *text; text++) {
        if (text[0] == '$' && text[1] == '{')
            buf_char(&copy, '$');
        buf_char(&copy, *text);
    }
    buf_json_str(out, copy.data ? copy.data : "", copy.len);
    buf_done(&copy);
}

/* A value in one line: plain, [a, b] or {a: b}. */
static void put_value(struct buf *out, const struct conf_node *n)
{
    if (n->kind == CONF_SCALAR) {
        if (conf_node_null(n))
            buf_str(out, "null");
        else
            put_text(out, n->text, n->quoted);
        return;
    }
    buf_char(out, n->kind == CONF_MAP ? '{' : '[');
    for (size_t i = 0; i < n->count; i++) {
        buf_str(out, i ? ", " : "");
        if (n->kind == CONF_MAP) {
            put_text(out, n->at[i]->key, false);
            buf_str(out, ": ");
        }
        put_value(out, n->at[i]);
    }
    buf_char(out, n->kind == CONF_MAP ? '}' : ']');
}

static void put_entry(struct buf *out, const char *indent, const char *key,
                      const struct conf_node *n)
{
    buf_printf(out, "%s%s: ", indent, key);
    put_value(out, n);
    buf_char(out, '\n');
}

static bool is_ours(const struct conf_row *rows, const char *above, const char *key)
{
    size_t n = strlen(above);

    for (; rows->path; rows++) {
        if (strncmp(rows->path, above, n) == 0 && strcmp(rows->path + n, key) == 0)
            return true;
    }
    return false;
}

static const char *text_of(const struct conf_node *map, const char *key)
{
    const struct conf_node *n = map ? conf_node_get(map, key) : NULL;

    return n && n->kind == CONF_SCALAR && !conf_node_null(n) ? n->text : NULL;
}

/* ---- model_list ---- */

/* The provider in front of the name, as it is called here; *rest: what stands behind it. */
static const char *provider_of(const struct import *im, const struct conf_node *n, char *own,
                               size_t cap, const char **rest)
{
    const char *slash = strchr(n->text, '/');

    *rest = n->text;
    for (size_t i = 0; !slash && i < ARRAY_LEN(guesses); i++) {
        if (strncmp(n->text, guesses[i].begins, strlen(guesses[i].begins)) == 0)
            return guesses[i].provider;
    }
    if (!slash) {
        say(im, n, "%.100s names no provider; openai is put in front of it", n->text);
        return "openai";
    }
    snprintf(own, cap, "%.*s", (int)(slash - n->text), n->text);
    *rest = slash + 1;
    for (size_t i = 0; i < ARRAY_LEN(renamed); i++) {
        if (strcmp(renamed[i].theirs, own) == 0)
            return renamed[i].ours;
    }
    return own;
}

static void put_model_name(const struct import *im, const struct conf_node *n)
{
    static const char *const ways[] = {"converse/", "invoke/", "converse_like/"};
    char own[64];
    const char *rest = NULL;
    const char *provider = provider_of(im, n, own, sizeof own, &rest);

    if (strchr(n->text, '*'))
        say(im, n, "%.100s stands for many models, and is one here: write a row for each", n->text);
    for (size_t i = 0; strcmp(provider, "bedrock") == 0 && i < ARRAY_LEN(ways); i++) {
        if (strncmp(rest, ways[i], strlen(ways[i])) == 0)
            rest += strlen(ways[i]); /* there is one way: Converse */
    }
    buf_printf(im->out, "      model: ");
    {
        struct buf whole = BUF_INIT(4096);

        buf_printf(&whole, "%s/%s", provider, rest);
        put_text(im->out, whole.data, false);
        buf_done(&whole);
    }
    buf_char(im->out, '\n');
}

static void put_params(const struct import *im, const struct conf_node *params)
{
    const char *model = text_of(params, "model");

    buf_str(im->out, "    params:\n");
    for (size_t i = 0; i < params->count; i++) {
        const struct conf_node *n = params->at[i];
        const char *base = strcmp(n->key, "base_url") == 0 ? "api_base" : n->key;

        if (strcmp(n->key, "model") == 0 && n->kind == CONF_SCALAR && model) {
            put_model_name(im, n);
        } else if (strcmp(n->key, "organization") == 0) {
            buf_str(im->out, "      extra_headers: {OpenAI-Organization: ");
            put_value(im->out, n);
            buf_str(im->out, "}\n");
        } else if (is_ours(conf_model_rows, "params.", base)) {
            put_entry(im->out, "      ", base, n);
        } else if (!is_ours(conf_model_rows, "model_info.", n->key)) {
            say_left_out(im, n);
        }
    }
}

/* What a row serves is asked of the request here; of others than these it has to be said. */
static bool is_usual_mode(const struct conf_node *n)
{
    return strcmp(n->key, "mode") == 0 && n->kind == CONF_SCALAR && !conf_node_null(n) &&
           (strcmp(n->text, "chat") == 0 || strcmp(n->text, "embedding") == 0);
}

/* Prices may stand beside the parameters, too. */
static void put_info(const struct import *im, const struct conf_node *params,
                     const struct conf_node *info)
{
    const struct conf_node *both[] = {info, params};
    bool begun = false;

    for (size_t b = 0; b < 2; b++) {
        for (size_t i = 0; both[b] && i < both[b]->count; i++) {
            const struct conf_node *n = both[b]->at[i];
            bool again = b == 1 && info && conf_node_get(info, n->key);

            if (is_ours(conf_model_rows, "model_info.", n->key) && !again) {
                buf_str(im->out, begun ? "" : "    model_info:\n");
                put_entry(im->out, "      ", n->key, n);
                begun = true;
            } else if (b == 0 && strcmp(n->key, "id") != 0 && !is_usual_mode(n)) {
                say_left_out(im, n);
            }
        }
    }
}

static int put_row(const struct import *im, const struct conf_node *row, struct err *e)
{
    const struct conf_node *name = NULL;
    const struct conf_node *params = NULL;
    const struct conf_node *info = NULL;

    if (row->kind == CONF_MAP) {
        name = conf_node_get(row, "model_name");
        params = conf_node_get(row, "litellm_params");
        info = conf_node_get(row, "model_info");
    }
    if (!name || !params || params->kind != CONF_MAP || !text_of(params, "model"))
        return conf_node_err(row, e, "a row of model_list has model_name and litellm_params.model");
    if (info && info->kind != CONF_MAP)
        return conf_node_err(info, e, "model_info is no map");
    buf_str(im->out, "  - model_name: ");
    put_value(im->out, name);
    buf_char(im->out, '\n');
    put_params(im, params);
    put_info(im, params, info);
    for (size_t i = 0; i < row->count; i++) {
        if (row->at[i] != name && row->at[i] != params && row->at[i] != info)
            say_left_out(im, row->at[i]);
    }
    return 0;
}

/* ---- settings ---- */

/* The strategies that keep a row within its limits, which each of ours does. */
static bool is_by_usage(const struct conf_node *n)
{
    return strcmp(n->key, "routing_strategy") == 0 && n->kind == CONF_SCALAR &&
           strncmp(n->text, "usage-based-routing", strlen("usage-based-routing")) == 0;
}

/* litellm_settings holds some of what stands in router_settings, which goes first. */
static void put_router(const struct import *im)
{
    const struct conf_node *maps[] = {conf_node_get(im->root, "router_settings"),
                                      conf_node_get(im->root, "litellm_settings")};
    bool begun = false;

    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; maps[m] && i < maps[m]->count; i++) {
            const struct conf_node *n = maps[m]->at[i];
            bool again = m == 1 && maps[0] && conf_node_get(maps[0], n->key);

            if (m == 1 && strcmp(n->key, "drop_params") == 0)
                continue;
            if (is_by_usage(n)) {
                say(im, n, "is left out: %s; rows are chosen within their limits here", n->text);
            } else if (!is_ours(conf_rows, "router_settings.", n->key)) {
                say_left_out(im, n);
            } else if (again) {
                say(im, n, "is left out: router_settings says it already");
            } else {
                buf_str(im->out, begun ? "" : "router_settings:\n");
                put_entry(im->out, "  ", n->key, n);
                begun = true;
            }
        }
    }
}

static void put_rest(const struct import *im)
{
    static const char *const done[] = {"model_list", "router_settings", "litellm_settings"};
    const char *drop = text_of(conf_node_get(im->root, "litellm_settings"), "drop_params");

    if (drop)
        buf_printf(im->out, "drop_params: %s\n", strcasecmp(drop, "true") == 0 ? "true" : "false");
    for (size_t i = 0; i < im->root->count; i++) {
        const struct conf_node *n = im->root->at[i];
        bool was = false;

        for (size_t d = 0; d < ARRAY_LEN(done); d++)
            was |= strcmp(done[d], n->key) == 0;
        if (!was)
            say_left_out(im, n);
    }
}

static int check_maps(const struct conf_node *root, struct err *e)
{
    static const char *const maps[] = {"router_settings", "litellm_settings"};
    const struct conf_node *list =
        root->kind == CONF_MAP ? conf_node_get(root, "model_list") : NULL;

    if (!list || list->kind != CONF_SEQUENCE || list->count == 0)
        return conf_node_err(root, e, "this is no configuration of LiteLLM: it has no model_list");
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        const struct conf_node *n = conf_node_get(root, maps[i]);

        if (n && n->kind != CONF_MAP && !conf_node_null(n))
            return conf_node_err(n, e, "%s is no map", maps[i]);
    }
    return 0;
}

int config_import_litellm(const char *text, size_t len, const char *name, struct buf *out,
                          void (*say_line)(void *arg, const char *line), void *arg, struct err *e)
{
    struct conf_node *root = NULL;
    struct import im = {.out = out, .say = say_line, .arg = arg};
    int rc = conf_tree_parse(text, len, name, true, &root, e);

    if (rc == 0)
        rc = check_maps(root, e);
    im.root = root;
    if (rc == 0)
        buf_str(out, "model_list:\n");
    for (size_t i = 0; rc == 0 && i < conf_node_get(root, "model_list")->count; i++)
        rc = put_row(&im, conf_node_get(root, "model_list")->at[i], e);
    if (rc == 0) {
        put_router(&im);
        put_rest(&im);
    }
    conf_node_free(root);
    if (rc == 0 && out->over)
        rc = err_set(e, EX_DATAERR, "%s: the configuration is too large", name);
    return rc;
}
