/*
 * Settings of a row, the two tables, and the bounds: what check() refuses, and what a request or a
 * response larger than allowed comes to.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/providers.h"

static const struct vendor *find_vendor(const char *name)
{
    size_t i = 0;

    while (vendors[i].name && strcmp(vendors[i].name, name) != 0)
        i++;
    return vendors[i].name ? &vendors[i] : NULL;
}

static const struct provider *find_provider(const char *name)
{
    size_t i = 0;

    while (providers[i] && strcmp(providers[i]->name, name) != 0)
        i++;
    return providers[i];
}

static struct model good_row(const char *vendor)
{
    const struct vendor *v = find_vendor(vendor);

    return (struct model){
        .model_name = (char *)"fast",
        .provider_name = (char *)vendor,
        .upstream_model = (char *)"m",
        .api_base = (char *)v->api_base,
        .api_key = (char *)"sk-12345678",
        .vendor = v,
        .provider = find_provider(v->dialect),
    };
}

Test(settings, vendors_are_sound)
{
    size_t i = 0;
    size_t j = 0;

    for (i = 0; vendors[i].name; i++) {
        const struct vendor *v = &vendors[i];
        size_t found = 0;

        for (j = 0; providers[j]; j++) {
            bool mine = strcmp(providers[j]->name, v->dialect) == 0;

            found += mine;
            if (mine && (v->quirks & QUIRK_RESPONSES))
                cr_expect(providers[j]->responses, "%s: its dialect has no Responses API", v->name);
        }
        cr_expect_eq(found, 1, "%s: dialect %s", v->name, v->dialect);
        cr_expect_eq(find_vendor(v->name), v, "%s stands twice", v->name);
        if (v->api_base)
            cr_expect_neq(v->api_base[strlen(v->api_base) - 1], '/', "%s", v->name);
        if (v->api_key_env) /* keys only over TLS */
            cr_expect_eq(strncmp(v->api_base, "https://", 8), 0, "%s", v->name);
    }
    for (j = 0; providers[j]; j++)
        cr_expect(find_vendor(providers[j]->name), "%s has no row", providers[j]->name);
}

Test(settings, check)
{
    static const struct {
        const char *vendor;
        const char *api_base; /* NULL: the vendor's */
        const char *key;
        const char *upstream;
        const char *extra_body;
        const char *message; /* part of it; NULL: good */
    } rows[] = {
        {"openai", NULL, "sk-1", "m", NULL, NULL},
        {"openai", NULL, "", "m", NULL, "set it or OPENAI_API_KEY"},
        {"openai", "http://127.0.0.1:1/v1", "", "m", NULL, NULL},
        {"openai", NULL, "sk-1", "", NULL, "params.model must be openai/"},
        {"openai", NULL, "sk-1", "m", "{\"a\":1}", NULL},
        {"openai", NULL, "sk-1", "m", "[1]", "extra_body must be an object"},
        {"openai", NULL, "sk-1", "m", "{a", "extra_body"},
        {"openai", "api.openai.com", "sk-1", "m", NULL, "must begin with http"},
        {"cloudflare", NULL, "k", "m", NULL, "has a gap"},
        {"azure", NULL, "k", "m", NULL, "has a gap"},
        {"azure", "https://r.openai.azure.com", "k", "m", NULL, NULL},
        {"azure", "https://r.openai.azure.com/openai/v1", "k", "m", NULL, NULL},
        {"azure", "https://r.openai.azure.com", "", "m", NULL, "params.api_key is missing"},
        {"azure", "http://127.0.0.1:1", "", "m", NULL, NULL},
        {"azure", "https://r.openai.azure.com?api-version=1", "k", "m", NULL,
         "write the version into params.api_version"},
        {"azure", "https://r.openai.azure.com/openai/deployments/d", "k", "m", NULL,
         "the name of the deployment belongs into params.model, behind azure/"},
        {"mistral", NULL, "", "m", NULL, "MISTRAL_API_KEY"},
        {"mistral", NULL, "k", "m", NULL, NULL},
        {"xai", NULL, "", "m", NULL, "XAI_API_KEY|GROK_API_KEY"},
        {"cloudflare", "https://api.cloudflare.com/client/v4/accounts/1/ai/v1", "k", "m", NULL,
         NULL},
        {"sim", NULL, "", "m", NULL, "set params.api_base"},
        {"sim", "http://127.0.0.1:4010/v1", "", "m", NULL, NULL},
        {"vllm", NULL, "", "m", NULL, NULL},
        {"anthropic", NULL, "", "m", NULL, "ANTHROPIC_API_KEY"},
        {"anthropic", NULL, "k", "m", NULL, NULL},
        {"cohere", NULL, "", "m", NULL, "COHERE_API_KEY"},
        {"cohere", NULL, "k", "m", NULL, NULL},
        {"cohere_compat", NULL, "k", "m", NULL, NULL},
        {"bedrock", NULL, "k", "m", NULL, "has a gap"},
        {"bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com", "", "m", NULL, NULL},
        {"bedrock", "http://127.0.0.1:1", "", "..", NULL, "names no model"},
        {"ollama_chat", NULL, "", "m", "{\"options\":{\"num_ctx\":1}}", NULL},
        {"gemini", NULL, "", "m", NULL, "GEMINI_API_KEY"},
        {"gemini", NULL, "k", "gemini-2.5-flash", NULL, NULL},
        {"gemini", NULL, "k", "tunedModels/a", NULL, NULL},
        {"gemini", NULL, "k", "a?b=c", NULL, "params.model a?b=c may hold letters"},
        {"gemini", NULL, "k", "a b", NULL, "params.model a b may hold letters"},
        {"vertex_ai", "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/x",
         "", "m", NULL, "gcloud auth print-access-token"},
        {"vertex_ai", "https://proxy.example/v1", "", "m@001", NULL, NULL},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct model m = good_row(rows[i].vendor);
        struct err e = {0};
        int r = 0;

        if (rows[i].api_base)
            m.api_base = (char *)rows[i].api_base;
        m.api_key = (char *)rows[i].key;
        m.upstream_model = (char *)rows[i].upstream;
        m.extra_body = (char *)rows[i].extra_body;
        r = m.provider->check(&m, &e);
        cr_expect_eq(r, rows[i].message ? -1 : 0, "row %zu: %s", i, e.msg);
        if (rows[i].message)
            cr_expect(strstr(e.msg, rows[i].message), "row %zu: %s", i, e.msg);
    }
}

