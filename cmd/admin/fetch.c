/* fetch: see fetch.h. One request at a time, on the caller's thread. */
#include "cmd/admin/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/http.h"
#include "task/listen.h"

#define HEADERS_MAX 16384
#define TOKEN_MAX   16384

static int url_of(const char *listen, char ret[FETCH_URL_MAX], struct err *e)
{
    const char *host = NULL;
    struct listen_at at;

    if (!*listen)
        return err_set(e, EX_CONFIG, "observability.listen is not set: set it, or give --url");
    if (listen_parse(listen, &at, e) < 0)
        return err_wrap(e, "observability.listen");
    if (at.port == 0)
        return err_set(
            e, EX_CONFIG,
            "observability.listen leaves the port open: give --url with the one that the "
            "worker's log names");
    host = !at.any ? at.host : at.v6 ? "::1" : "127.0.0.1";
    snprintf(ret, FETCH_URL_MAX, at.v6 ? "http://[%s]:%u" : "http://%s:%u", host,
             (unsigned)at.port);
    return 0;
}

int fetch_url(const char *url, const struct config_options *o, char ret[FETCH_URL_MAX],
              struct err *e)
{
    const char *path = o->config;
    struct config *c = NULL;
    size_t n = url ? strlen(url) : 0;
    int bad = 0;

    if (url) {
        while (n > 0 && url[n - 1] == '/')
            n--;
        if (n >= FETCH_URL_MAX || !((n > 7 && strncmp(url, "http://", 7) == 0) ||
                                    (n > 8 && strncmp(url, "https://", 8) == 0)))
            return err_set(e, EX_USAGE, "--url: write it as http://127.0.0.1:%d",
                           LISTEN_PORT_DEFAULT);
        snprintf(ret, FETCH_URL_MAX, "%.*s", (int)n, url);
        return 0;
    }
    if (!path && access("sluice.yaml", F_OK) == 0)
        path = "sluice.yaml";
    if (config_load(path, environ, o->set.at, o->set.count, &c, e) < 0)
        return -1;
    bad = url_of(c->observability.listen, ret, e);
    config_free(c);
    return bad;
}

struct question {
    struct http_call call;
    bool answered;
};

static void mark_answered(struct http_call *call)
{
    CONTAINER_OF(call, struct question, call)->answered = true;
}

static int ask(struct http *h, struct question *q, struct err *e)
{
    int bad = 0;

    q->call.done = mark_answered;
    if (http_start(h, &q->call) == 0) {
        while (!q->answered && bad == 0)
            bad = http_run(h, 100, e);
    }
    if (bad == 0 && q->call.response.end != HTTP_DONE)
        bad = err_set(e, EX_UNAVAILABLE, "%s: %s", q->call.request.url, q->call.response.detail);
    return bad;
}

static void set_request(struct http_request *r, const char *url, const char *path, bool post,
                        const char *token, int64_t timeout_ms)
{
    size_t n = strlen(url) + strlen(path) + 1;

    http_request_init(r, 0);
    r->url = mem_alloc(n);
    snprintf(r->url, n, "%s%s", url, path);
    r->get = !post;
    if (*token)
        http_request_header(r, "Authorization", "Bearer %s", token);
    r->timeout_ms = timeout_ms;
    r->connect_timeout_ms = timeout_ms;
}

static int request(const char *url, const char *path, bool post, const char *token,
                   int64_t timeout_ms, int *ret_status, struct buf *ret, struct err *e)
{
    const struct http_conf conf = {
        .max_calls = 1, .response_max = ret->max, .headers_max = HEADERS_MAX};
    struct question q = {.call = {.tls_verify = true}};
    const struct http_response *r = &q.call.response;
    struct http *h = http_new(&conf, e);
    int bad = 0;

    if (!h)
        return -1;
    set_request(&q.call.request, url, path, post, token, timeout_ms);
    bad = ask(h, &q, e);
    if (bad == 0) {
        *ret_status = (int)r->status;
        buf_clear(ret);
        buf_append(ret, r->body.data ? r->body.data : "", r->body.len);
    }
    http_free(h);
    http_request_done(&q.call.request);
    http_response_done(&q.call.response);
    return bad;
}

int fetch(const char *url, const char *path, const char *token, int64_t timeout_ms, int *ret_status,
          struct buf *ret, struct err *e)
{
    return request(url, path, false, token, timeout_ms, ret_status, ret, e);
}

int fetch_post(const char *url, const char *path, const char *token, int64_t timeout_ms,
               int *ret_status, struct buf *ret, struct err *e)
{
    return request(url, path, true, token, timeout_ms, ret_status, ret, e);
}

int fetch_status(const char *url, const char *token, int64_t timeout_ms, struct buf *page,
                 struct json_object **ret, struct err *e)
{
    int status = 0;

    if (fetch(url, "/status", token, timeout_ms, &status, page, e) < 0)
        return -1;
    if (status == 401)
        return err_set(e, EX_NOPERM,
                       "%s answers 401: it wants its token; give --token-file FILE, or -c "
                       "with the worker's configuration",
                       url);
    if (status != 200 || json_parse_answer(page->data, page->len, ret) < 0)
        return err_set(e, EX_UNAVAILABLE, "%s answers %d: it is no admin port of a worker", url,
                       status);
    return 0;
}

static int read_token(const char *path, char **ret, struct err *e)
{
    FILE *f = fopen(path, "re");
    char text[TOKEN_MAX + 1] = "";
    bool bad = !f || (!fgets(text, sizeof text, f) && ferror(f));

    if (bad)
        err_set(e, EX_NOINPUT, "the token in %s cannot be read: %s", path, strerror(errno));
    if (f)
        fclose(f);
    if (bad)
        return -1;
    text[strcspn(text, " \t\r\n")] = '\0';
    if (!*text)
        return err_set(e, EX_DATAERR, "%s holds no token in its first line", path);
    *ret = mem_strdup(text);
    return 0;
}

int fetch_token(const char *file, const struct config_options *o, char **ret, struct err *e)
{
    const char *path = o->config;
    struct config *c = NULL;
    int rc = 0;

    if (file)
        return read_token(file, ret, e);
    if (!path && access("sluice.yaml", F_OK) == 0)
        path = "sluice.yaml";
    if (config_load(path, environ, o->set.at, o->set.count, &c, e) < 0)
        return -1;
    if (*c->observability.admin_token_file)
        rc = read_token(c->observability.admin_token_file, ret, e);
    else
        *ret = mem_strdup(c->observability.admin_token);
    config_free(c);
    return rc;
}
