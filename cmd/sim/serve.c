/*
 * serve: routes a request, asks the state what is to happen, and builds the reply; see serve.h. It
 * moves no bytes and waits for nothing: delays and broken connections are conn.c's work.
 */
#include "cmd/sim/serve.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/sim/hash.h"

struct route {
    bool get;
    const char *path; /* without /v1 */
    int api;          /* enum sim_api, or -1 for our own pages */
    void (*page)(struct sim_state *st, const struct sim_call *c, struct sim_reply *r);
};

static void page_health(struct sim_state *st, const struct sim_call *c, struct sim_reply *r)
{
    (void)st;
    (void)c;
    buf_str(&r->body, "{\"status\":\"ok\"}\n");
}

static void page_stats(struct sim_state *st, const struct sim_call *c, struct sim_reply *r)
{
    const char *query = strchr(c->url, '?');

    sim_state_json(st, c->now_us, query && strstr(query, "digests=1"), &r->body);
}

static void page_reset(struct sim_state *st, const struct sim_call *c, struct sim_reply *r)
{
    sim_state_reset(st, c->now_us);
    buf_str(&r->body, "{\"status\":\"reset\"}\n");
}

static void page_models(struct sim_state *st, const struct sim_call *c, struct sim_reply *r)
{
    const struct sim_setup *s = st->setup;

    (void)c;
    buf_str(&r->body, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < (s->model_count ? s->model_count : 1); i++) {
        const char *name = s->model_count ? s->models[i] : "sim";

        buf_str(&r->body, i ? ",{\"id\":" : "{\"id\":");
        buf_json_str(&r->body, name, strlen(name));
        buf_str(&r->body, ",\"object\":\"model\",\"created\":1767225600,\"owned_by\":\"sluice\"}");
    }
    buf_str(&r->body, "]}\n");
}

static const struct route routes[] = {
    {.path = "/chat/completions", .api = SIM_CHAT},
    {.path = "/embeddings", .api = SIM_EMBEDDINGS},
    {.path = "/messages", .api = SIM_MESSAGES},
    {.get = true, .path = "/models", .api = -1, .page = page_models},
    {.get = true, .path = "/stats", .api = -1, .page = page_stats},
    {.get = true, .path = "/healthz", .api = -1, .page = page_health},
    {.path = "/reset", .api = -1, .page = page_reset},
};

/* *ret_path: the path is known, if not the method. */
static const struct route *find_route(const struct sim_call *c, bool *ret_path)
{
    const char *path = c->url;
    size_t n = 0;

    if (strncmp(path, "/v1/", 4) == 0)
        path += 3;
    n = strcspn(path, "?");
    *ret_path = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strlen(routes[i].path) != n || memcmp(routes[i].path, path, n) != 0)
            continue;
        *ret_path = true;
        if (routes[i].get == c->get)
            return &routes[i];
    }
    return NULL;
}

static void no_route(const struct sim_call *c, bool path, struct sim_reply *r)
{
    struct sim_fail f = {
        .status = path ? 405 : 404, .type = "invalid_request_error", .claude = "not_found_error"};

    if (path)
        snprintf(f.message, sizeof f.message, "this path takes %s", c->get ? "POST" : "GET");
    else
        snprintf(f.message, sizeof f.message,
                 "no such path; there are /v1/chat/completions, /v1/embeddings, /v1/messages, "
                 "/v1/models, /stats, /reset and /healthz");
    sim_reply_fail(r, strstr(c->url, "/messages") ? SIM_MESSAGES : SIM_CHAT, &f);
}

static bool good_key(const struct sim_setup *s, const struct sim_call *c)
{
    return !s->api_key || strcmp(s->api_key, c->key) == 0;
}

static void refuse_key(struct sim_fail *f)
{
    *f = (struct sim_fail){.status = 401,
                           .type = "invalid_request_error",
                           .code = "invalid_api_key",
                           .claude = "authentication_error",
                           .message = "Incorrect API key provided."};
}

