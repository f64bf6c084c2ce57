/*
 * spans: the pool's part of a trace. Attributes have the names of OpenTelemetry's conventions for generative models
 * where these have one, sluice.* else. Prompts and answers are written only when the configuration says so; the words
 * of a provider, which may repeat them, never are.
 */
#include "pool/spans.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "policy/sample.h"
#include "task/gen_ai.h"

#define ROUTE_MAX 4096

/* ---- routes ---- */

/* "https://host:port/path": host and port, 443 or 80 when it names none. */
static void put_address(struct buf *out, const char *url)
{
    const char *host = strstr(url, "//") ? strstr(url, "//") + 2 : url;
    size_t n = strcspn(host, "/?#");
    const char *colon = memrchr(host, ':', n);
    const char *bracket = memrchr(host, ']', n);
    bool port = colon && (!bracket || colon > bracket);

    span_text(out, "server.address", host, port ? (size_t)(colon - host) : n);
    span_int(out, "server.port",
             port                               ? strtol(colon + 1, NULL, 10)
             : strncmp(url, "https://", 8) == 0 ? 443
                                                : 80);
}

char **spans_routes(const struct config *c)
{
    char **routes = mem_array(c->nmodels + 1, sizeof *routes);

    for (size_t i = 0; i < c->nmodels; i++) {
        const struct model *m = &c->models[i];
        struct buf b = BUF_INIT(ROUTE_MAX);

        span_str(&b, "gen_ai.provider.name", gen_ai_provider(m));
        span_str(&b, "gen_ai.request.model", m->upstream_model);
        span_str(&b, "sluice.model", m->model_name);
        span_int(&b, "sluice.row", m->index + 1);
        if (m->api_base)
            put_address(&b, m->api_base);
        if (b.over) /* a name of kilobytes */
            buf_clear(&b);
        routes[i] = buf_steal(&b, NULL);
    }
    return routes;
}

void spans_routes_free(char **routes, size_t n)
{
    for (size_t i = 0; routes && i < n; i++)
        free(routes[i]);
    free(routes);
}

/* ---- ids ---- */

int spans_init(struct worker *w, struct err *e)
{
    if (w->pool->traces &&
        getrandom(&w->ids, sizeof w->ids, 0) != (ssize_t)sizeof w->ids) /* ids are the world's */
        return err_set(e, EX_OSERR, "getrandom: %m");
    return 0;
}

static void make_id(struct worker *w, uint8_t *id, size_t n)
{
    uint64_t random = 0;

    for (; n > 0; n -= sizeof random, id += sizeof random) {
        do
            random = rng_u64(&w->ids);
        while (random == 0); /* no id is */
        memcpy(id, &random, sizeof random);
    }
}

/* Another span of t's trace. */
static void make_span(struct worker *w, const struct trace *t, struct trace_context *ret)
{
    memcpy(ret->trace_id, t->task.trace_id, TRACE_ID_LEN);
    make_id(w, ret->span_id, SPAN_ID_LEN);
    ret->flags = TRACE_SAMPLED;
}

/* ---- the task ---- */

static bool read_caller(const struct task *t, struct trace_context *ret)
{
    const struct task_header *h = t->nheaders ? task_header_get(t, "traceparent") : NULL;

    return h && h->value && traceparent_parse(h->value, h->len, ret);
}

void spans_begin(struct worker *w, struct task *t)
{
    struct trace_sink *sink = w->pool->traces;
    const struct task_header *state = NULL;
    struct trace_context caller, own = {.flags = TRACE_SAMPLED};
    bool has_caller = false;

    if (!sink || t->trace_asked)
        return;
    t->trace_asked = true;
    has_caller = read_caller(t, &caller);
    if (!has_caller)
        make_id(w, own.trace_id, TRACE_ID_LEN);
    if (!sample_wanted(has_caller ? &caller : NULL, own.trace_id,
                       w->pool->config->traces.sample_ratio))
        return;
    state = has_caller ? task_header_get(t, "tracestate") : NULL;
    t->trace = trace_new(sink, has_caller ? &caller : NULL, state ? state->value : NULL,
                         state ? state->len : 0);
    if (!has_caller)
        memcpy(t->trace->task.trace_id, own.trace_id, TRACE_ID_LEN);
    t->trace->wall_us = w->now_wall_ms * 1000 - w->now_us;
    make_span(w, t->trace, &t->trace->task);
    make_span(w, t->trace, &t->trace->publish);
}

int64_t spans_clock(const struct task *t)
{
    return t->trace ? clock_mono_us() : 0;
}

void spans_lookup(struct worker *w, struct task *t, int64_t began_us, bool found)
{
    struct trace_lookup l = {.start_us = began_us, .found = found};

    if (!t->trace)
        return;
    make_span(w, t->trace, &l.span);
    l.end_us = clock_mono_us();
    trace_looked_up(t->trace, &l);
}

