/*
 * Each file in tests/fixtures/providers/<dialect>/ is one exchange: a request in OpenAI's form,
 * the HTTP request that must come of it, an HTTP response, and the answer that must come of that.
 * JSON is compared by value. Good bodies are also checked against the members that OpenAI's schema
 * requires. With SLUICE_SAMPLES set to a file name the bodies that were made are also appended there, one
 * a line, for tests/conformance.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/providers.h"

#define ROOT "tests/fixtures/providers/"

/* Features that each dialect shows by an exchange; the file is named after it. One that an API has not is
 * shown by an exchange named refused-<feature>, in which the field is refused. The matrix of the README comes
 * of these names (tests/lib/feature-matrix). */
static const char *const features[] = {
    "text",
    "system",
    "developer",
    "multipart",
    "image-url",
    "image-data",
    "file",
    "audio",
    "tools",
    "tool-results",
    "tool-choice",
    "parallel-tools",
    "json-object",
    "json-schema",
    "stop",
    "seed",
    "n",
    "penalties",
    "logit-bias",
    "logprobs",
    "reasoning",
    "service-tier",
    "prompt-cache",
    "extra-body",
    "usage-cached",
    "refusal",
    "length",
    "drop-params",
    "headers",
    "embeddings",
};

/* A folder that is not called after its dialect, and what its rows have in common. */
static const struct folder {
    const char *name, *dialect, *provider, *mode;
} folders[] = {
    {"openai-responses", "openai", "openai", "responses"},
};

static const struct folder *find_folder(const char *name)
{
    size_t i = 0;

    while (i < ARRAY_LEN(folders) && strcmp(folders[i].name, name) != 0)
        i++;
    return i < ARRAY_LEN(folders) ? &folders[i] : NULL;
}

static const struct provider *find_provider(const char *name)
{
    size_t i = 0;

    for (i = 0; providers[i]; i++) {
        if (strcmp(providers[i]->name, name) == 0)
            return providers[i];
    }
    return NULL;
}

static const struct vendor *find_vendor(const char *name)
{
    size_t i = 0;

    for (i = 0; vendors[i].name; i++) {
        if (strcmp(vendors[i].name, name) == 0)
            return &vendors[i];
    }
    return NULL;
}

static struct json_object *read_json(const char *path)
{
    struct json_object *o = json_object_from_file(path);

    cr_assert(o, "%s: %s", path, json_util_get_last_err());
    return o;
}

/* The settings of the row; strings point into o. */
static struct model make_model(struct json_object *o, const char *folder, struct property *headers)
{
    const struct folder *f = find_folder(folder);
    const char *dialect = f ? f->dialect : folder;
    const char *usual = f ? f->provider : dialect;
    const char *provider = json_get_str(o, "provider") ? json_get_str(o, "provider") : usual;
    const char *mode = json_get_str(o, "mode");
    struct model m = {
        .model_name = (char *)"fast",
        .provider_name = (char *)provider,
        .mode = (char *)(mode || !f ? mode : f->mode),
        .upstream_model = (char *)json_get_str(o, "upstream"),
        .vendor = find_vendor(provider),
        .api_base = (char *)json_get_str(o, "api_base"),
        .api_key = (char *)(json_get_str(o, "api_key") ? json_get_str(o, "api_key") : "sk-test-1"),
        .extra_body = (char *)json_get_str(o, "extra_body"),
        .api_version = (char *)json_get_str(o, "api_version"),
        .digest_header = (char *)json_get_str(o, "digest_header"),
        .aws_access_key_id = (char *)json_get_str(o, "aws_access_key_id"),
        .aws_secret_access_key = (char *)json_get_str(o, "aws_secret_access_key"),
        .aws_session_token = (char *)json_get_str(o, "aws_session_token"),
        .aws_region_name = (char *)json_get_str(o, "aws_region_name"),
        .drop_params = json_get_bool(o, "drop_params", false),
        .max_input_tokens = json_get_int(o, "max_input_tokens", 0),
        .max_output_tokens = json_get_int(o, "max_output_tokens", 0),
        .timeout_ms = 60000,
        .connect_timeout_ms = 5000,
        .extra_headers = {.at = headers},
    };

    m.provider = find_provider(dialect);
    if (!m.upstream_model)
        m.upstream_model = (char *)"model-x";
    if (!m.api_base)
        m.api_base = (char *)m.vendor->api_base;
    if (json_get(o, "extra_headers")) {
        json_object_object_foreach(json_get(o, "extra_headers"), key, value)
        {
            headers[m.extra_headers.count].name = key;
            headers[m.extra_headers.count++].value = (char *)json_object_get_string(value);
        }
    }
    return m;
}

