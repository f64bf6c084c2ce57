/*
 * race_http: the HTTP engine under the thread sanitizer: two engines on two threads, one more
 * thread that wakes both all the time, one server. A plain program, since Criterion forks. Exits
 * 0 when every call ended as it should; races are the sanitizer's to report.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/http.h"
#include "tests/lib/fake_http.h"

#define ENGINES  2
#define INFLIGHT 100
#define TOTAL    2000

static const struct fake_script scripts[] = {
    {.path = "/ok", .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
    {.path = "/cut",
     .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
     .then = FAKE_CLOSE},
    {.path = "/stall", .then = FAKE_STALL},
    {.path = NULL},
};

struct engine {
    struct http *http;
    pthread_t thread;
    int port;
    int started;
    int ended;
    int wrong;
    struct http_call call[INFLIGHT];
};

static atomic_bool over;

static enum http_end expected(const char *url)
{
    return strstr(url, "/cut") ? HTTP_CUT : strstr(url, "/stall") ? HTTP_CANCELLED : HTTP_DONE;
}

static void start(struct engine *g, struct http_call *c);

static void on_done(struct http_call *c)
{
    struct engine *g = c->arg;

    g->ended++;
    if (c->response.end != expected(c->request.url))
        g->wrong++;
    http_request_done(&c->request);
    http_response_done(&c->response);
    if (g->started < TOTAL)
        start(g, c);
}

static void start(struct engine *g, struct http_call *c)
{
    static const char *const paths[] = {"/ok", "/ok", "/ok", "/ok", "/cut", "/ok", "/stall"};
    const char *path = paths[g->started % (int)ARRAY_LEN(paths)];
    char url[64];

    *c = (struct http_call){.tls_verify = true, .done = on_done, .arg = g};
    http_request_init(&c->request, 100);
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", g->port, path);
    c->request.url = mem_strdup(url);
    c->request.timeout_ms = 60000;
    c->request.connect_timeout_ms = 60000;
    buf_str(&c->request.body, "{}");
    g->started++;
    if (http_start(g->http, c) != 0)
        g->wrong++;
    else if (strcmp(path, "/stall") == 0)
        http_cancel(g->http, c);
}

static void *run_engine(void *arg)
{
    struct engine *g = arg;
    struct err e = {0};
    int i = 0;

    for (i = 0; i < INFLIGHT; i++)
        start(g, &g->call[i]);
    while (g->ended < TOTAL && g->wrong == 0) {
        if (http_run(g->http, 1000, &e) < 0)
            g->wrong++;
    }
    return NULL;
}

static void *wake_all(void *arg)
{
    struct engine *g = arg;
    int i = 0;

    while (!atomic_load(&over)) {
        for (i = 0; i < ENGINES; i++)
            http_wake(g[i].http);
        poll(NULL, 0, 1);
    }
    return NULL;
}

int main(void)
{
    static struct engine g[ENGINES];
    struct http_conf conf = {.max_calls = INFLIGHT, .response_max = 1000, .headers_max = 1000};
    struct fake_http *server = NULL;
    pthread_t waker;
    int wrong = 0;
    int i = 0;

    if (http_global_init(NULL) < 0)
        return 1;
    server = fake_http_new(scripts);
    for (i = 0; i < ENGINES; i++) {
        g[i].http = http_new(&conf, NULL);
        g[i].port = fake_http_port(server);
    }
    pthread_create(&waker, NULL, wake_all, g);
    for (i = 0; i < ENGINES; i++)
        pthread_create(&g[i].thread, NULL, run_engine, &g[i]);
    for (i = 0; i < ENGINES; i++)
        pthread_join(g[i].thread, NULL);
    atomic_store(&over, true);
    pthread_join(waker, NULL);
    for (i = 0; i < ENGINES; i++) {
        http_free(g[i].http);
        wrong += g[i].wrong + (g[i].ended != TOTAL);
        printf("engine %d: %d calls, %d wrong\n", i, g[i].ended, g[i].wrong);
    }
    fake_http_free(server);
    http_global_done();
    return wrong ? 1 : 0;
}