void spans_share(const struct task *leader, struct task *twin)
{
    if (!twin->trace || !leader->trace || !leader->ntrail)
        return;
    twin->trace->link = leader->trace->call;
    twin->trace->has_link = true;
}

/* ---- calls ---- */

/* A header more than there is room for is left out: the call matters more. */
static void put_headers(struct http_request *r, const char *parent, const char *state, size_t n)
{
    if (http_request_header(r, "traceparent", "%s", parent) == 0 && tracestate_passes(state, n))
        http_request_header(r, "tracestate", "%.*s", (int)n, state);
}

void spans_request(struct worker *w, struct task *t, struct http_request *r)
{
    const struct task_header *state = NULL;
    struct trace_context caller;
    char parent[TRACEPARENT_LEN + 1];

    if (t->trace)
        make_span(w, t->trace, &t->trace->call);
    if (!w->pool->config->traces.send_to_providers)
        return;
    if (t->trace) {
        traceparent_format(&t->trace->call, parent);
        put_headers(r, parent, t->trace->state, t->trace->state ? strlen(t->trace->state) : 0);
    } else if (read_caller(t, &caller)) {
        state = task_header_get(t, "tracestate");
        traceparent_format(&caller, parent);
        put_headers(r, parent, state ? state->value : NULL, state ? state->len : 0);
    }
}

static void put_number(struct buf *out, const char *key, struct json_object *v)
{
    if (json_object_is_type(v, json_type_int))
        span_int(out, key, json_object_get_int64(v));
    else if (json_object_is_type(v, json_type_double))
        span_num(out, key, json_object_get_double(v));
}

static void put_settings(struct buf *out, struct json_object *body)
{
    struct json_object *most = json_get(body, "max_completion_tokens");

    if (!most)
        most = json_get(body, "max_tokens");
    put_number(out, "gen_ai.request.max_tokens", most ? most : json_get(body, "max_output_tokens"));
    put_number(out, "gen_ai.request.temperature", json_get(body, "temperature"));
    put_number(out, "gen_ai.request.top_p", json_get(body, "top_p"));
}

static void put_tokens(struct buf *out, const char *key, int64_t tokens)
{
    if (tokens >= 0)
        span_int(out, key, tokens);
}

static void put_answer(struct buf *out, const struct task *t, const struct answer *ans)
{
    span_str(out, "gen_ai.response.model", ans->model);
    if (t->op != OP_EMBEDDINGS)
        span_list(out, "gen_ai.response.finish_reasons", finish_name(ans->finish));
    put_tokens(out, "gen_ai.usage.input_tokens", ans->usage.input_tokens);
    put_tokens(out, "gen_ai.usage.cache_read.input_tokens", ans->usage.cached_input_tokens);
    put_tokens(out, "gen_ai.usage.output_tokens", ans->usage.output_tokens);
}

static void put_contents(struct buf *out, const struct task *t, const struct answer *ans)
{
    struct buf text = BUF_INIT(TRACE_CONTENT_MAX * 8);

    if (t->op == OP_EMBEDDINGS)
        return;
    gen_ai_input(t->body, &text);
    if (!text.over)
        span_text(out, "gen_ai.input.messages", text.data, text.len);
    buf_clear(&text);
    if (ans->class == CLASS_OK)
        gen_ai_output(ans->body.data, ans->body.len, &text);
    if (!text.over)
        span_text(out, "gen_ai.output.messages", text.data, text.len);
    buf_done(&text);
}

void spans_call(struct worker *w, struct task *t, const struct http_response *rsp,
                const struct answer *ans)
{
    const struct model *m = &w->pool->config->models[t->route];
    const char *error = ans->class == CLASS_OK ? NULL : class_name(ans->class);
    const char *operation = gen_ai_operation(t->op);
    char name[200];
    struct buf *out = NULL;

    if (!t->trace)
        return;
    snprintf(name, sizeof name, "%s %.160s", operation, m->upstream_model);
    out = trace_span(t->trace, &t->trace->call, SPAN_CLIENT, name, w->now_us - rsp->elapsed_us,
                     w->now_us);
    span_str(out, "gen_ai.operation.name", operation);
    span_ready(out, w->pool->span_routes[t->route]);
    put_settings(out, t->body);
    span_int(out, "sluice.attempt", t->ntrail + 1);
    if (rsp->status > 0)
        span_int(out, "http.response.status_code", rsp->status);
    span_str(out, "sluice.request_id", ans->request_id);
    if (error)
        span_str(out, "error.type", error);
    else
        put_answer(out, t, ans);
    if (w->pool->config->traces.contents)
        put_contents(out, t, ans);
    trace_span_end(t->trace, error);
}