Test(settings, azure_wants_a_version_that_is_one)
{
    static const struct {
        const char *version;
        bool good;
    } rows[] = {
        {"2024-10-21", true}, {"2025-04-01-preview", true}, {"v1", true},
        {"preview", true},    {"2024-10-21&a=b", false},    {"a b", false},
        {"#", false},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct model m = good_row("azure");
        struct err e = {0};

        m.api_base = (char *)"https://r.openai.azure.com";
        m.api_version = (char *)rows[i].version;
        cr_expect_eq(m.provider->check(&m, &e), rows[i].good ? 0 : -1, "%s: %s", rows[i].version,
                     e.msg);
    }
}

Test(settings, a_token_in_the_headers_stands_for_a_key)
{
    static struct property header = {.name = (char *)"authorization", .value = (char *)"Bearer t"};
    static const char *const names[] = {"azure", "openai"};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        struct model m = good_row(names[i]);
        struct err e = {0};

        if (i == 0)
            m.api_base = (char *)"https://r.openai.azure.com";
        m.api_key = (char *)"";
        cr_expect_eq(m.provider->check(&m, &e), -1, "%s", names[i]);
        m.extra_headers = (struct property_list){&header, 1};
        cr_expect_eq(m.provider->check(&m, &e), 0, "%s: %s", names[i], e.msg);
    }
}