static struct task *make_task(struct json_object *fixture)
{
    const char *op = json_get_str(fixture, "op");
    struct task *t = task_new();

    t->body = json_object_get(json_get(fixture, "request"));
    t->received_wall_ms = 1700000000123;
    t->has_digest = true;
    memset(t->digest, 0xab, sizeof t->digest);
    if (op && strcmp(op, "embeddings") == 0)
        t->op = OP_EMBEDDINGS;
    if (op && strcmp(op, "responses") == 0)
        t->op = OP_RESPONSES;
    return t;
}

static void same_json(const char *file, const char *what, struct json_object *want,
                      const char *text)
{
    struct json_object *got = NULL;

    cr_assert(text, "%s: no %s", file, what);
    cr_assert_eq(json_parse(text, strlen(text), &got, NULL), 0, "%s: %s is no JSON: %s", file, what,
                 text);
    cr_expect(json_object_equal(want, got), "%s: %s\n  want %s\n  got  %s", file, what,
              json_object_to_json_string(want), text);
    json_object_put(got);
}

static const char *header_of(const struct http_request *req, const char *name)
{
    int i = 0;

    for (i = 0; i < req->nheaders; i++) {
        if (strcasecmp(req->headers[i].name, name) == 0)
            return req->headers[i].value;
    }
    return NULL;
}

/* With what the request is to be signed; {}: with nothing. */
static void check_signed(const char *file, struct json_object *want, const struct http_aws *aws)
{
    const char *const got[][2] = {{"key_id", aws->key_id},
                                  {"token", aws->token},
                                  {"region", aws->region},
                                  {"service", aws->service}};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(got); i++) {
        const char *text = json_get_str(want, got[i][0]);

        cr_expect_str_eq(got[i][1] ? got[i][1] : "", text ? text : "", "%s: %s", file, got[i][0]);
    }
}

/* kind: "request", "reply" or "error". */
static void keep_sample(const char *file, const char *url, const struct model *m,
                        const struct task *t, const char *kind, const struct buf *body)
{
    static const char *const ops[] = {
        [OP_CHAT] = "chat", [OP_EMBEDDINGS] = "embeddings", [OP_RESPONSES] = "responses"};
    const char *path = getenv("SLUICE_SAMPLES");
    FILE *f = path && body->len ? fopen(path, "a") : NULL;

    if (!f)
        return;
    fprintf(f,
            "{\"file\":\"%s\",\"dialect\":\"%s\",\"op\":\"%s\",\"url\":\"%s\",\"kind\":\"%s\","
            "\"body\":%.*s}\n",
            file, m->provider->name, ops[t->op], url, kind, (int)body->len, body->data);
    fclose(f);
}

static void check_sent(const char *file, struct json_object *sent, const struct http_request *req)
{
    if (json_get_str(sent, "url"))
        cr_expect_str_eq(req->url, json_get_str(sent, "url"), "%s: url %s", file, req->url);
    if (json_get(sent, "headers")) {
        json_object_object_foreach(json_get(sent, "headers"), name, value)
        {
            const char *got = header_of(req, name);

            if (!value) {
                cr_expect(!got, "%s: header %s should not be sent", file, name);
                continue;
            }
            cr_expect(got && strcmp(got, json_object_get_string(value)) == 0, "%s: %s: %s", file,
                      name, got ? got : "(absent)");
        }
    }
    if (json_get(sent, "signed"))
        check_signed(file, json_get(sent, "signed"), &req->aws);
    if (json_get(sent, "body"))
        same_json(file, "request body", json_get(sent, "body"), req->body.data);
    cr_expect_eq(req->timeout_ms, 60000);
    cr_expect_eq(req->connect_timeout_ms, 5000);
}

static void check_request(const char *file, struct json_object *fixture, const struct model *m,
                          struct task *t)
{
    struct http_request req;
    struct err e = {0};
    const char *refused = json_get_str(fixture, "refused");
    CLEANUP_FREE char *before = mem_strdup(json_object_to_json_string(t->body));
    int r = 0;

