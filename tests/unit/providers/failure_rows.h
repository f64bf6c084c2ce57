/*
 * failure_rows: an error body of a provider and what must come of it, checked through the provider's own
 * entry, so that reading, classifying and rewriting are tested together.
 */
#ifndef SLUICE_TESTS_FAILURE_ROWS_H
#define SLUICE_TESTS_FAILURE_ROWS_H

#include <string.h>

#include <criterion/criterion.h>

#include "base/json.h"
#include "task/provider.h"

#define KEY   "sk-proj-SECRETSECRET"
#define TOKEN "IQoJSECRETtoken=="

/* A body in OpenAI's shape. */
#define OAI(message, type, code)                                                                   \
    "{\"error\":{\"message\":\"" message "\",\"type\":\"" type "\",\"param\":null,\"code\":" code  \
    "}}"

struct row {
    long status;
    const char *body;
    enum error_class class;
    const char *code;    /* NULL: not looked at */
    int64_t retry_ms;    /* 0: none */
    const char *headers; /* or NULL */
};

static const struct model model = {
    .model_name = (char *)"fast",
    .provider_name = (char *)"openai",
    .upstream_model = (char *)"model-x",
    .api_base = (char *)"http://127.0.0.1:1/v1",
    .api_key = (char *)KEY,
    .aws_session_token = (char *)TOKEN,
};

static inline void respond(const struct provider *p, const struct row *r, struct answer *ans)
{
    struct task *t = task_new();
    struct http_response rsp;

    http_response_init(&rsp, 4096, 1 << 20);
    rsp.end = HTTP_DONE;
    rsp.status = r->status;
    buf_str(&rsp.headers, r->headers ? r->headers : "");
    buf_str(&rsp.body, r->body);
    t->body = json_object_new_object();
    answer_init(ans, 1 << 20);
    p->parse_response(&model, t, &rsp, ans);
    http_response_done(&rsp);
    task_free(t);
}

/* {"error":{"message":string,"type":string,"param":null|string,"code":null|string}} */
static inline void check_error_body(const char *text, size_t row)
{
    struct json_object *o = NULL;
    struct json_object *error = NULL;

    cr_assert(text && json_parse(text, strlen(text), &o, NULL) == 0, "row %zu: body %s", row, text);
    error = json_get(o, "error");
    cr_expect(json_get_str(error, "message") && *json_get_str(error, "message"), "row %zu", row);
    cr_expect(json_get_str(error, "type"), "row %zu: type", row);
    cr_expect(json_object_object_get_ex(error, "param", NULL), "row %zu: param", row);
    cr_expect(json_object_object_get_ex(error, "code", NULL), "row %zu: code", row);
    cr_expect(!strstr(text, "SECRET"), "row %zu: key in body", row);
    json_object_put(o);
}

static inline void check_rows(const struct provider *p, const struct row *rows, size_t n)
{
    size_t i = 0;

    for (i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        struct answer ans;

        respond(p, r, &ans);
        cr_expect_eq(ans.class, r->class, "%s row %zu (%ld %s): %s, want %s", p->name, i, r->status,
                     r->body, class_name(ans.class), class_name(r->class));
        cr_expect_eq(ans.retry_after_ms, r->retry_ms ? r->retry_ms : -1, "%s row %zu: wait %lld",
                     p->name, i, (long long)ans.retry_after_ms);
        if (r->code)
            cr_expect_str_eq(ans.code, r->code, "%s row %zu: code %s", p->name, i, ans.code);
        cr_expect(!strstr(ans.message, "SECRET"), "row %zu: key in message", i);
        check_error_body(ans.body.data, i);
        answer_done(&ans);
    }
}

#endif