static void refuse_model(const char *model, struct sim_fail *f)
{
    *f = (struct sim_fail){.status = 404,
                           .type = "invalid_request_error",
                           .code = "model_not_found",
                           .param = "model",
                           .claude = "not_found_error"};
    snprintf(f->message, sizeof f->message, "model: %.100s does not exist", model);
}

static void limit_headers(const struct sim_setup *s, const struct sim_ask *a,
                          const struct sim_call *c, const struct sim_verdict *v,
                          struct sim_reply *r)
{
    const struct {
        const char *name;
        int64_t limit, left, free_us;
    } rows[] = {{"requests", s->rpm, v->left_requests, v->requests_free_us},
                {"tokens", s->tpm, v->left_tokens, v->tokens_free_us}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char at[40];

        if (!rows[i].limit)
            continue;
        snprintf(at, sizeof at, "%lldms", (long long)((rows[i].free_us + 999) / 1000));
        if (a->api == SIM_MESSAGES)
            clock_format_rfc3339(c->wall_ms + (rows[i].free_us + 999) / 1000, at, sizeof at);
        buf_printf(&r->headers,
                   a->api == SIM_MESSAGES ? "anthropic-ratelimit-%s-limit: %lld\r\n"
                                            "anthropic-ratelimit-%s-remaining: %lld\r\n"
                                            "anthropic-ratelimit-%s-reset: %s\r\n"
                                          : "x-ratelimit-limit-%s: %lld\r\n"
                                            "x-ratelimit-remaining-%s: %lld\r\n"
                                            "x-ratelimit-reset-%s: %s\r\n",
                   rows[i].name, (long long)rows[i].limit, rows[i].name, (long long)rows[i].left,
                   rows[i].name, at);
    }
}

static void answer(struct sim_state *st, const struct sim_call *c, const struct sim_ask *a,
                   struct sim_reply *r, struct sim_ticket *t)
{
    static const char *const limits[] = {"", "requests", "tokens", "concurrent requests"};
    const struct sim_setup *s = st->setup;
    struct sim_verdict v = {0};
    struct rng rng = {0};

    sim_reply_answer(r, s, a, SIM_NONE);
    sim_state_begin(st, a, c->count, a->prompt_tokens + r->output_tokens, c->now_us, &v, t);
    if (v.broken) {
        sim_reply_limited(r, s, a, limits[v.broken], v.limit, v.wait_us, c->wall_ms);
    } else {
        if (v.fault.kind != SIM_NONE)
            sim_reply_fault(r, s, a, &v.fault, c->wall_ms);
        if (r->status == 200)
            limit_headers(s, a, c, &v, r);
        rng.state = sim_hash_fold(sim_hash_fold(s->seed + 1, a->digest), v.attempt);
        r->delay_us = sim_latency_draw_us(&s->latency, &rng);
    }
    t->status = r->status;
}

void sim_serve(struct sim_state *st, struct json_tokener *tok, const struct sim_call *c,
               struct sim_reply *r, struct sim_ticket *ret_ticket)
{
    bool path = false;
    const struct route *route = find_route(c, &path);
    struct sim_ask a = {0};
    struct sim_fail f = {0};

    sim_reply_clear(r);
    *ret_ticket = (struct sim_ticket){0};
    if (!route) {
        no_route(c, path, r);
        return;
    }
    if (route->page) {
        route->page(st, c, r);
        return;
    }
    if (!good_key(st->setup, c))
        refuse_key(&f);
    else if (sim_ask_read(&a, (enum sim_api)route->api, c->body, c->body_len, tok, &f) == 0 &&
             !sim_setup_has_model(st->setup, a.model))
        refuse_model(a.model, &f);
    if (f.status) {
        sim_reply_fail(r, (enum sim_api)route->api, &f);
        sim_state_refused(st, f.status);
    } else {
        answer(st, c, &a, r, ret_ticket);
    }
    sim_ask_done(&a);
}