    http_request_init(&req, 1 << 20);
    r = m->provider->format_request(m, t, &req, &e);
    if (refused) {
        cr_expect_lt(r, 0, "%s: should be refused", file);
        cr_expect(strstr(e.msg, refused), "%s: message: %s", file, e.msg);
    } else {
        cr_expect_eq(r, 0, "%s: %s", file, e.msg);
        if (r == 0) {
            check_sent(file, json_get(fixture, "sent"), &req);
            keep_sample(file, req.url, m, t, "request", &req.body);
        }
    }
    if (json_get(fixture, "dropped"))
        same_json(file, "dropped", json_get(fixture, "dropped"), t->dropped);
    else
        cr_expect_null(t->dropped, "%s: dropped %s", file, t->dropped);
    cr_expect_str_eq(json_object_to_json_string(t->body), before, "%s: t->body was changed", file);
    http_request_done(&req);
}

static void make_response(struct json_object *o, struct http_response *rsp)
{
    const char *text = json_get_str(o, "text");

    http_response_init(rsp, 1 << 16, 1 << 20);
    rsp->end = HTTP_DONE;
    rsp->status = json_get_int(o, "status", 200);
    if (json_get(o, "headers")) {
        json_object_object_foreach(json_get(o, "headers"), name, value)
        {
            buf_printf(&rsp->headers, "%s: %s\n", name, json_object_get_string(value));
        }
    }
    if (text)
        buf_str(&rsp->body, text);
    else if (json_get(o, "body"))
        buf_str(&rsp->body, json_object_to_json_string(json_get(o, "body")));
}

/* Members that OpenAI's schema requires in a chat.completion. */
static void check_completion(const char *file, const char *text)
{
    struct json_object *o = NULL;
    struct json_object *choices = NULL;
    size_t i = 0;

    cr_assert_eq(json_parse(text, strlen(text), &o, NULL), 0);
    cr_expect_str_eq(json_get_str(o, "object"), "chat.completion");
    cr_expect(json_get_str(o, "id") && json_get_str(o, "model"), "%s: id, model", file);
    cr_expect_geq(json_get_int(o, "created", -1), 0, "%s: created", file);
    choices = json_get_type(o, "choices", json_type_array);
    cr_assert(choices && json_object_array_length(choices) > 0, "%s: choices", file);
    for (i = 0; i < json_object_array_length(choices); i++) {
        struct json_object *c = json_object_array_get_idx(choices, i);
        struct json_object *message = json_get_type(c, "message", json_type_object);

        cr_expect(json_object_object_get_ex(c, "logprobs", NULL), "%s: logprobs", file);
        cr_expect(json_object_object_get_ex(message, "content", NULL), "%s: content", file);
        cr_expect(json_object_object_get_ex(message, "refusal", NULL), "%s: refusal", file);
        cr_expect_str_eq(json_get_str(message, "role"), "assistant", "%s: role", file);
        cr_expect(json_get_str(c, "finish_reason"), "%s: finish_reason", file);
        cr_expect_geq(json_get_int(c, "index", -1), 0, "%s: index", file);
    }
    if (json_get(o, "usage"))
        cr_expect_geq(json_get_int(json_get(o, "usage"), "total_tokens", -1), 0, "%s", file);
    json_object_put(o);
}

/* Members that OpenAI's schema requires in a response. */
static void check_response(const char *file, const char *text)
{
    static const char *const members[] = {
        "id",
        "object",
        "created_at",
        "error",
        "incomplete_details",
        "model",
        "instructions",
        "metadata",
        "output",
        "status",
        "tools",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "tool_choice",
    };
    struct json_object *o = NULL;
    size_t i = 0;

    cr_assert_eq(json_parse(text, strlen(text), &o, NULL), 0);
    for (i = 0; i < ARRAY_LEN(members); i++)
        cr_expect(json_object_object_get_ex(o, members[i], NULL), "%s: %s", file, members[i]);
    cr_expect_str_eq(json_get_str(o, "object"), "response", "%s", file);
    cr_expect(json_get_type(o, "output", json_type_array), "%s: output", file);
    cr_expect(json_get_type(o, "tools", json_type_array), "%s: tools", file);
    json_object_put(o);
}

static void check_usage(const char *file, struct json_object *want, const struct usage *u)
{
    cr_expect_eq(u->input_tokens, json_get_int(want, "input", -1), "%s: input", file);
    cr_expect_eq(u->cached_input_tokens, json_get_int(want, "cached", -1), "%s: cached", file);
    cr_expect_eq(u->cache_write_tokens, json_get_int(want, "cache_write", -1), "%s: write", file);
    cr_expect_eq(u->output_tokens, json_get_int(want, "output", -1), "%s: output", file);
    cr_expect_eq(u->reasoning_tokens, json_get_int(want, "reasoning", -1), "%s: reasoning", file);
}

