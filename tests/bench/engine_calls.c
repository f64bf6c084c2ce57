/*
 * engine_calls: what a call costs in the HTTP engine alone (core/io/http), with nothing of a task around it:
 * processor time of the engine's thread, at a number of calls in flight.
 *
 *     engine_calls URL IN_FLIGHT CALLS [CA-FILE]
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/http.h"
#include "tests/bench/prompt.h"

#define RAMP 8

static struct http *engine;
static long left, ended, bad, number;

static int64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Each call asks something else. */
static void write_body(struct http_call *c)
{
    buf_clear(&c->request.body);
    buf_printf(&c->request.body,
               "{\"model\":\"sim\",\"messages\":[{\"role\":\"user\",\"content\":\"e%ld %s\"}]}",
               number++, bench_text());
}

static void start(struct http_call *c)
{
    write_body(c);
    if (http_start(engine, c) == 0)
        left--;
    else
        bad++;
}

static void on_done(struct http_call *c)
{
    ended++;
    bad += c->response.end != HTTP_DONE || c->response.status != 200;
    http_response_done(&c->response);
    if (left > 0)
        start(c);
}

static void make_call(struct http_call *c, const char *url, const char *ca_file)
{
    *c = (struct http_call){.tls_verify = true, .ca_file = ca_file, .done = on_done};
    http_request_init(&c->request, 4096);
    http_request_header(&c->request, "Content-Type", "application/json");
    http_request_header(&c->request, "Authorization", "Bearer none");
    c->request.url = mem_strdup(url);
    c->request.timeout_ms = 60000;
    c->request.connect_timeout_ms = 60000;
}

static void run(struct http_call *c, int n, long calls)
{
    int i = 0;

    ended = 0;
    left = calls;
    for (i = 0; i < n && left > 0; i++)
        start(&c[i]);
    while (http_running(engine) > 0)
        http_run(engine, 1000, NULL);
}

static void measure(struct http_call *c, int n, long calls)
{
    int64_t cpu, wall;

    for (int i = 1; i <= RAMP; i++)
        run(c, n * i / RAMP, n * i / RAMP); /* opens the connections, not all at once */
    cpu = cpu_us();
    wall = clock_mono_us();
    run(c, n, calls);
    cpu = cpu_us() - cpu;
    wall = clock_mono_us() - wall;
    printf("calls=%ld cpu_us=%.2f per_s=%.0f bad=%ld\n", ended, (double)cpu / (double)ended,
           (double)ended * 1e6 / (double)wall, bad);
}

int main(int argc, char **argv)
{
    int n = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    struct http_conf conf = {.max_calls = n, .response_max = 100000, .headers_max = 4096};
    struct http_call *c;
    int i = 0;

    if (argc < 4 || n <= 0) {
        fprintf(stderr, "usage: engine_calls URL IN_FLIGHT CALLS [CA-FILE]\n");
        return EX_USAGE;
    }
    if (http_global_init(NULL) < 0)
        return EX_UNAVAILABLE;
    number = getpid() * 1000000L;
    engine = http_new(&conf, NULL);
    c = mem_array((size_t)n, sizeof *c);
    for (i = 0; i < n; i++)
        make_call(&c[i], argv[1], argc > 4 ? argv[4] : NULL);
    measure(c, n, strtol(argv[3], NULL, 10));
    http_free(engine);
    for (i = 0; i < n; i++)
        http_request_done(&c[i].request);
    free(c);
    http_global_done();
    return bad ? 1 : 0;
}
