/*
 * serve: routes a request, asks the state what is to happen, and builds the reply; see serve.h. It
 * moves no bytes and waits for nothing: delays and broken connections are conn.c's work.
 */
#include "cmd/sim/serve.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/sim/dialect.h"
#include "cmd/sim/hash.h"

/* A page of our own. */
struct route {
    bool get;
    const char *path; /* without /v1 */
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
    {.get = true, .path = "/models", .page = page_models},
    {.get = true, .path = "/openai/models", .page = page_models},
    {.get = true, .path = "/openai/v1/models", .page = page_models},
    {.get = true, .path = "/stats", .page = page_stats},
    {.get = true, .path = "/healthz", .page = page_health},
    {.path = "/reset", .page = page_reset},
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
    struct sim_fail f = {.error = path ? SIM_NO_METHOD : SIM_NO_PATH};
    struct buf paths = BUF_INIT(sizeof f.message);

    sim_dialect_paths(&paths);
    if (path)
        snprintf(f.message, sizeof f.message, "this path takes %s", c->get ? "POST" : "GET");
    else
        snprintf(f.message, sizeof f.message,
                 "no such path; there are %.*s, /v1/models, /stats, /reset and /healthz",
                 (int)paths.len, paths.data ? paths.data : "");
    buf_done(&paths);
    sim_reply_fail(r, sim_dialect_guess(c->url), &f);
}

static bool good_key(const struct sim_setup *s, const struct sim_call *c)
{
    return !s->api_key || strcmp(s->api_key, c->key) == 0;
}

static void limit_headers(const struct sim_setup *s, const struct sim_ask *a,
                          const struct sim_call *c, const struct sim_verdict *v,
                          struct sim_reply *r)
{
    static const struct {
        enum sim_limit limit;
        const char *what;
    } rows[] = {{SIM_RPM, "requests"},
                {SIM_TPM, "tokens"},
                {SIM_INPUT_TPM, "input-tokens"},
                {SIM_OUTPUT_TPM, "output-tokens"}};

    for (size_t i = 0; a->dialect->pace && i < ARRAY_LEN(rows); i++) {
        enum sim_limit l = rows[i].limit;

        if (s->limit[l])
            a->dialect->pace(r, &(struct sim_pace){rows[i].what, s->limit[l], v->left[l],
                                                   (v->free_us[l] + 999) / 1000, c->wall_ms});
    }
}

static void answer(struct sim_state *st, const struct sim_call *c, const struct sim_ask *a,
                   struct sim_reply *r, struct sim_ticket *t)
{
    static const char *const limits[SIM_LIMITS] = {
        [SIM_RPS] = "requests per second", [SIM_RPM] = "requests",
        [SIM_RPD] = "requests per day",    [SIM_TPM] = "tokens",
        [SIM_INPUT_TPM] = "input tokens",  [SIM_OUTPUT_TPM] = "output tokens",
        [SIM_TPD] = "tokens per day",      [SIM_PARALLEL] = "concurrent requests",
    };
    const struct sim_setup *s = st->setup;
    struct sim_verdict v = {0};
    struct rng rng = {0};

    sim_reply_answer(r, s, a, SIM_NONE);
    sim_state_begin(st, a, c->count, r->output_tokens, c->now_us, &v, t);
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
    char model[SIM_MODEL_MAX];
    bool path = false;
    const struct route *route = find_route(c, &path);
    const struct sim_dialect *d = sim_dialect_find(c->url, model, sizeof model);
    struct sim_ask a = {.url = c->url};
    struct sim_fail f = {0};

    sim_reply_clear(r);
    *ret_ticket = (struct sim_ticket){0};
    if (route) {
        route->page(st, c, r);
        return;
    }
    if (!d || c->get) {
        no_route(c, path || d, r);
        return;
    }
    if (!good_key(st->setup, c)) {
        f = (struct sim_fail){.error = SIM_BAD_KEY, .message = "Incorrect API key provided."};
    } else if (sim_ask_read(&a, d, model, c->body, c->body_len, tok, &f) == 0 &&
               !sim_setup_has_model(st->setup, a.model)) {
        f = (struct sim_fail){.error = SIM_NO_MODEL};
        snprintf(f.message, sizeof f.message, "model: %.100s does not exist", a.model);
    }
    if (f.error) {
        sim_reply_fail(r, d, &f);
        sim_state_refused(st, r->status);
    } else {
        answer(st, c, &a, r, ret_ticket);
    }
    sim_ask_done(&a);
}
