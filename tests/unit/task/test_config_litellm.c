/* A configuration of LiteLLM's proxy as ours: what means the same is there, under the names that we have, and of each
 * key that is not there a line says so. */
#include "task/config_litellm.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

#define ROW(params) "model_list:\n- {model_name: m, litellm_params: {" params "}}\n"

static void say(void *arg, const char *line)
{
    buf_printf(arg, "%s\n", line);
}

static int import(const char *text, struct buf *out, struct buf *said, struct err *e)
{
    return config_import_litellm(text, strlen(text), "c.yaml", out, say, said, e);
}

Test(litellm, what_means_the_same_is_carried_over)
{
    static const struct {
        const char *theirs, *ours; /* a part of what is written */
        const char *said;          /* NULL: nothing */
    } rows[] = {
        {ROW("model: groq/x, rpm: 5, api_key: os.environ/K"), "rpm: 5\n      api_key: os.environ/K",
         NULL},
        {ROW("model: gpt-4o"), "model: openai/gpt-4o", NULL},
        {ROW("model: claude-x"), "model: anthropic/claude-x", NULL},
        {ROW("model: strange"), "model: openai/strange", "`model` strange names no provider"},
        {ROW("model: hosted_vllm/a/b"), "model: vllm/a/b", NULL},
        {ROW("model: ollama/x"), "model: ollama_chat/x", NULL},
        {ROW("model: bedrock/converse/x:0"), "model: \"bedrock/x:0\"", NULL},
        {ROW("model: openai/x, base_url: 'http://h/v1'"), "api_base: \"http://h/v1\"", NULL},
        {ROW("model: openai/x, organization: o"), "extra_headers: {OpenAI-Organization: o}", NULL},
        {ROW("model: openai/x, extra_headers: {A: b c}"), "extra_headers: {A: \"b c\"}", NULL},
        {ROW("model: openai/x, input_cost_per_token: 1e-6"),
         "model_info:\n      input_cost_per_token: 1e-6", NULL},
        {ROW("model: openai/x, api_key: 'a${b}'"), "api_key: \"a$${b}\"", NULL},
        {ROW("model: openai/x, temperature: 1"), "model: openai/x\n",
         "c.yaml:2: `temperature` is left out"},
        {ROW("model: openai/x") "router_settings: {num_retries: 7, fallbacks: [{m: [n, o]}]}\n",
         "router_settings:\n  num_retries: 7\n  fallbacks: [{m: [n, o]}]", NULL},
        {ROW("model: openai/x") "litellm_settings: {num_retries: 7, drop_params: True}\n",
         "router_settings:\n  num_retries: 7\ndrop_params: true", NULL},
        {ROW("model: openai/x") "router_settings: {num_retries: 7}\nlitellm_settings: "
                                "{num_retries: 8}\n",
         "num_retries: 7", "c.yaml:4: `num_retries` is left out: router_settings says it already"},
        {ROW("model: 'openai/*'"), "model: \"openai/*\"",
         "c.yaml:2: `model` openai/* stands for many models"},
        {"model_list:\n- {model_name: m, litellm_params: {model: openai/x}, model_info: {mode: "
         "responses}}\n",
         "model: openai/x\n", "c.yaml:2: `mode` is left out: see params.mode"},
        {"model_list:\n- {model_name: m, litellm_params: {model: openai/x}, model_info: {mode: "
         "chat, id: a}}\n",
         "model: openai/x\n", NULL},
        {ROW("model: openai/x") "router_settings: {routing_strategy: usage-based-routing-v2}\n",
         "model: openai/x\n", "c.yaml:3: `routing_strategy` is left out: usage-based-routing-v2"},
        {ROW("model: openai/x") "router_settings: {routing_strategy: least-busy}\n",
         "routing_strategy: least-busy", NULL},
        {ROW("model: openai/x") "litellm_settings: {request_timeout: 60}\n", "model: openai/x\n",
         "c.yaml:3: `request_timeout` is left out: see params.timeout"},
        {ROW("model: openai/x") "general_settings: {master_key: k}\n", "model: openai/x",
         "c.yaml:3: `general_settings` is left out: belongs to the proxy"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT(65536);
        struct buf said = BUF_INIT(65536);
        struct err e = {0};

        cr_assert_eq(import(rows[i].theirs, &out, &said, &e), 0, "%s: %s", rows[i].theirs, e.msg);
        cr_expect_not_null(strstr(out.data, rows[i].ours), "%s gives\n%s", rows[i].theirs,
                           out.data);
        if (rows[i].said)
            cr_expect(said.data && strstr(said.data, rows[i].said), "%s says\n%s", rows[i].theirs,
                      said.data ? said.data : "nothing");
        else
            cr_expect_eq(said.len, 0, "%s says\n%s", rows[i].theirs, said.data);
        buf_done(&out);
        buf_done(&said);
    }
}

Test(litellm, what_is_no_such_configuration_is_refused)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "it has no model_list"},
        {"a: b\n", "it has no model_list"},
        {"model_list: []\n", "it has no model_list"},
        {"- a\n", "it has no model_list"},
        {"model_list: [x]\n", "c.yaml:1:14: a row of model_list has"},
        {"model_list: [{model_name: a}]\n", "a row of model_list has"},
        {"model_list:\n- {model_name: a, litellm_params: {api_key: k}}\n",
         "c.yaml:2:3: a row of model_list has"},
        {ROW("model: openai/x") "router_settings: 5\n", "router_settings is no map"},
        {"model_list:\n- {model_name: a, litellm_params: {model: m}, model_info: 1}\n",
         "model_info is no map"},
        {"model_list: {\n", "c.yaml:"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT(65536);
        struct buf said = BUF_INIT(65536);
        struct err e = {0};

        cr_expect_eq(import(rows[i].text, &out, &said, &e), -1, "%s", rows[i].text);
        cr_expect_not_null(strstr(e.msg, rows[i].why), "%s: %s", rows[i].text, e.msg);
        buf_done(&out);
        buf_done(&said);
    }
}