static void check_text(const char *file, struct json_object *want, const char *key, const char *got)
{
    if (json_get_str(want, key))
        cr_expect_str_eq(got, json_get_str(want, key), "%s: %s: %s", file, key, got);
}

static void check_answer(const char *file, struct json_object *want, const struct task *t,
                         const struct answer *ans)
{
    cr_expect_str_eq(class_name(ans->class), json_get_str(want, "class"), "%s: class %s (%s: %s)",
                     file, class_name(ans->class), ans->code, ans->message);
    check_text(file, want, "code", ans->code);
    check_text(file, want, "message", ans->message);
    check_text(file, want, "model", ans->model);
    check_text(file, want, "request_id", ans->request_id);
    cr_expect_eq(ans->retry_after_ms, json_get_int(want, "retry_after_ms", -1), "%s: wait", file);
    if (json_get(want, "usage"))
        check_usage(file, json_get(want, "usage"), &ans->usage);
    if (json_get(want, "body"))
        same_json(file, "answer body", json_get(want, "body"), ans->body.data);
    if (ans->class != CLASS_OK)
        return;
    cr_expect_str_eq(finish_name(ans->finish), json_get_str(want, "finish"), "%s: finish %s", file,
                     finish_name(ans->finish));
    if (t->op == OP_CHAT)
        check_completion(file, ans->body.data);
    if (t->op == OP_RESPONSES)
        check_response(file, ans->body.data);
}

static void run_fixture(const char *dialect, const char *file)
{
    struct property headers[8] = {0};
    struct http_response rsp;
    struct answer ans;
    struct model m = {0};
    struct task *t = NULL;
    struct json_object *fixture = NULL;
    char path[300];

    snprintf(path, sizeof path, ROOT "%s/%s", dialect, file);
    fixture = read_json(path);
    m = make_model(json_get(fixture, "model"), dialect, headers);
    t = make_task(fixture);
    check_request(path, fixture, &m, t);
    if (json_get(fixture, "response")) {
        make_response(json_get(fixture, "response"), &rsp);
        answer_init(&ans, 1 << 20);
        m.provider->parse_response(&m, t, &rsp, &ans);
        check_answer(path, json_get(fixture, "answer"), t, &ans);
        cr_expect(!*m.api_key || !strstr(ans.message, m.api_key), "%s: the key is in the message",
                  path);
        keep_sample(path, "", &m, t, ans.class == CLASS_OK ? "reply" : "error", &ans.body);
        answer_done(&ans);
        http_response_done(&rsp);
    }
    task_free(t);
    json_object_put(fixture);
}

static bool is_shown(const char *dialect, const char *prefix, const char *feature)
{
    char path[300];

    snprintf(path, sizeof path, ROOT "%s/%s%s.json", dialect, prefix, feature);
    return access(path, R_OK) == 0;
}

static void run_all(const char *dialect)
{
    char path[300];
    DIR *dir = NULL;
    struct dirent *entry = NULL;

    snprintf(path, sizeof path, ROOT "%s", dialect);
    dir = opendir(path);
    cr_assert(dir, "%s: run tests from the root of the project", path);
    while ((entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');

        if (dot && strcmp(dot, ".json") == 0)
            run_fixture(dialect, entry->d_name);
    }
    closedir(dir);
}

static void need_feature(const char *dialect, const char *feature)
{
    bool can = is_shown(dialect, "", feature);

    cr_expect(can != is_shown(dialect, "refused-", feature), "%s: %s: shown %s", dialect, feature,
              can ? "twice" : "nowhere");
}

/* A dialect that shows every feature, or that it has it not. */
static void run_whole_dialect(const char *dialect)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(features); i++)
        need_feature(dialect, features[i]);
    run_all(dialect);
}

/* Every folder is a dialect, or a mode of one, and every dialect has a folder: nothing is left out. */
Test(fixtures, all)
{
    DIR *dir = opendir(ROOT);
    struct dirent *entry = NULL;
    size_t i = 0;

    cr_assert(dir, "%s: run tests from the root of the project", ROOT);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.')
            run_whole_dialect(entry->d_name);
    }
    closedir(dir);
    for (i = 0; providers[i]; i++)
        cr_expect(is_shown(providers[i]->name, "", "text"), "%s%s: no exchanges", ROOT,
                  providers[i]->name);
}
