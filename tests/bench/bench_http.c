/*
 * bench_http: CPU of the engine's thread per request at a number in flight, against a server in
 * the same process (whose rate is a thread a connection's, so only the CPU figure means
 * something). Usage: bench_http [in-flight [requests [delay-ms]]]
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/http.h"
#include "tests/lib/fake_http.h"

static struct fake_script scripts[] = {
    {.path = "/v1",
     .answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 63\r\n\r\n"
               "{\"choices\":[{\"message\":{\"content\":\"twelve or so\"}}],\"usage\":{}}"},
    {.path = NULL},
};

static struct http *engine;
static long left;
static long ended;
static long bad;

static int64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void on_done(struct http_call *c)
{
    ended++;
    bad += c->response.end != HTTP_DONE;
    http_response_done(&c->response);
    if (left > 0 && http_start(engine, c) == 0)
        left--;
}

static void make_call(struct http_call *c, const char *url)
{
    char body[1000];

    memset(body, 'x', sizeof body);
    *c = (struct http_call){.tls_verify = true, .done = on_done};
    http_request_init(&c->request, 4096);
    http_request_header(&c->request, "Authorization", "Bearer sk-0123456789abcdef0123456789abcdef");
    c->request.url = mem_strdup(url);
    c->request.timeout_ms = 60000;
    c->request.connect_timeout_ms = 30000;
    buf_append(&c->request.body, body, sizeof body);
}

static void run(struct http_call *c, int n, long requests)
{
    int i = 0;

    ended = 0;
    left = requests - n;
    for (i = 0; i < n; i++)
        http_start(engine, &c[i]);
    while (http_running(engine) > 0)
        http_run(engine, 1000, NULL);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 64;
    long requests = argc > 2 ? strtol(argv[2], NULL, 10) : 50000;
    struct http_conf conf = {.max_calls = n, .response_max = 100000, .headers_max = 4096};
    struct http_call *c = mem_array((size_t)n, sizeof *c);
    struct fake_http *server = NULL;
    char url[64];
    int64_t cpu = 0;
    int64_t wall = 0;
    int i = 0;

    scripts[0].delay_ms = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0;
    if (http_global_init(NULL) < 0)
        return 1;
    server = fake_http_new(scripts);
    engine = http_new(&conf, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", fake_http_port(server));
    for (i = 0; i < n; i++)
        make_call(&c[i], url);
    run(c, n, 2L * n); /* opens the connections */
    cpu = cpu_us();
    wall = clock_mono_us();
    run(c, n, requests);
    cpu = cpu_us() - cpu;
    wall = clock_mono_us() - wall;
    printf("in_flight=%d requests=%ld bad=%ld connections=%d cpu_us_per_request=%.1f rate=%.0f/s\n",
           n, ended, bad, fake_http_connections(server), (double)cpu / (double)ended,
           (double)ended * 1e6 / (double)wall);
    http_free(engine);
    fake_http_free(server);
    for (i = 0; i < n; i++)
        http_request_done(&c[i].request);
    free(c);
    http_global_done();
    return bad ? 1 : 0;
}