/* Where `check --online` looks, and whether the row's model is one of the names there. */
Test(settings, azure_lists_models_beside_its_deployments)
{
    static const struct {
        const char *base, *version, *url;
    } rows[] = {
        {"https://r.openai.azure.com", "2024-10-21",
         "https://r.openai.azure.com/openai/models?api-version=2024-10-21"},
        {"https://r.openai.azure.com/openai", "2024-10-21",
         "https://r.openai.azure.com/openai/models?api-version=2024-10-21"},
        {"https://r.openai.azure.com", NULL, "https://r.openai.azure.com/openai/v1/models"},
        {"https://r.openai.azure.com/openai/v1", NULL,
         "https://r.openai.azure.com/openai/v1/models"},
        {"https://r.openai.azure.com", "preview",
         "https://r.openai.azure.com/openai/v1/models?api-version=preview"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct model m = good_row("azure");
        struct buf url = BUF_INIT(4096);

        m.api_base = (char *)rows[i].base;
        m.api_version = (char *)rows[i].version;
        cr_expect_eq(m.provider->models_url(&m, &url), PROVIDER_LIST_OTHER);
        cr_expect_str_eq(url.data, rows[i].url);
        buf_done(&url);
    }
}

Test(settings, a_signed_request_keeps_its_own_headers)
{
    static const char *const names[] = {"Host", "x-amz-date", "X-Amz-Security-Token",
                                        "content-type"};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        struct property header = {.name = (char *)names[i], .value = (char *)"x"};
        struct model m = good_row("bedrock");
        struct err e = {0};

        m.api_base = (char *)"https://bedrock-runtime.eu-west-1.amazonaws.com";
        m.extra_headers = (struct property_list){&header, 1};
        cr_expect_eq(m.provider->check(&m, &e), 0, "%s", e.msg);
        m.aws_access_key_id = (char *)"AKID";
        cr_expect_lt(m.provider->check(&m, &e), 0, "%s", names[i]);
        cr_expect(strstr(e.msg, "cannot be set on a request that is signed"), "%s", e.msg);
    }
}

