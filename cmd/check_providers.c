/*
 * check_providers: `sluice check --online` asks each provider for its list of models. The provider itself
 * writes the request (so the key goes where it goes in a real call); only the address is changed to that of
 * the list, which costs nothing.
 */
#include "cmd/check.h"

#include <stdbool.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "io/http.h"
#include "task/provider.h"

#define RESPONSE_MAX ((size_t)8 << 20)
#define HEADERS_MAX  ((size_t)64 << 10)
#define REQUEST_MAX  ((size_t)1 << 20)
#define URL_MAX      8192
#define TIMEOUT_MS   15000

static void mark_done(struct http_call *call)
{
    bool *done = call->arg;

    *done = true;
}

/* The smallest task that every dialect can write a request for. */
static struct task *smallest_task(void)
{
    static const char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],"
                               "\"max_completion_tokens\":1}";
    struct task *t = task_new();

    t->op = OP_CHAT;
    t->id = mem_strdup("check");
    if (json_parse(body, sizeof body - 1, &t->body, NULL) < 0)
        return task_free(t);
    return t;
}

/* 0; PROVIDER_LIST_OTHER: the list has other names; or -1. */
static int write_request(const struct model *m, struct http_request *req, struct err *e)
{
    struct task *t = smallest_task();
    struct buf url = BUF_INIT(URL_MAX);
    int r = t ? m->provider->format_request(m, t, req, e) : -1;

    task_free(t);
    if (r < 0)
        return r;
    if (m->provider->models_url)
        r = m->provider->models_url(m, &url);
    else
        buf_printf(&url, "%s/models", m->api_base);
    free(req->url);
    req->url = buf_steal(&url, NULL);
    req->get = true;
    req->timeout_ms = TIMEOUT_MS;
    buf_clear(&req->body);
    return r;
}

/* {"data":[{"id":...}]}: 1 when the model is listed, 0 when not, -1 when there is no list. */
static int is_listed(const struct http_response *rsp, const char *upstream_model)
{
    CLEANUP_JSON struct json_object *o = NULL;
    struct json_object *data = NULL;
    size_t i = 0;

    if (!rsp->body.data || json_parse_answer(rsp->body.data, rsp->body.len, &o) < 0)
        return -1;
    data = json_get_type(o, "data", json_type_array);
    for (i = 0; data && i < json_object_array_length(data); i++) {
        const char *id = json_get_str(json_object_array_get_idx(data, i), "id");

        if (id && strcmp(id, upstream_model) == 0)
            return 1;
    }
    return data ? 0 : -1;
}

static int judge(const struct model *m, const struct http_response *rsp, bool listed, FILE *report)
{
    fprintf(report, "model %s (%s/%s): ", m->model_name, m->provider_name, m->upstream_model);
    if (rsp->end != HTTP_DONE) {
        fprintf(report, "%s cannot be reached: %s\n", m->api_base, rsp->detail);
        return EX_UNAVAILABLE;
    }
    if (rsp->status == 401 || rsp->status == 403) {
        fprintf(report, "the key is refused (%ld)\n", rsp->status);
        return EX_NOPERM;
    }
    if (rsp->status >= 500) {
        fprintf(report, "answers %ld\n", rsp->status);
        return EX_UNAVAILABLE;
    }
    if (rsp->status < 200 || rsp->status > 299) {
        fprintf(report, "answers, but has no list of models (%ld)\n", rsp->status);
        return 0;
    }
    if (listed && is_listed(rsp, m->upstream_model) == 0)
        fputs("answers, but does not list this model\n", report);
    else
        fputs("ok\n", report);
    return 0;
}

static int ask(struct http *h, const struct model *m, FILE *report)
{
    struct http_call call = {.ca_file = m->tls_ca_file, .tls_verify = m->tls_verify};
    struct err e = {0};
    bool done = false;
    int list = 0;
    int rc = 0;

    call.done = mark_done;
    call.arg = &done;
    http_request_init(&call.request, REQUEST_MAX);
    list = write_request(m, &call.request, &e);
    if (list < 0) {
        fprintf(report, "model %s: %s\n", m->model_name, e.msg);
        http_request_done(&call.request);
        return EX_CONFIG;
    }
    if (http_start(h, &call) == 0) {
        while (!done && rc == 0)
            rc = http_run(h, 100, &e);
    }
    if (rc < 0)
        fprintf(report, "model %s: %s\n", m->model_name, e.msg);
    rc = rc < 0 ? EX_SOFTWARE : judge(m, &call.response, list == 0, report);
    http_request_done(&call.request);
    http_response_done(&call.response);
    return rc;
}

int check_providers(const struct config *c, FILE *report)
{
    const struct http_conf conf = {
        .max_calls = 1, .response_max = RESPONSE_MAX, .headers_max = HEADERS_MAX};
    struct http *h = NULL;
    struct err e = {0};
    size_t i = 0;
    int rc = 0;

    if (http_global_init(&e) < 0 || !(h = http_new(&conf, &e))) {
        fprintf(report, "cannot start the HTTP client: %s\n", e.msg);
        return EX_OSERR;
    }
    for (i = 0; i < c->nmodels; i++) {
        int one = ask(h, &c->models[i], report);

        rc = rc ? rc : one;
    }
    http_free(h);
    http_global_done();
    return rc;
}