Test(settings, bases_that_are_made)
{
    static const struct {
        const char *vendor, *project, *location;
        const char *base;    /* "": the vendor's own */
        const char *message; /* part of it, instead of a base */
    } rows[] = {
        {"gemini", NULL, NULL, "", NULL},
        {"gemini", "p", "us", "", NULL},
        {"vertex_ai", "p-1", "europe-west4",
         "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4",
         NULL},
        {"vertex_ai", "example.com:p", "global",
         "https://aiplatform.googleapis.com/v1/projects/example.com:p/locations/global", NULL},
        {"vertex_ai", "p", "eu",
         "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu", NULL},
        {"vertex_ai", NULL, "eu", NULL, "needs params.vertex_project and params.vertex_location"},
        {"vertex_ai", "p", "", NULL, "needs params.vertex_project and params.vertex_location"},
        {"vertex_ai", "p/../q", "eu", NULL, "params.vertex_project p/../q may hold letters"},
        {"vertex_ai", "p", "evil.example/", NULL, "params.vertex_location evil.example/ may"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct model m = good_row(rows[i].vendor);
        struct buf base = BUF_INIT(512);
        struct err e = {0};
        int r = 0;

        m.vertex_project = (char *)rows[i].project;
        m.vertex_location = (char *)rows[i].location;
        r = m.provider->make_base(&m, &base, &e);
        cr_expect_eq(r, rows[i].message ? -1 : 0, "row %zu: %s", i, e.msg);
        if (rows[i].message)
            cr_expect(strstr(e.msg, rows[i].message), "row %zu: %s", i, e.msg);
        else
            cr_expect_str_eq(base.data ? base.data : "", rows[i].base, "row %zu", i);
        buf_done(&base);
    }
}

/* The whole way: a file to a row with an address and a key. */
Test(settings, a_row_of_vertex_ai)
{
    static const char text[] =
        "model_list:\n"
        "  - {model_name: a, params: {model: vertex_ai/gemini-2.5-pro, vertex_project: p,\n"
        "     vertex_location: global, api_key: token}}\n"
        "  - {model_name: b, params: {model: vertex_ai/gemini-2.5-pro, api_key: token,\n"
        "     api_base: \"https://proxy.example/v1/\"}}\n";
    static const char bad[] =
        "model_list:\n  - {model_name: a, params: {model: vertex_ai/x, api_key: token}}\n";
    struct config *c = NULL;
    struct err e = {0};

    cr_assert_eq(config_parse(text, sizeof text - 1, "f", NULL, NULL, 0, &c, &e), 0, "%s", e.msg);
    cr_assert_eq(config_resolve(c, providers, vendors, NULL, &e), 0, "%s", e.msg);
    cr_expect_str_eq(c->models[0].api_base,
                     "https://aiplatform.googleapis.com/v1/projects/p/locations/global");
    cr_expect_str_eq(c->models[1].api_base, "https://proxy.example/v1");
    config_free(c);
    cr_assert_eq(config_parse(bad, sizeof bad - 1, "f", NULL, NULL, 0, &c, &e), 0, "%s", e.msg);
    cr_expect_lt(config_resolve(c, providers, vendors, NULL, &e), 0);
    cr_expect(
        strstr(e.msg,
               "configuration:2: model_list a: provider vertex_ai needs params.vertex_project"),
        "%s", e.msg);
    config_free(c);
}

static struct task *small_task(void)
{
    static const char body[] =
        "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    struct task *t = task_new();

    cr_assert_eq(json_parse(body, sizeof body - 1, &t->body, NULL), 0);
    return t;
}

Test(settings, header_injection_is_refused)
{
    size_t i = 0;

    for (i = 0; providers[i]; i++) {
        struct model m = good_row(providers[i]->name);
        struct task *t = small_task();
        struct http_request req;
        struct err e = {0};

        m.api_key = (char *)"sk-12345678\nX-Evil: 1";
        http_request_init(&req, 1 << 16);
        cr_expect_lt(m.provider->format_request(&m, t, &req, &e), 0);
        cr_expect(strstr(e.msg, "control character"), "%s", e.msg);
        cr_expect(!strstr(e.msg, "sk-1"), "the key is in the message: %s", e.msg);
        http_request_done(&req);
        task_free(t);
    }
}

Test(settings, a_request_over_its_bound_is_an_error)
{
    size_t i = 0;

    for (i = 0; providers[i]; i++) {
        struct model m = good_row(providers[i]->name);
        struct task *t = small_task();
        struct http_request req;
        struct err e = {0};

        http_request_init(&req, 16);
        cr_expect_lt(m.provider->format_request(&m, t, &req, &e), 0);
        cr_expect(strstr(e.msg, "larger than 16 bytes"), "%s", e.msg);
        http_request_done(&req);
        task_free(t);
    }
}

Test(settings, an_answer_over_its_bound_is_a_bad_response)
{
    static const char *const bodies[][2] = {
        {"openai",
         "{\"choices\":[{\"message\":{\"content\":\"hello\"},\"finish_reason\":\"stop\"}]}"},
        {"anthropic",
         "{\"content\":[{\"type\":\"text\",\"text\":\"hello\"}],\"stop_reason\":\"end_turn\"}"},
        {"azure",
         "{\"choices\":[{\"message\":{\"content\":\"hello\"},\"finish_reason\":\"stop\"}]}"},
        {"mistral",
         "{\"choices\":[{\"message\":{\"content\":\"hello\"},\"finish_reason\":\"stop\"}]}"},
        {"cohere",
         "{\"message\":{\"content\":[{\"text\":\"hello\"}]},\"finish_reason\":\"COMPLETE\"}"},
        {"bedrock",
         "{\"output\":{\"message\":{\"content\":[{\"text\":\"hello\"}]}},\"stopReason\":\"x\"}"},
        {"ollama_chat", "{\"message\":{\"content\":\"hello\"},\"done\":true}"},
        {"gemini", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hello\"}]}}]}"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(bodies); i++) {
        struct model m = good_row(bodies[i][0]);
        struct task *t = small_task();
        struct http_response rsp;
        struct answer ans;

        http_response_init(&rsp, 16, 4096);
        rsp.end = HTTP_DONE;
        rsp.status = 200;
        buf_str(&rsp.body, bodies[i][1]);
        answer_init(&ans, 150);
        m.provider->parse_response(&m, t, &rsp, &ans);
        cr_expect_eq(ans.class, CLASS_BAD_RESPONSE);
        cr_expect_str_eq(ans.code, "response_too_large");
        answer_done(&ans);
        http_response_done(&rsp);
        task_free(t);
    }
}

Test(settings, what_was_dropped_belongs_to_the_last_route)
{
    struct model strict = good_row("anthropic");
    struct model easy = good_row("openai");
    struct task *t = small_task();
    struct http_request req;
    int i = 0;

    json_object_object_add(t->body, "seed", json_object_new_int(1));
    strict.drop_params = true;
    for (i = 0; i < 2; i++) { /* twice: no name stands twice */
        http_request_init(&req, 4096);
        cr_expect_eq(strict.provider->format_request(&strict, t, &req, NULL), 0);
        cr_expect_str_eq(t->dropped, "[\"seed\"]");
        http_request_done(&req);
    }
    http_request_init(&req, 4096);
    cr_expect_eq(easy.provider->format_request(&easy, t, &req, NULL), 0);
    cr_expect_null(t->dropped);
    http_request_done(&req);
    task_free(t);
}
